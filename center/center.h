/* SPDX-License-Identifier: MIT */
/* The security center: reads the event log, decodes, stores raw events, detects, raises alerts. */

#ifndef VEDETTE_CENTER_CENTER_H
#define VEDETTE_CENTER_CENTER_H

#include "center/detect/rule.h"
#include "center/hunter.h"
#include "center/store/alert_store.h"
#include "center/store/analytics.h"
#include "lib/event_log.h"

/* Counters since the start. */
struct vd_center_stats {
    uint64_t records;  /* read from the log */
    uint64_t messages; /* security messages decoded */
    uint64_t dead_letters;
    uint64_t duplicates; /* events that had come before (redelivery) */
    uint64_t raw_events; /* rows stored */
    uint64_t
        raw_events_passed_over; /* events of which no rows were stored, for that is switched off */
    uint64_t alerts_raised;
    uint64_t alerts_repeated;
    uint64_t windows_closed;
    uint64_t
        windows_skipped; /* not judged for their minimum: the service did not run all of the time */
    uint64_t counts_late;       /* came after their window was gone */
    uint64_t windows_partial;   /* had more distinct flows than are counted */
    uint64_t devices_known;     /* that detections have state of, now */
    uint64_t devices_reporting; /* of them, heard of and not silent; looked at once a minute */
    uint64_t devices_silent;    /* likewise */
    int64_t last_message_ms;    /* UTC: when a device sent the last one; 0: none since the start */
    double messages_per_second; /* security messages of the last 10 to 20 s */
    uint64_t next_offset;       /* all sinks are behind this one */
    uint32_t stalled;           /* 1 while a store cannot be written */
};

/* What it works on; all of it must outlive the center. */
struct vd_center_config {
    struct vd_event_log *log;
    struct vd_analytics *analytics;
    struct vd_alert_store *store;
    struct vd_fleet *fleet; /* NULL: devices are those that send */
    struct vd_detect_settings detection;
    int64_t
        alerts_keep_ms; /* alerts that were raised longer ago are removed; 0: none is for its age */
    /* Called by the center's thread after it has taken in that an identity or the hub itself was changed; must not block.
     * NULL: nobody is told. */
    void (*hub_changed)(void *context);
    void *hub_changed_context;
    /* What detections are set to now, and whether raw events are stored; asked at the start and after hub_changed, by the
     * center's thread. NULL: `detection` stays, and they are stored. False: it could not be read, and stays as it was. */
    bool (*read_switches)(
        void *context, struct vd_detect_settings *detection, bool *stores_raw_events);
    void *read_switches_context;
};

struct vd_center;

/* Starts the center's thread. */
VD_NODISCARD int vd_center_start(const struct vd_center_config *config, struct vd_center **center);
/* Keeps alerts so long from now on, as in the configuration. Any thread; does not wait. */
void vd_center_set_alerts_keep(struct vd_center *center, int64_t keep_ms);
/* Whether things may be removed for their age by the hub's clock, as vd_engine_trusts_time says. False until the first batch is
 * done. Any thread; does not wait. */
bool vd_center_trusts_time(struct vd_center *center);
void vd_center_stats_get(struct vd_center *center, struct vd_center_stats *out);
/* The last beat of its thread, as in lib/pulse.h. Any thread; takes no lock. */
int64_t vd_center_beat_ms(const struct vd_center *center);
/* Has the center's thread call it between two batches, and waits for that: it takes no records meanwhile. For one caller at a
 * time, who may not be that thread. VD_E_CLOSED: the center is about to stop, and it was not called. */
VD_NODISCARD int vd_center_call(
    struct vd_center *center, void (*call)(void *context), void *context);
/* Of hunts for new indicators among stored flows. */
void vd_center_hunts_get(struct vd_center *center, struct vd_hunter_stats *out);
/* Finishes the batch under way, ends the thread, frees. NULL is allowed. Call vd_event_log_interrupt first or it waits
 * for up to a second. */
void vd_center_stop(struct vd_center *center);

#endif
