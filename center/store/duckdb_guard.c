/* SPDX-License-Identifier: MIT */
/* What a query may be: judged on DuckDB's own syntax tree, by what is allowed rather than by what is not. */

#include <strings.h>

#include "center/store/duckdb_internal.h"

#define SCOPE_MAX 128

/* Tables that queries know. */
static const char *const tables[] = {"SecurityIoTRawEvent", "AzureDiagnostics", "AzureActivity",
    "SecurityAlert", "SecurityRecommendation"};

/* What may stand where a table does, besides tables with arguments: rows looked up. */
static const char *const table_functions[] = {
    "generate_series", "json_each", "json_tree", "range", "unnest"};
static const char *const table_kinds[] = {
    "BASE_TABLE", "EMPTY", "EXPRESSION_LIST", "JOIN", "PIVOT", "SUBQUERY", "TABLE_FUNCTION"};

/* Functions that tell about the service itself, or change something. */
static const char *const refused_functions[] = {"current_connection_id", "current_query",
    "current_query_id", "current_setting", "current_transaction_id", "currval", "getenv",
    "getvariable", "json_deserialize_sql", "json_execute_serialized_sql", "json_serialize_plan",
    "json_serialize_sql", "nextval", "parse_duckdb_log_message", "setseed", "txid_current",
    "write_log"};

/* Functions that make a huge value of a small one in a single step, which neither the memory limit nor an
 * interrupt reaches: repeat('x', 3000000000) took 3 GB. There are more ways (replace, ||, lists in lists ...),
 * which is why SQL is for callers on the machine only: this list keeps them from an accident. */
static const char *const refused_amplifiers[] = {"array_resize", "bar", "bitstring", "format",
    "generate_series", "list_resize", "lpad", "printf", "range", "repeat", "rpad"};

/* Names that DuckDB has views for: a name of a query's own must not stand in front of them. */
static const char *const reserved_prefixes[] = {"duckdb_", "pg_", "pragma_", "sqlite_"};

/* Where in the tree a value stands. */
enum place {
    PLACE_ANY,
    PLACE_TABLE,          /* where a table is named */
    PLACE_TABLE_FUNCTION, /* the call of a table function, whose name has been judged */
};

struct guard {
    const char *scope[SCOPE_MAX]; /* names of common table expressions */
    size_t scope_count;
    bool is_compiled;
    char *text;
    size_t text_size;
};

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

static bool is_listed(const char *name, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(name, list[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool refuse(struct guard *g, const char *what, const char *name)
{
    snprintf(g->text, g->text_size, "%s: %s", what, name);
    return false;
}

static const char *member(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));

    return value != NULL ? value : "";
}

/* A name without anything that could make a path of it, and not one of DuckDB's own. */
static bool is_plain_name(const char *name)
{
    size_t length = strlen(name);

    if (length == 0 ||
        strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_ ") !=
            length) {
        return false;
    }
    for (size_t i = 0; i < COUNT(reserved_prefixes); i++) {
        if (strncasecmp(name, reserved_prefixes[i], strlen(reserved_prefixes[i])) == 0) {
            return false;
        }
    }
    return true;
}

static bool judge_base_table(struct guard *g, const json_t *node)
{
    const char *name = member(node, "table_name");
    const char *schema = member(node, "schema_name");

    if (*member(node, "catalog_name") == '\0' && (*schema == '\0' || strcmp(schema, "main") == 0)) {
        if (is_listed(name, tables, COUNT(tables)) ||
            (*schema == '\0' && is_listed(name, g->scope, g->scope_count))) {
            return true;
        }
    }
    return refuse(g, "no such table", name);
}

static bool judge_function(struct guard *g, const json_t *node)
{
    const char *name = member(node, "function_name");

    if (is_listed(name, refused_functions, COUNT(refused_functions))) {
        return refuse(g, "this function is not available", name);
    }
    if (!g->is_compiled && is_listed(name, refused_amplifiers, COUNT(refused_amplifiers))) {
        return refuse(g, "this function could make values too large", name);
    }
    return true;
}

static bool judge_object(struct guard *g, const json_t *node, enum place place)
{
    const char *type = member(node, "type");

    if (place == PLACE_TABLE && !is_listed(type, table_kinds, COUNT(table_kinds))) {
        return refuse(g, "not allowed as a table", type);
    }
    if (strcmp(type, "BASE_TABLE") == 0) {
        return judge_base_table(g, node);
    }
    if (strcmp(type, "SHOW_REF") == 0) {
        return refuse(g, "only SELECT is allowed, not", type);
    }
    if (strcmp(type, "TABLE_FUNCTION") == 0) {
        const char *name = member(json_object_get(node, "function"), "function_name");

        if (!is_listed(name, table_functions, COUNT(table_functions)) &&
            !is_listed(name, tables, COUNT(tables))) {
            return refuse(g, "this table function is not available", name);
        }
    }
    if (place != PLACE_TABLE_FUNCTION && strcmp(member(node, "class"), "FUNCTION") == 0) {
        return judge_function(g, node);
    }
    return true;
}

/* Takes the names that a query node gives to its common table expressions into scope. */
static bool enter_scope(struct guard *g, const json_t *node)
{
    json_t *map = json_object_get(json_object_get(node, "cte_map"), "map");
    size_t i;
    json_t *entry;

    json_array_foreach(map, i, entry)
    {
        const char *name = member(entry, "key");

        if (!is_plain_name(name)) {
            return refuse(g, "not allowed as the name of a table expression", name);
        }
        if (g->scope_count == SCOPE_MAX) {
            return refuse(g, "too many table expressions", name);
        }
        g->scope[g->scope_count++] = name;
    }
    return true;
}

static enum place place_of(const json_t *parent, const char *key)
{
    if (strcmp(key, "from_table") == 0) {
        return PLACE_TABLE;
    }
    if (strcmp(key, "function") == 0 && strcmp(member(parent, "type"), "TABLE_FUNCTION") == 0) {
        return PLACE_TABLE_FUNCTION;
    }
    return PLACE_ANY;
}

static bool judge(struct guard *g, const json_t *value, enum place place, unsigned depth)
{
    size_t scope = g->scope_count;
    const char *key;
    json_t *child;
    size_t i;

    if (depth > VD_QUERY_TREE_DEPTH_MAX) {
        return refuse(g, "the query is nested too deeply", "");
    }
    if (json_is_array(value)) {
        json_array_foreach((json_t *)value, i, child)
        {
            if (!judge(g, child, PLACE_ANY, depth + 1)) {
                return false;
            }
        }
        return true;
    }
    if (!json_is_object(value)) {
        return true;
    }
    if (!judge_object(g, value, place) || !enter_scope(g, value)) {
        return false;
    }
    json_object_foreach((json_t *)value, key, child)
    {
        if (!judge(g, child, place_of(value, key), depth + 1)) {
            return false;
        }
    }
    g->scope_count = scope;
    return true;
}

int vd_duckdb_guard(const char *tree_json, bool is_compiled, char *text, size_t text_size)
{
    json_error_t problem;
    /* As real numbers: where a place is not known DuckDB writes 2^64 - 1, more than jansson takes as an integer. */
    json_t *tree = json_loads(tree_json, JSON_DECODE_INT_AS_REAL, &problem);
    json_t *statements = json_object_get(tree, "statements");
    struct guard g = {.is_compiled = is_compiled, .text = text, .text_size = text_size};
    int error = VD_E_INVALID;

    if (tree == NULL) {
        snprintf(text, text_size, "%s",
            json_error_code(&problem) == json_error_stack_overflow
                ? "the query is nested too deeply"
                : problem.text);
    } else if (json_is_true(json_object_get(tree, "error"))) {
        snprintf(text, text_size, "%s", member(tree, "error_message"));
        if (strstr(text, "Only SELECT statements") != NULL) {
            snprintf(text, text_size, "only SELECT is allowed");
        }
    } else if (json_array_size(statements) != 1) {
        snprintf(text, text_size, "exactly one statement is allowed, not %zu",
            json_array_size(statements));
    } else if (judge(&g, json_array_get(statements, 0), PLACE_ANY, 0)) {
        error = VD_OK;
    }
    json_decref(tree);
    return error;
}
