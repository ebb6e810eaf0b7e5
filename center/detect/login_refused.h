/* SPDX-License-Identifier: MIT */
/* Refused logins of devices: what the hub found wrong, and what it looks like. */

#ifndef VEDETTE_CENTER_DETECT_LOGIN_REFUSED_H
#define VEDETTE_CENTER_DETECT_LOGIN_REFUSED_H

#include "center/detect/rule.h"

/* In the order of enum vd_login_fault. */
#define VD_LOGIN_RULES 4
extern const struct vd_rule vd_rules_login[VD_LOGIN_RULES];

enum vd_login_fault {
    VD_LOGIN_TOKEN_EXPIRED,
    VD_LOGIN_SIGNATURE_WRONG,
    VD_LOGIN_THUMBPRINT_MISMATCH,
    VD_LOGIN_CERTIFICATE_EXPIRED,
};

/* X(name, text): what a refused login looks like. */
#define VD_LOGIN_VERDICTS(X)                                                                      \
    X(VD_VERDICT_RENEWAL, "renewal")              /* the device was late to renew, and is well */ \
    X(VD_VERDICT_CLOCK_SKEW, "clock_skew")        /* its clock explains it */                     \
    X(VD_VERDICT_EXPIRED, "expired_credential")   /* it is over, and nobody renews it */          \
    X(VD_VERDICT_REPLACED, "replaced_credential") /* the hub has another one than the device */   \
    X(VD_VERDICT_COPIED, "copied_credential")     /* somebody else holds what was the device's */ \
    X(VD_VERDICT_GUESSED, "guessed_credential")   /* somebody else tries without it */            \
    X(VD_VERDICT_REPEATED, "repeated_attempts")   /* beside the device, too often for a renewal */

enum vd_login_verdict {
#define VD_LOGIN_VERDICT_ENUM(name, text) name,
    VD_LOGIN_VERDICTS(VD_LOGIN_VERDICT_ENUM)
#undef VD_LOGIN_VERDICT_ENUM
};

/* What is known when a login was refused. */
struct vd_login_facts {
    enum vd_login_fault fault;
    bool is_connected;           /* the device, with a good credential, at the time */
    bool is_connected_elsewhere; /* and from another address than this one */
    bool
        was_here_lately; /* it was let in from this address within VD_LOGIN_NEAR_MS, before or after */
    bool was_heard_here;    /* it was last heard from this address, however long ago */
    bool has_clock;         /* its clock was measured */
    int64_t clock_error_ms; /* positive: ahead */
    int64_t over_by_ms;     /* so long the credential has been over; 0: it is not about that */
    bool was_never_good;    /* it would not have been let in before its end either */
    bool
        was_copied; /* one from this address was a copy earlier that day, and the device was not let in from there since */
};

#define VD_LOGIN_NEAR_MS 120000LL
/* What looks like a renewal is none when it comes so often in one alert, which is of one day. */
#define VD_LOGIN_REPEATED 3
/* Addresses that alerts of a device tell apart: beyond, two of them share one. */
#define VD_LOGIN_PLACES 1024
/* A clock explains an end that it is wrong by, give or take. */
#define VD_LOGIN_CLOCK_SLACK_MS 30000LL

/* Of one refused login: never VD_VERDICT_REPEATED. */
enum vd_login_verdict vd_login_judge(const struct vd_login_facts *facts);
const char *vd_login_verdict_text(enum vd_login_verdict verdict);
/* Why it looks so, and what to do first; static. */
const char *vd_login_verdict_why(enum vd_login_verdict verdict);

/* Whether a refused login with that fault, which `input` holds, looks like a copied credential. */
bool vd_login_is_copy(const struct vd_detect_input *input, enum vd_login_fault fault);

/* Which rule a refusal with this reason of the hub belongs to; -1: none. */
int vd_login_rule_of(struct vd_str reason);
/* The reason of that fault; static. */
const char *vd_login_reason(enum vd_login_fault fault);
/* The same in words, behind "it came"; static. */
const char *vd_login_says(enum vd_login_fault fault);

#endif
