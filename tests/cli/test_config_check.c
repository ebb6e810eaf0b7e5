/* SPDX-License-Identifier: MIT */
/* `vedette config check`: every fault with its line, and serve stops for the same ones. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/config_check.h"
#include "cli/data_dir.h"
#include "lib/clock.h"
#include "tests/cli/folder.h"
#include "tests/cli/program.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void make(const struct folder *folder)
{
    assert_int_equal(vedette("init --hub-name hub.test --data-dir %s", folder->data), 0);
}

static void test_check__what_init_makes_is_good(void **state)
{
    const struct folder *folder = *state;

    make(folder);
    assert_int_equal(vedette("config check --data-dir %s", folder->data), 0);
    assert_said("no problems, 0 warnings");
    assert_int_equal(vedette("config chek --data-dir %s", folder->data), 2);
}

/* All of them, not only the first; serve says them too. */
static void test_check__each_line(void **state)
{
    static const char *const said[] = {
        "line 1: there is no property log.levl; did you mean log.level?",
        "line 2: analytics.threads = 0: allowed is 1 to 256", "line 4: just words",
        "line 6: query.max_rows stands in line 5 already",
        "line 7: https.listen: the same address"};
    const struct folder *folder = *state;

    make(folder);
    assert_int_equal(shell("printf 'log.levl = warn\nanalytics.threads = 0\n# good\njust words\n"
                           "query.max_rows = 5\nquery.max_rows = 6\nhttps.listen = 0.0.0.0:8883\n'"
                           " >%s/vedette.conf",
                         folder->data),
        0);
    assert_int_equal(vedette("config check --data-dir %s", folder->data), 1);
    for (size_t i = 0; i < COUNT(said); i++) {
        assert_said(said[i]);
    }
    assert_int_equal(vedette("serve --data-dir %s", folder->data), 1);
    for (size_t i = 0; i < COUNT(said); i++) {
        assert_said(said[i]);
    }
}

/* What keeps serve from starting (`stops`), and what only is wrong. */
static void test_check__files_and_contradictions(void **state)
{
    static const struct {
        const char *damage; /* in the data directory */
        const char *said;
        bool stops;
        bool is_warning;
    } cases[] = {
        {"rm server.key", "problem: server.key: not found", true, false},
        {"echo no >server.pem", "server.pem: holds no certificate", true, false},
        {"cp ca.key server.key", "server.key: not the key of server.pem", true, false},
        {"chmod 644 master.key", "master.key: not authorised", true, false},
        {"rm vedette.conf", "bad is not a data directory: make one", true, false},
        {"echo hub.name = other.test >vedette.conf",
            "problem: server.pem: not for other.test (hub.name)", false, false},
        {"chmod 640 server.key", "server.key: open to others than its owner (mode 0640)", false,
            true},
        {"chmod 644 ca.key", "ca.key: open to others than its owner (mode 0644)", false, true},
        {"chmod 755 .", "warning: ", false, true},
        {"echo portal.directory = /no/such >>vedette.conf", "portal.directory: not a folder", false,
            false},
        {"echo diagnostics.webhook_ca = no.pem >>vedette.conf",
            "diagnostics.webhook_ca: without effect: diagnostics.webhook is off", false, false},
        {"echo diagnostics.webhook_ca = no.pem >>vedette.conf", "diagnostics.webhook_ca: not found",
            false, false},
        {"echo security.folders = /tmp:/no/such >>vedette.conf",
            "security.folders: /no/such is not a folder", false, false},
        {"touch diagnostics", "diagnostics.folder: not a folder", false, false},
    };
    const struct folder *folder = *state;

    make(folder);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *dir = folder->path;

        assert_int_equal(shell("rm -rf %s/bad && cp -a %s %s/bad && cd %s/bad && %s", dir,
                             folder->data, dir, dir, cases[i].damage),
            0);
        assert_int_equal(
            vedette("config check --data-dir %s/bad", dir), cases[i].is_warning ? 0 : 1);
        assert_said(cases[i].said);
        if (cases[i].stops && strstr(cases[i].damage, "vedette.conf") == NULL) {
            assert_int_equal(vedette("serve --data-dir %s/bad", dir), 1);
        }
    }
    /* A file that is not in place yet, and settings beside it. */
    assert_int_equal(shell("echo query.timeout_s = 0 >%s/next.conf", folder->path), 0);
    assert_int_equal(
        vedette("config check --config %s/next.conf --data-dir %s", folder->path, folder->data), 1);
    assert_said("next.conf, line 1: query.timeout_s = 0");
    assert_int_equal(
        vedette("config check --set query.timeout_s=0 --data-dir %s", folder->data), 1);
    assert_said("--set: query.timeout_s = 0");
    assert_int_equal(shell("echo security.folders = / >%s/next.conf", folder->path), 0);
    assert_int_equal(
        vedette("config check --config %s/next.conf --set security.folders=/no/such --data-dir %s",
            folder->path, folder->data),
        1);
    assert_said("problem: security.folders: /no/such is not a folder");
}

/* Said before the service starts, and before anything is made. */
static void test_check__too_long_a_path(void **state)
{
    const struct folder *folder = *state;
    char name[VD_DATA_DIR_MAX + 2];

    make(folder);
    memset(name, 'n', sizeof name);
    name[VD_DATA_DIR_MAX - strlen(folder->path)] = '\0'; /* with the slash it is one too many */
    assert_int_equal(vedette("init --data-dir %s/%s", folder->path, name), 1);
    assert_said("longer than 98 characters");
    assert_int_equal(entries(folder->path), 1);
    assert_int_equal(shell("mv %s %s/%s", folder->data, folder->path, name), 0);
    assert_int_equal(vedette("config check --data-dir %s/%s", folder->path, name), 1);
    assert_said("longer than 98 characters");
    assert_int_equal(vedette("config check --data-dir %s/%s", folder->path, name + 1), 1);
    assert_said("is not a data directory");
    assert_int_equal(vedette("init --data-dir %s/%s", folder->path, name + 1), 0);
    assert_int_equal(vedette("config check --data-dir %s/%s", folder->path, name + 1), 0);
}

struct findings {
    bool starts;
    unsigned counts[3];
    char text[1024]; /* of the last */
};

static void count(
    void *context, enum vd_config_grade grade, unsigned line, const char *what, const char *text)
{
    struct findings *findings = context;

    (void)line;
    findings->counts[grade]++;
    snprintf(findings->text, sizeof findings->text, "%s: %s", what, text);
}

static struct findings check_at(const struct folder *folder, int64_t now_ms)
{
    const struct vd_config_source source = {.dir = folder->data, .now_ms = now_ms};
    struct vd_config config;
    struct findings findings = {0};

    findings.starts = vd_config_check(&source, &config, count, &findings);
    return findings;
}

/* Certificates are for ten years. An old one is said, and devices that do not look at dates still have their hub. */
static void test_check__certificate_ends(void **state)
{
    const struct folder *folder = *state;
    const int64_t now_ms = vd_clock_utc_ms();
    struct findings findings;

    make(folder);
    findings = check_at(folder, now_ms - 2 * VD_DAY_MS);
    assert_int_equal(findings.counts[VD_GRADE_PROBLEM], 1);
    assert_non_null(strstr(findings.text, "server.pem: begins on"));
    assert_true(findings.starts);
    findings = check_at(folder, now_ms + 3600 * VD_DAY_MS);
    assert_int_equal(findings.counts[0] + findings.counts[1] + findings.counts[2], 0);
    findings = check_at(folder, now_ms + 3630 * VD_DAY_MS);
    assert_int_equal(findings.counts[VD_GRADE_WARNING], 1);
    assert_non_null(strstr(findings.text, "server.pem: expires on"));
    assert_true(findings.starts);
    findings = check_at(folder, now_ms + 3651 * VD_DAY_MS);
    assert_int_equal(findings.counts[VD_GRADE_PROBLEM], 1);
    assert_non_null(strstr(findings.text, "server.pem: expired on"));
    assert_true(findings.starts);
}

struct wanted {
    enum vd_config_grade grade;
    const char *text;
    bool found;
};

static void find_wanted(
    void *context, enum vd_config_grade grade, unsigned line, const char *what, const char *text)
{
    struct wanted *wanted = context;

    (void)line;
    (void)what;
    wanted->found = wanted->found || (grade == wanted->grade && strstr(text, wanted->text) != NULL);
}

/* Root may write anywhere, so another user looks. */
static void expect_found_by(
    uid_t user, const struct folder *folder, enum vd_config_grade grade, const char *text)
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        const struct vd_config_source source = {.dir = folder->data, .now_ms = vd_clock_utc_ms()};
        struct vd_config config;
        struct wanted wanted = {grade, text, false};
        const bool starts =
            setuid(user) == 0 && vd_config_check(&source, &config, find_wanted, &wanted);

        _exit(wanted.found && starts == (grade != VD_GRADE_STOP) ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* A backup would fail, and only when it is made. */
static void test_check__folder_of_another(void **state)
{
    const struct folder *folder = *state;
    const uid_t user = geteuid() == 0 ? 65534 : geteuid();

    make(folder);
    assert_int_equal(shell("cd %s && mkdir -m 555 kept && mkdir -m 777 own && "
                           "echo security.folders = $PWD/kept:$PWD/own >>data/vedette.conf && "
                           "chmod 755 . && chown -R %u data",
                         folder->path, (unsigned)user),
        0);
    expect_found_by(
        user, folder, VD_GRADE_WARNING, "/kept is a folder that this user cannot write");
}

/* What serve would stop for. */
static void test_check__files_of_another(void **state)
{
    static const char *const names[] = {"lock", "alerts.db"};
    const struct folder *folder = *state;
    char text[64];

    if (geteuid() != 0) {
        skip();
    }
    make(folder);
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_int_equal(shell("cd %s && chmod 755 . && chown -R 65534 data && touch data/%s && "
                               "chown 0 data/%s && chmod 600 data/%s",
                             folder->path, names[i], names[i], names[i]),
            0);
        snprintf(text, sizeof text, "%s cannot be written: not all that is in it", names[i]);
        expect_found_by(65534, folder, VD_GRADE_STOP, text);
    }
}

int main(void)
{
#define TEST(name) \
    cmocka_unit_test_setup_teardown(test_check__##name, folder_set_up, folder_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_init_makes_is_good),
        TEST(each_line),
        TEST(files_and_contradictions),
        TEST(too_long_a_path),
        TEST(certificate_ends),
        TEST(folder_of_another),
        TEST(files_of_another),
    };

    return cmocka_run_group_tests_name("config_check", tests, NULL, NULL);
}
