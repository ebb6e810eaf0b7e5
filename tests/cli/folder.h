/* SPDX-License-Identifier: MIT */
/* A temporary folder for a test, and a data directory in it. */

#ifndef VEDETTE_TESTS_CLI_FOLDER_H
#define VEDETTE_TESTS_CLI_FOLDER_H

#include "cli/stores.h"

struct folder {
    char path[64];
    char data[80];
};

/* Makes the folder; nothing is at `data` yet. cmocka's setup and teardown: *state is the folder. */
int folder_set_up(void **state);
int folder_tear_down(void **state);

/* Makes `data` with a configuration, a master key and empty stores, which are opened. */
void folder_open_stores(
    const struct folder *folder, struct vd_config *config, struct vd_stores *stores);

#endif
