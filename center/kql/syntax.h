/* SPDX-License-Identifier: MIT */
/* The syntax tree of a query, and the parser that makes it. */

#ifndef VEDETTE_CENTER_KQL_SYNTAX_H
#define VEDETTE_CENTER_KQL_SYNTAX_H

#include "center/arena.h"
#include "center/kql/types.h"

/* Bounds of a query. */
#define VD_KQL_TEXT_MAX  (256 * 1024) /* bytes */
#define VD_KQL_DEPTH_MAX 200 /* of the tree, but for lists and pipes, which are wide and not deep */
#define VD_KQL_NODES_MAX 100000

/*
 * X(kind, children and the rest). [x] is optional, x* any number. `text` is what stands in quotation marks.
 *
 * Expressions (EXPR below is any of them):
 */
#define VD_KQL_KINDS(X)                                                                                                        \
    X(LITERAL) /* value */                                                                                                     \
    X(NAME)    /* "name" of a column, a let, a table; $left and $right too */                                                  \
    X(STAR)    /* *, as an argument, in a list, or left of a comparison: any column */                                         \
    X(PATTERN) /* "name with *" of project-away, -keep, -reorder, union */                                                     \
    X(CALL)    /* "function" EXPR*; arguments may be NAMED, a PIPE in parentheses, STAR */                                     \
    X(UNARY)   /* "-" or "+" EXPR */                                                                                           \
    X(BINARY) /* "operator, lower case" EXPR EXPR*, more than two of them to the left; LIST on the right of in, has_any ... */ \
    X(BETWEEN) /* "between" or "!between" EXPR low high */                                                                     \
    X(LIST)    /* EXPR*: what stands in parentheses behind in, !in, in~, !in~, has_any, has_all */                             \
    X(MEMBER)  /* "name" EXPR: a.name */                                                                                       \
    X(INDEX)   /* EXPR EXPR: a["name"], a[0] */                                                                                \
    X(NAMED)  /* "name" EXPR: name = expression; with TUPLE as first child: (a, b) = expression */                             \
    X(OPTION) /* "name" LITERAL, NAME or, of limit, EXPR: what an operator is told by name, such as kind=inner */              \
    X(TUPLE)  /* NAME* */                                                                                                      \
    X(TYPED)  /* "type" EXPR: to typeof(type), in mv-expand and parse_json-like places */                                      \
    /* Statements and sources: */                                                                                              \
    X(QUERY) /* LET* PIPE: the whole, or the body of a function */                                                             \
    X(LET) /* "name" then EXPR, PIPE or FUNCTION; PARAMETER: declared by declare query_parameters */                           \
    X(FUNCTION)    /* PARAMETER* QUERY */                                                                                      \
    X(PARAMETER)   /* "name" value.type [LITERAL default]; of a table: SCHEMA instead */                                       \
    X(SCHEMA)      /* DECLARATION*; a lone STAR for (*) */                                                                     \
    X(DECLARATION) /* "name" value.type */                                                                                     \
    X(PIPE) /* source, operators*. Source: NAME, CALL, PIPE, DATATABLE, PRINT, RANGE, UNION, SEARCH; an EXPR
                     alone is a PIPE of one child that is no table: the resolver says so */                   \
    X(DATATABLE) /* SCHEMA, EXPR* row by row */                                                                                \
    X(PRINT)     /* EXPR or NAMED* */                                                                                          \
    X(RANGE)     /* "name" EXPR from, to, step */                                                                              \
    /* Operators behind a pipe; UNION is a source too: */                                                                      \
    X(WHERE)           /* EXPR */                                                                                              \
    X(PROJECT)         /* EXPR or NAMED* */                                                                                    \
    X(PROJECT_AWAY)    /* NAME or PATTERN* */                                                                                  \
    X(PROJECT_KEEP)    /* likewise */                                                                                          \
    X(PROJECT_RENAME)  /* NAMED* whose EXPR is a NAME */                                                                       \
    X(PROJECT_REORDER) /* NAME or PATTERN*, each maybe in an ORDER ("asc" or "desc") */                                        \
    X(EXTEND)          /* EXPR or NAMED* */                                                                                    \
    X(SUMMARIZE)       /* EXPR or NAMED* [BY] */                                                                               \
    X(BY)              /* EXPR or NAMED* */                                                                                    \
    X(COUNT)           /* nothing; [NAME] of as */                                                                             \
    X(TAKE)            /* EXPR; limit too */                                                                                   \
    X(TOP)             /* EXPR how many, ORDER* */                                                                             \
    X(SORT)            /* ORDER* */                                                                                            \
    X(ORDER) /* "", "asc" or "desc"; value.integer 0: not said, 1: nulls first, 2: nulls last; EXPR */                         \
    X(DISTINCT) /* EXPR*, or STAR */                                                                                           \
    X(JOIN) /* "kind, lower case; empty: not said" PIPE, EXPR* of on: NAME or $left.a == $right.b */                           \
    X(LOOKUP) /* likewise */                                                                                                   \
    X(UNION) /* "kind: inner, outer; empty" OPTION* (withsource, isfuzzy), then NAME, PATTERN, PIPE* */                        \
    X(SEARCH) /* EXPR predicate, then OPTION* (kind), NAME* tables of in (...); a lone string is a LITERAL */                  \
    X(MV_EXPAND) /* EXPR, NAMED or TYPED*, then OPTION* "limit", "with_itemindex", "bagexpansion", "kind" */                   \
    X(PARSE) /* "kind: simple, regex, relaxed" EXPR, then STAR, LITERAL, DECLARATION* in their order */                        \
    X(PARSE_WHERE) /* likewise */                                                                                              \
    X(MAKE_SERIES) /* NAMED or EXPR* each maybe in a DEFAULT, AXIS, [BY] */                                                    \
    X(DEFAULT)     /* EXPR or NAMED, EXPR default */                                                                           \
    X(AXIS)   /* EXPR or NAMED, EXPR from, to, step; from and to a LITERAL null where not said */                              \
    X(RENDER) /* "visualization" NAMED* of with (...) */                                                                       \
    X(SAMPLE) /* EXPR */                                                                                                       \
    X(SERIALIZE)       /* EXPR or NAMED* */                                                                                    \
    X(AS)              /* "name" */                                                                                            \
    X(SAMPLE_DISTINCT) /* EXPR how many, EXPR of what */                                                                       \
    X(INVOKE)          /* CALL or NAME of a function whose first argument the table is */                                      \
    X(EVALUATE)        /* CALL [SCHEMA] */

enum vd_kql_kind {
#define VD_KQL_KIND_ENUM(kind) VD_KQL_##kind,
    VD_KQL_KINDS(VD_KQL_KIND_ENUM)
#undef VD_KQL_KIND_ENUM
    VD_KQL_KIND_COUNT
};

struct vd_kql_node {
    enum vd_kql_kind kind;
    uint32_t
        offset; /* bytes from the beginning of the query to its first and behind its last character */
    uint32_t end;
    struct vd_str text; /* decoded; in the arena */
    struct vd_kql_value value;
    struct vd_kql_node *first; /* child */
    struct vd_kql_node *next;  /* sibling */
    uint32_t child_count;
};

/* Where a query is wrong, and how. */
struct vd_kql_problem {
    uint32_t offset; /* bytes */
    uint32_t length; /* of the token or expression; 0: the end of the query */
    uint32_t line;   /* 1 for the first */
    uint32_t column; /* 1 for the first; in characters */
    bool is_syntax;  /* else: of names, types, functions */
    char text[400];  /* "expected ')' or ',', found 'foo'" */
};

const char *vd_kql_kind_text(enum vd_kql_kind kind);

/*
 * The tree of a query, in the arena; UTF-8 that is not valid is refused. VD_E_INVALID and VD_E_LIMIT (too long, deep or
 * large) with the problem; VD_E_NOMEM.
 */
VD_NODISCARD int vd_kql_parse(struct vd_str query, struct vd_arena *arena, struct vd_kql_node **out,
    struct vd_kql_problem *problem);

/* Fills line and column from the offset. */
void vd_kql_problem_locate(struct vd_kql_problem *problem, struct vd_str query);

/* One line for each node, indented by depth: kind, text, value. For tests and `--explain`. */
void vd_kql_tree_print(const struct vd_kql_node *node, struct vd_buf *out);

#endif
