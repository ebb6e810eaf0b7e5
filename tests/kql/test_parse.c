/* SPDX-License-Identifier: MIT */
/* Trees and errors of parse.txt: behind the lines of a query, which begin with "> ", its tree, or "! line:column+length text". */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "center/kql/functions.h"
#include "center/kql/syntax.h"
#include "tests/kql/generate.h"
#include "tests/kql/query_text.h"

#define LINE_SIZE 4096
#define PAGE_SIZE (1 << 20)
#define TEXT(text)               \
    {                            \
        (text), sizeof(text) - 1 \
    }

static bool is_same(const struct vd_buf *a, const struct vd_buf *b)
{
    return a->length == b->length && (a->length == 0 || memcmp(a->data, b->data, a->length) == 0);
}

/* Written as a query and read again, the tree that was printed to `first` is the same. */
static void check_again(const struct vd_kql_node *tree, const struct vd_buf *first)
{
    struct vd_arena arena = {0};
    struct vd_kql_node *again = NULL;
    struct vd_kql_problem problem = {0};
    struct vd_buf text = {0};
    struct vd_buf second = {0};

    kql_query_text(tree, &text);
    if (vd_kql_parse((struct vd_str){(const char *)text.data, text.length}, &arena, &again,
            &problem) == VD_OK) {
        vd_kql_tree_print(again, &second);
    }
    if (!is_same(first, &second)) {
        fail_msg("%.*s\nbecomes\n%.*s\n%s", (int)first->length, (const char *)first->data,
            (int)text.length, (const char *)text.data, problem.text);
    }
    vd_arena_release(&arena);
    vd_buf_release(&text);
    vd_buf_release(&second);
}

/* What is printed of a query: its tree, or its error. */
static void describe(struct vd_str query, struct vd_buf *out)
{
    struct vd_arena arena = {0};
    struct vd_kql_node *tree = NULL;
    struct vd_kql_problem problem = {0};
    const int error = vd_kql_parse(query, &arena, &tree, &problem);

    vd_buf_clear(out);
    if (error == VD_OK) {
        vd_kql_tree_print(tree, out);
        check_again(tree, out);
    } else {
        assert_true(error == VD_E_INVALID || error == VD_E_LIMIT);
        assert_true(problem.is_syntax);
        vd_kql_problem_locate(&problem, query);
        vd_buf_printf(
            out, "! %u:%u+%u %s\n", problem.line, problem.column, problem.length, problem.text);
    }
    vd_arena_release(&arena);
}

struct checked {
    unsigned cases;
    unsigned failures;
};

static void check(struct checked *checked, struct vd_buf *query, const struct vd_buf *expected)
{
    struct vd_buf found = {0};

    if (query->length == 0) {
        return;
    }
    query->length--; /* of the last line */
    describe((struct vd_str){(const char *)query->data, query->length}, &found);
    checked->cases++;
    if (!is_same(&found, expected)) {
        checked->failures++;
        print_error("%.*s\nis to be\n%.*sand is\n%.*s\n", (int)query->length,
            (const char *)query->data, (int)expected->length, (const char *)expected->data,
            (int)found.length, (const char *)found.data);
    }
    vd_buf_release(&found);
}

static void test_parse__gives_what_the_file_says(void **state)
{
    FILE *file = fopen(VD_SOURCE_DIR "/tests/kql/parse.txt", "r");
    struct vd_buf query = {0};
    struct vd_buf expected = {0};
    struct checked checked = {0};
    char line[LINE_SIZE];

    (void)state;
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] == '>') {
            if (expected.length > 0) {
                check(&checked, &query, &expected);
                vd_buf_clear(&query);
                vd_buf_clear(&expected);
            }
            vd_buf_append_text(&query, line[1] == ' ' ? line + 2 : line + 1);
        } else if (line[0] != '#' && line[0] != '\n') {
            vd_buf_append_text(&expected, line);
        }
    }
    check(&checked, &query, &expected);
    fclose(file);
    vd_buf_release(&query);
    vd_buf_release(&expected);
    assert_int_equal(checked.failures, 0);
    assert_true(checked.cases > 150);
}

/* A NUL, and bytes that are not UTF-8, cannot stand in the file. */
static void test_parse__bytes(void **state)
{
    static const struct {
        struct vd_str query;
        struct vd_str found;
    } cases[] = {
        {TEXT("print 'a\0b'"), TEXT("! 1:9+0 the query is not text in UTF-8, without NUL\n")},
        {TEXT("T\0"), TEXT("! 1:2+0 the query is not text in UTF-8, without NUL\n")},
        {TEXT("print '\xc3'"), TEXT("! 1:8+0 the query is not text in UTF-8, without NUL\n")},
        {TEXT("T | where x == '\xe2\x82\xac' y"),
            TEXT("! 1:20+1 expected '|', an operator or the end of the query, found 'y'\n")},
        {TEXT(""), TEXT("! 1:1+0 expected a query, found the end of the query\n")},
        {TEXT(" \n\t"), TEXT("! 2:2+0 expected a query, found the end of the query\n")},
        {TEXT("T | union hin"), TEXT("QUERY\n  PIPE\n    NAME T\n    UNION\n      NAME hin\n")},
    };
    struct vd_buf found = {0};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        /* A copy of its own, so that reading behind its end is seen. */
        char *copy = malloc(cases[i].query.length > 0 ? cases[i].query.length : 1);

        assert_non_null(copy);
        memcpy(copy, cases[i].query.data, cases[i].query.length);
        describe((struct vd_str){copy, cases[i].query.length}, &found);
        if (found.length != cases[i].found.length) {
            fail_msg("%.*s", (int)found.length, (const char *)found.data);
        }
        assert_memory_equal(found.data, cases[i].found.data, found.length);
        free(copy);
    }
    vd_buf_release(&found);
}

/* Random queries. */
static void test_parse__again(void **state)
{
    struct vd_buf found = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct vd_buf query = {0};

        generate_query(seed, &query);
        describe((struct vd_str){(const char *)query.data, query.length}, &found);
        assert_true(found.length > 0 && found.data[0] != '!');
        vd_buf_release(&query);
    }
    vd_buf_release(&found);
}

/* ---- docs/queries.md ---- */

static void expect_no_operator(struct vd_str name)
{
    struct vd_buf query = {0};
    struct vd_buf found = {0};
    struct vd_buf expected = {0};

    vd_buf_printf(&query, "T | %.*s", VD_STR_ARG(name));
    vd_buf_printf(&expected, "! 1:5+%zu the operator '%.*s' is not supported\n", name.length,
        VD_STR_ARG(name));
    describe((struct vd_str){(const char *)query.data, query.length}, &found);
    if (!is_same(&found, &expected)) {
        fail_msg("docs/queries.md says that '%.*s' is no operator: %.*s", VD_STR_ARG(name),
            (int)found.length, (const char *)found.data);
    }
    vd_buf_release(&query);
    vd_buf_release(&found);
    vd_buf_release(&expected);
}

static void expect_no_function(struct vd_str name)
{
    const bool is_begin = name.data[name.length - 1] == '*';
    const size_t length = name.length - (is_begin ? 1 : 0);

    for (enum vd_kql_role role = VD_KQL_SCALAR; role < VD_KQL_ROLE_COUNT; role++) {
        for (const char *const *one = vd_kql_function_names(role); *one != NULL; one++) {
            if (strncmp(*one, name.data, length) == 0 && (is_begin || (*one)[length] == '\0')) {
                fail_msg("docs/queries.md says that there is no function '%s'", *one);
            }
        }
    }
}

/* Calls `expect` with each word in backticks from `begin` of the page to the end of its sentence; returns how many. */
static unsigned words_of(const char *page, const char *begin, void (*expect)(struct vd_str name))
{
    const char *at = strstr(page, begin);
    unsigned count = 0;
    const char *end;

    assert_non_null(at);
    at += strlen(begin);
    end = strchr(at, '.');
    while ((at = strchr(at, '`')) != NULL && at < end) {
        const char *close = strchr(at + 1, '`');

        assert_non_null(close);
        expect((struct vd_str){at + 1, (size_t)(close - at - 1)});
        at = close + 1;
        count++;
    }
    return count;
}

static void test_parse__page_of_what_is_not_supported(void **state)
{
    FILE *file = fopen(VD_SOURCE_DIR "/docs/queries.md", "r");
    char *page = calloc(1, PAGE_SIZE);

    (void)state;
    assert_non_null(file);
    assert_non_null(page);
    assert_true(fread(page, 1, PAGE_SIZE - 1, file) > 0);
    fclose(file);
    assert_true(words_of(page, "Operators that are not here", expect_no_operator) > 15);
    assert_true(words_of(page, "(`*`: all that begin so)", expect_no_function) > 15);
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse__gives_what_the_file_says),
        cmocka_unit_test(test_parse__bytes),
        cmocka_unit_test(test_parse__again),
        cmocka_unit_test(test_parse__page_of_what_is_not_supported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
