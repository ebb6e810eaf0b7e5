/* SPDX-License-Identifier: MIT */
/* Texts of feeds as files in the folder `intel` beside the alert store. For the store's files only. */

#ifndef VEDETTE_CENTER_STORE_FEED_FILES_H
#define VEDETTE_CENTER_STORE_FEED_FILES_H

#include "lib/str.h"

#define VD_FEED_PATH_SIZE 4096
/* "feed-" and a UUID. */
#define VD_FEED_FILE_SIZE 48

/* A file's text, mapped. */
struct vd_feed_text {
    struct vd_str text;
    int64_t mtime_ns; /* of the file */
};

/* The folder for the store's file at `path`, made if it is absent. */
VD_NODISCARD int vd_feed_folder(const char *path, char out[VD_FEED_PATH_SIZE]);
/* Writes the text to a new file, durably; its name is `file`. */
VD_NODISCARD int vd_feed_file_write(
    const char *folder, struct vd_str text, char file[VD_FEED_FILE_SIZE]);
void vd_feed_file_remove(const char *folder, const char *file);
/* Maps a file, which must not change meanwhile; VD_E_LIMIT: longer than a feed may be. */
VD_NODISCARD int vd_feed_text_map(const char *path, struct vd_feed_text *out);
/* Reads a file that may change meanwhile into memory likewise. */
VD_NODISCARD int vd_feed_text_read(const char *path, struct vd_buf *out, int64_t *mtime_ns);
/* When a file was changed last. */
VD_NODISCARD int vd_feed_source_time(const char *path, int64_t *mtime_ns);
void vd_feed_text_unmap(struct vd_feed_text *text);
/* Removes files of feeds that `is_used` does not know. */
void vd_feed_files_sweep(
    const char *folder, bool (*is_used)(void *context, const char *file), void *context);

#endif
