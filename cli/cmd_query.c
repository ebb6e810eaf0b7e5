/* SPDX-License-Identifier: MIT */
/* `vedette query`: queries in KQL, or in SQL. */

#include <stdatomic.h>
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
    {"saved", "NAME", "a saved query: see vedette saved list"},
    {"alert", "ID", "the evidence of an alert, by its query"},
    {"set", "NAME=VALUE", "of a parameter that the query declares; may be repeated"},
    {"explain", NULL, "prints the SQL that the query becomes"},
    {"sql", "TEXT", "one SELECT in SQL instead"},
    {NULL, NULL, NULL},
};

/* The query under way is to end once this is true; NULL: it is not asked. */
static const atomic_bool *is_interrupted;

static bool was_ended(void)
{
    const bool was = is_interrupted != NULL && atomic_load(is_interrupted);

    if (was) {
        fflush(stdout);
        fputs("vedette: the query was ended\n", stderr);
    }
    return was;
}

/* Sends the body and prints what comes; `text` is the query, for errors; NULL: not known here. */
static int send(
    const struct vd_invocation *invocation, const char *path, json_t *body, const char *text)
{
    char *dumped = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    const struct vd_api_request request = {.method = "POST",
        .path = path,
        .body = vd_str_from(dumped != NULL ? dumped : ""),
        .is_gone = is_interrupted};
    struct vd_api_answer answer = {0, NULL};
    char reason[1024] = "";
    int code = VD_EXIT_OK;
    int error;

    json_decref(body);
    if (dumped == NULL) {
        fputs("vedette: the query is not text in UTF-8\n", stderr);
        return VD_EXIT_USAGE;
    }
    error = vd_client_call(invocation->data_dir, &request, &answer, reason, sizeof reason);
    if (was_ended()) {
        code = VD_EXIT_FAILURE;
    } else if (error != VD_OK) {
        fprintf(stderr, "vedette: %s\n", reason);
        code = VD_EXIT_FAILURE;
    } else if (answer.status >= 400) {
        vd_query_print_problem(text, json_object_get(answer.body, "error"));
        code = VD_EXIT_FAILURE;
    } else if (json_object_get(answer.body, "sql") != NULL &&
        invocation->output != VD_OUTPUT_JSON) {
        puts(json_string_value(json_object_get(answer.body, "sql")));
    } else {
        vd_query_print(answer.body, invocation->output, is_interrupted);
        if (was_ended()) {
            code = VD_EXIT_FAILURE;
        } else {
            code = vd_query_tell_cut(answer.body) ? VD_EXIT_CUT : code;
        }
    }
    json_decref(answer.body);
    free(dumped);
    return code;
}

/* What --set gives; false: one is no NAME=VALUE. */
static bool read_parameters(const struct vd_invocation *invocation, json_t *out)
{
    for (size_t i = 0; i < invocation->given_count; i++) {
        const char *value = invocation->given[i].value;
        const char *equals = strchr(value, '=');

        if (strcmp(invocation->given[i].name, "set") != 0) {
            continue;
        }
        if (equals == NULL || equals == value ||
            json_object_setn_new(out, value, (size_t)(equals - value), json_string(equals + 1)) !=
                0) {
            return false;
        }
    }
    return true;
}

/* The members of a body that both kinds of queries have; NULL: wrong usage, which was told. */
static json_t *common_body(const struct vd_invocation *invocation)
{
    json_t *parameters = json_object();

    if (!read_parameters(invocation, parameters)) {
        vd_cli_usage(invocation, "--set is NAME=VALUE, as text in UTF-8");
        json_decref(parameters);
        return NULL;
    }
    return json_pack("{s:s*, s:b, s:o}", "timespan", vd_invocation_value(invocation, "timespan"),
        "explain", vd_invocation_value(invocation, "explain") != NULL, "parameters", parameters);
}

static int run_kql(const struct vd_invocation *invocation, const char *text)
{
    json_t *body = common_body(invocation);

    if (body == NULL) {
        return VD_EXIT_USAGE;
    }
    if (json_object_set_new(body, "kql", json_string(text)) != 0) {
        json_decref(body);
        body = NULL;
    }
    return send(invocation, "/query", body, text);
}

static int run_saved(const struct vd_invocation *invocation, const char *name)
{
    json_t *body = common_body(invocation);
    char *encoded = vd_client_encode(name);
    char path[600];
    int code = VD_EXIT_USAGE;

    if (body != NULL) {
        snprintf(path, sizeof path, "/queries/%s/run", encoded != NULL ? encoded : "");
        code = send(invocation, path, body, NULL);
    }
    free(encoded);
    return code;
}

static void run_typed(
    const struct vd_invocation *invocation, const char *text, const atomic_bool *interrupted)
{
    is_interrupted = interrupted;
    (void)run_kql(invocation, text);
    is_interrupted = NULL;
}

/* What the alert was raised for. */
static int run_alert(const struct vd_invocation *invocation, const char *id)
{
    char *encoded = vd_client_encode(id);
    char path[600];
    const struct vd_api_request request = {.method = "GET", .path = path};
    json_t *alert;
    const char *text;
    int code = VD_EXIT_FAILURE;

    snprintf(path, sizeof path, "/alerts/%s", encoded != NULL ? encoded : "");
    free(encoded);
    alert = vd_client_json(invocation->data_dir, &request);
    text = json_string_value(json_object_get(alert, "query"));
    if (text != NULL) {
        code = send(invocation, "/query",
            json_pack("{s:s, s:O, s:b}", "kql", text, "timespan",
                json_object_get(alert, "queryTimespan"), "explain",
                vd_invocation_value(invocation, "explain") != NULL),
            text);
    }
    json_decref(alert);
    return code;
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

    const char *saved = vd_invocation_value(invocation, "saved");

    const char *alert = vd_invocation_value(invocation, "alert");

    if ((sql != NULL) + (saved != NULL) + (alert != NULL) + (invocation->argument_count > 0) > 1) {
        return vd_cli_usage(
            invocation, "give one of a query, --saved NAME, --alert ID and --sql TEXT");
    }
    if (alert != NULL) {
        return run_alert(invocation, alert);
    }
    if (saved != NULL) {
        return run_saved(invocation, saved);
    }
    if (sql != NULL) {
        return send(invocation, "/query", json_pack("{s:s}", "sql", sql), sql);
    }
    if (invocation->argument_count > 0 && strcmp(invocation->arguments[0], "-") != 0) {
        return run_kql(invocation, invocation->arguments[0]);
    }
    if (invocation->argument_count > 0 || isatty(STDIN_FILENO) == 0) {
        return run_input(invocation);
    }
    return vd_query_prompt(invocation, run_typed);
}
