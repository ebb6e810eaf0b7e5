/* SPDX-License-Identifier: MIT */
/* The members of the twin's documents: what is read, where it is, and what it may be. */

#ifndef ASC_TWIN_MEMBERS_H
#define ASC_TWIN_MEMBERS_H

#include "azure_iot_security_module/inc/asc_twin.h"

/* Returns what is in force. */
struct asc_twin_values asc_twin_values(const struct asc_module *m);

/* What holds members or elements. */
enum asc_twin_container {
    ASC_TWIN_ROOT,
    ASC_TWIN_DESIRED,
    ASC_TWIN_VEDETTE,
    ASC_TWIN_COLLECTORS,
    ASC_TWIN_ENTRY,
    ASC_TWIN_OTHER_OBJECT,
    ASC_TWIN_ALLOW, /* arrays from here */
    ASC_TWIN_OTHER_ARRAY,
    ASC_TWIN_NOWHERE
};

/* What a member's value is. */
enum asc_twin_kind {
    ASC_TWIN_KIND_OTHER,     /* anything: skipped */
    ASC_TWIN_KIND_OBJECT,    /* argument: enum asc_twin_container */
    ASC_TWIN_KIND_ALLOW,     /* the array of entries; argument likewise */
    ASC_TWIN_KIND_VERSION,   /* number */
    ASC_TWIN_KIND_INTERVAL,  /* number; argument: index of interval_s */
    ASC_TWIN_KIND_COLLECTOR, /* boolean; argument: ASC_COLLECT_ bit */
    ASC_TWIN_KIND_REMOTE,    /* string, of the entry under way, as the next ones */
    ASC_TWIN_KIND_PORT,      /* number; argument: index of port */
    ASC_TWIN_KIND_PROTOCOL   /* string */
};

/* Rows of asc_twin_members[]. */
enum asc_twin_member_index {
    ASC_TWIN_MEMBER_OTHER,
    ASC_TWIN_MEMBER_WHOLE, /* the document itself */
    ASC_TWIN_MEMBER_PATCH, /* likewise, of a patch */
    ASC_TWIN_MEMBER_NAMED, /* from here they have names */
    ASC_TWIN_MEMBER_DESIRED = ASC_TWIN_MEMBER_NAMED,
    ASC_TWIN_MEMBER_VEDETTE,
    ASC_TWIN_MEMBER_VERSION,
    ASC_TWIN_MEMBER_HIGH,
    ASC_TWIN_MEMBER_MEDIUM,
    ASC_TWIN_MEMBER_LOW,
    ASC_TWIN_MEMBER_COLLECTORS,
    ASC_TWIN_MEMBER_NETWORK_ACTIVITY,
    ASC_TWIN_MEMBER_HEARTBEAT,
    ASC_TWIN_MEMBER_SYSTEM_INFORMATION,
#if ASC_TWIN_ALLOW_MAX > 0
    ASC_TWIN_MEMBER_ALLOW,
    ASC_TWIN_MEMBER_ELEMENT, /* of the allow-list; the next ones are its members */
    ASC_TWIN_MEMBER_REMOTE,
    ASC_TWIN_MEMBER_PORT,
    ASC_TWIN_MEMBER_LOCAL_PORT,
    ASC_TWIN_MEMBER_PROTOCOL,
#endif
    ASC_TWIN_MEMBERS
};

struct asc_twin_member {
    const char *name;
    uint8_t container; /* enum asc_twin_container: where it is */
    uint8_t kind;      /* enum asc_twin_kind */
    uint8_t argument;
    uint8_t fault; /* enum asc_twin_fault: a value of another type or range */
};

extern const struct asc_twin_member asc_twin_members[ASC_TWIN_MEMBERS];

#endif
