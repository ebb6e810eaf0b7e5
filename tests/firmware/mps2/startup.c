/* SPDX-License-Identifier: MIT */
/* Vector table and start of a Cortex-M3 or M4 on the board MPS2: data and bss, then main(). */

#include <stddef.h>
#include <stdint.h>

#include "tests/firmware/mps2/board.h"

extern uint32_t vd_data_load[], vd_data_start[], vd_data_end[], vd_bss_start[], vd_bss_end[];
extern uint32_t vd_stack_bottom[], vd_stack_top[];

int main(void);
void reset_handler(void);
void fault_handler(void);
void fault_report(const uint32_t *frame);

/* Coprocessor access control: the floating-point unit of a Cortex-M4 is coprocessors 10 and 11
 * (ARMv7-M Architecture Reference Manual, B3.2.20). On a Cortex-M3 the bits stay zero. */
#define CPACR (*(volatile uint32_t *)0xe000ed88u)
/* Configurable Fault Status Register and the address of a data fault (B3.2.15, B3.2.18). */
#define CFSR (*(volatile uint32_t *)0xe000ed28u)
#define BFAR (*(volatile uint32_t *)0xe000ed38u)

/* What the stack holds where it was never used. */
#define STACK_PAINT 0x5aa55aa5u

void reset_handler(void)
{
    const uint32_t *from = vd_data_load;
    /* Nothing of this function's own lies so far below. */
    const uint32_t *unused = (const uint32_t *)__builtin_frame_address(0) - 32;

    for (uint32_t *to = vd_stack_bottom; to < unused; to++) {
        *to = STACK_PAINT;
    }
    CPACR |= 0xfu << 20;
    __asm volatile("dsb\n\tisb" ::: "memory");
    for (uint32_t *to = vd_data_start; to < vd_data_end; to++) {
        *to = *from++;
    }
    for (uint32_t *to = vd_bss_start; to < vd_bss_end; to++) {
        *to = 0;
    }
    (void)main();
    board_halt();
}

/* Hands over the frame that the exception stacked: R0 to R3, R12, LR, PC, xPSR. */
__attribute__((naked)) void fault_handler(void)
{
    __asm volatile("mrs r0, msp\n\tb fault_report");
}

void fault_report(const uint32_t *frame)
{
    uart_write("fault pc=");
    uart_write_hex(frame[6]);
    uart_write(" lr=");
    uart_write_hex(frame[5]);
    uart_write(" cfsr=");
    uart_write_hex(CFSR);
    uart_write(" bfar=");
    uart_write_hex(BFAR);
    uart_write("\n");
    board_halt();
}

uint32_t board_stack_peak(void)
{
    const uint32_t *p = vd_stack_bottom;

    while (p < vd_stack_top && *p == STACK_PAINT) {
        p++;
    }
    return (uint32_t)(vd_stack_top - p) * (uint32_t)sizeof *p;
}

void board_halt(void)
{
    __asm volatile("cpsid i" ::: "memory");
    for (;;) {
        __asm volatile("wfi");
    }
}

#define VECTORS 16

__attribute__((section(".vectors"), used)) static const uintptr_t vectors[VECTORS] = {
    (uintptr_t)vd_stack_top,
    (uintptr_t)reset_handler,
    (uintptr_t)fault_handler, /* NMI */
    (uintptr_t)fault_handler, /* hard fault */
    (uintptr_t)fault_handler, /* memory management */
    (uintptr_t)fault_handler, /* bus fault */
    (uintptr_t)fault_handler, /* usage fault */
    0,
    0,
    0,
    0,
    (uintptr_t)fault_handler, /* SVCall */
    (uintptr_t)fault_handler, /* debug monitor */
    0,
    (uintptr_t)fault_handler, /* PendSV */
    (uintptr_t)systick_handler,
};
