/* SPDX-License-Identifier: MIT */
/* The catalogue of recommendations, and what facts make of each. */

#ifndef VEDETTE_CENTER_RECOMMEND_RECOMMEND_H
#define VEDETTE_CENTER_RECOMMEND_RECOMMEND_H

#include <jansson.h>

#include "lib/posture.h"

#define VD_RECOMMENDATIONS 4

/* A row of the catalogue; texts are static, the list ends with NULL. */
struct vd_recommendation {
    const char *type; /* IoT_SharedCredentials ... */
    const char *display_name;
    const char *severity;
    const char *const *remediation_steps;
};

struct vd_recommend_settings {
    uint8_t large_range_prefix; /* an accepted range of this prefix or a shorter one is large */
};

/* What is so now. */
struct vd_recommendation_state {
    bool is_active;
    char description[512]; /* what is wrong, in words; of one that is not active what is right */
    json_t *resources;     /* [{...}]: what it is about, the caller's */
    uint64_t resource_count;
    uint64_t unhealthy_devices;
};

const struct vd_recommendation *vd_recommendation_at(size_t i);

/* Pure. state[i] is of vd_recommendation_at(i); release each by json_decref of its resources. VD_E_NOMEM: nothing to release. */
VD_NODISCARD int vd_recommend(const struct vd_posture *posture,
    const struct vd_recommend_settings *settings,
    struct vd_recommendation_state state[VD_RECOMMENDATIONS]);

#endif
