/* SPDX-License-Identifier: MIT */
/* Facts for recommendations: out of the registry. */

#ifndef VEDETTE_API_POSTURE_H
#define VEDETTE_API_POSTURE_H

#include "hub/registry.h"
#include "lib/posture.h"

/* The implementation of lib/posture.h. Keys are compared by digests under a key that is made anew for each look. */
struct vd_api_posture {
    struct vd_posture_source base;
    struct vd_registry *registry;
};

void vd_api_posture_init(struct vd_api_posture *posture, struct vd_registry *registry);

#endif
