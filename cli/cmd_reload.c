/* SPDX-License-Identifier: MIT */
/* `vedette reload`: has the service read its configuration and certificate again, and says what came of it. */

#include <stdio.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/table.h"

static void print_names(const char *title, const json_t *names)
{
    const json_t *name;
    size_t i;

    json_array_foreach(names, i, name)
    {
        printf("%s %s", i == 0 ? title : ",", json_string_value(name));
    }
    if (json_array_size(names) > 0) {
        printf("\n");
    }
}

int vd_cmd_reload(const struct vd_invocation *invocation)
{
    const struct vd_api_request request = {.method = "POST", .path = "/reload"};
    json_t *answer = vd_client_json(invocation->data_dir, &request);
    const json_t *changed = json_object_get(answer, "changed");

    if (answer == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(answer);
    } else {
        print_names("changed:", changed);
        print_names("needs a restart:", json_object_get(answer, "needsRestart"));
        if (json_array_size(changed) == 0) {
            puts("nothing has changed in the running service");
        }
    }
    json_decref(answer);
    return VD_EXIT_OK;
}
