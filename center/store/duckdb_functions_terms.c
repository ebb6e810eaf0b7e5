/* SPDX-License-Identifier: MIT */
/* Terms in texts: has, hasprefix, has_any ..., addresses in texts. A term is a run of letters and digits. */

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "center/store/duckdb_functions_internal.h"

static bool is_ascii_term(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Beyond ASCII all is a letter but punctuation, symbols and spaces. */
static bool is_term(uint32_t c)
{
    if (c < 0x80) {
        return is_ascii_term((unsigned char)c);
    }
    if (c < 0xC0) {
        return c == 0xAA || c == 0xB5 || c == 0xBA;
    }
    return c != 0xD7 && c != 0xF7 && !(c >= 0x2000 && c <= 0x206F) &&
        !(c >= 0x2190 && c <= 0x2BFF) && !(c >= 0x3000 && c <= 0x3004) &&
        !(c >= 0x3008 && c <= 0x3020) && !(c >= 0xFF00 && c <= 0xFF0F) &&
        !(c >= 0x1F000 && c <= 0x1FAFF);
}

/* The character that begins at `at`, of valid UTF-8. */
static uint32_t character(struct vd_str text, size_t at)
{
    const unsigned char *p = (const unsigned char *)text.data + at;
    const size_t left = text.length - at;

    if (p[0] < 0x80 || left < 2) {
        return p[0];
    }
    if (p[0] < 0xE0) {
        return (uint32_t)(p[0] & 0x1F) << 6 | (p[1] & 0x3F);
    }
    if (p[0] < 0xF0 || left < 4) {
        return left < 3
            ? p[0]
            : (uint32_t)(p[0] & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 | (p[2] & 0x3F);
    }
    return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3F) << 12 |
        (uint32_t)(p[2] & 0x3F) << 6 | (p[3] & 0x3F);
}

static uint32_t character_before(struct vd_str text, size_t at)
{
    do {
        at--;
    } while (at > 0 && ((unsigned char)text.data[at] & 0xC0) == 0x80);
    return character(text, at);
}

/* No term reaches over `at`. */
static bool is_border(struct vd_str text, size_t at)
{
    return at == 0 || at == text.length || !is_term(character(text, at)) ||
        !is_term(character_before(text, at));
}

enum borders {
    BORDER_BEFORE = 1,
    BORDER_BEHIND = 2,
};

static bool find_term(struct vd_str text, struct vd_str term, int borders)
{
    struct vd_str rest = text;

    if (term.length == 0) {
        return true;
    }
    while (rest.length >= term.length) {
        const char *found = memmem(rest.data, rest.length, term.data, term.length);
        size_t at;

        if (found == NULL) {
            return false;
        }
        at = (size_t)(found - text.data);
        if (((borders & BORDER_BEFORE) == 0 || is_border(text, at)) &&
            ((borders & BORDER_BEHIND) == 0 || is_border(text, at + term.length))) {
            return true;
        }
        rest = (struct vd_str){found + 1, text.length - at - 1};
    }
    return false;
}

static bool find(struct vd_udf_call *call, int borders)
{
    call->result.integer = find_term(call->args[0].text, call->args[1].text, borders);
    return true;
}

static bool has(struct vd_udf_call *call)
{
    return find(call, BORDER_BEFORE | BORDER_BEHIND);
}

static bool hasprefix(struct vd_udf_call *call)
{
    return find(call, BORDER_BEFORE);
}

static bool hassuffix(struct vd_udf_call *call)
{
    return find(call, BORDER_BEHIND);
}

/* The place in the list of the first term that the text has; -1: it has none. Empty ones are never there. */
static bool first_of(struct vd_udf_call *call, int64_t *out)
{
    const struct vd_str text = call->args[0].text;
    struct vd_str term;
    size_t at = 0;

    *out = -1;
    for (int64_t i = 0; vd_udf_part(call->args[1].text, VD_UDF_SEPARATOR, &at, &term); i++) {
        if (!vd_udf_spend(call, text.length + 1)) {
            return false;
        }
        if (term.length > 0 && find_term(text, term, BORDER_BEFORE | BORDER_BEHIND)) {
            *out = i;
            return true;
        }
    }
    return true;
}

static bool has_any(struct vd_udf_call *call)
{
    const bool ok = first_of(call, &call->result.integer);

    call->result.integer = call->result.integer >= 0;
    return ok;
}

static bool has_any_index(struct vd_udf_call *call)
{
    return first_of(call, &call->result.integer);
}

static bool has_all(struct vd_udf_call *call)
{
    const struct vd_str text = call->args[0].text;
    struct vd_str term;
    size_t at = 0;

    call->result.integer = true;
    while (call->result.integer && vd_udf_part(call->args[1].text, VD_UDF_SEPARATOR, &at, &term)) {
        if (!vd_udf_spend(call, text.length + 1)) {
            return false;
        }
        call->result.integer = find_term(text, term, BORDER_BEFORE | BORDER_BEHIND);
    }
    return true;
}

/* ---- Addresses ---- */

static bool is_ipv4(struct vd_str text)
{
    struct in_addr address;
    char copy[INET_ADDRSTRLEN];

    return vd_str_copy(text, copy, sizeof copy) == VD_OK && inet_pton(AF_INET, copy, &address) == 1;
}

/* Not within a word, nor a part of a longer address. */
static bool find_ipv4(struct vd_str text, struct vd_str address)
{
    struct vd_str rest = text;

    while (is_ipv4(address) && rest.length >= address.length) {
        const char *found = memmem(rest.data, rest.length, address.data, address.length);
        const char *behind;
        size_t at;

        if (found == NULL) {
            return false;
        }
        at = (size_t)(found - text.data);
        behind = found + address.length;
        if (is_border(text, at) && is_border(text, at + address.length) &&
            !(at > 1 && found[-1] == '.' && is_ascii_term((unsigned char)found[-2])) &&
            !(text.length - at - address.length > 1 && behind[0] == '.' &&
                is_ascii_term((unsigned char)behind[1]))) {
            return true;
        }
        rest = (struct vd_str){found + 1, text.length - at - 1};
    }
    return false;
}

static bool has_ipv4(struct vd_udf_call *call)
{
    call->result.integer = find_ipv4(call->args[0].text, call->args[1].text);
    return true;
}

static bool has_any_ipv4(struct vd_udf_call *call)
{
    struct vd_str part;
    size_t at = 0;

    call->result.integer = false;
    while (!call->result.integer && vd_udf_part(call->args[1].text, VD_UDF_SEPARATOR, &at, &part)) {
        if (!vd_udf_spend(call, call->args[0].text.length + 1)) {
            return false;
        }
        call->result.integer = find_ipv4(call->args[0].text, part);
    }
    return true;
}

const struct vd_udf vd_udf_terms[] = {
    {"kql_has", "ss", 'b', false, has},
    {"kql_hasprefix", "ss", 'b', false, hasprefix},
    {"kql_hassuffix", "ss", 'b', false, hassuffix},
    {"kql_has_any", "ss", 'b', false, has_any},
    {"kql_has_all", "ss", 'b', false, has_all},
    {"kql_has_any_index", "ss", 'l', false, has_any_index},
    {"kql_has_ipv4", "ss", 'b', false, has_ipv4},
    {"kql_has_any_ipv4", "ss", 'b', false, has_any_ipv4},
    {NULL, NULL, 0, false, NULL},
};
