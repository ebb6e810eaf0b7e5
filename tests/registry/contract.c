/* SPDX-License-Identifier: MIT */
/* The contract of hub/registry.h. */

#include "tests/registry/contract.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/str.h"

struct vd_identity registry_identity(const char *device_id, const char *module_id)
{
    struct vd_identity identity = {.enabled = true};

    assert_int_equal(vd_text_copy(device_id, identity.device_id, sizeof identity.device_id), VD_OK);
    assert_int_equal(vd_text_copy(module_id, identity.module_id, sizeof identity.module_id), VD_OK);
    identity.primary_key.length = VD_KEY_MIN_BYTES;
    identity.secondary_key.length = VD_KEY_MAX_BYTES;
    memset(identity.primary_key.bytes, device_id[0], VD_KEY_MIN_BYTES);
    memset(identity.secondary_key.bytes, 0xa5, VD_KEY_MAX_BYTES);
    identity.secondary_key.bytes[0] = (uint8_t)module_id[0];
    return identity;
}

static void assert_same(const struct vd_identity *a, const struct vd_identity *b)
{
    assert_string_equal(a->device_id, b->device_id);
    assert_string_equal(a->module_id, b->module_id);
    assert_string_equal(a->generation_id, b->generation_id);
    assert_int_equal(a->enabled, b->enabled);
    assert_int_equal(a->created_ms, b->created_ms);
    assert_int_equal(a->primary_key.length, b->primary_key.length);
    assert_memory_equal(a->primary_key.bytes, b->primary_key.bytes, a->primary_key.length);
    assert_int_equal(a->secondary_key.length, b->secondary_key.length);
    assert_memory_equal(a->secondary_key.bytes, b->secondary_key.bytes, a->secondary_key.length);
}

void registry_contract_create_get(struct vd_registry *registry)
{
    struct vd_identity a = registry_identity("a", "");
    struct vd_identity odd = registry_identity("%41-.+_#*?!(),:=@$'", "");
    struct vd_identity got = {0};
    struct vd_identity untouched;
    int64_t before = vd_clock_utc_ms();

    odd.enabled = false;
    assert_int_equal(vd_registry_create(registry, &a), VD_OK);
    assert_int_equal(vd_registry_create(registry, &odd), VD_OK);
    assert_int_equal(strlen(a.generation_id), 36);
    assert_true(a.created_ms >= before && a.created_ms <= vd_clock_utc_ms());
    assert_int_equal(vd_registry_get(registry, "a", "", &got), VD_OK);
    assert_same(&got, &a);
    assert_int_equal(vd_registry_get(registry, odd.device_id, "", &got), VD_OK);
    assert_same(&got, &odd);
    untouched = got;
    assert_int_equal(vd_registry_get(registry, "A", "", &got), VD_E_NOT_FOUND);
    assert_int_equal(vd_registry_get(registry, "a", "m", &got), VD_E_NOT_FOUND);
    assert_int_equal(vd_registry_get(registry, "", "", &got), VD_E_NOT_FOUND);
    assert_memory_equal(&got, &untouched, sizeof got);
}

void registry_contract_refused(struct vd_registry *registry)
{
    static const char *const bad_ids[] = {"", "a b", "a/b", "\xc3\xa9", "a\n"};
    struct vd_identity a = registry_identity("a", "");
    struct vd_identity longest = registry_identity("a", "");
    struct vd_identity before;

    for (size_t i = 0; i < sizeof bad_ids / sizeof bad_ids[0]; i++) {
        struct vd_identity bad = registry_identity("x", "");

        assert_int_equal(vd_text_copy(bad_ids[i], bad.device_id, sizeof bad.device_id), VD_OK);
        assert_int_equal(vd_registry_create(registry, &bad), VD_E_INVALID);
        assert_string_equal(bad.generation_id, "");
    }
    memset(longest.device_id, 'l', VD_ID_MAX);
    assert_int_equal(vd_registry_create(registry, &longest), VD_OK);
    a.primary_key.length = VD_KEY_MIN_BYTES - 1;
    assert_int_equal(vd_registry_create(registry, &a), VD_E_INVALID);
    a.primary_key.length = VD_KEY_MAX_BYTES + 1;
    assert_int_equal(vd_registry_create(registry, &a), VD_E_INVALID);
    a.primary_key.length = VD_KEY_MIN_BYTES;
    a.secondary_key.length = 0;
    assert_int_equal(vd_registry_create(registry, &a), VD_E_INVALID);

    a = registry_identity("a", "");
    assert_int_equal(vd_registry_create(registry, &a), VD_OK);
    before = a;
    assert_int_equal(vd_registry_create(registry, &a), VD_E_EXISTS);
    assert_memory_equal(&a, &before, sizeof a);
}

void registry_contract_modules(struct vd_registry *registry)
{
    struct vd_identity device = registry_identity("d", "");
    struct vd_identity module = registry_identity("d", "m");
    struct vd_identity got = {0};

    assert_int_equal(vd_registry_create(registry, &module), VD_E_NOT_FOUND);
    assert_int_equal(vd_registry_create(registry, &device), VD_OK);
    assert_int_equal(vd_registry_create(registry, &module), VD_OK);
    assert_int_equal(vd_registry_get(registry, "d", "m", &got), VD_OK);
    assert_same(&got, &module);
    assert_int_equal(vd_registry_get(registry, "d", "", &got), VD_OK);
    assert_same(&got, &device);
}

struct listed {
    char text[8192];
    size_t count;
    size_t stop_after;
    struct vd_registry *registry;
};

static bool collect(void *context, const struct vd_identity *identity)
{
    struct listed *listed = context;
    struct vd_identity again;

    /* The callback may call the registry. */
    assert_int_equal(
        vd_registry_get(listed->registry, identity->device_id, identity->module_id, &again), VD_OK);
    snprintf(listed->text + strlen(listed->text), sizeof listed->text - strlen(listed->text),
        "%s/%s ", identity->device_id, identity->module_id);
    listed->count++;
    return listed->count != listed->stop_after;
}

void registry_contract_list(struct vd_registry *registry)
{
    struct listed listed = {.registry = registry};
    char id[16];

    assert_int_equal(vd_registry_list(registry, collect, &listed), VD_OK);
    assert_int_equal(listed.count, 0);
    for (int i = 149; i >= 0; i--) {
        struct vd_identity identity;

        snprintf(id, sizeof id, "d%03d", i);
        identity = registry_identity(id, "");
        assert_int_equal(vd_registry_create(registry, &identity), VD_OK);
    }
    for (const char *module = "zy"; *module != '\0'; module++) {
        char name[2] = {*module, '\0'};
        struct vd_identity identity = registry_identity("d001", name);

        assert_int_equal(vd_registry_create(registry, &identity), VD_OK);
    }
    assert_int_equal(vd_registry_list(registry, collect, &listed), VD_OK);
    assert_int_equal(listed.count, 152);
    assert_memory_equal(listed.text, "d000/ d001/ d001/y d001/z d002/ ", 32);
    assert_non_null(strstr(listed.text, "d148/ d149/ "));
    listed = (struct listed){.registry = registry, .stop_after = 3};
    assert_int_equal(vd_registry_list(registry, collect, &listed), VD_OK);
    assert_string_equal(listed.text, "d000/ d001/ d001/y ");
}

void registry_contract_remove(struct vd_registry *registry)
{
    struct vd_identity device = registry_identity("d", "");
    struct vd_identity again = registry_identity("d", "");
    struct vd_identity one = registry_identity("d", "one");
    struct vd_identity two = registry_identity("d", "two");
    struct vd_identity other = registry_identity("e", "");
    struct vd_identity got = {0};

    assert_int_equal(vd_registry_remove(registry, "d", ""), VD_E_NOT_FOUND);
    assert_int_equal(vd_registry_create(registry, &device), VD_OK);
    assert_int_equal(vd_registry_create(registry, &one), VD_OK);
    assert_int_equal(vd_registry_create(registry, &two), VD_OK);
    assert_int_equal(vd_registry_create(registry, &other), VD_OK);
    assert_int_equal(vd_registry_remove(registry, "d", "one"), VD_OK);
    assert_int_equal(vd_registry_get(registry, "d", "one", &got), VD_E_NOT_FOUND);
    assert_int_equal(vd_registry_get(registry, "d", "two", &got), VD_OK);
    assert_int_equal(vd_registry_remove(registry, "d", ""), VD_OK);
    assert_int_equal(vd_registry_get(registry, "d", "", &got), VD_E_NOT_FOUND);
    assert_int_equal(vd_registry_get(registry, "d", "two", &got), VD_E_NOT_FOUND);
    assert_int_equal(vd_registry_get(registry, "e", "", &got), VD_OK);

    /* The same id made anew is another identity. */
    assert_int_equal(vd_registry_create(registry, &again), VD_OK);
    assert_string_not_equal(again.generation_id, device.generation_id);
}

#define THREADS    4
#define PER_THREAD 10

struct maker {
    struct vd_registry *registry;
    int number;
    int failures;
};

static void *make_some(void *context)
{
    struct maker *maker = context;
    char id[24];

    for (int i = 0; i < PER_THREAD; i++) {
        struct vd_identity identity;
        struct vd_identity got;

        snprintf(id, sizeof id, "t%d-%d", maker->number, i);
        identity = registry_identity(id, "");
        maker->failures += vd_registry_create(maker->registry, &identity) != VD_OK;
        maker->failures += vd_registry_get(maker->registry, id, "", &got) != VD_OK;
        /* All threads want this one: one of them gets it. */
        identity = registry_identity("shared", "");
        if (vd_registry_create(maker->registry, &identity) == VD_OK) {
            maker->failures += vd_registry_remove(maker->registry, "shared", "") != VD_OK;
        }
    }
    return NULL;
}

void registry_contract_threads(struct vd_registry *registry)
{
    struct listed listed = {.registry = registry};
    struct maker makers[THREADS];
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++) {
        makers[i] = (struct maker){registry, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, make_some, &makers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(makers[i].failures, 0);
    }
    assert_int_equal(vd_registry_list(registry, collect, &listed), VD_OK);
    assert_int_equal(listed.count, THREADS * PER_THREAD);
}
