/* SPDX-License-Identifier: MIT */
/* The FlatBuffers writer's tables, strings and vectors. */

#include "azure_iot_security_module/src/asc_writer.h"

#include <string.h>

void asc_writer_begin(struct asc_writer *w, uint8_t *data, uint32_t size)
{
    w->data = data;
    w->size = size;
    w->used = 4;
}

uint32_t asc_writer_take(struct asc_writer *w, uint32_t bytes)
{
    const uint32_t position = w->used;

    bytes = (bytes + 3u) & ~3u;
    if (bytes > asc_writer_room(w)) {
        return 0;
    }
    w->used += bytes;
    asc_put_le32(w->data + w->used - 4, 0);
    return position;
}

uint16_t asc_writer_vtable(struct asc_writer *w, const struct asc_shape *shape, uint32_t mask)
{
    uint8_t *vtable = w->data + w->used;
    uint32_t bytes = 4;
    uint32_t ids = 0; /* it ends with the last one that is there */

    if (ASC_VTABLE_BYTES_MAX > asc_writer_room(w)) {
        return 0;
    }
    for (size_t i = 0; i < ASC_VTABLE_BYTES_MAX; i += 4) {
        asc_put_le32(vtable + i, 0);
    }
    for (const struct asc_field *f = shape->field; f < shape->field + shape->fields; f++) {
        if ((mask & 1u) != 0) {
            asc_put_le16(vtable + 4 + 2 * (size_t)f->id, bytes);
            bytes += f->width;
            ids = f->id >= ids ? f->id + 1u : ids;
        }
        mask >>= 1;
    }
    asc_put_le16(vtable, 4 + 2 * ids);
    asc_put_le16(vtable + 2, bytes);
    w->used += ASC_VTABLE_BYTES(ids);
    return (uint16_t)(vtable - w->data);
}

uint32_t asc_writer_table(
    struct asc_writer *w, const struct asc_shape *shape, uint32_t mask, uint16_t *vtable)
{
    uint32_t table;

    if (*vtable == 0) {
        *vtable = asc_writer_vtable(w, shape, mask);
        if (*vtable == 0) {
            return 0;
        }
    }
    table = asc_writer_take(w, asc_le16(w->data + *vtable + 2));
    if (table != 0) {
        asc_put_le32(w->data + table, table - *vtable);
    }
    return table;
}

bool asc_writer_string(struct asc_writer *w, uint32_t slot, const char *text, uint32_t length)
{
    const uint32_t position = asc_writer_take(w, 4 + length + 1);

    if (position == 0) {
        return false;
    }
    asc_put_le32(w->data + position, length);
    memcpy(w->data + position + 4, text, length);
    asc_writer_refer(w, slot, position);
    return true;
}

uint32_t asc_writer_vector(struct asc_writer *w, uint32_t slot, uint32_t capacity)
{
    const uint32_t position = asc_writer_take(w, 4 + 4 * capacity);

    if (position != 0) {
        /* Also what stays unused: old bytes must not leave the device. */
        memset(w->data + position, 0, 4 + 4 * capacity);
        asc_writer_refer(w, slot, position);
    }
    return position;
}
