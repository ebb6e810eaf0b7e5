/* SPDX-License-Identifier: MIT */
/* `vedette audit`: who did what, taken along, and proved to be whole. */

#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/audit_watch.h"
#include "cli/commands.h"
#include "cli/data_dir.h"
#include "cli/duration.h"
#include "cli/list.h"
#include "cli/stores.h"
#include "lib/audit.h"
#include "lib/clock.h"
#include "lib/sqlite.h"

/* What a trail that does not verify ends with: not that it could not be looked at. */
#define EXIT_BROKEN 3

/* ---- Listing ---- */

/* Appends a parameter that was given. */
static void put_param(struct vd_buf *query, const char *name, const char *value)
{
    char *encoded = value != NULL ? vd_client_encode(value) : NULL;

    if (encoded != NULL) {
        vd_buf_printf(query, "%s%s=%s", query->length > 0 ? "&" : "", name, encoded);
    }
    free(encoded);
}

/* A time, or how long ago it was ("7d"), as a time. False: said on stderr. */
static bool time_of(
    const struct vd_invocation *invocation, const char *name, char out[VD_TIME_TEXT_SIZE])
{
    const char *text = vd_invocation_value(invocation, name);
    const int64_t seconds = text != NULL ? vd_duration_seconds(text) : 0;
    int64_t ms = 0;

    out[0] = '\0';
    if (seconds > 0) {
        ms = vd_clock_utc_ms() - seconds * 1000;
    } else if (text != NULL && vd_time_parse(text, &ms) != VD_OK) {
        vd_cli_usage(invocation,
            "--%s is a time like 2026-11-24T07:44:03Z, or how long ago: 7d, 12h, 5m, 30s", name);
        return false;
    }
    if (text != NULL) {
        vd_time_format(ms, out);
    }
    return true;
}

static json_t *call(const struct vd_invocation *invocation, const char *path, struct vd_buf *query)
{
    const struct vd_api_request request = {.method = "GET",
        .path = path,
        .query = query->length > 0 ? (const char *)query->data : NULL};
    json_t *answer = NULL;

    if (query->length > 0) {
        vd_buf_append(query, "", 1);
    }
    if (query->error == VD_OK) {
        answer = vd_client_json(invocation->data_dir, &request);
    } else {
        vd_cli_fail("%s", vd_error_text(query->error));
    }
    vd_buf_release(query);
    return answer;
}

static void add_row(struct vd_table *table, const json_t *record)
{
    char status[16];

    snprintf(status, sizeof status, "%d", (int)vd_member_number(record, "status"));
    vd_table_add_number(table, vd_member_number(record, "sequence"));
    vd_table_add(table, vd_member_text(record, "time"));
    vd_table_add(table, vd_member_text(record, "who"));
    vd_table_add(table, vd_member_text(record, "address"));
    vd_table_add(table, vd_member_text(record, "via"));
    vd_table_add(table, vd_member_text(record, "method"));
    vd_table_add(table,
        vd_member_text(record, "resource") != NULL && vd_member_text(record, "resource")[0] != '\0'
            ? vd_member_text(record, "resource")
            : vd_member_text(record, "path"));
    vd_table_add(table, vd_member_text(record, "outcome"));
    vd_table_add(table, strcmp(status, "0") != 0 ? status : "");
    vd_table_add(table, vd_member_text(record, "changed"));
}

static int audit_list(const struct vd_invocation *invocation)
{
    static const char *const columns[] = {
        "NUMBER", "TIME", "WHO", "FROM", "VIA", "METHOD", "WHAT", "OUTCOME", "STATUS", "CHANGED"};
    static const char *const texts[] = {"who", "what", "kind", "outcome", "limit", "before"};
    struct vd_table table = {.columns = columns, .column_count = 10};
    struct vd_buf query = {0};
    char since[VD_TIME_TEXT_SIZE];
    json_t *answer;
    const json_t *record;
    size_t i;

    if (!time_of(invocation, "since", since)) {
        return VD_EXIT_USAGE;
    }
    for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++) {
        put_param(&query, texts[t], vd_invocation_value(invocation, texts[t]));
    }
    put_param(&query, "from", since[0] != '\0' ? since : NULL);
    answer = call(invocation, "/audit", &query);
    if (answer == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(answer);
    } else {
        json_array_foreach(json_object_get(answer, "records"), i, record)
        {
            add_row(&table, record);
        }
        vd_table_print(&table, true);
        if (vd_member_number(answer, "next") > 0) {
            printf("older ones: --before %lld\n", vd_member_number(answer, "next"));
        }
    }
    json_decref(answer);
    return VD_EXIT_OK;
}

static int audit_show(const struct vd_invocation *invocation)
{
    struct vd_buf query = {0};
    char *encoded = vd_client_encode(invocation->arguments[0]);
    char path[200];
    json_t *record;
    const char *name;
    json_t *value;

    snprintf(path, sizeof path, "/audit/%s", encoded != NULL ? encoded : "");
    free(encoded);
    record = call(invocation, path, &query);
    if (record == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(record);
    } else {
        json_object_foreach(record, name, value)
        {
            printf("%-10s ", name);
            if (json_is_integer(value)) {
                printf("%lld", (long long)json_integer_value(value));
            } else {
                vd_print_safe(json_string_value(value));
            }
            putchar('\n');
        }
    }
    json_decref(record);
    return VD_EXIT_OK;
}

/* ---- Exporting ---- */

/* A cell of RFC 4180. What a spreadsheet would take for a formula gets an apostrophe: paths come from anybody. */
static void put_cell(const char *text, bool is_first)
{
    printf("%s\"%s", is_first ? "" : ",",
        strchr("=+-@\t\r", text[0]) != NULL && text[0] != '\0' ? "'" : "");
    for (; *text != '\0'; text++) {
        if (*text == '"') {
            putchar('"');
        }
        putchar(*text);
    }
    putchar('"');
}

/* False: it is no record. */
static bool put_csv(const char *line, bool with_header)
{
    json_t *record = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    const char *name;
    json_t *value;
    bool is_first = true;

    if (with_header) {
        json_object_foreach(record, name, value)
        {
            put_cell(name, is_first);
            is_first = false;
        }
        fputs("\r\n", stdout);
        is_first = true;
    }
    json_object_foreach(record, name, value)
    {
        char number[32] = "";

        if (json_is_integer(value)) {
            snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
        }
        put_cell(json_is_string(value) ? json_string_value(value) : number, is_first);
        is_first = false;
    }
    fputs("\r\n", stdout);
    json_decref(record);
    return record != NULL;
}

/* The next lines; *next: where to go on, 0 at the end. */
static bool put_lines(
    const struct vd_invocation *invocation, json_int_t to, json_int_t *next, bool *with_header)
{
    struct vd_buf query = {0};
    json_t *answer;
    const json_t *line;
    bool good = true;
    size_t i;

    vd_buf_printf(&query, "from=%lld&to=%lld", (long long)*next, (long long)to);
    answer = call(invocation, "/audit-export", &query);
    json_array_foreach(json_object_get(answer, "lines"), i, line)
    {
        if (invocation->output == VD_OUTPUT_CSV) {
            good = put_csv(json_string_value(line), *with_header) && good;
            *with_header = false;
        } else {
            puts(json_string_value(line));
        }
    }
    *next = vd_member_number(answer, "next");
    json_decref(answer);
    return answer != NULL && good;
}

static int audit_export(const struct vd_invocation *invocation)
{
    struct vd_buf query = {0};
    char since[VD_TIME_TEXT_SIZE];
    bool with_header = true;
    bool good;
    json_int_t next;
    json_int_t to;
    json_t *head;

    if (!time_of(invocation, "since", since)) {
        return VD_EXIT_USAGE;
    }
    put_param(&query, "since", since[0] != '\0' ? since : NULL);
    head = call(invocation, "/audit-export", &query);
    if (head == NULL) {
        return VD_EXIT_FAILURE;
    }
    next = vd_member_number(head, "from");
    to = vd_member_number(head, "to");
    if (invocation->output != VD_OUTPUT_CSV) {
        puts(vd_member_text(head, "head"));
    }
    json_decref(head);
    good = true;
    while (good && next != 0 && next <= to) {
        good = put_lines(invocation, to, &next, &with_header);
    }
    if (good && fflush(stdout) != 0) {
        vd_cli_fail("cannot write: %s", strerror(errno));
        good = false;
    }
    return good ? VD_EXIT_OK : VD_EXIT_FAILURE;
}

/* ---- Verifying ---- */

/* The key that heads are signed with: of --key, or of the data directory. *has: false where there is none, and none was
 * asked for. False: said on stderr. */
static bool read_key(
    const struct vd_invocation *invocation, uint8_t key[VD_MASTER_KEY_BYTES], bool *has)
{
    const char *given = vd_invocation_value(invocation, "key");
    uint8_t master[VD_MASTER_KEY_BYTES] = {0};
    uint8_t digest[VD_MASTER_KEY_BYTES];
    char path[VD_PATH_SIZE];
    int error = vd_data_path(invocation->data_dir, VD_FILE_MASTER_KEY, path);

    *has = false;
    if (error == VD_OK) {
        error = vd_secret_key_file_read(given != NULL ? given : path, master);
    }
    if (error == VD_OK) {
        error = vd_audit_keys_derive(master, key, digest);
        vd_secret_wipe(digest, sizeof digest);
    }
    vd_secret_wipe(master, sizeof master);
    if (error == VD_OK) {
        *has = true;
    } else if (given != NULL) {
        vd_cli_fail("%s: %s; it is to be the master.key that the trail was made with", given,
            vd_error_text(error));
        return false;
    }
    return true;
}

/* One line without its end; false at the end of the file, or if it is too long (*error). */
static bool read_line(FILE *file, struct vd_buf *line, int *error)
{
    int c = 0;

    vd_buf_clear(line);
    while ((c = getc_unlocked(file)) != EOF && c != '\n') {
        const char byte = (char)c;

        vd_buf_append(line, &byte, 1);
        if (line->length > VD_AUDIT_LINE_MAX || line->error != VD_OK) {
            *error = line->error != VD_OK ? line->error : VD_E_LIMIT;
            return false;
        }
    }
    if (ferror(file)) {
        *error = VD_E_IO;
        return false;
    }
    return c != EOF || line->length > 0;
}

/* VD_E_INVALID: there is nothing in it, which says nothing of a trail. */
static int verify_export(const char *path, struct vd_audit_check *check)
{
    const bool is_stdin = strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "rbe");
    struct vd_buf line = {0};
    bool is_empty = true;
    int error = file != NULL ? VD_OK : vd_error_from_errno(errno);

    while (file != NULL && error == VD_OK && read_line(file, &line, &error)) {
        is_empty = false;
        error = vd_audit_check_line(check, (struct vd_str){(const char *)line.data, line.length});
    }
    if (error == VD_OK) {
        error = is_empty ? VD_E_INVALID : vd_audit_check_end(check);
    } else if (error == VD_E_LIMIT) {
        snprintf(check->problem, sizeof check->problem,
            "a line is longer than any record, behind record %" PRIu64, check->next - 1);
        error = VD_E_CORRUPT;
    }
    vd_buf_release(&line);
    if (file != NULL && !is_stdin) {
        fclose(file);
    }
    return error;
}

static void print_result(const struct vd_invocation *invocation, const struct vd_audit_check *check,
    const char *what, int error)
{
    const bool has_key = check->key != NULL;

    if (invocation->output == VD_OUTPUT_JSON) {
        json_t *json = json_pack("{s:b, s:b, s:I, s:I, s:I, s:I, s:o, s:o}", "verified",
            (int)(error == VD_OK && check->breaks == 0), "withKey", (int)has_key, "records",
            (json_int_t)check->records, "from", (json_int_t)check->head.from, "to",
            (json_int_t)check->head.to, "breaks", (json_int_t)check->breaks, "wrong",
            check->wrong != 0 ? json_integer((json_int_t)check->wrong) : json_null(), "problem",
            check->problem[0] != '\0' ? json_string(check->problem) : json_null());

        vd_print_json(json);
        json_decref(json);
        return;
    }
    if (error != VD_OK) {
        printf("%s does not verify: %s\n", what, check->problem);
        printf("%" PRIu64 " record%s before that %s right\n", check->records,
            check->records == 1 ? "" : "s", check->records == 1 ? "is" : "are");
    } else if (check->records == 0) {
        printf("%s: no records, as its head says\n", what);
    } else {
        printf("%s: %" PRIu64 " record%s, %" PRIu64 " to %" PRIu64 "\n", what, check->records,
            check->records == 1 ? " verifies" : "s verify", check->head.from, check->head.to);
    }
    if (check->breaks > 0) {
        printf("record %" PRIu64 " says that the trail was found broken before: %s\n",
            check->last_break, check->break_note);
    }
    if (!has_key) {
        printf(
            "without the master key only the chain was judged: whoever rewrote all of it, or cut its end together with the "
            "head, is not seen; name the key by --key\n");
    }
}

/* What the registry knows of the trail; empty where it knows nothing. False: said on stderr. */
static bool read_anchor(const char *dir, struct vd_buf *line)
{
    char path[VD_PATH_SIZE];
    sqlite3 *db = NULL;
    int error = vd_data_path(dir, VD_FILE_REGISTRY, path);

    if (error == VD_OK) {
        error = vd_sqlite_open_to_read(path, &db);
    }
    if (error == VD_OK) {
        error = vd_audit_anchor_read(db, line);
    }
    sqlite3_close(db);
    if (error != VD_OK && error != VD_E_NOT_FOUND) {
        vd_cli_fail("%s: %s", path, vd_error_text(error));
    }
    return error == VD_OK || error == VD_E_NOT_FOUND;
}

/* False: said on stderr. *anchor: what the registry knows of it; with that a trail that is gone is for verifying to tell of. */
static bool trail_is_readable(const char *dir, const char *path, struct vd_buf *anchor)
{
    char error_text[1024];

    if (vd_data_dir_find(dir, error_text, sizeof error_text) != VD_OK) {
        vd_cli_fail("%s", error_text);
        return false;
    }
    if (!read_anchor(dir, anchor)) {
        return false;
    }
    if (access(path, R_OK) != 0 && errno == ENOENT) {
        if (anchor->length == 0) {
            vd_cli_fail("%s: not found; it is made when the service starts", path);
        }
        return anchor->length > 0;
    }
    if (access(path, R_OK) != 0) {
        vd_store_error_text(path, vd_error_from_errno(errno), error_text, sizeof error_text);
        vd_cli_fail("%s", error_text);
        return false;
    }
    return true;
}

static int audit_verify(const struct vd_invocation *invocation)
{
    const bool is_file = invocation->argument_count > 0;
    uint8_t key[VD_MASTER_KEY_BYTES];
    struct vd_audit_check check = {.key = NULL};
    char path[VD_PATH_SIZE];
    const char *what = is_file ? invocation->arguments[0] : path;
    struct vd_buf anchor = {0};
    bool has_key = false;
    int error = vd_data_path(invocation->data_dir, VD_FILE_AUDIT, path);

    if (error != VD_OK || (!is_file && !trail_is_readable(invocation->data_dir, path, &anchor)) ||
        !read_key(invocation, key, &has_key)) {
        vd_buf_release(&anchor);
        return VD_EXIT_FAILURE;
    }
    check.key = has_key ? key : NULL;
    check.anchor = (struct vd_str){(const char *)anchor.data, anchor.length};
    error = is_file ? verify_export(what, &check) : vd_audit_file_verify(path, &check);
    vd_secret_wipe(key, sizeof key);
    vd_buf_release(&anchor);
    check.anchor = (struct vd_str){NULL, 0};
    if (error == VD_E_NOT_FOUND && !is_file) {
        snprintf(check.problem, sizeof check.problem, "it is gone, and the registry knows of it");
        error = VD_E_CORRUPT;
    }
    if (error == VD_E_INVALID) {
        return vd_cli_fail(
            "%s is empty: it has no records, nor the head that every export begins with", what);
    }
    if (error != VD_OK && error != VD_E_CORRUPT) {
        vd_cli_fail("%s: %s", what, vd_error_text(error));
        return VD_EXIT_FAILURE;
    }
    print_result(invocation, &check, what, error);
    return error == VD_OK && check.breaks == 0 ? VD_EXIT_OK : EXIT_BROKEN;
}

/* ---- The table ---- */

static const struct vd_option list_options[] = {
    {"who", "TEXT", "a piece of a caller's name"},
    {"what", "TEXT", "a piece of the method, the route or the path"},
    {"kind", "KIND", "Change, SignIn or Program"},
    {"outcome", "OUTCOME", "Done, Refused, Failed or Unknown"},
    {"since", "TIME", "2026-11-24T07:44:03Z, or how long ago: 7d, 12h, 5m, 30s"},
    {"limit", "N", "how many, at most 1000; without it 100"},
    {"before", "NUMBER", "only records before this one"},
    {NULL, NULL, NULL},
};

static const struct vd_option export_options[] = {
    {"since", "TIME",
        "only records since then: 2026-11-24T07:44:03Z, or how long ago: 7d, 12h, 5m, 30s"},
    {NULL, NULL, NULL},
};

static const struct vd_option verify_options[] = {
    {"key", "FILE", "the master.key of the data directory that it was exported from"},
    {NULL, NULL, NULL},
};

const struct vd_command vd_audit_commands[] = {
    {.name = "list",
        .summary = "Who did what, the newest first.",
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .options = list_options,
        .run = audit_list},
    {.name = "show",
        .summary = "Shows one record whole.",
        .arguments = "NUMBER",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .run = audit_show},
    {.name = "export",
        .summary = "Writes the trail to stdout, to be kept elsewhere.",
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_LINES,
        .options = export_options,
        .details =
            "A line each, which `vedette audit verify` reads; with --output csv for a spreadsheet, which cannot be verified.\n",
        .run = audit_export},
    {.name = "verify",
        .summary = "Proves that nothing was changed in the trail, with no service.",
        .arguments = "[FILE]",
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .options = verify_options,
        .details =
            "Of the data directory, or of an exported file (-: stdin). Without the master key only the chain is judged. Exit\n"
            "status: 0 it is whole, 3 it is not, 1 it could not be read or is empty.\n",
        .run = audit_verify},
    {.name = NULL},
};
