/* SPDX-License-Identifier: MIT */
/* Writes security messages for tests: a small FlatBuffers writer, parents first, every table with its own vtable. */

#ifndef VEDETTE_TESTS_CENTER_MESSAGE_H
#define VEDETTE_TESTS_CENTER_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/str.h"
#include "lib/uuid.h"

struct test_flow {
    const char *local;
    const char *remote;
    uint16_t local_port;
    uint16_t remote_port;
    uint32_t bytes_in;
    uint32_t bytes_out;
    uint8_t protocol;
};

struct test_event {
    struct vd_uuid id;
    uint32_t time_s;
    uint32_t interval_s;
    uint8_t payload_type; /* 1 NetworkActivity, 4 Heartbeat, others as an empty table */
    const struct test_flow *flows;
    size_t flow_count;
};

/* Appends the message to `out`. */
void test_message_write(struct vd_buf *out, const struct test_event *events, size_t count);

/* An id that is `number` and nothing else. */
struct vd_uuid test_uuid(uint64_t number);

/* The folder of known answers, NULL (with a word on stderr) where it is absent. */
const char *test_vectors(void);

/* Reads a whole file into `out`; fails the test if it cannot. */
void test_read_file(const char *path, struct vd_buf *out);

/* Appends what flatc makes of a message in JSON by the schema; fails the test if it makes nothing. */
void test_flatc(const char *json, struct vd_buf *out);

/* A new folder below the build's; the caller's, to end with test_folder_remove. */
char *test_folder_new(void);
void test_folder_remove(char *path);

#endif
