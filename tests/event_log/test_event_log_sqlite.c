/* SPDX-License-Identifier: MIT */
/* The embedded event log: the contract, and what is its own: files of others, a full disk, kill -9. */

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/event_log/contract.h"

struct fixture {
    char folder[64];
    char path[96];
    struct vd_event_log *log;
};

static int setup_folder(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    snprintf(f->folder, sizeof f->folder, "/tmp/vd_event_log_XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof f->path, "%s/events.db", f->folder);
    *state = f;
    return 0;
}

static int setup(void **state)
{
    setup_folder(state);
    return vd_event_log_sqlite_open(
        ((struct fixture *)*state)->path, &((struct fixture *)*state)->log);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    DIR *folder = opendir(f->folder);
    struct dirent *entry;

    vd_event_log_close(f->log);
    while ((entry = readdir(folder)) != NULL) {
        unlinkat(dirfd(folder), entry->d_name, 0);
    }
    closedir(folder);
    rmdir(f->folder);
    free(f);
    return 0;
}

static void reopen(struct fixture *f)
{
    vd_event_log_close(f->log);
    f->log = NULL;
    assert_int_equal(vd_event_log_sqlite_open(f->path, &f->log), VD_OK);
}

#define CONTRACT_TEST(name)                                          \
    static void test_event_log_sqlite__contract_##name(void **state) \
    {                                                                \
        contract_##name(((struct fixture *)*state)->log);            \
    }
CONTRACT_TEST(empty)
CONTRACT_TEST(order)
CONTRACT_TEST(read_bounds)
CONTRACT_TEST(trim)
CONTRACT_TEST(hold)
CONTRACT_TEST(tail)
CONTRACT_TEST(wait)
CONTRACT_TEST(threads)

static void test_event_log_sqlite__survives_reopening(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    uint64_t end = 0;

    contract_append(f->log, 0, 5);
    reopen(f);
    assert_int_equal(contract_append(f->log, 5, 5), 5);
    reopen(f);
    assert_int_equal(contract_check_from(f->log, 0, 0, 100), 10);
    assert_int_equal(vd_event_log_trim(f->log, 0, 10), VD_OK);
    reopen(f);
    assert_int_equal(vd_event_log_end(f->log, 0, &end), VD_OK);
    assert_int_equal(end, 10);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_event_log_sqlite__one_process(void **state)
{
    struct fixture *f = *state;
    struct vd_event_log *second = NULL;

    assert_int_equal(vd_event_log_sqlite_open(f->path, &second), VD_E_BUSY);
    assert_null(second);
    /* The refused one did not take away what the first one holds. */
    assert_int_equal(contract_append(f->log, 0, 1), 0);
    assert_int_equal(vd_event_log_sqlite_open(f->path, &second), VD_E_BUSY);
}

static void make_database(const char *path, const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void test_event_log_sqlite__other_files(void **state)
{
    static const struct {
        const char *sql;
        int expected;
    } cases[] = {
        {"CREATE TABLE t (x)", VD_E_CORRUPT},
        {"PRAGMA application_id = 1", VD_E_CORRUPT},
        {"PRAGMA user_version = 1", VD_E_CORRUPT},
        {"PRAGMA application_id = 1449413735; PRAGMA user_version = 2", VD_E_NEWER},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unlink(f->path);
        make_database(f->path, cases[i].sql);
        assert_int_equal(vd_event_log_sqlite_open(f->path, &f->log), cases[i].expected);
        assert_null(f->log);
    }
}

static void test_event_log_sqlite__not_a_database(void **state)
{
    struct fixture *f = *state;
    char text[4096];
    char after[4096];
    FILE *file = fopen(f->path, "w");

    memset(text, 'x', sizeof text);
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, sizeof text, file), sizeof text);
    fclose(file);
    assert_int_equal(vd_event_log_sqlite_open(f->path, &f->log), VD_E_CORRUPT);
    file = fopen(f->path, "r");
    assert_non_null(file);
    assert_int_equal(fread(after, 1, sizeof after, file), sizeof after);
    fclose(file);
    assert_memory_equal(text, after, sizeof text);
    assert_int_equal(vd_event_log_sqlite_open("/nonexistent/folder/x.db", &f->log), VD_E_IO);
}

static void test_event_log_sqlite__damaged_row(void **state)
{
    static const char *const damages[] = {
        "UPDATE batch SET records = substr(records, 1, length(records) - 1)",
        "UPDATE batch SET records = records || x'00'",
        "UPDATE batch SET count = count - 1",
        "UPDATE batch SET count = count + 1",
        "UPDATE batch SET records = zeroblob(length(records))",
        "UPDATE batch SET records = zeroblob(0)",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        struct vd_event_batch batch = {0};
        uint64_t first = 0;

        assert_int_equal(vd_event_log_sqlite_open(f->path, &f->log), VD_OK);
        contract_append(f->log, 0, 3);
        vd_event_log_close(f->log);
        make_database(f->path, damages[i]);
        assert_int_equal(vd_event_log_sqlite_open(f->path, &f->log), VD_OK);
        assert_int_equal(vd_event_log_read(f->log, 0, 0, 100000, &batch, &first), VD_E_CORRUPT);
        assert_int_equal(batch.count, 0);
        vd_event_batch_release(&batch);
        vd_event_log_close(f->log);
        f->log = NULL;
        unlink(f->path);
    }
    assert_int_equal(vd_event_log_sqlite_open(f->path, &f->log), VD_OK);
    vd_event_log_close(f->log);
    f->log = NULL;
    make_database(f->path, "DROP TABLE batch");
    assert_int_equal(vd_event_log_sqlite_open(f->path, &f->log), VD_E_CORRUPT);
}

/* Appends batches of 20 KB until one fails; returns why. *appended counts the records that went in. */
static int append_until_refused(struct vd_event_log *log, uint64_t *appended)
{
    uint64_t offset = 0;
    int error = VD_OK;

    for (int round = 0; round < 10000 && error == VD_OK; round++) {
        struct vd_event_batch batch = {0};
        char body[1000];
        struct vd_event event = {.kind = VD_EVENT_SECURITY, .body = {body, sizeof body}};

        memset(body, 'b', sizeof body);
        for (int i = 0; i < 20; i++) {
            assert_int_equal(vd_event_batch_add(&batch, &event), VD_OK);
        }
        error = vd_event_log_append(log, 0, &batch, &offset);
        *appended += error == VD_OK ? 20 : 0;
        vd_event_batch_release(&batch);
    }
    return error;
}

/* Writes that fail for another reason than a full disk: a limit on the size of files. */
static void test_event_log_sqlite__failing_writes(void **state)
{
    struct fixture *f = *state;
    struct rlimit unlimited;
    struct rlimit small;
    uint64_t appended = 0;
    uint64_t end = 0;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
    small = unlimited;
    small.rlim_cur = 300000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(append_until_refused(f->log, &appended), VD_E_IO);
    assert_int_equal(vd_event_log_end(f->log, 0, &end), VD_OK);
    assert_int_equal(end, appended);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
    assert_int_equal(contract_append(f->log, appended, 3), appended);
    reopen(f);
    assert_int_equal(contract_check_from(f->log, appended, appended, 1000), 3);
}

/* Gives the process a file system of 1 MiB at `folder`, in a namespace of its own. */
static bool mount_small(const char *folder)
{
    uid_t uid = getuid();
    char map[64];
    int fd;

    if (uid == 0) {
        if (unshare(CLONE_NEWNS) != 0) {
            return false;
        }
    } else {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
            return false;
        }
        fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
        snprintf(map, sizeof map, "0 %u 1", uid);
        if (fd < 0 || write(fd, map, strlen(map)) < 0) {
            return false;
        }
        close(fd);
    }
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
        mount("tmpfs", folder, "tmpfs", 0, "size=1m") == 0;
}

#define CHILD_NO_NAMESPACE 77

/* In a child: fills the disk, makes room, goes on. Exits 0 when all was as it must be. */
static void fill_disk(const struct fixture *f)
{
    struct vd_event_log *log = NULL;
    char ballast[128];
    char block[4096] = {0};
    uint64_t appended = 0;
    uint64_t end = 0;
    int fd;

    if (!mount_small(f->folder)) {
        _exit(CHILD_NO_NAMESPACE);
    }
    snprintf(ballast, sizeof ballast, "%s/ballast", f->folder);
    fd = open(ballast, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    for (int i = 0; i < 64; i++) {
        if (write(fd, block, sizeof block) != (ssize_t)sizeof block) {
            _exit(1);
        }
    }
    close(fd);
    if (vd_event_log_sqlite_open(f->path, &log) != VD_OK) {
        _exit(2);
    }
    if (append_until_refused(log, &appended) != VD_E_FULL || appended == 0) {
        _exit(3);
    }
    if (vd_event_log_end(log, 0, &end) != VD_OK || end != appended) {
        _exit(4);
    }
    if (append_until_refused(log, &appended) != VD_E_FULL || end != appended) {
        _exit(5);
    }
    unlink(ballast);
    contract_append(log, appended, 3);
    vd_event_log_close(log);
    if (vd_event_log_sqlite_open(f->path, &log) != VD_OK) {
        _exit(6);
    }
    _exit(contract_check_from(log, appended, appended, 1000) == 3 ? 0 : 7);
}

static void test_event_log_sqlite__full_disk(void **state)
{
    pid_t child = fork();
    int status = 0;

    assert_true(child >= 0);
    if (child == 0) {
        fill_disk(*state);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == CHILD_NO_NAMESPACE) {
        print_message("no mount namespace here: the full disk is not tried\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void append_until_killed(const char *path, int report_fd)
{
    struct vd_event_log *log = NULL;
    uint64_t end = 0;

    if (vd_event_log_sqlite_open(path, &log) != VD_OK || vd_event_log_end(log, 0, &end) != VD_OK) {
        _exit(1);
    }
    for (;;) {
        contract_append(log, end, 17);
        end += 17;
        if (write(report_fd, &end, sizeof end) != (ssize_t)sizeof end) {
            _exit(1);
        }
    }
}

static void test_event_log_sqlite__kill_9(void **state)
{
    struct fixture *f = *state;
    uint64_t reported = 0;

    for (int round = 0; round < 5; round++) {
        uint64_t stop_at = reported + 17ULL * 20;
        uint64_t end = 0;
        int fds[2];
        pid_t child;

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            append_until_killed(f->path, fds[1]);
        }
        close(fds[1]);
        while (reported < stop_at) {
            assert_int_equal(read(fds[0], &reported, sizeof reported), sizeof reported);
        }
        assert_int_equal(kill(child, SIGKILL), 0);
        while (read(fds[0], &reported, sizeof reported) == (ssize_t)sizeof reported) {
        }
        close(fds[0]);
        assert_int_equal(waitpid(child, NULL, 0), child);
        assert_int_equal(vd_event_log_sqlite_open(f->path, &f->log), VD_OK);
        assert_int_equal(vd_event_log_end(f->log, 0, &end), VD_OK);
        assert_true(end == reported || end == reported + 17);
        assert_int_equal(contract_check_from(f->log, 0, 0, 4096), end);
        vd_event_log_close(f->log);
        f->log = NULL;
        reported = end;
    }
}

int main(void)
{
#define WITH_LOG(name) \
    cmocka_unit_test_setup_teardown(test_event_log_sqlite__##name, setup, teardown)
#define WITH_FOLDER(name) \
    cmocka_unit_test_setup_teardown(test_event_log_sqlite__##name, setup_folder, teardown)
    const struct CMUnitTest tests[] = {
        WITH_LOG(contract_empty),
        WITH_LOG(contract_order),
        WITH_LOG(contract_read_bounds),
        WITH_LOG(contract_trim),
        WITH_LOG(contract_hold),
        WITH_LOG(contract_tail),
        WITH_LOG(contract_wait),
        WITH_LOG(contract_threads),
        WITH_LOG(survives_reopening),
        WITH_LOG(one_process),
        WITH_LOG(failing_writes),
        WITH_FOLDER(damaged_row),
        WITH_FOLDER(other_files),
        WITH_FOLDER(not_a_database),
        WITH_FOLDER(full_disk),
        WITH_FOLDER(kill_9),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
