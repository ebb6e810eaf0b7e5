/* SPDX-License-Identifier: MIT */
/* Configuration: one table of properties that parses, validates and documents `vedette.conf`. */

#ifndef VEDETTE_LIB_CONFIG_H
#define VEDETTE_LIB_CONFIG_H

#include <stdio.h>

#include "lib/log.h"
#include "lib/resource.h"
#include "lib/str.h"

#define VD_HOST_NAME_MAX 253
/* Longest numeric address as text, with its NUL. */
#define VD_ADDRESS_TEXT_SIZE 46

/* Paths and URLs, with their NUL. */
#define VD_CONFIG_PATH_SIZE 384
#define VD_CONFIG_URL_SIZE  2048
/* Folders, with a colon between. */
#define VD_CONFIG_FOLDERS_SIZE 1024

struct vd_listen {
    char address[VD_ADDRESS_TEXT_SIZE]; /* numeric IPv4 or IPv6 */
    uint16_t port;                      /* 0: any free one */
};

struct vd_config {
    char hub_name[VD_HOST_NAME_MAX + 1];
    uint32_t hub_max_connections;
    uint32_t hub_address_connects;
    uint32_t hub_failed_logins;
    uint32_t hub_device_logins;
    uint32_t hub_device_messages;
    uint32_t hub_device_kib;
    struct vd_listen mqtt_listen;
    struct vd_listen https_listen;                   /* no address: off */
    char management_subscription[VD_UUID_TEXT_SIZE]; /* lower case */
    char management_resource_group[VD_RESOURCE_GROUP_MAX + 1];
    char management_hub[VD_HUB_LABEL_MAX + 1];  /* empty: the first label of hub_name */
    char portal_directory[VD_CONFIG_PATH_SIZE]; /* empty: beside the program */
    uint32_t analytics_memory_mib;
    uint32_t analytics_threads;
    uint32_t analytics_max_mib;
    uint32_t analytics_raw_events_days;
    uint32_t analytics_diagnostics_days;
    uint32_t analytics_activity_days;
    uint32_t query_max_rows;
    uint32_t query_timeout_s;
    uint32_t detection_lateness_s;
    uint32_t detection_silent_hours;
    uint32_t alerts_keep_days;
    uint32_t audit_keep_days;
    uint32_t recommendation_large_range_prefix;
    char diagnostics_folder[VD_CONFIG_PATH_SIZE]; /* empty: off */
    uint32_t diagnostics_file_mib;
    uint32_t diagnostics_files;
    char diagnostics_webhook[VD_CONFIG_URL_SIZE];     /* empty: off; may hold secrets */
    char diagnostics_webhook_ca[VD_CONFIG_PATH_SIZE]; /* empty: the system's */
    uint32_t diagnostics_backlog_mib;
    bool security_sandbox;
    char security_folders[VD_CONFIG_FOLDERS_SIZE]; /* empty: none */
    enum vd_log_level log_level;
    bool log_json; /* else text */
};

/* What is wrong: names the place, the key, the value and what is allowed. */
struct vd_config_problem {
    char text[1024];
};

/* Sets every property to its default. */
void vd_config_defaults(struct vd_config *config);

/* Sets one property. VD_E_INVALID (unknown key, value out of range) sets *problem and leaves *config as it was. */
VD_NODISCARD int vd_config_set(struct vd_config *config, struct vd_str key, struct vd_str value,
    struct vd_config_problem *problem);

/* Sets one from `key=value`, as it stands on a command line. */
VD_NODISCARD int vd_config_set_pair(
    struct vd_config *config, const char *pair, struct vd_config_problem *problem);

/*
 * Reads `key = value` lines, `#` comments and blank lines, at most 64 KiB; a key at most once.
 * name  of the file, for *problem
 * VD_E_INVALID sets *problem; what stood before the fault was applied: do not use *config then.
 */
VD_NODISCARD int vd_config_parse(struct vd_config *config, const char *name, struct vd_str text,
    struct vd_config_problem *problem);

/* In which line of a file each property was set, in the order of the table; 0: in none. */
#define VD_CONFIG_PROPERTIES_MAX 64
struct vd_config_lines {
    unsigned of[VD_CONFIG_PROPERTIES_MAX];
};

/* The place of a property in the table; VD_CONFIG_PROPERTIES_MAX: there is none of that name. */
size_t vd_config_number(struct vd_str key);

/* The line of the property `key`. */
unsigned vd_config_line(const struct vd_config_lines *lines, const char *key);

/* Is told of a fault; line 0: of the file. */
typedef void vd_config_told(void *context, unsigned line, const char *text);

/* As vd_config_parse, but goes on behind faults and tells of each. Returns how many there are; those properties stay as they
 * were. */
unsigned vd_config_parse_all(struct vd_config *config, struct vd_str text,
    struct vd_config_lines *lines, vd_config_told *told, void *context);

/* Reads the file `path` likewise. */
unsigned vd_config_read_all(struct vd_config *config, const char *path,
    struct vd_config_lines *lines, vd_config_told *told, void *context);

/* Reads the file `path` likewise. VD_E_NOT_FOUND, VD_E_DENIED, VD_E_IO too, *problem set. */
VD_NODISCARD int vd_config_read(
    struct vd_config *config, const char *path, struct vd_config_problem *problem);

/* Reads "192.0.2.1:8883" or "[2001:db8::1]:8883". VD_E_INVALID leaves *out untouched. */
VD_NODISCARD int vd_listen_parse(struct vd_str text, struct vd_listen *out);

/* Writes it as such; `port` instead of its own. */
void vd_listen_format(
    const struct vd_listen *listen, uint16_t port, char out[VD_ADDRESS_TEXT_SIZE + 8]);

/* The hub as connection strings name it: its host name, with the port if that is neither 0 nor the usual one. */
void vd_config_host(const struct vd_config *config, uint16_t port, char out[VD_HOST_NAME_MAX + 8]);

/* What the hub is called by the management API. */
void vd_config_scope(const struct vd_config *config, struct vd_resource_scope *out);

/* True for a DNS name of letters, digits, hyphens and dots, as a certificate and a connection string can hold. */
bool vd_host_name_is_valid(struct vd_str name);

/* What differs between the configuration in force and another one: names of properties. */
struct vd_config_difference {
    const char *live[VD_CONFIG_PROPERTIES_MAX]; /* take effect in a running service */
    size_t live_count;
    const char *waiting[VD_CONFIG_PROPERTIES_MAX]; /* when it starts the next time */
    size_t waiting_count;
};

void vd_config_compare(
    const struct vd_config *now, const struct vd_config *next, struct vd_config_difference *out);

/* Sets the properties that take effect in a running service as they are in *next; the others stay. */
void vd_config_take_live(struct vd_config *config, const struct vd_config *next);

/* A property as documents tell of it; what points lives as long as the program. */
struct vd_config_property {
    const char *name;
    const char *initial;
    char allowed[128]; /* with its unit */
    bool is_live;      /* takes effect in a running service by a reload */
    const char *text;  /* Markdown: words of code stand in backticks */
};

/* The i-th property from 0; false if there are no more. */
bool vd_config_property_at(size_t i, struct vd_config_property *out);

/* Writes the reference page (Markdown). */
void vd_config_write_reference(FILE *out);

/* Writes a `vedette.conf` with every property commented out at its default, but for the hub's name and
 * https.listen, if that is given (NULL: it is not). */
void vd_config_write_file(FILE *out, const char *hub_name, const char *https_listen);

#endif
