/* SPDX-License-Identifier: MIT */
/* The outbox: what it takes, in which order sinks get it, ids over crashes, dead letters, secrets at rest. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "center/store/alert_act.h"
#include "center/store/alert_store_internal.h"
#include "center/store/outbox.h"
#include "center/store/sinks.h"
#include "lib/clock.h"
#include "tests/center/alerts.h"
#include "tests/center/message.h"
#include "tests/center/store_fixture.h"

static void act(struct store_fixture *f, uint64_t id, enum vd_alert_event event)
{
    const struct vd_alert_act act = {.event = event,
        .actor = "test",
        .text = "said",
        .reason = VD_ALERT_EXPECTED,
        .now_ms = TEST_ALERT_MS + 1};
    const struct vd_uuid uuid = test_uuid(id);
    char text[VD_UUID_TEXT_SIZE];
    json_t *alert = NULL;

    vd_uuid_format(&uuid, text);
    assert_int_equal(vd_alert_act(f->store, text, &act, &alert), VD_OK);
    json_decref(alert);
}

static void add_sink(struct store_fixture *f, const char *name, const char *severity)
{
    json_t *settings = json_pack("{s:s}", "url", "http://127.0.0.1/");
    const struct vd_sink_row row = {
        name, "webhook", settings, VD_STR_LITERAL("s3cr3t-of-sink"), severity};

    assert_int_equal(vd_sinks_add(f->store, &row), VD_OK);
    json_decref(settings);
}

/* The next notification's "what/status" is the expected one. */
static void expect_next(struct store_fixture *f, const char *sink, const char *expected)
{
    struct vd_outbox_item item;
    char got[80];

    assert_int_equal(vd_outbox_begin(f->store, sink, TEST_ALERT_MS, &item), VD_OK);
    snprintf(got, sizeof got, "%s/%s", vd_outbox_what_text(item.what),
        json_string_value(json_object_get(item.alert, "status")));
    assert_string_equal(got, expected);
    assert_string_equal(item.repeat_of, "");
    assert_int_equal(vd_outbox_done(f->store, sink, &item), VD_OK);
    vd_outbox_item_release(&item);
}

static void expect_end(struct store_fixture *f, const char *sink)
{
    struct vd_outbox_item item;

    assert_int_equal(vd_outbox_begin(f->store, sink, TEST_ALERT_MS, &item), VD_E_NOT_FOUND);
}

/* The member of the sink's row. */
static json_int_t member_of(struct store_fixture *f, const char *sink, const char *name)
{
    json_t *sinks = NULL;
    const json_t *one;
    json_int_t value = -1;
    size_t i;

    assert_int_equal(vd_sinks_list(f->store, &sinks), VD_OK);
    json_array_foreach(sinks, i, one)
    {
        if (strcmp(json_string_value(json_object_get(one, "name")), sink) == 0) {
            value = json_integer_value(json_object_get(one, name));
        }
    }
    json_decref(sinks);
    return value;
}

static void test_outbox__an_alert_is_told_as_it_was_then(void **state)
{
    struct store_fixture *f = *state;

    test_alert_happen(f->store, 1, "High"); /* before there is any sink */
    add_sink(f, "a", "Informational");
    test_alert_happen(f->store, 2, "High");
    test_alert_happen(f->store, 2, "High"); /* a repeat that only counts */
    act(f, 2, VD_ALERT_START);
    act(f, 2, VD_ALERT_NOTE);
    act(f, 2, VD_ALERT_RESOLVE);
    test_alert_happen(f->store, 2, "High"); /* again, after it was resolved */
    act(f, 2, VD_ALERT_DISMISS);
    test_alert_happen(f->store, 3, "High"); /* what the dismissal holds for */
    act(f, 2, VD_ALERT_REOPEN);
    assert_int_equal(member_of(f, "a", "waiting"), 6);
    expect_next(f, "a", "raised/New");
    expect_next(f, "a", "stateChanged/InProgress");
    expect_next(f, "a", "stateChanged/Resolved");
    expect_next(f, "a", "reopened/New");
    expect_next(f, "a", "stateChanged/Dismissed");
    expect_next(f, "a", "reopened/New");
    expect_end(f, "a");
    assert_int_equal(member_of(f, "a", "delivered"), 6);
}

static void test_outbox__each_sink_has_its_own_place_and_severity(void **state)
{
    struct store_fixture *f = *state;

    add_sink(f, "all", "Informational");
    add_sink(f, "high", "High");
    test_alert_happen(f->store, 1, "Low");
    test_alert_happen(f->store, 2, "High");
    expect_next(f, "high", "raised/New");
    expect_end(f, "high");
    assert_int_equal(member_of(f, "all", "waiting"), 2);
    assert_int_equal(vd_outbox_test(f->store, "high", TEST_ALERT_MS), VD_OK);
    assert_int_equal(vd_outbox_test(f->store, "none", TEST_ALERT_MS), VD_E_NOT_FOUND);
    expect_next(f, "high", "test/New");
    expect_next(f, "all", "raised/New");
    expect_next(f, "all", "raised/New");
    expect_end(f, "all"); /* the test was not for it */
}

static void test_outbox__an_attempt_without_a_result_goes_again_under_another_id(void **state)
{
    struct store_fixture *f = *state;
    struct vd_outbox_item first;
    struct vd_outbox_item second;

    add_sink(f, "a", "Low");
    test_alert_happen(f->store, 1, "High");
    assert_int_equal(vd_outbox_begin(f->store, "a", TEST_ALERT_MS, &first), VD_OK);
    store_reopen(f);
    assert_int_equal(vd_outbox_begin(f->store, "a", TEST_ALERT_MS + 5, &second), VD_OK);
    assert_int_equal(second.sequence, first.sequence);
    assert_string_not_equal(second.id, first.id);
    assert_string_equal(second.repeat_of, first.id);
    assert_int_equal(second.since_ms, TEST_ALERT_MS);
    assert_int_equal(vd_outbox_done(f->store, "a", &second), VD_OK);
    vd_outbox_item_release(&first);
    vd_outbox_item_release(&second);
    test_alert_happen(f->store, 2, "High");
    expect_next(f, "a", "raised/New");
}

static void test_outbox__a_sequence_is_never_used_again(void **state)
{
    struct store_fixture *f = *state;
    struct vd_outbox_item item;
    int64_t sequence;

    add_sink(f, "a", "Low");
    test_alert_happen(f->store, 1, "High");
    assert_int_equal(vd_outbox_begin(f->store, "a", TEST_ALERT_MS, &item), VD_OK);
    sequence = item.sequence;
    vd_outbox_item_release(&item);
    assert_int_equal(vd_sinks_remove(f->store, "a"), VD_OK); /* the outbox is empty now */
    add_sink(f, "a", "Low");
    expect_end(f, "a");
    test_alert_happen(f->store, 2, "High");
    assert_int_equal(vd_outbox_begin(f->store, "a", TEST_ALERT_MS, &item), VD_OK);
    assert_true(item.sequence > sequence);
    vd_outbox_item_release(&item);
}

static void test_outbox__a_change_that_is_rolled_back_is_not_told(void **state)
{
    struct store_fixture *f = *state;

    add_sink(f, "a", "Low");
    test_alert_happen(f->store, 1, "High");
    expect_next(f, "a", "raised/New");
    assert_int_equal(vd_alert_store_begin(f->store), VD_OK);
    assert_int_equal(vd_outbox_add(f->store, 1, VD_OUTBOX_CHANGED, TEST_ALERT_MS), VD_OK);
    vd_alert_store_rollback(f->store);
    expect_end(f, "a");
}

static int64_t only_letter(struct store_fixture *f, const char *reason)
{
    json_t *letters = NULL;
    const json_t *letter;
    int64_t number;

    assert_int_equal(vd_sinks_dead_list(f->store, 0, 10, &letters), VD_OK);
    assert_int_equal(json_array_size(letters), 1);
    letter = json_array_get(letters, 0);
    assert_string_equal(json_string_value(json_object_get(letter, "reason")), reason);
    number = json_integer_value(json_object_get(letter, "number"));
    json_decref(letters);
    return number;
}

static void bury_next(struct store_fixture *f, const char *reason)
{
    struct vd_outbox_item item;

    assert_int_equal(vd_outbox_begin(f->store, "a", TEST_ALERT_MS, &item), VD_OK);
    assert_int_equal(vd_outbox_bury(f->store, "a", &item, reason, TEST_ALERT_MS), VD_OK);
    vd_outbox_item_release(&item);
}

static void test_outbox__dead_letters_are_replayed_and_discarded(void **state)
{
    struct store_fixture *f = *state;
    int64_t number;

    add_sink(f, "a", "Low");
    add_sink(f, "b", "Low");
    test_alert_happen(f->store, 1, "High");
    bury_next(f, "the receiver answered 400");
    expect_end(f, "a");
    assert_int_equal(member_of(f, "a", "dead"), 1);
    number = only_letter(f, "the receiver answered 400");
    assert_int_equal(vd_sinks_dead_replay(f->store, number), VD_OK);
    assert_int_equal(vd_sinks_dead_replay(f->store, number), VD_E_NOT_FOUND);
    bury_next(f, "again");
    expect_next(f, "b", "raised/New");
    expect_end(f, "b"); /* what is replayed is for its sink alone */
    number = only_letter(f, "again");
    assert_int_equal(vd_sinks_dead_discard(f->store, number), VD_OK);
    assert_int_equal(vd_sinks_dead_discard(f->store, number), VD_E_NOT_FOUND);
    assert_int_equal(member_of(f, "a", "dead"), 0);
    expect_end(f, "a");
}

/* Whether the file and its journal hold the text. */
static bool is_stored(struct store_fixture *f, const char *text)
{
    bool found = false;

    for (int i = 0; i < 2; i++) {
        char path[520];
        char *data;
        size_t length;
        FILE *file;

        snprintf(path, sizeof path, "%s%s", f->path, i == 0 ? "" : "-wal");
        file = fopen(path, "rb");
        if (file == NULL) {
            continue;
        }
        data = malloc(1 << 22);
        assert_non_null(data);
        length = fread(data, 1, 1 << 22, file);
        fclose(file);
        found = found || memmem(data, length, text, strlen(text)) != NULL;
        free(data);
    }
    return found;
}

/* However many wait for a receiver that fails: the center's transaction adds to them. */
static void test_outbox__adding_does_not_read_what_waits(void **state)
{
    struct store_fixture *f = *state;

    add_sink(f, "a", "Low");
    for (uint64_t id = 1; id <= 20; id++) {
        test_alert_happen(f->store, id, "High");
    }
    assert_int_equal(member_of(f, "a", "waiting"), 20);
    assert_int_equal(sqlite3_stmt_status(vd_alert_sql(f->store, VD_SQL_OUTBOX_OLDEST),
                         SQLITE_STMTSTATUS_FULLSCAN_STEP, 0),
        0);
}

static void test_outbox__secrets_are_sealed(void **state)
{
    static const uint8_t other[VD_MASTER_KEY_BYTES] = {8};
    struct store_fixture *f = *state;
    uint8_t secret[VD_SINK_SECRET_MAX];
    size_t length = 0;

    add_sink(f, "marker-sink", "Low");
    assert_int_equal(vd_sinks_secret(f->store, "marker-sink", secret, &length), VD_OK);
    assert_int_equal(length, 14);
    assert_memory_equal(secret, "s3cr3t-of-sink", 14);
    assert_true(is_stored(f, "marker-sink"));
    assert_false(is_stored(f, "s3cr3t-of-sink"));
    vd_sinks_set_key(f->store, other);
    assert_int_equal(vd_sinks_secret(f->store, "marker-sink", secret, &length), VD_E_DENIED);
}

static void test_outbox__sinks_are_checked(void **state)
{
    struct store_fixture *f = *state;
    json_t *settings = json_object();
    struct vd_sink_row row = {"a", "webhook", settings, {"", 0}, "Low"};

    assert_int_equal(vd_sinks_add(f->store, &row), VD_OK);
    assert_int_equal(vd_sinks_add(f->store, &row), VD_E_EXISTS);
    row.name = "a/b";
    assert_int_equal(vd_sinks_add(f->store, &row), VD_E_INVALID);
    row.name = "";
    assert_int_equal(vd_sinks_add(f->store, &row), VD_E_INVALID);
    row.name = "b";
    row.min_severity = "Loud";
    assert_int_equal(vd_sinks_add(f->store, &row), VD_E_INVALID);
    assert_int_equal(vd_sinks_remove(f->store, "b"), VD_E_NOT_FOUND);
    json_decref(settings);
}

int main(void)
{
#define OUTBOX_TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)
    const struct CMUnitTest tests[] = {
        OUTBOX_TEST(test_outbox__an_alert_is_told_as_it_was_then),
        OUTBOX_TEST(test_outbox__each_sink_has_its_own_place_and_severity),
        OUTBOX_TEST(test_outbox__an_attempt_without_a_result_goes_again_under_another_id),
        OUTBOX_TEST(test_outbox__a_sequence_is_never_used_again),
        OUTBOX_TEST(test_outbox__a_change_that_is_rolled_back_is_not_told),
        OUTBOX_TEST(test_outbox__dead_letters_are_replayed_and_discarded),
        OUTBOX_TEST(test_outbox__adding_does_not_read_what_waits),
        OUTBOX_TEST(test_outbox__secrets_are_sealed),
        OUTBOX_TEST(test_outbox__sinks_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
