/* SPDX-License-Identifier: MIT */
/* Whether an audit trail is whole: a head, then its records one by one, of a file of the service or of an exported one. */

#ifndef VEDETTE_LIB_AUDIT_CHECK_H
#define VEDETTE_LIB_AUDIT_CHECK_H

#include "lib/audit_record.h"

#define VD_AUDIT_PROBLEM_SIZE 320

/* One pass; all zero but for key and anchor begins it. What it finds first it keeps. */
struct vd_audit_check {
    const uint8_t
        *key; /* that signs heads; NULL: only the chain is judged. Must outlive the pass */
    struct vd_str
        anchor; /* what is known of the trail elsewhere, that is to be in it; empty: nothing. Must outlive the pass */
    struct vd_audit_head known; /* the same, read */
    struct vd_audit_head head;
    bool has_head;
    uint64_t next;             /* the sequence that is to come */
    struct vd_audit_hash last; /* the hash that its `previous` is to be */
    uint64_t records;          /* that were right */
    uint64_t breaks;           /* records that say that the trail was found broken */
    uint64_t last_break;       /* the sequence of the last of them; 0: none */
    char break_note[VD_AUDIT_PROBLEM_SIZE];
    uint64_t wrong; /* the first record that is wrong, or whose absence is; 0: none */
    char problem[VD_AUDIT_PROBLEM_SIZE]; /* what is wrong; empty: nothing is */
};

/* What is wrong with a trail by its head, that is to hold what an anchor names; NULL: nothing is by that. */
const char *vd_audit_anchor_judge(
    const struct vd_audit_head *anchor, const struct vd_audit_head *head);
#define VD_AUDIT_ANCHOR_FORGED "the anchor in the registry is not signed with this key"
#define VD_AUDIT_ANCHOR_ASTRAY \
    "the record that the registry knows is not in the trail: audit.db was changed"

/* The signed head, which must come first. VD_E_CORRUPT: it is wrong, see check->problem; VD_E_NOMEM. */
VD_NODISCARD int vd_audit_check_head(struct vd_audit_check *check, struct vd_str line);

/* The next record, `hash` as it is stored with it. Likewise. */
VD_NODISCARD int vd_audit_check_record(
    struct vd_audit_check *check, struct vd_str text, const struct vd_audit_hash *hash);

/* The next line of an exported file, without its end: the head, then records. Likewise. */
VD_NODISCARD int vd_audit_check_line(struct vd_audit_check *check, struct vd_str line);

/* No more comes: whether the end is where the head says. Likewise. */
VD_NODISCARD int vd_audit_check_end(struct vd_audit_check *check);

#endif
