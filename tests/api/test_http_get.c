/* SPDX-License-Identifier: MIT */
/* GET over TLS: who answers, where redirections lead, and what goes along. */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/http.h"
#include "lib/clock.h"
#include "lib/http_get.h"
#include "lib/http_post.h"
#include "lib/stream.h"
#include "tests/hub/certificates.h"

static char folder[64];
static char certificate[96];
static char key[96];
static char other_certificate[96];
static struct vd_http *servers[2]; /* two origins */
static struct vd_http_get *get;

/* 5,000 zeros. */
static const unsigned char zeros[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03,
    0xed, 0xc1, 0x31, 0x01, 0x00, 0x00, 0x00, 0xc2, 0xa0, 0x4a, 0xeb, 0x9f, 0xce, 0x14, 0x7e, 0x40,
    0x01, 0x00, 0x00, 0x00, 0x00, 0x6f, 0x03, 0x04, 0x3d, 0xfc, 0xa8, 0x88, 0x13, 0x00, 0x00};

static void redirect(struct vd_http_answer *answer, const char *format, ...)
{
    char url[128];
    va_list args;

    va_start(args, format);
    vsnprintf(url, sizeof url, format, args);
    va_end(args);
    answer->status = 302;
    vd_http_answer_header(answer, "Location", url);
    answer->body = json_pack("[s]", "elsewhere");
}

static const char *header(const struct vd_http_request *request, const char *name)
{
    const char *value = vd_http_header(request, name);

    return value != NULL ? value : "-";
}

static void answer_compressed(struct vd_http_answer *answer)
{
    answer->content = vd_http_content_new();
    assert_non_null(answer->content);
    vd_buf_append(&answer->content->body, zeros, sizeof zeros);
    vd_http_content_header(answer->content, "Content-Encoding", "gzip");
}

static void serve(
    void *context, const struct vd_http_request *request, struct vd_http_answer *answer)
{
    const int hops = strncmp(request->path, "/hop/", 5) == 0 ? request->path[5] - '0' : 0;

    (void)context;
    answer->status = 200;
    if (hops > 0) {
        redirect(answer, "/hop/%d", hops - 1);
    } else if (strcmp(request->path, "/away") == 0) {
        redirect(answer, "https://localhost:%u/back", vd_http_port(servers[1]));
    } else if (strcmp(request->path, "/back") == 0) {
        redirect(answer, "https://localhost:%u/seen", vd_http_port(servers[0]));
    } else if (strcmp(request->path, "/away-only") == 0) {
        redirect(answer, "https://localhost:%u/seen", vd_http_port(servers[1]));
    } else if (strcmp(request->path, "/plain") == 0) {
        redirect(answer, "http://localhost:%u/seen", vd_http_port(servers[1]));
    } else if (strcmp(request->path, "/zeros") == 0) {
        answer_compressed(answer);
    } else {
        answer->body = json_pack("[s, s, s]", header(request, "Authorization"),
            header(request, "X-Api-Key"), header(request, "If-None-Match"));
    }
}

static void refuse(int refused, struct vd_http_answer *answer)
{
    (void)refused;
    answer->body = json_object();
}

static int run_in(const struct vd_http_get_request *without_url, struct vd_http_get_answer *answer,
    const char *path, const char *expected)
{
    struct vd_http_get_request request = *without_url;
    char url[128];
    int error;

    snprintf(url, sizeof url, "https://localhost:%u%s", vd_http_port(servers[0]), path);
    request.url = url;
    error = vd_http_get(get, &request, answer);
    vd_buf_append(&answer->body, "", 1);
    if (error != VD_OK && expected != NULL) {
        fail_msg("%s: %s", path, answer->reason);
    }
    if (expected != NULL) {
        assert_string_equal((const char *)answer->body.data, expected);
    }
    vd_buf_release(&answer->body);
    return error;
}

static const struct vd_http_get_request usual = {
    .ca_file = certificate,
    .etag = "",
    .last_modified = "",
    .body_max_bytes = 4096,
    .timeout_ms = 20000,
};

static void test_http_get__redirections(void **state)
{
    struct vd_http_get_request request = usual;
    struct vd_http_get_answer answer;

    (void)state;
    assert_int_equal(run_in(&request, &answer, "/hop/5", "[\"-\",\"-\",\"-\"]"), VD_OK);
    assert_int_equal(answer.status, 200);
    assert_int_equal(run_in(&request, &answer, "/hop/6", NULL), VD_E_DENIED);
    assert_string_equal(answer.reason, "it is redirected too often");
    assert_int_equal(run_in(&request, &answer, "/plain", NULL), VD_E_DENIED);
    assert_string_equal(answer.reason, "it is redirected to what is not https");
    assert_int_equal(run_in(&request, &answer, "/away", "[\"-\",\"-\",\"-\"]"), VD_OK);
}

/* A credential goes along a redirection at home, and nowhere else, not even by way of another host. */
static void test_http_get__credentials(void **state)
{
    static const struct {
        enum vd_http_credential kind;
        const char *credential;
        const char *seen;
    } cases[] = {
        {VD_HTTP_CREDENTIAL_BASIC, "a:b", "[\"Basic YTpi\",\"-\",\"\\\"x\\\"\"]"},
        {VD_HTTP_CREDENTIAL_BEARER, "t", "[\"Bearer t\",\"-\",\"\\\"x\\\"\"]"},
        {VD_HTTP_CREDENTIAL_HEADER, "X-Api-Key: k", "[\"-\",\"k\",\"\\\"x\\\"\"]"},
    };
    struct vd_http_get_answer answer;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vd_http_get_request request = usual;

        request.credential_kind = cases[i].kind;
        request.credential = cases[i].credential;
        request.etag = "\"x\"";
        assert_int_equal(run_in(&request, &answer, "/seen", cases[i].seen), VD_OK);
        assert_int_equal(run_in(&request, &answer, "/hop/1", cases[i].seen), VD_OK);
        assert_int_equal(
            run_in(&request, &answer, "/away-only", "[\"-\",\"-\",\"\\\"x\\\"\"]"), VD_OK);
        assert_int_equal(run_in(&request, &answer, "/away", "[\"-\",\"-\",\"\\\"x\\\"\"]"), VD_OK);
    }
}

static void test_http_get__bounds(void **state)
{
    struct vd_http_get_request request = usual;
    struct vd_http_get_answer answer;

    (void)state;
    assert_int_equal(run_in(&request, &answer, "/zeros", NULL), VD_E_LIMIT);
    assert_string_equal(answer.reason, "the answer is longer than 4096 bytes");
    request.body_max_bytes = 5000;
    assert_int_equal(run_in(&request, &answer, "/zeros", NULL), VD_OK);
    request.ca_file = other_certificate;
    assert_int_equal(run_in(&request, &answer, "/seen", NULL), VD_E_IO);
    assert_non_null(strstr(answer.reason, "certificate is not accepted: self"));
    request.ca_file = "/nowhere.pem";
    assert_int_equal(run_in(&request, &answer, "/seen", NULL), VD_E_IO);
}

static void test_http_get__urls(void **state)
{
    static const struct {
        const char *url;
        bool allows_http;
        bool is_good;
    } cases[] = {
        {"https://example.org/a?b", false, true},
        {"HTTPS://example.org", false, true},
        {"http://127.9.8.7:80/", false, true},
        {"http://[::1]/", false, true},
        {"http://LOCALHOST/", false, true},
        {"http://localhost.example.org/", false, false},
        {"http://127.0.0.1@example.org/", false, false},
        {"http://128.0.0.1/", false, false},
        {"http://[::2]/", false, false},
        {"http://example.org/", true, true},
        {"ftp://example.org/", true, false},
        {"file:///etc/passwd", true, false},
        {"/a", true, false},
        {"", true, false},
        {"https://user@example.org/", true, false},
        {"https://example.org/\n", true, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if ((vd_http_url_problem(cases[i].url, cases[i].allows_http) == NULL) != cases[i].is_good) {
            fail_msg("%s", cases[i].url);
        }
    }
    assert_true(vd_http_same_origin("https://a/x", "HTTPS://A:443/y?z"));
    assert_false(vd_http_same_origin("https://a/x", "https://a:444/x"));
    assert_false(vd_http_same_origin("https://a/x", "http://a:443/x"));
    assert_false(vd_http_same_origin("https://a/x", "https://b/x"));
    assert_false(vd_http_same_origin("", ""));
}

static void test_http_get__link_local(void **state)
{
    static const char *const urls[] = {
        "http://169.254.169.254/latest/meta-data/",
        "http://[fe80::1]/",
        "http://[::ffff:169.254.169.254]/",
        "https://169.254.0.1:8443/",
    };
    static const char reason[] = "link-local addresses are not connected to";
    static const struct vd_stream_config syslog = {
        .host = "169.254.169.254",
        .port = 601,
        .is_plain = true,
        .open_timeout_ms = 20000,
        .send_timeout_ms = 20000,
    };
    struct vd_http_get_request request = usual;
    struct vd_http_post_failure failure;
    struct vd_stream *stream = NULL;
    struct vd_http_get_answer answer;

    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        const struct vd_http_post_config config = {urls[i], NULL, 20000};
        static const char *const headers[] = {NULL};
        struct vd_http_post *post = NULL;

        request.url = urls[i];
        assert_int_equal(vd_http_get(get, &request, &answer), VD_E_IO);
        assert_string_equal(answer.reason, reason);
        vd_buf_release(&answer.body);
        assert_int_equal(vd_http_post_new(&config, &post), VD_OK);
        assert_int_equal(vd_http_post_send(post, headers, VD_STR_LITERAL("{}"), &failure), VD_E_IO);
        assert_string_equal(failure.reason, reason);
        vd_http_post_free(post);
    }
    assert_int_equal(vd_stream_new(&syslog, &stream), VD_OK);
    assert_int_equal(vd_stream_open(stream, failure.reason), VD_E_IO);
    assert_string_equal(failure.reason, reason);
    vd_stream_free(stream);
    request = usual; /* and nothing stays of it */
    assert_int_equal(run_in(&request, &answer, "/seen", NULL), VD_OK);
}

static int start_servers(void)
{
    const struct vd_http_face face = {"/", NULL, 1024, serve, refuse, NULL, NULL, 0, false};
    const struct vd_http_config config = {
        .address = "127.0.0.1",
        .certificate_file = certificate,
        .private_key_file = key,
        .workers = 1,
        .faces = &face,
        .face_count = 1,
    };
    char reason[256] = "";

    return vd_http_start(&config, &servers[0], reason, sizeof reason) == VD_OK &&
            vd_http_start(&config, &servers[1], reason, sizeof reason) == VD_OK &&
            vd_http_get_new(&get) == VD_OK
        ? 0
        : -1;
}

static int set_up(void **state)
{
    const int64_t now_s = vd_clock_utc_ms() / 1000;
    struct test_certificate own = test_certificate_make(
        &(struct test_certificate_plan){.common_name = "localhost", .now_s = now_s});
    struct test_certificate other = test_certificate_make(
        &(struct test_certificate_plan){.common_name = "localhost", .now_s = now_s});
    bool good;

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    snprintf(folder, sizeof folder, "/tmp/vedette-get-XXXXXX");
    good = mkdtemp(folder) != NULL;
    snprintf(certificate, sizeof certificate, "%s/certificate.pem", folder);
    snprintf(key, sizeof key, "%s/key.pem", folder);
    snprintf(other_certificate, sizeof other_certificate, "%s/other.pem", folder);
    if (good) {
        test_certificate_write(&own, certificate, key);
        test_certificate_write(&other, other_certificate, NULL);
    }
    test_certificate_release(&own);
    test_certificate_release(&other);
    return good ? start_servers() : -1;
}

static int tear_down(void **state)
{
    const bool stopped = vd_http_stop(servers[0], 20000) && vd_http_stop(servers[1], 20000);

    (void)state;
    vd_http_get_free(get);
    unlink(certificate);
    unlink(other_certificate);
    unlink(key);
    return stopped ? rmdir(folder) : -1;
}

#define TEST(name) cmocka_unit_test(test_http_get__##name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(redirections),
        TEST(credentials),
        TEST(bounds),
        TEST(urls),
        TEST(link_local),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
