/* SPDX-License-Identifier: MIT */
/* What removes the cause of a recommendation, where a request can. */

#ifndef VEDETTE_API_RECOMMENDATION_FIX_H
#define VEDETTE_API_RECOMMENDATION_FIX_H

#include "api/api.h"

/*
 * *fix: {"description","request":{"method","path","body"}} for the recommendation of that type as things are now, or null where
 * it takes more knowledge than the service has; the caller's. Nothing is changed. The errors of the registry.
 */
VD_NODISCARD int vd_api_recommendation_fix(
    const struct vd_api *api, const char *type, json_t **fix);

#endif
