/* SPDX-License-Identifier: MIT */
/* The whole agent on a real interface: what the hub got equals, byte for byte, what was sent. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/agent/traffic.h"

static void print_flow(const char *what, const struct decode_flow *flow)
{
    print_message(
        "%s ipv6=%d protocol=%d local_port=%u remote_port=%u in=%llu (%llu) out=%llu (%llu)\n",
        what, flow->ipv6, (int)flow->protocol, (unsigned)flow->local_port,
        (unsigned)flow->remote_port, (unsigned long long)flow->bytes_in,
        (unsigned long long)flow->packets_in, (unsigned long long)flow->bytes_out,
        (unsigned long long)flow->packets_out);
}

/* Besides what we sent the kernel itself reports its multicast groups: ICMP to ff02::. */
static bool is_kernels_own(const struct decode_flow *flow)
{
    return flow->ipv6 && flow->protocol == DECODE_ICMP && flow->remote[0] == 0xff;
}

static void check_flows(const struct agent_fixture *f)
{
    unsigned own = 0;

    for (unsigned i = 0; i < f->expected_count; i++) {
        const struct decode_flow *got = decode_find(&f->sum, &f->expected[i]);

        print_flow("expected", &f->expected[i]);
        assert_non_null(got);
        print_flow("     got", got);
        assert_int_equal(got->bytes_in, f->expected[i].bytes_in);
        assert_int_equal(got->bytes_out, f->expected[i].bytes_out);
        assert_int_equal(got->packets_in, f->expected[i].packets_in);
        assert_int_equal(got->packets_out, f->expected[i].packets_out);
    }
    for (unsigned i = 0; i < f->sum.flow_count; i++) {
        if (is_kernels_own(&f->sum.flows[i])) {
            own++;
        }
    }
    assert_int_equal(f->sum.flow_count, f->expected_count + own);
}

static void close_all(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        close(fds[i]);
    }
}

static void test_agent__counts_exactly(void **state)
{
    struct agent_fixture *f = *state;
    int ends[8];

    agent_start(f, "1");
    traffic_udp(f, false, 5000);
    traffic_icmp(f, false);
    traffic_tcp(f, false, 6000, 300000, 1000, &ends[0]);
    agent_await_messages(f, 1); /* so that the flows come in more than one message */
    traffic_udp(f, true, 5000);
    traffic_icmp(f, true);
    traffic_tcp(f, true, 6000, 10, 500000, &ends[2]);
    traffic_tcp(f, false, 6010, 0, 0, &ends[4]);
    agent_await_messages(f, 2);
    traffic_udp(f, false, 5010);
    traffic_tcp(f, true, 6020, 70000, 70000, &ends[6]);
    traffic_broadcast();
    agent_stop(f);
    close_all(ends, 8);
    check_flows(f);
    assert_string_equal(f->sum.module_id, "module-7");
    assert_int_equal(f->sum.heartbeat, 2); /* the first, and one with the last message */
    assert_int_equal(f->sum.system, 2);
    assert_true(strlen(f->sum.kernel) > 0 && strlen(f->sum.hw) > 0);
    assert_true(f->sum.network >= 2);
    assert_true(hub_server_connection(f->hub, 0).disconnected);
    assert_false(temporary_count(f->log_path, HUB_SERVER_KEY));
    assert_false(temporary_count(f->log_path, "SharedAccessSignature"));
    assert_false(temporary_count(f->log_path, "event=capture_dropped"));
}

/* The hub drops the connection instead of acknowledging, twice: nothing is missing or doubled. */
static void test_agent__loses_nothing_when_the_hub_does_not_acknowledge(void **state)
{
    struct agent_fixture *f = *state;

    hub_server_set(f->hub, HUB_SERVER_DROP_PUBLISH, 0);
    agent_start(f, "1");
    traffic_udp(f, false, 5000);
    agent_await_messages(f, 2);
    traffic_udp(f, false, 5010);
    hub_server_set(f->hub, HUB_SERVER_NORMAL, 0);
    temporary_await(f->log_path, "event=message_delivered");
    traffic_udp(f, true, 5020);
    agent_stop(f);
    check_flows(f);
    assert_true(f->sum.repeated > 0);
}

/* With an interval that never ends, all goes out at the end. */
static void test_agent__sends_what_it_has_when_stopped(void **state)
{
    struct agent_fixture *f = *state;

    agent_start(f, "100000");
    traffic_udp(f, false, 5000);
    assert_int_equal(hub_server_messages(f->hub), 0);
    agent_stop(f);
    check_flows(f);
}

/* Its twin turns collectors off, and allows a flow that is then counted and not reported. */
static void test_agent__takes_its_settings_from_its_twin(void **state)
{
    struct agent_fixture *f = *state;
    char report[HUB_SERVER_TEXT_BYTES];

    hub_server_twin(f->hub, 200,
        "{\"desired\":{\"vedette\":{\"lowPriorityInterval\":77,\"collectors\":{\"heartbeat\":false,"
        "\"systemInformation\":false},\"allow\":[{\"remote\":\"" NAMESPACE_PEER_V4
        "\",\"port\":5001,\"protocol\":\"udp\"}]},\"$version\":3},\"reported\":{}}");
    agent_start(f, "100000");
    temporary_await(f->log_path, "event=twin_applied version=3");
    traffic_udp(f, false, 5000);
    f->expected_count = 0; /* allowed */
    traffic_udp(f, true, 5000);
    traffic_udp(f, false, 5010);
    while (hub_server_reports(f->hub) == 0) {
        poll(NULL, 0, 5);
    }
    agent_stop(f);
    check_flows(f);
    assert_int_equal(f->sum.heartbeat, 0);
    assert_int_equal(f->sum.system, 0);
    assert_true(temporary_count(f->log_path, "event=agent_stopped packets="));
    assert_false(temporary_count(f->log_path, " withheld=0 "));
    hub_server_report(f->hub, report);
    assert_non_null(strstr(report, "\"status\":\"ok\""));
    assert_non_null(strstr(report, "\"lowPriorityInterval\":77,"));
}

/* Without a hub it stops all the same, and soon. */
static void test_agent__stops_without_a_hub(void **state)
{
    struct agent_fixture *f = *state;
    struct timespec start, end;

    agent_start(f, "1");
    hub_server_set(f->hub, HUB_SERVER_SILENT_TLS, 0);
    hub_server_drop(f->hub);
    temporary_await(f->log_path, "event=hub_lost");
    traffic_udp(f, false, 5000);
    clock_gettime(CLOCK_MONOTONIC, &start);
    assert_int_equal(kill(f->agent, SIGINT), 0);
    assert_int_equal(agent_status(f->agent), 0);
    f->agent = 0;
    clock_gettime(CLOCK_MONOTONIC, &end);
    assert_in_range(end.tv_sec - start.tv_sec, 0, 10);
    assert_true(temporary_count(f->log_path, "event=stopped_unsent"));
}

/* More flows than a small device has room for. */
static void test_agent__counts_many_flows(void **state)
{
    enum {
        FLOWS = 200
    };
    struct agent_fixture *f = *state;
    socklen_t size;
    struct sockaddr_storage a = traffic_address(false, false, 5001, &size);
    int device;
    unsigned found = 0;

    traffic_udp(
        f, false, 5000); /* so that the kernel knows where the peer is, and holds nothing back */
    device = traffic_socket(false, true, SOCK_DGRAM, 0, 5000);
    agent_start(f, "100000");
    for (unsigned i = 0; i < FLOWS; i++) {
        ((struct sockaddr_in *)&a)->sin_port = htons((uint16_t)(6000 + i));
        assert_int_equal(sendto(device, "xy", 2, 0, (struct sockaddr *)&a, size), 2);
    }
    agent_stop(f);
    close(device);
    for (unsigned i = 0; i < f->sum.flow_count; i++) {
        const struct decode_flow *flow = &f->sum.flows[i];

        found += flow->protocol == DECODE_UDP && flow->local_port == 5000 &&
            flow->packets_out == 1 && flow->bytes_out == 8 + 2;
    }
    print_message("found %u of %u flows, overflowed %llu, messages %u\n", found, f->sum.flow_count,
        (unsigned long long)f->sum.ledger.overflowed, hub_server_messages(f->hub));
    assert_int_equal(f->sum.ledger.overflowed, 0);
    assert_int_equal(found, FLOWS);
}

/* While the agent stands still the kernel's room for packets runs over: what it drops passed the
   interface all the same, and the ledger says so. */
static void test_agent__tells_what_the_kernel_dropped(void **state)
{
    enum {
        SENT = 40000
    };
    struct agent_fixture *f = *state;
    struct decode_flow flow = {.protocol = DECODE_UDP, .local_port = 5000, .remote_port = 5001};
    const struct decode_flow *got;
    int fd = traffic_socket(false, true, SOCK_DGRAM, 0, 5000);
    socklen_t size;
    struct sockaddr_storage a = traffic_address(false, false, 5001, &size);

    agent_start(f, "100000");
    assert_int_equal(kill(f->agent, SIGSTOP), 0);
    for (unsigned i = 0; i < SENT; i++) {
        assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&a, size), 1);
    }
    assert_int_equal(kill(f->agent, SIGCONT), 0);
    agent_stop(f);
    close(fd);
    assert_int_equal(inet_pton(AF_INET, NAMESPACE_DEVICE_V4, flow.local), 1);
    assert_int_equal(inet_pton(AF_INET, NAMESPACE_PEER_V4, flow.remote), 1);
    got = decode_find(&f->sum, &flow);
    assert_non_null(got);
    print_message("counted %llu overflowed %llu seen %llu\n", (unsigned long long)got->packets_out,
        (unsigned long long)f->sum.ledger.overflowed, (unsigned long long)f->sum.ledger.seen);
    assert_true(got->packets_out > 0 && got->packets_out < SENT);
    /* Besides ours a few packets of the peer's and of IPv6's own may be among the dropped. */
    assert_in_range(got->packets_out + f->sum.ledger.overflowed, SENT, SENT + 40);
    assert_in_range(f->sum.ledger.seen, SENT, SENT + 60);
    assert_true(temporary_count(f->log_path, "event=capture_dropped"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AGENT_TEST(test_agent__counts_exactly),
        {"test_agent__counts_exactly (socket)", test_agent__counts_exactly, agent_setup_socket,
            agent_teardown, NULL},
        AGENT_TEST(test_agent__counts_many_flows),
        AGENT_TEST(test_agent__tells_what_the_kernel_dropped),
        AGENT_TEST(test_agent__loses_nothing_when_the_hub_does_not_acknowledge),
        AGENT_TEST(test_agent__sends_what_it_has_when_stopped),
        AGENT_TEST(test_agent__takes_its_settings_from_its_twin),
        AGENT_TEST(test_agent__stops_without_a_hub),
    };

    if (!namespaces_enter(&traffic_namespaces)) {
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
