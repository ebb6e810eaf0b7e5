/* SPDX-License-Identifier: MIT */
/* Reads records, decodes, detects, and commits to the alert store and then to the query tables. */

#include "center/ingest.h"

#include "center/decode/json_message.h"
#include "center/detect/rule.h"
#include "center/limits.h"
#include "center/store/alert_store_internal.h"
#include "center/store/groups.h"
#include "lib/clock.h"
#include "lib/log.h"

#define PARTITION 0
/* A batch without rows moves the query tables' offset this much later at most. */
#define OFFSET_SAVE_INTERVAL_MS 1000

#define REASON_SIZE VD_DECODE_REASON_SIZE
_Static_assert(VD_DIAGNOSTIC_REASON_SIZE <= REASON_SIZE, "a reason of either kind fits");

/* One batch under way. */
struct batch {
    uint64_t alerts_from; /* the sinks' offsets before the batch */
    uint64_t rows_from;
    uint64_t next;    /* the offset behind the last record taken */
    int32_t seen_day; /* of the table that new events go to */
    int32_t day;      /* of the records: a batch holds one day's */
    bool started;
    struct vd_center_stats counted; /* what the batch adds once it is committed */
};

int vd_ingest_init(struct vd_ingest *ingest, const struct vd_center_config *config)
{
    struct vd_event_log *log = config->log;
    uint64_t end;
    uint64_t alerts;
    uint64_t rows;
    int error;

    *ingest = (struct vd_ingest){
        .log = log,
        .analytics = config->analytics,
        .store = config->store,
        .log_epoch = config->detection.log_epoch,
        .read_bytes = VD_INGEST_READ_BYTES,
        .indicator_generation = -1,
        .group_generation = -1,
        .hub_changed = config->hub_changed,
        .hub_changed_context = config->hub_changed_context,
        .is_engine_stale = true,
    };
    error = vd_engine_new(&config->detection, config->fleet, &ingest->engine);
    if (error != VD_OK) {
        return error;
    }
    error = vd_event_log_end(log, PARTITION, &end);
    if (error == VD_OK) {
        error = vd_alert_store_offset(config->store, &alerts);
    }
    if (error == VD_OK) {
        error = vd_analytics_offset(config->analytics, &rows);
    }
    if (error != VD_OK) {
        return error;
    }
    if (alerts > end || rows > end) {
        vd_log(VD_LOG_ERROR, "center.ahead_of_log",
            "log_end=%llu alerts=%llu rows=%llu problem=\"the event log is not the one that the "
            "stores were filled from\"",
            (unsigned long long)end, (unsigned long long)alerts, (unsigned long long)rows);
        return VD_E_CORRUPT;
    }
    ingest->stats.next_offset = alerts < rows ? alerts : rows;
    return VD_OK;
}

void vd_ingest_release(struct vd_ingest *ingest)
{
    vd_indicator_set_release(ingest->indicators);
    vd_event_batch_release(&ingest->records);
    vd_security_message_release(&ingest->message);
    vd_raw_events_release(&ingest->rows);
    vd_diagnostics_release(&ingest->operations);
    vd_findings_release(&ingest->findings);
    vd_engine_free(ingest->engine);
}

static int refresh_indicators(struct vd_ingest *ingest)
{
    struct vd_indicator_set *set = NULL;
    int64_t generation;
    int error = vd_alert_store_indicator_generation(ingest->store, &generation);

    if (error != VD_OK || generation == ingest->indicator_generation) {
        return error;
    }
    error = vd_alert_store_load_indicators(ingest->store, &generation, &set);
    if (error == VD_OK) {
        vd_indicator_set_release(ingest->indicators);
        ingest->indicators = set;
        vd_engine_set_indicators(ingest->engine, set);
        ingest->indicator_generation = generation;
        vd_log(VD_LOG_INFO, "center.indicators", "count=%u generation=%lld",
            vd_indicator_set_count(set), (long long)generation);
    }
    return error;
}

static int refresh_groups(struct vd_ingest *ingest)
{
    struct vd_group_rules **rules = NULL;
    size_t count = 0;
    int64_t generation = 0;
    int error = vd_groups_generation(ingest->store, &generation);

    if (error != VD_OK || generation == ingest->group_generation) {
        return error;
    }
    error = vd_groups_load(ingest->store, &generation, &rules, &count);
    if (error == VD_OK) {
        error = vd_engine_set_rules(ingest->engine, rules, count);
    }
    free(rules);
    if (error == VD_OK) {
        ingest->group_generation = generation;
        vd_log(VD_LOG_INFO, "center.groups", "count=%zu generation=%lld", count,
            (long long)generation);
    }
    return error;
}

/* After a start, and when a transaction was rolled back. */
static int load_engine(struct vd_ingest *ingest)
{
    int error = ingest->is_engine_stale ? vd_engine_load(ingest->engine, ingest->store) : VD_OK;

    if (error == VD_OK) {
        ingest->is_engine_stale = false;
    }
    return error;
}

int vd_ingest_refresh(struct vd_ingest *ingest)
{
    int error = load_engine(ingest);

    if (error == VD_OK) {
        error = refresh_indicators(ingest);
    }
    return error == VD_OK ? refresh_groups(ingest) : error;
}

/* ---- One record ---- */

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
static int judge_duplicate(struct vd_ingest *ingest, const struct batch *batch, uint64_t offset,
    const struct vd_event *record, const struct vd_uuid *event_id, bool *duplicate)
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

static int take_event(struct vd_ingest *ingest, struct batch *batch, uint64_t offset,
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
        error = vd_engine_observe(ingest->engine, &seen, &ingest->findings);
    }
    if (error == VD_OK && offset >= batch->rows_from) {
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
static int bury(struct vd_ingest *ingest, struct batch *batch, uint64_t offset,
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

/* Identities and the hub itself: what recommendations are about. */
static void note_change(struct vd_ingest *ingest, const struct vd_event *record)
{
    const struct vd_diagnostics *rows = &ingest->operations;
    const struct vd_diagnostic *row;

    if (record->kind == VD_EVENT_ACTIVITY) {
        ingest->has_hub_changed = true;
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
static int observe_row(
    struct vd_ingest *ingest, struct batch *batch, uint64_t offset, const struct vd_event *record)
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

static int take_operation(struct vd_ingest *ingest, struct batch *batch, uint64_t offset,
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
static int observe_message(
    struct vd_ingest *ingest, struct batch *batch, uint64_t offset, const struct vd_event *record)
{
    struct vd_observation seen = observation_of(record, offset, VD_OBSERVED_MESSAGE);

    seen.over_mqtt = !record->over_https;
    return offset >= batch->alerts_from
        ? vd_engine_observe(ingest->engine, &seen, &ingest->findings)
        : VD_OK;
}

static int take_message(struct vd_ingest *ingest, struct batch *batch, uint64_t offset,
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
static int take_content(struct vd_ingest *ingest, struct batch *batch, uint64_t offset,
    const struct vd_event *record, char reason[REASON_SIZE])
{
    if (record->kind == VD_EVENT_OPERATION || record->kind == VD_EVENT_ACTIVITY) {
        return take_operation(ingest, batch, offset, record, reason);
    }
    return record->kind == VD_EVENT_SECURITY ? take_message(ingest, batch, offset, record, reason)
                                             : VD_OK;
}

/* A record that could not be read before. Its message was counted then. */
static int take_replay(
    struct vd_ingest *ingest, struct batch *batch, uint64_t offset, const struct vd_event *record)
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

static int take_record(
    struct vd_ingest *ingest, struct batch *batch, uint64_t offset, const struct vd_event *record)
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

/* ---- One batch ---- */

static int start_day(struct vd_ingest *ingest, struct batch *batch, const struct vd_event *record)
{
    batch->started = true;
    batch->day = vd_time_day(record->enqueued_ms);
    return vd_event_seen_start(ingest->store, record->enqueued_ms, &batch->seen_day);
}

/* A batch ends with its day, and when enough came of it. */
static bool batch_is_full(
    const struct vd_ingest *ingest, const struct batch *batch, const struct vd_event *next)
{
    return vd_time_day(next->enqueued_ms) != batch->day ||
        ingest->rows.count + ingest->operations.count + ingest->operations.activity_count >=
        VD_INGEST_ROWS_MAX ||
        ingest->rows.text.bytes + ingest->operations.text.bytes + ingest->findings.memory.bytes >=
        VD_INGEST_TEXT_BYTES_MAX;
}

/* Takes records from `reader`, of which the first has offset batch->next. */
static int take_records(struct vd_ingest *ingest, struct batch *batch, struct vd_reader *reader)
{
    struct vd_event record;
    int error;

    while ((error = vd_event_next(reader, &record)) == VD_OK) {
        if (!batch->started) {
            error = start_day(ingest, batch, &record);
        } else if (batch_is_full(ingest, batch, &record)) {
            return VD_OK;
        }
        if (error == VD_OK) {
            error = take_record(ingest, batch, batch->next, &record);
        }
        if (error != VD_OK) {
            return error;
        }
        batch->next++;
    }
    return error == VD_E_NOT_FOUND ? VD_OK : error;
}

/* Writes what detections found and know. */
static int store_findings(struct vd_ingest *ingest, struct vd_findings_tally *tally)
{
    int error = vd_engine_flush(ingest->engine, &ingest->findings);

    if (error == VD_OK) {
        error = vd_findings_store(&ingest->findings, ingest->store, vd_clock_utc_ms(), tally);
    }
    return error == VD_OK ? vd_engine_save(ingest->engine, ingest->store) : error;
}

/* Writes alerts and the offset, unless the alert store has had all of these records. */
static int finish_alerts(struct vd_ingest *ingest, struct batch *batch)
{
    struct vd_findings_tally tally;
    int error;

    if (batch->next <= batch->alerts_from) {
        return VD_OK;
    }
    error = store_findings(ingest, &tally);
    if (error == VD_OK) {
        error = vd_alert_store_set_offset(ingest->store, batch->next);
        batch->counted.alerts_raised = tally.raised;
        batch->counted.alerts_repeated = tally.repeated;
    }
    return error;
}

static void add_counters(struct vd_center_stats *total, const struct vd_center_stats *more)
{
    total->records += more->records;
    total->messages += more->messages;
    total->dead_letters += more->dead_letters;
    total->duplicates += more->duplicates;
    total->alerts_raised += more->alerts_raised;
    total->alerts_repeated += more->alerts_repeated;
}

static void publish_detection(struct vd_ingest *ingest)
{
    struct vd_engine_stats stats;

    vd_engine_stats_get(ingest->engine, &stats);
    ingest->stats.windows_closed = stats.windows;
    ingest->stats.windows_skipped = stats.skipped;
    ingest->stats.counts_late = stats.late;
    ingest->stats.devices_known = stats.devices;
}

static void tell_change(struct vd_ingest *ingest)
{
    if (ingest->has_hub_changed && ingest->hub_changed != NULL) {
        ingest->hub_changed(ingest->hub_changed_context);
    }
    ingest->has_hub_changed = false;
}

/* The alert store's part of the batch, in one transaction. */
static int commit_alerts(struct vd_ingest *ingest, struct batch *batch)
{
    struct vd_reader reader;
    int error = vd_alert_store_begin(ingest->store);

    if (error != VD_OK) {
        return error;
    }
    vd_reader_init(&reader, ingest->records.bytes.data, ingest->records.bytes.length);
    error = take_records(ingest, batch, &reader);
    if (error == VD_OK) {
        error = finish_alerts(ingest, batch);
    }
    if (error != VD_OK) {
        vd_alert_store_rollback(ingest->store);
        ingest->is_engine_stale = true;
        return error;
    }
    error = vd_alert_store_commit(ingest->store);
    ingest->is_engine_stale = error != VD_OK;
    if (error == VD_OK) {
        add_counters(&ingest->stats, &batch->counted);
        publish_detection(ingest);
        tell_change(ingest);
    }
    return error;
}

int vd_ingest_tick(struct vd_ingest *ingest, int64_t now_ms)
{
    struct vd_findings_tally tally = {0};
    int error = load_engine(ingest);

    if (error != VD_OK) {
        return error;
    }
    vd_findings_clear(&ingest->findings);
    error = vd_engine_advance(ingest->engine, now_ms, &ingest->findings);
    if (error == VD_OK && !vd_engine_has_changed(ingest->engine)) {
        return VD_OK;
    }
    if (error == VD_OK) {
        error = vd_alert_store_begin(ingest->store);
    }
    if (error != VD_OK) {
        ingest->is_engine_stale = true;
        return error;
    }
    error = store_findings(ingest, &tally);
    if (error == VD_OK) {
        error = vd_alert_store_commit(ingest->store);
    } else {
        vd_alert_store_rollback(ingest->store);
    }
    ingest->is_engine_stale = error != VD_OK;
    if (error == VD_OK) {
        ingest->stats.alerts_raised += tally.raised;
        ingest->stats.alerts_repeated += tally.repeated;
        publish_detection(ingest);
    }
    return error;
}

static int commit_rows(struct vd_ingest *ingest, const struct batch *batch)
{
    const struct vd_table_rows rows = {
        .raw_events = ingest->rows.rows,
        .raw_event_count = ingest->rows.count,
        .diagnostics = ingest->operations.rows,
        .diagnostic_count = ingest->operations.count,
        .activities = ingest->operations.activities,
        .activity_count = ingest->operations.activity_count,
    };
    int64_t now = vd_clock_monotonic_ms();
    int error;

    if (batch->next <= batch->rows_from) {
        return VD_OK;
    }
    if (rows.raw_event_count + rows.diagnostic_count + rows.activity_count == 0 &&
        now - ingest->offset_saved_ms < OFFSET_SAVE_INTERVAL_MS) {
        ingest->rows_next = batch->next;
        return VD_OK;
    }
    error = vd_analytics_append(ingest->analytics, &rows, batch->next);
    if (error == VD_OK) {
        ingest->offset_saved_ms = now;
        ingest->rows_next = batch->next;
        ingest->stats.raw_events += ingest->rows.count;
    }
    return error;
}

/* Where both sinks go on. */
static int read_offsets(struct vd_ingest *ingest, struct batch *batch)
{
    int error = vd_alert_store_offset(ingest->store, &batch->alerts_from);

    if (error == VD_OK) {
        error = vd_analytics_offset(ingest->analytics, &batch->rows_from);
    }
    if (error == VD_OK && batch->rows_from < ingest->rows_next) {
        batch->rows_from = ingest->rows_next;
    }
    return error;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Reads what comes next for the sink that is behind; batch->next becomes the first record's offset. */
static int read_records(struct vd_ingest *ingest, struct batch *batch)
{
    uint64_t from = smaller(batch->alerts_from, batch->rows_from);
    int error = vd_event_log_read(
        ingest->log, PARTITION, from, ingest->read_bytes, &ingest->records, &batch->next);

    ingest->stats.next_offset = from;
    if (error == VD_OK && batch->next > from) {
        vd_log(VD_LOG_ERROR, "center.log_gap", "from=%llu to=%llu", (unsigned long long)from,
            (unsigned long long)batch->next);
    }
    return error;
}

int vd_ingest_step(struct vd_ingest *ingest)
{
    struct batch batch = {0};
    int error = load_engine(ingest);

    if (error != VD_OK) {
        return error;
    }
    vd_raw_events_clear(&ingest->rows);
    vd_diagnostics_clear(&ingest->operations);
    vd_findings_clear(&ingest->findings);
    error = read_offsets(ingest, &batch);
    if (error == VD_OK) {
        error = read_records(ingest, &batch);
    }
    if (error == VD_OK) {
        error = commit_alerts(ingest, &batch);
    }
    if (error == VD_OK) {
        error = commit_rows(ingest, &batch);
    }
    if (error == VD_OK) {
        ingest->stats.next_offset = batch.next;
    }
    return error;
}

/* Tells the query tables of an offset that they have not been told yet. */
static int save_offset(struct vd_ingest *ingest, int64_t now, uint64_t *saved)
{
    int error = vd_analytics_offset(ingest->analytics, saved);

    if (error != VD_OK || *saved >= ingest->rows_next) {
        return error;
    }
    error = vd_analytics_append(ingest->analytics, NULL, ingest->rows_next);
    if (error == VD_OK) {
        ingest->offset_saved_ms = now;
        *saved = ingest->rows_next;
    }
    return error;
}

int vd_ingest_settle(struct vd_ingest *ingest)
{
    int64_t now = vd_clock_monotonic_ms();
    uint64_t alerts;
    uint64_t rows;
    int error;

    if (now - ingest->offset_saved_ms < OFFSET_SAVE_INTERVAL_MS) {
        return VD_OK;
    }
    error = save_offset(ingest, now, &rows);
    if (error != VD_OK || now - ingest->trimmed_ms < VD_INGEST_TRIM_INTERVAL_MS) {
        return error;
    }
    error = vd_alert_store_offset(ingest->store, &alerts);
    if (error == VD_OK) {
        error = vd_event_log_trim(ingest->log, PARTITION, smaller(alerts, rows));
    }
    if (error == VD_OK) {
        ingest->trimmed_ms = now;
    }
    return error;
}
