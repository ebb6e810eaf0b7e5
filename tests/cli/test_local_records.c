/* SPDX-License-Identifier: MIT */
/* What the owner's requests leave in the event log: what was done to whom, how it ended, and which local user asked. */

#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/stores.h"
#include "tests/cli/api_fixture.h"

/* A bus that keeps the last record. */
static char recorded[4096];
static enum vd_event_kind recorded_kind;
static unsigned records;

static int keep(struct vd_bus *to, const struct vd_event *event)
{
    (void)to;
    records++;
    recorded_kind = event->kind;
    return vd_str_copy(event->body, recorded, sizeof recorded);
}

static const struct vd_bus_ops keeping_ops = {.record = keep};
static struct vd_bus keeping = {&keeping_ops};
static const struct vd_recorder recorder = {.bus = &keeping, .resource_id = "/HUB"};

static int set_up_records(void **state)
{
    const int failed = set_up(state);

    api.recorder = &recorder;
    records = 0;
    return failed;
}

static int ask(const char *method, const char *path, const char *body, const uid_t *user)
{
    const char *query = strchr(path, '?');
    char folder[1024];
    const struct vd_api_request request = {.method = method,
        .path = folder,
        .query = query != NULL ? query + 1 : NULL,
        .body = vd_str_from(body != NULL ? body : ""),
        .caller = vd_api_local_caller(user)};
    struct vd_api_answer answer;

    snprintf(folder, sizeof folder, "%.*s", (int)strcspn(path, "?"), path);
    vd_api_call(&api, &request, &answer);
    json_decref(answer.body);
    return answer.status;
}

static void test_local_records__each_operation(void **state)
{
    static const struct {
        const char *method;
        const char *path;
        const char *body;
        int status;
        const char *says[3];
    } cases[] = {
        {"POST", "/devices", "{\"deviceId\":\"a\"}", 201,
            {"\"operationName\":\"create\"", "DeviceIdentityOperations", "deviceId\\\":\\\"a\\\""}},
        {"POST", "/devices", "{\"deviceId\":\"a\"}", 409,
            {"\"operationName\":\"create\"", "409001", "deviceId\\\":\\\"a\\\""}},
        {"POST", "/devices", "{", 400, {"\"operationName\":\"create\"", "400004", "Error"}},
        {"GET", "/devices/a", NULL, 200, {"\"operationName\":\"get\"", "Local", "200"}},
        {"GET", "/devices", NULL, 200, {"\"operationName\":\"list\"", "Local", "200"}},
        {"PATCH", "/devices/a", "{\"status\":\"disabled\"}", 200,
            {"\"operationName\":\"update\"", "DeviceIdentityOperations", "a"}},
        {"GET", "/devices/a/twin", NULL, 200, {"\"operationName\":\"read\"", "C2DTwin", "a"}},
        {"PATCH", "/devices/a/twin", "{\"tags\":{}}", 200,
            {"\"operationName\":\"update\"", "C2DTwinOperations", "a"}},
        {"PUT", "/devices/a/group", "{}", 400,
            {"\"operationName\":\"update\"", "C2DTwinOperations",
                "moduleId\\\":\\\"azureiotsecurity"}},
        {"POST", "/twins/query", "{\"query\":\"SELECT * FROM devices\"}", 200,
            {"\"operationName\":\"query\"", "TwinQueries", "SELECT * FROM devices"}},
        {"POST", "/devices/a/messages", "{\"payload\":\"x\"}", 201,
            {"\"operationName\":\"send\"", "C2DCommands", "messageId\\\":\\\""}},
        {"DELETE", "/devices/a/messages", NULL, 200,
            {"\"operationName\":\"queuePurged\"", "C2DCommands", "a"}},
        {"DELETE", "/feedback", NULL, 204,
            {"\"operationName\":\"feedbackRemoved\"", "C2DCommands", "200"}},
        {"POST", "/devices/a/methods", "{}", 400,
            {"\"operationName\":\"send\"", "DirectMethods", "400004"}},
        {"POST", "/devices/none/methods", "{\"methodName\":\"m\"}", 404,
            {"\"operationName\":\"send\"", "DirectMethods", "404001"}},
        {"POST", "/devices/a/modules/m/methods", "{\"methodName\":\"m\"}", 404,
            {"\"operationName\":\"send\"", "moduleId\\\":\\\"m\\\"", "404010"}},
        {"DELETE", "/devices/a", NULL, 204, {"\"operationName\":\"delete\"", "200", "a"}},
        {"DELETE", "/devices/a", NULL, 404, {"\"operationName\":\"delete\"", "404001", "Error"}},
        {"DELETE", "/tokens/none", NULL, 404,
            {"Vedette/tokens/delete", "Failed", "/HUB/tokens/none"}},
        {"PUT", "/feeds/drop", "{\"text\":\"192.0.2.1\"}", 200,
            {"Vedette/feeds/write", "\"Succeeded\"", "/HUB/feeds/drop\""}},
        {"POST", "/indicators?feed=drop+2", "{\"name\":\"x\"}", 400,
            {"Vedette/feeds/write", "\"Failed\"", "/HUB/feeds/drop 2\""}},
        {"POST", "/feeds/drop/refresh", NULL, 400,
            {"Vedette/feeds/refresh/action", "\"Failed\"", "/HUB/feeds/drop\""}},
        {"DELETE", "/feeds/drop", NULL, 204,
            {"Vedette/feeds/delete", "\"Succeeded\"", "/HUB/feeds/drop\""}},
        {"PUT", "/queries/q", "{\"query\":\"print 1\"}", 201,
            {"Vedette/queries/write", "\"Succeeded\"", "/HUB/queries/q\""}},
        {"DELETE", "/queries/q", NULL, 204,
            {"Vedette/queries/delete", "\"Succeeded\"", "/HUB/queries/q\""}},
        {"POST", "/notify",
            "{\"name\":\"s\",\"kind\":\"file\",\"settings\":{\"path\":\"/tmp/nowhere\"}}", 201,
            {"Vedette/sinks/write", "\"Succeeded\"", "/HUB/sinks/s\""}},
        {"POST", "/notify/s/test", NULL, 204,
            {"Vedette/sinks/test/action", "\"Succeeded\"", "/HUB/sinks/s\""}},
        {"DELETE", "/notify/s", NULL, 204,
            {"Vedette/sinks/delete", "\"Succeeded\"", "/HUB/sinks/s\""}},
        {"POST", "/notify-dead/5/replay", NULL, 404,
            {"Vedette/sinks/deadLetters/replay/action", "\"Failed\"",
                "/HUB/sinks/deadLetters/5\""}},
        {"DELETE", "/notify-dead/5", NULL, 404,
            {"Vedette/sinks/deadLetters/delete", "\"Failed\"", "/HUB/sinks/deadLetters/5\""}},
        {"DELETE", "/dead-letters/5", NULL, 404,
            {"Vedette/deadLetters/delete", "\"Failed\"", "/HUB/deadLetters/5\""}},
        {"DELETE", "/dead-letters", NULL, 400,
            {"Vedette/deadLetters/delete", "\"Failed\"", "/HUB\""}},
        {"POST", "/certificates", "{\"name\":\"ca1\"}", 400,
            {"Microsoft.Devices/IotHubs/certificates/write", "Failed", "certificates/ca1\""}},
        {"POST", "/certificates", "{\"name\":\"/\"}", 400,
            {"Microsoft.Devices/IotHubs/certificates/write", "Failed", "/HUB\""}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(ask(cases[i].method, cases[i].path, cases[i].body, NULL), cases[i].status);
        assert_int_equal(records, i + 1);
        for (size_t n = 0; n < COUNT(cases[i].says); n++) {
            if (strstr(recorded, cases[i].says[n]) == NULL) {
                fail_msg("%s %s: no %s in %s", cases[i].method, cases[i].path, cases[i].says[n],
                    recorded);
            }
        }
    }
    /* Nobody asked for anything of the hub, or there was nothing. */
    assert_int_equal(ask("GET", "/feedback", NULL, NULL), 200);
    assert_int_equal(ask("GET", "/status", NULL, NULL), 200);
    assert_int_equal(ask("GET", "/none", NULL, NULL), 404);
    assert_int_equal(records, COUNT(cases));
}

/* An id that is none would not fit into a record: it is left out, the record is not. */
static void test_local_records__of_an_id_that_is_none(void **state)
{
    char path[800] = "/devices/";

    (void)state;
    memset(path + strlen(path), 'x', 700);
    assert_int_equal(ask("DELETE", path, NULL, NULL), 404);
    assert_int_equal(records, 1);
    assert_non_null(strstr(recorded, "\"operationName\":\"delete\""));
    assert_null(strstr(recorded, "deviceId"));
}

static void test_local_records__callers(void **state)
{
    const uid_t nobody_here = 4000000000U;
    const uid_t root = 0;

    (void)state;
    assert_int_equal(ask("DELETE", "/devices/a", NULL, &nobody_here), 404);
    assert_int_equal(recorded_kind, VD_EVENT_OPERATION);
    assert_non_null(strstr(recorded, "caller\\\":\\\"local:4000000000\\\""));
    assert_int_equal(ask("DELETE", "/devices/a", NULL, &root), 404);
    assert_non_null(strstr(recorded, "caller\\\":\\\"local:root\\\""));
    assert_int_equal(ask("DELETE", "/devices/a", NULL, NULL), 404);
    assert_non_null(strstr(recorded, "caller\\\":\\\"local\\\""));
    assert_int_equal(ask("DELETE", "/tokens/a", NULL, &root), 404);
    assert_int_equal(recorded_kind, VD_EVENT_ACTIVITY);
    assert_non_null(strstr(recorded, "\"caller\":\"local:root\""));
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(test_local_records__##name, set_up_records, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_operation),
        TEST(of_an_id_that_is_none),
        TEST(callers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
