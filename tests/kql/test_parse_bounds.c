/* SPDX-License-Identifier: MIT */
/* Large, deep and degenerate queries: within time and memory, and refused where a bound is passed. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "center/kql/syntax.h"

/* Both are far above what a query of 256 KiB takes in time and memory that grow with its length, and far below any square. */
#define SECONDS_MAX 4
#define MEMORY_MAX  (96u << 20)

struct bound_case {
    const char *begin;
    const char *again; /* until there are `count` of them, or as many as fit if that is 0 */
    uint32_t count;
    const char *end;
    int error;
    const char *problem; /* begins like that */
};

static void build(const struct bound_case *c, struct vd_buf *query)
{
    const size_t rest = strlen(c->begin) + strlen(c->end);
    const uint32_t count =
        c->count > 0 ? c->count : (uint32_t)((VD_KQL_TEXT_MAX - rest) / strlen(c->again));

    vd_buf_append_text(query, c->begin);
    for (uint32_t i = 0; i < count; i++) {
        vd_buf_append_text(query, c->again);
    }
    vd_buf_append_text(query, c->end);
}

static void check(const struct bound_case *c)
{
    struct vd_buf query = {0};
    struct vd_arena arena = {0};
    struct vd_kql_node *tree = NULL;
    struct vd_kql_problem problem = {0};
    const clock_t began = clock();
    int error;

    build(c, &query);
    error = vd_kql_parse(
        (struct vd_str){(const char *)query.data, query.length}, &arena, &tree, &problem);
    if (error != c->error || strncmp(problem.text, c->problem, strlen(c->problem)) != 0) {
        fail_msg("%s%s...: %d, %s", c->begin, c->again, error, problem.text);
    }
    if (arena.bytes > MEMORY_MAX) {
        fail_msg("%s%s...: %zu bytes", c->begin, c->again, arena.bytes);
    }
    if (clock() - began > SECONDS_MAX * CLOCKS_PER_SEC) {
        fail_msg("%s%s...: takes too long", c->begin, c->again);
    }
    vd_arena_release(&arena);
    vd_buf_release(&query);
}

#define DEEP "the query is nested too deeply"

static void test_bounds__large_and_deep(void **state)
{
    static const struct bound_case cases[] = {
        {"T | where a", " or a", 10000, "", VD_OK, ""},
        {"T | where a == 1", " or a == 1", 10000, "", VD_OK, ""},
        {"T | where a", " and a", 10000, "", VD_OK, ""},
        {"print a", "+a", 50000, "", VD_OK, ""},
        {"print a", "-a*a", 20000, "", VD_OK, ""},
        {"T | where a in (1", ",1", 50000, ")", VD_OK, ""},
        {"datatable(a:long)[1", ",1", 50000, "]", VD_OK, ""},
        {"T", "|count", 0, "", VD_OK, ""},
        {"", ";", 0, "T", VD_OK, ""},
        {"print '", "x", 0, "'", VD_OK, ""},
        {"print ", "'x'", 0, "", VD_OK, ""},
        {"print ''", "h\"\"", 0, "", VD_OK, ""},
        {"print dynamic([1", ",1", 0, "])", VD_OK, ""},
        {"T //", "x", 0, "", VD_OK, ""},
        {"T", " ", 0, "", VD_OK, ""},
        {"T | join", " hint.a=b", 0, " U on a", VD_OK, ""},
        {"print a", ",a", 0, "", VD_E_LIMIT, "the query is too large"},
        {"", "let a=1;", 0, "T", VD_OK, ""},
        {"T | extend (a", ",a", 0, ")=f(a)", VD_E_LIMIT, "the query is too large"},
        {"T | extend (a", ",a", 0, "", VD_E_INVALID, "expected ')', found ','"},
        {"T | a", "-a", 0, "", VD_E_INVALID, "there is no operator"},
        {"T | project-away a", "*a", 0, "", VD_OK, ""},
        {"print 1", "1", 0, "", VD_E_INVALID, "the number is too large"},
        {"print 1.", "1", 0, "", VD_E_INVALID, "the number is too long"},
        {"print a", "a", 0, "", VD_OK, ""},
        {"T | where ", "(", 0, "", VD_E_LIMIT, DEEP},
        {"print ", "-", 0, "1", VD_E_LIMIT, DEEP},
        {"print ", "f(", 0, "", VD_E_LIMIT, DEEP},
        {"print ", "a[", 0, "", VD_E_LIMIT, DEEP},
        {"print a", ".a", 0, "", VD_E_LIMIT, DEEP},
        {"print a", "[0]", 0, "", VD_E_LIMIT, DEEP},
        {"print a", "==a", 0, "", VD_E_LIMIT, DEEP},
        {"print a", "+a-a", 0, "", VD_E_LIMIT, DEEP},
        {"print ", "dynamic(", 0, "", VD_E_INVALID, "expected a value that is nested less deeply"},
        {"print dynamic(", "[", 0, "", VD_E_INVALID, "expected a value that is nested less deeply"},
        {"union ", "(union ", 0, "", VD_E_LIMIT, DEEP},
        {"", "let f=(){", 0, "", VD_E_LIMIT, DEEP},
        {"T", "|join(T", 0, "", VD_E_LIMIT, DEEP},
        {"print a in ", "(a in ", 0, "", VD_E_LIMIT, DEEP},
        {"print a between ", "(a between ", 0, "", VD_E_INVALID, ""},
        {"T | mv-expand ", "(", 0, "", VD_E_LIMIT, DEEP},
        {"T", " ", VD_KQL_TEXT_MAX, "", VD_E_LIMIT, "a query has at most 262144 bytes"},
        {"print '", "\xc3\xa9", 0, "\xc3", VD_E_INVALID, "the query is not text in UTF-8"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check(&cases[i]);
    }
}

/* The bound on nesting is exact, and all ways of nesting count. */
static void test_bounds__depth(void **state)
{
    (void)state;
    for (uint32_t depth = 1; depth <= 2 * VD_KQL_DEPTH_MAX; depth++) {
        const bool is_good = depth + 4 <= VD_KQL_DEPTH_MAX;
        const struct bound_case c = {
            "print ", "-", depth, "1", is_good ? VD_OK : VD_E_LIMIT, is_good ? "" : DEEP};

        if (depth + 4 < VD_KQL_DEPTH_MAX || depth > VD_KQL_DEPTH_MAX) {
            check(&c);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds__large_and_deep),
        cmocka_unit_test(test_bounds__depth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
