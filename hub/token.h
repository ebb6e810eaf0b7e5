/* SPDX-License-Identifier: MIT */
/* Bearer tokens of people and programs: made once, shown once, known by their hash. */

#ifndef VEDETTE_HUB_TOKEN_H
#define VEDETTE_HUB_TOKEN_H

#include "hub/registry.h"

/* "vdt_{name}.{43 letters of base64url}": 256 random bits behind the name. And a NUL. */
#define VD_TOKEN_PREFIX      "vdt_"
#define VD_TOKEN_SECRET_SIZE 43
#define VD_TOKEN_TEXT_SIZE   (4 + VD_NAME_MAX + 1 + VD_TOKEN_SECRET_SIZE + 1)

/* Makes the text of a token with that name, whose `hash` it sets; wipe the text once it is shown. VD_E_INVALID, VD_E_IO. */
VD_NODISCARD int vd_token_make(struct vd_token *token, char text[VD_TOKEN_TEXT_SIZE]);

/*
 * Finds the token that `text` is. Blocks for the disk: a look-up, and no more than once a minute the note of its use.
 * The secret is compared by its hash, in constant time.
 * VD_E_INVALID: no token's form; VD_E_DENIED: none of that name, or another secret; VD_E_EXPIRED at now_ms (UTC); others:
 * the registry's. *out is untouched on failure.
 */
VD_NODISCARD int vd_token_check(
    struct vd_registry *registry, struct vd_str text, int64_t now_ms, struct vd_token *out);

/* Notes the use of a token that was looked up, by one who has shown that he may: no more than once a minute, which blocks for
 * the disk. VD_E_EXPIRED at now_ms. */
VD_NODISCARD int vd_token_use(
    struct vd_registry *registry, const struct vd_token *token, int64_t now_ms);

#endif
