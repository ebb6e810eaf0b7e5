/* SPDX-License-Identifier: MIT */
/* The API over its socket, and the client that uses it or the stores: the same answers, whatever else connects. */

#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/api.h"
#include "cli/client.h"
#include "cli/data_dir.h"
#include "tests/cli/folder.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct folder *folder;
static char socket_path[VD_PATH_SIZE];
static struct vd_stores stores;
static struct vd_api api;
static struct vd_http *http;
static int lock;

static int start_at(const char *path, struct vd_http **out, char *reason, size_t size)
{
    const struct vd_http_face face = vd_api_face(&api);
    const struct vd_http_config config = {
        .unix_path = path, .workers = 6, .faces = &face, .face_count = 1};

    return vd_http_start(&config, out, reason, size);
}

static int set_up(void **state)
{
    struct vd_config config;
    char reason[512] = "";
    bool serving = false;
    FILE *stale;

    if (folder_set_up(state) != 0) {
        return -1;
    }
    folder = *state;
    folder_open_stores(folder, &config, &stores);
    assert_int_equal(vd_data_lock(folder->data, VD_LOCK_SERVE, &lock, &serving), VD_OK);
    assert_int_equal(vd_data_path(folder->data, VD_FILE_SOCKET, socket_path), VD_OK);
    stale = fopen(socket_path, "w");
    assert_non_null(stale);
    fclose(stale);
    api = (struct vd_api){
        .registry = stores.registry,
        .state = stores.state,
        .alerts = stores.alerts,
        .analytics = stores.analytics,
        .log = stores.log,
        .audit = stores.audit,
        .host_name = "hub.test",
        .started_ms = 1,
    };
    assert_int_equal(start_at(socket_path, &http, reason, sizeof reason), VD_OK);
    return 0;
}

/* Ends the service's side: what a client then finds are the stores. */
static void end_service(void)
{
    if (http != NULL) {
        assert_true(vd_http_stop(http, 10000));
        http = NULL;
        vd_stores_close(&stores);
        close(lock);
    }
}

static int tear_down(void **state)
{
    end_service();
    return folder_tear_down(state);
}

static struct vd_api_answer call(
    const char *method, const char *path, const char *query, struct vd_str body)
{
    const struct vd_api_request request = {
        .method = method, .path = path, .query = query, .body = body};
    struct vd_api_answer answer = {0, NULL};
    char reason[512] = "";

    if (vd_client_call(folder->data, &request, &answer, reason, sizeof reason) != VD_OK) {
        fail_msg("%s", reason);
    }
    return answer;
}

static void test_api_http__socket(void **state)
{
    struct stat about;
    char reason[256] = "";
    char path[200];
    struct vd_http *other = NULL;

    (void)state;
    assert_int_equal(stat(socket_path, &about), 0);
    assert_true(S_ISSOCK(about.st_mode));
    assert_int_equal(about.st_mode & 0777, 0600);
    memset(path, 'x', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    assert_int_equal(start_at(path, &other, reason, sizeof reason), VD_E_INVALID);
    assert_non_null(strstr(reason, "107"));
    assert_int_equal(start_at("/nowhere/s", &other, reason, sizeof reason), VD_E_NOT_FOUND);
    assert_null(other);
    end_service();
    assert_int_not_equal(stat(socket_path, &about), 0);
    assert_true(vd_http_stop(NULL, 0));
}

/* What a service answers, and what the client answers itself once there is none. */
static void test_api_http__both_ways_are_the_same(void **state)
{
    static const struct {
        const char *method;
        const char *path;
        const char *query;
    } requests[] = {
        {"GET", "/devices", NULL},
        {"GET", "/devices/%25a%23", NULL},
        {"GET", "/devices/..", NULL},
        {"GET", "/devices/none", NULL},
        {"GET", "/devices/../twin", NULL},
        {"GET", "/devices/%25a%23/modules/m/twin", NULL},
        {"DELETE", "/devices/../messages", NULL},
        {"GET", "/feedback", "after=0&limit=5"},
        {"GET", "/alerts", "changedAfter=0&device=x%26y"},
        {"GET", "/alerts/00000000", NULL},
        {"GET", "/dead-letters", "limit=7"},
        {"GET", "/nothing", NULL},
        {"PUT", "/devices", NULL},
    };
    struct vd_api_answer over_socket[COUNT(requests)];
    struct vd_api_answer made =
        call("POST", "/devices", NULL, VD_STR_LITERAL("{\"deviceId\":\"%a#\"}"));

    (void)state;
    assert_int_equal(made.status, 201);
    json_decref(made.body);
    made = call("POST", "/devices", NULL, VD_STR_LITERAL("{\"deviceId\":\"..\"}"));
    assert_int_equal(made.status, 201);
    json_decref(made.body);
    for (size_t i = 0; i < COUNT(requests); i++) {
        over_socket[i] =
            call(requests[i].method, requests[i].path, requests[i].query, VD_STR_LITERAL(""));
    }
    end_service();
    for (size_t i = 0; i < COUNT(requests); i++) {
        struct vd_api_answer here =
            call(requests[i].method, requests[i].path, requests[i].query, VD_STR_LITERAL(""));

        assert_int_equal(here.status, over_socket[i].status);
        assert_true(json_equal(here.body, over_socket[i].body));
        json_decref(here.body);
        json_decref(over_socket[i].body);
    }
    assert_int_equal(over_socket[1].status, 200);
    assert_int_equal(over_socket[2].status, 200);
}

/* True if the log's newest record says `text`. */
static bool newest_says(struct vd_event_log *log, const char *text)
{
    struct vd_event_batch batch = {0};
    struct vd_reader reader;
    struct vd_event event;
    uint64_t end = 0;
    uint64_t first;
    bool found;

    assert_int_equal(vd_event_log_end(log, 0, &end), VD_OK);
    assert_int_equal(vd_event_log_read(log, 0, end - 1, 1, &batch, &first), VD_OK);
    vd_reader_init(&reader, batch.bytes.data, batch.bytes.length);
    assert_int_equal(vd_event_next(&reader, &event), VD_OK);
    found = memmem(event.body.data, event.body.length, text, strlen(text)) != NULL;
    vd_event_batch_release(&batch);
    return found;
}

/* Who asks is known to the kernel, not said by him: over the socket, and where there is none. */
static void test_api_http__records_name_the_caller(void **state)
{
    const struct vd_recorder recorder = {.log = stores.log, .resource_id = "/HUB"};
    const struct passwd *me = getpwuid(getuid());
    struct vd_event_log *log = NULL;
    char caller[96];
    char path[VD_PATH_SIZE];
    struct vd_api_answer answer;

    (void)state;
    api.recorder = &recorder;
    snprintf(caller, sizeof caller,
        me != NULL ? "caller\\\":\\\"local:%s\\\"" : "caller\\\":\\\"local:%.0s",
        me != NULL ? me->pw_name : "");
    answer = call("POST", "/devices", NULL, VD_STR_LITERAL("{\"deviceId\":\"a\"}"));
    assert_int_equal(answer.status, 201);
    json_decref(answer.body);
    assert_true(newest_says(stores.log, caller));
    assert_true(newest_says(stores.log, "\"operationName\":\"create\""));
    end_service();
    answer = call("DELETE", "/devices/a", NULL, VD_STR_LITERAL(""));
    assert_int_equal(answer.status, 204);
    assert_int_equal(vd_data_path(folder->data, VD_FILE_LOG, path), VD_OK);
    assert_int_equal(vd_event_log_sqlite_open(path, &log), VD_OK);
    assert_true(newest_says(log, caller));
    assert_true(newest_says(log, "\"operationName\":\"delete\""));
    vd_event_log_close(log);
}

static void test_api_http__no_content(void **state)
{
    struct vd_api_answer answer =
        call("POST", "/devices", NULL, VD_STR_LITERAL("{\"deviceId\":\"a\"}"));

    (void)state;
    json_decref(answer.body);
    answer = call("DELETE", "/devices/a", NULL, VD_STR_LITERAL(""));
    assert_int_equal(answer.status, 204);
    assert_null(answer.body);
}

/* A list of some megabytes goes through. */
static void test_api_http__large_body(void **state)
{
    struct vd_buf text = {0};
    struct vd_api_answer answer;

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        vd_buf_printf(&text,
            "# a comment that makes the line longer than it has to be, one of very many %u\n", i);
        if (i % 10 == 0) {
            vd_buf_printf(&text, "198.18.%u.%u\n", i / 10 / 256, i / 10 % 256);
        }
    }
    answer = call(
        "POST", "/indicators", "feed=f", (struct vd_str){(const char *)text.data, text.length});
    assert_int_equal(answer.status, 200);
    assert_int_equal(json_integer_value(json_object_get(answer.body, "total")), 2000);
    json_decref(answer.body);
    vd_buf_release(&text);
}

/* ---- Clients that are not ours ---- */

static int connect_raw(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval limit = {20, 0};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(vd_text_copy(socket_path, address.sun_path, sizeof address.sun_path), VD_OK);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    return fd;
}

/* The status that comes for raw bytes; 0: closed without a word. */
static int raw_status(const char *bytes, size_t length)
{
    char answer[64] = "";
    int fd = connect_raw();
    ssize_t n;

    if (send(fd, bytes, length, MSG_NOSIGNAL) < 0) {
        close(fd);
        return 0;
    }
    shutdown(fd, SHUT_WR);
    n = recv(fd, answer, sizeof answer - 1, MSG_WAITALL);
    close(fd);
    return n >= 12 && memcmp(answer, "HTTP/1.", 7) == 0 ? (int)strtol(answer + 9, NULL, 10) : 0;
}

static void test_api_http__malformed(void **state)
{
    static const char *const cases[] = {
        "",
        "\r\n\r\n",
        "GET\r\n\r\n",
        "GET /devices\r\n\r\n",
        "nonsense nonsense nonsense\r\n\r\n",
        "GET /devices HTTP/9.9\r\n\r\n",
        "BREW /devices HTTP/1.1\r\n\r\n",
        "POST /devices HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "POST /devices HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n",
        "POST /devices HTTP/1.1\r\nContent-Length: 10\r\n\r\nshort",
        "POST /devices HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    };
    static char headers[40000];
    struct vd_api_answer answer;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int status = raw_status(cases[i], strlen(cases[i]));

        if (status >= 200 && status < 400) {
            fail_msg("%d for: %s", status, cases[i]);
        }
    }
    memset(headers, 'h', sizeof headers);
    memcpy(headers, "GET /devices HTTP/1.1\r\nX: ", 26);
    assert_int_not_equal(raw_status(headers, sizeof headers), 200);
    answer = call("GET", "/devices", NULL, VD_STR_LITERAL(""));
    assert_int_equal(answer.status, 200);
    assert_int_equal(json_array_size(json_object_get(answer.body, "devices")), 0);
    json_decref(answer.body);
}

/* Clients that leave before they are answered, and some that say nothing, hold up nobody. */
static void test_api_http__clients_that_leave(void **state)
{
    static const char request[] = "POST /query HTTP/1.1\r\nContent-Length: 50\r\n\r\n"
                                  "{\"sql\":\"SELECT count(*) FROM SecurityIoTRawEvent\"}";
    int silent[10];
    struct vd_api_answer answer;

    (void)state;
    for (size_t i = 0; i < COUNT(silent); i++) {
        silent[i] = connect_raw();
    }
    for (int i = 0; i < 50; i++) {
        int fd = connect_raw();

        assert_int_equal(send(fd, request, sizeof request - 1, MSG_NOSIGNAL), sizeof request - 1);
        close(fd);
    }
    for (;;) {
        answer = call("GET", "/status", NULL, VD_STR_LITERAL(""));
        json_decref(answer.body);
        if (answer.status == 200) {
            break;
        }
        assert_int_equal(answer.status, 503); /* the queue was full: try again */
    }
    for (size_t i = 0; i < COUNT(silent); i++) {
        close(silent[i]);
    }
}

struct caller {
    int number;
    int failures;
};

static void *call_many(void *context)
{
    struct caller *caller = context;

    for (int i = 0; i < 15; i++) {
        char body[64];
        struct vd_api_answer answer;

        snprintf(body, sizeof body, "{\"deviceId\":\"t%d-%d\"}", caller->number, i);
        answer = call("POST", "/devices", NULL, vd_str_from(body));
        caller->failures += answer.status != 201;
        json_decref(answer.body);
    }
    return NULL;
}

static void test_api_http__many_at_a_time(void **state)
{
    struct caller callers[8];
    pthread_t threads[8];
    struct vd_api_answer answer;

    (void)state;
    for (int i = 0; i < 8; i++) {
        callers[i] = (struct caller){i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, call_many, &callers[i]), 0);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(callers[i].failures, 0);
    }
    answer = call("GET", "/devices", NULL, VD_STR_LITERAL(""));
    assert_int_equal(json_array_size(json_object_get(answer.body, "devices")), 120);
    json_decref(answer.body);
}

/* A query that runs for long does not hold up others, and stopping says that it goes on. */
static void test_api_http__long_query(void **state)
{
    static const char body[] = "{\"sql\":\"SELECT sum(hash(a.range, b.range)) "
                               "FROM range(1000000) a, range(1000000) b\"}";
    struct vd_buf request = {0};
    struct vd_api_answer answer;
    bool ended;
    int fd;

    (void)state;
    api.query_timeout_ms = 6000;
    vd_buf_printf(
        &request, "POST /query HTTP/1.1\r\nContent-Length: %zu\r\n\r\n%s", sizeof body - 1, body);
    fd = connect_raw();
    assert_int_equal(send(fd, request.data, request.length, MSG_NOSIGNAL), (ssize_t)request.length);
    vd_buf_release(&request);
    while (vd_analytics_queries_running(api.analytics) == 0) {
        sched_yield();
    }
    answer = call("GET", "/status", NULL, VD_STR_LITERAL(""));
    assert_int_equal(answer.status, 200);
    json_decref(answer.body);
    ended = vd_http_stop(http, 0); /* in a while it would be interrupted, and end */
    if (ended) {
        http = NULL;
    }
    assert_false(ended);
    close(fd);
}

/* ---- Answers that come later ---- */

#define WAITING 40 /* many more than there are workers */

/* A bus whose calls end when the test says so. */
struct held_bus {
    struct vd_bus base;
    pthread_mutex_t lock;
    pthread_cond_t called;
    unsigned count;
    struct {
        vd_method_done *done;
        void *context;
    } calls[WAITING];
};

static int hold_call(
    struct vd_bus *bus, const struct vd_method_call *method, vd_method_done *done, void *context)
{
    struct held_bus *held = (struct held_bus *)bus;

    (void)method;
    pthread_mutex_lock(&held->lock);
    assert_true(held->count < WAITING);
    held->calls[held->count].done = done;
    held->calls[held->count].context = context;
    held->count++;
    pthread_cond_signal(&held->called);
    pthread_mutex_unlock(&held->lock);
    return VD_OK;
}

static bool never_connected(struct vd_bus *bus, const char *device_id, const char *module_id)
{
    (void)bus;
    (void)device_id;
    (void)module_id;
    return false;
}

static const struct vd_bus_ops held_ops = {
    .is_connected = never_connected, .call_method = hold_call};

static void hold_calls(struct held_bus *held)
{
    *held = (struct held_bus){.base = {&held_ops}};
    pthread_mutex_init(&held->lock, NULL);
    pthread_cond_init(&held->called, NULL);
    api.bus = &held->base;
    json_decref(call("POST", "/devices", NULL, VD_STR_LITERAL("{\"deviceId\":\"a\"}")).body);
}

static int begin_call(void)
{
    static const char request[] = "POST /devices/a/methods HTTP/1.1\r\nContent-Length: 18\r\n"
                                  "Connection: close\r\n\r\n{\"methodName\":\"m\"}";
    int fd = connect_raw();

    assert_int_equal(send(fd, request, sizeof request - 1, MSG_NOSIGNAL), sizeof request - 1);
    return fd;
}

static void await_calls(struct held_bus *held, unsigned count)
{
    pthread_mutex_lock(&held->lock);
    while (held->count < count) {
        pthread_cond_wait(&held->called, &held->lock);
    }
    pthread_mutex_unlock(&held->lock);
}

static void end_calls(struct held_bus *held, unsigned from)
{
    const struct vd_method_answer answer = {VD_OK, 207, {"[6]", 3}};

    for (unsigned i = from; i < held->count; i++) {
        held->calls[i].done(held->calls[i].context, &answer);
    }
}

static void expect_answer(int fd)
{
    char text[1024] = "";

    assert_true(recv(fd, text, sizeof text - 1, MSG_WAITALL) > 0);
    assert_memory_equal(text, "HTTP/1.1 200 ", 13);
    assert_non_null(strstr(text, "{\"status\":207,\"payload\":[6]}"));
    close(fd);
}

/* Many calls wait for a device and hold no worker; one whose client has gone is no matter. */
static void test_api_http__methods_hold_no_worker(void **state)
{
    static struct held_bus held;
    struct vd_audit_stats audit;
    struct vd_api_answer answer;
    int fds[WAITING];

    (void)state;
    hold_calls(&held);
    for (unsigned i = 0; i < WAITING; i++) {
        fds[i] = begin_call();
        await_calls(&held, i + 1);
    }
    answer = call("GET", "/status", NULL, VD_STR_LITERAL(""));
    assert_int_equal(answer.status, 200);
    json_decref(answer.body);
    close(fds[0]);
    vd_audit_stats_get(stores.audit, &audit);
    assert_int_equal(audit.open, WAITING);
    end_calls(&held, 0);
    for (unsigned i = 1; i < WAITING; i++) {
        expect_answer(fds[i]);
    }
    /* Each is in the audit trail, whether somebody waited for it or not. */
    do {
        vd_audit_stats_get(stores.audit, &audit);
    } while (audit.open > 0);
    assert_int_equal(audit.to, WAITING + 1); /* with the device's */
}

/* Stopping waits for a call that has not ended. */
static void test_api_http__stop_waits_for_methods(void **state)
{
    static struct held_bus held;
    int fd;

    (void)state;
    hold_calls(&held);
    fd = begin_call();
    await_calls(&held, 1);
    assert_false(vd_http_stop(http, 50));
    end_calls(&held, 0);
    end_service();
    close(fd);
}

/* ---- The client alone ---- */

static void test_client__says_what_to_do(void **state)
{
    const struct vd_api_request request = {.method = "GET", .path = "/devices"};
    struct vd_api_answer answer = {0, NULL};
    char reason[1024] = "";

    (void)state;
    assert_int_equal(
        vd_client_call("/nowhere", &request, &answer, reason, sizeof reason), VD_E_NOT_FOUND);
    assert_non_null(strstr(reason, "vedette init --data-dir /nowhere"));
    assert_null(answer.body);
}

static void test_client__encodes(void **state)
{
    char *text = vd_client_encode("a/b?c=d&e%f g#\xc3\xa9");

    (void)state;
    assert_string_equal(text, "a%2Fb%3Fc%3Dd%26e%25f%20g%23%C3%A9");
    free(text);
    text = vd_client_encode("");
    assert_string_equal(text, "");
    free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_api_http__##name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(socket),
        TEST(both_ways_are_the_same),
        TEST(records_name_the_caller),
        TEST(no_content),
        TEST(large_body),
        TEST(malformed),
        TEST(clients_that_leave),
        TEST(many_at_a_time),
        TEST(methods_hold_no_worker),
        TEST(stop_waits_for_methods),
        TEST(long_query),
        cmocka_unit_test(test_client__says_what_to_do),
        cmocka_unit_test(test_client__encodes),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
