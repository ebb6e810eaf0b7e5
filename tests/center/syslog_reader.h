/* SPDX-License-Identifier: MIT */
/* Strict readers of what a receiver of syslog gets: RFC 5424, and CEF. What is not allowed by them is refused. */

#ifndef VEDETTE_TESTS_CENTER_SYSLOG_READER_H
#define VEDETTE_TESTS_CENTER_SYSLOG_READER_H

#include <jansson.h>
#include <stdbool.h>

#include "lib/str.h"

struct syslog_message {
    unsigned facility;
    unsigned severity;
    char time[40];
    char host[256];
    char app[49];
    char process[129];
    char id[33];
    unsigned sequence; /* of [meta sequenceId]; 0: none */
    char *text;        /* MSG without its BOM; the caller's */
};

/* False: it is no message of RFC 5424 with MSG in UTF-8; *message is then undefined. */
bool syslog_read(struct vd_str octets, struct syslog_message *message);

/* {"header":[texts],"extension":{key:text}}, unescaped, the caller's; NULL: it is no CEF. */
json_t *cef_read(const char *text);

#endif
