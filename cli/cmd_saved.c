/* SPDX-License-Identifier: MIT */
/* `vedette saved`: queries that are kept, and those that run by themselves. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "center/saved_query.h"
#include "cli/commands.h"
#include "cli/list.h"
#include "cli/read_file.h"

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

/* NULL: the failure was told. */
static json_t *call_saved(const struct vd_invocation *invocation, const char *method, json_t *body)
{
    char *encoded = vd_client_encode(invocation->arguments[0]);
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    char path[600];
    const struct vd_api_request request = {
        .method = method, .path = path, .body = vd_str_from(text != NULL ? text : "")};
    json_t *answer = NULL;

    if (encoded == NULL || (body != NULL && text == NULL)) {
        vd_cli_fail("the name and the texts are to be UTF-8");
    } else {
        snprintf(path, sizeof path, "/queries/%s", encoded);
        answer = vd_client_json(invocation->data_dir, &request);
    }
    free(encoded);
    free(text);
    return answer;
}

static const char *schedule_text(const json_t *query, char out[80])
{
    const json_t *schedule = json_object_get(query, "schedule");

    if (!json_is_object(schedule)) {
        return "";
    }
    snprintf(out, 80, "%s%.30s%s%.30s", "every ", text_of(schedule, "every"),
        json_object_get(schedule, "over") != NULL ? " over " : "", text_of(schedule, "over"));
    return json_is_null(json_object_get(json_object_get(query, "state"), "next")) ? "at rest" : out;
}

static void add_query(struct vd_table *table, const json_t *one)
{
    char schedule[80];

    vd_table_add(table, text_of(one, "name"));
    vd_table_add(table, text_of(one, "category"));
    vd_table_add(table, schedule_text(one, schedule));
    vd_table_add(table, text_of(json_object_get(one, "state"), "error"));
    vd_table_add(table, text_of(one, "title"));
}

static int saved_list(const struct vd_invocation *invocation)
{
    static const char *const columns[] = {"NAME", "CATEGORY", "SCHEDULE", "PROBLEM", "TITLE"};
    static const struct vd_list list = {.rows = "queries",
        .columns = columns,
        .column_count = 5,
        .add = add_query,
        .is_answer_printed = true};

    return vd_cli_list_at(invocation, &list, "/queries");
}

static void print_state(const json_t *state)
{
    printf("// looked until %s, next run %s, last run %s: %lld rows, %lld alerts raised, %lld "
           "repeated\n",
        text_of(state, "coveredTo"),
        json_is_null(json_object_get(state, "next")) ? "none" : text_of(state, "next"),
        json_is_null(json_object_get(state, "lastRun")) ? "none" : text_of(state, "lastRun"),
        (long long)json_integer_value(json_object_get(state, "rows")),
        (long long)json_integer_value(json_object_get(state, "raised")),
        (long long)json_integer_value(json_object_get(state, "repeated")));
    if (json_is_string(json_object_get(state, "error"))) {
        printf("// the last run failed: ");
        vd_print_safe(text_of(state, "error"));
        printf("\n");
    }
}

static int print_one(const struct vd_invocation *invocation, json_t *query)
{
    char schedule[80];

    if (query == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(query);
        json_decref(query);
        return VD_EXIT_OK;
    }
    if (text_of(query, "title")[0] != '\0') {
        printf("// ");
        vd_print_safe(text_of(query, "title"));
        printf("\n");
    }
    if (text_of(query, "description")[0] != '\0') {
        printf("// ");
        vd_print_safe(text_of(query, "description"));
        printf("\n");
    }
    if (json_object_get(query, "state") != NULL) {
        printf("// %s\n", schedule_text(query, schedule));
        print_state(json_object_get(query, "state"));
    }
    puts(text_of(query, "query"));
    json_decref(query);
    return VD_EXIT_OK;
}

static int saved_show(const struct vd_invocation *invocation)
{
    return print_one(invocation, call_saved(invocation, "GET", NULL));
}

/* NULL: there is none. */
static json_t *schedule_of(const struct vd_invocation *invocation)
{
    const char *rows = vd_invocation_value(invocation, "rows-above");

    if (vd_invocation_value(invocation, "every") == NULL) {
        return NULL;
    }
    return json_pack("{s:s, s:s*, s:s*, s:s*, s:o*}", "every",
        vd_invocation_value(invocation, "every"), "over", vd_invocation_value(invocation, "over"),
        "severity", vd_invocation_value(invocation, "severity"), "deviceColumn",
        vd_invocation_value(invocation, "device-column"), "rowsAbove",
        rows != NULL ? json_integer(strtoll(rows, NULL, 10)) : NULL);
}

static int saved_set(const struct vd_invocation *invocation)
{
    struct vd_buf text = {.max = VD_SAVED_QUERY_TEXT_MAX + 1};
    json_t *body = NULL;
    json_t *answer = NULL;

    if (vd_invocation_value(invocation, "every") == NULL &&
        (vd_invocation_value(invocation, "over") != NULL ||
            vd_invocation_value(invocation, "severity") != NULL)) {
        return vd_cli_usage(invocation, "a schedule needs --every");
    }
    if (vd_read_file(
            invocation->arguments[1], "a saved query has no more than 65536 bytes", &text)) {
        vd_buf_append(&text, "", 1);
        body = json_pack("{s:s, s:s*, s:s*, s:s*, s:o*}", "query",
            text.data != NULL ? (const char *)text.data : "", "title",
            vd_invocation_value(invocation, "title"), "description",
            vd_invocation_value(invocation, "description"), "category",
            vd_invocation_value(invocation, "category"), "schedule", schedule_of(invocation));
        answer = body != NULL ? call_saved(invocation, "PUT", body) : NULL;
        if (body == NULL) {
            vd_cli_fail("the query and its texts are to be UTF-8");
        }
    }
    json_decref(body);
    vd_buf_release(&text);
    return print_one(invocation, answer);
}

static int saved_delete(const struct vd_invocation *invocation)
{
    return vd_cli_deleted(invocation, call_saved(invocation, "DELETE", NULL));
}

static const struct vd_option set_options[] = {
    {"title", "TEXT", "what it is about; the name of its alerts"},
    {"description", "TEXT", "more of that"},
    {"category", "TEXT", "under which it is listed"},
    {"every", "DURATION", "runs by itself, such as PT15M: PT1M to P1D"},
    {"over", "DURATION", "so much each time; default: as --every"},
    {"severity", "SEVERITY", "of its alerts; default Medium"},
    {"rows-above", "N", "alerts when more rows than these come; default 0"},
    {"device-column", "NAME", "whose devices get an alert each; default DeviceId if there is one"},
    {NULL, NULL, NULL},
};

const struct vd_command vd_saved_commands[] = {
    {.name = "list",
        .summary = "Lists them, those that are delivered first.",
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .run = saved_list},
    {.name = "show",
        .summary = "Shows one.",
        .arguments = "NAME",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .run = saved_show},
    {.name = "set",
        .summary = "Saves a query; with --every it runs by itself and raises alerts.",
        .arguments = "NAME FILE|-",
        .min_arguments = 2,
        .max_arguments = 2,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .options = set_options,
        .run = saved_set},
    {.name = "delete",
        .summary = "Deletes one.",
        .arguments = "NAME",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .run = saved_delete},
    {.name = NULL},
};
