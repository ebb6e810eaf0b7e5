/* SPDX-License-Identifier: MIT */
/* A reader of FlatBuffers that cannot be trusted: every offset is checked before it is followed. */

#ifndef VEDETTE_CENTER_DECODE_FLATBUFFER_H
#define VEDETTE_CENTER_DECODE_FLATBUFFER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/str.h"

/*
 * One buffer under reading. Every function below returns false and sets `problem` (static text) for a
 * buffer that breaks the format, and then leaves its outputs untouched. Source: the FlatBuffers binary format.
 */
struct vd_fb {
    const uint8_t *data;
    uint32_t length;
    uint32_t tables_left;       /* tables that may still be opened */
    uint32_t string_bytes_left; /* bytes of strings that may still be read */
    const char *problem;
};

/* A table whose place, vtable and extent have been checked. */
struct vd_fb_table {
    uint32_t at;
    uint32_t vtable;
    uint16_t vtable_bytes;
    uint16_t table_bytes;
};

/* A vector whose elements lie within the buffer. */
struct vd_fb_vector {
    uint32_t at; /* of the first element */
    uint32_t count;
};

/* Starts reading `length` bytes, which must stay as they are. False: longer than 2 GiB. */
bool vd_fb_init(
    struct vd_fb *fb, struct vd_str body, uint32_t tables_max, uint32_t string_bytes_max);

/* The root table. */
bool vd_fb_root(struct vd_fb *fb, struct vd_fb_table *out);

/* Scalars: `fallback` where the field is absent. */
bool vd_fb_u8(
    struct vd_fb *fb, const struct vd_fb_table *table, unsigned id, uint8_t fallback, uint8_t *out);
bool vd_fb_u16(struct vd_fb *fb, const struct vd_fb_table *table, unsigned id, uint16_t *out);
bool vd_fb_u32(struct vd_fb *fb, const struct vd_fb_table *table, unsigned id, uint32_t fallback,
    uint32_t *out);
bool vd_fb_u64(struct vd_fb *fb, const struct vd_fb_table *table, unsigned id, uint64_t *out);

/* What a field holds; one that is absent gives {NULL, 0}, NULL, false or an empty vector. */
bool vd_fb_string(
    struct vd_fb *fb, const struct vd_fb_table *table, unsigned id, struct vd_str *out);
bool vd_fb_struct(struct vd_fb *fb, const struct vd_fb_table *table, unsigned id, uint32_t size,
    uint32_t align, const uint8_t **out);
bool vd_fb_table(struct vd_fb *fb, const struct vd_fb_table *table, unsigned id,
    struct vd_fb_table *out, bool *present);
bool vd_fb_vector(struct vd_fb *fb, const struct vd_fb_table *table, unsigned id,
    uint32_t element_size, struct vd_fb_vector *out, bool *present);

/* Element `i` (below count) of a vector of tables, and of one of structs of `size` bytes. */
bool vd_fb_vector_table(
    struct vd_fb *fb, const struct vd_fb_vector *vector, uint32_t i, struct vd_fb_table *out);
const uint8_t *vd_fb_vector_struct(
    const struct vd_fb *fb, const struct vd_fb_vector *vector, uint32_t i, uint32_t size);

/* Little-endian numbers at a place that one of the above has checked. */
uint16_t vd_fb_load_u16(const uint8_t *at);
uint32_t vd_fb_load_u32(const uint8_t *at);

#endif
