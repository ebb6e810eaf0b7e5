/* SPDX-License-Identifier: MIT */
/* Alerts that tests raise. */

#include "tests/center/alerts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "center/store/alert_store_internal.h"
#include "lib/clock.h"
#include "tests/center/message.h"

static const char *no_evidence(const struct vd_alert_update *update, uint64_t i, int64_t *key)
{
    (void)update;
    (void)i;
    *key = 0;
    return "{}";
}

void test_alert_happen(struct vd_alert_store *store, uint64_t id, const char *severity)
{
    const struct vd_alert_update update = {
        .id = test_uuid(id),
        .type = "IoT_TiConnection",
        .display_name = "Suspicious address",
        .severity = severity,
        .device_id = VD_STR_LITERAL("lamp"),
        .module_id = VD_STR_LITERAL(""),
        .subject = "192.0.2.1",
        .day = vd_time_day(TEST_ALERT_MS),
        .start_ms = TEST_ALERT_MS,
        .end_ms = TEST_ALERT_MS,
        .generated_ms = TEST_ALERT_MS,
        .description = "It spoke to an address",
        .remediation_json = "[]",
        .techniques_json = "[]",
        .cause = VD_STR_LITERAL("192.0.2.1"),
        .count = 1,
        .evidence = no_evidence,
    };
    bool raised;

    assert_int_equal(vd_alert_store_begin(store), VD_OK);
    assert_int_equal(vd_alert_store_apply(store, &update, &raised), VD_OK);
    assert_int_equal(vd_alert_store_commit(store), VD_OK);
}
