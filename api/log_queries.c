/* SPDX-License-Identifier: MIT */
/* Queries over the tables: as they come, and those that are saved. */

#include "api/handlers.h"
#include "center/kql/tables.h"
#include "center/kql/words.h"
#include "center/query.h"
#include "center/store/saved_queries.h"
#include "lib/clock.h"
#include "lib/fleet.h"
#include "lib/json_text.h"

#define SQL_MAX_BYTES  65536
#define PARAMETERS_MAX 32
/* Devices that the parameter groupMembers names. */
#define MEMBERS_MAX   2000
#define DEVICE        "device"
#define GROUP_MEMBERS "groupMembers"

static json_t *place_json(const struct vd_kql_problem *place)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:o}", "line", (json_int_t)place->line, "column",
        (json_int_t)place->column, "offset", (json_int_t)place->offset, "length",
        (json_int_t)place->length, "text", vd_json_text(vd_str_from(place->text)));
}

/* Of a query that is only looked at, what is wrong is the answer. */
static void reply_problem(struct vd_api_answer *answer, const struct vd_query_problem *problem)
{
    vd_api_reply(answer, 200,
        json_pack("{s:{s:o, s:o}}", "problem", "message",
            json_sprintf("line %u, column %u: %s", problem->place.line, problem->place.column,
                problem->place.text),
            "place", place_json(&problem->place)));
}

static void fail_run(struct vd_api_answer *answer, int error, const char *text)
{
    if (error == VD_E_INVALID) {
        vd_api_fail(answer, 400, "InvalidQuery", "%s", text);
    } else if (error == VD_E_BUSY) {
        vd_api_fail(answer, 429, "TooManyQueries", "%s", text);
    } else {
        vd_api_fail_error(answer, error, text[0] != '\0' ? text : "the query");
    }
}

static void fail_query(
    struct vd_api_answer *answer, int error, const struct vd_query_problem *problem)
{
    if (problem->has_place) {
        vd_api_fail(answer, 400, "InvalidQuery", "line %u, column %u: %s", problem->place.line,
            problem->place.column, problem->place.text);
        json_object_set_new(
            json_object_get(answer->body, "error"), "place", place_json(&problem->place));
    } else {
        fail_run(answer, error, problem->text);
    }
}

/* ---- Parameters ---- */

struct parameters {
    struct vd_kql_parameter items[PARAMETERS_MAX + 1];
    size_t count;
    char *texts[PARAMETERS_MAX + 1]; /* of values that are no strings; free */
    size_t text_count;
};

static void parameters_release(struct parameters *parameters)
{
    for (size_t i = 0; i < parameters->text_count; i++) {
        free(parameters->texts[i]);
    }
}

static void add_parameter(struct parameters *parameters, const char *name, const json_t *value)
{
    struct vd_str text = {json_string_value(value), json_string_length(value)};

    if (!json_is_string(value)) {
        char *made = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

        parameters->texts[parameters->text_count++] = made;
        text = vd_str_from(made != NULL ? made : "");
    }
    parameters->items[parameters->count++] = (struct vd_kql_parameter){vd_str_from(name), text};
}

/* False: answered. */
static bool read_parameters(
    const json_t *body, struct parameters *out, struct vd_api_answer *answer)
{
    json_t *object = json_object_get(body, "parameters");
    const char *name;
    json_t *value;

    if ((object != NULL && !json_is_object(object)) || json_object_size(object) > PARAMETERS_MAX) {
        vd_api_fail(answer, 400, "InvalidBody",
            "parameters is to be an object of at most %d values", PARAMETERS_MAX);
        return false;
    }
    json_object_foreach(object, name, value)
    {
        add_parameter(out, name, value);
    }
    return true;
}

struct members {
    const char *group;
    json_t *list;
};

static bool add_member(void *context, const struct vd_fleet_device *device)
{
    struct members *members = context;

    if (strcmp(device->group, members->group) == 0) {
        json_array_append_new(members->list, json_string(device->device_id));
    }
    return json_array_size(members->list) < MEMBERS_MAX;
}

/* Fills in the devices of the device's group where the query asks for them and they were not given. */
static void add_members(
    const struct vd_api *api, const json_t *body, struct vd_str query, struct parameters *out)
{
    const json_t *given = json_object_get(body, "parameters");
    const char *device = json_string_value(json_object_get(given, DEVICE));
    struct vd_fleet_device found;
    struct members members;

    if (device == NULL || json_object_get(given, GROUP_MEMBERS) != NULL ||
        !vd_query_declares(query, GROUP_MEMBERS) ||
        vd_fleet_get(api->fleet, device, &found) != VD_OK) {
        return;
    }
    members = (struct members){found.group, json_array()};
    if (vd_fleet_each(api->fleet, add_member, &members) == VD_OK) {
        add_parameter(out, GROUP_MEMBERS, members.list);
    }
    json_decref(members.list);
}

/* ---- Running ---- */

void vd_api_set_query_limits(struct vd_api *api, uint32_t max_rows, uint32_t timeout_ms)
{
    atomic_store(&api->query_max_rows, max_rows);
    atomic_store(&api->query_timeout_ms, timeout_ms);
}

static struct vd_query_limits limits_of(const struct vd_api *api, const struct vd_api_args *args)
{
    return (struct vd_query_limits){
        .max_rows = atomic_load(&api->query_max_rows),
        .timeout_ms = atomic_load(&api->query_timeout_ms),
        .is_unwanted = args->is_gone,
        .token = args->caller->token,
    };
}

/* `body`: {["timespan","explain","check","parameters"]} */
static void run_kql(const struct vd_api *api, const struct vd_api_args *args, struct vd_str text,
    const json_t *body, struct vd_api_answer *answer)
{
    const char *span = json_string_value(json_object_get(body, "timespan"));
    const bool is_check = json_is_true(json_object_get(body, "check"));
    struct parameters parameters = {.count = 0};
    struct vd_query query = {
        .text = text, .now_ms = vd_clock_utc_ms(), .limits = limits_of(api, args)};
    struct vd_query_problem problem = {0};
    json_t *result = NULL;
    int error;

    if (vd_query_timespan_parse(vd_str_from(span != NULL ? span : ""), query.now_ms, &query.from_ms,
            &query.to_ms) != VD_OK) {
        vd_api_fail(answer, 400, "InvalidBody",
            "timespan is to be like P1D, 2024-01-01T00:00:00Z/P1D or start/end");
        return;
    }
    if (!read_parameters(body, &parameters, answer)) {
        return;
    }
    add_members(api, body, text, &parameters);
    query.parameters = parameters.items;
    query.parameter_count = parameters.count;
    query.lacks_values = is_check;
    error = is_check || json_is_true(json_object_get(body, "explain"))
        ? vd_query_explain(&query, &result, &problem)
        : vd_query_run(api->analytics, &query, &result, &problem);
    parameters_release(&parameters);
    if (error == VD_OK) {
        if (is_check) {
            (void)json_object_del(result, "sql"); /* it would not do without the values */
        }
        vd_api_reply(answer, 200, result);
    } else if (is_check && problem.has_place) {
        reply_problem(answer, &problem);
    } else {
        fail_query(answer, error, &problem);
    }
}

static void run_sql(const struct vd_api *api, const struct vd_api_args *args, const json_t *sql,
    struct vd_api_answer *answer)
{
    const struct vd_query_limits limits = limits_of(api, args);
    char reason[400] = "";
    json_t *result = NULL;
    int error;

    error = vd_analytics_query(
        api->analytics, json_string_value(sql), &limits, &result, reason, sizeof reason);
    if (error != VD_OK) {
        fail_run(answer, error, reason);
    } else {
        vd_api_reply(answer, 200, result);
    }
}

void vd_api_query(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    json_t *body = vd_api_body_object(args, answer);
    const json_t *sql = json_object_get(body, "sql");
    const json_t *kql = json_object_get(body, "kql");

    if (body == NULL) {
        return;
    }
    if (sql == NULL && json_is_string(kql)) {
        run_kql(api, args, (struct vd_str){json_string_value(kql), json_string_length(kql)}, body,
            answer);
    } else if (sql == NULL && kql != NULL) {
        vd_api_fail(answer, 400, "InvalidBody", "kql is to be text");
    } else if (sql != NULL && !vd_api_is_local(args)) {
        /* Its functions make huge values of small ones, which neither time nor memory bounds: see center/store/duckdb_guard.c. */
        vd_api_fail(answer, 403, "Forbidden",
            "SQL is for callers on the machine of the service: ask in KQL");
    } else if (!json_is_string(sql) || json_string_length(sql) > SQL_MAX_BYTES) {
        vd_api_fail(
            answer, 400, "InvalidBody", "sql is to be text of at most %d bytes", SQL_MAX_BYTES);
    } else {
        run_sql(api, args, sql, answer);
    }
    json_decref(body);
}

/* ---- What a query may name ---- */

static json_t *words_json(const char *const *words)
{
    json_t *list = json_array();

    for (; *words != NULL; words++) {
        json_array_append_new(list, json_string(*words));
    }
    return list;
}

static json_t *table_json(const struct vd_kql_table *table)
{
    json_t *columns = json_array();

    for (uint32_t i = 0; i < table->column_count; i++) {
        json_array_append_new(columns,
            json_pack("{s:s, s:s}", "name", table->columns[i].name, "type",
                vd_kql_type_text(table->columns[i].type)));
    }
    return json_pack("{s:s, s:s, s:o}", "name", table->name, "timeColumn", table->time_column,
        "columns", columns);
}

void vd_api_query_names(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    json_t *tables = json_array();
    uint32_t count;
    const struct vd_kql_table *table = vd_kql_tables(&count);

    (void)api;
    (void)args;
    for (; count > 0; count--, table++) {
        json_array_append_new(tables, table_json(table));
    }
    vd_api_reply(answer, 200,
        json_pack("{s:o, s:o, s:o, s:o, s:o}", "tables", tables, "operators",
            words_json(vd_kql_operator_words()), "keywords", words_json(vd_kql_keyword_words()),
            "functions", words_json(vd_kql_function_names(VD_KQL_SCALAR)), "aggregates",
            words_json(vd_kql_function_names(VD_KQL_AGGREGATE))));
}

/* ---- Saved queries ---- */

void vd_api_saved_list(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    json_t *queries = NULL;
    const int error = vd_saved_queries_list(api->alerts, NULL, &queries);

    (void)args;
    if (error != VD_OK) {
        vd_api_fail_error(answer, error, "the saved queries");
        return;
    }
    vd_api_reply(answer, 200, json_pack("{s:o}", "queries", queries));
}

/* The one that the path names, the caller's; NULL: answered. */
static json_t *saved_of(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    json_t *queries = NULL;
    json_t *query = NULL;
    int error = vd_saved_queries_list(api->alerts, args->id, &queries);

    if (error == VD_OK) {
        query = json_incref(json_array_get(queries, 0));
        json_decref(queries);
        error = query != NULL ? VD_OK : VD_E_NOT_FOUND;
    }
    if (error != VD_OK) {
        vd_api_fail_error(answer, error, args->id);
    }
    return query;
}

void vd_api_saved_get(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    json_t *query = saved_of(api, args, answer);

    if (query != NULL) {
        vd_api_reply(answer, 200, query);
    }
}

void vd_api_saved_run(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    json_t *body = vd_api_body_object(args, answer);
    json_t *query = body != NULL ? saved_of(api, args, answer) : NULL;

    if (query != NULL) {
        run_kql(api, args, vd_str_from(json_string_value(json_object_get(query, "query"))), body,
            answer);
    }
    json_decref(query);
    json_decref(body);
}

void vd_api_saved_put(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    json_t *body = vd_api_body_object(args, answer);
    char problem[VD_SAVED_QUERY_PROBLEM_SIZE] = "";
    bool is_new = false;
    json_t *query;
    int error;

    if (body == NULL) {
        return;
    }
    error = vd_saved_queries_put(api->alerts, args->id, body, vd_clock_utc_ms(), &is_new, problem);
    json_decref(body);
    if (error == VD_E_INVALID) {
        vd_api_fail(answer, 400, "InvalidQuery", "%s", problem);
    } else if (error == VD_E_EXISTS) {
        vd_api_fail(answer, 409, "DeliveredQuery",
            "'%s' is delivered with the program: save yours by another name", args->id);
    } else if (error == VD_E_LIMIT) {
        vd_api_fail(answer, 409, "TooManyQueries", "there are %d saved queries already",
            VD_SAVED_QUERIES_MAX);
    } else if (error != VD_OK) {
        vd_api_fail_error(answer, error, args->id);
    } else {
        query = saved_of(api, args, answer);
        if (query != NULL) {
            vd_api_reply(answer, is_new ? 201 : 200, query);
        }
    }
}

void vd_api_saved_delete(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    const int error = vd_saved_queries_remove(api->alerts, args->id);

    if (error == VD_E_EXISTS) {
        vd_api_fail(answer, 409, "DeliveredQuery", "'%s' is delivered with the program", args->id);
    } else if (error != VD_OK) {
        vd_api_fail_error(answer, error, args->id);
    } else {
        vd_api_reply(answer, 204, NULL);
    }
}
