/* SPDX-License-Identifier: MIT */
/* A strict reader of JSON, one token at a time, over bytes that it neither copies nor changes. */

#ifndef ASC_TWIN_JSON_H
#define ASC_TWIN_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is left to read. RFC 8259. */
struct asc_json {
    const char *cur;
    const char *end;
};

/* Skips white space. Returns the next byte without taking it; -1 at the end. */
int asc_json_peek(struct asc_json *json);

/* Takes the next byte, after white space, if it is `byte`. Returns whether. */
bool asc_json_take(struct asc_json *json, char byte);

/* Takes the literal `word` if it is next. Returns whether. */
bool asc_json_word(struct asc_json *json, const char *word);

/* Takes a string. `out`: `size` bytes, gets the text with its escapes resolved and a NUL; empty for one
 * that does not fit or holds anything but printable ASCII. Returns false if it is no string. */
bool asc_json_string(struct asc_json *json, char *out, size_t size);

/* Takes a whole number from 0 to UINT32_MAX, without sign, fraction and exponent. Returns false, with
 * `json` anywhere, if it is none. */
bool asc_json_whole(struct asc_json *json, uint32_t *out);

/* Takes any value but an object or array. Returns false if there is none. */
bool asc_json_skip(struct asc_json *json);

#endif
