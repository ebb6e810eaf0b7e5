/* SPDX-License-Identifier: MIT */
/* What the objects of a JSON security message may hold: tables of members, and what checks an object by one. */

#ifndef VEDETTE_CENTER_DECODE_JSON_SCHEMA_H
#define VEDETTE_CENTER_DECODE_JSON_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "center/decode/security_message.h"

/* Types beyond JSON's own. */
enum vd_json_type {
    VD_JSON_TEXT,
    VD_JSON_WHOLE, /* a number without fraction and exponent, of 64 bits */
    VD_JSON_BOOL,
    VD_JSON_ARRAY,
    VD_JSON_ADDRESS, /* IPv4 or IPv6, as text */
    VD_JSON_PORT,    /* text: "22", "1-1024", "22,53", "*" */
    VD_JSON_GUID,    /* 36 characters */
    VD_JSON_TIME,    /* RFC 3339, section 5.6 */
    VD_JSON_CHOICE,  /* one of the texts in `choices` */
};

struct vd_json_field {
    const char *name; /* NULL ends a table */
    enum vd_json_type type;
    bool is_required;
    const char *const *choices; /* up to NULL */
};

/* One kind of event, by its Name. */
struct vd_json_kind {
    const char *name;
    const char *category;
    const char *event_type;
    enum vd_payload payload;
    const struct vd_json_field *fields; /* of an item of its payload */
};

/* What is wrong with an object. */
struct vd_json_problem {
    const char *member; /* the object's; NULL: the object itself is wrong */
    const char *inner;  /* a member of that member; NULL: none */
    char text[96];
};

extern const struct vd_json_field vd_json_message_fields[];
extern const struct vd_json_field vd_json_event_fields[];

/* NULL: there is none of that name. */
const struct vd_json_kind *vd_json_kind_find(const char *name);

/*
 * Whether `value` is an object that holds what the table requires, each member of its type, and nothing else.
 * has_extra: ExtraDetails, an object of texts, may be there too. False sets *problem, which points into `value`.
 */
bool vd_json_object_check(json_t *value, const struct vd_json_field *fields, bool has_extra,
    struct vd_json_problem *problem);

/* The first of the text's ports and the last of that range, and what follows its comma; false for what is no port.
 * "*" is 0 to 65535. `text` NULL or at its end: false. */
bool vd_json_port_next(const char **text, uint16_t *first, uint16_t *last);

/* Reads an IPv4 or IPv6 address; *ipv6 tells which. */
bool vd_json_address_read(const char *text, struct vd_address *address, bool *ipv6);

#endif
