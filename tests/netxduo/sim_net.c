/* SPDX-License-Identifier: MIT */
/* Plays NetX Duo: the ring of IP instances, and packets in chains on their way through the filter. */

#include <stdatomic.h>

#include "tests/netxduo/sim.h"
#include "tests/netxduo/sim_internal.h"

static NX_IP *first_ip;
static atomic_uint packets;

void sim_ip_create(NX_IP *ip, uint32_t address, uint32_t mask)
{
    const UINT posture = tx_interrupt_control(TX_INT_DISABLE);

    memset(ip, 0, sizeof *ip);
    ip->nx_ip_interface[0].nx_interface_ip_address = address;
    ip->nx_ip_interface[0].nx_interface_ip_network_mask = mask;
    ip->nx_ip_interface[0].nx_interface_physical_address_msw = 0x0011;
    ip->nx_ip_interface[0].nx_interface_physical_address_lsw = 0x22334455;
    if (first_ip == NX_NULL) {
        first_ip = ip->nx_ip_created_next = ip->nx_ip_created_previous = ip;
    } else {
        ip->nx_ip_created_next = first_ip;
        ip->nx_ip_created_previous = first_ip->nx_ip_created_previous;
        ip->nx_ip_created_previous->nx_ip_created_next = ip;
        first_ip->nx_ip_created_previous = ip;
    }
    (void)tx_interrupt_control(posture);
}

void sim_ip_delete(NX_IP *ip)
{
    const UINT posture = tx_interrupt_control(TX_INT_DISABLE);

    if (ip->nx_ip_created_next == ip) {
        first_ip = NX_NULL;
    } else {
        ip->nx_ip_created_previous->nx_ip_created_next = ip->nx_ip_created_next;
        ip->nx_ip_created_next->nx_ip_created_previous = ip->nx_ip_created_previous;
        first_ip = first_ip == ip ? ip->nx_ip_created_next : first_ip;
    }
    (void)tx_interrupt_control(posture);
}

void sim_ip_address6(NX_IP *ip, NXD_IPV6_ADDRESS *address, const uint32_t words[4])
{
    memcpy(address->nxd_ipv6_address, words, sizeof address->nxd_ipv6_address);
    address->nxd_ipv6_address_next = ip->nx_ip_interface[0].nxd_interface_ipv6_address_list_head;
    ip->nx_ip_interface[0].nxd_interface_ipv6_address_list_head = address;
}

NX_PACKET *sim_packet_new(size_t length)
{
    NX_PACKET *packet = calloc(1, sizeof *packet);
    UCHAR *bytes = malloc(length > 0 ? length : 1);

    sim_require(packet != NULL && bytes != NULL, "out of memory");
    packet->nx_packet_data_start = packet->nx_packet_prepend_ptr = bytes;
    packet->nx_packet_append_ptr = bytes;
    packet->nx_packet_data_end = bytes + length;
    atomic_fetch_add(&packets, 1);
    return packet;
}

void sim_packet_free(NX_PACKET *packet)
{
    free(packet->nx_packet_data_start);
    free(packet);
    sim_require(atomic_fetch_sub(&packets, 1) > 0, "more packets are released than there are");
}

unsigned sim_packets(void)
{
    return atomic_load(&packets);
}

static NX_PACKET *chain(const uint8_t *data, size_t length, size_t first, size_t piece)
{
    NX_PACKET *head = NULL, *last = NULL;
    size_t size = piece == 0 ? length : first != 0 ? first : piece;

    do {
        const size_t part = length < size ? length : size;
        NX_PACKET *packet = sim_packet_new(part);

        memcpy(packet->nx_packet_prepend_ptr, data, part);
        packet->nx_packet_append_ptr += part;
        if (last != NULL) {
            last->nx_packet_next = packet;
        } else {
            head = packet;
        }
        last = packet;
        data += part;
        length -= part;
        size = piece;
    } while (length > 0);
    head->nx_packet_last = last != head ? last : NX_NULL;
    return head;
}

static void release(NX_PACKET *packet)
{
    while (packet != NX_NULL) {
        NX_PACKET *next = packet->nx_packet_next;

        sim_packet_free(packet);
        packet = next;
    }
}

bool sim_pass(
    NX_IP *ip, UINT direction, const uint8_t *data, size_t length, size_t first, size_t piece)
{
    NX_PACKET *packet = chain(data, length, first, piece);
    UINT (*filter)(NX_IP *, NX_PACKET *, UINT);
    UINT posture, status = NX_SUCCESS;

    packet->nx_packet_length = (ULONG)length;
    if (direction == NX_IP_PACKET_IN) {
        packet->nx_packet_address.nx_packet_interface_ptr = &ip->nx_ip_interface[0];
    }
    posture = tx_interrupt_control(TX_INT_DISABLE);
    filter = ip->nx_ip_packet_filter_extended;
    (void)tx_interrupt_control(posture);
    if (filter != NX_NULL) {
        status = filter(ip, packet, direction);
        sim_require(!sim_masked(), "the filter leaves interrupts masked");
    }
    release(packet);
    return status == NX_SUCCESS;
}
