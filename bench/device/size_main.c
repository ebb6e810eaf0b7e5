/* SPDX-License-Identifier: MIT */
/* The smallest firmware that uses the whole module: what the size report links. */

#include "azure_iot_security_module/inc/security_module.h"

int main(void);

static struct asc_module m;

static uint32_t port_zero(void *context)
{
    (void)context;
    return 0;
}

static bool port_random(void *context, uint8_t *out, size_t length)
{
    (void)context;
    (void)out;
    (void)length;
    return true;
}

static void port_lock(void *context)
{
    (void)context;
}

static enum asc_send_result port_send(void *context, const uint8_t *message, uint32_t length)
{
    (void)context;
    (void)message;
    (void)length;
    return ASC_SEND_PENDING;
}

static void port_information(void *context, struct asc_system_information *out)
{
    (void)context;
    (void)out;
}

static const struct asc_port port = {
    port_zero, port_zero, port_random, port_lock, port_lock, port_send, port_information, NULL};

int main(void)
{
    const uint8_t *volatile from = NULL;
    const struct asc_settings settings = asc_settings_default();

    if (asc_module_init(&m, &port, NULL, &settings) != ASC_OK || asc_module_enable(&m) != ASC_OK) {
        return 1;
    }
    for (;;) {
        const struct asc_segment segment = {from, 1500, NULL};

        asc_module_connected(&m, from != NULL);
        asc_module_packet(&m, ASC_IN, ASC_UNICAST, &segment);
        (void)asc_module_step(&m);
        asc_module_sent(&m, from != NULL);
        if (from == NULL) {
            asc_module_disable(&m);
        }
    }
}
