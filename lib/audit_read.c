/* SPDX-License-Identifier: MIT */
/* Lists, exports and verifies the audit trail of a running service. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/audit_internal.h"
#include "lib/clock.h"
#include "lib/log.h"

#define LIST_DEFAULT 100

void vd_audit_stats_get(struct vd_audit *audit, struct vd_audit_stats *out)
{
    pthread_mutex_lock(&audit->lock);
    audit->stats.from = audit->head.from;
    audit->stats.to = audit->head.to;
    audit->stats.open = audit->head.open;
    *out = audit->stats;
    pthread_mutex_unlock(&audit->lock);
}

/* ---- Verifying ---- */

/* The head of now; what was cut off the front meanwhile need not be there. */
static int pass_begin(struct vd_audit *audit, struct vd_audit_check *check)
{
    struct vd_buf line = {0};
    int error = vd_audit_head_line(audit->db, &line);

    if (error == VD_E_NOT_FOUND) {
        snprintf(check->problem, sizeof check->problem, "the head was removed");
        error = VD_E_CORRUPT;
    }
    if (error == VD_OK) {
        error = vd_audit_check_head(check, (struct vd_str){(const char *)line.data, line.length});
    }
    if (error == VD_OK &&
        (line.length != audit->head_line.length ||
            memcmp(line.data, audit->head_line.data, line.length) != 0)) {
        snprintf(check->problem, sizeof check->problem,
            "the head was changed by somebody else while the service ran");
        error = VD_E_CORRUPT;
    }
    vd_buf_release(&line);
    return error;
}

static int pass_step(
    struct vd_audit *audit, struct vd_audit_check *check, uint64_t count, bool *done)
{
    int error = check->has_head ? VD_OK : pass_begin(audit, check);

    if (error == VD_OK && check->next < audit->head.from) {
        check->next = audit->head.from;
        check->last = audit->head.base;
    }
    if (error == VD_OK) {
        error = vd_audit_check_rows(audit->db, check, count, done);
    }
    if (error == VD_OK && *done) {
        error = vd_audit_check_end(check);
    }
    if (error == VD_OK && *done) {
        check->head = audit->head; /* acts have begun and ended since */
        error = vd_audit_check_open(audit->db, check);
    }
    return error;
}

int vd_audit_verify_step(
    struct vd_audit *audit, struct vd_audit_check *check, uint64_t count, bool *done)
{
    const uint64_t before = check->records;
    bool is_news = false;
    int error;

    *done = false;
    check->key = audit->head_key;
    pthread_mutex_lock(&audit->lock);
    error = pass_step(audit, check, count, done);
    audit->stats.verified += check->records - before;
    if (error == VD_E_CORRUPT && check->problem[0] != '\0') {
        is_news = strcmp(audit->told, check->problem) != 0;
        snprintf(audit->told, sizeof audit->told, "%s", check->problem);
        audit->stats.problems += is_news ? 0 : 1;
        audit->stats.passes++;
        *done = true;
        error = VD_OK;
    } else if (error == VD_OK && *done) {
        audit->stats.passes++;
        audit->stats.verified_ms = vd_clock_utc_ms();
    }
    pthread_mutex_unlock(&audit->lock);
    if (is_news) {
        vd_audit_report(audit, check->problem);
    }
    return error;
}

/* ---- Anchors ---- */

void vd_audit_anchor(struct vd_audit *audit, struct vd_buf *out)
{
    struct vd_audit_head head;

    pthread_mutex_lock(&audit->lock);
    head = audit->head;
    pthread_mutex_unlock(&audit->lock);
    snprintf(head.kind, sizeof head.kind, "anchor");
    head.time_ms = vd_clock_utc_ms();
    vd_audit_head_write(out, &head, audit->head_key);
}

/* The hash of a record, of what it says. */
static int hash_at(struct vd_audit *audit, uint64_t sequence, struct vd_audit_hash *out)
{
    const int64_t number = (int64_t)sequence;
    sqlite3_stmt *statement = NULL;
    struct vd_audit_row row;
    int error = vd_audit_prepare(audit->db,
        "SELECT sequence, body, hash FROM record WHERE sequence = ?1", &number, 1, &statement);

    if (error == VD_OK) {
        error = vd_audit_row_next(statement, &row);
    }
    if (error == VD_OK) {
        error = vd_audit_hash_of(row.text, out);
    }
    sqlite3_finalize(statement);
    return error;
}

/* NULL: it fits. */
static const char *misfit_of(struct vd_audit *audit, const struct vd_audit_head *anchor)
{
    const char *problem = vd_audit_anchor_judge(anchor, &audit->head);
    struct vd_audit_hash hash;
    int error;

    if (problem != NULL) {
        return problem;
    }
    if (anchor->to < audit->head.from) {
        return NULL; /* nothing was there yet, or it was cut for its age */
    }
    error = hash_at(audit, anchor->to, &hash);
    if (error == VD_E_NOT_FOUND || (error == VD_OK && !vd_audit_hash_equal(&hash, &anchor->last))) {
        return VD_AUDIT_ANCHOR_ASTRAY;
    }
    return NULL;
}

const char *vd_audit_anchor_misfit(struct vd_audit *audit, struct vd_str anchor)
{
    struct vd_audit_head head;
    const char *problem;
    const int error = vd_audit_head_read(anchor, audit->head_key, &head);

    if (error == VD_E_NOMEM) {
        return NULL;
    }
    if (error != VD_OK || strcmp(head.kind, "anchor") != 0) {
        return VD_AUDIT_ANCHOR_FORGED;
    }
    pthread_mutex_lock(&audit->lock);
    problem = misfit_of(audit, &head);
    pthread_mutex_unlock(&audit->lock);
    return problem;
}

/* ---- Listing ---- */

static bool holds(const char *text, const char *piece)
{
    return strcasestr(text, piece) != NULL;
}

static bool is_wanted(const struct vd_audit_entry *e, const struct vd_audit_filter *f)
{
    return (f->who == NULL || holds(e->who, f->who)) &&
        (f->what == NULL || holds(e->method, f->what) || holds(e->path, f->what) ||
            holds(e->resource, f->what)) &&
        (f->kind == NULL || strcmp(e->kind, f->kind) == 0) &&
        (f->outcome == NULL || strcmp(e->outcome, f->outcome) == 0) && e->time_ms >= f->from_ms &&
        (f->to_ms == 0 || e->time_ms < f->to_ms);
}

/* Adds its hash. */
static int put_hash(json_t *json, const struct vd_audit_hash *hash)
{
    char text[VD_AUDIT_HASH_TEXT_SIZE];

    vd_audit_hash_format(hash, text);
    return json_object_set_new(json, "hash", json_string(text)) == 0 ? VD_OK : VD_E_NOMEM;
}

/* Rows that are no records any more are passed over: verifying tells of them. */
static int take_row(
    const struct vd_audit_row *row, const struct vd_audit_filter *filter, json_t *records)
{
    struct vd_audit_record record;
    int error = vd_audit_record_read(row->text, &record);

    if (error != VD_OK) {
        return error == VD_E_NOMEM ? error : VD_OK;
    }
    if (is_wanted(&record.entry, filter)) {
        error = put_hash(record.json, &row->hash);
        if (error == VD_OK && json_array_append(records, record.json) != 0) {
            error = VD_E_NOMEM;
        }
    }
    vd_audit_record_release(&record);
    return error;
}

static int list_rows(
    sqlite3_stmt *statement, const struct vd_audit_filter *filter, json_t *list, uint64_t *next)
{
    const size_t limit = filter->limit != 0 ? filter->limit : LIST_DEFAULT;
    struct vd_audit_row row;
    uint64_t scanned = 0;
    int error = VD_OK;

    *next = 0;
    while ((error = vd_audit_row_next(statement, &row)) == VD_OK) {
        if (json_array_size(list) == limit || scanned++ == VD_AUDIT_SCAN_MAX) {
            *next = row.sequence + 1;
            return VD_OK;
        }
        error = take_row(&row, filter, list);
        if (error != VD_OK) {
            return error;
        }
    }
    return error == VD_E_NOT_FOUND ? VD_OK : error;
}

int vd_audit_list(
    struct vd_audit *audit, const struct vd_audit_filter *filter, json_t **records, uint64_t *next)
{
    const int64_t before = filter->before != 0 ? (int64_t)filter->before : INT64_MAX;
    sqlite3_stmt *statement = NULL;
    json_t *list = json_array();
    int error;

    pthread_mutex_lock(&audit->lock);
    error = vd_audit_prepare(audit->db,
        "SELECT sequence, body, hash FROM record WHERE sequence < ?1 ORDER BY sequence DESC",
        &before, 1, &statement);
    if (error == VD_OK) {
        error = list_rows(statement, filter, list, next);
    }
    sqlite3_finalize(statement);
    pthread_mutex_unlock(&audit->lock);
    if (error == VD_OK) {
        *records = list;
    } else {
        json_decref(list);
    }
    return error;
}

int vd_audit_get(struct vd_audit *audit, uint64_t sequence, json_t **record)
{
    const struct vd_audit_filter filter = {.before = sequence + 1, .limit = 1};
    json_t *list = NULL;
    uint64_t next = 0;
    int error = vd_audit_list(audit, &filter, &list, &next);

    if (error == VD_OK) {
        json_t *found = json_array_get(list, 0);

        if ((uint64_t)json_integer_value(json_object_get(found, "sequence")) == sequence) {
            *record = json_incref(found);
        } else {
            error = VD_E_NOT_FOUND;
        }
        json_decref(list);
    }
    return error;
}

/* ---- Exporting ---- */

/* The first record from `sequence` on. */
static int record_from(struct vd_audit *audit, uint64_t sequence, struct vd_audit_record *out)
{
    const int64_t number = (int64_t)sequence;
    sqlite3_stmt *statement = NULL;
    struct vd_audit_row row;
    int error = vd_audit_prepare(audit->db,
        "SELECT sequence, body, hash FROM record WHERE sequence >= ?1 ORDER BY sequence LIMIT 1",
        &number, 1, &statement);

    if (error == VD_OK) {
        error = vd_audit_row_next(statement, &row);
    }
    if (error == VD_OK) {
        error = vd_audit_record_read(row.text, out) == VD_OK ? VD_OK : VD_E_CORRUPT;
    }
    sqlite3_finalize(statement);
    return error;
}

/* The first record of the time or later, by halves: times grow but where the clock was set back. */
static int find_since(struct vd_audit *audit, int64_t since_ms, uint64_t *out)
{
    uint64_t low = audit->head.from;
    uint64_t high = audit->head.to + 1;

    while (since_ms > 0 && low < high) {
        const uint64_t middle = low + (high - low) / 2;
        struct vd_audit_record record;
        const int error = record_from(audit, middle, &record);

        if (error != VD_OK) {
            return error == VD_E_NOT_FOUND ? VD_E_CORRUPT : error;
        }
        if (record.entry.time_ms < since_ms) {
            low = middle + 1;
        } else {
            high = middle;
        }
        vd_audit_record_release(&record);
    }
    *out = low;
    return VD_OK;
}

/* What stands before the record; behind the last one, that. */
static int base_of(struct vd_audit *audit, struct vd_audit_head *head)
{
    struct vd_audit_record record;
    int error;

    if (head->from > head->to) {
        head->base = head->last;
        return VD_OK;
    }
    error = record_from(audit, head->from, &record);
    if (error == VD_OK) {
        head->base = record.previous;
        vd_audit_record_release(&record);
    }
    return error == VD_E_NOT_FOUND ? VD_E_CORRUPT : error;
}

int vd_audit_export_head(
    struct vd_audit *audit, int64_t since_ms, struct vd_buf *line, uint64_t *from, uint64_t *to)
{
    struct vd_audit_head head;
    int error;

    pthread_mutex_lock(&audit->lock);
    head = audit->head;
    error = find_since(audit, since_ms, &head.from);
    error = error == VD_OK ? base_of(audit, &head) : error;
    pthread_mutex_unlock(&audit->lock);
    if (error != VD_OK) {
        return error;
    }
    snprintf(head.kind, sizeof head.kind, "export");
    head.time_ms = vd_clock_utc_ms();
    head.open = 0;
    memset(&head.open_digest, 0, sizeof head.open_digest);
    vd_audit_head_write(line, &head, audit->head_key);
    *from = head.from;
    *to = head.to;
    return line->error;
}

static int append_line(const struct vd_audit_row *row, json_t *lines)
{
    struct vd_buf line = {0};
    int error = row->text.length > 1 ? VD_OK : VD_E_CORRUPT;

    if (error == VD_OK) {
        vd_audit_member_add(&line, row->text, "hash", &row->hash);
        error = line.error;
    }
    if (error == VD_OK &&
        json_array_append_new(lines, json_stringn((const char *)line.data, line.length)) != 0) {
        error = VD_E_CORRUPT; /* it is not UTF-8 */
    }
    vd_buf_release(&line);
    return error;
}

int vd_audit_export_lines(struct vd_audit *audit, uint64_t from, uint64_t to, json_t **lines)
{
    const int64_t numbers[] = {(int64_t)from, (int64_t)to, VD_AUDIT_LIST_MAX};
    sqlite3_stmt *statement = NULL;
    struct vd_audit_row row;
    json_t *list = json_array();
    int error;

    pthread_mutex_lock(&audit->lock);
    error = from < audit->head.from ? VD_E_NOT_FOUND : VD_OK;
    if (error == VD_OK) {
        error = vd_audit_prepare(audit->db,
            "SELECT sequence, body, hash FROM record WHERE sequence >= ?1 AND sequence <= ?2"
            " ORDER BY sequence LIMIT ?3",
            numbers, 3, &statement);
        while (error == VD_OK && (error = vd_audit_row_next(statement, &row)) == VD_OK) {
            error = append_line(&row, list);
        }
        error = error == VD_E_NOT_FOUND ? VD_OK : error;
    }
    sqlite3_finalize(statement);
    pthread_mutex_unlock(&audit->lock);
    if (error == VD_OK) {
        *lines = list;
    } else {
        json_decref(list);
    }
    return error;
}
