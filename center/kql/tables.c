/* SPDX-License-Identifier: MIT */
/* The five tables. */

#include "center/kql/tables.h"

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

static const struct vd_kql_table_column alert_columns[] = {
    {"TimeGenerated", VD_KQL_DATETIME},
    {"DisplayName", VD_KQL_STRING},
    {"AlertName", VD_KQL_STRING},
    {"AlertSeverity", VD_KQL_STRING},
    {"Description", VD_KQL_STRING},
    {"ProviderName", VD_KQL_STRING},
    {"VendorName", VD_KQL_STRING},
    {"VendorOriginalId", VD_KQL_STRING},
    {"SystemAlertId", VD_KQL_STRING},
    {"ResourceId", VD_KQL_STRING},
    {"SourceComputerId", VD_KQL_STRING},
    {"AlertType", VD_KQL_STRING},
    {"ConfidenceLevel", VD_KQL_STRING},
    {"ConfidenceScore", VD_KQL_REAL},
    {"IsIncident", VD_KQL_BOOL},
    {"StartTime", VD_KQL_DATETIME},
    {"EndTime", VD_KQL_DATETIME},
    {"ProcessingEndTime", VD_KQL_DATETIME},
    {"RemediationSteps", VD_KQL_STRING},
    {"ExtendedProperties", VD_KQL_STRING},
    {"Entities", VD_KQL_STRING},
    {"SourceSystem", VD_KQL_STRING},
    {"ProductName", VD_KQL_STRING},
    {"ProductComponentName", VD_KQL_STRING},
    {"AlertLink", VD_KQL_STRING},
    {"Status", VD_KQL_STRING},
    {"CompromisedEntity", VD_KQL_STRING},
    {"Tactics", VD_KQL_STRING},
    {"Techniques", VD_KQL_STRING},
    {"Type", VD_KQL_STRING},
};

static const struct vd_kql_table_column recommendation_columns[] = {
    {"TimeGenerated", VD_KQL_DATETIME},
    {"AssessedResourceId", VD_KQL_STRING},
    {"DeviceId", VD_KQL_STRING},
    {"RecommendationId", VD_KQL_STRING},
    {"RecommendationName", VD_KQL_STRING},
    {"RecommendationDisplayName", VD_KQL_STRING},
    {"RecommendationSeverity", VD_KQL_STRING},
    {"RecommendationState", VD_KQL_STRING},
    {"Description", VD_KQL_STRING},
    {"RemediationDescription", VD_KQL_STRING},
    {"RecommendationAdditionalData", VD_KQL_STRING},
    {"DiscoveredTimeUTC", VD_KQL_DATETIME},
    {"PolicyDefinitionId", VD_KQL_STRING},
    {"ResourceRegion", VD_KQL_STRING},
    {"Type", VD_KQL_STRING},
};

static const struct vd_kql_table_column raw_event_columns[] = {
    {"TimeGenerated", VD_KQL_DATETIME},
    {"TimeStamp", VD_KQL_DATETIME},
    {"IoTRawEventId", VD_KQL_STRING},
    {"DeviceId", VD_KQL_STRING},
    {"AssociatedResourceId", VD_KQL_STRING},
    {"AzureSubscriptionId", VD_KQL_STRING},
    {"AgentVersion", VD_KQL_STRING},
    {"RawEventName", VD_KQL_STRING},
    {"RawEventType", VD_KQL_STRING},
    {"RawEventCategory", VD_KQL_STRING},
    {"IsEmpty", VD_KQL_BOOL},
    {"EventDetails", VD_KQL_STRING},
    {"Type", VD_KQL_STRING},
};

#define MEMBER_OF(column, name, type)                \
    {                                                \
        column, #name, column "." #name, type, false \
    }
#define MEMBER(name, type) MEMBER_OF("EventDetails", name, type)
#define PROPERTY(name)     MEMBER_OF("ExtendedProperties", name, VD_KQL_STRING)
#define MIXED(name)                                                       \
    {                                                                     \
        "EventDetails", #name, "EventDetails." #name, VD_KQL_STRING, true \
    }

/* A port may be a list of ranges and a user a name, as text: all that is not always a number is a string. */
static const struct vd_kql_table_member raw_event_members[] = {
    MEMBER(LocalAddress, VD_KQL_STRING),
    MIXED(LocalPort),
    MEMBER(RemoteAddress, VD_KQL_STRING),
    MIXED(RemotePort),
    MEMBER(Protocol, VD_KQL_STRING),
    MEMBER(Direction, VD_KQL_STRING),
    MEMBER(BytesIn, VD_KQL_LONG),
    MEMBER(BytesOut, VD_KQL_LONG),
    MEMBER(PacketsIn, VD_KQL_LONG),
    MEMBER(PacketsOut, VD_KQL_LONG),
    MIXED(OpenedBy),
    MEMBER(ProcessId, VD_KQL_LONG),
    MIXED(UserId),
    MEMBER(Executable, VD_KQL_STRING),
    MEMBER(CommandLine, VD_KQL_STRING),
    MEMBER(ModuleId, VD_KQL_STRING),
    MEMBER(DeviceTime, VD_KQL_STRING),
};

static const struct vd_kql_table_member alert_members[] = {
    PROPERTY(DeviceId),
    PROPERTY(ModuleId),
    PROPERTY(Subject),
    PROPERTY(Cause),
    PROPERTY(State),
    PROPERTY(Count),
    PROPERTY(Indicator),
    PROPERTY(IndicatorSource),
    PROPERTY(Verdict),
    PROPERTY(SuppressedBy),
};

static const char *const alert_lookups[] = {"AlertSeverity", "AlertType", "CompromisedEntity",
    "ExtendedProperties.DeviceId", "Status", "SystemAlertId"};

static const struct vd_kql_table_column diagnostic_columns[] = {
    {"TimeGenerated", VD_KQL_DATETIME},
    {"ResourceId", VD_KQL_STRING},
    {"Category", VD_KQL_STRING},
    {"OperationName", VD_KQL_STRING},
    {"Level", VD_KQL_STRING},
    {"ResultType", VD_KQL_STRING},
    {"ResultDescription", VD_KQL_STRING},
    {"DurationMs", VD_KQL_LONG},
    {"Location", VD_KQL_STRING},
    {"properties_s", VD_KQL_STRING},
    {"CorrelationId", VD_KQL_STRING},
    {"ResultSignature", VD_KQL_STRING},
    {"CallerIPAddress", VD_KQL_STRING},
    {"ResourceProvider", VD_KQL_STRING},
    {"ResourceType", VD_KQL_STRING},
    {"Resource", VD_KQL_STRING},
    {"ResourceGroup", VD_KQL_STRING},
    {"SubscriptionId", VD_KQL_STRING},
    {"TenantId", VD_KQL_STRING},
    {"SourceSystem", VD_KQL_STRING},
    {"location_s", VD_KQL_STRING},
    {"Type", VD_KQL_STRING},
    {"_ResourceId", VD_KQL_STRING},
};

static const struct vd_kql_table_column activity_columns[] = {
    {"TimeGenerated", VD_KQL_DATETIME},
    {"Caller", VD_KQL_STRING},
    {"OperationNameValue", VD_KQL_STRING},
    {"ActivityStatusValue", VD_KQL_STRING},
    {"ResourceId", VD_KQL_STRING},
    {"CallerIpAddress", VD_KQL_STRING},
    {"Category", VD_KQL_STRING},
    {"Properties", VD_KQL_STRING},
    {"CorrelationId", VD_KQL_STRING},
    {"Type", VD_KQL_STRING},
    {"OperationName", VD_KQL_STRING},
    {"ActivityStatus", VD_KQL_STRING},
    {"CategoryValue", VD_KQL_STRING},
    {"ResourceProviderValue", VD_KQL_STRING},
    {"Resource", VD_KQL_STRING},
    {"ResourceGroup", VD_KQL_STRING},
    {"SubscriptionId", VD_KQL_STRING},
    {"Properties_d", VD_KQL_DYNAMIC},
    {"_ResourceId", VD_KQL_STRING},
};

#define TABLE(name, columns)                                             \
    {                                                                    \
        name, "TimeGenerated", columns, COUNT(columns), NULL, 0, NULL, 0 \
    }

static const struct vd_kql_table tables[] = {
    {"SecurityAlert", "TimeGenerated", alert_columns, COUNT(alert_columns), alert_members,
        COUNT(alert_members), alert_lookups, COUNT(alert_lookups)},
    TABLE("SecurityRecommendation", recommendation_columns),
    {"SecurityIoTRawEvent", "TimeGenerated", raw_event_columns, COUNT(raw_event_columns),
        raw_event_members, COUNT(raw_event_members), NULL, 0},
    TABLE("AzureDiagnostics", diagnostic_columns),
    TABLE("AzureActivity", activity_columns),
};

const struct vd_kql_table *vd_kql_tables(uint32_t *count)
{
    *count = COUNT(tables);
    return tables;
}

const struct vd_kql_table *vd_kql_table_find(struct vd_str name)
{
    for (uint32_t i = 0; i < COUNT(tables); i++) {
        if (vd_str_equal_text(name, tables[i].name)) {
            return &tables[i];
        }
    }
    return NULL;
}
