/* SPDX-License-Identifier: MIT */
/* The kinds of events of JSON messages as their reference lists them, and messages made of them. */

#ifndef VEDETTE_TESTS_CENTER_JSON_CASES_H
#define VEDETTE_TESTS_CENTER_JSON_CASES_H

#include <jansson.h>
#include <stdbool.h>

#include "center/decode/security_message.h"

#define JSON_MEMBERS_MAX 11

/* type: text, int, bool, ip, port, guid, or the choices with '|' between them. */
struct json_member {
    const char *name;
    bool is_required;
    const char *type;
};

struct json_kind {
    const char *name;
    const char *category;
    const char *event_type;
    struct json_member members[JSON_MEMBERS_MAX + 1];
};

#define JSON_KINDS 14
extern const struct json_kind json_kinds[JSON_KINDS];

const struct json_kind *json_kind_named(const char *name);

/* A good item with all members, or the required alone; the caller's. */
json_t *json_item_new(const struct json_kind *kind, bool only_required);

/* A good event around the items, which it takes over; NULL: an array with one full item. The caller's. */
json_t *json_event_new(const struct json_kind *kind, unsigned id, json_t *items);

/* A good message around the array of events, which it takes over; the caller's. */
json_t *json_message_new(json_t *events);

/* What was decoded last, and why it was refused. */
extern struct vd_security_message json_decoded;
extern char json_reason[VD_DECODE_REASON_SIZE];

/* A test's end: lets go of both. */
int json_teardown(void **state);

/* Decodes a copy of exactly the bytes; checks that a refusal leaves nothing and says why. */
int json_decode_text(const char *text, size_t length);
/* Decode a message, one around the event, and one around the item; they take over what they are given. */
int json_decode(json_t *message);
int json_decode_event(json_t *event);
int json_decode_item(const struct json_kind *kind, json_t *item);

/* Fail the test unless `error` is a refusal for just this reason, or none. */
void json_check_refused(int error, const char *expected);
void json_check_accepted(int error);

#endif
