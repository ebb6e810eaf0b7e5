/* SPDX-License-Identifier: MIT */
/* The registry: identities of devices and modules with their credentials. Interface and its SQLite implementation. */

#ifndef VEDETTE_HUB_REGISTRY_H
#define VEDETTE_HUB_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"
#include "proto/protocol.h"

/* A symmetric key: 16 to 64 bytes, as the old hub took them; made by us: 32. */
#define VD_KEY_MIN_BYTES 16
#define VD_KEY_MAX_BYTES 64

struct vd_key {
    uint8_t bytes[VD_KEY_MAX_BYTES];
    uint8_t length;
};

struct vd_identity {
    char device_id[VD_ID_MAX + 1];
    char module_id[VD_ID_MAX + 1]; /* empty for the device itself */
    char
        generation_id[37]; /* new with each creation, so that a re-created id is another identity */
    bool enabled;
    struct vd_key primary_key;
    struct vd_key secondary_key;
    int64_t created_ms; /* UTC */
};

/* Any thread; calls block for the disk. Keys are encrypted at rest. */
struct vd_registry;

struct vd_registry_ops {
    /* Stores a new identity as given (created_ms and generation_id are set here). VD_E_EXISTS, VD_E_INVALID for
     * an id with other letters than allowed or a module without its device (VD_E_NOT_FOUND). */
    int (*create)(struct vd_registry *registry, struct vd_identity *identity);
    /* VD_E_NOT_FOUND leaves *out untouched. */
    int (*get)(struct vd_registry *registry, const char *device_id, const char *module_id,
        struct vd_identity *out);
    /* Calls `each` for every identity in the order of device id, module id, until it returns false. */
    int (*list)(struct vd_registry *registry,
        bool (*each)(void *context, const struct vd_identity *identity), void *context);
    /* Removes the identity; of a device also its modules. VD_E_NOT_FOUND. */
    int (*remove)(struct vd_registry *registry, const char *device_id, const char *module_id);
    void (*close)(struct vd_registry *registry);
};

struct vd_registry {
    const struct vd_registry_ops *ops;
};

/*
 * Opens the SQLite file `path` (made, mode 0600, if absent). Several processes may have it open.
 * master_key  encrypts the keys at rest (AES-256-GCM); copied. A registry made with another master key: VD_E_DENIED.
 * VD_E_NEWER, VD_E_CORRUPT, VD_E_IO, VD_E_FULL.
 */
VD_NODISCARD int vd_registry_sqlite_open(
    const char *path, const uint8_t master_key[32], struct vd_registry **out);

VD_NODISCARD int vd_registry_create(struct vd_registry *registry, struct vd_identity *identity);
VD_NODISCARD int vd_registry_get(struct vd_registry *registry, const char *device_id,
    const char *module_id, struct vd_identity *out);
VD_NODISCARD int vd_registry_list(struct vd_registry *registry,
    bool (*each)(void *context, const struct vd_identity *identity), void *context);
VD_NODISCARD int vd_registry_remove(
    struct vd_registry *registry, const char *device_id, const char *module_id);
/* NULL is allowed. */
void vd_registry_close(struct vd_registry *registry);

#endif
