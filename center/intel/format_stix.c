/* SPDX-License-Identifier: MIT */
/* STIX 2.1 bundles and TAXII 2.1 envelopes: indicators whose pattern an address alone decides. */

#include "center/intel/feed_format_internal.h"

/* The markings that the specifications give ids to: TLP 1 (STIX 2.1, section 7.2.1.4) and the extension for TLP 2.0. */
static const struct {
    const char *id;
    enum vd_tlp tlp;
} standard_markings[] = {
    {"marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9", VD_TLP_CLEAR},
    {"marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da", VD_TLP_GREEN},
    {"marking-definition--f88d31f6-486f-44da-b317-01333bde0b82", VD_TLP_AMBER},
    {"marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed", VD_TLP_RED},
    {"marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487", VD_TLP_CLEAR},
    {"marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb", VD_TLP_GREEN},
    {"marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421", VD_TLP_AMBER},
    {"marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003", VD_TLP_AMBER_STRICT},
    {"marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1", VD_TLP_RED},
};

#define TLP_2_EXTENSION "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"

struct stix {
    struct vd_format_run *run;
    json_t *latest;   /* id of an indicator: index of its latest version */
    json_t *markings; /* id: enum vd_tlp, of the bundle's own */
    struct vd_format_entry entry;
    bool is_used;
    bool is_refused;
    int error; /* of `take` */
};

static enum vd_tlp marking_tlp(const json_t *object)
{
    const json_t *extension =
        json_object_get(json_object_get(object, "extensions"), TLP_2_EXTENSION);
    enum vd_tlp tlp = vd_format_tlp(vd_format_member(extension, "tlp_2_0"));

    return tlp != VD_TLP_NONE
        ? tlp
        : vd_format_tlp(vd_format_member(json_object_get(object, "definition"), "tlp"));
}

/* True if `object` is a later version than the one at `index`; the later one in the text among equals. */
static bool is_later(const json_t *objects, json_int_t index, const json_t *object)
{
    int64_t before = 0;
    int64_t now = 0;

    (void)vd_format_member_time(json_array_get(objects, (size_t)index), "modified", &before);
    (void)vd_format_member_time(object, "modified", &now);
    return now >= before;
}

/* Finds the latest versions and the markings. */
static int survey(struct stix *stix, const json_t *objects)
{
    size_t i;
    json_t *object;

    json_array_foreach(objects, i, object)
    {
        const char *id = json_string_value(json_object_get(object, "id"));
        const struct vd_str type = vd_format_member(object, "type");
        int failed = 0;

        if (id == NULL) {
            continue;
        }
        if (vd_str_equal_text(type, "marking-definition")) {
            failed = json_object_set_new(
                stix->markings, id, json_integer((json_int_t)marking_tlp(object)));
        } else if (vd_str_equal_text(type, "indicator")) {
            const json_t *known = json_object_get(stix->latest, id);

            if (known == NULL || is_later(objects, json_integer_value(known), object)) {
                failed = json_object_set_new(stix->latest, id, json_integer((json_int_t)i));
            }
        }
        if (failed != 0) {
            return VD_E_NOMEM;
        }
    }
    return VD_OK;
}

/* The strictest of an object's markings. */
static enum vd_tlp object_tlp(const struct stix *stix, const json_t *object)
{
    const json_t *references = json_object_get(object, "object_marking_refs");
    enum vd_tlp strictest = VD_TLP_NONE;
    size_t i;
    json_t *reference;

    json_array_foreach(references, i, reference)
    {
        const char *id = json_is_string(reference) ? json_string_value(reference) : "";
        enum vd_tlp tlp = (enum vd_tlp)json_integer_value(json_object_get(stix->markings, id));

        for (size_t k = 0; k < sizeof standard_markings / sizeof standard_markings[0]; k++) {
            tlp = strcmp(id, standard_markings[k].id) == 0 ? standard_markings[k].tlp : tlp;
        }
        strictest = tlp > strictest ? tlp : strictest;
    }
    return strictest;
}

/* "benign" and nothing else: the source says that it is no threat. */
static bool is_benign(const json_t *object)
{
    const json_t *types = json_object_get(object, "indicator_types");
    const char *first = json_string_value(json_array_get(types, 0));

    return json_array_size(types) == 1 && first != NULL && strcmp(first, "benign") == 0;
}

static bool give_value(struct vd_str value, void *context)
{
    struct stix *stix = context;
    bool used = false;

    stix->entry.address = value;
    stix->error = vd_format_give(stix->run, &stix->entry, &used);
    stix->is_used = stix->is_used || used;
    if (stix->error != VD_OK && !used) {
        stix->is_refused = true;
        stix->error = VD_OK;
    }
    return stix->error == VD_OK;
}

/* NULL, or what is wrong with the members. */
static const char *read_members(struct stix *stix, const json_t *object)
{
    const json_t *confidence = json_object_get(object, "confidence");
    struct vd_format_entry *entry = &stix->entry;

    entry->description = vd_format_member(object, "description");
    if (entry->description.length == 0) {
        entry->description = vd_format_member(object, "name");
    }
    entry->confidence = VD_CONFIDENCE_UNKNOWN;
    if (confidence != NULL) {
        const json_int_t value = json_is_integer(confidence) ? json_integer_value(confidence) : -1;

        if (value < 0 || value > VD_CONFIDENCE_MAX) {
            return "confidence is to be 0 to 100";
        }
        entry->confidence = (uint8_t)value;
    }
    if (!vd_format_member_time(object, "valid_from", &entry->valid_from_ms)) {
        return "valid_from is not a time";
    }
    if (!vd_format_member_time(object, "valid_until", &entry->valid_until_ms)) {
        return "valid_until is not a time";
    }
    entry->tlp = (uint8_t)object_tlp(stix, object);
    return NULL;
}

static bool is_superseded(const struct stix *stix, const json_t *object, size_t index)
{
    const char *id = json_string_value(json_object_get(object, "id"));
    const json_t *latest = id != NULL ? json_object_get(stix->latest, id) : NULL;

    return latest != NULL && json_integer_value(latest) != (json_int_t)index;
}

/* Counts the indicator once, however many addresses its pattern names. */
static void count(struct stix *stix)
{
    struct vd_feed_report *report = stix->run->report;

    report->read++;
    report->used += stix->is_used;
    report->refused += !stix->is_used && stix->is_refused;
    report->ignored += !stix->is_used && !stix->is_refused;
}

static int read_indicator(struct stix *stix, const json_t *object, size_t index)
{
    const struct vd_str pattern = vd_format_member(object, "pattern");
    const struct vd_str language = vd_format_member(object, "pattern_type");
    char place[32];
    const char *problem;
    enum vd_stix_pattern kind;

    snprintf(place, sizeof place, "objects[%zu]", index);
    stix->entry = (struct vd_format_entry){.at.place = place};
    stix->is_used = false;
    stix->is_refused = false;
    if (json_is_true(json_object_get(object, "revoked")) || is_superseded(stix, object, index) ||
        is_benign(object) || (language.length > 0 && !vd_str_equal_text(language, "stix"))) {
        vd_format_ignore(stix->run);
        return VD_OK;
    }
    kind = vd_stix_pattern_read(pattern, NULL, NULL);
    if (kind == VD_STIX_OTHER) {
        vd_format_ignore(stix->run);
        return VD_OK;
    }
    problem = kind == VD_STIX_BROKEN ? "pattern cannot be read" : read_members(stix, object);
    if (problem != NULL) {
        vd_format_refuse(stix->run, stix->entry.at, problem);
        return VD_OK;
    }
    (void)vd_stix_pattern_read(pattern, give_value, stix);
    count(stix);
    return stix->error;
}

static int read_objects(struct stix *stix, const json_t *objects)
{
    int error = survey(stix, objects);
    size_t i;
    json_t *object;

    json_array_foreach(objects, i, object)
    {
        if (error != VD_OK) {
            break;
        }
        if (vd_str_equal_text(vd_format_member(object, "type"), "indicator")) {
            error = read_indicator(stix, object, i);
        }
    }
    return error;
}

int vd_format_stix(struct vd_format_run *run, struct vd_str text)
{
    struct stix stix = {.run = run, .latest = json_object(), .markings = json_object()};
    int error = VD_E_NOMEM;
    json_t *root = NULL;

    if (stix.latest != NULL && stix.markings != NULL) {
        error = VD_OK;
        root = vd_format_json(run, text, &error);
    }
    if (root != NULL) {
        const json_t *objects = json_is_array(root) ? root : json_object_get(root, "objects");

        /* A bundle and an envelope may leave it out for having none. */
        if (objects != NULL ? !json_is_array(objects) : !json_is_object(root)) {
            error = vd_format_fault(
                run, (struct vd_format_at){0, "objects"}, "is to be an array of STIX objects");
        } else if (objects == NULL && json_object_size(root) > 0 &&
            json_object_get(root, "more") == NULL &&
            !vd_str_equal_text(vd_format_member(root, "type"), "bundle")) {
            error = vd_format_fault(run, (struct vd_format_at){0, "type"},
                "it is neither a STIX bundle nor a TAXII envelope");
        } else {
            error = read_objects(&stix, objects);
        }
    }
    json_decref(root);
    json_decref(stix.latest);
    json_decref(stix.markings);
    return error;
}
