/* SPDX-License-Identifier: MIT */
/* Commands that list what one call of the API answers. */

#ifndef VEDETTE_CLI_LIST_H
#define VEDETTE_CLI_LIST_H

#include "cli/client.h"
#include "cli/table.h"

struct vd_list {
    const char *rows;           /* the answer's member that holds them */
    const char *const *columns; /* at most VD_TABLE_COLUMNS_MAX */
    size_t column_count;
    size_t coloured_column;                                 /* as in struct vd_table */
    void (*add)(struct vd_table *table, const json_t *row); /* a cell a column */
    const char *none;       /* said where there are no rows; NULL: the empty table is */
    bool is_answer_printed; /* as JSON: the whole answer; else the rows */
};

/* Prints the answer as the command line wants it, says where it holds only the first rows, and releases it. NULL: the call failed, and why was said. Returns the exit status. */
int vd_cli_list(const struct vd_invocation *invocation, const struct vd_list *list, json_t *answer);

/* The same with what GET `path` answers. */
int vd_cli_list_at(
    const struct vd_invocation *invocation, const struct vd_list *list, const char *path);

/* A member of an object; NULL or 0: it has none of this name and type. */
const char *vd_member_text(const json_t *object, const char *name);
long long vd_member_number(const json_t *object, const char *name);

#endif
