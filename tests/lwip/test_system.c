/* SPDX-License-Identifier: MIT */
/* The port's functions: what the firmware gives is used, what it leaves out is not invented. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <pthread.h>

#include <cmocka.h>

#include "azure_iot_security_module/ports/lwip/asc_lwip_system.h"
#include "lwip/init.h"
#include "tests/device/device_test.h"
#include "tests/device/message_check.h"

static struct asc_module module;
static struct asc_lwip_system port_context;
static uint8_t sent[ASC_MESSAGE_BYTES];
static uint32_t sent_bytes;

static bool give_random(void *user, uint8_t *out, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        out[i] = (uint8_t)device_random(user);
    }
    return true;
}

static uint32_t give_time(void *user)
{
    (void)user;
    return 1700000000;
}

static enum asc_send_result take_message(void *sender, const uint8_t *message, uint32_t length)
{
    assert_ptr_equal(sender, sent);
    memcpy(sent, message, length);
    sent_bytes = length;
    return ASC_SEND_DONE;
}

static uint64_t seed = 88172645463325252u;

/* The port's functions, but for a clock that leaps. */
static struct asc_port functions;
static unsigned logged;
static uint32_t leaps_ms;

static uint32_t leaping_uptime(void *context)
{
    return asc_lwip_port.uptime_ms(context) + leaps_ms;
}

static int setup(void **state)
{
    const struct asc_settings settings = device_settings();

    (void)state;
    memset(&port_context, 0, sizeof port_context);
    sent_bytes = 0;
    functions = asc_lwip_port;
    functions.uptime_ms = leaping_uptime;
    assert_int_equal(asc_module_init(&module, &functions, &port_context, &settings), ASC_OK);
    return 0;
}

/* Lets every collector's interval pass. */
static void step(void)
{
    leaps_ms += 1000u * ASC_LOW_PRIORITY_INTERVAL;
    (void)asc_module_step(&module);
}

static void test_system__without_random_bytes_it_does_not_start(void **state)
{
    (void)state;
    assert_int_equal(asc_module_enable(&module), ASC_ERROR_ENTROPY);
}

static void test_system__without_a_sender_messages_wait(void **state)
{
    (void)state;
    port_context.random = give_random;
    port_context.user = &seed;
    assert_int_equal(asc_module_enable(&module), ASC_OK);
    asc_module_connected(&module, true);
    step();
    assert_int_equal(asc_module_counters(&module).messages_built, 1);
    assert_int_equal(asc_module_counters(&module).messages_sent, 0);
    assert_true(asc_module_counters(&module).messages_retried > 0);
}

static void test_system__the_message_tells_the_system(void **state)
{
    static struct check_message message;
    const struct check_event *told = &message.event[0];

    (void)state;
    port_context.random = give_random;
    port_context.user = &seed;
    port_context.time_utc_s = give_time;
    port_context.send = take_message;
    port_context.sender = sent;
    port_context.os = "FreeRTOS 10.4.3";
    assert_int_equal(asc_module_enable(&module), ASC_OK);
    asc_module_connected(&module, true);
    step();
    assert_null(check_message(sent, sent_bytes, &message));
    for (unsigned i = 0; i < message.events; i++) {
        assert_int_equal(message.event[i].time, 1700000000);
        if (message.event[i].information[0] != NULL) {
            told = &message.event[i];
        }
    }
    assert_non_null(told->information[0]);
    assert_string_equal(told->information[0], "FreeRTOS 10.4.3");
    assert_string_equal(told->information[1], "lwIP " LWIP_VERSION_STRING);
    assert_null(told->information[2]);
}

static void keep_line(void *user, enum asc_log_level level, const char *text)
{
    assert_ptr_equal(user, &seed);
    assert_int_equal(level, ASC_LOG_ERROR);
    assert_non_null(strstr(text, "random"));
    logged++;
}

static bool give_nothing(void *user, uint8_t *out, size_t length)
{
    (void)user;
    (void)out;
    (void)length;
    return false;
}

static void test_system__the_log_is_the_firmwares(void **state)
{
    (void)state;
    port_context.random = give_nothing;
    port_context.user = &seed;
    for (unsigned kept = 0; kept < 2; kept++) {
        port_context.log = kept != 0 ? keep_line : NULL;
        assert_int_equal(asc_module_enable(&module), ASC_ERROR_ENTROPY);
        assert_int_equal(logged, kept);
    }
}

static void test_system__the_clock_is_lwips(void **state)
{
    const uint32_t before = sys_now();
    const uint32_t now = asc_lwip_port.uptime_ms(&port_context);

    (void)state;
    assert_true(now - before <= sys_now() - before);
    assert_int_equal(asc_lwip_port.time_utc_s(&port_context), 0);
}

#if SYS_LIGHTWEIGHT_PROT && !NO_SYS
#define ROUNDS 20000u

static uint32_t guarded[2];

/* Moves two numbers together; torn, they differ. */
static void *move(void *context)
{
    bool *together = context;

    for (unsigned i = 0; i < ROUNDS; i++) {
        asc_lwip_port.lock(&port_context);
        *together = *together && guarded[0] == guarded[1];
        guarded[0]++;
        guarded[1]++;
        asc_lwip_port.unlock(&port_context);
    }
    return NULL;
}

static void test_system__the_lock_excludes_threads(void **state)
{
    bool together[2] = {true, true};
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, move, &together[0]), 0);
    move(&together[1]);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(together[0] && together[1]);
    assert_int_equal(guarded[0], 2 * ROUNDS);
    assert_int_equal(guarded[1], 2 * ROUNDS);
}
#else
/* In one thread lwIP's lock, where there is one, must be given up at the level where it was taken; the
 * system layer of these builds ends the program otherwise. */
static void test_system__the_lock_is_as_lwip_is_built(void **state)
{
    (void)state;
#if SYS_LIGHTWEIGHT_PROT
    const sys_prot_t outer = sys_arch_protect();

    asc_lwip_port.lock(&port_context);
    asc_lwip_port.unlock(&port_context);
    sys_arch_unprotect(outer);
#else
    assert_null(asc_lwip_port.lock);
    assert_null(asc_lwip_port.unlock);
#endif
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_system__without_random_bytes_it_does_not_start, setup),
        cmocka_unit_test_setup(test_system__without_a_sender_messages_wait, setup),
        cmocka_unit_test_setup(test_system__the_message_tells_the_system, setup),
        cmocka_unit_test_setup(test_system__the_log_is_the_firmwares, setup),
        cmocka_unit_test_setup(test_system__the_clock_is_lwips, setup),
#if SYS_LIGHTWEIGHT_PROT && !NO_SYS
        cmocka_unit_test_setup(test_system__the_lock_excludes_threads, setup),
#else
        cmocka_unit_test_setup(test_system__the_lock_is_as_lwip_is_built, setup),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
