/* SPDX-License-Identifier: MIT */
/* The security module's API on Azure RTOS: what a firmware with NetX Duo calls. */

#ifndef NX_AZURE_IOT_SECURITY_MODULE_H
#define NX_AZURE_IOT_SECURITY_MODULE_H

#include "nx_azure_iot.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Starts the security module on an Azure IoT instance: it counts the packets of every NetX Duo IP
 * instance, also of those created later, and sends what it collects through the hub clients of
 * `nx_azure_iot_ptr`, each message once through each that is connected, whenever they connect. There is
 * one security module; enabling it again on the same instance changes nothing, but ends a suspension.
 *
 * nx_azure_iot_ptr: created by nx_azure_iot_create(); stays until nx_azure_iot_security_module_disable(),
 * which must come before nx_azure_iot_delete().
 *
 * Returns NX_AZURE_IOT_SUCCESS; NX_AZURE_IOT_INVALID_PARAMETER if that is no Azure IoT instance or not
 * the one that the module is enabled on; NX_AZURE_IOT_FAILURE if a setting is wrong (no
 * ASC_SECURITY_MODULE_ID), there is no entropy, or there are more than ASC_NETXDUO_IP_INSTANCES_MAX IP
 * instances. Whatever failed, nothing has changed.
 *
 * From threads, also from a hub client's callback; takes the instance's mutex. */
UINT nx_azure_iot_security_module_enable(NX_AZURE_IOT *nx_azure_iot_ptr);

/* Stops the security module, drops what it collected and did not send, and takes its packet filters
 * out. A filter that was put on top of one of them meanwhile stays, and so does that one, which then only
 * passes packets on.
 *
 * nx_azure_iot_ptr: the instance that the module is enabled on, or NULL for whichever that is.
 *
 * Returns NX_AZURE_IOT_SUCCESS, also if the module was not enabled; NX_AZURE_IOT_INVALID_PARAMETER if it
 * is enabled on another instance; NX_AZURE_IOT_FAILURE if called from within the module's own sending.
 *
 * From threads; takes the instance's mutex, so it waits for a message that is being sent. */
UINT nx_azure_iot_security_module_disable(NX_AZURE_IOT *nx_azure_iot_ptr);

#ifdef __cplusplus
}
#endif

#endif
