/* SPDX-License-Identifier: MIT */
/* What every end-to-end test starts from: what it needs, its folder, a hub to talk to, the CLI. */

#ifndef VEDETTE_TESTS_E2E_HARNESS_H
#define VEDETTE_TESTS_E2E_HARNESS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/e2e/process.h"

/* CTest's word for "skipped". */
#define E2E_SKIP 77

/* The hub's name where a test does not say another. */
#define E2E_HUB_NAME "hub.vedette.test"

/* Keys of the devices that the tests create: base64 of 32 bytes. */
#define E2E_PRIMARY_KEY   "cHJpbWFyeSBrZXkgb2YgYSBkZXZpY2UgdW5kZXIgdGU="
#define E2E_SECONDARY_KEY "c2Vjb25kYXJ5IGtleSBvZiBhIGRldmljZSB1bmRlciA="
#define E2E_OTHER_KEY     "YW5vdGhlciBrZXkgdGhhdCBubyBkZXZpY2UgaGVyZSA="

/* What a test needs beside the program under test. */
enum e2e_need {
    E2E_NAMESPACES = 1, /* root: own network and mount namespaces, in which the test then runs */
    E2E_RAW = 2,        /* root or CAP_NET_RAW */
};

/*
 * Call first. `programs` are those that must be in PATH, NULL-terminated. Returns 0, or what main must return at once:
 * E2E_SKIP with a word on why, or 1 where VEDETTE_REQUIRE_ALL=1 forbids to skip.
 */
int e2e_begin(unsigned needs, const char *const *programs);

/* What main returns if something else that the test needs is absent: as e2e_begin does. */
int e2e_cannot_run(const char *why);

/* Call last, with what cmocka returned: ends what runs, prints logs if it failed, removes the folder; returns main's result. */
int e2e_end(int failures);

/* The test's own folder, removed at the end. */
const char *e2e_folder(void);

/* The program under test. */
const char *e2e_vedette(void);

/* A data directory and the `vedette serve` that works in it. */
struct e2e_hub {
    char data[96];          /* data directory */
    char ca[112];           /* its CA certificate */
    char log[112];          /* what serve writes to stderr, over all starts */
    char ready[112];        /* what it writes to stdout, over all starts */
    const char *netns;      /* where it runs; NULL: where the test does */
    const char *address;    /* that it listens on */
    uint16_t port;          /* that it listens on now */
    uint16_t https_port;    /* likewise for back ends; 0: it does not */
    const char *const *env; /* as struct e2e_start has it; NULL: the test's own */
    unsigned starts;
    pid_t pid; /* 0: not running */
};

/* `vedette init` in a new directory below the test's folder, to listen on `address` (numeric) and port (0: any). */
void e2e_hub_init(
    struct e2e_hub *hub, const char *name, const char *netns, const char *address, uint16_t port);
/* Likewise with another name of the hub than E2E_HUB_NAME. */
void e2e_hub_init_as(struct e2e_hub *hub, const char *host_name, const char *name,
    const char *netns, const char *address, uint16_t port);
/* Has it serve back ends too, on any free port, from its next start on. */
void e2e_hub_serve_https(const struct e2e_hub *hub);
/* Starts `vedette serve` and waits until it says that it is ready. */
void e2e_hub_start(struct e2e_hub *hub);
/* Likewise, but it may also end instead: false then. */
bool e2e_hub_try(struct e2e_hub *hub);
/* SIGKILL. */
void e2e_hub_kill(struct e2e_hub *hub);
/* SIGTERM; fails the test unless it ends with 0 within ten seconds. */
void e2e_hub_stop(struct e2e_hub *hub);

/* Runs `vedette COMMAND... --data-dir DATA`, the arguments NULL-terminated. */
struct e2e_result e2e_cli(const struct e2e_hub *hub, const char *const *arguments);
/* Likewise with --output json; fails the test unless it ends with 0 and prints JSON. The caller's to free. */
json_t *e2e_cli_json(const struct e2e_hub *hub, const char *const *arguments);
/* Likewise, wanting only success. */
void e2e_cli_ok(const struct e2e_hub *hub, const char *const *arguments);

/* Creates a device with the two keys above. */
void e2e_device_create(const struct e2e_hub *hub, const char *device_id);
/* Puts the addresses or ranges of `text`, one a line, on the indicator list. */
void e2e_intel_import(const struct e2e_hub *hub, const char *text);

/* The rows of a SELECT: an array of arrays; the caller's to free. Fails the test if some were left off. */
json_t *e2e_query(const struct e2e_hub *hub, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The one number that a SELECT gives. */
int64_t e2e_query_number(const struct e2e_hub *hub, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* All alerts, an array; the caller's to free. */
json_t *e2e_alerts(const struct e2e_hub *hub);
/* The alert about `subject` of `device` among `alerts`, borrowed; *how_many (NULL is allowed) counts them. NULL if none. */
json_t *e2e_alert_find(json_t *alerts, const char *device, const char *subject, int *how_many);

/* Counters of the running service: object with the hub's and the center's; the caller's to free. */
json_t *e2e_status(const struct e2e_hub *hub);

/* A SAS token, signed with libcrypto: `sr` of the device, base64 key, expiry in seconds since 1970. */
void e2e_token(
    char *out, size_t size, const char *device_id, const char *key_base64, int64_t expiry_s);
/* Likewise of a back end, for the whole hub, signed with a shared access policy's key. */
void e2e_policy_token(
    char *out, size_t size, const char *policy, const char *key_base64, int64_t expiry_s);
/* What a device sends as its user name. */
void e2e_user_name(char *out, size_t size, const char *device_id);

#endif
