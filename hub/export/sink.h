/* SPDX-License-Identifier: MIT */
/* Where lines of records go: a file, or a webhook. */

#ifndef VEDETTE_HUB_EXPORT_SINK_H
#define VEDETTE_HUB_EXPORT_SINK_H

#include "hub/export/lines.h"

#define VD_EXPORT_REASON_SIZE 128

/* Why lines were not taken. */
struct vd_export_failure {
    char reason[VD_EXPORT_REASON_SIZE]; /* without secrets of the configuration */
    bool is_refused;                    /* the receiver will hardly take them later either */
    bool is_too_large;                  /* it may take fewer of them */
    uint32_t retry_after_s;             /* at the earliest, as the receiver says; 0: it does not */
};

struct vd_export_sink;

struct vd_export_sink_ops {
    /*
     * Hands the lines on, at least one. VD_OK: they are durable there, as far as can be known here. Else *failure (zeroed
     * before) says why; some of them may have come. Blocks; one thread at a time.
     */
    int (*deliver)(struct vd_export_sink *sink, const struct vd_export_lines *lines,
        struct vd_export_failure *failure);
    /* Ends a delivery that waits for the network, now and in the future. Any thread. */
    void (*interrupt)(struct vd_export_sink *sink);
    void (*free)(struct vd_export_sink *sink);
};

struct vd_export_sink {
    const struct vd_export_sink_ops *ops;
};

struct vd_export_file_config {
    const char *folder;  /* made if it is absent, not those above it */
    const char *setting; /* the diagnostic setting's name, of which the file's is made */
    uint64_t max_bytes;  /* of a file, unless one batch is larger */
    unsigned kept;       /* older files beside the current one, from 1 on */
};

/*
 * The file {folder}/{setting}.jsonl, mode 0600; when it is full it becomes {setting}.jsonl.1, what that was .2, and so on. Lines
 * are synced when they are delivered. What a kill left of a line is cut off before the next one is written.
 * VD_E_NOMEM, VD_E_LIMIT (the path is too long).
 */
VD_NODISCARD int vd_export_file_new(
    const struct vd_export_file_config *config, struct vd_export_sink **out);

struct vd_export_webhook_config {
    const char *url;     /* http or https; may hold secrets */
    const char *ca_file; /* PEM; NULL: the system's */
    const char *setting; /* the diagnostic setting's name, for the receiver */
    int timeout_ms;      /* of one request */
};

/*
 * POST of application/x-ndjson with the setting's name, URL-encoded, in X-Vedette-Setting. Delivered is what a 2xx answers.
 * Redirections are not followed, the environment's proxies not used. VD_E_NOMEM.
 */
VD_NODISCARD int vd_export_webhook_new(
    const struct vd_export_webhook_config *config, struct vd_export_sink **out);

#endif
