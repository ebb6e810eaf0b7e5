/* SPDX-License-Identifier: MIT */
/* `vedette group` and `vedette rule`: custom alert rules by device security group, and how they would have done. */

#include <stdio.h>
#include <stdlib.h>

#include "center/backtest.h"
#include "center/detect/group_rules.h"
#include "cli/commands.h"
#include "cli/duration.h"
#include "cli/list.h"
#include "cli/read_file.h"

#define RULES_MAX_BYTES (1 << 20)

/* Calls /groups/{name}{tail}. NULL: the failure was told. */
static json_t *call_group(const struct vd_invocation *invocation, const char *method,
    const char *name, const char *tail, const char *query, struct vd_str body)
{
    char *encoded = vd_client_encode(name);
    struct vd_buf path = {0};
    json_t *answer = NULL;

    vd_buf_printf(&path, "/groups/%s%s", encoded != NULL ? encoded : "", tail);
    vd_buf_append(&path, "", 1);
    if (encoded == NULL || path.error != VD_OK) {
        vd_cli_fail("out of memory");
    } else {
        const struct vd_api_request request = {
            .method = method, .path = (const char *)path.data, .query = query, .body = body};

        answer = vd_client_json(invocation->data_dir, &request);
    }
    free(encoded);
    vd_buf_release(&path);
    return answer;
}

/* Every list of a document, one behind the other. */
static const char *const lists[] = {
    "timeWindowRules", "thresholdRules", "allowlistRules", "denylistRules"};

#define LISTS (sizeof lists / sizeof lists[0])

static size_t enabled_rules(const json_t *group)
{
    size_t count = 0;

    for (size_t i = 0; i < LISTS; i++) {
        const json_t *list = json_object_get(json_object_get(group, "properties"), lists[i]);

        for (size_t k = 0; k < json_array_size(list); k++) {
            count += json_is_true(json_object_get(json_array_get(list, k), "isEnabled")) ? 1 : 0;
        }
    }
    return count;
}

/* Groups that twins name and that have no rules are listed too: a misspelt tag shows. */
static int group_list(const struct vd_invocation *invocation)
{
    static const char *const columns[] = {"GROUP", "RULES ON", "DEVICES"};
    const struct vd_api_request request = {.method = "GET", .path = "/groups"};
    struct vd_table table = {.columns = columns, .column_count = 3};
    json_t *answer = vd_client_json(invocation->data_dir, &request);
    json_t *counts = json_object_get(answer, "deviceCounts");
    const json_t *group;
    const char *name;
    json_t *count;
    size_t i;

    if (answer == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(answer);
        json_decref(answer);
        return VD_EXIT_OK;
    }
    json_array_foreach(json_object_get(answer, "groups"), i, group)
    {
        vd_table_add(&table, vd_member_text(group, "name"));
        vd_table_add_number(&table, (long long)enabled_rules(group));
        vd_table_add_number(&table, vd_member_number(group, "deviceCount"));
        json_object_del(counts, vd_member_text(group, "name"));
    }
    json_object_foreach(counts, name, count)
    {
        vd_table_add(&table, name);
        vd_table_add(&table, "none");
        vd_table_add_number(&table, json_integer_value(count));
    }
    vd_table_print(&table, true);
    json_decref(answer);
    return VD_EXIT_OK;
}

static void add_limits(struct vd_table *table, const json_t *rule)
{
    char limits[80];
    const json_t *values = json_object_get(rule, "allowlistValues");

    values = values != NULL ? values : json_object_get(rule, "denylistValues");
    if (values != NULL) {
        snprintf(limits, sizeof limits, "%zu values", json_array_size(values));
    } else {
        snprintf(limits, sizeof limits, "%lld to %lld", vd_member_number(rule, "minThreshold"),
            vd_member_number(rule, "maxThreshold"));
    }
    vd_table_add(table, limits);
    vd_table_add(table, vd_member_text(rule, "timeWindowSize"));
}

static void add_note(struct vd_table *table, const char *type)
{
    bool applies = true;
    const char *reason = type != NULL ? vd_rule_type_applies(type, &applies) : NULL;
    char note[160] = "";

    if (reason != NULL && !applies) {
        snprintf(note, sizeof note, "not applicable here: %s", reason);
    }
    vd_table_add(table, note);
}

static void print_rules(const json_t *group)
{
    static const char *const columns[] = {"RULE", "ALLOWED", "WINDOW", "NOTE"};
    struct vd_table table = {.columns = columns, .column_count = 4};

    for (size_t i = 0; i < LISTS; i++) {
        const json_t *list = json_object_get(json_object_get(group, "properties"), lists[i]);

        for (size_t k = 0; k < json_array_size(list); k++) {
            const json_t *rule = json_array_get(list, k);

            if (json_is_true(json_object_get(rule, "isEnabled"))) {
                vd_table_add(&table, vd_member_text(rule, "ruleType"));
                add_limits(&table, rule);
                add_note(&table, vd_member_text(rule, "ruleType"));
            }
        }
    }
    vd_table_print(&table, true);
}

static int group_show(const struct vd_invocation *invocation)
{
    json_t *group =
        call_group(invocation, "GET", invocation->arguments[0], "", NULL, (struct vd_str){"", 0});
    const json_t *device;
    long long count;
    size_t i;

    if (group == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(group);
        json_decref(group);
        return VD_EXIT_OK;
    }
    print_rules(group);
    count = vd_member_number(group, "deviceCount");
    printf("\n%lld device%s:", count, vd_plural(count));
    json_array_foreach(json_object_get(group, "devices"), i, device)
    {
        printf(" ");
        vd_print_safe(vd_member_text(device, "deviceId"));
    }
    if (count == 0) {
        printf(
            " none. A device is in the group that the tag SecurityGroup of its module azureiotsecurity names.");
    }
    printf("\n");
    json_decref(group);
    return VD_EXIT_OK;
}

/* The file's text; false: the failure was told. */
static bool read_rules(const char *path, struct vd_buf *text)
{
    text->max = RULES_MAX_BYTES;
    return vd_read_file(path, "a group's rules are no longer than 1 MiB", text);
}

static int group_set(const struct vd_invocation *invocation)
{
    struct vd_buf text = {0};
    json_t *answer = NULL;

    if (read_rules(invocation->arguments[1], &text)) {
        answer = call_group(invocation, "PUT", invocation->arguments[0], "", NULL,
            (struct vd_str){(const char *)text.data, text.length});
    }
    vd_buf_release(&text);
    if (answer == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(answer);
    } else {
        print_rules(answer);
    }
    json_decref(answer);
    return VD_EXIT_OK;
}

/* "default" is the group of those that no tag puts into another. */
static int group_assign(const struct vd_invocation *invocation)
{
    const char *group = invocation->arguments[0];
    char *encoded = vd_client_encode(invocation->arguments[1]);
    json_t *json =
        json_pack("{s:s?}", "group", strcmp(group, VD_FLEET_GROUP_DEFAULT) == 0 ? NULL : group);
    char *body = json_dumps(json, JSON_COMPACT);
    char path[600];
    struct vd_api_request request = {.method = "PUT", .path = path};
    json_t *answer = NULL;

    if (encoded != NULL && body != NULL) {
        snprintf(path, sizeof path, "/devices/%s/group", encoded);
        request.body = vd_str_from(body);
        answer = vd_client_json(invocation->data_dir, &request);
    } else {
        vd_cli_fail("the names are to be text");
    }
    if (answer != NULL) {
        vd_print_safe(vd_member_text(answer, "deviceId"));
        printf(" is in the group ");
        vd_print_safe(vd_member_text(answer, "group"));
        printf("\n");
    }
    free(encoded);
    free(body);
    json_decref(json);
    json_decref(answer);
    return answer != NULL ? VD_EXIT_OK : VD_EXIT_FAILURE;
}

static int group_delete(const struct vd_invocation *invocation)
{
    return vd_cli_deleted(invocation,
        call_group(
            invocation, "DELETE", invocation->arguments[0], "", NULL, (struct vd_str){"", 0}));
}

/* ---- Backtest ---- */

static void print_tallies(const json_t *list, const char *name, const char *column)
{
    const char *const columns[] = {column, "FINDINGS"};
    struct vd_table table = {.columns = columns, .column_count = 2};
    const json_t *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        vd_table_add(&table, vd_member_text(one, name));
        vd_table_add_number(&table, vd_member_number(one, "findings"));
    }
    if (json_array_size(list) > 0) {
        printf("\n");
        vd_table_print(&table, true);
    }
}

static void print_result(const json_t *result)
{
    const long long findings = vd_member_number(result, "findings");
    const size_t devices = json_array_size(json_object_get(result, "devices"));
    const long long members = vd_member_number(result, "devicesInGroup");
    const long long events = vd_member_number(result, "eventsRead");
    const long long records = vd_member_number(result, "recordsRead");
    const json_t *example;
    const json_t *pause;
    size_t i;

    printf("%lld finding%s on %zu device%s from %s to %s; %lld device%s in the group now\n",
        findings, vd_plural(findings), devices, vd_plural((long long)devices),
        vd_member_text(result, "from"), vd_member_text(result, "coveredUntil"), members,
        members == 1 ? " is" : "s are");
    printf("read: %lld event%s, %lld record%s\n", events, vd_plural(events), records,
        vd_plural(records));
    if (json_is_true(json_object_get(result, "isPartial"))) {
        printf("not all of it: the time was over at %s\n", vd_member_text(result, "coveredUntil"));
    }
    json_array_foreach(json_object_get(result, "notStored"), i, pause)
    {
        const char *to = json_string_value(json_object_get(pause, "to"));

        printf("raw events were not stored from %s to %s: nothing is known of then\n",
            vd_member_text(pause, "from"), to != NULL ? to : "now");
    }
    print_tallies(json_object_get(result, "rules"), "alertType", "ALERT");
    print_tallies(json_object_get(result, "devices"), "deviceId", "DEVICE");
    json_array_foreach(json_object_get(result, "examples"), i, example)
    {
        printf(i == 0 ? "\nExamples:\n" : "");
        printf("  %s  ", vd_member_text(example, "time"));
        vd_print_safe(vd_member_text(example, "description"));
        printf("\n");
    }
}

static int rule_test(const struct vd_invocation *invocation)
{
    const char *group = vd_invocation_value(invocation, "group");
    const char *since = vd_invocation_value(invocation, "since");
    struct vd_buf text = {0};
    char query[48];
    const int64_t seconds = since != NULL ? vd_duration_seconds(since) : 86400;
    json_t *result = NULL;

    if (seconds <= 0 || seconds > VD_BACKTEST_HISTORY_MAX_MS / 1000) {
        return vd_cli_usage(
            invocation, "--since is a number and a unit, such as 90m, 12h or 7d, and at most 30d");
    }
    snprintf(query, sizeof query, "seconds=%lld", (long long)seconds);
    if (read_rules(invocation->arguments[0], &text)) {
        result = call_group(invocation, "POST", group != NULL ? group : VD_FLEET_GROUP_DEFAULT,
            "/test", query, (struct vd_str){(const char *)text.data, text.length});
    }
    vd_buf_release(&text);
    if (result == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(result);
    } else {
        print_result(result);
    }
    json_decref(result);
    return VD_EXIT_OK;
}

/* A list of texts, each behind a mark. */
static void print_marked(const json_t *list, const char *mark)
{
    const json_t *value;
    size_t i;

    json_array_foreach(list, i, value)
    {
        printf("%s %s\n", mark, json_string_value(value));
    }
}

static void print_proposal(const json_t *proposal)
{
    const json_t *changes = json_object_get(proposal, "changes");
    const json_t *change;
    const json_t *suspicious = json_object_get(proposal, "suspicious");
    size_t i;

    if (json_array_size(changes) == 0) {
        puts("nothing to add: the rules allow all that the group did, or it did nothing");
    }
    json_array_foreach(suspicious, i, change)
    {
        printf("! %s is left out: the feed %s names %s\n", vd_member_text(change, "address"),
            vd_member_text(change, "feed"), vd_member_text(change, "indicator"));
    }
    json_array_foreach(changes, i, change)
    {
        printf("%s\n", vd_member_text(change, "ruleType"));
        print_marked(json_object_get(change, "removed"), "-");
        print_marked(json_object_get(change, "added"), "+");
        printf("%s\n", vd_member_text(change, "why"));
    }
}

static int rule_propose(const struct vd_invocation *invocation)
{
    const char *days = vd_invocation_value(invocation, "days");
    char query[64];
    json_t *proposal;

    snprintf(query, sizeof query, "days=%.20s", days != NULL ? days : "7");
    proposal = call_group(
        invocation, "POST", invocation->arguments[0], "/propose", query, VD_STR_LITERAL(""));
    if (proposal == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(proposal);
    } else {
        print_proposal(proposal);
    }
    json_decref(proposal);
    return VD_EXIT_OK;
}

static const struct vd_option propose_options[] = {
    {"days", "N", "how many days back; default: 7, at most 30"},
    {NULL, NULL, NULL},
};

static const struct vd_option test_options[] = {
    {"group", "NAME", "the group whose devices are tried; default: default"},
    {"since", "TIME", "how far back, such as 90m, 12h or 7d; default: 24h, at most 30d"},
    {NULL, NULL, NULL},
};

const struct vd_command vd_group_commands[] = {
    {.name = "list",
        .summary = "Lists the groups, with their rules and devices.",
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .run = group_list},
    {.name = "show",
        .summary = "Shows the rules that are on, and the devices that they cover.",
        .arguments = "GROUP",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .run = group_show},
    {.name = "set",
        .summary = "Sets a group's rules.",
        .arguments = "GROUP FILE",
        .min_arguments = 2,
        .max_arguments = 2,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .details =
            "FILE (- for standard input) holds a JSON object with timeWindowRules, thresholdRules, allowlistRules and\n"
            "denylistRules, as `vedette group show --output json` prints below properties. They apply from then on.\n",
        .run = group_set},
    {.name = "assign",
        .summary = "Puts a device into a group.",
        .arguments = "GROUP DEVICE",
        .min_arguments = 2,
        .max_arguments = 2,
        .takes = VD_TAKES_DATA_DIR,
        .details =
            "Sets the tag SecurityGroup of the twin of the device's module azureiotsecurity, which is made if it is missing.\n"
            "The group default takes the tag away.\n",
        .run = group_assign},
    {.name = "delete",
        .summary = "Deletes a group's rules.",
        .arguments = "GROUP",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR,
        .run = group_delete},
    {.name = NULL},
};

const struct vd_command vd_rule_commands[] = {
    {.name = "test",
        .summary = "Tries rules over the stored history, without setting them.",
        .arguments = "FILE",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .options = test_options,
        .details =
            "FILE is as for `vedette group set`. Says how often they would have fired, on which devices, with\n"
            "examples. Membership is that of now.\n",
        .run = rule_test},
    {.name = "propose",
        .summary = "Proposes an allow-list from what a group did; sets nothing.",
        .arguments = "GROUP",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .options = propose_options,
        .details =
            "Prints what it would add. With --output json, `properties` are the complete rules for `vedette group set`.\n",
        .run = rule_propose},
    {.name = NULL},
};
