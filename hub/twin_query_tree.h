/* SPDX-License-Identifier: MIT */
/* A parsed twin query, and what its parts tell one another. Private to the query's files. */

#ifndef VEDETTE_HUB_TWIN_QUERY_TREE_H
#define VEDETTE_HUB_TWIN_QUERY_TREE_H

#include "hub/twin_query.h"

enum vd_twin_query_token_kind {
    VD_TOKEN_END,
    VD_TOKEN_NAME,
    VD_TOKEN_TEXT, /* with its quotes */
    VD_TOKEN_NUMBER,
    VD_TOKEN_COMPARE, /* = != <> < <= > >= */
    VD_TOKEN_SIGN,    /* one of * , ( ) [ ] . */
    VD_TOKEN_BAD,
};

struct vd_twin_query_token {
    enum vd_twin_query_token_kind kind;
    struct vd_str text;
};

/* The token that begins at *position or behind blanks there; *position becomes its end. */
struct vd_twin_query_token vd_twin_query_lex(struct vd_str text, size_t *position);

/* A name in a path, which may begin with a digit. VD_TOKEN_BAD if there is none. */
struct vd_twin_query_token vd_twin_query_lex_name(struct vd_str text, size_t *position);

enum vd_twin_query_node_kind {
    VD_NODE_OR,  /* children: two or more */
    VD_NODE_AND, /* likewise */
    VD_NODE_NOT,
    VD_NODE_COMPARE,
    VD_NODE_IN, /* the value, then literals */
    VD_NODE_NIN,
    VD_NODE_CALL,
    VD_NODE_PATH,
    VD_NODE_LITERAL,
};

/* A comparison holds if the order that it found (less, equal, greater) is among these. */
enum {
    VD_ORDER_LESS = 1,
    VD_ORDER_EQUAL = 2,
    VD_ORDER_GREATER = 4,
    VD_ORDER_NONE = 8, /* not equal, and neither is less */
};

enum vd_twin_query_function {
    VD_CALL_IS_DEFINED,
    VD_CALL_IS_NULL,
    VD_CALL_IS_BOOL,
    VD_CALL_IS_NUMBER,
    VD_CALL_IS_STRING,
    VD_CALL_IS_OBJECT,
    VD_CALL_STARTS_WITH,
    VD_CALL_ENDS_WITH,
    VD_CALL_CONTAINS,
};

/* Nodes are known by their index; 0 is none. */
struct vd_twin_query_node {
    enum vd_twin_query_node_kind kind;
    unsigned
        detail; /* of COMPARE: orders that hold; of CALL: the function; of PATH: where in `names` */
    size_t child; /* the first */
    size_t next;  /* sibling */
    json_t *literal;
};

enum vd_twin_query_aggregate {
    VD_AGGREGATE_NONE,
    VD_AGGREGATE_COUNT,
    VD_AGGREGATE_SUM,
    VD_AGGREGATE_AVG,
    VD_AGGREGATE_MIN,
    VD_AGGREGATE_MAX,
};

struct vd_twin_query_column {
    enum vd_twin_query_aggregate aggregate;
    size_t path; /* where in `names`; of COUNT none */
    size_t name; /* likewise */
};

/* Each name is followed by a NUL, and each path by one more: at most what the text has, and two more a term. */
#define VD_TWIN_QUERY_NAMES_SIZE                                       \
    (VD_TWIN_QUERY_MAX_BYTES +                                         \
        2 *                                                            \
            (VD_TWIN_QUERY_TERMS_MAX + 2 * VD_TWIN_QUERY_COLUMNS_MAX + \
                VD_TWIN_QUERY_GROUP_BY_MAX))

struct vd_twin_query {
    bool of_modules;
    bool whole;
    bool grouped; /* GROUP BY, or an aggregate among the columns */
    size_t where; /* a node; 0: none */
    size_t node_count;
    size_t column_count;
    size_t group_by_count;
    size_t names_length;
    uint64_t identity; /* of the text, for continuations */
    struct vd_twin_query_node nodes[VD_TWIN_QUERY_TERMS_MAX + 1];
    struct vd_twin_query_column columns[VD_TWIN_QUERY_COLUMNS_MAX];
    size_t group_by[VD_TWIN_QUERY_GROUP_BY_MAX]; /* paths */
    char names[VD_TWIN_QUERY_NAMES_SIZE];
};

/* What a path leads to in the row, borrowed; NULL: undefined. */
const json_t *vd_twin_query_follow(
    const struct vd_twin_query *query, size_t path, const json_t *row);

/* -1, 0, 1: the order of two numbers by value. */
int vd_twin_query_compare_numbers(const json_t *a, const json_t *b);

/* Reads the source to its end and appends a row a group to the array. VD_E_LIMIT, VD_E_NOMEM, the source's errors. */
int vd_twin_query_group(const struct vd_twin_query *query,
    const struct vd_twin_query_source *source, json_t *rows, size_t *scanned);

#endif
