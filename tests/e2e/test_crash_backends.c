/* SPDX-License-Identifier: MIT */
/* kill -9 under back ends and devices, again and again: what they were answered is there, of identities, twins, messages. */

#include <curl/curl.h>
#include <pthread.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/e2e/harness.h"
#include "tests/e2e/taker.h"

#define KILLS         8
#define TWIN_WRITERS  2
#define SENDERS       2
#define REGISTRARS    2
#define BACKENDS      (TWIN_WRITERS + SENDERS + REGISTRARS)
#define ANSWERS_ROUND 250 /* of all together, between two kills */
#define ROUND_MS      60000
#define CALL_MS       10000L
#define NUMBERS_MAX   20000u
/* Each sender has so many devices, whose queues take 50 messages each; and both so many messages that feedback holds. */
#define DEVICES_OF_SENDER 100u
#define MESSAGES_MAX      4500u
#define KEYS_OF_TWIN      16u
/* Of each sender's devices so many take what they are sent; beside them those whose twins are written report. */
#define TAKERS_OF_SENDER 4u
#define TAKERS           (TWIN_WRITERS + SENDERS * TAKERS_OF_SENDER)

static struct e2e_hub hub;
static char token[512];
static atomic_uint port;
static atomic_bool ending;

/* A back end that does one thing after the other in a thread; `number` is the one that it does. */
struct backend {
    pthread_t thread;
    unsigned index;
    void (*work)(struct backend *backend, unsigned number);
    unsigned limit;
    atomic_uint number;   /* begun */
    atomic_uint answered; /* how many */
    CURL *curl;
    char *text; /* of the last answer */
    size_t length;
    /* By number: what was answered as it should be. */
    bool is_done[NUMBERS_MAX];
    bool is_deleted[NUMBERS_MAX];
    bool is_delete_asked[NUMBERS_MAX];
    atomic_uint faults; /* answers that should not be */
    long fault;         /* the last of them */
};

static struct backend backends[BACKENDS];
static struct e2e_taker takers[TAKERS];
static atomic_bool is_taken[BACKENDS]
                           [NUMBERS_MAX]; /* by the sender and the number of the message */
static atomic_uint strange_messages;

/* ---- Requests ---- */

static size_t take_text(char *data, size_t size, size_t count, void *context)
{
    struct backend *backend = context;
    char *text = realloc(backend->text, backend->length + size * count + 1);
    if (text == NULL) {
        return 0;
    }
    memcpy(text + backend->length, data, size * count);
    backend->text = text;
    backend->length += size * count;
    backend->text[backend->length] = '\0';
    return size * count;
}

/* The status of the answer; 0: there was none. A message has an id; NULL: it is none. */
static long call(struct backend *backend, const char *method, const char *path,
    const char *message_id, const char *body)
{
    char url[256];
    char to[64];
    long status = 0;
    struct curl_slist *headers = curl_slist_append(NULL, token);
    struct curl_slist *connect_to;

    if (message_id != NULL) {
        char header[64];
        snprintf(header, sizeof(header), "iothub-messageid: %s", message_id);
        headers = curl_slist_append(headers, header);
        headers = curl_slist_append(headers, "iothub-ack: full");
    }
    snprintf(url, sizeof(url), "https://%s%s", E2E_HUB_NAME, path);
    snprintf(to, sizeof(to), "::127.0.0.1:%u", atomic_load(&port));
    connect_to = curl_slist_append(NULL, to);
    free(backend->text);
    backend->text = NULL;
    backend->length = 0;
    curl_easy_setopt(backend->curl, CURLOPT_URL, url);
    curl_easy_setopt(backend->curl, CURLOPT_CONNECT_TO, connect_to);
    curl_easy_setopt(backend->curl, CURLOPT_HTTPHEADER, headers);
    if (body != NULL) {
        curl_easy_setopt(backend->curl, CURLOPT_POSTFIELDS, body);
    } else {
        curl_easy_setopt(backend->curl, CURLOPT_HTTPGET, 1L);
    }
    curl_easy_setopt(backend->curl, CURLOPT_CUSTOMREQUEST, method);
    if (curl_easy_perform(backend->curl) == CURLE_OK) {
        curl_easy_getinfo(backend->curl, CURLINFO_RESPONSE_CODE, &status);
    }
    curl_slist_free_all(headers);
    curl_slist_free_all(connect_to);
    return status;
}

static void open_backend(struct backend *backend)
{
    backend->curl = curl_easy_init();
    assert_non_null(backend->curl);
    curl_easy_setopt(backend->curl, CURLOPT_CAINFO, hub.ca);
    curl_easy_setopt(backend->curl, CURLOPT_PROXY, "");
    curl_easy_setopt(backend->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(backend->curl, CURLOPT_TIMEOUT_MS, CALL_MS);
    curl_easy_setopt(backend->curl, CURLOPT_WRITEFUNCTION, take_text);
    curl_easy_setopt(backend->curl, CURLOPT_WRITEDATA, backend);
}

/* An answer that is not the one expected; true if it is that one. */
static bool is_answered(struct backend *backend, long status, long expected)
{
    if (status != 0 && status != expected) {
        backend->fault = status;
        atomic_fetch_add(&backend->faults, 1);
    }
    if (status == expected) {
        atomic_fetch_add(&backend->answered, 1);
    }
    return status == expected;
}

/* ---- What they do ---- */

static void write_twin(struct backend *backend, unsigned number)
{
    char path[64];
    char body[128];
    snprintf(path, sizeof(path), "/twins/twin-%u", backend->index);
    snprintf(body, sizeof(body),
        "{\"tags\":{\"n\":%u,\"k%u\":%u},\"properties\":{\"desired\":{\"n\":%u}}}", number,
        number % KEYS_OF_TWIN, number, number);
    backend->is_done[number] = is_answered(backend, call(backend, "PATCH", path, NULL, body), 200);
}

static void send_message(struct backend *backend, unsigned number)
{
    char path[96];
    char id[64];
    snprintf(path, sizeof(path), "/devices/queue-%u-%u/messages/devicebound", backend->index,
        number % DEVICES_OF_SENDER);
    snprintf(id, sizeof(id), "%u-%u", backend->index, number);
    backend->is_done[number] =
        is_answered(backend, call(backend, "POST", path, id, "payload"), 204);
}

/* Creates a device; of three one gets a twin and goes again. */
static void change_registry(struct backend *backend, unsigned number)
{
    char path[64];
    snprintf(path, sizeof(path), "/devices/made-%u-%u", backend->index, number);
    backend->is_done[number] =
        is_answered(backend, call(backend, "PUT", path, NULL, "{\"statusReason\":\"made\"}"), 200);
    if (number % 3 == 0 && backend->is_done[number]) {
        char twin[64];
        snprintf(twin, sizeof(twin), "/twins/made-%u-%u", backend->index, number);
        is_answered(backend, call(backend, "PATCH", twin, NULL, "{\"tags\":{\"a\":1}}"), 200);
        backend->is_delete_asked[number] = true;
        backend->is_deleted[number] =
            is_answered(backend, call(backend, "DELETE", path, NULL, NULL), 204);
    }
}

static void *run_backend(void *argument)
{
    const struct timespec step = {0, 2000000};
    struct backend *backend = argument;
    while (!atomic_load(&ending) && atomic_load(&backend->number) + 1 < backend->limit) {
        unsigned before = atomic_load(&backend->answered);
        backend->work(backend, atomic_fetch_add(&backend->number, 1) + 1);
        if (atomic_load(&backend->answered) == before) {
            nanosleep(&step, NULL); /* the hub is away: numbers are not to run out meanwhile */
        }
    }
    return NULL;
}

/* ---- What devices do ---- */

/* "sender-number"; false: it is none. */
static bool id_read(const char *id, unsigned *index, unsigned *number)
{
    /* NOLINTNEXTLINE(cert-err34-c): what it reads is checked */
    return sscanf(id, "%u-%u", index, number) == 2 && *index >= TWIN_WRITERS &&
        *index < TWIN_WRITERS + SENDERS && *number >= 1 &&
        *number <= atomic_load(&backends[*index].number);
}

static void note_message(const char *message_id, const void *body, size_t length)
{
    unsigned index;
    unsigned number;
    if (id_read(message_id, &index, &number) && length == 7 && memcmp(body, "payload", 7) == 0) {
        atomic_store(&is_taken[index][number], true);
    } else {
        atomic_fetch_add(&strange_messages, 1);
    }
}

static void start_devices(void)
{
    for (unsigned i = 0; i < TAKERS; i++) {
        struct e2e_taker *taker = &takers[i];
        unsigned other = i - TWIN_WRITERS;
        if (i < TWIN_WRITERS) {
            taker->reports = true;
            snprintf(taker->device_id, sizeof(taker->device_id), "twin-%u", i);
        } else {
            taker->on_message = note_message;
            snprintf(taker->device_id, sizeof(taker->device_id), "queue-%u-%u",
                TWIN_WRITERS + other / TAKERS_OF_SENDER, other % TAKERS_OF_SENDER);
        }
        e2e_taker_start(taker, &hub);
    }
}

static void stop_devices(void)
{
    for (unsigned i = 0; i < TAKERS; i++) {
        e2e_taker_stop(&takers[i]);
        assert_int_equal(atomic_load(&takers[i].faults), 0);
        assert_true(i < TWIN_WRITERS || atomic_load(&takers[i].taken) > 0);
    }
    assert_int_equal(atomic_load(&strange_messages), 0);
}

static void start_backends(void)
{
    static const char identity[] =
        "{\"authentication\":{\"symmetricKey\":{\"primaryKey\":"
        "\"" E2E_PRIMARY_KEY "\",\"secondaryKey\":\"" E2E_SECONDARY_KEY "\"}}}";
    static void (*const works[])(struct backend *, unsigned) = {
        write_twin, write_twin, send_message, send_message, change_registry, change_registry};
    for (unsigned i = 0; i < BACKENDS; i++) {
        backends[i].index = i;
        backends[i].work = works[i];
        backends[i].limit = works[i] == send_message ? MESSAGES_MAX : NUMBERS_MAX;
        open_backend(&backends[i]);
    }
    for (unsigned i = 0; i < TWIN_WRITERS + SENDERS; i++) {
        unsigned devices = works[i] == send_message ? DEVICES_OF_SENDER : 1;
        for (unsigned k = 0; k < devices; k++) {
            char path[64];
            snprintf(path, sizeof(path),
                works[i] == send_message ? "/devices/queue-%u-%u" : "/devices/twin-%u", i, k);
            assert_int_equal(call(&backends[i], "PUT", path, NULL, identity), 200);
        }
    }
    for (unsigned i = 0; i < BACKENDS; i++) {
        assert_int_equal(pthread_create(&backends[i].thread, NULL, run_backend, &backends[i]), 0);
    }
}

static unsigned total_answered(void)
{
    unsigned sum = 0;
    for (size_t i = 0; i < BACKENDS; i++) {
        sum += atomic_load(&backends[i].answered);
    }
    return sum;
}

static bool answers_reached(void *context)
{
    return total_answered() >= *(unsigned *)context;
}

/* ---- What is there ---- */

static json_t *get_json(struct backend *backend, const char *path)
{
    assert_int_equal(call(backend, "GET", path, NULL, NULL), 200);
    json_t *json = json_loadb(backend->text, backend->length, 0, NULL);
    assert_non_null(json);
    return json;
}

static unsigned number_at(const json_t *object, const char *name)
{
    return (unsigned)json_integer_value(json_object_get(object, name));
}

/* No part of the twin is older than the last change of it that was answered, and all parts are of one moment. */
static void check_twin(struct backend *backend)
{
    char path[64];
    snprintf(path, sizeof(path), "/twins/twin-%u", backend->index);
    json_t *twin = get_json(backend, path);
    const json_t *tags = json_object_get(twin, "tags");
    const json_t *properties = json_object_get(twin, "properties");
    const json_t *desired = json_object_get(properties, "desired");
    unsigned reported = number_at(json_object_get(properties, "reported"), "r");
    const struct e2e_taker *device = &takers[backend->index];
    unsigned last = number_at(tags, "n");
    unsigned sent = atomic_load(&backend->number);
    assert_in_range(last, 1, sent);
    assert_int_equal(number_at(desired, "n"), last);
    assert_in_range(reported, atomic_load(&device->answered), atomic_load(&device->reported));
    assert_true(atomic_load(&device->answered) > KILLS);
    for (unsigned number = last + 1; number <= sent; number++) {
        assert_false(backend->is_done[number]);
    }
    for (unsigned key = 0; key < KEYS_OF_TWIN; key++) {
        char name[8];
        snprintf(name, sizeof(name), "k%u", key);
        unsigned found = number_at(tags, name);
        for (unsigned number = found + 1; number <= sent; number++) {
            if (number % KEYS_OF_TWIN == key && backend->is_done[number]) {
                fail_msg("%s of %s is %u, and %u was answered", name, path, found, number);
            }
        }
    }
    json_decref(twin);
}

/* Ends all messages, so that their feedback tells which of them there were. */
static void purge_all(struct backend *backend)
{
    for (unsigned i = 0; i < DEVICES_OF_SENDER; i++) {
        char path[64];
        snprintf(path, sizeof(path), "/devices/queue-%u-%u/commands", backend->index, i);
        assert_int_equal(call(backend, "DELETE", path, NULL, NULL), 200);
    }
}

/* Ticks off what feedback names; fails on a message that is twice there or was never sent. */
static void read_feedback(struct backend *reader, bool (*seen)[NUMBERS_MAX])
{
    json_int_t after = 0;
    for (size_t count = 1; count > 0;) {
        char path[96];
        snprintf(path, sizeof(path), "/messages/servicebound/feedback?top=1000&after=%lld",
            (long long)after);
        json_t *page = get_json(reader, path);
        const json_t *item;
        size_t i;
        json_array_foreach(page, i, item)
        {
            unsigned index = 0;
            unsigned number = 0;
            const char *id = json_string_value(json_object_get(item, "originalMessageId"));
            const char *status = json_string_value(json_object_get(item, "statusCode"));
            assert_true(id_read(id, &index, &number));
            if (strcmp(status, "Success") == 0 && !atomic_load(&is_taken[index][number])) {
                fail_msg("%s is said to be taken, and is not", id);
            }
            if (seen[index][number]) {
                fail_msg("%s is there twice", id);
            }
            seen[index][number] = true;
            after = json_integer_value(json_object_get(item, "sequence"));
        }
        count = json_array_size(page);
        json_decref(page);
    }
}

static void check_messages(void)
{
    static bool seen[BACKENDS][NUMBERS_MAX];
    unsigned count = 0;
    for (unsigned i = TWIN_WRITERS; i < TWIN_WRITERS + SENDERS; i++) {
        purge_all(&backends[i]);
    }
    read_feedback(&backends[0], seen);
    for (unsigned i = TWIN_WRITERS; i < TWIN_WRITERS + SENDERS; i++) {
        for (unsigned number = 1; number <= atomic_load(&backends[i].number); number++) {
            count += backends[i].is_done[number] ? 1 : 0;
            if (backends[i].is_done[number] && !seen[i][number]) {
                fail_msg("message %u-%u was answered and is not there", i, number);
            }
        }
    }
    assert_true(count > KILLS);
}

static void check_registry(struct backend *backend)
{
    for (unsigned number = 1; number <= atomic_load(&backend->number); number++) {
        char path[64];
        snprintf(path, sizeof(path), "/devices/made-%u-%u", backend->index, number);
        if (backend->is_deleted[number]) {
            assert_int_equal(call(backend, "GET", path, NULL, NULL), 404);
        } else if (backend->is_done[number] && !backend->is_delete_asked[number]) {
            json_t *device = get_json(backend, path);
            assert_string_equal(json_string_value(json_object_get(device, "statusReason")), "made");
            json_decref(device);
        }
    }
}

static bool has_swept(void *context)
{
    json_t *status = e2e_status(&hub);
    bool swept = number_at(json_object_get(status, "state"), "sweeps") > 0;
    (void)context;
    json_decref(status);
    return swept;
}

/* After a start, nothing is left of identities that are gone, whatever the kills left undone. */
static void check_leftovers(void)
{
    char path[128];
    char sql[512];
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_true(e2e_wait(ROUND_MS, has_swept, NULL));
    e2e_hub_stop(&hub);
    snprintf(path, sizeof(path), "%s/state.db", hub.data);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    snprintf(sql, sizeof(sql), "ATTACH '%s/registry.db' AS registry", hub.data);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db,
            "SELECT count(*) FILTER (WHERE generation_id NOT IN (SELECT generation_id FROM "
            "registry.identity)), count(*) FROM owner",
            -1, &statement, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(statement, 0), 0);
    assert_true(sqlite3_column_int(statement, 1) >= TWIN_WRITERS);
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

static void test_crash_backends__what_was_answered_is_there(void **state)
{
    (void)state;
    start_backends();
    start_devices();
    for (int round = 0; round <= KILLS; round++) {
        unsigned goal = total_answered() + ANSWERS_ROUND;
        if (!e2e_wait(ROUND_MS, answers_reached, &goal)) {
            fail_msg("%u of %u requests answered", total_answered(), goal);
        }
        if (round == KILLS) {
            atomic_store(&ending, true);
        }
        e2e_hub_kill(&hub);
        e2e_hub_start(&hub);
        atomic_store(&port, hub.https_port);
        for (unsigned i = 0; i < TAKERS; i++) {
            atomic_store(&takers[i].port, hub.port);
        }
    }
    stop_devices();
    for (unsigned i = 0; i < BACKENDS; i++) {
        pthread_join(backends[i].thread, NULL);
        if (atomic_load(&backends[i].faults) > 0) {
            fail_msg("back end %u was answered %ld", i, backends[i].fault);
        }
    }
    print_message("%u requests answered over %d kills\n", total_answered(), KILLS + 1);
    for (unsigned i = 0; i < TWIN_WRITERS; i++) {
        check_twin(&backends[i]);
    }
    check_messages();
    for (unsigned i = TWIN_WRITERS + SENDERS; i < BACKENDS; i++) {
        check_registry(&backends[i]);
    }
    check_leftovers();
}

static int make_scene(void **state)
{
    char signature[448];
    (void)state;
    e2e_hub_init(&hub, "hub", NULL, "127.0.0.1", 0);
    e2e_hub_serve_https(&hub);
    json_t *policy = e2e_cli_json(&hub, E2E_ARGS("policy", "show", "iothubowner"));
    e2e_policy_token(signature, sizeof(signature), "iothubowner",
        json_string_value(json_object_get(policy, "primaryKey")), time(NULL) + 3600);
    json_decref(policy);
    snprintf(token, sizeof(token), "Authorization: %s", signature);
    e2e_hub_start(&hub);
    atomic_store(&port, hub.https_port);
    return hub.https_port != 0 ? 0 : -1;
}

static int end_scene(void **state)
{
    (void)state;
    for (size_t i = 0; i < TAKERS; i++) {
        e2e_taker_stop(&takers[i]);
    }
    for (size_t i = 0; i < BACKENDS; i++) {
        curl_easy_cleanup(backends[i].curl);
        free(backends[i].text);
    }
    return 0;
}

int main(void)
{
    static const char *const programs[] = {NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crash_backends__what_was_answered_is_there),
    };
    int result = e2e_begin(0, programs);
    if (result != 0) {
        return result;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    result = e2e_end(cmocka_run_group_tests_name("crash_backends", tests, make_scene, end_scene));
    curl_global_cleanup();
    return result;
}
