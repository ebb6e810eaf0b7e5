/* SPDX-License-Identifier: MIT */
/* Reads diagnostic settings as they are stored. */

#include "hub/export/setting.h"

#include <string.h>
#include <strings.h>

static const struct {
    const char *text;
    const char *field;
} kinds[VD_EXPORT_KINDS_END] = {
#define VD_EXPORT_KIND_ROW(name, text, field) {text, field},
    VD_EXPORT_KINDS(VD_EXPORT_KIND_ROW)
#undef VD_EXPORT_KIND_ROW
};

_Static_assert(VD_OPERATION_CATEGORIES_END <= 32, "categories are bits of 32");

const char *vd_export_kind_text(enum vd_export_kind kind)
{
    return kinds[kind].text;
}

bool vd_export_kind_from_text(const char *text, enum vd_export_kind *kind)
{
    for (int i = 0; i < VD_EXPORT_KINDS_END; i++) {
        if (strcmp(kinds[i].text, text) == 0) {
            *kind = (enum vd_export_kind)i;
            return true;
        }
    }
    return false;
}

enum vd_operation_category vd_operation_category_find(const char *name)
{
    int i = 0;

    while (i < VD_OPERATION_CATEGORIES_END &&
        strcasecmp(vd_operation_category_text((enum vd_operation_category)i), name) != 0) {
        i++;
    }
    return (enum vd_operation_category)i;
}

bool vd_operation_category_is_audit(enum vd_operation_category category)
{
    switch (category) {
    case VD_OPERATION_C2D:
    case VD_OPERATION_IDENTITIES:
    case VD_OPERATION_C2D_TWIN:
    case VD_OPERATION_TWIN_QUERIES:
    case VD_OPERATION_METHODS:
        return true;
    default:
        return false;
    }
}

static uint32_t group_categories(const char *group)
{
    const bool is_all = strcasecmp(group, "allLogs") == 0;
    uint32_t categories = 0;

    for (int i = 0; i < VD_OPERATION_CATEGORIES_END; i++) {
        if (is_all || vd_operation_category_is_audit((enum vd_operation_category)i)) {
            categories |= UINT32_C(1) << i;
        }
    }
    return categories;
}

static uint32_t entry_categories(const json_t *entry)
{
    const char *category = json_string_value(json_object_get(entry, "category"));
    const char *group = json_string_value(json_object_get(entry, "categoryGroup"));

    if (!json_is_true(json_object_get(entry, "enabled"))) {
        return 0;
    }
    if (category != NULL) {
        const enum vd_operation_category found = vd_operation_category_find(category);

        return found != VD_OPERATION_CATEGORIES_END ? UINT32_C(1) << found : 0;
    }
    return group != NULL ? group_categories(group) : 0;
}

static int setting_read(const json_t *json, struct vd_diagnostic_setting *out)
{
    const char *name = json_string_value(json_object_get(json, "name"));
    const json_t *properties = json_object_get(json, "properties");
    const json_t *logs = json_object_get(properties, "logs");

    *out = (struct vd_diagnostic_setting){0};
    if (name == NULL || name[0] == '\0' ||
        vd_text_copy(name, out->name, sizeof out->name) != VD_OK) {
        return VD_E_CORRUPT;
    }
    for (size_t i = 0; i < json_array_size(logs); i++) {
        out->categories |= entry_categories(json_array_get(logs, i));
    }
    for (int i = 0; i < VD_EXPORT_KINDS_END; i++) {
        out->wants[i] = json_string_length(json_object_get(properties, kinds[i].field)) > 0;
    }
    return VD_OK;
}

int vd_diagnostic_settings_parse(
    struct vd_str text, struct vd_diagnostic_setting *out, size_t *count)
{
    json_t *json = json_loadb(text.data, text.length, 0, NULL);
    const json_t *settings = json_object_get(json, "settings");
    const size_t size = json_array_size(settings);
    int error =
        json_is_array(settings) && size <= VD_DIAGNOSTIC_SETTINGS_MAX ? VD_OK : VD_E_CORRUPT;

    for (size_t i = 0; error == VD_OK && i < size; i++) {
        error = setting_read(json_array_get(settings, i), &out[i]);
    }
    json_decref(json);
    if (error == VD_OK) {
        *count = size;
    }
    return error;
}
