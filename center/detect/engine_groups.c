/* SPDX-License-Identifier: MIT */
/* Which devices are in which group, and since when its rules are as they are. */

#include <stdlib.h>

#include "center/detect/engine_internal.h"
#include "lib/log.h"

#define MEMBERS_MIN 16

static int compare_groups(const void *a, const void *b)
{
    const struct vd_engine_group *x = a;
    const struct vd_engine_group *y = b;

    return strcmp(x->rules->name, y->rules->name);
}

static int compare_name(const void *key, const void *element)
{
    return strcmp(key, ((const struct vd_engine_group *)element)->rules->name);
}

struct vd_engine_group *vd_engine_group_find(const struct vd_engine *engine, const char *name)
{
    return engine->group_count > 0
        ? bsearch(name, engine->groups, engine->group_count, sizeof *engine->groups, compare_name)
        : NULL;
}

uint32_t vd_engine_members(const struct vd_engine *engine, const char *group)
{
    const struct vd_engine_group *found = vd_engine_group_find(engine, group);

    return found != NULL ? found->count : 0;
}

static void swap_members(struct vd_engine_group *group, uint32_t a, uint32_t b)
{
    struct vd_device_state *other = group->members[a];

    group->members[a] = group->members[b];
    group->members[b] = other;
    group->members[a]->group_place = a;
    group->members[b]->group_place = b;
}

void vd_engine_group_busy(struct vd_engine_group *group, struct vd_device_state *state)
{
    if (state->group_place >= group->busy) {
        swap_members(group, state->group_place, group->busy++);
    }
}

void vd_engine_group_idle(struct vd_engine_group *group, struct vd_device_state *state)
{
    swap_members(group, state->group_place, --group->busy);
}

int vd_engine_group_join(struct vd_engine *engine, struct vd_device_state *state)
{
    struct vd_engine_group *group = vd_engine_group_find(engine, state->group);

    state->rules = NULL;
    if (group == NULL || state->is_gone) { /* that goes with the next save */
        return VD_OK;
    }
    if (group->count == group->capacity) {
        const uint32_t capacity = group->capacity > 0 ? group->capacity * 2 : MEMBERS_MIN;
        struct vd_device_state **larger =
            realloc(group->members, capacity * sizeof(struct vd_device_state *));

        if (larger == NULL) {
            return VD_E_NOMEM;
        }
        group->members = larger;
        group->capacity = capacity;
    }
    state->group_place = group->count;
    state->rules = group->rules;
    group->members[group->count++] = state;
    if (state->window_count > 0) {
        vd_engine_group_busy(group, state);
    }
    return VD_OK;
}

void vd_engine_group_leave(struct vd_engine *engine, struct vd_device_state *state)
{
    struct vd_engine_group *group =
        state->rules != NULL ? vd_engine_group_find(engine, state->group) : NULL;

    state->rules = NULL;
    if (group != NULL) {
        if (state->group_place < group->busy) {
            vd_engine_group_idle(group, state);
        }
        swap_members(group, state->group_place, --group->count);
    }
}

int vd_engine_groups_fill(struct vd_engine *engine)
{
    for (size_t i = 0; i < engine->group_count; i++) {
        engine->groups[i].count = 0;
        engine->groups[i].busy = 0;
    }
    for (size_t i = 0; i < engine->states.size; i++) {
        if (engine->states.slots[i] != NULL) {
            int error = vd_engine_group_join(engine, engine->states.slots[i]);

            if (error != VD_OK) {
                return error;
            }
        }
    }
    return VD_OK;
}

/* ---- The fleet ---- */

static bool drop_all(const struct vd_window *window, const void *context)
{
    (void)window;
    (void)context;
    return true;
}

/* An identity that was deleted and made again has only its id of the old one. */
static void take_generation(struct vd_device_state *state, const struct vd_fleet_device *device)
{
    if (state->is_gone ||
        (state->generation_id[0] != '\0' &&
            strcmp(state->generation_id, device->generation_id) != 0)) {
        vd_device_state_forget(state);
        state->is_known = false;
    }
    state->is_gone = false;
    memcpy(state->generation_id, device->generation_id, sizeof state->generation_id);
}

int vd_engine_take_device(
    struct vd_engine *engine, const struct vd_fleet_device *device, int64_t since_ms)
{
    struct vd_device_state *state =
        vd_device_states_get(&engine->states, vd_str_from(device->device_id));
    int error;

    if (state == NULL) {
        return VD_E_NOMEM;
    }
    state->is_confirmed = true;
    take_generation(state, device);
    if (state->is_known && state->is_enabled == device->is_enabled &&
        strcmp(state->group, device->group) == 0) {
        return state->rules != NULL ? VD_OK : vd_engine_group_join(engine, state);
    }
    vd_engine_group_leave(engine, state);
    if (strcmp(state->group, device->group) != 0) {
        for (int i = 0; i < VD_COUNTERS_END; i++) {
            vd_device_windows_drop(state, (enum vd_counter)i, drop_all, NULL);
        }
        state->member_since_ms = since_ms;
        error = vd_device_state_set_group(state, device->group);
        if (error != VD_OK) {
            return error;
        }
    } else if (!state->is_known || !state->is_enabled) {
        state->member_since_ms =
            state->member_since_ms > since_ms ? state->member_since_ms : since_ms;
    }
    if (device->is_enabled && !state->is_enabled) {
        state->heard_observed = engine->observed_ms; /* it could not be heard */
        state->message_observed = engine->observed_ms;
        state->is_silent = false;
        state->is_late = false;
    }
    state->is_known = true;
    state->is_enabled = device->is_enabled;
    error = vd_engine_group_join(engine, state);
    return error == VD_OK ? vd_device_states_touch(&engine->states, state) : error;
}

int vd_engine_refresh_device(struct vd_engine *engine, struct vd_str device_id)
{
    struct vd_fleet_device device;
    struct vd_device_state *state;
    char id[VD_FLEET_ID_MAX + 1];
    int error;

    if (engine->fleet == NULL || vd_str_copy(device_id, id, sizeof id) != VD_OK || id[0] == '\0') {
        return VD_OK;
    }
    error = vd_fleet_get(engine->fleet, id, &device);
    if (error == VD_OK) {
        return vd_engine_take_device(engine, &device, engine->now_ms);
    }
    if (error != VD_E_NOT_FOUND) {
        return error;
    }
    state = vd_device_states_find(&engine->states, device_id);
    if (state != NULL) {
        vd_engine_group_leave(engine, state);
        state->is_known = false;
        state->is_gone = true;
        return vd_device_states_touch(&engine->states, state);
    }
    return VD_OK;
}

/* ---- Rules ---- */

static bool same_counting(const struct vd_window_rule *a, const struct vd_window_rule *b)
{
    return a->is_enabled == b->is_enabled && a->window_ms == b->window_ms;
}

static bool same_rule(const struct vd_window_rule *a, const struct vd_window_rule *b)
{
    return same_counting(a, b) && a->min == b->min && a->max == b->max;
}

/* A rule that begins now: its first whole window is the next one. */
static struct vd_rule_clock clock_from(const struct vd_window_rule *rule, int64_t now_ms)
{
    struct vd_rule_clock clock = {.since_ms = now_ms};

    if (rule->is_enabled) {
        clock.next = vd_window_index(rule, now_ms);
        clock.next += clock.next * rule->window_ms < now_ms ? 1 : 0;
    }
    return clock;
}

/* As it was saved; NULL: the group had no such rule then. */
static const struct vd_saved_clock *saved_clock(
    const struct vd_engine *engine, const char *group, int counter)
{
    for (size_t i = 0; i < engine->saved_count; i++) {
        const struct vd_saved_clock *saved = &engine->saved[i];

        if ((int)saved->counter == counter && strcmp(saved->group, group) == 0) {
            return saved;
        }
    }
    return NULL;
}

static struct vd_rule_clock clock_restored(const struct vd_engine *engine,
    const struct vd_saved_clock *saved, const struct vd_window_rule *rule)
{
    return saved != NULL && same_rule(&saved->rule, rule) ? saved->clock
                                                          : clock_from(rule, engine->now_ms);
}

/* The device's windows of the counter go, also from the disk. */
static int drop_windows(struct vd_engine *engine, struct vd_device_state *state, int counter)
{
    const uint32_t count = state->window_count;

    vd_device_windows_drop(state, (enum vd_counter)counter, drop_all, NULL);
    return state->window_count < count ? vd_device_states_touch(&engine->states, state) : VD_OK;
}

static int drop_members_windows(
    struct vd_engine *engine, const struct vd_engine_group *group, int counter)
{
    int error = VD_OK;

    for (uint32_t i = 0; i < group->busy && error == VD_OK; i++) {
        error = drop_windows(engine, group->members[i], counter);
    }
    return error;
}

/* Clocks as they were saved, and no windows of rules that counted otherwise then. */
static int restore_group(struct vd_engine *engine, struct vd_engine_group *group)
{
    int error = VD_OK;

    for (int i = 0; i < VD_COUNTERS_END && error == VD_OK; i++) {
        const struct vd_saved_clock *saved = saved_clock(engine, group->rules->name, i);
        const struct vd_window_rule *rule = &group->rules->windows[i];

        group->clocks[i] = clock_restored(engine, saved, rule);
        if (saved == NULL || !same_counting(&saved->rule, rule)) {
            error = drop_members_windows(engine, group, i);
        }
    }
    return error;
}

int vd_engine_restore(struct vd_engine *engine)
{
    int error = VD_OK;

    for (size_t i = 0; i < engine->group_count && error == VD_OK; i++) {
        error = restore_group(engine, &engine->groups[i]);
    }
    for (size_t i = 0; i < engine->states.size && error == VD_OK; i++) {
        struct vd_device_state *state = engine->states.slots[i];

        for (int k = 0; state != NULL && state->rules == NULL && k < VD_COUNTERS_END; k++) {
            error = error == VD_OK ? drop_windows(engine, state, k) : error;
        }
    }
    /* Used once: a rule that is set again later begins anew. */
    free(engine->saved);
    engine->saved = NULL;
    engine->saved_count = 0;
    engine->is_restored = true;
    vd_engine_plan(engine);
    return error;
}

static void set_clocks(const struct vd_engine *engine, struct vd_engine_group *group)
{
    const struct vd_engine_group *old = vd_engine_group_find(engine, group->rules->name);

    for (int i = 0; i < VD_COUNTERS_END; i++) {
        const struct vd_window_rule *rule = &group->rules->windows[i];

        group->clocks[i] = old != NULL && same_rule(&old->rules->windows[i], rule)
            ? old->clocks[i]
            : clock_from(rule, engine->now_ms);
    }
}

/* Windows of a rule that counts otherwise now, or no more, begin anew. */
static int drop_changed(struct vd_engine *engine, const struct vd_engine_group *old)
{
    const struct vd_engine_group *now = vd_engine_group_find(engine, old->rules->name);
    int error = VD_OK;

    for (int i = 0; i < VD_COUNTERS_END && error == VD_OK; i++) {
        if (now == NULL || !same_counting(&old->rules->windows[i], &now->rules->windows[i])) {
            error = drop_members_windows(engine, old, i);
        }
    }
    return error;
}

static void groups_release(struct vd_engine_group *groups, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        vd_group_rules_free(groups[i].rules);
        free(groups[i].members);
    }
    free(groups);
}

int vd_engine_set_rules(struct vd_engine *engine, struct vd_group_rules **rules, size_t count)
{
    struct vd_engine_group *old = engine->groups;
    const size_t old_count = engine->group_count;
    struct vd_engine_group *groups = calloc(count > 0 ? count : 1, sizeof *groups);
    int error = VD_OK;
    int filled;

    if (groups == NULL) {
        for (size_t i = 0; i < count; i++) {
            vd_group_rules_free(rules[i]);
        }
        return VD_E_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        groups[i].rules = rules[i];
        set_clocks(engine, &groups[i]);
    }
    qsort(groups, count, sizeof *groups, compare_groups);
    engine->groups = groups;
    engine->group_count = count;
    engine->has_rules = true;
    for (size_t i = 0; i < old_count && error == VD_OK; i++) {
        error = drop_changed(engine, &old[i]);
    }
    groups_release(old, old_count);
    filled = vd_engine_groups_fill(engine);
    error = error == VD_OK ? filled : error;
    if (error == VD_OK && !engine->is_restored) {
        error = vd_engine_restore(engine);
    }
    engine->is_changed = true;
    vd_engine_plan(engine);
    return error;
}
