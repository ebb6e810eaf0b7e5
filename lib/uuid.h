/* SPDX-License-Identifier: MIT */
/* Ids: UUIDs, random and derived, and the letters that a device id may have. */

#ifndef VEDETTE_LIB_UUID_H
#define VEDETTE_LIB_UUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#define VD_UUID_TEXT_SIZE 37

struct vd_uuid {
    uint8_t bytes[16];
};

/* Version 4, from the system's random source. VD_E_IO if that fails. */
VD_NODISCARD int vd_uuid_random(struct vd_uuid *out);

/* Version 8 (RFC 9562) over SHA-256 of `length` bytes: the same input gives the same id. */
VD_NODISCARD int vd_uuid_derived(const void *data, size_t length, struct vd_uuid *out);

/* Lower-case text with hyphens. */
void vd_uuid_format(const struct vd_uuid *uuid, char out[VD_UUID_TEXT_SIZE]);

/* 36 characters, either case. VD_E_INVALID leaves *out untouched. */
VD_NODISCARD int vd_uuid_parse(const char *text, size_t length, struct vd_uuid *out);

/* 1 to 128 of letters, digits and - . + % _ # * ? ! ( ) , : = @ $ ' */
bool vd_device_id_is_valid(const char *text, size_t length);

#endif
