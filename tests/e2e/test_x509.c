/* SPDX-License-Identifier: MIT */
/* Devices with certificates, by programs that this project did not write: openssl makes them, mosquitto_pub shows them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/e2e/harness.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct e2e_hub hub;

/* The path of a file of the test; good until four more were asked for. */
static const char *file(const char *name, const char *ending)
{
    static char paths[4][160];
    static unsigned next;
    char *path = paths[next++ % COUNT(paths)];

    snprintf(path, sizeof paths[0], "%s/%s.%s", e2e_folder(), name, ending);
    return path;
}

static void run_ok(const char *const *argv)
{
    struct e2e_start start = {.argv = argv};
    struct e2e_result result = e2e_run(&start, 20000);

    if (result.status != 0) {
        fail_msg("%s %s: status %d\n%s%s", argv[0], argv[1], result.status, result.out, result.err);
    }
    e2e_result_release(&result);
}

/* A key and a certificate of its own for the name: NAME.key, NAME.pem. */
static void make_self_signed(const char *name, const char *common_name)
{
    char subject[160];

    snprintf(subject, sizeof subject, "/CN=%s", common_name);
    run_ok(E2E_ARGS("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", subject, "-keyout",
        file(name, "key"), "-out", file(name, "pem")));
}

/* Likewise, but signed by the CA of that name. */
static void make_signed(const char *name, const char *common_name, const char *ca)
{
    char subject[160];

    snprintf(subject, sizeof subject, "/CN=%s", common_name);
    run_ok(
        E2E_ARGS("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-subj", subject, "-keyout", file(name, "key"), "-out", file(name, "csr")));
    run_ok(E2E_ARGS("openssl", "x509", "-req", "-days", "2", "-in", file(name, "csr"), "-CA",
        file(ca, "pem"), "-CAkey", file(ca, "key"), "-CAcreateserial", "-out", file(name, "pem")));
}

/* The certificate's digest as openssl prints it, without its colons. */
static void fingerprint(const char *name, const char *digest, char out[65])
{
    struct e2e_start start = {.argv = E2E_ARGS("openssl", "x509", "-noout", "-fingerprint", digest,
                                  "-in", file(name, "pem"))};
    struct e2e_result result = e2e_run(&start, 20000);
    const char *at = strchr(result.out, '=');
    size_t length = 0;

    assert_int_equal(result.status, 0);
    assert_non_null(at);
    for (at++; *at != '\0' && *at != '\n' && length < 64; at++) {
        if (*at != ':') {
            out[length++] = *at;
        }
    }
    out[length] = '\0';
    e2e_result_release(&result);
}

/* Publishes as the device with the certificate (NULL: without one); the answer must be CONNACK `connack`. */
static void publish(const char *device, const char *certificate, int connack)
{
    char port[8];
    char user_name[128];
    char topic[128];
    char wanted[32];
    struct e2e_result sent;
    struct e2e_start start;

    snprintf(port, sizeof port, "%u", hub.port);
    snprintf(user_name, sizeof user_name, E2E_HUB_NAME "/%s/?api-version=2021-04-12", device);
    snprintf(topic, sizeof topic, "devices/%s/messages/events/", device);
    snprintf(wanted, sizeof wanted, "CONNACK (%d)", connack);
    start = (struct e2e_start){.argv = certificate != NULL
            ? E2E_ARGS("timeout", "10", "mosquitto_pub", "-d", "-h", "localhost", "-p", port,
                  "--cafile", hub.ca, "-V", "mqttv311", "-i", device, "-u", user_name, "-q", "1",
                  "-t", topic, "-m", "21.5", "--cert", file(certificate, "pem"), "--key",
                  file(certificate, "key"))
            : E2E_ARGS("timeout", "10", "mosquitto_pub", "-d", "-h", "localhost", "-p", port,
                  "--cafile", hub.ca, "-V", "mqttv311", "-i", device, "-u", user_name, "-q", "1",
                  "-t", topic, "-m", "21.5")};
    sent = e2e_run(&start, 15000);
    if (sent.status != connack || strstr(sent.out, wanted) == NULL ||
        (strstr(sent.out, "PUBACK") != NULL) != (connack == 0)) {
        fail_msg("%s with %s: status %d\n%s%s", device,
            certificate != NULL ? certificate : "no certificate", sent.status, sent.out, sent.err);
    }
    e2e_result_release(&sent);
}

static void test_x509__by_thumbprint(void **state)
{
    char sha1[65];
    char sha256[65];

    (void)state;
    make_self_signed("one", "whatever");
    make_self_signed("two", "whatever");
    make_self_signed("three", "pump");
    fingerprint("one", "-sha1", sha1);
    fingerprint("two", "-sha256", sha256);
    e2e_cli_ok(&hub,
        E2E_ARGS(
            "device", "create", "pump", "--thumbprint", sha1, "--secondary-thumbprint", sha256));
    publish("pump", "one", 0);
    publish("pump", "two", 0);
    publish("pump", "three", 5);
    publish("pump", NULL, 4);
}

static void test_x509__by_ca(void **state)
{
    json_t *answer;
    const char *code;

    (void)state;
    make_self_signed("owner", "The owner");
    make_self_signed("stranger", "The owner");
    make_signed("valve", "valve", "owner");
    make_signed("other", "other", "owner");
    make_signed("strange", "valve", "stranger");
    e2e_cli_ok(&hub, E2E_ARGS("device", "create", "valve", "--ca"));
    publish("valve", "valve", 5);
    e2e_cli_ok(&hub, E2E_ARGS("certificate", "add", "owner", file("owner", "pem")));
    publish("valve", "valve", 5);

    /* Proof of possession. */
    answer = e2e_cli_json(&hub, E2E_ARGS("certificate", "code", "owner"));
    code = json_string_value(json_object_get(answer, "verificationCode"));
    assert_non_null(code);
    make_signed("proof", code, "owner");
    json_decref(answer);
    e2e_cli_ok(&hub, E2E_ARGS("certificate", "verify", "owner", file("proof", "pem")));
    publish("valve", "valve", 0);
    publish("valve", "other", 5);
    publish("valve", "strange", 5);
    publish("valve", NULL, 4);

    answer = e2e_cli_json(&hub, E2E_ARGS("certificate", "list"));
    assert_int_equal(json_array_size(answer), 1);
    json_decref(answer);
    e2e_cli_ok(&hub, E2E_ARGS("certificate", "show", "owner"));
    e2e_cli_ok(&hub, E2E_ARGS("certificate", "delete", "owner"));
    publish("valve", "valve", 5);
}

/* One with a key needs its token, whatever certificate it shows besides. */
static void test_x509__a_certificate_is_no_token(void **state)
{
    (void)state;
    e2e_device_create(&hub, "by-key");
    publish("by-key", "valve", 4);
}

/* Each refusal is in the log with its reason. */
static void test_x509__reasons_are_logged(void **state)
{
    static const char *const reasons[] = {"thumbprint_mismatch", "no_certificate",
        "certificate_chain_untrusted", "certificate_common_name", "no_password"};

    (void)state;
    for (size_t i = 0; i < COUNT(reasons); i++) {
        assert_true(e2e_wait_text(hub.log, reasons[i], 10000));
    }
    e2e_hub_stop(&hub);
}

static int make_scene(void **state)
{
    (void)state;
    e2e_hub_init(&hub, "hub", NULL, "127.0.0.1", 0);
    e2e_hub_start(&hub);
    return 0;
}

int main(void)
{
    static const char *const programs[] = {"mosquitto_pub", "openssl", "timeout", NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_x509__by_thumbprint),
        cmocka_unit_test(test_x509__by_ca),
        cmocka_unit_test(test_x509__a_certificate_is_no_token),
        cmocka_unit_test(test_x509__reasons_are_logged),
    };
    int result = e2e_begin(0, programs);

    return result != 0 ? result
                       : e2e_end(cmocka_run_group_tests_name("x509", tests, make_scene, NULL));
}
