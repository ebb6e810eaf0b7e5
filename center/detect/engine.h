/* SPDX-License-Identifier: MIT */
/* The detection engine: observations, state and configuration give findings; no clock of its own. */

#ifndef VEDETTE_CENTER_DETECT_ENGINE_H
#define VEDETTE_CENTER_DETECT_ENGINE_H

#include "center/detect/rule.h"

struct vd_engine;
struct vd_alert_store;

/* What has come and what became of it, since it was made. */
struct vd_engine_stats {
    uint64_t devices;   /* that it has state of now */
    uint64_t reporting; /* of them, heard of and not silent; looked at once a minute */
    uint64_t silent;    /* likewise */
    uint64_t windows;   /* closed */
    uint64_t late;      /* counts that came after their window could be opened */
    uint64_t uncounted; /* windows that had more distinct flows than could be counted */
    uint64_t
        skipped; /* windows not judged for their minimum: the service did not run all of the time */
};

/* One thread at a time, as all functions below. `fleet` may be NULL: devices are those that are seen. */
VD_NODISCARD int vd_engine_new(
    const struct vd_detect_settings *settings, struct vd_fleet *fleet, struct vd_engine **out);
/* Devices in the group, of which there are rules; else 0. */
uint32_t vd_engine_members(const struct vd_engine *engine, const char *group);

/* NULL is allowed. */
void vd_engine_free(struct vd_engine *engine);

/*
 * Forgets what it knows and takes up what the store has, then the fleet. For the start, and after a transaction that was
 * rolled back. Rules and indicators stay. The errors of store and fleet. store NULL: there is nothing but the fleet.
 */
VD_NODISCARD int vd_engine_load(struct vd_engine *engine, struct vd_alert_store *store);
/* Writes what changed within the store's open transaction; to NULL: it is forgotten that it changed. */
VD_NODISCARD int vd_engine_save(struct vd_engine *engine, struct vd_alert_store *store);

/* Whether there is anything to save, or the time since the last save is worth it. */
bool vd_engine_has_changed(const struct vd_engine *engine);

/*
 * The groups' rules from now on; takes over the list's elements, also when it fails. Rules that are as they were keep their
 * windows; others begin with the next whole one. VD_E_NOMEM: as if there were none.
 */
VD_NODISCARD int vd_engine_set_rules(
    struct vd_engine *engine, struct vd_group_rules **rules, size_t count);
/* Not copied; may be NULL. */
void vd_engine_set_indicators(struct vd_engine *engine, const struct vd_indicator_set *indicators);
void vd_engine_set_settings(struct vd_engine *engine, const struct vd_detect_settings *settings);

/*
 * It is now_ms (UTC, of the hub), and everything that came before has been observed. Windows close, devices fall silent. A time
 * that is not later than the last changes nothing. After a step of more than VD_ENGINE_GAP_MS the service was not there:
 * nothing that needs a device to be absent is judged over such a gap, nor over a start of the hub and as long after it.
 */
VD_NODISCARD int vd_engine_advance(
    struct vd_engine *engine, int64_t now_ms, struct vd_findings *findings);
#define VD_ENGINE_GAP_MS 60000

/*
 * Whether now_ms, which the hub's clock says, is not more than a day ahead of what was observed, and was not for a day of
 * service: what is removed for its age does not come back when the clock is set right.
 */
bool vd_engine_trusts_time(const struct vd_engine *engine, int64_t now_ms);

/* Whether the hub's clock, which says now_ms, was set back: that is more than VD_ENGINE_GAP_MS before what it said. */
bool vd_engine_is_ahead(const struct vd_engine *engine, int64_t now_ms);
/* Then times that are yet to come become now, and minima begin anew; else nothing is done. VD_E_NOMEM. */
VD_NODISCARD int vd_engine_set_back(struct vd_engine *engine, int64_t now_ms);

/* Judges one observation; first it is its enqueued_ms. VD_E_NOMEM. */
VD_NODISCARD int vd_engine_observe(struct vd_engine *engine,
    const struct vd_observation *observation, struct vd_findings *findings);

/* What windows that changed say: at the end of a batch, before it is saved. */
VD_NODISCARD int vd_engine_flush(struct vd_engine *engine, struct vd_findings *findings);

void vd_engine_stats_get(const struct vd_engine *engine, struct vd_engine_stats *out);
/* Beyond so many bytes of state and windows, looked at once a minute, windows take VD_WINDOW_DISTINCT_TIGHT flows only: devices
 * with random flows have half a megabyte each. 100,000 devices with fewer flows than that take 400 MB. */
#define VD_ENGINE_WINDOWS_BYTES 536870912
/* Bytes that state and windows take. */
size_t vd_engine_memory(const struct vd_engine *engine);

/* NULL: it has no state of such a device. */
const struct vd_device_state *vd_engine_device(
    const struct vd_engine *engine, struct vd_str device_id);

#endif
