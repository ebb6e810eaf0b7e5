/* SPDX-License-Identifier: MIT */
/* The tables that queries know: what the reference says of them, and nothing else. */

#ifndef VEDETTE_CENTER_KQL_TABLES_H
#define VEDETTE_CENTER_KQL_TABLES_H

#include "center/kql/types.h"

struct vd_kql_table_column {
    const char *name; /* the view of the table has it under this name */
    enum vd_kql_type type;
};

/*
 * A member of a column's JSON that has a column of its own in the view, which queries cannot name: parse_json(EventDetails)
 * .RemoteAddress reads it without any JSON. Of a number or bool NULL: the row's JSON has no such member. A text is never NULL but
 * empty, so that nothing has to be put around the column: what groups and filters by it stays fast.
 */
struct vd_kql_table_member {
    const char *column; /* EventDetails */
    const char *member; /* RemoteAddress */
    const char *view_column;
    enum vd_kql_type type; /* string, long or bool: what the JSON value is */
    bool is_mixed;         /* a string: its JSON may be a number as well */
};

#define VD_KQL_LOOKUPS_MAX 8

struct vd_kql_table {
    const char *name;
    const char *time_column; /* TimeGenerated */
    const struct vd_kql_table_column *columns;
    uint32_t column_count;
    const struct vd_kql_table_member *members;
    uint32_t member_count;
    /* Columns of the view by whose value the store finds rows without reading all; where there are any, a SELECT in DuckDB may
     * name it as T("AlertType" := 'x', since := ..., until := ...), the time's bounds being within. It still filters. */
    const char *const *lookups;
    uint32_t lookup_count; /* at most VD_KQL_LOOKUPS_MAX */
};

/* All of them. */
const struct vd_kql_table *vd_kql_tables(uint32_t *count);
/* By its exact name; NULL: there is none. */
const struct vd_kql_table *vd_kql_table_find(struct vd_str name);

#endif
