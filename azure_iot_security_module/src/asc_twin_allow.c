/* SPDX-License-Identifier: MIT */
/* Addresses with their prefixes as text, and whether a flow fits one. */

#include "azure_iot_security_module/src/asc_twin_allow.h"

#if ASC_TWIN_ALLOW_MAX > 0

#include <string.h>

const char asc_twin_protocols[ASC_TWIN_PROTOCOLS][5] = {"tcp", "udp", "icmp"};

#define NO_GAP 255u

void asc_twin_entry_clear(struct asc_twin_entry *entry)
{
    memset(entry, 0, sizeof *entry);
    entry->protocol = ASC_TWIN_ANY_PROTOCOL;
}

/* Reads a number of `base` 10 or 16 and at most `most`, without leading zeros where decimal. Returns what
 * follows it; NULL if there is none. */
static const char *read_part(const char *text, uint32_t base, uint32_t most, uint32_t *out)
{
    uint32_t value = 0;
    unsigned digits = 0;

    for (;; text++, digits++) {
        const char letter = (char)(*text | 0x20);
        const uint32_t digit = *text >= '0' && *text <= '9' ? (uint32_t)(*text - '0')
            : letter >= 'a' && letter <= 'f'                ? (uint32_t)(letter - 'a') + 10u
                                                            : UINT32_MAX;

        if (digit >= base) {
            break;
        }
        if (digits == 4 || (base == 10 && digits > 0 && value == 0)) {
            return NULL;
        }
        value = value * base + digit;
    }
    *out = value;
    return digits > 0 && value <= most ? text : NULL;
}

static const char *read_ipv4(const char *text, uint8_t *out)
{
    for (unsigned i = 0; i < 4 && text != NULL; i++) {
        uint32_t part = 0;

        if (i > 0 && *text++ != '.') {
            return NULL;
        }
        text = read_part(text, 10, 255, &part);
        out[i] = (uint8_t)part;
    }
    return text;
}

#if ASC_FLOWS6 > 0
/* The bytes read so far are `count`, of which those from `gap` on belong at the end. */
static bool close_gap(uint8_t *out, unsigned count, unsigned gap)
{
    if (gap == NO_GAP) {
        return count == 16;
    }
    memmove(out + 16 - (count - gap), out + gap, count - gap);
    memset(out + gap, 0, 16 - count);
    return count < 16;
}

static const char *read_ipv6(const char *text, uint8_t *out)
{
    unsigned count = 0;
    unsigned gap = NO_GAP;

    while (*text != '\0' && *text != '/') {
        uint32_t group = 0;

        if (text[0] == ':' && text[1] == ':' && gap == NO_GAP) {
            gap = count;
            text += 2;
            continue;
        }
        if (count == 16 || (count > 0 && gap != count && *text++ != ':')) {
            return NULL;
        }
        text = read_part(text, 16, UINT16_MAX, &group);
        if (text == NULL) {
            return NULL;
        }
        out[count++] = (uint8_t)(group >> 8);
        out[count++] = (uint8_t)group;
    }
    return close_gap(out, count, gap) ? text : NULL;
}
#endif

bool asc_twin_read_remote(struct asc_twin_entry *entry, const char *text)
{
    uint32_t bits = 32;

    entry->address_bytes = 4;
#if ASC_FLOWS6 > 0
    if (strchr(text, ':') != NULL) {
        bits = 128;
        entry->address_bytes = 16;
        text = read_ipv6(text, entry->remote);
    } else
#endif
    {
        text = read_ipv4(text, entry->remote);
    }
    if (text != NULL && *text == '/') {
        text = read_part(text + 1, 10, bits, &bits);
    }
    entry->prefix_bits = (uint8_t)bits;
    return text != NULL && *text == '\0';
}

bool asc_twin_read_protocol(struct asc_twin_entry *entry, const char *text)
{
    for (uint8_t i = 0; i < ASC_TWIN_PROTOCOLS; i++) {
        if (strcmp(text, asc_twin_protocols[i]) == 0) {
            entry->protocol = i;
            return true;
        }
    }
    return false;
}

static bool same_network(const struct asc_twin_entry *entry, const uint8_t *remote)
{
    const unsigned whole = entry->prefix_bits / 8u;
    const unsigned rest = entry->prefix_bits % 8u;

    return memcmp(entry->remote, remote, whole) == 0 &&
        (rest == 0 || (unsigned)(entry->remote[whole] ^ remote[whole]) >> (8u - rest) == 0);
}

static bool fits(const struct asc_twin_entry *entry, const struct asc_flow_view *flow)
{
    return entry->address_bytes == flow->address_bytes &&
        (entry->port[0] == 0 || entry->port[0] == flow->remote_port) &&
        (entry->port[1] == 0 || entry->port[1] == flow->local_port) &&
        (entry->protocol == ASC_TWIN_ANY_PROTOCOL || entry->protocol == flow->protocol) &&
        same_network(entry, flow->remote);
}

bool asc_twin_allows(const struct asc_allow *allow, const struct asc_flow_view *flow)
{
    const struct asc_twin *twin = (const struct asc_twin *)(const void *)allow;

    for (unsigned i = 0; i < twin->entry_count; i++) {
        if (fits(&twin->entries[i], flow)) {
            return true;
        }
    }
    return false;
}

#else
/* An empty translation unit is not C. */
typedef int asc_twin_allow_is_off;
#endif
