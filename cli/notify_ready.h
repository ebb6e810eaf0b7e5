/* SPDX-License-Identifier: MIT */
/* Tells who started the service that it is up. */

#ifndef VEDETTE_CLI_NOTIFY_READY_H
#define VEDETTE_CLI_NOTIFY_READY_H

/* Tells systemd, if it was started by it (sd_notify(3)). Does not block. */
void vd_notify_ready(void);

#endif
