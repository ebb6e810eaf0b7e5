/* SPDX-License-Identifier: MIT */
/* The table of devices and their windows. */

#include "center/detect/device_state.h"

#include <stdlib.h>
#include <string.h>

#define SIZE_MIN     64
#define DISTINCT_MIN 16

/* ---- The table ---- */

static size_t hash_id(struct vd_str id)
{
    uint64_t hash = 1469598103934665603ULL;

    for (size_t i = 0; i < id.length; i++) {
        hash = (hash ^ (uint8_t)id.data[i]) * 1099511628211ULL;
    }
    return (size_t)(hash ^ hash >> 32);
}

static size_t slot_of(const struct vd_device_states *states, struct vd_str id)
{
    size_t slot = hash_id(id) & (states->size - 1);

    while (states->slots[slot] != NULL && !vd_str_equal_text(id, states->slots[slot]->device_id)) {
        slot = (slot + 1) & (states->size - 1);
    }
    return slot;
}

struct vd_device_state *vd_device_states_find(
    const struct vd_device_states *states, struct vd_str device_id)
{
    return states->size > 0 ? states->slots[slot_of(states, device_id)] : NULL;
}

static int states_grow(struct vd_device_states *states)
{
    struct vd_device_states larger = *states;

    if (states->count * 2 < states->size) {
        return VD_OK;
    }
    larger.size = states->size > 0 ? states->size * 2 : SIZE_MIN;
    larger.slots = calloc(larger.size, sizeof(struct vd_device_state *));
    if (larger.slots == NULL) {
        return VD_E_NOMEM;
    }
    for (size_t i = 0; i < states->size; i++) {
        if (states->slots[i] != NULL) {
            larger.slots[slot_of(&larger, vd_str_from(states->slots[i]->device_id))] =
                states->slots[i];
        }
    }
    free(states->slots);
    *states = larger;
    return VD_OK;
}

void vd_device_windows_free(struct vd_device_state *state)
{
    for (uint32_t i = 0; i < state->window_count; i++) {
        free(state->windows[i].distinct);
    }
    free(state->windows);
    state->windows = NULL;
    state->window_count = 0;
}

void vd_device_state_free(struct vd_device_state *state)
{
    if (state != NULL) {
        vd_device_windows_free(state);
        free(state->group);
        free(state);
    }
}

void vd_device_state_forget(struct vd_device_state *state)
{
    static const struct vd_address none = {{0}};

    vd_device_windows_free(state);
    state->heard_ms = 0;
    state->heard_observed = 0;
    state->heard_address = none;
    state->is_silent = false;
    state->is_connected = false;
    state->connected_ms = 0;
    state->left_ms = 0;
    state->connected_address = none;
    state->refused_ms = 0;
    state->refused_for = 0;
    state->is_refused_copy = false;
    state->refused_address = none;
    state->network_ms = 0;
    state->message_ms = 0;
    state->message_observed = 0;
    state->pace_ms = 0;
    state->is_late = false;
    state->ledger_hour = 0;
    state->clock_error_ms = 0;
    state->clock_measured_ms = 0;
}

void vd_device_state_set_back(struct vd_device_state *state, int64_t now_ms)
{
    int64_t *const times[] = {&state->member_since_ms, &state->heard_ms, &state->connected_ms,
        &state->left_ms, &state->refused_ms, &state->network_ms, &state->message_ms,
        &state->clock_measured_ms};

    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        *times[i] = *times[i] < now_ms ? *times[i] : now_ms;
    }
}

int vd_device_state_set_group(struct vd_device_state *state, const char *group)
{
    char *copy;

    if (strlen(group) > VD_FLEET_GROUP_MAX) {
        return VD_E_LIMIT;
    }
    copy = strdup(group);
    if (copy == NULL) {
        return VD_E_NOMEM;
    }
    free(state->group);
    state->group = copy;
    return VD_OK;
}

struct vd_device_state *vd_device_state_new(struct vd_str id)
{
    struct vd_device_state *state = calloc(1, sizeof *state + id.length + 1);

    if (state == NULL || vd_device_state_set_group(state, VD_FLEET_GROUP_DEFAULT) != VD_OK) {
        free(state);
        return NULL;
    }
    memcpy(state->device_id, id.data, id.length);
    return state;
}

struct vd_device_state *vd_device_states_get(
    struct vd_device_states *states, struct vd_str device_id)
{
    size_t slot;

    if (device_id.length == 0 || device_id.length > VD_FLEET_ID_MAX ||
        memchr(device_id.data, '\0', device_id.length) != NULL || states_grow(states) != VD_OK) {
        return NULL;
    }
    slot = slot_of(states, device_id);
    if (states->slots[slot] == NULL) {
        states->slots[slot] = vd_device_state_new(device_id);
        states->count += states->slots[slot] != NULL ? 1 : 0;
    }
    return states->slots[slot];
}

void vd_device_states_remove(struct vd_device_states *states, struct vd_device_state *state)
{
    size_t hole = slot_of(states, vd_str_from(state->device_id));
    size_t next = hole;

    for (size_t i = 0; i < states->touched_count; i++) {
        if (states->touched[i] == state) {
            states->touched[i] = states->touched[--states->touched_count];
            break;
        }
    }
    states->slots[hole] = NULL;
    states->count--;
    vd_device_state_free(state);
    /* What was pushed past the hole comes back. */
    while (states->slots[next = (next + 1) & (states->size - 1)] != NULL) {
        struct vd_device_state *moved = states->slots[next];

        states->slots[next] = NULL;
        states->slots[slot_of(states, vd_str_from(moved->device_id))] = moved;
    }
}

int vd_device_states_touch(struct vd_device_states *states, struct vd_device_state *state)
{
    size_t capacity = states->touched_capacity > 0 ? states->touched_capacity * 2 : SIZE_MIN;

    if (state->is_touched) {
        return VD_OK;
    }
    if (states->touched_count == states->touched_capacity) {
        struct vd_device_state **larger =
            realloc(states->touched, capacity * sizeof(struct vd_device_state *));

        if (larger == NULL) {
            return VD_E_NOMEM;
        }
        states->touched = larger;
        states->touched_capacity = capacity;
    }
    states->touched[states->touched_count++] = state;
    state->is_touched = true;
    return VD_OK;
}

void vd_device_states_release(struct vd_device_states *states)
{
    for (size_t i = 0; i < states->size; i++) {
        vd_device_state_free(states->slots[i]);
    }
    free(states->slots);
    free(states->touched);
    *states = (struct vd_device_states){0};
}

/* ---- Windows ---- */

int64_t vd_window_index(const struct vd_window_rule *rule, int64_t time_ms)
{
    int64_t index = time_ms / rule->window_ms;

    return index * rule->window_ms > time_ms ? index - 1 : index;
}

struct vd_window *vd_device_window_find(
    const struct vd_device_state *state, enum vd_counter counter, int64_t index)
{
    for (uint32_t i = 0; i < state->window_count; i++) {
        if (state->windows[i].counter == counter && state->windows[i].index == index) {
            return &state->windows[i];
        }
    }
    return NULL;
}

static void window_remove(struct vd_device_state *state, uint32_t i)
{
    free(state->windows[i].distinct);
    state->windows[i] = state->windows[--state->window_count];
}

/* The oldest of the counter, and how many there are; UINT32_MAX: none. */
static uint32_t oldest_window(
    const struct vd_device_state *state, enum vd_counter counter, uint32_t *count)
{
    uint32_t oldest = UINT32_MAX;

    *count = 0;
    for (uint32_t i = 0; i < state->window_count; i++) {
        if (state->windows[i].counter == counter) {
            ++*count;
            if (oldest == UINT32_MAX || state->windows[i].index < state->windows[oldest].index) {
                oldest = i;
            }
        }
    }
    return oldest;
}

int vd_device_window_open(struct vd_device_state *state, enum vd_counter counter, int64_t index,
    struct vd_window **window)
{
    uint32_t count;
    uint32_t oldest;
    struct vd_window *larger;

    *window = vd_device_window_find(state, counter, index);
    if (*window != NULL) {
        return VD_OK;
    }
    oldest = oldest_window(state, counter, &count);
    if (count >= VD_WINDOWS_OPEN_MAX) {
        if (index < state->windows[oldest].index) {
            return VD_OK;
        }
        window_remove(state, oldest);
    }
    larger = realloc(state->windows, (state->window_count + 1) * sizeof *larger);
    if (larger == NULL) {
        return VD_E_NOMEM;
    }
    state->windows = larger;
    *window = &larger[state->window_count++];
    **window = (struct vd_window){.counter = (uint8_t)counter, .index = index};
    return VD_OK;
}

/* Zero stands for an empty place. */
static uint64_t digest_mark(uint64_t digest)
{
    return digest != 0 ? digest : 1;
}

static uint64_t *distinct_place(uint64_t *distinct, uint32_t capacity, uint64_t mark)
{
    uint32_t place = (uint32_t)(mark ^ mark >> 32) & (capacity - 1);

    while (distinct[place] != 0 && distinct[place] != mark) {
        place = (place + 1) & (capacity - 1);
    }
    return &distinct[place];
}

static int distinct_grow(struct vd_window *window)
{
    const uint32_t capacity =
        window->distinct_capacity > 0 ? window->distinct_capacity * 2 : DISTINCT_MIN;
    uint64_t *larger;

    if ((window->count + 1) * 2 <= window->distinct_capacity) {
        return VD_OK;
    }
    larger = calloc(capacity, sizeof *larger);
    if (larger == NULL) {
        return VD_E_NOMEM;
    }
    for (uint32_t i = 0; i < window->distinct_capacity; i++) {
        if (window->distinct[i] != 0) {
            *distinct_place(larger, capacity, window->distinct[i]) = window->distinct[i];
        }
    }
    free(window->distinct);
    window->distinct = larger;
    window->distinct_capacity = capacity;
    return VD_OK;
}

int vd_window_add_distinct(struct vd_window *window, uint64_t digest, uint32_t max)
{
    uint64_t *place;

    if (window->is_partial) {
        return VD_OK;
    }
    if (distinct_grow(window) != VD_OK) {
        return VD_E_NOMEM;
    }
    place = distinct_place(window->distinct, window->distinct_capacity, digest_mark(digest));
    if (*place == 0 && window->count >= max) {
        window->is_partial = true;
        window->is_changed = true;
    } else if (*place == 0) {
        *place = digest_mark(digest);
        window->count++;
        window->is_changed = true;
    }
    return VD_OK;
}

static bool same_counted(const struct vd_counted *a, const struct vd_counted *b)
{
    return a->is_event == b->is_event && a->offset == b->offset &&
        memcmp(&a->event_id, &b->event_id, sizeof a->event_id) == 0;
}

void vd_window_sample(struct vd_window *window, const struct vd_counted *counted)
{
    if (window->sampled > 0 &&
        same_counted(&window->samples[(window->sampled - 1) % VD_WINDOW_SAMPLES], counted)) {
        return;
    }
    window->samples[window->sampled++ % VD_WINDOW_SAMPLES] = *counted;
    if (window->sampled == 2 * VD_WINDOW_SAMPLES) {
        window->sampled = VD_WINDOW_SAMPLES; /* the same place in the ring, and full */
    }
}

void vd_device_windows_drop(struct vd_device_state *state, enum vd_counter counter,
    bool (*drop)(const struct vd_window *window, const void *context), const void *context)
{
    for (uint32_t i = state->window_count; i > 0; i--) {
        if (state->windows[i - 1].counter == counter && drop(&state->windows[i - 1], context)) {
            window_remove(state, i - 1);
        }
    }
}
