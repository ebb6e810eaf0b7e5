/* SPDX-License-Identifier: MIT */
/* Certificates, sinks and notifications for the tests of syslog. */

#ifndef VEDETTE_TESTS_CENTER_SYSLOG_FIXTURE_H
#define VEDETTE_TESTS_CENTER_SYSLOG_FIXTURE_H

#include "center/notify/sink.h"
#include "tests/center/syslog_receiver.h"

#define SYSLOG_FILE_SIZE 512
#define SYSLOG_AT_MS     1700000000123LL

/* The authority that is trusted, its receiver "localhost" and a client; another authority, and its receiver. */
enum syslog_who {
    SYSLOG_CA,
    SYSLOG_SERVER,
    SYSLOG_CLIENT,
    SYSLOG_OTHER_CA,
    SYSLOG_OTHER_SERVER,
    SYSLOG_WHO_COUNT
};

struct syslog_fixture {
    char *folder;
    char certificate[SYSLOG_WHO_COUNT][SYSLOG_FILE_SIZE];
    char key[SYSLOG_WHO_COUNT][SYSLOG_FILE_SIZE];
};

/* Of a group of tests: *state is a struct syslog_fixture. SIGPIPE is ignored. */
int syslog_setup(void **state);
int syslog_teardown(void **state);

/* A receiver with the certificate that is trusted. */
struct receiver_plan syslog_tls_plan(const struct syslog_fixture *f);
/* Settings of a sink for a receiver on that port; the caller's. */
json_t *syslog_tls_settings(const struct syslog_fixture *f, uint16_t port);
json_t *syslog_tcp_settings(uint16_t port);
/* The sink of these settings, which it takes. */
struct vd_notify_sink *syslog_sink_of(json_t *settings);

/* Delivers a state change of the alert "alert-{number}" with that description, at SYSLOG_AT_MS; reason may be NULL. */
int syslog_deliver(struct vd_notify_sink *sink, int number, const char *description, char *reason);
void syslog_expect_delivered(struct vd_notify_sink *sink, int number);
/* The receiver ends the connection for it; how soon that is seen depends on how busy the machine is. */
void syslog_expect_failure(struct vd_notify_sink *sink, int number, char *reason);

/* The i-th message that came is of that alert. */
void syslog_expect_message(struct receiver *receiver, size_t i, int number);

#endif
