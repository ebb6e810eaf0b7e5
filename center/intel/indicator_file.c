/* SPDX-License-Identifier: MIT */
/* Header, checksums and records of a set's file. */

#include "center/intel/indicator_file.h"

/* "VDINTEL" and the version, as a number, so that another byte order is another number. */
#define MAGIC       0x56444e4454454c01ULL
#define LANES       4
#define MULTIPLIER  0x9e3779b97f4a7c15ULL
#define HEADER_SIZE sizeof(struct vd_indicator_header)

_Static_assert(HEADER_SIZE % 8 == 0, "sections behind it begin at multiples of 8");

/* Each step is one-to-one in both of its arguments: a change within one word always shows. */
static uint64_t mix(uint64_t sum, uint64_t word)
{
    sum = (sum ^ word) * MULTIPLIER;
    return sum ^ sum >> 32;
}

static uint64_t checksum(const uint64_t *words, size_t count)
{
    uint64_t lanes[LANES] = {1, 2, 3, 4};
    uint64_t sum = count;
    size_t i = 0;

    for (; i + LANES <= count; i += LANES) {
        for (size_t lane = 0; lane < LANES; lane++) {
            lanes[lane] = mix(lanes[lane], words[i + lane]);
        }
    }
    for (; i < count; i++) {
        lanes[0] = mix(lanes[0], words[i]);
    }
    for (size_t lane = 0; lane < LANES; lane++) {
        sum = mix(sum, lanes[lane]);
    }
    return sum;
}

static uint64_t body_check(const void *file, size_t length)
{
    const uint64_t *words = file;

    return checksum(words + HEADER_SIZE / 8, (length - HEADER_SIZE) / 8);
}

void vd_indicator_file_seal(void *file, size_t length)
{
    struct vd_indicator_header *header = file;

    header->magic = MAGIC;
    header->length = length;
    header->body_check = body_check(file, length);
    header->header_check = checksum(file, HEADER_SIZE / 8 - 1);
}

/* Bytes of an item of the section; the two of addresses must have as many as each other. */
static size_t item_size(int section)
{
    return section < VD_SECTION_ADDRESSES ? 1
        : section < VD_SECTION_PREFIXES4  ? sizeof(uint32_t)
                                          : sizeof(struct vd_prefix);
}

static bool sections_are_good(const struct vd_indicator_header *header)
{
    for (int i = 0; i < VD_SECTIONS; i++) {
        const uint64_t offset = header->sections[i].offset;
        const uint64_t length = header->sections[i].length;
        const uint64_t items_max =
            i < VD_SECTION_PREFIXES4 ? VD_INDICATORS_MAX : VD_INDICATOR_PREFIXES_MAX;

        if (offset < HEADER_SIZE || offset > header->length || length > header->length - offset ||
            offset % 8 != 0 || length % item_size(i) != 0 ||
            (i >= VD_SECTION_ADDRESSES && length / item_size(i) > items_max)) {
            return false;
        }
    }
    for (int kind = 0; kind < VD_INDICATOR_KINDS; kind++) {
        if (header->sections[VD_SECTION_ADDRESSES + kind].length !=
                header->sections[VD_SECTION_ADDRESS_RECORDS + kind].length ||
            header->counts[kind] > VD_INDICATORS_MAX) {
            return false;
        }
    }
    return true;
}

int vd_indicator_file_check(const void *file, size_t length, struct vd_indicator_header *header)
{
    struct vd_indicator_header read;

    if (length < HEADER_SIZE || length % 8 != 0) {
        return VD_E_CORRUPT;
    }
    memcpy(&read, file, HEADER_SIZE);
    if (read.magic != MAGIC || read.length != length ||
        read.header_check != checksum(file, HEADER_SIZE / 8 - 1) || !sections_are_good(&read) ||
        read.body_check != body_check(file, length)) {
        return VD_E_CORRUPT;
    }
    *header = read;
    return VD_OK;
}

/* ---- Records ---- */

#define HAS_SIZE     1
#define HAS_VALIDITY 2

/* Behind it: the size, the validity, text, NUL, description, NUL. */
struct record_head {
    uint32_t line;
    uint16_t feed;
    uint16_t description_length;
    uint8_t text_length;
    uint8_t confidence;
    uint8_t tlp;
    uint8_t has;
};

_Static_assert(sizeof(struct record_head) == 12, "no padding");
_Static_assert(
    VD_INDICATOR_TEXT <= UINT8_MAX && VD_INDICATOR_DESCRIPTION_MAX <= UINT16_MAX, "lengths fit");

static uint8_t *put(uint8_t *to, const void *data, size_t length)
{
    memcpy(to, data, length);
    return to + length;
}

size_t vd_indicator_record_write(
    const struct vd_indicator_record *record, uint8_t out[VD_RECORD_BYTES_MAX])
{
    const bool has_size = record->size.high != 0 || record->size.low != 0;
    const bool has_validity = record->valid_from_ms != 0 || record->valid_until_ms != 0;
    const struct record_head head = {
        .line = record->line,
        .feed = record->feed,
        .description_length = (uint16_t)record->description.length,
        .text_length = (uint8_t)record->text.length,
        .confidence = record->confidence,
        .tlp = record->tlp,
        .has = (uint8_t)((has_size ? HAS_SIZE : 0) | (has_validity ? HAS_VALIDITY : 0)),
    };
    uint8_t *to = put(out, &head, sizeof head);

    if (has_size) {
        to = put(to, &record->size, sizeof record->size);
    }
    if (has_validity) {
        to = put(to, &record->valid_from_ms, sizeof record->valid_from_ms);
        to = put(to, &record->valid_until_ms, sizeof record->valid_until_ms);
    }
    to = put(to, record->text.data, record->text.length);
    *to++ = 0;
    to = put(to, record->description.data, record->description.length);
    *to++ = 0;
    while ((size_t)(to - out) % VD_RECORD_UNIT != 0) {
        *to++ = 0;
    }
    return (size_t)(to - out);
}

/* Moves the next bytes to `to`. */
static bool take(struct vd_str *from, void *to, size_t length)
{
    if (length > from->length) {
        return false;
    }
    memcpy(to, from->data, length);
    from->data += length;
    from->length -= length;
    return true;
}

static bool take_text(struct vd_str *from, size_t length, struct vd_str *text)
{
    if (length >= from->length || from->data[length] != '\0') {
        return false;
    }
    *text = (struct vd_str){from->data, length};
    from->data += length + 1;
    from->length -= length + 1;
    return true;
}

bool vd_indicator_record_read(
    struct vd_str section, uint32_t record, struct vd_indicator_record *out)
{
    const size_t offset = (size_t)record * VD_RECORD_UNIT;
    struct record_head head;

    if (offset >= section.length) {
        return false;
    }
    section.data += offset;
    section.length -= offset;
    if (!take(&section, &head, sizeof head)) {
        return false;
    }
    *out = (struct vd_indicator_record){
        .line = head.line, .feed = head.feed, .confidence = head.confidence, .tlp = head.tlp};
    if ((head.has & HAS_SIZE) != 0 && !take(&section, &out->size, sizeof out->size)) {
        return false;
    }
    if ((head.has & HAS_VALIDITY) != 0 &&
        (!take(&section, &out->valid_from_ms, sizeof out->valid_from_ms) ||
            !take(&section, &out->valid_until_ms, sizeof out->valid_until_ms))) {
        return false;
    }
    return take_text(&section, head.text_length, &out->text) &&
        take_text(&section, head.description_length, &out->description);
}
