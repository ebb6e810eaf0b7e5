/* SPDX-License-Identifier: MIT */
/* Custom alerts that count in windows: their texts and their evidence. */

#include <inttypes.h>

#include "center/detect/custom_rules.h"
#include "lib/clock.h"
#include "lib/event.h"
#include "lib/json_text.h"

static const char *const flow_steps[] = {
    "Look at the flows of the window and at their remote addresses: which of them are new for this device?",
    "Compare with other devices of the group: if all changed at once, the cause is likely common (a new firmware, a network that failed).",
    "Too many connections: look for scanning or for a program that should not run. Too few: see whether the device is cut off or its module was stopped.",
    "If the count is right, change the group's rule; a backtest shows what other limits would have done.",
    NULL,
};

static const char *const command_steps[] = {
    "Find out which back end sent the messages, with which policy, and whether it was meant to.",
    "If nobody knows of them, change the keys of the policies that may send, and look at what the device did after each message.",
    "If the count is right, change the group's rule; a backtest shows what other limits would have done.",
    NULL,
};

static const char *const rejected_steps[] = {
    "See whether the device is connected and subscribed to its messages: what it does not take expires, and a queue holds 50.",
    "A device that takes messages without acknowledging them fails on them: look at the message that was delivered most often.",
    "If the count is right, change the group's rule; a backtest shows what other limits would have done.",
    NULL,
};

static const char *const telemetry_steps[] = {
    "Too many: see whether the device repeats itself after errors, was told to send more often, or sends what it should not.",
    "Too few: see whether the device is up, connected, and able to read what it reports.",
    "If the count is right, change the group's rule; a backtest shows what other limits would have done.",
    NULL,
};

static const char *const method_steps[] = {
    "Find out who called the methods, and whether he was meant to: the records name policy and address.",
    "If nobody knows of them, change the keys of the policies that may call, and check what the methods did.",
    "If the count is right, change the group's rule; a backtest shows what other limits would have done.",
    NULL,
};

static const char *const purge_steps[] = {
    "Find out who emptied the queue, and whether commands were lost that the device still needs.",
    "If nobody knows of it, change the keys of the policies that may.",
    NULL,
};

static const char *const twin_steps[] = {
    "Look at what was changed in the twin, and by whom: the device itself, or a back end.",
    "A device that writes its twin over and over may be in a restart loop; a back end may fight with another.",
    "If the count is right, change the group's rule; a backtest shows what other limits would have done.",
    NULL,
};

static const char *const unauthorized_steps[] = {
    "Look at why they were refused (the records say), and from which addresses.",
    "From the device's own address: its credential is wrong or over; give it a new one.",
    "From other addresses: somebody tries the device's identity; consider an IP filter and new keys.",
    NULL,
};

static const char *const no_techniques[] = {NULL};
static const char *const scan_techniques[] = {"T1046", "T0846", NULL};
static const char *const command_techniques[] = {"T0855", NULL};
static const char *const flood_techniques[] = {"T1499", "T0814", NULL};
static const char *const guess_techniques[] = {"T1110", "T0859", NULL};

#define WINDOW_RULE(rule_type, name, steps, ids)                            \
    {                                                                       \
        .alert_type = VD_CUSTOM_ALERT_PREFIX rule_type,                     \
        .display_name = name " is not in allowed range", .severity = "Low", \
        .remediation_steps = steps, .techniques = ids,                      \
    }

const struct vd_rule vd_rules_custom_windows[VD_COUNTERS_END] = {
    [VD_COUNT_CONNECTIONS] = WINDOW_RULE("ActiveConnectionsNotInAllowedRange",
        "Number of active connections", flow_steps, scan_techniques),
    [VD_COUNT_C2D] = WINDOW_RULE("MqttC2DMessagesNotInAllowedRange",
        "Number of cloud to device messages (MQTT protocol)", command_steps, command_techniques),
    [VD_COUNT_C2D_REJECTED] = WINDOW_RULE("MqttC2DRejectedMessagesNotInAllowedRange",
        "Number of rejected cloud to device messages (MQTT protocol)", rejected_steps,
        no_techniques),
    [VD_COUNT_D2C] = WINDOW_RULE("MqttD2CMessagesNotInAllowedRange",
        "Number of device to cloud messages (MQTT protocol)", telemetry_steps, flood_techniques),
    [VD_COUNT_METHODS] = WINDOW_RULE("DirectMethodInvokesNotInAllowedRange",
        "Number of direct method invokes", method_steps, command_techniques),
    [VD_COUNT_PURGES] = WINDOW_RULE("QueuePurgesNotInAllowedRange",
        "Number of command queue purges", purge_steps, no_techniques),
    [VD_COUNT_TWIN_UPDATES] = WINDOW_RULE("TwinUpdatesNotInAllowedRange",
        "Number of updates to twin modules", twin_steps, no_techniques),
    [VD_COUNT_UNAUTHORIZED] = WINDOW_RULE("UnauthorizedOperationsNotInAllowedRange",
        "Number of unauthorized operations", unauthorized_steps, guess_techniques),
};

/* What a description calls the things counted. */
static const char *const nouns[VD_COUNTERS_END] = {
    [VD_COUNT_CONNECTIONS] = "active connections",
    [VD_COUNT_C2D] = "messages from the cloud",
    [VD_COUNT_C2D_REJECTED] = "messages from the cloud that were given up",
    [VD_COUNT_D2C] = "messages to the cloud",
    [VD_COUNT_METHODS] = "method calls",
    [VD_COUNT_PURGES] = "purges of its command queue",
    [VD_COUNT_TWIN_UPDATES] = "updates of its twins",
    [VD_COUNT_UNAUTHORIZED] = "unauthorized operations",
};

/* "5 minutes", "day". */
static void put_length(struct vd_buf *out, int64_t ms)
{
    static const struct {
        int64_t ms;
        const char *name;
    } units[] = {{86400000, "day"}, {3600000, "hour"}, {60000, "minute"}, {1000, "second"}};
    size_t i = 0;

    while (i < 3 && ms % units[i].ms != 0) {
        i++;
    }
    if (ms != units[i].ms) {
        vd_buf_printf(out, "%" PRId64 " %ss", ms / units[i].ms, units[i].name);
    } else {
        vd_buf_append_text(out, units[i].name);
    }
}

static void describe(struct vd_buf *out, const struct vd_device_state *state,
    const struct vd_window *window, const char *start)
{
    const struct vd_window_rule *rule = &state->rules->windows[window->counter];
    const bool is_over = window->count > rule->max;

    if (!is_over && rule->min == 1) {
        vd_buf_printf(out, "Device %s had no %s in the ", state->device_id, nouns[window->counter]);
    } else {
        vd_buf_printf(out, "Device %s had %s than %" PRIu32 " %s in the ", state->device_id,
            is_over ? "more" : "fewer", is_over ? rule->max : rule->min, nouns[window->counter]);
    }
    put_length(out, rule->window_ms);
    vd_buf_printf(out, " from %s. The rule of its group %s allows %" PRIu32 " to %" PRIu32 ".",
        start, state->group, rule->min, rule->max);
    if (window->count == 0 && rule->min > 1) {
        vd_buf_append_text(out, " There was none.");
    }
}

static void put_samples(
    struct vd_buf *out, const struct vd_window *window, const char *log_epoch, bool events)
{
    const uint32_t count =
        window->sampled < VD_WINDOW_SAMPLES ? window->sampled : VD_WINDOW_SAMPLES;
    bool is_first = true;

    vd_buf_printf(out, ",\"%s\":[", events ? "rawEventIds" : "recordIds");
    for (uint32_t i = 0; i < count; i++) {
        const struct vd_counted *sample =
            &window->samples[(window->sampled - count + i) % VD_WINDOW_SAMPLES];
        char id[VD_UUID_TEXT_SIZE > VD_RECORD_ID_SIZE ? VD_UUID_TEXT_SIZE : VD_RECORD_ID_SIZE];

        if (sample->is_event != events) {
            continue;
        }
        if (events) {
            vd_uuid_format(&sample->event_id, id);
        } else {
            vd_record_id_format(log_epoch, sample->offset, id);
        }
        vd_buf_printf(out, "%s\"%s\"", is_first ? "" : ",", id);
        is_first = false;
    }
    vd_buf_append(out, "]", 1);
}

static void write_evidence(struct vd_buf *out, const struct vd_device_state *state,
    const struct vd_window *window, const char *log_epoch, const char *start, const char *end)
{
    const struct vd_window_rule *rule = &state->rules->windows[window->counter];

    vd_buf_append(out, "{", 1);
    vd_json_append_text_member(out, "windowStart", vd_str_from(start));
    vd_json_append_text_member(out, "windowEnd", vd_str_from(end));
    vd_json_append_text_member(out, "group", vd_str_from(state->group));
    vd_json_append_number_member(out, "count", window->count);
    vd_json_append_number_member(out, "minimum", rule->min);
    vd_json_append_number_member(out, "maximum", rule->max);
    if (window->is_partial) {
        vd_buf_append_text(out, ",\"isAtLeast\":true");
    }
    put_samples(out, window, log_epoch, window->counter == VD_COUNT_CONNECTIONS);
    vd_buf_append(out, "}", 1);
}

/* A window that is left early was last seen when it was last counted in, not at its end to come. */
static int64_t last_seen(const struct vd_window_rule *rule, const struct vd_window *window)
{
    const int64_t end_ms = (window->index + 1) * rule->window_ms - 1;
    const bool is_early = window->count > rule->max && window->touched_ms < end_ms;

    return is_early ? window->touched_ms : end_ms;
}

int vd_custom_window_report(const struct vd_device_state *state, const struct vd_window *window,
    const char *log_epoch, bool is_update, struct vd_findings *findings)
{
    const struct vd_window_rule *rule = &state->rules->windows[window->counter];
    struct vd_finding finding = {
        .rule = &vd_rules_custom_windows[window->counter],
        .device_id = vd_str_from(state->device_id),
        .start_ms = window->index * rule->window_ms,
        .end_ms = last_seen(rule, window),
        .cause = vd_str_from(state->group),
        .is_update = is_update,
    };
    struct vd_buf description = {0};
    struct vd_buf evidence = {0};
    char start[VD_TIME_TEXT_SIZE];
    char end[VD_TIME_TEXT_SIZE];
    int error;

    finding.evidence_key = finding.start_ms;
    finding.day_ms = finding.start_ms;
    vd_time_format(finding.start_ms, start);
    vd_time_format(finding.start_ms + rule->window_ms, end);
    snprintf(finding.subject, sizeof finding.subject, "%s", state->group);
    describe(&description, state, window, start);
    write_evidence(&evidence, state, window, log_epoch, start, end);
    finding.description = (struct vd_str){(const char *)description.data, description.length};
    finding.evidence = (struct vd_str){(const char *)evidence.data, evidence.length};
    error = description.error != VD_OK ? description.error : evidence.error;
    if (error == VD_OK) {
        error = vd_findings_add(findings, &finding);
    }
    vd_buf_release(&description);
    vd_buf_release(&evidence);
    return error;
}
