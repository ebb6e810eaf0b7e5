/* SPDX-License-Identifier: MIT */
/* kill -9 in the midst of exports, again and again: every record is in the files, in order, and no line is torn. And what a loss of
 * power would leave: a place never lies beyond what is synced. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/log.h"
#include "tests/hub/export_fixture.h"

#define ROUNDS 40
/* Small, so that files are set aside while it happens; enough of them that none is overwritten. */
#define FILE_BYTES 20000
#define FILES_KEPT 3000

static const struct vd_export_config config = {
    .file_max_bytes = FILE_BYTES, .files_kept = FILES_KEPT};

/* A process of its own that exports what it appends, and tells of each batch by a byte; it is killed. */
static void child(struct export_fixture *f, int told)
{
    static const uint8_t master[32] = {7};
    char registry[96];

    snprintf(registry, sizeof registry, "%s/registry.db", f->folder);
    if (vd_event_log_sqlite_open(f->log_file, &f->log) != VD_OK ||
        vd_registry_sqlite_open(registry, master, &f->registry) != VD_OK) {
        _exit(3);
    }
    export_start(f, config);
    for (;;) {
        (void)export_append(f, VD_OPERATION_CONNECTIONS, "dev1");
        if (write(told, "", 1) != 1) {
            _exit(4);
        }
    }
}

/* Lets the child append so many batches, then kills it. */
static void round_of(struct export_fixture *f, unsigned batches)
{
    int ends[2];
    int status = 0;
    pid_t pid;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        child(f, ends[1]);
    }
    close(ends[1]);
    for (unsigned i = 0; i < batches; i++) {
        char byte;

        assert_int_equal(read(ends[0], &byte, 1), 1);
    }
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    close(ends[0]);
}

/* Reads the lines of a file: each is whole; one that is new is the next in order. */
static void check_file(
    const struct export_fixture *f, const char *name, uint64_t *next, unsigned *repeated)
{
    char *text = export_read(f, name);

    for (char *line = text; *line != '\0';) {
        char *end = strchr(line, '\n');
        json_t *record;
        const char *id;
        uint64_t offset;

        assert_non_null(end);
        *end = '\0';
        record = json_loads(line, 0, NULL);
        id = json_string_value(json_object_get(record, "recordId"));
        assert_non_null(id);
        offset = strtoull(strchr(id, '-') + 1, NULL, 10);
        if (offset == *next) {
            (*next)++;
        } else {
            assert_true(offset < *next); /* it came again; none was left out */
            (*repeated)++;
        }
        json_decref(record);
        line = end + 1;
    }
    free(text);
}

static bool has_caught_up(const struct vd_export_stats *stats)
{
    return stats->behind == 0;
}

static void test_export__killed(void **state)
{
    static const uint8_t master[32] = {7};
    struct export_fixture *f = *state;
    char registry[96];
    uint64_t next = 0;
    uint64_t end = 0;
    unsigned repeated = 0;
    char name[32];

    snprintf(registry, sizeof registry, "%s/registry.db", f->folder);
    export_start(f, config);
    export_settings(f, SETTING("one", "storageAccountId", LOG("Connections")));
    export_stop(f);
    /* The children have them; a process holds the log alone. */
    vd_event_log_close(f->log);
    vd_registry_close(f->registry);
    for (unsigned i = 0; i < ROUNDS; i++) {
        round_of(f, 1 + i * i % 97);
    }
    assert_int_equal(vd_event_log_sqlite_open(f->log_file, &f->log), VD_OK);
    assert_int_equal(vd_registry_sqlite_open(registry, master, &f->registry), VD_OK);
    assert_int_equal(vd_event_log_end(f->log, 0, &end), VD_OK);
    export_start(f, config);
    export_await(f, has_caught_up);
    assert_int_equal(export_stats(f).worker.skipped, 0);
    export_stop(f);
    for (unsigned i = FILES_KEPT; i > 0; i--) {
        snprintf(name, sizeof name, "one.jsonl.%u", i);
        check_file(f, name, &next, &repeated);
    }
    check_file(f, "one.jsonl", &next, &repeated);
    print_message("%u records over %d kills, %u of them twice\n", (unsigned)end, ROUNDS, repeated);
    assert_int_equal(next, end);
}

/* ---- Syncs, watched: these stand before the C library's ---- */

static pthread_mutex_t watch = PTHREAD_MUTEX_INITIALIZER;
static bool is_watching;
static uint64_t synced;    /* the record behind the last one that is synced in a file of lines */
static ino_t places_inode; /* of the places that were synced last */
static off_t places_size;
static unsigned moves;    /* of the place that were seen */
static unsigned unsynced; /* of these, how many came too early */

static bool path_of(int fd, char *out, size_t size)
{
    char link[32];
    ssize_t length;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, out, size - 1);
    out[length > 0 ? length : 0] = '\0';
    return length > 0;
}

/* The number of the last record in the file. */
static uint64_t last_record(int fd)
{
    static char tail[4096];
    const off_t size = lseek(fd, 0, SEEK_END);
    const off_t from = size > (off_t)sizeof tail - 1 ? size - (off_t)sizeof tail + 1 : 0;
    const ssize_t length = pread(fd, tail, sizeof tail - 1, from);
    const char *id = NULL;

    tail[length > 0 ? length : 0] = '\0';
    for (const char *at = tail; (at = strstr(at, "\"recordId\":\"")) != NULL; at++) {
        id = at;
    }
    return id != NULL ? strtoull(strchr(id + 12, '-') + 1, NULL, 10) : 0;
}

int fdatasync(int fd)
{
    char path[256];
    const int result = (int)syscall(SYS_fdatasync, fd);

    pthread_mutex_lock(&watch);
    if (is_watching && result == 0 && path_of(fd, path, sizeof path) &&
        strstr(path, ".jsonl") != NULL) {
        synced = last_record(fd) + 1;
    }
    pthread_mutex_unlock(&watch);
    return result;
}

int fsync(int fd)
{
    struct stat st;
    const int result = (int)syscall(SYS_fsync, fd);

    pthread_mutex_lock(&watch);
    if (is_watching && result == 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        places_inode = st.st_ino;
        places_size = st.st_size;
    }
    pthread_mutex_unlock(&watch);
    return result;
}

/* The place in the file that is about to become the one that counts. */
static uint64_t place_in(const char *path)
{
    json_t *json = json_load_file(path, 0, NULL);
    const json_t *place = json_array_get(json_object_get(json, "places"), 0);
    const uint64_t offset = (uint64_t)json_integer_value(json_object_get(place, "offset"));

    json_decref(json);
    return offset;
}

int rename(const char *from, const char *to)
{
    struct stat st;

    pthread_mutex_lock(&watch);
    if (is_watching && strstr(to, "exports.json") != NULL) {
        moves++;
        unsynced += stat(from, &st) != 0 || st.st_ino != places_inode ||
            st.st_size != places_size || place_in(from) > synced;
    }
    pthread_mutex_unlock(&watch);
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

static void test_export__places_follow_syncs(void **state)
{
    struct export_fixture *f = *state;

    export_start(f, config);
    export_settings(f, SETTING("one", "storageAccountId", LOG("Connections")));
    pthread_mutex_lock(&watch);
    is_watching = true;
    pthread_mutex_unlock(&watch);
    for (int i = 0; i < 500; i++) {
        (void)export_append(f, VD_OPERATION_CONNECTIONS, "dev1");
    }
    export_await(f, has_caught_up);
    export_stop(f);
    is_watching = false;
    assert_true(moves > 0);
    assert_int_equal(unsynced, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_export__killed, export_set_up, export_tear_down),
        cmocka_unit_test_setup_teardown(
            test_export__places_follow_syncs, export_set_up, export_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
