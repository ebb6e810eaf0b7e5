/* SPDX-License-Identifier: MIT */
/* Runs flatc over a folder of messages. */

#include "tests/device/flatc.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void require(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "flatc: %s\n", what);
        abort();
    }
}

static void path_of(
    const struct flatc *flatc, unsigned number, const char *end, char *out, size_t size)
{
    snprintf(out, size, "%s/m%04u.%s", flatc->folder, number, end);
}

void flatc_open(struct flatc *flatc)
{
    snprintf(flatc->folder, sizeof flatc->folder, "/tmp/vedette-flatc-XXXXXX");
    require(mkdtemp(flatc->folder) != NULL, "cannot make a folder");
    flatc->count = 0;
}

void flatc_add(struct flatc *flatc, const uint8_t *message, size_t length)
{
    char path[128];
    size_t written;
    FILE *file;

    require(flatc->count < FLATC_MESSAGES_MAX, "too many messages for one run");
    path_of(flatc, flatc->count, "bin", path, sizeof path);
    file = fopen(path, "wb");
    require(file != NULL, "cannot make a message's file");
    written = fwrite(message, 1, length, file);
    require(fclose(file) == 0 && written == length, "cannot write a message");
    flatc->count++;
}

static void exec_flatc(struct flatc *flatc)
{
    static char schema[] = VD_SOURCE_DIR "/proto/security_message.fbs";
    static char paths[FLATC_MESSAGES_MAX][128];
    static char *argv[FLATC_MESSAGES_MAX + 16] = {
        "flatc", "--json", "--strict-json", "--defaults-json", "--raw-binary", "-o"};
    unsigned n = 6;

    argv[n++] = flatc->folder;
    argv[n++] = schema;
    argv[n++] = "--";
    for (unsigned i = 0; i < flatc->count; i++) {
        path_of(flatc, i, "bin", paths[i], sizeof paths[i]);
        argv[n++] = paths[i];
    }
    argv[n] = NULL;
    execvp("flatc", argv);
    perror("flatc (package flatbuffers-compiler)");
    _exit(127);
}

int flatc_decode(struct flatc *flatc)
{
    int status = 0;
    const pid_t child = fork();

    require(child >= 0, "cannot fork");
    if (child == 0) {
        exec_flatc(flatc);
    }
    require(waitpid(child, &status, 0) == child, "cannot wait for flatc");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

json_t *flatc_json(const struct flatc *flatc, unsigned number)
{
    char path[128];
    json_error_t error;
    json_t *json;

    path_of(flatc, number, "json", path, sizeof path);
    json = json_load_file(path, JSON_DECODE_INT_AS_REAL, &error);
    if (json == NULL) {
        fprintf(stderr, "flatc: %s:%d: %s\n", path, error.line, error.text);
        abort();
    }
    return json;
}

void flatc_close(struct flatc *flatc)
{
    for (unsigned i = 0; i < flatc->count; i++) {
        char path[128];

        path_of(flatc, i, "bin", path, sizeof path);
        (void)unlink(path);
        path_of(flatc, i, "json", path, sizeof path);
        (void)unlink(path);
    }
    require(rmdir(flatc->folder) == 0, "cannot remove the folder");
}
