/* SPDX-License-Identifier: MIT */
/* `vedette notify`: where alerts go, how that goes, and what was given up. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd_alert.h"
#include "cli/commands.h"
#include "cli/list.h"
#include "cli/read_file.h"

/* Calls /{folder}/{first argument}{tail}. */
static json_t *call(const struct vd_invocation *invocation, const char *method, const char *folder,
    const char *tail, const char *body)
{
    char *encoded =
        invocation->argument_count > 0 ? vd_client_encode(invocation->arguments[0]) : NULL;
    char path[400];
    const struct vd_api_request request = {
        .method = method, .path = path, .body = vd_str_from(body != NULL ? body : "")};

    snprintf(path, sizeof path, "/%s/%s%s", folder, encoded != NULL ? encoded : "", tail);
    free(encoded);
    return vd_client_json(invocation->data_dir, &request);
}

static void add_sink(struct vd_table *table, const json_t *sink)
{
    char failed[VD_SHORT_TIME_SIZE];

    vd_table_add(table, vd_member_text(sink, "name"));
    vd_table_add(table, vd_member_text(sink, "kind"));
    vd_table_add(table, vd_member_text(sink, "minSeverity"));
    vd_table_add(table, vd_member_text(sink, "state"));
    vd_table_add_number(table, vd_member_number(sink, "waiting"));
    vd_table_add_number(table, vd_member_number(sink, "delivered"));
    vd_table_add_number(table, vd_member_number(sink, "dead"));
    vd_table_add(table, vd_short_time(sink, "lastErrorTime", failed));
    vd_table_add(table, vd_member_text(sink, "lastError"));
}

static int notify_list(const struct vd_invocation *invocation)
{
    static const char *const columns[] = {"SINK", "KIND", "FROM", "STATE", "WAITING", "DELIVERED",
        "DEAD", "FAILED (UTC)", "LAST ERROR"};
    static const struct vd_list list = {.rows = "sinks",
        .columns = columns,
        .column_count = 9,
        .add = add_sink,
        .is_answer_printed = true};

    return vd_cli_list_at(invocation, &list, "/notify");
}

static int notify_add(const struct vd_invocation *invocation)
{
    const char *kind = invocation->arguments[0];
    const char *name = invocation->arguments[1];
    const char *secret_file = vd_invocation_value(invocation, "secret-file");
    const bool is_file = strcmp(kind, "file") == 0;
    struct vd_buf secret = {0};
    struct vd_api_request request = {.method = "POST", .path = "/notify"};
    json_t *json;
    json_t *answer;
    char *body;

    if (secret_file != NULL && !vd_read_secret(secret_file, &secret)) {
        vd_buf_release(&secret);
        return VD_EXIT_FAILURE;
    }
    json = json_pack("{s:s, s:s, s:{s:o, s:o*, s:o*, s:o*, s:s*, s:o*}, s:s*, s:s%}", "name", name,
        "kind", kind, "settings", is_file ? "path" : "url",
        is_file ? vd_path_json(invocation->arguments[2]) : json_string(invocation->arguments[2]),
        "caFile", vd_path_json(vd_invocation_value(invocation, "ca-file")), "certFile",
        vd_path_json(vd_invocation_value(invocation, "cert-file")), "keyFile",
        vd_path_json(vd_invocation_value(invocation, "key-file")), "format",
        vd_invocation_value(invocation, "format"), "plain",
        vd_invocation_value(invocation, "plain") != NULL ? json_true() : NULL, "minSeverity",
        vd_invocation_value(invocation, "min-severity"), "secret",
        secret.length > 0 ? (const char *)secret.data : "", secret.length);
    body = json_dumps(json, JSON_COMPACT);
    request.body = vd_str_from(body != NULL ? body : "");
    answer = vd_client_json(invocation->data_dir, &request);
    if (answer != NULL) {
        const char *made = vd_member_text(answer, "secret");

        printf("%s gets what happens from now on; `vedette notify test %s` tries it\n", name, name);
        if (made != NULL) {
            printf("its secret, shown only now: %s\n", made);
        }
    }
    free(body);
    json_decref(json);
    json_decref(answer);
    vd_buf_release(&secret);
    return answer != NULL ? VD_EXIT_OK : VD_EXIT_FAILURE;
}

static int notify_remove(const struct vd_invocation *invocation)
{
    return vd_cli_deleted(invocation, call(invocation, "DELETE", "notify", "", NULL));
}

static int done(json_t *answer, const char *word)
{
    if (answer != NULL) {
        printf("%s\n", word);
    }
    json_decref(answer);
    return answer != NULL ? VD_EXIT_OK : VD_EXIT_FAILURE;
}

static int notify_test(const struct vd_invocation *invocation)
{
    return done(call(invocation, "POST", "notify", "/test", NULL),
        "a test notification waits for it; `vedette notify list` shows whether it was taken");
}

static void add_dead(struct vd_table *table, const json_t *letter)
{
    vd_table_add_number(table, vd_member_number(letter, "number"));
    vd_table_add(table, vd_member_text(letter, "sink"));
    vd_table_add(table, vd_member_text(letter, "what"));
    vd_table_add(table, vd_member_text(letter, "failed"));
    vd_table_add(table, vd_member_text(letter, "reason"));
}

static int notify_dead(const struct vd_invocation *invocation)
{
    static const char *const columns[] = {"NUMBER", "SINK", "WHAT", "FAILED", "REASON"};
    static const struct vd_list list = {.rows = "deadNotifications",
        .columns = columns,
        .column_count = 5,
        .add = add_dead,
        .is_answer_printed = true};

    return vd_cli_list_at(invocation, &list, "/notify-dead");
}

static int notify_replay(const struct vd_invocation *invocation)
{
    return done(call(invocation, "POST", "notify-dead", "/replay", NULL), "it waits again");
}

static int notify_discard(const struct vd_invocation *invocation)
{
    return done(call(invocation, "DELETE", "notify-dead", "", NULL), "discarded");
}

static const struct vd_option add_options[] = {
    {"min-severity", "SEVERITY", "Informational, Low, Medium or High; default: Low"},
    {"format", "NAME",
        "vedette, ocsf (Detection Finding), or of syslog cef; default: vedette, of syslog cef"},
    {"secret-file", "FILE",
        "a webhook's secret, for signatures; - for standard input; default: a new one"},
    {"ca-file", "FILE", "the receiver's CA certificates; default: the system's"},
    {"cert-file", "FILE", "the certificate that is shown to a receiver of syslog"},
    {"key-file", "FILE", "its private key"},
    {"plain", NULL,
        "let alerts go over the network unencrypted (tcp:// of syslog, http:// of a webhook)"},
    {NULL, NULL, NULL},
};

const struct vd_command vd_notify_commands[] = {
    {.name = "list",
        .summary = "Lists the sinks and how they do.",
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .run = notify_list},
    {.name = "add",
        .summary = "Makes a sink.",
        .arguments = "webhook|syslog|file NAME URL|PATH",
        .min_arguments = 3,
        .max_arguments = 3,
        .takes = VD_TAKES_DATA_DIR,
        .options = add_options,
        .run = notify_add},
    {.name = "remove",
        .summary = "Removes a sink.",
        .arguments = "NAME",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR,
        .run = notify_remove},
    {.name = "test",
        .summary = "Sends a test notification.",
        .arguments = "NAME",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR,
        .run = notify_test},
    {.name = "dead",
        .summary = "Lists notifications that were given up.",
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .run = notify_dead},
    {.name = "replay",
        .summary = "Sends one of these again.",
        .arguments = "NUMBER",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR,
        .run = notify_replay},
    {.name = "discard",
        .summary = "Forgets one of these.",
        .arguments = "NUMBER",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR,
        .run = notify_discard},
    {.name = NULL},
};
