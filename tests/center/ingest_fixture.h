/* SPDX-License-Identifier: MIT */
/* A log, stores and an ingest on them, for the tests of what comes of records. */

#ifndef VEDETTE_TESTS_CENTER_INGEST_FIXTURE_H
#define VEDETTE_TESTS_CENTER_INGEST_FIXTURE_H

#include <jansson.h>

#include "center/ingest.h"
#include "center/store/alert_store.h"
#include "tests/center/memory_log.h"
#include "tests/center/message.h"

#define INGEST_T0_MS 1764000000000LL /* 2025-11-24T16:00:00Z */
#define INGEST_T0_S  1764000000u

struct ingest_fixture {
    char *folder;
    struct memory_log log;
    struct vd_alert_store *store;
    struct vd_analytics *duckdb;
    struct failing_analytics analytics;
    struct vd_ingest ingest;
    struct vd_fleet *fleet; /* of each ingest that is opened; NULL: none */
    size_t read_bytes;      /* of each ingest that is opened, if not 0 */
};

/* With the list "test-feed": 192.0.2.0/24, 192.0.2.99 and 2001:db8:bad::/48. */
int ingest_setup(void **state);
int ingest_teardown(void **state);

#define INGEST_TEST(test) cmocka_unit_test_setup_teardown(test, ingest_setup, ingest_teardown)

/* What an ingest or a center on them works on. */
struct vd_center_config ingest_config(struct ingest_fixture *f);

/* As a service that stops and starts: the log stays. */
void ingest_open_stores(struct ingest_fixture *f);
void ingest_close_stores(struct ingest_fixture *f);

/* Append a record to the log. */
/* Puts the list as the text of a feed. */
void ingest_import(struct ingest_fixture *f, const char *feed, const char *list);
void ingest_add_body(struct ingest_fixture *f, enum vd_event_kind kind, const char *device,
    const char *module, int64_t enqueued_ms, struct vd_str body);
void ingest_add_message(struct ingest_fixture *f, const char *device, int64_t enqueued_ms,
    const struct test_event *events, size_t count);

/* A replay of the letter at `letter`, of a message with these events; without any: of one that cannot be read. */
void ingest_add_replay(struct ingest_fixture *f, uint64_t letter, const char *device,
    int64_t enqueued_ms, const struct test_event *events, size_t count);

/* One event with one flow to `remote`. */
void ingest_add_flow(
    struct ingest_fixture *f, const char *device, uint64_t id, uint32_t time_s, const char *remote);

/* Steps until nothing is left. */
void ingest_run_all(struct ingest_fixture *f);

/* Wait until a running center has taken what is before the offset, or stands still; fail after 30 s. */
void ingest_wait_at(struct vd_center *center, uint64_t offset);
void ingest_wait_stalled(struct vd_center *center);

/* All alerts, and the rows of a query; the caller's. */
json_t *ingest_alerts(struct ingest_fixture *f);
json_t *ingest_rows(struct ingest_fixture *f, const char *sql);

/* The member's text, the object's; "(none)" without one. */
const char *ingest_text(const json_t *object, const char *key);

#endif
