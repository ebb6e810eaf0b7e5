/* SPDX-License-Identifier: MIT */
/* Runs a libFuzzer target once over every file of the folders and files named on the command line. */

#include <dirent.h>
#include <stdint.h>
#include <sys/stat.h>

#include "fuzz/replay.h"

#define REPLAY_MAX_BYTES (4u << 20)

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *buffer = malloc(REPLAY_MAX_BYTES);
    uint8_t *exact = NULL;
    int failed = 1;
    size_t length;

    if (file == NULL || buffer == NULL) {
        fprintf(stderr, "cannot read %s\n", path);
        goto out;
    }
    length = fread(buffer, 1, REPLAY_MAX_BYTES, file);
    /* An allocation of exactly the input's length lets AddressSanitizer see a read past its end. */
    exact = malloc(length > 0 ? length : 1);
    if (exact == NULL) {
        goto out;
    }
    memcpy(exact, buffer, length);
    LLVMFuzzerTestOneInput(exact, length);
    failed = 0;
out:
    free(exact);
    free(buffer);
    if (file != NULL) {
        fclose(file);
    }
    return failed;
}

static int replay_path(const char *path, unsigned *count)
{
    struct stat st;
    struct dirent **names = NULL;
    int failed = 0;
    int n;

    if (stat(path, &st) != 0) {
        fprintf(stderr, "no corpus at %s\n", path);
        return 1;
    }
    if (!S_ISDIR(st.st_mode)) {
        ++*count;
        return replay_file(path);
    }
    n = scandir(path, &names, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char child[4096];

        if (names[i]->d_name[0] != '.') {
            snprintf(child, sizeof child, "%s/%s", path, names[i]->d_name);
            failed |= replay_path(child, count);
        }
        free(names[i]);
    }
    free(names);
    return failed;
}

int main(int argc, char **argv)
{
    unsigned count = 0;
    int failed = 0;

    for (int i = 1; i < argc; i++) {
        failed |= replay_path(argv[i], &count);
    }
    printf("%u inputs replayed\n", count);
    return failed != 0 || count == 0;
}
