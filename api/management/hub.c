/* SPDX-License-Identifier: MIT */
/* The hub as a resource: shown, listed, replaced, tagged. */

#include "api/management/hub.h"

#include "lib/clock.h"

static bool wants_policies(const json_t *body)
{
    const json_t *policies =
        json_object_get(json_object_get(body, "properties"), "authorizationPolicies");

    return policies != NULL && !json_is_null(policies);
}

static void fail_changed(struct vd_http_answer *answer)
{
    vd_management_fail(
        answer, 412, "PreconditionFailed", NULL, "the hub has another etag: it was changed");
}

/* Answers with the hub. */
static void reply(struct vd_management *management, const struct vd_management_args *args,
    const struct vd_hub_resource *resource, struct vd_http_answer *answer)
{
    char etag[VD_HUB_ETAG_SIZE];

    vd_hub_resource_etag(resource, etag);
    vd_http_answer_header(answer, "ETag", etag);
    vd_management_reply(answer, 200, vd_management_hub_json(management, args, resource));
}

void vd_management_hub_get(struct vd_management *management, const struct vd_management_args *args,
    struct vd_http_answer *answer)
{
    struct vd_hub_resource resource = {0};
    int error = vd_hub_resource_load(management->config.registry, false, &resource);

    if (error != VD_OK) {
        vd_management_fail_error(answer, error, "the hub");
    } else {
        reply(management, args, &resource, answer);
    }
    vd_hub_resource_release(&resource);
}

void vd_management_hub_list(struct vd_management *management, const struct vd_management_args *args,
    struct vd_http_answer *answer)
{
    struct vd_hub_resource resource = {0};
    int error = vd_hub_resource_load(management->config.registry, false, &resource);

    if (error != VD_OK) {
        vd_management_fail_error(answer, error, "the hub");
    } else {
        vd_management_reply(answer, 200,
            json_pack("{s:[o]}", "value", vd_management_hub_json(management, args, &resource)));
    }
    vd_hub_resource_release(&resource);
}

/* ---- Changing it ---- */

/* Notes who changes it. */
static int sign(struct vd_hub_resource *resource, const struct vd_management_caller *caller)
{
    char now[VD_TIME_TEXT_SIZE];

    vd_time_format(vd_clock_utc_ms(), now);
    return json_object_set_new(resource->labels, "lastModifiedBy", json_string(caller->name)) ==
                0 &&
            json_object_set_new(resource->labels, "lastModifiedAt", json_string(now)) == 0
        ? VD_OK
        : VD_E_NOMEM;
}

/* What tells two states of the hub apart. */
struct seen {
    json_t *labels;
    json_t *filter;
};

static struct seen see(const struct vd_hub_resource *resource)
{
    struct seen seen = {json_copy(resource->labels), json_incref(resource->filter)};

    /* Who did it is said anyway. */
    (void)json_object_del(seen.labels, "lastModifiedBy");
    (void)json_object_del(seen.labels, "lastModifiedAt");
    return seen;
}

static void seen_release(struct seen *seen)
{
    json_decref(seen->labels);
    json_decref(seen->filter);
}

/* Says for the activity log what is changed, before it is signed. */
static void note(const struct vd_management_args *args, const struct seen *before,
    const struct vd_hub_resource *resource, bool with_policies)
{
    struct seen now = see(resource);
    const bool labels = json_equal(before->labels, now.labels) != 1;
    const bool filter = json_equal(before->filter, now.filter) != 1;

    snprintf(args->details, VD_MANAGEMENT_DETAILS_SIZE, "sets:%s%s%s%s", labels ? " labels" : "",
        filter ? " ipFilter" : "", with_policies ? " authorizationPolicies" : "",
        labels || filter || with_policies ? "" : " nothing new");
    seen_release(&now);
}

/* What a change makes of the hub that is stored. False: answered. */
typedef bool hub_edit(const struct vd_management *management, const struct vd_management_args *args,
    const json_t *body, struct vd_hub_resource *resource, struct vd_http_answer *answer);

struct change {
    hub_edit *edit;
    bool with_policies;
    bool with_filter;
};

/* VD_E_CHANGED: somebody else was faster. VD_OK: answered. */
static int change_once(struct vd_management *management, const struct vd_management_args *args,
    const struct change *change, const json_t *body, struct vd_http_answer *answer)
{
    struct vd_registry *registry = management->config.registry;
    struct vd_hub_resource resource = {0};
    struct seen before;
    char etag[VD_HUB_ETAG_SIZE];
    int error = vd_hub_resource_load(registry, change->with_policies, &resource);

    if (error != VD_OK) {
        return error;
    }
    before = see(&resource);
    vd_hub_resource_etag(&resource, etag);
    if (!vd_management_etag_fits(args, etag)) {
        fail_changed(answer);
    } else if (change->edit(management, args, body, &resource, answer)) {
        note(args, &before, &resource, change->with_policies);
        error = sign(&resource, args->caller);
        if (error == VD_OK) {
            error = vd_hub_resource_store(registry, &resource, change->with_filter);
        }
        if (error == VD_OK && change->with_filter) {
            vd_hub_resource_apply_filter(registry, management->config.hub);
        }
        if (error == VD_OK && change->with_policies && management->config.hub != NULL) {
            vd_hub_policies_changed(management->config.hub);
        }
        if (error == VD_OK) {
            reply(management, args, &resource, answer);
        }
    }
    seen_release(&before);
    vd_hub_resource_release(&resource);
    return error;
}

static void change(struct vd_management *management, const struct vd_management_args *args,
    const struct change *change, const json_t *body, struct vd_http_answer *answer)
{
    int error = VD_E_CHANGED;

    for (int i = 0; error == VD_E_CHANGED && i < VD_HUB_WRITE_TRIES; i++) {
        error = change_once(management, args, change, body, answer);
    }
    if (error == VD_E_LIMIT) {
        vd_management_fail(answer, 400, "BadRequest", NULL, "the rules or tags are too long");
    } else if (error != VD_OK || answer->body == NULL) {
        vd_management_fail_error(answer, error != VD_OK ? error : VD_E_NOMEM, "the hub");
    }
}

void vd_management_hub_put(struct vd_management *management, const struct vd_management_args *args,
    struct vd_http_answer *answer)
{
    json_t *body = vd_management_body(args, answer);
    const bool policies = wants_policies(body);

    if (body != NULL &&
        (!policies ||
            vd_management_allows(
                args->caller, VD_ROLE_OWNER, VD_ACTIVITY_HUB_WRITE, args->request->path, answer))) {
        change(management, args, &(struct change){vd_management_hub_read, policies, true}, body,
            answer);
    }
    json_decref(body);
}

static bool set_tags(const struct vd_management *management, const struct vd_management_args *args,
    const json_t *body, struct vd_hub_resource *resource, struct vd_http_answer *answer)
{
    json_t *tags;

    (void)management;
    (void)args;
    if (json_object_get(body, "tags") == NULL) {
        return true;
    }
    tags = vd_management_tags_read(body, answer);
    return tags != NULL && json_object_set_new(resource->labels, "tags", tags) == 0;
}

void vd_management_hub_patch(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    json_t *body = vd_management_body(args, answer);
    const size_t known = json_object_get(body, "tags") != NULL ? 1 : 0;

    if (body != NULL && json_object_size(body) != known) {
        vd_management_fail(answer, 400, "BadRequest", NULL, "PATCH changes tags alone: use PUT");
    } else if (body != NULL) {
        change(management, args, &(struct change){set_tags, false, false}, body, answer);
    }
    json_decref(body);
}

void vd_management_hub_delete(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    (void)management;
    (void)args;
    vd_management_fail(
        answer, 409, "Conflict", NULL, "the hub is this service: it goes with its data directory");
}
