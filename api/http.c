/* SPDX-License-Identifier: MIT */
/* HTTP by libevent in one thread; the faces, which block for the disk, in a few workers. */

#include "api/http.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "api/http_tls.h"
#include "api/upgrade.h"
#include "lib/listen.h"
#include "lib/log.h"

#define WORKERS_MAX 64
#define FACES_MAX   8
/* Requests that wait for a worker; one more is answered with 503. */
#define QUEUE_MAX 64
/* A client that sends or reads nothing for so long is dropped. */
#define IDLE_TIMEOUT_S   30
#define HEADER_MAX_BYTES 16384

/* A request that is answered later: */
struct vd_http_later {
    vd_http_resumed *resumed; /* NULL: it is answered by `call` */
    void *context;
    bool is_parked;     /* `call` has returned */
    bool may_go_on;     /* vd_http_resume was called */
    struct vd_http *to; /* whose lock is for both */
};

struct job {
    struct vd_http_later later; /* first: a job is found by it */
    struct job *next;
    struct evhttp_request *request; /* loop thread only; NULL once the client is gone */
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
    char *text; /* the answer as JSON; NULL: none */
};

struct job_queue {
    struct job *first;
    struct job **last;
    unsigned count;
};

struct vd_http {
    struct vd_http_face faces[FACES_MAX];
    size_t face_count;
    struct vd_upgrade upgrade;
    char unix_path[sizeof((struct sockaddr_un *)NULL)->sun_path]; /* empty: TLS */
    uint16_t port;
    struct event_base *base;
    struct evhttp *server;
    struct vd_http_tls *tls; /* NULL on a unix socket */
    struct event *wake;      /* on wake_fd: answers are ready, or the end */
    int wake_fd;
    pthread_t loop;
    pthread_t workers[WORKERS_MAX];
    unsigned threads; /* workers that were started */
    bool loop_started;

    pthread_mutex_t lock; /* for what follows */
    pthread_cond_t todo_ready;
    pthread_cond_t worker_ended;
    struct job_queue todo;
    struct job_queue done;
    unsigned working; /* workers that have not ended */
    unsigned parked;  /* requests that are answered later */
    bool stopping;
};

/* ---- What faces use ---- */

const char *vd_http_header(const struct vd_http_request *request, const char *name)
{
    return request->headers != NULL ? evhttp_find_header(request->headers, name) : NULL;
}

void vd_http_answer_header(struct vd_http_answer *answer, const char *name, const char *value)
{
    size_t length = strlen(value);

    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)value[i] < ' ' || value[i] == 0x7f) {
            return;
        }
    }
    if (answer->header_count < VD_HTTP_ANSWER_HEADERS && length < VD_HTTP_VALUE_SIZE) {
        answer->headers[answer->header_count].name = name;
        memcpy(answer->headers[answer->header_count].value, value, length + 1);
        answer->header_count++;
    }
}

struct vd_http_content *vd_http_content_new(void)
{
    return calloc(1, sizeof(struct vd_http_content));
}

static void add_escaped(struct vd_buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f) {
            vd_buf_printf(out, "%%%02X", (unsigned)(unsigned char)*text);
        } else {
            vd_buf_append(out, text, 1);
        }
    }
    vd_buf_append(out, "", 1);
}

void vd_http_content_header(struct vd_http_content *content, const char *name, const char *value)
{
    add_escaped(&content->headers, name);
    add_escaped(&content->headers, value);
}

void vd_http_content_free(struct vd_http_content *content)
{
    if (content != NULL) {
        vd_buf_release(&content->body);
        vd_buf_release(&content->headers);
        free(content);
    }
}

/* ---- Jobs ---- */

static void queue_push(struct job_queue *queue, struct job *job)
{
    job->next = NULL;
    *queue->last = job;
    queue->last = &job->next;
    queue->count++;
}

static struct job *queue_pop(struct job_queue *queue)
{
    struct job *job = queue->first;

    if (job != NULL) {
        queue->first = job->next;
        queue->count--;
        if (queue->first == NULL) {
            queue->last = &queue->first;
        }
    }
    return job;
}

static void job_free(struct job *job)
{
    evhttp_clear_headers(&job->headers);
    free(job->path);
    free(job->query);
    free(job->peer);
    free(job->body);
    free(job->text);
    vd_http_content_free(job->answer.content);
    free(job);
}

static const char *method_name(enum evhttp_cmd_type method)
{
    switch (method) {
    case EVHTTP_REQ_GET:
        return "GET";
    case EVHTTP_REQ_POST:
        return "POST";
    case EVHTTP_REQ_PUT:
        return "PUT";
    case EVHTTP_REQ_DELETE:
        return "DELETE";
    case EVHTTP_REQ_PATCH:
        return "PATCH";
    default:
        return "OTHER";
    }
}

static const struct vd_http_face *face_for(const struct vd_http *http, const char *path)
{
    for (size_t i = 0; i < http->face_count; i++) {
        const struct vd_http_face *face = &http->faces[i];

        if (strncmp(path, face->prefix, strlen(face->prefix)) == 0 &&
            (face->takes == NULL || face->takes(path))) {
            return &http->faces[i];
        }
    }
    return NULL;
}

static bool headers_copy(struct evkeyvalq *out, struct evhttp_request *request)
{
    const struct evkeyvalq *from = evhttp_request_get_input_headers(request);

    for (const struct evkeyval *at = from->tqh_first; at != NULL; at = at->next.tqe_next) {
        if (evhttp_add_header(out, at->key, at->value) != 0) {
            return false;
        }
    }
    return true;
}

static char *peer_of(struct evhttp_request *request)
{
    char *address = NULL;
    ev_uint16_t port = 0;

    evhttp_connection_get_peer(evhttp_request_get_connection(request), &address, &port);
    return strdup(address != NULL ? address : "");
}

/* Whose process is at the other end of a unix socket, as the kernel knows it; false: not known. */
static bool user_of(struct evhttp_request *request, uid_t *user)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    struct ucred peer;
    socklen_t size = sizeof peer;

    if (getsockopt(bufferevent_getfd(evhttp_connection_get_bufferevent(connection)), SOL_SOCKET,
            SO_PEERCRED, &peer, &size) != 0) {
        return false;
    }
    *user = peer.uid;
    return true;
}

/* Path and query of a request, the job's own; both NULL: no memory. Taken from the target as it came: libevent reads what
 * stands behind two slashes in front as a host. */
static void target_copy(struct job *job, struct evhttp_request *request)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *target = evhttp_request_get_uri(request);
    const char *path = uri != NULL ? evhttp_uri_get_path(uri) : NULL;
    const char *query = uri != NULL ? evhttp_uri_get_query(uri) : NULL;

    if (target != NULL && target[0] == '/' && target[1] == '/') {
        const size_t length = strcspn(target, "?#");

        job->path = strndup(target, length);
        target += length + (target[length] == '?' ? 1 : 0);
        job->query = strndup(target, strcspn(target, "#"));
        return;
    }
    job->path = strdup(path != NULL ? path : "");
    job->query = strdup(query != NULL ? query : "");
}

/* Copies what the face needs: the request itself belongs to the loop. NULL: no memory. */
static struct job *job_new(struct vd_http *http, struct evhttp_request *request)
{
    struct evbuffer *body = evhttp_request_get_input_buffer(request);
    struct job *job = calloc(1, sizeof *job);

    if (job == NULL) {
        return NULL;
    }
    job->headers.tqh_last = &job->headers.tqh_first;
    job->later.to = http;
    job->request = request;
    job->body_length = evbuffer_get_length(body);
    job->method = method_name(evhttp_request_get_command(request));
    target_copy(job, request);
    job->peer = peer_of(request);
    job->has_user = http->tls == NULL && user_of(request, &job->user);
    job->body = malloc(job->body_length + 1);
    if (job->path == NULL || job->query == NULL || job->peer == NULL || job->body == NULL ||
        !headers_copy(&job->headers, request) ||
        evbuffer_remove(body, job->body, job->body_length) != (int)job->body_length) {
        job_free(job);
        return NULL;
    }
    job->face = face_for(http, job->path);
    return job;
}

/* ---- Workers ---- */

static void job_call(struct job *job)
{
    const struct vd_http_request request = {
        .method = job->method,
        .path = job->path,
        .query = job->query,
        .headers = &job->headers,
        .peer = job->peer,
        .body = {job->body, job->body_length},
        .later = &job->later,
        .user = job->has_user ? &job->user : NULL,
    };

    job->face->call(job->face->context, &request, &job->answer);
    if (job->later.resumed != NULL) {
        json_decref(job->answer.body);
        vd_http_content_free(job->answer.content);
        job->answer = (struct vd_http_answer){.status = 500};
    }
}

static void job_run(struct job *job, bool is_resumed)
{
    job->answer.status = 500;
    if (is_resumed) {
        job->later.resumed(job->later.context, &job->answer);
    } else {
        job_call(job);
    }
    if (job->answer.body != NULL) {
        job->text = json_dumps(job->answer.body, JSON_COMPACT);
        json_decref(job->answer.body);
        job->answer.body = NULL;
        job->answer.status = job->text != NULL ? job->answer.status : 500;
    }
}

static void wake_loop(struct vd_http *http)
{
    uint64_t one = 1;

    /* Fails only when the counter is full: then the loop is awake anyway. */
    if (write(http->wake_fd, &one, sizeof one) != sizeof one && errno != EAGAIN) {
        vd_log(VD_LOG_ERROR, "api.wake_failed", "errno=%d", errno);
    }
}

/* A job was run: it is done, or waits to be resumed, which may have happened already. Called with the lock. */
static void job_put_down(struct vd_http *http, struct job *job, bool was_resumed)
{
    if (job->later.resumed == NULL || was_resumed) {
        queue_push(&http->done, job);
        wake_loop(http);
    } else {
        job->later.is_parked = true;
        http->parked++;
        if (job->later.may_go_on) {
            queue_push(&http->todo, job);
        }
    }
    if (was_resumed && --http->parked == 0 && http->stopping) {
        pthread_cond_broadcast(&http->todo_ready);
    }
}

void vd_http_later(struct vd_http_later *later, vd_http_resumed *resumed, void *context)
{
    later->resumed = resumed;
    later->context = context;
}

void vd_http_resume(struct vd_http_later *later)
{
    struct vd_http *http = later->to;

    pthread_mutex_lock(&http->lock);
    later->may_go_on = true;
    if (later->is_parked) {
        queue_push(&http->todo, (struct job *)later);
        pthread_cond_signal(&http->todo_ready);
    }
    pthread_mutex_unlock(&http->lock);
}

static void *worker_main(void *context)
{
    struct vd_http *http = context;
    struct job *job;

    pthread_mutex_lock(&http->lock);
    for (;;) {
        job = queue_pop(&http->todo);
        if (job != NULL) {
            const bool is_resumed = job->later.is_parked;

            pthread_mutex_unlock(&http->lock);
            job_run(job, is_resumed);
            pthread_mutex_lock(&http->lock);
            job_put_down(http, job, is_resumed);
        } else if (http->stopping && http->parked == 0) {
            break;
        } else {
            pthread_cond_wait(&http->todo_ready, &http->lock);
        }
    }
    http->working--;
    pthread_cond_signal(&http->worker_ended);
    pthread_mutex_unlock(&http->lock);
    return NULL;
}

/* ---- The loop ---- */

static void add_content(
    struct evkeyvalq *headers, struct evbuffer *body, const struct vd_http_content *content)
{
    const char *at = (const char *)content->headers.data;
    const char *const end = at + content->headers.length;

    while (at < end) {
        const char *value = at + strlen(at) + 1;

        evhttp_add_header(headers, at, value);
        at = value + strlen(value) + 1;
    }
    evbuffer_add(body, content->body.data, content->body.length);
}

static void send_answer(
    struct evhttp_request *request, const struct vd_http_answer *answer, const char *text)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    struct evbuffer *body = evbuffer_new();

    if (text != NULL && body != NULL) {
        evhttp_add_header(headers, "Content-Type", "application/json; charset=utf-8");
        if (evhttp_request_get_command(request) != EVHTTP_REQ_HEAD) {
            evbuffer_add(body, text, strlen(text));
        }
    }
    if (answer->content != NULL && body != NULL) {
        add_content(headers, body, answer->content);
    }
    for (size_t i = 0; i < answer->header_count; i++) {
        evhttp_add_header(headers, answer->headers[i].name, answer->headers[i].value);
    }
    vd_http_tls_end(request);
    evhttp_send_reply(request, answer->status, NULL, body);
    if (body != NULL) {
        evbuffer_free(body);
    }
}

/* Answers without a worker. */
static void refuse(struct evhttp_request *request, const struct vd_http_face *face, int status)
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
    send_answer(request, &answer, text);
    free(text);
}

static void client_gone(struct evhttp_connection *connection, void *context)
{
    struct job *job = context;

    (void)connection;
    job->request = NULL;
}

static void job_answer(struct job *job)
{
    if (job->request != NULL) {
        evhttp_connection_set_closecb(evhttp_request_get_connection(job->request), NULL, NULL);
        send_answer(job->request, &job->answer, job->text);
    }
    job_free(job);
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
        job = queue_pop(&http->done);
        end = http->stopping && http->working == 0;
        pthread_mutex_unlock(&http->lock);
        if (job != NULL) {
            job_answer(job);
        }
    } while (job != NULL);
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
        queue_push(&http->todo, job);
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
        refuse(request, NULL, 503);
        return;
    }
    if (http->tls != NULL && !is_stopping(http) && vd_upgrade_takes(&http->upgrade, request)) {
        return;
    }
    job = job_new(http, request);
    face = job != NULL ? job->face : NULL;
    if (job == NULL) {
        refuse(request, NULL, 503);
    } else if (face == NULL) {
        job_free(job);
        refuse(request, NULL, 404);
    } else if (job->body_length > face->body_max_bytes) {
        job_free(job);
        refuse(request, face, 413);
    } else if (!job_queue_up(http, job)) {
        job_free(job);
        refuse(request, face, 503);
    }
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
        if (pthread_create(&http->workers[http->threads], NULL, worker_main, http) != 0) {
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
    /* A connection's TLS is freed by the loop only. */
    event_base_loop(http->base, EVLOOP_NONBLOCK);
    vd_http_tls_free(http->tls);
}

static void http_free(struct vd_http *http)
{
    struct job *job;

    if (http->server != NULL) {
        server_free(http);
    }
    while ((job = queue_pop(&http->todo)) != NULL || (job = queue_pop(&http->done)) != NULL) {
        job_free(job);
    }
    if (http->wake != NULL) {
        event_free(http->wake);
    }
    if (http->wake_fd >= 0) {
        close(http->wake_fd);
    }
    if (http->base != NULL) {
        event_base_free(http->base);
    }
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
    if (config->workers >= 1 && config->workers <= WORKERS_MAX && config->face_count >= 1 &&
        config->face_count <= FACES_MAX) {
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

bool vd_http_stop(struct vd_http *http, int timeout_ms)
{
    struct timespec until;
    bool ended;

    if (http == NULL) {
        return true;
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (timeout_ms % 1000) * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    pthread_mutex_lock(&http->lock);
    http->stopping = true;
    pthread_cond_broadcast(&http->todo_ready);
    while (http->working > 0 &&
        pthread_cond_timedwait(&http->worker_ended, &http->lock, &until) == 0) {
    }
    ended = http->working == 0;
    pthread_mutex_unlock(&http->lock);
    if (!ended) {
        return false;
    }
    for (unsigned i = 0; i < http->threads; i++) {
        pthread_join(http->workers[i], NULL);
    }
    if (http->loop_started) {
        wake_loop(http);
        pthread_join(http->loop, NULL);
    }
    http_free(http);
    return true;
}
