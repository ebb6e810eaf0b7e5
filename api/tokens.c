/* SPDX-License-Identifier: MIT */
/* Bearer tokens of the management API: made, listed, deleted. For the owner alone. */

#include "api/handlers.h"
#include "hub/token.h"
#include "lib/clock.h"
#include "lib/config.h"
#include "lib/secret.h"

/* Ten years: who means longer means for ever. */
#define EXPIRES_MAX_S (10LL * 366 * 24 * 3600)

static json_t *token_json(const struct vd_token *token)
{
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:b}", "name", token->name, "role",
        vd_role_name(token->role), "createdBy", token->created_by, "created",
        vd_api_time(token->created_ms), "expires", vd_api_time(token->expires_ms), "lastUsed",
        vd_api_time(token->last_used_ms), "isExpired",
        (int)(token->expires_ms != 0 && token->expires_ms <= vd_clock_utc_ms()));
}

static bool list_one(void *context, const struct vd_token *token)
{
    return json_array_append_new(context, token_json(token)) == 0;
}

void vd_api_token_list(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    json_t *tokens = json_array();
    int error = vd_registry_token_list(api->registry, list_one, tokens);

    (void)args;
    if (error != VD_OK) {
        json_decref(tokens);
        vd_api_fail_error(answer, error, "the list of tokens");
        return;
    }
    vd_api_reply(answer, 200, json_pack("{s:o}", "tokens", tokens));
}

/* False (answer set) if the body describes no token. */
static bool token_from_body(
    const json_t *body, struct vd_token *token, struct vd_api_answer *answer)
{
    const char *name = json_string_value(json_object_get(body, "name"));
    const char *role = json_string_value(json_object_get(body, "role"));
    const json_t *expires = json_object_get(body, "expiresInSeconds");
    const json_t *maker = json_object_get(body, "createdBy");
    const size_t known = 2U + (expires != NULL ? 1U : 0U) + (maker != NULL ? 1U : 0U);
    const int64_t seconds = json_integer_value(expires);

    if (name == NULL || vd_text_copy(name, token->name, sizeof token->name) != VD_OK ||
        !vd_name_is_valid(name)) {
        vd_api_fail(answer, 400, "InvalidName", "name is to be 1 to %d letters, digits and - . _",
            VD_NAME_MAX);
        return false;
    }
    if (role == NULL || !vd_role_parse(vd_str_from(role), &token->role)) {
        vd_api_fail(answer, 400, "InvalidRole", "role is to be reader, contributor or owner");
        return false;
    }
    if (expires != NULL && (!json_is_integer(expires) || seconds < 1 || seconds > EXPIRES_MAX_S)) {
        vd_api_fail(
            answer, 400, "InvalidExpiry", "expiresInSeconds is to be 1 to %lld", EXPIRES_MAX_S);
        return false;
    }
    if (json_object_size(body) != known ||
        (maker != NULL &&
            (!json_is_string(maker) ||
                vd_text_copy(json_string_value(maker), token->created_by,
                    sizeof token->created_by) != VD_OK))) {
        vd_api_fail(answer, 400, "InvalidBody",
            "members are name, role, expiresInSeconds and createdBy (at most %d bytes)",
            VD_TOKEN_MAKER_MAX);
        return false;
    }
    token->expires_ms = expires != NULL ? vd_clock_utc_ms() + seconds * 1000 : 0;
    return true;
}

/* With the token itself, and what a client has to be told beside it. */
static json_t *made_json(const struct vd_api *api, const struct vd_token *token, const char *text)
{
    char id[VD_RESOURCE_ID_SIZE];
    char endpoint[VD_HOST_NAME_MAX + 32] = "";
    json_t *json = token_json(token);

    vd_resource_hub_id(&api->scope, id);
    if (api->https_port != 0) {
        snprintf(endpoint, sizeof endpoint, "https://%.*s:%u", (int)strcspn(api->host_name, ":"),
            api->host_name, api->https_port);
    }
    if (json == NULL || json_object_set_new(json, "token", json_string(text)) != 0 ||
        json_object_set_new(
            json, "endpoint", endpoint[0] != '\0' ? json_string(endpoint) : json_null()) != 0 ||
        json_object_set_new(json, "subscription", json_string(api->scope.subscription)) != 0 ||
        json_object_set_new(json, "resourceGroup", json_string(api->scope.resource_group)) != 0 ||
        json_object_set_new(json, "hub", json_string(api->scope.hub)) != 0 ||
        json_object_set_new(json, "resourceId", json_string(id)) != 0) {
        json_decref(json);
        return NULL;
    }
    return json;
}

void vd_api_token_create(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    struct vd_token token = {.expires_ms = 0};
    char text[VD_TOKEN_TEXT_SIZE];
    json_t *body = vd_api_body_object(args, answer);
    int error;

    if (body != NULL && token_from_body(body, &token, answer)) {
        if (!vd_api_is_local(args)) { /* he does not say himself who he is */
            snprintf(token.created_by, sizeof token.created_by, "token:%.*s",
                VD_TOKEN_MAKER_MAX - 6, args->caller->token);
        }
        error = vd_token_make(&token, text);
        if (error == VD_OK) {
            error = vd_registry_token_create(api->registry, &token);
        }
        if (error == VD_E_LIMIT) {
            vd_api_fail(
                answer, 409, "LimitExceeded", "there are %d tokens already", VD_HUB_TOKENS_MAX);
        } else if (error != VD_OK) {
            vd_api_fail_error(answer, error, token.name);
        } else {
            vd_api_reply(answer, 201, made_json(api, &token, text));
        }
        vd_secret_wipe(text, sizeof text);
    }
    json_decref(body);
}

void vd_api_token_delete(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    int error = vd_registry_token_remove(api->registry, args->id);

    if (error != VD_OK) {
        vd_api_fail_error(answer, error, args->id);
        return;
    }
    vd_api_reply(answer, 204, NULL);
}
