/* SPDX-License-Identifier: MIT */
/* `vedette certificate`: the CAs whose devices may connect. */

#include <stdio.h>

#include "cli/commands.h"
#include "cli/list.h"
#include "cli/read_file.h"
#include "lib/secret.h"

/* A file with one certificate in PEM: more than the hub takes. */
#define FILE_MAX_BYTES (128 * 1024)

/* The answer for one certificate by its name; NULL (said on stderr) if that fails. `action`: "", "/code" ... */
static json_t *call_certificate(const struct vd_invocation *invocation, const char *method,
    const char *action, const char *body)
{
    char *name = vd_client_encode(invocation->arguments[0]);
    struct vd_buf path = {0};
    struct vd_api_request request = {.method = method};
    json_t *answer = NULL;

    if (name != NULL) {
        vd_buf_printf(&path, "/certificates/%s%s", name, action);
    }
    if (name == NULL || path.error != VD_OK) {
        vd_cli_fail("%s", vd_error_text(VD_E_NOMEM));
    } else {
        request.path = (const char *)path.data;
        request.body = vd_str_from(body);
        answer = vd_client_json(invocation->data_dir, &request);
    }
    vd_buf_release(&path);
    free(name);
    return answer;
}

/* The file in base64, the caller's; NULL (said on stderr) if that fails. */
static char *read_encoded(const char *path)
{
    struct vd_buf text = {.max = FILE_MAX_BYTES};
    char *encoded = NULL;
    size_t size;

    if (vd_read_file(path, "too large for a certificate", &text)) {
        size = VD_BASE64_LENGTH(text.length) + 1;
        encoded = malloc(size);
        if (encoded == NULL || vd_base64_encode(text.data, text.length, encoded, size) != VD_OK) {
            vd_cli_fail("%s", vd_error_text(VD_E_NOMEM));
            free(encoded);
            encoded = NULL;
        }
    }
    vd_buf_release(&text);
    return encoded;
}

static int print_certificate(const struct vd_invocation *invocation, json_t *certificate)
{
    const char *code = vd_member_text(certificate, "verificationCode");

    if (certificate == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(certificate);
    } else {
        printf("certificate        %s\n", vd_member_text(certificate, "name"));
        printf("subject            ");
        vd_print_safe(vd_member_text(certificate, "subject"));
        printf("\nthumbprint         %s\n", vd_member_text(certificate, "thumbprint"));
        printf("expires            %s\n", vd_member_text(certificate, "expiry"));
        printf("verified           %s\n",
            json_is_true(json_object_get(certificate, "isVerified")) ? "yes" : "no");
        if (code != NULL) {
            printf("verification code  %s\n", code);
        }
    }
    json_decref(certificate);
    return VD_EXIT_OK;
}

static int certificate_add(const struct vd_invocation *invocation)
{
    char *encoded = read_encoded(invocation->arguments[1]);
    struct vd_api_request request = {.method = "POST", .path = "/certificates"};
    json_t *body;
    char *text;
    json_t *answer;

    if (encoded == NULL) {
        return VD_EXIT_FAILURE;
    }
    body = json_pack("{s:s, s:s, s:b}", "name", invocation->arguments[0], "certificate", encoded,
        "isVerified", vd_invocation_value(invocation, "verified") != NULL);
    free(encoded);
    text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    if (text == NULL) {
        return vd_cli_fail("the name is to be text");
    }
    request.body = vd_str_from(text);
    answer = vd_client_json(invocation->data_dir, &request);
    free(text);
    return print_certificate(invocation, answer);
}

static void add_certificate(struct vd_table *table, const json_t *certificate)
{
    vd_table_add(table, vd_member_text(certificate, "name"));
    vd_table_add(table, json_is_true(json_object_get(certificate, "isVerified")) ? "yes" : "no");
    vd_table_add(table, vd_member_text(certificate, "expiry"));
    vd_table_add(table, vd_member_text(certificate, "subject"));
}

static int certificate_list(const struct vd_invocation *invocation)
{
    static const char *const columns[] = {"NAME", "VERIFIED", "EXPIRES", "SUBJECT"};
    static const struct vd_list list = {.rows = "certificates",
        .columns = columns,
        .column_count = 4,
        .add = add_certificate,
        .none = "no certificates; `vedette certificate add NAME FILE` adds one"};

    return vd_cli_list_at(invocation, &list, "/certificates");
}

static int certificate_show(const struct vd_invocation *invocation)
{
    return print_certificate(invocation, call_certificate(invocation, "GET", "", ""));
}

static int certificate_code(const struct vd_invocation *invocation)
{
    return print_certificate(invocation, call_certificate(invocation, "POST", "/code", ""));
}

static int certificate_verify(const struct vd_invocation *invocation)
{
    char *encoded = read_encoded(invocation->arguments[1]);
    struct vd_buf body = {0};
    json_t *answer = NULL;

    if (encoded == NULL) {
        return VD_EXIT_FAILURE;
    }
    /* Base64 needs no escapes. */
    vd_buf_printf(&body, "{\"certificate\":\"%s\"}", encoded);
    free(encoded);
    if (body.error == VD_OK) {
        answer = call_certificate(invocation, "POST", "/verify", (const char *)body.data);
    } else {
        vd_cli_fail("%s", vd_error_text(VD_E_NOMEM));
    }
    vd_buf_release(&body);
    return print_certificate(invocation, answer);
}

static int certificate_delete(const struct vd_invocation *invocation)
{
    return vd_cli_deleted(invocation, call_certificate(invocation, "DELETE", "", ""));
}

static const struct vd_option add_options[] = {
    {"verified", NULL, "trust it without proof that its key is yours"},
    {NULL, NULL, NULL},
};

#define TAKES (VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT)

const struct vd_command vd_certificate_commands[] = {
    {.name = "add",
        .summary = "Adds the certificate of a CA, PEM or DER.",
        .arguments = "NAME FILE",
        .min_arguments = 2,
        .max_arguments = 2,
        .takes = TAKES,
        .options = add_options,
        .details = "No device is let in by it before it is verified: see `code` and `verify`.\n",
        .run = certificate_add},
    {.name = "list", .summary = "Lists the certificates.", .takes = TAKES, .run = certificate_list},
    {.name = "show",
        .summary = "Shows a certificate.",
        .arguments = "NAME",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = TAKES,
        .run = certificate_show},
    {.name = "code",
        .summary = "Makes a new verification code.",
        .arguments = "NAME",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = TAKES,
        .details =
            "Sign a certificate that has the code as its CN with the CA's key, for `verify`.\n",
        .run = certificate_code},
    {.name = "verify",
        .summary = "Proves that the CA's key is yours.",
        .arguments = "NAME FILE",
        .min_arguments = 2,
        .max_arguments = 2,
        .takes = TAKES,
        .details = "FILE: a certificate with the verification code as its CN, signed by the CA.\n",
        .run = certificate_verify},
    {.name = "delete",
        .summary = "Removes a certificate: its devices connect no more.",
        .arguments = "NAME",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = TAKES,
        .run = certificate_delete},
    {.name = NULL},
};
