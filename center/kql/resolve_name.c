/* SPDX-License-Identifier: MIT */
/* Names that the language makes up for columns without one. */

#include <string.h>

#include "center/kql/resolve_internal.h"

/* Functions whose result is called as their first argument is. */
static const char *const first_argument[] = {"split", "tostring", "tohex", "todynamic", "tolong",
    "toint", "toreal", "todouble", "todatetime", "totimespan", "totime", "tobool", "toboolean",
    "toguid", "parse_csv", "parsejson", "parse_json", "format_datetime", "format_timespan",
    "startofday", "bin", "floor", "bin_at", "binary_and", "binary_or", "binary_xor", "binary_not",
    "binary_shift_right", "binary_shift_left", "round", "ceiling", "pow", "sqrt", "log", "log2",
    "log10", "exp", "exp2", "exp10", "abs", "format_bytes", "take_anyif", "binary_all_or",
    "binary_all_and", "binary_all_xor"};

/* Aggregates whose prefix is not their name. */
static const char *const prefixes[][2] = {{"make_list", "list"}, {"make_list_if", "list"},
    {"make_list_with_nulls", "list"}, {"makelist", "list"}, {"make_set", "set"},
    {"make_set_if", "set"}, {"makeset", "set"}, {"make_bag", "bag"}, {"make_bag_if", "bag"}};

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

static bool takes_first_argument(struct vd_str name)
{
    for (size_t i = 0; i < COUNT(first_argument); i++) {
        if (vd_str_equal_text(name, first_argument[i])) {
            return true;
        }
    }
    return false;
}

static struct vd_str joined(struct vd_kql_resolver *r, struct vd_str first, struct vd_str second)
{
    return vd_kql_textf(r, "%.*s_%.*s", VD_STR_ARG(first), VD_STR_ARG(second));
}

static struct vd_str name_of_index(struct vd_kql_resolver *r, const struct vd_kql_node *node)
{
    const struct vd_kql_node *index = node->first->next;
    const struct vd_str base = vd_kql_name_of(r, node->first);

    if (base.length == 0 || index->kind != VD_KQL_LITERAL) {
        return VD_STR_LITERAL("");
    }
    if (index->value.type == VD_KQL_STRING) {
        return joined(r, base, index->value.text);
    }
    return vd_kql_textf(r, "%.*s_%lld", VD_STR_ARG(base), (long long)index->value.integer);
}

struct vd_str vd_kql_name_of(struct vd_kql_resolver *r, const struct vd_kql_node *node)
{
    switch (node->kind) {
    case VD_KQL_NAME:
    case VD_KQL_NAMED:
        return node->text;
    case VD_KQL_MEMBER: {
        const struct vd_kql_node *base = node->first;
        const bool is_side =
            base->kind == VD_KQL_NAME && base->text.length > 0 && base->text.data[0] == '$';
        const struct vd_str name = is_side ? VD_STR_LITERAL("") : vd_kql_name_of(r, base);

        return name.length > 0 ? joined(r, name, node->text) : node->text;
    }
    case VD_KQL_INDEX:
        return name_of_index(r, node);
    case VD_KQL_CALL:
        if (node->first != NULL && takes_first_argument(node->text)) {
            return vd_kql_name_of(r, node->first);
        }
        if (node->first != NULL &&
            (vd_str_equal_text(node->text, "strlen") ||
                vd_str_equal_text(node->text, "string_size"))) {
            return joined(r, node->text, vd_kql_name_of(r, node->first));
        }
        return VD_STR_LITERAL("");
    default:
        return VD_STR_LITERAL("");
    }
}

struct vd_str vd_kql_aggregate_name(struct vd_kql_resolver *r, const struct vd_kql_node *call)
{
    struct vd_str prefix = call->text;
    const struct vd_str name =
        call->first != NULL ? vd_kql_name_of(r, call->first) : VD_STR_LITERAL("");

    for (size_t i = 0; i < COUNT(prefixes); i++) {
        if (vd_str_equal_text(call->text, prefixes[i][0])) {
            prefix = vd_str_from(prefixes[i][1]);
        }
    }
    return takes_first_argument(call->text) ? name : joined(r, prefix, name);
}
