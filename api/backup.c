/* SPDX-License-Identifier: MIT */
/* Backups: asked for here, written by the program. */

#include "api/handlers.h"

static int status_of(int error)
{
    switch (error) {
    case VD_E_EXISTS:
    case VD_E_BUSY:
        return 409;
    case VD_E_DENIED:
        return 403;
    case VD_E_NOT_FOUND:
    case VD_E_INVALID:
    case VD_E_LIMIT:
        return 400;
    case VD_E_FULL:
        return 507;
    default:
        return 500;
    }
}

void vd_api_backup_write(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    json_t *body = vd_api_body_object(args, answer);
    const json_t *with_key = json_object_get(body, "withMasterKey");
    struct vd_api_backup_wish wish = {
        .directory = json_string_value(json_object_get(body, "directory")),
        .with_master_key = json_is_true(with_key),
        .is_unwanted = args->is_gone,
    };
    char reason[1024] = "";
    json_t *result = NULL;
    int error;

    if (body == NULL) {
        return;
    }
    if (!vd_api_is_local(args)) {
        vd_api_fail(answer, 403, "Forbidden", "backups are for callers on the machine itself");
    } else if (wish.directory == NULL || wish.directory[0] != '/' ||
        (with_key != NULL && !json_is_boolean(with_key))) {
        vd_api_fail(answer, 400, "BadRequest",
            "\"directory\" has to be an absolute path, \"withMasterKey\" true or false");
    } else if (api->backup == NULL) {
        vd_api_fail(answer, 501, "NotImplemented", "this program writes no backups");
    } else {
        error = api->backup(api, &wish, &result, reason, sizeof reason);
        if (error == VD_OK) {
            vd_api_reply(answer, 201, result);
        } else {
            vd_api_fail(answer, status_of(error), "BackupFailed", "%s",
                reason[0] != '\0' ? reason : vd_error_text(error));
        }
    }
    json_decref(body);
}
