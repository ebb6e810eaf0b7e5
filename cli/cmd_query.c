/* SPDX-License-Identifier: MIT */
/* `vedette query`: queries in KQL, or in SQL. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "center/kql/syntax.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/query_print.h"
#include "cli/query_prompt.h"
#include "cli/read_file.h"

const struct vd_option vd_query_options[] = {
    {"timespan", "SPAN", "rows of that time only: P1D, 2024-01-01T00:00:00Z/P1D, start/end"},
    {"explain", NULL, "prints the SQL that the query becomes"},
    {"sql", "TEXT", "one SELECT in SQL instead"},
    {NULL, NULL, NULL},
};

/* Sends the body and prints what comes; `text` is the query, for errors. */
static int send(const struct vd_invocation *invocation, json_t *body, const char *text)
{
    char *dumped = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    const struct vd_api_request request = {
        .method = "POST", .path = "/query", .body = vd_str_from(dumped != NULL ? dumped : "")};
    struct vd_api_answer answer = {0, NULL};
    char reason[1024] = "";
    int code = VD_EXIT_OK;

    json_decref(body);
    if (dumped == NULL) {
        fputs("vedette: the query is not text in UTF-8\n", stderr);
        return VD_EXIT_USAGE;
    }
    if (vd_client_call(invocation->data_dir, &request, &answer, reason, sizeof reason) != VD_OK) {
        fprintf(stderr, "vedette: %s\n", reason);
        code = VD_EXIT_FAILURE;
    } else if (answer.status >= 400) {
        vd_query_print_problem(text, json_object_get(answer.body, "error"));
        code = VD_EXIT_FAILURE;
    } else if (json_object_get(answer.body, "sql") != NULL &&
        invocation->output != VD_OUTPUT_JSON) {
        puts(json_string_value(json_object_get(answer.body, "sql")));
    } else {
        vd_query_print(answer.body, invocation->output);
    }
    json_decref(answer.body);
    free(dumped);
    return code;
}

static int run_kql(const struct vd_invocation *invocation, const char *text)
{
    return send(invocation,
        json_pack("{s:s, s:s*, s:b}", "kql", text, "timespan",
            vd_invocation_value(invocation, "timespan"), "explain",
            vd_invocation_value(invocation, "explain") != NULL),
        text);
}

static void run_typed(const struct vd_invocation *invocation, const char *text)
{
    (void)run_kql(invocation, text);
}

/* A query from standard input. */
static int run_input(const struct vd_invocation *invocation)
{
    struct vd_buf text = {.max = VD_KQL_TEXT_MAX + 1};
    int code = VD_EXIT_FAILURE;

    if (vd_read_file("-", "a query has no more than 262144 bytes", &text)) {
        vd_buf_append(&text, "", 1);
        code = run_kql(invocation, text.data != NULL ? (const char *)text.data : "");
    }
    vd_buf_release(&text);
    return code;
}

int vd_cmd_query(const struct vd_invocation *invocation)
{
    const char *sql = vd_invocation_value(invocation, "sql");

    if (sql != NULL && invocation->argument_count > 0) {
        return vd_cli_usage(invocation, "a query is in KQL or, by --sql, in SQL");
    }
    if (sql != NULL) {
        return send(invocation, json_pack("{s:s}", "sql", sql), sql);
    }
    if (invocation->argument_count > 0 && strcmp(invocation->arguments[0], "-") != 0) {
        return run_kql(invocation, invocation->arguments[0]);
    }
    if (invocation->argument_count > 0 || isatty(STDIN_FILENO) == 0) {
        return run_input(invocation);
    }
    return vd_query_prompt(invocation, run_typed);
}
