/* SPDX-License-Identifier: MIT */
/* The functions of the port, in the terms of lwIP's system layer. */

#include "azure_iot_security_module/ports/lwip/asc_lwip_system.h"

#include "lwip/init.h"

#if !SYS_LIGHTWEIGHT_PROT && !NO_SYS
#error "asc_lwip_system.c needs SYS_LIGHTWEIGHT_PROT 1 where drivers and lwIP run in threads"
#endif

#define LWIP_NAME "lwIP " LWIP_VERSION_STRING

static uint32_t system_time(void *context)
{
    const struct asc_lwip_system *s = context;

    return s->time_utc_s != NULL ? s->time_utc_s(s->user) : 0;
}

static uint32_t system_uptime(void *context)
{
    (void)context;
    return sys_now();
}

static bool system_random(void *context, uint8_t *out, size_t length)
{
    const struct asc_lwip_system *s = context;

    return s->random != NULL && s->random(s->user, out, length);
}

#if SYS_LIGHTWEIGHT_PROT
static void system_lock(void *context)
{
    struct asc_lwip_system *s = context;
    SYS_ARCH_DECL_PROTECT(level);

    SYS_ARCH_PROTECT(level);
    s->level = level; /* ours alone until it is given up */
}

static void system_unlock(void *context)
{
    const struct asc_lwip_system *s = context;
    const sys_prot_t level = s->level;

    SYS_ARCH_UNPROTECT(level);
}
#endif

static enum asc_send_result system_send(void *context, const uint8_t *message, uint32_t length)
{
    const struct asc_lwip_system *s = context;

    return s->send != NULL ? s->send(s->sender, message, length) : ASC_SEND_RETRY;
}

static void system_information(void *context, struct asc_system_information *out)
{
    const struct asc_lwip_system *s = context;

    out->os = s->os != NULL ? s->os : LWIP_NAME;
    out->kernel = LWIP_NAME;
    out->hw = s->hw;
}

static void system_log(void *context, enum asc_log_level level, const char *text)
{
    const struct asc_lwip_system *s = context;

    if (s->log != NULL) {
        s->log(s->user, level, text);
    }
}

const struct asc_port asc_lwip_port = {
    .time_utc_s = system_time,
    .uptime_ms = system_uptime,
    .random = system_random,
#if SYS_LIGHTWEIGHT_PROT
    .lock = system_lock,
    .unlock = system_unlock,
#endif
    .send = system_send,
    .system_information = system_information,
    .log = system_log,
};
