/* SPDX-License-Identifier: MIT */
/* What detections remember of devices: one record each, in memory and in the alert store. */

#ifndef VEDETTE_CENTER_DETECT_DEVICE_STATE_H
#define VEDETTE_CENTER_DETECT_DEVICE_STATE_H

#include "center/detect/group_rules.h"
#include "lib/fleet.h"

/* Windows that a device has open of one rule: what comes for one that is older than all of them is late. */
#define VD_WINDOWS_OPEN_MAX 8
/* Distinct flows counted of a window, and while the windows of all devices take too much memory (VD_ENGINE_WINDOWS_BYTES). */
#define VD_WINDOW_DISTINCT_MAX   4096
#define VD_WINDOW_DISTINCT_TIGHT 64
/* Of what was counted last, so many are named as evidence. */
#define VD_WINDOW_SAMPLES 4

/* What was counted: an event by its id, or a record of the log by its offset. */
struct vd_counted {
    uint64_t offset; /* of the record, where it is not an event */
    struct vd_uuid event_id;
    bool is_event;
};

/* A window of a rule. Its start is index * the rule's window. */
struct vd_window {
    uint8_t counter; /* enum vd_counter */
    bool is_told;    /* a finding says that it is over the maximum */
    bool is_changed; /* since it was told last */
    bool is_partial; /* of VD_COUNT_CONNECTIONS: there were more than could be counted */
    int64_t index;
    int64_t touched_ms; /* the hub's time of the last count */
    uint32_t count;
    /* Of VD_COUNT_CONNECTIONS: digests of the flows counted, in no order. */
    uint64_t *distinct;
    uint32_t distinct_capacity; /* a power of two, at least twice the count; 0: none */
    struct vd_counted samples[VD_WINDOW_SAMPLES]; /* a ring */
    uint32_t sampled;                             /* how many were put in */
};

struct vd_device_state {
    char *group;                                  /* the name; never NULL */
    char generation_id[VD_FLEET_GENERATION_SIZE]; /* of the identity; empty: not known */
    int64_t member_since_ms;                      /* the hub's time when it came into the group */
    bool is_known;                                /* the fleet has it */
    bool is_enabled;
    /* Last heard of: a message, or a connection. */
    int64_t heard_ms;                /* the hub's time; 0: never */
    int64_t heard_observed;          /* the same on the engine's clock of observed time */
    struct vd_address heard_address; /* all zero: not known */
    bool is_silent;                  /* it was reported as silent since */
    /* Connections of the device itself, as the hub recorded them. */
    bool is_connected;
    int64_t connected_ms; /* when it was let in last; 0: never */
    int64_t left_ms;      /* when it left last; 0: never */
    struct vd_address connected_address;
    /* The last login of the device itself that was refused for its credential. */
    int64_t refused_ms;  /* 0: never */
    uint8_t refused_for; /* enum vd_login_fault */
    bool
        is_refused_copy; /* it looked like a copy, and the device has not been let in from there since */
    struct vd_address refused_address;
    int64_t network_ms; /* the hub's time of the last report of network activity; 0: never */
    /* Its messages: center/detect/presence.h. */
    int64_t message_ms;       /* the hub's time of the last; 0: never */
    int64_t message_observed; /* the same on the engine's clock of observed time */
    int64_t pace_ms;          /* the usual longest pause between two; 0: not known */
    bool is_late;
    int64_t ledger_hour; /* the last in which it reported coverage, hours of the hub since 1970 */
    /* Its clock against the hub's, from the event that was the least behind of late: positive is ahead. */
    int64_t clock_error_ms;
    int64_t clock_measured_ms; /* the hub's time; 0: never */
    struct vd_window *windows;
    uint32_t window_count;
    /* The engine's. */
    const struct vd_group_rules *rules; /* of the group; NULL: it has none */
    uint32_t group_place;               /* in the rules' list of members */
    bool is_confirmed;                  /* the fleet named it in this load */
    bool is_touched;                    /* since it was saved */
    bool is_gone;                       /* the fleet has it no more: its row is to go */
    char device_id[];
};

/* All devices by id. All zero is an empty one. */
struct vd_device_states {
    struct vd_device_state **slots; /* open hash table, at most half full */
    size_t size;
    size_t count;
    struct vd_device_state **touched;
    size_t touched_count;
    size_t touched_capacity;
};

/* NULL: it is not there. */
struct vd_device_state *vd_device_states_find(
    const struct vd_device_states *states, struct vd_str device_id);
/* Finds or makes it, in the group "default" and not known. NULL without memory, or for an id that is too long. */
struct vd_device_state *vd_device_states_get(
    struct vd_device_states *states, struct vd_str device_id);
/* Takes it out; *state is freed. */
void vd_device_states_remove(struct vd_device_states *states, struct vd_device_state *state);
/* Has it saved with the batch. VD_E_NOMEM. */
VD_NODISCARD int vd_device_states_touch(
    struct vd_device_states *states, struct vd_device_state *state);
void vd_device_states_release(struct vd_device_states *states);

/* One that is in no table. NULL without memory. */
struct vd_device_state *vd_device_state_new(struct vd_str device_id);
/* NULL is allowed. */
void vd_device_state_free(struct vd_device_state *state);

/* Its windows and all that was learnt of it go; what the fleet says of it stays. */
void vd_device_state_forget(struct vd_device_state *state);

/* Times of the hub that are after now_ms become it. */
void vd_device_state_set_back(struct vd_device_state *state, int64_t now_ms);

/* VD_E_NOMEM, VD_E_LIMIT: too long. */
VD_NODISCARD int vd_device_state_set_group(struct vd_device_state *state, const char *group);

/* ---- Windows ---- */

/* Which window of the rule a time falls into; also right before 1970. */
int64_t vd_window_index(const struct vd_window_rule *rule, int64_t time_ms);

/* NULL: none of that index is open. */
struct vd_window *vd_device_window_find(
    const struct vd_device_state *state, enum vd_counter counter, int64_t index);
/*
 * Finds or opens it. *window NULL with VD_OK: it is late, older than the oldest of VD_WINDOWS_OPEN_MAX. Of as many the oldest
 * makes room. Pointers to windows of the device end with this call. VD_E_NOMEM.
 */
VD_NODISCARD int vd_device_window_open(struct vd_device_state *state, enum vd_counter counter,
    int64_t index, struct vd_window **window);
/* Adds a flow's digest; counts it if it is new, unless there are `max` already: then the window is partial. VD_E_NOMEM. */
VD_NODISCARD int vd_window_add_distinct(struct vd_window *window, uint64_t digest, uint32_t max);
/* Keeps what was counted as a sample, unless it is the last one again. */
void vd_window_sample(struct vd_window *window, const struct vd_counted *counted);
/* All of the device go. */
void vd_device_windows_free(struct vd_device_state *state);
/* Lets windows of the counter go for which `drop` says so. */
void vd_device_windows_drop(struct vd_device_state *state, enum vd_counter counter,
    bool (*drop)(const struct vd_window *window, const void *context), const void *context);

/* ---- On the disk ---- */

/* Appends the record; out->error tells. */
void vd_device_state_write(const struct vd_device_state *state, struct vd_buf *out);
/* Reads one into a state as vd_device_states_get makes it. VD_E_CORRUPT, VD_E_NEWER, VD_E_NOMEM leave it without windows. */
VD_NODISCARD int vd_device_state_read(struct vd_device_state *state, struct vd_str body);

#endif
