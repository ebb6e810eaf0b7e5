/* SPDX-License-Identifier: MIT */
/* Ranges that may overlap are flattened to stretches that do not, each with its smallest range, and searched. */

#include "center/intel/indicator_set.h"

#include "center/arena.h"

#define NO_INDICATOR UINT32_MAX

struct vd_indicator_builder {
    struct vd_arena text;
    struct vd_indicator *items;
    uint32_t count;
    uint32_t capacity;
};

/* From `from` up to the next stretch the indicator is `item`, or there is none. */
struct stretch4 {
    uint32_t from;
    uint32_t item;
};

struct stretch6 {
    struct vd_address from;
    uint32_t item;
};

struct vd_indicator_set {
    struct vd_arena text;
    struct vd_indicator *items;
    uint32_t count;
    struct stretch4 *v4;
    uint32_t v4_count;
    struct stretch6 *v6;
    uint32_t v6_count;
};

struct vd_indicator_builder *vd_indicator_builder_new(void)
{
    return calloc(1, sizeof(struct vd_indicator_builder));
}

void vd_indicator_builder_free(struct vd_indicator_builder *builder)
{
    if (builder != NULL) {
        free(builder->items);
        vd_arena_release(&builder->text);
        free(builder);
    }
}

static int compare_address(const struct vd_address *a, const struct vd_address *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

int vd_indicator_builder_add(
    struct vd_indicator_builder *builder, const struct vd_indicator *indicator)
{
    uint32_t capacity = builder->capacity != 0 ? builder->capacity * 2 : 64;
    struct vd_indicator item = *indicator;
    struct vd_indicator *items;

    if (compare_address(&indicator->range.from, &indicator->range.to) > 0) {
        return VD_E_INVALID;
    }
    if (builder->count == builder->capacity) {
        items = realloc(builder->items, capacity * sizeof *items);
        if (items == NULL) {
            return VD_E_NOMEM;
        }
        builder->items = items;
        builder->capacity = capacity;
    }
    item.text = vd_arena_copy(&builder->text, indicator->text, strlen(indicator->text) + 1).data;
    if (builder->count > 0 &&
        strcmp(builder->items[builder->count - 1].feed, indicator->feed) == 0) {
        item.feed = builder->items[builder->count - 1].feed;
    } else {
        item.feed =
            vd_arena_copy(&builder->text, indicator->feed, strlen(indicator->feed) + 1).data;
    }
    if (item.text == NULL || item.feed == NULL) {
        return VD_E_NOMEM;
    }
    builder->items[builder->count++] = item;
    return VD_OK;
}

/* ---- Flattening: a sweep over the starts and ends of all ranges, with a heap of those that are open. ---- */

struct sized {
    uint32_t item;
    struct vd_address
        size; /* to - from as a 128-bit number: orders ranges by how specific they are */
};

struct sweep {
    const struct vd_indicator *items;
    uint32_t *by_start; /* items in the order of their starts */
    struct sized *heap; /* open ranges, the smallest on top; closed ones leave when they surface */
    uint32_t heap_count;
    struct stretch6 *out;
    uint32_t out_count;
};

static struct vd_address address_minus(const struct vd_address *a, const struct vd_address *b)
{
    struct vd_address difference;
    int borrow = 0;

    for (int i = 15; i >= 0; i--) {
        int d = a->bytes[i] - b->bytes[i] - borrow;

        borrow = d < 0;
        difference.bytes[i] = (uint8_t)(d & 0xff);
    }
    return difference;
}

/* False if `address` is the last one there is. */
static bool address_next(struct vd_address *address)
{
    for (int i = 15; i >= 0; i--) {
        if (++address->bytes[i] != 0) {
            return true;
        }
    }
    return false;
}

static bool more_specific(const struct sized *a, const struct sized *b)
{
    int order = compare_address(&a->size, &b->size);

    return order != 0 ? order < 0 : a->item < b->item;
}

static void heap_push(struct sweep *s, uint32_t item)
{
    const struct vd_indicator_range *range = &s->items[item].range;
    struct sized entry = {item, address_minus(&range->to, &range->from)};
    uint32_t at = s->heap_count++;

    while (at > 0 && more_specific(&entry, &s->heap[(at - 1) / 2])) {
        s->heap[at] = s->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    s->heap[at] = entry;
}

static void heap_pop(struct sweep *s)
{
    struct sized entry = s->heap[--s->heap_count];
    uint32_t at = 0;

    for (;;) {
        uint32_t child = 2 * at + 1;

        if (child >= s->heap_count) {
            break;
        }
        if (child + 1 < s->heap_count && more_specific(&s->heap[child + 1], &s->heap[child])) {
            child++;
        }
        if (!more_specific(&s->heap[child], &entry)) {
            break;
        }
        s->heap[at] = s->heap[child];
        at = child;
    }
    s->heap[at] = entry;
}

/* From `from` on, `item` counts. */
static void emit(struct sweep *s, const struct vd_address *from, uint32_t item)
{
    if (s->out_count > 0 && compare_address(&s->out[s->out_count - 1].from, from) == 0) {
        s->out_count--;
    }
    if (s->out_count > 0 ? s->out[s->out_count - 1].item == item : item == NO_INDICATOR) {
        return;
    }
    s->out[s->out_count++] = (struct stretch6){*from, item};
}

/* Closes what ends before `until` (NULL: everything), telling what counts after each end. */
static void sweep_close(struct sweep *s, const struct vd_address *until)
{
    while (s->heap_count > 0) {
        struct vd_address after = s->items[s->heap[0].item].range.to;

        if (until != NULL && compare_address(&after, until) >= 0) {
            return;
        }
        if (!address_next(&after)) {
            s->heap_count = 0;
            return;
        }
        /* Less specific ranges below that have ended already never count again. */
        do {
            heap_pop(s);
        } while (
            s->heap_count > 0 && compare_address(&s->items[s->heap[0].item].range.to, &after) < 0);
        emit(s, &after, s->heap_count > 0 ? s->heap[0].item : NO_INDICATOR);
    }
}

/* An IPv6 range that is wider than the mapped addresses, such as ::/8, says nothing about IPv4. */
static bool range_is_ipv4(const struct vd_indicator_range *range)
{
    return vd_address_is_ipv4(&range->from) && vd_address_is_ipv4(&range->to);
}

static int compare_start(const void *a, const void *b, void *context)
{
    const struct vd_indicator *items = context;
    uint32_t i = *(const uint32_t *)a;
    uint32_t k = *(const uint32_t *)b;
    int order = compare_address(&items[i].range.from, &items[k].range.from);

    return order != 0 ? order : i < k ? -1 : i > k;
}

/* Flattens those indicators that are (or are not) ranges of IPv4 addresses. */
static int flatten(struct vd_indicator *items, uint32_t count, bool ipv4, struct stretch6 **out,
    uint32_t *out_count)
{
    struct sweep s = {.items = items};
    uint32_t chosen = 0;
    int error = VD_E_NOMEM;

    s.by_start = calloc((size_t)count + 1, sizeof *s.by_start);
    s.heap = calloc((size_t)count + 1, sizeof *s.heap);
    s.out = calloc(2 * (size_t)count + 1, sizeof *s.out);
    if (s.by_start == NULL || s.heap == NULL || s.out == NULL) {
        goto out;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (range_is_ipv4(&items[i].range) == ipv4) {
            s.by_start[chosen++] = i;
        }
    }
    qsort_r(s.by_start, chosen, sizeof *s.by_start, compare_start, items);
    for (uint32_t i = 0; i < chosen; i++) {
        const struct vd_address *from = &items[s.by_start[i]].range.from;

        sweep_close(&s, from);
        heap_push(&s, s.by_start[i]);
        emit(&s, from, s.heap[0].item);
    }
    sweep_close(&s, NULL);
    *out = s.out;
    *out_count = s.out_count;
    s.out = NULL;
    error = VD_OK;
out:
    free(s.by_start);
    free(s.heap);
    free(s.out);
    return error;
}

/* ---- The set ---- */

static uint32_t ipv4_number(const struct vd_address *address)
{
    const uint8_t *b = address->bytes + 12;

    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static int build_ipv4(struct vd_indicator_set *set)
{
    struct stretch6 *wide;
    int error = flatten(set->items, set->count, true, &wide, &set->v4_count);

    if (error != VD_OK) {
        return error;
    }
    set->v4 = calloc((size_t)set->v4_count + 1, sizeof *set->v4);
    for (uint32_t i = 0; set->v4 != NULL && i < set->v4_count; i++) {
        /* The stretch behind 255.255.255.255 starts outside and is never looked for. */
        if (!vd_address_is_ipv4(&wide[i].from)) {
            set->v4_count = i;
            break;
        }
        set->v4[i] = (struct stretch4){ipv4_number(&wide[i].from), wide[i].item};
    }
    free(wide);
    return set->v4 != NULL ? VD_OK : VD_E_NOMEM;
}

int vd_indicator_builder_finish(struct vd_indicator_builder *builder, struct vd_indicator_set **out)
{
    struct vd_indicator_set *set = calloc(1, sizeof *set);
    int error = VD_E_NOMEM;

    if (set == NULL) {
        goto out;
    }
    set->text = builder->text;
    set->items = builder->items;
    set->count = builder->count;
    builder->text = (struct vd_arena){0};
    builder->items = NULL;
    error = build_ipv4(set);
    if (error == VD_OK) {
        error = flatten(set->items, set->count, false, &set->v6, &set->v6_count);
    }
    if (error != VD_OK) {
        goto out;
    }
    *out = set;
    set = NULL;
out:
    vd_indicator_set_free(set);
    vd_indicator_builder_free(builder);
    return error;
}

static const struct vd_indicator *find4(const struct vd_indicator_set *set, uint32_t address)
{
    uint32_t low = 0;
    uint32_t high = set->v4_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (set->v4[middle].from <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0 || set->v4[low - 1].item == NO_INDICATOR) {
        return NULL;
    }
    return &set->items[set->v4[low - 1].item];
}

static const struct vd_indicator *find6(
    const struct vd_indicator_set *set, const struct vd_address *address)
{
    uint32_t low = 0;
    uint32_t high = set->v6_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (compare_address(&set->v6[middle].from, address) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0 || set->v6[low - 1].item == NO_INDICATOR) {
        return NULL;
    }
    return &set->items[set->v6[low - 1].item];
}

const struct vd_indicator *vd_indicator_set_find(
    const struct vd_indicator_set *set, const struct vd_address *address)
{
    if (set == NULL || set->count == 0) {
        return NULL;
    }
    return vd_address_is_ipv4(address) ? find4(set, ipv4_number(address)) : find6(set, address);
}

uint32_t vd_indicator_set_count(const struct vd_indicator_set *set)
{
    return set != NULL ? set->count : 0;
}

void vd_indicator_set_free(struct vd_indicator_set *set)
{
    if (set != NULL) {
        free(set->items);
        free(set->v4);
        free(set->v6);
        vd_arena_release(&set->text);
        free(set);
    }
}
