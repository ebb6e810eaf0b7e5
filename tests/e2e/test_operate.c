/* SPDX-License-Identifier: MIT */
/* Operation of the program as it is delivered: health, and a service manager in whose place the test listens. */

#include <curl/curl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "tests/e2e/harness.h"

#define WAIT_MS 20000

static struct e2e_hub hub;
static int manager = -1;

/* ---- The manager ---- */

static void listen_as_manager(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof address.sun_path, "%s/notify", e2e_folder());
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(manager, (struct sockaddr *)&address, sizeof address), 0);
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
    setenv("WATCHDOG_USEC", "1000000", 1);
}

static bool has_heard(void *context)
{
    char word[1024];
    const ssize_t length = recv(manager, word, sizeof word - 1, MSG_DONTWAIT);

    word[length > 0 ? length : 0] = '\0';
    return strstr(word, context) != NULL;
}

static void await_word(const char *word)
{
    if (!e2e_wait(WAIT_MS, has_heard, (void *)(uintptr_t)word)) {
        fail_msg("the manager has not heard %s", word);
    }
}

/* ---- Health ---- */

static size_t take(char *data, size_t size, size_t count, void *context)
{
    char *body = context;
    const size_t used = strlen(body);

    snprintf(body + used, 256 - used, "%.*s", (int)(size * count), data);
    return size * count;
}

/* Status of a request without a token. */
static long ask(const char *path, char body[256])
{
    CURL *curl = curl_easy_init();
    char url[128];
    char at[128];
    struct curl_slist *resolve;
    long status = 0;

    snprintf(url, sizeof url, "https://" E2E_HUB_NAME ":%u%s", hub.https_port, path);
    snprintf(at, sizeof at, E2E_HUB_NAME ":%u:127.0.0.1", hub.https_port);
    resolve = curl_slist_append(NULL, at);
    body[0] = '\0';
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_RESOLVE, resolve);
    curl_easy_setopt(curl, CURLOPT_CAINFO, hub.ca);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
    assert_int_equal(curl_easy_perform(curl), CURLE_OK);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    curl_slist_free_all(resolve);
    return status;
}

static bool is_ready(void *context)
{
    return ask("/readyz", context) == 200;
}

static void expect_command(int status, const char *words)
{
    struct e2e_result result = e2e_cli(&hub, E2E_ARGS("health"));

    if (result.status != status || strstr(result.out, words) == NULL) {
        fail_msg("%d: %s%s", result.status, result.out, result.err);
    }
    e2e_result_release(&result);
}

static bool has_broken_trail(void *context)
{
    return ask("/readyz", context) == 503 && strstr(context, "\"audit-broken\"") != NULL;
}

static void test_operate__health(void **state)
{
    char body[256] = "";

    (void)state;
    expect_command(1, "");
    e2e_hub_start(&hub);
    if (!e2e_wait(WAIT_MS, is_ready, body)) {
        fail_msg("%s", body);
    }
    assert_string_equal(body, "{\"status\":\"ok\",\"reasons\":[]}");
    assert_int_equal(ask("/healthz", body), 200);
    assert_string_equal(body, "{\"status\":\"ok\",\"reasons\":[]}");
    expect_command(0, "ready\n");
    e2e_hub_stop(&hub);
}

static void run_sql(const char *sql)
{
    sqlite3 *db = NULL;
    char path[160];

    snprintf(path, sizeof path, "%s/audit.db", hub.data);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* It lives, and is not ready: scripts and balancers are told why. */
static void test_operate__not_ready(void **state)
{
    char body[256] = "";

    (void)state;
    run_sql("UPDATE record SET body = replace(body, 'service', 'nothing') WHERE sequence = 1");
    e2e_hub_start(&hub);
    if (!e2e_wait(WAIT_MS, has_broken_trail, body)) {
        fail_msg("%s", body);
    }
    assert_int_equal(ask("/healthz", body), 200);
    expect_command(3, "audit-broken");
    e2e_hub_stop(&hub);
}

/* ---- The service manager ---- */

static void test_operate__words_to_the_manager(void **state)
{
    (void)state;
    listen_as_manager();
    e2e_hub_start(&hub);
    await_word("READY=1");
    await_word("WATCHDOG=1");
    await_word("WATCHDOG=1");
    assert_int_equal(kill(hub.pid, SIGHUP), 0);
    await_word("RELOADING=1\nMONOTONIC_USEC=");
    await_word("READY=1");
    e2e_hub_stop(&hub);
    await_word("STOPPING=1");
    close(manager);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
}

static bool has_said_stopping(void *context)
{
    (void)context;
    return e2e_wait_text(hub.log, "event=serve.stopping", 10);
}

/* A second signal ends it at once, wherever it is in its ending; the stores are none the worse for it. */
static void test_operate__second_signal(void **state)
{
    int status = 0;

    (void)state;
    e2e_write_file(hub.log, "", 0);
    e2e_hub_start(&hub);
    assert_int_equal(kill(hub.pid, SIGTERM), 0);
    assert_true(e2e_wait(WAIT_MS, has_said_stopping, NULL));
    kill(hub.pid, SIGTERM);
    while (!e2e_ended(hub.pid, &status)) {
        e2e_pause();
    }
    /* It may have ended by the first before the second came. */
    assert_true(status == 0 || status == 128 + SIGTERM);
    hub.pid = 0;
    e2e_hub_start(&hub);
    e2e_hub_stop(&hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operate__health),
        cmocka_unit_test(test_operate__words_to_the_manager),
        cmocka_unit_test(test_operate__second_signal),
        cmocka_unit_test(test_operate__not_ready),
    };
    const int cannot = e2e_begin(0, NULL);

    if (cannot != 0) {
        return cannot;
    }
    e2e_hub_init(&hub, "hub", NULL, "127.0.0.1", 0);
    e2e_hub_serve_https(&hub);
    return e2e_end(cmocka_run_group_tests_name("operate", tests, NULL, NULL));
}
