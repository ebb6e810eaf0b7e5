/* SPDX-License-Identifier: MIT */
/* The least firmware: a module that counts one packet and reports it. */

#include <stdio.h>
#include <string.h>

#include "azure_iot_security_module/inc/security_module.h"

static struct asc_module module;
static uint32_t now_ms;
static uint32_t sent;

static uint32_t time_utc_s(void *context)
{
    (void)context;
    return 1700000000;
}

static uint32_t uptime_ms(void *context)
{
    (void)context;
    return now_ms;
}

static bool random_bytes(void *context, uint8_t *out, size_t length)
{
    (void)context;
    memset(out, 7, length);
    return true;
}

static enum asc_send_result send(void *context, const uint8_t *message, uint32_t length)
{
    (void)context;
    (void)message;
    sent += length;
    return ASC_SEND_DONE;
}

static const struct asc_port port = {
    .time_utc_s = time_utc_s, .uptime_ms = uptime_ms, .random = random_bytes, .send = send};

/* UDP from 192.0.2.1:53 to 192.0.2.2:1024, without payload. */
static const uint8_t packet[] = {
    0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0, 53, 4, 0, 0, 8, 0, 0};

int main(void)
{
    const struct asc_segment segment = {.data = packet, .length = sizeof packet};
    struct asc_settings settings = asc_settings_default();

    settings.security_module_id = "pump-7";
    if (asc_module_init(&module, &port, NULL, &settings) != ASC_OK ||
        asc_module_enable(&module) != ASC_OK) {
        fputs("the module does not start\n", stderr);
        return 1;
    }
    asc_module_connected(&module, true);
    asc_module_packet(&module, ASC_IN, ASC_UNICAST, &segment);
    for (int i = 0; i < 60; i++) {
        now_ms += asc_module_step(&module);
    }
    if (asc_module_counters(&module).packets_counted != 1 || sent == 0) {
        fputs("the packet is not counted, or not reported\n", stderr);
        return 1;
    }
    printf("%u bytes sent, %zu bytes of RAM\n", (unsigned)sent, sizeof module);
    return 0;
}
