/* SPDX-License-Identifier: MIT */
/* Looks through the devices once a minute for those that fell silent. */

#include "center/detect/silence.h"

#include <inttypes.h>
#include <stdlib.h>

#include "center/detect/engine_internal.h"
#include "lib/clock.h"
#include "lib/json_text.h"

static const char *const steps[] = {
    "See whether the device has power and a network: others behind the same address are the quickest hint.",
    "See whether it tries to connect and is refused: its refused logins, and what it can alert about, are shown by `vedette doctor`.",
    "If it was taken out of service, disable or delete its identity.",
    NULL,
};

/* Service Stop; ICS: Denial of Service, Device Restart/Shutdown. */
static const char *const techniques[] = {"T1489", "T0814", "T0816", NULL};

const struct vd_rule vd_rule_device_silent = {
    .alert_type = "IoT_DeviceSilent",
    .display_name = "Device silent",
    .severity = "Low",
    .remediation_steps = steps,
    .techniques = techniques,
};

static int64_t quiet_for(const struct vd_engine *engine, const struct vd_device_state *state)
{
    return engine->observed_ms - state->heard_observed;
}

static bool may_be_silent(const struct vd_device_state *state)
{
    return state->heard_ms != 0 && (state->is_enabled || !state->is_known) && !state->is_gone;
}

static bool falls_silent(const struct vd_engine *engine, const struct vd_device_state *state)
{
    return may_be_silent(state) && !state->is_silent &&
        quiet_for(engine, state) >= engine->settings.silent_after_ms;
}

static bool has_address(const struct vd_device_state *state)
{
    static const struct vd_address none = {{0}};

    return memcmp(&state->heard_address, &none, sizeof none) != 0;
}

/* Whether those behind its address went silent together with it, and how many of how many. */
static bool is_shared(const struct vd_engine *engine, const struct vd_device_state *state,
    uint32_t *silent, uint32_t *all)
{
    *silent = 0;
    *all = 0;
    for (size_t i = 0; i < engine->states.size && has_address(state); i++) {
        const struct vd_device_state *other = engine->states.slots[i];

        if (other == NULL || !may_be_silent(other) ||
            memcmp(&other->heard_address, &state->heard_address, sizeof(struct vd_address)) != 0) {
            continue;
        }
        ++*all;
        if (llabs(other->heard_observed - state->heard_observed) <= VD_SILENCE_TOGETHER_MS &&
            quiet_for(engine, other) >= engine->settings.silent_after_ms - VD_SILENCE_TOGETHER_MS) {
            ++*silent;
        }
    }
    return *silent >= VD_SILENCE_GROUP_MIN && *silent * 2 > *all;
}

static void put_hours(struct vd_buf *out, int64_t ms)
{
    if (ms >= 2 * 3600000LL) {
        vd_buf_printf(out, "%" PRId64 " hours", ms / 3600000);
    } else {
        vd_buf_printf(out, "%" PRId64 " minutes", ms / 60000);
    }
}

static void write_evidence(
    struct vd_buf *out, const struct vd_device_state *state, const char *heard, const char *address)
{
    char time[VD_TIME_TEXT_SIZE];

    vd_buf_append(out, "{", 1);
    vd_json_append_text_member(out, "deviceId", vd_str_from(state->device_id));
    vd_json_append_text_member(out, "lastHeard", vd_str_from(heard));
    if (address[0] != '\0') {
        vd_json_append_text_member(out, "address", vd_str_from(address));
    }
    if (state->connected_ms != 0) {
        vd_time_format(state->connected_ms, time);
        vd_json_append_text_member(out, "lastConnected", vd_str_from(time));
    }
    vd_buf_append(out, "}", 1);
}

static void describe(struct vd_buf *out, const struct vd_engine *engine,
    const struct vd_device_state *state, const char *heard, const char *address)
{
    uint32_t silent;
    uint32_t all;

    if (is_shared(engine, state, &silent, &all)) {
        vd_buf_printf(out,
            "%" PRIu32 " of %" PRIu32
            " devices behind %s fell silent within an hour, about %s. One cause is "
            "likely: their gateway, their network or their power.",
            silent, all, address, heard);
        return;
    }
    vd_buf_printf(out, "Device %s has sent nothing for ", state->device_id);
    put_hours(out, quiet_for(engine, state));
    vd_buf_printf(out, ". It was last heard of at %s%s%s.", heard,
        address[0] != '\0' ? ", from " : "", address);
}

static int report(
    struct vd_engine *engine, struct vd_device_state *state, struct vd_findings *findings)
{
    struct vd_finding finding = {
        .rule = &vd_rule_device_silent,
        .start_ms = state->heard_ms,
        .end_ms = engine->now_ms,
    };
    struct vd_buf description = {0};
    struct vd_buf evidence = {0};
    char heard[VD_TIME_TEXT_SIZE];
    char address[VD_ADDRESS_TEXT_SIZE] = "";
    uint32_t silent;
    uint32_t all;
    int error;

    vd_time_format(state->heard_ms, heard);
    if (has_address(state)) {
        vd_address_format(
            &state->heard_address, !vd_address_is_ipv4(&state->heard_address), address);
    }
    if (is_shared(engine, state, &silent, &all)) {
        snprintf(finding.subject, sizeof finding.subject, "%s", address);
    } else {
        finding.device_id = vd_str_from(state->device_id);
    }
    finding.cause = vd_str_from(address);
    describe(&description, engine, state, heard, address);
    write_evidence(&evidence, state, heard, address);
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

int vd_engine_judge_silence(struct vd_engine *engine, struct vd_findings *findings)
{
    if (engine->settings.silent_after_ms == 0) {
        return VD_OK;
    }
    for (size_t i = 0; i < engine->states.size; i++) {
        struct vd_device_state *state = engine->states.slots[i];
        int error;

        if (state == NULL || !falls_silent(engine, state)) {
            continue;
        }
        error = report(engine, state, findings);
        if (error == VD_OK) {
            state->is_silent = true;
            error = vd_device_states_touch(&engine->states, state);
        }
        if (error != VD_OK) {
            return error;
        }
    }
    return VD_OK;
}
