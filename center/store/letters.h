/* SPDX-License-Identifier: MIT */
/* Dead letters as people see them: lists, one with its body, and letting them go. Any thread. */

#ifndef VEDETTE_CENTER_STORE_LETTERS_H
#define VEDETTE_CENTER_STORE_LETTERS_H

#include <jansson.h>

#include "center/store/alert_store.h"
#include "lib/event.h"

/* Which letters; all zero: all of them, the newest first. */
struct vd_letter_filter {
    const char *device_id; /* NULL: any */
    const char *reason;    /* a piece of it; NULL: any */
    uint64_t from;         /* from this offset on */
    uint64_t before;       /* only those before this offset; 0: all */
    bool only_open;        /* none that a replay has taken */
    bool oldest_first;
    uint32_t limit; /* 0: VD_DEAD_LETTERS_MAX */
};

/*
 * *letters: JSON array of {"offset","time","deviceId","moduleId","address","kind","protocol","reason","bodyBytes","replay"},
 * the caller's. "kind" is Security, Operation or Activity, "protocol" MQTT or HTTPS, null of the latter two. "replay" is null or
 * {"status","offset","time"} and, with Taken, {"events","duplicates"}, with Refused {"reason"}. filter NULL: all.
 */
VD_NODISCARD int vd_letters_list(
    struct vd_alert_store *store, const struct vd_letter_filter *filter, json_t **letters);

/* *count: letters of the filter, whatever its limit and order; *open: those of them that no replay has taken. */
VD_NODISCARD int vd_letters_count(struct vd_alert_store *store,
    const struct vd_letter_filter *filter, uint64_t *count, uint64_t *open);

enum vd_letter_form {
    VD_LETTER_AUTO, /* JSON if it is an object or array, else text if it is UTF-8 without control characters, else hex */
    VD_LETTER_JSON, /* null if it is none */
    VD_LETTER_TEXT, /* what is not UTF-8 is replaced */
    VD_LETTER_HEX,
};

/*
 * One letter: the same with "properties" (an object of texts, decoded; null if the bag is malformed), "propertyBag" as it came,
 * "bodyForm" and "body". The caller's. VD_E_NOT_FOUND.
 */
VD_NODISCARD int vd_letters_get(
    struct vd_alert_store *store, uint64_t offset, enum vd_letter_form form, json_t **letter);

/* The record that the letter was; its text lies in `text`. VD_E_NOT_FOUND. */
VD_NODISCARD int vd_letters_read(
    struct vd_alert_store *store, uint64_t offset, struct vd_buf *text, struct vd_event *record);

/* Lets those letters go, whatever limit and order; *count tells how many. */
VD_NODISCARD int vd_letters_delete(
    struct vd_alert_store *store, const struct vd_letter_filter *filter, uint64_t *count);

#endif
