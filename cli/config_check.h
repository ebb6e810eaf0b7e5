/* SPDX-License-Identifier: MIT */
/* What is wrong with a configuration: its lines, settings that contradict each other, files that it leads to. */

#ifndef VEDETTE_CLI_CONFIG_CHECK_H
#define VEDETTE_CLI_CONFIG_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/config.h"

enum vd_config_grade {
    VD_GRADE_WARNING, /* should be looked at */
    VD_GRADE_PROBLEM, /* is wrong, and the service starts all the same */
    VD_GRADE_STOP,    /* keeps the service from starting */
};

/* line 0: of no line; `what` is then the file or setting that is meant. */
typedef void vd_config_found(
    void *context, enum vd_config_grade finding, unsigned line, const char *what, const char *text);

struct vd_config_source {
    const char *dir;              /* data directory */
    const char *file;             /* the configuration; NULL: vedette.conf in it */
    const char *const *overrides; /* key=value */
    size_t override_count;
    int64_t now_ms; /* UTC: for certificates */
};

/*
 * Reads the configuration into *config and tells of all that is wrong with it, and with the certificates, keys and folders that it
 * and the data directory name. True: nothing keeps the service from starting. Opens no store, and changes nothing.
 */
bool vd_config_check(const struct vd_config_source *source, struct vd_config *config,
    vd_config_found *found, void *context);

#endif
