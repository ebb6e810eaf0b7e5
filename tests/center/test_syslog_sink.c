/* SPDX-License-Identifier: MIT */
/* The sink that is syslog: certificates, interruption, settings. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/listen.h"
#include "tests/center/syslog_fixture.h"

/* ---- Certificates ---- */

static void expect_refused(json_t *settings, struct receiver *receiver, const char *why)
{
    struct vd_notify_sink *sink = syslog_sink_of(settings);
    char reason[VD_HTTP_POST_REASON_SIZE];

    syslog_expect_failure(sink, 1, reason);
    if (strstr(reason, why) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", reason, why);
    }
    sink->ops->free(sink);
    assert_int_equal(receiver_message_count(receiver), 0);
}

static void test_syslog__wrong_certificates(void **state)
{
    const struct syslog_fixture *f = *state;
    struct receiver_plan plan = syslog_tls_plan(f);
    struct receiver *receiver;
    json_t *settings;

    plan.certificate_file = f->certificate[SYSLOG_OTHER_SERVER];
    plan.key_file = f->key[SYSLOG_OTHER_SERVER];
    receiver = receiver_start(&plan, 0);
    expect_refused(syslog_tls_settings(f, receiver_port(receiver)), receiver, "certificate");
    settings = syslog_tls_settings(f, receiver_port(receiver));
    json_object_del(settings, "caFile");
    expect_refused(settings, receiver, "certificate");
    receiver_free(receiver);

    /* The right authority, another name. */
    plan = syslog_tls_plan(f);
    receiver = receiver_start(&plan, 0);
    settings = syslog_tls_settings(f, receiver_port(receiver));
    json_object_set_new(
        settings, "url", json_sprintf("tls://127.0.0.1:%u", (unsigned)receiver_port(receiver)));
    expect_refused(settings, receiver, "certificate");
    receiver_free(receiver);
}

static void test_syslog__client_certificate(void **state)
{
    const struct syslog_fixture *f = *state;
    struct receiver_plan plan = syslog_tls_plan(f);
    struct receiver *receiver;
    struct vd_notify_sink *sink;
    json_t *settings;

    plan.client_ca_file = f->certificate[SYSLOG_CA];
    receiver = receiver_start(&plan, 0);
    expect_refused(syslog_tls_settings(f, receiver_port(receiver)), receiver, "");
    settings = syslog_tls_settings(f, receiver_port(receiver));
    json_object_set_new(settings, "certFile", json_string(f->certificate[SYSLOG_OTHER_SERVER]));
    json_object_set_new(settings, "keyFile", json_string(f->key[SYSLOG_OTHER_SERVER]));
    expect_refused(settings, receiver, "");
    settings = syslog_tls_settings(f, receiver_port(receiver));
    json_object_set_new(settings, "certFile", json_string(f->certificate[SYSLOG_CLIENT]));
    json_object_set_new(settings, "keyFile", json_string(f->key[SYSLOG_CLIENT]));
    sink = syslog_sink_of(settings);
    syslog_expect_delivered(sink, 1);
    receiver_await_messages(receiver, 1);
    sink->ops->free(sink);
    receiver_free(receiver);
}

/* ---- Interruption ---- */

struct attempt {
    struct vd_notify_sink *sink;
    const char *description;
    pthread_t thread;
    int error;
};

static void *attempt_main(void *argument)
{
    struct attempt *attempt = argument;

    attempt->error = syslog_deliver(attempt->sink, 1, attempt->description, NULL);
    return NULL;
}

static void start(struct attempt *attempt)
{
    assert_int_equal(pthread_create(&attempt->thread, NULL, attempt_main, attempt), 0);
}

static void expect_interrupted(struct attempt *attempt)
{
    const int64_t began_ms = vd_clock_monotonic_ms();

    attempt->sink->ops->interrupt(attempt->sink);
    pthread_join(attempt->thread, NULL);
    assert_true(vd_clock_monotonic_ms() - began_ms < 5000);
    assert_int_equal(attempt->error, VD_E_CLOSED);
    assert_int_equal(syslog_deliver(attempt->sink, 2, "", NULL), VD_E_CLOSED);
    attempt->sink->ops->free(attempt->sink);
}

/* Nobody shakes hands. */
static void test_syslog__interrupted_handshake(void **state)
{
    struct attempt attempt = {.description = ""};
    struct pollfd wanted = {.events = POLLIN};
    char problem[128];
    uint16_t port;

    assert_int_equal(
        vd_listen_bind("127.0.0.1", 0, &wanted.fd, &port, problem, sizeof problem), VD_OK);
    assert_int_equal(listen(wanted.fd, 1), 0);
    attempt.sink = syslog_sink_of(syslog_tls_settings(*state, port));
    start(&attempt);
    assert_int_equal(poll(&wanted, 1, 20000), 1);
    expect_interrupted(&attempt);
    close(wanted.fd);
}

/* More than the buffers of both sides, to a receiver that does not read. */
static void test_syslog__interrupted_send(void **state)
{
    const struct syslog_fixture *f = *state;
    struct receiver_plan plan = syslog_tls_plan(f);
    struct receiver *receiver;
    struct attempt attempt = {0};
    const size_t length = 32 << 20;
    char *description = malloc(length);
    json_t *settings;

    assert_non_null(description);
    memset(description, 'x', length - 1);
    description[length - 1] = '\0';
    plan.end = RECEIVER_IS_STUCK;
    receiver = receiver_start(&plan, 0);
    settings = syslog_tls_settings(f, receiver_port(receiver));
    json_object_set_new(settings, "format", json_string("vedette"));
    attempt.sink = syslog_sink_of(settings);
    attempt.description = description;
    start(&attempt);
    receiver_await_connections(receiver, 1);
    expect_interrupted(&attempt);
    receiver_free(receiver);
    free(description);
}

/* ---- Settings ---- */

static void test_syslog__settings(void **state)
{
    static const struct {
        const char *settings;
        const char *problem; /* NULL: they are good */
    } cases[] = {
        {"{'url':'tls://logs.example'}", NULL},
        {"{'url':'tls://[2001:db8::1]:6514/'}", NULL},
        {"{'url':'tcp://localhost:601'}", NULL},
        {"{'url':'tcp://[::1]:601','format':'ocsf'}", NULL},
        {"{'url':'tcp://127.9.9.9:601','format':'cef'}", NULL},
        {"{'url':'tcp://192.0.2.1:601','plain':true}", NULL},
        {"{}", "url is to be"},
        {"{'url':7}", "url is to be"},
        {"{'url':'https://logs.example'}", "url is to be"},
        {"{'url':'tls://'}", "url is to be"},
        {"{'url':'tls://logs.example:0'}", "url is to be"},
        {"{'url':'tls://logs.example:70000'}", "url is to be"},
        {"{'url':'tls://me@logs.example'}", "url is to be"},
        {"{'url':'tls://logs.example/x'}", "url is to be"},
        {"{'url':'tls://logs.example?x'}", "url is to be"},
        {"{'url':'tls://logs.example#x'}", "url is to be"},
        {"{'url':'tls://a b'}", "url is to be"},
        {"{'url':'tcp://localhost'}", "url is to be"},
        {"{'url':'tcp://192.0.2.1:601'}", "not encrypted"},
        {"{'url':'tcp://127.0.0.1.example:601','plain':false}", "not encrypted"},
        {"{'url':'tcp://192.0.2.1:601','plain':'true'}", "not encrypted"},
        {"{'url':'tls://logs.example','plain':1}", "plain is"},
        {"{'url':'tls://logs.example','caFile':1}", "are texts"},
        {"{'url':'tls://logs.example','certFile':'/dev/null'}", "go together"},
        {"{'url':'tls://logs.example','caFile':'/nonexistent'}", "cannot be read"},
        {"{'url':'tls://logs.example','format':'leef'}", "format is cef, vedette or ocsf"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = strdup(cases[i].settings);
        struct vd_notify_sink *sink = NULL;
        char problem[160] = "";
        json_t *settings;
        int error;

        for (char *at = text; *at != '\0'; at++) {
            if (*at == '\'') {
                *at = '"';
            }
        }
        settings = json_loads(text, 0, NULL);
        assert_non_null(settings);
        error = vd_notify_sink_new("syslog", settings, VD_STR_LITERAL(""), &sink, problem);
        if (cases[i].problem == NULL
                ? error != VD_OK
                : error != VD_E_INVALID || strstr(problem, cases[i].problem) == NULL) {
            fail_msg("%s: %d, %s", cases[i].settings, error, problem);
        }
        if (sink != NULL) {
            sink->ops->free(sink);
        }
        json_decref(settings);
        free(text);
    }
}

/* CEF is for syslog alone, and syslog takes no secret. */
static void test_syslog__kinds(void **state)
{
    json_t *settings = json_pack("{s:s, s:s}", "path", "/tmp/x", "format", "cef");
    struct vd_notify_sink *sink = NULL;
    char problem[160] = "";

    (void)state;
    assert_int_equal(
        vd_notify_sink_new("file", settings, VD_STR_LITERAL(""), &sink, problem), VD_E_INVALID);
    assert_string_equal(problem, "format is vedette or ocsf");
    json_decref(settings);
    settings = syslog_tcp_settings(601);
    assert_int_equal(
        vd_notify_sink_new("syslog", settings, VD_STR_LITERAL("s"), &sink, problem), VD_E_INVALID);
    assert_string_equal(problem, "syslog takes no secret");
    assert_null(sink);
    json_decref(settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_syslog__wrong_certificates),
        cmocka_unit_test(test_syslog__client_certificate),
        cmocka_unit_test(test_syslog__interrupted_handshake),
        cmocka_unit_test(test_syslog__interrupted_send),
        cmocka_unit_test(test_syslog__settings),
        cmocka_unit_test(test_syslog__kinds),
    };

    return cmocka_run_group_tests(tests, syslog_setup, syslog_teardown);
}
