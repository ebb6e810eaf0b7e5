/* SPDX-License-Identifier: MIT */
/* What a registry of N identities costs: fills a registry, and measures it. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/hub/devices.h"
#include "lib/secret.h"

#define LOOKUPS 20000
#define PAGES   50
/* What one request of a back end gets. */
#define PAGE 1000

static void die(const char *what, int error)
{
    fprintf(stderr, "bench_hub_registry: %s: %s\n", what, vd_error_text(error));
    exit(1);
}

static double now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* Every run has the same order. */
static unsigned random_below(unsigned bound)
{
    static uint64_t state = 1;

    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((state >> 33) % bound);
}

static void fill(struct vd_registry *registry, unsigned count)
{
    struct vd_identity identity;
    int error;

    for (unsigned i = 0; i < count; i++) {
        identity = (struct vd_identity){.enabled = true};
        bench_device_id(i, identity.device_id, sizeof identity.device_id);
        identity.primary_key = bench_device_key();
        identity.secondary_key = identity.primary_key;
        error = vd_registry_create(registry, &identity);
        if (error != VD_OK) {
            die(identity.device_id, error);
        }
    }
}

static double lookup_us(struct vd_registry *registry, unsigned count)
{
    double start = now_us();

    for (int i = 0; i < LOOKUPS; i++) {
        struct vd_identity identity;
        char id[32];
        int error;

        bench_device_id(random_below(count), id, sizeof id);
        error = vd_registry_get(registry, id, NULL, &identity);
        if (error != VD_OK) {
            die(id, error);
        }
    }
    return (now_us() - start) / LOOKUPS;
}

static bool count_page(void *context, const struct vd_identity *identity)
{
    unsigned *left = context;

    (void)identity;
    return --*left > 0;
}

static double page_us(struct vd_registry *registry, unsigned count)
{
    double start = now_us();

    for (int i = 0; i < PAGES; i++) {
        unsigned left = PAGE;
        char id[32];
        int error;

        bench_device_id(random_below(count), id, sizeof id);
        error = vd_registry_list(registry, count > PAGE ? id : NULL, NULL, count_page, &left);
        if (error != VD_OK) {
            die("list", error);
        }
    }
    return (now_us() - start) / PAGES;
}

static double count_us(struct vd_registry *registry, unsigned count)
{
    double start = now_us();
    uint64_t devices = 0;
    uint64_t enabled;
    uint64_t disabled;
    int error = vd_registry_count(registry, &devices, &enabled, &disabled);

    if (error != VD_OK || devices < count) {
        die("count", error);
    }
    return now_us() - start;
}

/* Prints what a lookup, a page and a count take in microseconds. */
static void measure(struct vd_registry *registry, unsigned count)
{
    double lookup;
    double page;
    double all;

    lookup_us(registry, count);
    lookup = lookup_us(registry, count);
    page = page_us(registry, count);
    all = count_us(registry, count);
    printf("%.2f %.0f %.0f\n", lookup, page, all);
}

int main(int argc, char **argv)
{
    uint8_t key[VD_MASTER_KEY_BYTES];
    struct vd_registry *registry = NULL;
    unsigned count = argc == 5 ? (unsigned)strtoul(argv[4], NULL, 10) : 0;
    int error;

    if (count == 0 || count > BENCH_DEVICES_MAX) {
        fputs("usage: bench_hub_registry fill|measure REGISTRY MASTER_KEY DEVICES\n", stderr);
        return 2;
    }
    error = vd_secret_key_file_read(argv[3], key);
    if (error == VD_OK) {
        error = vd_registry_sqlite_open(argv[2], key, &registry);
    }
    if (error != VD_OK) {
        die(argv[2], error);
    }
    if (strcmp(argv[1], "fill") == 0) {
        fill(registry, count);
    } else {
        measure(registry, count);
    }
    vd_registry_close(registry);
    return 0;
}
