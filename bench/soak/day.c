/* SPDX-License-Identifier: MIT */
/* The day of a fleet: outages of a fifth of it, bursts, and now and then an address that is on the list of bad ones. */

#include "bench/soak/fleet.h"

#define HOUR_S 3600
/* Every other hour, from half past on. */
#define OUTAGE_EVERY_S (2 * HOUR_S)
#define OUTAGE_AT_S    (HOUR_S / 2)
#define OUTAGE_S       600
#define OUTAGE_PARTS   5u
/* Every third hour a tenth of the fleet talks to many. */
#define BURST_EVERY_S (3 * HOUR_S)
#define BURST_AT_S    (2 * HOUR_S)
#define BURST_S       1200
#define BURST_PARTS   10u
#define BURST_FLOWS   40u
#define QUIET_FLOWS   4u
/* Of a day of at least eight hours, the seventh. */
#define RECEIVER_FAILS_S (6 * HOUR_S)
/* Flows of a device are among so many; number BAD_FLOW of all is 32.0.250.x (bench/device/workload.c). */
#define KNOWN_FLOWS 200u
#define BAD_FLOW    250u
#define BAD_ONE_IN  400u

int64_t day_outage_end_s(unsigned number, int64_t at_s)
{
    const int64_t since = at_s % OUTAGE_EVERY_S - OUTAGE_AT_S;

    if (since < 0 || since >= OUTAGE_S ||
        number % OUTAGE_PARTS != (unsigned)(at_s / OUTAGE_EVERY_S) % OUTAGE_PARTS) {
        return 0;
    }
    return at_s + OUTAGE_S - since;
}

bool day_receiver_fails(int64_t at_s)
{
    return at_s >= RECEIVER_FAILS_S && at_s < RECEIVER_FAILS_S + HOUR_S;
}

unsigned day_flows(struct device *d, int64_t at_s)
{
    const int64_t since = at_s % BURST_EVERY_S - BURST_AT_S;
    const bool is_burst = since >= 0 && since < BURST_S &&
        d->number % BURST_PARTS == (unsigned)(at_s / BURST_EVERY_S) % BURST_PARTS;

    return is_burst ? BURST_FLOWS : 1 + day_random(d, QUIET_FLOWS);
}

unsigned day_first_flow(struct device *d)
{
    return day_random(d, BAD_ONE_IN) == 0 ? BAD_FLOW : day_random(d, KNOWN_FLOWS);
}

unsigned day_random(struct device *d, unsigned bound)
{
    d->random = d->random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((d->random >> 33) % bound);
}
