/* SPDX-License-Identifier: MIT */
/* Starts the hub, and speaks to it as a client that keeps to the rules. */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/hub/live_hub.h"

const struct vd_hub_times live_patient = {.connect_ms = 20000,
    .packet_ms = 20000,
    .write_ms = 20000,
    .linger_ms = 3000,
    .stop_ms = 200,
    .c2d_expire_ms = 50};

void live_start(struct live_hub *f, const struct vd_hub_times *times, uint32_t max_connections)
{
    struct vd_hub_config config = {
        .host_name = PACKET_HUB_NAME,
        .listen_address = "127.0.0.1",
        .certificate_file = f->certificate,
        .private_key_file = f->key,
        .max_connections = max_connections,
        .rates = f->rates,
        .state = f->state,
    };
    char error_text[256];

    assert_int_equal(vd_hub_start_timed(&config, times, &f->log.base, &f->registry.base, &f->hub,
                         error_text, sizeof error_text),
        VD_OK);
}

void live_open_state(struct live_hub *f)
{
    if (f->state_file.folder[0] == '\0') {
        state_file_make(&f->state_file);
    }
    assert_int_equal(vd_state_open(f->state_file.path, &f->state), VD_OK);
}

void live_stop(struct live_hub *f)
{
    vd_hub_stop(f->hub);
    f->hub = NULL;
    if (f->state != NULL) {
        vd_state_stop(f->state);
        vd_state_close(f->state);
        f->state = NULL;
    }
}

int live_setup(void **state)
{
    struct live_hub *f = calloc(1, sizeof *f);

    assert_non_null(f);
    signal(SIGPIPE, SIG_IGN);
    vd_log_set_level(VD_LOG_ERROR);
    snprintf(f->folder, sizeof f->folder, "/tmp/vd_hub_XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->certificate, sizeof f->certificate, "%s/cert.pem", f->folder);
    snprintf(f->key, sizeof f->key, "%s/key.pem", f->folder);
    assert_true(tls_client_make_certificate(f->certificate, f->key));
    memory_registry_init(&f->registry);
    memory_registry_add(&f->registry, "dev1", "", 'a', 'b');
    memory_registry_add(&f->registry, "dev1", "mod", 'a', 'b');
    memory_registry_add(&f->registry, "dev2", "", 'a', 'b');
    fault_log_init(&f->log);
    *state = f;
    return 0;
}

int live_teardown(void **state)
{
    struct live_hub *f = *state;

    fault_log_hold(&f->log, false);
    live_stop(f);
    if (f->state_file.folder[0] != '\0') {
        state_file_remove(&f->state_file);
    }
    fault_log_release(&f->log);
    unlink(f->certificate);
    unlink(f->key);
    rmdir(f->folder);
    free(f);
    return 0;
}

struct vd_hub_stats live_stats(struct live_hub *f)
{
    struct vd_hub_stats stats;

    vd_hub_stats_get(f->hub, &stats);
    return stats;
}

int64_t live_in_s(int64_t seconds)
{
    return vd_clock_utc_ms() / 1000 + seconds;
}

void live_open(struct live_hub *f, struct tls_client *client)
{
    assert_true(tls_client_open(client, vd_hub_port(f->hub), f->certificate, 0));
}

void live_send(struct tls_client *client, struct vd_buf *bytes)
{
    assert_int_equal(bytes->error, VD_OK);
    assert_true(tls_client_write(client, bytes->data, bytes->length));
    vd_buf_release(bytes);
}

void live_expect(struct tls_client *client, const char *bytes, size_t length)
{
    char got[16];

    assert_true(tls_client_read(client, got, length));
    assert_memory_equal(got, bytes, length);
}

void live_log_in_until(struct live_hub *f, struct tls_client *client, const char *device,
    int64_t expiry_s, uint16_t keep_alive_s)
{
    struct vd_key key = memory_key('a');
    struct vd_buf packet = {0};

    live_open(f, client);
    packet_connect_device(&packet, device, NULL, &key, expiry_s, keep_alive_s);
    live_send(client, &packet);
    live_expect(client, "\x20\x02\x00\x00", 4);
}

void live_log_in_kept(
    struct live_hub *f, struct tls_client *client, const char *device, bool is_present)
{
    const char connack[] = {0x20, 2, is_present ? 1 : 0, 0};
    struct vd_key key = memory_key('a');
    struct vd_buf packet = {0};

    live_open(f, client);
    packet_connect_device(&packet, device, NULL, &key, live_in_s(3600), 60);
    live_send(client, &packet);
    live_expect(client, connack, sizeof connack);
}

bool live_next_publish(struct tls_client *client, struct live_publish *out)
{
    static uint8_t bytes[65536];
    size_t length = 2;
    struct vd_mqtt_packet packet = {0};

    if (!tls_client_read(client, bytes, length)) {
        return false;
    }
    while (vd_mqtt_frame(bytes, length, sizeof bytes, &packet) == VD_FRAME_PARTIAL) {
        const size_t more = packet.total != 0 ? packet.total - length : 1;

        assert_true(tls_client_read(client, bytes + length, more));
        length += more;
    }
    assert_int_equal(packet.total, length);
    assert_int_equal(packet.type, VD_MQTT_PUBLISH);
    assert_int_equal(vd_mqtt_read_publish(packet.flags, packet.body, &out->publish), VD_OK);
    assert_int_equal(vd_str_copy(out->publish.topic, out->topic, sizeof out->topic), VD_OK);
    assert_int_equal(vd_str_copy(out->publish.payload, out->payload, sizeof out->payload), VD_OK);
    return true;
}

void live_read_publish(struct tls_client *client, struct live_publish *out)
{
    assert_true(live_next_publish(client, out));
}

void live_log_in(struct live_hub *f, struct tls_client *client, const char *device)
{
    live_log_in_until(f, client, device, live_in_s(3600), 60);
}

void live_publish(struct tls_client *client, const char *topic, uint16_t packet_id)
{
    struct vd_buf packet = {0};

    packet_publish(&packet, packet_id != 0 ? 2 : 0, topic, packet_id, "body", 4);
    live_send(client, &packet);
}

void live_expect_puback(struct tls_client *client, uint16_t packet_id)
{
    const char puback[] = {0x40, 2, (char)(packet_id >> 8), (char)packet_id};

    live_expect(client, puback, sizeof puback);
}

void live_expect_end(struct tls_client *client)
{
    size_t length = 1;

    assert_true(tls_client_read_end(client, &length));
    assert_int_equal(length, 0);
    tls_client_close(client);
}

void live_ping(struct tls_client *client)
{
    assert_true(tls_client_write(client, "\xc0\x00", 2));
    live_expect(client, "\xd0\x00", 2);
}
