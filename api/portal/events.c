/* SPDX-License-Identifier: MIT */
/* Tells pages what has changed: a thread that looks at the stores while somebody listens. */

#include "api/portal/events.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "api/portal/marks.h"
#include "lib/clock.h"
#include "lib/log.h"

/* "event: recommendations\ndata: -9223372036854775808\n\n" and a NUL. */
#define EVENT_SIZE 64

struct listener {
    struct vd_http_stream *stream; /* NULL: the place is free */
    char cookie[VD_PORTAL_SESSION_TEXT_SIZE];
    char token[VD_NAME_MAX + 1]; /* the session's, its name */
    bool is_new;                 /* has been told nothing yet */
    unsigned
        next; /* the topic that is looked at first: none waits for others that change all the time */
    int64_t told[VD_PORTAL_TOPIC_COUNT];
    int64_t beat_at_ms; /* monotonic */
};

struct vd_portal_events {
    struct vd_portal_events_config config;
    struct vd_portal_marks marks; /* the thread's */
    pthread_t thread;
    pthread_mutex_t lock; /* for what follows */
    pthread_cond_t changed;
    struct listener listeners[VD_HTTP_STREAMS_MAX];
    unsigned count;
    bool stopping;
};

/* False: the stream is of no use any more. */
static bool tell(struct listener *listener, enum vd_portal_topic topic, int64_t number)
{
    char text[EVENT_SIZE];
    const int length = snprintf(text, sizeof text, "event: %s\ndata: %lld\n\n",
        vd_portal_topic_name(topic), (long long)number);

    listener->told[topic] = number;
    return vd_http_stream_send(listener->stream, text, (size_t)length);
}

/* All that there is, for a page that was not there or missed something; and how soon a browser comes back. */
static bool tell_all(struct listener *listener, const struct vd_portal_marks *marks)
{
    static const char retry[] = "retry: 3000\n\n";
    bool good = vd_http_stream_send(listener->stream, retry, sizeof retry - 1);

    for (unsigned i = 0; good && i < VD_PORTAL_TOPIC_COUNT; i++) {
        good = tell(listener, (enum vd_portal_topic)i, marks->numbers[i]);
    }
    listener->is_new = false;
    return good;
}

/* One change, if there is any. */
static bool tell_next(struct listener *listener, const struct vd_portal_marks *marks)
{
    for (unsigned i = 0; i < VD_PORTAL_TOPIC_COUNT; i++) {
        const unsigned topic = (listener->next + i) % VD_PORTAL_TOPIC_COUNT;

        if (listener->told[topic] != marks->numbers[topic]) {
            listener->next = topic + 1;
            return tell(listener, (enum vd_portal_topic)topic, marks->numbers[topic]);
        }
    }
    return vd_http_stream_send(listener->stream, "", 0); /* is it there still? */
}

/* Whether the session still holds; a registry that cannot be read ends none. */
static bool may_go_on(const struct vd_portal_events *events, const struct listener *listener)
{
    struct vd_portal_session session;
    const int error = vd_portal_session_check(events->config.keys, events->config.api->registry,
        vd_str_from(listener->cookie), vd_clock_utc_ms(), &session);

    return error != VD_E_INVALID && error != VD_E_DENIED && error != VD_E_EXPIRED;
}

static bool beat(struct vd_portal_events *events, struct listener *listener, int64_t now_ms)
{
    static const char comment[] = ":\n\n";

    if (now_ms < listener->beat_at_ms) {
        return true;
    }
    listener->beat_at_ms = now_ms + events->config.beat_ms;
    return may_go_on(events, listener) &&
        vd_http_stream_send(listener->stream, comment, sizeof comment - 1);
}

static void serve(struct vd_portal_events *events, struct listener *listener, int64_t now_ms)
{
    const bool good = (listener->is_new ? tell_all(listener, &events->marks)
                                        : tell_next(listener, &events->marks)) &&
        beat(events, listener, now_ms);

    if (!good) {
        vd_http_stream_close(listener->stream);
        listener->stream = NULL;
        events->count--;
    }
}

/* Monotonic time, as the condition's. */
static void wait_until(struct vd_portal_events *events, int64_t ms)
{
    const struct timespec until = {ms / 1000, ms % 1000 * 1000000L};

    pthread_cond_timedwait(&events->changed, &events->lock, &until);
}

/* Waits for somebody who listens, and then for the next look. False: it is the end. With the lock. */
static bool await(struct vd_portal_events *events, int64_t *look_at_ms)
{
    while (!events->stopping && events->count == 0) {
        pthread_cond_wait(&events->changed, &events->lock);
    }
    while (!events->stopping && vd_clock_monotonic_ms() < *look_at_ms) {
        wait_until(events, *look_at_ms);
    }
    *look_at_ms = vd_clock_monotonic_ms() + VD_PORTAL_TICK_MS;
    return !events->stopping;
}

static void *run(void *context)
{
    struct vd_portal_events *events = context;
    int64_t look_at_ms = 0;

    pthread_mutex_lock(&events->lock);
    while (await(events, &look_at_ms)) {
        const int64_t now_ms = vd_clock_monotonic_ms();

        pthread_mutex_unlock(&events->lock);
        vd_portal_marks_update(&events->marks, events->config.api, now_ms);
        pthread_mutex_lock(&events->lock);
        for (size_t i = 0; i < VD_HTTP_STREAMS_MAX; i++) {
            if (events->listeners[i].stream != NULL) {
                serve(events, &events->listeners[i], now_ms);
            }
        }
    }
    pthread_mutex_unlock(&events->lock);
    return NULL;
}

/* With the lock. */
static bool has_share(const struct vd_portal_events *events, const char *token)
{
    unsigned streams = 0;

    for (size_t i = 0; i < VD_HTTP_STREAMS_MAX; i++) {
        const struct listener *listener = &events->listeners[i];

        streams += listener->stream != NULL && strcmp(listener->token, token) == 0 ? 1 : 0;
    }
    return streams < VD_PORTAL_TOKEN_STREAMS_MAX;
}

bool vd_portal_events_add(struct vd_portal_events *events, struct vd_http_later *later,
    const struct vd_portal_session *session, struct vd_str cookie)
{
    struct listener listener = {
        .is_new = true, .beat_at_ms = vd_clock_monotonic_ms() + events->config.beat_ms};
    bool added = false;
    bool may;

    if (later == NULL || vd_str_copy(cookie, listener.cookie, sizeof listener.cookie) != VD_OK) {
        return false;
    }
    snprintf(listener.token, sizeof listener.token, "%s", session->token.name);
    pthread_mutex_lock(&events->lock);
    may = !events->stopping && has_share(events, listener.token);
    for (size_t i = 0; may && !added && i < VD_HTTP_STREAMS_MAX; i++) {
        if (events->listeners[i].stream == NULL) {
            listener.stream = vd_http_stream_open(later);
            if (listener.stream == NULL) {
                break;
            }
            events->listeners[i] = listener;
            events->count++;
            added = true;
        }
    }
    pthread_cond_signal(&events->changed);
    pthread_mutex_unlock(&events->lock);
    return added;
}

int vd_portal_events_new(
    const struct vd_portal_events_config *config, struct vd_portal_events **out)
{
    struct vd_portal_events *events = calloc(1, sizeof *events);
    pthread_condattr_t monotonic;

    if (events == NULL) {
        return VD_E_NOMEM;
    }
    events->config = *config;
    events->config.beat_ms = config->beat_ms > 0 ? config->beat_ms : VD_PORTAL_BEAT_MS;
    vd_portal_marks_init(&events->marks, vd_clock_utc_ms());
    pthread_mutex_init(&events->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&events->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&events->thread, NULL, run, events) != 0) {
        pthread_cond_destroy(&events->changed);
        pthread_mutex_destroy(&events->lock);
        free(events);
        return VD_E_NOMEM;
    }
    *out = events;
    return VD_OK;
}

void vd_portal_events_free(struct vd_portal_events *events)
{
    if (events == NULL) {
        return;
    }
    pthread_mutex_lock(&events->lock);
    events->stopping = true;
    pthread_cond_signal(&events->changed);
    pthread_mutex_unlock(&events->lock);
    pthread_join(events->thread, NULL);
    pthread_cond_destroy(&events->changed);
    pthread_mutex_destroy(&events->lock);
    vd_secret_wipe(events->listeners, sizeof events->listeners);
    free(events);
}
