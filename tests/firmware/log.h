/* SPDX-License-Identifier: MIT */
/* The firmware's log on the UART, and its source of random numbers. */

#ifndef VEDETTE_TESTS_FIRMWARE_LOG_H
#define VEDETTE_TESTS_FIRMWARE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One line: milliseconds since start, then the text. Longer than 200 bytes is cut. */
void firmware_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A line that says what must not be, then nothing more. */
void firmware_fatal(const char *who, const char *what) __attribute__((noreturn));

/* Seeds the generator (AES-CTR DRBG) with 48 random bytes; before any other use. */
void firmware_random_init(const uint8_t seed[48]);
/* Fills `length` bytes; returns 0, as mbed TLS wants it. */
int firmware_random(void *context, unsigned char *out, size_t length);
uint32_t firmware_random_u32(void);

#endif
