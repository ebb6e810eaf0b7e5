/* SPDX-License-Identifier: MIT */
/* The port's functions for the module's core, and the loop that drives module and connection. */

#include "azure_iot_security_module/ports/linux/asc_linux_agent.h"

#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/random.h>

#include "azure_iot_security_module/inc/asc_twin.h"
#include "azure_iot_security_module/ports/linux/asc_linux_log.h"
#include "azure_iot_security_module/ports/linux/asc_linux_system.h"

/* How long stopping may take to send what was collected. */
#define DRAIN_MS 5000u
/* The kernel's count of dropped packets is looked at this often, while awake anyway. */
#define DROPS_MS 10000u
/* 2020-01-01: a clock before that was never set. */
#define EARLIEST_UTC_S 1577836800

struct agent {
    struct asc_module module;
    struct asc_twin twin;
    pthread_mutex_t mutex; /* hook against the rest of the module */
    asc_linux_hub *hub;
    asc_linux_capture *capture;
    struct asc_linux_system system;
    const char *device_id;
    enum asc_state logged_state;
    uint32_t ahead_ms; /* how far the module's clock runs ahead: 0 until it stops */
    uint32_t due_ms;   /* when the module wanted its next step, as of the last one */
    uint32_t drops_seen_ms;
    uint64_t drops_seen;
};

static uint32_t port_time_utc_s(void *context)
{
    time_t now = time(NULL);

    (void)context;
    return now < EARLIEST_UTC_S ? 0 : (uint32_t)now;
}

static uint32_t uptime_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)now.tv_sec * 1000u + (uint32_t)(now.tv_nsec / 1000000);
}

static uint32_t port_uptime_ms(void *context)
{
    const struct agent *a = context;

    return uptime_ms() + a->ahead_ms;
}

static bool port_random(void *context, uint8_t *out, size_t length)
{
    (void)context;
    return getrandom(out, length, 0) == (ssize_t)length;
}

static void port_lock(void *context)
{
    struct agent *a = context;

    pthread_mutex_lock(&a->mutex);
}

static void port_unlock(void *context)
{
    struct agent *a = context;

    pthread_mutex_unlock(&a->mutex);
}

static enum asc_send_result port_send(void *context, const uint8_t *message, uint32_t length)
{
    struct agent *a = context;
    bool taken = asc_linux_hub_send(a->hub, message, length);

    asc_linux_log(ASC_LINUX_LOG_DEBUG, taken ? "message_out" : "message_kept", "bytes=%u", length);
    return taken ? ASC_SEND_PENDING : ASC_SEND_RETRY;
}

static const char *known(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static void port_system_information(void *context, struct asc_system_information *out)
{
    const struct agent *a = context;

    out->os = known(a->system.os);
    out->kernel = known(a->system.kernel);
    out->hw = known(a->system.hw);
}

static const struct asc_port port = {
    .time_utc_s = port_time_utc_s,
    .uptime_ms = port_uptime_ms,
    .random = port_random,
    .lock = port_lock,
    .unlock = port_unlock,
    .send = port_send,
    .system_information = port_system_information,
};

static void on_packet(void *context, enum asc_direction direction, enum asc_cast cast,
    const struct asc_segment *packet)
{
    struct agent *a = context;

    asc_module_packet(&a->module, direction, cast, packet);
}

static void on_connected(void *context, bool connected)
{
    struct agent *a = context;

    asc_module_connected(&a->module, connected);
}

static void on_sent(void *context, bool delivered)
{
    struct agent *a = context;

    asc_linux_log(delivered ? ASC_LINUX_LOG_DEBUG : ASC_LINUX_LOG_WARN,
        delivered ? "message_delivered" : "message_not_delivered", "device=%s", a->device_id);
    asc_module_sent(&a->module, delivered);
}

static void log_state(struct agent *a)
{
    enum asc_state state = asc_module_state(&a->module);

    if (state != a->logged_state) {
        asc_linux_log(ASC_LINUX_LOG_INFO, "module_state", "from=\"%s\" to=\"%s\"",
            asc_state_name(a->logged_state), asc_state_name(state));
        a->logged_state = state;
    }
}

static void log_drops(struct agent *a)
{
    struct asc_linux_capture_counters counters;

    if (uptime_ms() - a->drops_seen_ms < DROPS_MS) {
        return;
    }
    a->drops_seen_ms = uptime_ms();
    counters = asc_linux_capture_counters(a->capture);
    if (counters.dropped != a->drops_seen) {
        asc_linux_log(ASC_LINUX_LOG_WARN, "capture_dropped", "packets=%llu since_start=%llu",
            (unsigned long long)(counters.dropped - a->drops_seen),
            (unsigned long long)counters.dropped);
        a->drops_seen = counters.dropped;
    }
}

/* One turn: what is due, then sleep until more is, `most_ms` at most. True: `stop_fd` is readable. */
static bool turn(struct agent *a, int stop_fd, uint32_t most_ms)
{
    struct pollfd fds[2] = {{.fd = stop_fd, .events = POLLIN}, {.fd = -1}};
    uint32_t wait_ms = asc_linux_hub_step(a->hub);

    a->due_ms = asc_module_step(&a->module);
    log_state(a);
    wait_ms = a->due_ms < wait_ms ? a->due_ms : wait_ms;
    wait_ms = most_ms < wait_ms ? most_ms : wait_ms;
    /* After the module's step, which may have given the connection something to write. */
    asc_linux_hub_poll(a->hub, &fds[1].fd, &fds[1].events);
    return poll(fds, 2, wait_ms > INT_MAX ? INT_MAX : (int)wait_ms) > 0 && fds[0].revents != 0;
}

static bool all_sent(struct agent *a)
{
    struct asc_counters c = asc_module_counters(&a->module);

    return c.messages_built == c.messages_sent + c.messages_given_up;
}

/* Moves the module's clock on to its next step, an interval in all: what would be due at the end of
   the interval is due now. False: the clock has yet to get there. */
static bool collect_now(struct agent *a)
{
    uint32_t interval_ms = a->module.settings.high_interval_s * 1000;
    uint32_t left_ms = interval_ms - a->ahead_ms;

    if (asc_module_state(&a->module) == ASC_STATE_ACTIVE) {
        a->ahead_ms += a->due_ms < left_ms ? a->due_ms : left_ms;
    }
    return a->ahead_ms == interval_ms;
}

/* Collects what the interval has so far, and waits a bounded time until the hub has it. */
static void drain(struct agent *a)
{
    uint32_t start = uptime_ms();
    bool sent = false;

    do {
        bool collected = collect_now(a);

        (void)turn(a, -1, collected ? 20 : 1);
        sent = collected && all_sent(a);
    } while (!sent && uptime_ms() - start < DRAIN_MS &&
        asc_linux_hub_state(a->hub) != ASC_LINUX_HUB_WAITING);
    if (!sent) {
        asc_linux_log(ASC_LINUX_LOG_WARN, "stopped_unsent", "reason=\"the hub was not reached\"");
    }
}

static void hang_up(struct agent *a)
{
    asc_linux_hub_stop(a->hub);
    while (asc_linux_hub_state(a->hub) != ASC_LINUX_HUB_STOPPED) {
        struct pollfd fd = {.fd = -1};
        uint32_t wait_ms = asc_linux_hub_step(a->hub);

        if (asc_linux_hub_state(a->hub) != ASC_LINUX_HUB_STOPPED) {
            asc_linux_hub_poll(a->hub, &fd.fd, &fd.events);
            (void)poll(&fd, 1, (int)wait_ms);
        }
    }
}

static int8_t timezone_hours(void)
{
    time_t now = time(NULL);
    struct tm local;
    long hours;

    localtime_r(&now, &local);
    hours = local.tm_gmtoff / 3600;
    return (int8_t)(hours < -12 ? -12 : hours > 14 ? 14 : hours);
}

static bool start_module(struct agent *a, const struct asc_linux_agent_options *options)
{
    struct asc_settings settings = options->settings;
    enum asc_result result;

    if (settings.security_module_id == NULL) {
        settings.security_module_id = options->connection->device_id;
    }
    settings.timezone_hours = timezone_hours();
    asc_linux_system_read(&a->system);
    result = asc_module_init(&a->module, &port, a, &settings);
    if (result == ASC_OK) {
        asc_twin_init(&a->twin, &a->module);
        result = asc_module_enable(&a->module);
    }
    if (result != ASC_OK) {
        asc_linux_log(ASC_LINUX_LOG_ERROR, "agent_failed", "reason=\"the module cannot start: %s\"",
            asc_result_text(result));
    }
    return result == ASC_OK;
}

static bool start(struct agent *a, const struct asc_linux_agent_options *options)
{
    struct asc_linux_hub_options hub = {
        .connection = options->connection,
        .ca_file = options->ca_file,
        .times = options->times,
        .twin = &a->twin,
        .context = a,
        .connected = on_connected,
        .sent = on_sent,
    };
    char tls_error[ASC_LINUX_TLS_ERROR_BYTES];
    char capture_error[ASC_LINUX_CAPTURE_ERROR_BYTES];

    a->hub = asc_linux_hub_new(&hub, tls_error);
    if (a->hub == NULL) {
        asc_linux_log(ASC_LINUX_LOG_ERROR, "agent_failed", "reason=\"%s\" ca=\"%s\"", tls_error,
            options->ca_file != NULL ? options->ca_file : "system");
        return false;
    }
    if (!start_module(a, options)) {
        return false;
    }
    a->capture =
        asc_linux_capture_start(options->interface, options->capture, on_packet, a, capture_error);
    if (a->capture == NULL) {
        asc_linux_log(ASC_LINUX_LOG_ERROR, "agent_failed", "reason=\"%s\"", capture_error);
        return false;
    }
    return true;
}

static void log_end(struct agent *a)
{
    struct asc_counters c = asc_module_counters(&a->module);

    asc_linux_log(ASC_LINUX_LOG_INFO, "agent_stopped",
        "packets=%u overflowed=%u malformed=%u ignored=%u messages_sent=%u",
        asc_counters_packets_seen(&c), c.packets_overflowed, c.packets_malformed, c.packets_ignored,
        c.messages_sent);
}

/* A peer that closes must not end the process: the write's error is enough. */
static void block_sigpipe(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int asc_linux_agent_run(const struct asc_linux_agent_options *options)
{
    struct agent *a = calloc(1, sizeof *a);
    int failed = 1;

    if (a == NULL) {
        asc_linux_log(ASC_LINUX_LOG_ERROR, "agent_failed", "reason=\"out of memory\"");
        return 1;
    }
    pthread_mutex_init(&a->mutex, NULL);
    a->device_id = options->connection->device_id;
    block_sigpipe();
    if (start(a, options)) {
        failed = 0;
        while (!turn(a, options->stop_fd, UINT32_MAX)) {
            log_drops(a);
        }
        asc_linux_log(ASC_LINUX_LOG_INFO, "agent_stopping", "device=%s", a->device_id);
        log_drops(a);
        asc_linux_capture_stop(a->capture);
        drain(a);
        hang_up(a);
        log_end(a);
        asc_module_disable(&a->module);
    }
    asc_linux_hub_free(a->hub);
    pthread_mutex_destroy(&a->mutex);
    free(a);
    return failed;
}
