/* SPDX-License-Identifier: MIT */
/* What the main thread of a service does while the others work: signals, health, words to the service manager. */

#ifndef VEDETTE_CLI_SERVE_ATTEND_H
#define VEDETTE_CLI_SERVE_ATTEND_H

#include "api/health.h"

/* Has SIGHUP wait for vd_serve_attend, for good: first of all, for by default it ends the process. */
void vd_serve_hangup_block(void);

/* Blocks the other signals that vd_serve_attend waits for; before any thread is started. */
void vd_serve_signals_block(void);

/* Says that the service is ready, and attends to it until a signal ends it, which is returned. A second one ends the process. SIGHUP
 * has `reload` called. */
int vd_serve_attend(struct vd_health *health, void (*reload)(void *context), void *context);

#endif
