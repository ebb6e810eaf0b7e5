/* SPDX-License-Identifier: MIT */
/* Rows for twin queries out of an array. */

#include "tests/hub/twin_rows.h"

static struct vd_twin_query_position position_of(const json_t *row)
{
    struct vd_twin_query_position position = {.device_id = ""};
    const char *device = json_string_value(json_object_get(row, "deviceId"));
    const char *module = json_string_value(json_object_get(row, "moduleId"));

    if (vd_text_copy(device, position.device_id, sizeof position.device_id) != VD_OK ||
        vd_text_copy(module != NULL ? module : "", position.module_id, sizeof position.module_id) !=
            VD_OK) {
        abort();
    }
    return position;
}

static int next(void *context, json_t **row, struct vd_twin_query_position *position)
{
    struct twin_rows *rows = context;

    if (rows->next + 1 == rows->fail_at) {
        return VD_E_IO;
    }
    if (rows->next == json_array_size(rows->rows)) {
        return VD_E_NOT_FOUND;
    }
    *row = json_incref(json_array_get(rows->rows, rows->next++));
    *position = position_of(*row);
    return VD_OK;
}

void twin_rows_init(struct twin_rows *rows, const char *json)
{
    *rows = (struct twin_rows){.rows = json_loads(json, JSON_REJECT_DUPLICATES, NULL)};
    if (!json_is_array(rows->rows)) {
        abort();
    }
}

void twin_rows_release(struct twin_rows *rows)
{
    json_decref(rows->rows);
}

struct vd_twin_query_source twin_rows_source(
    struct twin_rows *rows, const struct vd_twin_query_position *position)
{
    rows->next = 0;
    while (position->device_id[0] != '\0' && rows->next < json_array_size(rows->rows)) {
        struct vd_twin_query_position at = position_of(json_array_get(rows->rows, rows->next++));

        if (strcmp(at.device_id, position->device_id) == 0 &&
            strcmp(at.module_id, position->module_id) == 0) {
            break;
        }
    }
    return (struct vd_twin_query_source){next, rows};
}
