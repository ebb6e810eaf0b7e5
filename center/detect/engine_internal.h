/* SPDX-License-Identifier: MIT */
/* What the engine's files share. */

#ifndef VEDETTE_CENTER_DETECT_ENGINE_INTERNAL_H
#define VEDETTE_CENTER_DETECT_ENGINE_INTERNAL_H

#include "center/detect/engine.h"

/* What is remembered of a rule that counts. */
struct vd_rule_clock {
    int64_t since_ms; /* from when on it is as it is, the hub's time */
    int64_t next;     /* the first window that has not been judged for its minimum */
};

/* A group with its members: those that may have windows first, else in no order. */
struct vd_engine_group {
    struct vd_group_rules *rules;
    struct vd_rule_clock clocks[VD_COUNTERS_END];
    struct vd_device_state **members;
    uint32_t count;
    uint32_t busy; /* so many of the first may have windows; the others have none */
    uint32_t capacity;
};

/* The clock of a rule as it was saved. */
struct vd_saved_clock {
    char group[VD_GROUP_NAME_MAX + 1];
    enum vd_counter counter;
    struct vd_window_rule rule;
    struct vd_rule_clock clock;
};

struct vd_engine {
    struct vd_detect_settings settings;
    struct vd_fleet *fleet;
    const struct vd_indicator_set *indicators;
    struct vd_device_states states;
    struct vd_engine_group *groups; /* in the order of their names */
    size_t group_count;
    struct vd_saved_clock *saved; /* of the last load, for the rules that are set after it */
    size_t saved_count;
    bool has_rules;          /* they were set since it was made, be it none */
    bool is_restored;        /* what was loaded is as the rules are */
    int64_t now_ms;          /* 0: not known yet */
    int64_t saved_ms;        /* now_ms as it was saved last; 0: it was not since the load */
    int64_t observed_ms;     /* grows with now_ms, but not over gaps */
    int64_t jumped_observed; /* observed_ms when now_ms jumped ahead by more than a day */
    bool has_jumped;
    int64_t next_ms;      /* nothing closes before it */
    int64_t minute;       /* the last in which silence was looked for, and the memory */
    uint64_t digest_seed; /* of flows' digests; as old as the windows that are stored */
    bool is_tight;        /* windows take more than VD_ENGINE_WINDOWS_BYTES */
    bool is_running;      /* the time was told since it was made */
    bool is_changed;      /* rules' clocks or the time since they were saved */
    struct vd_engine_stats stats;
};

/* ---- Groups: engine_groups.c ---- */

/* NULL: there is none of that name. */
struct vd_engine_group *vd_engine_group_find(const struct vd_engine *engine, const char *name);
/* Puts the device among the members of the group that it names. VD_E_NOMEM: it is in none. */
VD_NODISCARD int vd_engine_group_join(struct vd_engine *engine, struct vd_device_state *state);
void vd_engine_group_leave(struct vd_engine *engine, struct vd_device_state *state);
/* The member has windows from now on. */
void vd_engine_group_busy(struct vd_engine_group *group, struct vd_device_state *state);
/* The member, which is among the busy ones, has no window any more. */
void vd_engine_group_idle(struct vd_engine_group *group, struct vd_device_state *state);
/* Takes over what the fleet says of a device. VD_E_NOMEM. */
VD_NODISCARD int vd_engine_take_device(
    struct vd_engine *engine, const struct vd_fleet_device *device, int64_t since_ms);
/* Asks the fleet anew about one device. */
VD_NODISCARD int vd_engine_refresh_device(struct vd_engine *engine, struct vd_str device_id);
/* Puts all devices into their groups anew. */
VD_NODISCARD int vd_engine_groups_fill(struct vd_engine *engine);
/* Clocks and windows as they were saved, where the rules are the same. VD_E_NOMEM. */
VD_NODISCARD int vd_engine_restore(struct vd_engine *engine);
/* When anything closes next. */
void vd_engine_plan(struct vd_engine *engine);

/* ---- Windows: engine_windows.c ---- */

/* Counts what was seen for the device, if a rule of its group does. VD_E_NOMEM. */
VD_NODISCARD int vd_engine_count(
    struct vd_engine *engine, struct vd_device_state *state, const struct vd_observation *seen);
/* Closes all windows whose time is over at now_ms. VD_E_NOMEM. */
VD_NODISCARD int vd_engine_close(struct vd_engine *engine, struct vd_findings *findings);
/* No window that touches the time until until_ms is judged for its minimum. */
void vd_engine_skip(struct vd_engine *engine, int64_t until_ms);
/* Windows that are not over at now_ms, which lies before what it was, begin anew. */
void vd_engine_windows_set_back(struct vd_engine *engine);

/* ---- Silence: silence.c ---- */

/* Reports devices that have been silent for too long. VD_E_NOMEM. */
VD_NODISCARD int vd_engine_judge_silence(struct vd_engine *engine, struct vd_findings *findings);

#endif
