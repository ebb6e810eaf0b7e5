/* SPDX-License-Identifier: MIT */
/* `vedette alert`: what an operator reads. */

#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "cli/client.h"
#include "cli/cmd_alert.h"
#include "cli/commands.h"
#include "cli/duration.h"
#include "cli/table.h"
#include "lib/clock.h"

#define POLL_MS      300
#define FOLLOW_FIRST "10"
#define SHORT_ID_LEN 8

/* "07:44:03": an alert is of one day, which its first time names. */
static const char *clock_time(const json_t *object, const char *name, char out[VD_SHORT_TIME_SIZE])
{
    vd_short_time(object, name, out);
    return strlen(out) > 11 ? out + 11 : out;
}

/* ---- list ---- */

/* One line; the widths are fixed, so that lines that come later stand below each other. */
static void print_line(const json_t *alert)
{
    char when[VD_SHORT_TIME_SIZE];
    char last[VD_SHORT_TIME_SIZE];
    char id[SHORT_ID_LEN + 1];
    const char *severity = vd_alert_text(alert, "severity");

    snprintf(id, sizeof id, "%s", vd_alert_text(alert, "id"));
    printf("%s  %s%-6s%s  ", vd_short_time(alert, "startTime", when), vd_colour(severity), severity,
        vd_colour(NULL));
    printf("%-16s  %-52s  %-24s  %7lld  %-8s  %-10s  %s\n", vd_alert_text(alert, "deviceId"),
        vd_alert_text(alert, "displayName"), vd_alert_text(alert, "subject"),
        vd_alert_number(alert, "count"), clock_time(alert, "endTime", last),
        vd_alert_text(alert, "status"), id);
}

static void print_header(void)
{
    printf("%-19s  %-6s  %-16s  %-52s  %-24s  %7s  %-8s  %-10s  %s\n", "FIRST (UTC)", "SEV",
        "DEVICE", "WHAT", "SUBJECT", "REPORTS", "LAST", "STATE", "ID");
}

/* ---- Filters ---- */

static void append_parameter(struct vd_buf *query, const char *name, const char *value)
{
    char *encoded = vd_client_encode(value);

    if (encoded == NULL) {
        query->error = VD_E_NOMEM;
        return;
    }
    vd_buf_printf(query, "%s%s=%s", query->length > 0 ? "&" : "", name, encoded);
    free(encoded);
}

bool vd_alert_query(const struct vd_invocation *invocation, struct vd_buf *query)
{
    static const char *const names[] = {"device", "type", "cause", "severity", "state", "from",
        "to", "text", "group", "limit", "before"};
    const char *since = vd_invocation_value(invocation, "since");
    const char *limit = vd_invocation_value(invocation, "limit");
    const int64_t seconds = since != NULL ? vd_duration_seconds(since) : 0;
    char from[VD_TIME_TEXT_SIZE];

    if (since != NULL && seconds == 0) {
        vd_cli_fail("--since is to be a time such as 90m, 12h or 7d");
        return false;
    }
    if (limit != NULL && limit[strspn(limit, "0")] == '\0') { /* to the API 0 is no limit */
        vd_cli_fail("--limit is to be a number from 1 on");
        return false;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = vd_invocation_value(invocation, names[i]);

        if (value != NULL) {
            append_parameter(query, names[i], value);
        }
    }
    if (since != NULL && vd_invocation_value(invocation, "from") == NULL) {
        vd_time_format(vd_clock_utc_ms() - seconds * 1000, from);
        append_parameter(query, "from", from);
    }
    vd_buf_append(query, "", 1);
    if (query->error != VD_OK) {
        vd_cli_fail("out of memory");
        return false;
    }
    return true;
}

/* `after`: only those that changed after this change number; `limit`: so many unless another is given, NULL: no matter.
 * NULL on failure; quiet: without a word. */
static json_t *fetch(
    const struct vd_invocation *invocation, long long after, const char *limit, bool quiet)
{
    char reason[1024] = "";
    struct vd_buf query = {0};
    struct vd_api_request request = {.method = "GET", .path = "/alerts"};
    struct vd_api_answer answer = {0, NULL};
    json_t *json = NULL;

    vd_buf_printf(&query, "changedAfter=%lld", after);
    if (limit != NULL && vd_invocation_value(invocation, "limit") == NULL) {
        append_parameter(&query, "limit", limit);
    }
    if (!vd_alert_query(invocation, &query)) {
        vd_buf_release(&query);
        return NULL;
    }
    request.query = (const char *)query.data;
    if (!quiet) {
        json = vd_client_json(invocation->data_dir, &request);
    } else if (vd_client_call(invocation->data_dir, &request, &answer, reason, sizeof reason) ==
        VD_OK) {
        if (answer.status == 200) {
            json = answer.body;
        } else {
            json_decref(answer.body);
        }
    }
    vd_buf_release(&query);
    return json;
}

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* The oldest first, so that what comes later stands below: only what changed after a number is sorted so already. */
static void print_followed(
    const struct vd_invocation *invocation, const json_t *answer, long long *after)
{
    const json_t *alerts = json_object_get(answer, "alerts");
    const size_t count = json_array_size(alerts);
    const bool is_first = *after == 0;

    for (size_t i = 0; i < count; i++) {
        const json_t *alert = json_array_get(alerts, is_first ? count - 1 - i : i);

        if (invocation->output == VD_OUTPUT_JSON) {
            json_dumpf(alert, stdout, JSON_COMPACT); /* one object a line */
            putchar('\n');
        } else {
            print_line(alert);
        }
        *after = vd_alert_number(alert, "change");
    }
    if (is_first) {
        *after = vd_alert_number(answer, "change");
    }
    fflush(stdout);
}

/* The newest of those that are there, then each that is new or changed; until Ctrl-C, or until nobody reads any more. */
static int alert_follow(const struct vd_invocation *invocation)
{
    const struct timespec pause = {0, POLL_MS * 1000000L};
    struct sigaction action = {.sa_handler = on_interrupt};
    long long after = 0;
    bool lost = false;
    json_t *answer = fetch(invocation, 0, FOLLOW_FIRST, false);

    if (answer == NULL) {
        return VD_EXIT_FAILURE;
    }
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (invocation->output != VD_OUTPUT_JSON) {
        print_header();
    }
    while (!interrupted && !ferror(stdout)) {
        if (answer != NULL) {
            print_followed(invocation, answer, &after);
            lost = false;
        } else if (!lost) {
            fputs("vedette: the service does not answer; waiting for it\n", stderr);
            lost = true;
        }
        json_decref(answer);
        nanosleep(&pause, NULL);
        answer = interrupted ? NULL : fetch(invocation, after, NULL, true);
    }
    json_decref(answer);
    return ferror(stdout) != 0 ? VD_EXIT_FAILURE : VD_EXIT_OK;
}

static int alert_list(const struct vd_invocation *invocation)
{
    static const char *const columns[] = {
        "FIRST (UTC)", "SEV", "DEVICE", "WHAT", "SUBJECT", "REPORTS", "LAST", "STATE", "ID"};
    struct vd_table table = {.columns = columns, .column_count = 9};
    const json_t *alerts;
    const json_t *alert;
    json_t *answer;
    size_t i;

    if (vd_invocation_value(invocation, "follow") != NULL) {
        return alert_follow(invocation);
    }
    answer = fetch(invocation, 0, NULL, false);
    alerts = json_object_get(answer, "alerts");
    if (answer == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(alerts);
    } else if (json_array_size(alerts) == 0) {
        puts("no alerts");
    } else {
        json_array_foreach(alerts, i, alert)
        {
            char when[VD_SHORT_TIME_SIZE];
            char last[VD_SHORT_TIME_SIZE];
            char id[SHORT_ID_LEN + 1];

            snprintf(id, sizeof id, "%s", vd_alert_text(alert, "id"));
            vd_table_add(&table, vd_short_time(alert, "startTime", when));
            vd_table_add(&table, vd_alert_text(alert, "severity"));
            vd_table_add(&table, vd_alert_text(alert, "deviceId"));
            vd_table_add(&table, vd_alert_text(alert, "displayName"));
            vd_table_add(&table, vd_alert_text(alert, "subject"));
            vd_table_add_number(&table, vd_alert_number(alert, "count"));
            vd_table_add(&table, clock_time(alert, "endTime", last));
            vd_table_add(&table, vd_alert_text(alert, "status"));
            vd_table_add(&table, id);
        }
        table.coloured_column = 1;
        vd_table_print(&table, true);
        if (vd_alert_number(answer, "next") > 0) {
            printf("there are more: --before %lld\n", vd_alert_number(answer, "next"));
        }
    }
    json_decref(answer);
    return VD_EXIT_OK;
}

/* ---- groups ---- */

static void print_groups(const json_t *groups)
{
    static const char *const columns[] = {
        "LAST (UTC)", "SEV", "WHAT", "CAUSE", "ALERTS", "OPEN", "DEVICES", "REPORTS", "TYPE"};
    struct vd_table table = {.columns = columns, .column_count = 9, .coloured_column = 1};
    const json_t *group;
    size_t i;

    json_array_foreach(groups, i, group)
    {
        char when[VD_SHORT_TIME_SIZE];

        vd_table_add(&table, vd_short_time(group, "endTime", when));
        vd_table_add(&table, vd_alert_text(group, "severity"));
        vd_table_add(&table, vd_alert_text(group, "displayName"));
        vd_table_add(&table, vd_alert_text(group, "cause"));
        vd_table_add_number(&table, vd_alert_number(group, "alerts"));
        vd_table_add_number(&table, vd_alert_number(group, "open"));
        vd_table_add_number(&table, vd_alert_number(group, "devices"));
        vd_table_add_number(&table, vd_alert_number(group, "count"));
        vd_table_add(&table, vd_alert_text(group, "alertType"));
    }
    vd_table_print(&table, true);
}

static int alert_groups(const struct vd_invocation *invocation)
{
    struct vd_buf query = {0};
    struct vd_api_request request = {.method = "GET", .path = "/alert-groups"};
    json_t *answer = NULL;
    const json_t *groups;

    if (vd_alert_query(invocation, &query)) {
        request.query = (const char *)query.data;
        answer = vd_client_json(invocation->data_dir, &request);
    }
    vd_buf_release(&query);
    groups = json_object_get(answer, "groups");
    if (answer == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(groups);
    } else if (json_array_size(groups) == 0) {
        puts("no alerts");
    } else {
        print_groups(groups);
    }
    json_decref(answer);
    return VD_EXIT_OK;
}

/* ---- show, history ---- */

/* NULL: told why not. */
static json_t *fetch_alert(const struct vd_invocation *invocation)
{
    char *id = vd_client_encode(invocation->arguments[0]);
    struct vd_buf path = {0};
    struct vd_api_request request = {.method = "GET"};
    json_t *alert = NULL;

    vd_buf_printf(&path, "/alerts/%s", id != NULL ? id : "");
    if (id != NULL && path.error == VD_OK) {
        request.path = (const char *)path.data;
        alert = vd_client_json(invocation->data_dir, &request);
    }
    vd_buf_release(&path);
    free(id);
    return alert;
}

static int alert_show(const struct vd_invocation *invocation)
{
    json_t *alert = fetch_alert(invocation);

    if (alert == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(alert);
    } else {
        vd_alert_print(alert);
    }
    json_decref(alert);
    return VD_EXIT_OK;
}

static int alert_history(const struct vd_invocation *invocation)
{
    json_t *alert = fetch_alert(invocation);

    if (alert == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(json_object_get(alert, "history"));
    } else {
        vd_alert_print_history(alert);
    }
    json_decref(alert);
    return VD_EXIT_OK;
}

static const struct vd_option list_options[] = {
    {"follow", NULL, "the oldest first, and then new and changed ones as they come, until Ctrl-C"},
    VD_ALERT_FILTER_OPTIONS,
    {"limit", "N",
        "the newest so many, up to 1000; default: 1000, before --follow waits " FOLLOW_FIRST},
    {"before", "N", "the next page: what the one before said at its end"},
    {NULL, NULL, NULL},
};

static const struct vd_option groups_options[] = {
    VD_ALERT_FILTER_OPTIONS,
    {"limit", "N", "so many groups at most; 1000 unless given"},
    {NULL, NULL, NULL},
};

static const struct vd_option act_options[] = {
    {"note", "TEXT", "why, for the history"},
    VD_ALERT_FILTER_OPTIONS,
    {NULL, NULL, NULL},
};

static const struct vd_option dismiss_options[] = {
    {"reason", "REASON", "FalsePositive, Expected, Duplicate or Other"},
    {"for", "DURATION", "so long later ones are dismissed too: 12h, 30d; for ever unless given"},
    {"once", NULL, "later ones are not dismissed"},
    {"note", "TEXT", "why, for the history"},
    VD_ALERT_FILTER_OPTIONS,
    {NULL, NULL, NULL},
};

static const struct vd_option note_options[] = {
    VD_ALERT_FILTER_OPTIONS,
    {NULL, NULL, NULL},
};

#define IDS_MAX 1000

#define ID_DETAILS "ID may be shortened to its first 4 characters or more.\n"
#define ACT_DETAILS \
    ID_DETAILS "Without IDs: all alerts of the options that are in a state for it.\n"

const struct vd_command vd_alert_commands[] = {
    {.name = "list",
        .summary = "Lists the alerts, newest first.",
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .options = list_options,
        .run = alert_list},
    {.name = "groups",
        .summary = "Lists the causes of alerts, with how many alerts and devices each has.",
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .options = groups_options,
        .run = alert_groups},
    {.name = "show",
        .summary = "Shows an alert with its evidence, history and what to do.",
        .arguments = "ID",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .details = ID_DETAILS,
        .run = alert_show},
    {.name = "history",
        .summary = "Shows who did what with an alert.",
        .arguments = "ID",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .details = ID_DETAILS,
        .run = alert_history},
    {.name = "start",
        .summary = "Takes alerts up: they are in progress.",
        .arguments = "[ID...]",
        .max_arguments = IDS_MAX,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .options = act_options,
        .details = ACT_DETAILS,
        .run = vd_alert_start},
    {.name = "dismiss",
        .summary = "Dismisses alerts, and later ones of the same type, device, module and subject.",
        .arguments = "[ID...]",
        .max_arguments = IDS_MAX,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .options = dismiss_options,
        .details = ACT_DETAILS,
        .run = vd_alert_dismiss},
    {.name = "resolve",
        .summary = "Closes alerts that are dealt with.",
        .arguments = "[ID...]",
        .max_arguments = IDS_MAX,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .options = act_options,
        .details = ACT_DETAILS,
        .run = vd_alert_resolve},
    {.name = "reopen",
        .summary = "Makes alerts new again, and ends what their dismissal holds for.",
        .arguments = "[ID...]",
        .max_arguments = IDS_MAX,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .options = act_options,
        .details = ACT_DETAILS,
        .run = vd_alert_reopen},
    {.name = "note",
        .summary = "Adds a note to the history of alerts.",
        .arguments = "TEXT [ID...]",
        .min_arguments = 1,
        .max_arguments = IDS_MAX,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .options = note_options,
        .details = ACT_DETAILS,
        .run = vd_alert_note},
    {.name = NULL},
};
