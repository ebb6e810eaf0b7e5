/* SPDX-License-Identifier: MIT */
/* `vedette device`: keys that nobody else sees, and the import of what another hub exported. */

#include <setjmp.h>
#include <signal.h>
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
        {"", "twin d1 --patch '{\"tags\":{\"a\":1}}'", 0, "\"a\": 1"},
        {"", "twin d1 --patch '{\"properties\":{\"reported\":{\"x\":1}}}'", 2,
            "reported properties are the device's"},
        {"", "twin d1 --replace '{\"properties\":{\"reported\":{},\"desired\":{\"x\":1}}}'", 0,
            "\"x\": 1"},
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

/* Starts the program, which waits for the lock, and waits until the process list shows `word` and no `secrets` any more; then gives
 * the lock up. Returns the program's process. */
static pid_t run_hiding(const struct folder *folder, char *const arguments[], const char *word,
    const char *const secrets[2])
{
    const int64_t until_ms = vd_clock_monotonic_ms() + 5000;
    bool serving = false;
    int lock = -1;
    int status = -1;
    pid_t pid;

    assert_int_equal(vd_data_lock(folder->data, VD_LOCK_COMMAND, &lock, &serving), VD_OK);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(lock);
        execv(VD_PROGRAM, arguments);
        _exit(127);
    }
    while (!proc_holds(pid, "cmdline", word) || proc_holds(pid, "cmdline", secrets[0]) ||
        proc_holds(pid, "cmdline", secrets[1])) {
        assert_true(vd_clock_monotonic_ms() < until_ms);
        usleep(1000);
    }
    assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
    close(lock);
    return pid;
}

static void await_success(pid_t pid)
{
    int status = -1;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* Keys that are arguments after all. */
static void test_devices__keys_are_not_in_the_process_list(void **state)
{
    const struct folder *folder = *state;
    char data[sizeof folder->data + 16];
    char *const arguments[] = {"vedette", "device", "create", "d1", "--primary-key=" KEY_1,
        "--secondary-key", KEY_2, data, NULL};

    make(folder);
    snprintf(data, sizeof data, "--data-dir=%s", folder->data);
    await_success(run_hiding(folder, arguments, "create", (const char *const[]){KEY_1, KEY_2}));
    assert_int_equal(vedette("device show d1 --data-dir %s", folder->data), 0);
    assert_said(KEY_1);
    assert_said(KEY_2);
}

static void test_devices__urls_are_not_in_the_process_list(void **state)
{
    const struct folder *folder = *state;
    char data[sizeof folder->data + 16];
    char *const notify[] = {"vedette", "notify", "add", "webhook", "w",
        "https://u:s3cret@hooks.test/t0ken", data, NULL};
    char *const serve[] = {"vedette", "serve", "--set=mqtt.listen=127.0.0.1:0",
        "--set=https.listen=off", "--set", "diagnostics.webhook=https://u:s3cret@hooks.test/t0ken",
        data, NULL};
    const char *const secrets[] = {"s3cret", "t0ken"};
    pid_t pid;

    make(folder);
    snprintf(data, sizeof data, "--data-dir=%s", folder->data);
    await_success(run_hiding(folder, notify, "https://", secrets));
    assert_int_equal(vedette("notify list --output json --data-dir %s", folder->data), 0);
    assert_said("https://hooks.test/...");
    assert_int_equal(vedette("notify list --data-dir %s", folder->data), 0);
    assert_said("FAILED (UTC)");
    pid = run_hiding(folder, serve, "diagnostics.webhook=https://", secrets);
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* ---- Import ---- */

#define KEYS    "\"symmetricKey\":{\"primaryKey\":\"" KEY_1 "\",\"secondaryKey\":\"" KEY_2 "\"}"
#define NO_KEYS "\"symmetricKey\":{\"primaryKey\":null,\"secondaryKey\":null}"
#define BY_CA   "\"authentication\":{" NO_KEYS ",\"type\":\"certificateAuthority\"}"
#define SHA1    "97388663832D0393C9246CAB4FBA2C8677185A25"

/* As the hub of old writes it, in the order of its members. */
static const char exported[] =
    "\xef\xbb\xbf"
    "{\"id\":\"by-key\",\"eTag\":\"MA==\",\"status\":\"enabled\",\"authentication\":{" KEYS
    ",\"x509Thumbprint\":{\"primaryThumbprint\":null,\"secondaryThumbprint\":null},\"type\":\"sas\"},"
    "\"twinETag\":\"AAAAAAAAAAE=\",\"tags\":{\"site\":\"north\"},\"properties\":{\"desired\":{\"rate\":5,"
    "\"$metadata\":{\"$lastUpdated\":\"2026-11-01T00:00:00Z\"},\"$version\":7},\"reported\":{\"up\":1}},"
    "\"capabilities\":{\"iotEdge\":false}}\r\n"
    "{\"id\":\"stolen\",\"status\":\"disabled\",\"statusReason\":\"stolen in May\",\"authentication\":{" KEYS
    ",\"type\":\"sas\"}}\r\n"
    "\r\n"
    "{\"id\":\"by-print\",\"status\":\"enabled\",\"authentication\":{" NO_KEYS
    ",\"x509Thumbprint\":{\"primaryThumbprint\":\"" SHA1
    "\",\"secondaryThumbprint\":null},\"type\":\"selfSigned\"},\"tags\":{}}\n"
    "{\"id\":\"by-ca\",\"status\":\"enabled\"," BY_CA "}";

static void write_lines(const struct folder *folder, const char *text)
{
    char path[96];
    FILE *file;

    snprintf(path, sizeof path, "%s/devices.txt", folder->path);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int import(const struct folder *folder, const char *options)
{
    return vedette(
        "device import %s %s/devices.txt --data-dir %s", options, folder->path, folder->data);
}

static void assert_shown(const struct folder *folder, const char *words, const char *text)
{
    assert_int_equal(vedette("device %s --data-dir %s", words, folder->data), 0);
    assert_said(text);
}

static void test_devices__import(void **state)
{
    const struct folder *folder = *state;

    make(folder);
    write_lines(folder, exported);
    assert_int_equal(import(folder, ""), 0);
    assert_said("4 made, 1 of them disabled; 0 were there already");
    assert_shown(folder, "show by-key", "primary key        " KEY_1 "\nsecondary key      " KEY_2);
    assert_shown(folder, "twin by-key", "\"site\": \"north\"");
    assert_said("\"rate\": 5");
    assert_shown(folder, "show stolen",
        "status             disabled, not connected\nreason             stolen in May");
    assert_shown(folder, "update stolen --status disabled", "reason             stolen in May");
    assert_shown(folder, "update stolen --status enabled", "status             enabled");
    assert_null(strstr(output, "reason"));
    assert_shown(
        folder, "show by-print", "thumbprint of its certificate\nprimary            " SHA1);
    assert_shown(folder, "show by-ca", "CN = by-ca");
    assert_int_equal(
        vedette("device import %s/devices.txt --data-dir %s/no", folder->path, folder->path), 1);
    assert_said("ended at line 1; ");
}

/* What was changed here since is not undone, unless that is asked for. */
static void test_devices__import_again(void **state)
{
    const struct folder *folder = *state;
    const char *data = folder->data;

    make(folder);
    write_lines(folder, exported);
    /* As one that ended before it came to the first device's twin. */
    assert_int_equal(vedette("device create by-key --data-dir %s", data), 0);
    assert_int_equal(import(folder, "--output json"), 0);
    assert_said("\"made\": 3");
    assert_said("\"present\": [\n    \"by-key\"\n  ]");
    assert_shown(folder, "twin by-key", "\"site\": \"north\"");
    assert_int_equal(
        vedette("device twin by-key --patch '{\"tags\":{\"site\":\"south\"}}' --data-dir %s", data),
        0);
    assert_int_equal(vedette("device update by-print --status disabled --data-dir %s", data), 0);
    assert_int_equal(import(folder, ""), 0);
    assert_said("by-print was there already: left as it is\n");
    assert_said("0 made, 0 of them disabled; 4 were there already");
    assert_shown(folder, "twin by-key", "\"site\": \"south\"");
    assert_shown(folder, "show by-print", "disabled, not connected");
    assert_int_equal(import(folder, "--update"), 0);
    assert_said("by-print was there already: updated\n");
    assert_said("0 made, 0 of them disabled; 4 were there already, updated\n");
    assert_shown(folder, "show by-key", KEY_1);
    assert_shown(folder, "twin by-key", "\"site\": \"north\"");
    assert_shown(folder, "show by-print", "enabled, not connected");
}

/* Each is told by its number, and the good one is not made either. */
static void test_devices__import_of_wrong_lines(void **state)
{
    static const struct {
        const char *line;
        const char *said;
    } cases[] = {
        {"{\"id\":\"good\"," BY_CA "}", ""},
        {"[]", "line 2: not a JSON object"},
        {"{\"id\":\"a\"", "line 3: "},
        {"{\"status\":\"enabled\"}", "line 4: no valid id"},
        {"{\"id\":\"a b\"," BY_CA "}", "line 5: no valid id"},
        {"{\"id\":\"a\",\"moduleId\":\"m\"," BY_CA "}", "line 6: a module"},
        {"{\"id\":\"b\",\"importMode\":\"delete\"," BY_CA "}", "line 7: importMode"},
        {"{\"id\":\"c\",\"status\":\"off\"," BY_CA "}", "line 8: status is enabled or disabled"},
        {"{\"id\":\"d\",\"authentication\":{" NO_KEYS ",\"type\":\"sas\"}}", "line 9: no key"},
        {"{\"id\":\"e\",\"authentication\":{" NO_KEYS ",\"type\":\"selfSigned\"}}",
            "line 10: selfSigned needs a thumbprint"},
        {"{\"id\":\"f\",\"authentication\":{\"symmetricKey\":{\"primaryKey\":\"x\"}}}",
            "line 11: a symmetric key is base64"},
        {"{\"id\":\"g\",\"tags\":{\"a.b\":1}," BY_CA "}", "line 12: tags.a.b: a name is"},
        {"{\"id\":\"h\",\"tags\":[]," BY_CA "}", "line 13: tags: "},
        {"{\"id\":\"i\",\"capabilities\":{\"iotEdge\":true}," BY_CA "}", "line 14: capabilities"},
        {"{\"id\":\"good\"," BY_CA "}", "line 15: good: stands in an earlier line"},
    };
    const struct folder *folder = *state;
    char text[8192] = "";

    make(folder);
    for (size_t i = 0; i < COUNT(cases); i++) {
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s\n", cases[i].line);
    }
    write_lines(folder, text);
    assert_int_equal(import(folder, ""), 1);
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_said(cases[i].said);
    }
    assert_said("nothing was made: 14 lines are wrong");
    write_lines(folder, "\n\r\n");
    assert_int_equal(import(folder, ""), 1);
    assert_said("devices.txt: no devices in it");
    assert_shown(folder, "list", "no devices");
}

int main(void)
{
#define TEST(name) \
    cmocka_unit_test_setup_teardown(test_devices__##name, folder_set_up, folder_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(keys_of_a_file),
        TEST(keys_are_not_in_the_process_list),
        TEST(urls_are_not_in_the_process_list),
        TEST(import),
        TEST(import_again),
        TEST(import_of_wrong_lines),
    };

    return cmocka_run_group_tests_name("devices", tests, NULL, NULL);
}
