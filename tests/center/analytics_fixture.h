/* SPDX-License-Identifier: MIT */
/* Query tables in a folder of the test's own, with rows and queries for them. */

#ifndef VEDETTE_TESTS_CENTER_ANALYTICS_FIXTURE_H
#define VEDETTE_TESTS_CENTER_ANALYTICS_FIXTURE_H

#include <jansson.h>

#include "center/store/analytics.h"
#include "tests/center/message.h"

#define ANALYTICS_DAY_0 1764000000000LL /* 2025-11-24T16:00:00Z */

struct analytics_fixture {
    char *folder;
    char data[768];
    struct vd_analytics *analytics;
    struct vd_analytics_keep keep;
    uint32_t memory_limit_mib; /* 0: as it is */
    char text[512];            /* what the last open or query said */
};

int analytics_setup(void **state);
int analytics_teardown(void **state);

#define ANALYTICS_TEST(test) \
    cmocka_unit_test_setup_teardown(test, analytics_setup, analytics_teardown)

/* Opens the tables at `data`; returns what the store does. */
int analytics_open_at(struct analytics_fixture *f);
void analytics_reopen(struct analytics_fixture *f);

/* Appends rows `first` to `first` + `count` - 1; the offset behind them is theirs. */
int analytics_append_rows(
    struct analytics_fixture *f, uint64_t first, size_t count, int64_t time_ms);

/* Return a query's result, the caller's, after checking what it answered: `expected`, or VD_OK. */
json_t *analytics_query_with(struct analytics_fixture *f, const char *sql,
    const struct vd_query_limits *limits, int expected);
json_t *analytics_query(struct analytics_fixture *f, const char *sql);

/* Parts of a result, which stay its own. */
json_t *analytics_cell(const json_t *result, size_t row, size_t column);
size_t analytics_row_count(const json_t *result);

json_int_t analytics_count_rows(struct analytics_fixture *f);
uint64_t analytics_offset_of(struct analytics_fixture *f);

#endif
