/* SPDX-License-Identifier: MIT */
/* URL encoding, and the property bag `name=value&...` that follows a topic. */

#ifndef VEDETTE_LIB_URL_H
#define VEDETTE_LIB_URL_H

#include "lib/str.h"

/*
 * Decodes %XX; every other byte stands for itself ('+' too).
 * out     of `size` bytes; *length is what was written, no NUL
 * VD_E_INVALID: an escape that is none; VD_E_LIMIT: out is too small. out's content is then undefined.
 */
VD_NODISCARD int vd_url_decode(struct vd_str in, char *out, size_t size, size_t *length);

/* A byte that stands for itself wherever it is in a URL: letters, digits and "-_.~" (RFC 3986, section 2.3). */
bool vd_url_is_unreserved(char c);

/* Appends `in` with every byte but letters, digits and "-_.~" as %XX (RFC 3986, section 2.3). */
void vd_url_encode(struct vd_str in, struct vd_buf *out);

/* True if the bytes are well-formed UTF-8 (RFC 3629) without U+0000. */
bool vd_utf8_is_valid(struct vd_str s);

/* Properties of one bag; more is malformed. */
#define VD_BAG_MAX_PROPERTIES 256

/* Walks a bag; `bag` is what is left of it. Set it to the whole bag, `count` to 0, to begin. */
struct vd_bag {
    struct vd_str bag;
    uint32_t count;
};

/*
 * Gives the next property, both parts as they stand in the bag (encoded).
 * VD_OK, VD_E_NOT_FOUND at the end, VD_E_INVALID: no name, no '=', a bad escape, or text that is not UTF-8 once
 * decoded. An empty bag has no properties; one slash at the end of a bag is not part of it.
 */
VD_NODISCARD int vd_bag_next(struct vd_bag *bag, struct vd_str *name, struct vd_str *value);

/* Appends a property, encoding both parts. */
void vd_bag_add(struct vd_buf *bag, const char *name, const char *value);

/* True if the encoded text stands for `plain`. */
bool vd_url_equal(struct vd_str encoded, struct vd_str plain);

/*
 * Finds the property whose decoded name is `name` and writes its decoded value and a NUL into out.
 * VD_E_NOT_FOUND, VD_E_INVALID (malformed before it), VD_E_LIMIT (longer than out).
 */
VD_NODISCARD int vd_bag_find(struct vd_str bag, const char *name, char *out, size_t size);

#endif
