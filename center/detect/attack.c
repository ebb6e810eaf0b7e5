/* SPDX-License-Identifier: MIT */
/* The table of techniques. */

#include "center/detect/attack.h"

#include <string.h>

static const struct vd_attack_technique techniques[] = {
    {"T0814", "Denial of Service"},
    {"T0816", "Device Restart/Shutdown"},
    {"T0846", "Remote System Discovery"},
    {"T0855", "Unauthorized Command Message"},
    {"T0859", "Valid Accounts"},
    {"T0869", "Standard Application Layer Protocol"},
    {"T0872", "Indicator Removal on Host"},
    {"T0885", "Commonly Used Port"},
    {"T1041", "Exfiltration Over C2 Channel"},
    {"T1046", "Network Service Discovery"},
    {"T1070", "Indicator Removal"},
    {"T1071", "Application Layer Protocol"},
    {"T1078", "Valid Accounts"},
    {"T1098", "Account Manipulation"},
    {"T1110", "Brute Force"},
    {"T1489", "Service Stop"},
    {"T1499", "Endpoint Denial of Service"},
    {"T1531", "Account Access Removal"},
    {"T1550.001", "Use Alternate Authentication Material: Application Access Token"},
    {"T1553.004", "Subvert Trust Controls: Install Root Certificate"},
    {"T1562.008", "Impair Defenses: Disable or Modify Cloud Logs"},
};

const struct vd_attack_technique *vd_attack_technique(const char *id)
{
    for (size_t i = 0; i < sizeof techniques / sizeof techniques[0]; i++) {
        if (strcmp(techniques[i].id, id) == 0) {
            return &techniques[i];
        }
    }
    return NULL;
}

const char *vd_attack_matrix(const char *id)
{
    return strncmp(id, "T0", 2) == 0 ? "ICS" : "Enterprise";
}

const char *vd_attack_intent(const char *alert_type)
{
    static const struct {
        const char *type;
        const char *intent;
    } intents[] = {
        {"IoT_TiConnection", "CommandAndControl"},
        {"IoT_Cert_Print_Mismatch", "CredentialAccess"},
        {"IoT_Cert_Expired", "InitialAccess"},
        {"IoT_Expired_SAS_Token", "InitialAccess"},
        {"IoT_Invalid_SAS_Token", "CredentialAccess"},
        {"IoT_CertificateSuccessfullyAddedToHub", "Persistence"},
        {"Hub_CertificateFailedToBeAddedToHub", "Persistence"},
        {"IoT_CertificateSuccessfullyDeletedFromHub", "Impact"},
        {"IoT.Hub_CertificateFailedToBeDeletedFromHub", "Impact"},
        {"IoT_DiagnosticSettingAddedOrEditedOnHub", "DefenseEvasion"},
        {"IoT_DiagnosticSettingDeletedFromHub", "DefenseEvasion"},
    };

    for (size_t i = 0; i < sizeof intents / sizeof intents[0]; i++) {
        if (strcmp(intents[i].type, alert_type) == 0) {
            return intents[i].intent;
        }
    }
    return NULL;
}
