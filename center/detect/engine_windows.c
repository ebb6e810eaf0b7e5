/* SPDX-License-Identifier: MIT */
/* Counting in windows: what is counted, and when a window's count is outside of what its rule allows. */

#include "center/detect/custom_rules.h"
#include "center/detect/engine_internal.h"
#include "center/detect/flow_digest.h"
#include "lib/json_text.h"

/* ---- What is counted ---- */

static bool is_over_mqtt(struct vd_str protocol)
{
    return vd_str_equal_text(protocol, "Mqtt") || vd_str_equal_text(protocol, "MqttWs");
}

/* An operation of a device that was refused for want of a right; a full queue is none of these. */
static bool is_unauthorized(uint32_t result)
{
    return result / 1000 == 401 || (result / 1000 == 403 && result != 403004);
}

static bool is_twin_update(const struct vd_operation_seen *operation)
{
    return operation->result == 0 &&
        (vd_str_equal_text(operation->name, "update") ||
            vd_str_equal_text(operation->name, "replace"));
}

/* Given up: it expired, was delivered in vain too often, or found the queue full. */
static bool is_rejected(const struct vd_operation_seen *operation)
{
    return vd_str_equal_text(operation->name, "messageExpired") ||
        vd_str_equal_text(operation->name, "deliveryCountExceeded") ||
        (vd_str_equal_text(operation->name, "send") && operation->result == 403004);
}

/* Which counters the operation adds to. */
static uint32_t counters_of(const struct vd_operation_seen *operation)
{
    uint32_t counters = is_unauthorized(operation->result) ? 1U << VD_COUNT_UNAUTHORIZED : 0;

    if (vd_str_equal_text(operation->category, "C2DCommands")) {
        if (vd_str_equal_text(operation->name, "queuePurged")) {
            counters |= 1U << VD_COUNT_PURGES;
        } else if (is_rejected(operation)) {
            counters |= 1U << VD_COUNT_C2D_REJECTED;
        } else if (vd_str_equal_text(operation->name, "messageCompleted") &&
            is_over_mqtt(operation->protocol)) {
            counters |= 1U << VD_COUNT_C2D;
        }
    } else if (vd_str_equal_text(operation->category, "DirectMethods") &&
        vd_str_equal_text(operation->name, "send") && !is_unauthorized(operation->result)) {
        counters |= 1U << VD_COUNT_METHODS;
    } else if ((vd_str_equal_text(operation->category, "C2DTwinOperations") ||
                   vd_str_equal_text(operation->category, "D2CTwinOperations")) &&
        is_twin_update(operation)) {
        counters |= 1U << VD_COUNT_TWIN_UPDATES;
    }
    return counters;
}

/* ---- Counting ---- */

/* A clock that runs ahead would open windows that nobody is in yet, and those that are not judged yet would make room. */
static int64_t counted_time(const struct vd_observation *seen)
{
    return seen->time.end_ms > seen->enqueued_ms ? seen->enqueued_ms : seen->time.end_ms;
}

/* The window that what was seen belongs to; NULL with VD_OK: none counts it. */
static int window_of(struct vd_engine *engine, struct vd_device_state *state,
    const struct vd_observation *seen, enum vd_counter counter, struct vd_window **window)
{
    const struct vd_window_rule *rule = &state->rules->windows[counter];
    struct vd_engine_group *group;
    int64_t time_ms;
    int error;

    *window = NULL;
    if (!rule->is_enabled) {
        return VD_OK;
    }
    time_ms = counted_time(seen);
    group = vd_engine_group_find(engine, state->group);
    if (time_ms < group->clocks[counter].since_ms || time_ms < state->member_since_ms) {
        return VD_OK;
    }
    error = vd_device_window_open(state, counter, vd_window_index(rule, time_ms), window);
    if (error == VD_OK && *window == NULL) {
        engine->stats.late++;
    }
    if (*window != NULL) {
        vd_engine_group_busy(group, state);
        (*window)->touched_ms = seen->enqueued_ms;
    }
    return error;
}

static int count_one(struct vd_engine *engine, struct vd_device_state *state,
    const struct vd_observation *seen, enum vd_counter counter)
{
    const struct vd_counted counted = {.offset = seen->offset};
    struct vd_window *window;
    int error = window_of(engine, state, seen, counter, &window);

    if (error == VD_OK && window != NULL) {
        window->count += window->count < UINT32_MAX ? 1 : 0;
        window->is_changed = true;
        vd_window_sample(window, &counted);
    }
    return error;
}

static int count_flows(
    struct vd_engine *engine, struct vd_device_state *state, const struct vd_observation *seen)
{
    const struct vd_counted counted = {.event_id = seen->event->id, .is_event = true};
    struct vd_window *window;
    bool was_partial;
    int error;

    if (seen->event->payload != VD_PAYLOAD_NETWORK_ACTIVITY || seen->event->count == 0) {
        return VD_OK;
    }
    error = window_of(engine, state, seen, VD_COUNT_CONNECTIONS, &window);
    if (error != VD_OK || window == NULL) {
        return error;
    }
    was_partial = window->is_partial;
    for (uint32_t i = 0; i < seen->event->count && error == VD_OK; i++) {
        const struct vd_flow *flow =
            vd_security_message_flow(seen->message, seen->event->first + i);

        error = vd_window_add_distinct(window, vd_flow_digest(flow, engine->digest_seed),
            engine->is_tight ? VD_WINDOW_DISTINCT_TIGHT : VD_WINDOW_DISTINCT_MAX);
    }
    engine->stats.uncounted += !was_partial && window->is_partial ? 1 : 0;
    vd_window_sample(window, &counted);
    return error;
}

int vd_engine_count(
    struct vd_engine *engine, struct vd_device_state *state, const struct vd_observation *seen)
{
    uint32_t counters = 0;
    int error = VD_OK;

    if (state->rules == NULL) {
        return VD_OK;
    }
    switch (seen->what) {
    case VD_OBSERVED_MESSAGE:
        counters = seen->over_mqtt ? 1U << VD_COUNT_D2C : 0;
        break;
    case VD_OBSERVED_EVENT:
        return count_flows(engine, state, seen);
    case VD_OBSERVED_OPERATION:
        counters = counters_of(seen->operation);
        break;
    case VD_OBSERVED_ACTIVITY:
        break;
    }
    for (int i = 0; i < VD_COUNTERS_END && error == VD_OK; i++) {
        if ((counters >> i & 1) != 0) {
            error = count_one(engine, state, seen, (enum vd_counter)i);
        }
    }
    return error;
}

/* ---- Maxima ---- */

static int tell_window(const struct vd_engine *engine, struct vd_device_state *state,
    struct vd_window *window, struct vd_findings *findings)
{
    const struct vd_window_rule *rule = &state->rules->windows[window->counter];
    int error;

    window->is_changed = false;
    if (!rule->is_enabled || window->count <= rule->max) {
        return VD_OK;
    }
    error = vd_custom_window_report(
        state, window, engine->settings.log_epoch, window->is_told, findings);
    window->is_told = true;
    return error;
}

int vd_engine_flush(struct vd_engine *engine, struct vd_findings *findings)
{
    for (size_t i = 0; i < engine->states.touched_count; i++) {
        struct vd_device_state *state = engine->states.touched[i];

        for (uint32_t k = 0; state->rules != NULL && k < state->window_count; k++) {
            if (state->windows[k].is_changed) {
                int error = tell_window(engine, state, &state->windows[k], findings);

                if (error != VD_OK) {
                    return error;
                }
            }
        }
    }
    return VD_OK;
}

/* ---- Closing ---- */

/* The first window that is not over for good at now_ms. */
static int64_t first_open(const struct vd_engine *engine, const struct vd_window_rule *rule)
{
    return vd_window_index(rule, engine->now_ms - engine->settings.lateness_ms);
}

void vd_engine_plan(struct vd_engine *engine)
{
    engine->next_ms = INT64_MAX;
    for (size_t i = 0; i < engine->group_count; i++) {
        for (int k = 0; k < VD_COUNTERS_END; k++) {
            const struct vd_window_rule *rule = &engine->groups[i].rules->windows[k];
            const int64_t closes_ms = rule->is_enabled
                ? (engine->groups[i].clocks[k].next + 1) * rule->window_ms +
                    engine->settings.lateness_ms
                : INT64_MAX;

            engine->next_ms = closes_ms < engine->next_ms ? closes_ms : engine->next_ms;
        }
    }
}

struct closing {
    const struct vd_window_rule *rule;
    int64_t index; /* windows up to this one are over */
    int64_t now_ms;
    const char *log_epoch;
};

/* One that was opened again by late data stays for another of its lengths. */
static bool is_over(const struct vd_window *window, const void *context)
{
    const struct closing *closing = context;

    return window->index <= closing->index &&
        window->touched_ms + closing->rule->window_ms <= closing->now_ms;
}

static int judge_minimum(struct vd_device_state *state, const struct closing *closing,
    enum vd_counter counter, struct vd_findings *findings)
{
    const struct vd_window *window = vd_device_window_find(state, counter, closing->index);
    const uint32_t count = window != NULL ? window->count : 0;
    struct vd_window none = {.counter = (uint8_t)counter, .index = closing->index};

    if (!state->is_known || !state->is_enabled || count >= closing->rule->min ||
        (window != NULL && window->is_partial) ||
        state->member_since_ms > closing->index * closing->rule->window_ms) {
        return VD_OK;
    }
    return vd_custom_window_report(
        state, window != NULL ? window : &none, closing->log_epoch, false, findings);
}

static void drop_over(
    struct vd_engine_group *group, enum vd_counter counter, const struct closing *closing)
{
    for (uint32_t i = group->busy; i > 0; i--) {
        struct vd_device_state *state = group->members[i - 1];

        vd_device_windows_drop(state, counter, is_over, closing);
        if (state->window_count == 0) {
            vd_engine_group_idle(group, state); /* who comes into its place was looked at */
        }
    }
}

/* One window of a rule is over, for all members of the group. */
static int close_window(struct vd_engine *engine, struct vd_engine_group *group,
    enum vd_counter counter, struct vd_findings *findings)
{
    const struct closing closing = {
        .rule = &group->rules->windows[counter],
        .index = group->clocks[counter].next,
        .now_ms = engine->now_ms,
        .log_epoch = engine->settings.log_epoch,
    };

    for (uint32_t i = 0; closing.rule->min > 0 && i < group->count; i++) {
        int error = judge_minimum(group->members[i], &closing, counter, findings);

        if (error != VD_OK) {
            return error;
        }
    }
    drop_over(group, counter, &closing);
    engine->stats.windows++;
    group->clocks[counter].next++;
    return VD_OK;
}

int vd_engine_close(struct vd_engine *engine, struct vd_findings *findings)
{
    for (size_t i = 0; i < engine->group_count; i++) {
        struct vd_engine_group *group = &engine->groups[i];

        for (int k = 0; k < VD_COUNTERS_END; k++) {
            const struct vd_window_rule *rule = &group->rules->windows[k];

            while (rule->is_enabled && group->clocks[k].next < first_open(engine, rule)) {
                int error = vd_engine_flush(engine, findings);

                error = error == VD_OK ? close_window(engine, group, (enum vd_counter)k, findings)
                                       : error;
                if (error != VD_OK) {
                    return error;
                }
            }
        }
    }
    engine->is_changed = true;
    vd_engine_plan(engine);
    return VD_OK;
}

void vd_engine_skip(struct vd_engine *engine, int64_t until_ms)
{
    for (size_t i = 0; i < engine->group_count; i++) {
        for (int k = 0; k < VD_COUNTERS_END; k++) {
            const struct vd_window_rule *rule = &engine->groups[i].rules->windows[k];
            struct vd_rule_clock *clock = &engine->groups[i].clocks[k];
            const int64_t first =
                rule->is_enabled ? vd_window_index(rule, until_ms) + 1 : clock->next;

            if (clock->next < first) {
                engine->stats.skipped += (uint64_t)(first - clock->next);
                clock->next = first;
            }
        }
    }
    engine->is_changed = true;
    vd_engine_plan(engine);
}

static bool is_not_over(const struct vd_window *window, const void *context)
{
    const struct closing *closing = context;

    return (window->index + 1) * closing->rule->window_ms > closing->now_ms;
}

static void set_rule_back(
    const struct vd_engine *engine, struct vd_engine_group *group, int counter)
{
    const struct closing closing = {
        .rule = &group->rules->windows[counter], .now_ms = engine->now_ms};
    struct vd_rule_clock *clock = &group->clocks[counter];

    if (!closing.rule->is_enabled) {
        return;
    }
    clock->since_ms = clock->since_ms < engine->now_ms ? clock->since_ms : engine->now_ms;
    clock->next = vd_window_index(closing.rule, engine->now_ms) + 1;
    for (uint32_t i = 0; i < group->busy; i++) {
        vd_device_windows_drop(group->members[i], (enum vd_counter)counter, is_not_over, &closing);
    }
}

void vd_engine_windows_set_back(struct vd_engine *engine)
{
    for (size_t i = 0; i < engine->group_count; i++) {
        for (int k = 0; k < VD_COUNTERS_END; k++) {
            set_rule_back(engine, &engine->groups[i], k);
        }
    }
    engine->is_changed = true;
    vd_engine_plan(engine);
}
