/* SPDX-License-Identifier: MIT */
/* Exports to a webhook over TLS: what comes there, and receivers that refuse, limit, hang or are not who they should be. */

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/http.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "tests/hub/certificates.h"
#include "tests/hub/export_fixture.h"

#define HOOK_SINK       "eventHubAuthorizationRuleId"
#define ONE             SETTING("One /", HOOK_SINK, LOG("Connections"))
#define RECORDS_A_BATCH 500

static char folder[64];
static char certificate[96];
static char key[96];
static char other_certificate[96];
static struct vd_http *receiver;

/* What the receiver does, and what it was given; the lock guards it. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int status;        /* that it answers with */
static size_t lines_max;  /* more lines than that are answered with 413; 0: no limit */
static bool is_hanging;   /* it does not answer */
static struct vd_buf got; /* the lines of what it took */
static unsigned requests;
static size_t largest; /* lines of a request */
static char setting[64];
static char type[64];

static size_t count_lines(struct vd_str text)
{
    size_t lines = 0;

    for (size_t i = 0; i < text.length; i++) {
        lines += text.data[i] == '\n';
    }
    return lines;
}

static void wait_while_hanging(void)
{
    while (is_hanging) {
        pthread_mutex_unlock(&lock);
        nanosleep(&(struct timespec){0, 2 * 1000000L}, NULL);
        pthread_mutex_lock(&lock);
    }
}

static void keep(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text != NULL ? text : "(none)");
}

static void receive(
    void *context, const struct vd_http_request *request, struct vd_http_answer *answer)
{
    const size_t lines = count_lines(request->body);

    (void)context;
    pthread_mutex_lock(&lock);
    requests++;
    wait_while_hanging();
    keep(setting, sizeof setting, vd_http_header(request, "X-Vedette-Setting"));
    keep(type, sizeof type, vd_http_header(request, "Content-Type"));
    largest = lines > largest ? lines : largest;
    answer->status = lines_max > 0 && lines > lines_max ? 413 : status;
    if (answer->status == 200) {
        vd_buf_append(&got, request->body.data, request->body.length);
    }
    if (answer->status == 429) {
        vd_http_answer_header(answer, "Retry-After", "1");
    }
    pthread_mutex_unlock(&lock);
    answer->body = json_object();
}

static void refuse(int refused, struct vd_http_answer *answer)
{
    (void)refused;
    answer->body = json_object();
}

static void set_receiver(int new_status, size_t new_lines_max, bool hangs)
{
    pthread_mutex_lock(&lock);
    status = new_status;
    lines_max = new_lines_max;
    is_hanging = hangs;
    requests = 0;
    largest = 0;
    pthread_mutex_unlock(&lock);
}

static int start_receiver(void)
{
    const struct vd_http_face face = {"/", NULL, 4u << 20, receive, refuse, NULL, NULL, 0, false};
    const struct vd_http_config config = {
        .address = "127.0.0.1",
        .certificate_file = certificate,
        .private_key_file = key,
        .workers = 2,
        .faces = &face,
        .face_count = 1,
    };
    char reason[256] = "";

    return vd_http_start(&config, &receiver, reason, sizeof reason);
}

static int set_up(void **state)
{
    set_receiver(200, 0, false);
    vd_buf_clear(&got);
    return export_set_up(state) == 0 && start_receiver() == VD_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    set_receiver(200, 0, false);
    const int failed = export_tear_down(state);

    return vd_http_stop(receiver, 20000) && failed == 0 ? 0 : -1;
}

static void start(struct export_fixture *f, const char *ca_file)
{
    char url[128];

    snprintf(
        url, sizeof url, "https://user:secret@localhost:%u/in?code=secret", vd_http_port(receiver));
    export_start(f, (struct vd_export_config){.webhook = url, .webhook_ca_file = ca_file});
    export_settings(f, ONE);
}

static void connect_many(struct export_fixture *f, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        char device[16];

        snprintf(device, sizeof device, "d%u", i);
        (void)export_append(f, VD_OPERATION_CONNECTIONS, device);
    }
}

/* Everything has come, in order, whatever came twice. */
static void expect_all(unsigned count)
{
    unsigned next = 0;
    char *text;

    pthread_mutex_lock(&lock);
    vd_buf_append(&got, "", 1);
    text = strdup((const char *)got.data);
    pthread_mutex_unlock(&lock);
    for (char *line = text; *line != '\0';) {
        char *end = strchr(line, '\n');
        char device[24];
        json_t *record;
        const char *properties;

        *end = '\0';
        record = json_loads(line, 0, NULL);
        properties = json_string_value(json_object_get(record, "properties"));
        assert_non_null(properties);
        snprintf(device, sizeof device, "\"d%u\"", next);
        assert_non_null(strstr(properties, device));
        next++;
        json_decref(record);
        line = end + 1;
    }
    free(text);
    assert_int_equal(next, count);
}

static bool is_working(const struct vd_export_stats *stats)
{
    return stats->state == VD_EXPORT_WORKING && stats->behind == 0;
}

static bool has_failed(const struct vd_export_stats *stats)
{
    return stats->state == VD_EXPORT_FAILING && stats->worker.failures >= 2;
}

static void test_webhook__batches(void **state)
{
    struct export_fixture *f = *state;

    start(f, certificate);
    set_receiver(200, 0, true);
    connect_many(f, 0, 2 * RECORDS_A_BATCH + 10);
    set_receiver(200, 0, false);
    export_await(f, is_working);
    expect_all(2 * RECORDS_A_BATCH + 10);
    assert_int_equal(largest, RECORDS_A_BATCH);
    assert_string_equal(setting, "One%20%2F");
    assert_string_equal(type, "application/x-ndjson");
}

/* A receiver that is down, limits or refuses is asked again until it takes everything; no secret is said. */
static void test_webhook__tries_again(void **state)
{
    static const int statuses[] = {500, 429, 400, 302};
    struct export_fixture *f = *state;
    unsigned sent = 0;

    start(f, certificate);
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        struct vd_export_stats stats;

        set_receiver(statuses[i], 0, false);
        connect_many(f, sent, sent + 3);
        sent += 3;
        if (statuses[i] != 429) {
            export_await(f, has_failed);
        }
        stats = export_stats(f);
        assert_null(strstr(stats.worker.reason, "secret"));
        set_receiver(200, 0, false);
        export_await(f, is_working);
        expect_all(sent);
        pthread_mutex_lock(&lock);
        got.length--; /* the NUL of expect_all */
        pthread_mutex_unlock(&lock);
        export_stop(f);
        start(f, certificate);
    }
}

static void test_webhook__smaller_batches_for_who_takes_less(void **state)
{
    struct export_fixture *f = *state;

    start(f, certificate);
    set_receiver(200, 3, true);
    connect_many(f, 0, 100);
    set_receiver(200, 3, false);
    export_await(f, is_working);
    expect_all(100);
}

/* Another certificate than the one that is trusted: not a byte of a record goes there. */
static void test_webhook__verifies_the_receiver(void **state)
{
    struct export_fixture *f = *state;

    start(f, other_certificate);
    connect_many(f, 0, 1);
    export_await(f, has_failed);
    assert_null(strstr(export_stats(f).worker.reason, "secret"));
    assert_int_equal(requests, 0);
}

static void test_webhook__nobody_there(void **state)
{
    struct export_fixture *f = *state;

    export_start(f, (struct vd_export_config){.webhook = "http://127.0.0.1:9/?code=secret"});
    export_settings(f, ONE);
    connect_many(f, 0, 1);
    export_await(f, has_failed);
    assert_null(strstr(export_stats(f).worker.reason, "secret"));
}

static bool was_asked(const struct vd_export_stats *stats)
{
    bool asked;

    (void)stats;
    pthread_mutex_lock(&lock);
    asked = requests > 0;
    pthread_mutex_unlock(&lock);
    return asked;
}

/* A receiver that does not answer holds up neither the end nor a change of settings. */
static void test_webhook__a_hanging_receiver(void **state)
{
    struct export_fixture *f = *state;
    int64_t started;

    start(f, certificate);
    set_receiver(200, 0, true);
    connect_many(f, 0, 1);
    export_await(f, was_asked);
    started = vd_clock_monotonic_ms();
    export_settings(f, "");
    export_stop(f);
    assert_in_range(vd_clock_monotonic_ms() - started, 0, 5000); /* a request may take 30 s */
}

static int make_certificates(void **state)
{
    const int64_t now_s = vd_clock_utc_ms() / 1000;
    struct test_certificate own = test_certificate_make(
        &(struct test_certificate_plan){.common_name = "localhost", .now_s = now_s});
    struct test_certificate other = test_certificate_make(
        &(struct test_certificate_plan){.common_name = "localhost", .now_s = now_s});
    bool good;

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    snprintf(folder, sizeof folder, "/tmp/vedette-webhook-XXXXXX");
    good = mkdtemp(folder) != NULL;
    snprintf(certificate, sizeof certificate, "%s/certificate.pem", folder);
    snprintf(key, sizeof key, "%s/key.pem", folder);
    snprintf(other_certificate, sizeof other_certificate, "%s/other.pem", folder);
    if (good) {
        test_certificate_write(&own, certificate, key);
        test_certificate_write(&other, other_certificate, NULL);
    }
    test_certificate_release(&own);
    test_certificate_release(&other);
    return good ? 0 : -1;
}

static int remove_certificates(void **state)
{
    (void)state;
    unlink(certificate);
    unlink(other_certificate);
    unlink(key);
    vd_buf_release(&got);
    return rmdir(folder);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_webhook__##name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(batches),
        TEST(tries_again),
        TEST(smaller_batches_for_who_takes_less),
        TEST(verifies_the_receiver),
        TEST(nobody_there),
        TEST(a_hanging_receiver),
    };

    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
