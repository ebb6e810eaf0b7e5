/* SPDX-License-Identifier: MIT */
/* Certificates, sinks and notifications for the tests of syslog. */

#include "tests/center/syslog_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <signal.h>

#include "lib/clock.h"
#include "tests/center/message.h"
#include "tests/hub/certificates.h"

int syslog_setup(void **state)
{
    static struct syslog_fixture fixture;
    struct syslog_fixture *f = &fixture;
    const int64_t now_s = vd_clock_utc_ms() / 1000;
    struct test_certificate made[SYSLOG_WHO_COUNT];

    signal(SIGPIPE, SIG_IGN);
    f->folder = test_folder_new();
    made[SYSLOG_CA] = test_certificate_ca("ca", now_s);
    made[SYSLOG_SERVER] = test_certificate_leaf("localhost", &made[SYSLOG_CA], now_s);
    made[SYSLOG_CLIENT] = test_certificate_leaf("vedette", &made[SYSLOG_CA], now_s);
    made[SYSLOG_OTHER_CA] = test_certificate_ca("other", now_s);
    made[SYSLOG_OTHER_SERVER] = test_certificate_leaf("localhost", &made[SYSLOG_OTHER_CA], now_s);
    for (int i = 0; i < SYSLOG_WHO_COUNT; i++) {
        snprintf(f->certificate[i], SYSLOG_FILE_SIZE, "%s/%d.pem", f->folder, i);
        snprintf(f->key[i], SYSLOG_FILE_SIZE, "%s/%d.key", f->folder, i);
        test_certificate_write(&made[i], f->certificate[i], f->key[i]);
        test_certificate_release(&made[i]);
    }
    *state = f;
    return 0;
}

int syslog_teardown(void **state)
{
    test_folder_remove(((struct syslog_fixture *)*state)->folder);
    return 0;
}

struct receiver_plan syslog_tls_plan(const struct syslog_fixture *f)
{
    return (struct receiver_plan){
        .certificate_file = f->certificate[SYSLOG_SERVER], .key_file = f->key[SYSLOG_SERVER]};
}

json_t *syslog_tls_settings(const struct syslog_fixture *f, uint16_t port)
{
    json_t *settings = json_pack("{s:s}", "caFile", f->certificate[SYSLOG_CA]);

    json_object_set_new(settings, "url", json_sprintf("tls://localhost:%u", (unsigned)port));
    return settings;
}

json_t *syslog_tcp_settings(uint16_t port)
{
    json_t *settings = json_object();

    json_object_set_new(settings, "url", json_sprintf("tcp://127.0.0.1:%u", (unsigned)port));
    return settings;
}

struct vd_notify_sink *syslog_sink_of(json_t *settings)
{
    struct vd_notify_sink *sink = NULL;
    char problem[160] = "";
    int error = vd_notify_sink_new("syslog", settings, VD_STR_LITERAL(""), &sink, problem);

    assert_string_equal(problem, "");
    assert_int_equal(error, VD_OK);
    json_decref(settings);
    return sink;
}

int syslog_deliver(struct vd_notify_sink *sink, int number, const char *description, char *reason)
{
    struct vd_outbox_item item = {
        .sequence = number, .what = VD_OUTBOX_CHANGED, .time_ms = SYSLOG_AT_MS};
    struct vd_http_post_failure failure;
    int error;

    snprintf(item.id, sizeof item.id, "0badcafe-%d.1", number);
    item.alert = json_pack("{s:o, s:s, s:s, s:i}", "id", json_sprintf("alert-%d", number),
        "severity", "High", "description", description, "count", 1);
    error = sink->ops->deliver(sink, &item, &failure);
    json_decref(item.alert);
    assert_false(failure.is_refused);
    assert_true((error == VD_OK) == (failure.reason[0] == '\0'));
    if (reason != NULL) {
        snprintf(reason, sizeof failure.reason, "%s", failure.reason);
    }
    return error;
}

void syslog_expect_failure(struct vd_notify_sink *sink, int number, char *reason)
{
    int error = VD_OK;

    for (int i = 0; i < 10 && error == VD_OK; i++) {
        error = syslog_deliver(sink, number, "It spoke.", reason);
    }
    assert_int_equal(error, VD_E_IO);
}

void syslog_expect_delivered(struct vd_notify_sink *sink, int number)
{
    char reason[VD_HTTP_POST_REASON_SIZE];

    if (syslog_deliver(sink, number, "It spoke.", reason) != VD_OK) {
        fail_msg("%s", reason);
    }
}

void syslog_expect_message(struct receiver *receiver, size_t i, int number)
{
    json_t *cef = cef_read(receiver_message(receiver, i)->text);
    const json_t *extension = json_object_get(cef, "extension");
    char expected[64];

    assert_non_null(cef);
    snprintf(expected, sizeof expected, "alert-%d", number);
    assert_string_equal(json_string_value(json_object_get(extension, "externalId")), expected);
    snprintf(expected, sizeof expected, "0badcafe-%d.1", number);
    assert_string_equal(json_string_value(json_object_get(extension, "cs1")), expected);
    json_decref(cef);
}
