/* SPDX-License-Identifier: MIT */
/* Which alerts can fire now about a device, or a group of devices, and which cannot, and why. */

#include "api/handlers.h"
#include "center/detect/custom_rules.h"
#include "center/detect/login_refused.h"
#include "center/detect/silence.h"
#include "center/detect/ti_connection.h"
#include "center/store/device_states.h"
#include "center/store/feeds.h"
#include "center/store/groups.h"
#include "lib/clock.h"
#include "lib/secret.h"

#define HOUR_MS 3600000LL
/* A clock that is this far off dates its events by the hub's. */
#define CLOCK_OFF_MS  300000LL
#define REASON_SIZE   256
#define DEVICES_SHOWN 1000

/* What is known of one device. */
struct patient {
    const struct vd_api *api;
    struct vd_fleet_device device;
    enum vd_auth_type auth_type;
    struct vd_device_state *state; /* NULL: the center has not heard of it */
    struct vd_group_rules *rules;  /* of its group; NULL: there are none */
    uint64_t indicators;
    int64_t now_ms;
};

/* ---- What is known ---- */

static int read_rules(struct patient *p)
{
    json_t *groups = NULL;
    char problem[256];
    int error = vd_groups_list(p->api->alerts, p->device.group, &groups);

    if (error == VD_OK && json_array_size(groups) > 0) {
        const json_t *group = json_array_get(groups, 0);

        /* Tags name groups exactly. */
        if (strcmp(json_string_value(json_object_get(group, "name")), p->device.group) == 0) {
            error = vd_group_rules_read(
                p->device.group, json_object_get(group, "properties"), &p->rules, problem);
        }
    }
    json_decref(groups);
    return error;
}

static int read_state(struct patient *p)
{
    struct vd_buf body = {0};
    int error = vd_device_state_get(p->api->alerts, p->device.device_id, &body);

    if (error == VD_OK) {
        p->state = vd_device_state_new(vd_str_from(p->device.device_id));
        error = p->state != NULL
            ? vd_device_state_read(p->state, (struct vd_str){(const char *)body.data, body.length})
            : VD_E_NOMEM;
    }
    vd_buf_release(&body);
    return error == VD_E_NOT_FOUND ? VD_OK : error;
}

static int examine(const struct vd_api *api, const char *device_id, struct patient *p)
{
    struct vd_identity identity = {0};
    int error = vd_fleet_get(api->fleet, device_id, &p->device);

    p->api = api;
    p->now_ms = vd_clock_utc_ms();
    if (error == VD_OK) {
        error = vd_registry_get(api->registry, device_id, "", &identity);
        p->auth_type = identity.auth_type;
        vd_secret_wipe(&identity, sizeof identity);
    }
    if (error == VD_OK) {
        error = read_state(p);
    }
    if (error == VD_OK) {
        error = read_rules(p);
    }
    if (error == VD_OK) {
        error = vd_feeds_count(api->alerts, &p->indicators);
    }
    return error;
}

static void release(struct patient *p)
{
    vd_device_state_free(p->state);
    vd_group_rules_free(p->rules);
}

/* ---- What keeps an alert from firing; "" nothing ---- */

/* It must be there, and be heard. */
static bool is_away(const struct patient *p, char *why)
{
    if (!p->device.is_enabled) {
        snprintf(why, REASON_SIZE, "the device is disabled");
    } else if (p->state == NULL || p->state->heard_ms == 0) {
        snprintf(why, REASON_SIZE, "the device has never been heard of");
    } else if (p->state->is_silent) {
        snprintf(why, REASON_SIZE, "the device is silent: not heard of for %lld hours",
            (long long)((p->now_ms - p->state->heard_ms) / HOUR_MS));
    }
    return why[0] != '\0';
}

/* It must report network activity. */
static bool has_no_collector(const struct patient *p, char *why)
{
    if (is_away(p, why)) {
        return true;
    }
    if (p->state->network_ms == 0) {
        snprintf(why, REASON_SIZE,
            "the device has reported no network activity: its security module does not run, or its "
            "collector is off");
    } else if (p->now_ms - p->state->network_ms > 24 * HOUR_MS) {
        snprintf(why, REASON_SIZE, "the device has reported no network activity for %lld hours",
            (long long)((p->now_ms - p->state->network_ms) / HOUR_MS));
    }
    return why[0] != '\0';
}

static void judge_indicators(const struct patient *p, char *why)
{
    if (!has_no_collector(p, why) && p->indicators == 0) {
        snprintf(why, REASON_SIZE, "there are no indicators: add a feed by `vedette intel add`");
    }
}

static void judge_login(const struct patient *p, size_t rule, char *why)
{
    const bool by_token = rule == VD_LOGIN_TOKEN_EXPIRED || rule == VD_LOGIN_SIGNATURE_WRONG;

    if (!p->device.is_enabled) {
        snprintf(why, REASON_SIZE, "the device is disabled: its logins are refused for that");
    } else if (by_token && p->auth_type != VD_AUTH_SAS) {
        snprintf(why, REASON_SIZE, "the device shows a certificate, not a token");
    } else if (!by_token && p->auth_type == VD_AUTH_SAS) {
        snprintf(why, REASON_SIZE, "the device shows a token, not a certificate");
    } else if (rule == VD_LOGIN_THUMBPRINT_MISMATCH && p->auth_type == VD_AUTH_CA) {
        snprintf(
            why, REASON_SIZE, "the device's certificate is judged by its CA, not by a thumbprint");
    }
}

/* The group must have rules, and this one must be on. */
static bool has_no_rule(const struct patient *p, bool is_enabled, char *why)
{
    if (p->rules == NULL && !p->device.has_group_tag) {
        snprintf(why, REASON_SIZE,
            "no tag SecurityGroup on its module's twin%s, and the group default has no rules",
            p->device.has_security_module ? "" : " (it has no security module)");
    } else if (p->rules == NULL) {
        snprintf(why, REASON_SIZE, "its tag names the group %.100s, which has no rules",
            p->device.group);
    } else if (!is_enabled) {
        snprintf(why, REASON_SIZE, "the rule is off in the group %.100s", p->device.group);
    }
    return why[0] != '\0';
}

static void judge_window(const struct patient *p, enum vd_counter counter, char *why)
{
    const struct vd_window_rule *rule = p->rules != NULL ? &p->rules->windows[counter] : NULL;

    if (has_no_rule(p, rule != NULL && rule->is_enabled, why)) {
        return;
    }
    if (!p->device.is_enabled) {
        snprintf(why, REASON_SIZE, "the device is disabled");
    } else if (rule->min == 0 && counter == VD_COUNT_CONNECTIONS && !has_no_collector(p, why) &&
        rule->max >= VD_WINDOW_DISTINCT_MAX) {
        snprintf(why, REASON_SIZE,
            "its maximum is not reached: of a window %d distinct flows are counted, and it has no "
            "minimum",
            VD_WINDOW_DISTINCT_MAX);
    } else if (rule->min == 0 && counter == VD_COUNT_D2C) {
        (void)is_away(p, why);
    }
}

static void judge_list(const struct patient *p, bool is_enabled, char *why)
{
    if (!has_no_rule(p, is_enabled, why)) {
        (void)has_no_collector(p, why);
    }
}

static void judge_silence(const struct patient *p, char *why)
{
    if (p->api->detection.silent_after_ms == 0) {
        snprintf(why, REASON_SIZE, "detection.silent_hours is 0");
    } else if (!p->device.is_enabled) {
        snprintf(why, REASON_SIZE, "the device is disabled");
    } else if (p->state == NULL || p->state->heard_ms == 0) {
        snprintf(why, REASON_SIZE, "the device has never been heard of: it cannot fall silent");
    } else if (p->state->is_silent) {
        snprintf(why, REASON_SIZE, "it is silent already, and was reported");
    }
}

/* Why the rule cannot fire about the device; "" if it can. False: it is not about devices. */
static bool judge(const struct patient *p, const struct vd_rule *rule, char why[REASON_SIZE])
{
    const struct vd_group_rules *rules = p->rules;

    why[0] = '\0';
    if (rule == &vd_rule_ti_connection) {
        judge_indicators(p, why);
    } else if (rule >= vd_rules_login && rule < vd_rules_login + VD_LOGIN_RULES) {
        judge_login(p, (size_t)(rule - vd_rules_login), why);
    } else if (rule >= vd_rules_custom_windows &&
        rule < vd_rules_custom_windows + VD_COUNTERS_END) {
        judge_window(p, (enum vd_counter)(rule - vd_rules_custom_windows), why);
    } else if (rule == &vd_rule_custom_allowed) {
        judge_list(p, rules != NULL && rules->allowed.is_enabled, why);
    } else if (rule == &vd_rule_custom_denied) {
        judge_list(p, rules != NULL && rules->denied.is_enabled, why);
    } else if (rule == &vd_rule_custom_threshold) {
        judge_list(p, rules != NULL && rules->connections_in_report.is_enabled, why);
    } else if (rule == &vd_rule_device_silent) {
        judge_silence(p, why);
    } else {
        return false;
    }
    return true;
}

/* ---- Answers ---- */

static json_t *warnings_of_all(const struct vd_api *api)
{
    json_t *list = json_array();
    struct vd_analytics_stats stats;
    json_t *gone;

    if (api->started_ms == 0) {
        json_array_append_new(
            list, json_string("no service runs: nothing alerts until `vedette serve` does"));
    }
    if (api->analytics != NULL) {
        vd_analytics_stats(api->analytics, &stats);
        gone = vd_api_days_gone(&stats);
        if (gone != NULL) {
            json_array_append_new(list, gone);
        }
    }
    return list;
}

/* What to know before one believes it. */
static json_t *warnings_of(const struct vd_api *api, const struct patient *p)
{
    json_t *list = warnings_of_all(api);
    const struct vd_device_state *state = p->state;

    if (state != NULL && state->clock_measured_ms != 0 &&
        llabs(state->clock_error_ms) > CLOCK_OFF_MS) {
        json_array_append_new(list,
            json_sprintf(
                "its clock is off by %lld seconds: minima of its connections are judged by it",
                (long long)(state->clock_error_ms / 1000)));
    }
    if (!p->device.has_group_tag && p->device.has_security_module) {
        json_array_append_new(list,
            json_string("its module's twin has no tag SecurityGroup: it is in the group default"));
    }
    return list;
}

static json_t *alerts_of(const struct patient *p)
{
    json_t *list = json_array();
    const struct vd_rule *rule;

    for (size_t i = 0; (rule = vd_rule_at(i)) != NULL; i++) {
        char why[REASON_SIZE];

        if (judge(p, rule, why)) {
            json_array_append_new(list,
                json_pack("{s:s, s:s, s:b, s:s}", "alertType", rule->alert_type, "displayName",
                    rule->display_name, "canFire", why[0] == '\0', "why", why));
        }
    }
    return list;
}

static json_t *patient_json(const struct vd_api *api, const struct patient *p)
{
    return json_pack("{s:s, s:s, s:b, s:o, s:o, s:o}", "deviceId", p->device.device_id, "group",
        p->device.group, "isEnabled", p->device.is_enabled, "lastHeard",
        vd_api_time(p->state != NULL ? p->state->heard_ms : 0), "warnings", warnings_of(api, p),
        "alerts", alerts_of(p));
}

void vd_api_doctor_device(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    struct patient patient = {0};
    int error = examine(api, args->id, &patient);

    if (error == VD_OK) {
        vd_api_reply(answer, 200, patient_json(api, &patient));
    } else {
        vd_api_fail_error(answer, error, args->id);
    }
    release(&patient);
}

/* Devices of a group, and for each alert of how many it can fire, with the reasons of the others. */
struct ward {
    const struct vd_api *api;
    const char *group; /* NULL: all */
    json_t *alerts;    /* of the AlertType: {"canFire","cannotFire","why":{reason: devices}} */
    json_int_t devices;
    int error;
};

static void count_reason(json_t *row, const char *why)
{
    const char *name = why[0] == '\0' ? "canFire" : "cannotFire";
    json_t *reasons = json_object_get(row, "why");

    json_object_set_new(
        row, name, json_integer(json_integer_value(json_object_get(row, name)) + 1));
    if (why[0] != '\0') {
        json_object_set_new(
            reasons, why, json_integer(json_integer_value(json_object_get(reasons, why)) + 1));
    }
}

static void add_patient(struct ward *ward, const struct patient *p)
{
    const struct vd_rule *rule;

    for (size_t i = 0; (rule = vd_rule_at(i)) != NULL; i++) {
        char why[REASON_SIZE];
        json_t *row;

        if (!judge(p, rule, why)) {
            continue;
        }
        row = json_object_get(ward->alerts, rule->alert_type);
        if (row == NULL) {
            row = json_pack("{s:s, s:i, s:i, s:{}}", "displayName", rule->display_name, "canFire",
                0, "cannotFire", 0, "why");
            json_object_set_new(ward->alerts, rule->alert_type, row);
        }
        count_reason(row, why);
    }
}

static bool visit(void *context, const struct vd_fleet_device *device)
{
    struct ward *ward = context;
    struct patient patient = {0};

    if (ward->group != NULL && strcmp(device->group, ward->group) != 0) {
        return true;
    }
    ward->error = examine(ward->api, device->device_id, &patient);
    if (ward->error == VD_OK) {
        add_patient(ward, &patient);
        ward->devices++;
    } else if (ward->error == VD_E_NOT_FOUND) {
        ward->error = VD_OK; /* it went meanwhile */
    }
    release(&patient);
    return ward->error == VD_OK && ward->devices < DEVICES_SHOWN;
}

/* Nobody is in it, and nobody has made it. */
static bool is_unknown(const struct ward *ward)
{
    json_t *groups = NULL;
    bool unknown;

    if (ward->group == NULL || ward->devices > 0 || strcmp(ward->group, "default") == 0) {
        return false;
    }
    unknown = vd_groups_list(ward->api->alerts, ward->group, &groups) == VD_OK &&
        json_array_size(groups) == 0;
    json_decref(groups);
    return unknown;
}

void vd_api_doctor_group(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    struct ward ward = {.api = api, .group = vd_api_param(args, "group"), .alerts = json_object()};
    int error = vd_fleet_each(api->fleet, visit, &ward);

    error = error == VD_OK ? ward.error : error;
    if (error != VD_OK) {
        json_decref(ward.alerts);
        vd_api_fail_error(answer, error, "the devices");
        return;
    }
    if (is_unknown(&ward)) {
        json_decref(ward.alerts);
        vd_api_fail(answer, 404, "NotFound",
            "%.200s: no device is in this group, and it has no rules", ward.group);
        return;
    }
    vd_api_reply(answer, 200,
        json_pack("{s:s?, s:I, s:b, s:o, s:o}", "group", ward.group, "devices", ward.devices,
            "isPartial", ward.devices == DEVICES_SHOWN, "warnings", warnings_of_all(api), "alerts",
            ward.alerts));
}
