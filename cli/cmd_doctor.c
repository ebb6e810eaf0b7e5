/* SPDX-License-Identifier: MIT */
/* `vedette doctor`: which alerts can fire now about a device or a group, and why others cannot. */

#include <stdio.h>
#include <stdlib.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/table.h"

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

static void print_warnings(const json_t *answer)
{
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(answer, "warnings"), i, one)
    {
        printf("warning: ");
        vd_print_safe(json_string_value(one));
        printf("\n");
    }
}

static void print_device(const json_t *device)
{
    static const char *const columns[] = {"ALERT", "CAN FIRE", "WHY NOT"};
    struct vd_table table = {.columns = columns, .column_count = 3};
    const json_t *one;
    size_t i;

    vd_print_safe(text_of(device, "deviceId"));
    printf(": group ");
    vd_print_safe(text_of(device, "group"));
    printf(", last heard of %s\n",
        text_of(device, "lastHeard")[0] != '\0' ? text_of(device, "lastHeard") : "never");
    print_warnings(device);
    json_array_foreach(json_object_get(device, "alerts"), i, one)
    {
        vd_table_add(&table, text_of(one, "alertType"));
        vd_table_add(&table, json_is_true(json_object_get(one, "canFire")) ? "yes" : "no");
        vd_table_add(&table, text_of(one, "why"));
    }
    vd_table_print(&table, true);
}

/* Each reason in a row of its own. */
static void print_group(const json_t *answer)
{
    static const char *const columns[] = {"ALERT", "DEVICES", "CAN FIRE", "WHY NOT"};
    const long long devices = json_integer_value(json_object_get(answer, "devices"));
    struct vd_table table = {.columns = columns, .column_count = 4};
    const char *type;
    json_t *row;

    printf("%lld device%s%s\n", devices, vd_plural(devices),
        json_is_true(json_object_get(answer, "isPartial")) ? " (the first of them)" : "");
    print_warnings(answer);
    json_object_foreach(json_object_get(answer, "alerts"), type, row)
    {
        const char *reason;
        json_t *count;

        if (json_integer_value(json_object_get(row, "canFire")) > 0) {
            vd_table_add(&table, type);
            vd_table_add_number(&table, json_integer_value(json_object_get(row, "canFire")));
            vd_table_add(&table, "yes");
            vd_table_add(&table, "");
        }
        json_object_foreach(json_object_get(row, "why"), reason, count)
        {
            vd_table_add(&table, type);
            vd_table_add_number(&table, json_integer_value(count));
            vd_table_add(&table, "no");
            vd_table_add(&table, reason);
        }
    }
    vd_table_print(&table, true);
}

int vd_cmd_doctor(const struct vd_invocation *invocation)
{
    const char *group = vd_invocation_value(invocation, "group");
    const bool of_device = invocation->argument_count > 0;
    const char *name = of_device ? invocation->arguments[0] : group;
    char *encoded = vd_client_encode(name != NULL ? name : "");
    char path[600] = "/doctor";
    char query[600] = "";
    const struct vd_api_request request = {.method = "GET", .path = path, .query = query};
    json_t *answer;

    if (of_device && group != NULL) {
        free(encoded);
        return vd_cli_usage(invocation, "give a device or --group, not both");
    }
    if (of_device) {
        snprintf(path, sizeof path, "/doctor/%s", encoded != NULL ? encoded : "");
    } else if (group != NULL) {
        snprintf(query, sizeof query, "group=%s", encoded != NULL ? encoded : "");
    }
    free(encoded);
    answer = vd_client_json(invocation->data_dir, &request);
    if (answer == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(answer);
    } else if (of_device) {
        print_device(answer);
    } else {
        print_group(answer);
    }
    json_decref(answer);
    return VD_EXIT_OK;
}

const struct vd_option vd_doctor_options[] = {
    {"group", "NAME", "only devices of this group; default: all"},
    {NULL, NULL, NULL},
};
