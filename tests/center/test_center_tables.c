/* SPDX-License-Identifier: MIT */
/* The columns of all tables that queries know, and what SecurityAlert and SecurityRecommendation show of center.db. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "center/kql/tables.h"
#include "center/query.h"
#include "center/store/alert_act.h"
#include "center/store/alert_store_internal.h"
#include "center/store/analytics.h"
#include "center/store/recommendations.h"
#include "tests/center/message.h"

#define HUB                                                                              \
    "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/plant/providers" \
    "/Microsoft.Devices/IotHubs/hub-1"
#define T0_MS 1764000000000LL /* 2025-11-24T16:00:00Z */

struct fixture {
    char *folder;
    char center[600];
    char data[600];
    struct vd_alert_store *store;
    struct vd_analytics *analytics;
    char text[400];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct vd_duckdb_options options = {.resource_id = HUB};

    assert_non_null(f);
    f->folder = test_folder_new();
    snprintf(f->center, sizeof f->center, "%s/center.db", f->folder);
    snprintf(f->data, sizeof f->data, "%s/data", f->folder);
    options.folder = f->data;
    options.center_path = f->center;
    assert_int_equal(vd_alert_store_open(f->center, &f->store), VD_OK);
    if (vd_analytics_duckdb_open(&options, &f->analytics, f->text, sizeof f->text) != VD_OK) {
        fail_msg("%s", f->text);
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    vd_analytics_close(f->analytics);
    vd_alert_store_close(f->store);
    test_folder_remove(f->folder);
    free(f);
    return 0;
}

/* The caller's. */
static json_t *ask(struct fixture *f, const char *sql)
{
    json_t *result = NULL;

    if (vd_analytics_query(f->analytics, sql, NULL, &result, f->text, sizeof f->text) != VD_OK) {
        fail_msg("%s: %s", sql, f->text);
    }
    return result;
}

static void assert_rows(struct fixture *f, const char *sql, const char *expected)
{
    json_t *result = ask(f, sql);
    char *rows = json_dumps(json_object_get(result, "rows"), JSON_COMPACT);

    if (strcmp(rows, expected) != 0) {
        fail_msg("%s\n  gave %s\n  not  %s", sql, rows, expected);
    }
    free(rows);
    json_decref(result);
}

static const char *evidence(const struct vd_alert_update *update, uint64_t i, int64_t *key)
{
    (void)update;
    (void)i;
    *key = 0;
    return "{}";
}

static struct vd_alert_update alert_of(uint64_t id)
{
    return (struct vd_alert_update){
        .id = test_uuid(id),
        .type = "IoT_TiConnection",
        .display_name = "Communication with a suspicious IP address detected",
        .severity = "Medium",
        .device_id = VD_STR_LITERAL("pump-7"),
        .module_id = VD_STR_LITERAL("azureiotsecurity"),
        .subject = "192.0.2.1",
        .day = (int32_t)(T0_MS / 86400000),
        .start_ms = T0_MS - 5000,
        .end_ms = T0_MS - 1000,
        .generated_ms = T0_MS,
        .description = "It spoke to an address",
        .remediation_json = "[\"Look\",\"Block\"]",
        .techniques_json = "[{\"id\":\"T1071\",\"name\":\"x\"},{\"id\":\"T0869\"}]",
        .indicator_value = "192.0.2.0/24",
        .indicator_source = "feed",
        .assessment = "{\"verdict\":\"Likely\"}",
        .cause = VD_STR_LITERAL("192.0.2.0/24"),
        .count = 1,
        .evidence = evidence,
    };
}

static void raise_alert(struct fixture *f, const struct vd_alert_update *update)
{
    bool raised;

    assert_int_equal(vd_alert_store_begin(f->store), VD_OK);
    assert_int_equal(vd_alert_store_apply(f->store, update, &raised), VD_OK);
    assert_int_equal(vd_alert_store_commit(f->store), VD_OK);
}

/* ---- Columns ---- */

static const char *type_in_sql(enum vd_kql_type type)
{
    return type == VD_KQL_DATETIME ? "TIMESTAMP"
        : type == VD_KQL_LONG      ? "BIGINT"
        : type == VD_KQL_REAL      ? "DOUBLE"
        : type == VD_KQL_BOOL      ? "BOOLEAN"
                                   : "VARCHAR";
}

/* Each table has the columns that queries may name, of the types that they count on, in the same order. */
static void test_tables__columns(void **state)
{
    struct fixture *f = *state;
    uint32_t count = 0;
    const struct vd_kql_table *tables = vd_kql_tables(&count);

    assert_int_equal(count, 5);
    for (uint32_t i = 0; i < count; i++) {
        char sql[128];
        json_t *result;
        const json_t *columns;

        snprintf(sql, sizeof sql, "SELECT * FROM %s", tables[i].name);
        result = ask(f, sql);
        columns = json_object_get(result, "columns");
        for (uint32_t k = 0; k < tables[i].column_count; k++) {
            const json_t *column = json_array_get(columns, k);
            const struct vd_kql_table_column *expected = &tables[i].columns[k];

            assert_non_null(column);
            assert_string_equal(json_string_value(json_object_get(column, "name")), expected->name);
            assert_string_equal(
                json_string_value(json_object_get(column, "type")), type_in_sql(expected->type));
        }
        assert_int_equal(json_array_size(columns), tables[i].column_count + tables[i].member_count);
        json_decref(result);
    }
}

/* ---- Alerts ---- */

static void test_alerts__of_a_device(void **state)
{
    struct fixture *f = *state;
    const struct vd_alert_update update = alert_of(1);

    raise_alert(f, &update);
    assert_rows(f,
        "SELECT TimeGenerated, StartTime, EndTime, ProcessingEndTime, DisplayName = AlertName,"
        " AlertSeverity, Description, ProviderName, SystemAlertId, ResourceId, AlertType,"
        " ConfidenceScore, IsIncident, Status, CompromisedEntity, Tactics, Techniques, \"Type\""
        " FROM SecurityAlert",
        "[[\"2025-11-24T16:00:00.000Z\",\"2025-11-24T15:59:55.000Z\",\"2025-11-24T15:59:59.000Z\","
        "\"2025-11-24T16:00:00.000Z\",true,\"Medium\",\"It spoke to an address\",\"IoTSecurity\","
        "\"00000000-0000-0000-0000-000000000001\",\"" HUB "\",\"IoT_TiConnection\",null,false,"
        "\"New\",\"pump-7\",\"CommandAndControl\",\"[\\\"T1071\\\",\\\"T0869\\\"]\","
        "\"SecurityAlert\"]]");
    assert_rows(f, "SELECT RemediationSteps, ExtendedProperties, Entities FROM SecurityAlert",
        "[[\"[\\\"Look\\\",\\\"Block\\\"]\","
        "\"{\\\"DeviceId\\\":\\\"pump-7\\\",\\\"ModuleId\\\":\\\"azureiotsecurity\\\","
        "\\\"Subject\\\":\\\"192.0.2.1\\\",\\\"Cause\\\":\\\"192.0.2.0/24\\\",\\\"State\\\":\\\"New\\\","
        "\\\"Count\\\":\\\"1\\\",\\\"Indicator\\\":\\\"192.0.2.0/24\\\",\\\"IndicatorSource\\\":"
        "\\\"feed\\\",\\\"Verdict\\\":\\\"Likely\\\"}\","
        "\"[{\\\"$id\\\":\\\"1\\\",\\\"Type\\\":\\\"azure-resource\\\",\\\"ResourceId\\\":\\\"" HUB
        "\\\"},{\\\"$id\\\":\\\"2\\\",\\\"Type\\\":\\\"iotdevice\\\",\\\"DeviceId\\\":\\\"pump-7\\\","
        "\\\"IoTHub\\\":{\\\"$ref\\\":\\\"1\\\"}},{\\\"$id\\\":\\\"3\\\",\\\"Type\\\":\\\"ip\\\","
        "\\\"Address\\\":\\\"192.0.2.1\\\"}]\"]]");
}

/* One of the hub, with texts that need care. */
static void test_alerts__of_the_hub(void **state)
{
    struct fixture *f = *state;
    struct vd_alert_update update = alert_of(2);

    update.type = "IoT_CA_NoSuchRule";
    update.device_id = VD_STR_LITERAL("");
    update.module_id = VD_STR_LITERAL("");
    update.subject = "a'b\"c\\ \xc3\xa9 \xff";
    update.cause = VD_STR_LITERAL("");
    update.techniques_json = "[\"T1078\"]"; /* as version 1 of the file has it */
    update.indicator_value = NULL;
    update.indicator_source = NULL;
    update.assessment = NULL;
    raise_alert(f, &update);
    assert_rows(f,
        "SELECT CompromisedEntity, Tactics, Techniques,"
        " json_extract_string(ExtendedProperties, '$.Subject'),"
        " json_extract_string(ExtendedProperties, '$.DeviceId'),"
        " json_extract_string(ExtendedProperties, '$.Indicator'), json_array_length(Entities)"
        " FROM SecurityAlert",
        "[[\"hub-1\",\"\",\"[\\\"T1078\\\"]\",\"a'b\\\"c\\\\ \xc3\xa9 \xef\xbf\xbd\",null,null,\"1\"]]");
}

static void act(struct fixture *f, const char *id, enum vd_alert_event event)
{
    json_t *alert = NULL;

    assert_int_equal(
        vd_alert_act(f->store, id,
            &(struct vd_alert_act){.event = event, .actor = "test", .now_ms = T0_MS + 1000},
            &alert),
        VD_OK);
    json_decref(alert);
}

/* A query sees what was done before it. */
static void test_alerts__as_they_are_now(void **state)
{
    static const char sql[] = "SELECT Status, json_extract_string(ExtendedProperties, '$.Count')"
                              " FROM SecurityAlert ORDER BY SystemAlertId";
    struct fixture *f = *state;
    struct vd_alert_update update = alert_of(1);
    uint64_t removed = 0;

    assert_rows(f, sql, "[]");
    raise_alert(f, &update);
    assert_rows(f, sql, "[[\"New\",\"1\"]]");
    act(f, "00000000-0000-0000-0000-000000000001", VD_ALERT_START);
    raise_alert(f, &update);
    assert_rows(f, sql, "[[\"InProgress\",\"2\"]]");
    update = alert_of(2);
    update.generated_ms += 1000;
    raise_alert(f, &update);
    assert_rows(f, sql, "[[\"InProgress\",\"2\"],[\"New\",\"1\"]]");
    assert_int_equal(
        vd_alert_store_prune(f->store, T0_MS + 500, 1000, T0_MS + 2000, &removed), VD_OK);
    assert_int_equal(removed, 1);
    assert_rows(f, sql, "[[\"New\",\"1\"]]");
}

/* More than a slice, with gaps of more than one: each once, however many threads read them. */
static void test_alerts__many(void **state)
{
    struct fixture *f = *state;
    struct vd_alert_update update = alert_of(1);

    raise_alert(f, &update);
    assert_int_equal(
        vd_sqlite_run(f->store->writer,
            "WITH RECURSIVE g(value) AS (SELECT 2 UNION ALL SELECT value + 1 FROM g WHERE"
            " value < 40000)"
            "INSERT INTO alerts SELECT g.value, 'id-' || g.value, 10 + g.value, type,"
            " display_name, severity, status, 'd-' || (g.value % 10), module_id, subject,"
            " day, start_ms, end_ms, generated_ms + g.value, count, description,"
            " remediation, techniques, indicator_value, indicator_source, cause,"
            " assessment, suppressed_by FROM alerts, g"
            " WHERE alerts.number = 1;"
            "DELETE FROM alerts WHERE number BETWEEN 3000 AND 12000;"
            "DELETE FROM alerts WHERE number % 7 = 0"),
        VD_OK);
    assert_rows(f, "SELECT count(*) FROM SecurityAlert", "[[26571]]");
    assert_rows(f,
        "SELECT count(*), count(DISTINCT SystemAlertId), count(DISTINCT CompromisedEntity),"
        " sum(json_extract_string(ExtendedProperties, '$.Count')::BIGINT) FROM SecurityAlert",
        "[[26571,26571,11,26571]]");
    assert_rows(f,
        "SELECT count(*) FROM SecurityAlert a JOIN SecurityAlert b USING (SystemAlertId)",
        "[[26571]]");
    assert_rows(f,
        "SELECT AlertSeverity, count(*) FROM (SELECT * FROM SecurityAlert UNION ALL"
        " (SELECT * FROM SecurityAlert WHERE SystemAlertId = 'none' UNION ALL SELECT * FROM"
        " SecurityAlert)) GROUP BY 1",
        "[[\"Medium\",53142]]");
}

/* ---- Alerts that are looked up ---- */

/* 6,000 alerts a second apart of 10 devices, of which two in three are behind a clock that was set back by an hour. */
static void raise_many(struct fixture *f)
{
    const struct vd_alert_update update = alert_of(1);

    raise_alert(f, &update);
    assert_int_equal(
        vd_sqlite_run(f->store->writer,
            "WITH RECURSIVE g(value) AS (SELECT 2 UNION ALL SELECT value + 1 FROM g WHERE"
            " value < 6000)"
            "INSERT INTO alerts SELECT g.value, 'id-' || g.value, 10 + g.value, 'T' || (value % 3),"
            " display_name, iif(value % 5 = 0, 'High', 'Low'), iif(value % 2, 'New', 'Resolved'),"
            " iif(value % 10, 'd-' || (value % 10), ''), module_id, subject || (value % 7),"
            " day, start_ms, end_ms,"
            " generated_ms + g.value * 1000 - iif(g.value > 2000, 3600000, 0), count, description,"
            " remediation, techniques, indicator_value, indicator_source, cause,"
            " assessment, suppressed_by FROM alerts, g WHERE alerts.number = 1;"
            "UPDATE alerts SET device_id = CAST(x'64ff' AS TEXT) WHERE number = 77"),
        VD_OK);
}

/* With arguments come all rows that a filter of the same leaves, whichever index they are read by. */
static void test_alerts__looked_up(void **state)
{
    static const struct {
        const char *arguments;
        const char *filter;
        int64_t rows;
    } cases[] = {
        {"since := TIMESTAMP '2025-11-24 16:30:00'",
            "TimeGenerated >= TIMESTAMP '2025-11-24 16:30:00'", 802},
        {"until := TIMESTAMP '2025-11-24 15:40:00.5'",
            "TimeGenerated <= TIMESTAMP '2025-11-24 15:40:00.5'", 400},
        {"since := TIMESTAMP '2025-11-24 15:50:00', until := TIMESTAMP '2025-11-24 16:00:02'",
            "TimeGenerated BETWEEN TIMESTAMP '2025-11-24 15:50:00' AND TIMESTAMP '2025-11-24"
            " 16:00:02'",
            605},
        {"since := TIMESTAMP '2026-01-01'", "TimeGenerated >= TIMESTAMP '2026-01-01'", 0},
        {"\"AlertSeverity\" := 'High'", "AlertSeverity = 'High'", 1200},
        {"\"Status\" := 'New', \"AlertSeverity\" := 'High'",
            "Status = 'New' AND AlertSeverity = 'High'", 600},
        {"\"AlertType\" := 'T1', since := TIMESTAMP '2025-11-24 16:00:00'",
            "AlertType = 'T1' AND TimeGenerated >= TIMESTAMP '2025-11-24 16:00:00'", 1466},
        {"\"CompromisedEntity\" := 'd-3'", "CompromisedEntity = 'd-3'", 600},
        {"\"CompromisedEntity\" := 'd-3', \"AlertType\" := 'T0'",
            "CompromisedEntity = 'd-3' AND AlertType = 'T0'", 200},
        {"\"CompromisedEntity\" := 'hub-1'", "CompromisedEntity = 'hub-1'", 600},
        {"\"CompromisedEntity\" := 'd\xef\xbf\xbd'", "CompromisedEntity = 'd\xef\xbf\xbd'", 1},
        {"\"ExtendedProperties.DeviceId\" := 'd-4'", "\"ExtendedProperties.DeviceId\" = 'd-4'",
            600},
        {"\"ExtendedProperties.DeviceId\" := ''", "\"ExtendedProperties.DeviceId\" = ''", 600},
        {"\"SystemAlertId\" := 'id-4711'", "SystemAlertId = 'id-4711'", 1},
        {"\"SystemAlertId\" := 'no''body'", "SystemAlertId = 'no''body'", 0},
        {"\"AlertType\" := NULL, since := NULL", "true", 6000},
    };
    static const char *const columns[] = {
        "SystemAlertId, TimeGenerated", "SystemAlertId, Description"};
    struct fixture *f = *state;

    raise_many(f);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t k = 0; k < 2; k++) {
            char sql[1200];
            char expected[64];

            snprintf(sql, sizeof sql,
                "SELECT (SELECT count(*) FROM (SELECT %s FROM SecurityAlert(%s) WHERE %s)),"
                " (SELECT count(*) FROM (SELECT %s FROM SecurityAlert WHERE %s INTERSECT"
                " SELECT %s FROM SecurityAlert(%s) WHERE %s))",
                columns[k], cases[i].arguments, cases[i].filter, columns[k], cases[i].filter,
                columns[k], cases[i].arguments, cases[i].filter);
            snprintf(expected, sizeof expected, "[[%lld,%lld]]", (long long)cases[i].rows,
                (long long)cases[i].rows);
            assert_rows(f, sql, expected);
        }
    }
}

/* What the arguments leave out does not even come to DuckDB. */
static void test_alerts__are_not_all_read(void **state)
{
    struct fixture *f = *state;

    raise_many(f);
    assert_rows(f,
        "SELECT count(*) FROM SecurityAlert(since := TIMESTAMP '2025-11-24 16:30:00',"
        " until := TIMESTAMP '2025-11-24 16:30:04')",
        "[[10]]");
    assert_rows(f, "SELECT count(*) FROM SecurityAlert(\"CompromisedEntity\" := 'd-3')", "[[600]]");
}

/* The compiler gives them. */
static void test_alerts__looked_up_by_kql(void **state)
{
    static const char text[] =
        "SecurityAlert | where TimeGenerated > datetime(2025-11-24 16:00:00)"
        " | extend Device = tostring(parse_json(ExtendedProperties).DeviceId)"
        " | where Device == 'd-3' | summarize count(), dcount(AlertType), take_any(Entities)";
    struct fixture *f = *state;
    const struct vd_query query = {.text = vd_str_from(text), .now_ms = T0_MS};
    struct vd_query_problem problem;
    json_t *result = NULL;
    const json_t *row;

    raise_many(f);
    assert_int_equal(vd_query_explain(&query, &result, &problem), VD_OK);
    assert_non_null(strstr(json_string_value(json_object_get(result, "sql")),
        "FROM SecurityAlert(since := greatest(make_timestamp(1764000000000000)))"));
    json_decref(result);
    result = NULL;
    if (vd_query_run(f->analytics, &query, &result, &problem) != VD_OK) {
        fail_msg("%s%s", problem.text, problem.place.text);
    }
    row = json_array_get(json_object_get(result, "rows"), 0);
    assert_int_equal(json_integer_value(json_array_get(row, 0)), 440);
    assert_int_equal(json_integer_value(json_array_get(row, 1)), 3);
    assert_non_null(strstr(json_string_value(json_array_get(row, 2)), "\"DeviceId\":\"d-3\""));
    json_decref(result);
}

/* ---- Recommendations ---- */

static void recommend(struct fixture *f, bool is_active, const char *text, int64_t now_ms)
{
    struct vd_recommendation_state rows[VD_RECOMMENDATIONS] = {0};

    for (size_t i = 0; i < VD_RECOMMENDATIONS; i++) {
        rows[i].resources = json_array();
        snprintf(rows[i].description, sizeof rows[i].description, "%s", text);
    }
    rows[0].is_active = is_active;
    rows[0].resource_count = is_active ? 1 : 0;
    json_array_append_new(rows[0].resources, json_string(text));
    assert_int_equal(vd_recommendations_put(f->store, rows, now_ms, NULL), VD_OK);
    for (size_t i = 0; i < VD_RECOMMENDATIONS; i++) {
        json_decref(rows[i].resources);
    }
}

/* A row a change, with what was said then; of the newest with what is said now. */
static void test_recommendations__rows(void **state)
{
    struct fixture *f = *state;

    assert_rows(f, "SELECT count(*) FROM SecurityRecommendation", "[[0]]");
    recommend(f, false, "all is well", T0_MS);
    recommend(f, true, "two share a key", T0_MS + 1000);
    recommend(f, true, "three share a key", T0_MS + 2000);
    assert_rows(f, "SELECT count(*) FROM SecurityRecommendation", "[[5]]");
    assert_rows(f,
        "SELECT TimeGenerated, RecommendationDisplayName, RecommendationSeverity,"
        " RecommendationState, Description, RecommendationAdditionalData,"
        " AssessedResourceId = '" HUB "', DeviceId, DiscoveredTimeUTC = TimeGenerated, \"Type\""
        " FROM SecurityRecommendation WHERE RecommendationName = 'IoT_SharedCredentials'"
        " ORDER BY TimeGenerated",
        "[[\"2025-11-24T16:00:00.000Z\","
        "\"Identical authentication credentials used by multiple devices\",\"High\",\"NotActive\","
        "\"all is well\",\"{\\\"Resources\\\":[\\\"all is well\\\"],\\\"ResourceCount\\\":0,"
        "\\\"UnhealthyDeviceCount\\\":0}\",true,\"\",true,\"SecurityRecommendation\"],"
        "[\"2025-11-24T16:00:01.000Z\","
        "\"Identical authentication credentials used by multiple devices\",\"High\",\"Active\","
        "\"three share a key\",\"{\\\"Resources\\\":[\\\"three share a key\\\"],"
        "\\\"ResourceCount\\\":1,\\\"UnhealthyDeviceCount\\\":0}\",true,\"\",true,"
        "\"SecurityRecommendation\"]]");
    assert_rows(f,
        "SELECT count(DISTINCT RecommendationId),"
        " min(length(RemediationDescription)) > 20 FROM SecurityRecommendation",
        "[[4,true]]");
}

/* ---- What queries may not ---- */

static void test_tables__functions_are_refused(void **state)
{
    static const char *const refused[] = {"SELECT * FROM vd_center_alerts()",
        "SELECT * FROM vd_center_recommendations()", "SELECT vd_center_alerts()"};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        json_t *result = NULL;

        assert_int_equal(
            vd_analytics_query(f->analytics, refused[i], NULL, &result, f->text, sizeof f->text),
            VD_E_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tables__columns, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tables__functions_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_alerts__of_a_device, setup, teardown),
        cmocka_unit_test_setup_teardown(test_alerts__of_the_hub, setup, teardown),
        cmocka_unit_test_setup_teardown(test_alerts__as_they_are_now, setup, teardown),
        cmocka_unit_test_setup_teardown(test_alerts__many, setup, teardown),
        cmocka_unit_test_setup_teardown(test_alerts__looked_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_alerts__are_not_all_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_alerts__looked_up_by_kql, setup, teardown),
        cmocka_unit_test_setup_teardown(test_recommendations__rows, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
