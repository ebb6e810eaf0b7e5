/* SPDX-License-Identifier: MIT */
/* Words, numbers, texts and literals with a type. */

#include "center/kql/lex.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(struct vd_kql_lexer *l, uint32_t from, uint32_t to, const char *text)
{
    l->problem->offset = from;
    l->problem->length = to - from;
    l->problem->is_syntax = true;
    snprintf(l->problem->text, sizeof l->problem->text, "%s", text);
    return VD_E_INVALID;
}

static char at(const struct vd_kql_lexer *l, uint32_t offset)
{
    return (char)(offset < l->query.length ? l->query.data[offset] : '\0');
}

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_letter(char c)
{
    return is_name_start(c) || is_digit(c);
}

static struct vd_str written(const struct vd_kql_lexer *l, uint32_t from, uint32_t to)
{
    return (struct vd_str){l->query.data + from, to - from};
}

/* ---- Texts ---- */

static void append_code_point(struct vd_buf *out, uint32_t c)
{
    uint8_t bytes[4];
    size_t length = 1;

    if (c < 0x80) {
        bytes[0] = (uint8_t)c;
    } else if (c < 0x800) {
        bytes[0] = (uint8_t)(0xc0 | (c >> 6));
        bytes[1] = (uint8_t)(0x80 | (c & 0x3f));
        length = 2;
    } else if (c < 0x10000) {
        bytes[0] = (uint8_t)(0xe0 | (c >> 12));
        bytes[1] = (uint8_t)(0x80 | ((c >> 6) & 0x3f));
        bytes[2] = (uint8_t)(0x80 | (c & 0x3f));
        length = 3;
    } else {
        bytes[0] = (uint8_t)(0xf0 | (c >> 18));
        bytes[1] = (uint8_t)(0x80 | ((c >> 12) & 0x3f));
        bytes[2] = (uint8_t)(0x80 | ((c >> 6) & 0x3f));
        bytes[3] = (uint8_t)(0x80 | (c & 0x3f));
        length = 4;
    }
    vd_buf_append(out, bytes, length);
}

/* `digits` hexadecimal digits; false: they are not there, or no character. */
static bool hex(const struct vd_kql_lexer *l, uint32_t from, int digits, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < digits; i++) {
        const char c = at(l, from + (uint32_t)i);

        if (!isxdigit((unsigned char)c)) {
            return false;
        }
        *out = *out * 16 + (uint32_t)(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return *out <= 0x10ffff && (*out < 0xd800 || *out > 0xdfff);
}

/* What stands behind a backslash. */
static int escape(struct vd_kql_lexer *l, struct vd_buf *out)
{
    static const char letters[] = "abfnrtv\\'\"";
    static const char values[] = "\a\b\f\n\r\t\v\\'\"";
    const uint32_t from = l->at;
    const char c = at(l, from + 1);
    const char *known = c != '\0' ? strchr(letters, c) : NULL;
    uint32_t code = 0;

    if (known != NULL) {
        vd_buf_append(out, &values[known - letters], 1);
        l->at += 2;
        return VD_OK;
    }
    if (c == 'u' || c == 'U' || c == 'x') {
        const int digits = c == 'u' ? 4 : (c == 'U' ? 8 : 2);

        if (hex(l, from + 2, digits, &code)) {
            append_code_point(out, code);
            l->at += 2 + (uint32_t)digits;
            return VD_OK;
        }
    }
    return fail(l, from, from + 2, "there is no such escape; @\"...\" takes a backslash as it is");
}

static int quoted(struct vd_kql_lexer *l, bool is_verbatim, struct vd_buf *out)
{
    const uint32_t from = l->at;
    const char quote = at(l, l->at++);

    for (;;) {
        const char c = at(l, l->at);

        if (l->at >= l->query.length || (!is_verbatim && (c == '\n' || c == '\r'))) {
            return fail(l, from, l->at, "the text has no end: a quotation mark is missing");
        }
        if (c == quote) {
            l->at++;
            if (!is_verbatim || at(l, l->at) != quote) {
                return VD_OK;
            }
        } else if (c == '\\' && !is_verbatim) {
            const int error = escape(l, out);

            if (error != VD_OK) {
                return error;
            }
            continue;
        }
        vd_buf_append(out, c == quote ? &quote : &l->query.data[l->at], 1);
        l->at++;
    }
}

static bool is_multi_line(const struct vd_kql_lexer *l, uint32_t from)
{
    const char mark = at(l, from);

    return (mark == '`' || mark == '~') && at(l, from + 1) == mark && at(l, from + 2) == mark;
}

static int multi_line(struct vd_kql_lexer *l, struct vd_buf *out)
{
    const uint32_t from = l->at;
    const char mark = at(l, from);

    l->at += 3;
    while (l->at < l->query.length) {
        if (at(l, l->at) == mark && is_multi_line(l, l->at)) {
            l->at += 3;
            return VD_OK;
        }
        vd_buf_append(out, &l->query.data[l->at++], 1);
    }
    return fail(l, from, l->at,
        mark == '`' ? "the text has no end: ``` is missing"
                    : "the text has no end: ~~~ is missing");
}

/* Whether a text begins here, behind h, @ or both. */
static bool is_text_start(const struct vd_kql_lexer *l, uint32_t *marks, bool *is_verbatim)
{
    uint32_t i = l->at;

    *is_verbatim = false;
    if (at(l, i) == 'h' || at(l, i) == 'H') {
        i++;
    }
    if (at(l, i) == '@') {
        *is_verbatim = true;
        i++;
    }
    *marks = i - l->at;
    return at(l, i) == '"' || at(l, i) == '\'' || is_multi_line(l, i);
}

static int lex_text(
    struct vd_kql_lexer *l, struct vd_kql_token *token, uint32_t marks, bool is_verbatim)
{
    struct vd_buf text = {0};
    int error;

    l->at += marks;
    error = is_multi_line(l, l->at) ? multi_line(l, &text) : quoted(l, is_verbatim, &text);
    if (error == VD_OK) {
        error = text.error;
    }
    if (error == VD_OK) {
        token->kind = VD_KQL_TOKEN_LITERAL;
        token->value = (struct vd_kql_value){.type = VD_KQL_STRING};
        token->value.text = vd_arena_copy(l->arena, text.data, text.length);
        error = token->value.text.data != NULL ? VD_OK : VD_E_NOMEM;
    }
    vd_buf_release(&text);
    return error;
}

/* ---- Numbers ---- */

static int lex_real(struct vd_kql_lexer *l, struct vd_kql_token *token, uint32_t from)
{
    char text[64];

    if (vd_str_copy(written(l, from, l->at), text, sizeof text) != VD_OK) {
        return fail(l, from, l->at, "the number is too long");
    }
    token->value = (struct vd_kql_value){.type = VD_KQL_REAL, .real = strtod(text, NULL)};
    return VD_OK;
}

/* A number with a unit: a timespan; else a name that begins with digits, if there is no other sign in it. */
static int lex_timespan(struct vd_kql_lexer *l, struct vd_kql_token *token, uint32_t from)
{
    const bool is_whole = memchr(l->query.data + from, '.', l->at - from) == NULL;

    while (is_name_letter(at(l, l->at))) {
        l->at++;
    }
    token->value = (struct vd_kql_value){.type = VD_KQL_TIMESPAN};
    if (vd_kql_parse_timespan(written(l, from, l->at), &token->value.integer)) {
        return VD_OK;
    }
    if (!is_whole || memchr(l->query.data + from, '+', l->at - from) != NULL ||
        memchr(l->query.data + from, '-', l->at - from) != NULL) {
        return fail(l, from, l->at, "there is no such number, unit or name");
    }
    token->kind = VD_KQL_TOKEN_NAME;
    return VD_OK;
}

static int lex_whole(struct vd_kql_lexer *l, struct vd_kql_token *token, uint32_t from, int base)
{
    char text[64];
    char *end;

    errno = 0;
    if (vd_str_copy(written(l, from, l->at), text, sizeof text) != VD_OK) {
        return fail(l, from, l->at, "the number is too large for a long");
    }
    token->value = (struct vd_kql_value){.type = VD_KQL_LONG};
    token->value.integer = base == 16 ? (int64_t)strtoull(text, &end, 16) : strtoll(text, &end, 10);
    return errno == 0 ? VD_OK : fail(l, from, l->at, "the number is too large for a long");
}

static void skip_digits(struct vd_kql_lexer *l)
{
    while (is_digit(at(l, l->at))) {
        l->at++;
    }
}

static int lex_number(struct vd_kql_lexer *l, struct vd_kql_token *token)
{
    const uint32_t from = l->at;
    bool is_real = false;

    token->kind = VD_KQL_TOKEN_LITERAL;
    if (at(l, from) == '0' && (at(l, from + 1) | 0x20) == 'x' &&
        isxdigit((unsigned char)at(l, from + 2))) {
        l->at += 2;
        while (isxdigit((unsigned char)at(l, l->at))) {
            l->at++;
        }
        return lex_whole(l, token, from, 16);
    }
    skip_digits(l);
    if (at(l, l->at) == '.' && is_digit(at(l, l->at + 1))) {
        is_real = true;
        l->at++;
        skip_digits(l);
    } else if (at(l, l->at) == '.' && at(l, l->at + 1) != '.' && !is_name_start(at(l, l->at + 1))) {
        is_real = true;
        l->at++;
    }
    if ((at(l, l->at) | 0x20) == 'e') {
        const uint32_t sign = at(l, l->at + 1) == '+' || at(l, l->at + 1) == '-' ? 1 : 0;

        if (is_digit(at(l, l->at + 1 + sign))) {
            is_real = true;
            l->at += 1 + sign;
            skip_digits(l);
        }
    }
    if (is_name_start(at(l, l->at))) {
        return lex_timespan(l, token, from);
    }
    return is_real ? lex_real(l, token, from) : lex_whole(l, token, from, 10);
}

/* ---- Between words ---- */

/* Spaces beyond ASCII come with what is copied from pages: their length in bytes; 0: it is none. */
static uint32_t wide_space(const struct vd_kql_lexer *l)
{
    static const char *const spaces[] = {"\u00a0", "\u200b", "\u202f", "\u3000", "\ufeff"};
    const uint8_t last = (uint8_t)at(l, l->at + 2);

    for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++) {
        const uint32_t length = (uint32_t)strlen(spaces[i]);

        if (l->query.length - l->at >= length &&
            memcmp(l->query.data + l->at, spaces[i], length) == 0) {
            return length;
        }
    }
    /* U+2000 to U+200A */
    return (uint8_t)at(l, l->at) == 0xe2 && (uint8_t)at(l, l->at + 1) == 0x80 && last >= 0x80 &&
            last <= 0x8a
        ? 3
        : 0;
}

static void skip_blank(struct vd_kql_lexer *l)
{
    for (;;) {
        if (isspace((unsigned char)at(l, l->at)) && l->at < l->query.length) {
            l->at++;
        } else if ((uint8_t)at(l, l->at) >= 0x80 && wide_space(l) > 0) {
            l->at += wide_space(l);
        } else if (at(l, l->at) == '/' && at(l, l->at + 1) == '/') {
            while (l->at < l->query.length && at(l, l->at) != '\n') {
                l->at++;
            }
        } else {
            return;
        }
    }
}

/* ---- Literals with a type ---- */

/* X(parser): the value of what stands in parentheses, trimmed and not null. */
typedef bool parse_value(struct vd_str text, struct vd_kql_value *value);

static bool parse_bool(struct vd_str text, struct vd_kql_value *value)
{
    value->integer = vd_str_equal_text(text, "true") || vd_str_equal_text(text, "1");
    return value->integer != 0 || vd_str_equal_text(text, "false") || vd_str_equal_text(text, "0");
}

static bool parse_whole(struct vd_str text, struct vd_kql_value *value)
{
    char copy[64];
    char *end;
    const bool is_hex = text.length > 2 && text.data[0] == '0' && (text.data[1] | 0x20) == 'x';

    errno = 0;
    if (vd_str_copy(text, copy, sizeof copy) != VD_OK || copy[0] == '\0') {
        return false;
    }
    value->integer = is_hex ? (int64_t)strtoull(copy, &end, 16) : strtoll(copy, &end, 10);
    return errno == 0 && *end == '\0' && !isspace((unsigned char)copy[0]) &&
        (value->type != VD_KQL_INT || (value->integer >= INT32_MIN && value->integer <= INT32_MAX));
}

static bool parse_real(struct vd_str text, struct vd_kql_value *value)
{
    char copy[64];
    char *end;

    if (vd_str_copy(text, copy, sizeof copy) != VD_OK || copy[0] == '\0') {
        return false;
    }
    value->real = strtod(copy, &end);
    return *end == '\0' && strpbrk(copy, "xXpP") == NULL;
}

static bool parse_datetime(struct vd_str text, struct vd_kql_value *value)
{
    return vd_kql_parse_datetime(text, &value->integer);
}

static bool parse_timespan(struct vd_str text, struct vd_kql_value *value)
{
    return vd_kql_parse_timespan(text, &value->integer);
}

static bool parse_guid(struct vd_str text, struct vd_kql_value *value)
{
    static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

    if (text.length != sizeof form - 1) {
        return false;
    }
    for (size_t i = 0; i < text.length; i++) {
        if (form[i] == 'x' ? !isxdigit((unsigned char)text.data[i]) : text.data[i] != '-') {
            return false;
        }
    }
    value->text = text;
    return true;
}

static const struct {
    const char *name;
    enum vd_kql_type type;
    parse_value *parse;
} typed[] = {
    {"bool", VD_KQL_BOOL, parse_bool},
    {"boolean", VD_KQL_BOOL, parse_bool},
    {"date", VD_KQL_DATETIME, parse_datetime},
    {"datetime", VD_KQL_DATETIME, parse_datetime},
    {"decimal", VD_KQL_REAL, parse_real},
    {"double", VD_KQL_REAL, parse_real},
    {"guid", VD_KQL_GUID, parse_guid},
    {"int", VD_KQL_INT, parse_whole},
    {"long", VD_KQL_LONG, parse_whole},
    {"real", VD_KQL_REAL, parse_real},
    {"time", VD_KQL_TIMESPAN, parse_timespan},
    {"timespan", VD_KQL_TIMESPAN, parse_timespan},
};

static struct vd_str inner_text(struct vd_str text)
{
    while (text.length > 0 && isspace((unsigned char)text.data[0])) {
        text.data++;
        text.length--;
    }
    while (text.length > 0 && isspace((unsigned char)text.data[text.length - 1])) {
        text.length--;
    }
    if (text.length >= 2 && (text.data[0] == '"' || text.data[0] == '\'') &&
        text.data[text.length - 1] == text.data[0]) {
        text.data++;
        text.length -= 2;
    }
    return text;
}

static int lower_guid(struct vd_kql_lexer *l, struct vd_kql_value *value)
{
    const struct vd_str copy = vd_arena_copy(l->arena, value->text.data, value->text.length);

    if (copy.data == NULL) {
        return VD_E_NOMEM;
    }
    for (size_t i = 0; i < copy.length; i++) {
        ((char *)copy.data)[i] = (char)tolower((unsigned char)copy.data[i]);
    }
    value->text = copy;
    return VD_OK;
}

/* The name that was read is a type's, and a parenthesis follows: a literal. False: it is none. */
static bool lex_typed(struct vd_kql_lexer *l, struct vd_kql_token *token, int *error)
{
    const uint32_t end = l->at;
    const struct vd_str name = written(l, token->offset, end);
    uint32_t open;
    uint32_t close;
    struct vd_str text;
    size_t i = 0;

    while (i < sizeof typed / sizeof typed[0] && !vd_str_equal_text(name, typed[i].name)) {
        i++;
    }
    skip_blank(l);
    open = l->at;
    l->at = end;
    if (i == sizeof typed / sizeof typed[0] || at(l, open) != '(') {
        return false;
    }
    close = open;
    while (close < l->query.length && at(l, close) != ')' && at(l, close) != '\n') {
        close++;
    }
    if (at(l, close) != ')') {
        *error = fail(l, open, close, "')' is expected");
        return true;
    }
    text = inner_text(written(l, open + 1, close));
    token->kind = VD_KQL_TOKEN_LITERAL;
    token->value = (struct vd_kql_value){.type = typed[i].type};
    token->value.is_null = vd_str_equal_text(text, "null");
    l->at = close + 1;
    *error = VD_OK;
    if (!token->value.is_null && !typed[i].parse(text, &token->value)) {
        char problem[200];

        snprintf(problem, sizeof problem, "'%.*s' is no %s",
            (int)(text.length < 100 ? text.length : 100), text.data,
            vd_kql_type_text(typed[i].type));
        *error = fail(l, token->offset, l->at, problem);
    } else if (!token->value.is_null && typed[i].type == VD_KQL_GUID) {
        *error = lower_guid(l, &token->value);
    }
    return true;
}

/* ---- Names and signs ---- */

static int lex_name(struct vd_kql_lexer *l, struct vd_kql_token *token)
{
    int error;

    token->kind = VD_KQL_TOKEN_NAME;
    if (at(l, l->at) == '!') {
        l->at++;
    }
    while (is_name_letter(at(l, l->at))) {
        l->at++;
    }
    if (lex_typed(l, token, &error)) {
        return error;
    }
    if (at(l, l->at) == '~') {
        const struct vd_str name = written(l, token->offset, l->at);

        if (vd_str_equal_text(name, "in") || vd_str_equal_text(name, "!in")) {
            l->at++;
        }
    }
    return VD_OK;
}

static int lex_sign(struct vd_kql_lexer *l, struct vd_kql_token *token)
{
    static const char *const signs[] = {"==", "=~", "!=", "!~", "<=", ">=", "<>", "..", "|", ",",
        ";", "(", ")", "[", "]", "{", "}", ":", "=", "<", ">", "+", "-", "*", "/", "%", "."};
    const char c = l->query.data[l->at];
    char problem[100];

    token->kind = VD_KQL_TOKEN_SIGN;
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        const size_t length = strlen(signs[i]);

        if (l->query.length - l->at >= length &&
            memcmp(l->query.data + l->at, signs[i], length) == 0) {
            l->at += (uint32_t)length;
            return VD_OK;
        }
    }
    snprintf(problem, sizeof problem, "no part of the language begins like this%s",
        c == '&' ? "; did you mean 'and'?" : (c == '!' ? "; did you mean not()?" : ""));
    return fail(l, l->at, l->at + 1, problem);
}

int vd_kql_lex(struct vd_kql_lexer *l, struct vd_kql_token *token)
{
    const uint32_t before = l->at;
    uint32_t marks;
    bool is_verbatim;
    int error = VD_OK;

    skip_blank(l);
    *token = (struct vd_kql_token){.offset = l->at, .has_space = l->at > before};
    if (l->at >= l->query.length) {
        token->kind = VD_KQL_TOKEN_END;
    } else if (is_text_start(l, &marks, &is_verbatim)) {
        error = lex_text(l, token, marks, is_verbatim);
    } else if (is_digit(at(l, l->at))) {
        error = lex_number(l, token);
    } else if (is_name_start(at(l, l->at)) ||
        (at(l, l->at) == '!' && is_name_start(at(l, l->at + 1)))) {
        error = lex_name(l, token);
    } else {
        error = lex_sign(l, token);
    }
    token->end = l->at;
    token->text = written(l, token->offset, token->end);
    return error;
}
