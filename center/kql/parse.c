/* SPDX-License-Identifier: MIT */
/* What all parts of the parser need, and the beginning. */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "center/kql/parse_internal.h"
#include "lib/url.h"

void vd_kql_parse_fail(
    struct vd_kql_parser *p, const struct vd_kql_token *token, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(p->problem->text, sizeof p->problem->text, format, list);
    va_end(list);
    p->problem->offset = token->offset;
    p->problem->length = token->end - token->offset;
    p->problem->is_syntax = true;
    p->error = VD_E_INVALID;
    longjmp(p->failed, 1);
}

/* What may be meant by a word of another language. */
static const char *hint_of(const struct vd_kql_token *token)
{
    if (vd_kql_is_sign(token, "=")) {
        return "; did you mean '=='?";
    }
    if (vd_kql_is_sign(token, "|") && token->offset > 0 && token->text.data[-1] == '|') {
        return "; did you mean 'or'?";
    }
    return vd_kql_is_word(token, "is") ? "; did you mean isnull() or isempty()?" : "";
}

void vd_kql_parse_expected(struct vd_kql_parser *p, const char *what)
{
    const struct vd_kql_token *token = vd_kql_peek(p, 0);

    if (token->kind == VD_KQL_TOKEN_END) {
        vd_kql_parse_fail(p, token, "expected %s, found the end of the query", what);
    }
    vd_kql_parse_fail(p, token, "expected %s, found '%.*s'%s", what,
        (int)(token->text.length < 60 ? token->text.length : 60), token->text.data, hint_of(token));
}

void *vd_kql_parse_new(struct vd_kql_parser *p, size_t size)
{
    void *memory = vd_arena_alloc(p->arena, size > 0 ? size : 1);

    if (memory == NULL) {
        p->error = VD_E_NOMEM;
        longjmp(p->failed, 1);
    }
    memset(memory, 0, size);
    return memory;
}

/* ---- Words ---- */

const struct vd_kql_token *vd_kql_peek(const struct vd_kql_parser *p, uint32_t ahead)
{
    const struct vd_kql_token *token = &p->tokens[p->at];

    while (ahead-- > 0 && token->kind != VD_KQL_TOKEN_END) {
        token++;
    }
    return token;
}

const struct vd_kql_token *vd_kql_next(struct vd_kql_parser *p)
{
    const struct vd_kql_token *token = &p->tokens[p->at];

    p->at += token->kind != VD_KQL_TOKEN_END ? 1 : 0;
    return token;
}

bool vd_kql_is_sign(const struct vd_kql_token *token, const char *sign)
{
    return token->kind == VD_KQL_TOKEN_SIGN && vd_str_equal_text(token->text, sign);
}

bool vd_kql_is_word(const struct vd_kql_token *token, const char *word)
{
    return token->kind == VD_KQL_TOKEN_NAME && vd_str_equal_text(token->text, word);
}

bool vd_kql_take_sign(struct vd_kql_parser *p, const char *sign)
{
    const bool is_next = vd_kql_is_sign(vd_kql_peek(p, 0), sign);

    p->at += is_next ? 1 : 0;
    return is_next;
}

bool vd_kql_take_word(struct vd_kql_parser *p, const char *word)
{
    const bool is_next = vd_kql_is_word(vd_kql_peek(p, 0), word);

    p->at += is_next ? 1 : 0;
    return is_next;
}

void vd_kql_expect_sign(struct vd_kql_parser *p, const char *sign)
{
    if (!vd_kql_take_sign(p, sign)) {
        char what[16];

        snprintf(what, sizeof what, "'%s'", sign);
        vd_kql_parse_expected(p, what);
    }
}

void vd_kql_expect_word(struct vd_kql_parser *p, const char *word)
{
    if (!vd_kql_take_word(p, word)) {
        char what[24];

        snprintf(what, sizeof what, "'%s'", word);
        vd_kql_parse_expected(p, what);
    }
}

/* ---- Nodes ---- */

struct vd_kql_node *vd_kql_node_new(
    struct vd_kql_parser *p, enum vd_kql_kind kind, const struct vd_kql_token *at)
{
    struct vd_kql_node *node = vd_kql_parse_new(p, sizeof *node);

    if (++p->nodes > VD_KQL_NODES_MAX) {
        snprintf(p->problem->text, sizeof p->problem->text, "the query is too large");
        p->problem->offset = at->offset;
        p->problem->is_syntax = true;
        p->error = VD_E_LIMIT;
        longjmp(p->failed, 1);
    }
    node->kind = kind;
    node->offset = at->offset;
    node->end = at->end;
    return node;
}

void vd_kql_node_add(struct vd_kql_node *node, struct vd_kql_node **tail, struct vd_kql_node *child)
{
    if (*tail == NULL) {
        node->first = child;
    } else {
        (*tail)->next = child;
    }
    *tail = child;
    node->child_count++;
    node->end = child->end > node->end ? child->end : node->end;
}

struct vd_kql_node *vd_kql_node_around(
    struct vd_kql_parser *p, enum vd_kql_kind kind, struct vd_kql_node *first)
{
    const struct vd_kql_token at = {.offset = first->offset, .end = first->end};
    struct vd_kql_node *node = vd_kql_node_new(p, kind, &at);

    node->first = first;
    node->child_count = 1;
    return node;
}

struct vd_kql_node *vd_kql_node_end(struct vd_kql_parser *p, struct vd_kql_node *node)
{
    if (p->at > 0 && p->tokens[p->at - 1].end > node->end) {
        node->end = p->tokens[p->at - 1].end;
    }
    return node;
}

void vd_kql_enter(struct vd_kql_parser *p)
{
    if (++p->depth > VD_KQL_DEPTH_MAX) {
        p->problem->offset = vd_kql_peek(p, 0)->offset;
        p->problem->is_syntax = true;
        snprintf(p->problem->text, sizeof p->problem->text, "the query is nested too deeply");
        p->error = VD_E_LIMIT;
        longjmp(p->failed, 1);
    }
}

void vd_kql_leave(struct vd_kql_parser *p)
{
    p->depth--;
}

/* ---- The beginning ---- */

/* All words of the query. */
static int read_tokens(struct vd_str query, struct vd_arena *arena, struct vd_kql_problem *problem,
    struct vd_kql_token **out)
{
    struct vd_kql_lexer lexer = {.query = query, .arena = arena, .problem = problem};
    struct vd_kql_token *tokens = NULL;
    size_t count = 0;
    size_t capacity = 0;
    int error = VD_OK;

    do {
        if (count == capacity) {
            struct vd_kql_token *more;

            capacity = capacity > 0 ? capacity * 2 : 256;
            more = vd_arena_alloc(arena, capacity * sizeof *more);
            if (more == NULL) {
                return VD_E_NOMEM;
            }
            if (count > 0) {
                memcpy(more, tokens, count * sizeof *more);
            }
            tokens = more;
        }
        error = vd_kql_lex(&lexer, &tokens[count]);
    } while (error == VD_OK && tokens[count++].kind != VD_KQL_TOKEN_END);
    *out = tokens;
    return error;
}

/* Where the bytes stop being UTF-8. */
static uint32_t valid_length(struct vd_str query)
{
    size_t low = 0;
    size_t high = query.length;

    /* A prefix that is cut within a character is not valid either, so look at up to four bytes less. */
    while (low < high) {
        const size_t middle = low + (high - low + 1) / 2;
        bool good = false;

        for (size_t less = 0; !good && less < 4 && less <= middle; less++) {
            good = vd_utf8_is_valid((struct vd_str){query.data, middle - less});
        }
        if (good) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    while (!vd_utf8_is_valid((struct vd_str){query.data, low})) {
        low--;
    }
    return (uint32_t)low;
}

static int refuse(struct vd_kql_problem *problem, uint32_t offset, int error, const char *text)
{
    problem->offset = offset;
    problem->length = 0;
    problem->is_syntax = true;
    snprintf(problem->text, sizeof problem->text, "%s", text);
    return error;
}

int vd_kql_parse(struct vd_str query, struct vd_arena *arena, struct vd_kql_node **out,
    struct vd_kql_problem *problem)
{
    struct vd_kql_parser p = {.arena = arena, .problem = problem};
    struct vd_kql_token *tokens = NULL;
    int error;

    if (query.length > VD_KQL_TEXT_MAX) {
        return refuse(problem, VD_KQL_TEXT_MAX, VD_E_LIMIT, "a query has at most 262144 bytes");
    }
    if (query.length > 0 && !vd_utf8_is_valid(query)) {
        return refuse(problem, valid_length(query), VD_E_INVALID,
            "the query is not text in UTF-8, without NUL");
    }
    error = read_tokens(query, arena, problem, &tokens);
    if (error != VD_OK) {
        return error;
    }
    p.tokens = tokens;
    if (setjmp(p.failed) != 0) {
        return p.error;
    }
    *out = vd_kql_parse_query(&p, NULL);
    return VD_OK;
}

void vd_kql_problem_locate(struct vd_kql_problem *problem, struct vd_str query)
{
    const uint32_t end = problem->offset < query.length ? problem->offset : (uint32_t)query.length;

    problem->line = 1;
    problem->column = 1;
    for (uint32_t i = 0; i < end; i++) {
        if (query.data[i] == '\n') {
            problem->line++;
            problem->column = 1;
        } else if (((unsigned char)query.data[i] & 0xc0) != 0x80) {
            problem->column++;
        }
    }
}
