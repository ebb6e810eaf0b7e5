/* SPDX-License-Identifier: MIT */
/* Preloaded into the program under test: the calls of the C library that a test wants to count, to fail, or to end it at. */

#include "tests/faults/faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static struct faults *faults;

/* What is called where the shim does not step in; looked up at the first call. The C standard knows no cast to it. */
static void *next_of(void *_Atomic *found, const char *name)
{
    void *next = atomic_load(found);

    if (next == NULL) {
        next = dlsym(RTLD_NEXT, name);
        atomic_store(found, next);
    }
    return next;
}

#define NEXT(name)                                  \
    static void *_Atomic found;                     \
    void *const found_now = next_of(&found, #name); \
    __typeof__(name) *next;                         \
    memcpy(&next, &found_now, sizeof next);

__attribute__((constructor)) static void attach(void)
{
    const char *path = getenv(FAULTS_ENV);
    const int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *page = fd >= 0
        ? mmap(NULL, sizeof(struct faults), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
        : MAP_FAILED;

    if (page == MAP_FAILED) {
        fprintf(stderr, "%s names no page of faults\n", FAULTS_ENV);
        _exit(127);
    }
    close(fd);
    faults = page;
}

/* ---- Files ---- */

static bool is_meant(const char *path)
{
    return faults != NULL && faults->below[0] != '\0' && strstr(path, faults->below) != NULL;
}

static bool is_meant_fd(int fd)
{
    char link[32];
    char path[512];
    ssize_t length;

    if (faults == NULL || faults->below[0] == '\0') {
        return false;
    }
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    return is_meant(path);
}

static void pass_point(void)
{
    if (atomic_fetch_add(&faults->points, 1) + 1 == atomic_load(&faults->kill_at)) {
        kill(getpid(), SIGKILL);
    }
}

/* Of a call that writes `length` bytes; how many it may write, or -1 and errno. */
static ssize_t begin_write(int fd, size_t length)
{
    int error;

    if (!is_meant_fd(fd)) {
        return (ssize_t)length;
    }
    error = atomic_load(&faults->write_errno);
    if (error != 0) {
        errno = error;
        return -1;
    }
    if (atomic_load(&faults->counts_writes)) {
        pass_point();
    }
    return (ssize_t)(length > 1 && atomic_load(&faults->short_writes) ? length / 2 : length);
}

/* Of a call that makes something durable; false: it fails, with errno. */
static bool begin_point(bool meant)
{
    int error;

    if (!meant) {
        return true;
    }
    error = atomic_load(&faults->write_errno);
    if (error != 0) {
        errno = error;
        return false;
    }
    pass_point();
    return true;
}

static bool may_read(int fd)
{
    const int error = faults != NULL ? atomic_load(&faults->read_errno) : 0;

    if (error == 0 || !is_meant_fd(fd)) {
        return true;
    }
    errno = error;
    return false;
}

ssize_t write(int fd, const void *data, size_t length)
{
    NEXT(write)
    const ssize_t allowed = fd > 2 ? begin_write(fd, length) : (ssize_t)length;

    return allowed < 0 ? -1 : next(fd, data, (size_t)allowed);
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset)
{
    NEXT(pwrite)
    const ssize_t allowed = begin_write(fd, length);

    return allowed < 0 ? -1 : next(fd, data, (size_t)allowed, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset)
{
    NEXT(pwrite64)
    const ssize_t allowed = begin_write(fd, length);

    return allowed < 0 ? -1 : next(fd, data, (size_t)allowed, offset);
}

ssize_t read(int fd, void *data, size_t length)
{
    NEXT(read)
    return may_read(fd) ? next(fd, data, length) : -1;
}

ssize_t pread(int fd, void *data, size_t length, off_t offset)
{
    NEXT(pread)
    return may_read(fd) ? next(fd, data, length, offset) : -1;
}

ssize_t pread64(int fd, void *data, size_t length, off64_t offset)
{
    NEXT(pread64)
    return may_read(fd) ? next(fd, data, length, offset) : -1;
}

int fsync(int fd)
{
    NEXT(fsync)
    return begin_point(is_meant_fd(fd)) ? next(fd) : -1;
}

int fdatasync(int fd)
{
    NEXT(fdatasync)
    return begin_point(is_meant_fd(fd)) ? next(fd) : -1;
}

int ftruncate(int fd, off_t length)
{
    NEXT(ftruncate)
    return begin_point(is_meant_fd(fd)) ? next(fd, length) : -1;
}

int ftruncate64(int fd, off64_t length)
{
    NEXT(ftruncate64)
    return begin_point(is_meant_fd(fd)) ? next(fd, length) : -1;
}

int rename(const char *from, const char *to)
{
    NEXT(rename)
    return begin_point(is_meant(to)) ? next(from, to) : -1;
}

int link(const char *from, const char *to)
{
    NEXT(link)
    return begin_point(is_meant(to)) ? next(from, to) : -1;
}

int unlink(const char *path)
{
    NEXT(unlink)
    return begin_point(is_meant(path)) ? next(path) : -1;
}

/* ---- The time of day ---- */

static int64_t clock_offset_ms(void)
{
    return faults != NULL ? atomic_load(&faults->clock_ms) : 0;
}

int clock_gettime(clockid_t id, struct timespec *now)
{
    NEXT(clock_gettime)
    const int result = next(id, now);
    const int64_t ms = clock_offset_ms();

    if (result == 0 && ms != 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
        now->tv_sec += ms / 1000;
    }
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    NEXT(gettimeofday)
    const int result = next(now, zone);

    now->tv_sec += result == 0 ? clock_offset_ms() / 1000 : 0;
    return result;
}

time_t time(time_t *out)
{
    NEXT(time)
    const time_t now = next(NULL) + clock_offset_ms() / 1000;

    if (out != NULL) {
        *out = now;
    }
    return now;
}

/* ---- Memory ---- */

/* Within what the sanitizers' runtime cannot do without when a thread starts. */
static _Thread_local bool is_exempt __attribute__((tls_model("initial-exec")));

int pthread_getattr_np(pthread_t thread, pthread_attr_t *attributes)
{
    NEXT(pthread_getattr_np)
    int result;

    is_exempt = true;
    result = next(thread, attributes);
    is_exempt = false;
    return result;
}

static bool has_memory(void)
{
    unsigned left = faults != NULL && !is_exempt ? atomic_load(&faults->no_memory) : 0;

    while (left > 0) {
        if (atomic_compare_exchange_weak(&faults->no_memory, &left, left - 1)) {
            atomic_fetch_add(&faults->no_memory_had, 1);
            errno = ENOMEM;
            return false;
        }
    }
    return true;
}

void *malloc(size_t size)
{
    NEXT(malloc)
    return has_memory() ? next(size) : NULL;
}

void *realloc(void *data, size_t size)
{
    NEXT(realloc)
    return has_memory() ? next(data, size) : NULL;
}
