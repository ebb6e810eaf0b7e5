/* SPDX-License-Identifier: MIT */
/* The bounds within which a device's clock is believed. */

#include "center/event_time.h"

#include "center/limits.h"

struct vd_event_time vd_event_time_judge(int64_t enqueued_ms, uint32_t time_s, uint32_t interval_s)
{
    struct vd_event_time t;

    t.device_ms = (int64_t)time_s * 1000;
    t.trusted = t.device_ms >= enqueued_ms - VD_EVENT_TIME_LATE_MAX_MS &&
        t.device_ms <= enqueued_ms + VD_EVENT_TIME_EARLY_MAX_MS;
    t.end_ms = t.trusted ? t.device_ms : enqueued_ms;
    t.start_ms = t.end_ms;
    if (interval_s <= VD_EVENT_INTERVAL_MAX_S) {
        t.start_ms -= (int64_t)interval_s * 1000;
    }
    return t;
}
