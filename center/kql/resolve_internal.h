/* SPDX-License-Identifier: MIT */
/* The parts of the resolver. Its memory is the arena's; a failure leaves by longjmp to vd_kql_resolve, so no part has to
 * hand it on, and nothing is left to free.
 */

#ifndef VEDETTE_CENTER_KQL_RESOLVE_INTERNAL_H
#define VEDETTE_CENTER_KQL_RESOLVE_INTERNAL_H

#include <setjmp.h>

#include "center/kql/resolve.h"

/* Expressions and relations of a plan, and how deep functions call functions. */
#define VD_KQL_PLAN_MAX       100000
#define VD_KQL_CALL_DEPTH_MAX 64
#define VD_KQL_NESTING_MAX    500
#define VD_KQL_EXPR_DEPTH_MAX 300  /* DuckDB reads expressions that are nested by 1,000 */
#define VD_KQL_COLUMNS_MAX    2000 /* of a relation */
#define VD_KQL_STEPS_MAX      300  /* operators behind pipes, which nest the statement */

enum vd_kql_binding_kind {
    VD_KQL_BIND_NODE,  /* EXPR, PIPE or FUNCTION, in the scope `inner` */
    VD_KQL_BIND_VALUE, /* an argument, resolved where the function was called */
    VD_KQL_BIND_REL,   /* what `as` named; may be used once more */
};

/* A name and what was before it. */
struct vd_kql_scope {
    const struct vd_kql_scope *outer;
    struct vd_str name;
    enum vd_kql_binding_kind kind;
    const struct vd_kql_node *node;
    const struct vd_kql_scope *inner;
    struct vd_kql_expr *value;
    const struct vd_kql_rel *rel;
    uint32_t tables; /* around it that stand as values */
};

/* Where an expression stands. */
struct vd_kql_place {
    const struct vd_kql_scope *scope;
    const struct vd_kql_rel *row;   /* whose columns can be named; NULL: none */
    const struct vd_kql_rel *right; /* of a join: $right */
    struct vd_kql_aggregates
        *aggregates; /* aggregates may stand here, and go there; NULL: they may not */
};

/* Aggregates that an expression asked for, as columns of the relation that will have them. */
struct vd_kql_aggregates {
    struct vd_kql_columns columns;
    struct vd_kql_rel *rel; /* whose exprs they become */
};

struct vd_kql_resolver {
    struct vd_arena *arena;
    const struct vd_kql_options *options;
    struct vd_kql_problem *problem;
    jmp_buf failed;
    int error;
    uint32_t columns; /* ids given */
    uint32_t made;    /* expressions and relations */
    uint32_t depth;   /* of calls */
    uint32_t nesting; /* of expressions */
    uint32_t tables;  /* that stand as values around what is resolved */
    uint32_t steps;   /* operators behind pipes so far */
    const char *render;
};

/* ---- resolve.c ---- */

void *vd_kql_new(struct vd_kql_resolver *r, size_t size);
_Noreturn void vd_kql_fail(struct vd_kql_resolver *r, const struct vd_kql_node *node,
    const char *format, ...) __attribute__((format(printf, 3, 4)));
struct vd_str vd_kql_textf(struct vd_kql_resolver *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
const struct vd_kql_node *vd_kql_child(const struct vd_kql_node *node, uint32_t i);

struct vd_kql_expr *vd_kql_expr_new(
    struct vd_kql_resolver *r, enum vd_kql_op op, enum vd_kql_type type, uint32_t arguments);
struct vd_kql_expr *vd_kql_constant_long(struct vd_kql_resolver *r, int64_t number);
struct vd_kql_expr *vd_kql_constant_text(struct vd_kql_resolver *r, struct vd_str text);
struct vd_kql_expr *vd_kql_constant_null(struct vd_kql_resolver *r, enum vd_kql_type type);
struct vd_kql_expr *vd_kql_column_expr(
    struct vd_kql_resolver *r, const struct vd_kql_column *column);
bool vd_kql_is_constant(const struct vd_kql_expr *expr);

struct vd_kql_column *vd_kql_columns_add(
    struct vd_kql_resolver *r, struct vd_kql_columns *columns, const struct vd_kql_column *column);
/* A new column of that name and type. */
struct vd_kql_column *vd_kql_columns_new(struct vd_kql_resolver *r, struct vd_kql_columns *columns,
    struct vd_str name, enum vd_kql_type type);
bool vd_kql_is_hidden(const struct vd_kql_column *column);
/* By name, of those that can be named; NULL. */
const struct vd_kql_column *vd_kql_columns_find(
    const struct vd_kql_columns *columns, struct vd_str name);
const struct vd_kql_column *vd_kql_columns_by_id(const struct vd_kql_columns *columns, uint32_t id);
/* A name that none of them has: the name, or it with 1, 2 ... behind it. */
struct vd_str vd_kql_columns_free_name(
    struct vd_kql_resolver *r, struct vd_kql_columns *columns, struct vd_str name);

struct vd_kql_rel *vd_kql_rel_new(
    struct vd_kql_resolver *r, enum vd_kql_rel_kind kind, uint32_t inputs);
/* One with the columns and the order of its input. */
struct vd_kql_rel *vd_kql_rel_pass(
    struct vd_kql_resolver *r, enum vd_kql_rel_kind kind, struct vd_kql_rel *input);
void vd_kql_rel_expr(struct vd_kql_resolver *r, struct vd_kql_rel *rel, struct vd_kql_expr *expr);

/* ---- resolve_expr.c ---- */

struct vd_kql_expr *vd_kql_resolve_expr(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node);
/* Cast to the type, if it is another. */
struct vd_kql_expr *vd_kql_cast(struct vd_kql_resolver *r, const struct vd_kql_node *node,
    struct vd_kql_expr *expr, enum vd_kql_type type);
/* What is compared in its place: a dynamic value in the form that all have which are equal to it. */
struct vd_kql_expr *vd_kql_comparable(
    struct vd_kql_resolver *r, const struct vd_kql_node *node, struct vd_kql_expr *expr);
/* A call of the table's, arguments cast as it wants them. */
struct vd_kql_expr *vd_kql_call(struct vd_kql_resolver *r, const struct vd_kql_node *node,
    enum vd_kql_role role, struct vd_str name, struct vd_kql_expr **arguments, uint32_t count);
/* As vd_kql_call by the node's text, for lists that are longer than any call. */
struct vd_kql_expr *vd_kql_call_list(struct vd_kql_resolver *r, const struct vd_kql_node *node,
    struct vd_kql_expr **arguments, uint32_t count);
struct vd_kql_expr *vd_kql_resolve_bool(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node);
/* A number that is known before the query runs. */
int64_t vd_kql_resolve_count(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node);

/* Says that the name is unknown, and which known one is near. */
_Noreturn void vd_kql_fail_name(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node);

/* ---- resolve_call.c ---- */

struct vd_kql_expr *vd_kql_resolve_call(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node);

/* Adds it to those of the summarize, and gives its column. */
struct vd_kql_expr *vd_kql_aggregate_add(
    struct vd_kql_resolver *r, struct vd_kql_aggregates *aggregates, struct vd_kql_expr *aggregate);

/* ---- resolve_path.c ---- */

/* The member's own column in the row; NULL: it has none. */
const struct vd_kql_column *vd_kql_member_find(
    const struct vd_kql_rel *row, uint32_t json_of, struct vd_str name);

struct vd_kql_expr *vd_kql_resolve_path(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node);
/* A step further into the base: of a member with a column of its own in the row, that. */
struct vd_kql_expr *vd_kql_path_step(struct vd_kql_resolver *r, const struct vd_kql_rel *row,
    const struct vd_kql_node *node, struct vd_kql_expr *base, const struct vd_kql_step *step);
/* What a dynamic value is that stands for a member with a column of its own: the column, an absent text as an empty one.
 * NULL: it is no such value. */
struct vd_kql_expr *vd_kql_member_value(const struct vd_kql_expr *expr);
/* Whether a function or operator may take that instead: absent and empty are the same to it. */
bool vd_kql_reads_columns(struct vd_str name);
/* The id of the column whose JSON the expression is; 0: of none. */
uint32_t vd_kql_json_of(const struct vd_kql_rel *row, const struct vd_kql_expr *expr);

/* ---- resolve_sides.c ---- */

/* Fails if the comparison of that name is none that means something. */
void vd_kql_check_sides(struct vd_kql_resolver *r, const struct vd_kql_node *node,
    struct vd_str name, const struct vd_kql_expr *left, const struct vd_kql_expr *right);

/* The arithmetic of that name does not take these: fails if there is more to say than which types it takes. */
void vd_kql_fail_sides(struct vd_kql_resolver *r, const struct vd_kql_node *node,
    struct vd_str name, const struct vd_kql_expr *left, const struct vd_kql_expr *right);

/* ---- resolve_regex.c ---- */

/* Fails, at the node, if the expression is a constant text that is no regular expression. */
void vd_kql_check_regex(
    struct vd_kql_resolver *r, const struct vd_kql_node *node, const struct vd_kql_expr *pattern);
/* As that, for the argument of the call that is one, if there is such. */
void vd_kql_check_call_regex(struct vd_kql_resolver *r, const struct vd_kql_node *node,
    struct vd_str name, struct vd_kql_expr *const *arguments, uint32_t count);

/* ---- resolve_extract.c ---- */

struct vd_kql_expr *vd_kql_resolve_extract_json(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node);
struct vd_kql_expr *vd_kql_resolve_extract_all(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node);

/* ---- resolve_name.c: what columns are called that the query gives no name ---- */

/* Empty: nothing comes of the expression. */
struct vd_str vd_kql_name_of(struct vd_kql_resolver *r, const struct vd_kql_node *node);
struct vd_str vd_kql_aggregate_name(struct vd_kql_resolver *r, const struct vd_kql_node *call);

/* ---- resolve_pipe.c ---- */

struct vd_kql_rel *vd_kql_resolve_table(
    struct vd_kql_resolver *r, const struct vd_kql_scope *scope, const struct vd_kql_node *node);
/* One that stands as a value, or as a list of them: nothing in it is of the row around. */
struct vd_kql_rel *vd_kql_resolve_inner_table(
    struct vd_kql_resolver *r, const struct vd_kql_scope *scope, const struct vd_kql_node *node);
/* Adds the LETs of a QUERY to the scope and resolves its pipe. */
struct vd_kql_rel *vd_kql_resolve_query(
    struct vd_kql_resolver *r, const struct vd_kql_scope *scope, const struct vd_kql_node *node);
/* The value of a PARAMETER that the query declares: as it is given, or its default. */
struct vd_kql_expr *vd_kql_parameter_value(
    struct vd_kql_resolver *r, const struct vd_kql_scope *scope, const struct vd_kql_node *node);
/* Fails if a value is given that the query has no parameter for. */
void vd_kql_check_parameters(struct vd_kql_resolver *r, const struct vd_kql_node *query);
const struct vd_kql_scope *vd_kql_resolve_lets(
    struct vd_kql_resolver *r, const struct vd_kql_scope *scope, const struct vd_kql_node *node);
struct vd_kql_scope *vd_kql_bind(struct vd_kql_resolver *r, const struct vd_kql_scope *outer,
    struct vd_str name, enum vd_kql_binding_kind kind);
const struct vd_kql_scope *vd_kql_scope_find(const struct vd_kql_scope *scope, struct vd_str name);
/* The scope in which a function's body is resolved, its arguments bound. */
const struct vd_kql_scope *vd_kql_resolve_arguments(struct vd_kql_resolver *r,
    const struct vd_kql_place *place, const struct vd_kql_node *call,
    const struct vd_kql_scope *function);

/* ---- resolve_range.c ---- */

struct vd_kql_rel *vd_kql_resolve_range(
    struct vd_kql_resolver *r, const struct vd_kql_scope *scope, const struct vd_kql_node *node);

/* ---- An operator each: the relation that comes of one. ---- */

typedef struct vd_kql_rel *vd_kql_operator(struct vd_kql_resolver *r,
    const struct vd_kql_scope *scope, struct vd_kql_rel *input, const struct vd_kql_node *node);

vd_kql_operator vd_kql_resolve_project; /* resolve_project.c: PROJECT ... EXTEND, SERIALIZE */
vd_kql_operator vd_kql_resolve_extend;
vd_kql_operator vd_kql_resolve_project_away;
vd_kql_operator vd_kql_resolve_project_keep;
vd_kql_operator vd_kql_resolve_project_rename;
vd_kql_operator vd_kql_resolve_project_reorder;
vd_kql_operator vd_kql_resolve_serialize;
vd_kql_operator vd_kql_resolve_sort; /* resolve_sort.c */
vd_kql_operator vd_kql_resolve_top;
vd_kql_operator vd_kql_resolve_take;
vd_kql_operator vd_kql_resolve_sample;
vd_kql_operator vd_kql_resolve_sample_distinct;
vd_kql_operator vd_kql_resolve_summarize; /* resolve_summarize.c */
vd_kql_operator vd_kql_resolve_count_rows;
vd_kql_operator vd_kql_resolve_distinct;
vd_kql_operator vd_kql_resolve_join; /* resolve_join.c */
vd_kql_operator vd_kql_resolve_lookup;
vd_kql_operator vd_kql_resolve_union; /* resolve_union.c; input NULL: it is the source */
vd_kql_operator vd_kql_resolve_search;
vd_kql_operator vd_kql_resolve_mv_expand; /* resolve_expand.c */
vd_kql_operator vd_kql_resolve_evaluate;
vd_kql_operator vd_kql_resolve_parse;       /* resolve_parse.c */
vd_kql_operator vd_kql_resolve_make_series; /* resolve_series.c */
vd_kql_operator vd_kql_resolve_render;      /* resolve_render.c */

/* A projection of the input without columns: those that can be named are to be added, then vd_kql_project_end adds what
 * the input carries along unseen. */
struct vd_kql_rel *vd_kql_project_begin(struct vd_kql_resolver *r, struct vd_kql_rel *input);
void vd_kql_project_add(struct vd_kql_resolver *r, struct vd_kql_rel *project, struct vd_str name,
    struct vd_kql_expr *expr);
void vd_kql_project_keep(
    struct vd_kql_resolver *r, struct vd_kql_rel *project, const struct vd_kql_column *column);
struct vd_kql_rel *vd_kql_project_end(struct vd_kql_resolver *r, struct vd_kql_rel *project);
/* Whether the name fits the pattern with its stars. */
bool vd_kql_matches(struct vd_str pattern, struct vd_str name);

#endif
