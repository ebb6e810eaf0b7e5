/* SPDX-License-Identifier: MIT */
/* parse and parse-where: columns from a text by a pattern, which becomes one regular expression. */

#include <string.h>

#include "center/kql/regex.h"
#include "center/kql/resolve_internal.h"

struct pattern {
    char *text;
    size_t length;
    size_t size;
};

static void append(struct pattern *pattern, const char *text, size_t length)
{
    /* The room was measured: vd_kql_resolve_parse takes twice each literal and a bound for each column. */
    if (pattern->length + length <= pattern->size) {
        memcpy(pattern->text + pattern->length, text, length);
        pattern->length += length;
    }
}

static void append_text(struct pattern *pattern, const char *text)
{
    append(pattern, text, strlen(text));
}

static void append_literal(struct pattern *pattern, struct vd_str text, bool is_regex)
{
    for (size_t i = 0; i < text.length; i++) {
        if (!is_regex && strchr("\\^$.|?*+()[]{}", text.data[i]) != NULL && text.data[i] != '\0') {
            append(pattern, "\\", 1);
        }
        append(pattern, text.data + i, 1);
    }
}

static void append_column(struct pattern *pattern, enum vd_kql_type type, bool is_last)
{
    switch (type) {
    case VD_KQL_INT:
    case VD_KQL_LONG:
        append_text(pattern, "\\s*([+-]?[0-9]+)\\s*");
        break;
    case VD_KQL_REAL:
        append_text(pattern, "\\s*([+-]?[0-9]+(?:\\.[0-9]*)?(?:[eE][+-]?[0-9]+)?)\\s*");
        break;
    default:
        append_text(pattern, is_last ? "(.*)" : "(.*?)");
    }
}

#define COLUMN_PATTERN_MAX 64

static struct vd_str pattern_of(struct vd_kql_resolver *r, const struct vd_kql_node *node)
{
    const bool is_regex = vd_str_equal_text(node->text, "regex");
    const bool is_relaxed = vd_str_equal_text(node->text, "relaxed");
    struct pattern pattern = {.size = 16};

    for (const struct vd_kql_node *item = node->first->next; item != NULL; item = item->next) {
        pattern.size +=
            COLUMN_PATTERN_MAX + (item->kind == VD_KQL_LITERAL ? 2 * item->value.text.length : 0);
    }
    pattern.text = vd_kql_new(r, pattern.size);
    append_text(&pattern, "(?s)^");
    for (const struct vd_kql_node *item = node->first->next; item != NULL; item = item->next) {
        if (item->kind == VD_KQL_STAR) {
            append_text(&pattern, item->next == NULL ? ".*" : ".*?");
        } else if (item->kind == VD_KQL_LITERAL) {
            append_literal(&pattern, item->value.text, is_regex);
        } else {
            append_column(
                &pattern, is_relaxed ? VD_KQL_STRING : item->value.type, item->next == NULL);
        }
    }
    append_text(&pattern, "$");
    return (struct vd_str){pattern.text, pattern.length};
}

/* At the first literal that is none by itself, else at all of them. */
static void check_pattern(
    struct vd_kql_resolver *r, const struct vd_kql_node *node, struct vd_str pattern)
{
    struct vd_kql_regex_problem problem;
    const struct vd_kql_node *at = node;

    if (vd_kql_regex_check(pattern, &problem)) {
        return;
    }
    for (const struct vd_kql_node *item = node->first->next; item != NULL; item = item->next) {
        if (item->kind == VD_KQL_LITERAL &&
            !vd_kql_regex_check(item->value.text, &(struct vd_kql_regex_problem){0})) {
            at = item;
            break;
        }
    }
    vd_kql_fail(r, at, "no regular expression: %s", problem.text);
}

static struct vd_kql_rel *matching(struct vd_kql_resolver *r, struct vd_kql_rel *input,
    const struct vd_kql_node *node, struct vd_kql_expr *source, struct vd_str pattern)
{
    struct vd_kql_rel *filter = vd_kql_rel_pass(r, VD_KQL_REL_FILTER, input);
    struct vd_kql_expr *sides[] = {source, vd_kql_constant_text(r, pattern)};

    vd_kql_rel_expr(
        r, filter, vd_kql_call(r, node, VD_KQL_SCALAR, VD_STR_LITERAL("matches regex"), sides, 2));
    return filter;
}

static bool is_declared(const struct vd_kql_node *node, struct vd_str name)
{
    for (const struct vd_kql_node *item = node->first->next; item != NULL; item = item->next) {
        if (item->kind == VD_KQL_DECLARATION && vd_str_equal(item->text, name)) {
            return true;
        }
    }
    return false;
}

struct vd_kql_rel *vd_kql_resolve_parse(struct vd_kql_resolver *r, const struct vd_kql_scope *scope,
    struct vd_kql_rel *input, const struct vd_kql_node *node)
{
    const struct vd_kql_place place = {.scope = scope, .row = input};
    const struct vd_str pattern = pattern_of(r, node);
    struct vd_kql_expr *source =
        vd_kql_cast(r, node->first, vd_kql_resolve_expr(r, &place, node->first), VD_KQL_STRING);
    struct vd_kql_rel *project;
    int64_t group = 0;

    check_pattern(r, node, pattern);
    if (node->kind == VD_KQL_PARSE_WHERE) {
        input = matching(r, input, node, source, pattern);
    }
    project = vd_kql_project_begin(r, input);
    for (uint32_t i = 0; i < input->columns.count; i++) {
        const struct vd_kql_column *column = &input->columns.items[i];

        if (!vd_kql_is_hidden(column) && !is_declared(node, column->name)) {
            vd_kql_project_keep(r, project, column);
        }
    }
    for (const struct vd_kql_node *item = node->first->next; item != NULL; item = item->next) {
        struct vd_kql_expr *arguments[3];

        if (item->kind != VD_KQL_DECLARATION) {
            continue;
        }
        arguments[0] = vd_kql_constant_text(r, pattern);
        arguments[1] = vd_kql_constant_long(r, ++group);
        arguments[2] = source;
        vd_kql_project_add(r, project, item->text,
            vd_kql_cast(r, item,
                vd_kql_call(r, item, VD_KQL_SCALAR, VD_STR_LITERAL("extract"), arguments, 3),
                item->value.type));
    }
    return vd_kql_project_end(r, project);
}
