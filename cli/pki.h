/* SPDX-License-Identifier: MIT */
/* The hub's own certificate authority and the server certificate that it issues. */

#ifndef VEDETTE_CLI_PKI_H
#define VEDETTE_CLI_PKI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

/* Files of PEM; the keys are made with mode 0600. */
struct vd_pki_files {
    const char *ca;
    const char *ca_key;
    const char *server;
    const char *server_key;
};

/*
 * Makes a CA (EC P-256) and a server certificate of it, for `hub_name`, localhost, the loopback addresses and `names`
 * (host names or numeric addresses), all valid from a day ago for ten years. The files must not exist yet.
 * VD_E_INVALID (a name; said in error_text), VD_E_EXISTS, VD_E_IO, VD_E_FULL, VD_E_NOMEM.
 */
VD_NODISCARD int vd_pki_create(const struct vd_pki_files *files, const char *hub_name,
    const char *const *names, size_t count, char *error_text, size_t error_size);

/* *until_ms: when the certificate in the file `path` ends, UTC. VD_E_NOT_FOUND, VD_E_CORRUPT ... */
VD_NODISCARD int vd_pki_valid_until(const char *path, int64_t *until_ms);

/* *is_pair: the key is the certificate's; *is_named: the certificate is for `host_name`, or for a numeric address that it is.
 * VD_E_NOT_FOUND, VD_E_CORRUPT ... */
VD_NODISCARD int vd_pki_check(const char *certificate_path, const char *key_path,
    const char *host_name, bool *is_pair, bool *is_named);

#endif
