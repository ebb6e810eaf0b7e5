/* SPDX-License-Identifier: MIT */
/* Marks of the alert store: each change makes another number of its topic, and of no other. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "center/store/alert_store_internal.h"
#include "center/store/device_states.h"
#include "center/store/feeds.h"
#include "center/store/groups.h"
#include "center/store/letters.h"
#include "center/store/marks.h"
#include "center/store/recommendations.h"
#include "center/store/saved_queries.h"
#include "center/store/sinks.h"
#include "lib/log.h"
#include "tests/center/alerts.h"
#include "tests/center/message.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define NOW_MS 1764000000000LL

static char *folder;
static struct vd_alert_store *store;

static int set_up(void **state)
{
    static const uint8_t key[VD_MASTER_KEY_BYTES] = {3};
    char path[512];

    (void)state;
    folder = test_folder_new();
    snprintf(path, sizeof path, "%s/center.db", folder);
    if (vd_alert_store_open(path, &store) != VD_OK) {
        return -1;
    }
    vd_sinks_set_key(store, key);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    vd_alert_store_close(store);
    test_folder_remove(folder);
    return 0;
}

/* ---- Changes ---- */

static void alert_raised(void)
{
    test_alert_happen(store, 1, "High");
}

static void recommendations_put(bool is_active, uint64_t resources)
{
    struct vd_recommendation_state state[VD_RECOMMENDATIONS] = {{.is_active = false}};

    for (size_t i = 0; i < VD_RECOMMENDATIONS; i++) {
        state[i].resources = json_array();
    }
    state[0].is_active = is_active;
    state[0].resource_count = resources;
    assert_int_equal(vd_recommendations_put(store, state, NOW_MS, NULL), VD_OK);
    for (size_t i = 0; i < VD_RECOMMENDATIONS; i++) {
        json_decref(state[i].resources);
    }
}

static void recommendation_active(void)
{
    recommendations_put(true, 1);
}

static void recommendation_of_more(void)
{
    recommendations_put(true, 2);
}

static void feed_put(void)
{
    const struct vd_str text = VD_STR_LITERAL("192.0.2.1\n");
    const struct vd_feed_put feed = {.name = "f", .text = &text, .now_ms = NOW_MS};
    struct vd_feed_report report;
    char problem[VD_FEED_PROBLEM_SIZE];

    assert_int_equal(vd_feeds_put(store, &feed, &report, problem), VD_OK);
}

static void feed_removed(void)
{
    assert_int_equal(vd_feeds_remove(store, "f"), VD_OK);
}

static void group_put(void)
{
    json_t *properties = json_object();
    char problem[256];
    bool is_new;

    assert_int_equal(vd_groups_put(store, "g", properties, NOW_MS, &is_new, problem), VD_OK);
    json_decref(properties);
}

static void group_removed(void)
{
    assert_int_equal(vd_groups_remove(store, "g"), VD_OK);
}

static void sink_added(void)
{
    json_t *settings = json_pack("{s:s}", "url", "https://example.com/");
    const struct vd_sink_row row = {
        .name = "s", .kind = "webhook", .settings = settings, .min_severity = "Low"};

    assert_int_equal(vd_sinks_add(store, &row), VD_OK);
    json_decref(settings);
}

static void sink_removed(void)
{
    assert_int_equal(vd_sinks_remove(store, "s"), VD_OK);
}

static void letter_added(void)
{
    const struct vd_event record = {.kind = VD_EVENT_SECURITY, .enqueued_ms = NOW_MS};

    assert_int_equal(vd_alert_store_begin(store), VD_OK);
    assert_int_equal(vd_dead_letter_add(store, 7, &record, "empty body"), VD_OK);
    assert_int_equal(vd_alert_store_commit(store), VD_OK);
}

static void letter_replayed(void)
{
    const struct vd_letter_mark taken = {.replay_offset = 90, .time_ms = NOW_MS};

    assert_int_equal(vd_alert_store_begin(store), VD_OK);
    assert_int_equal(vd_dead_letter_mark(store, 7, &taken), VD_OK);
    assert_int_equal(vd_alert_store_commit(store), VD_OK);
}

static void letter_deleted(void)
{
    const struct vd_letter_filter all = {.limit = 0};
    uint64_t deleted = 0;

    assert_int_equal(vd_letters_delete(store, &all, &deleted), VD_OK);
    assert_int_equal(deleted, 1);
}

static void device_put(const char *group, enum vd_presence presence, const char *body)
{
    const struct vd_device_row row = {.device_id = "lamp",
        .group = group,
        .presence = presence,
        .heard_ms = NOW_MS,
        .body = vd_str_from(body)};

    assert_int_equal(vd_alert_store_begin(store), VD_OK);
    assert_int_equal(vd_device_state_put(store, &row), VD_OK);
    assert_int_equal(vd_alert_store_commit(store), VD_OK);
}

static void device_new(void)
{
    device_put("", VD_PRESENCE_REPORTING, "1");
}

/* What changes with every message is none of these. */
static void device_heard(void)
{
    device_put("", VD_PRESENCE_REPORTING, "2");
}

static void device_late(void)
{
    device_put("", VD_PRESENCE_LATE, "2");
}

static void device_moved(void)
{
    device_put("g", VD_PRESENCE_LATE, "2");
}

static void device_gone(void)
{
    assert_int_equal(vd_alert_store_begin(store), VD_OK);
    assert_int_equal(vd_device_state_remove(store, "lamp"), VD_OK);
    assert_int_equal(vd_alert_store_commit(store), VD_OK);
}

static void query_put(void)
{
    json_t *document = json_pack("{s:s}", "query", "SecurityAlert");
    char problem[VD_SAVED_QUERY_PROBLEM_SIZE] = "";
    bool is_new;

    if (vd_saved_queries_put(store, "q", document, NOW_MS, &is_new, problem) != VD_OK) {
        fail_msg("%s", problem);
    }
    json_decref(document);
}

static void query_removed(void)
{
    assert_int_equal(vd_saved_queries_remove(store, "q"), VD_OK);
}

#define AT(member) offsetof(struct vd_store_marks, member)
#define NOTHING    SIZE_MAX

static void test_marks__each_change(void **state)
{
    static const struct {
        void (*change)(void);
        size_t at; /* of what changes in struct vd_store_marks */
    } cases[] = {
        {alert_raised, AT(alerts)},
        {alert_raised, AT(alerts)},
        {recommendation_active, AT(recommendations)},
        {recommendation_of_more, AT(recommendations)},
        {device_new, AT(devices)},
        {device_heard, NOTHING},
        {device_late, AT(devices)},
        {device_moved, AT(devices)},
        {device_gone, AT(devices)},
        {feed_put, AT(feeds)},
        {feed_put, AT(feeds)},
        {feed_removed, AT(feeds)},
        {group_put, AT(groups)},
        {group_put, AT(groups)},
        {group_removed, AT(groups)},
        {sink_added, AT(notify)},
        {sink_removed, AT(notify)},
        {letter_added, AT(dead_letters)},
        {letter_replayed, AT(dead_letters)},
        {letter_deleted, AT(dead_letters)},
        {query_put, AT(queries)},
        {query_removed, AT(queries)},
    };
    struct vd_store_marks before = {.alerts = -1};
    struct vd_store_marks after = {.alerts = -1};

    (void)state;
    assert_int_equal(vd_store_marks_read(store, &before), VD_OK);
    for (size_t i = 0; i < COUNT(cases); i++) {
        cases[i].change();
        assert_int_equal(vd_store_marks_read(store, &after), VD_OK);
        for (size_t at = 0; at < sizeof before; at += sizeof(int64_t)) {
            int64_t numbers[2];

            memcpy(&numbers[0], (const char *)&before + at, sizeof numbers[0]);
            memcpy(&numbers[1], (const char *)&after + at, sizeof numbers[1]);
            if ((numbers[0] != numbers[1]) != (at == cases[i].at)) {
                fail_msg("change %zu, number at %zu: %lld, %lld", i, at, (long long)numbers[0],
                    (long long)numbers[1]);
            }
        }
        before = after;
    }
    assert_true(after.alerts > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_marks__each_change, set_up, tear_down),
    };

    vd_log_set_level(VD_LOG_ERROR);
    return cmocka_run_group_tests_name("center_marks", tests, NULL, NULL);
}
