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
#include "azure_iot_security_module/ports/linux/asc_linux_notify.h"
#include "azure_iot_security_module/ports/linux/asc_linux_system.h"

/* How long stopping may take to send what was collected. */
#define DRAIN_MS 5000u
/* Dropped packets are logged at most this often. */
#define MISSED_LOG_MS 10000u
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
    uint32_t due_ms; /* when the module wanted its next step, as of the last one */
    uint64_t missed; /* of the packets that the kernel dropped, those that the module was told of */
    uint64_t missed_logged;
    uint32_t missed_logged_ms;
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
    (void)context;
    return uptime_ms();
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

static void port_log(void *context, enum asc_log_level level, const char *text)
{
    (void)context;
    asc_linux_log(level <= ASC_LOG_ERROR   ? ASC_LINUX_LOG_ERROR
            : level == ASC_LOG_WARNING     ? ASC_LINUX_LOG_WARN
            : level == ASC_LOG_INFORMATION ? ASC_LINUX_LOG_INFO
                                           : ASC_LINUX_LOG_DEBUG,
        "module", "message=\"%s\"", text);
}

static const struct asc_port port = {
    .time_utc_s = port_time_utc_s,
    .uptime_ms = port_uptime_ms,
    .random = port_random,
    .lock = port_lock,
    .unlock = port_unlock,
    .send = port_send,
    .system_information = port_system_information,
    .log = port_log,
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

/* What the kernel dropped passed the interface all the same: it is overflow, not nothing. */
static void account_missed(struct agent *a, const struct asc_linux_capture_counters *counters)
{
    const uint64_t more = counters->dropped - a->missed;

    if (more > 0) {
        asc_module_missed(&a->module, more > UINT32_MAX ? UINT32_MAX : (uint32_t)more);
        a->missed = counters->dropped;
    }
}

static void log_missed(struct agent *a)
{
    if (a->missed != a->missed_logged) {
        asc_linux_log(ASC_LINUX_LOG_WARN, "capture_dropped", "packets=%llu since_start=%llu",
            (unsigned long long)(a->missed - a->missed_logged), (unsigned long long)a->missed);
        a->missed_logged = a->missed;
        a->missed_logged_ms = uptime_ms();
    }
}

/* Before each step of the module, so that its ledger is up to date. */
static void look_at_capture(struct agent *a)
{
    struct asc_linux_capture_counters counters;

    if (a->capture != NULL) {
        counters = asc_linux_capture_counters(a->capture);
        account_missed(a, &counters);
        if (a->missed_logged == 0 || uptime_ms() - a->missed_logged_ms >= MISSED_LOG_MS) {
            log_missed(a);
        }
    }
}

static void stop_capture(struct agent *a)
{
    struct asc_linux_capture_counters counters = asc_linux_capture_stop(a->capture);

    a->capture = NULL;
    account_missed(a, &counters);
    log_missed(a);
}

/* One turn: what is due, then sleep until more is, `most_ms` at most. True: `stop_fd` is readable. */
static bool turn(struct agent *a, int stop_fd, uint32_t most_ms)
{
    struct pollfd fds[2] = {{.fd = stop_fd, .events = POLLIN}, {.fd = -1}};
    uint32_t wait_ms = asc_linux_hub_step(a->hub);

    look_at_capture(a);
    a->due_ms = asc_module_step(&a->module);
    log_state(a);
    wait_ms = a->due_ms < wait_ms ? a->due_ms : wait_ms;
    wait_ms = most_ms < wait_ms ? most_ms : wait_ms;
    /* After the module's step, which may have given the connection something to write. */
    asc_linux_hub_poll(a->hub, &fds[1].fd, &fds[1].events);
    return poll(fds, 2, wait_ms > INT_MAX ? INT_MAX : (int)wait_ms) > 0 && fds[0].revents != 0;
}

/* After a flush: nothing is due any more, and every message is with the hub. */
static bool all_sent(struct agent *a)
{
    struct asc_counters c = asc_module_counters(&a->module);

    return asc_module_state(&a->module) == ASC_STATE_ACTIVE && a->due_ms > 1 &&
        c.messages_built == c.messages_sent + c.messages_given_up;
}

/* Collects what the interval has so far, and waits a bounded time until the hub has it. */
static void drain(struct agent *a)
{
    uint32_t start = uptime_ms();
    bool sent = false;

    asc_module_flush(&a->module);
    do {
        (void)turn(a, -1, 20);
        sent = all_sent(a);
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
    if (settings.first_interval_s > settings.high_interval_s) {
        settings.first_interval_s = settings.high_interval_s; /* who wants it often wants it soon */
    }
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
        "packets=%u withheld=%u overflowed=%u dropped=%llu malformed=%u ignored=%u "
        "messages_sent=%u messages_given_up=%u",
        asc_counters_packets_seen(&c), c.packets_withheld, c.packets_overflowed,
        (unsigned long long)a->missed, c.packets_malformed, c.packets_ignored, c.messages_sent,
        c.messages_given_up);
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
        asc_linux_log(ASC_LINUX_LOG_INFO, "agent_started",
            "version=%u.%u.%u device=%s interface=%s interval_s=%u", ASC_VERSION_MAJOR,
            ASC_VERSION_MINOR, ASC_VERSION_PATCH, a->device_id, options->interface,
            a->module.settings.high_interval_s);
        asc_linux_notify("READY=1");
        while (!turn(a, options->stop_fd, UINT32_MAX)) {
        }
        asc_linux_log(ASC_LINUX_LOG_INFO, "agent_stopping", "device=%s", a->device_id);
        asc_linux_notify("STOPPING=1");
        stop_capture(a);
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
