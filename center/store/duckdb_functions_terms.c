/* SPDX-License-Identifier: MIT */
/* Terms in texts: has, hasprefix, has_any ..., addresses in texts. A term is a run of letters and digits. */

#include <arpa/inet.h>
#include <endian.h>
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
    unsigned char behind;
    unsigned char before;

    if (at == 0 || at == text.length) {
        return true;
    }
    behind = (unsigned char)text.data[at];
    before = (unsigned char)text.data[at - 1];
    if ((behind | before) < 0x80) {
        return !is_ascii_term(behind) || !is_ascii_term(before);
    }
    return !is_term(character(text, at)) || !is_term(character_before(text, at));
}

/* ---- Looking for needles ---- */

enum {
    BORDER_BEFORE = 1,
    BORDER_BEHIND = 2,
    BORDERS = BORDER_BEFORE | BORDER_BEHIND,
};

#define BLOCK 16

typedef uint8_t block __attribute__((vector_size(BLOCK)));

/* A byte of the needle, and what is to be set in a byte of the text before it can be the same. */
struct probe {
    uint8_t byte;
    uint8_t set;
};

static unsigned char lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

static struct probe probe_of(char c, bool any_case)
{
    const unsigned char low = lower((unsigned char)c);

    if (any_case && low >= 'a' && low <= 'z') {
        return (struct probe){low, 0x20};
    }
    return (struct probe){(unsigned char)c, 0};
}

/* Where in the block both probes fit, a byte that is not 0 for each place: 8 places in each number, by their order in memory. */
static void compare_block(const char *first_at, const char *last_at, struct probe first,
    struct probe last, uint64_t out[2])
{
    block firsts;
    block lasts;

    memcpy(&firsts, first_at, BLOCK);
    memcpy(&lasts, last_at, BLOCK);
    firsts = (block)((firsts | first.set) == first.byte) & (block)((lasts | last.set) == last.byte);
    memcpy(out, &firsts, BLOCK);
}

static bool is_same(const char *a, const char *b, size_t length, bool any_case)
{
    if (!any_case) {
        return memcmp(a, b, length) == 0;
    }
    for (size_t i = 0; i < length; i++) {
        if (lower((unsigned char)a[i]) != lower((unsigned char)b[i])) {
            return false;
        }
    }
    return true;
}

/* What is looked for, in which text. */
struct look {
    struct vd_udf_call *call;
    const struct vd_udf_search *search;
    struct vd_str text;
    struct vd_str needle;
};

/* Where there are no more steps (the call's error is set) nothing is found. */
static bool is_at(const struct look *look, size_t at)
{
    const int borders = look->search->borders;

    return vd_udf_spend(look->call, look->needle.length) &&
        is_same(
            look->text.data + at, look->needle.data, look->needle.length, look->search->any_case) &&
        ((borders & BORDER_BEFORE) == 0 || is_border(look->text, at)) &&
        ((borders & BORDER_BEHIND) == 0 || is_border(look->text, at + look->needle.length));
}

/* Among the places of a block that fit. */
static bool is_in_block(const struct look *look, size_t at, const uint64_t fits[2])
{
    for (size_t half = 0; half < 2; half++) {
        uint64_t left = le64toh(fits[half]);

        while (left != 0) {
            const size_t place = (size_t)__builtin_ctzll(left) / 8;

            if (is_at(look, at + half * 8 + place)) {
                return true;
            }
            left &= ~((uint64_t)0xFF << (place * 8));
        }
    }
    return false;
}

/* By blocks: the first and the last byte of the needle are compared in 16 places at once. */
static bool find(const struct look *look)
{
    const struct vd_str needle = look->needle;
    const bool any_case = look->search->any_case;
    const char *text = look->text.data;
    struct probe first;
    struct probe last;
    uint64_t fits[2];
    size_t places;
    size_t at = 0;

    if (needle.length == 0 || needle.length > look->text.length) {
        return needle.length == 0;
    }
    places = look->text.length - needle.length + 1;
    first = probe_of(needle.data[0], any_case);
    last = probe_of(needle.data[needle.length - 1], any_case);
    for (; places - at >= BLOCK; at += BLOCK) {
        compare_block(text + at, text + at + needle.length - 1, first, last, fits);
        if ((fits[0] | fits[1]) != 0 && is_in_block(look, at, fits)) {
            return true;
        }
    }
    for (; at < places; at++) {
        if (((unsigned char)text[at] | first.set) == first.byte && is_at(look, at)) {
            return true;
        }
    }
    return false;
}

/* The place of the first needle that is there, or of all is not; -1: there is none. Of has_any an empty one is nowhere. */
static int64_t first_of(struct look *look, struct vd_str list)
{
    const bool all = look->search->list == VD_UDF_ALL;
    size_t at = 0;

    for (int64_t i = 0; vd_udf_part(list, VD_UDF_SEPARATOR, &at, &look->needle) &&
         vd_udf_spend(look->call, look->text.length + 1);
         i++) {
        if (((look->needle.length > 0 || all) && find(look)) == !all) {
            return i;
        }
    }
    return -1;
}

bool vd_udf_search_run(struct vd_udf_call *call, const struct vd_udf_search *search,
    struct vd_str text, struct vd_str needle)
{
    struct look look = {call, search, text, needle};
    int64_t place;

    if (search->list == VD_UDF_ONE) {
        call->result.integer = vd_udf_spend(call, text.length) && find(&look);
        return call->error == NULL;
    }
    place = first_of(&look, needle);
    call->result.integer = search->list == VD_UDF_PLACE ? place
        : search->list == VD_UDF_ANY                    ? place >= 0
                                                        : place < 0;
    return call->error == NULL;
}

const struct vd_udf_search vd_udf_searches[] = {
    {"kql_has", VD_UDF_ONE, BORDERS, false},
    {"kql_hasprefix", VD_UDF_ONE, BORDER_BEFORE, false},
    {"kql_hassuffix", VD_UDF_ONE, BORDER_BEHIND, false},
    {"kql_has_any", VD_UDF_ANY, BORDERS, false},
    {"kql_has_all", VD_UDF_ALL, BORDERS, false},
    {"kql_has_any_index", VD_UDF_PLACE, BORDERS, false},
    {"kql_has_ascii", VD_UDF_ONE, BORDERS, true},
    {"kql_hasprefix_ascii", VD_UDF_ONE, BORDER_BEFORE, true},
    {"kql_hassuffix_ascii", VD_UDF_ONE, BORDER_BEHIND, true},
    {"kql_has_any_ascii", VD_UDF_ANY, BORDERS, true},
    {"kql_has_all_ascii", VD_UDF_ALL, BORDERS, true},
    {"kql_has_any_index_ascii", VD_UDF_PLACE, BORDERS, true},
    {NULL, VD_UDF_ONE, 0, false},
};

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
    {"kql_has_ipv4", "ss", 'b', false, has_ipv4},
    {"kql_has_any_ipv4", "ss", 'b', false, has_any_ipv4},
    {NULL, NULL, 0, false, NULL},
};
