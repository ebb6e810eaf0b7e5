/* SPDX-License-Identifier: MIT */
/* Reads records, decodes, detects, and commits to the alert store and then to the query tables. */

#include "center/ingest_internal.h"

#include "center/detect/rule.h"
#include "center/limits.h"
#include "center/store/alert_act.h"
#include "center/store/alert_store_internal.h"
#include "center/store/groups.h"
#include "center/store/raw_pauses.h"
#include "lib/clock.h"
#include "lib/damage.h"
#include "lib/log.h"

#define PARTITION 0
/* A batch without rows moves the query tables' offset this much later at most. */
#define OFFSET_SAVE_INTERVAL_MS 1000

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
        .read_switches = config->read_switches,
        .read_switches_context = config->read_switches_context,
        .stores_raw_events = true,
        .stored_noted = -1,
        .detection = config->detection,
        .has_hub_changed = true, /* for all that is known */
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

static void set_indicators(
    struct vd_ingest *ingest, struct vd_indicator_set *set, int64_t generation)
{
    vd_indicator_set_release(ingest->indicators);
    ingest->indicators = set;
    vd_engine_set_indicators(ingest->engine, set);
    ingest->indicator_generation = generation;
    vd_feeds_set_in_use(ingest->store, generation);
    ingest->is_hunt_due = true;
}

/* Once both stores have the same of the log: all that was judged by older indicators is in both then. */
static int offer_hunt(struct vd_ingest *ingest)
{
    uint64_t alerts = 0;
    int error;

    if (ingest->hunter == NULL || !ingest->is_hunt_due) {
        return VD_OK;
    }
    error = vd_alert_store_offset(ingest->store, &alerts);
    if (error == VD_OK && ingest->stats.next_offset >= alerts) {
        vd_hunter_offer(ingest->hunter, ingest->indicators, ingest->indicator_generation);
        ingest->is_hunt_due = false;
    }
    return error;
}

static int refresh_indicators(struct vd_ingest *ingest)
{
    struct vd_indicator_set *set = NULL;
    int64_t generation = 0;
    int error;

    if (ingest->loader != NULL) {
        set = vd_indicator_loader_take(ingest->loader, &generation);
        if (set != NULL) {
            set_indicators(ingest, set, generation);
        }
        return VD_OK;
    }
    error = vd_feeds_generation(ingest->store, &generation);
    if (error != VD_OK || generation == ingest->indicator_generation) {
        return error;
    }
    error = vd_feeds_load(ingest->store, true, vd_clock_utc_ms(), &generation, &set);
    if (error == VD_OK) {
        set_indicators(ingest, set, generation);
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
    return vd_damage_note(VD_DAMAGE_ALERTS, error);
}

/* Later readers of what is stored are to know what is not. Tried again until it is written. */
static void note_switch(struct vd_ingest *ingest)
{
    const int64_t time_ms = ingest->switched_ms != 0 ? ingest->switched_ms : vd_clock_utc_ms();

    if (ingest->stored_noted == (ingest->stores_raw_events ? 1 : 0)) {
        return;
    }
    if (vd_raw_pauses_set(ingest->store, ingest->stores_raw_events, time_ms) == VD_OK) {
        vd_log(VD_LOG_INFO, "center.raw_events", "stored=%d", ingest->stores_raw_events ? 1 : 0);
        ingest->stored_noted = ingest->stores_raw_events ? 1 : 0;
    }
}

static void read_switches(struct vd_ingest *ingest)
{
    if (ingest->read_switches != NULL &&
        ingest->read_switches(
            ingest->read_switches_context, &ingest->detection, &ingest->stores_raw_events)) {
        vd_engine_set_settings(ingest->engine, &ingest->detection);
    }
}

/* Whoever must know that identities or the hub were changed. */
static void tell_change(struct vd_ingest *ingest)
{
    if (!ingest->has_hub_changed) {
        return;
    }
    ingest->has_hub_changed = false;
    if (ingest->hub_changed != NULL) {
        ingest->hub_changed(ingest->hub_changed_context);
    }
    read_switches(ingest);
}

int vd_ingest_refresh(struct vd_ingest *ingest)
{
    int error = load_engine(ingest);

    if (error == VD_OK) {
        tell_change(ingest);
        note_switch(ingest);
        error = refresh_indicators(ingest);
    }
    return error == VD_OK ? refresh_groups(ingest) : error;
}

/* ---- One batch ---- */

static int start_day(
    struct vd_ingest *ingest, struct vd_ingest_batch *batch, const struct vd_event *record)
{
    batch->started = true;
    batch->day = vd_time_day(record->enqueued_ms);
    return vd_event_seen_start(ingest->store, record->enqueued_ms, &batch->seen_day);
}

/* A batch ends with its day, and when enough came of it. */
static bool batch_is_full(const struct vd_ingest *ingest, const struct vd_ingest_batch *batch,
    const struct vd_event *next)
{
    return vd_time_day(next->enqueued_ms) != batch->day ||
        ingest->rows.count + ingest->rows.flow_count + ingest->operations.count +
            ingest->operations.activity_count >=
        VD_INGEST_ROWS_MAX ||
        ingest->rows.text.bytes + ingest->operations.text.bytes + ingest->findings.memory.bytes >=
        VD_INGEST_TEXT_BYTES_MAX;
}

/* Takes records from `reader`, of which the first has offset batch->next. */
static int take_records(
    struct vd_ingest *ingest, struct vd_ingest_batch *batch, struct vd_reader *reader)
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
            error = vd_ingest_take(ingest, batch, batch->next, &record);
        }
        if (error != VD_OK) {
            return error;
        }
        batch->next++;
        if (ingest->is_switch_due) {
            return VD_OK;
        }
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

static int store_coverage(struct vd_ingest *ingest, const struct vd_ingest_batch *batch)
{
    static const struct vd_coverage none = {0};
    int error = VD_OK;

    for (int i = 0; i < 24 && error == VD_OK; i++) {
        if (memcmp(&batch->coverage[i], &none, sizeof none) != 0) {
            error =
                vd_coverage_add(ingest->store, (int64_t)batch->day * 24 + i, &batch->coverage[i]);
        }
    }
    return error;
}

/* Writes alerts and the offset, unless the alert store has had all of these records. */
static int finish_alerts(struct vd_ingest *ingest, struct vd_ingest_batch *batch)
{
    struct vd_findings_tally tally;
    int error;

    if (batch->next <= batch->alerts_from) {
        return VD_OK;
    }
    error = store_findings(ingest, &tally);
    if (error == VD_OK) {
        error = store_coverage(ingest, batch);
    }
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
    total->raw_events_passed_over += more->raw_events_passed_over;
    total->last_message_ms =
        more->last_message_ms != 0 ? more->last_message_ms : total->last_message_ms;
}

static void publish_detection(struct vd_ingest *ingest)
{
    struct vd_engine_stats stats;

    vd_engine_stats_get(ingest->engine, &stats);
    ingest->stats.windows_closed = stats.windows;
    ingest->stats.windows_skipped = stats.skipped;
    ingest->stats.counts_late = stats.late;
    ingest->stats.windows_partial = stats.uncounted;
    ingest->stats.devices_known = stats.devices;
    ingest->stats.devices_reporting = stats.reporting;
    ingest->stats.devices_silent = stats.silent;
}

/* The alert store's part of the batch, in one transaction. */
static int commit_alerts(struct vd_ingest *ingest, struct vd_ingest_batch *batch)
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
        note_switch(ingest);
    }
    return error;
}

int vd_ingest_set_back(struct vd_ingest *ingest, int64_t now_ms)
{
    int error = VD_OK;

    if (vd_engine_is_ahead(ingest->engine, now_ms)) {
        error = vd_alert_store_set_back(ingest->store, now_ms);
    }
    return error == VD_OK ? vd_engine_set_back(ingest->engine, now_ms) : error;
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
    error = vd_alert_store_end(ingest->store, store_findings(ingest, &tally));
    ingest->is_engine_stale = error != VD_OK;
    if (error == VD_OK) {
        ingest->stats.alerts_raised += tally.raised;
        ingest->stats.alerts_repeated += tally.repeated;
        publish_detection(ingest);
    }
    return error;
}

static int commit_rows(struct vd_ingest *ingest, const struct vd_ingest_batch *batch)
{
    const struct vd_table_rows rows = {
        .raw_events = ingest->rows.rows,
        .raw_event_count = ingest->rows.count,
        .flows = ingest->rows.flows,
        .flow_count = ingest->rows.flow_count,
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
    if (rows.raw_event_count + rows.flow_count + rows.diagnostic_count + rows.activity_count == 0 &&
        now - ingest->offset_saved_ms < OFFSET_SAVE_INTERVAL_MS) {
        ingest->rows_next = batch->next;
        return VD_OK;
    }
    error = vd_analytics_append(ingest->analytics, &rows, batch->next);
    if (error == VD_OK) {
        ingest->offset_saved_ms = now;
        ingest->rows_next = batch->next;
        ingest->stats.raw_events += ingest->rows.count + ingest->rows.flow_count;
    }
    return error;
}

/* Where both sinks go on. */
static int read_offsets(struct vd_ingest *ingest, struct vd_ingest_batch *batch)
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
static int read_records(struct vd_ingest *ingest, struct vd_ingest_batch *batch)
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
    struct vd_ingest_batch batch = {0};
    int error = load_engine(ingest);

    if (error != VD_OK) {
        return error;
    }
    vd_raw_events_clear(&ingest->rows);
    vd_diagnostics_clear(&ingest->operations);
    vd_findings_clear(&ingest->findings);
    ingest->is_switch_due = false;
    error = read_offsets(ingest, &batch);
    if (error == VD_OK) {
        error = read_records(ingest, &batch);
    }
    if (error == VD_OK) {
        error = vd_damage_note(VD_DAMAGE_ALERTS, commit_alerts(ingest, &batch));
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
    int error = offer_hunt(ingest);

    if (error != VD_OK || now - ingest->offset_saved_ms < OFFSET_SAVE_INTERVAL_MS) {
        return error;
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
