/* SPDX-License-Identifier: MIT */
/* Twin queries over the service API: rows of registry and state, pages, faults. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/log.h"
#include "tests/api/service_fixture.h"

static char next[VD_HTTP_VALUE_SIZE]; /* the continuation of the last answer */

/* The status of the query behind `continuation`. `max` NULL: as many rows as the hub likes. */
static int query(const char *text, const char *max, const char *continuation)
{
    struct header headers[3] = {{0}};
    char token[VD_HTTP_VALUE_SIZE];
    json_t *body = json_pack("{s:s}", "query", text);
    char *dumped = json_dumps(body, 0);
    size_t count = 0;

    if (max != NULL) {
        headers[count++] = (struct header){"x-ms-max-item-count", max};
    }
    if (continuation != NULL) {
        headers[count++] = (struct header){"x-ms-continuation", continuation};
    }
    make_token(HOST, "service", false, in_an_hour(), token, sizeof token);
    call_with_headers(token, "POST", "/devices/query", headers, vd_str_from(dumped));
    snprintf(next, sizeof next, "%s",
        answer_header("x-ms-continuation") != NULL ? answer_header("x-ms-continuation") : "");
    free(dumped);
    json_decref(body);
    return answer.status;
}

static void expect_rows(const char *text, const char *rows)
{
    char *got;

    assert_int_equal(query(text, NULL, NULL), 200);
    got = json_dumps(answer.body, JSON_COMPACT | JSON_SORT_KEYS);
    if (strcmp(got, rows) != 0) {
        fail_msg("%s: %s", text, got);
    }
    free(got);
    assert_string_equal(next, "");
}

static void make_fleet(void)
{
    expect(200, "PUT", "/devices/a", NULL, "{}");
    expect(200, "PUT", "/devices/b", NULL, "{\"status\":\"disabled\"}");
    expect(200, "PUT", "/devices/c", NULL, "{}");
    expect(200, "PUT", "/devices/a/modules/m1", NULL, "{}");
    expect(200, "PUT", "/devices/c/modules/m2", NULL, "{}");
    expect(200, "PATCH", "/twins/a", NULL,
        "{\"tags\":{\"site\":\"x\"},\"properties\":{\"desired\":{\"rate\":5}}}");
    expect(200, "PATCH", "/twins/c", NULL, "{\"tags\":{\"site\":\"y\"}}");
    expect(200, "PATCH", "/twins/c/modules/m2", NULL, "{\"tags\":{\"role\":\"agent\"}}");
    bus.connected = "c";
}

static void test_query__rows(void **state)
{
    (void)state;
    make_fleet();
    expect_rows("SELECT deviceId FROM devices",
        "[{\"deviceId\":\"a\"},{\"deviceId\":\"b\"},{\"deviceId\":\"c\"}]");
    assert_string_equal(answer_header("x-ms-item-type"), "Raw");
    expect_rows("SELECT deviceId FROM devices WHERE tags.site = 'y'", "[{\"deviceId\":\"c\"}]");
    expect_rows(
        "SELECT deviceId FROM devices WHERE properties.desired.rate > 4", "[{\"deviceId\":\"a\"}]");
    expect_rows("SELECT deviceId FROM devices WHERE status = 'disabled'", "[{\"deviceId\":\"b\"}]");
    expect_rows("SELECT deviceId FROM devices WHERE connectionState = 'Connected'",
        "[{\"deviceId\":\"c\"}]");
    expect_rows("SELECT COUNT() AS n FROM devices", "[{\"n\":3}]");
    expect_rows("SELECT deviceId, moduleId FROM devices.modules WHERE tags.role = 'agent'",
        "[{\"deviceId\":\"c\",\"moduleId\":\"m2\"}]");
    expect_rows("SELECT status, COUNT() AS n FROM devices GROUP BY status",
        "[{\"n\":2,\"status\":\"enabled\"},{\"n\":1,\"status\":\"disabled\"}]");
    expect_with(204, "POST", "/devices/a/messages/devicebound", (const struct header[]){{0}},
        vd_str_from("payload"));
    expect_rows("SELECT deviceId, cloudToDeviceMessageCount AS n FROM devices WHERE "
                "cloudToDeviceMessageCount > 0",
        "[{\"deviceId\":\"a\",\"n\":1}]");
    expect_rows("SELECT SUM(cloudToDeviceMessageCount) AS n FROM devices", "[{\"n\":1}]");
    /* SELECT * gives what GET gives. */
    assert_int_equal(query("SELECT * FROM devices WHERE deviceId = 'a'", NULL, NULL), 200);
    assert_string_equal(answer_header("x-ms-item-type"), "Twin");
    assert_int_equal(json_array_size(answer.body), 1);
    {
        json_t *found = json_incref(json_array_get(answer.body, 0));

        expect(200, "GET", "/twins/a", NULL, NULL);
        assert_true(json_equal(found, answer.body));
        json_decref(found);
    }
}

/* Each identity comes once and in order, whatever the size of the pages. */
static void test_query__pages(void **state)
{
    static const char *const sizes[] = {"1", "7", "100", "1000", "999999999", NULL};
    const unsigned devices = 230; /* more than are looked at together */
    json_t *items = json_array();
    char *text;

    (void)state;
    for (unsigned i = 0; i < devices; i++) {
        char id[8];

        snprintf(id, sizeof id, "d%03u", i);
        json_array_append_new(items, json_pack("{s:s, s:s}", "id", id, "importMode", "create"));
    }
    text = json_dumps(items, 0);
    expect(200, "POST", "/devices", NULL, text);
    free(text);
    json_decref(items);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        char last[16] = "";
        unsigned found = 0;
        unsigned pages = 0;

        next[0] = '\0';
        do {
            char from[VD_HTTP_VALUE_SIZE];
            const json_t *row;
            size_t at;

            memcpy(from, next, sizeof from);
            assert_int_equal(
                query("SELECT deviceId FROM devices", sizes[i], from[0] != '\0' ? from : NULL),
                200);
            json_array_foreach(answer.body, at, row)
            {
                const char *id = json_string_value(json_object_get(row, "deviceId"));

                assert_true(strcmp(id, last) > 0);
                snprintf(last, sizeof last, "%s", id);
                found++;
            }
            pages++;
        } while (next[0] != '\0' && pages < 1000);
        assert_int_equal(found, devices);
        assert_int_equal(pages, i == 0 ? 230 : i == 1 ? 33 : i == 2 || i == 5 ? 3 : 1);
    }
}

/* A page ends where its twins are enough for one answer, and the next goes on there. */
static void test_query__large_twins(void **state)
{
    struct vd_buf body = {0};
    unsigned found = 0;
    unsigned pages = 0;

    (void)state;
    vd_buf_append_text(&body, "{\"properties\":{\"desired\":{\"k\":0");
    for (unsigned i = 0; i < 3000; i++) {
        vd_buf_printf(&body, ",\"%x\":1", i);
    }
    vd_buf_append_text(&body, "}}}");
    vd_buf_append(&body, "", 1);
    for (unsigned i = 0; i < 25; i++) {
        char target[32];

        snprintf(target, sizeof target, "/devices/d%02u", i);
        expect(200, "PUT", target, NULL, "{}");
        snprintf(target, sizeof target, "/twins/d%02u", i);
        expect(200, "PATCH", target, NULL, (const char *)body.data);
    }
    vd_buf_release(&body);
    for (unsigned i = 0; i < 300; i++) {
        char target[32];

        snprintf(target, sizeof target, "/devices/e%03u", i);
        expect(200, "PUT", target, NULL, "{}");
    }
    next[0] = '\0';
    do {
        char from[VD_HTTP_VALUE_SIZE];

        memcpy(from, next, sizeof from);
        assert_int_equal(query("SELECT * FROM devices", "1000", from), 200);
        found += (unsigned)json_array_size(answer.body);
        pages++;
    } while (next[0] != '\0' && pages < 100);
    assert_int_equal(found, 325);
    assert_in_range(pages, 2, 100);
}

/* All rows of the query in one array, the caller's, by pages of that size. */
static json_t *all_rows(const char *text, const char *size)
{
    json_t *rows = json_array();
    char from[VD_HTTP_VALUE_SIZE] = "";

    do {
        assert_int_equal(query(text, size, from[0] != '\0' ? from : NULL), 200);
        json_array_extend(rows, answer.body);
        memcpy(from, next, sizeof from);
        assert_in_range(json_array_size(rows), 0, 1000);
    } while (from[0] != '\0');
    return rows;
}

/* A query that names its devices, or a status, looks at those only, and finds what one finds that looks at all. */
static void test_query__named_devices(void **state)
{
    static const char *const conditions[] = {
        "deviceId = 'd005'",
        "deviceId = 'nobody'",
        "deviceId IN ['d007', 'nobody', 'd001', 'd007', 'a', 'zz']",
        "deviceId = 'd003' AND status = 'enabled'",
        "deviceId = 'd003' OR deviceId IN ['d001', 'd009'] AND status = 'disabled'",
        "deviceId = 'd001' AND deviceId = 'd002'",
        "deviceId = 5",
        "deviceId IN ['d000', 'd004'] AND moduleId = 'm1'",
        "status = 'disabled'",
        "'enabled' = status AND deviceId > 'd003'",
        "status = 'enabled' AND NOT is_defined(tags.none)",
        "status = 'disabled' AND status = 'enabled'",
        "status = 'disabled' OR deviceId = 'd001'",
        "status = 'none'",
        "status = 'disabled' AND deviceId IN ['d003', 'd004']",
    };
    static const char *const sizes[] = {"1", "2", "1000"};

    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        char target[48];

        snprintf(target, sizeof target, "/devices/d%03u", i);
        expect(200, "PUT", target, NULL, i % 3 == 0 ? "{\"status\":\"disabled\"}" : "{}");
        for (unsigned k = 0; k < i % 4; k++) {
            snprintf(target, sizeof target, "/devices/d%03u/modules/m%u", i, k);
            expect(200, "PUT", target, NULL, "{}");
        }
    }
    for (size_t i = 0; i < 2 * COUNT(conditions) * COUNT(sizes); i++) {
        const char *condition = conditions[i / 2 / COUNT(sizes)];
        char text[256];
        json_t *named;
        json_t *searched;

        snprintf(text, sizeof text, "SELECT deviceId, moduleId FROM devices%s WHERE %s",
            i % 2 == 0 ? "" : ".modules", condition);
        named = all_rows(text, sizes[i / 2 % COUNT(sizes)]);
        snprintf(text, sizeof text, "SELECT deviceId, moduleId FROM devices%s WHERE NOT NOT (%s)",
            i % 2 == 0 ? "" : ".modules", condition);
        searched = all_rows(text, "1000");
        if (!json_equal(named, searched)) {
            fail_msg("%s: %zu rows and not %zu", text, json_array_size(named),
                json_array_size(searched));
        }
        json_decref(named);
        json_decref(searched);
    }
}

static void test_query__faults(void **state)
{
    static const char *const texts[] = {
        "",
        "SELECT",
        "SELECT * FROM things",
        "SELECT * FROM devices WHERE",
        "SELECT * FROM devices WHERE a = ",
        "DELETE FROM devices",
    };
    static const char *const bodies[] = {"", "[]", "{}", "{\"query\":5}", "{\"query\":null}"};
    static const char *const sizes[] = {"0", "-1", "x", "", "1x", "99999999999999999999"};
    char kept[VD_HTTP_VALUE_SIZE];

    (void)state;
    make_fleet();
    for (size_t i = 0; i < COUNT(texts); i++) {
        assert_int_equal(query(texts[i], NULL, NULL), 400);
        assert_fault("ArgumentInvalid");
        assert_non_null(strstr(text_at(NULL, NULL, "Message"), "at byte "));
    }
    assert_int_equal(query("SELECT * FROM devices WHERE a = ", NULL, NULL), 400);
    assert_non_null(strstr(text_at(NULL, NULL, "Message"), "at byte 32: expected "));
    for (size_t i = 0; i < COUNT(bodies); i++) {
        expect(400, "POST", "/devices/query", NULL, bodies[i]);
    }
    for (size_t i = 0; i < COUNT(sizes); i++) {
        assert_int_equal(query("SELECT * FROM devices", sizes[i], NULL), 400);
        assert_fault("ArgumentInvalid");
    }
    assert_int_equal(query("SELECT * FROM devices", NULL, "nonsense"), 400);
    assert_int_equal(query("SELECT * FROM devices", "1", NULL), 200);
    assert_string_not_equal(next, "");
    memcpy(kept, next, sizeof kept);
    assert_int_equal(query("SELECT deviceId FROM devices", "1", kept), 400);
    assert_fault("ArgumentInvalid");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_query__##name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows),
        TEST(pages),
        TEST(large_twins),
        TEST(named_devices),
        TEST(faults),
    };

    vd_log_set_level(VD_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
