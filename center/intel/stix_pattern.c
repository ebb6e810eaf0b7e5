/* SPDX-License-Identifier: MIT */
/* Patterns of STIX 2.1 (part 9 of its specification) that an address alone decides: comparisons joined by OR. */

#include <ctype.h>

#include "center/intel/feed_format_internal.h"

enum token_kind {
    TOKEN_END,
    TOKEN_WORD,   /* an object path, keyword or number */
    TOKEN_STRING, /* without its quotes, escapes as written */
    TOKEN_SIGN,   /* a bracket or comma, or an operator */
    TOKEN_BROKEN,
};

/* What stands next in a pattern. */
struct token {
    enum token_kind kind;
    struct vd_str text;
};

struct reader {
    struct vd_str rest;
    vd_stix_teller *tell;
    void *context;
    char open[VD_STIX_DEPTH_MAX]; /* brackets, the innermost last */
    uint32_t depth;
    bool has_address;
    bool has_stopped;
};

static struct token take(
    struct reader *r, enum token_kind kind, size_t from, size_t length, size_t whole)
{
    struct token token = {.kind = kind, .text = {r->rest.data + from, length}};

    r->rest.data += whole;
    r->rest.length -= whole;
    return token;
}

static struct token take_string(struct reader *r)
{
    for (size_t i = 1; i < r->rest.length; i++) {
        if (r->rest.data[i] == '\\') {
            i++;
        } else if (r->rest.data[i] == '\'') {
            return take(r, TOKEN_STRING, 1, i - 1, i + 1);
        }
    }
    return (struct token){.kind = TOKEN_BROKEN};
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || memchr("-_.:*", c, 5) != NULL;
}

static struct token next(struct reader *r)
{
    size_t length = 0;
    char c;

    r->rest = vd_format_trim(r->rest);
    if (r->rest.length == 0) {
        return (struct token){.kind = TOKEN_END};
    }
    c = r->rest.data[0];
    if (c == '\'') {
        return take_string(r);
    }
    if (memchr("()[],", c, 5) != NULL) {
        return take(r, TOKEN_SIGN, 0, 1, 1);
    }
    while (length < r->rest.length && memchr("=!<>", r->rest.data[length], 4) != NULL) {
        length++;
    }
    if (length > 0) {
        return take(r, TOKEN_SIGN, 0, length, length);
    }
    while (length < r->rest.length && is_word(r->rest.data[length])) {
        length++;
        /* A path may have parts in quotes or brackets: file:hashes.'SHA-256', a:b[0].c */
        if (length < r->rest.length && r->rest.data[length - 1] == '.' &&
            r->rest.data[length] == '\'') {
            const char *end = memchr(r->rest.data + length + 1, '\'', r->rest.length - length - 1);

            length = end != NULL ? (size_t)(end - r->rest.data) + 1 : length;
        }
        if (length < r->rest.length && r->rest.data[length] == '[') {
            const char *end = memchr(r->rest.data + length, ']', r->rest.length - length);

            length = end != NULL ? (size_t)(end - r->rest.data) + 1 : length;
        }
    }
    return length > 0 ? take(r, TOKEN_WORD, 0, length, length)
                      : (struct token){.kind = TOKEN_BROKEN};
}

static bool is(struct token token, enum token_kind kind, const char *text)
{
    return token.kind == kind && vd_str_equal_text(token.text, text);
}

static bool is_value(struct token token)
{
    return token.kind == TOKEN_STRING || token.kind == TOKEN_WORD;
}

/* A value that was compared for being one. */
static void tell(struct reader *r, bool is_address, struct token value)
{
    if (is_address && value.kind == TOKEN_STRING) {
        r->has_address = true;
        r->has_stopped = r->has_stopped || (r->tell != NULL && !r->tell(value.text, r->context));
    }
}

/* Behind IN: "( value , value )". */
static bool read_set(struct reader *r, bool is_address)
{
    if (!is(next(r), TOKEN_SIGN, "(")) {
        return false;
    }
    for (;;) {
        struct token value = next(r);
        struct token behind;

        if (!is_value(value)) {
            return false;
        }
        tell(r, is_address, value);
        behind = next(r);
        if (is(behind, TOKEN_SIGN, ")")) {
            return true;
        }
        if (!is(behind, TOKEN_SIGN, ",")) {
            return false;
        }
    }
}

static bool read_comparison(struct reader *r, struct token path)
{
    bool is_address = vd_str_equal_text(path.text, "ipv4-addr:value") ||
        vd_str_equal_text(path.text, "ipv6-addr:value");
    struct token operator= next(r);
    struct token value;

    if (is(operator, TOKEN_WORD, "NOT")) {
        is_address = false; /* what holds for other addresses names none */
        operator= next(r);
    }
    if (is(operator, TOKEN_WORD, "IN")) {
        return read_set(r, is_address);
    }
    value = next(r);
    if (!is_value(value) || (operator.kind != TOKEN_SIGN && operator.kind != TOKEN_WORD)) {
        return false;
    }
    tell(r,
        is_address &&
            (is(operator, TOKEN_SIGN, "=") || is(operator, TOKEN_SIGN, "==") ||
                is(operator, TOKEN_WORD, "ISSUBSET")),
        value);
    return true;
}

/* Opens a bracket. Comparisons stand within one [] that holds no other. */
static bool open_bracket(struct reader *r, char bracket)
{
    const bool is_inside = memchr(r->open, '[', r->depth) != NULL;

    if (r->depth == VD_STIX_DEPTH_MAX || (bracket == '[' && is_inside)) {
        return false;
    }
    r->open[r->depth++] = bracket;
    return true;
}

static bool close_bracket(struct reader *r, char bracket)
{
    if (r->depth == 0 || r->open[r->depth - 1] != bracket) {
        return false;
    }
    r->depth--;
    return true;
}

static enum vd_stix_pattern result_of(const struct reader *r)
{
    if (r->has_stopped) {
        return VD_STIX_STOPPED;
    }
    return r->has_address ? VD_STIX_ADDRESSES : VD_STIX_OTHER;
}

/* Reads what may stand where a comparison is due. */
static bool read_operand(struct reader *r, struct token token, bool *is_done)
{
    *is_done = false;
    if (is(token, TOKEN_SIGN, "(") || is(token, TOKEN_SIGN, "[")) {
        return open_bracket(r, token.text.data[0]);
    }
    *is_done = true;
    return token.kind == TOKEN_WORD && memchr(r->open, '[', r->depth) != NULL &&
        read_comparison(r, token);
}

static bool is_beyond_us(struct token token)
{
    static const char *const words[] = {
        "AND", "NOT", "FOLLOWEDBY", "WITHIN", "REPEATS", "START", "EXISTS", NULL};

    for (size_t i = 0; words[i] != NULL; i++) {
        if (is(token, TOKEN_WORD, words[i])) {
            return true;
        }
    }
    return false;
}

enum vd_stix_pattern vd_stix_pattern_read(
    struct vd_str pattern, vd_stix_teller *teller, void *context)
{
    struct reader r = {.rest = pattern, .tell = teller, .context = context};
    bool is_operand_done = false;

    for (;;) {
        struct token token = next(&r);

        if (is_beyond_us(token)) {
            return VD_STIX_OTHER;
        }
        if (!is_operand_done) {
            if (!read_operand(&r, token, &is_operand_done)) {
                return VD_STIX_BROKEN;
            }
        } else if (token.kind == TOKEN_END) {
            return r.depth == 0 ? result_of(&r) : VD_STIX_BROKEN;
        } else if (is(token, TOKEN_SIGN, ")") || is(token, TOKEN_SIGN, "]")) {
            if (!close_bracket(&r, token.text.data[0] == ')' ? '(' : '[')) {
                return VD_STIX_BROKEN;
            }
        } else if (is(token, TOKEN_WORD, "OR")) {
            is_operand_done = false;
        } else {
            return VD_STIX_BROKEN;
        }
    }
}
