/* SPDX-License-Identifier: MIT */
/* Goes along the chain of an audit trail and says where it does not hold. */

#include "lib/audit_check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int fail(struct vd_audit_check *check, uint64_t sequence, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(struct vd_audit_check *check, uint64_t sequence, const char *format, ...)
{
    va_list arguments;

    if (check->problem[0] == '\0') {
        check->wrong = sequence;
        va_start(arguments, format);
        vsnprintf(check->problem, sizeof check->problem, format, arguments);
        va_end(arguments);
    }
    return VD_E_CORRUPT;
}

const char *vd_audit_anchor_judge(
    const struct vd_audit_head *anchor, const struct vd_audit_head *head)
{
    if (strcmp(anchor->trail, head->trail) != 0) {
        return "this is another trail than the one that the registry knows: audit.db was removed or replaced";
    }
    return anchor->to > head->to
        ? "the trail ends before the record that the registry knows: audit.db is an older copy"
        : NULL;
}

/* With the head read. */
static int compare_anchor(struct vd_audit_check *check)
{
    const int error = vd_audit_head_read(check->anchor, check->key, &check->known);
    const char *problem;

    if (error == VD_E_NOMEM) {
        return error;
    }
    problem = error != VD_OK || strcmp(check->known.kind, "anchor") != 0
        ? VD_AUDIT_ANCHOR_FORGED
        : vd_audit_anchor_judge(&check->known, &check->head);
    return problem != NULL ? fail(check, 0, "%s", problem) : VD_OK;
}

int vd_audit_check_head(struct vd_audit_check *check, struct vd_str line)
{
    int error = vd_audit_head_read(line, check->key, &check->head);

    if (error == VD_E_DENIED) {
        return fail(check, 0,
            "the head is not signed with this key: it was changed, or the key is another one");
    }
    if (error == VD_E_INVALID) {
        return fail(check, 0, "the head is not of the form of one");
    }
    if (error == VD_OK) {
        check->has_head = true;
        check->next = check->head.from;
        check->last = check->head.base;
    }
    if (error == VD_OK && check->anchor.length > 0) {
        error = compare_anchor(check);
    }
    return error;
}

static int judge(struct vd_audit_check *check, const struct vd_audit_record *record,
    const struct vd_audit_hash *hash, const struct vd_audit_hash *right)
{
    if (record->sequence != check->next) {
        return fail(check, check->next,
            "record %" PRIu64 " is missing: %" PRIu64 " comes in its place", check->next,
            record->sequence);
    }
    if (record->sequence > check->head.to) {
        return fail(check, record->sequence,
            "record %" PRIu64 " is one too many: the head ends at %" PRIu64, record->sequence,
            check->head.to);
    }
    if (!vd_audit_hash_equal(&record->previous, &check->last)) {
        return fail(check, record->sequence,
            "record %" PRIu64 " does not follow on what stands before it", record->sequence);
    }
    if (!vd_audit_hash_equal(hash, right)) {
        return fail(check, record->sequence,
            "record %" PRIu64 " was changed: its hash is another one", record->sequence);
    }
    if (check->anchor.length > 0 && record->sequence == check->known.to &&
        !vd_audit_hash_equal(right, &check->known.last)) {
        return fail(check, record->sequence, "%s", VD_AUDIT_ANCHOR_ASTRAY);
    }
    return VD_OK;
}

int vd_audit_check_record(
    struct vd_audit_check *check, struct vd_str text, const struct vd_audit_hash *hash)
{
    struct vd_audit_record record;
    struct vd_audit_hash right;
    int error = vd_audit_record_read(text, &record);

    if (error != VD_OK) {
        return fail(
            check, check->next, "record %" PRIu64 " is not of the form of one", check->next);
    }
    error = vd_audit_hash_of(text, &right);
    if (error == VD_OK) {
        error = judge(check, &record, hash, &right);
    }
    if (error == VD_OK) {
        check->next++;
        check->last = right;
        check->records++;
        if (strcmp(record.entry.path, VD_AUDIT_PATH_BROKEN) == 0) {
            check->breaks++;
            check->last_break = record.sequence;
            snprintf(check->break_note, sizeof check->break_note, "%.300s", record.entry.note);
        }
    }
    vd_audit_record_release(&record);
    return error;
}

int vd_audit_check_line(struct vd_audit_check *check, struct vd_str line)
{
    struct vd_buf text = {0};
    struct vd_audit_hash hash;
    int error;

    if (!check->has_head) {
        return vd_audit_check_head(check, line);
    }
    error = line.length <= VD_AUDIT_LINE_MAX ? vd_audit_member_cut(line, "hash", &text, &hash)
                                             : VD_E_INVALID;
    if (error == VD_E_INVALID) {
        error =
            fail(check, check->next, "record %" PRIu64 " is not of the form of one", check->next);
    } else if (error == VD_OK) {
        error = vd_audit_check_record(
            check, (struct vd_str){(const char *)text.data, text.length}, &hash);
    }
    vd_buf_release(&text);
    return error;
}

int vd_audit_check_end(struct vd_audit_check *check)
{
    if (!check->has_head) {
        return fail(check, 0, "there is no head");
    }
    if (check->next != check->head.to + 1) {
        return fail(check, check->next,
            "record %" PRIu64 " is missing: the end was cut off, the head says %" PRIu64,
            check->next, check->head.to);
    }
    if (!vd_audit_hash_equal(&check->last, &check->head.last)) {
        return fail(check, check->head.to, "record %" PRIu64 " is not the one that the head names",
            check->head.to);
    }
    return VD_OK;
}
