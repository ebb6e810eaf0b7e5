/* SPDX-License-Identifier: MIT */
/* Receivers of notifications that hang, dribble, cut off and refuse: nothing waits for them but what they are to have. */

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/faults/scene.h"

#define PACE_MS     20
#define IDS_MAX     64
#define REQUEST_MAX 65536

enum manner {
    TAKES,
    HANGS,    /* after accept */
    DRIBBLES, /* a byte of its answer a second */
    CUTS_OFF, /* by RST */
    REFUSES,  /* with 500 */
};

struct receiver {
    const char *name;
    _Atomic enum manner manner;
    int listener;
    uint16_t port;
    pthread_t thread;
    atomic_bool stops;
    char ids[IDS_MAX][64]; /* of what it took, each once; the thread's until it has ended */
    atomic_uint taken;
};

static struct receiver receivers[] = {
    {.name = "taking", .manner = TAKES},
    {.name = "hanging", .manner = HANGS},
    {.name = "dribbling", .manner = DRIBBLES},
    {.name = "cutting", .manner = CUTS_OFF},
    {.name = "refusing", .manner = REFUSES},
};

#define RECEIVERS (sizeof receivers / sizeof receivers[0])

static struct scene scene;

/* ---- A receiver ---- */

/* Until the peer is gone or the receiver behaves otherwise. */
static void wait_as(struct receiver *self, int fd, enum manner manner)
{
    char byte;

    while (atomic_load(&self->manner) == manner && !atomic_load(&self->stops)) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};

        if (poll(&wait, 1, 50) == 1 && recv(fd, &byte, 1, MSG_DONTWAIT) == 0) {
            return;
        }
    }
}

/* A whole request, NUL-terminated. */
static bool read_request(int fd, char *request)
{
    size_t length = 0;
    const char *body = NULL;
    size_t wanted = 0;

    while (body == NULL || length < (size_t)(body - request) + wanted) {
        const ssize_t more = recv(fd, request + length, REQUEST_MAX - 1 - length, 0);
        const char *header;

        if (more <= 0) {
            return false;
        }
        length += (size_t)more;
        request[length] = '\0';
        body = strstr(request, "\r\n\r\n");
        body = body != NULL ? body + 4 : NULL;
        header = strcasestr(request, "\r\ncontent-length:");
        wanted = header != NULL ? strtoul(header + strlen("\r\ncontent-length:"), NULL, 10) : 0;
    }
    return true;
}

static void note_id(struct receiver *self, const char *request)
{
    const char *id = strcasestr(request, "\r\nwebhook-id: ");
    const unsigned count = atomic_load(&self->taken);
    size_t length;

    if (id == NULL || count == IDS_MAX) {
        return;
    }
    id += strlen("\r\nwebhook-id: ");
    length = strcspn(id, "\r");
    for (unsigned i = 0; i < count; i++) {
        if (strncmp(self->ids[i], id, length) == 0 && self->ids[i][length] == '\0') {
            return;
        }
    }
    snprintf(self->ids[count], sizeof self->ids[count], "%.*s", (int)length, id);
    atomic_store(&self->taken, count + 1);
}

static void answer(struct receiver *self, int fd, const char *text)
{
    const bool slowly = atomic_load(&self->manner) == DRIBBLES;

    for (; *text != '\0' && !atomic_load(&self->stops); text++) {
        if (send(fd, text, 1, MSG_NOSIGNAL) != 1) {
            return;
        }
        for (int i = 0; slowly && i < 20 && atomic_load(&self->manner) == DRIBBLES; i++) {
            usleep(50000);
        }
        if (slowly && atomic_load(&self->manner) != DRIBBLES) {
            return;
        }
    }
}

static void serve(struct receiver *self, int fd, char *request)
{
    const struct linger cut = {1, 0};
    const enum manner manner = atomic_load(&self->manner);

    if (manner == HANGS) {
        wait_as(self, fd, HANGS);
    } else if (manner == CUTS_OFF) {
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &cut, sizeof cut);
    } else if (read_request(fd, request)) {
        if (manner == TAKES) {
            note_id(self, request);
        }
        answer(self, fd,
            manner == REFUSES
                ? "HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                : "HTTP/1.1 200 Yes\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
}

static void *receive(void *context)
{
    struct receiver *self = context;
    char *request = malloc(REQUEST_MAX);

    while (request != NULL && !atomic_load(&self->stops)) {
        struct pollfd wait = {.fd = self->listener, .events = POLLIN};

        if (poll(&wait, 1, 50) == 1) {
            const int fd = accept(self->listener, NULL, NULL);

            if (fd >= 0) {
                serve(self, fd, request);
                close(fd);
            }
        }
    }
    free(request);
    return NULL;
}

static void start_receiver(struct receiver *self)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    char url[64];

    self->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(self->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(self->listener, 16), 0);
    assert_int_equal(getsockname(self->listener, (struct sockaddr *)&address, &length), 0);
    self->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&self->thread, NULL, receive, self), 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", self->port);
    e2e_cli_ok(&scene.hub, E2E_ARGS("notify", "add", "webhook", self->name, url));
}

/* ---- The tests ---- */

/* Each alert of the devices is taken up, and is new again: two notifications. */
static unsigned act_on_alerts(void)
{
    json_t *alerts = e2e_alerts(&scene.hub);
    unsigned acts = 0;
    size_t i;
    const json_t *alert;

    json_array_foreach(alerts, i, alert)
    {
        const char *id = json_string_value(json_object_get(alert, "id"));

        e2e_cli_ok(&scene.hub, E2E_ARGS("alert", "start", id));
        e2e_cli_ok(&scene.hub, E2E_ARGS("alert", "reopen", id));
        acts += 2;
    }
    json_decref(alerts);
    return acts;
}

struct goal {
    const struct receiver *receiver;
    unsigned count;
};

static bool has_taken(void *context)
{
    const struct goal *goal = context;

    return atomic_load(&goal->receiver->taken) >= goal->count;
}

static void await(const struct receiver *receiver, unsigned count)
{
    struct goal goal = {receiver, count};

    if (!e2e_wait(SCENE_WAIT_MS, has_taken, &goal)) {
        fail_msg("%s took %u of %u", receiver->name, atomic_load(&receiver->taken), count);
    }
}

static void check_ids(const struct receiver *receiver, unsigned count)
{
    if (atomic_load(&receiver->taken) != count) {
        for (unsigned i = 0; i < atomic_load(&receiver->taken); i++) {
            print_error("%s took %s\n", receiver->name, receiver->ids[i]);
        }
        fail();
    }
}

/* What fails is told, by name. */
static bool all_are_told(void *context)
{
    json_t *list = e2e_cli_json(&scene.hub, E2E_ARGS("notify", "list"));
    const json_t *sinks = json_object_get(list, "sinks");
    unsigned failing = 0;
    size_t i;
    const json_t *sink;

    (void)context;
    json_array_foreach(sinks, i, sink)
    {
        const char *reason = json_string_value(json_object_get(sink, "lastError"));

        failing += reason != NULL && reason[0] != '\0';
    }
    json_decref(list);
    /* An answer is waited for 30 s: one of these may still be hoped for. */
    return failing >= RECEIVERS - 2;
}

static void test_receivers__bad_ones_hold_up_nobody(void **state)
{
    unsigned count;

    (void)state;
    scene_check(&scene);
    count = act_on_alerts();
    assert_true(count >= 2 * SCENE_DEVICES);
    await(&receivers[0], count);
    for (unsigned i = 0; i < SCENE_DEVICES; i++) {
        assert_true(e2e_sender_progress(scene.senders[i], 50, SCENE_WAIT_MS));
    }
    scene_check(&scene);
    for (size_t i = 1; i < RECEIVERS; i++) {
        assert_int_equal(atomic_load(&receivers[i].taken), 0);
    }
    if (!e2e_wait(SCENE_WAIT_MS, all_are_told, NULL)) {
        fail_msg("sinks that fail are not told");
    }
    /* Nor does the end of the service wait for them. */
    e2e_hub_stop(&scene.hub);
    scene_restart(&scene);
    scene_check(&scene);
    /* They get all of it once they take it. */
    for (size_t i = 1; i < RECEIVERS; i++) {
        atomic_store(&receivers[i].manner, TAKES);
    }
    for (size_t i = 0; i < RECEIVERS; i++) {
        await(&receivers[i], count);
        check_ids(&receivers[i], count);
    }
}

static int make_scene(void **state)
{
    (void)state;
    scene_make(&scene, "hub", NULL, PACE_MS);
    /* The alerts are there before any sink is, and none hears of them. */
    for (unsigned i = 0; i < SCENE_DEVICES; i++) {
        assert_true(e2e_sender_progress(scene.senders[i], 1, SCENE_WAIT_MS));
    }
    scene_check(&scene);
    for (size_t i = 0; i < RECEIVERS; i++) {
        start_receiver(&receivers[i]);
    }
    return 0;
}

static int end_scene(void **state)
{
    (void)state;
    for (size_t i = 0; i < RECEIVERS; i++) {
        atomic_store(&receivers[i].stops, true);
        pthread_join(receivers[i].thread, NULL);
        close(receivers[i].listener);
    }
    scene_end(&scene);
    return 0;
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_receivers__bad_ones_hold_up_nobody),
};

SCENE_MAIN(0, "receivers", tests, make_scene, end_scene)
