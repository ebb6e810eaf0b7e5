/* SPDX-License-Identifier: MIT */
/* SysTick as a counter of instructions, and the end of a firmware that runs in QEMU. */

#ifndef VEDETTE_BENCH_COUNTER_H
#define VEDETTE_BENCH_COUNTER_H

#include <stdint.h>

/* Instructions that one tick stands for: with `-icount shift=0` each takes a nanosecond, and the board
 * counts at 25 MHz. Differences of ticks hold for up to 2^24 of them. */
#define COUNTER_TICK_INSTRUCTIONS 40u

/* Starts the counter. */
void counter_init(void);

/* Returns ticks since any start. */
uint32_t counter_ticks(void);

/* Returns the instructions between two values of counter_ticks(), to a tick's precision. */
uint32_t counter_instructions(uint32_t from, uint32_t to);

/* Runs this many instructions, its return included: what the counter is checked with. */
#define COUNTER_KNOWN_INSTRUCTIONS 3000003u
void counter_known_sequence(void);

/* Ends the emulator, which exits with status 0, or 1 where `failed`. */
void counter_exit(int failed);

#endif
