/* SPDX-License-Identifier: MIT */
/* A VFS around the real one, and the images of what was synced. */

#include "tests/power/power.h"

#include <dirent.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#define FILES_MAX  8
#define IMAGES_MAX 4096
#define PATH_SIZE  256

struct bytes {
    uint8_t *data;
    size_t length;
};

/* One write that was not synced; length 0: cut off at the offset. */
struct unsynced {
    int64_t offset;
    struct bytes bytes;
};

/* A file by its name, whether it is open or not. */
struct track {
    char path[PATH_SIZE];
    bool is_there; /* after a loss of power */
    struct bytes synced;
    struct unsynced *writes;
    size_t write_count;
    bool is_removed; /* since the folder was synced; */
    bool is_anew;    /* and made again: the writes begin with nothing */
};

struct image {
    struct {
        bool is_there;
        struct bytes bytes;
    } files[FILES_MAX];
};

struct power_file {
    sqlite3_file base;
    struct track *track; /* NULL: none that is watched */
    sqlite3_file *real;
    bool
        syncs_folder; /* with its next sync: as the real VFS does for a journal or WAL that it has made */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* for all that follows */
static sqlite3_vfs *real_vfs;
static sqlite3_vfs power_vfs;
static char watched[PATH_SIZE];
static char other[PATH_SIZE]; /* where images are written */
static struct track tracks[FILES_MAX];
static size_t track_count;
static struct image *images[IMAGES_MAX];
static size_t image_count;
static uint32_t random_state = 5;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % limit;
}

/* ---- Bytes ---- */

static void resize(struct bytes *bytes, size_t length)
{
    uint8_t *data = realloc(bytes->data, length + 1);

    if (data == NULL) {
        abort();
    }
    if (length > bytes->length) {
        memset(data + bytes->length, 0, length - bytes->length);
    }
    bytes->data = data;
    bytes->length = length;
}

static void put(struct bytes *bytes, int64_t offset, const void *data, size_t length)
{
    size_t end = (size_t)offset + length;

    if (bytes->data == NULL || end > bytes->length) {
        resize(bytes, end > bytes->length ? end : bytes->length);
    }
    memcpy(bytes->data + offset, data, length);
}

static struct bytes copy(const struct bytes *bytes)
{
    struct bytes made = {NULL, 0};

    if (bytes->length > 0) {
        put(&made, 0, bytes->data, bytes->length);
    }
    return made;
}

static void apply(struct bytes *bytes, const struct unsynced *write, size_t length)
{
    if (write->bytes.length > 0) {
        put(bytes, write->offset, write->bytes.data, length);
    } else if ((size_t)write->offset < bytes->length) {
        resize(bytes, (size_t)write->offset);
    }
}

/* ---- Tracks; with the lock ---- */

static struct track *track_of(const char *path)
{
    size_t length = strlen(watched);

    if (path == NULL || strncmp(path, watched, length) != 0 || path[length] != '/') {
        return NULL;
    }
    for (size_t i = 0; i < track_count; i++) {
        if (strcmp(tracks[i].path, path) == 0) {
            return &tracks[i];
        }
    }
    if (track_count == FILES_MAX) {
        abort();
    }
    tracks[track_count] = (struct track){.is_there = false};
    snprintf(tracks[track_count].path, PATH_SIZE, "%s", path);
    return &tracks[track_count++];
}

static void forget_writes(struct track *track)
{
    for (size_t i = 0; i < track->write_count; i++) {
        free(track->writes[i].bytes.data);
    }
    free(track->writes);
    track->writes = NULL;
    track->write_count = 0;
}

static void note_write(struct track *track, int64_t offset, const void *data, size_t length)
{
    struct unsynced *writes =
        realloc(track->writes, (track->write_count + 1) * sizeof *track->writes);

    if (writes == NULL) {
        abort();
    }
    track->writes = writes;
    writes[track->write_count] = (struct unsynced){.offset = offset};
    if (data != NULL) {
        put(&writes[track->write_count].bytes, 0, data, length);
    }
    track->write_count++;
}

/* What is left of the file if parts of what was not synced survive. */
static struct bytes partly(const struct track *track)
{
    const struct bytes nothing = {NULL, 0};
    bool from_nothing = track->is_anew && random_below(2) == 0;
    struct bytes left = copy(from_nothing ? &nothing : &track->synced);

    if (track->is_anew && !from_nothing) {
        return left; /* still the old file */
    }
    for (size_t i = 0; i < track->write_count; i++) {
        const struct unsynced *write = &track->writes[i];
        uint32_t fate = random_below(3);

        if (fate == 0) {
            apply(&left, write, write->bytes.length);
        } else if (fate == 1 && write->bytes.length > 1) {
            apply(&left, write, 1 + random_below((uint32_t)write->bytes.length - 1));
        }
    }
    return left;
}

static void keep_image(bool is_partly)
{
    struct image *image = calloc(1, sizeof *image);

    if (image == NULL || image_count == IMAGES_MAX) {
        abort();
    }
    for (size_t i = 0; i < track_count; i++) {
        image->files[i].is_there = tracks[i].is_there;
        image->files[i].bytes = is_partly ? partly(&tracks[i]) : copy(&tracks[i].synced);
    }
    images[image_count++] = image;
}

/* What was removed is gone for good; what was made anew is there, with nothing in it. */
static void sync_folder(void)
{
    for (size_t i = 0; i < track_count; i++) {
        if (tracks[i].is_removed || tracks[i].is_anew) {
            tracks[i].is_there = tracks[i].is_anew;
            tracks[i].is_removed = false;
            tracks[i].is_anew = false;
            resize(&tracks[i].synced, 0);
        }
    }
}

static void sync_track(struct track *track)
{
    if (track->is_anew) {
        resize(&track->synced, 0);
    }
    for (size_t i = 0; i < track->write_count; i++) {
        apply(&track->synced, &track->writes[i], track->writes[i].bytes.length);
    }
    track->is_there = true;
    track->is_anew = false;
    forget_writes(track);
}

/* ---- Files ---- */

static struct power_file *self_of(sqlite3_file *file)
{
    return (struct power_file *)file;
}

static sqlite3_file *real_of(sqlite3_file *file)
{
    return self_of(file)->real;
}

static int file_close(sqlite3_file *file)
{
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int file_read(sqlite3_file *file, void *out, int length, sqlite3_int64 offset)
{
    return real_of(file)->pMethods->xRead(real_of(file), out, length, offset);
}

static int file_write(sqlite3_file *file, const void *data, int length, sqlite3_int64 offset)
{
    struct track *track = self_of(file)->track;
    int result = real_of(file)->pMethods->xWrite(real_of(file), data, length, offset);

    if (track != NULL && result == SQLITE_OK) {
        pthread_mutex_lock(&lock);
        note_write(track, offset, data, (size_t)length);
        pthread_mutex_unlock(&lock);
    }
    return result;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct track *track = self_of(file)->track;
    int result = real_of(file)->pMethods->xTruncate(real_of(file), size);

    if (track != NULL && result == SQLITE_OK) {
        pthread_mutex_lock(&lock);
        note_write(track, size, NULL, 0);
        pthread_mutex_unlock(&lock);
    }
    return result;
}

static int file_sync(sqlite3_file *file, int flags)
{
    struct track *track = self_of(file)->track;

    (void)flags;
    if (track != NULL) {
        pthread_mutex_lock(&lock);
        keep_image(true);
        if (self_of(file)->syncs_folder) {
            sync_folder();
            keep_image(true);
        }
        self_of(file)->syncs_folder = false;
        sync_track(track);
        keep_image(false);
        pthread_mutex_unlock(&lock);
    }
    return SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int file_lock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int file_unlock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int file_check_lock(sqlite3_file *file, int *out)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out);
}

static int file_control(sqlite3_file *file, int what, void *argument)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), what, argument);
}

static int file_sector_size(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int file_characteristics(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int file_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
    return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, out);
}

static int file_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
    return real_of(file)->pMethods->xShmLock(real_of(file), offset, count, flags);
}

static void file_shm_barrier(sqlite3_file *file)
{
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int file_shm_unmap(sqlite3_file *file, int remove)
{
    return real_of(file)->pMethods->xShmUnmap(real_of(file), remove);
}

/* Version 2: nothing is mapped, every write comes through here. */
static const sqlite3_io_methods file_methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

static int vfs_open(
    sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *out_flags)
{
    struct power_file *self = self_of(file);
    int result;

    (void)vfs;
    *self = (struct power_file){.real = (sqlite3_file *)(self + 1)};
    result = real_vfs->xOpen(real_vfs, path, self->real, flags, out_flags);
    if (self->real->pMethods != NULL) {
        file->pMethods = &file_methods;
    }
    if (result == SQLITE_OK) {
        pthread_mutex_lock(&lock);
        self->track = track_of(path);
        self->syncs_folder = (flags & SQLITE_OPEN_CREATE) != 0 &&
            (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) != 0;
        if (self->track != NULL && self->track->is_removed) {
            self->track->is_removed = false;
            self->track->is_anew = true;
        }
        pthread_mutex_unlock(&lock);
    }
    return result;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int is_synced)
{
    int result = real_vfs->xDelete(real_vfs, path, is_synced);
    struct track *track;

    (void)vfs;
    pthread_mutex_lock(&lock);
    track = track_of(path);
    if (track != NULL && result == SQLITE_OK) {
        forget_writes(track);
        track->is_removed = true;
        track->is_anew = false;
        if (is_synced != 0) {
            sync_folder();
        }
    }
    pthread_mutex_unlock(&lock);
    return result;
}

/* ---- For the tests ---- */

static void folder_make(char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, "/tmp/vd-power-XXXXXX");
    if (mkdtemp(path) == NULL) {
        abort();
    }
}

int power_set_up(void **state)
{
    (void)state;
    folder_make(watched);
    folder_make(other);
    real_vfs = sqlite3_vfs_find(NULL);
    power_vfs = *real_vfs;
    power_vfs.zName = "power";
    power_vfs.pNext = NULL;
    power_vfs.szOsFile = (int)sizeof(struct power_file) + real_vfs->szOsFile;
    power_vfs.xOpen = vfs_open;
    power_vfs.xDelete = vfs_delete;
    if (sqlite3_vfs_register(&power_vfs, 1) != SQLITE_OK) {
        abort();
    }
    return 0;
}

static void remove_files(const char *path)
{
    DIR *folder = opendir(path);

    if (folder == NULL) {
        abort();
    }
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] != '.') {
            unlinkat(dirfd(folder), entry->d_name, 0);
        }
    }
    closedir(folder);
}

static void folder_remove(char path[PATH_SIZE])
{
    remove_files(path);
    rmdir(path);
    path[0] = '\0';
}

int power_tear_down(void **state)
{
    (void)state;
    sqlite3_vfs_unregister(&power_vfs);
    sqlite3_vfs_register(real_vfs, 1);
    power_images_drop();
    for (size_t i = 0; i < track_count; i++) {
        forget_writes(&tracks[i]);
        free(tracks[i].synced.data);
    }
    memset(tracks, 0, sizeof tracks);
    track_count = 0;
    folder_remove(watched);
    folder_remove(other);
    return 0;
}

const char *power_path(const char *name)
{
    static char path[2 * PATH_SIZE];

    snprintf(path, sizeof path, "%s/%s", watched, name);
    return path;
}

const char *power_image_path(const char *name)
{
    static char path[2 * PATH_SIZE];

    snprintf(path, sizeof path, "%s/%s", other, name);
    return path;
}

void power_cut(void)
{
    pthread_mutex_lock(&lock);
    keep_image(false);
    pthread_mutex_unlock(&lock);
}

size_t power_images(void)
{
    size_t count;

    pthread_mutex_lock(&lock);
    count = image_count;
    pthread_mutex_unlock(&lock);
    return count;
}

void power_image_write(size_t index)
{
    pthread_mutex_lock(&lock);
    remove_files(other);
    for (size_t i = 0; i < track_count; i++) {
        const struct bytes *bytes = &images[index]->files[i].bytes;
        char path[2 * PATH_SIZE];
        FILE *file;

        if (!images[index]->files[i].is_there) {
            continue;
        }
        snprintf(path, sizeof path, "%s%s", other, tracks[i].path + strlen(watched));
        file = fopen(path, "wx");
        if (file == NULL ||
            (bytes->length > 0 && fwrite(bytes->data, bytes->length, 1, file) != 1) ||
            fclose(file) != 0) {
            abort();
        }
    }
    pthread_mutex_unlock(&lock);
}

void power_images_drop(void)
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < image_count; i++) {
        for (size_t k = 0; k < FILES_MAX; k++) {
            free(images[i]->files[k].bytes.data);
        }
        free(images[i]);
    }
    image_count = 0;
    pthread_mutex_unlock(&lock);
}
