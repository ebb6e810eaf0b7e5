/* SPDX-License-Identifier: MIT */
/* dynamic(...): JSON, in which texts may stand in either quotation marks and literals of the language are values. */

#include <math.h>
#include <stdio.h>

#include "center/kql/parse_internal.h"
#include "lib/json_text.h"

static void value(struct vd_kql_parser *p, struct vd_buf *out);

static _Noreturn void fail(struct vd_kql_parser *p, struct vd_buf *out, const char *what)
{
    vd_buf_release(out);
    vd_kql_parse_expected(p, what);
}

static void append_real(struct vd_buf *out, double number)
{
    char text[40];

    if (number == 0) {
        vd_buf_append_text(out, "0");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number) {
            break;
        }
    }
    vd_buf_append_text(out, isfinite(number) ? text : "null");
}

/* 2024-01-01T00:00:00.0000000Z of ticks since 1970. */
static void append_datetime(struct vd_buf *out, int64_t ticks)
{
    const int64_t second = VD_KQL_TICKS_PER_S;
    const int64_t seconds = ticks / second - (ticks % second < 0 ? 1 : 0);
    const int64_t days = seconds / 86400 - (seconds % 86400 < 0 ? 1 : 0);
    const int64_t rest = seconds - days * 86400;
    const int64_t shifted = days + 719468;
    const int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    const int64_t day_of_era = shifted - era * 146097;
    const int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int64_t month = (5 * day_of_year + 2) / 153;
    const int64_t m = month < 10 ? month + 3 : month - 9;

    vd_buf_printf(out, "\"%04d-%02d-%02dT%02d:%02d:%02d.%07dZ\"",
        (int)(year_of_era + era * 400 + (m <= 2 ? 1 : 0)), (int)m,
        (int)(day_of_year - (153 * month + 2) / 5 + 1), (int)(rest / 3600), (int)(rest / 60 % 60),
        (int)(rest % 60), (int)(ticks - seconds * second));
}

static void append_timespan(struct vd_buf *out, int64_t ticks)
{
    const uint64_t all = ticks < 0 ? 0 - (uint64_t)ticks : (uint64_t)ticks;
    const uint64_t seconds = all / VD_KQL_TICKS_PER_S;
    const unsigned rest = (unsigned)(all % VD_KQL_TICKS_PER_S);

    vd_buf_append_text(out, ticks < 0 ? "\"-" : "\"");
    if (seconds >= 86400) {
        vd_buf_printf(out, "%llu.", (unsigned long long)(seconds / 86400));
    }
    vd_buf_printf(out, "%02u:%02u:%02u", (unsigned)(seconds / 3600 % 24),
        (unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60));
    if (rest > 0) {
        vd_buf_printf(out, ".%07u", rest);
    }
    vd_buf_append_text(out, "\"");
}

static void append_literal(struct vd_buf *out, const struct vd_kql_value *literal, bool is_minus)
{
    if (literal->is_null) {
        vd_buf_append_text(out, "null");
        return;
    }
    switch (literal->type) {
    case VD_KQL_BOOL:
        vd_buf_append_text(out, literal->integer != 0 ? "true" : "false");
        break;
    case VD_KQL_INT:
    case VD_KQL_LONG:
        vd_buf_printf(out, "%lld",
            (long long)(is_minus ? (int64_t)(0 - (uint64_t)literal->integer) : literal->integer));
        break;
    case VD_KQL_REAL:
        append_real(out, is_minus ? -literal->real : literal->real);
        break;
    case VD_KQL_DATETIME:
        append_datetime(out, literal->integer);
        break;
    case VD_KQL_TIMESPAN:
        append_timespan(out, is_minus ? -literal->integer : literal->integer);
        break;
    default:
        vd_json_append_string(out, literal->text);
    }
}

static void array(struct vd_kql_parser *p, struct vd_buf *out)
{
    vd_buf_append_text(out, "[");
    while (!vd_kql_is_sign(vd_kql_peek(p, 0), "]")) {
        value(p, out);
        if (!vd_kql_take_sign(p, ",")) {
            break;
        }
        vd_buf_append_text(out, ",");
    }
    if (!vd_kql_take_sign(p, "]")) {
        fail(p, out, "',' or ']'");
    }
    vd_buf_append_text(out, "]");
}

static void bag(struct vd_kql_parser *p, struct vd_buf *out)
{
    vd_buf_append_text(out, "{");
    while (!vd_kql_is_sign(vd_kql_peek(p, 0), "}")) {
        const struct vd_kql_token *key = vd_kql_peek(p, 0);

        if (key->kind == VD_KQL_TOKEN_LITERAL && key->value.type == VD_KQL_STRING) {
            vd_json_append_string(out, key->value.text);
        } else if (key->kind == VD_KQL_TOKEN_NAME) {
            vd_json_append_string(out, key->text);
        } else {
            fail(p, out, "a member's name or '}'");
        }
        vd_kql_next(p);
        if (!vd_kql_take_sign(p, ":")) {
            fail(p, out, "':'");
        }
        vd_buf_append_text(out, ":");
        value(p, out);
        if (!vd_kql_take_sign(p, ",")) {
            break;
        }
        vd_buf_append_text(out, ",");
    }
    if (!vd_kql_take_sign(p, "}")) {
        fail(p, out, "',' or '}'");
    }
    vd_buf_append_text(out, "}");
}

static void value(struct vd_kql_parser *p, struct vd_buf *out)
{
    const struct vd_kql_token *token = vd_kql_peek(p, 0);
    const bool is_minus = vd_kql_is_sign(token, "-");

    if (++p->depth > VD_KQL_DEPTH_MAX) {
        fail(p, out, "a value that is nested less deeply");
    }
    if (is_minus) {
        vd_kql_next(p);
        token = vd_kql_peek(p, 0);
    }
    if (token->kind == VD_KQL_TOKEN_LITERAL) {
        vd_kql_next(p);
        append_literal(out, &token->value, is_minus);
    } else if (!is_minus && vd_kql_take_sign(p, "[")) {
        array(p, out);
    } else if (!is_minus && vd_kql_take_sign(p, "{")) {
        bag(p, out);
    } else if (vd_kql_is_word(token, "true") || vd_kql_is_word(token, "false") ||
        vd_kql_is_word(token, "null")) {
        vd_kql_next(p);
        vd_buf_append(out, token->text.data, token->text.length);
    } else if (vd_kql_is_word(token, "dynamic") && vd_kql_is_sign(vd_kql_peek(p, 1), "(")) {
        p->at += 2;
        value(p, out);
        if (!vd_kql_take_sign(p, ")")) {
            fail(p, out, "')'");
        }
    } else {
        fail(p, out, "a constant, '[' or '{'");
    }
    p->depth--;
}

struct vd_kql_node *vd_kql_parse_dynamic(struct vd_kql_parser *p, const struct vd_kql_token *word)
{
    struct vd_kql_node *literal = vd_kql_node_new(p, VD_KQL_LITERAL, word);
    struct vd_buf json = {0};
    struct vd_str text;

    literal->value = (struct vd_kql_value){.type = VD_KQL_DYNAMIC};
    vd_kql_expect_sign(p, "(");
    literal->value.is_null = vd_kql_is_word(vd_kql_peek(p, 0), "null");
    value(p, &json);
    if (!vd_kql_take_sign(p, ")")) {
        fail(p, &json, "')'");
    }
    text = json.error == VD_OK ? vd_arena_copy(p->arena, json.data, json.length)
                               : (struct vd_str){NULL, 0};
    vd_buf_release(&json);
    if (text.data == NULL) {
        p->error = VD_E_NOMEM;
        longjmp(p->failed, 1);
    }
    literal->value.text = text;
    return vd_kql_node_end(p, literal);
}
