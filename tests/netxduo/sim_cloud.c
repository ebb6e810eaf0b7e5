/* SPDX-License-Identifier: MIT */
/* Plays the Azure IoT instance: its mutex, and the thread that calls the modules registered with it. */

#include "tests/netxduo/sim.h"
#include "tests/netxduo/sim_internal.h"

static char log_line[256];

UINT nx_azure_iot_log(UCHAR *type_ptr, UINT type_len, UCHAR *msg_ptr, UINT msg_len, ...)
{
    sim_require(!sim_masked(), "a line is logged with interrupts masked");
    snprintf(log_line, sizeof log_line, "%.*s%.*s", (int)type_len, (const char *)type_ptr,
        (int)msg_len, (const char *)msg_ptr);
    return NX_AZURE_IOT_SUCCESS;
}

const char *sim_log_line(void)
{
    return log_line;
}

void sim_azure_create(NX_AZURE_IOT *azure, NX_IP *ip)
{
    memset(azure, 0, sizeof *azure);
    azure->nx_azure_iot_ip_ptr = ip;
    (void)tx_mutex_create(&azure->nx_azure_iot_cloud.nx_cloud_mutex, NULL, 0);
    azure->nx_azure_iot_mutex_ptr = &azure->nx_azure_iot_cloud.nx_cloud_mutex;
    azure->nx_azure_iot_cloud.nx_cloud_id = NX_CLOUD_ID;
}

UINT nx_cloud_module_register(NX_CLOUD *cloud_ptr, NX_CLOUD_MODULE *module_ptr,
    const CHAR *module_name, ULONG module_event,
    VOID (*module_process)(VOID *module_context, ULONG common_events, ULONG module_own_events),
    VOID *module_context)
{
    UINT status = NX_SUCCESS;

    (void)tx_mutex_get(&cloud_ptr->nx_cloud_mutex, TX_WAIT_FOREVER);
    for (NX_CLOUD_MODULE *m = cloud_ptr->nx_cloud_modules_list_header; m != NX_NULL;
         m = m->nx_cloud_module_next) {
        status = m == module_ptr ? NX_CLOUD_MODULE_ALREADY_REGISTERED : status;
    }
    if (status == NX_SUCCESS) {
        module_ptr->nx_cloud_module_name = module_name;
        module_ptr->nx_cloud_module_registered_events = module_event;
        module_ptr->nx_cloud_module_process = module_process;
        module_ptr->nx_cloud_module_context = module_context;
        module_ptr->nx_cloud_ptr = cloud_ptr;
        module_ptr->nx_cloud_module_next = cloud_ptr->nx_cloud_modules_list_header;
        cloud_ptr->nx_cloud_modules_list_header = module_ptr;
        cloud_ptr->nx_cloud_modules_count++;
    }
    (void)tx_mutex_put(&cloud_ptr->nx_cloud_mutex);
    return status;
}

UINT nx_cloud_module_deregister(NX_CLOUD *cloud_ptr, NX_CLOUD_MODULE *module_ptr)
{
    NX_CLOUD_MODULE **at = &cloud_ptr->nx_cloud_modules_list_header;
    UINT status = NX_CLOUD_MODULE_NOT_REGISTERED;

    (void)tx_mutex_get(&cloud_ptr->nx_cloud_mutex, TX_WAIT_FOREVER);
    while (*at != NX_NULL && *at != module_ptr) {
        at = &(*at)->nx_cloud_module_next;
    }
    if (*at != NX_NULL) {
        *at = module_ptr->nx_cloud_module_next;
        cloud_ptr->nx_cloud_modules_count--;
        status = NX_SUCCESS;
    }
    (void)tx_mutex_put(&cloud_ptr->nx_cloud_mutex);
    return status;
}

UINT nx_cloud_module_event_set(NX_CLOUD_MODULE *cloud_module, ULONG module_own_event)
{
    NX_CLOUD *cloud = cloud_module->nx_cloud_ptr;
    const UINT posture = tx_interrupt_control(TX_INT_DISABLE);

    cloud_module->nx_cloud_module_own_events |= module_own_event;
    cloud->events |=
        cloud_module->nx_cloud_module_registered_events & ~NX_CLOUD_COMMON_PERIODIC_EVENT;
    (void)tx_interrupt_control(posture);
    return NX_SUCCESS;
}

static ULONG take(ULONG *flags)
{
    const UINT posture = tx_interrupt_control(TX_INT_DISABLE);
    const ULONG taken = *flags;

    *flags = 0;
    (void)tx_interrupt_control(posture);
    return taken;
}

/* The mutex is free while a module is called, as in the real one. The real one looks after that at what
 * it is about to call; a module that is registered anew meanwhile has the same there. */
void sim_cloud_run(NX_AZURE_IOT *azure)
{
    NX_CLOUD *cloud = &azure->nx_azure_iot_cloud;
    const ULONG events = take(&cloud->events);

    (void)tx_mutex_get(&cloud->nx_cloud_mutex, TX_WAIT_FOREVER);
    for (NX_CLOUD_MODULE *m = cloud->nx_cloud_modules_list_header; m != NX_NULL;
         m = m->nx_cloud_module_next) {
        const ULONG common = events & m->nx_cloud_module_registered_events;

        if (common != 0) {
            VOID (*process)(VOID *, ULONG, ULONG) = m->nx_cloud_module_process;
            VOID *context = m->nx_cloud_module_context;
            const ULONG own = take(&m->nx_cloud_module_own_events);

            (void)tx_mutex_put(&cloud->nx_cloud_mutex);
            process(context, common, own);
            (void)tx_mutex_get(&cloud->nx_cloud_mutex, TX_WAIT_FOREVER);
        }
    }
    (void)tx_mutex_put(&cloud->nx_cloud_mutex);
}

void sim_seconds(NX_AZURE_IOT *azure, unsigned seconds)
{
    for (unsigned i = 0; i < seconds; i++) {
        const UINT posture = tx_interrupt_control(TX_INT_DISABLE);

        azure->nx_azure_iot_cloud.events |= NX_CLOUD_COMMON_PERIODIC_EVENT;
        (void)tx_interrupt_control(posture);
        sim_ticks_add(TX_TIMER_TICKS_PER_SECOND);
        sim_cloud_run(azure);
    }
}
