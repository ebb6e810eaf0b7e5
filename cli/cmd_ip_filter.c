/* SPDX-License-Identifier: MIT */
/* `vedette ip-filter`: the rules of addresses, one at a time. */

#include <stdio.h>

#include "cli/commands.h"
#include "cli/list.h"

static json_t *get_filter(const struct vd_invocation *invocation)
{
    const struct vd_api_request request = {.method = "GET", .path = "/ip-filter"};

    return vd_client_json(invocation->data_dir, &request);
}

/* Stores what `answer` has become, unless somebody else was faster. */
static int put_filter(const struct vd_invocation *invocation, json_t *answer)
{
    char *text = json_dumps(json_object_get(answer, "properties"), JSON_COMPACT);
    char query[40];
    struct vd_api_request request = {.method = "PUT", .path = "/ip-filter", .query = query};
    json_t *stored;

    snprintf(query, sizeof query, "etag=%lld", vd_member_number(answer, "etag"));
    request.body = vd_str_from(text != NULL ? text : "");
    stored = vd_client_json(invocation->data_dir, &request);
    free(text);
    json_decref(answer);
    if (stored == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(stored);
    } else {
        printf("%zu rules\n",
            json_array_size(
                json_object_get(json_object_get(stored, "properties"), "ipFilterRules")));
    }
    json_decref(stored);
    return VD_EXIT_OK;
}

static int filter_list(const struct vd_invocation *invocation)
{
    static const char *const columns[] = {"RULE", "ACTION", "ADDRESSES"};
    struct vd_table table = {.columns = columns, .column_count = 3};
    json_t *answer = get_filter(invocation);
    const json_t *properties = json_object_get(answer, "properties");
    const json_t *rules = json_object_get(properties, "ipFilterRules");
    const json_t *sets = json_object_get(properties, "networkRuleSets");
    const json_t *rule;
    size_t i;

    if (answer == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(answer);
        json_decref(answer);
        return VD_EXIT_OK;
    }
    json_array_foreach(rules, i, rule)
    {
        vd_table_add(&table, vd_member_text(rule, "filterName"));
        vd_table_add(&table, vd_member_text(rule, "action"));
        vd_table_add(&table, vd_member_text(rule, "ipMask"));
    }
    json_array_foreach(json_object_get(sets, "ipRules"), i, rule)
    {
        vd_table_add(&table, vd_member_text(rule, "filterName"));
        vd_table_add(&table, "Accept");
        vd_table_add(&table, vd_member_text(rule, "ipMask"));
    }
    vd_table_add(&table, "(all others)");
    vd_table_add(&table,
        json_is_object(sets) &&
                (vd_member_text(sets, "defaultAction") == NULL ||
                    strcmp(vd_member_text(sets, "defaultAction"), "Deny") == 0)
            ? "Reject"
            : "Accept");
    vd_table_add(&table, "");
    vd_table_print(&table, true);
    json_decref(answer);
    return VD_EXIT_OK;
}

/* The list of rules, made if there is none; stays the answer's. */
static json_t *rules_of(json_t *answer)
{
    json_t *properties = json_object_get(answer, "properties");
    json_t *rules = json_object_get(properties, "ipFilterRules");

    if (rules == NULL) {
        rules = json_array();
        if (json_object_set_new(properties, "ipFilterRules", rules) != 0) {
            return NULL;
        }
    }
    return rules;
}

static int filter_add(const struct vd_invocation *invocation)
{
    const char *action = invocation->arguments[1];
    const bool accept = strcmp(action, "accept") == 0;
    json_t *answer;
    json_t *rules;
    json_t *rule;

    if (!accept && strcmp(action, "reject") != 0) {
        return vd_cli_fail("%s: the action is accept or reject", action);
    }
    answer = get_filter(invocation);
    if (answer == NULL) {
        return VD_EXIT_FAILURE;
    }
    rules = rules_of(answer);
    rule = json_pack("{s:s, s:s, s:s}", "filterName", invocation->arguments[0], "action",
        accept ? "Accept" : "Reject", "ipMask", invocation->arguments[2]);
    if (rules == NULL || rule == NULL ||
        json_array_insert_new(rules,
            vd_invocation_value(invocation, "first") != NULL ? 0 : json_array_size(rules),
            rule) != 0) {
        json_decref(answer);
        return vd_cli_fail("the rule's name and addresses are to be text");
    }
    return put_filter(invocation, answer);
}

static int filter_remove(const struct vd_invocation *invocation)
{
    json_t *answer = get_filter(invocation);
    json_t *rules;
    json_t *rule;
    size_t i;

    if (answer == NULL) {
        return VD_EXIT_FAILURE;
    }
    rules = rules_of(answer);
    json_array_foreach(rules, i, rule)
    {
        if (strcmp(vd_member_text(rule, "filterName"), invocation->arguments[0]) == 0) {
            json_array_remove(rules, i);
            return put_filter(invocation, answer);
        }
    }
    json_decref(answer);
    return vd_cli_fail("there is no rule named %s", invocation->arguments[0]);
}

static int filter_rest(const struct vd_invocation *invocation)
{
    const char *action = invocation->arguments[0];
    const bool accept = strcmp(action, "accept") == 0;
    json_t *answer;
    json_t *properties;
    json_t *sets;

    if (!accept && strcmp(action, "reject") != 0) {
        return vd_cli_fail("%s: the action is accept or reject", action);
    }
    answer = get_filter(invocation);
    if (answer == NULL) {
        return VD_EXIT_FAILURE;
    }
    properties = json_object_get(answer, "properties");
    sets = json_object_get(properties, "networkRuleSets");
    if (!json_is_object(sets)) {
        sets = json_pack("{s:[]}", "ipRules");
        (void)json_object_set_new(properties, "networkRuleSets", sets);
    }
    if (json_object_set_new(sets, "defaultAction", json_string(accept ? "Allow" : "Deny")) != 0) {
        json_decref(answer);
        return vd_cli_fail("out of memory");
    }
    return put_filter(invocation, answer);
}

static const struct vd_option add_options[] = {
    {"first", NULL, "before all other rules; default: behind them"},
    {NULL, NULL, NULL},
};

const struct vd_command vd_ip_filter_commands[] = {
    {.name = "list",
        .summary = "Shows the rules in their order.",
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .run = filter_list},
    {.name = "add",
        .summary = "Adds a rule.",
        .arguments = "NAME accept|reject ADDRESSES",
        .min_arguments = 3,
        .max_arguments = 3,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .options = add_options,
        .details =
            "ADDRESSES is an IPv4 address or a CIDR range. The first rule that matches decides, what none matches is\n"
            "accepted (`vedette ip-filter rest`). A running service enforces it at once: connections that it refuses are closed.\n",
        .run = filter_add},
    {.name = "rest",
        .summary = "Says what becomes of addresses that no rule names, and of all IPv6.",
        .arguments = "accept|reject",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .details =
            "With reject, accept those first who are to be let in: everyone else is shut out at once.\n",
        .run = filter_rest},
    {.name = "remove",
        .summary = "Removes a rule.",
        .arguments = "NAME",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .run = filter_remove},
    {.name = NULL},
};
