/* SPDX-License-Identifier: MIT */
/* What the parts of the SQLite registry share: the connection, its statements, rows and sealed keys. Internal to hub/. */

#ifndef VEDETTE_HUB_REGISTRY_SQLITE_H
#define VEDETTE_HUB_REGISTRY_SQLITE_H

#include <pthread.h>
#include <sqlite3.h>

#include "hub/registry.h"
#include "lib/secret.h"
#include "lib/sqlite.h"

enum registry_statement {
    REGISTRY_BEGIN,
    REGISTRY_COMMIT,
    REGISTRY_ROLLBACK,
    REGISTRY_IDENTITY_GET,
    REGISTRY_IDENTITY_LIST,
    REGISTRY_IDENTITY_LIST_STATUS,
    REGISTRY_IDENTITY_CREATE,
    REGISTRY_IDENTITY_UPDATE,
    REGISTRY_IDENTITY_REMOVE,
    REGISTRY_IDENTITY_COUNT,
    REGISTRY_POLICY_GET,
    REGISTRY_POLICY_NEXT,
    REGISTRY_POLICY_COUNT,
    REGISTRY_POLICY_PUT,
    REGISTRY_POLICY_REMOVE,
    REGISTRY_CA_GET,
    REGISTRY_CA_LIST,
    REGISTRY_CA_COUNT,
    REGISTRY_CA_PUT,
    REGISTRY_CA_REMOVE,
    REGISTRY_SETTING_GET,
    REGISTRY_SETTING_PUT,
    REGISTRY_TOKEN_GET,
    REGISTRY_TOKEN_NEXT,
    REGISTRY_TOKEN_COUNT,
    REGISTRY_TOKEN_CREATE,
    REGISTRY_TOKEN_USED,
    REGISTRY_TOKEN_REMOVE,
    REGISTRY_DATA_VERSION,
    REGISTRY_STATEMENTS
};

struct registry_cas;

struct sqlite_registry {
    struct vd_registry base;
    /* Another connection to the same file, for what logins read: they never wait for a write to be synced, and see it once it
     * is committed. NULL in the reader itself. */
    struct sqlite_registry *reader;
    struct registry_cas *cas; /* the reader's: the CA certificates as last read; NULL: not yet */
    pthread_mutex_t lock;     /* one statement or transaction at a time on the connection */
    sqlite3 *db;
    sqlite3_stmt *statements[REGISTRY_STATEMENTS];
    uint8_t master_key[VD_MASTER_KEY_BYTES];
};

/* Two keys, each with its length in front, and what sealing adds. */
#define REGISTRY_KEYS_BYTES   (2 * (1 + VD_KEY_MAX_BYTES))
#define REGISTRY_SEALED_BYTES (REGISTRY_KEYS_BYTES + VD_SEAL_OVERHEAD)

static inline struct sqlite_registry *vd_registry_self(struct vd_registry *registry)
{
    return (struct sqlite_registry *)registry;
}

static inline struct sqlite_registry *vd_registry_reader(struct vd_registry *registry)
{
    return vd_registry_self(registry)->reader;
}

/* Seals a pair of keys, bound to what they belong to. */
VD_NODISCARD int vd_registry_seal_keys(const struct sqlite_registry *self, struct vd_str bound,
    const struct vd_key *primary, const struct vd_key *secondary,
    uint8_t out[REGISTRY_SEALED_BYTES]);

/* The reverse for what a row holds. VD_E_CORRUPT: changed, or bound to something else; the keys are then untouched. */
VD_NODISCARD int vd_registry_open_keys(const struct sqlite_registry *self, struct vd_str bound,
    const void *sealed, int length, struct vd_key *primary, struct vd_key *secondary);

/* ---- Statements; all with the lock held. ---- */

void vd_registry_bind_text(sqlite3_stmt *statement, int index, const char *text);

/* The column as text of at most size - 1 bytes. VD_E_CORRUPT. */
VD_NODISCARD int vd_registry_column_text(
    sqlite3_stmt *statement, int column, char *out, size_t size);

/* Makes a statement ready for its next use. */
void vd_registry_reset(sqlite3_stmt *statement);

/* Steps a statement that gives no rows, and resets it. */
VD_NODISCARD int vd_registry_run(sqlite3_stmt *statement);

/* Takes the lock and begins a transaction; on failure the lock is not held. */
VD_NODISCARD int vd_registry_begin(struct sqlite_registry *self);

/* Commits if `error` is VD_OK, else rolls back; gives the lock back. The result of both together. */
VD_NODISCARD int vd_registry_end(struct sqlite_registry *self, int error);

/* VD_E_CHANGED if an etag is expected and it is not this one. */
VD_NODISCARD static inline int vd_registry_expect(uint64_t expected_etag, uint64_t etag)
{
    return expected_etag == 0 || expected_etag == etag ? VD_OK : VD_E_CHANGED;
}

/* ---- The operations, as struct vd_registry_ops says ---- */

int vd_registry_identity_create(struct vd_registry *registry, struct vd_identity *identity);
int vd_registry_identity_update(
    struct vd_registry *registry, struct vd_identity *identity, uint64_t expected_etag);
int vd_registry_identity_get(struct vd_registry *registry, const char *device_id,
    const char *module_id, struct vd_identity *out);
int vd_registry_identity_list(struct vd_registry *registry, const char *after_device_id,
    const char *after_module_id, bool (*each)(void *context, const struct vd_identity *identity),
    void *context);
int vd_registry_identity_list_by_status(struct vd_registry *registry, bool enabled,
    const char *after_device_id, bool (*each)(void *context, const struct vd_identity *identity),
    void *context);
int vd_registry_identity_remove(struct vd_registry *registry, const char *device_id,
    const char *module_id, uint64_t expected_etag);
int vd_registry_identity_count(
    struct vd_registry *registry, uint64_t *devices, uint64_t *enabled, uint64_t *disabled);

int vd_registry_sqlite_policy_get(
    struct vd_registry *registry, const char *name, struct vd_policy *out);
int vd_registry_sqlite_policy_list(struct vd_registry *registry,
    bool (*each)(void *context, const struct vd_policy *policy), void *context);
int vd_registry_sqlite_policy_put(
    struct vd_registry *registry, struct vd_policy *policy, uint64_t expected_etag);
int vd_registry_sqlite_policy_remove(
    struct vd_registry *registry, const char *name, uint64_t expected_etag);

int vd_registry_sqlite_ca_get(
    struct vd_registry *registry, const char *name, struct vd_ca_certificate *out);
int vd_registry_sqlite_ca_list(struct vd_registry *registry,
    bool (*each)(void *context, const struct vd_ca_certificate *certificate), void *context);
int vd_registry_sqlite_ca_put(
    struct vd_registry *registry, struct vd_ca_certificate *certificate, uint64_t expected_etag);
int vd_registry_sqlite_ca_remove(
    struct vd_registry *registry, const char *name, uint64_t expected_etag);

/* Of a reader that nobody uses any more. */
void vd_registry_cas_free(struct sqlite_registry *reader);

int vd_registry_sqlite_setting_get(
    struct vd_registry *registry, const char *name, struct vd_buf *value, uint64_t *etag);
int vd_registry_sqlite_setting_put(struct vd_registry *registry, const char *name,
    struct vd_str value, uint64_t expected_etag, uint64_t *etag);

int vd_registry_sqlite_change(struct vd_registry *registry, struct vd_registry_change *change);

int vd_registry_sqlite_token_create(struct vd_registry *registry, struct vd_token *token);
int vd_registry_sqlite_token_get(
    struct vd_registry *registry, const char *name, struct vd_token *out);
int vd_registry_sqlite_token_list(struct vd_registry *registry,
    bool (*each)(void *context, const struct vd_token *token), void *context);
int vd_registry_sqlite_token_used(struct vd_registry *registry, const char *name, int64_t used_ms);
int vd_registry_sqlite_token_remove(struct vd_registry *registry, const char *name);
int vd_registry_sqlite_revision(struct vd_registry *registry, int64_t *revision);

/* ---- Within a transaction ---- */

/* VD_E_LIMIT if the table that `counting` counts has `max` rows. */
VD_NODISCARD int vd_registry_has_room(
    struct sqlite_registry *self, enum registry_statement counting, int max);

/* For what `error` of finding the stored one, with that etag, says: may the new one take its place? */
VD_NODISCARD int vd_registry_may_put(struct sqlite_registry *self, int error, uint64_t etag,
    uint64_t expected_etag, enum registry_statement counting, int max);

/* Removes the row of that name whose etag, if one is expected, is `etag`. */
VD_NODISCARD int vd_registry_remove_named(struct sqlite_registry *self,
    enum registry_statement which, const char *name, uint64_t etag, uint64_t expected_etag);

/* Makes these all the policies that there are, as struct vd_registry_change says. */
VD_NODISCARD int vd_registry_change_policies(
    struct sqlite_registry *self, struct vd_policy *policies, size_t count);

/* The standard policies with new random keys, into an empty table. Before the statements are prepared. */
VD_NODISCARD int vd_registry_seed_policies(struct sqlite_registry *self);

#endif
