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

/* Makes the folder, moves what a first version has in its table of indicators to feeds, and removes files of nobody. */
VD_NODISCARD int vd_feeds_open(struct vd_alert_store *store, const char *path);

#endif
