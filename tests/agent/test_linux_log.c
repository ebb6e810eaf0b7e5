/* SPDX-License-Identifier: MIT */
/* Tests of the Linux port's log: what a line looks like, whatever a value holds. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "azure_iot_security_module/ports/linux/asc_linux_log.h"

#define LINE_MAX_BYTES 1000u

/* Standard error is a pipe between these two. */
static int before, ends[2];

static void redirect(void)
{
    assert_int_equal(pipe(ends), 0);
    before = dup(STDERR_FILENO);
    assert_true(before >= 0 && dup2(ends[1], STDERR_FILENO) >= 0);
}

/* What was written, which must be one line. */
static size_t restore(char *line, size_t size)
{
    ssize_t n;

    assert_true(dup2(before, STDERR_FILENO) >= 0);
    close(ends[1]);
    n = read(ends[0], line, size - 1);
    close(ends[0]);
    close(before);
    assert_true(n > 0);
    line[n] = '\0';
    assert_ptr_equal(strchr(line, '\n'), line + n - 1);
    return (size_t)n;
}

static void test_linux_log__escapes_values(void **state)
{
    static const struct {
        const char *value;
        const char *written;
    } cases[] = {
        {"plain text", "reason=\"plain text\" code=7\n"},
        {"there is no \"eth0\"", "reason=\"there is no \\\"eth0\\\"\" code=7\n"},
        {"C:\\path", "reason=\"C:\\\\path\" code=7\n"},
        {"two\nlines\ttab\x7f", "reason=\"two\\x0alines\\x09tab\\x7f\" code=7\n"},
        {"\" level=error event=forged", "reason=\"\\\" level=error event=forged\" code=7\n"},
        {"%s %n %d", "reason=\"%s %n %d\" code=7\n"},
        {"Stra\xc3\x9f"
         "e",
            "reason=\"Stra\xc3\x9f"
            "e\" code=7\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char line[2000];

        redirect();
        asc_linux_log(ASC_LINUX_LOG_WARN, "tested", "reason=\"%s\" code=%d", cases[i].value, 7);
        (void)restore(line, sizeof line);
        assert_int_equal(strncmp(line, "time=20", 7), 0);
        assert_non_null(strstr(line, "Z level=warn event=tested reason="));
        assert_string_equal(strstr(line, "reason="), cases[i].written);
    }
}

static void test_linux_log__numbers(void **state)
{
    char line[2000];

    (void)state;
    redirect();
    asc_linux_log(ASC_LINUX_LOG_INFO, "tested", "a=%d b=%u c=%lu d=%llu e=%s", -1, 4000000000u,
        4000000001ul, 18446744073709551615ull, "x");
    (void)restore(line, sizeof line);
    assert_string_equal(
        strstr(line, " a="), " a=-1 b=4000000000 c=4000000001 d=18446744073709551615 e=x\n");
}

/* A line is cut, and an escape is whole or not there. */
static void test_linux_log__cuts_long_lines(void **state)
{
    (void)state;
    for (size_t more = 0; more < 5; more++) {
        char value[2000], line[3000];
        size_t length;

        memset(value, 'a', more);
        memset(value + more, '\n', sizeof value - 1 - more);
        value[sizeof value - 1] = '\0';
        redirect();
        asc_linux_log(ASC_LINUX_LOG_INFO, "tested", "v=\"%s\" w=1", value);
        length = restore(line, sizeof line);
        assert_in_range(length, LINE_MAX_BYTES - 3, LINE_MAX_BYTES);
        assert_string_equal(line + length - 5, "\\x0a\n");
    }
}

static void test_linux_log__level(void **state)
{
    char line[2000];

    (void)state;
    redirect();
    asc_linux_log(ASC_LINUX_LOG_DEBUG, "unwanted", "a=1");
    asc_linux_log_level(ASC_LINUX_LOG_DEBUG);
    asc_linux_log(ASC_LINUX_LOG_DEBUG, "wanted", "a=%d", 1);
    asc_linux_log_level(ASC_LINUX_LOG_INFO);
    (void)restore(line, sizeof line);
    assert_non_null(strstr(line, "level=debug event=wanted a=1\n"));
}

/* Where standard error is what JOURNAL_STREAM says; last, because nothing takes it back. */
static void test_linux_log__journal(void **state)
{
    char line[2000], stream[64];
    struct stat status;

    (void)state;
    redirect();
    assert_int_equal(setenv("JOURNAL_STREAM", "1:1", 1), 0);
    asc_linux_log_find_journal();
    asc_linux_log(ASC_LINUX_LOG_ERROR, "tested", "a=%d", 1);
    (void)restore(line, sizeof line);
    assert_int_equal(strncmp(line, "time=", 5), 0);

    redirect();
    assert_int_equal(fstat(STDERR_FILENO, &status), 0);
    snprintf(stream, sizeof stream, "%lu:%lu", (unsigned long)status.st_dev,
        (unsigned long)status.st_ino);
    assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
    asc_linux_log_find_journal();
    asc_linux_log(ASC_LINUX_LOG_ERROR, "tested", "a=%d", 1);
    (void)restore(line, sizeof line);
    assert_string_equal(line, "<3>level=error event=tested a=1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linux_log__escapes_values),
        cmocka_unit_test(test_linux_log__numbers),
        cmocka_unit_test(test_linux_log__cuts_long_lines),
        cmocka_unit_test(test_linux_log__level),
        cmocka_unit_test(test_linux_log__journal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
