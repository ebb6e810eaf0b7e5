/* SPDX-License-Identifier: MIT */
/* Exchanges with a live hub, written as the bytes that go and come. */

#ifndef VEDETTE_TESTS_HUB_EXCHANGE_H
#define VEDETTE_TESTS_HUB_EXCHANGE_H

#include "tests/hub/live_messages.h"

/*
 * Plays `text` against the hub, which must be running, and fails the test with `name` and the place where what came was
 * not what the text says. Words, apart by spaces:
 *
 *   open          a TLS connection
 *   login         the same, and dev1's CONNECT with CleanSession 1, which must be accepted
 *   other         from here on the second client speaks; once more: the first
 *   > bytes       the client sends them
 *   < bytes       the hub must send exactly these next
 *   alive         PINGREQ is answered by PINGRESP, and nothing comes before it
 *   end           the hub closes and sends nothing before
 *   end-after:MS  the same, and not earlier than so long after the last bytes that were sent
 *   leave         the client closes without a word
 *   records:N     the event log took exactly N messages since the exchange began
 *   bodies:TEXT   their bodies, one behind the other
 *   bag:TEXT      the properties of the last of them
 *   called        a call of a method of dev1 arrives as one PUBLISH at QoS 0, and its answer at the caller
 *   called-in-order  two calls arrive in the order in which they were made, and are answered
 *   uncalled      a call of a method of dev1 finds no one
 *   message:X     a back end sends dev1 a message, whose body is one character
 *   given:X       it comes, at QoS 1 and with DUP 0, under a packet id that no other has that was not acknowledged
 *   again:X       it comes with DUP 1 and the same packet id
 *   taken:X       the client acknowledges it
 *   settled       no message waits for dev1 or is on its way
 *   @FILE TEST    not played: tests/hub/FILE has a test of that name
 *
 * Bytes are hexadecimal digits in upper case, 'texts', (a field behind its length in 16 bits), [what follows a fixed
 * header, behind its remaining length], user:ID and token:ID, which log the device in.
 */
void exchange_play(struct live_hub *hub, const char *name, const char *text);

#endif
