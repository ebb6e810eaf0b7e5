/* SPDX-License-Identifier: MIT */
/* Proofs: each row of the catalogue caused for real against the running service, beside a like thing that must not alert. */

#ifndef VEDETTE_CLI_PROVE_PROOF_H
#define VEDETTE_CLI_PROVE_PROOF_H

#include <jansson.h>

#include "cli/prove/link.h"

#define VD_PROOF_ROWS 25

/* What all proofs of a run share. */
struct vd_prover {
    const char *data_dir;
    struct vd_link_hub hub;
    char mark[32];        /* "vedette-proof-1a2b3c4d": begins the name of all that is made */
    char management[400]; /* the hub's id in the management API */
};

enum vd_proof_state {
    VD_PROOF_WAITING,
    VD_PROOF_PROVED,
    VD_PROOF_FAILED,  /* no alert came, or the counter-example's did */
    VD_PROOF_SKIPPED, /* it cannot be caused here without harm; `problem` says why */
};

struct vd_proof_row;

/* One row under way. */
struct vd_proof {
    const struct vd_proof_row *row;
    struct vd_prover *prover;
    char device[64];   /* the test device that is to alert */
    char counter[64];  /* the one that must not */
    char subject[160]; /* of an alert about the hub: what it is about */
    char key[64];      /* of `device`, base64; empty: it has none */
    char counter_key[64];
    X509 *certificate; /* of proofs with certificates; released with the proof */
    EVP_PKEY *certificate_key;
    struct vd_link link; /* of a counter-example that goes on while the proof waits */
    bool has_cause;      /* it has made something besides devices that is to be removed */
    int64_t caused_ms;   /* monotonic */
    int64_t took_ms;     /* from the cause to the alert */
    int64_t tended_ms;
    enum vd_proof_state state;
    char alert_id[40];
    char problem[400];
};

/* A row of the catalogue. */
struct vd_proof_row {
    const char *name;       /* the AlertType, or the recommendation's type */
    const char *about;      /* in a few words, what is caused */
    const char *counter;    /* and what is not to alert */
    const char *group;      /* the rules that both devices are in; NULL: none are needed */
    bool has_devices;       /* it needs the two devices */
    bool is_recommendation; /* Active instead of an alert */
    bool is_slow;           /* a window must close, or a message expire */
    /* Does what is to alert, and what is not. VD_E_...: `problem` says what went wrong. */
    int (*cause)(struct vd_proof *proof);
    int (*tend)(struct vd_proof *proof);   /* every second while it waits; NULL: nothing */
    void (*clean)(struct vd_proof *proof); /* removes what it made besides devices; NULL: nothing */
};

const struct vd_proof_row *vd_proof_row_at(size_t i);

/* ---- What causes use ---- */

/* Calls the service; the answer's body, the caller's (of a 204: null). NULL: `problem` says what it answered. */
json_t *vd_proof_call(struct vd_proof *proof, const char *method, const char *path,
    const char *query, const char *body);
/* The same where a refusal is what is wanted: its status; 0: it could not be called. */
int vd_proof_status(struct vd_proof *proof, const char *method, const char *path, const char *body);

/* Connects as the device with its key and closes again; the CONNACK's code is to be `expected`. */
int vd_proof_login(struct vd_proof *proof, const char *device, const char *key,
    int64_t expires_in_s, int expected);
int vd_proof_login_certificate(
    struct vd_proof *proof, const char *device, X509 *certificate, EVP_PKEY *key, int expected);
/* Connects; the link is to be closed. */
int vd_proof_open(
    struct vd_proof *proof, const char *device, const char *key, struct vd_link *link);
/* Sends one security message with `count` outbound connections to the address, at ports counted up from `port`. */
int vd_proof_send_flows(struct vd_proof *proof, const char *device, const char *key,
    const char *address, unsigned port, unsigned count);
/* A certificate that signs itself, valid from `from_s` to `to_s` seconds from now. VD_E_IO. */
int vd_proof_certificate(
    const char *name, long from_s, long to_s, X509 **certificate, EVP_PKEY **key);

int vd_proof_fail(struct vd_proof *proof, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* It cannot be caused here; VD_OK. */
int vd_proof_skip(struct vd_proof *proof, const char *why);

/* ---- cli/prove/indicator.c ---- */

int vd_proof_cause_indicator(struct vd_proof *proof);
void vd_proof_clean_indicator(struct vd_proof *proof);

#endif
