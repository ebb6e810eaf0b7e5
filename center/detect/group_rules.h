/* SPDX-License-Identifier: MIT */
/* The custom alert rules of a device security group, as detections use them. */

#ifndef VEDETTE_CENTER_DETECT_GROUP_RULES_H
#define VEDETTE_CENTER_DETECT_GROUP_RULES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "center/decode/security_message.h"
#include "lib/error.h"

#define VD_GROUP_NAME_MAX     128
#define VD_RULE_WINDOW_MIN_MS 60000LL
#define VD_RULE_WINDOW_MAX_MS 604800000LL
/* Ranges of one list, before and after they are merged. */
#define VD_RULE_RANGES_MAX 10000

/* X(name, ruleType): what is counted in windows. Their alerts are "IoT_CA_" and the ruleType. */
#define VD_COUNTERS(X)                                                   \
    X(VD_COUNT_CONNECTIONS, "ActiveConnectionsNotInAllowedRange")        \
    X(VD_COUNT_C2D, "MqttC2DMessagesNotInAllowedRange")                  \
    X(VD_COUNT_C2D_REJECTED, "MqttC2DRejectedMessagesNotInAllowedRange") \
    X(VD_COUNT_D2C, "MqttD2CMessagesNotInAllowedRange")                  \
    X(VD_COUNT_METHODS, "DirectMethodInvokesNotInAllowedRange")          \
    X(VD_COUNT_PURGES, "QueuePurgesNotInAllowedRange")                   \
    X(VD_COUNT_TWIN_UPDATES, "TwinUpdatesNotInAllowedRange")             \
    X(VD_COUNT_UNAUTHORIZED, "UnauthorizedOperationsNotInAllowedRange")

enum vd_counter {
#define VD_COUNTER_ENUM(name, text) name,
    VD_COUNTERS(VD_COUNTER_ENUM)
#undef VD_COUNTER_ENUM
    VD_COUNTERS_END,
};

const char *vd_counter_rule_type(enum vd_counter counter);

/* Counts of [min, max] are allowed, both included. */
struct vd_window_rule {
    bool is_enabled;
    int64_t window_ms; /* VD_RULE_WINDOW_MIN_MS to VD_RULE_WINDOW_MAX_MS */
    uint32_t min;
    uint32_t max;
};

/* Addresses from `from` to `to`, both included; IPv4 mapped. */
struct vd_rule_range {
    struct vd_address from;
    struct vd_address to;
};

/* Ranges in order that neither overlap nor touch. */
struct vd_rule_addresses {
    bool is_enabled;
    struct vd_rule_range *ranges;
    uint32_t count;
};

struct vd_group_rules {
    char name[VD_GROUP_NAME_MAX + 1];
    struct vd_window_rule windows[VD_COUNTERS_END];
    struct vd_window_rule connections_in_report; /* ThresholdCustomAlertRule; window_ms is 0 */
    struct vd_rule_addresses allowed; /* ConnectionToIpNotAllowed: outbound to others alerts */
    struct vd_rule_addresses denied;  /* DenylistCustomAlertRule: to or from these alerts */
};

/*
 * Reads the rules of a group: the `properties` of a deviceSecurityGroups document with the lists timeWindowRules,
 * thresholdRules, allowlistRules and denylistRules. Rule types that do not apply here are checked and left out.
 * problem  at least 256 bytes: the place and what is wrong there, with VD_E_INVALID
 * VD_OK: *rules is the caller's to free. VD_E_NOMEM.
 */
VD_NODISCARD int vd_group_rules_read(
    const char *name, const json_t *properties, struct vd_group_rules **rules, char problem[256]);
/* NULL is allowed. */
void vd_group_rules_free(struct vd_group_rules *rules);

/* Whether a range holds the address; log n. */
bool vd_rule_addresses_hold(
    const struct vd_rule_addresses *addresses, const struct vd_address *address);

/*
 * The complete document, as the API answers it: every concrete rule type once, those not in `properties` switched off
 * (0, 0, PT15M, empty), with displayName and description, which says of a type that is not judged here why. Durations come back as they were sent. NULL without memory.
 */
json_t *vd_group_rules_document(const json_t *properties);

/* Whether rules of the type are judged here; *reason (static text) says why not. NULL: not a known type. */
const char *vd_rule_type_applies(const char *rule_type, bool *applies);

/* Reads "PT5M", "P7D", "PT1H30M": an ISO 8601 duration of weeks, days, hours, minutes and seconds. VD_E_INVALID. */
VD_NODISCARD int vd_duration_parse(const char *text, int64_t *ms);

#endif
