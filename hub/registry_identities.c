/* SPDX-License-Identifier: MIT */
/* The SQLite registry's identities. */

#include "hub/registry_sqlite.h"
#include "lib/clock.h"
#include "lib/uuid.h"

/* Identities that a list reads under one lock. */
#define LIST_PAGE 64

#define BOUND_BYTES (2 * (VD_ID_MAX + 1) + VD_UUID_TEXT_SIZE)

/* What an identity's keys are sealed to. */
static struct vd_str bound_of(const struct vd_identity *identity, char out[BOUND_BYTES])
{
    const char *parts[] = {identity->device_id, identity->module_id, identity->generation_id};
    size_t length = 0;

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        size_t with_nul = strlen(parts[i]) + 1;

        memcpy(out + length, parts[i], with_nul);
        length += with_nul;
    }
    return (struct vd_str){out, length};
}

static int seal(const struct sqlite_registry *self, const struct vd_identity *identity,
    uint8_t out[REGISTRY_SEALED_BYTES])
{
    char bound[BOUND_BYTES];

    return vd_registry_seal_keys(
        self, bound_of(identity, bound), &identity->primary_key, &identity->secondary_key, out);
}

static int texts_from_row(sqlite3_stmt *row, struct vd_identity *out)
{
    const struct {
        int column;
        char *out;
        size_t size;
    } texts[] = {
        {0, out->device_id, sizeof out->device_id},
        {1, out->module_id, sizeof out->module_id},
        {2, out->generation_id, sizeof out->generation_id},
        {7, out->thumbprints[0], sizeof out->thumbprints[0]},
        {8, out->thumbprints[1], sizeof out->thumbprints[1]},
        {9, out->status_reason, sizeof out->status_reason},
    };
    int error = VD_OK;

    for (size_t i = 0; error == VD_OK && i < sizeof texts / sizeof texts[0]; i++) {
        error = vd_registry_column_text(row, texts[i].column, texts[i].out, texts[i].size);
    }
    return error;
}

static int identity_from_row(
    const struct sqlite_registry *self, sqlite3_stmt *row, struct vd_identity *out)
{
    struct vd_identity identity = {0};
    char bound[BOUND_BYTES];
    int error = texts_from_row(row, &identity);

    if (error != VD_OK) {
        return error;
    }
    identity.enabled = sqlite3_column_int(row, 3) != 0;
    identity.created_ms = sqlite3_column_int64(row, 4);
    identity.auth_type = (enum vd_auth_type)sqlite3_column_int(row, 6);
    identity.etag = (uint64_t)sqlite3_column_int64(row, 10);
    identity.status_updated_ms = sqlite3_column_int64(row, 11);
    error = vd_registry_open_keys(self, bound_of(&identity, bound), sqlite3_column_blob(row, 5),
        sqlite3_column_bytes(row, 5), &identity.primary_key, &identity.secondary_key);
    if (error == VD_OK && !vd_identity_is_valid(&identity)) {
        error = VD_E_CORRUPT;
    }
    if (error == VD_OK) {
        *out = identity;
    }
    vd_secret_wipe(&identity, sizeof identity);
    return error;
}

/* Binds ?1 to ?12 as both statements that write have them. */
static void bind_identity(sqlite3_stmt *statement, const struct vd_identity *identity,
    const uint8_t sealed[REGISTRY_SEALED_BYTES])
{
    vd_registry_bind_text(statement, 1, identity->device_id);
    vd_registry_bind_text(statement, 2, identity->module_id);
    vd_registry_bind_text(statement, 3, identity->generation_id);
    sqlite3_bind_int(statement, 4, identity->enabled);
    sqlite3_bind_int64(statement, 5, identity->created_ms);
    sqlite3_bind_blob(statement, 6, sealed, REGISTRY_SEALED_BYTES, SQLITE_TRANSIENT);
    sqlite3_bind_int(statement, 7, (int)identity->auth_type);
    vd_registry_bind_text(statement, 8, identity->thumbprints[0]);
    vd_registry_bind_text(statement, 9, identity->thumbprints[1]);
    vd_registry_bind_text(statement, 10, identity->status_reason);
    sqlite3_bind_int64(statement, 11, (int64_t)identity->etag);
    sqlite3_bind_int64(statement, 12, identity->status_updated_ms);
}

int vd_registry_identity_create(struct vd_registry *registry, struct vd_identity *identity)
{
    struct sqlite_registry *self = vd_registry_self(registry);
    sqlite3_stmt *statement = self->statements[REGISTRY_IDENTITY_CREATE];
    uint8_t sealed[REGISTRY_SEALED_BYTES];
    struct vd_identity made;
    struct vd_uuid generation;
    int error;

    if (!vd_identity_is_valid(identity)) {
        return VD_E_INVALID;
    }
    made = *identity;
    made.created_ms = vd_clock_utc_ms();
    made.status_updated_ms = made.created_ms;
    made.etag = 1;
    error = vd_uuid_random(&generation);
    if (error == VD_OK) {
        vd_uuid_format(&generation, made.generation_id);
        error = seal(self, &made, sealed);
    }
    if (error != VD_OK) {
        goto out;
    }
    pthread_mutex_lock(&self->lock);
    bind_identity(statement, &made, sealed);
    error = vd_registry_run(statement);
    if (error == VD_OK && sqlite3_changes(self->db) == 0) {
        error = VD_E_NOT_FOUND; /* a module without its device */
    }
    pthread_mutex_unlock(&self->lock);
    if (error == VD_OK) {
        *identity = made;
    }
out:
    vd_secret_wipe(&made, sizeof made);
    return error;
}

/* With the lock held. */
static int find(struct sqlite_registry *self, const char *device_id, const char *module_id,
    struct vd_identity *out)
{
    sqlite3_stmt *statement = self->statements[REGISTRY_IDENTITY_GET];
    int result;
    int error;

    vd_registry_bind_text(statement, 1, device_id);
    vd_registry_bind_text(statement, 2, module_id != NULL ? module_id : "");
    result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        error = identity_from_row(self, statement, out);
    } else {
        error = result == SQLITE_DONE ? VD_E_NOT_FOUND : vd_sqlite_error(result);
    }
    vd_registry_reset(statement);
    return error;
}

/* Within a transaction. *made holds what is to be, and what is not the caller's is taken from what is stored. */
static int replace(struct sqlite_registry *self, struct vd_identity *made, uint64_t expected_etag)
{
    sqlite3_stmt *statement = self->statements[REGISTRY_IDENTITY_UPDATE];
    uint8_t sealed[REGISTRY_SEALED_BYTES];
    struct vd_identity stored = {0};
    int error = find(self, made->device_id, made->module_id, &stored);

    if (error == VD_OK) {
        error = vd_registry_expect(expected_etag, stored.etag);
    }
    if (error == VD_OK) {
        memcpy(made->generation_id, stored.generation_id, sizeof made->generation_id);
        made->created_ms = stored.created_ms;
        made->etag = stored.etag + 1;
        made->status_updated_ms =
            made->enabled != stored.enabled ? vd_clock_utc_ms() : stored.status_updated_ms;
        error = seal(self, made, sealed);
    }
    if (error == VD_OK) {
        bind_identity(statement, made, sealed);
        error = vd_registry_run(statement);
    }
    vd_secret_wipe(&stored, sizeof stored);
    return error;
}

int vd_registry_identity_update(
    struct vd_registry *registry, struct vd_identity *identity, uint64_t expected_etag)
{
    struct sqlite_registry *self = vd_registry_self(registry);
    struct vd_identity made;
    int error;

    if (!vd_identity_is_valid(identity)) {
        return VD_E_INVALID;
    }
    made = *identity;
    error = vd_registry_begin(self);
    if (error == VD_OK) {
        error = vd_registry_end(self, replace(self, &made, expected_etag));
    }
    if (error == VD_OK) {
        *identity = made;
    }
    vd_secret_wipe(&made, sizeof made);
    return error;
}

int vd_registry_identity_get(struct vd_registry *registry, const char *device_id,
    const char *module_id, struct vd_identity *out)
{
    struct sqlite_registry *self = vd_registry_reader(registry);
    int error;

    pthread_mutex_lock(&self->lock);
    error = find(self, device_id, module_id, out);
    pthread_mutex_unlock(&self->lock);
    return error;
}

/* Which identities are listed. */
struct selection {
    enum registry_statement statement;
    bool enabled; /* of REGISTRY_IDENTITY_LIST_STATUS */
};

/* Reads up to LIST_PAGE identities behind the given ids. */
static int list_page(struct sqlite_registry *self, const struct selection *selection,
    const char *device_id, const char *module_id, struct vd_identity page[LIST_PAGE], size_t *count)
{
    sqlite3_stmt *statement = self->statements[selection->statement];
    int result = SQLITE_DONE;
    int error = VD_OK;
    size_t n = 0;

    pthread_mutex_lock(&self->lock);
    vd_registry_bind_text(statement, 1, device_id);
    sqlite3_bind_int(statement, 3, LIST_PAGE);
    if (selection->statement == REGISTRY_IDENTITY_LIST_STATUS) {
        sqlite3_bind_int(statement, 4, selection->enabled ? 1 : 0);
    } else {
        vd_registry_bind_text(statement, 2, module_id);
    }
    while (error == VD_OK && n < LIST_PAGE && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        error = identity_from_row(self, statement, &page[n]);
        n += error == VD_OK ? 1 : 0;
    }
    if (error == VD_OK) {
        error = vd_sqlite_error(result);
    }
    vd_registry_reset(statement);
    pthread_mutex_unlock(&self->lock);
    *count = n;
    return error;
}

static int list(struct sqlite_registry *self, const struct selection *selection,
    const char *device_id, const char *module_id,
    bool (*each)(void *context, const struct vd_identity *identity), void *context)
{
    struct vd_identity *page = calloc(LIST_PAGE + 1, sizeof *page);
    size_t count = 0;
    bool more = true;
    int error = VD_OK;

    if (page == NULL) {
        return VD_E_NOMEM;
    }
    /* The lock is not held while `each` runs: it may call the registry, and logins go on beside a long list. */
    while (more) {
        error = list_page(self, selection, device_id, module_id, page, &count);
        for (size_t i = 0; error == VD_OK && more && i < count; i++) {
            more = each(context, &page[i]);
        }
        more = more && error == VD_OK && count == LIST_PAGE;
        if (more) {
            page[LIST_PAGE] = page[count - 1];
            device_id = page[LIST_PAGE].device_id;
            module_id = page[LIST_PAGE].module_id;
        }
    }
    vd_secret_wipe(page, (LIST_PAGE + 1) * sizeof *page);
    free(page);
    return error;
}

int vd_registry_identity_list(struct vd_registry *registry, const char *after_device_id,
    const char *after_module_id, bool (*each)(void *context, const struct vd_identity *identity),
    void *context)
{
    const struct selection all = {.statement = REGISTRY_IDENTITY_LIST};

    return list(vd_registry_self(registry), &all, after_device_id != NULL ? after_device_id : "",
        after_module_id != NULL ? after_module_id : "", each, context);
}

int vd_registry_identity_list_by_status(struct vd_registry *registry, bool enabled,
    const char *after_device_id, bool (*each)(void *context, const struct vd_identity *identity),
    void *context)
{
    const struct selection some = {REGISTRY_IDENTITY_LIST_STATUS, enabled};

    return list(vd_registry_self(registry), &some, after_device_id != NULL ? after_device_id : "",
        "", each, context);
}

/* Within a transaction. */
static int remove_expected(struct sqlite_registry *self, const char *device_id,
    const char *module_id, uint64_t expected_etag)
{
    sqlite3_stmt *statement = self->statements[REGISTRY_IDENTITY_REMOVE];
    struct vd_identity stored = {0};
    int error = find(self, device_id, module_id, &stored);

    /* An identity that cannot be read any more can still be removed. */
    if (error == VD_E_CORRUPT && expected_etag == 0) {
        error = VD_OK;
    }
    if (error == VD_OK) {
        error = vd_registry_expect(expected_etag, stored.etag);
    }
    if (error == VD_OK) {
        vd_registry_bind_text(statement, 1, device_id);
        vd_registry_bind_text(statement, 2, module_id);
        error = vd_registry_run(statement);
    }
    vd_secret_wipe(&stored, sizeof stored);
    return error;
}

int vd_registry_identity_remove(struct vd_registry *registry, const char *device_id,
    const char *module_id, uint64_t expected_etag)
{
    struct sqlite_registry *self = vd_registry_self(registry);
    int error = vd_registry_begin(self);

    if (error != VD_OK) {
        return error;
    }
    return vd_registry_end(
        self, remove_expected(self, device_id, module_id != NULL ? module_id : "", expected_etag));
}

int vd_registry_identity_count(
    struct vd_registry *registry, uint64_t *devices, uint64_t *enabled, uint64_t *disabled)
{
    struct sqlite_registry *self = vd_registry_self(registry);
    sqlite3_stmt *statement = self->statements[REGISTRY_IDENTITY_COUNT];
    int result;

    pthread_mutex_lock(&self->lock);
    result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        *devices = (uint64_t)sqlite3_column_int64(statement, 0);
        *enabled = (uint64_t)sqlite3_column_int64(statement, 1);
        *disabled = *devices - *enabled;
    }
    vd_registry_reset(statement);
    pthread_mutex_unlock(&self->lock);
    return result == SQLITE_ROW ? VD_OK : vd_sqlite_error(result);
}
