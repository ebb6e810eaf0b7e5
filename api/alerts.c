/* SPDX-License-Identifier: MIT */
/* Alerts: listed, shown, grouped by cause, and what is done with them. */

#include "api/handlers.h"
#include "api/local.h"
#include "center/alert_query.h"
#include "center/limits.h"
#include "center/store/alert_act.h"
#include "lib/clock.h"

#define LIMIT_MAX 100000
/* Alerts of one list: each comes with its evidence, some 50 KiB in memory, and `before` leads on. */
#define LIST_MAX 1000

/* ---- Reading ---- */

/* Parameter `name` as a time of UTC; 0 if it is absent. False (answer set) for what is none. */
static bool param_time(
    const struct vd_api_args *args, const char *name, int64_t *utc_ms, struct vd_api_answer *answer)
{
    const char *text = vd_api_param(args, name);

    if (text != NULL && vd_time_parse(text, utc_ms) != VD_OK) {
        vd_api_fail(answer, 400, "InvalidParameter",
            "%s is to be a time such as 2026-11-24T07:44:03Z", name);
        return false;
    }
    return true;
}

static bool read_state(
    const char *text, struct vd_alert_filter *filter, struct vd_api_answer *answer)
{
    const int state = text != NULL ? vd_alert_state_parse(text) : -1;

    if (text == NULL) {
        return true;
    }
    filter->state =
        strcasecmp(text, VD_ALERT_OPEN) == 0 ? VD_ALERT_OPEN : vd_alert_state_text(state);
    if (filter->state == NULL) {
        vd_api_fail(answer, 400, "InvalidParameter",
            "state is to be Open, New, InProgress, Dismissed or Resolved");
        return false;
    }
    return true;
}

static bool read_severity(
    const char *text, struct vd_alert_filter *filter, struct vd_api_answer *answer)
{
    static const char *const names[] = {"High", "Medium", "Low", "Informational"};

    for (size_t i = 0; text != NULL && i < sizeof names / sizeof names[0]; i++) {
        if (strcasecmp(text, names[i]) == 0) {
            filter->severity = names[i];
            return true;
        }
    }
    if (text != NULL) {
        vd_api_fail(answer, 400, "InvalidParameter",
            "severity is to be High, Medium, Low or Informational");
    }
    return text == NULL;
}

static bool read_sort(
    const char *text, struct vd_alert_filter *filter, struct vd_api_answer *answer)
{
    filter->by_severity = text != NULL && strcmp(text, "severity") == 0;
    if (text != NULL && !filter->by_severity && strcmp(text, "newest") != 0) {
        vd_api_fail(answer, 400, "InvalidParameter", "sort is to be newest or severity");
        return false;
    }
    return true;
}

/* The filter that the parameters make; its texts are theirs. False: answered. */
static bool read_filter(
    const struct vd_api_args *args, struct vd_alert_filter *filter, struct vd_api_answer *answer)
{
    int64_t limit = 0;
    int64_t among = 0;

    *filter = (struct vd_alert_filter){
        .device_id = vd_api_param(args, "device"),
        .type = vd_api_param(args, "type"),
        .cause = vd_api_param(args, "cause"),
        .text = vd_api_param(args, "text"),
        .group = vd_api_param(args, "group"),
    };
    if (!read_severity(vd_api_param(args, "severity"), filter, answer) ||
        !read_state(vd_api_param(args, "state"), filter, answer) ||
        !read_sort(vd_api_param(args, "sort"), filter, answer) ||
        !param_time(args, "from", &filter->from_ms, answer) ||
        !param_time(args, "to", &filter->to_ms, answer) ||
        !vd_api_param_number(args, "changedAfter", INT64_MAX, 0, &filter->changed_after, answer) ||
        !vd_api_param_number(args, "before", INT64_MAX, 0, &filter->before, answer) ||
        !vd_api_param_number(args, "limit", LIMIT_MAX, 1000, &limit, answer) ||
        !vd_api_param_number(args, "among", LIMIT_MAX, 0, &among, answer)) {
        return false;
    }
    filter->limit = (uint32_t)limit;
    filter->among = (uint32_t)among;
    return true;
}

void vd_api_alert_list(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    struct vd_alert_filter filter;
    json_t *alerts = NULL;
    const json_t *last;
    int64_t change = 0;
    int error;

    if (!read_filter(args, &filter, answer)) {
        return;
    }
    if (filter.limit > LIST_MAX) {
        vd_api_fail(answer, 400, "InvalidParameter",
            "limit is to be a number of 0 to %d: the rest is on further pages", LIST_MAX);
        return;
    }
    error = vd_alert_store_newest_change(api->alerts, &change);
    if (error == VD_OK) {
        error = vd_alert_store_list(api->alerts, &filter, &alerts);
    }
    if (error != VD_OK) {
        vd_api_fail_error(answer, error, "the list of alerts");
        return;
    }
    last = filter.changed_after == 0 && json_array_size(alerts) == filter.limit
        ? json_object_get(json_array_get(alerts, filter.limit - 1), "number")
        : NULL;
    vd_api_reply(answer, 200,
        json_pack("{s:o, s:I, s:I}", "alerts", alerts, "next", json_integer_value(last), "change",
            (json_int_t)change));
}

void vd_api_alert_groups(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    struct vd_alert_filter filter;
    json_t *groups = NULL;
    int error;

    if (!read_filter(args, &filter, answer)) {
        return;
    }
    error = vd_alert_store_groups(api->alerts, &filter, &groups);
    if (error != VD_OK) {
        vd_api_fail_error(answer, error, "the groups of alerts");
        return;
    }
    vd_api_reply(answer, 200, json_pack("{s:o}", "groups", groups));
}

void vd_api_alert_counts(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    struct vd_alert_filter filter;
    json_t *counts = NULL;
    const json_t *count;
    json_int_t sum = 0;
    size_t i;
    int error;

    if (!read_filter(args, &filter, answer)) {
        return;
    }
    error = vd_alert_store_count(api->alerts, &filter, &counts);
    if (error != VD_OK) {
        vd_api_fail_error(answer, error, "the number of alerts");
        return;
    }
    json_array_foreach(counts, i, count)
    {
        sum += json_integer_value(json_object_get(count, "alerts"));
    }
    vd_api_reply(answer, 200,
        json_pack("{s:o, s:b}", "counts", counts, "isPartial", sum == VD_ALERT_COUNT_MAX));
}

static void fail_ambiguous(struct vd_api_answer *answer, const char *id)
{
    vd_api_fail(
        answer, 400, "AmbiguousId", "%.64s begins the ids of several alerts: give more of it", id);
}

/* Whether it may begin an alert's id. False: answered. */
static bool is_id(const char *id, struct vd_api_answer *answer)
{
    const bool is_short = strlen(id) < VD_ALERT_ID_PREFIX_MIN;

    if (is_short) {
        vd_api_fail(answer, 400, "InvalidId",
            "%s: of an alert's id at least the first %d characters are needed", id,
            VD_ALERT_ID_PREFIX_MIN);
    }
    return !is_short;
}

void vd_api_alert_get(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    json_t *alert = NULL;
    int error;

    if (!is_id(args->id, answer)) {
        return;
    }
    error = vd_alert_store_get(api->alerts, args->id, &alert);
    if (error == VD_E_INVALID) {
        fail_ambiguous(answer, args->id);
    } else if (error != VD_OK) {
        vd_api_fail_error(answer, error, args->id);
    } else {
        vd_alert_add_query(alert);
        vd_api_reply(answer, 200, alert);
    }
}

/* ---- Acts ---- */

/* A dismissal's reason and end. False: answered. */
static bool read_dismissal(
    const json_t *body, struct vd_alert_act *act, struct vd_api_answer *answer)
{
    const char *reason = json_string_value(json_object_get(body, "reason"));
    const json_t *until = json_object_get(body, "until");
    const json_t *suppress = json_object_get(body, "suppress");
    const int known = reason != NULL ? vd_alert_reason_parse(reason) : -1;

    if (known < 0) {
        vd_api_fail(answer, 400, "InvalidBody",
            "reason is to be FalsePositive, Expected, Duplicate or Other");
        return false;
    }
    act->reason = (enum vd_alert_reason)known;
    if (until != NULL && !json_is_null(until) &&
        (!json_is_string(until) ||
            vd_time_parse(json_string_value(until), &act->until_ms) != VD_OK)) {
        vd_api_fail(
            answer, 400, "InvalidBody", "until is to be a time such as 2026-11-24T07:44:03Z");
        return false;
    }
    if (suppress != NULL &&
        (!json_is_boolean(suppress) || (json_is_false(suppress) && act->until_ms != 0))) {
        vd_api_fail(answer, 400, "InvalidBody", "suppress is to be true, or false without until");
        return false;
    }
    act->until_ms = json_is_false(suppress) ? VD_ALERT_SUPPRESS_NONE : act->until_ms;
    return true;
}

/* The act that the body describes, whose texts are the body's. False: answered. */
static bool read_act(const json_t *body, enum vd_alert_event event, struct vd_alert_act *act,
    struct vd_api_answer *answer)
{
    const json_t *text = json_object_get(body, "text");
    const json_t *if_change = json_object_get(body, "ifChange");

    act->event = event;
    act->now_ms = vd_clock_utc_ms();
    if ((text != NULL && !json_is_null(text) && !json_is_string(text)) ||
        (if_change != NULL && !json_is_integer(if_change))) {
        vd_api_fail(answer, 400, "InvalidBody", "text is to be text, and ifChange a number");
        return false;
    }
    act->text = json_string_value(text);
    act->if_change = json_integer_value(if_change);
    return event != VD_ALERT_DISMISS || read_dismissal(body, act, answer);
}

static void fail_act(
    struct vd_api_answer *answer, int error, const char *id, enum vd_alert_event event)
{
    switch (error) {
    case VD_E_INVALID:
        fail_ambiguous(answer, id);
        break;
    case VD_E_EXISTS:
        vd_api_fail(answer, 409, "NotInThisState", "%s is not for an alert in its state",
            vd_alert_event_text((int)event));
        break;
    case VD_E_LIMIT:
        vd_api_fail(answer, 400, "InvalidBody",
            "the text is to be of 4096 bytes at most, a note of one at least, and the end of a "
            "dismissal to come");
        break;
    case VD_E_CHANGED:
        vd_api_fail(answer, 412, "PreconditionFailed",
            "the alert has changed since it was read: read it again");
        break;
    default:
        vd_api_fail_error(answer, error, id);
        break;
    }
}

static void act_on(const struct vd_api *api, const struct vd_api_args *args,
    enum vd_alert_event event, struct vd_api_answer *answer)
{
    char actor[VD_API_CALLER_SIZE];
    struct vd_alert_act act = {.actor = actor};
    json_t *body = is_id(args->id, answer) ? vd_api_body_object(args, answer) : NULL;
    json_t *alert = NULL;
    int error;

    if (body == NULL) {
        return;
    }
    vd_api_caller_name(args->caller, actor);
    if (read_act(body, event, &act, answer)) {
        error = vd_alert_act(api->alerts, args->id, &act, &alert);
        if (error != VD_OK) {
            fail_act(answer, error, args->id, event);
        } else {
            vd_api_reply(answer, 200, alert);
        }
    }
    json_decref(body);
}

void vd_api_alert_start(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    act_on(api, args, VD_ALERT_START, answer);
}

void vd_api_alert_dismiss(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    act_on(api, args, VD_ALERT_DISMISS, answer);
}

void vd_api_alert_resolve(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    act_on(api, args, VD_ALERT_RESOLVE, answer);
}

void vd_api_alert_reopen(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    act_on(api, args, VD_ALERT_REOPEN, answer);
}

void vd_api_alert_note(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    act_on(api, args, VD_ALERT_NOTE, answer);
}

static bool is_unbounded(const struct vd_alert_filter *filter)
{
    return filter->device_id == NULL && filter->type == NULL && filter->cause == NULL &&
        filter->severity == NULL && filter->state == NULL && filter->text == NULL &&
        filter->group == NULL && filter->from_ms == 0 && filter->to_ms == 0;
}

void vd_api_alert_act_all(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    char actor[VD_API_CALLER_SIZE];
    struct vd_alert_act act = {.actor = actor};
    struct vd_alert_filter filter;
    json_t *body = vd_api_body_object(args, answer);
    const char *action = json_string_value(json_object_get(body, "action"));
    const int event = action != NULL ? vd_alert_event_parse(action) : -1;
    uint64_t changed = 0;
    int error;

    if (body == NULL || !read_filter(args, &filter, answer)) {
        json_decref(body);
        return;
    }
    vd_api_caller_name(args->caller, actor);
    if (event < 0 || event > VD_ALERT_NOTE) {
        vd_api_fail(
            answer, 400, "InvalidBody", "action is to be start, dismiss, resolve, reopen or note");
    } else if (is_unbounded(&filter)) {
        vd_api_fail(answer, 400, "InvalidParameter",
            "say which: by device, type, cause, severity, state, text, from or to");
    } else if (read_act(body, (enum vd_alert_event)event, &act, answer)) {
        error = vd_alert_act_all(api->alerts, &filter, &act, &changed);
        if (error != VD_OK) {
            fail_act(answer, error, "the alerts", act.event);
        } else {
            vd_api_reply(answer, 200, json_pack("{s:I}", "changed", (json_int_t)changed));
        }
    }
    json_decref(body);
}
