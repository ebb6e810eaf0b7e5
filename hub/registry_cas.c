/* SPDX-License-Identifier: MIT */
/* The SQLite registry's CA certificates. */

#include "hub/registry_sqlite.h"
#include "lib/clock.h"

/* All of them as they were at one time: a login looks at each, and a hundred queries take longer than its handshake. */
struct registry_cas {
    int64_t data_version; /* the reader's, which another connection's commit changes */
    unsigned users;       /* with the reader's lock */
    size_t count;
    struct vd_ca_certificate items[VD_HUB_CA_MAX];
};

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

/* With the lock held. */
static int ca_find(struct sqlite_registry *self, const char *name, struct vd_ca_certificate *out)
{
    sqlite3_stmt *statement = self->statements[REGISTRY_CA_GET];
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
    struct sqlite_registry *self = vd_registry_reader(registry);
    int error;

    pthread_mutex_lock(&self->lock);
    error = ca_find(self, name, out);
    pthread_mutex_unlock(&self->lock);
    return error;
}

/* ---- All of them; with the reader's lock held ---- */

static void cas_leave(struct registry_cas *cas)
{
    if (cas != NULL && --cas->users == 0) {
        free(cas);
    }
}

void vd_registry_cas_free(struct sqlite_registry *reader)
{
    cas_leave(reader->cas);
    reader->cas = NULL;
}

static int read_data_version(struct sqlite_registry *reader, int64_t *version)
{
    sqlite3_stmt *statement = reader->statements[REGISTRY_DATA_VERSION];
    const int result = sqlite3_step(statement);

    if (result == SQLITE_ROW) {
        *version = sqlite3_column_int64(statement, 0);
    }
    vd_registry_reset(statement);
    return result == SQLITE_ROW ? VD_OK : vd_sqlite_error(result);
}

int vd_registry_sqlite_revision(struct vd_registry *registry, int64_t *revision)
{
    struct sqlite_registry *reader = vd_registry_reader(registry);
    int error;

    pthread_mutex_lock(&reader->lock);
    error = read_data_version(reader, revision);
    pthread_mutex_unlock(&reader->lock);
    return error;
}

static int read_rows(struct sqlite_registry *reader, struct registry_cas *cas)
{
    sqlite3_stmt *statement = reader->statements[REGISTRY_CA_LIST];
    int result = SQLITE_DONE;
    int error = VD_OK;

    while (error == VD_OK && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        error = cas->count < VD_HUB_CA_MAX ? ca_from_row(statement, &cas->items[cas->count])
                                           : VD_E_CORRUPT;
        cas->count += error == VD_OK ? 1 : 0;
    }
    vd_registry_reset(statement);
    return error != VD_OK ? error : vd_sqlite_error(result);
}

/* Reads them anew if anything was committed since. */
static int refresh(struct sqlite_registry *reader)
{
    struct registry_cas *cas;
    int64_t version = 0;
    int error = read_data_version(reader, &version);

    if (error != VD_OK || (reader->cas != NULL && reader->cas->data_version == version)) {
        return error;
    }
    cas = calloc(1, sizeof *cas);
    if (cas == NULL) {
        return VD_E_NOMEM;
    }
    cas->users = 1;
    cas->data_version = version;
    error = read_rows(reader, cas);
    if (error != VD_OK) {
        free(cas);
        return error;
    }
    cas_leave(reader->cas);
    reader->cas = cas;
    return VD_OK;
}

int vd_registry_sqlite_ca_list(struct vd_registry *registry,
    bool (*each)(void *context, const struct vd_ca_certificate *certificate), void *context)
{
    struct sqlite_registry *self = vd_registry_reader(registry);
    struct registry_cas *cas = NULL;
    int error;

    pthread_mutex_lock(&self->lock);
    error = refresh(self);
    if (error == VD_OK) {
        cas = self->cas;
        cas->users++;
    }
    pthread_mutex_unlock(&self->lock);
    for (size_t i = 0; error == VD_OK && i < cas->count && each(context, &cas->items[i]); i++) {
    }
    pthread_mutex_lock(&self->lock);
    cas_leave(cas);
    pthread_mutex_unlock(&self->lock);
    return error;
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
    error = ca_find(self, certificate->name, &stored);
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
    error = ca_find(self, name, &stored);
    if (error == VD_OK) {
        error =
            vd_registry_remove_named(self, REGISTRY_CA_REMOVE, name, stored.etag, expected_etag);
    }
    return vd_registry_end(self, error);
}
