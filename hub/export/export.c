/* SPDX-License-Identifier: MIT */
/* Settings and the sinks that they ask for. */

#include "hub/export/export.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/log.h"

/* A file takes what there is at once; a receiver is not to be asked for each record. */
#define FILE_COUNT_MAX     4096
#define FILE_BYTES_MAX     (1u << 20)
#define WEBHOOK_COUNT_MAX  500
#define WEBHOOK_BYTES_MAX  (256u << 10)
#define WEBHOOK_LINGER_MS  1000
#define WEBHOOK_TIMEOUT_MS 30000

static const struct vd_export_rhythm usual_rhythm = {
    .linger_ms = WEBHOOK_LINGER_MS,
    .retry_min_ms = 500,
    .retry_max_ms = 60000,
    .retry_slow_ms = 300000,
    .check_ms = 10000,
};

/* What a setting asks for. */
struct entry {
    char setting[VD_DIAGNOSTIC_NAME_MAX + 1];
    enum vd_export_kind kind;
    struct vd_export_worker *worker; /* NULL: the sink is not configured */
};

struct vd_export {
    struct vd_export_config config;
    struct vd_export_rhythm rhythm;
    char *folder;
    char *webhook;
    char *webhook_ca_file;
    struct vd_export_places places;
    pthread_mutex_t lock; /* for what follows */
    struct entry entries[VD_EXPORT_SINKS_MAX];
    size_t count;
};

const char *vd_export_state_text(enum vd_export_state state)
{
    static const char *const texts[] = {"off", "working", "failing"};

    return texts[state];
}

/* ---- Settings ---- */

struct settings {
    struct vd_diagnostic_setting list[VD_DIAGNOSTIC_SETTINGS_MAX];
    size_t count;
};

static int settings_load(struct vd_registry *registry, struct settings *out)
{
    struct vd_buf text = {0};
    uint64_t etag;
    int error = vd_registry_setting_get(registry, VD_DIAGNOSTIC_SETTINGS, &text, &etag);

    out->count = 0;
    if (error == VD_OK) {
        error = vd_diagnostic_settings_parse(
            (struct vd_str){(const char *)text.data, text.length}, out->list, &out->count);
    }
    vd_buf_release(&text);
    return error == VD_E_NOT_FOUND ? VD_OK : error;
}

static bool is_configured(const struct vd_export *exporter, enum vd_export_kind kind)
{
    return (kind == VD_EXPORT_FILE ? exporter->folder : exporter->webhook) != NULL;
}

static const struct vd_diagnostic_setting *setting_find(
    const struct settings *settings, const char *name, enum vd_export_kind kind)
{
    for (size_t i = 0; i < settings->count; i++) {
        if (settings->list[i].wants[kind] && strcasecmp(settings->list[i].name, name) == 0) {
            return &settings->list[i];
        }
    }
    return NULL;
}

/* ---- Sinks ---- */

static int sink_new(const struct vd_export *exporter, const char *setting, enum vd_export_kind kind,
    struct vd_export_sink **out)
{
    if (kind == VD_EXPORT_FILE) {
        return vd_export_file_new(
            &(struct vd_export_file_config){
                .folder = exporter->folder,
                .setting = setting,
                .max_bytes = exporter->config.file_max_bytes,
                .kept = exporter->config.files_kept,
            },
            out);
    }
    return vd_export_webhook_new(
        &(struct vd_export_webhook_config){
            .url = exporter->webhook,
            .ca_file = exporter->webhook_ca_file,
            .setting = setting,
            .timeout_ms = WEBHOOK_TIMEOUT_MS,
        },
        out);
}

/* The lock is held. */
static int worker_new(struct vd_export *exporter, const struct vd_diagnostic_setting *setting,
    enum vd_export_kind kind, struct vd_export_worker **out)
{
    const bool is_file = kind == VD_EXPORT_FILE;
    struct vd_export_worker_config config = {
        .places = &exporter->places,
        .rhythm = exporter->rhythm,
        .count_max = is_file ? FILE_COUNT_MAX : WEBHOOK_COUNT_MAX,
        .bytes_max = is_file ? FILE_BYTES_MAX : WEBHOOK_BYTES_MAX,
        .backlog_max_bytes = exporter->config.backlog_max_bytes,
    };
    int error = vd_export_places_open(&exporter->places, setting->name, kind, &config.place);

    if (is_file) {
        config.rhythm.linger_ms = 0;
    }
    if (error == VD_OK) {
        error = sink_new(exporter, setting->name, kind, &config.sink);
    }
    return error == VD_OK ? vd_export_worker_start(&config, setting->categories, out) : error;
}

static bool is_wanted(void *context, const char *setting, enum vd_export_kind kind)
{
    return setting_find(context, setting, kind) != NULL;
}

/* Ends the sinks that are asked for no more; all at once, since each may need a moment. The lock is held. */
static void drop_entries(struct vd_export *exporter, const struct settings *settings)
{
    struct vd_export_worker *ended[VD_EXPORT_SINKS_MAX];
    size_t ended_count = 0;
    size_t kept = 0;

    for (size_t i = 0; i < exporter->count; i++) {
        const struct entry entry = exporter->entries[i];

        if (setting_find(settings, entry.setting, entry.kind) != NULL) {
            exporter->entries[kept++] = entry;
        } else if (entry.worker != NULL) {
            vd_export_worker_interrupt(entry.worker);
            ended[ended_count++] = entry.worker;
        }
    }
    exporter->count = kept;
    for (size_t i = 0; i < ended_count; i++) {
        vd_export_worker_stop(ended[i]);
    }
}

/* The lock is held. */
static struct entry *entry_find(
    struct vd_export *exporter, const char *setting, enum vd_export_kind kind)
{
    for (size_t i = 0; i < exporter->count; i++) {
        if (exporter->entries[i].kind == kind &&
            strcasecmp(exporter->entries[i].setting, setting) == 0) {
            return &exporter->entries[i];
        }
    }
    return NULL;
}

/* A sink that a setting asks for: it is there already, or it is made. The lock is held. */
static int serve(struct vd_export *exporter, const struct vd_diagnostic_setting *setting,
    enum vd_export_kind kind)
{
    struct entry *entry = entry_find(exporter, setting->name, kind);
    struct entry made = {.kind = kind};
    int error = VD_OK;

    if (entry != NULL) {
        if (entry->worker != NULL) {
            vd_export_worker_set_categories(entry->worker, setting->categories);
        }
        return VD_OK;
    }
    memcpy(made.setting, setting->name, sizeof made.setting);
    if (is_configured(exporter, kind)) {
        error = worker_new(exporter, setting, kind, &made.worker);
    } else {
        vd_log(VD_LOG_WARN, "export.off", "setting=\"%s\" sink=%s", setting->name,
            vd_export_kind_text(kind));
    }
    if (error == VD_OK) {
        exporter->entries[exporter->count++] = made;
    }
    return error;
}

/* Sinks that are not configured leave no place, which would hold the log for ever. */
struct wanted {
    const struct vd_export *exporter;
    struct settings *settings;
};

static bool has_place(void *context, const char *setting, enum vd_export_kind kind)
{
    const struct wanted *wanted = context;

    return is_configured(wanted->exporter, kind) && is_wanted(wanted->settings, setting, kind);
}

/* The lock is held. */
static int apply(struct vd_export *exporter)
{
    struct settings settings;
    struct wanted wanted = {exporter, &settings};
    int error = settings_load(exporter->config.registry, &settings);

    if (error != VD_OK) {
        return error;
    }
    drop_entries(exporter, &settings);
    error = vd_export_places_keep(&exporter->places, has_place, &wanted);
    for (size_t i = 0; error == VD_OK && i < settings.count; i++) {
        for (int kind = 0; error == VD_OK && kind < VD_EXPORT_KINDS_END; kind++) {
            if (settings.list[i].wants[kind]) {
                error = serve(exporter, &settings.list[i], (enum vd_export_kind)kind);
            }
        }
    }
    return error;
}

int vd_export_reload(struct vd_export *exporter)
{
    int error;

    if (exporter == NULL) {
        return VD_OK;
    }
    pthread_mutex_lock(&exporter->lock);
    error = apply(exporter);
    pthread_mutex_unlock(&exporter->lock);
    if (error != VD_OK) {
        vd_log(VD_LOG_ERROR, "export.settings", "reason=\"%s\"", vd_error_text(error));
    }
    return error;
}

/* ---- From outside ---- */

static bool copy_text(const char *text, char **out)
{
    *out = text != NULL ? strdup(text) : NULL;
    return text == NULL || *out != NULL;
}

static void export_free(struct vd_export *exporter)
{
    free(exporter->folder);
    free(exporter->webhook);
    free(exporter->webhook_ca_file);
    free(exporter);
}

int vd_export_new(const struct vd_export_config *config, struct vd_export **out)
{
    struct vd_export *exporter = calloc(1, sizeof *exporter);
    int error = VD_E_NOMEM;

    if (exporter == NULL) {
        return VD_E_NOMEM;
    }
    exporter->config = *config;
    exporter->rhythm = config->rhythm != NULL ? *config->rhythm : usual_rhythm;
    if (copy_text(config->folder, &exporter->folder) &&
        copy_text(config->webhook, &exporter->webhook) &&
        copy_text(config->webhook_ca_file, &exporter->webhook_ca_file) &&
        curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) {
        error = vd_export_places_load(&exporter->places, config->places_file, config->log);
    }
    if (error != VD_OK) {
        export_free(exporter);
        return error;
    }
    pthread_mutex_init(&exporter->lock, NULL);
    *out = exporter;
    return VD_OK;
}

const char *vd_export_epoch(const struct vd_export *exporter)
{
    return exporter->places.epoch;
}

size_t vd_export_stats_get(
    struct vd_export *exporter, struct vd_export_stats out[VD_EXPORT_SINKS_MAX])
{
    uint64_t end = 0;
    size_t count;

    pthread_mutex_lock(&exporter->lock);
    count = exporter->count;
    for (size_t i = 0; i < count; i++) {
        const struct entry *entry = &exporter->entries[i];
        struct vd_export_stats *stats = &out[i];

        *stats = (struct vd_export_stats){.kind = entry->kind, .state = VD_EXPORT_OFF};
        memcpy(stats->setting, entry->setting, sizeof stats->setting);
        if (entry->worker != NULL) {
            vd_export_worker_stats_get(entry->worker, &stats->worker);
            stats->state = stats->worker.is_failing ? VD_EXPORT_FAILING : VD_EXPORT_WORKING;
            if (vd_event_log_end(exporter->config.log, 0, &end) == VD_OK &&
                end > stats->worker.offset) {
                stats->behind = end - stats->worker.offset;
            }
        }
    }
    pthread_mutex_unlock(&exporter->lock);
    return count;
}

void vd_export_stop(struct vd_export *exporter)
{
    const struct settings none = {.count = 0};

    if (exporter == NULL) {
        return;
    }
    pthread_mutex_lock(&exporter->lock);
    drop_entries(exporter, &none);
    pthread_mutex_unlock(&exporter->lock);
    pthread_mutex_destroy(&exporter->lock);
    vd_export_places_release(&exporter->places);
    export_free(exporter);
}
