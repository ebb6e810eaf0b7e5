/* SPDX-License-Identifier: MIT */
/* The CLI's way to the API: over the service's socket, or in process when no service runs. */

#ifndef VEDETTE_CLI_CLIENT_H
#define VEDETTE_CLI_CLIENT_H

#include <jansson.h>

#include "api/api.h"
#include "cli/command.h"

/*
 * Answers the request by the service that runs on the data directory, or else by opening the stores here.
 * Waits for up to 10 s while a service starts or another command works.
 * On failure error_text says what to do. VD_E_CLOSED: the service ended meanwhile. VD_E_TIMEOUT: it is stuck; while it says that it
 * lives its answer is waited for, longer than the longest query may take.
 */
VD_NODISCARD int vd_client_call(const char *data_dir, const struct vd_api_request *request,
    struct vd_api_answer *answer, char *error_text, size_t error_size);

/* Of the calls that follow: VD_E_TIMEOUT where the service does not answer so long. Up to 10 s it is not asked whether it lives. */
void vd_client_set_timeout(long seconds);

/* The same, with faults of either kind said on stderr: the answer's JSON (of a 204: null), the caller's to free; NULL. */
json_t *vd_client_json(const char *data_dir, const struct vd_api_request *request);

/* Says on stderr what the answer, a fault, says and what to do, and releases it. Returns VD_EXIT_FAILURE. */
int vd_client_fail(const struct vd_api_request *request, struct vd_api_answer *answer);

/* The end of a command that has removed what its first argument names: says so. `answer` is the call's, and taken; NULL: it
 * failed, and why was said. */
int vd_cli_deleted(const struct vd_invocation *invocation, json_t *answer);

/* Percent-encodes `text` as one segment of a path, or a value of a query; the caller's to free. NULL: out of memory. */
char *vd_client_encode(const char *text);

#endif
