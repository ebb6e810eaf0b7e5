/* SPDX-License-Identifier: MIT */
/* Twin queries over HTTPS: the request taken apart, and the page as the SDKs know it. */

#include "api/queries.h"
#include "api/service/internal.h"

/* Rows of a page if the caller does not say. */
#define PAGE_ROWS_DEFAULT 100

/* Queries with groups that run at once: they read everything before they answer. */
#define GROUPED_MAX 2

/* False: answered. */
static bool page_rows_read(
    const struct vd_http_request *request, size_t *max_rows, struct vd_http_answer *answer)
{
    const char *text = vd_http_header(request, "x-ms-max-item-count");
    size_t digits;
    unsigned long wanted;

    *max_rows = PAGE_ROWS_DEFAULT;
    if (text == NULL) {
        return true;
    }
    digits = strspn(text, "0123456789");
    wanted = digits > 0 && digits <= 9 ? strtoul(text, NULL, 10) : 0;
    if (text[digits] != '\0' || wanted == 0) {
        vd_service_fail(
            answer, VD_FAULT_ArgumentInvalid, "x-ms-max-item-count is a number of 1 to 1000");
        return false;
    }
    *max_rows = wanted < VD_QUERIES_ROWS_MAX ? wanted : VD_QUERIES_ROWS_MAX;
    return true;
}

/* NULL: answered. */
static struct vd_twin_query *query_read(const json_t *body, struct vd_http_answer *answer)
{
    const json_t *text = json_object_get(body, "query");
    struct vd_twin_query *query = NULL;
    struct vd_twin_query_problem problem = {0};
    char detail[160];
    int error;

    if (!json_is_string(text)) {
        vd_service_fail(answer, VD_FAULT_ArgumentInvalid, "the body is {\"query\":\"SELECT ...\"}");
        return NULL;
    }
    error = vd_twin_query_parse(
        (struct vd_str){json_string_value(text), json_string_length(text)}, &query, &problem);
    if (error == VD_E_INVALID || error == VD_E_LIMIT) {
        snprintf(detail, sizeof detail, "the query, at byte %zu: expected %s", problem.position,
            problem.expected);
        vd_service_fail(answer, VD_FAULT_ArgumentInvalid, detail);
    } else if (error != VD_OK) {
        vd_service_fail(answer, VD_FAULT_ServerError, vd_error_text(error));
    }
    return query;
}

static void fail(int error, struct vd_http_answer *answer)
{
    if (error == VD_E_LIMIT) {
        vd_service_fail(answer, VD_FAULT_ArgumentInvalid, "the query has more than 1000 groups");
    } else if (error == VD_E_INVALID) {
        vd_service_fail(answer, VD_FAULT_ArgumentInvalid,
            "x-ms-continuation is not one that this query was answered with");
    } else if (error == VD_E_TIMEOUT) {
        vd_service_fail(answer, VD_FAULT_ServiceUnavailable, "the query takes longer than it may");
    } else {
        vd_service_fail(answer, vd_service_fault_of_state(error, false), NULL);
    }
}

static bool grouped_begin(struct vd_service *service)
{
    bool may;

    pthread_mutex_lock(&service->lock);
    may = service->grouped_queries < GROUPED_MAX;
    service->grouped_queries += may ? 1 : 0;
    pthread_mutex_unlock(&service->lock);
    return may;
}

static void grouped_end(struct vd_service *service)
{
    pthread_mutex_lock(&service->lock);
    service->grouped_queries--;
    pthread_mutex_unlock(&service->lock);
}

static void query_run(struct vd_service *service, const struct vd_twin_query *query,
    struct vd_str continuation, size_t max_rows, struct vd_http_answer *answer)
{
    const struct vd_twins twins = {
        service->config.registry, service->config.state, service->config.bus};
    const bool is_grouped = vd_twin_query_is_grouped(query);
    struct vd_twin_query_page page = {0};
    int error;

    if (is_grouped && !grouped_begin(service)) {
        vd_service_fail(answer, VD_FAULT_ThrottlingException, NULL);
        return;
    }
    error = vd_queries_page(&twins, query, continuation, max_rows, &page);
    if (is_grouped) {
        grouped_end(service);
    }
    if (error != VD_OK) {
        fail(error, answer);
        return;
    }
    vd_http_answer_header(answer, "x-ms-item-type", vd_twin_query_is_whole(query) ? "Twin" : "Raw");
    if (page.continuation[0] != '\0') {
        vd_http_answer_header(answer, "x-ms-continuation", page.continuation);
    }
    vd_service_reply(answer, page.rows);
}

void vd_service_query(
    struct vd_service *service, const struct vd_service_args *args, struct vd_http_answer *answer)
{
    _Static_assert(VD_TWIN_QUERY_CONTINUATION_SIZE <= VD_HTTP_VALUE_SIZE, "a header takes it");
    const struct vd_http_request *request = args->request;
    const char *continuation = vd_http_header(request, "x-ms-continuation");
    json_t *body = json_loadb(request->body.data, request->body.length, 0, NULL);
    struct vd_twin_query *query = query_read(body, answer);
    size_t max_rows = 0;

    if (query != NULL && page_rows_read(request, &max_rows, answer)) {
        query_run(service, query, vd_str_from(continuation != NULL ? continuation : ""), max_rows,
            answer);
    }
    vd_twin_query_free(query);
    json_decref(body);
}
