/* SPDX-License-Identifier: MIT */
/* For tests of the inventory and the overview: stores, what is asked of the API, and what it tells of. */

#ifndef VEDETTE_TESTS_API_INVENTORY_FIXTURE_H
#define VEDETTE_TESTS_API_INVENTORY_FIXTURE_H

#include "api/api.h"
#include "lib/event_log.h"

extern struct vd_alert_store *store;
extern struct vd_event_log *event_log;
extern struct vd_analytics *analytics; /* NULL: not opened */
extern char store_folder[64];
extern json_t *body;   /* what was answered last */
extern int64_t now_ms; /* of the test's beginning */

/* As cmocka calls them. */
int set_up_store(void **state);
int tear_down_store(void **state);

#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up_store, tear_down_store)

/* The answer to GET, which is `body` too; fails unless it has that status. */
const json_t *ask(const char *path, const char *query, int status);

void make_identity(const char *id);
/* An alert of the device, by whose number its id ends. */
void raise_alert(uint8_t number, const char *device, const char *severity, int64_t at_ms);

#endif
