/* SPDX-License-Identifier: MIT */
/* Stretches of bytes, the growable buffer, and the reader of untrusted bytes. */

#include "lib/str.h"

#include <stdarg.h>

struct vd_str vd_str_from(const char *text)
{
    return (struct vd_str){text, strlen(text)};
}

bool vd_str_equal(struct vd_str a, struct vd_str b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

bool vd_str_equal_text(struct vd_str a, const char *text)
{
    return vd_str_equal(a, vd_str_from(text));
}

int vd_str_copy(struct vd_str s, char *out, size_t size)
{
    if (s.length >= size) {
        return VD_E_LIMIT;
    }
    if (s.length > 0 && memchr(s.data, '\0', s.length) != NULL) {
        return VD_E_INVALID;
    }
    if (s.length > 0) {
        memcpy(out, s.data, s.length);
    }
    out[s.length] = '\0';
    return VD_OK;
}

struct vd_str vd_str_keep(struct vd_str s, char **to)
{
    struct vd_str kept = {*to, s.length};

    if (s.length > 0) {
        memcpy(*to, s.data, s.length);
    }
    *to += s.length;
    return kept;
}

int vd_text_copy(const char *text, char *out, size_t size)
{
    return vd_str_copy(vd_str_from(text), out, size);
}

void vd_buf_release(struct vd_buf *buf)
{
    free(buf->data);
    *buf = (struct vd_buf){.max = buf->max};
}

void vd_buf_clear(struct vd_buf *buf)
{
    buf->length = 0;
    buf->error = VD_OK;
}

void vd_buf_clear_spare(struct vd_buf *buf, size_t keep)
{
    if (buf->capacity > keep && buf->length < buf->capacity / 4) {
        vd_buf_release(buf);
    } else {
        vd_buf_clear(buf);
    }
}

uint8_t *vd_buf_reserve(struct vd_buf *buf, size_t length)
{
    size_t max = buf->max != 0 ? buf->max : SIZE_MAX / 2;
    size_t capacity = buf->capacity != 0 ? buf->capacity : 64;
    uint8_t *data;

    if (buf->error != VD_OK) {
        return NULL;
    }
    if (length > max || buf->length > max - length) {
        buf->error = VD_E_LIMIT;
        return NULL;
    }
    if (length <= buf->capacity - buf->length && buf->data != NULL) {
        return buf->data + buf->length;
    }
    while (capacity < buf->length + length) {
        capacity *= 2;
    }
    if (capacity > max) {
        capacity = max;
    }
    data = realloc(buf->data, capacity);
    if (data == NULL) {
        buf->error = VD_E_NOMEM;
        return NULL;
    }
    buf->data = data;
    buf->capacity = capacity;
    return data + buf->length;
}

void vd_buf_append(struct vd_buf *buf, const void *data, size_t length)
{
    uint8_t *out;

    if (length == 0) {
        return;
    }
    out = vd_buf_reserve(buf, length);
    if (out != NULL) {
        memcpy(out, data, length);
        buf->length += length;
    }
}

void vd_buf_append_text(struct vd_buf *buf, const char *text)
{
    vd_buf_append(buf, text, strlen(text));
}

void vd_buf_printf(struct vd_buf *buf, const char *format, ...)
{
    va_list args;
    va_list again;
    uint8_t *out;
    int length;

    va_start(args, format);
    va_copy(again, args);
    length = vsnprintf(NULL, 0, format, args);
    if (length < 0) {
        buf->error = VD_E_INVALID;
    } else {
        out = vd_buf_reserve(buf, (size_t)length + 1);
        if (out != NULL) {
            vsnprintf((char *)out, (size_t)length + 1, format, again);
            buf->length += (size_t)length;
        }
    }
    va_end(again);
    va_end(args);
}

void vd_reader_init(struct vd_reader *reader, const void *data, size_t length)
{
    reader->cur = data;
    reader->end = length > 0 ? reader->cur + length : reader->cur;
    reader->failed = false;
}

size_t vd_reader_left(const struct vd_reader *reader)
{
    return reader->failed ? 0 : (size_t)(reader->end - reader->cur);
}

static const uint8_t *reader_take(struct vd_reader *reader, size_t length)
{
    const uint8_t *at = reader->cur;

    if (reader->failed || length > (size_t)(reader->end - reader->cur)) {
        reader->failed = true;
        return NULL;
    }
    reader->cur += length;
    return at;
}

uint8_t vd_reader_u8(struct vd_reader *reader)
{
    const uint8_t *p = reader_take(reader, 1);

    return p != NULL ? p[0] : 0;
}

uint16_t vd_reader_u16_be(struct vd_reader *reader)
{
    const uint8_t *p = reader_take(reader, 2);

    return (uint16_t)(p != NULL ? (p[0] << 8) | p[1] : 0);
}

static uint64_t reader_le(struct vd_reader *reader, size_t length)
{
    const uint8_t *p = reader_take(reader, length);
    uint64_t value = 0;

    for (size_t i = length; p != NULL && i > 0; i--) {
        value = (value << 8) | p[i - 1];
    }
    return value;
}

uint16_t vd_reader_u16_le(struct vd_reader *reader)
{
    return (uint16_t)reader_le(reader, 2);
}

uint32_t vd_reader_u32_le(struct vd_reader *reader)
{
    return (uint32_t)reader_le(reader, 4);
}

uint64_t vd_reader_u64_le(struct vd_reader *reader)
{
    return reader_le(reader, 8);
}

struct vd_str vd_reader_bytes(struct vd_reader *reader, size_t length)
{
    const uint8_t *p = reader_take(reader, length);

    return p != NULL ? (struct vd_str){(const char *)p, length} : (struct vd_str){"", 0};
}
