/* SPDX-License-Identifier: MIT */
/* Addresses of peers: read from records, and shown masked or whole. */

#ifndef VEDETTE_CENTER_DETECT_ADDRESS_TEXT_H
#define VEDETTE_CENTER_DETECT_ADDRESS_TEXT_H

#include "center/decode/security_message.h"

/* All zero for what is no address. */
void vd_address_read(struct vd_str text, struct vd_address *out);

/* "192.0.2.1" whole, or "192.0.2.XXX"; "" for one that is all zero. */
void vd_address_show(
    const struct vd_address *address, bool unmasked, char out[VD_ADDRESS_TEXT_SIZE]);
void vd_address_show_text(struct vd_str text, bool unmasked, char out[VD_ADDRESS_TEXT_SIZE]);

#endif
