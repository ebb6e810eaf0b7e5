/* SPDX-License-Identifier: MIT */
/* Starts QEMU with the firmware and its configuration block, and reads its UART. */

#include "tests/firmware/machine.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define PAGE_SIZE 9000

static void set_address(uint8_t out[4], const char *text)
{
    assert_int_equal(inet_pton(AF_INET, text, out), 1);
}

static void set_key(struct firmware_config *config, const char *base64)
{
    uint8_t decoded[96];
    int length = EVP_DecodeBlock(decoded, (const unsigned char *)base64, (int)strlen(base64));
    assert_true(length > 1);
    length -= base64[strlen(base64) - 1] == '=';
    assert_true((size_t)length <= sizeof(config->key));
    memcpy(config->key, decoded, (size_t)length);
    config->key_length = (uint16_t)length;
}

int machine_begin(void)
{
    return access(VD_FIRMWARE, R_OK) == 0
        ? 0
        : e2e_cannot_run("the firmware is not built: its compiler, or the sources of lwIP and mbed "
                         "TLS, were not there (tools/deps test)");
}

void machine_configure(struct firmware_config *config, const char *ca_path, uint16_t hub_port,
    const char *device_id, uint16_t report_port)
{
    size_t length = 0;
    char *ca = e2e_read_file(ca_path, &length);
    assert_non_null(ca);
    assert_true(length < sizeof(config->ca));
    *config = (struct firmware_config){.magic = FIRMWARE_CONFIG_MAGIC,
        .time_utc_s = (uint32_t)time(NULL),
        .interval_s = 2,
        .hub_port = hub_port,
        .report_port = report_port,
        .fetch_port = MACHINE_PEER_PORT,
        .ca_length = (uint32_t)length + 1};
    assert_int_equal(getrandom(config->seed, sizeof(config->seed), 0), sizeof(config->seed));
    memcpy(config->ca, ca, length);
    free(ca);
    set_address(config->address, MACHINE_ADDRESS);
    set_address(config->netmask, "255.255.255.0");
    set_address(config->gateway, MACHINE_HOST);
    set_address(config->hub_address, MACHINE_HOST);
    set_address(config->report_address, MACHINE_HOST);
    set_address(config->fetch_address, MACHINE_PEER);
    set_key(config, E2E_PRIMARY_KEY);
    snprintf(config->hub_name, sizeof(config->hub_name), "%s", E2E_HUB_NAME);
    snprintf(config->device_id, sizeof(config->device_id), "%s", device_id);
}

/* The folder that the web server shows, with a page that takes several segments; made once. */
static const char *web_folder(void)
{
    static char folder[96];
    static char page[PAGE_SIZE];
    char path[128];
    if (folder[0] == '\0') {
        snprintf(folder, sizeof(folder), "%s/www", e2e_folder());
        e2e_shell("mkdir '%s'", folder);
        memset(page, 'v', sizeof(page));
        snprintf(path, sizeof(path), "%s/page", folder);
        e2e_write_file(path, page, sizeof(page));
    }
    return folder;
}

void machine_start(struct machine *machine, const char *name, const struct firmware_config *config)
{
    char block[128];
    char loader[192];
    char serial[160];
    char dump[192];
    char network[320];
    char log[128];
    snprintf(block, sizeof(block), "%s/%s.config", e2e_folder(), name);
    snprintf(machine->uart, sizeof(machine->uart), "%s/%s.uart", e2e_folder(), name);
    snprintf(machine->pcap, sizeof(machine->pcap), "%s/%s.pcap", e2e_folder(), name);
    snprintf(log, sizeof(log), "%s/%s.log", e2e_folder(), name);
    e2e_write_file(block, config, sizeof(*config));
    snprintf(loader, sizeof(loader), "loader,file=%s,addr=0x%x,force-raw=on", block,
        FIRMWARE_CONFIG_ADDRESS);
    snprintf(serial, sizeof(serial), "file:%s", machine->uart);
    snprintf(dump, sizeof(dump), "filter-dump,id=dump,netdev=net,file=%s", machine->pcap);
    snprintf(network, sizeof(network),
        "user,id=net,ipv6=off,net=203.0.113.0/24,host=%s,dns=203.0.113.3,"
        "guestfwd=tcp:%s:%d-cmd:busybox httpd -i -h %s",
        MACHINE_HOST, MACHINE_PEER, MACHINE_PEER_PORT, web_folder());
    struct e2e_start start = {
        .argv = E2E_ARGS("qemu-system-arm", "-M", "mps2-an385", "-display", "none", "-monitor",
            "none", "-serial", serial, "-kernel", VD_FIRMWARE, "-device", loader, "-nic", network,
            "-object", dump),
        .stdout_path = log,
    };
    machine->pid = e2e_start(&start);
}

void machine_stop(struct machine *machine)
{
    assert_int_equal(e2e_stop(machine->pid, SIGTERM, 10000), 0);
    machine->pid = 0;
}

unsigned machine_said(const struct machine *machine, const char *text)
{
    unsigned times = 0;
    char *uart = e2e_read_file(machine->uart, NULL);
    for (const char *at = uart; at != NULL; at++) {
        at = strstr(at, text);
        if (at == NULL) {
            break;
        }
        times++;
    }
    free(uart);
    return times;
}

struct waiting {
    const struct machine *machine;
    const char *text;
    unsigned times;
};

static bool heard(void *context)
{
    const struct waiting *w = context;
    return machine_said(w->machine, w->text) >= w->times ||
        machine_said(w->machine, "fatal ") > 0 || machine_said(w->machine, "fault ") > 0 ||
        e2e_ended(w->machine->pid, NULL);
}

void machine_wait(
    const struct machine *machine, const char *text, unsigned times, int64_t timeout_ms)
{
    struct waiting waiting = {machine, text, times};
    e2e_wait(timeout_ms, heard, &waiting);
    if (machine_said(machine, text) < times) {
        char *uart = e2e_read_file(machine->uart, NULL);
        size_t length = uart != NULL ? strlen(uart) : 0;
        print_error("the end of the UART's output:\n%s\n",
            length > 2000      ? uart + length - 2000
                : uart != NULL ? uart
                               : "");
        free(uart);
        fail_msg("the firmware did not say %u times \"%s\"", times, text);
    }
}
