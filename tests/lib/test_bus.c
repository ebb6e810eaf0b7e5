/* SPDX-License-Identifier: MIT */
/* Calls of methods: what is a valid one, and waiting for its end. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "lib/bus.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* A bus that ends each call as it is told, in a thread of its own or before call_method returns. */
struct told_bus {
    struct vd_bus base;
    int refusal; /* of call_method */
    bool at_once;
    struct vd_method_answer answer;
    pthread_t thread;
    vd_method_done *done;
    void *context;
};

static void *end_call(void *argument)
{
    struct told_bus *told = argument;

    told->done(told->context, &told->answer);
    return NULL;
}

static int told_call(
    struct vd_bus *bus, const struct vd_method_call *call, vd_method_done *done, void *context)
{
    struct told_bus *told = (struct told_bus *)bus;

    (void)call;
    if (told->refusal != VD_OK) {
        return told->refusal;
    }
    told->done = done;
    told->context = context;
    if (told->at_once) {
        end_call(told);
    } else {
        assert_int_equal(pthread_create(&told->thread, NULL, end_call, told), 0);
    }
    return VD_OK;
}

static const struct vd_bus_ops told_ops = {.call_method = told_call};

static const struct vd_method_call reboot = {.device_id = "dev1",
    .name = "reboot",
    .payload = {"{}", 2},
    .response_timeout_ms = 30000,
    .connect_timeout_ms = 0};

static void test_bus__names(void **state)
{
    static char longest[VD_METHOD_NAME_MAX + 1];
    static const char *const good[] = {"a", "Z9", "reboot", "get-log_2.0~*!(),:=@$'"};
    static const char *const bad[] = {"", "a/b", "a+b", "#", "a?b", "a b", "a%20b", "a&b", "\x01",
        "gr\xc3\xb6\xc3\x9f"
        "e"};

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_true(vd_method_name_is_valid(vd_str_from(good[i])));
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_false(vd_method_name_is_valid(vd_str_from(bad[i])));
    }
    memset(longest, 'x', sizeof longest);
    assert_true(vd_method_name_is_valid((struct vd_str){longest, VD_METHOD_NAME_MAX}));
    assert_false(vd_method_name_is_valid((struct vd_str){longest, VD_METHOD_NAME_MAX + 1}));
    assert_false(vd_method_name_is_valid((struct vd_str){"a\0b", 3}));
}

static void test_bus__ranges(void **state)
{
    struct vd_method_call call = reboot;

    (void)state;
    assert_true(vd_method_call_is_valid(&call));
    call.payload.length = VD_METHOD_PAYLOAD_MAX_BYTES;
    call.response_timeout_ms = VD_METHOD_TIMEOUT_MAX_MS;
    call.connect_timeout_ms = VD_METHOD_TIMEOUT_MAX_MS;
    assert_true(vd_method_call_is_valid(&call));
    call.payload.length++;
    assert_false(vd_method_call_is_valid(&call));
    call = reboot;
    call.response_timeout_ms = 0;
    assert_false(vd_method_call_is_valid(&call));
    call.response_timeout_ms = VD_METHOD_TIMEOUT_MAX_MS + 1;
    assert_false(vd_method_call_is_valid(&call));
    call = reboot;
    call.connect_timeout_ms = VD_METHOD_TIMEOUT_MAX_MS + 1;
    assert_false(vd_method_call_is_valid(&call));
    call = reboot;
    call.name = "a/b";
    assert_false(vd_method_call_is_valid(&call));
}

static void test_bus__waits(void **state)
{
    (void)state;
    for (int at_once = 0; at_once < 2; at_once++) {
        struct told_bus told = {
            .base = {&told_ops}, .at_once = at_once != 0, .answer = {VD_OK, 207, {"[1]", 3}}};
        struct vd_buf payload = {0};
        int status = 0;

        assert_int_equal(vd_bus_call_method(&told.base, &reboot, &status, &payload), VD_OK);
        assert_int_equal(status, 207);
        assert_int_equal(payload.length, 3);
        assert_memory_equal(payload.data, "[1]", 3);
        vd_buf_release(&payload);
        if (at_once == 0) {
            pthread_join(told.thread, NULL);
        }
    }
}

static void test_bus__faults(void **state)
{
    static const struct vd_bus_ops no_methods = {0};
    struct told_bus told = {
        .base = {&told_ops}, .at_once = true, .answer = {VD_E_TIMEOUT, 0, {"", 0}}};
    struct vd_buf payload = {0};
    int status = 7;

    (void)state;
    assert_int_equal(vd_bus_call_method(&told.base, &reboot, &status, &payload), VD_E_TIMEOUT);
    told.refusal = VD_E_LIMIT;
    assert_int_equal(vd_bus_call_method(&told.base, &reboot, &status, &payload), VD_E_LIMIT);
    told.base.ops = &no_methods;
    assert_int_equal(vd_bus_call_method(&told.base, &reboot, &status, &payload), VD_E_CLOSED);
    assert_int_equal(vd_bus_call_method(NULL, &reboot, &status, &payload), VD_E_CLOSED);
    assert_int_equal(status, 7);
    assert_null(payload.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bus__names),
        cmocka_unit_test(test_bus__ranges),
        cmocka_unit_test(test_bus__waits),
        cmocka_unit_test(test_bus__faults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
