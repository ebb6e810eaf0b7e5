/* SPDX-License-Identifier: MIT */
/* Trees as queries: operators behind a pipe, and sources that begin with a word. */

#include "tests/kql/query_text_internal.h"

static void kind_text(const struct vd_kql_node *node, struct vd_buf *out)
{
    if (node->text.length > 0) {
        vd_buf_append_text(out, " kind=");
        kql_word_text(node->text, out);
    }
    vd_buf_append_text(out, " ");
}

static const struct vd_kql_node *last_if(const struct vd_kql_node *node, enum vd_kql_kind kind)
{
    const struct vd_kql_node *last = node->first;

    while (last != NULL && last->next != NULL) {
        last = last->next;
    }
    return last != NULL && last->kind == kind ? last : NULL;
}

static void list_by_text(const struct vd_kql_node *node, struct vd_buf *out)
{
    const struct vd_kql_node *by = last_if(node, VD_KQL_BY);

    kql_list_text(node->first, by, out);
    if (by != NULL) {
        vd_buf_append_text(out, " by ");
        kql_list_text(by->first, NULL, out);
    }
}

static void order_text(const struct vd_kql_node *node, struct vd_buf *out)
{
    static const char *const nulls[] = {"", " nulls first", " nulls last"};

    kql_query_text(node->first, out);
    vd_buf_printf(out, "%s%.*s%s", node->text.length > 0 ? " " : "", VD_STR_ARG(node->text),
        nulls[node->value.integer]);
}

static void join_text(const struct vd_kql_node *node, struct vd_buf *out)
{
    const bool is_pipe = node->first->kind == VD_KQL_PIPE;

    kind_text(node, out);
    vd_buf_append_text(out, is_pipe ? "" : "(");
    kql_query_text(node->first, out);
    vd_buf_append_text(out, is_pipe ? " on " : ") on ");
    kql_list_text(node->first->next, NULL, out);
}

static void union_text(const struct vd_kql_node *node, struct vd_buf *out)
{
    const struct vd_kql_node *table = node->first;

    kind_text(node, out);
    for (; table->kind == VD_KQL_OPTION; table = table->next) {
        kql_word_text(table->text, out);
        vd_buf_append_text(out, "=");
        kql_query_text(table->first, out);
        vd_buf_append_text(out, " ");
    }
    for (; table != NULL; table = table->next) {
        const bool is_bare = table->kind == VD_KQL_PIPE || table->kind == VD_KQL_PATTERN;

        vd_buf_append_text(out, is_bare ? "" : "(");
        kql_query_text(table, out);
        vd_buf_append_text(out, is_bare ? "" : ")");
        vd_buf_append_text(out, table->next != NULL ? ", " : "");
    }
}

static void search_text(const struct vd_kql_node *node, struct vd_buf *out)
{
    const struct vd_kql_node *option = node->first->next;

    for (; option != NULL && option->kind == VD_KQL_OPTION; option = option->next) {
        vd_buf_append_text(out, " kind=");
        kql_query_text(option->first, out);
    }
    if (option != NULL) {
        vd_buf_append_text(out, " in (");
        kql_list_text(option, NULL, out);
        vd_buf_append_text(out, ")");
    }
    if (node->first->kind == VD_KQL_STAR) {
        vd_buf_append_text(out, " *");
        return;
    }
    vd_buf_append_text(out, " (");
    kql_query_text(node->first, out);
    vd_buf_append_text(out, ")");
}

static void mv_expand_text(const struct vd_kql_node *node, struct vd_buf *out)
{
    const struct vd_kql_node *limit = NULL;

    for (const struct vd_kql_node *option = node->first; option != NULL; option = option->next) {
        if (option->kind == VD_KQL_OPTION && vd_str_equal_text(option->text, "limit")) {
            limit = option;
        } else if (option->kind == VD_KQL_OPTION) {
            vd_buf_printf(out, "%.*s=", VD_STR_ARG(option->text));
            kql_query_text(option->first, out);
            vd_buf_append_text(out, " ");
        }
    }
    for (const struct vd_kql_node *item = node->first; item != NULL && item->kind != VD_KQL_OPTION;
         item = item->next) {
        vd_buf_append_text(out, item != node->first ? ", " : "");
        kql_query_text(item->kind == VD_KQL_TYPED ? item->first : item, out);
        if (item->kind == VD_KQL_TYPED) {
            vd_buf_printf(out, " to typeof(%.*s)", VD_STR_ARG(item->text));
        }
    }
    if (limit != NULL) {
        vd_buf_append_text(out, " limit ");
        kql_query_text(limit->first, out);
    }
}

static void parse_text(const struct vd_kql_node *node, struct vd_buf *out)
{
    kind_text(node, out);
    kql_query_text(node->first, out);
    vd_buf_append_text(out, " with");
    for (const struct vd_kql_node *part = node->first->next; part != NULL; part = part->next) {
        vd_buf_append_text(out, " ");
        kql_query_text(part, out);
    }
}

static bool is_missing(const struct vd_kql_node *node)
{
    return node->kind == VD_KQL_LITERAL && node->value.is_null && node->value.type == VD_KQL_LONG;
}

static void axis_text(const struct vd_kql_node *axis, struct vd_buf *out)
{
    static const char *const words[] = {" from ", " to "};
    const struct vd_kql_node *bound = axis->first->next;

    vd_buf_append_text(out, " on ");
    kql_query_text(axis->first, out);
    for (int i = 0; i < 2; i++, bound = bound->next) {
        if (!is_missing(bound)) {
            vd_buf_append_text(out, words[i]);
            kql_query_text(bound, out);
        }
    }
    vd_buf_append_text(out, " step ");
    kql_query_text(bound, out);
}

static void make_series_text(const struct vd_kql_node *node, struct vd_buf *out)
{
    const struct vd_kql_node *item = node->first;

    for (; item->kind != VD_KQL_AXIS; item = item->next) {
        vd_buf_append_text(out, item != node->first ? ", " : "");
        kql_query_text(item->kind == VD_KQL_DEFAULT ? item->first : item, out);
        if (item->kind == VD_KQL_DEFAULT) {
            vd_buf_append_text(out, " default=");
            kql_query_text(item->first->next, out);
        }
    }
    axis_text(item, out);
    if (item->next != NULL) {
        vd_buf_append_text(out, " by ");
        kql_list_text(item->next->first, NULL, out);
    }
}

static void list_text(const struct vd_kql_node *node, struct vd_buf *out)
{
    kql_list_text(node->first, NULL, out);
}

static void range_text(const struct vd_kql_node *node, struct vd_buf *out)
{
    kql_word_text(node->text, out);
    vd_buf_append_text(out, " from ");
    kql_query_text(node->first, out);
    vd_buf_append_text(out, " to ");
    kql_query_text(node->first->next, out);
    vd_buf_append_text(out, " step ");
    kql_query_text(node->first->next->next, out);
}

static void count_text(const struct vd_kql_node *node, struct vd_buf *out)
{
    if (node->first != NULL) {
        vd_buf_append_text(out, "as ");
        kql_query_text(node->first, out);
    }
}

static void top_text(const struct vd_kql_node *node, struct vd_buf *out)
{
    kql_query_text(node->first, out);
    vd_buf_append_text(out, " by ");
    kql_list_text(node->first->next, NULL, out);
}

static void sample_distinct_text(const struct vd_kql_node *node, struct vd_buf *out)
{
    kql_query_text(node->first, out);
    vd_buf_append_text(out, " of ");
    kql_list_text(node->first->next, NULL, out);
}

static void render_text(const struct vd_kql_node *node, struct vd_buf *out)
{
    kql_name_text(node->text, out);
    if (node->first != NULL) {
        vd_buf_append_text(out, " with (");
        kql_list_text(node->first, NULL, out);
        vd_buf_append_text(out, ")");
    }
}

static void as_text(const struct vd_kql_node *node, struct vd_buf *out)
{
    kql_name_text(node->text, out);
}

static const struct {
    const char *name;
    void (*rest)(const struct vd_kql_node *node, struct vd_buf *out);
} operators[VD_KQL_KIND_COUNT] = {
    [VD_KQL_ORDER] = {"", order_text},
    [VD_KQL_PRINT] = {"print ", list_text},
    [VD_KQL_RANGE] = {"range ", range_text},
    [VD_KQL_WHERE] = {"where ", list_text},
    [VD_KQL_PROJECT] = {"project ", list_text},
    [VD_KQL_PROJECT_AWAY] = {"project-away ", list_text},
    [VD_KQL_PROJECT_KEEP] = {"project-keep ", list_text},
    [VD_KQL_PROJECT_RENAME] = {"project-rename ", list_text},
    [VD_KQL_PROJECT_REORDER] = {"project-reorder ", list_text},
    [VD_KQL_EXTEND] = {"extend ", list_text},
    [VD_KQL_SUMMARIZE] = {"summarize ", list_by_text},
    [VD_KQL_COUNT] = {"count ", count_text},
    [VD_KQL_TAKE] = {"take ", list_text},
    [VD_KQL_TOP] = {"top ", top_text},
    [VD_KQL_SORT] = {"sort by ", list_text},
    [VD_KQL_DISTINCT] = {"distinct ", list_text},
    [VD_KQL_JOIN] = {"join", join_text},
    [VD_KQL_LOOKUP] = {"lookup", join_text},
    [VD_KQL_UNION] = {"union", union_text},
    [VD_KQL_SEARCH] = {"search", search_text},
    [VD_KQL_MV_EXPAND] = {"mv-expand ", mv_expand_text},
    [VD_KQL_PARSE] = {"parse", parse_text},
    [VD_KQL_PARSE_WHERE] = {"parse-where", parse_text},
    [VD_KQL_MAKE_SERIES] = {"make-series ", make_series_text},
    [VD_KQL_RENDER] = {"render ", render_text},
    [VD_KQL_SAMPLE] = {"sample ", list_text},
    [VD_KQL_SERIALIZE] = {"serialize ", list_text},
    [VD_KQL_AS] = {"as ", as_text},
    [VD_KQL_EVALUATE] = {"evaluate ", list_text},
    [VD_KQL_INVOKE] = {"invoke ", list_text},
    [VD_KQL_SAMPLE_DISTINCT] = {"sample-distinct ", sample_distinct_text},
};

void kql_operator_text(const struct vd_kql_node *node, struct vd_buf *out)
{
    if (operators[node->kind].rest != NULL) {
        vd_buf_append_text(out, operators[node->kind].name);
        operators[node->kind].rest(node, out);
    }
}
