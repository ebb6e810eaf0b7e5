/* SPDX-License-Identifier: MIT */
/* An open set: its file mapped, its indexes in memory; lookups weigh all that holds an address. */

#include "center/intel/indicator_set.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "center/intel/indicator_file.h"
#include "center/intel/indicator_set_internal.h"

enum kind {
    INDICATORS,
    EXCEPTIONS
};

/* All indicators, or all exceptions. */
struct table {
    struct vd_buckets addresses;
    const uint32_t *address_records; /* in the mapped file */
    struct vd_prefix_index ranges4;
    struct vd_prefix_index ranges6;
    const struct vd_prefix *prefixes4; /* in the mapped file */
    const struct vd_prefix *prefixes6;
};

struct feed {
    const char *name;
    const char *severity;
};

struct vd_indicator_set {
    atomic_uint references;
    void *file;
    size_t length;
    struct vd_str records;
    struct feed *feeds;
    uint32_t feed_count;
    struct table tables[VD_INDICATOR_KINDS];
    uint32_t counts[VD_INDICATOR_KINDS];
};

/* ---- Opening ---- */

static void close_set(struct vd_indicator_set *set)
{
    for (int kind = 0; kind < VD_INDICATOR_KINDS; kind++) {
        vd_buckets_release(&set->tables[kind].addresses);
        vd_prefix_index_release(&set->tables[kind].ranges4);
        vd_prefix_index_release(&set->tables[kind].ranges6);
    }
    if (set->file != NULL) {
        munmap(set->file, set->length);
    }
    free(set->feeds);
    free(set);
}

static int map_file(struct vd_indicator_set *set, int fd)
{
    struct stat status;
    void *file;

    if (fstat(fd, &status) != 0) {
        return vd_error_from_errno(errno);
    }
    if (!S_ISREG(status.st_mode) || status.st_size <= 0) {
        return VD_E_CORRUPT;
    }
    file = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (file == MAP_FAILED) {
        return vd_error_from_errno(errno);
    }
    set->file = file;
    set->length = (size_t)status.st_size;
    return VD_OK;
}

/* Reads a length and that many bytes behind which there is a NUL. */
static const char *read_text(struct vd_reader *reader)
{
    uint32_t length = vd_reader_u32_le(reader);
    struct vd_str text = vd_reader_bytes(reader, (size_t)length + 1);

    return !reader->failed && text.data[length] == '\0' ? text.data : NULL;
}

static int read_feeds(struct vd_indicator_set *set, struct vd_str section)
{
    struct vd_reader reader;
    struct feed *feeds;

    vd_reader_init(&reader, section.data, section.length);
    feeds = calloc(VD_FEEDS_MAX, sizeof *feeds);
    if (feeds == NULL) {
        return VD_E_NOMEM;
    }
    set->feeds = feeds;
    while (vd_reader_left(&reader) > 0) {
        struct feed feed = {.name = read_text(&reader)};

        feed.severity = read_text(&reader);
        if (feed.name == NULL || feed.severity == NULL || set->feed_count == VD_FEEDS_MAX) {
            return VD_E_CORRUPT;
        }
        feeds[set->feed_count++] = feed;
    }
    return VD_OK;
}

static struct vd_str section_of(
    const struct vd_indicator_set *set, const struct vd_indicator_header *header, int section)
{
    return (struct vd_str){(const char *)set->file + header->sections[section].offset,
        header->sections[section].length};
}

static int build_table(
    struct vd_indicator_set *set, const struct vd_indicator_header *header, int kind)
{
    struct table *table = &set->tables[kind];
    struct vd_str addresses = section_of(set, header, VD_SECTION_ADDRESSES + kind);
    struct vd_str prefixes4 = section_of(set, header, VD_SECTION_PREFIXES4 + kind);
    struct vd_str prefixes6 = section_of(set, header, VD_SECTION_PREFIXES6 + kind);
    int error;

    /* Sections begin at multiples of 8 in a file that is mapped at a page. */
    table->address_records =
        (const void *)section_of(set, header, VD_SECTION_ADDRESS_RECORDS + kind).data;
    table->prefixes4 = (const void *)prefixes4.data;
    table->prefixes6 = (const void *)prefixes6.data;
    error = vd_buckets_build(&table->addresses, (const void *)addresses.data,
        (uint32_t)(addresses.length / sizeof(uint32_t)));
    if (error == VD_OK) {
        error = vd_prefix_index_build(&table->ranges4, table->prefixes4,
            (uint32_t)(prefixes4.length / sizeof(struct vd_prefix)), true);
    }
    if (error == VD_OK) {
        error = vd_prefix_index_build(&table->ranges6, table->prefixes6,
            (uint32_t)(prefixes6.length / sizeof(struct vd_prefix)), false);
    }
    return error;
}

static int read_file(struct vd_indicator_set *set)
{
    struct vd_indicator_header header;
    int error;

    (void)madvise(set->file, set->length, MADV_SEQUENTIAL);
    error = vd_indicator_file_check(set->file, set->length, &header);
    if (error == VD_OK) {
        set->records = section_of(set, &header, VD_SECTION_RECORDS);
        error = read_feeds(set, section_of(set, &header, VD_SECTION_FEEDS));
    }
    for (int kind = 0; kind < VD_INDICATOR_KINDS && error == VD_OK; kind++) {
        set->counts[kind] = (uint32_t)header.counts[kind];
        error = build_table(set, &header, kind);
    }
    /* What was read once is not needed again before a hit: the mapping lets it go, the page cache may keep it. */
    (void)madvise(set->file, set->length, MADV_DONTNEED);
    (void)madvise(set->file, set->length, MADV_RANDOM);
    return error;
}

int vd_indicator_set_open_fd(int fd, struct vd_indicator_set **out)
{
    struct vd_indicator_set *set = calloc(1, sizeof *set);
    int error;

    if (set == NULL) {
        return VD_E_NOMEM;
    }
    atomic_init(&set->references, 1);
    error = map_file(set, fd);
    if (error == VD_OK) {
        error = read_file(set);
    }
    if (error != VD_OK) {
        close_set(set);
        return error;
    }
    *out = set;
    return VD_OK;
}

int vd_indicator_set_open(const char *path, struct vd_indicator_set **set)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int error;

    if (fd < 0) {
        return vd_error_from_errno(errno);
    }
    error = vd_indicator_set_open_fd(fd, set);
    close(fd);
    return error;
}

struct vd_indicator_set *vd_indicator_set_retain(struct vd_indicator_set *set)
{
    if (set != NULL) {
        atomic_fetch_add_explicit(&set->references, 1, memory_order_relaxed);
    }
    return set;
}

void vd_indicator_set_release(struct vd_indicator_set *set)
{
    if (set != NULL && atomic_fetch_sub_explicit(&set->references, 1, memory_order_acq_rel) == 1) {
        close_set(set);
    }
}

/* ---- Looking up ---- */

/* Called for each record that holds an address, the smallest prefixes first. False ends it. */
typedef bool candidate_fn(const struct vd_indicator_record *record, void *context);

static bool offer(
    const struct vd_indicator_set *set, uint32_t number, candidate_fn *candidate, void *context)
{
    struct vd_indicator_record record;

    if (!vd_indicator_record_read(set->records, number, &record) ||
        record.feed >= set->feed_count) {
        return true;
    }
    return candidate(&record, context);
}

struct walk {
    const struct vd_indicator_set *set;
    candidate_fn *candidate;
    void *context;
    uint32_t left; /* so many more are offered */
};

/* False: that was the last one. */
static bool walk_offer(struct walk *w, uint32_t number)
{
    w->left--;
    return offer(w->set, number, w->candidate, w->context) && w->left > 0;
}

static void walk_prefixes(
    struct walk *w, const struct vd_prefix *prefixes, const uint32_t *parents, uint32_t prefix)
{
    while (prefix != VD_NO_PREFIX && walk_offer(w, prefixes[prefix].record)) {
        prefix = parents[prefix];
    }
}

static void walk4(struct walk *w, const struct table *table, uint32_t address)
{
    uint32_t at;
    const uint32_t end = vd_buckets_find(&table->addresses, address, w->left, &at);

    for (; at < end; at++) {
        if (!walk_offer(w, table->address_records[at])) {
            return;
        }
    }
    walk_prefixes(w, table->prefixes4, table->ranges4.parents,
        vd_prefix_index_find4(&table->ranges4, address));
}

static void walk(const struct vd_indicator_set *set, enum kind kind, struct vd_number address,
    candidate_fn *candidate, void *context)
{
    const struct table *table = &set->tables[kind];
    struct walk w = {set, candidate, context, VD_INDICATORS_WEIGHED_MAX};

    if (vd_number_is_ipv4(address)) {
        walk4(&w, table, (uint32_t)address.low);
    } else {
        walk_prefixes(&w, table->prefixes6, table->ranges6.parents,
            vd_prefix_index_find6(&table->ranges6, address));
    }
}

static bool is_valid_at(const struct vd_indicator_record *record, int64_t time_ms)
{
    return (record->valid_from_ms == 0 || time_ms >= record->valid_from_ms) &&
        (record->valid_until_ms == 0 || time_ms < record->valid_until_ms);
}

/* By confidence, unknown last, then by which came first: its text stands before the other's. */
static bool is_better(const struct vd_indicator_record *a, const struct vd_indicator_record *b)
{
    const int order = vd_number_compare(a->size, b->size);
    const int confidence_a = a->confidence == VD_CONFIDENCE_UNKNOWN ? -1 : a->confidence;
    const int confidence_b = b->confidence == VD_CONFIDENCE_UNKNOWN ? -1 : b->confidence;

    if (order != 0) {
        return order < 0;
    }
    if (confidence_a != confidence_b) {
        return confidence_a > confidence_b;
    }
    return a->text.data < b->text.data;
}

struct search {
    int64_t time_ms;
    bool found;
    struct vd_indicator_record best;
};

static bool weigh(const struct vd_indicator_record *record, void *context)
{
    struct search *search = context;

    if (is_valid_at(record, search->time_ms) &&
        (!search->found || is_better(record, &search->best))) {
        search->best = *record;
        search->found = true;
    }
    return true;
}

static bool note_valid(const struct vd_indicator_record *record, void *context)
{
    struct search *search = context;

    search->found = is_valid_at(record, search->time_ms);
    return !search->found;
}

static struct vd_indicator_match match_of(
    const struct vd_indicator_set *set, const struct vd_indicator_record *record, enum kind kind)
{
    return (struct vd_indicator_match){
        .text = record->text.data,
        .feed = set->feeds[record->feed].name,
        .severity = set->feeds[record->feed].severity,
        .description = record->description.data,
        .valid_from_ms = record->valid_from_ms,
        .valid_until_ms = record->valid_until_ms,
        .line = record->line,
        .confidence = record->confidence,
        .tlp = record->tlp,
        .is_exception = kind == EXCEPTIONS,
    };
}

bool vd_indicator_set_match(const struct vd_indicator_set *set, const struct vd_address *address,
    int64_t time_ms, struct vd_indicator_match *match)
{
    const struct vd_number number = vd_number_of(address);
    struct search search;
    struct search exception;

    if (set == NULL) {
        return false;
    }
    search.time_ms = time_ms;
    search.found = false;
    walk(set, INDICATORS, number, weigh, &search);
    if (!search.found) {
        return false;
    }
    exception.time_ms = time_ms;
    exception.found = false;
    walk(set, EXCEPTIONS, number, note_valid, &exception);
    if (exception.found) {
        return false;
    }
    *match = match_of(set, &search.best, INDICATORS);
    return true;
}

bool vd_indicator_set_holds(const struct vd_indicator_set *set, const struct vd_address *address)
{
    const struct vd_number number = vd_number_of(address);
    const struct table *table;
    bool is_range;

    if (set == NULL) {
        return false;
    }
    table = &set->tables[INDICATORS];
    if (!vd_number_is_ipv4(number)) {
        return vd_prefix_index_find6(&table->ranges6, number) != VD_NO_PREFIX;
    }
    /* Both are asked: whether the first one answers cannot be foretold. */
    is_range = vd_prefix_index_find4(&table->ranges4, (uint32_t)number.low) != VD_NO_PREFIX;
    return vd_buckets_holds(&table->addresses, (uint32_t)number.low) || is_range;
}

struct visit {
    const struct vd_indicator_set *set;
    enum kind kind;
    vd_indicator_visitor *visitor;
    void *context;
};

static bool visit(const struct vd_indicator_record *record, void *context)
{
    const struct visit *v = context;
    const struct vd_indicator_match match = match_of(v->set, record, v->kind);

    v->visitor(&match, v->context);
    return true;
}

void vd_indicator_set_visit(const struct vd_indicator_set *set, const struct vd_address *address,
    vd_indicator_visitor *visitor, void *context)
{
    struct visit v = {.set = set, .visitor = visitor, .context = context};

    for (int kind = 0; set != NULL && kind < VD_INDICATOR_KINDS; kind++) {
        v.kind = (enum kind)kind;
        walk(set, v.kind, vd_number_of(address), visit, &v);
    }
}

/* ---- Figures ---- */

uint32_t vd_indicator_set_count(const struct vd_indicator_set *set)
{
    return set != NULL ? set->counts[INDICATORS] : 0;
}

uint32_t vd_indicator_set_exception_count(const struct vd_indicator_set *set)
{
    return set != NULL ? set->counts[EXCEPTIONS] : 0;
}

size_t vd_indicator_set_bytes(const struct vd_indicator_set *set)
{
    size_t bytes = 0;

    for (int kind = 0; set != NULL && kind < VD_INDICATOR_KINDS; kind++) {
        const struct table *table = &set->tables[kind];

        bytes += table->addresses.bytes + table->ranges4.buckets.bytes + table->ranges4.bytes +
            table->ranges6.bytes;
    }
    return bytes;
}
