/* SPDX-License-Identifier: MIT */
/* URLs of feeds: which is to be fetched, with what, and what came of it. Any thread. */

#ifndef VEDETTE_CENTER_STORE_FEED_SOURCES_H
#define VEDETTE_CENTER_STORE_FEED_SOURCES_H

#include "center/limits.h"
#include "center/store/feed_files.h"
#include "center/store/feeds.h"
#include "lib/http_get.h"

/* What the last answer said of itself; "": nothing. */
struct vd_feed_validators {
    char etag[VD_HTTP_ETAG_SIZE];
    char last_modified[VD_HTTP_DATE_SIZE];
    char added_after[VD_HTTP_DATE_SIZE]; /* of TAXII: when the latest object was added */
};

/* A fetch as it begins. */
struct vd_feed_fetch {
    char name[VD_FEED_NAME_MAX + 1];
    struct vd_feed_settings settings;
    struct vd_feed_text kept; /* the text that is there */
    bool has_kept;
    int64_t kept_ms;                      /* UTC: when it came */
    struct vd_feed_validators validators; /* of it */
    int64_t revision;
    int64_t asked;
    uint32_t failures; /* in a row */
    enum vd_http_credential credential_kind;
    char credential[VD_FEED_CREDENTIAL_MAX + 1];
    char problem[VD_FEED_PROBLEM_SIZE]; /* why it cannot be fetched; "": it can */
};

/* How it ended. */
struct vd_feed_fetched {
    const struct vd_str *text;                   /* NULL: what is there is still right */
    const struct vd_feed_validators *validators; /* not after a failure */
    int64_t now_ms;
    int64_t next_ms; /* of the next fetch */
};

/* The enabled feed that is due for the longest time. VD_E_NOT_FOUND: none is. To be released. */
VD_NODISCARD int vd_feed_fetch_due(
    struct vd_alert_store *store, int64_t now_ms, struct vd_feed_fetch *out);
/* That of this name. VD_E_NOT_FOUND: there is none with a URL. */
VD_NODISCARD int vd_feed_fetch_begin(
    struct vd_alert_store *store, const char *name, struct vd_feed_fetch *out);
/* It goes out to the source now: if it never ends, because the process does, it has failed and the next one is at
 * fetched->next_ms. VD_E_CHANGED: the feed was changed or removed meanwhile. */
VD_NODISCARD int vd_feed_fetch_begun(struct vd_alert_store *store,
    const struct vd_feed_fetch *fetch, const struct vd_feed_fetched *fetched);
/* Wipes the credential. */
void vd_feed_fetch_release(struct vd_feed_fetch *fetch);

/*
 * The fetch has succeeded. A text that is not of the format changes nothing.
 * VD_E_INVALID, VD_E_LIMIT with a problem; VD_E_CHANGED: the feed was changed or removed meanwhile.
 */
VD_NODISCARD int vd_feed_fetch_done(struct vd_alert_store *store, const struct vd_feed_fetch *fetch,
    const struct vd_feed_fetched *fetched, struct vd_feed_report *report,
    char problem[VD_FEED_PROBLEM_SIZE]);
/* It has failed; the feed keeps what it has. VD_E_CHANGED. */
VD_NODISCARD int vd_feed_fetch_failed(struct vd_alert_store *store,
    const struct vd_feed_fetch *fetch, const struct vd_feed_fetched *fetched, const char *problem);

/* Has the feed fetched as soon as may be. VD_E_NOT_FOUND: there is none with a URL. */
VD_NODISCARD int vd_feeds_ask_fetch(struct vd_alert_store *store, const char *name);
/* Waits until it was, for so long at most; false: it was not yet. */
bool vd_feeds_wait_fetched(struct vd_alert_store *store, const char *name, int64_t timeout_ms);

#endif
