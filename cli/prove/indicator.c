/* SPDX-License-Identifier: MIT */
/* The row of threat indicators: a feed of its own with an address that no other feed knows. */

#include <stdio.h>

#include "cli/prove/proof.h"
#include "lib/clock.h"
#include "lib/error.h"

/* Neighbours that nobody has (RFC 5737, RFC 2544): one is listed, the other is beside it. */
static const struct neighbours {
    const char *listed;
    const char *beside;
} neighbours[] = {
    {"198.51.100.113", "198.51.100.112"},
    {"203.0.113.113", "203.0.113.112"},
    {"192.0.2.113", "192.0.2.112"},
    {"198.18.51.113", "198.18.51.112"},
    {"198.19.51.113", "198.19.51.112"},
};

/* Whether no feed says anything of the address; *error is kept where one was. */
static bool is_free(struct vd_proof *p, const char *address, int *error)
{
    char query[64];
    json_t *answer = NULL;
    bool free_of_all;

    if (*error == VD_OK) {
        snprintf(query, sizeof query, "address=%s", address);
        answer = vd_proof_call(p, "GET", "/indicators", query, NULL);
        *error = answer != NULL ? VD_OK : VD_E_IO;
    }
    free_of_all = answer != NULL && json_array_size(json_object_get(answer, "indicators")) == 0;
    json_decref(answer);
    return free_of_all;
}

/* The first of them that the owner's own feeds, which may well list such networks, say nothing of; NULL: none is, or *error. */
static const struct neighbours *free_neighbours(struct vd_proof *p, int *error)
{
    *error = VD_OK;
    for (size_t i = 0; i < sizeof neighbours / sizeof neighbours[0]; i++) {
        if (is_free(p, neighbours[i].listed, error) && is_free(p, neighbours[i].beside, error)) {
            return &neighbours[i];
        }
    }
    return NULL;
}

int vd_proof_cause_indicator(struct vd_proof *p)
{
    char query[96];
    json_t *answer;
    int error;
    const struct neighbours *to = free_neighbours(p, &error);

    if (to == NULL) {
        return error == VD_OK ? vd_proof_skip(p, "feeds list every address that would do no harm")
                              : error;
    }
    snprintf(query, sizeof query, "feed=%s", p->prover->mark);
    answer = vd_proof_call(p, "POST", "/indicators", query, to->listed);
    if (answer == NULL) {
        return VD_E_IO;
    }
    json_decref(answer);
    p->has_cause = true;
    error = vd_proof_send_flows(p, p->counter, p->counter_key, to->beside, 443, 1);
    p->caused_ms = vd_clock_monotonic_ms();
    return error == VD_OK ? vd_proof_send_flows(p, p->device, p->key, to->listed, 443, 1) : error;
}

void vd_proof_clean_indicator(struct vd_proof *p)
{
    char path[96];

    snprintf(path, sizeof path, "/feeds/%s", p->prover->mark);
    (void)vd_proof_status(p, "DELETE", path, NULL);
}
