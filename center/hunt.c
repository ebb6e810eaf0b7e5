/* SPDX-License-Identifier: MIT */
/* Asks the query tables for addresses first, and for rows of those only that an indicator holds. */

#include "center/hunt.h"

#include <stdlib.h>
#include <string.h>

#include "center/detect/address_text.h"
#include "center/detect/ti_connection.h"
#include "center/limits.h"
#include "center/store/alert_store_internal.h"
#include "center/store/indicator_marks.h"
#include "center/stored_flow.h"
#include "lib/clock.h"

#define DAY_MS        86400000LL
#define QUERY_TIME_MS 60000
#define REMOTE        "\"EventDetails.RemoteAddress\""

struct run {
    const struct vd_hunt *of;
    struct vd_hunt_result *result;
    struct vd_findings findings;
    char *problem;
};

/* ---- Reading ---- */

static bool is_stopping(const struct run *run)
{
    return run->of->is_stopping != NULL && atomic_load(run->of->is_stopping);
}

/* The rows of "<select> FROM flows of the stretch <rest>"; *rows NULL: there are more than are held at once. */
static int query(const struct run *run, const char *select, const char *rest, int64_t from_ms,
    int64_t to_ms, json_t **rows)
{
    const struct vd_query_limits limits = {
        .max_rows = VD_HUNT_ROWS_MAX, .timeout_ms = QUERY_TIME_MS};
    char from[VD_TIME_TEXT_SIZE];
    char to[VD_TIME_TEXT_SIZE];
    struct vd_buf sql = {0};
    json_t *result = NULL;
    int error;

    vd_time_format(from_ms, from);
    vd_time_format(to_ms, to);
    vd_buf_printf(&sql,
        "SELECT %s FROM " VD_STORED_FLOWS " AND TimeGenerated >= TIMESTAMP '%.23s' AND "
        "TimeGenerated < TIMESTAMP '%.23s' %s",
        select, from, to, rest);
    vd_buf_append(&sql, "", 1);
    error = sql.error;
    if (error == VD_OK) {
        error = vd_analytics_query(
            run->of->analytics, (const char *)sql.data, &limits, &result, run->problem, 400);
    }
    *rows = NULL;
    if (error == VD_OK && !json_is_true(json_object_get(result, "truncated"))) {
        *rows = json_incref(json_object_get(result, "rows"));
    }
    json_decref(result);
    vd_buf_release(&sql);
    return error;
}

/* ---- Judging ---- */

enum {
    COLUMN_GENERATED,
    COLUMN_DEVICE,
    COLUMN_STAMP,
    COLUMN_EVENT,
    COLUMN_DETAILS,
};

/* One flow of an event, as live detection had it. */
static int judge_flow(struct run *run, struct vd_observation *seen, const struct vd_flow *flow)
{
    const struct vd_detect_input input = {.seen = seen, .indicators = run->of->indicators};
    struct vd_indicator_mark mark;
    bool is_found = false;
    int error = vd_indicator_mark_of(seen, &flow->remote, &mark);

    if (error == VD_OK) {
        error = vd_indicator_mark_find(run->of->store, &mark, &is_found);
    }
    if (error != VD_OK || is_found) {
        return error;
    }
    return vd_rule_ti_connection.examine(&vd_rule_ti_connection, &input, &run->findings);
}

static int judge_row(struct run *run, const json_t *row)
{
    json_t *details = json_loads(vd_row_text(row, COLUMN_DETAILS), 0, NULL);
    const char *module = json_string_value(json_object_get(details, "ModuleId"));
    const char *device_time = json_string_value(json_object_get(details, "DeviceTime"));
    const int64_t stamp_ms = vd_row_ms(row, COLUMN_STAMP);
    const char *id = vd_row_text(row, COLUMN_EVENT);
    struct vd_flow flow;
    struct vd_security_event event = {.payload = VD_PAYLOAD_NETWORK_ACTIVITY, .count = 1};
    struct vd_security_message message = {.events = {&event, 1, 1}, .flows = {&flow, 1, 1}};
    struct vd_observation seen = {
        .what = VD_OBSERVED_EVENT,
        .device_id = vd_str_from(vd_row_text(row, COLUMN_DEVICE)),
        .module_id = vd_str_from(module != NULL ? module : ""),
        .enqueued_ms = vd_row_ms(row, COLUMN_GENERATED),
        .time = {stamp_ms, stamp_ms, stamp_ms, device_time == NULL},
        .hunted_ms = run->of->known_ms,
        .message = &message,
        .event = &event,
    };
    int error = VD_OK;

    if (device_time != NULL) {
        (void)!vd_time_parse(device_time, &seen.time.device_ms);
    }
    event.items = vd_stored_flow_is_item(details) ? details : NULL;
    if (vd_stored_flow_read(details, &flow) && vd_uuid_parse(id, strlen(id), &event.id) == VD_OK) {
        run->result->flows++;
        error = judge_flow(run, &seen, &flow);
    }
    json_decref(details);
    return error;
}

/* Rows from *i on, some hundred of them; all of one event, so that its marks do not stand against its own flows. */
static int judge_some(struct run *run, const json_t *rows, size_t *i)
{
    const size_t count = json_array_size(rows);
    int error = VD_OK;

    for (size_t taken = 0; error == VD_OK && *i < count; taken++) {
        const json_t *row = json_array_get(rows, *i);

        if (taken >= VD_HUNT_STEP_ROWS &&
            vd_row_ms(row, COLUMN_GENERATED) !=
                vd_row_ms(json_array_get(rows, *i - 1), COLUMN_GENERATED)) {
            return VD_OK;
        }
        error = judge_row(run, row);
        ++*i;
    }
    return error;
}

/* One transaction. */
static int judge_step(struct run *run, const json_t *rows, size_t *i)
{
    struct vd_findings_tally tally = {0};
    int error = vd_alert_store_begin(run->of->store);

    if (error != VD_OK) {
        return error;
    }
    vd_findings_clear(&run->findings);
    error = judge_some(run, rows, i);
    if (error == VD_OK) {
        error = vd_findings_store(&run->findings, run->of->store, vd_clock_utc_ms(), &tally);
    }
    if (error != VD_OK) {
        vd_alert_store_rollback(run->of->store);
        return error;
    }
    error = vd_alert_store_commit(run->of->store);
    if (error == VD_OK) {
        run->result->raised += tally.raised;
        run->result->repeated += tally.repeated;
    }
    return error;
}

static int judge_rows(struct run *run, const json_t *rows)
{
    int error = VD_OK;

    for (size_t i = 0; error == VD_OK && i < json_array_size(rows);) {
        error = is_stopping(run) ? VD_E_CLOSED : judge_step(run, rows, &i);
    }
    return error;
}

/* ---- Stretches ---- */

/* Whether the row's address is an indicator's; all letters of its text are safe in SQL then. */
static bool is_wanted(const struct run *run, const char *text)
{
    struct vd_address address;

    if (text[0] == '\0' || text[strspn(text, "0123456789abcdefABCDEF.:")] != '\0') {
        return false;
    }
    vd_address_read(vd_str_from(text), &address);
    return vd_indicator_set_holds(run->of->indicators, &address);
}

/* The wanted among addresses from *i on, as " AND remote IN (...)"; none: empty. */
static void append_wanted(
    const struct run *run, const json_t *addresses, size_t *i, struct vd_buf *out)
{
    for (size_t wanted = 0; *i < json_array_size(addresses) && wanted < VD_HUNT_ADDRESSES_MAX;
         ++*i) {
        const char *text = vd_row_text(json_array_get(addresses, *i), 0);

        if (is_wanted(run, text)) {
            vd_buf_printf(out, wanted == 0 ? "AND " REMOTE " IN ('%s'" : ",'%s'", text);
            wanted++;
        }
    }
    if (out->length > 0) {
        vd_buf_append_text(out, ") ORDER BY TimeGenerated");
    }
    vd_buf_append(out, "", 1);
}

/* *done false: the stretch holds too much at once; what was judged of it is marked. */
static int hunt_addresses(
    struct run *run, const json_t *addresses, int64_t from_ms, int64_t to_ms, bool *done)
{
    static const char columns[] =
        "TimeGenerated, DeviceId, \"TimeStamp\", IoTRawEventId, EventDetails";
    int error = VD_OK;

    *done = true;
    for (size_t i = 0; error == VD_OK && *done && i < json_array_size(addresses);) {
        struct vd_buf wanted = {0};
        json_t *rows = NULL;

        append_wanted(run, addresses, &i, &wanted);
        error = wanted.error;
        if (error == VD_OK && wanted.length > 1) {
            error = query(run, columns, (const char *)wanted.data, from_ms, to_ms, &rows);
            *done = rows != NULL;
        }
        vd_buf_release(&wanted);
        error = error == VD_OK ? judge_rows(run, rows) : error;
        json_decref(rows);
    }
    return error;
}

static int hunt_stretch(struct run *run, int64_t from_ms, int64_t to_ms, bool *done)
{
    json_t *addresses = NULL;
    int error = query(run, "DISTINCT " REMOTE, "", from_ms, to_ms, &addresses);

    *done = false;
    if (error == VD_OK && addresses != NULL) {
        run->result->addresses += json_array_size(addresses);
        error = hunt_addresses(run, addresses, from_ms, to_ms, done);
    }
    json_decref(addresses);
    return error;
}

/* Days, or what of them can be held at once. */
static int hunt_all(struct run *run)
{
    const struct vd_hunt *of = run->of;
    int64_t step_ms = DAY_MS;
    int error = VD_OK;

    while (error == VD_OK && run->result->covered_ms < of->to_ms) {
        const int64_t from_ms = run->result->covered_ms;
        const int64_t day_end_ms = (from_ms / DAY_MS + 1) * DAY_MS;
        int64_t to_ms = from_ms + step_ms < day_end_ms ? from_ms + step_ms : day_end_ms;
        bool done = false;

        to_ms = to_ms < of->to_ms ? to_ms : of->to_ms;
        error = is_stopping(run) ? VD_E_CLOSED : hunt_stretch(run, from_ms, to_ms, &done);
        if (error == VD_OK && done) {
            run->result->covered_ms = to_ms;
            step_ms = step_ms * 2 < DAY_MS ? step_ms * 2 : DAY_MS;
        } else if (error == VD_OK) {
            step_ms = (to_ms - from_ms) / 2;
            if (step_ms == 0) {
                snprintf(run->problem, 400, "too many rows within a millisecond");
                error = VD_E_LIMIT;
            }
        }
    }
    return error;
}

int vd_hunt_run(const struct vd_hunt *hunt, struct vd_hunt_result *result, char problem[400])
{
    struct run run = {.of = hunt, .result = result, .problem = problem};
    int64_t since_ms = 0;
    int error = vd_alert_store_begin(hunt->store);

    if (error != VD_OK) {
        return error;
    }
    error = vd_alert_meta_get(hunt->store, "marks_since_ms", &since_ms);
    vd_alert_store_rollback(hunt->store);
    *result =
        (struct vd_hunt_result){.covered_ms = hunt->from_ms > since_ms ? hunt->from_ms : since_ms};
    if (error == VD_OK && vd_indicator_set_count(hunt->indicators) > 0) {
        error = hunt_all(&run);
    }
    vd_findings_release(&run.findings);
    return error;
}
