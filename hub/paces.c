/* SPDX-License-Identifier: MIT */
/* Tables of paces: by address, by client id, by identity. A connection has that of its identity meanwhile, which is exact, and costs
 * no lock. */

#include "hub/paces.h"

#include "lib/clock.h"

#define KEY_MAX (2 * (VD_ID_MAX + 1))

static struct vd_rate by_minute(uint32_t count)
{
    return (struct vd_rate){count, 60000, count};
}

int vd_paces_start(struct vd_hub *hub, const struct vd_hub_rates *rates)
{
    const struct vd_rate none = {0, 1, 0};
    const struct vd_rate refusals = by_minute(VD_HUB_REFUSALS_MINUTE);

    hub->connects_by_address = vd_limiter_new(VD_HUB_LIMITER_PLACES, &none);
    hub->failures = vd_limiter_new(VD_HUB_LIMITER_PLACES, &none);
    hub->logins = vd_limiter_new(VD_HUB_LIMITER_PLACES, &none);
    hub->refusals = vd_limiter_new(VD_HUB_LIMITER_PLACES, &refusals);
    hub->message_paces = vd_limiter_new(VD_HUB_LIMITER_PLACES, &none);
    hub->byte_paces = vd_limiter_new(VD_HUB_LIMITER_PLACES, &none);
    if (hub->connects_by_address == NULL || hub->failures == NULL || hub->logins == NULL ||
        hub->refusals == NULL || hub->message_paces == NULL || hub->byte_paces == NULL) {
        return VD_E_NOMEM;
    }
    vd_paces_set(hub, rates);
    return VD_OK;
}

void vd_paces_set(struct vd_hub *hub, const struct vd_hub_rates *rates)
{
    const struct vd_rate by_address = vd_rate_by_second(rates->address_connects_per_s);
    const struct vd_rate failures = by_minute(rates->failed_logins_per_min);
    const struct vd_rate logins = by_minute(rates->identity_logins_per_min);

    hub->address_connects_per_s = rates->address_connects_per_s;
    hub->message_rate = vd_rate_by_second(rates->identity_messages_per_s);
    hub->byte_rate = vd_rate_by_second((uint64_t)rates->identity_kib_per_s * 1024);
    vd_limiter_set_rate(hub->connects_by_address, &by_address);
    vd_limiter_set_rate(hub->failures, &failures);
    vd_limiter_set_rate(hub->logins, &logins);
    vd_limiter_set_rate(hub->message_paces, &hub->message_rate);
    vd_limiter_set_rate(hub->byte_paces, &hub->byte_rate);
}

void vd_paces_release(struct vd_hub *hub)
{
    vd_limiter_free(hub->connects_by_address);
    vd_limiter_free(hub->failures);
    vd_limiter_free(hub->logins);
    vd_limiter_free(hub->refusals);
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
