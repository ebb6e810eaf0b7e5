/* SPDX-License-Identifier: MIT */
/* A server of feeds that answers with the bytes that a test gives it, however wrong they are. */

#ifndef VEDETTE_TESTS_CENTER_FEED_SERVER_H
#define VEDETTE_TESTS_CENTER_FEED_SERVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FEED_SERVER_MAX 24

/* In place of an answer: the connection stays open without one until the client leaves. */
#define FEED_SERVER_HANGS "hang"

struct feed_server {
    int fd;
    uint16_t port;
    pthread_t thread;
    pthread_mutex_t sending;              /* held while an answer is sent */
    pthread_mutex_t mutex;                /* for what follows */
    const char *answers[FEED_SERVER_MAX]; /* by request; the last one again and again */
    size_t answer_count;
    char requests[FEED_SERVER_MAX][2048];
    size_t request_count;
};

void feed_server_start(struct feed_server *server);
void feed_server_stop(struct feed_server *server);
/* Answers the next request, and those after it, with this. */
void feed_server_answer(struct feed_server *server, const char *answer);
/* Forgets requests and answers, once none is being sent any more: those that were given may go then. */
void feed_server_clear(struct feed_server *server);
size_t feed_server_requests(struct feed_server *server);
/* Whether the request, counted from 0, has this text. */
bool feed_server_got(struct feed_server *server, size_t request, const char *text);

#endif
