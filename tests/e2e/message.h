/* SPDX-License-Identifier: MIT */
/* Security messages made and read by flatc from the project's schema: nothing of the code under test takes part. */

#ifndef VEDETTE_TESTS_E2E_MESSAGE_H
#define VEDETTE_TESTS_E2E_MESSAGE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define E2E_MESSAGE_MAX  4096
#define E2E_UUID_TEXT    37
#define E2E_SECURITY_BAG "%24.ifid=urn%3Aazureiot%3ASecurity%3ASecurityAgent%3A1"

struct e2e_flow {
    const char *local; /* IPv4 or IPv6 address as text, both of one family */
    const char *remote;
    uint16_t local_port;
    uint16_t remote_port;
    uint32_t bytes_in;
    uint32_t bytes_out;
    const char *protocol; /* TCP, UDP, ICMP */
};

/* A message with one NetworkActivity event; its id can be exchanged. */
struct e2e_message {
    uint8_t bytes[E2E_MESSAGE_MAX];
    size_t length;
    size_t id_at; /* where the 16 bytes of the event's id are */
};

/* Builds it with flatc, the event's time being now and its id that of (1, 0); fails the test if flatc does not. */
void e2e_message_build(struct e2e_message *message, const struct e2e_flow *flows, size_t count);

/* Gives the event the id that belongs to two numbers: another id for each pair. */
void e2e_message_set_id(struct e2e_message *message, uint32_t series, uint32_t number);
/* That id as text, as the query tables show it. */
void e2e_message_id_text(char out[E2E_UUID_TEXT], uint32_t series, uint32_t number);

/* Turns a message into JSON with flatc; the caller's to free; fails the test if flatc rejects it. */
json_t *e2e_message_decode(const void *bytes, size_t length);

/* "devices/{id}/messages/events/" with the interface id of security messages. */
void e2e_security_topic(char *out, size_t size, const char *device_id);

/* An IPv4 address as the schema has it, for reading what flatc printed. */
void e2e_ipv4_text(char *out, size_t size, uint32_t address);
/* Likewise the four numbers of an IPv6 address. */
void e2e_ipv6_text(char *out, size_t size, json_t *numbers);

#endif
