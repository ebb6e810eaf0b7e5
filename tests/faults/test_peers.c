/* SPDX-License-Identifier: MIT */
/* Peers that begin and do not go on, peers that guess, and a fleet that comes back all at once: honest devices go on. */

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <curl/curl.h>

#include "tests/e2e/mqtt.h"
#include "tests/faults/scene.h"

#define PACE_MS 20
#define HALVES  10 /* of each kind */
#define KINDS   4
/* The hub's ten seconds for a CONNECT, on a machine that is busy. */
#define CUT_OFF_MS    30000
#define KEEP_ALIVE_AT 11 /* of a CONNECT whose length takes two bytes */
#define TOKEN_LIFE_S  3600

#define GUESSES       300
#define ATTACKER      "127.0.0.66"
#define GROWTH_KIB    (24 * 1024)
#define FLEET         1000
#define FLEET_ALL     10000
#define BULK          100
#define CONNECTING    16 /* at the same time */
#define FLEET_WAIT_MS 300000

static struct scene scene;

static size_t connect_packet(uint8_t *out, size_t size, const char *device_id)
{
    char user[128];
    char token[512];

    e2e_user_name(user, sizeof user, device_id);
    e2e_token(token, sizeof token, device_id, E2E_PRIMARY_KEY, (int64_t)time(NULL) + TOKEN_LIFE_S);
    return e2e_mqtt_connect_packet(out, size, device_id, user, token);
}

/* ---- Half-open ---- */

/* Only TCP; a part of a handshake; a handshake and nothing; and half of a CONNECT. */
static struct e2e_mqtt halves[KINDS][HALVES];

static void open_halves(void)
{
    static const uint8_t hello[] = {0x16, 3, 1, 2, 0, 1, 0};
    uint8_t packet[1024];
    const size_t length = connect_packet(packet, sizeof packet, "device-2");

    for (size_t i = 0; i < HALVES; i++) {
        for (size_t kind = 0; kind < 2; kind++) {
            halves[kind][i] = (struct e2e_mqtt){.fd = e2e_tcp(scene.hub.port)};
            assert_true(halves[kind][i].fd > 0);
        }
        assert_int_equal(send(halves[1][i].fd, hello, sizeof hello, MSG_NOSIGNAL), sizeof hello);
        for (size_t kind = 2; kind < KINDS; kind++) {
            assert_true(e2e_mqtt_open(&halves[kind][i], scene.hub.port, scene.hub.ca));
        }
        assert_true(e2e_mqtt_write(&halves[3][i], packet, length / 2));
    }
}

static bool is_cut_off(struct e2e_mqtt *half)
{
    struct pollfd wait = {.fd = half->fd, .events = POLLIN};
    char byte;

    if (half->ssl != NULL) {
        return e2e_mqtt_closed_by_hub(half, CUT_OFF_MS);
    }
    return poll(&wait, 1, CUT_OFF_MS) == 1 && recv(half->fd, &byte, 1, 0) <= 0;
}

static void test_peers__half_open_are_cut_off(void **state)
{
    (void)state;
    open_halves();
    for (unsigned i = 0; i < SCENE_DEVICES; i++) {
        assert_true(e2e_sender_progress(scene.senders[i], 20, SCENE_WAIT_MS));
    }
    for (size_t kind = 0; kind < KINDS; kind++) {
        for (size_t i = 0; i < HALVES; i++) {
            if (!is_cut_off(&halves[kind][i])) {
                fail_msg("half %zu of kind %zu stays open", i, kind);
            }
            e2e_mqtt_close(&halves[kind][i]);
        }
    }
    scene_check(&scene);
}

/* One and a half times the second that it promised to be heard in. */
static void test_peers__lapsed_keep_alive_is_cut_off(void **state)
{
    struct e2e_mqtt mqtt;
    struct e2e_packet answer;
    uint8_t packet[1024];
    const size_t length = connect_packet(packet, sizeof packet, "device-2");

    (void)state;
    assert_memory_equal(packet + KEEP_ALIVE_AT - 6, "MQTT", 4);
    packet[KEEP_ALIVE_AT] = 0;
    packet[KEEP_ALIVE_AT + 1] = 1;
    assert_true(e2e_mqtt_open(&mqtt, scene.hub.port, scene.hub.ca));
    assert_true(e2e_mqtt_write(&mqtt, packet, length));
    assert_int_equal(e2e_mqtt_read(&mqtt, &answer, SCENE_WAIT_MS), E2E_READ_PACKET);
    assert_int_equal(answer.body[1], 0);
    assert_true(e2e_mqtt_closed_by_hub(&mqtt, CUT_OFF_MS));
    e2e_mqtt_close(&mqtt);
}

/* ---- Guessing ---- */

/* The code of CONNACK; -1: the hub closed instead. */
static int login(const char *source, const char *device_id, const char *key)
{
    struct e2e_mqtt mqtt;
    int code = -1;

    if (e2e_mqtt_open_from(&mqtt, source, scene.hub.port, scene.hub.ca)) {
        code = e2e_mqtt_login(&mqtt, device_id, key, TOKEN_LIFE_S);
        e2e_mqtt_close(&mqtt);
    }
    return code;
}

static long resident_kib(void)
{
    char path[64];
    char *text;
    const char *line;
    long kib = 0;

    snprintf(path, sizeof path, "/proc/%d/status", (int)scene.hub.pid);
    text = e2e_read_file(path, NULL);
    line = text != NULL ? strstr(text, "VmRSS:") : NULL;
    if (line != NULL) {
        kib = strtol(line + strlen("VmRSS:"), NULL, 10);
    }
    free(text);
    return kib;
}

static void test_peers__guesses_hurt_nobody(void **state)
{
    const long before_kib = resident_kib();
    json_t *alerts;
    int about_device = 0;
    char unknown[32];
    size_t i;
    const json_t *alert;

    (void)state;
    assert_true(before_kib > 0);
    for (unsigned n = 0; n < GUESSES; n++) {
        assert_true(login(ATTACKER, "device-2", E2E_OTHER_KEY) != 0);
        snprintf(unknown, sizeof unknown, "nobody-%u", n);
        assert_true(login(ATTACKER, unknown, E2E_OTHER_KEY) != 0);
        if (n % 100 == 50) { /* from elsewhere it is let in meanwhile */
            assert_int_equal(login(NULL, "device-2", E2E_PRIMARY_KEY), 0);
        }
    }
    scene_check(&scene);
    assert_true(resident_kib() - before_kib < GROWTH_KIB);
    alerts = e2e_alerts(&scene.hub);
    json_array_foreach(alerts, i, alert)
    {
        const char *device = json_string_value(json_object_get(alert, "deviceId"));

        assert_true(device != NULL && strncmp(device, "nobody", strlen("nobody")) != 0);
        about_device += strcmp(device, "device-2") == 0;
    }
    json_decref(alerts);
    assert_int_equal(about_device, 1);
}

/* ---- A fleet that comes back ---- */

static struct e2e_mqtt *fleet;
static unsigned fleet_size;
static atomic_uint next_device;
static atomic_uint connected;

static size_t drop(char *data, size_t size, size_t count, void *context)
{
    (void)data;
    (void)context;
    return size * count;
}

static void create_some(CURL *curl, unsigned from)
{
    json_t *items = json_array();
    char *body;
    char name[32];
    long status = 0;

    for (unsigned n = from; n < from + BULK; n++) {
        snprintf(name, sizeof name, "fleet-%u", n);
        json_array_append_new(items,
            json_pack("{s:s, s:s, s:{s:{s:s, s:s}}}", "id", name, "importMode", "create",
                "authentication", "symmetricKey", "primaryKey", E2E_PRIMARY_KEY, "secondaryKey",
                E2E_SECONDARY_KEY));
    }
    body = json_dumps(items, JSON_COMPACT);
    json_decref(items);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    assert_int_equal(curl_easy_perform(curl), CURLE_OK);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    assert_int_equal(status, 200);
    free(body);
}

static void create_fleet(void)
{
    json_t *policy = e2e_cli_json(&scene.hub, E2E_ARGS("policy", "show", "iothubowner"));
    struct curl_slist *headers = NULL;
    struct curl_slist *connect_to;
    CURL *curl = curl_easy_init();
    char token[512];
    char header[600];
    char to[64];

    e2e_policy_token(token, sizeof token, "iothubowner",
        json_string_value(json_object_get(policy, "primaryKey")),
        (int64_t)time(NULL) + TOKEN_LIFE_S);
    json_decref(policy);
    snprintf(header, sizeof header, "Authorization: %s", token);
    headers = curl_slist_append(headers, header);
    headers = curl_slist_append(headers, "Content-Type: application/json");
    snprintf(to, sizeof to, "::127.0.0.1:%u", scene.hub.https_port);
    connect_to = curl_slist_append(NULL, to);
    curl_easy_setopt(curl, CURLOPT_URL, "https://" E2E_HUB_NAME "/devices?api-version=2021-04-12");
    curl_easy_setopt(curl, CURLOPT_CONNECT_TO, connect_to);
    curl_easy_setopt(curl, CURLOPT_CAINFO, scene.hub.ca);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
    for (unsigned from = 0; from < fleet_size; from += BULK) {
        create_some(curl, from);
    }
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    curl_slist_free_all(connect_to);
}

/* Without a keep-alive: while the others connect nobody speaks for it. */
static bool connect_one(struct e2e_mqtt *mqtt, const char *name)
{
    struct e2e_packet answer;
    uint8_t packet[1024];
    const size_t length = connect_packet(packet, sizeof packet, name);

    packet[KEEP_ALIVE_AT] = 0;
    packet[KEEP_ALIVE_AT + 1] = 0;
    return e2e_mqtt_open(mqtt, scene.hub.port, scene.hub.ca) &&
        e2e_mqtt_write(mqtt, packet, length) &&
        e2e_mqtt_read(mqtt, &answer, SCENE_WAIT_MS) == E2E_READ_PACKET && answer.length == 2 &&
        answer.body[1] == 0;
}

static void *connect_some(void *context)
{
    unsigned n;

    (void)context;
    while ((n = atomic_fetch_add(&next_device, 1)) < fleet_size) {
        char name[32];

        snprintf(name, sizeof name, "fleet-%u", n);
        e2e_mqtt_close(&fleet[n]);
        while (!connect_one(&fleet[n], name)) {
            e2e_mqtt_close(&fleet[n]);
            e2e_pause();
        }
        atomic_fetch_add(&connected, 1);
    }
    return NULL;
}

static int64_t connect_fleet(void)
{
    const int64_t began_ms = e2e_now_ms();
    pthread_t threads[CONNECTING];

    atomic_store(&next_device, 0);
    atomic_store(&connected, 0);
    for (size_t i = 0; i < CONNECTING; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, connect_some, NULL), 0);
    }
    for (size_t i = 0; i < CONNECTING; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(atomic_load(&connected), fleet_size);
    return e2e_now_ms() - began_ms;
}

static bool all_are_there(void *context)
{
    json_t *status = e2e_status(&scene.hub);
    const json_int_t there =
        json_integer_value(json_object_get(json_object_get(status, "hub"), "authenticated"));

    json_decref(status);
    *(json_int_t *)context = there;
    return there >= (json_int_t)fleet_size + SCENE_DEVICES;
}

static void test_peers__a_fleet_comes_back_at_once(void **state)
{
    json_int_t there = 0;
    int64_t first_ms;
    int64_t again_ms;

    (void)state;
    fleet_size = scene_is_thorough() ? FLEET_ALL : FLEET;
    fleet = calloc(fleet_size, sizeof *fleet);
    assert_non_null(fleet);
    create_fleet();
    first_ms = connect_fleet();
    e2e_hub_kill(&scene.hub);
    scene_restart(&scene);
    again_ms = connect_fleet();
    if (!e2e_wait(FLEET_WAIT_MS, all_are_there, &there)) {
        fail_msg("%lld are there", (long long)there);
    }
    print_message("%u devices: connected in %lld ms, and again in %lld ms\n", fleet_size,
        (long long)first_ms, (long long)again_ms);
    scene_check(&scene);
    for (unsigned n = 0; n < fleet_size; n++) {
        e2e_mqtt_close(&fleet[n]);
    }
    free(fleet);
    scene_await_reason(&scene, NULL);
}

/* The sanitizer holds back 256 MiB of what was freed, which would be all that is measured here. */
static void give_back_what_is_freed(void)
{
    const char *given = getenv("ASAN_OPTIONS");
    char options[256];

    snprintf(options, sizeof options, "%s:quarantine_size_mb=1", given != NULL ? given : "");
    assert_int_equal(setenv("ASAN_OPTIONS", options, 1), 0);
}

static int make_scene(void **state)
{
    (void)state;
    give_back_what_is_freed();
    scene_make(&scene, "hub", "https.listen = 127.0.0.1:0\nhub.address_connects = 0\n", PACE_MS);
    e2e_device_create(&scene.hub, "device-2");
    return 0;
}

static int end_scene(void **state)
{
    (void)state;
    scene_end(&scene);
    return 0;
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_peers__half_open_are_cut_off),
    cmocka_unit_test(test_peers__lapsed_keep_alive_is_cut_off),
    cmocka_unit_test(test_peers__guesses_hurt_nobody),
    cmocka_unit_test(test_peers__a_fleet_comes_back_at_once),
};

SCENE_MAIN(0, "peers", tests, make_scene, end_scene)
