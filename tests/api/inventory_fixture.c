/* SPDX-License-Identifier: MIT */
/* The stores of one test at a time, in a folder of their own, and an API over them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/api/inventory_fixture.h"

#include "api/fleet.h"
#include "center/store/alert_store_internal.h"
#include "lib/clock.h"
#include "lib/folder.h"
#include "tests/api/service_fixture.h"

struct vd_alert_store *store;
struct vd_event_log *event_log;
struct vd_analytics *analytics;
json_t *body;
int64_t now_ms;
static struct vd_api_fleet fleet;
char store_folder[64];

int set_up_store(void **state)
{
    char path[96];

    snprintf(store_folder, sizeof store_folder, "/tmp/vedette-inventory-XXXXXX");
    assert_non_null(mkdtemp(store_folder));
    snprintf(path, sizeof path, "%s/alerts.db", store_folder);
    assert_int_equal(vd_alert_store_open(path, &store), VD_OK);
    snprintf(path, sizeof path, "%s/events.db", store_folder);
    assert_int_equal(vd_event_log_sqlite_open(path, &event_log), VD_OK);
    assert_int_equal(set_up(state), 0);
    vd_api_fleet_init(&fleet, registry, hub_state);
    now_ms = vd_clock_utc_ms();
    return 0;
}

int tear_down_store(void **state)
{
    json_decref(body);
    body = NULL;
    vd_analytics_close(analytics);
    analytics = NULL;
    vd_event_log_close(event_log);
    vd_alert_store_close(store);
    assert_int_equal(vd_folder_remove(store_folder), VD_OK);
    return tear_down(state);
}

const json_t *ask(const char *path, const char *query, int status)
{
    const struct vd_api api = {
        .registry = registry,
        .state = hub_state,
        .alerts = store,
        .log = event_log,
        .analytics = analytics,
        .bus = &bus.base,
        .fleet = &fleet.base,
        .started_ms = 1,
    };
    const struct vd_api_request request = {
        .method = "GET", .path = path, .query = query, .caller = vd_api_local_caller(NULL)};
    struct vd_api_answer answered;

    vd_api_call(&api, &request, &answered);
    assert_int_equal(answered.status, status);
    json_decref(body);
    body = answered.body;
    return body;
}

void make_identity(const char *id)
{
    struct vd_identity identity = {.enabled = true};

    snprintf(identity.device_id, sizeof identity.device_id, "%s", id);
    identity.primary_key.length = identity.secondary_key.length = 32;
    assert_int_equal(vd_registry_create(registry, &identity), VD_OK);
}

static const char *evidence(const struct vd_alert_update *update, uint64_t i, int64_t *key)
{
    (void)update;
    (void)i;
    *key = 0;
    return "{}";
}

void raise_alert(uint8_t number, const char *device, const char *severity, int64_t at_ms)
{
    struct vd_alert_update update = {
        .type = "IoT_TiConnection",
        .display_name = "Suspicious address",
        .severity = severity,
        .device_id = vd_str_from(device),
        .module_id = VD_STR_LITERAL(""),
        .subject = "s",
        .start_ms = at_ms,
        .end_ms = at_ms,
        .generated_ms = at_ms,
        .description = "d",
        .remediation_json = "[]",
        .techniques_json = "[]",
        .cause = VD_STR_LITERAL("c"),
        .count = 1,
        .evidence = evidence,
    };
    bool raised = false;

    update.id.bytes[15] = number;
    assert_int_equal(vd_alert_store_begin(store), VD_OK);
    assert_int_equal(vd_alert_store_apply(store, &update, &raised), VD_OK);
    assert_int_equal(vd_alert_store_commit(store), VD_OK);
}
