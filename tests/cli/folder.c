/* SPDX-License-Identifier: MIT */
/* Temporary folders. */

#include "tests/cli/folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "api/api.h"
#include "cli/data_dir.h"
#include "lib/folder.h"
#include "lib/secret.h"

int folder_set_up(void **state)
{
    static struct folder folder;

    snprintf(folder.path, sizeof folder.path, "/tmp/vedette-cli-XXXXXX");
    if (mkdtemp(folder.path) == NULL) {
        return -1;
    }
    snprintf(folder.data, sizeof folder.data, "%s/data", folder.path);
    *state = &folder;
    return 0;
}

int folder_tear_down(void **state)
{
    const struct folder *folder = *state;

    return vd_folder_remove(folder->path);
}

void folder_open_stores(
    const struct folder *folder, struct vd_config *config, struct vd_stores *stores)
{
    char path[VD_PATH_SIZE];
    char reason[512] = "";
    FILE *file;

    assert_int_equal(mkdir(folder->data, 0700), 0);
    assert_int_equal(vd_data_path(folder->data, VD_FILE_CONFIG, path), VD_OK);
    file = fopen(path, "w");
    assert_non_null(file);
    vd_config_write_file(file, "hub.test", NULL);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(vd_data_path(folder->data, VD_FILE_MASTER_KEY, path), VD_OK);
    assert_int_equal(vd_secret_key_file_create(path), VD_OK);
    vd_config_defaults(config);
    assert_int_equal(vd_text_copy("hub.test", config->hub_name, sizeof config->hub_name), VD_OK);
    if (vd_stores_open(folder->data, config, VD_NEEDS_ALL, stores, reason, sizeof reason) !=
        VD_OK) {
        fail_msg("%s", reason);
    }
}
