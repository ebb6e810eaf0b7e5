/* SPDX-License-Identifier: MIT */
/* The SQLite registry's CA certificates. */

#include "hub/registry_sqlite.h"
#include "lib/clock.h"

static int ca_from_row(sqlite3_stmt *row, struct vd_ca_certificate *out)
{
    int length = sqlite3_column_bytes(row, 1);

    if (vd_registry_column_text(row, 0, out->name, sizeof out->name) != VD_OK ||
        vd_registry_column_text(row, 3, out->verification_code, sizeof out->verification_code) !=
            VD_OK ||
        length <= 0 || (size_t)length > sizeof out->der) {
        return VD_E_CORRUPT;
    }
    memcpy(out->der, sqlite3_column_blob(row, 1), (size_t)length);
    out->der_length = (size_t)length;
    out->is_verified = sqlite3_column_int(row, 2) != 0;
    out->etag = (uint64_t)sqlite3_column_int64(row, 4);
    out->created_ms = sqlite3_column_int64(row, 5);
    out->updated_ms = sqlite3_column_int64(row, 6);
    return VD_OK;
}

/* With the lock held: the certificate of that name, or the one behind it. */
static int ca_find(struct sqlite_registry *self, enum registry_statement which, const char *name,
    struct vd_ca_certificate *out)
{
    sqlite3_stmt *statement = self->statements[which];
    struct vd_ca_certificate found = {0};
    int result;
    int error;

    vd_registry_bind_text(statement, 1, name);
    result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        error = ca_from_row(statement, &found);
    } else {
        error = result == SQLITE_DONE ? VD_E_NOT_FOUND : vd_sqlite_error(result);
    }
    if (error == VD_OK) {
        *out = found;
    }
    vd_registry_reset(statement);
    return error;
}

int vd_registry_sqlite_ca_get(
    struct vd_registry *registry, const char *name, struct vd_ca_certificate *out)
{
    struct sqlite_registry *self = vd_registry_self(registry);
    int error;

    pthread_mutex_lock(&self->lock);
    error = ca_find(self, REGISTRY_CA_GET, name, out);
    pthread_mutex_unlock(&self->lock);
    return error;
}

int vd_registry_sqlite_ca_list(struct vd_registry *registry,
    bool (*each)(void *context, const struct vd_ca_certificate *certificate), void *context)
{
    struct sqlite_registry *self = vd_registry_self(registry);
    struct vd_ca_certificate certificate = {0};
    int error;

    do {
        char after[VD_NAME_MAX + 1];

        memcpy(after, certificate.name, sizeof after);
        pthread_mutex_lock(&self->lock);
        error = ca_find(self, REGISTRY_CA_NEXT, after, &certificate);
        pthread_mutex_unlock(&self->lock);
    } while (error == VD_OK && each(context, &certificate));
    return error == VD_E_NOT_FOUND ? VD_OK : error;
}

static int write_ca(sqlite3_stmt *statement, const struct vd_ca_certificate *certificate)
{
    vd_registry_bind_text(statement, 1, certificate->name);
    sqlite3_bind_blob(
        statement, 2, certificate->der, (int)certificate->der_length, SQLITE_TRANSIENT);
    sqlite3_bind_int(statement, 3, certificate->is_verified);
    vd_registry_bind_text(statement, 4, certificate->verification_code);
    sqlite3_bind_int64(statement, 5, (int64_t)certificate->etag);
    sqlite3_bind_int64(statement, 6, certificate->created_ms);
    sqlite3_bind_int64(statement, 7, certificate->updated_ms);
    return vd_registry_run(statement);
}

int vd_registry_sqlite_ca_put(
    struct vd_registry *registry, struct vd_ca_certificate *certificate, uint64_t expected_etag)
{
    struct sqlite_registry *self = vd_registry_self(registry);
    struct vd_ca_certificate stored = {0};
    struct vd_ca_certificate made = *certificate;
    int error = vd_ca_certificate_is_valid(certificate) ? vd_registry_begin(self) : VD_E_INVALID;

    if (error != VD_OK) {
        return error;
    }
    error = ca_find(self, REGISTRY_CA_GET, certificate->name, &stored);
    error = vd_registry_may_put(
        self, error, stored.etag, expected_etag, REGISTRY_CA_COUNT, VD_HUB_CA_MAX);
    if (error == VD_OK) {
        made.etag = stored.etag + 1;
        made.updated_ms = vd_clock_utc_ms();
        made.created_ms = stored.etag != 0 ? stored.created_ms : made.updated_ms;
        error = write_ca(self->statements[REGISTRY_CA_PUT], &made);
    }
    error = vd_registry_end(self, error);
    if (error == VD_OK) {
        *certificate = made;
    }
    return error;
}

int vd_registry_sqlite_ca_remove(
    struct vd_registry *registry, const char *name, uint64_t expected_etag)
{
    struct sqlite_registry *self = vd_registry_self(registry);
    struct vd_ca_certificate stored = {0};
    int error = vd_registry_begin(self);

    if (error != VD_OK) {
        return error;
    }
    error = ca_find(self, REGISTRY_CA_GET, name, &stored);
    if (error == VD_OK) {
        error =
            vd_registry_remove_named(self, REGISTRY_CA_REMOVE, name, stored.etag, expected_etag);
    }
    return vd_registry_end(self, error);
}
