/* SPDX-License-Identifier: MIT */
/* The security module on Linux, whole: capture, module and connection to the hub in one call. */

#ifndef ASC_LINUX_AGENT_H
#define ASC_LINUX_AGENT_H

#include "azure_iot_security_module/inc/security_module.h"
#include "azure_iot_security_module/ports/linux/asc_linux_capture.h"
#include "azure_iot_security_module/ports/linux/asc_linux_hub.h"

struct asc_linux_agent_options {
    const char *interface;
    enum asc_linux_capture_way capture;
    const char *ca_file; /* NULL: the system's CAs */
    const struct asc_linux_connection *connection;
    struct asc_settings settings; /* security_module_id NULL: the device id */
    struct asc_linux_hub_times times;
    int stop_fd; /* readable: send what there is, disconnect and return */
};

/*
 * Runs until `stop_fd` is readable; the pointers of `options` must stay valid that long. Blocks.
 * Where the hub has a twin, what that says of the settings goes before `options` (docs/device-twin.md).
 * After the stop it takes at most 5 s to send what it has, and close_ms to disconnect.
 * Returns 0, or 1 when it could not start, with the reason logged. Blocks SIGPIPE in its thread.
 */
int asc_linux_agent_run(const struct asc_linux_agent_options *options);

#endif
