/* SPDX-License-Identifier: MIT */
/* Topics and filters of the hub, told apart by their levels. */

#include "hub/topic.h"

#include "lib/url.h"

/* Takes `text` off the front; false leaves *s. */
static bool take(struct vd_str *s, const char *text)
{
    size_t length = strlen(text);

    if (s->length < length || memcmp(s->data, text, length) != 0) {
        return false;
    }
    *s = (struct vd_str){s->data + length, s->length - length};
    return true;
}

/* Takes one level and the slash behind it. */
static bool take_level(struct vd_str *s, struct vd_str *level)
{
    const char *slash = s->length > 0 ? memchr(s->data, '/', s->length) : NULL;
    size_t length;

    if (slash == NULL) {
        return false;
    }
    length = (size_t)(slash - s->data);
    *level = (struct vd_str){s->data, length};
    *s = (struct vd_str){slash + 1, s->length - length - 1};
    return true;
}

static bool level_is(struct vd_str level, const char *id)
{
    return vd_str_equal_text(level, id) || vd_url_equal(level, vd_str_from(id));
}

/* Reads `devices/{id}/` and `modules/{mid}/` if it follows; the rest stays in *s. */
static bool take_identity(struct vd_str *s, struct vd_str *device, struct vd_str *module)
{
    *module = (struct vd_str){"", 0};
    if (!take(s, "devices/") || !take_level(s, device)) {
        return false;
    }
    return !take(s, "modules/") || take_level(s, module);
}

enum vd_topic vd_topic_classify(
    struct vd_str topic, const char *device_id, const char *module_id, struct vd_str *bag)
{
    struct vd_str device;
    struct vd_str module;

    if (take(&topic, "$iothub/")) {
        return take(&topic, "twin/GET/") || take(&topic, "twin/PATCH/properties/reported/") ||
                take(&topic, "methods/res/")
            ? VD_TOPIC_NOT_SERVED
            : VD_TOPIC_UNKNOWN;
    }
    if (!take_identity(&topic, &device, &module) || !take(&topic, "messages/events/")) {
        return VD_TOPIC_UNKNOWN;
    }
    if (!level_is(device, device_id) || !level_is(module, module_id)) {
        return VD_TOPIC_FOREIGN;
    }
    *bag = topic;
    return VD_TOPIC_TELEMETRY;
}

enum vd_filter vd_filter_classify(
    struct vd_str filter, const char *device_id, const char *module_id)
{
    struct vd_str device;
    struct vd_str module;

    if (vd_str_equal_text(filter, "$iothub/methods/POST/#")) {
        return VD_FILTER_METHODS;
    }
    if (vd_str_equal_text(filter, "$iothub/twin/res/#")) {
        return VD_FILTER_TWIN_ANSWERS;
    }
    if (vd_str_equal_text(filter, "$iothub/twin/PATCH/properties/desired/#")) {
        return VD_FILTER_TWIN_DESIRED;
    }
    if (!take_identity(&filter, &device, &module) || !level_is(device, device_id) ||
        !level_is(module, module_id)) {
        return VD_FILTER_UNKNOWN;
    }
    if (module.length == 0 && vd_str_equal_text(filter, "messages/devicebound/#")) {
        return VD_FILTER_DEVICEBOUND;
    }
    return module.length > 0 && vd_str_equal_text(filter, "inputs/#") ? VD_FILTER_INPUTS
                                                                      : VD_FILTER_UNKNOWN;
}
