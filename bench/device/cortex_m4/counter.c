/* SPDX-License-Identifier: MIT */
/* SysTick counts, a sequence of known length checks it, semihosting ends. */

#include "bench/device/cortex_m4/counter.h"

/* SysTick (ARMv7-M Architecture Reference Manual, B3.3). */
#define SYSTICK_CTRL    (*(volatile uint32_t *)0xe000e010u)
#define SYSTICK_RELOAD  (*(volatile uint32_t *)0xe000e014u)
#define SYSTICK_CURRENT (*(volatile uint32_t *)0xe000e018u)
#define SYSTICK_MAX     0xffffffu

enum {
    SYSTICK_ENABLE = 1,
    SYSTICK_PROCESSOR_CLOCK = 4
};

/* Arm, "Semihosting for AArch32 and AArch64": SYS_EXIT and its reasons. */
#define SYS_EXIT                     0x18u
#define ADP_STOPPED_RUN_TIME_ERROR   0x20023u
#define ADP_STOPPED_APPLICATION_EXIT 0x20026u

void counter_init(void)
{
    SYSTICK_RELOAD = SYSTICK_MAX;
    SYSTICK_CURRENT = 0;
    SYSTICK_CTRL = SYSTICK_ENABLE | SYSTICK_PROCESSOR_CLOCK;
}

uint32_t counter_ticks(void)
{
    return SYSTICK_MAX - SYSTICK_CURRENT; /* it counts down */
}

uint32_t counter_instructions(uint32_t from, uint32_t to)
{
    return ((to - from) & SYSTICK_MAX) * COUNTER_TICK_INSTRUCTIONS;
}

/* Two that load a million, three times a million, one that returns. */
__attribute__((naked, noinline)) void counter_known_sequence(void)
{
    __asm__ volatile("movw r0, #0x4240\n\t"
                     "movt r0, #0x000f\n"
                     "1:\n\t"
                     "nop\n\t"
                     "subs r0, r0, #1\n\t"
                     "bne 1b\n\t"
                     "bx lr");
}

void counter_exit(int failed)
{
    register uint32_t operation __asm__("r0") = SYS_EXIT;
    register uint32_t reason __asm__("r1") =
        failed ? ADP_STOPPED_RUN_TIME_ERROR : ADP_STOPPED_APPLICATION_EXIT;

    __asm__ volatile("bkpt 0xab" : : "r"(operation), "r"(reason) : "memory");
    for (;;) {
    }
}
