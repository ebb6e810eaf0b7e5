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

static const struct member activity_members[] = {
    {"caller", offsetof(struct vd_activity_row, caller), false},
    {"operationName", offsetof(struct vd_activity_row, operation_name), true},
    {"status", offsetof(struct vd_activity_row, status), true},
    {"resourceId", offsetof(struct vd_activity_row, resource_id), true},
    {"callerIpAddress", offsetof(struct vd_activity_row, caller_address), false},
    {"category", offsetof(struct vd_activity_row, category), true},
    {"properties", offsetof(struct vd_activity_row, properties), true},
};

/* Room for one more row of row_size bytes; the rows as they lie now, NULL without memory. */
static void *grow(void *rows, size_t count, size_t *capacity, size_t row_size)
{
    size_t larger = *capacity > 0 ? *capacity * 2 : 64;
    void *grown;

    if (count < *capacity) {
        return rows;
    }
    grown = realloc(rows, larger * row_size);
    if (grown != NULL) {
        *capacity = larger;
    }
    return grown;
}

static int read_member(struct vd_arena *arena, const json_t *record, const struct member *member,
    void *row, char *reason)
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
    *to = vd_arena_copy(arena, json_string_value(value), json_string_length(value));
    return to->data != NULL ? VD_OK : VD_E_NOMEM;
}

/* Reads the record's text into the row; *json is the caller's to free. */
static int read_record(struct vd_arena *arena, struct vd_str record, const struct member *list,
    size_t count, void *row, json_t **json, char *reason)
{
    json_error_t problem;
    int error = VD_OK;

    *json = json_loadb(record.data, record.length, JSON_REJECT_DUPLICATES, &problem);
    if (!json_is_object(*json)) {
        snprintf(reason, VD_DIAGNOSTIC_REASON_SIZE, "no JSON object: %.90s",
            *json == NULL ? problem.text : "another value");
        return VD_E_INVALID;
    }
    for (size_t i = 0; error == VD_OK && i < count; i++) {
        error = read_member(arena, *json, &list[i], row, reason);
    }
    return error;
}

static int copy_id(struct vd_arena *arena, const char *id, struct vd_str *out)
{
    *out = vd_arena_copy(arena, id, strlen(id));
    return out->data != NULL ? VD_OK : VD_E_NOMEM;
}

/* A number, or one as text, as the resource logs have it; 0 for anything else. */
static int64_t read_number(const json_t *value)
{
    const char *text = json_string_value(value);

    return text != NULL ? strtoll(text, NULL, 10) : json_integer_value(value);
}

int vd_diagnostics_add(struct vd_diagnostics *out, const char *id, struct vd_str record,
    int64_t enqueued_ms, char reason[VD_DIAGNOSTIC_REASON_SIZE])
{
    struct vd_diagnostic *rows = grow(out->rows, out->count, &out->capacity, sizeof *rows);
    struct vd_diagnostic *row;
    json_t *json = NULL;
    int error;

    if (rows == NULL) {
        return VD_E_NOMEM;
    }
    out->rows = rows;
    row = &rows[out->count];
    error = read_record(
        &out->text, record, members, sizeof members / sizeof members[0], row, &json, reason);
    if (error == VD_OK) {
        error = copy_id(&out->text, id, &row->correlation_id);
    }
    if (error == VD_OK) {
        row->time_generated_ms = enqueued_ms;
        row->duration_ms = read_number(json_object_get(json, "durationMs"));
        out->count++;
    }
    json_decref(json);
    return error;
}

int vd_diagnostics_add_activity(struct vd_diagnostics *out, const char *id, struct vd_str record,
    int64_t enqueued_ms, char reason[VD_DIAGNOSTIC_REASON_SIZE])
{
    struct vd_activity_row *rows =
        grow(out->activities, out->activity_count, &out->activity_capacity, sizeof *rows);
    json_t *json = NULL;
    int error;

    if (rows == NULL) {
        return VD_E_NOMEM;
    }
    out->activities = rows;
    error = read_record(&out->text, record, activity_members,
        sizeof activity_members / sizeof activity_members[0], &rows[out->activity_count], &json,
        reason);
    if (error == VD_OK) {
        error = copy_id(&out->text, id, &rows[out->activity_count].correlation_id);
    }
    if (error == VD_OK) {
        rows[out->activity_count++].time_generated_ms = enqueued_ms;
    }
    json_decref(json);
    return error;
}

void vd_diagnostics_clear(struct vd_diagnostics *out)
{
    out->count = 0;
    out->activity_count = 0;
    vd_arena_reset(&out->text);
}

void vd_diagnostics_release(struct vd_diagnostics *out)
{
    free(out->rows);
    free(out->activities);
    vd_arena_release(&out->text);
    *out = (struct vd_diagnostics){0};
}
