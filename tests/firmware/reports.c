/* SPDX-License-Identifier: MIT */
/* Answers the firmware's readings. */

#include "tests/firmware/reports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/firmware/config.h"

static int reports = -1;
static uint16_t port;
static pthread_t thread;
static atomic_bool stop_device;
static atomic_bool ending;

static void *answer(void *context)
{
    (void)context;
    while (!atomic_load(&ending)) {
        char text[64];
        struct sockaddr_in from;
        socklen_t from_length = sizeof(from);
        ssize_t n =
            recvfrom(reports, text, sizeof(text), 0, (struct sockaddr *)&from, &from_length);
        if (n < 8 || memcmp(text, "reading ", 8) != 0) {
            continue; /* the socket's timeout, or the device's last word */
        }
        const char *word = atomic_exchange(&stop_device, false) ? FIRMWARE_COMMAND_STOP : "thanks";
        sendto(reports, word, strlen(word), 0, (struct sockaddr *)&from, from_length);
    }
    return NULL;
}

void reports_start(void)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(here);
    struct timeval patience = {.tv_usec = 100000};
    reports = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(reports >= 0);
    assert_int_equal(setsockopt(reports, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    assert_int_equal(bind(reports, (struct sockaddr *)&here, sizeof(here)), 0);
    assert_int_equal(getsockname(reports, (struct sockaddr *)&here, &length), 0);
    port = ntohs(here.sin_port);
    atomic_store(&ending, false);
    assert_int_equal(pthread_create(&thread, NULL, answer, NULL), 0);
}

uint16_t reports_port(void)
{
    return port;
}

void reports_stop_device(void)
{
    atomic_store(&stop_device, true);
}

void reports_end(void)
{
    atomic_store(&ending, true);
    pthread_join(thread, NULL);
    close(reports);
}
