/* SPDX-License-Identifier: MIT */
/* Messages that devices did not ask for: from the state into the queue of a connection, and their acknowledgements back. */

#include "hub/delivery.h"

#include "hub/jobs.h"
#include "hub/topic.h"

/* ---- Desired properties ---- */

void vd_delivery_desired(struct vd_session *session, int64_t version, struct vd_str change)
{
    struct vd_buf topic = {0};
    struct vd_buf packet = {0};

    if (session->state != VD_SESSION_CONNECTED ||
        (session->filters & VD_FILTER_TWIN_DESIRED) == 0) {
        return;
    }
    vd_topic_write_desired(&topic, version);
    if (vd_mqtt_write_publish_on(&topic, (struct vd_mqtt_publish){.payload = change}, &packet) !=
        VD_OK) {
        vd_session_apply(session, VD_SESSION_NO_MEMORY);
    } else if (vd_connection_has_room(session, packet.length)) {
        session->host->send(session, packet.data, packet.length);
    } else {
        /* It does not read; it reads its twin when it is back. */
        vd_session_apply(session, VD_SESSION_SLOW_READER);
    }
    vd_buf_release(&topic);
    vd_buf_release(&packet);
}

/* ---- Messages: of one connection ---- */

struct in_flight {
    int64_t sequence;
    uint16_t packet_id;
    char lock[VD_UUID_TEXT_SIZE];
};

struct delivery {
    bool is_wanted; /* a message may wait in the queue */
    bool is_taking; /* the writer is asked for the next */
    bool is_held;   /* nothing is taken before a PUBACK */
    uint8_t count;
    uint8_t done_count;
    struct in_flight items[VD_HUB_C2D_IN_FLIGHT];
    int64_t
        done[VD_HUB_C2D_IN_FLIGHT]; /* sequences that were acknowledged while the writer is asked */
};

struct taking {
    struct vd_job job; /* first */
    int64_t now_ms;
    bool found;
    struct vd_c2d_delivery message;
};

struct settling {
    struct vd_job job; /* first */
    int64_t now_ms;
    int64_t sequence;             /* of the message that the device has; 0: it is given back */
    char lock[VD_UUID_TEXT_SIZE]; /* "": all that are locked are given back */
};

static int run_take(void *context, struct vd_state_store *store)
{
    struct taking *taking = context;

    return vd_state_c2d_take(store, &taking->job.key, VD_HUB_C2D_LOCK_MAX_MS, taking->now_ms,
        &taking->message, &taking->found, &taking->job.endings);
}

static int run_settle(void *context, struct vd_state_store *store)
{
    struct settling *settling = context;
    const struct vd_state_key *key = &settling->job.key;
    struct vd_c2d_endings *endings = &settling->job.endings;
    bool found;

    if (settling->sequence != 0) {
        return vd_state_c2d_acknowledge(
            store, key, settling->sequence, settling->lock, settling->now_ms, endings);
    }
    return settling->lock[0] == '\0' ? vd_state_c2d_release(store, key, settling->now_ms, endings)
                                     : vd_state_c2d_settle(store, key, settling->lock,
                                           VD_C2D_ABANDON, settling->now_ms, &found, endings);
}

static void settled(struct vd_job *job, struct connection *c)
{
    (void)c;
    free(job);
}

/* As the members of struct settling are. What the writer does not take is left to the lock, which ends by itself. */
static void settle(struct connection *c, const char *lock, int64_t sequence)
{
    struct settling *settling = calloc(1, sizeof *settling);

    if (settling == NULL) {
        return;
    }
    vd_job_init(&settling->job, c);
    settling->job.request.run = run_settle;
    settling->job.request.context = settling;
    settling->job.done = settled;
    settling->now_ms = c->session.host->utc_ms();
    settling->sequence = sequence;
    if (vd_text_copy(lock, settling->lock, sizeof settling->lock) != VD_OK ||
        vd_job_submit(c->hub, &settling->job) != VD_OK) {
        free(settling);
    }
}

static struct in_flight *find(struct delivery *delivery, uint16_t packet_id)
{
    for (uint8_t i = 0; i < delivery->count; i++) {
        if (delivery->items[i].packet_id == packet_id) {
            return &delivery->items[i];
        }
    }
    return NULL;
}

static int write_message(const struct connection *c, const struct vd_c2d_delivery *message,
    uint16_t packet_id, struct vd_buf *packet)
{
    const struct vd_buf *bag = &message->properties;
    struct vd_buf topic = {0};
    int error;

    vd_topic_write_devicebound(&topic, c->session.principal.device_id,
        (struct vd_str){(const char *)bag->data, bag->length});
    error = vd_mqtt_write_publish_on(&topic,
        (struct vd_mqtt_publish){
            .qos = packet_id != 0 ? 1 : 0,
            .dup = packet_id != 0 && message->deliveries > 1,
            .packet_id = packet_id,
            .payload = {(const char *)message->body.data, message->body.length},
        },
        packet);
    vd_buf_release(&topic);
    return error;
}

/* The packet id is in use: by the same message, whose lock has ended before its PUBACK came and which has a new one now; or by
 * one that is 65,535 messages older, for which this one waits. */
static void meet(
    struct connection *c, struct in_flight *item, const struct vd_c2d_delivery *message)
{
    if (item->sequence == message->sequence) {
        memcpy(item->lock, message->lock, sizeof item->lock);
    } else {
        c->delivery->is_held = true;
        settle(c, message->lock, 0);
    }
}

static void send_message(struct connection *c, const struct vd_c2d_delivery *message)
{
    const bool is_qos_1 = (c->session.filters & VD_FILTER_DEVICEBOUND_QOS_1) != 0;
    const uint16_t packet_id = is_qos_1 ? (uint16_t)(1 + (message->sequence - 1) % UINT16_MAX) : 0;
    struct delivery *delivery = c->delivery;
    struct in_flight *item = packet_id != 0 ? find(delivery, packet_id) : NULL;
    struct vd_buf packet = {0};

    if (item != NULL) {
        meet(c, item, message);
        return;
    }
    if (packet_id != 0) {
        item = &delivery->items[delivery->count++];
        item->sequence = message->sequence;
        item->packet_id = packet_id;
        memcpy(item->lock, message->lock, sizeof item->lock);
    }
    if (write_message(c, message, packet_id, &packet) != VD_OK) {
        vd_session_apply(&c->session, VD_SESSION_NO_MEMORY); /* its end gives it back */
    } else {
        c->session.host->send(&c->session, packet.data, packet.length);
        if (packet_id == 0) {
            settle(c, message->lock, message->sequence);
        }
    }
    vd_buf_release(&packet);
}

static bool is_done(const struct delivery *delivery, int64_t sequence)
{
    for (uint8_t i = 0; i < delivery->done_count; i++) {
        if (delivery->done[i] == sequence) {
            return true;
        }
    }
    return false;
}

/* Meanwhile the device may have unsubscribed: nothing is sent behind UNSUBACK [MQTT-3.10.4-2]. Or the message is one whose lock had
 * ended, and its PUBACK came. */
static void send_if_due(struct connection *c, const struct vd_c2d_delivery *message)
{
    if (is_done(c->delivery, message->sequence)) {
        settle(c, message->lock, message->sequence);
    } else if ((c->session.filters & VD_FILTER_DEVICEBOUND) != 0) {
        send_message(c, message);
    } else {
        settle(c, message->lock, 0);
    }
}

static void taken(struct vd_job *job, struct connection *c)
{
    struct taking *taking = (struct taking *)job;

    /* If the connection is gone, its end has given the message back behind this. */
    if (c != NULL && c->delivery != NULL && c->session.state == VD_SESSION_CONNECTED) {
        c->delivery->is_taking = false;
        /* Unless nothing was found there may be more; one that came meanwhile has said so itself. */
        c->delivery->is_wanted |= job->request.error != VD_OK || taking->found;
        if (job->request.error == VD_OK) {
            if (taking->found) {
                send_if_due(c, &taking->message);
            }
            vd_delivery_go_on(c);
        }
    }
    vd_c2d_delivery_release(&taking->message);
    free(taking);
}

static bool may_take(const struct connection *c)
{
    const struct delivery *delivery = c->delivery;

    return c->session.state == VD_SESSION_CONNECTED &&
        (c->session.filters & VD_FILTER_DEVICEBOUND) != 0 && delivery->is_wanted &&
        !delivery->is_taking && !delivery->is_held && delivery->count < VD_HUB_C2D_IN_FLIGHT &&
        c->out.length == 0 && !c->hub->is_draining;
}

void vd_delivery_go_on(struct connection *c)
{
    struct taking *taking;

    if (c->delivery == NULL || !may_take(c)) {
        return;
    }
    taking = calloc(1, sizeof *taking);
    if (taking == NULL) {
        return;
    }
    vd_job_init(&taking->job, c);
    taking->job.request.run = run_take;
    taking->job.request.context = taking;
    taking->job.bytes = VD_HUB_C2D_BODY_MAX_BYTES;
    taking->job.done = taken;
    taking->now_ms = c->session.host->utc_ms();
    if (vd_job_submit(c->hub, &taking->job) != VD_OK) {
        free(taking);
        return;
    }
    c->delivery->is_taking = true;
    c->delivery->done_count = 0;
    c->delivery->is_wanted = false;
}

void vd_delivery_wanted(struct connection *c)
{
    if (c->session.state != VD_SESSION_CONNECTED ||
        (c->session.filters & VD_FILTER_DEVICEBOUND) == 0 || c->hub->state == NULL) {
        return; /* it learns of it when it subscribes */
    }
    if (c->delivery == NULL) {
        c->delivery = calloc(1, sizeof *c->delivery);
    }
    if (c->delivery != NULL) {
        c->delivery->is_wanted = true;
        vd_delivery_go_on(c);
    }
}

void vd_delivery_acknowledged(struct connection *c, uint16_t packet_id)
{
    struct delivery *delivery = c->delivery;
    struct in_flight *item = delivery != NULL ? find(delivery, packet_id) : NULL;

    if (item == NULL) {
        return;
    }
    settle(c, item->lock, item->sequence);
    if (delivery->is_taking) {
        delivery->done[delivery->done_count++] =
            item->sequence; /* nothing is sent meanwhile: they are no more than were */
    }
    delivery->is_held = false;
    delivery->count--;
    memmove(item, item + 1, (size_t)(delivery->items + delivery->count - item) * sizeof *item);
    vd_delivery_go_on(c);
}

void vd_delivery_gone(struct connection *c)
{
    if (c->delivery != NULL && (c->delivery->count > 0 || c->delivery->is_taking)) {
        settle(c, "", 0);
    }
    free(c->delivery);
    c->delivery = NULL;
}

/* ---- Messages: that nobody takes ---- */

struct expiring {
    struct vd_job job; /* first */
    int64_t now_ms;
    uint32_t queues;
};

static int run_expire(void *context, struct vd_state_store *store)
{
    struct expiring *expiring = context;

    return vd_state_c2d_expire(store, VD_HUB_C2D_EXPIRE_QUEUES, expiring->now_ms, &expiring->queues,
        &expiring->job.endings);
}

static void arm(struct vd_hub *hub, int ms)
{
    event_add(&hub->c2d_timer, &(struct timeval){ms / 1000, ms % 1000 * 1000L});
}

static void expired(struct vd_job *job, struct connection *c)
{
    const struct expiring *expiring = (const struct expiring *)job;
    const bool has_more =
        job->request.error == VD_OK && expiring->queues == VD_HUB_C2D_EXPIRE_QUEUES;

    (void)c;
    if (!job->hub->is_draining) {
        arm(job->hub, has_more ? 0 : job->hub->times.c2d_expire_ms);
    }
    free(job);
}

static void on_c2d_timer(evutil_socket_t fd, short what, void *argument)
{
    struct vd_hub *hub = argument;
    struct expiring *expiring = calloc(1, sizeof *expiring);

    (void)fd;
    (void)what;
    if (expiring != NULL) {
        expiring->job.slot = VD_JOB_NO_SLOT;
        expiring->job.request.run = run_expire;
        expiring->job.request.context = expiring;
        expiring->job.done = expired;
        expiring->now_ms = hub->session_host.utc_ms();
        if (vd_job_submit(hub, &expiring->job) == VD_OK) {
            return;
        }
        free(expiring);
    }
    arm(hub, hub->times.c2d_expire_ms);
}

void vd_delivery_start(struct vd_hub *hub)
{
    evtimer_assign(&hub->c2d_timer, hub->base, on_c2d_timer, hub);
    if (hub->state != NULL) {
        arm(hub, 0);
    }
}

void vd_delivery_stop(struct vd_hub *hub)
{
    event_del(&hub->c2d_timer);
}
