/* SPDX-License-Identifier: MIT */
/* UUIDs and device ids. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/uuid.h"
#include "proto/protocol.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void test_uuid__random_has_version_and_variant(void **state)
{
    struct vd_uuid last = {{0}};

    (void)state;
    for (int i = 0; i < 200; i++) {
        struct vd_uuid uuid;

        assert_int_equal(vd_uuid_random(&uuid), VD_OK);
        assert_int_equal(uuid.bytes[6] >> 4, 4);
        assert_int_equal(uuid.bytes[8] >> 6, 2);
        assert_memory_not_equal(&uuid, &last, sizeof uuid);
        last = uuid;
    }
}

/* SHA-256 of nothing starts e3b0c442 98fc1c14 9afbf4c8 996fb924 (FIPS 180-4). */
static void test_uuid__derived_known_answer(void **state)
{
    struct vd_uuid uuid;
    struct vd_uuid other;
    char text[VD_UUID_TEXT_SIZE];

    (void)state;
    assert_int_equal(vd_uuid_derived("", 0, &uuid), VD_OK);
    vd_uuid_format(&uuid, text);
    assert_string_equal(text, "e3b0c442-98fc-8c14-9afb-f4c8996fb924");
    assert_int_equal(vd_uuid_derived("a", 1, &other), VD_OK);
    assert_memory_not_equal(&uuid, &other, sizeof uuid);
}

static void test_uuid__text_and_back(void **state)
{
    static const char upper[] = "01234567-89AB-CDEF-0123-456789ABCDEF";
    static const char lower[] = "01234567-89ab-cdef-0123-456789abcdef";
    struct vd_uuid uuid;
    char text[VD_UUID_TEXT_SIZE];

    (void)state;
    assert_int_equal(vd_uuid_parse(upper, 36, &uuid), VD_OK);
    assert_int_equal(uuid.bytes[0], 0x01);
    assert_int_equal(uuid.bytes[15], 0xef);
    vd_uuid_format(&uuid, text);
    assert_string_equal(text, lower);
}

static void test_uuid__refuses(void **state)
{
    static const char *const cases[] = {"", "01234567-89ab-cdef-0123-456789abcde",
        "01234567-89ab-cdef-0123-456789abcdef0", "0123456789ab-cdef-0123-456789abcdef-",
        "01234567-89ab-cdef-0123-456789abcdeg", "01234567+89ab-cdef-0123-456789abcdef",
        "{1234567-89ab-cdef-0123-456789abcde}"};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct vd_uuid uuid;
        struct vd_uuid before;

        memset(&uuid, 0x5a, sizeof uuid);
        before = uuid;
        assert_int_equal(vd_uuid_parse(cases[i], strlen(cases[i]), &uuid), VD_E_INVALID);
        assert_memory_equal(&uuid, &before, sizeof uuid);
    }
}

static void test_uuid__device_ids(void **state)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "-.+%_#*?!(),:=@$'";
    char longest[VD_ID_MAX + 1];

    (void)state;
    memset(longest, 'x', sizeof longest);
    assert_false(vd_device_id_is_valid("", 0));
    assert_true(vd_device_id_is_valid(longest, VD_ID_MAX));
    assert_false(vd_device_id_is_valid(longest, VD_ID_MAX + 1));
    for (int c = 0; c < 256; c++) {
        char id[2] = {'a', (char)c};

        assert_int_equal(vd_device_id_is_valid(id, 2), c != 0 && strchr(allowed, c) != NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uuid__random_has_version_and_variant),
        cmocka_unit_test(test_uuid__derived_known_answer),
        cmocka_unit_test(test_uuid__text_and_back),
        cmocka_unit_test(test_uuid__refuses),
        cmocka_unit_test(test_uuid__device_ids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
