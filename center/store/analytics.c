/* SPDX-License-Identifier: MIT */
/* Calls through the interface of the query tables. */

#include "center/store/analytics.h"

int vd_analytics_append(
    struct vd_analytics *analytics, const struct vd_table_rows *rows, uint64_t next_offset)
{
    static const struct vd_table_rows none = {0};

    return analytics->ops->append(analytics, rows != NULL ? rows : &none, next_offset);
}

int vd_analytics_offset(struct vd_analytics *analytics, uint64_t *next_offset)
{
    return analytics->ops->offset(analytics, next_offset);
}

int vd_analytics_query(struct vd_analytics *analytics, const char *sql,
    const struct vd_query_limits *limits, json_t **result, char *error_text, size_t error_size)
{
    return analytics->ops->query(analytics, sql, limits, result, error_text, error_size);
}

uint32_t vd_analytics_queries_running(struct vd_analytics *analytics)
{
    return analytics->ops->queries_running(analytics);
}

int vd_analytics_maintain(struct vd_analytics *analytics, int64_t now_ms)
{
    return analytics->ops->maintain(analytics, now_ms);
}

void vd_analytics_set_keep(struct vd_analytics *analytics, const struct vd_analytics_keep *keep)
{
    analytics->ops->set_keep(analytics, keep);
}

void vd_analytics_stats(struct vd_analytics *analytics, struct vd_analytics_stats *out)
{
    analytics->ops->stats(analytics, out);
}

int vd_analytics_copy_begin(struct vd_analytics *analytics, char *error_text, size_t error_size)
{
    return analytics->ops->copy_begin(analytics, error_text, error_size);
}

int vd_analytics_copy_finish(
    struct vd_analytics *analytics, const char **folder, char *error_text, size_t error_size)
{
    return analytics->ops->copy_finish(analytics, folder, error_text, error_size);
}

void vd_analytics_copy_end(struct vd_analytics *analytics)
{
    analytics->ops->copy_end(analytics);
}

const char *vd_analytics_kind_name(enum vd_analytics_kind kind)
{
    static const char *const names[VD_ANALYTICS_KINDS] = {
        "SecurityIoTRawEvent", "AzureDiagnostics", "AzureActivity"};

    return names[kind];
}

void vd_analytics_close(struct vd_analytics *analytics)
{
    if (analytics != NULL) {
        analytics->ops->close(analytics);
    }
}
