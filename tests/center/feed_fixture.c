/* SPDX-License-Identifier: MIT */
/* A store with one feed, `f`, and the server that it comes from. */

#include "tests/center/feed_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "center/store/sinks.h"
#include "lib/clock.h"
#include "tests/center/message.h"

const struct vd_feed_rhythm feed_rhythm = {5000, MINUTE, 60 * MINUTE};

int feed_setup(void **state)
{
    static const uint8_t key[VD_MASTER_KEY_BYTES] = {7};
    struct feed_fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    f->folder = test_folder_new();
    snprintf(f->path, sizeof f->path, "%s/center.db", f->folder);
    assert_int_equal(vd_alert_store_open(f->path, &f->store), VD_OK);
    vd_sinks_set_key(f->store, key);
    assert_int_equal(vd_http_get_new(&f->get), VD_OK);
    feed_server_start(&f->server);
    snprintf(f->url, sizeof f->url, "http://127.0.0.1:%u", f->server.port);
    *state = f;
    return 0;
}

int feed_teardown(void **state)
{
    struct feed_fixture *f = *state;

    feed_server_stop(&f->server);
    vd_http_get_free(f->get);
    vd_alert_store_close(f->store);
    test_folder_remove(f->folder);
    free(f);
    return 0;
}

/* ---- What is asked of the store ---- */

/* `settings`: {} with "%s" for the server; credential: JSON, NULL: not given. */
int feed_put(struct feed_fixture *f, const char *settings, const char *credential,
    char problem[VD_FEED_PROBLEM_SIZE])
{
    char text[600];
    const char *hole = strchr(settings, '%');
    json_t *json;
    json_t *secret = credential != NULL ? json_loads(credential, JSON_DECODE_ANY, NULL) : NULL;
    struct vd_feed_put feed = {.name = "f", .now_ms = vd_clock_utc_ms(), .credential = secret};
    struct vd_feed_report report;
    int error;

    snprintf(text, sizeof text, "%.*s%s%s", hole != NULL ? (int)(hole - settings) : 600, settings,
        hole != NULL ? f->url : "", hole != NULL ? hole + 2 : "");
    json = json_loads(text, 0, NULL);
    assert_non_null(json);
    assert_true(credential == NULL || secret != NULL);
    feed.settings = json;
    problem[0] = '\0';
    error = vd_feeds_put(f->store, &feed, &report, problem);
    json_decref(json);
    json_decref(secret);
    return error;
}

void feed_must_put(struct feed_fixture *f, const char *settings, const char *credential)
{
    char problem[VD_FEED_PROBLEM_SIZE];

    if (feed_put(f, settings, credential, problem) != VD_OK) {
        fail_msg("%s: %s", settings, problem);
    }
}

void feed_fetch(struct feed_fixture *f)
{
    assert_int_equal(vd_feed_fetch_now(f->store, f->get, &feed_rhythm, "f"), VD_OK);
}

json_t *feed_read(struct feed_fixture *f)
{
    json_t *feeds = NULL;
    json_t *feed;

    assert_int_equal(vd_feeds_list(f->store, "f", &feeds), VD_OK);
    feed = json_incref(json_array_get(feeds, 0));
    json_decref(feeds);
    assert_non_null(feed);
    return feed;
}

void feed_expect_error(struct feed_fixture *f, const char *expected)
{
    json_t *feed = feed_read(f);
    const char *error = json_string_value(json_object_get(feed, "error"));

    if (expected == NULL                 ? error != NULL
            : strcmp(expected, ANY) == 0 ? error == NULL || error[0] == '\0'
                                         : error == NULL || strcmp(error, expected) != 0) {
        fail_msg(
            "%s, not %s", error != NULL ? error : "none", expected != NULL ? expected : "none");
    }
    json_decref(feed);
}

void feed_expect_source(struct feed_fixture *f, const char *member, const char *expected)
{
    json_t *feed = feed_read(f);
    const char *value = json_string_value(json_object_get(json_object_get(feed, "source"), member));

    assert_string_equal(value != NULL ? value : "", expected);
    json_decref(feed);
}

int64_t feed_time(const json_t *object, const char *member)
{
    int64_t ms = 0;

    assert_int_equal(vd_time_parse(json_string_value(json_object_get(object, member)), &ms), VD_OK);
    return ms;
}

/* The next fetch is so long after the last one. */
void feed_expect_wait(struct feed_fixture *f, int64_t min_ms, int64_t max_ms)
{
    json_t *feed = feed_read(f);
    const int64_t wait =
        feed_time(json_object_get(feed, "source"), "next") - feed_time(feed, "lastAttempt");

    json_decref(feed);
    assert_in_range(wait, min_ms, max_ms);
}

bool feed_matches(struct feed_fixture *f, const char *address)
{
    struct vd_indicator_set *set = NULL;
    struct vd_indicator_line line;
    struct vd_indicator_match match;
    int64_t generation = 0;
    bool is;

    assert_int_equal(vd_feeds_load(f->store, true, vd_clock_utc_ms(), &generation, &set), VD_OK);
    assert_null(vd_indicator_parse(vd_str_from(address), &line));
    is = vd_indicator_set_match(set, &line.range.from, vd_clock_utc_ms(), &match);
    vd_indicator_set_release(set);
    return is;
}

int64_t feed_generation(struct feed_fixture *f)
{
    int64_t generation = 0;

    assert_int_equal(vd_feeds_generation(f->store, &generation), VD_OK);
    return generation;
}
