/* SPDX-License-Identifier: MIT */
/* The routes of the management API, by provider. */

#include "api/management/internal.h"

#define DEVICES  "Microsoft.Devices"
#define SECURITY "Microsoft.Security"

#define SUBSCRIPTION      DEVICES_OF("subscriptions/{s}")
#define GROUP             DEVICES_OF("subscriptions/{s}/resourceGroups/{g}")
#define DEVICES_OF(scope) scope "/providers/" DEVICES
#define HUB               GROUP "/IotHubs/{h}"
#define CERTIFICATES      HUB "/certificates"
#define INSIGHTS          HUB "/providers/Microsoft.Insights"

#define SOLUTION \
    "subscriptions/{s}/resourceGroups/{g}/providers/" SECURITY "/iotSecuritySolutions/{n}"
#define ANALYTICS  SOLUTION "/analyticsModels"
#define AGGREGATED ANALYTICS "/default/aggregatedAlerts"

#define OF_SUBSCRIPTION "subscriptions/{s}/providers/" SECURITY
#define OF_GROUP        "subscriptions/{s}/resourceGroups/{g}/providers/" SECURITY
#define REGION          "/locations/{n}/alerts"

/* Operations that change nothing are named here alone. */
#define HUB_READ         DEVICES "/IotHubs/read"
#define CERTIFICATE_READ DEVICES "/IotHubs/certificates/read"
#define ALERT_READ       SECURITY "/alerts/read"
#define ANALYTICS_READ   SECURITY "/iotSecuritySolutions/analyticsModels/read"
#define AGGREGATED_READ  SECURITY "/iotSecuritySolutions/analyticsModels/aggregatedAlerts/read"

#define ALERT_ROUTES(scope)                                                                        \
    {"GET", scope "/alerts", VD_ROLE_READER, false, ALERT_READ, vd_management_alert_list},         \
        {"GET", scope REGION, VD_ROLE_READER, false, ALERT_READ, vd_management_alert_list_region}, \
        {"GET", scope REGION "/{n}", VD_ROLE_READER, false, ALERT_READ, vd_management_alert_get},  \
        {"POST", scope REGION "/{n}/dismiss", VD_ROLE_CONTRIBUTOR, true,                           \
            VD_ACTIVITY_ALERT_DISMISS, vd_management_alert_dismiss},                               \
        {"POST", scope REGION "/{n}/resolve", VD_ROLE_CONTRIBUTOR, true,                           \
            VD_ACTIVITY_ALERT_RESOLVE, vd_management_alert_resolve},                               \
    {                                                                                              \
        "POST", scope REGION "/{n}/activate", VD_ROLE_CONTRIBUTOR, true,                           \
            VD_ACTIVITY_ALERT_ACTIVATE, vd_management_alert_activate                               \
    }

#define SECURITY_GROUPS HUB "/providers/" SECURITY "/deviceSecurityGroups"
#define SOLUTIONS       "/iotSecuritySolutions"
#define RECOMMENDATIONS ANALYTICS "/default/aggregatedRecommendations"
#define CONTACTS        OF_SUBSCRIPTION "/securityContacts"

#define GROUP_READ    SECURITY "/deviceSecurityGroups/read"
#define SOLUTION_READ SECURITY "/iotSecuritySolutions/read"
#define RECOMMENDATION_READ \
    SECURITY "/iotSecuritySolutions/analyticsModels/aggregatedRecommendations/read"
#define CONTACT_READ SECURITY "/securityContacts/read"

/* Log queries. */
#define QUERY_READ "Microsoft.OperationalInsights/workspaces/query/read"

static const struct vd_management_route routes[] = {
    {"GET", "providers/" DEVICES "/operations", VD_ROLE_READER, false, DEVICES "/operations/read",
        vd_management_operations},
    {"POST", SUBSCRIPTION "/checkNameAvailability", VD_ROLE_READER, false,
        DEVICES "/checkNameAvailability/action", vd_management_check_name},
    {"GET", SUBSCRIPTION "/usages", VD_ROLE_READER, false, DEVICES "/usages/read",
        vd_management_usages},
    {"GET", SUBSCRIPTION "/IotHubs", VD_ROLE_READER, false, HUB_READ, vd_management_hub_list},
    {"GET", GROUP "/IotHubs", VD_ROLE_READER, false, HUB_READ, vd_management_hub_list},
    {"GET", HUB, VD_ROLE_READER, false, HUB_READ, vd_management_hub_get},
    {"PUT", HUB, VD_ROLE_CONTRIBUTOR, true, VD_ACTIVITY_HUB_WRITE, vd_management_hub_put},
    {"PATCH", HUB, VD_ROLE_CONTRIBUTOR, true, VD_ACTIVITY_HUB_WRITE, vd_management_hub_patch},
    {"DELETE", HUB, VD_ROLE_OWNER, true, VD_ACTIVITY_HUB_DELETE, vd_management_hub_delete},
    {"GET", HUB "/IotHubStats", VD_ROLE_READER, false, DEVICES "/IotHubs/iotHubStats/read",
        vd_management_stats},
    {"GET", HUB "/quotaMetrics", VD_ROLE_READER, false, DEVICES "/IotHubs/quotaMetrics/read",
        vd_management_quota_metrics},
    {"GET", HUB "/skus", VD_ROLE_READER, false, DEVICES "/IotHubs/skus/read", vd_management_skus},
    {"GET", HUB "/routingEndpointsHealth", VD_ROLE_READER, false,
        DEVICES "/IotHubs/routingEndpointsHealth/read", vd_management_endpoints_health},
    {"GET", HUB "/jobs", VD_ROLE_READER, false, DEVICES "/IotHubs/jobs/read", vd_management_jobs},
    {"POST", HUB "/listkeys", VD_ROLE_CONTRIBUTOR, true, VD_ACTIVITY_KEYS_LIST,
        vd_management_key_list},
    {"POST", HUB "/IotHubKeys/{n}/listkeys", VD_ROLE_CONTRIBUTOR, true, VD_ACTIVITY_KEY_LIST,
        vd_management_key_get},
    {"GET", CERTIFICATES, VD_ROLE_READER, false, CERTIFICATE_READ, vd_management_certificate_list},
    {"GET", CERTIFICATES "/{n}", VD_ROLE_READER, false, CERTIFICATE_READ,
        vd_management_certificate_get},
    {"PUT", CERTIFICATES "/{n}", VD_ROLE_CONTRIBUTOR, true, VD_ACTIVITY_CERTIFICATE_WRITE,
        vd_management_certificate_put},
    {"DELETE", CERTIFICATES "/{n}", VD_ROLE_CONTRIBUTOR, true, VD_ACTIVITY_CERTIFICATE_DELETE,
        vd_management_certificate_delete},
    {"POST", CERTIFICATES "/{n}/generateVerificationCode", VD_ROLE_CONTRIBUTOR, true,
        VD_ACTIVITY_CERTIFICATE_CODE, vd_management_certificate_code},
    {"POST", CERTIFICATES "/{n}/verify", VD_ROLE_CONTRIBUTOR, true, VD_ACTIVITY_CERTIFICATE_VERIFY,
        vd_management_certificate_verify},
    {"GET", INSIGHTS "/diagnosticSettings", VD_ROLE_READER, false,
        "Microsoft.Insights/diagnosticSettings/read", vd_management_diagnostics_list},
    {"GET", INSIGHTS "/diagnosticSettings/{n}", VD_ROLE_READER, false,
        "Microsoft.Insights/diagnosticSettings/read", vd_management_diagnostics_get},
    {"PUT", INSIGHTS "/diagnosticSettings/{n}", VD_ROLE_CONTRIBUTOR, true,
        VD_ACTIVITY_DIAGNOSTICS_WRITE, vd_management_diagnostics_put},
    {"DELETE", INSIGHTS "/diagnosticSettings/{n}", VD_ROLE_CONTRIBUTOR, true,
        VD_ACTIVITY_DIAGNOSTICS_DELETE, vd_management_diagnostics_delete},
    {"GET", INSIGHTS "/diagnosticSettingsCategories", VD_ROLE_READER, false,
        "Microsoft.Insights/diagnosticSettingsCategories/read", vd_management_category_list},
    {"GET", INSIGHTS "/diagnosticSettingsCategories/{n}", VD_ROLE_READER, false,
        "Microsoft.Insights/diagnosticSettingsCategories/read", vd_management_category_get},
    {"GET", SECURITY_GROUPS, VD_ROLE_READER, false, GROUP_READ, vd_management_group_list},
    {"GET", SECURITY_GROUPS "/{n}", VD_ROLE_READER, false, GROUP_READ, vd_management_group_get},
    {"PUT", SECURITY_GROUPS "/{n}", VD_ROLE_CONTRIBUTOR, true, VD_ACTIVITY_GROUP_WRITE,
        vd_management_group_put},
    {"DELETE", SECURITY_GROUPS "/{n}", VD_ROLE_CONTRIBUTOR, true, VD_ACTIVITY_GROUP_DELETE,
        vd_management_group_delete},
    {"GET", OF_SUBSCRIPTION SOLUTIONS, VD_ROLE_READER, false, SOLUTION_READ,
        vd_management_solution_list},
    {"GET", OF_GROUP SOLUTIONS, VD_ROLE_READER, false, SOLUTION_READ, vd_management_solution_list},
    {"GET", SOLUTION, VD_ROLE_READER, false, SOLUTION_READ, vd_management_solution_get},
    {"PUT", SOLUTION, VD_ROLE_CONTRIBUTOR, true, VD_ACTIVITY_SOLUTION_WRITE,
        vd_management_solution_put},
    {"PATCH", SOLUTION, VD_ROLE_CONTRIBUTOR, true, VD_ACTIVITY_SOLUTION_WRITE,
        vd_management_solution_patch},
    {"DELETE", SOLUTION, VD_ROLE_CONTRIBUTOR, true, VD_ACTIVITY_SOLUTION_DELETE,
        vd_management_solution_delete},
    {"GET", RECOMMENDATIONS, VD_ROLE_READER, false, RECOMMENDATION_READ,
        vd_management_recommendation_list},
    {"GET", RECOMMENDATIONS "/{n}", VD_ROLE_READER, false, RECOMMENDATION_READ,
        vd_management_recommendation_get},
    {"GET", CONTACTS, VD_ROLE_READER, false, CONTACT_READ, vd_management_contact_list},
    {"GET", CONTACTS "/{n}", VD_ROLE_READER, false, CONTACT_READ, vd_management_contact_get},
    {"PUT", CONTACTS "/{n}", VD_ROLE_CONTRIBUTOR, true, VD_ACTIVITY_CONTACT_WRITE,
        vd_management_contact_put},
    {"PATCH", CONTACTS "/{n}", VD_ROLE_CONTRIBUTOR, true, VD_ACTIVITY_CONTACT_WRITE,
        vd_management_contact_patch},
    {"DELETE", CONTACTS "/{n}", VD_ROLE_CONTRIBUTOR, true, VD_ACTIVITY_CONTACT_DELETE,
        vd_management_contact_delete},
    {"POST", "workspaces/{n}/query", VD_ROLE_READER, false, QUERY_READ,
        vd_management_query_workspace},
    {"POST", HUB "/query", VD_ROLE_READER, false, QUERY_READ, vd_management_query_hub},
    {"POST", "$batch", VD_ROLE_READER, false, QUERY_READ, vd_management_query_batch},
    ALERT_ROUTES(OF_SUBSCRIPTION),
    ALERT_ROUTES(OF_GROUP),
    {"POST", OF_SUBSCRIPTION REGION "/default/simulate", VD_ROLE_CONTRIBUTOR, false,
        SECURITY "/alerts/simulate/action", vd_management_alert_simulate},
    {"GET", ANALYTICS, VD_ROLE_READER, false, ANALYTICS_READ, vd_management_analytics_list},
    {"GET", ANALYTICS "/default", VD_ROLE_READER, false, ANALYTICS_READ,
        vd_management_analytics_get},
    {"GET", AGGREGATED, VD_ROLE_READER, false, AGGREGATED_READ, vd_management_aggregated_list},
    {"GET", AGGREGATED "/{n}", VD_ROLE_READER, false, AGGREGATED_READ,
        vd_management_aggregated_get},
    {"POST", AGGREGATED "/{n}/dismiss", VD_ROLE_CONTRIBUTOR, true, VD_ACTIVITY_AGGREGATED_DISMISS,
        vd_management_aggregated_dismiss},
};

const struct vd_management_route *vd_management_routes(size_t *count)
{
    *count = sizeof routes / sizeof routes[0];
    return routes;
}
