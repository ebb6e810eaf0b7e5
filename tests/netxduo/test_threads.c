/* SPDX-License-Identifier: MIT */
/* Hooks in several threads, the cloud thread, and one that enables and disables: no race, nothing lost. */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>

#include "tests/netxduo/fixture.h"

#include <cmocka.h>

#define SENDERS 3
#define PACKETS 4000u

static NX_IP instance[SENDERS];
static atomic_bool stop;
static atomic_uint passed;

/* A thread that receives and sends on its own IP instance, always the same four flows. */
static void *traffic(void *argument)
{
    NX_IP *ip = argument;
    uint8_t bytes[DEVICE_PACKET_MAX];

    for (unsigned i = 0; i < PACKETS; i++) {
        const bool in = i % 2 == 0;
        const struct device_packet packet = {.version = i % 4 < 2 ? 4 : 6,
            .protocol = 17,
            .source = in ? REMOTE : OURS,
            .destination = in ? OURS : REMOTE,
            .source_port = 100,
            .destination_port = 100,
            .data_bytes = 2};
        const size_t length = device_packet_build(bytes, &packet);

        if (sim_pass(ip, in ? NX_IP_PACKET_IN : NX_IP_PACKET_OUT, bytes, length, 0,
                i % 8 == 0 ? 11 : 0)) {
            atomic_fetch_add(&passed, 1);
        }
    }
    return NULL;
}

/* The cloud thread: simulated seconds as fast as they go, about fifty collections at most. */
static void *cloud(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < 500 && !atomic_load(&stop); i++) {
        sim_seconds(&fx.azure, 1);
    }
    return NULL;
}

static void start_traffic(pthread_t *threads)
{
    static const uint32_t address6[] = {0x20010db8, 0, 0, OURS};
    static NXD_IPV6_ADDRESS addresses[SENDERS];

    atomic_store(&stop, false);
    atomic_store(&passed, 0);
    for (unsigned i = 0; i < SENDERS; i++) {
        sim_ip_create(&instance[i], OURS, 0xffffff00);
        sim_ip_address6(&instance[i], &addresses[i], address6);
    }
    sim_seconds(&fx.azure, 1);
    for (unsigned i = 0; i < SENDERS; i++) {
        assert_ptr_equal(instance[i].nx_ip_packet_filter_extended, asc_netxduo_filter);
        assert_int_equal(pthread_create(&threads[i], NULL, traffic, &instance[i]), 0);
    }
}

static void join(const pthread_t *threads)
{
    for (unsigned i = 0; i < SENDERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(atomic_load(&passed), SENDERS * PACKETS);
}

static void delete_instances(void)
{
    for (unsigned i = 0; i < SENDERS; i++) {
        sim_ip_delete(&instance[i]);
    }
}

static void test_netxduo_threads__every_packet_is_reported_once(void **state)
{
    pthread_t threads[SENDERS], collector;
    uint64_t told = 0;

    (void)state;
    start_traffic(threads);
    assert_int_equal(pthread_create(&collector, NULL, cloud, NULL), 0);
    join(threads);
    atomic_store(&stop, true);
    assert_int_equal(pthread_join(collector, NULL), 0);
    assert_int_equal(fixture_counted().packets_counted, SENDERS * PACKETS);
    (void)fixture_collect();
    for (unsigned i = 0; i < fx.flows; i++) {
        told += fx.flow[i].bytes_in + fx.flow[i].bytes_out;
    }
    /* Each has 10 bytes of IP payload. */
    assert_int_equal(told, SENDERS * PACKETS * 10u);
    delete_instances();
}

static void *toggle(void *argument)
{
    (void)argument;
    for (unsigned i = 0; !atomic_load(&stop); i++) {
        assert_int_equal(nx_azure_iot_security_module_disable(NX_NULL), NX_AZURE_IOT_SUCCESS);
        sim_hub_state(&fx.hub,
            i % 3 == 0 ? NX_AZURE_IOT_HUB_CLIENT_STATUS_NOT_CONNECTED
                       : NX_AZURE_IOT_HUB_CLIENT_STATUS_CONNECTED);
        assert_int_equal(nx_azure_iot_security_module_enable(&fx.azure), NX_AZURE_IOT_SUCCESS);
        (void)asc_netxduo_state();
        (void)asc_netxduo_counters();
    }
    return NULL;
}

static void test_netxduo_threads__enable_and_disable_under_traffic(void **state)
{
    pthread_t threads[SENDERS], collector, toggler;

    (void)state;
    start_traffic(threads);
    assert_int_equal(pthread_create(&collector, NULL, cloud, NULL), 0);
    assert_int_equal(pthread_create(&toggler, NULL, toggle, NULL), 0);
    join(threads);
    atomic_store(&stop, true);
    assert_int_equal(pthread_join(collector, NULL), 0);
    assert_int_equal(pthread_join(toggler, NULL), 0);
    assert_int_equal(sim_packets(), 0);
    assert_int_equal(nx_azure_iot_security_module_disable(NX_NULL), NX_AZURE_IOT_SUCCESS);
    for (unsigned i = 0; i < SENDERS; i++) {
        assert_ptr_equal(instance[i].nx_ip_packet_filter_extended, NX_NULL);
    }
    delete_instances();
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(test_netxduo_threads__every_packet_is_reported_once),
        WITH(test_netxduo_threads__enable_and_disable_under_traffic),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
