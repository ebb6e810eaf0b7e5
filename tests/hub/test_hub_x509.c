/* SPDX-License-Identifier: MIT */
/* Devices with certificates over real TLS: every certificate passes the handshake, and the hub judges it. */

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/hub/certificates.h"
#include "tests/hub/live_hub.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct test_certificate root;
static struct test_certificate middle;
static struct test_certificate foreign;

static int make_authorities(void **state)
{
    int64_t now_s = vd_clock_utc_ms() / 1000;
    const struct test_certificate_plan plan = {.common_name = "middle",
        .issuer = &root,
        .now_s = now_s,
        .basic_constraints = "critical,CA:TRUE"};

    (void)state;
    root = test_certificate_ca("root", now_s);
    middle = test_certificate_make(&plan);
    foreign = test_certificate_ca("root", now_s);
    return 0;
}

static int release_authorities(void **state)
{
    (void)state;
    test_certificate_release(&root);
    test_certificate_release(&middle);
    test_certificate_release(&foreign);
    return 0;
}

/* A hub with the device `ca` by CA, and `print` by the thumbprints that the test gives it. */
static void start(struct live_hub *f, const struct test_certificate *printed)
{
    struct vd_identity *print = memory_registry_add(&f->registry, "print", "", 'a', 'b');

    memory_registry_add(&f->registry, "ca", "", 'a', 'b')->auth_type = VD_AUTH_CA;
    print->auth_type = VD_AUTH_THUMBPRINT;
    if (printed != NULL) {
        struct vd_peer_certificate *shown = test_certificate_shown(printed, NULL);

        snprintf(print->thumbprints[1], VD_THUMBPRINT_SIZE, "%s", shown->sha256);
        vd_peer_certificate_free(shown);
    }
    f->registry.cas[0] = test_certificate_stored("root", &root, true);
    f->registry.ca_count = 1;
    live_start(f, &live_patient, 0);
}

static bool open_as(struct live_hub *f, struct tls_client *client, int version,
    const struct test_certificate *leaf, const struct test_certificate *other)
{
    struct tls_client_identity identity = {
        .certificate = leaf != NULL ? leaf->x509 : NULL,
        .key = leaf != NULL ? leaf->key : NULL,
        .other = other != NULL ? other->x509 : NULL,
    };

    return tls_client_open_as(client, vd_hub_port(f->hub), f->certificate, version, &identity);
}

static void connect_without_password(struct tls_client *client, const char *device)
{
    struct vd_buf packet = {0};
    char user_name[128];
    struct packet_connect connect = {device, user_name, NULL, 60};

    snprintf(user_name, sizeof user_name, PACKET_HUB_NAME "/%s/?api-version=2021-04-12", device);
    packet_connect(&packet, &connect);
    live_send(client, &packet);
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "(none)";
}

/* The operation at `index` is a connect of the device by certificate, refused for that reason (NULL: let in). */
static void expect_operation(
    struct live_hub *f, uint32_t index, const char *device, const char *reason)
{
    json_t *record = NULL;
    json_t *properties;

    LIVE_AWAIT(record != NULL || (record = fault_log_operation(&f->log, index)) != NULL);
    properties = json_loads(text_of(record, "properties"), 0, NULL);
    assert_string_equal(text_of(record, "operationName"), "deviceConnect");
    assert_string_equal(text_of(record, "resultType"), reason != NULL ? "401003" : "");
    assert_string_equal(text_of(properties, "deviceId"), device);
    assert_string_equal(text_of(properties, "reason"), reason != NULL ? reason : "(none)");
    assert_string_equal(text_of(properties, "authType"),
        "{\"scope\":\"device\",\"type\":\"x509\",\"issuer\":\"external\"}");
    json_decref(properties);
    json_decref(record);
}

/* What each certificate comes to, over TLS 1.2 and 1.3. */
static void test_hub_x509__certificates(void **state)
{
    int64_t now_s = vd_clock_utc_ms() / 1000;
    struct test_certificate self = test_certificate_leaf("whoever", NULL, now_s);
    struct test_certificate good = test_certificate_leaf("ca", &root, now_s);
    struct test_certificate deep = test_certificate_leaf("ca", &middle, now_s);
    struct test_certificate strange = test_certificate_leaf("ca", &foreign, now_s);
    struct test_certificate other = test_certificate_leaf("another", &root, now_s);
    struct test_certificate expired = test_certificate_make(&(struct test_certificate_plan){
        .common_name = "ca", .issuer = &root, .now_s = now_s, .not_after_s = now_s - 60});
    struct test_certificate early = test_certificate_make(&(struct test_certificate_plan){
        .common_name = "ca", .issuer = &root, .now_s = now_s, .not_before_s = now_s + 600});
    const struct {
        const char *name;
        const char *device;
        const struct test_certificate *leaf;
        const struct test_certificate *other;
        const char *reason; /* NULL: let in */
    } cases[] = {
        {"by thumbprint", "print", &self, NULL, NULL},
        {"another thumbprint", "print", &good, NULL, "thumbprint_mismatch"},
        {"no certificate for a thumbprint", "print", NULL, NULL, "no_certificate"},
        {"by CA", "ca", &good, NULL, NULL},
        {"by CA over an intermediate", "ca", &deep, &middle, NULL},
        {"without the intermediate", "ca", &deep, NULL, "certificate_chain_untrusted"},
        {"of another CA", "ca", &strange, &foreign, "certificate_chain_untrusted"},
        {"self-signed for a CA", "ca", &self, NULL, "certificate_chain_untrusted"},
        {"another name", "ca", &other, NULL, "certificate_common_name"},
        {"expired", "ca", &expired, NULL, "certificate_expired"},
        {"not yet valid", "ca", &early, NULL, "certificate_not_yet_valid"},
        {"no certificate for a CA", "ca", NULL, NULL, "no_certificate"},
    };
    struct live_hub *f = *state;
    uint32_t operations = 0;

    start(f, &self);
    for (size_t i = 0; i < 2 * COUNT(cases); i++) {
        size_t n = i / 2;
        struct tls_client client;
        bool accepted = cases[n].reason == NULL;
        const int code = accepted ? 0 : cases[n].leaf != NULL ? 5 : 4;
        const char answer[] = {0x20, 2, 0, (char)code};
        char got[4] = {0};

        if (!open_as(f, &client, i % 2 == 0 ? TLS1_2_VERSION : TLS1_3_VERSION, cases[n].leaf,
                cases[n].other)) {
            fail_msg("%s: no handshake", cases[n].name);
        }
        connect_without_password(&client, cases[n].device);
        if (!tls_client_read(&client, got, sizeof got) || memcmp(got, answer, sizeof got) != 0) {
            fail_msg("%s: answered %d", cases[n].name, got[3]);
        }
        expect_operation(f, operations++, cases[n].device, cases[n].reason);
        if (accepted) {
            char topic[64];

            snprintf(topic, sizeof topic, "devices/%s/messages/events/", cases[n].device);
            live_publish(&client, topic, 3);
            live_expect_puback(&client, 3);
            tls_client_close(&client);
            LIVE_AWAIT(!vd_hub_is_connected(f->hub, cases[n].device, NULL));
            operations += 2; /* the count of its messages, and the disconnect */
        } else {
            live_expect_end(&client);
        }
    }
    assert_int_equal(live_stats(f).connects_accepted, 2 * 3);
    assert_int_equal(live_stats(f).connects_refused, 2 * (COUNT(cases) - 3));
    LIVE_AWAIT(live_stats(f).connections == 0);
    test_certificate_release(&self);
    test_certificate_release(&good);
    test_certificate_release(&deep);
    test_certificate_release(&strange);
    test_certificate_release(&other);
    test_certificate_release(&expired);
    test_certificate_release(&early);
}

/* The properties of the login that was refused last; the caller's. */
static json_t *refused_properties(
    struct live_hub *f, uint32_t index, const char *device, const struct test_certificate *leaf)
{
    struct tls_client client;
    json_t *record = NULL;
    json_t *properties;

    assert_true(open_as(f, &client, 0, leaf, NULL));
    connect_without_password(&client, device);
    live_expect(&client, "\x20\x02\x00\x05", 4);
    live_expect_end(&client);
    LIVE_AWAIT(record != NULL || (record = fault_log_operation(&f->log, index)) != NULL);
    properties = json_loads(text_of(record, "properties"), 0, NULL);
    json_decref(record);
    return properties;
}

/* Records of refused logins tell what was shown, and what it should have been. */
static void test_hub_x509__what_was_compared(void **state)
{
    const int64_t now_s = vd_clock_utc_ms() / 1000;
    struct test_certificate self = test_certificate_leaf("whoever", NULL, now_s);
    struct test_certificate strange = test_certificate_leaf("other", NULL, now_s);
    const struct test_certificate_plan over = {
        .common_name = "ca", .issuer = &root, .now_s = now_s, .not_after_s = now_s - 60};
    struct test_certificate_plan forged = over;
    struct test_certificate own = test_certificate_make(&over);
    struct vd_peer_certificate *right = test_certificate_shown(&self, NULL);
    struct vd_peer_certificate *wrong = test_certificate_shown(&strange, NULL);
    struct test_certificate made;
    struct live_hub *f = *state;
    char text[VD_TIME_TEXT_SIZE];
    json_t *properties;

    forged.issuer = &foreign;
    made = test_certificate_make(&forged);
    start(f, &self);
    properties = refused_properties(f, 0, "print", &strange);
    assert_string_equal(text_of(properties, "certificateThumbprintSha256"), wrong->sha256);
    assert_string_equal(text_of(properties, "certificateThumbprintSha1"), wrong->sha1);
    assert_string_equal(text_of(properties, "certificateCommonName"), "other");
    assert_string_equal(text_of(properties, "identityThumbprintPrimary"), "(none)");
    assert_string_equal(text_of(properties, "identityThumbprintSecondary"), right->sha256);
    assert_string_equal(text_of(properties, "credentialWasGood"), "(none)");
    json_decref(properties);

    vd_time_format((now_s - 60) * 1000, text);
    properties = refused_properties(f, 1, "ca", &own);
    assert_string_equal(text_of(properties, "reason"), "certificate_expired");
    assert_string_equal(text_of(properties, "credentialWasGood"), "true");
    assert_string_equal(text_of(properties, "credentialExpiryTime"), text);
    assert_string_equal(text_of(properties, "certificateNotAfter"), text);
    assert_string_equal(text_of(properties, "identityThumbprintPrimary"), "(none)");
    json_decref(properties);

    properties = refused_properties(f, 2, "ca", &made);
    assert_string_equal(text_of(properties, "reason"), "certificate_expired");
    assert_string_equal(text_of(properties, "credentialWasGood"), "false");
    json_decref(properties);
    vd_peer_certificate_free(right);
    vd_peer_certificate_free(wrong);
    test_certificate_release(&self);
    test_certificate_release(&strange);
    test_certificate_release(&own);
    test_certificate_release(&made);
}

/* A device with a token may show whatever certificate besides. */
static void test_hub_x509__token_and_certificate(void **state)
{
    int64_t now_s = vd_clock_utc_ms() / 1000;
    struct test_certificate strange = test_certificate_leaf("dev1", &foreign, now_s);
    struct vd_key key = memory_key('a');
    struct live_hub *f = *state;
    struct tls_client client;
    struct vd_buf packet = {0};

    start(f, NULL);
    assert_true(open_as(f, &client, 0, &strange, NULL));
    packet_connect_device(&packet, "dev1", NULL, &key, live_in_s(60), 60);
    live_send(&client, &packet);
    live_expect(&client, "\x20\x02\x00\x00", 4);
    tls_client_close(&client);
    test_certificate_release(&strange);
}

/* A connection does not outlive its certificate. */
static void test_hub_x509__ends_with_the_certificate(void **state)
{
    int64_t now_s = vd_clock_utc_ms() / 1000;
    struct test_certificate brief = test_certificate_make(&(struct test_certificate_plan){
        .common_name = "ca", .issuer = &root, .now_s = now_s, .not_after_s = now_s + 2});
    struct live_hub *f = *state;
    struct tls_client client;

    start(f, NULL);
    assert_true(open_as(f, &client, 0, &brief, NULL));
    connect_without_password(&client, "ca");
    live_expect(&client, "\x20\x02\x00\x00", 4);
    live_expect_end(&client);
    assert_true(vd_clock_utc_ms() >= (now_s + 2) * 1000);
    test_certificate_release(&brief);
}

static SSL_SESSION *resumable(struct tls_client *client)
{
    SSL_SESSION *session = SSL_get1_session(client->ssl);

    assert_non_null(session);
    assert_true(SSL_SESSION_is_resumable(session));
    return session;
}

/* A device without a certificate resumes its TLS session; one with a certificate shows it each time. */
static void test_hub_x509__resumption(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    int64_t now_s = vd_clock_utc_ms() / 1000;
    struct test_certificate good = test_certificate_leaf("ca", &middle, now_s);
    struct live_hub *f = *state;

    start(f, NULL);
    for (size_t i = 0; i < 2 * COUNT(versions); i++) {
        bool shows = i >= COUNT(versions);
        struct tls_client_identity identity = {.certificate = shows ? good.x509 : NULL,
            .key = shows ? good.key : NULL,
            .other = shows ? middle.x509 : NULL};
        struct tls_client client;

        for (int turn = 0; turn < 2; turn++) {
            assert_true(tls_client_open_as(&client, vd_hub_port(f->hub), f->certificate,
                versions[i % COUNT(versions)], &identity));
            assert_int_equal(SSL_session_reused(client.ssl), turn == 1 && !shows);
            if (shows) {
                connect_without_password(&client, "ca");
                live_expect(&client, "\x20\x02\x00\x00", 4);
                live_ping(&client);
            } else {
                /* TLS 1.3 sends its ticket behind the handshake: it is there with the first answer. */
                connect_without_password(&client, "dev1");
                live_expect(&client, "\x20\x02\x00\x04", 4);
            }
            SSL_SESSION_free(identity.session);
            identity.session = resumable(&client);
            /* OpenSSL takes a session back for reuse only from a connection that ended well. */
            SSL_set_shutdown(client.ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
            tls_client_close(&client);
        }
        SSL_SESSION_free(identity.session);
    }
    test_certificate_release(&good);
}

/* More certificates than anybody has end the handshake, and nothing else. */
static void test_hub_x509__too_long_a_chain(void **state)
{
    static const struct {
        int comment_bytes;
        bool passes;
    } cases[] = {{VD_HUB_CHAIN_MAX_BYTES - 2000, true}, {VD_HUB_CHAIN_MAX_BYTES, false}};
    int64_t now_s = vd_clock_utc_ms() / 1000;
    struct live_hub *f = *state;

    start(f, NULL);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_certificate large = test_certificate_make(&(struct test_certificate_plan){
            .common_name = "ca", .now_s = now_s, .comment_bytes = cases[i].comment_bytes});
        struct tls_client client;
        bool answered = false;
        char got[4];

        /* With TLS 1.3 the client has shaken hands before the hub has read what it sent. */
        if (open_as(f, &client, 0, &large, NULL)) {
            connect_without_password(&client, "ca");
            answered = tls_client_read(&client, got, sizeof got);
            tls_client_close(&client);
        }
        assert_int_equal(answered, cases[i].passes);
        test_certificate_release(&large);
    }
    LIVE_AWAIT(live_stats(f).connections == 0);
    assert_int_equal(live_stats(f).connects_refused, 1);
}

/* A key that takes long to check a signature by ends the handshake, whoever signed it. */
static void test_hub_x509__costly_keys(void **state)
{
    static const struct {
        const char *name;
        int primes; /* of 512 bits */
        bool has_long_exponent;
        bool passes;
    } cases[] = {
        {"8192 bits", 16, false, true},
        {"8704 bits", 17, false, false},
        {"a long exponent", 4, true, false},
    };
    int64_t now_s = vd_clock_utc_ms() / 1000;
    struct live_hub *f = *state;

    start(f, NULL);
    for (size_t i = 0; i < 2 * COUNT(cases); i++) {
        const size_t n = i / 2;
        struct test_certificate made =
            test_certificate_make(&(struct test_certificate_plan){.common_name = "ca",
                .issuer = &root,
                .now_s = now_s,
                .rsa_primes = cases[n].primes,
                .has_long_exponent = cases[n].has_long_exponent});
        struct tls_client client;
        bool answered = false;
        char got[4] = {0};

        /* With TLS 1.3 the client has shaken hands before the hub has read what it sent. */
        if (open_as(f, &client, i % 2 == 0 ? TLS1_2_VERSION : TLS1_3_VERSION, &made, NULL)) {
            connect_without_password(&client, "ca");
            answered = tls_client_read(&client, got, sizeof got);
            tls_client_close(&client);
        }
        if (answered != cases[n].passes) {
            fail_msg("%s: %d", cases[n].name, answered);
        }
        assert_int_equal(got[3], 0);
        test_certificate_release(&made);
    }
    LIVE_AWAIT(live_stats(f).connections == 0);
    assert_int_equal(live_stats(f).connects_accepted, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIVE_TEST(test_hub_x509__certificates),
        LIVE_TEST(test_hub_x509__what_was_compared),
        LIVE_TEST(test_hub_x509__token_and_certificate),
        LIVE_TEST(test_hub_x509__ends_with_the_certificate),
        LIVE_TEST(test_hub_x509__resumption),
        LIVE_TEST(test_hub_x509__too_long_a_chain),
        LIVE_TEST(test_hub_x509__costly_keys),
    };

    return cmocka_run_group_tests(tests, make_authorities, release_authorities);
}
