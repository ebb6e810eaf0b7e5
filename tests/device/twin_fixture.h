/* SPDX-License-Identifier: MIT */
/* A module that runs and its twin, for the tests of the settings from the twin. */

#ifndef VEDETTE_TESTS_TWIN_FIXTURE_H
#define VEDETTE_TESTS_TWIN_FIXTURE_H

#include "azure_iot_security_module/inc/asc_twin.h"
#include "tests/device/device_test.h"

struct twin_fixture {
    struct device_port port;
    struct asc_module module;
    struct asc_twin twin;
    char text[4096];
    char report[ASC_TWIN_REPORT_MAX];
};

/* Intervals of 10, 30 and 3,600 s, and every send done at once. */
int twin_setup(void **state);
int twin_teardown(void **state);

#define TWIN_TEST(test) cmocka_unit_test_setup_teardown(test, twin_setup, twin_teardown)

/* Gives a document from an allocation of its very length, so that a read past it is seen. */
enum asc_twin_result twin_apply_bytes(
    struct twin_fixture *f, const char *json, size_t length, bool patch);
enum asc_twin_result twin_apply(struct twin_fixture *f, const char *json, bool patch);

/* The whole twin, and a patch, with this object of ours; the document is then in `text`. */
enum asc_twin_result twin_apply_whole(struct twin_fixture *f, const char *ours, unsigned version);
enum asc_twin_result twin_apply_patch(struct twin_fixture *f, const char *ours, unsigned version);

/* Returns the report, which is the fixture's. */
const char *twin_report(struct twin_fixture *f);
void twin_assert_reported(struct twin_fixture *f, const char *text);

/* What is in force. */
struct twin_force {
    struct asc_settings settings;
    uint8_t count;
    struct asc_twin_entry entries[ASC_TWIN_ALLOW_MAX];
};

struct twin_force twin_in_force(const struct twin_fixture *f);
bool twin_same_force(const struct twin_force *a, const struct twin_force *b);

/* An object of ours with every setting other than twin_setup has it. */
extern const char twin_everything[];

/* Returns an object with an allow-list of `count` of the longest entries, valid until the next call. */
const char *twin_long_list(unsigned count);

#endif
