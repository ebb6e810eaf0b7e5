/* SPDX-License-Identifier: MIT */
/* Random operators and whole queries. What columns there are after each operator the evaluator tells. */

#include "tests/kql/generate.h"

#include <string.h>

#include "tests/kql/generate_internal.h"

#define OPERATORS_MAX 6
#define ROWS_MAX      60

/* ---- Chance ---- */

uint32_t pick(struct generator *g, uint32_t below)
{
    g->state ^= g->state << 13;
    g->state ^= g->state >> 7;
    g->state ^= g->state << 17;
    return (uint32_t)((g->state * 0x2545f4914f6cdd1dULL) >> 33) % below;
}

const char *pick_text(struct generator *g, const char *const *list)
{
    uint32_t count = 0;

    while (list[count] != NULL) {
        count++;
    }
    return list[pick(g, count)];
}

/* ---- Names ---- */

void say(struct generator *g, const char *text)
{
    vd_buf_append_text(&g->text, text);
}

static char letter_of(enum vd_kql_type type)
{
    static const char letters[VD_KQL_TYPE_COUNT] = {[VD_KQL_BOOL] = 'b',
        [VD_KQL_INT] = 'i',
        [VD_KQL_LONG] = 'n',
        [VD_KQL_REAL] = 'r',
        [VD_KQL_STRING] = 's',
        [VD_KQL_DATETIME] = 't',
        [VD_KQL_TIMESPAN] = 'p',
        [VD_KQL_GUID] = 'g',
        [VD_KQL_DYNAMIC] = 'd'};

    return letters[type];
}

void say_new_name(struct generator *g, enum vd_kql_type type)
{
    vd_buf_printf(&g->text, "%c%u", letter_of(type), ++g->names);
}

const struct eval_column *pick_column(struct generator *g, enum vd_kql_type type)
{
    uint32_t count = 0;
    uint32_t chosen;

    if (g->table == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < g->table->column_count; i++) {
        count += g->table->columns[i].type == type ? 1 : 0;
    }
    chosen = count > 0 ? pick(g, count) : 0;
    for (uint32_t i = 0; count > 0 && i < g->table->column_count; i++) {
        if (g->table->columns[i].type == type && chosen-- == 0) {
            return &g->table->columns[i];
        }
    }
    return NULL;
}

static void say_str(struct generator *g, struct vd_str text)
{
    vd_buf_append(&g->text, text.data, text.length);
}

bool say_column(struct generator *g, enum vd_kql_type type)
{
    const struct eval_column *column = pick_column(g, type);

    if (column == NULL) {
        return false;
    }
    say_str(g, column->name);
    return true;
}

static enum vd_kql_type pick_type(struct generator *g)
{
    static const enum vd_kql_type types[] = {VD_KQL_BOOL, VD_KQL_INT, VD_KQL_LONG, VD_KQL_LONG,
        VD_KQL_REAL, VD_KQL_STRING, VD_KQL_STRING, VD_KQL_DATETIME, VD_KQL_TIMESPAN, VD_KQL_GUID,
        VD_KQL_DYNAMIC};

    return types[pick(g, sizeof types / sizeof types[0])];
}

/* ---- Tables ---- */

static void say_table(struct generator *g, const char *name)
{
    const uint32_t columns = 2 + pick(g, 5);
    const uint32_t rows = pick(g, 8);
    enum vd_kql_type types[8] = {VD_KQL_STRING, VD_KQL_LONG};

    vd_buf_printf(&g->text, "let %s = datatable(", name);
    for (uint32_t i = 0; i < columns; i++) {
        types[i] = i < 2 ? types[i] : pick_type(g);
        say(g, i > 0 ? ", " : "");
        say_new_name(g, types[i]);
        vd_buf_printf(&g->text, ":%s", vd_kql_type_text(types[i]));
    }
    say(g, ")[");
    for (uint32_t i = 0; i < rows * columns; i++) {
        say(g, i > 0 ? ", " : "");
        say_literal(g, types[i % columns]);
    }
    say(g, "];\n");
}

/* ---- Operators ---- */

static void op_where(struct generator *g)
{
    say(g, "where ");
    say_expr(g, VD_KQL_BOOL, 3);
}

static void say_named(struct generator *g, uint32_t depth)
{
    const enum vd_kql_type type = pick_type(g);

    say_new_name(g, type);
    say(g, " = ");
    say_expr(g, type, depth);
}

static void op_extend(struct generator *g)
{
    const uint32_t count = 1 + pick(g, 3);

    say(g, "extend ");
    for (uint32_t i = 0; i < count; i++) {
        say(g, i > 0 ? ", " : "");
        say_named(g, 3);
    }
}

/* A column made anew under its own name. */
static void op_replace(struct generator *g)
{
    const enum vd_kql_type type = pick_type(g);
    const struct eval_column *column = pick_column(g, type);

    if (column == NULL) {
        op_extend(g);
        return;
    }
    say(g, "extend ");
    say_str(g, column->name);
    say(g, " = ");
    say_expr(g, type, 2);
}

static void op_project(struct generator *g)
{
    const uint32_t from = pick(g, g->table->column_count);
    const uint32_t count = 1 + pick(g, 4);

    say(g, "project ");
    for (uint32_t i = 0; i < count && from + i < g->table->column_count; i++) {
        say(g, i > 0 ? ", " : "");
        say_str(g, g->table->columns[from + i].name);
    }
    for (uint32_t i = pick(g, 3); i > 0; i--) {
        say(g, ", ");
        say_named(g, 2);
    }
}

static void op_some_columns(struct generator *g)
{
    say(g, pick(g, 2) == 0 ? "project-keep " : "project-away ");
    say_str(g, g->table->columns[pick(g, g->table->column_count)].name);
}

static void op_rename(struct generator *g)
{
    const struct eval_column *column = &g->table->columns[pick(g, g->table->column_count)];

    say(g, "project-rename ");
    say_new_name(g, column->type);
    say(g, " = ");
    say_str(g, column->name);
}

static void op_count(struct generator *g)
{
    say(g, "count");
    if (pick(g, 2) == 0) {
        say(g, " as ");
        say_new_name(g, VD_KQL_LONG);
    }
}

/* Columns that can be grouped by and compared; of numbers not real ones, which may be near only. */
static bool say_key(struct generator *g)
{
    static const enum vd_kql_type types[] = {VD_KQL_BOOL, VD_KQL_INT, VD_KQL_LONG, VD_KQL_STRING,
        VD_KQL_STRING, VD_KQL_DATETIME, VD_KQL_TIMESPAN, VD_KQL_GUID, VD_KQL_DYNAMIC};

    for (int tries = 0; tries < 8; tries++) {
        if (say_column(g, types[pick(g, sizeof types / sizeof types[0])])) {
            return true;
        }
    }
    return false;
}

static void say_aggregate(struct generator *g)
{
    static const char *const longs[] = {"count()", "countif(#b)", "dcount(#s)", "dcount(#n)",
        "dcountif(#s, #b)", "sum(#n)", "sum(#i)", "sumif(#n, #b)", "min(#n)", "max(#n)",
        "minif(#n, #b)", "array_length(make_list(#n))", "array_length(make_set(#s))",
        "sum(#n) + count()", "dcount(#t)", "dcount(#d)", "dcountif(#d, #b)",
        "array_length(make_set(#d))", "dcount(#g)", "max(#n) - min(#n)", NULL};
    static const char *const reals[] = {"avg(#n)", "avg(#r)", "sum(#r)", "avgif(#n, #b)",
        "stdev(#n)", "variance(#r)", "min(#r)", "max(#r)", "toreal(sum(#n)) / 2", NULL};
    static const char *const times[] = {"min(#t)", "max(#t)", "maxif(#t, #b)", NULL};
    static const char *const spans[] = {"min(#p)", "max(#p)", "sum(#p)", "max(#t) - min(#t)", NULL};
    static const char *const *const lists[] = {longs, reals, times, spans};
    static const enum vd_kql_type types[] = {
        VD_KQL_LONG, VD_KQL_REAL, VD_KQL_DATETIME, VD_KQL_TIMESPAN};
    const uint32_t which = pick(g, 5) % 4;
    const char *shape = pick_text(g, lists[which]);

    if (strcmp(shape, "count()") == 0 && pick(g, 2) == 0) {
        say(g, shape);
        return;
    }
    say_new_name(g, types[which]);
    say(g, " = ");
    for (const char *c = shape; *c != '\0'; c++) {
        static const char letters[] = "binrstpgd";
        static const enum vd_kql_type of[] = {VD_KQL_BOOL, VD_KQL_INT, VD_KQL_LONG, VD_KQL_REAL,
            VD_KQL_STRING, VD_KQL_DATETIME, VD_KQL_TIMESPAN, VD_KQL_GUID, VD_KQL_DYNAMIC};

        if (*c == '#') {
            say_expr(g, of[strchr(letters, *++c) - letters], pick(g, 2));
        } else {
            vd_buf_append(&g->text, c, 1);
        }
    }
}

static void say_by(struct generator *g)
{
    say(g, " by ");
    if (pick(g, 3) == 0) {
        say_named(g, 2);
    } else if (pick(g, 4) == 0 && pick_column(g, VD_KQL_DATETIME) != NULL) {
        say(g, "bin(");
        say_column(g, VD_KQL_DATETIME);
        say(g, ", 1d)");
    } else if (!say_key(g)) {
        say_named(g, 1);
    }
}

static void op_summarize(struct generator *g)
{
    const uint32_t count = 1 + pick(g, 3);

    say(g, "summarize ");
    for (uint32_t i = 0; i < count; i++) {
        say(g, i > 0 ? ", " : "");
        say_aggregate(g);
    }
    if (pick(g, 4) > 0) {
        say_by(g);
    }
}

static void op_arg_max(struct generator *g)
{
    const struct eval_column *column = pick_column(g, VD_KQL_LONG);

    if (column == NULL) {
        op_count(g);
        return;
    }
    /* One row for each value, so that there is one best. */
    vd_buf_printf(&g->text, "where isnotnull(%.*s) | summarize ", VD_STR_ARG(column->name));
    say(g, pick(g, 2) == 0 ? "arg_max(" : "arg_min(");
    say_str(g, column->name);
    say(g, ", ");
    say_str(g, column->name);
    say(g, ")");
    if (pick(g, 2) == 0) {
        say_by(g);
    }
}

static void op_distinct(struct generator *g)
{
    say(g, "distinct ");
    if (!say_key(g)) {
        say(g, "*");
    }
}

/* By all columns in the end, so that the order is one. */
static void op_sort(struct generator *g)
{
    static const char *const ways[] = {
        "", " asc", " desc", " asc nulls last", " desc nulls first", NULL};

    say(g, "sort by ");
    say_expr(g, VD_KQL_LONG, 1);
    say(g, pick_text(g, ways));
    for (uint32_t i = 0; i < g->table->column_count; i++) {
        const struct eval_column *column = &g->table->columns[i];
        const bool is_plain = column->type != VD_KQL_DYNAMIC && column->type != VD_KQL_GUID;

        vd_buf_printf(&g->text, is_plain ? ", %.*s" : ", tostring(%.*s)", VD_STR_ARG(column->name));
        say(g, pick_text(g, ways));
    }
    if (pick(g, 2) == 0) {
        vd_buf_printf(&g->text, " | take %u", pick(g, 6));
    }
    if (pick(g, 4) == 0) {
        say(g, " | summarize ");
        say_new_name(g, VD_KQL_DYNAMIC);
        say(g, " = make_list(");
        say_expr(g, pick(g, 2) == 0 ? VD_KQL_LONG : VD_KQL_STRING, 1);
        say(g, ")");
        if (pick(g, 2) == 0) {
            say_by(g);
        }
    }
}

static void op_top(struct generator *g)
{
    vd_buf_printf(&g->text, "top %u by ", pick(g, 6));
    for (uint32_t i = 0; i < g->table->column_count; i++) {
        const struct eval_column *column = &g->table->columns[i];
        const bool is_plain = column->type != VD_KQL_DYNAMIC && column->type != VD_KQL_GUID;

        vd_buf_printf(&g->text, is_plain ? "%s%.*s" : "%stostring(%.*s)", i > 0 ? ", " : "",
            VD_STR_ARG(column->name));
        say(g, pick(g, 2) == 0 ? " asc" : "");
    }
}

/* The table, and the number of the text by which it is joined. */
static uint32_t say_right_table(struct generator *g)
{
    const bool is_second = pick(g, 2) == 0;
    const uint32_t key = is_second ? g->second_key : 1;

    say(g, is_second ? "(T2" : "(T1");
    if (pick(g, 2) == 0) {
        vd_buf_printf(&g->text, " | where isnotempty(s%u)", key);
    }
    say(g, ")");
    return key;
}

static void op_join(struct generator *g)
{
    static const char *const kinds[] = {"inner", "leftouter", "rightouter", "fullouter", "leftsemi",
        "leftanti", "rightsemi", "rightanti", "innerunique", NULL};
    const char *kind = pick_text(g, kinds);
    const bool is_lookup = pick(g, 6) == 0;
    const struct eval_column *column = pick_column(g, VD_KQL_STRING);
    uint32_t key;

    if (column == NULL) {
        op_where(g);
        return;
    }
    if (is_lookup) {
        vd_buf_printf(&g->text, "lookup kind=%s ", pick(g, 2) == 0 ? "inner" : "leftouter");
    } else if (strcmp(kind, "innerunique") == 0) {
        /* One row for each key, so that there is no choice. */
        vd_buf_printf(&g->text, "distinct %.*s | join ", VD_STR_ARG(column->name));
    } else {
        vd_buf_printf(&g->text, "join kind=%s ", kind);
    }
    key = say_right_table(g);
    vd_buf_printf(&g->text, " on $left.%.*s == $right.s%u", VD_STR_ARG(column->name), key);
}

static void op_union(struct generator *g)
{
    say(g, pick(g, 3) == 0 ? "union kind=inner " : "union ");
    say(g, pick(g, 2) == 0 ? "T1" : "T2");
    say(g, pick(g, 3) == 0 ? ", (T1 | where true)" : "");
}

static void op_mv_expand(struct generator *g)
{
    static const char *const ways[] = {"", "", " to typeof(string)", " to typeof(long)", NULL};
    const struct eval_column *column = pick_column(g, VD_KQL_DYNAMIC);

    if (column == NULL) {
        op_extend(g);
        return;
    }
    say(g, "mv-expand ");
    say_str(g, column->name);
    say(g, pick_text(g, ways));
}

void say_operator(struct generator *g)
{
    static void (*const operators[])(struct generator * g) = {op_where, op_where, op_extend,
        op_extend, op_replace, op_project, op_some_columns, op_rename, op_count, op_summarize,
        op_summarize, op_summarize, op_arg_max, op_distinct, op_sort, op_sort, op_top, op_join,
        op_join, op_union, op_mv_expand};

    operators[pick(g, sizeof operators / sizeof operators[0])](g);
}

/* ---- The whole ---- */

/* What the query so far gives; false: it is none, or more than is good. */
static bool learn(struct generator *g, struct vd_arena *arena, struct eval_table *table)
{
    struct vd_kql_node *tree = NULL;
    struct vd_kql_problem problem = {0};
    char reason[200];
    /* Names in the tree are parts of the text, which grows. */
    const struct vd_str text = vd_arena_copy(arena, g->text.data, g->text.length);

    return vd_kql_parse(text, arena, &tree, &problem) == VD_OK &&
        eval_query(tree, arena, table, reason) == VD_OK && table->row_count <= ROWS_MAX;
}

void generate_query(uint64_t seed, struct vd_buf *out)
{
    struct generator g = {.state = seed * 0x9e3779b97f4a7c15ULL + 0x1234567};
    struct vd_arena arena = {0};
    struct eval_table table = {0};
    const uint32_t count = 1 + pick(&g, OPERATORS_MAX);

    say_table(&g, "T1");
    g.second_key = g.names + 1;
    say_table(&g, "T2");
    g.has_function = pick(&g, 4) == 0;
    say(&g, g.has_function ? "let f1 = (x:long) { x * 2 + 1 };\n" : "");
    say(&g, "T1");
    if (!learn(&g, &arena, &table)) {
        vd_buf_clear(&g.text);
    }
    for (uint32_t i = 0; i < count && g.text.length > 0; i++) {
        const size_t before = g.text.length;
        struct eval_table next = {0};

        g.table = &table;
        say(&g, "\n| ");
        say_operator(&g);
        if (learn(&g, &arena, &next)) {
            table = next;
        } else {
            g.text.length = before;
        }
    }
    vd_buf_append(out, g.text.data, g.text.length);
    vd_buf_release(&g.text);
    vd_arena_release(&arena);
}
