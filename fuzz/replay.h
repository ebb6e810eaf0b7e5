/* SPDX-License-Identifier: MIT */
/* The one function that a fuzz target defines. */

#ifndef VEDETTE_FUZZ_REPLAY_H
#define VEDETTE_FUZZ_REPLAY_H

#include <stddef.h>
#include <stdint.h>

/* One input of `length` bytes at `data`; returns 0. Called from libFuzzer or from replay.c. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

#endif
