/* SPDX-License-Identifier: MIT */
/* Queries: a tree whose nodes are within the text, and that says the same when it is written as a query again; or an error. */

#include <assert.h>
#include <string.h>

#include "center/kql/syntax.h"
#include "fuzz/replay.h"
#include "tests/kql/query_text.h"

static void check_node(const struct vd_kql_node *node, size_t size, unsigned depth)
{
    uint32_t count = 0;

    assert(node->kind < VD_KQL_KIND_COUNT && depth < 4 * VD_KQL_DEPTH_MAX);
    assert(node->offset <= node->end && node->end <= size);
    for (const struct vd_kql_node *child = node->first; child != NULL; child = child->next) {
        check_node(child, size, depth + 1);
        count++;
    }
    assert(count == node->child_count);
}

/* Written and read again it is the same. */
static void check_again(const struct vd_kql_node *tree)
{
    struct vd_arena arena = {0};
    struct vd_kql_problem problem = {0};
    struct vd_kql_node *again = NULL;
    struct vd_buf text = {0};
    struct vd_buf first = {0};
    struct vd_buf second = {0};
    int error;

    kql_query_text(tree, &text);
    if (text.length <= VD_KQL_TEXT_MAX) {
        error = vd_kql_parse(
            (struct vd_str){(const char *)text.data, text.length}, &arena, &again, &problem);
        assert(error == VD_OK || error == VD_E_LIMIT);
        if (error == VD_OK) {
            vd_kql_tree_print(tree, &first);
            vd_kql_tree_print(again, &second);
            assert(first.length == second.length);
            assert(memcmp(first.data, second.data, first.length) == 0);
        }
    }
    vd_arena_release(&arena);
    vd_buf_release(&text);
    vd_buf_release(&first);
    vd_buf_release(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct vd_str query = {(const char *)data, size};
    struct vd_arena arena = {0};
    struct vd_kql_problem problem = {0};
    struct vd_kql_node *tree = NULL;
    const int error = vd_kql_parse(query, &arena, &tree, &problem);

    if (error == VD_OK) {
        check_node(tree, size, 0);
        check_again(tree);
    } else {
        assert(error == VD_E_INVALID || error == VD_E_LIMIT);
        assert(problem.is_syntax && problem.text[0] != '\0' && problem.offset <= size);
        vd_kql_problem_locate(&problem, query);
        assert(problem.line > 0 && problem.column > 0);
    }
    vd_arena_release(&arena);
    return 0;
}
