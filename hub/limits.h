/* SPDX-License-Identifier: MIT */
/* Every bound of the hub with its reason. */

#ifndef VEDETTE_HUB_LIMITS_H
#define VEDETTE_HUB_LIMITS_H

#include "lib/bus.h"
#include "proto/protocol.h"

/* Connections at once when the configuration names none: 16 KB each make 320 MB. Beyond it new ones are closed. */
#define VD_HUB_CONNECTIONS_DEFAULT 20000u

/* From accept to a CONNECT that was answered, the TLS handshake included: slow radio links need seconds. */
#define VD_HUB_CONNECT_DEADLINE_MS 10000

/* A packet that has begun must be whole within this: 256 KiB in it are 4.4 KB/s. */
#define VD_HUB_PACKET_DEADLINE_MS 60000

/* What is queued for a peer that does not read must move within this. */
#define VD_HUB_WRITE_DEADLINE_MS 30000

/* After the last word to a peer: until it has taken it. */
#define VD_HUB_LINGER_MS 3000

/* CONNECT with ids, user name (at most 2 KiB seen) and token (under 1 KiB). */
#define VD_HUB_CONNECT_MAX_BYTES 8192

/* A topic: the longest prefix with both ids, percent-encoded, and the property bag. */
#define VD_HUB_TOPIC_MAX_BYTES (1024 + VD_MESSAGE_PROPERTIES_MAX)

/* The largest packet: a PUBLISH with the largest topic, a packet id and the largest body. */
#define VD_HUB_PACKET_MAX_BYTES (5 + 2 + VD_HUB_TOPIC_MAX_BYTES + 2 + VD_MESSAGE_BODY_MAX_BYTES)

/* A frame of WebSocket: nothing waits for its end, and a client may put many packets into one, but not so many. */
#define VD_HUB_FRAME_MAX_BYTES (4u << 20)

/* Connections that were upgraded to WebSocket and wait for the loop, and what of their bytes was read before; more is
 * closed. A client says nothing before it has its answer, or a CONNECT at most. */
#define VD_HUB_ARRIVALS_MAX    512
#define VD_HUB_EARLY_MAX_BYTES 16384

/* Filters in one SUBSCRIBE or UNSUBSCRIBE: there are seven that a device can ask for. */
#define VD_HUB_FILTERS_MAX 16

/* A call of a method as a packet: its header, its topic with a request id, and the largest payload. */
#define VD_HUB_METHOD_PACKET_MAX_BYTES (256 + VD_METHOD_NAME_MAX + VD_METHOD_PAYLOAD_MAX_BYTES)

/* Bytes queued for one peer: 16,000 PUBACKs and the largest call of a method. A peer with more is not reading and is
 * closed; a call that finds no room is refused instead, so that no back end cuts off a device. */
#define VD_HUB_OUTPUT_MAX_BYTES (65536 + VD_HUB_METHOD_PACKET_MAX_BYTES)

/* Calls of methods that have not ended, of one identity: a device answers them one by one; and in all, with their
 * payloads: what waits for devices that are away is bounded by these. */
#define VD_HUB_METHODS_PER_IDENTITY 16
#define VD_HUB_METHODS_MAX          4096
#define VD_HUB_METHODS_MAX_BYTES    (64u << 20)

/* One batch of the event log, of which there are two: beyond it publishers are not read until the log has taken it. */
#define VD_HUB_BATCH_MAX_BYTES   (4u << 20)
#define VD_HUB_BATCH_MAX_RECORDS 16384u

/* The hub's own records, which nobody sends again, may fill a batch so many times: the rest is counted as lost. */
#define VD_HUB_BATCH_RESERVE 2

/* Records of other threads that wait for the loop: what 4,096 requests at once leave, or a log that takes nothing for a
 * moment. Beyond it they are counted as lost. */
#define VD_HUB_RECORDS_WAITING_MAX       4096u
#define VD_HUB_RECORDS_WAITING_MAX_BYTES (8u << 20)

/* Messages that came over HTTPS and are not durable: 60 of the largest. */
#define VD_HUB_POSTS_WAITING_MAX_BYTES (16u << 20)

/* Ciphertext read from one peer before the next has its turn. */
#define VD_HUB_READ_BYTES 65536

/* Between two tries at a log that takes nothing: first, and at most. */
#define VD_HUB_RETRY_FIRST_MS 10
#define VD_HUB_RETRY_MAX_MS   1000

/* How long accepting rests after it failed for want of descriptors or memory. */
#define VD_HUB_ACCEPT_PAUSE_MS 500

/* How long stopping waits for the log to take what was received. */
#define VD_HUB_STOP_WAIT_MS 5000

/* Seconds' worth of a rate by second that whoever rested may have at once: a device empties its queue when it is back. */
#define VD_HUB_BURST_S 10

/* Records of refused logins from one address, a minute: of those that alerts come of so many, of others, which take no device to
 * know, one for so many of these, and of those that came too often one. A factory's devices behind one address have some hundred
 * that fail, an attacker without this bound 17 million a day, each of which is kept. */
#define VD_HUB_REFUSALS_MINUTE     600u
#define VD_HUB_REFUSALS_OTHER_COST 10u

/* Addresses and identities whose rates are remembered: 16 bytes each. */
#define VD_HUB_LIMITER_PLACES 16384u

/* C2D: messages of one identity that wait or are locked; beyond them a back end is refused. */
#define VD_HUB_C2D_MESSAGES_MAX 50

/* How long a C2D message may wait, and does if its sender does not say. */
#define VD_HUB_C2D_TTL_MAX_MS     (48 * 3600 * 1000LL)
#define VD_HUB_C2D_TTL_DEFAULT_MS (3600 * 1000LL)

/* How often it is given to a device before it counts as undeliverable. */
#define VD_HUB_C2D_DELIVERIES_MAX 10

/* How long a device has for its answer to one: as HTTPS gives it, and at most. */
#define VD_HUB_C2D_LOCK_MS     (60 * 1000LL)
#define VD_HUB_C2D_LOCK_MAX_MS (300 * 1000LL)

/* Its body: 50 of them make 3 MiB for a device. */
#define VD_HUB_C2D_BODY_MAX_BYTES 65536

/* Feedback that no back end has read: 200 bytes each; beyond it the oldest is dropped and counted. */
#define VD_HUB_C2D_FEEDBACK_MAX 10000

/* Messages that a connection has without having acknowledged them. */
#define VD_HUB_C2D_IN_FLIGHT 8

/* How often the queues of devices that are away are looked at for what is over, and how many at once. */
#define VD_HUB_C2D_EXPIRE_MS     5000
#define VD_HUB_C2D_EXPIRE_QUEUES 64u

/* A twin as a device gets it: what fits in one packet beside what else is queued for it. */
#define VD_HUB_TWIN_ANSWER_MAX_BYTES VD_METHOD_PAYLOAD_MAX_BYTES

/* A stored twin: three sections of at most 72 KiB, with metadata of several times their length. */
#define VD_HUB_TWIN_STORED_MAX_BYTES (1u << 20)

/* Requests that wait for the writer of the state: twice as many as identities change at once when a fleet is back. */
#define VD_HUB_STATE_WAITING_MAX 8192u

/* The loop's requests beyond which it does not note any more when identities were heard of: what is waited for goes first. */
#define VD_HUB_NOTES_JOBS_MAX 4096u

/* What the loop's requests to it keep until they are done: 256 of the largest updates of twins. */
#define VD_HUB_JOBS_MAX_BYTES (64u << 20)

/* Requests in one transaction of it: more would not make a sync cheaper, but what fails with it more. */
#define VD_HUB_STATE_BATCH_MAX 512u

/* Messages and feedback are counted for the status up to so many: a millisecond of the writer. */
#define VD_HUB_STATE_COUNT_MAX 100000u

/* Owners of state that a sweep looks at in one step: with full queues, removing them frees 50 MiB, tens of milliseconds. It
 * rests between steps, so that the first sweep of 1,000,000 takes minutes and a third of a core; longer after a failure. */
#define VD_HUB_SWEEP_STEP     16u
#define VD_HUB_SWEEP_REST_MS  1u
#define VD_HUB_SWEEP_RETRY_MS 1000u

/* Removed devices that wait for their sweep: a bulk operation's. Beyond it all are swept. */
#define VD_HUB_SWEEPS_WAITING_MAX 1024u

/* Shared access policies: the five that stand for every hub, and one for each of an owner's back ends. */
#define VD_HUB_POLICIES_MAX 64

/* CA certificates of the owner, and the DER of one: an RSA-4096 certificate takes 2 KiB. */
#define VD_HUB_CA_MAX       100
#define VD_HUB_CA_MAX_BYTES (16 * 1024)

/* The certificates that a client sends in its handshake, together, and how many may stand between its own and ours: an
 * RSA-4096 certificate takes 2 KiB, and nobody has chains of ten. More ends the handshake, or the judgement. */
#define VD_HUB_CHAIN_MAX_BYTES (32 * 1024)
#define VD_HUB_CHAIN_DEPTH_MAX 8

/* A setting of the hub: a hundred rules with long names make 30 KB. */
#define VD_HUB_SETTING_MAX_BYTES 65536

/* How often something of the registry is read, changed and stored until nobody else was faster. Of those who try at the same
 * time one gets through each time, and they are no more than the workers of all servers: 14. */
#define VD_HUB_WRITE_TRIES 20
/* A client's key of RSA: nobody has larger ones, and those cost milliseconds of the loop before it is known whether the client holds
 * them at all. So does an exponent as long as the modulus; everybody's is 65537. */
#define VD_HUB_CLIENT_KEY_BITS_MAX      8192
#define VD_HUB_CLIENT_EXPONENT_BITS_MAX 64

/* Bearer tokens of people and programs that manage the hub: one each. */
#define VD_HUB_TOKENS_MAX 256

/* A SAS token's text: the longest resource, percent-encoded, makes about 1 KB. */
#define VD_SAS_TOKEN_MAX 4096

/* Log lines of one kind that peers can cause, in 10 s. */
#define VD_HUB_LOG_BURST 20

#endif
