/* SPDX-License-Identifier: MIT */
/* The engine's state in the alert store: a row a device, and one for its clocks. */

#include <stdlib.h>

#include "center/detect/engine_internal.h"
#include "center/detect/presence.h"
#include "lib/log.h"

/* The form of the engine's own row. */
#define FORMAT 1
/* Its time is written so often at least where nothing else of it has changed: all groups' clocks are with it. */
#define SAVE_MS 5000

/* ---- Writing ---- */

static void put(struct vd_buf *out, uint64_t value, size_t length)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < length; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
    vd_buf_append(out, bytes, length);
}

static void write_clocks(const struct vd_engine_group *group, struct vd_buf *out)
{
    for (int i = 0; i < VD_COUNTERS_END; i++) {
        const struct vd_window_rule *rule = &group->rules->windows[i];

        if (!rule->is_enabled) {
            continue;
        }
        put(out, (uint64_t)i, 1);
        put(out, strlen(group->rules->name), 1);
        vd_buf_append_text(out, group->rules->name);
        put(out, (uint64_t)rule->window_ms, 8);
        put(out, rule->min, 4);
        put(out, rule->max, 4);
        put(out, (uint64_t)group->clocks[i].since_ms, 8);
        put(out, (uint64_t)group->clocks[i].next, 8);
    }
}

static int save_engine(struct vd_engine *engine, struct vd_alert_store *store)
{
    struct vd_device_row row = {.device_id = "", .group = ""};
    struct vd_buf body = {0};
    int error;

    put(&body, FORMAT, 1);
    put(&body, (uint64_t)engine->now_ms, 8);
    put(&body, (uint64_t)engine->observed_ms, 8);
    put(&body, engine->digest_seed, 8);
    put(&body, engine->has_jumped, 1);
    put(&body, (uint64_t)engine->jumped_observed, 8);
    for (size_t i = 0; i < engine->group_count; i++) {
        write_clocks(&engine->groups[i], &body);
    }
    row.body = (struct vd_str){(const char *)body.data, body.length};
    error = body.error != VD_OK ? body.error : vd_device_state_put(store, &row);
    vd_buf_release(&body);
    return error;
}

static int save_device(const struct vd_engine *engine, struct vd_alert_store *store,
    const struct vd_device_state *state, struct vd_buf *body)
{
    struct vd_device_row row = {
        .device_id = state->device_id,
        .group = state->group,
        .presence = vd_device_presence(state, engine->settings.hub_started_ms),
        .heard_ms = state->heard_ms,
    };

    if (store == NULL) {
        return VD_OK;
    }
    if (state->is_gone) {
        return vd_device_state_remove(store, state->device_id);
    }
    vd_buf_clear(body);
    vd_device_state_write(state, body);
    row.body = (struct vd_str){(const char *)body->data, body->length};
    return body->error != VD_OK ? body->error : vd_device_state_put(store, &row);
}

bool vd_engine_has_changed(const struct vd_engine *engine)
{
    return engine->is_changed || engine->states.touched_count > 0;
}

int vd_engine_save(struct vd_engine *engine, struct vd_alert_store *store)
{
    struct vd_device_states *states = &engine->states;
    struct vd_buf body = {0};
    int error = VD_OK;

    for (size_t i = 0; i < states->touched_count && error == VD_OK; i++) {
        error = save_device(engine, store, states->touched[i], &body);
        states->touched[i]->is_touched = error != VD_OK;
    }
    vd_buf_release(&body);
    if (error == VD_OK && store != NULL &&
        (engine->is_changed || engine->now_ms - engine->saved_ms >= SAVE_MS)) {
        error = save_engine(engine, store);
        engine->saved_ms = engine->now_ms;
    }
    if (error != VD_OK) {
        return error; /* the transaction is rolled back, and everything is loaded anew */
    }
    while (states->touched_count > 0) {
        struct vd_device_state *state = states->touched[--states->touched_count];

        if (state->is_gone) {
            vd_device_states_remove(states, state);
        }
    }
    engine->is_changed = false;
    return VD_OK;
}

/* ---- Reading ---- */

static int read_clock(struct vd_engine *engine, struct vd_reader *reader)
{
    struct vd_saved_clock clock = {.counter = (enum vd_counter)vd_reader_u8(reader)};
    const struct vd_str group = vd_reader_bytes(reader, vd_reader_u8(reader));
    struct vd_saved_clock *larger;

    clock.rule.is_enabled = true;
    clock.rule.window_ms = (int64_t)vd_reader_u64_le(reader);
    clock.rule.min = vd_reader_u32_le(reader);
    clock.rule.max = vd_reader_u32_le(reader);
    clock.clock.since_ms = (int64_t)vd_reader_u64_le(reader);
    clock.clock.next = (int64_t)vd_reader_u64_le(reader);
    if (reader->failed || vd_str_copy(group, clock.group, sizeof clock.group) != VD_OK) {
        return VD_E_CORRUPT;
    }
    larger = realloc(engine->saved, (engine->saved_count + 1) * sizeof *larger);
    if (larger == NULL) {
        return VD_E_NOMEM;
    }
    engine->saved = larger;
    larger[engine->saved_count++] = clock;
    return VD_OK;
}

static int read_engine(struct vd_engine *engine, struct vd_str body)
{
    struct vd_reader reader;
    int error = VD_OK;

    vd_reader_init(&reader, body.data, body.length);
    if (vd_reader_u8(&reader) > FORMAT) {
        return VD_E_NEWER;
    }
    engine->now_ms = (int64_t)vd_reader_u64_le(&reader);
    engine->observed_ms = (int64_t)vd_reader_u64_le(&reader);
    engine->digest_seed = vd_reader_u64_le(&reader);
    engine->has_jumped = vd_reader_u8(&reader) != 0;
    engine->jumped_observed = (int64_t)vd_reader_u64_le(&reader);
    while (error == VD_OK && !reader.failed && vd_reader_left(&reader) > 0) {
        error = read_clock(engine, &reader);
    }
    return error == VD_OK && reader.failed ? VD_E_CORRUPT : error;
}

static int read_row(void *context, struct vd_str device_id, struct vd_str body)
{
    struct vd_engine *engine = context;
    struct vd_device_state *state;
    int error;

    if (device_id.length == 0) {
        return read_engine(engine, body);
    }
    state = vd_device_states_get(&engine->states, device_id);
    if (state == NULL) {
        return VD_E_NOMEM;
    }
    error = vd_device_state_read(state, body);
    if (error == VD_E_CORRUPT) { /* better that this device begins anew than that none is watched */
        vd_log(VD_LOG_ERROR, "center.device_state_unreadable", "device=\"%.*s\"",
            VD_STR_ARG(device_id));
        vd_device_state_forget(state);
        state->is_known = false;
        state->generation_id[0] = '\0';
        error = VD_OK;
    }
    return error;
}

struct taking {
    struct vd_engine *engine;
    int error;
};

static bool take_device(void *context, const struct vd_fleet_device *device)
{
    struct taking *taking = context;
    const bool is_new =
        vd_device_states_find(&taking->engine->states, vd_str_from(device->device_id)) == NULL;

    taking->error = vd_engine_take_device(
        taking->engine, device, is_new ? device->created_ms : taking->engine->now_ms);
    return taking->error == VD_OK;
}

/* Removes what the fleet no longer has. */
static int drop_removed(struct vd_engine *engine)
{
    int error = VD_OK;

    for (size_t i = 0; i < engine->states.size && error == VD_OK; i++) {
        struct vd_device_state *state = engine->states.slots[i];

        if (state != NULL && !state->is_confirmed) {
            vd_engine_group_leave(engine, state);
            state->is_gone = true;
            error = vd_device_states_touch(&engine->states, state);
        }
    }
    return error;
}

int vd_engine_load(struct vd_engine *engine, struct vd_alert_store *store)
{
    struct taking taking = {.engine = engine};
    int error;

    vd_device_states_release(&engine->states);
    for (size_t i = 0; i < engine->group_count; i++) {
        engine->groups[i].count = 0;
        engine->groups[i].busy = 0;
    }
    free(engine->saved);
    engine->saved = NULL;
    engine->saved_count = 0;
    engine->now_ms = 0;
    engine->observed_ms = 0;
    engine->minute = 0;
    engine->is_restored = false;
    engine->saved_ms = 0;
    error = store != NULL ? vd_device_states_each(store, read_row, engine) : VD_OK;
    if (error == VD_OK && engine->fleet != NULL) {
        error = vd_fleet_each(engine->fleet, take_device, &taking);
        error = error == VD_OK ? taking.error : error;
        error = error == VD_OK ? drop_removed(engine) : error;
    }
    if (error == VD_OK) {
        error = vd_engine_groups_fill(engine);
    }
    if (error == VD_OK && engine->has_rules) {
        error = vd_engine_restore(engine);
    }
    return error;
}
