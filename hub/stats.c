/* SPDX-License-Identifier: MIT */
/* What other threads may see of the hub: its counters, and its signs of life. */

#include "hub/server.h"

void vd_hub_stats_get(struct vd_hub *hub, struct vd_hub_stats *out)
{
    *out = (struct vd_hub_stats){
        .connects_accepted = atomic_load(&hub->connects_accepted),
        .connects_refused = atomic_load(&hub->connects_refused),
        .messages_telemetry = atomic_load(&hub->messages_telemetry),
        .messages_security = atomic_load(&hub->messages_security),
        .protocol_errors = atomic_load(&hub->protocol_errors),
        .takeovers = atomic_load(&hub->takeovers),
        .connects_limited = atomic_load(&hub->connects_limited),
        .operations_lost = atomic_load(&hub->operations_lost),
        .throttled = atomic_load(&hub->throttled),
        .methods_answered = atomic_load(&hub->methods_answered),
        .methods_unanswered = atomic_load(&hub->methods_unanswered),
        .method_answers_ignored = atomic_load(&hub->method_answers_ignored),
        .append_failures = vd_committer_failures(hub->committer),
        .connections = atomic_load(&hub->connections),
        .authenticated = atomic_load(&hub->authenticated),
        .log_unwritable = vd_committer_is_unwritable(hub->committer) ? 1 : 0,
    };
}

void vd_hub_beats_get(const struct vd_hub *hub, struct vd_hub_beats *out)
{
    out->loop_ms = vd_pulse_last_ms(&hub->pulse);
    out->committer_ms = vd_committer_beat_ms(hub->committer);
}
