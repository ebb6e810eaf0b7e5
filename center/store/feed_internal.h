/* SPDX-License-Identifier: MIT */
/* What the store's files about feeds share. */

#ifndef VEDETTE_CENTER_STORE_FEED_INTERNAL_H
#define VEDETTE_CENTER_STORE_FEED_INTERNAL_H

#include "center/store/alert_store_internal.h"
#include "center/store/feed_files.h"
#include "center/store/feeds.h"

/* Keys of the table `meta`: of feeds, and of the set that is kept. */
#define VD_FEED_GENERATION     "indicator_generation"
#define VD_FEED_SET_GENERATION "indicator_set_generation"

/* In place of a file's time: it could not be read. */
#define VD_FEED_SOURCE_ABSENT (-1)

struct vd_feed_row {
    char *name; /* NULL: there is none */
    json_t *settings;
    char file[VD_FEED_FILE_SIZE]; /* in the store's folder */
    int64_t fetched_ms;
    int64_t source_ns; /* of the feed's own file when it was read last */
};

void vd_feed_row_release(struct vd_feed_row *row);
/* Visits feeds in the order in which they were made, or the one with the name; a visitor may take a row over by clearing it.
 * What it returns other than VD_OK ends the visit. */
VD_NODISCARD int vd_feed_rows_each(struct vd_alert_store *store, const char *name,
    int (*visit)(struct vd_feed_row *row, void *context), void *context);

/* A visitor that takes the row over, into a struct vd_feed_row. */
VD_NODISCARD int vd_feed_row_take(struct vd_feed_row *row, void *context);

/* Ends a transaction that began: counts the generation up and commits, or with an error rolls back and returns it. */
VD_NODISCARD int vd_feed_finish(struct vd_alert_store *store, int error);

/* What a row is to become. */
struct vd_feed_change {
    const char *name;
    const json_t *settings;
    char file[VD_FEED_FILE_SIZE]; /* "": there is no text yet */
    int64_t fetched_ms;
    int64_t now_ms;
    int64_t source_ns;
    struct vd_feed_report *report;
    /* What else belongs to the transaction. */
    int (*note)(struct vd_alert_store *store, const struct vd_feed_change *change);
};

/* Checks a text that is new, writes it and makes the row name it. As vd_feeds_put. */
VD_NODISCARD int vd_feed_put_text(struct vd_alert_store *store,
    const struct vd_feed_settings *settings, struct vd_str text, struct vd_feed_change *change,
    char *problem);

/* ---- Where a feed's text is fetched from; all but the last two within a transaction ---- */

struct vd_feed_source_change {
    bool is_other;       /* what was fetched before tells nothing of what comes */
    bool has_credential; /* a new one, or none any more; else it stays */
    const char *kind;    /* of the credential; "": none */
    uint8_t sealed[VD_FEED_CREDENTIAL_MAX + VD_SEAL_OVERHEAD];
    size_t sealed_length;
};

/* Makes or changes the feed's source, to be fetched now. */
VD_NODISCARD int vd_feed_source_put(
    struct vd_alert_store *store, const char *name, const struct vd_feed_source_change *change);
VD_NODISCARD int vd_feed_source_remove(struct vd_alert_store *store, const char *name);
/* Reads {"kind","secret"}, null (none) or NULL (as it is) into the change. VD_E_INVALID with a problem. */
VD_NODISCARD int vd_feed_source_seal(struct vd_alert_store *store, const char *name,
    const json_t *credential, struct vd_feed_source_change *change, char *problem);
VD_NODISCARD int vd_feed_source_has_credential(
    struct vd_alert_store *store, const char *name, bool *has_credential);

/* Makes the folder, moves what a first version has in its table of indicators to feeds, and removes files of nobody. */
VD_NODISCARD int vd_feeds_open(struct vd_alert_store *store, const char *path);

#endif
