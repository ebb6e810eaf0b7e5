/* SPDX-License-Identifier: MIT */
/* The parts of the emitter. */

#ifndef VEDETTE_CENTER_KQL_EMIT_INTERNAL_H
#define VEDETTE_CENTER_KQL_EMIT_INTERNAL_H

#include "center/kql/emit.h"

/* A condition that all rows of what is written now meet in the end, so that the scan below may leave the others out. */
struct vd_kql_emit_filter {
    const struct vd_kql_expr *condition;
    const struct vd_kql_emit_filter *outer;
};

struct vd_kql_emitter {
    enum vd_kql_dialect dialect;
    struct vd_buf *sql;
    struct vd_kql_problem *problem;
    int error; /* the first; what follows changes nothing */
    uint32_t aliases;
    uint32_t text_functions;
    const struct vd_kql_emit_filter *filters;
};

/* Where an expression's columns are: what a column is called in the input, and the order of its rows. */
struct vd_kql_emit_place {
    const struct vd_kql_rel *rel;   /* the input */
    const struct vd_kql_rel *right; /* of a join, whose keys are here; NULL */
    const char *left_alias;         /* in front of columns, with its point; "": none */
    const char *right_alias;
};

void vd_kql_emit_text(struct vd_kql_emitter *e, const char *text);
void vd_kql_emit_constant(struct vd_kql_emitter *e, const struct vd_kql_value *value);
/* A text in quotation marks. */
void vd_kql_emit_quoted(struct vd_kql_emitter *e, struct vd_str text);
/* The column's name in SQL: letters and digits of its name, and its number. */
void vd_kql_emit_column(struct vd_kql_emitter *e, const struct vd_kql_column *column);
void vd_kql_emit_expr(struct vd_kql_emitter *e, const struct vd_kql_emit_place *place,
    const struct vd_kql_expr *expr);
/* "ORDER BY ..." by the relation's order, whose columns are those of `in`; nothing without an order. */
void vd_kql_emit_order(
    struct vd_kql_emitter *e, const struct vd_kql_rel *order, const struct vd_kql_rel *in);
/* The column of an aggregate's input that says which row of the order it is, where the dialect needs one. */
#define VD_KQL_ROW_NUMBER "vd_row"
bool vd_kql_emit_needs_order(const struct vd_kql_emitter *e, const struct vd_kql_expr *call);
/* The filters' bounds of the scan's columns, as arguments of its table; nothing where there are none. */
void vd_kql_emit_bounds(struct vd_kql_emitter *e, const struct vd_kql_rel *scan);
/* A SELECT. */
void vd_kql_emit_rel(struct vd_kql_emitter *e, const struct vd_kql_rel *rel);
void vd_kql_emit_unsupported(struct vd_kql_emitter *e, const char *what);

#endif
