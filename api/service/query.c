/* SPDX-License-Identifier: MIT */
/* Twin queries: pages of rows that the registry (who there is) and the state (their twins) make together. */

#include <inttypes.h>

#include "api/service/internal.h"
#include "api/twins.h"
#include "hub/twin_query.h"
#include "lib/clock.h"
#include "lib/secret.h"

/* Rows of a page: if the caller does not say, and at most. */
#define PAGE_ROWS_DEFAULT 100
#define PAGE_ROWS_MAX     1000

/* Beyond these a page ends, short or empty, and goes on with the next: what one request holds, and how long it holds a
 * worker. Bytes as they are stored; as JSON in memory they are several times more. */
#define PAGE_MAX_BYTES (4u << 20)
#define PAGE_MAX_MS    1000

/* A query with groups reads everything before it answers: how long it may, and how many may at once. */
#define GROUPED_MAX_MS 60000
#define GROUPED_MAX    2

/* Identities that are looked at together, and the bytes of twins that end that sooner: so long the writer of the state is
 * ours, which is a few milliseconds. */
#define CHUNK           100
#define CHUNK_MAX_BYTES (1u << 20)

/* Identities of the other kind (devices, where modules are asked for) that are passed over before time is looked at. */
#define SEEN_MAX 1000

struct item {
    struct vd_identity identity; /* without its keys */
    struct vd_buf twin;          /* as it is stored; empty: nothing is */
    size_t c2d_messages;
};

/* The rows behind a position, in the order of the registry. */
struct rows {
    struct vd_twins twins;
    bool of_modules;
    bool is_paged; /* it ends at the bounds of a page; else it fails at its deadline */
    int64_t deadline_ms;
    size_t bytes; /* of twins, so far */

    struct vd_twin_query_position position; /* of the last identity that was seen */
    struct item *items;                     /* CHUNK of them: */
    size_t count;                           /* found, */
    size_t read;                            /* of them with their twins, */
    size_t given;                           /* of them given out */
    size_t seen;                            /* in this chunk, of either kind */
    int64_t now_ms;
    bool has_begun;
    bool is_ended; /* the registry has no more */
};

/* ---- Where rows come from ---- */

/* For vd_registry_list. */
static bool collect(void *context, const struct vd_identity *identity)
{
    struct rows *rows = context;

    memcpy(rows->position.device_id, identity->device_id, sizeof rows->position.device_id);
    memcpy(rows->position.module_id, identity->module_id, sizeof rows->position.module_id);
    rows->seen++;
    if ((identity->module_id[0] != '\0') == rows->of_modules) {
        struct vd_identity *copy = &rows->items[rows->count++].identity;

        *copy = *identity;
        vd_secret_wipe(&copy->primary_key, sizeof copy->primary_key);
        vd_secret_wipe(&copy->secondary_key, sizeof copy->secondary_key);
    }
    rows->is_ended = rows->count < CHUNK && rows->seen < SEEN_MAX;
    return rows->is_ended;
}

/* The next identities. */
static int find_some(struct rows *rows)
{
    const struct vd_twin_query_position after = rows->position;
    bool from_start = after.device_id[0] == '\0';

    rows->count = 0;
    rows->read = 0;
    rows->given = 0;
    rows->seen = 0;
    rows->is_ended = true;
    rows->has_begun = true;
    return vd_registry_list(rows->twins.registry, from_start ? NULL : after.device_id,
        from_start ? NULL : after.module_id, collect, rows);
}

/* The twins of some of them. In the writer's thread. */
static int read_some(void *context, struct vd_state_store *store)
{
    struct rows *rows = context;
    size_t bytes = 0;
    int error = VD_OK;

    while (error == VD_OK && rows->read < rows->count && bytes < CHUNK_MAX_BYTES) {
        struct item *item = &rows->items[rows->read];
        const struct vd_state_key key = vd_twins_key(&item->identity);
        uint64_t revision;

        vd_buf_clear(&item->twin);
        error = vd_state_twin_get(store, &key, &item->twin, &revision);
        error = error == VD_E_NOT_FOUND ? VD_OK : error;
        if (error == VD_OK) {
            error = vd_state_c2d_count(store, &key, rows->now_ms, &item->c2d_messages, NULL);
        }
        bytes += item->twin.length;
        rows->read++;
    }
    rows->bytes += bytes;
    return error;
}

/* Sees to it that there is a row to give. VD_E_NOT_FOUND: no more, of all or of this page. */
static int need_row(struct rows *rows)
{
    while (rows->given == rows->read) {
        bool is_late = vd_clock_monotonic_ms() >= rows->deadline_ms;
        int error = VD_OK;

        if (rows->given < rows->count) {
            error = vd_state_do(rows->twins.state, read_some, rows);
        } else if (rows->has_begun && rows->is_ended) {
            error = VD_E_NOT_FOUND;
        } else if (rows->has_begun && rows->is_paged && (is_late || rows->bytes > PAGE_MAX_BYTES)) {
            error = VD_E_NOT_FOUND;
        } else if (rows->has_begun && is_late) {
            error = VD_E_TIMEOUT;
        } else {
            error = find_some(rows);
        }
        if (error != VD_OK) {
            return error;
        }
    }
    return VD_OK;
}

/* As vd_twin_query_source has it. */
static int next_row(void *context, json_t **row, struct vd_twin_query_position *position)
{
    struct rows *rows = context;
    struct vd_twin twin = {0};
    struct item *item;
    json_t *made = NULL;
    int error = need_row(rows);

    if (error != VD_OK) {
        return error;
    }
    item = &rows->items[rows->given++];
    error = vd_twin_open(&twin, (struct vd_str){(const char *)item->twin.data, item->twin.length},
        item->identity.created_ms);
    if (error != VD_OK) {
        vd_log(VD_LOG_ERROR, "service.twin_unreadable", "device=\"%s\" module=\"%s\" reason=\"%s\"",
            item->identity.device_id, item->identity.module_id, vd_error_text(error));
        return error;
    }
    made = vd_twins_json(&rows->twins, &item->identity, &twin, item->c2d_messages);
    vd_twin_release(&twin);
    vd_buf_release(&item->twin);
    if (made == NULL) {
        return VD_E_NOMEM;
    }
    memcpy(position->device_id, item->identity.device_id, sizeof position->device_id);
    memcpy(position->module_id, item->identity.module_id, sizeof position->module_id);
    *row = made;
    return VD_OK;
}

/* Runs the query behind rows->position. */
static int run(const struct vd_twin_query *query, struct rows *rows, size_t max_rows,
    struct vd_twin_query_page *page)
{
    const struct vd_twin_query_source source = {next_row, rows};
    int error = VD_E_NOMEM;

    rows->of_modules = vd_twin_query_is_of_modules(query);
    rows->is_paged = !vd_twin_query_is_grouped(query);
    rows->now_ms = vd_clock_utc_ms();
    rows->deadline_ms = vd_clock_monotonic_ms() + (rows->is_paged ? PAGE_MAX_MS : GROUPED_MAX_MS);
    rows->items = calloc(CHUNK, sizeof *rows->items);
    if (rows->items != NULL) {
        error = vd_twin_query_run(query, &source, max_rows, SIZE_MAX, page);
    }
    if (error == VD_OK && rows->is_paged && rows->given == rows->count) {
        /* All that was found was given: it goes on behind what was seen, or it is the end. */
        page->continuation[0] = '\0';
        error = rows->is_ended ? VD_OK
                               : vd_twin_query_continue(query, &rows->position, page->continuation);
        if (error != VD_OK) {
            json_decref(page->rows);
        }
    }
    for (size_t i = 0; rows->items != NULL && i < CHUNK; i++) {
        vd_buf_release(&rows->items[i].twin);
    }
    free(rows->items);
    return error;
}

/* ---- Requests ---- */

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
    *max_rows = wanted < PAGE_ROWS_MAX ? wanted : PAGE_ROWS_MAX;
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
    struct rows *rows, size_t max_rows, struct vd_http_answer *answer)
{
    const bool is_grouped = vd_twin_query_is_grouped(query);
    struct vd_twin_query_page page = {0};
    int error;

    if (service->config.state == NULL) {
        vd_service_fail(answer, VD_FAULT_ServiceUnavailable, NULL);
        return;
    }
    if (is_grouped && !grouped_begin(service)) {
        vd_service_fail(answer, VD_FAULT_ThrottlingException, NULL);
        return;
    }
    error = run(query, rows, max_rows, &page);
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
    struct rows rows = {
        .twins = {service->config.registry, service->config.state, service->config.bus}};
    size_t max_rows = 0;

    if (query != NULL && page_rows_read(request, &max_rows, answer)) {
        if (vd_twin_query_resume(query, vd_str_from(continuation != NULL ? continuation : ""),
                &rows.position) == VD_OK) {
            query_run(service, query, &rows, max_rows, answer);
        } else {
            vd_service_fail(answer, VD_FAULT_ArgumentInvalid,
                "x-ms-continuation is not one that this query was answered with");
        }
    }
    vd_twin_query_free(query);
    json_decref(body);
}
