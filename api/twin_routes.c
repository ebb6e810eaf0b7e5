/* SPDX-License-Identifier: MIT */
/* Twins and twin queries for the owner. */

#include "api/handlers.h"
#include "api/queries.h"

/* Rows of a page if the caller does not say. */
#define PAGE_ROWS_DEFAULT 100

static struct vd_twins twins_of(const struct vd_api *api)
{
    return (struct vd_twins){api->registry, api->state, api->bus};
}

static const char *name_of(const struct vd_api_args *args)
{
    return args->module_id != NULL ? args->module_id : args->id;
}

static void fail_problem(const struct vd_twin_problem *problem, struct vd_api_answer *answer)
{
    const bool is_mismatch = problem->error == VD_TWIN_VERSION_MISMATCH;
    const bool is_large = problem->error == VD_TWIN_TOO_LARGE;

    if (problem->error == VD_TWIN_NO_MEMORY) {
        vd_api_fail_error(answer, VD_E_NOMEM, "the twin");
        return;
    }
    vd_api_fail(answer,
        is_mismatch    ? 412
            : is_large ? 413
                       : 400,
        is_mismatch    ? "PreconditionFailed"
            : is_large ? "LimitExceeded"
                       : "InvalidTwin",
        "%s%s%s", problem->path, problem->path[0] != '\0' ? ": " : "",
        vd_twin_error_text(problem->error));
}

void vd_api_twin_get(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    const struct vd_twins twins = twins_of(api);
    json_t *twin = NULL;
    int error = vd_twins_get(&twins, args->id, args->module_id, &twin);

    if (error == VD_OK) {
        vd_api_reply(answer, 200, twin);
    } else {
        vd_api_fail_state(answer, error, name_of(args));
    }
}

static void update(const struct vd_api *api, const struct vd_api_args *args,
    enum vd_twin_update how, struct vd_api_answer *answer)
{
    const struct vd_twins twins = twins_of(api);
    const struct vd_twins_change change = {
        .device_id = args->id,
        .module_id = args->module_id,
        .how = how,
        .body = args->body,
        .if_match = vd_api_param(args, "etag"),
    };
    struct vd_twin_problem problem = {0};
    json_t *twin = NULL;
    int error = vd_twins_update(&twins, &change, &twin, &problem);

    if (error == VD_OK) {
        vd_api_reply(answer, 200, twin);
    } else if (problem.error != VD_TWIN_OK) {
        fail_problem(&problem, answer);
    } else {
        vd_api_fail_state(answer, error, name_of(args));
    }
}

void vd_api_twin_patch(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    update(api, args, VD_TWIN_PATCH, answer);
}

void vd_api_twin_replace(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    update(api, args, VD_TWIN_REPLACE, answer);
}

/* ---- Queries ---- */

/* NULL: answered. */
static struct vd_twin_query *query_read(const json_t *body, struct vd_api_answer *answer)
{
    const json_t *text = json_object_get(body, "query");
    struct vd_twin_query *query = NULL;
    struct vd_twin_query_problem problem = {0};
    int error;

    if (!json_is_string(text)) {
        vd_api_fail(answer, 400, "InvalidBody", "query is to be text");
        return NULL;
    }
    error = vd_twin_query_parse(
        (struct vd_str){json_string_value(text), json_string_length(text)}, &query, &problem);
    if (error == VD_E_INVALID || error == VD_E_LIMIT) {
        vd_api_fail(answer, 400, "InvalidQuery", "the query, at byte %zu: expected %s",
            problem.position, problem.expected);
    } else if (error != VD_OK) {
        vd_api_fail_error(answer, error, "the query");
    }
    return query;
}

/* False: answered. */
static bool page_read(
    const json_t *body, struct vd_str *continuation, size_t *max_rows, struct vd_api_answer *answer)
{
    const json_t *from = json_object_get(body, "continuation");
    const json_t *rows = json_object_get(body, "maxRows");

    if ((from != NULL && !json_is_string(from)) ||
        (rows != NULL &&
            (!json_is_integer(rows) || json_integer_value(rows) < 1 ||
                json_integer_value(rows) > VD_QUERIES_ROWS_MAX))) {
        vd_api_fail(answer, 400, "InvalidBody",
            "continuation is to be text, maxRows a number of 1 to %d", VD_QUERIES_ROWS_MAX);
        return false;
    }
    *continuation = (struct vd_str){
        from != NULL ? json_string_value(from) : "", from != NULL ? json_string_length(from) : 0};
    *max_rows = rows != NULL ? (size_t)json_integer_value(rows) : PAGE_ROWS_DEFAULT;
    return true;
}

static void fail_query(int error, struct vd_api_answer *answer)
{
    if (error == VD_E_INVALID) {
        vd_api_fail(answer, 400, "InvalidContinuation", "the continuation is not this query's");
    } else if (error == VD_E_LIMIT) {
        vd_api_fail(answer, 400, "InvalidQuery", "the query has more than %u groups",
            VD_TWIN_QUERY_GROUPS_MAX);
    } else {
        vd_api_fail_state(answer, error, "the query");
    }
}

void vd_api_twin_query(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    const struct vd_twins twins = twins_of(api);
    struct vd_twin_query_page page = {0};
    json_t *body = vd_api_body_object(args, answer);
    struct vd_twin_query *query = body != NULL ? query_read(body, answer) : NULL;
    struct vd_str continuation;
    size_t max_rows;

    if (query != NULL && page_read(body, &continuation, &max_rows, answer)) {
        int error = vd_queries_page(&twins, query, continuation, max_rows, &page);

        if (error == VD_OK) {
            vd_api_reply(answer, 200,
                json_pack("{s:o, s:b, s:s}", "rows", page.rows, "areTwins",
                    (int)vd_twin_query_is_whole(query), "continuation", page.continuation));
        } else {
            fail_query(error, answer);
        }
    }
    vd_twin_query_free(query);
    json_decref(body);
}
