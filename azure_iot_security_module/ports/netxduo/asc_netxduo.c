/* SPDX-License-Identifier: MIT */
/* Enable and disable, the module's turn in the thread of the Azure IoT instance, and the port's functions. */

#include "azure_iot_security_module/ports/netxduo/asc_netxduo.h"

#include <string.h>

#include "azure_iot_security_module/inc/nx_azure_iot_security_module.h"
#include "azure_iot_security_module/ports/netxduo/asc_netxduo_hook.h"
#include "azure_iot_security_module/ports/netxduo/asc_netxduo_hubs.h"
#include "azure_iot_security_module/ports/netxduo/asc_netxduo_random.h"

/* Messages sent in one turn; a collection of many flows makes several. */
#define STEPS_MAX 16u

#define EVENTS (NX_CLOUD_COMMON_PERIODIC_EVENT | NX_CLOUD_MODULE_AZURE_ISM_EVENT)

#define TICKS_PER_S ((uint32_t)(TX_TIMER_TICKS_PER_SECOND))

/* Milliseconds are reckoned from ticks in 32 bits. */
typedef char asc_netxduo_ticks_per_second_is_at_most_4000000[TICKS_PER_S <= 4000000u ? 1 : -1];

struct netxduo {
    struct asc_module module;
#if ASC_NETXDUO_TWIN
    struct asc_twin twin;
#endif
    struct asc_settings settings;
    struct asc_netxduo_hubs hubs;
    NX_CLOUD_MODULE cloud_module;
    NX_AZURE_IOT *azure; /* NULL: not enabled; changed under its mutex and with interrupts masked */
#if ASC_NETXDUO_LOCK_MUTEX
    TX_MUTEX mutex;
#endif
    UINT posture;        /* of interrupts, when the lock was taken */
    uint32_t ticks;      /* as of `uptime_ms` */
    uint32_t uptime_ms;  /* wraps */
    uint32_t tick_rest;  /* what `uptime_ms` leaves out: below TICKS_PER_S */
    bool settings_given; /* by asc_netxduo_settings_set() */
    bool initialised;    /* `module` is */
    bool connected;      /* as the module was told */
    bool stepping;       /* the module is being stepped */
};

static struct netxduo netxduo;

/* --- The port's functions ----------------------------------------------------------------------- */

static uint32_t port_time_utc_s(void *context)
{
    ULONG now = 0;

    (void)context;
    return nx_azure_iot_unix_time_get(netxduo.azure, &now) == NX_AZURE_IOT_SUCCESS ? (uint32_t)now
                                                                                   : 0;
}

/* The tick count wraps, and tx_time_set() may set it back: then no time has passed. */
static uint32_t port_uptime_ms(void *context)
{
    const uint32_t now = (uint32_t)tx_time_get();
    const uint32_t passed = now - netxduo.ticks;

    (void)context;
    netxduo.ticks = now;
    if (passed < 0x80000000u) {
        const uint32_t rest = passed % TICKS_PER_S * 1000u + netxduo.tick_rest;

        netxduo.uptime_ms += passed / TICKS_PER_S * 1000u + rest / TICKS_PER_S;
        netxduo.tick_rest = rest % TICKS_PER_S;
    }
    return netxduo.uptime_ms;
}

static bool port_random(void *context, uint8_t *out, size_t length)
{
    (void)context;
    return asc_netxduo_random(
        netxduo.azure, netxduo.module.settings.security_module_id, out, length);
}

/* The lock is never nested, so that one place for the posture is enough. */
static void port_lock(void *context)
{
    (void)context;
#if ASC_NETXDUO_LOCK_MUTEX
    (void)tx_mutex_get(&netxduo.mutex, TX_WAIT_FOREVER);
#else
    {
        const UINT posture = tx_interrupt_control(TX_INT_DISABLE);

        netxduo.posture = posture;
    }
#endif
}

static void port_unlock(void *context)
{
    (void)context;
#if ASC_NETXDUO_LOCK_MUTEX
    (void)tx_mutex_put(&netxduo.mutex);
#else
    (void)tx_interrupt_control(netxduo.posture);
#endif
}

static enum asc_send_result port_send(void *context, const uint8_t *message, uint32_t length)
{
    (void)context;
    return asc_netxduo_hubs_send(&netxduo.hubs, netxduo.azure, message, length);
}

#define TEXT_OF(x)                        #x
#define VERSION_TEXT(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

static void port_system_information(void *context, struct asc_system_information *out)
{
    (void)context;
    out->os = "ThreadX " VERSION_TEXT(
        THREADX_MAJOR_VERSION, THREADX_MINOR_VERSION, THREADX_PATCH_VERSION);
    out->kernel = "NetX Duo " VERSION_TEXT(
        NETXDUO_MAJOR_VERSION, NETXDUO_MINOR_VERSION, NETXDUO_PATCH_VERSION);
#if defined(ASC_NETXDUO_HARDWARE)
    out->hw = ASC_NETXDUO_HARDWARE;
#endif
}

/* The sentences hold no format, which nx_azure_iot_log() would take at their end. */
static void port_log(void *context, enum asc_log_level level, const char *text)
{
    static const char *const types[] = {
        [ASC_LOG_FATAL] = "[FATAL] ",
        [ASC_LOG_ERROR] = "[ERROR] ",
        [ASC_LOG_WARNING] = "[WARN] ",
        [ASC_LOG_INFORMATION] = "[INFO] ",
        [ASC_LOG_DEBUG] = "[DEBUG] ",
    };
    const char *type = types[level];

    (void)context;
    (void)nx_azure_iot_log(
        (UCHAR *)(size_t)type, (UINT)strlen(type), (UCHAR *)(size_t)text, (UINT)strlen(text));
}

static const struct asc_port netxduo_port = {
    .time_utc_s = port_time_utc_s,
    .uptime_ms = port_uptime_ms,
    .random = port_random,
    .lock = port_lock,
    .unlock = port_unlock,
    .send = port_send,
    .system_information = port_system_information,
    .log = port_log,
};

/* --- The module's turn -------------------------------------------------------------------------- */

static void set_azure(NX_AZURE_IOT *azure)
{
    const UINT posture = tx_interrupt_control(TX_INT_DISABLE);

    netxduo.azure = azure;
    (void)tx_interrupt_control(posture);
}

static NX_AZURE_IOT *enabled_on(void)
{
    const UINT posture = tx_interrupt_control(TX_INT_DISABLE);
    NX_AZURE_IOT *azure = netxduo.azure;

    (void)tx_interrupt_control(posture);
    return azure;
}

static void follow_connection(void)
{
    const bool connected = asc_netxduo_hubs_connected(netxduo.azure);

    if (connected != netxduo.connected) {
        netxduo.connected = connected;
        asc_module_connected(&netxduo.module, connected);
    }
}

/* A message is dropped in no other state; while pending it waits for the next connection. */
static void follow_state(void)
{
    const enum asc_state state = asc_module_state(&netxduo.module);

    if (state != ASC_STATE_ACTIVE && state != ASC_STATE_PENDING) {
        asc_netxduo_hubs_forget(&netxduo.hubs);
    }
}

/* Steps until the module wants to rest for longer than the shortest time it can ask for. */
static void take_turn(void)
{
    uint32_t rest_ms;
    unsigned steps = 0;

    netxduo.stepping = true;
    do {
        follow_connection();
        rest_ms = asc_module_step(&netxduo.module);
        follow_state();
    } while (rest_ms <= 1 && ++steps < STEPS_MAX);
    netxduo.stepping = false;
}

/* Called by the thread of the Azure IoT instance, without its mutex. */
static VOID cloud_process(VOID *context, ULONG common_events, ULONG module_events)
{
    NX_AZURE_IOT *azure = context;

    (void)common_events;
    (void)module_events;
    (void)tx_mutex_get(azure->nx_azure_iot_mutex_ptr, TX_WAIT_FOREVER);
    if (enabled_on() == azure) {
        (void)asc_netxduo_hook_all(&netxduo.module, azure->nx_azure_iot_ip_ptr);
        take_turn();
    }
    (void)tx_mutex_put(azure->nx_azure_iot_mutex_ptr);
}

/* --- Enable and disable ------------------------------------------------------------------------- */

bool asc_netxduo_settings_set(const struct asc_settings *settings)
{
    if (netxduo.initialised) {
        return false;
    }
    netxduo.settings = *settings;
    netxduo.settings_given = true;
    return true;
}

static bool initialise(void)
{
    if (netxduo.initialised) {
        return true;
    }
    if (!netxduo.settings_given) {
        netxduo.settings = asc_settings_default();
    }
#if ASC_NETXDUO_LOCK_MUTEX
    if (netxduo.mutex.tx_mutex_id == 0 &&
        tx_mutex_create(&netxduo.mutex, "security module", TX_INHERIT) != TX_SUCCESS) {
        return false;
    }
#endif
    netxduo.initialised =
        asc_module_init(&netxduo.module, &netxduo_port, NX_NULL, &netxduo.settings) == ASC_OK;
#if ASC_NETXDUO_TWIN
    if (netxduo.initialised) {
        asc_twin_init(&netxduo.twin, &netxduo.module);
    }
#endif
    return netxduo.initialised;
}

/* Undone in reverse where a later part fails. The caller holds the mutex. */
static bool start_on(NX_AZURE_IOT *azure)
{
    set_azure(azure);
    netxduo.connected = false;
    asc_netxduo_hubs_forget(&netxduo.hubs);
    if (asc_module_enable(&netxduo.module) != ASC_OK) {
        set_azure(NX_NULL);
        return false;
    }
    if (!asc_netxduo_hook_all(&netxduo.module, azure->nx_azure_iot_ip_ptr) ||
        nx_cloud_module_register(&azure->nx_azure_iot_cloud, &netxduo.cloud_module,
            "Security Module", EVENTS, cloud_process, azure) != NX_SUCCESS) {
        asc_netxduo_unhook_all(azure->nx_azure_iot_ip_ptr);
        asc_module_disable(&netxduo.module);
        set_azure(NX_NULL);
        return false;
    }
    return true;
}

/* Enabling on the instance where it is enabled ends a suspension. The caller holds the mutex. */
static UINT enable_locked(NX_AZURE_IOT *azure)
{
    const NX_AZURE_IOT *on = enabled_on();
    bool done;

    if (on != NX_NULL && on != azure) {
        return NX_AZURE_IOT_INVALID_PARAMETER;
    }
    if (netxduo.stepping) {
        return NX_AZURE_IOT_FAILURE;
    }
    done = on == NX_NULL ? initialise() && start_on(azure)
                         : asc_module_enable(&netxduo.module) == ASC_OK;
    if (!done) {
        return NX_AZURE_IOT_FAILURE;
    }
    (void)nx_cloud_module_event_set(&netxduo.cloud_module, NX_CLOUD_MODULE_AZURE_ISM_EVENT);
    return NX_AZURE_IOT_SUCCESS;
}

UINT nx_azure_iot_security_module_enable(NX_AZURE_IOT *nx_azure_iot_ptr)
{
    UINT status;

    if (nx_azure_iot_ptr == NX_NULL || nx_azure_iot_ptr->nx_azure_iot_ip_ptr == NX_NULL ||
        nx_azure_iot_ptr->nx_azure_iot_mutex_ptr == NX_NULL ||
        nx_azure_iot_ptr->nx_azure_iot_cloud.nx_cloud_id != NX_CLOUD_ID) {
        return NX_AZURE_IOT_INVALID_PARAMETER;
    }
    (void)tx_mutex_get(nx_azure_iot_ptr->nx_azure_iot_mutex_ptr, TX_WAIT_FOREVER);
    status = enable_locked(nx_azure_iot_ptr);
    (void)tx_mutex_put(nx_azure_iot_ptr->nx_azure_iot_mutex_ptr);
    return status;
}

/* The caller holds the mutex. */
static UINT disable_locked(NX_AZURE_IOT *azure)
{
    if (enabled_on() != azure) {
        return NX_AZURE_IOT_SUCCESS;
    }
    if (netxduo.stepping) {
        return NX_AZURE_IOT_FAILURE;
    }
    (void)nx_cloud_module_deregister(&azure->nx_azure_iot_cloud, &netxduo.cloud_module);
    asc_netxduo_unhook_all(azure->nx_azure_iot_ip_ptr);
    asc_module_disable(&netxduo.module);
    asc_netxduo_hubs_forget(&netxduo.hubs);
    set_azure(NX_NULL);
    return NX_AZURE_IOT_SUCCESS;
}

UINT nx_azure_iot_security_module_disable(NX_AZURE_IOT *nx_azure_iot_ptr)
{
    NX_AZURE_IOT *azure = enabled_on();
    UINT status;

    if (azure == NX_NULL) {
        return NX_AZURE_IOT_SUCCESS;
    }
    if (nx_azure_iot_ptr != NX_NULL && nx_azure_iot_ptr != azure) {
        return NX_AZURE_IOT_INVALID_PARAMETER;
    }
    (void)tx_mutex_get(azure->nx_azure_iot_mutex_ptr, TX_WAIT_FOREVER);
    status = disable_locked(azure);
    (void)tx_mutex_put(azure->nx_azure_iot_mutex_ptr);
    return status;
}

/* --- What it knows ------------------------------------------------------------------------------ */

enum asc_state asc_netxduo_state(void)
{
    NX_AZURE_IOT *azure = enabled_on();
    enum asc_state state = ASC_STATE_NOT_INITIALISED;

    if (azure != NX_NULL) {
        (void)tx_mutex_get(azure->nx_azure_iot_mutex_ptr, TX_WAIT_FOREVER);
        state = asc_module_state(&netxduo.module);
        (void)tx_mutex_put(azure->nx_azure_iot_mutex_ptr);
    }
    return state;
}

struct asc_counters asc_netxduo_counters(void)
{
    NX_AZURE_IOT *azure = enabled_on();
    struct asc_counters counters;

    memset(&counters, 0, sizeof counters);
    if (azure != NX_NULL) {
        (void)tx_mutex_get(azure->nx_azure_iot_mutex_ptr, TX_WAIT_FOREVER);
    }
    if (netxduo.initialised) {
        counters = asc_module_counters(&netxduo.module);
    }
    if (azure != NX_NULL) {
        (void)tx_mutex_put(azure->nx_azure_iot_mutex_ptr);
    }
    return counters;
}

/* --- Settings from the twin --------------------------------------------------------------------- */

#if ASC_NETXDUO_TWIN
enum asc_twin_result asc_netxduo_twin_apply(
    const char *json, size_t length, bool patch, char *report, size_t size)
{
    NX_AZURE_IOT *azure = enabled_on();
    enum asc_twin_result result = ASC_TWIN_BEHIND;
    size_t reported = 0;

    if (azure != NX_NULL) {
        (void)tx_mutex_get(azure->nx_azure_iot_mutex_ptr, TX_WAIT_FOREVER);
        if (enabled_on() == azure && !netxduo.stepping) {
            result = asc_twin_apply(&netxduo.twin, json, length, patch);
            if (result == ASC_TWIN_APPLIED || result == ASC_TWIN_REFUSED) {
                reported = asc_twin_report(&netxduo.twin, report, size);
            }
            (void)nx_cloud_module_event_set(&netxduo.cloud_module, NX_CLOUD_MODULE_AZURE_ISM_EVENT);
        }
        (void)tx_mutex_put(azure->nx_azure_iot_mutex_ptr);
    }
    if (reported == 0 && size > 0) {
        report[0] = '\0';
    }
    return result;
}
#endif
