/* SPDX-License-Identifier: MIT */
/* Messages that devices did not ask for, as packets in the queue of a connection. */

#include "hub/delivery.h"

#include "hub/connection.h"
#include "hub/mqtt.h"
#include "hub/topic.h"

void vd_delivery_desired(struct vd_session *session, int64_t version, struct vd_str change)
{
    struct vd_buf topic = {0};
    struct vd_buf packet = {0};
    int error;

    if (session->state != VD_SESSION_CONNECTED ||
        (session->filters & VD_FILTER_TWIN_DESIRED) == 0) {
        return;
    }
    vd_topic_write_desired(&topic, version);
    error = topic.error;
    if (error == VD_OK) {
        const struct vd_mqtt_publish publish = {
            .topic = {(const char *)topic.data, topic.length},
            .payload = change,
        };

        error = vd_mqtt_write_publish(&publish, &packet);
    }
    if (error == VD_OK) {
        /* One who does not read is ended by that, and reads its twin when it is back. */
        session->host->send(session, packet.data, packet.length);
    } else {
        vd_session_apply(session, VD_SESSION_NO_MEMORY);
    }
    vd_buf_release(&topic);
    vd_buf_release(&packet);
}
