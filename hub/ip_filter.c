/* SPDX-License-Identifier: MIT */
/* Rules by address, read strictly: a rule that is half understood would let in or lock out the wrong ones. */

#include "hub/ip_filter.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

/* "255.255.255.255/32" and a NUL. */
#define MASK_TEXT_SIZE 19

/* What a rule's action may be, in each form. */
struct form {
    const char *accept;
    const char *reject;  /* NULL: there is none */
    const char *initial; /* the action where none is given; NULL: it must be */
};

static const struct form filter_rules = {"Accept", "Reject", NULL};
static const struct form network_rules = {"Allow", NULL, "Allow"};

struct problem {
    char *text;
    size_t size;
};

static bool fail(const struct problem *problem, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool fail(const struct problem *problem, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(problem->text, problem->size, format, arguments);
    va_end(arguments);
    return false;
}

void vd_ip_filter_init(struct vd_ip_filter *filter)
{
    *filter = (struct vd_ip_filter){.accepts_rest = true};
}

static uint32_t mask_of(uint8_t prefix)
{
    return prefix == 0 ? 0 : UINT32_MAX << (32 - prefix);
}

/* "192.0.2.0/24" or "192.0.2.1". */
static bool read_mask(const char *text, struct vd_ip_rule *rule)
{
    char address[MASK_TEXT_SIZE];
    const char *slash = strchr(text, '/');
    const size_t length = slash != NULL ? (size_t)(slash - text) : strlen(text);
    struct in_addr network;
    unsigned prefix = 32;

    if (length >= sizeof address) {
        return false;
    }
    memcpy(address, text, length);
    address[length] = '\0';
    if (slash != NULL) {
        const char *digits = slash + 1;
        const size_t count = strlen(digits);

        if (count == 0 || count > 2 || strspn(digits, "0123456789") != count ||
            (count == 2 && digits[0] == '0')) {
            return false;
        }
        prefix = count == 1 ? (unsigned)(digits[0] - '0')
                            : (unsigned)(digits[0] - '0') * 10 + (unsigned)(digits[1] - '0');
    }
    if (prefix > 32 || inet_pton(AF_INET, address, &network) != 1) {
        return false;
    }
    rule->prefix = (uint8_t)prefix;
    rule->network = ntohl(network.s_addr) & mask_of(rule->prefix);
    return true;
}

/* True if a rule from `first` on has that name. */
static bool is_named(const struct vd_ip_filter *filter, size_t first, const char *name)
{
    for (size_t i = first; i < filter->count; i++) {
        if (strcasecmp(filter->rules[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* first: of the list that the rule is in. */
static bool read_rule(struct vd_ip_filter *filter, size_t first, const json_t *json,
    const struct form *form, const struct problem *problem)
{
    const char *name = json_string_value(json_object_get(json, "filterName"));
    const char *mask = json_string_value(json_object_get(json, "ipMask"));
    const json_t *given = json_object_get(json, "action");
    const char *action = given != NULL ? json_string_value(given) : form->initial;
    struct vd_ip_rule *rule = &filter->rules[filter->count];

    if (filter->count == VD_IP_RULES_MAX) {
        return fail(problem, "more than %d rules", VD_IP_RULES_MAX);
    }
    if (name == NULL || name[0] == '\0' ||
        vd_text_copy(name, rule->name, sizeof rule->name) != VD_OK) {
        return fail(problem, "rule %zu: filterName must be 1 to %d characters", filter->count + 1,
            VD_IP_RULE_NAME_MAX);
    }
    if (is_named(filter, first, name)) {
        return fail(problem, "two rules are named %.128s", name);
    }
    if (action == NULL ||
        (strcmp(action, form->accept) != 0 &&
            (form->reject == NULL || strcmp(action, form->reject) != 0))) {
        return fail(problem, "rule %.128s: action must be %s%s%s", name, form->accept,
            form->reject != NULL ? " or " : "", form->reject != NULL ? form->reject : "");
    }
    if (mask == NULL || !read_mask(mask, rule)) {
        return fail(
            problem, "rule %.128s: ipMask must be an IPv4 address or range as 192.0.2.0/24", name);
    }
    rule->accepts = strcmp(action, form->accept) == 0;
    filter->count++;
    return true;
}

/* The rules of a list; an absent one has none. */
static bool read_rules(struct vd_ip_filter *filter, const json_t *list, const char *what,
    const struct form *form, const struct problem *problem)
{
    const size_t first = filter->count;
    size_t i;
    json_t *rule;

    if (list != NULL && !json_is_array(list)) {
        return fail(problem, "%s must be an array", what);
    }
    json_array_foreach(list, i, rule)
    {
        if (!read_rule(filter, first, rule, form, problem)) {
            return false;
        }
    }
    return true;
}

static bool read_network_sets(
    struct vd_ip_filter *filter, const json_t *sets, const struct problem *problem)
{
    const json_t *given = json_object_get(sets, "defaultAction");
    const char *action = given != NULL ? json_string_value(given) : "Deny";

    if (!json_is_object(sets)) {
        return fail(problem, "networkRuleSets must be an object");
    }
    if (action == NULL || (strcmp(action, "Deny") != 0 && strcmp(action, "Allow") != 0)) {
        return fail(problem, "networkRuleSets: defaultAction must be Deny or Allow");
    }
    filter->accepts_rest = strcmp(action, "Allow") == 0;
    return read_rules(filter, json_object_get(sets, "ipRules"), "ipRules", &network_rules, problem);
}

int vd_ip_filter_read(
    struct vd_ip_filter *filter, const json_t *properties, char *error_text, size_t error_size)
{
    const struct problem problem = {error_text, error_size};
    const json_t *sets = json_object_get(properties, "networkRuleSets");
    struct vd_ip_filter read;

    vd_ip_filter_init(&read);
    if (!json_is_object(properties)) {
        fail(&problem, "the properties must be an object");
        return VD_E_INVALID;
    }
    if (!read_rules(&read, json_object_get(properties, "ipFilterRules"), "ipFilterRules",
            &filter_rules, &problem)) {
        return VD_E_INVALID;
    }
    if (sets != NULL && !json_is_null(sets) && !read_network_sets(&read, sets, &problem)) {
        return VD_E_INVALID;
    }
    *filter = read;
    return VD_OK;
}

int vd_ip_filter_load(
    struct vd_registry *registry, struct vd_ip_filter *filter, json_t **properties, uint64_t *etag)
{
    char problem[256];
    struct vd_buf text = {0};
    uint64_t version = 0;
    json_t *json = NULL;
    int error = vd_registry_setting_get(registry, VD_IP_FILTER_SETTING, &text, &version);

    *filter = (struct vd_ip_filter){0};
    if (error == VD_E_NOT_FOUND) {
        vd_ip_filter_init(filter);
        json = json_object();
        error = json != NULL ? VD_OK : VD_E_NOMEM;
    } else if (error == VD_OK) {
        json = json_loadb((const char *)text.data, text.length, 0, NULL);
        if (vd_ip_filter_read(filter, json, problem, sizeof problem) != VD_OK) {
            error = VD_E_CORRUPT;
        }
    }
    vd_buf_release(&text);
    if (error == VD_OK && etag != NULL) {
        *etag = version;
    }
    if (error == VD_OK && properties != NULL) {
        *properties = json;
    } else {
        json_decref(json);
    }
    return error;
}

static json_t *rule_json(const struct vd_ip_rule *rule)
{
    char mask[INET_ADDRSTRLEN + 4];
    const struct in_addr network = {htonl(rule->network)};
    char address[INET_ADDRSTRLEN];

    snprintf(mask, sizeof mask, "%s/%u", inet_ntop(AF_INET, &network, address, sizeof address),
        rule->prefix);
    return json_pack("{s:s, s:s, s:s}", "filterName", rule->name, "action",
        rule->accepts ? filter_rules.accept : filter_rules.reject, "ipMask", mask);
}

json_t *vd_ip_filter_json(const struct vd_ip_filter *filter)
{
    json_t *rules = json_array();

    for (size_t i = 0; i < filter->count; i++) {
        if (json_array_append_new(rules, rule_json(&filter->rules[i])) != 0) {
            json_decref(rules);
            return NULL;
        }
    }
    return json_pack(
        "{s:o, s:b}", "ipFilterRules", rules, "acceptsRest", (int)filter->accepts_rest);
}

bool vd_ip_filter_accepts(const struct vd_ip_filter *filter, const uint8_t *address, size_t length)
{
    uint32_t host;

    if (length != sizeof host) {
        return filter->accepts_rest;
    }
    memcpy(&host, address, sizeof host);
    host = ntohl(host);
    for (size_t i = 0; i < filter->count; i++) {
        const struct vd_ip_rule *rule = &filter->rules[i];

        if ((host & mask_of(rule->prefix)) == rule->network) {
            return rule->accepts;
        }
    }
    return filter->accepts_rest;
}
