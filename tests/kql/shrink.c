/* SPDX-License-Identifier: MIT */
/* One change to the tree at a time: a node goes, a node's place is taken by its child, a row of a datatable goes. */

#include "tests/kql/shrink.h"

#include <string.h>

#include "tests/kql/query_text.h"

#define TRIES_MAX 3000

struct shrinker {
    struct vd_buf *query;
    shrink_still *still;
    void *context;
    uint32_t tries;
    struct vd_kql_node *root;
};

/* Whether the tree as it is now, written out, still does it; then it is the query. */
static bool keeps(struct shrinker *s)
{
    struct vd_buf text = {0};
    bool does = false;

    s->tries++;
    kql_query_text(s->root, &text);
    if (text.length < s->query->length && s->tries < TRIES_MAX) {
        does = s->still(s->context, (struct vd_str){(const char *)text.data, text.length});
    }
    if (does) {
        vd_buf_clear(s->query);
        vd_buf_append(s->query, text.data, text.length);
    }
    vd_buf_release(&text);
    return does;
}

/* `count` nodes from *link on go. */
static bool drop(struct shrinker *s, struct vd_kql_node **link, uint32_t count)
{
    struct vd_kql_node *first = *link;
    struct vd_kql_node *rest = first;

    for (uint32_t i = 0; i < count && rest != NULL; i++) {
        rest = rest->next;
    }
    *link = rest;
    if (keeps(s)) {
        return true;
    }
    *link = first;
    return false;
}

/* A node's place is taken by one of its children. */
static bool lift(struct shrinker *s, struct vd_kql_node **link)
{
    struct vd_kql_node *node = *link;

    for (struct vd_kql_node *child = node->first; child != NULL; child = child->next) {
        struct vd_kql_node *next = child->next;

        child->next = node->next;
        *link = child;
        if (keeps(s)) {
            return true;
        }
        *link = node;
        child->next = next;
    }
    return false;
}

static bool is_expression(const struct vd_kql_node *node)
{
    return node->kind == VD_KQL_BINARY || node->kind == VD_KQL_UNARY || node->kind == VD_KQL_CALL ||
        node->kind == VD_KQL_BETWEEN || node->kind == VD_KQL_MEMBER || node->kind == VD_KQL_INDEX;
}

/* Nodes with children that may go. */
static bool is_list(const struct vd_kql_node *node)
{
    static const enum vd_kql_kind kinds[] = {VD_KQL_QUERY, VD_KQL_PIPE, VD_KQL_DATATABLE,
        VD_KQL_PROJECT, VD_KQL_EXTEND, VD_KQL_SUMMARIZE, VD_KQL_BY, VD_KQL_LIST, VD_KQL_SORT,
        VD_KQL_CALL};

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (node->kind == kinds[i]) {
            return true;
        }
    }
    return false;
}

static bool step(struct shrinker *s, struct vd_kql_node *node)
{
    struct vd_kql_node **link = &node->first;
    const uint32_t columns = node->kind == VD_KQL_DATATABLE ? node->first->child_count : 1;
    bool any = false;

    if (node->kind == VD_KQL_DATATABLE) {
        link = &node->first->next;
    }
    while (*link != NULL && is_list(node)) {
        if (drop(s, link, columns)) {
            any = true;
        } else {
            for (uint32_t i = 0; i < columns && *link != NULL; i++) {
                link = &(*link)->next;
            }
        }
    }
    for (link = &node->first; *link != NULL; link = &(*link)->next) {
        any = (is_expression(*link) && lift(s, link)) || any;
        any = step(s, *link) || any;
    }
    return any;
}

void shrink_query(struct vd_buf *query, shrink_still *still, void *context)
{
    struct shrinker s = {.query = query, .still = still, .context = context};
    bool any = true;

    while (any && s.tries < TRIES_MAX) {
        struct vd_arena arena = {0};
        struct vd_kql_problem problem;

        any = vd_kql_parse((struct vd_str){(const char *)query->data, query->length}, &arena,
                  &s.root, &problem) == VD_OK &&
            step(&s, s.root);
        vd_arena_release(&arena);
    }
}
