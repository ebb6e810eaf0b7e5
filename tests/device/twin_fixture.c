/* SPDX-License-Identifier: MIT */
/* Starts the module, gives documents to its twin, and looks at what came of them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/device/twin_fixture.h"

int twin_setup(void **state)
{
    struct twin_fixture *f = calloc(1, sizeof *f);
    struct asc_settings settings = device_settings();

    assert_non_null(f);
    settings.high_interval_s = 10;
    settings.medium_interval_s = 30;
    settings.low_interval_s = 3600;
    f->port.answer = ASC_SEND_DONE;
    device_start(&f->module, &f->port, &settings);
    asc_twin_init(&f->twin, &f->module);
    *state = f;
    return 0;
}

int twin_teardown(void **state)
{
    free(*state);
    return 0;
}

enum asc_twin_result twin_apply_bytes(
    struct twin_fixture *f, const char *json, size_t length, bool patch)
{
    char *exact = malloc(length > 0 ? length : 1);
    enum asc_twin_result result;

    assert_non_null(exact);
    memcpy(exact, json, length);
    result = asc_twin_apply(&f->twin, exact, length, patch);
    free(exact);
    return result;
}

enum asc_twin_result twin_apply(struct twin_fixture *f, const char *json, bool patch)
{
    return twin_apply_bytes(f, json, strlen(json), patch);
}

enum asc_twin_result twin_apply_whole(struct twin_fixture *f, const char *ours, unsigned version)
{
    snprintf(f->text, sizeof f->text,
        "{\"desired\":{\"vedette\":%s,\"$version\":%u},\"reported\":{\"$version\":7}}", ours,
        version);
    return twin_apply(f, f->text, false);
}

enum asc_twin_result twin_apply_patch(struct twin_fixture *f, const char *ours, unsigned version)
{
    snprintf(f->text, sizeof f->text, "{\"vedette\":%s,\"$version\":%u}", ours, version);
    return twin_apply(f, f->text, true);
}

const char *twin_report(struct twin_fixture *f)
{
    const size_t length = asc_twin_report(&f->twin, f->report, sizeof f->report);

    assert_true(length > 0);
    assert_int_equal(strlen(f->report), length);
    return f->report;
}

void twin_assert_reported(struct twin_fixture *f, const char *text)
{
    if (strstr(twin_report(f), text) == NULL) {
        print_message("%s\nlacks %s\n", f->report, text);
        fail();
    }
}

struct twin_force twin_in_force(const struct twin_fixture *f)
{
    struct twin_force force;

    memset(&force, 0, sizeof force);
    force.settings = f->module.settings;
    force.count = f->twin.entry_count;
    memcpy(force.entries, f->twin.entries, force.count * sizeof force.entries[0]);
    return force;
}

bool twin_same_force(const struct twin_force *a, const struct twin_force *b)
{
    return memcmp(&a->settings, &b->settings, sizeof a->settings) == 0 && a->count == b->count &&
        memcmp(a->entries, b->entries, a->count * sizeof a->entries[0]) == 0;
}

const char twin_everything[] = "{\"highPriorityInterval\":5,\"mediumPriorityInterval\":60,"
                               "\"lowPriorityInterval\":600,\"collectors\":{\"networkActivity\":"
                               "true,\"heartbeat\":false,\"systemInformation\":true},\"allow\":["
                               "{\"remote\":\"192.0.2.0/24\",\"port\":443,\"protocol\":\"tcp\"},"
                               "{\"remote\":\"2001:db8::53\",\"localPort\":53}]}";

const char *twin_long_list(unsigned count)
{
    static char list[2048];
    size_t n = (size_t)snprintf(list, sizeof list, "{\"allow\":[");

    for (unsigned i = 0; i < count; i++) {
        n += (size_t)snprintf(list + n, sizeof list - n,
            "%s{\"remote\":\"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff%u/128\",\"port\":65535,"
            "\"localPort\":65535,\"protocol\":\"icmp\"}",
            i > 0 ? "," : "", i);
    }
    snprintf(list + n, sizeof list - n, "]}");
    return list;
}
