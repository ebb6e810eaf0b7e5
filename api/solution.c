/* SPDX-License-Identifier: MIT */
/* What the stored solutions switch. */

#include "api/solution.h"

#include <string.h>

#include "api/management/named_list.h"

static bool is_text(const json_t *object, const char *name, const char *text)
{
    const char *value = json_string_value(json_object_get(object, name));

    return value != NULL && strcmp(value, text) == 0;
}

static bool exports_raw_events(const json_t *properties)
{
    const json_t *list = json_object_get(properties, "export");

    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));

        if (text != NULL && strcmp(text, "RawEvents") == 0) {
            return true;
        }
    }
    return false;
}

/* Whether a later entry is about the same type: then it counts. */
static bool is_superseded(const json_t *list, size_t i, const char *type)
{
    for (size_t k = i + 1; k < json_array_size(list); k++) {
        if (is_text(json_array_get(list, k), "recommendationType", type)) {
            return true;
        }
    }
    return false;
}

/* Counts in how many solutions each type is disabled. */
static void count_disabled(const json_t *properties, json_t *counts)
{
    const json_t *list = json_object_get(properties, "recommendationsConfiguration");

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        const char *type = json_string_value(json_object_get(one, "recommendationType"));

        if (type != NULL && is_text(one, "status", "Disabled") && !is_superseded(list, i, type)) {
            json_object_set_new(
                counts, type, json_integer(json_integer_value(json_object_get(counts, type)) + 1));
        }
    }
}

static json_t *disabled_by_all(json_t *counts, json_int_t solutions)
{
    json_t *list = json_array();
    const char *type;
    json_t *count;

    json_object_foreach(counts, type, count)
    {
        if (solutions > 0 && json_integer_value(count) == solutions) {
            json_array_append_new(list, json_string(type));
        }
    }
    return list;
}

int vd_solution_switches_read(struct vd_registry *registry, struct vd_solution_switches *out)
{
    struct vd_solution_switches switches = {0};
    json_t *counts = json_object();
    json_t *list = NULL;
    json_int_t enabled = 0;
    uint64_t etag;
    int error = counts != NULL ? vd_named_list_load(registry, VD_SOLUTIONS_SETTING, &list, &etag)
                               : VD_E_NOMEM;

    for (size_t i = 0; error == VD_OK && i < json_array_size(list); i++) {
        const json_t *properties = json_object_get(json_array_get(list, i), "properties");

        if (is_text(properties, "status", "Disabled")) {
            continue;
        }
        enabled++;
        switches.unmasked_addresses = switches.unmasked_addresses ||
            is_text(properties, "unmaskedIpLoggingStatus", "Enabled");
        switches.stores_raw_events = switches.stores_raw_events || exports_raw_events(properties);
        count_disabled(properties, counts);
    }
    if (error == VD_OK) {
        switches.stores_raw_events = switches.stores_raw_events || json_array_size(list) == 0;
        switches.disabled_recommendations = disabled_by_all(counts, enabled);
        error = switches.disabled_recommendations != NULL ? VD_OK : VD_E_NOMEM;
    }
    json_decref(counts);
    json_decref(list);
    if (error == VD_OK) {
        *out = switches;
    }
    return error;
}
