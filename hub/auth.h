/* SPDX-License-Identifier: MIT */
/* Who a CONNECT comes from, and whether it may in. */

#ifndef VEDETTE_HUB_AUTH_H
#define VEDETTE_HUB_AUTH_H

#include "hub/mqtt.h"
#include "hub/registry.h"
#include "hub/x509.h"
#include "lib/uuid.h"

/* Why a CONNECT is refused: X(name, CONNACK code, text of the log). The order is that of the checks. */
#define VD_REFUSALS(X)                                                                  \
    X(VD_REFUSED_NOT, VD_CONNACK_ACCEPTED, "accepted")                                  \
    X(VD_REFUSED_CLIENT_ID, VD_CONNACK_BAD_IDENTIFIER, "client_id")                     \
    X(VD_REFUSED_USER_NAME, VD_CONNACK_BAD_CREDENTIALS, "user_name")                    \
    X(VD_REFUSED_HUB_NAME, VD_CONNACK_BAD_CREDENTIALS, "hub_name")                      \
    X(VD_REFUSED_NO_PASSWORD, VD_CONNACK_BAD_CREDENTIALS, "no_password")                \
    X(VD_REFUSED_NO_CERTIFICATE, VD_CONNACK_BAD_CREDENTIALS, "no_certificate")          \
    X(VD_REFUSED_TOKEN, VD_CONNACK_BAD_CREDENTIALS, "token_malformed")                  \
    X(VD_REFUSED_UNKNOWN, VD_CONNACK_NOT_AUTHORISED, "identity_unknown")                \
    X(VD_REFUSED_DISABLED, VD_CONNACK_NOT_AUTHORISED, "identity_disabled")              \
    X(VD_REFUSED_POLICY, VD_CONNACK_NOT_AUTHORISED, "policy_unknown")                   \
    X(VD_REFUSED_SIGNATURE, VD_CONNACK_NOT_AUTHORISED, "signature_wrong")               \
    X(VD_REFUSED_RIGHT, VD_CONNACK_NOT_AUTHORISED, "policy_without_device_connect")     \
    X(VD_REFUSED_RESOURCE, VD_CONNACK_NOT_AUTHORISED, "resource_not_covered")           \
    X(VD_REFUSED_EXPIRED, VD_CONNACK_NOT_AUTHORISED, "token_expired")                   \
    X(VD_REFUSED_THUMBPRINT, VD_CONNACK_NOT_AUTHORISED, "thumbprint_mismatch")          \
    X(VD_REFUSED_NOT_YET_VALID, VD_CONNACK_NOT_AUTHORISED, "certificate_not_yet_valid") \
    X(VD_REFUSED_CERTIFICATE_EXPIRED, VD_CONNACK_NOT_AUTHORISED, "certificate_expired") \
    X(VD_REFUSED_CHAIN, VD_CONNACK_NOT_AUTHORISED, "certificate_chain_untrusted")       \
    X(VD_REFUSED_COMMON_NAME, VD_CONNACK_NOT_AUTHORISED, "certificate_common_name")     \
    X(VD_REFUSED_WILL, VD_CONNACK_NOT_AUTHORISED, "will_not_served")                    \
    X(VD_REFUSED_ADDRESS, VD_CONNACK_NOT_AUTHORISED, "address_filtered")                \
    X(VD_REFUSED_TOO_OFTEN, VD_CONNACK_UNAVAILABLE, "429001_too_often")                 \
    X(VD_REFUSED_REGISTRY, VD_CONNACK_UNAVAILABLE, "registry_failed")                   \
    X(VD_REFUSED_STATE, VD_CONNACK_UNAVAILABLE, "state_failed")

enum vd_refusal {
#define VD_REFUSAL_ENUM(name, code, text) name,
    VD_REFUSALS(VD_REFUSAL_ENUM)
#undef VD_REFUSAL_ENUM
};

enum vd_mqtt_connack vd_refusal_code(enum vd_refusal refusal);
const char *vd_refusal_text(enum vd_refusal refusal);

/* Tells a key from others without holding it: the first bytes of its SHA-256. */
#define VD_KEY_MARK_BYTES 16

/* Who was let in. */
struct vd_principal {
    char device_id[VD_ID_MAX + 1];
    char module_id[VD_ID_MAX + 1];         /* empty for a device */
    char generation_id[VD_UUID_TEXT_SIZE]; /* of the identity, once it was let in */
    int64_t created_ms;                    /* likewise: when it was made, UTC */
    /* When the token or the certificate ends, also of who is refused: seconds since 1970 UTC; 0: not known. */
    int64_t expires_s;
    enum vd_auth_type auth_type; /* of the identity, as soon as that is known */
    bool by_policy;              /* the token names a policy */
    bool was_good; /* refused as expired: before its end what was shown would have been let in */
    char policy[VD_NAME_MAX + 1];          /* the policy whose key let it in; empty: none did */
    uint8_t policy_key[VD_KEY_MARK_BYTES]; /* and that key's mark */
};

/* Whom a client id names: `{deviceId}` or `{deviceId}/{moduleId}`. False, and *principal empty: it is none. */
bool vd_auth_identify(struct vd_str client_id, struct vd_principal *principal);

/*
 * Judges a CONNECT: client id, user name, identity, and what the identity's type asks for. `sas`: a token, of the identity's
 * keys or of a policy that grants DeviceConnect, whatever certificate comes with it. `selfSigned`: a certificate with one of
 * its thumbprints. `certificateAuthority`: one whose chain leads to a verified CA certificate and whose CN is
 * `{deviceId}`, a module's `{deviceId}/{moduleId}`. For the last two a password does not count. Blocks for the registry.
 * hub_name     as devices name the hub
 * certificate  what the client showed; NULL: nothing
 * now_ms       UTC
 * *principal   ids are set as soon as the client id is valid, whatever the answer, for the log; else empty
 */
enum vd_refusal vd_auth_judge(struct vd_registry *registry, const char *hub_name,
    const struct vd_mqtt_connect *connect, const struct vd_peer_certificate *certificate,
    int64_t now_ms, struct vd_principal *principal);

/*
 * Judges the token of a device that comes otherwise than over MQTT; one whose identity asks for a certificate has none to show
 * there. `token` empty: it shows none. The rest is as above.
 */
enum vd_refusal vd_auth_judge_token(struct vd_registry *registry, const char *hub_name,
    const char *device_id, struct vd_str token, int64_t now_ms, struct vd_principal *principal);

/* Whether whom a policy let in would be let in again by what it is now: one of its name, with the right and the key. */
bool vd_auth_policy_holds(const struct vd_principal *principal, const struct vd_policy *policy);

#endif
