/* SPDX-License-Identifier: MIT */
/* GET /metrics: how the service does, for Prometheus. docs/metrics.md lists what. */

#ifndef VEDETTE_API_METRICS_METRICS_H
#define VEDETTE_API_METRICS_METRICS_H

#include "api/api.h"
#include "api/management/management.h"

#define VD_METRICS_PATH "/metrics"

/* Both must outlive the servers that hold the face. */
struct vd_metrics {
    const struct vd_api *api;         /* what is read; what is NULL is left out */
    struct vd_management *management; /* judges who asks */
    const char *folder;               /* the data directory, for its sizes; NULL: left out */
};

/*
 * The face: takes VD_METRICS_PATH alone. A request needs `Authorization: Bearer {token}` of any role; refusals are as those of
 * the management API. Nothing is counted for an answer but what lies in small tables or a minute's count.
 */
struct vd_http_face vd_metrics_face(struct vd_metrics *metrics);

#endif
