/* SPDX-License-Identifier: MIT */
/* `vedette intel`: feeds of indicators, and what an address falls under. */

#include <stdio.h>
#include <stdlib.h>

#include "api/api.h"
#include "cli/cmd_feed.h"
#include "cli/commands.h"
#include "cli/list.h"
#include "cli/read_file.h"
#include "lib/secret.h"

/* Calls /feeds/{name}{tail}; `body` is taken over and may be NULL. NULL: the failure was told. */
static json_t *call_feed(const struct vd_invocation *invocation, const char *method,
    const char *name, const char *tail, json_t *body)
{
    char *encoded = vd_client_encode(name);
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    struct vd_buf path = {0};
    json_t *answer = NULL;

    vd_buf_printf(&path, "/feeds/%s%s", encoded != NULL ? encoded : "", tail);
    vd_buf_append(&path, "", 1);
    if (encoded == NULL || path.error != VD_OK || (body != NULL && text == NULL)) {
        vd_cli_fail("out of memory");
    } else {
        const struct vd_api_request request = {
            .method = method,
            .path = (const char *)path.data,
            .body = text != NULL ? vd_str_from(text) : (struct vd_str){"", 0},
        };

        answer = vd_client_json(invocation->data_dir, &request);
    }
    json_decref(body);
    free(encoded);
    free(text);
    vd_buf_release(&path);
    return answer;
}

static bool print_as_json(const struct vd_invocation *invocation, json_t *answer)
{
    if (invocation->output != VD_OUTPUT_JSON) {
        return false;
    }
    vd_print_json(answer);
    return true;
}

static void print_member(const char *label, const char *text)
{
    if (text != NULL && text[0] != '\0') {
        printf("%-17s ", label);
        vd_print_safe(text);
        putchar('\n');
    }
}

static void print_report(const json_t *report)
{
    const json_t *problem;
    size_t i;

    printf("%-17s %lld entries as %s: %lld used (%lld expired), %lld ignored, %lld refused\n",
        "read", vd_member_number(report, "read"), vd_member_text(report, "format"),
        vd_member_number(report, "used"), vd_member_number(report, "expired"),
        vd_member_number(report, "ignored"), vd_member_number(report, "refused"));
    json_array_foreach(json_object_get(report, "problems"), i, problem)
    {
        const char *place = vd_member_text(problem, "place");

        if (place != NULL && place[0] != '\0') {
            printf("             %s: %s\n", place, vd_member_text(problem, "reason"));
        } else {
            printf("             line %lld: %s\n", vd_member_number(problem, "line"),
                vd_member_text(problem, "reason"));
        }
    }
}

/* What is known of a feed's URL. */
static void print_source(const json_t *source)
{
    if (!json_is_object(source)) {
        return;
    }
    print_member(
        "next", vd_member_text(source, "next") != NULL ? vd_member_text(source, "next") : "now");
    print_member("credential", vd_member_text(source, "credential"));
    print_member("etag", vd_member_text(source, "etag"));
    print_member("modified", vd_member_text(source, "lastModified"));
    print_member("added after", vd_member_text(source, "addedAfter"));
    if (vd_member_number(source, "failures") > 0) {
        printf("%-17s %lld in a row\n", "failures", vd_member_number(source, "failures"));
    }
}

static int show(const struct vd_invocation *invocation, json_t *feed)
{
    const char *member;
    json_t *value;

    if (feed == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (!print_as_json(invocation, feed)) {
        print_member("feed", vd_member_text(feed, "name"));
        json_object_foreach(json_object_get(feed, "settings"), member, value)
        {
            char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY);

            print_member(member, text != NULL ? text : json_string_value(value));
            free(text);
        }
        print_member("last read", vd_member_text(feed, "lastSuccess"));
        print_member("last try", vd_member_text(feed, "lastAttempt"));
        print_member("error", vd_member_text(feed, "error"));
        print_source(json_object_get(feed, "source"));
        printf("%-17s %lld\n", "alerts", vd_member_number(feed, "alerts"));
        print_member("last alert", vd_member_text(feed, "lastAlert"));
        if (vd_member_text(feed, "lastSuccess") != NULL) {
            print_report(json_object_get(feed, "report"));
        }
    }
    json_decref(feed);
    return VD_EXIT_OK;
}

int vd_intel_show(const struct vd_invocation *invocation)
{
    return show(invocation, call_feed(invocation, "GET", invocation->arguments[0], "", NULL));
}

int vd_intel_refresh(const struct vd_invocation *invocation)
{
    return show(
        invocation, call_feed(invocation, "POST", invocation->arguments[0], "/refresh", NULL));
}

static void add_feed(struct vd_table *table, const json_t *feed)
{
    const json_t *settings = json_object_get(feed, "settings");
    const json_t *report = json_object_get(feed, "report");
    const char *kind = vd_member_text(settings, "kind");

    vd_table_add(table, vd_member_text(feed, "name"));
    vd_table_add(table,
        json_is_false(json_object_get(settings, "enabled")) ? "off"
            : kind != NULL                                  ? kind
                                                            : "indicators");
    vd_table_add(table, vd_member_text(report, "format"));
    vd_table_add_number(table, vd_member_number(report, "used"));
    vd_table_add_number(table, vd_member_number(report, "expired"));
    vd_table_add_number(table, vd_member_number(report, "refused"));
    vd_table_add(table, vd_member_text(feed, "lastSuccess"));
    vd_table_add(table, vd_member_text(feed, "error"));
}

int vd_intel_list(const struct vd_invocation *invocation)
{
    static const char *const columns[] = {
        "FEED", "KIND", "FORMAT", "USED", "EXPIRED", "REFUSED", "LAST READ", "ERROR"};
    static const struct vd_list list = {.rows = "feeds",
        .columns = columns,
        .column_count = 8,
        .add = add_feed,
        .is_answer_printed = true};

    return vd_cli_list_at(invocation, &list, "/feeds");
}

/* ---- add and set ---- */

static const struct {
    const char *option;
    const char *setting;
    enum {
        AS_TEXT,
        AS_PATH,
        AS_NUMBER
    } as;
} settings_of[] = {
    {"kind", "kind", AS_TEXT},
    {"watch", "file", AS_PATH},
    {"url", "url", AS_TEXT},
    {"taxii", "taxii", AS_TEXT},
    {"ca-file", "caFile", AS_PATH},
    {"interval-minutes", "intervalMinutes", AS_NUMBER},
    {"format", "format", AS_TEXT},
    {"column", "column", AS_TEXT},
    {"description-column", "descriptionColumn", AS_TEXT},
    {"confidence-column", "confidenceColumn", AS_TEXT},
    {"until-column", "untilColumn", AS_TEXT},
    {"delimiter", "delimiter", AS_TEXT},
    {"wanted-categories", "wantedCategories", AS_TEXT},
    {"severity", "severity", AS_TEXT},
    {"confidence", "confidence", AS_NUMBER},
    {"minimum-confidence", "minimumConfidence", AS_NUMBER},
    {"lifetime-days", "lifetimeDays", AS_NUMBER},
};

/* Sets what options say; an empty value takes a setting away. False: a number is none (told). */
static bool read_settings(const struct vd_invocation *invocation, json_t *settings)
{
    for (size_t i = 0; i < sizeof settings_of / sizeof settings_of[0]; i++) {
        const char *value = vd_invocation_value(invocation, settings_of[i].option);
        char *end = NULL;

        if (value == NULL) {
            continue;
        }
        if (value[0] == '\0') {
            json_object_del(settings, settings_of[i].setting);
        } else if (settings_of[i].as != AS_NUMBER) {
            json_object_set_new(settings, settings_of[i].setting,
                settings_of[i].as == AS_PATH ? vd_path_json(value) : json_string(value));
        } else {
            json_object_set_new(
                settings, settings_of[i].setting, json_integer(strtoll(value, &end, 10)));
            if (*end != '\0') {
                vd_cli_usage(invocation, "--%s is to be a number", settings_of[i].option);
                return false;
            }
        }
    }
    if (vd_invocation_value(invocation, "off") != NULL) {
        json_object_set_new(settings, "enabled", json_false());
    }
    if (vd_invocation_value(invocation, "on") != NULL) {
        json_object_del(settings, "enabled");
    }
    if (vd_invocation_value(invocation, "allow-http") != NULL) {
        json_object_set_new(settings, "allowHttp", json_true());
    }
    if (vd_invocation_value(invocation, "https-only") != NULL) {
        json_object_del(settings, "allowHttp");
    }
    return true;
}

/* Adds the text of the file to the body; false: the failure was told. */
static bool add_text(json_t *body, const char *path)
{
    struct vd_buf text = {.max = VD_API_BODY_MAX_BYTES};
    bool is_good = vd_read_file(path, "larger than 64 MiB: use --watch", &text);

    if (is_good &&
        json_object_set_new(body, "text", json_stringn((const char *)text.data, text.length)) !=
            0) {
        vd_cli_fail("%s: is not text in UTF-8; use --watch", path);
        is_good = false;
    }
    vd_buf_release(&text);
    return is_good;
}

/* Adds the credential that the options give, if they do, with null for "none any more"; false: the failure was told. */
static bool add_credential(const struct vd_invocation *invocation, json_t *body)
{
    const char *kind = vd_invocation_value(invocation, "credential");
    const char *path = vd_invocation_value(invocation, "secret-file");
    struct vd_buf secret = {0};
    bool is_good = true;

    if (kind == NULL) {
        return true;
    }
    if (kind[0] == '\0') {
        return json_object_set_new(body, "credential", json_null()) == 0;
    }
    is_good = path != NULL && vd_read_secret(path, &secret);
    if (path == NULL) {
        vd_cli_fail("--credential needs --secret-file");
    }
    if (is_good &&
        json_object_set_new(body, "credential",
            json_pack("{s:s, s:s%}", "kind", kind, "secret",
                secret.length > 0 ? (const char *)secret.data : "", secret.length)) != 0) {
        vd_cli_fail("%s: is not text in UTF-8", path);
        is_good = false;
    }
    if (secret.data != NULL) {
        vd_secret_wipe(secret.data, secret.capacity);
    }
    vd_buf_release(&secret);
    return is_good;
}

/* Puts the settings (taken over) and the text of the file at `path`, unless it is NULL. */
static int put(const struct vd_invocation *invocation, json_t *settings, const char *path)
{
    json_t *body;

    if (!read_settings(invocation, settings)) {
        json_decref(settings);
        return VD_EXIT_USAGE;
    }
    body = json_pack("{s:o}", "settings", settings);
    if (!add_credential(invocation, body) || (path != NULL && !add_text(body, path))) {
        json_decref(body);
        return VD_EXIT_FAILURE;
    }
    return show(invocation, call_feed(invocation, "PUT", invocation->arguments[0], "", body));
}

int vd_intel_add(const struct vd_invocation *invocation)
{
    return put(invocation, json_object(),
        invocation->argument_count > 1 ? invocation->arguments[1] : NULL);
}

int vd_intel_set(const struct vd_invocation *invocation)
{
    json_t *feed = call_feed(invocation, "GET", invocation->arguments[0], "", NULL);
    json_t *settings = json_incref(json_object_get(feed, "settings"));

    json_decref(feed);
    return feed == NULL ? VD_EXIT_FAILURE : put(invocation, settings, NULL);
}

int vd_intel_remove(const struct vd_invocation *invocation)
{
    return vd_cli_deleted(
        invocation, call_feed(invocation, "DELETE", invocation->arguments[0], "", NULL));
}

/* ---- check ---- */

static void print_indicator(const json_t *match)
{
    printf("  ");
    vd_print_safe(vd_member_text(match, "indicator"));
    printf(json_is_true(json_object_get(match, "isException")) ? "  exception of " : "  of ");
    vd_print_safe(vd_member_text(match, "feed"));
    if (json_is_integer(json_object_get(match, "confidence"))) {
        printf("  confidence %lld", vd_member_number(match, "confidence"));
    }
    if (vd_member_text(match, "validFrom") != NULL) {
        printf("  from %s", vd_member_text(match, "validFrom"));
    }
    if (vd_member_text(match, "validUntil") != NULL) {
        printf("  until %s", vd_member_text(match, "validUntil"));
    }
    printf("  ");
    vd_print_safe(vd_member_text(match, "description"));
    putchar('\n');
}

int vd_intel_check(const struct vd_invocation *invocation)
{
    char *encoded = vd_client_encode(invocation->arguments[0]);
    struct vd_buf query = {0};
    struct vd_api_request request = {.method = "GET", .path = "/indicators"};
    json_t *answer = NULL;
    const json_t *match;
    size_t i;

    vd_buf_printf(&query, "address=%s", encoded != NULL ? encoded : "");
    vd_buf_append(&query, "", 1);
    if (encoded != NULL && query.error == VD_OK) {
        request.query = (const char *)query.data;
        answer = vd_client_json(invocation->data_dir, &request);
    }
    free(encoded);
    vd_buf_release(&query);
    if (answer == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (!print_as_json(invocation, answer)) {
        match = json_object_get(answer, "matches");
        printf("%s: %s\n", vd_member_text(answer, "address"),
            json_is_object(match) ? "a flow to it raises an alert now" : "raises no alert now");
        json_array_foreach(json_object_get(answer, "indicators"), i, match)
        {
            print_indicator(match);
        }
    }
    json_decref(answer);
    return VD_EXIT_OK;
}

const struct vd_option vd_intel_feed_options[] = {
    {"kind", "KIND", "indicators (default) or exceptions, which win over all indicators"},
    {"watch", "PATH", "the service reads this file, and again when it changes"},
    {"url", "URL", "the service fetches it (https), again and again"},
    {"taxii", "URL", "likewise, of a TAXII 2.1 collection: https://.../collections/ID/"},
    {"interval-minutes", "MINUTES", "from one fetch to the next; default: 60"},
    {"credential", "KIND", "for the URL: basic, bearer or header; with --secret-file"},
    {"secret-file", "FILE", "user:password, the token, or \"Name: value\"; - for standard input"},
    {"ca-file", "PATH", "of the URL's server, PEM; default: the system's"},
    {"allow-http", NULL, "take a URL of http, which anybody on the way can change"},
    {"https-only", NULL, "take none any more"},
    {"format", "FORMAT", "auto (default), list, csv, stix, misp, suricata or zeek"},
    {"column", "NAME", "of CSV: with the addresses; default: one with a usual name"},
    {"description-column", "NAME", "of CSV"},
    {"confidence-column", "NAME", "of CSV: 0 to 100"},
    {"until-column", "NAME", "of CSV: when validity ends"},
    {"wanted-categories", "LIST",
        "of Suricata's reputation: those that count, 5:40 from a score on; default: all"},
    {"delimiter", "CHAR", "of CSV; default: guessed"},
    {"severity", "SEVERITY", "of its alerts: High, Medium or Low"},
    {"confidence", "0..100", "of indicators that give none"},
    {"minimum-confidence", "0..100", "indicators below it are ignored"},
    {"lifetime-days", "DAYS", "of indicators that give no end"},
    {"off", NULL, "keep the feed, but do not use it"},
    {"on", NULL, "use it again"},
    {NULL, NULL, NULL},
};
