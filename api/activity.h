/* SPDX-License-Identifier: MIT */
/* The activity log: what was done on the control plane, by whom and from where. */

#ifndef VEDETTE_API_ACTIVITY_H
#define VEDETTE_API_ACTIVITY_H

#include "api/record.h"

/* Operations' names, as the activity log of old has them. */
#define VD_ACTIVITY_HUB_WRITE          "Microsoft.Devices/IotHubs/write"
#define VD_ACTIVITY_HUB_DELETE         "Microsoft.Devices/IotHubs/delete"
#define VD_ACTIVITY_KEYS_LIST          "Microsoft.Devices/IotHubs/listkeys/action"
#define VD_ACTIVITY_KEY_LIST           "Microsoft.Devices/IotHubs/iotHubKeys/listkeys/action"
#define VD_ACTIVITY_CERTIFICATE_WRITE  "Microsoft.Devices/IotHubs/certificates/write"
#define VD_ACTIVITY_CERTIFICATE_DELETE "Microsoft.Devices/IotHubs/certificates/delete"
#define VD_ACTIVITY_CERTIFICATE_CODE \
    "Microsoft.Devices/IotHubs/certificates/generateVerificationCode/action"
#define VD_ACTIVITY_CERTIFICATE_VERIFY "Microsoft.Devices/IotHubs/certificates/verify/action"
#define VD_ACTIVITY_DIAGNOSTICS_WRITE  "Microsoft.Insights/diagnosticSettings/write"
#define VD_ACTIVITY_DIAGNOSTICS_DELETE "Microsoft.Insights/diagnosticSettings/delete"
#define VD_ACTIVITY_GROUP_WRITE        "Microsoft.Security/deviceSecurityGroups/write"
#define VD_ACTIVITY_GROUP_DELETE       "Microsoft.Security/deviceSecurityGroups/delete"
#define VD_ACTIVITY_SOLUTION_WRITE     "Microsoft.Security/iotSecuritySolutions/write"
#define VD_ACTIVITY_SOLUTION_DELETE    "Microsoft.Security/iotSecuritySolutions/delete"
#define VD_ACTIVITY_CONTACT_WRITE      "Microsoft.Security/securityContacts/write"
#define VD_ACTIVITY_CONTACT_DELETE     "Microsoft.Security/securityContacts/delete"
#define VD_ACTIVITY_ALERT_DISMISS      "Microsoft.Security/locations/alerts/dismiss/action"
#define VD_ACTIVITY_ALERT_RESOLVE      "Microsoft.Security/locations/alerts/resolve/action"
#define VD_ACTIVITY_ALERT_ACTIVATE     "Microsoft.Security/locations/alerts/activate/action"
#define VD_ACTIVITY_AGGREGATED_DISMISS \
    "Microsoft.Security/iotSecuritySolutions/analyticsModels/aggregatedAlerts/dismiss/action"
#define VD_ACTIVITY_FEED_WRITE   "Vedette/feeds/write"
#define VD_ACTIVITY_FEED_DELETE  "Vedette/feeds/delete"
#define VD_ACTIVITY_FEED_REFRESH "Vedette/feeds/refresh/action"
#define VD_ACTIVITY_QUERY_WRITE  "Vedette/queries/write"
#define VD_ACTIVITY_QUERY_DELETE "Vedette/queries/delete"
#define VD_ACTIVITY_SINK_WRITE   "Vedette/sinks/write"
#define VD_ACTIVITY_SINK_DELETE  "Vedette/sinks/delete"
#define VD_ACTIVITY_SINK_TEST    "Vedette/sinks/test/action"
/* Of what sinks would not take, and of messages that could not be read. */
#define VD_ACTIVITY_NOTICE_REPLAY "Vedette/sinks/deadLetters/replay/action"
#define VD_ACTIVITY_NOTICE_DELETE "Vedette/sinks/deadLetters/delete"
#define VD_ACTIVITY_LETTER_REPLAY "Vedette/deadLetters/replay/action"
#define VD_ACTIVITY_LETTER_DELETE "Vedette/deadLetters/delete"
#define VD_ACTIVITY_TOKEN_WRITE   "Vedette/tokens/write"
#define VD_ACTIVITY_TOKEN_DELETE  "Vedette/tokens/delete"
/* Who signs in to the portal, and out. */
#define VD_ACTIVITY_SESSION_WRITE  "Vedette/sessions/write"
#define VD_ACTIVITY_SESSION_DELETE "Vedette/sessions/delete"

/* One operation. What it points to is read while it is recorded only; text that is not UTF-8 is left out. */
struct vd_activity {
    const char *caller;         /* token:NAME, local:USER */
    const char *address;        /* the caller's, numeric; "": he is on this machine */
    const char *operation_name; /* one of those above */
    const char *resource;       /* below the hub: "certificates/ca1"; NULL: the hub itself */
    const char *method;         /* of HTTP; NULL: left out */
    const char *reason;         /* the error's code where it failed; NULL: none */
    const char *details;        /* what it changed, in words; NULL: none. Never a secret */
    int64_t time_ms;            /* UTC; 0: now */
};

/*
 * Records an operation that was answered with `status_code` of HTTP, as an event of kind VD_EVENT_ACTIVITY whose body is
 * JSON: time, resourceId, operationName, category ("Administrative"), level, caller, callerIpAddress, status, statusCode,
 * httpRequest {clientIpAddress, method}, properties (JSON in a string). It is done when it is answered: the status is
 * Succeeded below 400, else Failed. As vd_record_event.
 */
void vd_activity_record(
    const struct vd_recorder *recorder, const struct vd_activity *activity, int status_code);

#endif
