/* SPDX-License-Identifier: MIT */
/* Feeds of indicators, and what an address falls under. */

#include "center/store/feeds.h"
#include "api/handlers.h"
#include "center/feed_fetch.h"
#include "lib/clock.h"
#include "lib/json_text.h"
#include "lib/log.h"

/* How long an answer waits for the center to match by what has changed. */
#define IN_USE_WAIT_MS 3000
/* And for a feed's URL, which may be slow. */
#define FETCH_WAIT_MS 10000

/* What was asked for counts when the answer comes, unless the set is so large that its build takes longer. */
static void wait_in_use(const struct vd_api *api)
{
    if (api->center != NULL && !vd_feeds_wait_in_use(api->alerts, IN_USE_WAIT_MS)) {
        vd_log(VD_LOG_INFO, "intel.building", "waited_ms=%d", IN_USE_WAIT_MS);
    }
}

/* Has a feed that has a URL fetched now: by the center, which may go on with it after the answer, or here. */
static int fetch(const struct vd_api *api, const char *name)
{
    struct vd_http_get *get = NULL;
    int error;

    if (api->center != NULL) {
        if (!vd_feeds_wait_fetched(api->alerts, name, FETCH_WAIT_MS)) {
            vd_log(VD_LOG_INFO, "intel.fetching", "feed=\"%s\" waited_ms=%d", name, FETCH_WAIT_MS);
        }
        return VD_OK;
    }
    error = vd_http_get_new(&get);
    if (error == VD_OK) {
        error = vd_feed_fetch_now(api->alerts, get, &vd_feed_rhythm_default, name);
    }
    vd_http_get_free(get);
    return error;
}

/* NULL (answer set): there is none. */
static json_t *find_feed(const struct vd_api *api, const char *name, struct vd_api_answer *answer)
{
    json_t *feeds = NULL;
    json_t *feed = NULL;
    int error = vd_feeds_list(api->alerts, name, &feeds);

    if (error == VD_OK) {
        feed = json_incref(json_array_get(feeds, 0));
        error = feed == NULL ? VD_E_NOT_FOUND : VD_OK;
        json_decref(feeds);
    }
    if (error != VD_OK) {
        vd_api_fail_error(answer, error, name);
    }
    return feed;
}

/* A URL may hold a key. */
static void hide_secrets(const struct vd_api_args *args, json_t *feed)
{
    json_t *settings = json_object_get(feed, "settings");

    if (args->caller->role < VD_ROLE_CONTRIBUTOR) {
        vd_api_hide_url(settings, "url");
        vd_api_hide_url(settings, "taxii");
    }
}

static void reply_feed(const struct vd_api *api, const struct vd_api_args *args, const char *name,
    struct vd_api_answer *answer)
{
    json_t *feed = find_feed(api, name, answer);
    uint64_t total = 0;

    if (feed != NULL && vd_feeds_count(api->alerts, &total) == VD_OK) {
        json_object_set_new(feed, "total", json_integer((json_int_t)total));
    }
    if (feed != NULL) {
        hide_secrets(args, feed);
        vd_api_reply(answer, 200, feed);
    }
}

void vd_api_feed_list(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    json_t *feeds = NULL;
    int error = vd_feeds_list(api->alerts, NULL, &feeds);

    if (error != VD_OK) {
        vd_api_fail_error(answer, error, "the list of feeds");
        return;
    }
    for (size_t i = 0; i < json_array_size(feeds); i++) {
        hide_secrets(args, json_array_get(feeds, i));
    }
    vd_api_reply(answer, 200, json_pack("{s:o}", "feeds", feeds));
}

void vd_api_feed_get(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    reply_feed(api, args, args->id, answer);
}

/* Whether there is such a feed with a URL that is in use. */
static bool is_fetched(const struct vd_api *api, const char *name)
{
    json_t *feeds = NULL;
    const json_t *feed;
    bool is;

    if (vd_feeds_list(api->alerts, name, &feeds) != VD_OK) {
        return false;
    }
    feed = json_array_get(feeds, 0);
    is = json_is_object(json_object_get(feed, "source")) &&
        !json_is_false(json_object_get(json_object_get(feed, "settings"), "enabled"));
    json_decref(feeds);
    return is;
}

static void put(const struct vd_api *api, const struct vd_api_args *args,
    const struct vd_feed_put *feed, struct vd_api_answer *answer)
{
    struct vd_feed_report report;
    char problem[VD_FEED_PROBLEM_SIZE] = "";
    int error;

    if (!vd_feed_name_is_valid(feed->name)) {
        vd_api_fail(answer, 400, "InvalidParameter",
            "feed is to be 1 to %d letters, digits, blanks and - . _", VD_FEED_NAME_MAX);
        return;
    }
    error = vd_feeds_put(api->alerts, feed, &report, problem);
    if (error == VD_E_INVALID) {
        vd_api_fail(answer, 400, "InvalidFeed", "%s; nothing was changed", problem);
        return;
    }
    if (error != VD_OK) {
        vd_api_fail_error(answer, error, problem[0] != '\0' ? problem : "the feed");
        return;
    }
    vd_log(VD_LOG_INFO, "intel.put", "feed=\"%s\" used=%llu refused=%llu", feed->name,
        (unsigned long long)report.used, (unsigned long long)report.refused);
    error = is_fetched(api, feed->name) ? fetch(api, feed->name) : VD_OK;
    if (error != VD_OK) {
        vd_api_fail_error(answer, error, feed->name);
        return;
    }
    wait_in_use(api);
    reply_feed(api, args, feed->name, answer);
}

void vd_api_feed_put(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    json_t *body = vd_api_body_object(args, answer);
    const json_t *text_json = json_object_get(body, "text");
    const struct vd_str text = {json_string_value(text_json), json_string_length(text_json)};
    const struct vd_feed_put feed = {
        .name = args->id,
        .settings = json_object_get(body, "settings"),
        .text = text_json != NULL ? &text : NULL,
        .now_ms = vd_clock_utc_ms(),
        .credential = json_object_get(body, "credential"),
    };

    if (body == NULL) {
        return;
    }
    if (text_json != NULL && !json_is_string(text_json)) {
        vd_api_fail(answer, 400, "InvalidBody", "text is to be text");
    } else if (vd_api_may_set(args, feed.settings, answer)) {
        put(api, args, &feed, answer);
    }
    json_decref(body);
}

void vd_api_feed_delete(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    int error = vd_feeds_remove(api->alerts, args->id);

    if (error != VD_OK) {
        vd_api_fail_error(answer, error, args->id);
        return;
    }
    vd_log(VD_LOG_INFO, "intel.removed", "feed=\"%s\"", args->id);
    wait_in_use(api);
    answer->status = 204;
}

void vd_api_feed_refresh(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    json_t *feed = find_feed(api, args->id, answer);
    int error;

    if (feed == NULL) {
        return;
    }
    json_decref(feed);
    if (is_fetched(api, args->id)) {
        error = vd_feeds_ask_fetch(api->alerts, args->id);
        error = error == VD_OK ? fetch(api, args->id) : error;
    } else {
        error = vd_feeds_refresh(api->alerts, args->id, vd_clock_utc_ms());
    }
    if (error == VD_E_NOT_FOUND) {
        vd_api_fail(answer, 400, "NoSource",
            "%.64s has no file to be read again and no URL, or is off", args->id);
    } else if (error != VD_OK) {
        vd_api_fail_error(answer, error, args->id);
    } else {
        wait_in_use(api);
        reply_feed(api, args, args->id, answer);
    }
}

void vd_api_indicator_import(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    const char *name = vd_api_param(args, "feed");
    const struct vd_feed_put feed = {
        .name = name != NULL ? name : "",
        .text = &args->body,
        .now_ms = vd_clock_utc_ms(),
    };

    put(api, args, &feed, answer);
}

/* ---- What an address falls under ---- */

static void set_bound(json_t *json, const char *name, int64_t utc_ms)
{
    char text[VD_TIME_TEXT_SIZE];

    if (utc_ms != 0) {
        vd_time_format(utc_ms, text);
    }
    json_object_set_new(json, name, utc_ms != 0 ? json_string(text) : json_null());
}

static json_t *match_json(const struct vd_indicator_match *match)
{
    static const char *const levels[] = {"", "clear", "green", "amber", "amber+strict", "red"};
    json_t *json = json_pack("{s:s, s:s, s:b, s:s, s:o, s:s, s:o, s:I}", "indicator", match->text,
        "feed", match->feed, "isException", (int)match->is_exception, "severity", match->severity,
        "confidence",
        match->confidence == VD_CONFIDENCE_UNKNOWN ? json_null() : json_integer(match->confidence),
        "tlp", match->tlp <= VD_TLP_RED ? levels[match->tlp] : "", "description",
        vd_json_text(vd_str_from(match->description)), "line", (json_int_t)match->line);

    set_bound(json, "validFrom", match->valid_from_ms);
    set_bound(json, "validUntil", match->valid_until_ms);
    return json;
}

static void note(const struct vd_indicator_match *match, void *context)
{
    json_array_append_new(context, match_json(match));
}

void vd_api_indicator_check(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    const char *address = vd_api_param(args, "address");
    struct vd_indicator_line line;
    struct vd_indicator_match match;
    struct vd_indicator_set *set = NULL;
    json_t *indicators;
    int64_t generation;
    bool matches;
    int error;

    if (address == NULL || vd_indicator_parse(vd_str_from(address), &line) != NULL ||
        memcmp(&line.range.from, &line.range.to, sizeof line.range.from) != 0) {
        vd_api_fail(answer, 400, "InvalidParameter", "address is to be an IPv4 or IPv6 address");
        return;
    }
    error = vd_feeds_load(api->alerts, false, vd_clock_utc_ms(), &generation, &set);
    if (error != VD_OK) {
        vd_api_fail_error(answer, error, "the indicators");
        return;
    }
    indicators = json_array();
    vd_indicator_set_visit(set, &line.range.from, note, indicators);
    matches = vd_indicator_set_match(set, &line.range.from, vd_clock_utc_ms(), &match);
    vd_api_reply(answer, 200,
        json_pack("{s:s, s:o, s:o}", "address", line.text, "matches",
            matches ? match_json(&match) : json_null(), "indicators", indicators));
    vd_indicator_set_release(set);
}
