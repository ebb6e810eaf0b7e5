/* SPDX-License-Identifier: MIT */
/* Exports records of operations as the diagnostic settings say: to files, and to a webhook. ADR 18 says how. */

#ifndef VEDETTE_HUB_EXPORT_EXPORT_H
#define VEDETTE_HUB_EXPORT_EXPORT_H

#include "hub/export/worker.h"
#include "hub/registry.h"

struct vd_export_config {
    struct vd_event_log *log;
    struct vd_registry *registry; /* with the settings */
    const char *places_file;      /* made if it is absent */
    const char *folder;           /* of the files; NULL: none are written */
    uint64_t file_max_bytes;
    unsigned files_kept;         /* older ones beside the current one, of each setting */
    const char *webhook;         /* http or https; may hold secrets; NULL: there is none */
    const char *webhook_ca_file; /* PEM; NULL: the system's */
    uint64_t backlog_max_bytes;  /* of the event log, that may wait for a sink */
    const struct vd_export_rhythm *rhythm; /* NULL: the usual one */
};

enum vd_export_state {
    VD_EXPORT_OFF, /* the setting asks for a sink that is not configured */
    VD_EXPORT_WORKING,
    VD_EXPORT_FAILING, /* tries again and again */
};

const char *vd_export_state_text(enum vd_export_state state);

struct vd_export_stats {
    char setting[VD_DIAGNOSTIC_NAME_MAX + 1];
    enum vd_export_kind kind;
    enum vd_export_state state;
    uint64_t behind;                      /* records of the log, of any kind, that are before it */
    struct vd_export_worker_stats worker; /* all zero where it is off */
};

struct vd_export;

/*
 * From then on the log keeps what sinks have not had: call it before anything trims the log. Sinks begin with vd_export_reload.
 * What `config` points to must outlive it, but for its strings, which are copied.
 * VD_E_CORRUPT, VD_E_NEWER, VD_E_IO, VD_E_FULL, VD_E_DENIED (of the places' file), VD_E_NOMEM.
 */
VD_NODISCARD int vd_export_new(const struct vd_export_config *config, struct vd_export **out);

/* What tells the log from others in ids of records: the same at every start, as long as it is the same log. */
const char *vd_export_epoch(const struct vd_export *exporter);

/*
 * The settings are to be read, or were changed: when it returns VD_OK, that holds. VD_E_CORRUPT: of the registry. A new sink gets the records that come from now on. Any thread,
 * not the hub's loop; blocks for the disk and until sinks that are no more have ended, well under a second. NULL is allowed.
 */
VD_NODISCARD int vd_export_reload(struct vd_export *exporter);

/* One for each sink that a setting asks for; returns how many. Any thread. */
size_t vd_export_stats_get(
    struct vd_export *exporter, struct vd_export_stats out[VD_EXPORT_SINKS_MAX]);

/* Ends all threads, well under a second; what was not exported is after the next start. NULL is allowed. */
void vd_export_stop(struct vd_export *exporter);

#endif
