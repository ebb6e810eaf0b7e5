/* SPDX-License-Identifier: MIT */
/* Enable and disable, and the packet filter: in place in every IP instance, chained, restored. */

#include <setjmp.h>
#include <stdarg.h>

#include "tests/netxduo/fixture.h"

#include <cmocka.h>

static NX_IP more[ASC_NETXDUO_IP_INSTANCES_MAX];
static unsigned before_calls;
static UINT before_answer;
static unsigned on_top_calls;
static UINT (*on_top_next)(NX_IP *, NX_PACKET *, UINT);

static UINT before_filter(NX_IP *ip_ptr, NX_PACKET *packet_ptr, UINT direction)
{
    (void)ip_ptr;
    (void)packet_ptr;
    (void)direction;
    before_calls++;
    return before_answer;
}

static UINT on_top_filter(NX_IP *ip_ptr, NX_PACKET *packet_ptr, UINT direction)
{
    on_top_calls++;
    return on_top_next(ip_ptr, packet_ptr, direction);
}

static int reset(void **state)
{
    before_calls = on_top_calls = 0;
    before_answer = NX_SUCCESS;
    return fixture_setup(state);
}

static void enable(UINT expected)
{
    assert_int_equal(nx_azure_iot_security_module_enable(&fx.azure), expected);
}

static void disable(UINT expected)
{
    assert_int_equal(nx_azure_iot_security_module_disable(&fx.azure), expected);
}

static bool pass_on(NX_IP *ip, UINT direction)
{
    const bool in = direction == NX_IP_PACKET_IN;
    const struct device_packet packet = {.version = 4,
        .protocol = 17,
        .source = in ? REMOTE : OURS,
        .destination = in ? OURS : REMOTE,
        .source_port = 1,
        .destination_port = 2};
    uint8_t bytes[DEVICE_PACKET_MAX];
    const size_t length = device_packet_build(bytes, &packet);

    return sim_pass(ip, direction, bytes, length, 0, 0);
}

/* First of all: it sees the module before any settings. */
static void test_netxduo_enable__needs_an_id(void **state)
{
    (void)state;
    assert_int_equal(asc_netxduo_state(), ASC_STATE_NOT_INITIALISED);
    assert_int_equal(asc_netxduo_counters().packets_counted, 0);
    sim_ip_create(&fx.ip, OURS, 0xffffff00);
    sim_azure_create(&fx.azure, &fx.ip);
    enable(NX_AZURE_IOT_FAILURE);
    assert_ptr_equal(fx.ip.nx_ip_packet_filter_extended, NX_NULL);
    assert_int_equal(fx.azure.nx_azure_iot_cloud.nx_cloud_modules_count, 0);
    disable(NX_AZURE_IOT_SUCCESS);
    sim_ip_delete(&fx.ip);
}

static void test_netxduo_enable__refuses_what_is_no_instance(void **state)
{
    NX_AZURE_IOT other;

    (void)state;
    memset(&other, 0, sizeof other);
    assert_int_equal(nx_azure_iot_security_module_enable(NX_NULL), NX_AZURE_IOT_INVALID_PARAMETER);
    assert_int_equal(nx_azure_iot_security_module_enable(&other), NX_AZURE_IOT_INVALID_PARAMETER);
    sim_azure_create(&other, &fx.ip);
    assert_int_equal(nx_azure_iot_security_module_enable(&other), NX_AZURE_IOT_INVALID_PARAMETER);
    assert_int_equal(nx_azure_iot_security_module_disable(&other), NX_AZURE_IOT_INVALID_PARAMETER);
    assert_int_equal(asc_netxduo_state(), ASC_STATE_ACTIVE);
    assert_int_equal(fx.azure.nx_azure_iot_cloud.nx_cloud_modules_count, 1);
}

static void test_netxduo_enable__settings_come_before_it(void **state)
{
    const struct asc_settings settings = asc_settings_default();

    (void)state;
    assert_false(asc_netxduo_settings_set(&settings));
}

static void test_netxduo_enable__twice_is_once(void **state)
{
    (void)state;
    enable(NX_AZURE_IOT_SUCCESS);
    assert_int_equal(fx.azure.nx_azure_iot_cloud.nx_cloud_modules_count, 1);
    assert_true(pass_on(&fx.ip, NX_IP_PACKET_IN));
    assert_int_equal(fixture_counted().packets_counted, 1);
    disable(NX_AZURE_IOT_SUCCESS);
    disable(NX_AZURE_IOT_SUCCESS);
    assert_ptr_equal(fx.ip.nx_ip_packet_filter_extended, NX_NULL);
    enable(NX_AZURE_IOT_SUCCESS);
    assert_true(pass_on(&fx.ip, NX_IP_PACKET_IN));
    assert_int_equal(fixture_counted().packets_counted, 2);
}

static void test_netxduo_enable__without_entropy_changes_nothing(void **state)
{
    (void)state;
    disable(NX_AZURE_IOT_SUCCESS);
    sim_rbg_fail(true);
    enable(NX_AZURE_IOT_FAILURE);
    sim_rbg_fail(false);
    assert_ptr_equal(fx.ip.nx_ip_packet_filter_extended, NX_NULL);
    assert_int_equal(fx.azure.nx_azure_iot_cloud.nx_cloud_modules_count, 0);
    assert_int_equal(asc_netxduo_state(), ASC_STATE_NOT_INITIALISED);
    enable(NX_AZURE_IOT_SUCCESS);
}

static void test_netxduo_enable__refuses_more_instances_than_it_can_watch(void **state)
{
    (void)state;
    disable(NX_AZURE_IOT_SUCCESS);
    for (unsigned i = 0; i < ASC_NETXDUO_IP_INSTANCES_MAX; i++) {
        sim_ip_create(&more[i], OURS + 1 + i, 0xffffff00);
    }
    enable(NX_AZURE_IOT_FAILURE);
    assert_int_equal(fx.azure.nx_azure_iot_cloud.nx_cloud_modules_count, 0);
    for (unsigned i = 0; i < ASC_NETXDUO_IP_INSTANCES_MAX; i++) {
        assert_ptr_equal(more[i].nx_ip_packet_filter_extended, NX_NULL);
        sim_ip_delete(&more[i]);
    }
    enable(NX_AZURE_IOT_SUCCESS);
}

static void test_netxduo_hook__is_in_every_instance_now_and_later(void **state)
{
    (void)state;
    sim_ip_create(&more[0], OURS, 0xffffff00);
    assert_ptr_equal(more[0].nx_ip_packet_filter_extended, NX_NULL);
    sim_seconds(&fx.azure, 1);
    assert_ptr_equal(more[0].nx_ip_packet_filter_extended, asc_netxduo_filter);
    assert_true(pass_on(&fx.ip, NX_IP_PACKET_OUT));
    assert_true(pass_on(&more[0], NX_IP_PACKET_IN));
    assert_int_equal(fixture_counted().packets_counted, 2);
    /* Deleted and created anew, at the same place and elsewhere, more often than there are slots. */
    for (unsigned i = 0; i < 3 * ASC_NETXDUO_IP_INSTANCES_MAX; i++) {
        NX_IP *ip = &more[i % ASC_NETXDUO_IP_INSTANCES_MAX];

        sim_ip_delete(&more[i == 0 ? 0 : (i - 1) % ASC_NETXDUO_IP_INSTANCES_MAX]);
        sim_ip_create(ip, OURS, 0xffffff00);
        sim_seconds(&fx.azure, 1);
        assert_ptr_equal(ip->nx_ip_packet_filter_extended, asc_netxduo_filter);
    }
    disable(NX_AZURE_IOT_SUCCESS);
    assert_ptr_equal(more[ASC_NETXDUO_IP_INSTANCES_MAX - 1].nx_ip_packet_filter_extended, NX_NULL);
    sim_ip_delete(&more[ASC_NETXDUO_IP_INSTANCES_MAX - 1]);
}

/* What comes in was there though a firewall stops it; what it stops from going out was not. */
static void test_netxduo_hook__is_chained_to_what_was_there(void **state)
{
    (void)state;
    disable(NX_AZURE_IOT_SUCCESS);
    fx.ip.nx_ip_packet_filter_extended = before_filter;
    enable(NX_AZURE_IOT_SUCCESS);
    assert_true(pass_on(&fx.ip, NX_IP_PACKET_IN));
    assert_true(pass_on(&fx.ip, NX_IP_PACKET_OUT));
    assert_int_equal(before_calls, 2);
    assert_int_equal(fixture_counted().packets_counted, 2);
    before_answer = NX_NOT_SUCCESSFUL;
    assert_false(pass_on(&fx.ip, NX_IP_PACKET_IN));
    assert_int_equal(fixture_counted().packets_counted, 3);
    assert_false(pass_on(&fx.ip, NX_IP_PACKET_OUT));
    assert_int_equal(fixture_counted().packets_counted, 3);
    disable(NX_AZURE_IOT_SUCCESS);
    assert_ptr_equal(fx.ip.nx_ip_packet_filter_extended, before_filter);
    fx.ip.nx_ip_packet_filter_extended = NX_NULL;
}

static void test_netxduo_hook__leaves_a_filter_on_top_in_place(void **state)
{
    (void)state;
    disable(NX_AZURE_IOT_SUCCESS);
    fx.ip.nx_ip_packet_filter_extended = before_filter;
    enable(NX_AZURE_IOT_SUCCESS);
    on_top_next = fx.ip.nx_ip_packet_filter_extended;
    fx.ip.nx_ip_packet_filter_extended = on_top_filter;
    sim_seconds(&fx.azure, 3);
    assert_ptr_equal(fx.ip.nx_ip_packet_filter_extended, on_top_filter);
    assert_true(pass_on(&fx.ip, NX_IP_PACKET_IN));
    assert_int_equal(fixture_counted().packets_counted, 1);
    /* Disabled in the middle of the chain, it passes on what the others decide. */
    disable(NX_AZURE_IOT_SUCCESS);
    assert_ptr_equal(fx.ip.nx_ip_packet_filter_extended, on_top_filter);
    before_answer = NX_NOT_SUCCESSFUL;
    assert_false(pass_on(&fx.ip, NX_IP_PACKET_IN));
    assert_int_equal(before_calls, 2);
    assert_int_equal(on_top_calls, 2);
    assert_int_equal(fixture_counted().packets_counted, 1);
    /* Enabled again, it is still in the chain, once. */
    before_answer = NX_SUCCESS;
    enable(NX_AZURE_IOT_SUCCESS);
    assert_true(pass_on(&fx.ip, NX_IP_PACKET_OUT));
    assert_int_equal(fixture_counted().packets_counted, 2);
    assert_int_equal(before_calls, 3);
    /* The one on top goes first; then disable restores the first of all. */
    fx.ip.nx_ip_packet_filter_extended = on_top_next;
    disable(NX_AZURE_IOT_SUCCESS);
    assert_ptr_equal(fx.ip.nx_ip_packet_filter_extended, before_filter);
    fx.ip.nx_ip_packet_filter_extended = NX_NULL;
}

static void test_netxduo_hook__that_was_taken_away_comes_back(void **state)
{
    (void)state;
    fx.ip.nx_ip_packet_filter_extended = NX_NULL;
    sim_seconds(&fx.azure, 1);
    assert_ptr_equal(fx.ip.nx_ip_packet_filter_extended, asc_netxduo_filter);
    assert_true(pass_on(&fx.ip, NX_IP_PACKET_IN));
    assert_int_equal(fixture_counted().packets_counted, 1);
}

/* The old module left its hook in place when it was disabled or suspended, and kept every packet. */
static void test_netxduo_fault__disable_leaves_no_hook_and_no_packet(void **state)
{
    UINT (*stale)(NX_IP *, NX_PACKET *, UINT) = fx.ip.nx_ip_packet_filter_extended;

    (void)state;
    disable(NX_AZURE_IOT_SUCCESS);
    assert_ptr_equal(fx.ip.nx_ip_packet_filter_extended, NX_NULL);
    /* Even a call that was on its way when it was taken out. */
    fx.ip.nx_ip_packet_filter_extended = stale;
    for (unsigned i = 0; i < 100; i++) {
        assert_true(pass_on(&fx.ip, i % 2 == 0 ? NX_IP_PACKET_IN : NX_IP_PACKET_OUT));
    }
    fx.ip.nx_ip_packet_filter_extended = NX_NULL;
    assert_int_equal(sim_packets(), 0);
    assert_int_equal(fixture_counted().packets_counted, 0);
}

static void test_netxduo_fault__suspended_passes_packets_and_counts_none(void **state)
{
    (void)state;
    sim_hub_state(&fx.hub, NX_AZURE_IOT_HUB_CLIENT_STATUS_NOT_CONNECTED);
    sim_seconds(&fx.azure, ASC_SECURITY_MODULE_PENDING_TIME + 2);
    assert_int_equal(asc_netxduo_state(), ASC_STATE_SUSPENDED);
    fixture_mark();
    for (unsigned i = 0; i < 100; i++) {
        assert_true(pass_on(&fx.ip, NX_IP_PACKET_IN));
    }
    assert_int_equal(sim_packets(), 0);
    assert_int_equal(fixture_counted().packets_counted, 0);
    enable(NX_AZURE_IOT_SUCCESS);
    assert_int_equal(asc_netxduo_state(), ASC_STATE_PENDING);
    assert_true(pass_on(&fx.ip, NX_IP_PACKET_IN));
    assert_int_equal(fixture_counted().packets_counted, 1);
}

static void test_netxduo_disable__from_every_state(void **state)
{
    static const struct {
        UINT hub;
        unsigned seconds;
        enum asc_state state;
    } cases[] = {
        {NX_AZURE_IOT_HUB_CLIENT_STATUS_NOT_CONNECTED, 1, ASC_STATE_PENDING},
        {NX_AZURE_IOT_HUB_CLIENT_STATUS_CONNECTING, 1, ASC_STATE_PENDING},
        {NX_AZURE_IOT_HUB_CLIENT_STATUS_CONNECTED, 1, ASC_STATE_ACTIVE},
        {NX_AZURE_IOT_HUB_CLIENT_STATUS_NOT_CONNECTED, ASC_SECURITY_MODULE_PENDING_TIME + 2,
            ASC_STATE_SUSPENDED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        disable(NX_AZURE_IOT_SUCCESS);
        sim_hub_state(&fx.hub, cases[i].hub);
        enable(NX_AZURE_IOT_SUCCESS);
        sim_seconds(&fx.azure, cases[i].seconds);
        assert_int_equal(asc_netxduo_state(), cases[i].state);
        disable(NX_AZURE_IOT_SUCCESS);
        assert_int_equal(asc_netxduo_state(), ASC_STATE_NOT_INITIALISED);
        assert_ptr_equal(fx.ip.nx_ip_packet_filter_extended, NX_NULL);
        assert_int_equal(fx.azure.nx_azure_iot_cloud.nx_cloud_modules_count, 0);
        sim_seconds(&fx.azure, 20);
    }
    enable(NX_AZURE_IOT_SUCCESS);
}

/* The thread was about to call the module, and waited for the mutex while another disabled it. */
static void test_netxduo_disable__a_late_turn_does_nothing(void **state)
{
    const NX_CLOUD_MODULE *m = fx.azure.nx_azure_iot_cloud.nx_cloud_modules_list_header;
    VOID (*process)(VOID *, ULONG, ULONG) = m->nx_cloud_module_process;
    VOID *context = m->nx_cloud_module_context;
    const unsigned sent = fx.hub.attempts;

    (void)state;
    assert_true(pass_on(&fx.ip, NX_IP_PACKET_IN));
    disable(NX_AZURE_IOT_SUCCESS);
    sim_ticks_add(100 * TX_TIMER_TICKS_PER_SECOND);
    process(context, NX_CLOUD_COMMON_PERIODIC_EVENT, 0);
    assert_ptr_equal(fx.ip.nx_ip_packet_filter_extended, NX_NULL);
    assert_int_equal(fx.hub.attempts, sent);
    assert_int_equal(asc_netxduo_state(), ASC_STATE_NOT_INITIALISED);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, reset, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_netxduo_enable__needs_an_id),
        WITH(test_netxduo_enable__refuses_what_is_no_instance),
        WITH(test_netxduo_enable__settings_come_before_it),
        WITH(test_netxduo_enable__twice_is_once),
        WITH(test_netxduo_enable__without_entropy_changes_nothing),
        WITH(test_netxduo_enable__refuses_more_instances_than_it_can_watch),
        WITH(test_netxduo_hook__is_in_every_instance_now_and_later),
        WITH(test_netxduo_hook__is_chained_to_what_was_there),
        WITH(test_netxduo_hook__leaves_a_filter_on_top_in_place),
        WITH(test_netxduo_hook__that_was_taken_away_comes_back),
        WITH(test_netxduo_fault__disable_leaves_no_hook_and_no_packet),
        WITH(test_netxduo_fault__suspended_passes_packets_and_counts_none),
        WITH(test_netxduo_disable__from_every_state),
        WITH(test_netxduo_disable__a_late_turn_does_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
