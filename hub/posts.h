/* SPDX-License-Identifier: MIT */
/* Messages of devices that come otherwise than over MQTT: from any thread into the committer's batch, and told when durable. */

#ifndef VEDETTE_HUB_POSTS_H
#define VEDETTE_HUB_POSTS_H

#include "hub/server.h"

/* What hub/hub.h says of vd_hub_post and vd_hub_may_ask is here too. On the loop: */

/* Puts those that wait into the batch, as far as there is room. */
void vd_posts_take(struct vd_hub *hub);

/* The acknowledgement of a post: of the oldest that is in a batch. */
#define VD_POST_SLOT UINT32_MAX
void vd_posts_durable(struct vd_hub *hub);

/* True if one was taken in and is not over. */
bool vd_posts_are_busy(struct vd_hub *hub);

/* Ends all with VD_E_CLOSED, and frees. */
void vd_posts_release(struct vd_hub *hub);

#endif
