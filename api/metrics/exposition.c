/* SPDX-License-Identifier: MIT */
/* Metrics as text. https://prometheus.io/docs/instrumenting/exposition_formats/ and OpenMetrics 1.0 */

#include "api/metrics/exposition.h"

#include <math.h>
#include <string.h>

/* Whole numbers up to here are exact. */
#define WHOLE_MAX 9007199254740992.0

#define TOTAL "_total"

const struct vd_metric_row vd_metric_rows[VD_METRIC_COUNT] = {
#define VD_METRIC_ROW(id, name, type, labels, help) {name, type, labels, help},
    VD_METRICS(VD_METRIC_ROW)
#undef VD_METRIC_ROW
};

static void append_value(struct vd_buf *out, const char *value)
{
    for (; *value != '\0'; value++) {
        switch (*value) {
        case '\\':
        case '"':
            vd_buf_append(out, "\\", 1);
            vd_buf_append(out, value, 1);
            break;
        case '\n':
            vd_buf_append_text(out, "\\n");
            break;
        default:
            vd_buf_append(out, value, 1);
        }
    }
}

static void append_labels(struct vd_buf *out, const char *labels, const char *const *values)
{
    const char *mark = "{";

    for (size_t i = 0; *labels != '\0'; i++) {
        const size_t length = strcspn(labels, ",");

        vd_buf_append_text(out, mark);
        vd_buf_append(out, labels, length);
        vd_buf_append_text(out, "=\"");
        append_value(out, values[i] != NULL ? values[i] : "");
        vd_buf_append_text(out, "\"");
        mark = ",";
        labels += length + (labels[length] == ',' ? 1 : 0);
    }
    vd_buf_append_text(out, "}");
}

void vd_exposition_add(struct vd_exposition *exposition, enum vd_metric metric,
    const char *const *values, double number)
{
    const struct vd_metric_row *row = &vd_metric_rows[metric];
    struct vd_buf *out = &exposition->samples[metric];

    vd_buf_append_text(out, row->name);
    if (row->labels[0] != '\0') {
        append_labels(out, row->labels, values);
    }
    if (fabs(number) < WHOLE_MAX && trunc(number) == number) {
        vd_buf_printf(out, " %.0f\n", number);
    } else {
        vd_buf_printf(out, " %.15g\n", number);
    }
}

void vd_exposition_add_one(
    struct vd_exposition *exposition, enum vd_metric metric, const char *value, double number)
{
    vd_exposition_add(exposition, metric, &value, number);
}

/* OpenMetrics calls a family of counters by its name without _total. */
static int family_length(const struct vd_metric_row *row, bool is_openmetrics)
{
    const int length = (int)strlen(row->name);

    return is_openmetrics && strcmp(row->type, "counter") == 0 ? length - (int)sizeof TOTAL + 1
                                                               : length;
}

int vd_exposition_write(
    const struct vd_exposition *exposition, bool is_openmetrics, struct vd_buf *out)
{
    for (size_t i = 0; i < VD_METRIC_COUNT; i++) {
        const struct vd_metric_row *row = &vd_metric_rows[i];
        const struct vd_buf *samples = &exposition->samples[i];
        const int length = family_length(row, is_openmetrics);

        if (samples->error != VD_OK) {
            return samples->error;
        }
        if (samples->length > 0) {
            vd_buf_printf(out, "# HELP %.*s %s\n# TYPE %.*s %s\n", length, row->name, row->help,
                length, row->name, row->type);
            vd_buf_append(out, samples->data, samples->length);
        }
    }
    if (is_openmetrics) {
        vd_buf_append_text(out, "# EOF\n");
    }
    return out->error;
}

void vd_exposition_release(struct vd_exposition *exposition)
{
    for (size_t i = 0; i < VD_METRIC_COUNT; i++) {
        vd_buf_release(&exposition->samples[i]);
    }
}
