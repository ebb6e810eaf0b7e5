/* SPDX-License-Identifier: MIT */
/* Known answers, files and folders for the tests of the center. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/folder.h"
#include "tests/center/message.h"

const char *test_vectors(void)
{
    const char *folder = getenv("VEDETTE_VECTORS");

    if (folder == NULL) {
        folder = VD_SOURCE_DIR "/../shared/vectors";
    }
    if (access(folder, R_OK) != 0) {
        fprintf(stderr, "no known answers at %s: passed without them\n", folder);
        return NULL;
    }
    return folder;
}

void test_read_file(const char *path, struct vd_buf *out)
{
    FILE *file = fopen(path, "rb");
    uint8_t piece[4096];
    size_t n;

    if (file == NULL) {
        fail_msg("cannot read %s", path);
    }
    while ((n = fread(piece, 1, sizeof piece, file)) > 0) {
        vd_buf_append(out, piece, n);
    }
    fclose(file);
    assert_int_equal(out->error, VD_OK);
}

char *test_folder_new(void)
{
    char *path = strdup(VD_BINARY_DIR "/center-test-XXXXXX");

    assert_non_null(path);
    assert_non_null(mkdtemp(path));
    return path;
}

void test_folder_remove(char *path)
{
    vd_folder_remove(path);
    free(path);
}

void test_flatc(const char *json, struct vd_buf *out)
{
    char *folder = test_folder_new();
    char path[512];
    char command[1600];
    FILE *file;

    snprintf(path, sizeof path, "%s/m.json", folder);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(json, file) >= 0);
    assert_int_equal(fclose(file), 0);
    snprintf(command, sizeof command, "flatc --binary -o '%s' '%s/proto/security_message.fbs' '%s'",
        folder, VD_SOURCE_DIR, path);
    assert_int_equal(system(command), 0);
    snprintf(path, sizeof path, "%s/m.bin", folder);
    test_read_file(path, out);
    test_folder_remove(folder);
}
