/* SPDX-License-Identifier: MIT */
/* Sessions of the portal: which cookies count, for how long, and what a page has to know. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/portal/session.h"
#include "tests/api/management_fixture.h"

#define NOW_MS 1800000000000LL

static struct vd_portal_session_keys keys;

static struct vd_token token_named(const char *name)
{
    struct vd_token token;

    assert_int_equal(vd_registry_token_get(registry, name, &token), VD_OK);
    return token;
}

static int set_up(void **state)
{
    static const uint8_t master[VD_MASTER_KEY_BYTES] = {9};

    return vd_portal_session_keys_derive(master, &keys) == VD_OK ? management_set_up(state) : -1;
}

static void begin(const char *name, struct vd_portal_session *out, char *text)
{
    const struct vd_token token = token_named(name);

    assert_int_equal(vd_portal_session_begin(&keys, &token, NOW_MS, out, text), VD_OK);
}

static int check(const char *text, int64_t now_ms)
{
    struct vd_portal_session session = {.expires_s = -1};
    const int error = vd_portal_session_check(&keys, registry, vd_str_from(text), now_ms, &session);

    assert_true((error == VD_OK) == (session.expires_s != -1));
    return error;
}

static void test_session__holds(void **state)
{
    struct vd_portal_session made;
    struct vd_portal_session again;
    char text[VD_PORTAL_SESSION_TEXT_SIZE];
    char csrf[2][VD_PORTAL_SESSION_MAC_SIZE];

    (void)state;
    begin("hand", &made, text);
    assert_int_equal(made.expires_s, NOW_MS / 1000 + VD_PORTAL_SESSION_S);
    assert_int_equal(
        vd_portal_session_check(&keys, registry, vd_str_from(text), NOW_MS, &again), VD_OK);
    assert_string_equal(again.token.name, "hand");
    assert_int_equal(again.token.role, VD_ROLE_CONTRIBUTOR);
    assert_int_equal(again.expires_s, made.expires_s);
    assert_int_equal(vd_portal_session_csrf(&keys, &made, csrf[0]), VD_OK);
    assert_int_equal(vd_portal_session_csrf(&keys, &again, csrf[1]), VD_OK);
    assert_string_equal(csrf[0], csrf[1]);
    assert_null(strstr(text, csrf[0]));
    assert_int_equal(check(text, (made.expires_s - 1) * 1000), VD_OK);
    assert_int_equal(check(text, made.expires_s * 1000), VD_E_EXPIRED);
    /* It is noted that the token was used. */
    assert_true(token_named("hand").last_used_ms >= NOW_MS);
}

/* The longest name there can be fits. */
static void test_session__longest_name(void **state)
{
    struct vd_portal_session made;
    char text[VD_PORTAL_SESSION_TEXT_SIZE];
    char name[VD_NAME_MAX + 1];

    (void)state;
    memset(name, 'n', VD_NAME_MAX);
    name[VD_NAME_MAX] = '\0';
    name[10] = '.';
    make_token(VD_ROLE_READER, name, 0);
    begin(name, &made, text);
    assert_int_equal(check(text, NOW_MS), VD_OK);
}

static void test_session__ends_with_its_token(void **state)
{
    struct vd_portal_session made;
    char text[VD_PORTAL_SESSION_TEXT_SIZE];

    (void)state;
    make_token(VD_ROLE_READER, "short", NOW_MS + 60000);
    begin("short", &made, text);
    assert_int_equal(made.expires_s, NOW_MS / 1000 + 60);
    assert_int_equal(check(text, NOW_MS + 59000), VD_OK);
    assert_int_equal(check(text, NOW_MS + 60000), VD_E_EXPIRED);

    begin("hand", &made, text);
    assert_int_equal(vd_registry_token_remove(registry, "hand"), VD_OK);
    assert_int_equal(check(text, NOW_MS), VD_E_DENIED);
    /* The name alone brings nothing back. */
    make_token(VD_ROLE_OWNER, "hand", 0);
    assert_int_equal(check(text, NOW_MS), VD_E_DENIED);
}

/* No letter of it can be another one, and nothing can be put to it or taken from it. */
static void test_session__changed(void **state)
{
    struct vd_portal_session made;
    char text[VD_PORTAL_SESSION_TEXT_SIZE + 1];
    size_t length;

    (void)state;
    begin("hand", &made, text);
    length = strlen(text);
    for (size_t i = 0; i < length; i++) {
        const char before = text[i];

        text[i] = before == '1' ? '2' : '1';
        assert_int_not_equal(check(text, NOW_MS), VD_OK);
        text[i] = before;
        text[i] = '\0';
        assert_int_not_equal(check(text, NOW_MS), VD_OK);
        text[i] = before;
    }
    text[length] = 'x';
    text[length + 1] = '\0';
    assert_int_not_equal(check(text, NOW_MS), VD_OK);
    /* What nobody signed is not noted as a use. */
    assert_int_equal(token_named("hand").last_used_ms, 0);
}

static void test_session__of_another_service(void **state)
{
    static const uint8_t other[VD_MASTER_KEY_BYTES] = {10};
    struct vd_portal_session made;
    char text[VD_PORTAL_SESSION_TEXT_SIZE];

    (void)state;
    begin("hand", &made, text);
    assert_int_equal(vd_portal_session_keys_derive(other, &keys), VD_OK);
    assert_int_equal(check(text, NOW_MS), VD_E_DENIED);
}

#define MAC43 "0123456789012345678901234567890123456789012"

static void test_session__forms(void **state)
{
    static const struct {
        const char *text;
        int error;
    } cases[] = {
        {"1." MAC43 ".a", VD_OK},
        {"99999999999." MAC43 ".a.b-c_d", VD_OK},
        {"", VD_E_INVALID},
        {".", VD_E_INVALID},
        {"." MAC43 ".a", VD_E_INVALID},
        {"0." MAC43 ".a", VD_E_INVALID},
        {"01." MAC43 ".a", VD_E_INVALID},
        {"-1." MAC43 ".a", VD_E_INVALID},
        {"100000000000." MAC43 ".a", VD_E_INVALID},
        {"1" MAC43 ".a", VD_E_INVALID},
        {"1." MAC43, VD_E_INVALID},
        {"1." MAC43 ".", VD_E_INVALID},
        {"1." MAC43 "3.a", VD_E_INVALID},
        {"1." MAC43 ".a b", VD_E_INVALID},
        {"1." MAC43 "."
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            VD_E_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct vd_portal_session_claim claim;

        if (vd_portal_session_parse(vd_str_from(cases[i].text), &claim) != cases[i].error) {
            fail_msg("%s", cases[i].text);
        }
    }
}

static void test_session__cookies(void **state)
{
    static const struct {
        const char *header;
        const char *value;
    } cases[] = {
        {VD_PORTAL_SESSION_COOKIE "=v", "v"},
        {"a=b; " VD_PORTAL_SESSION_COOKIE "=v.w; c=d", "v.w"},
        {"a=b;" VD_PORTAL_SESSION_COOKIE "=v;", "v"},
        {VD_PORTAL_SESSION_COOKIE "=v; " VD_PORTAL_SESSION_COOKIE "=w", "v"},
        {VD_PORTAL_SESSION_COOKIE "=", ""},
        {VD_PORTAL_SESSION_COOKIE, ""},
        {"x" VD_PORTAL_SESSION_COOKIE "=v", ""},
        {"a=" VD_PORTAL_SESSION_COOKIE "=v", ""},
        {VD_PORTAL_SESSION_COOKIE "x=v", ""},
        {"", ""},
        {";;; ;", ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (!vd_str_equal_text(vd_portal_session_cookie(cases[i].header), cases[i].value)) {
            fail_msg("%s", cases[i].header);
        }
    }
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(test_session__##name, set_up, management_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(holds),
        TEST(longest_name),
        TEST(ends_with_its_token),
        TEST(changed),
        TEST(of_another_service),
        cmocka_unit_test(test_session__forms),
        cmocka_unit_test(test_session__cookies),
    };

    return cmocka_run_group_tests_name("api_portal_session", tests, NULL, NULL);
}
