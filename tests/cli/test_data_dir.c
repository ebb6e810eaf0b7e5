/* SPDX-License-Identifier: MIT */
/* The data directory's paths, its lock, and who may not work in it. */

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/client.h"
#include "cli/data_dir.h"
#include "tests/cli/folder.h"

static void test_data_dir__paths(void **state)
{
    char path[VD_PATH_SIZE];
    char dir[VD_PATH_SIZE];

    (void)state;
    assert_int_equal(vd_data_path("/d", "name", path), VD_OK);
    assert_string_equal(path, "/d/name");
    memset(dir, 'd', sizeof dir);
    dir[sizeof dir - 6] = '\0';
    assert_int_equal(vd_data_path(dir, "name", path), VD_OK);
    dir[sizeof dir - 6] = 'd';
    dir[sizeof dir - 5] = '\0';
    assert_int_equal(vd_data_path(dir, "name", path), VD_E_LIMIT);
    assert_string_equal(path, "");
    assert_false(vd_data_dir_is_initialised("/nowhere"));
}

/* As a shell reads it. */
static void test_data_dir__word(void **state)
{
    static const char *const cases[][2] = {
        {"/var/lib/vedette-2_b.c", "/var/lib/vedette-2_b.c"},
        {"sp ace/d", "'sp ace/d'"},
        {"it's", "'it'\\''s'"},
        {"$(x)", "'$(x)'"},
        {"", "''"},
    };
    char word[VD_WORD_SIZE];
    char quotes[VD_PATH_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(vd_path_word(cases[i][0], word), cases[i][1]);
    }
    memset(quotes, '\'', sizeof quotes);
    quotes[sizeof quotes - 1] = '\0';
    assert_int_equal(strlen(vd_path_word(quotes, word)), 4 * (sizeof quotes - 1) + 2);
}

/* Each pair of purposes: the second one waits for the first, and knows what it waits for. */
static void test_data_dir__lock(void **state)
{
    const struct folder *folder = *state;

    assert_int_equal(mkdir(folder->data, 0700), 0);
    for (int pair = 0; pair < 4; pair++) {
        enum vd_lock_purpose first = (pair & 1) != 0 ? VD_LOCK_SERVE : VD_LOCK_COMMAND;
        enum vd_lock_purpose second = (pair & 2) != 0 ? VD_LOCK_SERVE : VD_LOCK_COMMAND;
        bool serving = false;
        int held = -1;
        int other = -1;

        assert_int_equal(vd_data_lock(folder->data, first, &held, &serving), VD_OK);
        assert_int_equal(vd_data_lock(folder->data, second, &other, &serving), VD_E_BUSY);
        assert_int_equal(other, -1);
        assert_int_equal(serving, first == VD_LOCK_SERVE);
        close(held);
        assert_int_equal(vd_data_lock(folder->data, second, &other, &serving), VD_OK);
        close(other);
    }
}

static void test_data_dir__lock_needs_the_directory(void **state)
{
    const struct folder *folder = *state;
    bool serving = false;
    int fd = -1;

    assert_int_equal(vd_data_lock(folder->data, VD_LOCK_COMMAND, &fd, &serving), VD_E_NOT_FOUND);
    assert_int_equal(fd, -1);
}

static void make_initialised(const struct folder *folder)
{
    char config[VD_PATH_SIZE];
    FILE *file;

    assert_int_equal(mkdir(folder->data, 0700), 0);
    assert_int_equal(vd_data_path(folder->data, VD_FILE_CONFIG, config), VD_OK);
    file = fopen(config, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(chmod(config, 0600), 0);
}

/* As of a service that is stopped by a signal: the kernel takes connections for it, and nobody answers. */
static void test_data_dir__service_is_stuck(void **state)
{
    const struct folder *folder = *state;
    const struct vd_api_request request = {.method = "GET", .path = "/status"};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct vd_api_answer answer = {0};
    char text[1024] = "";
    bool serving = false;
    int lock = -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    make_initialised(folder);
    assert_int_equal(vd_data_lock(folder->data, VD_LOCK_SERVE, &lock, &serving), VD_OK);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/" VD_FILE_SOCKET, folder->data);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(
        vd_client_call(folder->data, &request, &answer, text, sizeof text), VD_E_TIMEOUT);
    assert_non_null(strstr(text, "neither answers nor says"));
    close(fd);
    close(lock);
}

/* ---- Other users ---- */

#define OTHER_USER 65533
#define NOBODY     65534

static void become(uid_t user)
{
    assert_int_equal(setresuid(user, user, 0), 0);
}

/* Where the fixture has the data directory, as that user sees it. */
static void expect_denied(const char *dir, const char *words)
{
    const struct vd_api_request request = {.method = "GET", .path = "/status"};
    struct vd_api_answer answer = {0};
    char text[1024] = "";
    int error;

    become(OTHER_USER);
    error = vd_client_call(dir, &request, &answer, text, sizeof text);
    become(0);
    assert_int_equal(error, VD_E_DENIED);
    if (strstr(text, words) == NULL || strstr(text, "not a data directory") != NULL) {
        fail_msg("wanted \"%s\": %s", words, text);
    }
}

/* A directory that this user may not look into is none that is missing. */
static void test_data_dir__of_another_user(void **state)
{
    const struct folder *folder = *state;
    char config[VD_PATH_SIZE];
    char text[1024];
    struct stat status;
    bool serving = false;
    int lock = -1;

    if (geteuid() != 0) {
        skip();
    }
    make_initialised(folder);
    assert_int_equal(vd_data_path(folder->data, VD_FILE_CONFIG, config), VD_OK);
    expect_denied(folder->data, "a folder above it is closed to this user");
    assert_int_equal(chmod(folder->path, 0711), 0);
    expect_denied(folder->data, "it belongs to root: run as the user who owns it, or");
    assert_int_equal(chown(folder->data, NOBODY, NOBODY), 0);
    expect_denied(folder->data, "it belongs to nobody: run as the user who owns it");
    /* Half of what was restored was given away. */
    assert_int_equal(chown(folder->data, OTHER_USER, OTHER_USER), 0);
    expect_denied(folder->data, "it belongs to root");
    /* What a command of root makes of the lock is the owner's. */
    assert_int_equal(chown(config, OTHER_USER, OTHER_USER), 0);
    assert_int_equal(vd_data_lock(folder->data, VD_LOCK_COMMAND, &lock, &serving), VD_OK);
    assert_int_equal(fstat(lock, &status), 0);
    assert_int_equal(status.st_uid, OTHER_USER);
    assert_int_equal(status.st_gid, OTHER_USER);
    assert_int_equal(fchown(lock, 0, 0), 0);
    close(lock);
    expect_denied(folder->data, "not all that is in it belongs to this user: `chown -R 65533 ");
    assert_int_equal(vd_data_dir_find("/nowhere", text, sizeof text), VD_E_NOT_FOUND);
    assert_non_null(strstr(text, "/nowhere is not a data directory: make one with `vedette init"));
}

/* Nobody can write there, root neither, and giving it away does not help. */
static void test_data_dir__mounted_read_only(void **state)
{
    const struct folder *folder = *state;
    bool serving = false;
    int lock = -1;
    char text[1024];
    int error;

    if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        skip();
    }
    assert_int_equal(mkdir(folder->data, 0700), 0);
    assert_int_equal(mount(folder->data, folder->data, NULL, MS_BIND, NULL), 0);
    assert_int_equal(mount(NULL, folder->data, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL), 0);
    error = vd_data_lock(folder->data, VD_LOCK_COMMAND, &lock, &serving);
    vd_data_dir_error_text(folder->data, error, text, sizeof text);
    assert_int_equal(umount(folder->data), 0);
    assert_int_equal(error, VD_E_IO);
    assert_non_null(strstr(text, "data: its file system is mounted read-only"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_data_dir__paths),
        cmocka_unit_test(test_data_dir__word),
        cmocka_unit_test_setup_teardown(test_data_dir__lock, folder_set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(
            test_data_dir__lock_needs_the_directory, folder_set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(
            test_data_dir__service_is_stuck, folder_set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(
            test_data_dir__of_another_user, folder_set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(
            test_data_dir__mounted_read_only, folder_set_up, folder_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
