/* SPDX-License-Identifier: MIT */
/* Reads the twin, applies what it says to the module, and reports what came of it. */

#include "azure_iot_security_module/ports/linux/asc_linux_twin.h"

#include "azure_iot_security_module/ports/linux/asc_linux_log.h"

/* A hub that closes the connection on SUBSCRIBE must not keep telemetry from getting through. */
#define LOST_MOST 2u

#define ANSWERS "$iothub/twin/res/"
#define DESIRED "$iothub/twin/PATCH/properties/desired/"

const char *const asc_linux_twin_filters[ASC_LINUX_TWIN_FILTERS] = {ANSWERS "#", DESIRED "#"};

void asc_linux_twin_init(
    struct asc_linux_twin *t, struct asc_twin *twin, uint32_t answer_ms, uint32_t retry_ms)
{
    *t = (struct asc_linux_twin){.twin = twin, .answer_ms = answer_ms, .retry_ms = retry_ms};
}

static void set_state(struct asc_linux_twin *t, enum asc_linux_twin_state state)
{
    static const char *const names[] = {"off", "beginning", "subscribing", "listening", "refused"};

    asc_linux_log(
        ASC_LINUX_LOG_DEBUG, "twin_state", "from=%s to=%s", names[t->state], names[state]);
    t->state = state;
}

void asc_linux_twin_online(struct asc_linux_twin *t)
{
    if (t->twin == NULL) {
        return;
    }
    if (t->lost >= LOST_MOST) {
        asc_linux_log(ASC_LINUX_LOG_WARN, "twin_left_out",
            "reason=\"the hub ended %u connections when asked for the twin\"", t->lost);
        t->lost = 0;
        return;
    }
    set_state(t, ASC_LINUX_TWIN_BEGINNING);
    /* What was sent on another connection is not answered on this one. */
    t->read = (struct asc_linux_twin_request){.wanted = true};
    t->report = (struct asc_linux_twin_request){.wanted = false};
}

void asc_linux_twin_offline(struct asc_linux_twin *t)
{
    if (t->state == ASC_LINUX_TWIN_OFF) {
        return;
    }
    t->lost = t->state == ASC_LINUX_TWIN_SUBSCRIBING ? t->lost + 1 : 0;
    set_state(t, ASC_LINUX_TWIN_OFF);
}

/* --- Requests ------------------------------------------------------------------------------------- */

static void want(struct asc_linux_twin_request *r, uint64_t due_ms)
{
    *r = (struct asc_linux_twin_request){.wanted = true, .due_ms = due_ms};
}

/* Gives the request a number and the time that its answer has. */
static void sent(struct asc_linux_twin *t, struct asc_linux_twin_request *r, uint64_t now_ms)
{
    t->rid = t->rid == UINT32_MAX ? 1 : t->rid + 1;
    *r = (struct asc_linux_twin_request){.rid = t->rid, .due_ms = now_ms + t->answer_ms};
}

static void check_answer(
    struct asc_linux_twin *t, struct asc_linux_twin_request *r, const char *what, uint64_t now_ms)
{
    if (r->rid != 0 && now_ms >= r->due_ms) {
        asc_linux_log(
            ASC_LINUX_LOG_WARN, "twin_unanswered", "request=%s retry_ms=%u", what, t->retry_ms);
        want(r, now_ms + t->retry_ms);
    }
}

static bool begin_read(struct asc_linux_twin *t, uint64_t now_ms)
{
    if (!t->read.wanted || now_ms < t->read.due_ms) {
        return false;
    }
    sent(t, &t->read, now_ms);
    snprintf(t->topic, sizeof t->topic, "$iothub/twin/GET/?$rid=%u", t->read.rid);
    t->payload = " ";
    return true;
}

/* A report that the hub has already is not sent again. */
static bool begin_report(struct asc_linux_twin *t, uint64_t now_ms)
{
    if (!t->report.wanted || now_ms < t->report.due_ms) {
        return false;
    }
    (void)asc_twin_report(t->twin, t->sent, sizeof t->sent);
    if (strcmp(t->sent, t->accepted) == 0) {
        t->report.wanted = false;
        return false;
    }
    sent(t, &t->report, now_ms);
    snprintf(t->topic, sizeof t->topic, "$iothub/twin/PATCH/properties/reported/?$rid=%u",
        t->report.rid);
    t->payload = t->sent;
    return true;
}

enum asc_linux_twin_want asc_linux_twin_next(struct asc_linux_twin *t, uint64_t now_ms)
{
    if (t->state == ASC_LINUX_TWIN_BEGINNING) {
        set_state(t, ASC_LINUX_TWIN_SUBSCRIBING);
        return ASC_LINUX_TWIN_SUBSCRIBE;
    }
    if (t->state != ASC_LINUX_TWIN_LISTENING) {
        return ASC_LINUX_TWIN_NOTHING;
    }
    check_answer(t, &t->read, "read", now_ms);
    check_answer(t, &t->report, "report", now_ms);
    return begin_read(t, now_ms) || begin_report(t, now_ms) ? ASC_LINUX_TWIN_PUBLISH
                                                            : ASC_LINUX_TWIN_NOTHING;
}

static uint64_t request_due_ms(const struct asc_linux_twin_request *r)
{
    return r->wanted || r->rid != 0 ? r->due_ms : UINT64_MAX;
}

uint64_t asc_linux_twin_due_ms(const struct asc_linux_twin *t)
{
    uint64_t read_ms = request_due_ms(&t->read), report_ms = request_due_ms(&t->report);

    if (t->state == ASC_LINUX_TWIN_BEGINNING) {
        return 0;
    }
    if (t->state != ASC_LINUX_TWIN_LISTENING) {
        return UINT64_MAX;
    }
    return read_ms < report_ms ? read_ms : report_ms;
}

/* --- Answers -------------------------------------------------------------------------------------- */

void asc_linux_twin_subscribed(struct asc_linux_twin *t, uint8_t granted)
{
    if (t->state != ASC_LINUX_TWIN_SUBSCRIBING) {
        return;
    }
    if (granted == (1u << ASC_LINUX_TWIN_FILTERS) - 1u) {
        set_state(t, ASC_LINUX_TWIN_LISTENING);
        return;
    }
    set_state(t, ASC_LINUX_TWIN_REFUSED);
    if (!t->told) {
        t->told = true;
        asc_linux_log(ASC_LINUX_LOG_INFO, "twin_none",
            "reason=\"the hub has no twins: settings stay as they are\"");
    }
}

/* Applies a document and sees to what it asks for. */
static void apply(
    struct asc_linux_twin *t, const char *json, uint32_t length, bool patch, uint64_t now_ms)
{
    /* One that could not be held is longer than any that is read. */
    enum asc_twin_result result = json != NULL
        ? asc_twin_apply(t->twin, json, length, patch)
        : asc_twin_apply(t->twin, "", ASC_TWIN_DOCUMENT_MAX + 1, patch);

    switch (result) {
    case ASC_TWIN_APPLIED:
        asc_linux_log(ASC_LINUX_LOG_INFO, "twin_applied", "version=%u", t->twin->version);
        want(&t->report, now_ms);
        break;
    case ASC_TWIN_REFUSED:
        asc_linux_log(ASC_LINUX_LOG_WARN, "twin_refused", "version=%u offset=%u reason=\"%s\"",
            t->twin->version, t->twin->offset,
            asc_twin_fault_text((enum asc_twin_fault)t->twin->fault));
        want(&t->report, now_ms);
        break;
    case ASC_TWIN_BEHIND:
        want(&t->read, now_ms);
        break;
    default:
        break;
    }
}

/* Takes `prefix` off the front of what is left of a topic. */
static bool take(const char **at, const char *end, const char *prefix)
{
    size_t length = strlen(prefix);

    if ((size_t)(end - *at) < length || memcmp(*at, prefix, length) != 0) {
        return false;
    }
    *at += length;
    return true;
}

static bool take_number(const char **at, const char *end, uint32_t *out)
{
    const char *start = *at;
    uint64_t value = 0;

    while (*at < end && **at >= '0' && **at <= '9' && value <= UINT32_MAX) {
        value = value * 10 + (uint64_t)(*(*at)++ - '0');
    }
    *out = (uint32_t)value;
    return *at > start && value <= UINT32_MAX;
}

/* `{status}/?$rid={rid}`, and whatever properties follow. */
static bool take_answer(const char *at, const char *end, uint32_t *status, uint32_t *rid)
{
    return take_number(&at, end, status) && take(&at, end, "/?$rid=") &&
        take_number(&at, end, rid) && (at == end || *at == '&');
}

static void on_answer(struct asc_linux_twin *t, uint32_t status, uint32_t rid, const char *payload,
    uint32_t length, uint64_t now_ms)
{
    const bool read = rid == t->read.rid;
    struct asc_linux_twin_request *r = read ? &t->read : &t->report;

    if (rid == 0 || r->rid != rid) {
        return; /* one that was given up */
    }
    if (status / 100 == 2) {
        r->rid = 0;
        if (read) {
            apply(t, payload, length, false, now_ms);
        } else {
            memcpy(t->accepted, t->sent, sizeof t->accepted);
        }
        return;
    }
    asc_linux_log(ASC_LINUX_LOG_WARN, "twin_failed", "request=%s status=%u",
        read ? "read" : "report", status);
    *r = (struct asc_linux_twin_request){.wanted = false};
    /* Throttled, or the hub's own trouble; what it does not want now it will not want later. */
    if (status == 429 || status >= 500) {
        want(r, now_ms + t->retry_ms);
    }
}

void asc_linux_twin_message(struct asc_linux_twin *t, const char *topic, uint32_t topic_length,
    const char *payload, uint32_t length, uint64_t now_ms)
{
    const char *at = topic, *end = topic + topic_length;
    uint32_t status, rid;

    if (t->state != ASC_LINUX_TWIN_LISTENING) {
        return;
    }
    if (take(&at, end, DESIRED)) {
        apply(t, payload, length, true, now_ms);
    } else if (take(&at, end, ANSWERS) && take_answer(at, end, &status, &rid)) {
        on_answer(t, status, rid, payload, length, now_ms);
    } else {
        asc_linux_log(ASC_LINUX_LOG_DEBUG, "message_unexpected", "bytes=%u", length);
    }
}
