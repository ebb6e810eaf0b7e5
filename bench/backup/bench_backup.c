/* SPDX-License-Identifier: MIT */
/* What a backup costs beside messages: `bench_backup DATA_DIR MESSAGES_PER_SECOND SECONDS` fills an initialised data directory at
 * that pace, then writes a backup beside it while messages go on coming. */

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cli/backup/backup.h"
#include "cli/data_dir.h"
#include "cli/stores.h"
#include "lib/clock.h"
#include "tests/center/message.h"

/* Messages of one append, as the committer gathers them at this pace. */
#define GATHERED 200
#define BODIES   64

struct load {
    struct vd_event_log *log;
    unsigned per_second;
    atomic_bool stop;
    atomic_ullong appended;
    atomic_llong slowest_us; /* of the appends since it was set to 0 */
};

static void must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "bench_backup: %s failed\n", what);
        exit(1);
    }
}

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static struct vd_str message_of(uint32_t number)
{
    const struct test_flow flow = {
        "10.0.0.2", "198.51.100.7", (uint16_t)(1024 + number % 60000), 443, 1000, 2000, 0};
    const struct test_event event = {
        test_uuid(number + 1), (uint32_t)(vd_clock_utc_ms() / 1000), 10, 1, &flow, 1};
    struct vd_buf body = {0};

    test_message_write(&body, &event, 1);
    must(body.error == VD_OK, "message");
    return (struct vd_str){(char *)body.data, body.length};
}

static void append(struct load *load, uint32_t *number)
{
    struct vd_event_batch batch = {0};
    uint64_t first;
    int64_t took_us;

    for (int i = 0; i < GATHERED; i++, ++*number) {
        char device[24];
        struct vd_event record = {.kind = VD_EVENT_SECURITY,
            .enqueued_ms = vd_clock_utc_ms(),
            .device_id = {device,
                (size_t)snprintf(device, sizeof device, "device-%u", *number % 1000)},
            .body = message_of(*number)};

        must(vd_event_batch_add(&batch, &record) == VD_OK, "batch");
        free((void *)(uintptr_t)record.body.data);
    }
    took_us = now_us();
    must(vd_event_log_append(load->log, 0, &batch, &first) == VD_OK, "append");
    took_us = now_us() - took_us;
    if (took_us > atomic_load(&load->slowest_us)) {
        atomic_store(&load->slowest_us, took_us);
    }
    atomic_fetch_add(&load->appended, GATHERED);
    vd_event_batch_release(&batch);
}

static void *load_main(void *argument)
{
    struct load *load = argument;
    const int64_t step_us = 1000000LL * GATHERED / load->per_second;
    int64_t next_us = now_us();
    uint32_t number = 0;

    while (!atomic_load(&load->stop)) {
        const int64_t wait_us = next_us - now_us();
        const struct timespec pause = {0, wait_us > 0 ? wait_us * 1000 : 0};

        nanosleep(&pause, NULL);
        append(load, &number);
        next_us += step_us;
    }
    return NULL;
}

static uint64_t lag_of(struct load *load, struct vd_center *center)
{
    struct vd_center_stats stats;

    vd_center_stats_get(center, &stats);
    return atomic_load(&load->appended) - stats.records;
}

static void run(const char *dir, unsigned per_second, unsigned seconds, struct vd_stores *stores)
{
    const struct vd_center_config config = {
        .log = stores->log, .analytics = stores->analytics, .store = stores->alerts};
    const struct timespec fill = {(time_t)seconds, 0};
    char destination[VD_PATH_SIZE];
    char error_text[1024] = "";
    struct vd_backup_wish wish = {.data_dir = dir, .destination = destination, .hub_name = "bench"};
    struct vd_manifest manifest = {0};
    struct load load = {.log = stores->log, .per_second = per_second};
    struct vd_center *center = NULL;
    pthread_t thread;
    uint64_t bytes = 0;
    uint64_t before;
    int64_t took_us;
    int64_t slowest_alone_us;

    snprintf(destination, sizeof destination, "%s.backup", dir);
    must(vd_center_start(&config, &center) == VD_OK, "center");
    must(pthread_create(&thread, NULL, load_main, &load) == 0, "thread");
    nanosleep(&fill, NULL);
    slowest_alone_us = atomic_exchange(&load.slowest_us, 0);
    before = atomic_load(&load.appended);
    wish.analytics = stores->analytics;
    wish.center = center;
    took_us = now_us();
    must(vd_backup_write(&wish, &manifest, &bytes, error_text, sizeof error_text) == VD_OK,
        error_text);
    took_us = now_us() - took_us;
    printf("backup_bytes %llu\nbackup_ms %lld\ncenter_pause_us %lld\nslowest_append_alone_us %lld\n"
           "slowest_append_beside_us %lld\nmessages_per_s_beside %.0f\ncenter_lag %llu\n",
        (unsigned long long)bytes, (long long)took_us / 1000, (long long)manifest.pause_us,
        (long long)slowest_alone_us, (long long)atomic_load(&load.slowest_us),
        (double)(atomic_load(&load.appended) - before) * 1e6 / (double)took_us,
        (unsigned long long)lag_of(&load, center));
    atomic_store(&load.stop, true);
    pthread_join(thread, NULL);
    vd_event_log_interrupt(stores->log);
    vd_center_stop(center);
}

int main(int argc, char **argv)
{
    struct vd_config config;
    struct vd_stores stores;
    char error_text[1024] = "";
    const unsigned long per_second = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
    const unsigned long seconds = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;

    if (per_second < GATHERED || per_second > 1000000 || seconds < 1 || seconds > 3600) {
        fprintf(stderr, "usage: bench_backup DATA_DIR MESSAGES_PER_SECOND SECONDS\n");
        return 2;
    }
    vd_log_set_level(VD_LOG_WARN);
    vd_config_defaults(&config);
    must(vd_stores_open(argv[1], &config, VD_NEEDS_ALL, &stores, error_text, sizeof error_text) ==
            VD_OK,
        error_text);
    run(argv[1], (unsigned)per_second, (unsigned)seconds, &stores);
    vd_stores_close(&stores);
    return 0;
}
