/* SPDX-License-Identifier: MIT */
/* Tests of the twin's settings with whatever the build leaves out: collectors, IPv6, the allow-list. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "azure_iot_security_module/inc/asc_twin.h"
#include "tests/device/device_test.h"

static struct device_port port;
static struct asc_module module;
static struct asc_twin twin;

static int setup(void **state)
{
    struct asc_settings settings = device_settings();

    (void)state;
    memset(&port, 0, sizeof port);
    device_start(&module, &port, &settings);
    asc_twin_init(&twin, &module);
    return 0;
}

static enum asc_twin_result apply(const char *ours)
{
    char text[4096];
    int n = snprintf(text, sizeof text, "{\"desired\":{\"vedette\":%s}}", ours);

    assert_in_range(n, 1, sizeof text - 1);
    return asc_twin_apply(&twin, text, (size_t)n, false);
}

static void assert_reported(const char *what)
{
    char report[ASC_TWIN_REPORT_MAX];

    assert_true(asc_twin_report(&twin, report, sizeof report) > 0);
    if (strstr(report, what) == NULL) {
        print_message("%s\nlacks %s\n", report, what);
        fail();
    }
}

/* Only a collector that is in the image can be on; off is what it is anyway. */
static void test_twin_variants__collectors(void **state)
{
    static const struct {
        const char *name;
        uint32_t bit;
    } collectors[] = {{"networkActivity", ASC_COLLECT_NETWORK_ACTIVITY},
        {"heartbeat", ASC_COLLECT_HEARTBEAT},
        {"systemInformation", ASC_COLLECT_SYSTEM_INFORMATION}};

    (void)state;
    for (size_t i = 0; i < sizeof collectors / sizeof collectors[0]; i++) {
        const bool built = collectors[i].bit != 0;
        char text[200];

        snprintf(text, sizeof text, "{\"collectors\":{\"%s\":false}}", collectors[i].name);
        assert_int_equal(apply(text), ASC_TWIN_APPLIED);
        assert_int_equal(module.settings.collectors, ASC_COLLECT_ALL & ~collectors[i].bit);
        snprintf(text, sizeof text, "{\"collectors\":{\"%s\":true}}", collectors[i].name);
        assert_int_equal(apply(text), built ? ASC_TWIN_APPLIED : ASC_TWIN_REFUSED);
        snprintf(text, sizeof text, "\"%s\":%s", collectors[i].name, built ? "true" : "false");
        assert_reported(text);
        if (!built) {
            snprintf(text, sizeof text,
                "\"path\":\"vedette.collectors.%s\",\"reason\":\"not in this image\"",
                collectors[i].name);
            assert_reported(text);
        }
    }
}

static void test_twin_variants__intervals(void **state)
{
    (void)state;
    assert_int_equal(
        apply("{\"highPriorityInterval\":1,\"lowPriorityInterval\":2000000}"), ASC_TWIN_APPLIED);
    assert_reported("\"highPriorityInterval\":1,");
    assert_reported("\"lowPriorityInterval\":2000000,");
}

/* A list of `count` addresses. */
static const char *list(unsigned count)
{
    static char text[4000];
    size_t n = (size_t)snprintf(text, sizeof text, "{\"allow\":[");

    for (unsigned i = 0; i < count; i++) {
        n += (size_t)snprintf(
            text + n, sizeof text - n, "%s{\"remote\":\"192.0.2.%u\"}", i > 0 ? "," : "", i);
    }
    snprintf(text + n, sizeof text - n, "]}");
    return text;
}

static void test_twin_variants__allow_list(void **state)
{
    (void)state;
#if ASC_TWIN_ALLOW_MAX > 0
    assert_int_equal(apply(list(ASC_TWIN_ALLOW_MAX)), ASC_TWIN_APPLIED);
    assert_int_equal(twin.entry_count, ASC_TWIN_ALLOW_MAX);
    assert_int_equal(apply(list(ASC_TWIN_ALLOW_MAX + 1)), ASC_TWIN_REFUSED);
    assert_int_equal(twin.entry_count, ASC_TWIN_ALLOW_MAX);
    assert_reported("\"reason\":\"too many entries\"");
    assert_int_equal(apply("{\"allow\":[{\"remote\":\"2001:db8::/32\"}]}"),
        ASC_FLOWS6 > 0 ? ASC_TWIN_APPLIED : ASC_TWIN_REFUSED);
#else
    /* As any other member that is not known. */
    assert_int_equal(apply(list(3)), ASC_TWIN_APPLIED);
    assert_reported("\"ignored\":1,");
    assert_int_equal(apply("{\"allow\":7}"), ASC_TWIN_APPLIED);
    assert_null(module.allow);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_twin_variants__collectors, setup),
        cmocka_unit_test_setup(test_twin_variants__intervals, setup),
        cmocka_unit_test_setup(test_twin_variants__allow_list, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
