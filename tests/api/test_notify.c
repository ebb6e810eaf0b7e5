/* SPDX-License-Identifier: MIT */
/* Notifications to receivers that verify, refuse, hang, or are down, and to files, over kills of the sender. */

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/hmac.h>

#include "api/http.h"
#include "center/notify/notifier.h"
#include "center/notify/sink.h"
#include "center/store/alert_store.h"
#include "center/store/outbox.h"
#include "center/store/sinks.h"
#include "lib/clock.h"
#include "tests/center/alerts.h"
#include "tests/center/message.h"
#include "tests/hub/certificates.h"

#define SECRET      "whsec_c2VjcmV0LW9mLXRoZS1yZWNlaXZlcg==" /* of the next */
#define SECRET_KEY  "secret-of-the-receiver"
#define WAIT_MS     20000
#define REQUEST_MAX 256

static const struct vd_notify_rhythm fast = {
    .pause_min_ms = 5, .pause_max_ms = 20, .refusals_max = 3, .age_max_ms = 3600000};

struct fixture {
    char *folder;
    char store_path[512];
    char certificate[512];
    char other_certificate[512];
    char key[512];
    char file[512];
    char url[96];
    struct vd_alert_store *store;
    struct vd_notifier *notifier;
    struct vd_http *receiver;
};

/* What the receiver does, and what it took; the lock guards it. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int status;
static bool is_hanging;
static unsigned requests;
static json_t *taken[REQUEST_MAX];
static unsigned taken_count;
static char ids[REQUEST_MAX][VD_DELIVERY_ID_SIZE]; /* of all requests, taken or not */

static void nap(void)
{
    nanosleep(&(struct timespec){0, 2 * 1000000L}, NULL);
}

static bool is_signed(const struct vd_http_request *request)
{
    const char *id = vd_http_header(request, "webhook-id");
    const char *time = vd_http_header(request, "webhook-timestamp");
    const char *given = vd_http_header(request, "webhook-signature");
    const int64_t age_s = time != NULL ? vd_clock_utc_ms() / 1000 - strtoll(time, NULL, 10) : -1;
    struct vd_buf text = {0};
    uint8_t mac[32];
    char expected[64] = "v1,";

    if (id == NULL || given == NULL || age_s < 0 || age_s > 60) {
        return false;
    }
    vd_buf_printf(&text, "%s.%s.", id, time);
    vd_buf_append(&text, request->body.data, request->body.length);
    HMAC(EVP_sha256(), SECRET_KEY, (int)strlen(SECRET_KEY), text.data, text.length, mac, NULL);
    EVP_EncodeBlock((unsigned char *)expected + 3, mac, sizeof mac);
    vd_buf_release(&text);
    return strcmp(expected, given) == 0;
}

static void receive(
    void *context, const struct vd_http_request *request, struct vd_http_answer *answer)
{
    json_t *body = json_loadb(request->body.data, request->body.length, 0, NULL);
    const char *id = vd_http_header(request, "webhook-id");

    (void)context;
    pthread_mutex_lock(&lock);
    if (requests < REQUEST_MAX) {
        snprintf(ids[requests], sizeof ids[0], "%s", id != NULL ? id : "");
        requests++;
    }
    while (is_hanging) {
        pthread_mutex_unlock(&lock);
        nap();
        pthread_mutex_lock(&lock);
    }
    answer->status = is_signed(request) && body != NULL ? status : 401;
    if (answer->status == 200 && taken_count < REQUEST_MAX) {
        taken[taken_count++] = json_incref(body);
    }
    pthread_mutex_unlock(&lock);
    json_decref(body);
    answer->body = json_object();
}

static void refuse(int refused, struct vd_http_answer *answer)
{
    (void)refused;
    answer->body = json_object();
}

static void set_receiver(int new_status, bool hangs)
{
    pthread_mutex_lock(&lock);
    status = new_status;
    is_hanging = hangs;
    pthread_mutex_unlock(&lock);
}

static unsigned count_of(const unsigned *counter)
{
    unsigned count;

    pthread_mutex_lock(&lock);
    count = *counter;
    pthread_mutex_unlock(&lock);
    return count;
}

static void await(const unsigned *counter, unsigned at_least)
{
    const int64_t until_ms = vd_clock_monotonic_ms() + WAIT_MS;

    while (count_of(counter) < at_least) {
        assert_true(vd_clock_monotonic_ms() < until_ms);
        nap();
    }
}

static void forget(void)
{
    for (unsigned i = 0; i < taken_count; i++) {
        json_decref(taken[i]);
    }
    taken_count = 0;
    requests = 0;
}

static void open_store(struct fixture *f)
{
    static const uint8_t key[VD_MASTER_KEY_BYTES] = {7, 1, 9};

    assert_int_equal(vd_alert_store_open(f->store_path, &f->store), VD_OK);
    vd_sinks_set_key(f->store, key);
}

static void start(struct fixture *f)
{
    assert_int_equal(vd_notifier_start(f->store, &fast, &f->notifier), VD_OK);
}

static void stop(struct fixture *f)
{
    vd_notifier_stop(f->notifier);
    f->notifier = NULL;
}

static void make_certificates(const struct fixture *f)
{
    const struct test_certificate_plan plan = {
        .common_name = "localhost", .now_s = vd_clock_utc_ms() / 1000};
    struct test_certificate own = test_certificate_make(&plan);
    struct test_certificate other = test_certificate_make(&plan);

    test_certificate_write(&own, f->certificate, f->key);
    test_certificate_write(&other, f->other_certificate, NULL);
    test_certificate_release(&own);
    test_certificate_release(&other);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    const struct vd_http_face face = {"/", NULL, 4u << 20, receive, refuse, NULL, NULL, 0, false};
    struct vd_http_config config = {
        .address = "127.0.0.1", .workers = 4, .faces = &face, .face_count = 1};
    char reason[256];

    assert_non_null(f);
    signal(SIGPIPE, SIG_IGN);
    f->folder = test_folder_new();
    snprintf(f->store_path, sizeof f->store_path, "%s/center.db", f->folder);
    snprintf(f->certificate, sizeof f->certificate, "%s/certificate.pem", f->folder);
    snprintf(f->other_certificate, sizeof f->other_certificate, "%s/other.pem", f->folder);
    snprintf(f->key, sizeof f->key, "%s/key.pem", f->folder);
    snprintf(f->file, sizeof f->file, "%s/alerts.jsonl", f->folder);
    make_certificates(f);
    set_receiver(200, false);
    forget();
    config.certificate_file = f->certificate;
    config.private_key_file = f->key;
    assert_int_equal(vd_http_start(&config, &f->receiver, reason, sizeof reason), VD_OK);
    snprintf(
        f->url, sizeof f->url, "https://localhost:%u/in?code=hidden", vd_http_port(f->receiver));
    open_store(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    set_receiver(200, false);
    vd_notifier_stop(f->notifier);
    vd_alert_store_close(f->store);
    assert_true(vd_http_stop(f->receiver, WAIT_MS));
    test_folder_remove(f->folder);
    free(f);
    forget();
    return 0;
}

static void add_webhook(
    struct fixture *f, const char *name, const char *ca_file, const char *format)
{
    json_t *settings =
        json_pack("{s:s, s:s, s:s}", "url", f->url, "caFile", ca_file, "format", format);
    const struct vd_sink_row row = {
        name, "webhook", settings, VD_STR_LITERAL(SECRET), "Informational"};

    assert_int_equal(vd_sinks_add(f->store, &row), VD_OK);
    json_decref(settings);
}

static void add_file(struct fixture *f)
{
    json_t *settings = json_pack("{s:s}", "path", f->file);
    const struct vd_sink_row row = {"file", "file", settings, {"", 0}, "Informational"};

    assert_int_equal(vd_sinks_add(f->store, &row), VD_OK);
    json_decref(settings);
}

static void happen(struct fixture *f, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        test_alert_happen(f->store, i, i % 2 == 0 ? "High" : "Low");
    }
}

static const char *text_at(const json_t *json, const char *first, const char *second)
{
    const json_t *value = json_object_get(json, first);

    return json_string_value(second != NULL ? json_object_get(value, second) : value);
}

static void expect_alert(const json_t *notification, unsigned number)
{
    const struct vd_uuid uuid = test_uuid(number);
    char expected[VD_UUID_TEXT_SIZE];

    vd_uuid_format(&uuid, expected);
    assert_string_equal(text_at(notification, "alert", "id"), expected);
}

/* The member of the sink in both lists. */
static json_t *sink_member(struct fixture *f, const char *name, const char *member)
{
    json_t *lists[2] = {NULL, vd_notifier_json(f->notifier)};
    json_t *found = NULL;

    assert_int_equal(vd_sinks_list(f->store, &lists[0]), VD_OK);
    for (int list = 0; list < 2; list++) {
        for (size_t i = 0; i < json_array_size(lists[list]); i++) {
            json_t *sink = json_array_get(lists[list], i);

            if (found == NULL && strcmp(text_at(sink, "name", NULL), name) == 0) {
                found = json_incref(json_object_get(sink, member));
            }
        }
        json_decref(lists[list]);
    }
    return found;
}

static void await_number(struct fixture *f, const char *sink, const char *member, json_int_t number)
{
    const int64_t until_ms = vd_clock_monotonic_ms() + WAIT_MS;
    json_int_t value = -1;

    while (value != number) {
        json_t *json = sink_member(f, sink, member);

        value = json_integer_value(json);
        json_decref(json);
        assert_true(vd_clock_monotonic_ms() < until_ms);
        nap();
    }
}

static void await_state(struct fixture *f, const char *sink, const char *expected)
{
    const int64_t until_ms = vd_clock_monotonic_ms() + WAIT_MS;
    bool is_there = false;

    while (!is_there) {
        json_t *json = sink_member(f, sink, "state");

        is_there = json != NULL && strcmp(json_string_value(json), expected) == 0;
        json_decref(json);
        assert_true(vd_clock_monotonic_ms() < until_ms);
        nap();
    }
}

static void test_notify__nothing_is_lost_while_the_receiver_is_down(void **state)
{
    static const int statuses[] = {500, 429, 503};
    struct fixture *f = *state;
    unsigned sent = 0;

    add_webhook(f, "hook", f->certificate, "vedette");
    start(f);
    for (unsigned i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        const unsigned before = count_of(&requests);

        set_receiver(statuses[i], false);
        happen(f, sent, sent + 5);
        sent += 5;
        await(&requests, before + 3);
        await_state(f, "hook", "failing");
        set_receiver(200, false);
        await(&taken_count, sent);
        await_state(f, "hook", "working");
    }
    await_number(f, "hook", "waiting", 0);
    assert_int_equal(count_of(&taken_count), sent);
    for (unsigned i = 0; i < sent; i++) {
        expect_alert(taken[i], i);
        assert_string_equal(text_at(taken[i], "what", NULL), "raised");
        assert_true(json_is_null(json_object_get(taken[i], "possiblyRepeatOf")));
    }
}

static void test_notify__a_slow_receiver_holds_up_nobody(void **state)
{
    struct fixture *f = *state;
    int64_t began_ms;

    add_webhook(f, "slow", f->certificate, "vedette");
    add_file(f);
    start(f);
    set_receiver(200, true);
    happen(f, 0, 4);
    await_number(f, "file", "delivered", 4);
    await(&requests, 1);
    assert_int_equal(count_of(&taken_count), 0);
    began_ms = vd_clock_monotonic_ms();
    stop(f);
    assert_in_range(vd_clock_monotonic_ms() - began_ms, 0, 5000); /* a request may take 30 s */
}

static void test_notify__what_is_refused_becomes_a_dead_letter_and_comes_by_replay(void **state)
{
    struct fixture *f = *state;
    json_t *letters = NULL;
    const json_t *letter;

    add_webhook(f, "hook", f->certificate, "vedette");
    start(f);
    set_receiver(400, false);
    happen(f, 0, 2);
    await_number(f, "hook", "dead", 2);
    assert_int_equal(count_of(&requests), 2 * fast.refusals_max);
    set_receiver(200, false);
    happen(f, 2, 3);
    await(&taken_count, 1);
    assert_int_equal(vd_sinks_dead_list(f->store, 0, 10, &letters), VD_OK);
    letter = json_array_get(letters, 1);
    assert_string_equal(text_at(letter, "reason", NULL), "the receiver answered 400");
    assert_int_equal(
        vd_sinks_dead_replay(f->store, json_integer_value(json_object_get(letter, "number"))),
        VD_OK);
    json_decref(letters);
    await(&taken_count, 2);
    expect_alert(taken[0], 2);
    expect_alert(taken[1], 0);
    await_number(f, "hook", "dead", 1);
}

/* Another certificate than the one that is trusted: not a byte of an alert goes there, and no secret is said. */
static void test_notify__the_receiver_is_verified(void **state)
{
    struct fixture *f = *state;
    json_t *error;

    add_webhook(f, "hook", f->other_certificate, "vedette");
    start(f);
    happen(f, 0, 1);
    await_state(f, "hook", "failing");
    error = sink_member(f, "hook", "lastError");
    assert_non_null(json_string_value(error));
    assert_null(strstr(json_string_value(error), "hidden"));
    json_decref(error);
    assert_int_equal(count_of(&requests), 0);
}

/* The right authority, another name. */
static void test_notify__the_receiver_has_the_name_of_the_url(void **state)
{
    struct fixture *f = *state;

    snprintf(f->url, sizeof f->url, "https://127.0.0.1:%u/in", vd_http_port(f->receiver));
    add_webhook(f, "hook", f->certificate, "vedette");
    start(f);
    happen(f, 0, 1);
    await_state(f, "hook", "failing");
    assert_int_equal(count_of(&requests), 0);
}

static void test_notify__a_sink_that_is_made_anew_has_its_new_settings(void **state)
{
    struct fixture *f = *state;

    add_webhook(f, "hook", f->other_certificate, "vedette");
    start(f);
    happen(f, 0, 1);
    await_state(f, "hook", "failing");
    assert_int_equal(vd_sinks_remove(f->store, "hook"), VD_OK);
    add_webhook(f, "hook", f->certificate, "vedette");
    happen(f, 1, 2);
    await(&taken_count, 1);
    expect_alert(taken[0], 1);
}

static void expect_required(const json_t *finding)
{
    static const char *const required[] = {"activity_id", "category_uid", "class_uid",
        "finding_info", "metadata", "severity_id", "time", "type_uid"};

    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++) {
        assert_non_null(json_object_get(finding, required[i]));
    }
}

static void test_notify__ocsf(void **state)
{
    struct fixture *f = *state;
    const json_t *finding;

    add_webhook(f, "hook", f->certificate, "ocsf");
    start(f);
    happen(f, 2, 3);
    await(&taken_count, 1);
    finding = taken[0];
    expect_required(finding);
    assert_int_equal(json_integer_value(json_object_get(finding, "class_uid")), 2004);
    assert_int_equal(json_integer_value(json_object_get(finding, "type_uid")), 200401);
    assert_int_equal(json_integer_value(json_object_get(finding, "severity_id")), 4);
    assert_int_equal(json_integer_value(json_object_get(finding, "status_id")), 1);
    assert_int_equal(json_integer_value(json_object_get(finding, "time")), TEST_ALERT_MS);
    assert_string_equal(text_at(finding, "metadata", "version"), VD_OCSF_VERSION);
    assert_string_equal(text_at(finding, "metadata", "uid"), ids[0]);
    assert_string_equal(text_at(finding, "finding_info", "title"), "Suspicious address");
    assert_string_equal(
        text_at(json_array_get(json_object_get(finding, "resources"), 0), "uid", NULL), "lamp");
}

/* ---- Kills ---- */

/* The sender in a process of its own. */
static pid_t start_process(struct fixture *f)
{
    const pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        open_store(f);
        if (vd_notifier_start(f->store, &fast, &f->notifier) == VD_OK) {
            for (;;) {
                pause();
            }
        }
        _exit(1);
    }
    return pid;
}

static void kill_process(pid_t pid)
{
    int code = 0;

    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &code, 0), pid);
    assert_true(WIFSIGNALED(code));
}

/* Whole lines of the file; `check` looks at them too. */
static unsigned count_lines(const char *path, bool check)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t size = 0;
    unsigned count = 0;
    ssize_t length;

    while (file != NULL && (length = getline(&line, &size, file)) > 0 && line[length - 1] == '\n') {
        if (check) {
            json_t *notification = json_loads(line, 0, NULL);

            assert_non_null(notification);
            expect_alert(notification, count);
            json_decref(notification);
        }
        count++;
    }
    free(line);
    if (file != NULL) {
        fclose(file);
    }
    return count;
}

#define KILL_ROUNDS      12
#define KILL_ROUND_LINES 6

static void test_notify__a_file_has_each_once_over_kills(void **state)
{
    struct fixture *f = *state;
    const unsigned all = KILL_ROUNDS * KILL_ROUND_LINES;
    pid_t pid;

    add_file(f);
    happen(f, 0, all);
    vd_alert_store_close(f->store);
    f->store = NULL;
    for (unsigned round = 1; round <= KILL_ROUNDS; round++) {
        const int64_t until_ms = vd_clock_monotonic_ms() + WAIT_MS;

        pid = start_process(f);
        while (count_lines(f->file, false) < round * KILL_ROUND_LINES) {
            assert_true(vd_clock_monotonic_ms() < until_ms);
        }
        kill_process(pid);
    }
    open_store(f);
    start(f);
    await_number(f, "file", "waiting", 0);
    assert_int_equal(count_lines(f->file, true), all);
}

static void test_notify__no_id_is_sent_again_after_a_kill(void **state)
{
    struct fixture *f = *state;

    add_webhook(f, "hook", f->certificate, "vedette");
    happen(f, 0, 3);
    vd_alert_store_close(f->store);
    f->store = NULL;
    set_receiver(200, true);
    for (unsigned round = 1; round <= 3; round++) {
        pid_t pid = start_process(f);

        await(&requests, round);
        kill_process(pid);
    }
    set_receiver(200, false);
    await(&taken_count, 3); /* what the receiver took, though nobody heard of it */
    open_store(f);
    start(f);
    await_number(f, "hook", "waiting", 0);
    for (unsigned i = 0; i < requests; i++) {
        for (unsigned other = 0; other < i; other++) {
            assert_string_not_equal(ids[i], ids[other]);
        }
    }
    assert_int_equal(taken_count, 6);
    expect_alert(taken[3], 0);
    assert_string_equal(text_at(taken[3], "possiblyRepeatOf", NULL), ids[2]);
    expect_alert(taken[4], 1);
    assert_true(json_is_null(json_object_get(taken[4], "possiblyRepeatOf")));
}

/* ---- Files and settings ---- */

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void test_notify__a_file_of_somebody_else_is_kept(void **state)
{
    struct fixture *f = *state;
    struct vd_buf text = {0};

    write_text(f->file, "{\"whole\":1}\nnot ours");
    add_file(f);
    start(f);
    happen(f, 0, 1);
    await_state(f, "file", "failing");
    test_read_file(f->file, &text);
    assert_memory_equal(text.data, "{\"whole\":1}\nnot ours", text.length);
    vd_buf_release(&text);
    write_text(f->file, "{\"whole\":1}\n{\"id\":\"torn");
    await_number(f, "file", "delivered", 1);
    test_read_file(f->file, &text);
    vd_buf_append(&text, "", 1);
    assert_null(strstr((const char *)text.data, "torn"));
    assert_non_null(strstr((const char *)text.data, "{\"whole\":1}\n{\"id\":"));
    vd_buf_release(&text);
}

static void expect_problem(const char *kind, json_t *settings, const char *secret, const char *text)
{
    struct vd_notify_sink *sink = NULL;
    char problem[160] = "";

    assert_int_equal(
        vd_notify_sink_new(kind, settings, vd_str_from(secret), &sink, problem), VD_E_INVALID);
    assert_non_null(strstr(problem, text));
    json_decref(settings);
}

static void test_notify__settings_are_checked(void **state)
{
    (void)state;
    expect_problem("pigeon", json_object(), "", "kind is");
    expect_problem("webhook", json_object(), "", "url is");
    expect_problem("webhook", json_pack("{s:s}", "url", "ftp://example.com/"), "", "url is");
    expect_problem(
        "webhook", json_pack("{s:s}", "url", "https://example.com/"), "whsec_%%%", "base64");
    expect_problem("file", json_object(), "", "path is");
    expect_problem("file", json_pack("{s:s}", "path", "relative"), "", "path is");
    expect_problem("file", json_pack("{s:s}", "path", "/tmp/x"), "secret", "no secret");
    expect_problem("file", json_pack("{s:s, s:s}", "path", "/x", "format", "xml"), "", "format is");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_notify__##name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_lost_while_the_receiver_is_down),
        TEST(a_slow_receiver_holds_up_nobody),
        TEST(what_is_refused_becomes_a_dead_letter_and_comes_by_replay),
        TEST(the_receiver_is_verified),
        TEST(the_receiver_has_the_name_of_the_url),
        TEST(a_sink_that_is_made_anew_has_its_new_settings),
        TEST(ocsf),
        TEST(a_file_has_each_once_over_kills),
        TEST(no_id_is_sent_again_after_a_kill),
        TEST(a_file_of_somebody_else_is_kept),
        cmocka_unit_test(test_notify__settings_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
