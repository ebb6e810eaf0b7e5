/* SPDX-License-Identifier: MIT */
/* Topics and filters of the hub, told apart by their levels. */

#include "hub/topic.h"

#include <inttypes.h>

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
    struct vd_str topic, const char *device_id, const char *module_id, struct vd_str *rest)
{
    struct vd_str device;
    struct vd_str module;

    if (take(&topic, "$iothub/")) {
        if (take(&topic, "methods/res/")) {
            *rest = topic;
            return VD_TOPIC_METHOD_ANSWER;
        }
        if (take(&topic, "twin/GET/")) {
            *rest = topic;
            return VD_TOPIC_TWIN_GET;
        }
        *rest = topic;
        return take(rest, "twin/PATCH/properties/reported/") ? VD_TOPIC_TWIN_PATCH
                                                             : VD_TOPIC_UNKNOWN;
    }
    if (!take_identity(&topic, &device, &module) || !take(&topic, "messages/events/")) {
        return VD_TOPIC_UNKNOWN;
    }
    if (!level_is(device, device_id) || !level_is(module, module_id)) {
        return VD_TOPIC_FOREIGN;
    }
    *rest = topic;
    return VD_TOPIC_TELEMETRY;
}

void vd_topic_write_method(struct vd_buf *out, const char *name, uint64_t rid)
{
    vd_buf_printf(out, "$iothub/methods/POST/%s/?$rid=%" PRIx64, name, rid);
}

void vd_topic_write_desired(struct vd_buf *out, int64_t version)
{
    vd_buf_printf(out, "$iothub/twin/PATCH/properties/desired/?$version=%" PRId64, version);
}

void vd_topic_write_twin_answer(struct vd_buf *out, int status, struct vd_str rid, int64_t version)
{
    vd_buf_printf(out, "$iothub/twin/res/%d/?$rid=%.*s", status, (int)rid.length, rid.data);
    if (version != 0) {
        vd_buf_printf(out, "&$version=%" PRId64, version);
    }
}

void vd_topic_write_devicebound(struct vd_buf *out, const char *device_id, struct vd_str bag)
{
    vd_buf_append_text(out, "devices/");
    if (strpbrk(device_id, "+#") != NULL) {
        vd_url_encode(vd_str_from(device_id), out);
    } else {
        vd_buf_append_text(out, device_id);
    }
    vd_buf_append_text(out, "/messages/devicebound/");
    vd_buf_append(out, bag.data, bag.length);
}

static bool read_status(struct vd_str text, int *status)
{
    const bool is_negative = take(&text, "-");
    int value = 0;

    if (text.length == 0 || text.length > 9) {
        return false;
    }
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        value = value * 10 + (text.data[i] - '0');
    }
    *status = is_negative ? -value : value;
    return true;
}

/* 0 for what is no request id of ours. */
static uint64_t rid_of(struct vd_str text)
{
    uint64_t rid = 0;

    if (text.length > 16) {
        return 0;
    }
    for (size_t i = 0; i < text.length; i++) {
        const char c = text.data[i];

        if (c >= '0' && c <= '9') {
            rid = rid << 4 | (uint64_t)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            rid = rid << 4 | (uint64_t)(c - 'a' + 10);
        } else {
            return 0;
        }
    }
    return rid;
}

/* Takes `?$rid={rid}`, up to a '&'. */
static bool take_rid(struct vd_str *s, struct vd_str *rid)
{
    const char *end;

    if (!take(s, "?$rid=") || s->length == 0) {
        return false;
    }
    end = memchr(s->data, '&', s->length);
    *rid = (struct vd_str){s->data, end != NULL ? (size_t)(end - s->data) : s->length};
    return true;
}

int vd_topic_read_rid(struct vd_str rest, struct vd_str *rid)
{
    struct vd_str read;

    if (!take_rid(&rest, &read) || read.length == 0 || read.length > VD_TOPIC_RID_MAX) {
        return VD_E_INVALID;
    }
    *rid = read;
    return VD_OK;
}

int vd_topic_read_method_answer(struct vd_str rest, int *status, uint64_t *rid)
{
    struct vd_str level;
    struct vd_str read;
    int value;

    if (!take_level(&rest, &level) || !read_status(level, &value) || !take_rid(&rest, &read)) {
        return VD_E_INVALID;
    }
    *status = value;
    *rid = rid_of(read);
    return VD_OK;
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
