/* SPDX-License-Identifier: MIT */
/* The decoder of security messages against everything that can be wrong with a buffer. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "center/limits.h"
#include "tests/center/decode_cases.h"

/* ---- Damage ---- */

static const struct test_flow flows[] = {
    {"10.0.0.2", "192.0.2.7", 40000, 443, 100, 200, 0},
    {"10.0.0.2", "198.51.100.1", 40001, 53, 1, 2, 1},
    {"2001:db8::1", "2001:db8::2", 0, 0, 5, 6, 2},
};

static void small_message(struct vd_buf *out)
{
    const struct test_event events[] = {
        {test_uuid(1), 1700000000, 10, 1, flows, 3},
        {test_uuid(2), 1700000000, 10, 4, NULL, 0},
    };

    test_message_write(out, events, 2);
}

static void test_decode__own_writer(void **state)
{
    struct vd_security_message m = {0};
    struct vd_buf body = {0};
    char reason[VD_DECODE_REASON_SIZE];

    (void)state;
    small_message(&body);
    if (vd_security_message_decode(&m, (struct vd_str){(char *)body.data, body.length}, reason) !=
        VD_OK) {
        fail_msg("%s", reason);
    }
    assert_int_equal(m.events.count, 2);
    assert_int_equal(m.flows.count, 3);
    decode_check_address("198.51.100.1", &vd_security_message_flow(&m, 1)->remote, false);
    decode_check_address("2001:db8::2", &vd_security_message_flow(&m, 2)->remote, true);
    vd_security_message_release(&m);
    vd_buf_release(&body);
}

/* Every prefix is refused with a reason, and none is read past its end. */
static void check_truncations(const uint8_t *data, size_t length)
{
    struct vd_security_message m = {0};
    char reason[VD_DECODE_REASON_SIZE];

    for (size_t n = 0; n < length; n++) {
        reason[0] = '\0';
        if (decode_exact(&m, data, n, reason) == VD_OK) {
            /* Only padding may be missing. */
            assert_true(length - n < 4);
            continue;
        }
        assert_true(strlen(reason) > 0);
        assert_int_equal(m.events.count, 0);
    }
    vd_security_message_release(&m);
}

static void test_decode__truncated(void **state)
{
    struct vd_buf body = {0};
    struct vd_buf bin = {0};
    const char *folder = test_vectors();

    (void)state;
    small_message(&body);
    check_truncations(body.data, body.length);
    decode_old_message(&bin);
    check_truncations(bin.data, bin.length);
    vd_buf_clear(&bin);
    decode_new_message(&bin);
    check_truncations(bin.data, bin.length);
    for (size_t v = 0; folder != NULL && v < DECODE_VECTORS; v++) {
        char path[512];

        vd_buf_clear(&bin);
        snprintf(path, sizeof path, "%s/%s.bin", folder, decode_vectors[v]);
        test_read_file(path, &bin);
        check_truncations(bin.data, bin.length);
    }
    vd_buf_release(&body);
    vd_buf_release(&bin);
}

/* Whatever a changed byte makes of the message, what decodes stays within its arrays. */
static void test_decode__bit_flips(void **state)
{
    struct vd_security_message m = {0};
    struct vd_buf body = {0};
    char reason[VD_DECODE_REASON_SIZE];
    unsigned refused = 0;
    unsigned accepted = 0;

    (void)state;
    decode_old_message(&body);
    for (size_t i = 0; i < body.length; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            body.data[i] ^= (uint8_t)(1u << bit);
            if (decode_exact(&m, body.data, body.length, reason) == VD_OK) {
                accepted++;
                for (uint32_t e = 0; e < m.events.count; e++) {
                    const struct vd_security_event *event = vd_security_message_event(&m, e);

                    assert_true(event->count <= VD_SECURITY_MESSAGE_ITEMS_MAX);
                }
            } else {
                refused++;
            }
            body.data[i] ^= (uint8_t)(1u << bit);
        }
    }
    assert_true(refused > 0 && accepted > 0);
    vd_security_message_release(&m);
    vd_buf_release(&body);
}

/* ---- Reasons name the place ---- */

static size_t find_bytes(const struct vd_buf *body, const void *bytes, size_t length)
{
    const uint8_t *at = memmem(body->data, body->length, bytes, length);

    assert_non_null(at);
    return (size_t)(at - body->data);
}

static void test_decode__reason_names_place(void **state)
{
    struct vd_security_message m = {0};
    struct vd_buf body = {0};
    char reason[VD_DECODE_REASON_SIZE];
    static const uint8_t addresses[] = {10, 0, 0, 2, 198, 51, 100, 1};
    size_t common;

    (void)state;
    small_message(&body);
    common = find_bytes(&body, addresses, sizeof addresses) + sizeof addresses;
    memset(body.data + common, 0x7f, 4);
    assert_int_equal(decode_exact(&m, body.data, body.length, reason), VD_E_INVALID);
    assert_string_equal(reason, "events[0].payload.ipv4_activity[1].common: offset past the end");
    vd_security_message_release(&m);
    vd_buf_release(&body);
}

static void test_decode__required(void **state)
{
    struct vd_security_message m = {0};
    struct vd_buf body = {0};
    char reason[VD_DECODE_REASON_SIZE];
    /* The vtable of a V4 flow: {8, 16, 4, 12}; the second flow's follows the first's. */
    static const uint8_t vtable[] = {8, 0, 16, 0, 4, 0, 12, 0};
    size_t at;

    (void)state;
    small_message(&body);
    at = find_bytes(&body, vtable, sizeof vtable);
    body.data[at + 4] = 0;
    assert_int_equal(decode_exact(&m, body.data, body.length, reason), VD_E_INVALID);
    assert_string_equal(
        reason, "events[0].payload.ipv4_activity[0].addresses: required but absent");
    body.data[at + 4] = 4;
    body.data[at + 6] = 0;
    assert_int_equal(decode_exact(&m, body.data, body.length, reason), VD_E_INVALID);
    assert_string_equal(reason, "events[0].payload.ipv4_activity[0].common: required but absent");
    vd_security_message_release(&m);
    vd_buf_release(&body);
}

struct bad_body {
    const char *body;
    size_t length;
    const char *reason;
};

static void test_decode__not_a_message(void **state)
{
    static const struct bad_body bodies[] = {
        {"", 0, "empty body"},
        {"abc", 3, "not a message: shorter than a root offset"},
        {"\0\0\0\0\0\0\0\0", 8, "not a message: offset of zero"},
        {"\xff\xff\xff\xff\0\0\0\0", 8, "not a message: offset past the end"},
        {"\x04\0\0\0\0\0\0\0", 8, "not a message: vtable with a bad length"},
        {"\x04\0\0\0\xff\xff\xff\x7f", 8, "not a message: vtable outside the buffer"},
        {"\x05\0\0\0\0\0\0\0\0\0\0\0", 12, "not a message: misaligned offset"},
    };
    struct vd_security_message m = {0};
    char reason[VD_DECODE_REASON_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        assert_int_equal(decode_exact(&m, bodies[i].body, bodies[i].length, reason), VD_E_INVALID);
        assert_string_equal(reason, bodies[i].reason);
    }
    vd_security_message_release(&m);
}

/* An event of a later version is kept; its payload is left alone. */
static void test_decode__unknown_payload(void **state)
{
    const struct test_event event = {test_uuid(9), 1, 2, 42, NULL, 0};
    struct vd_security_message m = {0};
    struct vd_buf body = {0};
    char reason[VD_DECODE_REASON_SIZE];

    (void)state;
    test_message_write(&body, &event, 1);
    assert_int_equal(decode_exact(&m, body.data, body.length, reason), VD_OK);
    assert_int_equal(vd_security_message_event(&m, 0)->payload, VD_PAYLOAD_UNKNOWN);
    assert_int_equal(vd_security_message_event(&m, 0)->payload_type, 42);
    assert_string_equal(vd_payload_name(VD_PAYLOAD_UNKNOWN), "Unknown");
    vd_security_message_release(&m);
    vd_buf_release(&body);
}

/* A vector whose every offset leads to the one table there is: small on the wire, large in memory. */
static void test_decode__unfolding_is_bounded(void **state)
{
    static const struct test_flow one = {"10.0.0.2", "192.0.2.7", 1, 2, 3, 4, 0};
    struct test_flow *many = calloc(60000, sizeof *many);
    struct test_event event = {test_uuid(1), 1, 1, 1, many, 0};
    struct vd_security_message m = {0};
    struct vd_buf body = {0};
    char reason[VD_DECODE_REASON_SIZE];

    (void)state;
    for (size_t i = 0; i < 60000; i++) {
        many[i] = one;
    }
    event.flow_count = VD_SECURITY_MESSAGE_TABLES_MAX / 2 - 8;
    test_message_write(&body, &event, 1);
    assert_int_equal(decode_exact(&m, body.data, body.length, reason), VD_OK);
    assert_int_equal(m.flows.count, event.flow_count);
    event.flow_count = VD_SECURITY_MESSAGE_TABLES_MAX / 2 + 8;
    vd_buf_clear(&body);
    test_message_write(&body, &event, 1);
    assert_int_equal(decode_exact(&m, body.data, body.length, reason), VD_E_INVALID);
    assert_non_null(strstr(reason, "too many tables"));
    free(many);
    vd_security_message_release(&m);
    vd_buf_release(&body);
}

struct bad_ledger {
    int from_end; /* where the vtable says that it is: from the table's end, or 0: `offset` */
    uint16_t offset;
    const char *reason; /* NULL: read as absent */
};

static uint32_t load_u32(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void test_decode__hostile_ledger(void **state)
{
    static const struct bad_ledger cases[] = {
        {0, 0, NULL},
        {0, 1, "ledger: field outside its table"},
        {0, 65535, "ledger: field outside its table"},
        {0, 65532, "ledger: field outside its table"},
        {-40, 0, "ledger: field outside its table"},
        {-4, 0, "ledger: field outside its table"},
        {4, 0, "ledger: field outside its table"},
        {0, 6, "ledger: misaligned field"},
    };
    struct vd_security_message m = {0};
    struct vd_buf bin = {0};
    char reason[VD_DECODE_REASON_SIZE];
    size_t table;
    size_t vtable;
    int table_bytes;

    (void)state;
    decode_new_message(&bin);
    table = load_u32(bin.data);
    vtable = table - load_u32(bin.data + table);
    table_bytes = bin.data[vtable + 2] | bin.data[vtable + 3] << 8;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int offset =
            cases[i].from_end != 0 ? table_bytes + cases[i].from_end : (int)cases[i].offset;

        bin.data[vtable + 4 + 2 * 4] = (uint8_t)offset;
        bin.data[vtable + 4 + 2 * 4 + 1] = (uint8_t)(offset >> 8);
        reason[0] = '\0';
        if (cases[i].reason == NULL) {
            assert_int_equal(decode_exact(&m, bin.data, bin.length, reason), VD_OK);
            assert_int_equal(m.events.count, 2);
        } else {
            assert_int_equal(decode_exact(&m, bin.data, bin.length, reason), VD_E_INVALID);
            assert_string_equal(reason, cases[i].reason);
            assert_int_equal(m.events.count, 0);
        }
        assert_false(m.has_ledger);
    }
    vd_security_message_release(&m);
    vd_buf_release(&bin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode__own_writer),
        cmocka_unit_test(test_decode__truncated),
        cmocka_unit_test(test_decode__bit_flips),
        cmocka_unit_test(test_decode__reason_names_place),
        cmocka_unit_test(test_decode__required),
        cmocka_unit_test(test_decode__not_a_message),
        cmocka_unit_test(test_decode__unknown_payload),
        cmocka_unit_test(test_decode__unfolding_is_bounded),
        cmocka_unit_test(test_decode__hostile_ledger),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
