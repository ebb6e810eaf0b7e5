/* SPDX-License-Identifier: MIT */
/* What is done to the hub over its management API, through its own activity records, to the alerts that come of it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/secret.h"
#include "tests/api/management_fixture.h"
#include "tests/center/ingest_fixture.h"
#include "tests/hub/certificates.h"

#define CERTIFICATES HUB "/certificates"
#define SETTINGS     HUB "/providers/Microsoft.Insights/diagnosticSettings"
#define SETTING \
    "{\"properties\":{\"workspaceId\":\"/w\",\"logs\":[{\"category\":\"Connections\",\"enabled\":true}]}}"

#define CERTIFICATE_ADDED       "IoT_CertificateSuccessfullyAddedToHub"
#define CERTIFICATE_DELETED     "IoT_CertificateSuccessfullyDeletedFromHub"
#define CERTIFICATE_NOT_ADDED   "Hub_CertificateFailedToBeAddedToHub"
#define CERTIFICATE_NOT_DELETED "IoT.Hub_CertificateFailedToBeDeletedFromHub"
#define SETTING_WRITTEN         "IoT_DiagnosticSettingAddedOrEditedOnHub"
#define SETTING_DELETED         "IoT_DiagnosticSettingDeletedFromHub"

static struct ingest_fixture *center;
static json_t *raised;
static char *certificate; /* the body that makes one */

static char *body_of(const struct test_certificate *ca)
{
    struct vd_buf pem = {0};
    char base64[4096];
    json_t *json;
    char *text;

    test_certificate_pem(ca, &pem);
    assert_int_equal(vd_base64_encode(pem.data, pem.length, base64, sizeof base64), VD_OK);
    json = json_pack("{s:{s:s}}", "properties", "certificate", base64);
    text = json_dumps(json, 0);
    json_decref(json);
    vd_buf_release(&pem);
    return text;
}

static int setup(void **state)
{
    struct test_certificate ca = test_certificate_ca("ca", vd_clock_utc_ms() / 1000);
    void *ingest = NULL;

    certificate = body_of(&ca);
    test_certificate_release(&ca);
    raised = NULL;
    assert_int_equal(ingest_setup(&ingest), 0);
    center = ingest;
    return management_set_up(state);
}

static int teardown(void **state)
{
    void *ingest = center;

    json_decref(raised);
    free(certificate);
    return ingest_teardown(&ingest) + management_tear_down(state);
}

/* The request must be answered so; what it left in the activity log, if anything, goes to the center. */
static void act(enum vd_role role, int status, const char *method, const char *target,
    const char *if_match, const char *body)
{
    recorded[0] = '\0';
    assert_int_equal(call_as(role, method, target, if_match, body), status);
    if (recorded[0] != '\0') {
        ingest_add_body(center, VD_EVENT_ACTIVITY, "", "", INGEST_T0_MS, vd_str_from(recorded));
    }
}

static void judge(void)
{
    ingest_run_all(center);
    json_decref(raised);
    raised = ingest_alerts(center);
}

/* The one of that type about `subject`; NULL: none. */
static const json_t *alert_of(const char *type, const char *subject)
{
    const json_t *found = NULL;
    const json_t *alert;
    size_t i;

    json_array_foreach(raised, i, alert)
    {
        if (strcmp(ingest_text(alert, "alertType"), type) == 0 &&
            strcmp(ingest_text(alert, "subject"), subject) == 0) {
            assert_null(found);
            found = alert;
        }
    }
    return found;
}

static void expect_alert(
    const char *type, const char *subject, int count, const char *caller, const char *outcome)
{
    const json_t *alert = alert_of(type, subject);
    const json_t *evidence = json_object_get(alert, "evidence");
    const json_t *last = json_array_get(evidence, json_array_size(evidence) - 1);

    assert_non_null(alert);
    assert_int_equal(json_integer_value(json_object_get(alert, "count")), count);
    assert_string_equal(ingest_text(alert, "deviceId"), "");
    assert_string_equal(ingest_text(last, "caller"), caller);
    assert_string_equal(ingest_text(last, "callerAddress"), "192.0.2.XXX");
    assert_string_equal(ingest_text(last, "outcome"), outcome);
    /* The first who did it, and to what. */
    assert_non_null(strstr(
        ingest_text(alert, "description"), ingest_text(json_array_get(evidence, 0), "caller")));
    assert_non_null(strstr(ingest_text(alert, "description"), subject));
}

static void test_hub__certificates(void **state)
{
    (void)state;
    act(VD_ROLE_OWNER, 201, "PUT", CERTIFICATES "/ca1", NULL, certificate);
    judge();
    assert_int_equal(json_array_size(raised), 1);
    expect_alert(CERTIFICATE_ADDED, "ca1", 1, "token:head", "Succeeded");
    /* A body that is none, the wrong version, no right to it. */
    act(VD_ROLE_OWNER, 400, "PUT", CERTIFICATES "/ca2", NULL, "{}");
    act(VD_ROLE_OWNER, 412, "PUT", CERTIFICATES "/ca1", "AAAAAAExpNs=", certificate);
    act(VD_ROLE_READER, 403, "PUT", CERTIFICATES "/ca2", NULL, certificate);
    judge();
    expect_alert(CERTIFICATE_NOT_ADDED, "ca2", 2, "token:eye", "Failed");
    expect_alert(CERTIFICATE_NOT_ADDED, "ca1", 1, "token:head", "Failed");
    /* To delete it: refused twice, then not. */
    act(VD_ROLE_READER, 403, "DELETE", CERTIFICATES "/ca1", "*", NULL);
    act(VD_ROLE_OWNER, 412, "DELETE", CERTIFICATES "/ca1", "AAAAAAExpNs=", NULL);
    judge();
    expect_alert(CERTIFICATE_NOT_DELETED, "ca1", 2, "token:head", "Failed");
    assert_null(alert_of(CERTIFICATE_DELETED, "ca1"));
    act(VD_ROLE_OWNER, 200, "DELETE", CERTIFICATES "/ca1", "*", NULL);
    /* It is not there any more: that is no deletion. */
    act(VD_ROLE_OWNER, 204, "DELETE", CERTIFICATES "/ca1", "*", NULL);
    judge();
    expect_alert(CERTIFICATE_DELETED, "ca1", 1, "token:head", "Succeeded");
    assert_int_equal(json_array_size(raised), 5);
}

static void test_hub__diagnostic_settings(void **state)
{
    (void)state;
    act(VD_ROLE_OWNER, 200, "PUT", SETTINGS "/ds1", NULL, SETTING);
    act(VD_ROLE_OWNER, 400, "PUT", SETTINGS "/ds1", NULL, "{}");
    act(VD_ROLE_READER, 403, "PUT", SETTINGS "/ds1", NULL, SETTING);
    judge();
    assert_int_equal(json_array_size(raised), 1);
    expect_alert(SETTING_WRITTEN, "ds1", 3, "token:eye", "Failed");
    act(VD_ROLE_READER, 403, "DELETE", SETTINGS "/ds1", NULL, NULL);
    act(VD_ROLE_CONTRIBUTOR, 200, "DELETE", SETTINGS "/ds1", NULL, NULL);
    act(VD_ROLE_OWNER, 204, "DELETE", SETTINGS "/ds1", NULL, NULL);
    judge();
    assert_int_equal(json_array_size(raised), 2);
    expect_alert(SETTING_DELETED, "ds1", 3, "token:head", "Succeeded");
}

/* What only looks, and what is done to the hub otherwise. */
static void test_hub__other_acts_raise_nothing(void **state)
{
    (void)state;
    act(VD_ROLE_READER, 200, "GET", CERTIFICATES, NULL, NULL);
    act(VD_ROLE_READER, 404, "GET", CERTIFICATES "/ca1", NULL, NULL);
    act(VD_ROLE_READER, 200, "GET", SETTINGS, NULL, NULL);
    act(VD_ROLE_READER, 404, "GET", SETTINGS "/ds1", NULL, NULL);
    act(VD_ROLE_OWNER, 200, "POST", HUB "/listkeys", NULL, NULL);
    assert_string_not_equal(recorded, "");
    act(VD_ROLE_READER, 403, "POST", HUB "/listkeys", NULL, NULL);
    assert_string_not_equal(recorded, "");
    act(VD_ROLE_OWNER, 404, "POST", CERTIFICATES "/ca1/generateVerificationCode", "*", NULL);
    judge();
    assert_int_equal(json_array_size(raised), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define HUB_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
        HUB_TEST(test_hub__certificates),
        HUB_TEST(test_hub__diagnostic_settings),
        HUB_TEST(test_hub__other_acts_raise_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
