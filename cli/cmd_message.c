/* SPDX-License-Identifier: MIT */
/* `vedette device send`, `purge`, `feedback`: messages to devices, and what became of them. */

#include <stdio.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/read_file.h"
#include "cli/table.h"
#include "hub/limits.h"
#include "lib/secret.h"

#define BASE64_SIZE (VD_BASE64_LENGTH(VD_HUB_C2D_BODY_MAX_BYTES) + 1)

const struct vd_option vd_send_options[] = {
    {"property", "NAME=VALUE", "of the message; may be repeated"},
    {"message-id", "ID", "what feedback names it by; default: a new one, printed"},
    {"correlation-id", "ID", "another message that it belongs to"},
    {"user-id", "ID", "who sends it"},
    {"content-type", "TYPE", "of the payload, such as application/json"},
    {"content-encoding", "NAME", "of the payload, such as utf-8"},
    {"ack", "WHICH", "feedback that is wanted: none, positive, negative or full; default: none"},
    {"ttl", "S", "how long it may wait: 1 to 172800 s; default: 3600"},
    {"file", "FILE", "takes the payload from the file, of any bytes; -: from stdin"},
    {NULL, NULL, NULL},
};

const struct vd_option vd_feedback_options[] = {
    {"after", "N", "what comes behind this sequence only"},
    {"limit", "N", "at most so many, up to 1000; default: 100"},
    {"forget", "N", "removes all up to this sequence, and prints nothing"},
    {NULL, NULL, NULL},
};

/* ---- The message as JSON ---- */

/* False (said on stderr) if the option is wrong. */
static bool add_property(const struct vd_invocation *invocation, const char *text, json_t *body)
{
    const char *equals = strchr(text, '=');
    json_t *properties = json_object_get(body, "properties");
    char *name;
    bool is_added;

    if (equals == NULL || equals == text) {
        vd_cli_usage(invocation, "--property %s: not of the form NAME=VALUE", text);
        return false;
    }
    if (properties == NULL) {
        properties = json_object();
        if (json_object_set_new(body, "properties", properties) != 0) {
            return false;
        }
    }
    name = strndup(text, (size_t)(equals - text));
    is_added = name != NULL && json_object_set_new(properties, name, json_string(equals + 1)) == 0;
    free(name);
    if (!is_added) {
        vd_cli_usage(invocation, "--property %s: not text in UTF-8", text);
    }
    return is_added;
}

static bool add_ttl(const struct vd_invocation *invocation, const char *text, json_t *body)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

    if (!json_is_integer(value)) {
        json_decref(value);
        vd_cli_usage(invocation, "--ttl is a number of seconds");
        return false;
    }
    return json_object_set_new(body, "ttlSeconds", value) == 0;
}

static bool add_text(
    const struct vd_invocation *invocation, const char *member, const char *text, json_t *body)
{
    if (json_object_set_new(body, member, json_string(text)) != 0) {
        vd_cli_usage(invocation, "%s is not text in UTF-8", member);
        return false;
    }
    return true;
}

static bool add_option(
    const struct vd_invocation *invocation, const char *name, const char *value, json_t *body)
{
    static const struct {
        const char *option;
        const char *member;
    } texts[] = {
        {"message-id", "messageId"},
        {"correlation-id", "correlationId"},
        {"user-id", "userId"},
        {"content-type", "contentType"},
        {"content-encoding", "contentEncoding"},
        {"ack", "ack"},
    };

    if (strcmp(name, "property") == 0) {
        return add_property(invocation, value, body);
    }
    if (strcmp(name, "ttl") == 0) {
        return add_ttl(invocation, value, body);
    }
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strcmp(name, texts[i].option) == 0) {
            return add_text(invocation, texts[i].member, value, body);
        }
    }
    return true; /* file */
}

/* Any bytes; false (said on stderr) if they cannot be read. */
static bool add_file(const char *path, json_t *body)
{
    static const char too_large[] = "a message has at most 64 KiB";
    struct vd_buf bytes = {.max = 2 * VD_HUB_C2D_BODY_MAX_BYTES};
    char *text = malloc(BASE64_SIZE);
    bool is_read = vd_read_file(path, too_large, &bytes);
    bool is_added = false;

    if (is_read && bytes.length > VD_HUB_C2D_BODY_MAX_BYTES) {
        vd_cli_fail("%s: %s", path, too_large);
    } else if (is_read) {
        is_added = text != NULL &&
            vd_base64_encode(bytes.data, bytes.length, text, BASE64_SIZE) == VD_OK &&
            json_object_set_new(body, "payloadBase64", json_string(text)) == 0;
        if (!is_added) {
            vd_cli_fail("%s", vd_error_text(VD_E_NOMEM));
        }
    }
    free(text);
    vd_buf_release(&bytes);
    return is_added;
}

/* The message as text, the caller's to free; NULL: said on stderr, *status set. */
static char *make_message(const struct vd_invocation *invocation, int *status)
{
    const char *file = vd_invocation_value(invocation, "file");
    json_t *body = json_object();
    bool is_good = body != NULL;
    char *text = NULL;

    *status = VD_EXIT_USAGE;
    if ((file != NULL) == (invocation->argument_count > 1)) {
        json_decref(body);
        vd_cli_usage(invocation, "the payload is an argument, or comes by --file");
        return NULL;
    }
    for (size_t i = 0; is_good && i < invocation->given_count; i++) {
        is_good =
            add_option(invocation, invocation->given[i].name, invocation->given[i].value, body);
    }
    if (is_good && file == NULL) {
        is_good = add_text(invocation, "payload", invocation->arguments[1], body);
    } else if (is_good) {
        *status = VD_EXIT_FAILURE;
        is_good = add_file(file, body);
    }
    text = is_good ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    return text;
}

/* ---- Commands ---- */

int vd_cmd_send(const struct vd_invocation *invocation)
{
    int status;
    char *message = make_message(invocation, &status);
    json_t *answer;

    if (message == NULL) {
        return status;
    }
    answer = vd_device_call(invocation, "POST", "/messages", NULL, vd_str_from(message));
    free(message);
    if (answer == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(answer);
    } else {
        printf("message id  %s\n", json_string_value(json_object_get(answer, "messageId")));
    }
    json_decref(answer);
    return VD_EXIT_OK;
}

int vd_cmd_purge(const struct vd_invocation *invocation)
{
    json_t *answer = vd_device_call(invocation, "DELETE", "/messages", NULL, VD_STR_LITERAL(""));

    if (answer == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(answer);
    } else {
        const long long purged = json_integer_value(json_object_get(answer, "purged"));

        printf("purged %lld message%s\n", purged, vd_plural(purged));
    }
    json_decref(answer);
    return VD_EXIT_OK;
}

static void print_feedback(const json_t *feedback)
{
    static const char *const columns[] = {"SEQUENCE", "TIME (UTC)", "DEVICE", "MESSAGE", "BECAME"};
    static const char *const members[] = {
        "enqueuedTimeUtc", "deviceId", "originalMessageId", "statusCode"};
    struct vd_table table = {.columns = columns, .column_count = 5};
    const json_t *item;
    size_t i;

    if (json_array_size(feedback) == 0) {
        puts("no feedback; `vedette device send --ack full` asks for it");
        return;
    }
    json_array_foreach(feedback, i, item)
    {
        vd_table_add_number(&table, json_integer_value(json_object_get(item, "sequence")));
        for (size_t k = 0; k < 4; k++) {
            vd_table_add(&table, json_string_value(json_object_get(item, members[k])));
        }
    }
    vd_table_print(&table, true);
}

/* `after=N&limit=N`, of what was given. */
static bool make_query(const struct vd_invocation *invocation, bool forget, struct vd_buf *query)
{
    static const char *const options[] = {"after", "limit", "forget"};
    static const char *const params[] = {"after", "limit", "upTo"};

    for (size_t i = forget ? 2 : 0; i < (forget ? 3u : 2u); i++) {
        const char *value = vd_invocation_value(invocation, options[i]);
        char *encoded = value != NULL ? vd_client_encode(value) : NULL;

        if (encoded != NULL) {
            vd_buf_printf(query, "%s%s=%s", query->length > 0 ? "&" : "", params[i], encoded);
        }
        free(encoded);
    }
    vd_buf_append(query, "", 1);
    return query->error == VD_OK;
}

int vd_cmd_feedback(const struct vd_invocation *invocation)
{
    const bool forget = vd_invocation_value(invocation, "forget") != NULL;
    struct vd_api_request request = {.method = forget ? "DELETE" : "GET", .path = "/feedback"};
    struct vd_buf query = {0};
    json_t *answer = NULL;

    if (make_query(invocation, forget, &query)) {
        request.query = (const char *)query.data;
        answer = vd_client_json(invocation->data_dir, &request);
    } else {
        vd_cli_fail("%s", vd_error_text(VD_E_NOMEM));
    }
    vd_buf_release(&query);
    if (answer == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(forget ? answer : json_object_get(answer, "feedback"));
    } else if (!forget) {
        print_feedback(json_object_get(answer, "feedback"));
    }
    json_decref(answer);
    return VD_EXIT_OK;
}
