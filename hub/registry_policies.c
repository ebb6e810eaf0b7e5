/* SPDX-License-Identifier: MIT */
/* The SQLite registry's shared access policies. */

#include <openssl/crypto.h>

#include "hub/registry_sqlite.h"

/* Bytes of the keys that we make. */
#define KEY_MADE_BYTES 32

#define BOUND_BYTES (sizeof "policy" + VD_NAME_MAX + 1)

/* What a policy's keys are sealed to: "policy", a NUL, its name and a NUL. */
static struct vd_str bound_of(const char *name, char out[BOUND_BYTES])
{
    size_t length = strnlen(name, VD_NAME_MAX);

    memcpy(out, "policy", sizeof "policy");
    memcpy(out + sizeof "policy", name, length);
    out[sizeof "policy" + length] = '\0';
    return (struct vd_str){out, sizeof "policy" + length + 1};
}

static int policy_from_row(
    const struct sqlite_registry *self, sqlite3_stmt *row, struct vd_policy *out)
{
    struct vd_policy policy = {0};
    char bound[BOUND_BYTES];
    int error = vd_registry_column_text(row, 0, policy.name, sizeof policy.name);

    if (error == VD_OK) {
        policy.rights = (uint32_t)sqlite3_column_int64(row, 1);
        policy.etag = (uint64_t)sqlite3_column_int64(row, 3);
        error =
            vd_registry_open_keys(self, bound_of(policy.name, bound), sqlite3_column_blob(row, 2),
                sqlite3_column_bytes(row, 2), &policy.primary_key, &policy.secondary_key);
    }
    if (error == VD_OK && !vd_policy_is_valid(&policy)) {
        error = VD_E_CORRUPT;
    }
    if (error == VD_OK) {
        *out = policy;
    }
    vd_secret_wipe(&policy, sizeof policy);
    return error;
}

/* With the lock held: the policy of that name, or the one behind it. */
static int policy_find(struct sqlite_registry *self, enum registry_statement which,
    const char *name, struct vd_policy *out)
{
    sqlite3_stmt *statement = self->statements[which];
    int result;
    int error;

    vd_registry_bind_text(statement, 1, name);
    result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        error = policy_from_row(self, statement, out);
    } else {
        error = result == SQLITE_DONE ? VD_E_NOT_FOUND : vd_sqlite_error(result);
    }
    vd_registry_reset(statement);
    return error;
}

int vd_registry_sqlite_policy_get(
    struct vd_registry *registry, const char *name, struct vd_policy *out)
{
    struct sqlite_registry *self = vd_registry_reader(registry);
    int error;

    pthread_mutex_lock(&self->lock);
    error = policy_find(self, REGISTRY_POLICY_GET, name, out);
    pthread_mutex_unlock(&self->lock);
    return error;
}

int vd_registry_sqlite_policy_list(struct vd_registry *registry,
    bool (*each)(void *context, const struct vd_policy *policy), void *context)
{
    struct sqlite_registry *self = vd_registry_self(registry);
    struct vd_policy policy = {0};
    int error;

    do {
        char after[VD_NAME_MAX + 1];

        memcpy(after, policy.name, sizeof after);
        pthread_mutex_lock(&self->lock);
        error = policy_find(self, REGISTRY_POLICY_NEXT, after, &policy);
        pthread_mutex_unlock(&self->lock);
    } while (error == VD_OK && each(context, &policy));
    vd_secret_wipe(&policy, sizeof policy);
    return error == VD_E_NOT_FOUND ? VD_OK : error;
}

static int write_policy(
    const struct sqlite_registry *self, sqlite3_stmt *statement, const struct vd_policy *policy)
{
    uint8_t sealed[REGISTRY_SEALED_BYTES];
    char bound[BOUND_BYTES];
    int error = vd_registry_seal_keys(
        self, bound_of(policy->name, bound), &policy->primary_key, &policy->secondary_key, sealed);

    if (error != VD_OK) {
        return error;
    }
    vd_registry_bind_text(statement, 1, policy->name);
    sqlite3_bind_int64(statement, 2, policy->rights);
    sqlite3_bind_blob(statement, 3, sealed, REGISTRY_SEALED_BYTES, SQLITE_TRANSIENT);
    sqlite3_bind_int64(statement, 4, (int64_t)policy->etag);
    return vd_registry_run(statement);
}

int vd_registry_has_room(struct sqlite_registry *self, enum registry_statement counting, int max)
{
    sqlite3_stmt *statement = self->statements[counting];
    int result = sqlite3_step(statement);
    int count = result == SQLITE_ROW ? sqlite3_column_int(statement, 0) : 0;

    vd_registry_reset(statement);
    if (result != SQLITE_ROW) {
        return vd_sqlite_error(result);
    }
    return count >= max ? VD_E_LIMIT : VD_OK;
}

int vd_registry_may_put(struct sqlite_registry *self, int error, uint64_t etag,
    uint64_t expected_etag, enum registry_statement counting, int max)
{
    if (error == VD_E_NOT_FOUND && expected_etag == 0) {
        return vd_registry_has_room(self, counting, max);
    }
    return error == VD_OK ? vd_registry_expect(expected_etag, etag) : error;
}

int vd_registry_sqlite_policy_put(
    struct vd_registry *registry, struct vd_policy *policy, uint64_t expected_etag)
{
    struct sqlite_registry *self = vd_registry_self(registry);
    struct vd_policy stored = {0};
    struct vd_policy made = *policy;
    int error = vd_policy_is_valid(policy) ? vd_registry_begin(self) : VD_E_INVALID;

    if (error != VD_OK) {
        goto out;
    }
    error = policy_find(self, REGISTRY_POLICY_GET, policy->name, &stored);
    error = vd_registry_may_put(
        self, error, stored.etag, expected_etag, REGISTRY_POLICY_COUNT, VD_HUB_POLICIES_MAX);
    if (error == VD_OK) {
        made.etag = stored.etag + 1;
        error = write_policy(self, self->statements[REGISTRY_POLICY_PUT], &made);
    }
    error = vd_registry_end(self, error);
    if (error == VD_OK) {
        *policy = made;
    }
out:
    vd_secret_wipe(&stored, sizeof stored);
    vd_secret_wipe(&made, sizeof made);
    return error;
}

int vd_registry_remove_named(struct sqlite_registry *self, enum registry_statement which,
    const char *name, uint64_t etag, uint64_t expected_etag)
{
    sqlite3_stmt *statement = self->statements[which];
    int error = vd_registry_expect(expected_etag, etag);

    if (error == VD_OK) {
        vd_registry_bind_text(statement, 1, name);
        error = vd_registry_run(statement);
    }
    return error;
}

int vd_registry_sqlite_policy_remove(
    struct vd_registry *registry, const char *name, uint64_t expected_etag)
{
    struct sqlite_registry *self = vd_registry_self(registry);
    struct vd_policy stored = {0};
    int error = vd_registry_begin(self);

    if (error != VD_OK) {
        return error;
    }
    error = policy_find(self, REGISTRY_POLICY_GET, name, &stored);
    if (error == VD_OK) {
        error = vd_registry_remove_named(
            self, REGISTRY_POLICY_REMOVE, name, stored.etag, expected_etag);
    }
    vd_secret_wipe(&stored, sizeof stored);
    return vd_registry_end(self, error);
}

static bool same_key(const struct vd_key *a, const struct vd_key *b)
{
    return a->length == b->length && CRYPTO_memcmp(a->bytes, b->bytes, a->length) == 0;
}

/* Within a transaction. */
static int change_policy(struct sqlite_registry *self, struct vd_policy *policy)
{
    struct vd_policy stored = {0};
    int error = policy_find(self, REGISTRY_POLICY_GET, policy->name, &stored);

    if (error == VD_E_NOT_FOUND) {
        error = VD_OK;
    }
    if (error == VD_OK && stored.etag != policy->etag) {
        error = VD_E_CHANGED;
    }
    if (error == VD_OK &&
        (stored.etag == 0 || stored.rights != policy->rights ||
            !same_key(&stored.primary_key, &policy->primary_key) ||
            !same_key(&stored.secondary_key, &policy->secondary_key))) {
        policy->etag = stored.etag + 1;
        error = write_policy(self, self->statements[REGISTRY_POLICY_PUT], policy);
    }
    vd_secret_wipe(&stored, sizeof stored);
    return error;
}

static bool is_named(const struct vd_policy *policies, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(policies[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Within a transaction: removes those that are none of these. */
static int remove_others(
    struct sqlite_registry *self, const struct vd_policy *policies, size_t count)
{
    struct vd_policy policy = {0};
    int error;

    while ((error = policy_find(self, REGISTRY_POLICY_NEXT, policy.name, &policy)) == VD_OK) {
        if (!is_named(policies, count, policy.name)) {
            error =
                vd_registry_remove_named(self, REGISTRY_POLICY_REMOVE, policy.name, policy.etag, 0);
        }
        if (error != VD_OK) {
            break;
        }
    }
    vd_secret_wipe(&policy, sizeof policy);
    return error == VD_E_NOT_FOUND ? VD_OK : error;
}

int vd_registry_change_policies(
    struct sqlite_registry *self, struct vd_policy *policies, size_t count)
{
    int error = remove_others(self, policies, count);

    for (size_t i = 0; error == VD_OK && i < count; i++) {
        error = change_policy(self, &policies[i]);
    }
    return error;
}

int vd_registry_seed_policies(struct sqlite_registry *self)
{
    static const struct {
        const char *name;
        uint32_t rights;
    } standard[] = {
        {"iothubowner",
            VD_RIGHT_REGISTRY_WRITE | VD_RIGHT_SERVICE_CONNECT | VD_RIGHT_DEVICE_CONNECT},
        {"service", VD_RIGHT_SERVICE_CONNECT},
        {"device", VD_RIGHT_DEVICE_CONNECT},
        {"registryRead", VD_RIGHT_REGISTRY_READ},
        {"registryReadWrite", VD_RIGHT_REGISTRY_WRITE},
    };
    static const char sql[] =
        "INSERT INTO policy (name, rights, keys, etag) VALUES (?1, ?2, ?3, ?4)";
    sqlite3_stmt *statement = NULL;
    int error = vd_sqlite_error(sqlite3_prepare_v2(self->db, sql, -1, &statement, NULL));

    for (size_t i = 0; error == VD_OK && i < sizeof standard / sizeof standard[0]; i++) {
        struct vd_policy policy = {.rights = standard[i].rights, .etag = 1};

        policy.primary_key.length = KEY_MADE_BYTES;
        policy.secondary_key.length = KEY_MADE_BYTES;
        error = vd_text_copy(standard[i].name, policy.name, sizeof policy.name);
        if (error == VD_OK) {
            error = vd_secret_random(policy.primary_key.bytes, KEY_MADE_BYTES);
        }
        if (error == VD_OK) {
            error = vd_secret_random(policy.secondary_key.bytes, KEY_MADE_BYTES);
        }
        if (error == VD_OK) {
            error = write_policy(self, statement, &policy);
        }
        vd_secret_wipe(&policy, sizeof policy);
    }
    sqlite3_finalize(statement);
    return error;
}
