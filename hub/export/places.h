/* SPDX-License-Identifier: MIT */
/* How far each sink has come in the event log: durable, and what trims of the log must leave. */

#ifndef VEDETTE_HUB_EXPORT_PLACES_H
#define VEDETTE_HUB_EXPORT_PLACES_H

#include <pthread.h>

#include "hub/export/setting.h"
#include "lib/event_log.h"

#define VD_EXPORT_SINKS_MAX (VD_DIAGNOSTIC_SETTINGS_MAX * VD_EXPORT_KINDS_END)

/* 16 hexadecimal digits and a NUL. */
#define VD_EXPORT_EPOCH_SIZE 17

struct vd_export_place {
    char setting[VD_DIAGNOSTIC_NAME_MAX + 1];
    enum vd_export_kind kind;
    uint64_t offset; /* of the first record that is not exported yet */
    uint64_t
        skipped; /* records of the log that were passed over unread: the sink was too far behind */
};

/* All functions but the first and the last: any thread; what changes something blocks for the disk. */
struct vd_export_places {
    struct vd_event_log *log;
    char *path;
    pthread_mutex_t lock; /* for what follows */
    char epoch[VD_EXPORT_EPOCH_SIZE];
    uint64_t high; /* no record at or behind it has been exported */
    struct vd_export_place places[VD_EXPORT_SINKS_MAX];
    size_t count;
};

/*
 * Reads the file `path`, which need not be there, and holds the log for the places in it. If they lie behind the log's end, it
 * is another log than it was: its records get a new epoch, and every place is its beginning.
 * VD_E_CORRUPT, VD_E_NEWER, VD_E_IO, VD_E_FULL, VD_E_NOMEM. Released with vd_export_places_release after VD_OK only.
 */
VD_NODISCARD int vd_export_places_load(
    struct vd_export_places *places, const char *path, struct vd_event_log *log);

/* The sink's place, which becomes the log's end if it has none. Where that cannot be stored there is none. */
VD_NODISCARD int vd_export_places_open(struct vd_export_places *places, const char *setting,
    enum vd_export_kind kind, struct vd_export_place *out);

/* The sink has come to place->offset. With an error it counts as not moved. */
VD_NODISCARD int vd_export_places_move(
    struct vd_export_places *places, const struct vd_export_place *place);

/* Drops the places of sinks that `wanted` says false of. */
VD_NODISCARD int vd_export_places_keep(struct vd_export_places *places,
    bool (*wanted)(void *context, const char *setting, enum vd_export_kind kind), void *context);

/* Gives the log of the file `path` a new epoch, its places stay: for a log that was restored, whose next records are others than
 * those that had their offsets before. Of a file that no exporter has open. VD_E_NOT_FOUND, VD_E_CORRUPT, VD_E_NEWER ... */
VD_NODISCARD int vd_export_places_renew(const char *path);

void vd_export_places_release(struct vd_export_places *places);

#endif
