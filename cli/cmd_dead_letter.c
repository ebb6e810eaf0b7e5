/* SPDX-License-Identifier: MIT */
/* `vedette deadletter`: messages that could not be read, and reading them once more. */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cli/commands.h"
#include "cli/list.h"
#include "lib/clock.h"

#define POLL_MS         100
#define REPLAY_WAIT_MS  15000
#define HEX_LINE_BYTES  16
#define SHORT_TEXT_SIZE 24

static void add_parameter(struct vd_buf *query, const char *name, const char *value)
{
    char *encoded = value != NULL ? vd_client_encode(value) : NULL;

    if (encoded != NULL) {
        vd_buf_printf(query, "%s%s=%s", query->length > 0 ? "&" : "", name, encoded);
    }
    free(encoded);
}

/* Calls /dead-letters{tail} with the options that choose letters and `extra`, a pair; NULL: none. NULL: the failure was told. */
static json_t *call(const struct vd_invocation *invocation, const char *method, const char *tail,
    const char *extra, const char *value)
{
    struct vd_buf path = {0};
    struct vd_buf query = {0};
    json_t *answer = NULL;

    vd_buf_printf(&path, "/dead-letters%s", tail);
    vd_buf_append(&path, "", 1);
    add_parameter(&query, "device", vd_invocation_value(invocation, "device"));
    add_parameter(&query, "reason", vd_invocation_value(invocation, "reason"));
    add_parameter(&query, "limit", vd_invocation_value(invocation, "limit"));
    if (extra != NULL) {
        add_parameter(&query, extra, value);
    }
    vd_buf_append(&query, "", 1);
    if (path.error != VD_OK || query.error != VD_OK) {
        vd_cli_fail("out of memory");
    } else {
        const struct vd_api_request request = {
            .method = method, .path = (const char *)path.data, .query = (const char *)query.data};

        answer = vd_client_json(invocation->data_dir, &request);
    }
    vd_buf_release(&path);
    vd_buf_release(&query);
    return answer;
}

/* Likewise of the letter that the first argument names. */
static json_t *call_letter(const struct vd_invocation *invocation, const char *method,
    const char *action, const char *extra, const char *value)
{
    char *encoded = vd_client_encode(invocation->arguments[0]);
    struct vd_buf tail = {0};
    json_t *answer = NULL;

    vd_buf_printf(&tail, "/%s%s", encoded != NULL ? encoded : "", action);
    vd_buf_append(&tail, "", 1);
    if (encoded == NULL || tail.error != VD_OK) {
        vd_cli_fail("out of memory");
    } else {
        answer = call(invocation, method, (const char *)tail.data, extra, value);
    }
    free(encoded);
    vd_buf_release(&tail);
    return answer;
}

/* ---- list ---- */

static void add_letter(struct vd_table *table, const json_t *letter)
{
    vd_table_add_number(table, vd_member_number(letter, "offset"));
    vd_table_add(table, vd_member_text(letter, "time"));
    vd_table_add(table, vd_member_text(letter, "deviceId"));
    vd_table_add_number(table, vd_member_number(letter, "bodyBytes"));
    vd_table_add(table, vd_member_text(json_object_get(letter, "replay"), "status"));
    vd_table_add(table, vd_member_text(letter, "reason"));
}

static int letter_list(const struct vd_invocation *invocation)
{
    static const char *const columns[] = {
        "OFFSET", "TIME (UTC)", "DEVICE", "BYTES", "REPLAY", "REASON"};
    static const struct vd_list list = {.rows = "deadLetters",
        .columns = columns,
        .column_count = 6,
        .add = add_letter,
        .none = "no dead letters"};

    return vd_cli_list(invocation, &list, call(invocation, "GET", "", NULL, NULL));
}

/* ---- show ---- */

static void print_field(const char *name, const char *value)
{
    if (value != NULL && value[0] != '\0') {
        printf("%-11s ", name);
        vd_print_safe(value);
        putchar('\n');
    }
}

static int nibble(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* "00000010  7b 22 41 ...  {"A": offset, bytes, and what of them is ASCII. */
static void print_hex(const char *hex)
{
    const size_t length = strlen(hex) / 2;

    for (size_t line = 0; line < length; line += HEX_LINE_BYTES) {
        char text[HEX_LINE_BYTES + 1] = "";

        printf("%08zx ", line);
        for (size_t i = 0; i < HEX_LINE_BYTES; i++) {
            const char *at = hex + 2 * (line + i);

            if (line + i < length) {
                const int byte = nibble(at[0]) << 4 | nibble(at[1]);

                printf(" %.2s", at);
                text[i] = (char)(byte >= 0x20 && byte < 0x7f ? byte : '.');
            } else {
                fputs("   ", stdout);
            }
        }
        printf("  %s\n", text);
    }
}

static void print_replay(const json_t *replay)
{
    char text[96];

    if (!json_is_object(replay)) {
        return;
    }
    if (json_object_get(replay, "reason") != NULL) {
        snprintf(text, sizeof text, "refused again at %s", vd_member_text(replay, "time"));
        print_field("replay", text);
        print_field("", vd_member_text(replay, "reason"));
    } else {
        snprintf(text, sizeof text, "taken at %s: %lld events, %lld of them known already",
            vd_member_text(replay, "time"), vd_member_number(replay, "events"),
            vd_member_number(replay, "duplicates"));
        print_field("replay", text);
    }
}

static void print_letter(const json_t *letter)
{
    const char *form = vd_member_text(letter, "bodyForm");
    json_t *properties = json_object_get(letter, "properties");
    const char *name;
    const json_t *value;
    char offset[SHORT_TEXT_SIZE];

    snprintf(offset, sizeof offset, "%lld", vd_member_number(letter, "offset"));
    print_field("offset", offset);
    print_field("time", vd_member_text(letter, "time"));
    print_field("device", vd_member_text(letter, "deviceId"));
    print_field("module", vd_member_text(letter, "moduleId"));
    print_field("address", vd_member_text(letter, "address"));
    print_field("kind", vd_member_text(letter, "kind"));
    print_field("protocol", vd_member_text(letter, "protocol"));
    print_field("reason", vd_member_text(letter, "reason"));
    print_replay(json_object_get(letter, "replay"));
    json_object_foreach(properties, name, value)
    {
        print_field("property", name);
        print_field("", json_string_value(value));
    }
    printf("\nBody, %lld bytes, as %s:\n", vd_member_number(letter, "bodyBytes"),
        form != NULL ? form : "it is");
    if (form != NULL && strcmp(form, "hex") == 0) {
        print_hex(vd_member_text(letter, "body"));
    } else if (form != NULL && strcmp(form, "text") == 0) {
        vd_print_safe(vd_member_text(letter, "body"));
        putchar('\n');
    } else {
        vd_print_json(json_object_get(letter, "body"));
    }
}

static int letter_show(const struct vd_invocation *invocation)
{
    json_t *letter =
        call_letter(invocation, "GET", "", "body", vd_invocation_value(invocation, "body"));

    if (letter == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(letter);
    } else {
        print_letter(letter);
    }
    json_decref(letter);
    return VD_EXIT_OK;
}

/* ---- replay ---- */

/* Waits until the letter's mark is another than at `before`: the letter as it is then; NULL: told, or too late. */
static json_t *wait_for_mark(const struct vd_invocation *invocation, long long before)
{
    const struct timespec pause = {0, POLL_MS * 1000000L};
    const int64_t deadline_ms = vd_clock_monotonic_ms() + REPLAY_WAIT_MS;

    while (vd_clock_monotonic_ms() < deadline_ms) {
        json_t *letter = call_letter(invocation, "GET", "", NULL, NULL);
        const json_t *replay = json_object_get(letter, "replay");

        if (letter == NULL ||
            (json_is_object(replay) && vd_member_number(replay, "offset") != before)) {
            return letter;
        }
        json_decref(letter);
        nanosleep(&pause, NULL);
    }
    vd_cli_fail("the center has not come to it within %d s; see `vedette deadletter show`",
        REPLAY_WAIT_MS / 1000);
    return NULL;
}

static int tell_outcome(const struct vd_invocation *invocation, json_t *letter)
{
    const json_t *replay = json_object_get(letter, "replay");
    const bool is_refused = json_object_get(replay, "reason") != NULL;

    if (letter == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(replay);
    } else if (!is_refused) {
        printf("taken: %lld events, %lld of them known already\n",
            vd_member_number(replay, "events"), vd_member_number(replay, "duplicates"));
    }
    if (is_refused) {
        vd_cli_fail("refused again: %s", vd_member_text(replay, "reason"));
    }
    json_decref(letter);
    return is_refused ? VD_EXIT_FAILURE : VD_EXIT_OK;
}

static int replay_one(const struct vd_invocation *invocation)
{
    json_t *letter = call_letter(invocation, "GET", "", NULL, NULL);
    const json_t *replay = json_object_get(letter, "replay");
    const long long before = json_is_object(replay) ? vd_member_number(replay, "offset") : -1;
    json_t *answer = letter != NULL ? call_letter(invocation, "POST", "/replay", NULL, NULL) : NULL;
    const bool is_running = json_is_true(json_object_get(answer, "isRunning"));
    int status = answer != NULL ? VD_EXIT_OK : VD_EXIT_FAILURE;

    if (answer != NULL && is_running) {
        status = tell_outcome(invocation, wait_for_mark(invocation, before));
    } else if (answer != NULL && invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(answer);
    } else if (answer != NULL) {
        puts("queued: it is read when the service runs");
    }
    json_decref(answer);
    json_decref(letter);
    return status;
}

static int replay_all(const struct vd_invocation *invocation)
{
    char from[SHORT_TEXT_SIZE] = "0";
    long long queued = 0;
    bool has_more = true;

    while (has_more) {
        json_t *answer = call(invocation, "POST", "/replay", "from", from);
        const json_t *next = json_object_get(answer, "next");

        if (answer == NULL) {
            return VD_EXIT_FAILURE;
        }
        queued += vd_member_number(answer, "queued");
        has_more = json_is_integer(next);
        snprintf(from, sizeof from, "%lld", (long long)json_integer_value(next));
        json_decref(answer);
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        printf("{\"queued\": %lld}\n", queued);
    } else {
        printf("%lld queued; `vedette deadletter list` tells what becomes of them\n", queued);
    }
    return VD_EXIT_OK;
}

/* Whether letters are chosen in one way: by their offset, or by options. False: told. */
static bool is_choice(const struct vd_invocation *invocation)
{
    const bool by_options = vd_invocation_value(invocation, "device") != NULL ||
        vd_invocation_value(invocation, "reason") != NULL ||
        vd_invocation_value(invocation, "all") != NULL;

    if (by_options == (invocation->argument_count > 0)) {
        vd_cli_usage(
            invocation, "give an offset, or choose letters by --device, --reason or --all");
        return false;
    }
    return true;
}

static int letter_replay(const struct vd_invocation *invocation)
{
    if (!is_choice(invocation)) {
        return VD_EXIT_USAGE;
    }
    return invocation->argument_count > 0 ? replay_one(invocation) : replay_all(invocation);
}

/* ---- delete ---- */

static int letter_delete(const struct vd_invocation *invocation)
{
    json_t *answer;

    if (!is_choice(invocation)) {
        return VD_EXIT_USAGE;
    }
    if (invocation->argument_count > 0) {
        return vd_cli_deleted(invocation, call_letter(invocation, "DELETE", "", NULL, NULL));
    }
    answer = call(invocation, "DELETE", "",
        vd_invocation_value(invocation, "all") != NULL ? "all" : NULL, "true");
    if (answer == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(answer);
    } else {
        printf("%lld deleted\n", vd_member_number(answer, "deleted"));
    }
    json_decref(answer);
    return VD_EXIT_OK;
}

/* ---- The commands ---- */

static const struct vd_option list_options[] = {
    {"device", "ID", "only those of this device"},
    {"reason", "TEXT", "only those whose reason has this piece"},
    {"limit", "NUMBER", "so many at most (1000)"},
    {NULL, NULL, NULL},
};

static const struct vd_option show_options[] = {
    {"body", "FORM", "json, text or hex (whichever fits)"},
    {NULL, NULL, NULL},
};

static const struct vd_option choice_options[] = {
    {"device", "ID", "those of this device"},
    {"reason", "TEXT", "those whose reason has this piece"},
    {"all", NULL, "all of them"},
    {NULL, NULL, NULL},
};

const struct vd_command vd_dead_letter_commands[] = {
    {.name = "list",
        .summary = "Lists the messages that could not be read, with why.",
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .options = list_options,
        .run = letter_list},
    {.name = "show",
        .summary = "Shows one with its properties and body.",
        .arguments = "OFFSET",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .options = show_options,
        .run = letter_show},
    {.name = "replay",
        .summary = "Has one read once more, or all that are chosen.",
        .arguments = "[OFFSET]",
        .min_arguments = 0,
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .options = choice_options,
        .details =
            "Events that were taken already are not counted twice. See docs/dead-letters.md.\n",
        .run = letter_replay},
    {.name = "delete",
        .summary = "Lets one go, or all that are chosen.",
        .arguments = "[OFFSET]",
        .min_arguments = 0,
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .options = choice_options,
        .run = letter_delete},
    {.name = NULL},
};
