/* SPDX-License-Identifier: MIT */
/* Places of sinks in a small file that is replaced whole: written beside it, synced, renamed. */

#include "hub/export/places.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/secret.h"
#include "lib/sync.h"

#define FILE_VERSION 1
/* Ten places with the longest names, every byte of them escaped. */
#define FILE_MAX_BYTES 65536

/* ---- The file ---- */

static int write_all(int fd, const char *data, size_t length)
{
    while (length > 0) {
        const ssize_t written = write(fd, data, length);

        if (written < 0 && errno != EINTR) {
            return vd_error_from_errno(errno);
        }
        data += written > 0 ? written : 0;
        length -= written > 0 ? (size_t)written : 0;
    }
    return VD_OK;
}

static int write_file(const char *path, const char *text)
{
    char beside[PATH_MAX];
    const int length = snprintf(beside, sizeof beside, "%s.new", path);
    int error;
    int fd;

    if (length < 0 || (size_t)length >= sizeof beside) {
        return VD_E_LIMIT;
    }
    fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return vd_error_from_errno(errno);
    }
    error = write_all(fd, text, strlen(text));
    if (error == VD_OK && fsync(fd) != 0) {
        error = vd_error_from_errno(errno);
    }
    if (close(fd) != 0 && error == VD_OK) {
        error = vd_error_from_errno(errno);
    }
    if (error == VD_OK && rename(beside, path) != 0) {
        error = vd_error_from_errno(errno);
    }
    return error == VD_OK ? vd_sync_folder_of(path) : error;
}

static json_t *place_json(const struct vd_export_place *place)
{
    return json_pack("{s:s, s:s, s:I, s:I}", "setting", place->setting, "sink",
        vd_export_kind_text(place->kind), "offset", (json_int_t)place->offset, "skipped",
        (json_int_t)place->skipped);
}

/* The lock is held. */
static int save(const struct vd_export_places *places)
{
    json_t *list = json_array();
    char *text = NULL;
    json_t *json;
    int error = VD_E_NOMEM;
    bool good = true;

    for (size_t i = 0; i < places->count; i++) {
        good = json_array_append_new(list, place_json(&places->places[i])) == 0 && good;
    }
    json = json_pack("{s:i, s:s, s:I, s:o}", "version", FILE_VERSION, "epoch", places->epoch,
        "high", (json_int_t)places->high, "places", list);
    if (json != NULL && good) {
        text = json_dumps(json, JSON_COMPACT);
    }
    if (text != NULL) {
        error = write_file(places->path, text);
    }
    free(text);
    json_decref(json);
    return error;
}

static bool read_offset(const json_t *value, uint64_t *out)
{
    *out = (uint64_t)json_integer_value(value);
    return json_is_integer(value) && json_integer_value(value) >= 0;
}

static bool place_read(const json_t *json, struct vd_export_place *out)
{
    const char *setting = json_string_value(json_object_get(json, "setting"));
    const char *kind = json_string_value(json_object_get(json, "sink"));

    return setting != NULL && kind != NULL && vd_export_kind_from_text(kind, &out->kind) &&
        vd_text_copy(setting, out->setting, sizeof out->setting) == VD_OK &&
        read_offset(json_object_get(json, "offset"), &out->offset) &&
        read_offset(json_object_get(json, "skipped"), &out->skipped);
}

static int parse(struct vd_export_places *places, const char *text, size_t length)
{
    json_t *json = json_loadb(text, length, 0, NULL);
    const json_t *list = json_object_get(json, "places");
    const char *epoch = json_string_value(json_object_get(json, "epoch"));
    const json_int_t version = json_integer_value(json_object_get(json, "version"));
    bool good = epoch != NULL && strlen(epoch) == VD_EXPORT_EPOCH_SIZE - 1 && json_is_array(list) &&
        json_array_size(list) <= VD_EXPORT_SINKS_MAX &&
        read_offset(json_object_get(json, "high"), &places->high);

    if (good && version == FILE_VERSION) {
        memcpy(places->epoch, epoch, VD_EXPORT_EPOCH_SIZE);
        for (size_t i = 0; good && i < json_array_size(list); i++) {
            good = place_read(json_array_get(list, i), &places->places[i]);
        }
        places->count = json_array_size(list);
    }
    json_decref(json);
    if (version > FILE_VERSION) {
        return VD_E_NEWER;
    }
    return good && version == FILE_VERSION ? VD_OK : VD_E_CORRUPT;
}

static int read_file(struct vd_export_places *places)
{
    char *text = malloc(FILE_MAX_BYTES);
    FILE *file = text != NULL ? fopen(places->path, "re") : NULL;
    size_t length;
    int error;

    if (file == NULL) {
        error = text != NULL ? vd_error_from_errno(errno) : VD_E_NOMEM;
        free(text);
        return error;
    }
    length = fread(text, 1, FILE_MAX_BYTES, file);
    error = ferror(file) != 0 ? VD_E_IO : parse(places, text, length);
    fclose(file);
    free(text);
    return error;
}

/* ---- Places ---- */

static int epoch_make(char epoch[VD_EXPORT_EPOCH_SIZE])
{
    uint64_t random = 0;
    const int error = vd_secret_random(&random, sizeof random);

    if (error == VD_OK) {
        snprintf(epoch, VD_EXPORT_EPOCH_SIZE, "%016" PRIx64, random);
    }
    return error;
}

/* The lock is held. */
static void hold(const struct vd_export_places *places)
{
    uint64_t oldest = UINT64_MAX;

    for (size_t i = 0; i < places->count; i++) {
        if (places->places[i].offset < oldest) {
            oldest = places->places[i].offset;
        }
    }
    vd_event_log_hold(places->log, oldest);
}

/* Another log than the places are of, or a new one. Stored at once: ids of records with the epoch are handed out. */
static int begin_epoch(struct vd_export_places *places)
{
    int error;

    places->high = 0;
    for (size_t i = 0; i < places->count; i++) {
        places->places[i].offset = 0;
    }
    error = epoch_make(places->epoch);
    return error == VD_OK ? save(places) : error;
}

int vd_export_places_renew(const char *path)
{
    struct vd_export_places places = {.path = strdup(path)};
    int error = places.path != NULL ? read_file(&places) : VD_E_NOMEM;

    if (error == VD_OK) {
        error = epoch_make(places.epoch);
    }
    if (error == VD_OK) {
        error = save(&places);
    }
    free(places.path);
    return error;
}

int vd_export_places_load(
    struct vd_export_places *places, const char *path, struct vd_event_log *log)
{
    uint64_t end = 0;
    int error = vd_event_log_end(log, 0, &end);

    *places = (struct vd_export_places){.log = log, .path = strdup(path)};
    if (error == VD_OK) {
        error = places->path != NULL ? read_file(places) : VD_E_NOMEM;
    }
    if (error == VD_E_NOT_FOUND) {
        error = begin_epoch(places);
    } else if (error == VD_OK && places->high > end) {
        vd_log(VD_LOG_WARN, "export.other_log", "end=%llu exported=%llu", (unsigned long long)end,
            (unsigned long long)places->high);
        error = begin_epoch(places);
    }
    if (error != VD_OK) {
        free(places->path);
        return error;
    }
    pthread_mutex_init(&places->lock, NULL);
    hold(places);
    return VD_OK;
}

/* The lock is held; NULL: it has none. */
static struct vd_export_place *find(
    struct vd_export_places *places, const char *setting, enum vd_export_kind kind)
{
    for (size_t i = 0; i < places->count; i++) {
        if (places->places[i].kind == kind && strcasecmp(places->places[i].setting, setting) == 0) {
            return &places->places[i];
        }
    }
    return NULL;
}

/* The lock is held. */
static int add(struct vd_export_places *places, const char *setting, enum vd_export_kind kind)
{
    struct vd_export_place place = {.kind = kind};
    int error = vd_text_copy(setting, place.setting, sizeof place.setting);

    if (error == VD_OK) {
        error = places->count < VD_EXPORT_SINKS_MAX ? VD_OK : VD_E_LIMIT;
    }
    if (error == VD_OK) {
        error = vd_event_log_end(places->log, 0, &place.offset);
    }
    if (error != VD_OK) {
        return error;
    }
    places->places[places->count++] = place;
    error = save(places);
    if (error != VD_OK) {
        places->count--;
    }
    return error;
}

int vd_export_places_open(struct vd_export_places *places, const char *setting,
    enum vd_export_kind kind, struct vd_export_place *out)
{
    const struct vd_export_place *place;
    int error = VD_OK;

    pthread_mutex_lock(&places->lock);
    place = find(places, setting, kind);
    if (place == NULL) {
        error = add(places, setting, kind);
        place = error == VD_OK ? &places->places[places->count - 1] : NULL;
    }
    if (place != NULL) {
        *out = *place;
        hold(places);
    }
    pthread_mutex_unlock(&places->lock);
    return error;
}

int vd_export_places_move(struct vd_export_places *places, const struct vd_export_place *to)
{
    struct vd_export_place *place;
    int error = VD_OK;

    pthread_mutex_lock(&places->lock);
    place = find(places, to->setting, to->kind);
    if (place != NULL) {
        const struct vd_export_place before = *place;
        const uint64_t high = places->high;

        place->offset = to->offset;
        place->skipped = to->skipped;
        places->high = to->offset > high ? to->offset : high;
        error = save(places);
        if (error != VD_OK) {
            *place = before;
            places->high = high;
        }
        hold(places);
    }
    pthread_mutex_unlock(&places->lock);
    return error;
}

int vd_export_places_keep(struct vd_export_places *places,
    bool (*wanted)(void *context, const char *setting, enum vd_export_kind kind), void *context)
{
    struct vd_export_place before[VD_EXPORT_SINKS_MAX];
    size_t count;
    int error = VD_OK;

    pthread_mutex_lock(&places->lock);
    count = places->count;
    memcpy(before, places->places, sizeof before);
    places->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (wanted(context, before[i].setting, before[i].kind)) {
            places->places[places->count++] = before[i];
        }
    }
    if (places->count != count) {
        error = save(places);
    }
    if (error != VD_OK) {
        memcpy(places->places, before, sizeof before);
        places->count = count;
    }
    hold(places);
    pthread_mutex_unlock(&places->lock);
    return error;
}

void vd_export_places_release(struct vd_export_places *places)
{
    pthread_mutex_destroy(&places->lock);
    free(places->path);
}
