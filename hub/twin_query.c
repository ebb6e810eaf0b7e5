/* SPDX-License-Identifier: MIT */
/* Runs a twin query page by page. */

#include "hub/twin_query.h"

#include <inttypes.h>

#include "hub/siphash.h"
#include "hub/twin_query_tree.h"
#include "lib/url.h"
#include "lib/uuid.h"

/* Of continuations. */
#define PREFIX        "1-"
#define PREFIX_LENGTH (sizeof PREFIX - 1)
#define DIGITS        16

bool vd_twin_query_is_of_modules(const struct vd_twin_query *query)
{
    return query->of_modules;
}

bool vd_twin_query_is_whole(const struct vd_twin_query *query)
{
    return query->whole;
}

bool vd_twin_query_is_grouped(const struct vd_twin_query *query)
{
    return query->grouped;
}

/* The query and the position in one number, so that neither is exchanged or damaged unseen. */
static uint64_t check_sum(
    const struct vd_twin_query *query, const struct vd_twin_query_position *position)
{
    const uint64_t key[2] = {query->identity, 0};
    const uint64_t second[2] = {
        query->identity, vd_siphash(key, position->device_id, strlen(position->device_id))};

    return vd_siphash(second, position->module_id, strlen(position->module_id));
}

int vd_twin_query_continue(const struct vd_twin_query *query,
    const struct vd_twin_query_position *position, char out[VD_TWIN_QUERY_CONTINUATION_SIZE])
{
    struct vd_buf text = {0};
    int error;

    vd_buf_printf(&text, PREFIX "%016" PRIx64 "-", check_sum(query, position));
    vd_url_encode(vd_str_from(position->device_id), &text);
    vd_buf_append_text(&text, "/");
    vd_url_encode(vd_str_from(position->module_id), &text);
    error = text.error != VD_OK ? text.error
                                : vd_str_copy((struct vd_str){(const char *)text.data, text.length},
                                      out, VD_TWIN_QUERY_CONTINUATION_SIZE);
    vd_buf_release(&text);
    return error;
}

/* An id with its NUL. */
static bool read_id(struct vd_str encoded, char out[VD_ID_MAX + 1])
{
    size_t length = 0;

    if (vd_url_decode(encoded, out, VD_ID_MAX, &length) != VD_OK) {
        return false;
    }
    out[length] = '\0';
    return vd_device_id_is_valid(out, length);
}

int vd_twin_query_resume(const struct vd_twin_query *query, struct vd_str continuation,
    struct vd_twin_query_position *position)
{
    const size_t ids = PREFIX_LENGTH + DIGITS + 1;
    struct vd_twin_query_position found = {.device_id = ""};
    char expected[VD_TWIN_QUERY_CONTINUATION_SIZE];
    struct vd_str rest;
    const char *slash;
    struct vd_str device;
    struct vd_str module;

    if (continuation.length == 0) {
        *position = found;
        return VD_OK;
    }
    if (continuation.length <= ids) {
        return VD_E_INVALID;
    }
    rest = (struct vd_str){continuation.data + ids, continuation.length - ids};
    slash = memchr(rest.data, '/', rest.length);
    if (slash == NULL) {
        return VD_E_INVALID;
    }
    device = (struct vd_str){rest.data, (size_t)(slash - rest.data)};
    module = (struct vd_str){slash + 1, rest.length - device.length - 1};
    if (!read_id(device, found.device_id) ||
        (module.length > 0 && !read_id(module, found.module_id))) {
        return VD_E_INVALID;
    }
    /* There is one right text for each position. */
    if (vd_twin_query_continue(query, &found, expected) != VD_OK ||
        !vd_str_equal_text(continuation, expected)) {
        return VD_E_INVALID;
    }
    *position = found;
    return VD_OK;
}

/* What the row becomes in the answer; a new reference, NULL: out of memory. */
static json_t *project(const struct vd_twin_query *query, json_t *row)
{
    json_t *result = NULL;

    if (query->whole) {
        return json_incref(row);
    }
    result = json_object();
    for (size_t i = 0; i < query->column_count; i++) {
        const json_t *value = vd_twin_query_follow(query, query->columns[i].path, row);

        if (value != NULL &&
            json_object_set(result, query->names + query->columns[i].name, (json_t *)value) != 0) {
            json_decref(result);
            return NULL;
        }
    }
    return result;
}

/* VD_E_NOT_FOUND: the source is at its end. */
static int take_row(const struct vd_twin_query *query, const struct vd_twin_query_source *source,
    json_t *rows, struct vd_twin_query_position *position)
{
    json_t *row = NULL;
    int error = source->next(source->context, &row, position);

    if (error != VD_OK) {
        return error;
    }
    if (vd_twin_query_matches(query, row) &&
        json_array_append_new(rows, project(query, row)) != 0) {
        error = VD_E_NOMEM;
    }
    json_decref(row);
    return error;
}

static int run_plain(const struct vd_twin_query *query, const struct vd_twin_query_source *source,
    size_t max_rows, size_t max_scanned, struct vd_twin_query_page *page)
{
    struct vd_twin_query_position position = {.device_id = ""};

    while (json_array_size(page->rows) < max_rows && page->scanned < max_scanned) {
        int error = take_row(query, source, page->rows, &position);

        if (error != VD_OK) {
            return error == VD_E_NOT_FOUND ? VD_OK : error;
        }
        page->scanned++;
    }
    return vd_twin_query_continue(query, &position, page->continuation);
}

int vd_twin_query_run(const struct vd_twin_query *query, const struct vd_twin_query_source *source,
    size_t max_rows, size_t max_scanned, struct vd_twin_query_page *page)
{
    struct vd_twin_query_page next = {.rows = json_array()};
    int error = VD_E_NOMEM;

    if (next.rows == NULL) {
        return error;
    }
    error = query->grouped ? vd_twin_query_group(query, source, next.rows, &next.scanned)
                           : run_plain(query, source, max_rows, max_scanned, &next);
    if (error != VD_OK) {
        json_decref(next.rows);
        return error;
    }
    *page = next;
    return VD_OK;
}
