/* SPDX-License-Identifier: MIT */
/* Reads and writes lists of named resources whole. */

#include "api/management/named_list.h"

#include <stdlib.h>
#include <strings.h>

int vd_named_list_load(
    struct vd_registry *registry, const char *setting, json_t **list, uint64_t *etag)
{
    struct vd_buf text = {0};
    json_t *stored = NULL;
    int error = vd_registry_setting_get(registry, setting, &text, etag);

    if (error == VD_E_NOT_FOUND) {
        *etag = 0;
        *list = json_array();
        error = *list != NULL ? VD_OK : VD_E_NOMEM;
    } else if (error == VD_OK) {
        stored = json_loadb((const char *)text.data, text.length, 0, NULL);
        *list = json_incref(json_object_get(stored, "settings"));
        error = json_is_array(*list) ? VD_OK : VD_E_CORRUPT;
    }
    json_decref(stored);
    vd_buf_release(&text);
    return error;
}

/* VD_E_CHANGED: somebody else has stored since `etag` was read. */
static int store(struct vd_registry *registry, const char *name, json_t *list, uint64_t etag)
{
    json_t *all = json_pack("{s:O}", "settings", list);
    char *text = all != NULL ? json_dumps(all, JSON_COMPACT) : NULL;
    struct vd_setting_change setting = {.name = name, .etag = etag};
    struct vd_registry_change change = {.settings = &setting, .setting_count = 1};
    int error = VD_E_NOMEM;

    if (text != NULL) {
        setting.value = vd_str_from(text);
        error = vd_registry_change(registry, &change);
    }
    free(text);
    json_decref(all);
    return error;
}

size_t vd_named_list_find(const json_t *list, const char *name)
{
    size_t i = 0;

    while (i < json_array_size(list)) {
        const char *other = json_string_value(json_object_get(json_array_get(list, i), "name"));

        if (other != NULL && strcasecmp(other, name) == 0) {
            break;
        }
        i++;
    }
    return i;
}

/* VD_E_CHANGED: try again. */
static int put_once(
    struct vd_registry *registry, const char *setting, json_t *item, size_t max, bool *is_new)
{
    json_t *list = NULL;
    uint64_t etag = 0;
    int error = vd_named_list_load(registry, setting, &list, &etag);

    if (error == VD_OK) {
        const size_t at =
            vd_named_list_find(list, json_string_value(json_object_get(item, "name")));

        *is_new = at == json_array_size(list);
        if (*is_new && at >= max) {
            error = VD_E_LIMIT;
        } else if ((*is_new ? json_array_append(list, item) : json_array_set(list, at, item)) !=
            0) {
            error = VD_E_NOMEM;
        }
    }
    if (error == VD_OK) {
        error = store(registry, setting, list, etag);
    }
    json_decref(list);
    return error;
}

int vd_named_list_put(
    struct vd_registry *registry, const char *setting, json_t *item, size_t max, bool *is_new)
{
    bool was_new = false;
    int error = VD_E_CHANGED;

    for (int i = 0; error == VD_E_CHANGED && i < VD_HUB_WRITE_TRIES; i++) {
        error = put_once(registry, setting, item, max, &was_new);
    }
    if (error == VD_OK && is_new != NULL) {
        *is_new = was_new;
    }
    return error;
}

static int remove_once(struct vd_registry *registry, const char *setting, const char *name)
{
    json_t *list = NULL;
    uint64_t etag = 0;
    int error = vd_named_list_load(registry, setting, &list, &etag);

    if (error == VD_OK && json_array_remove(list, vd_named_list_find(list, name)) != 0) {
        error = VD_E_NOT_FOUND;
    }
    if (error == VD_OK) {
        error = store(registry, setting, list, etag);
    }
    json_decref(list);
    return error;
}

int vd_named_list_remove(struct vd_registry *registry, const char *setting, const char *name)
{
    int error = VD_E_CHANGED;

    for (int i = 0; error == VD_E_CHANGED && i < VD_HUB_WRITE_TRIES; i++) {
        error = remove_once(registry, setting, name);
    }
    return error;
}
