/* SPDX-License-Identifier: MIT */
/* MISP's JSON: events with attributes and objects; source: its core format (draft-dulaunoy-misp-core-format). */

#include "center/intel/feed_format_internal.h"

/* The event around an attribute. */
struct event {
    char place[40]; /* "response[2].Event." or "" */
    struct vd_str info;
    enum vd_tlp tlp;
};

/* The strictest TLP among tags. */
static enum vd_tlp tags_tlp(const json_t *owner)
{
    enum vd_tlp strictest = VD_TLP_NONE;
    size_t i;
    json_t *tag;

    json_array_foreach(json_object_get(owner, "Tag"), i, tag)
    {
        const struct vd_str name = vd_format_member(tag, "name");

        if (name.length > 4 && (name.data[0] == 't' || name.data[0] == 'T')) {
            const enum vd_tlp tlp = vd_format_tlp(name);

            strictest = tlp > strictest ? tlp : strictest;
        }
    }
    return strictest;
}

/* Flags are true, 1, "1" or "true". */
static bool flag(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    const struct vd_str text = vd_format_member(object, name);

    return json_is_true(value) || json_integer_value(value) == 1 || vd_str_equal_text(text, "1") ||
        vd_str_equal_text(text, "true");
}

/* The address in an attribute's value; false: it is of a type without one. */
static bool find_address(const json_t *attribute, struct vd_str *address)
{
    const struct vd_str type = vd_format_member(attribute, "type");
    struct vd_str rest = vd_format_member(attribute, "value");
    const struct vd_str first = vd_format_cut(&rest, '|');

    if (vd_str_equal_text(type, "ip-src") || vd_str_equal_text(type, "ip-dst") ||
        vd_str_equal_text(type, "ip-src|port") || vd_str_equal_text(type, "ip-dst|port")) {
        *address = vd_format_trim(first);
        return true;
    }
    if (vd_str_equal_text(type, "domain|ip")) {
        *address = vd_format_trim(rest);
        return true;
    }
    return false;
}

/* When MISP last heard of it: last_seen, or else its timestamp. */
static bool read_times(const json_t *attribute, struct vd_format_entry *entry)
{
    return vd_format_member_time(attribute, "timestamp", &entry->seen_ms) &&
        vd_format_member_time(attribute, "last_seen", &entry->seen_ms) &&
        vd_format_member_time(attribute, "first_seen", &entry->valid_from_ms);
}

static int read_attribute(struct vd_format_run *run, const struct event *event,
    const json_t *attribute, const char *place)
{
    struct vd_format_entry entry = {
        .at.place = place,
        .description = vd_format_member(attribute, "comment"),
        .confidence = VD_CONFIDENCE_UNKNOWN,
    };
    enum vd_tlp tlp;

    if (!find_address(attribute, &entry.address) || !flag(attribute, "to_ids") ||
        flag(attribute, "deleted")) {
        vd_format_ignore(run);
        return VD_OK;
    }
    if (!read_times(attribute, &entry)) {
        vd_format_refuse(run, entry.at, "timestamp, first_seen or last_seen is not a time");
        return VD_OK;
    }
    if (entry.description.length == 0) {
        entry.description = event->info;
    }
    tlp = tags_tlp(attribute);
    entry.tlp = (uint8_t)(tlp != VD_TLP_NONE ? tlp : event->tlp);
    return vd_format_entry_give(run, &entry);
}

static int read_attributes(struct vd_format_run *run, const struct event *event,
    const json_t *attributes, const char *owner)
{
    int error = VD_OK;
    size_t i;
    json_t *attribute;

    json_array_foreach(attributes, i, attribute)
    {
        char place[96];

        snprintf(place, sizeof place, "%s%sAttribute[%zu]", event->place, owner, i);
        error = read_attribute(run, event, attribute, place);
        if (error != VD_OK) {
            break;
        }
    }
    return error;
}

static int read_event(struct vd_format_run *run, const json_t *json, const char *place)
{
    struct event event = {.info = vd_format_member(json, "info"), .tlp = tags_tlp(json)};
    int error;
    size_t i;
    json_t *object;

    snprintf(event.place, sizeof event.place, "%s", place);
    error = read_attributes(run, &event, json_object_get(json, "Attribute"), "");
    json_array_foreach(json_object_get(json, "Object"), i, object)
    {
        char owner[32];

        if (error != VD_OK) {
            break;
        }
        snprintf(owner, sizeof owner, "Object[%zu].", i);
        if (!flag(object, "deleted")) {
            error = read_attributes(run, &event, json_object_get(object, "Attribute"), owner);
        }
    }
    return error;
}

static bool is_event(const json_t *json)
{
    return json_is_array(json_object_get(json, "Attribute")) ||
        json_is_array(json_object_get(json, "Object"));
}

/* An event, or what holds one. *found: it was. */
static int read_holder(
    struct vd_format_run *run, const json_t *json, const char *place, bool *found)
{
    const json_t *inner = json_object_get(json, "Event");
    char inner_place[40];

    *found = true;
    if (json_is_object(inner)) {
        snprintf(inner_place, sizeof inner_place, "%sEvent.", place);
        return read_event(run, inner, inner_place);
    }
    if (is_event(json)) {
        return read_event(run, json, place);
    }
    *found = false;
    return VD_OK;
}

static int read_all(struct vd_format_run *run, const json_t *events)
{
    size_t i;
    json_t *event;

    json_array_foreach(events, i, event)
    {
        char place[40];
        bool found;
        int error;

        snprintf(place, sizeof place, "[%zu].", i);
        error = read_holder(run, event, place, &found);
        if (!found) {
            vd_format_refuse(run, (struct vd_format_at){0, place}, "is no event");
        }
        if (error != VD_OK) {
            return error;
        }
    }
    return VD_OK;
}

int vd_format_misp(struct vd_format_run *run, struct vd_str text)
{
    int error = VD_OK;
    json_t *root = vd_format_json(run, text, &error);
    const json_t *response = json_object_get(root, "response");
    const json_t *events = response != NULL ? response : root;
    bool found = true;

    if (root == NULL) {
        return error;
    }
    if (json_is_array(events)) {
        error = read_all(run, events);
    } else {
        error = read_holder(run, events, "", &found);
    }
    if (!found) {
        error = vd_format_fault(
            run, (struct vd_format_at){0, "Event"}, "there is no event and no list of attributes");
    }
    json_decref(root);
    return error;
}
