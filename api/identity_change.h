/* SPDX-License-Identifier: MIT */
/* Changes of identities with what follows from them: connections that end, state that is swept. */

#ifndef VEDETTE_API_IDENTITY_CHANGE_H
#define VEDETTE_API_IDENTITY_CHANGE_H

#include "hub/registry.h"
#include "hub/sweeper.h"
#include "lib/bus.h"

/* What they go through. Any thread; the functions below block for the disk. */
struct vd_identities {
    struct vd_registry *registry;
    struct vd_bus *bus;         /* NULL: nobody is connected */
    struct vd_sweeper *sweeper; /* NULL: the next start sweeps */
};

/*
 * Stores `after` (see vd_registry_update) where `before` was read, and ends the identity's connection if what that stands on
 * is another now; of a device also its modules'. VD_E_CHANGED: it is not `before` any more. Else the registry's errors.
 */
VD_NODISCARD int vd_identities_replace(const struct vd_identities *identities,
    const struct vd_identity *before, struct vd_identity *after);

/* Removes it (see vd_registry_remove), ends its connections, and has its state swept. module_id "": the device with all. */
VD_NODISCARD int vd_identities_remove(const struct vd_identities *identities, const char *device_id,
    const char *module_id, uint64_t expected_etag);

#endif
