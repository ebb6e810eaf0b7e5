/* SPDX-License-Identifier: MIT */
/* A service that faults are injected into, devices that never stop sending, and what must be true afterwards. */

#ifndef VEDETTE_TESTS_FAULTS_SCENE_H
#define VEDETTE_TESTS_FAULTS_SCENE_H

#include "tests/e2e/harness.h"
#include "tests/e2e/sender.h"
#include "tests/faults/faults.h"

#define SCENE_DEVICES 2
#define SCENE_LISTED  "203.0.113.66" /* every message has a flow to it, which is an alert */
#define SCENE_WAIT_MS 60000

struct scene {
    struct e2e_hub hub; /* with the shim, unless hub.env is NULL */
    struct faults *faults;
    struct e2e_sender *senders[SCENE_DEVICES];
};

/* Whether all of it is wanted, which takes long, or what every change is tried by. */
bool scene_is_thorough(void);

/* A hub named so, with more lines of configuration (NULL: none), started; device-0 and so on begin
 * to send, a message each `pace_ms`. */
void scene_make(struct scene *scene, const char *name, const char *configuration, int pace_ms);

/* The hub is there again: senders go to it. */
void scene_follow(struct scene *scene);

/* Starts the hub, waits for it, and has the senders follow. */
void scene_restart(struct scene *scene);

/* Waits until both stores have all that the log has. */
void scene_await_settled(struct scene *scene);

/* No more messages; all are acknowledged, in both stores, and each counted once. Then the senders go on. */
void scene_check(struct scene *scene);

/* Waits until the service says that it is not ready, for this reason among others; NULL: that it
 * is ready. */
void scene_await_reason(struct scene *scene, const char *reason);

/* Ends the senders and the hub, which must end well. */
void scene_end(struct scene *scene);

/* The main of a test; `needs` as of e2e_begin, the rest as of cmocka_run_group_tests_name. */
#define SCENE_MAIN(needs, name, tests, make, end)                                          \
    int main(void)                                                                         \
    {                                                                                      \
        static const char *const programs[] = {"flatc", NULL};                             \
        const int cannot = e2e_begin(needs, programs);                                     \
                                                                                           \
        return cannot != 0 ? cannot                                                        \
                           : e2e_end(cmocka_run_group_tests_name(name, tests, make, end)); \
    }

#endif
