/* SPDX-License-Identifier: MIT */
/* The words of a query. */

#ifndef VEDETTE_CENTER_KQL_LEX_H
#define VEDETTE_CENTER_KQL_LEX_H

#include "center/kql/syntax.h"

enum vd_kql_token_kind {
    VD_KQL_TOKEN_END,
    VD_KQL_TOKEN_NAME,   /* letters, digits, _ ; keywords too, and operators like in~ and !has */
    VD_KQL_TOKEN_QUOTED, /* ['a name'] */
    VD_KQL_TOKEN_LITERAL, /* number, text, timespan; and typed ones: datetime(...), dynamic(...) ... */
    VD_KQL_TOKEN_SIGN,    /* punctuation: one of the longest that fit */
};

struct vd_kql_token {
    enum vd_kql_token_kind kind;
    uint32_t offset;
    uint32_t end;
    struct vd_str text;        /* as written; of QUOTED the name */
    struct vd_kql_value value; /* of LITERAL */
    bool has_space;            /* in front of it */
};

struct vd_kql_lexer {
    struct vd_str query;
    struct vd_arena *arena;
    uint32_t at;
    struct vd_kql_problem *problem;
};

/* The next token. VD_E_INVALID with the problem (offset, length, text), VD_E_NOMEM. */
VD_NODISCARD int vd_kql_lex(struct vd_kql_lexer *lexer, struct vd_kql_token *token);

/* "2024-01-01", "2024-01-01T10:20:30.1234567Z" and the like to ticks; "1.02:03:04.5" and "1d" likewise. False: it is none. */
bool vd_kql_parse_datetime(struct vd_str text, int64_t *ticks);
bool vd_kql_parse_timespan(struct vd_str text, int64_t *ticks);

#endif
