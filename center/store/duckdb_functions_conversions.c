/* SPDX-License-Identifier: MIT */
/* Numbers and truth values from text and as text. */

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "center/store/duckdb_functions_internal.h"

#define NUMBER_TEXT_SIZE 64

static struct vd_str trimmed(struct vd_str text)
{
    while (text.length > 0 &&
        (text.data[0] == ' ' || (text.data[0] >= '\t' && text.data[0] <= '\r'))) {
        text.data++;
        text.length--;
    }
    while (text.length > 0 &&
        (text.data[text.length - 1] == ' ' ||
            (text.data[text.length - 1] >= '\t' && text.data[text.length - 1] <= '\r'))) {
        text.length--;
    }
    return text;
}

/* Decimal or 0x; false: none, or it does not fit. */
static bool read_long(struct vd_str text, int64_t *out)
{
    char copy[NUMBER_TEXT_SIZE];
    const char *digits = copy;
    char *end;
    bool is_hex;

    if (vd_str_copy(trimmed(text), copy, sizeof copy) != VD_OK) {
        return false;
    }
    digits += *digits == '-' || *digits == '+' ? 1 : 0;
    is_hex = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
    if (digits[is_hex ? 2 : 0] == '\0' ||
        strspn(digits + (is_hex ? 2 : 0), is_hex ? "0123456789abcdefABCDEF" : "0123456789") !=
            strlen(digits + (is_hex ? 2 : 0))) {
        return false;
    }
    errno = 0;
    *out = strtoll(copy, &end, is_hex ? 16 : 10);
    return errno == 0;
}

static bool tolong(struct vd_udf_call *call)
{
    return read_long(call->args[0].text, &call->result.integer);
}

static bool toreal(struct vd_udf_call *call)
{
    char copy[NUMBER_TEXT_SIZE];
    char *end;
    int64_t whole;

    if (read_long(call->args[0].text, &whole)) {
        call->result.real = (double)whole;
        return true;
    }
    if (vd_str_copy(trimmed(call->args[0].text), copy, sizeof copy) != VD_OK || copy[0] == '\0' ||
        strpbrk(copy, "xXpP(") != NULL) {
        return false;
    }
    call->result.real = strtod(copy, &end);
    return *end == '\0';
}

/* "true" and "false" in any case; numbers but 0 are true. */
static bool tobool(struct vd_udf_call *call)
{
    const struct vd_str text = trimmed(call->args[0].text);

    if (text.length == 4 && strncasecmp(text.data, "true", 4) == 0) {
        call->result.integer = 1;
        return true;
    }
    if (text.length == 5 && strncasecmp(text.data, "false", 5) == 0) {
        call->result.integer = 0;
        return true;
    }
    return read_long(text, &call->result.integer);
}

/* The shortest text that reads back as the same number; always with a point or an exponent. */
static void append_real(double value, struct vd_buf *out)
{
    char text[NUMBER_TEXT_SIZE];
    int digits = 15;

    do {
        snprintf(text, sizeof text, "%.*g", digits, value);
        digits++;
    } while (digits <= 17 && strtod(text, NULL) != value);
    vd_buf_append_text(out, text);
    if (strpbrk(text, ".e") == NULL) {
        vd_buf_append_text(out, ".0");
    }
}

static const char *special_text(double value)
{
    return isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
}

static bool real_text(struct vd_udf_call *call)
{
    if (isfinite(call->args[0].real)) {
        append_real(call->args[0].real, call->out);
    } else {
        vd_buf_append_text(call->out, special_text(call->args[0].real));
    }
    return true;
}

/* JSON has no numbers for what is not finite. */
void vd_udf_append_real_json(double value, struct vd_buf *out)
{
    if (isfinite(value)) {
        append_real(value, out);
    } else {
        vd_buf_printf(out, "\"%s\"", special_text(value));
    }
}

static bool real_json(struct vd_udf_call *call)
{
    vd_udf_append_real_json(call->args[0].real, call->out);
    return true;
}

/* Never negative, as that of whole numbers; null of 0. */
static bool real_modulo(struct vd_udf_call *call)
{
    const double size = fabs(call->args[1].real);
    const double rest = fmod(call->args[0].real, size);

    call->result.real = rest < 0 ? rest + size : rest;
    return size != 0;
}

/* kql_round(number, digits) */
static bool round_to(struct vd_udf_call *call)
{
    const int64_t digits = call->args[1].integer;
    const double scale = pow(10, digits > 400 ? 400 : (digits < -400 ? -400 : (double)digits));
    const double scaled = round(call->args[0].real * scale) / scale;

    /* So many digits as no number has. */
    call->result.real = isfinite(scaled) ? scaled : (digits > 0 ? call->args[0].real : 0);
    return true;
}

const struct vd_udf vd_udf_conversions[] = {
    {"kql_tolong", "s", 'l', false, tolong},
    {"kql_toreal", "s", 'r', false, toreal},
    {"kql_tobool", "s", 'b', false, tobool},
    {"kql_real_text", "r", 's', false, real_text},
    {"kql_real_json", "r", 's', false, real_json},
    {"kql_real_modulo", "rr", 'r', false, real_modulo},
    {"kql_round", "rl", 'r', false, round_to},
    {NULL, NULL, 0, false, NULL},
};
