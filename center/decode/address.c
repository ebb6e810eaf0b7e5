/* SPDX-License-Identifier: MIT */
/* Addresses of flows: IPv4 within IPv6, and text. */

#include <arpa/inet.h>

#include "center/decode/security_message.h"

static const uint8_t ipv4_mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool vd_address_is_ipv4(const struct vd_address *address)
{
    return memcmp(address->bytes, ipv4_mapped, sizeof ipv4_mapped) == 0;
}

struct vd_address vd_address_from_ipv4(const uint8_t bytes[4])
{
    struct vd_address address;

    memcpy(address.bytes, ipv4_mapped, sizeof ipv4_mapped);
    memcpy(address.bytes + sizeof ipv4_mapped, bytes, 4);
    return address;
}

void vd_address_format(const struct vd_address *address, bool ipv6, char out[VD_ADDRESS_TEXT_SIZE])
{
    if (ipv6) {
        inet_ntop(AF_INET6, address->bytes, out, VD_ADDRESS_TEXT_SIZE);
    } else {
        inet_ntop(AF_INET, address->bytes + sizeof ipv4_mapped, out, VD_ADDRESS_TEXT_SIZE);
    }
}
