/* SPDX-License-Identifier: MIT */
/* Messages that the tests of the decoder share, and a decoding that sees reads past the end. */

#ifndef VEDETTE_TESTS_CENTER_DECODE_CASES_H
#define VEDETTE_TESTS_CENTER_DECODE_CASES_H

#include "center/decode/security_message.h"
#include "tests/center/message.h"

/* Names of files in the folder of known answers. */
#define DECODE_VECTORS 7
extern const char *const decode_vectors[DECODE_VECTORS];

/* Decodes a copy of exactly the bytes. */
int decode_exact(
    struct vd_security_message *message, const void *data, size_t length, char *reason);

/* Append what flatc makes of a message with every payload and none of our own fields, and of one with
 * packets, openers, overflow and a ledger. */
void decode_old_message(struct vd_buf *out);
void decode_new_message(struct vd_buf *out);

void decode_check_address(const char *expected, const struct vd_address *actual, bool ipv6);

#endif
