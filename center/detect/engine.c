/* SPDX-License-Identifier: MIT */
/* Takes observations to the rules and to the state of their device. */

#include <stdlib.h>

#include "center/detect/address_text.h"
#include "center/detect/engine_internal.h"
#include "center/detect/login_refused.h"
#include "center/detect/presence.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/secret.h"

#define MINUTE_MS     60000
#define HOUR_MS       3600000
#define CLOCK_KEPT_MS 3600000
#define TRUST_MS      VD_DAY_MS

int vd_engine_new(
    const struct vd_detect_settings *settings, struct vd_fleet *fleet, struct vd_engine **out)
{
    struct vd_engine *engine = calloc(1, sizeof *engine);
    int error;

    if (engine == NULL) {
        return VD_E_NOMEM;
    }
    engine->settings = *settings;
    engine->fleet = fleet;
    engine->next_ms = INT64_MAX;
    error = vd_secret_random(&engine->digest_seed, sizeof engine->digest_seed);
    if (error != VD_OK) {
        free(engine);
        return error;
    }
    *out = engine;
    return VD_OK;
}

void vd_engine_free(struct vd_engine *engine)
{
    if (engine == NULL) {
        return;
    }
    for (size_t i = 0; i < engine->group_count; i++) {
        vd_group_rules_free(engine->groups[i].rules);
        free(engine->groups[i].members);
    }
    free(engine->groups);
    free(engine->saved);
    vd_device_states_release(&engine->states);
    free(engine);
}

void vd_engine_set_indicators(struct vd_engine *engine, const struct vd_indicator_set *indicators)
{
    engine->indicators = indicators;
}

void vd_engine_set_settings(struct vd_engine *engine, const struct vd_detect_settings *settings)
{
    engine->settings = *settings;
    vd_engine_plan(engine);
}

const struct vd_device_state *vd_engine_device(
    const struct vd_engine *engine, struct vd_str device_id)
{
    return vd_device_states_find(&engine->states, device_id);
}

void vd_engine_stats_get(const struct vd_engine *engine, struct vd_engine_stats *out)
{
    *out = engine->stats;
    out->devices = engine->states.count;
}

static size_t windows_memory(const struct vd_device_state *state)
{
    size_t bytes = state->window_count * sizeof *state->windows;

    for (uint32_t i = 0; i < state->window_count; i++) {
        bytes += state->windows[i].distinct_capacity * sizeof(uint64_t);
    }
    return bytes;
}

size_t vd_engine_memory(const struct vd_engine *engine)
{
    size_t bytes = engine->states.size * sizeof(struct vd_device_state *);

    for (size_t i = 0; i < engine->states.size; i++) {
        const struct vd_device_state *state = engine->states.slots[i];

        if (state == NULL) {
            continue;
        }
        bytes += sizeof *state + strlen(state->device_id) + 1 + strlen(state->group) + 1 +
            windows_memory(state);
    }
    for (size_t i = 0; i < engine->group_count; i++) {
        bytes += sizeof engine->groups[i] +
            engine->groups[i].capacity * sizeof(struct vd_device_state *);
    }
    return bytes;
}

/* ---- Time ---- */

/* The same but for ids and names, without a walk through devices that have no windows. */
static size_t watched_memory(const struct vd_engine *engine)
{
    size_t bytes = engine->states.count * sizeof(struct vd_device_state);

    for (size_t i = 0; i < engine->group_count; i++) {
        const struct vd_engine_group *group = &engine->groups[i];

        for (uint32_t k = 0; k < group->busy; k++) {
            bytes += windows_memory(group->members[k]);
        }
    }
    return bytes;
}

static void watch_memory(struct vd_engine *engine)
{
    const size_t set = engine->settings.windows_bytes;
    const size_t max = set != 0 ? set : VD_ENGINE_WINDOWS_BYTES;
    const size_t bytes = watched_memory(engine);
    const bool is_tight = bytes > max;

    if (is_tight != engine->is_tight) {
        vd_log(is_tight ? VD_LOG_ERROR : VD_LOG_INFO, "center.windows_tight",
            "is_tight=%d bytes=%zu max=%zu flows_counted=%d", is_tight, bytes, max,
            is_tight ? VD_WINDOW_DISTINCT_TIGHT : VD_WINDOW_DISTINCT_MAX);
    }
    engine->is_tight = is_tight;
}

/* Devices have to come back to a hub that was started. */
static int64_t back_after_start(const struct vd_engine *engine)
{
    const int64_t back_ms = engine->settings.hub_started_ms + VD_ENGINE_GAP_MS;

    return back_ms > engine->now_ms ? back_ms : engine->now_ms;
}

int vd_engine_advance(struct vd_engine *engine, int64_t now_ms, struct vd_findings *findings)
{
    const int64_t step = now_ms - engine->now_ms;
    const bool is_start = !engine->is_running && engine->settings.hub_started_ms > engine->now_ms;
    const bool is_gap = engine->now_ms == 0 || is_start || step > VD_ENGINE_GAP_MS;
    int error = VD_OK;

    if (step <= 0) {
        return VD_OK;
    }
    engine->is_running = true;
    if (engine->now_ms != 0 && step > VD_DAY_MS) {
        if (!engine->settings.is_trial) {
            vd_log(VD_LOG_WARN, "center.clock_ahead",
                "from=%lld to=%lld effect=\"nothing is removed for its age for a day\"",
                (long long)engine->now_ms, (long long)now_ms);
        }
        engine->jumped_observed = engine->observed_ms;
        engine->has_jumped = true;
    }
    engine->now_ms = now_ms;
    if (is_gap) {
        vd_engine_skip(engine, is_start ? back_after_start(engine) : now_ms);
    } else {
        engine->observed_ms += step;
    }
    if (now_ms >= engine->next_ms) {
        error = vd_engine_close(engine, findings);
    }
    if (error == VD_OK && now_ms / MINUTE_MS != engine->minute) {
        engine->minute = now_ms / MINUTE_MS;
        engine->is_changed = true;
        watch_memory(engine);
        if (!engine->settings.is_trial) {
            error = vd_engine_judge_silence(engine, findings);
            error = error == VD_OK ? vd_engine_judge_pace(engine) : error;
        }
    }
    return error;
}

bool vd_engine_trusts_time(const struct vd_engine *engine, int64_t now_ms)
{
    return engine->now_ms == 0 ||
        (now_ms - engine->now_ms <= VD_DAY_MS &&
            (!engine->has_jumped || engine->observed_ms - engine->jumped_observed >= TRUST_MS));
}

bool vd_engine_is_ahead(const struct vd_engine *engine, int64_t now_ms)
{
    return now_ms < engine->now_ms - VD_ENGINE_GAP_MS;
}

int vd_engine_set_back(struct vd_engine *engine, int64_t now_ms)
{
    int error = VD_OK;

    if (!vd_engine_is_ahead(engine, now_ms)) {
        return VD_OK;
    }
    vd_log(VD_LOG_WARN, "center.clock_set_back", "from=%lld to=%lld", (long long)engine->now_ms,
        (long long)now_ms);
    engine->now_ms = now_ms;
    engine->minute = now_ms / MINUTE_MS;
    for (size_t i = 0; i < engine->states.size && error == VD_OK; i++) {
        if (engine->states.slots[i] != NULL) {
            vd_device_state_set_back(engine->states.slots[i], now_ms);
            error = vd_device_states_touch(&engine->states, engine->states.slots[i]);
        }
    }
    vd_engine_windows_set_back(engine);
    return error;
}

/* ---- What is learnt of a device ---- */

/* It was heard of: it is not silent. */
static void hear(
    struct vd_engine *engine, struct vd_device_state *state, const struct vd_observation *seen)
{
    if (seen->enqueued_ms < state->heard_ms) {
        return;
    }
    state->heard_ms = seen->enqueued_ms;
    state->heard_observed = engine->observed_ms;
    state->is_silent = false;
    vd_address_read(seen->address, &state->heard_address);
}

/*
 * An event is as old as its way, or older where the device kept it back: that makes a clock look slow, never fast. So the
 * event that was the least behind counts, until one comes more than CLOCK_KEPT_MS later.
 */
static void measure_clock(struct vd_device_state *state, const struct vd_observation *seen)
{
    const int64_t error_ms = seen->time.device_ms - seen->enqueued_ms;

    if (state->clock_measured_ms == 0 || error_ms > state->clock_error_ms ||
        seen->enqueued_ms - state->clock_measured_ms > CLOCK_KEPT_MS) {
        state->clock_measured_ms = seen->enqueued_ms;
        state->clock_error_ms = error_ms;
    }
}

static void learn_refusal(const struct vd_engine *engine, struct vd_device_state *state,
    const struct vd_observation *seen)
{
    const int rule = vd_login_rule_of(seen->operation->reason);
    const struct vd_detect_input input = {
        .seen = seen, .device = state, .settings = &engine->settings};

    if (rule >= 0 && seen->module_id.length == 0) {
        state->is_refused_copy = vd_login_is_copy(&input, (enum vd_login_fault)rule);
        state->refused_ms = seen->enqueued_ms;
        state->refused_for = (uint8_t)rule;
        vd_address_read(seen->address, &state->refused_address);
    }
}

/* Connections of the device itself; those of its modules are not its own. */
static void learn_connection(
    struct vd_engine *engine, struct vd_device_state *state, const struct vd_observation *seen)
{
    const struct vd_operation_seen *operation = seen->operation;

    if (vd_str_equal_text(operation->name, "deviceConnect") && operation->result == 0) {
        hear(engine, state, seen);
        if (seen->module_id.length == 0) {
            state->is_connected = true;
            state->connected_ms = seen->enqueued_ms;
            vd_address_read(seen->address, &state->connected_address);
            if (memcmp(&state->connected_address, &state->refused_address,
                    sizeof state->refused_address) == 0) {
                state->is_refused_copy = false; /* it is the device that is there */
            }
        }
    } else if (vd_str_equal_text(operation->name, "deviceConnect")) {
        learn_refusal(engine, state, seen);
    } else if (vd_str_equal_text(operation->name, "deviceDisconnect") &&
        seen->module_id.length == 0) {
        state->is_connected = false;
        state->left_ms = seen->enqueued_ms;
    }
}

static void learn(
    struct vd_engine *engine, struct vd_device_state *state, const struct vd_observation *seen)
{
    switch (seen->what) {
    case VD_OBSERVED_MESSAGE:
        hear(engine, state, seen);
        vd_device_learn_pace(state, seen->enqueued_ms, engine->observed_ms);
        break;
    case VD_OBSERVED_EVENT:
        if (seen->event->time_s != 0) {
            measure_clock(state, seen);
        }
        if (seen->message->has_ledger) {
            state->ledger_hour = seen->enqueued_ms / HOUR_MS;
        }
        if (seen->event->payload == VD_PAYLOAD_NETWORK_ACTIVITY) {
            state->network_ms = seen->enqueued_ms;
        }
        break;
    case VD_OBSERVED_OPERATION:
        if (vd_str_equal_text(seen->operation->category, "Connections")) {
            learn_connection(engine, state, seen);
        }
        break;
    case VD_OBSERVED_ACTIVITY:
        break;
    }
}

/* The fleet may see the device otherwise after this operation. */
static bool changes_fleet(const struct vd_observation *seen)
{
    const struct vd_operation_seen *operation = seen->operation;

    if (operation->result != 0) {
        return false;
    }
    if (vd_str_equal_text(operation->category, "DeviceIdentityOperations")) {
        return !vd_str_equal_text(operation->name, "get") &&
            !vd_str_equal_text(operation->name, "list");
    }
    /* Groups are named by modules' twins: those of devices may change all at once, and each question costs a query. */
    return seen->module_id.length > 0 &&
        vd_str_equal_text(operation->category, "C2DTwinOperations") &&
        !vd_str_equal_text(operation->name, "read");
}

/* Refused strangers may claim any id: only what is there, or was let in, has state. */
static struct vd_device_state *state_of(
    struct vd_engine *engine, const struct vd_observation *seen, int *error)
{
    const bool is_proven = seen->what == VD_OBSERVED_MESSAGE || seen->what == VD_OBSERVED_EVENT;
    struct vd_device_state *state;

    *error = VD_OK;
    if (seen->device_id.length == 0) {
        return NULL;
    }
    state = vd_device_states_find(&engine->states, seen->device_id);
    if (state == NULL && (is_proven || engine->fleet == NULL)) {
        state = vd_device_states_get(&engine->states, seen->device_id);
        *error = state != NULL ? vd_engine_group_join(engine, state) : VD_E_NOMEM;
        if (*error == VD_OK && engine->fleet != NULL) {
            *error = vd_engine_refresh_device(engine, seen->device_id);
            state = vd_device_states_find(&engine->states, seen->device_id);
        }
    }
    return state;
}

int vd_engine_observe(
    struct vd_engine *engine, const struct vd_observation *seen, struct vd_findings *findings)
{
    struct vd_detect_input input = {
        .seen = seen,
        .indicators = engine->indicators,
        .settings = &engine->settings,
    };
    struct vd_device_state *state;
    int error = vd_engine_advance(engine, seen->enqueued_ms, findings);

    if (error == VD_OK && seen->what == VD_OBSERVED_OPERATION && changes_fleet(seen)) {
        error = vd_engine_refresh_device(engine, seen->device_id);
    }
    if (error != VD_OK) {
        return error;
    }
    state = state_of(engine, seen, &error);
    input.device = state;
    if (error == VD_OK) {
        error = vd_rules_examine(&input, findings);
    }
    if (error == VD_OK && state != NULL) {
        learn(engine, state, seen);
        error = vd_device_states_touch(&engine->states, state);
    }
    if (error == VD_OK && state != NULL) {
        error = vd_engine_count(engine, state, seen);
    }
    return error;
}
