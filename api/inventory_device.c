/* SPDX-License-Identifier: MIT */
/* One device for its page: who it is, what it is and why, its versions and its coverage; no credentials. */

#include <stdlib.h>

#include "api/handlers.h"
#include "api/inventory.h"
#include "center/detect/address_text.h"
#include "center/detect/login_refused.h"
#include "center/detect/presence.h"
#include "center/query.h"
#include "center/store/coverage.h"
#include "center/store/groups.h"
#include "center/store/recommendations.h"
#include "center/stored_flow.h"
#include "lib/clock.h"
#include "lib/secret.h"

#define DAYS         7
#define TIMEOUT_MS   5000
#define CLOCK_OFF_MS 300000

/* What is known of one device. */
struct subject {
    const struct vd_api *api;
    const struct vd_api_args *args;
    struct vd_identity identity; /* its keys are wiped as soon as it is read */
    struct vd_fleet_device member;
    struct vd_device_state *state; /* all zero where the center has none */
    enum vd_presence presence;
    bool group_has_rules;
    int64_t open[VD_OPEN_SEVERITIES];
    int64_t missed_packets;  /* of the last day, as far as is known */
    json_t *recommendations; /* that name it */
    int64_t now_ms;
};

/* ---- Reading ---- */

static int read_state(struct subject *s)
{
    struct vd_buf body = {0};
    int error = vd_device_state_get(s->api->alerts, s->identity.device_id, &body);

    s->state = vd_device_state_new(vd_str_from(s->identity.device_id));
    if (s->state == NULL) {
        error = VD_E_NOMEM;
    } else if (error == VD_OK) {
        error =
            vd_device_state_read(s->state, (struct vd_str){(const char *)body.data, body.length});
    }
    vd_buf_release(&body);
    if (error == VD_E_NOT_FOUND || error == VD_E_CORRUPT) { /* the center is yet to hear of it */
        error = VD_OK;
    }
    if (error == VD_OK) { /* what the registry says of it holds at once */
        s->state->is_known = true;
        s->state->is_enabled = s->identity.enabled;
        s->presence = vd_device_presence(s->state, s->api->detection.hub_started_ms);
    }
    return error;
}

static int read_group(struct subject *s)
{
    json_t *groups = NULL;
    int error = vd_fleet_get(s->api->fleet, s->identity.device_id, &s->member);

    if (error == VD_E_NOT_FOUND) { /* nobody knows of groups */
        error = vd_text_copy(s->state->group, s->member.group, sizeof s->member.group);
    }
    if (error == VD_OK) {
        error = vd_groups_list(s->api->alerts, s->member.group, &groups);
    }
    s->group_has_rules = json_array_size(groups) > 0;
    json_decref(groups);
    return error;
}

/* "device", or "device/module". */
static bool is_of_device(const char *identity, const char *device_id)
{
    const size_t length = strlen(device_id);

    return strncmp(identity, device_id, length) == 0 &&
        (identity[length] == '\0' || identity[length] == '/');
}

static bool names_device(const json_t *recommendation, const char *device_id)
{
    const json_t *resource;
    const json_t *identity;
    size_t i;
    size_t k;

    json_array_foreach(json_object_get(recommendation, "resources"), i, resource)
    {
        json_array_foreach(json_object_get(resource, "identities"), k, identity)
        {
            if (is_of_device(json_string_value(identity), device_id)) {
                return true;
            }
        }
    }
    return false;
}

static int read_recommendations(struct subject *s)
{
    json_t *list = NULL;
    const int error = vd_recommendations_list(s->api->alerts, &list);
    json_t *one;
    size_t i;

    s->recommendations = json_array();
    json_array_foreach(list, i, one)
    {
        if (strcmp(json_string_value(json_object_get(one, "state")), "Active") == 0 &&
            names_device(one, s->identity.device_id)) {
            (void)json_array_append_new(s->recommendations,
                json_pack("{s:O, s:O, s:O}", "type", json_object_get(one, "type"), "displayName",
                    json_object_get(one, "displayName"), "severity",
                    json_object_get(one, "severity")));
        }
    }
    json_decref(list);
    return error;
}

static int read_losses(struct subject *s)
{
    json_t *losses = NULL;
    const int error = vd_coverage_losses(s->api->alerts,
        s->now_ms / VD_HOUR_MS - VD_COVERAGE_LOSS_HOURS + 1, s->identity.device_id, 1, &losses);

    s->missed_packets =
        json_integer_value(json_object_get(json_array_get(losses, 0), "missedPackets"));
    json_decref(losses);
    return error;
}

static int read_subject(struct subject *s, const char *device_id)
{
    int error = vd_registry_get(s->api->registry, device_id, "", &s->identity);

    vd_secret_wipe(&s->identity.primary_key, sizeof s->identity.primary_key);
    vd_secret_wipe(&s->identity.secondary_key, sizeof s->identity.secondary_key);
    if (error == VD_OK) {
        error = read_state(s);
    }
    if (error == VD_OK) {
        error = read_group(s);
    }
    if (error == VD_OK) {
        error = read_recommendations(s);
    }
    if (error == VD_OK) {
        error = read_losses(s);
    }
    return error == VD_OK ? vd_inventory_open(s->api->alerts, device_id, s->open) : error;
}

/* ---- Why it is what it is ---- */

static void add_reason(json_t *reasons, json_t *text)
{
    (void)json_array_append_new(reasons, text);
}

static json_t *refused_text(const struct vd_device_state *state)
{
    char time[VD_TIME_TEXT_SIZE];
    char address[VD_ADDRESS_TEXT_SIZE];

    vd_time_format(state->refused_ms, time);
    vd_address_show(&state->refused_address, true, address);
    return json_sprintf("Its last login, at %s from %s, was refused: it came %s.%s", time,
        address[0] != '\0' ? address : "an unknown address",
        vd_login_says((enum vd_login_fault)state->refused_for),
        state->is_refused_copy ? " It looked like a copy of the device's credential." : "");
}

static void add_presence(const struct subject *s, json_t *reasons)
{
    char time[VD_TIME_TEXT_SIZE];

    switch (s->presence) {
    case VD_PRESENCE_DISABLED:
        add_reason(reasons,
            json_sprintf("It is disabled%s%s.", s->identity.status_reason[0] != '\0' ? ": " : "",
                s->identity.status_reason));
        break;
    case VD_PRESENCE_REFUSED:
        add_reason(reasons, refused_text(s->state));
        break;
    case VD_PRESENCE_NEVER:
        add_reason(reasons, json_string("It has never been heard of."));
        break;
    case VD_PRESENCE_SILENT:
        vd_time_format(s->state->heard_ms, time);
        add_reason(reasons, json_sprintf("Nothing has been heard of it since %s.", time));
        break;
    case VD_PRESENCE_LATE:
        vd_time_format(s->state->message_ms, time);
        add_reason(reasons,
            json_sprintf("Its last message came at %s; its longest usual pause is %lld s.", time,
                (long long)((s->state->pace_ms + 999) / 1000)));
        break;
    case VD_PRESENCE_REPORTING:
    case VD_PRESENCES_END:
        break;
    }
}

static json_t *reasons_json(const struct subject *s)
{
    const struct vd_device_state *state = s->state;
    json_t *reasons = json_array();

    add_presence(s, reasons);
    if (state->clock_measured_ms != 0 && llabs(state->clock_error_ms) > CLOCK_OFF_MS) {
        add_reason(reasons,
            json_sprintf("Its clock is %lld s %s.", llabs(state->clock_error_ms) / 1000,
                state->clock_error_ms > 0 ? "ahead" : "behind"));
    }
    if (state->heard_ms != 0 && state->network_ms == 0) {
        add_reason(reasons, json_string("It has reported no network activity."));
    }
    if (s->missed_packets > 0) {
        add_reason(reasons,
            json_sprintf("%lld packet%s that it saw in the last 24 hours %s in no report: nobody "
                         "knows what %s.",
                (long long)s->missed_packets, s->missed_packets == 1 ? "" : "s",
                s->missed_packets == 1 ? "is" : "are",
                s->missed_packets == 1 ? "it was" : "they were"));
    }
    if (!s->group_has_rules) {
        add_reason(reasons, json_sprintf("Its group %s has no rules.", s->member.group));
    }
    return reasons;
}

static json_t *refused_json(const struct vd_device_state *state)
{
    char address[VD_ADDRESS_TEXT_SIZE];

    if (state->refused_ms == 0) {
        return json_null();
    }
    vd_address_show(&state->refused_address, true, address);
    return json_pack("{s:o, s:s, s:o, s:s?, s:b}", "time", vd_api_time(state->refused_ms), "reason",
        vd_login_reason((enum vd_login_fault)state->refused_for), "text",
        json_sprintf("it came %s", vd_login_says((enum vd_login_fault)state->refused_for)),
        "address", address[0] != '\0' ? address : NULL, "looksCopied", (int)state->is_refused_copy);
}

/* ---- What its events say ---- */

/* The rows, the caller's; NULL: it could not be answered. */
static json_t *query_rows(const struct subject *s, const char *text)
{
    const struct vd_kql_parameter device = {
        VD_STR_LITERAL("device"), vd_str_from(s->identity.device_id)};
    const struct vd_query query = {
        .text = vd_str_from(text),
        .now_ms = s->now_ms,
        .from_ms = ((int64_t)vd_time_day(s->now_ms) - DAYS + 1) * VD_DAY_MS,
        .to_ms = s->now_ms + VD_DAY_MS,
        .limits =
            {
                .timeout_ms = TIMEOUT_MS,
                .is_unwanted = s->args->is_gone,
                .token = s->args->caller->token,
            },
        .parameters = &device,
        .parameter_count = 1,
    };
    struct vd_query_problem problem;
    json_t *result = NULL;
    json_t *rows = NULL;

    if (s->api->analytics != NULL &&
        vd_query_run(s->api->analytics, &query, &result, &problem) == VD_OK) {
        rows = json_incref(json_object_get(result, "rows"));
    }
    json_decref(result);
    return rows;
}

/* Rows of (name, time, module, details), one a name. */
static json_t *versions_json(const struct subject *s)
{
    static const char text[] =
        "declare query_parameters(device:string);"
        "SecurityIoTRawEvent | where DeviceId == device"
        " and RawEventName in ('SystemInformation', 'Heartbeat', 'Ledger')"
        "| summarize arg_max(TimeStamp, AgentVersion, EventDetails) by RawEventName"
        "| project RawEventName, TimeStamp, AgentVersion, EventDetails | order by TimeStamp asc";
    json_t *rows = query_rows(s, text);
    json_t *versions = NULL;
    const json_t *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        versions = versions != NULL
            ? versions
            : json_pack("{s:n, s:n, s:n, s:n}", "module", "os", "hardware", "time");
        (void)json_object_set(versions, "module", json_array_get(row, 2));
        if (strcmp(vd_row_text(row, 0), "SystemInformation") == 0) {
            json_t *details = json_loads(vd_row_text(row, 3), 0, NULL);
            json_t *info = json_object_get(details, "OSInfo");
            json_t *os = info != NULL ? info : json_object_get(details, "OSName");
            json_t *hardware = json_object_get(details, "HardwareInfo");

            (void)json_object_set(versions, "os", os != NULL ? os : json_null());
            (void)json_object_set(versions, "hardware", hardware != NULL ? hardware : json_null());
            (void)json_object_set(versions, "time", json_array_get(row, 1));
            json_decref(details);
        }
    }
    json_decref(rows);
    return versions != NULL ? versions : json_null();
}

static int64_t number_at(const json_t *row, size_t i)
{
    return (int64_t)json_integer_value(json_array_get(row, i));
}

/* Null where raw events are not stored now: there is nothing to tell by. */
static json_t *coverage_json(const struct subject *s)
{
    static const char text[] =
        "declare query_parameters(device:string);"
        "SecurityIoTRawEvent | where DeviceId == device and RawEventName == 'Ledger'"
        "| extend d = parse_json(EventDetails)"
        "| summarize sum(tolong(d.PacketsCounted)), sum(tolong(d.PacketsOverflowed)),"
        " sum(tolong(d.PacketsMalformed)), sum(tolong(d.PacketsGivenUp)),"
        " sum(tolong(d.PacketsWithheld)) by Day = bin(TimeGenerated, 1d) | order by Day asc";
    json_t *rows = query_rows(s, text);
    json_t *days = rows != NULL ? json_array() : json_null();
    const json_t *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        const struct vd_coverage sum = {.counted = number_at(row, 1),
            .overflowed = number_at(row, 2),
            .malformed = number_at(row, 3),
            .given_up = number_at(row, 4),
            .withheld = number_at(row, 5)};
        char day[VD_TIME_TEXT_SIZE];

        vd_day_format(vd_time_day(vd_row_ms(row, 0)), day);
        (void)json_array_append_new(days,
            json_pack("{s:s, s:I, s:I, s:I, s:o}", "day", day, "countedPackets",
                (json_int_t)sum.counted, "reportedPackets", (json_int_t)vd_coverage_reported(&sum),
                "missedPackets", (json_int_t)vd_coverage_missed(&sum), "share",
                vd_api_share(&sum)));
    }
    json_decref(rows);
    return days;
}

/* ---- The answer ---- */

static json_t *subject_json(const struct subject *s)
{
    const struct vd_device_state *state = s->state;
    struct vd_inventory_row row = {
        .device_id = s->identity.device_id, .group = s->member.group, .presence = s->presence};
    char address[VD_ADDRESS_TEXT_SIZE];
    json_t *json;
    json_t *more;

    memcpy(row.open, s->open, sizeof row.open);
    json = vd_api_inventory_row(s->api, &row, state);
    vd_address_show(&state->connected_address, true, address);
    more = json_pack(
        "{s:s, s:o, s:s, s:b, s:b, s:b, s:o, s:o, s:o, s:o, s:s?, s:o, s:o, s:o, s:o, s:o, s:o, s:O}",
        "generationId", s->identity.generation_id, "createdTime",
        vd_api_time(s->identity.created_ms), "statusReason", s->identity.status_reason,
        "hasSecurityModule", (int)s->member.has_security_module, "hasGroupTag",
        (int)s->member.has_group_tag, "groupHasRules", (int)s->group_has_rules, "reasons",
        reasons_json(s), "connectedSince",
        json_is_true(json_object_get(json, "isConnected")) ? vd_api_time(state->connected_ms)
                                                           : json_null(),
        "lastConnected", vd_api_time(state->connected_ms), "lastDisconnected",
        vd_api_time(state->left_ms), "connectedAddress", address[0] != '\0' ? address : NULL,
        "lastMessage", vd_api_time(state->message_ms), "lastNetworkActivity",
        vd_api_time(state->network_ms), "clockMeasured", vd_api_time(state->clock_measured_ms),
        "refused", refused_json(state), "versions", versions_json(s), "coverage", coverage_json(s),
        "recommendations", s->recommendations);
    if (more == NULL || json_object_update(json, more) != 0) {
        json_decref(json);
        json = NULL;
    }
    json_decref(more);
    return json;
}

void vd_api_inventory_get(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    struct subject subject = {.api = api, .args = args, .now_ms = vd_clock_utc_ms()};
    const int error = read_subject(&subject, args->id);

    if (error == VD_OK) {
        vd_api_reply(answer, 200, subject_json(&subject));
    } else {
        vd_api_fail_error(answer, error, args->id);
    }
    json_decref(subject.recommendations);
    vd_device_state_free(subject.state);
}
