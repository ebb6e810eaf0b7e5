/* SPDX-License-Identifier: MIT */
/* Trees as queries: expressions, sources and statements. */

#include "tests/kql/query_text_internal.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "center/kql/lex.h"

/* ---- Names and constants ---- */

static bool is_identifier(struct vd_str name)
{
    for (size_t i = 0; i < name.length; i++) {
        const char c = name.data[i];
        const bool is_letter =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';

        if (!is_letter && (i == 0 || c < '0' || c > '9')) {
            return false;
        }
    }
    return name.length > 0;
}

static void append_quoted(struct vd_str text, struct vd_buf *out)
{
    vd_buf_append_text(out, "\"");
    for (size_t i = 0; i < text.length; i++) {
        const unsigned char c = (unsigned char)text.data[i];

        if (c == '"' || c == '\\') {
            vd_buf_printf(out, "\\%c", c);
        } else if (c < 0x20) {
            vd_buf_printf(out, "\\x%02x", c);
        } else {
            vd_buf_append(out, &c, 1);
        }
    }
    vd_buf_append_text(out, "\"");
}

/* Plain if it can be no word of the language: those are long and have small letters and hyphens only. */
void kql_name_text(struct vd_str name, struct vd_buf *out)
{
    bool is_plain = is_identifier(name) && (name.length == 1 || name.data[0] == '$');

    for (size_t i = 0; i < name.length && is_identifier(name) && !is_plain; i++) {
        is_plain = name.data[i] >= '0' && name.data[i] <= '9';
    }
    if (is_plain) {
        vd_buf_append(out, name.data, name.length);
        return;
    }
    vd_buf_append_text(out, "[");
    append_quoted(name, out);
    vd_buf_append_text(out, "]");
}

/* A name, and not a number, as it stands; it may begin with digits. */
static bool is_word(struct vd_str name)
{
    struct vd_kql_problem problem;
    struct vd_arena arena = {0};
    struct vd_kql_lexer lexer = {.query = name, .arena = &arena, .problem = &problem};
    struct vd_kql_token token;
    const bool is_name = vd_kql_lex(&lexer, &token) == VD_OK && token.kind == VD_KQL_TOKEN_NAME;

    vd_arena_release(&arena);
    return is_name && token.text.length == name.length && name.data[0] != '!' &&
        name.data[name.length - 1] != '~';
}

/* Where only a plain name can have stood. */
void kql_word_text(struct vd_str name, struct vd_buf *out)
{
    if (is_word(name)) {
        vd_buf_append(out, name.data, name.length);
    } else {
        kql_name_text(name, out);
    }
}

static void append_clock(uint64_t ticks, struct vd_buf *out)
{
    const uint64_t seconds = ticks / VD_KQL_TICKS_PER_S;

    vd_buf_printf(out, "%02u:%02u:%02u.%07u", (unsigned)(seconds / 3600 % 24),
        (unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60),
        (unsigned)(ticks % VD_KQL_TICKS_PER_S));
}

static void append_timespan(int64_t ticks, struct vd_buf *out)
{
    const uint64_t all = ticks < 0 ? 0 - (uint64_t)ticks : (uint64_t)ticks;

    vd_buf_printf(out, "%s%u.", ticks < 0 ? "-" : "", (unsigned)(all / VD_KQL_TICKS_PER_S / 86400));
    append_clock(all, out);
}

static unsigned days_of_year(unsigned year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 366 : 365;
}

static void append_datetime(int64_t ticks, struct vd_buf *out)
{
    static const unsigned months[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const uint64_t since_year_1 = (uint64_t)(ticks + 719162LL * 86400 * VD_KQL_TICKS_PER_S);
    uint64_t day = since_year_1 / VD_KQL_TICKS_PER_S / 86400;
    unsigned year = 1;
    unsigned month = 0;

    while (day >= days_of_year(year)) {
        day -= days_of_year(year++);
    }
    while (day >= months[month] + (month == 1 && days_of_year(year) == 366 ? 1u : 0)) {
        day -= months[month] + (month == 1 && days_of_year(year) == 366 ? 1u : 0);
        month++;
    }
    vd_buf_printf(out, "%04u-%02u-%02uT", year, month + 1, (unsigned)day + 1);
    append_clock(since_year_1, out);
}

static void append_real(double real, struct vd_buf *out)
{
    if (isnan(real)) {
        vd_buf_append_text(out, "nan");
    } else {
        vd_buf_printf(out, "%.17g", real);
    }
}

void kql_literal_text(const struct vd_kql_value *value, struct vd_buf *out)
{
    if (value->type == VD_KQL_STRING) {
        append_quoted(value->text, out);
        return;
    }
    if (!value->is_null && value->type == VD_KQL_BOOL) {
        vd_buf_append_text(out, value->integer != 0 ? "true" : "false");
        return;
    }
    if (!value->is_null && value->type == VD_KQL_LONG && value->integer >= 0) {
        vd_buf_printf(out, "%" PRId64, value->integer);
        return;
    }
    vd_buf_printf(out, "%s(", vd_kql_type_text(value->type));
    if (value->is_null) {
        vd_buf_append_text(out, "null");
    } else if (value->type == VD_KQL_REAL) {
        append_real(value->real, out);
    } else if (value->type == VD_KQL_DATETIME) {
        append_datetime(value->integer, out);
    } else if (value->type == VD_KQL_TIMESPAN) {
        append_timespan(value->integer, out);
    } else if (value->type == VD_KQL_GUID || value->type == VD_KQL_DYNAMIC) {
        vd_buf_append(out, value->text.data, value->text.length);
    } else {
        vd_buf_printf(out, "%" PRId64, value->integer);
    }
    vd_buf_append_text(out, ")");
}

/* ---- Expressions ---- */

void kql_list_text(
    const struct vd_kql_node *first, const struct vd_kql_node *end, struct vd_buf *out)
{
    for (const struct vd_kql_node *node = first; node != end; node = node->next) {
        vd_buf_append_text(out, node != first ? ", " : "");
        kql_query_text(node, out);
    }
}

/* What binds as tightly as a name: the rest in parentheses. */
static void operand_text(const struct vd_kql_node *node, struct vd_buf *out)
{
    const bool is_tight = node->kind == VD_KQL_NAME || node->kind == VD_KQL_CALL ||
        node->kind == VD_KQL_MEMBER || node->kind == VD_KQL_INDEX || node->kind == VD_KQL_PIPE;

    vd_buf_append_text(out, is_tight ? "" : "(");
    kql_query_text(node, out);
    vd_buf_append_text(out, is_tight ? "" : ")");
}

static void binary_text(const struct vd_kql_node *node, struct vd_buf *out)
{
    if (node->first->kind == VD_KQL_STAR) {
        vd_buf_append_text(out, "*");
    } else {
        operand_text(node->first, out);
    }
    for (const struct vd_kql_node *right = node->first->next; right != NULL; right = right->next) {
        vd_buf_printf(out, " %.*s ", VD_STR_ARG(node->text));
        if (right->kind == VD_KQL_LIST) {
            vd_buf_append_text(out, "(");
            kql_list_text(right->first, NULL, out);
            vd_buf_append_text(out, ")");
        } else {
            operand_text(right, out);
        }
    }
}

static void between_text(const struct vd_kql_node *node, struct vd_buf *out)
{
    operand_text(node->first, out);
    vd_buf_printf(out, " %.*s (", VD_STR_ARG(node->text));
    operand_text(node->first->next, out);
    vd_buf_append_text(out, " .. ");
    operand_text(node->first->next->next, out);
    vd_buf_append_text(out, ")");
}

static void named_text(const struct vd_kql_node *node, struct vd_buf *out)
{
    if (node->first->kind == VD_KQL_TUPLE) {
        vd_buf_append_text(out, "(");
        for (const struct vd_kql_node *name = node->first->first; name != NULL; name = name->next) {
            kql_word_text(name->text, out);
            vd_buf_append_text(out, name->next != NULL ? ", " : ") = ");
        }
        kql_query_text(node->first->next, out);
    } else {
        kql_name_text(node->text, out);
        vd_buf_append_text(out, " = ");
        kql_query_text(node->first, out);
    }
}

static void call_text(const struct vd_kql_node *node, struct vd_buf *out)
{
    kql_word_text(node->text, out);
    vd_buf_append_text(out, "(");
    for (const struct vd_kql_node *argument = node->first; argument != NULL;
         argument = argument->next) {
        vd_buf_append_text(out, argument != node->first ? ", " : "");
        kql_query_text(argument, out);
    }
    vd_buf_append_text(out, ")");
}

/* False: it is no expression. */
static bool expr_text(const struct vd_kql_node *node, struct vd_buf *out)
{
    switch (node->kind) {
    case VD_KQL_LITERAL:
        kql_literal_text(&node->value, out);
        return true;
    case VD_KQL_NAME:
        kql_name_text(node->text, out);
        return true;
    case VD_KQL_STAR:
        vd_buf_append_text(out, "*");
        return true;
    case VD_KQL_PATTERN:
        vd_buf_append(out, node->text.data, node->text.length);
        return true;
    case VD_KQL_CALL:
        call_text(node, out);
        return true;
    case VD_KQL_UNARY:
        vd_buf_append(out, node->text.data, node->text.length);
        operand_text(node->first, out);
        return true;
    case VD_KQL_BINARY:
        binary_text(node, out);
        return true;
    case VD_KQL_BETWEEN:
        between_text(node, out);
        return true;
    case VD_KQL_MEMBER:
        operand_text(node->first, out);
        vd_buf_append_text(out, ".");
        kql_name_text(node->text, out);
        return true;
    case VD_KQL_INDEX:
        operand_text(node->first, out);
        vd_buf_append_text(out, "[");
        kql_query_text(node->first->next, out);
        vd_buf_append_text(out, "]");
        return true;
    case VD_KQL_NAMED:
        named_text(node, out);
        return true;
    default:
        return false;
    }
}

/* ---- Statements and sources ---- */

static void schema_text(const struct vd_kql_node *node, struct vd_buf *out)
{
    vd_buf_append_text(out, "(");
    for (const struct vd_kql_node *column = node->first; column != NULL; column = column->next) {
        kql_query_text(column, out);
        vd_buf_append_text(out, column->next != NULL ? ", " : "");
    }
    vd_buf_append_text(out, ")");
}

static void parameter_text(const struct vd_kql_node *node, struct vd_buf *out)
{
    kql_word_text(node->text, out);
    vd_buf_append_text(out, ": ");
    if (node->first != NULL && node->first->kind == VD_KQL_SCHEMA) {
        schema_text(node->first, out);
        return;
    }
    vd_buf_append_text(out, vd_kql_type_text(node->value.type));
    if (node->first != NULL) {
        vd_buf_append_text(out, " = ");
        kql_query_text(node->first, out);
    }
}

static void function_text(const struct vd_kql_node *node, struct vd_buf *out)
{
    const struct vd_kql_node *part = node->first;

    vd_buf_append_text(out, "(");
    for (; part->kind == VD_KQL_PARAMETER; part = part->next) {
        vd_buf_append_text(out, part != node->first ? ", " : "");
        parameter_text(part, out);
    }
    vd_buf_append_text(out, ") { ");
    kql_query_text(part, out);
    vd_buf_append_text(out, " }");
}

static void let_text(const struct vd_kql_node *node, struct vd_buf *out)
{
    if (node->first->kind == VD_KQL_PARAMETER) {
        vd_buf_append_text(out, "declare query_parameters(");
        parameter_text(node->first, out);
        vd_buf_append_text(out, ")");
        return;
    }
    vd_buf_append_text(out, "let ");
    kql_name_text(node->text, out);
    vd_buf_append_text(out, " = ");
    if (node->first->kind == VD_KQL_FUNCTION) {
        function_text(node->first, out);
    } else {
        kql_query_text(node->first, out);
    }
}

static void pipe_text(const struct vd_kql_node *node, struct vd_buf *out)
{
    for (const struct vd_kql_node *part = node->first; part != NULL; part = part->next) {
        vd_buf_append_text(out, part != node->first ? " | " : "");
        kql_query_text(part, out);
    }
}

static void query_text(const struct vd_kql_node *node, struct vd_buf *out)
{
    for (const struct vd_kql_node *part = node->first; part != NULL; part = part->next) {
        if (part->kind == VD_KQL_LET) {
            let_text(part, out);
            vd_buf_append_text(out, ";\n");
        } else {
            pipe_text(part, out);
        }
    }
}

void kql_query_text(const struct vd_kql_node *node, struct vd_buf *out)
{
    switch (node->kind) {
    case VD_KQL_QUERY:
        query_text(node, out);
        break;
    case VD_KQL_PIPE:
        vd_buf_append_text(out, "(");
        pipe_text(node, out);
        vd_buf_append_text(out, ")");
        break;
    case VD_KQL_DECLARATION:
        kql_word_text(node->text, out);
        vd_buf_printf(out, ":%s", vd_kql_type_text(node->value.type));
        break;
    case VD_KQL_DATATABLE:
        vd_buf_append_text(out, "datatable");
        schema_text(node->first, out);
        vd_buf_append_text(out, "[");
        kql_list_text(node->first->next, NULL, out);
        vd_buf_append_text(out, "]");
        break;
    default:
        if (!expr_text(node, out)) {
            kql_operator_text(node, out);
        }
    }
}
