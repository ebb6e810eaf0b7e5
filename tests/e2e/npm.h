/* SPDX-License-Identifier: MIT */
/* Runs tests of tests/npm: software that this project did not write, against a hub. */

#ifndef VEDETTE_TESTS_E2E_NPM_H
#define VEDETTE_TESTS_E2E_NPM_H

#include "tests/e2e/harness.h"

/* A hub in the data directory `name`. What the SDKs connect to is the hub's own name. Without HTTPS only MQTT is served, on any port; with it also what the SDKs
 * for back ends know, port 443 of a network of the test's own (E2E_NAMESPACES). `settings`: further lines of vedette.conf. */
void e2e_npm_hub_start(
    struct e2e_hub *hub, const char *name, bool with_https, const char *settings);

/* Fails the test unless FILE's tests pass within timeout_ms. `env`: more of "NAME=value", NULL-terminated; NULL: none. */
void e2e_npm_run(
    const struct e2e_hub *hub, const char *file, const char *const *env, int64_t timeout_ms);

/* Whether the package is installed. */
bool e2e_npm_has(const char *package);

#endif
