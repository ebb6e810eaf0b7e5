/* SPDX-License-Identifier: MIT */
/* Answers that go on: who gives them adds to them from any thread, the loop sends. */

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "api/http_internal.h"

/* What may wait to be sent: a client that reads so slowly is behind for good. */
#define UNSENT_MAX_BYTES 65536u

struct vd_http_stream {
    struct vd_http *http;
    struct vd_http_stream *next; /* in http->streams; with its lock, as what follows */
    struct evbuffer *added;      /* that the loop has not taken yet */
    bool is_begun;               /* the loop has sent the headers */
    bool is_gone;                /* nobody will read any more of it */
    bool is_closed;              /* nobody will add any more */
    /* The loop's. */
    struct evhttp_request *request; /* NULL: it is at its end */
    struct vd_http_watch *watch;    /* that the client goes */
    bool is_ending;                 /* its last is on the way */
};

/* ---- Whoever gives it ---- */

struct vd_http_stream *vd_http_stream_open(struct vd_http_later *later)
{
    struct job *job = (struct job *)later;
    struct vd_http *http = later->to;
    struct vd_http_stream *stream = calloc(1, sizeof *stream);

    if (stream == NULL || (stream->added = evbuffer_new()) == NULL) {
        free(stream);
        return NULL;
    }
    stream->http = http;
    pthread_mutex_lock(&http->lock);
    if (http->stream_count >= VD_HTTP_STREAMS_MAX || http->stopping) {
        pthread_mutex_unlock(&http->lock);
        evbuffer_free(stream->added);
        free(stream);
        return NULL;
    }
    stream->next = http->streams;
    http->streams = stream;
    http->stream_count++;
    pthread_mutex_unlock(&http->lock);
    job->stream = stream;
    return stream;
}

bool vd_http_stream_send(struct vd_http_stream *stream, const void *data, size_t length)
{
    struct vd_http *http = stream->http;
    bool taken = false;

    pthread_mutex_lock(&http->lock);
    if (!stream->is_gone && !http->stopping &&
        evbuffer_get_length(stream->added) + length <= UNSENT_MAX_BYTES) {
        taken = evbuffer_add(stream->added, data, length) == 0;
    }
    pthread_mutex_unlock(&http->lock);
    if (taken && length > 0) {
        vd_http_wake(http);
    }
    return taken;
}

void vd_http_stream_close(struct vd_http_stream *stream)
{
    struct vd_http *http = stream->http;

    pthread_mutex_lock(&http->lock);
    stream->is_closed = true;
    /* The loop frees it as soon as it sees this: no word of it behind the lock. */
    vd_http_wake(http);
    pthread_mutex_unlock(&http->lock);
}

/* ---- The loop ---- */

/* Nothing more is sent. */
static void let_go(struct vd_http_stream *stream)
{
    vd_http_watch_end(stream->watch);
    stream->watch = NULL;
    stream->request = NULL;
    pthread_mutex_lock(&stream->http->lock);
    stream->is_gone = true;
    pthread_mutex_unlock(&stream->http->lock);
}

static void client_gone(struct evhttp_connection *connection, void *context)
{
    struct vd_http_stream *stream = context;
    struct evhttp_request *request = stream->request;

    (void)connection;
    let_go(stream);
    /* After an error the request is no longer its connection's, which would free it. */
    if (evhttp_request_get_connection(request) == NULL) {
        evhttp_request_free(request);
    }
    vd_http_wake(stream->http);
}

static void cut_off(struct vd_http_stream *stream)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(stream->request);

    evhttp_connection_set_closecb(connection, NULL, NULL);
    let_go(stream);
    evhttp_connection_free(connection);
    vd_http_wake(stream->http);
}

static void client_closed(void *context)
{
    cut_off(context);
}

/* All of it has gone out. */
static void sent(struct evhttp_request *request, void *context)
{
    struct vd_http_stream *stream = context;

    evhttp_connection_set_closecb(evhttp_request_get_connection(request), NULL, NULL);
    let_go(stream);
    vd_http_wake(stream->http);
}

void vd_http_stream_begin(struct vd_http_stream *stream, struct evhttp_request *request)
{
    struct vd_http *http = stream->http;
    struct evhttp_connection *connection = NULL;

    stream->request = request;
    if (request != NULL) {
        connection = evhttp_request_get_connection(request);
        evhttp_connection_set_closecb(connection, client_gone, stream);
        stream->watch = vd_http_watch_begin(http->base, connection, client_closed, stream);
        evhttp_send_reply_start(request, 200, NULL);
    }
    pthread_mutex_lock(&http->lock);
    stream->is_begun = true;
    stream->is_gone = request == NULL;
    pthread_mutex_unlock(&http->lock);
}

/* Sends what was added; a client that has not taken what went before is cut off. */
static void send_added(struct vd_http_stream *stream, struct evbuffer *added)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(stream->request);
    struct evbuffer *unsent = bufferevent_get_output(evhttp_connection_get_bufferevent(connection));

    if (evbuffer_get_length(unsent) + evbuffer_get_length(added) > UNSENT_MAX_BYTES) {
        cut_off(stream);
    } else {
        evhttp_send_reply_chunk(stream->request, added);
    }
}

/* The last of it. */
static void end(struct vd_http_stream *stream)
{
    struct evhttp_request *request = stream->request;

    stream->is_ending = true;
    vd_http_tls_end(request);
    evhttp_request_set_on_complete_cb(request, sent, stream);
    evhttp_send_reply_end(request);
}

/* What there is to do for a stream, taken with the lock. */
struct task {
    struct vd_http_stream *stream;
    struct evbuffer *added; /* to be sent; NULL: nothing */
    bool is_last;
    bool is_late; /* the end has been waited for */
};

static void run_task(const struct task *task)
{
    struct vd_http_stream *stream = task->stream;

    if (task->added != NULL && stream->request != NULL && !stream->is_ending) {
        send_added(stream, task->added);
    }
    if (task->is_last && stream->request != NULL && !stream->is_ending) {
        end(stream);
    }
    if (task->is_late && stream->request != NULL) {
        cut_off(stream);
    }
    if (task->added != NULL) {
        evbuffer_free(task->added);
    }
}

/* Takes those off that are closed and gone. With the lock. */
static void sweep(struct vd_http *http)
{
    struct vd_http_stream **at = &http->streams;

    while (*at != NULL) {
        struct vd_http_stream *stream = *at;

        if (!stream->is_closed || !stream->is_begun || !stream->is_gone) {
            at = &stream->next;
            continue;
        }
        *at = stream->next;
        http->stream_count--;
        evbuffer_free(stream->added);
        free(stream);
    }
    if (http->stream_count == 0) {
        pthread_cond_broadcast(&http->worker_ended);
    }
}

void vd_http_streams_run(struct vd_http *http)
{
    struct task tasks[VD_HTTP_STREAMS_MAX];
    size_t count = 0;

    pthread_mutex_lock(&http->lock);
    for (struct vd_http_stream *stream = http->streams; stream != NULL; stream = stream->next) {
        struct evbuffer *fresh = NULL;

        if (!stream->is_begun || stream->is_gone) {
            continue;
        }
        tasks[count] =
            (struct task){stream, NULL, stream->is_closed || http->stopping, http->cuts_streams};
        if (evbuffer_get_length(stream->added) > 0 && (fresh = evbuffer_new()) != NULL) {
            tasks[count].added = stream->added;
            stream->added = fresh;
        }
        count++;
    }
    pthread_mutex_unlock(&http->lock);
    for (size_t i = 0; i < count; i++) {
        run_task(&tasks[i]);
    }
    pthread_mutex_lock(&http->lock);
    sweep(http);
    pthread_mutex_unlock(&http->lock);
}
