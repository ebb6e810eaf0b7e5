/* SPDX-License-Identifier: MIT */
/* Parses a twin query: its columns, its source, what it groups by. */

#include "hub/siphash.h"
#include "hub/twin_query_parser.h"
#include "lib/url.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
    const char *name;
    enum vd_twin_query_aggregate aggregate;
} aggregates[] = {
    {"count", VD_AGGREGATE_COUNT},
    {"sum", VD_AGGREGATE_SUM},
    {"avg", VD_AGGREGATE_AVG},
    {"min", VD_AGGREGATE_MIN},
    {"max", VD_AGGREGATE_MAX},
};

/* The last name of a path. */
static size_t last_name(const struct vd_twin_query *query, size_t path)
{
    size_t name = path;

    for (size_t next = path; query->names[next] != '\0'; next += strlen(query->names + next) + 1) {
        name = next;
    }
    return name;
}

/* The aggregate whose name the token is, if '(' follows. */
static enum vd_twin_query_aggregate find_aggregate(const struct vd_query_parser *parser)
{
    size_t position = parser->position;
    size_t i = 0;

    while (i < COUNT(aggregates) && !vd_query_at_word(parser, aggregates[i].name)) {
        i++;
    }
    return i < COUNT(aggregates) &&
            vd_str_equal_text(vd_twin_query_lex(parser->text, &position).text, "(")
        ? aggregates[i].aggregate
        : VD_AGGREGATE_NONE;
}

/* A name of its own, or *name as it is. */
static bool parse_as(struct vd_query_parser *parser, size_t *name)
{
    if (!vd_query_take_word(parser, "as")) {
        return true;
    }
    if (parser->token.kind != VD_TOKEN_NAME || vd_query_is_keyword(parser->token.text)) {
        return vd_query_fail(parser, "a name");
    }
    *name = parser->query->names_length;
    vd_query_add_name(parser->query, parser->token.text);
    vd_query_advance(parser);
    return true;
}

static bool parse_aggregate(struct vd_query_parser *parser, enum vd_twin_query_aggregate aggregate,
    struct vd_twin_query_column *column)
{
    *column = (struct vd_twin_query_column){.aggregate = aggregate};
    column->name = parser->query->names_length;
    vd_query_add_name(parser->query, vd_str_from(aggregates[aggregate - VD_AGGREGATE_COUNT].name));
    vd_query_advance(parser);
    if (!vd_query_take_sign(parser, "(")) {
        return vd_query_fail(parser, "(");
    }
    if (aggregate != VD_AGGREGATE_COUNT && !vd_query_parse_path(parser, &column->path)) {
        return false;
    }
    return vd_query_take_sign(parser, ")") || vd_query_fail(parser, ")");
}

static bool has_column(const struct vd_twin_query *query, const char *name)
{
    for (size_t i = 0; i < query->column_count; i++) {
        if (strcmp(query->names + query->columns[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool parse_column(struct vd_query_parser *parser)
{
    struct vd_twin_query *query = parser->query;
    enum vd_twin_query_aggregate aggregate = find_aggregate(parser);
    struct vd_twin_query_column column = {0};
    size_t position = vd_query_here(parser);

    if (query->column_count == VD_TWIN_QUERY_COLUMNS_MAX) {
        return vd_query_fail_at(parser, position, VD_E_LIMIT, "no more than 64 columns");
    }
    if (aggregate != VD_AGGREGATE_NONE) {
        if (!parse_aggregate(parser, aggregate, &column)) {
            return false;
        }
    } else {
        if (!vd_query_parse_path(parser, &column.path)) {
            return false;
        }
        column.name = last_name(query, column.path);
    }
    if (!parse_as(parser, &column.name)) {
        return false;
    }
    if (has_column(query, query->names + column.name)) {
        return vd_query_fail_at(
            parser, position, VD_E_INVALID, "a column with a name of its own (AS)");
    }
    query->columns[query->column_count++] = column;
    query->grouped = query->grouped || aggregate != VD_AGGREGATE_NONE;
    return true;
}

static bool parse_columns(struct vd_query_parser *parser)
{
    if (vd_query_take_sign(parser, "*")) {
        parser->query->whole = true;
        return true;
    }
    do {
        if (!parse_column(parser)) {
            return false;
        }
    } while (vd_query_take_sign(parser, ","));
    return true;
}

static bool parse_from(struct vd_query_parser *parser)
{
    if (!vd_query_take_word(parser, "from")) {
        return vd_query_fail(parser, "FROM");
    }
    if (!vd_query_take_word(parser, "devices")) {
        return vd_query_fail(parser, "devices or devices.modules");
    }
    if (vd_query_take_sign(parser, ".")) {
        parser->query->of_modules = true;
        return vd_query_take_word(parser, "modules") || vd_query_fail(parser, "modules");
    }
    return true;
}

static bool parse_where(struct vd_query_parser *parser)
{
    if (vd_query_take_word(parser, "where")) {
        parser->query->where = vd_query_parse_or(parser);
        return parser->query->where != 0;
    }
    return true;
}

static bool parse_group_by(struct vd_query_parser *parser)
{
    struct vd_twin_query *query = parser->query;

    if (!vd_query_take_word(parser, "group")) {
        return true;
    }
    if (!vd_query_take_word(parser, "by")) {
        return vd_query_fail(parser, "BY");
    }
    query->grouped = true;
    do {
        if (query->group_by_count == VD_TWIN_QUERY_GROUP_BY_MAX) {
            return vd_query_fail_at(
                parser, vd_query_here(parser), VD_E_LIMIT, "no more than 8 paths");
        }
        if (!vd_query_parse_path(parser, &query->group_by[query->group_by_count])) {
            return false;
        }
        query->group_by_count++;
    } while (vd_query_take_sign(parser, ","));
    return true;
}

/* Paths are lists of names that end with an empty one. */
static bool paths_equal(const struct vd_twin_query *query, size_t a, size_t b)
{
    while (strcmp(query->names + a, query->names + b) == 0) {
        if (query->names[a] == '\0') {
            return true;
        }
        a += strlen(query->names + a) + 1;
        b += strlen(query->names + b) + 1;
    }
    return false;
}

/* In a grouped query every plain column is one of the paths grouped by. */
static bool columns_are_grouped(const struct vd_twin_query *query)
{
    for (size_t i = 0; i < query->column_count; i++) {
        bool found = query->columns[i].aggregate != VD_AGGREGATE_NONE;

        for (size_t g = 0; g < query->group_by_count; g++) {
            found = found || paths_equal(query, query->columns[i].path, query->group_by[g]);
        }
        if (!found) {
            return false;
        }
    }
    return !query->whole;
}

static bool parse_query(struct vd_query_parser *parser)
{
    size_t columns;

    vd_query_advance(parser);
    if (!vd_query_take_word(parser, "select")) {
        return vd_query_fail(parser, "SELECT");
    }
    columns = vd_query_here(parser);
    if (!parse_columns(parser) || !parse_from(parser) || !parse_where(parser) ||
        !parse_group_by(parser)) {
        return false;
    }
    if (parser->token.kind != VD_TOKEN_END) {
        return vd_query_fail(parser, "the end, or what joins it to what stands before");
    }
    return !parser->query->grouped || columns_are_grouped(parser->query) ||
        vd_query_fail_at(
            parser, columns, VD_E_INVALID, "columns that are in GROUP BY, or functions");
}

int vd_twin_query_parse(
    struct vd_str text, struct vd_twin_query **out, struct vd_twin_query_problem *problem)
{
    /* Tells damage and mistakes, keeps nobody out: a forged continuation asks for no more than one may ask for. */
    static const uint64_t key[2] = {0, 0};
    struct vd_query_parser parser = {.text = text.length > 0 ? text : VD_STR_LITERAL("")};

    if (text.length > VD_TWIN_QUERY_MAX_BYTES) {
        *problem =
            (struct vd_twin_query_problem){VD_TWIN_QUERY_MAX_BYTES, "no more than 4096 bytes"};
        return VD_E_LIMIT;
    }
    if (!vd_utf8_is_valid(text)) {
        *problem = (struct vd_twin_query_problem){0, "UTF-8 without NUL"};
        return VD_E_INVALID;
    }
    parser.query = calloc(1, sizeof *parser.query);
    if (parser.query == NULL) {
        return VD_E_NOMEM;
    }
    parser.query->identity = vd_siphash(key, text.data, text.length);
    if (!parse_query(&parser)) {
        vd_twin_query_free(parser.query);
        *problem = parser.problem;
        return parser.error;
    }
    *out = parser.query;
    return VD_OK;
}

void vd_twin_query_free(struct vd_twin_query *query)
{
    if (query == NULL) {
        return;
    }
    for (size_t i = 1; i <= query->node_count; i++) {
        json_decref(query->nodes[i].literal);
    }
    free(query);
}
