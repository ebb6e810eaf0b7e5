/* SPDX-License-Identifier: MIT */
/* C2D queues and feedback in the state store: what hub/c2d.h decides, in rows. */

#include <stdlib.h>
#include <string.h>

#include "hub/state_sqlite.h"

/* The queue of an identity while an operation looks at it. */
struct opened {
    struct vd_state_store *store;
    const struct vd_state_key *key;
    struct vd_c2d_endings *endings;
    int64_t now_ms;
    int64_t owner; /* 0: nothing is stored of this identity */
    struct vd_c2d_queue queue;
};

void vd_c2d_delivery_release(struct vd_c2d_delivery *delivery)
{
    vd_buf_release(&delivery->properties);
    vd_buf_release(&delivery->body);
}

void vd_c2d_endings_release(struct vd_c2d_endings *endings)
{
    free(endings->items);
    *endings = (struct vd_c2d_endings){0};
}

static int endings_add(struct vd_c2d_endings *endings, const struct vd_c2d_ending *ending)
{
    if (endings->count == endings->capacity) {
        size_t capacity = endings->capacity > 0 ? 2 * endings->capacity : 4;
        struct vd_c2d_ending *items = realloc(endings->items, capacity * sizeof *items);

        if (items == NULL) {
            return VD_E_NOMEM;
        }
        endings->items = items;
        endings->capacity = capacity;
    }
    endings->items[endings->count++] = *ending;
    return VD_OK;
}

/* ---- Rows ---- */

/* One row into the queue. */
static int load_entry(sqlite3_stmt *statement, struct vd_c2d_queue *queue)
{
    struct vd_c2d_entry entry = {
        .sequence = sqlite3_column_int64(statement, 0),
        .deliveries = (uint32_t)sqlite3_column_int64(statement, 3),
        .expires_ms = sqlite3_column_int64(statement, 4),
        .lock_until_ms = sqlite3_column_int64(statement, 5),
    };
    int64_t state = sqlite3_column_int64(statement, 1);
    int64_t ack = sqlite3_column_int64(statement, 2);

    if (queue->count >= VD_HUB_C2D_MESSAGES_MAX ||
        (state != VD_C2D_ENQUEUED && state != VD_C2D_LOCKED) || ack < VD_C2D_ACK_NONE ||
        ack > VD_C2D_ACK_FULL) {
        return VD_E_CORRUPT;
    }
    entry.state = (enum vd_c2d_state)state;
    entry.ack = (enum vd_c2d_ack)ack;
    queue->entries[queue->count] = entry;
    return vd_state_column_text(
        statement, 6, queue->entries[queue->count++].lock, sizeof entry.lock);
}

static int load(struct opened *opened)
{
    sqlite3_stmt *statement = opened->store->statements[STATE_C2D_LOAD];
    int error = vd_state_owner_find(opened->store, opened->key, &opened->owner);

    if (error == VD_E_NOT_FOUND) {
        return VD_OK;
    }
    if (error != VD_OK) {
        return error;
    }
    sqlite3_bind_int64(statement, 1, opened->owner);
    while ((error = vd_state_step(statement)) == VD_OK &&
        (error = load_entry(statement, &opened->queue)) == VD_OK) {
    }
    vd_state_reset(statement);
    return error == VD_E_NOT_FOUND ? VD_OK : error;
}

static int update(struct vd_state_store *store, const struct vd_c2d_entry *entry)
{
    sqlite3_stmt *statement = store->statements[STATE_C2D_UPDATE];
    bool is_locked = entry->state == VD_C2D_LOCKED;

    sqlite3_bind_int64(statement, 1, entry->sequence);
    sqlite3_bind_int64(statement, 2, entry->state);
    sqlite3_bind_int64(statement, 3, entry->deliveries);
    sqlite3_bind_int64(statement, 4, entry->expires_ms);
    sqlite3_bind_int64(statement, 5, is_locked ? entry->lock_until_ms : entry->expires_ms);
    sqlite3_bind_int64(statement, 6, entry->lock_until_ms);
    vd_state_bind_text(statement, 7, entry->lock);
    return vd_state_exec(statement);
}

static int read_message_id(
    struct vd_state_store *store, int64_t sequence, char out[VD_C2D_MESSAGE_ID_MAX + 1])
{
    sqlite3_stmt *statement = store->statements[STATE_C2D_MESSAGE_ID];
    int error;

    sqlite3_bind_int64(statement, 1, sequence);
    error = vd_state_step(statement);
    if (error == VD_OK) {
        error = vd_state_column_text(statement, 0, out, VD_C2D_MESSAGE_ID_MAX + 1);
    }
    vd_state_reset(statement);
    return error == VD_E_NOT_FOUND ? VD_E_CORRUPT : error;
}

static int feedback_add(const struct opened *opened, const struct vd_c2d_ending *ending)
{
    struct vd_state_store *store = opened->store;
    sqlite3_stmt *add = store->statements[STATE_FEEDBACK_ADD];
    sqlite3_stmt *trim = store->statements[STATE_FEEDBACK_TRIM];
    int error;

    sqlite3_bind_int64(add, 1, opened->owner);
    sqlite3_bind_int64(add, 2, opened->now_ms);
    sqlite3_bind_int64(add, 3, ending->state);
    vd_state_bind_text(add, 4, ending->message_id);
    error = vd_state_exec(add);
    if (error != VD_OK) {
        return error;
    }
    sqlite3_bind_int64(trim, 1, sqlite3_last_insert_rowid(store->db) - VD_HUB_C2D_FEEDBACK_MAX);
    error = vd_state_exec(trim);
    if (error == VD_OK) {
        atomic_fetch_add(&store->feedback_dropped, (uint64_t)sqlite3_changes64(store->db));
    }
    return error;
}

/* Takes a message that is over out of the table: into the endings, and the feedback if it is wanted. */
static int end(const struct opened *opened, const struct vd_c2d_entry *entry)
{
    struct vd_c2d_ending ending = {
        .key = *opened->key,
        .state = entry->state,
        .deliveries = entry->deliveries,
        .sequence = entry->sequence,
        .expires_ms = entry->expires_ms,
    };
    int error = read_message_id(opened->store, entry->sequence, ending.message_id);

    if (error == VD_OK && vd_c2d_wants_feedback(entry->ack, entry->state)) {
        error = feedback_add(opened, &ending);
    }
    if (error == VD_OK) {
        sqlite3_bind_int64(opened->store->statements[STATE_C2D_REMOVE], 1, entry->sequence);
        error = vd_state_exec(opened->store->statements[STATE_C2D_REMOVE]);
    }
    if (error == VD_OK && opened->endings != NULL) {
        error = endings_add(opened->endings, &ending);
    }
    return error;
}

/* Brings the rows to what the queue is now. */
static int save(struct opened *opened)
{
    int error = VD_OK;

    for (size_t i = 0; error == VD_OK && i < opened->queue.count; i++) {
        struct vd_c2d_entry *entry = &opened->queue.entries[i];

        if (vd_c2d_is_over(entry->state)) {
            error = end(opened, entry);
        } else if (entry->is_changed) {
            error = update(opened->store, entry);
            entry->is_changed = false;
        }
    }
    vd_c2d_drop_ended(&opened->queue);
    return error;
}

/* Loads the queue, and ends what is over. */
static int open_queue(struct opened *opened)
{
    int error = load(opened);

    if (error != VD_OK) {
        return error;
    }
    vd_c2d_tick(&opened->queue, opened->now_ms);
    return save(opened);
}

/* ---- Operations ---- */

static int add_row(const struct opened *opened, const struct vd_c2d_message *message,
    const char *message_id, int64_t expires_ms)
{
    struct vd_state_store *store = opened->store;
    sqlite3_stmt *add = store->statements[STATE_C2D_ADD];
    sqlite3_stmt *add_body = store->statements[STATE_C2D_ADD_BODY];
    int error;

    sqlite3_bind_int64(add, 1, opened->owner);
    sqlite3_bind_int64(add, 2, message->ack);
    sqlite3_bind_int64(add, 3, opened->now_ms);
    sqlite3_bind_int64(add, 4, expires_ms);
    vd_state_bind_text(add, 5, message_id);
    error = vd_state_exec(add);
    if (error != VD_OK) {
        return error;
    }
    sqlite3_bind_int64(add_body, 1, sqlite3_last_insert_rowid(store->db));
    vd_state_bind_bytes(add_body, 2, message->properties);
    vd_state_bind_bytes(add_body, 3, message->body);
    return vd_state_exec(add_body);
}

int vd_state_c2d_send(struct vd_state_store *store, const struct vd_state_key *key,
    const struct vd_c2d_message *message, int64_t now_ms, struct vd_c2d_endings *endings)
{
    struct opened opened = {.store = store, .key = key, .endings = endings, .now_ms = now_ms};
    char message_id[VD_C2D_MESSAGE_ID_MAX + 1];
    int error;

    if (vd_str_copy(message->message_id, message_id, sizeof message_id) != VD_OK ||
        message->properties.length > VD_MESSAGE_PROPERTIES_MAX ||
        message->body.length > VD_HUB_C2D_BODY_MAX_BYTES) {
        return VD_E_INVALID;
    }
    error = open_queue(&opened);
    if (error == VD_OK) {
        /* Above all sequences: the row says which one it is. */
        error = vd_c2d_put(&opened.queue, INT64_MAX, message->ack, message->expires_ms, now_ms);
    }
    if (error == VD_OK && opened.owner == 0) {
        error = vd_state_owner_need(store, key, &opened.owner);
    }
    if (error == VD_OK) {
        error = add_row(
            &opened, message, message_id, opened.queue.entries[opened.queue.count - 1].expires_ms);
    }
    return error;
}

/* The message of an entry that was taken. */
static int read_delivery(struct vd_state_store *store, const struct vd_c2d_entry *entry,
    struct vd_c2d_delivery *delivery)
{
    sqlite3_stmt *statement = store->statements[STATE_C2D_READ];
    int error;

    vd_buf_clear(&delivery->properties);
    vd_buf_clear(&delivery->body);
    sqlite3_bind_int64(statement, 1, entry->sequence);
    error = vd_state_step(statement);
    if (error == VD_OK) {
        delivery->enqueued_ms = sqlite3_column_int64(statement, 0);
        error =
            vd_state_column_text(statement, 1, delivery->message_id, sizeof delivery->message_id);
    }
    if (error == VD_OK) {
        error =
            vd_state_column_bytes(statement, 2, &delivery->properties, VD_MESSAGE_PROPERTIES_MAX);
    }
    if (error == VD_OK) {
        error = vd_state_column_bytes(statement, 3, &delivery->body, VD_HUB_C2D_BODY_MAX_BYTES);
    }
    vd_state_reset(statement);
    delivery->sequence = entry->sequence;
    delivery->deliveries = entry->deliveries;
    delivery->expires_ms = entry->expires_ms;
    delivery->ack = entry->ack;
    memcpy(delivery->lock, entry->lock, sizeof delivery->lock);
    return error == VD_E_NOT_FOUND ? VD_E_CORRUPT : error;
}

int vd_state_c2d_take(struct vd_state_store *store, const struct vd_state_key *key, int64_t lock_ms,
    int64_t now_ms, struct vd_c2d_delivery *delivery, bool *found, struct vd_c2d_endings *endings)
{
    struct opened opened = {.store = store, .key = key, .endings = endings, .now_ms = now_ms};
    char lock[VD_UUID_TEXT_SIZE];
    struct vd_c2d_entry *entry;
    struct vd_uuid uuid;
    int error = vd_uuid_random(&uuid);

    if (error == VD_OK) {
        error = open_queue(&opened);
    }
    if (error != VD_OK) {
        return error;
    }
    vd_uuid_format(&uuid, lock);
    entry = vd_c2d_take(&opened.queue, lock, lock_ms, now_ms);
    *found = entry != NULL;
    if (entry == NULL) {
        return VD_OK;
    }
    error = read_delivery(store, entry, delivery);
    return error == VD_OK ? save(&opened) : error;
}

int vd_state_c2d_settle(struct vd_state_store *store, const struct vd_state_key *key,
    const char *lock, enum vd_c2d_event answer, int64_t now_ms, bool *found,
    struct vd_c2d_endings *endings)
{
    struct opened opened = {.store = store, .key = key, .endings = endings, .now_ms = now_ms};
    int error = open_queue(&opened);

    if (error == VD_OK) {
        *found = vd_c2d_settle(&opened.queue, lock, answer);
        error = save(&opened);
    }
    return error;
}

int vd_state_c2d_acknowledge(struct vd_state_store *store, const struct vd_state_key *key,
    int64_t sequence, const char *lock, int64_t now_ms, struct vd_c2d_endings *endings)
{
    struct opened opened = {.store = store, .key = key, .endings = endings, .now_ms = now_ms};
    int error = open_queue(&opened);

    if (error == VD_OK && vd_c2d_acknowledge(&opened.queue, sequence, lock)) {
        error = save(&opened);
    }
    return error;
}

int vd_state_c2d_release(struct vd_state_store *store, const struct vd_state_key *key,
    int64_t now_ms, struct vd_c2d_endings *endings)
{
    struct opened opened = {.store = store, .key = key, .endings = endings, .now_ms = now_ms};
    int error = open_queue(&opened);

    if (error == VD_OK) {
        vd_c2d_release(&opened.queue);
        error = save(&opened);
    }
    return error;
}

int vd_state_c2d_purge(struct vd_state_store *store, const struct vd_state_key *key, int64_t now_ms,
    size_t *purged, struct vd_c2d_endings *endings)
{
    struct opened opened = {.store = store, .key = key, .endings = endings, .now_ms = now_ms};
    int error = open_queue(&opened);

    if (error == VD_OK) {
        *purged = vd_c2d_purge(&opened.queue);
        error = save(&opened);
    }
    return error;
}

int vd_state_c2d_count(struct vd_state_store *store, const struct vd_state_key *key, int64_t now_ms,
    size_t *count, struct vd_c2d_endings *endings)
{
    struct opened opened = {.store = store, .key = key, .endings = endings, .now_ms = now_ms};
    int error = open_queue(&opened);

    if (error == VD_OK) {
        *count = vd_c2d_count(&opened.queue);
    }
    return error;
}

static int identity_by_time(sqlite3_stmt *statement, int64_t time_ms, struct vd_state_key *key)
{
    int error;

    sqlite3_bind_int64(statement, 1, time_ms);
    error = vd_state_step(statement);
    if (error == VD_OK) {
        error = vd_state_column_key(statement, 0, key);
    }
    vd_state_reset(statement);
    return error;
}

/* The identity that is due first, or one that is due later than any can be: the clock was put back, and it waits to be told.
 * VD_E_NOT_FOUND. */
static int next_due(struct vd_state_store *store, int64_t now_ms, struct vd_state_key *key)
{
    const int error = identity_by_time(store->statements[STATE_C2D_DUE], now_ms, key);

    return error == VD_E_NOT_FOUND
        ? identity_by_time(store->statements[STATE_C2D_AHEAD], now_ms + VD_HUB_C2D_TTL_MAX_MS, key)
        : error;
}

int vd_state_c2d_expire(struct vd_state_store *store, uint32_t max, int64_t now_ms,
    uint32_t *queues, struct vd_c2d_endings *endings)
{
    struct vd_state_key key;
    uint32_t count = 0;
    int error = VD_OK;

    /* A tick leaves nothing that is due, or too far ahead: each round is another identity. */
    while (error == VD_OK && count < max && (error = next_due(store, now_ms, &key)) == VD_OK) {
        struct opened opened = {.store = store, .key = &key, .endings = endings, .now_ms = now_ms};

        error = open_queue(&opened);
        count++;
    }
    if (error != VD_OK && error != VD_E_NOT_FOUND) {
        return error;
    }
    *queues = count;
    return VD_OK;
}

/* ---- Feedback ---- */

int vd_state_feedback_next(
    struct vd_state_store *store, int64_t after, struct vd_c2d_feedback *feedback)
{
    sqlite3_stmt *statement = store->statements[STATE_FEEDBACK_NEXT];
    struct vd_c2d_feedback found = {0};
    int error;

    sqlite3_bind_int64(statement, 1, after);
    error = vd_state_step(statement);
    if (error == VD_OK) {
        error = vd_state_column_key(statement, 0, &found.key);
    }
    if (error == VD_OK) {
        found.sequence = sqlite3_column_int64(statement, 3);
        found.ended_ms = sqlite3_column_int64(statement, 4);
        found.state = (enum vd_c2d_state)sqlite3_column_int(statement, 5);
        error = vd_c2d_is_over(found.state)
            ? vd_state_column_text(statement, 6, found.message_id, sizeof found.message_id)
            : VD_E_CORRUPT;
    }
    vd_state_reset(statement);
    if (error == VD_OK) {
        *feedback = found;
    }
    return error;
}

int vd_state_feedback_remove(struct vd_state_store *store, int64_t up_to)
{
    sqlite3_bind_int64(store->statements[STATE_FEEDBACK_REMOVE], 1, up_to);
    return vd_state_exec(store->statements[STATE_FEEDBACK_REMOVE]);
}

uint64_t vd_state_feedback_dropped(const struct vd_state_store *store)
{
    return atomic_load(&store->feedback_dropped);
}
