/* SPDX-License-Identifier: MIT */
/* Security messages in JSON: whole or not at all, by the schema of docs/json-messages.md. */

#ifndef VEDETTE_CENTER_DECODE_JSON_MESSAGE_H
#define VEDETTE_CENTER_DECODE_JSON_MESSAGE_H

#include "center/decode/security_message.h"

/*
 * Whether the body is to be read as JSON: its fourth byte is not 0 and it begins, behind white space, with { or [. The root
 * offset of a FlatBuffers message has that byte and is below 256 KiB, so no message is of both kinds.
 */
bool vd_json_message_is(struct vd_str body);

/*
 * Decodes a body in JSON. What fits is in the arrays of `message` as from FlatBuffers, with these differences:
 * a ConnectionCreate is a flow without bytes, opened by the device (Out) or the remote end (In); a port that is no single
 * number is 0 there; process and user ids that do not fit are 0; a Diagnostic is a record without file and line.
 * Every event has its items as they were sent. Times before 1970 and behind 2106 are 0.
 * VD_OK, VD_E_NOMEM, or VD_E_INVALID with place and fault in `reason`, such as
 * "Events[2].Payload[0].RemotePort: is to be text with ports ...". After a failure `message` holds no event.
 */
VD_NODISCARD int vd_json_message_decode(
    struct vd_security_message *message, struct vd_str body, char reason[VD_DECODE_REASON_SIZE]);

/* The flow that an item of a ConnectionCreate is; its strings point into the item. */
void vd_json_flow_read(const json_t *item, struct vd_flow *flow);

/*
 * Decodes a body of either kind. `properties` is the message's bag: with a content type ($.ct) other than application/json a
 * body in JSON is refused. Of FlatBuffers any is taken.
 */
VD_NODISCARD int vd_device_message_decode(struct vd_security_message *message,
    struct vd_str properties, struct vd_str body, char reason[VD_DECODE_REASON_SIZE]);

#endif
