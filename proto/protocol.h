/* SPDX-License-Identifier: MIT */
/* What device and service agree on: topics, property names and limits of the wire. */

#ifndef VEDETTE_PROTO_PROTOCOL_H
#define VEDETTE_PROTO_PROTOCOL_H

/* Telemetry of a device, and of a module of it; the property bag follows the last slash. */
#define VD_TOPIC_DEVICE_EVENTS "devices/%s/messages/events/"
#define VD_TOPIC_MODULE_EVENTS "devices/%s/modules/%s/messages/events/"

/* Property of a message: the interface that its body conforms to, and that of security messages. */
#define VD_PROPERTY_INTERFACE "$.ifid"
#define VD_INTERFACE_SECURITY "urn:azureiot:Security:SecurityAgent:1"

/* The same pair as it stands in a topic: URL-encoded. */
#define VD_PROPERTY_BAG_SECURITY "%24.ifid=urn%3Aazureiot%3ASecurity%3ASecurityAgent%3A1"

/* Property of a message: the media type of its body. */
#define VD_PROPERTY_CONTENT_TYPE "$.ct"

/* Module ids of a security module's identity, and the tag of its twin that names the device's security group. */
#define VD_SECURITY_MODULE_ID      "azureiotsecurity"
#define VD_SECURITY_MODULE_ID_RTOS "iot_security_module"
#define VD_TAG_SECURITY_GROUP      "SecurityGroup"

#define VD_PORT_MQTT_TLS 8883
#define VD_API_VERSION   "2021-04-12"

/* Letters of a device or module id. */
#define VD_ID_MAX 128
/* One D2C message, body and property bag each. */
#define VD_MESSAGE_BODY_MAX_BYTES 262144
#define VD_MESSAGE_PROPERTIES_MAX 16384

#endif
