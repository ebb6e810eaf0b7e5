/* SPDX-License-Identifier: MIT */
/* Tests of the system information that the Linux port gives. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/utsname.h>

#include <cmocka.h>

#include "azure_iot_security_module/ports/linux/asc_linux_system.h"

static void test_linux_system__os_release(void **state)
{
    static const struct {
        const char *text, *value;
    } cases[] = {
        {"PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=x\n",
            "Debian GNU/Linux 12 (bookworm)"},
        {"NAME=x\nPRETTY_NAME=Plain\nVERSION=1", "Plain"},
        {"NAME=x\nPRETTY_NAME=Last", "Last"},
        {"XPRETTY_NAME=no\nPRETTY_NAMES=no\nPRETTY_NAME='a \\ b'\n", "a \\ b"},
        {"PRETTY_NAME=\"a \\\"b\\\" \\$c\"\n", "a \"b\" $c"},
        {"PRETTY_NAME=\"open\nNAME=x\n", "open"},
        {"PRETTY_NAME=\n", ""},
        {"PRETTY_NAME=\"", ""},
        {"PRETTY_NAME", ""},
        {"", ""},
        {"PRETTY_NAME=0123456789012345678901234567890123456789\n",
            "0123456789012345678901234567890"},
    };
    char out[32];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        asc_linux_os_release(cases[i].text, "PRETTY_NAME", out, sizeof out);
        assert_string_equal(out, cases[i].value);
    }
}

static void test_linux_system__this_machine(void **state)
{
    struct asc_linux_system s;
    struct utsname names;

    (void)state;
    memset(&s, 'x', sizeof s);
    asc_linux_system_read(&s);
    assert_int_equal(uname(&names), 0);
    assert_non_null(strstr(s.kernel, names.release));
    assert_memory_equal(s.hw, names.machine, strlen(names.machine));
    assert_non_null(memchr(s.os, '\0', sizeof s.os));
    print_message("os: %s\nkernel: %s\nhw: %s\n", s.os, s.kernel, s.hw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linux_system__os_release),
        cmocka_unit_test(test_linux_system__this_machine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
