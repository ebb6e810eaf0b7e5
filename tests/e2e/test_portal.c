/* SPDX-License-Identifier: MIT */
/* The portal of the program as it is delivered: a browser of sorts signs in, changes something, and hears of what others do. */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <curl/curl.h>

#include "tests/e2e/harness.h"

#define PAGE    "<!doctype html><title>pages of a test</title>"
#define WAIT_MS 20000

static struct e2e_hub hub;
static CURL *browser; /* keeps cookies */
static char resolve_text[64];
static struct curl_slist *resolve;
static char body[16384];
static size_t body_length;
static char csrf[128];

static size_t take(char *data, size_t size, size_t count, void *context)
{
    (void)context;
    assert_true(body_length + count < sizeof body);
    memcpy(body + body_length, data, count);
    body_length += count;
    body[body_length] = '\0';
    return size * count;
}

static void url_of(const char *path, char *out, size_t size)
{
    snprintf(out, size, "https://" E2E_HUB_NAME ":%u%s", hub.https_port, path);
}

/* As a browser trusts and finds the hub. */
static void set_up_client(CURL *curl)
{
    snprintf(resolve_text, sizeof resolve_text, E2E_HUB_NAME ":%u:127.0.0.1", hub.https_port);
    if (resolve == NULL) {
        resolve = curl_slist_append(NULL, resolve_text);
    }
    curl_easy_setopt(curl, CURLOPT_RESOLVE, resolve);
    curl_easy_setopt(curl, CURLOPT_CAINFO, hub.ca);
}

static long ask(const char *method, const char *path, const char *content, bool with_csrf)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    char url[256];
    char line[160];
    long status = 0;

    url_of(path, url, sizeof url);
    if (with_csrf) {
        snprintf(line, sizeof line, "X-Vedette-Csrf: %s", csrf);
        headers = curl_slist_append(headers, line);
    }
    set_up_client(browser);
    curl_easy_setopt(browser, CURLOPT_URL, url);
    curl_easy_setopt(browser, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(browser, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(browser, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(browser, CURLOPT_WRITEFUNCTION, take);
    if (content != NULL) {
        curl_easy_setopt(browser, CURLOPT_POSTFIELDS, content);
    } else {
        curl_easy_setopt(browser, CURLOPT_HTTPGET, 1L);
        curl_easy_setopt(browser, CURLOPT_CUSTOMREQUEST, method);
    }
    body_length = 0;
    body[0] = '\0';
    assert_int_equal(curl_easy_perform(browser), CURLE_OK);
    curl_easy_getinfo(browser, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    return status;
}

static void sign_in(void)
{
    json_t *token =
        e2e_cli_json(&hub, E2E_ARGS("token", "create", "--name", "alice", "--role", "contributor"));
    const char *text = json_string_value(json_object_get(token, "token"));
    char content[256];
    json_t *session;

    assert_non_null(text);
    snprintf(content, sizeof content, "{\"token\":\"%s\"}", text);
    json_decref(token);
    assert_int_equal(ask("POST", "/portal/session", content, false), 200);
    session = json_loads(body, 0, NULL);
    snprintf(csrf, sizeof csrf, "%s", json_string_value(json_object_get(session, "csrf")));
    json_decref(session);
}

/* ---- Events ---- */

struct page {
    pthread_t thread;
    char cookie[512];
    pthread_mutex_t lock; /* for what follows */
    char text[16384];
    size_t length;
    CURLcode ended; /* once the thread has */
};

static size_t hear(char *data, size_t size, size_t count, void *context)
{
    struct page *page = context;

    pthread_mutex_lock(&page->lock);
    if (page->length + count < sizeof page->text) {
        memcpy(page->text + page->length, data, count);
        page->length += count;
        page->text[page->length] = '\0';
    }
    pthread_mutex_unlock(&page->lock);
    return size * count;
}

static void *listen_to(void *context)
{
    struct page *page = context;
    CURL *curl = curl_easy_init();
    char url[256];

    url_of("/portal/events", url, sizeof url);
    set_up_client(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_COOKIE, page->cookie);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, hear);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, page);
    page->ended = curl_easy_perform(curl);
    curl_easy_cleanup(curl);
    return NULL;
}

/* How often devices were told of. */
static unsigned told_of_devices(struct page *page)
{
    unsigned count = 0;

    pthread_mutex_lock(&page->lock);
    for (const char *at = page->text; (at = strstr(at, "event: devices\n")) != NULL; at++) {
        count++;
    }
    pthread_mutex_unlock(&page->lock);
    return count;
}

static bool has_heard(void *context)
{
    return told_of_devices(context) >= 1;
}

static bool has_heard_more(void *context)
{
    return told_of_devices(context) >= 2;
}

/* The browser's own cookie, as its header has it. */
static void cookie_of_browser(char *out, size_t size)
{
    struct curl_slist *cookies = NULL;
    const char *name;
    const char *value;

    assert_int_equal(curl_easy_getinfo(browser, CURLINFO_COOKIELIST, &cookies), CURLE_OK);
    assert_non_null(cookies);
    value = strrchr(cookies->data, '\t');
    name = strstr(cookies->data, "__Host-");
    assert_non_null(value);
    assert_non_null(name);
    snprintf(out, size, "%.*s=%s", (int)strcspn(name, "\t"), name, value + 1);
    curl_slist_free_all(cookies);
}

/* ---- Tests ---- */

static void test_portal__pages_and_api(void **state)
{
    char url[256];
    char line[300];
    json_t *status = e2e_status(&hub);
    char ready[4096] = "";
    FILE *file = fopen(hub.ready, "r");

    (void)state;
    url_of("/portal/", url, sizeof url);
    assert_string_equal(json_string_value(json_object_get(status, "portal")), url);
    json_decref(status);
    assert_non_null(file);
    assert_true(fread(ready, 1, sizeof ready - 1, file) > 0);
    fclose(file);
    snprintf(line, sizeof line, " portal=%s\n", url);
    assert_non_null(strstr(ready, line));

    assert_int_equal(ask("GET", "/", NULL, false), 200);
    assert_string_equal(body, PAGE);
    assert_int_equal(ask("GET", "/portal/api/devices", NULL, false), 401);
    sign_in();
    assert_int_equal(ask("GET", "/portal/api/devices", NULL, false), 200);
    assert_int_equal(ask("POST", "/portal/api/devices", "{\"deviceId\":\"lamp\"}", false), 403);
    assert_int_equal(ask("POST", "/portal/api/devices", "{\"deviceId\":\"lamp\"}", true), 201);
    assert_int_equal(ask("GET", "/portal/api/devices/lamp", NULL, false), 200);
    assert_int_equal(ask("GET", "/portal/api/tokens", NULL, false), 403);
}

/* A page that listens is told of what comes over another way, and does not hold up the end of the service. */
static void test_portal__events(void **state)
{
    struct page page = {.lock = PTHREAD_MUTEX_INITIALIZER, .ended = CURLE_AGAIN};

    (void)state;
    cookie_of_browser(page.cookie, sizeof page.cookie);
    assert_int_equal(pthread_create(&page.thread, NULL, listen_to, &page), 0);
    assert_true(e2e_wait(WAIT_MS, has_heard, &page));
    e2e_device_create(&hub, "clock");
    assert_true(e2e_wait(WAIT_MS, has_heard_more, &page));
    e2e_hub_stop(&hub);
    pthread_join(page.thread, NULL);
    assert_int_equal(page.ended, CURLE_OK);
}

/* Nobody is sent to an address that has nothing to show. */
static void test_portal__not_announced_without_pages(void **state)
{
    char path[256];
    char *ready;
    const char *newest;
    json_t *status;

    (void)state;
    snprintf(path, sizeof path, "%s/pages/index.html", hub.data);
    assert_int_equal(unlink(path), 0);
    e2e_hub_start(&hub);
    status = e2e_status(&hub);
    assert_null(json_object_get(status, "portal"));
    json_decref(status);
    ready = e2e_read_file(hub.ready, NULL);
    assert_non_null(ready);
    newest = ready;
    for (const char *line = ready; line != NULL; line = strstr(line + 1, "ready hub=")) {
        newest = line;
    }
    assert_non_null(strstr(newest, " https="));
    assert_null(strstr(newest, " portal="));
    free(ready);
}

static int make_scene(void **state)
{
    char path[256];
    FILE *file;

    (void)state;
    e2e_hub_init(&hub, "hub", NULL, "127.0.0.1", 0);
    e2e_hub_serve_https(&hub);
    snprintf(path, sizeof path, "%s/vedette.conf", hub.data);
    file = fopen(path, "a");
    if (file == NULL || fputs("portal.directory = pages\n", file) < 0 || fclose(file) != 0) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/pages", hub.data);
    if (mkdir(path, 0700) != 0) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/pages/index.html", hub.data);
    file = fopen(path, "w");
    if (file == NULL || fputs(PAGE, file) < 0 || fclose(file) != 0) {
        return -1;
    }
    e2e_hub_start(&hub);
    browser = curl_easy_init();
    curl_easy_setopt(browser, CURLOPT_COOKIEFILE, "");
    return hub.https_port != 0 && browser != NULL ? 0 : -1;
}

static int end_scene(void **state)
{
    (void)state;
    curl_easy_cleanup(browser);
    curl_slist_free_all(resolve);
    return 0;
}

int main(void)
{
    static const char *const programs[] = {NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_portal__pages_and_api),
        cmocka_unit_test(test_portal__events),
        cmocka_unit_test(test_portal__not_announced_without_pages),
    };
    const int cannot = e2e_begin(0, programs);

    if (cannot != 0) {
        return cannot;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    return e2e_end(cmocka_run_group_tests_name("e2e_portal", tests, make_scene, end_scene));
}
