/* SPDX-License-Identifier: MIT */
/* The place of the demo: a folder, networks, addresses and the web servers in them. */

#ifndef VEDETTE_CLI_DEMO_SITE_H
#define VEDETTE_CLI_DEMO_SITE_H

#include <stdint.h>

#include "cli/demo/process.h"

/* A process and a download each: more is no better a demo. */
#define VD_SITE_DEVICES_MAX 16
#define VD_SITE_PATH_SIZE   512

struct vd_site_device {
    char name[24];
    char address[32];
    int netns; /* -1: this process's */
};

struct vd_site {
    char program[VD_SITE_PATH_SIZE]; /* vedette itself */
    char folder[64];                 /* temporary, everything is in it */
    char data[96];                   /* the service's data directory */
    char log[96];                    /* of the small programs */
    bool loopback;         /* no namespaces: addresses of the loopback interface stand in */
    char why[200];         /* for what reason */
    const char *interface; /* that agents watch */
    char hub_address[32];
    uint16_t hub_port;
    int hub_netns;
    const char *good_addresses[2]; /* of web servers */
    const char *wrong_address;     /* of the one that is on the list */
    uint16_t web_port;
    struct vd_site_device devices[VD_SITE_DEVICES_MAX];
    size_t device_count;
    struct vd_children children;
};

/*
 * Makes folder, networks and web servers; where namespaces are not allowed, or not wanted, on the loopback interface
 * with one device. False (said on stderr, with what is needed) if neither is possible. vd_site_remove is due either way.
 */
bool vd_site_make(struct vd_site *site, size_t device_count, bool loopback);

/* Ends every program and removes the networks, and the folder unless `keep`. */
void vd_site_remove(struct vd_site *site, bool keep);

/* Writes a file into the folder; its path in `path`. False (said on stderr) if that fails. */
bool vd_site_write_file(const struct vd_site *site, const char *name, char path[VD_SITE_PATH_SIZE],
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The path of a program's log. */
void vd_site_log_path(const struct vd_site *site, const char *name, char path[VD_SITE_PATH_SIZE]);

/* True if the log holds the text. */
bool vd_site_log_holds(const char *log, const char *text);

/* Prints the last lines of a log on stderr. */
void vd_site_print_log(const char *log);

#endif
