/* SPDX-License-Identifier: MIT */
/* From a URL to a feed's text: conditional requests, pages of collections, and when to come again. */

#include "center/feed_fetch.h"

#include <stdlib.h>
#include <string.h>

#include "center/intel/taxii.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/secret.h"

/* Requests of one collection may take so many times as long as one. */
#define PAGES_TIME 3
/* Fetches come later by a random part of this share of their interval. */
#define SPREAD 10

const struct vd_feed_rhythm vd_feed_rhythm_default = {
    VD_FEED_FETCH_TIMEOUT_MS, VD_FEED_BACKOFF_MIN_MS, VD_FEED_BACKOFF_MAX_MS};

/* One fetch and what came of it. */
struct work {
    struct vd_http_get *get;
    const struct vd_feed_fetch *fetch;
    const struct vd_feed_rhythm *rhythm;
    struct vd_buf text;
    bool is_unchanged;
    struct vd_feed_validators validators; /* of the text */
    char problem[VD_FEED_PROBLEM_SIZE];
    uint32_t retry_after_s;
};

/* 0 to `most`. */
static int64_t random_up_to(int64_t most)
{
    uint64_t value = 0;

    return vd_secret_random(&value, sizeof value) == VD_OK ? (int64_t)(value % ((uint64_t)most + 1))
                                                           : most;
}

static int64_t backoff_ms(const struct vd_feed_rhythm *rhythm, uint32_t failures)
{
    int64_t ms = rhythm->backoff_min_ms;

    while (failures-- > 0 && ms < rhythm->backoff_max_ms) {
        ms *= 2;
    }
    ms = ms < rhythm->backoff_max_ms ? ms : rhythm->backoff_max_ms;
    return ms / 2 + random_up_to(ms / 2);
}

/* ---- Getting it ---- */

static int get_url(struct work *w, const char *url, size_t max, struct vd_http_get_answer *answer)
{
    const struct vd_feed_fetch *fetch = w->fetch;
    const bool is_taxii = fetch->settings.is_taxii;
    const struct vd_http_get_request request = {
        .url = url,
        .ca_file = fetch->settings.ca_file,
        .accept = is_taxii ? VD_TAXII_MEDIA_TYPE : NULL,
        .etag = is_taxii ? "" : fetch->validators.etag,
        .last_modified = is_taxii ? "" : fetch->validators.last_modified,
        .credential_kind = fetch->credential_kind,
        .credential = fetch->credential,
        .wanted = is_taxii ? VD_TAXII_ADDED_LAST : NULL,
        .body_max_bytes = max,
        .timeout_ms = w->rhythm->timeout_ms,
    };
    int error = vd_http_get(w->get, &request, answer);

    if (error != VD_OK) {
        snprintf(w->problem, sizeof w->problem, "%s", answer->reason);
        w->retry_after_s = answer->retry_after_s;
    }
    return error;
}

static int get_text(struct work *w)
{
    struct vd_http_get_answer answer;
    int error = get_url(w, w->fetch->settings.url, VD_FEED_BYTES_MAX, &answer);

    w->text = answer.body;
    if (error != VD_OK) {
        return error;
    }
    w->is_unchanged = answer.status == 304;
    if (!w->is_unchanged || answer.etag[0] != '\0') {
        memcpy(w->validators.etag, answer.etag, sizeof answer.etag);
    }
    if (!w->is_unchanged || answer.last_modified[0] != '\0') {
        memcpy(w->validators.last_modified, answer.last_modified, sizeof answer.last_modified);
    }
    /* Whoever has nothing to tell any more says so by a comment or an empty bundle. */
    if (!w->is_unchanged && w->text.length == 0) {
        snprintf(w->problem, sizeof w->problem, "the answer is empty");
        return VD_E_INVALID;
    }
    return VD_OK;
}

/* ---- TAXII ---- */

/* The page after `page`, by the same `next` if the server counts itself; VD_E_INVALID: it would be the same one again. */
static int next_page(struct work *w, struct vd_taxii_page *page, const char *added_last,
    char added_after[VD_HTTP_DATE_SIZE], const char *last_next)
{
    const bool is_new = page->next[0] != '\0'
        ? !page->is_empty || strcmp(page->next, last_next) != 0
        : added_last[0] != '\0' && strcmp(added_last, added_after) != 0;

    if (!is_new) {
        snprintf(w->problem, sizeof w->problem, "the server has more, but does not lead to it");
        return VD_E_INVALID;
    }
    if (page->next[0] == '\0') {
        snprintf(added_after, VD_HTTP_DATE_SIZE, "%s", added_last);
    }
    return VD_OK;
}

static int get_page(struct work *w, struct vd_taxii_merge *merge, const char *added_after,
    struct vd_taxii_page *page, char added_last[VD_HTTP_DATE_SIZE])
{
    struct vd_http_get_answer answer = {0};
    struct vd_buf url = {0};
    char problem[VD_TAXII_PROBLEM_SIZE] = "";
    int error;

    vd_taxii_url(w->fetch->settings.url, added_after, page->next, &url);
    error = url.error;
    if (error == VD_OK) {
        error = get_url(w, (const char *)url.data, VD_FEED_JSON_BYTES_MAX, &answer);
    }
    if (error == VD_OK) {
        memcpy(added_last, answer.wanted, sizeof answer.wanted);
        error = vd_taxii_merge_page(merge,
            (struct vd_str){(const char *)answer.body.data, answer.body.length}, page, problem);
        if (error == VD_E_INVALID || error == VD_E_LIMIT) {
            snprintf(w->problem, sizeof w->problem, "%s", problem);
        }
    }
    vd_buf_release(&answer.body);
    vd_buf_release(&url);
    return error;
}

static int get_pages(struct work *w, struct vd_taxii_merge *merge)
{
    const int64_t until_ms = vd_clock_monotonic_ms() + PAGES_TIME * (int64_t)w->rhythm->timeout_ms;
    struct vd_taxii_page page = {0};
    char added_after[VD_HTTP_DATE_SIZE];
    char added_last[VD_HTTP_DATE_SIZE];
    char last_next[VD_TAXII_NEXT_SIZE];

    memcpy(added_after, w->validators.added_after, sizeof added_after);
    for (int i = 0; i < VD_TAXII_PAGES_MAX; i++) {
        int error;

        memcpy(last_next, page.next, sizeof last_next);
        error = get_page(w, merge, added_after, &page, added_last);
        if (error == VD_OK && added_last[0] != '\0') {
            memcpy(w->validators.added_after, added_last, sizeof added_last);
        }
        if (error != VD_OK || !page.has_more) {
            return error;
        }
        if (vd_clock_monotonic_ms() >= until_ms) {
            break;
        }
        error = next_page(w, &page, added_last, added_after, last_next);
        if (error != VD_OK) {
            return error;
        }
    }
    snprintf(w->problem, sizeof w->problem, "the collection has too many pages, or takes too long");
    return VD_E_LIMIT;
}

static int get_collection(struct work *w)
{
    const struct vd_feed_fetch *fetch = w->fetch;
    const bool is_first = fetch->validators.added_after[0] == '\0';
    struct vd_taxii_merge *merge = NULL;
    int error = vd_taxii_merge_new(is_first ? (struct vd_str){"", 0} : fetch->kept.text, &merge);

    if (error == VD_OK) {
        error = get_pages(w, merge);
    }
    if (error == VD_OK) {
        w->is_unchanged = !is_first && !vd_taxii_merge_has_new(merge);
        w->text.max = VD_FEED_JSON_BYTES_MAX;
        error = w->is_unchanged
            ? VD_OK
            : vd_taxii_merge_write(merge, vd_clock_utc_ms() - VD_TAXII_ENDED_MS, &w->text);
        if (error == VD_E_LIMIT) {
            snprintf(w->problem, sizeof w->problem, "the collection is longer than a feed may be");
        }
    }
    vd_taxii_merge_free(merge);
    return error;
}

/* ---- How it begins and ends ---- */

/* What a fetch would bring down with it is a failure of the feed: else it were due at once after each start. */
static int store_begin(struct vd_alert_store *store, const struct work *w)
{
    const int64_t now_ms = vd_clock_utc_ms();
    const struct vd_feed_fetched fetched = {
        .now_ms = now_ms, .next_ms = now_ms + backoff_ms(w->rhythm, w->fetch->failures)};

    return vd_feed_fetch_begun(store, w->fetch, &fetched);
}

static bool is_of_source(int error)
{
    return error == VD_E_INVALID || error == VD_E_LIMIT || error == VD_E_DENIED ||
        error == VD_E_TIMEOUT || error == VD_E_IO;
}

static int store_failure(struct vd_alert_store *store, const struct work *w)
{
    const int64_t now_ms = vd_clock_utc_ms();
    const int64_t asked_ms = (int64_t)w->retry_after_s * 1000;
    const int64_t wait_ms = backoff_ms(w->rhythm, w->fetch->failures);
    const struct vd_feed_fetched fetched = {
        .now_ms = now_ms, .next_ms = now_ms + (asked_ms > wait_ms ? asked_ms : wait_ms)};

    vd_log(VD_LOG_WARN, "intel.not_fetched", "feed=\"%s\" problem=\"%s\" failures=%u",
        w->fetch->name, w->problem, w->fetch->failures + 1);
    return vd_feed_fetch_failed(store, w->fetch, &fetched, w->problem);
}

static int store_success(struct vd_alert_store *store, struct work *w)
{
    const int64_t now_ms = vd_clock_utc_ms();
    const int64_t interval_ms = w->fetch->settings.interval_ms;
    const struct vd_str text = {(const char *)w->text.data, w->text.length};
    const struct vd_feed_fetched fetched = {
        .text = w->is_unchanged ? NULL : &text,
        .validators = &w->validators,
        .now_ms = now_ms,
        .next_ms = now_ms + interval_ms + random_up_to(interval_ms / SPREAD),
    };
    struct vd_feed_report report;
    int error = vd_feed_fetch_done(store, w->fetch, &fetched, &report, w->problem);

    if (error == VD_OK) {
        vd_log(VD_LOG_INFO, "intel.fetched", "feed=\"%s\" changed=%d used=%llu refused=%llu",
            w->fetch->name, !w->is_unchanged, (unsigned long long)report.used,
            (unsigned long long)report.refused);
    }
    return error;
}

static int fetch(struct vd_alert_store *store, struct vd_http_get *get,
    const struct vd_feed_rhythm *rhythm, const struct vd_feed_fetch *fetch)
{
    struct work w = {.get = get, .fetch = fetch, .rhythm = rhythm, .validators = fetch->validators};
    int error = store_begin(store, &w);

    if (error == VD_OK && fetch->problem[0] != '\0') {
        memcpy(w.problem, fetch->problem, sizeof w.problem);
        error = VD_E_INVALID;
    } else if (error == VD_OK) {
        error = fetch->settings.is_taxii ? get_collection(&w) : get_text(&w);
    }
    if (error == VD_OK) {
        error = store_success(store, &w);
    }
    if (is_of_source(error) && w.problem[0] != '\0') {
        error = store_failure(store, &w);
    }
    vd_buf_release(&w.text);
    return error == VD_E_CHANGED ? VD_OK : error;
}

int vd_feed_fetch_now(struct vd_alert_store *store, struct vd_http_get *get,
    const struct vd_feed_rhythm *rhythm, const char *name)
{
    struct vd_feed_fetch begun;
    int error = name != NULL ? vd_feed_fetch_begin(store, name, &begun)
                             : vd_feed_fetch_due(store, vd_clock_utc_ms(), &begun);

    if (error == VD_OK) {
        error = fetch(store, get, rhythm, &begun);
        vd_feed_fetch_release(&begun);
    }
    return error;
}
