/* SPDX-License-Identifier: MIT */
/* Starts the agent and its hub, and stops them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/agent/agent_fixture.h"

#define AGENT VD_BINARY_DIR "/tests/agent/agent_main"

int agent_setup(void **state)
{
    struct agent_fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    temporary_file(f->ca_path, sizeof f->ca_path, "ca");
    temporary_file(f->log_path, sizeof f->log_path, "log");
    f->ca = test_ca_new("test CA");
    test_ca_write(&f->ca, f->ca_path);
    f->context = test_server_context(&f->ca, "DNS:localhost,IP:127.0.0.1", -3600, 3600);
    f->hub = hub_server_start(f->context, "127.0.0.1");
    f->capture = "ring";
    *state = f;
    return 0;
}

int agent_setup_socket(void **state)
{
    int result = agent_setup(state);
    struct agent_fixture *f = *state;

    f->capture = "socket";
    return result;
}

int agent_teardown(void **state)
{
    struct agent_fixture *f = *state;

    if (f->agent > 0) {
        kill(f->agent, SIGKILL);
        waitpid(f->agent, NULL, 0);
    }
    hub_server_stop(f->hub);
    SSL_CTX_free(f->context);
    test_ca_release(&f->ca);
    unlink(f->ca_path);
    unlink(f->log_path);
    free(f);
    return 0;
}

void agent_await_messages(const struct agent_fixture *f, unsigned count)
{
    while (hub_server_messages(f->hub) < count) {
        poll(NULL, 0, 5);
    }
}

pid_t agent_spawn(const struct agent_fixture *f, char *const arguments[], const char *environment)
{
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        int fd = open(f->log_path, O_WRONLY | O_APPEND);

        if (fd >= 0 && dup2(fd, STDERR_FILENO) >= 0) {
            if (environment != NULL) {
                setenv("VEDETTE_CONNECTION_STRING", environment, 1);
            }
            execv(AGENT, arguments);
        }
        _exit(126);
    }
    return child;
}

void agent_connection_text(const struct agent_fixture *f, char *out, size_t size)
{
    snprintf(out, size, "HostName=localhost:%u;DeviceId=d1;SharedAccessKey=" HUB_SERVER_KEY,
        (unsigned)hub_server_port(f->hub));
}

void agent_start(struct agent_fixture *f, const char *interval)
{
    char text[300];
    char *arguments[] = {(char[]){"agent"}, (char[]){"--interface"}, (char[]){"dev0"},
        (char[]){"--interval"}, (char[]){"1000000"}, (char[]){"--ca"}, f->ca_path, (char[]){"--id"},
        (char[]){"module-7"}, (char[]){"--verbose"}, (char[]){"--capture"}, (char[]){"socket"},
        NULL};

    snprintf(arguments[4], 8, "%s", interval);
    snprintf(arguments[11], 7, "%s", f->capture);
    agent_connection_text(f, text, sizeof text);
    f->agent = agent_spawn(f, arguments, text);
    temporary_await(f->log_path, "event=capture_attached");
    temporary_await(f->log_path, "event=hub_connected");
}

int agent_status(pid_t child)
{
    int status = -1;

    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

void agent_stop(struct agent_fixture *f)
{
    assert_int_equal(kill(f->agent, SIGTERM), 0);
    assert_int_equal(agent_status(f->agent), 0);
    f->agent = 0;
    for (unsigned i = 0; i < hub_server_messages(f->hub); i++) {
        struct hub_server_message m = hub_server_message(f->hub, i);

        decode_add(&f->sum, m.payload, m.length);
    }
}
