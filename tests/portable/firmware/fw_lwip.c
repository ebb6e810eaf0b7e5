/* SPDX-License-Identifier: MIT */
/* What a firmware on lwIP calls. */

#include "azure_iot_security_module/ports/lwip/asc_lwip_capture.h"
#include "azure_iot_security_module/ports/lwip/asc_lwip_system.h"

err_t fw_start(struct asc_lwip_netif *hook, struct netif *netif, struct asc_module *module);

err_t fw_start(struct asc_lwip_netif *hook, struct netif *netif, struct asc_module *module)
{
    return asc_lwip_attach(hook, netif, module);
}
