/* SPDX-License-Identifier: MIT */
/* Reads the portal's pages and answers with them. */

#include "api/portal/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "lib/log.h"

#define PATH_SIZE 256
/* Half of a SHA-256 in hex, in quotes, "-gz" for the compressed form. */
#define ETAG_BYTES 16
#define ETAG_SIZE  (2 * ETAG_BYTES + 2 + 3 + 1)

#define INDEX  "index.html"
#define ASSETS "assets/"

struct file {
    char path[PATH_SIZE];
    const char *type;
    struct vd_buf plain;
    struct vd_buf gzip; /* empty: it would not be smaller */
    char tag[2 * ETAG_BYTES + 1];
    bool is_immutable;
};

struct vd_portal_files {
    struct file *files; /* by path */
    size_t count;
    size_t bytes;
    const struct file *index;
};

static const struct {
    const char *ending;
    const char *type;
    bool is_text; /* worth being compressed */
} types[] = {
    {".html", "text/html; charset=utf-8", true},
    {".js", "text/javascript; charset=utf-8", true},
    {".css", "text/css; charset=utf-8", true},
    {".json", "application/json; charset=utf-8", true},
    {".webmanifest", "application/manifest+json", true},
    {".svg", "image/svg+xml", true},
    {".txt", "text/plain; charset=utf-8", true},
    {".png", "image/png", false},
    {".ico", "image/x-icon", true},
    {".webp", "image/webp", false},
    {".woff2", "font/woff2", false},
    {".wasm", "application/wasm", true},
};

/* ---- Reading ---- */

static bool ends_with(const char *text, const char *ending)
{
    const size_t length = strlen(text);
    const size_t tail = strlen(ending);

    return length >= tail && strcmp(text + length - tail, ending) == 0;
}

/* Vite names what it makes by its content: assets/name-XXXXXXXX.ext. */
static bool has_hash(const char *path)
{
    const char *dash = strrchr(path, '-');
    const char *dot = strrchr(path, '.');
    /* A hash may hold a dash itself. */
    const char *from = dot != NULL && dot - path > 9 ? dot - 9 : NULL;

    return strncmp(path, ASSETS, sizeof ASSETS - 1) == 0 && dash != NULL && from != NULL &&
        *from == '-' && strcspn(from, "/") > (size_t)(dot - from);
}

static int read_whole(int fd, size_t length, struct vd_buf *out)
{
    uint8_t *at = vd_buf_reserve(out, length);

    out->length = at != NULL ? length : 0;
    while (at != NULL && length > 0) {
        const ssize_t n = read(fd, at, length);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return VD_E_IO; /* it became shorter meanwhile */
        }
        at += n;
        length -= (size_t)n;
    }
    return out->error;
}

static int compress_to(const struct vd_buf *plain, struct vd_buf *out)
{
    z_stream stream = {.next_in = plain->data, .avail_in = (uInt)plain->length};
    const uLong bound = compressBound((uLong)plain->length) + 32;
    int error = VD_E_NOMEM;

    /* 16 above the window's size makes a gzip header of it. */
    if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, MAX_WBITS + 16, 9,
            Z_DEFAULT_STRATEGY) != Z_OK) {
        return error;
    }
    stream.next_out = vd_buf_reserve(out, bound);
    stream.avail_out = (uInt)bound;
    if (stream.next_out != NULL && deflate(&stream, Z_FINISH) == Z_STREAM_END) {
        out->length = stream.total_out;
        error = VD_OK;
    }
    deflateEnd(&stream);
    return error;
}

static int describe(struct file *file)
{
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    bool is_text = false;

    file->type = "application/octet-stream";
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (ends_with(file->path, types[i].ending)) {
            file->type = types[i].type;
            is_text = types[i].is_text;
        }
    }
    file->is_immutable = has_hash(file->path);
    if (EVP_Digest(file->plain.data, file->plain.length, hash, &length, EVP_sha256(), NULL) != 1) {
        return VD_E_NOMEM;
    }
    for (size_t i = 0; i < ETAG_BYTES; i++) {
        snprintf(file->tag + 2 * i, 3, "%02x", hash[i]);
    }
    if (is_text && compress_to(&file->plain, &file->gzip) != VD_OK) {
        return VD_E_NOMEM;
    }
    if (file->gzip.length >= file->plain.length) {
        vd_buf_release(&file->gzip);
    }
    return VD_OK;
}

static void file_release(struct file *file)
{
    vd_buf_release(&file->plain);
    vd_buf_release(&file->gzip);
}

/* Room for one more; NULL: no memory. */
static struct file *file_add(struct vd_portal_files *files)
{
    struct file *grown = files->files;

    if ((files->count & (files->count - 1)) == 0) {
        grown = realloc(grown, (files->count == 0 ? 1 : 2 * files->count) * sizeof *grown);
    }
    if (grown == NULL) {
        return NULL;
    }
    files->files = grown;
    grown[files->count] = (struct file){.type = NULL};
    return &grown[files->count++];
}

static int read_file(struct vd_portal_files *files, int fd, const char *path, off_t size)
{
    struct file *file;
    int error;

    if (files->count == VD_PORTAL_FILES_MAX || size > VD_PORTAL_FILE_MAX_BYTES ||
        files->bytes + (size_t)size > VD_PORTAL_ALL_MAX_BYTES) {
        return VD_E_LIMIT;
    }
    file = file_add(files);
    if (file == NULL) {
        return VD_E_NOMEM;
    }
    files->bytes += (size_t)size;
    error = vd_text_copy(path, file->path, sizeof file->path);
    if (error == VD_OK) {
        error = read_whole(fd, (size_t)size, &file->plain);
    }
    return error == VD_OK ? describe(file) : error;
}

static int read_folder(struct vd_portal_files *files, int fd, const char *path, unsigned depth);

/* fd: the entry's, which stays the caller's */
static int read_opened(struct vd_portal_files *files, int fd, const char *path, unsigned depth)
{
    struct stat status;

    if (fstat(fd, &status) != 0) {
        return vd_error_from_errno(errno);
    }
    if (S_ISREG(status.st_mode)) {
        return read_file(files, fd, path, status.st_size);
    }
    if (!S_ISDIR(status.st_mode)) {
        return VD_OK;
    }
    return depth < VD_PORTAL_DEPTH_MAX ? read_folder(files, fd, path, depth + 1) : VD_E_LIMIT;
}

/* parent: the path of the folder that it is in */
static int read_entry(
    struct vd_portal_files *files, int folder, const char *parent, const char *name, unsigned depth)
{
    char path[PATH_SIZE];
    int fd;
    int error;

    if (name[0] == '.') {
        return VD_OK;
    }
    if (snprintf(path, sizeof path, "%s%s%s", parent, parent[0] != '\0' ? "/" : "", name) >=
        (int)sizeof path) {
        return VD_E_LIMIT;
    }
    fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return vd_error_from_errno(errno);
    }
    error = read_opened(files, fd, path, depth);
    close(fd);
    return error;
}

/* To no greater depth than VD_PORTAL_DEPTH_MAX. */
static int read_folder(struct vd_portal_files *files, int fd, const char *path, unsigned depth)
{
    const int own = dup(fd);
    DIR *folder = own >= 0 ? fdopendir(own) : NULL;
    const struct dirent *entry;
    int error = VD_OK;

    if (folder == NULL) {
        error = vd_error_from_errno(errno);
        if (own >= 0) {
            close(own);
        }
        return error;
    }
    while (error == VD_OK && (entry = readdir(folder)) != NULL) {
        error = read_entry(files, fd, path, entry->d_name, depth);
    }
    closedir(folder);
    return error;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct file *)a)->path, ((const struct file *)b)->path);
}

static const struct file *find(const struct vd_portal_files *files, const char *path)
{
    struct file key;

    if (vd_text_copy(path, key.path, sizeof key.path) != VD_OK) {
        return NULL;
    }
    return bsearch(&key, files->files, files->count, sizeof key, by_path);
}

int vd_portal_files_read(const char *folder, struct vd_portal_files **out)
{
    struct vd_portal_files *files;
    int fd = open(folder, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    int error;

    if (fd < 0) {
        return errno == ENOTDIR ? VD_E_NOT_FOUND : vd_error_from_errno(errno);
    }
    files = calloc(1, sizeof *files);
    error = files != NULL ? read_folder(files, fd, "", 1) : VD_E_NOMEM;
    close(fd);
    if (error == VD_OK && files->count > 0) {
        qsort(files->files, files->count, sizeof files->files[0], by_path);
        files->index = find(files, INDEX);
    }
    if (error == VD_OK && files->index == NULL) {
        error = VD_E_NOT_FOUND;
    }
    if (error != VD_OK) {
        vd_portal_files_free(files);
        return error;
    }
    vd_log(VD_LOG_INFO, "portal.read", "folder=\"%s\" files=%zu bytes=%zu", folder, files->count,
        files->bytes);
    *out = files;
    return VD_OK;
}

void vd_portal_files_free(struct vd_portal_files *files)
{
    for (size_t i = 0; files != NULL && i < files->count; i++) {
        file_release(&files->files[i]);
    }
    if (files != NULL) {
        free(files->files);
        free(files);
    }
}

/* ---- Answering ---- */

/* True for the parameters of a weight of 0. */
static bool is_refused(const char *parameters, const char *end)
{
    const char *weight = memchr(parameters, '=', (size_t)(end - parameters));
    const size_t zeros = weight != NULL ? strspn(weight + 1, "0.") : 0;

    return zeros > 0 && (weight + 1 + zeros >= end || strchr(" \t", weight[1 + zeros]) != NULL);
}

/* True if the client takes the compressed form (RFC 9110 section 12.5.3). */
static bool accepts_gzip(const struct vd_http_request *request)
{
    const char *at = vd_http_header(request, "Accept-Encoding");

    while (at != NULL && *at != '\0') {
        const char *item = at + strspn(at, " \t");
        const char *end = item + strcspn(item, ",");
        const size_t name = strcspn(item, ";, \t");

        if (name == 4 && strncasecmp(item, "gzip", 4) == 0) {
            return !is_refused(item + name, end);
        }
        at = *end == ',' ? end + 1 : end;
    }
    return false;
}

/* True if the client has this form of the file already (RFC 9110 section 13.1.2). */
static bool has_already(const struct vd_http_request *request, const char *etag)
{
    const char *known = vd_http_header(request, "If-None-Match");

    return known != NULL && (strcmp(known, "*") == 0 || strstr(known, etag) != NULL);
}

static void answer_file(
    const struct file *file, const struct vd_http_request *request, struct vd_http_answer *answer)
{
    const bool is_gzip = file->gzip.length > 0 && accepts_gzip(request);
    const struct vd_buf *form = is_gzip ? &file->gzip : &file->plain;
    struct vd_http_content *content = vd_http_content_new();
    char etag[ETAG_SIZE];

    if (content == NULL) {
        return;
    }
    snprintf(etag, sizeof etag, "\"%s%s\"", file->tag, is_gzip ? "-gz" : "");
    vd_http_content_header(content, "ETag", etag);
    vd_http_content_header(content, "Vary", "Accept-Encoding");
    /* The page names the others; asked for anew each time, it costs a 304. */
    vd_http_content_header(content, "Cache-Control",
        file->is_immutable ? "public, max-age=31536000, immutable" : "no-cache");
    answer->status = 304;
    if (!has_already(request, etag)) {
        answer->status = 200;
        vd_http_content_header(content, "Content-Type", file->type);
        if (is_gzip) {
            vd_http_content_header(content, "Content-Encoding", "gzip");
        }
        vd_buf_append(&content->body, form->data, form->length);
    }
    answer->content = content;
    if (content->body.error != VD_OK || content->headers.error != VD_OK) {
        vd_http_content_free(content);
        answer->content = NULL;
        answer->status = 500;
    }
}

void vd_portal_files_answer(const struct vd_portal_files *files, const char *path,
    const struct vd_http_request *request, struct vd_http_answer *answer)
{
    const struct file *file = find(files, path);

    if (file == NULL && strncmp(path, ASSETS, sizeof ASSETS - 1) != 0) {
        file = files->index;
    }
    if (file != NULL) {
        answer_file(file, request, answer);
    } else {
        answer->status = 404;
        answer->body = json_pack(
            "{s:{s:s, s:s}}", "error", "code", "NotFound", "message", "there is no such file");
    }
}
