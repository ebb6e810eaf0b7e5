/* SPDX-License-Identifier: MIT */
/* What comes to a live hub just while it waits for its state's writer, or while its loop is busy. */

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/hub/live_messages.h"

#define DEVICEBOUND "devices/dev1/messages/devicebound/#"
#define DESIRED     "$iothub/twin/PATCH/properties/desired/#"

/* ---- A thread of the hub that is held ---- */

struct hold {
    pthread_t thread; /* of who holds the writer */
    struct live_hub *f;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_there;
    bool is_over;
    int error; /* of holding the writer */
};

#define HOLD(hub)                                                                          \
    {                                                                                      \
        .f = (hub), .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER \
    }

static void hold_here(struct hold *hold)
{
    pthread_mutex_lock(&hold->lock);
    hold->is_there = true;
    pthread_cond_broadcast(&hold->changed);
    while (!hold->is_over) {
        pthread_cond_wait(&hold->changed, &hold->lock);
    }
    pthread_mutex_unlock(&hold->lock);
}

static void hold_await(struct hold *hold)
{
    pthread_mutex_lock(&hold->lock);
    while (!hold->is_there) {
        pthread_cond_wait(&hold->changed, &hold->lock);
    }
    pthread_mutex_unlock(&hold->lock);
}

static void hold_end(struct hold *hold)
{
    pthread_mutex_lock(&hold->lock);
    hold->is_over = true;
    pthread_cond_broadcast(&hold->changed);
    pthread_mutex_unlock(&hold->lock);
}

static int run_hold(void *context, struct vd_state_store *store)
{
    (void)store;
    hold_here(context);
    return VD_OK;
}

static void *hold_main(void *context)
{
    struct hold *hold = context;

    hold->error = vd_state_do(hold->f->state, run_hold, hold);
    return NULL;
}

static void hold_writer(struct hold *hold)
{
    assert_int_equal(pthread_create(&hold->thread, NULL, hold_main, hold), 0);
    hold_await(hold);
}

static void let_writer_go(struct hold *hold)
{
    hold_end(hold);
    assert_int_equal(pthread_join(hold->thread, NULL), 0);
    assert_int_equal(hold->error, VD_OK);
}

/* Of the type vd_post_done. */
static void posted(void *context, int error)
{
    (void)error;
    hold_here(context);
}

static void hold_loop(struct hold *hold)
{
    const struct vd_event event = {.kind = VD_EVENT_TELEMETRY, .device_id = VD_STR_LITERAL("dev2")};

    assert_int_equal(vd_hub_post(hold->f->hub, &event, posted, hold), VD_OK);
    hold_await(hold);
}

/* The loop has seen all that was there before: what woke it, too. */
static void await_loop(struct tls_client *client)
{
    live_ping(client);
    live_ping(client);
}

/* ---- What clients say ---- */

static void start(struct live_hub *f)
{
    live_open_state(f);
    live_start(f, &live_patient, 0);
}

static void send_connect(struct live_hub *f, struct tls_client *client, bool is_clean)
{
    const struct vd_key key = memory_key('a');
    struct vd_buf packet = {0};
    size_t at = 1;

    live_open(f, client);
    packet_connect_device(&packet, "dev1", NULL, &key, live_in_s(3600), 60);
    while ((packet.data[at] & 0x80) != 0) {
        at++;
    }
    packet.data[at + 8] |= is_clean ? 2 : 0;
    live_send(client, &packet);
}

static void subscribe(struct tls_client *client, const char *filter, uint8_t qos)
{
    const char suback[] = {(char)0x90, 3, 0, 7, (char)qos};
    struct vd_buf packet = {0};

    packet_subscribe(&packet, 7, filter, qos);
    live_send(client, &packet);
    live_expect(client, suback, sizeof suback);
}

static void send_unsubscribe(struct tls_client *client)
{
    struct vd_buf packet = {0};

    packet_raw(&packet, 0xa2, "\x00\x06\x00\x23" DEVICEBOUND, 4 + sizeof DEVICEBOUND - 1);
    live_send(client, &packet);
}

static uint16_t expect_message(struct tls_client *client, const char *body)
{
    struct live_publish got;

    live_read_publish(client, &got);
    assert_string_equal(got.payload, body);
    assert_int_equal(got.publish.qos, 1);
    return got.publish.packet_id;
}

static void acknowledge(struct tls_client *client, uint16_t packet_id)
{
    const char puback[] = {0x40, 2, (char)(packet_id >> 8), (char)packet_id};

    assert_true(tls_client_write(client, puback, sizeof puback));
}

/* ---- Messages ---- */

/* A message that was taken for a device that unsubscribes meanwhile is not sent, and not lost. */
static void test_races__unsubscribes_while_a_message_is_taken(void **state)
{
    struct live_hub *f = *state;
    struct hold hold = HOLD(f);
    struct tls_client client;

    start(f);
    send_connect(f, &client, true);
    live_expect(&client, "\x20\x02\x00\x00", 4);
    subscribe(&client, DEVICEBOUND, 1);
    await_loop(&client);
    assert_int_equal(live_messages_waiting(f), 0); /* it looked for one, and found none */
    await_loop(&client);
    live_put_message(f, "x", 0);
    hold_writer(&hold);
    vd_hub_c2d_waiting(f->hub, "dev1");
    await_loop(&client);
    send_unsubscribe(&client);
    live_expect(&client, "\xb0\x02\x00\x06", 4);
    let_writer_go(&hold);
    assert_int_equal(live_messages_waiting(f), 1);
    await_loop(&client);
    assert_int_equal(live_messages_waiting(f), 1);
    subscribe(&client, DEVICEBOUND, 1);
    acknowledge(&client, expect_message(&client, "x"));
    LIVE_AWAIT(live_messages_waiting(f) == 0);
    tls_client_close(&client);
}

/* A PUBACK that comes after the lock has ended counts: the device has the message, and is not to get it again. */
static void test_races__acknowledges_after_the_lock(void **state)
{
    struct live_hub *f = *state;
    struct tls_client client;
    uint16_t ids[VD_HUB_C2D_IN_FLIGHT];

    start(f);
    send_connect(f, &client, false);
    live_expect(&client, "\x20\x02\x00\x00", 4);
    subscribe(&client, DEVICEBOUND, 1);
    for (int i = 0; i < VD_HUB_C2D_IN_FLIGHT; i++) {
        live_send_message(f, "x", 0);
        ids[i] = expect_message(&client, "x");
    }
    live_end_locks(f);
    for (int i = 0; i < VD_HUB_C2D_IN_FLIGHT; i++) {
        acknowledge(&client, ids[i]);
    }
    LIVE_AWAIT(live_messages_waiting(f) == 0);
    assert_int_equal(live_first_feedback(f), VD_C2D_COMPLETED);
    await_loop(&client); /* nothing was sent again */
    tls_client_close(&client);
}

/* Likewise when the message, whose lock has ended, is just being taken anew. */
static void test_races__acknowledges_while_it_is_taken_anew(void **state)
{
    struct live_hub *f = *state;
    struct hold hold = HOLD(f);
    struct tls_client client;
    uint16_t ids[2];

    start(f);
    send_connect(f, &client, false);
    live_expect(&client, "\x20\x02\x00\x00", 4);
    subscribe(&client, DEVICEBOUND, 1);
    for (int i = 0; i < 2; i++) {
        live_send_message(f, "x", 0);
        ids[i] = expect_message(&client, "x");
    }
    await_loop(&client);
    assert_int_equal(live_messages_waiting(f), 2); /* it looked for more, and found none */
    await_loop(&client);
    live_end_locks(f);
    hold_writer(&hold);
    vd_hub_c2d_waiting(f->hub, "dev1");
    await_loop(&client);
    acknowledge(&client, ids[0]);
    acknowledge(&client, ids[1]);
    await_loop(&client);
    let_writer_go(&hold);
    LIVE_AWAIT(live_messages_waiting(f) == 0);
    await_loop(&client); /* nothing was sent again */
    tls_client_close(&client);
}

/* ---- Filters and twins ---- */

/* A filter that comes while a good CONNECT waits to hear what was kept refuses it. */
static void test_races__is_filtered_while_it_connects(void **state)
{
    struct live_hub *f = *state;
    struct vd_ip_filter filter;
    struct hold hold = HOLD(f);
    struct tls_client client;
    struct tls_client witness;

    start(f);
    live_log_in(f, &witness, "dev2");
    hold_writer(&hold);
    send_connect(f, &client, false);
    LIVE_AWAIT(vd_hub_is_connected(f->hub, "dev1", NULL));
    vd_ip_filter_init(&filter);
    filter.accepts_rest = false;
    vd_hub_set_ip_filter(f->hub, &filter);
    live_expect_end(&witness);
    let_writer_go(&hold);
    live_expect(&client, "\x20\x02\x00\x05", 4);
    live_expect_end(&client);
    assert_int_equal(live_stats(f).connects_refused, 1);
}

/* A PUBLISH of any length, whose topic and payload are not looked at. */
static size_t read_large(struct tls_client *client)
{
    static uint8_t bytes[65536];
    struct vd_mqtt_packet packet = {0};
    size_t length = 2;

    assert_true(tls_client_read(client, bytes, length));
    while (vd_mqtt_frame(bytes, length, sizeof bytes, &packet) == VD_FRAME_PARTIAL) {
        const size_t more = packet.total != 0 ? packet.total - length : 1;

        assert_true(tls_client_read(client, bytes + length, more));
        length += more;
    }
    assert_int_equal(packet.type, VD_MQTT_PUBLISH);
    return length;
}

/* Back ends that change much at once do not cut off a device that reads. */
static void test_races__many_changes_while_the_loop_is_busy(void **state)
{
    static char change[30000];
    struct live_hub *f = *state;
    struct hold hold = HOLD(f);
    struct tls_client client;

    start(f);
    send_connect(f, &client, true);
    live_expect(&client, "\x20\x02\x00\x00", 4);
    subscribe(&client, DESIRED, 0);
    memset(change, 'x', sizeof change);
    hold_loop(&hold);
    for (int i = 0; i < 8; i++) {
        vd_hub_desired_changed(f->hub, "dev1", NULL, i, (struct vd_str){change, sizeof change});
    }
    hold_end(&hold);
    for (int i = 0; i < 8; i++) {
        assert_true(read_large(&client) > sizeof change);
    }
    live_ping(&client);
    tls_client_close(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIVE_TEST(test_races__unsubscribes_while_a_message_is_taken),
        LIVE_TEST(test_races__acknowledges_after_the_lock),
        LIVE_TEST(test_races__acknowledges_while_it_is_taken_anew),
        LIVE_TEST(test_races__is_filtered_while_it_connects),
        LIVE_TEST(test_races__many_changes_while_the_loop_is_busy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
