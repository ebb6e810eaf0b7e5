/* SPDX-License-Identifier: MIT */
/* The agent as a process: its command line, who started it, and who can see the key. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/agent/agent_fixture.h"
#include "tests/agent/namespaces.h"
#include "tests/lib/proc.h"

/* The protocol of systemd's notifications: ready once it captures, stopping when it is told to. */
static void test_agent__tells_who_started_it(void **state)
{
    struct agent_fixture *f = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval limit = {.tv_sec = 20};
    char text[64] = "";
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    temporary_file(address.sun_path, sizeof address.sun_path, "notify");
    unlink(address.sun_path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    assert_int_equal(setenv("NOTIFY_SOCKET", address.sun_path, 1), 0);
    agent_start(f, "1");
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
    assert_int_equal(recv(fd, text, sizeof text, 0), 7);
    assert_memory_equal(text, "READY=1", 7);
    agent_stop(f);
    assert_int_equal(recv(fd, text, sizeof text, 0), 10);
    assert_memory_equal(text, "STOPPING=1", 10);
    close(fd);
    unlink(address.sun_path);
}

static void test_agent__usage(void **state)
{
    static const struct {
        const char *arguments[8];
        int status;
        const char *says;
    } cases[] = {
        {{"--help"}, 0, NULL},
        {{NULL}, 2, "--interface is needed"},
        {{"--interface", "dev0"}, 2, "a connection string is needed"},
        {{"--interface"}, 2, "--help"},
        {{"--nonsense"}, 2, "--help"},
        {{"-i", "dev0", "-c", "HostName=h"}, 2, "needs HostName, DeviceId and SharedAccessKey"},
        {{"-i", "dev0", "-c", "HostName=h;DeviceId=d;SharedAccessKey=AAAA", "more"}, 2,
            "no argument is wanted here: more"},
        {{"-i", "dev0", "-c", "HostName=h;DeviceId=d;SharedAccessKey=AAAA", "-f", "x"}, 2,
            "exclude each other"},
        {{"-i", "dev0", "-f", "/nonexistent"}, 1, "cannot read /nonexistent"},
        {{"-i", "dev0", "--interval", "0"}, 2, "--interval must be a number from 1"},
        {{"-i", "dev0", "--interval", "1x"}, 2, "--interval must be a number from 1"},
        {{"-i", "dev0", "--token-life", "1"}, 2, "--token-life must be a number from 4"},
        {{"-i", "dev0", "--id", ""}, 2, "--id is empty or too long"},
        {{"-i", "dev0", "--capture", "x"}, 2, "--capture must be ring or socket, not x"},
        {{"-i", "nope0", "-c", "HostName=h;DeviceId=d;SharedAccessKey=AAAA"}, 1,
            "there is no interface \\\"nope0\\\""},
        {{"-i", "dev0", "--ca", "/nonexistent", "-c", "HostName=h;DeviceId=d;SharedAccessKey=AAAA"},
            1, "the CA file cannot be read"},
    };
    struct agent_fixture *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char copies[8][100];
        char *arguments[10] = {(char[]){"agent"}};

        for (size_t a = 0; a < 8 && cases[i].arguments[a] != NULL; a++) {
            snprintf(copies[a], sizeof copies[a], "%s", cases[i].arguments[a]);
            arguments[a + 1] = copies[a];
            arguments[a + 2] = NULL;
        }
        print_message("%s\n", cases[i].says != NULL ? cases[i].says : "--help");
        assert_int_equal(agent_status(agent_spawn(f, arguments, NULL)), cases[i].status);
        assert_true(cases[i].says == NULL || temporary_count(f->log_path, cases[i].says));
        assert_int_equal(truncate(f->log_path, 0), 0);
    }
}

/* The key by each of its three ways: the agent connects, and the process list does not show it. */
static void test_agent__key_does_not_show(void **state)
{
    struct agent_fixture *f = *state;
    char text[300], line[400], path[64];
    char *by_file[] = {(char[]){"agent"}, (char[]){"-idev0"}, (char[]){"--ca"}, f->ca_path,
        (char[]){"-f"}, path, NULL};
    char *by_argument[] = {
        (char[]){"agent"}, (char[]){"-idev0"}, (char[]){"--ca"}, f->ca_path, line, NULL};
    char *by_environment[] = {
        (char[]){"agent"}, (char[]){"-idev0"}, (char[]){"--ca"}, f->ca_path, NULL};
    char **ways[] = {by_file, by_argument, by_environment};
    FILE *file;

    agent_connection_text(f, text, sizeof text);
    snprintf(line, sizeof line, "--connection-string=%s", text);
    temporary_file(path, sizeof path, "key");
    file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "%s\n", text);
    fclose(file);
    for (size_t i = 0; i < 3; i++) {
        f->agent = agent_spawn(f, ways[i], i == 2 ? text : NULL);
        temporary_await(f->log_path, "event=hub_connected");
        assert_true(proc_holds(f->agent, "cmdline", "dev0"));
        assert_false(proc_holds(f->agent, "cmdline", HUB_SERVER_KEY));
        assert_false(proc_holds(f->agent, "environ", HUB_SERVER_KEY));
        assert_true(proc_holds(f->agent, "status", "NoNewPrivs:\t1\n"));
        assert_true(proc_holds(f->agent, "status", "Seccomp:\t2\n"));
        assert_int_equal(kill(f->agent, SIGTERM), 0);
        assert_int_equal(agent_status(f->agent), 0);
        f->agent = 0;
        assert_int_equal(hub_server_connections(f->hub), i + 1);
        assert_int_equal(truncate(f->log_path, 0), 0);
    }
    unlink(path);
}

int main(void)
{
    struct namespaces namespaces;
    const struct CMUnitTest tests[] = {
        AGENT_TEST(test_agent__tells_who_started_it),
        AGENT_TEST(test_agent__usage),
        AGENT_TEST(test_agent__key_does_not_show),
    };

    if (!namespaces_enter(&namespaces)) {
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
