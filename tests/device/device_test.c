/* SPDX-License-Identifier: MIT */
/* The played port and the packet builder of the device's tests. */

#include "tests/device/device_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void require(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "device test: %s\n", what);
        abort();
    }
}

static uint32_t port_time(void *context)
{
    return ((struct device_port *)context)->utc_s;
}

static uint32_t port_uptime(void *context)
{
    return ((struct device_port *)context)->now_ms;
}

uint32_t device_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (uint32_t)(*seed >> 32);
}

static bool port_random(void *context, uint8_t *out, size_t length)
{
    struct device_port *port = context;

    if (port->no_entropy) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        out[i] = (uint8_t)device_random(&port->seed);
    }
    return true;
}

static void port_lock(void *context)
{
    struct device_port *port = context;

    require(port->locked++ == 0, "the lock is taken twice");
}

static void port_unlock(void *context)
{
    struct device_port *port = context;

    require(--port->locked == 0, "the lock is given up and was not taken");
}

static enum asc_send_result port_send(void *context, const uint8_t *message, uint32_t length)
{
    struct device_port *port = context;
    struct device_sent *sent = &port->message[port->sent % DEVICE_SENT_MAX];

    require(port->locked == 0, "send is called within the lock");
    require(length > 0 && length <= sizeof sent->bytes, "a message has an impossible length");
    memcpy(sent->bytes, message, length);
    sent->length = length;
    port->sent++;
    return port->answer;
}

static void port_information(void *context, struct asc_system_information *out)
{
    *out = ((struct device_port *)context)->information;
}

const struct asc_port device_port_functions = {
    port_time, port_uptime, port_random, port_lock, port_unlock, port_send, port_information, NULL};

struct asc_settings device_settings(void)
{
    struct asc_settings settings = asc_settings_default();

    settings.security_module_id = "test-device";
    settings.first_interval_s = settings.high_interval_s;
    return settings;
}

void device_start(
    struct asc_module *m, struct device_port *port, const struct asc_settings *settings)
{
    if (port->seed == 0) {
        port->seed = 88172645463325252u;
    }
    require(asc_module_init(m, &device_port_functions, port, settings) == ASC_OK, "init fails");
    require(asc_module_enable(m) == ASC_OK, "enable fails");
    asc_module_connected(m, true);
}

void device_pass(struct asc_module *m, struct device_port *port, uint32_t ms)
{
    unsigned sent;

    port->now_ms += ms;
    do {
        sent = port->sent;
        (void)asc_module_step(m);
        require(port->sent < 1000, "the module never comes to rest");
    } while (port->sent != sent);
}

static void put16(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static void put32(uint8_t *p, uint32_t value)
{
    put16(p, value >> 16);
    put16(p + 2, value);
}

static size_t build_transport(uint8_t *out, const struct device_packet *packet)
{
    static const size_t header_bytes[] = {[1] = 8, [6] = 20, [17] = 8, [58] = 8};
    const size_t header = packet->protocol <= 58 ? header_bytes[packet->protocol] : 0;

    if (packet->offset != 0) {
        return packet->data_bytes;
    }
    if (packet->protocol == 6 || packet->protocol == 17) {
        put16(out, packet->source_port);
        put16(out + 2, packet->destination_port);
    }
    if (packet->protocol == 6) {
        out[12] = 5 << 4;
    }
    if (packet->protocol == 17) {
        put16(out + 4, (uint32_t)header + packet->data_bytes);
    }
    return header + packet->data_bytes;
}

static size_t build_ipv4(uint8_t *out, const struct device_packet *packet)
{
    const size_t header = 20 + 4u * packet->option_words;
    const size_t length = header + build_transport(out + header, packet);

    out[0] = (uint8_t)(0x40 | header / 4);
    put16(out + 2, (uint32_t)length);
    put16(out + 4, packet->identification);
    put16(out + 6, packet->offset / 8u | (packet->more ? 0x2000u : 0));
    out[8] = 64;
    out[9] = packet->protocol;
    put32(out + 12, packet->source);
    put32(out + 16, packet->destination);
    return length;
}

static void put_address6(uint8_t *out, uint32_t host)
{
    put32(out, 0x20010db8);
    put32(out + 12, host);
}

static size_t build_extension(uint8_t *out, const struct device_extension *extension)
{
    if (extension->protocol == 51) {
        const size_t bytes = extension->bytes != 0 ? extension->bytes : 12;

        out[1] = (uint8_t)(bytes / 4 - 2);
        return bytes;
    }
    if (extension->bytes != 0) {
        out[1] = (uint8_t)(extension->bytes / 8 - 1);
        return extension->bytes;
    }
    return 8;
}

static bool is_last(const struct device_packet *packet, unsigned i)
{
    return i == DEVICE_EXTENSIONS_MAX ||
        (packet->extension[i].protocol == 0 && packet->extension[i].bytes == 0);
}

static size_t build_ipv6(uint8_t *out, const struct device_packet *packet)
{
    uint8_t *next = out + 6;
    size_t length = 40;

    out[0] = 0x60;
    put_address6(out + 8, packet->source);
    put_address6(out + 24, packet->destination);
    for (unsigned i = 0; !is_last(packet, i); i++) {
        *next = packet->extension[i].protocol;
        next = out + length;
        length += build_extension(out + length, &packet->extension[i]);
    }
    if (packet->more || packet->offset != 0 || packet->fragment_header) {
        *next = 44;
        next = out + length;
        put16(out + length + 2, packet->offset | (packet->more ? 1u : 0));
        put32(out + length + 4, packet->identification);
        length += 8;
    }
    *next = packet->protocol;
    length += build_transport(out + length, packet);
    put16(out + 4, (uint32_t)(length - 40));
    return length;
}

size_t device_packet_build(uint8_t *out, const struct device_packet *packet)
{
    memset(out, 0, DEVICE_PACKET_MAX);
    require(packet->data_bytes < DEVICE_PACKET_MAX - 512, "the packet is too long for its buffer");
    return packet->version == 4 ? build_ipv4(out, packet) : build_ipv6(out, packet);
}

void device_give(
    struct asc_module *m, enum asc_direction direction, const uint8_t *data, size_t length)
{
    uint8_t *copy = malloc(length > 0 ? length : 1);
    struct asc_segment segment = {copy, (uint32_t)length, NULL};

    require(copy != NULL, "out of memory");
    memcpy(copy, data, length);
    asc_module_packet(m, direction, ASC_UNICAST, &segment);
    free(copy);
}

uint32_t device_give_packet(
    struct asc_module *m, enum asc_direction direction, const struct device_packet *packet)
{
    uint8_t bytes[DEVICE_PACKET_MAX];
    const size_t length = device_packet_build(bytes, packet);

    device_give(m, direction, bytes, length);
    return (uint32_t)length - (packet->version == 4 ? 20u + 4u * packet->option_words : 40u);
}
