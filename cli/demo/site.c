/* SPDX-License-Identifier: MIT */
/* Folder, networks and web servers of the demo. */

#include "cli/demo/site.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/demo/netns.h"
#include "lib/clock.h"
#include "lib/folder.h"

#define PORT_MQTT 8883
#define PORT_WEB  80
/* Where the loopback interface is used; both must be free. */
#define PORT_WEB_LOOPBACK_FIRST 18080
#define PORT_WEB_LOOPBACK_LAST  18179

#define WEB_START_MS   5000
#define SERVICE_END_MS 8000
#define LOG_TAIL_BYTES 2000
#define LOG_READ_MAX   65536
#define PAGE_BYTES     48000

static const char *const device_kinds[] = {"thermostat", "camera", "doorlock", "meter"};

/* ---- Files ---- */

bool vd_site_write_file(const struct vd_site *site, const char *name, char path[VD_SITE_PATH_SIZE],
    const char *format, ...)
{
    va_list args;
    FILE *file;
    bool good;

    snprintf(path, VD_SITE_PATH_SIZE, "%s/%s", site->folder, name);
    file = fopen(path, "we");
    if (file == NULL) {
        vd_cli_fail("demo: %s: %s", path, strerror(errno));
        return false;
    }
    va_start(args, format);
    good = fchmod(fileno(file), 0600) == 0 && /* some hold a key */
        vfprintf(file, format, args) >= 0;
    va_end(args);
    if (fclose(file) != 0 || !good) {
        vd_cli_fail("demo: %s: %s", path, strerror(errno));
        return false;
    }
    return true;
}

void vd_site_log_path(const struct vd_site *site, const char *name, char path[VD_SITE_PATH_SIZE])
{
    snprintf(path, VD_SITE_PATH_SIZE, "%s/%s.log", site->folder, name);
}

/* The last `max` bytes of a file as text, the caller's to free; NULL if it cannot be read. */
static char *read_tail(const char *path, long max)
{
    FILE *file = fopen(path, "re");
    char *text = malloc((size_t)max + 1);
    long size = 0;

    if (file != NULL && text != NULL && fseek(file, 0, SEEK_END) == 0 &&
        (size = ftell(file)) >= 0 && fseek(file, size > max ? size - max : 0, SEEK_SET) == 0) {
        text[fread(text, 1, (size_t)max, file)] = '\0';
    } else {
        free(text);
        text = NULL;
    }
    if (file != NULL) {
        fclose(file);
    }
    return text;
}

bool vd_site_log_holds(const char *log, const char *text)
{
    char *tail = read_tail(log, LOG_READ_MAX);
    bool holds = tail != NULL && strstr(tail, text) != NULL;

    free(tail);
    return holds;
}

void vd_site_print_log(const char *log)
{
    char *tail = read_tail(log, LOG_TAIL_BYTES);

    fprintf(stderr, "%s\n", tail != NULL && tail[0] != '\0' ? tail : "(it is empty)");
    free(tail);
}

static bool make_folder(struct vd_site *site)
{
    const char *parent = getenv("TMPDIR");
    ssize_t length = readlink("/proc/self/exe", site->program, sizeof site->program - 1);

    if (length <= 0) {
        vd_cli_fail("demo: /proc is not there");
        return false;
    }
    if (parent == NULL || parent[0] != '/' || strlen(parent) > 32) {
        parent = "/tmp";
    }
    snprintf(site->folder, sizeof site->folder, "%s/vedette-demo-XXXXXX", parent);
    if (mkdtemp(site->folder) == NULL) {
        vd_cli_fail("demo: %s: %s", site->folder, strerror(errno));
        site->folder[0] = '\0';
        return false;
    }
    snprintf(site->data, sizeof site->data, "%s/data", site->folder);
    snprintf(site->log, sizeof site->log, "%s/programs.log", site->folder);
    return true;
}

/* ---- Web servers ---- */

static bool make_pages(const struct vd_site *site)
{
    char path[VD_SITE_PATH_SIZE];
    char readings[PAGE_BYTES + 1];

    for (size_t i = 0; i < PAGE_BYTES; i++) {
        readings[i] = (char)('a' + i % 26);
    }
    readings[PAGE_BYTES] = '\0';
    snprintf(path, sizeof path, "%s/web", site->folder);
    return mkdir(path, 0700) == 0 &&
        vd_site_write_file(site, "web/index.html", path, "<p>A page like any other.</p>\n") &&
        vd_site_write_file(site, "web/tasks.txt", path, "wait\n") &&
        vd_site_write_file(site, "web/readings.bin", path, "%s", readings);
}

static bool accepts(const char *address, uint16_t port)
{
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = fd >= 0 && inet_pton(AF_INET, address, &peer.sin_addr) == 1 &&
        connect(fd, (const struct sockaddr *)&peer, sizeof peer) == 0;

    if (fd >= 0) {
        close(fd);
    }
    return good;
}

/* Starts `busybox httpd` at the address and waits until it answers. */
static bool start_web(struct vd_site *site, const char *address)
{
    char listen[64];
    char root[96];
    const char *const argv[] = {"busybox", "httpd", "-f", "-p", listen, "-h", root, NULL};
    const struct vd_spawn spawn = {.argv = argv, .netns = -1, .log = site->log, .out = -1};
    int64_t until = vd_clock_monotonic_ms() + WEB_START_MS;
    pid_t server;

    snprintf(listen, sizeof listen, "%s:%u", address, site->web_port);
    snprintf(root, sizeof root, "%s/web", site->folder);
    server = vd_children_start(&site->children, &spawn);
    while (vd_child_runs(&site->children, server) && vd_clock_monotonic_ms() < until) {
        if (accepts(address, site->web_port)) {
            return true;
        }
        vd_pause_ms(20);
    }
    vd_cli_fail(
        "demo: `busybox httpd` does not run at %s; is the package busybox installed?", listen);
    vd_site_print_log(site->log);
    return false;
}

static bool start_webs(struct vd_site *site)
{
    return make_pages(site) && start_web(site, site->good_addresses[0]) &&
        start_web(site, site->good_addresses[1]) && start_web(site, site->wrong_address);
}

/* ---- Networks ---- */

/* A namespace with one interface, eth0, on the bridge in this process's. -1 (said on stderr) if that fails. */
static int make_node(struct vd_site *site, const char *port, const char *address)
{
    struct vd_children *children = &site->children;
    int netns = vd_netns_new();

    if (netns >= 0 && vd_netns_ip(children, netns, site->log, "link set lo up") &&
        vd_netns_ip(children, netns, site->log, "link add eth0 type veth peer name %s netns %d",
            port, (int)getpid()) &&
        vd_netns_ip(children, netns, site->log, "addr add %s/24 dev eth0", address) &&
        vd_netns_ip(children, netns, site->log, "link set eth0 up") &&
        vd_netns_ip(children, netns, site->log, "route add default via 10.77.0.254") &&
        vd_netns_ip(children, -1, site->log, "link set %s master bridge up", port)) {
        return netns;
    }
    vd_cli_fail("demo: cannot make the network of %s (needs the package iproute2):", address);
    vd_site_print_log(site->log);
    if (netns >= 0) {
        close(netns);
    }
    return -1;
}

static bool make_router(struct vd_site *site)
{
    static const char *const commands[] = {"link set lo up", "link add bridge type bridge",
        "addr add 10.77.0.254/24 dev bridge", "link set bridge up"};
    const char *const addresses[] = {
        site->good_addresses[0], site->good_addresses[1], site->wrong_address};
    bool good = true;

    for (size_t i = 0; good && i < sizeof commands / sizeof commands[0]; i++) {
        good = vd_netns_ip(&site->children, -1, site->log, "%s", commands[i]);
    }
    for (size_t i = 0; good && i < sizeof addresses / sizeof addresses[0]; i++) {
        good = vd_netns_ip(&site->children, -1, site->log, "addr add %s/32 dev lo", addresses[i]);
    }
    if (!good) {
        vd_cli_fail(
            "demo: cannot make the network (needs the package iproute2 and the bridge module):");
        vd_site_print_log(site->log);
    }
    return good;
}

static bool make_networks(struct vd_site *site)
{
    char port[16];

    site->interface = "eth0";
    site->good_addresses[0] = "198.51.100.10";
    site->good_addresses[1] = "198.51.100.20";
    site->wrong_address = "203.0.113.66";
    site->web_port = PORT_WEB;
    site->hub_port = PORT_MQTT;
    snprintf(site->hub_address, sizeof site->hub_address, "10.77.0.1");
    if (!make_router(site)) {
        return false;
    }
    site->hub_netns = make_node(site, "hub", site->hub_address);
    if (site->hub_netns < 0) {
        return false;
    }
    for (size_t i = 0; i < site->device_count; i++) {
        struct vd_site_device *device = &site->devices[i];

        snprintf(port, sizeof port, "device%u", (unsigned)(i + 1) % 100U);
        snprintf(device->address, sizeof device->address, "10.77.0.%u", (unsigned)(11 + i) % 256U);
        device->netns = make_node(site, port, device->address);
        if (device->netns < 0) {
            return false;
        }
    }
    return true;
}

static bool port_is_free(const char *address, uint16_t port)
{
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;
    bool good = fd >= 0 && inet_pton(AF_INET, address, &own.sin_addr) == 1 &&
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
        bind(fd, (const struct sockaddr *)&own, sizeof own) == 0;

    if (fd >= 0) {
        close(fd);
    }
    return good;
}

static bool use_loopback(struct vd_site *site)
{
    int packets = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (packets < 0) {
        vd_cli_fail(
            "demo: network namespaces are not allowed here (%s), and neither is capturing on "
            "the loopback interface, which needs CAP_NET_RAW. Run it as root",
            site->why);
        return false;
    }
    close(packets);
    site->interface = "lo";
    site->good_addresses[0] = "127.51.0.10";
    site->good_addresses[1] = "127.51.0.20";
    site->wrong_address = "127.66.0.66";
    site->hub_port = 0; /* any free one */
    site->device_count = 1;
    snprintf(site->hub_address, sizeof site->hub_address, "127.0.0.1");
    snprintf(site->devices[0].address, sizeof site->devices[0].address, "127.0.0.1");
    for (site->web_port = PORT_WEB_LOOPBACK_FIRST; site->web_port <= PORT_WEB_LOOPBACK_LAST;
         site->web_port++) {
        if (port_is_free(site->good_addresses[0], site->web_port) &&
            port_is_free(site->good_addresses[1], site->web_port) &&
            port_is_free(site->wrong_address, site->web_port)) {
            return true;
        }
    }
    vd_cli_fail(
        "demo: no port from %d to %d is free", PORT_WEB_LOOPBACK_FIRST, PORT_WEB_LOOPBACK_LAST);
    return false;
}

/* ---- The whole ---- */

bool vd_site_make(struct vd_site *site, size_t device_count, bool loopback)
{
    int refused = 0;

    *site = (struct vd_site){.hub_netns = -1, .device_count = device_count, .loopback = loopback};
    for (size_t i = 0; i < device_count; i++) {
        site->devices[i].netns = -1;
        snprintf(site->devices[i].name, sizeof site->devices[i].name, "%s-%zu",
            device_kinds[i % (sizeof device_kinds / sizeof device_kinds[0])], i + 1);
    }
    if (!make_folder(site)) {
        return false;
    }
    if (!loopback) {
        refused = vd_netns_enter();
        site->loopback = refused != 0;
    }
    snprintf(site->why, sizeof site->why, "%s",
        refused != 0
            ? "network namespaces are not allowed here: this needs root, or user namespaces"
            : "as --loopback says");
    return (site->loopback ? use_loopback(site) : make_networks(site)) && start_webs(site);
}

void vd_site_remove(struct vd_site *site, bool keep)
{
    vd_children_end(&site->children, SERVICE_END_MS);
    /* With the last process and descriptor a namespace ends, and with it its half of the veth pair and so the other. */
    for (size_t i = 0; i < site->device_count; i++) {
        if (site->devices[i].netns >= 0) {
            close(site->devices[i].netns);
        }
    }
    if (site->hub_netns >= 0) {
        close(site->hub_netns);
    }
    if (site->folder[0] == '\0') {
        return;
    }
    if (keep) {
        printf("kept: %s\n", site->folder);
    } else {
        vd_folder_remove(site->folder);
    }
}
