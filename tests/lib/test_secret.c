/* SPDX-License-Identifier: MIT */
/* Sealing, key files and base64. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/secret.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const uint8_t key[VD_MASTER_KEY_BYTES] = "0123456789abcdef0123456789abcde";

static void test_secret__opens_what_was_sealed(void **state)
{
    uint8_t plain[300];
    uint8_t sealed[300 + VD_SEAL_OVERHEAD];
    uint8_t again[300 + VD_SEAL_OVERHEAD];
    uint8_t back[301];

    (void)state;
    for (size_t i = 0; i < sizeof plain; i++) {
        plain[i] = (uint8_t)(i * 7);
    }
    for (size_t length = 0; length <= sizeof plain; length += 75) {
        back[length] = 'G';
        assert_int_equal(
            vd_secret_seal(key, VD_STR_LITERAL("row 1"), plain, length, sealed), VD_OK);
        assert_int_equal(
            vd_secret_open(key, VD_STR_LITERAL("row 1"), sealed, length + VD_SEAL_OVERHEAD, back),
            VD_OK);
        assert_memory_equal(back, plain, length);
        assert_int_equal(back[length], 'G');
        /* A nonce of its own each time. */
        assert_int_equal(vd_secret_seal(key, VD_STR_LITERAL("row 1"), plain, length, again), VD_OK);
        assert_memory_not_equal(sealed, again, 12);
    }
    assert_int_equal(vd_secret_seal(key, VD_STR_LITERAL(""), plain, 65537, sealed), VD_E_LIMIT);
}

static void test_secret__refuses_what_was_changed(void **state)
{
    static const char plain[] = "secret text";
    static const uint8_t zero[sizeof plain] = {0};
    uint8_t sealed[sizeof plain + VD_SEAL_OVERHEAD];
    uint8_t other_key[VD_MASTER_KEY_BYTES];
    uint8_t back[sizeof plain];

    (void)state;
    assert_int_equal(
        vd_secret_seal(key, VD_STR_LITERAL("row 1"), plain, sizeof plain, sealed), VD_OK);
    for (size_t i = 0; i < sizeof sealed; i++) {
        sealed[i] ^= 0x10;
        memset(back, 'G', sizeof back);
        assert_int_equal(
            vd_secret_open(key, VD_STR_LITERAL("row 1"), sealed, sizeof sealed, back), VD_E_DENIED);
        assert_memory_equal(back, zero, sizeof back);
        sealed[i] ^= 0x10;
    }
    assert_int_equal(
        vd_secret_open(key, VD_STR_LITERAL("row 2"), sealed, sizeof sealed, back), VD_E_DENIED);
    memcpy(other_key, key, sizeof other_key);
    other_key[31] ^= 1;
    assert_int_equal(
        vd_secret_open(other_key, VD_STR_LITERAL("row 1"), sealed, sizeof sealed, back),
        VD_E_DENIED);
    assert_int_equal(
        vd_secret_open(key, VD_STR_LITERAL("row 1"), sealed, VD_SEAL_OVERHEAD - 1, back),
        VD_E_CORRUPT);
    assert_int_equal(
        vd_secret_open(key, VD_STR_LITERAL("row 1"), sealed, sizeof sealed, back), VD_OK);
    assert_string_equal((const char *)back, plain);
}

static void write_text(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void test_secret__key_files(void **state)
{
    static const char good[] = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    static const char *const bad[] = {"", "\n", "short\n",
        "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNk",
        "!DEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n",
        "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\nmore"};
    char folder[] = "/tmp/vedette-secret-XXXXXX";
    char path[64];
    uint8_t one[VD_MASTER_KEY_BYTES];
    uint8_t two[VD_MASTER_KEY_BYTES];
    struct stat about;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/key", folder);
    assert_int_equal(vd_secret_key_file_read(path, one), VD_E_NOT_FOUND);
    assert_int_equal(vd_secret_key_file_create(path), VD_OK);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    assert_int_equal(vd_secret_key_file_create(path), VD_E_EXISTS);
    assert_int_equal(vd_secret_key_file_read(path, one), VD_OK);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(vd_secret_key_file_read(path, two), VD_E_DENIED);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(vd_secret_key_file_create(path), VD_OK);
    assert_int_equal(vd_secret_key_file_read(path, two), VD_OK);
    assert_memory_not_equal(one, two, sizeof one);
    for (size_t i = 0; i < COUNT(bad); i++) {
        write_text(path, bad[i], 0600);
        assert_int_equal(vd_secret_key_file_read(path, two), VD_E_CORRUPT);
    }
    write_text(path, good, 0600);
    assert_int_equal(vd_secret_key_file_read(path, two), VD_OK);
    assert_memory_equal(two, "0123456789abcdef0123456789abcdef", 32);
    unlink(path);
    assert_int_equal(vd_secret_key_file_create("/nowhere/key"), VD_E_NOT_FOUND);
    rmdir(folder);
}

/* RFC 4648, section 10. */
static void test_base64__vectors(void **state)
{
    static const struct {
        const char *plain;
        const char *text;
    } cases[] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xbf", "+/+/"}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t length = strlen(cases[i].plain);
        char text[9] = "GGGGGGGG";
        uint8_t back[7] = {0};
        size_t back_length = 99;

        assert_int_equal(
            vd_base64_encode(cases[i].plain, length, text, VD_BASE64_LENGTH(length) + 1), VD_OK);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(
            vd_base64_encode(cases[i].plain, length, text, VD_BASE64_LENGTH(length)), VD_E_LIMIT);
        assert_int_equal(
            vd_base64_decode(vd_str_from(cases[i].text), back, length, &back_length), VD_OK);
        assert_int_equal(back_length, length);
        assert_memory_equal(back, cases[i].plain, length);
        assert_int_equal(back[length], 0);
        if (length > 0) {
            assert_int_equal(
                vd_base64_decode(vd_str_from(cases[i].text), back, length - 1, &back_length),
                VD_E_LIMIT);
        }
    }
}

static void test_base64__refuses(void **state)
{
    static const char *const cases[] = {"Z", "Zg",
        "Zg=", "Zm9vYg=", "Zg===", "====", "=Zg=", "Zg=a", "Z===", "Zh==", "Zm9=", "Zm 9", "Zm9\n",
        "Zm-_", "Zm9v\n", "\xc3\xa9zz"};
    uint8_t out[16];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t length = 99;

        assert_int_equal(
            vd_base64_decode(vd_str_from(cases[i]), out, sizeof out, &length), VD_E_INVALID);
        assert_int_equal(length, 99);
    }
}

static void test_base64__round_trip(void **state)
{
    uint8_t bytes[64];
    uint8_t back[64];
    char text[VD_BASE64_LENGTH(64) + 1];

    (void)state;
    for (size_t length = 0; length <= sizeof bytes; length++) {
        size_t got = 99;

        assert_int_equal(vd_secret_random(bytes, sizeof bytes), VD_OK);
        assert_int_equal(vd_base64_encode(bytes, length, text, sizeof text), VD_OK);
        assert_int_equal(vd_base64_decode(vd_str_from(text), back, length, &got), VD_OK);
        assert_int_equal(got, length);
        assert_memory_equal(bytes, back, length);
    }
}

/* Against another implementation (RFC 5869 by hand, in Python). */
static void test_secret__derives(void **state)
{
    static const uint8_t expected[VD_MASTER_KEY_BYTES] = {0xf8, 0x8f, 0xd9, 0xfc, 0x6f, 0xa1, 0xb6,
        0xbc, 0x58, 0x5a, 0x7d, 0x7a, 0xdf, 0xae, 0x03, 0xc4, 0x15, 0xd3, 0xc1, 0xa6, 0xb2, 0x4b,
        0x31, 0xc7, 0x14, 0xd4, 0xfe, 0x79, 0xc6, 0xfe, 0x33, 0x31};
    uint8_t made[VD_MASTER_KEY_BYTES];
    uint8_t other[VD_MASTER_KEY_BYTES];

    (void)state;
    assert_int_equal(vd_secret_derive(key, "a purpose", made), VD_OK);
    assert_memory_equal(made, expected, sizeof made);
    assert_int_equal(vd_secret_derive(key, "another", other), VD_OK);
    assert_memory_not_equal(made, other, sizeof made);
}

static void test_base64url__vectors(void **state)
{
    static const struct {
        const char *bytes;
        const char *text;
    } cases[] = {{"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"foob", "Zm9vYg"},
        {"\xfb\xff", "-_8"}, {"\xff\xef\xbe", "_---"}};
    char out[16];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const size_t length = strlen(cases[i].bytes);
        const size_t size = VD_BASE64URL_LENGTH(length) + 1;

        assert_int_equal(strlen(cases[i].text), VD_BASE64URL_LENGTH(length));
        assert_int_equal(vd_base64url_encode(cases[i].bytes, length, out, size), VD_OK);
        assert_string_equal(out, cases[i].text);
        assert_int_equal(vd_base64url_encode(cases[i].bytes, length, out, size - 1), VD_E_LIMIT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secret__opens_what_was_sealed),
        cmocka_unit_test(test_secret__refuses_what_was_changed),
        cmocka_unit_test(test_secret__key_files),
        cmocka_unit_test(test_secret__derives),
        cmocka_unit_test(test_base64url__vectors),
        cmocka_unit_test(test_base64__vectors),
        cmocka_unit_test(test_base64__refuses),
        cmocka_unit_test(test_base64__round_trip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
