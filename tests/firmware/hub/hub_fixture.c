/* SPDX-License-Identifier: MIT */
/* What lwIP, mbed TLS and the connection get from a firmware, given by the test: time, randomness, memory. */

#include "tests/firmware/hub/hub_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <mbedtls/platform.h>
#include <openssl/rand.h>

#include "lwip/dns.h"
#include "lwip/init.h"
#include "lwip/stats.h"
#include "lwip/sys.h"
#include "lwip/timeouts.h"
#include "netif/ethernet.h"
#include "tests/firmware/hub/tap.h"
#include "tests/firmware/log.h"

#define WAIT_MS 20000

const uint8_t hub_fixture_key[HUB_FIXTURE_KEY_BYTES + 1] = "0123456789abcdef0123456789abcdef";
struct hub_fixture fixture;
static struct netif netif;

/* ---- What the firmware gives lwIP, mbed TLS and the connection. ---- */

void firmware_fatal(const char *who, const char *what)
{
    fprintf(stderr, "%s: %s\n", who, what);
    abort();
}

int firmware_random(void *context, unsigned char *out, size_t length)
{
    (void)context;
    return RAND_bytes(out, (int)length) == 1 ? 0 : -1;
}

uint32_t firmware_random_u32(void)
{
    uint32_t value = 0;

    assert_int_equal(firmware_random(NULL, (unsigned char *)&value, sizeof(value)), 0);
    return value;
}

static uint64_t real_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)(now.tv_nsec / 1000000);
}

u32_t sys_now(void)
{
    return (uint32_t)real_ms() + fixture.skipped_ms;
}

static uint32_t time_utc_s(void *context)
{
    (void)context;
    if (fixture.no_time) {
        return 0;
    }
    return fixture.utc_s != 0 ? fixture.utc_s : (uint32_t)time(NULL) + fixture.skipped_ms / 1000;
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

static void *allocate(size_t count, size_t size)
{
    void *block = fixture.allocations_left == 0 ? NULL : calloc(count, size);

    fixture.allocations_left -= fixture.allocations_left > 0;
    fixture.allocated += block != NULL;
    return block;
}

static void give_back(void *block)
{
    fixture.allocated -= block != NULL;
    free(block);
}

static void on_connected(void *context, bool connected)
{
    assert_ptr_equal(context, &fixture);
    fixture.connected += connected;
    fixture.disconnected += !connected;
}

static void on_sent(void *context, bool delivered)
{
    assert_ptr_equal(context, &fixture);
    fixture.delivered += delivered;
    fixture.undelivered += !delivered;
}

static void on_log(void *context, const char *event, const char *reason, int code)
{
    int n;

    assert_ptr_equal(context, &fixture);
    if (fixture.log_length > sizeof(fixture.log) / 2) {
        fixture.log_length = 0; /* the newest is what the tests look for */
    }
    n = snprintf(fixture.log + fixture.log_length, sizeof(fixture.log) - fixture.log_length,
        "%s reason=\"%s\" code=%d\n", event, reason, code);
    assert_in_range(n, 1, 256);
    fixture.log_length += (size_t)n;
}

bool hub_fixture_logged(const char *text)
{
    return strstr(fixture.log, text) != NULL;
}

/* ---- The fixture. ---- */

struct asc_lwip_hub_options hub_fixture_options(void)
{
    return (struct asc_lwip_hub_options){
        .host = HOST,
        .port = hub_server_port(fixture.server),
        .identity = {HOST, DEVICE, NULL, "test"},
        .key = hub_fixture_key,
        .key_length = HUB_FIXTURE_KEY_BYTES,
        .ca = fixture.ca_pem,
        .ca_bytes = fixture.ca_bytes,
        .time_utc_s = time_utc_s,
        .random = firmware_random,
        .connected = on_connected,
        .sent = on_sent,
        .log = on_log,
        .context = &fixture,
    };
}

static void read_ca(void)
{
    char path[] = "/tmp/vedette-ca-XXXXXX";
    int fd = mkstemp(path);
    FILE *file;

    assert_true(fd >= 0);
    close(fd);
    test_ca_write(&fixture.ca, path);
    file = fopen(path, "r");
    assert_non_null(file);
    fixture.ca_bytes = fread(fixture.ca_pem, 1, sizeof(fixture.ca_pem) - 1, file);
    fixture.ca_pem[fixture.ca_bytes++] = '\0';
    assert_int_equal(fclose(file), 0);
    assert_int_equal(unlink(path), 0);
}

int hub_fixture_setup(void **state)
{
    (void)state;
    memset(&fixture, 0, sizeof(fixture));
    fixture.allocations_left = -1;
    fixture.ca = test_ca_new("test CA");
    read_ca();
    return 0;
}

void hub_fixture_serve(SSL_CTX *context)
{
    fixture.context = context;
    fixture.server = hub_server_start(context, TAP_KERNEL);
}

SSL_CTX *hub_fixture_good_context(void)
{
    return test_server_context(&fixture.ca, "DNS:" HOST, -3600, 86400);
}

void hub_fixture_make(void)
{
    struct asc_lwip_hub_options o = hub_fixture_options();

    assert_null(asc_lwip_hub_init(&fixture.hub, &o));
    fixture.made = true;
}

void hub_fixture_step(int timeout_ms)
{
    tap_poll(&netif, timeout_ms);
    sys_check_timeouts();
    (void)asc_lwip_hub_step(&fixture.hub);
}

void hub_fixture_pass_ms(uint32_t ms)
{
    while (ms > 0) {
        uint32_t part = ms < 200 ? ms : 200;

        fixture.skipped_ms += part;
        ms -= part;
        tap_poll(&netif, 0);
        sys_check_timeouts();
    }
}

bool hub_fixture_run_until(bool (*holds)(void))
{
    uint64_t end = real_ms() + WAIT_MS;

    while (!holds() && real_ms() < end) {
        hub_fixture_step(1);
    }
    return holds();
}

int hub_fixture_teardown(void **state)
{
    (void)state;
    if (fixture.made) {
        asc_lwip_hub_stop(&fixture.hub);
        assert_int_equal(fixture.hub.state, ASC_LWIP_HUB_STOPPED);
        assert_int_equal(fixture.connected, fixture.disconnected);
        assert_int_equal(asc_lwip_hub_step(&fixture.hub), UINT32_MAX);
    }
    assert_int_equal(fixture.allocated, 0);
    hub_fixture_pass_ms(200000); /* what TCP keeps after a connection goes too */
    assert_int_equal(lwip_stats.memp[MEMP_PBUF_POOL]->used, 0);
    assert_int_equal(lwip_stats.memp[MEMP_TCP_SEG]->used, 0);
    assert_int_equal(lwip_stats.memp[MEMP_TCP_PCB]->used, 0);
    if (fixture.server != NULL) {
        hub_server_stop(fixture.server);
    }
    SSL_CTX_free(fixture.context);
    test_ca_release(&fixture.ca);
    return 0;
}

int hub_fixture_start_lwip(void **state)
{
    const ip_addr_t kernel = IPADDR4_INIT_BYTES(10, 78, 0, 1);
    ip4_addr_t address, netmask, gateway;

    (void)state;
    mbedtls_platform_set_calloc_free(allocate, give_back);
    mbedtls_platform_set_time(tls_time);
    IP4_ADDR(&address, 10, 78, 0, 2);
    IP4_ADDR(&netmask, 255, 255, 255, 0);
    IP4_ADDR(&gateway, 10, 78, 0, 1);
    lwip_init();
    assert_non_null(
        netif_add(&netif, &address, &netmask, &gateway, NULL, tap_init, ethernet_input));
    netif_set_default(&netif);
    netif_set_up(&netif);
    dns_setserver(0, &kernel); /* where nobody answers */
    assert_int_equal(dns_local_addhost(HOST, &kernel), ERR_OK);
    return 0;
}
