/* SPDX-License-Identifier: MIT */
/* The state store: twins, subscriptions, C2D with feedback, sweeping, and files that are not its own. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "tests/hub/state_file.h"

#define NOW STATE_FILE_NOW_MS

static struct state_file file;
static struct vd_state_store *store;

static int set_up(void **state)
{
    (void)state;
    state_file_make(&file);
    assert_int_equal(vd_state_store_open(file.path, &store), VD_OK);
    assert_int_equal(vd_state_store_begin(store), VD_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    vd_state_store_close(store);
    store = NULL;
    state_file_remove(&file);
    return 0;
}

/* Commits, and goes on with the file opened anew. */
static void reopen(void)
{
    assert_int_equal(vd_state_store_commit(store), VD_OK);
    vd_state_store_close(store);
    store = NULL;
    assert_int_equal(vd_state_store_open(file.path, &store), VD_OK);
    assert_int_equal(vd_state_store_begin(store), VD_OK);
}

static void put_twin(const struct vd_state_key *key, const char *text)
{
    assert_int_equal(vd_state_twin_put(store, key, vd_str_from(text), 0, NULL), VD_OK);
}

static void assert_twin(const struct vd_state_key *key, const char *text)
{
    struct vd_buf document = {0};
    uint64_t revision = 0;
    int error = vd_state_twin_get(store, key, &document, &revision);

    assert_int_equal(error, text != NULL ? VD_OK : VD_E_NOT_FOUND);
    if (text != NULL) {
        assert_int_equal(document.length, strlen(text));
        assert_memory_equal(document.data, text, document.length);
    }
    vd_buf_release(&document);
}

static void send(const struct vd_state_key *key, const char *id, enum vd_c2d_ack ack)
{
    struct vd_c2d_message message = {
        .message_id = vd_str_from(id),
        .properties = VD_STR_LITERAL("a=b"),
        .body = VD_STR_LITERAL("body \0 with a NUL"),
        .ack = ack,
    };

    assert_int_equal(vd_state_c2d_send(store, key, &message, NOW, NULL), VD_OK);
}

/* Takes the next, which must be `id` (NULL: none); the lock stays in *delivery. */
static void take(const struct vd_state_key *key, int64_t now_ms, const char *id,
    struct vd_c2d_delivery *delivery)
{
    bool found = id == NULL;

    assert_int_equal(vd_state_c2d_take(store, key, 60000, now_ms, delivery, &found, NULL), VD_OK);
    assert_int_equal(found, id != NULL);
    if (id != NULL) {
        assert_string_equal(delivery->message_id, id);
    }
}

static void settle(const struct vd_state_key *key, const char *lock, enum vd_c2d_event answer,
    int64_t now_ms, bool wanted)
{
    bool found = !wanted;

    assert_int_equal(vd_state_c2d_settle(store, key, lock, answer, now_ms, &found, NULL), VD_OK);
    assert_int_equal(found, wanted);
}

static void test_state_store__keeps_a_twin_by_revision(void **state)
{
    struct vd_state_key key = state_key("dev", "", 1);
    struct vd_state_key module = state_key("dev", "mod", 2);
    struct vd_buf document = {0};
    uint64_t revision = 0;

    (void)state;
    assert_twin(&key, NULL);
    assert_int_equal(vd_state_twin_put(store, &key, VD_STR_LITERAL("one"), 1, NULL), VD_E_CHANGED);
    assert_int_equal(vd_state_twin_put(store, &key, VD_STR_LITERAL("one"), 0, &revision), VD_OK);
    assert_int_equal(revision, 1);
    assert_int_equal(vd_state_twin_put(store, &key, VD_STR_LITERAL("two"), 1, &revision), VD_OK);
    assert_int_equal(revision, 2);
    assert_int_equal(
        vd_state_twin_put(store, &key, VD_STR_LITERAL("three"), 1, &revision), VD_E_CHANGED);
    put_twin(&module, "of the module");
    reopen();
    assert_twin(&key, "two");
    assert_twin(&module, "of the module");
    assert_int_equal(vd_state_twin_get(store, &key, &document, &revision), VD_OK);
    assert_int_equal(revision, 2);
    vd_buf_release(&document);
}

static void test_state_store__bounds_a_twin(void **state)
{
    static char big[VD_HUB_TWIN_STORED_MAX_BYTES + 1];
    struct vd_state_key key = state_key("dev", "", 1);

    (void)state;
    memset(big, 'x', sizeof big);
    assert_int_equal(
        vd_state_twin_put(store, &key, (struct vd_str){big, sizeof big}, 0, NULL), VD_E_LIMIT);
    assert_int_equal(
        vd_state_twin_put(store, &key, (struct vd_str){big, 0}, 0, NULL), VD_E_INVALID);
    assert_int_equal(
        vd_state_twin_put(store, &key, (struct vd_str){big, sizeof big - 1}, 0, NULL), VD_OK);
}

static bool append_x(void *context, struct vd_str old, struct vd_buf *changed)
{
    vd_buf_append(changed, old.data, old.length);
    vd_buf_append_text(changed, "x");
    return *(bool *)context;
}

static void test_state_store__changes_a_twin_by_callback(void **state)
{
    struct vd_state_key key = state_key("dev", "", 1);
    bool yes = true;
    bool no = false;

    (void)state;
    assert_int_equal(vd_state_twin_update(store, &key, append_x, &no), VD_OK);
    assert_twin(&key, NULL);
    assert_int_equal(vd_state_twin_update(store, &key, append_x, &yes), VD_OK);
    assert_int_equal(vd_state_twin_update(store, &key, append_x, &yes), VD_OK);
    assert_int_equal(vd_state_twin_update(store, &key, append_x, &no), VD_OK);
    assert_twin(&key, "xx");
}

static void test_state_store__walks_twins_in_order(void **state)
{
    static const char *const order[] = {"a/", "a/m", "a/n", "b/", "c/"};
    static const unsigned insert[] = {3, 1, 4, 0, 2};
    struct vd_state_key keys[5];
    struct vd_state_key key = {0};
    struct vd_buf document = {0};

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        char device[2] = {order[i][0], 0};
        keys[i] = state_key(device, order[i] + 2, 1);
    }
    for (size_t i = 0; i < 5; i++) {
        put_twin(&keys[insert[i]], order[insert[i]]);
    }
    assert_int_equal(
        vd_state_subscriptions_put(store, &(struct vd_state_key){"bb", "", "1"}, 1), VD_OK);
    for (size_t i = 0; i < 5; i++) {
        vd_buf_clear(&document);
        assert_int_equal(vd_state_twin_next(store, &key, &document), VD_OK);
        assert_string_equal(key.device_id, keys[i].device_id);
        assert_string_equal(key.module_id, keys[i].module_id);
        assert_int_equal(document.length, strlen(order[i]));
        assert_memory_equal(document.data, order[i], document.length);
    }
    assert_int_equal(vd_state_twin_next(store, &key, &document), VD_E_NOT_FOUND);
    vd_buf_release(&document);
}

static void test_state_store__keeps_subscriptions(void **state)
{
    struct vd_state_key key = state_key("dev", "", 1);
    struct vd_state_key again = state_key("dev", "", 2);
    uint32_t filters = 99;

    (void)state;
    assert_int_equal(vd_state_subscriptions_get(store, &key, &filters), VD_OK);
    assert_int_equal(filters, 0);
    assert_int_equal(vd_state_subscriptions_put(store, &key, 0xffffffffu), VD_OK);
    reopen();
    assert_int_equal(vd_state_subscriptions_get(store, &key, &filters), VD_OK);
    assert_int_equal(filters, 0xffffffffu);
    assert_int_equal(vd_state_subscriptions_get(store, &again, &filters), VD_OK);
    assert_int_equal(filters, 0);
    assert_int_equal(vd_state_subscriptions_put(store, &key, 0), VD_OK);
    assert_int_equal(vd_state_subscriptions_get(store, &key, &filters), VD_OK);
    assert_int_equal(filters, 0);
}

static void test_state_store__keeps_when_it_was_heard_of(void **state)
{
    const struct vd_state_key key = state_key("a", "", 1);
    struct vd_state_activity activity = {1, 1};

    (void)state;
    assert_int_equal(vd_state_activity_get(store, &key, &activity), VD_OK);
    assert_int_equal(activity.seen_ms + activity.connection_ms, 0);
    /* Nobody who is not there is made by leaving. */
    activity = (struct vd_state_activity){NOW, NOW};
    assert_int_equal(vd_state_activity_put(store, &key, &activity, false), VD_OK);
    assert_int_equal(vd_state_activity_get(store, &key, &activity), VD_OK);
    assert_int_equal(activity.seen_ms, 0);
    activity = (struct vd_state_activity){NOW, NOW + 1};
    assert_int_equal(vd_state_activity_put(store, &key, &activity, true), VD_OK);
    activity = (struct vd_state_activity){.seen_ms = NOW + 5};
    assert_int_equal(vd_state_activity_put(store, &key, &activity, false), VD_OK);
    reopen();
    assert_int_equal(vd_state_activity_get(store, &key, &activity), VD_OK);
    assert_int_equal(activity.seen_ms, NOW + 5);
    assert_int_equal(activity.connection_ms, NOW + 1);
}

/* A file of the first version is brought to this one, and what was in it is there. */
static void test_state_store__takes_a_file_of_the_first_version(void **state)
{
    const struct vd_state_key key = state_key("a", "", 1);
    struct vd_state_activity activity;
    sqlite3 *db = NULL;

    (void)state;
    put_twin(&key, "{}");
    assert_int_equal(vd_state_store_commit(store), VD_OK);
    vd_state_store_close(store);
    store = NULL;
    assert_int_equal(sqlite3_open(file.path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                         "ALTER TABLE owner DROP COLUMN seen_ms;"
                         "ALTER TABLE owner DROP COLUMN connection_ms; PRAGMA user_version = 1;",
                         NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(vd_state_store_open(file.path, &store), VD_OK);
    assert_int_equal(vd_state_store_begin(store), VD_OK);
    assert_twin(&key, "{}");
    assert_int_equal(vd_state_activity_get(store, &key, &activity), VD_OK);
    assert_int_equal(activity.seen_ms, 0);
}

static void test_state_store__gives_commands_until_they_are_complete(void **state)
{
    struct vd_state_key key = state_key("dev", "", 1);
    struct vd_c2d_delivery delivery = {0};
    char first[VD_UUID_TEXT_SIZE];

    (void)state;
    send(&key, "m1", VD_C2D_ACK_NONE);
    send(&key, "m2", VD_C2D_ACK_NONE);
    reopen();
    take(&key, NOW, "m1", &delivery);
    assert_int_equal(delivery.deliveries, 1);
    assert_int_equal(delivery.enqueued_ms, NOW);
    assert_int_equal(delivery.expires_ms, NOW + VD_HUB_C2D_TTL_DEFAULT_MS);
    assert_int_equal(delivery.properties.length, 3);
    assert_int_equal(delivery.body.length, 17);
    assert_memory_equal(delivery.body.data, "body \0 with a NUL", 17);
    memcpy(first, delivery.lock, sizeof first);
    take(&key, NOW, "m2", &delivery);
    assert_string_not_equal(first, delivery.lock);
    take(&key, NOW, NULL, &delivery);
    settle(&key, delivery.lock, VD_C2D_COMPLETE, NOW, true);
    settle(&key, delivery.lock, VD_C2D_COMPLETE, NOW, false);
    reopen();
    /* The lock outlives a restart, and ends at its time. */
    take(&key, NOW + 59999, NULL, &delivery);
    take(&key, NOW + 60000, "m1", &delivery);
    assert_int_equal(delivery.deliveries, 2);
    settle(&key, first, VD_C2D_COMPLETE, NOW + 60000, false);
    assert_int_equal(vd_state_c2d_release(store, &key, NOW + 60000, NULL), VD_OK);
    take(&key, NOW + 60000, "m1", &delivery);
    settle(&key, delivery.lock, VD_C2D_REJECT, NOW + 60000, true);
    take(&key, NOW + 60000, NULL, &delivery);
    vd_c2d_delivery_release(&delivery);
}

static void test_state_store__refuses_what_does_not_fit(void **state)
{
    static char big[VD_HUB_C2D_BODY_MAX_BYTES + 1];
    struct vd_state_key key = state_key("dev", "", 1);
    struct vd_c2d_message message = {.body = {big, sizeof big}};
    size_t count = 0;
    size_t purged = 0;

    (void)state;
    assert_int_equal(vd_state_c2d_send(store, &key, &message, NOW, NULL), VD_E_INVALID);
    message.body.length--;
    message.expires_ms = NOW + VD_HUB_C2D_TTL_MAX_MS + 1;
    assert_int_equal(vd_state_c2d_send(store, &key, &message, NOW, NULL), VD_E_INVALID);
    message.expires_ms = 0;
    message.message_id = (struct vd_str){big, VD_C2D_MESSAGE_ID_MAX + 1};
    assert_int_equal(vd_state_c2d_send(store, &key, &message, NOW, NULL), VD_E_INVALID);
    message.message_id = VD_STR_LITERAL("");
    for (int i = 0; i < VD_HUB_C2D_MESSAGES_MAX; i++) {
        assert_int_equal(vd_state_c2d_send(store, &key, &message, NOW, NULL), VD_OK);
    }
    assert_int_equal(vd_state_c2d_send(store, &key, &message, NOW, NULL), VD_E_LIMIT);
    assert_int_equal(vd_state_c2d_count(store, &key, NOW, &count, NULL), VD_OK);
    assert_int_equal(count, 50);
    assert_int_equal(vd_state_c2d_purge(store, &key, NOW, &purged, NULL), VD_OK);
    assert_int_equal(purged, 50);
    assert_int_equal(vd_state_c2d_send(store, &key, &message, NOW, NULL), VD_OK);
}

static void assert_feedback(int64_t *after, const char *id, const char *status)
{
    struct vd_c2d_feedback feedback;

    assert_int_equal(vd_state_feedback_next(store, *after, &feedback), VD_OK);
    assert_string_equal(feedback.message_id, id);
    assert_string_equal(vd_c2d_status_name(feedback.state), status);
    assert_string_equal(feedback.key.device_id, "dev");
    *after = feedback.sequence;
}

static void test_state_store__tells_back_ends_what_became_of_commands(void **state)
{
    struct vd_state_key key = state_key("dev", "", 1);
    struct vd_c2d_delivery delivery = {0};
    struct vd_c2d_endings endings = {0};
    struct vd_c2d_feedback feedback;
    uint32_t queues = 0;
    int64_t after = 0;

    (void)state;
    send(&key, "good", VD_C2D_ACK_POSITIVE);
    send(&key, "unheard", VD_C2D_ACK_NEGATIVE);
    send(&key, "bad", VD_C2D_ACK_NEGATIVE);
    send(&key, "tried", VD_C2D_ACK_FULL);
    send(&key, "old", VD_C2D_ACK_FULL);
    take(&key, NOW, "good", &delivery);
    settle(&key, delivery.lock, VD_C2D_COMPLETE, NOW, true);
    take(&key, NOW, "unheard", &delivery);
    settle(&key, delivery.lock, VD_C2D_COMPLETE, NOW, true);
    take(&key, NOW, "bad", &delivery);
    settle(&key, delivery.lock, VD_C2D_REJECT, NOW, true);
    for (int i = 0; i < VD_HUB_C2D_DELIVERIES_MAX; i++) {
        take(&key, NOW, "tried", &delivery);
        settle(&key, delivery.lock, VD_C2D_ABANDON, NOW, true);
    }
    assert_int_equal(vd_state_c2d_expire(store, 10, NOW + 3599999, &queues, &endings), VD_OK);
    assert_int_equal(queues, 0);
    assert_int_equal(vd_state_c2d_expire(store, 10, NOW + 3600000, &queues, &endings), VD_OK);
    assert_int_equal(queues, 1);
    assert_int_equal(endings.count, 1);
    assert_string_equal(endings.items[0].message_id, "old");
    assert_string_equal(endings.items[0].key.device_id, "dev");
    assert_int_equal(endings.items[0].state, VD_C2D_EXPIRED);
    reopen();
    assert_feedback(&after, "good", "Success");
    assert_feedback(&after, "bad", "Rejected");
    assert_int_equal(vd_state_feedback_remove(store, after), VD_OK);
    after = 0;
    assert_feedback(&after, "tried", "DeliveryCountExceeded");
    assert_feedback(&after, "old", "Expired");
    assert_int_equal(vd_state_feedback_next(store, after, &feedback), VD_E_NOT_FOUND);
    vd_c2d_delivery_release(&delivery);
    vd_c2d_endings_release(&endings);
}

/* A clock that is put back makes nothing wait longer than the longest life from then on, though its device never comes. */
static void test_state_store__ends_commands_after_a_clock_went_back(void **state)
{
    const int64_t then = NOW - 365 * 86400000LL;
    struct vd_state_key keys[2] = {state_key("a", "", 1), state_key("b", "", 1)};
    struct vd_c2d_endings endings = {0};
    uint32_t queues = 0;

    (void)state;
    send(&keys[0], "one", VD_C2D_ACK_NONE);
    send(&keys[1], "two", VD_C2D_ACK_NONE);
    assert_int_equal(vd_state_c2d_expire(store, 10, then, &queues, &endings), VD_OK);
    assert_int_equal(queues, 2);
    assert_int_equal(vd_state_c2d_expire(store, 10, then, &queues, &endings), VD_OK);
    assert_int_equal(queues, 0);
    assert_int_equal(endings.count, 0);
    assert_int_equal(
        vd_state_c2d_expire(store, 10, then + VD_HUB_C2D_TTL_MAX_MS, &queues, &endings), VD_OK);
    assert_int_equal(queues, 2);
    assert_int_equal(endings.count, 2);
    vd_c2d_endings_release(&endings);
}

static void test_state_store__bounds_feedback(void **state)
{
    struct vd_state_key key = state_key("dev", "", 1);
    struct vd_c2d_feedback feedback;
    int64_t after = 0;
    uint32_t count = 0;
    size_t purged = 0;

    (void)state;
    for (int i = 0; i < VD_HUB_C2D_FEEDBACK_MAX / 50 + 1; i++) {
        for (int j = 0; j < 50; j++) {
            send(&key, i == 0 ? "oldest" : "m", VD_C2D_ACK_FULL);
        }
        assert_int_equal(vd_state_c2d_purge(store, &key, NOW, &purged, NULL), VD_OK);
    }
    while (vd_state_feedback_next(store, after, &feedback) == VD_OK) {
        assert_string_equal(feedback.message_id, "m");
        after = feedback.sequence;
        count++;
    }
    assert_int_equal(count, VD_HUB_C2D_FEEDBACK_MAX);
    assert_int_equal(vd_state_feedback_dropped(store), 50);
}

static bool keep_second_generation(void *context, const struct vd_state_key *key)
{
    ++*(unsigned *)context;
    return key->generation_id[35] == '2';
}

/* Everything of an owner is in some table; all tables are empty but for what is kept. */
static void assert_rows(const char *sql, int wanted)
{
    sqlite3_stmt *statement = NULL;
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(file.path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(statement, 0), wanted);
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

static void test_state_store__sweeps_what_removed_identities_left(void **state)
{
    static const char *const devices[] = {"dev", "dev", "other"};
    static const char *const modules[] = {"", "mod", ""};
    struct vd_c2d_delivery delivery = {0};
    int64_t cursor = 0;
    uint32_t removed = 0;
    unsigned asked = 0;

    (void)state;
    for (unsigned generation = 1; generation <= 2; generation++) {
        for (size_t i = 0; i < 3; i++) {
            struct vd_state_key key = state_key(devices[i], modules[i], generation);
            put_twin(&key, "twin");
            send(&key, "ended", VD_C2D_ACK_FULL);
            send(&key, "waits", VD_C2D_ACK_FULL);
            take(&key, NOW, "ended", &delivery);
            settle(&key, delivery.lock, VD_C2D_COMPLETE, NOW, true);
        }
    }
    assert_int_equal(
        vd_state_sweep(store, "dev", keep_second_generation, &asked, 100, &cursor, &removed),
        VD_OK);
    assert_int_equal(cursor, 0);
    assert_int_equal(removed, 2);
    assert_int_equal(asked, 4);
    assert_twin(&(struct vd_state_key){0}, NULL);
    struct vd_state_key other = state_key("other", "", 1);
    struct vd_state_key kept = state_key("dev", "", 2);
    struct vd_state_key gone = state_key("dev", "", 1);
    assert_twin(&other, "twin");
    assert_twin(&kept, "twin");
    assert_twin(&gone, NULL);
    /* In pieces over all. */
    do {
        uint32_t now = 0;
        assert_int_equal(
            vd_state_sweep(store, NULL, keep_second_generation, &asked, 2, &cursor, &now), VD_OK);
        removed += now;
    } while (cursor != 0);
    assert_int_equal(removed, 3);
    take(&kept, NOW, "waits", &delivery);
    vd_c2d_delivery_release(&delivery);
    assert_int_equal(vd_state_store_commit(store), VD_OK);
    vd_state_store_close(store);
    store = NULL;
    assert_rows("SELECT count(*) FROM owner", 3);
    assert_rows("SELECT count(*) FROM twin", 3);
    assert_rows("SELECT count(*) FROM c2d", 3);
    assert_rows("SELECT count(*) FROM c2d_body", 3);
    assert_rows("SELECT count(*) FROM feedback", 3);
}

static int put_and_fail(void *context, struct vd_state_store *in)
{
    struct vd_state_key key = state_key("dev", "", 1);

    assert_int_equal(vd_state_twin_put(in, &key, VD_STR_LITERAL("half"), 0, NULL), VD_OK);
    return *(int *)context;
}

static void test_state_store__undoes_an_attempt_that_fails(void **state)
{
    struct vd_state_key key = state_key("dev", "", 1);
    int denied = VD_E_DENIED;
    int good = VD_OK;

    (void)state;
    put_twin(&key, "before");
    assert_int_equal(vd_state_store_attempt(store, put_and_fail, &denied), VD_E_DENIED);
    assert_twin(&key, "before");
    reopen();
    assert_twin(&key, "before");
    assert_int_equal(vd_state_store_attempt(store, put_and_fail, &good), VD_OK);
    reopen();
    assert_twin(&key, "half");
}

static void test_state_store__is_one_process_s_alone(void **state)
{
    struct vd_state_store *second = NULL;
    struct stat status;

    (void)state;
    assert_int_equal(vd_state_store_open(file.path, &second), VD_E_BUSY);
    assert_null(second);
    assert_int_equal(stat(file.path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

static void test_state_store__refuses_files_that_are_not_its_own(void **state)
{
    static const struct {
        const char *sql;
        int error;
    } cases[] = {
        {"PRAGMA user_version = 3", VD_E_NEWER},
        {"PRAGMA user_version = 0", VD_E_CORRUPT},
        {"PRAGMA application_id = 7", VD_E_CORRUPT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sqlite3 *db = NULL;

        tear_down(NULL);
        set_up(NULL);
        assert_int_equal(vd_state_store_commit(store), VD_OK);
        vd_state_store_close(store);
        store = NULL;
        assert_int_equal(sqlite3_open(file.path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, cases[i].sql, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
        assert_int_equal(vd_state_store_open(file.path, &store), cases[i].error);
        assert_null(store);
    }
    FILE *text = fopen(file.path, "w");
    assert_non_null(text);
    fputs("not a database, and longer than the header of one would have to be: it is "
          "text, text, text, text, text, text, text\n",
        text);
    fclose(text);
    assert_int_equal(vd_state_store_open(file.path, &store), VD_E_CORRUPT);
}

#define STORE_TEST(name) \
    cmocka_unit_test_setup_teardown(test_state_store__##name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(keeps_a_twin_by_revision),
        STORE_TEST(bounds_a_twin),
        STORE_TEST(changes_a_twin_by_callback),
        STORE_TEST(walks_twins_in_order),
        STORE_TEST(keeps_subscriptions),
        STORE_TEST(keeps_when_it_was_heard_of),
        STORE_TEST(takes_a_file_of_the_first_version),
        STORE_TEST(gives_commands_until_they_are_complete),
        STORE_TEST(refuses_what_does_not_fit),
        STORE_TEST(tells_back_ends_what_became_of_commands),
        STORE_TEST(ends_commands_after_a_clock_went_back),
        STORE_TEST(bounds_feedback),
        STORE_TEST(sweeps_what_removed_identities_left),
        STORE_TEST(undoes_an_attempt_that_fails),
        STORE_TEST(is_one_process_s_alone),
        STORE_TEST(refuses_files_that_are_not_its_own),
    };

    return cmocka_run_group_tests_name("state_store", tests, NULL, NULL);
}
