/* SPDX-License-Identifier: MIT */
/* Devices in the order of the registry; the twins of many security modules in one request to the state. */

#include "api/fleet.h"

#include "api/twins.h"
#include "hub/twin.h"
#include "lib/secret.h"

/* Devices whose twins are read at once. */
#define CHUNK 500

/* Names of the security module's identity, the one that counts first. */
static const char *const module_ids[] = {VD_SECURITY_MODULE_ID, VD_SECURITY_MODULE_ID_RTOS};

#define MODULE_IDS (sizeof module_ids / sizeof module_ids[0])

/* A device with the twins that may name its group. */
struct entry {
    struct vd_fleet_device device;
    struct vd_state_key keys[MODULE_IDS]; /* device_id "": there is no such module */
    int64_t created_ms[MODULE_IDS];
};

struct chunk {
    struct entry *entries;
    size_t count;
};

static void set_group(struct vd_fleet_device *device, const struct vd_twin *twin)
{
    const json_t *tag = json_object_get(twin->tags, VD_TAG_SECURITY_GROUP);

    if (json_string_length(tag) > 0 &&
        vd_str_copy((struct vd_str){json_string_value(tag), json_string_length(tag)}, device->group,
            sizeof device->group) == VD_OK) {
        device->has_group_tag = true;
    }
}

static int read_twin(struct vd_state_store *store, struct entry *entry, size_t i)
{
    struct vd_buf text = {0};
    struct vd_twin twin = {0};
    uint64_t revision;
    int error = vd_state_twin_get(store, &entry->keys[i], &text, &revision);

    if (error == VD_OK) {
        error = vd_twin_open(
            &twin, (struct vd_str){(const char *)text.data, text.length}, entry->created_ms[i]);
    }
    if (error == VD_OK) {
        set_group(&entry->device, &twin);
    }
    vd_twin_release(&twin);
    vd_buf_release(&text);
    return error == VD_E_NOT_FOUND ? VD_OK : error;
}

/* In the writer's thread. */
static int read_groups(void *context, struct vd_state_store *store)
{
    struct chunk *chunk = context;
    int error = VD_OK;

    for (size_t i = 0; i < chunk->count && error == VD_OK; i++) {
        struct entry *entry = &chunk->entries[i];

        for (size_t k = 0; k < MODULE_IDS && error == VD_OK && !entry->device.has_group_tag; k++) {
            if (entry->keys[k].device_id[0] != '\0') {
                error = read_twin(store, entry, k);
            }
        }
    }
    return error;
}

static int find_groups(const struct vd_api_fleet *fleet, struct chunk *chunk)
{
    bool has_module = false;

    for (size_t i = 0; i < chunk->count; i++) {
        has_module = has_module || chunk->entries[i].device.has_security_module;
    }
    return has_module && fleet->state != NULL ? vd_state_do(fleet->state, read_groups, chunk)
                                              : VD_OK;
}

static void begin_entry(struct entry *entry, const struct vd_identity *identity)
{
    struct vd_fleet_device *device = &entry->device;

    *entry = (struct entry){
        .device = {.is_enabled = identity->enabled, .created_ms = identity->created_ms}};
    memcpy(device->device_id, identity->device_id, sizeof device->device_id);
    memcpy(device->generation_id, identity->generation_id, sizeof device->generation_id);
    memcpy(device->group, VD_FLEET_GROUP_DEFAULT, sizeof VD_FLEET_GROUP_DEFAULT);
}

static void add_module(struct entry *entry, const struct vd_identity *identity)
{
    for (size_t i = 0; i < MODULE_IDS; i++) {
        if (strcmp(identity->module_id, module_ids[i]) == 0) {
            entry->device.has_security_module = true;
            entry->keys[i] = vd_twins_key(identity);
            entry->created_ms[i] = identity->created_ms;
        }
    }
}

/* ---- One ---- */

static int fleet_get(struct vd_fleet *base, const char *device_id, struct vd_fleet_device *device)
{
    const struct vd_api_fleet *fleet = (const struct vd_api_fleet *)base;
    struct vd_identity identity = {0};
    struct entry entry;
    struct chunk chunk = {&entry, 1};
    int error = vd_registry_get(fleet->registry, device_id, "", &identity);

    if (error == VD_OK) {
        begin_entry(&entry, &identity);
    }
    for (size_t i = 0; i < MODULE_IDS && error == VD_OK; i++) {
        error = vd_registry_get(fleet->registry, device_id, module_ids[i], &identity);
        if (error == VD_OK) {
            add_module(&entry, &identity);
        }
        error = error == VD_E_NOT_FOUND ? VD_OK : error;
    }
    vd_secret_wipe(&identity, sizeof identity);
    if (error == VD_OK) {
        error = find_groups(fleet, &chunk);
    }
    if (error == VD_OK) {
        *device = entry.device;
    }
    return error;
}

/* ---- All ---- */

struct walk {
    const struct vd_api_fleet *fleet;
    bool (*each)(void *context, const struct vd_fleet_device *device);
    void *context;
    struct chunk chunk;
    bool is_over;
    int error;
};

/* Gives what has gathered to whoever asked. */
static void give(struct walk *walk)
{
    walk->error = find_groups(walk->fleet, &walk->chunk);
    for (size_t i = 0; i < walk->chunk.count && walk->error == VD_OK && !walk->is_over; i++) {
        walk->is_over = !walk->each(walk->context, &walk->chunk.entries[i].device);
    }
    walk->chunk.count = 0;
}

/* Modules come right behind their device. */
static bool take_identity(void *context, const struct vd_identity *identity)
{
    struct walk *walk = context;

    if (identity->module_id[0] != '\0') {
        if (walk->chunk.count > 0) {
            add_module(&walk->chunk.entries[walk->chunk.count - 1], identity);
        }
        return true;
    }
    if (walk->chunk.count == CHUNK) {
        give(walk);
    }
    begin_entry(&walk->chunk.entries[walk->chunk.count++], identity);
    return walk->error == VD_OK && !walk->is_over;
}

static int fleet_each(struct vd_fleet *base,
    bool (*each)(void *context, const struct vd_fleet_device *device), void *context)
{
    struct walk walk = {
        .fleet = (const struct vd_api_fleet *)base, .each = each, .context = context};
    int error;

    walk.chunk.entries = calloc(CHUNK, sizeof *walk.chunk.entries);
    if (walk.chunk.entries == NULL) {
        return VD_E_NOMEM;
    }
    error = vd_registry_list(walk.fleet->registry, NULL, NULL, take_identity, &walk);
    if (error == VD_OK && walk.error == VD_OK && !walk.is_over) {
        give(&walk);
    }
    free(walk.chunk.entries);
    return error != VD_OK ? error : walk.error;
}

static const struct vd_fleet_ops fleet_ops = {.get = fleet_get, .each = fleet_each};

void vd_api_fleet_init(
    struct vd_api_fleet *fleet, struct vd_registry *registry, struct vd_state *state)
{
    *fleet = (struct vd_api_fleet){.base = {&fleet_ops}, .registry = registry, .state = state};
}
