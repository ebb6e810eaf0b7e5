/* SPDX-License-Identifier: MIT */
/* What sinks are to be told of alerts, and how far each has come. ADR 24 says why so. */

#ifndef VEDETTE_CENTER_STORE_OUTBOX_H
#define VEDETTE_CENTER_STORE_OUTBOX_H

#include <jansson.h>

#include "lib/str.h"

struct vd_alert_store;

/* X(name, text): what a notification tells. */
#define VD_OUTBOX_WHATS(X)               \
    X(VD_OUTBOX_RAISED, "raised")        \
    X(VD_OUTBOX_CHANGED, "stateChanged") \
    X(VD_OUTBOX_REOPENED, "reopened")    \
    X(VD_OUTBOX_TEST, "test") /* of a sink */

enum vd_outbox_what {
#define VD_OUTBOX_ENUM(name, text) name,
    VD_OUTBOX_WHATS(VD_OUTBOX_ENUM)
#undef VD_OUTBOX_ENUM
    VD_OUTBOX_WHAT_COUNT
};

const char *vd_outbox_what_text(enum vd_outbox_what what);

/* Of a severity's text: Informational 0 to High 3; -1: there is none such. */
int vd_severity_rank(const char *severity);

/*
 * Puts the alert as it is now into the outbox, within the open transaction, if there is any sink. An alert that is raised as
 * dismissed is not told.
 */
VD_NODISCARD int vd_outbox_add(
    struct vd_alert_store *store, int64_t number, enum vd_outbox_what what, int64_t now_ms);

/* Puts a test notification for one sink. Any thread. VD_E_NOT_FOUND: there is no such sink. */
VD_NODISCARD int vd_outbox_test(struct vd_alert_store *store, const char *sink, int64_t now_ms);

/* "{8 hexadecimal digits}-{sequence}.{try}" and its NUL. */
#define VD_DELIVERY_ID_SIZE 56

struct vd_outbox_item {
    int64_t sequence;
    enum vd_outbox_what what;
    int rank;         /* of its severity */
    int64_t time_ms;  /* when it happened */
    int64_t since_ms; /* of its first attempt */
    json_t *alert;    /* as vd_alert_store_list gives it; of a test: its own */
    char id[VD_DELIVERY_ID_SIZE];
    char repeat_of
        [VD_DELIVERY_ID_SIZE]; /* the attempt of an earlier process that has no result; "": none */
};

/*
 * The next notification for the sink, whose attempt is durable with the id in it when this returns VD_OK. VD_E_NOT_FOUND:
 * none waits. To be called by one thread for each sink, and for the same item not again before one of the next two, unless the
 * process began anew. Released with vd_outbox_item_release.
 */
VD_NODISCARD int vd_outbox_begin(
    struct vd_alert_store *store, const char *sink, int64_t now_ms, struct vd_outbox_item *item);
void vd_outbox_item_release(struct vd_outbox_item *item);

/* The sink has taken it. */
VD_NODISCARD int vd_outbox_done(
    struct vd_alert_store *store, const char *sink, const struct vd_outbox_item *item);
/* The sink has not, and shall not be asked again: a dead letter. */
VD_NODISCARD int vd_outbox_bury(struct vd_alert_store *store, const char *sink,
    const struct vd_outbox_item *item, const char *reason, int64_t now_ms);

#endif
