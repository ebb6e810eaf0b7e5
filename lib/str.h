/* SPDX-License-Identifier: MIT */
/* A stretch of bytes that somebody else owns, the growable buffer, and the one reader of untrusted bytes. */

#ifndef VEDETTE_LIB_STR_H
#define VEDETTE_LIB_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

/* `length` bytes at `data`, not terminated; valid as long as what they were cut from. */
struct vd_str {
    const char *data;
    size_t length;
};

#define VD_STR_LITERAL(text) ((struct vd_str){(text), sizeof(text) - 1})
/* For printf's "%.*s". */
#define VD_STR_ARG(s) (int)(s).length, (s).data

struct vd_str vd_str_from(const char *text);
bool vd_str_equal(struct vd_str a, struct vd_str b);
bool vd_str_equal_text(struct vd_str a, const char *text);

/* Copies `s` and a NUL into `out` of `size` bytes. VD_E_LIMIT if it does not fit, VD_E_INVALID if it
 * holds a NUL; `out` is then untouched. */
VD_NODISCARD int vd_str_copy(struct vd_str s, char *out, size_t size);

/* Copies a C string likewise. */
VD_NODISCARD int vd_text_copy(const char *text, char *out, size_t size);

/* Copies `s` to *to, which has room for it, moves *to behind the copy and returns that. */
struct vd_str vd_str_keep(struct vd_str s, char **to);

/* A growable buffer of at most `max` bytes (0: SIZE_MAX). All zero is an empty one without bound.
 * After a failure `error` stays set and further appends do nothing: check once at the end. */
struct vd_buf {
    uint8_t *data;
    size_t length;
    size_t capacity;
    size_t max;
    int error;
};

void vd_buf_release(struct vd_buf *buf);
void vd_buf_clear(struct vd_buf *buf);
/* Empties it too, and gives its memory back if that is more than `keep` bytes and less than a quarter of it was used: what one
 * burst took is not kept for good, and what is used every time is not allocated anew. */
void vd_buf_clear_spare(struct vd_buf *buf, size_t keep);
/* Makes room for `length` more bytes and returns where they go; NULL (and `error` set) if it cannot. */
uint8_t *vd_buf_reserve(struct vd_buf *buf, size_t length);
void vd_buf_append(struct vd_buf *buf, const void *data, size_t length);
void vd_buf_append_text(struct vd_buf *buf, const char *text);
void vd_buf_printf(struct vd_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Reads what cannot be trusted. It moves only on success; after the first failure `failed` stays set,
 * every read gives 0 or an empty string, and nothing moves any more. */
struct vd_reader {
    const uint8_t *cur;
    const uint8_t *end;
    bool failed;
};

void vd_reader_init(struct vd_reader *reader, const void *data, size_t length);
size_t vd_reader_left(const struct vd_reader *reader);
uint8_t vd_reader_u8(struct vd_reader *reader);
uint16_t vd_reader_u16_be(struct vd_reader *reader);
uint16_t vd_reader_u16_le(struct vd_reader *reader);
uint32_t vd_reader_u32_le(struct vd_reader *reader);
uint64_t vd_reader_u64_le(struct vd_reader *reader);
struct vd_str vd_reader_bytes(struct vd_reader *reader, size_t length);

#endif
