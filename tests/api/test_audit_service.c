/* SPDX-License-Identifier: MIT */
/* What back ends leave in the audit trail, by each route that there is. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/service/internal.h"
#include "tests/api/service_fixture.h"

static char path[96];

static int begin(void **state)
{
    static const uint8_t master[VD_MASTER_KEY_BYTES] = {7};
    int fd;

    snprintf(path, sizeof path, "/tmp/vedette-audit-XXXXXX");
    fd = mkstemp(path);
    if (fd < 0 || close(fd) != 0 || set_up(state) != 0 ||
        vd_audit_open(path, master, &service_audit) != VD_OK) {
        return -1;
    }
    service_again();
    return 0;
}

static int end(void **state)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    const int failed = tear_down(state);

    vd_audit_close(service_audit);
    service_audit = NULL;
    for (size_t i = 0; i < COUNT(ends); i++) {
        char file[128];

        snprintf(file, sizeof file, "%s%s", path, ends[i]);
        unlink(file);
    }
    return failed;
}

static uint64_t records(void)
{
    struct vd_audit_stats stats;

    vd_audit_stats_get(service_audit, &stats);
    assert_int_equal(stats.open, 0);
    return stats.to;
}

static void expect_last(const char *name, const char *value)
{
    json_t *record = NULL;

    assert_int_equal(vd_audit_get(service_audit, records(), &record), VD_OK);
    assert_string_equal(json_string_value(json_object_get(record, name)), value);
    json_decref(record);
}

/* Said once more, and otherwise than the program does. */
static bool changes(const char *method, const char *pattern)
{
    static const char *const others[] = {"devices/{d}/messages/events",
        "devices/{d}/messages/devicebound/{l}", "devices/{d}/messages/devicebound/{l}/abandon",
        "devices/query"};

    for (size_t i = 0; i < COUNT(others); i++) {
        if (strcmp(others[i], pattern) == 0) {
            return false;
        }
    }
    return strcmp(method, "GET") != 0;
}

static void target_of(const char *pattern, char *out, size_t size)
{
    size_t length = 0;

    out[length++] = '/';
    for (; *pattern != '\0' && length + 1 < size; pattern++) {
        if (*pattern == '{') {
            pattern += strcspn(pattern, "}");
            out[length++] = '7';
        } else {
            out[length++] = *pattern;
        }
    }
    out[length] = '\0';
}

static void test_audit__each_route_of_back_ends(void **state)
{
    size_t count;
    size_t changing = 0;
    const struct vd_service_route *routes = vd_service_routes(&count);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        const bool is_change = changes(routes[i].method, routes[i].pattern);
        const uint64_t before = records();
        char target[128];
        int added;

        if (routes[i].right == VD_RIGHT_OF_DEVICE) {
            assert_false(vd_service_route_is_audited(&routes[i]));
            continue;
        }
        changing += is_change ? 1 : 0;
        target_of(routes[i].pattern, target, sizeof target);
        (void)call(routes[i].method, target, NULL, "{}");
        added = (int)(records() - before);
        if (added != (is_change ? 1 : 0)) {
            fail_msg("%s %s leaves %d records", routes[i].method, routes[i].pattern, added);
        }
        if (is_change) {
            expect_last("path", routes[i].pattern);
            expect_last("who", "policy:iothubowner");
            expect_last("via", "service");
            expect_last("address", "192.0.2.1");
            assert_non_null(answer_header(VD_AUDIT_REQUEST_HEADER));
        }
    }
    assert_true(changing >= 14);
}

static void test_audit__back_ends_that_are_refused(void **state)
{
    (void)state;
    assert_int_equal(call_with(NULL, "DELETE", "/devices/d", NULL, NULL), 401);
    assert_int_equal(records(), 1);
    expect_last("kind", VD_AUDIT_SIGN_IN);
    expect_last("outcome", VD_AUDIT_REFUSED);
    expect_last("resource", "/devices/d");
    assert_int_equal(call_as("registryRead", "DELETE", "/devices/d", NULL, NULL), 403);
    assert_int_equal(records(), 2);
    expect_last("kind", VD_AUDIT_CHANGE);
    expect_last("outcome", VD_AUDIT_REFUSED);
    assert_int_equal(call_with(NULL, "GET", "/devices", NULL, NULL), 401);
    assert_int_equal(records(), 3);
}

static void test_audit__how_it_ended(void **state)
{
    (void)state;
    expect(200, "PUT", "/devices/d1", NULL, "{\"deviceId\":\"d1\",\"status\":\"disabled\"}");
    expect_last("outcome", VD_AUDIT_DONE);
    expect_last("changed", "deviceId=d1 status=disabled");
    expect(409, "PUT", "/devices/d1", NULL, "{\"deviceId\":\"d1\"}");
    expect_last("outcome", VD_AUDIT_FAILED);
    expect_last("note", "DeviceAlreadyExists");
    bus.connected = "d1";
    bus.method_payload = "{}";
    expect(200, "POST", "/twins/d1/methods", NULL,
        "{\"methodName\":\"reboot\",\"payload\":{\"pin\":\"hunter2\"}}");
    expect_last("changed", "methodName=reboot payload.pin");
    expect_last("path", "twins/{d}/methods");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_audit__each_route_of_back_ends),
        TEST(test_audit__back_ends_that_are_refused),
        TEST(test_audit__how_it_ended),
    };

    return cmocka_run_group_tests_name("api_audit_service", tests, NULL, NULL);
}
