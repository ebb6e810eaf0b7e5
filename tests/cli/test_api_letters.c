/* SPDX-License-Identifier: MIT */
/* Dead letters over the API: chosen, shown, put into the log once more, let go. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "center/store/alert_store_internal.h"
#include "tests/cli/api_fixture.h"

static void add_letter(uint64_t offset, const char *device, const char *reason, struct vd_str body)
{
    const struct vd_event record = {
        .kind = VD_EVENT_SECURITY,
        .enqueued_ms = 1764000000123,
        .device_id = vd_str_from(device),
        .address = VD_STR_LITERAL("192.0.2.1"),
        .properties = VD_STR_LITERAL("a=b"),
        .body = body,
    };

    assert_int_equal(vd_alert_store_begin(stores.alerts), VD_OK);
    assert_int_equal(vd_dead_letter_add(stores.alerts, offset, &record, reason), VD_OK);
    assert_int_equal(vd_alert_store_commit(stores.alerts), VD_OK);
}

static uint64_t log_end(void)
{
    uint64_t end = 0;

    assert_int_equal(vd_event_log_end(stores.log, 0, &end), VD_OK);
    return end;
}

static size_t count_letters(const char *query)
{
    json_t *answer = call(200, "GET", "/dead-letters", query, NULL);
    size_t count = json_array_size(json_object_get(answer, "deadLetters"));

    json_decref(answer);
    return count;
}

/* Whatever page of them is shown. */
static void check_counted(const char *query, int count, int open)
{
    json_t *answer = call(200, "GET", "/dead-letters", query, NULL);

    assert_int_equal(json_integer_value(json_object_get(answer, "count")), count);
    assert_int_equal(json_integer_value(json_object_get(answer, "open")), open);
    json_decref(answer);
}

static void test_letters__chosen_and_shown(void **state)
{
    json_t *answer;

    (void)state;
    add_letter(0, "a", "empty body", VD_STR_LITERAL(""));
    add_letter(17, "b c", "not JSON & more", VD_STR_LITERAL("{\"x\":1}"));
    assert_int_equal(count_letters(NULL), 2);
    assert_int_equal(count_letters("limit=1"), 1);
    assert_int_equal(count_letters("device=b%20c"), 1);
    assert_int_equal(count_letters("reason=JSON%20%26"), 1);
    assert_int_equal(count_letters("device=a&reason=JSON"), 0);
    assert_int_equal(count_letters("before=17"), 1);
    answer = call(200, "GET", "/dead-letters/17", NULL, NULL);
    assert_string_equal(text_at(answer, NULL, "deviceId"), "b c");
    assert_string_equal(text_at(answer, NULL, "address"), "192.0.2.1");
    assert_string_equal(text_at(answer, "properties", "a"), "b");
    assert_string_equal(text_at(answer, NULL, "bodyForm"), "json");
    json_decref(answer);
    answer = call(200, "GET", "/dead-letters/17", "body=hex", NULL);
    assert_string_equal(text_at(answer, NULL, "body"), "7b2278223a317d");
    json_decref(answer);
}

static void test_letters__faults(void **state)
{
    (void)state;
    add_letter(3, "a", "r", VD_STR_LITERAL("x"));
    expect(404, "NotFound", "GET", "/dead-letters/4", NULL, NULL);
    expect(404, "NotFound", "DELETE", "/dead-letters/4", NULL, NULL);
    expect(404, "NotFound", "POST", "/dead-letters/4/replay", NULL, NULL);
    expect(400, "InvalidPath", "GET", "/dead-letters/x", NULL, NULL);
    expect(400, "InvalidPath", "GET", "/dead-letters/3x", NULL, NULL);
    expect(400, "InvalidPath", "GET", "/dead-letters/-3", NULL, NULL);
    expect(400, "InvalidPath", "DELETE", "/dead-letters/9999999999999999999", NULL, NULL);
    expect(400, "InvalidParameter", "GET", "/dead-letters/3", "body=xml", NULL);
    expect(400, "InvalidParameter", "GET", "/dead-letters", "before=x", NULL);
    expect(400, "InvalidParameter", "DELETE", "/dead-letters", NULL, NULL);
    expect(400, "InvalidParameter", "DELETE", "/dead-letters", "all=1", NULL);
    expect(405, "MethodNotAllowed", "PUT", "/dead-letters/3", NULL, NULL);
    assert_int_equal(count_letters(NULL), 1);
}

/* The record behind the log's end is the letter's, as a replay. */
static void check_replay(uint64_t at, uint64_t letter, const char *device)
{
    struct vd_event_batch batch = {0};
    struct vd_reader reader;
    struct vd_event event;
    uint64_t first = 0;
    uint64_t offset = 0;

    assert_int_equal(vd_event_log_read(stores.log, 0, at, 1, &batch, &first), VD_OK);
    vd_reader_init(&reader, batch.bytes.data, batch.bytes.length);
    assert_int_equal(vd_event_next(&reader, &event), VD_OK);
    assert_int_equal(event.enqueued_ms, 1764000000123);
    assert_int_equal(vd_replay_read(&event, &offset, &event), VD_OK);
    assert_int_equal(offset, letter);
    assert_int_equal(event.kind, VD_EVENT_SECURITY);
    assert_true(vd_str_equal_text(event.device_id, device));
    assert_true(vd_str_equal_text(event.address, "192.0.2.1"));
    assert_true(vd_str_equal_text(event.properties, "a=b"));
    assert_true(vd_str_equal_text(event.body, "x"));
    vd_event_batch_release(&batch);
}

static void mark_taken(uint64_t offset)
{
    const struct vd_letter_mark taken = {.replay_offset = 90, .time_ms = 1764000001000};

    assert_int_equal(vd_alert_store_begin(stores.alerts), VD_OK);
    assert_int_equal(vd_dead_letter_mark(stores.alerts, offset, &taken), VD_OK);
    assert_int_equal(vd_alert_store_commit(stores.alerts), VD_OK);
}

static void test_letters__replay(void **state)
{
    uint64_t end = log_end();
    json_t *answer;

    (void)state;
    api.bus = NULL; /* no service runs */
    add_letter(3, "a", "r", VD_STR_LITERAL("x"));
    answer = call(202, "POST", "/dead-letters/3/replay", NULL, NULL);
    assert_int_equal(json_integer_value(json_object_get(answer, "queued")), 1);
    assert_true(json_is_false(json_object_get(answer, "isRunning")));
    json_decref(answer);
    assert_int_equal(log_end(), end + 1);
    check_replay(end, 3, "a");
    assert_int_equal(count_letters(NULL), 1);
    check_counted("before=1&limit=1", 1, 1);
    mark_taken(3);
    check_counted(NULL, 1, 0);
    check_counted("reason=other", 0, 0);
    expect(409, "AlreadyTaken", "POST", "/dead-letters/3/replay", NULL, NULL);
    assert_int_equal(log_end(), end + 1);
}

/* More than one request takes: page by page, the oldest first, and none that was taken. */
static void test_letters__replay_of_many(void **state)
{
    uint64_t end = log_end();
    char query[64] = "device=a";
    unsigned pages = 0;
    bool has_more = true;

    (void)state;
    api.bus = NULL;
    for (uint64_t i = 0; i < 250; i++) {
        add_letter(i, i % 10 == 9 ? "b" : "a", "r", VD_STR_LITERAL("x"));
    }
    mark_taken(5);
    while (has_more) {
        json_t *answer = call(202, "POST", "/dead-letters/replay", query, NULL);
        const json_t *next = json_object_get(answer, "next");

        has_more = json_is_integer(next);
        snprintf(query, sizeof query, "device=a&from=%d", (int)json_integer_value(next));
        json_decref(answer);
        pages++;
    }
    assert_int_equal(pages, 3);
    assert_int_equal(log_end(), end + 224);
    check_replay(end, 0, "a");
    check_replay(end + 5, 6, "a");
    check_replay(end + 223, 248, "a");
}

static void test_letters__deleted(void **state)
{
    json_t *answer;

    (void)state;
    for (uint64_t i = 0; i < 6; i++) {
        add_letter(i, i % 2 == 0 ? "a" : "b", i < 3 ? "early" : "late", VD_STR_LITERAL("x"));
    }
    expect(204, NULL, "DELETE", "/dead-letters/0", NULL, NULL);
    assert_int_equal(count_letters(NULL), 5);
    answer = call(200, "DELETE", "/dead-letters", "reason=late&device=a", NULL);
    assert_int_equal(json_integer_value(json_object_get(answer, "deleted")), 1);
    json_decref(answer);
    assert_int_equal(count_letters(NULL), 4);
    answer = call(200, "DELETE", "/dead-letters", "all=true", NULL);
    assert_int_equal(json_integer_value(json_object_get(answer, "deleted")), 4);
    json_decref(answer);
    assert_int_equal(count_letters(NULL), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_letters__##name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(chosen_and_shown),
        TEST(faults),
        TEST(replay),
        TEST(replay_of_many),
        TEST(deleted),
    };

    return cmocka_run_group_tests_name("api_letters", tests, NULL, NULL);
}
