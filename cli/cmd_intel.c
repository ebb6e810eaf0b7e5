/* SPDX-License-Identifier: MIT */
/* `vedette intel`: threat indicators. */

#include <stdio.h>

#include "api/api.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/read_file.h"
#include "cli/table.h"

/* The file's name without its folders; "stdin" for "-". */
static const char *feed_name_for(const char *path)
{
    const char *slash = strrchr(path, '/');

    return strcmp(path, "-") == 0 ? "stdin" : slash != NULL ? slash + 1 : path;
}

static int intel_import(const struct vd_invocation *invocation)
{
    const char *path = invocation->arguments[0];
    const char *feed = vd_invocation_value(invocation, "feed");
    struct vd_buf text = {.max = VD_API_BODY_MAX_BYTES};
    struct vd_buf query = {0};
    struct vd_api_request request = {.method = "POST", .path = "/indicators"};
    char *encoded = vd_client_encode(feed != NULL ? feed : feed_name_for(path));
    json_t *answer = NULL;

    vd_buf_printf(&query, "feed=%s", encoded != NULL ? encoded : "");
    if (encoded != NULL && query.error == VD_OK &&
        vd_read_file(path, "larger than 64 MiB: import it in parts", &text)) {
        request.query = (const char *)query.data;
        request.body = (struct vd_str){(const char *)text.data, text.length};
        answer = vd_client_json(invocation->data_dir, &request);
    }
    free(encoded);
    vd_buf_release(&query);
    vd_buf_release(&text);
    if (answer == NULL) {
        vd_cli_fail("%s was not imported", path);
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(answer);
    } else {
        printf("%s: %lld added, %lld known already; %lld indicators in all feeds\n",
            json_string_value(json_object_get(answer, "feed")),
            (long long)json_integer_value(json_object_get(answer, "added")),
            (long long)json_integer_value(json_object_get(answer, "known")),
            (long long)json_integer_value(json_object_get(answer, "total")));
    }
    json_decref(answer);
    return VD_EXIT_OK;
}

static const struct vd_option import_options[] = {
    {"feed", "NAME", "the name of the list; default: that of the file"},
    {NULL, NULL, NULL},
};

const struct vd_command vd_intel_commands[] = {
    {.name = "import",
        .summary = "Takes up a list of suspicious addresses.",
        .arguments = "FILE",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .options = import_options,
        .details =
            "One IPv4 or IPv6 address or CIDR range a line, # comments; - reads stdin.\n"
            "All of it is taken up or, at the first fault, nothing. A running service sees it at once.\n",
        .run = intel_import},
    {.name = NULL},
};
