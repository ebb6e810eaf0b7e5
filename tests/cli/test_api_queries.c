/* SPDX-License-Identifier: MIT */
/* Queries over the local API, saved ones, and what the prompt completes. */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "center/limits.h"
#include "cli/query_prompt.h"
#include "tests/cli/api_fixture.h"

static void expect_row(const char *path, const char *body, const char *row)
{
    json_t *answer = call(200, "POST", path, NULL, body);
    char *text = json_dumps(
        json_array_get(json_object_get(answer, "rows"), 0), JSON_ENCODE_ANY | JSON_COMPACT);

    if (text == NULL || strcmp(text, row) != 0) {
        fail_msg("%s: %s", body, text != NULL ? text : "no row");
    }
    free(text);
    json_decref(answer);
}

static void test_query__kql(void **state)
{
    json_t *answer;

    (void)state;
    expect_row("/query", "{\"kql\":\"print a=1, b='x'\"}", "[1,\"x\"]");
    expect_row("/query",
        "{\"kql\":\"declare query_parameters(n:long, l:dynamic); print n + 1, l[1]\","
        "\"parameters\":{\"n\":41,\"l\":[1,\"two\"]}}",
        "[42,\"\\\"two\\\"\"]");
    expect_row("/query", "{\"kql\":\"SecurityIoTRawEvent | count\",\"timespan\":\"P1D\"}", "[0]");
    answer = call(200, "POST", "/query", NULL, "{\"kql\":\"range x from 1 to 9 step 1\"}");
    assert_true(json_is_true(json_object_get(answer, "truncated")));
    assert_int_equal(json_array_size(json_object_get(answer, "rows")), 3);
    json_decref(answer);
    answer = call(200, "POST", "/query", NULL,
        "{\"kql\":\"declare query_parameters(n:long = 1); print n | render table\",\"explain\":true}");
    assert_non_null(strstr(text_at(answer, NULL, "sql"), "SELECT"));
    assert_string_equal(
        text_at(json_array_get(json_object_get(answer, "parameters"), 0), NULL, "name"), "n");
    assert_string_equal(text_at(answer, "render", "visualization"), "table");
    json_decref(answer);
}

/* ---- Log queries ---- */

/* `rows` of a part of a batch's answer, which is whole or not. */
static void expect_part(const json_t *answer, size_t i, size_t rows, bool is_whole)
{
    const json_t *part = json_array_get(json_object_get(answer, "responses"), i);
    const json_t *body = json_object_get(part, "body");
    const json_t *table = json_array_get(json_object_get(body, "tables"), 0);

    assert_int_equal(json_integer_value(json_object_get(part, "status")), 200);
    assert_int_equal(json_array_size(json_object_get(table, "rows")), rows);
    assert_int_equal(json_object_get(body, "error") == NULL, is_whole);
}

/* The answers of a batch are held at once: together they may hold what one may. */
static void test_batch__shares_its_room(void **state)
{
    static const char wide[] = "range x from 1 to 200000 step 1 | project int(null)";
    static const char item[] =
        "{\"id\":\"%d\",\"workspace\":\"here\",\"body\":{\"query\":\"%s\"}}%s";
    struct vd_buf query = {0};
    struct vd_buf body = {0};
    json_t *answer;

    (void)state;
    snprintf(api.scope.hub, sizeof api.scope.hub, "here");
    vd_buf_append_text(&query, wide);
    for (int i = 1; i < 40; i++) {
        vd_buf_append_text(&query, ", int(null)");
    }
    vd_buf_append(&query, "", 1);
    vd_buf_append_text(&body, "{\"requests\":[");
    vd_buf_printf(&body, item, 1, "print 1, 2", ",");
    vd_buf_printf(&body, item, 2, (const char *)query.data, ",");
    vd_buf_printf(&body, item, 3, "range x from 1 to 50 step 1", "]}");
    vd_buf_append(&body, "", 1);
    assert_int_equal(body.error, VD_OK);
    answer = call(200, "POST", "/v1/$batch", NULL, (const char *)body.data);
    expect_part(answer, 0, 1, true);
    expect_part(answer, 1, VD_QUERY_RESULT_VALUES_MAX / 40 - 1, false);
    expect_part(answer, 2, 0, false);
    json_decref(answer);
    vd_buf_release(&query);
    vd_buf_release(&body);
}

/* ---- Over HTTPS ---- */

static struct vd_api_answer ask_remote(
    const char *token, const char *path, const char *body, const atomic_bool *is_gone)
{
    const struct vd_api_request request = {
        .method = "POST",
        .path = path,
        .body = vd_str_from(body),
        .caller = {.role = VD_ROLE_READER, .token = token, .address = "192.0.2.7"},
        .is_gone = is_gone,
    };
    struct vd_api_answer answer;

    vd_api_call(&api, &request, &answer);
    return answer;
}

static atomic_bool is_over;

static void *ask_for_ever(void *context)
{
    const struct vd_api_answer answer = ask_remote("page", "/query",
        "{\"kql\":\"range x from 1 to 1000000 step 1 | extend k = 1 | join kind=inner (range y from 1 to"
        " 1000000 step 1 | extend k = 1) on k | where hash(x * y) == 5 | count\"}",
        &is_over);

    (void)context;
    json_decref(answer.body);
    return NULL;
}

/* One more is told when to come again. */
static void expect_to_wait(void)
{
    const struct vd_api_caller caller = {
        .role = VD_ROLE_READER, .token = "page", .address = "192.0.2.7"};
    const struct vd_http_request request = {
        .method = "POST", .query = "", .body = VD_STR_LITERAL("{\"kql\":\"print 1\"}")};
    struct vd_http_answer answer = {.status = 500};

    vd_api_answer_http(&api, caller, "/query", &request, &answer);
    assert_int_equal(answer.status, 429);
    assert_int_equal(answer.header_count, 1);
    assert_string_equal(answer.headers[0].name, "Retry-After");
    assert_string_equal(answer.headers[0].value, "5");
    json_decref(answer.body);
}

/* A reader's queries take some of the threads, and not all. */
static void test_query__over_https(void **state)
{
    static const struct {
        const char *path;
        const char *body;
        const char *code;
    } refused[] = {
        {"/query", "{\"kql\":\"print 1\"}", "TooManyQueries"},
        {"/v1/workspaces/here/query", "{\"query\":\"print 1\"}", "ThrottledError"},
    };
    pthread_t threads[VD_QUERIES_TOKEN_MAX];

    (void)state;
    snprintf(api.scope.hub, sizeof api.scope.hub, "here");
    vd_api_set_query_limits(&api, 10, 60000);
    atomic_store(&is_over, false);
    for (size_t i = 0; i < VD_QUERIES_TOKEN_MAX; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, ask_for_ever, NULL), 0);
    }
    while (vd_analytics_queries_running(api.analytics) < VD_QUERIES_TOKEN_MAX) {
        usleep(1000);
    }
    for (size_t i = 0; i < COUNT(refused); i++) {
        const struct vd_api_answer answer =
            ask_remote("page", refused[i].path, refused[i].body, NULL);

        assert_int_equal(answer.status, 429);
        assert_string_equal(text_at(answer.body, "error", "code"), refused[i].code);
        json_decref(answer.body);
    }
    for (size_t i = 0; i < COUNT(refused); i++) {
        const struct vd_api_answer answer =
            ask_remote("other", refused[i].path, refused[i].body, NULL);

        assert_int_equal(answer.status, 200);
        json_decref(answer.body);
    }
    expect_to_wait();
    expect_row("/query", "{\"kql\":\"print 1\"}", "[1]");
    atomic_store(&is_over, true);
    for (size_t i = 0; i < VD_QUERIES_TOKEN_MAX; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
}

static bool has_word(const json_t *list, const char *member, const char *wanted)
{
    const json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
    {
        const char *word = json_string_value(member != NULL ? json_object_get(item, member) : item);

        if (word != NULL && strcmp(word, wanted) == 0) {
            return true;
        }
    }
    return false;
}

static void test_query__names(void **state)
{
    json_t *answer = call(200, "GET", "/query/names", NULL, NULL);
    const json_t *tables = json_object_get(answer, "tables");
    const json_t *operators = json_object_get(answer, "operators");
    const json_t *word;
    size_t i;

    (void)state;
    assert_true(has_word(tables, "name", "SecurityAlert"));
    json_array_foreach(tables, i, word)
    {
        assert_true(has_word(json_object_get(word, "columns"), "name", "TimeGenerated"));
    }
    assert_true(has_word(json_object_get(answer, "functions"), NULL, "strcat"));
    assert_true(has_word(json_object_get(answer, "aggregates"), NULL, "dcount"));
    assert_true(has_word(json_object_get(answer, "keywords"), NULL, "between"));
    assert_true(json_array_size(operators) > 20);
    json_array_foreach(operators, i, word)
    {
        char body[120];
        json_t *fault;

        snprintf(body, sizeof body, "{\"kql\":\"SecurityAlert | %s ~\"}", json_string_value(word));
        fault = call(400, "POST", "/query", NULL, body);
        if (strstr(text_at(fault, "error", "message"), "operator '") != NULL) {
            fail_msg("%s is no operator", json_string_value(word));
        }
        json_decref(fault);
    }
    json_decref(answer);
}

static void test_query__properties_of_a_chart(void **state)
{
    static const char *const wrong[] = {"1", "a = f(b)", "a = 1 + 2", "(a, b) = c", "*"};
    json_t *answer = call(200, "POST", "/query", NULL,
        "{\"kql\":\"print a=1, b=2 | render linechart with (title='T', ycolumns=a, b, kind=stacked)\"}");
    const json_t *columns = json_object_get(json_object_get(answer, "render"), "ycolumns");

    (void)state;
    assert_int_equal(json_array_size(columns), 2);
    assert_string_equal(json_string_value(json_array_get(columns, 1)), "b");
    assert_string_equal(text_at(answer, "render", "title"), "T");
    assert_string_equal(text_at(answer, "render", "kind"), "stacked");
    json_decref(answer);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char body[120];

        snprintf(body, sizeof body, "{\"kql\":\"print a=1 | render table with (%s)\"}", wrong[i]);
        expect(400, "InvalidQuery", "POST", "/query", NULL, body);
    }
}

static void test_query__checked_without_values(void **state)
{
    json_t *answer = call(200, "POST", "/query", NULL,
        "{\"kql\":\"declare query_parameters(device:string, span:timespan = 7d);"
        "SecurityAlert | where CompromisedEntity == device and TimeGenerated > ago(span)"
        "| count | render table\",\"check\":true}");
    const json_t *parameters = json_object_get(answer, "parameters");

    (void)state;
    assert_null(json_object_get(answer, "sql"));
    assert_null(json_object_get(answer, "rows"));
    assert_string_equal(text_at(answer, "render", "visualization"), "table");
    assert_int_equal(json_array_size(parameters), 2);
    assert_string_equal(text_at(json_array_get(parameters, 0), NULL, "type"), "string");
    assert_true(json_is_null(json_object_get(json_array_get(parameters, 0), "default")));
    assert_string_equal(text_at(json_array_get(parameters, 1), NULL, "default"), "7d");
    json_decref(answer);
    answer = call(200, "POST", "/query", NULL, "{\"kql\":\"print 1\\n| wher x\",\"check\":true}");
    assert_non_null(strstr(text_at(answer, "problem", "message"), "line 2, column 3: "));
    parameters = json_object_get(json_object_get(answer, "problem"), "place");
    assert_int_equal(json_integer_value(json_object_get(parameters, "length")), 4);
    json_decref(answer);
}

static void test_query__what_is_wrong_and_where(void **state)
{
    json_t *answer;
    const json_t *place;

    (void)state;
    answer = call(400, "POST", "/query", NULL, "{\"kql\":\"SecurityAlert\\n| wher x\"}");
    place = json_object_get(json_object_get(answer, "error"), "place");
    assert_int_equal(json_integer_value(json_object_get(place, "line")), 2);
    assert_int_equal(json_integer_value(json_object_get(place, "column")), 3);
    assert_int_equal(json_integer_value(json_object_get(place, "offset")), 16);
    assert_int_equal(json_integer_value(json_object_get(place, "length")), 4);
    json_decref(answer);
    expect(400, "InvalidBody", "POST", "/query", NULL, "{\"kql\":5}");
    expect(400, "InvalidBody", "POST", "/query", NULL, "{}");
    expect(400, "InvalidBody", "POST", "/query", NULL, "{\"kql\":\"print 1\",\"timespan\":\"x\"}");
    expect(400, "InvalidBody", "POST", "/query", NULL, "{\"kql\":\"print 1\",\"parameters\":[]}");
    expect(400, "InvalidQuery", "POST", "/query", NULL,
        "{\"kql\":\"print 1\",\"parameters\":{\"x\":1}}");
}

static void test_saved__life(void **state)
{
    json_t *answer;
    size_t delivered;

    (void)state;
    answer = call(200, "GET", "/queries", NULL, NULL);
    delivered = json_array_size(json_object_get(answer, "queries"));
    assert_true(delivered >= 8);
    json_decref(answer);
    answer = call(201, "PUT", "/queries/mine", NULL,
        "{\"query\":\"declare query_parameters(d:string='none'); print d\",\"title\":\"T\"}");
    assert_string_equal(text_at(answer, NULL, "name"), "mine");
    json_decref(answer);
    expect_row("/queries/mine/run", "{}", "[\"none\"]");
    expect_row("/queries/Mine/run", "{\"parameters\":{\"d\":\"') x\"}}", "[\"') x\"]");
    json_decref(call(200, "PUT", "/queries/mine", NULL,
        "{\"query\":\"print 1\",\"schedule\":{\"every\":\"PT5M\"}}"));
    answer = call(200, "GET", "/queries/mine", NULL, NULL);
    assert_true(json_is_string(json_object_get(json_object_get(answer, "state"), "next")));
    json_decref(answer);
    expect(400, "InvalidQuery", "PUT", "/queries/mine", NULL, "{\"query\":\"print\"}");
    expect(400, "InvalidQuery", "PUT", "/queries/a%20b", NULL, "{\"query\":\"print 1\"}");
    expect(409, "DeliveredQuery", "PUT", "/queries/device-alerts", NULL, "{\"query\":\"print 1\"}");
    expect(409, "DeliveredQuery", "DELETE", "/queries/device-alerts", NULL, NULL);
    expect(204, NULL, "DELETE", "/queries/mine", NULL, NULL);
    expect(404, NULL, "DELETE", "/queries/mine", NULL, NULL);
    expect(404, NULL, "GET", "/queries/mine", NULL, NULL);
    expect(404, NULL, "POST", "/queries/mine/run", NULL, "{}");
    answer = call(200, "POST", "/queries/device-unlike-its-group/run", NULL,
        "{\"parameters\":{\"device\":\"nobody\"}}");
    assert_int_equal(json_array_size(json_object_get(answer, "rows")), 0);
    json_decref(answer);
}

/* ---- The prompt ---- */

/* Whether the words that fit have `wanted` among them. */
static bool completes(const char *line, const char *word, const char *wanted)
{
    char **words = vd_query_completions(line, word);
    bool found = false;

    for (size_t i = 0; words != NULL && words[i] != NULL; i++) {
        found = found || (i > 0 && strcmp(words[i], wanted) == 0);
        free(words[i]);
    }
    free(words);
    return found;
}

static void test_prompt__completes(void **state)
{
    (void)state;
    assert_true(completes("Sec", "Sec", "SecurityAlert"));
    assert_true(completes("sec", "sec", "SecurityIoTRawEvent"));
    assert_true(completes("SecurityAlert | wh", "wh", "where"));
    assert_true(completes("SecurityAlert | ", "", "summarize"));
    assert_false(completes("SecurityAlert | Al", "Al", "AlertType"));
    assert_true(completes("SecurityAlert | where Al", "Al", "AlertType"));
    assert_false(completes("AzureActivity | where Al", "Al", "AlertType"));
    assert_true(completes("SecurityAlert | where x == tos", "tos", "tostring("));
    assert_true(completes("SecurityAlert | summarize dco", "dco", "dcount("));
    assert_false(completes("SecurityAlert | summarize dco", "dco", "dcount"));
    assert_true(completes("SecurityAlert | where x betw", "betw", "between"));
    assert_false(completes("SecurityAlert | where zzz", "zzz", "where"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_query__kql, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_batch__shares_its_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_query__over_https, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_query__names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_query__properties_of_a_chart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_query__checked_without_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_query__what_is_wrong_and_where, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_saved__life, set_up, tear_down),
        cmocka_unit_test(test_prompt__completes),
    };

    return cmocka_run_group_tests_name("queries", tests, NULL, NULL);
}
