/* SPDX-License-Identifier: MIT */
/* The questions of sessions as requests to the writer of the state. */

#include "hub/asks.h"

#include "hub/jobs.h"
#include "hub/json_write.h"
#include "hub/twin.h"
#include "lib/clock.h"

struct asked {
    struct vd_job job; /* first */
    struct vd_session_ask ask;
    int64_t created_ms;
    int64_t now_ms;
    int64_t begun_ms; /* monotonic */
    uint32_t filters;
    int64_t version;
    struct vd_twin_problem problem;
    int twin_error;        /* of reading the stored twin */
    struct vd_buf payload; /* of the answer */
    char text[];           /* what `ask` points to */
};

/* ---- In the writer's thread ---- */

static int run_open(void *context, struct vd_state_store *store)
{
    struct asked *asked = context;
    const struct vd_state_key *key = &asked->job.key;
    int error = asked->ask.is_clean ? vd_state_subscriptions_put(store, key, 0)
                                    : vd_state_subscriptions_get(store, key, &asked->filters);

    /* What the connection before had, or the hub before it was started, is not acknowledged any more. */
    return error == VD_OK ? vd_state_c2d_release(store, key, asked->now_ms, &asked->job.endings)
                          : error;
}

static int run_keep(void *context, struct vd_state_store *store)
{
    const struct asked *asked = context;

    return vd_state_subscriptions_put(store, &asked->job.key, asked->ask.filters);
}

static int run_twin_get(void *context, struct vd_state_store *store)
{
    struct asked *asked = context;
    struct vd_buf stored = {0};
    struct vd_twin twin = {0};
    uint64_t revision;
    int error = vd_state_twin_get(store, &asked->job.key, &stored, &revision);

    if (error == VD_OK || error == VD_E_NOT_FOUND) {
        error = vd_twin_open(
            &twin, (struct vd_str){(const char *)stored.data, stored.length}, asked->created_ms);
    }
    if (error == VD_OK) {
        vd_twin_write_for_device(&twin, &asked->payload);
        error = asked->payload.error;
    }
    vd_twin_release(&twin);
    vd_buf_release(&stored);
    return error;
}

/* Of the type vd_state_twin_change. */
static bool change_reported(void *context, struct vd_str old, struct vd_buf *changed)
{
    struct asked *asked = context;
    struct vd_twin twin = {0};
    bool is_changed = false;

    asked->twin_error = vd_twin_open(&twin, old, asked->created_ms);
    if (asked->twin_error == VD_OK &&
        vd_twin_patch_reported(&twin, asked->ask.payload, asked->now_ms, &asked->problem) ==
            VD_TWIN_OK) {
        vd_twin_write(&twin, changed);
        asked->version = twin.reported.version;
        is_changed = changed->length <= VD_HUB_TWIN_STORED_MAX_BYTES;
        /* Thousands of members with the shortest names: their metadata outweighs them. */
        asked->problem.error = is_changed ? VD_TWIN_OK : VD_TWIN_TOO_LARGE;
    }
    vd_twin_release(&twin);
    return is_changed;
}

static int run_twin_patch(void *context, struct vd_state_store *store)
{
    struct asked *asked = context;
    int error = vd_state_twin_update(store, &asked->job.key, change_reported, asked);

    return error == VD_OK ? asked->twin_error : error;
}

/* ---- On the loop ---- */

static int status_of_problem(enum vd_twin_error error)
{
    switch (error) {
    case VD_TWIN_OK:
        return 0;
    case VD_TWIN_TOO_LARGE:
        return 413;
    case VD_TWIN_NO_MEMORY:
        return 500;
    default:
        return 400;
    }
}

static int status_of_error(int error)
{
    switch (error) {
    case VD_OK:
        return 0;
    case VD_E_LIMIT:
        return 429;
    case VD_E_CLOSED:
        return 503;
    default:
        return 500;
    }
}

/* Why a question about a twin was not answered as asked; 0: it was. */
static int fault_of(const struct asked *asked)
{
    const int status = status_of_error(asked->job.request.error);

    if (status != 0) {
        return status;
    }
    /* What a device does not take in one packet would end its connection each time that it asks. */
    return asked->payload.length > VD_HUB_TWIN_ANSWER_MAX_BYTES
        ? 413
        : status_of_problem(asked->problem.error);
}

/* The SDKs read a failed answer's body as JSON, and fail on an empty one. */
static void write_fault(const struct asked *asked, int status, struct vd_buf *out)
{
    const bool is_problem = asked->job.request.error == VD_OK && asked->problem.error != VD_TWIN_OK;
    const char *path = is_problem ? asked->problem.path : "";
    const char *what = is_problem ? vd_twin_error_text(asked->problem.error)
        : status == 413           ? "the twin is too large for a packet"
                                  : vd_error_text(asked->job.request.error);
    json_t *fault = json_object();

    vd_buf_clear(out);
    (void)json_object_set_new(fault, "errorCode", json_integer(status * 1000 + 1));
    (void)json_object_set_new(
        fault, "message", json_sprintf("%s%s%s", what, path[0] != '\0' ? ": " : "", path));
    if (fault != NULL) {
        vd_json_write(fault, out);
    }
    json_decref(fault);
}

static void record_twin(
    struct connection *c, const struct asked *asked, int status, size_t response_bytes)
{
    const bool is_read = asked->ask.kind == VD_ASK_TWIN_GET;
    struct vd_operation operation = {
        .category = VD_OPERATION_D2C_TWIN,
        .name = is_read ? "read" : "update",
        .duration_ms = vd_clock_monotonic_ms() - asked->begun_ms,
        .properties = {{"messageSize", NULL,
            (int64_t)(is_read ? response_bytes : asked->ask.payload.length)}},
    };

    if (status >= 300) {
        operation.result = status == 429 ? (struct vd_result){429001, "ThrottlingException"}
            : status == 413              ? (struct vd_result){413001, "MessageTooLarge"}
            : status < 500               ? (struct vd_result){400001, "BadRequest"}
                                         : (struct vd_result){500001, "ServerError"};
        operation.reason = asked->problem.path[0] != '\0' ? asked->problem.path : NULL;
    }
    vd_connection_record(c, &operation);
}

static void reply_of_twin(struct connection *c, struct asked *asked, struct vd_session_reply *reply)
{
    const int fault = fault_of(asked);

    if (fault != 0) {
        reply->status = fault;
        write_fault(asked, fault, &asked->payload);
    } else {
        reply->status = asked->ask.kind == VD_ASK_TWIN_GET ? 200 : 204;
        reply->version = asked->version;
    }
    if (asked->payload.error == VD_OK) {
        reply->payload = (struct vd_str){(const char *)asked->payload.data, asked->payload.length};
    }
    record_twin(c, asked, reply->status, reply->payload.length);
}

static void answer(struct connection *c, struct asked *asked)
{
    struct vd_session_reply reply = {
        .error = asked->job.request.error, .filters = (uint8_t)asked->filters};

    if (asked->ask.kind == VD_ASK_TWIN_GET || asked->ask.kind == VD_ASK_TWIN_PATCH) {
        reply_of_twin(c, asked, &reply);
    }
    vd_session_reply(&c->session, &asked->ask, &reply);
}

static void asked_free(struct asked *asked)
{
    vd_buf_release(&asked->payload);
    free(asked);
}

static void done(struct vd_job *job, struct connection *c)
{
    struct asked *asked = (struct asked *)job;

    if (c != NULL) {
        answer(c, asked);
        vd_connection_go_on(c);
    }
    asked_free(asked);
}

/* NULL: no memory. */
static struct asked *asked_new(struct connection *c, const struct vd_session_ask *ask)
{
    static vd_state_run *const runs[] = {
        [VD_ASK_OPEN] = run_open,
        [VD_ASK_KEEP] = run_keep,
        [VD_ASK_TWIN_GET] = run_twin_get,
        [VD_ASK_TWIN_PATCH] = run_twin_patch,
    };
    /* Devices put something into a GET too, which nobody reads. */
    const struct vd_str payload =
        ask->kind == VD_ASK_TWIN_PATCH ? ask->payload : (struct vd_str){"", 0};
    const size_t bytes =
        sizeof(struct asked) + ask->client_type.length + ask->rid.length + payload.length;
    struct asked *asked = calloc(1, bytes);
    char *to;

    if (asked == NULL) {
        return NULL;
    }
    vd_job_init(&asked->job, c);
    asked->job.request.run = runs[ask->kind];
    asked->job.request.context = asked;
    asked->job.bytes = bytes;
    asked->job.done = done;
    asked->ask = *ask;
    to = asked->text;
    asked->ask.client_type = vd_str_keep(ask->client_type, &to);
    asked->ask.rid = vd_str_keep(ask->rid, &to);
    asked->ask.payload = vd_str_keep(payload, &to);
    asked->created_ms = c->session.principal.created_ms;
    asked->now_ms = c->session.host->utc_ms();
    asked->begun_ms = vd_clock_monotonic_ms();
    return asked;
}

void vd_asks_begin(struct connection *c, const struct vd_session_ask *ask)
{
    const bool is_twin = ask->kind == VD_ASK_TWIN_GET || ask->kind == VD_ASK_TWIN_PATCH;
    struct asked *asked;
    int error;

    if (c->hub->state == NULL && !is_twin) {
        vd_session_reply(&c->session, ask, &(struct vd_session_reply){.error = VD_OK});
        return;
    }
    asked = asked_new(c, ask);
    if (asked == NULL) {
        c->session.is_waiting = false;
        vd_session_apply(&c->session, VD_SESSION_NO_MEMORY);
        return;
    }
    /* The writer has the request from here on, and sets its error. */
    error = vd_job_submit(c->hub, &asked->job);
    if (error != VD_OK) {
        asked->job.request.error = error;
        answer(c, asked);
        asked_free(asked);
    }
}
