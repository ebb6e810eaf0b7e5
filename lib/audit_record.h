/* SPDX-License-Identifier: MIT */
/* The form of the audit trail: records, heads, and the hashes that chain and sign them (docs/adr/0031-audit.md). */

#ifndef VEDETTE_LIB_AUDIT_RECORD_H
#define VEDETTE_LIB_AUDIT_RECORD_H

#include <jansson.h>

#include "lib/secret.h"
#include "lib/str.h"
#include "lib/uuid.h"

#define VD_AUDIT_HASH_BYTES     32
#define VD_AUDIT_HASH_TEXT_SIZE (2 * VD_AUDIT_HASH_BYTES + 1)

/* A text of a record; what is longer is cut. */
#define VD_AUDIT_TEXT_MAX 400
/* A record, were each byte of its texts escaped; a line of an exported file, with its hash. */
#define VD_AUDIT_RECORD_MAX 36864
#define VD_AUDIT_LINE_MAX   (VD_AUDIT_RECORD_MAX + 1024)

/* SHA-256, or HMAC with it. */
struct vd_audit_hash {
    uint8_t bytes[VD_AUDIT_HASH_BYTES];
};

/* Kinds of records. */
#define VD_AUDIT_CHANGE  "Change"
#define VD_AUDIT_SIGN_IN "SignIn"
#define VD_AUDIT_PROGRAM "Program"

/* How an act ended. Unknown: the program ended before it could say so. */
#define VD_AUDIT_DONE    "Done"
#define VD_AUDIT_REFUSED "Refused"
#define VD_AUDIT_FAILED  "Failed"
#define VD_AUDIT_UNKNOWN "Unknown"

/* Paths of what the trail says of itself. */
#define VD_AUDIT_PATH_CUT    "audit.cut"
#define VD_AUDIT_PATH_BROKEN "audit.broken"

/* What a record says. NULL is an empty text; text that is not UTF-8 is repaired. Never a secret. */
struct vd_audit_entry {
    int64_t time_ms;  /* UTC, of the request; 0: now */
    const char *kind; /* one of those above */
    const char *
        who; /* "token:NAME", "local:USER", "policy:NAME", "vedette"; empty: nobody that is known */
    const char *role;    /* of the caller, or the policy's right that was needed */
    const char *address; /* numeric; empty: on this machine */
    const char *via;     /* local, portal, management, service, program */
    const char *method;  /* of HTTP */
    const char *
        path; /* of the route, with {id} and the like; of the program: what it did, as "service.start" */
    const char *resource; /* the request's path */
    const char *query;    /* its parameters, of a list that holds no secrets */
    int status;           /* of HTTP; 0: none */
    const char *outcome;
    const char *request; /* its id */
    const char
        *changed; /* names of the body's members, with values of those that are never secret */
    const char *digest; /* HMAC-SHA-256 of the body under a key of this trail, in hex */
    const char *note;
};

/* The outcome that a status of HTTP stands for. Static. */
const char *vd_audit_outcome(int status);

/*
 * Appends the record: JSON in one line, its members always the same and in this order: sequence, time, kind, who, role,
 * address, via, method, path, resource, query, status, outcome, request, changed, digest, note, previous. A failure stays in
 * out->error.
 */
void vd_audit_record_write(struct vd_buf *out, uint64_t sequence,
    const struct vd_audit_hash *previous, const struct vd_audit_entry *entry);

/* A record that was read; the texts of `entry` lie in `json`. */
struct vd_audit_record {
    json_t *json;
    struct vd_audit_entry entry;
    uint64_t sequence;
    struct vd_audit_hash previous;
};

/* Reads one of any origin. VD_E_INVALID: it is none; VD_E_NOMEM. To be released only if VD_OK. */
VD_NODISCARD int vd_audit_record_read(struct vd_str text, struct vd_audit_record *out);
void vd_audit_record_release(struct vd_audit_record *record);

/* SHA-256. VD_E_NOMEM. */
VD_NODISCARD int vd_audit_hash_of(struct vd_str text, struct vd_audit_hash *out);
/* HMAC with it. VD_E_NOMEM. */
VD_NODISCARD int vd_audit_mac_of(
    const uint8_t key[VD_MASTER_KEY_BYTES], struct vd_str text, struct vd_audit_hash *out);
bool vd_audit_hash_equal(const struct vd_audit_hash *a, const struct vd_audit_hash *b);
/* Lower-case hex. */
void vd_audit_hash_format(const struct vd_audit_hash *hash, char out[VD_AUDIT_HASH_TEXT_SIZE]);
/* VD_E_INVALID leaves *out untouched. */
VD_NODISCARD int vd_audit_hash_parse(const char *text, size_t length, struct vd_audit_hash *out);

/*
 * A hash as the last member of an object: `{...}` and `{...,"hash":"<hex>"}`.
 * text  of the object, with its braces
 */
void vd_audit_member_add(
    struct vd_buf *out, struct vd_str text, const char *name, const struct vd_audit_hash *hash);
/* The reverse: appends what the object was to `text`. VD_E_INVALID: its last member is no such. */
VD_NODISCARD int vd_audit_member_cut(
    struct vd_str line, const char *name, struct vd_buf *text, struct vd_audit_hash *hash);

/* ---- Heads: what a trail is to hold, signed ---- */

#define VD_AUDIT_KIND_SIZE 8

struct vd_audit_head {
    char kind
        [VD_AUDIT_KIND_SIZE]; /* "head": of the file; "export": of an exported one; "anchor": of the registry */
    char trail[VD_UUID_TEXT_SIZE];
    uint64_t from;                    /* the first record */
    struct vd_audit_hash base;        /* the hash before it */
    uint64_t to;                      /* the last one; from - 1: none */
    struct vd_audit_hash last;        /* its hash, or the base */
    uint64_t open;                    /* intents */
    struct vd_audit_hash open_digest; /* of them */
    int64_t time_ms;
};

/* The key that signs heads, and the one for digests of bodies. VD_E_NOMEM. */
VD_NODISCARD int vd_audit_keys_derive(const uint8_t master[VD_MASTER_KEY_BYTES],
    uint8_t head[VD_MASTER_KEY_BYTES], uint8_t digest[VD_MASTER_KEY_BYTES]);

/* Appends the head with its MAC as one line of JSON. A failure stays in out->error. */
void vd_audit_head_write(
    struct vd_buf *out, const struct vd_audit_head *head, const uint8_t key[VD_MASTER_KEY_BYTES]);

/* Reads one of any origin. key NULL: the MAC is not looked at. VD_E_INVALID: it is none; VD_E_DENIED: not signed with the
 * key; VD_E_NOMEM. *out is untouched on failure. */
VD_NODISCARD int vd_audit_head_read(
    struct vd_str line, const uint8_t *key, struct vd_audit_head *out);

#endif
