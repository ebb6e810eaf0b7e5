/* SPDX-License-Identifier: MIT */
/* Signs of life of loops. */

#include "lib/pulse.h"

#include "lib/clock.h"

void vd_pulse_beat(struct vd_pulse *pulse)
{
    atomic_store_explicit(&pulse->beat_ms, vd_clock_monotonic_ms(), memory_order_relaxed);
}

int64_t vd_pulse_last_ms(const struct vd_pulse *pulse)
{
    return atomic_load_explicit(&pulse->beat_ms, memory_order_relaxed);
}
