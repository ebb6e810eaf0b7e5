/* SPDX-License-Identifier: MIT */
/* The parts of the evaluator. A failure leaves by longjmp to eval_query. */

#ifndef VEDETTE_TESTS_KQL_EVAL_INTERNAL_H
#define VEDETTE_TESTS_KQL_EVAL_INTERNAL_H

#include <jansson.h>
#include <setjmp.h>

#include "tests/kql/eval.h"

#define EVAL_NO_ROW UINT32_MAX

struct eval_let {
    struct vd_str name;
    const struct vd_kql_node *function; /* FUNCTION; NULL: a table or a value */
    const struct eval_table *table;
    struct vd_kql_value value;
    const struct eval_let *outer;
};

struct eval {
    struct vd_arena *arena;
    char *problem;
    jmp_buf failed;
    const struct eval_let *lets;
    /* Where an expression is: */
    const struct eval_table *table;
    uint32_t row; /* EVAL_NO_ROW: all columns are null, for the types of tables without rows */
    const uint32_t *group; /* rows that aggregates are over */
    uint32_t group_count;
    bool has_group;
};

_Noreturn void eval_fail(struct eval *e, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void *eval_new(struct eval *e, size_t size);
struct vd_str eval_text(struct eval *e, const void *data, size_t length);

/* ---- eval_value.c ---- */

struct vd_kql_value eval_null(enum vd_kql_type type);
struct vd_kql_value eval_of_bool(bool value);
struct vd_kql_value eval_of_integer(enum vd_kql_type type, int64_t value);
struct vd_kql_value eval_of_real(double value);
struct vd_kql_value eval_of_text(struct vd_str text);
/* Takes the reference; NULL is null. */
struct vd_kql_value eval_of_json(struct eval *e, json_t *json);
/* Of a dynamic value, the caller's; NULL if it is null. */
json_t *eval_json(struct eval *e, const struct vd_kql_value *value);
/* What a value of any type is within a dynamic one; NULL if it is null. */
json_t *eval_as_json(struct eval *e, const struct vd_kql_value *value);
struct vd_str eval_to_text(struct eval *e, const struct vd_kql_value *value);
double eval_number(const struct vd_kql_value *value);
bool eval_is_number(enum vd_kql_type type);
/* -1, 0, 1; of values that are not null and of types that compare. */
int eval_compare(struct eval *e, const struct vd_kql_value *a, const struct vd_kql_value *b);
bool eval_is_equal_json(const json_t *a, const json_t *b);
/* As groups show it: members of a dynamic value by their names. */
struct vd_kql_value eval_grouped(struct eval *e, const struct vd_kql_value *value);
/* Null is the same as null; dynamic values are by what they hold. */
bool eval_is_same(struct eval *e, const struct vd_kql_value *a, const struct vd_kql_value *b);
struct vd_str eval_lower(struct eval *e, struct vd_str text);

/* ---- eval_expr.c ---- */

struct vd_kql_value eval_expr(struct eval *e, const struct vd_kql_node *node);
bool eval_is_true(struct eval *e, const struct vd_kql_node *node);
const struct eval_let *eval_find_let(const struct eval *e, struct vd_str name);
/* Between values; `text` is the operator's. */
struct vd_kql_value eval_arithmetic(
    struct eval *e, struct vd_str text, const struct vd_kql_value *a, const struct vd_kql_value *b);

/* ---- eval_text.c ---- */

/* has, contains, startswith ...; false: it is none of them. */
bool eval_text_operator(struct eval *e, struct vd_str text, const struct vd_kql_value *a,
    const struct vd_kql_value *b, bool *out);
bool eval_has(struct vd_str text, struct vd_str term);

/* ---- eval_call.c, eval_aggregate.c ---- */

struct vd_kql_value eval_call(struct eval *e, const struct vd_kql_node *call);
/* False: there is no such aggregate. */
bool eval_aggregate(struct eval *e, const struct vd_kql_node *call, struct vd_kql_value *out);

/* ---- eval_table.c ---- */

struct eval_table *eval_pipe(struct eval *e, const struct vd_kql_node *pipe);
/* A copy of its columns and no rows; room for `more` columns. */
struct eval_table *eval_table_like(struct eval *e, const struct eval_table *table, uint32_t more);
void eval_add_column(struct eval_table *table, struct vd_str name, enum vd_kql_type type);
uint32_t eval_find_column(
    const struct eval_table *table, struct vd_str name); /* UINT32_MAX: none */
/* A row of nulls with as many values as columns, added. */
struct vd_kql_value *eval_add_row(struct eval *e, struct eval_table *table);
void eval_at(struct eval *e, const struct eval_table *table, uint32_t row);

/* ---- eval_operators.c, eval_join.c: one for each kind of node ---- */

struct eval_table *eval_operator(
    struct eval *e, const struct eval_table *input, const struct vd_kql_node *node);
struct eval_table *eval_summarize(
    struct eval *e, const struct eval_table *input, const struct vd_kql_node *node);
struct eval_table *eval_join(
    struct eval *e, const struct eval_table *input, const struct vd_kql_node *node);
struct eval_table *eval_union(
    struct eval *e, const struct eval_table *input, const struct vd_kql_node *node);
struct eval_table *eval_mv_expand(
    struct eval *e, const struct eval_table *input, const struct vd_kql_node *node);

#endif
