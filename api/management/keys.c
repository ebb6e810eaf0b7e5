/* SPDX-License-Identifier: MIT */
/* Shared access policies with their keys. */

#include "api/management/hub.h"
#include "api/policies.h"

void vd_management_key_list(struct vd_management *management, const struct vd_management_args *args,
    struct vd_http_answer *answer)
{
    struct vd_hub_resource resource = {0};
    json_t *list = json_array();
    int error = vd_hub_resource_load(management->config.registry, true, &resource);

    (void)args;
    for (size_t i = 0; error == VD_OK && i < resource.policy_count; i++) {
        if (json_array_append_new(list, vd_policy_json(&resource.policies[i])) != 0) {
            error = VD_E_NOMEM;
        }
    }
    vd_hub_resource_release(&resource);
    if (error != VD_OK) {
        json_decref(list);
        vd_management_fail_error(answer, error, "the policies");
        return;
    }
    vd_http_answer_header(answer, "Cache-Control", "no-store");
    vd_management_reply(answer, 200, json_pack("{s:o}", "value", list));
}

void vd_management_key_get(struct vd_management *management, const struct vd_management_args *args,
    struct vd_http_answer *answer)
{
    struct vd_hub_resource resource = {0};
    int error = vd_hub_resource_load(management->config.registry, true, &resource);
    const struct vd_policy *policy = vd_hub_resource_policy(&resource, args->names[0]);

    if (error != VD_OK) {
        vd_management_fail_error(answer, error, "the policies");
    } else if (policy == NULL) {
        vd_management_fail(answer, 404, "ResourceNotFound", NULL,
            "The policy '%.64s' was not found.", args->names[0]);
    } else {
        vd_http_answer_header(answer, "Cache-Control", "no-store");
        vd_management_reply(answer, 200, vd_policy_json(policy));
    }
    vd_hub_resource_release(&resource);
}
