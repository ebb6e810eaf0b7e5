/* SPDX-License-Identifier: MIT */
/* Settings from the desired properties of a twin, and what became of them for the reported ones. */

#ifndef ASC_TWIN_H
#define ASC_TWIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "azure_iot_security_module/inc/security_module.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The documents are described in docs/device-twin.md. */

/* Entries, 0 to 32: the longest allow-list; 0 leaves it out. The library and everything that includes
 * this file must be built with the same value. */
#ifndef ASC_TWIN_ALLOW_MAX
#define ASC_TWIN_ALLOW_MAX 8
#endif
#if ASC_TWIN_ALLOW_MAX < 0 || ASC_TWIN_ALLOW_MAX > 32
#error "ASC_TWIN_ALLOW_MAX must be 0 to 32 entries"
#endif

/* Bytes: a longer document is refused unread. A hub holds at most 32 KiB of desired and 32 KiB of
 * reported properties. */
#define ASC_TWIN_DOCUMENT_MAX 66560u

/* Levels of objects and arrays; a hub allows 10 below desired. */
#define ASC_TWIN_DEPTH_MAX 16u

/* Bytes of the largest report, its NUL included. */
#define ASC_TWIN_REPORT_MAX (448u + 112u * ASC_TWIN_ALLOW_MAX)

/* X(name, text): what can be wrong with a document. */
#define ASC_TWIN_FAULTS(X)                                        \
    X(ASC_TWIN_FAULT_NONE, "")                                    \
    X(ASC_TWIN_FAULT_LONG, "too long")                            \
    X(ASC_TWIN_FAULT_JSON, "not JSON")                            \
    X(ASC_TWIN_FAULT_DEEP, "too deep")                            \
    X(ASC_TWIN_FAULT_TWICE, "given twice")                        \
    X(ASC_TWIN_FAULT_MISSING, "missing")                          \
    X(ASC_TWIN_FAULT_OBJECT, "not an object")                     \
    X(ASC_TWIN_FAULT_ARRAY, "not an array")                       \
    X(ASC_TWIN_FAULT_MANY, "too many entries")                    \
    X(ASC_TWIN_FAULT_INTEGER, "not a whole number in its range")  \
    X(ASC_TWIN_FAULT_BOOLEAN, "not true or false")                \
    X(ASC_TWIN_FAULT_ABSENT, "not in this image")                 \
    X(ASC_TWIN_FAULT_ADDRESS, "not an address or address/prefix") \
    X(ASC_TWIN_FAULT_PROTOCOL, "not tcp, udp or icmp")            \
    X(ASC_TWIN_FAULT_MODULE, "refused by the module")

#define ASC_TWIN_FAULT_ENUM(name, text) name,
enum asc_twin_fault {
    ASC_TWIN_FAULTS(ASC_TWIN_FAULT_ENUM) ASC_TWIN_FAULT_COUNT
};
#undef ASC_TWIN_FAULT_ENUM

enum asc_twin_result {
    ASC_TWIN_APPLIED, /* in force: send the report */
    ASC_TWIN_REFUSED, /* nothing changed: send the report, which says why */
    ASC_TWIN_STALE,   /* a patch of a version that is in force already: nothing to do */
    ASC_TWIN_BEHIND   /* a patch whose ground is not known: read the whole twin, apply that */
};

/* What a twin can set. */
struct asc_twin_values {
    uint32_t interval_s[3]; /* high, medium, low */
    uint32_t collectors;    /* as in struct asc_settings */
};

/* The protocol of an entry that fits every one. */
#define ASC_TWIN_ANY_PROTOCOL UINT8_MAX

/* Flows that are not worth reporting. */
struct asc_twin_entry {
    uint8_t remote[16];    /* as in a packet; IPv4: the first four */
    uint16_t port[2];      /* remote, local; 0: any */
    uint8_t address_bytes; /* of `remote`: 4 or 16 */
    uint8_t prefix_bits;   /* of `remote`: 0 to 32, or to 128 */
    uint8_t protocol;      /* enum asc_protocol, or ASC_TWIN_ANY_PROTOCOL */
};

/* One twin of one module. The caller owns the memory; the fields are for reading. */
struct asc_twin {
    struct asc_allow allow; /* first: what the module asks */
    struct asc_module *module;
    struct asc_twin_values defaults; /* what is in force where the twin says nothing */
    uint32_t version;                /* of the document judged last; 0: it had none */
    uint32_t offset;                 /* byte of that document where it was found wrong */
    uint8_t fault;                   /* enum asc_twin_fault */
    uint8_t member;                  /* where: enum asc_twin_member_index */
    uint8_t entry;                   /* where: in the allow-list */
    uint8_t ignored;                 /* members of ours that are not known; saturates */
    bool behind; /* what is in force is not that version, so that a patch makes no sense */
    uint8_t entry_count;
#if ASC_TWIN_ALLOW_MAX > 0
    struct asc_twin_entry entries[ASC_TWIN_ALLOW_MAX];
#endif
};

/* Prepares a twin without any document, and gives its allow-list, which is empty, to the module. What
 * `m` has for settings now is what a twin that says nothing leaves it with. `m` must be initialised; the
 * twin must outlive it. From the module's thread, as all calls here. */
void asc_twin_init(struct asc_twin *twin, struct asc_module *m);

/* Judges a document and, if every value of it is good, puts it in force; else nothing changes.
 * `json`: `length` bytes, read during the call only; not read where they are over the limit. `patch`: false for the whole twin,
 * {"desired": {...}, "reported": {...}}, where what is absent goes back to its default; true for a
 * change, which is the inside of desired, where what is absent stays.
 * Cost: two passes over the document, no heap, stack below 400 bytes. */
enum asc_twin_result asc_twin_apply(
    struct asc_twin *twin, const char *json, size_t length, bool patch);

/* Writes the reported properties, to be sent as a patch of them: what came of the last document, and
 * what is in force. Returns the length without the NUL; 0, with `out` of no meaning, if `size` is too
 * small. ASC_TWIN_REPORT_MAX is never too small. */
size_t asc_twin_report(const struct asc_twin *twin, char *out, size_t size);

/* Returns the text of a fault; "" for none, "unknown" for a value outside the enum. */
const char *asc_twin_fault_text(enum asc_twin_fault fault);

#ifdef __cplusplus
}
#endif

#endif
