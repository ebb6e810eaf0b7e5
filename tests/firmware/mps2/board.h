/* SPDX-License-Identifier: MIT */
/* What every firmware of the tests uses of the board MPS2 (QEMU's mps2-an385 and mps2-an386). */

#ifndef VEDETTE_TESTS_FIRMWARE_MPS2_BOARD_H
#define VEDETTE_TESTS_FIRMWARE_MPS2_BOARD_H

#include <stdint.h>

/* Cycles a second of processor and SysTick. */
#define BOARD_CLOCK_HZ 25000000u

/* Stops for good, interrupts masked. */
void board_halt(void) __attribute__((noreturn));

/* Bytes of the stack that were used at most since start. */
uint32_t board_stack_peak(void);

/* Switches the transmitter of UART 0 on; before the first write. */
void uart_init(void);
/* Writes NUL-terminated text; waits while the transmitter is full. */
void uart_write(const char *text);
/* Writes eight hexadecimal digits. */
void uart_write_hex(uint32_t value);

/* Starts the millisecond clock: SysTick with an interrupt each millisecond. */
void clock_init(void);
/* Returns milliseconds since clock_init(); wraps after 2^32. */
uint32_t clock_ms(void);
/* The interrupt, for the vector table. */
void systick_handler(void);

#endif
