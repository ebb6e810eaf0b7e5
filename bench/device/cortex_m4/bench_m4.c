/* SPDX-License-Identifier: MIT */
/* The device's figures on a Cortex-M4: instructions of a packet and of a message, by SysTick. */

#include "bench/device/cortex_m4/counter.h"
#include "bench/device/workload.h"
#include "tests/firmware/mps2/board.h"

int main(void);

/* How often the packets of one table are given: what is measured is long, so that a tick is little. */
#define REPEATS 10u

typedef void packet_function(struct asc_module *m, enum asc_direction direction, enum asc_cast cast,
    const struct asc_segment *segment);

static struct asc_module m;
static struct workload_packet packets[WORKLOAD_FLOWS];

/* --- Output ------------------------------------------------------------------------------------- */

static void write_number(uint32_t number)
{
    char text[11];
    char *digit = text + sizeof text - 1;

    *digit = '\0';
    do {
        *--digit = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    uart_write(digit);
}

/* What one figure is of; the line's name is its parts, as bench_device.c has them. */
struct measurement {
    const char *what;
    bool ipv6;
    enum asc_direction direction;
    enum workload_set set;
    unsigned flows;
};

/* A line of NAME VALUE: `instructions` of `times` of a thing, rounded up. */
static void report(const struct measurement *of, uint32_t instructions, uint32_t times)
{
    uart_write(of->what);
    uart_write(of->ipv6 ? ".ipv6." : ".ipv4.");
    uart_write(of->direction == ASC_IN ? "in." : "out.");
    uart_write(workload_set_name(of->set));
    uart_write(".");
    write_number(of->flows);
    uart_write(" ");
    write_number((instructions + times - 1) / times);
    uart_write("\n");
}

static void fail(const char *what)
{
    uart_write("failed: ");
    uart_write(what);
    uart_write("\n");
    counter_exit(1);
}

/* --- Packets ------------------------------------------------------------------------------------ */

/* What the loop and the call cost without the module. */
__attribute__((noinline)) static void nothing(struct asc_module *module,
    enum asc_direction direction, enum asc_cast cast, const struct asc_segment *segment)
{
    __asm__ volatile("" : : "r"(module), "r"(direction), "r"(cast), "r"(segment));
}

/* Instructions of `function` with the first `count` packets, `repeats` times. */
__attribute__((noinline)) static uint32_t run(
    packet_function *function, unsigned count, unsigned repeats)
{
    const uint32_t from = counter_ticks();

    for (unsigned r = 0; r < repeats; r++) {
        for (unsigned i = 0; i < count; i++) {
            function(&m, packets[i].direction, ASC_UNICAST, &packets[i].segment);
        }
    }
    return counter_instructions(from, counter_ticks());
}

/* Instructions of the module alone, its return included; without the loop and the call. */
static uint32_t measured(unsigned count, unsigned repeats)
{
    const uint32_t returns = count * repeats;
    const uint32_t empty = run(nothing, count, repeats) - returns;

    return run(asc_module_packet, count, repeats) - empty;
}

/* Starts with empty tables, and makes the packets of the flows from number `first` on. */
static void start(const struct measurement *of, unsigned first)
{
    if (!workload_start(&m)) {
        fail("the module does not start");
    }
    for (unsigned i = 0; i < of->flows; i++) {
        workload_packet(&packets[i], of->set, of->ipv6, of->direction, first + i);
    }
}

/* Each packet went to its flow; a few flows may find no room in their chain. */
static void must_be_counted(uint32_t given)
{
    const struct asc_counters counters = asc_module_counters(&m);

    if (counters.packets_counted == 0 ||
        counters.packets_counted + counters.packets_overflowed != given ||
        asc_counters_packets_seen(&counters) != given) {
        fail("packets were not counted in their flows");
    }
}

/* Packets of flows that are in the table. */
static void known(const struct measurement *of)
{
    uint32_t sum = 0;

    for (unsigned t = 0; t < WORKLOAD_TABLES; t++) {
        start(of, 0);
        workload_fill(&m, of->set, of->ipv6, of->flows);
        sum += measured(of->flows, REPEATS);
        must_be_counted(of->flows + of->flows * REPEATS);
    }
    report(of, sum, WORKLOAD_TABLES * of->flows * REPEATS);
}

/* The deepest flow of the longest chain. */
static void deepest(const struct measurement *of)
{
    uint32_t sum = 0;

    for (unsigned t = 0; t < WORKLOAD_TABLES; t++) {
        start(of, 0);
        workload_packet(
            &packets[0], of->set, of->ipv6, of->direction, workload_fill_chain(&m, of->ipv6));
        sum += measured(1, REPEATS);
        must_be_counted(WORKLOAD_CHAIN + REPEATS);
    }
    report(of, sum, WORKLOAD_TABLES * REPEATS);
}

static void new_flows(const struct measurement *of)
{
    uint32_t sum = 0;

    for (unsigned t = 0; t < WORKLOAD_TABLES; t++) {
        start(of, 0);
        sum += measured(of->flows, 1);
        must_be_counted(of->flows);
    }
    report(of, sum, WORKLOAD_TABLES * of->flows);
}

/* Flows for which the full table has no room. */
static void overflowing(const struct measurement *of)
{
    uint32_t sum = 0;

    for (unsigned t = 0; t < WORKLOAD_TABLES; t++) {
        start(of, WORKLOAD_FLOWS);
        workload_fill(&m, of->set, of->ipv6, WORKLOAD_FLOWS);
        sum += measured(of->flows, 1);
        must_be_counted(WORKLOAD_FLOWS + of->flows);
    }
    report(of, sum, WORKLOAD_TABLES * of->flows);
}

/* --- Messages ----------------------------------------------------------------------------------- */

/* Collects, encodes and sends flows. */
static void messages(const struct measurement *of)
{
    uint32_t sum = 0;

    if (!workload_start(&m)) {
        fail("the module does not start");
    }
    for (unsigned t = 0; t < WORKLOAD_TABLES; t++) {
        uint32_t from;
        uint32_t length;

        workload_fill(&m, of->set, of->ipv6, of->flows);
        workload_pass_interval();
        from = counter_ticks();
        (void)asc_module_step(&m);
        sum += counter_instructions(from, counter_ticks());
        (void)workload_message(&length);
        if (length < 24 * of->flows) {
            fail("the message does not hold the flows");
        }
    }
    report(of, sum, WORKLOAD_TABLES);
}

/* --- All of it ---------------------------------------------------------------------------------- */

/* The counter counts instructions, or nothing here means anything. */
static void check_counter(void)
{
    const uint32_t from = counter_ticks();
    uint32_t counted;

    counter_known_sequence();
    counted = counter_instructions(from, counter_ticks());
    if (counted + COUNTER_TICK_INSTRUCTIONS < COUNTER_KNOWN_INSTRUCTIONS ||
        counted > COUNTER_KNOWN_INSTRUCTIONS + 2 * COUNTER_TICK_INSTRUCTIONS) {
        write_number(counted);
        uart_write(" counted\n");
        fail("SysTick does not count instructions: is -icount shift=0 missing?");
    }
}

static void all_known(bool ipv6, enum asc_direction direction)
{
    const struct measurement one = {"known", ipv6, direction, WORKLOAD_MIXED, 1};

    known(&one);
    for (int set = 0; set < WORKLOAD_SET_COUNT; set++) {
        const struct measurement full = {
            "known", ipv6, direction, (enum workload_set)set, WORKLOAD_FLOWS};

        known(&full);
    }
}

static void all_of(bool ipv6)
{
    const struct measurement last = {"deepest", ipv6, ASC_OUT, WORKLOAD_MIXED, 1};
    const struct measurement full = {"", ipv6, ASC_OUT, WORKLOAD_MIXED, WORKLOAD_FLOWS};
    const struct measurement one = {"encode", ipv6, ASC_OUT, WORKLOAD_MIXED, 1};
    struct measurement of = full;

    all_known(ipv6, ASC_IN);
    all_known(ipv6, ASC_OUT);
    deepest(&last);
    of.what = "new";
    new_flows(&of);
    of.what = "overflow";
    overflowing(&of);
    messages(&one);
}

int main(void)
{
    const struct measurement message = {"encode", false, ASC_OUT, WORKLOAD_MIXED, WORKLOAD_FLOWS};

    uart_init();
    counter_init();
    check_counter();
    all_of(false);
    all_of(true);
    messages(&message);
    counter_exit(0);
    return 0;
}
