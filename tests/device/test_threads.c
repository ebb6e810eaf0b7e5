/* SPDX-License-Identifier: MIT */
/* The hook from two threads while the module steps in a third: nothing is lost, counted twice, or torn. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <pthread.h>

#include <cmocka.h>

#include "tests/device/device_test.h"
#include "tests/device/message_check.h"

#define PACKETS 20000u

struct threaded_port {
    pthread_mutex_t lock;
    struct device_port played;
    uint64_t bytes; /* of all flows in all messages */
};

static struct threaded_port port = {.lock = PTHREAD_MUTEX_INITIALIZER};
static struct asc_module m;
static struct check_message message;

static uint32_t port_time(void *context)
{
    (void)context;
    return 1700000000;
}

static uint32_t port_uptime(void *context)
{
    return ((struct threaded_port *)context)->played.now_ms;
}

static bool port_random(void *context, uint8_t *out, size_t length)
{
    return device_port_functions.random(&((struct threaded_port *)context)->played, out, length);
}

static void port_lock(void *context)
{
    (void)pthread_mutex_lock(&((struct threaded_port *)context)->lock);
}

static void port_unlock(void *context)
{
    (void)pthread_mutex_unlock(&((struct threaded_port *)context)->lock);
}

static enum asc_send_result port_send(void *context, const uint8_t *bytes, uint32_t length)
{
    struct threaded_port *p = context;

    if (check_message(bytes, length, &message) != NULL) {
        abort();
    }
    for (unsigned i = 0; i < message.flows; i++) {
        p->bytes += (uint64_t)message.flow[i].bytes_in + message.flow[i].bytes_out;
    }
    return ASC_SEND_DONE;
}

static const struct asc_port functions = {
    port_time, port_uptime, port_random, port_lock, port_unlock, port_send, NULL, NULL};

/* Gives packets of 30 bytes of payload to 100 hosts. */
static void *hook(void *argument)
{
    const enum asc_direction direction = argument == NULL ? ASC_IN : ASC_OUT;

    for (uint32_t i = 0; i < PACKETS; i++) {
        const uint32_t remote = 0xc6336400 + i % 100;
        struct device_packet packet = {.version = 4, .protocol = 6, .data_bytes = 10};

        packet.source = direction == ASC_OUT ? 0x0a000001 : remote;
        packet.destination = direction == ASC_OUT ? remote : 0x0a000001;
        device_give_packet(&m, direction, &packet);
    }
    return NULL;
}

static void test_threads__hooks_and_steps(void **state)
{
    const struct asc_settings settings = device_settings();
    struct asc_counters counters;
    pthread_t threads[2];

    (void)state;
    port.played.seed = 88172645463325252u;
    assert_int_equal(asc_module_init(&m, &functions, &port, &settings), ASC_OK);
    assert_int_equal(asc_module_enable(&m), ASC_OK);
    asc_module_connected(&m, true);
    assert_int_equal(pthread_create(&threads[0], NULL, hook, NULL), 0);
    assert_int_equal(pthread_create(&threads[1], NULL, hook, &port), 0);
    do {
        port.played.now_ms += 10000;
        (void)asc_module_step(&m);
        counters = asc_module_counters(&m);
    } while (asc_counters_packets_seen(&counters) < 2 * PACKETS);
    assert_int_equal(pthread_join(threads[0], NULL), 0);
    assert_int_equal(pthread_join(threads[1], NULL), 0);
    for (int i = 0; i < 10; i++) {
        port.played.now_ms += 10000;
        (void)asc_module_step(&m);
    }
    counters = asc_module_counters(&m);
    assert_int_equal(counters.packets_counted + counters.packets_overflowed, 2 * PACKETS);
    assert_int_equal(
        port.bytes + counters.bytes_overflowed[ASC_IN] + counters.bytes_overflowed[ASC_OUT],
        2u * PACKETS * 30u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads__hooks_and_steps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
