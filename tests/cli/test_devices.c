/* SPDX-License-Identifier: MIT */
/* `vedette device`: keys that nobody else sees. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/data_dir.h"
#include "lib/clock.h"
#include "tests/cli/folder.h"
#include "tests/cli/program.h"
#include "tests/lib/proc.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define KEY_1 "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define KEY_2 "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="

static void make(const struct folder *folder)
{
    assert_int_equal(vedette("init --hub-name h --data-dir %s", folder->data), 0);
}

/* Runs `vedette device WORDS` with that for its standard input. */
static int device(const struct folder *folder, const char *input, const char *words)
{
    return shell(
        "printf '%s' | '%s' device %s --data-dir %s 2>&1", input, VD_PROGRAM, words, folder->data);
}

static void test_devices__keys_of_a_file(void **state)
{
    static const struct {
        const char *input;
        const char *words;
        int status;
        const char *said;
    } cases[] = {
        {KEY_1 "\\n" KEY_2 "\\n", "create d1 --keys-file -", 0,
            "primary key        " KEY_1 "\nsecondary key      " KEY_2},
        {KEY_1, "create d2 --keys-file - --status disabled --reason lost", 0,
            "disabled, not connected\nreason             lost"},
        {KEY_2 "\\n", "update d2 --keys-file -", 0, "primary key        " KEY_2},
        {"", "create d3 --keys-file -", 1, "-: holds no keys"},
        {"x\\n", "create d3 --keys-file -", 1, "primaryKey is to be base64"},
        {KEY_1 "\\n" KEY_1 "\\n" KEY_1, "create d3 --keys-file -", 1,
            "secondaryKey is to be base64"},
        {KEY_1, "create d3 --keys-file - --secondary-key " KEY_2, 2, "not both"},
        {KEY_1, "create d3 --keys-file - --ca", 1, "keys go with sas"},
        {"", "create d3 --keys-file /no/such", 1, "/no/such: No such file"},
        {"", "create d3 --status off", 1, "enabled or disabled"},
        {"", "show d3", 1, "not found"},
    };
    const struct folder *folder = *state;

    make(folder);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const int status = device(folder, cases[i].input, cases[i].words);

        if (status != cases[i].status || strstr(output, cases[i].said) == NULL) {
            fail_msg("%s: %d, %s", cases[i].words, status, output);
        }
    }
}

/* Keys that are arguments after all: the command waits for the lock, and shows no more of them. */
static void test_devices__keys_are_not_in_the_process_list(void **state)
{
    const struct folder *folder = *state;
    const int64_t until_ms = vd_clock_monotonic_ms() + 5000;
    bool serving = false;
    int lock = -1;
    int status = -1;
    pid_t pid;

    make(folder);
    assert_int_equal(vd_data_lock(folder->data, VD_LOCK_COMMAND, &lock, &serving), VD_OK);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(lock);
        execl(VD_PROGRAM, "vedette", "device", "create", "d1", "--primary-key=" KEY_1,
            "--secondary-key", KEY_2, "--data-dir", folder->data, (char *)NULL);
        _exit(127);
    }
    while (!proc_holds(pid, "cmdline", "create") || proc_holds(pid, "cmdline", KEY_1) ||
        proc_holds(pid, "cmdline", KEY_2)) {
        assert_true(vd_clock_monotonic_ms() < until_ms);
        usleep(1000);
    }
    assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
    close(lock);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(vedette("device show d1 --data-dir %s", folder->data), 0);
    assert_said(KEY_1);
    assert_said(KEY_2);
}

int main(void)
{
#define TEST(name) \
    cmocka_unit_test_setup_teardown(test_devices__##name, folder_set_up, folder_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(keys_of_a_file),
        TEST(keys_are_not_in_the_process_list),
    };

    return cmocka_run_group_tests_name("devices", tests, NULL, NULL);
}
