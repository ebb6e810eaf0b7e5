/* SPDX-License-Identifier: MIT */
/* `vedette alert`: what an operator reads. */

#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/table.h"

#define POLL_MS      300
#define SHORT_ID_LEN 8

/* "2026-11-24T07:44:03.123Z" as "2026-11-24 07:44:03". */
#define SHORT_TIME_SIZE 20

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "-";
}

static long long number_of(const json_t *object, const char *name)
{
    return (long long)json_integer_value(json_object_get(object, name));
}

static const char *short_time(const json_t *object, const char *name, char out[SHORT_TIME_SIZE])
{
    snprintf(out, SHORT_TIME_SIZE, "%s", text_of(object, name));
    if (strlen(out) > 10 && out[10] == 'T') {
        out[10] = ' ';
    }
    return out;
}

/* "07:44:03": an alert is of one day, which its first time names. */
static const char *clock_time(const json_t *object, const char *name, char out[SHORT_TIME_SIZE])
{
    short_time(object, name, out);
    return strlen(out) > 11 ? out + 11 : out;
}

/* ---- list ---- */

/* One line; the widths are fixed, so that lines that come later stand below each other. */
static void print_line(const json_t *alert)
{
    char when[SHORT_TIME_SIZE];
    char last[SHORT_TIME_SIZE];
    char id[SHORT_ID_LEN + 1];
    const char *severity = text_of(alert, "severity");

    snprintf(id, sizeof id, "%s", text_of(alert, "id"));
    printf("%s  %s%-6s%s  ", short_time(alert, "startTime", when), vd_colour(severity), severity,
        vd_colour(NULL));
    printf("%-16s  %-52s  %-24s  %7lld  %-8s  %s\n", text_of(alert, "deviceId"),
        text_of(alert, "displayName"), text_of(alert, "subject"), number_of(alert, "count"),
        clock_time(alert, "endTime", last), id);
}

static void print_header(void)
{
    printf("%-19s  %-6s  %-16s  %-52s  %-24s  %7s  %-8s  %s\n", "FIRST (UTC)", "SEV", "DEVICE",
        "WHAT", "SUBJECT", "REPORTS", "LAST", "ID");
}

/* `after`: only those that changed after this change number. NULL on failure; quiet: without a word. */
static json_t *fetch(const struct vd_invocation *invocation, long long after, bool quiet)
{
    const char *device = vd_invocation_value(invocation, "device");
    char *encoded = device != NULL ? vd_client_encode(device) : NULL;
    char query[600];
    char reason[1024] = "";
    struct vd_api_request request = {.method = "GET", .path = "/alerts", .query = query};
    struct vd_api_answer answer = {0, NULL};
    json_t *json = NULL;

    snprintf(query, sizeof query, "changedAfter=%lld%s%s", after, encoded != NULL ? "&device=" : "",
        encoded != NULL ? encoded : "");
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
    free(encoded);
    return json;
}

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

static void print_followed(
    const struct vd_invocation *invocation, const json_t *alerts, long long *after)
{
    const json_t *alert;
    size_t i;

    json_array_foreach(alerts, i, alert)
    {
        if (invocation->output == VD_OUTPUT_JSON) {
            json_dumpf(alert, stdout, JSON_COMPACT); /* one object a line */
            putchar('\n');
        } else {
            print_line(alert);
        }
        *after = number_of(alert, "change") > *after ? number_of(alert, "change") : *after;
    }
    fflush(stdout);
}

/* Existing alerts first, then each that is new or changed; until Ctrl-C, or until nobody reads any more. */
static int alert_follow(const struct vd_invocation *invocation)
{
    const struct timespec pause = {0, POLL_MS * 1000000L};
    struct sigaction action = {.sa_handler = on_interrupt};
    long long after = 0;
    bool lost = false;
    json_t *answer = fetch(invocation, 0, false);

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
            print_followed(invocation, json_object_get(answer, "alerts"), &after);
            lost = false;
        } else if (!lost) {
            fputs("vedette: the service does not answer; waiting for it\n", stderr);
            lost = true;
        }
        json_decref(answer);
        nanosleep(&pause, NULL);
        answer = interrupted ? NULL : fetch(invocation, after, true);
    }
    json_decref(answer);
    return ferror(stdout) != 0 ? VD_EXIT_FAILURE : VD_EXIT_OK;
}

static int alert_list(const struct vd_invocation *invocation)
{
    static const char *const columns[] = {
        "FIRST (UTC)", "SEV", "DEVICE", "WHAT", "SUBJECT", "REPORTS", "LAST", "ID"};
    struct vd_table table = {.columns = columns, .column_count = 8};
    const json_t *alerts;
    const json_t *alert;
    json_t *answer;
    size_t i;

    if (vd_invocation_value(invocation, "follow") != NULL) {
        return alert_follow(invocation);
    }
    answer = fetch(invocation, 0, false);
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
            char when[SHORT_TIME_SIZE];
            char last[SHORT_TIME_SIZE];
            char id[SHORT_ID_LEN + 1];

            snprintf(id, sizeof id, "%s", text_of(alert, "id"));
            vd_table_add(&table, short_time(alert, "startTime", when));
            vd_table_add(&table, text_of(alert, "severity"));
            vd_table_add(&table, text_of(alert, "deviceId"));
            vd_table_add(&table, text_of(alert, "displayName"));
            vd_table_add(&table, text_of(alert, "subject"));
            vd_table_add_number(&table, number_of(alert, "count"));
            vd_table_add(&table, clock_time(alert, "endTime", last));
            vd_table_add(&table, id);
        }
        table.coloured_column = 1;
        vd_table_print(&table, true);
    }
    json_decref(answer);
    return VD_EXIT_OK;
}

/* ---- show ---- */

static void print_evidence(const json_t *alert)
{
    static const char *const columns[] = {
        "TIME (UTC)", "PROTOCOL", "LOCAL", "REMOTE", "BYTES IN", "BYTES OUT", "RAW EVENT"};
    struct vd_table table = {.columns = columns, .column_count = 7};
    const json_t *evidence = json_object_get(alert, "evidence");
    const json_t *row;
    size_t i;

    json_array_foreach(evidence, i, row)
    {
        char when[SHORT_TIME_SIZE];
        char local[80];
        char remote[80];

        snprintf(local, sizeof local, "%s port %lld", text_of(row, "localAddress"),
            number_of(row, "localPort"));
        snprintf(remote, sizeof remote, "%s port %lld", text_of(row, "remoteAddress"),
            number_of(row, "remotePort"));
        vd_table_add(&table, short_time(row, "time", when));
        vd_table_add(&table, text_of(row, "protocol"));
        vd_table_add(&table, local);
        vd_table_add(&table, remote);
        vd_table_add_number(&table, number_of(row, "bytesIn"));
        vd_table_add_number(&table, number_of(row, "bytesOut"));
        vd_table_add(&table, text_of(row, "rawEventId"));
    }
    printf("\nEvidence (%zu of %lld):\n", json_array_size(evidence),
        number_of(alert, "evidenceTotal"));
    vd_table_print(&table, true);
}

static void print_field(const char *name, const char *value)
{
    printf("%-10s ", name);
    vd_print_safe(value);
    putchar('\n');
}

static void print_alert(const json_t *alert)
{
    const char *severity = text_of(alert, "severity");
    const json_t *indicator = json_object_get(alert, "indicator");
    const json_t *steps = json_object_get(alert, "remediationSteps");
    const json_t *step;
    char first[SHORT_TIME_SIZE];
    char last[SHORT_TIME_SIZE];
    size_t i;

    printf("%s%s%s: ", vd_colour(severity), severity, vd_colour(NULL));
    vd_print_safe(text_of(alert, "displayName"));
    puts("\n");
    vd_print_safe(text_of(alert, "description"));
    puts(number_of(alert, "count") == 1 ? "\n" : "\nThis was the first report; more followed.\n");
    print_field("device", text_of(alert, "deviceId"));
    print_field("subject", text_of(alert, "subject"));
    if (json_is_object(indicator)) {
        printf("%-10s ", "indicator");
        vd_print_safe(text_of(indicator, "value"));
        fputs(" of ", stdout);
        vd_print_safe(text_of(indicator, "source"));
        putchar('\n');
    }
    printf("%-10s in %lld flow report%s, %s to %s UTC\n", "seen", number_of(alert, "count"),
        number_of(alert, "count") == 1 ? "" : "s", short_time(alert, "startTime", first),
        short_time(alert, "endTime", last));
    print_field("status", text_of(alert, "status"));
    print_field("type", text_of(alert, "alertType"));
    print_field("id", text_of(alert, "id"));
    print_evidence(alert);
    if (json_array_size(steps) > 0) {
        puts("\nWhat to do:");
    }
    json_array_foreach(steps, i, step)
    {
        printf("  %zu. ", i + 1);
        vd_print_safe(json_is_string(step) ? json_string_value(step) : "-");
        putchar('\n');
    }
}

static int alert_show(const struct vd_invocation *invocation)
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
    if (alert == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(alert);
    } else {
        print_alert(alert);
    }
    json_decref(alert);
    return VD_EXIT_OK;
}

static const struct vd_option list_options[] = {
    {"follow", NULL, "then wait for new and changed ones, until Ctrl-C"},
    {"device", "ID", "only those of this device"},
    {NULL, NULL, NULL},
};

const struct vd_command vd_alert_commands[] = {
    {.name = "list",
        .summary = "Lists the alerts, newest first.",
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .options = list_options,
        .run = alert_list},
    {.name = "show",
        .summary = "Shows an alert with its evidence and what to do.",
        .arguments = "ID",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .details = "ID may be shortened to its first 4 characters or more.\n",
        .run = alert_show},
    {.name = NULL},
};
