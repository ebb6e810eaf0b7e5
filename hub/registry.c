/* SPDX-License-Identifier: MIT */
/* Hands each call of the registry to its implementation, and says what holds for every one of them. */

#include "hub/registry.h"

#include <inttypes.h>

#include "lib/damage.h"
#include "lib/uuid.h"

static int noted(int error)
{
    return vd_damage_note(VD_DAMAGE_REGISTRY, error);
}

int vd_registry_create(struct vd_registry *registry, struct vd_identity *identity)
{
    return noted(registry->ops->create(registry, identity));
}

int vd_registry_update(
    struct vd_registry *registry, struct vd_identity *identity, uint64_t expected_etag)
{
    return noted(registry->ops->update(registry, identity, expected_etag));
}

int vd_registry_get(struct vd_registry *registry, const char *device_id, const char *module_id,
    struct vd_identity *out)
{
    return noted(registry->ops->get(registry, device_id, module_id, out));
}

int vd_registry_list(struct vd_registry *registry, const char *after_device_id,
    const char *after_module_id, bool (*each)(void *context, const struct vd_identity *identity),
    void *context)
{
    return noted(registry->ops->list(registry, after_device_id, after_module_id, each, context));
}

int vd_registry_list_by_status(struct vd_registry *registry, bool enabled,
    const char *after_device_id, bool (*each)(void *context, const struct vd_identity *identity),
    void *context)
{
    return noted(registry->ops->list_by_status(registry, enabled, after_device_id, each, context));
}

int vd_registry_remove(struct vd_registry *registry, const char *device_id, const char *module_id,
    uint64_t expected_etag)
{
    return noted(registry->ops->remove(registry, device_id, module_id, expected_etag));
}

int vd_registry_count(
    struct vd_registry *registry, uint64_t *devices, uint64_t *enabled, uint64_t *disabled)
{
    return noted(registry->ops->count(registry, devices, enabled, disabled));
}

int vd_registry_policy_get(struct vd_registry *registry, const char *name, struct vd_policy *out)
{
    return noted(registry->ops->policy_get(registry, name, out));
}

int vd_registry_policy_list(struct vd_registry *registry,
    bool (*each)(void *context, const struct vd_policy *policy), void *context)
{
    return noted(registry->ops->policy_list(registry, each, context));
}

int vd_registry_policy_put(
    struct vd_registry *registry, struct vd_policy *policy, uint64_t expected_etag)
{
    return noted(registry->ops->policy_put(registry, policy, expected_etag));
}

int vd_registry_policy_remove(
    struct vd_registry *registry, const char *name, uint64_t expected_etag)
{
    return noted(registry->ops->policy_remove(registry, name, expected_etag));
}

int vd_registry_ca_get(
    struct vd_registry *registry, const char *name, struct vd_ca_certificate *out)
{
    return noted(registry->ops->ca_get(registry, name, out));
}

int vd_registry_ca_list(struct vd_registry *registry,
    bool (*each)(void *context, const struct vd_ca_certificate *certificate), void *context)
{
    return noted(registry->ops->ca_list(registry, each, context));
}

int vd_registry_ca_put(
    struct vd_registry *registry, struct vd_ca_certificate *certificate, uint64_t expected_etag)
{
    return noted(registry->ops->ca_put(registry, certificate, expected_etag));
}

int vd_registry_ca_remove(struct vd_registry *registry, const char *name, uint64_t expected_etag)
{
    return noted(registry->ops->ca_remove(registry, name, expected_etag));
}

int vd_registry_setting_get(
    struct vd_registry *registry, const char *name, struct vd_buf *value, uint64_t *etag)
{
    return noted(registry->ops->setting_get(registry, name, value, etag));
}

int vd_registry_setting_put(struct vd_registry *registry, const char *name, struct vd_str value,
    uint64_t expected_etag, uint64_t *etag)
{
    return noted(registry->ops->setting_put(registry, name, value, expected_etag, etag));
}

int vd_registry_change(struct vd_registry *registry, struct vd_registry_change *change)
{
    return noted(registry->ops->change(registry, change));
}

int vd_registry_token_create(struct vd_registry *registry, struct vd_token *token)
{
    return noted(registry->ops->token_create(registry, token));
}

int vd_registry_token_get(struct vd_registry *registry, const char *name, struct vd_token *out)
{
    return noted(registry->ops->token_get(registry, name, out));
}

int vd_registry_token_list(struct vd_registry *registry,
    bool (*each)(void *context, const struct vd_token *token), void *context)
{
    return noted(registry->ops->token_list(registry, each, context));
}

int vd_registry_token_used(struct vd_registry *registry, const char *name, int64_t used_ms)
{
    return noted(registry->ops->token_used(registry, name, used_ms));
}

int vd_registry_revision(struct vd_registry *registry, int64_t *revision)
{
    return noted(registry->ops->revision(registry, revision));
}

int vd_registry_token_remove(struct vd_registry *registry, const char *name)
{
    return noted(registry->ops->token_remove(registry, name));
}

void vd_registry_close(struct vd_registry *registry)
{
    if (registry != NULL) {
        registry->ops->close(registry);
    }
}

/* ---- What holds for every registry ---- */

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool vd_name_is_valid(const char *name)
{
    size_t length = strnlen(name, VD_NAME_MAX + 1);

    for (size_t i = 0; i < length; i++) {
        if (!is_letter_or_digit(name[i]) && name[i] != '-' && name[i] != '.' && name[i] != '_') {
            return false;
        }
    }
    return length >= 1 && length <= VD_NAME_MAX;
}

static bool key_is_there(const struct vd_key *key)
{
    return key->length >= VD_KEY_MIN_BYTES && key->length <= VD_KEY_MAX_BYTES;
}

static bool is_upper_hex(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!(text[i] >= '0' && text[i] <= '9') && !(text[i] >= 'A' && text[i] <= 'F')) {
            return false;
        }
    }
    return true;
}

/* "" too. */
static bool thumbprint_is_valid(const char *text)
{
    size_t length = strnlen(text, VD_THUMBPRINT_SIZE);

    return (length == 0 || length == 40 || length == 64) && is_upper_hex(text, length);
}

static bool credentials_are_valid(const struct vd_identity *identity)
{
    bool primary = identity->thumbprints[0][0] != '\0';
    bool secondary = identity->thumbprints[1][0] != '\0';
    bool keys_may_lack = identity->auth_type != VD_AUTH_SAS;

    if (identity->auth_type != VD_AUTH_SAS && identity->auth_type != VD_AUTH_THUMBPRINT &&
        identity->auth_type != VD_AUTH_CA) {
        return false;
    }
    if ((primary || secondary) != (identity->auth_type == VD_AUTH_THUMBPRINT)) {
        return false;
    }
    return thumbprint_is_valid(identity->thumbprints[0]) &&
        thumbprint_is_valid(identity->thumbprints[1]) &&
        (key_is_there(&identity->primary_key) ||
            (keys_may_lack && identity->primary_key.length == 0)) &&
        (key_is_there(&identity->secondary_key) ||
            (keys_may_lack && identity->secondary_key.length == 0));
}

bool vd_identity_is_valid(const struct vd_identity *identity)
{
    size_t module_length = strnlen(identity->module_id, sizeof identity->module_id);

    return vd_device_id_is_valid(
               identity->device_id, strnlen(identity->device_id, sizeof identity->device_id)) &&
        (module_length == 0 || vd_device_id_is_valid(identity->module_id, module_length)) &&
        strnlen(identity->status_reason, sizeof identity->status_reason) <= VD_STATUS_REASON_MAX &&
        credentials_are_valid(identity);
}

bool vd_policy_is_valid(const struct vd_policy *policy)
{
    return vd_name_is_valid(policy->name) && policy->rights != 0 &&
        (policy->rights & ~VD_RIGHTS_ALL) == 0 && key_is_there(&policy->primary_key) &&
        key_is_there(&policy->secondary_key);
}

bool vd_ca_certificate_is_valid(const struct vd_ca_certificate *certificate)
{
    size_t code_length =
        strnlen(certificate->verification_code, sizeof certificate->verification_code);

    return vd_name_is_valid(certificate->name) && certificate->der_length > 0 &&
        certificate->der_length <= sizeof certificate->der &&
        (code_length == 0 || code_length == VD_VERIFICATION_CODE_SIZE - 1) &&
        is_upper_hex(certificate->verification_code, code_length);
}

void vd_identity_etag(const struct vd_identity *identity, char out[VD_IDENTITY_ETAG_SIZE])
{
    snprintf(out, VD_IDENTITY_ETAG_SIZE, "%.8s%" PRIx64, identity->generation_id, identity->etag);
}

const char *vd_auth_type_name(enum vd_auth_type type)
{
    switch (type) {
#define VD_AUTH_TYPE_CASE(name, value, text) \
    case name:                               \
        return text;
        VD_AUTH_TYPES(VD_AUTH_TYPE_CASE)
#undef VD_AUTH_TYPE_CASE
    }
    return "";
}

bool vd_auth_type_parse(struct vd_str name, enum vd_auth_type *type)
{
    static const enum vd_auth_type types[] = {
#define VD_AUTH_TYPE_ITEM(name_, value, text) name_,
        VD_AUTH_TYPES(VD_AUTH_TYPE_ITEM)
#undef VD_AUTH_TYPE_ITEM
    };

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (vd_str_equal_text(name, vd_auth_type_name(types[i]))) {
            *type = types[i];
            return true;
        }
    }
    return false;
}

bool vd_thumbprint_parse(struct vd_str text, char out[VD_THUMBPRINT_SIZE])
{
    char upper[VD_THUMBPRINT_SIZE] = "";

    if (text.length != 40 && text.length != 64) {
        return false;
    }
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];

        upper[i] = (char)(c >= 'a' && c <= 'f' ? c - 'a' + 'A' : c);
    }
    if (!is_upper_hex(upper, text.length)) {
        return false;
    }
    memcpy(out, upper, sizeof upper);
    return true;
}

bool vd_policy_allows(const struct vd_policy *policy, enum vd_right right)
{
    uint32_t rights = policy->rights;

    if ((rights & VD_RIGHT_REGISTRY_WRITE) != 0) {
        rights |= VD_RIGHT_REGISTRY_READ;
    }
    return (rights & (uint32_t)right) != 0;
}

static const struct {
    uint32_t bit;
    const char *text;
} right_names[] = {
#define VD_RIGHT_ITEM(name, bit, text) {bit, text},
    VD_RIGHTS(VD_RIGHT_ITEM)
#undef VD_RIGHT_ITEM
};

#define RIGHT_NAMES (sizeof right_names / sizeof right_names[0])

void vd_rights_format(uint32_t rights, char out[VD_RIGHTS_TEXT_SIZE])
{
    size_t length = 0;

    out[0] = '\0';
    for (size_t i = 0; i < RIGHT_NAMES; i++) {
        if ((rights & right_names[i].bit) != 0) {
            length += (size_t)snprintf(out + length, VD_RIGHTS_TEXT_SIZE - length, "%s%s",
                length > 0 ? ", " : "", right_names[i].text);
        }
    }
}

/* 0 for a name that is none. */
static uint32_t right_named(struct vd_str name)
{
    for (size_t i = 0; i < RIGHT_NAMES; i++) {
        if (vd_str_equal_text(name, right_names[i].text)) {
            return right_names[i].bit;
        }
    }
    return 0;
}

bool vd_rights_parse(struct vd_str text, uint32_t *rights)
{
    uint32_t read = 0;
    bool more;

    do {
        const char *comma = text.length > 0 ? memchr(text.data, ',', text.length) : NULL;
        struct vd_str name = {text.data, comma != NULL ? (size_t)(comma - text.data) : text.length};
        size_t taken = name.length;
        uint32_t bit;

        more = comma != NULL;
        text.data += taken + (more ? 1 : 0);
        text.length -= taken + (more ? 1 : 0);
        while (name.length > 0 && name.data[0] == ' ') {
            name.data++;
            name.length--;
        }
        while (name.length > 0 && name.data[name.length - 1] == ' ') {
            name.length--;
        }
        bit = right_named(name);
        if (bit == 0 || (read & bit) != 0) {
            return false;
        }
        read |= bit;
    } while (more);
    *rights = read;
    return true;
}

bool vd_token_is_valid(const struct vd_token *token)
{
    return vd_name_is_valid(token->name) && vd_role_name(token->role)[0] != '\0' &&
        strnlen(token->created_by, sizeof token->created_by) <= VD_TOKEN_MAKER_MAX &&
        token->expires_ms >= 0 && token->last_used_ms >= 0;
}

const char *vd_role_name(enum vd_role role)
{
    switch (role) {
#define VD_ROLE_CASE(name, value, text) \
    case name:                          \
        return text;
        VD_ROLES(VD_ROLE_CASE)
#undef VD_ROLE_CASE
    }
    return "";
}

bool vd_role_parse(struct vd_str name, enum vd_role *role)
{
    static const enum vd_role roles[] = {
#define VD_ROLE_ITEM(name_, value, text) name_,
        VD_ROLES(VD_ROLE_ITEM)
#undef VD_ROLE_ITEM
    };

    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        if (vd_str_equal_text(name, vd_role_name(roles[i]))) {
            *role = roles[i];
            return true;
        }
    }
    return false;
}
