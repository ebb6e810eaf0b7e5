/* SPDX-License-Identifier: MIT */
/* Refused logins over real TLS, through the hub's own records, to the alerts that come of them. */

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "hub/ip_filter.h"
#include "tests/center/ingest_fixture.h"
#include "tests/hub/certificates.h"
#include "tests/hub/live_hub.h"

#define EXPIRED_TOKEN "IoT_Expired_SAS_Token"
#define INVALID_TOKEN "IoT_Invalid_SAS_Token"
#define WRONG_PRINT   "IoT_Cert_Print_Mismatch"
#define EXPIRED_CERT  "IoT_Cert_Expired"

static struct live_hub *hub;
static struct ingest_fixture *center;
static uint32_t recorded;  /* operations that the hub is known to have recorded */
static uint32_t forwarded; /* of them, those that the center's log has */
static int64_t
    shift_ms; /* what makes the time of the first record noon: a day does not end within a test */
static json_t *alerts;

static int setup(void **state)
{
    void *live = NULL;
    void *ingest = NULL;

    (void)state;
    assert_int_equal(live_setup(&live), 0);
    assert_int_equal(ingest_setup(&ingest), 0);
    hub = live;
    center = ingest;
    recorded = 0;
    forwarded = 0;
    shift_ms = 0;
    alerts = NULL;
    return 0;
}

static int teardown(void **state)
{
    void *live = hub;
    void *ingest = center;

    (void)state;
    json_decref(alerts);
    return live_teardown(&live) + ingest_teardown(&ingest);
}

/* ---- From the hub to the center ---- */

static void forward(struct vd_event *event)
{
    const int64_t noon_ms = event->enqueued_ms / 86400000 * 86400000 + 43200000;

    if (shift_ms == 0) {
        shift_ms = noon_ms - event->enqueued_ms;
    }
    event->enqueued_ms += shift_ms;
    memory_log_add(&center->log, event);
}

static uint32_t operations_of_hub(void)
{
    uint32_t count;

    pthread_mutex_lock(&hub->log.lock);
    count = hub->log.operations.count;
    pthread_mutex_unlock(&hub->log.lock);
    return count;
}

/* Waits for all that the hub is to have recorded, and has the center judge it. */
static void judge(void)
{
    struct vd_reader reader;
    struct vd_event event;
    uint32_t i = 0;

    LIVE_AWAIT(operations_of_hub() >= recorded);
    pthread_mutex_lock(&hub->log.lock);
    assert_int_equal(hub->log.operations.count, recorded);
    vd_reader_init(&reader, hub->log.operations.bytes.data, hub->log.operations.bytes.length);
    while (vd_event_next(&reader, &event) == VD_OK) {
        if (i++ >= forwarded) {
            forward(&event);
        }
    }
    forwarded = i;
    pthread_mutex_unlock(&hub->log.lock);
    ingest_run_all(center);
    json_decref(alerts);
    alerts = ingest_alerts(center);
}

/* The alert of that type about the device; NULL: none. More than one fails. */
static const json_t *alert_of(const char *type, const char *device)
{
    const json_t *found = NULL;
    const json_t *alert;
    size_t i;

    json_array_foreach(alerts, i, alert)
    {
        if (strcmp(ingest_text(alert, "alertType"), type) == 0 &&
            strcmp(ingest_text(alert, "deviceId"), device) == 0) {
            assert_null(found);
            found = alert;
        }
    }
    return found;
}

static void expect_alert(const char *type, const char *device, int count, const char *verdict)
{
    const json_t *alert = alert_of(type, device);

    assert_non_null(alert);
    assert_int_equal(json_integer_value(json_object_get(alert, "count")), count);
    assert_string_equal(ingest_text(json_object_get(alert, "assessment"), "verdict"), verdict);
    assert_string_equal(ingest_text(alert, "subject"), "127.0.0.XXX");
}

static const json_t *evidence_of(const char *type, const char *device, size_t i)
{
    return json_array_get(json_object_get(alert_of(type, device), "evidence"), i);
}

/* ---- Logins ---- */

/* One more record comes of it; true: the hub lets it in, and the client stays open. */
static bool log_in(
    struct tls_client *client, const struct tls_client_identity *identity, struct vd_buf *packet)
{
    char got[4];

    assert_true(tls_client_open_as(client, vd_hub_port(hub->hub), hub->certificate, 0, identity));
    live_send(client, packet);
    assert_true(tls_client_read(client, got, sizeof got));
    recorded++;
    if (got[3] != 0) {
        live_expect_end(client);
    }
    return got[3] == 0;
}

/* With a token of that key that ends in so many seconds. */
static bool by_token(
    struct tls_client *client, const char *address, const char *device, char key, int64_t ends_in_s)
{
    const struct tls_client_identity identity = {.address = address};
    const struct vd_key own = memory_key(key);
    struct vd_buf packet = {0};

    packet_connect_device(&packet, device, NULL, &own, live_in_s(ends_in_s), 60);
    return log_in(client, &identity, &packet);
}

static bool by_certificate(
    struct tls_client *client, const char *device, const struct test_certificate *leaf)
{
    const struct tls_client_identity identity = {.certificate = leaf->x509, .key = leaf->key};
    char user_name[128];
    const struct packet_connect connect = {device, user_name, NULL, 60};
    struct vd_buf packet = {0};

    snprintf(user_name, sizeof user_name, PACKET_HUB_NAME "/%s/?api-version=2021-04-12", device);
    packet_connect(&packet, &connect);
    return log_in(client, &identity, &packet);
}

/* Its end is a record too. */
static void leave(struct tls_client *client, const char *device)
{
    tls_client_close(client);
    LIVE_AWAIT(!vd_hub_is_connected(hub->hub, device, NULL));
    recorded++;
}

static void refuse_address(bool refuses)
{
    struct vd_ip_filter filter;
    char problem[256];
    json_t *rules = json_loads("{\"ipFilterRules\":[{\"filterName\":\"no\",\"action\":\"Reject\","
                               "\"ipMask\":\"127.0.0.0/8\"}]}",
        0, NULL);

    vd_ip_filter_init(&filter);
    if (refuses) {
        assert_int_equal(vd_ip_filter_read(&filter, rules, problem, sizeof problem), VD_OK);
    }
    json_decref(rules);
    vd_hub_set_ip_filter(hub->hub, &filter);
}

/* ---- Tests ---- */

static void test_logins__good_ones_and_strangers_raise_nothing(void **state)
{
    struct tls_client client;

    (void)state;
    memory_registry_add(&hub->registry, "off", "", 'a', 'b')->enabled = false;
    live_start(hub, &live_patient, 0);
    /* The primary key, the secondary, and a token that was renewed in time. */
    assert_true(by_token(&client, NULL, "dev1", 'a', 60));
    leave(&client, "dev1");
    assert_true(by_token(&client, NULL, "dev1", 'b', 60));
    leave(&client, "dev1");
    assert_true(by_token(&client, NULL, "dev1", 'a', 3600));
    leave(&client, "dev1");
    /* Nobody of that name, whatever the token; and one that is switched off. */
    assert_false(by_token(&client, NULL, "nobody", 'a', -60));
    assert_false(by_token(&client, NULL, "nobody", 'z', 60));
    assert_false(by_token(&client, NULL, "off", 'a', -60));
    /* From where nobody may come, it does not count what is shown. */
    refuse_address(true);
    assert_false(by_token(&client, NULL, "dev1", 'a', -60));
    assert_false(by_token(&client, NULL, "dev1", 'z', 60));
    refuse_address(false);
    judge();
    assert_int_equal(json_array_size(alerts), 0);
}

static void test_logins__tokens(void **state)
{
    const json_t *evidence;
    struct tls_client client;
    json_t *rows;
    char sql[160];

    (void)state;
    live_start(hub, &live_patient, 0);
    assert_false(by_token(&client, NULL, "dev1", 'a', -600));
    judge();
    expect_alert(EXPIRED_TOKEN, "dev1", 1, "expired_credential");
    evidence = evidence_of(EXPIRED_TOKEN, "dev1", 0);
    assert_string_equal(ingest_text(evidence, "reason"), "token_expired");
    assert_string_equal(ingest_text(evidence, "address"), "127.0.0.XXX");
    assert_string_equal(ingest_text(evidence, "credentialWasGood"), "true");
    assert_true(json_is_false(json_object_get(evidence, "deviceConnected")));
    /* The record is found by the id. */
    snprintf(sql, sizeof sql,
        "SELECT OperationName FROM AzureDiagnostics WHERE CorrelationId = '%s'",
        ingest_text(evidence, "recordId"));
    rows = ingest_rows(center, sql);
    assert_int_equal(json_array_size(rows), 1);
    assert_string_equal(
        json_string_value(json_array_get(json_array_get(rows, 0), 0)), "deviceConnect");
    json_decref(rows);
    /* The same again is counted. */
    assert_false(by_token(&client, NULL, "dev1", 'a', -601));
    assert_false(by_token(&client, NULL, "dev1", 'b', -602));
    judge();
    expect_alert(EXPIRED_TOKEN, "dev1", 3, "expired_credential");
    assert_int_equal(json_array_size(alerts), 1);
    /* Another device, and another fault. */
    assert_false(by_token(&client, NULL, "dev2", 'z', 60));
    judge();
    expect_alert(INVALID_TOKEN, "dev2", 1, "guessed_credential");
    assert_int_equal(json_array_size(alerts), 2);
}

/* It comes with the old token first, and with a new one right after. */
static void test_logins__a_renewal(void **state)
{
    struct tls_client client;

    (void)state;
    live_start(hub, &live_patient, 0);
    assert_false(by_token(&client, NULL, "dev1", 'a', -60));
    judge();
    expect_alert(EXPIRED_TOKEN, "dev1", 1, "expired_credential");
    assert_true(by_token(&client, NULL, "dev1", 'a', 3600));
    judge();
    expect_alert(EXPIRED_TOKEN, "dev1", 1, "renewal");
    leave(&client, "dev1");
    /* It was here a moment ago. */
    assert_false(by_token(&client, NULL, "dev1", 'a', -60));
    judge();
    expect_alert(EXPIRED_TOKEN, "dev1", 2, "renewal");
    /* A third time is no renewal, and a good login does not make it one. */
    assert_false(by_token(&client, NULL, "dev1", 'a', -60));
    judge();
    expect_alert(EXPIRED_TOKEN, "dev1", 3, "repeated_attempts");
    assert_true(by_token(&client, NULL, "dev1", 'a', 3600));
    judge();
    expect_alert(EXPIRED_TOKEN, "dev1", 3, "repeated_attempts");
    leave(&client, "dev1");
}

/* Keys are tried from where the device is, within one batch. */
static void test_logins__many_beside_the_device(void **state)
{
    struct tls_client device;
    struct tls_client other;

    (void)state;
    live_start(hub, &live_patient, 0);
    assert_true(by_token(&device, NULL, "dev1", 'a', 3600));
    for (int key = 'p'; key < 'v'; key++) {
        assert_false(by_token(&other, NULL, "dev1", (char)key, 60));
    }
    judge();
    expect_alert(INVALID_TOKEN, "dev1", 6, "repeated_attempts");
    assert_string_equal(ingest_text(evidence_of(INVALID_TOKEN, "dev1", 0), "looksLike"), "renewal");
    leave(&device, "dev1");
}

/* The device is connected while somebody else, with the same letters but the last in the address, shows an old token of it. */
static void test_logins__a_copy(void **state)
{
    struct tls_client device;
    struct tls_client other;
    const json_t *evidence;
    const json_t *alert;
    size_t copies = 0;
    size_t i;

    (void)state;
    live_start(hub, &live_patient, 0);
    assert_false(by_token(&device, "127.0.0.2", "dev1", 'a', -60));
    assert_true(by_token(&device, "127.0.0.2", "dev1", 'a', 3600));
    assert_false(by_token(&other, "127.0.0.3", "dev1", 'a', -60));
    judge();
    /* Two alerts, for two addresses: that the device renewed does not cover the copy. */
    assert_int_equal(json_array_size(alerts), 2);
    json_array_foreach(alerts, i, alert)
    {
        const char *verdict = ingest_text(json_object_get(alert, "assessment"), "verdict");

        assert_string_equal(ingest_text(alert, "alertType"), EXPIRED_TOKEN);
        if (strcmp(verdict, "copied_credential") == 0) {
            copies++;
            evidence = json_array_get(json_object_get(alert, "evidence"), 0);
            assert_true(json_is_true(json_object_get(evidence, "deviceConnected")));
            assert_string_equal(ingest_text(evidence, "deviceAddress"), "127.0.0.XXX");
            assert_string_equal(ingest_text(evidence, "looksLike"), "copied_credential");
        } else {
            assert_string_equal(verdict, "renewal");
        }
    }
    assert_int_equal(copies, 1);
    leave(&device, "dev1");
}

static void test_logins__certificates(void **state)
{
    const int64_t now_s = vd_clock_utc_ms() / 1000;
    struct test_certificate root = test_certificate_ca("root", now_s);
    struct test_certificate foreign = test_certificate_ca("root", now_s);
    struct test_certificate first = test_certificate_leaf("first", NULL, now_s);
    struct test_certificate second = test_certificate_leaf("second", NULL, now_s);
    struct test_certificate wrong = test_certificate_leaf("wrong", NULL, now_s);
    struct test_certificate_plan plan = {
        .common_name = "ca", .issuer = &root, .now_s = now_s, .not_after_s = now_s - 60};
    struct test_certificate over = test_certificate_make(&plan);
    struct vd_peer_certificate *shown[] = {test_certificate_shown(&first, NULL),
        test_certificate_shown(&second, NULL), test_certificate_shown(&wrong, NULL)};
    struct vd_identity *print = memory_registry_add(&hub->registry, "print", "", 'a', 'b');
    struct vd_identity *other = memory_registry_add(&hub->registry, "ca2", "", 'a', 'b');
    struct test_certificate forged;
    struct test_certificate early;
    struct tls_client client;
    const json_t *evidence;

    (void)state;
    plan.issuer = &foreign;
    plan.common_name = "ca2";
    forged = test_certificate_make(&plan);
    plan = (struct test_certificate_plan){
        .common_name = "ca", .issuer = &root, .now_s = now_s, .not_before_s = now_s + 600};
    early = test_certificate_make(&plan);
    print->auth_type = VD_AUTH_THUMBPRINT;
    snprintf(print->thumbprints[0], VD_THUMBPRINT_SIZE, "%s", shown[0]->sha256);
    snprintf(print->thumbprints[1], VD_THUMBPRINT_SIZE, "%s", shown[1]->sha1);
    memory_registry_add(&hub->registry, "ca", "", 'a', 'b')->auth_type = VD_AUTH_CA;
    other->auth_type = VD_AUTH_CA;
    hub->registry.cas[0] = test_certificate_stored("root", &root, true);
    hub->registry.ca_count = 1;
    live_start(hub, &live_patient, 0);
    assert_true(by_certificate(&client, "print", &first));
    leave(&client, "print");
    assert_true(by_certificate(&client, "print", &second));
    leave(&client, "print");
    assert_false(by_certificate(&client, "ca", &early));
    judge();
    assert_int_equal(json_array_size(alerts), 0);

    assert_false(by_certificate(&client, "print", &wrong));
    assert_false(by_certificate(&client, "ca", &over));
    assert_false(by_certificate(&client, "ca2", &forged));
    judge();
    assert_int_equal(json_array_size(alerts), 3);
    expect_alert(WRONG_PRINT, "print", 1, "renewal"); /* it left a moment ago */
    evidence = evidence_of(WRONG_PRINT, "print", 0);
    assert_string_equal(ingest_text(evidence, "certificateThumbprintSha256"), shown[2]->sha256);
    assert_string_equal(ingest_text(evidence, "identityThumbprintPrimary"), shown[0]->sha256);
    assert_string_equal(ingest_text(evidence, "identityThumbprintSecondary"), shown[1]->sha1);
    expect_alert(EXPIRED_CERT, "ca", 1, "expired_credential");
    assert_string_equal(
        ingest_text(evidence_of(EXPIRED_CERT, "ca", 0), "certificateCommonName"), "ca");
    /* Anybody can make one of his own that is over. */
    expect_alert(EXPIRED_CERT, "ca2", 1, "guessed_credential");
    for (size_t i = 0; i < 3; i++) {
        vd_peer_certificate_free(shown[i]);
    }
    test_certificate_release(&root);
    test_certificate_release(&foreign);
    test_certificate_release(&first);
    test_certificate_release(&second);
    test_certificate_release(&wrong);
    test_certificate_release(&over);
    test_certificate_release(&forged);
    test_certificate_release(&early);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define LOGIN_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
        LOGIN_TEST(test_logins__good_ones_and_strangers_raise_nothing),
        LOGIN_TEST(test_logins__tokens),
        LOGIN_TEST(test_logins__a_renewal),
        LOGIN_TEST(test_logins__many_beside_the_device),
        LOGIN_TEST(test_logins__a_copy),
        LOGIN_TEST(test_logins__certificates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
