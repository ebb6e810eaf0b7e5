/* SPDX-License-Identifier: MIT */
/* The model of the state store, and the random operations that are done to both. */

#include "tests/hub/state_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MINUTE_MS 60000LL

void state_model_init(struct state_model *model)
{
    static const char *const devices[] = {"dev", "dev", "dev", "dev", "other", "other"};
    static const char *const modules[] = {"", "mod", "", "mod", "", "mod"};
    static const unsigned generations[] = {1, 1, 2, 2, 1, 3};

    *model = (struct state_model){.now_ms = STATE_FILE_NOW_MS};
    for (size_t i = 0; i < STATE_MODEL_OWNERS; i++) {
        model->owners[i].key = state_key(devices[i], modules[i], generations[i]);
    }
}

/* ---- The model's side of C2D ---- */

/* Takes out what is over; who asked hears of it. */
static void end_over(struct state_model *model, size_t owner)
{
    struct vd_c2d_queue *queue = &model->owners[owner].queue;

    for (size_t i = 0; i < queue->count; i++) {
        struct vd_c2d_entry *entry = &queue->entries[i];

        entry->is_changed = false;
        if (vd_c2d_is_over(entry->state) && vd_c2d_wants_feedback(entry->ack, entry->state)) {
            assert_true(model->feedback_count < STATE_MODEL_FEEDBACK_MAX);
            model->feedback[model->feedback_count].owner = owner;
            model->feedback[model->feedback_count].state = entry->state;
            model->feedback[model->feedback_count].message = entry->sequence;
            model->feedback[model->feedback_count++].ended_ms = model->now_ms;
        }
    }
    vd_c2d_drop_ended(queue);
}

/* The queue as each operation finds it. */
static struct vd_c2d_queue *open_queue(struct state_model *model, size_t owner)
{
    vd_c2d_tick(&model->owners[owner].queue, model->now_ms);
    end_over(model, owner);
    return &model->owners[owner].queue;
}

static int64_t due_of(const struct vd_c2d_entry *entry)
{
    return entry->state == VD_C2D_LOCKED ? entry->lock_until_ms : entry->expires_ms;
}

/* Whose message is due first by now, the oldest of those that are due together; false: nobody's. */
static bool find_first_due(const struct state_model *model, size_t *owner)
{
    int64_t first_due = INT64_MAX;
    int64_t first = INT64_MAX;

    for (size_t i = 0; i < STATE_MODEL_OWNERS; i++) {
        for (size_t k = 0; k < model->owners[i].queue.count; k++) {
            const struct vd_c2d_entry *entry = &model->owners[i].queue.entries[k];
            const int64_t due = due_of(entry);

            if (due <= model->now_ms &&
                (due < first_due || (due == first_due && entry->sequence < first))) {
                first_due = due;
                first = entry->sequence;
                *owner = i;
            }
        }
    }
    return first_due != INT64_MAX;
}

/* Whose message is due last, and later than any may be, the newest of those that are together; false: nobody's. */
static bool find_too_far_ahead(const struct state_model *model, size_t *owner)
{
    const int64_t latest = model->now_ms + VD_HUB_C2D_TTL_MAX_MS;
    int64_t last_due = latest;
    int64_t last = 0;

    for (size_t i = 0; i < STATE_MODEL_OWNERS; i++) {
        for (size_t k = 0; k < model->owners[i].queue.count; k++) {
            const struct vd_c2d_entry *entry = &model->owners[i].queue.entries[k];
            const int64_t due = due_of(entry);

            if (due > latest && (due > last_due || (due == last_due && entry->sequence > last))) {
                last_due = due;
                last = entry->sequence;
                *owner = i;
            }
        }
    }
    return last_due != latest;
}

static bool find_due(const struct state_model *model, size_t *owner)
{
    return find_first_due(model, owner) || find_too_far_ahead(model, owner);
}

/* ---- Operations ---- */

static void put_twin(struct state_model *model, struct vd_state_store *store, size_t owner)
{
    char text[STATE_MODEL_TWIN_MAX];
    uint64_t stored = model->owners[owner].revision;
    uint64_t expected = state_random(3) == 0 ? stored + state_random(2) : 0;
    uint64_t revision = 0;
    int error;

    snprintf(text, sizeof text, "twin %u %.*s", model->steps, (int)state_random(40),
        "........................................");
    error =
        vd_state_twin_put(store, &model->owners[owner].key, vd_str_from(text), expected, &revision);
    if (expected != 0 && expected != stored) {
        assert_int_equal(error, VD_E_CHANGED);
        return;
    }
    assert_int_equal(error, VD_OK);
    assert_int_equal(revision, stored + 1);
    model->owners[owner].revision = revision;
    memcpy(model->owners[owner].twin, text, sizeof text);
}

static void put_filters(struct state_model *model, struct vd_state_store *store, size_t owner)
{
    uint32_t filters = state_random(4);

    assert_int_equal(vd_state_subscriptions_put(store, &model->owners[owner].key, filters), VD_OK);
    model->owners[owner].filters = filters;
}

static void send(struct state_model *model, struct vd_state_store *store, size_t owner)
{
    char id[32];
    char body[48];
    struct vd_c2d_message message = {.ack = (enum vd_c2d_ack)state_random(4)};
    struct vd_c2d_queue *queue = open_queue(model, owner);
    int64_t number = model->messages + 1;
    int expected;

    snprintf(id, sizeof id, "m%lld", (long long)number);
    snprintf(body, sizeof body, "body of %s", id);
    message.message_id = vd_str_from(id);
    message.body = vd_str_from(body);
    message.properties = vd_str_from(id);
    if (state_random(2) == 0) {
        message.expires_ms = model->now_ms + MINUTE_MS * (int64_t)state_random(49 * 60);
    }
    expected = vd_c2d_put(queue, number, message.ack, message.expires_ms, model->now_ms);
    assert_int_equal(
        vd_state_c2d_send(store, &model->owners[owner].key, &message, model->now_ms, NULL),
        expected);
    if (expected == VD_OK) {
        model->messages = number;
    }
}

static void take(struct state_model *model, struct vd_state_store *store, size_t owner)
{
    struct vd_c2d_delivery delivery = {0};
    struct vd_c2d_queue *queue = open_queue(model, owner);
    const int64_t lock_ms = 1 + state_random((uint32_t)VD_HUB_C2D_LOCK_MAX_MS);
    const struct vd_c2d_entry *entry;
    char body[48];
    bool found;

    assert_int_equal(vd_state_c2d_take(store, &model->owners[owner].key, lock_ms, model->now_ms,
                         &delivery, &found, NULL),
        VD_OK);
    entry = vd_c2d_take(queue, delivery.lock, lock_ms, model->now_ms);
    assert_int_equal(found, entry != NULL);
    if (entry != NULL) {
        snprintf(body, sizeof body, "body of m%lld", (long long)entry->sequence);
        assert_string_equal(delivery.message_id, body + strlen("body of "));
        assert_int_equal(delivery.body.length, strlen(body));
        assert_memory_equal(delivery.body.data, body, strlen(body));
        assert_int_equal(delivery.deliveries, entry->deliveries);
        assert_int_equal(delivery.expires_ms, entry->expires_ms);
        assert_int_equal(delivery.ack, entry->ack);
    }
    vd_c2d_delivery_release(&delivery);
}

static void settle(struct state_model *model, struct vd_state_store *store, size_t owner)
{
    static const enum vd_c2d_event answers[] = {VD_C2D_COMPLETE, VD_C2D_REJECT, VD_C2D_ABANDON};
    enum vd_c2d_event answer = answers[state_random(3)];
    struct vd_c2d_queue *queue = &model->owners[owner].queue;
    char lock[VD_UUID_TEXT_SIZE] = "00000000-0000-4000-8000-000000000000";
    bool found;

    if (queue->count > 0) {
        const struct vd_c2d_entry *entry = &queue->entries[state_random((uint32_t)queue->count)];

        if (entry->lock[0] != '\0') {
            memcpy(lock, entry->lock, sizeof lock);
        }
    }
    open_queue(model, owner);
    assert_int_equal(vd_state_c2d_settle(store, &model->owners[owner].key, lock, answer,
                         model->now_ms, &found, NULL),
        VD_OK);
    assert_int_equal(found, vd_c2d_settle(queue, lock, answer));
    end_over(model, owner);
}

static void release(struct state_model *model, struct vd_state_store *store, size_t owner)
{
    vd_c2d_release(open_queue(model, owner));
    end_over(model, owner);
    assert_int_equal(
        vd_state_c2d_release(store, &model->owners[owner].key, model->now_ms, NULL), VD_OK);
}

static void purge(struct state_model *model, struct vd_state_store *store, size_t owner)
{
    size_t expected = vd_c2d_purge(open_queue(model, owner));
    size_t purged = 0;

    end_over(model, owner);
    assert_int_equal(
        vd_state_c2d_purge(store, &model->owners[owner].key, model->now_ms, &purged, NULL), VD_OK);
    assert_int_equal(purged, expected);
}

static void expire(struct state_model *model, struct vd_state_store *store, size_t owner)
{
    const uint32_t max = 1 + state_random(STATE_MODEL_OWNERS);
    uint32_t expected = 0;
    uint32_t queues = 0;

    for (; expected < max && find_due(model, &owner); expected++) {
        open_queue(model, owner);
    }
    assert_int_equal(vd_state_c2d_expire(store, max, model->now_ms, &queues, NULL), VD_OK);
    assert_int_equal(queues, expected);
}

static void forget_feedback(struct state_model *model, struct vd_state_store *store, size_t owner)
{
    size_t count = state_random((uint32_t)model->feedback_count + 1);
    struct vd_c2d_feedback last = {.sequence = 0};

    (void)owner;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(vd_state_feedback_next(store, last.sequence, &last), VD_OK);
    }
    assert_int_equal(vd_state_feedback_remove(store, last.sequence), VD_OK);
    model->feedback_count -= count;
    memmove(model->feedback, model->feedback + count,
        model->feedback_count * sizeof model->feedback[0]);
}

static bool is_same_key(const struct vd_state_key *a, const struct vd_state_key *b)
{
    return strcmp(a->device_id, b->device_id) == 0 && strcmp(a->module_id, b->module_id) == 0 &&
        strcmp(a->generation_id, b->generation_id) == 0;
}

static bool is_another(void *context, const struct vd_state_key *key)
{
    return !is_same_key(key, context);
}

static void sweep(struct state_model *model, struct vd_state_store *store, size_t owner)
{
    struct vd_state_key key = model->owners[owner].key;
    int64_t cursor = 0;
    size_t kept = 0;

    assert_int_equal(vd_state_sweep(store, state_random(2) == 0 ? key.device_id : NULL, is_another,
                         &key, 100, &cursor, NULL),
        VD_OK);
    memset(&model->owners[owner], 0, sizeof model->owners[owner]);
    model->owners[owner].key = key;
    for (size_t i = 0; i < model->feedback_count; i++) {
        if (model->feedback[i].owner != owner) {
            model->feedback[kept++] = model->feedback[i];
        }
    }
    model->feedback_count = kept;
}

void state_model_step(struct state_model *model, struct vd_state_store *store)
{
    static const struct {
        void (*run)(struct state_model *model, struct vd_state_store *store, size_t owner);
        uint32_t weight;
    } operations[] = {
        {put_twin, 10},
        {put_filters, 5},
        {send, 30},
        {take, 20},
        {settle, 15},
        {release, 3},
        {purge, 1},
        {expire, 3},
        {forget_feedback, 2},
        {sweep, 1},
    };
    uint32_t choice = state_random(90);
    uint32_t day = state_random(60);
    size_t i = 0;

    model->steps++;
    /* Mostly on, now and then by a day, now and then back. */
    model->now_ms += day == 0 ? 24 * 60 * MINUTE_MS
        : day == 1            ? -12 * 60 * MINUTE_MS
                              : (int64_t)state_random(2 * MINUTE_MS);
    for (; choice >= operations[i].weight; i++) {
        choice -= operations[i].weight;
    }
    operations[i].run(model, store, state_random(STATE_MODEL_OWNERS));
}

/* ---- Comparing ---- */

struct comparison {
    const struct state_model *model;
    const char *differs;
};

static const char *twin_differs(
    const struct state_model *model, struct vd_state_store *store, size_t owner)
{
    const char *text = model->owners[owner].twin;
    struct vd_buf document = {0};
    uint64_t revision = 0;
    uint32_t filters = 0;
    int error = vd_state_twin_get(store, &model->owners[owner].key, &document, &revision);
    bool is_same = text[0] == '\0' ? error == VD_E_NOT_FOUND
                                   : error == VD_OK && revision == model->owners[owner].revision &&
            document.length == strlen(text) && memcmp(document.data, text, document.length) == 0;

    vd_buf_release(&document);
    if (!is_same) {
        return "a twin";
    }
    error = vd_state_subscriptions_get(store, &model->owners[owner].key, &filters);
    return error == VD_OK && filters == model->owners[owner].filters ? NULL : "subscriptions";
}

static const char *feedback_differs(const struct state_model *model, struct vd_state_store *store)
{
    struct vd_c2d_feedback found = {.sequence = 0};
    size_t i = 0;

    while (vd_state_feedback_next(store, found.sequence, &found) == VD_OK) {
        char id[32];

        if (i == model->feedback_count) {
            return "more feedback";
        }
        snprintf(id, sizeof id, "m%lld", (long long)model->feedback[i].message);
        if (strcmp(found.message_id, id) != 0 || found.state != model->feedback[i].state ||
            found.ended_ms != model->feedback[i].ended_ms ||
            !is_same_key(&found.key, &model->owners[model->feedback[i].owner].key)) {
            return "feedback";
        }
        i++;
    }
    return i == model->feedback_count ? NULL : "less feedback";
}

/* Purges, so that all that is in the queue is seen, in its order. */
static const char *queue_differs(
    const struct state_model *model, struct vd_state_store *store, size_t owner)
{
    struct vd_c2d_queue queue = model->owners[owner].queue;
    struct vd_c2d_endings endings = {0};
    const char *differs = NULL;
    size_t purged = 0;
    size_t next = 0;

    vd_c2d_tick(&queue, model->now_ms);
    if (vd_state_c2d_purge(store, &model->owners[owner].key, model->now_ms, &purged, &endings) !=
        VD_OK) {
        return "a queue that cannot be read";
    }
    if (endings.count != queue.count || purged != vd_c2d_count(&queue)) {
        differs = "the length of a queue";
    }
    /* Those that were over end first, then those that the purge ended. */
    for (int over = 1; over >= 0; over--) {
        for (size_t i = 0; differs == NULL && i < queue.count; i++) {
            const struct vd_c2d_entry *entry = &queue.entries[i];
            char id[32];

            if (vd_c2d_is_over(entry->state) != (over == 1)) {
                continue;
            }
            snprintf(id, sizeof id, "m%lld", (long long)entry->sequence);
            if (strcmp(endings.items[next].message_id, id) != 0 ||
                endings.items[next].deliveries != entry->deliveries ||
                endings.items[next].expires_ms != entry->expires_ms) {
                differs = "a message";
            }
            next++;
        }
    }
    vd_c2d_endings_release(&endings);
    return differs;
}

static int compare(void *context, struct vd_state_store *store)
{
    struct comparison *comparison = context;

    comparison->differs = feedback_differs(comparison->model, store);
    for (size_t i = 0; comparison->differs == NULL && i < STATE_MODEL_OWNERS; i++) {
        comparison->differs = twin_differs(comparison->model, store, i);
        if (comparison->differs == NULL) {
            comparison->differs = queue_differs(comparison->model, store, i);
        }
    }
    return VD_E_DENIED; /* what it purged is there again */
}

const char *state_model_differs(const struct state_model *model, struct vd_state_store *store)
{
    struct comparison comparison = {.model = model};
    int error = vd_state_store_attempt(store, compare, &comparison);

    return error == VD_E_DENIED ? comparison.differs : "what cannot be read";
}
