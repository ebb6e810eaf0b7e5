/* SPDX-License-Identifier: MIT */
/* From DuckDB's vectors to functions of a row. */

#include "center/store/duckdb_functions.h"

#include <string.h>

#define ARGUMENTS_MAX 64

static duckdb_type type_of(char letter)
{
    switch (letter) {
    case 's':
        return DUCKDB_TYPE_VARCHAR;
    case 'l':
        return DUCKDB_TYPE_BIGINT;
    case 'r':
        return DUCKDB_TYPE_DOUBLE;
    case 'b':
        return DUCKDB_TYPE_BOOLEAN;
    default:
        return DUCKDB_TYPE_TIMESTAMP;
    }
}

struct column {
    char letter;
    void *data;
    uint64_t *validity; /* NULL: all are valid */
};

static union vd_duckdb_value value_at(const struct column *column, idx_t row)
{
    union vd_duckdb_value value = {.integer = 0};

    switch (column->letter) {
    case 's': {
        duckdb_string_t *text = &((duckdb_string_t *)column->data)[row];

        value.text = (struct vd_str){duckdb_string_t_data(text), duckdb_string_t_length(*text)};
        break;
    }
    case 'r':
        value.real = ((const double *)column->data)[row];
        break;
    case 'b':
        value.integer = ((const bool *)column->data)[row];
        break;
    default:
        value.integer = ((const int64_t *)column->data)[row];
    }
    return value;
}

static void set_result(
    duckdb_vector output, void *data, char letter, idx_t at, const struct vd_duckdb_row *row)
{
    switch (letter) {
    case 's':
        duckdb_vector_assign_string_element_len(output, at,
            row->text->length > 0 ? (const char *)row->text->data : "", row->text->length);
        break;
    case 'r':
        ((double *)data)[at] = row->result.real;
        break;
    case 'b':
        ((bool *)data)[at] = row->result.integer != 0;
        break;
    default:
        ((int64_t *)data)[at] = row->result.integer;
    }
}

/* One row; false: an error ends the query. */
static bool call_row(const struct vd_duckdb_function *function, const struct column *columns,
    struct vd_duckdb_row *row, idx_t at)
{
    union vd_duckdb_value arguments[ARGUMENTS_MAX];

    row->is_null = false;
    row->arguments = arguments;
    for (uint32_t i = 0; i < row->count; i++) {
        if (columns[i].validity != NULL && !duckdb_validity_row_is_valid(columns[i].validity, at)) {
            row->is_null = true;
            return true;
        }
        arguments[i] = value_at(&columns[i], at);
    }
    vd_buf_clear(row->text);
    function->call(row);
    if (row->text->error == VD_E_LIMIT && row->error == NULL) {
        row->error = "a value would be larger than 16 MiB";
    } else if (row->text->error != VD_OK && row->error == NULL) {
        row->error = "out of memory";
    }
    return row->error == NULL;
}

static void call_chunk(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    const struct vd_duckdb_function *function = duckdb_scalar_function_get_extra_info(info);
    const idx_t rows = duckdb_data_chunk_get_size(input);
    struct column columns[ARGUMENTS_MAX];
    struct vd_buf text = {.max = VD_DUCKDB_VALUE_MAX};
    struct vd_duckdb_row row = {.text = &text};
    void *data = duckdb_vector_get_data(output);
    const char *letter = function->takes;

    row.count = (uint32_t)duckdb_data_chunk_get_column_count(input);
    if (row.count > ARGUMENTS_MAX) {
        duckdb_scalar_function_set_error(info, "too many arguments");
        return;
    }
    for (uint32_t i = 0; i < row.count; i++) {
        duckdb_vector vector = duckdb_data_chunk_get_vector(input, i);

        columns[i].letter = *letter;
        columns[i].data = duckdb_vector_get_data(vector);
        columns[i].validity = duckdb_vector_get_validity(vector);
        letter += letter[1] != '*' && letter[1] != '\0' ? 1 : 0;
    }
    for (idx_t at = 0; at < rows; at++) {
        if (!call_row(function, columns, &row, at)) {
            duckdb_scalar_function_set_error(info, row.error);
            break;
        }
        if (row.is_null) {
            duckdb_vector_ensure_validity_writable(output);
            duckdb_validity_set_row_invalid(duckdb_vector_get_validity(output), at);
        } else {
            set_result(output, data, function->gives, at, &row);
        }
    }
    vd_buf_release(&text);
}

static int register_one(duckdb_connection connection, const struct vd_duckdb_function *function)
{
    duckdb_scalar_function scalar = duckdb_create_scalar_function();
    duckdb_logical_type gives = duckdb_create_logical_type(type_of(function->gives));
    duckdb_state state;

    duckdb_scalar_function_set_name(scalar, function->name);
    for (const char *letter = function->takes; *letter != '\0'; letter++) {
        duckdb_logical_type type = duckdb_create_logical_type(type_of(*letter));

        if (letter[1] == '*') {
            duckdb_scalar_function_set_varargs(scalar, type);
            letter++;
        } else {
            duckdb_scalar_function_add_parameter(scalar, type);
        }
        duckdb_destroy_logical_type(&type);
    }
    duckdb_scalar_function_set_return_type(scalar, gives);
    duckdb_scalar_function_set_extra_info(scalar, (void *)function, NULL);
    duckdb_scalar_function_set_function(scalar, call_chunk);
    state = duckdb_register_scalar_function(connection, scalar);
    duckdb_destroy_logical_type(&gives);
    duckdb_destroy_scalar_function(&scalar);
    return state == DuckDBSuccess ? VD_OK : VD_E_INVALID;
}

int vd_duckdb_functions_register(duckdb_connection connection)
{
    const struct vd_duckdb_function *const parts[] = {vd_duckdb_text_functions,
        vd_duckdb_number_functions, vd_duckdb_time_functions, vd_duckdb_json_functions,
        vd_duckdb_address_functions};
    int error = VD_OK;

    for (size_t part = 0; part < sizeof parts / sizeof parts[0]; part++) {
        for (const struct vd_duckdb_function *f = parts[part]; error == VD_OK && f->name != NULL;
             f++) {
            error = register_one(connection, f);
        }
    }
    return error;
}
