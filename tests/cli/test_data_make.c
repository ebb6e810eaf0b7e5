/* SPDX-License-Identifier: MIT */
/* Data directories are made whole or not at all: whatever fails, whoever is killed, and whatever another does meanwhile. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/data_make.h"
#include "cli/partial.h"
#include "tests/cli/folder.h"

#define COUNT(a)     (sizeof(a) / sizeof((a)[0]))
#define ENDLESS      1000
#define SYNCED_MAX   32
#define KILLED       9
#define TEXT_SIZE    1024
#define OF_THE_FIRST "first"

/* ---- What the system does: see this test's link options ---- */

static int refusal; /* of renameat2; 0: none */
static int renames_left = ENDLESS;
static bool dies; /* when none is left; else that rename fails */
static ino_t synced[SYNCED_MAX];
static size_t synced_count;
static size_t synced_at_last_rename;

int __real_rename(const char *from, const char *to);
int __real_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags);
int __real_fsync(int fd);
int __wrap_rename(const char *from, const char *to);
int __wrap_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags);
int __wrap_fsync(int fd);

int __wrap_rename(const char *from, const char *to)
{
    if (renames_left-- <= 0) {
        if (dies) {
            _exit(KILLED);
        }
        errno = EIO;
        return -1;
    }
    synced_at_last_rename = synced_count;
    return __real_rename(from, to);
}

int __wrap_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    if (refusal != 0) {
        errno = refusal;
        return -1;
    }
    return __real_renameat2(from_dir, from, to_dir, to, flags);
}

int __wrap_fsync(int fd)
{
    struct stat about;

    if (fstat(fd, &about) == 0 && synced_count < SYNCED_MAX) {
        synced[synced_count++] = about.st_ino;
    }
    return __real_fsync(fd);
}

static bool was_synced(ino_t number, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (synced[i] == number) {
            return true;
        }
    }
    return false;
}

static int set_up(void **state)
{
    refusal = 0;
    renames_left = ENDLESS;
    dies = false;
    synced_count = 0;
    synced_at_last_rename = 0;
    return folder_set_up(state);
}

/* ---- Files ---- */

static void put(const char *dir, const char *name, const char *text)
{
    char path[VD_PATH_SIZE];
    FILE *file;

    assert_int_equal(vd_data_path(dir, name, path), VD_OK);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void expect(const char *dir, const char *name, const char *text)
{
    char path[VD_PATH_SIZE];
    char read[64] = "";
    FILE *file;

    assert_int_equal(vd_data_path(dir, name, path), VD_OK);
    file = fopen(path, "r");
    if (file == NULL) {
        fail_msg("%s is not there", path);
    }
    read[fread(read, 1, sizeof read - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(read, text);
}

static bool is_there(const char *dir, const char *name)
{
    char path[VD_PATH_SIZE];

    return vd_data_path(dir, name, path) == VD_OK && access(path, F_OK) == 0;
}

static ino_t number_of(const char *dir, const char *name)
{
    char path[VD_PATH_SIZE];
    struct stat about;

    assert_int_equal(vd_data_path(dir, name, path), VD_OK);
    assert_int_equal(stat(path, &about), 0);
    return about.st_ino;
}

/* ---- Making one ---- */

static const char *const made[] = {"registry.db", "state.db", "alerts.db", "analytics/day"};

/* Its files say who made them. */
static int fill(void *maker, const char *staging, char *error_text, size_t error_size)
{
    char path[VD_PATH_SIZE];

    (void)error_text;
    (void)error_size;
    assert_int_equal(vd_data_path(staging, VD_FILE_ANALYTICS, path), VD_OK);
    assert_int_equal(mkdir(path, 0700), 0);
    for (size_t i = 0; i < COUNT(made); i++) {
        put(staging, made[i], maker);
    }
    put(staging, VD_FILE_CONFIG, maker);
    return VD_OK;
}

static int make_one(const char *dir, const char *maker, char text[TEXT_SIZE])
{
    text[0] = '\0';
    return vd_data_make(dir, fill, (void *)(uintptr_t)maker, text, TEXT_SIZE);
}

static void expect_whole(const char *dir, const char *maker)
{
    for (size_t i = 0; i < COUNT(made); i++) {
        expect(dir, made[i], maker);
    }
    expect(dir, VD_FILE_CONFIG, maker);
}

/* Fills as the others do, while another ends it first. */
static int fill_second(void *dir, const char *staging, char *error_text, size_t error_size)
{
    assert_int_equal(fill((void *)(uintptr_t)OF_THE_FIRST, dir, error_text, error_size), VD_OK);
    return fill((void *)(uintptr_t) "second", staging, error_text, error_size);
}

static void test_data_make__over_nothing_that_came_meanwhile(void **state)
{
    const struct folder *folder = *state;
    char text[TEXT_SIZE] = "";

    assert_int_equal(mkdir(folder->data, 0700), 0);
    assert_int_equal(
        vd_data_make(folder->data, fill_second, (void *)(uintptr_t)folder->data, text, sizeof text),
        VD_E_EXISTS);
    assert_non_null(strstr(text, "initialised already"));
    expect_whole(folder->data, OF_THE_FIRST);
}

/* Where none is yet, an empty folder of another's is not taken either. */
static int fill_beside(void *dir, const char *staging, char *error_text, size_t error_size)
{
    assert_int_equal(mkdir(dir, 0700), 0);
    return fill((void *)(uintptr_t) "second", staging, error_text, error_size);
}

static void test_data_make__over_no_folder_that_came_meanwhile(void **state)
{
    const struct folder *folder = *state;
    char text[TEXT_SIZE] = "";

    assert_int_equal(
        vd_data_make(folder->data, fill_beside, (void *)(uintptr_t)folder->data, text, sizeof text),
        VD_E_EXISTS);
    assert_non_null(strstr(text, "exists already"));
    assert_int_equal(rmdir(folder->data), 0);
    assert_int_equal(rmdir(folder->path), 0);
    assert_int_equal(mkdir(folder->path, 0700), 0);
}

static void test_data_make__one_at_a_time(void **state)
{
    const struct folder *folder = *state;
    char text[TEXT_SIZE];
    int other;

    assert_int_equal(mkdir(folder->data, 0700), 0);
    other = open(folder->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
    assert_int_equal(make_one(folder->data, OF_THE_FIRST, text), VD_E_BUSY);
    assert_non_null(strstr(text, "another `vedette init` or `vedette restore`"));
    close(other);
    assert_int_equal(make_one(folder->data, OF_THE_FIRST, text), VD_OK);
    expect_whole(folder->data, OF_THE_FIRST);
}

/* Each of the moves fails once: nothing is left. */
static void test_data_make__takes_back_what_it_moved(void **state)
{
    const struct folder *folder = *state;
    char text[TEXT_SIZE];
    int moves = 0;

    assert_int_equal(mkdir(folder->data, 0700), 0);
    for (;; moves++) {
        renames_left = moves;
        if (make_one(folder->data, OF_THE_FIRST, text) == VD_OK) {
            break;
        }
        assert_int_equal(rmdir(folder->data), 0);
        assert_int_equal(mkdir(folder->data, 0700), 0);
    }
    assert_int_equal(moves, COUNT(made) + 1);
    expect_whole(folder->data, OF_THE_FIRST);
}

static void make_and_die(const char *dir, int before)
{
    char text[TEXT_SIZE];
    int status = 0;
    const pid_t child = fork();

    if (child == 0) {
        dies = true;
        renames_left = before;
        (void)make_one(dir, OF_THE_FIRST, text);
        _exit(0);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), KILLED);
}

/* Killed before each of the moves: the next one takes back what was moved, and nothing else. */
static void test_data_make__killed_between_moves(void **state)
{
    const struct folder *folder = *state;
    char text[TEXT_SIZE];

    for (int before = 0; before < (int)COUNT(made) + 1; before++) {
        assert_int_equal(mkdir(folder->data, 0700), 0);
        make_and_die(folder->data, before);
        assert_false(is_there(folder->data, VD_FILE_CONFIG));
        if (make_one(folder->data, "second", text) != VD_OK) {
            fail_msg("killed before move %d: %s", before, text);
        }
        expect_whole(folder->data, "second");
        assert_int_equal(folder_tear_down(state), 0);
        assert_int_equal(mkdir(folder->path, 0700), 0);
    }
    assert_int_equal(mkdir(folder->data, 0700), 0);
    make_and_die(folder->data, COUNT(made));
    put(folder->data, "precious", "kept");
    assert_int_equal(make_one(folder->data, "second", text), VD_E_EXISTS);
    expect(folder->data, "precious", "kept");
    assert_false(is_there(folder->data, made[0]));
}

/* All that is moved is on the disk before, and that it was moved behind. */
static void test_data_make__lasts(void **state)
{
    const struct folder *folder = *state;
    char text[TEXT_SIZE];

    assert_int_equal(mkdir(folder->data, 0700), 0);
    assert_int_equal(make_one(folder->data, OF_THE_FIRST, text), VD_OK);
    assert_true(was_synced(number_of(folder->data, VD_FILE_ANALYTICS), 0, synced_at_last_rename));
    assert_true(was_synced(number_of(folder->data, "."), 0, synced_at_last_rename));
    assert_true(was_synced(number_of(folder->data, "."), synced_at_last_rename, synced_count));
}

/* ---- Names of folders ---- */

static void open_partial(const struct folder *folder, struct vd_partial *partial)
{
    char prefix[VD_PATH_SIZE];

    assert_int_equal(vd_data_path(folder->path, "it.", prefix), VD_OK);
    assert_int_equal(vd_partial_open(prefix, partial), VD_OK);
    put(partial->path, "file", "text");
}

/* On file systems that know the rename that refuses, and on others. */
static void test_partial__takes_no_name_of_another(void **state)
{
    static const int refusals[] = {0, EINVAL, ENOSYS, EOPNOTSUPP};
    const struct folder *folder = *state;
    struct vd_partial partial;
    char text[TEXT_SIZE];

    for (size_t i = 0; i < COUNT(refusals); i++) {
        refusal = refusals[i];
        open_partial(folder, &partial);
        assert_int_equal(mkdir(folder->data, 0700), 0);
        assert_int_equal(
            vd_partial_publish(&partial, folder->data, text, sizeof text), VD_E_EXISTS);
        assert_int_equal(rmdir(folder->data), 0);
        put(folder->path, "data", "a file");
        assert_int_equal(
            vd_partial_publish(&partial, folder->data, text, sizeof text), VD_E_EXISTS);
        expect(folder->path, "data", "a file");
        assert_int_equal(unlink(folder->data), 0);
        expect(partial.path, "file", "text");
        assert_int_equal(vd_partial_publish(&partial, folder->data, text, sizeof text), VD_OK);
        expect(folder->data, "file", "text");
        vd_partial_remove(&partial);
        expect(folder->data, "file", "text");
        assert_int_equal(folder_tear_down(state), 0);
        assert_int_equal(mkdir(folder->path, 0700), 0);
    }
}

static void test_partial__leaves_no_name_behind(void **state)
{
    const struct folder *folder = *state;
    struct vd_partial partial;
    char text[TEXT_SIZE];

    open_partial(folder, &partial);
    refusal = EINVAL;
    renames_left = 0;
    assert_int_equal(vd_partial_publish(&partial, folder->data, text, sizeof text), VD_E_IO);
    assert_false(is_there(folder->path, "data"));
    expect(partial.path, "file", "text");
    vd_partial_remove(&partial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_data_make__over_nothing_that_came_meanwhile, set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(
            test_data_make__over_no_folder_that_came_meanwhile, set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(test_data_make__one_at_a_time, set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(
            test_data_make__takes_back_what_it_moved, set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(
            test_data_make__killed_between_moves, set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(test_data_make__lasts, set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(
            test_partial__takes_no_name_of_another, set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(
            test_partial__leaves_no_name_behind, set_up, folder_tear_down),
    };

    return cmocka_run_group_tests_name("data_make", tests, NULL, NULL);
}
