/* SPDX-License-Identifier: MIT */
/* Notifications to rsyslog over TLS, which asks for a certificate, stops, is killed, and comes back. */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/e2e/harness.h"

#define WAIT_MS 20000

static struct e2e_hub hub;

struct rsyslog {
    pid_t pid;
    unsigned port; /* 0: any, before the first start */
    char conf[160];
    char port_file[160];
    char out[160];
    char log[160];
};

static void make_certificates(void)
{
    e2e_shell("cd '%s'\n"
              "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
              " -subj /CN=authority -keyout ca.key -out ca.pem 2>/dev/null\n"
              "for name in localhost vedette; do\n"
              "  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
              " -subj /CN=$name -keyout $name.key -out $name.csr 2>/dev/null\n"
              "  openssl x509 -req -days 2 -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial"
              " -out $name.pem 2>/dev/null\n"
              "done",
        e2e_folder());
}

static void write_conf(const struct rsyslog *r)
{
    char text[2048];
    int length = snprintf(text, sizeof text,
        "global(workDirectory=\"%s\" defaultNetstreamDriverCAFile=\"%s/ca.pem\""
        " defaultNetstreamDriverCertFile=\"%s/localhost.pem\""
        " defaultNetstreamDriverKeyFile=\"%s/localhost.key\")\n"
        "module(load=\"imtcp\" streamDriver.name=\"ossl\" streamDriver.mode=\"1\""
        " streamDriver.authMode=\"x509/certvalid\")\n"
        "input(type=\"imtcp\" address=\"127.0.0.1\" port=\"%u\" listenPortFileName=\"%s\")\n"
        "template(name=\"line\" type=\"string\" string=\"%%pri%% %%app-name%% %%msgid%%"
        " %%structured-data%% %%msg%%\\n\")\n"
        "action(type=\"omfile\" file=\"%s\" template=\"line\")\n",
        e2e_folder(), e2e_folder(), e2e_folder(), e2e_folder(), r->port, r->port_file, r->out);

    assert_true(length > 0 && (size_t)length < sizeof text);
    e2e_write_file(r->conf, text, (size_t)length);
}

static bool has_port(void *context)
{
    struct rsyslog *r = context;
    char *text = e2e_read_file(r->port_file, NULL);

    r->port = text != NULL ? (unsigned)strtoul(text, NULL, 10) : 0;
    free(text);
    return r->port != 0;
}

static void rsyslog_start(struct rsyslog *r)
{
    char pid_file[192];
    const struct e2e_start start = {
        .argv = E2E_ARGS("rsyslogd", "-n", "-i", pid_file, "-f", r->conf), .stderr_path = r->log};

    snprintf(pid_file, sizeof pid_file, "%s/rsyslog.pid", e2e_folder());
    (void)remove(pid_file);
    write_conf(r);
    r->pid = e2e_start(&start);
    /* It tells only a port that it chose. */
    assert_true(r->port != 0 || e2e_wait(WAIT_MS, has_port, r));
}

static void rsyslog_init(struct rsyslog *r)
{
    snprintf(r->conf, sizeof r->conf, "%s/rsyslog.conf", e2e_folder());
    snprintf(r->port_file, sizeof r->port_file, "%s/rsyslog.port", e2e_folder());
    snprintf(r->out, sizeof r->out, "%s/received", e2e_folder());
    snprintf(r->log, sizeof r->log, "%s/rsyslog.log", e2e_folder());
}

static void add_sink(unsigned port)
{
    char url[64];
    char files[3][160];

    snprintf(url, sizeof url, "tls://localhost:%u", port);
    snprintf(files[0], sizeof files[0], "%s/ca.pem", e2e_folder());
    snprintf(files[1], sizeof files[1], "%s/vedette.pem", e2e_folder());
    snprintf(files[2], sizeof files[2], "%s/vedette.key", e2e_folder());
    e2e_cli_ok(&hub,
        E2E_ARGS("notify", "add", "syslog", "siem", url, "--ca-file", files[0], "--cert-file",
            files[1], "--key-file", files[2]));
}

static void send_tests(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        e2e_cli_ok(&hub, E2E_ARGS("notify", "test", "siem"));
    }
}

/* The sink has delivered so many. */
static bool has_delivered(void *context)
{
    json_t *list = e2e_cli_json(&hub, E2E_ARGS("notify", "list"));
    const json_t *sink = json_array_get(json_object_get(list, "sinks"), 0);
    const bool has = json_integer_value(json_object_get(sink, "delivered")) >= *(int *)context;

    json_decref(list);
    return has;
}

static void await_delivered(int count)
{
    assert_true(e2e_wait(WAIT_MS, has_delivered, &count));
}

/* Every line is whole; notifications 1 to `last` came, each for the first time behind the one before. */
static bool has_all(const struct rsyslog *r, unsigned last, unsigned *lines)
{
    char *text = e2e_read_file(r->out, NULL);
    unsigned seen = 0;

    *lines = 0;
    for (char *line = text; line != NULL && *line != '\0';) {
        char *end = strchr(line, '\n');
        const char *sequence;
        unsigned number;

        if (end == NULL) {
            break;
        }
        *end = '\0';
        sequence = strstr(line, " cn1=");
        assert_non_null(sequence);
        assert_non_null(strstr(line, " vedette "));
        assert_non_null(strstr(line, "CEF:0|Vedette|Security Center|"));
        number = (unsigned)strtoul(sequence + 5, NULL, 10);
        assert_true(number <= seen + 1);
        seen = number > seen ? number : seen;
        (*lines)++;
        line = end + 1;
    }
    free(text);
    return seen == last;
}

struct wanted {
    const struct rsyslog *rsyslog;
    unsigned last;
    unsigned lines;
};

static bool has_wanted(void *context)
{
    struct wanted *wanted = context;

    return has_all(wanted->rsyslog, wanted->last, &wanted->lines);
}

/* Returns how many lines there are. */
static unsigned await_all(const struct rsyslog *r, unsigned last)
{
    struct wanted wanted = {r, last, 0};

    assert_true(e2e_wait(WAIT_MS, has_wanted, &wanted));
    return wanted.lines;
}

static void test_syslog__rsyslog(void **state)
{
    struct rsyslog r = {0};
    char ca[160];

    (void)state;
    rsyslog_init(&r);
    make_certificates();
    rsyslog_start(&r);
    add_sink(r.port);

    /* A real alert. */
    snprintf(ca, sizeof ca, "%s/ca.pem", e2e_folder());
    e2e_cli_ok(&hub, E2E_ARGS("certificate", "add", "factory", ca));
    assert_true(e2e_wait_text(r.out, "|IoT_CertificateSuccessfullyAddedToHub|", WAIT_MS));
    assert_true(e2e_wait_text(r.out, "84 vedette raised [meta sequenceId=\"1\"]", WAIT_MS));
    send_tests(1);
    await_delivered(2);

    /* It leaves in order, and misses some: nothing is lost, and nothing comes twice. */
    assert_int_not_equal(e2e_stop(r.pid, SIGTERM, WAIT_MS), 124);
    send_tests(3);
    rsyslog_start(&r);
    await_delivered(5);
    assert_int_equal(await_all(&r, 5), 5);

    /* It is killed: what may have died with it comes again. */
    (void)e2e_stop(r.pid, SIGKILL, WAIT_MS);
    send_tests(1);
    rsyslog_start(&r);
    await_delivered(6);
    assert_true(await_all(&r, 6) > 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_syslog__rsyslog)};
    int result = e2e_begin(0, E2E_ARGS("rsyslogd", "openssl"));

    if (result != 0) {
        return result;
    }
    e2e_hub_init(&hub, "hub", NULL, "127.0.0.1", 0);
    e2e_hub_start(&hub);
    result = cmocka_run_group_tests(tests, NULL, NULL);
    if (result == 0) {
        e2e_hub_stop(&hub);
    }
    return e2e_end(result);
}
