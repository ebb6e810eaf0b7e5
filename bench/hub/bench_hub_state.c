/* SPDX-License-Identifier: MIT */
/* Changes of the hub's state a second, each durable: reported patches of twins and messages to devices, alone and together. */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bench/hub/devices.h"
#include "hub/state.h"
#include "hub/twin.h"
#include "lib/clock.h"

#define DEVICES    1000u
#define WARM_UP_MS 500
#define BODY_BYTES 500u

/* One change that is on its way again and again, each time for the next of its devices. */
struct work {
    struct vd_state_request request;
    struct vd_state_key key;
    unsigned device;
    unsigned count;
};

static int64_t end_ms;
static unsigned on_their_way;

static void die(const char *what, int error)
{
    fprintf(stderr, "bench_hub_state: %s: %s\n", what, vd_error_text(error));
    exit(1);
}

/* ---- In the writer's thread ---- */

/* Of the type vd_state_twin_change. */
static bool patch_twin(void *context, struct vd_str old, struct vd_buf *changed)
{
    const struct work *work = context;
    struct vd_twin twin = {0};
    struct vd_twin_problem problem;
    char patch[160];
    bool patched;

    snprintf(patch, sizeof patch,
        "{\"temperature\":%u.5,\"firmware\":{\"version\":\"1.2.%u\",\"status\":\"running\"},"
        "\"interval\":%u}",
        work->count % 40, work->count % 7, work->count);
    if (vd_twin_open(&twin, old, 1) != VD_OK) {
        return false;
    }
    patched = vd_twin_patch_reported(&twin, vd_str_from(patch), vd_clock_utc_ms(), &problem) ==
        VD_TWIN_OK;
    if (patched) {
        vd_twin_write(&twin, changed);
    }
    vd_twin_release(&twin);
    return patched;
}

static int run_patch(void *context, struct vd_state_store *store)
{
    struct work *work = context;

    return vd_state_twin_update(store, &work->key, patch_twin, work);
}

/* A message is sent, taken by its device and completed: the queue stays as it is. */
static int run_command(void *context, struct vd_state_store *store)
{
    static const char body[BODY_BYTES];
    struct work *work = context;
    const struct vd_c2d_message message = {
        .message_id = VD_STR_LITERAL("bench"), .body = {body, sizeof body}};
    struct vd_c2d_delivery delivery = {0};
    const int64_t now_ms = vd_clock_utc_ms();
    bool found = false;
    int error = vd_state_c2d_send(store, &work->key, &message, now_ms, NULL);

    if (error == VD_OK) {
        error = vd_state_c2d_take(
            store, &work->key, VD_HUB_C2D_LOCK_MS, now_ms, &delivery, &found, NULL);
    }
    if (error == VD_OK && found) {
        error = vd_state_c2d_settle(
            store, &work->key, delivery.lock, VD_C2D_COMPLETE, now_ms, &found, NULL);
    }
    vd_c2d_delivery_release(&delivery);
    return error == VD_OK && !found ? VD_E_NOT_FOUND : error;
}

/* ---- The load ---- */

static void submit(struct vd_state *state, struct work *work, unsigned step)
{
    int error;

    work->count++;
    work->device = (work->device + step) % DEVICES;
    bench_device_id(work->device, work->key.device_id, sizeof work->key.device_id);
    error = vd_state_submit(state, &work->request);
    if (error != VD_OK) {
        die("submit", error);
    }
    on_their_way++;
}

/* Takes back what is complete, and submits it anew until the time is over. How many came back. */
static unsigned turn(struct vd_state *state, int wake_fd, unsigned step)
{
    struct pollfd wake = {.fd = wake_fd, .events = POLLIN};
    struct vd_state_request *request;
    uint64_t drained;
    unsigned count = 0;

    if (poll(&wake, 1, 1000) < 0 ||
        (wake.revents != 0 && read(wake_fd, &drained, sizeof drained) < 0)) {
        die("wake", vd_error_from_errno(errno));
    }
    while ((request = vd_state_completed(state)) != NULL) {
        if (request->error != VD_OK) {
            die("change", request->error);
        }
        count++;
        on_their_way--;
        if (vd_clock_monotonic_ms() < end_ms) {
            submit(state, request->context, step);
        }
    }
    return count;
}

/* Changes a second with so many on their way at a time. */
static double measure(
    struct vd_state *state, int wake_fd, vd_state_run *run, unsigned at_once, unsigned seconds)
{
    struct work *works = calloc(at_once, sizeof *works);
    const int64_t from_ms = vd_clock_monotonic_ms() + WARM_UP_MS;
    uint64_t counted = 0;

    if (works == NULL) {
        die("memory", VD_E_NOMEM);
    }
    end_ms = from_ms + 1000 * (int64_t)seconds;
    for (unsigned i = 0; i < at_once; i++) {
        works[i].request = (struct vd_state_request){.run = run, .context = &works[i]};
        works[i].device = i;
        snprintf(works[i].key.generation_id, sizeof works[i].key.generation_id, "bench");
        submit(state, &works[i], at_once);
    }
    while (on_their_way > 0) {
        const unsigned count = turn(state, wake_fd, at_once);
        const int64_t now_ms = vd_clock_monotonic_ms();

        counted += now_ms >= from_ms && now_ms < end_ms ? count : 0;
    }
    free(works);
    return (double)counted / seconds;
}

/* Prints changes a second. */
int main(int argc, char **argv)
{
    const bool is_twin = argc == 5 && strcmp(argv[1], "twin") == 0;
    const unsigned at_once = argc == 5 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
    const unsigned seconds = argc == 5 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;
    struct vd_state *state = NULL;
    int wake_fd = eventfd(0, EFD_CLOEXEC);
    int error;

    if (at_once == 0 || at_once > DEVICES || seconds == 0 || wake_fd < 0) {
        fputs("usage: bench_hub_state twin|command AT_ONCE SECONDS FILE\n", stderr);
        return 2;
    }
    error = vd_state_open(argv[4], &state);
    if (error != VD_OK) {
        die(argv[4], error);
    }
    vd_state_set_wake(state, wake_fd);
    printf("%.0f\n", measure(state, wake_fd, is_twin ? run_patch : run_command, at_once, seconds));
    vd_state_stop(state);
    vd_state_close(state);
    close(wake_fd);
    return 0;
}
