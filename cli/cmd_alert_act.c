/* SPDX-License-Identifier: MIT */
/* `vedette alert start`, `dismiss`, `resolve`, `reopen`, `note`: of alerts by their ids, or of all of a filter. */

#include <stdio.h>

#include "cli/client.h"
#include "cli/cmd_alert.h"
#include "cli/duration.h"
#include "cli/table.h"
#include "lib/clock.h"

#define SHORT_ID_LEN 8

/* What is asked for, and how it is said when it is done. */
struct act {
    const char *action;
    const char *path; /* behind an alert's */
    const char *done;
};

/* The body's text; the caller's to free. NULL: told why not. */
static char *act_body(const struct vd_invocation *invocation, const char *action, const char *text)
{
    const char *reason = vd_invocation_value(invocation, "reason");
    const char *lasts = vd_invocation_value(invocation, "for");
    const int64_t seconds = lasts != NULL ? vd_duration_seconds(lasts) : 0;
    char until[VD_TIME_TEXT_SIZE];
    json_t *body;
    char *result;

    if (lasts != NULL && seconds == 0) {
        vd_cli_fail("--for is to be a time such as 30m, 12h or 7d");
        return NULL;
    }
    if (lasts != NULL && vd_invocation_value(invocation, "once") != NULL) {
        vd_cli_fail("--for is how long later ones are dismissed too, and with --once none is");
        return NULL;
    }
    body = json_pack("{s:s, s:s*, s:s*}", "action", action, "text", text, "reason", reason);
    if (body != NULL && seconds > 0) {
        vd_time_format(vd_clock_utc_ms() + seconds * 1000, until);
        (void)json_object_set_new(body, "until", json_string(until));
    }
    if (body != NULL && vd_invocation_value(invocation, "once") != NULL) {
        (void)json_object_set_new(body, "suppress", json_false());
    }
    result = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    if (result == NULL) {
        vd_cli_fail("out of memory, or the text is not UTF-8");
    }
    return result;
}

/* The alert as it is then; NULL: told why not. */
static json_t *act_on_one(
    const struct vd_invocation *invocation, const struct act *act, const char *id, const char *body)
{
    char *encoded = vd_client_encode(id);
    struct vd_buf path = {0};
    struct vd_api_request request = {.method = "POST", .body = vd_str_from(body)};
    json_t *alert = NULL;

    vd_buf_printf(&path, "/alerts/%s/%s", encoded != NULL ? encoded : "", act->path);
    if (encoded == NULL || path.error != VD_OK) {
        vd_cli_fail("out of memory");
    } else {
        request.path = (const char *)path.data;
        alert = vd_client_json(invocation->data_dir, &request);
    }
    vd_buf_release(&path);
    free(encoded);
    return alert;
}

static void print_done(
    const struct vd_invocation *invocation, const struct act *act, const json_t *alert)
{
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(alert);
        return;
    }
    printf("%.*s %s: ", SHORT_ID_LEN, vd_alert_text(alert, "id"), act->done);
    vd_print_safe(vd_alert_text(alert, "displayName"));
    fputs(", ", stdout);
    vd_print_safe(vd_alert_text(alert, "deviceId"));
    putchar('\n');
}

static int act_on_all(
    const struct vd_invocation *invocation, const struct act *act, const char *body)
{
    struct vd_buf query = {0};
    struct vd_api_request request = {
        .method = "POST", .path = "/alerts", .body = vd_str_from(body)};
    json_t *answer = NULL;

    if (vd_alert_query(invocation, &query)) {
        request.query = (const char *)query.data;
        answer = vd_client_json(invocation->data_dir, &request);
    }
    vd_buf_release(&query);
    if (answer == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(answer);
    } else {
        const long long changed = vd_alert_number(answer, "changed");

        printf("%lld alert%s %s\n", changed, vd_plural(changed), act->done);
    }
    json_decref(answer);
    return VD_EXIT_OK;
}

/* With ids: those, all of them though one fails. Without: all of the filter. */
static int run(
    const struct vd_invocation *invocation, const struct act *act, int first_id, const char *text)
{
    char *body = act_body(invocation, act->action, text);
    int status = VD_EXIT_OK;

    if (body == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (first_id == invocation->argument_count) {
        status = act_on_all(invocation, act, body);
    }
    for (int i = first_id; i < invocation->argument_count; i++) {
        json_t *alert = act_on_one(invocation, act, invocation->arguments[i], body);

        if (alert == NULL) {
            status = VD_EXIT_FAILURE;
        } else {
            print_done(invocation, act, alert);
        }
        json_decref(alert);
    }
    free(body);
    return status;
}

int vd_alert_start(const struct vd_invocation *invocation)
{
    static const struct act act = {"start", "start", "in progress"};

    return run(invocation, &act, 0, vd_invocation_value(invocation, "note"));
}

int vd_alert_dismiss(const struct vd_invocation *invocation)
{
    static const struct act act = {"dismiss", "dismiss", "dismissed"};

    return run(invocation, &act, 0, vd_invocation_value(invocation, "note"));
}

int vd_alert_resolve(const struct vd_invocation *invocation)
{
    static const struct act act = {"resolve", "resolve", "resolved"};

    return run(invocation, &act, 0, vd_invocation_value(invocation, "note"));
}

int vd_alert_reopen(const struct vd_invocation *invocation)
{
    static const struct act act = {"reopen", "reopen", "reopened"};

    return run(invocation, &act, 0, vd_invocation_value(invocation, "note"));
}

int vd_alert_note(const struct vd_invocation *invocation)
{
    static const struct act act = {"note", "notes", "noted"};

    return run(invocation, &act, 1, invocation->arguments[0]);
}
