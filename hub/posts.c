/* SPDX-License-Identifier: MIT */
/* The queue of posted messages, and those of them that the committer has. */

#include "hub/posts.h"

#include "hub/paces.h"

struct vd_post {
    STAILQ_ENTRY(vd_post) next;
    vd_post_done *done;
    void *context;
    struct vd_event event; /* its text lies behind */
    size_t bytes;
    char text[];
};

/* ---- Any thread ---- */

static struct vd_post *post_new(const struct vd_event *event, vd_post_done *done, void *context)
{
    const size_t bytes = sizeof(struct vd_post) + vd_event_text_bytes(event);
    struct vd_post *post = malloc(bytes);

    if (post != NULL) {
        *post = (struct vd_post){.done = done, .context = context, .bytes = bytes};
        post->event = vd_event_keep(event, post->text);
    }
    return post;
}

/* With the lock. */
static int enqueue(struct vd_hub *hub, struct vd_post *post)
{
    if (hub->stop_asked) {
        return VD_E_CLOSED;
    }
    if (post->bytes > VD_HUB_POSTS_WAITING_MAX_BYTES - hub->post_bytes ||
        !vd_paces_may_post(hub, post->event.device_id, vd_event_text_bytes(&post->event))) {
        return VD_E_LIMIT;
    }
    hub->post_bytes += post->bytes;
    STAILQ_INSERT_TAIL(&hub->posts, post, next);
    return VD_OK;
}

int vd_hub_post(struct vd_hub *hub, const struct vd_event *event, vd_post_done *done, void *context)
{
    struct vd_post *post = post_new(event, done, context);
    int error;

    if (post == NULL) {
        return VD_E_NOMEM;
    }
    pthread_mutex_lock(&hub->lock);
    error = enqueue(hub, post);
    pthread_mutex_unlock(&hub->lock);
    if (error != VD_OK) {
        free(post);
        return error;
    }
    vd_hub_wake(hub);
    return VD_OK;
}

bool vd_hub_may_ask(struct vd_hub *hub, const char *device_id)
{
    bool may;

    pthread_mutex_lock(&hub->lock);
    may = vd_paces_may_post(hub, vd_str_from(device_id), 0);
    pthread_mutex_unlock(&hub->lock);
    return may;
}

/* ---- The loop ---- */

static void end(struct vd_hub *hub, struct vd_post *post, int error)
{
    pthread_mutex_lock(&hub->lock);
    hub->post_bytes -= post->bytes;
    pthread_mutex_unlock(&hub->lock);
    post->done(post->context, error);
    free(post);
}

/* Out of the queue; NULL: it is empty. */
static struct vd_post *dequeue(struct vd_hub *hub)
{
    struct vd_post *post;

    pthread_mutex_lock(&hub->lock);
    post = STAILQ_FIRST(&hub->posts);
    if (post != NULL) {
        STAILQ_REMOVE_HEAD(&hub->posts, next);
    }
    pthread_mutex_unlock(&hub->lock);
    return post;
}

static void take(struct vd_hub *hub, struct vd_post *post)
{
    const struct vd_ack ack = {.slot = VD_POST_SLOT};
    const int error = vd_committer_add(hub->committer, &post->event, &ack);

    if (error != VD_OK) {
        end(hub, post, error);
        return;
    }
    event_active(&hub->hand_over, EV_TIMEOUT, 0);
    STAILQ_INSERT_TAIL(&hub->posted, post, next);
    atomic_fetch_add_explicit(
        post->event.kind == VD_EVENT_SECURITY ? &hub->messages_security : &hub->messages_telemetry,
        1, memory_order_relaxed);
}

void vd_posts_take(struct vd_hub *hub)
{
    struct vd_post *post;

    while (vd_committer_has_room(hub->committer) && (post = dequeue(hub)) != NULL) {
        take(hub, post);
    }
}

/* Acknowledgements come in the order in which records were added. */
void vd_posts_durable(struct vd_hub *hub)
{
    struct vd_post *post = STAILQ_FIRST(&hub->posted);

    if (post != NULL) {
        STAILQ_REMOVE_HEAD(&hub->posted, next);
        end(hub, post, VD_OK);
    }
}

bool vd_posts_are_busy(struct vd_hub *hub)
{
    bool is_waiting;

    pthread_mutex_lock(&hub->lock);
    is_waiting = !STAILQ_EMPTY(&hub->posts);
    pthread_mutex_unlock(&hub->lock);
    return is_waiting || !STAILQ_EMPTY(&hub->posted);
}

void vd_posts_release(struct vd_hub *hub)
{
    struct vd_post *post;

    STAILQ_CONCAT(&hub->posted, &hub->posts);
    while ((post = STAILQ_FIRST(&hub->posted)) != NULL) {
        STAILQ_REMOVE_HEAD(&hub->posted, next);
        end(hub, post, VD_E_CLOSED);
    }
}
