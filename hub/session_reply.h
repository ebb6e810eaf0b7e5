/* SPDX-License-Identifier: MIT */
/* Within the session: what its packets, the replies to its questions, and a filter that comes between have in common. */

#ifndef VEDETTE_HUB_SESSION_REPLY_H
#define VEDETTE_HUB_SESSION_REPLY_H

#include "hub/session.h"

void vd_session_send_connack(
    struct vd_session *session, bool session_present, enum vd_mqtt_connack code);

/* Refuses the CONNECT and says so. */
void vd_session_refuse(struct vd_session *session, enum vd_refusal refusal);

/* True if it was taken; else the session stalls or ends. */
bool vd_session_is_taken(struct vd_session *session, enum vd_record_result result);

/* Hands on the PUBACK that found no room, if there is one; stalls if there still is none. */
void vd_session_settle_ack(struct vd_session *session);

#endif
