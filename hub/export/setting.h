/* SPDX-License-Identifier: MIT */
/* Diagnostic settings as they are stored: which categories of records go to which kinds of sinks. */

#ifndef VEDETTE_HUB_EXPORT_SETTING_H
#define VEDETTE_HUB_EXPORT_SETTING_H

#include <jansson.h>

#include "hub/operation.h"

/* The setting of the registry that holds all of them: {"settings":[{"name","properties"}]}. */
#define VD_DIAGNOSTIC_SETTINGS "diagnostic-settings"

/* As the service of old allows. */
#define VD_DIAGNOSTIC_SETTINGS_MAX 5
#define VD_DIAGNOSTIC_NAME_MAX     260

/* X(name, text, field): where records go beside the center's table, and the field of a setting that asks for it. */
#define VD_EXPORT_KINDS(X)                        \
    X(VD_EXPORT_FILE, "file", "storageAccountId") \
    X(VD_EXPORT_WEBHOOK, "webhook", "eventHubAuthorizationRuleId")

enum vd_export_kind {
#define VD_EXPORT_KIND_ENUM(name, text, field) name,
    VD_EXPORT_KINDS(VD_EXPORT_KIND_ENUM)
#undef VD_EXPORT_KIND_ENUM
    VD_EXPORT_KINDS_END,
};

const char *vd_export_kind_text(enum vd_export_kind kind);

/* False if no kind has that text. */
bool vd_export_kind_from_text(const char *text, enum vd_export_kind *kind);

struct vd_diagnostic_setting {
    char name[VD_DIAGNOSTIC_NAME_MAX + 1];
    uint32_t categories; /* bit 1 << enum vd_operation_category */
    bool wants[VD_EXPORT_KINDS_END];
};

/* The category of that name, in any case; VD_OPERATION_CATEGORIES_END: there is none. */
enum vd_operation_category vd_operation_category_find(const char *name);

/* True for the categories of the group `audit`: what back ends do to devices and their data. */
bool vd_operation_category_is_audit(enum vd_operation_category category);

/*
 * Reads the stored text into `out`, which has room for VD_DIAGNOSTIC_SETTINGS_MAX; *count is how many there are.
 * VD_E_CORRUPT: it is not what the management API stores. VD_E_NOMEM.
 */
VD_NODISCARD int vd_diagnostic_settings_parse(
    struct vd_str text, struct vd_diagnostic_setting *out, size_t *count);

#endif
