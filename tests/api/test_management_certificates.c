/* SPDX-License-Identifier: MIT */
/* CA certificates by the management API: their life, their etags, the proof of possession. */

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
#include "tests/hub/certificates.h"

#define CERTIFICATES HUB "/certificates"

static char etag[64];

static const char *keep_etag(void)
{
    snprintf(etag, sizeof etag, "%s", text_at("etag"));
    return etag;
}

static int64_t now_s(void)
{
    return vd_clock_utc_ms() / 1000;
}

/* The PEM of a certificate in base64, the caller's. */
static char *encoded(const struct test_certificate *certificate)
{
    struct vd_buf pem = {0};
    size_t length;
    size_t size;
    char *text;

    test_certificate_pem(certificate, &pem);
    length = pem.length;
    size = VD_BASE64_LENGTH(length) + 1;
    text = malloc(size);
    assert_int_equal(vd_base64_encode(pem.data, length, text, size), VD_OK);
    vd_buf_release(&pem);
    return text;
}

/* {"properties":{"certificate","isVerified"}}, the caller's. */
static char *body_of(const struct test_certificate *certificate, bool is_verified)
{
    char *base64 = encoded(certificate);
    json_t *json = json_pack(
        "{s:{s:s, s:b}}", "properties", "certificate", base64, "isVerified", (int)is_verified);
    char *text = json_dumps(json, 0);

    json_decref(json);
    free(base64);
    return text;
}

static void test_certificates__life(void **state)
{
    struct test_certificate ca = test_certificate_ca("ca one", now_s());
    char *body = body_of(&ca, false);

    (void)state;
    expect(200, NULL, "GET", CERTIFICATES, NULL, NULL);
    assert_int_equal(json_array_size(member("value")), 0);
    expect(404, "ResourceNotFound", "GET", CERTIFICATES "/ca1", NULL, NULL);
    expect(201, NULL, "PUT", CERTIFICATES "/ca1", NULL, body);
    assert_string_equal(text_at("id"), CERTIFICATES "/ca1");
    assert_string_equal(text_at("type"), "Microsoft.Devices/IotHubs/Certificates");
    assert_string_equal(text_at("properties.subject"), "CN=ca one");
    assert_int_equal(json_string_length(property("thumbprint")), 40);
    assert_true(json_is_false(property("isVerified")));
    assert_null(property("verificationCode"));
    assert_string_equal(text_at("properties.expiry") + 25, " GMT");
    assert_string_equal(text_at("properties.created") + 25, " GMT");
    keep_etag();
    /* Another case is the same name. */
    expect(200, NULL, "GET", CERTIFICATES "/CA1", NULL, NULL);
    assert_string_equal(text_at("name"), "ca1");
    assert_string_equal(text_at("etag"), etag);
    expect(200, NULL, "PUT", CERTIFICATES "/Ca1", NULL, body);
    assert_string_equal(text_at("name"), "ca1");
    assert_string_not_equal(text_at("etag"), etag);
    expect(200, NULL, "GET", CERTIFICATES, NULL, NULL);
    assert_int_equal(json_array_size(member("value")), 1);
    assert_string_equal(text_at("value.0.name"), "ca1");
    expect(200, NULL, "DELETE", CERTIFICATES "/ca1", "*", NULL);
    expect(204, NULL, "DELETE", CERTIFICATES "/ca1", "*", NULL);
    free(body);
    test_certificate_release(&ca);
}

static void test_certificates__etags(void **state)
{
    struct test_certificate ca = test_certificate_ca("ca", now_s());
    char *body = body_of(&ca, true);

    (void)state;
    expect(412, "PreconditionFailed", "PUT", CERTIFICATES "/ca1", "AAAAAAExpNs=", body);
    expect(201, NULL, "PUT", CERTIFICATES "/ca1", NULL, body);
    assert_true(json_is_true(property("isVerified")));
    keep_etag();
    expect(412, "PreconditionFailed", "PUT", CERTIFICATES "/ca1", "AAAAAAExpNs=", body);
    expect(200, NULL, "PUT", CERTIFICATES "/ca1", etag, body);
    expect(412, "PreconditionFailed", "DELETE", CERTIFICATES "/ca1", etag, NULL);
    expect(412, "PreconditionFailed", "POST", CERTIFICATES "/ca1/generateVerificationCode", etag,
        NULL);
    expect(412, "PreconditionFailed", "POST", CERTIFICATES "/ca1/verify", etag,
        "{\"certificate\":\"AAAA\"}");
    expect(200, NULL, "GET", CERTIFICATES "/ca1", NULL, NULL);
    expect(200, NULL, "DELETE", CERTIFICATES "/ca1", keep_etag(), NULL);
    free(body);
    test_certificate_release(&ca);
}

/* Each answer's etag is what the next request sends. */
static void test_certificates__proof_of_possession(void **state)
{
    struct test_certificate ca = test_certificate_ca("ca", now_s());
    struct test_certificate proof;
    char *body = body_of(&ca, false);
    char *leaf;
    char text[8192];

    (void)state;
    expect(201, NULL, "PUT", CERTIFICATES "/ca1", NULL, body);
    keep_etag();
    expect(200, NULL, "POST", CERTIFICATES "/ca1/generateVerificationCode", etag, NULL);
    assert_int_equal(json_string_length(property("verificationCode")), 64);
    assert_string_not_equal(text_at("etag"), etag);
    proof = test_certificate_leaf(text_at("properties.verificationCode"), &ca, now_s());
    keep_etag();
    expect(200, NULL, "GET", CERTIFICATES "/ca1", NULL, NULL);
    assert_null(property("verificationCode"));
    /* The CA's own certificate proves nothing. */
    leaf = encoded(&ca);
    snprintf(text, sizeof text, "{\"certificate\":\"%s\"}", leaf);
    free(leaf);
    expect(400, "BadRequest", "POST", CERTIFICATES "/ca1/verify", etag, text);
    leaf = encoded(&proof);
    snprintf(text, sizeof text, "{\"certificate\":\"%s\"}", leaf);
    free(leaf);
    expect(200, NULL, "POST", CERTIFICATES "/ca1/verify", etag, text);
    assert_true(json_is_true(property("isVerified")));
    /* A code holds once. */
    expect(400, "BadRequest", "POST", CERTIFICATES "/ca1/verify", keep_etag(), text);
    expect(404, "ResourceNotFound", "POST", CERTIFICATES "/none/verify", "*", text);
    expect(
        404, "ResourceNotFound", "POST", CERTIFICATES "/none/generateVerificationCode", "*", NULL);
    free(body);
    test_certificate_release(&proof);
    test_certificate_release(&ca);
}

static void test_certificates__that_are_none(void **state)
{
    struct test_certificate ca = test_certificate_ca("ca", now_s());
    struct test_certificate leaf = test_certificate_leaf("dev1", &ca, now_s());
    char *of_leaf = body_of(&leaf, false);
    char *good = body_of(&ca, false);
    const char *const bodies[] = {
        "{}",
        "{\"properties\":{}}",
        "{\"properties\":{\"certificate\":5}}",
        "{\"properties\":{\"certificate\":\"!\"}}",
        "{\"properties\":{\"certificate\":\"AAAA\"}}",
        "{\"properties\":{\"certificate\":\"AAAA\",\"isVerified\":\"yes\"}}",
        of_leaf,
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bodies); i++) {
        expect(400, "BadRequest", "PUT", CERTIFICATES "/ca1", NULL, bodies[i]);
    }
    expect(400, "InvalidRequestContent", "PUT", CERTIFICATES "/ca1", NULL, "null");
    expect(400, "InvalidParameter", "PUT", CERTIFICATES "/a%20b", NULL, good);
    expect(400, "InvalidParameter", "PUT",
        CERTIFICATES "/12345678901234567890123456789012345678901234567890123456789012345", NULL,
        good);
    expect(200, NULL, "GET", CERTIFICATES, NULL, NULL);
    assert_int_equal(json_array_size(member("value")), 0);
    free(of_leaf);
    free(good);
    test_certificate_release(&leaf);
    test_certificate_release(&ca);
}

static void test_certificates__roles(void **state)
{
    struct test_certificate ca = test_certificate_ca("ca", now_s());
    char *body = body_of(&ca, false);

    (void)state;
    assert_int_equal(call_as(VD_ROLE_READER, "PUT", CERTIFICATES "/ca1", NULL, body), 403);
    assert_int_equal(call_as(VD_ROLE_CONTRIBUTOR, "PUT", CERTIFICATES "/ca1", NULL, body), 201);
    assert_int_equal(call_as(VD_ROLE_READER, "GET", CERTIFICATES "/ca1", NULL, NULL), 200);
    assert_int_equal(call_as(VD_ROLE_READER, "GET", CERTIFICATES, NULL, NULL), 200);
    assert_int_equal(call_as(VD_ROLE_READER, "DELETE", CERTIFICATES "/ca1", "*", NULL), 403);
    assert_int_equal(
        call_as(VD_ROLE_READER, "POST", CERTIFICATES "/ca1/generateVerificationCode", "*", NULL),
        403);
    assert_int_equal(call_as(VD_ROLE_READER, "POST", CERTIFICATES "/ca1/verify", "*", "{}"), 403);
    free(body);
    test_certificate_release(&ca);
}

#define TEST(name)                   \
    cmocka_unit_test_setup_teardown( \
        test_certificates__##name, management_set_up, management_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(life),
        TEST(etags),
        TEST(proof_of_possession),
        TEST(that_are_none),
        TEST(roles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
