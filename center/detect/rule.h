/* SPDX-License-Identifier: MIT */
/* What a rule is, and what it is given: a pure function of an event, its state and its configuration. */

#ifndef VEDETTE_CENTER_DETECT_RULE_H
#define VEDETTE_CENTER_DETECT_RULE_H

#include "center/detect/device_state.h"
#include "center/detect/findings.h"
#include "center/detect/observation.h"
#include "center/intel/indicator_set.h"

/* What can be set about detections. */
struct vd_detect_settings {
    int64_t lateness_ms;     /* so long after a window's end it is judged for its minimum */
    int64_t silent_after_ms; /* a device that is not heard for so long is silent; 0: none ever is */
    size_t
        windows_bytes; /* that devices' state may take before windows are kept small; 0: VD_ENGINE_WINDOWS_BYTES */
    bool is_trial; /* of rules: nobody asks which devices are late or silent, and none is */
    bool unmasked_addresses; /* alerts show addresses of callers whole */
    const char *log_epoch;   /* in the ids of records, outlives all; NULL: they are offsets */
    int64_t
        hub_started_ms; /* UTC: connections from before are over, whether or not a record says so; 0: never */
};

/* What a rule is given. */
struct vd_detect_input {
    const struct vd_observation *seen;
    const struct vd_device_state *device; /* as it was before; NULL: about none that is known */
    const struct vd_indicator_set *indicators; /* may be NULL: none */
    const struct vd_detect_settings *settings;
};

/* A row of the catalogue. All texts are static; lists end with NULL. */
struct vd_rule {
    const char *alert_type;
    const char *display_name;
    const char *severity; /* High, Medium, Low, Informational */
    const char *const *remediation_steps;
    const char *const *techniques; /* ids of center/detect/attack.h, of both matrices */
    enum vd_observed observes;     /* what examine is called for */
    /* Adds what it finds in what was seen. VD_E_NOMEM. NULL: the engine judges it by counts or time. */
    int (*examine)(const struct vd_rule *rule, const struct vd_detect_input *input,
        struct vd_findings *findings);
};

/* Runs every rule for what was seen. VD_OK or VD_E_NOMEM. */
VD_NODISCARD int vd_rules_examine(
    const struct vd_detect_input *input, struct vd_findings *findings);

/* The catalogue, for listings and tests: row `i`, NULL behind the last. */
const struct vd_rule *vd_rule_at(size_t i);

/* The row with this AlertType; NULL: there is none. */
const struct vd_rule *vd_rule_of_type(const char *alert_type);

#endif
