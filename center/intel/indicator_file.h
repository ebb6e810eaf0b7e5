/* SPDX-License-Identifier: MIT */
/* The file of an indicator set: what is where, its checksums, and its records. For builder, set and tests only. */

#ifndef VEDETTE_CENTER_INTEL_INDICATOR_FILE_H
#define VEDETTE_CENTER_INTEL_INDICATOR_FILE_H

#include "center/intel/indicator_index.h"
#include "center/intel/indicator_set.h"

/* Sections of indicators and of exceptions. */
#define VD_INDICATOR_KINDS 2

enum vd_indicator_section {
    VD_SECTION_RECORDS,
    VD_SECTION_FEEDS, /* each: length and bytes of name and severity, both with a NUL that is not counted */
    VD_SECTION_ADDRESSES, /* uint32_t, sorted; from here on one of each kind */
    VD_SECTION_ADDRESS_RECORDS = VD_SECTION_ADDRESSES + VD_INDICATOR_KINDS, /* uint32_t */
    VD_SECTION_PREFIXES4 = VD_SECTION_ADDRESS_RECORDS + VD_INDICATOR_KINDS, /* struct vd_prefix */
    VD_SECTION_PREFIXES6 = VD_SECTION_PREFIXES4 + VD_INDICATOR_KINDS,
    VD_SECTIONS = VD_SECTION_PREFIXES6 + VD_INDICATOR_KINDS,
};

/* The file begins with it; numbers are in this machine's byte order. Sections begin at multiples of 8 bytes. */
struct vd_indicator_header {
    uint64_t magic;  /* of version and byte order */
    uint64_t length; /* of the file: a multiple of 8 */
    uint64_t counts[VD_INDICATOR_KINDS];
    struct {
        uint64_t offset;
        uint64_t length; /* bytes */
    } sections[VD_SECTIONS];
    uint64_t body_check;   /* of all behind the header */
    uint64_t header_check; /* of all before it */
};

/* Sets magic, length and checks of the file of `length` bytes at `file`, aligned for uint64_t, that is whole otherwise. */
void vd_indicator_file_seal(void *file, size_t length);
/* VD_OK, or VD_E_CORRUPT if header, checksums or the places of sections are not as they must be. */
VD_NODISCARD int vd_indicator_file_check(
    const void *file, size_t length, struct vd_indicator_header *header);

/* A record. `record` numbers are its place in the section in units of VD_RECORD_UNIT bytes. */
#define VD_RECORD_UNIT      8
#define VD_RECORD_BYTES_MAX (64 + VD_INDICATOR_TEXT + VD_INDICATOR_DESCRIPTION_MAX)

struct vd_indicator_record {
    struct vd_number size; /* of the range: to - from */
    int64_t valid_from_ms;
    int64_t valid_until_ms;
    struct vd_str text;
    struct vd_str description;
    uint32_t line;
    uint16_t feed; /* number of its feed, from 0 */
    uint8_t confidence;
    uint8_t tlp;
};

/* Writes it padded to units; returns the bytes. Text and description are within their limits. */
size_t vd_indicator_record_write(
    const struct vd_indicator_record *record, uint8_t out[VD_RECORD_BYTES_MAX]);
/* Reads the record at `record` of the section; its texts point into it and end with a NUL. False: there is none. */
bool vd_indicator_record_read(
    struct vd_str section, uint32_t record, struct vd_indicator_record *out);

#endif
