/* SPDX-License-Identifier: MIT */
/* Dead letters read once more: what they become, whatever is killed between, and never twice. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "center/store/alert_store_internal.h"
#include "center/store/letters.h"
#include "tests/center/ingest_fixture.h"

static const struct test_flow listed = {"10.0.0.2", "192.0.2.99", 40000, 443, 11, 22, 0};

static struct test_event event_of(unsigned id)
{
    return (struct test_event){test_uuid(id), INGEST_T0_S, 10, 1, &listed, 1};
}

/* A message that the center of an earlier version could not read, and this one can. */
static void add_letter_of(struct ingest_fixture *f, uint64_t offset, unsigned id)
{
    const struct test_event event = event_of(id);
    struct vd_buf body = {0};
    struct vd_event record = {
        .kind = VD_EVENT_SECURITY,
        .enqueued_ms = INGEST_T0_MS + 500,
        .device_id = VD_STR_LITERAL("dev-1"),
        .address = VD_STR_LITERAL("192.0.2.50"),
        .properties = VD_STR_LITERAL("a=b"),
    };

    test_message_write(&body, &event, 1);
    record.body = (struct vd_str){(char *)body.data, body.length};
    assert_int_equal(vd_alert_store_begin(f->store), VD_OK);
    assert_int_equal(vd_dead_letter_add(f->store, offset, &record, "not known yet"), VD_OK);
    assert_int_equal(vd_alert_store_commit(f->store), VD_OK);
    vd_buf_release(&body);
}

/* What the API does: the letter's record goes behind the log's end, as a replay. */
static void replay(struct ingest_fixture *f, uint64_t letter)
{
    struct vd_buf text = {0};
    struct vd_buf body = {0};
    struct vd_event record;
    struct vd_event again;

    assert_int_equal(vd_letters_read(f->store, letter, &text, &record), VD_OK);
    assert_int_equal(vd_replay_write(&record, letter, &body, &again), VD_OK);
    memory_log_add(&f->log, &again);
    vd_buf_release(&text);
    vd_buf_release(&body);
}

static json_t *letter_at(struct ingest_fixture *f, uint64_t offset)
{
    json_t *letter = NULL;

    assert_int_equal(vd_letters_get(f->store, offset, VD_LETTER_AUTO, &letter), VD_OK);
    return letter;
}

/* The letter's mark, in words. */
static void check_mark(struct ingest_fixture *f, uint64_t offset, uint64_t replay_offset,
    const char *status, int events, int duplicates)
{
    json_t *letter = letter_at(f, offset);
    const json_t *mark = json_object_get(letter, "replay");

    assert_string_equal(ingest_text(mark, "status"), status);
    assert_int_equal(json_integer_value(json_object_get(mark, "offset")), replay_offset);
    assert_int_equal(json_integer_value(json_object_get(mark, "events")), events);
    assert_int_equal(json_integer_value(json_object_get(mark, "duplicates")), duplicates);
    json_decref(letter);
}

static size_t count_rows(struct ingest_fixture *f)
{
    json_t *rows = ingest_rows(f, "SELECT 1 FROM SecurityIoTRawEvent");
    size_t count = json_array_size(rows);

    json_decref(rows);
    return count;
}

#define LETTER 1000 /* the letters' offsets lie in no log of these tests */

static void test_replay__is_taken(void **state)
{
    struct ingest_fixture *f = *state;
    json_t *alerts;
    json_t *rows;

    add_letter_of(f, LETTER, 7);
    replay(f, LETTER);
    ingest_run_all(f);
    check_mark(f, LETTER, 0, "Taken", 1, 0);
    alerts = ingest_alerts(f);
    assert_int_equal(json_array_size(alerts), 1);
    assert_string_equal(
        ingest_text(json_array_get(alerts, 0), "endTime"), "2025-11-24T16:00:00.000Z");
    json_decref(alerts);
    rows = ingest_rows(f, "SELECT TimeGenerated, TimeStamp, DeviceId FROM SecurityIoTRawEvent");
    assert_int_equal(json_array_size(rows), 1);
    assert_string_equal(
        json_string_value(json_array_get(json_array_get(rows, 0), 0)), "2025-11-24T16:00:00.500Z");
    json_decref(rows);
    assert_int_equal(f->ingest.stats.messages, 1);
    assert_int_equal(f->ingest.stats.dead_letters, 0);
}

static void test_replay__is_refused_again_and_leaves_one_letter(void **state)
{
    struct ingest_fixture *f = *state;
    json_t *letters = NULL;
    json_t *letter;

    ingest_add_body(f, VD_EVENT_SECURITY, "dev-1", "", INGEST_T0_MS, VD_STR_LITERAL("garbage"));
    ingest_run_all(f);
    replay(f, 0);
    replay(f, 0);
    ingest_run_all(f);
    letter = letter_at(f, 0);
    assert_string_equal(ingest_text(json_object_get(letter, "replay"), "status"), "Refused");
    assert_string_equal(
        ingest_text(json_object_get(letter, "replay"), "reason"), ingest_text(letter, "reason"));
    json_decref(letter);
    check_mark(f, 0, 2, "Refused", 0, 0);
    assert_int_equal(vd_letters_list(f->store, NULL, &letters), VD_OK);
    assert_int_equal(json_array_size(letters), 1);
    json_decref(letters);
    assert_int_equal(f->ingest.stats.dead_letters, 1);
}

/* Two people replay the same letter, or one an impatient one: it counts once, also beyond what duplicates are known for. */
static void test_replay__twice_counts_once(void **state)
{
    struct ingest_fixture *f = *state;

    add_letter_of(f, LETTER, 7);
    replay(f, LETTER);
    replay(f, LETTER);
    ingest_run_all(f);
    ingest_add_flow(f, "dev-2", 20, INGEST_T0_S + 3 * 86400, "203.0.113.1");
    ingest_run_all(f); /* events of the first day are forgotten */
    replay(f, LETTER);
    ingest_run_all(f);
    check_mark(f, LETTER, 0, "Taken", 1, 0);
    assert_int_equal(count_rows(f), 2);
    assert_int_equal(f->ingest.stats.duplicates, 0);
}

static void test_replay__known_events_are_duplicates(void **state)
{
    struct ingest_fixture *f = *state;
    const struct test_event event = event_of(7);
    json_t *alerts;

    ingest_add_message(f, "dev-1", INGEST_T0_MS, &event, 1);
    ingest_run_all(f);
    add_letter_of(f, LETTER, 7);
    replay(f, LETTER);
    ingest_run_all(f);
    check_mark(f, LETTER, 1, "Taken", 1, 1);
    assert_int_equal(count_rows(f), 1);
    alerts = ingest_alerts(f);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(alerts, 0), "count")), 1);
    json_decref(alerts);
}

/* The query tables fail and the service is killed between both sinks; the letter is deleted meanwhile. */
static void test_replay__killed_between_the_sinks(void **state)
{
    struct ingest_fixture *f = *state;
    struct vd_letter_filter everything = {0};
    uint64_t count = 0;

    add_letter_of(f, LETTER, 7);
    add_letter_of(f, LETTER + 1, 8);
    replay(f, LETTER);
    replay(f, LETTER + 1);
    f->analytics.fail_appends = 1;
    f->analytics.error = VD_E_FULL;
    assert_int_equal(vd_ingest_refresh(&f->ingest), VD_OK);
    assert_int_equal(vd_ingest_step(&f->ingest), VD_E_FULL);
    check_mark(f, LETTER, 0, "Taken", 1, 0);
    everything.before = LETTER + 1;
    assert_int_equal(vd_letters_delete(f->store, &everything, &count), VD_OK);
    assert_int_equal(count, 1);
    ingest_close_stores(f);
    ingest_open_stores(f);
    ingest_run_all(f);
    assert_int_equal(count_rows(f), 2);
    check_mark(f, LETTER + 1, 1, "Taken", 1, 0);
    ingest_close_stores(f);
    ingest_open_stores(f);
    ingest_run_all(f);
    assert_int_equal(count_rows(f), 2);
}

/* The alert store could not read it, and was replaced by a version that can before the query tables had it: the replay counts. */
static void test_replay__a_letter_is_not_taken_by_the_sink_that_is_behind(void **state)
{
    struct ingest_fixture *f = *state;
    const struct test_event event = event_of(7);

    ingest_add_message(f, "dev-1", INGEST_T0_MS, &event, 1);
    add_letter_of(f, 0, 7);
    assert_int_equal(vd_alert_store_begin(f->store), VD_OK);
    assert_int_equal(vd_alert_store_set_offset(f->store, 1), VD_OK);
    assert_int_equal(vd_alert_store_commit(f->store), VD_OK);
    ingest_run_all(f);
    assert_int_equal(count_rows(f), 0);
    replay(f, 0);
    ingest_run_all(f);
    assert_int_equal(count_rows(f), 1);
    check_mark(f, 0, 1, "Taken", 1, 0);
}

static void test_replay__records_of_the_hub(void **state)
{
    static const char good[] = "{\"category\":\"Connections\",\"operationName\":\"deviceConnect\","
                               "\"level\":\"Information\",\"properties\":\"{}\",\"durationMs\":5}";
    struct ingest_fixture *f = *state;
    const struct vd_event record = {.kind = VD_EVENT_OPERATION,
        .enqueued_ms = INGEST_T0_MS,
        .device_id = VD_STR_LITERAL("dev-1"),
        .body = {good, sizeof good - 1}};
    json_t *letter;
    json_t *rows;

    assert_int_equal(vd_alert_store_begin(f->store), VD_OK);
    assert_int_equal(vd_dead_letter_add(f->store, LETTER, &record, "not known yet"), VD_OK);
    assert_int_equal(vd_alert_store_commit(f->store), VD_OK);
    replay(f, LETTER);
    replay(f, LETTER);
    ingest_run_all(f);
    check_mark(f, LETTER, 0, "Taken", 0, 0);
    letter = letter_at(f, LETTER);
    assert_string_equal(ingest_text(letter, "kind"), "Operation");
    json_decref(letter);
    rows = ingest_rows(f, "SELECT 1 FROM AzureDiagnostics");
    assert_int_equal(json_array_size(rows), 1);
    json_decref(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        INGEST_TEST(test_replay__is_taken),
        INGEST_TEST(test_replay__is_refused_again_and_leaves_one_letter),
        INGEST_TEST(test_replay__twice_counts_once),
        INGEST_TEST(test_replay__known_events_are_duplicates),
        INGEST_TEST(test_replay__killed_between_the_sinks),
        INGEST_TEST(test_replay__a_letter_is_not_taken_by_the_sink_that_is_behind),
        INGEST_TEST(test_replay__records_of_the_hub),
    };

    return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
