/* SPDX-License-Identifier: MIT */
/* A hub on its own for measuring: makes its stores in a folder, N devices with one credential, and says its port. */

#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include "bench/hub/devices.h"
#include "hub/hub.h"
#include "hub/x509.h"
#include "lib/log.h"

struct options {
    const char *folder;
    const char *certificate;
    const char *private_key;
    unsigned devices;
    const char *thumbprint_of; /* PEM: how devices prove themselves; both NULL: by keys */
    const char *ca;            /* PEM */
    unsigned other_cas;        /* besides, of the same kind */
};

static int use_thumbprint(const char *path, struct vd_identity *identity)
{
    struct vd_peer_certificate *read = NULL;
    X509 *certificate = bench_certificate_read(path);
    int error = certificate != NULL ? vd_peer_certificate_new(certificate, NULL, &read) : VD_E_IO;

    if (error == VD_OK) {
        identity->auth_type = VD_AUTH_THUMBPRINT;
        memcpy(identity->thumbprints[0], read->sha256, sizeof read->sha256);
    }
    vd_peer_certificate_free(read);
    X509_free(certificate);
    return error;
}

static int create_devices(struct vd_registry *registry, const struct options *options)
{
    struct vd_identity plan = {.enabled = true};
    int error = VD_OK;

    if (options->thumbprint_of != NULL) {
        error = use_thumbprint(options->thumbprint_of, &plan);
    } else if (options->ca != NULL) {
        plan.auth_type = VD_AUTH_CA;
    } else {
        plan.primary_key = bench_device_key();
        plan.secondary_key = plan.primary_key;
    }
    for (unsigned i = 0; error == VD_OK && i < options->devices; i++) {
        struct vd_identity identity = plan;

        bench_device_id(i, identity.device_id, sizeof identity.device_id);
        error = vd_registry_create(registry, &identity);
    }
    return error;
}

static int store_ca(struct vd_registry *registry, const char *name, X509 *certificate)
{
    struct vd_ca_certificate stored = {.is_verified = true};
    uint8_t *at = stored.der;
    int length = certificate != NULL ? i2d_X509(certificate, NULL) : 0;

    if (length <= 0 || (size_t)length > sizeof stored.der) {
        return VD_E_INVALID;
    }
    stored.der_length = (size_t)i2d_X509(certificate, &at);
    snprintf(stored.name, sizeof stored.name, "%s", name);
    return vd_registry_ca_put(registry, &stored, 0);
}

static int create_cas(struct vd_registry *registry, const struct options *options)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = bench_certificate_read(options->ca);
    int error = store_ca(registry, "bench", certificate);
    char name[32];

    for (unsigned i = 0; error == VD_OK && i < options->other_cas; i++) {
        X509_free(certificate);
        snprintf(name, sizeof name, "other%u", i);
        certificate = bench_certificate_make(name, key, NULL, key);
        error = store_ca(registry, name, certificate);
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
    return error;
}

struct stores {
    struct vd_event_log *log;
    struct vd_registry *registry;
    struct vd_state *state;
};

static int open_registry(const struct options *options, struct vd_registry **registry)
{
    static const uint8_t master_key[32] = {1};
    char path[4096];

    snprintf(path, sizeof path, "%s/registry.db", options->folder);
    return vd_registry_sqlite_open(path, master_key, registry);
}

/* What making them took in memory is given back: a hub that starts finds them made. */
static int make_identities(const struct options *options)
{
    struct vd_registry *registry = NULL;
    int error = open_registry(options, &registry);

    if (error == VD_OK) {
        error = create_devices(registry, options);
    }
    if (error == VD_OK && options->ca != NULL) {
        error = create_cas(registry, options);
    }
    vd_registry_close(registry);
    malloc_trim(0);
    return error;
}

static int open_stores(const struct options *options, struct stores *stores)
{
    char path[4096];
    int error = make_identities(options);

    if (error == VD_OK) {
        error = open_registry(options, &stores->registry);
    }
    if (error == VD_OK) {
        snprintf(path, sizeof path, "%s/events.db", options->folder);
        error = vd_event_log_sqlite_open(path, &stores->log);
    }
    if (error == VD_OK) {
        snprintf(path, sizeof path, "%s/state.db", options->folder);
        error = vd_state_open(path, &stores->state);
    }
    return error;
}

static void close_stores(struct stores *stores)
{
    if (stores->state != NULL) {
        vd_state_stop(stores->state);
        vd_state_close(stores->state);
    }
    vd_registry_close(stores->registry);
    vd_event_log_close(stores->log);
}

static bool parse_options(int argc, char **argv, struct options *options)
{
    static const struct option names[] = {
        {"thumbprint-of", required_argument, NULL, 't'},
        {"ca", required_argument, NULL, 'c'},
        {"other-cas", required_argument, NULL, 'o'},
        {0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (c) {
        case 't':
            options->thumbprint_of = optarg;
            break;
        case 'c':
            options->ca = optarg;
            break;
        case 'o':
            options->other_cas = (unsigned)strtoul(optarg, NULL, 10);
            break;
        default:
            return false;
        }
    }
    if (argc - optind != 4) {
        return false;
    }
    options->folder = argv[optind];
    options->certificate = argv[optind + 1];
    options->private_key = argv[optind + 2];
    options->devices = (unsigned)strtoul(argv[optind + 3], NULL, 10);
    return options->devices >= 1 && options->devices <= BENCH_DEVICES_MAX;
}

int main(int argc, char **argv)
{
    struct vd_hub_config config = {.host_name = "localhost", .listen_address = "127.0.0.1"};
    struct options options = {0};
    struct stores stores = {0};
    struct vd_hub *hub = NULL;
    char error_text[256] = "";
    sigset_t signals;
    int signal_number;
    int error;

    if (!parse_options(argc, argv, &options)) {
        fputs(
            "usage: bench_hub_server [--thumbprint-of PEM | --ca PEM [--other-cas N]] FOLDER CERTIFICATE KEY DEVICES\n",
            stderr);
        return 2;
    }
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    vd_log_set_level(VD_LOG_ERROR);
    config.certificate_file = options.certificate;
    config.private_key_file = options.private_key;
    error = open_stores(&options, &stores);
    config.state = stores.state;
    if (error == VD_OK) {
        error =
            vd_hub_start(&config, stores.log, stores.registry, &hub, error_text, sizeof error_text);
    }
    if (error == VD_OK) {
        printf("%u\n", vd_hub_port(hub));
        fflush(stdout);
        sigwait(&signals, &signal_number);
    } else {
        fprintf(stderr, "bench_hub_server: %s %s\n", vd_error_text(error), error_text);
    }
    vd_hub_stop(hub);
    close_stores(&stores);
    return error == VD_OK ? 0 : 1;
}
