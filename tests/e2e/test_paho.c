/* SPDX-License-Identifier: MIT */
/* Clients that this project did not write: Eclipse Paho's for C, over TLS and over WebSocket. */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/e2e/harness.h"

#define WAIT_MS     15000
#define EVENTS      "devices/device-1/messages/events/"
#define DEVICEBOUND "devices/device-1/messages/devicebound/#"
#define LIFE_S      600

static struct e2e_hub hub;

/* How the client gets there. */
struct way {
    const char *name;
    bool is_websocket;
};

static const struct way ways[] = {{"TLS", false}, {"WebSocket", true}};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

/* What every client of device-1 is started with. */
struct login {
    char connection[64];
    char user_name[256];
    char token[512];
};

static void make_login(struct login *login, const struct way *way, const char *key)
{
    const unsigned port = way->is_websocket ? hub.https_port : hub.port;
    snprintf(login->connection, sizeof(login->connection), "%s://localhost:%u%s",
        way->is_websocket ? "wss" : "ssl", port, way->is_websocket ? "/$iothub/websocket" : "");
    e2e_user_name(login->user_name, sizeof(login->user_name), "device-1");
    e2e_token(login->token, sizeof(login->token), "device-1", key, (int64_t)time(NULL) + LIFE_S);
}

static struct e2e_result publish(
    const struct way *way, const char *qos, const char *option, const char *value)
{
    struct login login;
    make_login(&login, way, E2E_PRIMARY_KEY);
    struct e2e_start start = {
        .argv = E2E_ARGS("timeout", "10", "paho_c_pub", "-c", login.connection, "--cafile", hub.ca,
            "-i", "device-1", "-u", login.user_name, "-P", login.token, "-t", EVENTS "room=kitchen",
            "-q", qos, option, value),
    };
    return e2e_run(&start, WAIT_MS);
}

static json_int_t hub_counter(const char *name)
{
    json_t *status = e2e_status(&hub);
    json_int_t number = json_integer_value(json_object_get(json_object_get(status, "hub"), name));
    json_decref(status);
    return number;
}

static bool has_taken(void *context)
{
    return hub_counter("telemetry") >= *(const json_int_t *)context;
}

static void check_published(const struct way *way, const char *qos, const char *option,
    const char *value, json_int_t messages)
{
    json_int_t wanted = hub_counter("telemetry") + messages;
    struct e2e_result sent = publish(way, qos, option, value);
    if (sent.status != 0 || !e2e_wait(WAIT_MS, has_taken, &wanted)) {
        fail_msg("%s, QoS %s: status %d\n%s%s", way->name, qos, sent.status, sent.out, sent.err);
    }
    assert_int_equal(hub_counter("telemetry"), wanted);
    e2e_result_release(&sent);
}

static void test_paho__telemetry(void **state)
{
    static char body[200000];
    char path[128];
    (void)state;
    memset(body, 'x', sizeof(body));
    snprintf(path, sizeof(path), "%s/large", e2e_folder());
    e2e_write_file(path, body, sizeof(body));
    for (size_t i = 0; i < WAYS; i++) {
        check_published(&ways[i], "1", "-m", "21.5", 1);
        check_published(&ways[i], "0", "-m", "21.5", 1);
        check_published(&ways[i], "1", "-f", path, 1);
    }
}

/* The client says so, and tries no more, but does not end by itself. */
static void test_paho__a_wrong_key_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < WAYS; i++) {
        json_int_t refused = hub_counter("refused");
        struct login login;
        char path[128];
        make_login(&login, &ways[i], E2E_OTHER_KEY);
        snprintf(path, sizeof(path), "%s/refused-%zu", e2e_folder(), i);
        struct e2e_start start = {
            .argv = E2E_ARGS("paho_c_pub", "-c", login.connection, "--cafile", hub.ca, "-i",
                "device-1", "-u", login.user_name, "-P", login.token, "-t", EVENTS, "-q", "1", "-m",
                "let me in", "--trace", "protocol"),
            .stdout_path = path,
        };
        pid_t publisher = e2e_start(&start);
        if (!e2e_wait_text(path, "CONNACK rc: 5", WAIT_MS)) {
            fail_msg("%s: it was not refused", ways[i].name);
        }
        e2e_stop(publisher, SIGTERM, WAIT_MS);
        assert_int_equal(hub_counter("refused"), refused + 1);
    }
}

/* A client that waits for messages gets one that is sent to the device. */
static void test_paho__messages_to_the_device(void **state)
{
    (void)state;
    for (size_t i = 0; i < WAYS; i++) {
        struct login login;
        char path[128];
        make_login(&login, &ways[i], E2E_PRIMARY_KEY);
        snprintf(path, sizeof(path), "%s/received-%zu", e2e_folder(), i);
        struct e2e_start start = {
            .argv = E2E_ARGS("paho_c_sub", "-c", login.connection, "--cafile", hub.ca, "-i",
                "device-1", "-u", login.user_name, "-P", login.token, "-t", DEVICEBOUND, "-q", "1"),
            .stdout_path = path,
        };
        pid_t subscriber = e2e_start(&start);
        e2e_cli_ok(&hub, E2E_ARGS("device", "send", "device-1", ways[i].name, "--ack", "full"));
        if (!e2e_wait_text(path, ways[i].name, WAIT_MS)) {
            fail_msg("%s: nothing came", ways[i].name);
        }
        e2e_stop(subscriber, SIGTERM, WAIT_MS);
    }
}

static int make_scene(void **state)
{
    (void)state;
    e2e_hub_init(&hub, "hub", NULL, "127.0.0.1", 0);
    e2e_hub_serve_https(&hub);
    e2e_hub_start(&hub);
    e2e_device_create(&hub, "device-1");
    return hub.https_port != 0 ? 0 : -1;
}

static int end_scene(void **state)
{
    (void)state;
    e2e_hub_stop(&hub);
    return 0;
}

int main(void)
{
    static const char *const programs[] = {"paho_c_pub", "paho_c_sub", "timeout", NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paho__telemetry),
        cmocka_unit_test(test_paho__a_wrong_key_is_refused),
        cmocka_unit_test(test_paho__messages_to_the_device),
    };
    int result = e2e_begin(0, programs);
    return result != 0 ? result
                       : e2e_end(cmocka_run_group_tests_name("paho", tests, make_scene, end_scene));
}
