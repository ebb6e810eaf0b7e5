/* SPDX-License-Identifier: MIT */
/* Messages through flatc, the reference for the format, and back as JSON. */

#ifndef VEDETTE_TESTS_FLATC_H
#define VEDETTE_TESTS_FLATC_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* A folder of messages that one run of flatc decodes. */
struct flatc {
    char folder[64];
    unsigned count;
};

#define FLATC_MESSAGES_MAX 1000

/* Makes the folder; ends the program if it cannot, as all of these. */
void flatc_open(struct flatc *flatc);

/* Adds a message; its number is the count before. */
void flatc_add(struct flatc *flatc, const uint8_t *message, size_t length);

/* Decodes all messages by proto/security_message.fbs; returns 0, or flatc's exit status. */
int flatc_decode(struct flatc *flatc);

/* Returns message `number` with all defaults written out and all integers as reals (one of 64 bits
 * would not fit otherwise). The caller releases it. */
json_t *flatc_json(const struct flatc *flatc, unsigned number);

/* Removes the folder. */
void flatc_close(struct flatc *flatc);

#endif
