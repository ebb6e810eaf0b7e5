/* SPDX-License-Identifier: MIT */
/* Tests of the device's state machine: every state with every event. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "azure_iot_security_module/inc/asc_state.h"

#define NONE      ASC_STATE_NOT_INITIALISED
#define PENDING   ASC_STATE_PENDING
#define ACTIVE    ASC_STATE_ACTIVE
#define SUSPENDED ASC_STATE_SUSPENDED

static const struct {
    enum asc_state state;
    enum asc_state_event event;
    enum asc_state next;
} matrix[] = {
    {NONE, ASC_EVENT_ENABLE, PENDING},
    {NONE, ASC_EVENT_DISABLE, NONE},
    {NONE, ASC_EVENT_CONNECTED, NONE},
    {NONE, ASC_EVENT_DISCONNECTED, NONE},
    {NONE, ASC_EVENT_PENDING_EXPIRED, NONE},
    {PENDING, ASC_EVENT_ENABLE, PENDING},
    {PENDING, ASC_EVENT_DISABLE, NONE},
    {PENDING, ASC_EVENT_CONNECTED, ACTIVE},
    {PENDING, ASC_EVENT_DISCONNECTED, PENDING},
    {PENDING, ASC_EVENT_PENDING_EXPIRED, SUSPENDED},
    {ACTIVE, ASC_EVENT_ENABLE, ACTIVE},
    {ACTIVE, ASC_EVENT_DISABLE, NONE},
    {ACTIVE, ASC_EVENT_CONNECTED, ACTIVE},
    {ACTIVE, ASC_EVENT_DISCONNECTED, PENDING},
    {ACTIVE, ASC_EVENT_PENDING_EXPIRED, ACTIVE},
    {SUSPENDED, ASC_EVENT_ENABLE, PENDING},
    {SUSPENDED, ASC_EVENT_DISABLE, NONE},
    {SUSPENDED, ASC_EVENT_CONNECTED, ACTIVE},
    {SUSPENDED, ASC_EVENT_DISCONNECTED, SUSPENDED},
    {SUSPENDED, ASC_EVENT_PENDING_EXPIRED, SUSPENDED},
};

static void test_state__whole_matrix(void **state)
{
    unsigned seen[ASC_STATE_COUNT][ASC_STATE_EVENT_COUNT] = {{0}};

    (void)state;
    assert_int_equal(sizeof matrix / sizeof matrix[0], ASC_STATE_COUNT * ASC_STATE_EVENT_COUNT);
    for (size_t i = 0; i < sizeof matrix / sizeof matrix[0]; i++) {
        assert_int_equal(asc_state_next(matrix[i].state, matrix[i].event), matrix[i].next);
        assert_int_equal(seen[matrix[i].state][matrix[i].event]++, 0);
    }
}

static void test_state__outside_the_enums(void **state)
{
    (void)state;
    assert_int_equal(asc_state_next(ACTIVE, ASC_STATE_EVENT_COUNT), ACTIVE);
    assert_int_equal(asc_state_next(ASC_STATE_COUNT, ASC_EVENT_ENABLE), ASC_STATE_COUNT);
    assert_string_equal(asc_state_name(ASC_STATE_COUNT), "unknown");
    assert_string_equal(asc_state_event_name(ASC_STATE_EVENT_COUNT), "unknown");
}

static void test_state__names(void **state)
{
    (void)state;
    assert_string_equal(asc_state_name(NONE), "not initialised");
    assert_string_equal(asc_state_name(PENDING), "pending");
    assert_string_equal(asc_state_name(ACTIVE), "active");
    assert_string_equal(asc_state_name(SUSPENDED), "suspended");
    assert_string_equal(asc_state_event_name(ASC_EVENT_PENDING_EXPIRED), "pending expired");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state__whole_matrix),
        cmocka_unit_test(test_state__outside_the_enums),
        cmocka_unit_test(test_state__names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
