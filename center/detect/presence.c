/* SPDX-License-Identifier: MIT */
/* Presence out of what is remembered, and the pace at which a device uses to report. */

#include "center/detect/presence.h"

#include "center/detect/engine_internal.h"

/* A longer pause says nothing of a habit; bounds the sums below. */
#define PAUSE_MAX_MS (30LL * 86400000)
/* The usual pause comes down to shorter ones within about this many times itself. */
#define FORGETTING 16
/* And grows at once to this many times itself and this much more: an hour's habit is learnt from its first pause. */
#define GROWTH    4
#define GROWTH_MS 3600000LL

static bool is_refused(const struct vd_device_state *state, int64_t hub_started_ms)
{
    const bool is_connected = state->is_connected && state->connected_ms >= hub_started_ms;

    return !is_connected && state->refused_ms > state->connected_ms &&
        state->refused_ms > state->message_ms;
}

enum vd_presence vd_device_presence(const struct vd_device_state *state, int64_t hub_started_ms)
{
    if (state->is_known && !state->is_enabled) {
        return VD_PRESENCE_DISABLED;
    }
    if (is_refused(state, hub_started_ms)) {
        return VD_PRESENCE_REFUSED;
    }
    if (state->heard_ms == 0) {
        return VD_PRESENCE_NEVER;
    }
    if (state->is_silent) {
        return VD_PRESENCE_SILENT;
    }
    return state->is_late ? VD_PRESENCE_LATE : VD_PRESENCE_REPORTING;
}

static void learn_pause(struct vd_device_state *state, int64_t pause_ms)
{
    if (state->pace_ms == 0) {
        state->pace_ms = pause_ms;
    } else if (pause_ms > state->pace_ms) {
        const int64_t most_ms = GROWTH * state->pace_ms + GROWTH_MS;

        state->pace_ms = pause_ms < most_ms ? pause_ms : most_ms;
    } else { /* by the time that passed: many messages at once do not wear it down */
        state->pace_ms -= (state->pace_ms - pause_ms) / FORGETTING * pause_ms / state->pace_ms;
    }
}

void vd_device_learn_pace(struct vd_device_state *state, int64_t enqueued_ms, int64_t observed_ms)
{
    const int64_t pause_ms = observed_ms - state->message_observed;

    if (enqueued_ms < state->message_ms) {
        return;
    }
    if (state->message_ms != 0 && pause_ms > 0) {
        learn_pause(state, pause_ms < PAUSE_MAX_MS ? pause_ms : PAUSE_MAX_MS);
    }
    state->message_ms = enqueued_ms;
    state->message_observed = observed_ms;
    state->is_late = false;
}

static bool falls_late(const struct vd_engine *engine, const struct vd_device_state *state)
{
    return !state->is_late && !state->is_gone && state->message_ms != 0 && state->pace_ms != 0 &&
        engine->observed_ms - state->message_observed >
        VD_LATE_PAUSES * state->pace_ms + VD_LATE_SLACK_MS;
}

int vd_engine_judge_pace(struct vd_engine *engine)
{
    int error = VD_OK;

    for (size_t i = 0; i < engine->states.size && error == VD_OK; i++) {
        struct vd_device_state *state = engine->states.slots[i];

        if (state != NULL && falls_late(engine, state)) {
            state->is_late = true;
            error = vd_device_states_touch(&engine->states, state);
        }
    }
    return error;
}
