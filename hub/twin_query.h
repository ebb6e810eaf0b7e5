/* SPDX-License-Identifier: MIT */
/* The twin query language: SELECT ... FROM devices|devices.modules [WHERE ...] [GROUP BY ...] over rows that are JSON. */

#ifndef VEDETTE_HUB_TWIN_QUERY_H
#define VEDETTE_HUB_TWIN_QUERY_H

#include <jansson.h>
#include <stdbool.h>

#include "lib/str.h"
#include "proto/protocol.h"

/*
 *   SELECT * | item, ... FROM devices | devices.modules [WHERE condition] [GROUP BY path, ...]
 *   item       path [AS name]; COUNT() [AS name]; SUM, AVG, MIN, MAX (path) [AS name]
 *   condition  OR, AND, NOT, parentheses (NOT binds closest, then AND); = != <> < <= > >=; IN [..]; NIN [..];
 *              is_defined, is_null, is_bool, is_number, is_string, is_object (path); startswith, endswith, contains (a, b)
 *   value      path, 'text' or "text" (a doubled quote is one), number, true, false, null
 *   path       name.name..., also name['any text']; names of letters, digits, _ - $ @ : and all beyond ASCII
 * Keywords and functions in either case; paths and texts case-sensitive. Without AS a column is named after the last name of its
 * path, or as the function in small letters; two columns may not have one name.
 *
 * Where the protocol's pages are silent this is so:
 * - A member that is not there is undefined. Every comparison with it is false, != and NIN too; so NOT of one is true.
 * - Values of different types are not equal and have no order. Numbers compare by value (1 = 1.0), texts by their bytes,
 *   true, false and null only for equality, objects and arrays for equality of all that is in them.
 * - A value alone is a condition that holds if it is true and nothing else.
 * - An undefined column is left out of its row. Rows in which a GROUP BY path is undefined are one group.
 * - With GROUP BY or a function among the columns, each plain column must stand in GROUP BY. SUM, AVG, MIN and MAX take
 *   numbers and pass over all else; of no numbers they are left out. COUNT() counts rows; without GROUP BY there is
 *   always one row.
 */

/* Of a query's text; depth of parentheses, NOT and functions; operators, values and paths together. */
#define VD_TWIN_QUERY_MAX_BYTES 4096u
#define VD_TWIN_QUERY_DEPTH_MAX 32u
#define VD_TWIN_QUERY_TERMS_MAX 256u
/* Columns, and paths of GROUP BY. */
#define VD_TWIN_QUERY_COLUMNS_MAX  64u
#define VD_TWIN_QUERY_GROUP_BY_MAX 8u
/* Groups of one answer: all are held at once and come in one page. */
#define VD_TWIN_QUERY_GROUPS_MAX 1000u
/* Continuation text and NUL: "1-", 16 digits, "-", both ids with each byte as %XX, "/". */
#define VD_TWIN_QUERY_CONTINUATION_SIZE (2 + 16 + 1 + 3 * VD_ID_MAX + 1 + 3 * VD_ID_MAX + 1)

/* What is wrong with a query: the byte at which it begins (the text's length for its end), and what would have been right. */
struct vd_twin_query_problem {
    size_t position;
    const char *expected; /* static */
};

/* Does not change once parsed, so that many threads may run it. */
struct vd_twin_query;

/* VD_E_INVALID, VD_E_LIMIT (one of the bounds above) with *problem set; VD_E_NOMEM. The caller ends *out with _free. */
VD_NODISCARD int vd_twin_query_parse(
    struct vd_str text, struct vd_twin_query **out, struct vd_twin_query_problem *problem);

/* NULL is allowed. */
void vd_twin_query_free(struct vd_twin_query *query);

/* True: FROM devices.modules. */
bool vd_twin_query_is_of_modules(const struct vd_twin_query *query);

/* True: SELECT *, so that what comes out are twins as they went in. */
bool vd_twin_query_is_whole(const struct vd_twin_query *query);

/* True: it has groups or functions, so that its source is read to the end. */
bool vd_twin_query_is_grouped(const struct vd_twin_query *query);

/* Device ids in the order of their bytes, each once; they are the query's. */
struct vd_twin_query_devices {
    const char *ids[VD_TWIN_QUERY_TERMS_MAX];
    size_t count;
};

/* True: WHERE can hold for these devices (or their modules) only, because it compares deviceId with texts by = or IN, joined
 * by AND with anything, by OR with its like. False: *devices is undefined. */
bool vd_twin_query_names_devices(
    const struct vd_twin_query *query, struct vd_twin_query_devices *devices);

/* True: WHERE can hold only for identities that are enabled (or only for those that are not, as *enabled says), because it
 * compares status with 'enabled' or 'disabled' by =, joined by AND with anything. False leaves *enabled untouched. */
bool vd_twin_query_names_status(const struct vd_twin_query *query, bool *enabled);

/* False: all that the query looks at is in the identity itself (deviceId, moduleId, deviceEtag, status, statusReason,
 * statusUpdateTime, connectionState, authenticationType, x509Thumbprint): whatever else a row holds makes no difference. */
bool vd_twin_query_needs_state(const struct vd_twin_query *query);

/* False: it does not look at cloudToDeviceMessageCount. */
bool vd_twin_query_needs_message_count(const struct vd_twin_query *query);

/* False: it does not look at lastActivityTime. */
bool vd_twin_query_needs_activity(const struct vd_twin_query *query);

/* True: WHERE holds for the row, or there is none. */
bool vd_twin_query_matches(const struct vd_twin_query *query, const json_t *row);

/* An identity; both empty: before the first. */
struct vd_twin_query_position {
    char device_id[VD_ID_MAX + 1];
    char module_id[VD_ID_MAX + 1];
};

struct vd_twin_query_source {
    /*
     * Gives the next row in an order that stays the same from page to page, and who it is.
     * *row  becomes the query's, which lets go of it
     * VD_OK; VD_E_NOT_FOUND at the end; all else ends the query with that error.
     */
    int (*next)(void *context, json_t **row, struct vd_twin_query_position *position);
    void *context;
};

struct vd_twin_query_page {
    json_t *rows;                                       /* an array, the caller's */
    char continuation[VD_TWIN_QUERY_CONTINUATION_SIZE]; /* "" at the end */
    size_t scanned;                                     /* rows taken from the source */
};

/*
 * Fills one page.
 * source      stands behind the position that the last page's continuation gives
 * max_rows    ends a page; at least 1
 * max_scanned ends a page too, short or empty, so that one of few matches takes no longer; at least 1
 * A query with groups or functions reads its source to the end, whatever these two say, and is one page.
 * VD_E_LIMIT: more than VD_TWIN_QUERY_GROUPS_MAX groups; VD_E_NOMEM; the source's errors. *page is then untouched.
 */
VD_NODISCARD int vd_twin_query_run(const struct vd_twin_query *query,
    const struct vd_twin_query_source *source, size_t max_rows, size_t max_scanned,
    struct vd_twin_query_page *page);

/* The continuation of a page that ended at this position: for a source that stops before its end. VD_E_NOMEM. */
VD_NODISCARD int vd_twin_query_continue(const struct vd_twin_query *query,
    const struct vd_twin_query_position *position, char out[VD_TWIN_QUERY_CONTINUATION_SIZE]);

/*
 * Where the page after the one with this continuation begins: behind *position. Empty text: before the first.
 * VD_E_INVALID: damaged, or of another query.
 */
VD_NODISCARD int vd_twin_query_resume(const struct vd_twin_query *query, struct vd_str continuation,
    struct vd_twin_query_position *position);

#endif
