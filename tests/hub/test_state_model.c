/* SPDX-License-Identifier: MIT */
/* Random operations on the state store against a model, with the file opened anew, and transactions undone, in between. */

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/hub/state_model.h"

#define STEPS 8000

static struct state_file file;
static struct vd_state_store *store;

static void open_store(void)
{
    assert_int_equal(vd_state_store_open(file.path, &store), VD_OK);
    assert_int_equal(vd_state_store_begin(store), VD_OK);
}

static void close_store(void)
{
    vd_state_store_close(store);
    store = NULL;
}

static void commit(void)
{
    assert_int_equal(vd_state_store_commit(store), VD_OK);
}

struct failing {
    struct state_model *model;
    unsigned steps;
};

static int run_and_fail(void *context, struct vd_state_store *in)
{
    struct failing *failing = context;

    for (unsigned i = 0; i < failing->steps; i++) {
        state_model_step(failing->model, in);
    }
    return VD_E_DENIED;
}

/* What is done and undone leaves nothing. */
static void undo_some(const struct state_model *model)
{
    static struct state_model undone;
    struct failing failing = {&undone, 1 + state_random(5)};

    undone = *model;
    assert_int_equal(vd_state_store_attempt(store, run_and_fail, &failing), VD_E_DENIED);
}

static void assert_same(const struct state_model *model)
{
    const char *differs = state_model_differs(model, store);

    if (differs != NULL) {
        fail_msg("after %u steps: %s", model->steps, differs);
    }
}

static void test_state_model__holds_what_the_model_does(void **state)
{
    static struct state_model model;

    (void)state;
    state_model_init(&model);
    open_store();
    for (unsigned i = 0; i < STEPS; i++) {
        state_model_step(&model, store);
        switch (state_random(40)) {
        case 0:
            undo_some(&model);
            break;
        case 1:
            assert_same(&model);
            break;
        case 2:
            commit();
            assert_int_equal(vd_state_store_begin(store), VD_OK);
            break;
        case 3:
            commit();
            close_store();
            open_store();
            assert_same(&model);
            break;
        default:
            break;
        }
    }
    assert_same(&model);
    assert_true(model.messages > STEPS / 20);
    close_store();
}

static int set_up(void **state)
{
    (void)state;
    state_file_make(&file);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    close_store();
    state_file_remove(&file);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_state_model__holds_what_the_model_does, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
