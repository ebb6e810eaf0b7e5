/* SPDX-License-Identifier: MIT */
/* Facts about the hub that recommendations are made of: a narrow way to whoever keeps them. */

#ifndef VEDETTE_LIB_POSTURE_H
#define VEDETTE_LIB_POSTURE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"

/* Of what is shared, and of each group, so many are named; all are counted. */
#define VD_POSTURE_GROUPS_MAX     100
#define VD_POSTURE_IDENTITIES_MAX 100

/* Released by vd_posture_release. */
struct vd_posture {
    /* [{"kind":"SymmetricKey"|"Thumbprint","count","identities":["device","device/module"...]}]: credentials that two or more
     * identities have, those of most identities first. */
    json_t *shared;
    uint64_t shared_groups; /* all of them */
    uint64_t devices;       /* that have one of these, each once */
    uint64_t devices_total;
    bool has_filter;        /* the IP filter has rules */
    bool refuses_rest_ipv4; /* and refuses IPv4 addresses that none of them names */
    bool refuses_rest_ipv6; /* and IPv6, which no rule can name */
    json_t *accepted;       /* [{"filterName","ipMask","prefix"}]: its accept rules */
    bool exports_logs;      /* a diagnostic setting with a category and a sink */
    json_t *settings;       /* ["name"...]: all diagnostic settings */
    json_t *disabled;       /* ["IoT_SharedCredentials"...]: types that are switched off */
};

struct vd_posture_source;

struct vd_posture_source_ops {
    /* Any thread; blocks for the disk: a second for some 100,000 identities. */
    int (*read)(struct vd_posture_source *source, struct vd_posture *out);
};

struct vd_posture_source {
    const struct vd_posture_source_ops *ops;
};

/* All zero is allowed. */
void vd_posture_release(struct vd_posture *posture);

#endif
