/* SPDX-License-Identifier: MIT */
/* A registry in memory for tests of the hub: a few identities, and a fault to inject. */

#ifndef VEDETTE_TESTS_HUB_MEMORY_REGISTRY_H
#define VEDETTE_TESTS_HUB_MEMORY_REGISTRY_H

#include "hub/registry.h"

#define MEMORY_REGISTRY_MAX 300

struct memory_registry {
    struct vd_registry base;
    struct vd_identity identities[MEMORY_REGISTRY_MAX];
    unsigned count;
    struct vd_policy policies[4];
    unsigned policy_count;
    struct vd_ca_certificate cas[4]; /* filled in by the test, ca_count of them */
    unsigned ca_count;
    int fail_with; /* what every call answers, if not 0 */
};

void memory_registry_init(struct memory_registry *registry);

/* Adds an enabled identity; its primary key is 32 bytes of `primary`, its secondary of `secondary`. */
struct vd_identity *memory_registry_add(struct memory_registry *registry, const char *device_id,
    const char *module_id, char primary, char secondary);

/* Adds a policy; its primary key is 32 bytes of `primary`, its secondary of the next character. */
struct vd_policy *memory_registry_add_policy(
    struct memory_registry *registry, const char *name, uint32_t rights, char primary);

/* The key that 32 times `fill` makes. */
struct vd_key memory_key(char fill);

#endif
