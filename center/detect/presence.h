/* SPDX-License-Identifier: MIT */
/* Whether a device reports as it uses to, is late, silent, refused, disabled, or was never heard of. */

#ifndef VEDETTE_CENTER_DETECT_PRESENCE_H
#define VEDETTE_CENTER_DETECT_PRESENCE_H

#include "center/detect/device_state.h"
#include "center/store/device_states.h"

struct vd_engine;

/* A device is late when nothing came for this many times its usual longest pause, and this long more. */
#define VD_LATE_PAUSES   2
#define VD_LATE_SLACK_MS 120000LL

/*
 * What the device is. The first that holds: disabled; refused: it is not connected, and its last login was refused for its
 * credential, since when it was neither let in nor sent; never heard of; silent; late; reporting.
 * hub_started_ms  UTC: connections from before are over
 */
enum vd_presence vd_device_presence(const struct vd_device_state *state, int64_t hub_started_ms);

/*
 * A message came at enqueued_ms (the hub's time), which is observed_ms on the engine's clock. The usual longest pause grows
 * with a longer one, within bounds, so that one outage does not count as a habit, and is forgotten slowly with time.
 */
void vd_device_learn_pace(struct vd_device_state *state, int64_t enqueued_ms, int64_t observed_ms);

/* Finds the devices that are late now; for once a minute. VD_E_NOMEM. */
VD_NODISCARD int vd_engine_judge_pace(struct vd_engine *engine);

#endif
