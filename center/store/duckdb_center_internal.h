/* SPDX-License-Identifier: MIT */
/* Between the tables that lie in center.db and the function that reads them. */

#ifndef VEDETTE_CENTER_STORE_DUCKDB_CENTER_INTERNAL_H
#define VEDETTE_CENTER_STORE_DUCKDB_CENTER_INTERNAL_H

#include <sqlite3.h>

#include "center/store/duckdb_internal.h"

#define VD_CENTER_COLUMNS_MAX 48
#define VD_CENTER_LOOKUPS_MAX 8
#define VD_CENTER_SOURCES     2

enum vd_center_kind {
    VD_CENTER_TEXT,
    VD_CENTER_TIME,
    VD_CENTER_REAL,
    VD_CENTER_BOOL,
};

struct vd_center_column {
    const char *name;
    enum vd_center_kind kind;
    const char *
        sql; /* of SQLite, where ?3 is the hub's resource id, ?4 its name; a time in ms. NULL as a text is empty. */
    bool is_narrow; /* the source's narrow index has what it needs */
};

/* A column of the view whose value may be given to the function. */
struct vd_center_lookup {
    const char *name;
    const char *column; /* of SQLite; has an index with the number behind */
    bool is_selective;  /* that index is better than the narrow one */
};

struct vd_center_source {
    const char *name;  /* of the function, and of the view */
    const char *table; /* with a row for each of the view's */
    const char *from;
    const char *narrow; /* the same by the narrow index; NULL: there is none */
    const char *number; /* its rowid, in `from` */
    const char *time;   /* in ms, has an index; NULL: it takes no bounds */
    const struct vd_center_column *columns;
    size_t column_count;
    const struct vd_center_lookup *lookups;
    size_t lookup_count;
};

extern const struct vd_center_source vd_center_sources[VD_CENTER_SOURCES];

/* A connection that can only read, with what the columns call. */
VD_NODISCARD int vd_center_open(const struct vd_duckdb *store, sqlite3 **out);

#endif
