/* SPDX-License-Identifier: MIT */
/* What a feed is set to: where its text comes from, how it is read, and what its indicators have by default. */

#ifndef VEDETTE_CENTER_INTEL_FEED_SETTINGS_H
#define VEDETTE_CENTER_INTEL_FEED_SETTINGS_H

#include <jansson.h>

#include "center/intel/feed_format.h"

#define VD_FEED_PROBLEM_SIZE 256

struct vd_feed_settings {
    json_t *json; /* owns the texts below */
    bool is_exception;
    bool is_enabled;
    /* Where the text comes from: at most one; both NULL: it is uploaded. */
    const char *file;           /* read again when it changes */
    const char *url;            /* fetched on a schedule */
    bool is_taxii;              /* the URL is a TAXII 2.1 collection's */
    const char *ca_file;        /* of its server, PEM; NULL: the system's */
    int64_t interval_ms;        /* from one fetch to the next */
    const char *severity;       /* of its alerts; NULL: the rule's */
    struct vd_feed_parse parse; /* format, columns, lifetime and confidence */
};

/*
 * Reads settings: {"kind":"indicators"|"exceptions","file":"/path"|"url"|"taxii","caFile":"/path","intervalMinutes":1..10080,
 * "allowHttp","format","column","descriptionColumn","confidenceColumn",
 * "untilColumn","delimiter","wantedCategories":"1,5:40","severity":"High"|"Medium"|"Low","confidence":0..100,"minimumConfidence":0..100,
 * "lifetimeDays":1..3650,"enabled"}. What is absent or null is the default.
 * VD_E_INVALID: *problem says what is wrong. On success the caller releases *out.
 */
VD_NODISCARD int vd_feed_settings_read(
    const json_t *json, struct vd_feed_settings *out, char problem[VD_FEED_PROBLEM_SIZE]);
void vd_feed_settings_release(struct vd_feed_settings *settings);

/* 1 to VD_FEED_NAME_MAX letters, digits, blanks and - . _ */
bool vd_feed_name_is_valid(const char *name);

#endif
