/* SPDX-License-Identifier: MIT */
/* Sinks of notifications as they are stored, and their dead letters. Any thread; no transaction may be open. */

#ifndef VEDETTE_CENTER_STORE_SINKS_H
#define VEDETTE_CENTER_STORE_SINKS_H

#include <jansson.h>

#include "lib/secret.h"

struct vd_alert_store;

#define VD_SINK_NAME_MAX   64
#define VD_SINK_SECRET_MAX 1024

/* What secrets of sinks are sealed with; copied. To be called before any other function here. */
void vd_sinks_set_key(struct vd_alert_store *store, const uint8_t key[VD_MASTER_KEY_BYTES]);

struct vd_sink_row {
    const char *name; /* letters, digits, - and _ */
    const char *kind;
    const json_t *settings;
    struct vd_str secret; /* sealed before it is stored; empty: none */
    const char *min_severity;
};

/* Makes a sink, which gets what happens from now on. VD_E_EXISTS; VD_E_INVALID (name or severity); VD_E_LIMIT. */
VD_NODISCARD int vd_sinks_add(struct vd_alert_store *store, const struct vd_sink_row *row);
/* With its dead letters. VD_E_NOT_FOUND. */
VD_NODISCARD int vd_sinks_remove(struct vd_alert_store *store, const char *name);
/* *sinks: array of {"name","kind","settings","minSeverity","waiting","delivered","skipped","dead","born"}, without secrets;
 * the caller's. `born` tells a sink from an earlier one of that name. */
VD_NODISCARD int vd_sinks_list(struct vd_alert_store *store, json_t **sinks);
/* The secret in the clear, *length of it; to be wiped. VD_E_NOT_FOUND, VD_E_DENIED (another master key). */
VD_NODISCARD int vd_sinks_secret(struct vd_alert_store *store, const char *name,
    uint8_t out[VD_SINK_SECRET_MAX], size_t *length);
/* Grows with every sink that is made or removed. */
VD_NODISCARD int vd_sinks_generation(struct vd_alert_store *store, int64_t *generation);

/* *letters: array of {"number","sink","sequence","what","time","failed","reason","alert"}, the latest first; number 0: all,
 * `limit` of them. */
VD_NODISCARD int vd_sinks_dead_list(
    struct vd_alert_store *store, int64_t number, uint32_t limit, json_t **letters);
/* Puts it at the end of its sink's queue. VD_E_NOT_FOUND. */
VD_NODISCARD int vd_sinks_dead_replay(struct vd_alert_store *store, int64_t number);
VD_NODISCARD int vd_sinks_dead_discard(struct vd_alert_store *store, int64_t number);

#endif
