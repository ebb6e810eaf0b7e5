/* SPDX-License-Identifier: MIT */
/* Two processes, each with Debian's lwIP and the module on it, over a socket pair: every byte counts once. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "azure_iot_security_module/ports/lwip/asc_lwip_capture.h"
#include "azure_iot_security_module/ports/lwip/asc_lwip_system.h"
#include "tests/device/device_test.h"
#include "tests/device/message_check.h"
#include "tests/lwip/lwip_frame.h"
#include "tests/lwip/lwip_traffic.h"
#include "tests/lwip/lwip_wire.h"

#define UNICAST_ONLY ASC_COLLECTOR_NETWORK_ACTIVITY_CAPTURE_UNICAST_ONLY
#define HOST         1
#define PEER         2
#define MESSAGES_MAX 64
/* Enough for many full segments each way. */
#define TCP_BYTES 60000u

/* One side: a stack, its wire, and the module. */
struct side {
    struct wire wire;
    struct asc_lwip_netif hook;
    struct asc_lwip_system system;
    struct asc_module module;
    uint32_t leaps_ms; /* of the module's clock */
    unsigned messages;
    uint32_t length[MESSAGES_MAX];
    uint8_t message[MESSAGES_MAX][ASC_MESSAGE_BYTES];
};

static struct side side;

/* --- The module's side -------------------------------------------------------------------------- */

static bool side_random(void *user, uint8_t *out, size_t length)
{
    (void)user;
    return getrandom(out, length, 0) == (ssize_t)length;
}

static enum asc_send_result side_send(void *sender, const uint8_t *message, uint32_t length)
{
    struct side *s = sender;

    if (s->messages == MESSAGES_MAX) {
        return ASC_SEND_RETRY;
    }
    s->length[s->messages] = length;
    memcpy(s->message[s->messages++], message, length);
    return ASC_SEND_DONE;
}

static uint32_t side_uptime(void *context)
{
    return asc_lwip_port.uptime_ms(context) + side.leaps_ms;
}

/* Starts everything; false if it cannot. */
static bool side_start(int fd, uint8_t host)
{
    static struct asc_port port;
    const struct asc_settings settings = device_settings();

    port = asc_lwip_port;
    port.uptime_ms = side_uptime;
    side.system.random = side_random;
    side.system.send = side_send;
    side.system.sender = &side;
    side.system.hw = "a socket pair";
    wire_start(&side.wire, fd, host, UNICAST_ONLY);
    if (asc_module_init(&side.module, &port, &side.system, &settings) != ASC_OK ||
        asc_module_enable(&side.module) != ASC_OK) {
        return false;
    }
    asc_module_connected(&side.module, true);
    LOCK_TCPIP_CORE();
    const err_t result = asc_lwip_attach(&side.hook, &side.wire.netif, &side.module);
    UNLOCK_TCPIP_CORE();
    wire_up(&side.wire);
    traffic_serve();
    return result == ERR_OK;
}

/* --- The comparison ----------------------------------------------------------------------------- */

static void say_flow(const char *what, const struct tally_flow *flow)
{
    fprintf(stderr,
        "host %d: %s: %s protocol %d, ports %d %d; in %u packets, %u bytes; out %u, %u; opened by %d\n",
        side.wire.host, what, flow->ipv6 ? "IPv6" : "IPv4", flow->protocol, flow->local_port,
        flow->remote_port, flow->packets[0], flow->bytes[0], flow->packets[1], flow->bytes[1],
        flow->opened_by);
}

/* Takes `part` off the flow that the wire saw; false if there is more in it. */
static bool take_part(struct tally_flow *flow, const struct tally_flow *part)
{
    for (unsigned way = 0; way < 2; way++) {
        if (part->bytes[way] > flow->bytes[way] || part->packets[way] > flow->packets[way]) {
            return false;
        }
        flow->bytes[way] -= part->bytes[way];
        flow->packets[way] -= part->packets[way];
    }
    if (part->opened_by != 0 && part->opened_by != flow->opened_by) {
        return false;
    }
    return true;
}

/* Takes the flows of a message off the tally; false where the tally does not have them. Notes in
 * `told` which flows' openers it tells. */
static bool take_off(
    struct tally *tally, const struct check_message *message, bool told[TALLY_FLOWS_MAX])
{
    for (unsigned i = 0; i < message->flows; i++) {
        const struct check_flow *f = &message->flow[i];
        struct tally_flow like = {.ipv6 = f->ipv6,
            .protocol = f->protocol,
            .local_port = f->local_port,
            .remote_port = f->remote_port,
            .packets = {f->packets_in, f->packets_out},
            .bytes = {f->bytes_in, f->bytes_out},
            .opened_by = f->opened_by};
        struct tally_flow *flow;

        memcpy(like.local, f->local, f->ipv6 ? 16 : 4);
        memcpy(like.remote, f->remote, f->ipv6 ? 16 : 4);
        flow = tally_find(tally, &like);
        if (flow == NULL || !take_part(flow, &like)) {
            say_flow("wrong in a message", &like);
            return false;
        }
        told[flow - tally->flow] = told[flow - tally->flow] || f->opened_by != 0;
    }
    return true;
}

static bool ledger_matches(const struct tally *tally, const uint64_t sum[CHECK_LEDGER_WORDS])
{
    if (sum[CHECK_PACKETS_COUNTED] == tally->counted &&
        sum[CHECK_PACKETS_OVERFLOWED] == tally->overflowed &&
        sum[CHECK_PACKETS_MALFORMED] == tally->malformed &&
        sum[CHECK_PACKETS_SEEN] ==
            tally->counted + tally->overflowed + tally->malformed + tally->ignored) {
        return true;
    }
    fprintf(stderr, "host %d: ledgers: seen %u, counted %u\n", side.wire.host,
        (unsigned)sum[CHECK_PACKETS_SEEN], (unsigned)sum[CHECK_PACKETS_COUNTED]);
    return false;
}

/* Whether the messages tell of all of the tally, and of nothing else. */
static bool messages_match(struct tally *tally)
{
    static struct check_message message;
    bool told[TALLY_FLOWS_MAX] = {false};
    uint64_t ledger[CHECK_LEDGER_WORDS] = {0};

    for (unsigned i = 0; i < side.messages; i++) {
        const char *wrong = check_message(side.message[i], side.length[i], &message);

        if (wrong != NULL) {
            fprintf(stderr, "host %d: message %u: %s\n", side.wire.host, i, wrong);
            return false;
        }
        if (!take_off(tally, &message, told)) {
            return false;
        }
        for (unsigned word = 0; word < CHECK_LEDGER_WORDS; word++) {
            ledger[word] += message.ledger[word];
        }
    }
    if (!ledger_matches(tally, ledger)) {
        return false;
    }
    for (unsigned i = 0; i < tally->flows; i++) {
        const struct tally_flow *flow = &tally->flow[i];

        if (flow->bytes[0] != 0 || flow->bytes[1] != 0 || flow->packets[0] != 0 ||
            flow->packets[1] != 0 || told[i] != (flow->opened_by != 0)) {
            say_flow("in no message", flow);
            return false;
        }
    }
    return true;
}

static bool counters_match(const struct tally *tally, const struct asc_counters *counters)
{
    if (counters->packets_counted == tally->counted &&
        counters->packets_ignored == tally->ignored &&
        counters->packets_malformed == tally->malformed &&
        counters->packets_overflowed == tally->overflowed) {
        return true;
    }
    fprintf(stderr,
        "host %d: counted %u, ignored %u, malformed %u, overflowed %u; on the wire %u, %u, %u, %u\n",
        side.wire.host, counters->packets_counted, counters->packets_ignored,
        counters->packets_malformed, counters->packets_overflowed, tally->counted, tally->ignored,
        tally->malformed, tally->overflowed);
    return false;
}

/* Holds the wire, lets the module send all it has, and compares it with what crossed the wire; `out` gets
 * the counts of the wire. */
static bool side_matches(struct tally *out)
{
    static struct tally tally;
    struct asc_counters counters;
    unsigned before;

    wire_hold(&side.wire);
    side.leaps_ms += 1000u * ASC_LOW_PRIORITY_INTERVAL;
    do {
        before = side.messages;
        (void)asc_module_step(&side.module);
    } while (side.messages != before);
    counters = asc_module_counters(&side.module);
    tally = side.wire.in;
    tally_merge(&tally, &side.wire.out);
    wire_resume(&side.wire);
    *out = tally;
    return counters_match(&tally, &counters) && messages_match(&tally);
}

/* --- The peer's process ------------------------------------------------------------------------- */

enum order {
    ORDER_TRAFFIC, /* to the host */
    ORDER_BAD_FRAMES,
    ORDER_CHECK,
    ORDER_END
};

/* Sends every cut of a few frames, and frames that are no IP. */
static void send_bad_frames(void)
{
    static const struct device_packet packets[] = {
        {4, .protocol = 6, .source = 0x0a090002, .destination = 0x0a090001, .source_port = 5},
        {4, .protocol = 17, .source = 0x0a090002, .destination = 0x0a090001, .option_words = 3},
        {6, .protocol = 58, .source = 1, .destination = 2, .extension = {{0, 8}}},
        {4, .protocol = 132, .source = 0x0a090002, .destination = 0x0a090001, .data_bytes = 30},
        {4, .protocol = 17, .source = 0x0a090002, .destination = 0x0a090001, .offset = 64,
            .identification = 99, .data_bytes = 40}};

    for (size_t i = 0; i < sizeof packets / sizeof packets[0]; i++) {
        for (enum frame_link link = FRAME_PLAIN; link <= FRAME_VLAN_ARP; link++) {
            uint8_t frame[FRAME_LINK_MAX + DEVICE_PACKET_MAX];
            const size_t at = frame_link(frame, link, FRAME_TO_HOST, packets[i].version);
            const size_t length = at + device_packet_build(frame + at, &packets[i]);

            for (size_t n = 1; n <= length; n++) {
                wire_inject(&side.wire, frame, n);
            }
        }
    }
}

static bool obey(enum order order)
{
    static struct tally tally;
    const char *wrong = NULL;

    if (order == ORDER_TRAFFIC) {
        wrong = traffic_to(HOST, TCP_BYTES);
        wire_mark(&side.wire);
    } else if (order == ORDER_BAD_FRAMES) {
        send_bad_frames();
        wire_mark(&side.wire);
    } else if (order == ORDER_CHECK) {
        return side_matches(&tally);
    }
    if (wrong != NULL) {
        fprintf(stderr, "peer: %s\n", wrong);
    }
    return wrong == NULL;
}

static void peer(int wire, int orders)
{
    uint8_t order = ORDER_END;

    if (!side_start(wire, PEER) || send(orders, &order, 1, MSG_NOSIGNAL) != 1) {
        _exit(1);
    }
    while (recv(orders, &order, 1, 0) == 1 && order != ORDER_END) {
        const uint8_t answer = obey(order);

        if (send(orders, &answer, 1, MSG_NOSIGNAL) != 1) {
            _exit(2);
        }
    }
    _exit(order == ORDER_END ? 0 : 3);
}

/* --- The tests, in the host's process ------------------------------------------------------------- */

static int orders_fd;

static bool order_peer(enum order order)
{
    const uint8_t what = (uint8_t)order;
    uint8_t answer = 0;

    return send(orders_fd, &what, 1, MSG_NOSIGNAL) == 1 && recv(orders_fd, &answer, 1, 0) == 1 &&
        answer == 1;
}

/* TCP connections that were opened by one side. */
static unsigned connections(const struct tally *tally, uint8_t opened_by)
{
    unsigned n = 0;

    for (unsigned i = 0; i < tally->flows; i++) {
        n += tally->flow[i].opened_by == opened_by;
    }
    return n;
}

static void test_two_processes__every_byte_is_counted_once(void **state)
{
    static struct tally tally;
    const char *wrong = traffic_to(PEER, TCP_BYTES);

    (void)state;
    if (wrong != NULL) {
        print_error("host: %s\n", wrong);
    }
    assert_null(wrong);
    /* lwIP hands it back itself: on no wire, and in no count. */
    assert_true(traffic_ping(HOST));
    assert_true(order_peer(ORDER_TRAFFIC));
    assert_true(wire_await(&side.wire, 1));
    assert_true(side_matches(&tally));
    assert_true(order_peer(ORDER_CHECK));
    /* What the comparison was about: each of these was on the wire. */
    assert_in_range(tally.flows, 12, 60);
    assert_true(tally.fragments > 10);
    assert_true(tally.groups > 5);
    assert_int_equal(tally.ignored, UNICAST_ONLY ? tally.groups : 0);
    assert_true(tally.counted > 2 * (TCP_BYTES / 1460));
    assert_int_equal(connections(&tally, 1), 2);
    assert_int_equal(connections(&tally, 2), 2);
    print_message("%u flows, %u packets, %u of them later fragments; %u came to groups\n",
        tally.flows, tally.counted, tally.fragments, tally.groups);
}

static void test_two_processes__bad_frames_are_counted_for_what_they_are(void **state)
{
    static struct tally tally;

    (void)state;
    assert_true(order_peer(ORDER_BAD_FRAMES));
    assert_true(wire_await(&side.wire, 2));
    assert_true(side_matches(&tally));
    assert_true(tally.malformed > 300);
    assert_true(tally.overflowed > 0);
    assert_null(traffic_to(PEER, 1000)); /* the stack has taken no harm */
    assert_true(side_matches(&tally));
}

static void test_two_processes__detached_the_network_goes_on_uncounted(void **state)
{
    static struct tally before, tally;

    (void)state;
    assert_true(side_matches(&before));
    LOCK_TCPIP_CORE();
    assert_true(asc_lwip_detach(&side.hook));
    UNLOCK_TCPIP_CORE();
    memset(&side.hook, 0xa5, sizeof side.hook);
    const struct asc_counters detached = asc_module_counters(&side.module);
    assert_null(traffic_to(PEER, 1000));
    const struct asc_counters after = asc_module_counters(&side.module);
    assert_int_equal(asc_counters_packets_seen(&after), asc_counters_packets_seen(&detached));
    /* From here on both count the same again, from where they are. */
    wire_hold(&side.wire);
    assert_int_equal(asc_lwip_attach(&side.hook, &side.wire.netif, &side.module), ERR_OK);
    before = side.wire.in;
    tally_merge(&before, &side.wire.out);
    wire_resume(&side.wire);
    assert_null(traffic_to(PEER, 1000));
    wire_hold(&side.wire);
    tally = side.wire.in;
    tally_merge(&tally, &side.wire.out);
    const struct asc_counters again = asc_module_counters(&side.module);
    wire_resume(&side.wire);
    assert_int_equal(again.packets_counted - after.packets_counted, tally.counted - before.counted);
    assert_int_equal(again.packets_ignored - after.packets_ignored, tally.ignored - before.ignored);
}

struct busy {
    atomic_bool done;
    const char *wrong;
};

static void *make_traffic(void *context)
{
    struct busy *busy = context;

    busy->wrong = traffic_to(PEER, TCP_BYTES);
    atomic_store(&busy->done, true);
    return NULL;
}

/* Drivers' threads may be within the hook while it goes: what they use must not be its memory. */
static void test_two_processes__attached_and_detached_while_packets_pass(void **state)
{
    struct busy busy = {.wrong = NULL};
    unsigned times = 0;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, make_traffic, &busy), 0);
    while (!atomic_load(&busy.done)) {
        LOCK_TCPIP_CORE();
        const bool detached = asc_lwip_detach(&side.hook);
        memset(&side.hook, 0xa5, sizeof side.hook);
        const err_t result = asc_lwip_attach(&side.hook, &side.wire.netif, &side.module);
        UNLOCK_TCPIP_CORE();
        assert_true(detached);
        assert_int_equal(result, ERR_OK);
        times++;
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    if (busy.wrong != NULL) {
        print_error("host: %s\n", busy.wrong);
    }
    assert_null(busy.wrong); /* not one datagram is lost */
    assert_true(times > 100);
    print_message("attached %u times\n", times);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_processes__every_byte_is_counted_once),
        cmocka_unit_test(test_two_processes__bad_frames_are_counted_for_what_they_are),
        cmocka_unit_test(test_two_processes__detached_the_network_goes_on_uncounted),
        cmocka_unit_test(test_two_processes__attached_and_detached_while_packets_pass),
    };
    int wires[2], orders[2];
    int failed, status;
    uint8_t ready;
    pid_t child;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, wires) != 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, orders) != 0) {
        return 1;
    }
    child = fork(); /* before any thread */
    if (child == 0) {
        close(wires[0]);
        close(orders[0]);
        peer(wires[1], orders[1]);
    }
    close(wires[1]);
    close(orders[1]);
    orders_fd = orders[0];
    /* The peer's first byte says that its servers are there. */
    if (child < 0 || !side_start(wires[0], HOST) || recv(orders_fd, &ready, 1, 0) != 1) {
        return 1;
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    failed += send(orders_fd, &(uint8_t){ORDER_END}, 1, MSG_NOSIGNAL) != 1;
    close(orders_fd);
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "the peer ended with status %d\n", status);
        failed++;
    }
    return failed != 0;
}
