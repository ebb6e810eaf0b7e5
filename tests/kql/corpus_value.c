/* SPDX-License-Identifier: MIT */
/* Values in the form in which the corpus has them. */

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/kql/corpus.h"

static void append_real(double value, struct vd_buf *out)
{
    vd_buf_printf(out, "%.10g", value == 0 ? 0 : value);
}

static void append_dynamic(struct vd_str text, struct vd_buf *out)
{
    json_error_t error;
    json_t *value =
        json_loadb(text.data, text.length, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);

    if (value == NULL) {
        vd_buf_printf(out, "no JSON (%s): %.*s", error.text, VD_STR_ARG(text));
    } else {
        char *compact = json_dumps(
            value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(10));

        vd_buf_append_text(out, compact);
        free(compact);
        json_decref(value);
    }
}

static void append_datetime(int64_t micros, struct vd_buf *out)
{
    duckdb_timestamp_struct t = duckdb_from_timestamp((duckdb_timestamp){micros});

    vd_buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d", t.date.year, t.date.month, t.date.day,
        t.time.hour, t.time.min, t.time.sec);
    if (t.time.micros != 0) {
        char digits[16];
        size_t length = (size_t)snprintf(digits, sizeof digits, ".%06d", t.time.micros);

        while (digits[length - 1] == '0') {
            length--;
        }
        vd_buf_append(out, digits, length);
    }
    vd_buf_append_text(out, "Z");
}

static void append_timespan(int64_t ticks, struct vd_buf *out)
{
    const uint64_t size = ticks < 0 ? 0 - (uint64_t)ticks : (uint64_t)ticks;
    const uint64_t seconds = size / VD_KQL_TICKS_PER_S;
    const uint64_t rest = size % VD_KQL_TICKS_PER_S;

    vd_buf_append_text(out, ticks < 0 ? "-" : "");
    if (seconds >= 86400) {
        vd_buf_printf(out, "%" PRIu64 ".", seconds / 86400);
    }
    vd_buf_printf(out, "%02d:%02d:%02d", (int)(seconds / 3600 % 24), (int)(seconds / 60 % 60),
        (int)(seconds % 60));
    if (rest != 0) {
        vd_buf_printf(out, ".%07d", (int)rest);
    }
}

static void append_string(struct vd_str text, struct vd_buf *out)
{
    vd_buf_append_text(out, text.length == 0 ? "\"\"" : "");
    for (size_t i = 0; i < text.length; i++) {
        switch (text.data[i]) {
        case '\t':
            vd_buf_append_text(out, "\\t");
            break;
        case '\n':
            vd_buf_append_text(out, "\\n");
            break;
        case '\r':
            vd_buf_append_text(out, "\\r");
            break;
        case '\\':
            vd_buf_append_text(out, "\\\\");
            break;
        default:
            vd_buf_append(out, &text.data[i], 1);
            break;
        }
    }
}

static void append_text_value(
    duckdb_result *result, uint32_t column, uint64_t row, enum vd_kql_type type, struct vd_buf *out)
{
    duckdb_string text = duckdb_value_string(result, column, row);

    if (type == VD_KQL_DYNAMIC) {
        append_dynamic((struct vd_str){text.data, text.size}, out);
    } else {
        append_string((struct vd_str){text.data, text.size}, out);
    }
    duckdb_free(text.data);
}

/* What DuckDB gives a column of this type as. */
static duckdb_type type_of(enum vd_kql_type type)
{
    switch (type) {
    case VD_KQL_BOOL:
        return DUCKDB_TYPE_BOOLEAN;
    case VD_KQL_DATETIME:
        return DUCKDB_TYPE_TIMESTAMP;
    case VD_KQL_INT:
        return DUCKDB_TYPE_INTEGER;
    case VD_KQL_LONG:
    case VD_KQL_TIMESPAN:
        return DUCKDB_TYPE_BIGINT;
    case VD_KQL_REAL:
        return DUCKDB_TYPE_DOUBLE;
    default:
        return DUCKDB_TYPE_VARCHAR;
    }
}

void corpus_actual(
    duckdb_result *result, uint32_t column, uint64_t row, enum vd_kql_type type, struct vd_buf *out)
{
    if (duckdb_column_type(result, column) != type_of(type)) {
        vd_buf_printf(out, "DuckDB's type %d", (int)duckdb_column_type(result, column));
    } else if (duckdb_value_is_null(result, column, row)) {
        vd_buf_append_text(out, type == VD_KQL_STRING ? "NULL" : "null");
    } else if (type == VD_KQL_BOOL) {
        vd_buf_append_text(out, duckdb_value_boolean(result, column, row) ? "true" : "false");
    } else if (type == VD_KQL_INT || type == VD_KQL_LONG) {
        vd_buf_printf(out, "%" PRId64, duckdb_value_int64(result, column, row));
    } else if (type == VD_KQL_REAL) {
        append_real(duckdb_value_double(result, column, row), out);
    } else if (type == VD_KQL_DATETIME) {
        append_datetime(duckdb_value_timestamp(result, column, row).micros, out);
    } else if (type == VD_KQL_TIMESPAN) {
        append_timespan(duckdb_value_int64(result, column, row), out);
    } else {
        append_text_value(result, column, row, type, out);
    }
}

void corpus_expected(struct vd_str text, enum vd_kql_type type, struct vd_buf *out)
{
    if (type == VD_KQL_REAL && !vd_str_equal_text(text, "null")) {
        char number[64];

        if (vd_str_copy(text, number, sizeof number) == VD_OK) {
            append_real(strtod(number, NULL), out);
        }
    } else if (type == VD_KQL_DYNAMIC) {
        append_dynamic(text, out);
    } else {
        vd_buf_append(out, text.data, text.length);
    }
}
