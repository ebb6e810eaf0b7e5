/* SPDX-License-Identifier: MIT */
/* An alert on the terminal: what, why, and what to do. */

#include <stdio.h>

#include "cli/cmd_alert.h"
#include "cli/table.h"

const char *vd_alert_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "-";
}

long long vd_alert_number(const json_t *object, const char *name)
{
    return (long long)json_integer_value(json_object_get(object, name));
}

const char *vd_short_time(const json_t *object, const char *name, char out[VD_SHORT_TIME_SIZE])
{
    snprintf(out, VD_SHORT_TIME_SIZE, "%s", vd_alert_text(object, name));
    if (strlen(out) > 10 && out[10] == 'T') {
        out[10] = ' ';
    }
    return out;
}

static void print_field(const char *name, const char *value)
{
    printf("%-10s ", name);
    vd_print_safe(value);
    putchar('\n');
}

/* ---- Evidence ---- */

static void print_flows(const json_t *evidence)
{
    static const char *const columns[] = {
        "TIME (UTC)", "PROTOCOL", "LOCAL", "REMOTE", "BYTES IN", "BYTES OUT", "RAW EVENT"};
    struct vd_table table = {.columns = columns, .column_count = 7};
    const json_t *row;
    size_t i;

    json_array_foreach(evidence, i, row)
    {
        char when[VD_SHORT_TIME_SIZE];
        char local[80];
        char remote[80];

        if (json_object_get(row, "localAddress") == NULL) {
            snprintf(local, sizeof local, "-"); /* nothing was said of it */
        } else {
            snprintf(local, sizeof local, "%s port %lld", vd_alert_text(row, "localAddress"),
                vd_alert_number(row, "localPort"));
        }
        snprintf(remote, sizeof remote, "%s port %lld", vd_alert_text(row, "remoteAddress"),
            vd_alert_number(row, "remotePort"));
        vd_table_add(&table, vd_short_time(row, "time", when));
        vd_table_add(&table, vd_alert_text(row, "protocol"));
        vd_table_add(&table, local);
        vd_table_add(&table, remote);
        vd_table_add_number(&table, vd_alert_number(row, "bytesIn"));
        vd_table_add_number(&table, vd_alert_number(row, "bytesOut"));
        vd_table_add(&table, vd_alert_text(row, "rawEventId"));
    }
    vd_table_print(&table, true);
}

/* Of any other kind: its members as they stand. */
static void print_facts(const json_t *row)
{
    const char *name;
    const json_t *value;

    fputs("  ", stdout);
    json_object_foreach((json_t *)row, name, value)
    {
        char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY);

        printf("%s=", name);
        vd_print_safe(json_is_string(value) ? json_string_value(value) : text != NULL ? text : "-");
        putchar(' ');
        free(text);
    }
    putchar('\n');
}

static void print_evidence(const json_t *alert)
{
    const json_t *evidence = json_object_get(alert, "evidence");
    const json_t *first = json_array_get(evidence, 0);
    const json_t *row;
    size_t i;

    printf("\nEvidence (%zu of %lld):\n", json_array_size(evidence),
        vd_alert_number(alert, "evidenceTotal"));
    if (json_object_get(first, "localPort") != NULL) {
        print_flows(evidence);
        return;
    }
    json_array_foreach(evidence, i, row)
    {
        print_facts(row);
    }
}

/* ---- History ---- */

void vd_alert_print_history(const json_t *alert)
{
    const json_t *history = json_object_get(alert, "history");
    const json_t *entry;
    size_t i;

    if (json_array_size(history) == 0) {
        puts("nobody has done anything with it");
    }
    json_array_foreach(history, i, entry)
    {
        static const char *const optional[] = {"reason", "text"};
        char when[VD_SHORT_TIME_SIZE];
        const char *from = vd_alert_text(entry, "from");
        const char *to = vd_alert_text(entry, "to");

        printf("%s  ", vd_short_time(entry, "time", when));
        vd_print_safe(vd_alert_text(entry, "actor"));
        printf("  %s", vd_alert_text(entry, "event"));
        if (strcmp(from, to) != 0) {
            printf("  %s -> %s", from, to);
        }
        for (size_t n = 0; n < sizeof optional / sizeof optional[0]; n++) {
            if (json_is_string(json_object_get(entry, optional[n]))) {
                fputs(n == 0 ? "  " : ": ", stdout);
                vd_print_safe(vd_alert_text(entry, optional[n]));
            }
        }
        if (json_is_string(json_object_get(entry, "until"))) {
            printf("  until %s", vd_short_time(entry, "until", when));
        }
        putchar('\n');
    }
}

/* ---- All of it ---- */

static void print_assessment(const json_t *alert)
{
    const json_t *assessment = json_object_get(alert, "assessment");

    if (json_is_object(assessment)) {
        printf("%-10s ", "looks like");
        vd_print_safe(vd_alert_text(assessment, "verdict"));
        fputs(": ", stdout);
        vd_print_safe(vd_alert_text(assessment, "why"));
        putchar('\n');
    }
}

static void print_techniques(const json_t *alert)
{
    const json_t *techniques = json_object_get(alert, "techniques");
    const json_t *one;
    size_t i;

    if (json_array_size(techniques) > 0) {
        printf("%-10s", "ATT&CK");
    }
    json_array_foreach(techniques, i, one)
    {
        printf("%s %s", i > 0 ? "," : "",
            json_is_string(one) ? json_string_value(one) : vd_alert_text(one, "id"));
        if (json_is_object(one)) {
            printf(" %s", vd_alert_text(one, "name"));
        }
    }
    if (json_array_size(techniques) > 0) {
        putchar('\n');
    }
}

static void print_head(const json_t *alert)
{
    const char *severity = vd_alert_text(alert, "severity");

    printf("%s%s%s: ", vd_colour(severity), severity, vd_colour(NULL));
    vd_print_safe(vd_alert_text(alert, "displayName"));
    puts("\n");
    vd_print_safe(vd_alert_text(alert, "description"));
    puts(vd_alert_number(alert, "count") == 1 ? "\n"
                                              : "\nThis was the first report; more followed.\n");
}

static void print_steps(const json_t *alert)
{
    const json_t *steps = json_object_get(alert, "remediationSteps");
    const json_t *step;
    size_t i;

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

/* What shows the evidence whole, with what is around it. */
static void print_query(const json_t *alert)
{
    const char *at = json_string_value(json_object_get(alert, "query"));

    if (at == NULL) {
        return;
    }
    printf("\nIn the tables (vedette query --alert %.8s):\n", vd_alert_text(alert, "id"));
    while (*at != '\0') {
        const size_t length = strcspn(at, "\n");

        printf("  %.*s\n", (int)length, at);
        at += length + (at[length] == '\n' ? 1 : 0);
    }
}

void vd_alert_print(const json_t *alert)
{
    const json_t *indicator = json_object_get(alert, "indicator");
    char first[VD_SHORT_TIME_SIZE];
    char last[VD_SHORT_TIME_SIZE];

    print_head(alert);
    print_field("device", vd_alert_text(alert, "deviceId"));
    print_field("subject", vd_alert_text(alert, "subject"));
    if (json_is_object(indicator)) {
        printf("%-10s ", "indicator");
        vd_print_safe(vd_alert_text(indicator, "value"));
        fputs(" of ", stdout);
        vd_print_safe(vd_alert_text(indicator, "source"));
        putchar('\n');
    }
    print_assessment(alert);
    printf("%-10s %lld time%s, %s to %s UTC\n", "seen", vd_alert_number(alert, "count"),
        vd_alert_number(alert, "count") == 1 ? "" : "s", vd_short_time(alert, "startTime", first),
        vd_short_time(alert, "endTime", last));
    print_field("state", vd_alert_text(alert, "status"));
    if (json_is_string(json_object_get(alert, "suppressedBy"))) {
        print_field("dismissed", "on account of the alert below");
        print_field("", vd_alert_text(alert, "suppressedBy"));
    }
    print_field("type", vd_alert_text(alert, "alertType"));
    print_techniques(alert);
    print_field("id", vd_alert_text(alert, "id"));
    print_evidence(alert);
    print_query(alert);
    print_steps(alert);
    if (json_array_size(json_object_get(alert, "history")) > 0) {
        puts("\nHistory:");
        vd_alert_print_history(alert);
    }
}
