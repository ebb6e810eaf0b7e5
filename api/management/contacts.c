/* SPDX-License-Identifier: MIT */
/* Security contacts: whom to tell. Kept and answered; what is sent to whom is the notifications' matter. */

#include "api/management/internal.h"
#include "api/management/named_list.h"

#define SETTING      "security-contacts"
#define CONTACTS_MAX 20
#define TEXT_MAX     254

static const char *const members[] = {"email", "phone", "alertNotifications", "alertsToAdmins"};

#define MEMBERS (sizeof members / sizeof members[0])

static json_t *contact_json(const struct vd_management_args *args, const json_t *contact)
{
    const char *name = json_string_value(json_object_get(contact, "name"));

    return json_pack("{s:s+++, s:s, s:s, s:O}", "id", "/subscriptions/", args->subscription,
        "/providers/Microsoft.Security/securityContacts/", name, "name", name, "type",
        "Microsoft.Security/securityContacts", "properties",
        json_object_get(contact, "properties"));
}

/* What is wrong with a member; NULL: nothing. */
static const char *member_fault(size_t i, const json_t *value)
{
    const char *text = json_string_value(value);

    if (text == NULL || json_string_length(value) > TEXT_MAX) {
        return "is to be text of at most 254 bytes";
    }
    if (i == 0 && text[0] != '\0' && strchr(text, '@') == NULL) {
        return "is to be an e-mail address";
    }
    return i >= 2 && strcmp(text, "On") != 0 && strcmp(text, "Off") != 0 ? "is to be On or Off"
                                                                         : NULL;
}

/* The properties of the body, over `old`; NULL: answered with 400. */
static json_t *merged(const json_t *body, const json_t *old, struct vd_http_answer *answer)
{
    const json_t *given = json_object_get(body, "properties");
    json_t *properties = old != NULL ? json_deep_copy(old) : json_object();
    const char *wrong = json_is_object(given) ? NULL : "is to be an object";
    const char *where = "properties";

    for (size_t i = 0; wrong == NULL && i < MEMBERS; i++) {
        json_t *value = json_object_get(given, members[i]);

        if (value != NULL && !json_is_null(value)) {
            where = members[i];
            wrong = member_fault(i, value);
            (void)json_object_set(properties, members[i], value);
        }
    }
    if (wrong != NULL) {
        vd_management_fail(answer, 400, "BadRequest", where, "%s %s", where, wrong);
        json_decref(properties);
        return NULL;
    }
    return properties;
}

/* The contact of the path, the caller's; NULL with VD_E_NOT_FOUND and the like. */
static int find(const struct vd_management *management, const char *name, json_t **contact)
{
    json_t *list = NULL;
    uint64_t etag;
    int error = vd_named_list_load(management->config.registry, SETTING, &list, &etag);

    *contact =
        error == VD_OK ? json_incref(json_array_get(list, vd_named_list_find(list, name))) : NULL;
    json_decref(list);
    return error == VD_OK && *contact == NULL ? VD_E_NOT_FOUND : error;
}

void vd_management_contact_list(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    json_t *list = NULL;
    json_t *value = json_array();
    uint64_t etag;
    int error = vd_named_list_load(management->config.registry, SETTING, &list, &etag);

    for (size_t i = 0; error == VD_OK && i < json_array_size(list); i++) {
        json_array_append_new(value, contact_json(args, json_array_get(list, i)));
    }
    json_decref(list);
    if (error != VD_OK) {
        json_decref(value);
        vd_management_fail_error(answer, error, "the contacts");
        return;
    }
    vd_management_reply(answer, 200, json_pack("{s:o}", "value", value));
}

void vd_management_contact_get(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    json_t *contact = NULL;
    int error = find(management, args->names[0], &contact);

    if (error == VD_OK) {
        vd_management_reply(answer, 200, contact_json(args, contact));
    } else {
        vd_management_fail_error(answer, error, args->names[0]);
    }
    json_decref(contact);
}

/* with_old: what is not given stays, and there must be one. */
static void write(struct vd_management *management, const struct vd_management_args *args,
    bool with_old, struct vd_http_answer *answer)
{
    json_t *body = vd_management_body(args, answer);
    json_t *old = NULL;
    json_t *properties;
    json_t *contact;
    int error = VD_OK;

    if (body == NULL) {
        return;
    }
    if (with_old) {
        error = find(management, args->names[0], &old);
    }
    if (error != VD_OK) {
        vd_management_fail_error(answer, error, args->names[0]);
        json_decref(body);
        return;
    }
    properties = merged(body, json_object_get(old, "properties"), answer);
    json_decref(old);
    json_decref(body);
    if (properties == NULL) {
        return;
    }
    contact = json_pack("{s:s, s:o}", "name", args->names[0], "properties", properties);
    error = contact != NULL
        ? vd_named_list_put(management->config.registry, SETTING, contact, CONTACTS_MAX, NULL)
        : VD_E_NOMEM;
    if (error == VD_E_LIMIT) {
        vd_management_fail(
            answer, 409, "Conflict", NULL, "there are at most %d contacts", CONTACTS_MAX);
    } else if (error != VD_OK) {
        vd_management_fail_error(answer, error, args->names[0]);
    } else {
        vd_management_reply(answer, 200, contact_json(args, contact));
    }
    json_decref(contact);
}

void vd_management_contact_put(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    write(management, args, false, answer);
}

void vd_management_contact_patch(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    write(management, args, true, answer);
}

/* The SDK takes no other status. */
void vd_management_contact_delete(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    int error = vd_named_list_remove(management->config.registry, SETTING, args->names[0]);

    if (error == VD_OK || error == VD_E_NOT_FOUND) {
        if (error == VD_E_NOT_FOUND) {
            snprintf(args->details, VD_MANAGEMENT_DETAILS_SIZE, VD_EVENT_NOTHING_THERE);
        }
        vd_management_reply(answer, 204, NULL);
    } else {
        vd_management_fail_error(answer, error, args->names[0]);
    }
}
