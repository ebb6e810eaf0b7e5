/* SPDX-License-Identifier: MIT */
/* How often something may be done: by one that is at hand, and by any of many that are known by a key. */

#ifndef VEDETTE_HUB_LIMITER_H
#define VEDETTE_HUB_LIMITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Times are monotonic milliseconds, at least 0; a clock that goes back makes nobody wait longer than a burst takes. */

/* A rate, and how much of it may come at once after a rest. */
struct vd_rate {
    uint32_t count;     /* 0: no limit */
    uint32_t period_ms; /* in which so many; at least 1 */
    uint32_t burst;     /* at least 1 where there is a limit */
};

/* So many a second, and VD_HUB_BURST_S seconds' worth at once; 0: no limit. What a rate cannot count is cut to that. */
struct vd_rate vd_rate_by_second(uint64_t count);

/* Whom a rate takes for one: an IPv4 address, or the network of an IPv6 address, whose hosts choose the rest. */
struct peer_key {
    uint8_t bytes[8];
    uint8_t length;
};

/* Of an IPv4 or IPv6 address; one that came in over an IPv6 socket is IPv4. */
struct peer_key vd_peer_key_of(const struct sockaddr *address);

/* The same of an address as text; all that is none has one key. */
struct peer_key vd_peer_key_of_text(const char *address);

/* One who is limited: when his burst will be whole again, in microseconds. Zero-initialised it is. */
struct vd_pace {
    int64_t whole_us;
};

/* Counts `cost` as done, whatever it comes to. Returns for how many milliseconds nothing more may be done; 0: go on. */
int64_t vd_pace_spend(
    struct vd_pace *pace, const struct vd_rate *rate, uint32_t cost, int64_t now_ms);

/* True, and counted, if one more may be done now; else false and nothing is counted. */
bool vd_pace_take(struct vd_pace *pace, const struct vd_rate *rate, int64_t now_ms);

/* As vd_pace_take, and counts nothing. */
bool vd_pace_may(const struct vd_pace *pace, const struct vd_rate *rate, int64_t now_ms);

/*
 * Paces by key in a table of fixed size: it never grows, and whoever makes up many keys pushes out those that are nearest
 * to a whole burst, of which there is the least to remember. Not for several threads at once.
 */
struct vd_limiter;

/* places: keys remembered at once, 16 bytes each. NULL: no memory or no random bytes. */
struct vd_limiter *vd_limiter_new(uint32_t places, const struct vd_rate *rate);
/* NULL is allowed. */
void vd_limiter_free(struct vd_limiter *limiter);

/* Another rate from now on; what was counted stays, as the time that it took at the rate before. */
void vd_limiter_set_rate(struct vd_limiter *limiter, const struct vd_rate *rate);

/* As vd_pace_take and vd_pace_may, for the one whom the key names. */
bool vd_limiter_take(struct vd_limiter *limiter, const void *key, size_t length, int64_t now_ms);
bool vd_limiter_may(
    const struct vd_limiter *limiter, const void *key, size_t length, int64_t now_ms);

/* True, and `cost` is counted, unless what was counted before is more than a burst: as who rests by vd_pace_spend. */
bool vd_limiter_spend(
    struct vd_limiter *limiter, const void *key, size_t length, uint32_t cost, int64_t now_ms);

/* The pace of the one whom the key names; whole if none is remembered. */
struct vd_pace vd_limiter_recall(const struct vd_limiter *limiter, const void *key, size_t length);

/* Remembers it, unless those that are remembered in its place have more to make up for. */
void vd_limiter_remember(
    struct vd_limiter *limiter, const void *key, size_t length, const struct vd_pace *pace);

#endif
