/* SPDX-License-Identifier: MIT */
/* Attaching to a netif and detaching, in every order, with others that wrap it too, and where it has no input. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lwip/ip4.h"
#include "lwip/ip6.h"
#include "lwip/pbuf.h"
#include "tests/lwip/lwip_card.h"

/* Gives a packet to the hook in IP. */
static enum outcome pass_ip(struct card *card)
{
    const struct asc_counters before = asc_module_counters(&card_module);
    uint8_t bytes[DEVICE_PACKET_MAX + FRAME_LINK_MAX];
    size_t packet;
    const size_t length = card_build(bytes, card_plain(), FRAME_BARE, &packet);
    struct pbuf *p = frame_chain(bytes, &length, 1);

#ifdef LWIP_HOOK_IP4_INPUT
    /* Through lwIP, which then finds nobody who wants the packet. */
#if LWIP_IPV4
    assert_int_equal(ip4_input(p, &card->netif), ERR_OK);
#else
    assert_int_equal(ip6_input(p, &card->netif), ERR_OK);
#endif
#else
    assert_int_equal(asc_lwip_ip_input(p, &card->netif), 0);
    pbuf_free(p);
#endif
    frame_release();
    return card_outcome_since(&before);
}

/* As lwIP's PPP, which hands packets to IP itself. */
static void test_attach__a_netif_without_input_keeps_none(void **state)
{
    struct card card;
    struct asc_lwip_netif hook;

    (void)state;
    card_add(&card, card_init_bare);
    card.netif.input = NULL;
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &card_module), ERR_OK);
    assert_null(card.netif.input);
    assert_int_equal(card_pass_plain(&card, ASC_OUT), COUNTED);
    assert_int_equal(pass_ip(&card), COUNTED);
    assert_true(asc_lwip_detach(&hook));
    assert_null(card.netif.input);
    assert_int_equal(pass_ip(&card), PASSED_BY);
    netif_remove(&card.netif);
}

static void test_attach__the_hook_in_ip_counts_nothing_twice(void **state)
{
    struct card card;
    struct asc_lwip_netif hook;

    (void)state;
    card_add(&card, card_init_bare);
    assert_int_equal(pass_ip(&card), PASSED_BY);
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &card_module), ERR_OK);
    assert_int_equal(pass_ip(&card), PASSED_BY);
    assert_int_equal(card_pass_plain(&card, ASC_IN), COUNTED);
    assert_true(asc_lwip_detach(&hook));
    netif_remove(&card.netif);
}

static void test_attach__nulls_are_refused(void **state)
{
    struct card card;
    struct asc_lwip_netif hook;

    (void)state;
    card_add(&card, card_init_ethernet);
    assert_int_equal(asc_lwip_attach(NULL, &card.netif, &card_module), ERR_ARG);
    assert_int_equal(asc_lwip_attach(&hook, NULL, &card_module), ERR_ARG);
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, NULL), ERR_ARG);
    assert_ptr_equal(card.netif.input, card_input);
    assert_true(asc_lwip_detach(&hook)); /* was never attached, and is not even initialised */
    netif_remove(&card.netif);
}

static void test_attach__attached_twice_counts_once(void **state)
{
    struct card card;
    struct asc_lwip_netif hook;
    struct asc_lwip_netif other;

    (void)state;
    card_add(&card, card_init_ethernet);
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &card_module), ERR_OK);
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &card_module), ERR_OK);
    assert_int_equal(asc_lwip_attach(&other, &card.netif, &card_module), ERR_USE);
    assert_int_equal(card_pass_plain(&card, ASC_IN), COUNTED);
    assert_int_equal(card_pass_plain(&card, ASC_OUT), COUNTED);
    assert_true(asc_lwip_detach(&other));
    assert_int_equal(card_pass_plain(&card, ASC_IN), COUNTED);
    assert_true(asc_lwip_detach(&hook));
    assert_true(asc_lwip_detach(&hook));
    assert_int_equal(card_pass_plain(&card, ASC_IN), PASSED_BY);
    netif_remove(&card.netif);
}

static void test_attach__all_is_as_before_when_detached(void **state)
{
    static const netif_init_fn init[] = {card_init_ethernet, card_init_bare};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct card card;
        struct card before;
        struct asc_lwip_netif hook;

        card_add(&card, init[i]);
        memcpy(&before, &card, sizeof card);
        assert_int_equal(asc_lwip_attach(&hook, &card.netif, &card_module), ERR_OK);
        assert_memory_not_equal(&before, &card, sizeof card);
        assert_true(asc_lwip_detach(&hook));
        assert_memory_equal(&before, &card, sizeof card);
        memset(&hook, 0xa5, sizeof hook);
        assert_int_equal(card_pass_plain(&card, ASC_IN), PASSED_BY);
        assert_int_equal(card_pass_plain(&card, ASC_OUT), PASSED_BY);
        netif_remove(&card.netif);
    }
}

#if !LWIP_SINGLE_NETIF
/* Two netifs, detached in either order. */
static void test_attach__two_netifs(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 2; first++) {
        struct card card[2];
        struct asc_lwip_netif hook[2];

        card_add(&card[0], card_init_ethernet);
        card_add(&card[1], card_init_bare);
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(asc_lwip_attach(&hook[i], &card[i].netif, &card_module), ERR_OK);
        }
        assert_int_equal(asc_lwip_attach(&hook[0], &card[1].netif, &card_module), ERR_USE);
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(card_pass_plain(&card[i], ASC_IN), COUNTED);
            assert_int_equal(card_pass_plain(&card[i], ASC_OUT), COUNTED);
        }
        assert_true(asc_lwip_detach(&hook[first]));
        memset(&hook[first], 0xa5, sizeof hook[first]);
        assert_int_equal(card_pass_plain(&card[first], ASC_IN), PASSED_BY);
        assert_int_equal(card_pass_plain(&card[1 - first], ASC_IN), COUNTED);
        assert_true(asc_lwip_detach(&hook[1 - first]));
        assert_int_equal(card_pass_plain(&card[1 - first], ASC_OUT), PASSED_BY);
        netif_remove(&card[0].netif);
        netif_remove(&card[1].netif);
    }
}
#endif

/* Another program part that wraps the netif's functions above the port's. */
static netif_input_fn input_below;
static netif_linkoutput_fn linkoutput_below;
static unsigned wrapped_calls;

static err_t wrapper_input(struct pbuf *p, struct netif *netif)
{
    wrapped_calls++;
    return input_below(p, netif);
}

static err_t wrapper_linkoutput(struct netif *netif, struct pbuf *p)
{
    wrapped_calls++;
    return linkoutput_below(netif, p);
}

static void wrap(struct netif *netif)
{
    input_below = netif->input;
    linkoutput_below = netif->linkoutput;
    netif->input = wrapper_input;
    netif->linkoutput = wrapper_linkoutput;
    wrapped_calls = 0;
}

static void test_attach__someone_wraps_above(void **state)
{
    struct card card;
    struct asc_lwip_netif hook;

    (void)state;
    card_add(&card, card_init_ethernet);
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &card_module), ERR_OK);
    wrap(&card.netif);
    assert_int_equal(card_pass_plain(&card, ASC_IN), COUNTED);
    assert_false(asc_lwip_detach(&hook));
    assert_ptr_equal(card.netif.input, wrapper_input);
    assert_int_equal(card_pass_plain(&card, ASC_IN), PASSED_BY);
    assert_int_equal(card_pass_plain(&card, ASC_OUT), PASSED_BY);
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &card_module), ERR_OK);
    assert_int_equal(card_pass_plain(&card, ASC_IN), COUNTED);
    assert_int_equal(card_pass_plain(&card, ASC_OUT), COUNTED);
    assert_int_equal(wrapped_calls, 5);
    assert_false(asc_lwip_detach(&hook));
    card.netif.input = input_below;
    assert_false(asc_lwip_detach(&hook)); /* linkoutput is still wrapped */
    card.netif.linkoutput = linkoutput_below;
    assert_true(asc_lwip_detach(&hook));
    assert_ptr_equal(card.netif.input, card_input);
    assert_ptr_equal(card.netif.linkoutput, card_linkoutput);
    netif_remove(&card.netif);
}

static void test_attach__someone_has_wrapped_below(void **state)
{
    struct card card;
    struct asc_lwip_netif hook;

    (void)state;
    card_add(&card, card_init_ethernet);
    wrap(&card.netif);
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &card_module), ERR_OK);
    assert_int_equal(card_pass_plain(&card, ASC_IN), COUNTED);
    assert_int_equal(card_pass_plain(&card, ASC_OUT), COUNTED);
    assert_int_equal(wrapped_calls, 2);
    assert_true(asc_lwip_detach(&hook));
    assert_ptr_equal(card.netif.input, wrapper_input);
    netif_remove(&card.netif);
}

/* A driver's thread that was on its way into the hook when it was detached. */
static void test_attach__who_comes_late_passes(void **state)
{
    struct card card;
    struct asc_lwip_netif hook;
    netif_input_fn late;

    (void)state;
    card_add(&card, card_init_ethernet);
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &card_module), ERR_OK);
    late = card.netif.input;
    assert_true(asc_lwip_detach(&hook));
    memset(&hook, 0xa5, sizeof hook);
    card.netif.input = late;
    assert_int_equal(card_pass_plain(&card, ASC_IN), PASSED_BY);
    assert_int_equal(card.received, 1);
    netif_remove(&card.netif);
}

static void test_attach__the_netif_was_removed_and_comes_again(void **state)
{
    struct card card;
    struct asc_lwip_netif hook;

    (void)state;
    card_add(&card, card_init_ethernet);
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &card_module), ERR_OK);
    wrap(&card.netif);
    netif_remove(&card.netif);
    assert_true(asc_lwip_detach(&hook));
    assert_int_equal(
        card_pass_plain(&card, ASC_IN), PASSED_BY); /* a driver that has not heard of it */
    card_add(&card, card_init_ethernet);
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &card_module), ERR_OK);
    assert_int_equal(card_pass_plain(&card, ASC_IN), COUNTED);
    assert_true(asc_lwip_detach(&hook));
    netif_remove(&card.netif);
}

static void test_attach__a_disabled_module_costs_no_frame(void **state)
{
    struct card card;
    struct asc_lwip_netif hook;

    (void)state;
    card_add(&card, card_init_ethernet);
    assert_int_equal(asc_lwip_attach(&hook, &card.netif, &card_module), ERR_OK);
    asc_module_disable(&card_module);
    assert_int_equal(card_pass_plain(&card, ASC_IN), PASSED_BY);
    assert_int_equal(card_pass_plain(&card, ASC_OUT), PASSED_BY);
    assert_int_equal(card.received, 1);
    assert_int_equal(card.sent, 1);
    assert_true(asc_lwip_detach(&hook));
    netif_remove(&card.netif);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_attach__a_netif_without_input_keeps_none, card_setup),
        cmocka_unit_test_setup(test_attach__the_hook_in_ip_counts_nothing_twice, card_setup),
        cmocka_unit_test_setup(test_attach__nulls_are_refused, card_setup),
        cmocka_unit_test_setup(test_attach__attached_twice_counts_once, card_setup),
        cmocka_unit_test_setup(test_attach__all_is_as_before_when_detached, card_setup),
#if !LWIP_SINGLE_NETIF
        cmocka_unit_test_setup(test_attach__two_netifs, card_setup),
#endif
        cmocka_unit_test_setup(test_attach__someone_wraps_above, card_setup),
        cmocka_unit_test_setup(test_attach__someone_has_wrapped_below, card_setup),
        cmocka_unit_test_setup(test_attach__who_comes_late_passes, card_setup),
        cmocka_unit_test_setup(test_attach__the_netif_was_removed_and_comes_again, card_setup),
        cmocka_unit_test_setup(test_attach__a_disabled_module_costs_no_frame, card_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
