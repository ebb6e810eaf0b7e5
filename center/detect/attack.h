/* SPDX-License-Identifier: MIT */
/* The techniques of MITRE ATT&CK that rules name. Source: attack.mitre.org, matrices Enterprise and ICS. */

#ifndef VEDETTE_CENTER_DETECT_ATTACK_H
#define VEDETTE_CENTER_DETECT_ATTACK_H

#include <stddef.h>

/* Of both matrices: they are released together. */
#define VD_ATTACK_VERSION "18.1"

struct vd_attack_technique {
    const char *id;   /* "T1562.008" */
    const char *name; /* of a sub-technique: behind its technique's name and a colon */
};

/* NULL: no rule names it. */
const struct vd_attack_technique *vd_attack_technique(const char *id);

/* "Enterprise" or "ICS", whose ids begin with T0; static. */
const char *vd_attack_matrix(const char *id);

/* The tactic that who causes an alert of this type is after: "InitialAccess" ...; NULL: it is not known. Static. */
const char *vd_attack_intent(const char *alert_type);

#endif
