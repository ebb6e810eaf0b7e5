/* SPDX-License-Identifier: MIT */
/* What is said of the provider rather than of the hub: the operations that there are. */

#include "api/management/internal.h"

/* True if an earlier row of the table has the operation too. */
static bool is_repeated(const struct vd_management_route *routes, size_t i)
{
    for (size_t j = 0; j < i; j++) {
        if (strcmp(routes[i].operation, routes[j].operation) == 0) {
            return true;
        }
    }
    return false;
}

/* "Microsoft.Devices/IotHubs/certificates/write" is the operation `write` of `IotHubs/certificates`. */
static json_t *operation_json(const char *name)
{
    const size_t provider = strcspn(name, "/");
    const char *resource = name[provider] == '/' ? name + provider + 1 : name;
    const char *operation = strrchr(resource, '/');
    const size_t length = operation != NULL ? (size_t)(operation - resource) : 0;

    return json_pack("{s:s, s:{s:s%, s:s%, s:s, s:s}}", "name", name, "display", "provider", name,
        provider, "resource", resource, length, "operation",
        operation != NULL ? operation + 1 : resource, "description", name);
}

void vd_management_operations(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    size_t count = 0;
    const struct vd_management_route *routes = vd_management_routes(&count);
    json_t *list = json_array();
    bool good = list != NULL;

    (void)management;
    (void)args;
    for (size_t i = 0; good && i < count; i++) {
        good = is_repeated(routes, i) ||
            json_array_append_new(list, operation_json(routes[i].operation)) == 0;
    }
    if (!good) {
        json_decref(list);
        list = NULL;
    }
    vd_management_reply(answer, 200, list != NULL ? json_pack("{s:o}", "value", list) : NULL);
}
