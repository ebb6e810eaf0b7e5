/* SPDX-License-Identifier: MIT */
/* Twins over the service API: read, patched, replaced, refused, and told to devices in their order. */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "api/twins.h"
#include "hub/state_store.h"
#include "hub/twin.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "tests/api/service_fixture.h"

/* A part of the answer as text, its names sorted. "" if it is not there. */
static const char *part(const char *outer, const char *inner)
{
    static char text[2048];
    const json_t *json = json_object_get(answer.body, outer);
    char *dumped;

    json = inner != NULL ? json_object_get(json, inner) : json;
    dumped = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    snprintf(text, sizeof text, "%s", dumped != NULL ? dumped : "");
    free(dumped);
    return text;
}

/* The answer's properties of that kind without what the hub writes into them. */
static const char *members(const char *kind)
{
    static char text[2048];
    json_t *copy = json_copy(json_object_get(json_object_get(answer.body, "properties"), kind));
    char *dumped;

    json_object_del(copy, "$metadata");
    json_object_del(copy, "$version");
    dumped = json_dumps(copy, JSON_COMPACT | JSON_SORT_KEYS);
    snprintf(text, sizeof text, "%s", dumped);
    free(dumped);
    json_decref(copy);
    return text;
}

static int64_t version_of(const char *kind)
{
    return json_integer_value(json_object_get(
        json_object_get(json_object_get(answer.body, "properties"), kind), "$version"));
}

static void keep_etag(char out[VD_TWIN_ETAG_SIZE])
{
    const char *etag = text_at(NULL, NULL, "etag");
    char quoted[VD_TWIN_ETAG_SIZE + 2];

    assert_non_null(etag);
    snprintf(out, VD_TWIN_ETAG_SIZE, "%s", etag);
    snprintf(quoted, sizeof quoted, "\"%s\"", etag);
    assert_string_equal(answer_header("ETag"), quoted);
}

/* What was never stored is there all the same, and is the same each time. */
static void test_twins__empty(void **state)
{
    char etag[VD_TWIN_ETAG_SIZE];
    char device_etag[VD_IDENTITY_ETAG_SIZE];
    char *first;
    char *second;

    (void)state;
    expect(404, "GET", "/twins/d", NULL, NULL);
    assert_fault("DeviceNotFound");
    expect(200, "PUT", "/devices/d", NULL, "{\"statusReason\":\"new\"}");
    snprintf(device_etag, sizeof device_etag, "%s", text_at(NULL, NULL, "etag"));
    bus.connected = "d";
    expect(200, "GET", "/twins/d?api-version=2021-04-12", NULL, NULL);
    first = json_dumps(answer.body, 0);
    keep_etag(etag);
    assert_string_equal(text_at(NULL, NULL, "deviceId"), "d");
    assert_string_equal(text_at(NULL, NULL, "deviceEtag"), device_etag);
    assert_string_equal(text_at(NULL, NULL, "status"), "enabled");
    assert_string_equal(text_at(NULL, NULL, "statusReason"), "new");
    assert_string_equal(text_at(NULL, NULL, "connectionState"), "Connected");
    assert_string_equal(text_at(NULL, NULL, "authenticationType"), "sas");
    assert_string_not_equal(text_at(NULL, NULL, "statusUpdateTime"), "0001-01-01T00:00:00Z");
    assert_int_equal(number_at("cloudToDeviceMessageCount"), 0);
    assert_int_equal(number_at("version"), 1);
    assert_int_equal(version_of("desired"), 1);
    assert_int_equal(version_of("reported"), 1);
    assert_string_equal(part("tags", NULL), "{}");
    assert_null(json_object_get(answer.body, "moduleId"));
    service_again();
    expect(200, "GET", "/twins/d", NULL, NULL);
    second = json_dumps(answer.body, 0);
    assert_string_equal(first, second);
    free(first);
    free(second);
    expect(200, "PATCH", "/twins/d", etag, "{}");
}

static int note_activity(void *context, struct vd_state_store *store)
{
    const struct vd_state_activity activity = {.seen_ms = 1764324000000, .connection_ms = 1};

    return vd_state_activity_put(store, context, &activity, true);
}

/* It says when its identity was heard of last, as the identity does. */
static void test_twins__last_activity(void **state)
{
    static const char *const paths[] = {"/twins/d", "/twins/d/modules/m"};
    static const char time[] = "2025-11-28T10:00:00.000Z";
    struct vd_identity identity;
    struct vd_state_key key;

    (void)state;
    expect(200, "PUT", "/devices/d", NULL, "{}");
    expect(200, "PUT", "/devices/d/modules/m", NULL, "{}");
    for (size_t i = 0; i < COUNT(paths); i++) {
        expect(200, "GET", paths[i], NULL, NULL);
        assert_string_equal(text_at(NULL, NULL, "lastActivityTime"), "0001-01-01T00:00:00Z");
        assert_int_equal(vd_registry_get(registry, "d", i == 0 ? NULL : "m", &identity), VD_OK);
        key = vd_twins_key(&identity);
        assert_int_equal(vd_state_do(hub_state, note_activity, &key), VD_OK);
        expect(200, "GET", paths[i], NULL, NULL);
        assert_string_equal(text_at(NULL, NULL, "lastActivityTime"), time);
        expect(200, "PATCH", paths[i], NULL, "{\"tags\":{\"a\":1}}");
        assert_string_equal(text_at(NULL, NULL, "lastActivityTime"), time);
    }
    expect(200, "GET", "/devices/d", NULL, NULL);
    assert_string_equal(text_at(NULL, NULL, "lastActivityTime"), time);
}

static void test_twins__patch(void **state)
{
    char etag[VD_TWIN_ETAG_SIZE];
    char quoted[VD_TWIN_ETAG_SIZE + 2];

    (void)state;
    expect(404, "PATCH", "/twins/d", NULL, "{\"tags\":{\"a\":1}}");
    expect(200, "PUT", "/devices/d", NULL, "{}");
    expect(200, "PATCH", "/twins/d", "\"*\"",
        "{\"tags\":{\"site\":\"a\",\"x\":1},\"properties\":{\"desired\":{\"rate\":5,\"off\":true}}}");
    assert_string_equal(part("tags", NULL), "{\"site\":\"a\",\"x\":1}");
    assert_string_equal(members("desired"), "{\"off\":true,\"rate\":5}");
    assert_int_equal(version_of("desired"), 2);
    assert_int_equal(number_at("version"), 2);
    assert_int_equal(bus.changes, 1);
    assert_string_equal(bus.desired, "d/ 2 {\"rate\":5,\"off\":true,\"$version\":2}");
    keep_etag(etag);

    /* Tags are none of the device's business. */
    expect(200, "PATCH", "/twins/d", NULL, "{\"tags\":{\"x\":null}}");
    assert_string_equal(part("tags", NULL), "{\"site\":\"a\"}");
    assert_int_equal(bus.changes, 1);
    assert_int_equal(version_of("desired"), 2);

    /* Quoted and not, an ETag that was is one that no longer is. */
    snprintf(quoted, sizeof quoted, "\"%s\"", etag);
    expect(412, "PATCH", "/twins/d", quoted, "{\"tags\":{\"x\":2}}");
    assert_fault("PreconditionFailed");
    expect(412, "PATCH", "/twins/d", etag, "{\"tags\":{\"x\":2}}");
    expect(412, "PATCH", "/twins/d", "\"\"", "{\"tags\":{\"x\":2}}");
    expect(412, "PATCH", "/twins/d", "", "{\"tags\":{\"x\":2}}");
    expect(200, "GET", "/twins/d", NULL, NULL);
    assert_string_equal(part("tags", NULL), "{\"site\":\"a\"}");
    keep_etag(etag);
    snprintf(quoted, sizeof quoted, "\"%s\"", etag);
    expect(200, "PATCH", "/twins/d", quoted, "{\"properties\":{\"desired\":{\"off\":null}}}");
    assert_string_equal(members("desired"), "{\"rate\":5}");
    assert_string_equal(bus.desired, "d/ 3 {\"off\":null,\"$version\":3}");
    expect(200, "GET", "/twins/d", NULL, NULL);
    assert_string_equal(members("desired"), "{\"rate\":5}");
}

static void test_twins__replace(void **state)
{
    (void)state;
    expect(200, "PUT", "/devices/d", NULL, "{}");
    expect(200, "PUT", "/devices/d/modules/m", NULL, "{}");
    expect(404, "GET", "/twins/d/modules/n", NULL, NULL);
    assert_fault("ModuleNotFound");
    expect(404, "PUT", "/twins/d/modules/n", NULL, "{}");
    expect(200, "PATCH", "/twins/d/modules/m", "*",
        "{\"tags\":{\"a\":1},\"properties\":{\"desired\":{\"x\":1,\"y\":{\"z\":1}}}}");
    assert_string_equal(text_at(NULL, NULL, "moduleId"), "m");
    assert_string_equal(bus.desired, "d/m 2 {\"x\":1,\"y\":{\"z\":1},\"$version\":2}");
    expect(200, "PUT", "/twins/d/modules/m", "*", "{\"properties\":{\"desired\":{\"y\":2}}}");
    assert_string_equal(members("desired"), "{\"y\":2}");
    assert_string_equal(part("tags", NULL), "{\"a\":1}");
    assert_string_equal(bus.desired, "d/m 3 {\"x\":null,\"y\":2,\"$version\":3}");
    /* The device's own twin is another. */
    expect(200, "GET", "/twins/d", NULL, NULL);
    assert_string_equal(members("desired"), "{}");
    assert_int_equal(bus.changes, 2);
}

/* What an SDK gets it can give back, whole. */
static void test_twins__answer_is_accepted(void **state)
{
    char *body;

    (void)state;
    expect(200, "PUT", "/devices/d", NULL, "{}");
    expect(200, "PATCH", "/twins/d", NULL,
        "{\"tags\":{\"a\":[1,null]},\"properties\":{\"desired\":{\"x\":{\"y\":1.5}}}}");
    body = json_dumps(answer.body, 0);
    expect(200, "PUT", "/twins/d", text_at(NULL, NULL, "etag"), body);
    assert_string_equal(part("tags", NULL), "{\"a\":[1,null]}");
    assert_string_equal(members("desired"), "{\"x\":{\"y\":1.5}}");
    free(body);
}

/* A twin dies with its identity: the one made again under that id sees nothing of it. */
static void test_twins__created_again(void **state)
{
    char etag[VD_TWIN_ETAG_SIZE];

    (void)state;
    expect(200, "PUT", "/devices/d", NULL, "{}");
    expect(200, "PATCH", "/twins/d", NULL, "{\"tags\":{\"a\":1}}");
    keep_etag(etag);
    expect(204, "DELETE", "/devices/d", NULL, NULL);
    expect(404, "GET", "/twins/d", NULL, NULL);
    expect(200, "PUT", "/devices/d", NULL, "{}");
    expect(200, "GET", "/twins/d", NULL, NULL);
    assert_string_equal(part("tags", NULL), "{}");
    assert_string_not_equal(text_at(NULL, NULL, "etag"), etag);
    expect(412, "PATCH", "/twins/d", etag, "{\"tags\":{\"a\":1}}");
}

static void test_twins__bad_bodies(void **state)
{
    static const struct {
        const char *body;
        const char *detail; /* begins with this */
    } cases[] = {
        {"", "malformed"},
        {"{", "malformed"},
        {"[]", "malformed"},
        {"null", "malformed"},
        {"{\"tag\":{}}", "tag: malformed"},
        {"{\"tags\":5}", "tags: malformed"},
        {"{\"properties\":[]}", "properties: malformed"},
        {"{\"properties\":{\"desire\":{}}}", "properties.desire: malformed"},
        {"{\"properties\":{\"desired\":[]}}", "desired: malformed"},
        {"{\"tags\":{\"a b\":1}}", "tags.a b: a name"},
        {"{\"tags\":{\"$x\":1}}", "tags.$x: a name"},
        {"{\"tags\":{\"a\\u0001b\":1}}", "tags.a?b: a name"},
        {"{\"tags\":{\"a.b\":1}}", "tags.a.b: a name"},
        {"{\"tags\":{\"a\":9007199254740993}}", "tags.a: a number"},
        {"{\"tags\":{\"a\":99999999999999999999}}", "a number"},
        {"{\"tags\":{"
         "\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}"
         "}}}}}}}}}}}}",
            "tags.a.a.a.a.a.a.a.a.a.a.a: nested"},
        {"{\"tags\":{\"a\":1,\"a\":2}}", "malformed"},
    };

    (void)state;
    expect(200, "PUT", "/devices/d", NULL, "{}");
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *detail;

        expect(400, "PATCH", "/twins/d", NULL, cases[i].body);
        assert_fault("ArgumentInvalid");
        detail = strchr(text_at(NULL, NULL, "Message"), ';') + 1;
        if (strncmp(detail, cases[i].detail, strlen(cases[i].detail)) != 0) {
            fail_msg("%s: %s", cases[i].body, detail);
        }
        expect(400, "PUT", "/twins/d", "*", cases[i].body);
    }
    assert_int_equal(bus.changes, 0);
    expect(200, "GET", "/twins/d", NULL, NULL);
    assert_int_equal(number_at("version"), 1);
}

/* Members of `bytes` bytes by the protocol's count, in one section. */
static struct vd_buf body_of(const char *start, unsigned bytes, const char *end)
{
    struct vd_buf body = {0};
    unsigned left = bytes;

    vd_buf_append_text(&body, start);
    for (unsigned i = 0; left > 0; i++) {
        unsigned value = left - 5 < 1000 ? left - 5 : 1000;

        vd_buf_printf(&body, "%s\"k%04u\":\"%0*d\"", i > 0 ? "," : "", i, (int)value, 0);
        left -= 5 + value;
        left = left < 6 ? 0 : left;
    }
    vd_buf_append_text(&body, end);
    vd_buf_append(&body, "", 1);
    assert_int_equal(body.error, VD_OK);
    return body;
}

static void test_twins__sizes(void **state)
{
    static const struct {
        const char *start;
        unsigned bytes;
        const char *end;
        int status;
    } cases[] = {
        {"{\"tags\":{", VD_TWIN_TAGS_MAX_BYTES, "}}", 200},
        {"{\"tags\":{", VD_TWIN_TAGS_MAX_BYTES + 10, "}}", 413},
        {"{\"properties\":{\"desired\":{", VD_TWIN_PROPERTIES_MAX_BYTES - 10, "}}}", 200},
        {"{\"properties\":{\"desired\":{", VD_TWIN_PROPERTIES_MAX_BYTES + 10, "}}}", 413},
        {"{\"tags\":{", VD_TWIN_TEXT_MAX_BYTES, "}}", 413},
        {"{\"tags\":{", VD_SERVICE_BODY_MAX_BYTES, "}}", 413},
    };

    (void)state;
    expect(200, "PUT", "/devices/d", NULL, "{}");
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct vd_buf body = body_of(cases[i].start, cases[i].bytes, cases[i].end);

        expect(cases[i].status, "PUT", "/twins/d", NULL, (const char *)body.data);
        if (cases[i].status == 413) {
            assert_fault("RequestEntityTooLarge");
        }
        vd_buf_release(&body);
    }
}

/* Thousands of names and nothing behind them: what is stored beside each is more than the twin may be. */
static void test_twins__metadata_too_large(void **state)
{
    struct vd_buf body = {0};

    (void)state;
    expect(200, "PUT", "/devices/d", NULL, "{}");
    vd_buf_append_text(&body, "{\"properties\":{\"desired\":{\"k\":\"\"");
    for (unsigned i = 0; i < 10000; i++) {
        vd_buf_printf(&body, ",\"%X\":\"\"", i);
    }
    vd_buf_append_text(&body, "}}}");
    vd_buf_append(&body, "", 1);
    expect(413, "PATCH", "/twins/d", NULL, (const char *)body.data);
    assert_fault("RequestEntityTooLarge");
    assert_int_equal(bus.changes, 0);
    vd_buf_release(&body);
    expect(200, "GET", "/twins/d", NULL, NULL);
    assert_int_equal(number_at("version"), 1);
}

/* ---- Many at once ---- */

#define WRITERS 4
#define WRITES  25

/* Each changes members of its own. The face may be called by several threads at once. */
static void *write_some(void *argument)
{
    const int *number = argument;
    const struct vd_http_face face = vd_service_face(service);
    char token[VD_HTTP_VALUE_SIZE];

    make_token(HOST, "service", false, in_an_hour(), token, sizeof token);
    for (int i = 0; i < WRITES; i++) {
        struct vd_http_answer made;
        char body[128];

        snprintf(
            body, sizeof body, "{\"properties\":{\"desired\":{\"w%d_%d\":%d}}}", *number, i, i);
        service_call(&face, token, "PATCH", "/twins/d", NULL, vd_str_from(body), &made);
        assert_int_equal(made.status, 200);
        json_decref(made.body);
    }
    return NULL;
}

/* No change is lost to another, and the device hears of them in their order. */
static void test_twins__many_writers(void **state)
{
    pthread_t threads[WRITERS];
    int numbers[WRITERS];

    (void)state;
    expect(200, "PUT", "/devices/d", NULL, "{}");
    for (int i = 0; i < WRITERS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, write_some, &numbers[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
    }
    expect(200, "GET", "/twins/d", NULL, NULL);
    assert_int_equal(version_of("desired"), 1 + WRITERS * WRITES);
    assert_int_equal(
        json_object_size(json_object_get(json_object_get(answer.body, "properties"), "desired")),
        WRITERS * WRITES + 2);
    assert_int_equal(bus.changes, WRITERS * WRITES);
    assert_true(bus.in_order);
}

/* Removals are told to the sweeper, those of modules and in bulk as well. */
static void test_twins__of_the_removed_are_swept(void **state)
{
    const struct timespec step = {0, 1000000};
    const int64_t until = vd_clock_monotonic_ms() + 30000;
    struct vd_sweeper_stats stats;

    (void)state;
    expect(200, "PUT", "/devices/d", NULL, "{}");
    expect(200, "PUT", "/devices/d/modules/m", NULL, "{}");
    expect(200, "PUT", "/devices/e", NULL, "{}");
    expect(200, "PATCH", "/twins/d", NULL, "{\"tags\":{\"a\":1}}");
    expect(200, "PATCH", "/twins/d/modules/m", NULL, "{\"tags\":{\"a\":1}}");
    expect(200, "PATCH", "/twins/e", NULL, "{\"tags\":{\"a\":1}}");
    expect(204, "DELETE", "/devices/d/modules/m", NULL, NULL);
    expect(204, "DELETE", "/devices/d", NULL, NULL);
    expect(200, "POST", "/devices", NULL, "[{\"id\":\"e\",\"importMode\":\"delete\"}]");
    do {
        nanosleep(&step, NULL);
        vd_sweeper_stats_get(sweeper, &stats);
        assert_true(vd_clock_monotonic_ms() < until);
    } while (stats.removed < 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_twins__##name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(empty),
        TEST(last_activity),
        TEST(patch),
        TEST(replace),
        TEST(answer_is_accepted),
        TEST(created_again),
        TEST(bad_bodies),
        TEST(sizes),
        TEST(metadata_too_large),
        TEST(many_writers),
        TEST(of_the_removed_are_swept),
    };

    vd_log_set_level(VD_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
