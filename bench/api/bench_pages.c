/* SPDX-License-Identifier: MIT */
/* What the pages ask for, with many devices and alerts stored. `bench_pages fill DATA_DIR [DEVICES [ALERTS]]` puts them into a
 * data directory that `vedette init` made and nobody serves; `bench_pages ask DATA_DIR` prints a row of JSON a request.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api/api.h"
#include "center/detect/device_state.h"
#include "center/store/alert_store_internal.h"
#include "center/store/device_states.h"
#include "cli/data_dir.h"
#include "cli/stores.h"
#include "lib/clock.h"
#include "lib/fleet.h"
#include "lib/secret.h"

#define DEVICES_DEFAULT 100000
#define ALERTS_DEFAULT  1000000
#define BATCH           10000
#define ROUNDS          20
#define CEILING_MS      200
/* Alerts are raised over so many days, up to now. */
#define DAYS 30

static void must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "bench_pages: %s failed\n", what);
        exit(1);
    }
}

static void id_of(unsigned n, char out[32])
{
    snprintf(out, 32, "meter-%06u", n);
}

/* ---- Filling ---- */

static void add_identity(struct vd_registry *registry, unsigned n)
{
    struct vd_identity identity = {.enabled = n % 50 != 0};

    id_of(n, identity.device_id);
    memset(identity.primary_key.bytes, 'k', 32);
    identity.primary_key.length = 32;
    identity.secondary_key = identity.primary_key;
    must(vd_registry_create(registry, &identity) == VD_OK, identity.device_id);
}

/* One in 50 disabled, one in 20 never heard of, one in 20 silent, one in 100 refused, one in 10 late. */
static enum vd_presence presence_of(unsigned n)
{
    return n % 50 == 0 ? VD_PRESENCE_DISABLED
        : n % 100 == 1 ? VD_PRESENCE_REFUSED
        : n % 20 == 2  ? VD_PRESENCE_NEVER
        : n % 20 == 3  ? VD_PRESENCE_SILENT
        : n % 10 == 4  ? VD_PRESENCE_LATE
                       : VD_PRESENCE_REPORTING;
}

static int64_t heard_of(unsigned n, enum vd_presence presence, int64_t now_ms)
{
    switch (presence) {
    case VD_PRESENCE_NEVER:
        return 0;
    case VD_PRESENCE_SILENT:
        return now_ms - 4 * VD_DAY_MS - (int64_t)n * 1000;
    case VD_PRESENCE_LATE:
        return now_ms - 7200000 - (int64_t)(n % 3600) * 1000;
    default:
        return now_ms - (int64_t)(n * 7919 % 60000);
    }
}

/* With two windows open, as one whose group has rules. */
static void add_windows(struct vd_device_state *state)
{
    for (int64_t i = 0; i < 2; i++) {
        struct vd_window *window = NULL;

        must(vd_device_window_open(state, (enum vd_counter)i, 1, &window) == VD_OK, "a window");
        window->count = window->sampled = VD_WINDOW_SAMPLES;
    }
}

/* One in 500 in a small group, one in 25 in one that is not. */
static const char *group_of(unsigned n)
{
    return n % 500 == 5 ? "lab" : n % 25 == 10 ? "yard" : VD_FLEET_GROUP_DEFAULT;
}

static void add_state(struct vd_alert_store *store, unsigned n, int64_t now_ms)
{
    const enum vd_presence presence = presence_of(n);
    struct vd_buf out = {0};
    struct vd_device_row row = {.presence = presence};
    struct vd_device_state *state;
    char id[32];

    id_of(n, id);
    state = vd_device_state_new(vd_str_from(id));
    must(state != NULL, "memory");
    state->heard_ms = heard_of(n, presence, now_ms);
    state->message_ms = state->heard_ms;
    state->pace_ms = 60000;
    state->is_enabled = presence != VD_PRESENCE_DISABLED;
    state->is_known = true;
    state->is_silent = presence == VD_PRESENCE_SILENT;
    state->is_late = presence == VD_PRESENCE_LATE;
    state->refused_ms = presence == VD_PRESENCE_REFUSED ? now_ms : 0;
    state->heard_address = vd_address_from_ipv4((const uint8_t[]){198, 51, 100, (uint8_t)n});
    add_windows(state);
    vd_device_state_write(state, &out);
    must(vd_device_state_set_group(state, group_of(n)) == VD_OK, "a group");
    row.device_id = id;
    row.group = state->group;
    row.heard_ms = state->heard_ms;
    row.body = (struct vd_str){(const char *)out.data, out.length};
    must(vd_device_state_put(store, &row) == VD_OK, id);
    vd_buf_release(&out);
    vd_device_state_free(state);
}

static const char *evidence(const struct vd_alert_update *update, uint64_t i, int64_t *key)
{
    (void)update;
    (void)i;
    *key = 0;
    return "{\"remoteAddress\":\"203.0.113.1\"}";
}

/* One in 100 High, a quarter Medium, of a fifth of the devices. */
static void add_alert(struct vd_alert_store *store, unsigned n, unsigned count, unsigned devices)
{
    const int64_t end_ms = vd_clock_utc_ms();
    char device[32];
    char subject[32];
    bool raised = false;
    struct vd_alert_update update = {
        .type = n % 3 == 0 ? "IoT_DeviceSilent" : "IoT_TiConnection",
        .display_name =
            n % 3 == 0 ? "Device silent" : "Communication with a suspicious IP address detected",
        .severity = n % 100 == 0 ? "High"
            : n % 4 == 0         ? "Medium"
                                 : "Low",
        .module_id = VD_STR_LITERAL(""),
        .subject = subject,
        .start_ms = end_ms - DAYS * VD_DAY_MS + (int64_t)n * (DAYS * VD_DAY_MS / count),
        .description = "Something was seen.",
        .remediation_json = "[\"Look\"]",
        .techniques_json = "[]",
        .count = 1,
        .evidence = evidence,
    };

    id_of(n * 5 % devices, device);
    snprintf(subject, sizeof subject, "203.0.113.%u", n % 250);
    must(vd_uuid_derived(&n, sizeof n, &update.id) == VD_OK, "id");
    update.device_id = vd_str_from(device);
    update.cause = vd_str_from(subject);
    update.end_ms = update.generated_ms = update.start_ms;
    update.day = vd_time_day(update.start_ms);
    must(vd_alert_store_apply(store, &update, &raised) == VD_OK && raised, "alert");
}

static void fill(const struct vd_stores *stores, unsigned devices, unsigned alerts)
{
    const int64_t now_ms = vd_clock_utc_ms();

    must(devices > 0, "devices");
    for (unsigned n = 0; n < devices; n++) {
        add_identity(stores->registry, n);
    }
    must(vd_alert_store_begin(stores->alerts) == VD_OK, "begin");
    for (unsigned n = 0; n < devices; n++) {
        add_state(stores->alerts, n, now_ms);
    }
    must(vd_alert_store_commit(stores->alerts) == VD_OK, "commit");
    for (unsigned n = 0; n < alerts; n += BATCH) {
        must(vd_alert_store_begin(stores->alerts) == VD_OK, "begin");
        for (unsigned i = n; i < n + BATCH && i < alerts; i++) {
            add_alert(stores->alerts, i, alerts, devices);
        }
        must(vd_alert_store_commit(stores->alerts) == VD_OK, "commit");
    }
    must(vd_alert_store_begin(stores->alerts) == VD_OK, "begin");
    must(vd_sqlite_run(stores->alerts->writer,
             "UPDATE alerts SET status = 'Resolved' WHERE number % 10 <> 0") == VD_OK,
        "resolve"); /* all but one in ten */
    must(vd_alert_store_commit(stores->alerts) == VD_OK, "commit");
}

/* ---- Asking ---- */

static int by_size(const void *a, const void *b)
{
    const double left = *(const double *)a;
    const double right = *(const double *)b;

    return (left > right) - (left < right);
}

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1000 + (double)t.tv_nsec / 1e6;
}

/* The slowest of the rounds: a page is to be there each time. */
static void ask(const struct vd_api *api, const char *name, const char *path, const char *query)
{
    const struct vd_api_request request = {
        .method = "GET", .path = path, .query = query, .caller = vd_api_local_caller(NULL)};
    double took[ROUNDS];

    for (int i = 0; i < ROUNDS; i++) {
        const double start = now_ms();
        struct vd_api_answer answer;

        vd_api_call(api, &request, &answer);
        took[i] = now_ms() - start;
        must(answer.status == 200, name);
        json_decref(answer.body);
    }
    qsort(took, ROUNDS, sizeof took[0], by_size);
    printf("{\"name\":\"api.pages.%s\",\"value\":%.2f,\"unit\":\"ms\",\"reference\":\"design\","
           "\"reference_value\":%d,\"ratio\":%.3f,\"ceiling\":1}\n",
        name, took[ROUNDS - 1], CEILING_MS, took[ROUNDS - 1] / CEILING_MS);
}

static void ask_all(const struct vd_api *api)
{
    ask(api, "inventory", "/inventory", NULL);
    ask(api, "inventory_next", "/inventory", "after=0:meter-005000&limit=1000");
    ask(api, "inventory_search", "/inventory", "search=meter-05");
    ask(api, "inventory_silent", "/inventory", "state=silent");
    ask(api, "inventory_refused_longest", "/inventory", "state=refused&sort=lastHeard");
    ask(api, "inventory_group", "/inventory", "group=default&state=late");
    ask(api, "inventory_longest", "/inventory", "sort=lastHeard");
    ask(api, "inventory_latest", "/inventory", "sort=-lastHeard");
    ask(api, "inventory_alerts", "/inventory", "sort=openAlerts");
    ask(api, "device", "/inventory/meter-005001", NULL);
    ask(api, "alerts", "/alerts", "limit=50");
    ask(api, "alerts_small_group", "/alerts", "group=lab&limit=50");
    ask(api, "alerts_small_group_resolved", "/alerts", "group=lab&state=Resolved&limit=50");
    ask(api, "alerts_small_group_high", "/alerts", "group=lab&severity=High&limit=50");
    ask(api, "alerts_group", "/alerts", "group=yard&limit=50");
    ask(api, "alerts_group_open", "/alerts", "group=yard&state=Open&limit=50");
    ask(api, "alerts_of_nobody", "/alerts", "group=nobody&limit=50");
    ask(api, "overview", "/overview", NULL);
}

int main(int argc, char **argv)
{
    struct vd_stores stores = {0};
    struct vd_config config;
    char reason[512] = "";
    bool serving;
    int lock;

    if (argc < 3 || (strcmp(argv[1], "fill") != 0 && strcmp(argv[1], "ask") != 0)) {
        fprintf(stderr, "usage: bench_pages fill DATA_DIR [DEVICES [ALERTS]] | ask DATA_DIR\n");
        return 2;
    }
    vd_config_defaults(&config);
    must(vd_data_lock(argv[2], VD_LOCK_COMMAND, &lock, &serving) == VD_OK, "the lock");
    if (vd_stores_open(argv[2], &config, VD_NEEDS_ALL, &stores, reason, sizeof reason) != VD_OK) {
        fprintf(stderr, "bench_pages: %s\n", reason);
        return 1;
    }
    if (strcmp(argv[1], "fill") == 0) {
        fill(&stores, argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : DEVICES_DEFAULT,
            argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : ALERTS_DEFAULT);
    } else {
        const struct vd_api api = {.registry = stores.registry,
            .alerts = stores.alerts,
            .analytics = stores.analytics,
            .log = stores.log,
            .state = stores.state,
            .host_name = "localhost"};

        ask_all(&api);
    }
    vd_stores_close(&stores);
    close(lock);
    return 0;
}
