/* SPDX-License-Identifier: MIT */
/* Threads that give way: what queries compute must not hold up what devices send. */

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "center/store/duckdb_internal.h"

struct call {
    void (*function)(void *context);
    void *context;
};

static void *call_main(void *argument)
{
    const struct call *call = argument;

    /* Of this thread alone, and of those that it makes. Without it all goes on, only less fairly. */
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), VD_QUERY_NICENESS);
    call->function(call->context);
    return NULL;
}

void vd_duckdb_call_nicely(void (*function)(void *context), void *context)
{
    struct call call = {function, context};
    pthread_t thread;

    if (pthread_create(&thread, NULL, call_main, &call) == 0) {
        pthread_join(thread, NULL);
    } else {
        function(context);
    }
}
