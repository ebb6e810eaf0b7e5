/* SPDX-License-Identifier: MIT */
/* Numbers at unaligned addresses, in the byte orders of packets (big) and messages (little). */

#ifndef ASC_BYTES_H
#define ASC_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t asc_be16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static inline uint32_t asc_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Where the machine is little-endian too, which compilers do not see when they save space. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
static inline uint32_t asc_le16(const uint8_t *p)
{
    uint16_t value;

    memcpy(&value, p, sizeof value);
    return value;
}

static inline uint32_t asc_le32(const uint8_t *p)
{
    uint32_t value;

    memcpy(&value, p, sizeof value);
    return value;
}

static inline void asc_put_le16(uint8_t *p, uint32_t value)
{
    const uint16_t half = (uint16_t)value;

    memcpy(p, &half, sizeof half);
}

static inline void asc_put_le32(uint8_t *p, uint32_t value)
{
    memcpy(p, &value, sizeof value);
}
#else
static inline uint32_t asc_le16(const uint8_t *p)
{
    return (uint32_t)p[1] << 8 | p[0];
}

static inline uint32_t asc_le32(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static inline void asc_put_le16(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
}

static inline void asc_put_le32(uint8_t *p, uint32_t value)
{
    asc_put_le16(p, value);
    asc_put_le16(p + 2, value >> 16);
}
#endif

/* Four bytes as they lie, in the machine's own order: only to be compared, hashed and put back. */
static inline uint32_t asc_raw32(const uint8_t *p)
{
    uint32_t value;

    memcpy(&value, p, sizeof value);
    return value;
}

/* Words as they lie, to bytes. */
static inline void asc_put_words(uint8_t *out, const uint32_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        memcpy(out + 4 * i, words + i, 4);
    }
}

/* A sum that saturates. */
static inline uint32_t asc_add(uint32_t a, uint32_t b)
{
    const uint32_t sum = a + b;

    return sum < a ? UINT32_MAX : sum;
}

#endif
