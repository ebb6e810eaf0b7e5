/* SPDX-License-Identifier: MIT */
/* A store of alerts in a folder of its own, for a cmocka test. */

#ifndef VEDETTE_TESTS_CENTER_STORE_FIXTURE_H
#define VEDETTE_TESTS_CENTER_STORE_FIXTURE_H

#include "center/store/alert_store.h"

struct store_fixture {
    char *folder;
    char path[512]; /* of the database */
    struct vd_alert_store *store;
};

int store_setup(void **state);
int store_teardown(void **state);

/* As a program that ends and starts again. */
void store_reopen(struct store_fixture *f);

/* Runs statements on a database that is not open, and need not be there. */
void store_run_sql(const char *path, const char *sql);

/* Makes the database that the first release left: tables of version 1, and what tests/fixtures/first-release/alerts.sql has. */
void store_make_first(const char *path);

#endif
