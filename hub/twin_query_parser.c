/* SPDX-License-Identifier: MIT */
/* Steps through a query's tokens and keeps its names. */

#include <strings.h>

#include "hub/twin_query_parser.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

size_t vd_query_here(const struct vd_query_parser *parser)
{
    return (size_t)(parser->token.text.data - parser->text.data);
}

bool vd_query_fail_at(
    struct vd_query_parser *parser, size_t position, int error, const char *expected)
{
    if (parser->error == VD_OK) {
        parser->error = error;
        parser->problem = (struct vd_twin_query_problem){position, expected};
    }
    return false;
}

bool vd_query_fail(struct vd_query_parser *parser, const char *expected)
{
    return vd_query_fail_at(parser, vd_query_here(parser), VD_E_INVALID, expected);
}

void vd_query_advance(struct vd_query_parser *parser)
{
    parser->token = vd_twin_query_lex(parser->text, &parser->position);
}

static bool word_is(struct vd_str text, const char *word)
{
    return text.length == strlen(word) && strncasecmp(text.data, word, text.length) == 0;
}

bool vd_query_at_word(const struct vd_query_parser *parser, const char *word)
{
    return parser->token.kind == VD_TOKEN_NAME && word_is(parser->token.text, word);
}

bool vd_query_at_sign(const struct vd_query_parser *parser, const char *sign)
{
    return parser->token.kind == VD_TOKEN_SIGN && vd_str_equal_text(parser->token.text, sign);
}

bool vd_query_take_word(struct vd_query_parser *parser, const char *word)
{
    bool there = vd_query_at_word(parser, word);

    if (there) {
        vd_query_advance(parser);
    }
    return there;
}

bool vd_query_take_sign(struct vd_query_parser *parser, const char *sign)
{
    bool there = vd_query_at_sign(parser, sign);

    if (there) {
        vd_query_advance(parser);
    }
    return there;
}

bool vd_query_is_keyword(struct vd_str text)
{
    static const char *const words[] = {"select", "from", "where", "group", "by", "and", "or",
        "not", "in", "nin", "as", "true", "false", "null"};

    for (size_t i = 0; i < COUNT(words); i++) {
        if (word_is(text, words[i])) {
            return true;
        }
    }
    return false;
}

size_t vd_query_unquote(struct vd_str token, char *out)
{
    size_t length = 0;

    for (size_t i = 1; i + 1 < token.length; i++) {
        i += token.data[i] == token.data[0];
        out[length++] = token.data[i];
    }
    return length;
}

void vd_query_add_name(struct vd_twin_query *query, struct vd_str name)
{
    memcpy(query->names + query->names_length, name.data, name.length);
    query->names_length += name.length;
    query->names[query->names_length++] = '\0';
}

/* Behind '[': a text and ']'. */
static bool add_bracket(struct vd_query_parser *parser)
{
    struct vd_twin_query *query = parser->query;

    if (parser->token.kind != VD_TOKEN_TEXT || parser->token.text.length == 2) {
        return vd_query_fail(parser, "a text that is not empty");
    }
    query->names_length += vd_query_unquote(parser->token.text, query->names + query->names_length);
    query->names[query->names_length++] = '\0';
    vd_query_advance(parser);
    return vd_query_take_sign(parser, "]") || vd_query_fail(parser, "]");
}

bool vd_query_parse_path(struct vd_query_parser *parser, size_t *path)
{
    *path = parser->query->names_length;
    if (parser->token.kind != VD_TOKEN_NAME || vd_query_is_keyword(parser->token.text)) {
        return vd_query_fail(parser, "a path");
    }
    vd_query_add_name(parser->query, parser->token.text);
    vd_query_advance(parser);
    while (vd_query_at_sign(parser, ".") || vd_query_at_sign(parser, "[")) {
        if (vd_query_take_sign(parser, "[")) {
            if (!add_bracket(parser)) {
                return false;
            }
            continue;
        }
        parser->token = vd_twin_query_lex_name(parser->text, &parser->position);
        if (parser->token.kind != VD_TOKEN_NAME) {
            return vd_query_fail(parser, "a name");
        }
        vd_query_add_name(parser->query, parser->token.text);
        vd_query_advance(parser);
    }
    parser->query->names[parser->query->names_length++] = '\0';
    return true;
}
