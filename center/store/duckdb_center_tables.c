/* SPDX-License-Identifier: MIT */
/* SecurityAlert and SecurityRecommendation in SQL of SQLite: their columns, and what that calls. */

#include "center/detect/attack.h"
#include "center/recommend/recommend.h"
#include "center/store/duckdb_center_internal.h"
#include "lib/sqlite.h"

#define BUSY_TIMEOUT_MS 5000
/* What SQL of columns may name. */
#define RESOURCE_ID "?3"
#define HUB_NAME    "?4"

/* ---- SecurityAlert ---- */

#define IS_ADDRESS                                                                     \
    "subject NOT GLOB '*[^0-9a-fA-F.:]*' AND (subject GLOB '*.*.*.*' OR subject GLOB " \
    "'*:*:*')"

static const struct vd_center_column alert_columns[] = {
    {"TimeGenerated", VD_CENTER_TIME, "generated_ms", true},
    {"DisplayName", VD_CENTER_TEXT, "display_name", true},
    {"AlertName", VD_CENTER_TEXT, "display_name", true},
    {"AlertSeverity", VD_CENTER_TEXT, "severity", true},
    {"Description", VD_CENTER_TEXT, "description", false},
    {"ProviderName", VD_CENTER_TEXT, "'IoTSecurity'", true},
    {"VendorName", VD_CENTER_TEXT, "'Vedette'", true},
    {"VendorOriginalId", VD_CENTER_TEXT, "id", true},
    {"SystemAlertId", VD_CENTER_TEXT, "id", true},
    {"ResourceId", VD_CENTER_TEXT, RESOURCE_ID, true},
    {"SourceComputerId", VD_CENTER_TEXT, "''", true},
    {"AlertType", VD_CENTER_TEXT, "type", true},
    {"ConfidenceLevel", VD_CENTER_TEXT, "'Unknown'", true},
    {"ConfidenceScore", VD_CENTER_REAL, "NULL", true},
    {"IsIncident", VD_CENTER_BOOL, "0", true},
    {"StartTime", VD_CENTER_TIME, "start_ms", true},
    {"EndTime", VD_CENTER_TIME, "end_ms", true},
    {"ProcessingEndTime", VD_CENTER_TIME, "generated_ms", true},
    {"RemediationSteps", VD_CENTER_TEXT, "remediation", false},
    /* A patch leaves out what is null. */
    {"ExtendedProperties", VD_CENTER_TEXT,
        "json_patch('{}', json_object('DeviceId', nullif(device_id, ''),"
        " 'ModuleId', nullif(module_id, ''), 'Subject', nullif(subject, ''),"
        " 'Cause', nullif(cause, ''), 'State', status, 'Count', CAST(count AS TEXT),"
        " 'Indicator', indicator_value, 'IndicatorSource', indicator_source,"
        " 'Verdict', json_extract(assessment, '$.verdict'), 'SuppressedBy', suppressed_by))",
        false},
    {"Entities", VD_CENTER_TEXT,
        "(SELECT json_group_array(json(entity)) FROM"
        " (SELECT json_object('$id', '1', 'Type', 'azure-resource', 'ResourceId', " RESOURCE_ID
        ") AS entity UNION ALL SELECT json_object('$id', '2', 'Type', 'iotdevice',"
        " 'DeviceId', device_id, 'IoTHub', json_object('$ref', '1')) WHERE device_id <> ''"
        " UNION ALL SELECT json_object('$id', '3', 'Type', 'ip', 'Address', subject)"
        " WHERE " IS_ADDRESS "))",
        false},
    {"SourceSystem", VD_CENTER_TEXT, "'Detection'", true},
    {"ProductName", VD_CENTER_TEXT, "'Vedette'", true},
    {"ProductComponentName", VD_CENTER_TEXT, "'IoT Hub'", true},
    {"AlertLink", VD_CENTER_TEXT, "''", true},
    {"Status", VD_CENTER_TEXT, "status", true},
    {"CompromisedEntity", VD_CENTER_TEXT, "iif(device_id <> '', device_id, " HUB_NAME ")", true},
    {"Tactics", VD_CENTER_TEXT, "vd_intent(type)", true},
    /* Alerts of version 1 have the ids alone. */
    {"Techniques", VD_CENTER_TEXT,
        "(SELECT json_group_array(iif(t.type = 'object', json_extract(t.value, '$.id'), t.value))"
        " FROM json_each(techniques) AS t)",
        false},
    {"Type", VD_CENTER_TEXT, "'SecurityAlert'", true},
    /* Members that queries read without JSON. */
    {"ExtendedProperties.DeviceId", VD_CENTER_TEXT, "device_id", true},
    {"ExtendedProperties.ModuleId", VD_CENTER_TEXT, "module_id", false},
    {"ExtendedProperties.Subject", VD_CENTER_TEXT, "subject", true},
    {"ExtendedProperties.Cause", VD_CENTER_TEXT, "cause", false},
    {"ExtendedProperties.State", VD_CENTER_TEXT, "status", true},
    {"ExtendedProperties.Count", VD_CENTER_TEXT, "CAST(count AS TEXT)", true},
    {"ExtendedProperties.Indicator", VD_CENTER_TEXT, "indicator_value", false},
    {"ExtendedProperties.IndicatorSource", VD_CENTER_TEXT, "indicator_source", false},
    {"ExtendedProperties.Verdict", VD_CENTER_TEXT, "json_extract(assessment, '$.verdict')", false},
    {"ExtendedProperties.SuppressedBy", VD_CENTER_TEXT, "suppressed_by", false},
};

/* ---- SecurityRecommendation ---- */

/* What was said when the state changed, of the newest row what is said now. */
#define NOW_OR_THEN(column) "coalesce(r." column ", c." column ")"

static const struct vd_center_column recommendation_columns[] = {
    {"TimeGenerated", VD_CENTER_TIME, "c.time_ms", false},
    {"AssessedResourceId", VD_CENTER_TEXT, RESOURCE_ID, false},
    {"DeviceId", VD_CENTER_TEXT, "''", false},
    {"RecommendationId", VD_CENTER_TEXT, RESOURCE_ID " || '/' || c.type", false},
    {"RecommendationName", VD_CENTER_TEXT, "c.type", false},
    {"RecommendationDisplayName", VD_CENTER_TEXT, "vd_recommendation(c.type, 0)", false},
    {"RecommendationSeverity", VD_CENTER_TEXT, "vd_recommendation(c.type, 1)", false},
    {"RecommendationState", VD_CENTER_TEXT, "iif(c.is_active, 'Active', 'NotActive')", false},
    {"Description", VD_CENTER_TEXT, NOW_OR_THEN("description"), false},
    {"RemediationDescription", VD_CENTER_TEXT, "vd_recommendation(c.type, 2)", false},
    {"RecommendationAdditionalData", VD_CENTER_TEXT,
        "json_object('Resources', json(" NOW_OR_THEN(
            "resources") "),"
                         " 'ResourceCount', " NOW_OR_THEN(
                             "resource_count") ","
                                               " 'UnhealthyDeviceCount', " NOW_OR_THEN(
                                                   "unhealthy_devices") ")",
        false},
    {"DiscoveredTimeUTC", VD_CENTER_TIME, "c.time_ms", false},
    {"PolicyDefinitionId", VD_CENTER_TEXT, "''", false},
    {"ResourceRegion", VD_CENTER_TEXT, "''", false},
    {"Type", VD_CENTER_TEXT, "'SecurityRecommendation'", false},
};

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

_Static_assert(COUNT(alert_columns) <= VD_CENTER_COLUMNS_MAX &&
        COUNT(recommendation_columns) <= VD_CENTER_COLUMNS_MAX,
    "VD_CENTER_COLUMNS_MAX is too small");

/* That which is met by fewest rows first. */
static const struct vd_center_lookup alert_lookups[] = {
    {"SystemAlertId", "id", true},
    {"ExtendedProperties.DeviceId", "device_id", true},
    {"CompromisedEntity", "device_id", true},
    {"AlertType", "type", true},
    {"AlertSeverity", "severity", false},
    {"Status", "status", false},
};

_Static_assert(COUNT(alert_lookups) <= VD_CENTER_LOOKUPS_MAX, "VD_CENTER_LOOKUPS_MAX is too small");

const struct vd_center_source vd_center_sources[VD_CENTER_SOURCES] = {
    {"SecurityAlert", "alerts", "alerts", "alerts INDEXED BY alerts_narrow", "number",
        "generated_ms", alert_columns, COUNT(alert_columns), alert_lookups, COUNT(alert_lookups)},
    {"SecurityRecommendation", "recommendation_changes",
        "recommendation_changes AS c LEFT JOIN recommendations AS r ON r.type = c.type AND"
        " c.number = (SELECT max(number) FROM recommendation_changes WHERE type = c.type)",
        NULL, "c.number", NULL, recommendation_columns, COUNT(recommendation_columns), NULL, 0},
};

/* ---- What SQLite is to know of the program's tables ---- */

static void result_text(sqlite3_context *context, const char *text)
{
    sqlite3_result_text(context, text != NULL ? text : "", -1, SQLITE_TRANSIENT);
}

static const char *text_argument(sqlite3_value *value)
{
    const char *text = (const char *)sqlite3_value_text(value);

    return text != NULL ? text : "";
}

/* vd_intent(type of alert) */
static void intent_function(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    (void)count;
    result_text(context, vd_attack_intent(text_argument(arguments[0])));
}

static void result_steps(sqlite3_context *context, const char *const *steps)
{
    struct vd_buf text = {0};

    for (size_t i = 0; steps[i] != NULL; i++) {
        vd_buf_printf(&text, "%s%s", i > 0 ? "\n" : "", steps[i]);
    }
    vd_buf_append(&text, "", 1);
    if (text.error == VD_OK) {
        result_text(context, (const char *)text.data);
    } else {
        sqlite3_result_error_nomem(context);
    }
    vd_buf_release(&text);
}

/* vd_recommendation(type, 0: its display name, 1: its severity, 2: its steps) */
static void recommendation_function(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    const char *type = text_argument(arguments[0]);
    const int what = sqlite3_value_int(arguments[1]);

    (void)count;
    for (size_t i = 0; i < VD_RECOMMENDATIONS; i++) {
        const struct vd_recommendation *row = vd_recommendation_at(i);

        if (strcmp(row->type, type) != 0) {
            continue;
        }
        if (what == 2) {
            result_steps(context, row->remediation_steps);
        } else {
            result_text(context, what == 0 ? row->display_name : row->severity);
        }
        return;
    }
    result_text(context, what == 0 ? type : "");
}

int vd_center_open(const struct vd_duckdb *store, sqlite3 **out)
{
    const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC;
    sqlite3 *db = NULL;
    int code =
        sqlite3_open_v2(store->center_path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

    if (code == SQLITE_OK) {
        sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
        code = sqlite3_exec(db, "PRAGMA query_only=1", NULL, NULL, NULL);
    }
    if (code == SQLITE_OK) {
        code =
            sqlite3_create_function(db, "vd_intent", 1, flags, NULL, intent_function, NULL, NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_create_function(
            db, "vd_recommendation", 2, flags, NULL, recommendation_function, NULL, NULL);
    }
    if (code != SQLITE_OK) {
        sqlite3_close(db);
        return vd_sqlite_error(code);
    }
    *out = db;
    return VD_OK;
}
