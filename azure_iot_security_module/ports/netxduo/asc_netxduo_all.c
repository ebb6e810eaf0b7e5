/* SPDX-License-Identifier: MIT */
/* The whole security module for NetX Duo in one file: compile this one and no other of this folder's. So no
 * two of these sources may have a static function or variable of the same name. */

/* NOLINTBEGIN(bugprone-suspicious-include) */
#include "azure_iot_security_module/src/asc_collector_heartbeat.c"
#include "azure_iot_security_module/src/asc_collector_network_activity.c"
#include "azure_iot_security_module/src/asc_collector_system_information.c"
#include "azure_iot_security_module/src/asc_collectors.c"
#include "azure_iot_security_module/src/asc_flow.c"
#include "azure_iot_security_module/src/asc_hook.c"
#include "azure_iot_security_module/src/asc_message.c"
#include "azure_iot_security_module/src/asc_module.c"
#include "azure_iot_security_module/src/asc_packet.c"
#include "azure_iot_security_module/src/asc_sketch.c"
#include "azure_iot_security_module/src/asc_state.c"
#if defined(ASC_NETXDUO_TWIN) && ASC_NETXDUO_TWIN
#include "azure_iot_security_module/src/asc_twin.c"
#include "azure_iot_security_module/src/asc_twin_allow.c"
#include "azure_iot_security_module/src/asc_twin_json.c"
#include "azure_iot_security_module/src/asc_twin_members.c"
#include "azure_iot_security_module/src/asc_twin_report.c"
#endif
#include "azure_iot_security_module/src/asc_writer.c"

#include "azure_iot_security_module/ports/netxduo/asc_netxduo.c"
#include "azure_iot_security_module/ports/netxduo/asc_netxduo_hook.c"
#include "azure_iot_security_module/ports/netxduo/asc_netxduo_hubs.c"
#include "azure_iot_security_module/ports/netxduo/asc_netxduo_random.c"
/* NOLINTEND(bugprone-suspicious-include) */
