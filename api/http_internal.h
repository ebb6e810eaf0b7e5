/* SPDX-License-Identifier: MIT */
/* The server's inside: what its loop (http.c) and its workers (http_job.c) share. */

#ifndef VEDETTE_API_HTTP_INTERNAL_H
#define VEDETTE_API_HTTP_INTERNAL_H

#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <pthread.h>
#include <sys/types.h>
#include <sys/un.h>

#include "api/http_tls.h"
#include "api/http_watch.h"
#include "api/upgrade.h"
#include "lib/log.h"
#include "lib/pulse.h"

#define VD_HTTP_WORKERS_MAX 64
#define VD_HTTP_FACES_MAX   8

/* A request that is answered later. */
struct vd_http_later {
    vd_http_resumed *resumed; /* NULL: it is answered by `call` */
    void *context;
    vd_http_resumed *then; /* sees what `resumed` has answered; NULL: nobody does */
    void *then_context;
    bool is_parked;     /* `call` has returned */
    bool may_go_on;     /* vd_http_resume was called */
    struct vd_http *to; /* whose lock is for both */
};

/* A request that a face is to answer. */
struct job {
    struct vd_http_later later; /* first: a job is found by it */
    struct job *next;
    int64_t queued_ms;              /* monotonic: when it was queued up last */
    struct evhttp_request *request; /* loop thread only; NULL once the client is gone */
    struct vd_http_watch *watch;    /* loop thread only: that the client goes */
    atomic_bool is_gone;            /* the client is, or takes no answer, or the server ends */
    const struct vd_http_face *face;
    const char *method;
    char *path;
    char *query;
    char *peer;
    uid_t user; /* at the other end of a unix socket, if has_user */
    bool has_user;
    struct evkeyvalq headers;
    void *body;
    size_t body_length;
    struct vd_http_answer answer;
    struct vd_http_stream *stream; /* the answer goes on; NULL: it does not */
    char *text;                    /* the answer as JSON; NULL: none */
};

struct job_queue {
    struct job *first;
    struct job **last;
    unsigned count;
};

struct vd_http {
    struct vd_http_face faces[VD_HTTP_FACES_MAX];
    size_t face_count;
    struct vd_upgrade upgrade;
    char unix_path[sizeof((struct sockaddr_un *)NULL)->sun_path]; /* empty: TLS */
    uint16_t port;
    struct event_base *base;
    struct evhttp *server;
    struct vd_http_tls *tls; /* NULL on a unix socket */
    struct event *wake;      /* on wake_fd: answers are ready, or the end */
    int wake_fd;
    struct event *beat;
    struct vd_pulse pulse;
    struct vd_log_limit log_refused; /* the loop's */
    pthread_t loop;
    pthread_t workers[VD_HTTP_WORKERS_MAX];
    unsigned threads; /* workers that were started */
    bool loop_started;

    pthread_mutex_t lock; /* for what follows */
    pthread_cond_t todo_ready;
    pthread_cond_t worker_ended;
    struct job_queue todo;
    struct job_queue done;
    struct job *running[VD_HTTP_WORKERS_MAX]; /* NULL: none */
    unsigned working;                         /* workers that have not ended */
    unsigned parked;                          /* requests that are answered later */
    struct vd_http_stream *streams;
    unsigned stream_count;
    bool cuts_streams; /* what has not ended by now is cut off */
    bool stopping;
};

/* "OTHER" for one that no face knows; static. */
const char *vd_http_method_name(enum evhttp_cmd_type method);

/* Copies what the face needs: the request itself belongs to the loop. On the loop. NULL: no memory. */
struct job *vd_job_new(struct vd_http *http, struct evhttp_request *request);
void vd_job_free(struct job *job);

/* What runs, and what waits to, is given up by those who look at is_gone. With the lock. */
void vd_jobs_give_up(struct vd_http *http);

/* The oldest comes first; NULL: there is none. With the lock. */
void vd_job_push(struct job_queue *queue, struct job *job);
struct job *vd_job_pop(struct job_queue *queue);

/* Has the loop look for answers, or at the end. Any thread. */
void vd_http_wake(struct vd_http *http);

/* Sends the headers of an answer that goes on, which the request has; NULL: the client is gone. On the loop. */
void vd_http_stream_begin(struct vd_http_stream *stream, struct evhttp_request *request);

/* Sends what was added to streams, and ends those that are closed. On the loop, when it was woken. */
void vd_http_streams_run(struct vd_http *http);

/* Calls the face, or what resumes it. */
void vd_job_run(struct job *job, bool is_resumed);

/* A thread that has faces answer; its argument is the server. */
void *vd_http_worker(void *http);

#endif
