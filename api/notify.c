/* SPDX-License-Identifier: MIT */
/* Sinks of notifications, what they have, and what they would not take. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <unistd.h>

#include "api/handlers.h"
#include "center/notify/notifier.h"
#include "center/notify/sink.h"
#include "center/store/sinks.h"
#include "lib/clock.h"
#include "lib/http_get.h"
#include "lib/log.h"
#include "lib/secret.h"

#define LIMIT_MAX    10000
#define SECRET_BYTES 24
#define SECRET_SIZE  (6 + VD_BASE64_LENGTH(SECRET_BYTES) + 1)

void vd_api_hide_url(json_t *settings, const char *name)
{
    const char *url = json_string_value(json_object_get(settings, name));
    const char *host = url != NULL ? strstr(url, "://") : NULL;
    const char *at = host != NULL ? strchr(host + 3, '@') : NULL;
    const char *from = host != NULL ? host + 3 : "";
    size_t length;

    if (host == NULL) {
        return;
    }
    from = at != NULL && strcspn(from, "/?#") > (size_t)(at - from) ? at + 1 : from;
    length = strcspn(from, "/?#");
    json_object_set_new(settings, name,
        json_sprintf("%.*s://%.*s%s", (int)(host - url), url, (int)length, from,
            from[length] != '\0' ? "/..." : ""));
}

static void add_state(json_t *sink, const json_t *states)
{
    const char *name = json_string_value(json_object_get(sink, "name"));

    for (size_t i = 0; i < json_array_size(states); i++) {
        json_t *state = json_array_get(states, i);

        if (strcmp(json_string_value(json_object_get(state, "name")), name) == 0) {
            json_object_update_missing(sink, state);
        }
    }
}

int vd_api_sinks(const struct vd_api *api, json_t **sinks)
{
    json_t *states = vd_notifier_json(api->notifier);
    const int error = vd_sinks_list(api->alerts, sinks);

    for (size_t i = 0; error == VD_OK && i < json_array_size(*sinks); i++) {
        vd_api_hide_url(json_object_get(json_array_get(*sinks, i), "settings"), "url");
        add_state(json_array_get(*sinks, i), states);
    }
    json_decref(states);
    return error;
}

void vd_api_notify_list(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    json_t *sinks = NULL;
    const int error = vd_api_sinks(api, &sinks);

    (void)args;
    if (error != VD_OK) {
        vd_api_fail_error(answer, error, "the sinks");
        return;
    }
    vd_api_reply(answer, 200, json_pack("{s:o}", "sinks", sinks));
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

/* What is wrong with a new webhook; NULL: nothing. Those that were made before this was asked go on. */
static const char *webhook_problem(const json_t *settings)
{
    const json_t *plain = json_object_get(settings, "plain");

    if (plain != NULL && !json_is_boolean(plain)) {
        return "plain is true or false";
    }
    if (vd_http_is_in_the_clear(text_of(settings, "url")) && !json_is_true(plain)) {
        return "http:// is not encrypted: beyond loopback it needs \"plain\": true (--plain)";
    }
    return NULL;
}

/* Settings are tried before they are kept. */
static bool may_be(
    const char *kind, const json_t *settings, struct vd_str secret, struct vd_api_answer *answer)
{
    struct vd_notify_sink *sink = NULL;
    char problem[160] = "";
    const char *wrong = strcmp(kind, "webhook") == 0 ? webhook_problem(settings) : NULL;
    int error;

    if (wrong != NULL) {
        vd_api_fail(answer, 400, "InvalidSink", "%s", wrong);
        return false;
    }
    error = vd_notify_sink_new(kind, settings, secret, &sink, problem);
    if (error == VD_OK) {
        sink->ops->free(sink);
    } else if (error == VD_E_INVALID) {
        vd_api_fail(answer, 400, "InvalidSink", "%s", problem);
    } else {
        vd_api_fail_error(answer, error, kind);
    }
    return error == VD_OK;
}

/*
 * Whether the file of a sink can be written, or made. It is not made: a command of root may ask, and the service is to own it. Where
 * a file system has no unnamed files, nobody can tell.
 */
static bool can_write(const char *kind, const json_t *settings, struct vd_api_answer *answer)
{
    const char *path = text_of(settings, "path");
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX];
    int fd;

    if (strcmp(kind, "file") != 0 || slash == NULL || slash - path >= (ptrdiff_t)sizeof folder) {
        return true;
    }
    fd = open(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
        fd = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    }
    if (fd >= 0) {
        close(fd);
    } else if (errno == ENOENT || errno == ENOTDIR) {
        vd_api_fail(answer, 400, "InvalidSink", "%s: its folder is not there", path);
        return false;
    } else if (errno == EACCES || errno == EPERM || errno == EROFS) {
        vd_api_fail(answer, 400, "InvalidSink", "%s cannot be written by user %d, who is to: %s",
            path, (int)geteuid(),
            errno == EROFS ? "its file system is mounted read-only"
                           : "not authorised, or not named in security.folders");
        return false;
    }
    return true;
}

/* "whsec_" and base64, as Standard Webhooks write it. */
static int make_secret(char out[SECRET_SIZE])
{
    uint8_t random[SECRET_BYTES];
    int error = vd_secret_random(random, sizeof random);

    snprintf(out, SECRET_SIZE, "whsec_");
    if (error == VD_OK) {
        error = vd_base64_encode(random, sizeof random, out + 6, SECRET_SIZE - 6);
    }
    vd_secret_wipe(random, sizeof random);
    return error;
}

void vd_api_notify_add(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    json_t *body = vd_api_body_object(args, answer);
    const json_t *secret = json_object_get(body, "secret");
    const char *severity = text_of(body, "minSeverity");
    char made[SECRET_SIZE] = "";
    struct vd_sink_row row = {
        .name = text_of(body, "name"),
        .kind = text_of(body, "kind"),
        .settings = json_object_get(body, "settings"),
        .secret = {json_string_value(secret), json_string_length(secret)},
        .min_severity = severity[0] != '\0' ? severity : "Low",
    };
    int error;

    if (body == NULL) {
        return;
    }
    if (strcmp(row.kind, "webhook") == 0 && row.secret.length == 0 && make_secret(made) == VD_OK) {
        row.secret = vd_str_from(made);
    }
    if (!json_is_object(row.settings)) {
        vd_api_fail(answer, 400, "InvalidSink", "settings is to be an object");
    } else if (vd_api_may_set(args, row.settings, answer) &&
        may_be(row.kind, row.settings, row.secret, answer) &&
        can_write(row.kind, row.settings, answer)) {
        error = vd_sinks_add(api->alerts, &row);
        if (error == VD_E_INVALID) {
            vd_api_fail(answer, 400, "InvalidSink",
                "a name is 1 to %d letters, digits, - and _; minSeverity is Informational, Low, "
                "Medium or High",
                VD_SINK_NAME_MAX);
        } else if (error != VD_OK) {
            vd_api_fail_error(answer, error, row.name);
        } else {
            vd_log(VD_LOG_INFO, "notify.sink_added", "sink=\"%s\" kind=%s", row.name, row.kind);
            vd_api_reply(answer, 201,
                json_pack(
                    "{s:s, s:s*}", "name", row.name, "secret", made[0] != '\0' ? made : NULL));
        }
    }
    vd_secret_wipe(made, sizeof made);
    json_decref(body);
}

static void reply_done(struct vd_api_answer *answer, int error, const char *what)
{
    if (error != VD_OK) {
        vd_api_fail_error(answer, error, what);
    } else {
        vd_api_reply(answer, 204, NULL);
    }
}

void vd_api_notify_remove(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    reply_done(answer, vd_sinks_remove(api->alerts, args->id), args->id);
}

void vd_api_notify_test(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    reply_done(answer, vd_outbox_test(api->alerts, args->id, vd_clock_utc_ms()), args->id);
}

void vd_api_notify_dead_list(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    int64_t limit = 0;
    json_t *letters = NULL;
    int error;

    if (!vd_api_param_number(args, "limit", LIMIT_MAX, 1000, &limit, answer)) {
        return;
    }
    error = vd_sinks_dead_list(api->alerts, 0, (uint32_t)limit, &letters);
    if (error != VD_OK) {
        vd_api_fail_error(answer, error, "the notifications that were given up");
        return;
    }
    vd_api_reply(answer, 200, json_pack("{s:o}", "deadNotifications", letters));
}

static int64_t number_of(const char *text)
{
    char *end;
    const long long number = strtoll(text, &end, 10);

    return *text != '\0' && *end == '\0' && number > 0 ? number : 0;
}

void vd_api_notify_dead_replay(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    reply_done(answer, vd_sinks_dead_replay(api->alerts, number_of(args->id)), args->id);
}

void vd_api_notify_dead_discard(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    reply_done(answer, vd_sinks_dead_discard(api->alerts, number_of(args->id)), args->id);
}
