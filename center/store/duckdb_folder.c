/* SPDX-License-Identifier: MIT */
/* The day files in the folder: "2026-11-24.duckdb" as rows come, "2026-11-24.1.duckdb" once it was written anew. */

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "center/store/duckdb_internal.h"
#include "lib/clock.h"
#include "lib/sync.h"

#define DAY_SUFFIX      ".duckdb"
#define NEW_SUFFIX      ".duckdb.new"
#define WAL_SUFFIX      ".wal"
#define DAY_TEXT_LENGTH 10

void vd_duckdb_day_catalog(const struct vd_duckdb_day *day, char out[32])
{
    char text[VD_TIME_TEXT_SIZE];

    vd_day_format(day->day, text);
    if (day->generation == 0) {
        snprintf(out, 32, "d%.4s%.2s%.2s", text, text + 5, text + 8);
    } else {
        snprintf(out, 32, "d%.4s%.2s%.2s_%u", text, text + 5, text + 8, day->generation);
    }
}

/* "<folder>/2026-11-24<suffix>"; the caller's, NULL without memory. */
static char *path_of(const struct vd_duckdb *store, int32_t day, const char *suffix)
{
    char text[VD_TIME_TEXT_SIZE];
    struct vd_buf path = {0};

    vd_day_format(day, text);
    vd_buf_printf(&path, "%s/%s%s", store->folder, text, suffix);
    vd_buf_append(&path, "", 1);
    if (path.error != VD_OK) {
        vd_buf_release(&path);
    }
    return (char *)path.data;
}

char *vd_duckdb_day_path(const struct vd_duckdb *store, const struct vd_duckdb_day *day)
{
    char suffix[32] = DAY_SUFFIX;

    if (day->generation > 0) {
        snprintf(suffix, sizeof suffix, ".%u" DAY_SUFFIX, day->generation);
    }
    return path_of(store, day->day, suffix);
}

char *vd_duckdb_new_path(const struct vd_duckdb *store, int32_t day)
{
    return path_of(store, day, NEW_SUFFIX);
}

/* Whether it is the name of a day's file. */
static bool day_of_name(const char *name, struct vd_duckdb_day *out)
{
    static const char shape[] = "dddd-dd-dd";
    const char *at = name + DAY_TEXT_LENGTH;
    char text[VD_TIME_TEXT_SIZE];
    int64_t ms;

    for (size_t i = 0; i < DAY_TEXT_LENGTH; i++) {
        if (shape[i] == 'd' ? !isdigit((unsigned char)name[i]) : name[i] != shape[i]) {
            return false;
        }
    }
    *out = (struct vd_duckdb_day){0};
    if (at[0] == '.' && isdigit((unsigned char)at[1]) && at[1] != '0') {
        char *end;

        out->generation = (uint32_t)strtoul(at + 1, &end, 10);
        at = end;
    }
    snprintf(text, sizeof text, "%.10sT00:00:00Z", name);
    if (strcmp(at, DAY_SUFFIX) != 0 || vd_time_parse(text, &ms) != VD_OK) {
        return false;
    }
    out->day = vd_time_day(ms);
    return true;
}

int vd_duckdb_day_add(struct vd_duckdb *store, const struct vd_duckdb_day *day)
{
    struct vd_duckdb_day *days = realloc(store->days, (store->day_count + 1) * sizeof *days);
    size_t at = store->day_count;

    if (days == NULL) {
        return VD_E_NOMEM;
    }
    store->days = days;
    for (; at > 0 && days[at - 1].day > day->day; at--) {
        days[at] = days[at - 1];
    }
    days[at] = *day;
    store->day_count++;
    return VD_OK;
}

void vd_duckdb_day_forget(struct vd_duckdb *store, size_t i)
{
    for (; i + 1 < store->day_count; i++) {
        store->days[i] = store->days[i + 1];
    }
    store->day_count--;
}

/* Of two files of a day the one that was written later is whole, and the other is what it was written from. */
static int take_file(struct vd_duckdb *store, const struct vd_duckdb_day *day)
{
    for (size_t i = 0; i < store->day_count; i++) {
        struct vd_duckdb_day *there = &store->days[i];
        struct vd_duckdb_day older = *day;

        if (there->day == day->day) {
            if (there->generation < day->generation) {
                older = *there;
                *there = *day;
            }
            return vd_duckdb_day_remove(store, &older);
        }
    }
    return vd_duckdb_day_add(store, day);
}

/* A file whose making was cut off holds nothing yet. */
static bool is_unfinished(const char *name)
{
    return strlen(name) > DAY_TEXT_LENGTH &&
        strncmp(name + DAY_TEXT_LENGTH, NEW_SUFFIX, strlen(NEW_SUFFIX)) == 0;
}

static int list_days(struct vd_duckdb *store)
{
    DIR *dir = opendir(store->folder);
    int error = VD_OK;
    struct dirent *entry;

    if (dir == NULL) {
        return vd_error_from_errno(errno);
    }
    while (error == VD_OK && (errno = 0, entry = readdir(dir)) != NULL) {
        struct vd_duckdb_day day;

        if (strlen(entry->d_name) > DAY_TEXT_LENGTH && day_of_name(entry->d_name, &day)) {
            error = take_file(store, &day);
        } else if (is_unfinished(entry->d_name) && unlinkat(dirfd(dir), entry->d_name, 0) != 0) {
            error = vd_error_from_errno(errno);
        }
    }
    if (error == VD_OK && errno != 0) {
        error = vd_error_from_errno(errno);
    }
    closedir(dir);
    return error;
}

int vd_duckdb_folder_scan(struct vd_duckdb *store)
{
    struct vd_duckdb_day *before = store->days;
    const size_t before_count = store->day_count;
    int error;

    store->days = NULL;
    store->day_count = 0;
    error = list_days(store);
    if (error != VD_OK) {
        free(store->days);
        store->days = before;
        store->day_count = before_count;
        return error;
    }
    for (size_t i = 0; i < store->day_count; i++) {
        for (size_t k = 0; k < before_count; k++) {
            if (before[k].day == store->days[i].day) {
                store->days[i].next_offset = before[k].next_offset;
            }
        }
    }
    free(before);
    return VD_OK;
}

/* "<path><suffix>" */
static char *with_suffix(const char *path, const char *suffix)
{
    struct vd_buf text = {0};

    vd_buf_append_text(&text, path);
    vd_buf_append(&text, suffix, strlen(suffix) + 1);
    if (text.error != VD_OK) {
        vd_buf_release(&text);
    }
    return (char *)text.data;
}

static int unlink_with_wal(const char *path)
{
    char *wal = with_suffix(path, WAL_SUFFIX);
    int error = VD_E_NOMEM;

    if (wal != NULL) {
        /* The file first: a log without its file means nothing, a file without its log lacks rows. */
        error = unlink(path) == 0 || errno == ENOENT ? VD_OK : vd_error_from_errno(errno);
        if (error == VD_OK && unlink(wal) != 0 && errno != ENOENT) {
            error = vd_error_from_errno(errno);
        }
    }
    free(wal);
    return error;
}

int vd_duckdb_day_remove(const struct vd_duckdb *store, const struct vd_duckdb_day *day)
{
    char *path = vd_duckdb_day_path(store, day);
    int error = path != NULL ? unlink_with_wal(path) : VD_E_NOMEM;

    free(path);
    return error;
}

int vd_duckdb_new_remove(const struct vd_duckdb *store, int32_t day)
{
    char *path = vd_duckdb_new_path(store, day);
    int error = path != NULL ? unlink_with_wal(path) : VD_E_NOMEM;

    free(path);
    return error;
}

static uint64_t file_bytes(const char *path)
{
    struct stat status;

    return path != NULL && stat(path, &status) == 0 ? (uint64_t)status.st_size : 0;
}

bool vd_duckdb_day_has_log(const struct vd_duckdb *store, const struct vd_duckdb_day *day)
{
    char *path = vd_duckdb_day_path(store, day);
    char *wal = path != NULL ? with_suffix(path, WAL_SUFFIX) : NULL;
    const bool has = file_bytes(wal) > 0;

    free(path);
    free(wal);
    return has;
}

uint64_t vd_duckdb_day_bytes(const struct vd_duckdb *store, const struct vd_duckdb_day *day)
{
    char *path = vd_duckdb_day_path(store, day);
    char *wal = path != NULL ? with_suffix(path, WAL_SUFFIX) : NULL;
    uint64_t bytes = file_bytes(path) + file_bytes(wal);

    free(path);
    free(wal);
    return bytes;
}

int vd_duckdb_new_publish(const struct vd_duckdb *store, const struct vd_duckdb_day *day)
{
    char *new_path = vd_duckdb_new_path(store, day->day);
    char *path = vd_duckdb_day_path(store, day);
    int fd = new_path != NULL && path != NULL ? open(new_path, O_RDONLY | O_CLOEXEC) : -1;
    int error = new_path != NULL && path != NULL ? VD_OK : VD_E_NOMEM;

    if (error == VD_OK && (fd < 0 || fsync(fd) != 0 || rename(new_path, path) != 0)) {
        error = vd_error_from_errno(errno);
    }
    if (fd >= 0) {
        close(fd);
    }
    if (error == VD_OK) {
        error = vd_sync_folder(store->folder);
    }
    free(new_path);
    free(path);
    return error;
}
