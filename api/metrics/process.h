/* SPDX-License-Identifier: MIT */
/* What the process and its data directory take. */

#ifndef VEDETTE_API_METRICS_PROCESS_H
#define VEDETTE_API_METRICS_PROCESS_H

#include "api/metrics/exposition.h"

/* Of /proc/self and getrusage; what cannot be read is left out. Any thread. */
void vd_metrics_add_process(struct vd_exposition *out);

/* The databases of the folder with their logs, and what lies in its folders, by name. Any thread; reads no file. */
void vd_metrics_add_stores(struct vd_exposition *out, const char *folder);

#endif
