/* SPDX-License-Identifier: MIT */
/* What is said of the provider rather than of the hub: the operations that there are, whether a name is free. */

#include <ctype.h>
#include <strings.h>

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

/* As a hub's resource may be named: 3 to 50 letters, digits and hyphens, not all digits, none of the ends a hyphen. */
static bool hub_name_is_valid(const char *name)
{
    const size_t length = strlen(name);
    size_t digits = 0;

    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)name[i]) && name[i] != '-') {
            return false;
        }
        digits += isdigit((unsigned char)name[i]) ? 1U : 0U;
    }
    return length >= 3 && length <= 50 && digits < length && name[0] != '-' &&
        name[length - 1] != '-';
}

void vd_management_check_name(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    json_t *body = vd_management_body(args, answer);
    const char *name = json_string_value(json_object_get(body, "name"));

    if (body == NULL) {
        return;
    }
    if (name == NULL) {
        vd_management_fail(answer, 400, "BadRequest", "name", "name is needed");
    } else if (strcasecmp(name, management->config.scope.hub) == 0) {
        vd_management_reply(answer, 200,
            json_pack("{s:b, s:s, s:s}", "nameAvailable", 0, "reason", "AlreadyExists", "message",
                "there is a hub of that name"));
    } else if (!hub_name_is_valid(name)) {
        vd_management_reply(answer, 200,
            json_pack("{s:b, s:s, s:s}", "nameAvailable", 0, "reason", "Invalid", "message",
                "a name is 3 to 50 letters, digits and hyphens, not all digits"));
    } else {
        vd_management_reply(answer, 200, json_pack("{s:b}", "nameAvailable", 1));
    }
    json_decref(body);
}
