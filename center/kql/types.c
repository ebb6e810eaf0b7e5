/* SPDX-License-Identifier: MIT */
/* Names of types. */

#include "center/kql/types.h"

const char *vd_kql_type_text(enum vd_kql_type type)
{
    static const char *const names[] = {
#define VD_KQL_TYPE_NAME(name, text, letter) text,
        VD_KQL_TYPES(VD_KQL_TYPE_NAME)
#undef VD_KQL_TYPE_NAME
    };

    return type < VD_KQL_TYPE_COUNT ? names[type] : "?";
}

bool vd_kql_type_parse(struct vd_str name, enum vd_kql_type *type)
{
    static const struct {
        const char *name;
        enum vd_kql_type type;
    } names[] = {
        {"bool", VD_KQL_BOOL},
        {"boolean", VD_KQL_BOOL},
        {"datetime", VD_KQL_DATETIME},
        {"date", VD_KQL_DATETIME},
        {"dynamic", VD_KQL_DYNAMIC},
        {"guid", VD_KQL_GUID},
        {"uuid", VD_KQL_GUID},
        {"uniqueid", VD_KQL_GUID},
        {"int", VD_KQL_INT},
        {"int32", VD_KQL_INT},
        {"long", VD_KQL_LONG},
        {"int64", VD_KQL_LONG},
        {"real", VD_KQL_REAL},
        {"double", VD_KQL_REAL},
        {"decimal", VD_KQL_REAL},
        {"string", VD_KQL_STRING},
        {"timespan", VD_KQL_TIMESPAN},
        {"time", VD_KQL_TIMESPAN},
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (vd_str_equal_text(name, names[i].name)) {
            *type = names[i].type;
            return true;
        }
    }
    return false;
}
