/* SPDX-License-Identifier: MIT */
/* Saved queries in the alert store, and how far those with a schedule have come. Any thread. */

#ifndef VEDETTE_CENTER_STORE_SAVED_QUERIES_H
#define VEDETTE_CENTER_STORE_SAVED_QUERIES_H

#include "center/saved_query.h"

struct vd_alert_store;

/*
 * Makes or replaces a query; one with a schedule covers what comes from now on. VD_E_INVALID with the problem; VD_E_EXISTS: one of
 * that name is delivered; VD_E_LIMIT: there are VD_SAVED_QUERIES_MAX already.
 */
VD_NODISCARD int vd_saved_queries_put(struct vd_alert_store *store, const char *name,
    const json_t *document, int64_t now_ms, bool *is_new,
    char problem[VD_SAVED_QUERY_PROBLEM_SIZE]);
/* VD_E_NOT_FOUND; VD_E_EXISTS: it is delivered. */
VD_NODISCARD int vd_saved_queries_remove(struct vd_alert_store *store, const char *name);

/*
 * *queries: an array, the caller's, of those that are delivered and then all others by name: the document with "name",
 * "isDelivered" and, where it has a schedule, "state": {"coveredTo","next" (null: it rests),"lastRun" (null: never),"rows",
 * "raised","repeated" (of the last run), "error" (null: none)}. name NULL: all; else one, or none.
 */
VD_NODISCARD int vd_saved_queries_list(
    struct vd_alert_store *store, const char *name, json_t **queries);

/* A query that is to run. */
struct vd_due_query {
    char name[VD_SAVED_QUERY_NAME_MAX + 1];
    json_t *document;   /* the caller's */
    int64_t covered_ms; /* UTC: what came before was looked at */
    int64_t due_ms;     /* up to when it is to look; less than covered_ms: the clock was set back */
};

/* The one that is late the longest. VD_E_NOT_FOUND: none is due. */
VD_NODISCARD int vd_saved_queries_due(
    struct vd_alert_store *store, int64_t now_ms, struct vd_due_query *out);

/* How a run ended. */
struct vd_query_ran {
    int64_t ran_ms;
    int64_t rows;
    uint64_t raised;
    uint64_t repeated;
    const char *error; /* NULL: it covered what was due; else it is tried again */
};

/* Within the store's open transaction. Nothing happens if it was changed or removed meanwhile. */
VD_NODISCARD int vd_saved_queries_ran(
    struct vd_alert_store *store, const struct vd_due_query *due, const struct vd_query_ran *ran);

#endif
