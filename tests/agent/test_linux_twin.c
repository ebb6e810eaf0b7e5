/* SPDX-License-Identifier: MIT */
/* Tests of the twin on Linux: the conversation by itself, and over TLS with a hub that plays its part. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "azure_iot_security_module/ports/linux/asc_linux_twin.h"
#include "tests/agent/hub_client.h"
#include "tests/device/device_test.h"

/* A connection, a module, and the module's twin. */
struct fixture {
    struct hub_client client; /* first: what the condition of a wait gets */
    struct device_port port;
    struct asc_module module;
    struct asc_twin twin;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct asc_settings settings = device_settings();

    assert_non_null(f);
    hub_client_init(&f->client);
    hub_client_serve(&f->client, hub_client_good_context(&f->client));
    device_start(&f->module, &f->port, &settings);
    asc_twin_init(&f->twin, &f->module);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    hub_client_release(&f->client);
    free(f);
    return 0;
}

static void start_hub(struct fixture *f)
{
    hub_client_open(&f->client, "HostName=localhost", &f->twin);
}

static bool reports_there(struct hub_client *c)
{
    return hub_server_reports(c->server) == c->goal;
}

static bool reads_there(struct hub_client *c)
{
    return hub_server_reads(c->server) >= c->goal;
}

static bool applied_there(struct hub_client *c)
{
    const struct fixture *f = (const struct fixture *)c;

    return f->module.settings.high_interval_s == c->goal;
}

static bool connections_there(struct hub_client *c)
{
    return hub_server_connections(c->server) >= c->goal && hub_client_is_online(c);
}

static bool delivered_there(struct hub_client *c)
{
    return c->delivered == c->goal;
}

static bool acknowledged_there(struct hub_client *c)
{
    return hub_server_acknowledged(c->server) == c->goal;
}

static bool settled(struct hub_client *c)
{
    return hub_client_logged(c, "event=twin_none") + hub_client_logged(c, "event=twin_left_out") >
        0;
}

#define AWAIT(condition, number)                                    \
    do {                                                            \
        f->client.goal = (number);                                  \
        assert_true(hub_client_run_until(&f->client, (condition))); \
    } while (0)

static void deliver_one(struct fixture *f)
{
    AWAIT(connections_there, 1);
    f->client.delivered = 0;
    assert_true(asc_linux_hub_send(f->client.hub, (const uint8_t *)"telemetry", 9));
    AWAIT(delivered_there, 1);
}

static void assert_reported(struct fixture *f, const char *text)
{
    char report[HUB_SERVER_TEXT_BYTES];

    hub_server_report(f->client.server, report);
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

    hub_server_twin(f->client.server, 200, TWIN(21, 4));
    start_hub(f);
    AWAIT(reports_there, 1);
    assert_int_equal(f->module.settings.high_interval_s, 21);
    assert_reported(f, "{\"vedette\":{\"version\":4,\"status\":\"ok\",");
    assert_reported(f, "\"highPriorityInterval\":21,");
    assert_int_equal(hub_server_reads(f->client.server), 1);
    deliver_one(f);
}

static void test_linux_twin__changes_are_applied_and_reported(void **state)
{
    struct fixture *f = *state;

    hub_server_twin(f->client.server, 200, TWIN(21, 4));
    start_hub(f);
    AWAIT(reports_there, 1);
    hub_server_desired(f->client.server, PATCH(22, 5), 0);
    AWAIT(reports_there, 2);
    assert_reported(f, "\"version\":5,\"status\":\"ok\"");
    assert_int_equal(f->module.settings.high_interval_s, 22);
    hub_server_desired(f->client.server, PATCH(23, 6), 1);
    AWAIT(acknowledged_there, 1); /* at QoS 1 it wants to be */
    AWAIT(reports_there, 3);
    assert_int_equal(f->module.settings.high_interval_s, 23);
    assert_int_equal(hub_server_reads(f->client.server), 1);
}

static void test_linux_twin__a_bad_document_is_reported(void **state)
{
    struct fixture *f = *state;

    hub_server_twin(f->client.server, 200, TWIN(0, 4));
    start_hub(f);
    AWAIT(reports_there, 1);
    assert_reported(f,
        "\"version\":4,\"status\":\"error\",\"path\":\"vedette.highPriorityInterval\",\"reason\":"
        "\"not a whole number in its range\"");
    assert_int_equal(f->module.settings.high_interval_s, ASC_HIGH_PRIORITY_INTERVAL);
    assert_int_equal(hub_client_logged(&f->client, "event=twin_refused version=4"), 1);

    /* A change that mends it cannot be understood alone: the whole is read again. */
    hub_server_twin(f->client.server, 200, TWIN(24, 5));
    hub_server_desired(f->client.server, PATCH(24, 5), 0);
    AWAIT(reports_there, 2);
    assert_reported(f, "\"version\":5,\"status\":\"ok\"");
    assert_int_equal(f->module.settings.high_interval_s, 24);
    assert_int_equal(hub_server_reads(f->client.server), 2);
}

static void test_linux_twin__a_missed_change_is_made_up_for(void **state)
{
    struct fixture *f = *state;

    hub_server_twin(f->client.server, 200, TWIN(21, 4));
    start_hub(f);
    AWAIT(reports_there, 1);
    hub_server_twin(f->client.server, 200, TWIN(26, 6));
    hub_server_desired(f->client.server, "{\"$version\":6}", 0); /* 5 set the interval */
    AWAIT(reports_there, 2);
    assert_int_equal(f->module.settings.high_interval_s, 26);
    assert_int_equal(hub_server_reads(f->client.server), 2);
}

/* After a reconnect it is read again, and a report that says nothing new is not sent. */
static void test_linux_twin__is_read_again_after_a_reconnect(void **state)
{
    struct fixture *f = *state;

    hub_server_twin(f->client.server, 200, TWIN(21, 4));
    start_hub(f);
    AWAIT(reports_there, 1);
    deliver_one(f); /* so that the answer to the report is in */
    hub_server_drop(f->client.server);
    AWAIT(reads_there, 2);
    deliver_one(f);
    assert_int_equal(hub_client_logged(&f->client, "event=twin_applied version=4"), 2);
    assert_int_equal(hub_server_reports(f->client.server), 1);
    hub_server_twin(f->client.server, 200, TWIN(27, 7));
    hub_server_drop(f->client.server);
    AWAIT(applied_there, 27);
    AWAIT(reports_there, 2);
}

static bool pushes_until_three_pings(struct hub_client *c)
{
    hub_server_desired(c->server, "{\"$version\":4}", 0);
    return hub_server_connection(c->server, 0).pings >= 3;
}

/* Messages that come in say nothing of us: pings go out all the same. */
static void test_linux_twin__messages_do_not_stand_for_pings(void **state)
{
    struct fixture *f = *state;

    f->client.times.keep_alive_s = 1;
    hub_server_twin(f->client.server, 200, TWIN(21, 4));
    start_hub(f);
    AWAIT(reports_there, 1);
    assert_true(hub_client_run_until(&f->client, pushes_until_three_pings));
    assert_int_equal(hub_server_connections(f->client.server), 1);
    assert_int_equal(hub_server_reports(f->client.server), 1);
}

/* Today's hub: it refuses the filters, telemetry goes on, and the log says so once. */
static void test_linux_twin__a_hub_without_twins(void **state)
{
    struct fixture *f = *state;

    start_hub(f);
    assert_true(hub_client_run_until(&f->client, settled));
    deliver_one(f);
    hub_server_drop(f->client.server);
    AWAIT(connections_there, 2);
    deliver_one(f);
    assert_int_equal(hub_server_reads(f->client.server) + hub_server_reports(f->client.server), 0);
    assert_int_equal(hub_client_logged(&f->client, "event=twin_none"), 1);
    assert_int_equal(f->twin.version, 0);
}

/* A hub that closes the connection instead: two are lost to it, the third is for telemetry. */
static void test_linux_twin__a_hub_that_does_not_take_the_question(void **state)
{
    struct fixture *f = *state;

    hub_server_set(f->client.server, HUB_SERVER_DROP_SUBSCRIBE, 0);
    start_hub(f);
    AWAIT(connections_there, 3);
    assert_true(hub_client_run_until(&f->client, settled));
    deliver_one(f);
    assert_int_equal(hub_server_connections(f->client.server), 3);

    hub_server_set(f->client.server, HUB_SERVER_NORMAL, 0);
    hub_server_twin(f->client.server, 200, TWIN(28, 1));
    hub_server_drop(f->client.server); /* the next connection asks again */
    AWAIT(applied_there, 28);
}

static void test_linux_twin__is_asked_again_when_throttled(void **state)
{
    struct fixture *f = *state;

    hub_server_twin(f->client.server, 429, "{\"errorCode\":429001,\"message\":\"slow down\"}");
    start_hub(f);
    AWAIT(reads_there, 3);
    assert_true(hub_client_logged(&f->client, "event=twin_failed request=read status=429") >= 2);
    assert_int_equal(hub_server_reports(f->client.server), 0);
    hub_server_twin(f->client.server, 200, TWIN(29, 1));
    AWAIT(applied_there, 29);
    AWAIT(reports_there, 1);
}

static void test_linux_twin__is_asked_again_when_unanswered(void **state)
{
    struct fixture *f = *state;

    f->client.times.step_ms = 300;
    hub_server_twin(f->client.server, 200, TWIN(30, 1));
    hub_server_set(f->client.server, HUB_SERVER_SILENT_TWIN, 0);
    start_hub(f);
    AWAIT(reads_there, 2);
    deliver_one(f);
    assert_true(hub_client_logged(&f->client, "event=twin_unanswered request=read") >= 1);
    hub_server_set(f->client.server, HUB_SERVER_NORMAL, 0);
    AWAIT(applied_there, 30);
    AWAIT(reports_there, 1);
    assert_int_equal(hub_server_connections(f->client.server), 1);
}

/* A twin that fits is read up to the last byte; one that does not is refused, and the connection stays. */
static void test_linux_twin__length_has_a_limit(void **state)
{
    struct fixture *f = *state;
    static char body[ASC_TWIN_DOCUMENT_MAX + 2000];
    size_t length = strlen(TWIN(31, 1));

    memcpy(body, TWIN(31, 1), length);
    memset(body + length, ' ', ASC_TWIN_DOCUMENT_MAX - length);
    hub_server_twin(f->client.server, 200, body);
    start_hub(f);
    AWAIT(applied_there, 31);
    AWAIT(reports_there, 1);
    for (unsigned i = 0; i < 2; i++) {
        /* Over what is read by a byte, then over what is held. */
        memset(body + length, ' ', ASC_TWIN_DOCUMENT_MAX - length + (i == 0 ? 1 : 1900));
        hub_server_twin(f->client.server, 200, body);
        hub_server_drop(f->client.server);
        AWAIT(connections_there, 2 + i);
        AWAIT(reads_there, 2 + i);
        deliver_one(f);
    }
    AWAIT(reports_there, 2);
    assert_reported(f, "\"status\":\"error\",\"path\":\"\",\"reason\":\"too long\"");
    assert_int_equal(hub_client_logged(&f->client, "event=twin_refused"), 2);
    assert_int_equal(f->module.settings.high_interval_s, 31);
    assert_int_equal(hub_server_connections(f->client.server), 3);
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
