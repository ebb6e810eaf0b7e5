/* SPDX-License-Identifier: MIT */
/* The table of properties, and what parses, validates and documents by it. */

#include "lib/config.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stddef.h>
#include <strings.h>

#include "lib/near.h"
#include "proto/protocol.h"

enum property_type {
    PROPERTY_NUMBER, /* uint32_t */
    PROPERTY_HOST,   /* char [VD_HOST_NAME_MAX + 1] */
    PROPERTY_LISTEN, /* struct vd_listen */
    PROPERTY_LISTEN_OR_OFF,
    PROPERTY_UUID,          /* char [VD_UUID_TEXT_SIZE] */
    PROPERTY_GROUP,         /* char [VD_RESOURCE_GROUP_MAX + 1] */
    PROPERTY_LABEL_OR_AUTO, /* char [VD_HUB_LABEL_MAX + 1] */
    PROPERTY_PATH_OR_OFF,   /* char [VD_CONFIG_PATH_SIZE] */
    PROPERTY_PATH_OR_SYSTEM,
    PROPERTY_PATH_OR_AUTO,
    PROPERTY_URL_OR_OFF,      /* char [VD_CONFIG_URL_SIZE] */
    PROPERTY_AUTO_OR_OFF,     /* bool */
    PROPERTY_FOLDERS_OR_NONE, /* char [VD_CONFIG_FOLDERS_SIZE] */
    PROPERTY_LEVEL,           /* enum vd_log_level */
    PROPERTY_TEXT_OR_JSON,    /* bool */
};

struct property {
    const char *name;
    enum property_type type;
    bool is_live; /* a reload takes it over; else the next start does */
    size_t offset;
    size_t size;
    const char *initial;
    uint32_t min; /* of a number */
    uint32_t max;
    const char *unit;
    const char *text;
};

#define PLACE(field)   offsetof(struct vd_config, field), sizeof(((struct vd_config *)NULL)->field)
#define AT(field)      false, PLACE(field)
#define LIVE_AT(field) true, PLACE(field)

static const struct property properties[] = {
    {"hub.name", PROPERTY_HOST, AT(hub_name), "localhost", 0, 0, "",
        "The host name by which devices know the hub. It stands in their connection strings, user names and "
        "tokens, and in the server's certificate."},
    {"hub.max_connections", PROPERTY_NUMBER, AT(hub_max_connections), "20000", 1, 1000000,
        "connections",
        "Open device connections at a time. One more is closed at once. Each needs a file descriptor: "
        "the service raises its own limit as far as the system lets it."},
    {"hub.address_connects", PROPERTY_NUMBER, LIVE_AT(hub_address_connects), "200", 0, 1000000,
        "connections/s",
        "New connections a second from one IPv4 address or IPv6 /64, and likewise over HTTPS; after a rest ten seconds' "
        "worth at once. One more is closed at once. 0: no limit."},
    {"hub.failed_logins", PROPERTY_NUMBER, LIVE_AT(hub_failed_logins), "30", 0, 1000000,
        "logins/min",
        "Logins a minute that one device may fail from one address; further ones are refused unjudged. "
        "0: no limit."},
    {"hub.device_logins", PROPERTY_NUMBER, LIVE_AT(hub_device_logins), "300", 0, 1000000,
        "logins/min",
        "Logins a minute of one device or module; further ones are refused. 0: no limit."},
    {"hub.device_messages", PROPERTY_NUMBER, LIVE_AT(hub_device_messages), "1000", 0, 1000000,
        "messages/s",
        "Messages a second of one device or module; after a rest ten seconds' worth at once. One that sends "
        "more is read so slowly that it waits; nothing is lost. 0: no limit."},
    {"hub.device_kib", PROPERTY_NUMBER, LIVE_AT(hub_device_kib), "4096", 0, 1000000, "KiB/s",
        "Likewise what one device or module may send, TLS included. 0: no limit."},
    {"mqtt.listen", PROPERTY_LISTEN, AT(mqtt_listen), "0.0.0.0:8883", 0, 0, "",
        "Address and port of the MQTT endpoint (TLS). Port 0 takes any free one."},
    {"https.listen", PROPERTY_LISTEN_OR_OFF, AT(https_listen), "off", 0, 0, "",
        "Address and port of the service API for back ends (HTTPS, with the hub's certificate), of the portal, and of MQTT "
        "over WebSocket for devices. The SDKs know port 443 only. Port 0 takes any free one."},
    {"management.subscription", PROPERTY_UUID, AT(management_subscription),
        "00000000-0000-0000-0000-000000000000", 0, 0, "",
        "The subscription in the hub's resource id, as clients of the management API are given it. Any UUID will do; it "
        "grants nothing."},
    {"management.resource_group", PROPERTY_GROUP, AT(management_resource_group), "vedette", 0, 0,
        "", "Likewise the resource group."},
    {"management.hub", PROPERTY_LABEL_OR_AUTO, AT(management_hub), "auto", 0, 0, "",
        "Likewise the hub's name. `auto`: the first label of `hub.name`."},
    {"portal.directory", PROPERTY_PATH_OR_AUTO, AT(portal_directory), "auto", 0, 0, "",
        "Folder with the portal's pages, read at the start; below the data directory if it does not begin with a slash. "
        "`auto`: `../share/vedette/portal` beside the program's folder, or `../portal/dist` in a build tree."},
    {"analytics.memory_mib", PROPERTY_NUMBER, AT(analytics_memory_mib), "512", 64, 1048576, "MiB",
        "Memory that the query tables (DuckDB) may use; 128 are enough for 10,000 devices."},
    {"analytics.threads", PROPERTY_NUMBER, AT(analytics_threads), "2", 1, 256, "threads",
        "Threads that queries may use."},
    {"analytics.max_mib", PROPERTY_NUMBER, LIVE_AT(analytics_max_mib), "51200", 0, 1048576, "MiB",
        "What the day files of the query tables may take; beyond it the oldest days go, but never the newest. 0: no limit."},
    {"analytics.raw_events_days", PROPERTY_NUMBER, LIVE_AT(analytics_raw_events_days), "30", 0,
        36500, "days", "How many days before this one are kept of `SecurityIoTRawEvent`; 0: all."},
    {"analytics.diagnostics_days", PROPERTY_NUMBER, LIVE_AT(analytics_diagnostics_days), "90", 0,
        36500, "days", "Likewise of `AzureDiagnostics`."},
    {"analytics.activity_days", PROPERTY_NUMBER, LIVE_AT(analytics_activity_days), "365", 0, 36500,
        "days", "Likewise of `AzureActivity`."},
    {"query.max_rows", PROPERTY_NUMBER, LIVE_AT(query_max_rows), "10000", 1, 1000000, "rows",
        "Rows that a query gives at most, by `vedette query` and in the portal; over HTTPS it is 500000. What was cut off is said."},
    {"query.timeout_s", PROPERTY_NUMBER, LIVE_AT(query_timeout_s), "180", 1, 3600, "s",
        "Time after which a query is ended, by `vedette query` and in the portal; over HTTPS "
        "`Prefer: wait` says it."},
    {"detection.lateness_s", PROPERTY_NUMBER, AT(detection_lateness_s), "60", 0, 300, "s",
        "So long after a window of a custom alert has ended it is judged for its minimum: what devices report later counts for the "
        "maximum only."},
    {"detection.silent_hours", PROPERTY_NUMBER, AT(detection_silent_hours), "72", 0, 8760, "hours",
        "A device of which nothing has been heard for so long is reported as silent; 0: none is."},
    {"alerts.keep_days", PROPERTY_NUMBER, LIVE_AT(alerts_keep_days), "365", 0, 36500, "days",
        "Alerts that were raised longer ago are removed, in whatever state, with their evidence and history; 0: none is "
        "for its age. Beyond 5,000,000 the oldest go."},
    {"audit.keep_days", PROPERTY_NUMBER, LIVE_AT(audit_keep_days), "365", 0, 36500, "days",
        "Records of the audit trail that are older are removed, but never the newest 10,000; 0: none is for its age. Beyond "
        "2,000,000 the oldest go."},
    {"recommendation.large_range_prefix", PROPERTY_NUMBER, AT(recommendation_large_range_prefix),
        "16", 0, 32, "bits",
        "An accept rule of the IP filter whose prefix is this or shorter is recommended to be made smaller: 16 are 65,536 addresses."},
    {"diagnostics.folder", PROPERTY_PATH_OR_OFF, AT(diagnostics_folder), "diagnostics", 0, 0, "",
        "Where diagnostic settings with a `storageAccountId` write files of JSON lines; below the data directory if it "
        "does not begin with a slash. Made if it is absent."},
    {"diagnostics.file_mib", PROPERTY_NUMBER, AT(diagnostics_file_mib), "64", 1, 4096, "MiB",
        "Size at which such a file is set aside and a new one begun."},
    {"diagnostics.files", PROPERTY_NUMBER, AT(diagnostics_files), "8", 1, 100, "files",
        "Files set aside that are kept of each setting, beside the current one."},
    {"diagnostics.webhook", PROPERTY_URL_OR_OFF, AT(diagnostics_webhook), "off", 0, 0, "",
        "Where diagnostic settings with an `eventHubAuthorizationRuleId` send batches of JSON lines by POST. Secrets in it "
        "are not logged; keep them in `vedette.conf`, not on the command line."},
    {"diagnostics.webhook_ca", PROPERTY_PATH_OR_SYSTEM, AT(diagnostics_webhook_ca), "system", 0, 0,
        "",
        "CA certificates (PEM) by which the webhook's is verified; below the data directory if the path does not begin "
        "with a slash. `system`: those of the system."},
    {"diagnostics.backlog_mib", PROPERTY_NUMBER, AT(diagnostics_backlog_mib), "1024", 16, 1048576,
        "MiB",
        "Event log that is kept for sinks that do not take records. Beyond it the oldest is given up, counted as "
        "`skipped` of `vedette status`."},
    {"security.sandbox", PROPERTY_AUTO_OR_OFF, AT(security_sandbox), "auto", 0, 0, "",
        "What the service gives up when it starts, as far as the kernel lets it: files outside of the data directory and "
        "`security.folders` (Landlock), system calls that it has no use for (seccomp), core dumps, new rights. "
        "`off`: only to look for a fault."},
    {"security.folders", PROPERTY_FOLDERS_OR_NONE, AT(security_folders), "none", 0, 0, "",
        "Other folders that the service may read and write, with a colon between: for backups, files of notifications, feeds "
        "that are watched, certificates. They have to be there when it starts. What lies below `/etc` and `/usr` can be read "
        "anyway, and `diagnostics.folder` is one of them."},
    {"log.level", PROPERTY_LEVEL, LIVE_AT(log_level), "info", 0, 0, "",
        "What is logged on stderr: `error`, `warn`, `info` or `debug`, each with what stands before it."},
    {"log.format", PROPERTY_TEXT_OR_JSON, LIVE_AT(log_json), "text", 0, 0, "",
        "How it is written, a line an event: `text` (`key=value`), or `json` (an object)."},
};

#define PROPERTIES (sizeof properties / sizeof properties[0])

/* ---- Values ---- */

bool vd_host_name_is_valid(struct vd_str name)
{
    size_t label = 0;

    if (name.length == 0 || name.length > VD_HOST_NAME_MAX) {
        return false;
    }
    for (size_t i = 0; i < name.length; i++) {
        char c = name.data[i];
        bool edge = label == 0 || i + 1 == name.length || name.data[i + 1] == '.';

        if (c == '.') {
            if (label == 0 || i + 1 == name.length) {
                return false;
            }
            label = 0;
            continue;
        }
        if (!(isalnum((unsigned char)c) || (c == '-' && !edge)) || ++label > 63) {
            return false;
        }
    }
    return true;
}

static int number_parse(struct vd_str text, uint32_t min, uint32_t max, uint32_t *out)
{
    uint64_t value = 0;

    if (text.length == 0 || text.length > 10) {
        return VD_E_INVALID;
    }
    for (size_t i = 0; i < text.length; i++) {
        if (!isdigit((unsigned char)text.data[i])) {
            return VD_E_INVALID;
        }
        value = value * 10 + (uint64_t)(text.data[i] - '0');
    }
    if (value < min || value > max) {
        return VD_E_INVALID;
    }
    *out = (uint32_t)value;
    return VD_OK;
}

int vd_listen_parse(struct vd_str text, struct vd_listen *out)
{
    struct vd_listen listen = {0};
    struct in6_addr address;
    size_t colon = text.length;
    uint32_t port;
    bool v6;

    while (colon > 0 && text.data[colon - 1] != ':') {
        colon--;
    }
    if (colon == 0 ||
        number_parse((struct vd_str){text.data + colon, text.length - colon}, 0, UINT16_MAX,
            &port) != VD_OK) {
        return VD_E_INVALID;
    }
    colon--;
    v6 = colon >= 2 && text.data[0] == '[' && text.data[colon - 1] == ']';
    if (vd_str_copy(
            v6 ? (struct vd_str){text.data + 1, colon - 2} : (struct vd_str){text.data, colon},
            listen.address, sizeof listen.address) != VD_OK ||
        inet_pton(v6 ? AF_INET6 : AF_INET, listen.address, &address) != 1) {
        return VD_E_INVALID;
    }
    listen.port = (uint16_t)port;
    *out = listen;
    return VD_OK;
}

void vd_listen_format(
    const struct vd_listen *listen, uint16_t port, char out[VD_ADDRESS_TEXT_SIZE + 8])
{
    bool v6 = strchr(listen->address, ':') != NULL;

    snprintf(out, VD_ADDRESS_TEXT_SIZE + 8, v6 ? "[%s]:%u" : "%s:%u", listen->address, port);
}

void vd_config_host(const struct vd_config *config, uint16_t port, char out[VD_HOST_NAME_MAX + 8])
{
    bool usual = port == 0 || port == VD_PORT_MQTT_TLS;

    snprintf(out, VD_HOST_NAME_MAX + 8, usual ? "%s" : "%s:%u", config->hub_name, port);
}

static int uuid_parse(struct vd_str text, char out[VD_UUID_TEXT_SIZE])
{
    struct vd_uuid uuid;
    int error = vd_uuid_parse(text.data, text.length, &uuid);

    if (error == VD_OK) {
        vd_uuid_format(&uuid, out);
    }
    return error;
}

void vd_config_scope(const struct vd_config *config, struct vd_resource_scope *out)
{
    const size_t label = strcspn(config->hub_name, ".");

    *out = (struct vd_resource_scope){{0}, {0}, {0}};
    memcpy(out->subscription, config->management_subscription, sizeof out->subscription);
    memcpy(out->resource_group, config->management_resource_group, sizeof out->resource_group);
    if (config->management_hub[0] != '\0') {
        memcpy(out->hub, config->management_hub, sizeof out->hub);
    } else if (label < sizeof out->hub) {
        memcpy(out->hub, config->hub_name, label);
    }
}

static bool is_path(struct vd_str value)
{
    return value.length > 0 && memchr(value.data, '\0', value.length) == NULL;
}

/* Absolute paths with a colon between. */
static bool is_folders(struct vd_str value)
{
    bool begins = true;

    for (size_t i = 0; i < value.length; i++) {
        if ((begins && value.data[i] != '/') || value.data[i] == '\0') {
            return false;
        }
        begins = value.data[i] == ':';
    }
    return !begins;
}

/* Of a URL only what can be told without a parser: its scheme, that it names a host, and that nothing hides in it. */
static bool is_http_url(struct vd_str value)
{
    static const char *const schemes[] = {"http://", "https://"};

    for (size_t i = 0; i < value.length; i++) {
        if ((uint8_t)value.data[i] <= ' ' || (uint8_t)value.data[i] >= 0x7f) {
            return false;
        }
    }
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        const size_t length = strlen(schemes[i]);

        if (value.length > length && strncasecmp(value.data, schemes[i], length) == 0) {
            return strchr("/?#:@", value.data[length]) == NULL;
        }
    }
    return false;
}

/* `word` stands for none: an empty text. */
static int text_parse(
    struct vd_str value, const char *word, bool (*is_valid)(struct vd_str), char *out, size_t size)
{
    if (vd_str_equal_text(value, word)) {
        memset(out, 0, size);
        return VD_OK;
    }
    return is_valid(value) ? vd_str_copy(value, out, size) : VD_E_INVALID;
}

/* Sets the property in *config; what is allowed is told by allowed_text. */
static int property_parse(
    const struct property *property, struct vd_str value, struct vd_config *config)
{
    void *field = (char *)config + property->offset;
    enum vd_log_level level;
    char word[8];

    switch (property->type) {
    case PROPERTY_NUMBER:
        return number_parse(value, property->min, property->max, field);
    case PROPERTY_HOST:
        return vd_host_name_is_valid(value) ? vd_str_copy(value, field, VD_HOST_NAME_MAX + 1)
                                            : VD_E_INVALID;
    case PROPERTY_LISTEN_OR_OFF:
        if (vd_str_equal_text(value, "off")) {
            memset(field, 0, sizeof(struct vd_listen));
            return VD_OK;
        }
        return vd_listen_parse(value, field);
    case PROPERTY_LISTEN:
        return vd_listen_parse(value, field);
    case PROPERTY_UUID:
        return uuid_parse(value, field);
    case PROPERTY_GROUP:
        return vd_resource_group_is_valid(value)
            ? vd_str_copy(value, field, VD_RESOURCE_GROUP_MAX + 1)
            : VD_E_INVALID;
    case PROPERTY_LABEL_OR_AUTO:
        if (vd_str_equal_text(value, "auto")) {
            memset(field, 0, VD_HUB_LABEL_MAX + 1);
            return VD_OK;
        }
        return vd_hub_label_is_valid(value) ? vd_str_copy(value, field, VD_HUB_LABEL_MAX + 1)
                                            : VD_E_INVALID;
    case PROPERTY_PATH_OR_OFF:
        return text_parse(value, "off", is_path, field, VD_CONFIG_PATH_SIZE);
    case PROPERTY_PATH_OR_SYSTEM:
        return text_parse(value, "system", is_path, field, VD_CONFIG_PATH_SIZE);
    case PROPERTY_PATH_OR_AUTO:
        return text_parse(value, "auto", is_path, field, VD_CONFIG_PATH_SIZE);
    case PROPERTY_URL_OR_OFF:
        return text_parse(value, "off", is_http_url, field, VD_CONFIG_URL_SIZE);
    case PROPERTY_FOLDERS_OR_NONE:
        return text_parse(value, "none", is_folders, field, VD_CONFIG_FOLDERS_SIZE);
    case PROPERTY_AUTO_OR_OFF:
        if (!vd_str_equal_text(value, "auto") && !vd_str_equal_text(value, "off")) {
            return VD_E_INVALID;
        }
        *(bool *)field = vd_str_equal_text(value, "auto");
        return VD_OK;
    case PROPERTY_LEVEL:
        if (vd_str_copy(value, word, sizeof word) != VD_OK ||
            !vd_log_level_from_text(word, &level)) {
            return VD_E_INVALID;
        }
        memcpy(field, &level, sizeof level);
        return VD_OK;
    case PROPERTY_TEXT_OR_JSON:
        if (!vd_str_equal_text(value, "json") && !vd_str_equal_text(value, "text")) {
            return VD_E_INVALID;
        }
        *(bool *)field = vd_str_equal_text(value, "json");
        return VD_OK;
    }
    return VD_E_INVALID;
}

static void allowed_text(const struct property *property, char *out, size_t size)
{
    switch (property->type) {
    case PROPERTY_NUMBER:
        snprintf(out, size, "%u to %u", property->min, property->max);
        break;
    case PROPERTY_HOST:
        snprintf(out, size, "a host name of letters, digits, hyphens and dots");
        break;
    case PROPERTY_LISTEN:
        snprintf(out, size, "a numeric address and a port, as 0.0.0.0:8883 or [::]:8883");
        break;
    case PROPERTY_LISTEN_OR_OFF:
        snprintf(out, size, "a numeric address and a port, as 0.0.0.0:443 or [::]:443, or off");
        break;
    case PROPERTY_UUID:
        snprintf(out, size, "a UUID");
        break;
    case PROPERTY_GROUP:
        snprintf(out, size, "up to %d letters, digits and - . _ ( )", VD_RESOURCE_GROUP_MAX);
        break;
    case PROPERTY_LABEL_OR_AUTO:
        snprintf(out, size, "up to %d letters, digits and hyphens, or auto", VD_HUB_LABEL_MAX);
        break;
    case PROPERTY_PATH_OR_OFF:
        snprintf(out, size, "a path of at most %d bytes, or off", VD_CONFIG_PATH_SIZE - 1);
        break;
    case PROPERTY_PATH_OR_SYSTEM:
        snprintf(out, size, "a path of at most %d bytes, or system", VD_CONFIG_PATH_SIZE - 1);
        break;
    case PROPERTY_PATH_OR_AUTO:
        snprintf(out, size, "a path of at most %d bytes, or auto", VD_CONFIG_PATH_SIZE - 1);
        break;
    case PROPERTY_URL_OR_OFF:
        snprintf(
            out, size, "an http or https URL of at most %d bytes, or off", VD_CONFIG_URL_SIZE - 1);
        break;
    case PROPERTY_FOLDERS_OR_NONE:
        snprintf(out, size, "paths that begin with / (at most %d bytes), or none",
            VD_CONFIG_FOLDERS_SIZE - 1);
        break;
    case PROPERTY_AUTO_OR_OFF:
        snprintf(out, size, "auto or off");
        break;
    case PROPERTY_LEVEL:
        snprintf(out, size, "error, warn, info or debug");
        break;
    case PROPERTY_TEXT_OR_JSON:
        snprintf(out, size, "text or json");
        break;
    }
}

/* ---- Setting ---- */

void vd_config_defaults(struct vd_config *config)
{
    *config = (struct vd_config){0};
    for (size_t i = 0; i < PROPERTIES; i++) {
        if (property_parse(&properties[i], vd_str_from(properties[i].initial), config) != VD_OK) {
            abort(); /* the table contradicts itself */
        }
    }
}

/* PROPERTIES if there is none of that name. */
static size_t property_find(struct vd_str key)
{
    size_t i = 0;

    while (i < PROPERTIES && !vd_str_equal_text(key, properties[i].name)) {
        i++;
    }
    return i;
}

static void describe_unknown(struct vd_str key, struct vd_config_problem *problem)
{
    struct vd_nearest nearest = {0};
    int n;

    for (size_t i = 0; i < PROPERTIES; i++) {
        vd_nearest_try(&nearest, key, vd_str_from(properties[i].name));
    }
    n = snprintf(problem->text, sizeof problem->text, "there is no property %.*s",
        key.length > 64 ? 64 : (int)key.length, key.data);
    if (nearest.name.data != NULL) {
        snprintf(problem->text + n, sizeof problem->text - (size_t)n, "; did you mean %.*s?",
            (int)nearest.name.length, nearest.name.data);
        return;
    }
    for (size_t i = 0; i < PROPERTIES && n > 0 && (size_t)n < sizeof problem->text; i++) {
        n += snprintf(problem->text + n, sizeof problem->text - (size_t)n, "%s %s",
            i > 0 ? "," : "; there are:", properties[i].name);
    }
}

int vd_config_set(struct vd_config *config, struct vd_str key, struct vd_str value,
    struct vd_config_problem *problem)
{
    size_t i = property_find(key);
    char allowed[96] = "";

    if (i == PROPERTIES) {
        describe_unknown(key, problem);
        return VD_E_INVALID;
    }
    if (property_parse(&properties[i], value, config) != VD_OK) {
        allowed_text(&properties[i], allowed, sizeof allowed);
        if (properties[i].type == PROPERTY_URL_OR_OFF) {
            value = VD_STR_LITERAL("(not shown)"); /* it may hold a secret */
        }
        snprintf(problem->text, sizeof problem->text, "%s = %.*s: allowed is %s",
            properties[i].name, value.length > 128 ? 128 : (int)value.length, value.data, allowed);
        return VD_E_INVALID;
    }
    return VD_OK;
}

size_t vd_config_number(struct vd_str key)
{
    _Static_assert(PROPERTIES <= VD_CONFIG_PROPERTIES_MAX, "a number for each");
    const size_t i = property_find(key);

    return i < PROPERTIES ? i : VD_CONFIG_PROPERTIES_MAX;
}

/* ---- Two configurations ---- */

/* Texts may have the rest of a longer one behind their end. */
static bool is_text(enum property_type type)
{
    return type != PROPERTY_NUMBER && type != PROPERTY_LISTEN && type != PROPERTY_LISTEN_OR_OFF &&
        type != PROPERTY_AUTO_OR_OFF && type != PROPERTY_LEVEL && type != PROPERTY_TEXT_OR_JSON;
}

static bool property_equal(
    const struct property *property, const struct vd_config *a, const struct vd_config *b)
{
    const void *one = (const char *)a + property->offset;
    const void *other = (const char *)b + property->offset;

    _Static_assert(sizeof(struct vd_listen) == VD_ADDRESS_TEXT_SIZE + sizeof(uint16_t),
        "nothing between or behind what is compared");
    return is_text(property->type) ? strcmp(one, other) == 0
                                   : memcmp(one, other, property->size) == 0;
}

void vd_config_compare(
    const struct vd_config *now, const struct vd_config *next, struct vd_config_difference *out)
{
    *out = (struct vd_config_difference){.live_count = 0};
    for (size_t i = 0; i < PROPERTIES; i++) {
        if (property_equal(&properties[i], now, next)) {
            continue;
        }
        if (properties[i].is_live) {
            out->live[out->live_count++] = properties[i].name;
        } else {
            out->waiting[out->waiting_count++] = properties[i].name;
        }
    }
}

void vd_config_take_live(struct vd_config *config, const struct vd_config *next)
{
    for (size_t i = 0; i < PROPERTIES; i++) {
        if (properties[i].is_live) {
            memcpy((char *)config + properties[i].offset, (const char *)next + properties[i].offset,
                properties[i].size);
        }
    }
}

/* ---- Documents ---- */

bool vd_config_property_at(size_t i, struct vd_config_property *out)
{
    size_t length;

    if (i >= PROPERTIES) {
        return false;
    }
    *out = (struct vd_config_property){.name = properties[i].name,
        .initial = properties[i].initial,
        .is_live = properties[i].is_live,
        .text = properties[i].text};
    allowed_text(&properties[i], out->allowed, sizeof out->allowed);
    length = strlen(out->allowed);
    if (properties[i].unit[0] != '\0') {
        snprintf(out->allowed + length, sizeof out->allowed - length, " %s", properties[i].unit);
    }
    return true;
}
