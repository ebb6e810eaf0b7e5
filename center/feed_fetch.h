/* SPDX-License-Identifier: MIT */
/* Fetching of feeds that have a URL: one now, or those that are due by a thread of its own. */

#ifndef VEDETTE_CENTER_FEED_FETCH_H
#define VEDETTE_CENTER_FEED_FETCH_H

#include "center/store/alert_store.h"
#include "center/store/feed_sources.h"

struct vd_feed_rhythm {
    int timeout_ms;         /* of a request; all pages of a collection have three times as long */
    int64_t backoff_min_ms; /* after a first failure; it doubles with each */
    int64_t backoff_max_ms;
};

/* As in center/limits.h. */
extern const struct vd_feed_rhythm vd_feed_rhythm_default;

/*
 * Fetches a feed, and stores how that ended: its text, or why there is none, and when the next is due.
 * VD_OK: that is stored, or the feed was changed meanwhile; VD_E_NOT_FOUND: there is none with a URL; VD_E_CLOSED: interrupted;
 * the errors of the store. Blocks.
 */
VD_NODISCARD int vd_feed_fetch_now(struct vd_alert_store *store, struct vd_http_get *get,
    const struct vd_feed_rhythm *rhythm, const char *name);

struct vd_feed_fetcher;

/* Starts the thread. `store` must outlive it. */
VD_NODISCARD int vd_feed_fetcher_start(struct vd_alert_store *store,
    const struct vd_feed_rhythm *rhythm, struct vd_feed_fetcher **fetcher);
/* Ends the request under way. NULL is allowed. */
void vd_feed_fetcher_stop(struct vd_feed_fetcher *fetcher);

#endif
