/* SPDX-License-Identifier: MIT */
/* The writer of the state: completions, its bound, stopping, disks that fail and fill up, and kill -9 at any moment. */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/hub/state_file.h"

#define NOW     STATE_FILE_NOW_MS
#define WAIT_MS 30000

static struct state_file file;
static struct vd_state *state;
static int wake_fd;

static int set_up(void **unused)
{
    (void)unused;
    state_file_make(&file);
    wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    assert_int_equal(vd_state_open(file.path, &state), VD_OK);
    vd_state_set_wake(state, wake_fd);
    return 0;
}

static int tear_down(void **unused)
{
    struct rlimit limit;

    (void)unused;
    if (state != NULL) {
        vd_state_stop(state);
        vd_state_close(state);
        state = NULL;
    }
    close(wake_fd);
    /* What a test did to this process and to the folder, however it ended. */
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_FSIZE, &limit);
    umount(file.folder);
    state_file_remove(&file);
    return 0;
}

static void reopen(void)
{
    vd_state_stop(state);
    vd_state_close(state);
    state = NULL;
    assert_int_equal(vd_state_open(file.path, &state), VD_OK);
    vd_state_set_wake(state, wake_fd);
}

/* ---- What the tests have run ---- */

struct step {
    struct vd_state_request request;
    struct vd_state_key key;
    char text[32];
    uint32_t filler; /* bytes of 'x' behind the text */
    int result;
    bool has_run;
};

/* Three changes in one request: the twin's text, a command with it as its id, and a count of both. */
static int run_step(void *context, struct vd_state_store *store)
{
    struct step *step = context;
    struct vd_c2d_message message = {.message_id = vd_str_from(step->text), .body = {"b", 1}};
    struct vd_buf document = {0};
    uint32_t count = 0;
    size_t purged = 0;
    int error = vd_state_subscriptions_get(store, &step->key, &count);

    step->has_run = true;
    vd_buf_append_text(&document, step->text);
    if (step->filler > 0) {
        memset(vd_buf_reserve(&document, step->filler), 'x', step->filler);
        document.length += step->filler;
    }
    if (error == VD_OK) {
        error = vd_state_twin_put(
            store, &step->key, (struct vd_str){(char *)document.data, document.length}, 0, NULL);
    }
    if (error == VD_OK) {
        error = vd_state_c2d_purge(store, &step->key, NOW, &purged, NULL);
    }
    if (error == VD_OK) {
        error = vd_state_c2d_send(store, &step->key, &message, NOW, NULL);
    }
    if (error == VD_OK) {
        error = vd_state_subscriptions_put(store, &step->key, count + 1);
    }
    vd_buf_release(&document);
    return error != VD_OK ? error : step->result;
}

static struct step make_step(const char *device_id, const char *text)
{
    struct step step = {.key = state_key(device_id, "", 1)};

    snprintf(step.text, sizeof step.text, "%s", text);
    return step;
}

static int do_step(const char *device_id, const char *text)
{
    struct step step = make_step(device_id, text);

    return vd_state_do(state, run_step, &step);
}

/* When a command is taken to be seen: each time later than the lock of the time before, for it may be the same command. */
#define LOOK_LOCK_MS 1000
static int64_t look_ms = NOW;

/* What is stored of an identity. */
struct seen {
    struct vd_state_key key;
    char twin[32];
    char command[VD_C2D_MESSAGE_ID_MAX + 1];
    uint32_t count;
    size_t commands;
    bool takes; /* the command, to see its id: this writes, which a full disk refuses */
};

static int run_look(void *context, struct vd_state_store *store)
{
    struct seen *seen = context;
    struct vd_c2d_delivery delivery = {0};
    struct vd_buf document = {0};
    uint64_t revision = 0;
    bool found = false;
    int error = vd_state_twin_get(store, &seen->key, &document, &revision);

    if (error == VD_OK) {
        size_t length =
            document.length < sizeof seen->twin ? document.length : sizeof seen->twin - 1;
        memcpy(seen->twin, document.data, length);
        seen->twin[strcspn(seen->twin, "x")] = '\0'; /* without its filler */
    }
    if (error == VD_OK || error == VD_E_NOT_FOUND) {
        error = vd_state_subscriptions_get(store, &seen->key, &seen->count);
    }
    if (error == VD_OK) {
        error = vd_state_c2d_count(store, &seen->key, NOW, &seen->commands, NULL);
    }
    if (error == VD_OK && seen->takes) {
        error =
            vd_state_c2d_take(store, &seen->key, LOOK_LOCK_MS, look_ms, &delivery, &found, NULL);
        memcpy(seen->command, delivery.message_id, sizeof seen->command);
    }
    vd_c2d_delivery_release(&delivery);
    vd_buf_release(&document);
    return error;
}

static struct seen look_at(const char *device_id, bool takes)
{
    struct seen seen = {.key = state_key(device_id, "", 1), .takes = takes};

    look_ms += 2 * LOOK_LOCK_MS;
    assert_int_equal(vd_state_do(state, run_look, &seen), VD_OK);
    assert_int_equal(seen.commands, seen.count > 0 ? 1 : 0);
    if (takes) {
        assert_string_equal(seen.twin, seen.command);
    }
    return seen;
}

static struct seen look(const char *device_id)
{
    return look_at(device_id, false);
}

/* The next that was submitted, when it is complete. */
static struct vd_state_request *await_completed(void)
{
    for (;;) {
        struct vd_state_request *request = vd_state_completed(state);
        struct pollfd wake = {.fd = wake_fd, .events = POLLIN};
        uint64_t times;

        if (request != NULL) {
            return request;
        }
        assert_int_equal(poll(&wake, 1, WAIT_MS), 1);
        assert_int_equal(read(wake_fd, &times, sizeof times), sizeof times);
    }
}

/* ---- Completions ---- */

static void test_state__gives_back_in_order_what_is_stored(void **unused)
{
    static struct step steps[3000];

    (void)unused;
    for (size_t i = 0; i < 3000; i++) {
        char text[32];
        snprintf(text, sizeof text, "t%zu", i);
        steps[i] = make_step("dev", text);
        steps[i].request = (struct vd_state_request){.run = run_step, .context = &steps[i]};
        steps[i].result = i % 10 == 9 ? VD_E_DENIED : VD_OK;
        assert_int_equal(vd_state_submit(state, &steps[i].request), VD_OK);
    }
    for (size_t i = 0; i < 3000; i++) {
        assert_ptr_equal(await_completed(), &steps[i].request);
        assert_int_equal(steps[i].request.error, steps[i].result);
    }
    assert_null(vd_state_completed(state));
    reopen();
    struct seen seen = look("dev");
    assert_int_equal(seen.count, 2700);
    assert_string_equal(seen.twin, "t2998");
}

struct gate {
    sem_t reached;
    sem_t open;
};

static int run_gate(void *context, struct vd_state_store *store)
{
    struct gate *gate = context;

    (void)store;
    sem_post(&gate->reached);
    while (sem_wait(&gate->open) != 0) {
    }
    return VD_OK;
}

static int run_nothing(void *context, struct vd_state_store *store)
{
    (void)store;
    atomic_fetch_add((_Atomic unsigned *)context, 1);
    return VD_OK;
}

static void gate_init(struct gate *gate)
{
    sem_init(&gate->reached, 0, 0);
    sem_init(&gate->open, 0, 0);
}

static void *stop_thread(void *argument)
{
    (void)argument;
    vd_state_stop(state);
    return NULL;
}

/* The writer stands at the gate: what is submitted waits, up to the bound, and is run though the writer is stopped. */
static void test_state__bounds_what_waits_and_runs_it_when_stopped(void **unused)
{
    static struct vd_state_request requests[VD_HUB_STATE_WAITING_MAX];
    static _Atomic unsigned ran;
    struct vd_state_request more = {.run = run_nothing, .context = &ran};
    struct gate gate;
    pthread_t stopper;

    (void)unused;
    gate_init(&gate);
    requests[0] = (struct vd_state_request){.run = run_gate, .context = &gate};
    assert_int_equal(vd_state_submit(state, &requests[0]), VD_OK);
    while (sem_wait(&gate.reached) != 0) {
    }
    for (size_t i = 1; i < VD_HUB_STATE_WAITING_MAX; i++) {
        requests[i] = (struct vd_state_request){.run = run_nothing, .context = &ran};
        assert_int_equal(vd_state_submit(state, &requests[i]), VD_OK);
    }
    assert_int_equal(vd_state_submit(state, &more), VD_E_LIMIT);
    assert_int_equal(vd_state_do(state, run_nothing, &ran), VD_E_LIMIT);
    pthread_create(&stopper, NULL, stop_thread, NULL);
    while (vd_state_submit(state, &more) != VD_E_CLOSED) {
        sched_yield();
    }
    sem_post(&gate.open);
    pthread_join(stopper, NULL);
    assert_int_equal(atomic_load(&ran), VD_HUB_STATE_WAITING_MAX - 1);
    for (size_t i = 0; i < VD_HUB_STATE_WAITING_MAX; i++) {
        assert_ptr_equal(vd_state_completed(state), &requests[i]);
        assert_int_equal(requests[i].error, VD_OK);
    }
    assert_null(vd_state_completed(state));
    assert_int_equal(vd_state_do(state, run_nothing, &ran), VD_E_CLOSED);
    vd_state_close(state);
    state = NULL;
}

static void *worker(void *argument)
{
    char name[16];

    snprintf(name, sizeof name, "dev%d", *(int *)argument);
    for (int i = 1; i <= 50; i++) {
        char text[16];
        snprintf(text, sizeof text, "t%d", i);
        if (do_step(name, text) != VD_OK) {
            return argument;
        }
    }
    return NULL;
}

static void test_state__serves_many_who_wait(void **unused)
{
    pthread_t threads[16];
    int numbers[16];

    (void)unused;
    for (int i = 0; i < 16; i++) {
        numbers[i] = i;
        pthread_create(&threads[i], NULL, worker, &numbers[i]);
    }
    for (int i = 0; i < 16; i++) {
        void *failed = NULL;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    reopen();
    for (int i = 0; i < 16; i++) {
        char name[16];
        snprintf(name, sizeof name, "dev%d", i);
        assert_int_equal(look(name).count, 50);
    }
}

/* ---- Disks ---- */

/* Asks for room until the answer is `error`, then looks: what was refused is not there, and what was taken is. */
static void write_until(int error)
{
    struct step step = make_step("dev", "");
    unsigned taken = look("dev").count;
    int result = VD_OK;

    step.filler = 60000;
    for (unsigned i = 0; i < 2000 && result == VD_OK; i++) {
        snprintf(step.key.device_id, sizeof step.key.device_id, i % 2 == 0 ? "dev" : "d%u", i);
        snprintf(step.text, sizeof step.text, "t%u", i);
        result = vd_state_do(state, run_step, &step);
        taken += result == VD_OK && i % 2 == 0;
    }
    assert_int_equal(result, error);
    assert_true(vd_state_failures(state) > 0);
    assert_true(vd_state_is_unwritable(state));
    assert_int_equal(look("dev").count, taken);
}

static void test_state__refuses_while_writing_fails(void **unused)
{
    struct rlimit before;
    struct rlimit low;
    struct seen seen;

    (void)unused;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(do_step("dev", "before"), VD_OK);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    low = before;
    low.rlim_cur = 1 << 20;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    write_until(VD_E_IO);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(do_step("dev", "after"), VD_OK);
    assert_false(vd_state_is_unwritable(state));
    seen = look("dev");
    reopen();
    assert_int_equal(look("dev").count, seen.count);
    assert_string_equal(look("dev").twin, "after");
}

static void test_state__refuses_while_the_disk_is_full(void **unused)
{
    char ballast[128];
    struct seen seen;

    (void)unused;
    vd_state_stop(state);
    vd_state_close(state);
    state = NULL;
    if (mount("tmpfs", file.folder, "tmpfs", 0, "size=4m,mode=700") != 0) {
        skip();
    }
    snprintf(ballast, sizeof ballast, "%s/ballast", file.folder);
    FILE *stream = fopen(ballast, "w");
    assert_non_null(stream);
    assert_int_equal(ftruncate(fileno(stream), 0), 0);
    for (int i = 0; i < 2 << 20; i++) {
        fputc('b', stream);
    }
    fclose(stream);
    assert_int_equal(vd_state_open(file.path, &state), VD_OK);
    vd_state_set_wake(state, wake_fd);
    assert_int_equal(do_step("dev", "before"), VD_OK);
    write_until(VD_E_FULL);
    assert_int_equal(unlink(ballast), 0);
    assert_int_equal(do_step("dev", "after"), VD_OK);
    assert_false(vd_state_is_unwritable(state));
    seen = look("dev");
    reopen();
    assert_int_equal(look("dev").count, seen.count);
    assert_string_equal(look("dev").twin, "after");
    vd_state_stop(state);
    vd_state_close(state);
    state = NULL;
}

/* ---- kill -9 ---- */

#define CRASH_ROUNDS  20
#define CRASH_DEVICES 4

struct reporter {
    int device;
    uint32_t first;
    int fd;
};

/* Counts its device up by one request after the other, and tells each that is complete. */
static void *count_up(void *argument)
{
    struct reporter *self = argument;

    for (uint32_t i = self->first;; i++) {
        uint32_t report[2] = {(uint32_t)self->device, i};
        char name[16];
        char text[16];

        snprintf(name, sizeof name, "dev%d", self->device);
        snprintf(text, sizeof text, "t%u", i);
        if (do_step(name, text) != VD_OK || write(self->fd, report, sizeof report) < 0) {
            _exit(1);
        }
    }
    return NULL;
}

_Noreturn static void be_killed(int fd, const uint32_t first[CRASH_DEVICES])
{
    struct reporter reporters[CRASH_DEVICES];
    pthread_t threads[CRASH_DEVICES];

    if (vd_state_open(file.path, &state) != VD_OK) {
        _exit(2);
    }
    for (int i = 0; i < CRASH_DEVICES; i++) {
        reporters[i] = (struct reporter){i, first[i], fd};
        if (pthread_create(&threads[i], NULL, count_up, &reporters[i]) != 0) {
            _exit(3);
        }
    }
    for (;;) {
        pause();
    }
}

/* Runs a child until it has told `reports`, kills it, and takes the last number told of each device. */
static void kill_after(unsigned reports, uint32_t told[CRASH_DEVICES])
{
    uint32_t report[2];
    int fds[2];
    int status = 0;
    unsigned count = 0;
    pid_t child;

    assert_int_equal(pipe(fds), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        uint32_t first[CRASH_DEVICES];
        close(fds[0]);
        for (int i = 0; i < CRASH_DEVICES; i++) {
            first[i] = told[i] + 1;
        }
        be_killed(fds[1], first);
    }
    close(fds[1]);
    while (read(fds[0], report, sizeof report) == (ssize_t)sizeof report) {
        assert_true(report[0] < CRASH_DEVICES);
        told[report[0]] = report[1];
        if (++count == reports) {
            /* The moment within a transaction is left to the machine, and moved a little. */
            usleep(state_random(3000));
            kill(child, SIGKILL);
        }
    }
    close(fds[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void test_state__has_after_a_kill_what_was_complete(void **unused)
{
    uint32_t told[CRASH_DEVICES] = {0};

    (void)unused;
    for (unsigned round = 0; round < CRASH_ROUNDS; round++) {
        vd_state_stop(state);
        vd_state_close(state);
        state = NULL;
        kill_after(1 + state_random(100), told);
        assert_int_equal(vd_state_open(file.path, &state), VD_OK);
        vd_state_set_wake(state, wake_fd);
        for (int i = 0; i < CRASH_DEVICES; i++) {
            char name[16];
            char text[16];
            struct seen seen;

            snprintf(name, sizeof name, "dev%d", i);
            seen = look_at(name, true); /* which asserts that no half of a request is there */
            /* One more may be there: stored, and killed before it was told. */
            assert_in_range(seen.count, told[i], told[i] + 1);
            snprintf(text, sizeof text, "t%u", seen.count);
            assert_string_equal(seen.twin, seen.count > 0 ? text : "");
            told[i] = seen.count;
        }
    }
}

#define STATE_TEST(name) cmocka_unit_test_setup_teardown(test_state__##name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STATE_TEST(gives_back_in_order_what_is_stored),
        STATE_TEST(bounds_what_waits_and_runs_it_when_stopped),
        STATE_TEST(serves_many_who_wait),
        STATE_TEST(refuses_while_writing_fails),
        STATE_TEST(refuses_while_the_disk_is_full),
        STATE_TEST(has_after_a_kill_what_was_complete),
    };

    return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
