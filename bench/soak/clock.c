/* SPDX-License-Identifier: MIT */
/* A clock that runs faster, for programs that know nothing of it: loaded before the C library (LD_PRELOAD). */

#include <dlfcn.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)
#define MS     INT64_C(1000000)
/* What a program waits for so short a time for is not that time passes, but that work gathers or others get on: such a wait
 * takes as long as ever, and a longer one not less. Else a loop that does its work ten times a second would do it hundreds of times. */
#define SHORT (100 * MS)
/* Times of the two kinds of clocks are told apart by this: no machine has been up since then. */
#define WALL_CLOCK_FROM (INT64_C(1000000000) * SECOND)

/* From the environment: SOAK_SPEED, SOAK_BEGIN (ns of the machine's CLOCK_BOOTTIME), SOAK_TIME (s since 1970 at that moment). */
static int64_t speed = 1;
static int64_t begin;
static int64_t wall;

static struct {
    int (*epoll_wait)(int, struct epoll_event *, int, int);
    int (*poll)(struct pollfd *, nfds_t, int);
    int (*select)(int, fd_set *, fd_set *, fd_set *, struct timeval *);
    int (*cond_wait)(pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *);
    int (*sem_wait)(sem_t *, clockid_t, const struct timespec *);
} next;

static int64_t to_ns(const struct timespec *t)
{
    return (int64_t)t->tv_sec * SECOND + t->tv_nsec;
}

static struct timespec to_timespec(int64_t ns)
{
    return (struct timespec){.tv_sec = ns / SECOND, .tv_nsec = ns % SECOND};
}

/* The machine's own. */
static int64_t real_ns(clockid_t clock)
{
    struct timespec now;

    syscall(SYS_clock_gettime, clock, &now);
    return to_ns(&now);
}

static int64_t passed(void)
{
    return (real_ns(CLOCK_BOOTTIME) - begin) * speed;
}

static int64_t from_environment(const char *name, int64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? strtoll(text, NULL, 10) : otherwise;
}

__attribute__((constructor)) static void start(void)
{
    *(void **)&next.epoll_wait = dlsym(RTLD_NEXT, "epoll_wait");
    *(void **)&next.poll = dlsym(RTLD_NEXT, "poll");
    *(void **)&next.select = dlsym(RTLD_NEXT, "select");
    *(void **)&next.cond_wait = dlsym(RTLD_NEXT, "pthread_cond_clockwait");
    *(void **)&next.sem_wait = dlsym(RTLD_NEXT, "sem_clockwait");
    speed = from_environment("SOAK_SPEED", 1);
    begin = from_environment("SOAK_BEGIN", 0);
    wall = from_environment("SOAK_TIME", 0) * SECOND;
}

/* How long a wait of `ns` takes in the machine's time. */
static int64_t shortened(int64_t ns)
{
    const int64_t least = ns < SHORT ? ns : SHORT;

    return ns / speed > least ? ns / speed : least;
}

/* Likewise of poll and its kin: negative is for ever; what is not 0 does not become it. */
static int shortened_ms(int ms)
{
    return ms <= 0 ? ms : (int)((shortened(ms * MS) + MS - 1) / MS);
}

/* ---- What time it is ---- */

int clock_gettime(clockid_t clock, struct timespec *out)
{
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        *out = to_timespec(wall + passed());
        return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_BOOTTIME:
        *out = to_timespec(begin + passed());
        return 0;
    default: /* processor time */
        return (int)syscall(SYS_clock_gettime, clock, out);
    }
}

time_t time(time_t *out)
{
    const time_t now = (wall + passed()) / SECOND;

    if (out != NULL) {
        *out = now;
    }
    return now;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    const int64_t now = wall + passed();

    (void)zone;
    *out = (struct timeval){.tv_sec = now / SECOND, .tv_usec = now % SECOND / 1000};
    return 0;
}

/* ---- Waits ---- */

int epoll_wait(int fd, struct epoll_event *events, int count, int ms)
{
    return next.epoll_wait(fd, events, count, shortened_ms(ms));
}

int poll(struct pollfd *fds, nfds_t count, int ms)
{
    return next.poll(fds, count, shortened_ms(ms));
}

int select(int count, fd_set *restrict in, fd_set *restrict out, fd_set *restrict bad,
    struct timeval *restrict wait)
{
    struct timeval real;
    int64_t ns;

    if (wait == NULL) {
        return next.select(count, in, out, bad, NULL);
    }
    ns = shortened(wait->tv_sec * SECOND + wait->tv_usec * 1000);
    real = (struct timeval){.tv_sec = ns / SECOND, .tv_usec = ns % SECOND / 1000};
    return next.select(count, in, out, bad, &real);
}

int clock_nanosleep(
    clockid_t clock, int flags, const struct timespec *wait, struct timespec *remaining)
{
    struct timespec now = {0};
    struct timespec real;

    if (flags == TIMER_ABSTIME) {
        clock_gettime(clock, &now);
    }
    real = to_timespec(shortened(to_ns(wait) > to_ns(&now) ? to_ns(wait) - to_ns(&now) : 0));
    (void)remaining; /* asked for only by who goes on after a signal */
    return (int)syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &real, NULL);
}

int nanosleep(const struct timespec *wait, struct timespec *remaining)
{
    return clock_nanosleep(CLOCK_MONOTONIC, 0, wait, remaining);
}

int usleep(useconds_t us)
{
    const struct timespec wait = to_timespec((int64_t)us * 1000);

    return clock_nanosleep(CLOCK_MONOTONIC, 0, &wait, NULL);
}

unsigned sleep(unsigned seconds)
{
    const struct timespec wait = {.tv_sec = seconds};

    clock_nanosleep(CLOCK_MONOTONIC, 0, &wait, NULL);
    return 0;
}

/* The moment of CLOCK_MONOTONIC at which a wait until `until`, of either clock, is over. */
static struct timespec real_deadline(const struct timespec *until)
{
    const int64_t then = to_ns(until);
    const int64_t now = passed() + (then < WALL_CLOCK_FROM ? begin : wall);

    return to_timespec(real_ns(CLOCK_MONOTONIC) + (then > now ? shortened(then - now) : 0));
}

int pthread_cond_clockwait(
    pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t clock, const struct timespec *until)
{
    const struct timespec real = real_deadline(until);

    (void)clock;
    return next.cond_wait(cond, mutex, CLOCK_MONOTONIC, &real);
}

int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
    const struct timespec *restrict until)
{
    return pthread_cond_clockwait(cond, mutex, CLOCK_REALTIME, until);
}

int sem_clockwait(sem_t *sem, clockid_t clock, const struct timespec *until)
{
    const struct timespec real = real_deadline(until);

    (void)clock;
    return next.sem_wait(sem, CLOCK_MONOTONIC, &real);
}

int sem_timedwait(sem_t *restrict sem, const struct timespec *restrict until)
{
    return sem_clockwait(sem, CLOCK_REALTIME, until);
}
