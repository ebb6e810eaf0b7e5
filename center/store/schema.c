/* SPDX-License-Identifier: MIT */
/* The tables of center.db, version by version, and how an older file becomes one of today. */

#include "center/store/alert_store_internal.h"
#include "lib/log.h"

/* "VdAl" */
#define APPLICATION_ID 0x5664416c

static const char first[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    /* Events seen on even and odd days; a table is emptied when its next day begins. */
    "CREATE TABLE event_seen_even(key BLOB PRIMARY KEY, first_offset INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE event_seen_odd(key BLOB PRIMARY KEY, first_offset INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE dead_letters(offset INTEGER PRIMARY KEY, enqueued_ms INTEGER NOT NULL,"
    " device_id TEXT NOT NULL, module_id TEXT NOT NULL, reason TEXT NOT NULL,"
    " properties TEXT NOT NULL, body BLOB NOT NULL);"
    "CREATE TABLE alerts(number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    " change INTEGER NOT NULL UNIQUE, type TEXT NOT NULL, display_name TEXT NOT NULL,"
    " severity TEXT NOT NULL, status TEXT NOT NULL, device_id TEXT NOT NULL,"
    " module_id TEXT NOT NULL, subject TEXT NOT NULL, day INTEGER NOT NULL,"
    " start_ms INTEGER NOT NULL, end_ms INTEGER NOT NULL, generated_ms INTEGER NOT NULL,"
    " count INTEGER NOT NULL, description TEXT NOT NULL, remediation TEXT NOT NULL,"
    " techniques TEXT NOT NULL, indicator_value TEXT, indicator_source TEXT);"
    "CREATE INDEX alerts_by_device ON alerts(device_id, number);"
    "CREATE TABLE evidence(alert INTEGER NOT NULL, sequence INTEGER NOT NULL, body TEXT NOT NULL,"
    " PRIMARY KEY(alert, sequence)) WITHOUT ROWID;"
    "CREATE TABLE indicators(feed TEXT NOT NULL, range_from BLOB NOT NULL, range_to BLOB NOT NULL,"
    " text TEXT NOT NULL, line INTEGER NOT NULL, PRIMARY KEY(feed, range_from, range_to))"
    " WITHOUT ROWID;";

/* ---- Version 2, by area ---- */

static const char alerts_2[] =
    "ALTER TABLE alerts ADD COLUMN cause TEXT NOT NULL DEFAULT '';"
    "UPDATE alerts SET cause = subject;"
    "ALTER TABLE alerts ADD COLUMN assessment TEXT;"
    /* The id of the dismissed alert on whose account this one was dismissed when it was raised. */
    "ALTER TABLE alerts ADD COLUMN suppressed_by TEXT;"
    /* Each with the number behind, so that a page is read off an index however many alerts there are. */
    "CREATE INDEX alerts_open ON alerts(number) WHERE status IN ('New', 'InProgress');"
    "CREATE INDEX alerts_open_by_severity ON alerts(severity, number)"
    " WHERE status IN ('New', 'InProgress');"
    "CREATE INDEX alerts_by_state ON alerts(status, severity, number);"
    "CREATE INDEX alerts_by_status ON alerts(status, number);"
    "CREATE INDEX alerts_by_severity ON alerts(severity, number);"
    "CREATE INDEX alerts_by_cause ON alerts(type, cause, number);"
    "CREATE INDEX alerts_by_type ON alerts(type, number);"
    "CREATE INDEX alerts_by_day ON alerts(day, type, device_id);"
    "CREATE INDEX alerts_by_time ON alerts(generated_ms);"
    /* What most queries over all alerts need, so that they read a tenth of the file: center/store/duckdb_center_tables.c. */
    "CREATE INDEX alerts_narrow ON alerts(number, generated_ms, severity, type, display_name,"
    " status, device_id, subject, start_ms, end_ms, count, id);"
    "CREATE INDEX alerts_by_source ON alerts(indicator_source, number)"
    " WHERE indicator_source IS NOT NULL;"
    "CREATE TABLE alert_history(alert INTEGER NOT NULL, sequence INTEGER NOT NULL,"
    " time_ms INTEGER NOT NULL, actor TEXT NOT NULL, event TEXT NOT NULL,"
    " from_state TEXT NOT NULL, to_state TEXT NOT NULL, reason TEXT, text TEXT,"
    " until_ms INTEGER NOT NULL, PRIMARY KEY(alert, sequence)) WITHOUT ROWID;"
    /* What a dismissal holds for: later alerts of the same key are raised as dismissed. */
    "CREATE TABLE suppressions(type TEXT NOT NULL, device_id TEXT NOT NULL,"
    " module_id TEXT NOT NULL, subject TEXT NOT NULL, alert TEXT NOT NULL,"
    " until_ms INTEGER NOT NULL, PRIMARY KEY(type, device_id, module_id, subject)) WITHOUT ROWID;"
    /* Tells evidence that is replaced as it grows, such as a window's count; 0: it has none. */
    "ALTER TABLE evidence ADD COLUMN key INTEGER NOT NULL DEFAULT 0;";

static const char detection_2[] =
    /* What detections know of a device, one row a device: center/detect/device_state.h. Its indexes hold what a page of the
     * inventory is counted and picked by, and seldom change. */
    "CREATE TABLE device_states(device_id TEXT PRIMARY KEY, group_name TEXT NOT NULL,"
    " presence INTEGER NOT NULL, heard_slot INTEGER NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX device_states_by_presence ON device_states(presence, device_id, group_name);"
    "CREATE INDEX device_states_by_group ON device_states(group_name, device_id, presence);"
    "CREATE INDEX device_states_by_heard ON device_states(heard_slot, device_id, presence,"
    " group_name);";

static const char groups_2[] =
    /* Device security groups: `properties` as they were sent, JSON. */
    "CREATE TABLE security_groups(name TEXT PRIMARY KEY COLLATE NOCASE, properties TEXT NOT NULL,"
    " changed_ms INTEGER NOT NULL) WITHOUT ROWID;";

static const char recommendations_2[] =
    "CREATE TABLE recommendations(type TEXT PRIMARY KEY, is_active INTEGER NOT NULL,"
    " since_ms INTEGER NOT NULL, first_active_ms INTEGER NOT NULL, evaluated_ms INTEGER NOT NULL,"
    " description TEXT NOT NULL, resources TEXT NOT NULL, resource_count INTEGER NOT NULL,"
    " unhealthy_devices INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE recommendation_changes(number INTEGER PRIMARY KEY, type TEXT NOT NULL,"
    " time_ms INTEGER NOT NULL, is_active INTEGER NOT NULL,"
    " description TEXT NOT NULL, resources TEXT NOT NULL, resource_count INTEGER NOT NULL,"
    " unhealthy_devices INTEGER NOT NULL);"
    "CREATE INDEX recommendation_changes_by_type ON recommendation_changes(type, time_ms);";

static const char letters_2[] =
    /* What the record was (lib/event.h), and what became of its last replay: '' (none), 'Taken', 'Refused'. */
    "ALTER TABLE dead_letters ADD COLUMN kind INTEGER NOT NULL DEFAULT 2;"
    "ALTER TABLE dead_letters ADD COLUMN over_https INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE dead_letters ADD COLUMN address TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE dead_letters ADD COLUMN replay_state TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE dead_letters ADD COLUMN replay_offset INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE dead_letters ADD COLUMN replayed_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE dead_letters ADD COLUMN replay_reason TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE dead_letters ADD COLUMN replay_events INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE dead_letters ADD COLUMN replay_duplicates INTEGER NOT NULL DEFAULT 0;";

static const char feeds_2[] =
    /* `file` is the text's in the folder `intel`; `source_ns` the time of a feed's own file when it was read. The table
     * `indicators` goes when its lists have become feeds: center/store/feed_set.c. */
    "CREATE TABLE feeds(number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    " settings TEXT NOT NULL, file TEXT NOT NULL, fetched_ms INTEGER NOT NULL,"
    " attempted_ms INTEGER NOT NULL, source_ns INTEGER NOT NULL, error TEXT,"
    " report TEXT NOT NULL);";

static const char sources_2[] =
    /* URLs of feeds. `revision` grows when the feed is put, so that a fetch sees that it was for another; `asked` when somebody
     * wants it fetched, who is not served by a fetch that was under way; `next_ms` 0: now; below 0: that
     * one has begun, and should it never end, the next is at the time that this is without its sign. */
    "CREATE TABLE feed_sources(name TEXT PRIMARY KEY, revision INTEGER NOT NULL,"
    " credential TEXT NOT NULL, secret BLOB NOT NULL, etag TEXT NOT NULL DEFAULT '',"
    " last_modified TEXT NOT NULL DEFAULT '', added_after TEXT NOT NULL DEFAULT '',"
    " asked INTEGER NOT NULL DEFAULT 0, next_ms INTEGER NOT NULL DEFAULT 0, attempted_ms INTEGER NOT NULL DEFAULT 0,"
    " checked_ms INTEGER NOT NULL DEFAULT 0, failures INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;";

static const char marks_2[] =
    /* Digests of what indicators were found for already, by the day on which the hub got it. What an older file has judged
     * has none, so nothing from before `marks_since_ms` is searched afterwards. */
    "CREATE TABLE indicator_marks(day INTEGER NOT NULL, key INTEGER NOT NULL,"
    " PRIMARY KEY(day, key)) WITHOUT ROWID;"
    "INSERT INTO meta(key, value) SELECT 'marks_since_ms',"
    " CAST(strftime('%s', 'now') AS INTEGER) * 1000"
    " WHERE EXISTS(SELECT 1 FROM meta WHERE key = 'next_offset');";

static const char notify_2[] =
    /* What sinks are to be told: alerts as they were then, JSON. `sink`: '' for all of them. Numbers are never used again. */
    "CREATE TABLE outbox(sequence INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT NOT NULL,"
    " rank INTEGER NOT NULL, time_ms INTEGER NOT NULL, sink TEXT NOT NULL, body TEXT NOT NULL);"
    /* `next`: the first sequence it is not done with. `open`: of the attempt without a result, 0: none. */
    "CREATE TABLE notify_sinks(name TEXT PRIMARY KEY, kind TEXT NOT NULL, settings TEXT NOT NULL,"
    " secret BLOB NOT NULL, min_rank INTEGER NOT NULL, next INTEGER NOT NULL,"
    " open INTEGER NOT NULL DEFAULT 0, try INTEGER NOT NULL DEFAULT 0,"
    " since_ms INTEGER NOT NULL DEFAULT 0, delivered INTEGER NOT NULL DEFAULT 0,"
    " skipped INTEGER NOT NULL DEFAULT 0, born INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE notify_dead(number INTEGER PRIMARY KEY AUTOINCREMENT, sink TEXT NOT NULL,"
    " sequence INTEGER NOT NULL, what TEXT NOT NULL, rank INTEGER NOT NULL,"
    " time_ms INTEGER NOT NULL, body TEXT NOT NULL, reason TEXT NOT NULL,"
    " failed_ms INTEGER NOT NULL);";

static const char saved_2[] =
    /* `document` as it was sent, JSON. Of a query with a schedule (every_ms is not 0): up to when it has looked, when it runs
     * next (NULL: it rests), and how its last run ended. */
    "CREATE TABLE saved_queries(name TEXT PRIMARY KEY COLLATE NOCASE, document TEXT NOT NULL,"
    " changed_ms INTEGER NOT NULL, every_ms INTEGER NOT NULL, covered_ms INTEGER NOT NULL,"
    " next_ms INTEGER, ran_ms INTEGER NOT NULL DEFAULT 0, rows INTEGER NOT NULL DEFAULT 0,"
    " raised INTEGER NOT NULL DEFAULT 0, repeated INTEGER NOT NULL DEFAULT 0, error TEXT)"
    " WITHOUT ROWID;"
    "CREATE INDEX saved_queries_next ON saved_queries(next_ms) WHERE next_ms IS NOT NULL;";

static const char counts_2[] =
    /* How many alerts there are, and how many there ever were: kept, so that nobody has to count. */
    "CREATE TABLE alert_counts(type TEXT NOT NULL, severity TEXT NOT NULL, status TEXT NOT NULL,"
    " alerts INTEGER NOT NULL, PRIMARY KEY(type, severity, status)) WITHOUT ROWID;"
    "CREATE TABLE alert_totals(type TEXT NOT NULL, severity TEXT NOT NULL,"
    " raised INTEGER NOT NULL, findings INTEGER NOT NULL, PRIMARY KEY(type, severity))"
    " WITHOUT ROWID;"
    "INSERT INTO alert_counts SELECT type, severity, status, count(*) FROM alerts GROUP BY 1, 2, 3;"
    "INSERT INTO alert_totals SELECT type, severity, count(*), sum(count) FROM alerts"
    " GROUP BY 1, 2;"
    "CREATE TRIGGER alert_counted AFTER INSERT ON alerts BEGIN"
    " INSERT INTO alert_counts VALUES(NEW.type, NEW.severity, NEW.status, 1)"
    " ON CONFLICT DO UPDATE SET alerts = alerts + 1;"
    " INSERT INTO alert_totals VALUES(NEW.type, NEW.severity, 1, NEW.count)"
    " ON CONFLICT DO UPDATE SET raised = raised + 1, findings = findings + NEW.count; END;"
    "CREATE TRIGGER alert_counted_again AFTER UPDATE OF count ON alerts BEGIN"
    " UPDATE alert_totals SET findings = findings + NEW.count - OLD.count"
    " WHERE type = NEW.type AND severity = NEW.severity; END;"
    "CREATE TRIGGER alert_moved AFTER UPDATE OF status ON alerts BEGIN"
    " UPDATE alert_counts SET alerts = alerts - 1"
    " WHERE type = OLD.type AND severity = OLD.severity AND status = OLD.status;"
    " INSERT INTO alert_counts VALUES(NEW.type, NEW.severity, NEW.status, 1)"
    " ON CONFLICT DO UPDATE SET alerts = alerts + 1; END;"
    "CREATE TRIGGER alert_let_go AFTER DELETE ON alerts BEGIN"
    " UPDATE alert_counts SET alerts = alerts - 1"
    " WHERE type = OLD.type AND severity = OLD.severity AND status = OLD.status; END;"
    /* Counted off an index, without their bodies. */
    "CREATE INDEX dead_letters_by_replay ON dead_letters(replay_state);"
    "CREATE INDEX notify_dead_by_sink ON notify_dead(sink);";

#define OPEN_OLD "(OLD.status IN ('New', 'InProgress'))"
#define OPEN_NEW "(NEW.status IN ('New', 'InProgress'))"
/* Adds `more` to what the device of `row` (NEW or OLD) has open of its severity. */
#define COUNT_DEVICE(row, more)                                                              \
    " INSERT INTO device_alerts(device_id, high, medium, low) VALUES(" row ".device_id,"     \
    " (" row ".severity = 'High') * (" more "), (" row ".severity = 'Medium') * (" more ")," \
    " (" row ".severity = 'Low') * (" more ")) ON CONFLICT DO UPDATE SET"                    \
    " high = high + excluded.high, medium = medium + excluded.medium, low = low + excluded.low;"

static const char pages_2[] =
    /* Open alerts of each device, ledgers added up by hours, and how many alerts were raised each day (since 1970, UTC):
     * kept likewise. */
    "CREATE TABLE device_alerts(device_id TEXT PRIMARY KEY, high INTEGER NOT NULL,"
    " medium INTEGER NOT NULL, low INTEGER NOT NULL,"
    " rank INTEGER AS (min(high, 1048575) * 1099511627776 + min(medium, 1048575) * 1048576"
    " + min(low, 1048575))) WITHOUT ROWID;"
    "CREATE INDEX device_alerts_by_rank ON device_alerts(rank DESC, device_id);"
    "CREATE TABLE coverage_hours(hour INTEGER PRIMARY KEY, devices INTEGER NOT NULL,"
    " counted INTEGER NOT NULL, overflowed INTEGER NOT NULL, malformed INTEGER NOT NULL,"
    " given_up INTEGER NOT NULL, withheld INTEGER NOT NULL);"
    "CREATE TABLE coverage_losses(hour INTEGER NOT NULL, device_id TEXT NOT NULL,"
    " missed INTEGER NOT NULL, PRIMARY KEY(hour, device_id)) WITHOUT ROWID;"
    "CREATE TABLE alert_days(day INTEGER NOT NULL, severity TEXT NOT NULL, raised INTEGER NOT NULL,"
    " PRIMARY KEY(day, severity)) WITHOUT ROWID;"
    "INSERT INTO device_alerts(device_id, high, medium, low) SELECT device_id,"
    " sum(severity = 'High'), sum(severity = 'Medium'), sum(severity = 'Low') FROM alerts"
    " WHERE status IN ('New', 'InProgress') AND device_id <> '' GROUP BY 1;"
    "INSERT INTO alert_days SELECT generated_ms / 86400000, severity, count(*) FROM alerts"
    " GROUP BY 1, 2;"
    "CREATE TRIGGER alert_of_day AFTER INSERT ON alerts BEGIN"
    " INSERT INTO alert_days VALUES(NEW.generated_ms / 86400000, NEW.severity, 1)"
    " ON CONFLICT DO UPDATE SET raised = raised + 1; END;"
    "CREATE TRIGGER alert_of_device AFTER INSERT ON alerts"
    " WHEN NEW.device_id <> '' AND " OPEN_NEW " BEGIN" COUNT_DEVICE("NEW",
        "1") " END;"
             "CREATE TRIGGER alert_of_device_moved AFTER UPDATE OF status ON alerts"
             " WHEN NEW.device_id <> '' AND " OPEN_NEW " <> " OPEN_OLD " BEGIN" COUNT_DEVICE("NEW",
                 OPEN_NEW
                 " - " OPEN_OLD) " END;"
                                 "CREATE TRIGGER alert_of_device_gone AFTER DELETE ON alerts"
                                 " WHEN OLD.device_id <> '' AND " OPEN_OLD
                                 " BEGIN" COUNT_DEVICE("OLD", "-1") " END;";

static const char pauses_2[] =
    /* When raw events were not stored, by when the hub got them; the last may be open. */
    "CREATE TABLE raw_pauses(number INTEGER PRIMARY KEY, from_ms INTEGER NOT NULL,"
    " to_ms INTEGER);";

static const char device_marks_2[] =
    /* Counts the changes that pages of the inventory show, for center/store/marks.h. */
    "CREATE TRIGGER device_came AFTER INSERT ON device_states BEGIN"
    " INSERT INTO meta(key, value) VALUES('device_generation', 1)"
    " ON CONFLICT(key) DO UPDATE SET value = value + 1; END;"
    "CREATE TRIGGER device_changed AFTER UPDATE OF presence, group_name ON device_states"
    " WHEN OLD.presence <> NEW.presence OR OLD.group_name <> NEW.group_name BEGIN"
    " INSERT INTO meta(key, value) VALUES('device_generation', 1)"
    " ON CONFLICT(key) DO UPDATE SET value = value + 1; END;"
    "CREATE TRIGGER device_went AFTER DELETE ON device_states BEGIN"
    " INSERT INTO meta(key, value) VALUES('device_generation', 1)"
    " ON CONFLICT(key) DO UPDATE SET value = value + 1; END;";

static const char *const second[] = {alerts_2, detection_2, groups_2, recommendations_2, letters_2,
    feeds_2, sources_2, marks_2, notify_2, saved_2, counts_2, pages_2, pauses_2, device_marks_2,
    NULL};
static const char *const original[] = {first, NULL};

/* Scripts that lead from a version to the next; a new file goes through all of them. */
static const char *const *const versions[] = {original, second};

#define SCHEMA_VERSION ((int64_t)(sizeof versions / sizeof versions[0]))

const struct vd_sqlite_format vd_alert_store_format = {
    APPLICATION_ID, sizeof versions / sizeof versions[0]};

/* One number that a pragma answers with. */
static int pragma_number(sqlite3 *db, const char *sql, int64_t *value)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(db, sql, -1, &s, NULL);

    if (code == SQLITE_OK) {
        code = sqlite3_step(s);
        *value = code == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
    }
    sqlite3_finalize(s);
    return vd_sqlite_error(code);
}

static int run_version(sqlite3 *db, const char *const *scripts)
{
    int error = VD_OK;

    for (; error == VD_OK && *scripts != NULL; scripts++) {
        error = vd_sqlite_run(db, *scripts);
    }
    return error;
}

/* Whose file it is and of which version; 0 for an empty one. */
static int read_version(sqlite3 *db, const char *path, int64_t *version)
{
    int64_t application = 0;
    int64_t tables = 0;
    int error = pragma_number(db, "PRAGMA application_id", &application);

    if (error == VD_OK) {
        error = pragma_number(db, "PRAGMA user_version", version);
    }
    if (error == VD_OK) {
        error = pragma_number(db, "SELECT count(*) FROM sqlite_schema", &tables);
    }
    if (error != VD_OK) {
        return error;
    }
    if (tables == 0 && application == 0) {
        *version = 0;
        return VD_OK;
    }
    if (application != APPLICATION_ID || *version < 1) {
        return VD_E_CORRUPT;
    }
    if (*version > SCHEMA_VERSION) {
        vd_log(VD_LOG_ERROR, "center.store_newer", "file=\"%s\" version=%lld known=%d", path,
            (long long)*version, (int)SCHEMA_VERSION);
        return VD_E_NEWER;
    }
    return VD_OK;
}

static int write_version(sqlite3 *db)
{
    char script[96];

    snprintf(script, sizeof script, "PRAGMA application_id=%d; PRAGMA user_version=%d;",
        APPLICATION_ID, (int)SCHEMA_VERSION);
    return vd_sqlite_run(db, script);
}

int vd_alert_schema_migrate(sqlite3 *db, const char *path)
{
    int64_t version = 0;
    int error = vd_sqlite_run(db, "BEGIN IMMEDIATE");

    if (error != VD_OK) {
        return error;
    }
    error = read_version(db, path, &version);
    for (int64_t i = version; error == VD_OK && i < SCHEMA_VERSION; i++) {
        error = run_version(db, versions[i]);
    }
    if (error == VD_OK && version < SCHEMA_VERSION) {
        error = write_version(db);
    }
    if (error != VD_OK) {
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
        return error;
    }
    return vd_sqlite_run(db, "COMMIT");
}
