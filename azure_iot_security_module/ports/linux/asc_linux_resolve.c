/* SPDX-License-Identifier: MIT */
/* getaddrinfo in a detached thread that reports through an eventfd. */

#include "azure_iot_security_module/ports/linux/asc_linux_resolve.h"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "azure_iot_security_module/ports/linux/asc_linux_connection.h"

struct asc_linux_resolve {
    pthread_mutex_t mutex;
    int users; /* caller and thread */
    bool done;
    int fd;
    int result;
    struct addrinfo *addresses;
    char port[8];
    char host[ASC_LINUX_NAME_MAX_BYTES];
};

static void let_go(asc_linux_resolve *r)
{
    int left;

    pthread_mutex_lock(&r->mutex);
    left = --r->users;
    pthread_mutex_unlock(&r->mutex);
    if (left == 0) {
        if (r->addresses != NULL) {
            freeaddrinfo(r->addresses);
        }
        close(r->fd);
        pthread_mutex_destroy(&r->mutex);
        free(r);
    }
}

static void *look_up(void *context)
{
    asc_linux_resolve *r = context;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *addresses = NULL;
    uint64_t one = 1;
    int result = getaddrinfo(r->host, r->port, &hints, &addresses);
    ssize_t n;

    pthread_mutex_lock(&r->mutex);
    r->result = result;
    r->addresses = result == 0 ? addresses : NULL;
    r->done = true;
    pthread_mutex_unlock(&r->mutex);
    n = write(r->fd, &one, sizeof one);
    (void)n; /* a new eventfd always has room for 1 */
    let_go(r);
    return NULL;
}

/* Signals are the main thread's. */
static int start_thread(asc_linux_resolve *r)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    pthread_t thread;
    int error;

    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&thread, &attributes, look_up, r);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return error;
}

asc_linux_resolve *asc_linux_resolve_start(const char *host, uint16_t port)
{
    asc_linux_resolve *r = calloc(1, sizeof *r);

    if (r == NULL) {
        return NULL;
    }
    r->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (r->fd < 0) {
        free(r);
        return NULL;
    }
    pthread_mutex_init(&r->mutex, NULL);
    r->users = 2;
    snprintf(r->host, sizeof r->host, "%s", host);
    snprintf(r->port, sizeof r->port, "%u", (unsigned)port);
    if (start_thread(r) != 0) {
        r->users = 1;
        let_go(r);
        return NULL;
    }
    return r;
}

int asc_linux_resolve_fd(const asc_linux_resolve *r)
{
    return r->fd;
}

bool asc_linux_resolve_take(asc_linux_resolve *r, int *error, struct addrinfo **addresses)
{
    bool done;

    pthread_mutex_lock(&r->mutex);
    done = r->done;
    if (done) {
        *error = r->result;
        *addresses = r->addresses;
        r->addresses = NULL;
    }
    pthread_mutex_unlock(&r->mutex);
    return done;
}

void asc_linux_resolve_free(asc_linux_resolve *r)
{
    if (r != NULL) {
        let_go(r);
    }
}
