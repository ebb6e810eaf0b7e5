/* SPDX-License-Identifier: MIT */
/* SAS tokens: the password of a device, and the header of a back end. Reading, judging and making them. */

#ifndef VEDETTE_HUB_SAS_H
#define VEDETTE_HUB_SAS_H

#include "hub/registry.h"
#include "lib/str.h"

/* The fields of a token, pointing into its text; still URL-encoded but for the expiry. */
struct vd_sas_token {
    struct vd_str resource;    /* sr */
    struct vd_str signature;   /* sig */
    struct vd_str policy;      /* skn; empty if absent */
    int64_t expiry_s;          /* se: seconds since 1970 UTC */
    struct vd_str expiry_text; /* se as it stood: it is part of what is signed */
};

/* Reads `SharedAccessSignature sr=..&sig=..&se=..[&skn=..]`, fields in any order, each at most once, others
 * refused. VD_E_INVALID leaves *out untouched. */
VD_NODISCARD int vd_sas_parse(struct vd_str text, struct vd_sas_token *out);

/* True if the signature is that of `key` over "{sr}\n{se}"; constant time in the signature. */
bool vd_sas_signed_by(const struct vd_sas_token *token, const struct vd_key *key);

/* True if the token's resource is `hub_name`, or `hub_name`/devices/`device`, or with a module its full path, or a
 * prefix of that at a slash; compared after URL decoding, the hub's name without regard to case, with or without a port
 * (`hub:8883`), as devices name it. There are clients that encode ids twice: so a token for an id that looks like one that was
 * encoded, such as `a%2B`, is one for `a+` as well; `a%41` does not look so, since nobody encodes an A. */
bool vd_sas_covers(const struct vd_sas_token *token, const char *hub_name, const char *device_id,
    const char *module_id);

/* What follows the hub's name (and port) in `resource`: empty or from a slash on; data is NULL if it names another hub. */
struct vd_str vd_sas_host_path(struct vd_str resource, const char *hub_name);

/* Writes a token for `resource` (not yet encoded) into out. VD_E_LIMIT. */
VD_NODISCARD int vd_sas_make(const char *resource, const struct vd_key *key, int64_t expiry_s,
    const char *policy, char *out, size_t size);

#endif
