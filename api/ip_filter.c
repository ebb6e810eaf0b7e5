/* SPDX-License-Identifier: MIT */
/* The IP filter: shown, and replaced as a whole. */

#include "hub/ip_filter.h"

#include "api/handlers.h"
#include "api/hub_resource.h"

static void reply(struct vd_api_answer *answer, json_t *properties, uint64_t etag)
{
    vd_api_reply(
        answer, 200, json_pack("{s:I, s:o}", "etag", (json_int_t)etag, "properties", properties));
}

void vd_api_ip_filter_get(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    struct vd_ip_filter filter;
    json_t *properties = NULL;
    uint64_t etag = 0;
    int error = vd_ip_filter_load(api->registry, &filter, &properties, &etag);

    (void)args;
    if (error != VD_OK) {
        vd_api_fail_error(answer, error, "the IP filter");
        return;
    }
    reply(answer, properties, etag);
}

/* Only what a filter is made of is kept of the body. */
static json_t *properties_of(const json_t *body)
{
    json_t *rules = json_object_get(body, "ipFilterRules");
    json_t *sets = json_object_get(body, "networkRuleSets");

    return json_pack("{s:O*, s:O*}", "ipFilterRules", rules, "networkRuleSets", sets);
}

static int store(
    const struct vd_api *api, const json_t *properties, uint64_t expected_etag, uint64_t *etag)
{
    char *text = json_dumps(properties, JSON_COMPACT);
    int error = VD_E_NOMEM;

    if (text != NULL) {
        error = vd_registry_setting_put(
            api->registry, VD_IP_FILTER_SETTING, vd_str_from(text), expected_etag, etag);
    }
    free(text);
    return error;
}

void vd_api_ip_filter_put(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    char problem[256];
    struct vd_ip_filter filter;
    int64_t expected = 0;
    uint64_t etag = 0;
    json_t *body;
    json_t *properties;
    int error;

    if (!vd_api_param_number(args, "etag", INT64_MAX, 0, &expected, answer)) {
        return;
    }
    body = vd_api_body_object(args, answer);
    if (body == NULL) {
        return;
    }
    if (vd_ip_filter_read(&filter, body, problem, sizeof problem) != VD_OK) {
        json_decref(body);
        vd_api_fail(answer, 400, "InvalidParameter", "%s", problem);
        return;
    }
    properties = properties_of(body);
    json_decref(body);
    error = store(api, properties, (uint64_t)expected, &etag);
    if (error != VD_OK) {
        json_decref(properties);
        vd_api_fail_error(answer, error, "the IP filter");
        return;
    }
    vd_hub_resource_apply_filter(api->registry, api->hub);
    reply(answer, properties, etag);
}
