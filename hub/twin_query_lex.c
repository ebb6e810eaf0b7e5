/* SPDX-License-Identifier: MIT */
/* Cuts a twin query into tokens. */

#include "hub/twin_query_tree.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (uint8_t)c >= 0x80 ||
        (c != '\0' && strchr("_-$@:", c) != NULL);
}

/* The byte `ahead` of the position; NUL behind the end. */
static char at(struct vd_str text, size_t position, size_t ahead)
{
    return (char)(ahead < text.length - position ? text.data[position + ahead] : '\0');
}

static size_t count_digits(struct vd_str text, size_t position)
{
    size_t length = 0;

    while (is_digit(at(text, position, length))) {
        length++;
    }
    return length;
}

static size_t count_name(struct vd_str text, size_t position)
{
    size_t length = 0;

    while (is_name(at(text, position, length))) {
        length++;
    }
    return length;
}

/* -?digits[.digits][e[+-]digits], and no name right behind it; 0: none. */
static size_t count_number(struct vd_str text, size_t start)
{
    size_t length = at(text, start, 0) == '-' ? 1 : 0;
    size_t digits = count_digits(text, start + length);

    if (digits == 0) {
        return 0;
    }
    length += digits;
    if (at(text, start, length) == '.') {
        digits = count_digits(text, start + length + 1);
        if (digits == 0) {
            return 0;
        }
        length += 1 + digits;
    }
    if (at(text, start, length) == 'e' || at(text, start, length) == 'E') {
        char sign = at(text, start, length + 1);

        length += sign == '+' || sign == '-' ? 2 : 1;
        digits = count_digits(text, start + length);
        if (digits == 0) {
            return 0;
        }
        length += digits;
    }
    return is_name(at(text, start, length)) ? 0 : length;
}

/* With both quotes; a doubled one is within. 0: not closed. */
static size_t count_text(struct vd_str text, size_t start)
{
    char quote = text.data[start];
    size_t length = 1;

    while (length < text.length - start) {
        if (text.data[start + length] != quote) {
            length++;
        } else if (at(text, start, length + 1) == quote) {
            length += 2;
        } else {
            return length + 1;
        }
    }
    return 0;
}

static size_t count_compare(struct vd_str text, size_t start)
{
    char first = text.data[start];
    char second = at(text, start, 1);

    if (first == '!') {
        return second == '=' ? 2 : 0;
    }
    if (first == '<') {
        return second == '=' || second == '>' ? 2 : 1;
    }
    return first == '>' && second == '=' ? 2 : 1;
}

static struct vd_twin_query_token take(
    struct vd_str text, size_t *position, enum vd_twin_query_token_kind kind, size_t length)
{
    struct vd_twin_query_token token = {
        length > 0 ? kind : VD_TOKEN_BAD, {text.data + *position, length}};

    *position += length;
    return token;
}

struct vd_twin_query_token vd_twin_query_lex(struct vd_str text, size_t *position)
{
    char c;

    while (*position < text.length && at(text, *position, 0) != '\0' &&
        strchr(" \t\r\n", text.data[*position]) != NULL) {
        (*position)++;
    }
    if (*position == text.length) {
        return (struct vd_twin_query_token){VD_TOKEN_END, {text.data + *position, 0}};
    }
    c = text.data[*position];
    if (is_digit(c) || c == '-') {
        return take(text, position, VD_TOKEN_NUMBER, count_number(text, *position));
    }
    if (c == '\'' || c == '"') {
        return take(text, position, VD_TOKEN_TEXT, count_text(text, *position));
    }
    if (c != '\0' && strchr("=!<>", c) != NULL) {
        return take(text, position, VD_TOKEN_COMPARE, count_compare(text, *position));
    }
    if (c != '\0' && strchr("*,()[].", c) != NULL) {
        return take(text, position, VD_TOKEN_SIGN, 1);
    }
    return vd_twin_query_lex_name(text, position);
}

struct vd_twin_query_token vd_twin_query_lex_name(struct vd_str text, size_t *position)
{
    return take(text, position, VD_TOKEN_NAME, count_name(text, *position));
}
