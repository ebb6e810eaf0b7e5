/* SPDX-License-Identifier: MIT */
/* What requests of the owner's API leave in the event log: operations on identities as over HTTPS, and the activity log. */

#ifndef VEDETTE_API_LOCAL_H
#define VEDETTE_API_LOCAL_H

#include "api/handlers.h"

/* True if the handler's requests are recorded, or some of them. */
bool vd_local_is_recorded(vd_api_handler *handler);

#define VD_API_CALLER_SIZE 96

/* The caller's name in records: "token:NAME", or "local:root", "local:1000" where the user has no name here, "local" where
 * nobody knows him. */
void vd_api_caller_name(const struct vd_api_caller *caller, char out[VD_API_CALLER_SIZE]);

/* Answers a path of the management API: he has shown who he is. */
void vd_local_management(
    const struct vd_api *api, const struct vd_api_request *request, struct vd_api_answer *answer);

/* Records what the request was answered. Any thread; looks up the caller's name. */
void vd_local_record(const struct vd_api *api, vd_api_handler *handler,
    const struct vd_api_args *args, const struct vd_api_answer *answer, int64_t duration_ms);

#endif
