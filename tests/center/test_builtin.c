/* SPDX-License-Identifier: MIT */
/* The built-in alerts about refused logins and about the hub: what fires, what must not, and what it looks like. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "center/detect/control_plane.h"
#include "center/detect/engine.h"
#include "center/detect/login_refused.h"
#include "lib/clock.h"

#define T0_MS 1764000010000LL

static struct vd_engine *engine;
static struct vd_findings findings;
static struct vd_detect_settings settings;

static int setup(void **unused)
{
    (void)unused;
    settings = (struct vd_detect_settings){.lateness_ms = 60000, .log_epoch = "e"};
    return vd_engine_new(&settings, NULL, &engine);
}

static int teardown(void **unused)
{
    (void)unused;
    vd_engine_free(engine);
    vd_findings_release(&findings);
    return 0;
}

/* ---- The verdict ---- */

/* Over all that can be known: the rule is written down once more, as plainly as can be. */
static const char *model(const struct vd_login_facts *f)
{
    const bool is_over =
        (f->fault == VD_LOGIN_TOKEN_EXPIRED || f->fault == VD_LOGIN_CERTIFICATE_EXPIRED) &&
        !f->was_never_good;

    if (f->was_copied && is_over) {
        return "copied_credential";
    }
    if (f->is_connected && f->is_connected_elsewhere) {
        return is_over ? "copied_credential" : "guessed_credential";
    }
    if (f->is_connected || f->was_here_lately) {
        return "renewal";
    }
    if (!is_over) {
        return f->was_heard_here ? "replaced_credential" : "guessed_credential";
    }
    if (f->has_clock && f->clock_error_ms < 0 && f->over_by_ms <= 30000 - f->clock_error_ms) {
        return "clock_skew";
    }
    return "expired_credential";
}

static void test_login__verdicts(void **unused)
{
    static const int64_t clocks[] = {-3600000, -570000, -569999, -1, 0, 600000};
    size_t seen[6] = {0};

    (void)unused;
    for (unsigned bits = 0; bits < 128; bits++) {
        for (int fault = 0; fault < VD_LOGIN_RULES; fault++) {
            for (size_t i = 0; i < sizeof clocks / sizeof clocks[0]; i++) {
                const struct vd_login_facts facts = {
                    .fault = (enum vd_login_fault)fault,
                    .is_connected = (bits & 1) != 0,
                    .is_connected_elsewhere = (bits & 2) != 0,
                    .was_here_lately = (bits & 4) != 0,
                    .was_heard_here = (bits & 8) != 0,
                    .has_clock = (bits & 16) != 0,
                    .clock_error_ms = clocks[i],
                    .over_by_ms = 600000,
                    .was_never_good = (bits & 32) != 0,
                    .was_copied = (bits & 64) != 0,
                };
                const enum vd_login_verdict verdict = vd_login_judge(&facts);

                seen[verdict]++;
                assert_string_equal(vd_login_verdict_text(verdict), model(&facts));
                assert_true(strlen(vd_login_verdict_why(verdict)) > 80);
            }
        }
    }
    for (size_t i = 0; i < 6; i++) {
        assert_true(seen[i] > 0);
    }
}

/* ---- Logins ---- */

static void operation(const char *device, const char *name, uint32_t result, const char *reason,
    const char *address, int64_t ms, const char *expiry)
{
    json_t *properties =
        json_pack("{s:s, s:s}", "credentialExpiryTime", expiry, "protocol", "Mqtt");
    const struct vd_operation_seen operation = {
        .category = VD_STR_LITERAL("Connections"),
        .name = vd_str_from(name),
        .result = result,
        .reason = vd_str_from(reason),
        .protocol = VD_STR_LITERAL("Mqtt"),
        .properties = properties,
    };
    const struct vd_observation seen = {
        .what = VD_OBSERVED_OPERATION,
        .offset = 7,
        .device_id = vd_str_from(device),
        .address = vd_str_from(address),
        .enqueued_ms = ms,
        .time = {ms, ms, ms, true},
        .operation = &operation,
    };

    assert_int_equal(vd_engine_observe(engine, &seen, &findings), VD_OK);
    json_decref(properties);
}

static void refused(const char *reason, const char *address, int64_t ms)
{
    operation("d1", "deviceConnect", 401003, reason, address, ms, "2025-11-24T15:00:00.000Z");
}

static void connected(const char *address, int64_t ms)
{
    operation("d1", "deviceConnect", 0, "", address, ms, "2025-11-25T00:00:00.000Z");
}

static const char *verdict_of(const struct vd_pending_alert *alert)
{
    static char text[32];
    json_t *json = json_loads(alert->assessment, 0, NULL);

    snprintf(text, sizeof text, "%s", json_string_value(json_object_get(json, "verdict")));
    json_decref(json);
    return text;
}

static void test_login__each_fault_has_its_alert(void **unused)
{
    static const struct {
        const char *reason;
        const char *type;
    } cases[] = {
        {"token_expired", "IoT_Expired_SAS_Token"},
        {"signature_wrong", "IoT_Invalid_SAS_Token"},
        {"thumbprint_mismatch", "IoT_Cert_Print_Mismatch"},
        {"certificate_expired", "IoT_Cert_Expired"},
        {"identity_unknown", NULL},
        {"identity_disabled", NULL},
        {"address_filtered", NULL},
        {"certificate_not_yet_valid", NULL},
        {"429001_too_often", NULL},
        {"token_malformed", NULL},
        {"registry_failed", NULL},
        {"", NULL},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        refused(cases[i].reason, "192.0.2.9", T0_MS);
        assert_int_equal(findings.count, cases[i].type != NULL ? 1 : 0);
        if (cases[i].type != NULL) {
            const struct vd_pending_alert *alert = findings.alerts[0];

            assert_string_equal(alert->first.rule->alert_type, cases[i].type);
            assert_string_equal(alert->first.subject, "192.0.2.XXX");
            assert_non_null(strstr(alert->evidence[0].body, "\"recordId\":\"e-7\""));
            assert_null(strstr(alert->evidence[0].body, "192.0.2.9"));
        }
        vd_findings_clear(&findings);
    }
    /* A good login is none, nor one that ends because its token does. */
    connected("198.51.100.9", T0_MS);
    operation("d1", "deviceDisconnect", 401002, "token_expired", "192.0.2.9", T0_MS, "");
    assert_int_equal(findings.count, 0);
}

static void test_login__looks_like(void **unused)
{
    (void)unused;
    /* Nobody is there: it is over. 2025-11-24T16:00:10 is an hour and ten seconds later. */
    refused("token_expired", "192.0.2.9", T0_MS);
    assert_string_equal(verdict_of(findings.alerts[0]), "expired_credential");
    assert_non_null(strstr(findings.alerts[0]->evidence[0].body, "\"overBySeconds\":3610"));
    assert_non_null(strstr(findings.alerts[0]->evidence[0].body, "\"deviceConnected\":false"));
    /* A minute later the device comes from the same address with a good one: the same alert says so, and counts no more. */
    connected("192.0.2.9", T0_MS + 60000);
    assert_int_equal(findings.count, 1);
    assert_int_equal(findings.alerts[0]->count, 1);
    assert_string_equal(verdict_of(findings.alerts[0]), "renewal");
    vd_findings_clear(&findings);
    /* While it is connected somebody elsewhere shows an old token. */
    refused("token_expired", "198.51.100.4", T0_MS + 300000);
    assert_string_equal(verdict_of(findings.alerts[0]), "copied_credential");
    assert_non_null(
        strstr(findings.alerts[0]->evidence[0].body, "\"deviceAddress\":\"192.0.2.XXX\""));
    vd_findings_clear(&findings);
    /* A good login from another address than the refused one explains nothing. */
    connected("192.0.2.9", T0_MS + 310000);
    assert_int_equal(findings.count, 0);
    refused("signature_wrong", "198.51.100.4", T0_MS + 320000);
    assert_string_equal(verdict_of(findings.alerts[0]), "guessed_credential");
    vd_findings_clear(&findings);
    operation("d1", "deviceDisconnect", 404104, "", "192.0.2.9", T0_MS + 330000, "");
    refused("signature_wrong", "192.0.2.9", T0_MS + 900000);
    assert_string_equal(verdict_of(findings.alerts[0]), "replaced_credential");
    vd_findings_clear(&findings);
    /* Too late to be a renewal. */
    connected("192.0.2.9", T0_MS + 900000 + VD_LOGIN_NEAR_MS + 1);
    assert_int_equal(findings.count, 0);
}

/* A copy stays one when the device has left, until the device itself comes from there. */
static void test_login__a_copy_stays_one(void **unused)
{
    (void)unused;
    connected("192.0.2.9", T0_MS);
    refused("token_expired", "198.51.100.4", T0_MS + 1000);
    operation("d1", "deviceDisconnect", 404104, "", "192.0.2.9", T0_MS + 2000, "");
    refused("token_expired", "198.51.100.4", T0_MS + 600000);
    assert_int_equal(findings.count, 1);
    assert_int_equal(findings.alerts[0]->count, 2);
    assert_string_equal(verdict_of(findings.alerts[0]), "copied_credential");
    vd_findings_clear(&findings);
    /* Another fault, another address and another day know nothing of it. */
    refused("token_expired", "198.51.100.5", T0_MS + 601000);
    assert_string_equal(verdict_of(findings.alerts[0]), "expired_credential");
    vd_findings_clear(&findings);
    connected("192.0.2.9", T0_MS + 700000);
    refused("token_expired", "198.51.100.4", T0_MS + 701000);
    assert_string_equal(verdict_of(findings.alerts[0]), "copied_credential");
    vd_findings_clear(&findings);
    /* It was the device, which had moved: its old connection was dead. */
    connected("198.51.100.4", T0_MS + 710000);
    assert_string_equal(verdict_of(findings.alerts[0]), "renewal");
    vd_findings_clear(&findings);
    operation("d1", "deviceDisconnect", 404104, "", "198.51.100.4", T0_MS + 720000, "");
    refused("token_expired", "198.51.100.4", T0_MS + 990000);
    assert_string_equal(verdict_of(findings.alerts[0]), "expired_credential");
}

/* Whatever addresses somebody has, he makes so many alerts at most; those of one network of IPv6 are one. */
static void test_login__alerts_are_bounded(void **unused)
{
    char address[64];

    (void)unused;
    for (int i = 0; i < 20; i++) {
        snprintf(address, sizeof address, "2001:db8:1:2::%x", i + 1);
        refused("signature_wrong", address, T0_MS);
    }
    assert_int_equal(findings.count, 1);
    assert_int_equal(findings.alerts[0]->count, 20);
    for (int i = 0; i < 20000; i++) {
        snprintf(address, sizeof address, "10.%d.%d.1", i / 250, i % 250);
        refused("signature_wrong", address, T0_MS + 1);
    }
    assert_in_range(findings.count, 1000, VD_LOGIN_PLACES);
}

/* A connection that a killed hub had is over, although nothing says so. */
static void test_login__connections_end_with_the_hub(void **unused)
{
    (void)unused;
    settings.hub_started_ms = T0_MS + 60000;
    vd_engine_set_settings(engine, &settings);
    connected("192.0.2.9", T0_MS);
    refused("token_expired", "198.51.100.4", T0_MS + 59000);
    assert_string_equal(verdict_of(findings.alerts[0]), "copied_credential");
    vd_findings_clear(&findings);
    refused("token_expired", "198.51.100.5", T0_MS + 61000);
    assert_string_equal(verdict_of(findings.alerts[0]), "expired_credential");
    assert_non_null(strstr(findings.alerts[0]->evidence[0].body, "\"deviceConnected\":false"));
    vd_findings_clear(&findings);
    connected("192.0.2.9", T0_MS + 62000);
    refused("token_expired", "198.51.100.6", T0_MS + 63000);
    assert_string_equal(verdict_of(findings.alerts[0]), "copied_credential");
}

/* An event of the device that comes at enqueued_ms, when its clock was so far behind. */
static void event_behind(int64_t enqueued_ms, int64_t behind_ms)
{
    const int64_t ms = enqueued_ms - behind_ms;
    const struct vd_security_event event = {
        .time_s = (uint32_t)(ms / 1000), .payload = VD_PAYLOAD_HEARTBEAT};
    const struct vd_security_message message = {0};
    const struct vd_observation seen = {
        .what = VD_OBSERVED_EVENT,
        .device_id = VD_STR_LITERAL("d1"),
        .enqueued_ms = enqueued_ms,
        .time = {ms, ms, ms, true},
        .message = &message,
        .event = &event,
    };

    assert_int_equal(vd_engine_observe(engine, &seen, &findings), VD_OK);
}

static int64_t clock_error(void)
{
    return vd_engine_device(engine, VD_STR_LITERAL("d1"))->clock_error_ms;
}

/* What was kept back on the device does not make its clock wrong. */
static void test_login__the_clock_is_measured(void **unused)
{
    (void)unused;
    event_behind(T0_MS, 7200000);
    assert_int_equal(clock_error(), -7200000);
    event_behind(T0_MS, 1000);
    event_behind(T0_MS, 3600000);
    event_behind(T0_MS + 10000, 3600000);
    assert_int_equal(clock_error(), -1000);
    event_behind(T0_MS + 20000, -5000);
    assert_int_equal(clock_error(), 5000);
    /* An hour later it has been set. */
    event_behind(T0_MS + 20000 + 3600001, 4000);
    assert_int_equal(clock_error(), -4000);
}

static void test_login__the_clock_explains(void **unused)
{
    (void)unused;
    event_behind(T0_MS, 4000000);
    refused("token_expired", "192.0.2.9", T0_MS + 1000);
    assert_string_equal(verdict_of(findings.alerts[0]), "clock_skew");
    assert_non_null(strstr(findings.alerts[0]->evidence[0].body, "\"clockErrorSeconds\":-4000"));
}

/* ---- The hub ---- */

static void activity(const char *name, const char *status, const char *resource)
{
    json_t *properties = json_pack("{s:s}", "reason", "PreconditionFailed");
    const struct vd_activity_seen activity = {
        .caller = VD_STR_LITERAL("deploy"),
        .caller_address = VD_STR_LITERAL("2001:db8::77"),
        .operation_name = vd_str_from(name),
        .status = vd_str_from(status),
        .resource_id = vd_str_from(resource),
        .properties = properties,
    };
    const struct vd_observation seen = {
        .what = VD_OBSERVED_ACTIVITY,
        .offset = 9,
        .enqueued_ms = T0_MS,
        .time = {T0_MS, T0_MS, T0_MS, true},
        .activity = &activity,
    };

    assert_int_equal(vd_engine_observe(engine, &seen, &findings), VD_OK);
    json_decref(properties);
}

static void test_hub__certificates_and_settings(void **unused)
{
    static const struct {
        const char *operation;
        const char *status;
        const char *type;
    } cases[] = {
        {"Microsoft.Devices/IotHubs/certificates/write", "Succeeded",
            "IoT_CertificateSuccessfullyAddedToHub"},
        {"Microsoft.Devices/IotHubs/certificates/write", "Failed",
            "Hub_CertificateFailedToBeAddedToHub"},
        {"Microsoft.Devices/IotHubs/certificates/delete", "Succeeded",
            "IoT_CertificateSuccessfullyDeletedFromHub"},
        {"Microsoft.Devices/IotHubs/certificates/delete", "Failed",
            "IoT.Hub_CertificateFailedToBeDeletedFromHub"},
        {"Microsoft.Insights/diagnosticSettings/write", "Succeeded",
            "IoT_DiagnosticSettingAddedOrEditedOnHub"},
        {"Microsoft.Insights/diagnosticSettings/write", "Failed",
            "IoT_DiagnosticSettingAddedOrEditedOnHub"},
        {"Microsoft.Insights/diagnosticSettings/delete", "Succeeded",
            "IoT_DiagnosticSettingDeletedFromHub"},
        {"Microsoft.Insights/diagnosticSettings/delete", "Failed",
            "IoT_DiagnosticSettingDeletedFromHub"},
        {"Microsoft.Devices/IotHubs/certificates/verify/action", "Succeeded", NULL},
        {"Microsoft.Devices/IotHubs/certificates/generateVerificationCode/action", "Failed", NULL},
        {"Microsoft.Devices/IotHubs/write", "Succeeded", NULL},
        {"Microsoft.Insights/diagnosticSettings/read", "Succeeded", NULL},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        activity(cases[i].operation, cases[i].status, "/hub/things/ca1");
        assert_int_equal(findings.count, cases[i].type != NULL ? 1 : 0);
        if (cases[i].type != NULL) {
            const struct vd_pending_alert *alert = findings.alerts[0];
            const char *evidence = alert->evidence[0].body;

            assert_string_equal(alert->first.rule->alert_type, cases[i].type);
            assert_string_equal(alert->first.subject, "ca1");
            assert_int_equal(alert->first.device_id.length, 0);
            assert_non_null(strstr(evidence, "\"recordId\":\"e-9\""));
            assert_non_null(strstr(evidence, "\"caller\":\"deploy\""));
            assert_non_null(strstr(evidence, "\"callerAddress\":\"2001:db8::XXX\""));
            assert_non_null(strstr(evidence, cases[i].status));
        }
        vd_findings_clear(&findings);
    }
}

static void test_hub__addresses_unmasked_where_that_is_on(void **unused)
{
    (void)unused;
    settings.unmasked_addresses = true;
    vd_engine_set_settings(engine, &settings);
    activity("Microsoft.Devices/IotHubs/certificates/delete", "Failed", "/hub/certificates/ca1");
    assert_non_null(strstr(findings.alerts[0]->evidence[0].body, "2001:db8::77"));
    vd_findings_clear(&findings);
    refused("token_expired", "192.0.2.9", T0_MS);
    assert_string_equal(findings.alerts[0]->first.subject, "192.0.2.9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define BUILTIN_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
        cmocka_unit_test(test_login__verdicts),
        BUILTIN_TEST(test_login__each_fault_has_its_alert),
        BUILTIN_TEST(test_login__looks_like),
        BUILTIN_TEST(test_login__a_copy_stays_one),
        BUILTIN_TEST(test_login__alerts_are_bounded),
        BUILTIN_TEST(test_login__connections_end_with_the_hub),
        BUILTIN_TEST(test_login__the_clock_is_measured),
        BUILTIN_TEST(test_login__the_clock_explains),
        BUILTIN_TEST(test_hub__certificates_and_settings),
        BUILTIN_TEST(test_hub__addresses_unmasked_where_that_is_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
