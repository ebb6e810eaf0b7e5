/* SPDX-License-Identifier: MIT */
/* `vedette device import`: makes devices of what the hub of old exports, a JSON object a line. */

#include <stdio.h>
#include <strings.h>

#include "api/service/identity_json.h"
#include "cli/commands.h"
#include "cli/list.h"
#include "cli/read_file.h"
#include "hub/twin.h"
#include "lib/secret.h"
#include "lib/uuid.h"

/* Some hundred thousand devices. */
#define FILE_MAX_BYTES (256UL << 20)
/* Wrong lines that are told one by one. */
#define FAULTS_TOLD_MAX 20
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

const struct vd_option vd_import_options[] = {
    {"update", NULL, "make those that are there already as the file says, too"},
    {NULL, NULL, NULL},
};

struct import {
    const struct vd_invocation *invocation;
    json_t *seen;    /* ids of lines, as members */
    json_t *present; /* ids that were there already */
    unsigned long line;
    unsigned long faults;
    unsigned long made;
    unsigned long disabled; /* of these */
};

/* What a line says; each borrowed from it, but for the identity. */
struct record {
    const char *id;
    const json_t *keys;
    struct vd_identity identity;
    char *twin; /* the update of it, the record's to free; NULL: the line says nothing of it */
};

static void record_release(struct record *record)
{
    vd_secret_wipe(&record->identity, sizeof record->identity);
    free(record->twin);
}

/* ---- Reading ---- */

/* Absent, null, "" and {} all say nothing. */
static bool is_said(const json_t *value)
{
    return value != NULL && !json_is_null(value) &&
        !(json_is_string(value) && json_string_length(value) == 0) &&
        !(json_is_object(value) && json_object_size(value) == 0);
}

/* Its tags and desired properties, as an update; NULL: there are none. */
static char *twin_text(const json_t *line)
{
    json_t *tags = json_object_get(line, "tags");
    json_t *desired = json_object_get(json_object_get(line, "properties"), "desired");
    json_t *update = json_object();
    char *text = NULL;

    if (is_said(tags)) {
        json_object_set(update, "tags", tags);
    }
    if (is_said(desired)) {
        json_object_set_new(update, "properties", json_pack("{s:O}", "desired", desired));
    }
    if (json_object_size(update) > 0) {
        text = json_dumps(update, JSON_COMPACT);
    }
    json_decref(update);
    return text;
}

/* True if a new twin takes the update; else *problem says why not. */
static bool twin_is_good(const char *text, struct vd_twin_problem *problem)
{
    struct vd_twin twin;
    bool is_good = vd_twin_init(&twin, 0) == VD_OK;

    if (is_good) {
        is_good = vd_twin_update(&twin, VD_TWIN_PATCH, vd_str_from(text), NULL, 0, NULL, problem) ==
            VD_TWIN_OK;
        vd_twin_release(&twin);
    }
    return is_good;
}

/* NULL: it is good; else what is wrong (static). The record is the caller's to release either way. */
static const char *record_read(const json_t *line, struct record *record)
{
    const json_t *id = json_object_get(line, "id");
    const char *mode = json_string_value(json_object_get(line, "importMode"));
    const char *detail = NULL;

    id = id != NULL ? id : json_object_get(line, "deviceId");
    record->id = json_string_value(id);
    record->keys = json_object_get(json_object_get(line, "authentication"), "symmetricKey");
    if (record->id == NULL || !vd_device_id_is_valid(record->id, json_string_length(id)) ||
        vd_text_copy(record->id, record->identity.device_id, sizeof record->identity.device_id) !=
            VD_OK) {
        return "no valid id";
    }
    if (is_said(json_object_get(line, "moduleId"))) {
        return "a module: those are made over the service API, not here";
    }
    if (mode != NULL && strncasecmp(mode, "create", 6) != 0) {
        return "importMode says something else than to make it";
    }
    if (!vd_service_identity_read(line, false, &record->identity, &detail)) {
        return detail;
    }
    if (record->identity.auth_type == VD_AUTH_SAS &&
        !is_said(json_object_get(record->keys, "primaryKey"))) {
        return "no key: the old hub leaves them out unless it is told to export them";
    }
    record->twin = twin_text(line);
    return NULL;
}

/* Calls `take` with each line that is not blank, until it returns false; false then. */
static bool each_line(struct import *import, struct vd_str text,
    bool (*take)(struct import *import, struct vd_str line))
{
    bool goes_on = true;

    import->line = 0;
    while (text.length > 0 && goes_on) {
        const char *end = memchr(text.data, '\n', text.length);
        const size_t length = end != NULL ? (size_t)(end - text.data) : text.length;
        const size_t taken = length + (end != NULL ? 1 : 0);

        import->line++;
        if (length > 0 && !(length == 1 && text.data[0] == '\r')) {
            goes_on = take(import, (struct vd_str){text.data, length});
        }
        text = (struct vd_str){text.data + taken, text.length - taken};
    }
    return goes_on;
}

/* ---- Checking ---- */

static void tell_fault(struct import *import, const char *what, const char *why)
{
    if (++import->faults <= FAULTS_TOLD_MAX) {
        vd_cli_fail("line %lu: %s%s%s", import->line, what, what[0] != '\0' ? ": " : "", why);
    }
}

/* Tells what is wrong with the line; goes on in any case. */
static bool line_check(struct import *import, struct vd_str text)
{
    json_error_t where;
    json_t *line = json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES, &where);
    struct vd_twin_problem problem = {0};
    struct record record = {0};
    const char *fault = json_is_object(line) ? record_read(line, &record) : "not a JSON object";

    if (fault != NULL) {
        tell_fault(import, "", line == NULL ? where.text : fault);
    } else if (json_object_get(import->seen, record.id) != NULL) {
        tell_fault(import, record.id, "stands in an earlier line");
    } else if (record.twin != NULL && !twin_is_good(record.twin, &problem)) {
        tell_fault(import, problem.path, vd_twin_error_text(problem.error));
    }
    if (record.id != NULL) {
        json_object_set_new(import->seen, record.id, json_null());
    }
    record_release(&record);
    json_decref(line);
    return true;
}

/* ---- Making ---- */

/* What the API is told of the device, as text, the caller's to free. NULL: no memory. */
static char *device_text(const struct record *record, bool is_new)
{
    const struct vd_identity *identity = &record->identity;
    const bool by_keys = identity->auth_type == VD_AUTH_SAS;
    json_t *secondary = json_object_get(record->keys, "secondaryKey");
    json_t *body = json_pack("{s:s*, s:s, s:s, s:s, s:s, s:s, s:O*, s:O*}", "deviceId",
        is_new ? record->id : NULL, "status", identity->enabled ? "enabled" : "disabled",
        "statusReason", identity->status_reason, "authenticationType",
        vd_auth_type_name(identity->auth_type), "primaryThumbprint", identity->thumbprints[0],
        "secondaryThumbprint", identity->thumbprints[1], "primaryKey",
        by_keys ? json_object_get(record->keys, "primaryKey") : NULL, "secondaryKey",
        by_keys && is_said(secondary) ? secondary : NULL);
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;

    json_decref(body);
    return text;
}

/* Asks for what is at `tail` of the device, or to make one if id is NULL. Returns the status: below 400, or 409 of one that is there
 * already; *body is then the answer's, the caller's. 0: it failed, and why was said. */
static int call(const struct import *import, const char *method, const char *id, const char *tail,
    const char *text, json_t **body)
{
    const bool is_new = id == NULL;
    char *encoded = vd_client_encode(is_new ? "" : id);
    struct vd_buf path = {0};
    struct vd_api_request request = {.method = method, .body = vd_str_from(text)};
    struct vd_api_answer answer = {0, NULL};
    char reason[1024];
    int error = VD_E_NOMEM;

    if (encoded != NULL) {
        vd_buf_printf(&path, "/devices%s%s%s", is_new ? "" : "/", encoded, tail);
        error = path.error;
    }
    snprintf(reason, sizeof reason, "%s", vd_error_text(VD_E_NOMEM));
    if (error == VD_OK) {
        request.path = (const char *)path.data;
        error =
            vd_client_call(import->invocation->data_dir, &request, &answer, reason, sizeof reason);
    }
    if (error != VD_OK) {
        vd_cli_fail("%s", reason);
    } else if (answer.status >= 400 && !(is_new && answer.status == 409)) {
        vd_client_fail(&request, &answer);
        answer.status = 0;
    }
    free(encoded);
    vd_buf_release(&path);
    *body = answer.status != 0 ? answer.body : NULL;
    return answer.status;
}

/* The same where the answer does not matter but for its being no fault. */
static bool change(const struct import *import, const char *id, const char *tail, const char *text)
{
    json_t *answer = NULL;
    const int status = call(import, "PATCH", id, tail, text, &answer);

    json_decref(answer);
    return status != 0;
}

static bool twin_bring(const struct import *import, const struct record *record)
{
    return record->twin == NULL || change(import, record->id, "/twin", record->twin);
}

/* Makes one that was there as the file says. */
static bool update(const struct import *import, const struct record *record)
{
    char *text = device_text(record, false);
    const bool is_good =
        text != NULL && change(import, record->id, "", text) && twin_bring(import, record);

    free(text);
    return is_good;
}

/* Leaves one that was there as it is, but for a twin that is still a new one: the import that made it was cut off. */
static bool complete(const struct import *import, const struct record *record)
{
    json_t *twin = NULL;
    const int status = call(import, "GET", record->id, "/twin", "", &twin);
    const json_t *desired = json_object_get(json_object_get(twin, "properties"), "desired");
    const bool is_new = json_object_size(json_object_get(twin, "tags")) == 0 &&
        vd_member_number(desired, "$version") == 1;

    json_decref(twin);
    return status != 0 && (!is_new || twin_bring(import, record));
}

static bool is_update(const struct import *import)
{
    return vd_invocation_value(import->invocation, "update") != NULL;
}

static bool present_bring(struct import *import, const struct record *record)
{
    if (!(is_update(import) ? update(import, record) : complete(import, record))) {
        return false;
    }
    json_array_append_new(import->present, json_string(record->id));
    if (import->invocation->output == VD_OUTPUT_TABLE) {
        printf("%s was there already: %s\n", record->id,
            is_update(import) ? "updated" : "left as it is");
    }
    return true;
}

static bool record_bring(struct import *import, const struct record *record)
{
    char *text = device_text(record, true);
    json_t *answer = NULL;
    const int status = text != NULL ? call(import, "POST", NULL, "", text, &answer) : 0;

    json_decref(answer);
    free(text);
    if (status == 409) {
        return present_bring(import, record);
    }
    if (status == 0) {
        return false;
    }
    import->made++;
    import->disabled += record->identity.enabled ? 0 : 1;
    return twin_bring(import, record);
}

static bool line_bring(struct import *import, struct vd_str text)
{
    json_t *line = json_loadb(text.data, text.length, 0, NULL);
    struct record record = {0};
    const bool is_good = record_read(line, &record) == NULL && record_bring(import, &record);

    record_release(&record);
    json_decref(line);
    return is_good;
}

/* ---- The command ---- */

static void print_result(const struct import *import)
{
    json_t *result;

    if (import->invocation->output != VD_OUTPUT_JSON) {
        const size_t present = json_array_size(import->present);

        printf("%lu made, %lu of them disabled; %zu %s there already%s\n", import->made,
            import->disabled, present, present == 1 ? "was" : "were",
            is_update(import) && present > 0 ? ", updated" : "");
        return;
    }
    result = json_pack("{s:I, s:I, s:O}", "made", (json_int_t)import->made, "disabled",
        (json_int_t)import->disabled, "present", import->present);
    vd_print_json(result);
    json_decref(result);
}

static int import_text(struct import *import, struct vd_str text)
{
    each_line(import, text, line_check);
    if (import->faults > 0) {
        return vd_cli_fail("nothing was made: %lu line%s wrong", import->faults,
            import->faults == 1 ? " is" : "s are");
    }
    if (json_object_size(import->seen) == 0) {
        return vd_cli_fail("%s: no devices in it", import->invocation->arguments[0]);
    }
    if (!each_line(import, text, line_bring)) {
        print_result(import);
        return vd_cli_fail("ended at line %lu; when that is mended do it again", import->line);
    }
    print_result(import);
    return VD_EXIT_OK;
}

int vd_cmd_device_import(const struct vd_invocation *invocation)
{
    struct import import = {
        .invocation = invocation, .seen = json_object(), .present = json_array()};
    struct vd_buf text = {.max = FILE_MAX_BYTES};
    int status = VD_EXIT_FAILURE;

    if (vd_read_file(invocation->arguments[0], "larger than 256 MiB: in parts", &text)) {
        struct vd_str lines = {(const char *)text.data, text.length};
        const size_t mark = strlen(BYTE_ORDER_MARK);

        if (lines.length >= mark && memcmp(lines.data, BYTE_ORDER_MARK, mark) == 0) {
            lines = (struct vd_str){lines.data + mark, lines.length - mark};
        }
        status = import_text(&import, lines);
    }
    if (text.data != NULL) {
        vd_secret_wipe(text.data, text.capacity);
    }
    vd_buf_release(&text);
    json_decref(import.seen);
    json_decref(import.present);
    return status;
}
