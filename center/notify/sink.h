/* SPDX-License-Identifier: MIT */
/* Where notifications go: a webhook, syslog, or a file of JSON lines. */

#ifndef VEDETTE_CENTER_NOTIFY_SINK_H
#define VEDETTE_CENTER_NOTIFY_SINK_H

#include "center/notify/format.h"
#include "lib/http_post.h"

struct vd_notify_sink;

struct vd_notify_sink_ops {
    /* VD_OK: it is there. Else *failure says why. Blocks; one thread at a time. */
    int (*deliver)(struct vd_notify_sink *sink, const struct vd_outbox_item *item,
        struct vd_http_post_failure *failure);
    /* Ends a delivery that waits, now and later. Any thread. */
    void (*interrupt)(struct vd_notify_sink *sink);
    void (*free)(struct vd_notify_sink *sink);
};

struct vd_notify_sink {
    const struct vd_notify_sink_ops *ops;
};

/*
 * X(kind): settings
 * webhook  {"url" (http or https; may hold secrets)[,"caFile","plain","format":"vedette"|"ocsf"]}. POST of JSON, signed as Standard
 *          Webhooks say with the secret (empty: not signed): webhook-id, webhook-timestamp, webhook-signature
 * file     {"path" (absolute)[,"format"]}: a line each, synced
 * syslog   {"url" (tls://HOST[:6514] or tcp://HOST:PORT)[,"caFile","certFile","keyFile","plain","format" (or "cef", which is
 *          the default)]}: RFC 5424 over RFC 5425 or 6587; tcp:// beyond loopback needs plain to be true
 * problem  at least 160 bytes: what is wrong with the settings, with VD_E_INVALID
 */
VD_NODISCARD int vd_notify_sink_new(const char *kind, const json_t *settings, struct vd_str secret,
    struct vd_notify_sink **out, char problem[160]);

#endif
