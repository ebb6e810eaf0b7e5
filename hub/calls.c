/* SPDX-License-Identifier: MIT */
/* The way of a direct method: asked for by any thread, begun, sent and ended on the hub's loop. */

#include "hub/calls.h"

#include "hub/connection.h"
#include "hub/topic.h"
#include "lib/clock.h"

/* ---- Any thread ---- */

static struct vd_result result_of(int error)
{
    switch (error) {
    case VD_OK:
        return (struct vd_result){0, ""};
    case VD_E_NOT_FOUND:
        return (struct vd_result){404103, "DeviceNotOnline"};
    case VD_E_TIMEOUT:
        return (struct vd_result){504101, "GatewayTimeout"};
    case VD_E_LIMIT:
        return (struct vd_result){429001, "ThrottlingException"};
    case VD_E_CLOSED:
        return (struct vd_result){503001, "ServiceUnavailable"};
    default:
        return (struct vd_result){500001, "ServerError"};
    }
}

static struct vd_method_request *request_new(
    const struct vd_method_call *call, vd_method_done *done, void *context)
{
    struct vd_method_request *request = calloc(1, sizeof *request);
    const char *module_id = call->module_id != NULL ? call->module_id : "";

    if (request == NULL) {
        return NULL;
    }
    vd_buf_append(&request->payload, call->payload.data, call->payload.length);
    if (request->payload.error != VD_OK) {
        free(request);
        return NULL;
    }
    /* The lengths were checked. */
    (void)!vd_text_copy(call->device_id, request->device_id, sizeof request->device_id);
    (void)!vd_text_copy(module_id, request->module_id, sizeof request->module_id);
    (void)!vd_text_copy(call->name, request->name, sizeof request->name);
    request->payload_bytes = call->payload.length;
    request->response_timeout_ms = call->response_timeout_ms;
    request->connect_timeout_ms = call->connect_timeout_ms;
    request->begun_ms = vd_clock_monotonic_ms();
    request->done = done;
    request->context = context;
    return request;
}

static void request_free(struct vd_method_request *request)
{
    vd_buf_release(&request->payload);
    free(request);
}

/* Puts it in the queue, if the hub takes it. */
static int enqueue(struct vd_hub *hub, struct vd_method_request *request)
{
    int error = VD_OK;

    pthread_mutex_lock(&hub->lock);
    if (hub->methods_refused || hub->stop_asked) {
        error = VD_E_CLOSED;
    } else if (hub->method_count == VD_HUB_METHODS_MAX ||
        request->payload_bytes > VD_HUB_METHODS_MAX_BYTES - hub->method_bytes) {
        error = VD_E_LIMIT;
    } else {
        hub->method_count++;
        hub->method_bytes += request->payload_bytes;
        *hub->method_queue_end = request;
        hub->method_queue_end = &request->next;
    }
    pthread_mutex_unlock(&hub->lock);
    return error;
}

/* A call that is not taken ends here; one that is, on the loop. */
static void record_refusal(struct vd_hub *hub, const struct vd_method_call *call, int error)
{
    vd_hub_record(hub,
        &(struct vd_operation){
            .category = VD_OPERATION_METHODS,
            .name = "send",
            .result = result_of(error),
            .device_id = call->device_id,
            .module_id = call->module_id,
            .protocol = "Mqtt",
            .properties = {{"RequestSize", NULL, (int64_t)call->payload.length},
                {"methodName", call->name, 0}},
        });
}

int vd_hub_call_method(
    struct vd_hub *hub, const struct vd_method_call *call, vd_method_done *done, void *context)
{
    struct vd_method_request *request;
    int error;

    if (!vd_method_call_is_valid(call) || strlen(call->device_id) > VD_ID_MAX ||
        (call->module_id != NULL && strlen(call->module_id) > VD_ID_MAX)) {
        return VD_E_INVALID;
    }
    request = request_new(call, done, context);
    error = request != NULL ? enqueue(hub, request) : VD_E_NOMEM;
    if (error != VD_OK) {
        if (request != NULL) {
            request_free(request);
        }
        record_refusal(hub, call, error);
        return error;
    }
    vd_hub_wake(hub);
    return VD_OK;
}

void vd_hub_refuse_methods(struct vd_hub *hub)
{
    pthread_mutex_lock(&hub->lock);
    hub->methods_refused = true;
    pthread_mutex_unlock(&hub->lock);
    vd_hub_wake(hub);
}

/* ---- The loop ---- */

static void record_call(struct vd_hub *hub, const struct vd_method_request *request,
    const struct vd_method_answer *answer, int64_t duration_ms)
{
    vd_record_now(hub,
        &(struct vd_operation){
            .category = VD_OPERATION_METHODS,
            .name = "send",
            .result = result_of(answer->error),
            .duration_ms = duration_ms,
            .device_id = request->device_id,
            .module_id = request->module_id,
            .protocol = "Mqtt",
            .properties = {{"RequestSize", NULL, (int64_t)request->payload_bytes},
                {"ResponseSize", NULL, (int64_t)answer->payload.length},
                {"methodName", request->name, 0}, {"methodStatus", NULL, answer->status}},
        });
}

/* The end of a request that is in neither table nor queue. */
static void end(
    struct vd_hub *hub, struct vd_method_request *request, const struct vd_method_answer *answer)
{
    const int64_t now_ms = vd_clock_monotonic_ms();
    uint32_t held_back;

    pthread_mutex_lock(&hub->lock);
    hub->method_count--;
    hub->method_bytes -= request->payload_bytes;
    pthread_mutex_unlock(&hub->lock);
    atomic_fetch_add(answer->error == VD_OK ? &hub->methods_answered : &hub->methods_unanswered, 1);
    if (vd_log_allowed(&hub->log_methods, now_ms, &held_back)) {
        vd_log(VD_LOG_INFO, "hub.method",
            "device=\"%s\" module=\"%s\" method=%s result=\"%s\" status=%d ms=%lld request_bytes=%zu "
            "response_bytes=%zu held_back=%u",
            request->device_id, request->module_id, request->name, vd_error_text(answer->error),
            answer->status, (long long)(now_ms - request->begun_ms), request->payload_bytes,
            answer->payload.length, held_back);
    }
    record_call(hub, request, answer, now_ms - request->begun_ms);
    request->done(request->context, answer);
    request_free(request);
}

static void fail(struct vd_hub *hub, struct vd_method_request *request, int error)
{
    end(hub, request, &(struct vd_method_answer){error, 0, {"", 0}});
}

/* Arms the timer if the next deadline is before it; one that was met leaves it to fire once for nothing. */
static void arm(struct vd_hub *hub, int64_t now_ms)
{
    const int64_t due_ms = vd_methods_next_due(hub->methods);
    struct timeval delay;
    int64_t delay_ms;

    if (due_ms >= hub->methods_due_ms) {
        return;
    }
    delay_ms = due_ms > now_ms ? due_ms - now_ms : 0;
    delay.tv_sec = delay_ms / 1000;
    delay.tv_usec = delay_ms % 1000 * 1000;
    event_add(&hub->methods_timer, &delay);
    hub->methods_due_ms = due_ms;
}

static void on_due(evutil_socket_t fd, short what, void *argument)
{
    struct vd_hub *hub = argument;
    const int64_t now_ms = vd_clock_monotonic_ms();
    struct vd_method_request *request;

    (void)fd;
    (void)what;
    hub->methods_due_ms = INT64_MAX;
    while ((request = vd_methods_take_due(hub->methods, now_ms)) != NULL) {
        fail(hub, request, request->is_sent ? VD_E_TIMEOUT : VD_E_NOT_FOUND);
    }
    arm(hub, now_ms);
    vd_hub_settle(hub);
}

int vd_calls_start(struct vd_hub *hub)
{
    hub->methods = vd_methods_new();
    hub->method_queue_end = &hub->method_queue;
    hub->methods_due_ms = INT64_MAX;
    evtimer_assign(&hub->methods_timer, hub->base, on_due, hub);
    return hub->methods != NULL ? VD_OK : VD_E_NOMEM;
}

void vd_calls_release(struct vd_hub *hub)
{
    vd_methods_free(hub->methods);
}

/* The request as a packet. At QoS 0, whatever was granted: a call that was lost is the caller's to repeat, and one that
 * came twice would be done twice. */
static int write_packet(const struct vd_method_request *request, struct vd_buf *packet)
{
    struct vd_buf topic = {0};
    int error;

    vd_topic_write_method(&topic, request->name, request->rid);
    error = vd_mqtt_write_publish_on(&topic,
        (struct vd_mqtt_publish){
            .payload = {(const char *)request->payload.data, request->payload.length}},
        packet);
    vd_buf_release(&topic);
    return error;
}

static void send_one(
    struct vd_hub *hub, struct vd_session *session, struct vd_method_request *request)
{
    const int64_t now_ms = vd_clock_monotonic_ms();
    struct vd_buf packet = {0};
    int error = write_packet(request, &packet);

    if (error == VD_OK && !vd_connection_has_room(session, packet.length)) {
        error = VD_E_LIMIT;
    }
    if (session->state != VD_SESSION_CONNECTED) {
        /* Making room has shown that the peer is gone: the request waits for it to come back. */
    } else if (error != VD_OK) {
        vd_methods_take(hub->methods, request);
        fail(hub, request, error);
    } else {
        vd_methods_sent(hub->methods, request, now_ms + request->response_timeout_ms);
        vd_buf_release(&request->payload);
        arm(hub, now_ms);
        /* If that ends the session the request is gone with it. */
        session->host->send(session, packet.data, packet.length);
    }
    vd_buf_release(&packet);
}

void vd_calls_send(struct vd_hub *hub, struct vd_session *session)
{
    const struct vd_principal *who = &session->principal;
    struct vd_method_request *request;

    /* Each round sends one or ends it. */
    while (session->state == VD_SESSION_CONNECTED && (session->filters & VD_FILTER_METHODS) != 0 &&
        (request = vd_methods_unsent(hub->methods, who->device_id, who->module_id)) != NULL) {
        send_one(hub, session, request);
    }
}

static void begin(struct vd_hub *hub, struct vd_method_request *request)
{
    const int64_t now_ms = vd_clock_monotonic_ms();
    struct vd_session *session =
        vd_presence_find(hub->presence, request->device_id, request->module_id);
    int error = vd_methods_add(hub->methods, request, now_ms + request->connect_timeout_ms);

    if (error != VD_OK) {
        fail(hub, request, error);
        return;
    }
    if (session != NULL) {
        vd_calls_send(hub, session);
    }
    /* One that is not sent, and may not wait, is due now. */
    arm(hub, now_ms);
}

/* What is queued; *refused tells whether nothing may be any more, which `refuse` sets. */
static struct vd_method_request *take_queue(struct vd_hub *hub, bool refuse, bool *refused)
{
    struct vd_method_request *queue;

    pthread_mutex_lock(&hub->lock);
    queue = hub->method_queue;
    hub->method_queue = NULL;
    hub->method_queue_end = &hub->method_queue;
    hub->methods_refused = hub->methods_refused || refuse;
    *refused = hub->methods_refused;
    pthread_mutex_unlock(&hub->lock);
    return queue;
}

void vd_calls_take(struct vd_hub *hub)
{
    bool refused;
    struct vd_method_request *request = take_queue(hub, false, &refused);
    struct vd_method_request *next;

    for (; request != NULL; request = next) {
        next = request->next;
        begin(hub, request);
    }
    if (refused) {
        vd_calls_end_all(hub);
    }
}

void vd_calls_end_all(struct vd_hub *hub)
{
    bool refused;
    struct vd_method_request *request = take_queue(hub, true, &refused);
    struct vd_method_request *next;

    for (; request != NULL; request = next) {
        next = request->next;
        fail(hub, request, VD_E_CLOSED);
    }
    while ((request = vd_methods_take_any(hub->methods)) != NULL) {
        fail(hub, request, VD_E_CLOSED);
    }
}

void vd_calls_answered(struct vd_hub *hub, const struct vd_session *session, uint64_t rid,
    int status, struct vd_str payload)
{
    const struct vd_principal *who = &session->principal;
    struct vd_method_request *request =
        vd_methods_take_answered(hub->methods, rid, who->device_id, who->module_id);

    if (request == NULL) {
        atomic_fetch_add(&hub->method_answers_ignored, 1);
        return;
    }
    end(hub, request, &(struct vd_method_answer){VD_OK, status, payload});
}

void vd_calls_gone(struct vd_hub *hub, const struct vd_session *session)
{
    const struct vd_principal *who = &session->principal;
    struct vd_method_request *request;

    while ((request = vd_methods_take_sent(hub->methods, who->device_id, who->module_id)) != NULL) {
        fail(hub, request, VD_E_NOT_FOUND);
    }
}
