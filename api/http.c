/* SPDX-License-Identifier: MIT */
/* HTTP by libevent in one thread; the handlers, which block for the disk, in a few workers. */

#include "api/http.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/log.h"

/* A query takes a worker for as long as it runs; lists and writes must get through beside a few of them. */
#define WORKERS 6
/* Requests that wait for a worker; one more is answered with 503. */
#define QUEUE_MAX 64
/* A client that sends or reads nothing for so long is dropped. */
#define IDLE_TIMEOUT_S   30
#define HEADER_MAX_BYTES 16384

struct job {
    struct job *next;
    struct vd_api_http *http;
    struct evhttp_request *request; /* loop thread only; NULL once the client is gone */
    char *method;
    char *path;
    char *query;
    void *body;
    size_t body_length;
    int status;
    char *text; /* the answer as JSON; NULL: none */
};

struct job_queue {
    struct job *first;
    struct job **last;
    unsigned count;
};

struct vd_api_http {
    const struct vd_api *api;
    char path[sizeof((struct sockaddr_un *)NULL)->sun_path];
    struct event_base *base;
    struct evhttp *server;
    struct event *wake; /* on wake_fd: answers are ready, or the end */
    int wake_fd;
    pthread_t loop;
    pthread_t workers[WORKERS];
    unsigned threads; /* workers that were started */
    bool loop_started;

    pthread_mutex_t lock; /* for what follows */
    pthread_cond_t todo_ready;
    pthread_cond_t worker_ended;
    struct job_queue todo;
    struct job_queue done;
    unsigned working; /* workers that have not ended */
    bool stopping;
};

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
    free(job->method);
    free(job->path);
    free(job->query);
    free(job->body);
    free(job->text);
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

/* Copies what the handler needs: the request itself belongs to the loop. */
static struct job *job_new(struct vd_api_http *http, struct evhttp_request *request)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *path = uri != NULL ? evhttp_uri_get_path(uri) : NULL;
    const char *query = uri != NULL ? evhttp_uri_get_query(uri) : NULL;
    struct evbuffer *body = evhttp_request_get_input_buffer(request);
    struct job *job = calloc(1, sizeof *job);

    if (job == NULL) {
        return NULL;
    }
    job->http = http;
    job->request = request;
    job->body_length = evbuffer_get_length(body);
    job->method = strdup(method_name(evhttp_request_get_command(request)));
    job->path = strdup(path != NULL ? path : "");
    job->query = strdup(query != NULL ? query : "");
    job->body = malloc(job->body_length + 1);
    if (job->method == NULL || job->path == NULL || job->query == NULL || job->body == NULL ||
        evbuffer_copyout(body, job->body, job->body_length) != (ev_ssize_t)job->body_length) {
        job_free(job);
        return NULL;
    }
    return job;
}

/* ---- Workers ---- */

static void job_run(struct job *job)
{
    struct vd_api_request request = {
        job->method, job->path, job->query, {job->body, job->body_length}};
    struct vd_api_answer answer;

    vd_api_call(job->http->api, &request, &answer);
    job->status = answer.status;
    if (answer.body != NULL) {
        job->text = json_dumps(answer.body, JSON_COMPACT);
        json_decref(answer.body);
        job->status = job->text != NULL ? job->status : 500;
    }
}

static void wake_loop(struct vd_api_http *http)
{
    uint64_t one = 1;

    /* Fails only when the counter is full: then the loop is awake anyway. */
    if (write(http->wake_fd, &one, sizeof one) != sizeof one && errno != EAGAIN) {
        vd_log(VD_LOG_ERROR, "api.wake_failed", "errno=%d", errno);
    }
}

static void *worker_main(void *context)
{
    struct vd_api_http *http = context;
    struct job *job;

    pthread_mutex_lock(&http->lock);
    for (;;) {
        job = queue_pop(&http->todo);
        if (job != NULL) {
            pthread_mutex_unlock(&http->lock);
            job_run(job);
            pthread_mutex_lock(&http->lock);
            queue_push(&http->done, job);
            wake_loop(http);
        } else if (http->stopping) {
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

static void send_json(struct evhttp_request *request, int status, const char *text)
{
    struct evbuffer *body = evbuffer_new();

    if (text != NULL && body != NULL) {
        evhttp_add_header(
            evhttp_request_get_output_headers(request), "Content-Type", "application/json");
        evbuffer_add(body, text, strlen(text));
    }
    evhttp_send_reply(request, status, NULL, body);
    if (body != NULL) {
        evbuffer_free(body);
    }
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
        send_json(job->request, job->status, job->text);
    }
    job_free(job);
}

static void on_wake(evutil_socket_t fd, short what, void *context)
{
    struct vd_api_http *http = context;
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

static void on_request(struct evhttp_request *request, void *context)
{
    static const char busy[] =
        "{\"error\":{\"code\":\"Busy\",\"message\":\"too many requests wait, try again\"}}";
    struct vd_api_http *http = context;
    struct job *job = job_new(http, request);
    bool taken = false;

    if (job != NULL) {
        pthread_mutex_lock(&http->lock);
        if (http->todo.count < QUEUE_MAX && !http->stopping) {
            evhttp_connection_set_closecb(evhttp_request_get_connection(request), client_gone, job);
            queue_push(&http->todo, job);
            pthread_cond_signal(&http->todo_ready);
            taken = true;
        }
        pthread_mutex_unlock(&http->lock);
    }
    if (!taken) {
        if (job != NULL) {
            job_free(job);
        }
        send_json(request, 503, busy);
    }
}

static void *loop_main(void *context)
{
    struct vd_api_http *http = context;

    event_base_dispatch(http->base);
    return NULL;
}

/* ---- Start and stop ---- */

/* A listening socket at http->path; -1 with errno set. */
static int listen_at(const struct vd_api_http *http)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        return -1;
    }
    memcpy(address.sun_path, http->path, sizeof address.sun_path);
    if ((unlink(http->path) != 0 && errno != ENOENT) ||
        bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        chmod(http->path, 0600) != 0 || listen(fd, 64) != 0) {
        int saved = errno;

        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static int server_setup(struct vd_api_http *http)
{
    struct evconnlistener *listener;
    int fd;

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
        EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | EVHTTP_REQ_PATCH);
    evhttp_set_max_body_size(http->server, VD_API_BODY_MAX_BYTES);
    evhttp_set_max_headers_size(http->server, HEADER_MAX_BYTES);
    evhttp_set_timeout(http->server, IDLE_TIMEOUT_S);
    evhttp_set_gencb(http->server, on_request, http);
    fd = listen_at(http);
    if (fd < 0) {
        return vd_error_from_errno(errno);
    }
    listener = evconnlistener_new(
        http->base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    if (listener == NULL || evhttp_bind_listener(http->server, listener) == NULL) {
        close(fd);
        return VD_E_NOMEM;
    }
    return VD_OK;
}

static int threads_start(struct vd_api_http *http)
{
    if (pthread_create(&http->loop, NULL, loop_main, http) != 0) {
        return VD_E_NOMEM;
    }
    http->loop_started = true;
    for (; http->threads < WORKERS; http->threads++, http->working++) {
        if (pthread_create(&http->workers[http->threads], NULL, worker_main, http) != 0) {
            return VD_E_NOMEM;
        }
    }
    return VD_OK;
}

static void http_free(struct vd_api_http *http)
{
    struct job *job;

    if (http->server != NULL) {
        evhttp_free(http->server); /* closes the listener; clients that wait hear of it */
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
    unlink(http->path);
    pthread_cond_destroy(&http->worker_ended);
    pthread_cond_destroy(&http->todo_ready);
    pthread_mutex_destroy(&http->lock);
    free(http);
}

int vd_api_http_start(const struct vd_api *api, const char *path, struct vd_api_http **out,
    char *error_text, size_t error_size)
{
    struct vd_api_http *http = calloc(1, sizeof *http);
    pthread_condattr_t monotonic;
    int error;

    if (http == NULL) {
        return VD_E_NOMEM;
    }
    http->api = api;
    if (vd_text_copy(path, http->path, sizeof http->path) != VD_OK) {
        snprintf(error_text, error_size, "%.200s: longer than %zu characters", path,
            sizeof http->path - 1);
        free(http);
        return VD_E_INVALID;
    }
    http->wake_fd = -1;
    http->todo.last = &http->todo.first;
    http->done.last = &http->done.first;
    pthread_mutex_init(&http->lock, NULL);
    pthread_cond_init(&http->todo_ready, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&http->worker_ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    error = server_setup(http);
    if (error != VD_OK) {
        http_free(http);
    } else {
        error = threads_start(http);
        if (error != VD_OK) {
            vd_api_http_stop(http, 1000);
        }
    }
    if (error != VD_OK) {
        snprintf(error_text, error_size, "%.200s: %s", path, vd_error_text(error));
        return error;
    }
    *out = http;
    return VD_OK;
}

bool vd_api_http_stop(struct vd_api_http *http, int timeout_ms)
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
