/* SPDX-License-Identifier: MIT */
/* Buckets of 16-bit remainders, searched from a guess; nested prefixes, flattened in one pass. */

#include "center/intel/indicator_index.h"

#include <endian.h>
#include <sys/mman.h>

#define BUCKETS          65536
#define HUGE_PAGE_BYTES  2097152
#define HUGE_LEAST_BYTES (2 * HUGE_PAGE_BYTES)
#define SAMPLE_EVERY     64
#define WINDOW           64
#define BITS_MAX         128

/* ---- Numbers ---- */

struct vd_number vd_number_of(const struct vd_address *address)
{
    struct vd_number number;

    memcpy(&number, address->bytes, sizeof number);
    return (struct vd_number){be64toh(number.high), be64toh(number.low)};
}

int vd_number_compare(struct vd_number a, struct vd_number b)
{
    if (a.high != b.high) {
        return a.high < b.high ? -1 : 1;
    }
    return a.low < b.low ? -1 : a.low > b.low;
}

static bool number_less(struct vd_number a, struct vd_number b)
{
    return a.high < b.high || (a.high == b.high && a.low < b.low);
}

struct vd_number vd_number_last(struct vd_number number, uint32_t bits)
{
    if (bits < 64) {
        number.high |= UINT64_MAX >> bits;
        number.low = UINT64_MAX;
    } else if (bits < BITS_MAX) {
        number.low |= UINT64_MAX >> (bits - 64);
    }
    return number;
}

bool vd_number_next(struct vd_number *number)
{
    number->low++;
    if (number->low == 0) {
        number->high++;
    }
    return number->low != 0 || number->high != 0;
}

/* ---- Memory ---- */

/* `count` > 0 items; large arrays in huge pages, whose places the processor remembers. */
static void *index_alloc(size_t count, size_t size, size_t *bytes)
{
    const size_t rounded = (count * size + HUGE_PAGE_BYTES - 1) & ~(size_t)(HUGE_PAGE_BYTES - 1);
    void *memory;

    if (count * size < HUGE_LEAST_BYTES) {
        /* NOLINTNEXTLINE(clang-analyzer-optin.portability.UnixAPI): count > 0 */
        memory = malloc(count * size);
    } else {
        memory = aligned_alloc(HUGE_PAGE_BYTES, rounded);
        if (memory != NULL) {
            (void)madvise(memory, rounded, MADV_HUGEPAGE);
        }
    }
    *bytes += memory != NULL ? count * size : 0;
    return memory;
}

/* ---- Buckets ---- */

int vd_buckets_build(struct vd_buckets *buckets, const uint32_t *addresses, uint32_t count)
{
    uint32_t bucket = 0;

    if (count == 0) {
        return VD_OK;
    }
    buckets->starts = index_alloc(BUCKETS + 1, sizeof *buckets->starts, &buckets->bytes);
    buckets->low = index_alloc(count + 1, sizeof *buckets->low, &buckets->bytes);
    if (buckets->starts == NULL || buckets->low == NULL) {
        return VD_E_NOMEM;
    }
    buckets->starts[0] = 0;
    buckets->low[count] = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0 && addresses[i] < addresses[i - 1]) {
            return VD_E_CORRUPT;
        }
        while (bucket < addresses[i] >> 16) {
            buckets->starts[++bucket] = i;
        }
        buckets->low[i] = (uint16_t)addresses[i];
    }
    while (bucket < BUCKETS) {
        buckets->starts[++bucket] = count;
    }
    return VD_OK;
}

void vd_buckets_release(struct vd_buckets *buckets)
{
    free(buckets->starts);
    free(buckets->low);
    *buckets = (struct vd_buckets){0};
}

/*
 * The first place from `begin` to `end` whose number is not below `x`, up to 65,536. Numbers in a bucket spread evenly enough
 * that it is mostly within a window around where it would be if they were even; windows that double keep what is not within
 * log n. What remains is halved without branches: they would be foretold wrongly half of the time.
 */
static uint32_t lower_bound(const uint16_t *low, uint32_t begin, uint32_t end, uint32_t x)
{
    uint32_t left = end - begin;

    if (left > WINDOW) {
        uint32_t step = WINDOW;
        uint32_t guess = begin + (uint32_t)((uint64_t)left * x >> 16);

        guess = guess - begin > WINDOW / 2 ? guess - WINDOW / 2 : begin;
        if (low[guess] < x) {
            /* All before `begin` are below x. */
            begin = guess;
            for (; end - begin > step && low[begin + step] < x; step *= 2) {
                begin += step;
            }
            left = end - begin > step ? step : end - begin;
        } else {
            /* None from `end` on is. */
            end = guess;
            for (; end - begin > step && low[end - step] >= x; step *= 2) {
                end -= step;
            }
            begin = end - begin > step ? end - step : begin;
            left = end - begin;
        }
    }
    while (left > 0) {
        const uint32_t half = (left + 1) / 2;

        begin += low[begin + half - 1] < x ? half : 0;
        left -= half;
    }
    return begin;
}

/* The first place of `address` among all, or where it would be; *end: of its bucket. */
static uint32_t place_of(const struct vd_buckets *buckets, uint32_t address, uint32_t *end)
{
    const uint32_t bucket = address >> 16;

    *end = buckets->starts[bucket + 1];
    return lower_bound(buckets->low, buckets->starts[bucket], *end, address & 0xffff);
}

bool vd_buckets_holds(const struct vd_buckets *buckets, uint32_t address)
{
    uint32_t end;
    uint32_t at;

    if (buckets->starts == NULL) {
        return false;
    }
    at = place_of(buckets, address, &end);
    /* Behind the last number there is another one to look at: one branch less. */
    return (at < end) & (buckets->low[at] == (uint16_t)address);
}

uint32_t vd_buckets_find(
    const struct vd_buckets *buckets, uint32_t address, uint32_t max, uint32_t *first)
{
    uint32_t end;
    uint32_t at;

    *first = 0;
    if (buckets->starts == NULL) {
        return 0;
    }
    at = place_of(buckets, address, &end);
    *first = at;
    while (at < end && at - *first < max && buckets->low[at] == (uint16_t)address) {
        at++;
    }
    return at;
}

/* ---- Flattening ---- */

struct flattening {
    const struct vd_prefix *prefixes;
    uint32_t open[BITS_MAX + 1]; /* each within the one before, so every one is longer */
    uint32_t depth;
    struct vd_number *starts;
    uint32_t *stretches;
    uint32_t count;
};

/* From `from` on, `prefix` counts. */
static void flatten_emit(struct flattening *f, struct vd_number from, uint32_t prefix)
{
    if (f->count > 0 && vd_number_compare(f->starts[f->count - 1], from) == 0) {
        f->count--;
    }
    f->starts[f->count] = from;
    f->stretches[f->count] = prefix;
    f->count++;
}

static uint32_t flatten_top(const struct flattening *f)
{
    return f->depth > 0 ? f->open[f->depth - 1] : VD_NO_PREFIX;
}

/* Closes what ends before `until`, NULL: all of it. */
static void flatten_close(struct flattening *f, const struct vd_number *until)
{
    while (f->depth > 0) {
        const struct vd_prefix *top = &f->prefixes[f->open[f->depth - 1]];
        struct vd_number after = vd_number_last(top->from, top->bits);

        if (until != NULL && !number_less(after, *until)) {
            return;
        }
        f->depth--;
        if (vd_number_next(&after)) {
            flatten_emit(f, after, flatten_top(f));
        }
    }
}

/* Sorted, nothing set behind the bits, and of the family: then they nest. */
static bool prefix_is_good(const struct vd_prefix *prefixes, uint32_t i, bool ipv4)
{
    const struct vd_prefix *p = &prefixes[i];
    const struct vd_number zero = {0, 0};
    const struct vd_number mask =
        vd_number_last(zero, p->bits <= BITS_MAX ? p->bits : (uint32_t)BITS_MAX);
    int order = i > 0 ? vd_number_compare(prefixes[i - 1].from, p->from) : -1;

    return p->bits <= BITS_MAX && (p->from.high & mask.high) == 0 &&
        (p->from.low & mask.low) == 0 && (!ipv4 || (p->bits >= 96 && vd_number_is_ipv4(p->from))) &&
        (order < 0 || (order == 0 && prefixes[i - 1].bits <= p->bits));
}

static int flatten(struct flattening *f, uint32_t *parents, uint32_t count, bool ipv4)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct vd_prefix *p = &f->prefixes[i];
        uint32_t twin;

        if (!prefix_is_good(f->prefixes, i, ipv4)) {
            return VD_E_CORRUPT;
        }
        flatten_close(f, &p->from);
        parents[i] = flatten_top(f);
        twin = parents[i];
        if (twin != VD_NO_PREFIX && f->prefixes[twin].bits == p->bits) {
            /* The same prefix again: behind the ones before it, with their parent. */
            parents[i] = parents[i - 1];
            parents[i - 1] = i;
            continue;
        }
        f->open[f->depth++] = i;
        flatten_emit(f, p->from, i);
    }
    flatten_close(f, NULL);
    return VD_OK;
}

/* ---- The index ---- */

/* Moves IPv4 stretches into buckets. */
static int bucket_stretches(struct vd_prefix_index *index, const struct vd_number *starts)
{
    uint32_t *addresses = malloc((size_t)index->stretch_count * sizeof *addresses);
    int error = VD_E_NOMEM;

    if (addresses == NULL) {
        return error;
    }
    /* What begins behind 255.255.255.255 is never looked for. */
    while (!vd_number_is_ipv4(starts[index->stretch_count - 1])) {
        index->stretch_count--;
    }
    for (uint32_t i = 0; i < index->stretch_count; i++) {
        addresses[i] = (uint32_t)starts[i].low;
    }
    error = vd_buckets_build(&index->buckets, addresses, index->stretch_count);
    free(addresses);
    return error;
}

static int keep_starts(struct vd_prefix_index *index, const struct vd_number *starts)
{
    const uint32_t count = index->stretch_count;
    const uint32_t samples = (count + SAMPLE_EVERY - 1) / SAMPLE_EVERY;

    index->starts = index_alloc(count, sizeof *starts, &index->bytes);
    index->samples = index_alloc(samples, sizeof *starts, &index->bytes);
    if (index->starts == NULL || index->samples == NULL) {
        return VD_E_NOMEM;
    }
    memcpy(index->starts, starts, count * sizeof *starts);
    for (uint32_t i = 0; i < samples; i++) {
        index->samples[i] = starts[i * SAMPLE_EVERY];
    }
    return VD_OK;
}

int vd_prefix_index_build(
    struct vd_prefix_index *index, const struct vd_prefix *prefixes, uint32_t count, bool ipv4)
{
    struct flattening f = {.prefixes = prefixes};
    int error = VD_E_NOMEM;

    if (count == 0) {
        return VD_OK;
    }
    f.starts = malloc(2 * (size_t)count * sizeof *f.starts);
    f.stretches = malloc(2 * (size_t)count * sizeof *f.stretches);
    index->parents = index_alloc(count, sizeof *index->parents, &index->bytes);
    if (f.starts == NULL || f.stretches == NULL || index->parents == NULL) {
        goto out;
    }
    error = flatten(&f, index->parents, count, ipv4);
    if (error != VD_OK) {
        goto out;
    }
    index->stretch_count = f.count;
    error = ipv4 ? bucket_stretches(index, f.starts) : keep_starts(index, f.starts);
    if (error != VD_OK) {
        goto out;
    }
    index->stretches = index_alloc(index->stretch_count, sizeof *f.stretches, &index->bytes);
    if (index->stretches == NULL) {
        error = VD_E_NOMEM;
        goto out;
    }
    memcpy(index->stretches, f.stretches, index->stretch_count * sizeof *f.stretches);
out:
    free(f.starts);
    free(f.stretches);
    return error;
}

void vd_prefix_index_release(struct vd_prefix_index *index)
{
    vd_buckets_release(&index->buckets);
    free(index->starts);
    free(index->samples);
    free(index->stretches);
    free(index->parents);
    *index = (struct vd_prefix_index){0};
}

uint32_t vd_prefix_index_find4(const struct vd_prefix_index *index, uint32_t address)
{
    const struct vd_buckets *b = &index->buckets;
    uint32_t behind;

    if (b->starts == NULL) {
        return VD_NO_PREFIX;
    }
    /* If none begins in its bucket up to it, the last one before the bucket reaches into it. */
    behind = lower_bound(
        b->low, b->starts[address >> 16], b->starts[(address >> 16) + 1], (address & 0xffff) + 1);
    return behind > 0 ? index->stretches[behind - 1] : VD_NO_PREFIX;
}

/* How many of the sorted numbers are not above `x`. */
static uint32_t count_up_to(const struct vd_number *numbers, uint32_t count, struct vd_number x)
{
    uint32_t begin = 0;

    while (begin < count) {
        const uint32_t middle = begin + (count - begin) / 2;

        if (number_less(x, numbers[middle])) {
            count = middle;
        } else {
            begin = middle + 1;
        }
    }
    return begin;
}

uint32_t vd_prefix_index_find6(const struct vd_prefix_index *index, struct vd_number address)
{
    const uint32_t count = index->stretch_count;
    const uint32_t samples = (count + SAMPLE_EVERY - 1) / SAMPLE_EVERY;
    uint32_t block = count_up_to(index->samples, samples, address);
    uint32_t begin;
    uint32_t length;

    if (block == 0) {
        return VD_NO_PREFIX;
    }
    begin = (block - 1) * SAMPLE_EVERY;
    length = count - begin < SAMPLE_EVERY ? count - begin : SAMPLE_EVERY;
    return index->stretches[begin + count_up_to(index->starts + begin, length, address) - 1];
}
