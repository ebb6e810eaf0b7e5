/* SPDX-License-Identifier: MIT */
/* Feeds with a URL: conditional requests, servers that fail in every way, credentials, and the thread. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "center/store/sinks.h"
#include "lib/clock.h"
#include "tests/center/feed_fixture.h"
#include "tests/center/message.h"

/* ---- Plain URLs ---- */

static void test_fetch__conditional(void **state)
{
    struct feed_fixture *f = *state;
    int64_t generation;

    feed_must_put(f, "{\"url\":\"%s/a\",\"intervalMinutes\":10}", NULL);
    assert_false(feed_matches(f, "192.0.2.1"));
    feed_server_answer(&f->server,
        OK("ETag: \"one\"\r\nLast-Modified: Sat, 28 Nov 2026 05:00:00 GMT\r\n", "192.0.2.1\n"));
    feed_fetch(f);
    feed_expect_error(f, NULL);
    feed_expect_source(f, "etag", "\"one\"");
    feed_expect_wait(f, 10 * MINUTE, 11 * MINUTE);
    assert_true(feed_matches(f, "192.0.2.1"));
    assert_true(feed_server_got(&f->server, 0, "GET /a HTTP/1.1\r\n"));
    assert_false(feed_server_got(&f->server, 0, "If-"));
    generation = feed_generation(f);
    feed_server_answer(&f->server, STATUS("304 Not Modified", "ETag: \"two\"\r\n"));
    feed_fetch(f);
    feed_expect_error(f, NULL);
    feed_expect_source(f, "etag", "\"two\"");
    feed_expect_source(f, "lastModified", "Sat, 28 Nov 2026 05:00:00 GMT");
    assert_true(feed_server_got(&f->server, 1, "If-None-Match: \"one\"\r\n"));
    assert_true(
        feed_server_got(&f->server, 1, "If-Modified-Since: Sat, 28 Nov 2026 05:00:00 GMT\r\n"));
    assert_int_equal(feed_generation(f), generation);
    assert_true(feed_matches(f, "192.0.2.1"));
    /* The same text once more is no change either. */
    feed_server_answer(&f->server, OK("", "192.0.2.1\n"));
    feed_fetch(f);
    assert_int_equal(feed_generation(f), generation);
    feed_expect_source(f, "etag", "");
    feed_server_answer(&f->server, OK("", "192.0.2.2\n"));
    feed_fetch(f);
    assert_int_equal(feed_generation(f), generation + 1);
    assert_true(feed_matches(f, "192.0.2.2"));
    assert_false(feed_matches(f, "192.0.2.1"));
}

/* Whatever a server does, the feed keeps what it had, says why, and comes again later. */
static void test_fetch__failures(void **state)
{
    static const struct {
        const char *answer;
        const char *error;
        int64_t wait_min_ms;
        int64_t wait_max_ms;
    } cases[] = {
        {STATUS("500 Oops", ""), "the server answered 500", MINUTE / 2, MINUTE},
        {STATUS("404 Gone", ""), "the server answered 404", MINUTE / 2, MINUTE},
        {STATUS("429 Slowly", "Retry-After: 7200\r\n"), "the server answered 429", 120 * MINUTE,
            120 * MINUTE},
        {STATUS("503 Later", "Retry-After: 999999999\r\n"), "the server answered 503", VD_DAY_MS,
            VD_DAY_MS},
        {STATUS("429 Soon", "Retry-After: 1\r\n"), "the server answered 429", MINUTE / 2, MINUTE},
        {STATUS("204 Nothing", ""), "the server answered 204", MINUTE / 2, MINUTE},
        {OK("Content-Length: 100\r\n", "192.0.2.9\n"), ANY, MINUTE / 2, MINUTE},
        {OK("Transfer-Encoding: chunked\r\n", "a\r\n192.0.2.9\n\r\n"), ANY, MINUTE / 2, MINUTE},
        {OK("Content-Length: 536870913\r\n", "192.0.2.9\n"),
            "the answer is longer than 536870912 bytes", MINUTE / 2, MINUTE},
        {OK("ETag: \"login\"\r\nContent-Type: text/html\r\n", "<html>\n<p>Log in</p>\n"),
            "line 1: not an address or CIDR range", MINUTE / 2, MINUTE},
        {OK("", ""), "the answer is empty", MINUTE / 2, MINUTE},
        {STATUS("302 Found", "Location: http://127.0.0.1:1/b\r\n"),
            "it is redirected to what is not https", MINUTE / 2, MINUTE},
        {STATUS("301 Moved", "Location: file:///etc/passwd\r\n"),
            "it is redirected to what is not https", MINUTE / 2, MINUTE},
        {"nonsense\r\n\r\n", ANY, MINUTE / 2, MINUTE},
    };
    struct feed_fixture *f = *state;
    int64_t generation;

    feed_must_put(f, "{\"url\":\"%s/?key=secret\"}", NULL);
    feed_server_answer(&f->server, STATUS("304 Not Modified", ""));
    feed_fetch(f);
    feed_expect_error(f, "the server answered 304"); /* nobody asked for that */
    feed_server_answer(&f->server, OK("ETag: \"one\"\r\n", "192.0.2.1\n"));
    feed_fetch(f);
    generation = feed_generation(f);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        feed_server_clear(&f->server);
        feed_server_answer(&f->server, cases[i].answer);
        feed_fetch(f);
        feed_expect_error(f, cases[i].error);
        feed_expect_wait(f, cases[i].wait_min_ms, cases[i].wait_max_ms);
        feed_expect_source(f, "etag", "\"one\"");
        assert_int_equal(feed_generation(f), generation);
        feed_server_answer(&f->server, STATUS("304 Not Modified", ""));
        feed_fetch(f);
        feed_expect_error(f, NULL);
        assert_true(feed_server_got(&f->server, 1, "If-None-Match: \"one\""));
    }
    assert_true(feed_matches(f, "192.0.2.1"));
    feed_server_stop(&f->server);
    feed_fetch(f);
    feed_expect_error(f, ANY);
    feed_server_start(&f->server);
}

static void test_fetch__backs_off(void **state)
{
    struct feed_fixture *f = *state;
    int64_t most = MINUTE;

    feed_must_put(f, "{\"url\":\"%s\",\"intervalMinutes\":1}", NULL);
    feed_server_answer(&f->server, STATUS("500 Oops", ""));
    for (int i = 0; i < 9; i++) {
        feed_fetch(f);
        feed_expect_wait(f, most / 2, most);
        most = most * 2 < 60 * MINUTE ? most * 2 : 60 * MINUTE;
    }
    assert_int_equal(most, 60 * MINUTE);
    feed_server_answer(&f->server, OK("", "192.0.2.1\n"));
    feed_fetch(f);
    feed_expect_wait(f, MINUTE, MINUTE + MINUTE / 10);
    feed_server_answer(&f->server, STATUS("500 Oops", ""));
    feed_fetch(f);
    feed_expect_wait(f, MINUTE / 2, MINUTE);
}

static void test_fetch__slow_server(void **state)
{
    static const struct vd_feed_rhythm hasty = {200, MINUTE, MINUTE};
    struct feed_fixture *f = *state;
    const int64_t start_ms = vd_clock_monotonic_ms();

    feed_must_put(f, "{\"url\":\"%s\"}", NULL);
    feed_server_answer(&f->server, FEED_SERVER_HANGS);
    assert_int_equal(vd_feed_fetch_now(f->store, f->get, &hasty, "f"), VD_OK);
    feed_expect_error(f, ANY);
    assert_in_range(vd_clock_monotonic_ms() - start_ms, 200, 20000);
}

/* ---- Settings and credentials ---- */

static void test_fetch__refused_settings(void **state)
{
    static const struct {
        const char *settings;
        const char *credential;
        const char *problem;
    } cases[] = {
        {"{\"url\":\"ftp://127.0.0.1/x\"}", NULL, "url: is to be a URL of https"},
        {"{\"url\":\"x\\u0001y\"}", NULL, "url: is to be a URL of https"},
        {"{\"url\":\"http://192.0.2.1/x\"}", NULL,
            "url: is to be of https, unless http is allowed for it"},
        {"{\"url\":\"http://127.0.0.1.example.org/\"}", NULL,
            "url: is to be of https, unless http is allowed for it"},
        {"{\"url\":\"https://a:b@example.org/\"}", NULL,
            "url: is to be without user and password: give them as a credential"},
        {"{\"url\":\"%s\",\"file\":\"/x\"}", NULL, "url: a feed has one of file, url and taxii"},
        {"{\"url\":\"%s\",\"taxii\":\"https://example.org/\"}", NULL,
            "taxii: a feed has one of file, url and taxii"},
        {"{\"taxii\":\"%s/?a\"}", NULL, "taxii: is to be without ? and #"},
        {"{\"taxii\":\"%s\",\"format\":\"csv\"}", NULL, "format: is stix with TAXII"},
        {"{\"url\":\"%s\",\"intervalMinutes\":0}", NULL,
            "intervalMinutes: is to be a number of 1 to 10080"},
        {"{\"url\":\"%s\",\"caFile\":\"x\"}", NULL, "caFile: is to be a path that begins with /"},
        {"{\"url\":\"%s\",\"allowHttp\":1}", NULL, "allowHttp: is to be true or false"},
        {"{}", "{\"kind\":\"bearer\",\"secret\":\"x\"}", "credential: only a URL has one"},
        {"{\"url\":\"%s\"}", "{\"kind\":\"none\",\"secret\":\"x\"}",
            "credential: kind is to be basic, bearer or header"},
        {"{\"url\":\"%s\"}", "{\"kind\":\"bearer\",\"secret\":\"\"}",
            "credential: secret is to be text of 1 to 1024 bytes on one line"},
        {"{\"url\":\"%s\"}", "{\"kind\":\"bearer\",\"secret\":\"a\\r\\nb\"}",
            "credential: secret is to be text of 1 to 1024 bytes on one line"},
        {"{\"url\":\"%s\"}", "{\"kind\":\"basic\",\"secret\":\"user\"}",
            "credential: secret is to be user:password"},
        {"{\"url\":\"%s\"}", "{\"kind\":\"header\",\"secret\":\"two words: x\"}",
            "credential: secret is to be Name: value"},
    };
    struct feed_fixture *f = *state;
    char problem[VD_FEED_PROBLEM_SIZE];
    json_t *feeds = NULL;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(
            feed_put(f, cases[i].settings, cases[i].credential, problem), VD_E_INVALID);
        assert_string_equal(problem, cases[i].problem);
    }
    feed_must_put(f, "{\"url\":\"http://192.0.2.1/x\",\"allowHttp\":true}", NULL);
    assert_int_equal(vd_feeds_remove(f->store, "f"), VD_OK);
    assert_int_equal(vd_feeds_list(f->store, NULL, &feeds), VD_OK);
    assert_int_equal(json_array_size(feeds), 0);
    json_decref(feeds);
    assert_int_equal(vd_feed_fetch_now(f->store, f->get, &feed_rhythm, "f"), VD_E_NOT_FOUND);
}

static void test_fetch__credentials(void **state)
{
    static const struct {
        const char *kind;
        const char *secret;
        const char *header;
    } cases[] = {
        {"basic", "user:S3cret", "Authorization: Basic dXNlcjpTM2NyZXQ=\r\n"},
        {"bearer", "S3cret", "Authorization: Bearer S3cret\r\n"},
        {"header", "X-Api-Key: S3cret", "X-Api-Key: S3cret\r\n"},
    };
    struct feed_fixture *f = *state;
    char problem[VD_FEED_PROBLEM_SIZE];

    feed_server_answer(&f->server, OK("ETag: \"one\"\r\n", "192.0.2.1\n"));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char credential[200];
        char *shown;
        json_t *feed;

        snprintf(credential, sizeof credential, "{\"kind\":\"%s\",\"secret\":\"%s\"}",
            cases[i].kind, cases[i].secret);
        feed_must_put(f, "{\"url\":\"%s\"}", credential);
        feed_expect_source(f, "etag", "");
        feed_fetch(f);
        assert_true(feed_server_got(&f->server, i, cases[i].header));
        feed_expect_source(f, "credential", cases[i].kind);
        feed = feed_read(f);
        shown = json_dumps(feed, 0);
        assert_null(strstr(shown, "S3cret"));
        free(shown);
        json_decref(feed);
    }
    /* It stays when other settings are put, and goes to no other server. */
    feed_must_put(f, "{\"url\":\"%s\",\"severity\":\"High\"}", NULL);
    feed_expect_source(f, "credential", "header");
    assert_int_equal(feed_put(f, "{\"url\":\"https://example.org\"}", NULL, problem), VD_E_INVALID);
    assert_string_equal(
        problem, "credential: it is of another server; give it again, or take it away");
    feed_must_put(f, "{\"url\":\"%s\"}", "null");
    feed_fetch(f);
    assert_false(feed_server_got(&f->server, 3, "S3cret"));
    feed_expect_source(f, "credential", "");
}

static bool file_has(const char *path, const char *text)
{
    struct vd_buf bytes = {0};
    bool has;

    test_read_file(path, &bytes);
    has = memmem(bytes.data, bytes.length, text, strlen(text)) != NULL;
    vd_buf_release(&bytes);
    return has;
}

static void test_fetch__sealed(void **state)
{
    static const uint8_t other[VD_MASTER_KEY_BYTES] = {8};
    struct feed_fixture *f = *state;
    char wal[700];

    feed_must_put(
        f, "{\"url\":\"%s/path-in-the-clear\"}", "{\"kind\":\"bearer\",\"secret\":\"S3cret\"}");
    snprintf(wal, sizeof wal, "%s-wal", f->path);
    assert_true(file_has(wal, "path-in-the-clear"));
    assert_false(file_has(wal, "S3cret"));
    assert_false(file_has(f->path, "S3cret"));
    vd_sinks_set_key(f->store, other);
    feed_fetch(f);
    feed_expect_error(f, "its credential was sealed with another master key: give it again");
    assert_int_equal(feed_server_requests(&f->server), 0);
}

/* What was fetched before tells nothing once it would come from elsewhere, or be read in another way. */
static void test_fetch__changed_settings(void **state)
{
    static const struct {
        const char *settings;
        bool is_other;
    } cases[] = {
        {"{\"url\":\"%s\",\"severity\":\"High\"}", false},
        {"{\"url\":\"%s\",\"intervalMinutes\":5}", false},
        {"{\"url\":\"%s/b\"}", true},
        {"{\"url\":\"%s\",\"format\":\"list\"}", true},
    };
    struct feed_fixture *f = *state;

    feed_server_answer(&f->server, OK("ETag: \"one\"\r\n", "192.0.2.1\n"));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        feed_must_put(f, "{\"url\":\"%s\"}", NULL);
        feed_fetch(f);
        feed_expect_source(f, "etag", "\"one\"");
        feed_must_put(f, cases[i].settings, NULL);
        feed_expect_source(f, "etag", cases[i].is_other ? "" : "\"one\"");
        feed_expect_source(f, "next", "");
        assert_true(feed_matches(f, "192.0.2.1"));
    }
    /* A text that cannot be of the new format goes, if it was another's. */
    feed_must_put(f, "{\"url\":\"%s/c\",\"format\":\"stix\"}", NULL);
    assert_false(feed_matches(f, "192.0.2.1"));
    feed_must_put(f, "{\"url\":\"%s\"}", NULL);
    feed_fetch(f);
    assert_true(feed_matches(f, "192.0.2.1"));
}

static void test_fetch__changed_meanwhile(void **state)
{
    struct feed_fixture *f = *state;
    struct vd_feed_fetch begun;
    struct vd_feed_report report;
    char problem[VD_FEED_PROBLEM_SIZE] = "";
    const struct vd_str text = VD_STR_LITERAL("192.0.2.66\n");
    const struct vd_feed_validators validators = {.etag = "\"old\""};
    const struct vd_feed_fetched fetched = {
        .text = &text, .validators = &validators, .now_ms = 1, .next_ms = 2};

    feed_must_put(f, "{\"url\":\"%s/a\"}", NULL);
    assert_int_equal(vd_feed_fetch_begin(f->store, "f", &begun), VD_OK);
    feed_must_put(f, "{\"url\":\"%s/b\"}", NULL);
    assert_int_equal(
        vd_feed_fetch_done(f->store, &begun, &fetched, &report, problem), VD_E_CHANGED);
    assert_int_equal(vd_feed_fetch_failed(f->store, &begun, &fetched, "x"), VD_E_CHANGED);
    assert_int_equal(vd_feeds_remove(f->store, "f"), VD_OK);
    assert_int_equal(
        vd_feed_fetch_done(f->store, &begun, &fetched, &report, problem), VD_E_CHANGED);
    vd_feed_fetch_release(&begun);
    assert_false(feed_matches(f, "192.0.2.66"));
}

/* ---- The thread ---- */

static void wait_for_request(struct feed_fixture *f, size_t count)
{
    const struct timespec step = {0, 10000000};
    const int64_t until_ms = vd_clock_monotonic_ms() + 20000;

    while (feed_server_requests(&f->server) < count) {
        assert_true(vd_clock_monotonic_ms() < until_ms);
        nanosleep(&step, NULL);
    }
}

static void test_fetcher__fetches_what_is_due(void **state)
{
    struct feed_fixture *f = *state;
    struct vd_feed_fetcher *fetcher = NULL;
    struct vd_feed_fetch begun;
    int64_t start_ms;

    assert_int_equal(vd_feed_fetcher_start(f->store, &feed_rhythm, &fetcher), VD_OK);
    feed_server_answer(&f->server, OK("", "192.0.2.1\n"));
    feed_must_put(f, "{\"url\":\"%s\"}", NULL);
    assert_true(vd_feeds_wait_fetched(f->store, "f", 20000));
    assert_true(feed_matches(f, "192.0.2.1"));
    assert_int_equal(feed_server_requests(&f->server), 1);
    feed_server_answer(&f->server, OK("", "192.0.2.2\n"));
    assert_int_equal(vd_feeds_ask_fetch(f->store, "f"), VD_OK);
    assert_true(vd_feeds_wait_fetched(f->store, "f", 20000));
    assert_true(feed_matches(f, "192.0.2.2"));
    assert_int_equal(vd_feeds_ask_fetch(f->store, "g"), VD_E_NOT_FOUND);
    /* A request under way does not hold up a stop. */
    feed_server_answer(&f->server, FEED_SERVER_HANGS);
    assert_int_equal(vd_feeds_ask_fetch(f->store, "f"), VD_OK);
    wait_for_request(f, 3);
    start_ms = vd_clock_monotonic_ms();
    vd_feed_fetcher_stop(fetcher);
    assert_true(vd_clock_monotonic_ms() - start_ms < feed_rhythm.timeout_ms - 1000);
    feed_expect_error(f, NULL);
    /* It did not end: that counts as a failure, so that one that the service did not survive is not repeated at once. */
    assert_int_equal(vd_feed_fetch_due(f->store, vd_clock_utc_ms(), &begun), VD_E_NOT_FOUND);
    assert_int_equal(vd_feed_fetch_due(f->store, vd_clock_utc_ms() + MINUTE, &begun), VD_OK);
    assert_int_equal(begun.failures, 1);
    vd_feed_fetch_release(&begun);
    assert_false(vd_feeds_wait_fetched(f->store, "f", 0));
    feed_expect_wait(f, MINUTE / 2, MINUTE);
}

/* Who asks while a fetch is under way is not served by that one. */
static void test_fetcher__asked_meanwhile(void **state)
{
    struct feed_fixture *f = *state;
    struct vd_feed_fetch begun;
    struct vd_feed_report report;
    char problem[VD_FEED_PROBLEM_SIZE] = "";
    const struct vd_str text = VD_STR_LITERAL("192.0.2.1\n");
    const struct vd_feed_validators validators = {0};
    const int64_t now_ms = vd_clock_utc_ms();
    const struct vd_feed_fetched fetched = {
        .text = &text, .validators = &validators, .now_ms = now_ms, .next_ms = now_ms + MINUTE};

    feed_must_put(f, "{\"url\":\"%s\"}", NULL);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(vd_feed_fetch_begin(f->store, "f", &begun), VD_OK);
        if (i < 2) {
            assert_int_equal(vd_feeds_ask_fetch(f->store, "f"), VD_OK);
        }
        if (i == 1) {
            assert_int_equal(vd_feed_fetch_failed(f->store, &begun, &fetched, "x"), VD_OK);
        } else {
            assert_int_equal(
                vd_feed_fetch_done(f->store, &begun, &fetched, &report, problem), VD_OK);
        }
        vd_feed_fetch_release(&begun);
        assert_int_equal(vd_feeds_wait_fetched(f->store, "f", 0), i == 2);
    }
    feed_expect_wait(f, MINUTE, MINUTE);
}

/* A feed with settings that this version does not take waits like any that fails, and holds up no other. */
static void test_fetcher__settings_of_another_version(void **state)
{
    struct feed_fixture *f = *state;
    struct vd_feed_fetch begun;
    sqlite3 *db = NULL;

    feed_must_put(f, "{\"url\":\"%s\"}", NULL);
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "UPDATE feeds SET settings = '{\"url\":\"ftp://a/\"}'", NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(vd_feed_fetch_now(f->store, f->get, &feed_rhythm, NULL), VD_OK);
    feed_expect_error(f, "url: is to be a URL of https");
    assert_int_equal(vd_feed_fetch_due(f->store, vd_clock_utc_ms(), &begun), VD_E_NOT_FOUND);
    assert_int_equal(feed_server_requests(&f->server), 0);
}

static void test_fetcher__leaves_what_is_off(void **state)
{
    struct feed_fixture *f = *state;
    struct vd_feed_fetch begun;
    json_t *feed;
    int64_t next_ms;

    feed_must_put(f, "{\"url\":\"%s\",\"enabled\":false}", NULL);
    assert_int_equal(vd_feed_fetch_due(f->store, vd_clock_utc_ms(), &begun), VD_E_NOT_FOUND);
    feed_must_put(f, "{\"url\":\"%s\"}", NULL);
    feed_server_answer(&f->server, OK("", "192.0.2.1\n"));
    feed_fetch(f);
    feed = feed_read(f);
    next_ms = feed_time(json_object_get(feed, "source"), "next");
    json_decref(feed);
    assert_int_equal(vd_feed_fetch_due(f->store, next_ms - 1, &begun), VD_E_NOT_FOUND);
    assert_int_equal(vd_feed_fetch_due(f->store, next_ms, &begun), VD_OK);
    vd_feed_fetch_release(&begun);
    /* The clock was set back by a year. */
    assert_int_equal(vd_feed_fetch_due(f->store, next_ms - 365 * VD_DAY_MS, &begun), VD_OK);
    vd_feed_fetch_release(&begun);
}

int main(void)
{
#define FETCH_TEST(test) cmocka_unit_test_setup_teardown(test, feed_setup, feed_teardown)
    const struct CMUnitTest tests[] = {
        FETCH_TEST(test_fetch__conditional),
        FETCH_TEST(test_fetch__failures),
        FETCH_TEST(test_fetch__backs_off),
        FETCH_TEST(test_fetch__slow_server),
        FETCH_TEST(test_fetch__refused_settings),
        FETCH_TEST(test_fetch__credentials),
        FETCH_TEST(test_fetch__sealed),
        FETCH_TEST(test_fetch__changed_settings),
        FETCH_TEST(test_fetch__changed_meanwhile),
        FETCH_TEST(test_fetcher__fetches_what_is_due),
        FETCH_TEST(test_fetcher__asked_meanwhile),
        FETCH_TEST(test_fetcher__settings_of_another_version),
        FETCH_TEST(test_fetcher__leaves_what_is_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
