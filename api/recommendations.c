/* SPDX-License-Identifier: MIT */
/* What is recommended, and what became of it. */

#include "center/store/recommendations.h"
#include "api/handlers.h"
#include "api/recommendation_fix.h"

void vd_api_recommendation_list(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    json_t *list = NULL;
    int error = vd_recommendations_list(api->alerts, &list);

    (void)args;
    if (error != VD_OK) {
        vd_api_fail_error(answer, error, "the recommendations");
        return;
    }
    vd_api_reply(answer, 200, json_pack("{s:o}", "recommendations", list));
}

/* Adds its history, and what fixes it while it is active. */
static int complete(const struct vd_api *api, const char *type, json_t *found)
{
    const bool is_active =
        strcmp(json_string_value(json_object_get(found, "state")), "Active") == 0;
    json_t *history = NULL;
    json_t *fix = json_null();
    int error = vd_recommendations_history(api->alerts, type, &history);

    if (error == VD_OK && is_active) {
        error = vd_api_recommendation_fix(api, type, &fix);
    }
    (void)json_object_set_new(found, "history", history);
    (void)json_object_set_new(found, "fix", fix);
    return error;
}

void vd_api_recommendation_get(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    json_t *list = NULL;
    json_t *found = NULL;
    int error = vd_recommendations_list(api->alerts, &list);

    for (size_t i = 0; error == VD_OK && i < json_array_size(list); i++) {
        json_t *one = json_array_get(list, i);

        if (strcmp(json_string_value(json_object_get(one, "type")), args->id) == 0) {
            found = json_incref(one);
        }
    }
    json_decref(list);
    if (error == VD_OK) {
        error = found != NULL ? complete(api, args->id, found) : VD_E_NOT_FOUND;
    }
    if (error != VD_OK) {
        json_decref(found);
        vd_api_fail_error(answer, error, args->id);
        return;
    }
    vd_api_reply(answer, 200, found);
}
