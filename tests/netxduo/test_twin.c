/* SPDX-License-Identifier: MIT */
/* Settings from the twin through the port to NetX Duo: applied under its mutex, and only while enabled. */

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include "tests/netxduo/fixture.h"

#include <cmocka.h>

static char report[ASC_TWIN_REPORT_MAX];

static enum asc_twin_result apply(const char *json, bool patch)
{
    memset(report, 'x', sizeof report);
    return asc_netxduo_twin_apply(json, strlen(json), patch, report, sizeof report);
}

/* The allowed flow is counted and in no message; once the list is empty it is reported again. */
static void test_netxduo_twin__an_allowed_flow_is_withheld(void **state)
{
    (void)state;
    assert_int_equal(apply("{\"desired\":{\"vedette\":{\"allow\":[{\"remote\":\"198.51.100.7\","
                           "\"port\":443}]},\"$version\":2}}",
                         false),
        ASC_TWIN_APPLIED);
    assert_non_null(strstr(report, "\"version\":2,\"status\":\"ok\""));
    assert_non_null(strstr(report, "\"allow\":[{\"remote\":\"198.51.100.7/32\",\"port\":443}]"));
    (void)fixture_pass_udp(NX_IP_PACKET_IN, 443, 1);
    (void)fixture_pass_udp(NX_IP_PACKET_OUT, 444, 1);
    assert_int_equal(fixture_collect(), 1);
    assert_int_equal(fx.flow[0].remote_port, 444);
    assert_int_equal(asc_netxduo_counters().packets_withheld, 1);

    assert_int_equal(
        apply("{\"vedette\":{\"allow\":null},\"$version\":3}", true), ASC_TWIN_APPLIED);
    (void)fixture_pass_udp(NX_IP_PACKET_IN, 443, 1);
    assert_int_equal(fixture_collect(), 1);
    assert_int_equal(fx.flow[0].remote_port, 443);
}

static void test_netxduo_twin__what_is_refused_is_reported(void **state)
{
    (void)state;
    assert_int_equal(
        apply("{\"desired\":{\"vedette\":{\"highPriorityInterval\":0}}}", false), ASC_TWIN_REFUSED);
    assert_non_null(strstr(report, "\"path\":\"vedette.highPriorityInterval\""));
}

static void test_netxduo_twin__nothing_to_report(void **state)
{
    (void)state;
    assert_int_equal(apply("{\"$version\":5}", true), ASC_TWIN_BEHIND);
    assert_string_equal(report, "");
    assert_int_equal(apply("{\"desired\":{\"$version\":5}}", false), ASC_TWIN_APPLIED);
    assert_int_equal(apply("{\"$version\":5}", true), ASC_TWIN_STALE);
    assert_string_equal(report, "");
    memset(report, 'x', sizeof report);
    assert_int_equal(asc_netxduo_twin_apply("{}", 2, false, report, 10), ASC_TWIN_REFUSED);
    assert_string_equal(report, ""); /* no room */
    assert_int_equal(asc_netxduo_twin_apply("{}", 2, false, NULL, 0), ASC_TWIN_REFUSED);
}

/* Disabled, nothing is applied; enabled again, what the twin said before is still in force. */
static void test_netxduo_twin__only_while_enabled(void **state)
{
    (void)state;
    assert_int_equal(
        apply("{\"desired\":{\"vedette\":{\"lowPriorityInterval\":77},\"$version\":6}}", false),
        ASC_TWIN_APPLIED);
    assert_int_equal(nx_azure_iot_security_module_disable(&fx.azure), NX_AZURE_IOT_SUCCESS);
    assert_int_equal(apply("{\"desired\":{\"$version\":7}}", false), ASC_TWIN_BEHIND);
    assert_string_equal(report, "");
    assert_int_equal(nx_azure_iot_security_module_enable(&fx.azure), NX_AZURE_IOT_SUCCESS);
    assert_int_equal(apply("{\"$version\":7}", true), ASC_TWIN_APPLIED);
    assert_non_null(strstr(report, "\"lowPriorityInterval\":77,"));
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_netxduo_twin__nothing_to_report),
        WITH_FIXTURE(test_netxduo_twin__an_allowed_flow_is_withheld),
        WITH_FIXTURE(test_netxduo_twin__what_is_refused_is_reported),
        WITH_FIXTURE(test_netxduo_twin__only_while_enabled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
