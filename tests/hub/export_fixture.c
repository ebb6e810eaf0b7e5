/* SPDX-License-Identifier: MIT */
/* What tests of exports start from. */

#include "tests/hub/export_fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/folder.h"
#include "lib/log.h"

#define WAIT_MS 10000

const struct vd_export_rhythm export_rhythm = {
    .linger_ms = 10, .retry_min_ms = 5, .retry_max_ms = 20, .retry_slow_ms = 40, .check_ms = 5};

int export_set_up(void **state)
{
    static const uint8_t master[32] = {7};
    struct export_fixture *f = calloc(1, sizeof *f);
    char registry[96];

    *state = f;
    vd_log_set_level(VD_LOG_ERROR);
    snprintf(f->folder, sizeof f->folder, "/tmp/vedette-export-XXXXXX");
    if (mkdtemp(f->folder) == NULL) {
        return -1;
    }
    snprintf(f->log_file, sizeof f->log_file, "%s/events.db", f->folder);
    snprintf(f->places_file, sizeof f->places_file, "%s/exports.json", f->folder);
    snprintf(f->files, sizeof f->files, "%s/files", f->folder);
    snprintf(registry, sizeof registry, "%s/registry.db", f->folder);
    return vd_event_log_sqlite_open(f->log_file, &f->log) == VD_OK &&
            vd_registry_sqlite_open(registry, master, &f->registry) == VD_OK
        ? 0
        : -1;
}

int export_tear_down(void **state)
{
    struct export_fixture *f = *state;
    int result;

    vd_export_stop(f->exporter);
    vd_event_log_close(f->log);
    vd_registry_close(f->registry);
    umount(f->files); /* by a test that ended before it could */
    result = vd_folder_remove(f->folder);
    free(f);
    return result;
}

static uint64_t append(struct export_fixture *f, const struct vd_event *event)
{
    struct vd_event_batch batch = {0};
    uint64_t first = 0;

    assert_int_equal(vd_event_batch_add(&batch, event), VD_OK);
    assert_int_equal(vd_event_log_append(f->log, 0, &batch, &first), VD_OK);
    vd_event_batch_release(&batch);
    return first;
}

uint64_t export_append(
    struct export_fixture *f, enum vd_operation_category category, const char *device_id)
{
    const struct vd_operation operation = {
        .category = category, .name = "tested", .device_id = device_id};
    struct vd_buf body = {0};
    struct vd_event event;
    uint64_t offset;

    assert_int_equal(vd_operation_event(&operation, "/HUB", &body, &event), VD_OK);
    offset = append(f, &event);
    vd_buf_release(&body);
    return offset;
}

void export_append_telemetry(struct export_fixture *f, size_t bytes)
{
    char *body = calloc(1, bytes);

    (void)append(f, &(struct vd_event){.kind = VD_EVENT_TELEMETRY, .body = {body, bytes}});
    free(body);
}

void export_settings(struct export_fixture *f, const char *list)
{
    struct vd_buf text = {0};
    struct vd_setting_change setting = {.name = VD_DIAGNOSTIC_SETTINGS};
    struct vd_registry_change change = {.settings = &setting, .setting_count = 1};
    struct vd_buf before = {0};

    vd_buf_printf(&text, "{\"settings\":[%s]}", list);
    setting.value = (struct vd_str){(const char *)text.data, text.length};
    (void)!vd_registry_setting_get(
        f->registry, VD_DIAGNOSTIC_SETTINGS, &before, &setting.etag); /* 0: none */
    assert_int_equal(vd_registry_change(f->registry, &change), VD_OK);
    vd_buf_release(&before);
    vd_buf_release(&text);
    assert_int_equal(vd_export_reload(f->exporter), VD_OK);
}

void export_start(struct export_fixture *f, struct vd_export_config config)
{
    config.log = f->log;
    config.registry = f->registry;
    config.places_file = f->places_file;
    config.folder = config.folder != NULL ? config.folder : f->files;
    config.file_max_bytes = config.file_max_bytes != 0 ? config.file_max_bytes : 1 << 20;
    config.files_kept = config.files_kept != 0 ? config.files_kept : 3;
    config.backlog_max_bytes =
        config.backlog_max_bytes != 0 ? config.backlog_max_bytes : UINT64_MAX;
    config.rhythm = &export_rhythm;
    assert_int_equal(vd_export_new(&config, &f->exporter), VD_OK);
    assert_int_equal(vd_export_reload(f->exporter), VD_OK);
}

void export_stop(struct export_fixture *f)
{
    vd_export_stop(f->exporter);
    f->exporter = NULL;
}

char *export_read(const struct export_fixture *f, const char *name)
{
    struct vd_buf text = {0};
    char path[256];
    FILE *file;
    char *out;

    snprintf(path, sizeof path, "%s/%s", f->files, name);
    file = fopen(path, "re");
    while (file != NULL && feof(file) == 0) {
        char piece[4096];

        vd_buf_append(&text, piece, fread(piece, 1, sizeof piece, file));
    }
    if (file != NULL) {
        fclose(file);
    }
    vd_buf_append(&text, "", 1);
    out = strdup((const char *)text.data);
    vd_buf_release(&text);
    return out;
}

static size_t count_lines(const char *text)
{
    size_t lines = 0;

    for (; (text = strchr(text, '\n')) != NULL; text++) {
        lines++;
    }
    return lines;
}

static void step(void)
{
    nanosleep(&(struct timespec){0, 2 * 1000000L}, NULL);
}

void export_await_lines(const struct export_fixture *f, const char *name, size_t lines)
{
    const int64_t until = vd_clock_monotonic_ms() + WAIT_MS;
    size_t got;

    do {
        char *text = export_read(f, name);

        got = count_lines(text);
        free(text);
        if (got < lines) {
            step();
        }
    } while (got < lines && vd_clock_monotonic_ms() < until);
    assert_int_equal(got, lines);
}

struct vd_export_stats export_stats(const struct export_fixture *f)
{
    struct vd_export_stats stats[VD_EXPORT_SINKS_MAX];

    assert_int_equal(vd_export_stats_get(f->exporter, stats), 1);
    return stats[0];
}

void export_await(const struct export_fixture *f, bool (*done)(const struct vd_export_stats *stats))
{
    const int64_t until = vd_clock_monotonic_ms() + WAIT_MS;
    struct vd_export_stats stats = export_stats(f);

    while (!done(&stats)) {
        if (vd_clock_monotonic_ms() > until) {
            fail_msg("state=%d behind=%llu delivered=%llu skipped=%llu reason=%s", stats.state,
                (unsigned long long)stats.behind, (unsigned long long)stats.worker.delivered,
                (unsigned long long)stats.worker.skipped, stats.worker.reason);
        }
        step();
        stats = export_stats(f);
    }
}
