/* SPDX-License-Identifier: MIT */
/* What twin queries take over N identities, and what a writer of state waits meanwhile: fills twins, and measures. */

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "api/queries.h"
#include "bench/hub/devices.h"
#include "lib/secret.h"

#define NAMED_TIMES 200
#define FILL_CHUNK  500u

static struct vd_registry *registry;
static struct vd_state *state;

static void die(const char *what, int error)
{
    fprintf(stderr, "bench_hub_query: %s: %s\n", what, vd_error_text(error));
    exit(1);
}

static double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* ---- Filling ---- */

struct filling {
    struct vd_state_key keys[FILL_CHUNK];
    unsigned count;
    unsigned total;
};

static bool make_twin(void *context, struct vd_str old, struct vd_buf *made)
{
    struct vd_twin twin = {0};
    struct vd_twin_problem problem;
    char body[400];
    unsigned number = *(unsigned *)context;
    bool good;

    (void)old;
    snprintf(body, sizeof body,
        "{\"tags\":{\"site\":\"site-%u\",\"line\":%u},\"properties\":{\"desired\":{\"interval\":%u,"
        "\"firmware\":{\"version\":\"1.2.%u\"},\"limits\":{\"high\":80.5,\"low\":-10}}}}",
        number % 100, number % 7, 10 + number % 50, number % 9);
    good = vd_twin_open(&twin, (struct vd_str){"", 0}, 1) == VD_OK &&
        vd_twin_update(&twin, VD_TWIN_PATCH, vd_str_from(body), NULL, 2, NULL, &problem) ==
            VD_TWIN_OK;
    if (good) {
        vd_twin_write(&twin, made);
    }
    vd_twin_release(&twin);
    return good;
}

static int run_fill(void *context, struct vd_state_store *store)
{
    struct filling *filling = context;
    int error = VD_OK;

    for (unsigned i = 0; error == VD_OK && i < filling->count; i++) {
        unsigned number = filling->total + i;

        error = vd_state_twin_update(store, &filling->keys[i], make_twin, &number);
    }
    return error;
}

static void flush(struct filling *filling)
{
    int error = vd_state_do(state, run_fill, filling);

    if (error != VD_OK) {
        die("twins", error);
    }
    filling->total += filling->count;
    filling->count = 0;
}

static bool fill_one(void *context, const struct vd_identity *identity)
{
    struct filling *filling = context;

    filling->keys[filling->count++] = vd_twins_key(identity);
    if (filling->count == FILL_CHUNK) {
        flush(filling);
    }
    return true;
}

static void fill(void)
{
    static struct filling filling;
    int error = vd_registry_list(registry, NULL, NULL, fill_one, &filling);

    if (error != VD_OK) {
        die("list", error);
    }
    flush(&filling);
}

/* ---- Queries ---- */

struct cost {
    double total_ms;
    double longest_page_ms;
    unsigned pages;
    size_t rows;
    int error;
};

/* All pages of the query. */
static struct cost query(const char *text)
{
    const struct vd_twins twins = {registry, state, NULL};
    struct vd_twin_query *parsed = NULL;
    struct vd_twin_query_problem problem;
    struct vd_twin_query_page page = {0};
    struct cost cost = {0};
    double begun = now_ms();

    if (vd_twin_query_parse(vd_str_from(text), &parsed, &problem) != VD_OK) {
        die(text, VD_E_INVALID);
    }
    do {
        double page_begun = now_ms();

        cost.error = vd_queries_page(
            &twins, parsed, vd_str_from(page.continuation), VD_QUERIES_ROWS_MAX, &page);
        if (cost.error != VD_OK) {
            break;
        }
        cost.pages++;
        cost.rows += json_array_size(page.rows);
        json_decref(page.rows);
        if (now_ms() - page_begun > cost.longest_page_ms) {
            cost.longest_page_ms = now_ms() - page_begun;
        }
    } while (page.continuation[0] != '\0');
    cost.total_ms = now_ms() - begun;
    vd_twin_query_free(parsed);
    return cost;
}

static double named_us(unsigned count)
{
    double begun = now_ms();

    for (unsigned i = 0; i < NAMED_TIMES; i++) {
        char text[96];

        snprintf(text, sizeof text, "SELECT * FROM devices WHERE deviceId = 'bench%u'",
            i * 7919u % count);
        if (query(text).rows != 1) {
            die(text, VD_E_NOT_FOUND);
        }
    }
    return (now_ms() - begun) * 1000 / NAMED_TIMES;
}

/* ---- A writer meanwhile ---- */

static atomic_bool writing_ends;

static int run_write(void *context, struct vd_state_store *store)
{
    const struct vd_state_key *key = context;

    return vd_state_subscriptions_put(store, key, 1 + (uint32_t)(now_ms()) % 100);
}

/* Writes one after the other; the longest wait in milliseconds. */
static void *write_on(void *argument)
{
    static double longest;
    struct vd_state_key key = {.device_id = "bench0", .generation_id = "writer"};

    (void)argument;
    longest = 0;
    while (!atomic_load(&writing_ends)) {
        double begun = now_ms();
        int error = vd_state_do(state, run_write, &key);

        if (error != VD_OK) {
            die("write", error);
        }
        if (now_ms() - begun > longest) {
            longest = now_ms() - begun;
        }
    }
    return &longest;
}

static struct cost query_beside_writer(const char *text, double *longest_wait_ms)
{
    pthread_t thread;
    struct cost cost;
    void *longest;

    atomic_store(&writing_ends, false);
    if (pthread_create(&thread, NULL, write_on, NULL) != 0) {
        die("thread", VD_E_IO);
    }
    cost = query(text);
    atomic_store(&writing_ends, true);
    pthread_join(thread, &longest);
    *longest_wait_ms = *(double *)longest;
    return cost;
}

static double peak_mib(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}

/* Prints: one that names its device in us, one that names 100 in ms, the first that reads all in s, its longest page in ms,
 * one by status in ms, groups in s (0: refused for its time), the longest wait of a writer beside one that reads all in ms,
 * and the process's peak in MiB. */
static void measure(unsigned count)
{
    struct vd_buf hundred = {0};
    double named;
    double wait_ms;
    struct cost many;
    struct cost all;
    struct cost by_status;
    struct cost groups;

    vd_buf_append_text(&hundred, "SELECT deviceId FROM devices WHERE deviceId IN [");
    for (unsigned i = 0; i < 100; i++) {
        vd_buf_printf(&hundred, "%s'bench%u'", i > 0 ? "," : "", i * 9973u % count);
    }
    vd_buf_append(&hundred, "]", 2);
    named = named_us(count);
    many = query((const char *)hundred.data);
    all = query_beside_writer("SELECT deviceId FROM devices WHERE tags.site = 'nowhere'", &wait_ms);
    by_status = query("SELECT deviceId FROM devices WHERE status = 'disabled'");
    groups = query("SELECT tags.site AS site, COUNT() AS n FROM devices GROUP BY tags.site");
    if (all.error != VD_OK || by_status.error != VD_OK || all.rows != 0) {
        die("query", all.error);
    }
    printf("%.1f %.3f %.3f %.1f %.3f %.3f %.2f %.1f\n", named, many.total_ms, all.total_ms / 1000,
        all.longest_page_ms, by_status.total_ms, groups.error == VD_OK ? groups.total_ms / 1000 : 0,
        wait_ms, peak_mib());
    vd_buf_release(&hundred);
}

int main(int argc, char **argv)
{
    uint8_t key[VD_MASTER_KEY_BYTES];
    unsigned count = argc == 6 ? (unsigned)strtoul(argv[5], NULL, 10) : 0;
    int error;

    if (count == 0 || count > BENCH_DEVICES_MAX) {
        fputs("usage: bench_hub_query fill|measure REGISTRY MASTER_KEY STATE DEVICES\n", stderr);
        return 2;
    }
    error = vd_secret_key_file_read(argv[3], key);
    if (error == VD_OK) {
        error = vd_registry_sqlite_open(argv[2], key, &registry);
    }
    if (error == VD_OK) {
        error = vd_state_open(argv[4], &state);
    }
    if (error != VD_OK) {
        die(argv[2], error);
    }
    if (strcmp(argv[1], "fill") == 0) {
        fill();
    } else {
        measure(count);
    }
    vd_state_stop(state);
    vd_state_close(state);
    vd_registry_close(registry);
    return 0;
}
