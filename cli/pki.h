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

/* A server's certificate and key, as they were read. */
struct vd_pki_server {
    int64_t from_ms; /* UTC: when the certificate begins, and ends */
    int64_t until_ms;
    bool is_pair; /* the key is the certificate's */
    bool
        is_named; /* the certificate is for the host name, or the numeric address, that was asked for */
    unsigned key_mode; /* permissions of the key's file */
};

/* VD_E_NOT_FOUND, VD_E_CORRUPT ... */
VD_NODISCARD int vd_pki_read_server(const char *certificate_path, const char *key_path,
    const char *host_name, struct vd_pki_server *out);

/* What is wrong with a pair that TLS takes: bits. */
enum vd_pki_fault {
    VD_PKI_WRONG_NAME = 1,
    VD_PKI_EXPIRED = 2,
    VD_PKI_NOT_YET_VALID = 4,
    VD_PKI_KEY_OPEN = 8, /* others than its owner can read the key */
};

/* The set of them; 0: none. */
unsigned vd_pki_faults(const struct vd_pki_server *server, int64_t now_ms);
/* Says one of them, `host_name` as it was asked for, and returns the name of the file that has it. */
const char *vd_pki_fault_text(enum vd_pki_fault fault, const struct vd_pki_server *server,
    const char *host_name, char *out, size_t size);

#endif
