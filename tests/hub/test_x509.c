/* SPDX-License-Identifier: MIT */
/* Certificates without sockets: how they are read, which chains hold, who is let in by what, and proof of possession. */

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "hub/sas.h"
#include "tests/hub/certificates.h"
#include "tests/hub/fake_host.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NOW_S    (FAKE_NOW_MS / 1000)

/* Everything that the tests show and store, made once: keys cost time. */
struct world {
    struct test_certificate root;
    struct test_certificate middle;  /* of root */
    struct test_certificate foreign; /* a root with root's name and another key */
    struct test_certificate old_root;
    struct test_certificate leaf;        /* dev1, of root */
    struct test_certificate deep;        /* dev1, of middle */
    struct test_certificate module;      /* dev1/mod, of root */
    struct test_certificate other;       /* dev2, of root */
    struct test_certificate expired;     /* dev1, of root */
    struct test_certificate early;       /* dev1, of root */
    struct test_certificate timeless;    /* dev1, of root, until a time that is none */
    struct test_certificate of_foreign;  /* dev1, of foreign */
    struct test_certificate of_old;      /* dev1, of old_root */
    struct test_certificate of_leaf;     /* dev1, of leaf, which is no CA */
    struct test_certificate server_only; /* dev1, of root */
    struct test_certificate weak;        /* dev1, of root, RSA-1024 */
    struct test_certificate self;        /* dev1, of itself */
    struct test_certificate self_expired;
};

static struct test_certificate planned(struct test_certificate_plan plan)
{
    plan.now_s = NOW_S;
    return test_certificate_make(&plan);
}

#define OF_ROOT(...) planned((struct test_certificate_plan){.issuer = &w->root, __VA_ARGS__})

static int make_world(void **state)
{
    static struct world world;
    struct world *w = &world;

    w->root = test_certificate_ca("root", NOW_S);
    w->middle = OF_ROOT(.common_name = "middle", .basic_constraints = "critical,CA:TRUE,pathlen:0");
    w->foreign = test_certificate_ca("root", NOW_S);
    w->old_root = planned((struct test_certificate_plan){.common_name = "old",
        .basic_constraints = "critical,CA:TRUE",
        .not_before_s = NOW_S - 100,
        .not_after_s = NOW_S - 1});
    w->leaf = test_certificate_leaf("dev1", &w->root, NOW_S);
    w->deep = test_certificate_leaf("dev1", &w->middle, NOW_S);
    w->module = test_certificate_leaf("dev1/mod", &w->root, NOW_S);
    w->other = test_certificate_leaf("dev2", &w->root, NOW_S);
    w->expired = OF_ROOT(.common_name = "dev1", .not_after_s = NOW_S - 1);
    w->early = OF_ROOT(.common_name = "dev1", .not_before_s = NOW_S + 1);
    w->timeless = OF_ROOT(.common_name = "dev1", .not_after_text = "991399999999Z");
    w->of_foreign = test_certificate_leaf("dev1", &w->foreign, NOW_S);
    w->of_old = test_certificate_leaf("dev1", &w->old_root, NOW_S);
    w->of_leaf = test_certificate_leaf("dev1", &w->leaf, NOW_S);
    w->server_only = OF_ROOT(.common_name = "dev1", .extended_key_usage = "serverAuth");
    w->weak = OF_ROOT(.common_name = "dev1", .rsa_bits = 1024);
    w->self = test_certificate_leaf("dev1", NULL, NOW_S);
    w->self_expired =
        planned((struct test_certificate_plan){.common_name = "dev1", .not_after_s = NOW_S - 1});
    *state = w;
    return 0;
}

static int release_world(void **state)
{
    struct test_certificate *all = *state;

    for (size_t i = 0; i < sizeof(struct world) / sizeof *all; i++) {
        test_certificate_release(&all[i]);
    }
    return 0;
}

/* ---- Reading ---- */

static void test_x509__common_names(void **state)
{
    static const struct {
        struct test_certificate_plan plan;
        const char *expected;
    } cases[] = {
        {{.common_name = "dev1"}, "dev1"},
        {{.common_name = "d\xc3\xa9v"}, "d\xc3\xa9v"},
        {{.common_name = NULL}, ""},
        {{.common_name = "dev1", .other_common_name = "dev2"}, ""},
        {{.common_name = "dev1\0.evil", .common_name_length = 10}, ""},
    };
    struct vd_peer_certificate *shown;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_certificate made = planned(cases[i].plan);

        shown = test_certificate_shown(&made, NULL);
        assert_string_equal(shown->common_name, cases[i].expected);
        assert_int_equal(shown->not_before_ms, (NOW_S - 3600) * 1000);
        assert_int_equal(shown->not_after_ms, (NOW_S + 3600) * 1000);
        vd_peer_certificate_free(shown);
        test_certificate_release(&made);
    }
    vd_peer_certificate_free(NULL);
}

/* Against digests that are taken in another way. */
static void test_x509__thumbprints(void **state)
{
    struct world *w = *state;
    struct vd_peer_certificate *shown = test_certificate_shown(&w->leaf, NULL);
    struct vd_ca_certificate stored = test_certificate_stored("leaf", &w->leaf, false);
    char thumbprints[2][VD_THUMBPRINT_SIZE] = {"", ""};
    unsigned char digest[EVP_MAX_MD_SIZE];
    char hex[VD_THUMBPRINT_SIZE] = "";
    size_t length = 0;

    assert_int_equal(
        EVP_Q_digest(NULL, "SHA1", NULL, stored.der, stored.der_length, digest, &length), 1);
    for (size_t i = 0; i < length; i++) {
        snprintf(hex + 2 * i, 3, "%02X", digest[i]);
    }
    assert_string_equal(shown->sha1, hex);
    assert_int_equal(
        EVP_Q_digest(NULL, "SHA256", NULL, stored.der, stored.der_length, digest, &length), 1);
    for (size_t i = 0; i < length; i++) {
        snprintf(hex + 2 * i, 3, "%02X", digest[i]);
    }
    assert_string_equal(shown->sha256, hex);

    assert_false(vd_x509_has_thumbprint(shown, (const char(*)[VD_THUMBPRINT_SIZE])thumbprints));
    for (int i = 0; i < 4; i++) {
        memset(thumbprints, 0, sizeof thumbprints);
        snprintf(thumbprints[i % 2], VD_THUMBPRINT_SIZE, "%s", i < 2 ? shown->sha1 : shown->sha256);
        assert_true(vd_x509_has_thumbprint(shown, (const char(*)[VD_THUMBPRINT_SIZE])thumbprints));
        thumbprints[i % 2][39] ^= 1;
        assert_false(vd_x509_has_thumbprint(shown, (const char(*)[VD_THUMBPRINT_SIZE])thumbprints));
    }
    vd_peer_certificate_free(shown);
}

/* ---- Chains ---- */

static void test_x509__chains(void **state)
{
    struct world *w = *state;
    const struct {
        const char *name;
        const struct test_certificate *stored; /* NULL: no CA at all */
        bool is_verified;
        const struct test_certificate *leaf;
        const struct test_certificate *other;
        int expected;
    } cases[] = {
        {"of the root", &w->root, true, &w->leaf, NULL, VD_OK},
        {"the root comes too", &w->root, true, &w->leaf, &w->root, VD_OK},
        {"over an intermediate", &w->root, true, &w->deep, &w->middle, VD_OK},
        {"the intermediate is missing", &w->root, true, &w->deep, NULL, VD_E_DENIED},
        {"the intermediate is ours", &w->middle, true, &w->deep, NULL, VD_OK},
        {"not verified", &w->root, false, &w->leaf, NULL, VD_E_DENIED},
        {"the client brings the root", NULL, true, &w->leaf, &w->root, VD_E_DENIED},
        {"another root of that name", &w->root, true, &w->of_foreign, NULL, VD_E_DENIED},
        {"another root, brought", &w->root, true, &w->of_foreign, &w->foreign, VD_E_DENIED},
        {"another CA", &w->middle, true, &w->leaf, NULL, VD_E_DENIED},
        {"the root expired", &w->old_root, true, &w->of_old, NULL, VD_E_DENIED},
        {"the issuer is no CA", &w->root, true, &w->of_leaf, &w->leaf, VD_E_DENIED},
        {"for servers only", &w->root, true, &w->server_only, NULL, VD_E_DENIED},
        {"a weak key", &w->root, true, &w->weak, NULL, VD_E_DENIED},
        {"self-signed", &w->root, true, &w->self, NULL, VD_E_DENIED},
        {"expired", &w->root, true, &w->expired, NULL, VD_E_DENIED},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct memory_registry registry;
        struct vd_peer_certificate *shown = test_certificate_shown(cases[i].leaf, cases[i].other);

        memory_registry_init(&registry);
        if (cases[i].stored != NULL) {
            /* What cannot be read is passed over. */
            registry.cas[0].is_verified = true;
            registry.cas[0].der_length = 40;
            registry.cas[1] = test_certificate_stored("ca", cases[i].stored, cases[i].is_verified);
            registry.ca_count = 2;
        }
        if (vd_x509_chain_check(shown, &registry.base, FAKE_NOW_MS) != cases[i].expected) {
            fail_msg("%s", cases[i].name);
        }
        registry.fail_with = VD_E_IO;
        assert_int_equal(vd_x509_chain_check(shown, &registry.base, FAKE_NOW_MS), VD_E_IO);
        vd_peer_certificate_free(shown);
    }
}

/* As many intermediates as are allowed, and one more. */
static void test_x509__depth(void **state)
{
    struct world *w = *state;
    struct test_certificate chain[VD_HUB_CHAIN_DEPTH_MAX + 2];
    struct memory_registry registry;

    memory_registry_init(&registry);
    registry.cas[0] = test_certificate_stored("root", &w->root, true);
    registry.ca_count = 1;
    for (size_t count = VD_HUB_CHAIN_DEPTH_MAX; count <= VD_HUB_CHAIN_DEPTH_MAX + 1; count++) {
        STACK_OF(X509) *others = sk_X509_new_null();
        struct vd_peer_certificate *shown = NULL;

        for (size_t i = 0; i <= count; i++) {
            char name[16];

            snprintf(name, sizeof name, "ca%zu", i);
            chain[i] =
                planned((struct test_certificate_plan){.common_name = i == count ? "dev1" : name,
                    .issuer = i == 0 ? &w->root : &chain[i - 1],
                    .basic_constraints = i == count ? NULL : "critical,CA:TRUE"});
            if (i < count) {
                assert_true(sk_X509_push(others, chain[i].x509) > 0);
            }
        }
        assert_int_equal(vd_peer_certificate_new(chain[count].x509, others, &shown), VD_OK);
        assert_int_equal(vd_x509_chain_check(shown, &registry.base, FAKE_NOW_MS),
            count <= VD_HUB_CHAIN_DEPTH_MAX ? VD_OK : VD_E_DENIED);
        vd_peer_certificate_free(shown);
        sk_X509_free(others);
        for (size_t i = 0; i <= count; i++) {
            test_certificate_release(&chain[i]);
        }
    }
}

/* ---- Who is let in ---- */

enum token {
    TOKEN_NONE,
    TOKEN_GARBAGE,
    TOKEN_GOOD,
    TOKEN_EXPIRED,
    TOKEN_WRONG,
    TOKEN_POLICY, /* of a policy with DeviceConnect */
    TOKEN_POLICY_SECOND,
    TOKEN_POLICY_RIGHT, /* of one without */
    TOKEN_POLICY_WRONG,
    TOKEN_POLICY_OTHER, /* of one that is not there */
    TOKEN_POLICY_OTHER_RESOURCE,
    TOKEN_POLICY_EXPIRED,
};

/* The password that is meant; NULL: none. */
static const char *token_text(enum token token, const char *resource, char out[1024])
{
    static const struct {
        char key;
        int64_t expiry_s;
        const char *policy;
    } tokens[] = {
        [TOKEN_GOOD] = {'a', FAKE_LATER_S, NULL},
        [TOKEN_EXPIRED] = {'a', NOW_S, NULL},
        [TOKEN_WRONG] = {'x', FAKE_LATER_S, NULL},
        [TOKEN_POLICY] = {'p', FAKE_LATER_S, "device"},
        [TOKEN_POLICY_SECOND] = {'q', FAKE_LATER_S, "device"},
        [TOKEN_POLICY_RIGHT] = {'s', FAKE_LATER_S, "service"},
        [TOKEN_POLICY_WRONG] = {'a', FAKE_LATER_S, "device"},
        [TOKEN_POLICY_OTHER] = {'p', FAKE_LATER_S, "another"},
        [TOKEN_POLICY_OTHER_RESOURCE] = {'p', FAKE_LATER_S, "device"},
        [TOKEN_POLICY_EXPIRED] = {'p', NOW_S, "device"},
    };
    struct vd_key key;

    if (token == TOKEN_NONE) {
        return NULL;
    }
    if (token == TOKEN_GARBAGE) {
        return "garbage";
    }
    key = memory_key(tokens[token].key);
    assert_int_equal(
        vd_sas_make(token == TOKEN_POLICY_OTHER_RESOURCE ? "hub.example/devices/dev2" : resource,
            &key, tokens[token].expiry_s, tokens[token].policy, out, 1024),
        VD_OK);
    return out;
}

static void add_identity(struct memory_registry *registry, const char *device, const char *module,
    enum vd_auth_type type, const struct vd_peer_certificate *first,
    const struct vd_peer_certificate *second)
{
    struct vd_identity *identity = memory_registry_add(registry, device, module, 'a', 'b');

    identity->auth_type = type;
    if (first != NULL) {
        snprintf(identity->thumbprints[0], VD_THUMBPRINT_SIZE, "%s", first->sha1);
        snprintf(identity->thumbprints[1], VD_THUMBPRINT_SIZE, "%s", second->sha256);
    }
}

/* The identities: sas; print (leaf by SHA-1, self and an expired one by SHA-256 in turn); dev1 and dev1/mod (by CA). */
static void fill_registry(struct memory_registry *registry, struct world *w)
{
    struct vd_peer_certificate *leaf = test_certificate_shown(&w->leaf, NULL);
    struct vd_peer_certificate *self = test_certificate_shown(&w->self, NULL);
    struct vd_peer_certificate *expired = test_certificate_shown(&w->self_expired, NULL);
    struct vd_peer_certificate *early = test_certificate_shown(&w->early, NULL);

    memory_registry_init(registry);
    add_identity(registry, "sas", "", VD_AUTH_SAS, NULL, NULL);
    add_identity(registry, "print", "", VD_AUTH_THUMBPRINT, leaf, self);
    add_identity(registry, "late", "", VD_AUTH_THUMBPRINT, early, expired);
    add_identity(registry, "dev1", "", VD_AUTH_CA, NULL, NULL);
    add_identity(registry, "dev1", "mod", VD_AUTH_CA, NULL, NULL);
    memory_registry_add_policy(registry, "device", VD_RIGHT_DEVICE_CONNECT, 'p');
    memory_registry_add_policy(registry, "service", VD_RIGHT_SERVICE_CONNECT, 's');
    registry->cas[0] = test_certificate_stored("root", &w->root, true);
    registry->ca_count = 1;
    vd_peer_certificate_free(leaf);
    vd_peer_certificate_free(self);
    vd_peer_certificate_free(expired);
    vd_peer_certificate_free(early);
}

static enum vd_refusal judge(struct memory_registry *registry, const char *client_id,
    enum token token, const struct vd_peer_certificate *shown, struct vd_principal *principal)
{
    char password[1024];
    char user_name[256];
    char resource[256];
    struct vd_mqtt_connect connect = {.client_id = vd_str_from(client_id), .has_user_name = true};
    const char *slash = strchr(client_id, '/');
    const char *text;

    snprintf(user_name, sizeof user_name, "hub.example/%s/?api-version=2021-04-12", client_id);
    snprintf(resource, sizeof resource, "hub.example/devices/%.*s",
        slash != NULL ? (int)(slash - client_id) : (int)strlen(client_id), client_id);
    connect.user_name = vd_str_from(user_name);
    text = token_text(token, resource, password);
    if (text != NULL) {
        connect.has_password = true;
        connect.password = vd_str_from(text);
    }
    return vd_auth_judge(&registry->base, "hub.example", &connect, shown, FAKE_NOW_MS, principal);
}

static void test_x509__matrix(void **state)
{
    struct world *w = *state;
    const struct {
        const char *client_id;
        enum token token;
        const struct test_certificate *shown;
        enum vd_refusal expected;
    } cases[] = {
        /* By token: the certificate does not count. */
        {"sas", TOKEN_GOOD, NULL, VD_REFUSED_NOT},
        {"sas", TOKEN_GOOD, &w->leaf, VD_REFUSED_NOT},
        {"sas", TOKEN_GOOD, &w->expired, VD_REFUSED_NOT},
        {"sas", TOKEN_NONE, NULL, VD_REFUSED_NO_PASSWORD},
        {"sas", TOKEN_NONE, &w->leaf, VD_REFUSED_NO_PASSWORD},
        {"sas", TOKEN_GARBAGE, &w->leaf, VD_REFUSED_TOKEN},
        {"sas", TOKEN_GARBAGE, NULL, VD_REFUSED_TOKEN},
        {"sas", TOKEN_EXPIRED, &w->leaf, VD_REFUSED_EXPIRED},
        {"sas", TOKEN_WRONG, NULL, VD_REFUSED_SIGNATURE},
        /* By a policy's token. */
        {"sas", TOKEN_POLICY, NULL, VD_REFUSED_NOT},
        {"sas", TOKEN_POLICY_SECOND, NULL, VD_REFUSED_NOT},
        {"sas", TOKEN_POLICY_RIGHT, NULL, VD_REFUSED_RIGHT},
        {"sas", TOKEN_POLICY_WRONG, NULL, VD_REFUSED_SIGNATURE},
        {"sas", TOKEN_POLICY_OTHER, NULL, VD_REFUSED_POLICY},
        {"sas", TOKEN_POLICY_OTHER_RESOURCE, NULL, VD_REFUSED_RESOURCE},
        {"sas", TOKEN_POLICY_EXPIRED, NULL, VD_REFUSED_EXPIRED},
        {"print", TOKEN_POLICY, NULL, VD_REFUSED_NO_CERTIFICATE},
        {"nobody", TOKEN_POLICY, NULL, VD_REFUSED_UNKNOWN},
        /* By thumbprint: the password does not count. */
        {"print", TOKEN_NONE, &w->leaf, VD_REFUSED_NOT},
        {"print", TOKEN_NONE, &w->self, VD_REFUSED_NOT},
        {"print", TOKEN_GARBAGE, &w->self, VD_REFUSED_NOT},
        {"print", TOKEN_NONE, NULL, VD_REFUSED_NO_CERTIFICATE},
        {"print", TOKEN_GOOD, NULL, VD_REFUSED_NO_CERTIFICATE},
        {"print", TOKEN_NONE, &w->other, VD_REFUSED_THUMBPRINT},
        {"print", TOKEN_GOOD, &w->other, VD_REFUSED_THUMBPRINT},
        {"print", TOKEN_NONE, &w->self_expired, VD_REFUSED_THUMBPRINT},
        {"late", TOKEN_NONE, &w->self_expired, VD_REFUSED_CERTIFICATE_EXPIRED},
        {"late", TOKEN_NONE, &w->early, VD_REFUSED_NOT_YET_VALID},
        /* By CA. */
        {"dev1", TOKEN_NONE, &w->leaf, VD_REFUSED_NOT},
        {"dev1/mod", TOKEN_NONE, &w->module, VD_REFUSED_NOT},
        {"dev1", TOKEN_NONE, NULL, VD_REFUSED_NO_CERTIFICATE},
        {"dev1", TOKEN_GOOD, NULL, VD_REFUSED_NO_CERTIFICATE},
        {"dev1", TOKEN_NONE, &w->other, VD_REFUSED_COMMON_NAME},
        {"dev1", TOKEN_NONE, &w->module, VD_REFUSED_COMMON_NAME},
        {"dev1/mod", TOKEN_NONE, &w->leaf, VD_REFUSED_COMMON_NAME},
        {"dev1", TOKEN_NONE, &w->expired, VD_REFUSED_CERTIFICATE_EXPIRED},
        {"dev1", TOKEN_NONE, &w->early, VD_REFUSED_NOT_YET_VALID},
        {"dev1", TOKEN_NONE, &w->timeless, VD_REFUSED_CERTIFICATE_EXPIRED},
        {"dev1", TOKEN_NONE, &w->of_foreign, VD_REFUSED_CHAIN},
        {"dev1", TOKEN_NONE, &w->self, VD_REFUSED_CHAIN},
        {"dev1", TOKEN_NONE, &w->deep, VD_REFUSED_CHAIN},
        /* Nobody, with this and that. */
        {"nobody", TOKEN_NONE, &w->leaf, VD_REFUSED_UNKNOWN},
        {"nobody", TOKEN_NONE, NULL, VD_REFUSED_NO_PASSWORD},
        {"nobody", TOKEN_GOOD, NULL, VD_REFUSED_UNKNOWN},
    };
    struct memory_registry registry;

    fill_registry(&registry, w);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct vd_peer_certificate *shown =
            cases[i].shown != NULL ? test_certificate_shown(cases[i].shown, NULL) : NULL;
        struct vd_principal principal;
        enum vd_refusal got =
            judge(&registry, cases[i].client_id, cases[i].token, shown, &principal);

        if (got != cases[i].expected) {
            fail_msg("case %zu: %s", i, vd_refusal_text(got));
        }
        if (got == VD_REFUSED_NOT && principal.auth_type != VD_AUTH_SAS) {
            assert_int_equal(principal.expires_s, NOW_S + 3600);
        }
        if (cases[i].shown == &w->timeless) {
            assert_int_equal(principal.expires_s, 0);
            assert_false(principal.was_good);
        }
        vd_peer_certificate_free(shown);
    }
}

static void test_x509__registry_fails(void **state)
{
    struct world *w = *state;
    struct memory_registry registry;
    struct vd_peer_certificate *shown = test_certificate_shown(&w->leaf, NULL);
    struct vd_principal principal;

    fill_registry(&registry, w);
    registry.fail_with = VD_E_IO;
    assert_int_equal(judge(&registry, "dev1", TOKEN_NONE, shown, &principal), VD_REFUSED_REGISTRY);
    assert_int_equal(judge(&registry, "dev1", TOKEN_NONE, NULL, &principal), VD_REFUSED_REGISTRY);
    registry.fail_with = VD_OK;
    registry.identities[3].enabled = false;
    assert_int_equal(judge(&registry, "dev1", TOKEN_NONE, shown, &principal), VD_REFUSED_DISABLED);
    assert_int_equal(
        judge(&registry, "dev1/mod", TOKEN_NONE, shown, &principal), VD_REFUSED_DISABLED);
    vd_peer_certificate_free(shown);
}

/* ---- CA certificates ---- */

static void check_read(struct vd_buf *text, int expected)
{
    static uint8_t der[VD_HUB_CA_MAX_BYTES];
    size_t length = 12345;

    assert_int_equal(
        vd_ca_read((struct vd_str){(const char *)text->data, text->length}, der, &length),
        expected);
    assert_true((expected == VD_OK) == (length != 12345));
    vd_buf_release(text);
}

static void test_x509__ca_read(void **state)
{
    struct world *w = *state;
    struct vd_ca_certificate stored = test_certificate_stored("root", &w->root, false);
    struct vd_ca_description description;
    struct vd_buf text = {0};
    char sha1[41];
    struct vd_peer_certificate *shown = test_certificate_shown(&w->root, NULL);

    test_certificate_pem(&w->root, &text);
    check_read(&text, VD_OK);
    vd_buf_append_text(&text, "subject: of the CA\n");
    test_certificate_pem(&w->root, &text);
    check_read(&text, VD_OK);
    test_certificate_pem(&w->root, &text);
    test_certificate_pem(&w->middle, &text);
    check_read(&text, VD_E_INVALID);
    test_certificate_pem(&w->leaf, &text);
    check_read(&text, VD_E_UNSUPPORTED);
    test_certificate_pem(&w->self, &text);
    check_read(&text, VD_E_UNSUPPORTED);
    vd_buf_append(&text, stored.der, stored.der_length);
    check_read(&text, VD_OK);
    vd_buf_append(&text, stored.der, stored.der_length);
    vd_buf_append_text(&text, "x");
    check_read(&text, VD_E_INVALID);
    vd_buf_append(&text, stored.der, stored.der_length - 1);
    check_read(&text, VD_E_INVALID);
    vd_buf_append_text(&text, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    check_read(&text, VD_E_INVALID);
    check_read(&text, VD_E_INVALID);

    snprintf(sha1, sizeof sha1, "%s", shown->sha1);
    assert_int_equal(vd_ca_describe(&stored, &description), VD_OK);
    assert_string_equal(description.subject, "CN=root");
    assert_string_equal(description.thumbprint, sha1);
    assert_int_equal(description.not_after_ms, (NOW_S + 3600) * 1000);
    stored.der[0] ^= 1;
    assert_int_equal(vd_ca_describe(&stored, &description), VD_E_CORRUPT);
    vd_peer_certificate_free(shown);
}

static void test_x509__proof(void **state)
{
    struct world *w = *state;
    struct vd_ca_certificate ca = test_certificate_stored("root", &w->root, false);
    char other[VD_VERIFICATION_CODE_SIZE];
    struct test_certificate proofs[4];
    const int expected[] = {VD_OK, VD_E_DENIED, VD_E_DENIED, VD_E_EXPIRED};
    struct vd_buf text = {0};

    assert_int_equal(vd_ca_check_proof(&ca, VD_STR_LITERAL("x"), FAKE_NOW_MS), VD_E_NOT_FOUND);
    assert_int_equal(vd_ca_make_code(ca.verification_code), VD_OK);
    assert_int_equal(vd_ca_make_code(other), VD_OK);
    assert_int_equal(strlen(other), VD_VERIFICATION_CODE_SIZE - 1);
    assert_string_not_equal(other, ca.verification_code);
    assert_int_equal(vd_ca_check_proof(&ca, VD_STR_LITERAL("x"), FAKE_NOW_MS), VD_E_INVALID);
    proofs[0] = test_certificate_leaf(ca.verification_code, &w->root, NOW_S);
    proofs[1] = test_certificate_leaf(other, &w->root, NOW_S);
    proofs[2] = test_certificate_leaf(ca.verification_code, &w->foreign, NOW_S);
    proofs[3] = OF_ROOT(.common_name = ca.verification_code, .not_after_s = NOW_S - 1);
    for (size_t i = 0; i < COUNT(proofs); i++) {
        test_certificate_pem(&proofs[i], &text);
        assert_int_equal(vd_ca_check_proof(&ca,
                             (struct vd_str){(const char *)text.data, text.length}, FAKE_NOW_MS),
            expected[i]);
        vd_buf_release(&text);
        test_certificate_release(&proofs[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_x509__common_names),
        cmocka_unit_test(test_x509__thumbprints),
        cmocka_unit_test(test_x509__chains),
        cmocka_unit_test(test_x509__depth),
        cmocka_unit_test(test_x509__matrix),
        cmocka_unit_test(test_x509__registry_fails),
        cmocka_unit_test(test_x509__ca_read),
        cmocka_unit_test(test_x509__proof),
    };

    return cmocka_run_group_tests(tests, make_world, release_world);
}
