/* SPDX-License-Identifier: MIT */
/* Requests on their way through faces, which block for the disk, in a few workers. */

#include "api/http_internal.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"

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

void vd_http_answer_retry_after(struct vd_http_answer *answer, unsigned seconds)
{
    char text[16];

    snprintf(text, sizeof text, "%u", seconds);
    vd_http_answer_header(answer, "Retry-After", text);
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

void vd_job_push(struct job_queue *queue, struct job *job)
{
    job->next = NULL;
    job->queued_ms = vd_clock_monotonic_ms();
    *queue->last = job;
    queue->last = &job->next;
    queue->count++;
}

struct job *vd_job_pop(struct job_queue *queue)
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

void vd_job_free(struct job *job)
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

const char *vd_http_method_name(enum evhttp_cmd_type method)
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
    case EVHTTP_REQ_HEAD:
        return "HEAD";
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

struct job *vd_job_new(struct vd_http *http, struct evhttp_request *request)
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
    job->method = vd_http_method_name(evhttp_request_get_command(request));
    target_copy(job, request);
    job->peer = peer_of(request);
    job->has_user = http->tls == NULL && user_of(request, &job->user);
    job->body = malloc(job->body_length + 1);
    if (job->path == NULL || job->query == NULL || job->peer == NULL || job->body == NULL ||
        !headers_copy(&job->headers, request) ||
        evbuffer_remove(body, job->body, job->body_length) != (int)job->body_length) {
        vd_job_free(job);
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
        .is_gone = &job->is_gone,
    };

    job->face->call(job->face->context, &request, &job->answer);
    if (job->later.resumed != NULL) {
        json_decref(job->answer.body);
        vd_http_content_free(job->answer.content);
        job->answer = (struct vd_http_answer){.status = 500, .has_login = job->answer.has_login};
    }
}

void vd_job_run(struct job *job, bool is_resumed)
{
    job->answer.status = 500;
    if (is_resumed) {
        job->later.resumed(job->later.context, &job->answer);
        if (job->later.then != NULL) {
            job->later.then(job->later.then_context, &job->answer);
        }
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

void vd_http_wake(struct vd_http *http)
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
        vd_job_push(&http->done, job);
        vd_http_wake(http);
    } else {
        job->later.is_parked = true;
        http->parked++;
        if (job->later.may_go_on) {
            vd_job_push(&http->todo, job);
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

bool vd_http_is_later(const struct vd_http_later *later)
{
    return later->resumed != NULL;
}

void vd_http_later_then(struct vd_http_later *later, vd_http_resumed *then, void *context)
{
    later->then = then;
    later->then_context = context;
}

void vd_http_resume(struct vd_http_later *later)
{
    struct vd_http *http = later->to;

    pthread_mutex_lock(&http->lock);
    later->may_go_on = true;
    if (later->is_parked) {
        vd_job_push(&http->todo, (struct job *)later);
        pthread_cond_signal(&http->todo_ready);
    }
    pthread_mutex_unlock(&http->lock);
}

bool vd_http_set_tls(struct vd_http *http, SSL_CTX *context)
{
    return vd_http_tls_put(http->tls, context);
}

void vd_http_set_connects(struct vd_http *http, uint32_t address_connects_per_s)
{
    vd_http_tls_set_connects(http->tls, address_connects_per_s);
}

void vd_http_beats_get(struct vd_http *http, struct vd_http_beats *out)
{
    out->loop_ms = vd_pulse_last_ms(&http->pulse);
    pthread_mutex_lock(&http->lock);
    out->waiting_since_ms = http->todo.first != NULL ? http->todo.first->queued_ms : 0;
    pthread_mutex_unlock(&http->lock);
}

void vd_jobs_give_up(struct vd_http *http)
{
    for (unsigned i = 0; i < http->threads; i++) {
        if (http->running[i] != NULL) {
            atomic_store(&http->running[i]->is_gone, true);
        }
    }
    for (struct job *job = http->todo.first; job != NULL; job = job->next) {
        atomic_store(&job->is_gone, true);
    }
}

/* Runs it between two times of the lock. */
static void run_unlocked(struct vd_http *http, struct job *job, bool is_resumed)
{
    unsigned place = 0;

    while (http->running[place] != NULL) {
        place++; /* there is one for each worker */
    }
    http->running[place] = job;
    pthread_mutex_unlock(&http->lock);
    vd_job_run(job, is_resumed);
    pthread_mutex_lock(&http->lock);
    http->running[place] = NULL;
}

void *vd_http_worker(void *context)
{
    struct vd_http *http = context;
    struct job *job;

    pthread_mutex_lock(&http->lock);
    for (;;) {
        job = vd_job_pop(&http->todo);
        if (job != NULL) {
            const bool is_resumed = job->later.is_parked;

            run_unlocked(http, job, is_resumed);
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
