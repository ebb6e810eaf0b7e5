/* SPDX-License-Identifier: MIT */
/* Tells systemd, or whoever else started the process so, how far it is. */

#ifndef ASC_LINUX_NOTIFY_H
#define ASC_LINUX_NOTIFY_H

/* Sends `state`, for example "READY=1", to the socket that NOTIFY_SOCKET names; without one it does
   nothing. Does not block and reports no failure: nobody would do otherwise for it. (sd_notify(3)) */
void asc_linux_notify(const char *state);

#endif
