/* SPDX-License-Identifier: MIT */
/* The device's measured paths, one a run: each under a function that callgrind's --toggle-collect names. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/device/workload.h"

static struct asc_module m;
static struct workload_packet packet;

void measured_packet(struct asc_module *module, enum asc_direction direction, enum asc_cast cast,
    const struct asc_segment *segment);
void measured_message(void);

/* What is measured, and nothing else: not inlined, so that it has a name. */
__attribute__((noinline)) void measured_packet(struct asc_module *module,
    enum asc_direction direction, enum asc_cast cast, const struct asc_segment *segment)
{
    asc_module_packet(module, direction, cast, segment);
}

__attribute__((noinline)) void measured_message(void)
{
    (void)asc_module_step(&m);
}

/* What one run measures: WHAT FAMILY DIRECTION SET FLOWS. */
struct measurement {
    const char *what;
    bool ipv6;
    enum asc_direction direction;
    enum workload_set set;
    unsigned flows;
};

static void give(const struct measurement *of, unsigned flow)
{
    workload_packet(&packet, of->set, of->ipv6, of->direction, flow);
    measured_packet(&m, of->direction, ASC_UNICAST, &packet.segment);
}

/* A packet of each flow of tables that hold them all. */
static unsigned known(const struct measurement *of)
{
    for (unsigned i = 0; i < WORKLOAD_TABLES; i++) {
        if (!workload_start(&m)) {
            return 0;
        }
        workload_fill(&m, of->set, of->ipv6, of->flows);
        for (unsigned flow = 0; flow < of->flows; flow++) {
            give(of, flow);
        }
    }
    return WORKLOAD_TABLES * of->flows;
}

/* A packet of the deepest flow of the longest chain. */
static unsigned deepest(const struct measurement *of)
{
    for (unsigned i = 0; i < WORKLOAD_TABLES; i++) {
        if (!workload_start(&m)) {
            return 0;
        }
        give(of, workload_fill_chain(&m, of->ipv6));
    }
    return WORKLOAD_TABLES;
}

/* First packets of flows. */
static unsigned new_flows(const struct measurement *of)
{
    for (unsigned i = 0; i < WORKLOAD_TABLES; i++) {
        if (!workload_start(&m)) {
            return 0;
        }
        for (unsigned flow = 0; flow < of->flows; flow++) {
            give(of, flow);
        }
    }
    return WORKLOAD_TABLES * of->flows;
}

/* First packets of flows for which the table has no room. */
static unsigned overflowing(const struct measurement *of)
{
    for (unsigned i = 0; i < WORKLOAD_TABLES; i++) {
        if (!workload_start(&m)) {
            return 0;
        }
        workload_fill(&m, of->set, of->ipv6, WORKLOAD_FLOWS);
        for (unsigned flow = 0; flow < of->flows; flow++) {
            give(of, WORKLOAD_FLOWS + flow);
        }
    }
    return WORKLOAD_TABLES * of->flows;
}

/* Fills tables with ever new keys; returns how many of 10,000 flows found no room. */
static unsigned lost(const struct measurement *of)
{
    const unsigned tables = 20 * WORKLOAD_TABLES;
    uint64_t overflowed = 0;

    for (unsigned i = 0; i < tables; i++) {
        if (!workload_start(&m)) {
            return UINT32_MAX;
        }
        workload_fill(&m, of->set, of->ipv6, of->flows);
        overflowed += asc_module_counters(&m).packets_overflowed;
    }
    return (unsigned)(overflowed * 10000 / (tables * of->flows));
}

/* Messages with flows, collected and encoded. */
static unsigned messages(const struct measurement *of)
{
    for (unsigned i = 0; i < WORKLOAD_TABLES; i++) {
        workload_fill(&m, of->set, of->ipv6, of->flows);
        workload_pass_interval();
        measured_message();
    }
    return WORKLOAD_TABLES;
}

static unsigned measure(const struct measurement *of)
{
    static const struct {
        const char *what;
        unsigned (*measure)(const struct measurement *of);
    } measurements[] = {{"known", known}, {"deepest", deepest}, {"new", new_flows},
        {"overflow", overflowing}, {"encode", messages}};

    for (size_t i = 0; i < sizeof measurements / sizeof measurements[0]; i++) {
        if (strcmp(of->what, measurements[i].what) == 0) {
            return measurements[i].measure(of);
        }
    }
    return 0;
}

/* Reads WHAT FAMILY DIRECTION SET FLOWS from five words. */
static bool read_measurement(char **word, struct measurement *of)
{
    unsigned set = 0;

    while (set < WORKLOAD_SET_COUNT &&
        strcmp(word[3], workload_set_name((enum workload_set)set)) != 0) {
        set++;
    }
    of->what = word[0];
    of->ipv6 = strcmp(word[1], "ipv6") == 0;
    of->direction = strcmp(word[2], "in") == 0 ? ASC_IN : ASC_OUT;
    of->set = (enum workload_set)set;
    of->flows = (unsigned)strtoul(word[4], NULL, 10);
    return set < WORKLOAD_SET_COUNT && of->flows >= 1 && of->flows <= WORKLOAD_FLOWS;
}

/* Packets were counted; only those that should be are too many. */
static bool as_meant(const struct measurement *of)
{
    const struct asc_counters counters = asc_module_counters(&m);
    const bool overflow = strcmp(of->what, "overflow") == 0;

    return counters.packets_counted > 0 && (counters.packets_overflowed > 0 || !overflow) &&
        counters.packets_counted + counters.packets_overflowed ==
        asc_counters_packets_seen(&counters);
}

/* Prints how many packets or messages were measured; for `lost`, what it returns. */
int main(int argc, char **argv)
{
    struct measurement of;
    unsigned result;

    if (argc != 6 || !read_measurement(argv + 1, &of)) {
        fprintf(stderr,
            "usage: bench_device known|deepest|new|overflow|encode|lost ipv4|ipv6 "
            "in|out SET FLOWS\n");
        return 2;
    }
    if (strcmp(of.what, "lost") == 0) {
        printf("%u\n", lost(&of));
        return 0;
    }
    result = workload_start(&m) ? measure(&of) : 0;
    if (result == 0 || !as_meant(&of)) {
        fprintf(stderr, "bench_device: the packets did not go where they should\n");
        return 2;
    }
    printf("%u\n", result);
    return 0;
}
