/* SPDX-License-Identifier: MIT */
/* Sinks over the API: made, shown without secrets, tested, removed; what is refused, and what changes nothing. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/api.h"
#include "center/notify/notifier.h"
#include "center/notify/sink.h"
#include "center/store/alert_store.h"
#include "center/store/outbox.h"
#include "center/store/sinks.h"
#include "lib/clock.h"
#include "lib/event_log.h"
#include "tests/center/alerts.h"
#include "tests/center/message.h"

struct fixture {
    char *folder;
    struct vd_alert_store *store;
    struct vd_notifier *notifier;
    struct vd_event_log *log;
    struct vd_state *hub_state;
    json_t *body; /* of the last answer */
};

static int set_up(void **state)
{
    static const uint8_t key[VD_MASTER_KEY_BYTES] = {5};
    struct fixture *f = calloc(1, sizeof *f);
    char path[512];

    assert_non_null(f);
    f->folder = test_folder_new();
    snprintf(path, sizeof path, "%s/center.db", f->folder);
    assert_int_equal(vd_alert_store_open(path, &f->store), VD_OK);
    vd_sinks_set_key(f->store, key);
    snprintf(path, sizeof path, "%s/events.db", f->folder);
    assert_int_equal(vd_event_log_sqlite_open(path, &f->log), VD_OK);
    snprintf(path, sizeof path, "%s/state.db", f->folder);
    assert_int_equal(vd_state_open(path, &f->hub_state), VD_OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    vd_notifier_stop(f->notifier);
    json_decref(f->body);
    vd_state_stop(f->hub_state);
    vd_state_close(f->hub_state);
    vd_event_log_close(f->log);
    vd_alert_store_close(f->store);
    test_folder_remove(f->folder);
    free(f);
    return 0;
}

static json_t *ask(
    struct fixture *f, const char *method, const char *path, const char *text, int status)
{
    const struct vd_api api = {.alerts = f->store,
        .notifier = f->notifier,
        .log = f->log,
        .state = f->hub_state,
        .host_name = "hub"};
    const struct vd_api_request request = {.method = method,
        .path = path,
        .body = vd_str_from(text),
        .caller = vd_api_local_caller(NULL)};
    struct vd_api_answer answered;

    vd_api_call(&api, &request, &answered);
    json_decref(f->body);
    f->body = answered.body;
    assert_int_equal(answered.status, status);
    return f->body;
}

static const char *text_at(const json_t *json, const char *name)
{
    return json_string_value(json_object_get(json, name));
}

#define HOOK                                                                         \
    "{\"name\":\"hook\",\"kind\":\"webhook\",\"minSeverity\":\"High\",\"settings\":" \
    "{\"url\":\"https://user:hidden@example.com:8443/in/hidden?code=hidden\"}"

static void test_routes__a_sink_is_shown_without_its_secrets(void **state)
{
    struct fixture *f = *state;
    const json_t *sink;
    char *text;

    (void)ask(f, "POST", "/notify", HOOK ",\"secret\":\"hidden\"}", 201);
    assert_null(text_at(f->body, "secret"));
    sink = json_array_get(json_object_get(ask(f, "GET", "/notify", "", 200), "sinks"), 0);
    assert_string_equal(text_at(sink, "name"), "hook");
    assert_string_equal(text_at(sink, "minSeverity"), "High");
    assert_string_equal(
        text_at(json_object_get(sink, "settings"), "url"), "https://example.com:8443/...");
    text = json_dumps(f->body, 0);
    assert_null(strstr(text, "hidden"));
    free(text);
}

static void test_routes__syslog(void **state)
{
    struct fixture *f = *state;
    const json_t *sink;

    (void)ask(f, "POST", "/notify",
        "{\"name\":\"soc\",\"kind\":\"syslog\",\"settings\":{\"url\":\"tcp://192.0.2.1:601\"}}",
        400);
    (void)ask(f, "POST", "/notify",
        "{\"name\":\"soc\",\"kind\":\"syslog\",\"settings\":{\"url\":\"tls://192.0.2.1:601\"}}",
        201);
    assert_null(text_at(f->body, "secret"));
    sink = json_array_get(json_object_get(ask(f, "GET", "/notify", "", 200), "sinks"), 0);
    assert_string_equal(text_at(sink, "kind"), "syslog");
    assert_string_equal(text_at(json_object_get(sink, "settings"), "url"), "tls://192.0.2.1:601");
}

/* What goes over the network in the clear is to be said; those that were made before that go on. */
static void test_routes__a_webhook_without_tls(void **state)
{
    static const struct {
        const char *settings;
        int status;
    } cases[] = {
        {"{\"url\":\"http://192.0.2.1/in\"}", 400},
        {"{\"url\":\"http://localhost.example.com/in\",\"plain\":false}", 400},
        {"{\"url\":\"http://192.0.2.1/in\",\"plain\":\"yes\"}", 400},
        {"{\"url\":\"http://192.0.2.1/in\",\"plain\":true}", 201},
        {"{\"url\":\"http://127.0.0.1:1/in\"}", 201},
        {"{\"url\":\"http://[::1]:1/in\"}", 201},
    };
    struct fixture *f = *state;
    struct vd_notify_sink *sink = NULL;
    json_t *settings = json_loads(cases[0].settings, 0, NULL);
    char problem[160];
    char body[256];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(body, sizeof body, "{\"name\":\"h%zu\",\"kind\":\"webhook\",\"settings\":%s}", i,
            cases[i].settings);
        (void)ask(f, "POST", "/notify", body, cases[i].status);
    }
    assert_int_equal(
        vd_notify_sink_new("webhook", settings, VD_STR_LITERAL("s"), &sink, problem), VD_OK);
    sink->ops->free(sink);
    json_decref(settings);
}

static void test_routes__a_webhook_without_a_secret_is_given_one(void **state)
{
    struct fixture *f = *state;
    char given[VD_SINK_SECRET_MAX];
    uint8_t stored[VD_SINK_SECRET_MAX];
    size_t length = 0;

    (void)ask(f, "POST", "/notify", HOOK "}", 201);
    snprintf(given, sizeof given, "%s", text_at(f->body, "secret"));
    assert_int_equal(strlen(given), 38);
    assert_int_equal(strncmp(given, "whsec_", 6), 0);
    assert_int_equal(vd_sinks_secret(f->store, "hook", stored, &length), VD_OK);
    assert_int_equal(length, strlen(given));
    assert_memory_equal(stored, given, length);
}

static void test_routes__what_is_wrong_makes_no_sink(void **state)
{
    static const char *const bodies[] = {
        "",
        "[]",
        "{}",
        "{\"name\":\"a\",\"kind\":\"webhook\"}",
        "{\"name\":\"a\",\"kind\":\"pigeon\",\"settings\":{}}",
        "{\"name\":\"a\",\"kind\":\"webhook\",\"settings\":{\"url\":7}}",
        "{\"name\":\"a/b\",\"kind\":\"file\",\"settings\":{\"path\":\"/x\"}}",
        "{\"name\":\"a\",\"kind\":\"file\",\"settings\":{\"path\":\"x\"}}",
        "{\"name\":\"a\",\"kind\":\"file\",\"settings\":{\"path\":\"/x\"},\"secret\":\"s\"}",
        "{\"name\":\"a\",\"kind\":\"file\",\"settings\":{\"path\":\"/x\"},\"minSeverity\":\"Loud\"}",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        (void)ask(f, "POST", "/notify", bodies[i], 400);
    }
    assert_int_equal(
        json_array_size(json_object_get(ask(f, "GET", "/notify", "", 200), "sinks")), 0);
    (void)ask(f, "POST", "/notify", HOOK "}", 201);
    (void)ask(f, "POST", "/notify", HOOK "}", 409);
}

static void test_routes__tests_and_letters(void **state)
{
    struct fixture *f = *state;
    struct vd_outbox_item item;

    (void)ask(f, "POST", "/notify", HOOK "}", 201);
    (void)ask(f, "POST", "/notify/none/test", "", 404);
    (void)ask(f, "POST", "/notify/hook/test", "", 204);
    assert_int_equal(vd_outbox_begin(f->store, "hook", TEST_ALERT_MS, &item), VD_OK);
    assert_int_equal(item.what, VD_OUTBOX_TEST);
    assert_int_equal(
        vd_outbox_bury(f->store, "hook", &item, "the receiver answered 400", TEST_ALERT_MS), VD_OK);
    vd_outbox_item_release(&item);
    assert_int_equal(json_array_size(json_object_get(
                         ask(f, "GET", "/notify-dead", "", 200), "deadNotifications")),
        1);
    (void)ask(f, "POST", "/notify-dead/1/replay", "", 204);
    (void)ask(f, "POST", "/notify-dead/1/replay", "", 404);
    (void)ask(f, "DELETE", "/notify-dead/x", "", 404);
    assert_int_equal(vd_outbox_begin(f->store, "hook", TEST_ALERT_MS, &item), VD_OK);
    assert_int_equal(
        vd_outbox_bury(f->store, "hook", &item, "the receiver answered 400", TEST_ALERT_MS), VD_OK);
    vd_outbox_item_release(&item);
    (void)ask(f, "DELETE", "/notify-dead/2", "", 204);
    (void)ask(f, "DELETE", "/notify/hook", "", 204);
    (void)ask(f, "DELETE", "/notify/hook", "", 404);
}

/* To a file whose folder goes once the sink is made; none is made where it is not there. */
static void add_lost_sink(struct fixture *f)
{
    char folder[256];
    char body[512];

    snprintf(folder, sizeof folder, "%s/gone", f->folder);
    snprintf(body, sizeof body,
        "{\"name\":\"nowhere\",\"kind\":\"file\",\"settings\":{\"path\":\"%s/x\"}}", folder);
    (void)ask(f, "POST", "/notify", body, 400);
    assert_non_null(strstr(
        text_at(json_object_get(f->body, "error"), "message"), "/gone/x: its folder is not there"));
    assert_int_equal(mkdir(folder, 0700), 0);
    (void)ask(f, "POST", "/notify", body, 201);
    assert_int_equal(rmdir(folder), 0); /* and nothing was made in it */
}

static void test_routes__the_list_says_how_they_do(void **state)
{
    struct fixture *f = *state;
    const int64_t until_ms = vd_clock_monotonic_ms() + 20000;
    const char *said = NULL;

    assert_int_equal(vd_notifier_start(f->store, &vd_notify_rhythm_default, &f->notifier), VD_OK);
    add_lost_sink(f);
    (void)ask(f, "POST", "/notify/nowhere/test", "", 204);
    while (said == NULL || strcmp(said, "failing") != 0) {
        const json_t *list = json_object_get(ask(f, "GET", "/notify", "", 200), "sinks");

        assert_true(vd_clock_monotonic_ms() < until_ms);
        said = text_at(json_array_get(list, 0), "state");
    }
    assert_string_equal(
        text_at(json_array_get(json_object_get(f->body, "sinks"), 0), "lastError"), "not found");
}

/* The overview's notice with that code; NULL: it has none. */
static const char *notice_of(struct fixture *f, const char *code)
{
    const json_t *notices = json_object_get(ask(f, "GET", "/overview", "", 200), "notices");
    const json_t *notice;
    size_t i;

    json_array_foreach(notices, i, notice)
    {
        if (strcmp(text_at(notice, "code"), code) == 0) {
            return text_at(notice, "text");
        }
    }
    return NULL;
}

static void test_routes__the_overview_tells_of_sinks_that_fail(void **state)
{
    struct fixture *f = *state;
    const int64_t until_ms = vd_clock_monotonic_ms() + 20000;
    const char *said = NULL;

    assert_null(notice_of(f, "NotificationsFailing"));
    add_lost_sink(f);
    for (int i = 0; i < 99; i++) {
        (void)ask(f, "POST", "/notify/nowhere/test", "", 204);
    }
    assert_null(notice_of(f, "NotificationsWait"));
    (void)ask(f, "POST", "/notify/nowhere/test", "", 204);
    assert_string_equal(notice_of(f, "NotificationsWait"), "100 notifications to nowhere wait.");
    assert_int_equal(vd_notifier_start(f->store, &vd_notify_rhythm_default, &f->notifier), VD_OK);
    while (said == NULL) {
        assert_true(vd_clock_monotonic_ms() < until_ms);
        said = notice_of(f, "NotificationsFailing");
    }
    assert_string_equal(said, "Notifications to nowhere fail, and 100 wait: not found.");
    assert_null(notice_of(f, "NotificationsWait"));
    assert_string_equal(
        text_at(json_array_get(json_object_get(ask(f, "GET", "/status", "", 200), "sinks"), 0),
            "state"),
        "failing");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_routes__##name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_sink_is_shown_without_its_secrets),
        TEST(a_webhook_without_a_secret_is_given_one),
        TEST(a_webhook_without_tls),
        TEST(syslog),
        TEST(what_is_wrong_makes_no_sink),
        TEST(tests_and_letters),
        TEST(the_list_says_how_they_do),
        TEST(the_overview_tells_of_sinks_that_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
