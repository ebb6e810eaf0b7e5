/* SPDX-License-Identifier: MIT */
/* Documents of saved queries, checked member by member. */

#include "center/saved_query.h"

#include <stdio.h>
#include <string.h>

#include "center/detect/group_rules.h"
#include "center/kql/kql.h"
#include "center/limits.h"
#include "center/store/outbox.h"

#define DEVICE_COLUMN "DeviceId"

bool vd_saved_query_name_is_valid(const char *name)
{
    const size_t length =
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");

    return length > 0 && length <= VD_SAVED_QUERY_NAME_MAX && name[length] == '\0';
}

static int refuse(char problem[VD_SAVED_QUERY_PROBLEM_SIZE], const char *what, const char *how)
{
    snprintf(problem, VD_SAVED_QUERY_PROBLEM_SIZE, "%s %s", what, how);
    return VD_E_INVALID;
}

/* Refuses members that are not among the names. */
static int check_names(
    const json_t *object, const char *const *names, char problem[VD_SAVED_QUERY_PROBLEM_SIZE])
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        const char *const *name = names;

        while (*name != NULL && strcmp(*name, key) != 0) {
            name++;
        }
        if (*name == NULL) {
            char cut[80];

            snprintf(cut, sizeof cut, "%.60s", key);
            return refuse(problem, cut, "is not known here");
        }
    }
    return VD_OK;
}

static int read_text(const json_t *object, const char *name, size_t max, const char **out,
    char problem[VD_SAVED_QUERY_PROBLEM_SIZE])
{
    const json_t *value = json_object_get(object, name);

    if (value == NULL) {
        return VD_OK;
    }
    if (!json_is_string(value) || json_string_length(value) > max ||
        strlen(json_string_value(value)) != json_string_length(value)) {
        char how[60];

        snprintf(how, sizeof how, "is to be text of at most %zu bytes", max);
        return refuse(problem, name, how);
    }
    *out = json_string_value(value);
    return VD_OK;
}

static int read_duration(const json_t *object, const char *name, int64_t min_ms, int64_t max_ms,
    int64_t *out, char problem[VD_SAVED_QUERY_PROBLEM_SIZE])
{
    const char *text = NULL;
    int error = read_text(object, name, 64, &text, problem);

    if (error != VD_OK || text == NULL) {
        return error;
    }
    if (vd_duration_parse(text, out) != VD_OK || *out < min_ms || *out > max_ms) {
        return refuse(problem, name,
            "is to be a duration like PT5M: every from PT1M to P1D, over from that to P14D");
    }
    return VD_OK;
}

static int read_rows_above(const json_t *object, struct vd_query_schedule *schedule,
    char problem[VD_SAVED_QUERY_PROBLEM_SIZE])
{
    const json_t *value = json_object_get(object, "rowsAbove");

    if (value != NULL &&
        (!json_is_integer(value) || json_integer_value(value) < 0 ||
            json_integer_value(value) >= VD_QUERY_ROWS_DEFAULT)) {
        return refuse(problem, "rowsAbove", "is to be a number from 0 to 9999");
    }
    schedule->rows_above = json_integer_value(value);
    return VD_OK;
}

static int read_enabled(const json_t *object, struct vd_query_schedule *schedule,
    char problem[VD_SAVED_QUERY_PROBLEM_SIZE])
{
    const json_t *value = json_object_get(object, "enabled");

    if (value != NULL && !json_is_boolean(value)) {
        return refuse(problem, "enabled", "is to be true or false");
    }
    schedule->is_enabled = value == NULL || json_is_true(value);
    return VD_OK;
}

static int read_schedule(const json_t *object, struct vd_query_schedule *schedule,
    char problem[VD_SAVED_QUERY_PROBLEM_SIZE])
{
    static const char *const names[] = {
        "every", "over", "rowsAbove", "severity", "deviceColumn", "enabled", NULL};
    int error = check_names(object, names, problem);

    schedule->severity = "Medium";
    if (error == VD_OK && json_object_get(object, "every") == NULL) {
        error = refuse(problem, "every", "is missing in the schedule");
    }
    if (error == VD_OK) {
        error = read_duration(object, "every", VD_SCHEDULE_EVERY_MIN_MS, VD_SCHEDULE_EVERY_MAX_MS,
            &schedule->every_ms, problem);
    }
    schedule->over_ms = schedule->every_ms;
    if (error == VD_OK) {
        error = read_duration(object, "over", schedule->every_ms, VD_SCHEDULE_OVER_MAX_MS,
            &schedule->over_ms, problem);
    }
    if (error == VD_OK) {
        error = read_text(object, "severity", 16, &schedule->severity, problem);
    }
    if (error == VD_OK && vd_severity_rank(schedule->severity) < 0) {
        error = refuse(problem, "severity", "is to be Informational, Low, Medium or High");
    }
    if (error == VD_OK) {
        error = read_text(
            object, "deviceColumn", VD_SCHEDULE_COLUMN_MAX, &schedule->device_column, problem);
    }
    error = error == VD_OK ? read_rows_above(object, schedule, problem) : error;
    return error == VD_OK ? read_enabled(object, schedule, problem) : error;
}

static int check_column(const struct vd_kql_compiled *compiled, struct vd_query_schedule *schedule,
    char problem[VD_SAVED_QUERY_PROBLEM_SIZE])
{
    const char *name = schedule->device_column != NULL ? schedule->device_column : DEVICE_COLUMN;

    for (uint32_t i = 0; i < compiled->column_count; i++) {
        if (strcmp(compiled->columns[i].name, name) == 0) {
            if (compiled->columns[i].type != VD_KQL_STRING) {
                return refuse(problem, "deviceColumn", "is to be a column of strings");
            }
            schedule->device_column = name;
            return VD_OK;
        }
    }
    if (schedule->device_column != NULL && schedule->device_column[0] != '\0') {
        return refuse(problem, "deviceColumn", "is not among the columns of the query");
    }
    schedule->device_column = "";
    return VD_OK;
}

static int check_query(struct vd_saved_query *query, char problem[VD_SAVED_QUERY_PROBLEM_SIZE])
{
    const struct vd_kql_options options = {.lacks_values = !query->is_scheduled};
    struct vd_arena arena = {0};
    struct vd_kql_compiled compiled;
    struct vd_kql_problem place;
    int error = vd_kql_compile(query->text, &options, &arena, &compiled, &place);

    if (error == VD_E_INVALID || error == VD_E_LIMIT) {
        snprintf(problem, VD_SAVED_QUERY_PROBLEM_SIZE, "query: line %u, column %u: %s", place.line,
            place.column, place.text);
        error = VD_E_INVALID;
    } else if (error == VD_OK && query->is_scheduled) {
        error = check_column(&compiled, &query->schedule, problem);
    }
    vd_arena_release(&arena);
    return error;
}

int vd_saved_query_read(
    const json_t *document, struct vd_saved_query *out, char problem[VD_SAVED_QUERY_PROBLEM_SIZE])
{
    static const char *const names[] = {
        "title", "description", "category", "query", "schedule", NULL};
    const json_t *schedule = json_object_get(document, "schedule");
    const char *text = NULL;
    int error;

    *out = (struct vd_saved_query){.title = "", .description = "", .category = ""};
    if (!json_is_object(document)) {
        return refuse(problem, "a saved query", "is to be an object");
    }
    error = check_names(document, names, problem);
    error = error == VD_OK ? read_text(document, "title", 200, &out->title, problem) : error;
    error = error == VD_OK ? read_text(document, "description", 2000, &out->description, problem)
                           : error;
    error = error == VD_OK ? read_text(document, "category", 64, &out->category, problem) : error;
    if (error == VD_OK) {
        error = read_text(document, "query", VD_SAVED_QUERY_TEXT_MAX, &text, problem);
    }
    if (error == VD_OK && text == NULL) {
        error = refuse(problem, "query", "is missing");
    }
    if (error == VD_OK && schedule != NULL && !json_is_null(schedule)) {
        out->is_scheduled = true;
        error = json_is_object(schedule) ? read_schedule(schedule, &out->schedule, problem)
                                         : refuse(problem, "schedule", "is to be an object");
    }
    if (error == VD_OK && out->is_scheduled && strlen(text) > VD_SCHEDULED_QUERY_TEXT_MAX) {
        error = refuse(problem, "query", "is to have at most 10000 bytes to be scheduled");
    }
    if (error == VD_OK) {
        out->text = vd_str_from(text);
        error = check_query(out, problem);
    }
    return error;
}
