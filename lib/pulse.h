/* SPDX-License-Identifier: MIT */
/* Signs of life: a loop beats whenever it comes round; who watches over it judges by the age of the last beat. */

#ifndef VEDETTE_LIB_PULSE_H
#define VEDETTE_LIB_PULSE_H

#include <stdatomic.h>
#include <stdint.h>

/* A loop that has nothing to do beats at least this often. */
#define VD_PULSE_MS 1000

/* All zero: has never beaten. */
struct vd_pulse {
    _Atomic int64_t beat_ms;
};

/* The loop's thread, or before it is started. */
void vd_pulse_beat(struct vd_pulse *pulse);

/* The time of the last beat on the monotonic clock; 0: there was none. Any thread; takes no lock. */
int64_t vd_pulse_last_ms(const struct vd_pulse *pulse);

#endif
