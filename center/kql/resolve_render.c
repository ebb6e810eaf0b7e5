/* SPDX-License-Identifier: MIT */
/* render: a hint for the client, as JSON. */

#include "center/kql/resolve_internal.h"
#include "lib/json_text.h"

static void append_value(struct vd_buf *json, const struct vd_kql_node *value)
{
    if (value->kind != VD_KQL_LITERAL || value->value.type == VD_KQL_STRING) {
        vd_json_append_string(
            json, value->kind == VD_KQL_LITERAL ? value->value.text : value->text);
    } else if (value->value.type == VD_KQL_REAL) {
        vd_buf_printf(json, "%.17g", value->value.real);
    } else if (value->value.type == VD_KQL_BOOL) {
        vd_buf_append_text(json, value->value.integer != 0 ? "true" : "false");
    } else {
        vd_buf_printf(json, "%lld", (long long)value->value.integer);
    }
}

static bool is_value(const struct vd_kql_node *node)
{
    return node->kind == VD_KQL_NAME ||
        (node->kind == VD_KQL_LITERAL && node->value.type != VD_KQL_DYNAMIC);
}

/* `name = value`, and what columns follow without a name of their own: ycolumns = a, b. */
static void check_properties(struct vd_kql_resolver *r, const struct vd_kql_node *node)
{
    for (const struct vd_kql_node *item = node->first; item != NULL; item = item->next) {
        const bool is_further = item->kind == VD_KQL_NAME && item != node->first;

        if (!is_further && (item->kind != VD_KQL_NAMED || !is_value(item->first))) {
            vd_kql_fail(
                r, item, "a property of a chart is to be name = value: a name or a literal");
        }
    }
}

/* Gives the last that it took. */
static const struct vd_kql_node *append_property(
    struct vd_buf *json, const struct vd_kql_node *item)
{
    const bool is_list = item->next != NULL && item->next->kind == VD_KQL_NAME;

    vd_buf_append_text(json, ",");
    vd_json_append_string(json, item->text);
    vd_buf_append_text(json, is_list ? ":[" : ":");
    append_value(json, item->first);
    while (item->next != NULL && item->next->kind == VD_KQL_NAME) {
        item = item->next;
        vd_buf_append_text(json, ",");
        append_value(json, item);
    }
    vd_buf_append_text(json, is_list ? "]" : "");
    return item;
}

struct vd_kql_rel *vd_kql_resolve_render(struct vd_kql_resolver *r,
    const struct vd_kql_scope *scope, struct vd_kql_rel *input, const struct vd_kql_node *node)
{
    struct vd_buf json = {0};
    struct vd_str text;

    (void)scope;
    check_properties(r, node);
    vd_buf_append_text(&json, "{\"visualization\":");
    vd_json_append_string(&json, node->text);
    for (const struct vd_kql_node *item = node->first; item != NULL; item = item->next) {
        item = append_property(&json, item);
    }
    vd_buf_append(&json, "}", 2);
    text = json.error == VD_OK ? vd_arena_copy(r->arena, json.data, json.length)
                               : (struct vd_str){NULL, 0};
    vd_buf_release(&json);
    if (text.data == NULL) {
        r->error = VD_E_NOMEM;
        longjmp(r->failed, 1);
    }
    r->render = text.data;
    return input;
}
