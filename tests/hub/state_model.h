/* SPDX-License-Identifier: MIT */
/* A simple model of the state store: what it must hold after random operations. */

#ifndef VEDETTE_TESTS_HUB_STATE_MODEL_H
#define VEDETTE_TESTS_HUB_STATE_MODEL_H

#include "tests/hub/state_file.h"

#define STATE_MODEL_OWNERS       6
#define STATE_MODEL_FEEDBACK_MAX 4000
#define STATE_MODEL_TWIN_MAX     64

/* Messages are called "m" and their number in the model. A copy is a model of its own. */
struct state_model {
    struct {
        struct vd_state_key key;
        char twin[STATE_MODEL_TWIN_MAX]; /* "": none */
        uint64_t revision;
        uint32_t filters;
        struct vd_c2d_queue queue;
    } owners[STATE_MODEL_OWNERS];
    struct {
        size_t owner;
        enum vd_c2d_state state;
        int64_t message;
        int64_t ended_ms;
    } feedback[STATE_MODEL_FEEDBACK_MAX];
    size_t feedback_count;
    int64_t messages; /* that were ever sent */
    int64_t now_ms;
    unsigned steps;
};

/* Two devices, the one in two generations, with modules; nothing is stored. */
void state_model_init(struct state_model *model);

/* Does the same random operation to both, and fails the test if they answer differently. Within a transaction. */
void state_model_step(struct state_model *model, struct vd_state_store *store);

/* NULL if the store holds exactly what the model does, else what it does not (static text). Within a transaction, which it
 * leaves as it was. */
const char *state_model_differs(const struct state_model *model, struct vd_state_store *store);

#endif
