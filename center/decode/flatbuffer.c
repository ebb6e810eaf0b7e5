/* SPDX-License-Identifier: MIT */
/* Checked access to FlatBuffers: positions are numbers below the length, read byte by byte. */

#include "center/decode/flatbuffer.h"

#define OFFSET_BYTES  4u
#define VTABLE_HEADER 4u

uint16_t vd_fb_load_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

uint32_t vd_fb_load_u32(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static bool fb_fail(struct vd_fb *fb, const char *problem)
{
    fb->problem = problem;
    return false;
}

static bool fb_room(const struct vd_fb *fb, uint32_t at, uint32_t size)
{
    return at <= fb->length && size <= fb->length - at;
}

bool vd_fb_init(
    struct vd_fb *fb, struct vd_str body, uint32_t tables_max, uint32_t string_bytes_max)
{
    fb->data = (const uint8_t *)body.data;
    fb->length = 0;
    fb->tables_left = tables_max;
    fb->string_bytes_left = string_bytes_max;
    fb->problem = NULL;
    if (body.length > INT32_MAX) {
        return fb_fail(fb, "longer than 2 GiB");
    }
    fb->length = (uint32_t)body.length;
    return true;
}

/* Follows the offset at `at` (checked by the caller to be within the buffer). */
static bool fb_follow(struct vd_fb *fb, uint32_t at, uint32_t *target)
{
    uint32_t offset = vd_fb_load_u32(fb->data + at);

    if (offset == 0) {
        return fb_fail(fb, "offset of zero");
    }
    if (offset > fb->length - at) {
        return fb_fail(fb, "offset past the end");
    }
    if ((at + offset) % OFFSET_BYTES != 0) {
        return fb_fail(fb, "misaligned offset");
    }
    *target = at + offset;
    return true;
}

static bool fb_open_table(struct vd_fb *fb, uint32_t at, struct vd_fb_table *out)
{
    struct vd_fb_table table = {.at = at};
    int64_t vtable;

    if (!fb_room(fb, at, OFFSET_BYTES)) {
        return fb_fail(fb, "table past the end");
    }
    if (fb->tables_left == 0) {
        return fb_fail(fb, "too many tables");
    }
    vtable = (int64_t)at - (int32_t)vd_fb_load_u32(fb->data + at);
    if (vtable < 0 || vtable > (int64_t)fb->length || vtable % 2 != 0 ||
        !fb_room(fb, (uint32_t)vtable, VTABLE_HEADER)) {
        return fb_fail(fb, "vtable outside the buffer");
    }
    table.vtable = (uint32_t)vtable;
    table.vtable_bytes = vd_fb_load_u16(fb->data + table.vtable);
    table.table_bytes = vd_fb_load_u16(fb->data + table.vtable + 2);
    if (table.vtable_bytes < VTABLE_HEADER || table.vtable_bytes % 2 != 0 ||
        !fb_room(fb, table.vtable, table.vtable_bytes)) {
        return fb_fail(fb, "vtable with a bad length");
    }
    if (table.table_bytes < OFFSET_BYTES || !fb_room(fb, at, table.table_bytes)) {
        return fb_fail(fb, "table with a bad length");
    }
    fb->tables_left--;
    *out = table;
    return true;
}

bool vd_fb_root(struct vd_fb *fb, struct vd_fb_table *out)
{
    uint32_t at;

    if (!fb_room(fb, 0, OFFSET_BYTES)) {
        return fb_fail(fb, "shorter than a root offset");
    }
    return fb_follow(fb, 0, &at) && fb_open_table(fb, at, out);
}

/* *at: the field's place, checked for `size` bytes; 0 where it is absent. */
static bool fb_field(struct vd_fb *fb, const struct vd_fb_table *table, unsigned id, uint32_t size,
    uint32_t align, uint32_t *at)
{
    uint32_t slot = VTABLE_HEADER + 2 * id;
    uint32_t offset = 0;

    if (slot + 2 <= table->vtable_bytes) {
        offset = vd_fb_load_u16(fb->data + table->vtable + slot);
    }
    if (offset == 0) {
        *at = 0;
        return true;
    }
    if (offset < OFFSET_BYTES || offset > table->table_bytes ||
        size > table->table_bytes - offset) {
        return fb_fail(fb, "field outside its table");
    }
    if ((table->at + offset) % align != 0) {
        return fb_fail(fb, "misaligned field");
    }
    *at = table->at + offset;
    return true;
}

bool vd_fb_u8(
    struct vd_fb *fb, const struct vd_fb_table *table, unsigned id, uint8_t fallback, uint8_t *out)
{
    uint32_t at;

    if (!fb_field(fb, table, id, 1, 1, &at)) {
        return false;
    }
    *out = at != 0 ? fb->data[at] : fallback;
    return true;
}

bool vd_fb_u16(struct vd_fb *fb, const struct vd_fb_table *table, unsigned id, uint16_t *out)
{
    uint32_t at;

    if (!fb_field(fb, table, id, 2, 2, &at)) {
        return false;
    }
    *out = at != 0 ? vd_fb_load_u16(fb->data + at) : 0;
    return true;
}

bool vd_fb_u32(struct vd_fb *fb, const struct vd_fb_table *table, unsigned id, uint32_t fallback,
    uint32_t *out)
{
    uint32_t at;

    if (!fb_field(fb, table, id, 4, 4, &at)) {
        return false;
    }
    *out = at != 0 ? vd_fb_load_u32(fb->data + at) : fallback;
    return true;
}

bool vd_fb_u64(struct vd_fb *fb, const struct vd_fb_table *table, unsigned id, uint64_t *out)
{
    uint32_t at;

    if (!fb_field(fb, table, id, 8, 8, &at)) {
        return false;
    }
    *out = 0;
    if (at != 0) {
        *out = vd_fb_load_u32(fb->data + at) | (uint64_t)vd_fb_load_u32(fb->data + at + 4) << 32;
    }
    return true;
}

bool vd_fb_struct(struct vd_fb *fb, const struct vd_fb_table *table, unsigned id, uint32_t size,
    uint32_t align, const uint8_t **out)
{
    uint32_t at;

    if (!fb_field(fb, table, id, size, align, &at)) {
        return false;
    }
    *out = at != 0 ? fb->data + at : NULL;
    return true;
}

/* Follows the field's offset; *target is 0 where it is absent. */
static bool fb_reference(
    struct vd_fb *fb, const struct vd_fb_table *table, unsigned id, uint32_t *target)
{
    uint32_t at;

    if (!fb_field(fb, table, id, OFFSET_BYTES, OFFSET_BYTES, &at)) {
        return false;
    }
    if (at == 0) {
        *target = 0;
        return true;
    }
    return fb_follow(fb, at, target);
}

bool vd_fb_table(struct vd_fb *fb, const struct vd_fb_table *table, unsigned id,
    struct vd_fb_table *out, bool *present)
{
    uint32_t at;

    if (!fb_reference(fb, table, id, &at) || (at != 0 && !fb_open_table(fb, at, out))) {
        return false;
    }
    *present = at != 0;
    return true;
}

/* The vector at `at`: its elements' place and number, all within the buffer. */
static bool fb_open_vector(
    struct vd_fb *fb, uint32_t at, uint32_t element_size, struct vd_fb_vector *out)
{
    uint32_t count;

    if (!fb_room(fb, at, OFFSET_BYTES)) {
        return fb_fail(fb, "vector past the end");
    }
    count = vd_fb_load_u32(fb->data + at);
    if (count > (fb->length - at - OFFSET_BYTES) / element_size) {
        return fb_fail(fb, "vector longer than the buffer");
    }
    *out = (struct vd_fb_vector){at + OFFSET_BYTES, count};
    return true;
}

bool vd_fb_vector(struct vd_fb *fb, const struct vd_fb_table *table, unsigned id,
    uint32_t element_size, struct vd_fb_vector *out, bool *present)
{
    struct vd_fb_vector vector = {0, 0};
    uint32_t at;

    if (!fb_reference(fb, table, id, &at) ||
        (at != 0 && !fb_open_vector(fb, at, element_size, &vector))) {
        return false;
    }
    *present = at != 0;
    *out = vector;
    return true;
}

bool vd_fb_string(
    struct vd_fb *fb, const struct vd_fb_table *table, unsigned id, struct vd_str *out)
{
    struct vd_fb_vector vector;
    bool present;

    if (!vd_fb_vector(fb, table, id, 1, &vector, &present)) {
        return false;
    }
    if (!present) {
        *out = (struct vd_str){NULL, 0};
        return true;
    }
    if (!fb_room(fb, vector.at, vector.count + 1) || fb->data[vector.at + vector.count] != 0) {
        return fb_fail(fb, "string without its end");
    }
    if (vector.count > fb->string_bytes_left) {
        return fb_fail(fb, "too many bytes of strings");
    }
    fb->string_bytes_left -= vector.count;
    *out = (struct vd_str){(const char *)fb->data + vector.at, vector.count};
    return true;
}

bool vd_fb_vector_table(
    struct vd_fb *fb, const struct vd_fb_vector *vector, uint32_t i, struct vd_fb_table *out)
{
    uint32_t at;

    return fb_follow(fb, vector->at + i * OFFSET_BYTES, &at) && fb_open_table(fb, at, out);
}

const uint8_t *vd_fb_vector_struct(
    const struct vd_fb *fb, const struct vd_fb_vector *vector, uint32_t i, uint32_t size)
{
    return fb->data + vector->at + (size_t)i * size;
}
