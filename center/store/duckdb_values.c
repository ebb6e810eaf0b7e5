/* SPDX-License-Identifier: MIT */
/* What DuckDB's types and values are in JSON. */

#include "center/store/duckdb_internal.h"
#include "lib/clock.h"
#include "lib/json_text.h"

bool vd_duckdb_has_json_form(duckdb_type type)
{
    switch (type) {
    case DUCKDB_TYPE_BOOLEAN:
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_UTINYINT:
    case DUCKDB_TYPE_USMALLINT:
    case DUCKDB_TYPE_UINTEGER:
    case DUCKDB_TYPE_FLOAT:
    case DUCKDB_TYPE_DOUBLE:
    case DUCKDB_TYPE_VARCHAR:
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_TZ:
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_SQLNULL:
        return true;
    default:
        return false;
    }
}

struct type_name {
    duckdb_type type;
    const char *name;
};

const char *vd_duckdb_type_name(duckdb_type type)
{
    static const struct type_name names[] = {{DUCKDB_TYPE_BOOLEAN, "BOOLEAN"},
        {DUCKDB_TYPE_TINYINT, "TINYINT"}, {DUCKDB_TYPE_SMALLINT, "SMALLINT"},
        {DUCKDB_TYPE_INTEGER, "INTEGER"}, {DUCKDB_TYPE_BIGINT, "BIGINT"},
        {DUCKDB_TYPE_UTINYINT, "UTINYINT"}, {DUCKDB_TYPE_USMALLINT, "USMALLINT"},
        {DUCKDB_TYPE_UINTEGER, "UINTEGER"}, {DUCKDB_TYPE_UBIGINT, "UBIGINT"},
        {DUCKDB_TYPE_HUGEINT, "HUGEINT"}, {DUCKDB_TYPE_UHUGEINT, "UHUGEINT"},
        {DUCKDB_TYPE_FLOAT, "FLOAT"}, {DUCKDB_TYPE_DOUBLE, "DOUBLE"},
        {DUCKDB_TYPE_DECIMAL, "DECIMAL"}, {DUCKDB_TYPE_VARCHAR, "VARCHAR"},
        {DUCKDB_TYPE_BLOB, "BLOB"}, {DUCKDB_TYPE_DATE, "DATE"}, {DUCKDB_TYPE_TIME, "TIME"},
        {DUCKDB_TYPE_TIMESTAMP, "TIMESTAMP"}, {DUCKDB_TYPE_TIMESTAMP_S, "TIMESTAMP_S"},
        {DUCKDB_TYPE_TIMESTAMP_MS, "TIMESTAMP_MS"}, {DUCKDB_TYPE_TIMESTAMP_NS, "TIMESTAMP_NS"},
        {DUCKDB_TYPE_TIMESTAMP_TZ, "TIMESTAMP WITH TIME ZONE"}, {DUCKDB_TYPE_INTERVAL, "INTERVAL"},
        {DUCKDB_TYPE_UUID, "UUID"}, {DUCKDB_TYPE_LIST, "LIST"}, {DUCKDB_TYPE_ARRAY, "ARRAY"},
        {DUCKDB_TYPE_STRUCT, "STRUCT"}, {DUCKDB_TYPE_MAP, "MAP"}, {DUCKDB_TYPE_ENUM, "ENUM"},
        {DUCKDB_TYPE_SQLNULL, "NULL"}};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].type == type) {
            return names[i].name;
        }
    }
    return "OTHER";
}

static json_t *real_json(double value)
{
    json_t *real = json_real(value); /* NULL for what is not a number */

    return real != NULL ? real : json_null();
}

static json_t *timestamp_json(int64_t micros)
{
    int64_t seconds = micros / 1000000 - (micros % 1000000 < 0 ? 1 : 0);
    int64_t fraction = micros - seconds * 1000000;
    char text[VD_TIME_TEXT_SIZE];
    char precise[VD_TIME_TEXT_SIZE + 8];

    if (fraction % 1000 == 0) {
        vd_time_format(seconds * 1000 + fraction / 1000, text);
        return json_string(text);
    }
    vd_time_format(seconds * 1000, text);
    snprintf(precise, sizeof precise, "%.19s.%06lldZ", text, (long long)fraction);
    return json_string(precise);
}

/* A sum of BIGINT is a HUGEINT, nearly always one that fits. */
static json_t *hugeint_json(duckdb_hugeint value)
{
    if ((value.upper == 0 && value.lower <= INT64_MAX) ||
        (value.upper == -1 && value.lower > INT64_MAX)) {
        return json_integer((json_int_t)value.lower);
    }
    return real_json(duckdb_hugeint_to_double(value));
}

static json_t *text_json(duckdb_string_t *string)
{
    return vd_json_text(
        (struct vd_str){duckdb_string_t_data(string), duckdb_string_t_length(*string)});
}

json_t *vd_duckdb_value_json(duckdb_type type, void *data, idx_t row)
{
    switch (type) {
    case DUCKDB_TYPE_BOOLEAN:
        return json_boolean(((bool *)data)[row]);
    case DUCKDB_TYPE_TINYINT:
        return json_integer(((int8_t *)data)[row]);
    case DUCKDB_TYPE_SMALLINT:
        return json_integer(((int16_t *)data)[row]);
    case DUCKDB_TYPE_INTEGER:
        return json_integer(((int32_t *)data)[row]);
    case DUCKDB_TYPE_BIGINT:
        return json_integer(((int64_t *)data)[row]);
    case DUCKDB_TYPE_UTINYINT:
        return json_integer(((uint8_t *)data)[row]);
    case DUCKDB_TYPE_USMALLINT:
        return json_integer(((uint16_t *)data)[row]);
    case DUCKDB_TYPE_UINTEGER:
        return json_integer(((uint32_t *)data)[row]);
    case DUCKDB_TYPE_FLOAT:
        return real_json((double)((float *)data)[row]);
    case DUCKDB_TYPE_DOUBLE:
        return real_json(((double *)data)[row]);
    case DUCKDB_TYPE_VARCHAR:
        return text_json((duckdb_string_t *)data + row);
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_TZ:
        return timestamp_json(((int64_t *)data)[row]);
    case DUCKDB_TYPE_HUGEINT:
        return hugeint_json(((duckdb_hugeint *)data)[row]);
    default:
        return json_null();
    }
}

const char *vd_duckdb_cast_of(duckdb_type type)
{
    if (type == DUCKDB_TYPE_DECIMAL) {
        return "DOUBLE";
    }
    if (type == DUCKDB_TYPE_TIMESTAMP_S || type == DUCKDB_TYPE_TIMESTAMP_MS ||
        type == DUCKDB_TYPE_TIMESTAMP_NS) {
        return "TIMESTAMP";
    }
    return "VARCHAR";
}
