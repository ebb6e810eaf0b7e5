/* SPDX-License-Identifier: MIT */
/* `vedette recommendation`: what should be done about the hub, and what it is about. */

#include <stdio.h>
#include <stdlib.h>

#include "cli/commands.h"
#include "cli/list.h"

static void add_recommendation(struct vd_table *table, const json_t *one)
{
    vd_table_add(table, vd_member_text(one, "state"));
    vd_table_add(table, vd_member_text(one, "severity"));
    vd_table_add(table, vd_member_text(one, "type"));
    vd_table_add(table, vd_member_text(one, "since"));
    vd_table_add(table, vd_member_text(one, "description"));
}

static int recommendation_list(const struct vd_invocation *invocation)
{
    static const char *const columns[] = {"STATE", "SEVERITY", "TYPE", "SINCE", "DESCRIPTION"};
    static const struct vd_list list = {.rows = "recommendations",
        .columns = columns,
        .column_count = 5,
        .coloured_column = 1,
        .add = add_recommendation,
        .is_answer_printed = true};

    return vd_cli_list_at(invocation, &list, "/recommendations");
}

static void print_resources(const json_t *resources)
{
    const json_t *one;
    size_t i;

    json_array_foreach(resources, i, one)
    {
        char *text = json_dumps(one, JSON_COMPACT);

        printf("  ");
        vd_print_safe(text != NULL ? text : "");
        printf("\n");
        free(text);
    }
}

static int recommendation_show(const struct vd_invocation *invocation)
{
    char *encoded = vd_client_encode(invocation->arguments[0]);
    char path[600];
    const struct vd_api_request request = {.method = "GET", .path = path};
    json_t *answer;
    const json_t *step;
    size_t i;

    snprintf(path, sizeof path, "/recommendations/%s", encoded != NULL ? encoded : "");
    free(encoded);
    answer = vd_client_json(invocation->data_dir, &request);
    if (answer == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(answer);
        json_decref(answer);
        return VD_EXIT_OK;
    }
    printf("%s\n%s, %s since %s\n\n", vd_member_text(answer, "displayName"),
        vd_member_text(answer, "severity"), vd_member_text(answer, "state"),
        vd_member_text(answer, "since"));
    vd_print_safe(vd_member_text(answer, "description"));
    printf("\n");
    print_resources(json_object_get(answer, "resources"));
    printf("\nWhat to do:\n");
    json_array_foreach(json_object_get(answer, "remediationSteps"), i, step)
    {
        printf("  %zu. %s\n", i + 1, json_string_value(step));
    }
    json_decref(answer);
    return VD_EXIT_OK;
}

const struct vd_command vd_recommendation_commands[] = {
    {.name = "list",
        .summary = "Lists the recommendations and their states.",
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .run = recommendation_list},
    {.name = "show",
        .summary = "Shows one: what is wrong, with what, and what to do.",
        .arguments = "TYPE",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .run = recommendation_show},
    {.name = NULL},
};
