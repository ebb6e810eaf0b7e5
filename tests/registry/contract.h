/* SPDX-License-Identifier: MIT */
/* What every registry must do, as tests on one that the caller opens. */

#ifndef VEDETTE_TESTS_REGISTRY_CONTRACT_H
#define VEDETTE_TESTS_REGISTRY_CONTRACT_H

#include "hub/registry.h"

/* Each takes an empty registry, and leaves it open. */
void registry_contract_create_get(struct vd_registry *registry);
void registry_contract_refused(struct vd_registry *registry);
void registry_contract_modules(struct vd_registry *registry);
void registry_contract_list(struct vd_registry *registry);
void registry_contract_remove(struct vd_registry *registry);
void registry_contract_threads(struct vd_registry *registry);
void registry_contract_update(struct vd_registry *registry);
void registry_contract_credentials(struct vd_registry *registry);
void registry_contract_count(struct vd_registry *registry);
/* Takes a new registry: it has the standard policies. */
void registry_contract_policies(struct vd_registry *registry);
void registry_contract_ca_certificates(struct vd_registry *registry);
void registry_contract_settings(struct vd_registry *registry);
void registry_contract_tokens(struct vd_registry *registry);
void registry_contract_token_check(struct vd_registry *registry);
/* Takes a new registry likewise. */
void registry_contract_change(struct vd_registry *registry);

/* An identity with keys that depend on the ids. */
struct vd_identity registry_identity(const char *device_id, const char *module_id);

#endif
