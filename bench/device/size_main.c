/* SPDX-License-Identifier: MIT */
/* The smallest firmware that uses the whole module: what `make size` links and weighs. */

#include "azure_iot_security_module/inc/security_module.h"

int main(void);

struct asc_module module_instance;

static uint32_t no_time(void *context)
{
    (void)context;
    return 0;
}

static bool no_random(void *context, uint8_t *out, size_t length)
{
    (void)context;
    (void)out;
    return length == 0;
}

static enum asc_send_result no_send(void *context, const uint8_t *message, uint32_t length)
{
    (void)context;
    (void)message;
    (void)length;
    return ASC_SEND_RETRY;
}

static void no_information(void *context, struct asc_system_information *out)
{
    (void)context;
    out->os = "-";
}

int main(void)
{
    static const struct asc_port port = {
        .time_utc_s = no_time,
        .uptime_ms = no_time,
        .random = no_random,
        .send = no_send,
        .system_information = no_information,
    };
    static const uint8_t bytes[1];
    static const struct asc_segment packet = {bytes, sizeof bytes, NULL};
    struct asc_settings settings = asc_settings_default();

    settings.security_module_id = "size";
    if (asc_module_init(&module_instance, &port, NULL, &settings) != ASC_OK ||
        asc_module_enable(&module_instance) != ASC_OK) {
        return 1;
    }
    asc_module_connected(&module_instance, true);
    asc_module_packet(&module_instance, ASC_IN, ASC_UNICAST, &packet);
    (void)asc_module_step(&module_instance);
    asc_module_sent(&module_instance, true);
    asc_module_disable(&module_instance);
    return 0;
}
