/* SPDX-License-Identifier: MIT */
/* UART 0 and the millisecond clock of the board MPS2. */

#include "tests/firmware/mps2/board.h"

/* CMSDK APB UART (ARM DDI 0479, 4.3). */
#define UART_BASE   0x40004000u
#define UART_DATA   (*(volatile uint32_t *)(UART_BASE + 0x00))
#define UART_STATE  (*(volatile uint32_t *)(UART_BASE + 0x04))
#define UART_CTRL   (*(volatile uint32_t *)(UART_BASE + 0x08))
#define UART_DIVIDE (*(volatile uint32_t *)(UART_BASE + 0x10))

enum {
    UART_STATE_TX_FULL = 1,
    UART_CTRL_TX_ENABLE = 1
};

/* SysTick (ARMv7-M Architecture Reference Manual, B3.3). */
#define SYSTICK_CTRL    (*(volatile uint32_t *)0xe000e010u)
#define SYSTICK_RELOAD  (*(volatile uint32_t *)0xe000e014u)
#define SYSTICK_CURRENT (*(volatile uint32_t *)0xe000e018u)

enum {
    SYSTICK_ENABLE = 1,
    SYSTICK_INTERRUPT = 2,
    SYSTICK_PROCESSOR_CLOCK = 4
};

static volatile uint32_t ticks;

void uart_init(void)
{
    UART_DIVIDE = BOARD_CLOCK_HZ / 115200;
    UART_CTRL = UART_CTRL_TX_ENABLE;
}

static void uart_put(char c)
{
    while ((UART_STATE & UART_STATE_TX_FULL) != 0) {
    }
    UART_DATA = (uint8_t)c;
}

void uart_write(const char *text)
{
    for (; *text != '\0'; text++) {
        uart_put(*text);
    }
}

void uart_write_hex(uint32_t value)
{
    for (int shift = 28; shift >= 0; shift -= 4) {
        uart_put("0123456789abcdef"[value >> shift & 15]);
    }
}

void systick_handler(void)
{
    ticks++;
}

void clock_init(void)
{
    SYSTICK_RELOAD = BOARD_CLOCK_HZ / 1000 - 1;
    SYSTICK_CURRENT = 0;
    SYSTICK_CTRL = SYSTICK_ENABLE | SYSTICK_INTERRUPT | SYSTICK_PROCESSOR_CLOCK;
}

uint32_t clock_ms(void)
{
    return ticks;
}
