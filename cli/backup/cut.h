/* SPDX-License-Identifier: MIT */
/* The cut of a backup: read transactions on the databases, and what else belongs to that moment. */

#ifndef VEDETTE_CLI_BACKUP_CUT_H
#define VEDETTE_CLI_BACKUP_CUT_H

#include <sqlite3.h>

#include "cli/backup/backup.h"
#include "lib/str.h"

/* In the order in which the transactions begin. */
enum vd_cut_database {
    VD_CUT_ALERTS,
    VD_CUT_STATE,
    VD_CUT_REGISTRY,
    VD_CUT_AUDIT, /* need not be there */
    VD_CUT_LOG,
    VD_CUT_DATABASES,
};

#define VD_CUT_NAME_SIZE 64

/* The text of a feed, open: it may lose its name meanwhile. */
struct vd_cut_feed {
    char name[VD_CUT_NAME_SIZE];
    int fd;
};

struct vd_cut {
    const struct vd_backup_wish *wish;
    sqlite3 *databases[VD_CUT_DATABASES];
    struct vd_cut_feed *feeds;
    size_t feed_count;
    struct vd_buf exports; /* what exports.json holds */
    bool has_exports;
    bool has_days; /* the copy of the day files was begun */
    int64_t cut_ms;
    int64_t pause_us;
    int error;
    char text[512]; /* of the error */
};

extern const char *const vd_cut_names[VD_CUT_DATABASES];

/* Opens the databases, then makes the cut in the center's thread. VD_OK or not, the caller releases it. */
VD_NODISCARD int vd_cut_make(struct vd_cut *cut, const struct vd_backup_wish *wish);

/* Whether the data directory has it. */
bool vd_cut_has(const struct vd_cut *cut, enum vd_cut_database number);

/* Copies a database as it was at the cut into a new file, and ends its transaction. */
VD_NODISCARD int vd_cut_copy(struct vd_cut *cut, enum vd_cut_database number, const char *path);

void vd_cut_release(struct vd_cut *cut);

#endif
