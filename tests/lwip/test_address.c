/* SPDX-License-Identifier: MIT */
/* Whom an incoming packet is for, by the addresses of the netifs as they are at that time. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lwip/autoip.h"
#include "lwip/ip4_addr.h"
#include "lwip/ip6_addr.h"
#include "lwip/prot/autoip.h"
#include "tests/lwip/lwip_card.h"

/* More than there is room for in the module's table of local addresses. */
#define NEIGHBOURS (4 * ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_LOCAL_ADDRESSES)

static struct card card;
static struct asc_lwip_netif hook;

static void pass(const struct device_packet *packet, enum outcome want)
{
    const struct frame_case frame = {"", FRAME_PLAIN, FRAME_TO_HOST, *packet, false, want, COUNTED};
    uint8_t bytes[DEVICE_PACKET_MAX + FRAME_LINK_MAX];
    size_t at;
    const size_t length = card_build(bytes, &frame, FRAME_PLAIN, &at);
    const enum outcome outcome = card_pass_whole(&card, ASC_IN, packet->version, bytes, length);

    if (outcome != want) {
        print_error("IPv%d to %#x: outcome %d\n", packet->version, packet->destination, outcome);
    }
    assert_int_equal(outcome, want);
}

static int setup(void **state)
{
    if (card_setup(state) != 0) {
        return -1;
    }
    card_add(&card, card_init_ethernet);
    return asc_lwip_attach(&hook, &card.netif, &card_module) == ERR_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    if (!asc_lwip_detach(&hook)) {
        return -1;
    }
    netif_remove(&card.netif);
    return 0;
}

#if LWIP_IPV4
static void pass4(uint32_t destination, enum outcome want)
{
    const struct device_packet packet = {V4_TO(destination, 17), FLOW(67)};

    pass(&packet, want);
}

static void set_address4(uint32_t address)
{
    ip4_addr_t ip;

    ip4_addr_set_u32(&ip, lwip_htonl(address));
    netif_set_ipaddr(&card.netif, &ip);
}

static void test_address__the_netif_has_it_while_it_has_it(void **state)
{
    (void)state;
    pass4(0x0a000001, COUNTED);
    pass4(0x0a000007, OTHERS4);
    set_address4(0x0a000007);
    pass4(0x0a000007, COUNTED);
    pass4(0x0a000001, OTHERS4);
}

/* A DHCP server may send its offer to the address that it offers. */
static void test_address__a_netif_without_one_takes_any(void **state)
{
    (void)state;
    set_address4(0);
    pass4(0x0a000007, COUNTED);
    set_address4(0x0a000001);
    pass4(0x0a000007, OTHERS4);
}

static void test_address__loopback_is_lwips_to_judge(void **state)
{
    const bool taken = LWIP_NETIF_LOOPBACK && !LWIP_HAVE_LOOPIF;

    (void)state;
    pass4(0x7f000001, taken ? COUNTED : OTHERS4);
    pass4(0x7f000002, OTHERS4);
    pass4(0x7fffffff, OTHERS4);
}

#if LWIP_AUTOIP
/* Connections to an address that the netif chose go on when it has got another. */
static void test_address__one_of_its_own_choice_stays(void **state)
{
    struct autoip choice = {.state = AUTOIP_STATE_OFF};

    (void)state;
    pass4(0xa9fe0102, OTHERS4);
    autoip_set_struct(&card.netif, &choice);
    ip4_addr_set_u32(&choice.llipaddr, lwip_htonl(0xa9fe0102));
    pass4(0xa9fe0102, COUNTED);
    pass4(0x0a000001, COUNTED);
    pass4(0xa9fe0103, OTHERS4);
    /* autoip_remove_struct() of lwIP 2.1.3 names a member that there is no more. */
    netif_set_client_data(&card.netif, LWIP_NETIF_CLIENT_DATA_INDEX_AUTOIP, NULL);
}
#endif
#endif

#if LWIP_IPV6
static void pass6(uint32_t last_word, enum outcome want)
{
    const struct device_packet packet = {V6_TO(last_word, 17), FLOW(67)};

    pass(&packet, want);
}

static void test_address__each_valid_one_of_ipv6_counts(void **state)
{
    (void)state;
    pass6(1, COUNTED);
    pass6(2, OTHERS6);
    for (s8_t i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        card_address6(&card, i, 0x100, IP6_ADDR_TENTATIVE);
        pass6(0x100, OTHERS6);
        card_address6(&card, i, 0x100, IP6_ADDR_DEPRECATED);
        pass6(0x100, COUNTED);
        card_address6(&card, i, 0x100, IP6_ADDR_INVALID);
        pass6(0x100, OTHERS6);
    }
    pass6(1, OTHERS6);
}
#endif

/* They can make the module hold no address but the device's own. */
static void test_address__neighbours_do_not_fill_the_table(void **state)
{
    struct asc_counters counters;

    (void)state;
    for (uint32_t i = 0; i < NEIGHBOURS; i++) {
#if LWIP_IPV4 && !IP_FORWARD
        pass4(0x0a000010 + i, PASSED_BY);
#endif
#if LWIP_IPV6 && !LWIP_IPV6_FORWARD
        pass6(0x10 + i, PASSED_BY);
#endif
    }
#if LWIP_IPV4
    pass4(0x0a000001, COUNTED);
#endif
#if LWIP_IPV6
    pass6(1, COUNTED);
#endif
    counters = asc_module_counters(&card_module);
    assert_int_equal(asc_counters_packets_seen(&counters), LWIP_IPV4 + LWIP_IPV6);
}

#if !LWIP_SINGLE_NETIF
/* lwIP takes a packet whichever of its netifs has the address. */
static void test_address__another_netif_may_have_it(void **state)
{
    static struct card other;
    struct asc_lwip_netif other_hook;

    (void)state;
    card_add(&other, card_init_bare);
#if LWIP_IPV4
    ip4_addr_t ip;

    ip4_addr_set_u32(&ip, lwip_htonl(0x0a000101));
    netif_set_ipaddr(&other.netif, &ip);
    pass4(0x0a000101, OTHERS4);
#endif
#if LWIP_IPV6
    card_address6(&other, 0, 0x101, IP6_ADDR_PREFERRED);
    pass6(0x101, OTHERS6);
#endif
    assert_int_equal(asc_lwip_attach(&other_hook, &other.netif, &card_module), ERR_OK);
#if LWIP_IPV4
    pass4(0x0a000101, COUNTED);
    pass4(0x0a000102, OTHERS4);
    netif_set_ipaddr(&other.netif, IP4_ADDR_ANY4);
    pass4(0x0a000102, OTHERS4); /* an offer comes through the netif that wants it */
    netif_set_ipaddr(&other.netif, &ip);
#endif
#if LWIP_IPV6
    pass6(0x101, COUNTED);
    pass6(0x102, OTHERS6);
#endif
    assert_true(asc_lwip_detach(&other_hook));
#if LWIP_IPV4
    pass4(0x0a000101, OTHERS4);
#endif
#if LWIP_IPV6
    pass6(0x101, OTHERS6);
#endif
    netif_remove(&other.netif);
}
#endif

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
#if LWIP_IPV4
        WITH(test_address__the_netif_has_it_while_it_has_it),
        WITH(test_address__a_netif_without_one_takes_any),
        WITH(test_address__loopback_is_lwips_to_judge),
#if LWIP_AUTOIP
        WITH(test_address__one_of_its_own_choice_stays),
#endif
#endif
#if LWIP_IPV6
        WITH(test_address__each_valid_one_of_ipv6_counts),
#endif
        WITH(test_address__neighbours_do_not_fill_the_table),
#if !LWIP_SINGLE_NETIF
        WITH(test_address__another_netif_may_have_it),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
