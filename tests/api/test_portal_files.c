/* SPDX-License-Identifier: MIT */
/* The portal's pages: what is read of a folder, and how it is answered. */

#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "api/portal/files.h"
#include "lib/log.h"
#include "tests/center/message.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static char *folder;
static struct vd_portal_files *files;
static struct vd_http_answer answer;

static void write_file(const char *name, const void *data, size_t length)
{
    char path[512];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void write_text(const char *name, const char *text)
{
    write_file(name, text, strlen(text));
}

static void make_folder(const char *name)
{
    char path[512];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

#define PAGE   "<!doctype html><title>Vedette</title>"
#define SCRIPT "assets/index-B_q3-x9Z.js"

static char script[5000];

static int set_up(void **state)
{
    (void)state;
    folder = test_folder_new();
    make_folder("assets");
    memset(script, 'a', sizeof script);
    write_text("index.html", PAGE);
    write_file(SCRIPT, script, sizeof script);
    write_text("assets/plain.css", "a{}");
    write_text(".hidden.html", "no");
    write_file("icon.bin", "\0\1", 2);
    write_text("empty.txt", "");
    return vd_portal_files_read(folder, &files) == VD_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    vd_portal_files_free(files);
    files = NULL;
    vd_http_content_free(answer.content);
    json_decref(answer.body);
    answer = (struct vd_http_answer){0};
    test_folder_remove(folder);
    return 0;
}

/* Headers as name and value by turns, up to NULL. */
static int ask(const char *path, const char *const *given)
{
    struct evkeyvalq headers = {.tqh_last = &headers.tqh_first};
    const struct vd_http_request request = {.method = "GET", .headers = &headers};

    for (; given != NULL && *given != NULL; given += 2) {
        evhttp_add_header(&headers, given[0], given[1]);
    }
    vd_http_content_free(answer.content);
    json_decref(answer.body);
    answer = (struct vd_http_answer){.status = 500};
    vd_portal_files_answer(files, path, &request, &answer);
    evhttp_clear_headers(&headers);
    return answer.status;
}

/* NULL: the answer has none of that name. */
static const char *header(const char *name)
{
    const char *at = (const char *)answer.content->headers.data;
    const char *const end = at + answer.content->headers.length;

    while (at < end) {
        const char *value = at + strlen(at) + 1;

        if (strcmp(at, name) == 0) {
            return value;
        }
        at = value + strlen(value) + 1;
    }
    return NULL;
}

static void assert_body(const void *data, size_t length)
{
    assert_int_equal(answer.content->body.length, length);
    assert_true(length == 0 || memcmp(answer.content->body.data, data, length) == 0);
}

static void test_files__as_they_are(void **state)
{
    (void)state;
    assert_int_equal(ask("index.html", NULL), 200);
    assert_body(PAGE, sizeof PAGE - 1);
    assert_string_equal(header("Content-Type"), "text/html; charset=utf-8");
    assert_string_equal(header("Cache-Control"), "no-cache");
    assert_null(header("Content-Encoding"));
    assert_int_equal(ask(SCRIPT, NULL), 200);
    assert_body(script, sizeof script);
    assert_string_equal(header("Content-Type"), "text/javascript; charset=utf-8");
    assert_string_equal(header("Cache-Control"), "public, max-age=31536000, immutable");
    assert_string_equal(header("Vary"), "Accept-Encoding");
    assert_int_equal(ask("assets/plain.css", NULL), 200);
    assert_string_equal(header("Cache-Control"), "no-cache");
    assert_int_equal(ask("icon.bin", NULL), 200);
    assert_body("\0\1", 2);
    assert_string_equal(header("Content-Type"), "application/octet-stream");
    assert_int_equal(ask("empty.txt", NULL), 200);
    assert_body("", 0);
}

/* Pages have addresses of their own, which lead to the one file; what a page needs is there or is not. */
static void test_files__addresses_of_pages(void **state)
{
    static const char *const pages[] = {
        "", "alerts", "alerts/4f2e?", "devices/a%2Fb", "../etc/passwd", ".hidden.html", "assets"};

    (void)state;
    for (size_t i = 0; i < COUNT(pages); i++) {
        assert_int_equal(ask(pages[i], NULL), 200);
        assert_body(PAGE, sizeof PAGE - 1);
    }
    assert_int_equal(ask("assets/index-00000000.js", NULL), 404);
    assert_int_equal(ask("assets/../index.html", NULL), 404);
}

static void test_files__compressed(void **state)
{
    static const struct {
        const char *accepts;
        bool is_gzip;
    } cases[] = {
        {"gzip", true},
        {"deflate, GZIP;q=0.5, br", true},
        {"br,gzip", true},
        {"gzip;q=1", true},
        {"gzip;q=0", false},
        {"gzip; q=0.000, br", false},
        {"gzip;q=0.001", true},
        {"gzipped, xgzip", false},
        {"br", false},
        {"", false},
    };
    uint8_t out[sizeof script];
    uLongf length = sizeof out;
    z_stream stream = {.next_out = out, .avail_out = sizeof out};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *const given[] = {"Accept-Encoding", cases[i].accepts, NULL};

        assert_int_equal(ask(SCRIPT, given), 200);
        if ((header("Content-Encoding") != NULL) != cases[i].is_gzip) {
            fail_msg("%s", cases[i].accepts);
        }
    }
    ask(SCRIPT, (const char *const[]){"Accept-Encoding", "gzip", NULL});
    assert_true(answer.content->body.length < sizeof script / 10);
    stream.next_in = answer.content->body.data;
    stream.avail_in = (uInt)answer.content->body.length;
    assert_int_equal(inflateInit2(&stream, MAX_WBITS + 16), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    length = stream.total_out;
    inflateEnd(&stream);
    assert_int_equal(length, sizeof script);
    assert_memory_equal(out, script, sizeof script);
    /* A form that is not smaller is not sent. */
    ask("assets/plain.css", (const char *const[]){"Accept-Encoding", "gzip", NULL});
    assert_null(header("Content-Encoding"));
}

static void test_files__known_already(void **state)
{
    char plain[64];
    char gzip[64];
    char list[160];

    (void)state;
    ask(SCRIPT, NULL);
    snprintf(plain, sizeof plain, "%s", header("ETag"));
    ask(SCRIPT, (const char *const[]){"Accept-Encoding", "gzip", NULL});
    snprintf(gzip, sizeof gzip, "%s", header("ETag"));
    assert_string_not_equal(plain, gzip);
    snprintf(list, sizeof list, "\"x\", W/%s", plain);
    assert_int_equal(ask(SCRIPT, (const char *const[]){"If-None-Match", list, NULL}), 304);
    assert_string_equal(header("ETag"), plain);
    assert_body("", 0);
    assert_int_equal(ask(SCRIPT, (const char *const[]){"If-None-Match", "*", NULL}), 304);
    assert_int_equal(ask(SCRIPT, (const char *const[]){"If-None-Match", gzip, NULL}), 200);
    assert_int_equal(
        ask(SCRIPT, (const char *const[]){"If-None-Match", gzip, "Accept-Encoding", "gzip", NULL}),
        304);
    assert_int_equal(ask("index.html", (const char *const[]){"If-None-Match", plain, NULL}), 200);
}

static void test_files__other_folders(void **state)
{
    struct vd_portal_files *other = NULL;
    char path[512];

    (void)state;
    snprintf(path, sizeof path, "%s/none", folder);
    assert_int_equal(vd_portal_files_read(path, &other), VD_E_NOT_FOUND);
    snprintf(path, sizeof path, "%s/index.html", folder);
    assert_int_equal(vd_portal_files_read(path, &other), VD_E_NOT_FOUND);
    snprintf(path, sizeof path, "%s/assets", folder);
    assert_int_equal(vd_portal_files_read(path, &other), VD_E_NOT_FOUND);
    /* Pipes and the like are passed over, a folder that goes too deep is none of ours. */
    snprintf(path, sizeof path, "%s/pipe", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(vd_portal_files_read(folder, &other), VD_OK);
    vd_portal_files_free(other);
    other = NULL;
    for (size_t i = 0; i < VD_PORTAL_DEPTH_MAX; i++) {
        snprintf(path + 2 * i, sizeof path - 2 * i, "d/");
        make_folder(path);
    }
    assert_int_equal(vd_portal_files_read(folder, &other), VD_E_LIMIT);
    assert_null(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_files__##name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(as_they_are),
        TEST(addresses_of_pages),
        TEST(compressed),
        TEST(known_already),
        TEST(other_folders),
    };

    vd_log_set_level(VD_LOG_ERROR);
    return cmocka_run_group_tests_name("api_portal_files", tests, NULL, NULL);
}
