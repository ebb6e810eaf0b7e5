/* SPDX-License-Identifier: MIT */
/* A service that faults are injected into, and what must be true afterwards. */

#include "tests/faults/scene.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define WINDOW 4

static const char *const names[SCENE_DEVICES] = {"device-0", "device-1"};

bool scene_is_thorough(void)
{
    const char *all = getenv("VEDETTE_FAULTS_ALL");

    return all != NULL && strcmp(all, "1") == 0;
}

/* ---- Making it ---- */

static struct faults *make_page(const char *path)
{
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    void *page;

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, sizeof(struct faults)), 0);
    page = mmap(NULL, sizeof(struct faults), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(page != MAP_FAILED);
    close(fd);
    return page;
}

/* The sanitizers' runtime wants to be the first library, and need not be. */
static void preload_shim(struct scene *scene)
{
    static char page[160];
    static char sanitizer[256];
    static const char *env[] = {"LD_PRELOAD=" VD_FAULTS_SHIM, page, sanitizer, NULL};
    const char *options = getenv("ASAN_OPTIONS");

    snprintf(page, sizeof page, FAULTS_ENV "=%s/faults", e2e_folder());
    snprintf(sanitizer, sizeof sanitizer, "ASAN_OPTIONS=%s:verify_asan_link_order=0",
        options != NULL ? options : "");
    scene->faults = make_page(page + strlen(FAULTS_ENV "="));
    snprintf(scene->faults->below, sizeof scene->faults->below, "%s/", scene->hub.data);
    scene->hub.env = env;
}

static void configure(const struct scene *scene, const char *lines)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof path, "%s/vedette.conf", scene->hub.data);
    file = fopen(path, "a");
    assert_non_null(file);
    assert_true(fputs(lines, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

void scene_make(struct scene *scene, const char *name, const char *configuration, int pace_ms)
{
    static struct e2e_message message;
    const struct e2e_flow flow = {"192.0.2.10", SCENE_LISTED, 40000, 443, 10, 20, "TCP"};

    *scene = (struct scene){.faults = NULL};
    e2e_hub_init(&scene->hub, name, NULL, "127.0.0.1", 0);
    if (configuration != NULL) {
        configure(scene, configuration);
    }
    preload_shim(scene);
    e2e_hub_start(&scene->hub);
    e2e_intel_import(&scene->hub, SCENE_LISTED "\n");
    e2e_message_build(&message, &flow, 1);
    for (unsigned i = 0; i < SCENE_DEVICES; i++) {
        e2e_device_create(&scene->hub, names[i]);
        scene->senders[i] =
            e2e_sender_start(&scene->hub, names[i], 100 + i, WINDOW, pace_ms, &message);
    }
}

void scene_follow(struct scene *scene)
{
    for (unsigned i = 0; i < SCENE_DEVICES; i++) {
        e2e_sender_port(scene->senders[i], scene->hub.port);
    }
}

void scene_restart(struct scene *scene)
{
    e2e_hub_start(&scene->hub);
    scene_follow(scene);
}

void scene_end(struct scene *scene)
{
    for (unsigned i = 0; i < SCENE_DEVICES; i++) {
        e2e_sender_free(scene->senders[i]);
        scene->senders[i] = NULL;
    }
    if (scene->hub.pid != 0) {
        e2e_hub_stop(&scene->hub);
    }
}

/* ---- What must be true ---- */

static bool has_settled(void *context)
{
    json_t *status = e2e_status(context);
    const json_t *center = json_object_get(status, "center");
    const json_int_t end = json_integer_value(json_object_get(status, "logEnd"));
    const json_int_t next = json_integer_value(json_object_get(center, "nextOffset"));

    json_decref(status);
    return end > 0 && next == end;
}

void scene_await_settled(struct scene *scene)
{
    assert_true(e2e_wait(SCENE_WAIT_MS, has_settled, &scene->hub));
}

static unsigned drain(struct scene *scene)
{
    unsigned sent = 0;

    for (unsigned i = 0; i < SCENE_DEVICES; i++) {
        struct e2e_sender *sender = scene->senders[i];

        if (!e2e_sender_drain(sender, SCENE_WAIT_MS)) {
            fail_msg("%s: %u of %u messages acknowledged", names[i],
                atomic_load(&sender->acknowledged), atomic_load(&sender->sent));
        }
        assert_int_equal(atomic_load(&sender->faults), 0);
        sent += atomic_load(&sender->sent);
    }
    return sent;
}

/* A message is one event of one device: all alerts together count them all, in the other store. */
static void check_counts(struct scene *scene, unsigned sent)
{
    json_t *rows = e2e_query(
        &scene->hub, "SELECT count(*), count(DISTINCT IoTRawEventId) FROM SecurityIoTRawEvent");
    const json_t *row = json_array_get(rows, 0);
    json_t *alerts = e2e_alerts(&scene->hub);
    json_int_t counted = 0;
    size_t i;
    const json_t *alert;

    json_array_foreach(alerts, i, alert)
    {
        const char *subject = json_string_value(json_object_get(alert, "subject"));

        if (subject != NULL && strcmp(subject, SCENE_LISTED) == 0) {
            counted += json_integer_value(json_object_get(alert, "count"));
        }
    }
    if (json_number_value(json_array_get(row, 0)) != sent ||
        json_number_value(json_array_get(row, 1)) != sent || counted != (json_int_t)sent) {
        fail_msg("%u sent, %.0f rows with %.0f ids, %lld in alerts", sent,
            json_number_value(json_array_get(row, 0)), json_number_value(json_array_get(row, 1)),
            (long long)counted);
    }
    json_decref(rows);
    json_decref(alerts);
}

void scene_check(struct scene *scene)
{
    const unsigned sent = drain(scene);

    scene_await_settled(scene);
    check_counts(scene, sent);
    for (unsigned i = 0; i < SCENE_DEVICES; i++) {
        atomic_store(&scene->senders[i]->limit, E2E_SENDER_MAX);
    }
}

struct wanted {
    struct scene *scene;
    const char *reason; /* NULL: it is ready */
    char said[1024];
};

static bool says(void *context)
{
    struct wanted *wanted = context;
    struct e2e_result result = e2e_cli(&wanted->scene->hub, E2E_ARGS("health"));
    const bool is_ready = result.status == 0;
    const bool found =
        wanted->reason == NULL ? is_ready : !is_ready && strstr(result.out, wanted->reason) != NULL;

    snprintf(wanted->said, sizeof wanted->said, "%s%s", result.out, result.err);
    e2e_result_release(&result);
    return found;
}

void scene_await_reason(struct scene *scene, const char *reason)
{
    struct wanted wanted = {.scene = scene, .reason = reason};

    if (!e2e_wait(SCENE_WAIT_MS, says, &wanted)) {
        fail_msg("wanted %s: %s", reason != NULL ? reason : "ready", wanted.said);
    }
}
