/* SPDX-License-Identifier: MIT */
/* Expressions as SQL: constants, and templates filled in. */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "center/kql/emit_internal.h"

#define TICKS_PER_US 10

void vd_kql_emit_text(struct vd_kql_emitter *e, const char *text)
{
    vd_buf_append_text(e->sql, text);
}

void vd_kql_emit_unsupported(struct vd_kql_emitter *e, const char *what)
{
    if (e->error == VD_OK) {
        e->error = VD_E_UNSUPPORTED;
        snprintf(
            e->problem->text, sizeof e->problem->text, "%s cannot be said in this dialect", what);
    }
}

/* ---- Constants ---- */

void vd_kql_emit_quoted(struct vd_kql_emitter *e, struct vd_str text)
{
    vd_kql_emit_text(e, "'");
    for (size_t i = 0; i < text.length; i++) {
        const char c = text.data[i];

        if (c == '\'') {
            vd_kql_emit_text(e, "''");
        } else if (c == '\\' && e->dialect == VD_KQL_CLICKHOUSE) {
            vd_kql_emit_text(e, "\\\\");
        } else if (c == '\0') {
            /* SQL ends here: a NUL is put in by number. */
            vd_kql_emit_text(e, e->dialect == VD_KQL_DUCKDB ? "' || chr(0) || '" : "\\0");
        } else {
            vd_buf_append(e->sql, &c, 1);
        }
    }
    vd_kql_emit_text(e, "'");
}

static void emit_null(struct vd_kql_emitter *e, enum vd_kql_type type)
{
    static const char *const names[VD_KQL_DIALECT_COUNT][VD_KQL_TYPE_COUNT] = {
        [VD_KQL_DUCKDB] = {[VD_KQL_BOOL] = "BOOLEAN",
            [VD_KQL_DATETIME] = "TIMESTAMP",
            [VD_KQL_DYNAMIC] = "VARCHAR",
            [VD_KQL_GUID] = "VARCHAR",
            [VD_KQL_INT] = "INTEGER",
            [VD_KQL_LONG] = "BIGINT",
            [VD_KQL_REAL] = "DOUBLE",
            [VD_KQL_STRING] = "VARCHAR",
            [VD_KQL_TIMESPAN] = "BIGINT"},
        [VD_KQL_CLICKHOUSE] = {[VD_KQL_BOOL] = "Nullable(Bool)",
            [VD_KQL_DATETIME] = "Nullable(DateTime64(6, 'UTC'))",
            [VD_KQL_DYNAMIC] = "Nullable(String)",
            [VD_KQL_GUID] = "Nullable(String)",
            [VD_KQL_INT] = "Nullable(Int32)",
            [VD_KQL_LONG] = "Nullable(Int64)",
            [VD_KQL_REAL] = "Nullable(Float64)",
            [VD_KQL_STRING] = "String",
            [VD_KQL_TIMESPAN] = "Nullable(Int64)"},
    };

    vd_buf_printf(e->sql, "CAST(NULL AS %s)", names[e->dialect][type]);
}

static void emit_integer(struct vd_kql_emitter *e, enum vd_kql_type type, int64_t number)
{
    const char *name = type == VD_KQL_INT ? "INTEGER" : "BIGINT";

    if (e->dialect == VD_KQL_CLICKHOUSE) {
        vd_buf_printf(
            e->sql, "%s('%lld')", type == VD_KQL_INT ? "toInt32" : "toInt64", (long long)number);
    } else {
        vd_buf_printf(e->sql, "CAST('%lld' AS %s)", (long long)number, name);
    }
}

static void emit_real(struct vd_kql_emitter *e, double number)
{
    char text[40];

    if (isnan(number)) {
        snprintf(text, sizeof text, "nan");
    } else if (isinf(number)) {
        snprintf(text, sizeof text, number > 0 ? "inf" : "-inf");
    } else {
        snprintf(text, sizeof text, "%.17g", number);
    }
    vd_buf_printf(
        e->sql, e->dialect == VD_KQL_CLICKHOUSE ? "toFloat64('%s')" : "CAST('%s' AS DOUBLE)", text);
}

/* By microseconds, rounded down: databases have no finer time. */
static void emit_datetime(struct vd_kql_emitter *e, int64_t ticks)
{
    const int64_t us = ticks / TICKS_PER_US - (ticks % TICKS_PER_US < 0 ? 1 : 0);

    vd_buf_printf(e->sql,
        e->dialect == VD_KQL_CLICKHOUSE ? "fromUnixTimestamp64Micro(toInt64('%lld'), 'UTC')"
                                        : "make_timestamp(%lld)",
        (long long)us);
}

void vd_kql_emit_constant(struct vd_kql_emitter *e, const struct vd_kql_value *value)
{
    if (value->is_null) {
        emit_null(e, value->type);
        return;
    }
    switch (value->type) {
    case VD_KQL_BOOL:
        vd_kql_emit_text(e, value->integer != 0 ? "true" : "false");
        break;
    case VD_KQL_DATETIME:
        emit_datetime(e, value->integer);
        break;
    case VD_KQL_REAL:
        emit_real(e, value->real);
        break;
    case VD_KQL_INT:
    case VD_KQL_LONG:
    case VD_KQL_TIMESPAN:
        emit_integer(e, value->type, value->integer);
        break;
    default:
        vd_kql_emit_quoted(e, value->text);
    }
}

/* ---- Columns ---- */

void vd_kql_emit_column(struct vd_kql_emitter *e, const struct vd_kql_column *column)
{
    size_t kept = 0;

    for (size_t i = 0; i < column->name.length && kept < 40; i++) {
        const char c = column->name.data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            (c >= '0' && c <= '9' && kept > 0)) {
            vd_buf_append(e->sql, &c, 1);
            kept++;
        }
    }
    vd_buf_printf(e->sql, "%s%u", kept > 0 ? "_" : "c_", column->id);
}

static void emit_column_by_id(
    struct vd_kql_emitter *e, const struct vd_kql_emit_place *place, uint32_t id)
{
    const struct vd_kql_rel *const sides[] = {place->rel, place->right};
    const char *const aliases[] = {place->left_alias, place->right_alias};

    for (int side = 0; side < 2; side++) {
        for (uint32_t i = 0; sides[side] != NULL && i < sides[side]->columns.count; i++) {
            if (sides[side]->columns.items[i].id == id) {
                vd_kql_emit_text(e, aliases[side] != NULL ? aliases[side] : "");
                vd_kql_emit_column(e, &sides[side]->columns.items[i]);
                return;
            }
        }
    }
    /* A number that is counted by the statement itself. */
    vd_buf_printf(e->sql, "c_%u", id);
}

/* ---- Calls ---- */

static void emit_argument(struct vd_kql_emitter *e, const struct vd_kql_emit_place *place,
    const struct vd_kql_expr *call, uint32_t i)
{
    if (i >= call->argument_count) {
        vd_kql_emit_text(e, call->call->missing != NULL ? call->call->missing : "NULL");
        return;
    }
    vd_kql_emit_expr(e, place, call->arguments[i]);
}

/* "{^}" and "{^0}". ClickHouse has no order within an aggregate: values are sorted by their rows' numbers. */
static void emit_in_order(struct vd_kql_emitter *e, const struct vd_kql_emit_place *place,
    const struct vd_kql_expr *call, bool is_list)
{
    const bool is_ordered = place->rel->order_count > 0;

    if (!is_list) {
        vd_kql_emit_text(e, is_ordered ? " " : "");
        vd_kql_emit_order(e, place->rel, place->rel);
        return;
    }
    vd_kql_emit_text(e,
        is_ordered
            ? "arrayMap(vd_x -> vd_x.2, arraySort(vd_x -> vd_x.1, groupArrayIf((" VD_KQL_ROW_NUMBER
              ", assumeNotNull("
            : "groupArray(");
    emit_argument(e, place, call, 0);
    if (is_ordered) {
        vd_kql_emit_text(e, ")), isNotNull(");
        emit_argument(e, place, call, 0);
        vd_kql_emit_text(e, "))))");
    } else {
        vd_kql_emit_text(e, ")");
    }
}

bool vd_kql_emit_needs_order(const struct vd_kql_emitter *e, const struct vd_kql_expr *call)
{
    const char *const sql = call->op == VD_KQL_OP_CALL ? call->call->sql[e->dialect] : NULL;

    return sql != NULL && strstr(sql, "{^0}") != NULL;
}

/* What stands between braces: "0", "*", "2*", "#", "^". */
static void emit_place(struct vd_kql_emitter *e, const struct vd_kql_emit_place *place,
    const struct vd_kql_expr *call, const char *mark, size_t length)
{
    uint32_t number = 0;
    size_t i = 0;

    if (length == 1 && mark[0] == '#') {
        vd_buf_printf(e->sql, "%u", call->argument_count);
        return;
    }
    if (mark[0] == '^') {
        emit_in_order(e, place, call, length > 1);
        return;
    }
    for (; i < length && mark[i] >= '0' && mark[i] <= '9'; i++) {
        number = number * 10 + (uint32_t)(mark[i] - '0');
    }
    if (i == length) {
        emit_argument(e, place, call, number);
        return;
    }
    for (uint32_t a = number; a < call->argument_count; a++) {
        vd_kql_emit_text(e, a > number ? ", " : "");
        emit_argument(e, place, call, a);
    }
}

static void emit_call(
    struct vd_kql_emitter *e, const struct vd_kql_emit_place *place, const struct vd_kql_expr *call)
{
    const char *at = call->call->sql[e->dialect];

    if (at == NULL) {
        vd_kql_emit_unsupported(e, call->call->name);
        return;
    }
    while (*at != '\0') {
        const char *brace = strchr(at, '{');
        const char *end;

        if (brace == NULL) {
            vd_kql_emit_text(e, at);
            return;
        }
        vd_buf_append(e->sql, at, (size_t)(brace - at));
        end = brace[1] == '{' ? NULL : strchr(brace, '}');
        if (end == NULL) {
            vd_kql_emit_text(e, "{");
            at = brace + (brace[1] == '{' ? 2 : 1);
        } else {
            emit_place(e, place, call, brace + 1, (size_t)(end - brace - 1));
            at = end + 1;
        }
    }
}

/* ---- The rest ---- */

static void emit_case(
    struct vd_kql_emitter *e, const struct vd_kql_emit_place *place, const struct vd_kql_expr *expr)
{
    vd_kql_emit_text(e, "CASE");
    for (uint32_t i = 0; i + 1 < expr->argument_count; i += 2) {
        vd_kql_emit_text(e, " WHEN ");
        vd_kql_emit_expr(e, place, expr->arguments[i]);
        vd_kql_emit_text(e, " THEN ");
        vd_kql_emit_expr(e, place, expr->arguments[i + 1]);
    }
    vd_kql_emit_text(e, " ELSE ");
    vd_kql_emit_expr(e, place, expr->arguments[expr->argument_count - 1]);
    vd_kql_emit_text(e, " END");
}

/* A JSON pointer of the steps from `from` to before `to`, quoted. */
static void emit_pointer(
    struct vd_kql_emitter *e, const struct vd_kql_step *steps, uint32_t from, uint32_t to)
{
    struct vd_buf text = {0};

    for (uint32_t i = from; i < to; i++) {
        vd_buf_append_text(&text, "/");
        if (steps[i].name.data == NULL) {
            vd_buf_printf(&text, "%lld", (long long)steps[i].number);
        }
        for (size_t c = 0; steps[i].name.data != NULL && c < steps[i].name.length; c++) {
            const char letter = steps[i].name.data[c];

            if (letter == '~' || letter == '/') {
                vd_buf_append_text(&text, letter == '~' ? "~0" : "~1");
            } else {
                vd_buf_append(&text, &letter, 1);
            }
        }
    }
    if (text.error != VD_OK) {
        e->error = text.error;
    } else {
        vd_kql_emit_quoted(e, (struct vd_str){(const char *)text.data, text.length});
    }
    vd_buf_release(&text);
}

/* The value behind the first `count` steps. */
static void emit_path_duckdb(struct vd_kql_emitter *e, const struct vd_kql_emit_place *place,
    const struct vd_kql_expr *expr, uint32_t count)
{
    uint32_t from = count;

    if (count == 0) {
        vd_kql_emit_expr(e, place, expr->arguments[0]);
        return;
    }
    if (expr->steps[count - 1].name.data == NULL && expr->steps[count - 1].number < 0) {
        vd_kql_emit_text(e, "json_extract(");
        emit_path_duckdb(e, place, expr, count - 1);
        vd_buf_printf(e->sql, ", '$[#%lld]')", (long long)expr->steps[count - 1].number);
        return;
    }
    while (from > 0 &&
        (expr->steps[from - 1].name.data != NULL || expr->steps[from - 1].number >= 0)) {
        from--;
    }
    vd_kql_emit_text(e, "json_extract(");
    emit_path_duckdb(e, place, expr, from);
    vd_kql_emit_text(e, ", ");
    emit_pointer(e, expr->steps, from, count);
    vd_kql_emit_text(e, ")");
}

static void emit_path(
    struct vd_kql_emitter *e, const struct vd_kql_emit_place *place, const struct vd_kql_expr *expr)
{
    if (e->dialect == VD_KQL_DUCKDB) {
        vd_kql_emit_text(e, "nullif(CAST(");
        emit_path_duckdb(e, place, expr, expr->step_count);
        vd_kql_emit_text(e, " AS VARCHAR), 'null')");
        return;
    }
    vd_kql_emit_text(e, "nullIf(nullIf(JSONExtractRaw(coalesce(");
    vd_kql_emit_expr(e, place, expr->arguments[0]);
    vd_kql_emit_text(e, ", '')");
    for (uint32_t i = 0; i < expr->step_count; i++) {
        vd_kql_emit_text(e, ", ");
        if (expr->steps[i].name.data != NULL) {
            vd_kql_emit_quoted(e, expr->steps[i].name);
        } else {
            const int64_t number = expr->steps[i].number;

            vd_buf_printf(e->sql, "%lld", (long long)(number < 0 ? number : number + 1));
        }
    }
    vd_kql_emit_text(e, "), ''), 'null')");
}

static void emit_window(
    struct vd_kql_emitter *e, const struct vd_kql_emit_place *place, const struct vd_kql_expr *expr)
{
    static const char *const names[] = {"lag(", "lead(", "(row_number(", "sum("};

    vd_kql_emit_text(e, expr->type == VD_KQL_STRING ? "coalesce(" : "");
    vd_kql_emit_text(e, expr->window == VD_KQL_WINDOW_CUMSUM ? "CAST(" : "");
    vd_kql_emit_text(e, names[expr->window]);
    for (uint32_t i = 0; expr->window != VD_KQL_WINDOW_NUMBER && i < expr->argument_count; i++) {
        vd_kql_emit_text(e, i > 0 ? ", " : "");
        vd_kql_emit_expr(e, place, expr->arguments[i]);
    }
    vd_kql_emit_text(e, ") OVER (");
    if (expr->restart != NULL) {
        vd_kql_emit_text(e, "PARTITION BY ");
        vd_kql_emit_expr(e, place, expr->restart);
        vd_kql_emit_text(e, " ");
    }
    vd_kql_emit_order(e, place->rel, place->rel);
    if (expr->window == VD_KQL_WINDOW_CUMSUM) {
        vd_kql_emit_text(e, " ROWS UNBOUNDED PRECEDING");
    }
    vd_kql_emit_text(e, ")");
    if (expr->window == VD_KQL_WINDOW_NUMBER) {
        vd_kql_emit_text(e, " - 1 + ");
        if (expr->argument_count > 0) {
            vd_kql_emit_expr(e, place, expr->arguments[0]);
        } else {
            vd_kql_emit_text(e, "1");
        }
        vd_kql_emit_text(e, ")");
    } else if (expr->window == VD_KQL_WINDOW_CUMSUM) {
        vd_kql_emit_text(e, expr->type == VD_KQL_REAL ? " AS DOUBLE)" : " AS BIGINT)");
    }
    vd_kql_emit_text(e, expr->type == VD_KQL_STRING ? ", '')" : "");
}

/* Without what else the relation has, which may be keys of its order. */
static void emit_first_column(struct vd_kql_emitter *e, const struct vd_kql_rel *rel)
{
    if (rel->columns.count == 1) {
        vd_kql_emit_rel(e, rel);
        return;
    }
    vd_kql_emit_text(e, "SELECT ");
    vd_kql_emit_column(e, &rel->columns.items[0]);
    vd_kql_emit_text(e, " FROM (");
    vd_kql_emit_rel(e, rel);
    vd_buf_printf(e->sql, ") AS t%u", ++e->aliases);
}

/* How many texts it makes for a row; those that it puts into a list are copied. */
static uint32_t count_texts(const struct vd_kql_emitter *e, const struct vd_kql_expr *expr)
{
    const char *sql = expr->op == VD_KQL_OP_CALL ? expr->call->sql[e->dialect] : NULL;
    const bool gives_text = expr->type == VD_KQL_STRING || expr->type == VD_KQL_DYNAMIC;

    if (sql != NULL && strstr(sql, "*}]") != NULL) {
        return expr->argument_count + 1;
    }
    return gives_text && (sql != NULL || expr->op == VD_KQL_OP_PATH) ? 1 : 0;
}

void vd_kql_emit_expr(
    struct vd_kql_emitter *e, const struct vd_kql_emit_place *place, const struct vd_kql_expr *expr)
{
    /* Expressions that are used twice, of such, are far more than the statement holds. */
    if (e->sql->error != VD_OK) {
        return;
    }
    switch (expr->op) {
    case VD_KQL_OP_COLUMN:
        emit_column_by_id(e, place, expr->column);
        return;
    case VD_KQL_OP_CONSTANT:
        vd_kql_emit_constant(e, &expr->value);
        return;
    default:
        break;
    }
    e->text_functions += count_texts(e, expr);
    vd_kql_emit_text(e, "(");
    switch (expr->op) {
    case VD_KQL_OP_CALL:
        emit_call(e, place, expr);
        break;
    case VD_KQL_OP_CASE:
        emit_case(e, place, expr);
        break;
    case VD_KQL_OP_PATH:
        emit_path(e, place, expr);
        break;
    case VD_KQL_OP_WINDOW:
        emit_window(e, place, expr);
        break;
    case VD_KQL_OP_SCALAR:
        emit_first_column(e, expr->rel);
        vd_kql_emit_text(e, expr->rel->order_count > 0 ? " " : "");
        vd_kql_emit_order(e, expr->rel, expr->rel);
        vd_kql_emit_text(e, " LIMIT 1");
        break;
    default:
        vd_kql_emit_expr(e, place, expr->arguments[0]);
        vd_kql_emit_text(e, " IN (");
        emit_first_column(e, expr->rel);
        vd_kql_emit_text(e, ")");
        break;
    }
    vd_kql_emit_text(e, ")");
}
