/* SPDX-License-Identifier: MIT */
/* Four recommendations: shared credentials, the IP filter's end and its ranges, and exports of logs. */

#include "center/recommend/recommend.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const shared_steps[] = {
    "Give each of the identities a credential of its own: whoever has one of them can be all of them now.",
    "See how they came to share it: a key in a firmware image is in every device that runs it.",
    NULL,
};
static const char *const deny_steps[] = {
    "List the networks that devices and back ends come from, and accept these.",
    "Then have everything else refused: networkRuleSets with the default action Deny. A last rule that rejects 0.0.0.0/0 leaves IPv6 open.",
    NULL,
};
static const char *const range_steps[] = {
    "Replace the range by the networks that are needed.",
    "If it is needed as it is, raise recommendation.large_range_prefix in the configuration.",
    NULL,
};
static const char *const logs_steps[] = {
    "Make a diagnostic setting that exports at least Connections and DeviceIdentityOperations, to a webhook or to a file.",
    "See that the records reach another machine: a webhook of one, or something that ships the file there. Else who takes this "
    "machine takes its logs too.",
    NULL,
};

enum {
    SHARED_CREDENTIALS,
    FILTER_DENY_ALL,
    FILTER_LARGE_RANGE,
    DIAGNOSTIC_LOGS,
};

static const struct vd_recommendation rows[VD_RECOMMENDATIONS] = {
    [SHARED_CREDENTIALS] = {"IoT_SharedCredentials",
        "Identical authentication credentials used by multiple devices", "High", shared_steps},
    [FILTER_DENY_ALL] = {"IoT_IPFilter_DenyAll", "Default IP filter policy should be deny",
        "Medium", deny_steps},
    [FILTER_LARGE_RANGE] = {"IoT_IPFilter_PermissiveRule",
        "IP filter rule includes a large IP range", "Medium", range_steps},
    [DIAGNOSTIC_LOGS] = {"IoT_DiagnosticLogs", "Enable diagnostics logs in IoT Hub", "Low",
        logs_steps},
};

const struct vd_recommendation *vd_recommendation_at(size_t i)
{
    return i < VD_RECOMMENDATIONS ? &rows[i] : NULL;
}

static void judge_shared(const struct vd_posture *posture, struct vd_recommendation_state *state)
{
    state->is_active = posture->shared_groups > 0;
    state->resource_count = posture->shared_groups;
    state->unhealthy_devices = posture->devices;
    if (json_array_extend(state->resources, posture->shared) != 0) {
        json_decref(state->resources);
        state->resources = NULL;
    }
    if (state->is_active) {
        snprintf(state->description, sizeof state->description,
            "%" PRIu64 " of %" PRIu64
            " device%s a key or a certificate with another identity: %" PRIu64
            " credential%s used more than once.",
            posture->devices, posture->devices_total,
            posture->devices_total == 1 ? " shares" : "s share", posture->shared_groups,
            posture->shared_groups == 1 ? " is" : "s are");
    } else if (posture->devices_total == 1) {
        snprintf(state->description, sizeof state->description,
            "The only device has credentials of its own.");
    } else {
        snprintf(state->description, sizeof state->description,
            "Each of %" PRIu64 " devices has credentials of its own.", posture->devices_total);
    }
}

static void judge_deny_all(const struct vd_posture *posture, struct vd_recommendation_state *state)
{
    state->is_active = !posture->refuses_rest_ipv4 || !posture->refuses_rest_ipv6;
    if (state->is_active) {
        snprintf(state->description, sizeof state->description, "%s",
            !posture->has_filter ? "The hub has no IP filter: it can be reached from every address."
                : posture->refuses_rest_ipv4
                ? "The hub's IP filter refuses every IPv4 address that no rule accepts, but accepts all of IPv6: its rules name IPv4 only."
                : "The hub's IP filter accepts every address that no rule names.");
        json_array_append_new(state->resources, json_pack("{s:s}", "property", "ipFilterRules"));
        state->resource_count = 1;
    } else {
        snprintf(state->description, sizeof state->description,
            "What no rule of the IP filter names is refused.");
    }
}

static void judge_ranges(const struct vd_posture *posture,
    const struct vd_recommend_settings *settings, struct vd_recommendation_state *state)
{
    json_int_t widest = 32;

    for (size_t i = 0; i < json_array_size(posture->accepted); i++) {
        json_t *rule = json_array_get(posture->accepted, i);
        const json_int_t prefix = json_integer_value(json_object_get(rule, "prefix"));

        if (prefix <= settings->large_range_prefix) {
            json_array_append(state->resources, rule);
            state->resource_count++;
            widest = prefix >= 0 && prefix < widest ? prefix : widest;
        }
    }
    state->is_active = state->resource_count > 0;
    if (state->is_active) {
        snprintf(state->description, sizeof state->description,
            "%" PRIu64
            " accept rule%s of the IP filter cover%s a /%u or more; the widest covers %" PRIu64
            " addresses (/%" JSON_INTEGER_FORMAT ").",
            state->resource_count, state->resource_count == 1 ? "" : "s",
            state->resource_count == 1 ? "s" : "", settings->large_range_prefix,
            (uint64_t)1 << (32 - widest), widest);
    } else {
        snprintf(state->description, sizeof state->description,
            "No accept rule of the IP filter covers a /%u or more.", settings->large_range_prefix);
    }
}

static void judge_logs(const struct vd_posture *posture, struct vd_recommendation_state *state)
{
    state->is_active = !posture->exports_logs;
    if (state->is_active) {
        snprintf(state->description, sizeof state->description, "%s",
            json_array_size(posture->settings) == 0
                ? "There is no diagnostic setting: the hub's logs are on this machine only."
                : "No diagnostic setting exports a category of the hub's logs to anywhere.");
        json_array_append_new(
            state->resources, json_pack("{s:s}", "property", "diagnosticSettings"));
        state->resource_count = 1;
    } else {
        snprintf(state->description, sizeof state->description, "The hub's logs are exported.");
    }
}

static bool is_disabled(const struct vd_posture *posture, const char *type)
{
    for (size_t i = 0; i < json_array_size(posture->disabled); i++) {
        const char *text = json_string_value(json_array_get(posture->disabled, i));

        if (text != NULL && strcmp(text, type) == 0) {
            return true;
        }
    }
    return false;
}

/* Whoever switched it off does not want to hear of it, and it says so. */
static void switch_off(
    const struct vd_posture *posture, struct vd_recommendation_state state[VD_RECOMMENDATIONS])
{
    for (size_t i = 0; i < VD_RECOMMENDATIONS; i++) {
        if (is_disabled(posture, rows[i].type)) {
            json_array_clear(state[i].resources);
            state[i].is_active = false;
            state[i].resource_count = 0;
            state[i].unhealthy_devices = 0;
            snprintf(state[i].description, sizeof state[i].description,
                "Switched off by recommendationsConfiguration of the security solution.");
        }
    }
}

int vd_recommend(const struct vd_posture *posture, const struct vd_recommend_settings *settings,
    struct vd_recommendation_state state[VD_RECOMMENDATIONS])
{
    bool failed = false;

    for (size_t i = 0; i < VD_RECOMMENDATIONS; i++) {
        state[i] = (struct vd_recommendation_state){.resources = json_array()};
        failed = failed || state[i].resources == NULL;
    }
    if (!failed) {
        judge_shared(posture, &state[SHARED_CREDENTIALS]);
        judge_deny_all(posture, &state[FILTER_DENY_ALL]);
        judge_ranges(posture, settings, &state[FILTER_LARGE_RANGE]);
        judge_logs(posture, &state[DIAGNOSTIC_LOGS]);
    }
    for (size_t i = 0; i < VD_RECOMMENDATIONS; i++) {
        failed = failed || state[i].resources == NULL;
    }
    if (!failed) {
        switch_off(posture, state);
    }
    for (size_t i = 0; failed && i < VD_RECOMMENDATIONS; i++) {
        json_decref(state[i].resources);
        state[i].resources = NULL;
    }
    return failed ? VD_E_NOMEM : VD_OK;
}
