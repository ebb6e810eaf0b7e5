/* SPDX-License-Identifier: MIT */
/* Stretches of bytes, the growable buffer with its bound, and the reader of untrusted bytes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/str.h"

static void test_str__equal(void **state)
{
    (void)state;
    assert_true(vd_str_equal(VD_STR_LITERAL("ab"), vd_str_from("ab")));
    assert_false(vd_str_equal(VD_STR_LITERAL("ab"), VD_STR_LITERAL("abc")));
    assert_false(vd_str_equal(VD_STR_LITERAL("ab"), VD_STR_LITERAL("aB")));
    assert_true(vd_str_equal((struct vd_str){NULL, 0}, VD_STR_LITERAL("")));
    assert_true(vd_str_equal_text((struct vd_str){"a\0b", 3}, "a") == false);
}

static void test_str__copy_keeps_its_bound(void **state)
{
    char out[5] = "GGGG";

    (void)state;
    assert_int_equal(vd_str_copy(VD_STR_LITERAL("abcd"), out, 4), VD_E_LIMIT);
    assert_string_equal(out, "GGGG");
    assert_int_equal(vd_str_copy((struct vd_str){"a\0b", 3}, out, 4), VD_E_INVALID);
    assert_string_equal(out, "GGGG");
    assert_int_equal(vd_text_copy("abc", out, 4), VD_OK);
    assert_memory_equal(out, "abc\0", 5);
    assert_int_equal(vd_str_copy((struct vd_str){NULL, 0}, out, 1), VD_OK);
    assert_string_equal(out, "");
    assert_int_equal(vd_text_copy("", out, 0), VD_E_LIMIT);
}

static void test_buf__grows_and_keeps(void **state)
{
    struct vd_buf buf = {0};

    (void)state;
    for (unsigned i = 0; i < 10000; i++) {
        vd_buf_printf(&buf, "%u,", i % 10);
    }
    vd_buf_append_text(&buf, "end");
    vd_buf_append(&buf, NULL, 0);
    assert_int_equal(buf.error, VD_OK);
    assert_int_equal(buf.length, 20003);
    assert_memory_equal(buf.data, "0,1,2,3,", 8);
    assert_memory_equal(buf.data + 19998, "9,end", 5);
    vd_buf_clear(&buf);
    assert_int_equal(buf.length, 0);
    vd_buf_release(&buf);
    assert_null(buf.data);
}

static void test_buf__bound_and_sticky_error(void **state)
{
    struct vd_buf buf = {.max = 10};

    (void)state;
    vd_buf_append_text(&buf, "123456");
    vd_buf_append_text(&buf, "78901");
    assert_int_equal(buf.error, VD_E_LIMIT);
    assert_int_equal(buf.length, 6);
    vd_buf_append_text(&buf, "7");
    assert_int_equal(buf.length, 6);
    assert_null(vd_buf_reserve(&buf, 1));
    vd_buf_clear(&buf);
    vd_buf_append_text(&buf, "1234567890");
    assert_int_equal(buf.error, VD_OK);
    assert_int_equal(buf.length, 10);
    assert_null(vd_buf_reserve(&buf, SIZE_MAX));
    assert_int_equal(buf.error, VD_E_LIMIT);
    vd_buf_release(&buf);
    assert_int_equal(buf.max, 10);
    assert_int_equal(buf.error, VD_OK);
}

/* What a burst took goes, what is needed each time stays. */
static void test_buf__spare_memory_goes(void **state)
{
    struct vd_buf buf = {.max = 1 << 20};
    size_t capacity;

    (void)state;
    assert_non_null(vd_buf_reserve(&buf, 100000));
    buf.length = 100000;
    capacity = buf.capacity;
    vd_buf_clear_spare(&buf, 4096);
    assert_int_equal(buf.capacity, capacity);
    buf.length = capacity / 4;
    vd_buf_clear_spare(&buf, 4096);
    assert_int_equal(buf.capacity, capacity);
    buf.length = capacity / 4 - 1;
    vd_buf_clear_spare(&buf, capacity);
    assert_int_equal(buf.capacity, capacity);
    buf.error = VD_E_LIMIT;
    vd_buf_clear_spare(&buf, capacity - 1);
    assert_null(buf.data);
    assert_int_equal(buf.capacity, 0);
    assert_int_equal(buf.max, 1 << 20);
    assert_int_equal(buf.error, VD_OK);
    vd_buf_append_text(&buf, "again");
    assert_int_equal(buf.length, 5);
    vd_buf_release(&buf);
}

static void test_reader__numbers(void **state)
{
    static const uint8_t bytes[] = {
        0x01, 0x02, 0x03, 0x04, 0x05, 0xf1, 0xf2, 0xf3, 0xf4, 1, 2, 3, 4, 5, 6, 7, 0xf8, 'a', 'b'};
    struct vd_reader reader;

    (void)state;
    vd_reader_init(&reader, bytes, sizeof bytes);
    assert_int_equal(vd_reader_u8(&reader), 0x01);
    assert_int_equal(vd_reader_u16_be(&reader), 0x0203);
    assert_int_equal(vd_reader_u16_le(&reader), 0x0504);
    assert_int_equal(vd_reader_u32_le(&reader), 0xf4f3f2f1);
    assert_true(vd_reader_u64_le(&reader) == 0xf807060504030201);
    assert_int_equal(vd_reader_left(&reader), 2);
    assert_true(vd_str_equal_text(vd_reader_bytes(&reader, 2), "ab"));
    assert_int_equal(vd_reader_left(&reader), 0);
    assert_false(reader.failed);
    assert_int_equal(vd_reader_bytes(&reader, 0).length, 0);
    assert_false(reader.failed);
}

/* Each read on one byte too few: nothing moves, and nothing works any more. */
static void test_reader__fails_for_good(void **state)
{
    static const uint8_t bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8};

    (void)state;
    for (int kind = 0; kind < 6; kind++) {
        static const size_t needs[] = {1, 2, 2, 4, 8, 3};
        struct vd_reader reader;
        uint64_t got = 0;

        vd_reader_init(&reader, bytes, needs[kind] - 1);
        switch (kind) {
        case 0:
            got = vd_reader_u8(&reader);
            break;
        case 1:
            got = vd_reader_u16_be(&reader);
            break;
        case 2:
            got = vd_reader_u16_le(&reader);
            break;
        case 3:
            got = vd_reader_u32_le(&reader);
            break;
        case 4:
            got = vd_reader_u64_le(&reader);
            break;
        default:
            got = vd_reader_bytes(&reader, 3).length;
            break;
        }
        assert_int_equal(got, 0);
        assert_true(reader.failed);
        assert_ptr_equal(reader.cur, bytes);
        assert_int_equal(vd_reader_left(&reader), 0);
        assert_int_equal(vd_reader_u8(&reader), 0);
        assert_int_equal(vd_reader_bytes(&reader, 0).length, 0);
        assert_ptr_equal(reader.cur, bytes);
    }
}

static void test_reader__huge_length(void **state)
{
    struct vd_reader reader;

    (void)state;
    vd_reader_init(&reader, "abc", 3);
    assert_int_equal(vd_reader_bytes(&reader, SIZE_MAX).length, 0);
    assert_true(reader.failed);
    vd_reader_init(&reader, NULL, 0);
    assert_int_equal(vd_reader_left(&reader), 0);
    assert_int_equal(vd_reader_u8(&reader), 0);
    assert_true(reader.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_str__equal),
        cmocka_unit_test(test_str__copy_keeps_its_bound),
        cmocka_unit_test(test_buf__grows_and_keeps),
        cmocka_unit_test(test_buf__bound_and_sticky_error),
        cmocka_unit_test(test_buf__spare_memory_goes),
        cmocka_unit_test(test_reader__numbers),
        cmocka_unit_test(test_reader__fails_for_good),
        cmocka_unit_test(test_reader__huge_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
