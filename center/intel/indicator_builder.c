/* SPDX-License-Identifier: MIT */
/* Builds the file of a set: records as they come, then what is sorted, then the header that makes it whole. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <unistd.h>

#include "center/intel/indicator_file.h"
#include "center/intel/indicator_set_internal.h"
#include "lib/sync.h"

#define WRITE_BUFFER_BYTES 262144
#define FIRST_CAPACITY     1024
#define BITS_MAX           128

/* What sorts as an IPv4 address and then as it came: the address above its record. */
struct keys {
    uint64_t *items;
    uint32_t count;
    uint32_t capacity;
};

struct prefixes {
    struct vd_prefix *items;
    uint32_t count;
    uint32_t capacity;
};

struct vd_indicator_builder {
    char path[PATH_MAX];   /* empty: the file has no name */
    char beside[PATH_MAX]; /* its name until it is whole; empty: there is nothing to remove */
    FILE *file;
    char *buffer;
    uint64_t position; /* in the file */
    struct vd_indicator_header header;
    struct vd_buf feeds;
    uint16_t feed_count;
    uint8_t feed_confidence;
    int kind; /* of the feed under way */
    struct keys addresses[VD_INDICATOR_KINDS];
    struct prefixes prefixes4[VD_INDICATOR_KINDS];
    struct prefixes prefixes6[VD_INDICATOR_KINDS];
};

/* ---- Writing ---- */

static int write_bytes(struct vd_indicator_builder *builder, const void *data, size_t length)
{
    errno = 0;
    if (length > 0 && fwrite(data, 1, length, builder->file) != length) {
        return vd_error_from_errno(errno != 0 ? errno : EIO);
    }
    builder->position += length;
    return VD_OK;
}

static void begin_section(struct vd_indicator_builder *builder, int section)
{
    builder->header.sections[section].offset = builder->position;
}

static int end_section(struct vd_indicator_builder *builder, int section)
{
    static const char zeros[8];

    builder->header.sections[section].length =
        builder->position - builder->header.sections[section].offset;
    return write_bytes(builder, zeros, (8 - builder->position % 8) % 8);
}

static int write_section(
    struct vd_indicator_builder *builder, int section, const void *data, size_t length)
{
    int error;

    begin_section(builder, section);
    error = write_bytes(builder, data, length);
    return error == VD_OK ? end_section(builder, section) : error;
}

static int open_beside(struct vd_indicator_builder *builder, const char *path, int *fd)
{
    const int length = snprintf(builder->beside, sizeof builder->beside, "%s.new", path);
    int error = vd_text_copy(path, builder->path, sizeof builder->path);

    if (error != VD_OK || (size_t)length >= sizeof builder->beside) {
        builder->beside[0] = '\0';
        return VD_E_LIMIT;
    }
    *fd = open(builder->beside, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (*fd < 0) {
        error = vd_error_from_errno(errno);
        builder->beside[0] = '\0';
    }
    return error;
}

static int open_file(struct vd_indicator_builder *builder, const char *path)
{
    int error = VD_OK;
    int fd = -1;

    if (path != NULL) {
        error = open_beside(builder, path, &fd);
    } else {
        fd = memfd_create("vedette-indicators", MFD_CLOEXEC);
        error = fd < 0 ? vd_error_from_errno(errno) : VD_OK;
    }
    if (error != VD_OK) {
        return error;
    }
    builder->file = fdopen(fd, "w+");
    if (builder->file == NULL) {
        close(fd);
        return VD_E_NOMEM;
    }
    setvbuf(builder->file, builder->buffer, _IOFBF, WRITE_BUFFER_BYTES);
    return VD_OK;
}

int vd_indicator_builder_new(const char *path, struct vd_indicator_builder **out)
{
    struct vd_indicator_builder *builder = calloc(1, sizeof *builder);
    int error = VD_E_NOMEM;

    if (builder == NULL) {
        return error;
    }
    builder->buffer = malloc(WRITE_BUFFER_BYTES);
    if (builder->buffer != NULL) {
        error = open_file(builder, path);
    }
    if (error == VD_OK) {
        /* Until the last moment there is no header, and so no set. */
        error = write_bytes(builder, &builder->header, sizeof builder->header);
    }
    if (error != VD_OK) {
        vd_indicator_builder_free(builder);
        return error;
    }
    begin_section(builder, VD_SECTION_RECORDS);
    *out = builder;
    return VD_OK;
}

void vd_indicator_builder_free(struct vd_indicator_builder *builder)
{
    if (builder == NULL) {
        return;
    }
    if (builder->file != NULL) {
        fclose(builder->file);
    }
    if (builder->beside[0] != '\0') {
        unlink(builder->beside);
    }
    for (int kind = 0; kind < VD_INDICATOR_KINDS; kind++) {
        free(builder->addresses[kind].items);
        free(builder->prefixes4[kind].items);
        free(builder->prefixes6[kind].items);
    }
    vd_buf_release(&builder->feeds);
    free(builder->buffer);
    free(builder);
}

/* ---- Feeds ---- */

static void append_feed_text(struct vd_buf *feeds, const char *text)
{
    const size_t length = strlen(text);
    const uint8_t encoded[4] = {(uint8_t)length, (uint8_t)(length >> 8), 0, 0};

    vd_buf_append(feeds, encoded, sizeof encoded);
    vd_buf_append(feeds, text, length + 1);
}

static bool confidence_is_good(uint8_t confidence)
{
    return confidence <= VD_CONFIDENCE_MAX || confidence == VD_CONFIDENCE_UNKNOWN;
}

int vd_indicator_builder_feed(struct vd_indicator_builder *builder, const struct vd_feed_info *feed)
{
    const char *severity = feed->severity != NULL ? feed->severity : "";

    if (strlen(feed->name) > VD_FEED_NAME_MAX || strlen(severity) > VD_FEED_NAME_MAX ||
        !confidence_is_good(feed->confidence)) {
        return VD_E_INVALID;
    }
    if (builder->feed_count == VD_FEEDS_MAX) {
        return VD_E_LIMIT;
    }
    append_feed_text(&builder->feeds, feed->name);
    append_feed_text(&builder->feeds, severity);
    if (builder->feeds.error != VD_OK) {
        return builder->feeds.error;
    }
    builder->feed_count++;
    builder->feed_confidence = feed->confidence;
    builder->kind = feed->is_exception ? 1 : 0;
    return VD_OK;
}

/* ---- Indicators ---- */

/* Makes room for one more item; NULL: there is no memory, and `items` stays. */
static void *grow(void *items, uint32_t count, uint32_t *capacity, size_t size)
{
    const uint32_t wanted = *capacity > 0 ? *capacity * 2 : FIRST_CAPACITY;
    void *grown;

    if (count < *capacity) {
        return items;
    }
    grown = realloc(items, (size_t)wanted * size);
    if (grown != NULL) {
        *capacity = wanted;
    }
    return grown;
}

static int add_address(struct keys *keys, uint32_t address, uint32_t record)
{
    uint64_t *items = grow(keys->items, keys->count, &keys->capacity, sizeof *items);

    if (items == NULL) {
        return VD_E_NOMEM;
    }
    keys->items = items;
    items[keys->count++] = (uint64_t)address << 32 | record;
    return VD_OK;
}

static int add_prefix(
    struct prefixes *prefixes, struct vd_number from, uint32_t bits, uint32_t record)
{
    struct vd_prefix *items =
        grow(prefixes->items, prefixes->count, &prefixes->capacity, sizeof *items);

    if (items == NULL) {
        return VD_E_NOMEM;
    }
    prefixes->items = items;
    if (prefixes->count == VD_INDICATOR_PREFIXES_MAX) {
        return VD_E_LIMIT;
    }
    items[prefixes->count++] = (struct vd_prefix){from, record, bits};
    return VD_OK;
}

/* The shortest prefix that begins at `from` and does not reach behind `to`. */
static uint32_t widest_prefix(struct vd_number from, struct vd_number to)
{
    uint32_t bits = BITS_MAX;

    while (bits > 0) {
        const struct vd_number mask = vd_number_last((struct vd_number){0, 0}, bits - 1);

        if ((from.high & mask.high) != 0 || (from.low & mask.low) != 0 ||
            vd_number_compare(vd_number_last(from, bits - 1), to) > 0) {
            break;
        }
        bits--;
    }
    return bits;
}

/* All of the range or nothing. */
static int add_range(
    struct prefixes *prefixes, struct vd_number from, struct vd_number to, uint32_t record)
{
    const uint32_t before = prefixes->count;
    int order;

    do {
        const uint32_t bits = widest_prefix(from, to);
        const int error = add_prefix(prefixes, from, bits, record);

        if (error != VD_OK) {
            prefixes->count = before;
            return error;
        }
        from = vd_number_last(from, bits);
        order = vd_number_compare(from, to);
        (void)vd_number_next(&from);
    } while (order < 0);
    return VD_OK;
}

static int index_range(struct vd_indicator_builder *builder, struct vd_number from,
    struct vd_number to, uint32_t record)
{
    const int kind = builder->kind;
    const bool ipv4 = vd_number_is_ipv4(from) && vd_number_is_ipv4(to);

    if (builder->header.counts[kind] == VD_INDICATORS_MAX) {
        return VD_E_LIMIT;
    }
    if (ipv4 && vd_number_compare(from, to) == 0) {
        return add_address(&builder->addresses[kind], (uint32_t)from.low, record);
    }
    return add_range(
        ipv4 ? &builder->prefixes4[kind] : &builder->prefixes6[kind], from, to, record);
}

/* At most VD_INDICATOR_DESCRIPTION_MAX bytes, cut between characters of UTF-8. */
static struct vd_str cut_description(const char *text)
{
    struct vd_str cut = vd_str_from(text != NULL ? text : "");

    if (cut.length > VD_INDICATOR_DESCRIPTION_MAX) {
        cut.length = VD_INDICATOR_DESCRIPTION_MAX;
        while (cut.length > 0 && ((uint8_t)cut.data[cut.length] & 0xc0) == 0x80) {
            cut.length--;
        }
    }
    return cut;
}

static bool indicator_is_good(
    const struct vd_indicator_builder *builder, const struct vd_indicator *indicator)
{
    return builder->feed_count > 0 && indicator->tlp <= VD_TLP_RED &&
        confidence_is_good(indicator->confidence) && strlen(indicator->text) < VD_INDICATOR_TEXT &&
        memcmp(&indicator->range.from, &indicator->range.to, sizeof indicator->range.from) <= 0;
}

int vd_indicator_builder_add(
    struct vd_indicator_builder *builder, const struct vd_indicator *indicator)
{
    const struct vd_number from = vd_number_of(&indicator->range.from);
    const struct vd_number to = vd_number_of(&indicator->range.to);
    const uint64_t place =
        (builder->position - builder->header.sections[VD_SECTION_RECORDS].offset) / VD_RECORD_UNIT;
    uint8_t bytes[VD_RECORD_BYTES_MAX];
    struct vd_indicator_record record = {
        .size = {to.high - from.high - (to.low < from.low), to.low - from.low},
        .valid_from_ms = indicator->valid_from_ms,
        .valid_until_ms = indicator->valid_until_ms,
        .line = indicator->line,
        .confidence = indicator->confidence,
        .tlp = indicator->tlp,
    };
    int error;

    if (!indicator_is_good(builder, indicator)) {
        return VD_E_INVALID;
    }
    if (place > UINT32_MAX) {
        return VD_E_LIMIT;
    }
    record.text = vd_str_from(indicator->text);
    record.description = cut_description(indicator->description);
    record.feed = (uint16_t)(builder->feed_count - 1);
    if (record.confidence == VD_CONFIDENCE_UNKNOWN) {
        record.confidence = builder->feed_confidence;
    }
    error = index_range(builder, from, to, (uint32_t)place);
    if (error == VD_OK) {
        builder->header.counts[builder->kind]++;
        error = write_bytes(builder, bytes, vd_indicator_record_write(&record, bytes));
    }
    return error;
}

/* ---- Finishing ---- */

/* By address, one byte after the other from the lowest; the order in which they came stays. */
static int sort_addresses(struct keys *keys)
{
    uint64_t *from = keys->items;
    uint64_t *to;

    if (keys->count == 0) {
        return VD_OK;
    }
    to = malloc((size_t)keys->count * sizeof *to);
    if (to == NULL) {
        return VD_E_NOMEM;
    }
    for (unsigned shift = 32; shift < 64; shift += 8) {
        uint32_t places[257] = {0};
        uint64_t *other;

        for (uint32_t i = 0; i < keys->count; i++) {
            places[(from[i] >> shift & 0xff) + 1]++;
        }
        for (unsigned byte = 0; byte < 256; byte++) {
            places[byte + 1] += places[byte];
        }
        for (uint32_t i = 0; i < keys->count; i++) {
            to[places[from[i] >> shift & 0xff]++] = from[i];
        }
        other = from;
        from = to;
        to = other;
    }
    free(to);
    keys->items = from; /* four passes: where they were */
    return VD_OK;
}

/* One half of every key: the address (shift 32) or the record (shift 0). */
static int write_halves(
    struct vd_indicator_builder *builder, int section, const struct keys *keys, unsigned shift)
{
    uint32_t chunk[4096];
    uint32_t filled = 0;
    int error = VD_OK;

    begin_section(builder, section);
    for (uint32_t i = 0; i < keys->count && error == VD_OK; i++) {
        chunk[filled++] = (uint32_t)(keys->items[i] >> shift);
        if (filled == sizeof chunk / sizeof chunk[0]) {
            error = write_bytes(builder, chunk, sizeof chunk);
            filled = 0;
        }
    }
    if (error == VD_OK) {
        error = write_bytes(builder, chunk, filled * sizeof chunk[0]);
    }
    return error == VD_OK ? end_section(builder, section) : error;
}

static int compare_prefixes(const void *a, const void *b)
{
    const struct vd_prefix *p = a;
    const struct vd_prefix *q = b;
    const int order = vd_number_compare(p->from, q->from);

    if (order != 0) {
        return order;
    }
    if (p->bits != q->bits) {
        return p->bits < q->bits ? -1 : 1;
    }
    return p->record < q->record ? -1 : p->record > q->record;
}

static int write_prefixes(
    struct vd_indicator_builder *builder, int section, struct prefixes *prefixes)
{
    if (prefixes->count > 0) {
        qsort(prefixes->items, prefixes->count, sizeof *prefixes->items, compare_prefixes);
    }
    return write_section(
        builder, section, prefixes->items, prefixes->count * sizeof *prefixes->items);
}

static int write_kind(struct vd_indicator_builder *builder, int kind)
{
    struct keys *addresses = &builder->addresses[kind];
    int error = sort_addresses(addresses);

    if (error == VD_OK) {
        error = write_halves(builder, VD_SECTION_ADDRESSES + kind, addresses, 32);
    }
    if (error == VD_OK) {
        error = write_halves(builder, VD_SECTION_ADDRESS_RECORDS + kind, addresses, 0);
    }
    free(addresses->items);
    addresses->items = NULL;
    if (error == VD_OK) {
        error = write_prefixes(builder, VD_SECTION_PREFIXES4 + kind, &builder->prefixes4[kind]);
    }
    if (error == VD_OK) {
        error = write_prefixes(builder, VD_SECTION_PREFIXES6 + kind, &builder->prefixes6[kind]);
    }
    return error;
}

/* Writes the header in its place. */
static int seal(struct vd_indicator_builder *builder)
{
    const int fd = fileno(builder->file);
    void *file;

    if (fflush(builder->file) != 0 ||
        pwrite(fd, &builder->header, sizeof builder->header, 0) !=
            (ssize_t)sizeof builder->header) {
        return vd_error_from_errno(errno != 0 ? errno : EIO);
    }
    file = mmap(NULL, builder->position, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (file == MAP_FAILED) {
        return vd_error_from_errno(errno);
    }
    vd_indicator_file_seal(file, builder->position);
    munmap(file, builder->position);
    return VD_OK;
}

/* From here on the set is the one at the path. */
static int put_in_place(struct vd_indicator_builder *builder)
{
    if (builder->path[0] == '\0') {
        return VD_OK;
    }
    if (fsync(fileno(builder->file)) != 0 || rename(builder->beside, builder->path) != 0) {
        return vd_error_from_errno(errno);
    }
    builder->beside[0] = '\0';
    return vd_sync_folder_of(builder->path);
}

int vd_indicator_builder_finish(struct vd_indicator_builder *builder, struct vd_indicator_set **out)
{
    struct vd_indicator_set *set = NULL;
    int error = end_section(builder, VD_SECTION_RECORDS);

    if (error == VD_OK) {
        error =
            write_section(builder, VD_SECTION_FEEDS, builder->feeds.data, builder->feeds.length);
    }
    for (int kind = 0; kind < VD_INDICATOR_KINDS && error == VD_OK; kind++) {
        error = write_kind(builder, kind);
    }
    if (error == VD_OK) {
        error = seal(builder);
    }
    /* Opened before it is in its place: after a failure the one at the path is as it was. */
    if (error == VD_OK) {
        error = vd_indicator_set_open_fd(fileno(builder->file), &set);
    }
    if (error == VD_OK) {
        error = put_in_place(builder);
    }
    vd_indicator_builder_free(builder);
    if (error != VD_OK) {
        vd_indicator_set_release(set);
        return error;
    }
    *out = set;
    return VD_OK;
}
