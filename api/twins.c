/* SPDX-License-Identifier: MIT */
/* Twins for whoever is no device. */

#include "api/twins.h"

#include "lib/clock.h"
#include "lib/secret.h"

/* One look at the state, or one change. The first part is the caller's, the second the writer's. */
struct work {
    const struct vd_twins *twins;
    const struct vd_twins_change *change; /* NULL: it is only read */
    struct vd_state_key key;
    int64_t created_ms;
    int64_t now_ms;

    struct vd_twin twin;
    struct vd_twin_problem problem;
    struct vd_buf desired_change;
    struct vd_twins_beside beside;
    int error;
};

struct vd_state_key vd_twins_key(const struct vd_identity *identity)
{
    struct vd_state_key key;

    memcpy(key.device_id, identity->device_id, sizeof key.device_id);
    memcpy(key.module_id, identity->module_id, sizeof key.module_id);
    memcpy(key.generation_id, identity->generation_id, sizeof key.generation_id);
    return key;
}

static const char *text_or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

json_t *vd_twins_json(const struct vd_twins *twins, const struct vd_identity *identity,
    const struct vd_twin *twin, const struct vd_twins_beside *beside)
{
    struct vd_bus *bus = twins->bus;
    const char *module = text_or_null(identity->module_id);
    char etag[VD_IDENTITY_ETAG_SIZE];
    const struct vd_twin_identity told = {
        .device_id = identity->device_id,
        .module_id = module,
        .device_etag = etag,
        .authentication_type = vd_auth_type_name(identity->auth_type),
        .primary_thumbprint = text_or_null(identity->thumbprints[0]),
        .secondary_thumbprint = text_or_null(identity->thumbprints[1]),
        .status_reason = text_or_null(identity->status_reason),
        .enabled = identity->enabled,
        .connected = bus != NULL && bus->ops->is_connected(bus, identity->device_id, module),
        .status_updated_ms = identity->status_updated_ms,
        .last_activity_ms = beside->activity.seen_ms,
        .c2d_messages = (uint32_t)beside->c2d_messages,
    };

    vd_identity_etag(identity, etag);
    return vd_twin_for_back_end(twin, &told);
}

/* ---- In the writer's thread ---- */

static int read_twin(struct work *work, struct vd_state_store *store)
{
    struct vd_buf text = {0};
    uint64_t revision;
    int error = vd_state_twin_get(store, &work->key, &text, &revision);

    if (error == VD_OK || error == VD_E_NOT_FOUND) {
        error = vd_twin_open(
            &work->twin, (struct vd_str){(const char *)text.data, text.length}, work->created_ms);
    }
    vd_buf_release(&text);
    return error;
}

/* Of the type vd_state_twin_change. */
static bool change_twin(void *context, struct vd_str old, struct vd_buf *changed)
{
    struct work *work = context;
    const struct vd_twins_change *change = work->change;

    work->error = vd_twin_open(&work->twin, old, work->created_ms);
    if (work->error != VD_OK ||
        vd_twin_update(&work->twin, change->how, change->body, change->if_match, work->now_ms,
            &work->desired_change, &work->problem) != VD_TWIN_OK) {
        return false;
    }
    vd_twin_write(&work->twin, changed);
    if (changed->length > VD_HUB_TWIN_STORED_MAX_BYTES) {
        /* Thousands of members with the shortest names: their metadata outweighs them. */
        work->problem = (struct vd_twin_problem){.error = VD_TWIN_TOO_LARGE};
        return false;
    }
    return true;
}

static int run(void *context, struct vd_state_store *store)
{
    struct work *work = context;
    int error;

    if (work->change == NULL) {
        error = read_twin(work, store);
    } else {
        error = vd_state_twin_update(store, &work->key, change_twin, work);
        error = error == VD_OK ? work->error : error;
    }
    if (error == VD_OK) {
        error =
            vd_state_c2d_count(store, &work->key, work->now_ms, &work->beside.c2d_messages, NULL);
    }
    if (error == VD_OK) {
        error = vd_state_activity_get(store, &work->key, &work->beside.activity);
    }
    return error;
}

static void tell_device(void *context)
{
    const struct work *work = context;
    const char *module = text_or_null(work->key.module_id);
    struct vd_bus *bus = work->twins->bus;

    if (bus != NULL && work->problem.error == VD_TWIN_OK && work->desired_change.length > 0) {
        bus->ops->desired_changed(bus, work->key.device_id, module, work->twin.desired.version,
            (struct vd_str){(const char *)work->desired_change.data, work->desired_change.length});
    }
}

/* ---- For the callers ---- */

/* The identity without its keys. */
static int find_identity(const struct vd_twins *twins, const char *device_id, const char *module_id,
    struct vd_identity *identity)
{
    int error = vd_registry_get(twins->registry, device_id, module_id, identity);

    vd_secret_wipe(&identity->primary_key, sizeof identity->primary_key);
    vd_secret_wipe(&identity->secondary_key, sizeof identity->secondary_key);
    return error;
}

static int work_do(struct work *work, const char *device_id, const char *module_id, json_t **json)
{
    struct vd_identity identity = {0};
    int error = find_identity(work->twins, device_id, module_id, &identity);

    if (error == VD_OK && work->twins->state == NULL) {
        error = VD_E_CLOSED;
    }
    if (error == VD_OK) {
        work->key = vd_twins_key(&identity);
        work->created_ms = identity.created_ms;
        work->now_ms = vd_clock_utc_ms();
        error = vd_state_do_and_tell(work->twins->state, run, tell_device, work);
    }
    if (error == VD_OK && work->problem.error != VD_TWIN_OK) {
        error = VD_E_INVALID;
    }
    if (error == VD_OK) {
        json_t *made = vd_twins_json(work->twins, &identity, &work->twin, &work->beside);

        error = made != NULL ? VD_OK : VD_E_NOMEM;
        *json = made != NULL ? made : *json;
    }
    vd_twin_release(&work->twin);
    vd_buf_release(&work->desired_change);
    return error;
}

int vd_twins_get(
    const struct vd_twins *twins, const char *device_id, const char *module_id, json_t **json)
{
    struct work work = {.twins = twins};

    return work_do(&work, device_id, module_id, json);
}

int vd_twins_update(const struct vd_twins *twins, const struct vd_twins_change *change,
    json_t **json, struct vd_twin_problem *problem)
{
    struct work work = {.twins = twins, .change = change};
    int error = work_do(&work, change->device_id, change->module_id, json);

    *problem = work.problem;
    return error;
}
