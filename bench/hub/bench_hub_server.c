/* SPDX-License-Identifier: MIT */
/* A hub on its own for measuring: makes its stores in a folder, N devices with one key, and says its port. */

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "hub/hub.h"
#include "lib/log.h"

#define DEVICE_COUNT_MAX 1000000

static int create_devices(struct vd_registry *registry, long count)
{
    for (long i = 0; i < count; i++) {
        struct vd_identity identity = {.enabled = true};
        int error;

        snprintf(identity.device_id, sizeof identity.device_id, "bench%ld", i);
        identity.primary_key.length = 32;
        memset(identity.primary_key.bytes, 'k', 32);
        identity.secondary_key = identity.primary_key;
        error = vd_registry_create(registry, &identity);
        if (error != VD_OK && error != VD_E_EXISTS) {
            return error;
        }
    }
    return VD_OK;
}

static int usage(void)
{
    fprintf(stderr, "usage: bench_hub_server FOLDER CERTIFICATE KEY DEVICES\n");
    return 2;
}

int main(int argc, char **argv)
{
    static const uint8_t master_key[32] = {1};
    struct vd_hub_config config = {.host_name = "localhost", .listen_address = "127.0.0.1"};
    struct vd_event_log *log = NULL;
    struct vd_registry *registry = NULL;
    struct vd_hub *hub = NULL;
    char path[4096];
    char error_text[256] = "";
    sigset_t signals;
    long devices;
    int signal_number;
    int error;

    if (argc != 5) {
        return usage();
    }
    devices = strtol(argv[4], NULL, 10);
    if (devices < 1 || devices > DEVICE_COUNT_MAX) {
        return usage();
    }
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    vd_log_set_level(VD_LOG_WARN);
    config.certificate_file = argv[2];
    config.private_key_file = argv[3];
    snprintf(path, sizeof path, "%s/events.db", argv[1]);
    error = vd_event_log_sqlite_open(path, &log);
    if (error == VD_OK) {
        snprintf(path, sizeof path, "%s/registry.db", argv[1]);
        error = vd_registry_sqlite_open(path, master_key, &registry);
    }
    if (error == VD_OK) {
        error = create_devices(registry, devices);
    }
    if (error == VD_OK) {
        error = vd_hub_start(&config, log, registry, &hub, error_text, sizeof error_text);
    }
    if (error == VD_OK) {
        printf("%u\n", vd_hub_port(hub));
        fflush(stdout);
        sigwait(&signals, &signal_number);
    } else {
        fprintf(stderr, "bench_hub_server: %s %s\n", vd_error_text(error), error_text);
    }
    vd_hub_stop(hub);
    vd_registry_close(registry);
    vd_event_log_close(log);
    return error == VD_OK ? 0 : 1;
}
