/* SPDX-License-Identifier: MIT */
/* The manifest as JSON. */

#include "cli/backup/manifest.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/clock.h"

/* ---- Paths ---- */

/* Letters, digits and - . _, no dot in front: nothing leads out of the folder. */
static bool is_name(const char *text, size_t length)
{
    bool good = length > 0 && text[0] != '.';

    for (size_t i = 0; good && i < length; i++) {
        good = isalnum((unsigned char)text[i]) != 0 || strchr("-._", text[i]) != NULL;
    }
    return good;
}

static bool is_path(const char *path)
{
    const char *slash = strchr(path, '/');

    if (strlen(path) >= VD_BACKUP_PATH_SIZE || strcmp(path, VD_MANIFEST_FILE) == 0) {
        return false;
    }
    return slash == NULL
        ? is_name(path, strlen(path))
        : is_name(path, (size_t)(slash - path)) && is_name(slash + 1, strlen(slash + 1));
}

static bool is_sha256(const char *text)
{
    return strlen(text) == VD_SHA256_HEX_SIZE - 1 &&
        strspn(text, "0123456789abcdef") == VD_SHA256_HEX_SIZE - 1;
}

/* ---- The list ---- */

int vd_manifest_add(struct vd_manifest *manifest, const struct vd_manifest_file *file)
{
    struct vd_manifest_file *files;

    if (manifest->count >= VD_MANIFEST_FILES_MAX || !is_path(file->path)) {
        return VD_E_LIMIT;
    }
    if ((manifest->count & (manifest->count - 1)) == 0) {
        files = realloc(
            manifest->files, (manifest->count == 0 ? 1 : manifest->count * 2) * sizeof *files);
        if (files == NULL) {
            return VD_E_NOMEM;
        }
        manifest->files = files;
    }
    manifest->files[manifest->count++] = *file;
    return VD_OK;
}

const struct vd_manifest_file *vd_manifest_find(
    const struct vd_manifest *manifest, const char *path)
{
    for (size_t i = 0; i < manifest->count; i++) {
        if (strcmp(manifest->files[i].path, path) == 0) {
            return &manifest->files[i];
        }
    }
    return NULL;
}

void vd_manifest_release(struct vd_manifest *manifest)
{
    free(manifest->files);
    manifest->files = NULL;
    manifest->count = 0;
}

/* ---- As JSON ---- */

static json_t *files_json(const struct vd_manifest *manifest)
{
    json_t *files = json_array();

    for (size_t i = 0; i < manifest->count; i++) {
        const struct vd_manifest_file *file = &manifest->files[i];

        if (json_array_append_new(files,
                json_pack("{s:s, s:I, s:s}", "path", file->path, "bytes", (json_int_t)file->bytes,
                    "sha256", file->sha256)) != 0) {
            json_decref(files);
            return NULL;
        }
    }
    return files;
}

char *vd_manifest_text(const struct vd_manifest *manifest)
{
    char cut[VD_TIME_TEXT_SIZE];
    char finished[VD_TIME_TEXT_SIZE];
    json_t *json;
    char *text;

    vd_time_format(manifest->cut_ms, cut);
    vd_time_format(manifest->finished_ms, finished);
    json = json_pack("{s:i, s:s, s:s, s:s, s:s, s:I, s:b, s:o}", "format", VD_MANIFEST_FORMAT,
        "version", manifest->version, "hub", manifest->hub_name, "cut", cut, "finished", finished,
        "pauseMicroseconds", (json_int_t)manifest->pause_us, "hasMasterKey",
        manifest->has_master_key ? 1 : 0, "files", files_json(manifest));
    text = json != NULL ? json_dumps(json, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(json);
    return text;
}

static bool read_time(const json_t *json, const char *name, int64_t *out)
{
    const char *text = json_string_value(json_object_get(json, name));

    return text != NULL && vd_time_parse(text, out) == VD_OK;
}

static bool read_text(const json_t *json, const char *name, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(json, name));

    return text != NULL && vd_text_copy(text, out, size) == VD_OK;
}

static bool read_entry(const json_t *json, struct vd_manifest_file *out)
{
    const json_t *bytes = json_object_get(json, "bytes");

    *out = (struct vd_manifest_file){.bytes = (uint64_t)json_integer_value(bytes)};
    return read_text(json, "path", out->path, sizeof out->path) && is_path(out->path) &&
        json_is_integer(bytes) && json_integer_value(bytes) >= 0 &&
        read_text(json, "sha256", out->sha256, sizeof out->sha256) && is_sha256(out->sha256);
}

/* In the order of the paths, none twice. */
static int read_entries(
    const json_t *list, struct vd_manifest *out, char *error_text, size_t error_size)
{
    int error = VD_OK;

    if (!json_is_array(list)) {
        snprintf(error_text, error_size, "the list of its files is missing");
        return VD_E_CORRUPT;
    }
    for (size_t i = 0; error == VD_OK && i < json_array_size(list); i++) {
        struct vd_manifest_file file;

        if (!read_entry(json_array_get(list, i), &file) ||
            (i > 0 && strcmp(out->files[i - 1].path, file.path) >= 0)) {
            snprintf(error_text, error_size, "entry %zu of its files is not of the form", i + 1);
            error = VD_E_CORRUPT;
        } else {
            error = vd_manifest_add(out, &file);
        }
    }
    return error;
}

static int read_json(
    const json_t *json, struct vd_manifest *out, char *error_text, size_t error_size)
{
    const json_t *format = json_object_get(json, "format");
    const json_t *pause = json_object_get(json, "pauseMicroseconds");
    const json_t *has_key = json_object_get(json, "hasMasterKey");

    if (json_is_integer(format) && json_integer_value(format) > VD_MANIFEST_FORMAT) {
        snprintf(error_text, error_size,
            "a backup of format %lld; this program knows format %d and is older than the one that wrote it",
            (long long)json_integer_value(format), VD_MANIFEST_FORMAT);
        return VD_E_NEWER;
    }
    if (!json_is_integer(format) || json_integer_value(format) != VD_MANIFEST_FORMAT ||
        !json_is_boolean(has_key) || !json_is_integer(pause) ||
        !read_text(json, "version", out->version, sizeof out->version) ||
        !read_text(json, "hub", out->hub_name, sizeof out->hub_name) ||
        !read_time(json, "cut", &out->cut_ms) || !read_time(json, "finished", &out->finished_ms)) {
        snprintf(error_text, error_size, "it is not a manifest, or a member is missing");
        return VD_E_CORRUPT;
    }
    out->pause_us = json_integer_value(pause);
    out->has_master_key = json_is_true(has_key);
    return read_entries(json_object_get(json, "files"), out, error_text, error_size);
}

int vd_manifest_parse(
    struct vd_str text, struct vd_manifest *out, char *error_text, size_t error_size)
{
    struct vd_manifest manifest = {0};
    json_error_t where;
    json_t *json = json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES, &where);
    int error = VD_E_CORRUPT;

    if (json == NULL) {
        snprintf(error_text, error_size, "line %d: %s", where.line, where.text);
    } else {
        error = read_json(json, &manifest, error_text, error_size);
    }
    json_decref(json);
    if (error != VD_OK) {
        vd_manifest_release(&manifest);
        return error;
    }
    *out = manifest;
    return VD_OK;
}
