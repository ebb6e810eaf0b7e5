/* SPDX-License-Identifier: MIT */
/* A fleet, a store and an engine on them; batches that end, observations, and what came of them. */

#include "tests/center/engine_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "center/store/alert_store_internal.h"
#include "tests/center/message.h"

/* ---- The fleet ---- */

static int fake_get(struct vd_fleet *fleet, const char *device_id, struct vd_fleet_device *device)
{
    struct engine_fleet *f = (struct engine_fleet *)fleet;

    f->questions++;
    for (size_t i = 0; i < f->count; i++) {
        if (strcmp(f->devices[i].device_id, device_id) == 0) {
            *device = f->devices[i];
            return VD_OK;
        }
    }
    return VD_E_NOT_FOUND;
}

static int fake_each(struct vd_fleet *fleet,
    bool (*each)(void *context, const struct vd_fleet_device *device), void *context)
{
    struct engine_fleet *f = (struct engine_fleet *)fleet;

    for (size_t i = 0; i < f->count && each(context, &f->devices[i]); i++) {
    }
    return VD_OK;
}

static const struct vd_fleet_ops fake_ops = {fake_get, fake_each};

void engine_set_rules(struct engine_fixture *f, const char *const *rules)
{
    struct vd_group_rules *list[8];
    char problem[256];
    size_t count = 0;

    f->rules = rules;
    for (; *rules != NULL; rules += 2) {
        json_t *properties = json_loads(rules[1], 0, NULL);

        assert_non_null(properties);
        if (vd_group_rules_read(rules[0], properties, &list[count], problem) != VD_OK) {
            fail_msg("%s", problem);
        }
        count++;
        json_decref(properties);
    }
    assert_int_equal(vd_engine_set_rules(f->engine, list, count), VD_OK);
}

void engine_open(struct engine_fixture *f)
{
    assert_int_equal(vd_engine_new(&f->settings, &f->fleet.base, &f->engine), VD_OK);
    assert_int_equal(vd_engine_load(f->engine, f->store), VD_OK);
    if (f->rules != NULL) {
        engine_set_rules(f, f->rules);
    }
}

void engine_restart(struct engine_fixture *f)
{
    vd_engine_free(f->engine);
    engine_open(f);
}

void engine_open_store(struct engine_fixture *f)
{
    char path[600];

    f->folder = test_folder_new();
    snprintf(path, sizeof path, "%s/center.db", f->folder);
    assert_int_equal(vd_alert_store_open(path, &f->store), VD_OK);
}

void engine_close_store(struct engine_fixture *f)
{
    vd_alert_store_close(f->store);
    test_folder_remove(f->folder);
}

int engine_setup(void **state)
{
    struct engine_fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    f->fleet.base.ops = &fake_ops;
    f->fleet.count = ENGINE_DEVICES;
    for (size_t i = 0; i < ENGINE_DEVICES; i++) {
        struct vd_fleet_device *device = &f->fleet.devices[i];

        snprintf(device->device_id, sizeof device->device_id, "d%zu", i);
        snprintf(device->group, sizeof device->group, "%s", i < 3 ? "default" : "lab");
        device->is_enabled = true;
    }
    f->settings = (struct vd_detect_settings){
        .lateness_ms = ENGINE_LATENESS_MS, .silent_after_ms = 72 * 60 * ENGINE_MINUTE_MS};
    engine_open_store(f);
    engine_open(f);
    *state = f;
    return 0;
}

int engine_teardown(void **state)
{
    struct engine_fixture *f = *state;

    vd_engine_free(f->engine);
    vd_findings_release(&f->findings);
    engine_close_store(f);
    free(f);
    return 0;
}

/* The end of a batch. commit false: the transaction is rolled back, as on a full disk. */
void engine_end_batch(struct engine_fixture *f, bool commit)
{
    struct vd_findings_tally tally;

    assert_int_equal(vd_engine_flush(f->engine, &f->findings), VD_OK);
    assert_int_equal(vd_alert_store_begin(f->store), VD_OK);
    assert_int_equal(vd_findings_store(&f->findings, f->store, ENGINE_T0_MS, &tally), VD_OK);
    assert_int_equal(vd_engine_save(f->engine, f->store), VD_OK);
    if (commit) {
        assert_int_equal(vd_alert_store_commit(f->store), VD_OK);
    } else {
        vd_alert_store_rollback(f->store);
        assert_int_equal(vd_engine_load(f->engine, f->store), VD_OK);
    }
    vd_findings_clear(&f->findings);
}

void engine_advance(struct engine_fixture *f, int64_t now_ms)
{
    assert_int_equal(vd_engine_advance(f->engine, now_ms, &f->findings), VD_OK);
}

/* As a service that runs all the time. */
void engine_pass_time(struct engine_fixture *f, int64_t from_ms, int64_t to_ms)
{
    for (int64_t t = from_ms; t < to_ms; t += 15000) {
        engine_advance(f, t);
    }
    engine_advance(f, to_ms);
}

struct vd_event_time engine_at(int64_t ms)
{
    return (struct vd_event_time){ms, ms, ms, true};
}

void engine_observe_operation(struct engine_fixture *f, struct vd_observation *seen,
    const char *category, const char *name, uint32_t result)
{
    const struct vd_operation_seen operation = {
        .category = vd_str_from(category),
        .name = vd_str_from(name),
        .result = result,
        .reason = VD_STR_LITERAL(""),
        .protocol = VD_STR_LITERAL("Mqtt"),
    };

    seen->what = VD_OBSERVED_OPERATION;
    seen->operation = &operation;
    assert_int_equal(vd_engine_observe(f->engine, seen, &f->findings), VD_OK);
}

void engine_observe_flows(
    struct engine_fixture *f, struct vd_observation *seen, struct vd_flow *flows, uint32_t count)
{
    struct vd_security_event event = {
        .id = test_uuid(seen->offset + 1),
        .time_s = (uint32_t)(seen->time.end_ms / 1000),
        .payload = VD_PAYLOAD_NETWORK_ACTIVITY,
        .count = count,
    };
    const struct vd_security_message message = {
        .events = {&event, 1, 1}, .flows = {flows, count, count}};

    seen->what = VD_OBSERVED_EVENT;
    seen->message = &message;
    seen->event = &event;
    assert_int_equal(vd_engine_observe(f->engine, seen, &f->findings), VD_OK);
}

struct vd_flow engine_flow_to(const char *remote, uint16_t port, uint8_t opened_by)
{
    struct vd_flow flow = {.local_port = port, .remote_port = 443, .bytes_out = 10};
    struct vd_rule_range range;
    struct vd_group_rules *rules = NULL;
    char problem[256];
    json_t *properties = json_pack("{s:[{s:s, s:b, s:[s]}]}", "denylistRules", "ruleType",
        "DenylistCustomAlertRule", "isEnabled", 1, "denylistValues", remote);

    /* The parser of rules reads addresses as well as anything else. */
    assert_int_equal(vd_group_rules_read("g", properties, &rules, problem), VD_OK);
    range = rules->denied.ranges[0];
    vd_group_rules_free(rules);
    json_decref(properties);
    flow.remote = range.from;
    flow.local = range.from;
    flow.opened_by = opened_by;
    return flow;
}

json_t *engine_all_alerts(struct engine_fixture *f)
{
    const struct vd_alert_filter filter = {0};
    json_t *alerts = NULL;

    assert_int_equal(vd_alert_store_list(f->store, &filter, &alerts), VD_OK);
    return alerts;
}

size_t engine_count_alerts(struct engine_fixture *f, const char *type, const char *device)
{
    json_t *alerts = engine_all_alerts(f);
    size_t count = 0;

    for (size_t i = 0; i < json_array_size(alerts); i++) {
        const json_t *alert = json_array_get(alerts, i);

        count += strcmp(json_string_value(json_object_get(alert, "alertType")), type) == 0 &&
                strcmp(json_string_value(json_object_get(alert, "deviceId")), device) == 0
            ? 1
            : 0;
    }
    json_decref(alerts);
    return count;
}

void engine_hear(struct engine_fixture *f, const char *device, const char *address, int64_t ms)
{
    struct vd_observation seen = {.what = VD_OBSERVED_MESSAGE,
        .device_id = vd_str_from(device),
        .address = vd_str_from(address),
        .enqueued_ms = ms,
        .time = engine_at(ms)};

    assert_int_equal(vd_engine_observe(f->engine, &seen, &f->findings), VD_OK);
}

uint64_t engine_findings_of(struct engine_fixture *f, const char *type)
{
    uint64_t count = 0;

    for (size_t i = 0; i < f->findings.count; i++) {
        const struct vd_pending_alert *alert = f->findings.alerts[i];

        count += strcmp(alert->first.rule->alert_type, type) == 0 ? alert->count : 0;
    }
    return count;
}
