/* SPDX-License-Identifier: MIT */
/* A firmware with a stack of its own: the example of docs/device.md, with a board behind it that is none. */

#include <stdbool.h>
#include <string.h>

#include "azure_iot_security_module/inc/security_module.h"

static uint32_t rtc_seconds(void *context)
{
    (void)context;
    return 0;
}

static uint32_t tick_milliseconds(void *context)
{
    (void)context;
    return 0;
}

static bool trng_fill(void *context, uint8_t *out, size_t length)
{
    (void)context;
    memset(out, 0x5a, length);
    return true;
}

static void mask_interrupts(void *context)
{
    (void)context;
}

static void restore_interrupts(void *context)
{
    (void)context;
}

static enum asc_send_result send_telemetry(void *context, const uint8_t *message, uint32_t length)
{
    (void)context;
    (void)message;
    (void)length;
    return ASC_SEND_DONE;
}

static void about_system(void *context, struct asc_system_information *out)
{
    (void)context;
    out->os = "none";
}

static const char *device_id(void)
{
    return "pump-7";
}

int security_start(void);

/* The example, as tests/portable/module_alone has taken it out of the page. */
#include "example.c"

/* Returns 0 if the module does what the example promises. */
int main(void)
{
    static const uint8_t bytes[20] = {0x45, 0, 0, 20};
    const struct asc_segment packet = {bytes, sizeof bytes, NULL};

    if (security_start() != 0 || asc_module_state(&module) != ASC_STATE_PENDING) {
        return 1;
    }
    asc_module_connected(&module, true);
    asc_module_packet(&module, ASC_OUT, ASC_UNICAST, &packet);
    asc_module_flush(&module);
    (void)asc_module_step(&module);
    return asc_module_counters(&module).messages_sent == (ASC_COLLECT_ALL != 0) ? 0 : 2;
}
