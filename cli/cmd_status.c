/* SPDX-License-Identifier: MIT */
/* `vedette status`: the counters of the service. */

#include <stdio.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/query_print.h"
#include "cli/table.h"

/* The members that are no objects and no lists, a line each. */
static void print_fields(const json_t *object, const char *indent)
{
    const char *name;
    const json_t *value;

    json_object_foreach((json_t *)object, name, value)
    {
        char *made = NULL;
        const char *text =
            json_is_object(value) || json_is_array(value) ? NULL : vd_query_cell_text(value, &made);

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
