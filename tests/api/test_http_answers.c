/* SPDX-License-Identifier: MIT */
/* Answers of the HTTP server: a face's headers, HEAD, and streams with clients that read, go, or do neither. */

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "tests/api/https_fixture.h"

/* Those that "/stream" opened, in that order. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t opened = PTHREAD_COND_INITIALIZER;
static struct vd_http_stream *streams[VD_HTTP_STREAMS_MAX];
static size_t stream_count;

/* Of "/wait": how many were begun, and saw that nobody waits for them any more. */
static atomic_int begun;
static atomic_int given_up;

static void wait_until_gone(const struct vd_http_request *request)
{
    const int64_t end_ms = vd_clock_monotonic_ms() + PATIENCE_MS;

    atomic_fetch_add(&begun, 1);
    while (!atomic_load(request->is_gone) && vd_clock_monotonic_ms() < end_ms) {
        poll(NULL, 0, 1);
    }
    if (atomic_load(request->is_gone)) {
        atomic_fetch_add(&given_up, 1);
    }
}

static void answer_call(
    void *context, const struct vd_http_request *request, struct vd_http_answer *answer)
{
    struct vd_http_stream *stream;

    vd_http_answer_header(answer, "x-context", context);
    answer->status = 200;
    if (strcmp(request->path, "/wait") == 0) {
        wait_until_gone(request);
        return;
    }
    if (strcmp(request->path, "/stream") != 0) {
        answer->body = json_pack("{s:s}", "method", request->method);
        return;
    }
    stream = vd_http_stream_open(request->later);
    if (stream == NULL) {
        answer->status = 503;
        return;
    }
    pthread_mutex_lock(&lock);
    streams[stream_count++] = stream;
    pthread_cond_signal(&opened);
    pthread_mutex_unlock(&lock);
}

static int set_up(void **state)
{
    static const struct vd_http_pair own[] = {{"x-face", "one"}, {"x-context", "nobody"}};
    const struct vd_http_face faces[] = {
        {"/one", NULL, 1000, answer_call, refuse, "one", own, COUNT(own), false},
        {"/", NULL, 4000, answer_call, refuse, "rest", NULL, 0, false},
    };
    const struct vd_http_config config = config_of(faces, COUNT(faces));

    (void)state;
    stream_count = 0;
    start_server(&config);
    return 0;
}

static void ask(struct tls_client *client, const char *request)
{
    open_client(client);
    send_text(client, request);
}

static void expect_bytes(struct tls_client *client, const char *expected)
{
    char got[256];
    const size_t length = strlen(expected);

    assert_true(length < sizeof got);
    assert_true(tls_client_read(client, got, length));
    got[length] = '\0';
    assert_string_equal(got, expected);
}

/* ---- Headers ---- */

/* A face's headers are in its answers, refusals too, and give way to what an answer says. */
static void test_answers__headers_of_a_face(void **state)
{
    static char body[2000];
    struct tls_client client;
    char headers[1024];
    char request[128];

    (void)state;
    ask(&client, "GET /one HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(read_answer(&client, headers, sizeof headers, NULL), 200);
    assert_non_null(strstr(headers, "x-face: one\r\n"));
    assert_non_null(strstr(headers, "x-context: one\r\n"));
    assert_null(strstr(headers, "nobody"));
    send_text(&client, "GET /two HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(read_answer(&client, headers, sizeof headers, NULL), 200);
    assert_null(strstr(headers, "x-face"));
    memset(body, 'b', sizeof body);
    snprintf(request, sizeof request, "PUT /one HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n",
        sizeof body);
    send_text(&client, request);
    assert_true(tls_client_write(&client, body, sizeof body));
    assert_int_equal(read_answer(&client, headers, sizeof headers, NULL), 413);
    assert_non_null(strstr(headers, "x-face: one\r\n"));
    tls_client_close(&client);
}

/* HEAD is told how long the answer is, and the next request on the connection is understood. */
static void test_answers__head(void **state)
{
    struct tls_client client;
    char text[1024];

    (void)state;
    ask(&client, "HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(read_headers(&client, text, sizeof text), 200);
    assert_non_null(strstr(text, "Content-Length: 17\r\n"));
    send_text(&client, "GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(read_status(&client), 200);
    tls_client_close(&client);
}

/* ---- Streams ---- */

/* Waits until so many were opened; gives the last. */
static struct vd_http_stream *stream_number(size_t number)
{
    struct vd_http_stream *stream;

    pthread_mutex_lock(&lock);
    while (stream_count < number) {
        pthread_cond_wait(&opened, &lock);
    }
    stream = streams[number - 1];
    pthread_mutex_unlock(&lock);
    return stream;
}

static void rest(void)
{
    const struct timespec step = {0, 5000000};

    nanosleep(&step, NULL);
}

/* Waits until the stream says that nobody reads it. */
static void await_gone(struct vd_http_stream *stream)
{
    const int64_t until = vd_clock_monotonic_ms() + PATIENCE_MS;

    while (vd_http_stream_send(stream, "", 0)) {
        assert_true(vd_clock_monotonic_ms() < until);
        rest();
    }
}

static void test_answers__stream(void **state)
{
    struct tls_client client;
    struct vd_http_stream *stream;
    char headers[1024];

    (void)state;
    ask(&client, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    stream = stream_number(1);
    assert_true(vd_http_stream_send(stream, "early", 5));
    assert_int_equal(read_headers(&client, headers, sizeof headers), 200);
    assert_non_null(strstr(headers, "Transfer-Encoding: chunked\r\n"));
    assert_non_null(strstr(headers, "x-context: rest\r\n"));
    expect_bytes(&client, "5\r\nearly\r\n");
    assert_true(vd_http_stream_send(stream, "abc", 3));
    expect_bytes(&client, "3\r\nabc\r\n");
    assert_true(vd_http_stream_send(stream, "the last of it", 14));
    vd_http_stream_close(stream);
    expect_bytes(&client, "e\r\nthe last of it\r\n0\r\n\r\n");
    /* The connection is good for more. */
    send_text(&client, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(read_status(&client), 200);
    tls_client_close(&client);
}

static void test_answers__stream_closed_at_once(void **state)
{
    struct tls_client client;
    char headers[1024];

    (void)state;
    ask(&client, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    vd_http_stream_close(stream_number(1));
    assert_int_equal(read_headers(&client, headers, sizeof headers), 200);
    expect_bytes(&client, "0\r\n\r\n");
    tls_client_close(&client);
}

static void test_answers__stream_of_one_who_goes(void **state)
{
    struct tls_client client;
    char headers[1024];

    (void)state;
    for (size_t i = 1; i <= 3; i++) {
        ask(&client, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
        if (i > 1) { /* the first has gone before it is answered, maybe */
            assert_int_equal(read_headers(&client, headers, sizeof headers), 200);
        }
        tls_client_close(&client);
        await_gone(stream_number(i));
        vd_http_stream_close(stream_number(i));
    }
}

/* What one does not read is kept for him up to a bound; then he is dropped, and others do not notice. */
static void test_answers__stream_of_one_who_does_not_read(void **state)
{
    static char text[8192];
    struct tls_client client;
    struct tls_client other;
    struct vd_http_stream *stream;
    const int64_t until = vd_clock_monotonic_ms() + PATIENCE_MS;
    size_t refused = 0;
    size_t sent = 0;

    (void)state;
    memset(text, 't', sizeof text);
    ask(&client, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    stream = stream_number(1);
    /* A refusal may mean that the loop has not come to it yet; one who is dropped stays refused. */
    while (vd_http_stream_send(stream, "", 0) && refused < 1000000) {
        assert_true(vd_clock_monotonic_ms() < until);
        if (vd_http_stream_send(stream, text, sizeof text)) {
            sent += sizeof text;
        } else {
            refused++;
            rest();
        }
        assert_true(sent < (64u << 20)); /* the kernel keeps some MB of it */
    }
    assert_true(sent >= 65536);
    ask(&other, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(read_status(&other), 200);
    tls_client_close(&other);
    vd_http_stream_close(stream);
    tls_client_close(&client);
}

static void test_answers__streams_at_a_time(void **state)
{
    static struct tls_client clients[VD_HTTP_STREAMS_MAX];
    struct tls_client other;
    const int64_t until = vd_clock_monotonic_ms() + PATIENCE_MS;
    char headers[1024];

    (void)state;
    for (size_t i = 0; i < VD_HTTP_STREAMS_MAX; i++) {
        ask(&clients[i], "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
        (void)stream_number(i + 1);
    }
    ask(&other, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(read_status(&other), 503);
    /* One that ends makes room. */
    vd_http_stream_close(streams[0]);
    pthread_mutex_lock(&lock);
    streams[0] = streams[--stream_count];
    pthread_mutex_unlock(&lock);
    for (;;) {
        send_text(&other, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
        if (read_headers(&other, headers, sizeof headers) == 200) {
            break;
        }
        assert_true(vd_clock_monotonic_ms() < until);
        rest();
    }
    for (size_t i = 0; i < VD_HTTP_STREAMS_MAX; i++) {
        vd_http_stream_close(streams[i]);
        tls_client_close(&clients[i]);
    }
    tls_client_close(&other);
}

/* Closes the stream once the server does not take any more. */
static void *close_when_over(void *stream)
{
    while (vd_http_stream_send(stream, "", 0)) {
        rest();
    }
    vd_http_stream_close(stream);
    return NULL;
}

static void test_answers__streams_at_the_end(void **state)
{
    struct tls_client client;
    char headers[1024];
    pthread_t closer;

    (void)state;
    ask(&client, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(pthread_create(&closer, NULL, close_when_over, stream_number(1)), 0);
    assert_int_equal(read_headers(&client, headers, sizeof headers), 200);
    assert_int_equal(stop_server(NULL), 0);
    expect_bytes(&client, "0\r\n\r\n");
    pthread_join(closer, NULL);
    tls_client_close(&client);
}

/* ---- Clients that go ---- */

static void await_count(atomic_int *count, int wanted)
{
    const int64_t end_ms = vd_clock_monotonic_ms() + PATIENCE_MS;

    while (atomic_load(count) < wanted && vd_clock_monotonic_ms() < end_ms) {
        poll(NULL, 0, 1);
    }
    assert_int_equal(atomic_load(count), wanted);
}

/* A request ends that nobody waits for, however its client went: with a word, or with a reset. */
static void test_answers__clients_that_go(void **state)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    (void)state;
    atomic_store(&begun, 0);
    atomic_store(&given_up, 0);
    for (int reset = 0; reset < 2; reset++) {
        struct tls_client client;

        ask(&client, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
        await_count(&begun, reset + 1);
        if (reset) {
            assert_int_equal(
                setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
        }
        tls_client_close(&client);
        await_count(&given_up, reset + 1);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_answers__##name, set_up, stop_server)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(headers_of_a_face),
        TEST(head),
        TEST(stream),
        TEST(stream_closed_at_once),
        TEST(stream_of_one_who_goes),
        TEST(stream_of_one_who_does_not_read),
        TEST(streams_at_a_time),
        TEST(streams_at_the_end),
        TEST(clients_that_go),
    };

    return cmocka_run_group_tests_name("api_http_answers", tests, make_scene, remove_scene);
}
