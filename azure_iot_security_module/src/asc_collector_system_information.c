/* SPDX-License-Identifier: MIT */
/* The system information collector. */

#include "azure_iot_security_module/src/asc_collector_system_information.h"

#if ASC_COLLECTOR_SYSTEM_INFORMATION_ENABLED

static const struct asc_shape information_shape = {3, {{0, 4}, {1, 4}, {2, 4}}};

/* Bytes of a string that fit, without a part of a character of UTF-8 at the end. */
static uint32_t cut(const char *text)
{
    uint32_t length = 0;

    while (length < ASC_SYSTEM_INFORMATION_STRING_MAX && text[length] != '\0') {
        length++;
    }
    if (text[length] != '\0') {
        while (length > 0 && ((uint8_t)text[length] & 0xc0) == 0x80) {
            length--;
        }
    }
    return length;
}

enum asc_collected asc_collect_system_information(
    struct asc_module *m, struct asc_message *message, uint32_t interval_s)
{
    struct asc_system_information information = {NULL, NULL, NULL};
    struct asc_writer *w = &message->w;
    const char *text[3];
    uint16_t vtable = 0;
    uint32_t mask = 0;
    uint32_t field;
    uint32_t slot;

    if (m->port->system_information != NULL) {
        m->port->system_information(m->context, &information);
    }
    text[0] = information.os;
    text[1] = information.kernel;
    text[2] = information.hw;
    for (unsigned i = 0; i < 3; i++) {
        mask |= text[i] != NULL ? 1u << i : 0;
    }
    if (mask == 0) {
        return ASC_COLLECTED_NOTHING;
    }
    slot = asc_collector_event(m, message, interval_s, ASC_PAYLOAD_SYSTEM_INFORMATION);
    if (slot == 0) {
        return ASC_COLLECTED_LATER;
    }
    field = asc_writer_table(w, &information_shape, mask, &vtable);
    asc_writer_refer(w, slot, field);
    for (unsigned i = 0; i < 3; i++) {
        if (text[i] != NULL) {
            field += 4; /* they follow each other */
            (void)asc_writer_string(w, field, text[i], cut(text[i]));
        }
    }
    return ASC_COLLECTED_ALL;
}

#else
/* An empty translation unit is not C. */
typedef int asc_collector_system_information_is_off;
#endif
