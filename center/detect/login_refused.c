/* SPDX-License-Identifier: MIT */
/* Judges refused logins by what else is known of the device. */

#include "center/detect/login_refused.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "center/detect/address_text.h"
#include "lib/clock.h"
#include "lib/event.h"
#include "lib/json_text.h"

#define PLACE_SIZE 8

/* ---- The verdict ---- */

static bool is_about_time(enum vd_login_fault fault)
{
    return fault == VD_LOGIN_TOKEN_EXPIRED || fault == VD_LOGIN_CERTIFICATE_EXPIRED;
}

static bool clock_explains(const struct vd_login_facts *facts)
{
    return facts->has_clock && facts->clock_error_ms < 0 &&
        -facts->clock_error_ms + VD_LOGIN_CLOCK_SLACK_MS >= facts->over_by_ms;
}

enum vd_login_verdict vd_login_judge(const struct vd_login_facts *facts)
{
    const bool was_its_own = is_about_time(facts->fault) && !facts->was_never_good;

    if (was_its_own && facts->was_copied) {
        return VD_VERDICT_COPIED; /* the device has left meanwhile: that changes nothing about it */
    }
    if (facts->is_connected && facts->is_connected_elsewhere) {
        return was_its_own ? VD_VERDICT_COPIED : VD_VERDICT_GUESSED;
    }
    if (facts->is_connected || facts->was_here_lately) {
        return VD_VERDICT_RENEWAL;
    }
    if (was_its_own) {
        return clock_explains(facts) ? VD_VERDICT_CLOCK_SKEW : VD_VERDICT_EXPIRED;
    }
    return facts->was_heard_here ? VD_VERDICT_REPLACED : VD_VERDICT_GUESSED;
}

const char *vd_login_verdict_text(enum vd_login_verdict verdict)
{
    static const char *const texts[] = {
#define VERDICT_TEXT(name, text) [name] = text,
        VD_LOGIN_VERDICTS(VERDICT_TEXT)
#undef VERDICT_TEXT
    };

    return texts[verdict];
}

const char *vd_login_verdict_why(enum vd_login_verdict verdict)
{
    static const char *const texts[] = {
        [VD_VERDICT_RENEWAL] =
            "The device is, or was within two minutes, connected from the same address with a good credential: it "
            "tried an old one while it renewed. Nothing to do unless this repeats.",
        [VD_VERDICT_CLOCK_SKEW] =
            "The device's clock is behind by about as much as the credential has been over: it believes that it is "
            "still good. Set its clock, or see that it gets the time before it connects.",
        [VD_VERDICT_EXPIRED] =
            "Nobody is connected as this device, and its clock does not explain it: the credential has ended and is "
            "not renewed. Give the device a new one; if it should not be connecting at all, find out what sits at the address.",
        [VD_VERDICT_REPLACED] =
            "The device was last heard from this address, and nobody is connected as it: most likely its key or "
            "certificate was changed in the hub, or on the device, and the other side does not know.",
        [VD_VERDICT_COPIED] =
            "The device itself is connected from another address, at this moment or when it was tried before: whoever this is holds a credential "
            "that was the device's. Give the device a new one, and find out where the old one was copied.",
        [VD_VERDICT_GUESSED] =
            "It does not come from where the device is, and does not hold its credential: somebody tries to be this "
            "device. Consider an IP filter; the device's own credential is not known to be lost.",
        [VD_VERDICT_REPEATED] =
            "The device is, or was within two minutes, connected from the same address with a good credential, and one that is "
            "not good has been tried from there again and again. Once or twice would be a renewal; this is not. Find out what else "
            "runs on the device or sits behind its address, and, if nobody knows of it, consider an IP filter.",
    };

    return texts[verdict];
}

/* ---- The rules ---- */

static const char *const expired_steps[] = {
    "See what it looks like, above: a device that renews late, one whose clock is wrong, one that nobody renews, or somebody "
    "else with a copy.",
    "If the real device is connected properly at the same time, another one poses as it: give the device a new credential at once.",
    "If it is the device: renew its credential, and look at its clock.",
    NULL,
};

static const char *const wrong_steps[] = {
    "See what it looks like, above: a credential that was replaced on one side only, or somebody who does not have it.",
    "If keys or certificates were changed lately, bring the device and the hub to the same ones.",
    "If not, find out what sits at the address, and consider an IP filter.",
    NULL,
};

/* Valid Accounts; Use Alternate Authentication Material: Application Access Token; ICS: Valid Accounts. */
static const char *const token_techniques[] = {"T1078", "T1550.001", "T0859", NULL};
/* Brute Force; Valid Accounts; ICS: Valid Accounts. */
static const char *const guess_techniques[] = {"T1110", "T1078", "T0859", NULL};
static const char *const certificate_techniques[] = {"T1078", "T0859", NULL};

static const char *const reasons[VD_LOGIN_RULES] = {
    [VD_LOGIN_TOKEN_EXPIRED] = "token_expired",
    [VD_LOGIN_SIGNATURE_WRONG] = "signature_wrong",
    [VD_LOGIN_THUMBPRINT_MISMATCH] = "thumbprint_mismatch",
    [VD_LOGIN_CERTIFICATE_EXPIRED] = "certificate_expired",
};

static const char *const says[VD_LOGIN_RULES] = {
    [VD_LOGIN_TOKEN_EXPIRED] = "with a token whose signature is right and whose time has passed",
    [VD_LOGIN_SIGNATURE_WRONG] = "with a token that neither of its keys has signed",
    [VD_LOGIN_THUMBPRINT_MISMATCH] =
        "with a certificate whose thumbprint is neither of those of the identity",
    [VD_LOGIN_CERTIFICATE_EXPIRED] = "with a certificate whose time has passed",
};

int vd_login_rule_of(struct vd_str reason)
{
    for (int i = 0; i < VD_LOGIN_RULES; i++) {
        if (vd_str_equal_text(reason, reasons[i])) {
            return i;
        }
    }
    return -1;
}

const char *vd_login_reason(enum vd_login_fault fault)
{
    return fault < VD_LOGIN_RULES ? reasons[fault] : "unknown";
}

const char *vd_login_says(enum vd_login_fault fault)
{
    return fault < VD_LOGIN_RULES ? says[fault] : "with a credential that is not good";
}

static const char *property(const struct vd_observation *seen, const char *name)
{
    const char *text = json_string_value(json_object_get(seen->operation->properties, name));

    return text != NULL ? text : "";
}

static bool same_address(const struct vd_address *a, const struct vd_address *b)
{
    static const struct vd_address none = {{0}};

    return memcmp(a, b, sizeof *a) == 0 && memcmp(a, &none, sizeof none) != 0;
}

/* What is known of the device at this moment. */
static struct vd_login_facts facts_of(
    const struct vd_detect_input *input, enum vd_login_fault fault)
{
    const struct vd_device_state *device = input->device;
    const int64_t now_ms = input->seen->enqueued_ms;
    const struct vd_detect_settings *settings = input->settings;
    struct vd_login_facts facts = {.fault = fault};
    struct vd_address from;
    int64_t expiry_ms = 0;

    (void)!vd_time_parse(property(input->seen, "credentialExpiryTime"), &expiry_ms);
    facts.was_never_good = strcmp(property(input->seen, "credentialWasGood"), "false") == 0;
    if (expiry_ms != 0 && is_about_time(fault)) {
        facts.over_by_ms = now_ms - expiry_ms;
    }
    if (device == NULL) {
        return facts;
    }
    vd_address_read(input->seen->address, &from);
    /* A hub that was killed records nothing of the connections that ended with it. */
    facts.is_connected = device->is_connected &&
        (now_ms < settings->hub_started_ms || device->connected_ms >= settings->hub_started_ms);
    facts.is_connected_elsewhere =
        facts.is_connected && !same_address(&device->connected_address, &from);
    facts.was_here_lately = same_address(&device->connected_address, &from) &&
        device->left_ms != 0 && now_ms - device->left_ms <= VD_LOGIN_NEAR_MS;
    facts.was_copied = device->is_refused_copy && device->refused_for == fault &&
        same_address(&device->refused_address, &from) &&
        vd_time_day(device->refused_ms) == vd_time_day(now_ms);
    facts.was_heard_here = same_address(&device->heard_address, &from);
    facts.has_clock = device->clock_measured_ms != 0;
    facts.clock_error_ms = device->clock_error_ms;
    return facts;
}

bool vd_login_is_copy(const struct vd_detect_input *input, enum vd_login_fault fault)
{
    const struct vd_login_facts facts = facts_of(input, fault);

    return vd_login_judge(&facts) == VD_VERDICT_COPIED;
}

static void put_time(struct vd_buf *out, const char *name, int64_t ms)
{
    char text[VD_TIME_TEXT_SIZE];

    if (ms != 0) {
        vd_time_format(ms, text);
        vd_json_append_text_member(out, name, vd_str_from(text));
    }
}

static void put_property(struct vd_buf *out, const struct vd_observation *seen, const char *name)
{
    const char *text = property(seen, name);

    if (text[0] != '\0') {
        vd_json_append_text_member(out, name, vd_str_from(text));
    }
}

/* Whether and from where the real device was connected, and its clock. */
static void put_device(
    struct vd_buf *out, const struct vd_detect_input *input, const struct vd_login_facts *facts)
{
    const struct vd_device_state *device = input->device;
    char address[VD_ADDRESS_TEXT_SIZE];

    vd_buf_printf(out, ",\"deviceConnected\":%s", facts->is_connected ? "true" : "false");
    if (device == NULL) {
        return;
    }
    if (device->connected_ms != 0) {
        vd_address_show(&device->connected_address, input->settings->unmasked_addresses, address);
        put_time(out, "deviceConnectedSince", device->connected_ms);
        vd_json_append_text_member(out, "deviceAddress", vd_str_from(address));
    }
    put_time(out, "deviceLeft", device->is_connected ? 0 : device->left_ms);
    if (facts->has_clock) {
        vd_json_append_signed_member(out, "clockErrorSeconds", facts->clock_error_ms / 1000);
        put_time(out, "clockMeasured", device->clock_measured_ms);
    }
}

static void write_evidence(struct vd_buf *out, const struct vd_detect_input *input,
    const struct vd_login_facts *facts, enum vd_login_verdict verdict, const char *address)
{
    static const char *const shown[] = {"protocol", "credentialExpiryTime",
        "certificateThumbprintSha256", "certificateThumbprintSha1", "certificateNotBefore",
        "certificateNotAfter", "certificateCommonName", "identityThumbprintPrimary",
        "identityThumbprintSecondary", "credentialWasGood"};
    const struct vd_observation *seen = input->seen;
    char id[VD_RECORD_ID_SIZE];

    vd_buf_append(out, "{", 1);
    vd_record_id_format(input->settings->log_epoch, seen->offset, id);
    vd_json_append_text_member(out, "recordId", vd_str_from(id));
    put_time(out, "time", seen->enqueued_ms);
    vd_json_append_text_member(out, "operation", seen->operation->name);
    vd_json_append_text_member(out, "reason", seen->operation->reason);
    vd_json_append_text_member(out, "address", vd_str_from(address));
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
        put_property(out, seen, shown[i]);
    }
    if (facts->over_by_ms != 0) {
        vd_json_append_signed_member(out, "overBySeconds", facts->over_by_ms / 1000);
    }
    put_device(out, input, facts);
    vd_json_append_text_member(out, "looksLike", vd_str_from(vd_login_verdict_text(verdict)));
    vd_buf_append(out, "}", 1);
}

/* Names the peer among VD_LOGIN_PLACES: as many alerts there are at most of a device and a day, whatever an attacker has. */
static int place_of(struct vd_str address, char out[PLACE_SIZE])
{
    struct vd_address from;
    struct vd_uuid digest;
    int error;

    vd_address_read(address, &from);
    /* Who has one address of IPv6 has 2^64. */
    error = vd_uuid_derived(
        from.bytes, vd_address_is_ipv4(&from) ? sizeof from.bytes : sizeof from.bytes / 2, &digest);
    if (error == VD_OK) {
        snprintf(out, PLACE_SIZE, "%d", (digest.bytes[0] << 8 | digest.bytes[1]) % VD_LOGIN_PLACES);
    }
    return error;
}

static void write_assessment(struct vd_buf *out, enum vd_login_verdict verdict)
{
    vd_buf_append(out, "{", 1);
    vd_json_append_text_member(out, "verdict", vd_str_from(vd_login_verdict_text(verdict)));
    vd_json_append_text_member(out, "why", vd_str_from(vd_login_verdict_why(verdict)));
    vd_buf_append(out, "}", 1);
}

/* What it looks like is not told here: that may change, and a description stays. */
static void describe(struct vd_buf *out, const struct vd_observation *seen,
    enum vd_login_fault fault, const char *address)
{
    vd_buf_printf(out, "A login as device %.*s", VD_STR_ARG(seen->device_id));
    if (seen->module_id.length > 0) {
        vd_buf_printf(out, " (module %.*s)", VD_STR_ARG(seen->module_id));
    }
    vd_buf_printf(out, " from %s was refused: it came %s.",
        address[0] != '\0' ? address : "an unknown address", vd_login_says(fault));
}

static int add(struct vd_findings *findings, struct vd_finding *finding, struct vd_str address,
    const struct vd_buf *description, const struct vd_buf *evidence, enum vd_login_verdict verdict)
{
    struct vd_buf assessment = {0};
    struct vd_buf repeated = {0};
    char place[PLACE_SIZE];
    int error = description->error != VD_OK ? description->error : evidence->error;

    write_assessment(&assessment, verdict);
    if (verdict == VD_VERDICT_RENEWAL) {
        write_assessment(&repeated, VD_VERDICT_REPEATED);
        finding->repeated_from = VD_LOGIN_REPEATED;
    }
    if (error == VD_OK) {
        error = place_of(address, place);
    }
    finding->apart = vd_str_from(error == VD_OK ? place : "");
    finding->description = (struct vd_str){(const char *)description->data, description->length};
    finding->evidence = (struct vd_str){(const char *)evidence->data, evidence->length};
    finding->assessment = (struct vd_str){(const char *)assessment.data, assessment.length};
    finding->repeated = (struct vd_str){(const char *)repeated.data, repeated.length};
    error = error == VD_OK ? assessment.error : error;
    error = error == VD_OK ? repeated.error : error;
    error = error == VD_OK ? vd_findings_add(findings, finding) : error;
    vd_buf_release(&assessment);
    vd_buf_release(&repeated);
    return error;
}

static int report(const struct vd_rule *rule, const struct vd_detect_input *input,
    enum vd_login_fault fault, struct vd_findings *findings)
{
    const struct vd_observation *seen = input->seen;
    struct vd_finding finding = {
        .rule = rule,
        .device_id = seen->device_id,
        .module_id = seen->module_id,
        .start_ms = seen->enqueued_ms,
        .end_ms = seen->enqueued_ms,
    };
    struct vd_buf description = {0};
    struct vd_buf evidence = {0};
    struct vd_login_facts facts;
    char address[VD_ADDRESS_TEXT_SIZE];
    enum vd_login_verdict verdict;
    int error;

    facts = facts_of(input, fault);
    verdict = vd_login_judge(&facts);
    vd_address_show_text(seen->address, input->settings->unmasked_addresses, address);
    snprintf(finding.subject, sizeof finding.subject, "%s", address);
    describe(&description, seen, fault, address);
    write_evidence(&evidence, input, &facts, verdict, address);
    error = add(findings, &finding, seen->address, &description, &evidence, verdict);
    vd_buf_release(&description);
    vd_buf_release(&evidence);
    return error;
}

/* The device comes back with a good credential right after it was refused: it was renewing. */
static int reassess(
    const struct vd_rule *rule, const struct vd_detect_input *input, struct vd_findings *findings)
{
    const struct vd_observation *seen = input->seen;
    const struct vd_device_state *device = input->device;
    struct vd_finding finding = {
        .rule = rule,
        .device_id = seen->device_id,
        .start_ms = device->refused_ms,
        .end_ms = device->refused_ms,
        .is_update = true,
    };
    struct vd_buf nothing = {0};
    char address[VD_ADDRESS_TEXT_SIZE];

    vd_address_show_text(seen->address, input->settings->unmasked_addresses, address);
    snprintf(finding.subject, sizeof finding.subject, "%s", address);
    return add(findings, &finding, seen->address, &nothing, &nothing, VD_VERDICT_RENEWAL);
}

static bool comes_back(const struct vd_detect_input *input, int fault)
{
    const struct vd_device_state *device = input->device;
    struct vd_address from;

    if (device == NULL || device->refused_ms == 0 || device->refused_for != fault ||
        input->seen->module_id.length > 0 ||
        input->seen->enqueued_ms - device->refused_ms > VD_LOGIN_NEAR_MS) {
        return false;
    }
    vd_address_read(input->seen->address, &from);
    return same_address(&from, &device->refused_address);
}

static int examine(
    const struct vd_rule *rule, const struct vd_detect_input *input, struct vd_findings *findings)
{
    const struct vd_operation_seen *operation = input->seen->operation;
    const int fault = (int)(rule - vd_rules_login);

    if (!vd_str_equal_text(operation->category, "Connections") ||
        !vd_str_equal_text(operation->name, "deviceConnect") ||
        input->seen->device_id.length == 0) {
        return VD_OK;
    }
    if (operation->result == 0) {
        return comes_back(input, fault) ? reassess(rule, input, findings) : VD_OK;
    }
    return vd_login_rule_of(operation->reason) == fault
        ? report(rule, input, (enum vd_login_fault)fault, findings)
        : VD_OK;
}

#define LOGIN_RULE(type, name, level, advice, ids)                                                \
    {                                                                                             \
        .alert_type = type, .display_name = name, .severity = level, .remediation_steps = advice, \
        .techniques = ids, .observes = VD_OBSERVED_OPERATION, .examine = examine,                 \
    }

const struct vd_rule vd_rules_login[VD_LOGIN_RULES] = {
    [VD_LOGIN_TOKEN_EXPIRED] = LOGIN_RULE(
        "IoT_Expired_SAS_Token", "Expired SAS token", "Low", expired_steps, token_techniques),
    [VD_LOGIN_SIGNATURE_WRONG] = LOGIN_RULE("IoT_Invalid_SAS_Token", "Invalid SAS token signature",
        "Low", wrong_steps, guess_techniques),
    [VD_LOGIN_THUMBPRINT_MISMATCH] =
        LOGIN_RULE("IoT_Cert_Print_Mismatch", "X.509 device certificate thumbprint mismatch",
            "Medium", wrong_steps, certificate_techniques),
    [VD_LOGIN_CERTIFICATE_EXPIRED] = LOGIN_RULE("IoT_Cert_Expired", "X.509 certificate expired",
        "Medium", expired_steps, certificate_techniques),
};
