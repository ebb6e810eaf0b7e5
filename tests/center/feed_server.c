/* SPDX-License-Identifier: MIT */
/* A server of feeds: one connection after the other on the loopback interface. */

#include "tests/center/feed_server.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* Reads the head of a request; false: the client left. */
static bool read_head(int fd, char *out, size_t size)
{
    size_t length = 0;

    out[0] = '\0';
    while (strstr(out, "\r\n\r\n") == NULL) {
        const ssize_t n = read(fd, out + length, size - 1 - length);

        if (n <= 0) {
            return false;
        }
        length += (size_t)n;
        out[length] = '\0';
    }
    return true;
}

static const char *note(struct feed_server *server, const char *head)
{
    const char *answer = "HTTP/1.1 500 none\r\nContent-Length: 0\r\n\r\n";
    size_t i;

    pthread_mutex_lock(&server->mutex);
    i = server->request_count;
    if (i < FEED_SERVER_MAX) {
        snprintf(server->requests[i], sizeof server->requests[i], "%s", head);
    }
    if (server->answer_count > 0) {
        answer = server->answers[i < server->answer_count ? i : server->answer_count - 1];
    }
    server->request_count++;
    pthread_mutex_unlock(&server->mutex);
    return answer;
}

static void serve(struct feed_server *server, int fd)
{
    char head[2048];
    const char *answer;

    if (!read_head(fd, head, sizeof head)) {
        return;
    }
    answer = note(server, head);
    if (strcmp(answer, FEED_SERVER_HANGS) == 0) {
        while (read(fd, head, sizeof head) > 0) {
        }
        return;
    }
    pthread_mutex_lock(&server->sending);
    for (size_t left = strlen(answer); left > 0;) {
        const ssize_t n = send(fd, answer, left, MSG_NOSIGNAL);

        if (n <= 0) {
            break;
        }
        answer += n;
        left -= (size_t)n;
    }
    pthread_mutex_unlock(&server->sending);
}

static void *server_main(void *argument)
{
    struct feed_server *server = argument;
    int fd;

    while ((fd = accept(server->fd, NULL, NULL)) >= 0) {
        serve(server, fd);
        close(fd);
    }
    return NULL;
}

void feed_server_start(struct feed_server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;

    *server = (struct feed_server){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_true(server->fd >= 0);
    pthread_mutex_init(&server->sending, NULL);
    pthread_mutex_init(&server->mutex, NULL);
    assert_int_equal(bind(server->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(server->fd, 8), 0);
    assert_int_equal(getsockname(server->fd, (struct sockaddr *)&address, &length), 0);
    server->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&server->thread, NULL, server_main, server), 0);
}

void feed_server_stop(struct feed_server *server)
{
    shutdown(server->fd, SHUT_RDWR); /* ends accept */
    pthread_join(server->thread, NULL);
    close(server->fd);
    pthread_mutex_destroy(&server->mutex);
    pthread_mutex_destroy(&server->sending);
}

void feed_server_answer(struct feed_server *server, const char *answer)
{
    pthread_mutex_lock(&server->mutex);
    assert_true(server->request_count < FEED_SERVER_MAX);
    if (server->answer_count < server->request_count) {
        for (size_t i = server->answer_count; i < server->request_count; i++) {
            server->answers[i] = answer;
        }
        server->answer_count = server->request_count;
    }
    assert_true(server->answer_count < FEED_SERVER_MAX);
    server->answers[server->answer_count++] = answer;
    pthread_mutex_unlock(&server->mutex);
}

void feed_server_clear(struct feed_server *server)
{
    pthread_mutex_lock(&server->sending);
    pthread_mutex_lock(&server->mutex);
    server->answer_count = 0;
    server->request_count = 0;
    pthread_mutex_unlock(&server->mutex);
    pthread_mutex_unlock(&server->sending);
}

size_t feed_server_requests(struct feed_server *server)
{
    size_t count;

    pthread_mutex_lock(&server->mutex);
    count = server->request_count;
    pthread_mutex_unlock(&server->mutex);
    return count;
}

bool feed_server_got(struct feed_server *server, size_t request, const char *text)
{
    bool is;

    pthread_mutex_lock(&server->mutex);
    is = request < server->request_count && request < FEED_SERVER_MAX &&
        strstr(server->requests[request], text) != NULL;
    pthread_mutex_unlock(&server->mutex);
    return is;
}
