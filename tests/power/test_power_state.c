/* SPDX-License-Identifier: MIT */
/* The state store loses its power: at any sync, what it then holds is all up to a commit, and all that was answered. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/hub/state_model.h"
#include "tests/power/power.h"

#define TRANSACTIONS 150
#define STEPS        4

static struct state_model before;
static struct state_model after;
static unsigned looked_at;
static unsigned as_before;

/* NULL: the image is the model. */
static const char *image_differs(size_t index, const struct state_model *model)
{
    struct vd_state_store *store = NULL;
    const char *differs = "a file that does not open";

    power_image_write(index);
    if (vd_state_store_open(power_image_path("state.db"), &store) == VD_OK) {
        assert_int_equal(vd_state_store_begin(store), VD_OK);
        differs = state_model_differs(model, store);
    }
    vd_state_store_close(store);
    return differs;
}

/* Whatever was left at a moment within the transaction is all of it or nothing; the last image all. */
static void check_images(void)
{
    const size_t count = power_images();

    for (size_t i = 0; i < count; i++) {
        const char *differs = image_differs(i, &after);

        looked_at++;
        if (differs != NULL && i + 1 < count) {
            as_before++;
            differs = image_differs(i, &before);
        }
        if (differs != NULL) {
            fail_msg("after %u steps, image %zu of %zu: %s", after.steps, i, count, differs);
        }
    }
    power_images_drop();
}

static void run_transaction(struct vd_state_store *store)
{
    before = after;
    assert_int_equal(vd_state_store_begin(store), VD_OK);
    for (unsigned i = 0; i < STEPS; i++) {
        state_model_step(&after, store);
    }
    assert_int_equal(vd_state_store_commit(store), VD_OK);
    power_cut();
    check_images();
}

static void test_power_state__keeps_what_was_answered(void **state)
{
    struct vd_state_store *store = NULL;

    (void)state;
    state_model_init(&after);
    assert_int_equal(vd_state_store_open(power_path("state.db"), &store), VD_OK);
    power_images_drop();
    for (unsigned i = 0; i < TRANSACTIONS; i++) {
        run_transaction(store);
        if (state_random(50) == 0) {
            before = after;
            vd_state_store_close(store);
            assert_int_equal(vd_state_store_open(power_path("state.db"), &store), VD_OK);
            check_images();
        }
    }
    vd_state_store_close(store);
    power_cut();
    check_images();
    /* It was cut within transactions, and at commits. */
    assert_in_range(looked_at, 2 * TRANSACTIONS, 100 * TRANSACTIONS);
    assert_in_range(as_before, TRANSACTIONS / 2, looked_at - TRANSACTIONS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_power_state__keeps_what_was_answered, power_set_up, power_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
