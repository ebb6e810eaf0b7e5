/* SPDX-License-Identifier: MIT */
/* The moving parts that the parser's files share: where it is, what it expects, names. Private to the query's files. */

#ifndef VEDETTE_HUB_TWIN_QUERY_PARSER_H
#define VEDETTE_HUB_TWIN_QUERY_PARSER_H

#include "hub/twin_query_tree.h"

struct vd_query_parser {
    struct vd_str text;
    size_t position; /* behind the token */
    struct vd_twin_query_token token;
    struct vd_twin_query *query;
    unsigned depth;
    int error; /* the first */
    struct vd_twin_query_problem problem;
};

/* Where the token begins. */
size_t vd_query_here(const struct vd_query_parser *parser);

/* Keeps the first problem, there or at the token. Returns false. */
bool vd_query_fail_at(
    struct vd_query_parser *parser, size_t position, int error, const char *expected);
bool vd_query_fail(struct vd_query_parser *parser, const char *expected);

void vd_query_advance(struct vd_query_parser *parser);
bool vd_query_at_word(const struct vd_query_parser *parser, const char *word);
bool vd_query_at_sign(const struct vd_query_parser *parser, const char *sign);
/* True: it was there, and the parser is behind it. */
bool vd_query_take_word(struct vd_query_parser *parser, const char *word);
bool vd_query_take_sign(struct vd_query_parser *parser, const char *sign);
bool vd_query_is_keyword(struct vd_str text);

/* Of a token with its quotes, what they hold, doubled quotes as one; out has room for the token. Returns its length. */
size_t vd_query_unquote(struct vd_str token, char *out);

/* Appends a name and its NUL; it fits, because VD_TWIN_QUERY_NAMES_SIZE is made from the text's bound. */
void vd_query_add_name(struct vd_twin_query *query, struct vd_str name);

/* Reads a path into `names`. */
bool vd_query_parse_path(struct vd_query_parser *parser, size_t *path);

/* Reads a condition; its node, or 0 after a failure. */
size_t vd_query_parse_or(struct vd_query_parser *parser);

#endif
