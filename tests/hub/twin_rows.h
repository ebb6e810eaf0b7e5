/* SPDX-License-Identifier: MIT */
/* Rows for twin queries, from a JSON array, each with deviceId and perhaps moduleId, in the order given. */

#ifndef VEDETTE_TESTS_HUB_TWIN_ROWS_H
#define VEDETTE_TESTS_HUB_TWIN_ROWS_H

#include "hub/twin_query.h"

struct twin_rows {
    json_t *rows;
    size_t next;
    size_t fail_at; /* the row, counted from 1, at which next gives VD_E_IO; 0: none */
};

/* Reads `json`; ends the program if it is none. */
void twin_rows_init(struct twin_rows *rows, const char *json);
void twin_rows_release(struct twin_rows *rows);

/* Its source, standing behind the position. */
struct vd_twin_query_source twin_rows_source(
    struct twin_rows *rows, const struct vd_twin_query_position *position);

#endif
