/* SPDX-License-Identifier: MIT */
/* The side of the alert store that the center writes: one transaction a batch, and the files' shared parts. */

#ifndef VEDETTE_CENTER_STORE_ALERT_STORE_INTERNAL_H
#define VEDETTE_CENTER_STORE_ALERT_STORE_INTERNAL_H

#include <pthread.h>
#include <sqlite3.h>

#include "center/store/alert_store.h"
#include "center/store/feed_files.h"
#include "lib/event.h"
#include "lib/secret.h"
#include "lib/sqlite.h"

/* Statements that are prepared once: X(name, SQL). Writers' first. */
#define VD_ALERT_STATEMENTS(X)                                                                                                                                         \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                                                                                        \
    X(COMMIT, "COMMIT")                                                                                                                                                \
    X(ROLLBACK, "ROLLBACK")                                                                                                                                            \
    X(META_GET, "SELECT value FROM meta WHERE key = ?1")                                                                                                               \
    X(META_SET,                                                                                                                                                        \
        "INSERT INTO meta(key, value) VALUES(?1, ?2)"                                                                                                                  \
        " ON CONFLICT(key) DO UPDATE SET value = excluded.value")                                                                                                      \
    X(SEEN_EVEN_GET, "SELECT first_offset FROM event_seen_even WHERE key = ?1")                                                                                        \
    X(SEEN_ODD_GET, "SELECT first_offset FROM event_seen_odd WHERE key = ?1")                                                                                          \
    X(SEEN_EVEN_ADD, "INSERT INTO event_seen_even(key, first_offset) VALUES(?1, ?2)")                                                                                  \
    X(SEEN_ODD_ADD, "INSERT INTO event_seen_odd(key, first_offset) VALUES(?1, ?2)")                                                                                    \
    X(SEEN_EVEN_CLEAR, "DELETE FROM event_seen_even")                                                                                                                  \
    X(SEEN_ODD_CLEAR, "DELETE FROM event_seen_odd")                                                                                                                    \
    X(LETTER_ADD,                                                                                                                                                      \
        "INSERT OR IGNORE INTO dead_letters"                                                                                                                           \
        "(offset, enqueued_ms, device_id, module_id, reason, properties, body, kind, over_https,"                                                                      \
        " address) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")                                                                                                   \
    X(LETTER_FATE, "SELECT replay_state, replay_offset FROM dead_letters WHERE offset = ?1")                                                                           \
    X(LETTER_MARK,                                                                                                                                                     \
        "UPDATE dead_letters SET replay_state = ?2, replay_offset = ?3, replayed_ms = ?4,"                                                                             \
        " replay_reason = ?5, replay_events = ?6, replay_duplicates = ?7 WHERE offset = ?1")                                                                           \
    X(LETTER_OLDEST, "SELECT offset, length(body) FROM dead_letters ORDER BY offset LIMIT 1")                                                                          \
    X(LETTER_DELETE, "DELETE FROM dead_letters WHERE offset = ?1")                                                                                                     \
    X(ALERT_APART,                                                                                                                                                     \
        "SELECT count(*) FROM (SELECT 1 FROM alerts WHERE day = ?1 AND type = ?2 AND device_id = ?3 LIMIT ?4)")                                                        \
    X(ALERT_FIND, "SELECT number, count, status FROM alerts WHERE id = ?1")                                                                                            \
    X(ALERT_ADD,                                                                                                                                                       \
        "INSERT INTO alerts(id, change, type, display_name, severity, status, device_id,"                                                                              \
        " module_id, subject, day, start_ms, end_ms, generated_ms, count, description,"                                                                                \
        " remediation, techniques, indicator_value, indicator_source, cause, assessment,"                                                                              \
        " suppressed_by) VALUES(?1, ?2, ?3, ?4, ?5, ?21, ?6, ?7, ?8, ?9, ?10, ?11," /* Not before the one ahead of it, so that a stretch of time is one of numbers. */ \
        " max(?12, coalesce((SELECT generated_ms FROM alerts ORDER BY number DESC LIMIT 1), 0)),"                                                                      \
        " ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?22)")                                                                                                               \
    X(ALERT_STATE,                                                                                                                                                     \
        "UPDATE alerts SET status = ?2, suppressed_by = ?3, change = ?4 WHERE number = ?1")                                                                            \
    X(ALERT_OLDEST,                                                                                                                                                    \
        "SELECT number, generated_ms, (SELECT max(number) FROM alerts) FROM alerts"                                                                                    \
        " ORDER BY number LIMIT 1")                                                                                                                                    \
    X(ALERT_SET_BACK, "UPDATE alerts SET generated_ms = ?1 WHERE generated_ms > ?1")                                                                                   \
    X(ALERT_DELETE, "DELETE FROM alerts WHERE number = ?1")                                                                                                            \
    X(EVIDENCE_DELETE, "DELETE FROM evidence WHERE alert = ?1")                                                                                                        \
    X(HISTORY_ADD,                                                                                                                                                     \
        "INSERT INTO alert_history(alert, sequence, time_ms, actor, event, from_state, to_state,"                                                                      \
        " reason, text, until_ms) VALUES(?1, 1 + coalesce((SELECT max(sequence) FROM"                                                                                  \
        " alert_history WHERE alert = ?1), 0), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")                                                                                       \
    X(HISTORY_PRUNE,                                                                                                                                                   \
        "DELETE FROM alert_history WHERE alert = ?1 AND sequence <="                                                                                                   \
        " (SELECT max(sequence) FROM alert_history WHERE alert = ?1) - ?2")                                                                                            \
    X(HISTORY_DELETE, "DELETE FROM alert_history WHERE alert = ?1")                                                                                                    \
    X(SUPPRESSION_GET,                                                                                                                                                 \
        "SELECT alert FROM suppressions WHERE type = ?1 AND device_id = ?2 AND module_id = ?3"                                                                         \
        " AND subject = ?4 AND until_ms > ?5")                                                                                                                         \
    X(SUPPRESSION_PUT,                                                                                                                                                 \
        "INSERT OR REPLACE INTO suppressions(type, device_id, module_id, subject, alert,"                                                                              \
        " until_ms) SELECT type, device_id, module_id, subject, id, ?2 FROM alerts"                                                                                    \
        " WHERE number = ?1")                                                                                                                                          \
    X(SUPPRESSION_LIFT,                                                                                                                                                \
        "DELETE FROM suppressions WHERE (type, device_id, module_id, subject) ="                                                                                       \
        " (SELECT type, device_id, module_id, subject FROM alerts WHERE number = ?1)")                                                                                 \
    X(SUPPRESSION_PRUNE, "DELETE FROM suppressions WHERE until_ms <= ?1")                                                                                              \
    X(ALERT_BY_PREFIX,                                                                                                                                                 \
        "SELECT number, id, change, status FROM alerts WHERE id >= ?1 AND id < ?1 || 'g'"                                                                              \
        " LIMIT 2")                                                                                                                                                    \
    X(ALERT_REPEAT,                                                                                                                                                    \
        "UPDATE alerts SET change = ?2, count = count + ?3, start_ms = min(start_ms, ?4),"                                                                             \
        " end_ms = max(end_ms, ?5), assessment = coalesce(iif(count + ?3 >= ?7, ?8, NULL), ?6, assessment) WHERE number = ?1")                                         \
    X(EVIDENCE_ADD, "INSERT INTO evidence(alert, sequence, body, key) VALUES(?1, ?2, ?3, ?4)")                                                                         \
    X(EVIDENCE_REPLACE, "UPDATE evidence SET body = ?3 WHERE alert = ?1 AND key = ?2")                                                                                 \
    X(ALERT_CHANGE,                                                                                                                                                    \
        "UPDATE alerts SET change = ?2, start_ms = min(start_ms, ?3),"                                                                                                 \
        " end_ms = max(end_ms, ?4), assessment = coalesce(iif(count >= ?6, ?7, NULL), ?5, assessment) WHERE number = ?1")                                              \
    X(RECOMMENDATION_GET, "SELECT is_active FROM recommendations WHERE type = ?1")                                                                                     \
    X(RECOMMENDATION_PUT,                                                                                                                                              \
        "INSERT INTO recommendations(type, is_active, since_ms, first_active_ms, evaluated_ms,"                                                                        \
        " description, resources, resource_count, unhealthy_devices)"                                                                                                  \
        " VALUES(?1, ?2, ?3, iif(?2, ?3, 0), ?3, ?5, ?6, ?7, ?8)"                                                                                                      \
        " ON CONFLICT(type) DO UPDATE SET is_active = ?2, since_ms = iif(?4, ?3, since_ms),"                                                                           \
        " first_active_ms = iif(?2 AND first_active_ms = 0, ?3, first_active_ms),"                                                                                     \
        " evaluated_ms = ?3, description = ?5, resources = ?6, resource_count = ?7,"                                                                                   \
        " unhealthy_devices = ?8")                                                                                                                                     \
    X(RECOMMENDATION_CHANGE,                                                                                                                                           \
        "INSERT INTO recommendation_changes(type, time_ms, is_active, description, resources,"                                                                         \
        " resource_count, unhealthy_devices) SELECT type, ?2, is_active, description, resources,"                                                                      \
        " resource_count, unhealthy_devices FROM recommendations WHERE type = ?1")                                                                                     \
    X(RECOMMENDATION_PRUNE,                                                                                                                                            \
        "DELETE FROM recommendation_changes WHERE type = ?1 AND number <= (SELECT number FROM"                                                                         \
        " recommendation_changes WHERE type = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)")                                                                             \
    X(GROUP_PUT,                                                                                                                                                       \
        "INSERT INTO security_groups(name, properties, changed_ms) VALUES(?1, ?2, ?3)"                                                                                 \
        " ON CONFLICT(name) DO UPDATE SET properties = excluded.properties,"                                                                                           \
        " changed_ms = excluded.changed_ms")                                                                                                                           \
    X(GROUP_REMOVE, "DELETE FROM security_groups WHERE name = ?1")                                                                                                     \
    X(GROUP_COUNT, "SELECT count(*), count(*) FILTER (WHERE name = ?1) FROM security_groups")                                                                          \
    X(GROUPS, "SELECT name, properties FROM security_groups ORDER BY name")                                                                                            \
    X(SAVED_COUNT, "SELECT count(*), count(*) FILTER (WHERE name = ?1) FROM saved_queries")                                                                            \
    X(SAVED_PUT,                                                                                                                                                       \
        "INSERT OR REPLACE INTO saved_queries(name, document, changed_ms, every_ms, covered_ms,"                                                                       \
        " next_ms) VALUES(?1, ?2, ?3, ?4, ?5, ?6)")                                                                                                                    \
    X(SAVED_REMOVE, "DELETE FROM saved_queries WHERE name = ?1")                                                                                                       \
    X(SAVED_RAN,                                                                                                                                                       \
        "UPDATE saved_queries SET covered_ms = ?3, next_ms = ?4 + ?5 * every_ms, ran_ms = ?6,"                                                                         \
        " rows = ?7, raised = ?8, repeated = ?9, error = ?10"                                                                                                          \
        " WHERE name = ?1 AND covered_ms = ?2 AND next_ms IS NOT NULL")                                                                                                \
    X(EVIDENCE_PRUNE,                                                                                                                                                  \
        "DELETE FROM evidence WHERE alert = ?1 AND sequence >= ?2 AND sequence < ?3")                                                                                  \
    X(FEED_PUT,                                                                                                                                                        \
        "INSERT INTO feeds(name, settings, file, fetched_ms, attempted_ms, source_ns, report)"                                                                         \
        " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE (SELECT count(*) FROM feeds) < ?8"                                                                                   \
        " OR EXISTS(SELECT 1 FROM feeds WHERE name = ?1)"                                                                                                              \
        " ON CONFLICT(name) DO UPDATE SET settings = ?2, file = ?3, fetched_ms = ?4,"                                                                                  \
        " attempted_ms = ?5, source_ns = ?6, report = ?7, error = NULL")                                                                                               \
    X(MARK_ADD, "INSERT OR IGNORE INTO indicator_marks(day, key) VALUES(?1, ?2)")                                                                                      \
    X(MARK_FIND, "SELECT 1 FROM indicator_marks WHERE day = ?1 AND key = ?2")                                                                                          \
    X(MARK_PRUNE, "DELETE FROM indicator_marks WHERE day < ?1")                                                                                                        \
    X(FEED_REMOVE, "DELETE FROM feeds WHERE name = ?1")                                                                                                                \
    X(FEED_FAILED,                                                                                                                                                     \
        "UPDATE feeds SET attempted_ms = ?2, error = ?3, source_ns = ?4 WHERE name = ?1")                                                                              \
    X(FEED_SOURCE_PUT,                                                                                                                                                 \
        "INSERT INTO feed_sources(name, revision, credential, secret) VALUES(?1, 1, ?2, ?3)"                                                                           \
        " ON CONFLICT(name) DO UPDATE SET revision = revision + 1, next_ms = 0, failures = 0,"                                                                         \
        " credential = iif(?4, ?2, credential), secret = iif(?4, ?3, secret),"                                                                                         \
        " etag = iif(?5, '', etag), last_modified = iif(?5, '', last_modified),"                                                                                       \
        " added_after = iif(?5, '', added_after)")                                                                                                                     \
    X(FEED_SOURCE_REMOVE, "DELETE FROM feed_sources WHERE name = ?1")                                                                                                  \
    X(FEED_SOURCE_BEGUN,                                                                                                                                               \
        "UPDATE feed_sources SET next_ms = iif(next_ms <= 0, -?3, ?3), attempted_ms = ?4, failures = ?5"                                                               \
        " WHERE name = ?1 AND revision = ?2")                                                                                                                          \
    X(FEED_SOURCE_DONE,                                                                                                                                                \
        "UPDATE feed_sources SET next_ms = iif(asked = ?8, ?3, 0), attempted_ms = ?4, checked_ms = ?4, failures = 0,"                                                  \
        " etag = ?5, last_modified = ?6, added_after = ?7 WHERE name = ?1 AND revision = ?2")                                                                          \
    X(FEED_SOURCE_FAILED,                                                                                                                                              \
        "UPDATE feed_sources SET next_ms = iif(asked = ?5, ?3, 0), attempted_ms = ?4, failures = ?6"                                                                   \
        " WHERE name = ?1 AND revision = ?2")                                                                                                                          \
    X(FEED_SOURCE_ASK, "UPDATE feed_sources SET next_ms = 0, asked = asked + 1 WHERE name = ?1")                                                                       \
    X(FEED_UNCHANGED, "UPDATE feeds SET fetched_ms = ?2, error = NULL WHERE name = ?1")                                                                                \
    X(DEVICE_STATE_PUT,                                                                                                                                                \
        "INSERT INTO device_states(device_id, group_name, presence, heard_slot, body)"                                                                                 \
        " VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(device_id) DO UPDATE SET"                                                                                             \
        " group_name = excluded.group_name, presence = excluded.presence,"                                                                                             \
        " heard_slot = excluded.heard_slot, body = excluded.body")                                                                                                     \
    /* Where nothing that is indexed has changed: an update writes each index that it names. */                                                                        \
    X(DEVICE_STATE_BODY,                                                                                                                                               \
        "UPDATE device_states SET body = ?5 WHERE device_id = ?1 AND group_name = ?2"                                                                                  \
        " AND presence = ?3 AND heard_slot = ?4")                                                                                                                      \
    X(COVERAGE_ADD,                                                                                                                                                    \
        "INSERT INTO coverage_hours VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET"                                                                      \
        " devices = devices + ?2, counted = counted + ?3, overflowed = overflowed + ?4,"                                                                               \
        " malformed = malformed + ?5, given_up = given_up + ?6, withheld = withheld + ?7")                                                                             \
    X(COVERAGE_PRUNE, "DELETE FROM coverage_hours WHERE hour < ?1")                                                                                                    \
    X(COVERAGE_LOSS_ADD,                                                                                                                                               \
        "INSERT INTO coverage_losses VALUES(?1, ?2, ?3) ON CONFLICT DO UPDATE SET"                                                                                     \
        " missed = missed + ?3")                                                                                                                                       \
    X(COVERAGE_LOSS_PRUNE,                                                                                                                                             \
        "DELETE FROM coverage_losses WHERE hour < ?3 OR (hour = ?1 AND device_id IN (SELECT"                                                                           \
        " device_id FROM coverage_losses WHERE hour = ?1 ORDER BY missed DESC LIMIT -1 OFFSET ?2))")                                                                   \
    X(DEVICE_STATE_REMOVE, "DELETE FROM device_states WHERE device_id = ?1")                                                                                           \
    X(DEVICE_STATES, "SELECT device_id, body FROM device_states")                                                                                                      \
    X(OUTBOX_WANTED, "SELECT count(*) FROM notify_sinks")                                                                                                              \
    X(OUTBOX_ADD,                                                                                                                                                      \
        "INSERT INTO outbox(what, rank, time_ms, sink, body) VALUES(?1, ?2, ?3, ?4, ?5)")                                                                              \
    /* Apart, for together they read the whole table. */                                                                                                               \
    X(OUTBOX_OLDEST,                                                                                                                                                   \
        "SELECT (SELECT min(sequence) FROM outbox), (SELECT max(sequence) FROM outbox)")                                                                               \
    X(OUTBOX_SKIP,                                                                                                                                                     \
        "UPDATE notify_sinks SET next = ?1 + 1, skipped = skipped + 1 WHERE next <= ?1")                                                                               \
    X(OUTBOX_DELETE, "DELETE FROM outbox WHERE sequence = ?1")                                                                                                         \
    X(OUTBOX_NEXT,                                                                                                                                                     \
        "SELECT o.sequence, o.what, o.rank, o.time_ms, o.body, s.open, s.try, s.since_ms"                                                                              \
        " FROM notify_sinks AS s JOIN outbox AS o ON o.sequence >= s.next WHERE s.name = ?1"                                                                           \
        " AND (o.sink = s.name OR (o.sink = '' AND o.rank >= s.min_rank))"                                                                                             \
        " ORDER BY o.sequence LIMIT 1")                                                                                                                                \
    X(OUTBOX_AT_END, "UPDATE notify_sinks SET next = ?2 WHERE name = ?1 AND next < ?2")                                                                                \
    X(OUTBOX_END, "SELECT coalesce(max(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'outbox'")                                                                       \
    X(OUTBOX_ATTEMPT,                                                                                                                                                  \
        "UPDATE notify_sinks SET open = ?2, try = ?3, since_ms = ?4 WHERE name = ?1")                                                                                  \
    X(PAUSE_BEGIN,                                                                                                                                                     \
        "INSERT INTO raw_pauses(from_ms) SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM raw_pauses WHERE to_ms IS NULL)")                                                   \
    X(PAUSE_END, "UPDATE raw_pauses SET to_ms = max(?1, from_ms) WHERE to_ms IS NULL")                                                                                 \
    X(PAUSE_PRUNE,                                                                                                                                                     \
        "DELETE FROM raw_pauses WHERE number <= (SELECT max(number) FROM raw_pauses) - ?1")                                                                            \
    X(OUTBOX_DONE,                                                                                                                                                     \
        "UPDATE notify_sinks SET next = ?2 + 1, open = 0, try = 0, since_ms = 0,"                                                                                      \
        " delivered = delivered + ?3 WHERE name = ?1")                                                                                                                 \
    X(OUTBOX_TRIM,                                                                                                                                                     \
        "DELETE FROM outbox WHERE sequence < coalesce((SELECT min(next) FROM notify_sinks),"                                                                           \
        " 9223372036854775807)")                                                                                                                                       \
    X(SINK_PUT,                                                                                                                                                        \
        "INSERT INTO notify_sinks(name, kind, settings, secret, min_rank, next, born)"                                                                                 \
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)")                                                                                                                         \
    X(SINK_FIND, "SELECT 1 FROM notify_sinks WHERE name = ?1")                                                                                                         \
    X(SINK_REMOVE, "DELETE FROM notify_sinks WHERE name = ?1")                                                                                                         \
    X(SINK_DEAD_REMOVE, "DELETE FROM notify_dead WHERE sink = ?1")                                                                                                     \
    X(DEAD_ADD,                                                                                                                                                        \
        "INSERT INTO notify_dead(sink, sequence, what, rank, time_ms, body, reason, failed_ms)"                                                                        \
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")                                                                                                                     \
    X(DEAD_PRUNE,                                                                                                                                                      \
        "DELETE FROM notify_dead WHERE number <= (SELECT max(number) FROM notify_dead) - ?1")                                                                          \
    X(DEAD_REPLAY,                                                                                                                                                     \
        "INSERT INTO outbox(what, rank, time_ms, sink, body)"                                                                                                          \
        " SELECT what, rank, time_ms, sink, body FROM notify_dead WHERE number = ?1")                                                                                  \
    X(DEAD_REMOVE, "DELETE FROM notify_dead WHERE number = ?1")

enum vd_alert_statement {
#define VD_ALERT_STATEMENT_ENUM(name, sql) VD_SQL_##name,
    VD_ALERT_STATEMENTS(VD_ALERT_STATEMENT_ENUM)
#undef VD_ALERT_STATEMENT_ENUM
    VD_SQL_COUNT
};

struct vd_alert_store {
    /* One writer at a time: the center's batch, or an import. */
    pthread_mutex_t write_mutex;
    sqlite3 *writer;
    sqlite3_stmt *statements[VD_SQL_COUNT];
    /* Readers share one connection; their statements are short. */
    pthread_mutex_t read_mutex;
    sqlite3 *reader;
    /* What dead letters take, kept along with the table. */
    uint64_t letters;
    uint64_t letter_bytes;
    uint64_t letters_dropped;
    /* Held from a feed's row being read to it being written; the others are taken within it. */
    pthread_mutex_t feeds_mutex;
    char intel_folder[VD_FEED_PATH_SIZE]; /* texts of feeds, and the set */
    _Atomic int64_t feeds_in_use; /* the generation that the center of this process matches by */
    uint8_t master_key[VD_MASTER_KEY_BYTES];
    bool has_master_key;
};

/* ---- Helpers of the store's files ---- */

/* Brings the file to the tables of today, in one transaction. VD_E_CORRUPT: not a file of ours. VD_E_NEWER. */
VD_NODISCARD int vd_alert_schema_migrate(sqlite3 *db, const char *path);

/* A prepared statement of the writer, reset and without bindings. */
sqlite3_stmt *vd_alert_sql(struct vd_alert_store *store, enum vd_alert_statement statement);
/* Runs a statement to its end; VD_E_... if it fails. */
VD_NODISCARD int vd_alert_sql_run(struct vd_alert_store *store, enum vd_alert_statement statement);
void vd_sqlite_bind_str(sqlite3_stmt *statement, int index, struct vd_str text);
/* A column as a JSON string, repaired if it is not UTF-8; the caller's. */
json_t *vd_sqlite_json_text(sqlite3_stmt *statement, int column);
/* A number of the meta table: 0 if it is not there. */
VD_NODISCARD int vd_alert_meta_get(struct vd_alert_store *store, const char *key, int64_t *value);
VD_NODISCARD int vd_alert_meta_set(struct vd_alert_store *store, const char *key, int64_t value);
/* Counts the dead letters that are there: after opening, and after a rollback. */
VD_NODISCARD int vd_alert_letters_recount(struct vd_alert_store *store);

/* ---- The center's transaction: between begin and commit or rollback the store is the caller's. ---- */

VD_NODISCARD int vd_alert_store_begin(struct vd_alert_store *store);
VD_NODISCARD int vd_alert_store_commit(struct vd_alert_store *store);
void vd_alert_store_rollback(struct vd_alert_store *store);
/* Commits what went well; rolls back what did not, and returns `error`. */
VD_NODISCARD int vd_alert_store_end(struct vd_alert_store *store, int error);

/* The sink's offset; 0 in a new store. Any thread when no transaction is open, else its thread. */
VD_NODISCARD int vd_alert_store_offset(struct vd_alert_store *store, uint64_t *next_offset);
VD_NODISCARD int vd_alert_store_set_offset(struct vd_alert_store *store, uint64_t next_offset);

/* Which event of which device: a digest. */
VD_NODISCARD int vd_event_key(struct vd_str device_id, struct vd_str module_id,
    const struct vd_uuid *event_id, struct vd_uuid *key);

/*
 * Days for which events are remembered: that of `enqueued_ms` and the one before; older ones are let go.
 * To be called before the records of a batch, all of which are of that day.
 */
VD_NODISCARD int vd_event_seen_start(
    struct vd_alert_store *store, int64_t enqueued_ms, int32_t *day);
/* The clock was set back to now_ms: days go on from there. Within a transaction. */
VD_NODISCARD int vd_event_seen_set_back(struct vd_alert_store *store, int64_t now_ms);
/* *first_offset: of the record in which the event was seen first, VD_E_NOT_FOUND if it was not. */
VD_NODISCARD int vd_event_seen_get(
    struct vd_alert_store *store, const struct vd_uuid *key, uint64_t *first_offset);
VD_NODISCARD int vd_event_seen_add(
    struct vd_alert_store *store, int32_t day, const struct vd_uuid *key, uint64_t offset);

VD_NODISCARD int vd_dead_letter_add(struct vd_alert_store *store, uint64_t offset,
    const struct vd_event *record, const char *reason);

/* Whether a letter has this offset. */
VD_NODISCARD int vd_dead_letter_exists(struct vd_alert_store *store, uint64_t offset, bool *exists);

/*
 * Whether the record at replay_offset, a replay of the letter at `offset`, is to be passed over: another replay has taken the
 * letter, or (is_new is false: this store has had the record) it was refused then, or another one has come since.
 */
VD_NODISCARD int vd_dead_letter_is_over(struct vd_alert_store *store, uint64_t offset,
    uint64_t replay_offset, bool is_new, bool *is_over);

/* How a replay ended. */
struct vd_letter_mark {
    uint64_t replay_offset;
    int64_t time_ms;
    const char *refused; /* the reason; NULL: it was taken */
    uint64_t events;     /* of the message; 0 of other records */
    uint64_t duplicates; /* of them */
};

/* VD_E_NOT_FOUND: the letter is gone. */
VD_NODISCARD int vd_dead_letter_mark(
    struct vd_alert_store *store, uint64_t offset, const struct vd_letter_mark *mark);

/* An alert's findings within one batch; the texts are those of the first. */
struct vd_alert_update {
    struct vd_uuid id; /* derived of type, device, module, subject and day */
    const char *type;
    const char *display_name;
    const char *severity;
    struct vd_str device_id;
    struct vd_str module_id;
    const char *subject;
    /* Where there are VD_ALERTS_APART_MAX of the type, device and day already, it is this one that is raised or repeated. */
    const char *others; /* its subject; NULL: there is no bound */
    struct vd_uuid others_id;
    const char *others_description;
    int32_t day;
    int64_t start_ms;
    int64_t end_ms;
    int64_t generated_ms;
    const char *description;
    const char *remediation_json;
    const char *techniques_json;
    const char *indicator_value;
    const char *indicator_source;
    struct vd_str cause;
    const char *assessment; /* JSON; NULL: what was said before stays */
    const char *repeated;   /* in its place once the alert counts `repeated_from`; NULL: the same */
    uint32_t repeated_from;
    uint64_t count; /* of findings; 0: only evidence that came before is replaced */
    /* Evidence `i` of the batch as JSON, with its key; NULL where it need not be kept. `count` of them. */
    const char *(*evidence)(const struct vd_alert_update *update, uint64_t i, int64_t *key);
    /* Evidence that replaces what came before with its key. `replacement_count` of them. */
    uint64_t replacement_count;
    const char *(*replacement)(const struct vd_alert_update *update, uint64_t i, int64_t *key);
    const void *evidence_context;
};

/* Raises the alert, or counts a repeat; *raised tells which. With replacements alone, of an alert that is not there: nothing. */
VD_NODISCARD int vd_alert_store_apply(
    struct vd_alert_store *store, const struct vd_alert_update *update, bool *raised);

#endif
