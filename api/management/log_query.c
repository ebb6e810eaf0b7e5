/* SPDX-License-Identifier: MIT */
/* Log queries as @azure/monitor-query sends them: over the workspace, over the hub, and several in one request. */

#include <stdlib.h>
#include <strings.h>

#include "api/management/internal.h"
#include "api/management/prefer.h"
#include "center/limits.h"
#include "center/query.h"
#include "lib/clock.h"
#include "lib/json_text.h"

/* Queries of one batch. */
#define BATCH_MAX 100

/* ---- Faults ---- */

struct reply {
    int status;
    json_t *body;
};

static struct reply fault(int status, const char *code, const char *message, json_t *inner)
{
    json_t *body = json_pack("{s:{s:s, s:o, s:o*}}", "error", "code", code, "message",
        vd_json_text(vd_str_from(message)), "innererror", inner);

    return (struct reply){status, body};
}

static struct reply bad_argument(json_t *inner)
{
    return fault(400, "BadArgumentError", "The request had some invalid properties", inner);
}

/* What is wrong with the text of a query, and where. */
static struct reply query_fault(const struct vd_query_problem *problem, struct vd_str query)
{
    const struct vd_kql_problem *place = &problem->place;
    const char *kind = place->is_syntax ? "SyntaxError" : "SemanticError";
    const uint32_t offset = place->offset < query.length ? place->offset : (uint32_t)query.length;
    const size_t length =
        place->length < query.length - offset ? place->length : query.length - offset;
    json_t *inner;

    if (!problem->has_place) {
        return bad_argument(json_pack("{s:s, s:o}", "code", "SemanticError", "message",
            vd_json_text(vd_str_from(problem->text))));
    }
    inner = json_pack("{s:s, s:o, s:I, s:I, s:o}", "code", place->is_syntax ? "SYN0002" : "SEM0100",
        "message", vd_json_text(vd_str_from(place->text)), "line", (json_int_t)place->line, "pos",
        (json_int_t)place->column, "token",
        vd_json_text((struct vd_str){query.data + offset, length}));
    return bad_argument(json_pack("{s:s, s:o, s:o}", "code", kind, "message",
        json_sprintf("line %u, column %u: %s", place->line, place->column, place->text),
        "innererror", inner));
}

static struct reply run_fault(
    int error, const struct vd_query_problem *problem, struct vd_str query)
{
    switch (error) {
    case VD_E_INVALID:
        return query_fault(problem, query);
    case VD_E_BUSY:
        return fault(429, "ThrottledError", problem->text, NULL);
    case VD_E_TIMEOUT:
        return fault(504, "GatewayTimeout", problem->text, NULL);
    case VD_E_LIMIT:
        return problem->has_place ? query_fault(problem, query)
                                  : fault(429, "ThrottledError", problem->text, NULL);
    default:
        return fault(500, "InternalServerError", vd_error_text(error), NULL);
    }
}

/* Wishes that cannot be read. */
static struct reply prefer_fault(const char *problem)
{
    return bad_argument(json_pack("{s:s, s:o}", "code", "InvalidPreferHeader", "message",
        vd_json_text(vd_str_from(problem))));
}

/* ---- Answers ---- */

/* Bytes of what the rows hold: a text's own, 8 of a number, 1 of a bool or null. */
static json_int_t size_of_rows(const json_t *rows)
{
    size_t bytes = 0;
    const json_t *row;
    size_t r;

    json_array_foreach(rows, r, row)
    {
        const json_t *cell;
        size_t c;

        json_array_foreach(row, c, cell)
        {
            bytes += json_is_string(cell) ? json_string_length(cell) : json_is_number(cell) ? 8 : 1;
        }
    }
    return (json_int_t)bytes;
}

static json_t *statistics_json(const json_t *answer)
{
    const json_t *rows = json_object_get(answer, "rows");

    return json_pack("{s:{s:O, s:{s:{}, s:{}, s:{}}, s:{}, s:[{s:I, s:I}]}}", "query",
        "executionTime", json_object_get(answer, "seconds"), "resourceUsage", "cache", "cpu",
        "memory", "inputDatasetStatistics", "datasetStatistics", "table_row_count",
        (json_int_t)json_array_size(rows), "table_size", size_of_rows(rows));
}

static json_t *partial_error(void)
{
    static const char message[] =
        "The results of this query exceed the set limit of rows or bytes, so not all records were "
        "returned.";

    return json_pack("{s:s, s:s, s:[{s:s, s:s}]}", "code", "PartialError", "message",
        "There were some errors when processing your query.", "details", "code",
        "E_QUERY_RESULT_SET_TOO_LARGE", "message", message);
}

static struct reply answer_of(const json_t *answer, const struct vd_prefer *wishes)
{
    json_t *render = json_object_get(answer, "render");
    json_t *body = json_pack("{s:[{s:s, s:O, s:O}]}", "tables", "name", "PrimaryResult", "columns",
        json_object_get(answer, "columns"), "rows", json_object_get(answer, "rows"));

    if (wishes->statistics) {
        json_object_set_new(body, "statistics", statistics_json(answer));
    }
    if (wishes->render) {
        json_object_set_new(body, "render",
            json_is_object(render) ? json_incref(render)
                                   : json_pack("{s:s}", "visualization", "table"));
    }
    if (json_is_true(json_object_get(answer, "truncated"))) {
        json_object_set_new(body, "error", partial_error());
    }
    return (struct reply){200, body};
}

/* ---- A query ---- */

/* The one workspace is called as the subscription, or as the hub is, or by its id as a resource. */
static bool is_workspace(const struct vd_management *management, const char *name)
{
    const struct vd_resource_scope *scope = &management->config.scope;
    char id[VD_RESOURCE_ID_SIZE];

    vd_resource_hub_id(scope, id);
    return strcasecmp(name, scope->subscription) == 0 || strcasecmp(name, scope->hub) == 0 ||
        strcasecmp(name, id) == 0;
}

static struct reply no_workspace(const char *name)
{
    char message[400];

    snprintf(message, sizeof message, "The workspace '%.200s' could not be found", name);
    return fault(404, "WorkspaceNotFoundError", message, NULL);
}

/* False: one of the further workspaces is none; *reply says which. */
static bool workspaces_fit(
    const struct vd_management *management, const json_t *list, struct reply *reply)
{
    size_t i;
    json_t *name;

    json_array_foreach(list, i, name)
    {
        const char *text = json_string_value(name);

        if (text == NULL || !is_workspace(management, text)) {
            *reply = no_workspace(text != NULL ? text : "");
            return false;
        }
    }
    return true;
}

/* What the queries of one request have together. */
struct share {
    const struct vd_management_args *args;
    int64_t deadline_ms; /* monotonic */
    struct vd_query_room room;
};

static struct share share_of(const struct vd_management_args *args)
{
    return (struct share){
        .args = args,
        .deadline_ms = vd_clock_monotonic_ms() + VD_QUERY_TIMEOUT_MAX_MS,
        .room = {VD_QUERY_RESULT_BYTES_MAX, VD_QUERY_RESULT_VALUES_MAX},
    };
}

/* The wish, or what is left of the request's time; 0: nothing is. */
static uint32_t timeout_of(const struct vd_prefer *wishes, const struct share *share)
{
    const int64_t left_ms = share->deadline_ms - vd_clock_monotonic_ms();

    return left_ms <= 0 ? 0 : left_ms < wishes->timeout_ms ? (uint32_t)left_ms : wishes->timeout_ms;
}

static struct reply run(const struct vd_management *management, const json_t *body,
    const char *prefer, struct share *share)
{
    const json_t *text = json_object_get(body, "query");
    const json_t *span = json_object_get(body, "timespan");
    const char *span_text = json_string_value(span);
    char prefer_problem[VD_PREFER_PROBLEM_SIZE];
    struct vd_prefer wishes;
    struct vd_query query = {
        .text = {json_string_value(text), json_string_length(text)},
        .now_ms = vd_clock_utc_ms(),
        .limits =
            {
                .max_rows = VD_QUERY_ROWS_MAX,
                .is_unwanted = share->args->request->is_gone,
                .token = share->args->caller->token,
                .room = &share->room,
            },
    };
    struct vd_query_problem problem;
    json_t *answer = NULL;
    struct reply reply;
    int error;

    if (vd_prefer_read(prefer, &wishes, prefer_problem) != VD_OK) {
        return prefer_fault(prefer_problem);
    }
    query.limits.timeout_ms = timeout_of(&wishes, share);
    if (!json_is_string(text)) {
        return bad_argument(json_pack("{s:s, s:s}", "code", "InvalidJsonBody", "message",
            "query is to be the text of a query"));
    }
    if ((span != NULL && !json_is_null(span) && span_text == NULL) ||
        vd_query_timespan_parse(vd_str_from(span_text != NULL ? span_text : ""), query.now_ms,
            &query.from_ms, &query.to_ms) != VD_OK) {
        return bad_argument(json_pack("{s:s, s:s}", "code", "InvalidTimespan", "message",
            "timespan is to be like P1D, 2024-01-01T00:00:00Z/P1D or start/end"));
    }
    if (!workspaces_fit(management, json_object_get(body, "workspaces"), &reply)) {
        return reply;
    }
    if (query.limits.timeout_ms == 0) {
        return fault(504, "GatewayTimeout", "the queries before this one took all the time", NULL);
    }
    error = vd_query_run(management->config.analytics, &query, &answer, &problem);
    reply = error == VD_OK ? answer_of(answer, &wishes) : run_fault(error, &problem, query.text);
    json_decref(answer);
    return reply;
}

static void answer_with(struct reply reply, struct vd_http_answer *answer)
{
    answer->status = reply.status;
    answer->body = reply.body;
    if (reply.status == 429) {
        vd_http_answer_retry_after(answer, VD_HTTP_RETRY_AFTER_S);
    }
}

static bool is_ready(const struct vd_management *management, struct vd_http_answer *answer)
{
    if (management->config.analytics == NULL) {
        vd_management_fail(
            answer, 503, "ServiceUnavailable", NULL, "queries need the service to run");
    }
    return management->config.analytics != NULL;
}

static void query_body(struct vd_management *management, const struct vd_management_args *args,
    struct vd_http_answer *answer)
{
    json_t *body = is_ready(management, answer) ? vd_management_body(args, answer) : NULL;
    struct share share = share_of(args);

    if (body != NULL) {
        answer_with(run(management, body, vd_http_header(args->request, "Prefer"), &share), answer);
        json_decref(body);
    }
}

void vd_management_query_workspace(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    if (!is_workspace(management, args->names[0])) {
        answer_with(no_workspace(args->names[0]), answer);
        return;
    }
    query_body(management, args, answer);
}

void vd_management_query_hub(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    query_body(management, args, answer);
}

/* ---- Batches ---- */

/* A header of a batch's item, its name in any case. */
static const char *item_header(const json_t *item, const char *name)
{
    json_t *headers = json_object_get(item, "headers");
    const char *key;
    json_t *value;

    json_object_foreach(headers, key, value)
    {
        if (strcasecmp(key, name) == 0) {
            return json_string_value(value);
        }
    }
    return NULL;
}

static json_t *run_item(const struct vd_management *management, struct share *share, json_t *item)
{
    const char *workspace = json_string_value(json_object_get(item, "workspace"));
    json_t *id = json_object_get(item, "id");
    struct reply reply = workspace != NULL && is_workspace(management, workspace)
        ? run(management, json_object_get(item, "body"), item_header(item, "prefer"), share)
        : no_workspace(workspace != NULL ? workspace : "");

    return json_pack("{s:O, s:i, s:{s:s}, s:o}", "id", id, "status", reply.status, "headers",
        "Content-Type", "application/json; charset=utf-8", "body", reply.body);
}

void vd_management_query_batch(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    json_t *body = is_ready(management, answer) ? vd_management_body(args, answer) : NULL;
    const json_t *items = json_object_get(body, "requests");
    struct share share = share_of(args);
    json_t *responses;
    size_t i;
    json_t *item;

    if (body == NULL) {
        return;
    }
    if (!json_is_array(items) || json_array_size(items) > BATCH_MAX) {
        vd_management_fail(answer, 400, "BadArgumentError", "requests",
            "requests is to be a list of at most %d queries", BATCH_MAX);
        json_decref(body);
        return;
    }
    responses = json_array();
    json_array_foreach(items, i, item)
    {
        if (!json_is_string(json_object_get(item, "id"))) {
            vd_management_fail(
                answer, 400, "BadArgumentError", "id", "each of the requests is to have an id");
            json_decref(responses);
            json_decref(body);
            return;
        }
        json_array_append_new(responses, run_item(management, &share, item));
    }
    vd_management_reply(answer, 200, json_pack("{s:o}", "responses", responses));
    json_decref(body);
}
