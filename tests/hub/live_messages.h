/* SPDX-License-Identifier: MIT */
/* Messages to dev1 of a live hub, as a back end sends them. Each fails the test if it cannot. */

#ifndef VEDETTE_TESTS_HUB_LIVE_MESSAGES_H
#define VEDETTE_TESTS_HUB_LIVE_MESSAGES_H

#include "tests/hub/live_hub.h"

/* The bag is a=b, and the sender wants to know the end. expires_ms: UTC; 0: later than any test. */
void live_send_message(struct live_hub *f, const char *body, int64_t expires_ms);
/* The same, and nobody is told. */
void live_put_message(struct live_hub *f, const char *body, int64_t expires_ms);

/* As if the locks of all that are on their way had ended. */
void live_end_locks(struct live_hub *f);

/* Those that wait or are on their way. */
size_t live_messages_waiting(struct live_hub *f);

/* When dev1 was heard of. */
struct vd_state_activity live_activity(struct live_hub *f);

/* What became of the first that is over; VD_C2D_ENQUEUED: none is. */
enum vd_c2d_state live_first_feedback(struct live_hub *f);

#endif
