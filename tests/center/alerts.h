/* SPDX-License-Identifier: MIT */
/* Alerts for tests of what is done with them. */

#ifndef VEDETTE_TESTS_CENTER_ALERTS_H
#define VEDETTE_TESTS_CENTER_ALERTS_H

#include <stdint.h>

struct vd_alert_store;

#define TEST_ALERT_MS 1700000000000LL

/* The alert of that id (test_uuid) happens once more, at TEST_ALERT_MS, to the device "lamp". */
void test_alert_happen(struct vd_alert_store *store, uint64_t id, const char *severity);

#endif
