/* SPDX-License-Identifier: MIT */
/* A device's security message, decoded and checked as a whole: either all of it is good or none is used. */

#ifndef VEDETTE_CENTER_DECODE_SECURITY_MESSAGE_H
#define VEDETTE_CENTER_DECODE_SECURITY_MESSAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/str.h"
#include "lib/uuid.h"

#define VD_DECODE_REASON_SIZE 192

/* The union Payload. A type of a later version is kept as VD_PAYLOAD_UNKNOWN with its number. */
enum vd_payload {
    VD_PAYLOAD_NETWORK_ACTIVITY = 1,
    VD_PAYLOAD_SYSTEM_INFORMATION = 2,
    VD_PAYLOAD_LISTENING_PORTS = 3,
    VD_PAYLOAD_HEARTBEAT = 4,
    VD_PAYLOAD_BASELINE = 5,
    VD_PAYLOAD_PROCESS = 6,
    VD_PAYLOAD_LOG = 7,
    VD_PAYLOAD_ITEMS = 254, /* of a JSON message, of a kind that has no array below: its `items` */
    VD_PAYLOAD_UNKNOWN = 255,
};

/* 16 bytes in network order; an IPv4 address is mapped (::ffff:0:0/96). */
struct vd_address {
    uint8_t bytes[16];
};

#define VD_ADDRESS_TEXT_SIZE 46

/* Strings of the structs below point into the body; one that is absent has data NULL. */
struct vd_flow {
    struct vd_address local;
    struct vd_address remote;
    struct vd_str executable;
    struct vd_str commandline;
    uint32_t bytes_in;
    uint32_t bytes_out;
    uint32_t packets_in; /* both 0 from a module that does not count them */
    uint32_t packets_out;
    uint16_t local_port;
    uint16_t remote_port;
    uint16_t process_id;
    uint16_t user_id;
    uint8_t protocol;  /* 0 TCP, 1 UDP, 2 ICMP; others as they came */
    uint8_t opened_by; /* 0 unknown, 1 the device, 2 the remote end; others as they came */
    bool ipv6;         /* reported as IPv6 */
};

/* What found no room in the device's tables while an event of network activity was collected. */
struct vd_overflow {
    uint32_t packets;
    uint32_t bytes_in;
    uint32_t bytes_out;
    uint32_t flows; /* about */
};

struct vd_listening_port {
    struct vd_address local;
    uint16_t port;
    uint16_t port_last; /* the same; of a JSON message maybe the end of a range */
    uint8_t protocol;
    bool ipv6;
};

struct vd_system_information {
    struct vd_str os_info;
    struct vd_str kernel_info;
    struct vd_str hw_info;
};

struct vd_baseline_check {
    struct vd_str id;
    struct vd_str error;
    struct vd_str description;
    struct vd_str remediation;
    uint8_t result;   /* 0 PASS, 1 FAIL, 2 ERROR */
    uint8_t severity; /* 0 CRITICAL, 1 IMPORTANT, 2 WARNING, 3 INFORMATIONAL */
};

struct vd_process {
    struct vd_str executable;
    struct vd_str user_name;
    struct vd_str commandline;
    uint32_t process_id;
    uint32_t parent_process_id;
    uint32_t user_id;
    uint32_t hit_count;
    uint8_t event_type; /* 0 FORK, 1 EXEC, 2 EXIT */
};

struct vd_log_record {
    struct vd_str message;
    struct vd_str filename;
    uint64_t timestamp;
    uint32_t line;
    uint8_t level; /* 0 NOTSET, 1 FATAL, 2 ERROR, 3 WARN, 4 INFO, 5 DEBUG */
};

struct vd_security_event {
    struct vd_uuid id;
    uint32_t time_s;     /* the device's clock: seconds since 1970 UTC */
    uint32_t interval_s; /* the event covers this long before time_s */
    enum vd_payload payload;
    uint8_t payload_type; /* as on the wire */
    /* Its items in the message's array of its kind. */
    uint32_t first;
    uint32_t count;
    struct vd_overflow overflow; /* all 0 but for network activity */
    /* As a JSON message says it: all of it empty in others. */
    struct vd_str name; /* ConnectionCreate ... */
    struct vd_str type; /* Security, Operational, Diagnostic */
    struct vd_str category;
    bool is_empty;
    struct vd_str time_local; /* RFC 3339, with the device's zone */
    const json_t *items;      /* an array of objects as center/decode/json_schema.c checks them */
};

/*
 * What a device says of its own losses. Packets are those since the last delivered message's ledger, so sums over
 * messages are exact; messages are those since boot. The numbers are the device's: nothing holds them to add up.
 */
struct vd_ledger {
    uint32_t boot_id;
    uint32_t sequence; /* counts the messages of a boot from 1 */
    uint32_t packets_seen;
    uint32_t packets_counted;
    uint32_t packets_overflowed;
    uint32_t packets_malformed;
    uint32_t packets_given_up; /* of the counted: no flow reports them */
    uint32_t packets_withheld; /* of the counted: allowed by the device's allow-list */
    uint32_t messages_kept;
    uint32_t messages_sent;
    uint32_t messages_given_up;
};

/* A growable array of the decoder; the type of its elements follows from its name. */
struct vd_decoded_array {
    void *data;
    uint32_t count;
    uint32_t capacity;
};

/* All zero is an empty one; it may be decoded into again and again. */
struct vd_security_message {
    struct vd_str module_id;
    uint32_t version;           /* major << 24 | minor << 16 | patch; 0 of a JSON message */
    struct vd_str version_text; /* of a JSON message; else data is NULL */
    json_t *document;           /* of a JSON message, into which its strings point; else NULL */
    int8_t timezone;            /* hours */
    bool has_ledger;            /* modules of old send none */
    struct vd_ledger ledger;
    struct vd_decoded_array events;
    struct vd_decoded_array flows;
    struct vd_decoded_array ports;
    struct vd_decoded_array systems;
    struct vd_decoded_array checks;
    struct vd_decoded_array processes;
    struct vd_decoded_array records;
};

/*
 * Decodes a FlatBuffers body into `message`, whose strings point into it.
 * VD_OK, VD_E_NOMEM, or VD_E_INVALID with the place and what is wrong there in `reason`, such as
 * "events[3].payload.ipv4_activity[2].common: offset past the end". After a failure `message` holds no event.
 * Source: wire page of security messages; unknown fields are skipped.
 */
VD_NODISCARD int vd_security_message_decode(
    struct vd_security_message *message, struct vd_str body, char reason[VD_DECODE_REASON_SIZE]);

/* Lets go of what it holds but for memory that the next message takes. */
void vd_security_message_clear(struct vd_security_message *message);
void vd_security_message_release(struct vd_security_message *message);

/* A zeroed new element of `size` bytes, the last of the array; NULL without memory. */
void *vd_decoded_array_add(struct vd_decoded_array *array, size_t size);

const struct vd_security_event *vd_security_message_event(
    const struct vd_security_message *message, uint32_t i);
/* Element `i` of the array of that kind. */
const struct vd_flow *vd_security_message_flow(
    const struct vd_security_message *message, uint32_t i);
const struct vd_listening_port *vd_security_message_port(
    const struct vd_security_message *message, uint32_t i);
const struct vd_system_information *vd_security_message_system(
    const struct vd_security_message *message, uint32_t i);
const struct vd_baseline_check *vd_security_message_check(
    const struct vd_security_message *message, uint32_t i);
const struct vd_process *vd_security_message_process(
    const struct vd_security_message *message, uint32_t i);
const struct vd_log_record *vd_security_message_record(
    const struct vd_security_message *message, uint32_t i);

/* "NetworkActivity" ... "Log", "Unknown". */
const char *vd_payload_name(enum vd_payload payload);
/* "TCP", "UDP", "ICMP", or the number as text in `scratch`. */
const char *vd_protocol_name(uint8_t protocol, char scratch[4]);

/* Dotted or RFC 5952 text. `ipv6` false: an IPv4 address that is held mapped. */
void vd_address_format(const struct vd_address *address, bool ipv6, char out[VD_ADDRESS_TEXT_SIZE]);
bool vd_address_is_ipv4(const struct vd_address *address);
struct vd_address vd_address_from_ipv4(const uint8_t bytes[4]);

#endif
