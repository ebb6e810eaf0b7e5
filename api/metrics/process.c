/* SPDX-License-Identifier: MIT */
/* The process by /proc/self (proc(5)), the data directory by stat(2). */

#include "api/metrics/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Parts of a data directory: six databases, four folders, and room. */
#define PARTS_MAX 32
#define PART_SIZE 64

/* ---- The process ---- */

static bool read_number(const char *text, double *value)
{
    char *end;

    *value = strtod(text, &end);
    return end != text;
}

/* Field `index` of /proc/self/stat, of those that follow the name of the program (the first is 3); false: unreadable. */
static bool stat_field(int index, double *value)
{
    char text[1024];
    FILE *file = fopen("/proc/self/stat", "re");
    const size_t length = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;
    const char *at;

    if (file != NULL) {
        (void)fclose(file);
    }
    text[length] = '\0';
    at = strrchr(text, ')'); /* the name may hold spaces */
    for (int i = 2; at != NULL && i < index; i++) {
        at = strchr(at + 1, ' ');
    }
    return at != NULL && read_number(at, value);
}

/* When the system was started, in seconds since 1970. */
static bool boot_time(double *value)
{
    char line[256];
    bool found = false;
    FILE *file = fopen("/proc/stat", "re");

    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
        found = strncmp(line, "btime ", 6) == 0 && read_number(line + 6, value);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return found;
}

/* The folder's entries, without itself and its parent; -1: unreadable. */
static int entries(const char *folder)
{
    DIR *dir = opendir(folder);
    int count = 0;

    if (dir == NULL) {
        return -1;
    }
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        count += entry->d_name[0] != '.' ? 1 : 0;
    }
    closedir(dir);
    return count;
}

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

void vd_metrics_add_process(struct vd_exposition *out)
{
    struct rusage usage;
    struct rlimit limit;
    double boot = 0;
    double value = 0;
    const int fds = entries("/proc/self/fd");

    if (boot_time(&boot) && stat_field(22, &value)) {
        vd_exposition_add(out, VD_METRIC_START, NULL, boot + value / (double)sysconf(_SC_CLK_TCK));
    }
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        vd_exposition_add(
            out, VD_METRIC_CPU, NULL, seconds(usage.ru_utime) + seconds(usage.ru_stime));
    }
    if (stat_field(24, &value)) {
        vd_exposition_add(out, VD_METRIC_RESIDENT, NULL, value * (double)sysconf(_SC_PAGESIZE));
    }
    if (fds > 0) {
        vd_exposition_add(out, VD_METRIC_FDS, NULL, fds - 1); /* without the one that lists them */
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        vd_exposition_add(out, VD_METRIC_FDS_MAX, NULL, (double)limit.rlim_cur);
    }
}

/* ---- The data directory ---- */

struct parts {
    struct part {
        char name[PART_SIZE];
        double bytes;
    } list[PARTS_MAX];
    size_t count;
};

static void add_part(struct parts *parts, struct vd_str name, double bytes)
{
    size_t i = 0;

    while (i < parts->count && !vd_str_equal_text(name, parts->list[i].name)) {
        i++;
    }
    if (i == parts->count) {
        if (i == PARTS_MAX || vd_str_copy(name, parts->list[i].name, PART_SIZE) != VD_OK) {
            return;
        }
        parts->count++;
    }
    parts->list[i].bytes += bytes;
}

/* The sizes of the files of a folder in `parent`. */
static double folder_bytes(int parent, const char *name)
{
    const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    double bytes = 0;
    struct stat status;

    if (dir == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return 0;
    }
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(status.st_mode)) {
            bytes += (double)status.st_size;
        }
    }
    closedir(dir);
    return bytes;
}

void vd_metrics_add_stores(struct vd_exposition *out, const char *folder)
{
    DIR *dir = opendir(folder);
    struct parts parts = {.count = 0};
    struct stat status;

    if (dir == NULL) {
        return;
    }
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        const char *name = entry->d_name;
        const char *end = strstr(name, ".db"); /* of a database, or of its log */

        if (name[0] == '.' || fstatat(dirfd(dir), name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
            continue;
        }
        if (S_ISDIR(status.st_mode)) {
            add_part(&parts, vd_str_from(name), folder_bytes(dirfd(dir), name));
        } else if (S_ISREG(status.st_mode) && end != NULL) {
            add_part(&parts, (struct vd_str){name, (size_t)(end - name)}, (double)status.st_size);
        }
    }
    closedir(dir);
    for (size_t i = 0; i < parts.count; i++) {
        vd_exposition_add_one(out, VD_METRIC_STORE_BYTES, parts.list[i].name, parts.list[i].bytes);
    }
}
