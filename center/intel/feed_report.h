/* SPDX-License-Identifier: MIT */
/* Reports of feeds as JSON and text. */

#ifndef VEDETTE_CENTER_INTEL_FEED_REPORT_H
#define VEDETTE_CENTER_INTEL_FEED_REPORT_H

#include <jansson.h>

#include "center/intel/feed_format.h"

/* {"format","read","used","expired","ignored","refused","problems":[{"line","place","reason"}],"fault"}; fault is null or like a
 * problem. The caller's; NULL without memory. */
json_t *vd_feed_report_json(const struct vd_feed_report *report);

/* "line 7: ..." or "objects[3]: ...". */
void vd_feed_problem_text(const struct vd_feed_problem *problem, char *out, size_t size);

#endif
