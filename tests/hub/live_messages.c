/* SPDX-License-Identifier: MIT */
/* Sends by way of the state, and tells the hub. */

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/hub/live_messages.h"

struct work {
    struct vd_state_key key;
    struct vd_c2d_message message;
    size_t count;
    struct vd_c2d_feedback feedback;
    struct vd_state_activity activity;
};

static struct vd_state_key key_of_dev1(const struct live_hub *f)
{
    const struct vd_identity *identity = &f->registry.identities[0];
    struct vd_state_key key;

    memcpy(key.device_id, identity->device_id, sizeof key.device_id);
    memcpy(key.module_id, identity->module_id, sizeof key.module_id);
    memcpy(key.generation_id, identity->generation_id, sizeof key.generation_id);
    return key;
}

static int run_send(void *context, struct vd_state_store *store)
{
    const struct work *work = context;

    return vd_state_c2d_send(store, &work->key, &work->message, vd_clock_utc_ms(), NULL);
}

static int run_count(void *context, struct vd_state_store *store)
{
    struct work *work = context;

    return vd_state_c2d_count(store, &work->key, vd_clock_utc_ms(), &work->count, NULL);
}

static int run_feedback(void *context, struct vd_state_store *store)
{
    return vd_state_feedback_next(store, 0, &((struct work *)context)->feedback);
}

static int run_release(void *context, struct vd_state_store *store)
{
    return vd_state_c2d_release(store, &((struct work *)context)->key, vd_clock_utc_ms(), NULL);
}

void live_end_locks(struct live_hub *f)
{
    struct work work = {.key = key_of_dev1(f)};

    assert_int_equal(vd_state_do(f->state, run_release, &work), VD_OK);
}

static int run_activity(void *context, struct vd_state_store *store)
{
    struct work *work = context;

    return vd_state_activity_get(store, &work->key, &work->activity);
}

struct vd_state_activity live_activity(struct live_hub *f)
{
    struct work work = {.key = key_of_dev1(f)};

    assert_int_equal(vd_state_do(f->state, run_activity, &work), VD_OK);
    return work.activity;
}

void live_send_message(struct live_hub *f, const char *body, int64_t expires_ms)
{
    live_put_message(f, body, expires_ms);
    vd_hub_c2d_waiting(f->hub, "dev1");
}

void live_put_message(struct live_hub *f, const char *body, int64_t expires_ms)
{
    struct work work = {
        .key = key_of_dev1(f),
        .message =
            {
                .message_id = vd_str_from(body),
                .properties = VD_STR_LITERAL("a=b"),
                .body = vd_str_from(body),
                .ack = VD_C2D_ACK_FULL,
                .expires_ms = expires_ms,
            },
    };

    assert_int_equal(vd_state_do(f->state, run_send, &work), VD_OK);
}

size_t live_messages_waiting(struct live_hub *f)
{
    struct work work = {.key = key_of_dev1(f)};

    assert_int_equal(vd_state_do(f->state, run_count, &work), VD_OK);
    return work.count;
}

enum vd_c2d_state live_first_feedback(struct live_hub *f)
{
    struct work work = {0};
    const int error = vd_state_do(f->state, run_feedback, &work);

    assert_true(error == VD_OK || error == VD_E_NOT_FOUND);
    return error == VD_OK ? work.feedback.state : VD_C2D_ENQUEUED;
}
