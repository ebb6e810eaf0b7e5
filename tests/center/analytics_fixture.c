/* SPDX-License-Identifier: MIT */
/* Opens the query tables, appends rows to them and asks them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/center/analytics_fixture.h"

int analytics_open_at(struct analytics_fixture *f)
{
    const struct vd_duckdb_options options = {.folder = f->data,
        .resource_id = "/hubs/it's",
        .memory_limit_mib = f->memory_limit_mib,
        .keep = f->keep};

    return vd_analytics_duckdb_open(&options, &f->analytics, f->text, sizeof f->text);
}

int analytics_setup(void **state)
{
    struct analytics_fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    f->folder = test_folder_new();
    snprintf(f->data, sizeof f->data, "%s/da'ta", f->folder);
    if (analytics_open_at(f) != VD_OK) {
        fail_msg("%s", f->text);
    }
    *state = f;
    return 0;
}

int analytics_teardown(void **state)
{
    struct analytics_fixture *f = *state;

    vd_analytics_close(f->analytics);
    test_folder_remove(f->folder);
    free(f);
    return 0;
}

void analytics_reopen(struct analytics_fixture *f)
{
    vd_analytics_close(f->analytics);
    f->analytics = NULL;
    if (analytics_open_at(f) != VD_OK) {
        fail_msg("%s", f->text);
    }
}

static struct vd_raw_event row_of(uint64_t number, int64_t time_ms)
{
    return (struct vd_raw_event){
        .time_generated_ms = time_ms,
        .timestamp_ms = time_ms - 1500,
        .id = test_uuid(number),
        .device_id = VD_STR_LITERAL("dev-1"),
        .agent_version = VD_STR_LITERAL("3.5.4"),
        .name = VD_STR_LITERAL("NetworkActivity"),
        .type = VD_STR_LITERAL("Security"),
        .category = VD_STR_LITERAL("Periodic"),
        .is_empty = false,
        .details = VD_STR_LITERAL("{\"RemoteAddress\":\"192.0.2.1\",\"BytesIn\":5}"),
    };
}

int analytics_append_rows(
    struct analytics_fixture *f, uint64_t first, size_t count, int64_t time_ms)
{
    struct vd_raw_event *rows = calloc(count + 1, sizeof *rows);
    int error;

    assert_non_null(rows);
    for (size_t i = 0; i < count; i++) {
        rows[i] = row_of(first + i, time_ms);
    }
    error = vd_analytics_append(f->analytics,
        &(struct vd_table_rows){.raw_events = rows, .raw_event_count = count}, first + count);
    free(rows);
    return error;
}

json_t *analytics_query_with(struct analytics_fixture *f, const char *sql,
    const struct vd_query_limits *limits, int expected)
{
    json_t *result = NULL;
    int error = vd_analytics_query(f->analytics, sql, limits, &result, f->text, sizeof f->text);

    if (error != expected) {
        fail_msg("%s: %d, %s", sql, error, f->text);
    }
    return result;
}

json_t *analytics_query(struct analytics_fixture *f, const char *sql)
{
    return analytics_query_with(f, sql, NULL, VD_OK);
}

json_t *analytics_cell(const json_t *result, size_t row, size_t column)
{
    return json_array_get(json_array_get(json_object_get(result, "rows"), row), column);
}

size_t analytics_row_count(const json_t *result)
{
    return json_array_size(json_object_get(result, "rows"));
}

json_int_t analytics_count_rows(struct analytics_fixture *f)
{
    json_t *result = analytics_query(f, "SELECT count(*) FROM SecurityIoTRawEvent");
    json_int_t count = json_integer_value(analytics_cell(result, 0, 0));

    json_decref(result);
    return count;
}

uint64_t analytics_offset_of(struct analytics_fixture *f)
{
    uint64_t offset = UINT64_MAX;

    assert_int_equal(vd_analytics_offset(f->analytics, &offset), VD_OK);
    return offset;
}
