/* SPDX-License-Identifier: MIT */
/* A thread that keeps the set of indicators up to date: reads files of feeds that change, and builds the set beside the center's work. */

#ifndef VEDETTE_CENTER_INDICATOR_LOADER_H
#define VEDETTE_CENTER_INDICATOR_LOADER_H

#include "center/store/alert_store.h"
#include "center/store/feeds.h"

struct vd_indicator_loader;

/* Loads the set (the one that was kept, or builds it) and starts the thread. `store` must outlive it. */
VD_NODISCARD int vd_indicator_loader_start(
    struct vd_alert_store *store, struct vd_indicator_loader **loader);
/* Waits for the build under way. NULL is allowed. */
void vd_indicator_loader_stop(struct vd_indicator_loader *loader);

/* The newest set with its reference, the caller's, and the feeds' generation; NULL: none since the last call. Never blocks for
 * long. */
struct vd_indicator_set *vd_indicator_loader_take(
    struct vd_indicator_loader *loader, int64_t *generation);

#endif
