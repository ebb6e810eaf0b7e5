/* SPDX-License-Identifier: MIT */
/* A fleet, a store and an engine on them, for the tests of the detection engine. */

#ifndef VEDETTE_TESTS_CENTER_ENGINE_FIXTURE_H
#define VEDETTE_TESTS_CENTER_ENGINE_FIXTURE_H

#include <jansson.h>

#include "center/detect/engine.h"
#include "center/store/alert_store.h"

#define ENGINE_T0_MS       1764000010000LL /* ten seconds into a minute */
#define ENGINE_MINUTE_MS   60000LL
#define ENGINE_LATENESS_MS 60000LL
#define ENGINE_DEVICES     6

/* For engine_set_rules: one rule of a window, in the group "default". */
#define ENGINE_WINDOW_RULES(type, min, max, window)                                \
    {                                                                              \
        "default",                                                                 \
            "{\"timeWindowRules\":[{\"ruleType\":\"" type                          \
            "\",\"isEnabled\":true,\"minThreshold\":" min ",\"maxThreshold\":" max \
            ",\"timeWindowSize\":\"" window "\"}]}",                               \
            NULL,                                                                  \
    }

struct engine_fleet {
    struct vd_fleet base;
    struct vd_fleet_device devices[ENGINE_DEVICES];
    size_t count;
    size_t questions; /* about one */
};

struct engine_fixture {
    char *folder;
    struct vd_alert_store *store;
    struct engine_fleet fleet;
    struct vd_detect_settings settings;
    struct vd_engine *engine;
    struct vd_findings findings;
    const char *const *rules; /* name, document, ..., NULL */
};

/* d0, d1 and d2 in "default", d3, d4 and d5 in "lab". */
int engine_setup(void **state);
int engine_teardown(void **state);
void engine_open_store(struct engine_fixture *f);
void engine_close_store(struct engine_fixture *f);
/* Makes the engine from what the store and the fleet have. */
void engine_open(struct engine_fixture *f);
/* As a service that stops and starts. */
void engine_restart(struct engine_fixture *f);
/* name, document, ..., NULL; they are set again when the engine is opened. */
void engine_set_rules(struct engine_fixture *f, const char *const *rules);
/* The end of a batch. commit false: the transaction is rolled back, as on a full disk. */
void engine_end_batch(struct engine_fixture *f, bool commit);
void engine_advance(struct engine_fixture *f, int64_t now_ms);
/* As a service that runs all the time. */
void engine_pass_time(struct engine_fixture *f, int64_t from_ms, int64_t to_ms);
struct vd_event_time engine_at(int64_t ms);
/* Fill in what *seen lacks, and have it judged. */
void engine_observe_operation(struct engine_fixture *f, struct vd_observation *seen,
    const char *category, const char *name, uint32_t result);
void engine_observe_flows(
    struct engine_fixture *f, struct vd_observation *seen, struct vd_flow *flows, uint32_t count);
/* 10 bytes went out. */
struct vd_flow engine_flow_to(const char *remote, uint16_t port, uint8_t opened_by);
/* A message that is no other. */
void engine_hear(struct engine_fixture *f, const char *device, const char *address, int64_t ms);
/* The caller's. */
json_t *engine_all_alerts(struct engine_fixture *f);
size_t engine_count_alerts(struct engine_fixture *f, const char *type, const char *device);
/* Findings of the type that are not stored yet. */
uint64_t engine_findings_of(struct engine_fixture *f, const char *type);

#define ENGINE_TEST(test) cmocka_unit_test_setup_teardown(test, engine_setup, engine_teardown)

#endif
