/* SPDX-License-Identifier: MIT */
/* Read-only SQL over the query tables: guarded, bounded in rows, bytes, time and memory. */

#include "center/store/duckdb_functions.h"
#include "center/store/duckdb_internal.h"
#include "lib/damage.h"
#include "lib/json_text.h"

/* Functions that give texts, in a query of which nobody counted them. */
#define FUNCTIONS_UNKNOWN 16

/* ---- A query under way ---- */

struct query {
    duckdb_connection connection;
    const char *sql;
    uint32_t max_rows;
    bool is_compiled;
    struct vd_duckdb_function_bounds bounds;
    bool has_union; /* or another operation on sets */
    char *text;
    size_t text_size;
    struct vd_buf rewritten; /* the query in one that mends what it lacks, if that is needed */
    struct vd_query_room left;
    const char *cut_by; /* the limit that rows were left out for; NULL: none were */
};

/* What RE2 says of a pattern that was made by the query itself, so that nobody could look at it before; NULL: it is not about one. */
static const char *of_pattern(const char *message)
{
    static const char prefix[] = "Invalid Input Error: ";
    static const char *const beginnings[] = {"Pattern failed to parse, error: ", "missing ]",
        "missing )", "unexpected )", "no argument for repetition", "bad repetition",
        "invalid repetition", "invalid escape", "invalid character class", "invalid perl operator",
        "invalid UTF-8", "invalid named capture", "trailing \\", "pattern too large"};

    if (strncmp(message, prefix, strlen(prefix)) != 0) {
        return NULL;
    }
    message += strlen(prefix);
    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++) {
        if (strncmp(message, beginnings[i], strlen(beginnings[i])) == 0) {
            return i == 0 ? message + strlen(beginnings[i]) : message;
        }
    }
    return NULL;
}

static int query_error(struct query *q, duckdb_error_type type, const char *message)
{
    const char *pattern = message != NULL ? of_pattern(message) : NULL;

    if (pattern != NULL) {
        snprintf(q->text, q->text_size, "a text that the query made is no regular expression: %s",
            pattern);
    } else {
        snprintf(q->text, q->text_size, "%s", message != NULL ? message : "the query failed");
    }
    switch (type) {
    case DUCKDB_ERROR_OUT_OF_MEMORY:
        return VD_E_LIMIT;
    case DUCKDB_ERROR_INTERRUPT:
        return VD_E_TIMEOUT;
    case DUCKDB_ERROR_IO:
    case DUCKDB_ERROR_FATAL:
    case DUCKDB_ERROR_INTERNAL:
        (void)vd_damage_note(VD_DAMAGE_ANALYTICS, vd_duckdb_error(type, message));
        return VD_E_IO;
    default:
        return VD_E_INVALID;
    }
}

/* The one text that `sql` with the query as its parameter answers with; duckdb_free it. */
static int ask_text(struct query *q, const char *sql, char **answer)
{
    duckdb_prepared_statement statement = NULL;
    duckdb_result result;
    int error = VD_OK;

    if (duckdb_prepare(q->connection, sql, &statement) != DuckDBSuccess ||
        duckdb_bind_varchar(statement, 1, q->sql) != DuckDBSuccess) {
        error = query_error(q, DUCKDB_ERROR_INVALID, duckdb_prepare_error(statement));
    } else {
        if (duckdb_execute_prepared(statement, &result) != DuckDBSuccess) {
            error = query_error(q, duckdb_result_error_type(&result), duckdb_result_error(&result));
        } else {
            *answer = duckdb_value_varchar(&result, 0, 0);
            error = *answer != NULL ? VD_OK : VD_E_INVALID;
        }
        duckdb_destroy_result(&result);
    }
    duckdb_destroy_prepare(&statement);
    return error;
}

static int guard_query(struct query *q)
{
    char *tree = NULL;
    int error =
        ask_text(q, "SELECT CAST(json_serialize_sql(CAST($1 AS VARCHAR)) AS VARCHAR)", &tree);

    if (error == VD_OK && tree != NULL) {
        error = vd_duckdb_guard(tree, q->is_compiled, q->text, q->text_size);
        q->has_union = strstr(tree, "\"SET_OPERATION_NODE\"") != NULL ||
            strcasestr(tree, "\"SecurityIoTRawEvent\"") != NULL; /* the view is one of unions */
    }
    duckdb_free(tree);
    return error;
}

/* Prepares `sql` if it is exactly one SELECT. */
static int prepare_select(struct query *q, const char *sql, duckdb_prepared_statement *statement)
{
    duckdb_extracted_statements extracted = NULL;
    idx_t count = duckdb_extract_statements(q->connection, sql, &extracted);
    int error = VD_OK;

    if (count == 0) {
        const char *message = duckdb_extract_statements_error(extracted);

        error = query_error(
            q, DUCKDB_ERROR_INVALID, message != NULL ? message : "there is no statement");
    } else if (count > 1) {
        error = query_error(q, DUCKDB_ERROR_INVALID, "exactly one statement is allowed");
    } else if (duckdb_prepare_extracted_statement(q->connection, extracted, 0, statement) !=
        DuckDBSuccess) {
        error = query_error(q, DUCKDB_ERROR_INVALID, duckdb_prepare_error(*statement));
    } else if (duckdb_prepared_statement_type(*statement) != DUCKDB_STATEMENT_TYPE_SELECT) {
        error = query_error(q, DUCKDB_ERROR_INVALID, "only SELECT is allowed");
    } else if (duckdb_nparams(*statement) != 0) {
        error = query_error(q, DUCKDB_ERROR_INVALID, "parameters are not supported");
    }
    duckdb_destroy_extracted(&extracted);
    return error;
}

/* ---- Rows ---- */

/* The values of a row; of one that there is no room for, those that there is, with q->cut_by. NULL: VD_E_NOMEM. */
static json_t *row_json(struct query *q, duckdb_result *result, duckdb_data_chunk chunk, idx_t row)
{
    idx_t columns = duckdb_data_chunk_get_column_count(chunk);
    json_t *values = json_array();

    for (idx_t column = 0; column < columns; column++) {
        duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, column);
        duckdb_type type = duckdb_column_type(result, column);
        void *data = duckdb_vector_get_data(vector);
        uint64_t *validity = duckdb_vector_get_validity(vector);
        bool is_null = validity != NULL && !duckdb_validity_row_is_valid(validity, row);
        size_t text_bytes = !is_null && type == DUCKDB_TYPE_VARCHAR
            ? duckdb_string_t_length(((duckdb_string_t *)data)[row])
            : 0;

        if (q->left.values == 0 || text_bytes > q->left.text_bytes) {
            q->cut_by = q->left.values == 0 ? "values" : "bytes";
            return values;
        }
        q->left.values--;
        q->left.text_bytes -= text_bytes;
        if (json_array_append_new(
                values, is_null ? json_null() : vd_duckdb_value_json(type, data, row)) != 0) {
            json_decref(values);
            return NULL;
        }
    }
    return values;
}

/* Adds the rows of a chunk up to the limits. VD_E_NOMEM. */
static int add_chunk(struct query *q, duckdb_result *result, duckdb_data_chunk chunk, json_t *rows)
{
    idx_t count = duckdb_data_chunk_get_size(chunk);

    for (idx_t row = 0; row < count; row++) {
        json_t *values;

        if (json_array_size(rows) >= q->max_rows) {
            q->cut_by = "rows";
            return VD_OK;
        }
        values = row_json(q, result, chunk, row);
        if (values != NULL && q->cut_by != NULL) {
            json_decref(values);
            return VD_OK;
        }
        if (json_array_append_new(rows, values) != 0) {
            return VD_E_NOMEM;
        }
    }
    return VD_OK;
}

/* ---- Running ---- */

/* Names and types of the columns as the query gave them. */
static json_t *columns_json(duckdb_prepared_statement statement)
{
    json_t *columns = json_array();
    idx_t count = duckdb_prepared_statement_column_count(statement);

    for (idx_t i = 0; i < count; i++) {
        const char *name = duckdb_prepared_statement_column_name(statement, i);

        json_array_append_new(columns,
            json_pack("{s:o, s:s}", "name", vd_json_text(vd_str_from(name != NULL ? name : "")),
                "type", vd_duckdb_type_name(duckdb_prepared_statement_column_type(statement, i))));
        duckdb_free((void *)(uintptr_t)name);
    }
    return columns;
}

static bool needs_rewriting(const struct query *q, duckdb_prepared_statement statement)
{
    idx_t count = duckdb_prepared_statement_column_count(statement);

    for (idx_t i = 0; i < count; i++) {
        if (!vd_duckdb_has_json_form(duckdb_prepared_statement_column_type(statement, i))) {
            return true;
        }
    }
    return q->has_union;
}

/*
 * DuckDB 1.4 streams a union through its buffered batch collector, which loses rows, or waits for ever, where a right side is
 * a union too and parts of it are empty (duckdb/duckdb, BatchedBufferedData: what completes last is never moved to the
 * reader). It takes another collector where a source does not number its batches, as range() does not.
 */
static void append_union_end(struct vd_buf *sql, idx_t columns)
{
    vd_buf_append_text(sql, " UNION ALL SELECT ");
    for (idx_t i = 0; i < columns; i++) {
        vd_buf_append_text(sql, i > 0 ? ", NULL" : "NULL");
    }
    vd_buf_append_text(sql, " FROM range(0)");
}

/* Puts the query into one that casts the columns that need it, and whose union can be streamed. */
static int rewrite(struct query *q, duckdb_prepared_statement statement)
{
    idx_t count = duckdb_prepared_statement_column_count(statement);
    char *canonical = NULL; /* without a comment or semicolon at its end, as our compiler's are */
    int error = q->is_compiled
        ? VD_OK
        : ask_text(q, "SELECT json_deserialize_sql(json_serialize_sql(CAST($1 AS VARCHAR)))",
              &canonical);

    if (error != VD_OK) {
        return error;
    }
    vd_buf_append_text(&q->rewritten, "SELECT ");
    for (idx_t i = 0; i < count; i++) {
        duckdb_type type = duckdb_prepared_statement_column_type(statement, i);

        vd_buf_printf(&q->rewritten, vd_duckdb_has_json_form(type) ? "%sc%llu" : "%sCAST(c%llu AS ",
            i > 0 ? ", " : "", (unsigned long long)i);
        if (!vd_duckdb_has_json_form(type)) {
            vd_buf_printf(&q->rewritten, "%s)", vd_duckdb_cast_of(type));
        }
    }
    vd_buf_append_text(&q->rewritten, " FROM (");
    vd_buf_append_text(&q->rewritten, q->is_compiled ? q->sql : canonical);
    vd_buf_append_text(&q->rewritten, ") AS vd_query(");
    for (idx_t i = 0; i < count; i++) {
        vd_buf_printf(&q->rewritten, "%sc%llu", i > 0 ? ", " : "", (unsigned long long)i);
    }
    vd_buf_append_text(&q->rewritten, ")");
    if (q->has_union) {
        append_union_end(&q->rewritten, count);
    }
    vd_buf_append(&q->rewritten, "", 1);
    duckdb_free(canonical);
    return q->rewritten.error;
}

static int fetch_rows(struct query *q, duckdb_result *result, json_t *rows)
{
    int error = VD_OK;

    while (error == VD_OK && q->cut_by == NULL) {
        duckdb_data_chunk chunk = duckdb_fetch_chunk(*result);
        const char *message = duckdb_result_error(result);

        if (chunk == NULL) {
            if (message != NULL && *message != '\0') {
                error = query_error(q, duckdb_result_error_type(result), message);
            }
            break;
        }
        if (duckdb_data_chunk_get_size(chunk) == 0) {
            duckdb_destroy_data_chunk(&chunk);
            break;
        }
        error = add_chunk(q, result, chunk, rows);
        duckdb_destroy_data_chunk(&chunk);
    }
    return error;
}

static int execute(struct query *q, duckdb_prepared_statement statement, json_t *rows)
{
    duckdb_pending_result pending = NULL;
    duckdb_result result;
    int error;

    if (duckdb_pending_prepared_streaming(statement, &pending) != DuckDBSuccess) {
        error = query_error(q, DUCKDB_ERROR_INVALID, duckdb_pending_error(pending));
        duckdb_destroy_pending(&pending);
        return error;
    }
    if (duckdb_execute_pending(pending, &result) != DuckDBSuccess) {
        error = query_error(q, duckdb_result_error_type(&result), duckdb_result_error(&result));
    } else {
        error = fetch_rows(q, &result, rows);
    }
    duckdb_destroy_result(&result);
    duckdb_destroy_pending(&pending);
    return error;
}

static int run_select(struct query *q, json_t **out)
{
    duckdb_prepared_statement statement = NULL;
    json_t *rows = json_array();
    json_t *columns = NULL;
    int error = prepare_select(q, q->sql, &statement);

    if (error == VD_OK) {
        columns = columns_json(statement);
        if (needs_rewriting(q, statement)) {
            error = rewrite(q, statement);
            duckdb_destroy_prepare(&statement);
            if (error == VD_OK) {
                error = prepare_select(q, (const char *)q->rewritten.data, &statement);
            }
        }
    }
    if (error == VD_OK) {
        error = execute(q, statement, rows);
    }
    duckdb_destroy_prepare(&statement);
    if (error != VD_OK) {
        json_decref(rows);
        json_decref(columns);
        return error;
    }
    *out = json_pack("{s:o, s:o, s:b, s:s?}", "columns", columns, "rows", rows, "truncated",
        q->cut_by != NULL ? 1 : 0, "cutBy", q->cut_by);
    return *out != NULL ? VD_OK : VD_E_NOMEM;
}

/*
 * What functions give is not in DuckDB's limit of memory. All of them have twice that, and each thread that runs them has a chunk
 * of its own.
 */
static uint64_t texts_limit(const struct vd_duckdb *store, uint32_t functions)
{
    const uint64_t all = 2 * (uint64_t)store->memory_limit_mib << 20;
    const uint64_t shares =
        (uint64_t)store->threads * (functions != 0 ? functions : FUNCTIONS_UNKNOWN);

    return all / shares + 1;
}

static int run_guarded(struct query *q, json_t **out)
{
    int error = guard_query(q);

    if (error == VD_OK) {
        error = vd_duckdb_run(q->connection, "BEGIN TRANSACTION READ ONLY", q->text, q->text_size);
    }
    if (error == VD_OK) {
        vd_duckdb_functions_bound(q->bounds);
        error = run_select(q, out);
        vd_duckdb_functions_bound((struct vd_duckdb_function_bounds){0});
    }
    return error;
}

/* With the instance held: connects, registers with the watchdog, runs. */
static int query_connected(
    struct vd_duckdb *store, struct query *q, const struct vd_query_limits *limits, json_t **out)
{
    struct vd_duckdb_running *running;
    int ended;
    int error;

    if (store->database == NULL ||
        duckdb_connect(store->database, &q->connection) != DuckDBSuccess) {
        snprintf(q->text, q->text_size, "the query tables are not open");
        return VD_E_IO;
    }
    running = vd_duckdb_running_add(store, q->connection, limits);
    if (running == NULL) {
        snprintf(q->text, q->text_size, "as many queries are under way as may be: try again later");
        error = VD_E_BUSY;
    } else {
        q->bounds.ended = &running->ended;
        error = run_guarded(q, out);
        ended = vd_duckdb_running_remove(store, running);
        if (error != VD_OK && ended == VD_E_TIMEOUT) {
            snprintf(q->text, q->text_size, "the query took longer than %u ms", limits->timeout_ms);
        } else if (error != VD_OK && ended == VD_E_CLOSED) {
            snprintf(q->text, q->text_size, "nobody waits for the query any more");
        }
        error = error != VD_OK && ended != VD_OK ? ended : error;
    }
    duckdb_disconnect(&q->connection);
    return error;
}

/* A day that goes while a query looks for its files makes that query fail: it is asked again. */
static int query_unmoved(
    struct vd_duckdb *store, struct query *q, const struct vd_query_limits *limits, json_t **out)
{
    const struct query fresh = *q;
    unsigned changed;
    int error;

    do {
        vd_buf_release(&q->rewritten);
        *q = fresh;
        changed = atomic_load(&store->views_changed);
        error = query_connected(store, q, limits, out);
    } while ((error == VD_E_INVALID || error == VD_E_IO) &&
        atomic_load(&store->views_changed) != changed);
    return error;
}

struct run {
    struct vd_duckdb *store;
    struct query *q;
    const struct vd_query_limits *limits;
    json_t **result;
    int error;
};

static void run_connected(void *context)
{
    struct run *run = context;

    run->error = query_unmoved(run->store, run->q, run->limits, run->result);
}

int vd_duckdb_query(struct vd_duckdb *store, const char *sql, const struct vd_query_limits *given,
    json_t **result, char *error_text, size_t error_size)
{
    const struct vd_query_room alone = {VD_QUERY_RESULT_BYTES_MAX, VD_QUERY_RESULT_VALUES_MAX};
    struct vd_query_limits limits = given != NULL ? *given : (struct vd_query_limits){0};
    struct query q = {
        .sql = sql,
        .max_rows = limits.max_rows != 0 ? limits.max_rows : VD_QUERY_ROWS_DEFAULT,
        .is_compiled = limits.is_compiled,
        .bounds.texts = texts_limit(store, limits.text_functions),
        .left = limits.room != NULL ? *limits.room : alone,
        .text = error_text,
        .text_size = error_size,
    };
    struct run run = {store, &q, &limits, result, VD_OK};

    limits.timeout_ms = limits.timeout_ms != 0 ? limits.timeout_ms : VD_QUERY_TIMEOUT_DEFAULT_MS;
    if (error_size > 0) {
        error_text[0] = '\0';
    }
    if (!q.is_compiled && strlen(sql) > VD_QUERY_TEXT_MAX) {
        snprintf(error_text, error_size, "a query has at most %d bytes", VD_QUERY_TEXT_MAX);
        return VD_E_LIMIT;
    }
    pthread_rwlock_rdlock(&store->instance_lock);
    vd_duckdb_call_nicely(run_connected, &run);
    pthread_rwlock_unlock(&store->instance_lock);
    vd_buf_release(&q.rewritten);
    if (run.error == VD_OK && limits.room != NULL) {
        *limits.room = q.left;
    }
    return run.error;
}
