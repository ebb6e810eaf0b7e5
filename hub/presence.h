/* SPDX-License-Identifier: MIT */
/* Which identities are connected now: at most one session an identity. */

#ifndef VEDETTE_HUB_PRESENCE_H
#define VEDETTE_HUB_PRESENCE_H

#include "hub/session.h"

/* Embedded in what owns a session; zero-initialised is absent. */
struct vd_presence_entry {
    struct vd_session *session;
    struct vd_presence_entry *next;
    struct vd_presence_entry **link; /* what points here; NULL if absent */
};

struct vd_presence;

/* For about `expected` sessions at once; more only make it slower. NULL: no memory or no random bytes. */
struct vd_presence *vd_presence_new(uint32_t expected);
/* All entries must be absent. NULL is allowed. */
void vd_presence_free(struct vd_presence *presence);

/*
 * Any thread, all of them. Makes `entry` the one of its session's identity (the session's principal must not change
 * while it is present) and returns the session that was that before, now absent; NULL if there was none.
 */
struct vd_session *vd_presence_claim(
    struct vd_presence *presence, struct vd_presence_entry *entry, struct vd_session *session);
void vd_presence_remove(struct vd_presence *presence, struct vd_presence_entry *entry);
bool vd_presence_has(struct vd_presence *presence, const char *device_id, const char *module_id);

/* The session of the identity; NULL if there is none. Only for the thread that adds and removes them. */
struct vd_session *vd_presence_find(
    struct vd_presence *presence, const char *device_id, const char *module_id);

/* Takes out one session of the device, and of any of its modules where module_id is NULL; NULL if none is left. */
struct vd_session *vd_presence_take(
    struct vd_presence *presence, const char *device_id, const char *module_id);

#endif
