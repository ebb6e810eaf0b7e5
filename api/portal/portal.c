/* SPDX-License-Identifier: MIT */
/* The portal's face: what comes in, who sent it, and who answers it. */

#include "api/portal/portal.h"

#include <openssl/crypto.h>
#include <strings.h>

#include "api/management/internal.h"
#include "api/portal/events.h"
#include "api/portal/session.h"
#include "lib/clock.h"

#define API     VD_PORTAL_PATH "api"
#define SESSION VD_PORTAL_PATH "session"
#define EVENTS  VD_PORTAL_PATH "events"

/* How long a page waits that finds too many others listening. */
#define EVENTS_RETRY_AFTER_S 10

struct vd_portal {
    struct vd_api *api;
    struct vd_management *management;
    struct vd_portal_session_keys keys;
    struct vd_portal_events *events;
    struct vd_portal_files *files; /* NULL: there are no pages */
};

static const struct vd_http_pair headers[] = {
    {"Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
        "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Strict-Transport-Security", "max-age=31536000"},
    {"Permissions-Policy",
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"},
    {"Cache-Control", "no-store"},
};

/* ---- Who asks ---- */

/* The cookie's value; length 0: there is none. */
static struct vd_str cookie_of(const struct vd_http_request *request)
{
    const char *cookies = vd_http_header(request, "Cookie");

    return cookies != NULL ? vd_portal_session_cookie(cookies) : (struct vd_str){"", 0};
}

/* The session of the request; false: answered with 401. */
static bool session_of(const struct vd_portal *portal, const struct vd_http_request *request,
    struct vd_portal_session *session, struct vd_http_answer *answer)
{
    const int error = vd_portal_session_check(
        &portal->keys, portal->api->registry, cookie_of(request), vd_clock_utc_ms(), session);

    if (error == VD_E_INVALID || error == VD_E_DENIED || error == VD_E_EXPIRED) {
        vd_management_fail(answer, 401, "AuthenticationFailed", NULL,
            error == VD_E_EXPIRED ? "the session has ended: sign in again" : "sign in first");
    } else if (error != VD_OK) {
        vd_management_fail_error(answer, error, "the session");
    }
    answer->has_login = error == VD_OK;
    return error == VD_OK;
}

/* True unless another site's page sent it; browsers that do not say so leave it to the header below. */
static bool is_own_page(const struct vd_http_request *request)
{
    const char *site = vd_http_header(request, "Sec-Fetch-Site");

    return site == NULL || strcmp(site, "same-origin") == 0;
}

static bool changes_nothing(const struct vd_http_request *request)
{
    return strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
}

/* Whoever sent it has the session, but is not its page. */
static void audit_forged(const struct vd_portal *portal, const struct vd_http_request *request,
    const struct vd_portal_session *session)
{
    char caller[VD_NAME_MAX + 8];
    const struct vd_audit_request recorded = {
        .who = caller,
        .role = vd_role_name(session->token.role),
        .address = request->peer,
        .via = "portal",
        .method = request->method,
        .resource = request->path,
    };

    snprintf(caller, sizeof caller, "token:%s", session->token.name);
    vd_audit_refused(portal->api->audit, &recorded, 403, "NotFromPortal");
}

/* True if it changes nothing or was sent by one of our pages; false: answered with 403. */
static bool is_wanted(const struct vd_portal *portal, const struct vd_http_request *request,
    const struct vd_portal_session *session, struct vd_http_answer *answer)
{
    const char *given = vd_http_header(request, "X-Vedette-Csrf");
    char csrf[VD_PORTAL_SESSION_MAC_SIZE];

    if (changes_nothing(request)) {
        return true;
    }
    if (is_own_page(request) && given != NULL && strlen(given) == VD_PORTAL_SESSION_MAC_SIZE - 1 &&
        vd_portal_session_csrf(&portal->keys, session, csrf) == VD_OK &&
        CRYPTO_memcmp(given, csrf, VD_PORTAL_SESSION_MAC_SIZE) == 0) {
        return true;
    }
    audit_forged(portal, request, session);
    vd_management_fail(answer, 403, "NotFromPortal", NULL,
        "what changes something needs X-Vedette-Csrf of this session, from the portal's own page");
    return false;
}

/* ---- Sessions ---- */

static void reply_session(const struct vd_portal *portal, const struct vd_http_request *request,
    const struct vd_portal_session *session, struct vd_http_answer *answer)
{
    char csrf[VD_PORTAL_SESSION_MAC_SIZE];
    char expires[VD_TIME_TEXT_SIZE];

    vd_time_format(session->expires_s * 1000, expires);
    if (vd_portal_session_csrf(&portal->keys, session, csrf) == VD_OK) {
        vd_management_reply(answer, 200,
            json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "name", session->token.name, "role",
                vd_role_name(session->token.role), "expires", expires, "csrf", csrf, "version",
                VD_VERSION, "address", request->peer));
    }
}

static void set_cookie(const char *value, int64_t seconds, struct vd_http_answer *answer)
{
    char text[VD_PORTAL_SESSION_TEXT_SIZE + 128];

    snprintf(text, sizeof text,
        VD_PORTAL_SESSION_COOKIE "=%s; Path=/; Max-Age=%lld; Secure; HttpOnly; SameSite=Strict",
        value, (long long)seconds);
    vd_http_answer_header(answer, "Set-Cookie", text);
}

static void record(const struct vd_portal *portal, const struct vd_http_request *request,
    const char *operation, const struct vd_token *token)
{
    char caller[VD_NAME_MAX + 8];
    const struct vd_activity activity = {
        .caller = caller,
        .address = request->peer,
        .operation_name = operation,
        .method = request->method,
    };

    const struct vd_audit_request recorded = {
        .kind = VD_AUDIT_SIGN_IN,
        .who = caller,
        .role = vd_role_name(token->role),
        .address = request->peer,
        .via = "portal",
        .method = request->method,
        .path = SESSION,
        .resource = request->path,
    };

    snprintf(caller, sizeof caller, "token:%s", token->name);
    vd_audit_done(portal->api->audit, &recorded, strcmp(request->method, "POST") == 0 ? 200 : 204);
    vd_activity_record(portal->api->recorder, &activity, 200);
    vd_log(VD_LOG_INFO, "portal.session", "operation=%s caller=%s address=%s", operation, caller,
        request->peer);
}

/* The token in the body, the caller's to free; NULL: answered. It is read for whoever sends it, so a long one is not, and
 * one without a token counts like a wrong one. */
static json_t *token_from_body(const struct vd_portal *portal,
    const struct vd_http_request *request, struct vd_http_answer *answer)
{
    const char *type = vd_http_header(request, "Content-Type");
    json_t *body = NULL;
    json_t *token = NULL;

    /* No form of another site can send this type. */
    if (request->body.length <= VD_PORTAL_SIGN_IN_MAX_BYTES && type != NULL &&
        strncasecmp(type, "application/json", 16) == 0 && is_own_page(request)) {
        body = json_loadb(request->body.data, request->body.length, JSON_REJECT_DUPLICATES, NULL);
        token = json_incref(json_object_get(body, "token"));
        json_decref(body);
    }
    if (!json_is_string(token)) {
        json_decref(token);
        token = NULL;
        vd_management_refused(portal->management, request, 400, "malformed sign-in");
        vd_management_fail(answer, 400, "InvalidBody", NULL,
            "the body is to be application/json with the text token, of at most %d bytes, from the "
            "portal's own page",
            VD_PORTAL_SIGN_IN_MAX_BYTES);
    }
    return token;
}

static void sign_in(const struct vd_portal *portal, const struct vd_http_request *request,
    struct vd_http_answer *answer)
{
    json_t *text = NULL;
    struct vd_portal_session session;
    struct vd_token token;
    char cookie[VD_PORTAL_SESSION_TEXT_SIZE];
    const int64_t now_ms = vd_clock_utc_ms();

    if (vd_management_may_try(portal->management, request, answer)) {
        text = token_from_body(portal, request, answer);
    }
    if (text == NULL) {
        return;
    }
    if (vd_management_admit(portal->management, request,
            (struct vd_str){json_string_value(text), json_string_length(text)}, &token, answer) &&
        vd_portal_session_begin(&portal->keys, &token, now_ms, &session, cookie) == VD_OK) {
        reply_session(portal, request, &session, answer);
        set_cookie(cookie, session.expires_s - now_ms / 1000, answer);
        record(portal, request, VD_ACTIVITY_SESSION_WRITE, &token);
        vd_secret_wipe(cookie, sizeof cookie);
    }
    json_decref(text);
}

static void session_call(const struct vd_portal *portal, const struct vd_http_request *request,
    struct vd_http_answer *answer)
{
    struct vd_portal_session session;

    if (strcmp(request->method, "POST") == 0) {
        sign_in(portal, request, answer);
        return;
    }
    if (!session_of(portal, request, &session, answer) ||
        !is_wanted(portal, request, &session, answer)) {
        return;
    }
    if (changes_nothing(request)) {
        reply_session(portal, request, &session, answer);
    } else if (strcmp(request->method, "DELETE") == 0) {
        set_cookie("", 0, answer);
        record(portal, request, VD_ACTIVITY_SESSION_DELETE, &session.token);
        answer->status = 204;
    } else {
        vd_management_fail(
            answer, 405, "MethodNotAllowed", NULL, "%.16s is not for this path", request->method);
    }
}

/* ---- The rest ---- */

static void api_call(const struct vd_portal *portal, const struct vd_http_request *request,
    struct vd_http_answer *answer)
{
    struct vd_portal_session session;

    if (session_of(portal, request, &session, answer) &&
        is_wanted(portal, request, &session, answer)) {
        const struct vd_api_caller caller = {
            .role = session.token.role, .token = session.token.name, .address = request->peer};

        vd_api_answer_http(portal->api, caller, request->path + sizeof API - 1, request, answer);
    }
}

static void events_call(const struct vd_portal *portal, const struct vd_http_request *request,
    struct vd_http_answer *answer)
{
    struct vd_portal_session session;

    if (!session_of(portal, request, &session, answer)) {
        return;
    }
    if (strcmp(request->method, "GET") != 0) {
        vd_management_fail(
            answer, 405, "MethodNotAllowed", NULL, "%.16s is not for this path", request->method);
    } else if (vd_portal_events_add(portal->events, request->later, &session, cookie_of(request))) {
        vd_http_answer_header(answer, "Content-Type", "text/event-stream");
    } else {
        vd_management_fail(answer, 503, "Busy", NULL, "too many pages listen, try again");
        vd_http_answer_retry_after(answer, EVENTS_RETRY_AFTER_S);
    }
}

static void say_no_pages(struct vd_http_answer *answer)
{
    static const char text[] =
        "This service has no pages of the portal.\n"
        "Build them in the source tree by `cmake --build build/release --target portal`, or set\n"
        "portal.directory in vedette.conf to the folder that they are in; then start it again.\n";
    struct vd_http_content *content = vd_http_content_new();

    answer->status = 404;
    if (content != NULL) {
        vd_http_content_header(content, "Content-Type", "text/plain; charset=utf-8");
        vd_buf_append_text(&content->body, text);
        answer->content = content;
    }
}

static void page_call(const struct vd_portal *portal, const struct vd_http_request *request,
    struct vd_http_answer *answer)
{
    const char *path = request->path;

    if (!changes_nothing(request)) {
        vd_management_fail(
            answer, 405, "MethodNotAllowed", NULL, "%.16s is not for this path", request->method);
        vd_http_answer_header(answer, "Allow", "GET, HEAD");
    } else if (strncmp(path, VD_PORTAL_PATH, sizeof VD_PORTAL_PATH - 1) != 0) {
        vd_http_answer_header(answer, "Location", VD_PORTAL_PATH);
        answer->status = 302;
    } else if (portal->files == NULL) {
        say_no_pages(answer);
    } else {
        vd_portal_files_answer(portal->files, path + sizeof VD_PORTAL_PATH - 1, request, answer);
    }
}

static void face_call(
    void *context, const struct vd_http_request *request, struct vd_http_answer *answer)
{
    const struct vd_portal *portal = context;

    if (strcmp(request->path, SESSION) == 0) {
        session_call(portal, request, answer);
    } else if (strcmp(request->path, EVENTS) == 0) {
        events_call(portal, request, answer);
    } else if (strncmp(request->path, API "/", sizeof API) == 0) {
        api_call(portal, request, answer);
    } else {
        page_call(portal, request, answer);
    }
}

static void face_refuse(int status, struct vd_http_answer *answer)
{
    vd_management_fail(answer, status, status == 413 ? "LimitExceeded" : "Busy", NULL,
        status == 413 ? "the body is too large" : "too many requests wait, try again");
}

static bool face_takes(const char *path)
{
    return strcmp(path, "/") == 0 || strcmp(path, "/portal") == 0 ||
        strncmp(path, VD_PORTAL_PATH, sizeof VD_PORTAL_PATH - 1) == 0;
}

struct vd_http_face vd_portal_face(struct vd_portal *portal)
{
    return (struct vd_http_face){
        .prefix = "/",
        .takes = face_takes,
        .body_max_bytes = VD_PORTAL_BODY_MAX_BYTES,
        .call = face_call,
        .refuse = face_refuse,
        .context = portal,
        .headers = headers,
        .header_count = sizeof headers / sizeof headers[0],
    };
}

/* ---- Beginning and end ---- */

static int read_pages(struct vd_portal *portal, const struct vd_portal_config *config)
{
    int error = VD_E_NOT_FOUND;

    for (size_t i = 0; error == VD_E_NOT_FOUND && i < config->folder_count; i++) {
        error = vd_portal_files_read(config->folders[i], &portal->files);
        if (error != VD_OK && error != VD_E_NOT_FOUND) {
            vd_log(VD_LOG_ERROR, "portal.unreadable", "folder=\"%s\" reason=\"%s\"",
                config->folders[i], vd_error_text(error));
        }
    }
    return error == VD_E_NOT_FOUND ? VD_OK : error;
}

int vd_portal_new(const struct vd_portal_config *config, struct vd_portal **out)
{
    struct vd_portal *portal = calloc(1, sizeof *portal);
    int error;

    if (portal == NULL) {
        return VD_E_NOMEM;
    }
    portal->api = config->api;
    portal->management = config->management;
    error = vd_portal_session_keys_derive(config->master_key, &portal->keys);
    if (error == VD_OK) {
        error = read_pages(portal, config);
    }
    if (error == VD_OK) {
        const struct vd_portal_events_config events = {config->api, &portal->keys, config->beat_ms};

        error = vd_portal_events_new(&events, &portal->events);
    }
    if (error != VD_OK) {
        vd_portal_free(portal);
        return error;
    }
    *out = portal;
    return VD_OK;
}

void vd_portal_free(struct vd_portal *portal)
{
    if (portal != NULL) {
        vd_portal_events_free(portal->events);
        vd_portal_files_free(portal->files);
        vd_secret_wipe(&portal->keys, sizeof portal->keys);
        free(portal);
    }
}

bool vd_portal_has_pages(const struct vd_portal *portal)
{
    return portal->files != NULL;
}

void vd_portal_url(const struct vd_api *api, char out[VD_PORTAL_URL_SIZE])
{
    out[0] = '\0';
    if (api->https_port != 0 && api->has_portal) {
        snprintf(out, VD_PORTAL_URL_SIZE, "https://%.*s:%u" VD_PORTAL_PATH,
            (int)strcspn(api->host_name, ":"), api->host_name, api->https_port);
    }
}
