/* SPDX-License-Identifier: MIT */
/* A device's firmware with the security module in it: lwIP, mbed TLS, and one loop that drives all. */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/memory_buffer_alloc.h>
#include <mbedtls/platform.h>
#include <mbedtls/platform_time.h>
#include <mbedtls/platform_util.h>

#include "azure_iot_security_module/inc/security_module.h"
#include "azure_iot_security_module/ports/lwip/asc_lwip_capture.h"
#include "azure_iot_security_module/ports/lwip/asc_lwip_hub.h"
#include "azure_iot_security_module/ports/lwip/asc_lwip_system.h"
#include "lwip/dns.h"
#include "lwip/init.h"
#include "lwip/timeouts.h"
#include "netif/ethernet.h"
#include "tests/firmware/config.h"
#include "tests/firmware/log.h"
#include "tests/firmware/mps2/board.h"
#include "tests/firmware/mps2/lan9118.h"
#include "tests/firmware/sensor.h"

int main(void);

/* All that mbed TLS allocates; the peak is logged at the end. */
#define TLS_MEMORY_BYTES (48u * 1024u)

static const struct firmware_config *const config =
    (const struct firmware_config *)FIRMWARE_CONFIG_ADDRESS;

static unsigned char tls_memory[TLS_MEMORY_BYTES];
static mbedtls_ctr_drbg_context drbg;
static struct netif netif;
static struct asc_module module;
static struct asc_lwip_netif hook;
static struct asc_lwip_hub hub;
static struct asc_lwip_system module_system;

/* ---- Log, time, random numbers. ---- */

void firmware_log(const char *format, ...)
{
    char line[216];
    va_list arguments;
    int n = snprintf(line, sizeof line, "%lu ", (unsigned long)clock_ms());

    va_start(arguments, format);
    vsnprintf(line + n, sizeof line - (size_t)n, format, arguments);
    va_end(arguments);
    uart_write(line);
    uart_write("\n");
}

void firmware_fatal(const char *who, const char *what)
{
    firmware_log("fatal %s: %s", who, what);
    board_halt();
}

u32_t sys_now(void)
{
    return clock_ms();
}

static uint32_t time_utc_s(void *context)
{
    (void)context;
    return config->time_utc_s == 0 ? 0 : config->time_utc_s + clock_ms() / 1000;
}

static mbedtls_time_t tls_time(mbedtls_time_t *out)
{
    mbedtls_time_t now = (mbedtls_time_t)time_utc_s(NULL);

    if (out != NULL) {
        *out = now;
    }
    return now;
}

struct tm *mbedtls_platform_gmtime_r(const mbedtls_time_t *when, struct tm *out)
{
    return gmtime_r(when, out);
}

static int give_seed(void *seed, unsigned char *out, size_t length)
{
    if (length > sizeof config->seed) {
        return MBEDTLS_ERR_CTR_DRBG_ENTROPY_SOURCE_FAILED;
    }
    memcpy(out, seed, length);
    return 0;
}

void firmware_random_init(const uint8_t seed[48])
{
    uint8_t copy[48];

    memcpy(copy, seed, sizeof copy);
    mbedtls_ctr_drbg_init(&drbg);
    mbedtls_ctr_drbg_set_nonce_len(&drbg, 0);
    if (mbedtls_ctr_drbg_seed(&drbg, give_seed, copy, NULL, 0) != 0) {
        firmware_fatal("random", "no seed");
    }
    mbedtls_platform_zeroize(copy, sizeof copy);
}

int firmware_random(void *context, unsigned char *out, size_t length)
{
    (void)context;
    return mbedtls_ctr_drbg_random(&drbg, out, length);
}

uint32_t firmware_random_u32(void)
{
    uint32_t value = 0;

    if (firmware_random(NULL, (unsigned char *)&value, sizeof value) != 0) {
        firmware_fatal("random", "the generator failed");
    }
    return value;
}

static bool module_random(void *user, uint8_t *out, size_t length)
{
    return firmware_random(user, out, length) == 0;
}

/* ---- Between the module and its connection. ---- */

static void on_connected(void *context, bool connected)
{
    (void)context;
    asc_module_connected(&module, connected);
}

static void on_sent(void *context, bool delivered)
{
    (void)context;
    asc_module_sent(&module, delivered);
    firmware_log(delivered ? "message_delivered" : "message_kept");
}

static void on_log(void *context, const char *event, const char *reason, int code)
{
    (void)context;
    firmware_log("%s reason=\"%s\" code=%d", event, reason, code);
}

static void start_hub(void)
{
    static const char client[] = "vedette%2Ffirmware-test";
    const struct asc_lwip_hub_options options = {
        .host = config->hub_name,
        .port = config->hub_port,
        .identity = {config->hub_name, config->device_id, NULL, client},
        .key = config->key,
        .key_length = config->key_length,
        .ca = (const uint8_t *)config->ca,
        .ca_bytes = config->ca_length,
        .time_utc_s = time_utc_s,
        .random = firmware_random,
        .connected = on_connected,
        .sent = on_sent,
        .log = on_log,
    };
    const char *problem = asc_lwip_hub_init(&hub, &options);

    if (problem != NULL) {
        firmware_fatal("hub", problem);
    }
}

static void start_module(void)
{
    struct asc_settings settings = asc_settings_default();
    enum asc_result result;

    module_system.time_utc_s = time_utc_s;
    module_system.random = module_random;
    module_system.send = asc_lwip_hub_send;
    module_system.sender = &hub;
    module_system.hw = "Cortex-M3, MPS2 AN385";
    settings.security_module_id = config->device_id;
    settings.first_interval_s = config->interval_s;
    settings.high_interval_s = config->interval_s;
    result = asc_module_init(&module, &asc_lwip_port, &module_system, &settings);
    if (result == ASC_OK) {
        result = asc_module_enable(&module);
    }
    if (result != ASC_OK) {
        firmware_fatal("module", asc_result_text(result));
    }
    if (asc_lwip_attach(&hook, &netif, &module) != ERR_OK) {
        firmware_fatal("module", "cannot be attached to the network");
    }
}

static void start_network(void)
{
    const uint8_t *a = config->address, *m = config->netmask, *g = config->gateway,
                  *h = config->hub_address;
    ip4_addr_t address, netmask, gateway;
    ip_addr_t hub_address = IPADDR4_INIT_BYTES(h[0], h[1], h[2], h[3]);

    IP4_ADDR(&address, a[0], a[1], a[2], a[3]);
    IP4_ADDR(&netmask, m[0], m[1], m[2], m[3]);
    IP4_ADDR(&gateway, g[0], g[1], g[2], g[3]);
    lwip_init();
    if (netif_add(&netif, &address, &netmask, &gateway, NULL, lan9118_init, ethernet_input) ==
        NULL) {
        firmware_fatal("network", "the chip does not answer");
    }
    netif_set_default(&netif);
    netif_set_up(&netif);
    if (dns_local_addhost(config->hub_name, &hub_address) != ERR_OK) {
        firmware_fatal("network", "no memory for the hub's address");
    }
}

/* ---- The end of counting. ---- */

/* The command came in the last packet that counts, and its answer was the last to go out. */
static void stop_counting(void)
{
    struct asc_counters c;
    size_t peak, blocks;

    if (!asc_lwip_detach(&hook)) {
        firmware_fatal("module", "cannot be detached from the network");
    }
    asc_module_flush(&module);
    c = asc_module_counters(&module);
    firmware_log("stopped counted=%lu overflowed=%lu malformed=%lu ignored=%lu lost=%lu",
        (unsigned long)c.packets_counted, (unsigned long)c.packets_overflowed,
        (unsigned long)c.packets_malformed, (unsigned long)c.packets_ignored,
        (unsigned long)lan9118_lost());
    mbedtls_memory_buffer_alloc_max_get(&peak, &blocks);
    firmware_log("memory tls_peak=%lu stack_peak=%lu hub=%lu module=%lu", (unsigned long)peak,
        (unsigned long)board_stack_peak(), (unsigned long)sizeof hub, (unsigned long)sizeof module);
}

int main(void)
{
    bool counting = true;

    uart_init();
    clock_init();
    if (memcmp(config->magic, FIRMWARE_CONFIG_MAGIC, sizeof config->magic) != 0) {
        firmware_fatal("config", "no configuration block");
    }
    mbedtls_memory_buffer_alloc_init(tls_memory, sizeof tls_memory);
    (void)mbedtls_platform_set_time(tls_time);
    firmware_random_init(config->seed);
    start_network();
    start_module();
    start_hub();
    sensor_start(config);
    firmware_log("started device=%s", config->device_id);
    for (;;) {
        /* One frame a turn: the command to stop must not be followed by another. */
        (void)lan9118_poll(&netif);
        if (counting && sensor_stopped()) {
            counting = false;
            stop_counting();
        }
        sys_check_timeouts();
        sensor_step();
        (void)asc_lwip_hub_step(&hub);
        (void)asc_module_step(&module);
    }
}
