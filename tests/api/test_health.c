/* SPDX-License-Identifier: MIT */
/* The judge of health on facts that are made, the faces that tell it, and a server all of whose workers are busy. */

#include <curl/curl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/api.h"
#include "api/health.h"
#include "lib/clock.h"

#define NOW     1000000000LL
#define ONE(id) ((vd_health_reasons)1 << VD_HEALTH_##id)

/* Of a service that does well. */
static struct vd_health_facts well(void)
{
    return (struct vd_health_facts){
        .taken_ms = NOW,
        .hub_ms = NOW,
        .committer_ms = NOW,
        .center_ms = NOW,
        .https_ms = NOW,
        .local_ms = NOW,
        .free_bytes = VD_HEALTH_FREE_MIN_BYTES,
        .free_files = VD_HEALTH_FREE_MIN_FILES,
        .behind = VD_HEALTH_BEHIND_MAX,
        .utc_ms = NOW,
        .certificate = {.from_ms = NOW, .until_ms = NOW + 1},
        .audit_passes = 1,
    };
}

static void expect(const struct vd_health_facts *facts, vd_health_reasons reasons)
{
    const vd_health_reasons got = vd_health_judge(facts, NOW);

    if (got != reasons) {
        fail_msg("%x and not %x", (unsigned)got, (unsigned)reasons);
    }
}

/* Each beat at its bound, and a millisecond beyond it. */
static void test_health__beats_grow_old(void **state)
{
    static const struct {
        size_t offset;
        int64_t bound_ms;
        vd_health_reasons reason;
    } beats[] = {
        {offsetof(struct vd_health_facts, hub_ms), VD_HEALTH_LOOP_MS, ONE(HUB)},
        {offsetof(struct vd_health_facts, committer_ms), VD_HEALTH_COMMITTER_MS, ONE(COMMITTER)},
        {offsetof(struct vd_health_facts, center_ms), VD_HEALTH_CENTER_MS, ONE(CENTER)},
        {offsetof(struct vd_health_facts, https_ms), VD_HEALTH_LOOP_MS, ONE(HTTPS)},
        {offsetof(struct vd_health_facts, local_ms), VD_HEALTH_LOOP_MS, ONE(LOCAL)},
        {offsetof(struct vd_health_facts, taken_ms), VD_HEALTH_PROBER_MS, ONE(PROBER)},
        {offsetof(struct vd_health_facts, waiting_since_ms), VD_HEALTH_WAITING_MS, ONE(WORKERS)},
    };

    (void)state;
    for (size_t i = 0; i < sizeof beats / sizeof beats[0]; i++) {
        struct vd_health_facts facts = well();
        int64_t *beat_ms = (int64_t *)(void *)((char *)&facts + beats[i].offset);

        *beat_ms = NOW - beats[i].bound_ms;
        expect(&facts, 0);
        *beat_ms = NOW - beats[i].bound_ms - 1;
        expect(&facts, beats[i].reason);
        assert_int_equal(vd_health_is_live(beats[i].reason), beats[i].reason == ONE(WORKERS));
    }
}

/* What does not run cannot be stuck; what was not looked at for long is not judged anew. */
static void test_health__absent_and_unseen(void **state)
{
    struct vd_health_facts facts = well();

    (void)state;
    facts.https_ms = 0;
    facts.hub_ms = 0;
    facts.committer_ms = 0;
    facts.certificate = (struct vd_health_certificate){0};
    expect(&facts, 0);
    facts = well();
    facts.taken_ms = facts.hub_ms = facts.center_ms = facts.local_ms = NOW - 3600000;
    facts.committer_ms = facts.https_ms = NOW - 3600000;
    expect(&facts, ONE(PROBER));
}

static void test_health__each_reason_alone(void **state)
{
    struct vd_health_facts facts = well();

    (void)state;
    expect(&facts, 0);
#define CASE(change, id)     \
    facts = well();          \
    facts.change;            \
    expect(&facts, ONE(id)); \
    assert_true(vd_health_is_live(ONE(id)))
    CASE(taken_ms = 0, STARTING);
    CASE(is_stopping = true, STOPPING);
    CASE(log_is_unwritable = true, LOG);
    CASE(state_is_unwritable = true, STATE);
    CASE(center_is_stalled = true, STALLED);
    CASE(behind++, BEHIND);
    CASE(folder_is_unwritable = true, FOLDER);
    CASE(store_is_damaged = true, DAMAGE);
    CASE(free_bytes--, DISK);
    CASE(free_files--, DISK);
    CASE(utc_ms = NOW + 1, CERTIFICATE);
    CASE(utc_ms = NOW - 1, EARLY);
    CASE(certificate.is_misnamed = true, NAME);
    CASE(audit_problems = 1, AUDIT);
    CASE(audit_passes = 0, AUDIT_PENDING);
#undef CASE
}

/* ---- Faces ---- */

static struct vd_health health;
static const struct vd_api nothing; /* no part of a service */

static int set_up(void **state)
{
    (void)state;
    vd_health_init(&health);
    health.api = &nothing;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    vd_health_release(&health);
    return 0;
}

/* The answer as text, the caller's to free. */
static char *ask(const char *method, const char *path, int *status)
{
    const struct vd_http_face face = vd_health_face(&health);
    const struct vd_http_request request = {.method = method, .path = path, .query = ""};
    struct vd_http_answer answer = {.status = 500};
    char *text;

    assert_true(face.is_prompt);
    assert_true(face.takes(path));
    face.call(face.context, &request, &answer);
    *status = answer.status;
    text = answer.body != NULL ? json_dumps(answer.body, JSON_COMPACT) : NULL;
    json_decref(answer.body);
    return text;
}

static void expect_answer(const char *path, int status, const char *text)
{
    int got = 0;
    char *answer = ask("GET", path, &got);

    assert_int_equal(got, status);
    assert_string_equal(answer, text);
    free(answer);
}

static void test_health__faces(void **state)
{
    const struct vd_http_face face = vd_health_face(&health);
    const struct vd_health_certificate unfit = {.until_ms = 1, .is_misnamed = true};
    int status = 0;

    (void)state;
    expect_answer("/healthz", 200, "{\"status\":\"ok\",\"reasons\":[]}");
    expect_answer("/readyz", 503, "{\"status\":\"failed\",\"reasons\":[\"starting\"]}");
    vd_health_probe(&health);
    expect_answer("/readyz", 200, "{\"status\":\"ok\",\"reasons\":[]}");
    vd_health_set_certificate(&health, &unfit);
    health.facts.hub_ms = health.facts.taken_ms - VD_HEALTH_LOOP_MS - 1;
    expect_answer("/healthz", 503, "{\"status\":\"failed\",\"reasons\":[\"hub-stuck\"]}");
    expect_answer("/readyz", 503,
        "{\"status\":\"failed\",\"reasons\":[\"hub-stuck\",\"certificate-expired\","
        "\"certificate-wrong-name\"]}");
    assert_null(ask("POST", "/readyz", &status));
    assert_int_equal(status, 405);
    vd_health_set_stopping(&health);
    vd_health_probe(&health);
    expect_answer("/healthz", 200, "{\"status\":\"ok\",\"reasons\":[]}");
    expect_answer("/readyz", 503, "{\"status\":\"failed\",\"reasons\":[\"stopping\"]}");
    assert_false(face.takes("/healthz/"));
    assert_false(face.takes("/"));
}

/* An operator finds each reason in the page about operation, and none that is not. */
static void test_health__reasons_are_documented(void **state)
{
    static char page[65536];
    FILE *file = fopen(VD_SOURCE_DIR "/docs/operate.md", "r");
    size_t rows = 0;

    (void)state;
    assert_non_null(file);
    assert_true(fread(page, 1, sizeof page - 1, file) > 0);
    fclose(file);
    for (unsigned i = 0; i < VD_HEALTH_REASON_COUNT; i++) {
        char row[160];

        snprintf(row, sizeof row, "| `%s` | %s |", vd_health_reason_rows[i].code,
            vd_health_reason_rows[i].is_life ? "life" : "readiness");
        if (strstr(page, row) == NULL) {
            fail_msg("docs/operate.md lacks: %s", row);
        }
    }
    for (const char *at = page; (at = strstr(at, "` | life |")) != NULL; at++) {
        rows++;
    }
    for (const char *at = page; (at = strstr(at, "` | readiness |")) != NULL; at++) {
        rows++;
    }
    assert_int_equal(rows, VD_HEALTH_REASON_COUNT);
}

/* ---- A server ---- */

static atomic_bool is_held;
static atomic_int held;

static void hold(
    void *context, const struct vd_http_request *request, struct vd_http_answer *answer)
{
    (void)context;
    (void)request;
    atomic_fetch_add(&held, 1);
    while (atomic_load(&is_held)) {
        usleep(1000);
    }
    answer->status = 204;
}

static void refuse(int status, struct vd_http_answer *answer)
{
    answer->status = status;
}

struct client {
    const char *socket_path;
    const char *path;
    const char *body; /* NULL: GET without one */
    long status;
};

static size_t drop(char *data, size_t size, size_t count, void *context)
{
    (void)data;
    (void)context;
    return size * count;
}

static void *client_main(void *argument)
{
    struct client *client = argument;
    CURL *curl = curl_easy_init();
    char url[64];

    snprintf(url, sizeof url, "http://localhost%s", client->path);
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, client->socket_path);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
    if (client->body != NULL) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, client->body);
    }
    if (curl_easy_perform(curl) == CURLE_OK) {
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &client->status);
    }
    curl_easy_cleanup(curl);
    return NULL;
}

/* The loop answers while the only worker is held, and another request waits; both are seen. */
static void test_health__answers_while_workers_are_busy(void **state)
{
    const struct vd_http_face faces[] = {
        vd_health_face(&health), {.prefix = "/hold", .call = hold, .refuse = refuse}};
    char folder[] = "/tmp/vedette-health-XXXXXX";
    char path[64];
    struct client slow[2];
    struct client prompt = {path, "/readyz", NULL, 0};
    struct vd_http_config config = {
        .unix_path = path, .workers = 1, .faces = faces, .face_count = 2};
    struct vd_http_beats beats = {0, 0};
    pthread_t threads[2];
    char reason[128] = "";
    int64_t first_ms;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/s", folder);
    assert_int_equal(vd_http_start(&config, &health.local, reason, sizeof reason), VD_OK);
    atomic_store(&is_held, true);
    for (int i = 0; i < 2; i++) {
        slow[i] = (struct client){path, "/hold", NULL, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, client_main, &slow[i]), 0);
    }
    while (atomic_load(&held) == 0) {
        usleep(1000);
    }
    do {
        vd_http_beats_get(health.local, &beats);
        usleep(1000);
    } while (beats.waiting_since_ms == 0);
    vd_health_probe(&health);
    client_main(&prompt);
    assert_int_equal(prompt.status, 200);
    prompt.body = "x";
    client_main(&prompt);
    assert_int_equal(prompt.status, 405);
    assert_int_equal(health.facts.waiting_since_ms, beats.waiting_since_ms);
    first_ms = beats.loop_ms;
    assert_true(first_ms > 0);
    while (beats.loop_ms == first_ms) {
        vd_http_beats_get(health.local, &beats);
        usleep(1000);
    }
    atomic_store(&is_held, false);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(slow[i].status, 204);
    }
    assert_true(vd_http_stop(health.local, 10000));
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_health__beats_grow_old),
        cmocka_unit_test(test_health__absent_and_unseen),
        cmocka_unit_test(test_health__each_reason_alone),
        cmocka_unit_test_setup_teardown(test_health__faces, set_up, tear_down),
        cmocka_unit_test(test_health__reasons_are_documented),
        cmocka_unit_test_setup_teardown(
            test_health__answers_while_workers_are_busy, set_up, tear_down),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
