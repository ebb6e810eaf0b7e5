/* SPDX-License-Identifier: MIT */
/* A folder with a state file in it. */

#include "tests/hub/state_file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void state_file_make(struct state_file *file)
{
    snprintf(file->folder, sizeof file->folder, "/tmp/vd-state-XXXXXX");
    if (mkdtemp(file->folder) == NULL) {
        abort();
    }
    snprintf(file->path, sizeof file->path, "%s/state.db", file->folder);
}

void state_file_remove(struct state_file *file)
{
    DIR *folder = opendir(file->folder);

    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] != '.') {
            unlinkat(dirfd(folder), entry->d_name, 0);
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    rmdir(file->folder);
}

struct vd_state_key state_key(const char *device_id, const char *module_id, unsigned generation)
{
    struct vd_state_key key = {0};

    snprintf(key.device_id, sizeof key.device_id, "%s", device_id);
    snprintf(key.module_id, sizeof key.module_id, "%s", module_id);
    snprintf(
        key.generation_id, sizeof key.generation_id, "00000000-0000-4000-8000-%012u", generation);
    return key;
}

uint32_t state_random(uint32_t limit)
{
    static uint32_t state = 7;

    state = state * 1664525u + 1013904223u;
    return (state >> 8) % limit;
}
