/* SPDX-License-Identifier: MIT */
/* HTTP by libevent in one thread, which gives requests to the workers of http_job.c. */

#include "api/http.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "api/http_internal.h"
#include "lib/clock.h"
#include "lib/listen.h"
#include "lib/log.h"

/* Requests that wait for a worker; one more is answered with 503. */
#define QUEUE_MAX 64
/* A client that sends or reads nothing for so long is dropped. */
#define IDLE_TIMEOUT_S   30
#define HEADER_MAX_BYTES 16384
/* Of the loop when the server ends; a pass does some dozens of what was put off. */
#define ENDING_PASSES_MAX 1000u
/* Log lines that clients can cause, in 10 s. */
#define LOG_BURST       20
#define PATH_LOGGED_MAX 200

/* ---- The loop ---- */

static void add_headers(struct evkeyvalq *headers, const struct vd_http_content *content)
{
    const char *at = (const char *)content->headers.data;
    const char *const end = at + content->headers.length;

    while (at < end) {
        const char *value = at + strlen(at) + 1;

        evhttp_add_header(headers, at, value);
        at = value + strlen(value) + 1;
    }
}

/* The body; to HEAD its length alone. */
static void add_body(
    struct evhttp_request *request, struct evbuffer *body, const void *data, size_t length)
{
    char text[24];

    if (evhttp_request_get_command(request) == EVHTTP_REQ_HEAD) {
        snprintf(text, sizeof text, "%zu", length);
        evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Length", text);
    } else {
        evbuffer_add(body, data, length);
    }
}

static void add_face_headers(struct evkeyvalq *headers, const struct vd_http_face *face)
{
    for (size_t i = 0; face != NULL && i < face->header_count; i++) {
        if (evhttp_find_header(headers, face->headers[i].name) == NULL) {
            evhttp_add_header(headers, face->headers[i].name, face->headers[i].value);
        }
    }
}

/* Not of 401: the face that judged the client has told why. */
static void log_refusal(struct vd_http *http, struct evhttp_request *request, int status)
{
    const char *target = evhttp_request_get_uri(request);
    const int length = target != NULL ? (int)strcspn(target, "?#") : 0;
    char *address = NULL;
    ev_uint16_t port = 0;
    uint32_t held_back;

    if (http->tls == NULL || status < 400 || status == 401 ||
        !vd_log_allowed(&http->log_refused, vd_clock_monotonic_ms(), &held_back)) {
        return;
    }
    evhttp_connection_get_peer(evhttp_request_get_connection(request), &address, &port);
    vd_log(VD_LOG_INFO, "api.refused", "status=%d method=%s address=%s held_back=%u path=\"%.*s\"",
        status, vd_http_method_name(evhttp_request_get_command(request)),
        address != NULL ? address : "", held_back,
        length < PATH_LOGGED_MAX ? length : PATH_LOGGED_MAX, target != NULL ? target : "");
}

/* Headers of a face's answer. */
static void add_answer_headers(
    struct evkeyvalq *headers, const struct vd_http_face *face, const struct vd_http_answer *answer)
{
    if (answer->content != NULL) {
        add_headers(headers, answer->content);
    }
    for (size_t i = 0; i < answer->header_count; i++) {
        evhttp_add_header(headers, answer->headers[i].name, answer->headers[i].value);
    }
    add_face_headers(headers, face);
}

/* face: NULL, if none takes the path */
static void send_answer(struct vd_http *http, struct evhttp_request *request,
    const struct vd_http_face *face, const struct vd_http_answer *answer, const char *text)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    struct evbuffer *body = evbuffer_new();

    if (text != NULL && body != NULL) {
        evhttp_add_header(headers, "Content-Type", "application/json; charset=utf-8");
        add_body(request, body, text, strlen(text));
    }
    if (answer->content != NULL && body != NULL) {
        add_body(request, body, answer->content->body.data, answer->content->body.length);
    }
    add_answer_headers(headers, face, answer);
    log_refusal(http, request, answer->status);
    vd_http_tls_end(request);
    evhttp_send_reply(request, answer->status, NULL, body);
    if (body != NULL) {
        evbuffer_free(body);
    }
}

/* Answers without a worker. */
static void refuse(struct vd_http *http, struct evhttp_request *request,
    const struct vd_http_face *face, int status)
{
    struct vd_http_answer answer = {.status = status};
    char *text = NULL;

    if (face != NULL) {
        face->refuse(status, &answer);
    }
    if (answer.body != NULL) {
        text = json_dumps(answer.body, JSON_COMPACT);
        json_decref(answer.body);
    }
    send_answer(http, request, face, &answer, text);
    free(text);
}

static void watch_end(struct job *job)
{
    vd_http_watch_end(job->watch);
    job->watch = NULL;
}

static void client_gone(struct evhttp_connection *connection, void *context)
{
    struct job *job = context;

    (void)connection;
    watch_end(job);
    job->request = NULL;
    atomic_store(&job->is_gone, true);
}

/* The client has closed its end: it may have gone or wait for an answer still. Most that go have gone, so what it asked for
 * may be given up; an answer that comes all the same is sent. */
static void client_closed(void *context)
{
    struct job *job = context;

    atomic_store(&job->is_gone, true);
}

static void job_answer(struct job *job)
{
    if (job->request != NULL) {
        watch_end(job);
        evhttp_connection_set_closecb(evhttp_request_get_connection(job->request), NULL, NULL);
        if (job->answer.has_login) {
            vd_http_tls_login(job->request);
        }
    }
    if (job->stream != NULL) {
        if (job->request != NULL) {
            add_answer_headers(
                evhttp_request_get_output_headers(job->request), job->face, &job->answer);
        }
        vd_http_stream_begin(job->stream, job->request);
    } else if (job->request != NULL) {
        send_answer(job->later.to, job->request, job->face, &job->answer, job->text);
    }
    vd_job_free(job);
}

static void on_wake(evutil_socket_t fd, short what, void *context)
{
    struct vd_http *http = context;
    struct job *job;
    uint64_t count;
    bool end;

    (void)what;
    if (read(fd, &count, sizeof count) < 0) {
        return;
    }
    do {
        pthread_mutex_lock(&http->lock);
        job = vd_job_pop(&http->done);
        pthread_mutex_unlock(&http->lock);
        if (job != NULL) {
            job_answer(job);
        }
    } while (job != NULL);
    vd_http_streams_run(http);
    pthread_mutex_lock(&http->lock);
    end = http->stopping && http->working == 0 && http->done.count == 0 && http->stream_count == 0;
    pthread_mutex_unlock(&http->lock);
    if (end) {
        event_base_loopbreak(http->base);
    }
}

/* False: too many wait already. */
static bool job_queue_up(struct vd_http *http, struct job *job)
{
    bool taken = false;

    pthread_mutex_lock(&http->lock);
    if (http->todo.count < QUEUE_MAX && !http->stopping) {
        evhttp_connection_set_closecb(
            evhttp_request_get_connection(job->request), client_gone, job);
        /* Without it the request runs to its end. */
        job->watch = vd_http_watch_begin(
            http->base, evhttp_request_get_connection(job->request), client_closed, job);
        vd_job_push(&http->todo, job);
        pthread_cond_signal(&http->todo_ready);
        taken = true;
    }
    pthread_mutex_unlock(&http->lock);
    return taken;
}

/* What the faces and upgrades work on may be gone soon, even if the server has to go on. */
static bool is_stopping(struct vd_http *http)
{
    bool stopping;

    pthread_mutex_lock(&http->lock);
    stopping = http->stopping;
    pthread_mutex_unlock(&http->lock);
    return stopping;
}

static void on_request(struct evhttp_request *request, void *context)
{
    struct vd_http *http = context;
    const struct vd_http_face *face;
    struct job *job;

    if (http->tls != NULL && !vd_http_tls_begin(request)) {
        refuse(http, request, NULL, 503);
        return;
    }
    if (http->tls != NULL && !is_stopping(http) && vd_upgrade_takes(&http->upgrade, request)) {
        return;
    }
    job = vd_job_new(http, request);
    face = job != NULL ? job->face : NULL;
    if (job == NULL) {
        refuse(http, request, NULL, 503);
    } else if (face == NULL) {
        vd_job_free(job);
        refuse(http, request, NULL, 404);
    } else if (job->body_length > face->body_max_bytes) {
        vd_job_free(job);
        refuse(http, request, face, 413);
    } else if (face->is_prompt) {
        vd_job_run(job, false);
        job_answer(job);
    } else if (!job_queue_up(http, job)) {
        vd_job_free(job);
        refuse(http, request, face, 503);
    }
}

static void on_beat(evutil_socket_t fd, short what, void *context)
{
    struct vd_http *http = context;

    (void)fd;
    (void)what;
    vd_pulse_beat(&http->pulse);
}

static void *loop_main(void *context)
{
    struct vd_http *http = context;

    event_base_dispatch(http->base);
    return NULL;
}

/* ---- Listening ---- */

/* A socket bound to the path; -1 with errno set. */
static int bind_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        return -1;
    }
    memcpy(address.sun_path, path, sizeof address.sun_path);
    if ((unlink(path) != 0 && errno != ENOENT) ||
        bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        chmod(path, 0600) != 0) {
        int saved = errno;

        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static int bind_any(struct vd_http *http, const struct vd_http_config *config, int *fd,
    char *error_text, size_t error_size)
{
    int error = VD_OK;

    if (config->unix_path == NULL) {
        return vd_listen_bind(
            config->address, config->port, fd, &http->port, error_text, error_size);
    }
    *fd = bind_unix(http->unix_path);
    if (*fd < 0) {
        error = vd_error_from_errno(errno);
        snprintf(error_text, error_size, "%.200s: %s", http->unix_path, vd_error_text(error));
    }
    return error;
}

static size_t body_max(const struct vd_http *http)
{
    size_t max = 0;

    for (size_t i = 0; i < http->face_count; i++) {
        max = http->faces[i].body_max_bytes > max ? http->faces[i].body_max_bytes : max;
    }
    return max;
}

static int listen_open(
    struct vd_http *http, const struct vd_http_config *config, char *error_text, size_t error_size)
{
    const struct vd_http_tls_config tls = {
        .certificate_file = config->certificate_file,
        .private_key_file = config->private_key_file,
        .wants_certificates = config->upgrade.path != NULL,
        .read_max_bytes = body_max(http) + HEADER_MAX_BYTES,
        .address_connects_per_s = config->address_connects_per_s,
        .request_deadline_ms = config->request_deadline_ms,
    };
    struct evconnlistener *listener;
    int fd = -1;
    int error = bind_any(http, config, &fd, error_text, error_size);

    if (error != VD_OK) {
        return error;
    }
    listener = evconnlistener_new(
        http->base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 256, fd);
    if (listener == NULL) {
        snprintf(error_text, error_size, "cannot listen: %s", strerror(errno));
        close(fd);
        return VD_E_BUSY; /* two sockets may be bound to a port before one of them listens */
    }
    if (config->unix_path == NULL) {
        error = vd_http_tls_new(
            &tls, http->base, http->server, listener, &http->tls, error_text, error_size);
    }
    if (error == VD_OK && evhttp_bind_listener(http->server, listener) == NULL) {
        error = VD_E_NOMEM;
    }
    if (error != VD_OK) {
        evconnlistener_free(listener);
    }
    return error;
}

/* ---- Start and stop ---- */

static int server_setup(struct vd_http *http)
{
    const struct timeval beat = {VD_PULSE_MS / 1000, VD_PULSE_MS % 1000 * 1000L};

    http->log_refused.burst = LOG_BURST;
    http->base = event_base_new();
    http->server = http->base != NULL ? evhttp_new(http->base) : NULL;
    if (http->server == NULL) {
        return VD_E_NOMEM;
    }
    http->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (http->wake_fd < 0) {
        return vd_error_from_errno(errno);
    }
    http->wake = event_new(http->base, http->wake_fd, EV_READ | EV_PERSIST, on_wake, http);
    if (http->wake == NULL || event_add(http->wake, NULL) != 0) {
        return VD_E_NOMEM;
    }
    http->beat = event_new(http->base, -1, EV_PERSIST, on_beat, http);
    if (http->beat == NULL || event_add(http->beat, &beat) != 0) {
        return VD_E_NOMEM;
    }
    vd_pulse_beat(&http->pulse);
    evhttp_set_allowed_methods(http->server,
        EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | EVHTTP_REQ_PATCH |
            EVHTTP_REQ_HEAD | EVHTTP_REQ_OPTIONS |
            EVHTTP_REQ_TRACE); /* faces refuse those themselves */
    evhttp_set_max_body_size(http->server, (ev_ssize_t)body_max(http));
    evhttp_set_max_headers_size(http->server, HEADER_MAX_BYTES);
    evhttp_set_timeout(http->server, IDLE_TIMEOUT_S);
    evhttp_set_gencb(http->server, on_request, http);
    return VD_OK;
}

static int threads_start(struct vd_http *http, unsigned workers)
{
    if (pthread_create(&http->loop, NULL, loop_main, http) != 0) {
        return VD_E_NOMEM;
    }
    http->loop_started = true;
    for (; http->threads < workers; http->threads++, http->working++) {
        if (pthread_create(&http->workers[http->threads], NULL, vd_http_worker, http) != 0) {
            return VD_E_NOMEM;
        }
    }
    return VD_OK;
}

/* Closes the listener and every connection; clients that wait hear of it. */
static void server_free(struct vd_http *http)
{
    vd_http_tls_listener_gone(http->tls);
    evhttp_free(http->server);
    /* What connections have put off is done by the loop only, so many at a time; what that leaves ends with the loop. */
    for (unsigned i = 0; i < ENDING_PASSES_MAX; i++) {
        event_base_loop(http->base, EVLOOP_NONBLOCK);
        if (event_base_get_num_events(http->base, EVENT_BASE_COUNT_ACTIVE) == 0) {
            break;
        }
    }
}

static void http_free(struct vd_http *http)
{
    struct job *job;

    if (http->server != NULL) {
        server_free(http);
    }
    while ((job = vd_job_pop(&http->todo)) != NULL || (job = vd_job_pop(&http->done)) != NULL) {
        vd_job_free(job);
    }
    if (http->wake != NULL) {
        event_free(http->wake);
    }
    if (http->beat != NULL) {
        event_free(http->beat);
    }
    if (http->wake_fd >= 0) {
        close(http->wake_fd);
    }
    if (http->base != NULL) {
        event_base_free(http->base);
    }
    vd_http_tls_free(http->tls); /* a connection's TLS may have been freed with the loop only */
    if (http->unix_path[0] != '\0') {
        unlink(http->unix_path);
    }
    pthread_cond_destroy(&http->worker_ended);
    pthread_cond_destroy(&http->todo_ready);
    pthread_mutex_destroy(&http->lock);
    free(http);
}

static struct vd_http *http_new(const struct vd_http_config *config)
{
    struct vd_http *http = calloc(1, sizeof *http);
    pthread_condattr_t monotonic;

    if (http == NULL) {
        return NULL;
    }
    memcpy(http->faces, config->faces, config->face_count * sizeof http->faces[0]);
    http->face_count = config->face_count;
    vd_upgrade_init(&http->upgrade, &config->upgrade);
    http->wake_fd = -1;
    http->todo.last = &http->todo.first;
    http->done.last = &http->done.first;
    pthread_mutex_init(&http->lock, NULL);
    pthread_cond_init(&http->todo_ready, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&http->worker_ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return http;
}

static int http_open(
    struct vd_http *http, const struct vd_http_config *config, char *error_text, size_t error_size)
{
    int error;

    if (config->unix_path != NULL &&
        vd_text_copy(config->unix_path, http->unix_path, sizeof http->unix_path) != VD_OK) {
        snprintf(error_text, error_size, "%.200s: longer than %zu characters", config->unix_path,
            sizeof http->unix_path - 1);
        return VD_E_INVALID;
    }
    error = server_setup(http);
    return error == VD_OK ? listen_open(http, config, error_text, error_size) : error;
}

int vd_http_start(
    const struct vd_http_config *config, struct vd_http **out, char *error_text, size_t error_size)
{
    struct vd_http *http = NULL;
    int error = VD_E_INVALID;

    if (error_size > 0) {
        error_text[0] = '\0';
    }
    if (config->workers >= 1 && config->workers <= VD_HTTP_WORKERS_MAX && config->face_count >= 1 &&
        config->face_count <= VD_HTTP_FACES_MAX) {
        http = http_new(config);
        error = http != NULL ? http_open(http, config, error_text, error_size) : VD_E_NOMEM;
    }
    if (error == VD_OK) {
        error = threads_start(http, config->workers);
        if (error != VD_OK) {
            vd_http_stop(http, 1000);
        }
    } else if (http != NULL) {
        http_free(http);
    }
    if (error != VD_OK && error_size > 0 && error_text[0] == '\0') {
        snprintf(error_text, error_size, "HTTP: %s", vd_error_text(error));
    }
    if (error == VD_OK) {
        *out = http;
    }
    return error;
}

uint16_t vd_http_port(const struct vd_http *http)
{
    return http->port;
}

/* Waits until workers and streams have ended, or for so long. With the lock. */
static bool await_end(struct vd_http *http, int64_t until_ms)
{
    const struct timespec until = {until_ms / 1000, until_ms % 1000 * 1000000L};

    while ((http->working > 0 || http->stream_count > 0) &&
        pthread_cond_timedwait(&http->worker_ended, &http->lock, &until) == 0) {
    }
    return http->working == 0 && http->stream_count == 0;
}

bool vd_http_stop(struct vd_http *http, int timeout_ms)
{
    int64_t until_ms;
    bool ended;

    if (http == NULL) {
        return true;
    }
    until_ms = vd_clock_monotonic_ms() + timeout_ms;
    pthread_mutex_lock(&http->lock);
    http->stopping = true;
    pthread_cond_broadcast(&http->todo_ready);
    vd_http_wake(http); /* streams end */
    ended = await_end(http, until_ms - timeout_ms / 2);
    if (!ended) {
        http->cuts_streams = true;
        vd_jobs_give_up(http);
        vd_http_wake(http);
        ended = await_end(http, until_ms);
    }
    pthread_mutex_unlock(&http->lock);
    if (!ended) {
        return false;
    }
    for (unsigned i = 0; i < http->threads; i++) {
        pthread_join(http->workers[i], NULL);
    }
    if (http->loop_started) {
        vd_http_wake(http);
        pthread_join(http->loop, NULL);
    }
    http_free(http);
    return true;
}
