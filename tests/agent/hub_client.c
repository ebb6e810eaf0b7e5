/* SPDX-License-Identifier: MIT */
/* Runs the connection to the tests' hub, and counts what its callbacks hear. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/agent/hub_client.h"
#include "tests/agent/temporary.h"

static void on_connected(void *context, bool connected)
{
    struct hub_client *c = context;

    c->connected += connected;
    c->disconnected += !connected;
}

static void on_sent(void *context, bool delivered)
{
    struct hub_client *c = context;

    c->delivered += delivered;
    c->undelivered += !delivered;
}

void hub_client_init(struct hub_client *c)
{
    temporary_file(c->ca_path, sizeof c->ca_path, "ca");
    c->stderr_before = temporary_log(c->log_path, sizeof c->log_path);
    c->ca = test_ca_new("test CA");
    test_ca_write(&c->ca, c->ca_path);
    c->times = asc_linux_hub_times_default();
    c->times.retry_min_ms = 20;
    c->times.retry_max_ms = 160;
}

void hub_client_release(struct hub_client *c)
{
    asc_linux_hub_free(c->hub);
    if (c->server != NULL) {
        hub_server_stop(c->server);
    }
    SSL_CTX_free(c->context);
    test_ca_release(&c->ca);
    temporary_end_log(c->stderr_before, c->log_path);
    unlink(c->ca_path);
}

void hub_client_serve(struct hub_client *c, SSL_CTX *context)
{
    c->context = context;
    c->server = hub_server_start(context, "127.0.0.1");
}

SSL_CTX *hub_client_good_context(const struct hub_client *c)
{
    return test_server_context(&c->ca, "DNS:localhost,IP:127.0.0.1", -3600, 3600);
}

struct asc_linux_hub_options hub_client_options(struct hub_client *c, struct asc_twin *twin)
{
    return (struct asc_linux_hub_options){.connection = &c->connection,
        .ca_file = c->ca_path,
        .times = c->times,
        .twin = twin,
        .context = c,
        .connected = on_connected,
        .sent = on_sent};
}

void hub_client_open(struct hub_client *c, const char *host, struct asc_twin *twin)
{
    const struct asc_linux_hub_options options = hub_client_options(c, twin);
    char text[500], error[ASC_LINUX_TLS_ERROR_BYTES];

    snprintf(text, sizeof text, "%s:%u;DeviceId=d1;SharedAccessKey=" HUB_SERVER_KEY, host,
        (unsigned)hub_server_port(c->server));
    assert_null(asc_linux_connection_parse(&c->connection, text));
    c->hub = asc_linux_hub_new(&options, error);
    assert_non_null(c->hub);
}

int64_t hub_client_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool hub_client_run_for(struct hub_client *c, bool (*holds)(struct hub_client *), int64_t limit_ms)
{
    int64_t end = hub_client_now_ms() + limit_ms;

    while (hub_client_now_ms() < end) {
        struct pollfd p = {.fd = -1};
        uint32_t wait = asc_linux_hub_step(c->hub);

        if (holds(c)) {
            return true;
        }
        asc_linux_hub_poll(c->hub, &p.fd, &p.events);
        (void)poll(&p, 1, wait < 10 ? (int)wait : 10);
    }
    return holds(c);
}

bool hub_client_run_until(struct hub_client *c, bool (*holds)(struct hub_client *))
{
    return hub_client_run_for(c, holds, HUB_CLIENT_WAIT_MS);
}

bool hub_client_is_online(struct hub_client *c)
{
    return asc_linux_hub_state(c->hub) == ASC_LINUX_HUB_ONLINE;
}

unsigned hub_client_logged(const struct hub_client *c, const char *text)
{
    return temporary_count(c->log_path, text);
}
