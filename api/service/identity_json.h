/* SPDX-License-Identifier: MIT */
/* Identities in the JSON of the SDKs, and of what the hub of old exports. */

#ifndef VEDETTE_API_SERVICE_IDENTITY_JSON_H
#define VEDETTE_API_SERVICE_IDENTITY_JSON_H

#include <jansson.h>

#include "hub/registry.h"

/*
 * Puts what `body` says of status, reason and authentication into *identity, which holds its ids, and what is stored of
 * it if `exists`. Members that are absent keep what is there; of a new identity, keys that are absent or empty are made.
 * False: *detail (static) says what is wrong; *identity is then undefined.
 */
bool vd_service_identity_read(
    const json_t *body, bool exists, struct vd_identity *identity, const char **detail);

#endif
