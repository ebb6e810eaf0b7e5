/* SPDX-License-Identifier: MIT */
/* Ordinary traffic of a small device, over lwIP's raw API. */

#include "tests/firmware/sensor.h"

#include <stdio.h>
#include <string.h>

#include "lwip/icmp.h"
#include "lwip/inet_chksum.h"
#include "lwip/raw.h"
#include "lwip/tcp.h"
#include "lwip/udp.h"
#include "tests/firmware/log.h"
#include "tests/firmware/mps2/board.h"

#define REPORT_MS  400u
#define PING_MS    700u
#define FETCH_MS   900u
#define PING_BYTES 40u

static struct {
    ip_addr_t report_address;
    ip_addr_t ping_address;
    ip_addr_t fetch_address;
    uint16_t report_port;
    uint16_t fetch_port;
    uint32_t report_ms; /* when each was done last */
    uint32_t ping_ms;
    uint32_t fetch_ms;
    uint32_t reports;
    uint16_t pings;
    struct udp_pcb *udp;
    struct raw_pcb *raw;
    struct tcp_pcb *tcp; /* NULL: no fetch under way */
    uint32_t fetched_bytes;
    bool stopped;
} sensor;

static ip_addr_t address_of(const uint8_t bytes[4])
{
    return (ip_addr_t)IPADDR4_INIT_BYTES(bytes[0], bytes[1], bytes[2], bytes[3]);
}

/* ---- UDP: readings out, commands in. ---- */

static void send_text(const char *text)
{
    struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, (u16_t)strlen(text), PBUF_RAM);

    if (p != NULL) {
        (void)pbuf_take(p, text, (u16_t)strlen(text));
        (void)udp_sendto(sensor.udp, p, &sensor.report_address, sensor.report_port);
        (void)pbuf_free(p);
    }
}

static void on_command(
    void *context, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from, u16_t port)
{
    (void)context;
    (void)pcb;
    (void)from;
    (void)port;
    if (p->tot_len == sizeof FIRMWARE_COMMAND_STOP - 1 &&
        pbuf_memcmp(p, 0, FIRMWARE_COMMAND_STOP, sizeof FIRMWARE_COMMAND_STOP - 1) == 0) {
        send_text(FIRMWARE_ANSWER_STOPPED);
        sensor.stopped = true;
    }
    (void)pbuf_free(p);
}

static void report(void)
{
    char text[40];

    snprintf(text, sizeof text, "reading %lu", (unsigned long)++sensor.reports);
    send_text(text);
}

/* ---- ICMP ---- */

static void ping(void)
{
    struct pbuf *p = pbuf_alloc(PBUF_IP, PING_BYTES, PBUF_RAM);
    struct icmp_echo_hdr *echo;

    if (p == NULL) {
        return;
    }
    memset(p->payload, 'p', PING_BYTES);
    echo = p->payload;
    ICMPH_TYPE_SET(echo, ICMP_ECHO);
    ICMPH_CODE_SET(echo, 0);
    echo->id = lwip_htons(0x5644);
    echo->seqno = lwip_htons(++sensor.pings);
    echo->chksum = 0;
    echo->chksum = inet_chksum(echo, PING_BYTES);
    (void)raw_sendto(sensor.raw, p, &sensor.ping_address);
    (void)pbuf_free(p);
}

/* ---- TCP: a page by HTTP/1.0, whose server closes at the end. ---- */

static void on_fetch_error(void *context, err_t error)
{
    (void)context;
    firmware_log("fetch_failed error=%d", error);
    sensor.tcp = NULL;
}

/* Returns what a callback of the connection must return. */
static err_t end_fetch(struct tcp_pcb *pcb)
{
    sensor.tcp = NULL;
    tcp_recv(pcb, NULL);
    tcp_err(pcb, NULL);
    if (tcp_close(pcb) == ERR_OK) {
        return ERR_OK;
    }
    tcp_abort(pcb);
    return ERR_ABRT;
}

static err_t on_fetched(void *context, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    (void)context;
    (void)error;
    if (p != NULL) {
        sensor.fetched_bytes += p->tot_len;
        tcp_recved(pcb, p->tot_len);
        (void)pbuf_free(p);
        return ERR_OK;
    }
    firmware_log("fetched bytes=%lu", (unsigned long)sensor.fetched_bytes);
    return end_fetch(pcb);
}

static err_t on_fetch_connected(void *context, struct tcp_pcb *pcb, err_t error)
{
    static const char request[] = "GET /page HTTP/1.0\r\n\r\n";

    (void)context;
    (void)error;
    (void)tcp_write(pcb, request, sizeof request - 1, 0);
    return tcp_output(pcb);
}

static void fetch(void)
{
    if (sensor.tcp != NULL) {
        return;
    }
    sensor.tcp = tcp_new();
    if (sensor.tcp == NULL) {
        return;
    }
    sensor.fetched_bytes = 0;
    tcp_recv(sensor.tcp, on_fetched);
    tcp_err(sensor.tcp, on_fetch_error);
    if (tcp_connect(sensor.tcp, &sensor.fetch_address, sensor.fetch_port, on_fetch_connected) !=
        ERR_OK) {
        (void)end_fetch(sensor.tcp);
    }
}

/* ---- All of it. ---- */

static void every(uint32_t *last_ms, uint32_t period_ms, void (*action)(void))
{
    if (clock_ms() - *last_ms >= period_ms) {
        *last_ms = clock_ms();
        action();
    }
}

void sensor_start(const struct firmware_config *config)
{
    sensor.report_address = address_of(config->report_address);
    sensor.ping_address = address_of(config->gateway);
    sensor.fetch_address = address_of(config->fetch_address);
    sensor.report_port = config->report_port;
    sensor.fetch_port = config->fetch_port;
    sensor.udp = udp_new();
    sensor.raw = raw_new(IP_PROTO_ICMP);
    if (sensor.udp == NULL || sensor.raw == NULL ||
        udp_bind(sensor.udp, IP_ADDR_ANY, 0) != ERR_OK ||
        raw_bind(sensor.raw, IP_ADDR_ANY) != ERR_OK) {
        firmware_fatal("sensor", "lwIP has no memory");
    }
    udp_recv(sensor.udp, on_command, NULL);
}

void sensor_step(void)
{
    if (sensor.stopped) {
        return;
    }
    every(&sensor.report_ms, REPORT_MS, report);
    every(&sensor.ping_ms, PING_MS, ping);
    every(&sensor.fetch_ms, FETCH_MS, fetch);
}

bool sensor_stopped(void)
{
    return sensor.stopped;
}
