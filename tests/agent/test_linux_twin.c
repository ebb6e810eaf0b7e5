/* SPDX-License-Identifier: MIT */
/* Tests of the twin on Linux: the conversation by itself, and over TLS with a hub that plays its part. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "azure_iot_security_module/ports/linux/asc_linux_hub.h"
#include "azure_iot_security_module/ports/linux/asc_linux_log.h"
#include "azure_iot_security_module/ports/linux/asc_linux_twin.h"
#include "tests/agent/certificates.h"
#include "tests/agent/hub_server.h"
#include "tests/device/device_test.h"

#define KEY     "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define WAIT_MS 20000

/* A hub, a connection to it, a module, and the module's twin. */
struct fixture {
    char ca_path[64];
    char log_path[64];
    int stderr_before;
    struct test_ca ca;
    SSL_CTX *context;
    struct hub_server *server;
    struct asc_linux_connection connection;
    struct asc_linux_hub_times times;
    asc_linux_hub *hub;
    unsigned delivered;
    struct device_port port;
    struct asc_module module;
    struct asc_twin twin;
    unsigned goal; /* of a wait */
};

static void on_connected(void *context, bool connected)
{
    (void)context;
    (void)connected;
}

static void on_sent(void *context, bool delivered)
{
    struct fixture *f = context;

    f->delivered += delivered;
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Runs the connection until `holds`; false: not within WAIT_MS. */
static bool run_until(struct fixture *f, bool (*holds)(struct fixture *))
{
    int64_t end = now_ms() + WAIT_MS;

    while (now_ms() < end) {
        struct pollfd p = {.fd = -1};
        uint32_t wait = asc_linux_hub_step(f->hub);

        if (holds(f)) {
            return true;
        }
        asc_linux_hub_poll(f->hub, &p.fd, &p.events);
        (void)poll(&p, 1, wait < 10 ? (int)wait : 10);
    }
    return holds(f);
}

static void temporary(char *path, size_t size, int *fd)
{
    snprintf(path, size, "/tmp/vedette-twin-XXXXXX");
    *fd = mkstemp(path);
    assert_true(*fd >= 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct asc_settings settings = device_settings();
    int fd;

    assert_non_null(f);
    temporary(f->ca_path, sizeof f->ca_path, &fd);
    close(fd);
    temporary(f->log_path, sizeof f->log_path, &fd);
    f->stderr_before = dup(STDERR_FILENO);
    assert_true(dup2(fd, STDERR_FILENO) >= 0);
    close(fd);
    f->ca = test_ca_new("test CA");
    test_ca_write(&f->ca, f->ca_path);
    f->context = test_server_context(&f->ca, "DNS:localhost", -3600, 3600);
    f->server = hub_server_start(f->context, "127.0.0.1");
    f->times = asc_linux_hub_times_default();
    f->times.retry_min_ms = 20;
    f->times.retry_max_ms = 160;
    device_start(&f->module, &f->port, &settings);
    asc_twin_init(&f->twin, &f->module);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    asc_linux_hub_free(f->hub);
    hub_server_stop(f->server);
    SSL_CTX_free(f->context);
    test_ca_release(&f->ca);
    dup2(f->stderr_before, STDERR_FILENO);
    close(f->stderr_before);
    unlink(f->ca_path);
    unlink(f->log_path);
    free(f);
    return 0;
}

static void start_hub(struct fixture *f)
{
    char text[300], error[ASC_LINUX_TLS_ERROR_BYTES];
    struct asc_linux_hub_options options = {.connection = &f->connection,
        .ca_file = f->ca_path,
        .times = f->times,
        .twin = &f->twin,
        .context = f,
        .connected = on_connected,
        .sent = on_sent};

    snprintf(text, sizeof text, "HostName=localhost:%u;DeviceId=d1;SharedAccessKey=" KEY,
        (unsigned)hub_server_port(f->server));
    assert_null(asc_linux_connection_parse(&f->connection, text));
    f->hub = asc_linux_hub_new(&options, error);
    assert_non_null(f->hub);
}

/* How often the log of this test holds `text`. */
static unsigned logged(const struct fixture *f, const char *text)
{
    static char log[1 << 20];
    int fd = open(f->log_path, O_RDONLY | O_CLOEXEC);
    unsigned count = 0;
    ssize_t n;

    assert_true(fd >= 0);
    n = read(fd, log, sizeof log - 1);
    close(fd);
    log[n > 0 ? n : 0] = '\0';
    for (const char *at = log; (at = strstr(at, text)) != NULL; at++) {
        count++;
    }
    return count;
}

static bool is_online(struct fixture *f)
{
    return asc_linux_hub_state(f->hub) == ASC_LINUX_HUB_ONLINE;
}

static bool reports_there(struct fixture *f)
{
    return hub_server_reports(f->server) == f->goal;
}

static bool reads_there(struct fixture *f)
{
    return hub_server_reads(f->server) >= f->goal;
}

static bool applied_there(struct fixture *f)
{
    return f->module.settings.high_interval_s == f->goal;
}

static bool connections_there(struct fixture *f)
{
    return hub_server_connections(f->server) >= f->goal && is_online(f);
}

static bool delivered_there(struct fixture *f)
{
    return f->delivered == f->goal;
}

static bool acknowledged_there(struct fixture *f)
{
    return hub_server_acknowledged(f->server) == f->goal;
}

static bool settled(struct fixture *f)
{
    return logged(f, "event=twin_none") + logged(f, "event=twin_left_out") > 0;
}

#define AWAIT(condition, number)                \
    do {                                        \
        f->goal = (number);                     \
        assert_true(run_until(f, (condition))); \
    } while (0)

static void deliver_one(struct fixture *f)
{
    AWAIT(connections_there, 1);
    f->delivered = 0;
    assert_true(asc_linux_hub_send(f->hub, (const uint8_t *)"telemetry", 9));
    AWAIT(delivered_there, 1);
}

static void assert_reported(struct fixture *f, const char *text)
{
    char report[HUB_SERVER_TEXT_BYTES];

    hub_server_report(f->server, report);
    if (strstr(report, text) == NULL) {
        print_message("%s\nlacks %s\n", report, text);
        fail();
    }
}

#define TWIN(interval, version)                                                                 \
    "{\"desired\":{\"vedette\":{\"highPriorityInterval\":" #interval "},\"$version\":" #version \
    "},\"reported\":{\"$version\":1}}"
#define PATCH(interval, version) \
    "{\"vedette\":{\"highPriorityInterval\":" #interval "},\"$version\":" #version "}"

/* --- Over TLS ------------------------------------------------------------------------------------- */

static void test_linux_twin__is_read_applied_and_reported(void **state)
{
    struct fixture *f = *state;

    hub_server_twin(f->server, 200, TWIN(21, 4));
    start_hub(f);
    AWAIT(reports_there, 1);
    assert_int_equal(f->module.settings.high_interval_s, 21);
    assert_reported(f, "{\"vedette\":{\"version\":4,\"status\":\"ok\",");
    assert_reported(f, "\"highPriorityInterval\":21,");
    assert_int_equal(hub_server_reads(f->server), 1);
    deliver_one(f);
}

static void test_linux_twin__changes_are_applied_and_reported(void **state)
{
    struct fixture *f = *state;

    hub_server_twin(f->server, 200, TWIN(21, 4));
    start_hub(f);
    AWAIT(reports_there, 1);
    hub_server_desired(f->server, PATCH(22, 5), 0);
    AWAIT(reports_there, 2);
    assert_reported(f, "\"version\":5,\"status\":\"ok\"");
    assert_int_equal(f->module.settings.high_interval_s, 22);
    hub_server_desired(f->server, PATCH(23, 6), 1);
    AWAIT(acknowledged_there, 1); /* at QoS 1 it wants to be */
    AWAIT(reports_there, 3);
    assert_int_equal(f->module.settings.high_interval_s, 23);
    assert_int_equal(hub_server_reads(f->server), 1);
}

static void test_linux_twin__a_bad_document_is_reported(void **state)
{
    struct fixture *f = *state;

    hub_server_twin(f->server, 200, TWIN(0, 4));
    start_hub(f);
    AWAIT(reports_there, 1);
    assert_reported(f,
        "\"version\":4,\"status\":\"error\",\"path\":\"vedette.highPriorityInterval\",\"reason\":"
        "\"not a whole number in its range\"");
    assert_int_equal(f->module.settings.high_interval_s, ASC_HIGH_PRIORITY_INTERVAL);
    assert_int_equal(logged(f, "event=twin_refused version=4"), 1);

    /* A change that mends it cannot be understood alone: the whole is read again. */
    hub_server_twin(f->server, 200, TWIN(24, 5));
    hub_server_desired(f->server, PATCH(24, 5), 0);
    AWAIT(reports_there, 2);
    assert_reported(f, "\"version\":5,\"status\":\"ok\"");
    assert_int_equal(f->module.settings.high_interval_s, 24);
    assert_int_equal(hub_server_reads(f->server), 2);
}

static void test_linux_twin__a_missed_change_is_made_up_for(void **state)
{
    struct fixture *f = *state;

    hub_server_twin(f->server, 200, TWIN(21, 4));
    start_hub(f);
    AWAIT(reports_there, 1);
    hub_server_twin(f->server, 200, TWIN(26, 6));
    hub_server_desired(f->server, "{\"$version\":6}", 0); /* 5 set the interval */
    AWAIT(reports_there, 2);
    assert_int_equal(f->module.settings.high_interval_s, 26);
    assert_int_equal(hub_server_reads(f->server), 2);
}

/* After a reconnect it is read again, and a report that says nothing new is not sent. */
static void test_linux_twin__is_read_again_after_a_reconnect(void **state)
{
    struct fixture *f = *state;

    hub_server_twin(f->server, 200, TWIN(21, 4));
    start_hub(f);
    AWAIT(reports_there, 1);
    deliver_one(f); /* so that the answer to the report is in */
    hub_server_drop(f->server);
    AWAIT(reads_there, 2);
    deliver_one(f);
    assert_int_equal(logged(f, "event=twin_applied version=4"), 2);
    assert_int_equal(hub_server_reports(f->server), 1);
    hub_server_twin(f->server, 200, TWIN(27, 7));
    hub_server_drop(f->server);
    AWAIT(applied_there, 27);
    AWAIT(reports_there, 2);
}

static bool pushes_until_three_pings(struct fixture *f)
{
    hub_server_desired(f->server, "{\"$version\":4}", 0);
    return hub_server_connection(f->server, 0).pings >= 3;
}

/* Messages that come in say nothing of us: pings go out all the same. */
static void test_linux_twin__messages_do_not_stand_for_pings(void **state)
{
    struct fixture *f = *state;

    f->times.keep_alive_s = 1;
    hub_server_twin(f->server, 200, TWIN(21, 4));
    start_hub(f);
    AWAIT(reports_there, 1);
    assert_true(run_until(f, pushes_until_three_pings));
    assert_int_equal(hub_server_connections(f->server), 1);
    assert_int_equal(hub_server_reports(f->server), 1);
}

/* Today's hub: it refuses the filters, telemetry goes on, and the log says so once. */
static void test_linux_twin__a_hub_without_twins(void **state)
{
    struct fixture *f = *state;

    start_hub(f);
    assert_true(run_until(f, settled));
    deliver_one(f);
    hub_server_drop(f->server);
    AWAIT(connections_there, 2);
    deliver_one(f);
    assert_int_equal(hub_server_reads(f->server) + hub_server_reports(f->server), 0);
    assert_int_equal(logged(f, "event=twin_none"), 1);
    assert_int_equal(f->twin.version, 0);
}

/* A hub that closes the connection instead: two are lost to it, the third is for telemetry. */
static void test_linux_twin__a_hub_that_does_not_take_the_question(void **state)
{
    struct fixture *f = *state;

    hub_server_set(f->server, HUB_SERVER_DROP_SUBSCRIBE, 0);
    start_hub(f);
    AWAIT(connections_there, 3);
    assert_true(run_until(f, settled));
    deliver_one(f);
    assert_int_equal(hub_server_connections(f->server), 3);

    hub_server_set(f->server, HUB_SERVER_NORMAL, 0);
    hub_server_twin(f->server, 200, TWIN(28, 1));
    hub_server_drop(f->server); /* the next connection asks again */
    AWAIT(applied_there, 28);
}

static void test_linux_twin__is_asked_again_when_throttled(void **state)
{
    struct fixture *f = *state;

    hub_server_twin(f->server, 429, "{\"errorCode\":429001,\"message\":\"slow down\"}");
    start_hub(f);
    AWAIT(reads_there, 3);
    assert_true(logged(f, "event=twin_failed request=read status=429") >= 2);
    assert_int_equal(hub_server_reports(f->server), 0);
    hub_server_twin(f->server, 200, TWIN(29, 1));
    AWAIT(applied_there, 29);
    AWAIT(reports_there, 1);
}

static void test_linux_twin__is_asked_again_when_unanswered(void **state)
{
    struct fixture *f = *state;

    f->times.step_ms = 300;
    hub_server_twin(f->server, 200, TWIN(30, 1));
    hub_server_set(f->server, HUB_SERVER_SILENT_TWIN, 0);
    start_hub(f);
    AWAIT(reads_there, 2);
    deliver_one(f);
    assert_true(logged(f, "event=twin_unanswered request=read") >= 1);
    hub_server_set(f->server, HUB_SERVER_NORMAL, 0);
    AWAIT(applied_there, 30);
    AWAIT(reports_there, 1);
    assert_int_equal(hub_server_connections(f->server), 1);
}

/* A twin that fits is read up to the last byte; one that does not is refused, and the connection stays. */
static void test_linux_twin__length_has_a_limit(void **state)
{
    struct fixture *f = *state;
    static char body[ASC_TWIN_DOCUMENT_MAX + 2000];
    size_t length = strlen(TWIN(31, 1));

    memcpy(body, TWIN(31, 1), length);
    memset(body + length, ' ', ASC_TWIN_DOCUMENT_MAX - length);
    hub_server_twin(f->server, 200, body);
    start_hub(f);
    AWAIT(applied_there, 31);
    AWAIT(reports_there, 1);
    for (unsigned i = 0; i < 2; i++) {
        /* Over what is read by a byte, then over what is held. */
        memset(body + length, ' ', ASC_TWIN_DOCUMENT_MAX - length + (i == 0 ? 1 : 1900));
        hub_server_twin(f->server, 200, body);
        hub_server_drop(f->server);
        AWAIT(connections_there, 2 + i);
        AWAIT(reads_there, 2 + i);
        deliver_one(f);
    }
    AWAIT(reports_there, 2);
    assert_reported(f, "\"status\":\"error\",\"path\":\"\",\"reason\":\"too long\"");
    assert_int_equal(logged(f, "event=twin_refused"), 2);
    assert_int_equal(f->module.settings.high_interval_s, 31);
    assert_int_equal(hub_server_connections(f->server), 3);
}

/* --- The conversation by itself -------------------------------------------------------------------- */

static void message(struct asc_linux_twin *t, const char *topic, const char *payload)
{
    asc_linux_twin_message(
        t, topic, (uint32_t)strlen(topic), payload, (uint32_t)strlen(payload), 1000);
}

/* A conversation that has subscribed and asked for the twin as number 1. */
static void start_conversation(struct fixture *f, struct asc_linux_twin *t)
{
    asc_linux_twin_init(t, &f->twin, 100, 500);
    assert_int_equal(asc_linux_twin_next(t, 1000), ASC_LINUX_TWIN_NOTHING);
    asc_linux_twin_online(t);
    assert_int_equal(asc_linux_twin_due_ms(t), 0);
    assert_int_equal(asc_linux_twin_next(t, 1000), ASC_LINUX_TWIN_SUBSCRIBE);
    assert_int_equal(asc_linux_twin_next(t, 1000), ASC_LINUX_TWIN_NOTHING);
    asc_linux_twin_subscribed(t, 3);
    assert_int_equal(asc_linux_twin_next(t, 1000), ASC_LINUX_TWIN_PUBLISH);
    assert_string_equal(t->topic, "$iothub/twin/GET/?$rid=1");
    assert_string_equal(t->payload, " ");
    assert_int_equal(asc_linux_twin_next(t, 1000), ASC_LINUX_TWIN_NOTHING);
}

static void test_linux_twin__other_topics_mean_nothing(void **state)
{
    static const char *const topics[] = {"$iothub/twin/res/200/?$rid=2",
        "$iothub/twin/res/200/?$rid=", "$iothub/twin/res/200/?$rid=1x",
        "$iothub/twin/res/200/?$rid=0", "$iothub/twin/res/200/?$rid=4294967297",
        "$iothub/twin/res//?$rid=1", "$iothub/twin/res/4294967496/?$rid=1",
        "$iothub/twin/res/200?$rid=1", "$iothub/twin/res/200/", "$iothub/twin/res/",
        "$iothub/twin/PATCH/properties/reported/", "$iothub/methods/POST/x/?$rid=1", "$",
        "iothub/twin/res/200/?$rid=1"};
    struct fixture *f = *state;
    struct asc_linux_twin t;

    start_conversation(f, &t);
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        message(&t, topics[i], TWIN(40, 4));
        assert_int_equal(f->twin.version, 0);
        assert_int_equal(t.read.rid, 1);
    }
    message(&t, "$iothub/twin/res/200/?$rid=1&$more=2", TWIN(40, 4));
    assert_int_equal(f->twin.version, 4);
}

static void test_linux_twin__answers_have_their_time(void **state)
{
    struct fixture *f = *state;
    struct asc_linux_twin t;

    start_conversation(f, &t);
    assert_int_equal(asc_linux_twin_due_ms(&t), 1100);
    assert_int_equal(asc_linux_twin_next(&t, 1099), ASC_LINUX_TWIN_NOTHING);
    assert_int_equal(asc_linux_twin_next(&t, 1100), ASC_LINUX_TWIN_NOTHING); /* given up */
    message(&t, "$iothub/twin/res/200/?$rid=1", TWIN(40, 4));                /* too late */
    assert_int_equal(f->twin.version, 0);
    assert_int_equal(asc_linux_twin_due_ms(&t), 1600);
    assert_int_equal(asc_linux_twin_next(&t, 1599), ASC_LINUX_TWIN_NOTHING);
    assert_int_equal(asc_linux_twin_next(&t, 1600), ASC_LINUX_TWIN_PUBLISH);
    assert_string_equal(t.topic, "$iothub/twin/GET/?$rid=2");
    message(&t, "$iothub/twin/res/200/?$rid=2", TWIN(40, 4));
    assert_int_equal(asc_linux_twin_next(&t, 1600), ASC_LINUX_TWIN_PUBLISH);
    assert_string_equal(t.topic, "$iothub/twin/PATCH/properties/reported/?$rid=3");
    message(&t, "$iothub/twin/res/204/?$rid=3&$version=8", "");
    assert_int_equal(asc_linux_twin_due_ms(&t), UINT64_MAX);
}

/* Statuses: what is worth asking again, and what is not. */
static void test_linux_twin__failed_requests(void **state)
{
    static const struct {
        unsigned status;
        bool again;
    } cases[] = {{400, false}, {404, false}, {413, false}, {429, true}, {500, true}, {503, true}};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct asc_linux_twin t;
        char topic[64];

        start_conversation(f, &t);
        snprintf(topic, sizeof topic, "$iothub/twin/res/%u/?$rid=1", cases[i].status);
        message(&t, topic, "{}");
        assert_int_equal(f->twin.version, 0);
        assert_int_equal(asc_linux_twin_due_ms(&t), cases[i].again ? 1500 : UINT64_MAX);
    }
}

/* A change that comes while the report is on its way makes a new one; the old answer counts no more. */
static void test_linux_twin__a_change_overtakes_a_report(void **state)
{
    struct fixture *f = *state;
    struct asc_linux_twin t;

    start_conversation(f, &t);
    message(&t, "$iothub/twin/res/200/?$rid=1", TWIN(40, 4));
    assert_int_equal(asc_linux_twin_next(&t, 1000), ASC_LINUX_TWIN_PUBLISH);
    message(&t, "$iothub/twin/PATCH/properties/desired/?$version=5", PATCH(41, 5));
    message(&t, "$iothub/twin/res/204/?$rid=2", "");
    assert_string_equal(t.accepted, "");
    assert_int_equal(asc_linux_twin_next(&t, 1000), ASC_LINUX_TWIN_PUBLISH);
    assert_string_equal(t.topic, "$iothub/twin/PATCH/properties/reported/?$rid=3");
    assert_non_null(strstr(t.payload, "\"version\":5,"));
    message(&t, "$iothub/twin/res/204/?$rid=3", "");
    assert_string_equal(t.accepted, t.sent);
}

static void test_linux_twin__half_of_the_filters_is_none(void **state)
{
    struct fixture *f = *state;

    for (uint8_t granted = 0; granted < 4; granted++) {
        struct asc_linux_twin t;

        asc_linux_twin_init(&t, &f->twin, 100, 500);
        asc_linux_twin_online(&t);
        (void)asc_linux_twin_next(&t, 0);
        asc_linux_twin_subscribed(&t, granted);
        assert_int_equal(t.state, granted == 3 ? ASC_LINUX_TWIN_LISTENING : ASC_LINUX_TWIN_REFUSED);
        assert_int_equal(asc_linux_twin_next(&t, 0),
            granted == 3 ? ASC_LINUX_TWIN_PUBLISH : ASC_LINUX_TWIN_NOTHING);
    }
}

static void test_linux_twin__without_a_twin_nothing_is_asked(void **state)
{
    struct asc_linux_twin t;

    (void)state;
    asc_linux_twin_init(&t, NULL, 100, 500);
    asc_linux_twin_online(&t);
    assert_int_equal(asc_linux_twin_next(&t, 0), ASC_LINUX_TWIN_NOTHING);
    assert_int_equal(asc_linux_twin_due_ms(&t), UINT64_MAX);
    asc_linux_twin_offline(&t);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_linux_twin__is_read_applied_and_reported),
        WITH_FIXTURE(test_linux_twin__changes_are_applied_and_reported),
        WITH_FIXTURE(test_linux_twin__a_bad_document_is_reported),
        WITH_FIXTURE(test_linux_twin__a_missed_change_is_made_up_for),
        WITH_FIXTURE(test_linux_twin__is_read_again_after_a_reconnect),
        WITH_FIXTURE(test_linux_twin__messages_do_not_stand_for_pings),
        WITH_FIXTURE(test_linux_twin__a_hub_without_twins),
        WITH_FIXTURE(test_linux_twin__a_hub_that_does_not_take_the_question),
        WITH_FIXTURE(test_linux_twin__is_asked_again_when_throttled),
        WITH_FIXTURE(test_linux_twin__is_asked_again_when_unanswered),
        WITH_FIXTURE(test_linux_twin__length_has_a_limit),
        WITH_FIXTURE(test_linux_twin__other_topics_mean_nothing),
        WITH_FIXTURE(test_linux_twin__answers_have_their_time),
        WITH_FIXTURE(test_linux_twin__failed_requests),
        WITH_FIXTURE(test_linux_twin__a_change_overtakes_a_report),
        WITH_FIXTURE(test_linux_twin__half_of_the_filters_is_none),
        cmocka_unit_test(test_linux_twin__without_a_twin_nothing_is_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
