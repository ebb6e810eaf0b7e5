/* SPDX-License-Identifier: MIT */
/* The registry: identities with their credentials, shared access policies, CA certificates, bearer tokens, settings.
 * Interface and its SQLite implementation. */

#ifndef VEDETTE_HUB_REGISTRY_H
#define VEDETTE_HUB_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/limits.h"
#include "lib/sqlite.h"
#include "lib/str.h"
#include "proto/protocol.h"

/* A symmetric key: 16 to 64 bytes, as the old hub took them; made by us: 32. Length 0: there is none. */
#define VD_KEY_MIN_BYTES 16
#define VD_KEY_MAX_BYTES 64

struct vd_key {
    uint8_t bytes[VD_KEY_MAX_BYTES];
    uint8_t length;
};

/* How an identity proves itself: X(name, stored value, name on the wire). Stored values are stable. */
#define VD_AUTH_TYPES(X)                   \
    X(VD_AUTH_SAS, 0, "sas")               \
    X(VD_AUTH_THUMBPRINT, 1, "selfSigned") \
    X(VD_AUTH_CA, 2, "certificateAuthority")

enum vd_auth_type {
#define VD_AUTH_TYPE_ENUM(name, value, text) name = value,
    VD_AUTH_TYPES(VD_AUTH_TYPE_ENUM)
#undef VD_AUTH_TYPE_ENUM
};

/* A certificate's thumbprint: SHA-1 or SHA-256 of its DER as 40 or 64 upper-case hex digits, and a NUL. */
#define VD_THUMBPRINT_SIZE 65

#define VD_STATUS_REASON_MAX 128

struct vd_identity {
    char device_id[VD_ID_MAX + 1];
    char module_id[VD_ID_MAX + 1]; /* empty for the device itself */
    char
        generation_id[37]; /* new with each creation, so that a re-created id is another identity */
    bool enabled;
    char status_reason[VD_STATUS_REASON_MAX + 1];
    enum vd_auth_type auth_type;
    struct vd_key
        primary_key; /* both are there for VD_AUTH_SAS; each may be absent for the others */
    struct vd_key secondary_key;
    char thumbprints
        [2]
        [VD_THUMBPRINT_SIZE]; /* primary, secondary; "": none. One or two for VD_AUTH_THUMBPRINT, else none */
    uint64_t etag;            /* 1 when created, one more with each update */
    int64_t created_ms;        /* UTC */
    int64_t status_updated_ms; /* UTC, of the last change of `enabled`; at first created_ms */
};

/* What a shared access policy allows: X(name, bit, name on the wire), in the order of the wire. */
#define VD_RIGHTS(X)                                  \
    X(VD_RIGHT_REGISTRY_READ, 1u, "RegistryRead")     \
    X(VD_RIGHT_REGISTRY_WRITE, 2u, "RegistryWrite")   \
    X(VD_RIGHT_SERVICE_CONNECT, 4u, "ServiceConnect") \
    X(VD_RIGHT_DEVICE_CONNECT, 8u, "DeviceConnect")

enum vd_right {
#define VD_RIGHT_ENUM(name, bit, text) name = bit,
    VD_RIGHTS(VD_RIGHT_ENUM)
#undef VD_RIGHT_ENUM
};

#define VD_RIGHTS_ALL 15u

/* All four with ", " between, and a NUL. */
#define VD_RIGHTS_TEXT_SIZE 64

/* Names of policies and of CA certificates: 1 to 64 letters, digits and - . _ */
#define VD_NAME_MAX 64

struct vd_policy {
    char name[VD_NAME_MAX + 1];
    uint32_t rights; /* enum vd_right, at least one */
    struct vd_key primary_key;
    struct vd_key secondary_key;
    uint64_t etag; /* as an identity's */
};

/* A verification code: 64 upper-case hex digits and a NUL. */
#define VD_VERIFICATION_CODE_SIZE 65

struct vd_ca_certificate {
    char name[VD_NAME_MAX + 1];
    uint8_t der[VD_HUB_CA_MAX_BYTES];
    size_t der_length;
    bool is_verified; /* proven, or said, to be in the owner's hands: devices may lean on it */
    char verification_code
        [VD_VERIFICATION_CODE_SIZE]; /* the CN that proves possession; "": none was asked for */
    uint64_t etag;                   /* as an identity's */
    int64_t created_ms;              /* UTC */
    int64_t updated_ms;
};

/* What the bearer of a token may do: X(name, stored value, name). Each may what those before it may. */
#define VD_ROLES(X)                          \
    X(VD_ROLE_READER, 1, "reader")           \
    X(VD_ROLE_CONTRIBUTOR, 2, "contributor") \
    X(VD_ROLE_OWNER, 3, "owner")

enum vd_role {
#define VD_ROLE_ENUM(name, value, text) name = value,
    VD_ROLES(VD_ROLE_ENUM)
#undef VD_ROLE_ENUM
};

#define VD_TOKEN_HASH_BYTES 32
#define VD_TOKEN_MAKER_MAX  64

/* A bearer token, see hub/token.h; the token itself is not kept. */
struct vd_token {
    char name[VD_NAME_MAX + 1];
    enum vd_role role;
    uint8_t hash[VD_TOKEN_HASH_BYTES];       /* SHA-256 of its text */
    char created_by[VD_TOKEN_MAKER_MAX + 1]; /* who made it, as he is called there; may be empty */
    int64_t created_ms;                      /* UTC */
    int64_t expires_ms;                      /* 0: never */
    int64_t last_used_ms;                    /* to the minute; 0: never */
};

/* Settings and policies that change together or not at all. */
struct vd_setting_change {
    const char *name; /* as for setting_put */
    struct vd_str value;
    uint64_t etag; /* exactly that must be there, 0: nothing; set to the new one */
};

struct vd_registry_change {
    struct vd_setting_change *settings;
    size_t setting_count;
    /* NULL: policies stay. Else all that there will be; each with the etag that must be there (0: none of that name),
     * set to the new one. Those with the rights and keys that are there already keep theirs. */
    struct vd_policy *policies;
    size_t policy_count;
};

/* Any thread; calls block for the disk. Keys are encrypted at rest. Outputs are untouched on failure.
 * expected_etag  the etag that must be there, 0: whatever is. VD_E_CHANGED: another one is. */
struct sqlite3;
struct vd_registry;

struct vd_registry_ops {
    /* Stores a new identity as given (created_ms, status_updated_ms, etag and generation_id are set here). VD_E_EXISTS,
     * VD_E_INVALID for ids, keys or thumbprints other than said above; a module without its device: VD_E_NOT_FOUND. */
    int (*create)(struct vd_registry *registry, struct vd_identity *identity);
    /* Replaces status, reason and credentials of the identity with these ids; sets the other members to what is stored.
     * VD_E_NOT_FOUND, VD_E_CHANGED, VD_E_INVALID. */
    int (*update)(
        struct vd_registry *registry, struct vd_identity *identity, uint64_t expected_etag);
    /* module_id may be NULL for "". VD_E_NOT_FOUND. */
    int (*get)(struct vd_registry *registry, const char *device_id, const char *module_id,
        struct vd_identity *out);
    /* Calls `each` for every identity in the order of device id, module id (bytes), until it returns false. It may call
     * the registry.
     * after_device_id, after_module_id  begin behind these ids, there or not (NULL: at the first; NULL module: "") */
    int (*list)(struct vd_registry *registry, const char *after_device_id,
        const char *after_module_id,
        bool (*each)(void *context, const struct vd_identity *identity), void *context);
    /* Likewise for devices, without their modules, that are enabled, or those that are not: no others are looked at. */
    int (*list_by_status)(struct vd_registry *registry, bool enabled, const char *after_device_id,
        bool (*each)(void *context, const struct vd_identity *identity), void *context);
    /* Removes the identity; of a device also its modules. VD_E_NOT_FOUND, VD_E_CHANGED. */
    int (*remove)(struct vd_registry *registry, const char *device_id, const char *module_id,
        uint64_t expected_etag);
    /* Devices without their modules: all, enabled, disabled. Walks an index: 50 ms a million. */
    int (*count)(
        struct vd_registry *registry, uint64_t *devices, uint64_t *enabled, uint64_t *disabled);

    /* VD_E_NOT_FOUND. */
    int (*policy_get)(struct vd_registry *registry, const char *name, struct vd_policy *out);
    /* In the order of the names (bytes), until `each` returns false; it may call the registry. */
    int (*policy_list)(struct vd_registry *registry,
        bool (*each)(void *context, const struct vd_policy *policy), void *context);
    /* Makes or replaces (expected_etag other than 0: replaces) the policy of that name; sets etag. VD_E_INVALID, VD_E_LIMIT
     * beyond VD_HUB_POLICIES_MAX, VD_E_NOT_FOUND, VD_E_CHANGED. */
    int (*policy_put)(
        struct vd_registry *registry, struct vd_policy *policy, uint64_t expected_etag);
    int (*policy_remove)(struct vd_registry *registry, const char *name, uint64_t expected_etag);

    /* As for policies. What `der` holds is for the caller to check; etag, created_ms and updated_ms are set here. */
    int (*ca_get)(struct vd_registry *registry, const char *name, struct vd_ca_certificate *out);
    int (*ca_list)(struct vd_registry *registry,
        bool (*each)(void *context, const struct vd_ca_certificate *certificate), void *context);
    int (*ca_put)(struct vd_registry *registry, struct vd_ca_certificate *certificate,
        uint64_t expected_etag);
    int (*ca_remove)(struct vd_registry *registry, const char *name, uint64_t expected_etag);

    /* A setting of the hub, text under a name of VD_NAME_MAX. Appends its value. VD_E_NOT_FOUND. */
    int (*setting_get)(
        struct vd_registry *registry, const char *name, struct vd_buf *value, uint64_t *etag);
    /* Makes or replaces it, as for policies; VD_E_LIMIT beyond VD_HUB_SETTING_MAX_BYTES. *etag is the new one. */
    int (*setting_put)(struct vd_registry *registry, const char *name, struct vd_str value,
        uint64_t expected_etag, uint64_t *etag);

    /* VD_E_INVALID, VD_E_LIMIT, VD_E_CHANGED: an etag is another; then nothing is changed, *change neither. */
    int (*change)(struct vd_registry *registry, struct vd_registry_change *change);

    /* Stores a new token; created_ms is set here. VD_E_EXISTS, VD_E_INVALID, VD_E_LIMIT beyond VD_HUB_TOKENS_MAX. */
    int (*token_create)(struct vd_registry *registry, struct vd_token *token);
    /* VD_E_NOT_FOUND. */
    int (*token_get)(struct vd_registry *registry, const char *name, struct vd_token *out);
    /* As for policies. */
    int (*token_list)(struct vd_registry *registry,
        bool (*each)(void *context, const struct vd_token *token), void *context);
    /* Notes when a token was used; one that is gone is not an error. */
    int (*token_used)(struct vd_registry *registry, const char *name, int64_t used_ms);
    /* VD_E_NOT_FOUND. */
    int (*token_remove)(struct vd_registry *registry, const char *name);

    /* Another number after whatever was committed; of one opening. */
    int (*revision)(struct vd_registry *registry, int64_t *revision);

    void (*close)(struct vd_registry *registry);
};

struct vd_registry {
    const struct vd_registry_ops *ops;
};

/*
 * Opens the SQLite file `path` (made, mode 0600, if absent). Several processes may have it open. A new one, and one of an
 * older version, gets the standard policies iothubowner, service, device, registryRead and registryReadWrite with random
 * keys; an older one is brought to today's version in one transaction.
 * master_key  encrypts the keys at rest (AES-256-GCM); copied. A registry made with another master key: VD_E_DENIED.
 * VD_E_NEWER, VD_E_CORRUPT, VD_E_IO, VD_E_FULL.
 */
VD_NODISCARD int vd_registry_sqlite_open(
    const char *path, const uint8_t master_key[32], struct vd_registry **out);

VD_NODISCARD int vd_registry_create(struct vd_registry *registry, struct vd_identity *identity);
VD_NODISCARD int vd_registry_update(
    struct vd_registry *registry, struct vd_identity *identity, uint64_t expected_etag);
VD_NODISCARD int vd_registry_get(struct vd_registry *registry, const char *device_id,
    const char *module_id, struct vd_identity *out);
VD_NODISCARD int vd_registry_list(struct vd_registry *registry, const char *after_device_id,
    const char *after_module_id, bool (*each)(void *context, const struct vd_identity *identity),
    void *context);
VD_NODISCARD int vd_registry_list_by_status(struct vd_registry *registry, bool enabled,
    const char *after_device_id, bool (*each)(void *context, const struct vd_identity *identity),
    void *context);
VD_NODISCARD int vd_registry_remove(struct vd_registry *registry, const char *device_id,
    const char *module_id, uint64_t expected_etag);
VD_NODISCARD int vd_registry_count(
    struct vd_registry *registry, uint64_t *devices, uint64_t *enabled, uint64_t *disabled);

VD_NODISCARD int vd_registry_policy_get(
    struct vd_registry *registry, const char *name, struct vd_policy *out);
VD_NODISCARD int vd_registry_policy_list(struct vd_registry *registry,
    bool (*each)(void *context, const struct vd_policy *policy), void *context);
VD_NODISCARD int vd_registry_policy_put(
    struct vd_registry *registry, struct vd_policy *policy, uint64_t expected_etag);
VD_NODISCARD int vd_registry_policy_remove(
    struct vd_registry *registry, const char *name, uint64_t expected_etag);

VD_NODISCARD int vd_registry_ca_get(
    struct vd_registry *registry, const char *name, struct vd_ca_certificate *out);
VD_NODISCARD int vd_registry_ca_list(struct vd_registry *registry,
    bool (*each)(void *context, const struct vd_ca_certificate *certificate), void *context);
VD_NODISCARD int vd_registry_ca_put(
    struct vd_registry *registry, struct vd_ca_certificate *certificate, uint64_t expected_etag);
VD_NODISCARD int vd_registry_ca_remove(
    struct vd_registry *registry, const char *name, uint64_t expected_etag);

VD_NODISCARD int vd_registry_setting_get(
    struct vd_registry *registry, const char *name, struct vd_buf *value, uint64_t *etag);
/* The same of the file, opened by somebody who may not know its keys; appended to `value`. */
VD_NODISCARD int vd_registry_file_setting(
    struct sqlite3 *db, const char *name, struct vd_buf *value);
VD_NODISCARD int vd_registry_setting_put(struct vd_registry *registry, const char *name,
    struct vd_str value, uint64_t expected_etag, uint64_t *etag);

VD_NODISCARD int vd_registry_change(
    struct vd_registry *registry, struct vd_registry_change *change);

VD_NODISCARD int vd_registry_token_create(struct vd_registry *registry, struct vd_token *token);
VD_NODISCARD int vd_registry_token_get(
    struct vd_registry *registry, const char *name, struct vd_token *out);
VD_NODISCARD int vd_registry_token_list(struct vd_registry *registry,
    bool (*each)(void *context, const struct vd_token *token), void *context);
VD_NODISCARD int vd_registry_token_used(
    struct vd_registry *registry, const char *name, int64_t used_ms);
VD_NODISCARD int vd_registry_token_remove(struct vd_registry *registry, const char *name);

VD_NODISCARD int vd_registry_revision(struct vd_registry *registry, int64_t *revision);

/* NULL is allowed. */
void vd_registry_close(struct vd_registry *registry);

/* ---- What holds for every registry. Any thread, no blocking. ---- */

/* Ids, credentials and reason are as struct vd_identity says. */
bool vd_identity_is_valid(const struct vd_identity *identity);
/* 1 to VD_NAME_MAX letters, digits and - . _ */
bool vd_name_is_valid(const char *name);
bool vd_policy_is_valid(const struct vd_policy *policy);
/* Name, length and verification code; not what the certificate says. */
bool vd_ca_certificate_is_valid(const struct vd_ca_certificate *certificate);

/* The name on the wire. */
const char *vd_auth_type_name(enum vd_auth_type type);
/* The reverse, exact letters. False leaves *type untouched. */
bool vd_auth_type_parse(struct vd_str name, enum vd_auth_type *type);

/* Text of an identity's ETag, without quotes. A re-created identity is another one: its generation is part of it. */
#define VD_IDENTITY_ETAG_SIZE 32
void vd_identity_etag(const struct vd_identity *identity, char out[VD_IDENTITY_ETAG_SIZE]);

/* 40 or 64 hex digits in either case, as upper case into `out`. False leaves it untouched. */
bool vd_thumbprint_parse(struct vd_str text, char out[VD_THUMBPRINT_SIZE]);

/* True if the policy grants `right`. Who may write the registry may read it. */
bool vd_policy_allows(const struct vd_policy *policy, enum vd_right right);
/* "RegistryWrite, ServiceConnect" */
void vd_rights_format(uint32_t rights, char out[VD_RIGHTS_TEXT_SIZE]);
/* The reverse: names in any order, each once, parted by a comma and spaces. False leaves *rights untouched. */
bool vd_rights_parse(struct vd_str text, uint32_t *rights);

/* Name, role and times. */
bool vd_token_is_valid(const struct vd_token *token);
const char *vd_role_name(enum vd_role role);
/* The reverse, exact letters. False leaves *role untouched. */
bool vd_role_parse(struct vd_str name, enum vd_role *role);

/* Of the SQLite implementation's file. */
extern const struct vd_sqlite_format vd_registry_format;

#endif
