/* SPDX-License-Identifier: MIT */
/* Query tables with too little memory for what they are given: an append that failed is in the tables or is not, as the offset says. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/center/analytics_fixture.h"

#define BATCH       500
#define BATCHES_MAX 2000
#define FAILURES    3
#define DETAILS     64

/* Details that do not shrink: a step of a linear congruential generator each. */
static void fill_details(uint64_t row, char out[DETAILS + 1])
{
    uint64_t state = row * 2862933555777941757ULL + 3037000493ULL;

    for (size_t i = 0; i < DETAILS; i++) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        out[i] = (char)('a' + (state >> 40) % 26);
    }
    out[DETAILS] = '\0';
}

static int append(struct analytics_fixture *f, uint64_t first)
{
    static struct vd_raw_event rows[BATCH];
    static char details[BATCH][DETAILS + 1];

    for (size_t i = 0; i < BATCH; i++) {
        fill_details(first + i, details[i]);
        rows[i] = (struct vd_raw_event){
            .time_generated_ms = ANALYTICS_DAY_0,
            .id = test_uuid(first + i),
            .device_id = VD_STR_LITERAL("device"),
            .details = vd_str_from(details[i]),
        };
    }
    return vd_analytics_append(f->analytics,
        &(struct vd_table_rows){.raw_events = rows, .raw_event_count = BATCH}, first + BATCH);
}

static void test_memory__an_append_that_failed_is_there_or_not(void **state)
{
    struct analytics_fixture *f = *state;
    uint64_t next = 0;
    unsigned failures = 0;

    vd_analytics_close(f->analytics);
    f->memory_limit_mib = 24; /* less than a checkpoint wants */
    assert_int_equal(analytics_open_at(f), VD_OK);
    for (unsigned i = 0; i < BATCHES_MAX && failures < FAILURES; i++) {
        failures += append(f, next) != VD_OK ? 1 : 0;
        next = analytics_offset_of(f);
    }
    print_message("%u appends failed of %u rows\n", failures, (unsigned)next);
    assert_int_equal(failures, FAILURES);
    assert_int_equal(analytics_count_rows(f), next);
    analytics_reopen(f);
    assert_int_equal(analytics_offset_of(f), next);
    assert_int_equal(analytics_count_rows(f), next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ANALYTICS_TEST(test_memory__an_append_that_failed_is_there_or_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
