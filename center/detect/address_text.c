/* SPDX-License-Identifier: MIT */
/* Text of addresses, with the last part hidden where it is to be. */

#include "center/detect/address_text.h"

#include <stdio.h>
#include <string.h>

#include "center/intel/indicator_list.h"

void vd_address_read(struct vd_str text, struct vd_address *out)
{
    struct vd_indicator_line line;

    if (text.length > 0 && vd_indicator_parse(text, &line) == NULL) {
        *out = line.range.from;
    } else {
        *out = (struct vd_address){{0}};
    }
}

static void mask(char *text)
{
    char *last = strrchr(text, strchr(text, '.') != NULL ? '.' : ':');

    if (last != NULL) {
        snprintf(last + 1, VD_ADDRESS_TEXT_SIZE - (size_t)(last + 1 - text), "XXX");
    }
}

void vd_address_show(
    const struct vd_address *address, bool unmasked, char out[VD_ADDRESS_TEXT_SIZE])
{
    static const struct vd_address none = {{0}};

    out[0] = '\0';
    if (memcmp(address, &none, sizeof none) != 0) {
        vd_address_format(address, !vd_address_is_ipv4(address), out);
        if (!unmasked) {
            mask(out);
        }
    }
}

void vd_address_show_text(struct vd_str text, bool unmasked, char out[VD_ADDRESS_TEXT_SIZE])
{
    struct vd_address address;

    vd_address_read(text, &address);
    vd_address_show(&address, unmasked, out);
}
