/* SPDX-License-Identifier: MIT */
/* The metrics that there are, and their text: Prometheus' format 0.0.4, or OpenMetrics 1.0. */

#ifndef VEDETTE_API_METRICS_EXPOSITION_H
#define VEDETTE_API_METRICS_EXPOSITION_H

#include "lib/str.h"

/* X(id, name, type, labels parted by commas, help); docs/metrics.md has a row for each, which a test compares. */
#define VD_METRICS(X)                                                                              \
    X(BUILD, "vedette_build_info", "gauge", "version", "The version that runs; always 1")          \
    X(START, "process_start_time_seconds", "gauge", "",                                            \
        "When the process was started, in seconds since 1970")                                     \
    X(CPU, "process_cpu_seconds_total", "counter", "", "Processor time, user and system")          \
    X(RESIDENT, "process_resident_memory_bytes", "gauge", "", "Memory that it has")                \
    X(FDS, "process_open_fds", "gauge", "", "Open file descriptors")                               \
    X(FDS_MAX, "process_max_fds", "gauge", "", "How many it may open")                             \
    X(CONNECTIONS, "vedette_hub_connections", "gauge", "state",                                    \
        "Open connections of devices: open, and of them authenticated")                            \
    X(CONNECTS, "vedette_hub_connects_total", "counter", "result",                                 \
        "Connections accepted, refused, and closed for their rate (limited)")                      \
    X(TAKEOVERS, "vedette_hub_takeovers_total", "counter", "",                                     \
        "Connections ended because the identity came again")                                       \
    X(MESSAGES, "vedette_hub_messages_total", "counter", "kind",                                   \
        "Messages of devices: telemetry and security")                                             \
    X(PROTOCOL_ERRORS, "vedette_hub_protocol_errors_total", "counter", "",                         \
        "Connections closed for a breach of MQTT")                                                 \
    X(THROTTLED, "vedette_hub_throttled_total", "counter", "",                                     \
        "Rests that a rate imposed on a device")                                                   \
    X(METHODS, "vedette_hub_method_calls_total", "counter", "result",                              \
        "Calls of methods: answered, unanswered, and answers ignored")                             \
    X(APPEND_FAILURES, "vedette_hub_append_failures_total", "counter", "",                         \
        "Failed writes to the event log")                                                          \
    X(OPERATIONS_LOST, "vedette_hub_operations_lost_total", "counter", "",                         \
        "Records of the hub's own that found no room in the event log")                            \
    X(LOG_UNWRITABLE, "vedette_hub_log_unwritable", "gauge", "",                                   \
        "1 while the event log takes nothing")                                                     \
    X(STATE_FAILURES, "vedette_state_failures_total", "counter", "",                               \
        "Failed writes of twins, messages to devices and subscriptions")                           \
    X(STATE_UNWRITABLE, "vedette_state_unwritable", "gauge", "",                                   \
        "1 while twins, messages to devices and subscriptions cannot be written")                  \
    X(LOG_END, "vedette_log_end_offset", "gauge", "", "The offset that the next record gets")      \
    X(NEXT, "vedette_center_next_offset", "gauge", "", "The record that the center takes next")    \
    X(BEHIND, "vedette_center_behind_records", "gauge", "",                                        \
        "Records of the event log that the center has not taken")                                  \
    X(STALLED, "vedette_center_stalled", "gauge", "", "1 while a store cannot be written")         \
    X(RECORDS, "vedette_center_records_total", "counter", "", "Records read from the event log")   \
    X(DECODED, "vedette_center_messages_total", "counter", "", "Security messages decoded")        \
    X(ROWS, "vedette_center_rows_total", "counter", "", "Rows stored of events, a flow being one") \
    X(DUPLICATES, "vedette_center_duplicate_events_total", "counter", "",                          \
        "Events that had come before")                                                             \
    X(BURIED, "vedette_center_dead_letters_total", "counter", "",                                  \
        "Messages that became dead letters")                                                       \
    X(WINDOWS, "vedette_center_windows_total", "counter", "result",                                \
        "Windows of custom alerts: closed, skipped (a gap), partial (too many flows)")             \
    X(LATE, "vedette_center_late_counts_total", "counter", "",                                     \
        "Counts that came after their window was gone")                                            \
    X(HUNTS, "vedette_hunts_total", "counter", "", "Hunts for new indicators in stored flows")     \
    X(HUNT_TOOK, "vedette_hunt_last_duration_seconds", "gauge", "", "How long the last one took")  \
    X(AUDIT_RECORDS, "vedette_audit_records_total", "counter", "",                                 \
        "Records written to the audit trail")                                                      \
    X(AUDIT_FAILURES, "vedette_audit_write_failures_total", "counter", "",                         \
        "Records of the audit trail that could not be written")                                    \
    X(AUDIT_VERIFIED, "vedette_audit_verified_records_total", "counter", "",                       \
        "Records of the audit trail that were verified")                                           \
    X(AUDIT_PROBLEMS, "vedette_audit_problems_total", "counter", "",                               \
        "Times that the audit trail did not verify")                                               \
    X(AUDIT_VERIFIED_TIME, "vedette_audit_last_verified_timestamp_seconds", "gauge", "",           \
        "When the whole audit trail verified last; 0: not since the start")                        \
    X(QUERIES, "vedette_queries_running", "gauge", "", "Log queries that run now")                 \
    X(DEVICES, "vedette_devices", "gauge", "state",                                                \
        "Devices by what was heard of them: reporting, silent, unheard; counted once a minute")    \
    X(REGISTERED, "vedette_registered_devices", "gauge", "status",                                 \
        "Devices of the registry: enabled, disabled")                                              \
    X(ALERTS, "vedette_alerts", "gauge", "type,severity,state", "Alerts that are stored")          \
    X(RAISED, "vedette_alerts_raised_total", "counter", "type,severity",                           \
        "Alerts ever raised, with those that are gone")                                            \
    X(REPEATED, "vedette_alerts_repeated_total", "counter", "type,severity",                       \
        "Repeats ever counted of them")                                                            \
    X(LETTERS, "vedette_dead_letters", "gauge", "replay",                                          \
        "Dead letters stored: replay none, taken or refused")                                      \
    X(RECOMMENDED, "vedette_recommendation_active", "gauge", "type",                               \
        "1 while the recommendation holds")                                                        \
    X(UNHEALTHY, "vedette_recommendation_unhealthy_devices", "gauge", "type",                      \
        "Devices that it concerns")                                                                \
    X(FEED_INDICATORS, "vedette_feed_indicators", "gauge", "feed", "Indicators used of the feed")  \
    X(FEED_SUCCESS, "vedette_feed_last_success_timestamp_seconds", "gauge", "feed",                \
        "When it was read last, or found unchanged; 0: never")                                     \
    X(FEED_ATTEMPT, "vedette_feed_last_attempt_timestamp_seconds", "gauge", "feed",                \
        "When that was tried last; 0: never")                                                      \
    X(FEED_FAILING, "vedette_feed_failing", "gauge", "feed", "1 while the last attempt failed")    \
    X(SINK_BEHIND, "vedette_sink_behind_notifications", "gauge", "sink,kind",                      \
        "Notifications before it, with those that it will pass over")                              \
    X(SINK_DELIVERED, "vedette_sink_delivered_total", "counter", "sink,kind",                      \
        "Notifications delivered since it was made")                                               \
    X(SINK_SKIPPED, "vedette_sink_skipped_total", "counter", "sink,kind",                          \
        "Notifications lost because too many waited")                                              \
    X(SINK_DEAD, "vedette_sink_dead_letters", "gauge", "sink,kind",                                \
        "Notifications given up and kept")                                                         \
    X(SINK_FAILING, "vedette_sink_failing", "gauge", "sink", "1 while its receiver fails")         \
    X(EXPORT_BEHIND, "vedette_export_behind_records", "gauge", "setting,kind",                     \
        "Records of the event log before it")                                                      \
    X(EXPORT_DELIVERED, "vedette_export_delivered_total", "counter", "setting,kind",               \
        "Records exported")                                                                        \
    X(EXPORT_SKIPPED, "vedette_export_skipped_total", "counter", "setting,kind",                   \
        "Records lost because it was too far behind")                                              \
    X(EXPORT_FAILURES, "vedette_export_failures_total", "counter", "setting,kind",                 \
        "Deliveries that failed")                                                                  \
    X(STORE_BYTES, "vedette_store_bytes", "gauge", "store",                                        \
        "Size on the disk of each part of the data directory")

enum vd_metric {
#define VD_METRIC_ENUM(id, name, type, labels, help) VD_METRIC_##id,
    VD_METRICS(VD_METRIC_ENUM)
#undef VD_METRIC_ENUM
    VD_METRIC_COUNT
};

struct vd_metric_row {
    const char *name;
    const char *type;
    const char *labels;
    const char *help;
};

extern const struct vd_metric_row vd_metric_rows[VD_METRIC_COUNT];

#define VD_METRIC_LABELS_MAX 3

/* Samples, gathered by metric in any order. All zero is an empty one. */
struct vd_exposition {
    struct vd_buf samples[VD_METRIC_COUNT]; /* a failure stays in its error */
};

/* Adds a sample; values[i] is of the metric's label i (NULL: empty), as many as it has; NULL for a metric without labels. */
void vd_exposition_add(struct vd_exposition *exposition, enum vd_metric metric,
    const char *const *values, double number);
/* The same with one label. */
void vd_exposition_add_one(
    struct vd_exposition *exposition, enum vd_metric metric, const char *value, double number);

/* Appends the text of all metrics that have samples. VD_E_NOMEM. */
VD_NODISCARD int vd_exposition_write(
    const struct vd_exposition *exposition, bool is_openmetrics, struct vd_buf *out);
void vd_exposition_release(struct vd_exposition *exposition);

#endif
