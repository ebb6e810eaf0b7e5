/* SPDX-License-Identifier: MIT */
/* Preloaded into a program, it makes its wall clock be off by VEDETTE_CLOCK_OFFSET_MS: for a service that has lived for days. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

#define MS_PER_S  1000
#define NS_PER_MS 1000000
#define NS_PER_S  1000000000

static int64_t offset_ms(void)
{
    const char *text = getenv("VEDETTE_CLOCK_OFFSET_MS");

    return text != NULL ? strtoll(text, NULL, 10) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);
    const int64_t offset = offset_ms();
    int result;

    if (real == NULL) {
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    }
    result = real(clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        int64_t ns = now->tv_nsec + offset % MS_PER_S * NS_PER_MS;

        now->tv_sec += offset / MS_PER_S + (ns < 0 ? -1 : ns / NS_PER_S);
        now->tv_nsec = ns < 0 ? ns + NS_PER_S : ns % NS_PER_S;
    }
    return result;
}

time_t time(time_t *out)
{
    struct timespec now = {0};

    clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL) {
        *out = now.tv_sec;
    }
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec now = {0};

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *out = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / MS_PER_S};
    return 0;
}
