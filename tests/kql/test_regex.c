/* SPDX-License-Identifier: MIT */
/* The check of regular expressions refuses what DuckDB's RE2 refuses, and nothing else. */

#include <duckdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "center/kql/regex.h"

struct world {
    duckdb_database database;
    duckdb_connection connection;
};

static int set_up(void **state)
{
    static struct world world;

    assert_int_equal(duckdb_open(NULL, &world.database), DuckDBSuccess);
    assert_int_equal(duckdb_connect(world.database, &world.connection), DuckDBSuccess);
    assert_int_equal(duckdb_query(world.connection, "SET threads = 1", NULL), DuckDBSuccess);
    *state = &world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;

    duckdb_disconnect(&world->connection);
    duckdb_close(&world->database);
    return 0;
}

static bool database_takes(struct world *world, struct vd_str pattern)
{
    struct vd_buf sql = {0};
    duckdb_result result;
    bool takes;

    vd_buf_append_text(&sql, "SELECT regexp_extract_all(x, '");
    for (size_t i = 0; i < pattern.length; i++) {
        vd_buf_append(&sql, pattern.data + i, 1);
        vd_buf_append(&sql, "'", pattern.data[i] == '\'' ? 1 : 0);
    }
    vd_buf_append_text(&sql, "') FROM (VALUES ('a')) t(x)");
    vd_buf_append(&sql, "", 1);
    assert_int_equal(sql.error, VD_OK);
    takes = duckdb_query(world->connection, (const char *)sql.data, &result) == DuckDBSuccess;
    duckdb_destroy_result(&result);
    vd_buf_release(&sql);
    return takes;
}

/* What is refused, where, and words of why. */
static void test_regex__says_what_is_wrong(void **state)
{
    static const struct {
        const char *pattern;
        size_t offset;
        const char *text;
    } cases[] = {
        {"a(b", 1, "'(' has no ')'"},
        {"((a)", 0, "'(' has no ')'"},
        {"a)b", 1, "')' without '('"},
        {"x[ab", 1, "'[' has no ']'"},
        {"[]", 0, "'[' has no ']'"},
        {"[z-a]", 1, "'z-a'"},
        {"[ä-a]", 1, "'ä-a'"},
        {"[[:foo:]]", 1, "'[:foo:]'"},
        {"*a", 0, "nothing that '*' repeats"},
        {"a|*", 2, "nothing that '*' repeats"},
        {"(+)", 1, "nothing that '+' repeats"},
        {"a**", 2, "'*' repeats a repetition"},
        {"a+*?", 2, "'*?' repeats a repetition"},
        {"a{2}{3}", 4, "'{3}' repeats a repetition"},
        {"a{1001}", 1, "'{1001}'"},
        {"a{3,2}", 1, "'{3,2}'"},
        {"\\q", 0, "escape '\\q'"},
        {"\\ä", 0, "escape '\\ä'"},
        {"(a)\\1", 3, "references to groups: '\\1'"},
        {"a\\", 1, "nothing follows"},
        {"\\x{110000}", 0, "there is no character"},
        {"\\xg", 0, "hexadecimal"},
        {"(?=a)", 0, "looking ahead"},
        {"a(?<!b)", 1, "looking ahead or behind: '(?<!'"},
        {"(?P<a-b>c)", 0, "a name"},
        {"(?z)", 0, "no group begins with '(?z'"},
        {"\\pX", 0, "class of Unicode"},
        {"\\p{Greeek}", 0, ""},
        {"\\p{Greek", 0, "has no '}'"},
    };
    struct world *world = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct vd_str pattern = vd_str_from(cases[i].pattern);
        struct vd_kql_regex_problem problem;
        const bool ok = vd_kql_regex_check(pattern, &problem);

        if (cases[i].text[0] == '\0') {
            assert_true(ok); /* not judged */
        } else if (ok || problem.offset != cases[i].offset ||
            strstr(problem.text, cases[i].text) == NULL) {
            fail_msg("%s: %zu %s", cases[i].pattern, problem.offset, problem.text);
        }
        assert_false(database_takes(world, pattern));
    }
}

static void test_regex__takes(void **state)
{
    static const char *const patterns[] = {"", "a", "()", "()*", "(|a)", "^*", "$+", "a{,2}",
        "a{01}", "{", "a{", "}", "]", "[]a]", "[^]a]", "[a-]", "[-a]", "[\\d-z]",
        "[[:^alpha:][:digit:]_]", "[[:alpha]", "a{0}", "a{1000}", "a{2,}?", "(?i)a", "(?i-s:a)",
        "(?P<name>a)(?:b)", "(?sU)a", "\\Q*(\\E", "\\Qa", "\\A\\z\\b\\B",
        "\\x41\\x{1F600}\\07\\012\\0", "\\_\\-\\.\\/\\@", "\\pL\\p{Greek}\\PN", "a*(?i)*", "ä+",
        "\\d+\\.\\d+", "(?i)(foo|bar)\\s*=\\s*\"([^\"]*)\""};
    struct world *world = *state;

    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        struct vd_kql_regex_problem problem;

        if (!vd_kql_regex_check(vd_str_from(patterns[i]), &problem)) {
            fail_msg("%s: %s", patterns[i], problem.text);
        }
        if (!database_takes(world, vd_str_from(patterns[i]))) {
            fail_msg("%s: not of DuckDB", patterns[i]);
        }
    }
}

static uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

static void test_regex__is_of_one_mind_with_the_database(void **state)
{
    static const char *const pieces[] = {"a", "b", "-", "é", "(", ")", "(?:", "(?i)", "(?", "?",
        ":", "<", "?P", "n", ">", "[", "]", "[^", "[:", ":]", "alpha", "*", "+", "?", "{", "}", "2",
        "0", "1", ",", "|", "^", "$", "\\", "\\d", "\\b", "\\Q", "\\E", "\\x", "\\pL", "{2}", ".",
        "s", "i", "\\n", "q", "_", " ", "'"};
    struct world *world = *state;
    uint64_t seed = 7;
    unsigned refused = 0;

    for (int round = 0; round < 4000; round++) {
        struct vd_buf pattern = {0};
        struct vd_kql_regex_problem problem;
        const uint32_t length = 1 + next_random(&seed) % 9;
        bool ok;

        for (uint32_t i = 0; i < length; i++) {
            vd_buf_append_text(
                &pattern, pieces[next_random(&seed) % (sizeof pieces / sizeof pieces[0])]);
        }
        ok = vd_kql_regex_check(
            (struct vd_str){(const char *)pattern.data, pattern.length}, &problem);
        refused += ok ? 0 : 1;
        if (database_takes(world, (struct vd_str){(const char *)pattern.data, pattern.length}) !=
            ok) {
            fail_msg("'%.*s' is %s, %s", (int)pattern.length, (const char *)pattern.data,
                ok ? "taken" : "refused", problem.text);
        }
        vd_buf_release(&pattern);
    }
    assert_in_range(refused, 400, 3600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regex__says_what_is_wrong),
        cmocka_unit_test(test_regex__takes),
        cmocka_unit_test(test_regex__is_of_one_mind_with_the_database),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
