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
    assert_string_equal(a->status_reason, b->status_reason);
    assert_int_equal(a->auth_type, b->auth_type);
    assert_string_equal(a->thumbprints[0], b->thumbprints[0]);
    assert_string_equal(a->thumbprints[1], b->thumbprints[1]);
    assert_int_equal(a->etag, b->etag);
    assert_int_equal(a->status_updated_ms, b->status_updated_ms);
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
    assert_int_equal(a.status_updated_ms, a.created_ms);
    assert_int_equal(a.etag, 1);
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

    assert_int_equal(vd_registry_list(registry, NULL, NULL, collect, &listed), VD_OK);
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
    assert_int_equal(vd_registry_list(registry, NULL, NULL, collect, &listed), VD_OK);
    assert_int_equal(listed.count, 152);
    assert_memory_equal(listed.text, "d000/ d001/ d001/y d001/z d002/ ", 32);
    assert_non_null(strstr(listed.text, "d148/ d149/ "));
    listed = (struct listed){.registry = registry, .stop_after = 3};
    assert_int_equal(vd_registry_list(registry, NULL, NULL, collect, &listed), VD_OK);
    assert_string_equal(listed.text, "d000/ d001/ d001/y ");

    /* Behind ids that are there, and behind ones that are not. */
    listed = (struct listed){.registry = registry, .stop_after = 2};
    assert_int_equal(vd_registry_list(registry, "d001", "y", collect, &listed), VD_OK);
    assert_string_equal(listed.text, "d001/z d002/ ");
    listed = (struct listed){.registry = registry, .stop_after = 2};
    assert_int_equal(vd_registry_list(registry, "d001", NULL, collect, &listed), VD_OK);
    assert_string_equal(listed.text, "d001/y d001/z ");
    listed = (struct listed){.registry = registry};
    assert_int_equal(vd_registry_list(registry, "d147x", "", collect, &listed), VD_OK);
    assert_string_equal(listed.text, "d148/ d149/ ");
    listed = (struct listed){.registry = registry};
    assert_int_equal(vd_registry_list(registry, "e", "", collect, &listed), VD_OK);
    assert_int_equal(listed.count, 0);

    /* By status: devices alone, each change at once. */
    for (int i = 0; i < 150; i += 70) {
        struct vd_identity identity = {0};

        snprintf(id, sizeof id, "d%03d", i);
        assert_int_equal(vd_registry_get(registry, id, "", &identity), VD_OK);
        identity.enabled = false;
        assert_int_equal(vd_registry_update(registry, &identity, 0), VD_OK);
    }
    listed = (struct listed){.registry = registry};
    assert_int_equal(vd_registry_list_by_status(registry, false, NULL, collect, &listed), VD_OK);
    assert_string_equal(listed.text, "d000/ d070/ d140/ ");
    listed = (struct listed){.registry = registry};
    assert_int_equal(vd_registry_list_by_status(registry, false, "d000", collect, &listed), VD_OK);
    assert_string_equal(listed.text, "d070/ d140/ ");
    listed = (struct listed){.registry = registry};
    assert_int_equal(vd_registry_list_by_status(registry, true, NULL, collect, &listed), VD_OK);
    assert_int_equal(listed.count, 147);
    assert_memory_equal(listed.text, "d001/ d002/ ", 12);
}

void registry_contract_remove(struct vd_registry *registry)
{
    struct vd_identity device = registry_identity("d", "");
    struct vd_identity again = registry_identity("d", "");
    struct vd_identity one = registry_identity("d", "one");
    struct vd_identity two = registry_identity("d", "two");
    struct vd_identity other = registry_identity("e", "");
    struct vd_identity got = {0};

    assert_int_equal(vd_registry_remove(registry, "d", "", 0), VD_E_NOT_FOUND);
    assert_int_equal(vd_registry_create(registry, &device), VD_OK);
    assert_int_equal(vd_registry_create(registry, &one), VD_OK);
    assert_int_equal(vd_registry_create(registry, &two), VD_OK);
    assert_int_equal(vd_registry_create(registry, &other), VD_OK);
    assert_int_equal(vd_registry_remove(registry, "d", "one", 0), VD_OK);
    assert_int_equal(vd_registry_get(registry, "d", "one", &got), VD_E_NOT_FOUND);
    assert_int_equal(vd_registry_get(registry, "d", "two", &got), VD_OK);
    assert_int_equal(vd_registry_remove(registry, "d", "", 0), VD_OK);
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
            maker->failures += vd_registry_remove(maker->registry, "shared", "", 0) != VD_OK;
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
    assert_int_equal(vd_registry_list(registry, NULL, NULL, collect, &listed), VD_OK);
    assert_int_equal(listed.count, THREADS * PER_THREAD);
}

#define SHA1_DIGITS   "97388663832D0393C9246CAB4FBA2C8677185A25"
#define SHA256_DIGITS "0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF"

void registry_contract_update(struct vd_registry *registry)
{
    struct vd_identity device = registry_identity("d", "");
    struct vd_identity module = registry_identity("d", "m");
    struct vd_identity changed;
    struct vd_identity got = {0};

    changed = device;
    assert_int_equal(vd_registry_update(registry, &changed, 0), VD_E_NOT_FOUND);
    assert_int_equal(vd_registry_create(registry, &device), VD_OK);
    assert_int_equal(vd_registry_create(registry, &module), VD_OK);

    /* What is the registry's own is taken from what is stored. */
    changed = registry_identity("d", "");
    changed.primary_key.bytes[0] ^= 1;
    memset(changed.status_reason, 'r', VD_STATUS_REASON_MAX);
    assert_int_equal(vd_registry_update(registry, &changed, 1), VD_OK);
    assert_int_equal(changed.etag, 2);
    assert_string_equal(changed.generation_id, device.generation_id);
    assert_int_equal(changed.created_ms, device.created_ms);
    assert_int_equal(changed.status_updated_ms, device.created_ms);
    assert_int_equal(vd_registry_get(registry, "d", "", &got), VD_OK);
    assert_same(&got, &changed);

    /* Somebody else's etag. */
    device.enabled = false;
    got = device;
    assert_int_equal(vd_registry_update(registry, &device, 1), VD_E_CHANGED);
    assert_int_equal(vd_registry_update(registry, &device, 3), VD_E_CHANGED);
    assert_memory_equal(&got, &device, sizeof got);
    assert_int_equal(vd_registry_update(registry, &device, 0), VD_OK);
    assert_int_equal(device.etag, 3);
    assert_true(device.status_updated_ms >= device.created_ms);
    assert_int_equal(vd_registry_get(registry, "d", "", &got), VD_OK);
    assert_same(&got, &device);
    assert_int_equal(vd_registry_get(registry, "d", "m", &got), VD_OK);
    assert_same(&got, &module);

    assert_int_equal(vd_registry_remove(registry, "d", "m", 2), VD_E_CHANGED);
    assert_int_equal(vd_registry_remove(registry, "d", "m", 1), VD_OK);
    assert_int_equal(vd_registry_remove(registry, "d", "", 1), VD_E_CHANGED);
    assert_int_equal(vd_registry_remove(registry, "d", "", 3), VD_OK);
    assert_int_equal(vd_registry_remove(registry, "d", "", 3), VD_E_NOT_FOUND);
}

/* Which keys and thumbprints go with which type. */
void registry_contract_credentials(struct vd_registry *registry)
{
    static const struct {
        enum vd_auth_type type;
        bool keys;
        const char *primary;
        const char *secondary;
        int error;
    } cases[] = {
        {VD_AUTH_SAS, true, "", "", VD_OK},
        {VD_AUTH_SAS, false, "", "", VD_E_INVALID},
        {VD_AUTH_SAS, true, SHA1_DIGITS, "", VD_E_INVALID},
        {VD_AUTH_SAS, true, "", SHA1_DIGITS, VD_E_INVALID},
        {VD_AUTH_THUMBPRINT, false, "", "", VD_E_INVALID},
        {VD_AUTH_THUMBPRINT, true, "", "", VD_E_INVALID},
        {VD_AUTH_THUMBPRINT, false, SHA1_DIGITS, "", VD_OK},
        {VD_AUTH_THUMBPRINT, false, "", SHA256_DIGITS, VD_OK},
        {VD_AUTH_THUMBPRINT, true, SHA1_DIGITS, SHA256_DIGITS, VD_OK},
        {VD_AUTH_THUMBPRINT, false, "97388663832d0393c9246cab4fba2c8677185a25", "", VD_E_INVALID},
        {VD_AUTH_THUMBPRINT, false, "97388663832D0393C9246CAB4FBA2C8677185A2", "", VD_E_INVALID},
        {VD_AUTH_THUMBPRINT, false, SHA1_DIGITS, "G", VD_E_INVALID},
        {VD_AUTH_CA, false, "", "", VD_OK},
        {VD_AUTH_CA, true, "", "", VD_OK},
        {VD_AUTH_CA, false, SHA1_DIGITS, "", VD_E_INVALID},
        {(enum vd_auth_type)3, true, "", "", VD_E_INVALID},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vd_identity made = registry_identity("d", "");
        struct vd_identity got = {0};

        made.auth_type = cases[i].type;
        if (!cases[i].keys) {
            made.primary_key = (struct vd_key){0};
            made.secondary_key = (struct vd_key){0};
        }
        snprintf(made.thumbprints[0], VD_THUMBPRINT_SIZE, "%s", cases[i].primary);
        snprintf(made.thumbprints[1], VD_THUMBPRINT_SIZE, "%s", cases[i].secondary);
        if (vd_registry_create(registry, &made) != cases[i].error) {
            fail_msg("case %zu", i);
        }
        if (cases[i].error == VD_OK) {
            assert_int_equal(vd_registry_get(registry, "d", "", &got), VD_OK);
            assert_same(&got, &made);
            assert_int_equal(vd_registry_remove(registry, "d", "", 0), VD_OK);
        }
    }
}

void registry_contract_count(struct vd_registry *registry)
{
    uint64_t all = 9;
    uint64_t enabled = 9;
    uint64_t disabled = 9;

    assert_int_equal(vd_registry_count(registry, &all, &enabled, &disabled), VD_OK);
    assert_true(all == 0 && enabled == 0 && disabled == 0);
    for (int letter = 'a'; letter <= 'e'; letter++) {
        struct vd_identity device = registry_identity((char[]){(char)letter, '\0'}, "");
        struct vd_identity module = registry_identity((char[]){(char)letter, '\0'}, "m");

        device.enabled = letter != 'b';
        assert_int_equal(vd_registry_create(registry, &device), VD_OK);
        assert_int_equal(vd_registry_create(registry, &module), VD_OK);
        device.enabled = device.enabled && letter != 'c';
        assert_int_equal(vd_registry_update(registry, &device, 0), VD_OK);
    }
    assert_int_equal(vd_registry_remove(registry, "a", "", 0), VD_OK);
    assert_int_equal(vd_registry_count(registry, &all, &enabled, &disabled), VD_OK);
    assert_true(all == 4 && enabled == 2 && disabled == 2);
}

static bool collect_policy(void *context, const struct vd_policy *policy)
{
    struct listed *listed = context;
    struct vd_policy again;
    char rights[VD_RIGHTS_TEXT_SIZE];

    assert_int_equal(vd_registry_policy_get(listed->registry, policy->name, &again), VD_OK);
    assert_memory_equal(&again, policy, sizeof again);
    vd_rights_format(policy->rights, rights);
    snprintf(listed->text + strlen(listed->text), sizeof listed->text - strlen(listed->text),
        "%s: %s; ", policy->name, rights);
    listed->count++;
    return listed->count != listed->stop_after;
}

static void check_standard_policies(struct vd_registry *registry)
{
    static const struct {
        const char *name;
        uint32_t allows;
    } cases[] = {
        {"iothubowner", VD_RIGHTS_ALL},
        {"service", VD_RIGHT_SERVICE_CONNECT},
        {"device", VD_RIGHT_DEVICE_CONNECT},
        {"registryRead", VD_RIGHT_REGISTRY_READ},
        {"registryReadWrite", VD_RIGHT_REGISTRY_READ | VD_RIGHT_REGISTRY_WRITE},
    };
    struct listed listed = {.registry = registry};
    struct vd_policy other = {0};

    assert_int_equal(vd_registry_policy_list(registry, collect_policy, &listed), VD_OK);
    assert_string_equal(listed.text,
        "device: DeviceConnect; iothubowner: RegistryWrite, ServiceConnect, DeviceConnect; "
        "registryRead: RegistryRead; registryReadWrite: RegistryWrite; service: ServiceConnect; ");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vd_policy policy = {0};

        assert_int_equal(vd_registry_policy_get(registry, cases[i].name, &policy), VD_OK);
        assert_int_equal(policy.primary_key.length, 32);
        assert_int_equal(policy.secondary_key.length, 32);
        assert_memory_not_equal(policy.primary_key.bytes, policy.secondary_key.bytes, 32);
        assert_memory_not_equal(policy.primary_key.bytes, other.primary_key.bytes, 32);
        for (uint32_t right = 1; right <= VD_RIGHT_DEVICE_CONNECT; right <<= 1) {
            assert_int_equal(
                vd_policy_allows(&policy, (enum vd_right)right), (cases[i].allows & right) != 0);
        }
        other = policy;
    }
}

void registry_contract_policies(struct vd_registry *registry)
{
    static const char *const bad_names[] = {"", "a b", "a/b", "a%"};
    struct vd_policy policy = {0};
    struct vd_policy made;
    struct vd_policy got = {0};
    char name[VD_NAME_MAX + 1];
    int error = VD_OK;

    check_standard_policies(registry);
    assert_int_equal(vd_registry_policy_get(registry, "device", &policy), VD_OK);
    policy.rights = VD_RIGHTS_ALL;
    policy.primary_key.bytes[0] ^= 1;
    assert_int_equal(vd_registry_policy_put(registry, &policy, 2), VD_E_CHANGED);
    assert_int_equal(vd_registry_policy_put(registry, &policy, 1), VD_OK);
    assert_int_equal(policy.etag, 2);
    assert_int_equal(vd_registry_policy_get(registry, "device", &got), VD_OK);
    assert_memory_equal(&got, &policy, sizeof got);

    made = policy;
    for (size_t i = 0; i < sizeof bad_names / sizeof bad_names[0]; i++) {
        snprintf(made.name, sizeof made.name, "%s", bad_names[i]);
        assert_int_equal(vd_registry_policy_put(registry, &made, 0), VD_E_INVALID);
    }
    snprintf(made.name, sizeof made.name, "mine-1.a_b");
    made.rights = 0;
    assert_int_equal(vd_registry_policy_put(registry, &made, 0), VD_E_INVALID);
    made.rights = VD_RIGHTS_ALL + 1;
    assert_int_equal(vd_registry_policy_put(registry, &made, 0), VD_E_INVALID);
    made.rights = VD_RIGHT_SERVICE_CONNECT;
    made.secondary_key.length = 0;
    assert_int_equal(vd_registry_policy_put(registry, &made, 0), VD_E_INVALID);
    made.secondary_key.length = 32;
    assert_int_equal(vd_registry_policy_put(registry, &made, 1), VD_E_NOT_FOUND);
    assert_int_equal(vd_registry_policy_put(registry, &made, 0), VD_OK);
    assert_int_equal(made.etag, 1);
    assert_int_equal(vd_registry_policy_remove(registry, made.name, 7), VD_E_CHANGED);
    assert_int_equal(vd_registry_policy_remove(registry, made.name, 1), VD_OK);
    assert_int_equal(vd_registry_policy_remove(registry, made.name, 0), VD_E_NOT_FOUND);
    assert_int_equal(vd_registry_policy_get(registry, made.name, &got), VD_E_NOT_FOUND);

    for (int i = 5; error == VD_OK && i <= VD_HUB_POLICIES_MAX; i++) {
        snprintf(name, sizeof name, "p%d", i);
        snprintf(made.name, sizeof made.name, "%s", name);
        error = vd_registry_policy_put(registry, &made, 0);
        assert_int_equal(error, i < VD_HUB_POLICIES_MAX ? VD_OK : VD_E_LIMIT);
    }
    /* What is there can still be replaced. */
    assert_int_equal(vd_registry_policy_put(registry, &policy, 0), VD_OK);
}

static bool collect_ca(void *context, const struct vd_ca_certificate *certificate)
{
    struct listed *listed = context;
    struct vd_ca_certificate again;

    assert_int_equal(vd_registry_ca_get(listed->registry, certificate->name, &again), VD_OK);
    assert_int_equal(again.der_length, certificate->der_length);
    assert_memory_equal(again.der, certificate->der, again.der_length);
    snprintf(listed->text + strlen(listed->text), sizeof listed->text - strlen(listed->text), "%s ",
        certificate->name);
    listed->count++;
    return listed->count != listed->stop_after;
}

static struct vd_ca_certificate ca_of(const char *name)
{
    struct vd_ca_certificate certificate = {.der_length = VD_HUB_CA_MAX_BYTES};

    snprintf(certificate.name, sizeof certificate.name, "%s", name);
    memset(certificate.der, name[0], VD_HUB_CA_MAX_BYTES);
    return certificate;
}

void registry_contract_ca_certificates(struct vd_registry *registry)
{
    struct listed listed = {.registry = registry};
    struct vd_ca_certificate a = ca_of("a");
    struct vd_ca_certificate b = ca_of("b");
    struct vd_ca_certificate got = {0};
    int64_t before = vd_clock_utc_ms();
    int error = VD_OK;

    assert_int_equal(vd_registry_ca_list(registry, collect_ca, &listed), VD_OK);
    assert_int_equal(listed.count, 0);
    assert_int_equal(vd_registry_ca_get(registry, "a", &got), VD_E_NOT_FOUND);
    assert_int_equal(vd_registry_ca_put(registry, &a, 1), VD_E_NOT_FOUND);
    assert_int_equal(vd_registry_ca_put(registry, &b, 0), VD_OK);
    assert_int_equal(vd_registry_ca_put(registry, &a, 0), VD_OK);
    assert_int_equal(a.etag, 1);
    assert_true(a.created_ms >= before && a.created_ms == a.updated_ms);
    assert_int_equal(vd_registry_ca_list(registry, collect_ca, &listed), VD_OK);
    assert_string_equal(listed.text, "a b ");

    a.is_verified = true;
    memset(a.verification_code, 'A', VD_VERIFICATION_CODE_SIZE - 1);
    a.der_length = 1;
    assert_int_equal(vd_registry_ca_put(registry, &a, 2), VD_E_CHANGED);
    assert_int_equal(vd_registry_ca_put(registry, &a, 1), VD_OK);
    assert_int_equal(vd_registry_ca_get(registry, "a", &got), VD_OK);
    assert_int_equal(got.etag, 2);
    assert_true(got.is_verified);
    assert_int_equal(got.der_length, 1);
    assert_string_equal(got.verification_code, a.verification_code);
    assert_int_equal(got.created_ms, a.created_ms);
    assert_int_equal(got.updated_ms, a.updated_ms);

    got.der_length = 0;
    assert_int_equal(vd_registry_ca_put(registry, &got, 0), VD_E_INVALID);
    got.der_length = VD_HUB_CA_MAX_BYTES + 1;
    assert_int_equal(vd_registry_ca_put(registry, &got, 0), VD_E_INVALID);
    got.der_length = 1;
    got.verification_code[3] = '\0';
    assert_int_equal(vd_registry_ca_put(registry, &got, 0), VD_E_INVALID);

    assert_int_equal(vd_registry_ca_remove(registry, "a", 1), VD_E_CHANGED);
    assert_int_equal(vd_registry_ca_remove(registry, "a", 2), VD_OK);
    assert_int_equal(vd_registry_ca_remove(registry, "a", 0), VD_E_NOT_FOUND);
    for (int i = 1; error == VD_OK && i <= VD_HUB_CA_MAX; i++) {
        snprintf(a.name, sizeof a.name, "n%d", i);
        error = vd_registry_ca_put(registry, &a, 0);
        assert_int_equal(error, i < VD_HUB_CA_MAX ? VD_OK : VD_E_LIMIT);
    }
}

void registry_contract_settings(struct vd_registry *registry)
{
    char large[VD_HUB_SETTING_MAX_BYTES + 1];
    struct vd_buf value = {0};
    uint64_t etag = 0;

    memset(large, 'x', sizeof large);
    assert_int_equal(vd_registry_setting_get(registry, "s", &value, &etag), VD_E_NOT_FOUND);
    assert_int_equal(
        vd_registry_setting_put(registry, "s", VD_STR_LITERAL("one"), 5, &etag), VD_E_NOT_FOUND);
    assert_int_equal(
        vd_registry_setting_put(registry, "s", VD_STR_LITERAL("one"), 0, &etag), VD_OK);
    assert_int_equal(etag, 1);
    assert_int_equal(
        vd_registry_setting_put(registry, "s", VD_STR_LITERAL("two"), 2, &etag), VD_E_CHANGED);
    assert_int_equal(
        vd_registry_setting_put(registry, "s", VD_STR_LITERAL("two"), 1, &etag), VD_OK);
    assert_int_equal(etag, 2);
    assert_int_equal(
        vd_registry_setting_put(registry, "no name", VD_STR_LITERAL("x"), 0, &etag), VD_E_INVALID);
    assert_int_equal(
        vd_registry_setting_put(registry, "s", (struct vd_str){large, sizeof large}, 0, &etag),
        VD_E_LIMIT);
    assert_int_equal(vd_registry_setting_get(registry, "s", &value, &etag), VD_OK);
    assert_int_equal(etag, 2);
    assert_int_equal(value.length, 3);
    assert_memory_equal(value.data, "two", 3);
    vd_buf_release(&value);
    assert_int_equal(
        vd_registry_setting_put(registry, "t", (struct vd_str){large, sizeof large - 1}, 0, &etag),
        VD_OK);
    assert_int_equal(vd_registry_setting_get(registry, "t", &value, &etag), VD_OK);
    assert_int_equal(value.length, sizeof large - 1);
    vd_buf_release(&value);
}
