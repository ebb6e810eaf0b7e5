/* SPDX-License-Identifier: MIT */
/* Regular expressions that are known before the query runs are read then. */

#include "center/kql/regex.h"
#include "center/kql/resolve_internal.h"

static bool is_text(const struct vd_kql_expr *expr)
{
    return expr->op == VD_KQL_OP_CONSTANT && expr->type == VD_KQL_STRING;
}

void vd_kql_check_regex(
    struct vd_kql_resolver *r, const struct vd_kql_node *node, const struct vd_kql_expr *pattern)
{
    struct vd_kql_regex_problem problem;

    if (is_text(pattern) && !vd_kql_regex_check(pattern->value.text, &problem)) {
        size_t place = 1;

        for (size_t i = 0; i < problem.offset; i++) {
            place += ((unsigned char)pattern->value.text.data[i] & 0xC0) != 0x80 ? 1 : 0;
        }
        vd_kql_fail(
            r, node, "no regular expression, at its character %zu: %s", place, problem.text);
    }
}

void vd_kql_check_call_regex(struct vd_kql_resolver *r, const struct vd_kql_node *node,
    struct vd_str name, struct vd_kql_expr *const *arguments, uint32_t count)
{
    static const struct {
        const char *name;
        uint32_t argument;
    } patterns[] = {{"matches regex", 1}, {"extract", 0}, {"extract_all", 0}, {"@group", 0},
        {"replace_regex", 1}, {"replace", 0}, {"trim", 0}, {"trim_start", 0}, {"trim_end", 0},
        {"countof", 1}};

    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        const uint32_t at = patterns[i].argument;
        const struct vd_kql_node *child;

        if (!vd_str_equal_text(name, patterns[i].name) || at >= count) {
            continue;
        }
        if (vd_str_equal_text(name, "countof") &&
            (count < 3 || !is_text(arguments[2]) ||
                !vd_str_equal_text(arguments[2]->value.text, "regex"))) {
            return;
        }
        child = vd_kql_child(node, at);
        vd_kql_check_regex(r, child != NULL ? child : node, arguments[at]);
    }
}
