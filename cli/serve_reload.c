/* SPDX-License-Identifier: MIT */
/* First everything is read and made that can fail, then everything is changed. */

#include "cli/serve_reload.h"

#include <stdio.h>

#include "api/api.h"
#include "cli/data_dir.h"
#include "cli/manager.h"
#include "cli/serve_config.h"
#include "hub/tls.h"
#include "lib/clock.h"

/* What was read, and whether it does. */
struct reading {
    struct vd_config config;
    struct vd_config_difference difference;
    SSL_CTX *hub_tls;
    SSL_CTX *https_tls; /* NULL: HTTPS is off */
    struct vd_pki_server server;
};

/* What nobody would accept is not shown in the place of what works. A fault that is there already holds up no reload. */
static int check_server(const struct vd_serve_reload *r, const struct vd_pki_server *server,
    char *error_text, size_t error_size)
{
    const int64_t now_ms = vd_clock_utc_ms();
    const unsigned worse = vd_pki_faults(server, now_ms) & ~vd_pki_faults(&r->server, now_ms);
    const unsigned first = worse & (~worse + 1);
    char text[512];

    if (worse == 0) {
        return VD_OK;
    }
    snprintf(error_text, error_size, "%s/%s: %s", r->invocation->data_dir,
        vd_pki_fault_text(first, server, r->config->hub_name, text, sizeof text), text);
    return VD_E_INVALID;
}

static int read_tls(
    const struct vd_serve_reload *r, struct reading *reading, char *error_text, size_t error_size)
{
    char certificate[VD_PATH_SIZE];
    char key[VD_PATH_SIZE];
    int error = vd_data_path(r->invocation->data_dir, VD_FILE_SERVER, certificate);

    if (error == VD_OK) {
        error = vd_data_path(r->invocation->data_dir, VD_FILE_SERVER_KEY, key);
    }
    if (error == VD_OK) {
        error = vd_pki_read_server(certificate, key, r->config->hub_name, &reading->server);
    }
    if (error == VD_OK) {
        error = check_server(r, &reading->server, error_text, error_size);
    }
    if (error == VD_OK) {
        error =
            vd_tls_context_new(certificate, key, true, &reading->hub_tls, error_text, error_size);
    }
    if (error == VD_OK && r->https != NULL) {
        error =
            vd_tls_context_new(certificate, key, true, &reading->https_tls, error_text, error_size);
    }
    return error;
}

static void reading_release(struct reading *reading)
{
    SSL_CTX_free(reading->hub_tls);
    SSL_CTX_free(reading->https_tls);
}

/* As many as there is room for. */
static void put_faults(const struct vd_buf *faults, char *out, size_t size)
{
    static const char more[] = " ... and more: `vedette config check` tells all";
    const bool fits = faults->length < size;
    const size_t length = fits ? faults->length : size - sizeof more;

    snprintf(out, size, "%.*s%s", (int)length,
        faults->data != NULL ? (const char *)faults->data : "", fits ? "" : more);
}

static int read_all(
    const struct vd_serve_reload *r, struct reading *reading, char *error_text, size_t error_size)
{
    struct vd_buf faults = {0};
    int error = VD_OK;

    if (!vd_serve_config_read(r->invocation, &reading->config, &faults)) {
        put_faults(&faults, error_text, error_size);
        error = VD_E_INVALID;
    }
    vd_buf_release(&faults);
    if (error == VD_OK) {
        error = read_tls(r, reading, error_text, error_size);
    }
    if (error == VD_OK) {
        vd_config_compare(r->config, &reading->config, &reading->difference);
    }
    return error;
}

/* What it tells is what is in force: all of it, though most is as it was. */
static void apply_config(const struct vd_serve_reload *r)
{
    const struct vd_config *config = r->config;
    const struct vd_hub_rates rates = vd_serve_rates_of(config);
    const struct vd_analytics_keep keep = vd_analytics_keep_of(config);

    vd_serve_log_by(config);
    vd_hub_set_rates(r->hub, &rates);
    if (r->https != NULL) {
        vd_http_set_connects(r->https, config->hub_address_connects);
    }
    vd_center_set_alerts_keep(r->center, (int64_t)config->alerts_keep_days * VD_DAY_MS);
    vd_analytics_set_keep(r->stores->analytics, &keep);
    vd_audit_watch_set_keep(r->audit_watch, (int64_t)config->audit_keep_days * VD_DAY_MS);
    vd_api_set_query_limits(r->api, config->query_max_rows, config->query_timeout_s * 1000);
}

void vd_serve_reload_shows(struct vd_serve_reload *r, const struct vd_pki_server *server)
{
    const struct vd_health_certificate certificate = {
        .from_ms = server->from_ms, .until_ms = server->until_ms, .is_misnamed = !server->is_named};

    r->server = *server;
    vd_health_set_certificate(r->health, &certificate);
}

/* Cannot fail. */
static void apply(struct vd_serve_reload *r, struct reading *reading)
{
    struct vd_config_difference *difference = &reading->difference;
    bool is_new = vd_hub_set_tls(r->hub, reading->hub_tls);

    if (r->https != NULL) {
        is_new = vd_http_set_tls(r->https, reading->https_tls) || is_new;
    }
    reading->hub_tls = NULL;
    reading->https_tls = NULL;
    vd_serve_reload_shows(r, &reading->server);
    if (is_new) {
        difference->live[difference->live_count++] = VD_FILE_SERVER;
    }
    vd_config_take_live(r->config, &reading->config);
    apply_config(r);
}

/* ---- What is told of it ---- */

static json_t *list_of(const char *const *names, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, json_string(names[i]));
    }
    return list;
}

/* Cut where it does not fit. */
static void join(const char *const *names, size_t count, char *out, size_t size)
{
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; i < count && at < size; i++) {
        at += (size_t)snprintf(out + at, size - at, "%s%s", i > 0 ? "," : "", names[i]);
    }
}

static void tell_done(
    const struct vd_serve_reload *r, const struct vd_config_difference *difference)
{
    char changed[VD_AUDIT_TEXT_MAX];
    char waiting[VD_AUDIT_TEXT_MAX];
    char note[2 * VD_AUDIT_TEXT_MAX + 32];

    join(difference->live, difference->live_count, changed, sizeof changed);
    join(difference->waiting, difference->waiting_count, waiting, sizeof waiting);
    vd_log(VD_LOG_INFO, "serve.reloaded", "changed=\"%s\" needs_restart=\"%s\"", changed, waiting);
    snprintf(note, sizeof note, "changed=%s needs_restart=%s", changed, waiting);
    (void)!vd_audit_add_program(r->stores->audit, "service.reload", note);
}

static void tell_refused(const struct vd_serve_reload *r, const char *why)
{
    char note[VD_AUDIT_TEXT_MAX];
    const char *cut = strlen(why) > 800 ? " ... (`vedette config check` tells all)" : "";

    vd_log(VD_LOG_ERROR, "serve.reload_refused", "problem=\"%.800s%s\"", why, cut);
    snprintf(note, sizeof note, "refused: %.*s%s", (int)(sizeof note - 20), why,
        strlen(why) > sizeof note - 20 ? " ..." : "");
    (void)!vd_audit_add_program(r->stores->audit, "service.reload", note);
}

static int run(struct vd_serve_reload *r, json_t **out, char *error_text, size_t error_size)
{
    struct reading reading = {.hub_tls = NULL};
    char until[VD_TIME_TEXT_SIZE];
    int error = read_all(r, &reading, error_text, error_size);

    if (error != VD_OK) {
        reading_release(&reading);
        if (error_text[0] == '\0') {
            snprintf(error_text, error_size, "%s", vd_error_text(error));
        }
        tell_refused(r, error_text);
        return VD_E_INVALID;
    }
    apply(r, &reading);
    tell_done(r, &reading.difference);
    vd_time_format(reading.server.until_ms, until);
    *out = json_pack("{s:o, s:o, s:s}", "changed",
        list_of(reading.difference.live, reading.difference.live_count), "needsRestart",
        list_of(reading.difference.waiting, reading.difference.waiting_count), "certificateUntil",
        until);
    return VD_OK;
}

int vd_serve_reload(struct vd_serve_reload *r, json_t **out, char *error_text, size_t error_size)
{
    int error = VD_E_CLOSED;

    error_text[0] = '\0';
    pthread_mutex_lock(&r->lock);
    if (!r->has_ended) {
        vd_manager_reloading();
        error = run(r, out, error_text, error_size);
        vd_manager_reloaded();
    }
    pthread_mutex_unlock(&r->lock);
    return error;
}

void vd_serve_reload_end(struct vd_serve_reload *r)
{
    pthread_mutex_lock(&r->lock);
    r->has_ended = true;
    pthread_mutex_unlock(&r->lock);
}
