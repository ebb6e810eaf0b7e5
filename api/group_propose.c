/* SPDX-License-Identifier: MIT */
/* Rules proposed from what the devices of a group did: the addresses that they connect to as an allow-list. */

#include <stdlib.h>

#include "api/handlers.h"
#include "center/detect/address_text.h"
#include "center/detect/group_rules.h"
#include "center/store/feeds.h"
#include "center/store/groups.h"
#include "center/stored_flow.h"
#include "lib/clock.h"

#define DAYS_DEFAULT 7
#define DAYS_MAX     30
#define ROWS_MAX     500000
#define TIMEOUT_MS   60000
/* So many addresses of one network, /24 or /64, are proposed as that network. */
#define NETWORK_MIN 8

#define RULE_TYPE "ConnectionToIpNotAllowed"

/* As center/detect/custom_addresses.c judges a flow. */
static const char outbound[] =
    "(\"EventDetails.Direction\" = 'Out' OR (coalesce(\"EventDetails.Direction\", '') = '' AND"
    " (\"EventDetails.OpenedBy\" = 'Device' OR (coalesce(\"EventDetails.OpenedBy\", '') <> 'Remote'"
    " AND \"EventDetails.BytesOut\" > 0))))";

struct proposal {
    const struct vd_api *api;
    const char *group;
    int64_t from_ms;
    int64_t to_ms;
    int64_t days;
    json_t *members;   /* {device: true} */
    json_t *seen;      /* {device: true}, of them those with flows */
    json_t *addresses; /* {address: true} */
    json_int_t flows;
    bool is_partial;
    int error;
    json_t *properties; /* as they are */
    struct vd_group_rules *rules;
    json_t *added;
    struct vd_indicator_set *indicators;
    json_t *suspicious; /* [{"address","indicator","feed"}], which are not proposed */
};

/* ---- What they did ---- */

static bool take_member(void *context, const struct vd_fleet_device *device)
{
    struct proposal *p = context;

    if (strcmp(device->group, p->group) == 0) {
        (void)json_object_set_new(p->members, device->device_id, json_true());
    }
    return true;
}

static void take_row(struct proposal *p, const json_t *row)
{
    const char *device = vd_row_text(row, 0);

    if (json_object_get(p->members, device) != NULL) {
        (void)json_object_set_new(p->seen, device, json_true());
        (void)json_object_set_new(p->addresses, vd_row_text(row, 1), json_true());
        p->flows += json_integer_value(json_array_get(row, 2));
    }
}

static int read_flows(struct proposal *p, const struct vd_api_args *args, char problem[400])
{
    const struct vd_query_limits limits = {
        .max_rows = ROWS_MAX,
        .timeout_ms = TIMEOUT_MS,
        .is_unwanted = args->is_gone,
        .token = args->caller->token,
    };
    struct vd_buf sql = {0};
    char from[VD_TIME_TEXT_SIZE];
    json_t *result = NULL;
    const json_t *row;
    size_t i;
    int error;

    vd_time_format(p->from_ms, from);
    vd_buf_printf(&sql,
        "SELECT DeviceId, \"EventDetails.RemoteAddress\", count(*) FROM " VD_STORED_FLOWS
        " AND TimeGenerated >= TIMESTAMP '%.23s' AND %s GROUP BY 1, 2",
        from, outbound);
    vd_buf_append(&sql, "", 1);
    error = sql.error;
    if (error == VD_OK) {
        error = vd_analytics_query(
            p->api->analytics, (const char *)sql.data, &limits, &result, problem, 400);
    }
    json_array_foreach(json_object_get(result, "rows"), i, row)
    {
        take_row(p, row);
    }
    p->is_partial = json_is_true(json_object_get(result, "truncated"));
    json_decref(result);
    vd_buf_release(&sql);
    return error;
}

/* ---- Summed up ---- */

static int compare_addresses(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct vd_address));
}

static size_t network_bytes(const struct vd_address *address)
{
    return vd_address_is_ipv4(address) ? 15 : 8;
}

static void add_range(struct proposal *p, const struct vd_address *first, bool is_network)
{
    const bool is_ipv4 = vd_address_is_ipv4(first);
    struct vd_address address = *first;
    char text[VD_ADDRESS_TEXT_SIZE];

    if (is_network) {
        memset(address.bytes + network_bytes(first), 0, 16 - network_bytes(first));
    }
    vd_address_format(&address, !is_ipv4, text);
    (void)json_array_append_new(p->added,
        json_sprintf("%s%s", text,
            !is_network   ? ""
                : is_ipv4 ? "/24"
                          : "/64"));
}

/* Whether the range of `first` would let in what an indicator names, met or not. Of IPv6 what was met is looked at before. */
static bool network_is_bad(const struct proposal *p, const struct vd_address *first)
{
    struct vd_address address = *first;
    struct vd_indicator_match match;

    for (int i = 0; vd_address_is_ipv4(first) && i < 256; i++) {
        address.bytes[15] = (uint8_t)i;
        if (vd_indicator_set_match(p->indicators, &address, p->to_ms, &match)) {
            return true;
        }
    }
    return false;
}

static bool is_suspicious(struct proposal *p, const struct vd_address *address)
{
    struct vd_indicator_match match;
    char text[VD_ADDRESS_TEXT_SIZE];

    if (!vd_indicator_set_match(p->indicators, address, p->to_ms, &match)) {
        return false;
    }
    vd_address_format(address, !vd_address_is_ipv4(address), text);
    (void)json_array_append_new(p->suspicious,
        json_pack("{s:s, s:s, s:s}", "address", text, "indicator", match.text, "feed", match.feed));
    return true;
}

/* Addresses of one network: as that if there are many and none of it is bad, or else one by one. */
static void add_network(struct proposal *p, const struct vd_address *list, size_t count)
{
    const size_t known = json_array_size(p->suspicious);
    bool *is_bad = calloc(count, sizeof *is_bad);
    bool as_network;

    if (is_bad == NULL) {
        p->error = VD_E_NOMEM;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        is_bad[i] = is_suspicious(p, &list[i]);
    }
    as_network = count >= NETWORK_MIN && json_array_size(p->suspicious) == known &&
        !network_is_bad(p, &list[0]);
    if (as_network) {
        add_range(p, &list[0], true);
    }
    for (size_t i = 0; i < count && !as_network; i++) {
        if (!is_bad[i]) {
            add_range(p, &list[i], false);
        }
    }
    free(is_bad);
}

/* Network by network. */
static void sum_up(struct proposal *p, const struct vd_address *list, size_t count)
{
    for (size_t i = 0; i < count;) {
        size_t end = i + 1;

        while (end < count && memcmp(&list[i], &list[end], network_bytes(&list[i])) == 0) {
            end++;
        }
        add_network(p, list + i, end - i);
        i = end;
    }
}

/* Those that the list has are not proposed again. */
static int find_added(struct proposal *p)
{
    struct vd_address *list = calloc(json_object_size(p->addresses) + 1, sizeof *list);
    size_t count = 0;
    const char *text;
    json_t *value;

    if (list == NULL) {
        return VD_E_NOMEM;
    }
    json_object_foreach(p->addresses, text, value)
    {
        static const struct vd_address none = {{0}};

        vd_address_read(vd_str_from(text), &list[count]);
        if (memcmp(&list[count], &none, sizeof none) != 0 &&
            !vd_rule_addresses_hold(&p->rules->allowed, &list[count])) {
            count++;
        }
    }
    qsort(list, count, sizeof *list, compare_addresses);
    sum_up(p, list, count);
    free(list);
    return p->error;
}

/* ---- The answer ---- */

static int read_rules(struct proposal *p, char problem[400])
{
    json_t *groups = NULL;
    int error = vd_groups_list(p->api->alerts, p->group, &groups);

    p->properties = json_incref(json_object_get(json_array_get(groups, 0), "properties"));
    json_decref(groups);
    p->properties = p->properties != NULL ? p->properties : json_object();
    return error == VD_OK ? vd_group_rules_read(p->group, p->properties, &p->rules, problem)
                          : error;
}

/* The rules as they are with the list that is proposed. */
static json_t *proposed_document(const struct proposal *p)
{
    json_t *document = vd_group_rules_document(p->properties);
    json_t *rule;
    size_t i;

    json_array_foreach(json_object_get(document, "allowlistRules"), i, rule)
    {
        if (strcmp(json_string_value(json_object_get(rule, "ruleType")), RULE_TYPE) == 0) {
            json_t *values = json_array();

            (void)json_array_extend(values, json_object_get(rule, "allowlistValues"));
            (void)json_array_extend(values, p->added);
            (void)json_object_set_new(rule, "allowlistValues", values);
            (void)json_object_set_new(rule, "isEnabled", json_true());
        }
    }
    return document;
}

static json_t *changes_json(const struct proposal *p)
{
    json_t *changes = json_array();
    json_t *why;

    if (json_array_size(p->added) == 0) {
        return changes;
    }
    why =
        json_sprintf("%zu of %zu devices of the group connected to %zu addresses in %lld days, %s. "
                     "%d or more of one /24 or /64 are proposed as that network.",
            json_object_size(p->seen), json_object_size(p->members), json_object_size(p->addresses),
            (long long)p->days,
            p->rules->allowed.is_enabled ? "and the list lacks these" : "and the rule is off",
            NETWORK_MIN);
    (void)json_array_append_new(changes,
        json_pack("{s:s, s:O, s:[], s:o}", "ruleType", RULE_TYPE, "added", p->added, "removed",
            "why", why));
    return changes;
}

static json_t *proposal_json(const struct proposal *p)
{
    const bool is_changed = json_array_size(p->added) > 0;

    return json_pack("{s:s, s:o, s:o, s:O, s:I, s:I, s:o, s:o, s:b}", "name", p->group,
        "properties", is_changed ? proposed_document(p) : vd_group_rules_document(p->properties),
        "changes", changes_json(p), "suspicious", p->suspicious, "devices",
        (json_int_t)json_object_size(p->seen), "flows", p->flows, "from", vd_api_time(p->from_ms),
        "to", vd_api_time(p->to_ms), "isPartial", (int)p->is_partial);
}

static int propose(struct proposal *p, const struct vd_api_args *args, char problem[400])
{
    int64_t generation = 0;
    int error = read_rules(p, problem);

    if (error == VD_OK) {
        error = vd_feeds_load(p->api->alerts, false, p->to_ms, &generation, &p->indicators);
    }
    if (error == VD_OK) {
        error = vd_fleet_each(p->api->fleet, take_member, p);
    }
    if (error == VD_OK && json_object_size(p->members) > 0) {
        error = read_flows(p, args, problem);
    }
    return error == VD_OK ? find_added(p) : error;
}

void vd_api_group_propose(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    struct proposal p = {.api = api, .group = args->id, .to_ms = vd_clock_utc_ms()};
    char problem[400] = "";
    int error;

    if (!vd_api_param_number(args, "days", DAYS_MAX, DAYS_DEFAULT, &p.days, answer)) {
        return;
    }
    p.from_ms = p.to_ms - p.days * VD_DAY_MS;
    p.members = json_object();
    p.seen = json_object();
    p.addresses = json_object();
    p.added = json_array();
    p.suspicious = json_array();
    error = propose(&p, args, problem);
    if (error == VD_OK) {
        vd_api_reply(answer, 200, proposal_json(&p));
    } else if (problem[0] != '\0') {
        vd_api_fail(answer, error == VD_E_INVALID ? 400 : 503, "ProposalFailed", "%s", problem);
    } else {
        vd_api_fail_error(answer, error, args->id);
    }
    vd_group_rules_free(p.rules);
    json_decref(p.properties);
    json_decref(p.members);
    json_decref(p.seen);
    json_decref(p.addresses);
    json_decref(p.added);
    json_decref(p.suspicious);
    vd_indicator_set_release(p.indicators);
}
