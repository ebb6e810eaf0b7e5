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

/* Words between two addresses of the linker's. */
static uint32_t words(const uint32_t *from, const uint32_t *to)
{
    return (uint32_t)((uintptr_t)to - (uintptr_t)from) / (uint32_t)sizeof *from;
}

void reset_handler(void)
{
    /* Nothing of this function's own lies so far below. */
    const uint32_t *unused = (const uint32_t *)__builtin_frame_address(0) - 32;

    for (uint32_t i = words(vd_stack_bottom, unused); i > 0; i--) {
        vd_stack_bottom[i - 1] = STACK_PAINT;
    }
    CPACR |= 0xfu << 20;
    __asm volatile("dsb\n\tisb" ::: "memory");
    for (uint32_t i = words(vd_data_start, vd_data_end); i > 0; i--) {
        vd_data_start[i - 1] = vd_data_load[i - 1];
    }
    for (uint32_t i = words(vd_bss_start, vd_bss_end); i > 0; i--) {
        vd_bss_start[i - 1] = 0;
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
    const uint32_t size = words(vd_stack_bottom, vd_stack_top);
    uint32_t unused = 0;

    while (unused < size && vd_stack_bottom[unused] == STACK_PAINT) {
        unused++;
    }
    return (size - unused) * (uint32_t)sizeof vd_stack_bottom[0];
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
