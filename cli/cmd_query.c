/* SPDX-License-Identifier: MIT */
/* `vedette query`, `status`: reading what the service has. */

#include <stdio.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/table.h"

/* A cell as text, in `out` where it is no string itself. */
static const char *cell_text(const json_t *value, char **out)
{
    *out = NULL;
    if (value == NULL || json_is_null(value)) {
        return NULL;
    }
    if (json_is_string(value)) {
        return json_string_value(value);
    }
    *out = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    return *out;
}

static void print_query_table(const json_t *result)
{
    const json_t *columns = json_object_get(result, "columns");
    const json_t *rows = json_object_get(result, "rows");
    const char *names[VD_TABLE_COLUMNS_MAX];
    struct vd_table table = {.columns = names};
    const json_t *row;
    size_t i;

    for (;
         table.column_count < json_array_size(columns) && table.column_count < VD_TABLE_COLUMNS_MAX;
         table.column_count++) {
        const char *name =
            json_string_value(json_object_get(json_array_get(columns, table.column_count), "name"));

        names[table.column_count] = name != NULL ? name : "";
    }
    json_array_foreach(rows, i, row)
    {
        for (size_t column = 0; column < table.column_count; column++) {
            char *made;

            vd_table_add(&table, cell_text(json_array_get(row, column), &made));
            free(made);
        }
    }
    if (table.column_count > 0) {
        vd_table_print(&table, true);
    }
    printf("(%zu rows%s)\n", json_array_size(rows),
        json_is_true(json_object_get(result, "truncated")) ? ", the rest was cut off" : "");
}

/* RFC 4180: quoted where a comma, a quote or a line end is in it. */
static void print_csv_cell(const char *text, bool first)
{
    if (!first) {
        putchar(',');
    }
    if (text == NULL) {
        return;
    }
    if (text[strcspn(text, ",\"\r\n")] == '\0') {
        fputs(text, stdout);
        return;
    }
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"') {
            putchar('"');
        }
        putchar(*text);
    }
    putchar('"');
}

static void print_csv(const json_t *result)
{
    const json_t *columns = json_object_get(result, "columns");
    const json_t *rows = json_object_get(result, "rows");
    const json_t *row;
    size_t count = json_array_size(columns);
    size_t i;

    for (size_t column = 0; column < count; column++) {
        print_csv_cell(json_string_value(json_object_get(json_array_get(columns, column), "name")),
            column == 0);
    }
    fputs("\r\n", stdout);
    json_array_foreach(rows, i, row)
    {
        for (size_t column = 0; column < count; column++) {
            char *made;

            print_csv_cell(cell_text(json_array_get(row, column), &made), column == 0);
            free(made);
        }
        fputs("\r\n", stdout);
    }
}

const struct vd_option vd_query_options[] = {
    {"sql", "TEXT", "one SELECT over SecurityIoTRawEvent, AzureDiagnostics, AzureActivity"},
    {NULL, NULL, NULL},
};

int vd_cmd_query(const struct vd_invocation *invocation)
{
    const char *sql = vd_invocation_value(invocation, "sql");
    struct vd_api_request request = {.method = "POST", .path = "/query"};
    json_t *body = sql != NULL ? json_pack("{s:s}", "sql", sql) : NULL;
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    json_t *result;

    json_decref(body);
    if (sql == NULL) {
        return vd_cli_usage(invocation, "--sql is missing");
    }
    if (text == NULL) {
        return vd_cli_usage(invocation, "--sql is not text in UTF-8");
    }
    request.body = vd_str_from(text);
    result = vd_client_json(invocation->data_dir, &request);
    free(text);
    if (result == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(result);
    } else if (invocation->output == VD_OUTPUT_CSV) {
        print_csv(result);
    } else {
        print_query_table(result);
    }
    json_decref(result);
    return VD_EXIT_OK;
}

/* The members that are no objects and no lists, a line each. */
static void print_fields(const json_t *object, const char *indent)
{
    const char *name;
    const json_t *value;

    json_object_foreach((json_t *)object, name, value)
    {
        char *made = NULL;
        const char *text =
            json_is_object(value) || json_is_array(value) ? NULL : cell_text(value, &made);

        if (text != NULL) {
            printf("%s%-16s ", indent, name);
            vd_print_safe(text);
            putchar('\n');
        }
        free(made);
    }
}

/* An object, or each of a list. */
static void print_part(const char *name, const json_t *value)
{
    const json_t *element;
    size_t i;

    if (json_is_object(value)) {
        printf("\n%s\n", name);
        print_fields(value, "  ");
    }
    json_array_foreach(value, i, element)
    {
        print_part(name, element);
    }
}

int vd_cmd_status(const struct vd_invocation *invocation)
{
    const struct vd_api_request request = {.method = "GET", .path = "/status"};
    json_t *status = vd_client_json(invocation->data_dir, &request);
    const char *name;
    const json_t *value;

    if (status == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(status);
        json_decref(status);
        return VD_EXIT_OK;
    }
    print_fields(status, "");
    json_object_foreach(status, name, value)
    {
        print_part(name, value);
    }
    json_decref(status);
    return VD_EXIT_OK;
}
