/* SPDX-License-Identifier: MIT */
/* Sessions without sockets: who is let in, and what whoever is not is told. */

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "hub/sas.h"
#include "tests/hub/fake_host.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* One CONNECT, and the answer that it must get. */
struct login {
    const char *client_id;
    const char *user_name;
    const char *resource; /* of the token; NULL: `password` as it is */
    const char *key;
    int64_t expiry_s;
    const char *policy;
    const char *password;
    enum vd_refusal expected;
};

#define USER_DEV1 PACKET_HUB_NAME "/dev1/?api-version=2021-04-12"
#define SR_DEV1   PACKET_HUB_NAME "/devices/dev1"

static const struct login logins[] = {
    {"dev1", USER_DEV1, SR_DEV1, "a", FAKE_LATER_S, NULL, NULL, VD_REFUSED_NOT},
    {"dev1", USER_DEV1, SR_DEV1, "b", FAKE_LATER_S, NULL, NULL, VD_REFUSED_NOT},
    {"dev1", USER_DEV1, PACKET_HUB_NAME, "a", FAKE_LATER_S, NULL, NULL, VD_REFUSED_NOT},
    {"dev1", "HUB.EXAMPLE/dev1/?api-version=2021-04-12", SR_DEV1, "a", FAKE_LATER_S, NULL, NULL,
        VD_REFUSED_NOT},
    {"dev1", "hub.example:8883/dev1/?api-version=2021-04-12", "hub.example:8883/devices/dev1", "a",
        FAKE_LATER_S, NULL, NULL, VD_REFUSED_NOT},
    {"dev1", "hub.example/dev1/api-version=2016-11-14", SR_DEV1, "a", FAKE_LATER_S, NULL, NULL,
        VD_REFUSED_NOT},
    {"dev1", "hub.example/dev1/?model-id=dtmi:a:b;1&api-version=2021-04-12&DeviceClientType=x%2F1",
        SR_DEV1, "a", FAKE_LATER_S, NULL, NULL, VD_REFUSED_NOT},
    {"dev1/mod", "hub.example/dev1/mod/?api-version=2021-04-12",
        "hub.example/devices/dev1/modules/mod", "c", FAKE_LATER_S, NULL, NULL, VD_REFUSED_NOT},
    {"dev1/mod", "hub.example/dev1/mod/?api-version=2021-04-12", SR_DEV1, "d", FAKE_LATER_S, NULL,
        NULL, VD_REFUSED_NOT},
    /* client id */
    {"", USER_DEV1, SR_DEV1, "a", FAKE_LATER_S, NULL, NULL, VD_REFUSED_CLIENT_ID},
    {"dev 1", USER_DEV1, SR_DEV1, "a", FAKE_LATER_S, NULL, NULL, VD_REFUSED_CLIENT_ID},
    {"dev1/", USER_DEV1, SR_DEV1, "a", FAKE_LATER_S, NULL, NULL, VD_REFUSED_CLIENT_ID},
    {"/mod", USER_DEV1, SR_DEV1, "a", FAKE_LATER_S, NULL, NULL, VD_REFUSED_CLIENT_ID},
    {"dev1/mod/x", USER_DEV1, SR_DEV1, "a", FAKE_LATER_S, NULL, NULL, VD_REFUSED_CLIENT_ID},
    /* user name */
    {"dev1", NULL, NULL, NULL, 0, NULL, NULL, VD_REFUSED_USER_NAME},
    {"dev1", "hub.example", SR_DEV1, "a", FAKE_LATER_S, NULL, NULL, VD_REFUSED_USER_NAME},
    {"dev1", "hub.example/dev1", SR_DEV1, "a", FAKE_LATER_S, NULL, NULL, VD_REFUSED_USER_NAME},
    {"dev1", "hub.example/dev1/", SR_DEV1, "a", FAKE_LATER_S, NULL, NULL, VD_REFUSED_USER_NAME},
    {"dev1", "hub.example/dev1/?api-version=", SR_DEV1, "a", FAKE_LATER_S, NULL, NULL,
        VD_REFUSED_USER_NAME},
    {"dev1", "hub.example/dev2/?api-version=2021-04-12", SR_DEV1, "a", FAKE_LATER_S, NULL, NULL,
        VD_REFUSED_USER_NAME},
    {"dev1", "hub.example/dev1/mod/?api-version=2021-04-12", SR_DEV1, "a", FAKE_LATER_S, NULL, NULL,
        VD_REFUSED_USER_NAME},
    {"dev1/mod", USER_DEV1, SR_DEV1, "a", FAKE_LATER_S, NULL, NULL, VD_REFUSED_USER_NAME},
    {"dev1", "other.example/dev1/?api-version=2021-04-12", SR_DEV1, "a", FAKE_LATER_S, NULL, NULL,
        VD_REFUSED_HUB_NAME},
    {"dev1", "hub.example.org/dev1/?api-version=2021-04-12", SR_DEV1, "a", FAKE_LATER_S, NULL, NULL,
        VD_REFUSED_HUB_NAME},
    {"dev1", "", SR_DEV1, "a", FAKE_LATER_S, NULL, NULL, VD_REFUSED_HUB_NAME},
    /* password */
    {"dev1", USER_DEV1, NULL, NULL, 0, NULL, NULL, VD_REFUSED_NO_PASSWORD},
    {"dev1", USER_DEV1, NULL, NULL, 0, NULL, "", VD_REFUSED_NO_PASSWORD},
    {"dev1", USER_DEV1, NULL, NULL, 0, NULL, "secret", VD_REFUSED_TOKEN},
    {"dev1", USER_DEV1, NULL, NULL, 0, NULL, "SharedAccessSignature sr=a&se=1", VD_REFUSED_TOKEN},
    {"dev1", USER_DEV1, SR_DEV1, "a", FAKE_LATER_S, "device", NULL, VD_REFUSED_POLICY},
    /* identity */
    {"dev2", "hub.example/dev2/?api-version=2021-04-12", "hub.example/devices/dev2", "a",
        FAKE_LATER_S, NULL, NULL, VD_REFUSED_UNKNOWN},
    {"dev1/other", "hub.example/dev1/other/?api-version=2021-04-12", SR_DEV1, "a", FAKE_LATER_S,
        NULL, NULL, VD_REFUSED_UNKNOWN},
    {"DEV1", "hub.example/DEV1/?api-version=2021-04-12", "hub.example/devices/DEV1", "a",
        FAKE_LATER_S, NULL, NULL, VD_REFUSED_UNKNOWN},
    {"off", "hub.example/off/?api-version=2021-04-12", "hub.example/devices/off", "a", FAKE_LATER_S,
        NULL, NULL, VD_REFUSED_DISABLED},
    /* token */
    {"dev1", USER_DEV1, SR_DEV1, "x", FAKE_LATER_S, NULL, NULL, VD_REFUSED_SIGNATURE},
    {"dev1", USER_DEV1, SR_DEV1, "c", FAKE_LATER_S, NULL, NULL, VD_REFUSED_SIGNATURE},
    {"dev1", USER_DEV1, SR_DEV1, "x", 1, NULL, NULL, VD_REFUSED_SIGNATURE},
    {"dev1", USER_DEV1, "hub.example/devices/dev2", "a", FAKE_LATER_S, NULL, NULL,
        VD_REFUSED_RESOURCE},
    {"dev1", USER_DEV1, "other.example/devices/dev1", "a", FAKE_LATER_S, NULL, NULL,
        VD_REFUSED_RESOURCE},
    {"dev1", USER_DEV1, SR_DEV1, "a", FAKE_NOW_MS / 1000, NULL, NULL, VD_REFUSED_EXPIRED},
    {"dev1", USER_DEV1, SR_DEV1, "a", FAKE_NOW_MS / 1000 + 1, NULL, NULL, VD_REFUSED_NOT},
    {"dev1", USER_DEV1, SR_DEV1, "b", 1, NULL, NULL, VD_REFUSED_EXPIRED},
};

static void login(struct fake_host *fake, const struct login *login)
{
    struct vd_key key = memory_key((login->key != NULL ? login->key : "")[0]);
    struct vd_buf packet = {0};
    struct packet_connect connect = {login->client_id, login->user_name, login->password, 60};
    char token[1024];

    if (login->resource != NULL) {
        assert_int_equal(
            vd_sas_make(login->resource, &key, login->expiry_s, login->policy, token, sizeof token),
            VD_OK);
        connect.password = token;
    }
    packet_connect(&packet, &connect);
    assert_int_equal(fake_host_input(fake, &packet), packet.length);
    vd_buf_release(&packet);
}

static void test_session__logins(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(logins); i++) {
        struct fake_host fake;
        bool accepted = logins[i].expected == VD_REFUSED_NOT;
        uint8_t connack[4] = {0x20, 2, 0, (uint8_t)vd_refusal_code(logins[i].expected)};

        fake_host_init(&fake);
        login(&fake, &logins[i]);
        if (fake.refusal != logins[i].expected) {
            fail_msg("login %zu: %s", i, vd_refusal_text(fake.refusal));
        }
        assert_int_equal(fake.refusals, accepted ? 0 : 1);
        assert_int_equal(fake.claims, accepted ? 1 : 0);
        assert_int_equal(fake.sent.length, 4);
        assert_memory_equal(fake.sent.data, connack, 4);
        assert_int_equal(fake.session.state, accepted ? VD_SESSION_CONNECTED : VD_SESSION_CLOSING);
        fake_host_release(&fake);
    }
}

static void test_session__login_registry(void **state)
{
    struct fake_host fake;

    (void)state;
    fake_host_init(&fake);
    fake.registry.fail_with = VD_E_IO;
    login(&fake, &logins[0]);
    assert_int_equal(fake.refusal, VD_REFUSED_REGISTRY);
    assert_memory_equal(fake.sent.data, "\x20\x02\x00\x03", 4);
    fake_host_release(&fake);

    fake_host_init(&fake);
    fake.registry.identities[0].enabled = false;
    login(&fake, &logins[7]); /* a module of a device that is disabled */
    assert_int_equal(fake.refusal, VD_REFUSED_DISABLED);
    fake_host_release(&fake);
}

/* The documented codes (iot-hub.md): 2 for the id, 4 for user name and password, 5 for what is not authorised. */
static void test_session__codes(void **state)
{
    static const struct {
        enum vd_refusal refusal;
        int code;
    } cases[] = {
        {VD_REFUSED_CLIENT_ID, 2},
        {VD_REFUSED_USER_NAME, 4},
        {VD_REFUSED_HUB_NAME, 4},
        {VD_REFUSED_NO_PASSWORD, 4},
        {VD_REFUSED_TOKEN, 4},
        {VD_REFUSED_POLICY, 5},
        {VD_REFUSED_UNKNOWN, 5},
        {VD_REFUSED_DISABLED, 5},
        {VD_REFUSED_SIGNATURE, 5},
        {VD_REFUSED_RESOURCE, 5},
        {VD_REFUSED_EXPIRED, 5},
        {VD_REFUSED_WILL, 5},
        {VD_REFUSED_STATE, 3},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(vd_refusal_code(cases[i].refusal), cases[i].code);
    }
}

static void test_session__will(void **state)
{
    struct fake_host fake;
    struct vd_buf packet = {0};
    struct vd_buf body = {0};
    struct vd_key key = memory_key('a');
    size_t at = 2;

    (void)state;
    fake_host_init(&fake);
    packet_connect_device(&packet, "dev1", NULL, &key, FAKE_LATER_S, 60);
    while ((packet.data[at - 1] & 0x80) != 0) {
        at++;
    }
    vd_buf_append(&body, packet.data + at, 16); /* up to and with the client id */
    body.data[7] |= 4;
    vd_buf_append(&body,
        "\x00\x1d"
        "devices/dev1/messages/events/\x00\x01w",
        34);
    vd_buf_append(&body, packet.data + at + 16, packet.length - at - 16);
    vd_buf_clear(&packet);
    packet_raw(&packet, 0x10, body.data, body.length);
    fake_host_input(&fake, &packet);
    assert_int_equal(fake.refusal, VD_REFUSED_WILL);
    assert_memory_equal(fake.sent.data, "\x20\x02\x00\x05", 4);
    vd_buf_release(&packet);
    vd_buf_release(&body);
    fake_host_release(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_session__logins),
        cmocka_unit_test(test_session__login_registry),
        cmocka_unit_test(test_session__codes),
        cmocka_unit_test(test_session__will),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
