/* SPDX-License-Identifier: MIT */
/* CA certificates and proofs in bodies of requests, and what is said of those that are none. */

#ifndef VEDETTE_API_CA_TEXT_H
#define VEDETTE_API_CA_TEXT_H

#include <jansson.h>

#include "hub/x509.h"

/* The text of a certificate that is read: DER of the largest, as PEM with some words around it. */
#define VD_CA_TEXT_MAX_BYTES (2 * VD_HUB_CA_MAX_BYTES)

/* Decodes base64 of PEM or DER into `text`, which is empty and the caller's. VD_E_INVALID: it is none, or too long. */
VD_NODISCARD int vd_ca_text_decode(const json_t *value, struct vd_buf *text);

/* Decodes and reads the certificate of a CA. Errors of vd_ca_read, VD_E_NOMEM. */
VD_NODISCARD int vd_ca_text_read(const json_t *value, struct vd_ca_certificate *certificate);

/* What is wrong, for errors of the two above, and of vd_ca_check_proof. */
const char *vd_ca_text_fault(int error);
const char *vd_ca_proof_fault(int error);

#endif
