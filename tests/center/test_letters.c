/* SPDX-License-Identifier: MIT */
/* Dead letters as people see them: chosen, shown in every form, read as the record they were, let go, and of version 1. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "center/limits.h"
#include "center/store/alert_store_internal.h"
#include "center/store/letters.h"
#include "tests/center/message.h"
#include "tests/center/store_fixture.h"

static void add(struct store_fixture *f, uint64_t offset, const char *device, const char *reason,
    struct vd_str properties, struct vd_str body)
{
    const struct vd_event record = {
        .kind = VD_EVENT_SECURITY,
        .over_https = true,
        .enqueued_ms = 1764000000123,
        .device_id = vd_str_from(device),
        .module_id = VD_STR_LITERAL("mod"),
        .address = VD_STR_LITERAL("2001:db8::1"),
        .properties = properties,
        .body = body,
    };

    assert_int_equal(vd_alert_store_begin(f->store), VD_OK);
    assert_int_equal(vd_dead_letter_add(f->store, offset, &record, reason), VD_OK);
    assert_int_equal(vd_alert_store_commit(f->store), VD_OK);
}

static void add_some(struct store_fixture *f)
{
    const struct vd_letter_mark taken = {.replay_offset = 90, .time_ms = 1764000001000};
    const struct vd_str none = {"", 0};

    add(f, 0, "a", "empty body", none, none);
    add(f, 5, "b", "Events[0].Id: is to be a GUID", none, none);
    add(f, 7, "a", "Events[1].Id: is to be a GUID", none, none);
    add(f, 9, "a", "empty body", none, none);
    assert_int_equal(vd_alert_store_begin(f->store), VD_OK);
    assert_int_equal(vd_dead_letter_mark(f->store, 9, &taken), VD_OK);
    assert_int_equal(vd_dead_letter_mark(f->store, 8, &taken), VD_E_NOT_FOUND);
    assert_int_equal(vd_alert_store_commit(f->store), VD_OK);
}

/* The offsets of the chosen letters, in their order. */
static void check_chosen(
    struct store_fixture *f, const struct vd_letter_filter *filter, const char *want)
{
    json_t *letters = NULL;
    json_t *letter;
    char got[64] = "";
    size_t length = 0;
    size_t i;

    assert_int_equal(vd_letters_list(f->store, filter, &letters), VD_OK);
    json_array_foreach(letters, i, letter)
    {
        length += (size_t)snprintf(got + length, sizeof got - length, "%s%d", i == 0 ? "" : " ",
            (int)json_integer_value(json_object_get(letter, "offset")));
    }
    assert_string_equal(got, want);
    json_decref(letters);
}

static void test_letters__chosen(void **state)
{
    static const struct {
        struct vd_letter_filter filter;
        const char *offsets;
    } cases[] = {
        {{.limit = 0}, "9 7 5 0"},
        {{.limit = 2}, "9 7"},
        {{.oldest_first = true}, "0 5 7 9"},
        {{.oldest_first = true, .limit = 1}, "0"},
        {{.device_id = "a"}, "9 7 0"},
        {{.device_id = "A"}, ""},
        {{.device_id = "c"}, ""},
        {{.reason = "is to be a GUID"}, "7 5"},
        {{.reason = "Events[1]"}, "7"},
        {{.reason = "%"}, ""},
        {{.device_id = "b", .reason = "GUID"}, "5"},
        {{.before = 7}, "5 0"},
        {{.from = 7}, "9 7"},
        {{.from = 5, .before = 6}, "5"},
        {{.only_open = true}, "7 5 0"},
    };

    add_some(*state);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_chosen(*state, &cases[i].filter, cases[i].offsets);
    }
    check_chosen(*state, NULL, "9 7 5 0");
}

static void test_letters__deleted(void **state)
{
    struct store_fixture *f = *state;
    const struct vd_letter_filter of_a = {.device_id = "a", .reason = "empty"};
    const struct vd_letter_filter first = {.from = 5, .before = 6};
    uint64_t count = 0;

    add_some(f);
    assert_int_equal(vd_letters_delete(f->store, &of_a, &count), VD_OK);
    assert_int_equal(count, 2);
    assert_int_equal(vd_letters_delete(f->store, &first, &count), VD_OK);
    assert_int_equal(count, 1);
    check_chosen(f, NULL, "7");
    assert_int_equal(f->store->letters, 1);
    assert_int_equal(vd_letters_delete(f->store, &first, &count), VD_OK);
    assert_int_equal(count, 0);
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "(none)";
}

static void test_letters__facts(void **state)
{
    struct store_fixture *f = *state;
    json_t *letter = NULL;
    json_t *properties;

    add(f, 3, "a", "why", VD_STR_LITERAL("%24.ct=text%2Fplain&x%20y=1%262&empty="),
        VD_STR_LITERAL("body"));
    assert_int_equal(vd_letters_get(f->store, 3, VD_LETTER_AUTO, &letter), VD_OK);
    assert_int_equal(json_integer_value(json_object_get(letter, "offset")), 3);
    assert_int_equal(json_integer_value(json_object_get(letter, "bodyBytes")), 4);
    assert_string_equal(text_of(letter, "time"), "2025-11-24T16:00:00.123Z");
    assert_string_equal(text_of(letter, "deviceId"), "a");
    assert_string_equal(text_of(letter, "moduleId"), "mod");
    assert_string_equal(text_of(letter, "address"), "2001:db8::1");
    assert_string_equal(text_of(letter, "kind"), "Security");
    assert_string_equal(text_of(letter, "protocol"), "HTTPS");
    assert_string_equal(text_of(letter, "reason"), "why");
    assert_string_equal(text_of(letter, "propertyBag"), "%24.ct=text%2Fplain&x%20y=1%262&empty=");
    properties = json_pack("{s:s, s:s, s:s}", "$.ct", "text/plain", "x y", "1&2", "empty", "");
    assert_true(json_equal(json_object_get(letter, "properties"), properties));
    assert_true(json_is_null(json_object_get(letter, "replay")));
    json_decref(properties);
    json_decref(letter);
    add(f, 4, "a", "why", VD_STR_LITERAL("a=%zz"), VD_STR_LITERAL("body"));
    assert_int_equal(vd_letters_get(f->store, 4, VD_LETTER_AUTO, &letter), VD_OK);
    assert_true(json_is_null(json_object_get(letter, "properties")));
    json_decref(letter);
    assert_int_equal(vd_letters_get(f->store, 2, VD_LETTER_AUTO, &letter), VD_E_NOT_FOUND);
}

static void test_letters__forms_of_the_body(void **state)
{
    static const struct {
        struct vd_str body;
        enum vd_letter_form form;
        const char *name;
        const char *shown; /* JSON */
    } cases[] = {
        {{"{\"a\": [1]}", 10}, VD_LETTER_AUTO, "json", "{\"a\":[1]}"},
        {{"{\"a\": [1]}", 10}, VD_LETTER_TEXT, "text", "\"{\\\"a\\\": [1]}\""},
        {{"{\"a\":", 5}, VD_LETTER_AUTO, "text", "\"{\\\"a\\\":\""},
        {{"{\"a\":", 5}, VD_LETTER_JSON, "json", "null"},
        {{"caf\xc3\xa9\n", 6}, VD_LETTER_AUTO, "text", "\"caf\xc3\xa9\\n\""},
        {{"\x04\0\0\0\xff", 5}, VD_LETTER_AUTO, "hex", "\"04000000ff\""},
        {{"a\xff", 2}, VD_LETTER_TEXT, "text", "\"a\xef\xbf\xbd\""},
        {{"esc\x1b[0m", 7}, VD_LETTER_AUTO, "hex", "\"6573631b5b306d\""},
        {{"[]", 2}, VD_LETTER_HEX, "hex", "\"5b5d\""},
        {{"", 0}, VD_LETTER_AUTO, "text", "\"\""},
        {{"", 0}, VD_LETTER_HEX, "hex", "\"\""},
    };
    struct store_fixture *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *letter = NULL;
        json_t *shown = json_loads(cases[i].shown, JSON_DECODE_ANY, NULL);

        add(f, i, "a", "r", (struct vd_str){"", 0}, cases[i].body);
        assert_int_equal(vd_letters_get(f->store, i, cases[i].form, &letter), VD_OK);
        assert_string_equal(text_of(letter, "bodyForm"), cases[i].name);
        if (!json_equal(json_object_get(letter, "body"), shown)) {
            fail_msg("case %zu", i);
        }
        json_decref(shown);
        json_decref(letter);
    }
}

/* The record comes back as it was, with bytes that are no text. */
static void test_letters__read(void **state)
{
    struct store_fixture *f = *state;
    struct vd_buf text = {0};
    struct vd_event record;

    add(f, 3, "dev\xff", "why", VD_STR_LITERAL("a=b"), (struct vd_str){"\0\1\xff", 3});
    assert_int_equal(vd_letters_read(f->store, 3, &text, &record), VD_OK);
    assert_int_equal(record.kind, VD_EVENT_SECURITY);
    assert_true(record.over_https);
    assert_int_equal(record.enqueued_ms, 1764000000123);
    assert_true(vd_str_equal_text(record.device_id, "dev\xff"));
    assert_true(vd_str_equal_text(record.module_id, "mod"));
    assert_true(vd_str_equal_text(record.address, "2001:db8::1"));
    assert_true(vd_str_equal_text(record.properties, "a=b"));
    assert_true(vd_str_equal(record.body, (struct vd_str){"\0\1\xff", 3}));
    assert_int_equal(vd_letters_read(f->store, 4, &text, &record), VD_E_NOT_FOUND);
    vd_buf_release(&text);
}

/* ---- A file of version 1 ---- */

/* Its letters have neither address nor kind: they are devices' messages. */
static void test_letters__of_version_1(void **state)
{
    struct store_fixture *f = *state;
    json_t *letter = NULL;

    vd_alert_store_close(f->store);
    f->store = NULL;
    assert_int_equal(unlink(f->path), 0);
    store_make_first(f->path);
    assert_int_equal(vd_alert_store_open(f->path, &f->store), VD_OK);
    assert_int_equal(vd_letters_get(f->store, 4, VD_LETTER_AUTO, &letter), VD_OK);
    assert_string_equal(text_of(letter, "kind"), "Security");
    assert_string_equal(text_of(letter, "protocol"), "MQTT");
    assert_string_equal(text_of(letter, "address"), "");
    assert_string_equal(text_of(letter, "body"), "00");
    assert_true(json_is_null(json_object_get(letter, "replay")));
    json_decref(letter);
    add(f, 5, "new", "r", VD_STR_LITERAL(""), VD_STR_LITERAL("x"));
    check_chosen(f, NULL, "5 4");
}

int main(void)
{
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, store_setup, store_teardown)
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_letters__chosen),
        STORE_TEST(test_letters__deleted),
        STORE_TEST(test_letters__facts),
        STORE_TEST(test_letters__forms_of_the_body),
        STORE_TEST(test_letters__read),
        STORE_TEST(test_letters__of_version_1),
    };

    return cmocka_run_group_tests_name("letters", tests, NULL, NULL);
}
