/* SPDX-License-Identifier: MIT */
/* Feeds of indicators in the alert store: settings and state as rows, texts as files in `intel` beside it. Any thread. */

#ifndef VEDETTE_CENTER_STORE_FEEDS_H
#define VEDETTE_CENTER_STORE_FEEDS_H

#include "center/intel/feed_settings.h"

struct vd_alert_store;

/* What is to be put; NULL members stay as they are, for a new feed they are the defaults. */
struct vd_feed_put {
    const char *name;
    const json_t *settings;    /* of center/intel/feed_settings.h */
    const struct vd_str *text; /* of a feed without a file and URL */
    int64_t now_ms;            /* UTC */
    /* Of a URL: {"kind":"basic"|"bearer"|"header","secret":"user:password"|"token"|"Name: value"}; null: none any more. */
    const json_t *credential;
};

/*
 * Makes or changes a feed. Its text is read first: nothing is changed unless all of it is of the format and settings are good.
 * That of a URL is fetched afterwards: center/store/feed_sources.h.
 * Running centers have it within some seconds.
 * report   what was read
 * problem  with VD_E_INVALID: what is wrong, with its line or place
 * VD_E_LIMIT: too long, or there are VD_FEEDS_MAX already; the errors of files and store.
 */
VD_NODISCARD int vd_feeds_put(struct vd_alert_store *store, const struct vd_feed_put *put,
    struct vd_feed_report *report, char problem[VD_FEED_PROBLEM_SIZE]);
/* VD_E_NOT_FOUND. */
VD_NODISCARD int vd_feeds_remove(struct vd_alert_store *store, const char *name);

/*
 * *feeds: an array of {"name","settings","lastSuccess","lastAttempt","error","report","source","alerts","lastAlert"}, by name, the caller's. name NULL: all;
 * else one, or none. "error" is null or why the last attempt failed; "report" is as vd_feed_report_json gives it. "source" is
 * null without a URL, else {"credential" (its kind),"next","etag","lastModified","addedAfter","failures" (in a row)}; "next" null: now.
 * "alerts" is how many alerts name the feed, "lastAlert" when the latest of them was raised.
 */
VD_NODISCARD int vd_feeds_list(struct vd_alert_store *store, const char *name, json_t **feeds);

/*
 * Reads files of feeds again that have changed since they were read last; `name`: only its, changed or not.
 * A file that is not good leaves the feed what it had, and is told in its error. VD_E_NOT_FOUND: no feed of that name has a file.
 */
VD_NODISCARD int vd_feeds_refresh(struct vd_alert_store *store, const char *name, int64_t now_ms);

/* Grows with every change of any feed. */
VD_NODISCARD int vd_feeds_generation(struct vd_alert_store *store, int64_t *generation);
/* The center matches by the feeds of `generation` from now on. */
void vd_feeds_set_in_use(struct vd_alert_store *store, int64_t generation);
/* Waits until it matches by the feeds as they are now, for so long at most; false: it does not yet. */
bool vd_feeds_wait_in_use(struct vd_alert_store *store, int64_t timeout_ms);
/* *count: entries used of all enabled feeds of indicators. */
VD_NODISCARD int vd_feeds_count(struct vd_alert_store *store, uint64_t *count);

/*
 * The set of all enabled feeds, with one reference: the one that was kept, if it is of this generation, or else it is built: to be
 * kept (`keep`: one thread of one process at a time), or in memory. Blocks for as long as the build takes.
 */
VD_NODISCARD int vd_feeds_load(struct vd_alert_store *store, bool keep, int64_t now_ms,
    int64_t *generation, struct vd_indicator_set **set);

#endif
