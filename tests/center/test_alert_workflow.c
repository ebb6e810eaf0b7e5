/* SPDX-License-Identifier: MIT */
/* Alerts as records of work: states, acts, dismissals that hold, history, filters, groups, and how old ones go. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "center/limits.h"
#include "center/store/alert_act.h"
#include "center/store/alert_store_internal.h"
#include "lib/clock.h"
#include "tests/center/message.h"
#include "tests/center/store_fixture.h"

#define HOUR_MS 3600000LL

static const char *no_evidence(const struct vd_alert_update *update, uint64_t i, int64_t *key)
{
    (void)update;
    (void)i;
    *key = 0;
    return "{}";
}

/* What the tests vary of a finding. */
struct found {
    uint64_t id;
    const char *device;
    const char *cause;
    const char *severity;
    int64_t at_ms;
};

static bool apply(struct vd_alert_store *store, const struct found *found)
{
    const struct vd_alert_update update = {
        .id = test_uuid(found->id),
        .type = "IoT_TiConnection",
        .display_name = "Suspicious address",
        .severity = found->severity != NULL ? found->severity : "Medium",
        .device_id = vd_str_from(found->device),
        .module_id = VD_STR_LITERAL(""),
        .subject = found->cause,
        .day = vd_time_day(found->at_ms),
        .start_ms = found->at_ms,
        .end_ms = found->at_ms,
        .generated_ms = found->at_ms,
        .description = "It spoke to an address",
        .remediation_json = "[]",
        .techniques_json = "[]",
        .cause = vd_str_from(found->cause),
        .count = 1,
        .evidence = no_evidence,
    };
    bool raised = false;

    assert_int_equal(vd_alert_store_apply(store, &update, &raised), VD_OK);
    return raised;
}

static bool happen(struct store_fixture *f, const struct found *found)
{
    bool raised;

    assert_int_equal(vd_alert_store_begin(f->store), VD_OK);
    raised = apply(f->store, found);
    assert_int_equal(vd_alert_store_commit(f->store), VD_OK);
    return raised;
}

/* The id of alert `number`, in static memory. */
static const char *id_of(uint64_t number)
{
    static char text[VD_UUID_TEXT_SIZE];
    const struct vd_uuid id = test_uuid(number);

    vd_uuid_format(&id, text);
    return text;
}

static int act(struct store_fixture *f, uint64_t id, const struct vd_alert_act *act)
{
    json_t *alert = NULL;
    const int error = vd_alert_act(f->store, id_of(id), act, &alert);

    json_decref(alert);
    return error;
}

/* The alert's state as it is stored; the text is the one of the table. */
static void expect_state(struct store_fixture *f, uint64_t id, const char *expected)
{
    json_t *alert = NULL;

    assert_int_equal(vd_alert_store_get(f->store, id_of(id), &alert), VD_OK);
    assert_string_equal(json_string_value(json_object_get(alert, "status")), expected);
    json_decref(alert);
}

/* Entry `i` of the alert's history, compared in its texts; NULL: it is to be null. */
static void expect_entry(
    struct store_fixture *f, uint64_t id, size_t i, const char *const expected[6])
{
    static const char *const names[] = {"actor", "event", "from", "to", "reason", "text"};
    json_t *alert = NULL;
    const json_t *entry;

    assert_int_equal(vd_alert_store_get(f->store, id_of(id), &alert), VD_OK);
    entry = json_array_get(json_object_get(alert, "history"), i);
    assert_non_null(entry);
    for (size_t n = 0; n < 6; n++) {
        const json_t *value = json_object_get(entry, names[n]);

        if (expected[n] == NULL) {
            assert_true(json_is_null(value));
        } else {
            assert_string_equal(json_string_value(value), expected[n]);
        }
    }
    json_decref(alert);
}

/* ---- States ---- */

#define NONE VD_ALERT_STATE_COUNT

static void test_states__whole_matrix(void **state)
{
    /* New, InProgress, Dismissed, Resolved: start, dismiss, resolve, reopen, note, repeated, suppressed. */
    static const int expected[4][7] = {
        {1, 2, 3, NONE, 0, 0, 0},
        {NONE, 2, 3, 0, 1, 1, 1},
        {1, 2, 3, 0, 2, 0, 2},
        {1, 2, NONE, 0, 3, 0, 2},
    };

    (void)state;
    assert_int_equal(VD_ALERT_STATE_COUNT, 4);
    assert_int_equal(VD_ALERT_EVENT_COUNT, 7);
    for (int from = 0; from < 4; from++) {
        for (int event = 0; event < 7; event++) {
            enum vd_alert_state next = NONE;

            assert_int_equal(
                vd_alert_state_next((enum vd_alert_state)from, (enum vd_alert_event)event, &next),
                expected[from][event] != NONE);
            assert_int_equal(next, expected[from][event]);
        }
    }
}

static void test_states__texts(void **state)
{
    (void)state;
    for (int i = 0; i < VD_ALERT_STATE_COUNT; i++) {
        assert_int_equal(vd_alert_state_parse(vd_alert_state_text(i)), i);
    }
    for (int i = 0; i < VD_ALERT_EVENT_COUNT; i++) {
        assert_int_equal(vd_alert_event_parse(vd_alert_event_text(i)), i);
    }
    for (int i = 0; i < VD_ALERT_REASON_COUNT; i++) {
        assert_int_equal(vd_alert_reason_parse(vd_alert_reason_text(i)), i);
    }
    assert_int_equal(vd_alert_state_parse("inprogress"), VD_ALERT_IN_PROGRESS);
    assert_int_equal(vd_alert_state_parse(""), -1);
    assert_int_equal(vd_alert_reason_parse("Expectedly"), -1);
    assert_null(vd_alert_state_text(-1));
    assert_null(vd_alert_event_text(VD_ALERT_EVENT_COUNT));
}

/* ---- Acts ---- */

static void test_acts__work_and_history(void **state)
{
    struct store_fixture *f = *state;

    happen(f, &(struct found){1, "d1", "a", NULL, 1000});
    assert_int_equal(
        act(f, 1, &(struct vd_alert_act){.event = VD_ALERT_START, .actor = "ann", .now_ms = 2000}),
        VD_OK);
    expect_state(f, 1, "InProgress");
    assert_int_equal(
        act(f, 1, &(struct vd_alert_act){.event = VD_ALERT_START, .actor = "bob", .now_ms = 2500}),
        VD_E_EXISTS);
    assert_int_equal(
        act(f, 1,
            &(struct vd_alert_act){
                .event = VD_ALERT_NOTE, .actor = "bob", .text = "asked the site", .now_ms = 3000}),
        VD_OK);
    assert_int_equal(
        act(f, 1,
            &(struct vd_alert_act){.event = VD_ALERT_RESOLVE, .actor = "ann", .now_ms = 4000}),
        VD_OK);
    expect_state(f, 1, "Resolved");
    /* It happens again. */
    assert_false(happen(f, &(struct found){1, "d1", "a", NULL, 5000}));
    expect_state(f, 1, "New");
    expect_entry(f, 1, 0, (const char *const[]){"ann", "start", "New", "InProgress", NULL, NULL});
    expect_entry(f, 1, 1,
        (const char *const[]){"bob", "note", "InProgress", "InProgress", NULL, "asked the site"});
    expect_entry(
        f, 1, 2, (const char *const[]){"ann", "resolve", "InProgress", "Resolved", NULL, NULL});
    expect_entry(
        f, 1, 3, (const char *const[]){"vedette", "repeated", "Resolved", "New", NULL, NULL});
}

static void test_acts__what_is_refused(void **state)
{
    struct store_fixture *f = *state;
    char *long_note = malloc(VD_ALERT_NOTE_MAX + 2);
    json_t *alert = NULL;

    happen(f, &(struct found){1, "d1", "a", NULL, 1000});
    happen(f, &(struct found){2, "d1", "b", NULL, 1000});
    assert_non_null(long_note);
    memset(long_note, 'x', VD_ALERT_NOTE_MAX + 1);
    long_note[VD_ALERT_NOTE_MAX + 1] = '\0';
    assert_int_equal(
        act(f, 9, &(struct vd_alert_act){.event = VD_ALERT_START, .actor = "ann"}), VD_E_NOT_FOUND);
    assert_int_equal(
        act(f, 1, &(struct vd_alert_act){.event = VD_ALERT_REOPEN, .actor = "ann"}), VD_E_EXISTS);
    assert_int_equal(
        act(f, 1, &(struct vd_alert_act){.event = VD_ALERT_NOTE, .actor = "ann"}), VD_E_LIMIT);
    assert_int_equal(
        act(f, 1,
            &(struct vd_alert_act){.event = VD_ALERT_NOTE, .actor = "ann", .text = long_note}),
        VD_E_LIMIT);
    assert_int_equal(
        act(f, 1,
            &(struct vd_alert_act){
                .event = VD_ALERT_DISMISS, .actor = "ann", .until_ms = 10, .now_ms = 10}),
        VD_E_LIMIT);
    assert_int_equal(vd_alert_act(f->store, "0000",
                         &(struct vd_alert_act){.event = VD_ALERT_START, .actor = "ann"}, &alert),
        VD_E_INVALID);
    /* Of two who read change 2, the second comes too late. */
    assert_int_equal(
        act(f, 2, &(struct vd_alert_act){.event = VD_ALERT_START, .actor = "ann", .if_change = 2}),
        VD_OK);
    assert_int_equal(
        act(f, 2,
            &(struct vd_alert_act){.event = VD_ALERT_RESOLVE, .actor = "bob", .if_change = 2}),
        VD_E_CHANGED);
    expect_state(f, 2, "InProgress");
    expect_state(f, 1, "New");
    free(long_note);
}

static void test_acts__history_is_bounded(void **state)
{
    struct store_fixture *f = *state;
    json_t *alert = NULL;

    happen(f, &(struct found){1, "d1", "a", NULL, 1000});
    for (int i = 0; i < VD_ALERT_HISTORY_MAX + 5; i++) {
        char text[16];

        snprintf(text, sizeof text, "%d", i);
        assert_int_equal(
            act(f, 1, &(struct vd_alert_act){.event = VD_ALERT_NOTE, .actor = "ann", .text = text}),
            VD_OK);
    }
    assert_int_equal(vd_alert_store_get(f->store, id_of(1), &alert), VD_OK);
    assert_int_equal(json_array_size(json_object_get(alert, "history")), VD_ALERT_HISTORY_MAX);
    json_decref(alert);
    expect_entry(f, 1, 0, (const char *const[]){"ann", "note", "New", "New", NULL, "5"});
}

/* ---- Dismissals ---- */

static int dismiss(struct store_fixture *f, uint64_t id, int64_t until_ms, int64_t now_ms)
{
    return act(f, id,
        &(struct vd_alert_act){.event = VD_ALERT_DISMISS,
            .actor = "ann",
            .reason = VD_ALERT_EXPECTED,
            .text = "our own server",
            .until_ms = until_ms,
            .now_ms = now_ms});
}

static void test_dismissals__hold_until_their_end(void **state)
{
    struct store_fixture *f = *state;
    json_t *alert = NULL;

    happen(f, &(struct found){1, "d1", "a", NULL, 1000});
    assert_int_equal(dismiss(f, 1, VD_DAY_MS + 5000, 2000), VD_OK);
    expect_entry(f, 1, 0,
        (const char *const[]){"ann", "dismiss", "New", "Dismissed", "Expected", "our own server"});
    /* A repeat of the same day is counted, and stays dismissed. */
    assert_false(happen(f, &(struct found){1, "d1", "a", NULL, 3000}));
    expect_state(f, 1, "Dismissed");
    /* So is the next day's, on account of the first; another device's and another address are not. */
    assert_true(happen(f, &(struct found){2, "d1", "a", NULL, VD_DAY_MS}));
    assert_true(happen(f, &(struct found){3, "d2", "a", NULL, VD_DAY_MS}));
    assert_true(happen(f, &(struct found){4, "d1", "b", NULL, VD_DAY_MS}));
    expect_state(f, 2, "Dismissed");
    expect_state(f, 3, "New");
    expect_state(f, 4, "New");
    assert_int_equal(vd_alert_store_get(f->store, id_of(2), &alert), VD_OK);
    assert_string_equal(json_string_value(json_object_get(alert, "suppressedBy")), id_of(1));
    json_decref(alert);
    /* At its end it holds no more: the repeat is news, and so is the day after. */
    assert_false(happen(f, &(struct found){2, "d1", "a", NULL, VD_DAY_MS + 5000}));
    expect_state(f, 2, "New");
    expect_entry(
        f, 2, 0, (const char *const[]){"vedette", "repeated", "Dismissed", "New", NULL, NULL});
    assert_true(happen(f, &(struct found){5, "d1", "a", NULL, 2 * VD_DAY_MS}));
    expect_state(f, 5, "New");
}

static void test_dismissals__lifted_by_other_states(void **state)
{
    static const enum vd_alert_event lifting[] = {
        VD_ALERT_START, VD_ALERT_RESOLVE, VD_ALERT_REOPEN};
    struct store_fixture *f = *state;
    uint64_t id = 1;

    for (size_t i = 0; i < sizeof lifting / sizeof lifting[0]; i++, id += 3) {
        char cause[8];

        snprintf(cause, sizeof cause, "c%zu", i);
        happen(f, &(struct found){id, "d1", cause, NULL, 1000});
        assert_int_equal(dismiss(f, id, 0, 2000), VD_OK);
        happen(f, &(struct found){id + 1, "d1", cause, NULL, 400 * VD_DAY_MS});
        expect_state(f, id + 1, "Dismissed");
        /* Of the one that was suppressed as well as of the first. */
        assert_int_equal(
            act(f, id + i % 2, &(struct vd_alert_act){.event = lifting[i], .actor = "ann"}), VD_OK);
        happen(f, &(struct found){id + 2, "d1", cause, NULL, 401 * VD_DAY_MS});
        expect_state(f, id + 2, "New");
    }
}

static void test_dismissals__resolved_and_suppressed(void **state)
{
    struct store_fixture *f = *state;

    happen(f, &(struct found){1, "d1", "a", NULL, 1000});
    happen(f, &(struct found){2, "d1", "a", NULL, VD_DAY_MS});
    assert_int_equal(
        act(f, 2, &(struct vd_alert_act){.event = VD_ALERT_RESOLVE, .actor = "ann"}), VD_OK);
    assert_int_equal(dismiss(f, 1, 0, VD_DAY_MS), VD_OK);
    happen(f, &(struct found){2, "d1", "a", NULL, VD_DAY_MS + 1});
    expect_state(f, 2, "Dismissed");
    expect_entry(f, 2, 1,
        (const char *const[]){"vedette", "suppressed", "Resolved", "Dismissed", NULL, NULL});
}

/* ---- Many ---- */

static size_t count_of(struct store_fixture *f, struct vd_alert_filter filter)
{
    json_t *alerts = NULL;
    size_t count;

    assert_int_equal(vd_alert_store_list(f->store, &filter, &alerts), VD_OK);
    count = json_array_size(alerts);
    json_decref(alerts);
    return count;
}

/* 1,200 alerts of 12 devices: every third of cause "a", every fifth High, one an hour. */
static void make_many(struct store_fixture *f)
{
    assert_int_equal(vd_alert_store_begin(f->store), VD_OK);
    for (uint64_t n = 1; n <= 1200; n++) {
        char device[16];

        snprintf(device, sizeof device, "d%u", (unsigned)(n % 12));
        assert_true(apply(f->store,
            &(struct found){n, device, n % 3 == 0 ? "a" : "b", n % 5 == 0 ? "High" : "Low",
                (int64_t)n * HOUR_MS}));
    }
    assert_int_equal(vd_alert_store_commit(f->store), VD_OK);
}

static void test_many__filters(void **state)
{
    struct store_fixture *f = *state;

    make_many(f);
    assert_int_equal(count_of(f, (struct vd_alert_filter){0}), VD_ALERT_LIST_DEFAULT);
    assert_int_equal(count_of(f, (struct vd_alert_filter){.limit = 2000}), 1200);
    assert_int_equal(count_of(f, (struct vd_alert_filter){.device_id = "d3"}), 100);
    assert_int_equal(count_of(f, (struct vd_alert_filter){.severity = "High"}), 240);
    assert_int_equal(count_of(f, (struct vd_alert_filter){.cause = "a"}), 400);
    assert_int_equal(
        count_of(f, (struct vd_alert_filter){.type = "IoT_TiConnection", .cause = "a"}), 400);
    assert_int_equal(count_of(f, (struct vd_alert_filter){.type = "IoT_Other"}), 0);
    assert_int_equal(count_of(f, (struct vd_alert_filter){.text = "SUSPICIOUS address D11"}), 100);
    assert_int_equal(count_of(f, (struct vd_alert_filter){.text = "%"}), 0);
    assert_int_equal(
        count_of(f, (struct vd_alert_filter){.from_ms = 10 * HOUR_MS, .to_ms = 20 * HOUR_MS}), 10);
    assert_int_equal(count_of(f, (struct vd_alert_filter){.from_ms = 1201 * HOUR_MS}), 0);
    assert_int_equal(count_of(f, (struct vd_alert_filter){.to_ms = HOUR_MS}), 0);
    assert_int_equal(count_of(f, (struct vd_alert_filter){.day = 2}), 24);
    assert_int_equal(count_of(f,
                         (struct vd_alert_filter){
                             .device_id = "d3", .severity = "High", .state = VD_ALERT_OPEN}),
        20);
}

/* Open ones, and what changed last, go by indexes of their own: with any other filter. */
static void test_many__filters_of_open_alerts(void **state)
{
    static const struct {
        struct vd_alert_filter filter;
        size_t count;
    } cases[] = {
        {{.limit = 2000}, 1080},
        {{.from_ms = 10 * HOUR_MS, .to_ms = 20 * HOUR_MS}, 9},
        {{.text = "address d11"}, 100},
        {{.before = 101}, 90},
        {{.day = 2}, 21},
        {{.device_id = "d10"}, 80},
        {{.device_id = "d3"}, 100},
        {{.severity = "High"}, 120},
        {{.type = "IoT_TiConnection", .cause = "a"}, 360},
        {{.changed_after = 1250}, 0},
        {{.changed_after = 1100}, 90},
        {{.changed_after = 1100, .device_id = "d3"}, 8},
        {{.changed_after = 1100, .severity = "High", .cause = "a"}, 3},
        {{.changed_after = 1100, .before = 1151, .type = "IoT_TiConnection"}, 45},
    };
    struct store_fixture *f = *state;
    uint64_t changed = 0;

    make_many(f);
    for (uint64_t n = 10; n <= 1200; n += 10) {
        assert_int_equal(
            act(f, n, &(struct vd_alert_act){.event = VD_ALERT_RESOLVE, .actor = "ann"}), VD_OK);
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vd_alert_filter filter = cases[i].filter;

        filter.state = VD_ALERT_OPEN;
        assert_int_equal(count_of(f, filter), cases[i].count);
    }
    assert_int_equal(
        count_of(f, (struct vd_alert_filter){.state = "Resolved", .changed_after = 1300}), 20);
    assert_int_equal(
        vd_alert_act_all(f->store,
            &(struct vd_alert_filter){.state = VD_ALERT_OPEN, .from_ms = 1001 * HOUR_MS},
            &(struct vd_alert_act){.event = VD_ALERT_RESOLVE, .actor = "bob"}, &changed),
        VD_OK);
    assert_int_equal(changed, 180);
}

/* However many come meanwhile, each is on one page. */
static void test_many__pages(void **state)
{
    struct store_fixture *f = *state;
    struct vd_alert_filter filter = {.limit = 70, .severity = "High"};
    size_t seen = 0;

    make_many(f);
    for (;;) {
        json_t *alerts = NULL;
        size_t size;

        assert_int_equal(vd_alert_store_list(f->store, &filter, &alerts), VD_OK);
        size = json_array_size(alerts);
        for (size_t i = 0; i < size; i++) {
            const json_int_t number =
                json_integer_value(json_object_get(json_array_get(alerts, i), "number"));

            assert_true(filter.before == 0 || number < filter.before);
            filter.before = number;
        }
        json_decref(alerts);
        seen += size;
        happen(f, &(struct found){5000 + seen, "new", "a", "High", 2000 * HOUR_MS});
        if (size < filter.limit) {
            break;
        }
    }
    assert_int_equal(seen, 240);
}

static int rank(const json_t *alert)
{
    static const char *const names[] = {"Informational", "Low", "Medium", "High"};
    const char *severity = json_string_value(json_object_get(alert, "severity"));

    for (int i = 0; i < 4; i++) {
        if (strcmp(severity, names[i]) == 0) {
            return i;
        }
    }
    fail_msg("no severity: %s", severity);
    return -1;
}

/* The most severe first, of these the newest, whatever the page and the filter. */
static void expect_by_severity(
    struct store_fixture *f, struct vd_alert_filter filter, size_t expected)
{
    size_t seen = 0;
    size_t size;
    int last_rank = 3;

    filter.by_severity = true;
    do {
        json_t *alerts = NULL;
        const json_t *alert;
        size_t i;

        assert_int_equal(vd_alert_store_list(f->store, &filter, &alerts), VD_OK);
        size = json_array_size(alerts);
        json_array_foreach(alerts, i, alert)
        {
            const json_int_t number = json_integer_value(json_object_get(alert, "number"));

            assert_true(rank(alert) <= last_rank);
            assert_true(rank(alert) < last_rank || filter.before == 0 || number < filter.before);
            last_rank = rank(alert);
            filter.before = number;
        }
        json_decref(alerts);
        seen += size;
    } while (size == filter.limit);
    assert_int_equal(seen, expected);
}

static void test_many__by_severity(void **state)
{
    struct store_fixture *f = *state;
    struct vd_alert_filter gone = {.before = 99999, .by_severity = true};
    json_t *alerts = NULL;

    make_many(f);
    happen(f, &(struct found){5001, "new", "a", "Informational", 2000 * HOUR_MS});
    happen(f, &(struct found){5002, "new", "a", "High", 2000 * HOUR_MS});
    for (uint64_t n = 10; n <= 1200; n += 10) {
        assert_int_equal(
            act(f, n, &(struct vd_alert_act){.event = VD_ALERT_RESOLVE, .actor = "ann"}), VD_OK);
    }
    expect_by_severity(f, (struct vd_alert_filter){.limit = 7}, 1202);
    expect_by_severity(f, (struct vd_alert_filter){.limit = 2000}, 1202);
    expect_by_severity(f, (struct vd_alert_filter){.limit = 101, .state = VD_ALERT_OPEN}, 1082);
    expect_by_severity(f, (struct vd_alert_filter){.limit = 3, .device_id = "new"}, 2);
    expect_by_severity(f, (struct vd_alert_filter){.limit = 50, .severity = "High"}, 241);
    assert_int_equal(vd_alert_store_list(f->store, &gone, &alerts), VD_E_NOT_FOUND);
}

static void test_many__bulk(void **state)
{
    struct store_fixture *f = *state;
    const struct vd_alert_filter group = {.type = "IoT_TiConnection", .cause = "b"};
    uint64_t changed = 0;

    make_many(f);
    assert_int_equal(
        act(f, 1, &(struct vd_alert_act){.event = VD_ALERT_RESOLVE, .actor = "ann"}), VD_OK);
    assert_int_equal(
        vd_alert_act_all(f->store, &group,
            &(struct vd_alert_act){.event = VD_ALERT_RESOLVE, .actor = "bob"}, &changed),
        VD_OK);
    assert_int_equal(changed, 799);
    assert_int_equal(
        count_of(f, (struct vd_alert_filter){.state = "Resolved", .limit = 2000}), 800);
    assert_int_equal(count_of(f, (struct vd_alert_filter){.state = VD_ALERT_OPEN}), 400);
    expect_entry(f, 2, 0, (const char *const[]){"bob", "resolve", "New", "Resolved", NULL, NULL});
    assert_int_equal(
        vd_alert_act_all(f->store, &group,
            &(struct vd_alert_act){.event = VD_ALERT_RESOLVE, .actor = "bob"}, &changed),
        VD_OK);
    assert_int_equal(changed, 0);
}

static void test_many__groups(void **state)
{
    struct store_fixture *f = *state;
    const struct vd_alert_filter all = {0};
    const struct vd_alert_filter of_device = {.device_id = "d1"};
    json_t *groups = NULL;
    const json_t *group;

    make_many(f);
    assert_int_equal(vd_alert_store_groups(f->store, &all, &groups), VD_OK);
    assert_int_equal(json_array_size(groups), 2);
    group = json_array_get(groups, 0); /* of the last alert, the 1200th */
    assert_string_equal(json_string_value(json_object_get(group, "cause")), "a");
    assert_string_equal(json_string_value(json_object_get(group, "severity")), "High");
    assert_int_equal(json_integer_value(json_object_get(group, "alerts")), 400);
    assert_int_equal(json_integer_value(json_object_get(group, "open")), 400);
    assert_int_equal(json_integer_value(json_object_get(group, "devices")), 4);
    assert_string_equal(json_string_value(json_object_get(group, "lastId")), id_of(1200));
    json_decref(groups);
    assert_int_equal(vd_alert_store_groups(f->store, &of_device, &groups), VD_OK);
    assert_int_equal(json_array_size(groups), 1);
    json_decref(groups);
    /* About the hub itself: of no device. */
    (void)happen(f, &(struct found){.id = 5000, .device = "", .cause = "hub", .at_ms = HOUR_MS});
    assert_int_equal(
        vd_alert_store_groups(f->store, &(struct vd_alert_filter){.cause = "hub"}, &groups), VD_OK);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(groups, 0), "devices")), 0);
    json_decref(groups);
}

static void test_many__old_ones_go(void **state)
{
    struct store_fixture *f = *state;
    uint64_t removed = 0;
    uint64_t total = 0;
    json_t *alert = NULL;

    make_many(f);
    assert_int_equal(dismiss(f, 1, 10 * HOUR_MS, HOUR_MS), VD_OK);
    do {
        assert_int_equal(
            vd_alert_store_prune(f->store, 701 * HOUR_MS, 5000, 800 * HOUR_MS, &removed), VD_OK);
        assert_true(removed <= VD_ALERT_BULK_STEP);
        total += removed;
    } while (removed > 0);
    assert_int_equal(total, 700);
    assert_int_equal(vd_alert_store_get(f->store, id_of(700), &alert), VD_E_NOT_FOUND);
    assert_int_equal(vd_alert_store_prune(f->store, 0, 100, 800 * HOUR_MS, &removed), VD_OK);
    assert_int_equal(removed, 400);
    assert_int_equal(count_of(f, (struct vd_alert_filter){0}), 100);
    expect_state(f, 1101, "New");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states__whole_matrix),
        cmocka_unit_test(test_states__texts),
        TEST(test_acts__work_and_history),
        TEST(test_acts__what_is_refused),
        TEST(test_acts__history_is_bounded),
        TEST(test_dismissals__hold_until_their_end),
        TEST(test_dismissals__lifted_by_other_states),
        TEST(test_dismissals__resolved_and_suppressed),
        TEST(test_many__filters),
        TEST(test_many__filters_of_open_alerts),
        TEST(test_many__pages),
        TEST(test_many__by_severity),
        TEST(test_many__bulk),
        TEST(test_many__groups),
        TEST(test_many__old_ones_go),
    };

    return cmocka_run_group_tests_name("alert_workflow", tests, NULL, NULL);
}
