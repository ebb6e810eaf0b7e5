/* SPDX-License-Identifier: MIT */
/* Two tables of paces by identity. A connection has its own meanwhile, which is exact, and costs no lock. */

#include "hub/paces.h"

#include "lib/clock.h"

#define KEY_MAX (2 * (VD_ID_MAX + 1))

int vd_paces_start(struct vd_hub *hub)
{
    hub->message_paces = vd_limiter_new(VD_HUB_LIMITER_PLACES, &hub->message_rate);
    hub->byte_paces = vd_limiter_new(VD_HUB_LIMITER_PLACES, &hub->byte_rate);
    return hub->message_paces != NULL && hub->byte_paces != NULL ? VD_OK : VD_E_NOMEM;
}

void vd_paces_release(struct vd_hub *hub)
{
    vd_limiter_free(hub->message_paces);
    vd_limiter_free(hub->byte_paces);
}

/* No id holds a NUL. */
static size_t key_of(struct vd_str device_id, struct vd_str module_id, char out[KEY_MAX])
{
    memcpy(out, device_id.data, device_id.length);
    out[device_id.length] = '\0';
    memcpy(out + device_id.length + 1, module_id.data, module_id.length);
    return device_id.length + 1 + module_id.length;
}

static size_t key_of_connection(const struct connection *c, char out[KEY_MAX])
{
    const struct vd_principal *who = &c->session.principal;

    return key_of(vd_str_from(who->device_id), vd_str_from(who->module_id), out);
}

void vd_paces_begin(struct connection *c)
{
    struct vd_hub *hub = c->hub;
    char key[KEY_MAX];
    const size_t length = key_of_connection(c, key);

    pthread_mutex_lock(&hub->lock);
    c->messages = vd_limiter_recall(hub->message_paces, key, length);
    c->bytes = vd_limiter_recall(hub->byte_paces, key, length);
    pthread_mutex_unlock(&hub->lock);
    vd_connection_keep_rate(c, 0, vd_clock_monotonic_ms());
}

void vd_paces_end(struct connection *c)
{
    struct vd_hub *hub = c->hub;
    char key[KEY_MAX];
    const size_t length = key_of_connection(c, key);

    (void)vd_pace_spend(
        &c->messages, &hub->message_rate, c->messages_taken, vd_clock_monotonic_ms());
    c->messages_taken = 0;
    pthread_mutex_lock(&hub->lock);
    vd_limiter_remember(hub->message_paces, key, length, &c->messages);
    vd_limiter_remember(hub->byte_paces, key, length, &c->bytes);
    pthread_mutex_unlock(&hub->lock);
}

bool vd_paces_may_post(struct vd_hub *hub, struct vd_str device_id, size_t bytes)
{
    const int64_t now_ms = vd_clock_monotonic_ms();
    char key[KEY_MAX];
    const size_t length = key_of(device_id, (struct vd_str){"", 0}, key);

    /* One that is over a rate is not charged at the other. */
    return vd_limiter_spend(hub->byte_paces, key, length, 0, now_ms) &&
        vd_limiter_spend(hub->message_paces, key, length, 1, now_ms) &&
        vd_limiter_spend(hub->byte_paces, key, length, (uint32_t)bytes, now_ms);
}
