/* SPDX-License-Identifier: MIT */
/* A twin: tags, desired and reported properties with versions and metadata; its updates and the forms in which it goes out. */

#ifndef VEDETTE_HUB_TWIN_H
#define VEDETTE_HUB_TWIN_H

#include <jansson.h>
#include <stdbool.h>

#include "lib/str.h"

/*
 * Pure: no input or output, no clock, no threads; one twin is used by one thread at a time.
 *
 * Where the protocol's pages are silent this is so:
 * - Bytes of a section are counted as its values, not as its text: a name and a string count their bytes in UTF-8
 *   without control characters (U+0000 to U+001F, U+007F to U+009F), a number 8, a boolean or null 4, an object what is
 *   in it, an array that and 2 an element (else empty ones would be free). `$version` and `$metadata` do not count.
 *   The merged section is held to the limit; a string alone may fill it.
 * - Depth: VD_TWIN_DEPTH_MAX objects or arrays inside one another below tags, desired or reported.
 * - Arrays are values: replaced whole, described by one metadata. null in an array is an element and deletes nothing.
 * - `$version` and `$metadata` in what comes in are ours to write, so they are passed over, at the top of a section only;
 *   likewise what a back end sends back of a twin beside tags and desired (deviceId, status, reported ...). Any other
 *   member is an error, so that a misspelt one is not lost in silence.
 * - A replacement replaces the sections that it names; a null in it is not stored.
 * - The twin's version grows with every update; its ETag changes with tags and desired only, so that a device which
 *   reports does not make a back end's update fail.
 */

/* From the protocol: bytes of a section's values. */
#define VD_TWIN_TAGS_MAX_BYTES       8192u
#define VD_TWIN_PROPERTIES_MAX_BYTES 32768u
#define VD_TWIN_DEPTH_MAX            10u
/* From the old hub: a name, an integer (53 bits, so that every double holds it). */
#define VD_TWIN_KEY_MAX_BYTES 1024u
#define VD_TWIN_INTEGER_MAX   4503599627370495LL
#define VD_TWIN_INTEGER_MIN   (-4503599627370496LL)
/* Text of an update: the largest message; escapes and blanks make text longer than what it says. */
#define VD_TWIN_TEXT_MAX_BYTES 262144u
/* What a problem says of where it is. */
#define VD_TWIN_PATH_SIZE 128
/* ETag and NUL. */
#define VD_TWIN_ETAG_SIZE 13

enum vd_twin_error {
    VD_TWIN_OK,
    VD_TWIN_MALFORMED, /* no JSON, no object, a member twice, or one that an update does not have */
    VD_TWIN_TOO_LARGE,
    VD_TWIN_TOO_DEEP,
    VD_TWIN_BAD_KEY,   /* empty, too long, or with a control character, '.', '$' or a space */
    VD_TWIN_BAD_VALUE, /* a number out of range */
    VD_TWIN_VERSION_MISMATCH,
    VD_TWIN_NO_MEMORY,
};

/* What is wrong, and where: "reported.a.b", cut where it is too long, control characters as '?'; "" for the whole. */
struct vd_twin_problem {
    enum vd_twin_error error;
    char path[VD_TWIN_PATH_SIZE];
};

/* The meaning as static text. */
const char *vd_twin_error_text(enum vd_twin_error error);

/* `metadata` mirrors `members`: for each an object with `$lastUpdated`, `$lastUpdatedVersion` and its members' metadata. */
struct vd_twin_section {
    json_t *members;
    json_t *metadata;
    json_int_t version; /* 1 for a new twin; one more with each update of this section */
};

/* Anyone may read it; only the functions below change it. */
struct vd_twin {
    json_t *tags;
    struct vd_twin_section desired;
    struct vd_twin_section reported;
    json_int_t version; /* 1 for a new twin; one more with each update */
    /* Of tags and desired; what the ETag is made of. It begins with the time in ms, so that no ETag of a twin that was
     * deleted fits the one made after it. */
    json_int_t revision;
};

/* A new twin, empty, made at now_ms (UTC). VD_E_NOMEM leaves nothing to release. */
VD_NODISCARD int vd_twin_init(struct vd_twin *twin, int64_t now_ms);

/* Reads the stored form. VD_E_CORRUPT, VD_E_NEWER (of a later format), VD_E_NOMEM leave *twin as it was. */
VD_NODISCARD int vd_twin_read(struct vd_twin *twin, struct vd_str text);

/* The twin of an identity: of what is stored, as above, or (empty text: nothing is) the empty one that it has had since it
 * was made at created_ms (UTC). That need not be stored to be read: its ETag and times are the same whenever it is asked for. */
VD_NODISCARD int vd_twin_open(struct vd_twin *twin, struct vd_str stored, int64_t created_ms);

/* Appends the stored form, JSON in one line; a failure stays in out->error. */
void vd_twin_write(const struct vd_twin *twin, struct vd_buf *out);

/* All zero is allowed. */
void vd_twin_release(struct vd_twin *twin);

/* Base64 as the old hub's, without quotes. */
void vd_twin_etag(const struct vd_twin *twin, char out[VD_TWIN_ETAG_SIZE]);

/*
 * Updates, all or nothing: after anything but VD_TWIN_OK the twin is as it was, and *problem says what and where.
 * now_ms is UTC, for `$lastUpdated`.
 */

/* Merges a device's patch `{...}` into reported (RFC 7396: null deletes, objects merge, all else replaces). */
VD_NODISCARD enum vd_twin_error vd_twin_patch_reported(
    struct vd_twin *twin, struct vd_str patch, int64_t now_ms, struct vd_twin_problem *problem);

enum vd_twin_update {
    VD_TWIN_PATCH,
    VD_TWIN_REPLACE,
};

/*
 * A back end's update `{"tags":{...},"properties":{"desired":{...}}}`, both optional.
 * if_match        the ETag that the twin must have, without quotes; NULL or "*": any
 * desired_change  what is for the device is appended here: a patch that makes the new desired of the old one, with the new
 *                 `$version`. Nothing if the update names no desired. May be NULL.
 */
VD_NODISCARD enum vd_twin_error vd_twin_update(struct vd_twin *twin, enum vd_twin_update how,
    struct vd_str body, const char *if_match, int64_t now_ms, struct vd_buf *desired_change,
    struct vd_twin_problem *problem);

/* Appends `{"desired":{...,"$version":n},"reported":{...,"$version":m}}`; a failure stays in out->error. */
void vd_twin_write_for_device(const struct vd_twin *twin, struct vd_buf *out);

/* What a back end is told beside the twin. Texts are borrowed for the call. */
struct vd_twin_identity {
    const char *device_id;
    const char *module_id; /* NULL or empty: a device's twin */
    const char *device_etag;
    const char *authentication_type;  /* "sas", "selfSigned", "certificateAuthority" */
    const char *primary_thumbprint;   /* NULL: none */
    const char *secondary_thumbprint; /* likewise */
    const char *status_reason;        /* likewise */
    bool enabled;
    bool connected;
    int64_t status_updated_ms; /* UTC; 0: unset */
    int64_t last_activity_ms;  /* likewise */
    uint32_t c2d_messages;
};

/* The whole twin as back ends and queries see it; the caller owns it (json_decref). It shares values with the twin, so
 * neither is to be changed in place. NULL: out of memory. */
VD_NODISCARD json_t *vd_twin_for_back_end(
    const struct vd_twin *twin, const struct vd_twin_identity *identity);

#endif
