/* SPDX-License-Identifier: MIT */
/* Shared access policies and their keys in JSON, as every face writes and reads them. */

#ifndef VEDETTE_API_POLICIES_H
#define VEDETTE_API_POLICIES_H

#include <jansson.h>

#include "hub/registry.h"

/* {"keyName","primaryKey","secondaryKey","rights"}, the caller's; NULL: no memory. */
json_t *vd_policy_json(const struct vd_policy *policy);

/* A new random key. VD_E_IO. */
VD_NODISCARD int vd_policy_key_make(struct vd_key *key);

/* Reads base64 of VD_KEY_MIN_BYTES to VD_KEY_MAX_BYTES. VD_E_INVALID leaves *key as it was. */
VD_NODISCARD int vd_policy_key_read(const char *text, struct vd_key *key);

#endif
