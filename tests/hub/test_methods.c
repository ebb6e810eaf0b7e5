/* SPDX-License-Identifier: MIT */
/* The table of calls: bounds, order, whose an answer is, and random use beside a slow obvious model. */

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "hub/limits.h"
#include "hub/methods.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct vd_method_request *request_of(const char *device_id, const char *module_id)
{
    struct vd_method_request *request = calloc(1, sizeof *request);

    assert_non_null(request);
    assert_int_equal(vd_text_copy(device_id, request->device_id, sizeof request->device_id), VD_OK);
    assert_int_equal(vd_text_copy(module_id, request->module_id, sizeof request->module_id), VD_OK);
    return request;
}

static void free_all(struct vd_methods *methods)
{
    while (vd_methods_count(methods) > 0) {
        free(vd_methods_take_any(methods));
    }
    vd_methods_free(methods);
}

static void test_methods__whose_answer(void **state)
{
    struct vd_methods *methods = vd_methods_new();
    struct vd_method_request *a = request_of("dev1", "");
    struct vd_method_request *b = request_of("dev1", "mod");
    uint64_t rid;

    (void)state;
    assert_non_null(methods);
    assert_int_equal(vd_methods_add(methods, a, 10), VD_OK);
    assert_int_equal(vd_methods_add(methods, b, 10), VD_OK);
    rid = a->rid;
    assert_true(rid != 0 && b->rid != 0 && rid != b->rid);
    assert_null(vd_methods_take_answered(methods, rid, "dev1", "")); /* it was not sent */
    assert_null(vd_methods_take_sent(methods, "dev1", ""));
    assert_ptr_equal(vd_methods_unsent(methods, "dev1", ""), a);
    assert_ptr_equal(vd_methods_unsent(methods, "dev1", "mod"), b);
    assert_null(vd_methods_unsent(methods, "dev2", ""));
    vd_methods_sent(methods, a, 50);
    assert_null(vd_methods_unsent(methods, "dev1", ""));
    assert_null(vd_methods_take_answered(methods, rid, "dev1", "mod"));
    assert_null(vd_methods_take_answered(methods, rid, "dev2", ""));
    assert_null(vd_methods_take_answered(methods, rid + 1, "dev1", ""));
    assert_null(vd_methods_take_answered(methods, 0, "dev1", ""));
    assert_ptr_equal(vd_methods_take_answered(methods, rid, "dev1", ""), a);
    assert_null(vd_methods_take_answered(methods, rid, "dev1", ""));
    assert_int_equal(vd_methods_count(methods), 1);
    free(a);
    free_all(methods);
}

static void test_methods__bounds(void **state)
{
    struct vd_methods *methods = vd_methods_new();
    struct vd_method_request *extra = request_of("full", "");
    char id[16];

    (void)state;
    for (int i = 0; i < VD_HUB_METHODS_PER_IDENTITY; i++) {
        assert_int_equal(vd_methods_add(methods, request_of("full", ""), 1), VD_OK);
    }
    assert_int_equal(vd_methods_add(methods, extra, 1), VD_E_LIMIT);
    for (int i = VD_HUB_METHODS_PER_IDENTITY; i < VD_HUB_METHODS_MAX; i++) {
        snprintf(id, sizeof id, "dev%d", i);
        assert_int_equal(vd_methods_add(methods, request_of(id, ""), 1), VD_OK);
    }
    assert_int_equal(vd_methods_count(methods), VD_HUB_METHODS_MAX);
    snprintf(extra->device_id, sizeof extra->device_id, "empty");
    assert_int_equal(vd_methods_add(methods, extra, 1), VD_E_LIMIT);
    free(vd_methods_take_any(methods));
    assert_int_equal(vd_methods_add(methods, extra, 1), VD_OK);
    free_all(methods);
}

/* ---- Beside a model: an array in order of arrival, searched from the front ---- */

#define MODEL_MAX 200

struct model {
    struct vd_method_request *requests[MODEL_MAX];
    size_t count;
};

static const struct {
    const char *device_id;
    const char *module_id;
} identities[] = {{"a", ""}, {"a", "m"}, {"b", ""}, {"c", "m"}, {"c", "n"}};

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static bool model_is_of(const struct vd_method_request *request, size_t who)
{
    return strcmp(request->device_id, identities[who].device_id) == 0 &&
        strcmp(request->module_id, identities[who].module_id) == 0;
}

static struct vd_method_request *model_find(const struct model *model, size_t who, bool is_sent)
{
    for (size_t i = 0; i < model->count; i++) {
        if (model->requests[i]->is_sent == is_sent && model_is_of(model->requests[i], who)) {
            return model->requests[i];
        }
    }
    return NULL;
}

static size_t model_count(const struct model *model, size_t who)
{
    size_t count = 0;

    for (size_t i = 0; i < model->count; i++) {
        count += model_is_of(model->requests[i], who) ? 1 : 0;
    }
    return count;
}

static int64_t model_next_due(const struct model *model)
{
    int64_t due = INT64_MAX;

    for (size_t i = 0; i < model->count; i++) {
        due = model->requests[i]->due_ms < due ? model->requests[i]->due_ms : due;
    }
    return due;
}

static void model_remove(struct model *model, struct vd_method_request *request)
{
    size_t i = 0;

    while (i < model->count && model->requests[i] != request) {
        i++;
    }
    assert_true(i < model->count);
    memmove(&model->requests[i], &model->requests[i + 1],
        (model->count - i - 1) * sizeof(struct vd_method_request *));
    model->count--;
    free(request);
}

static void add_one(
    struct vd_methods *methods, struct model *model, size_t who, int64_t due_ms, uint64_t *last_rid)
{
    struct vd_method_request *request =
        request_of(identities[who].device_id, identities[who].module_id);
    bool fits = model_count(model, who) < VD_HUB_METHODS_PER_IDENTITY;

    assert_int_equal(vd_methods_add(methods, request, due_ms), fits ? VD_OK : VD_E_LIMIT);
    if (fits) {
        assert_true(request->rid > *last_rid && !request->is_sent);
        *last_rid = request->rid;
        model->requests[model->count++] = request;
    } else {
        free(request);
    }
}

static void answer_one(struct vd_methods *methods, struct model *model, size_t who, uint32_t random)
{
    struct vd_method_request *asked =
        model->count > 0 ? model->requests[random % model->count] : NULL;
    uint64_t rid = asked != NULL ? asked->rid : random;
    bool matches = asked != NULL && asked->is_sent && model_is_of(asked, who);
    struct vd_method_request *got = vd_methods_take_answered(
        methods, rid, identities[who].device_id, identities[who].module_id);

    assert_ptr_equal(got, matches ? asked : NULL);
    if (got != NULL) {
        model_remove(model, got);
    }
}

static void take_due(struct vd_methods *methods, struct model *model, int64_t now_ms)
{
    struct vd_method_request *got;

    while ((got = vd_methods_take_due(methods, now_ms)) != NULL) {
        assert_true(got->due_ms <= now_ms);
        assert_int_equal(got->due_ms, model_next_due(model));
        model_remove(model, got);
    }
    assert_true(model_next_due(model) > now_ms);
}

static void step(struct vd_methods *methods, struct model *model, int64_t now_ms,
    uint64_t *last_rid, uint32_t *seed)
{
    size_t who = next_random(seed) % COUNT(identities);
    const char *device_id = identities[who].device_id;
    const char *module_id = identities[who].module_id;
    struct vd_method_request *request;

    switch (next_random(seed) % 8) {
    case 0:
    case 1:
    case 2:
        add_one(methods, model, who, now_ms + next_random(seed) % 50, last_rid);
        break;
    case 3:
    case 4:
        request = vd_methods_unsent(methods, device_id, module_id);
        assert_ptr_equal(request, model_find(model, who, false));
        if (request != NULL) {
            vd_methods_sent(methods, request, now_ms + next_random(seed) % 100);
        }
        break;
    case 5:
        answer_one(methods, model, who, next_random(seed));
        break;
    case 6:
        request = model_find(model, who, true);
        assert_ptr_equal(vd_methods_take_sent(methods, device_id, module_id), request);
        if (request != NULL) {
            model_remove(model, request);
        }
        break;
    default:
        take_due(methods, model, now_ms);
    }
    assert_int_equal(vd_methods_count(methods), model->count);
    assert_int_equal(vd_methods_next_due(methods), model_next_due(model));
}

static void test_methods__random_use(void **state)
{
    (void)state;
    for (uint32_t round = 1; round <= 20; round++) {
        struct vd_methods *methods = vd_methods_new();
        struct model model = {.count = 0};
        uint32_t seed = round;
        uint64_t last_rid = 0;

        assert_non_null(methods);
        for (int64_t now_ms = 0; now_ms < 2000; now_ms++) {
            step(methods, &model, now_ms, &last_rid, &seed);
        }
        free_all(methods);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_methods__whose_answer),
        cmocka_unit_test(test_methods__bounds),
        cmocka_unit_test(test_methods__random_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
