/* SPDX-License-Identifier: MIT */
/* The data directory's paths and its lock. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_data_dir__paths),
        cmocka_unit_test_setup_teardown(test_data_dir__lock, folder_set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(
            test_data_dir__lock_needs_the_directory, folder_set_up, folder_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
