/* SPDX-License-Identifier: MIT */
/* The rules of a C2D queue: the whole matrix, and random operations against an obvious model, with a clock that jumps. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hub/c2d.h"

#define START_MS   1700000000000LL
#define ROUNDS     60
#define OPERATIONS 400

static uint32_t random_state = 1;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % limit;
}

#define Q VD_C2D_ENQUEUED
#define L VD_C2D_LOCKED
#define P VD_C2D_PURGED

static void test_c2d__next_is_the_whole_matrix(void **state)
{
    /* Columns: take, complete, reject, abandon, expire, purge; the second row of LOCKED is after the last delivery */
    static const struct {
        enum vd_c2d_state from;
        uint32_t deliveries;
        enum vd_c2d_state to[6];
    } rows[] = {
        {Q, 0, {L, Q, Q, Q, VD_C2D_EXPIRED, P}},
        {Q, 10, {L, Q, Q, Q, VD_C2D_EXPIRED, P}},
        {L, 9, {L, VD_C2D_COMPLETED, VD_C2D_REJECTED, Q, L, P}},
        {L, 10, {L, VD_C2D_COMPLETED, VD_C2D_REJECTED, VD_C2D_EXHAUSTED, L, P}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int event = 0; event < 6; event++) {
            assert_int_equal(
                vd_c2d_next(rows[i].from, (enum vd_c2d_event)event, rows[i].deliveries),
                rows[i].to[event]);
        }
    }
    for (int over = VD_C2D_COMPLETED; over <= VD_C2D_PURGED; over++) {
        for (int event = 0; event < 6; event++) {
            assert_int_equal(
                vd_c2d_next((enum vd_c2d_state)over, (enum vd_c2d_event)event, 10), over);
        }
    }
}

static void test_c2d__feedback_is_for_those_who_asked(void **state)
{
    static const char *const names[] = {"none", "positive", "negative", "full"};

    (void)state;
    for (int end = VD_C2D_ENQUEUED; end <= VD_C2D_PURGED; end++) {
        bool over = end >= VD_C2D_COMPLETED;
        bool good = end == VD_C2D_COMPLETED;
        bool wanted[] = {false, good, over && !good, over};

        for (size_t i = 0; i < 4; i++) {
            enum vd_c2d_ack ack = VD_C2D_ACK_NONE;

            assert_true(vd_c2d_ack_parse(names[i], &ack));
            assert_int_equal(vd_c2d_wants_feedback(ack, (enum vd_c2d_state)end), wanted[i]);
        }
    }
    enum vd_c2d_ack untouched = VD_C2D_ACK_FULL;
    assert_false(vd_c2d_ack_parse("Full", &untouched));
    assert_int_equal(untouched, VD_C2D_ACK_FULL);
}

static void test_c2d__lives_as_long_as_asked(void **state)
{
    struct vd_c2d_queue queue = {0};

    (void)state;
    assert_int_equal(vd_c2d_put(&queue, 1, VD_C2D_ACK_NONE, 0, START_MS), VD_OK);
    assert_int_equal(queue.entries[0].expires_ms, START_MS + 3600 * 1000);
    assert_int_equal(
        vd_c2d_put(&queue, 2, VD_C2D_ACK_NONE, START_MS + 48 * 3600 * 1000LL, START_MS), VD_OK);
    assert_int_equal(
        vd_c2d_put(&queue, 3, VD_C2D_ACK_NONE, START_MS + 48 * 3600 * 1000LL + 1, START_MS),
        VD_E_INVALID);
    vd_c2d_tick(&queue, START_MS + 3600 * 1000 - 1);
    assert_int_equal(vd_c2d_count(&queue), 2);
    vd_c2d_tick(&queue, START_MS + 3600 * 1000);
    assert_int_equal(queue.entries[0].state, VD_C2D_EXPIRED);
    assert_int_equal(vd_c2d_count(&queue), 1);
}

/* ---- The model: what a person would write down of each message. ---- */

struct note {
    int64_t sequence;
    int deliveries;
    int64_t dies_ms;
    int64_t held_until_ms; /* 0: nobody has it */
    char held_as[VD_UUID_TEXT_SIZE];
    const char *end; /* NULL: it lives */
};

struct model {
    struct note notes[OPERATIONS];
    size_t count;
};

static size_t model_alive(const struct model *model)
{
    size_t alive = 0;

    for (size_t i = 0; i < model->count; i++) {
        alive += model->notes[i].end == NULL;
    }
    return alive;
}

static void model_give_back(struct note *note)
{
    note->held_until_ms = 0;
    note->end = note->deliveries == 10 ? "DeliveryCountExceeded" : NULL;
}

static void model_time(struct model *model, int64_t now_ms)
{
    for (size_t i = 0; i < model->count; i++) {
        struct note *note = &model->notes[i];

        if (note->end != NULL) {
            continue;
        }
        if (note->dies_ms - now_ms > 48 * 3600 * 1000LL) {
            note->dies_ms = now_ms + 48 * 3600 * 1000LL;
        }
        if (note->held_until_ms - now_ms > 300000) {
            note->held_until_ms = now_ms + 300000;
        }
        if (note->held_until_ms != 0 && note->held_until_ms <= now_ms) {
            model_give_back(note);
        }
        if (note->end == NULL && note->held_until_ms == 0 && note->dies_ms <= now_ms) {
            note->end = "Expired";
        }
    }
}

static struct note *model_first_waiting(struct model *model)
{
    for (size_t i = 0; i < model->count; i++) {
        if (model->notes[i].end == NULL && model->notes[i].held_until_ms == 0) {
            return &model->notes[i];
        }
    }
    return NULL;
}

static struct note *model_held(struct model *model, const char *lock)
{
    for (size_t i = 0; i < model->count; i++) {
        if (model->notes[i].end == NULL && model->notes[i].held_until_ms != 0 &&
            strcmp(model->notes[i].held_as, lock) == 0) {
            return &model->notes[i];
        }
    }
    return NULL;
}

/* Every living message is in the queue in its order and as noted; what is over in the queue is over for the reason noted. */
static void check_equal(const struct vd_c2d_queue *queue, const struct model *model)
{
    size_t at = 0;

    assert_int_equal(vd_c2d_count(queue), model_alive(model));
    for (size_t i = 0; i < model->count && at < queue->count; i++) {
        const struct note *note = &model->notes[i];
        const struct vd_c2d_entry *entry = &queue->entries[at];

        if (note->sequence != entry->sequence) {
            assert_non_null(note->end);
            continue;
        }
        at++;
        if (note->end != NULL) {
            assert_string_equal(vd_c2d_status_name(entry->state), note->end);
            continue;
        }
        assert_int_equal(entry->state, note->held_until_ms != 0 ? VD_C2D_LOCKED : VD_C2D_ENQUEUED);
        assert_int_equal(entry->deliveries, note->deliveries);
        assert_int_equal(entry->expires_ms, note->dies_ms);
        assert_int_equal(entry->lock_until_ms, note->held_until_ms);
    }
    assert_int_equal(at, queue->count);
}

static int64_t jump(int64_t now_ms)
{
    switch (random_below(40)) {
    case 0:
        return now_ms - 40LL * 24 * 3600 * 1000;
    case 1:
        return now_ms + 30LL * 3600 * 1000;
    case 2:
        return now_ms - 7200 * 1000;
    default:
        return now_ms + random_below(20000);
    }
}

static void put(struct vd_c2d_queue *queue, struct model *model, int64_t now_ms)
{
    static int64_t sequence;
    int64_t ttl_ms = random_below(50 * 3600) * 1000LL;
    int error = vd_c2d_put(queue, ++sequence, VD_C2D_ACK_FULL, now_ms + ttl_ms, now_ms);

    if (ttl_ms > 48 * 3600 * 1000LL) {
        assert_int_equal(error, VD_E_INVALID);
    } else if (model_alive(model) == 50) {
        assert_int_equal(error, VD_E_LIMIT);
    } else {
        assert_int_equal(error, VD_OK);
        model->notes[model->count++] =
            (struct note){.sequence = sequence, .dies_ms = now_ms + ttl_ms};
    }
}

static void take(struct vd_c2d_queue *queue, struct model *model, int64_t now_ms)
{
    static unsigned locks;
    char lock[VD_UUID_TEXT_SIZE] = {0};
    int64_t lock_ms = 1 + random_below(300000);
    struct note *note = model_first_waiting(model);
    struct vd_c2d_entry *entry;

    snprintf(lock, sizeof lock, "lock %u", ++locks);
    entry = vd_c2d_take(queue, lock, lock_ms, now_ms);
    assert_int_equal(entry != NULL, note != NULL);
    if (note != NULL && entry != NULL) {
        assert_int_equal(entry->sequence, note->sequence);
        note->deliveries++;
        note->held_until_ms = now_ms + lock_ms;
        memcpy(note->held_as, lock, sizeof lock);
    }
}

static void settle(struct vd_c2d_queue *queue, struct model *model)
{
    static const enum vd_c2d_event answers[] = {
        VD_C2D_COMPLETE, VD_C2D_REJECT, VD_C2D_ABANDON, VD_C2D_ABANDON, VD_C2D_ABANDON};
    enum vd_c2d_event answer = answers[random_below(5)];
    char lock[VD_UUID_TEXT_SIZE] = "no such lock";
    struct note *note;

    if (model->count > 0 && random_below(8) != 0) {
        struct note *any = &model->notes[random_below((uint32_t)model->count)];
        memcpy(lock, any->held_as, sizeof lock);
    }
    note = model_held(model, lock);
    assert_int_equal(vd_c2d_settle(queue, lock, answer), note != NULL);
    if (note != NULL && answer == VD_C2D_ABANDON) {
        model_give_back(note);
    } else if (note != NULL) {
        note->end = answer == VD_C2D_COMPLETE ? "Success" : "Rejected";
    }
}

static void end_all(struct vd_c2d_queue *queue, struct model *model)
{
    bool is_purge = random_below(3) == 0;
    size_t alive = model_alive(model);

    if (is_purge) {
        assert_int_equal(vd_c2d_purge(queue), alive);
    } else {
        vd_c2d_release(queue);
    }
    for (size_t i = 0; i < model->count; i++) {
        struct note *note = &model->notes[i];
        if (note->end == NULL && is_purge) {
            note->end = "Purged";
        } else if (note->end == NULL && note->held_until_ms != 0) {
            model_give_back(note);
        }
    }
}

/* What the device has is over, whatever became of its lock, unless it was given out anew. */
static void test_c2d__is_acknowledged_by_whoever_has_it(void **state)
{
    static const char first[VD_UUID_TEXT_SIZE] = "first";
    static const char second[VD_UUID_TEXT_SIZE] = "second";
    struct vd_c2d_queue queue = {0};

    (void)state;
    for (int64_t sequence = 1; sequence <= 3; sequence++) {
        assert_int_equal(vd_c2d_put(&queue, sequence, VD_C2D_ACK_FULL, 0, START_MS), VD_OK);
    }
    assert_non_null(vd_c2d_take(&queue, first, 1000, START_MS));
    assert_true(vd_c2d_acknowledge(&queue, 1, first));
    assert_false(vd_c2d_acknowledge(&queue, 1, first));
    assert_int_equal(queue.entries[0].state, VD_C2D_COMPLETED);

    assert_non_null(vd_c2d_take(&queue, first, 1000, START_MS));
    vd_c2d_tick(&queue, START_MS + 1000);
    assert_int_equal(queue.entries[1].state, VD_C2D_ENQUEUED);
    assert_non_null(vd_c2d_take(&queue, second, 1000, START_MS + 1000));
    assert_false(vd_c2d_acknowledge(&queue, 2, first));
    assert_int_equal(queue.entries[1].state, VD_C2D_LOCKED);
    vd_c2d_tick(&queue, START_MS + 2000);
    assert_true(vd_c2d_acknowledge(&queue, 2, first));
    assert_int_equal(queue.entries[1].state, VD_C2D_COMPLETED);
    assert_true(queue.entries[1].is_changed);
    assert_int_equal(queue.entries[1].deliveries, 2);

    assert_false(vd_c2d_acknowledge(&queue, 4, first));
    assert_int_equal(queue.entries[2].state, VD_C2D_ENQUEUED);
}

static void test_c2d__holds_to_the_model(void **state)
{
    static struct model model;
    unsigned full = 0;
    unsigned exhausted = 0;

    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct vd_c2d_queue queue = {0};
        int64_t now_ms = START_MS;
        uint32_t puts = 2 + random_below(8); /* of ten: queues that stay empty, and full ones */

        model.count = 0;
        for (unsigned i = 0; i < OPERATIONS; i++) {
            now_ms = jump(now_ms);
            vd_c2d_tick(&queue, now_ms);
            model_time(&model, now_ms);
            check_equal(&queue, &model);
            vd_c2d_drop_ended(&queue);
            if (random_below(10) < puts) {
                put(&queue, &model, now_ms);
            } else if (random_below(60) == 0) {
                end_all(&queue, &model);
            } else if (random_below(2) == 0) {
                take(&queue, &model, now_ms);
            } else {
                settle(&queue, &model);
            }
            check_equal(&queue, &model);
            full += model_alive(&model) == 50;
        }
        for (size_t i = 0; i < model.count; i++) {
            exhausted += model.notes[i].end != NULL && model.notes[i].deliveries == 10 &&
                strcmp(model.notes[i].end, "DeliveryCountExceeded") == 0;
        }
    }
    /* The test went where it is to go. */
    assert_true(full > 0 && exhausted > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_c2d__next_is_the_whole_matrix),
        cmocka_unit_test(test_c2d__feedback_is_for_those_who_asked),
        cmocka_unit_test(test_c2d__lives_as_long_as_asked),
        cmocka_unit_test(test_c2d__is_acknowledged_by_whoever_has_it),
        cmocka_unit_test(test_c2d__holds_to_the_model),
    };

    return cmocka_run_group_tests_name("c2d", tests, NULL, NULL);
}
