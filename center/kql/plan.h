/* SPDX-License-Identifier: MIT */
/* What a query comes to once its names and types are known: relations and expressions, all in one arena. */

#ifndef VEDETTE_CENTER_KQL_PLAN_H
#define VEDETTE_CENTER_KQL_PLAN_H

#include "center/kql/functions.h"
#include "center/kql/tables.h"

struct vd_kql_rel;

/* More rows of a range, and more bins of a series, are not made. */
#define VD_KQL_RANGE_MAX 1000000

/* ---- Expressions ---- */

enum vd_kql_op {
    VD_KQL_OP_COLUMN,
    VD_KQL_OP_CONSTANT,
    VD_KQL_OP_CALL,   /* of a row of the table of functions, scalar or aggregate */
    VD_KQL_OP_CASE,   /* condition, value, condition, value ..., else */
    VD_KQL_OP_PATH,   /* of a dynamic value, steps that are constants */
    VD_KQL_OP_WINDOW, /* over the order of the relation's input */
    VD_KQL_OP_SCALAR, /* the first value of a relation */
    VD_KQL_OP_WITHIN, /* whether the argument is among the relation's first column */
};

enum vd_kql_window {
    VD_KQL_WINDOW_PREV, /* value, how far, instead (NULL: null) */
    VD_KQL_WINDOW_NEXT,
    VD_KQL_WINDOW_NUMBER, /* first number */
    VD_KQL_WINDOW_CUMSUM, /* value */
};

/* A step of a path: a member's name, or an element's number, which counts from the end if it is negative. */
struct vd_kql_step {
    struct vd_str name; /* data NULL: a number */
    int64_t number;
};

struct vd_kql_expr {
    enum vd_kql_op op;
    enum vd_kql_type type;
    uint32_t column; /* its id */
    enum vd_kql_window window;
    const struct vd_kql_expr
        *restart; /* of a window: a column that is another wherever it begins anew; NULL: never */
    const struct vd_kql_overload *call;
    struct vd_kql_value value;
    struct vd_kql_expr **arguments;
    uint32_t argument_count;
    uint32_t depth; /* of the deepest argument, and one; at least 1 once it is resolved */
    const struct vd_kql_step *steps; /* of arguments[0] */
    uint32_t step_count;
    const struct vd_kql_rel *rel;
};

/* ---- Relations ---- */

struct vd_kql_column {
    struct vd_str name;
    enum vd_kql_type type;
    uint32_t id;      /* of no other column of the plan; from 1 */
    uint32_t json_of; /* it is parse_json of the column with that id; 0: of none that has members */
    uint32_t
        member_of; /* it is a member of that column, and queries cannot name it; 0: it is none */
    const struct vd_kql_table_member *member;
    bool is_key; /* only there to be sorted by; queries cannot name it */
};

struct vd_kql_columns {
    struct vd_kql_column *items;
    uint32_t count;
    uint32_t capacity;
    struct vd_str numbered; /* the name that got a number last, and that */
    uint32_t number;
};

enum vd_kql_rel_kind {
    VD_KQL_REL_SCAN,    /* table; names of the view's columns in view_columns */
    VD_KQL_REL_ROWS,    /* exprs row by row; of constants, but for the one row of print */
    VD_KQL_REL_RANGE,   /* exprs: how many, and the value by the column `counter`, from 0 on */
    VD_KQL_REL_FILTER,  /* exprs[0] */
    VD_KQL_REL_PROJECT, /* an expr for each column */
    VD_KQL_REL_AGGREGATE, /* the first group_count exprs are what it groups by, the others aggregates */
    VD_KQL_REL_LIMIT,     /* exprs[0]; in the order, if there is one */
    VD_KQL_REL_SAMPLE, /* exprs[0] */
    VD_KQL_REL_JOIN,   /* inputs 0 and 1, exprs by pairs: keys of the left and of the right */
    VD_KQL_REL_UNION, /* all inputs, which have as many columns of the same types in the same order */
    VD_KQL_REL_EXPAND, /* the columns behind those of the input are the elements of exprs, one array each */
    /* Of the input's columns, which are groups, number of the bin, values as JSON: an array of each value over all bins. exprs:
     * how many bins, groups, what is instead of a value that is not there, the axis by the column `counter`. */
    VD_KQL_REL_SERIES,
};

enum vd_kql_join {
    VD_KQL_JOIN_INNER,
    VD_KQL_JOIN_INNERUNIQUE,
    VD_KQL_JOIN_LEFTOUTER,
    VD_KQL_JOIN_RIGHTOUTER,
    VD_KQL_JOIN_FULLOUTER,
    VD_KQL_JOIN_LEFTSEMI,
    VD_KQL_JOIN_LEFTANTI,
    VD_KQL_JOIN_RIGHTSEMI,
    VD_KQL_JOIN_RIGHTANTI,
};

struct vd_kql_order {
    uint32_t column; /* its id */
    bool is_descending;
    bool nulls_first;
};

struct vd_kql_rel {
    enum vd_kql_rel_kind kind;
    const struct vd_kql_rel **inputs;
    uint32_t input_count;
    struct vd_kql_columns columns;
    struct vd_kql_expr **exprs;
    uint32_t expr_count;
    const struct vd_kql_table *table;
    const char *const *view_columns;
    uint32_t group_count;
    uint32_t counter;      /* id */
    uint32_t row_limit;    /* of EXPAND, for each row; 0: none */
    uint32_t index_column; /* of EXPAND: id; 0: none */
    bool expands_pairs; /* of EXPAND: a member of a bag becomes [name, value], not a bag of one */
    enum vd_kql_join join;
    /* The order that rows have, whose columns are among these. */
    const struct vd_kql_order *order;
    uint32_t order_count;
    bool is_serialized;
};

struct vd_kql_plan {
    const struct vd_kql_rel *rel;
    const char *render;    /* JSON object; NULL: none */
    uint32_t column_count; /* ids given */
};

#endif
