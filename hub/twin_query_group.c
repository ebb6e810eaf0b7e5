/* SPDX-License-Identifier: MIT */
/* GROUP BY and what is counted, summed and compared within a group. */

#include "hub/json_write.h"
#include "hub/twin_query_tree.h"

/* Groups that there is room for at first. */
#define FIRST_CAPACITY 16

/* What one function has seen in one group. */
struct tally {
    uint64_t count;     /* rows, or numbers */
    json_int_t whole;   /* the sum, as long as all are integers and it fits */
    double sum;         /* the sum all the same */
    bool inexact;       /* only `sum` holds */
    const json_t *best; /* of MIN and MAX, held */
};

struct groups {
    const struct vd_twin_query *query;
    json_t *places;        /* key text -> index */
    json_t *rows;          /* a row a group, with its plain columns */
    struct tally *tallies; /* column_count a group */
    size_t count;
    size_t capacity;
};

/* What a row is grouped by as text; values are JSON, so no two lists of them have one text. */
static int make_key(const struct vd_twin_query *query, const json_t *row, struct vd_buf *key)
{
    vd_buf_clear(key);
    for (size_t i = 0; i < query->group_by_count; i++) {
        const json_t *value = vd_twin_query_follow(query, query->group_by[i], row);

        if (value != NULL) {
            vd_json_write(value, key);
        }
        vd_buf_append_text(key, ";");
    }
    vd_buf_append(key, "", 1);
    return key->error;
}

static int make_room(struct groups *groups)
{
    size_t columns = groups->query->column_count;
    size_t capacity = groups->capacity * 2;
    struct tally *tallies;

    if (groups->count == VD_TWIN_QUERY_GROUPS_MAX) {
        return VD_E_LIMIT;
    }
    if (groups->count < groups->capacity) {
        return VD_OK;
    }
    tallies = realloc(groups->tallies, capacity * columns * sizeof *tallies);
    if (tallies == NULL) {
        return VD_E_NOMEM;
    }
    memset(tallies + groups->capacity * columns, 0,
        (capacity - groups->capacity) * columns * sizeof *tallies);
    groups->tallies = tallies;
    groups->capacity = capacity;
    return VD_OK;
}

/* A group's row begins with the plain columns of its first member. row NULL: there is none. */
static int add_group(struct groups *groups, const char *key, const json_t *row)
{
    const struct vd_twin_query *query = groups->query;
    json_t *result = NULL;
    int failed = make_room(groups);

    if (failed != VD_OK) {
        return failed;
    }
    result = json_object();
    for (size_t i = 0; i < query->column_count; i++) {
        const struct vd_twin_query_column *column = &query->columns[i];
        const json_t *value = column->aggregate == VD_AGGREGATE_NONE
            ? vd_twin_query_follow(query, column->path, row)
            : NULL;

        if (value != NULL) {
            failed |= json_object_set(result, query->names + column->name, (json_t *)value);
        }
    }
    /* The row belongs to the array even if that could not take it. */
    failed |= json_array_append_new(groups->rows, result);
    failed |= json_object_set_new(groups->places, key, json_integer((json_int_t)groups->count));
    if (failed != 0) {
        return VD_E_NOMEM;
    }
    groups->count++;
    return VD_OK;
}

static void tally_number(
    struct tally *tally, enum vd_twin_query_aggregate aggregate, const json_t *value)
{
    if (!json_is_number(value)) {
        return;
    }
    tally->count++;
    tally->sum += json_number_value(value);
    tally->inexact = tally->inexact || json_is_real(value) ||
        __builtin_add_overflow(tally->whole, json_integer_value(value), &tally->whole);
    if (aggregate == VD_AGGREGATE_MIN || aggregate == VD_AGGREGATE_MAX) {
        int wanted = aggregate == VD_AGGREGATE_MIN ? -1 : 1;

        if (tally->best == NULL || vd_twin_query_compare_numbers(value, tally->best) == wanted) {
            json_decref((json_t *)tally->best);
            tally->best = json_incref((json_t *)value);
        }
    }
}

static int add_row(struct groups *groups, const json_t *row, struct vd_buf *key)
{
    const struct vd_twin_query *query = groups->query;
    int error = make_key(query, row, key);
    json_t *place = NULL;
    struct tally *tallies;

    if (error != VD_OK) {
        return error;
    }
    place = json_object_get(groups->places, (const char *)key->data);
    if (place == NULL) {
        error = add_group(groups, (const char *)key->data, row);
        if (error != VD_OK) {
            return error;
        }
        place = json_object_get(groups->places, (const char *)key->data);
    }
    tallies = groups->tallies + (size_t)json_integer_value(place) * query->column_count;
    for (size_t i = 0; i < query->column_count; i++) {
        const struct vd_twin_query_column *column = &query->columns[i];

        if (column->aggregate == VD_AGGREGATE_COUNT) {
            tallies[i].count++;
        } else if (column->aggregate != VD_AGGREGATE_NONE) {
            tally_number(
                &tallies[i], column->aggregate, vd_twin_query_follow(query, column->path, row));
        }
    }
    return VD_OK;
}

/* A new reference; NULL also for what jansson takes for no number, a sum beyond the largest. */
static json_t *result_of(const struct tally *tally, enum vd_twin_query_aggregate aggregate)
{
    switch (aggregate) {
    case VD_AGGREGATE_COUNT:
        return json_integer((json_int_t)tally->count);
    case VD_AGGREGATE_AVG:
        return json_real(tally->sum / (double)tally->count);
    case VD_AGGREGATE_SUM:
        return tally->inexact ? json_real(tally->sum) : json_integer(tally->whole);
    default:
        return json_incref((json_t *)tally->best);
    }
}

static int finish(const struct groups *groups)
{
    const struct vd_twin_query *query = groups->query;

    for (size_t g = 0; g < groups->count; g++) {
        json_t *row = json_array_get(groups->rows, g);

        for (size_t i = 0; i < query->column_count; i++) {
            const struct vd_twin_query_column *column = &query->columns[i];
            const struct tally *tally = &groups->tallies[g * query->column_count + i];
            bool counts = column->aggregate == VD_AGGREGATE_COUNT;
            bool has_value = counts || (column->aggregate != VD_AGGREGATE_NONE && tally->count > 0);
            json_t *value = has_value ? result_of(tally, column->aggregate) : NULL;

            /* A real beyond the largest is no number in JSON: left out. */
            if (value != NULL &&
                json_object_set_new(row, query->names + column->name, value) != 0) {
                return VD_E_NOMEM;
            }
            if (value == NULL && counts) {
                return VD_E_NOMEM;
            }
        }
    }
    return VD_OK;
}

static void release(struct groups *groups)
{
    for (size_t i = 0; i < groups->capacity * groups->query->column_count; i++) {
        json_decref((json_t *)groups->tallies[i].best);
    }
    free(groups->tallies);
    json_decref(groups->places);
}

int vd_twin_query_group(const struct vd_twin_query *query,
    const struct vd_twin_query_source *source, json_t *rows, size_t *scanned)
{
    struct groups groups = {.query = query, .places = json_object(), .rows = rows};
    struct vd_buf key = {0};
    int error;

    groups.tallies = calloc(FIRST_CAPACITY * query->column_count, sizeof *groups.tallies);
    groups.capacity = groups.tallies != NULL ? FIRST_CAPACITY : 0;
    error = groups.places != NULL && groups.tallies != NULL ? VD_OK : VD_E_NOMEM;

    while (error == VD_OK) {
        struct vd_twin_query_position position;
        json_t *row = NULL;

        error = source->next(source->context, &row, &position);
        if (error == VD_OK) {
            (*scanned)++;
            if (vd_twin_query_matches(query, row)) {
                error = add_row(&groups, row, &key);
            }
            json_decref(row);
        }
    }
    error = error == VD_E_NOT_FOUND ? VD_OK : error;
    if (error == VD_OK && groups.count == 0 && query->group_by_count == 0) {
        error = add_group(&groups, "", NULL);
    }
    if (error == VD_OK) {
        error = finish(&groups);
    }
    vd_buf_release(&key);
    release(&groups);
    return error;
}
