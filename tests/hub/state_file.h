/* SPDX-License-Identifier: MIT */
/* For tests of the hub's state: a folder of its own with the file in it, keys, and random numbers. */

#ifndef VEDETTE_TESTS_HUB_STATE_FILE_H
#define VEDETTE_TESTS_HUB_STATE_FILE_H

#include "hub/state.h"

#define STATE_FILE_PATH_SIZE 64
#define STATE_FILE_NOW_MS    1700000000000LL

struct state_file {
    char folder[STATE_FILE_PATH_SIZE];
    char path[STATE_FILE_PATH_SIZE + 16];
};

/* Makes the folder, whose file does not exist yet. */
void state_file_make(struct state_file *file);
/* Removes both. */
void state_file_remove(struct state_file *file);

struct vd_state_key state_key(const char *device_id, const char *module_id, unsigned generation);

/* 0 to limit - 1, the same sequence with each run of the program. */
uint32_t state_random(uint32_t limit);

#endif
