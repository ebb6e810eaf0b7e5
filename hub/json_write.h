/* SPDX-License-Identifier: MIT */
/* JSON with jansson: text whose numbers read as they were written (0.1 stays 0.1, 1.0 stays 1.0). */

#ifndef VEDETTE_HUB_JSON_WRITE_H
#define VEDETTE_HUB_JSON_WRITE_H

#include <jansson.h>

#include "lib/str.h"

/*
 * Appends `value` as compact JSON, members in their order. A real is written with the fewest of 15, 16 or 17 digits
 * that read back as the same number, and never looks like an integer.
 * Recursive: as deep as the value, which a parser has bounded. A failure stays in out->error.
 */
void vd_json_write(const json_t *value, struct vd_buf *out);

/* Appends `key` as a member's name with its colon. */
void vd_json_write_key(const char *key, struct vd_buf *out);

/* True if a parser failed for want of memory: jansson then often gives no reason at all. */
bool vd_json_out_of_memory(const json_error_t *why);

#endif
