/* SPDX-License-Identifier: MIT */
/* The twin query language: what it takes, what it refuses and where, what it answers, page by page. */

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "hub/json_write.h"
#include "tests/hub/twin_rows.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct vd_twin_query *parse(const char *text)
{
    struct vd_twin_query *query = NULL;
    struct vd_twin_query_problem problem = {0};

    if (vd_twin_query_parse(vd_str_from(text), &query, &problem) != VD_OK) {
        fail_msg("%s: at %zu, expected %s", text, problem.position, problem.expected);
    }
    return query;
}

static void test_twin_query__conditions(void **state)
{
    static const char row_text[] =
        "{\"deviceId\":\"dev1\",\"status\":\"enabled\",\"tags\":{\"site\":\"a'b\",\"n\":5,\"r\":1.0,"
        "\"yes\":true,\"no\":false,\"nil\":null,\"o\":{\"x\":1},\"p\":{\"x\":1},\"l\":[1,2],\"q\":\"say \\\"so\\\"\","
        "\"odd-name\":1,\"1st\":2,\"a/b\":3,\"count\":4,\"ä\":6},"
        "\"properties\":{\"desired\":{\"$version\":4},\"reported\":{\"fw\":\"1.10\",\"big\":4503599627370495}}}";
    static const struct {
        const char *where;
        bool expected;
    } cases[] = {
        {"deviceId = 'dev1'", true},
        {"deviceid = 'dev1'", false},
        {"deviceId = 'Dev1'", false},
        {"deviceId = \"dev1\"", true},
        {"'dev1' = deviceId", true},
        {"tags.site = 'a''b'", true},
        {"tags.q = \"say \"\"so\"\"\"", true},
        {"tags.n = 5", true},
        {"tags.n=5", true},
        {"tags.n = 5.0", true},
        {"tags.r = 1", true},
        {"tags.n = '5'", false},
        {"tags.n != '5'", true},
        {"tags.n <> 5", false},
        {"tags.n < 6", true},
        {"tags.n < 5", false},
        {"tags.n <= 5", true},
        {"tags.n > 4.5", true},
        {"tags.n >= 5", true},
        {"tags.n > -1", true},
        {"tags.n < 1e3", true},
        {"tags.n < '6'", false},
        {"tags.n > '4'", false},
        {"tags.site > 'a'", true},
        {"tags.site < 'a'", false},
        {"tags.site < 'b'", true},
        {"properties.reported.fw < '1.9'", true},
        {"properties.reported.big = 4503599627370495", true},
        {"properties.reported.big < 4503599627370496", true},
        {"properties.desired.$version = 4", true},
        {"tags.yes", true},
        {"tags.no", false},
        {"tags.n", false},
        {"tags.none", false},
        {"tags.yes = true", true},
        {"tags.yes = TRUE", true},
        {"tags.yes != false", true},
        {"tags.yes > false", false},
        {"tags.yes >= true", true},
        {"tags.nil = null", true},
        {"tags.nil = NULL", true},
        {"tags.nil != null", false},
        {"tags.n != null", true},
        {"tags.none = null", false},
        {"tags.none != 1", false},
        {"tags.none <> tags.none2", false},
        {"NOT tags.none = 1", true},
        {"tags.o = tags.p", true},
        {"tags.o != tags.l", true},
        {"tags.o.x = 1", true},
        {"tags.n.x = 1", false},
        {"tags.odd-name = 1", true},
        {"tags.1st = 2", true},
        {"tags['a/b'] = 3", true},
        {"tags[\"1st\"] = 2", true},
        {"tags.count = 4", true},
        {"tags.\xc3\xa4 = 6", true},
        {"tags.n IN [1, 5]", true},
        {"tags.n in [1, '5', null]", false},
        {"tags.n NIN [1, 2]", true},
        {"tags.n NIN [5]", false},
        {"tags.none NIN [5]", false},
        {"tags.none IN [null]", false},
        {"deviceId IN ['dev0', 'dev1']", true},
        {"'x' IN ['x']", true},
        {"is_defined(tags.site)", true},
        {"IS_DEFINED(tags.none)", false},
        {"is_defined(tags.nil)", true},
        {"is_null(tags.nil)", true},
        {"is_null(tags.none)", false},
        {"is_bool(tags.no)", true},
        {"is_number(tags.r)", true},
        {"is_number(tags.site)", false},
        {"is_string(tags.site)", true},
        {"is_object(tags.o)", true},
        {"is_object(tags.l)", false},
        {"STARTSWITH(deviceId, 'dev')", true},
        {"startswith(deviceId, 'dev11')", false},
        {"startswith(deviceId, '')", true},
        {"startswith(tags.n, '5')", false},
        {"startswith(tags.none, '')", false},
        {"endswith(deviceId, 'v1')", true},
        {"endswith(deviceId, 'ev')", false},
        {"contains(deviceId, 'ev')", true},
        {"contains(deviceId, 'x')", false},
        {"startswith(deviceId, 'dev') = true", true},
        {"not not tags.yes", true},
        {"not tags.yes or tags.yes", true},
        {"not (tags.yes or tags.yes)", false},
        {"tags.yes or tags.no and tags.no", true},
        {"(tags.yes or tags.no) and tags.no", false},
        {"not tags.no and tags.yes", true},
        {"not tags.n = 6", true},
        {"tags.no or tags.no or tags.yes", true},
        {"tags.yes and tags.yes and tags.no", false},
        {"((((tags.n)) = (5)))", true},
        {"(tags.n = 5) = tags.yes", true},
        {"true", true},
        {"\tstatus\r\n=\n'enabled' ", true},
    };
    json_t *row = json_loads(row_text, 0, NULL);

    (void)state;
    assert_non_null(row);
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[256];
        struct vd_twin_query *query;

        (void)snprintf(text, sizeof text, "SELECT * FROM devices WHERE %s", cases[i].where);
        query = parse(text);
        if (vd_twin_query_matches(query, row) != cases[i].expected) {
            fail_msg("%s is not %d", cases[i].where, cases[i].expected);
        }
        vd_twin_query_free(query);
    }
    json_decref(row);
}

static void test_twin_query__refused(void **state)
{
    static const struct {
        const char *text;
        size_t position;
        const char *expected;
    } cases[] = {
        {"", 0, "SELECT"},
        {"  ", 2, "SELECT"},
        {"UPDATE x", 0, "SELECT"},
        {"SELECT", 6, "a path"},
        {"SELECT FROM devices", 7, "a path"},
        {"SELECT *", 8, "FROM"},
        {"SELECT * devices", 9, "FROM"},
        {"SELECT * FROM", 13, "devices or devices.modules"},
        {"SELECT * FROM things", 14, "devices or devices.modules"},
        {"SELECT * FROM devices.jobs", 22, "modules"},
        {"SELECT * FROM devices d", 22, "the end, or what joins it to what stands before"},
        {"SELECT * FROM devices;", 21, "the end, or what joins it to what stands before"},
        {"SELECT *, deviceId FROM devices", 8, "FROM"},
        {"SELECT deviceId, FROM devices", 17, "a path"},
        {"SELECT deviceId AS FROM devices", 19, "a name"},
        {"SELECT tags. FROM devices", 12, "a name"},
        {"SELECT tags. a FROM devices", 12, "a name"},
        {"SELECT tags.a, properties.a FROM devices", 15, "a column with a name of its own (AS)"},
        {"SELECT COUNT( FROM devices", 14, ")"},
        {"SELECT SUM() FROM devices", 11, "a path"},
        {"SELECT COUNT(), deviceId FROM devices", 7, "columns that are in GROUP BY, or functions"},
        {"SELECT * FROM devices GROUP BY status", 7, "columns that are in GROUP BY, or functions"},
        {"SELECT * FROM devices WHERE", 27, "a path, a value, a function or ("},
        {"SELECT * FROM devices WHERE AND", 28, "a path, a value, a function or ("},
        {"SELECT * FROM devices WHERE a =", 31, "a path, a value, a function or ("},
        {"SELECT * FROM devices WHERE a == 1", 31, "a path, a value, a function or ("},
        {"SELECT * FROM devices WHERE a ! 1", 30,
            "the end, or what joins it to what stands before"},
        {"SELECT * FROM devices WHERE a = 'x", 32, "a path, a value, a function or ("},
        {"SELECT * FROM devices WHERE a = 01", 32, "a number of 64 bits, without zeros before it"},
        {"SELECT * FROM devices WHERE a = 1.", 32, "a path, a value, a function or ("},
        {"SELECT * FROM devices WHERE a = 1x", 32, "a path, a value, a function or ("},
        {"SELECT * FROM devices WHERE a = 99999999999999999999", 32,
            "a number of 64 bits, without zeros before it"},
        {"SELECT * FROM devices WHERE (a = 1", 34, ")"},
        {"SELECT * FROM devices WHERE a = 1)", 33,
            "the end, or what joins it to what stands before"},
        {"SELECT * FROM devices WHERE a = 1 b", 34,
            "the end, or what joins it to what stands before"},
        {"SELECT * FROM devices WHERE a < 1 < 2", 34,
            "the end, or what joins it to what stands before"},
        {"SELECT * FROM devices WHERE a IN 1", 33, "["},
        {"SELECT * FROM devices WHERE a IN []", 34, "a value"},
        {"SELECT * FROM devices WHERE a IN [b]", 34, "a value"},
        {"SELECT * FROM devices WHERE a IN [1", 35, ", or ]"},
        {"SELECT * FROM devices WHERE a['']", 30, "a text that is not empty"},
        {"SELECT * FROM devices WHERE a[0]", 30, "a text that is not empty"},
        {"SELECT * FROM devices WHERE is_defined(a", 40, ")"},
        {"SELECT * FROM devices WHERE startswith(a)", 40, ","},
        {"SELECT * FROM devices WHERE unknown(a)", 35,
            "the end, or what joins it to what stands before"},
        {"SELECT status FROM devices GROUP status", 33, "BY"},
        {"SELECT status FROM devices GROUP BY", 35, "a path"},
        {"SELECT status FROM devices GROUP BY status,", 43, "a path"},
        {"SELECT \xff FROM devices", 0, "UTF-8 without NUL"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct vd_twin_query *query = NULL;
        struct vd_twin_query_problem problem = {0};

        assert_int_equal(
            vd_twin_query_parse(vd_str_from(cases[i].text), &query, &problem), VD_E_INVALID);
        assert_null(query);
        if (problem.position != cases[i].position ||
            strcmp(problem.expected, cases[i].expected) != 0) {
            fail_msg("%s: at %zu, expected %s", cases[i].text, problem.position, problem.expected);
        }
    }
}

/* `before`, `count` times `repeated`, `middle`, as often `after`. */
static int parse_repeated(
    const char *before, const char *repeated, const char *middle, const char *after, size_t count)
{
    struct vd_buf text = {0};
    struct vd_twin_query *query = NULL;
    struct vd_twin_query_problem problem = {0};
    int error;

    vd_buf_append_text(&text, before);
    for (size_t i = 0; i < count; i++) {
        vd_buf_append_text(&text, repeated);
    }
    vd_buf_append_text(&text, middle);
    for (size_t i = 0; i < count; i++) {
        vd_buf_append_text(&text, after);
    }
    error = vd_twin_query_parse(
        (struct vd_str){(const char *)text.data, text.length}, &query, &problem);
    assert_true((error == VD_OK) == (query != NULL));
    assert_true(error == VD_OK || problem.expected != NULL);
    vd_twin_query_free(query);
    vd_buf_release(&text);
    return error;
}

#define WHERE "SELECT * FROM devices WHERE "

static void test_twin_query__bounds(void **state)
{
    (void)state;
    assert_int_equal(parse_repeated(WHERE, "(", "a", ")", VD_TWIN_QUERY_DEPTH_MAX), VD_OK);
    assert_int_equal(parse_repeated(WHERE, "(", "a", ")", VD_TWIN_QUERY_DEPTH_MAX + 1), VD_E_LIMIT);
    assert_int_equal(parse_repeated(WHERE, "not ", "a", "", VD_TWIN_QUERY_DEPTH_MAX), VD_OK);
    assert_int_equal(
        parse_repeated(WHERE, "not ", "a", "", VD_TWIN_QUERY_DEPTH_MAX + 1), VD_E_LIMIT);
    assert_int_equal(
        parse_repeated(WHERE, "is_defined(", "a", ")", VD_TWIN_QUERY_DEPTH_MAX), VD_OK);
    assert_int_equal(
        parse_repeated(WHERE, "is_defined(", "a", ")", VD_TWIN_QUERY_DEPTH_MAX + 1), VD_E_LIMIT);
    /* One path, IN and the values; a chain of paths is one term more than they. */
    assert_int_equal(
        parse_repeated(WHERE "a IN [1", ",1", "]", "", VD_TWIN_QUERY_TERMS_MAX - 3), VD_OK);
    assert_int_equal(
        parse_repeated(WHERE "a IN [1", ",1", "]", "", VD_TWIN_QUERY_TERMS_MAX - 2), VD_E_LIMIT);
    assert_int_equal(parse_repeated(WHERE, "a or ", "a", "", VD_TWIN_QUERY_TERMS_MAX - 2), VD_OK);
    assert_int_equal(
        parse_repeated(WHERE, "a or ", "a", "", VD_TWIN_QUERY_TERMS_MAX - 1), VD_E_LIMIT);
    /* The longest text, and paths that fill it. */
    assert_int_equal(
        parse_repeated(WHERE "a", "", "", " ", VD_TWIN_QUERY_MAX_BYTES - strlen(WHERE) - 1), VD_OK);
    assert_int_equal(
        parse_repeated(WHERE "a", "", "", " ", VD_TWIN_QUERY_MAX_BYTES - strlen(WHERE)),
        VD_E_LIMIT);
    assert_int_equal(
        parse_repeated(WHERE "a", ".a", "", "", (VD_TWIN_QUERY_MAX_BYTES - strlen(WHERE)) / 2 - 1),
        VD_OK);
    assert_int_equal(parse_repeated("SELECT a FROM devices GROUP BY a", ",a", "", "",
                         VD_TWIN_QUERY_GROUP_BY_MAX - 1),
        VD_OK);
    assert_int_equal(parse_repeated("SELECT a FROM devices GROUP BY a", ",a", "", "",
                         VD_TWIN_QUERY_GROUP_BY_MAX),
        VD_E_LIMIT);
}

static void test_twin_query__column_bound(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        struct vd_buf text = {0};

        vd_buf_append_text(&text, "SELECT a0");
        for (size_t i = 1; i < VD_TWIN_QUERY_COLUMNS_MAX + over; i++) {
            vd_buf_printf(&text, ",a%zu AS b%zu", i, i);
        }
        vd_buf_append(&text, "", 1);
        assert_int_equal(parse_repeated((const char *)text.data, "", " FROM devices", "", 0),
            over == 0 ? VD_OK : VD_E_LIMIT);
        vd_buf_release(&text);
    }
}

#define FLEET                                                                                 \
    "[{\"deviceId\":\"a\",\"status\":\"enabled\",\"tags\":{\"site\":\"x\",\"n\":1}},"         \
    "{\"deviceId\":\"b\",\"status\":\"disabled\",\"tags\":{\"site\":\"y\",\"n\":2}},"         \
    "{\"deviceId\":\"c\",\"status\":\"enabled\",\"tags\":{\"site\":\"x\",\"n\":4.5}},"        \
    "{\"deviceId\":\"d\",\"moduleId\":\"m\",\"status\":\"enabled\",\"tags\":{\"n\":\"no\"}}," \
    "{\"deviceId\":\"e\",\"status\":\"enabled\",\"tags\":{\"site\":\"x\",\"n\":-3}}]"

static void test_twin_query__answers(void **state)
{
    static const struct {
        const char *text;
        const char *expected;
    } cases[] = {
        {"SELECT deviceId FROM devices WHERE status = 'disabled'", "[{\"deviceId\":\"b\"}]"},
        {"select deviceId as id, tags.n from devices where tags.site = 'x'",
            "[{\"id\":\"a\",\"n\":1},{\"id\":\"c\",\"n\":4.5},{\"id\":\"e\",\"n\":-3}]"},
        {"SELECT tags FROM devices WHERE deviceId = 'b'", "[{\"tags\":{\"site\":\"y\",\"n\":2}}]"},
        {"SELECT tags.site FROM devices.modules WHERE is_defined(moduleId)", "[{}]"},
        {"SELECT * FROM devices WHERE deviceId = 'b'",
            "[{\"deviceId\":\"b\",\"status\":\"disabled\",\"tags\":{\"site\":\"y\",\"n\":2}}]"},
        {"SELECT * FROM devices WHERE false", "[]"},
        {"SELECT COUNT() AS n FROM devices", "[{\"n\":5}]"},
        {"SELECT count() FROM devices WHERE false", "[{\"count\":0}]"},
        {"SELECT SUM(tags.n) FROM devices WHERE false", "[{}]"},
        {"SELECT COUNT() AS n, status FROM devices GROUP BY status",
            "[{\"status\":\"enabled\",\"n\":4},{\"status\":\"disabled\",\"n\":1}]"},
        {"SELECT tags.site, COUNT() AS n FROM devices GROUP BY tags.site",
            "[{\"site\":\"x\",\"n\":3},{\"site\":\"y\",\"n\":1},{\"n\":1}]"},
        {"SELECT tags.site AS s, status, COUNT() AS n FROM devices WHERE tags.site = 'x' "
         "GROUP BY status, tags.site",
            "[{\"s\":\"x\",\"status\":\"enabled\",\"n\":3}]"},
        {"SELECT COUNT() AS n FROM devices WHERE false GROUP BY status", "[]"},
        {"SELECT status FROM devices GROUP BY status",
            "[{\"status\":\"enabled\"},{\"status\":\"disabled\"}]"},
        {"SELECT SUM(tags.n) AS s, AVG(tags.n) AS a, MIN(tags.n) AS lo, MAX(tags.n) AS hi FROM devices",
            "[{\"s\":4.5,\"a\":1.125,\"lo\":-3,\"hi\":4.5}]"},
        {"SELECT SUM(tags.n) FROM devices WHERE tags.n IN [1, 2, -3]", "[{\"sum\":0}]"},
        {"SELECT MIN(tags.site) AS m FROM devices", "[{}]"},
    };
    static const struct vd_twin_query_position start = {.device_id = ""};
    struct twin_rows rows;

    (void)state;
    twin_rows_init(&rows, FLEET);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct vd_twin_query *query = parse(cases[i].text);
        struct vd_twin_query_source source = twin_rows_source(&rows, &start);
        struct vd_twin_query_page page;
        struct vd_buf text = {0};

        assert_int_equal(vd_twin_query_run(query, &source, 100, 100, &page), VD_OK);
        assert_string_equal(page.continuation, "");
        assert_int_equal(page.scanned, 5);
        vd_json_write(page.rows, &text);
        if (!vd_str_equal_text(
                (struct vd_str){(const char *)text.data, text.length}, cases[i].expected)) {
            fail_msg("%s: %.*s", cases[i].text, (int)text.length, text.data);
        }
        assert_int_equal(
            vd_twin_query_is_of_modules(query), strstr(cases[i].text, ".modules") != NULL);
        assert_int_equal(vd_twin_query_is_whole(query), strchr(cases[i].text, '*') != NULL);
        json_decref(page.rows);
        vd_buf_release(&text);
        vd_twin_query_free(query);
    }
    twin_rows_release(&rows);
}

/* However small the pages, together they are the one large page. */
static void test_twin_query__pages(void **state)
{
    struct vd_twin_query *query = parse("SELECT deviceId FROM devices WHERE status = 'enabled'");
    struct twin_rows rows;

    (void)state;
    twin_rows_init(&rows, FLEET);
    for (size_t max_rows = 1; max_rows < 6; max_rows++) {
        for (size_t max_scanned = 1; max_scanned < 7; max_scanned++) {
            struct vd_twin_query_page page = {.rows = NULL};
            struct vd_buf ids = {0};

            do {
                struct vd_twin_query_position position;
                struct vd_twin_query_source source;

                assert_int_equal(
                    vd_twin_query_resume(query, vd_str_from(page.continuation), &position), VD_OK);
                source = twin_rows_source(&rows, &position);
                assert_int_equal(
                    vd_twin_query_run(query, &source, max_rows, max_scanned, &page), VD_OK);
                assert_true(json_array_size(page.rows) <= max_rows);
                assert_true(page.scanned <= max_scanned);
                for (size_t i = 0; i < json_array_size(page.rows); i++) {
                    json_t *id = json_object_get(json_array_get(page.rows, i), "deviceId");

                    vd_buf_append_text(&ids, json_string_value(id));
                }
                json_decref(page.rows);
            } while (page.continuation[0] != '\0');
            assert_int_equal(ids.length, 4);
            assert_memory_equal(ids.data, "acde", 4);
            vd_buf_release(&ids);
        }
    }
    vd_twin_query_free(query);
    twin_rows_release(&rows);
}

static void test_twin_query__continuation_is_checked(void **state)
{
    static const char *const damaged[] = {"1", "1-", "x", "1-0000000000000000-a/", "1-zz",
        "2-0000000000000000-a/", "1-0000000000000000-a", "1-0000000000000000-/",
        "1-0000000000000000-%/"};
    struct vd_twin_query *query = parse("SELECT * FROM devices");
    struct vd_twin_query *other = parse("SELECT *  FROM devices");
    struct vd_twin_query_position position = {.device_id = "untouched"};
    struct vd_twin_query_page page;
    struct vd_twin_query_source source;
    struct twin_rows rows;

    (void)state;
    for (size_t i = 0; i < COUNT(damaged); i++) {
        assert_int_equal(
            vd_twin_query_resume(query, vd_str_from(damaged[i]), &position), VD_E_INVALID);
        assert_string_equal(position.device_id, "untouched");
    }
    twin_rows_init(&rows, FLEET);
    source = twin_rows_source(&rows, &(struct vd_twin_query_position){.device_id = ""});
    assert_int_equal(vd_twin_query_run(query, &source, 4, 100, &page), VD_OK);
    json_decref(page.rows);
    assert_int_equal(
        vd_twin_query_resume(other, vd_str_from(page.continuation), &position), VD_E_INVALID);
    for (size_t i = 0; page.continuation[i] != '\0'; i++) {
        page.continuation[i] ^= 1;
        assert_int_equal(
            vd_twin_query_resume(query, vd_str_from(page.continuation), &position), VD_E_INVALID);
        page.continuation[i] ^= 1;
    }
    assert_int_equal(vd_twin_query_resume(query, vd_str_from(page.continuation), &position), VD_OK);
    assert_string_equal(position.device_id, "d");
    assert_string_equal(position.module_id, "m");
    vd_twin_query_free(query);
    vd_twin_query_free(other);
    twin_rows_release(&rows);
}

/* The longest ids, of which each byte must be encoded, fit. */
static int next_long(void *context, json_t **row, struct vd_twin_query_position *position)
{
    (void)context;
    memset(position, 0, sizeof *position);
    memset(position->device_id, '\'', VD_ID_MAX);
    memset(position->module_id, '#', VD_ID_MAX);
    *row = json_object();
    return VD_OK;
}

static void test_twin_query__longest_continuation(void **state)
{
    struct vd_twin_query *query = parse("SELECT * FROM devices.modules");
    struct vd_twin_query_source source = {next_long, NULL};
    struct vd_twin_query_page page;
    struct vd_twin_query_position position;

    (void)state;
    assert_int_equal(vd_twin_query_run(query, &source, 3, 100, &page), VD_OK);
    assert_int_equal(json_array_size(page.rows), 3);
    assert_int_equal(strlen(page.continuation), VD_TWIN_QUERY_CONTINUATION_SIZE - 1);
    assert_int_equal(vd_twin_query_resume(query, vd_str_from(page.continuation), &position), VD_OK);
    assert_int_equal(strlen(position.module_id), VD_ID_MAX);
    json_decref(page.rows);
    vd_twin_query_free(query);
}

static void test_twin_query__source_fails(void **state)
{
    static const char *const texts[] = {"SELECT * FROM devices", "SELECT COUNT() FROM devices",
        "SELECT MAX(tags.n) AS m, status FROM devices GROUP BY status"};
    struct twin_rows rows;

    (void)state;
    twin_rows_init(&rows, FLEET);
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct vd_twin_query *query = parse(texts[i]);
        struct vd_twin_query_page page = {.scanned = 77};
        struct vd_twin_query_source source =
            twin_rows_source(&rows, &(struct vd_twin_query_position){.device_id = ""});

        rows.fail_at = 4;
        assert_int_equal(vd_twin_query_run(query, &source, 100, 100, &page), VD_E_IO);
        assert_int_equal(page.scanned, 77);
        vd_twin_query_free(query);
    }
    twin_rows_release(&rows);
}

struct counter {
    size_t next;
    size_t count;
};

/* Each row is a group of its own. */
static int next_counted(void *context, json_t **row, struct vd_twin_query_position *position)
{
    struct counter *counter = context;

    if (counter->next == counter->count) {
        return VD_E_NOT_FOUND;
    }
    *position = (struct vd_twin_query_position){.device_id = "d"};
    *row = json_pack("{s:I}", "n", (json_int_t)counter->next++);
    return VD_OK;
}

static void test_twin_query__group_bound(void **state)
{
    struct vd_twin_query *query =
        parse("SELECT n, COUNT() AS c, MAX(n) AS m FROM devices GROUP BY n");

    (void)state;
    for (size_t over = 0; over < 2; over++) {
        struct counter counter = {0, VD_TWIN_QUERY_GROUPS_MAX + over};
        struct vd_twin_query_source source = {next_counted, &counter};
        struct vd_twin_query_page page = {.rows = NULL};

        assert_int_equal(
            vd_twin_query_run(query, &source, 1, 1, &page), over == 0 ? VD_OK : VD_E_LIMIT);
        assert_int_equal(json_array_size(page.rows), over == 0 ? VD_TWIN_QUERY_GROUPS_MAX : 0);
        json_decref(page.rows);
    }
    vd_twin_query_free(query);
}

/* Which of jansson's allocations fails: the one that brings it to 0; below 0 none does. */
static long until_failure = -1;

static void *failing_malloc(size_t size)
{
    return until_failure >= 0 && until_failure-- == 0 ? NULL : malloc(size);
}

/* Every allocation of a page fails once: an error then, no page, nothing lost. */
static void test_twin_query__out_of_memory(void **state)
{
    static const char *const texts[] = {"SELECT deviceId, tags.n FROM devices",
        "SELECT COUNT() AS c, SUM(tags.n) AS s, MIN(tags.n) AS m, tags.site FROM devices GROUP BY tags.site"};
    int failures = 0;
    struct twin_rows rows;

    (void)state;
    json_set_alloc_funcs(failing_malloc, free);
    twin_rows_init(&rows, FLEET);
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct vd_twin_query *query = parse(texts[i]);
        int error = VD_E_NOMEM;

        for (long n = 0; error != VD_OK; n++) {
            struct vd_twin_query_page page = {.rows = NULL};
            struct vd_twin_query_source source =
                twin_rows_source(&rows, &(struct vd_twin_query_position){.device_id = ""});

            until_failure = n;
            error = vd_twin_query_run(query, &source, 100, 100, &page);
            until_failure = -1;
            assert_true(error == VD_OK || error == VD_E_NOMEM);
            assert_true((error == VD_OK) == (page.rows != NULL));
            failures += error != VD_OK;
            json_decref(page.rows);
        }
        vd_twin_query_free(query);
    }
    twin_rows_release(&rows);
    json_set_alloc_funcs(malloc, free);
    assert_true(failures > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_twin_query__conditions),
        cmocka_unit_test(test_twin_query__refused),
        cmocka_unit_test(test_twin_query__bounds),
        cmocka_unit_test(test_twin_query__column_bound),
        cmocka_unit_test(test_twin_query__answers),
        cmocka_unit_test(test_twin_query__pages),
        cmocka_unit_test(test_twin_query__continuation_is_checked),
        cmocka_unit_test(test_twin_query__longest_continuation),
        cmocka_unit_test(test_twin_query__source_fails),
        cmocka_unit_test(test_twin_query__group_bound),
        cmocka_unit_test(test_twin_query__out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
