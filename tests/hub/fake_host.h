/* SPDX-License-Identifier: MIT */
/* What surrounds a session, without sockets: everything it does is noted. */

#ifndef VEDETTE_TESTS_HUB_FAKE_HOST_H
#define VEDETTE_TESTS_HUB_FAKE_HOST_H

#include "hub/session.h"
#include "tests/hub/memory_registry.h"
#include "tests/hub/packets.h"

#define FAKE_NOW_MS  1800000000000LL
#define FAKE_LATER_S 1800003600LL

struct fake_host {
    struct vd_session session; /* first */
    struct vd_session_host host;
    struct memory_registry registry;
    struct vd_buf sent;
    struct vd_event_batch records;
    struct vd_buf packet_ids; /* two bytes each */
    unsigned room;            /* records that still find room */
    unsigned claims;
    unsigned refusals;
    unsigned asks;
    struct vd_session_ask asked; /* the last, which points into asked_text */
    struct vd_buf asked_text;
    bool replies_later;            /* by fake_host_reply */
    struct vd_session_reply reply; /* to all */
    unsigned c2d_wanted;
    unsigned acknowledged;
    uint16_t acknowledged_id;
    unsigned methods_wanted;
    size_t sent_when_wanted;
    unsigned method_answers;
    uint64_t rid; /* of the last, and what it said */
    int method_status;
    struct vd_buf method_payload;
    enum vd_refusal refusal;
    unsigned changes;
    enum vd_session_event last_event;
    bool no_memory;
    bool may_not_try;
    bool may_not_enter;
};

/* A secured session of a hub that knows dev1 (keys 'a', 'b'), dev1/mod (keys 'c', 'd') and off (disabled). */
void fake_host_init(struct fake_host *fake);
void fake_host_release(struct fake_host *fake);

/* Has dev1 connect, and forgets what was sent. */
void fake_host_connect(struct fake_host *fake);

/* Replies to what was asked. */
void fake_host_reply(struct fake_host *fake);

size_t fake_host_input(struct fake_host *fake, const struct vd_buf *bytes);

#endif
