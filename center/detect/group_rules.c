/* SPDX-License-Identifier: MIT */
/* Rule documents of device security groups: read, checked with places, and written whole. */

#include "center/detect/group_rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "center/detect/device_state.h"
#include "center/intel/indicator_list.h"

#define PROBLEM_SIZE  256
#define THRESHOLD_MAX 2147483647
#define DURATION_OFF  "PT15M"

/* The lists of a document. */
enum list {
    LIST_THRESHOLD,
    LIST_WINDOW,
    LIST_ALLOW,
    LIST_DENY,
    LISTS,
};

static const struct list_form {
    const char *name;
    const char *values; /* of lists of values; NULL: it has thresholds */
    bool has_window;
} lists[LISTS] = {
    [LIST_THRESHOLD] = {"thresholdRules", NULL, false},
    [LIST_WINDOW] = {"timeWindowRules", NULL, true},
    [LIST_ALLOW] = {"allowlistRules", "allowlistValues", false},
    [LIST_DENY] = {"denylistRules", "denylistValues", false},
};

#define COUNTS(what) \
    "Get an alert when the number of " what " in the time window is not in the allowed range"

static const char elsewhere_amqp[] = "devices speak MQTT and HTTPS here, not AMQP";
static const char elsewhere_http[] =
    "it counts messages over HTTPS; the rule of this name for MQTT counts those of small devices";
static const char elsewhere_files[] = "this hub takes no files from devices";
static const char elsewhere_linux[] =
    "it is about what only an agent on a full operating system reports";
static const char elsewhere_generic[] = "it names no quantity that could be judged";

/* Every rule type: where it stands, and why it is not judged here (NULL: it is). */
static const struct type_form {
    const char *type;
    enum list list;
    bool is_generic; /* left out of a document that does not have it */
    bool is_ip;      /* its values are addresses */
    const char *not_here;
    const char *display_name;
    const char *description;
} types[] = {
    {"ActiveConnectionsNotInAllowedRange", LIST_WINDOW, false, false, NULL,
        "Number of active connections is not in allowed range",
        COUNTS("active connections of a device")},
    {"AmqpC2DMessagesNotInAllowedRange", LIST_WINDOW, false, false, elsewhere_amqp,
        "Number of cloud to device messages (AMQP protocol) is not in allowed range",
        COUNTS("cloud to device messages (AMQP protocol)")},
    {"MqttC2DMessagesNotInAllowedRange", LIST_WINDOW, false, false, NULL,
        "Number of cloud to device messages (MQTT protocol) is not in allowed range",
        COUNTS("cloud to device messages (MQTT protocol)")},
    {"HttpC2DMessagesNotInAllowedRange", LIST_WINDOW, false, false, elsewhere_http,
        "Number of cloud to device messages (HTTP protocol) is not in allowed range",
        COUNTS("cloud to device messages (HTTP protocol)")},
    {"AmqpC2DRejectedMessagesNotInAllowedRange", LIST_WINDOW, false, false, elsewhere_amqp,
        "Number of rejected cloud to device messages (AMQP protocol) is not in allowed range",
        COUNTS("cloud to device messages (AMQP protocol) that were rejected by the device")},
    {"MqttC2DRejectedMessagesNotInAllowedRange", LIST_WINDOW, false, false, NULL,
        "Number of rejected cloud to device messages (MQTT protocol) is not in allowed range",
        COUNTS("cloud to device messages (MQTT protocol) that were given up")},
    {"HttpC2DRejectedMessagesNotInAllowedRange", LIST_WINDOW, false, false, elsewhere_http,
        "Number of rejected cloud to device messages (HTTP protocol) is not in allowed range",
        COUNTS("cloud to device messages (HTTP protocol) that were rejected by the device")},
    {"AmqpD2CMessagesNotInAllowedRange", LIST_WINDOW, false, false, elsewhere_amqp,
        "Number of device to cloud messages (AMQP protocol) is not in allowed range",
        COUNTS("device to cloud messages (AMQP protocol)")},
    {"MqttD2CMessagesNotInAllowedRange", LIST_WINDOW, false, false, NULL,
        "Number of device to cloud messages (MQTT protocol) is not in allowed range",
        COUNTS("device to cloud messages (MQTT protocol)")},
    {"HttpD2CMessagesNotInAllowedRange", LIST_WINDOW, false, false, elsewhere_http,
        "Number of device to cloud messages (HTTP protocol) is not in allowed range",
        COUNTS("device to cloud messages (HTTP protocol)")},
    {"DirectMethodInvokesNotInAllowedRange", LIST_WINDOW, false, false, NULL,
        "Number of direct method invokes is not in allowed range", COUNTS("direct method invokes")},
    {"FailedLocalLoginsNotInAllowedRange", LIST_WINDOW, false, false, elsewhere_linux,
        "Number of failed local logins is not in allowed range",
        COUNTS("failed local logins on the device")},
    {"FileUploadsNotInAllowedRange", LIST_WINDOW, false, false, elsewhere_files,
        "Number of file uploads is not in allowed range", COUNTS("file uploads")},
    {"QueuePurgesNotInAllowedRange", LIST_WINDOW, false, false, NULL,
        "Number of command queue purges is not in allowed range", COUNTS("device queue purges")},
    {"TwinUpdatesNotInAllowedRange", LIST_WINDOW, false, false, NULL,
        "Number of updates to twin modules is not in allowed range",
        COUNTS("updates of twins by device or service")},
    {"UnauthorizedOperationsNotInAllowedRange", LIST_WINDOW, false, false, NULL,
        "Number of unauthorized operations is not in allowed range",
        COUNTS("unauthorized operations")},
    {"TimeWindowCustomAlertRule", LIST_WINDOW, true, false, elsewhere_generic,
        "Custom time window rule", "A rule in a time window without a quantity"},
    {"ConnectionToIpNotAllowed", LIST_ALLOW, false, true, NULL,
        "Outbound connection to an ip that isn't allowed",
        "Get an alert when an outbound connection is made to an ip that is not in the list"},
    {"ConnectionFromIpNotAllowed", LIST_ALLOW, false, true, elsewhere_linux,
        "Inbound connection from an ip that isn't allowed",
        "Get an alert when an inbound connection comes from an ip that is not in the list"},
    {"LocalUserNotAllowed", LIST_ALLOW, false, false, elsewhere_linux,
        "Login by a local user that isn't allowed",
        "Get an alert when a local user that is not in the list logs in to the device"},
    {"ProcessNotAllowed", LIST_ALLOW, false, false, elsewhere_linux,
        "Execution of a process that isn't allowed",
        "Get an alert when a process that is not in the list is executed"},
    {"AllowlistCustomAlertRule", LIST_ALLOW, true, false, elsewhere_generic,
        "Custom allow list rule", "An allow list without a quantity"},
    {"DenylistCustomAlertRule", LIST_DENY, true, true, NULL, "Connection with an ip that is denied",
        "Get an alert when there is a connection to or from an ip in the list"},
    {"ThresholdCustomAlertRule", LIST_THRESHOLD, true, false, NULL,
        "Number of connections in one report is not in allowed range",
        "Get an alert when the number of flows in one report of a device is not in the allowed range"},
};

#define TYPES (sizeof types / sizeof types[0])

static const char *const counter_types[VD_COUNTERS_END] = {
#define VD_COUNTER_TYPE(name, text) [name] = text,
    VD_COUNTERS(VD_COUNTER_TYPE)
#undef VD_COUNTER_TYPE
};

const char *vd_counter_rule_type(enum vd_counter counter)
{
    return counter_types[counter];
}

static const struct type_form *type_find(const char *type)
{
    for (size_t i = 0; i < TYPES; i++) {
        if (strcmp(types[i].type, type) == 0) {
            return &types[i];
        }
    }
    return NULL;
}

const char *vd_rule_type_applies(const char *rule_type, bool *applies)
{
    const struct type_form *form = type_find(rule_type);

    if (form == NULL) {
        return NULL;
    }
    *applies = form->not_here == NULL;
    return form->not_here != NULL ? form->not_here : form->description;
}

/* ---- Durations ---- */

/* "nX" at *text, where X is the unit; false: it is another, or there is none. */
static bool take_unit(const char **text, char unit, int64_t unit_ms, int64_t *ms)
{
    const char *at = *text;
    int64_t value = 0;

    while (*at >= '0' && *at <= '9' && at - *text < 9) {
        value = value * 10 + (*at++ - '0');
    }
    if (at == *text || *at != unit) {
        return false;
    }
    *ms += value * unit_ms;
    *text = at + 1;
    return true;
}

int vd_duration_parse(const char *text, int64_t *ms)
{
    int64_t total = 0;
    bool has_some;

    if (*text++ != 'P') {
        return VD_E_INVALID;
    }
    has_some = take_unit(&text, 'W', 7 * 86400000LL, &total);
    has_some = take_unit(&text, 'D', 86400000LL, &total) || has_some;
    if (*text == 'T') {
        bool has_time;

        text++;
        has_time = take_unit(&text, 'H', 3600000, &total);
        has_time = take_unit(&text, 'M', 60000, &total) || has_time;
        has_time = take_unit(&text, 'S', 1000, &total) || has_time;
        if (!has_time) {
            return VD_E_INVALID;
        }
        has_some = true;
    }
    if (!has_some || *text != '\0') {
        return VD_E_INVALID;
    }
    *ms = total;
    return VD_OK;
}

/* ---- Reading ---- */

/* Where in the document. */
struct place {
    const char *list;
    size_t index;
    char *problem;
};

static int fault(const struct place *place, const char *member, const char *what)
{
    snprintf(place->problem, PROBLEM_SIZE, "%s[%zu]%s%s: %s", place->list, place->index,
        member[0] != '\0' ? "." : "", member, what);
    return VD_E_INVALID;
}

static int read_threshold(
    const struct place *place, const json_t *rule, const char *member, uint32_t *out)
{
    const json_t *value = json_object_get(rule, member);

    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > THRESHOLD_MAX) {
        return fault(place, member, "must be an integer from 0 to 2147483647");
    }
    *out = (uint32_t)json_integer_value(value);
    return VD_OK;
}

static int read_window(
    const struct place *place, const json_t *rule, bool has_window, struct vd_window_rule *out)
{
    const char *duration = json_string_value(json_object_get(rule, "timeWindowSize"));
    int error = read_threshold(place, rule, "minThreshold", &out->min);

    if (error == VD_OK) {
        error = read_threshold(place, rule, "maxThreshold", &out->max);
    }
    if (error != VD_OK) {
        return error;
    }
    if (out->min > out->max) {
        return fault(place, "minThreshold", "must not be above maxThreshold");
    }
    if (!has_window) {
        return VD_OK;
    }
    if (duration == NULL || vd_duration_parse(duration, &out->window_ms) != VD_OK) {
        return fault(place, "timeWindowSize", "must be an ISO 8601 duration such as PT5M");
    }
    return out->window_ms >= VD_RULE_WINDOW_MIN_MS && out->window_ms <= VD_RULE_WINDOW_MAX_MS
        ? VD_OK
        : fault(place, "timeWindowSize", "must be from PT1M to P7D");
}

/* An address, a network, or "a-b". */
static const char *read_range(struct vd_str text, struct vd_rule_range *out)
{
    const char *dash = text.length > 0 ? memchr(text.data, '-', text.length) : NULL;
    struct vd_indicator_line line;
    const char *problem;

    problem = vd_indicator_parse(
        (struct vd_str){text.data, dash != NULL ? (size_t)(dash - text.data) : text.length}, &line);
    if (problem != NULL) {
        return problem;
    }
    *out = (struct vd_rule_range){line.range.from, line.range.to};
    if (dash == NULL) {
        return NULL;
    }
    problem = vd_indicator_parse(
        (struct vd_str){dash + 1, text.length - (size_t)(dash + 1 - text.data)}, &line);
    if (problem == NULL &&
        (memcmp(&out->from, &out->to, sizeof out->from) != 0 ||
            memcmp(&line.range.from, &line.range.to, sizeof line.range.from) != 0 ||
            vd_address_is_ipv4(&out->from) != vd_address_is_ipv4(&line.range.from) ||
            memcmp(&out->from, &line.range.from, sizeof out->from) > 0)) {
        return "a range is two addresses of one kind, the smaller first";
    }
    out->to = line.range.to;
    return problem;
}

static int compare_ranges(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct vd_address)); /* by their first addresses */
}

/* The address behind; false behind the last. */
static bool address_next(struct vd_address *address)
{
    for (int i = 15; i >= 0; i--) {
        if (++address->bytes[i] != 0) {
            return true;
        }
    }
    return false;
}

/* Sorts, and merges what overlaps or touches. */
static void merge_ranges(struct vd_rule_addresses *addresses)
{
    uint32_t kept = 0;

    qsort(addresses->ranges, addresses->count, sizeof *addresses->ranges, compare_ranges);
    for (uint32_t i = 0; i < addresses->count; i++) {
        const struct vd_rule_range *range = &addresses->ranges[i];
        struct vd_rule_range *last = kept > 0 ? &addresses->ranges[kept - 1] : NULL;
        struct vd_address behind = last != NULL ? last->to : range->from;

        if (last != NULL &&
            (!address_next(&behind) || memcmp(&range->from, &behind, sizeof behind) <= 0)) {
            if (memcmp(&range->to, &last->to, sizeof last->to) > 0) {
                last->to = range->to;
            }
        } else {
            addresses->ranges[kept++] = *range;
        }
    }
    addresses->count = kept;
}

static int value_fault(const struct place *place, const char *member, size_t i, const char *what)
{
    char name[64];

    snprintf(name, sizeof name, "%s[%zu]", member, i);
    return fault(place, name, what);
}

/* The values, all text; those that are addresses go to *out (NULL: they are not). */
static int read_values(const struct place *place, const json_t *rule, const char *member,
    struct vd_rule_addresses *out)
{
    const json_t *values = json_object_get(rule, member);
    const size_t count = json_array_size(values);

    if (!json_is_array(values)) {
        return fault(place, member, "must be an array of texts");
    }
    if (count > VD_RULE_RANGES_MAX) {
        return fault(place, member, "has more than 10000 values");
    }
    if (out != NULL) {
        out->ranges = calloc(count > 0 ? count : 1, sizeof *out->ranges);
        if (out->ranges == NULL) {
            return VD_E_NOMEM;
        }
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(values, i);
        const char *problem = json_is_string(value) ? NULL : "must be text";

        if (problem == NULL && out != NULL) {
            problem =
                read_range((struct vd_str){json_string_value(value), json_string_length(value)},
                    &out->ranges[out->count++]);
        }
        if (problem != NULL) {
            return value_fault(place, member, i, problem);
        }
    }
    if (out != NULL) {
        merge_ranges(out);
    }
    return VD_OK;
}

static struct vd_window_rule *window_of(struct vd_group_rules *rules, const struct type_form *form)
{
    for (int i = 0; i < VD_COUNTERS_END; i++) {
        if (strcmp(counter_types[i], form->type) == 0) {
            return &rules->windows[i];
        }
    }
    return form->list == LIST_THRESHOLD ? &rules->connections_in_report : NULL;
}

static int read_window_rule(const struct place *place, const struct type_form *form,
    const json_t *json, bool is_enabled, struct vd_group_rules *rules)
{
    struct vd_window_rule rule = {.is_enabled = is_enabled};
    struct vd_window_rule *to = window_of(rules, form);
    /* As it is in a document that was never touched. */
    int error = read_window(place, json, lists[form->list].has_window, &rule);

    if (error == VD_OK && to == &rules->windows[VD_COUNT_CONNECTIONS] &&
        rule.min > VD_WINDOW_DISTINCT_MAX) {
        return fault(place, "minThreshold", "must be at most 4096: no more flows are counted");
    }
    if (error == VD_OK && to != NULL && form->not_here == NULL) {
        *to = rule;
    }
    return error;
}

static int read_list_rule(const struct place *place, const struct type_form *form,
    const json_t *json, bool is_enabled, struct vd_group_rules *rules)
{
    struct vd_rule_addresses addresses = {.is_enabled = is_enabled};
    struct vd_rule_addresses *to = form->list == LIST_ALLOW ? &rules->allowed : &rules->denied;
    int error = read_values(place, json, lists[form->list].values, form->is_ip ? &addresses : NULL);

    if (error == VD_OK && form->is_ip && form->not_here == NULL) {
        free(to->ranges);
        *to = addresses;
    } else {
        free(addresses.ranges);
    }
    return error;
}

static int read_rule(
    const struct place *place, enum list list, const json_t *json, struct vd_group_rules *rules)
{
    const char *type = json_string_value(json_object_get(json, "ruleType"));
    const json_t *enabled = json_object_get(json, "isEnabled");
    const struct type_form *form = type != NULL ? type_find(type) : NULL;

    if (!json_is_object(json)) {
        return fault(place, "", "must be an object");
    }
    if (type == NULL) {
        return fault(place, "ruleType", "is missing");
    }
    if (form == NULL) {
        return fault(place, "ruleType", "is not a known rule type");
    }
    if (form->list != list) {
        return fault(place, "ruleType", "does not belong into this list");
    }
    if (!json_is_boolean(enabled)) {
        return fault(place, "isEnabled", "must be true or false");
    }
    return lists[list].values != NULL
        ? read_list_rule(place, form, json, json_is_true(enabled), rules)
        : read_window_rule(place, form, json, json_is_true(enabled), rules);
}

/* A type that stands in the list before. */
static bool is_repeated(const json_t *list, size_t i)
{
    const char *type = json_string_value(json_object_get(json_array_get(list, i), "ruleType"));

    for (size_t k = 0; k < i && type != NULL; k++) {
        const char *other = json_string_value(json_object_get(json_array_get(list, k), "ruleType"));

        if (other != NULL && strcmp(type, other) == 0) {
            return true;
        }
    }
    return false;
}

static int read_list(
    const json_t *properties, enum list list, struct vd_group_rules *rules, char *problem)
{
    const json_t *array = json_object_get(properties, lists[list].name);
    struct place place = {.list = lists[list].name, .problem = problem};
    int error = VD_OK;

    if (array == NULL || json_is_null(array)) {
        return VD_OK;
    }
    if (!json_is_array(array)) {
        snprintf(problem, PROBLEM_SIZE, "%s: must be an array", lists[list].name);
        return VD_E_INVALID;
    }
    if (json_array_size(array) > TYPES) {
        snprintf(
            problem, PROBLEM_SIZE, "%s: has more rules than there are types", lists[list].name);
        return VD_E_INVALID;
    }
    for (; place.index < json_array_size(array) && error == VD_OK; place.index++) {
        error = is_repeated(array, place.index)
            ? fault(&place, "ruleType", "stands in the list already")
            : read_rule(&place, list, json_array_get(array, place.index), rules);
    }
    return error;
}

/* A list whose name is misspelt would be rules that never fire. */
static int check_names(const json_t *properties, char *problem)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)properties, name, value)
    {
        bool is_known = false;

        for (int i = 0; i < LISTS; i++) {
            is_known = is_known || strcmp(name, lists[i].name) == 0;
        }
        if (!is_known) {
            snprintf(problem, PROBLEM_SIZE,
                "%.64s: is not known; there are timeWindowRules, thresholdRules, allowlistRules and denylistRules",
                name);
            return VD_E_INVALID;
        }
    }
    return VD_OK;
}

int vd_group_rules_read(
    const char *name, const json_t *properties, struct vd_group_rules **out, char problem[256])
{
    struct vd_group_rules *rules = calloc(1, sizeof *rules);
    int error = VD_OK;

    if (rules == NULL) {
        return VD_E_NOMEM;
    }
    if (!json_is_object(properties)) {
        snprintf(problem, PROBLEM_SIZE, "properties: must be an object");
        error = VD_E_INVALID;
    } else if (vd_text_copy(name, rules->name, sizeof rules->name) != VD_OK || name[0] == '\0') {
        snprintf(problem, PROBLEM_SIZE, "name: must have 1 to %d bytes", VD_GROUP_NAME_MAX);
        error = VD_E_INVALID;
    } else {
        error = check_names(properties, problem);
    }
    for (int i = 0; i < LISTS && error == VD_OK; i++) {
        error = read_list(properties, (enum list)i, rules, problem);
    }
    if (error != VD_OK) {
        vd_group_rules_free(rules);
        return error;
    }
    *out = rules;
    return VD_OK;
}

void vd_group_rules_free(struct vd_group_rules *rules)
{
    if (rules != NULL) {
        free(rules->allowed.ranges);
        free(rules->denied.ranges);
        free(rules);
    }
}

bool vd_rule_addresses_hold(
    const struct vd_rule_addresses *addresses, const struct vd_address *address)
{
    uint32_t low = 0;
    uint32_t high = addresses->count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (memcmp(&addresses->ranges[middle].from, address, sizeof *address) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 && memcmp(address, &addresses->ranges[low - 1].to, sizeof *address) <= 0;
}

/* ---- Writing ---- */

/* The rule of the type in the list; NULL: there is none. */
static const json_t *rule_of(const json_t *list, const char *type)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *rule = json_array_get(list, i);
        const char *given = json_string_value(json_object_get(rule, "ruleType"));

        if (given != NULL && strcmp(given, type) == 0) {
            return rule;
        }
    }
    return NULL;
}

static json_t *member_or(const json_t *rule, const char *member, json_t *otherwise)
{
    json_t *value = json_object_get(rule, member);

    if (value == NULL) {
        return otherwise;
    }
    json_decref(otherwise);
    return json_incref(value);
}

static json_t *rule_document(const struct type_form *form, const json_t *rule)
{
    const struct list_form *list = &lists[form->list];
    json_t *description = form->not_here == NULL
        ? json_string(form->description)
        : json_sprintf("%s. Not applicable here: %s", form->description, form->not_here);
    json_t *out = json_pack("{s:s, s:o, s:s, s:o}", "ruleType", form->type, "isEnabled",
        member_or(rule, "isEnabled", json_false()), "displayName", form->display_name,
        "description", description);

    if (list->values != NULL) {
        json_object_set_new(out, "valueType", json_string(form->is_ip ? "IpCidr" : "String"));
        json_object_set_new(out, list->values, member_or(rule, list->values, json_array()));
        return out;
    }
    json_object_set_new(out, "minThreshold", member_or(rule, "minThreshold", json_integer(0)));
    json_object_set_new(out, "maxThreshold", member_or(rule, "maxThreshold", json_integer(0)));
    if (list->has_window) {
        json_object_set_new(
            out, "timeWindowSize", member_or(rule, "timeWindowSize", json_string(DURATION_OFF)));
    }
    return out;
}

json_t *vd_group_rules_document(const json_t *properties)
{
    json_t *document = json_object();

    for (int i = 0; i < LISTS; i++) {
        const json_t *given = json_object_get(properties, lists[i].name);
        json_t *list = json_array();

        for (size_t k = 0; k < TYPES; k++) {
            const json_t *rule =
                types[k].list == (enum list)i ? rule_of(given, types[k].type) : NULL;

            if (types[k].list == (enum list)i && (rule != NULL || !types[k].is_generic)) {
                json_array_append_new(list, rule_document(&types[k], rule));
            }
        }
        if (json_object_set_new(document, lists[i].name, list) != 0) {
            json_decref(document);
            return NULL;
        }
    }
    return document;
}
