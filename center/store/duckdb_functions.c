/* SPDX-License-Identifier: MIT */
/* Lends functions over rows to DuckDB, which calls with chunks. */

#include "center/store/duckdb_functions.h"

#include <stdlib.h>
#include <string.h>

#include "center/store/duckdb_functions_internal.h"

#define ARGUMENTS_MAX 256

static const struct vd_udf *const parts[] = {vd_udf_terms, vd_udf_texts, vd_udf_conversions,
    vd_udf_times, vd_udf_arrays, vd_udf_network, vd_udf_urls, vd_udf_calendar, vd_udf_making,
    vd_udf_canonical};

static _Thread_local struct vd_duckdb_function_bounds bounds_here; /* of what it prepares */

static const char *const no_memory = "Out of memory";
static const char *const has_ended = "the query was ended";

/* The least that is any use where there was no memory for those of the statement. */
static struct vd_duckdb_function_bounds bounds_of(duckdb_function_info info)
{
    const struct vd_duckdb_function_bounds *bound = duckdb_scalar_function_get_bind_data(info);
    struct vd_duckdb_function_bounds bounds = {VD_UDF_TEXT_MAX, NULL};

    if (bound != NULL) {
        bounds = *bound;
        if (bounds.texts == 0 || bounds.texts > VD_UDF_CHUNK_TEXTS_MAX) {
            bounds.texts = VD_UDF_CHUNK_TEXTS_MAX;
        }
    }
    return bounds;
}

static bool is_ended(const struct vd_duckdb_function_bounds *bounds)
{
    return bounds->ended != NULL &&
        atomic_load_explicit(bounds->ended, memory_order_relaxed) != VD_OK;
}

bool vd_udf_spend(struct vd_udf_call *call, uint64_t steps)
{
    if (steps > *call->steps) {
        *call->steps = 0;
        call->error =
            "a function of this query would take too long: fewer or shorter texts are needed";
        return false;
    }
    *call->steps -= steps;
    return true;
}

/* ---- Chunks ---- */

struct column {
    void *data;
    uint64_t *validity;
    char letter;
};

static void read_value(const struct column *column, idx_t row, struct vd_udf_value *out)
{
    out->is_null = column->validity != NULL && !duckdb_validity_row_is_valid(column->validity, row);
    if (out->is_null) {
        out->text = (struct vd_str){"", 0};
        return;
    }
    switch (column->letter) {
    case 's': {
        duckdb_string_t *text = (duckdb_string_t *)column->data + row;

        out->text.length = duckdb_string_t_length(*text);
        out->text.data = duckdb_string_t_data(text);
        break;
    }
    case 'r':
        out->real = ((const double *)column->data)[row];
        break;
    case 'b':
        out->integer = ((const bool *)column->data)[row];
        break;
    default:
        out->integer = ((const int64_t *)column->data)[row];
        break;
    }
}

static void write_value(
    const struct vd_udf *udf, const struct vd_udf_call *call, duckdb_vector output, idx_t row)
{
    void *data = duckdb_vector_get_data(output);

    switch (udf->gives) {
    case 's':
        duckdb_vector_assign_string_element_len(output, row,
            call->out->data != NULL ? (const char *)call->out->data : "", call->out->length);
        break;
    case 'r':
        ((double *)data)[row] = call->result.real;
        break;
    case 'b':
        ((bool *)data)[row] = call->result.integer != 0;
        break;
    case 'i':
        ((int32_t *)data)[row] = (int32_t)call->result.integer;
        break;
    default:
        ((int64_t *)data)[row] = call->result.integer;
        break;
    }
}

static void set_null(duckdb_vector output, idx_t row)
{
    duckdb_vector_ensure_validity_writable(output);
    duckdb_validity_set_row_invalid(duckdb_vector_get_validity(output), row);
}

/* NULL, or why the query has to end. */
static const char *run_row(
    const struct vd_udf *udf, struct vd_udf_call *call, duckdb_vector output, idx_t row)
{
    bool has_null = false;

    for (uint32_t i = 0; i < call->count; i++) {
        has_null = has_null || call->args[i].is_null;
    }
    vd_buf_clear(call->out);
    call->growth = 0;
    if ((has_null && !udf->on_nulls) || !udf->function(call)) {
        set_null(output, row);
    } else if (call->out->error == VD_OK) {
        write_value(udf, call, output, row);
    }
    if (call->out->error == VD_E_LIMIT) {
        return "a text of this query is longer than 16 MiB";
    }
    return call->out->error != VD_OK ? no_memory : call->error;
}

static bool spend_text(uint64_t *left, const struct vd_udf_call *call)
{
    const uint64_t taken = (uint64_t)call->out->length + call->growth;

    if (taken > *left) {
        return false;
    }
    *left -= taken;
    return true;
}

static void run(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    const struct vd_udf *udf = duckdb_scalar_function_get_extra_info(info);
    const struct vd_duckdb_function_bounds bounds = bounds_of(info);
    uint64_t texts_left = bounds.texts;
    const idx_t rows = duckdb_data_chunk_get_size(input);
    const idx_t count = duckdb_data_chunk_get_column_count(input);
    struct column columns[ARGUMENTS_MAX];
    struct vd_udf_value values[ARGUMENTS_MAX];
    struct vd_buf out = {.max = VD_UDF_TEXT_MAX};
    uint64_t steps = VD_UDF_STEPS_MAX;
    struct vd_udf_call call = {
        .args = values, .count = (uint32_t)count, .out = &out, .steps = &steps};
    const char *error = count > ARGUMENTS_MAX ? "a function has too many arguments" : NULL;
    const char *letter = udf->takes;

    for (idx_t i = 0; error == NULL && i < count; i++) {
        duckdb_vector vector = duckdb_data_chunk_get_vector(input, i);

        columns[i] = (struct column){
            duckdb_vector_get_data(vector), duckdb_vector_get_validity(vector), *letter};
        letter += letter[1] != '\0' && letter[1] != '*' ? 1 : 0;
    }
    for (idx_t row = 0; error == NULL && row < rows; row++) {
        for (idx_t i = 0; i < count; i++) {
            read_value(&columns[i], row, &values[i]);
        }
        error = is_ended(&bounds) ? has_ended : run_row(udf, &call, output, row);
        if (error == NULL && !spend_text(&texts_left, &call)) {
            error =
                "the texts of this query are too long together: fewer or shorter texts, or fewer "
                "functions are needed";
        }
    }
    vd_buf_release(&out);
    if (error != NULL) {
        duckdb_scalar_function_set_error(info, error);
    }
}

static void run_pairs(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    const struct vd_udf_pair *pair = duckdb_scalar_function_get_extra_info(info);
    const idx_t rows = duckdb_data_chunk_get_size(input);
    duckdb_vector left = duckdb_data_chunk_get_vector(input, 0);
    duckdb_vector right = duckdb_data_chunk_get_vector(input, 1);
    const int64_t *a = duckdb_vector_get_data(left);
    const int64_t *b = duckdb_vector_get_data(right);
    uint64_t *a_validity = duckdb_vector_get_validity(left);
    uint64_t *b_validity = duckdb_vector_get_validity(right);
    int64_t *out = duckdb_vector_get_data(output);

    for (idx_t row = 0; row < rows; row++) {
        if ((a_validity != NULL && !duckdb_validity_row_is_valid(a_validity, row)) ||
            (b_validity != NULL && !duckdb_validity_row_is_valid(b_validity, row)) ||
            !pair->function(a[row], b[row], &out[row])) {
            set_null(output, row);
        }
    }
}

static struct vd_str text_at(const duckdb_string_t *texts, idx_t row)
{
    const duckdb_string_t *text = &texts[row];
    const uint32_t length = text->value.inlined.length;

    return (struct vd_str){length <= sizeof text->value.inlined.inlined
            ? text->value.inlined.inlined
            : text->value.pointer.ptr,
        length};
}

static void run_search(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    const struct vd_udf_search *search = duckdb_scalar_function_get_extra_info(info);
    const idx_t rows = duckdb_data_chunk_get_size(input);
    duckdb_vector left = duckdb_data_chunk_get_vector(input, 0);
    duckdb_vector right = duckdb_data_chunk_get_vector(input, 1);
    const duckdb_string_t *texts = duckdb_vector_get_data(left);
    const duckdb_string_t *needles = duckdb_vector_get_data(right);
    uint64_t *text_validity = duckdb_vector_get_validity(left);
    uint64_t *needle_validity = duckdb_vector_get_validity(right);
    const struct vd_duckdb_function_bounds bounds = bounds_of(info);
    uint64_t steps = VD_UDF_STEPS_MAX;
    struct vd_udf_call call = {.steps = &steps};
    void *out = duckdb_vector_get_data(output);

    for (idx_t row = 0; row < rows && call.error == NULL; row++) {
        if (is_ended(&bounds)) {
            call.error = has_ended;
            duckdb_scalar_function_set_error(info, has_ended);
        } else if ((text_validity != NULL && !duckdb_validity_row_is_valid(text_validity, row)) ||
            (needle_validity != NULL && !duckdb_validity_row_is_valid(needle_validity, row))) {
            set_null(output, row);
        } else if (!vd_udf_search_run(&call, search, text_at(texts, row), text_at(needles, row))) {
            duckdb_scalar_function_set_error(info, call.error);
        } else if (search->list == VD_UDF_PLACE) {
            ((int64_t *)out)[row] = call.result.integer;
        } else {
            ((bool *)out)[row] = call.result.integer != 0;
        }
    }
}

/* ---- Registration ---- */

static duckdb_logical_type type_of(char letter)
{
    switch (letter) {
    case 's':
        return duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
    case 'r':
        return duckdb_create_logical_type(DUCKDB_TYPE_DOUBLE);
    case 'b':
        return duckdb_create_logical_type(DUCKDB_TYPE_BOOLEAN);
    case 't':
        return duckdb_create_logical_type(DUCKDB_TYPE_TIMESTAMP);
    case 'i':
        return duckdb_create_logical_type(DUCKDB_TYPE_INTEGER);
    default:
        return duckdb_create_logical_type(DUCKDB_TYPE_BIGINT);
    }
}

void vd_duckdb_functions_bound(struct vd_duckdb_function_bounds bounds)
{
    bounds_here = bounds;
}

static void *copy_bounds(void *bounds)
{
    struct vd_duckdb_function_bounds *copy = bounds != NULL ? malloc(sizeof *copy) : NULL;

    if (copy != NULL) {
        *copy = *(const struct vd_duckdb_function_bounds *)bounds;
    }
    return copy;
}

/* A call keeps the bounds of the statement that it stands in. */
static void bind(duckdb_bind_info info)
{
    duckdb_scalar_function_set_bind_data(info, copy_bounds(&bounds_here), free);
    duckdb_scalar_function_set_bind_data_copy(info, copy_bounds);
}

/* What DuckDB calls with chunks, and what it is given to know what for. */
static int register_one(duckdb_connection connection, const char *name, const char *takes,
    char gives, bool on_nulls, duckdb_scalar_function_t chunk, const void *info)
{
    duckdb_scalar_function function = duckdb_create_scalar_function();
    duckdb_logical_type type = type_of(gives);
    union {
        const void *constant;
        void *info;
    } extra = {info};
    int error;

    duckdb_scalar_function_set_name(function, name);
    duckdb_scalar_function_set_return_type(function, type);
    duckdb_destroy_logical_type(&type);
    for (const char *letter = takes; *letter != '\0' && *letter != '*'; letter++) {
        type = type_of(*letter);
        if (letter[1] == '*') {
            duckdb_scalar_function_set_varargs(function, type);
        } else {
            duckdb_scalar_function_add_parameter(function, type);
        }
        duckdb_destroy_logical_type(&type);
    }
    if (on_nulls) {
        duckdb_scalar_function_set_special_handling(function);
    }
    duckdb_scalar_function_set_extra_info(function, extra.info, NULL);
    duckdb_scalar_function_set_bind(function, bind);
    duckdb_scalar_function_set_function(function, chunk);
    error =
        duckdb_register_scalar_function(connection, function) == DuckDBSuccess ? VD_OK : VD_E_IO;
    duckdb_destroy_scalar_function(&function);
    return error;
}

int vd_duckdb_functions_register(duckdb_connection connection)
{
    int error = VD_OK;

    for (size_t part = 0; part < sizeof parts / sizeof parts[0]; part++) {
        for (const struct vd_udf *udf = parts[part]; error == VD_OK && udf->name != NULL; udf++) {
            error = register_one(
                connection, udf->name, udf->takes, udf->gives, udf->on_nulls, run, udf);
        }
    }
    for (const struct vd_udf_pair *pair = vd_udf_pairs; error == VD_OK && pair->name != NULL;
         pair++) {
        error =
            register_one(connection, pair->name, pair->takes, pair->gives, false, run_pairs, pair);
    }
    for (const struct vd_udf_search *search = vd_udf_searches;
         error == VD_OK && search->name != NULL; search++) {
        error = register_one(connection, search->name, "ss",
            search->list == VD_UDF_PLACE ? 'l' : 'b', false, run_search, search);
    }
    return error;
}
