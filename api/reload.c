/* SPDX-License-Identifier: MIT */
/* Has the service read its configuration again. */

#include "api/handlers.h"

void vd_api_reload_run(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    char reason[2048] = "";
    json_t *result = NULL;
    int error;

    if (api->reload == NULL) {
        vd_api_fail(answer, 503, "NotRunning",
            "no service runs: it reads its configuration when it starts");
    } else if (!vd_api_is_local(args)) {
        vd_api_fail(answer, 403, "Forbidden", "reloads are for callers on the machine itself");
    } else {
        error = api->reload(api->reload_context, &result, reason, sizeof reason);
        if (error == VD_OK) {
            vd_api_reply(answer, 200, result);
        } else {
            vd_api_fail(answer, error == VD_E_CLOSED ? 503 : 409, "ReloadRefused", "%s",
                reason[0] != '\0' ? reason : vd_error_text(error));
        }
    }
}
