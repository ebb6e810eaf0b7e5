/* SPDX-License-Identifier: MIT */
/* Whether the service lives, and whether it is fit to be given work: facts, a judge of them, and who tells. */

#ifndef VEDETTE_API_HEALTH_H
#define VEDETTE_API_HEALTH_H

#include <pthread.h>

#include "api/http.h"

#define VD_HEALTH_LIVE_PATH  "/healthz"
#define VD_HEALTH_READY_PATH "/readyz"
#define VD_HEALTH_LOCAL_PATH "/health"

/* How often facts are gathered. */
#define VD_HEALTH_PROBE_MS 1000

/*
 * How old the last beat of a thread may be. A batch is on the disk in milliseconds; the center's turn may hold a checkpoint of
 * the analytics store, which takes seconds on a slow disk. Who gathers the facts also reads the configuration anew.
 */
#define VD_HEALTH_LOOP_MS      10000
#define VD_HEALTH_COMMITTER_MS 30000
#define VD_HEALTH_CENTER_MS    120000
#define VD_HEALTH_PROBER_MS    20000

/* A request that has waited so long for a worker says that all of them are busy. */
#define VD_HEALTH_WAITING_MS 5000
/* Records that the center is behind: some minutes of work. */
#define VD_HEALTH_BEHIND_MAX 1000000u
/* Free bytes and files of the disk: below these it fills up before somebody comes. */
#define VD_HEALTH_FREE_MIN_BYTES (256ull << 20)
#define VD_HEALTH_FREE_MIN_FILES 1000u

/* X(id, code, is it about life, text); docs/operate.md has a row for each, which a test compares. */
#define VD_HEALTH_REASONS(X)                                                                    \
    X(PROBER, "prober-stuck", true, "The main thread does not come round")                      \
    X(HUB, "hub-stuck", true, "The hub's loop does not come round")                             \
    X(COMMITTER, "committer-stuck", true, "A write to the event log does not end")              \
    X(CENTER, "center-stuck", true, "The center's thread does not come round")                  \
    X(HTTPS, "https-stuck", true, "The loop of the HTTPS port does not come round")             \
    X(LOCAL, "local-stuck", true, "The loop of the local socket does not come round")           \
    X(STARTING, "starting", false, "The service is starting")                                   \
    X(STOPPING, "stopping", false, "The service is stopping")                                   \
    X(WORKERS, "workers-busy", false, "Requests wait for a free worker")                        \
    X(LOG, "log-unwritable", false, "The event log cannot be written: nothing is acknowledged") \
    X(STATE, "state-unwritable", false, "Twins and messages to devices cannot be written")      \
    X(STALLED, "center-stalled", false, "The center cannot write a store: detections wait")     \
    X(BEHIND, "center-behind", false, "The center is far behind the event log")                 \
    X(FOLDER, "folder-unwritable", false, "The data directory cannot be written")               \
    X(DISK, "disk-nearly-full", false, "The disk of the data directory is nearly full")         \
    X(DAMAGE, "store-damaged", false, "A store is damaged: the log names it")                   \
    X(CERTIFICATE, "certificate-expired", false, "The server's certificate has expired")        \
    X(EARLY, "certificate-not-yet-valid", false, "The server's certificate is not valid yet")   \
    X(NAME, "certificate-wrong-name", false, "The server's certificate is not for hub.name")    \
    X(AUDIT, "audit-broken", false, "The audit trail does not verify")                          \
    X(AUDIT_PENDING, "audit-pending", false, "The audit trail was not verified yet")

enum vd_health_reason {
#define VD_HEALTH_ENUM(id, code, is_life, text) VD_HEALTH_##id,
    VD_HEALTH_REASONS(VD_HEALTH_ENUM)
#undef VD_HEALTH_ENUM
    VD_HEALTH_REASON_COUNT
};

struct vd_health_reason_row {
    const char *code;
    bool is_life;
    const char *text;
};

extern const struct vd_health_reason_row vd_health_reason_rows[VD_HEALTH_REASON_COUNT];

/* A set of reasons: bit 1 << id. */
typedef uint32_t vd_health_reasons;

/* What new connections are shown. */
struct vd_health_certificate {
    int64_t from_ms;  /* UTC */
    int64_t until_ms; /* 0: not known */
    bool is_misnamed; /* it is for another name than the hub's */
};

/* What was seen at one time. Beats and times are of the monotonic clock unless said; 0: there is no such part. */
struct vd_health_facts {
    int64_t taken_ms; /* 0: never yet */
    int64_t hub_ms;
    int64_t committer_ms;
    int64_t center_ms;
    int64_t https_ms;
    int64_t local_ms;
    int64_t waiting_since_ms;
    bool log_is_unwritable;
    bool state_is_unwritable;
    bool center_is_stalled;
    bool folder_is_unwritable;
    bool store_is_damaged;
    bool is_stopping;
    uint64_t behind;
    uint64_t free_bytes;
    uint64_t free_files; /* UINT64_MAX where the file system does not count them */
    int64_t utc_ms;      /* when all this was seen */
    struct vd_health_certificate certificate;
    uint64_t audit_problems;
    uint64_t audit_passes;
};

/* Judges them at a time of the monotonic clock. 0: all is well. */
vd_health_reasons vd_health_judge(const struct vd_health_facts *facts, int64_t now_ms);
/* True if none of the reasons is about life. */
bool vd_health_is_live(vd_health_reasons reasons);

struct vd_api;

/* Who is asked: the parts of a service, and what was seen of them. All zero but for the lock. */
struct vd_health {
    const struct vd_api *api; /* its hub, center and stores; NULL where there are none */
    struct vd_http *https;
    struct vd_http *local;
    pthread_mutex_t lock; /* for what follows */
    struct vd_health_facts facts;
};

void vd_health_init(struct vd_health *health);
void vd_health_release(struct vd_health *health);

/* Gathers the facts: one thread. Looks at counters and asks the file system for its room. */
void vd_health_probe(struct vd_health *health);
/* The server's certificate, as it is used from now on. Any thread. */
void vd_health_set_certificate(
    struct vd_health *health, const struct vd_health_certificate *certificate);
/* From now on it is not ready. Any thread. */
void vd_health_set_stopping(struct vd_health *health);
/* The judgement now. Any thread; does not wait for any part. */
vd_health_reasons vd_health_now(struct vd_health *health);

/* {"live","ready","reasons":[{"code","text"}]}; NULL: no memory. */
json_t *vd_health_json(vd_health_reasons reasons);

/*
 * The face: takes GET and HEAD of VD_HEALTH_LIVE_PATH and VD_HEALTH_READY_PATH, of anybody: 200 {"status":"ok","reasons":[]}, or 503
 * {"status":"failed","reasons":[codes]}. It does not block.
 */
struct vd_http_face vd_health_face(struct vd_health *health);
/* On the local socket, VD_HEALTH_LOCAL_PATH alone: what vd_health_json gives. It does not block either. */
struct vd_http_face vd_health_local_face(struct vd_health *health);

#endif
