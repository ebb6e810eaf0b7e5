/* SPDX-License-Identifier: MIT */
/* The parts of exports, each alone: settings, lines, places, the file. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/hub/export_fixture.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BIT(c)   (UINT32_C(1) << (c))
#define ALL      (BIT(VD_OPERATION_CATEGORIES_END) - 1)
#define EPOCH    "0123456789abcdef"

/* ---- Settings ---- */

static void test_export__settings(void **state)
{
    static const struct {
        const char *logs;
        uint32_t categories;
    } cases[] = {
        {"", 0},
        {LOG("Connections"), BIT(VD_OPERATION_CONNECTIONS)},
        {LOG("twinQUERIES"), BIT(VD_OPERATION_TWIN_QUERIES)},
        {LOG("Connections") "," LOG("DirectMethods"),
            BIT(VD_OPERATION_CONNECTIONS) | BIT(VD_OPERATION_METHODS)},
        {"{\"category\":\"Connections\",\"enabled\":false}", 0},
        {"{\"categoryGroup\":\"alllogs\",\"enabled\":true}", ALL},
        {"{\"categoryGroup\":\"audit\",\"enabled\":true}",
            BIT(VD_OPERATION_C2D) | BIT(VD_OPERATION_IDENTITIES) | BIT(VD_OPERATION_C2D_TWIN) |
                BIT(VD_OPERATION_TWIN_QUERIES) | BIT(VD_OPERATION_METHODS)},
    };
    struct vd_diagnostic_setting settings[VD_DIAGNOSTIC_SETTINGS_MAX];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct vd_buf text = {0};
        size_t count = 9;

        vd_buf_printf(&text,
            "{\"settings\":[{\"name\":\"One\",\"properties\":{\"storageAccountId\":\"/s\","
            "\"eventHubAuthorizationRuleId\":null,\"logs\":[%s]}}]}",
            cases[i].logs);
        assert_int_equal(
            vd_diagnostic_settings_parse(
                (struct vd_str){(const char *)text.data, text.length}, settings, &count),
            VD_OK);
        vd_buf_release(&text);
        assert_int_equal(count, 1);
        assert_string_equal(settings[0].name, "One");
        assert_int_equal(settings[0].categories, cases[i].categories);
        assert_true(settings[0].wants[VD_EXPORT_FILE]);
        assert_false(settings[0].wants[VD_EXPORT_WEBHOOK]);
    }
}

static void test_export__settings_that_are_none(void **state)
{
    static const char *const texts[] = {"", "{", "[]", "{}", "{\"settings\":{}}",
        "{\"settings\":[1]}", "{\"settings\":[{\"name\":\"\"}]}",
        "{\"settings\":[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"},{\"name\":\"d\"},"
        "{\"name\":\"e\"},{\"name\":\"f\"}]}"};
    struct vd_diagnostic_setting settings[VD_DIAGNOSTIC_SETTINGS_MAX];

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        size_t count = 9;

        assert_int_equal(
            vd_diagnostic_settings_parse(vd_str_from(texts[i]), settings, &count), VD_E_CORRUPT);
        assert_int_equal(count, 9);
    }
}

/* ---- Lines ---- */

static void add_operation(
    struct vd_event_batch *batch, enum vd_operation_category category, const char *device_id)
{
    const struct vd_operation operation = {
        .category = category, .name = "tested", .device_id = device_id};
    struct vd_buf body = {0};
    struct vd_event event;

    assert_int_equal(vd_operation_event(&operation, "/HUB", &body, &event), VD_OK);
    assert_int_equal(vd_event_batch_add(batch, &event), VD_OK);
    vd_buf_release(&body);
}

static void add_other(struct vd_event_batch *batch, enum vd_event_kind kind, const char *body)
{
    const struct vd_event event = {.kind = kind, .body = vd_str_from(body)};

    assert_int_equal(vd_event_batch_add(batch, &event), VD_OK);
}

static void test_export__lines(void **state)
{
    const struct vd_export_pick pick = {
        BIT(VD_OPERATION_CONNECTIONS) | BIT(VD_OPERATION_METHODS), EPOCH, 100, 100000};
    struct vd_event_batch batch = {0};
    struct vd_export_lines lines = {0};
    json_t *record;

    (void)state;
    add_other(&batch, VD_EVENT_TELEMETRY, "{\"category\":\"Connections\"}");
    add_operation(&batch, VD_OPERATION_CONNECTIONS, "a\nb");
    add_operation(&batch, VD_OPERATION_IDENTITIES, "c");
    add_other(&batch, VD_EVENT_ACTIVITY, "{\"category\":\"Administrative\"}");
    add_other(&batch, VD_EVENT_OPERATION, "no JSON");
    add_other(&batch, VD_EVENT_OPERATION, "{\"category\":\"Unheard\"}");
    add_operation(&batch, VD_OPERATION_METHODS, "d");
    assert_int_equal(vd_export_lines_make(&lines, &pick, &batch, 1000), VD_OK);
    assert_int_equal(lines.count, 2);
    assert_int_equal(lines.next, 1007);
    assert_int_equal(lines.unreadable, 1);
    vd_buf_append(&lines.text, "", 1);
    char *first = (char *)lines.text.data;
    char *second = strchr(first, '\n') + 1;
    second[-1] = '\0';
    assert_ptr_equal(strchr(second, '\n') + 1, lines.text.data + lines.text.length - 1);
    record = json_loads(first, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(record, "category")), "Connections");
    assert_string_equal(json_string_value(json_object_get(record, "resourceId")), "/HUB");
    assert_string_equal(json_string_value(json_object_get(record, "recordId")), EPOCH "-1001");
    json_decref(record);
    record = json_loads(second, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(record, "recordId")), EPOCH "-1006");
    json_decref(record);
    vd_buf_release(&lines.text);
    vd_event_batch_release(&batch);
}

/* Whatever the bounds, the same lines come in the same order, at least one at a time. */
static void test_export__lines_are_bounded(void **state)
{
    struct vd_event_batch batch = {0};
    struct vd_export_lines whole = {0};
    struct vd_export_lines lines = {0};
    struct vd_export_pick pick = {ALL, EPOCH, 100, 1 << 20};

    (void)state;
    for (int i = 0; i < 20; i++) {
        add_operation(&batch, VD_OPERATION_CONNECTIONS, i % 3 == 0 ? "a-longer-name" : "a");
    }
    assert_int_equal(vd_export_lines_make(&whole, &pick, &batch, 0), VD_OK);
    assert_int_equal(whole.count, 20);
    for (size_t bytes = 1; bytes < 2000; bytes += 97) {
        struct vd_event_batch rest = {0};
        struct vd_buf all = {0};
        struct vd_reader reader;
        struct vd_event event;
        uint64_t next = 0;

        pick.bytes_max = bytes;
        pick.count_max = 1 + bytes % 5;
        while (next < 20) {
            vd_reader_init(&reader, batch.bytes.data, batch.bytes.length);
            vd_event_batch_clear(&rest);
            for (uint64_t i = 0; vd_event_next(&reader, &event) == VD_OK; i++) {
                if (i >= next) {
                    assert_int_equal(vd_event_batch_add(&rest, &event), VD_OK);
                }
            }
            assert_int_equal(vd_export_lines_make(&lines, &pick, &rest, next), VD_OK);
            assert_in_range(lines.count, 1, pick.count_max);
            assert_true(lines.count == 1 || lines.text.length <= bytes);
            assert_int_equal(lines.next, next + lines.count);
            vd_buf_append(&all, lines.text.data, lines.text.length);
            next = lines.next;
        }
        assert_int_equal(all.length, whole.text.length);
        assert_memory_equal(all.data, whole.text.data, all.length);
        vd_buf_release(&all);
        vd_event_batch_release(&rest);
    }
    vd_buf_release(&lines.text);
    vd_buf_release(&whole.text);
    vd_event_batch_release(&batch);
}

/* ---- Places ---- */

static bool keeps_webhooks(void *context, const char *setting, enum vd_export_kind kind)
{
    (void)context;
    (void)setting;
    return kind == VD_EXPORT_WEBHOOK;
}

static void append_some(struct export_fixture *f, int count)
{
    for (int i = 0; i < count; i++) {
        (void)export_append(f, VD_OPERATION_CONNECTIONS, "dev1");
    }
}

/* The offset of the oldest record that a trim of everything leaves. */
static uint64_t oldest_after_trim(struct export_fixture *f)
{
    struct vd_event_batch batch = {0};
    uint64_t first = 0;

    assert_int_equal(vd_event_log_trim(f->log, 0, UINT64_MAX), VD_OK);
    assert_int_equal(vd_event_log_read(f->log, 0, 0, 1, &batch, &first), VD_OK);
    vd_event_batch_release(&batch);
    return first;
}

static void test_export__places(void **state)
{
    struct export_fixture *f = *state;
    struct vd_export_places places;
    struct vd_export_place file;
    struct vd_export_place webhook;
    char epoch[VD_EXPORT_EPOCH_SIZE];

    append_some(f, 3);
    assert_int_equal(vd_export_places_load(&places, f->places_file, f->log), VD_OK);
    memcpy(epoch, places.epoch, sizeof epoch);
    vd_export_places_release(&places);
    /* It is kept, although nothing was exported. */
    assert_int_equal(vd_export_places_load(&places, f->places_file, f->log), VD_OK);
    assert_string_equal(places.epoch, epoch);
    assert_int_equal(vd_export_places_open(&places, "One", VD_EXPORT_FILE, &file), VD_OK);
    assert_int_equal(file.offset, 3);
    append_some(f, 3);
    assert_int_equal(vd_export_places_open(&places, "one", VD_EXPORT_WEBHOOK, &webhook), VD_OK);
    assert_int_equal(webhook.offset, 6);
    append_some(f, 2);
    assert_int_equal(oldest_after_trim(f), 3);
    file.offset = 4;
    file.skipped = 1;
    assert_int_equal(vd_export_places_move(&places, &file), VD_OK);
    assert_int_equal(oldest_after_trim(f), 4);
    vd_export_places_release(&places);
    /* As they were, also for a name in other letters. */
    assert_int_equal(vd_export_places_load(&places, f->places_file, f->log), VD_OK);
    assert_string_equal(places.epoch, epoch);
    assert_int_equal(vd_export_places_open(&places, "oNE", VD_EXPORT_FILE, &file), VD_OK);
    assert_int_equal(file.offset, 4);
    assert_int_equal(file.skipped, 1);
    assert_int_equal(vd_export_places_keep(&places, keeps_webhooks, NULL), VD_OK);
    assert_int_equal(oldest_after_trim(f), 6);
    /* What is dropped does not come back by moving. */
    assert_int_equal(vd_export_places_move(&places, &file), VD_OK);
    assert_int_equal(places.count, 1);
    vd_export_places_release(&places);
    assert_int_equal(vd_export_places_load(&places, f->places_file, f->log), VD_OK);
    assert_int_equal(places.count, 1);
    assert_int_equal(vd_export_places_open(&places, "one", VD_EXPORT_FILE, &file), VD_OK);
    assert_int_equal(file.offset, 8);
    vd_export_places_release(&places);
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Another log than the places are of: its records have other ids, and none of them is passed over. */
static void test_export__places_of_another_log(void **state)
{
    struct export_fixture *f = *state;
    struct vd_export_places places;
    struct vd_export_place place;

    append_some(f, 2);
    write_text(f->places_file,
        "{\"version\":1,\"epoch\":\"" EPOCH "\",\"high\":3,\"places\":[{\"setting\":\"a\","
        "\"sink\":\"file\",\"offset\":3,\"skipped\":0}]}");
    assert_int_equal(vd_export_places_load(&places, f->places_file, f->log), VD_OK);
    assert_string_not_equal(places.epoch, EPOCH);
    assert_int_equal(vd_export_places_open(&places, "a", VD_EXPORT_FILE, &place), VD_OK);
    assert_int_equal(place.offset, 0);
    vd_export_places_release(&places);
}

static void test_export__places_that_are_none(void **state)
{
    static const struct {
        const char *text;
        int error;
    } cases[] = {
        {"", VD_E_CORRUPT},
        {"{\"version\":1}", VD_E_CORRUPT},
        {"{\"version\":1,\"epoch\":\"1\",\"high\":0,\"places\":[]}", VD_E_CORRUPT},
        {"{\"version\":1,\"epoch\":\"" EPOCH "\",\"high\":-1,\"places\":[]}", VD_E_CORRUPT},
        {"{\"version\":1,\"epoch\":\"" EPOCH "\",\"high\":0,\"places\":[{}]}", VD_E_CORRUPT},
        {"{\"version\":1,\"epoch\":\"" EPOCH "\",\"high\":0,\"places\":[{\"setting\":\"a\","
         "\"sink\":\"pipe\",\"offset\":0,\"skipped\":0}]}",
            VD_E_CORRUPT},
        {"{\"version\":2,\"epoch\":\"" EPOCH "\",\"high\":0,\"places\":[]}", VD_E_NEWER},
    };
    struct export_fixture *f = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct vd_export_places places;

        write_text(f->places_file, cases[i].text);
        assert_int_equal(vd_export_places_load(&places, f->places_file, f->log), cases[i].error);
    }
}

/* ---- The file ---- */

static struct vd_export_sink *file_sink(
    const struct export_fixture *f, const char *setting, uint64_t max_bytes, unsigned kept)
{
    const struct vd_export_file_config config = {f->files, setting, max_bytes, kept};
    struct vd_export_sink *sink = NULL;

    assert_int_equal(vd_export_file_new(&config, &sink), VD_OK);
    return sink;
}

static int deliver(struct vd_export_sink *sink, const char *text)
{
    struct vd_export_failure failure = {{0}, false, false, 0};
    struct vd_export_lines lines = {.count = 1};
    int error;

    vd_buf_append_text(&lines.text, text);
    error = sink->ops->deliver(sink, &lines, &failure);
    assert_true((error == VD_OK) == (failure.reason[0] == '\0'));
    vd_buf_release(&lines.text);
    return error;
}

static void expect_file(const struct export_fixture *f, const char *name, const char *expected)
{
    char *text = export_read(f, name);

    assert_string_equal(text, expected);
    free(text);
}

static void test_export__file_rotates(void **state)
{
    struct export_fixture *f = *state;
    struct vd_export_sink *sink = file_sink(f, "One", 10, 2);
    char path[256];
    struct stat st;

    assert_int_equal(deliver(sink, "aaaa\n"), VD_OK);
    assert_int_equal(deliver(sink, "bbbb\n"), VD_OK);
    assert_int_equal(deliver(sink, "cccc\n"), VD_OK);
    expect_file(f, "one.jsonl", "cccc\n");
    expect_file(f, "one.jsonl.1", "aaaa\nbbbb\n");
    assert_int_equal(deliver(sink, "longer than a file\n"), VD_OK);
    sink->ops->free(sink);
    sink = file_sink(f, "ONE", 10, 2); /* a later start goes on where it was */
    assert_int_equal(deliver(sink, "d\n"), VD_OK);
    expect_file(f, "one.jsonl", "d\n");
    expect_file(f, "one.jsonl.1", "longer than a file\n");
    expect_file(f, "one.jsonl.2", "cccc\n");
    expect_file(f, "one.jsonl.3", "");
    snprintf(path, sizeof path, "%s/one.jsonl", f->files);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    sink->ops->free(sink);
    sink = file_sink(f, "one", 10, 1); /* fewer are kept from now on */
    assert_int_equal(deliver(sink, "eeeeeeeee\n"), VD_OK);
    expect_file(f, "one.jsonl", "eeeeeeeee\n");
    expect_file(f, "one.jsonl.1", "d\n");
    expect_file(f, "one.jsonl.2", "");
    sink->ops->free(sink);
}

/* What a kill left of a line goes, however long it is; what was whole stays. */
static void test_export__file_cuts_a_torn_line(void **state)
{
    static const size_t torn[] = {1, 65535, 65536, 65537, 200000};
    struct export_fixture *f = *state;
    char path[256];

    assert_int_equal(mkdir(f->files, 0700), 0);
    snprintf(path, sizeof path, "%s/one.jsonl", f->files);
    for (size_t i = 0; i < COUNT(torn); i++) {
        for (int whole = 0; whole < 2; whole++) {
            FILE *file = fopen(path, "we");
            struct vd_export_sink *sink = file_sink(f, "one", 1 << 20, 1);

            assert_true(fputs(whole != 0 ? "{\"whole\":1}\n" : "", file) >= 0);
            for (size_t n = 0; n < torn[i]; n++) {
                assert_int_equal(fputc('x', file), 'x');
            }
            assert_int_equal(fclose(file), 0);
            assert_int_equal(deliver(sink, "new\n"), VD_OK);
            expect_file(f, "one.jsonl", whole != 0 ? "{\"whole\":1}\nnew\n" : "new\n");
            sink->ops->free(sink);
        }
    }
}

/* Somebody else moves it away, cuts it, or removes the folder: a new one is begun. */
static void test_export__file_that_is_gone(void **state)
{
    struct export_fixture *f = *state;
    struct vd_export_sink *sink = file_sink(f, "a/b %..", 1 << 20, 1);
    char from[256];
    char to[256];

    assert_int_equal(deliver(sink, "one\n"), VD_OK);
    snprintf(from, sizeof from, "%s/a%%2Fb%%20%%25...jsonl", f->files);
    snprintf(to, sizeof to, "%s/elsewhere", f->files);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(deliver(sink, "two\n"), VD_OK);
    expect_file(f, "elsewhere", "one\n");
    expect_file(f, "a%2Fb%20%25...jsonl", "two\n");
    assert_int_equal(truncate(from, 0), 0);
    assert_int_equal(deliver(sink, "three\n"), VD_OK);
    expect_file(f, "a%2Fb%20%25...jsonl", "three\n");
    assert_int_equal(unlink(from), 0);
    assert_int_equal(unlink(to), 0);
    assert_int_equal(rmdir(f->files), 0);
    assert_int_equal(deliver(sink, "four\n"), VD_OK);
    expect_file(f, "a%2Fb%20%25...jsonl", "four\n");
    sink->ops->free(sink);
}

/* Names that are too long for a file keep apart. */
static void test_export__file_of_a_long_name(void **state)
{
    struct export_fixture *f = *state;
    char name[VD_DIAGNOSTIC_NAME_MAX + 1];
    struct vd_export_sink *one;
    struct vd_export_sink *other;

    memset(name, ' ', sizeof name);
    name[sizeof name - 1] = '\0';
    one = file_sink(f, name, 1 << 20, 1);
    name[sizeof name - 2] = 'x';
    other = file_sink(f, name, 1 << 20, 1);
    assert_int_equal(deliver(one, "one\n"), VD_OK);
    assert_int_equal(deliver(other, "other\n"), VD_OK);
    assert_int_equal(deliver(one, "one\n"), VD_OK);
    one->ops->free(one);
    other->ops->free(other);
}

/* A write that fails in its midst leaves nothing of the batch, and the next one works. */
static void test_export__file_that_cannot_grow(void **state)
{
    struct export_fixture *f = *state;
    struct vd_export_sink *sink = file_sink(f, "one", 1 << 20, 1);
    struct rlimit unlimited;
    struct rlimit small;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(deliver(sink, "before\n"), VD_OK);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
    small = unlimited;
    small.rlim_cur = 10;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(deliver(sink, "more than fits\n"), VD_E_IO);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
    expect_file(f, "one.jsonl", "before\n");
    assert_int_equal(deliver(sink, "more than fits\n"), VD_OK);
    expect_file(f, "one.jsonl", "before\nmore than fits\n");
    sink->ops->free(sink);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(test_export__##name, export_set_up, export_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_export__settings),
        cmocka_unit_test(test_export__settings_that_are_none),
        cmocka_unit_test(test_export__lines),
        cmocka_unit_test(test_export__lines_are_bounded),
        TEST(places),
        TEST(places_of_another_log),
        TEST(places_that_are_none),
        TEST(file_rotates),
        TEST(file_cuts_a_torn_line),
        TEST(file_that_is_gone),
        TEST(file_of_a_long_name),
        TEST(file_that_cannot_grow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
