/* SPDX-License-Identifier: MIT */
/* Sessions of the portal: a cookie that says whose token was shown, and until when. Nothing is kept of them. */

#ifndef VEDETTE_API_PORTAL_SESSION_H
#define VEDETTE_API_PORTAL_SESSION_H

#include "hub/token.h"
#include "lib/secret.h"

/* The prefix has browsers take it from this host over TLS only, and for the whole of it. */
#define VD_PORTAL_SESSION_COOKIE "__Host-vedette"

/* How long one lasts: a working day. */
#define VD_PORTAL_SESSION_S (12 * 3600)

/* Of SHA-256, in base64 for URLs, and a NUL. */
#define VD_PORTAL_SESSION_MAC_SIZE (VD_BASE64URL_LENGTH(32) + 1)

/* "{end, Unix seconds}.{MAC}.{name}" and a NUL. */
#define VD_PORTAL_SESSION_TEXT_SIZE (11 + 1 + VD_PORTAL_SESSION_MAC_SIZE + VD_NAME_MAX + 1)

/* One for each MAC; derived from the master key, so that sessions outlive a restart. */
struct vd_portal_session_keys {
    uint8_t cookie[VD_MASTER_KEY_BYTES];
    uint8_t csrf[VD_MASTER_KEY_BYTES];
};

struct vd_portal_session {
    struct vd_token token; /* as it is now */
    int64_t expires_s;     /* Unix time */
};

/* What a cookie says, true or not. */
struct vd_portal_session_claim {
    char name[VD_NAME_MAX + 1];
    char mac[VD_PORTAL_SESSION_MAC_SIZE];
    int64_t expires_s; /* 1 to 99,999,999,999 */
};

/* VD_E_NOMEM. */
VD_NODISCARD int vd_portal_session_keys_derive(
    const uint8_t master[VD_MASTER_KEY_BYTES], struct vd_portal_session_keys *out);

/*
 * Begins a session of whoever showed the token: it ends after VD_PORTAL_SESSION_S, or with the token.
 * text  the cookie's value; a secret
 * VD_E_NOMEM.
 */
VD_NODISCARD int vd_portal_session_begin(const struct vd_portal_session_keys *keys,
    const struct vd_token *token, int64_t now_ms, struct vd_portal_session *out,
    char text[VD_PORTAL_SESSION_TEXT_SIZE]);

/*
 * The session that a cookie's value stands for. Blocks for the disk: the token is looked up, for one that was deleted, or made
 * again under its name, has no sessions.
 * VD_E_INVALID: no session's form; VD_E_DENIED: not made here, or its token is gone; VD_E_EXPIRED: it or its token; others: the
 * registry's. *out is untouched on failure.
 */
VD_NODISCARD int vd_portal_session_check(const struct vd_portal_session_keys *keys,
    struct vd_registry *registry, struct vd_str value, int64_t now_ms,
    struct vd_portal_session *out);

/* What a page sends along with a change, which other sites cannot know. VD_E_NOMEM. */
VD_NODISCARD int vd_portal_session_csrf(const struct vd_portal_session_keys *keys,
    const struct vd_portal_session *session, char out[VD_PORTAL_SESSION_MAC_SIZE]);

/* The session's value in the header Cookie (RFC 6265 section 4.2); length 0: it has none. Points into the header. */
struct vd_str vd_portal_session_cookie(const char *header);

/* Takes a value apart. VD_E_INVALID: it is of another form. */
VD_NODISCARD int vd_portal_session_parse(struct vd_str value, struct vd_portal_session_claim *out);

#endif
