/* SPDX-License-Identifier: MIT */
/* Reports of feeds as JSON and text. */

#include "center/intel/feed_report.h"

#include "lib/json_text.h"

static json_t *problem_json(const struct vd_feed_problem *problem)
{
    return json_pack("{s:I, s:o, s:o}", "line", (json_int_t)problem->line, "place",
        vd_json_text(vd_str_from(problem->place)), "reason",
        vd_json_text(vd_str_from(problem->reason)));
}

json_t *vd_feed_report_json(const struct vd_feed_report *report)
{
    json_t *problems = json_array();

    for (uint32_t i = 0; i < report->problem_count; i++) {
        json_array_append_new(problems, problem_json(&report->problems[i]));
    }
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "format",
        vd_feed_format_name(report->format), "read", (json_int_t)report->read, "used",
        (json_int_t)report->used, "expired", (json_int_t)report->expired, "ignored",
        (json_int_t)report->ignored, "refused", (json_int_t)report->refused, "problems", problems,
        "fault", report->fault.reason[0] != '\0' ? problem_json(&report->fault) : json_null());
}

void vd_feed_problem_text(const struct vd_feed_problem *problem, char *out, size_t size)
{
    if (problem->place[0] != '\0') {
        snprintf(out, size, "%s: %s", problem->place, problem->reason);
    } else {
        snprintf(out, size, "line %u: %s", problem->line, problem->reason);
    }
}
