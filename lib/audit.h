/* SPDX-License-Identifier: MIT */
/* The audit trail of a data directory: what is written, cut, read and verified (docs/adr/0031-audit.md). */

#ifndef VEDETTE_LIB_AUDIT_H
#define VEDETTE_LIB_AUDIT_H

#include "lib/audit_check.h"

/* Acts that have begun and not ended: all calls of methods that a hub has wait, and what workers do beside. */
#define VD_AUDIT_OPEN_MAX 4352
/* Records that one transaction of a cut removes, and that are never cut for their age. */
#define VD_AUDIT_CUT_STEP 10000
#define VD_AUDIT_KEEP_MIN 10000
/* Beyond it the oldest go, whatever their age. */
#define VD_AUDIT_RECORDS_MAX 2000000
/* Refused sign-ins that are written a minute, and refused changes of one caller; callers whose are counted apart. */
#define VD_AUDIT_REFUSED_MINUTE 60
#define VD_AUDIT_CALLERS        64
/* Records of one reading, and those that are looked at for it. */
#define VD_AUDIT_LIST_MAX 1000
#define VD_AUDIT_SCAN_MAX 20000

struct vd_audit;

struct vd_audit_stats {
    uint64_t from;    /* the first record, */
    uint64_t to;      /* and the last */
    uint64_t open;    /* acts that have begun and not ended */
    uint64_t written; /* since the start; so what follows */
    uint64_t
        write_failures; /* records that could not be written: their acts were refused, or are open */
    uint64_t verified;  /* records */
    uint64_t passes;    /* of verifying that came to the end */
    uint64_t problems;  /* passes and writes that found something wrong */
    int64_t verified_ms; /* UTC: the last pass that found nothing; 0: none */
    int64_t problem_ms;  /* UTC: when something was found wrong last; 0: nothing was */
    char problem[VD_AUDIT_PROBLEM_SIZE];
};

/*
 * Opens `path` (made, mode 0600, if absent). Acts that were open get records with outcome Unknown; what does not fit is
 * written down and told by vd_audit_stats_get. VD_E_NEWER, VD_E_CORRUPT (no file of ours, or damaged), VD_E_IO, VD_E_FULL,
 * VD_E_NOMEM, VD_E_BUSY.
 */
VD_NODISCARD int vd_audit_open(
    const char *path, const uint8_t master[VD_MASTER_KEY_BYTES], struct vd_audit **out);
/* NULL is allowed. */
void vd_audit_close(struct vd_audit *audit);

/* ---- Writing: any thread; blocks for the disk. What has returned VD_OK is on it. ---- */

/* An act begins: *id is for its end. VD_E_LIMIT: VD_AUDIT_OPEN_MAX are open. */
VD_NODISCARD int vd_audit_begin(
    struct vd_audit *audit, const struct vd_audit_entry *entry, int64_t *id);
/* It has ended; `entry`: its status, outcome and note, no more. On failure it stays open, and the next start ends it. */
VD_NODISCARD int vd_audit_end(
    struct vd_audit *audit, int64_t id, const struct vd_audit_entry *entry);
/* A record at once. */
VD_NODISCARD int vd_audit_add(struct vd_audit *audit, const struct vd_audit_entry *entry);
/* A refused act. Beyond VD_AUDIT_REFUSED_MINUTE, of all sign-ins or of one caller's changes, it is only counted, and told by the
 * next one that is written: nobody's attempts hide behind another's. */
void vd_audit_add_refused(struct vd_audit *audit, const struct vd_audit_entry *entry);
/* Of the program itself: `what` as "service.start". */
VD_NODISCARD int vd_audit_add_program(struct vd_audit *audit, const char *what, const char *note);
/* HMAC of bytes in hex, for vd_audit_entry.digest. VD_E_NOMEM. */
VD_NODISCARD int vd_audit_digest(
    const struct vd_audit *audit, struct vd_str bytes, char out[VD_AUDIT_HASH_TEXT_SIZE]);

/* Removes records of before `before_ms`, VD_AUDIT_CUT_STEP at most, if they are whole; and what is beyond
 * VD_AUDIT_RECORDS_MAX. 0: none is too old. keep_min: so many stay (VD_AUDIT_KEEP_MIN). *removed: how many. VD_E_CORRUPT: they are not whole, and stay. */
VD_NODISCARD int vd_audit_cut(
    struct vd_audit *audit, int64_t before_ms, uint64_t keep_min, uint64_t *removed);

/* ---- Verifying ---- */

/*
 * A step of a pass over the chain, at most `count` records; `check` all zero begins it, its key is set here.
 * *done: it is at its end, or something is wrong: then it stands in check->problem and is written down. Errors of the disk.
 */
VD_NODISCARD int vd_audit_verify_step(
    struct vd_audit *audit, struct vd_audit_check *check, uint64_t count, bool *done);

/* The head, signed, to be kept elsewhere. A failure stays in out->error. */
void vd_audit_anchor(struct vd_audit *audit, struct vd_buf *out);
/* What is wrong if the trail does not hold what an anchor of before names, static; NULL: it does. */
const char *vd_audit_anchor_misfit(struct vd_audit *audit, struct vd_str anchor);
/* Writes down that something is wrong that was found elsewhere. */
void vd_audit_report(struct vd_audit *audit, const char *problem);

/* The same over the file, which another process may be writing. `check->key` as the caller sets it. VD_E_CORRUPT: see
 * check->problem; VD_E_NOT_FOUND, VD_E_NEWER, VD_E_IO. */
VD_NODISCARD int vd_audit_file_verify(const char *path, struct vd_audit_check *check);

/* ---- Reading: any thread. ---- */

void vd_audit_stats_get(struct vd_audit *audit, struct vd_audit_stats *out);

/* All zero: all. Letters in any case. */
struct vd_audit_filter {
    uint64_t before;  /* only records before this one; 0: the newest */
    uint32_t limit;   /* 1 to VD_AUDIT_LIST_MAX; 0: 100 */
    const char *who;  /* a piece of `who`; NULL: any; so with all */
    const char *what; /* a piece of method, path or resource */
    const char *kind;
    const char *outcome;
    int64_t from_ms; /* at this time or later */
    int64_t to_ms;   /* before it; 0: no end */
};

/* *records: JSON array, the newest first, the caller's, each with its "hash". *next: `before` of the next page, 0 at the end.
 * It may be short of `limit`: VD_AUDIT_SCAN_MAX are looked at. */
VD_NODISCARD int vd_audit_list(
    struct vd_audit *audit, const struct vd_audit_filter *filter, json_t **records, uint64_t *next);
/* One record by its sequence. VD_E_NOT_FOUND. */
VD_NODISCARD int vd_audit_get(struct vd_audit *audit, uint64_t sequence, json_t **record);

/* The first line of an exported file: of the records from the first that is of `since_ms` or later (0: of all) to the last
 * one. *from, *to: which those are; from is to + 1 if there is none. */
VD_NODISCARD int vd_audit_export_head(
    struct vd_audit *audit, int64_t since_ms, struct vd_buf *line, uint64_t *from, uint64_t *to);
/* Lines of it, as JSON array of texts, the caller's: records from `from` on, at most VD_AUDIT_LIST_MAX and none behind `to`.
 * VD_E_NOT_FOUND: they were cut meanwhile. */
VD_NODISCARD int vd_audit_export_lines(
    struct vd_audit *audit, uint64_t from, uint64_t to, json_t **lines);

#endif
