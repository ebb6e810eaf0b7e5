/* SPDX-License-Identifier: MIT */
/* A service that reads its configuration and certificate again: all of it or nothing, while devices are connected. */

#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/e2e/mqtt.h"
#include "tests/e2e/sender.h"
#include "tests/hub/certificates.h"

#define WAIT_MS      20000
#define RELOADS      50
#define CONFIG_BYTES 8192

static struct e2e_hub hub;
/* Never started: another certificate of the same name, and its key. */
static struct e2e_hub other;
static char configuration[CONFIG_BYTES];

/* ---- What a reload reads ---- */

/* The configuration as it was at first, and `lines` behind it. */
static void configure(const char *lines)
{
    char path[160];
    char text[CONFIG_BYTES + 512];

    snprintf(path, sizeof path, "%s/vedette.conf", hub.data);
    snprintf(text, sizeof text, "%s%s", configuration, lines);
    e2e_write_file(path, text, strlen(text));
}

/* Puts a file of another data directory in the place of the hub's, as who renews a certificate does. */
static void put(const struct e2e_hub *from, const char *name)
{
    e2e_shell("cp %s/%s %s/%s.new && mv %s/%s.new %s/%s", from->data, name, hub.data, name,
        hub.data, name, hub.data, name);
}

static void put_certificate(const struct e2e_hub *from)
{
    put(from, "server.pem");
    put(from, "server.key");
}

/* ---- Reloads ---- */

/* The status is that; what it says has `words` in it. */
static void reload(int status, const char *words)
{
    struct e2e_result result = e2e_cli(&hub, E2E_ARGS("reload"));

    if (result.status != status || strstr(status == 0 ? result.out : result.err, words) == NULL) {
        fail_msg("wanted %d and \"%s\", got %d: %s%s", status, words, result.status, result.out,
            result.err);
    }
    e2e_result_release(&result);
}

static void reload_by_signal(const char *logged)
{
    e2e_write_file(hub.log, "", 0);
    assert_int_equal(kill(hub.pid, SIGHUP), 0);
    assert_true(e2e_wait_text(hub.log, logged, WAIT_MS));
}

/* Whether a client that trusts that CA alone is shown a certificate of it, on either port. */
static bool shows(const char *ca)
{
    const uint16_t ports[] = {hub.port, hub.https_port};
    unsigned shown = 0;

    for (size_t i = 0; i < 2; i++) {
        struct e2e_mqtt client = {.fd = -1};

        if (e2e_mqtt_open(&client, ports[i], ca)) {
            shown++;
            e2e_mqtt_close(&client);
        }
    }
    assert_true(shown == 0 || shown == 2);
    return shown == 2;
}

static void connect_device(struct e2e_mqtt *client, const char *ca, const char *device)
{
    assert_true(e2e_mqtt_open(client, hub.port, ca));
    assert_int_equal(e2e_mqtt_connect(client, device), 0);
}

static void send_one(struct e2e_mqtt *client, const char *device)
{
    char topic[128];
    const struct e2e_publish publish = {
        .topic = topic, .body = "x", .length = 1, .packet_id = 7, .qos = 1};

    snprintf(topic, sizeof topic, "devices/%s/messages/events/", device);
    assert_true(e2e_mqtt_send(client, &publish, WAIT_MS));
}

/* ---- The tests ---- */

static void test_reload__certificate(void **state)
{
    struct e2e_mqtt before;
    struct e2e_mqtt after;

    (void)state;
    e2e_hub_start(&hub);
    connect_device(&before, hub.ca, "before");
    reload(0, "nothing has changed");
    put_certificate(&other);
    assert_true(shows(hub.ca));
    reload(0, "changed: server.pem\n");
    assert_true(shows(other.ca));
    assert_false(shows(hub.ca));
    connect_device(&after, other.ca, "after");
    send_one(&before, "before");
    send_one(&after, "after");
    reload(0, "nothing has changed");
    e2e_mqtt_close(&before);
    e2e_mqtt_close(&after);
    e2e_hub_stop(&hub);
}

/* What `vedette health` says has those words in it. */
static bool health_says(void *words)
{
    struct e2e_result result = e2e_cli(&hub, E2E_ARGS("health"));
    const bool has_said = strstr(result.out, words) != NULL;

    e2e_result_release(&result);
    return has_said;
}

static void expect_health(const char *words)
{
    char text[64];

    snprintf(text, sizeof text, "%s", words);
    if (!e2e_wait(WAIT_MS, health_says, text)) {
        fail_msg("never: %s", words);
    }
}

/* Of its own making: of that name, valid for an hour before and after now_s. */
static void put_own_certificate(const char *name, int64_t now_s)
{
    const struct test_certificate_plan plan = {.common_name = name, .now_s = now_s};
    struct test_certificate own = test_certificate_make(&plan);
    char certificate[160];
    char key[160];

    snprintf(certificate, sizeof certificate, "%s/server.pem", hub.data);
    snprintf(key, sizeof key, "%s/server.key", hub.data);
    test_certificate_write(&own, certificate, key);
    test_certificate_release(&own);
    e2e_shell("chmod 600 %s", key);
}

/* What devices would refuse does not take the place of what they accept. */
static void test_reload__unfit_certificate(void **state)
{
    const int64_t now_s = time(NULL);
    const struct {
        const char *name;
        int64_t now_s;
        const char *said;
    } cases[] = {
        {"other.test", now_s, "server.pem: not for " E2E_HUB_NAME},
        {E2E_HUB_NAME, now_s - 86400, "server.pem: expired on "},
        {E2E_HUB_NAME, now_s + 86400, "server.pem: begins on "},
    };

    (void)state;
    put_certificate(&other);
    e2e_hub_start(&hub);
    expect_health("ready\n");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put_own_certificate(cases[i].name, cases[i].now_s);
        reload(1, cases[i].said);
        assert_true(shows(other.ca));
    }
    put_certificate(&other);
    e2e_shell("chmod 644 %s/server.key", hub.data);
    reload(1, "server.key: open to others than its owner");
    expect_health("ready\n");
    e2e_shell("chmod 600 %s/server.key", hub.data);
    reload(0, "nothing has changed");
    e2e_hub_stop(&hub);
}

/* A service starts with one all the same, says so, and takes what is no worse. */
static void test_reload__unfit_from_the_start(void **state)
{
    (void)state;
    put_own_certificate(E2E_HUB_NAME, 1700000000);
    e2e_hub_start(&hub);
    expect_health("certificate-expired");
    configure("log.level = debug\n");
    reload(0, "changed: log.level\n");
    put_own_certificate("other.test", 1700000000);
    reload(1, "server.pem: not for " E2E_HUB_NAME);
    put_certificate(&other);
    reload(0, "changed: server.pem\n");
    expect_health("ready\n");
    e2e_hub_stop(&hub);
    configure("");
    put_own_certificate("other.test", time(NULL));
    e2e_hub_start(&hub);
    expect_health("certificate-wrong-name");
    put_certificate(&other);
    reload(0, "changed: server.pem\n");
    expect_health("ready\n");
    e2e_hub_stop(&hub);
}

/* Links are followed to where they lead now; what replaces the target lies beside it, out of the data directory. */
static void test_reload__linked_certificate(void **state)
{
    (void)state;
    e2e_shell(
        "cd %s && mkdir -p live archive && cp %s/server.pem archive/pem1 && "
        "cp %s/server.key archive/key1 && cp %s/kept.pem archive/pem2 && cp %s/kept.key archive/key2",
        e2e_folder(), other.data, other.data, hub.data, hub.data);
    e2e_shell("cd %s && ln -sf ../archive/pem1 live/pem && ln -sf ../archive/key1 live/key && "
              "ln -sf $PWD/live/pem %s/server.pem && ln -sf $PWD/live/key %s/server.key",
        e2e_folder(), hub.data, hub.data);
    /* Without the folder that the fixture allows: the links alone are why it can be read. */
    e2e_shell("sed -i '/^security.folders/d' %s/vedette.conf", hub.data);
    e2e_hub_start(&hub);
    assert_true(shows(other.ca));
    e2e_shell("cd %s && ln -sf ../archive/pem2 live/pem && ln -sf ../archive/key2 live/key",
        e2e_folder());
    reload(0, "changed: server.pem\n");
    assert_true(shows(hub.ca));
    e2e_hub_stop(&hub);
    e2e_shell("rm %s/server.pem %s/server.key", hub.data, hub.data);
    configure("");
}

/* Beside each fault stands a change that would be taken: it is not, until the fault is gone. */
static void test_reload__refused(void **state)
{
    struct e2e_mqtt device;
    char path[160];

    (void)state;
    put_certificate(&other);
    e2e_hub_start(&hub);
    connect_device(&device, other.ca, "before");

    configure("log.level = debug\nno.such = 1\n");
    reload(1, "there is no property no.such");
    configure("log.level = debug\nquery.timeout_s = 0\n");
    reload(1, "query.timeout_s = 0: allowed is 1 to 3600");
    reload_by_signal("event=serve.reload_refused problem=\"");

    configure("log.level = debug\n");
    snprintf(path, sizeof path, "%s/kept.pem", hub.data);
    e2e_shell("cp %s %s/server.pem", path, hub.data);
    reload(1, "not the key of server.pem");
    e2e_shell("echo nothing > %s/server.pem", hub.data);
    reload(1, "holds no certificate or key in PEM");
    e2e_shell("rm %s/server.key", hub.data);
    reload(1, "server.key: ");

    assert_true(shows(other.ca));
    send_one(&device, "before");
    put_certificate(&other);
    reload(0, "changed: log.level\n");
    e2e_mqtt_close(&device);
    e2e_hub_stop(&hub);
    configure("");
}

static void test_reload__settings(void **state)
{
    struct e2e_mqtt device;
    struct e2e_result result;

    (void)state;
    put_certificate(&other);
    e2e_hub_start(&hub);
    connect_device(&device, other.ca, "before");
    configure("log.format = json\nquery.max_rows = 1\nanalytics.threads = 3\n");
    reload(0, "changed: query.max_rows, log.format\nneeds a restart: analytics.threads\n");
    result = e2e_cli(&hub, E2E_ARGS("query", "range x from 1 to 2 step 1"));
    assert_int_equal(result.status, 3); /* rows were left out */
    e2e_result_release(&result);
    reload_by_signal(
        "\"event\":\"serve.reloaded\",\"changed\":\"\",\"needs_restart\":\"analytics.threads\"");
    configure("analytics.threads = 3\n");
    reload_by_signal("event=serve.reloaded changed=\"query.max_rows,log.format\"");
    send_one(&device, "before");
    e2e_mqtt_close(&device);
    e2e_hub_stop(&hub);
    result = e2e_cli(&hub, E2E_ARGS("audit", "list", "--what", "service.reload"));
    assert_non_null(strstr(result.out, "service.reload"));
    e2e_result_release(&result);
    /* The restart that it waited for. */
    e2e_hub_start(&hub);
    reload(0, "nothing has changed");
    e2e_hub_stop(&hub);
    reload(1, "no service runs");
    configure("");
}

/* ---- Many of them ---- */

static unsigned count_descriptors(void)
{
    char path[64];
    unsigned count = 0;
    DIR *folder;

    snprintf(path, sizeof path, "/proc/%d/fd", (int)hub.pid);
    folder = opendir(path);
    assert_non_null(folder);
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

static bool has_no_more(void *context)
{
    return count_descriptors() <= *(const unsigned *)context;
}

/* Each event once. */
static bool are_stored(void *context)
{
    return e2e_query_number(
               &hub, "SELECT count(*) FROM SecurityIoTRawEvent WHERE DeviceId = 'sender'") ==
        *(const unsigned *)context;
}

static void test_reload__under_traffic(void **state)
{
    const struct e2e_flow flow = {"10.0.0.5", "10.0.0.9", 40000, 443, 5, 7, "TCP"};
    struct e2e_message message;
    struct e2e_hub trusted;
    struct e2e_sender *sender;
    unsigned before;
    unsigned sent;

    (void)state;
    /* Its descriptors are to be counted from outside. */
    configure("security.sandbox = off\n");
    put_certificate(&other);
    e2e_hub_start(&hub);
    e2e_message_build(&message, &flow, 1);
    trusted = hub;
    memcpy(trusted.ca, other.ca, sizeof trusted.ca);
    sender = e2e_sender_start(&trusted, "sender", 1, 20, 2, &message);
    assert_true(e2e_sender_progress(sender, 100, WAIT_MS));
    reload(0, "nothing has changed");
    before = count_descriptors();
    for (unsigned i = 0; i < RELOADS; i++) {
        if (i % 2 == 0) {
            e2e_shell("cp %s/kept.pem %s/server.pem && cp %s/kept.key %s/server.key", hub.data,
                hub.data, hub.data, hub.data);
            reload(0, "changed: server.pem\n");
        } else {
            put_certificate(&other);
            reload_by_signal("event=serve.reloaded changed=\"server.pem\"");
        }
    }
    assert_true(e2e_sender_progress(sender, 100, WAIT_MS));
    assert_true(e2e_wait(WAIT_MS, has_no_more, &before));
    assert_true(e2e_sender_drain(sender, WAIT_MS));
    sent = atomic_load(&sender->sent);
    assert_int_equal(atomic_load(&sender->connections), 1);
    assert_int_equal(atomic_load(&sender->faults), 0);
    e2e_sender_free(sender);
    assert_true(e2e_wait(WAIT_MS, are_stored, &sent));
    e2e_hub_stop(&hub);
    configure("");
}

/* ---- Signals at the wrong time ---- */

/* Whether the service has come to where SIGHUP waits. */
static bool blocks_hangup(pid_t pid)
{
    char path[64];
    char *text;
    const char *mask;
    bool blocks;

    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    text = e2e_read_file(path, NULL);
    mask = text != NULL ? strstr(text, "SigBlk:") : NULL;
    blocks = mask != NULL && (strtoull(mask + 7, NULL, 16) >> (SIGHUP - 1) & 1) != 0;
    free(text);
    return blocks;
}

static bool has_hung_up(void *context)
{
    const pid_t pid = *(volatile const pid_t *)context;

    return pid > 0 && blocks_hangup(pid) && kill(pid, SIGHUP) == 0;
}

static void *hang_up(void *context)
{
    return e2e_wait(WAIT_MS, has_hung_up, context) ? context : NULL;
}

static void test_reload__signals_at_the_wrong_time(void **state)
{
    pthread_t thread;
    void *done = NULL;
    int status = -1;

    (void)state;
    put_certificate(&other);
    e2e_write_file(hub.log, "", 0);
    assert_int_equal(pthread_create(&thread, NULL, hang_up, &hub.pid), 0);
    e2e_hub_start(&hub);
    pthread_join(thread, &done);
    assert_non_null(done);
    assert_true(e2e_wait_text(hub.log, "event=serve.reloaded", WAIT_MS));
    assert_int_equal(kill(hub.pid, SIGTERM), 0);
    while (!e2e_ended(hub.pid, &status)) {
        kill(hub.pid, SIGHUP);
        e2e_pause();
    }
    assert_int_equal(status, 0);
    hub.pid = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reload__certificate),
        cmocka_unit_test(test_reload__unfit_certificate),
        cmocka_unit_test(test_reload__unfit_from_the_start),
        cmocka_unit_test(test_reload__refused),
        cmocka_unit_test(test_reload__settings),
        cmocka_unit_test(test_reload__under_traffic),
        cmocka_unit_test(test_reload__signals_at_the_wrong_time),
        cmocka_unit_test(test_reload__linked_certificate),
    };
    const int cannot = e2e_begin(0, NULL);
    char path[160];
    char *text;

    if (cannot != 0) {
        return cannot;
    }
    e2e_hub_init(&hub, "hub", NULL, "127.0.0.1", 0);
    e2e_hub_serve_https(&hub);
    e2e_hub_init(&other, "other", NULL, "127.0.0.1", 0);
    e2e_device_create(&hub, "before");
    e2e_device_create(&hub, "after");
    e2e_device_create(&hub, "sender");
    snprintf(path, sizeof path, "%s/vedette.conf", hub.data);
    text = e2e_read_file(path, NULL);
    snprintf(configuration, sizeof configuration, "%s", text);
    free(text);
    e2e_shell("cp %s/server.pem %s/kept.pem && cp %s/server.key %s/kept.key", hub.data, hub.data,
        hub.data, hub.data);
    return e2e_end(cmocka_run_group_tests_name("reload", tests, NULL, NULL));
}
