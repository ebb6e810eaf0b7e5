/* SPDX-License-Identifier: MIT */
/* JSON written straight into a buffer: what devices sent becomes valid UTF-8 and properly escaped. */

#ifndef VEDETTE_LIB_JSON_TEXT_H
#define VEDETTE_LIB_JSON_TEXT_H

#include <jansson.h>

#include "lib/str.h"

/* Appends `text` in quotes; bytes that are not UTF-8 become U+FFFD. */
void vd_json_append_string(struct vd_buf *out, struct vd_str text);

/* `text` as a JSON string, repaired likewise; the caller's. NULL without memory. */
json_t *vd_json_text(struct vd_str text);

/*
 * At most how many bytes it takes to read the text with Jansson, whether or not it is JSON: told by its brackets, commas and
 * colons in one pass, without reading it. What allocators need besides is in it.
 */
uint64_t vd_json_memory(struct vd_str text);

/* Append `"name":value`, with a comma unless the object has just been opened. */
void vd_json_append_text_member(struct vd_buf *out, const char *name, struct vd_str value);
void vd_json_append_number_member(struct vd_buf *out, const char *name, uint64_t value);
void vd_json_append_signed_member(struct vd_buf *out, const char *name, int64_t value);

#endif
