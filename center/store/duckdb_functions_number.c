/* SPDX-License-Identifier: MIT */
/* Numbers and bools from text and back. */

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "center/store/duckdb_functions.h"

/* The text without blanks around it, with a NUL; false: it is too long for a number, or empty. */
static bool trimmed(struct vd_str text, char out[64])
{
    while (text.length > 0 && isspace((unsigned char)text.data[0])) {
        text.data++;
        text.length--;
    }
    while (text.length > 0 && isspace((unsigned char)text.data[text.length - 1])) {
        text.length--;
    }
    return text.length > 0 && vd_str_copy(text, out, 64) == VD_OK;
}

static void tolong(struct vd_duckdb_row *row)
{
    char text[64];
    char *end = text;
    bool is_hex;

    if (!trimmed(row->arguments[0].text, text)) {
        row->is_null = true;
        return;
    }
    is_hex = text[0] == '0' && (text[1] | 0x20) == 'x';
    errno = 0;
    row->result.integer = is_hex ? (int64_t)strtoull(text, &end, 16) : strtoll(text, &end, 10);
    row->is_null = errno != 0 || *end != '\0' || (is_hex && end == text + 2);
}

static void toreal(struct vd_duckdb_row *row)
{
    char text[64];
    char *end = text;

    if (!trimmed(row->arguments[0].text, text)) {
        row->is_null = true;
        return;
    }
    row->result.real = strtod(text, &end);
    row->is_null = *end != '\0' || strpbrk(text, "xXpP") != NULL;
}

static void tobool(struct vd_duckdb_row *row)
{
    char text[64];
    char *end = text;

    if (!trimmed(row->arguments[0].text, text)) {
        row->is_null = true;
    } else if (strcasecmp(text, "true") == 0 || strcasecmp(text, "false") == 0) {
        row->result.integer = strcasecmp(text, "true") == 0;
    } else {
        row->result.integer = strtod(text, &end) != 0;
        row->is_null = *end != '\0';
    }
}

/* The shortest digits that read back as the same number; whole ones end with .0 */
static void append_real(struct vd_buf *out, double number)
{
    char text[40];

    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number) {
            break;
        }
    }
    vd_buf_append_text(out, text);
    if (strpbrk(text, ".en") == NULL) {
        vd_buf_append_text(out, ".0");
    }
}

static void real_text(struct vd_duckdb_row *row)
{
    const double number = row->arguments[0].real;

    if (isnan(number)) {
        vd_buf_append_text(row->text, "NaN");
    } else if (isinf(number)) {
        vd_buf_append_text(row->text, number > 0 ? "Infinity" : "-Infinity");
    } else {
        append_real(row->text, number);
    }
}

static void real_json(struct vd_duckdb_row *row)
{
    const double number = row->arguments[0].real;

    if (isfinite(number)) {
        append_real(row->text, number);
    } else {
        vd_buf_append_text(row->text,
            isnan(number)    ? "\"NaN\""
                : number > 0 ? "\"Infinity\""
                             : "\"-Infinity\"");
    }
}

static void tohex(struct vd_duckdb_row *row)
{
    const int64_t least = row->arguments[1].integer;

    vd_buf_printf(row->text, "%0*llx", (int)(least < 0 ? 0 : (least > 16 ? 16 : least)),
        (unsigned long long)row->arguments[0].integer);
}

static void shift_left(struct vd_duckdb_row *row)
{
    row->result.integer = (int64_t)((uint64_t)row->arguments[0].integer
        << ((uint64_t)row->arguments[1].integer % 64));
}

/* FNV-1a: a hash that stays the same over time and machines. */
static void hash(struct vd_duckdb_row *row)
{
    uint64_t value = 14695981039346656037ull;

    for (size_t i = 0; i < row->arguments[0].text.length; i++) {
        value = (value ^ (unsigned char)row->arguments[0].text.data[i]) * 1099511628211ull;
    }
    row->result.integer = (int64_t)(value >> 1);
}

/* 1.2.3.4 as a number that compares like the version: eight digits each. */
static void parse_version(struct vd_duckdb_row *row)
{
    const struct vd_str text = row->arguments[0].text;
    int64_t version = 0;
    int64_t part = 0;
    int parts = 0;
    int digits = 0;

    for (size_t i = 0; i <= text.length && !row->is_null; i++) {
        const char c = i < text.length ? text.data[i] : '.';

        if (c >= '0' && c <= '9' && digits < 4) {
            part = part * 10 + (c - '0');
            digits++;
        } else if (c == '.' && digits > 0 && parts < 4) {
            version = version * 10000 + part;
            parts++;
            part = 0;
            digits = 0;
        } else {
            row->is_null = true;
        }
    }
    for (; parts < 4; parts++) {
        version *= 10000;
    }
    row->result.integer = version;
}

const struct vd_duckdb_function vd_duckdb_number_functions[] = {
    {"kql_tolong", "s", 'l', tolong},
    {"kql_toreal", "s", 'r', toreal},
    {"kql_tobool", "s", 'b', tobool},
    {"kql_real_text", "r", 's', real_text},
    {"kql_real_json", "r", 's', real_json},
    {"kql_tohex", "ll", 's', tohex},
    {"kql_shift_left", "ll", 'l', shift_left},
    {"kql_hash", "s", 'l', hash},
    {"kql_parse_version", "s", 'l', parse_version},
    {NULL, NULL, 0, NULL},
};
