/* SPDX-License-Identifier: MIT */
/* The generic cell rate algorithm (ITU-T I.371): all there is to know of a bucket is when it will be full again. */

#include "hub/limiter.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "hub/limits.h"
#include "hub/siphash.h"

/* Places in which a key may lie: one line of a cache. */
#define WAYS 4

struct place {
    uint64_t tag; /* the key's hash */
    struct vd_pace pace;
};

struct vd_limiter {
    struct vd_rate rate;
    uint64_t key[2];
    size_t sets; /* a power of two */
    struct place places[];
};

/* Microseconds that `count` take at the rate, at least one. */
static int64_t time_of(const struct vd_rate *rate, uint32_t count)
{
    const int64_t us = (int64_t)count * 1000 * rate->period_ms / rate->count;

    return us > 0 ? us : 1;
}

/* How far ahead of the clock the pace is; at most by what a clock that does not go back leaves. */
static int64_t ahead_us(const struct vd_pace *pace, int64_t now_ms)
{
    const int64_t ahead = pace->whole_us - now_ms * 1000;

    return ahead > 0 ? ahead : 0;
}

int64_t vd_pace_spend(
    struct vd_pace *pace, const struct vd_rate *rate, uint32_t cost, int64_t now_ms)
{
    int64_t ahead;
    int64_t over;

    if (rate->count == 0) {
        return 0;
    }
    ahead = ahead_us(pace, now_ms) + time_of(rate, cost);
    pace->whole_us = now_ms * 1000 + ahead;
    over = ahead - time_of(rate, rate->burst);
    return over > 0 ? (over + 999) / 1000 : 0;
}

bool vd_pace_may(const struct vd_pace *pace, const struct vd_rate *rate, int64_t now_ms)
{
    const int64_t ahead = ahead_us(pace, now_ms);
    int64_t burst;

    if (rate->count == 0) {
        return true;
    }
    burst = time_of(rate, rate->burst);
    /* Taking leaves nobody further ahead than a burst: more comes of a clock that went back. */
    return ahead > burst || ahead + time_of(rate, 1) <= burst;
}

bool vd_pace_take(struct vd_pace *pace, const struct vd_rate *rate, int64_t now_ms)
{
    int64_t ahead;

    if (rate->count == 0) {
        return true;
    }
    if (!vd_pace_may(pace, rate, now_ms)) {
        return false;
    }
    ahead = ahead_us(pace, now_ms);
    if (ahead > time_of(rate, rate->burst)) {
        ahead = 0;
    }
    pace->whole_us = now_ms * 1000 + ahead + time_of(rate, 1);
    return true;
}

struct vd_limiter *vd_limiter_new(uint32_t places, const struct vd_rate *rate)
{
    struct vd_limiter *self;
    size_t sets = 1;

    while (sets * WAYS < places) {
        sets *= 2;
    }
    self = calloc(1, sizeof *self + sets * WAYS * sizeof self->places[0]);
    if (self == NULL || getrandom(self->key, sizeof self->key, 0) != (ssize_t)sizeof self->key) {
        free(self);
        return NULL;
    }
    self->rate = *rate;
    self->sets = sets;
    return self;
}

void vd_limiter_free(struct vd_limiter *limiter)
{
    free(limiter);
}

void vd_limiter_set_rate(struct vd_limiter *limiter, const struct vd_rate *rate)
{
    limiter->rate = *rate;
}

static size_t set_of(const struct vd_limiter *self, uint64_t tag)
{
    return (size_t)(tag & (self->sets - 1)) * WAYS;
}

/* NULL: it is not remembered. */
static const struct place *find(const struct vd_limiter *self, const void *key, size_t length)
{
    const uint64_t tag = vd_siphash(self->key, key, length);
    const struct place *set = self->places + set_of(self, tag);

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].tag == tag) {
            return &set[i];
        }
    }
    return NULL;
}

/* The place of the tag, or the one that is best made free for it. */
static struct place *choose(struct vd_limiter *self, uint64_t tag)
{
    struct place *set = self->places + set_of(self, tag);
    struct place *chosen = set;

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].tag == tag) {
            return &set[i];
        }
        if (set[i].pace.whole_us < chosen->pace.whole_us) {
            chosen = &set[i];
        }
    }
    return chosen;
}

static struct vd_pace *pace_of(struct vd_limiter *self, const void *key, size_t length)
{
    const uint64_t tag = vd_siphash(self->key, key, length);
    struct place *place = choose(self, tag);

    if (place->tag != tag) {
        *place = (struct place){.tag = tag};
    }
    return &place->pace;
}

bool vd_limiter_may(
    const struct vd_limiter *limiter, const void *key, size_t length, int64_t now_ms)
{
    const struct place *place = find(limiter, key, length);

    return place == NULL || vd_pace_may(&place->pace, &limiter->rate, now_ms);
}

bool vd_limiter_take(struct vd_limiter *limiter, const void *key, size_t length, int64_t now_ms)
{
    return vd_pace_take(pace_of(limiter, key, length), &limiter->rate, now_ms);
}

bool vd_limiter_spend(
    struct vd_limiter *limiter, const void *key, size_t length, uint32_t cost, int64_t now_ms)
{
    struct vd_pace *pace = pace_of(limiter, key, length);

    if (limiter->rate.count != 0 &&
        ahead_us(pace, now_ms) > time_of(&limiter->rate, limiter->rate.burst)) {
        return false;
    }
    (void)vd_pace_spend(pace, &limiter->rate, cost, now_ms);
    return true;
}

struct vd_pace vd_limiter_recall(const struct vd_limiter *limiter, const void *key, size_t length)
{
    const struct place *place = find(limiter, key, length);

    return place != NULL ? place->pace : (struct vd_pace){0};
}

void vd_limiter_remember(
    struct vd_limiter *limiter, const void *key, size_t length, const struct vd_pace *pace)
{
    const uint64_t tag = vd_siphash(limiter->key, key, length);
    struct place *place = choose(limiter, tag);

    if (pace->whole_us > place->pace.whole_us) {
        *place = (struct place){tag, *pace};
    }
}

struct vd_rate vd_rate_by_second(uint64_t count)
{
    const uint64_t most = UINT32_MAX / VD_HUB_BURST_S;
    const uint32_t kept = (uint32_t)(count < most ? count : most);

    return (struct vd_rate){kept, 1000, kept * VD_HUB_BURST_S};
}

/* IPv6 hosts choose the lower half of their addresses as they like. */
struct peer_key vd_peer_key_of(const struct sockaddr *address)
{
    const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)address;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)address;
    struct peer_key key = {.length = 4};

    if (address->sa_family == AF_INET) {
        memcpy(key.bytes, &four->sin_addr, 4);
    } else if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
        memcpy(key.bytes, six->sin6_addr.s6_addr + 12, 4);
    } else {
        key.length = 8;
        memcpy(key.bytes, six->sin6_addr.s6_addr, 8);
    }
    return key;
}

struct peer_key vd_peer_key_of_text(const char *address)
{
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};

    if (inet_pton(AF_INET, address, &four.sin_addr) == 1) {
        return vd_peer_key_of((const struct sockaddr *)&four);
    }
    return inet_pton(AF_INET6, address, &six.sin6_addr) == 1
        ? vd_peer_key_of((const struct sockaddr *)&six)
        : (struct peer_key){.length = 0};
}
