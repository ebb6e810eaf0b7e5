/* SPDX-License-Identifier: MIT */
/* The module's port on lwIP: clock, lock and system information, and what the firmware adds to them. */

#ifndef ASC_LWIP_SYSTEM_H
#define ASC_LWIP_SYSTEM_H

#include "azure_iot_security_module/inc/security_module.h"
#include "lwip/arch.h"
#include "lwip/opt.h"
#include "lwip/sys.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The context of asc_lwip_port. The firmware fills it before asc_module_init() and keeps it as long as
 * the module; zeros stand for what it does not have. */
struct asc_lwip_system {
    /* Returns seconds since 1970 UTC, of SNTP or a clock chip; 0 while not known. NULL: never known. */
    uint32_t (*time_utc_s)(void *user);

    /* Fills `length` bytes at `out` from a true random number generator; false where it fails. Must be
     * set: LWIP_RAND() can be guessed, and is not used. */
    bool (*random)(void *user, uint8_t *out, size_t length);
    void *user; /* of these two and of `log` */

    /* As `send` of struct asc_port; gets `sender`. NULL: every message waits. */
    enum asc_send_result (*send)(void *sender, const uint8_t *message, uint32_t length);
    void *sender;

    /* Takes a line of the module's log, as `log` of struct asc_port; gets `user`. NULL: none is kept. */
    void (*log)(void *user, enum asc_log_level level, const char *text);

    /* What system information says, NUL-terminated UTF-8 that stays. */
    const char *os; /* as "FreeRTOS 10.4.3"; NULL: lwIP alone */
    const char *hw; /* as "Cortex-M3, MPS2 AN385"; NULL: not told */

#if SYS_LIGHTWEIGHT_PROT
    sys_prot_t level; /* the port's */
#endif
};

/* The clock is sys_now(). The lock is lwIP's own, SYS_ARCH_PROTECT(); with SYS_LIGHTWEIGHT_PROT 0 there
 * is none, which is right only with NO_SYS and a driver that is polled from the main loop: any other
 * build is refused. */
extern const struct asc_port asc_lwip_port;

#ifdef __cplusplus
}
#endif

#endif
