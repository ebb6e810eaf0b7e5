/* SPDX-License-Identifier: MIT */
/* What the device's fuzz targets share: the input byte by byte, and a check that says what it missed. */

#ifndef VEDETTE_FUZZ_DEVICE_INPUT_H
#define VEDETTE_FUZZ_DEVICE_INPUT_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static inline void require(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "%s\n", what);
        abort();
    }
}

/* The input's bytes, one after the other; zeros after its end. */
struct input {
    const uint8_t *at;
    const uint8_t *end;
};

static inline uint8_t next_byte(struct input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

#endif
