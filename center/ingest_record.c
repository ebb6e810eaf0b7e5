/* SPDX-License-Identifier: MIT */
/* One record of the log: decoded, judged, made into rows, or kept as a dead letter. */

#include "center/ingest_internal.h"

#include "center/decode/json_message.h"
#include "center/store/alert_store_internal.h"
#include "lib/clock.h"

#define REASON_SIZE VD_DECODE_REASON_SIZE
_Static_assert(VD_DIAGNOSTIC_REASON_SIZE <= REASON_SIZE, "a reason of either kind fits");

static const char *text_or_empty(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));

    return text != NULL ? text : "";
}

/* What the engine is to know of a record, whatever its kind. */
static struct vd_observation observation_of(
    const struct vd_event *record, uint64_t offset, enum vd_observed what)
{
    return (struct vd_observation){
        .what = what,
        .offset = offset,
        .device_id = record->device_id,
        .module_id = record->module_id,
        .address = record->address,
        .enqueued_ms = record->enqueued_ms,
        .time = {.start_ms = record->enqueued_ms,
            .end_ms = record->enqueued_ms,
            .device_ms = record->enqueued_ms,
            .trusted = true},
    };
}

/*
 * Whether the event came in an earlier record. The alert store remembers first, so the query tables,
 * which may run a batch behind, get the same answer for the same record.
 */
static int judge_duplicate(struct vd_ingest *ingest, const struct vd_ingest_batch *batch,
    uint64_t offset, const struct vd_event *record, const struct vd_uuid *event_id, bool *duplicate)
{
    struct vd_uuid key;
    uint64_t first = 0;
    int error = vd_event_key(record->device_id, record->module_id, event_id, &key);

    if (error != VD_OK) {
        return error;
    }
    error = vd_event_seen_get(ingest->store, &key, &first);
    if (error == VD_E_NOT_FOUND && offset >= batch->alerts_from) {
        error = vd_event_seen_add(ingest->store, batch->seen_day, &key, offset);
        first = offset;
    } else if (error == VD_E_NOT_FOUND) {
        error = VD_OK; /* forgotten since: it was new then */
        first = offset;
    }
    *duplicate = first < offset;
    return error;
}

/* The first event carries the message's ledger: it is new exactly once. Before the engine learns of it. */
static int count_coverage(struct vd_ingest *ingest, struct vd_ingest_batch *batch,
    const struct vd_event *record, const struct vd_security_event *event)
{
    const struct vd_security_message *message = &ingest->message;
    const struct vd_ledger *ledger = &message->ledger;
    const int64_t hour = record->enqueued_ms / VD_HOUR_MS;
    const struct vd_device_state *device;
    struct vd_coverage more;
    int error = VD_OK;

    if (!message->has_ledger || event != vd_security_message_event(message, 0)) {
        return VD_OK;
    }
    device = vd_engine_device(ingest->engine, record->device_id);
    more = (struct vd_coverage){
        .devices = device == NULL || device->ledger_hour != hour ? 1 : 0,
        .counted = ledger->packets_counted,
        .overflowed = ledger->packets_overflowed,
        .malformed = ledger->packets_malformed,
        .given_up = ledger->packets_given_up,
        .withheld = ledger->packets_withheld,
    };
    if (vd_coverage_missed(&more) > 0) {
        error =
            vd_coverage_add_loss(ingest->store, hour, record->device_id, vd_coverage_missed(&more));
    }
    if (error == VD_OK && hour / 24 != batch->day) { /* a replay of another day */
        return vd_coverage_add(ingest->store, hour, &more);
    }
    vd_coverage_sum(&batch->coverage[hour % 24], &more);
    return error;
}

static int take_event(struct vd_ingest *ingest, struct vd_ingest_batch *batch, uint64_t offset,
    const struct vd_event *record, const struct vd_security_event *event)
{
    struct vd_event_time time =
        vd_event_time_judge(record->enqueued_ms, event->time_s, event->interval_s);
    bool duplicate = false;
    int error = judge_duplicate(ingest, batch, offset, record, &event->id, &duplicate);

    if (error == VD_OK && duplicate) {
        batch->counted.duplicates += offset >= batch->alerts_from ? 1 : 0;
        return VD_OK;
    }
    if (error == VD_OK && offset >= batch->alerts_from) {
        struct vd_observation seen = observation_of(record, offset, VD_OBSERVED_EVENT);

        seen.time = time;
        seen.message = &ingest->message;
        seen.event = event;
        error = count_coverage(ingest, batch, record, event);
        error =
            error == VD_OK ? vd_engine_observe(ingest->engine, &seen, &ingest->findings) : error;
    }
    if (!ingest->stores_raw_events) {
        batch->counted.raw_events_passed_over += offset >= batch->alerts_from ? 1 : 0;
    } else if (error == VD_OK && offset >= batch->rows_from) {
        struct vd_raw_source source = {
            .device_id = record->device_id,
            .module_id = record->module_id,
            .enqueued_ms = record->enqueued_ms,
            .message = &ingest->message,
        };

        error = vd_raw_events_add(&ingest->rows, &source, event, &time);
    }
    return error;
}

/* Checks and decodes the record's message; the reason where it cannot be read. VD_E_INVALID, VD_E_NOMEM. */
static int decode_record(
    struct vd_ingest *ingest, const struct vd_event *record, char reason[REASON_SIZE])
{
    if (!vd_device_id_is_valid(record->device_id.data, record->device_id.length)) {
        snprintf(reason, REASON_SIZE, "the device id is malformed");
        return VD_E_INVALID;
    }
    if (record->module_id.length > 0 &&
        !vd_device_id_is_valid(record->module_id.data, record->module_id.length)) {
        snprintf(reason, REASON_SIZE, "the module id is malformed");
        return VD_E_INVALID;
    }
    return vd_device_message_decode(&ingest->message, record->properties, record->body, reason);
}

/* What cannot be read is kept with the reason, once. */
static int bury(struct vd_ingest *ingest, struct vd_ingest_batch *batch, uint64_t offset,
    const struct vd_event *record, const char *reason)
{
    if (offset < batch->alerts_from) {
        return VD_OK;
    }
    batch->counted.dead_letters++;
    return vd_dead_letter_add(ingest->store, offset, record, reason);
}

/* A result's code; 0 for an empty one. Rows' texts do not end with a NUL. */
static uint32_t code_of(struct vd_str text)
{
    uint32_t code = 0;

    for (size_t i = 0; i < text.length && text.data[i] >= '0' && text.data[i] <= '9'; i++) {
        code = code * 10 + (uint32_t)(text.data[i] - '0');
    }
    return code;
}

static int observe_operation(struct vd_ingest *ingest, uint64_t offset,
    const struct vd_event *record, const struct vd_diagnostic *row)
{
    struct vd_observation seen = observation_of(record, offset, VD_OBSERVED_OPERATION);
    json_t *properties = json_loadb(row->properties.data, row->properties.length, 0, NULL);
    const struct vd_operation_seen operation = {
        .category = row->category,
        .name = row->operation_name,
        .result = code_of(row->result_type),
        .reason = vd_str_from(text_or_empty(properties, "reason")),
        .protocol = vd_str_from(text_or_empty(properties, "protocol")),
        .properties = properties,
    };
    int error;

    seen.operation = &operation;
    error = vd_engine_observe(ingest->engine, &seen, &ingest->findings);
    json_decref(properties);
    return error;
}

static int observe_activity(struct vd_ingest *ingest, uint64_t offset,
    const struct vd_event *record, const struct vd_activity_row *row)
{
    struct vd_observation seen = observation_of(record, offset, VD_OBSERVED_ACTIVITY);
    json_t *properties = json_loadb(row->properties.data, row->properties.length, 0, NULL);
    const struct vd_activity_seen activity = {
        .caller = row->caller,
        .caller_address = row->caller_address,
        .operation_name = row->operation_name,
        .status = row->status,
        .resource_id = row->resource_id,
        .properties = properties,
    };
    int error;

    seen.activity = &activity;
    error = vd_engine_observe(ingest->engine, &seen, &ingest->findings);
    json_decref(properties);
    return error;
}

/* What solutions switch holds for the records that follow. */
static bool is_of_solution(const struct vd_activity_row *row)
{
    static const char solutions[] = "Microsoft.Security/iotSecuritySolutions/";

    return row->operation_name.length >= sizeof solutions - 1 &&
        memcmp(row->operation_name.data, solutions, sizeof solutions - 1) == 0;
}

/* Identities and the hub itself: what recommendations are about. */
static void note_change(struct vd_ingest *ingest, const struct vd_event *record)
{
    const struct vd_diagnostics *rows = &ingest->operations;
    const struct vd_diagnostic *row;

    if (record->kind == VD_EVENT_ACTIVITY) {
        ingest->has_hub_changed = true;
        if (is_of_solution(&rows->activities[rows->activity_count - 1])) {
            ingest->is_switch_due = true;
            ingest->switched_ms = record->enqueued_ms;
        }
        return;
    }
    row = &rows->rows[rows->count - 1];
    if (vd_str_equal_text(row->category, "DeviceIdentityOperations") &&
        !vd_str_equal_text(row->operation_name, "get") &&
        !vd_str_equal_text(row->operation_name, "list")) {
        ingest->has_hub_changed = true;
    }
}

/* The row that was added last, if it is new to the alert store. */
static int observe_row(struct vd_ingest *ingest, struct vd_ingest_batch *batch, uint64_t offset,
    const struct vd_event *record)
{
    const struct vd_diagnostics *rows = &ingest->operations;

    if (offset < batch->alerts_from) {
        return VD_OK;
    }
    note_change(ingest, record);
    return record->kind == VD_EVENT_ACTIVITY
        ? observe_activity(ingest, offset, record, &rows->activities[rows->activity_count - 1])
        : observe_operation(ingest, offset, record, &rows->rows[rows->count - 1]);
}

static int take_operation(struct vd_ingest *ingest, struct vd_ingest_batch *batch, uint64_t offset,
    const struct vd_event *record, char reason[REASON_SIZE])
{
    struct vd_diagnostics *rows = &ingest->operations;
    const size_t count = rows->count;
    const size_t activity_count = rows->activity_count;
    char id[VD_RECORD_ID_SIZE];
    int error;

    vd_record_id_format(ingest->log_epoch, offset, id);
    error = record->kind == VD_EVENT_ACTIVITY
        ? vd_diagnostics_add_activity(rows, id, record->body, record->enqueued_ms, reason)
        : vd_diagnostics_add(rows, id, record->body, record->enqueued_ms, reason);
    if (error == VD_OK) {
        error = observe_row(ingest, batch, offset, record);
    }
    if (error == VD_OK && offset < batch->rows_from) {
        rows->count = count; /* the query tables have it */
        rows->activity_count = activity_count;
    }
    return error;
}

/* A message counts whatever it says, and whether or not it can be read. */
static int observe_message(struct vd_ingest *ingest, struct vd_ingest_batch *batch, uint64_t offset,
    const struct vd_event *record)
{
    struct vd_observation seen = observation_of(record, offset, VD_OBSERVED_MESSAGE);

    seen.over_mqtt = !record->over_https;
    return offset >= batch->alerts_from
        ? vd_engine_observe(ingest->engine, &seen, &ingest->findings)
        : VD_OK;
}

static int take_message(struct vd_ingest *ingest, struct vd_ingest_batch *batch, uint64_t offset,
    const struct vd_event *record, char reason[REASON_SIZE])
{
    int error = decode_record(ingest, record, reason);

    if (error != VD_OK) {
        return error;
    }
    batch->counted.messages += offset >= batch->alerts_from ? 1 : 0;
    for (uint32_t i = 0; error == VD_OK && i < ingest->message.events.count; i++) {
        error = take_event(
            ingest, batch, offset, record, vd_security_message_event(&ingest->message, i));
    }
    return error;
}

/* Takes what the record says. VD_E_INVALID: it cannot be read, for that reason. */
static int take_content(struct vd_ingest *ingest, struct vd_ingest_batch *batch, uint64_t offset,
    const struct vd_event *record, char reason[REASON_SIZE])
{
    if (record->kind == VD_EVENT_OPERATION || record->kind == VD_EVENT_ACTIVITY) {
        return take_operation(ingest, batch, offset, record, reason);
    }
    return record->kind == VD_EVENT_SECURITY ? take_message(ingest, batch, offset, record, reason)
                                             : VD_OK;
}

/* A record that could not be read before. Its message was counted then. */
static int take_replay(struct vd_ingest *ingest, struct vd_ingest_batch *batch, uint64_t offset,
    const struct vd_event *record)
{
    const uint64_t duplicates = batch->counted.duplicates;
    const bool is_new = offset >= batch->alerts_from;
    char reason[REASON_SIZE] = "not a replay";
    struct vd_letter_mark mark = {.replay_offset = offset, .time_ms = vd_clock_utc_ms()};
    struct vd_event event;
    uint64_t letter = 0;
    bool is_over = false;
    int error = vd_replay_read(record, &letter, &event);

    if (error == VD_E_INVALID) {
        return bury(ingest, batch, offset, record, reason);
    }
    error = vd_dead_letter_is_over(ingest->store, letter, offset, is_new, &is_over);
    if (error != VD_OK || is_over) {
        return error;
    }
    error = take_content(ingest, batch, offset, &event, reason);
    if (!is_new || (error != VD_OK && error != VD_E_INVALID)) {
        return error == VD_E_INVALID ? VD_OK : error;
    }
    mark.refused = error == VD_E_INVALID ? reason : NULL;
    mark.events =
        error == VD_OK && event.kind == VD_EVENT_SECURITY ? ingest->message.events.count : 0;
    mark.duplicates = batch->counted.duplicates - duplicates;
    error = vd_dead_letter_mark(ingest->store, letter, &mark);
    if (error != VD_E_NOT_FOUND) {
        return error;
    }
    return mark.refused != NULL ? bury(ingest, batch, offset, &event, reason) : VD_OK;
}

int vd_ingest_take(struct vd_ingest *ingest, struct vd_ingest_batch *batch, uint64_t offset,
    const struct vd_event *record)
{
    const bool is_new = offset >= batch->alerts_from;
    char reason[REASON_SIZE];
    bool is_letter = false;
    int error = VD_OK;

    batch->counted.records += is_new ? 1 : 0;
    if (record->kind == VD_EVENT_REPLAY) {
        return take_replay(ingest, batch, offset, record);
    }
    if (record->kind == VD_EVENT_TELEMETRY || record->kind == VD_EVENT_SECURITY) {
        batch->counted.last_message_ms = record->enqueued_ms;
        error = observe_message(ingest, batch, offset, record);
    }
    if (error == VD_OK && !is_new) {
        error = vd_dead_letter_exists(ingest->store, offset, &is_letter);
    }
    if (error != VD_OK || is_letter) {
        return error;
    }
    error = take_content(ingest, batch, offset, record, reason);
    return error == VD_E_INVALID ? bury(ingest, batch, offset, record, reason) : error;
}
