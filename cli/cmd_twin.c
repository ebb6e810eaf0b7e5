/* SPDX-License-Identifier: MIT */
/* `vedette device twin`, `query`: twins shown, changed and asked for. */

#include <stdio.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/table.h"

const struct vd_option vd_twin_options[] = {
    {"module", "ID", "a module of the device, instead of the device itself"},
    {"patch", "JSON", "merges {\"tags\":{},\"properties\":{\"desired\":{}}} into it; null deletes"},
    {"replace", "JSON", "puts the sections that it names in place of those that are there"},
    {"if-match", "ETAG", "changes it only if it still has this ETag"},
    {NULL, NULL, NULL},
};

const struct vd_option vd_device_query_options[] = {
    {"limit", "N", "at most so many rows; default: 1000"},
    {NULL, NULL, NULL},
};

/* ---- Twins ---- */

/* The service lets it be: whoever puts back a whole twin has it in there. As a change it is a mistake. */
static bool changes_reported(const char *patch)
{
    json_t *json = patch != NULL ? json_loads(patch, 0, NULL) : NULL;
    const bool does = json_object_get(json_object_get(json, "properties"), "reported") != NULL;

    json_decref(json);
    return does;
}

int vd_cmd_twin(const struct vd_invocation *invocation)
{
    const char *patch = vd_invocation_value(invocation, "patch");
    const char *replacement = vd_invocation_value(invocation, "replace");
    const char *body = patch != NULL ? patch : replacement;
    const char *etag = vd_invocation_value(invocation, "if-match");
    json_t *twin;

    if (patch != NULL && replacement != NULL) {
        return vd_cli_usage(invocation, "--patch or --replace, not both");
    }
    if (body == NULL && etag != NULL) {
        return vd_cli_usage(invocation, "--if-match goes with --patch or --replace");
    }
    if (changes_reported(patch)) {
        return vd_cli_usage(invocation, "reported properties are the device's to change");
    }
    twin = vd_device_call(invocation,
        patch != NULL             ? "PATCH"
            : replacement != NULL ? "PUT"
                                  : "GET",
        "/twin", etag, vd_str_from(body != NULL ? body : ""));
    if (twin == NULL) {
        return VD_EXIT_FAILURE;
    }
    vd_print_json(twin);
    json_decref(twin);
    return VD_EXIT_OK;
}

/* ---- Queries ---- */

/* The page behind that one (NULL: the first). NULL (said on stderr): a fault. */
static json_t *query_page(const struct vd_invocation *invocation, const json_t *before, size_t max)
{
    const char *continuation = json_string_value(json_object_get(before, "continuation"));
    json_t *body = json_pack("{s:s, s:I, s:s}", "query", invocation->arguments[0], "maxRows",
        (json_int_t)(max < 1000 ? max : 1000), "continuation",
        continuation != NULL ? continuation : "");
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    const struct vd_api_request request = {
        .method = "POST", .path = "/twins/query", .body = vd_str_from(text != NULL ? text : "")};
    json_t *page = NULL;

    if (text != NULL) {
        page = vd_client_json(invocation->data_dir, &request);
    } else {
        vd_cli_fail("the query is to be text in UTF-8");
    }
    free(text);
    json_decref(body);
    return page;
}

/* All pages in one: {"rows","areTwins","continuation"}. NULL (said on stderr): a fault. */
static json_t *query_all(const struct vd_invocation *invocation, size_t limit)
{
    json_t *rows = json_array();
    json_t *page = NULL;
    bool has_more = rows != NULL;

    while (has_more && json_array_size(rows) < limit) {
        json_t *next = query_page(invocation, page, limit - json_array_size(rows));

        json_decref(page);
        page = next;
        if (page == NULL || json_array_extend(rows, json_object_get(page, "rows")) != 0) {
            json_decref(page);
            json_decref(rows);
            return NULL;
        }
        has_more = json_string_length(json_object_get(page, "continuation")) > 0;
    }
    json_object_set_new(page, "rows", rows);
    return page;
}

static size_t column_of(const char *const *columns, size_t count, const char *name)
{
    size_t i = 0;

    while (i < count && strcmp(columns[i], name) != 0) {
        i++;
    }
    return i;
}

static void add_cell(struct vd_table *table, const json_t *value)
{
    char *made = NULL;

    if (value != NULL && !json_is_string(value)) {
        made = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    }
    vd_table_add(table, made != NULL ? made : json_string_value(value));
    free(made);
}

/* What columns the rows have, in the order in which they come; of twins a few. */
static void print_rows(const json_t *rows, bool are_twins)
{
    static const char *const of_twins[] = {
        "deviceId", "moduleId", "status", "connectionState", "version", "tags"};
    const char *columns[VD_TABLE_COLUMNS_MAX];
    struct vd_table table = {.columns = are_twins ? of_twins : columns};
    const json_t *row;
    const json_t *value;
    const char *name;
    size_t i;

    table.column_count = are_twins ? sizeof of_twins / sizeof of_twins[0] : 0;
    json_array_foreach(rows, i, row)
    {
        json_object_foreach((json_t *)row, name, value)
        {
            if (!are_twins && table.column_count < VD_TABLE_COLUMNS_MAX &&
                column_of(columns, table.column_count, name) == table.column_count) {
                columns[table.column_count++] = name;
            }
        }
    }
    json_array_foreach(rows, i, row)
    {
        for (size_t k = 0; k < table.column_count; k++) {
            add_cell(&table, json_object_get(row, table.columns[k]));
        }
    }
    if (table.column_count > 0) {
        vd_table_print(&table, true);
    }
    printf("(%zu row%s)\n", json_array_size(rows), vd_plural((long long)json_array_size(rows)));
}

int vd_cmd_device_query(const struct vd_invocation *invocation)
{
    const char *text = vd_invocation_value(invocation, "limit");
    unsigned long limit = 1000;
    char *end = NULL;
    json_t *result;

    if (text != NULL) {
        limit = strtoul(text, &end, 10);
        if (*text < '0' || *text > '9' || *end != '\0' || limit == 0) {
            return vd_cli_usage(invocation, "--limit is a number of 1 and more");
        }
    }
    result = query_all(invocation, limit);
    if (result == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(json_object_get(result, "rows"));
    } else {
        print_rows(
            json_object_get(result, "rows"), json_is_true(json_object_get(result, "areTwins")));
    }
    if (json_string_length(json_object_get(result, "continuation")) > 0) {
        fputs("vedette: there may be more rows than are shown; --limit shows more\n", stderr);
    }
    json_decref(result);
    return VD_EXIT_OK;
}
