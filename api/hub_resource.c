/* SPDX-License-Identifier: MIT */
/* Loads and stores the hub as a resource. */

#include "api/hub_resource.h"

#include <pthread.h>
#include <strings.h>

#include "lib/log.h"
#include "lib/secret.h"

#define LABELS_SETTING "hub-labels"

/* ---- Loading ---- */

static int load_labels(struct vd_registry *registry, struct vd_hub_resource *resource)
{
    struct vd_buf text = {0};
    int error = vd_registry_setting_get(registry, LABELS_SETTING, &text, &resource->labels_etag);

    if (error == VD_E_NOT_FOUND) {
        resource->labels_etag = 0;
        resource->labels = json_object();
        error = resource->labels != NULL ? VD_OK : VD_E_NOMEM;
    } else if (error == VD_OK) {
        resource->labels = json_loadb((const char *)text.data, text.length, 0, NULL);
        error = json_is_object(resource->labels) ? VD_OK : VD_E_CORRUPT;
    }
    vd_buf_release(&text);
    return error;
}

static bool add_policy(void *context, const struct vd_policy *policy)
{
    struct vd_hub_resource *resource = context;

    resource->policies[resource->policy_count++] = *policy;
    return resource->policy_count < VD_HUB_POLICIES_MAX;
}

static int load_policies(struct vd_registry *registry, struct vd_hub_resource *resource)
{
    resource->policies = calloc(VD_HUB_POLICIES_MAX, sizeof *resource->policies);
    return resource->policies != NULL ? vd_registry_policy_list(registry, add_policy, resource)
                                      : VD_E_NOMEM;
}

int vd_hub_resource_load(
    struct vd_registry *registry, bool with_policies, struct vd_hub_resource *out)
{
    struct vd_hub_resource resource = {0};
    struct vd_ip_filter filter;
    int error = load_labels(registry, &resource);

    if (error == VD_OK) {
        error = vd_ip_filter_load(registry, &filter, &resource.filter, &resource.filter_etag);
    }
    if (error == VD_OK && with_policies) {
        error = load_policies(registry, &resource);
    }
    if (error == VD_OK) {
        *out = resource;
    } else {
        vd_hub_resource_release(&resource);
    }
    return error;
}

void vd_hub_resource_release(struct vd_hub_resource *resource)
{
    json_decref(resource->labels);
    json_decref(resource->filter);
    if (resource->policies != NULL) {
        vd_secret_wipe(resource->policies, VD_HUB_POLICIES_MAX * sizeof *resource->policies);
        free(resource->policies);
    }
    *resource = (struct vd_hub_resource){0};
}

/* ---- Storing ---- */

int vd_hub_resource_store(
    struct vd_registry *registry, struct vd_hub_resource *resource, bool with_filter)
{
    char *labels = json_dumps(resource->labels, JSON_COMPACT);
    char *filter = with_filter ? json_dumps(resource->filter, JSON_COMPACT) : NULL;
    struct vd_setting_change settings[] = {
        {.name = LABELS_SETTING, .etag = resource->labels_etag},
        {.name = VD_IP_FILTER_SETTING, .etag = resource->filter_etag},
    };
    struct vd_registry_change change = {
        .settings = settings,
        .setting_count = with_filter ? 2 : 1,
        .policies = resource->policies,
        .policy_count = resource->policy_count,
    };
    int error = VD_E_NOMEM;

    if (labels != NULL && (filter != NULL || !with_filter)) {
        settings[0].value = vd_str_from(labels);
        settings[1].value = vd_str_from(filter != NULL ? filter : "");
        error = vd_registry_change(registry, &change);
    }
    if (error == VD_OK) {
        resource->labels_etag = settings[0].etag;
        resource->filter_etag = settings[1].etag;
    }
    free(labels);
    free(filter);
    return error;
}

/* ---- What is made of it ---- */

static void put_u64_be(uint64_t value, uint8_t out[8])
{
    for (size_t i = 0; i < 8; i++) {
        out[i] = (uint8_t)(value >> (56 - 8 * i));
    }
}

void vd_hub_resource_etag(const struct vd_hub_resource *resource, char out[VD_HUB_ETAG_SIZE])
{
    uint8_t bytes[16];

    put_u64_be(resource->filter_etag, bytes);
    put_u64_be(resource->labels_etag, bytes + 8);
    if (vd_base64_encode(bytes, sizeof bytes, out, VD_HUB_ETAG_SIZE) != VD_OK) {
        abort(); /* the size is what it takes */
    }
}

struct vd_policy *vd_hub_resource_policy(const struct vd_hub_resource *resource, const char *name)
{
    struct vd_policy *similar = NULL;

    for (size_t i = 0; i < resource->policy_count; i++) {
        struct vd_policy *policy = &resource->policies[i];

        if (strcmp(policy->name, name) == 0) {
            return policy;
        }
        if (strcasecmp(policy->name, name) == 0) {
            similar = policy;
        }
    }
    return similar;
}

void vd_hub_resource_apply_filter(struct vd_registry *registry, struct vd_hub *hub)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    struct vd_ip_filter filter;
    int error;

    if (hub == NULL) {
        return;
    }
    pthread_mutex_lock(&lock);
    error = vd_ip_filter_load(registry, &filter, NULL, NULL);
    if (error == VD_OK) {
        vd_hub_set_ip_filter(hub, &filter);
    }
    pthread_mutex_unlock(&lock);
    if (error != VD_OK) {
        vd_log(VD_LOG_ERROR, "hub.ip_filter_unread", "reason=\"%s\"", vd_error_text(error));
        return;
    }
    vd_log(VD_LOG_INFO, "hub.ip_filter", "rules=%zu", filter.count);
}
