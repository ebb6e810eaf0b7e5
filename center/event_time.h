/* SPDX-License-Identifier: MIT */
/* When an event happened: the device's clock within a bound, else the hub's. */

#ifndef VEDETTE_CENTER_EVENT_TIME_H
#define VEDETTE_CENTER_EVENT_TIME_H

#include <stdbool.h>
#include <stdint.h>

struct vd_event_time {
    int64_t start_ms;  /* of the stretch that the event covers, UTC */
    int64_t end_ms;    /* its end: the event's time */
    int64_t device_ms; /* what the device said, believed or not */
    bool trusted;      /* false: end_ms is the hub's time */
};

/*
 * enqueued_ms  when the hub got the message
 * time_s, interval_s  as the device sent them; 0 or out of bounds (center/limits.h) is not believed
 */
struct vd_event_time vd_event_time_judge(int64_t enqueued_ms, uint32_t time_s, uint32_t interval_s);

#endif
