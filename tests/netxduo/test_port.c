/* SPDX-License-Identifier: MIT */
/* The port's own functions: ticks that wrap, clocks that jump, random bytes, what the system is. */

#include <setjmp.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/netxduo/fixture.h"

#include <cmocka.h>

#if defined(ASC_NETXDUO_RANDOM)
static bool board_fails;
static uint64_t board_seed = 88172645463325252u;

UINT ASC_NETXDUO_RANDOM(UCHAR *out, UINT length);

UINT ASC_NETXDUO_RANDOM(UCHAR *out, UINT length)
{
    for (UINT i = 0; i < length; i++) {
        out[i] = (UCHAR)device_random(&board_seed);
    }
    return board_fails ? 1 : 0;
}
#endif

/* Messages within `seconds` of steady traffic. */
static unsigned messages_in(unsigned seconds)
{
    const unsigned before = fx.hub.messages;

    for (unsigned i = 0; i < seconds; i++) {
        (void)fixture_pass_udp(NX_IP_PACKET_IN, 443, 1);
        sim_seconds(&fx.azure, 1);
    }
    return fx.hub.messages - before;
}

static void test_netxduo_uptime__intervals_hold_over_the_wrap_of_ticks(void **state)
{
    unsigned usual;

    (void)state;
    (void)messages_in(45);
    usual = messages_in(60);
    assert_in_range(usual, 5, 6);
    for (uint32_t before = 0; before < 6000; before += 1000) {
        /* The leap to just before the wrap is time too; the message after it may be early. */
        tx_time_set(UINT32_MAX - before);
        (void)messages_in(1);
        assert_in_range(messages_in(60), usual - 1, usual + 1);
    }
}

/* Right after a report nothing is due: a leap of the ticks that counted as time would make it so. */
static void test_netxduo_uptime__ticks_that_are_set_back_are_no_time(void **state)
{
    unsigned waited = 0;

    (void)state;
    (void)messages_in(45);
    sim_ticks_add(1000000);
    (void)messages_in(10);
    while (messages_in(1) == 0) {
        assert_in_range(++waited, 1, 12);
    }
    tx_time_set(5);
    assert_int_equal(messages_in(8), 0);
    assert_in_range(messages_in(60), 5, 6);
}

/* With the old module a clock that was set back an hour silenced it for that hour. */
static void test_netxduo_fault__a_clock_set_back_does_not_silence(void **state)
{
    (void)state;
    (void)messages_in(45);
    sim_clock_set(FIXTURE_UTC_S - 3600);
    assert_in_range(messages_in(60), 5, 6);
    sim_clock_set(FIXTURE_UTC_S + 86400);
    assert_in_range(messages_in(60), 5, 6);
    (void)messages_in(1);
    (void)fixture_collect();
    assert_in_range(fx.time, FIXTURE_UTC_S + 86400, FIXTURE_UTC_S + 86400 + 200);
}

static void test_netxduo_time__is_none_where_it_is_not_known(void **state)
{
    (void)state;
    sim_clock_set(0);
    (void)messages_in(1);
    fx.time = 1;
    assert_int_equal(fixture_collect(), 1);
    assert_int_equal(fx.time, 0);
}

static void test_netxduo_system__tells_versions(void **state)
{
    (void)state;
    (void)messages_in(1);
    (void)fixture_collect();
    assert_string_equal(fx.os, "ThreadX 6.4.2");
    assert_string_equal(fx.kernel, "NetX Duo 6.4.2");
}

static void assert_uuid(const uint8_t id[16])
{
    assert_int_equal(id[6] >> 4, 4);
    assert_int_equal(id[8] >> 6, 2);
}

/* One boot: what a firmware with these clock and generator names its first events. In a process of its
 * own, for the port keeps what a reset would clear. */
static void boot(uint32_t utc_s, uint8_t ids[4][16])
{
    int ends[2];
    int status;
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        sim_rbg_restart();
        tx_time_set(0);
        (void)fixture_setup(NULL);
        sim_clock_set(utc_s);
        (void)nx_azure_iot_security_module_disable(NX_NULL);
        (void)nx_azure_iot_security_module_enable(&fx.azure);
        for (unsigned i = 0; i < 4; i++) {
            (void)fixture_pass_udp(NX_IP_PACKET_IN, 443, 1);
            (void)fixture_collect();
            (void)!write(ends[1], fx.id[0], 16);
        }
        _exit(0);
    }
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(read(ends[0], ids[i], 16), 16);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(ends[0]);
    close(ends[1]);
}

/* The old module's event ids came from an unseeded rand(): the same after every boot. */
static void test_netxduo_fault__event_ids_differ_after_a_boot(void **state)
{
    static const uint32_t boots[] = {FIXTURE_UTC_S, FIXTURE_UTC_S + 1, FIXTURE_UTC_S + 86400};
    uint8_t ids[12][16];

    (void)state;
#if defined(ASC_NETXDUO_RANDOM)
    skip();
#endif
    for (unsigned i = 0; i < 3; i++) {
        boot(boots[i], &ids[4 * i]);
    }
    for (unsigned i = 0; i < 12; i++) {
        assert_uuid(ids[i]);
        for (unsigned j = 0; j < i; j++) {
            assert_memory_not_equal(ids[i], ids[j], 16);
        }
    }
}

static void test_netxduo_random__no_entropy_is_told(void **state)
{
    (void)state;
    assert_int_equal(nx_azure_iot_security_module_disable(NX_NULL), NX_AZURE_IOT_SUCCESS);
#if defined(ASC_NETXDUO_RANDOM)
    board_fails = true;
    assert_int_equal(nx_azure_iot_security_module_enable(&fx.azure), NX_AZURE_IOT_FAILURE);
    board_fails = false;
#else
    sim_rbg_fail(true);
    assert_int_equal(nx_azure_iot_security_module_enable(&fx.azure), NX_AZURE_IOT_FAILURE);
    sim_rbg_fail(false);
#endif
    assert_int_equal(nx_azure_iot_security_module_enable(&fx.azure), NX_AZURE_IOT_SUCCESS);
    (void)messages_in(1);
    (void)fixture_collect();
    assert_in_range(fx.ids, 1, FIXTURE_IDS_MAX);
    for (unsigned i = 0; i < fx.ids; i++) {
        assert_uuid(fx.id[i]);
    }
}

/* A generator that fails for a while delays the report and loses nothing. */
static void test_netxduo_random__comes_back(void **state)
{
    (void)state;
#if defined(ASC_NETXDUO_RANDOM)
    board_fails = true;
#endif
    sim_rbg_fail(true);
    (void)fixture_pass_udp(NX_IP_PACKET_IN, 443, 1);
    assert_int_equal(fixture_collect(), 0);
#if defined(ASC_NETXDUO_RANDOM)
    board_fails = false;
#endif
    sim_rbg_fail(false);
    assert_int_equal(fixture_collect(), 1);
    assert_int_equal(fx.flow[0].bytes_in, 9);
}

static void test_netxduo_log__goes_to_the_instance_s_log(void **state)
{
    (void)state;
#if defined(ASC_NETXDUO_RANDOM)
    board_fails = true;
#endif
    sim_rbg_fail(true);
    assert_int_equal(nx_azure_iot_security_module_disable(NX_NULL), NX_AZURE_IOT_SUCCESS);
    assert_int_equal(nx_azure_iot_security_module_enable(&fx.azure), NX_AZURE_IOT_FAILURE);
    assert_memory_equal(sim_log_line(), "[ERROR] the port has no random bytes", 36);
    sim_rbg_fail(false);
#if defined(ASC_NETXDUO_RANDOM)
    board_fails = false;
#endif
    sim_hub_state(&fx.hub, NX_AZURE_IOT_HUB_CLIENT_STATUS_NOT_CONNECTED);
    assert_int_equal(nx_azure_iot_security_module_enable(&fx.azure), NX_AZURE_IOT_SUCCESS);
    sim_seconds(&fx.azure, ASC_SECURITY_MODULE_PENDING_TIME + 2);
    assert_int_equal(asc_netxduo_state(), ASC_STATE_SUSPENDED);
    assert_memory_equal(sim_log_line(),
        ASC_LOG_LEVEL >= ASC_LOG_WARNING ? "[WARN] suspended" : "[ERROR] the port", 16);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_netxduo_fault__event_ids_differ_after_a_boot),
        WITH(test_netxduo_uptime__intervals_hold_over_the_wrap_of_ticks),
        WITH(test_netxduo_uptime__ticks_that_are_set_back_are_no_time),
        WITH(test_netxduo_fault__a_clock_set_back_does_not_silence),
        WITH(test_netxduo_time__is_none_where_it_is_not_known),
        WITH(test_netxduo_system__tells_versions),
        WITH(test_netxduo_random__no_entropy_is_told),
        WITH(test_netxduo_random__comes_back),
        WITH(test_netxduo_log__goes_to_the_instance_s_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
