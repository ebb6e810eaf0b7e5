/* SPDX-License-Identifier: MIT */
/* The parts of the parser. All words are read first; a failure leaves by longjmp to vd_kql_parse, memory is the arena's. */

#ifndef VEDETTE_CENTER_KQL_PARSE_INTERNAL_H
#define VEDETTE_CENTER_KQL_PARSE_INTERNAL_H

#include <setjmp.h>

#include "center/kql/lex.h"

struct vd_kql_parser {
    struct vd_arena *arena;
    struct vd_kql_problem *problem;
    jmp_buf failed;
    int error;
    const struct vd_kql_token *tokens; /* the last is END */
    uint32_t at;
    uint32_t depth;
    uint32_t nodes;
    bool in_search; /* where a colon is `has` */
};

/* ---- parse.c ---- */

_Noreturn void vd_kql_parse_fail(struct vd_kql_parser *p, const struct vd_kql_token *token,
    const char *format, ...) __attribute__((format(printf, 3, 4)));
/* "expected X, found Y" at the next word. */
_Noreturn void vd_kql_parse_expected(struct vd_kql_parser *p, const char *what);
void *vd_kql_parse_new(struct vd_kql_parser *p, size_t size);

const struct vd_kql_token *vd_kql_peek(const struct vd_kql_parser *p, uint32_t ahead);
const struct vd_kql_token *vd_kql_next(struct vd_kql_parser *p);
bool vd_kql_is_sign(const struct vd_kql_token *token, const char *sign);
bool vd_kql_is_word(const struct vd_kql_token *token, const char *word);
/* Takes it if it is next. */
bool vd_kql_take_sign(struct vd_kql_parser *p, const char *sign);
bool vd_kql_take_word(struct vd_kql_parser *p, const char *word);
void vd_kql_expect_sign(struct vd_kql_parser *p, const char *sign);
void vd_kql_expect_word(struct vd_kql_parser *p, const char *word);

/* A node that begins at the token; its end is set with each child, and by vd_kql_node_end to the last word taken. */
struct vd_kql_node *vd_kql_node_new(
    struct vd_kql_parser *p, enum vd_kql_kind kind, const struct vd_kql_token *at);
struct vd_kql_node *vd_kql_node_around(
    struct vd_kql_parser *p, enum vd_kql_kind kind, struct vd_kql_node *first);
/* Children are added at the end in constant time through *tail, which is NULL at first. */
void vd_kql_node_add(
    struct vd_kql_node *node, struct vd_kql_node **tail, struct vd_kql_node *child);
struct vd_kql_node *vd_kql_node_end(struct vd_kql_parser *p, struct vd_kql_node *node);
void vd_kql_enter(struct vd_kql_parser *p);
void vd_kql_leave(struct vd_kql_parser *p);

/* ---- parse_expr.c ---- */

/* A name, also ['in brackets']. */
struct vd_kql_node *vd_kql_parse_name(struct vd_kql_parser *p);
bool vd_kql_is_name(const struct vd_kql_parser *p);
struct vd_kql_node *vd_kql_parse_expr(struct vd_kql_parser *p);
/* An expression, or name = expression. */
struct vd_kql_node *vd_kql_parse_named(struct vd_kql_parser *p);
/* name = constant or name: of an operator; what follows may stand in parentheses and is no call. */
struct vd_kql_node *vd_kql_parse_option(struct vd_kql_parser *p);
/* Those with commas between, added to the node. */
void vd_kql_parse_list(
    struct vd_kql_parser *p, struct vd_kql_node *node, struct vd_kql_node **tail);
enum vd_kql_type vd_kql_parse_type(struct vd_kql_parser *p);

/* ---- parse_dynamic.c: what stands behind the word dynamic ---- */

struct vd_kql_node *vd_kql_parse_dynamic(struct vd_kql_parser *p, const struct vd_kql_token *word);

/* ---- parse_pipe.c ---- */

/* (column:type, ...) or (*) */
struct vd_kql_node *vd_kql_parse_schema(struct vd_kql_parser *p);
/* A table or an expression, whatever comes. */
struct vd_kql_node *vd_kql_parse_pipe(struct vd_kql_parser *p);
/* What a join or union has beside it: a name, a call, or a pipe in parentheses. */
struct vd_kql_node *vd_kql_parse_table(struct vd_kql_parser *p);
struct vd_kql_node *vd_kql_parse_query(struct vd_kql_parser *p, const char *end);
struct vd_kql_node *vd_kql_parse_union(struct vd_kql_parser *p, const struct vd_kql_token *word);
struct vd_kql_node *vd_kql_parse_search(struct vd_kql_parser *p, const struct vd_kql_token *word);

/* ---- parse_operators.c ---- */

struct vd_kql_node *vd_kql_parse_operator(struct vd_kql_parser *p);
/* "kind", "hint.strategy" and the like: skips hints. */
void vd_kql_skip_hints(struct vd_kql_parser *p);
struct vd_kql_node *vd_kql_parse_order(struct vd_kql_parser *p);
/* A name with stars in it, or a plain name. */
struct vd_kql_node *vd_kql_parse_pattern(struct vd_kql_parser *p);

#endif
