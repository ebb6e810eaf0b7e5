/* SPDX-License-Identifier: MIT */
/* Feeds that are TAXII collections: pages, what is new since the last run, and servers that do not keep to the protocol. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/center/feed_fixture.h"

#define TAXII(headers, body) \
    OK("Content-Type: application/taxii+json;version=2.1\r\n" headers, body)
#define INDICATOR(id, modified, address)                                                  \
    "{\"type\":\"indicator\",\"spec_version\":\"2.1\",\"id\":\"indicator--" id            \
    "\",\"created\":\"2026-01-01T00:00:00Z\",\"modified\":\"" modified                    \
    "\",\"pattern_type\":\"stix\",\"valid_from\":\"2026-01-01T00:00:00Z\",\"pattern\":\"" \
    "[ipv4-addr:value = '" address "']\"}"

static void test_taxii__pages_and_second_run(void **state)
{
    struct feed_fixture *f = *state;
    int64_t generation;

    feed_must_put(f, "{\"taxii\":\"%s/c/1/\"}", "{\"kind\":\"basic\",\"secret\":\"a:b\"}");
    feed_server_answer(&f->server,
        TAXII("X-TAXII-Date-Added-Last: 2026-02-01T00:00:00Z\r\n",
            "{\"more\":true,\"next\":\"p 2\",\"objects\":[" INDICATOR("1", "2026-01-01T00:00:00Z",
                "192.0.2.1") ",{\"type\":\"malware\",\"id\":\"malware--1\"}]}"));
    feed_server_answer(&f->server,
        TAXII("X-TAXII-Date-Added-Last: 2026-02-02T00:00:00Z\r\n",
            "{\"more\":false,\"objects\":[" INDICATOR(
                "2", "2026-01-01T00:00:00Z", "192.0.2.2") "]}"));
    feed_fetch(f);
    feed_expect_error(f, NULL);
    assert_int_equal(feed_server_requests(&f->server), 2);
    assert_true(feed_server_got(&f->server, 0,
        "GET /c/1/objects/?match%5Btype%5D=indicator,marking-definition&limit=1000 HTTP/1.1\r\n"));
    assert_true(feed_server_got(&f->server, 0, "Accept: application/taxii+json;version=2.1\r\n"));
    assert_true(feed_server_got(&f->server, 1, "&limit=1000&next=p%202 HTTP"));
    assert_true(feed_server_got(&f->server, 1, "Authorization: Basic "));
    feed_expect_source(f, "addedAfter", "2026-02-02T00:00:00Z");
    assert_true(feed_matches(f, "192.0.2.1"));
    assert_true(feed_matches(f, "192.0.2.2"));
    /* The second run: a newer version, an older one, and one that is new. */
    feed_server_answer(&f->server,
        TAXII("X-TAXII-Date-Added-Last: 2026-02-03T00:00:00Z\r\n",
            "{\"objects\":[" INDICATOR("1", "2026-02-01T00:00:00Z", "192.0.2.11") "," INDICATOR("2",
                "2025-12-31T00:00:00Z",
                "192.0.2.22") "," INDICATOR("3", "2026-02-01T00:00:00Z", "192.0.2.3") "]}"));
    feed_fetch(f);
    feed_expect_error(f, NULL);
    assert_true(feed_server_got(&f->server, 2, "&added_after=2026-02-02T00%3A00%3A00Z HTTP"));
    assert_true(feed_matches(f, "192.0.2.11"));
    assert_false(feed_matches(f, "192.0.2.1"));
    assert_true(feed_matches(f, "192.0.2.2"));
    assert_false(feed_matches(f, "192.0.2.22"));
    assert_true(feed_matches(f, "192.0.2.3"));
    /* Nothing new. */
    generation = feed_generation(f);
    feed_server_answer(&f->server, TAXII("", "{}"));
    feed_fetch(f);
    feed_expect_error(f, NULL);
    feed_expect_source(f, "addedAfter", "2026-02-03T00:00:00Z");
    assert_int_equal(feed_generation(f), generation);
    /* Another collection begins anew. */
    feed_must_put(f, "{\"taxii\":\"%s/c/2\"}", NULL);
    feed_server_answer(&f->server,
        TAXII("", "{\"objects\":[" INDICATOR("9", "2026-02-01T00:00:00Z", "192.0.2.9") "]}"));
    feed_fetch(f);
    assert_true(feed_server_got(&f->server, 4, "GET /c/2/objects/?match"));
    assert_false(feed_server_got(&f->server, 4, "added_after"));
    assert_true(feed_matches(f, "192.0.2.9"));
    assert_false(feed_matches(f, "192.0.2.2"));
}

/* A server that has no `next` pages by the time of adding. */
static void test_taxii__pages_by_time(void **state)
{
    struct feed_fixture *f = *state;

    feed_must_put(f, "{\"taxii\":\"%s\"}", NULL);
    feed_server_answer(&f->server,
        TAXII("X-TAXII-Date-Added-Last: 2026-02-01T00:00:00Z\r\n",
            "{\"more\":true,\"objects\":[" INDICATOR(
                "1", "2026-01-01T00:00:00Z", "192.0.2.1") "]}"));
    feed_server_answer(&f->server, TAXII("", "{\"more\":false}"));
    feed_fetch(f);
    feed_expect_error(f, NULL);
    assert_true(feed_server_got(&f->server, 1, "&added_after=2026-02-01T00%3A00%3A00Z HTTP"));
    feed_expect_source(f, "addedAfter", "2026-02-01T00:00:00Z");
    assert_true(feed_matches(f, "192.0.2.1"));
}

/* A server may count pages itself, by one `next` for all of them. */
static void test_taxii__same_next(void **state)
{
    struct feed_fixture *f = *state;

    feed_must_put(f, "{\"taxii\":\"%s\"}", NULL);
    for (int i = 0; i < 2; i++) {
        feed_server_answer(&f->server,
            TAXII("",
                "{\"more\":true,\"next\":\"n\",\"objects\":[" INDICATOR(
                    "1", "2026-01-01T00:00:00Z", "192.0.2.1") "]}"));
    }
    feed_server_answer(&f->server,
        TAXII("",
            "{\"more\":false,\"objects\":[" INDICATOR(
                "2", "2026-01-01T00:00:00Z", "192.0.2.2") "]}"));
    feed_fetch(f);
    feed_expect_error(f, NULL);
    assert_int_equal(feed_server_requests(&f->server), 3);
    assert_true(feed_server_got(&f->server, 2, "&next=n HTTP"));
    assert_true(feed_matches(f, "192.0.2.1"));
    assert_true(feed_matches(f, "192.0.2.2"));
}

static json_int_t entries_of(struct feed_fixture *f)
{
    json_t *feed = feed_read(f);
    const json_int_t count =
        json_integer_value(json_object_get(json_object_get(feed, "report"), "read"));

    json_decref(feed);
    return count;
}

/* What ended long ago makes room; a collection of nothing is one too. */
static void test_taxii__ended(void **state)
{
    struct feed_fixture *f = *state;

    feed_must_put(f, "{\"taxii\":\"%s\"}", NULL);
    feed_server_answer(&f->server, TAXII("", "{}"));
    feed_fetch(f);
    feed_expect_error(f, NULL);
    assert_int_equal(entries_of(f), 0);
    feed_server_answer(&f->server,
        TAXII("X-TAXII-Date-Added-Last: 2026-02-01T00:00:00Z\r\n",
            "{\"objects\":[{\"type\":\"indicator\",\"id\":\"indicator--0\",\"valid_until\":"
            "\"2020-01-01T00:00:00Z\",\"pattern\":\"[ipv4-addr:value = '192.0.2.9']\"}," INDICATOR(
                "1", "2026-01-01T00:00:00Z", "192.0.2.1") "]}"));
    feed_fetch(f);
    feed_expect_error(f, NULL);
    assert_int_equal(entries_of(f), 1);
    assert_true(feed_matches(f, "192.0.2.1"));
    /* The version that ended takes the place of the one that had not. */
    feed_server_answer(&f->server,
        TAXII("",
            "{\"objects\":[{\"type\":\"indicator\",\"id\":\"indicator--1\",\"modified\":"
            "\"2026-03-01T00:00:00Z\",\"valid_until\":\"2020-01-01T00:00:00Z\",\"pattern\":"
            "\"[ipv4-addr:value = '192.0.2.1']\"}]}"));
    feed_fetch(f);
    feed_expect_error(f, NULL);
    assert_int_equal(entries_of(f), 0);
    assert_false(feed_matches(f, "192.0.2.1"));
}

static void test_taxii__failures(void **state)
{
    static const struct {
        const char *answer;
        const char *error;
    } cases[] = {
        {TAXII("", "<html>"), "it is no TAXII envelope: it is not JSON"},
        {TAXII("", "[]"), "it is no TAXII envelope: it is to be a JSON object"},
        {TAXII("", "{\"title\":\"Maintenance\"}"), "it is no TAXII envelope: it has no objects"},
        {TAXII("", "{\"objects\":7}"),
            "it is no TAXII envelope: objects, more or next are not what they should be"},
        {TAXII("", "{\"more\":true}"), "the server has more, but does not lead to it"},
        {TAXII("", "{\"more\":true,\"next\":\"same\"}"),
            "the server has more, but does not lead to it"},
        {STATUS("406 No", ""), "the server answered 406"},
    };
    struct feed_fixture *f = *state;
    int64_t generation;

    feed_must_put(f, "{\"taxii\":\"%s/c\"}", NULL);
    feed_server_answer(&f->server,
        TAXII("X-TAXII-Date-Added-Last: 2026-02-01T00:00:00Z\r\n",
            "{\"objects\":[" INDICATOR("1", "2026-01-01T00:00:00Z", "192.0.2.1") "]}"));
    feed_fetch(f);
    generation = feed_generation(f);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        feed_server_clear(&f->server);
        feed_server_answer(&f->server, cases[i].answer);
        feed_fetch(f);
        feed_expect_error(f, cases[i].error);
        feed_expect_source(f, "addedAfter", "2026-02-01T00:00:00Z");
    }
    /* Pages that came before one that did not are asked for again. */
    feed_server_clear(&f->server);
    feed_server_answer(&f->server,
        TAXII("X-TAXII-Date-Added-Last: 2026-03-01T00:00:00Z\r\n",
            "{\"more\":true,\"next\":\"2\",\"objects\":[" INDICATOR(
                "2", "2026-01-01T00:00:00Z", "192.0.2.2") "]}"));
    feed_server_answer(&f->server, STATUS("500 Oops", ""));
    feed_fetch(f);
    feed_expect_error(f, "the server answered 500");
    feed_expect_source(f, "addedAfter", "2026-02-01T00:00:00Z");
    assert_int_equal(feed_generation(f), generation);
    assert_true(feed_matches(f, "192.0.2.1"));
}

/* A page that is short and would take a gigabyte to read: it is refused unread, and the feed has what it had. */
static void test_taxii__too_many_parts(void **state)
{
    static const char head[] = TAXII("", "{\"objects\":[");
    const size_t parts = VD_FEED_JSON_MEMORY_MAX / 400;
    struct feed_fixture *f = *state;
    struct vd_buf answer = {0};

    vd_buf_append_text(&answer, head);
    for (size_t i = 0; i < parts; i++) {
        vd_buf_append_text(&answer, "{},");
    }
    vd_buf_append(&answer, "{}]}", 5);
    assert_int_equal(answer.error, VD_OK);
    feed_must_put(f, "{\"taxii\":\"%s\"}", NULL);
    feed_server_answer(&f->server,
        TAXII("", "{\"objects\":[" INDICATOR("1", "2026-01-01T00:00:00Z", "192.0.2.1") "]}"));
    feed_fetch(f);
    feed_expect_error(f, NULL);
    feed_server_answer(&f->server, (const char *)answer.data);
    feed_fetch(f);
    feed_expect_error(f, "the collection has too many parts");
    assert_true(feed_matches(f, "192.0.2.1"));
    feed_server_clear(&f->server);
    vd_buf_release(&answer);
}

/* A server that always has one page more: the fetch ends, and the feed has what it had. */
static void test_taxii__endless(void **state)
{
    static const struct vd_feed_rhythm hasty = {1000, MINUTE, MINUTE};
    struct feed_fixture *f = *state;

    feed_must_put(f, "{\"taxii\":\"%s\"}", NULL);
    feed_server_answer(&f->server,
        TAXII("", "{\"objects\":[" INDICATOR("1", "2026-01-01T00:00:00Z", "192.0.2.1") "]}"));
    feed_fetch(f);
    feed_expect_error(f, NULL);
    feed_server_answer(&f->server,
        TAXII("",
            "{\"more\":true,\"next\":\"n\",\"objects\":[" INDICATOR(
                "2", "2026-01-01T00:00:00Z", "192.0.2.2") "]}"));
    assert_int_equal(vd_feed_fetch_now(f->store, f->get, &hasty, "f"), VD_OK);
    feed_expect_error(f, "the collection has too many pages, or takes too long");
    assert_true(feed_matches(f, "192.0.2.1"));
    assert_false(feed_matches(f, "192.0.2.2"));
}

int main(void)
{
#define FETCH_TEST(test) cmocka_unit_test_setup_teardown(test, feed_setup, feed_teardown)
    const struct CMUnitTest tests[] = {
        FETCH_TEST(test_taxii__pages_and_second_run),
        FETCH_TEST(test_taxii__pages_by_time),
        FETCH_TEST(test_taxii__same_next),
        FETCH_TEST(test_taxii__ended),
        FETCH_TEST(test_taxii__failures),
        FETCH_TEST(test_taxii__too_many_parts),
        FETCH_TEST(test_taxii__endless),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
