/* SPDX-License-Identifier: MIT */
/* Sending: each connected hub client takes each message once, whatever fails and whenever. */

#include <setjmp.h>
#include <stdarg.h>

#include "tests/netxduo/fixture.h"

#include <cmocka.h>

#define CONNECTED     NX_AZURE_IOT_HUB_CLIENT_STATUS_CONNECTED
#define CONNECTING    NX_AZURE_IOT_HUB_CLIENT_STATUS_CONNECTING
#define NOT_CONNECTED NX_AZURE_IOT_HUB_CLIENT_STATUS_NOT_CONNECTED

#define OTHERS 3

static struct sim_hub other[OTHERS];

/* Skips the test in a build for fewer hub clients. */
static void need_several(void)
{
    if (ASC_SECURITY_MODULE_MAX_HUB_DEVICES <= OTHERS) {
        skip();
    }
}

static void open_others(void)
{
    for (unsigned i = 0; i < OTHERS; i++) {
        sim_hub_open(&other[i], &fx.azure);
        sim_hub_state(&other[i], CONNECTED);
    }
}

static void close_others(void)
{
    for (unsigned i = 0; i < OTHERS; i++) {
        sim_hub_close(&other[i]);
    }
}

/* No message of a hub is among its others; and `a` and `b` took the same. */
static void assert_same(const struct sim_hub *a, const struct sim_hub *b)
{
    assert_int_equal(a->messages, b->messages);
    assert_in_range(a->messages, 1, SIM_MESSAGES_MAX);
    for (unsigned i = 0; i < a->messages; i++) {
        assert_int_equal(a->message[i].length, b->message[i].length);
        assert_memory_equal(a->message[i].bytes, b->message[i].bytes, a->message[i].length);
        for (unsigned j = 0; j < i; j++) {
            assert_false(a->message[i].length == a->message[j].length &&
                memcmp(a->message[i].bytes, a->message[j].bytes, a->message[i].length) == 0);
        }
    }
}

static void traffic(unsigned packets)
{
    for (unsigned i = 0; i < packets; i++) {
        (void)fixture_pass_udp(NX_IP_PACKET_OUT, (uint16_t)(1000 + i), 10);
    }
}

static void test_netxduo_hubs__each_takes_each_message_once(void **state)
{
    (void)state;
    need_several();
    open_others();
    for (unsigned i = 0; i < 3; i++) {
        traffic(64); /* more than one message */
        (void)fixture_collect();
    }
    for (unsigned i = 0; i < OTHERS; i++) {
        assert_same(&fx.hub, &other[i]);
        assert_int_equal(other[i].attempts, other[i].messages);
    }
    close_others();
}

/* Fails once or more often, at each call of each client: only who failed is tried again. */
static void test_netxduo_hubs__only_who_failed_is_tried_again(void **state)
{
    (void)state;
    need_several();
    for (unsigned at = 0; at < 3 * (OTHERS + 1); at++) {
        for (unsigned times = 1; times <= 3; times++) {
            struct sim_hub *hub;

            open_others();
            hub = at / 3 < OTHERS ? &other[at / 3] : &fx.hub;
            fx.seen = fx.hub.messages = fx.hub.attempts = 0;
            *(at % 3 == 0         ? &hub->fail_create
                    : at % 3 == 1 ? &hub->fail_property
                                  : &hub->fail_send) = times;
            traffic(3);
            assert_in_range(fixture_collect(), 3, 3);
            assert_int_equal(hub->attempts, hub->messages + times);
            for (unsigned i = 0; i < OTHERS; i++) {
                assert_same(&fx.hub, &other[i]);
                assert_true(&other[i] == hub || other[i].attempts == other[i].messages);
            }
            close_others();
            assert_int_equal(sim_packets(), 0);
        }
    }
}

static void disconnect_during_send(struct sim_hub *hub)
{
    hub->client.nx_azure_iot_hub_client_state = NOT_CONNECTED;
    hub->during_send = NULL;
}

/* It counted as one to serve; when it is gone the message is with all there are. */
static void test_netxduo_hubs__who_goes_away_no_longer_counts(void **state)
{
    (void)state;
    need_several();
    sim_hub_open(&other[0], &fx.azure);
    sim_hub_state(&other[0], CONNECTED);
    other[0].during_send = disconnect_during_send;
    traffic(2);
    assert_int_equal(fixture_collect(), 2);
    assert_int_equal(other[0].messages, 0);
    assert_int_equal(fx.hub.attempts, fx.hub.messages);
    assert_int_equal(asc_netxduo_state(), ASC_STATE_ACTIVE);
    assert_int_equal(sim_packets(), 0);
    /* What comes next goes to both again. */
    sim_hub_state(&other[0], CONNECTED);
    fx.hub.messages = fx.hub.attempts = fx.seen = 0;
    traffic(2);
    assert_int_equal(fixture_collect(), 2);
    assert_same(&fx.hub, &other[0]);
    sim_hub_close(&other[0]);
}

/* One has taken it, the other not, and both go: after it, only the other would get it again. */
static void test_netxduo_hubs__nobody_gets_it_twice_over_a_reconnect(void **state)
{
    unsigned taken;

    (void)state;
    need_several();
    sim_hub_open(&other[0], &fx.azure);
    sim_hub_state(&other[0], CONNECTED);
    other[0].fail_send = 1000;
    traffic(2);
    (void)fixture_collect();
    taken = fx.hub.messages;
    assert_int_equal(taken, 1); /* nothing new is built while a message is in hand */
    sim_hub_state(&other[0], NOT_CONNECTED);
    sim_hub_state(&fx.hub, NOT_CONNECTED);
    sim_seconds(&fx.azure, 5);
    assert_int_equal(asc_netxduo_state(), ASC_STATE_PENDING);
    other[0].fail_send = 0;
    other[0].attempts = 0;
    sim_hub_state(&fx.hub, CONNECTED);
    sim_hub_state(&other[0], CONNECTED);
    (void)fixture_collect();
    assert_same(&fx.hub, &other[0]);
    assert_int_equal(other[0].attempts, other[0].messages);
    assert_int_equal(fx.hub.attempts, fx.hub.messages);
    sim_hub_close(&other[0]);
}

static void test_netxduo_hubs__what_was_seen_offline_is_sent_after_it(void **state)
{
    (void)state;
    sim_hub_state(&fx.hub, CONNECTING);
    sim_seconds(&fx.azure, 1);
    assert_int_equal(asc_netxduo_state(), ASC_STATE_PENDING);
    traffic(5);
    assert_int_equal(fixture_collect(), 0);
    assert_int_equal(fx.hub.attempts, 0);
    sim_hub_state(&fx.hub, CONNECTED);
    assert_int_equal(fixture_collect(), 5);
}

/* Suspension drops the message in hand: who had taken it gets the next one like all others. */
static void test_netxduo_hubs__a_dropped_message_is_forgotten(void **state)
{
    (void)state;
    need_several();
    sim_hub_open(&other[0], &fx.azure);
    sim_hub_state(&other[0], CONNECTED);
    other[0].fail_send = 1000;
    traffic(2);
    (void)fixture_collect();
    assert_int_equal(fx.hub.messages, 1);
    sim_hub_state(&other[0], NOT_CONNECTED);
    sim_hub_state(&fx.hub, NOT_CONNECTED);
    sim_seconds(&fx.azure, ASC_SECURITY_MODULE_PENDING_TIME + 2);
    assert_int_equal(asc_netxduo_state(), ASC_STATE_SUSPENDED);
    other[0].fail_send = 0;
    fx.hub.messages = fx.seen = 0;
    sim_hub_state(&fx.hub, CONNECTED);
    sim_hub_state(&other[0], CONNECTED);
    sim_seconds(&fx.azure, 1);
    traffic(2);
    assert_int_equal(fixture_collect(), 2);
    assert_same(&fx.hub, &other[0]);
    sim_hub_close(&other[0]);
}

static void test_netxduo_hubs__provisioning_is_no_hub(void **state)
{
    NX_AZURE_IOT_RESOURCE provisioning = {.resource_type = NX_AZURE_IOT_RESOURCE_IOT_PROVISIONING};

    (void)state;
    provisioning.resource_data_ptr = &provisioning;
    provisioning.resource_next = fx.azure.nx_azure_iot_resource_list_header;
    fx.azure.nx_azure_iot_resource_list_header = &provisioning;
    traffic(1);
    assert_int_equal(fixture_collect(), 1);
    fx.azure.nx_azure_iot_resource_list_header = provisioning.resource_next;
}

/* The list has more hub clients than are served: the others are left out, and nothing waits for them. */
static void test_netxduo_hubs__no_more_than_the_setting_says(void **state)
{
    unsigned served = 0;

    (void)state;
    open_others();
    traffic(2);
    (void)fixture_collect();
    for (unsigned i = 0; i < OTHERS; i++) {
        served += other[i].messages > 0;
    }
    served += fx.hub.messages > 0;
    assert_int_equal(served,
        ASC_SECURITY_MODULE_MAX_HUB_DEVICES < OTHERS + 1 ? ASC_SECURITY_MODULE_MAX_HUB_DEVICES
                                                         : OTHERS + 1);
    assert_in_range(other[OTHERS - 1].messages, 1, 3);
    assert_int_equal(other[OTHERS - 1].attempts, other[OTHERS - 1].messages);
    close_others();
}

/* --- Calls from within sending ------------------------------------------------------------------ */

static UINT answers[2];

static void call_during_send(struct sim_hub *hub)
{
    answers[0] = nx_azure_iot_security_module_disable(NX_NULL);
    answers[1] = nx_azure_iot_security_module_enable(hub->client.nx_azure_iot_ptr);
}

static void test_netxduo_hubs__calls_from_within_sending_are_refused(void **state)
{
    (void)state;
    fx.hub.during_send = call_during_send;
    traffic(1);
    assert_int_equal(fixture_collect(), 1);
    assert_int_equal(answers[0], NX_AZURE_IOT_FAILURE);
    assert_int_equal(answers[1], NX_AZURE_IOT_FAILURE);
    fx.hub.during_send = NULL;
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(test_netxduo_hubs__each_takes_each_message_once),
        WITH(test_netxduo_hubs__only_who_failed_is_tried_again),
        WITH(test_netxduo_hubs__who_goes_away_no_longer_counts),
        WITH(test_netxduo_hubs__nobody_gets_it_twice_over_a_reconnect),
        WITH(test_netxduo_hubs__what_was_seen_offline_is_sent_after_it),
        WITH(test_netxduo_hubs__a_dropped_message_is_forgotten),
        WITH(test_netxduo_hubs__provisioning_is_no_hub),
        WITH(test_netxduo_hubs__no_more_than_the_setting_says),
        WITH(test_netxduo_hubs__calls_from_within_sending_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
