/* SPDX-License-Identifier: MIT */
/* A table, JSON, or a word that there is nothing. */

#include "cli/list.h"

#include <stdio.h>

int vd_cli_list(const struct vd_invocation *invocation, const struct vd_list *list, json_t *answer)
{
    struct vd_table table = {.columns = list->columns,
        .column_count = list->column_count,
        .coloured_column = list->coloured_column};
    const json_t *rows = json_object_get(answer, list->rows);
    const json_t *row;
    size_t i;

    if (answer == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(list->is_answer_printed ? answer : rows);
    } else if (json_array_size(rows) == 0 && list->none != NULL) {
        puts(list->none);
    } else {
        json_array_foreach(rows, i, row)
        {
            list->add(&table, row);
        }
        vd_table_print(&table, true);
    }
    if (json_is_true(json_object_get(answer, "truncated")) ||
        vd_member_text(answer, "next") != NULL) {
        fprintf(stderr, "vedette: there are more %s than are shown\n", list->rows);
    }
    json_decref(answer);
    return VD_EXIT_OK;
}

int vd_cli_list_at(
    const struct vd_invocation *invocation, const struct vd_list *list, const char *path)
{
    const struct vd_api_request request = {.method = "GET", .path = path};

    return vd_cli_list(invocation, list, vd_client_json(invocation->data_dir, &request));
}

const char *vd_member_text(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

long long vd_member_number(const json_t *object, const char *name)
{
    return (long long)json_integer_value(json_object_get(object, name));
}
