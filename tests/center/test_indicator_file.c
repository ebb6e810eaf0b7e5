/* SPDX-License-Identifier: MIT */
/* The file of a set: damaged, cut off, without memory or room for it, replaced; and sets shared by threads. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "center/intel/indicator_file.h"
#include "tests/center/message.h"

#define NOW 1764000000000LL

/* ---- Allocations that fail ---- */

static int allocations_left = -1; /* -1: none fails */

static bool allocation_fails(void)
{
    if (allocations_left > 0) {
        allocations_left--;
    }
    return allocations_left == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void *__wrap_malloc(size_t size)
{
    return allocation_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return allocation_fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return allocation_fails() ? NULL : __real_realloc(old, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return allocation_fails() ? NULL : __real_aligned_alloc(alignment, size);
}

/* ---- Places and sets ---- */

struct place {
    char *folder;
    char path[PATH_MAX];
    char beside[PATH_MAX + 8];
};

static int set_up(void **state)
{
    static struct place place;

    place.folder = test_folder_new();
    snprintf(place.path, sizeof place.path, "%s/set", place.folder);
    snprintf(place.beside, sizeof place.beside, "%s.new", place.path);
    *state = &place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    test_folder_remove(place->folder);
    return 0;
}

/* All sections have something in them. */
static const char *const texts[] = {"10.1.2.3", "10.1.2.3", "192.0.2.9", "10.1.0.0/16",
    "10.0.0.0/8", "10.0.0.0/8", "2001:db8::1", "2001:db8::/32", "255.255.255.255", "0.0.0.0/8"};

static int add_all(struct vd_indicator_builder *builder, const char *description)
{
    for (uint32_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct vd_indicator_line line;
        struct vd_indicator indicator = {
            .text = line.text,
            .description = description,
            .valid_until_ms = i % 2 == 0 ? 0 : NOW + 1,
            .confidence = VD_CONFIDENCE_UNKNOWN,
            .line = i + 1,
        };
        int error;

        assert_null(vd_indicator_parse(vd_str_from(texts[i]), &line));
        indicator.range = line.range;
        error = vd_indicator_builder_add(builder, &indicator);
        if (error != VD_OK) {
            return error;
        }
    }
    return VD_OK;
}

static int build(const char *path, const char *description, struct vd_indicator_set **set)
{
    static const struct vd_feed_info feed = {"feed", "High", 60, false};
    static const struct vd_feed_info exceptions = {"allowed", NULL, 0, true};
    struct vd_indicator_builder *builder = NULL;
    struct vd_indicator_line line;
    struct vd_indicator allowed = {.text = "10.1.255.0/24"};
    int error = vd_indicator_builder_new(path, &builder);

    assert_null(vd_indicator_parse(VD_STR_LITERAL("10.1.255.0/24"), &line));
    allowed.range = line.range;
    if (error == VD_OK) {
        error = vd_indicator_builder_feed(builder, &feed);
    }
    if (error == VD_OK) {
        error = add_all(builder, description);
    }
    if (error == VD_OK) {
        error = vd_indicator_builder_feed(builder, &exceptions);
    }
    if (error == VD_OK) {
        error = vd_indicator_builder_add(builder, &allowed);
    }
    if (error == VD_OK) {
        return vd_indicator_builder_finish(builder, set);
    }
    vd_indicator_builder_free(builder);
    return error;
}

/* The description of what holds the address; "-": nothing does. */
static const char *described(const struct vd_indicator_set *set, const char *address)
{
    struct vd_indicator_line line;
    struct vd_indicator_match match;

    assert_null(vd_indicator_parse(vd_str_from(address), &line));
    return vd_indicator_set_match(set, &line.range.from, NOW, &match) ? match.description : "-";
}

static void check_good(const struct vd_indicator_set *set, const char *description)
{
    assert_int_equal(vd_indicator_set_count(set), sizeof texts / sizeof texts[0]);
    assert_int_equal(vd_indicator_set_exception_count(set), 1);
    assert_string_equal(described(set, "10.1.2.3"), description);
    assert_string_equal(described(set, "10.1.255.3"), "-");
    assert_string_equal(described(set, "10.2.0.1"), description);
    assert_string_equal(described(set, "2001:db8::7"), description);
    assert_string_equal(described(set, "11.0.0.1"), "-");
}

static void write_file(const char *path, const void *data, size_t length)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

/* ---- Opening ---- */

static void test_file__opens_again_and_is_replaced(void **state)
{
    const struct place *place = *state;
    struct vd_indicator_set *first = NULL;
    struct vd_indicator_set *second = NULL;
    struct vd_indicator_set *opened = NULL;

    assert_int_equal(vd_indicator_set_open(place->path, &opened), VD_E_NOT_FOUND);
    assert_int_equal(build(place->path, "first", &first), VD_OK);
    assert_int_not_equal(access(place->beside, F_OK), 0);
    check_good(first, "first");
    assert_int_equal(build(place->path, "second", &second), VD_OK);
    check_good(second, "second");
    check_good(first, "first");
    vd_indicator_set_release(first);
    assert_int_equal(vd_indicator_set_open(place->path, &opened), VD_OK);
    check_good(opened, "second");
    assert_int_equal(vd_indicator_set_bytes(opened), vd_indicator_set_bytes(second));
    vd_indicator_set_release(opened);
    vd_indicator_set_release(second);
    assert_int_equal(vd_indicator_set_open(place->folder, &opened), VD_E_CORRUPT);
}

static void test_file__damage_is_seen(void **state)
{
    const struct place *place = *state;
    struct vd_indicator_set *set = NULL;
    struct vd_buf file = {0};

    assert_int_equal(build(place->path, "good", &set), VD_OK);
    vd_indicator_set_release(set);
    test_read_file(place->path, &file);
    for (size_t i = 0; i < file.length; i++) {
        for (unsigned bit = 0; bit < 8; bit += 3) {
            file.data[i] ^= (uint8_t)(1u << bit);
            write_file(place->path, file.data, file.length);
            assert_int_equal(vd_indicator_set_open(place->path, &set), VD_E_CORRUPT);
            file.data[i] ^= (uint8_t)(1u << bit);
        }
    }
    for (size_t length = 0; length < file.length; length++) {
        write_file(place->path, file.data, length);
        assert_int_equal(vd_indicator_set_open(place->path, &set), VD_E_CORRUPT);
    }
    vd_buf_append(&file, "12345678", 8);
    write_file(place->path, file.data, file.length);
    assert_int_equal(vd_indicator_set_open(place->path, &set), VD_E_CORRUPT);
    vd_buf_release(&file);
}

/* Whatever stands in a file whose checksums are right, nothing outside of it is read. */
static void test_file__damage_under_good_checksums(void **state)
{
    static const uint8_t masks[] = {0x01, 0x80, 0xff};
    const struct place *place = *state;
    struct vd_indicator_set *set = NULL;
    struct vd_buf file = {0};
    unsigned opened = 0;

    assert_int_equal(build(place->path, "good", &set), VD_OK);
    vd_indicator_set_release(set);
    test_read_file(place->path, &file);
    for (size_t i = 0; i < file.length * sizeof masks; i++) {
        const size_t at = i / sizeof masks;
        struct vd_buf copy = {0};
        int error;

        vd_buf_append(&copy, file.data, file.length);
        assert_int_equal(copy.error, VD_OK);
        copy.data[at] ^= masks[i % sizeof masks];
        vd_indicator_file_seal(copy.data, copy.length);
        write_file(place->path, copy.data, copy.length);
        error = vd_indicator_set_open(place->path, &set);
        assert_true(error == VD_OK || error == VD_E_CORRUPT);
        for (size_t k = 0; error == VD_OK && k < sizeof texts / sizeof texts[0]; k++) {
            struct vd_indicator_line line;
            struct vd_indicator_match match;

            assert_null(vd_indicator_parse(vd_str_from(texts[k]), &line));
            if (vd_indicator_set_match(set, &line.range.from, NOW, &match)) {
                assert_true(strlen(match.text) < file.length);
                assert_true(strlen(match.description) < file.length);
                assert_true(strlen(match.feed) + strlen(match.severity) < file.length);
            }
        }
        if (error == VD_OK) {
            opened++;
            vd_indicator_set_release(set);
        }
        vd_buf_release(&copy);
    }
    assert_true(opened > file.length);
    vd_buf_release(&file);
}

/* ---- What runs out ---- */

static void test_builder__without_memory(void **state)
{
    const struct place *place = *state;
    struct vd_indicator_set *set = NULL;
    int error = VD_E_NOMEM;
    int allowed;

    assert_int_equal(build(place->path, "before", &set), VD_OK);
    vd_indicator_set_release(set);
    for (allowed = 1; error == VD_E_NOMEM; allowed++) {
        allocations_left = allowed;
        error = build(place->path, "after", &set);
        allocations_left = -1;
        if (error == VD_E_NOMEM) {
            assert_int_not_equal(access(place->beside, F_OK), 0);
            assert_int_equal(vd_indicator_set_open(place->path, &set), VD_OK);
            check_good(set, "before");
            vd_indicator_set_release(set);
        }
    }
    assert_int_equal(error, VD_OK);
    assert_true(allowed > 10);
    check_good(set, "after");
    vd_indicator_set_release(set);
}

static void test_builder__without_room(void **state)
{
    const struct place *place = *state;
    void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
    struct vd_indicator_set *set = NULL;
    struct rlimit old;
    int error = VD_E_IO;
    unsigned failures = 0;

    assert_int_equal(build(place->path, "before", &set), VD_OK);
    vd_indicator_set_release(set);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    for (rlim_t room = 0; error != VD_OK; room += 64) {
        const struct rlimit limit = {room, old.rlim_max};

        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        error = build(place->path, "after", &set);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
        if (error != VD_OK) {
            failures++;
            assert_int_equal(error, VD_E_IO);
            assert_int_not_equal(access(place->beside, F_OK), 0);
            assert_int_equal(vd_indicator_set_open(place->path, &set), VD_OK);
            check_good(set, "before");
            vd_indicator_set_release(set);
        }
    }
    assert_true(failures > 5);
    check_good(set, "after");
    vd_indicator_set_release(set);
    signal(SIGXFSZ, before);
}

static void test_builder__nowhere(void **state)
{
    const struct place *place = *state;
    struct vd_indicator_builder *builder = NULL;
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/absent/set", place->folder);
    assert_int_equal(vd_indicator_builder_new(path, &builder), VD_E_NOT_FOUND);
    memset(path, 'p', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_int_equal(vd_indicator_builder_new(path, &builder), VD_E_LIMIT);
}

/* ---- Threads ---- */

#define THREADS        4
#define LOOKUPS_A_TURN 200
#define TURNS          200

static struct vd_indicator_set *shared;
static pthread_mutex_t shared_mutex = PTHREAD_MUTEX_INITIALIZER;

static void *look_up(void *context)
{
    unsigned *wrong = context;

    for (int turn = 0; turn < TURNS; turn++) {
        struct vd_indicator_set *set;

        pthread_mutex_lock(&shared_mutex);
        set = vd_indicator_set_retain(shared);
        pthread_mutex_unlock(&shared_mutex);
        for (int i = 0; i < LOOKUPS_A_TURN; i++) {
            *wrong += strcmp(described(set, "10.1.2.3"), "shared") != 0;
        }
        vd_indicator_set_release(set);
    }
    return NULL;
}

static void test_set__is_swapped_under_lookups(void **state)
{
    pthread_t threads[THREADS];
    unsigned wrong[THREADS] = {0};

    (void)state;
    assert_int_equal(build(NULL, "shared", &shared), VD_OK);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, look_up, &wrong[i]), 0);
    }
    for (int i = 0; i < TURNS; i++) {
        struct vd_indicator_set *old;
        struct vd_indicator_set *set = NULL;

        assert_int_equal(build(NULL, "shared", &set), VD_OK);
        pthread_mutex_lock(&shared_mutex);
        old = shared;
        shared = set;
        pthread_mutex_unlock(&shared_mutex);
        vd_indicator_set_release(old);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(wrong[i], 0);
    }
    vd_indicator_set_release(shared);
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILE_TEST(test_file__opens_again_and_is_replaced),
        FILE_TEST(test_file__damage_is_seen),
        FILE_TEST(test_file__damage_under_good_checksums),
        FILE_TEST(test_builder__without_memory),
        FILE_TEST(test_builder__without_room),
        FILE_TEST(test_builder__nowhere),
        cmocka_unit_test(test_set__is_swapped_under_lookups),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
