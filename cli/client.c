/* SPDX-License-Identifier: MIT */
/* Calls of the API over the socket by libcurl, or in process under the data directory's lock. */

#include "cli/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "api/audit_watch.h"
#include "api/fleet.h"
#include "api/health.h"
#include "cli/backup/backup.h"
#include "cli/command.h"
#include "cli/data_dir.h"
#include "cli/stores.h"
#include "lib/clock.h"
#include "lib/log.h"

#define WAIT_MS      10000
#define WAIT_STEP_MS 50

/* Longer than the longest query may take. */
#define ANSWER_TIMEOUT_S 3660L
/* So long nothing comes before it is asked whether the service lives. */
#define QUIET_MS 3000
/* So long that answer may take, which waits for nothing: not for the workers that answer the rest. */
#define LIFE_TIMEOUT_S 10L
/* The largest answer that is taken: a query's rows. */
#define ANSWER_MAX_BYTES (512UL << 20)

static long answer_timeout_s = ANSWER_TIMEOUT_S;

void vd_client_set_timeout(long seconds)
{
    answer_timeout_s = seconds;
}

/* ---- Over the socket ---- */

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
    struct vd_buf *body = context;

    vd_buf_append(body, data, size * count);
    return body->error == VD_OK ? size * count : 0;
}

/* What is known of a call while its answer is waited for. */
struct waiting {
    const char *socket_path;
    const struct vd_api_request *request;
    curl_off_t moved;  /* bytes, both ways */
    int64_t judged_ms; /* when something had come, or the service said that it lives */
    bool is_stuck;
};

/* Ends the call once nobody waits for its answer; the service sees that then. */
static int look_whether_gone(void *context, curl_off_t download, curl_off_t downloaded,
    curl_off_t upload, curl_off_t uploaded)
{
    const struct waiting *waiting = context;
    const struct vd_api_request *request = waiting->request;

    (void)download;
    (void)downloaded;
    (void)upload;
    (void)uploaded;
    return request->is_gone != NULL && atomic_load(request->is_gone);
}

/* As one calls the service. */
static CURL *curl_at(const char *socket_path, const char *url, long timeout_s)
{
    CURL *curl = curl_easy_init();

    if (curl == NULL) {
        return NULL;
    }
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket_path);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L); /* a device may be called `..` */
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, timeout_s);
    return curl;
}

static size_t drop_body(char *data, size_t size, size_t count, void *context)
{
    (void)data;
    (void)context;
    return size * count;
}

/* Whatever it answers shows that it lives; that it has ended the call itself sees. */
static bool says_nothing(struct waiting *waiting)
{
    CURL *curl =
        curl_at(waiting->socket_path, "http://localhost" VD_HEALTH_LOCAL_PATH, LIFE_TIMEOUT_S);
    CURLcode code = CURLE_OUT_OF_MEMORY;

    if (curl != NULL) {
        curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look_whether_gone);
        curl_easy_setopt(curl, CURLOPT_XFERINFODATA, waiting);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop_body);
        code = curl_easy_perform(curl);
        curl_easy_cleanup(curl);
    }
    return code == CURLE_OPERATION_TIMEDOUT;
}

/* Ends it too once the service is stuck; what only takes its time is waited for. */
static int look_whether_stuck(void *context, curl_off_t download, curl_off_t downloaded,
    curl_off_t upload, curl_off_t uploaded)
{
    struct waiting *waiting = context;
    const int64_t now_ms = vd_clock_monotonic_ms();

    if (downloaded + uploaded != waiting->moved) {
        waiting->moved = downloaded + uploaded;
        waiting->judged_ms = now_ms;
    } else if (now_ms - waiting->judged_ms >= QUIET_MS && answer_timeout_s > LIFE_TIMEOUT_S) {
        waiting->is_stuck = says_nothing(waiting);
        waiting->judged_ms = vd_clock_monotonic_ms();
    }
    return waiting->is_stuck || look_whether_gone(context, download, downloaded, upload, uploaded);
}

static CURL *curl_for(struct waiting *waiting, const char *url, struct curl_slist *headers,
    struct vd_buf *body, char *reason)
{
    const struct vd_api_request *request = waiting->request;
    CURL *curl = curl_at(waiting->socket_path, url, answer_timeout_s);

    if (curl == NULL) {
        return NULL;
    }
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look_whether_stuck);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, waiting);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    if (request->body.length > 0 || strcmp(request->method, "POST") == 0) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.length);
        curl_easy_setopt(
            curl, CURLOPT_POSTFIELDS, request->body.data != NULL ? request->body.data : "");
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    return curl;
}

/* Reads the answer's JSON. */
static int answer_parse(
    const struct vd_buf *body, long status, struct vd_api_answer *answer, char *reason)
{
    json_error_t where;
    json_t *json = NULL;

    if (body->length > 0) {
        json = json_loadb((const char *)body->data, body->length, 0, &where);
    }
    if (json == NULL && (body->length > 0 || status < 200 || status > 299)) {
        snprintf(reason, CURL_ERROR_SIZE, "its answer (status %ld) is not JSON", status);
        return VD_E_CORRUPT;
    }
    *answer = (struct vd_api_answer){(int)status, json};
    return VD_OK;
}

static int error_of(CURLcode code, bool is_stuck)
{
    switch (code) {
    case CURLE_OUT_OF_MEMORY:
        return VD_E_NOMEM;
    case CURLE_COULDNT_CONNECT:
        return VD_E_NOT_FOUND;
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return VD_E_CLOSED;
    case CURLE_OPERATION_TIMEDOUT:
        return VD_E_TIMEOUT;
    default:
        return is_stuck ? VD_E_TIMEOUT : VD_E_IO;
    }
}

/* VD_E_NOT_FOUND: nobody listens there. */
static int call_socket(const char *socket_path, const struct vd_api_request *request,
    struct vd_api_answer *answer, char *error_text, size_t error_size)
{
    struct vd_buf url = {0};
    struct vd_buf body = {.max = ANSWER_MAX_BYTES};
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    char reason[CURL_ERROR_SIZE] = "";
    CURLcode code = CURLE_OUT_OF_MEMORY;
    struct waiting waiting = {
        .socket_path = socket_path, .request = request, .judged_ms = vd_clock_monotonic_ms()};
    long status = 0;
    int error;
    CURL *curl;

    vd_buf_printf(&url, "http://localhost%s%s%s", request->path,
        request->query != NULL && request->query[0] != '\0' ? "?" : "",
        request->query != NULL ? request->query : "");
    vd_buf_append(&url, "", 1);
    curl = url.error == VD_OK && headers != NULL
        ? curl_for(&waiting, (const char *)url.data, headers, &body, reason)
        : NULL;
    if (curl != NULL) {
        code = curl_easy_perform(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_cleanup(curl);
    }
    error = code == CURLE_OK ? answer_parse(&body, status, answer, reason)
                             : error_of(code, waiting.is_stuck);
    if (waiting.is_stuck) {
        snprintf(reason, sizeof reason,
            "it neither answers nor says within %ld s that it lives: it is stuck, or has too much to "
            "do; end it and start it again if that stays so",
            LIFE_TIMEOUT_S);
    }
    if (error != VD_OK) {
        snprintf(error_text, error_size, "the service at %s: %s", socket_path,
            reason[0] != '\0' ? reason : vd_error_text(error));
    }
    curl_slist_free_all(headers);
    vd_buf_release(&url);
    vd_buf_release(&body);
    return error;
}

/* ---- In process ---- */

/* A trail that is gone is not made anew by a command: the service does when it starts, and raises the alert. */
static int find_trail(
    const char *data_dir, const struct vd_config *config, char *error_text, size_t error_size)
{
    struct vd_stores stores = {0};
    struct vd_buf anchor = {0};
    char path[VD_PATH_SIZE];
    int error = vd_data_path(data_dir, VD_FILE_AUDIT, path);

    if (error != VD_OK || access(path, F_OK) == 0 || errno != ENOENT) {
        return error;
    }
    error = vd_stores_open(data_dir, config, VD_NEEDS_REGISTRY, &stores, error_text, error_size);
    if (error == VD_OK && vd_audit_anchor_get(stores.registry, &anchor) == VD_OK) {
        snprintf(error_text, error_size,
            "%s: is gone, and the registry knows of it; restore the data directory from a backup, or start the service, "
            "which raises an alert and goes on with a new one",
            path);
        error = VD_E_CORRUPT;
    }
    vd_buf_release(&anchor);
    vd_stores_close(&stores);
    return error;
}

/* Opens what the request needs; what is audited needs the registry, which keeps the trail's anchor. */
static int open_stores(const char *data_dir, const struct vd_config *config, unsigned needs,
    struct vd_stores *stores, char *error_text, size_t error_size)
{
    int error = vd_stores_find(data_dir, error_text, error_size);

    if (error == VD_OK && (needs & VD_NEEDS_AUDIT) != 0) {
        needs |= VD_NEEDS_REGISTRY;
        error = find_trail(data_dir, config, error_text, error_size);
    }
    return error != VD_OK ? error
                          : vd_stores_open(data_dir, config, needs, stores, error_text, error_size);
}

/* What was written is not to be undone by an audit.db of before. It was done and is answered, whatever comes of that. */
static void anchor_trail(const struct vd_stores *stores)
{
    struct vd_audit_stats stats = {0};

    if (stores->audit != NULL) {
        vd_audit_stats_get(stores->audit, &stats);
    }
    if (stats.written > 0) {
        (void)!vd_audit_anchor_follow(stores->audit, stores->registry);
    }
}

static int call_here(const char *data_dir, const struct vd_api_request *request,
    struct vd_api_answer *answer, char *error_text, size_t error_size)
{
    char path[VD_PATH_SIZE];
    char host[VD_HOST_NAME_MAX + 8];
    struct vd_config config;
    struct vd_config_problem problem = {""};
    struct vd_stores stores;
    struct vd_api_fleet fleet;
    int error = vd_data_path(data_dir, VD_FILE_CONFIG, path);

    vd_config_defaults(&config);
    if (error == VD_OK) {
        error = vd_config_read(&config, path, &problem);
    }
    if (error != VD_OK) {
        snprintf(error_text, error_size, "%s", problem.text);
        return error;
    }
    /* What the service would log goes to nobody here: the command says it itself. */
    vd_log_set_level(VD_LOG_ERROR);
    error = open_stores(data_dir, &config, vd_api_needs(request), &stores, error_text, error_size);
    if (error != VD_OK) {
        return error;
    }
    vd_config_host(&config, config.mqtt_listen.port, host);
    vd_api_fleet_init(&fleet, stores.registry, stores.state);
    {
        struct vd_api api = {
            .registry = stores.registry,
            .state = stores.state,
            .alerts = stores.alerts,
            .analytics = stores.analytics,
            .log = stores.log,
            .audit = stores.audit,
            .fleet = &fleet.base,
            .host_name = host,
            .backup = vd_backup_of_api,
            .data_dir = data_dir,
        };
        char resource_id[VD_RESOURCE_ID_SIZE];
        const struct vd_recorder recorder = {NULL, stores.log, resource_id};
        const uid_t user = getuid();
        struct vd_api_request here = *request;

        vd_api_set_query_limits(&api, config.query_max_rows, config.query_timeout_s * 1000);
        vd_detect_settings_of(&config, &api.detection);
        vd_config_scope(&config, &api.scope);
        vd_resource_hub_id(&api.scope, resource_id);
        api.recorder = &recorder;
        if (config.https_listen.address[0] != '\0') {
            api.https_port = config.https_listen.port;
        }
        here.caller = vd_api_local_caller(&user);
        vd_api_call(&api, &here, answer);
    }
    anchor_trail(&stores);
    vd_stores_close(&stores);
    return VD_OK;
}

/* ---- Which of both ---- */

static void pause_briefly(void)
{
    struct timespec step = {0, WAIT_STEP_MS * 1000000L};

    nanosleep(&step, NULL);
}

int vd_client_call(const char *data_dir, const struct vd_api_request *request,
    struct vd_api_answer *answer, char *error_text, size_t error_size)
{
    char socket_path[VD_PATH_SIZE];
    int64_t until = vd_clock_monotonic_ms() + WAIT_MS;
    bool serving = false;
    int error = vd_data_dir_find(data_dir, error_text, error_size);
    int lock = -1;

    if (error == VD_OK) {
        error = vd_data_path(data_dir, VD_FILE_SOCKET, socket_path);
    }
    if (error != VD_OK) {
        return error;
    }
    for (;;) {
        /* The lock first: a socket may be left over from a service that was killed. */
        error = vd_data_lock(data_dir, VD_LOCK_COMMAND, &lock, &serving);
        if (error == VD_OK) {
            error = call_here(data_dir, request, answer, error_text, error_size);
            close(lock);
            return error;
        }
        if (error != VD_E_BUSY) {
            vd_data_dir_error_text(data_dir, error, error_text, error_size);
            return error;
        }
        error = call_socket(socket_path, request, answer, error_text, error_size);
        if (error != VD_E_NOT_FOUND || vd_clock_monotonic_ms() > until) {
            return error;
        }
        pause_briefly();
    }
}

/* What to do where something is not there, or is there already; NULL: nothing in particular. */
static const char *next_step(const struct vd_api_request *request, int status, const char *code)
{
    static const struct {
        const char *path;
        const char *list;
    } lists[] = {
        {"/devices", "`vedette device list` shows those that are there"},
        {"/doctor/", "`vedette device list` shows those that are there"},
        {"/alerts/", "`vedette alert list` shows those that are there"},
        {"/tokens/", "`vedette token list` shows those that are there"},
        {"/feeds/", "`vedette intel list` shows those that are there"},
        {"/groups/", "`vedette group list` shows those that are there"},
        {"/notify/", "`vedette notify list` shows those that are there"},
        {"/notify-dead/", "`vedette notify dead` shows those that are there"},
        {"/dead-letters/", "`vedette deadletter list` shows those that are there"},
        {"/recommendations/", "`vedette recommendation list` shows those that are there"},
        {"/queries/", "`vedette saved list` shows those that are there"},
    };

    if (status == 409 && strncmp(request->path, "/devices", 8) == 0) {
        return "`vedette device show` prints its connection string";
    }
    for (size_t i = 0; status == 404 && i < sizeof lists / sizeof lists[0]; i++) {
        if (strncmp(request->path, lists[i].path, strlen(lists[i].path)) == 0 &&
            strcmp(code, "DeviceNotOnline") != 0) {
            return lists[i].list;
        }
    }
    return NULL;
}

int vd_client_fail(const struct vd_api_request *request, struct vd_api_answer *answer)
{
    const char *message = NULL;
    const char *code = "";
    const char *next;

    json_unpack(answer->body, "{s:{s:s, s:s}}", "error", "code", &code, "message", &message);
    next = next_step(request, answer->status, code);
    vd_cli_fail("%s%s%s", message != NULL ? message : "the service failed without a word",
        next != NULL ? "; " : "", next != NULL ? next : "");
    json_decref(answer->body);
    return VD_EXIT_FAILURE;
}

json_t *vd_client_json(const char *data_dir, const struct vd_api_request *request)
{
    struct vd_api_answer answer = {0, NULL};
    char reason[1024] = "";

    if (vd_client_call(data_dir, request, &answer, reason, sizeof reason) != VD_OK) {
        vd_cli_fail("%s", reason);
        return NULL;
    }
    if (answer.status < 400) {
        return answer.body != NULL ? answer.body : json_null();
    }
    vd_client_fail(request, &answer);
    return NULL;
}

int vd_cli_deleted(const struct vd_invocation *invocation, json_t *answer)
{
    if (answer == NULL) {
        return VD_EXIT_FAILURE;
    }
    json_decref(answer);
    if (invocation->output == VD_OUTPUT_JSON) {
        puts("{}");
    } else {
        printf("deleted %s\n", invocation->arguments[0]);
    }
    return VD_EXIT_OK;
}

char *vd_client_encode(const char *text)
{
    char *encoded = curl_easy_escape(NULL, text, 0);
    char *copy = NULL;

    /* curl encodes a length of 0 as strlen; an empty text is one already */
    if (encoded != NULL) {
        copy = strdup(encoded);
        curl_free(encoded);
    }
    return copy;
}
