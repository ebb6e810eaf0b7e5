/* SPDX-License-Identifier: MIT */
/* `vedette intel`: threat indicators. */

#include <stdio.h>

#include <stdlib.h>

#include "api/api.h"
#include "center/intel/feed_report.h"
#include "cli/client.h"
#include "cli/cmd_feed.h"
#include "cli/commands.h"
#include "cli/read_file.h"
#include "cli/table.h"
#include "lib/clock.h"

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
        const json_t *report = json_object_get(answer, "report");

        printf("%s: %lld used, %lld refused; %lld in all feeds\n",
            json_string_value(json_object_get(answer, "name")),
            (long long)json_integer_value(json_object_get(report, "used")),
            (long long)json_integer_value(json_object_get(report, "refused")),
            (long long)json_integer_value(json_object_get(answer, "total")));
    }
    json_decref(answer);
    return VD_EXIT_OK;
}

/* ---- test ---- */

/* The format and columns as options name them. False: that was told as wrong usage. */
static bool read_parse_options(const struct vd_invocation *invocation, struct vd_feed_parse *parse)
{
    const char *format = vd_invocation_value(invocation, "format");
    const char *delimiter = vd_invocation_value(invocation, "delimiter");
    const char *wanted = vd_invocation_value(invocation, "wanted-categories");

    if (format != NULL && vd_feed_format_find(format, &parse->format) != VD_OK) {
        vd_cli_usage(invocation,
            "--format is to be auto, list, csv, stix, misp, suricata or zeek, not %s", format);
        return false;
    }
    if (delimiter != NULL && strlen(delimiter) != 1) {
        vd_cli_usage(invocation, "--delimiter is to be one character");
        return false;
    }
    if (wanted != NULL && vd_feed_wanted_read(wanted, parse) != VD_OK) {
        vd_cli_usage(
            invocation, "--wanted-categories are to be numbers with or without a score: 1,5:40");
        return false;
    }
    parse->delimiter = *(delimiter != NULL ? delimiter : "");
    parse->column = vd_invocation_value(invocation, "column");
    parse->description_column = vd_invocation_value(invocation, "description-column");
    parse->confidence_column = vd_invocation_value(invocation, "confidence-column");
    parse->until_column = vd_invocation_value(invocation, "until-column");
    return true;
}

static void print_problem(FILE *out, const char *path, const struct vd_feed_problem *problem)
{
    if (problem->place[0] != '\0') {
        fprintf(out, "%s: %s: %s\n", path, problem->place, problem->reason);
    } else {
        fprintf(out, "%s:%u: %s\n", path, problem->line, problem->reason);
    }
}

static void print_report(const char *path, const struct vd_feed_report *report)
{
    printf("%s: format %s, %llu entries: %llu used (%llu expired), %llu ignored, %llu refused\n",
        path, vd_feed_format_name(report->format), (unsigned long long)report->read,
        (unsigned long long)report->used, (unsigned long long)report->expired,
        (unsigned long long)report->ignored, (unsigned long long)report->refused);
    for (uint32_t i = 0; i < report->problem_count; i++) {
        print_problem(stdout, path, &report->problems[i]);
    }
    if (report->refused > report->problem_count) {
        printf(
            "... and %llu more\n", (unsigned long long)(report->refused - report->problem_count));
    }
}

/* Shows the report; the exit status says whether the feed could be used. */
static int show_report(const struct vd_invocation *invocation, const char *path,
    const struct vd_feed_report *report, int error)
{
    if (error != VD_OK && error != VD_E_INVALID) {
        return vd_cli_fail("%s: %s", path,
            error == VD_E_LIMIT ? "larger than a feed may be" : vd_error_text(error));
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        json_t *json = vd_feed_report_json(report);

        vd_print_json(json);
        json_decref(json);
    } else if (error == VD_OK) {
        print_report(path, report);
    } else {
        print_problem(stderr, path, &report->fault);
    }
    return error == VD_OK ? VD_EXIT_OK : VD_EXIT_FAILURE;
}

static int intel_test(const struct vd_invocation *invocation)
{
    const char *path = invocation->arguments[0];
    const char *categories_path = vd_invocation_value(invocation, "categories");
    struct vd_feed_parse parse = {.confidence = VD_CONFIDENCE_UNKNOWN};
    struct vd_buf text = {.max = VD_FEED_BYTES_MAX};
    struct vd_buf categories = {.max = VD_FEED_RECORD_MAX};
    struct vd_feed_report report = {0};
    int status = VD_EXIT_FAILURE;

    if (!read_parse_options(invocation, &parse)) {
        return VD_EXIT_USAGE;
    }
    if (vd_read_file(path, "larger than a feed may be", &text) &&
        (categories_path == NULL ||
            vd_read_file(categories_path, "larger than 64 KiB", &categories))) {
        parse.categories = (struct vd_str){(const char *)categories.data, categories.length};
        parse.now_ms = vd_clock_utc_ms();
        parse.fetched_ms = parse.now_ms;
        status = show_report(invocation, path, &report,
            vd_feed_parse(&parse, (struct vd_str){(const char *)text.data, text.length}, &report));
    }
    vd_buf_release(&text);
    vd_buf_release(&categories);
    return status;
}

static const struct vd_option test_options[] = {
    {"format", "FORMAT", "auto (default), list, csv, stix, misp, suricata or zeek"},
    {"column", "NAME", "of CSV: with the addresses; default: one with a usual name"},
    {"description-column", "NAME", "of CSV"},
    {"confidence-column", "NAME", "of CSV: 0 to 100"},
    {"until-column", "NAME", "of CSV: when validity ends"},
    {"delimiter", "CHAR", "of CSV; default: guessed"},
    {"wanted-categories", "LIST", "of Suricata's reputation: 1,5:40; default: all"},
    {"categories", "FILE", "of Suricata's reputation: names of its categories"},
    {NULL, NULL, NULL},
};

static const struct vd_option import_options[] = {
    {"feed", "NAME", "the name of the list; default: that of the file"},
    {NULL, NULL, NULL},
};

const struct vd_command vd_intel_commands[] = {
    {.name = "list",
        .summary = "Lists the feeds.",
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .run = vd_intel_list},
    {.name = "show",
        .summary = "Shows a feed: settings, state, and what was refused.",
        .arguments = "NAME",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .run = vd_intel_show},
    {.name = "add",
        .summary = "Adds a feed, or replaces its settings and text.",
        .arguments = "NAME [FILE]",
        .min_arguments = 1,
        .max_arguments = 2,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .options = vd_intel_feed_options,
        .details =
            "FILE is uploaded (- reads stdin); with --watch the service reads a file of its own instead, with\n"
            "--url or --taxii it fetches the text.\n",
        .run = vd_intel_add},
    {.name = "set",
        .summary = "Changes settings of a feed; \"\" takes one away.",
        .arguments = "NAME",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .options = vd_intel_feed_options,
        .run = vd_intel_set},
    {.name = "remove",
        .summary = "Removes a feed and its indicators.",
        .arguments = "NAME",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .run = vd_intel_remove},
    {.name = "refresh",
        .summary = "Reads the file of a feed again, or fetches its URL now.",
        .arguments = "NAME",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .run = vd_intel_refresh},
    {.name = "check",
        .summary =
            "Shows what an address falls under, and whether a flow to it would raise an alert.",
        .arguments = "ADDRESS",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .run = vd_intel_check},
    {.name = "import",
        .summary = "Takes up a list of suspicious addresses.",
        .arguments = "FILE",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .options = import_options,
        .details =
            "The text replaces what the feed of that name had; - reads stdin. What is damaged is counted and\n"
            "passed over; a file that is not of its format changes nothing. A running service sees it at once.\n",
        .run = intel_import},
    {.name = "test",
        .summary = "Reads a feed and says what would be used of it.",
        .arguments = "FILE",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = VD_TAKES_OUTPUT,
        .options = test_options,
        .details =
            "Needs no service and stores nothing; - reads stdin. docs/intel.md tells the formats.\n",
        .run = intel_test},
    {.name = NULL},
};
