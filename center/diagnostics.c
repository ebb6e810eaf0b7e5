/* SPDX-License-Identifier: MIT */
/* Reads a record of an operation, member by member. */

#include "center/diagnostics.h"

#include <jansson.h>

/* Members of a record that are text, and where they go. */
static const struct member {
    const char *name;
    size_t offset;
    bool is_needed;
} members[] = {
    {"resourceId", offsetof(struct vd_diagnostic, resource_id), false},
    {"category", offsetof(struct vd_diagnostic, category), true},
    {"operationName", offsetof(struct vd_diagnostic, operation_name), true},
    {"level", offsetof(struct vd_diagnostic, level), true},
    {"resultType", offsetof(struct vd_diagnostic, result_type), false},
    {"resultDescription", offsetof(struct vd_diagnostic, result_description), false},
    {"location", offsetof(struct vd_diagnostic, location), false},
    {"properties", offsetof(struct vd_diagnostic, properties), true},
};

static struct vd_diagnostic *next_row(struct vd_diagnostics *out)
{
    if (out->count == out->capacity) {
        size_t capacity = out->capacity > 0 ? out->capacity * 2 : 64;
        struct vd_diagnostic *rows = realloc(out->rows, capacity * sizeof *rows);

        if (rows == NULL) {
            return NULL;
        }
        out->rows = rows;
        out->capacity = capacity;
    }
    return &out->rows[out->count];
}

static int read_member(struct vd_diagnostics *out, const json_t *record,
    const struct member *member, struct vd_diagnostic *row, char *reason)
{
    struct vd_str *to = (struct vd_str *)(void *)((char *)row + member->offset);
    const json_t *value = json_object_get(record, member->name);

    if (value == NULL && !member->is_needed) {
        *to = (struct vd_str){"", 0};
        return VD_OK;
    }
    if (!json_is_string(value)) {
        snprintf(reason, VD_DIAGNOSTIC_REASON_SIZE, "%s is no text", member->name);
        return VD_E_INVALID;
    }
    *to = vd_arena_copy(&out->text, json_string_value(value), json_string_length(value));
    return to->data != NULL ? VD_OK : VD_E_NOMEM;
}

/* A number, or one as text, as the resource logs have it; 0 for anything else. */
static int64_t read_number(const json_t *value)
{
    const char *text = json_string_value(value);

    return text != NULL ? strtoll(text, NULL, 10) : json_integer_value(value);
}

int vd_diagnostics_add(struct vd_diagnostics *out, struct vd_str record, int64_t enqueued_ms,
    char reason[VD_DIAGNOSTIC_REASON_SIZE])
{
    json_error_t problem;
    json_t *json = json_loadb(record.data, record.length, JSON_REJECT_DUPLICATES, &problem);
    struct vd_diagnostic *row = next_row(out);
    int error = row != NULL ? VD_OK : VD_E_NOMEM;

    if (error == VD_OK && !json_is_object(json)) {
        snprintf(reason, VD_DIAGNOSTIC_REASON_SIZE, "no JSON object: %.90s",
            json == NULL ? problem.text : "another value");
        error = VD_E_INVALID;
    }
    for (size_t i = 0; error == VD_OK && i < sizeof members / sizeof members[0]; i++) {
        error = read_member(out, json, &members[i], row, reason);
    }
    if (error == VD_OK) {
        row->time_generated_ms = enqueued_ms;
        row->duration_ms = read_number(json_object_get(json, "durationMs"));
        out->count++;
    }
    json_decref(json);
    return error;
}

void vd_diagnostics_clear(struct vd_diagnostics *out)
{
    out->count = 0;
    vd_arena_reset(&out->text);
}

void vd_diagnostics_release(struct vd_diagnostics *out)
{
    free(out->rows);
    vd_arena_release(&out->text);
    *out = (struct vd_diagnostics){0};
}
