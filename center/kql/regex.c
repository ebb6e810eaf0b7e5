/* SPDX-License-Identifier: MIT */
/* The syntax of RE2: groups, classes, escapes, repetitions. */

#include "center/kql/regex.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define REPEAT_MAX 1000
#define DEPTH_MAX  1000

struct reader {
    const char *begin;
    const char *at;
    const char *end;
    struct vd_kql_regex_problem *problem;
    const char *opened[DEPTH_MAX]; /* groups */
    size_t depth;
    bool has_atom;    /* there is something that can be repeated */
    bool is_repeated; /* and it is already */
};

static bool fail(struct reader *r, const char *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool fail(struct reader *r, const char *at, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(r->problem->text, sizeof r->problem->text, format, list);
    va_end(list);
    r->problem->offset = (size_t)(at - r->begin);
    return false;
}

static bool is_next(const struct reader *r, const char *text)
{
    const size_t length = strlen(text);

    return (size_t)(r->end - r->at) >= length && memcmp(r->at, text, length) == 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* A character of UTF-8, at its first byte. */
static uint32_t read_character(struct reader *r)
{
    const unsigned char first = (unsigned char)*r->at++;
    uint32_t c =
        first < 0x80 ? first : first & (first < 0xE0 ? 0x1F : (first < 0xF0 ? 0x0F : 0x07));

    while (first >= 0x80 && r->at < r->end && ((unsigned char)*r->at & 0xC0) == 0x80) {
        c = c << 6 | ((unsigned char)*r->at++ & 0x3F);
    }
    return c;
}

/* ---- Escapes ---- */

/* Behind \x: two digits, or as many as stand between braces. */
static bool read_hex(struct reader *r, const char *start, uint32_t *c)
{
    const bool has_braces = r->at < r->end && *r->at == '{';
    const char *digits = has_braces ? ++r->at : r->at;

    *c = 0;
    while (r->at < r->end && is_hex(*r->at) && (has_braces || r->at - digits < 2)) {
        *c = *c * 16 + (uint32_t)(is_digit(*r->at) ? *r->at - '0' : (*r->at | 0x20) - 'a' + 10);
        if (*c > 0x10FFFF) {
            return fail(r, start, "there is no character '%.*s'", (int)(r->at + 1 - start), start);
        }
        r->at++;
    }
    if (has_braces ? r->at == digits || r->at == r->end || *r->at++ != '}' : r->at - digits < 2) {
        return fail(
            r, start, "two hexadecimal digits are expected behind '\\x', or some in braces");
    }
    return true;
}

/* One that stands for a character; at the backslash. */
static bool read_escape(struct reader *r, uint32_t *c)
{
    static const char letters[] = "nrtafv";
    const char *start = r->at++;
    const char *known;

    if (r->at == r->end) {
        return fail(r, start, "nothing follows the last '\\'");
    }
    *c = read_character(r);
    if (*c == 'x') {
        return read_hex(r, start, c);
    }
    if (*c >= '0' && *c <= '7' &&
        (*c == '0' || (r->at < r->end && *r->at >= '0' && *r->at <= '7'))) {
        for (int i = 0; i < 2 && r->at < r->end && *r->at >= '0' && *r->at <= '7'; i++) {
            *c = (i == 0 ? *c - '0' : *c) * 8 + (uint32_t)(*r->at++ - '0');
        }
        *c = *c == '0' ? 0 : *c;
        return true;
    }
    known = *c < 0x80 && *c > 0 ? strchr(letters, (char)*c) : NULL;
    if (known != NULL) {
        *c = (uint32_t) "\n\r\t\a\f\v"[known - letters];
        return true;
    }
    if (*c < 0x80 && !is_digit((char)*c) && !is_letter((char)*c)) {
        return true;
    }
    return fail(r, start,
        is_digit((char)*c) && *c < 0x80 ? "there are no references to groups: '%.*s'"
                                        : "there is no escape '%.*s'",
        (int)(r->at - start), start);
}

/* \pL, \p{Greek}: which long names there are the database knows. */
static bool read_unicode_class(struct reader *r)
{
    const char *start = r->at;

    r->at += 2;
    if (r->at < r->end && *r->at == '{') {
        const char *close = memchr(r->at, '}', (size_t)(r->end - r->at));

        if (close == NULL) {
            return fail(r, start, "'%.2s{' has no '}'", start);
        }
        r->at = close + 1;
        return true;
    }
    if (r->at == r->end || *r->at == '\0' || strchr("CLMNPSZ", *r->at) == NULL) {
        return fail(r, start, "a class of Unicode is expected behind '%.2s', such as 'L'", start);
    }
    r->at++;
    return true;
}

static bool is_unicode_class(const struct reader *r)
{
    return is_next(r, "\\p") || is_next(r, "\\P");
}

static bool is_perl_class(const struct reader *r)
{
    return r->end - r->at > 1 && r->at[0] == '\\' && strchr("dDsSwW", r->at[1]) != NULL &&
        r->at[1] != '\0';
}

/* ---- Classes ---- */

/* [:alpha:] at its bracket; *was: it is one. */
static bool read_posix_class(struct reader *r, bool *was)
{
    static const char *const names[] = {"alnum", "alpha", "ascii", "blank", "cntrl", "digit",
        "graph", "lower", "print", "punct", "space", "upper", "word", "xdigit"};
    const char *close = memmem(r->at + 2, (size_t)(r->end - r->at - 2), ":]", 2);
    struct vd_str name;

    *was = close != NULL;
    if (close == NULL) {
        return true;
    }
    name = (struct vd_str){r->at + 2, (size_t)(close - r->at - 2)};
    if (name.length > 0 && *name.data == '^') {
        name = (struct vd_str){name.data + 1, name.length - 1};
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (vd_str_equal_text(name, names[i])) {
            r->at = close + 2;
            return true;
        }
    }
    return fail(r, r->at, "there is no class '%.*s'", (int)(close + 2 - r->at), r->at);
}

static bool read_class_character(struct reader *r, const char *open, uint32_t *c)
{
    if (r->at == r->end) {
        return fail(r, open, "'[' has no ']'");
    }
    if (*r->at == '\\') {
        return read_escape(r, c);
    }
    *c = read_character(r);
    return true;
}

/* A character, or two with '-' between. */
static bool read_range(struct reader *r, const char *open)
{
    const char *start = r->at;
    uint32_t low = 0;
    uint32_t high = 0;

    if (!read_class_character(r, open, &low)) {
        return false;
    }
    if (r->end - r->at < 2 || r->at[0] != '-' || r->at[1] == ']') {
        return true;
    }
    r->at++;
    if (!read_class_character(r, open, &high)) {
        return false;
    }
    return low <= high ||
        fail(r, start, "a range goes upwards, not '%.*s'", (int)(r->at - start), start);
}

static bool read_class(struct reader *r)
{
    const char *open = r->at++;
    bool was = false;

    r->at += r->at < r->end && *r->at == '^' ? 1 : 0;
    for (bool is_first = true; is_first || r->at == r->end || *r->at != ']'; is_first = false) {
        bool ok;

        if (r->at == r->end) {
            return fail(r, open, "'[' has no ']'");
        }
        if (is_next(r, "[:")) {
            if (!read_posix_class(r, &was)) {
                return false;
            }
            if (was) {
                continue;
            }
        }
        if (is_unicode_class(r)) {
            ok = read_unicode_class(r);
        } else if (is_perl_class(r)) {
            r->at += 2;
            ok = true;
        } else {
            ok = read_range(r, open);
        }
        if (!ok) {
            return false;
        }
    }
    r->at++;
    return true;
}

/* ---- Groups ---- */

static bool read_group_name(struct reader *r, const char *open)
{
    const char *name = r->at;

    while (r->at < r->end &&
        (is_digit(*r->at) || is_letter(*r->at) || *r->at == '_' || (unsigned char)*r->at >= 0x80)) {
        r->at++;
    }
    if (r->at == name || r->at == r->end || *r->at != '>') {
        return fail(r, open, "a name and '>' are expected: '(?P<name>...)'");
    }
    r->at++;
    return true;
}

/* (?i) and (?i-s: behind the '?'; *opens: a group begins. */
static bool read_flags(struct reader *r, const char *open, bool *opens)
{
    bool is_negated = false;
    bool has_flag = false;

    for (; r->at < r->end; r->at++) {
        if (*r->at != '\0' && strchr("imsU", *r->at) != NULL) {
            has_flag = true;
        } else if (*r->at == '-' && !is_negated) {
            is_negated = true;
            has_flag = false;
        } else if ((*r->at == ':' || *r->at == ')') && (!is_negated || has_flag)) {
            *opens = *r->at++ == ':';
            return true;
        } else {
            break;
        }
    }
    if (r->at < r->end && (*r->at == '=' || *r->at == '!' || *r->at == '<')) {
        return fail(
            r, open, "there is no looking ahead or behind: '%.*s'", (int)(r->at + 1 - open), open);
    }
    return fail(r, open, "no group begins with '%.*s'",
        (int)((r->at < r->end ? r->at + 1 : r->at) - open), open);
}

static bool read_open(struct reader *r)
{
    const char *open = r->at++;
    bool opens = true;

    if (is_next(r, "?P<") || is_next(r, "?<")) {
        const bool is_look = is_next(r, "?<=") || is_next(r, "?<!");

        if (is_look) {
            return fail(r, open, "there is no looking ahead or behind: '%.4s'", open);
        }
        r->at += r->at[1] == 'P' ? 3 : 2;
        if (!read_group_name(r, open)) {
            return false;
        }
    } else if (is_next(r, "?")) {
        r->at++;
        if (!read_flags(r, open, &opens)) {
            return false;
        }
    }
    r->is_repeated = false;
    if (opens) {
        if (r->depth == DEPTH_MAX) {
            r->at = r->end; /* the database judges */
            r->depth = 0;
            return true;
        }
        r->opened[r->depth++] = open;
        r->has_atom = false;
    }
    return true;
}

static bool read_close(struct reader *r)
{
    if (r->depth == 0) {
        return fail(r, r->at, "')' without '('");
    }
    r->at++;
    r->depth--;
    r->has_atom = true;
    r->is_repeated = false;
    return true;
}

/* ---- Repetitions ---- */

/* A number without a leading zero; what is too large stays so. */
static bool read_number(struct reader *r, uint32_t *number)
{
    const char *start = r->at;

    *number = 0;
    for (; r->at < r->end && is_digit(*r->at); r->at++) {
        *number = *number > 1000000 ? *number : *number * 10 + (uint32_t)(*r->at - '0');
    }
    return r->at > start && (*start != '0' || r->at - start == 1);
}

/* {2}, {2,}, {2,5}; else it is a brace like any character. False: it is one. */
static bool read_counts(struct reader *r, uint32_t *least, uint32_t *most)
{
    const char *start = r->at++;
    bool is_one = read_number(r, least);

    *most = *least;
    if (is_one && r->at < r->end && *r->at == ',') {
        r->at++;
        if (r->at < r->end && *r->at == '}') {
            *most = UINT32_MAX;
        } else {
            is_one = read_number(r, most);
        }
    }
    if (!is_one || r->at == r->end || *r->at != '}') {
        r->at = start;
        return false;
    }
    r->at++;
    return true;
}

static bool read_repetition(struct reader *r, const char *start)
{
    r->at += r->at < r->end && *r->at == '?' ? 1 : 0;
    if (!r->has_atom) {
        return fail(r, start, "there is nothing that '%.*s' repeats", (int)(r->at - start), start);
    }
    if (r->is_repeated) {
        return fail(r, start, "'%.*s' repeats a repetition: parentheses are needed",
            (int)(r->at - start), start);
    }
    r->is_repeated = true;
    return true;
}

static bool read_braces(struct reader *r, bool *was)
{
    const char *start = r->at;
    uint32_t least;
    uint32_t most;

    *was = read_counts(r, &least, &most);
    if (!*was) {
        return true;
    }
    if (least > REPEAT_MAX || (most != UINT32_MAX && (most > REPEAT_MAX || most < least))) {
        return fail(r, start, "a repetition is of 0 to %d times, not '%.*s'", REPEAT_MAX,
            (int)(r->at - start), start);
    }
    return read_repetition(r, start);
}

/* ---- The whole ---- */

static bool read_backslash(struct reader *r)
{
    uint32_t c;

    if (is_next(r, "\\Q")) {
        const char *quoted = memmem(r->at, (size_t)(r->end - r->at), "\\E", 2);
        const bool is_empty = quoted == r->at + 2 || (quoted == NULL && r->end - r->at == 2);

        r->at = quoted != NULL ? quoted + 2 : r->end;
        r->has_atom = r->has_atom || !is_empty;
        r->is_repeated = false;
        return true;
    }
    r->has_atom = true;
    r->is_repeated = false;
    if (r->end - r->at > 1 && r->at[1] != '\0' && strchr("AzbBC", r->at[1]) != NULL) {
        r->at += 2;
        return true;
    }
    if (is_unicode_class(r)) {
        return read_unicode_class(r);
    }
    if (is_perl_class(r)) {
        r->at += 2;
        return true;
    }
    return read_escape(r, &c);
}

static bool read_one(struct reader *r)
{
    bool was = false;

    switch (*r->at) {
    case '(':
        return read_open(r);
    case ')':
        return read_close(r);
    case '|':
        r->at++;
        r->has_atom = false;
        r->is_repeated = false;
        return true;
    case '*':
    case '+':
    case '?':
        r->at++;
        return read_repetition(r, r->at - 1);
    case '{':
        if (!read_braces(r, &was) || was) {
            return was && r->problem->text[0] == '\0';
        }
        break;
    case '\\':
        return read_backslash(r);
    case '[':
        r->has_atom = true;
        r->is_repeated = false;
        return read_class(r);
    default:
        break;
    }
    (void)read_character(r);
    r->has_atom = true;
    r->is_repeated = false;
    return true;
}

bool vd_kql_regex_check(struct vd_str pattern, struct vd_kql_regex_problem *problem)
{
    struct reader r = {
        .begin = pattern.data, .at = pattern.data, .end = pattern.data + pattern.length};

    *problem = (struct vd_kql_regex_problem){0};
    r.problem = problem;
    while (r.at < r.end) {
        if (!read_one(&r)) {
            return false;
        }
    }
    return r.depth == 0 || fail(&r, r.opened[r.depth - 1], "'(' has no ')'");
}
