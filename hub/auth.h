/* SPDX-License-Identifier: MIT */
/* Who a CONNECT comes from, and whether it may in. */

#ifndef VEDETTE_HUB_AUTH_H
#define VEDETTE_HUB_AUTH_H

#include "hub/mqtt.h"
#include "hub/registry.h"

/* Why a CONNECT is refused: X(name, CONNACK code, text of the log). The order is that of the checks. */
#define VD_REFUSALS(X)                                                        \
    X(VD_REFUSED_NOT, VD_CONNACK_ACCEPTED, "accepted")                        \
    X(VD_REFUSED_CLIENT_ID, VD_CONNACK_BAD_IDENTIFIER, "client_id")           \
    X(VD_REFUSED_USER_NAME, VD_CONNACK_BAD_CREDENTIALS, "user_name")          \
    X(VD_REFUSED_HUB_NAME, VD_CONNACK_BAD_CREDENTIALS, "hub_name")            \
    X(VD_REFUSED_NO_PASSWORD, VD_CONNACK_BAD_CREDENTIALS, "no_password")      \
    X(VD_REFUSED_TOKEN, VD_CONNACK_BAD_CREDENTIALS, "token_malformed")        \
    X(VD_REFUSED_POLICY, VD_CONNACK_NOT_AUTHORISED, "policy_unknown")         \
    X(VD_REFUSED_UNKNOWN, VD_CONNACK_NOT_AUTHORISED, "identity_unknown")      \
    X(VD_REFUSED_DISABLED, VD_CONNACK_NOT_AUTHORISED, "identity_disabled")    \
    X(VD_REFUSED_SIGNATURE, VD_CONNACK_NOT_AUTHORISED, "signature_wrong")     \
    X(VD_REFUSED_RESOURCE, VD_CONNACK_NOT_AUTHORISED, "resource_not_covered") \
    X(VD_REFUSED_EXPIRED, VD_CONNACK_NOT_AUTHORISED, "token_expired")         \
    X(VD_REFUSED_WILL, VD_CONNACK_NOT_AUTHORISED, "will_not_served")          \
    X(VD_REFUSED_TOO_OFTEN, VD_CONNACK_UNAVAILABLE, "429001_too_often")       \
    X(VD_REFUSED_REGISTRY, VD_CONNACK_UNAVAILABLE, "registry_failed")

enum vd_refusal {
#define VD_REFUSAL_ENUM(name, code, text) name,
    VD_REFUSALS(VD_REFUSAL_ENUM)
#undef VD_REFUSAL_ENUM
};

enum vd_mqtt_connack vd_refusal_code(enum vd_refusal refusal);
const char *vd_refusal_text(enum vd_refusal refusal);

/* Who was let in. */
struct vd_principal {
    char device_id[VD_ID_MAX + 1];
    char module_id[VD_ID_MAX + 1]; /* empty for a device */
    int64_t expires_s;             /* when the token ends: seconds since 1970 UTC */
};

/* Whom a client id names: `{deviceId}` or `{deviceId}/{moduleId}`. False, and *principal empty: it is none. */
bool vd_auth_identify(struct vd_str client_id, struct vd_principal *principal);

/*
 * Judges a CONNECT: client id, user name, token, identity, in that order. Blocks for the registry.
 * hub_name    as devices name the hub
 * now_ms      UTC
 * *principal  ids are set as soon as the client id is valid, whatever the answer, for the log; else empty
 */
enum vd_refusal vd_auth_judge(struct vd_registry *registry, const char *hub_name,
    const struct vd_mqtt_connect *connect, int64_t now_ms, struct vd_principal *principal);

#endif
