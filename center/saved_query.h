/* SPDX-License-Identifier: MIT */
/* Queries that are kept: their documents, and those that are delivered. ADR 28. */

#ifndef VEDETTE_CENTER_SAVED_QUERY_H
#define VEDETTE_CENTER_SAVED_QUERY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/str.h"

#define VD_SAVED_QUERY_NAME_MAX     64
#define VD_SAVED_QUERY_TEXT_MAX     65536
#define VD_SAVED_QUERIES_MAX        1000
#define VD_SCHEDULED_QUERY_TEXT_MAX 10000 /* each of its alerts shows it */
#define VD_SCHEDULE_EVERY_MIN_MS    60000LL
#define VD_SCHEDULE_EVERY_MAX_MS    86400000LL
#define VD_SCHEDULE_OVER_MAX_MS     1209600000LL
#define VD_SCHEDULE_COLUMN_MAX      128
#define VD_SAVED_QUERY_PROBLEM_SIZE 600

/* When a query runs by itself, and what comes of rows. */
struct vd_query_schedule {
    bool is_enabled;
    int64_t every_ms; /* VD_SCHEDULE_EVERY_MIN_MS to _MAX_MS */
    int64_t over_ms;  /* every_ms to VD_SCHEDULE_OVER_MAX_MS */
    int64_t rows_above;
    const char *severity;
    const char *device_column;
};

/* As it was read; texts are the document's, static where it says nothing. */
struct vd_saved_query {
    const char *title;
    const char *description;
    const char *category;
    struct vd_str text;
    bool is_scheduled;
    struct vd_query_schedule schedule;
};

/*
 * {"query"[,"title","description","category","schedule"]}; schedule: {"every"[,"over","rowsAbove","severity","deviceColumn",
 * "enabled"]}, durations as ISO 8601. Nothing else may be in either. The query is compiled; one with a schedule needs a
 * value for each of its parameters, and the device column, if it is named, among its columns.
 * VD_E_INVALID with the problem.
 */
VD_NODISCARD int vd_saved_query_read(
    const json_t *document, struct vd_saved_query *out, char problem[VD_SAVED_QUERY_PROBLEM_SIZE]);

/* Letters, digits, '-', '_' and '.', 1 to VD_SAVED_QUERY_NAME_MAX. */
bool vd_saved_query_name_is_valid(const char *name);

struct vd_delivered_query {
    const char *name;
    const char *title;
    const char *description;
    const char *category;
    const char *query;
};

/* Row `i` of those that are delivered; NULL behind the last. */
const struct vd_delivered_query *vd_delivered_query_at(size_t i);
/* NULL: there is none of that name, in any case. */
const struct vd_delivered_query *vd_delivered_query_of(const char *name);

#endif
