/* SPDX-License-Identifier: MIT */
/* A FlatBuffers writer that only goes forward through one buffer: parents first, then children. */

#ifndef ASC_WRITER_H
#define ASC_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "azure_iot_security_module/src/asc_bytes.h"

/* Positions are offsets from the buffer's start; 0, where the root's offset lies, means no room.
 * Everything begins at a multiple of four, so no field may need a wider alignment. Vtables lie before
 * the first table that uses them. Source: FlatBuffers' internals page, sections on tables, vectors. */
struct asc_writer {
    uint8_t *data;
    uint32_t size;
    uint32_t used; /* multiple of four */
};

/* A field of a table; `width` is 4 or a multiple of it (also for offsets), 2 or 1. */
struct asc_field {
    uint8_t id;
    uint8_t width;
};

/* Fields of a table that its shape tells, at most, and their ids. */
#define ASC_FIELDS_MAX 8u
#define ASC_IDS_MAX    12u

/* The fields of a table in the order in which they lie there: the widest first, so that none needs
 * padding before it. */
struct asc_shape {
    uint8_t fields;
    struct asc_field field[ASC_FIELDS_MAX];
};

/* Bytes that a vtable takes whose last field's id is `fields` - 1. */
#define ASC_VTABLE_BYTES(fields) ((4u + 2u * (fields) + 3u) & ~3u)
#define ASC_VTABLE_BYTES_MAX     ASC_VTABLE_BYTES(ASC_IDS_MAX)

/* Takes `size` bytes at `data`, a multiple of four and at most 65532. */
void asc_writer_begin(struct asc_writer *w, uint8_t *data, uint32_t size);

static inline uint32_t asc_writer_room(const struct asc_writer *w)
{
    return w->size - w->used;
}

/* Takes the next `bytes` bytes, at least one, which the caller fills; the padding after them is zero.
 * Returns their position; 0 if there is no room. */
uint32_t asc_writer_take(struct asc_writer *w, uint32_t bytes);

/* Writes a vtable that is the same in every message, as it is. Returns its position; 0 if there is no
 * room. */
static inline uint16_t asc_writer_constant(
    struct asc_writer *w, const uint8_t *vtable, uint32_t bytes)
{
    const uint32_t position = asc_writer_take(w, bytes);

    if (position != 0) {
        memcpy(w->data + position, vtable, bytes);
    }
    return (uint16_t)position;
}

/* Writes the vtable of a shape's fields in `mask` (bit by place in the shape). Returns its position; 0 if there is no
 * room for the longest. */
uint16_t asc_writer_vtable(struct asc_writer *w, const struct asc_shape *shape, uint32_t mask);

/* Begins a table that has the fields of `mask`, which the caller then writes. `*vtable` is 0, or the
 * position of the vtable of the same shape and mask, and then it is shared; on return it is that
 * position. Returns the table's position; 0 if there is no room. */
uint32_t asc_writer_table(
    struct asc_writer *w, const struct asc_shape *shape, uint32_t mask, uint16_t *vtable);

/* Makes the offset at position `slot` refer to position `target`. */
static inline void asc_writer_refer(struct asc_writer *w, uint32_t slot, uint32_t target)
{
    asc_put_le32(w->data + slot, target - slot);
}

/* Writes a string of `length` bytes, referred to by the offset at `slot`; false if there is no room. */
bool asc_writer_string(struct asc_writer *w, uint32_t slot, const char *text, uint32_t length);

/* Begins a vector of offsets, empty and with room for `capacity`, referred to by the offset at `slot`.
 * Returns its position; 0 if there is no room. */
uint32_t asc_writer_vector(struct asc_writer *w, uint32_t slot, uint32_t capacity);

/* Adds the table at `target` to a vector that has room for it. */
static inline void asc_writer_push(struct asc_writer *w, uint32_t vector, uint32_t target)
{
    const uint32_t count = asc_le32(w->data + vector);

    asc_put_le32(w->data + vector, count + 1u);
    asc_writer_refer(w, vector + 4u + 4u * count, target);
}

#endif
