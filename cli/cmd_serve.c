/* SPDX-License-Identifier: MIT */
/* `vedette serve`: hub, center and API in one process on the stores of a data directory. */

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "api/api.h"
#include "api/fleet.h"
#include "api/health.h"
#include "api/http.h"
#include "api/management/management.h"
#include "api/metrics/metrics.h"
#include "api/posture.h"
#include "api/service/service.h"
#include "api/solution.h"
#include "center/limits.h"
#include "center/notify/notifier.h"
#include "center/recommend/recommender.h"
#include "cli/backup/backup.h"
#include "cli/commands.h"
#include "cli/data_dir.h"
#include "cli/serve_attend.h"
#include "cli/serve_audit.h"
#include "cli/serve_bus.h"
#include "cli/serve_config.h"
#include "cli/serve_portal.h"
#include "cli/serve_reload.h"
#include "cli/serve_sandbox.h"
#include "cli/stores.h"
#include "lib/clock.h"

/* How long a command that works on the stores itself may hold up the start. */
#define LOCK_WAIT_MS 10000
/* How long requests under way may hold up the end; a query can run for minutes. */
#define API_STOP_MS 3000

/* A query takes a worker for as long as it runs; lists and writes must get through beside a few of them. */
#define LOCAL_WORKERS 6
/* Back ends wait for the disk only: calls of methods hold no worker. */
#define HTTPS_WORKERS 8
_Static_assert(2 * VD_QUERIES_HTTPS_MAX <= HTTPS_WORKERS, "queries leave workers for the rest");

const struct vd_option vd_serve_options[] = {
    {"set", "KEY=VALUE", "overrides vedette.conf; may be repeated"},
    {NULL, NULL, NULL},
};

struct service {
    const char *dir;
    struct vd_config config;
    int lock;
    struct vd_stores stores;
    struct vd_hub *hub;
    struct vd_sweeper *sweeper;
    struct vd_api_fleet fleet;
    struct vd_api_posture posture;
    struct vd_recommender *recommender;
    struct vd_notifier *notifier;
    struct vd_audit_watch *audit_watch;
    struct vd_center *center;
    struct vd_export *exporter;
    struct vd_serve_bus bus;
    char host_name[VD_HOST_NAME_MAX + 8];
    char resource_id[VD_RESOURCE_ID_SIZE];
    struct vd_recorder recorder;
    struct vd_api api;
    struct vd_http *local; /* on the unix socket: the owner's commands */
    struct vd_service *backends;
    struct vd_management *management;
    struct vd_metrics metrics;
    struct vd_portal *portal;
    struct vd_http *https; /* NULL: off */
    struct vd_health health;
    struct vd_serve_reload reload;
};

/* ---- Before the start ---- */

static int take_lock(struct service *service)
{
    const struct timespec step = {0, 20 * 1000000L};
    int64_t until = vd_clock_monotonic_ms() + LOCK_WAIT_MS;
    char error_text[1024];
    bool serving = false;
    int error;

    while ((error = vd_data_lock(service->dir, VD_LOCK_SERVE, &service->lock, &serving)) ==
            VD_E_BUSY &&
        !serving && vd_clock_monotonic_ms() < until) {
        nanosleep(&step, NULL); /* a command works on the stores: it ends soon */
    }
    if (error == VD_E_BUSY) {
        vd_cli_fail("%s: %s works on it already: end that first, or name another directory",
            service->dir, serving ? "another `vedette serve`" : "another command");
    } else if (error != VD_OK) {
        vd_data_dir_error_text(service->dir, error, error_text, sizeof error_text);
        vd_cli_fail("%s", error_text);
    }
    return error;
}

static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
            vd_log(VD_LOG_WARN, "serve.file_limit", "errno=%d", errno);
        }
    }
}

/* ---- Start and stop ---- */

static void tell_registry(
    const struct service *service, int error, char *error_text, size_t error_size)
{
    char path[VD_PATH_SIZE];

    if (vd_data_path(service->dir, VD_FILE_REGISTRY, path) == VD_OK) {
        vd_store_error_text(path, error, error_text, error_size);
    }
}

static int start_hub(struct service *service, char *error_text, size_t error_size)
{
    char certificate[VD_PATH_SIZE];
    char key[VD_PATH_SIZE];
    struct vd_ip_filter filter;
    struct vd_resource_scope scope;
    struct vd_pki_server server;
    const struct vd_hub_config config = {
        .host_name = service->config.hub_name,
        .resource_id = service->resource_id,
        .listen_address = service->config.mqtt_listen.address,
        .port = service->config.mqtt_listen.port,
        .certificate_file = certificate,
        .private_key_file = key,
        .max_connections = service->config.hub_max_connections,
        .ip_filter = &filter,
        .state = service->stores.state,
        .rates = vd_serve_rates_of(&service->config),
    };
    int error;

    if (vd_data_path(service->dir, VD_FILE_SERVER, certificate) != VD_OK ||
        vd_data_path(service->dir, VD_FILE_SERVER_KEY, key) != VD_OK) {
        return VD_E_LIMIT;
    }
    error = vd_pki_read_server(certificate, key, service->config.hub_name, &server);
    if (error != VD_OK) {
        snprintf(error_text, error_size, "%s, or its key: %s", certificate, vd_error_text(error));
        return error;
    }
    vd_serve_reload_shows(&service->reload, &server);
    vd_config_scope(&service->config, &scope);
    vd_resource_hub_id(&scope, service->resource_id);
    error = vd_ip_filter_load(service->stores.registry, &filter, NULL, NULL);
    if (error != VD_OK) {
        tell_registry(service, error, error_text, error_size);
        return error;
    }
    error = vd_hub_start(&config, service->stores.log, service->stores.registry, &service->hub,
        error_text, error_size);
    if (error == VD_E_BUSY) {
        char listen[VD_ADDRESS_TEXT_SIZE + 8];

        vd_listen_format(&service->config.mqtt_listen, config.port, listen);
        snprintf(error_text, error_size,
            "another program listens on %s: end it, or choose another by mqtt.listen", listen);
    }
    return error;
}

/* As vd_data_config_path; *given is NULL if the path is none. */
static int config_path(
    const struct service *service, const char *path, char out[VD_PATH_SIZE], const char **given)
{
    *given = path[0] != '\0' ? out : NULL;
    return vd_data_config_path(service->dir, path, out);
}

static int start_export(struct service *service, char *error_text, size_t error_size)
{
    const struct vd_config *config = &service->config;
    char places[VD_PATH_SIZE] = "";
    char folder[VD_PATH_SIZE];
    char ca[VD_PATH_SIZE];
    struct vd_export_config export_config = {
        .log = service->stores.log,
        .registry = service->stores.registry,
        .places_file = places,
        .file_max_bytes = (uint64_t)config->diagnostics_file_mib << 20,
        .files_kept = config->diagnostics_files,
        .webhook = config->diagnostics_webhook[0] != '\0' ? config->diagnostics_webhook : NULL,
        .backlog_max_bytes = (uint64_t)config->diagnostics_backlog_mib << 20,
    };
    int error = vd_data_path(service->dir, VD_FILE_EXPORTS, places);

    if (error == VD_OK) {
        error = config_path(service, config->diagnostics_folder, folder, &export_config.folder);
    }
    if (error == VD_OK) {
        error = config_path(
            service, config->diagnostics_webhook_ca, ca, &export_config.webhook_ca_file);
    }
    if (error == VD_OK) {
        error = vd_export_new(&export_config, &service->exporter);
    }
    if (error != VD_OK) {
        vd_store_error_text(places, error, error_text, error_size);
        return error;
    }
    error = vd_export_reload(service->exporter);
    if (error == VD_E_CORRUPT) {
        tell_registry(service, error, error_text, error_size);
    } else if (error != VD_OK) {
        snprintf(error_text, error_size, "the exports of the diagnostic settings: %s",
            vd_error_text(error));
    }
    return error;
}

static void poke_recommender(void *context)
{
    vd_recommender_poke(context);
}

static bool read_switches(
    void *context, struct vd_detect_settings *detection, bool *stores_raw_events)
{
    struct vd_solution_switches switches;

    if (vd_solution_switches_read(context, &switches) != VD_OK) {
        return false;
    }
    detection->unmasked_addresses = switches.unmasked_addresses;
    *stores_raw_events = switches.stores_raw_events;
    json_decref(switches.disabled_recommendations);
    return true;
}

static int start_center(struct service *service)
{
    const struct vd_recommend_settings recommend = {
        .large_range_prefix = (uint8_t)service->config.recommendation_large_range_prefix};
    struct vd_center_config config = {
        .log = service->stores.log,
        .analytics = service->stores.analytics,
        .store = service->stores.alerts,
        .fleet = &service->fleet.base,
        .alerts_keep_ms = (int64_t)service->config.alerts_keep_days * VD_DAY_MS,
    };
    int error;

    vd_detect_settings_of(&service->config, &config.detection);
    config.detection.log_epoch = vd_export_epoch(service->exporter);
    config.detection.hub_started_ms = vd_clock_utc_ms();
    vd_api_fleet_init(&service->fleet, service->stores.registry, service->stores.state);
    vd_api_posture_init(&service->posture, service->stores.registry);
    error = vd_recommender_start(
        service->stores.alerts, &service->posture.base, &recommend, &service->recommender);
    if (error != VD_OK) {
        return error;
    }
    error =
        vd_notifier_start(service->stores.alerts, &vd_notify_rhythm_default, &service->notifier);
    if (error != VD_OK) {
        return error;
    }
    config.read_switches = read_switches;
    config.read_switches_context = service->stores.registry;
    config.hub_changed = poke_recommender;
    config.hub_changed_context = service->recommender;
    return vd_center_start(&config, &service->center);
}

static int start_local(struct service *service, char *error_text, size_t error_size)
{
    char path[VD_PATH_SIZE];
    const struct vd_http_face faces[] = {
        vd_health_local_face(&service->health), vd_api_face(&service->api)};
    const struct vd_http_config config = {
        .unix_path = path,
        .workers = LOCAL_WORKERS,
        .faces = faces,
        .face_count = sizeof faces / sizeof faces[0],
    };

    if (vd_data_path(service->dir, VD_FILE_SOCKET, path) != VD_OK) {
        return VD_E_LIMIT;
    }
    return vd_http_start(&config, &service->local, error_text, error_size);
}

static int reload(void *context, json_t **out, char *error_text, size_t error_size)
{
    return vd_serve_reload(context, out, error_text, error_size);
}

/* By a signal: what came of it is in the log. */
static void reload_quietly(void *context)
{
    char error_text[1024];
    json_t *outcome = NULL;

    (void)!vd_serve_reload(context, &outcome, error_text, sizeof error_text);
    json_decref(outcome);
}

/* What the faces work on. */
static void make_api(struct service *service)
{
    vd_serve_bus_init(&service->bus, service->hub);
    vd_config_host(&service->config, vd_hub_port(service->hub), service->host_name);
    service->api = (struct vd_api){
        .registry = service->stores.registry,
        .state = service->stores.state,
        .sweeper = service->sweeper,
        .alerts = service->stores.alerts,
        .analytics = service->stores.analytics,
        .log = service->stores.log,
        .audit = service->stores.audit,
        .bus = &service->bus.base,
        .hub = service->hub,
        .center = service->center,
        .exporter = service->exporter,
        .notifier = service->notifier,
        .fleet = &service->fleet.base,
        .host_name = service->host_name,
        .recorder = &service->recorder,
        .backup = vd_backup_of_api,
        .data_dir = service->dir,
        .reload = reload,
        .reload_context = &service->reload,
        .started_ms = vd_clock_utc_ms(),
        .health = &service->health,
    };
    vd_api_set_query_limits(
        &service->api, service->config.query_max_rows, service->config.query_timeout_s * 1000);
    vd_detect_settings_of(&service->config, &service->api.detection);
    vd_config_scope(&service->config, &service->api.scope);
    service->recorder = (struct vd_recorder){
        .bus = &service->bus.base,
        .log = service->stores.log,
        .resource_id = service->resource_id,
    };
}

static int start_https_server(
    struct service *service, const struct vd_listen *listen, char *error_text, size_t error_size)
{
    const struct vd_http_face faces[] = {vd_health_face(&service->health),
        vd_metrics_face(&service->metrics), vd_portal_face(service->portal),
        vd_management_face(service->management), vd_service_face(service->backends)};
    char certificate[VD_PATH_SIZE];
    char key[VD_PATH_SIZE];
    const struct vd_http_config config = {
        .address = listen->address,
        .port = listen->port,
        .certificate_file = certificate,
        .private_key_file = key,
        .workers = HTTPS_WORKERS,
        .address_connects_per_s = service->config.hub_address_connects,
        .faces = faces,
        .face_count = sizeof faces / sizeof faces[0],
        .upgrade = {VD_HUB_WEBSOCKET_PATH, VD_HUB_WEBSOCKET_PROTOCOL, service->hub},
    };
    char text[VD_ADDRESS_TEXT_SIZE + 8];
    int error;

    if (vd_data_path(service->dir, VD_FILE_SERVER, certificate) != VD_OK ||
        vd_data_path(service->dir, VD_FILE_SERVER_KEY, key) != VD_OK) {
        return VD_E_LIMIT;
    }
    error = vd_http_start(&config, &service->https, error_text, error_size);
    vd_listen_format(listen, listen->port, text);
    if (error == VD_E_BUSY) {
        snprintf(error_text, error_size,
            "another program listens on %s: end it, or choose another by https.listen", text);
    } else if (error == VD_E_DENIED) {
        snprintf(error_text, error_size,
            "https.listen = %s: a port below 1024 needs root or the capability "
            "CAP_NET_BIND_SERVICE",
            text);
    }
    return error;
}

static int start_https(struct service *service, char *error_text, size_t error_size)
{
    const struct vd_service_config config = {
        .registry = service->stores.registry,
        .state = service->stores.state,
        .sweeper = service->sweeper,
        .bus = &service->bus.base,
        .hub = service->hub,
        .host_name = service->config.hub_name,
        .recorder = &service->recorder,
        .audit = service->stores.audit,
    };
    const struct vd_management_config management = {
        .registry = service->stores.registry,
        .alerts = service->stores.alerts,
        .analytics = service->stores.analytics,
        .hub = service->hub,
        .recorder = &service->recorder,
        .audit = service->stores.audit,
        .exporter = service->exporter,
        .host_name = service->config.hub_name,
        .scope = service->api.scope,
    };
    const struct vd_listen *listen = &service->config.https_listen;
    int error;

    if (listen->address[0] == '\0') {
        return VD_OK;
    }
    error = vd_service_new(&config, &service->backends);
    if (error == VD_OK) {
        error = vd_management_new(&management, &service->management);
    }
    service->metrics = (struct vd_metrics){&service->api, service->management, service->dir};
    if (error == VD_OK) {
        error = vd_serve_portal_open(service->dir, &service->config, &service->api,
            service->management, &service->portal, error_text, error_size);
    }
    if (error == VD_OK) {
        error = start_https_server(service, listen, error_text, error_size);
    }
    if (error == VD_OK) {
        service->api.https_port = vd_http_port(service->https);
        service->api.has_portal = vd_portal_has_pages(service->portal);
    }
    return error;
}

static void allow_reload(struct service *service)
{
    struct vd_serve_reload *reload = &service->reload;

    reload->config = &service->config;
    reload->stores = &service->stores;
    reload->hub = service->hub;
    reload->https = service->https;
    reload->center = service->center;
    reload->audit_watch = service->audit_watch;
    reload->api = &service->api;
}

static int start(struct service *service)
{
    char error_text[1024] = "";
    int error = vd_stores_find(service->dir, error_text, sizeof error_text);

    if (error == VD_OK) {
        error = vd_stores_open(service->dir, &service->config, VD_NEEDS_ALL, &service->stores,
            error_text, sizeof error_text);
    }
    if (error == VD_OK) {
        error =
            start_export(service, error_text, sizeof error_text); /* before the log is trimmed */
    }
    if (error == VD_OK) {
        error = start_center(service);
    }
    if (error == VD_OK) {
        error = vd_serve_audit_start(
            &service->stores, &service->config, service->center, &service->audit_watch);
    }
    if (error == VD_OK) {
        error = start_hub(service, error_text, sizeof error_text);
    }
    if (error == VD_OK) {
        error =
            vd_sweeper_start(service->stores.state, service->stores.registry, &service->sweeper);
    }
    if (error == VD_OK) {
        make_api(service);
        error = start_https(service, error_text, sizeof error_text);
    }
    if (error == VD_OK) {
        allow_reload(service);
        error = start_local(service, error_text, sizeof error_text);
    }
    if (error != VD_OK) {
        vd_cli_fail("%s", error_text[0] != '\0' ? error_text : vd_error_text(error));
    }
    return error;
}

/* False if a query goes on: then the stores stay open, and the process has to end as it is. */
static bool stop(struct service *service)
{
    bool https_ended;
    bool api_ended;

    vd_serve_reload_end(&service->reload);
    if (service->hub != NULL) {
        /* A caller who waits for a device would hold up the API. */
        vd_hub_refuse_methods(service->hub);
    }
    https_ended = vd_http_stop(service->https, API_STOP_MS);
    api_ended = vd_http_stop(service->local, API_STOP_MS) && https_ended;
    vd_serve_audit_stop(&service->stores, service->audit_watch, !api_ended);
    vd_hub_stop(service->hub);
    if (service->stores.log != NULL) {
        vd_event_log_interrupt(service->stores.log);
    }
    vd_center_stop(service->center);
    vd_recommender_stop(service->recommender);
    vd_notifier_stop(service->notifier);
    if (api_ended) {
        vd_export_stop(service->exporter);
        vd_service_free(service->backends);
        vd_portal_free(service->portal);
        vd_management_free(service->management);
        vd_sweeper_stop(service->sweeper);
        vd_stores_close(&service->stores);
    }
    return api_ended;
}

static void say_ready(const struct service *service)
{
    char listen[VD_ADDRESS_TEXT_SIZE + 8];
    char portal[VD_PORTAL_URL_SIZE];

    vd_listen_format(&service->config.mqtt_listen, vd_hub_port(service->hub), listen);
    printf("ready hub=%s mqtt=%s", service->config.hub_name, listen);
    if (service->https != NULL) {
        vd_listen_format(&service->config.https_listen, vd_http_port(service->https), listen);
        vd_portal_url(&service->api, portal);
        printf(" https=%s%s%s", listen, portal[0] != '\0' ? " portal=" : "", portal);
    }
    printf("\n");
    fflush(stdout);
}

int vd_cmd_serve(const struct vd_invocation *invocation)
{
    struct service service = {.dir = invocation->data_dir,
        .lock = -1,
        .reload = {.invocation = invocation,
            .health = &service.health,
            .lock = PTHREAD_MUTEX_INITIALIZER}};
    char error_text[2048];
    bool ended;
    int error;

    vd_serve_hangup_block();
    if (vd_data_dir_find(service.dir, error_text, sizeof error_text) != VD_OK) {
        return vd_cli_fail("%s", error_text);
    }
    if (!vd_serve_config_read(invocation, &service.config, NULL)) {
        return VD_EXIT_FAILURE;
    }
    vd_serve_log_by(&service.config);
    raise_file_limit();
    if (take_lock(&service) != VD_OK) {
        return VD_EXIT_FAILURE;
    }
    vd_serve_signals_block();
    vd_health_init(&service.health);
    error = vd_serve_sandbox_enter(service.dir, &service.config);
    if (error != VD_OK) {
        return vd_cli_fail("%s: %s", service.dir, vd_error_text(error));
    }
    error = start(&service);
    if (error == VD_OK) {
        vd_log(VD_LOG_INFO, "serve.started", "version=%s pid=%d", VD_VERSION, (int)getpid());
        service.health.api = &service.api;
        service.health.https = service.https;
        service.health.local = service.local;
        say_ready(&service);
        vd_log(VD_LOG_INFO, "serve.stopping", "signal=%d",
            vd_serve_attend(&service.health, reload_quietly, &service.reload));
    }
    ended = stop(&service);
    vd_log(VD_LOG_INFO, "serve.stopped", "requests_left=%d", ended ? 0 : 1);
    if (!ended) {
        fflush(stdout);
        _exit(
            VD_EXIT_OK); /* every store survives a kill; the query that goes on was only reading */
    }
    vd_health_release(&service.health);
    close(service.lock);
    return error == VD_OK ? VD_EXIT_OK : VD_EXIT_FAILURE;
}
