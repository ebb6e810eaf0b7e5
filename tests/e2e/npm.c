/* SPDX-License-Identifier: MIT */
/* Tells Node.js's test runner where the hub is. */

#include "tests/e2e/npm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define MODULES VD_DEPS_DIR "/npm-tests/node_modules"
#define ENV_MAX 16

void e2e_npm_hub_start(struct e2e_hub *hub, const char *name, bool with_https, const char *settings)
{
    char path[128];
    FILE *file;

    e2e_hub_init_as(hub, "localhost", name, NULL, "127.0.0.1", 0);
    snprintf(path, sizeof(path), "%s/vedette.conf", hub->data);
    file = fopen(path, "a");
    assert_non_null(file);
    assert_true(fputs(with_https ? "https.listen = 127.0.0.1:443\n" : "", file) >= 0);
    assert_true(fputs(settings, file) >= 0);
    assert_int_equal(fclose(file), 0);
    e2e_hub_start(hub);
}

void e2e_npm_run(
    const struct e2e_hub *hub, const char *file, const char *const *env, int64_t timeout_ms)
{
    char path[512];
    char host[64];
    char ca[160];
    char trust[160];
    char program[512];
    char data[160];
    const char *all[ENV_MAX + 1] = {"NODE_PATH=" MODULES, host, ca, trust, program, data,
        "VEDETTE_TEST_PRIMARY_KEY=" E2E_PRIMARY_KEY,
        "VEDETTE_TEST_SECONDARY_KEY=" E2E_SECONDARY_KEY};
    size_t count = 8;
    struct e2e_result result;

    snprintf(path, sizeof(path), VD_SOURCE_DIR "/tests/npm/%s", file);
    snprintf(host, sizeof(host), "VEDETTE_TEST_HOST=localhost:%u", hub->port);
    snprintf(ca, sizeof(ca), "VEDETTE_TEST_CA=%s", hub->ca);
    snprintf(trust, sizeof(trust), "NODE_EXTRA_CA_CERTS=%s", hub->ca);
    snprintf(program, sizeof(program), "VEDETTE_TEST_PROGRAM=%s", e2e_vedette());
    snprintf(data, sizeof(data), "VEDETTE_TEST_DATA=%s", hub->data);
    for (; env != NULL && *env != NULL; env++) {
        assert_true(count < ENV_MAX);
        all[count++] = *env;
    }
    result = e2e_run(
        &(struct e2e_start){.argv = E2E_ARGS("node", "--test", path), .env = all}, timeout_ms);
    printf("%s%s", result.out, result.err);
    assert_int_equal(result.status, 0);
    e2e_result_release(&result);
}

bool e2e_npm_has(const char *package)
{
    char path[512];

    snprintf(path, sizeof(path), MODULES "/%s", package);
    return access(path, R_OK) == 0;
}
