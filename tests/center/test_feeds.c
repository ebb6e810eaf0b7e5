/* SPDX-License-Identifier: MIT */
/* Feeds in the store: put, changed, read again, removed, and the set that comes of them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <unistd.h>

#include "center/indicator_loader.h"
#include "lib/clock.h"
#include "tests/center/message.h"
#include "tests/center/store_fixture.h"

#define NOW INT64_C(1780272000000) /* 2026-06-01 */

/* settings, text: NULL: none. */
static int put(struct store_fixture *f, const char *name, const char *settings, const char *text,
    char problem[VD_FEED_PROBLEM_SIZE])
{
    json_t *json = settings != NULL ? json_loads(settings, 0, NULL) : NULL;
    const struct vd_str body = vd_str_from(text != NULL ? text : "");
    const struct vd_feed_put feed = {
        .name = name, .settings = json, .text = text != NULL ? &body : NULL, .now_ms = NOW};
    struct vd_feed_report report;
    int error;

    assert_true(settings == NULL || json != NULL);
    problem[0] = '\0';
    error = vd_feeds_put(f->store, &feed, &report, problem);
    json_decref(json);
    return error;
}

static void must_put(
    struct store_fixture *f, const char *name, const char *settings, const char *text)
{
    char problem[VD_FEED_PROBLEM_SIZE];

    if (put(f, name, settings, text, problem) != VD_OK) {
        fail_msg("%s: %s", name, problem);
    }
}

static void must_refuse(struct store_fixture *f, const char *name, const char *settings,
    const char *text, const char *expected)
{
    char problem[VD_FEED_PROBLEM_SIZE];

    assert_int_equal(put(f, name, settings, text, problem), VD_E_INVALID);
    assert_string_equal(problem, expected);
}

/* What a flow to the address would match now: "feed text confidence severity", or "-". */
static void check(struct store_fixture *f, bool keep, const char *address, const char *expected)
{
    struct vd_indicator_set *set = NULL;
    struct vd_indicator_line line;
    struct vd_indicator_match match;
    char text[300] = "-";
    int64_t generation = 0;

    assert_int_equal(vd_feeds_load(f->store, keep, NOW, &generation, &set), VD_OK);
    assert_null(vd_indicator_parse(vd_str_from(address), &line));
    if (vd_indicator_set_match(set, &line.range.from, NOW, &match)) {
        snprintf(text, sizeof text, "%s %s %d %s", match.feed, match.text, match.confidence,
            match.severity);
    }
    vd_indicator_set_release(set);
    assert_string_equal(text, expected);
}

static int64_t generation_of(struct store_fixture *f)
{
    int64_t generation = 0;

    assert_int_equal(vd_feeds_generation(f->store, &generation), VD_OK);
    return generation;
}

static json_t *feed_of(struct store_fixture *f, const char *name)
{
    json_t *feeds = NULL;
    json_t *feed;

    assert_int_equal(vd_feeds_list(f->store, name, &feeds), VD_OK);
    feed = json_incref(json_array_get(feeds, 0));
    json_decref(feeds);
    return feed;
}

static size_t count_files(struct store_fixture *f)
{
    char path[700];
    DIR *dir;
    const struct dirent *entry;
    size_t count = 0;

    snprintf(path, sizeof path, "%s/intel", f->folder);
    dir = opendir(path);
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        count += strncmp(entry->d_name, "feed-", 5) == 0;
    }
    closedir(dir);
    return count;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void test_feeds__put_change_remove(void **state)
{
    struct store_fixture *f = *state;
    uint64_t count = 0;

    must_put(f, "a", "{\"severity\":\"High\",\"confidence\":60}", "192.0.2.0/24 # bad\nx\n");
    check(f, true, "192.0.2.7", "a 192.0.2.0/24 60 High");
    must_put(f, "a", "{\"confidence\":30}", NULL);
    check(f, true, "192.0.2.7", "a 192.0.2.0/24 30 ");
    must_put(f, "a", NULL, "192.0.2.7\n198.51.100.1\n");
    check(f, true, "192.0.2.7", "a 192.0.2.7 30 ");
    check(f, false, "192.0.2.8", "-");
    must_put(f, "ok", "{\"kind\":\"exceptions\"}", "192.0.2.0/28\n");
    check(f, false, "192.0.2.7", "-");
    check(f, true, "192.0.2.7", "-");
    assert_int_equal(vd_feeds_count(f->store, &count), VD_OK);
    assert_int_equal(count, 2);
    must_put(f, "ok", "{\"kind\":\"exceptions\",\"enabled\":false}", NULL);
    check(f, true, "192.0.2.7", "a 192.0.2.7 30 ");
    store_reopen(f);
    check(f, true, "198.51.100.1", "a 198.51.100.1 30 ");
    assert_int_equal(count_files(f), 2);
    assert_int_equal(vd_feeds_remove(f->store, "a"), VD_OK);
    assert_int_equal(vd_feeds_remove(f->store, "a"), VD_E_NOT_FOUND);
    check(f, true, "198.51.100.1", "-");
    assert_int_equal(count_files(f), 1);
}

/* Whatever is wrong, the feed has what it had. */
static void test_feeds__wanted_categories(void **state)
{
    struct store_fixture *f = *state;

    must_put(f, "rep", "{\"format\":\"suricata\"}", "192.0.2.1,5,39\n192.0.2.2,5,127\n");
    check(f, true, "192.0.2.1", "rep 192.0.2.1 31 ");
    must_put(f, "rep", "{\"format\":\"suricata\",\"wantedCategories\":\"1,5:40\"}", NULL);
    check(f, true, "192.0.2.1", "-");
    check(f, true, "192.0.2.2", "rep 192.0.2.2 100 ");
}

static void test_feeds__refusals_change_nothing(void **state)
{
    struct store_fixture *f = *state;
    int64_t generation;

    must_put(f, "a", "{\"minimumConfidence\":10}", "192.0.2.7\n");
    generation = generation_of(f);
    must_refuse(f, "a", NULL, "<html>\n", "line 1: not an address or CIDR range");
    must_refuse(f, "a", "{\"format\":\"csv\"}", NULL,
        "line 1: the header has no column with a usual name: name it");
    must_refuse(f, "a", "{\"kind\":\"x\"}", NULL, "kind: is to be indicators or exceptions");
    must_refuse(f, "a", "{\"confidence\":101}", NULL, "confidence: is to be a number of 0 to 100");
    must_refuse(f, "a", "{\"severity\":\"Bad\"}", NULL, "severity: is to be High, Medium or Low");
    must_refuse(f, "a", "{\"colour\":\"red\"}", NULL, "colour: there is no such setting");
    must_refuse(f, "a", "{\"file\":\"x\"}", NULL, "file: is to be a path that begins with /");
    must_refuse(f, "a", "{\"file\":\"/nowhere/x\"}", NULL, "file /nowhere/x: not found");
    must_refuse(f, "a", "{\"file\":\"/x\"}", "1.2.3.4", "a feed has a file or a text, not both");
    must_refuse(f, "a", "{\"delimiter\":\"ab\"}", NULL, "delimiter: is to be one character");
    must_refuse(f, "a", "{\"wantedCategories\":\"1:0\"}", NULL,
        "wantedCategories: are to be numbers of 0 to 60, with or without a score of 1 to 127: 1,5:40");
    must_refuse(f, "a", "{\"enabled\":1}", NULL, "enabled: is to be true or false");
    must_refuse(f, "a", "[]", NULL, "settings: are to be a JSON object");
    must_refuse(f, "new", NULL, NULL, "a new feed needs a file, a URL or a text");
    assert_int_equal(generation_of(f), generation);
    check(f, true, "192.0.2.7", "a 192.0.2.7 255 ");
    assert_int_equal(count_files(f), 1);
}

static void test_feeds__file_is_read_when_it_changes(void **state)
{
    struct store_fixture *f = *state;
    char path[700];
    char settings[800];
    json_t *feed;
    int64_t generation;

    snprintf(path, sizeof path, "%s/list.txt", f->folder);
    snprintf(settings, sizeof settings, "{\"file\":\"%s\"}", path);
    write_file(path, "192.0.2.1\n");
    must_put(f, "w", settings, NULL);
    generation = generation_of(f);
    assert_int_equal(vd_feeds_refresh(f->store, NULL, NOW), VD_OK);
    assert_int_equal(generation_of(f), generation);
    unlink(path);
    write_file(path, "192.0.2.2\n");
    assert_int_equal(vd_feeds_refresh(f->store, NULL, NOW + 1000), VD_OK);
    assert_int_equal(generation_of(f), generation + 1);
    check(f, true, "192.0.2.2", "w 192.0.2.2 255 ");
    /* What is not good is told, and told once. */
    write_file(path, "<html>\n");
    assert_int_equal(vd_feeds_refresh(f->store, NULL, NOW + 2000), VD_OK);
    unlink(path);
    assert_int_equal(vd_feeds_refresh(f->store, NULL, NOW + 3000), VD_OK);
    assert_int_equal(vd_feeds_refresh(f->store, NULL, NOW + 4000), VD_OK);
    feed = feed_of(f, "w");
    assert_non_null(strstr(json_string_value(json_object_get(feed, "error")), "not found"));
    assert_string_equal(
        json_string_value(json_object_get(feed, "lastAttempt")), "2026-06-01T00:00:03.000Z");
    assert_string_equal(
        json_string_value(json_object_get(feed, "lastSuccess")), "2026-06-01T00:00:01.000Z");
    json_decref(feed);
    check(f, true, "192.0.2.2", "w 192.0.2.2 255 ");
    write_file(path, "192.0.2.3\n");
    assert_int_equal(vd_feeds_refresh(f->store, "w", NOW + 5000), VD_OK);
    feed = feed_of(f, "w");
    assert_true(json_is_null(json_object_get(feed, "error")));
    json_decref(feed);
    assert_int_equal(vd_feeds_refresh(f->store, "none", NOW), VD_E_NOT_FOUND);
}

/* A set that is damaged is built again; one of the feeds that is, is left out. */
static void test_feeds__damage(void **state)
{
    struct store_fixture *f = *state;
    char path[700];

    must_put(f, "a", NULL, "192.0.2.1\n");
    check(f, true, "192.0.2.1", "a 192.0.2.1 255 ");
    snprintf(path, sizeof path, "%s/intel/indicators.set", f->folder);
    assert_int_equal(access(path, R_OK), 0);
    unlink(path);
    write_file(path, "damage");
    check(f, true, "192.0.2.1", "a 192.0.2.1 255 ");
    snprintf(path, sizeof path, "%s/intel/feed-of-nobody", f->folder);
    write_file(path, "x");
    store_reopen(f);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(count_files(f), 1);
}

/* The running thread hands over what is new, once. */
static void test_feeds__loader(void **state)
{
    struct store_fixture *f = *state;
    struct vd_indicator_loader *loader = NULL;
    struct vd_indicator_set *set;
    int64_t generation = 0;
    const int64_t deadline_ms = vd_clock_monotonic_ms() + 20000;

    must_put(f, "a", NULL, "192.0.2.1\n");
    assert_int_equal(vd_indicator_loader_start(f->store, &loader), VD_OK);
    set = vd_indicator_loader_take(loader, &generation);
    assert_int_equal(vd_indicator_set_count(set), 1);
    assert_null(vd_indicator_loader_take(loader, &generation));
    must_put(f, "b", NULL, "192.0.2.2\n192.0.2.3\n");
    vd_indicator_set_release(set);
    while ((set = vd_indicator_loader_take(loader, &generation)) == NULL) {
        assert_true(vd_clock_monotonic_ms() < deadline_ms);
        usleep(1000);
    }
    assert_int_equal(vd_indicator_set_count(set), 3);
    vd_indicator_set_release(set);
    assert_int_equal(generation, generation_of(f));
    assert_false(vd_feeds_wait_in_use(f->store, 0));
    vd_feeds_set_in_use(f->store, generation);
    assert_true(vd_feeds_wait_in_use(f->store, 0));
    must_put(f, "b", NULL, "192.0.2.2\n");
    vd_indicator_loader_stop(loader);
}

int main(void)
{
#define FEED_TEST(test) cmocka_unit_test_setup_teardown(test, store_setup, store_teardown)
    const struct CMUnitTest tests[] = {
        FEED_TEST(test_feeds__put_change_remove),
        FEED_TEST(test_feeds__wanted_categories),
        FEED_TEST(test_feeds__refusals_change_nothing),
        FEED_TEST(test_feeds__file_is_read_when_it_changes),
        FEED_TEST(test_feeds__damage),
        FEED_TEST(test_feeds__loader),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
