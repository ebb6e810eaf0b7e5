/* SPDX-License-Identifier: MIT */
/* kill -9 in the midst of exports, again and again: every record is in the files, in order, and no line is torn. */

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_export__killed, export_set_up, export_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
