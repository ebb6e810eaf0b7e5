/* SPDX-License-Identifier: MIT */
/* What tests of exports start from: a folder with an event log and a registry, records, settings, waiting. */

#ifndef VEDETTE_TESTS_HUB_EXPORT_FIXTURE_H
#define VEDETTE_TESTS_HUB_EXPORT_FIXTURE_H

#include "hub/export/export.h"

/* Short pauses. */
extern const struct vd_export_rhythm export_rhythm;

struct export_fixture {
    char folder[64];
    char log_file[96];
    char places_file[96];
    char files[96]; /* the folder of exported files; not made */
    struct vd_event_log *log;
    struct vd_registry *registry;
    struct vd_export *exporter; /* NULL: none is running */
};

/* A setup and a teardown of cmocka. */
int export_set_up(void **state);
int export_tear_down(void **state);

/* Appends a record of the category about the device, in a batch of its own; returns its offset. */
uint64_t export_append(
    struct export_fixture *f, enum vd_operation_category category, const char *device_id);
/* Appends so many bytes of telemetry. */
void export_append_telemetry(struct export_fixture *f, size_t bytes);

/* Stores {"settings":[...]} with that list, and tells a running exporter. */
void export_settings(struct export_fixture *f, const char *list);

/* One of the list above, of a sink and categories: SETTING("ds1", "storageAccountId", LOG("Connections")). */
#define LOG(category) "{\"category\":\"" category "\",\"enabled\":true}"
#define SETTING(name, sink, logs) \
    "{\"name\":\"" name "\",\"properties\":{\"" sink "\":\"/x\",\"logs\":[" logs "]}}"

/* With files in f->files, unless `config` says otherwise; its log, registry and places' file are filled in. */
void export_start(struct export_fixture *f, struct vd_export_config config);
void export_stop(struct export_fixture *f);

/* The file of the setting, NUL-terminated, the caller's to free; "" if it is not there. */
char *export_read(const struct export_fixture *f, const char *name);

/* Waits until the file has so many lines; fails the test after ten seconds. */
void export_await_lines(const struct export_fixture *f, const char *name, size_t lines);

/* The counters of the one sink, the test fails unless it is one. */
struct vd_export_stats export_stats(const struct export_fixture *f);

/* Waits until `done` says true of the counters of the one sink; fails the test after ten seconds. */
void export_await(
    const struct export_fixture *f, bool (*done)(const struct vd_export_stats *stats));

#endif
