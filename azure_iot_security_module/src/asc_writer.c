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

/* Places the fields of `mask` with widths from `from` to `to`; returns where the next one goes. */
static uint32_t place(uint8_t *vtable, const struct asc_shape *shape, uint32_t mask, uint32_t at,
    unsigned from, unsigned to)
{
    for (unsigned id = 0; id < shape->fields; id++) {
        const unsigned width = shape->width[id];

        if ((mask >> id & 1u) != 0 && width >= from && width <= to) {
            asc_put_le16(vtable + 4 + 2 * id, at);
            at += width;
        }
    }
    return at;
}

static uint32_t write_vtable(struct asc_writer *w, const struct asc_shape *shape, uint32_t mask)
{
    uint32_t fields = 0;
    uint32_t position;
    uint32_t bytes;

    while (mask >> fields != 0) {
        fields++;
    }
    position = asc_writer_take(w, 4 + 2 * fields);
    if (position == 0) {
        return 0;
    }
    memset(w->data + position, 0, 4 + 2 * fields);
    /* The widest first: so no field needs padding before it. */
    bytes = place(w->data + position, shape, mask, 4, 4, UINT8_MAX);
    bytes = place(w->data + position, shape, mask, bytes, 2, 2);
    bytes = place(w->data + position, shape, mask, bytes, 1, 1);
    asc_put_le16(w->data + position, 4 + 2 * fields);
    asc_put_le16(w->data + position + 2, bytes);
    return position;
}

uint32_t asc_writer_table(
    struct asc_writer *w, const struct asc_shape *shape, uint32_t mask, uint16_t *vtable)
{
    uint32_t table;

    if (*vtable == 0) {
        *vtable = (uint16_t)write_vtable(w, shape, mask);
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
