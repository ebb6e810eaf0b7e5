/* SPDX-License-Identifier: MIT */
/* What a PUT of the hub may say: what can be changed is taken, what cannot must be as it is. */

#include "api/management/hub.h"
#include "api/policies.h"

/* As the management API of old has them. */
#define TAGS_MAX       50
#define TAG_NAME_MAX   512
#define TAG_VALUE_MAX  256
#define LOCATION_MAX   90
#define COMMENTS_MAX   4096
#define RETENTION_MAX  7
#define PARTITIONS_MAX 128
#define PROPERTY_TEXT  64
#define TARGET_SIZE    96

static bool is_absent(const json_t *value)
{
    return value == NULL || json_is_null(value);
}

static bool bad(struct vd_http_answer *answer, const char *target, const char *what)
{
    vd_management_fail(answer, 400, "BadRequest", target, "%s: %s", target, what);
    return false;
}

/* ---- Labels ---- */

json_t *vd_management_tags_read(const json_t *body, struct vd_http_answer *answer)
{
    json_t *tags = json_object_get(body, "tags");
    const char *name;
    json_t *value;

    if (is_absent(tags)) {
        return json_object();
    }
    if (!json_is_object(tags) || json_object_size(tags) > TAGS_MAX) {
        bad(answer, "tags", "an object of at most 50 is wanted");
        return NULL;
    }
    json_object_foreach(tags, name, value)
    {
        if (name[0] == '\0' || strlen(name) > TAG_NAME_MAX || !json_is_string(value) ||
            json_string_length(value) > TAG_VALUE_MAX) {
            bad(answer, "tags", "a name is 1 to 512 bytes, its value text of at most 256");
            return NULL;
        }
    }
    return json_incref(tags);
}

static bool read_location(const json_t *body, json_t *labels, struct vd_http_answer *answer)
{
    json_t *location = json_object_get(body, "location");

    if (json_string_length(location) == 0 || json_string_length(location) > LOCATION_MAX) {
        return bad(answer, "location", "text of 1 to 90 bytes is needed");
    }
    return json_object_set(labels, "location", location) == 0;
}

static bool read_sku(const json_t *body, json_t *labels, struct vd_http_answer *answer)
{
    const json_t *sku = json_object_get(body, "sku");
    const char *name = json_string_value(json_object_get(sku, "name"));
    const json_t *given = json_object_get(sku, "capacity");
    const json_int_t capacity = is_absent(given) ? 1 : json_integer_value(given);

    if (is_absent(sku)) {
        return true;
    }
    if (name == NULL || vd_management_sku_tier(name) == NULL) {
        return bad(answer, "sku.name", "one of F1, S1, S2, S3, B1, B2 and B3 is wanted");
    }
    if (capacity < 1 || capacity > VD_HUB_SKU_CAPACITY_MAX) {
        return bad(answer, "sku.capacity", "a whole number of 1 to 200 is wanted");
    }
    return json_object_set_new(
               labels, "sku", json_pack("{s:s, s:I}", "name", name, "capacity", capacity)) == 0;
}

static bool read_comments(const json_t *properties, json_t *labels, struct vd_http_answer *answer)
{
    json_t *comments = json_object_get(properties, "comments");

    if (is_absent(comments)) {
        return true;
    }
    if (!json_is_string(comments) || json_string_length(comments) > COMMENTS_MAX) {
        return bad(answer, "properties.comments", "text of at most 4096 bytes is wanted");
    }
    return json_object_set(labels, "comments", comments) == 0;
}

/* A number of `events`; absent: nothing is set. */
static bool read_events_number(const json_t *events, const char *name, json_int_t max, json_t *kept,
    struct vd_http_answer *answer)
{
    json_t *number = json_object_get(events, name);
    char target[TARGET_SIZE];

    if (is_absent(number)) {
        return true;
    }
    if (json_integer_value(number) < 1 || json_integer_value(number) > max) {
        snprintf(target, sizeof target, "properties.eventHubEndpoints.events.%s", name);
        return bad(answer, target, "out of range");
    }
    return json_object_set(kept, name, number) == 0;
}

static bool read_events(const json_t *properties, json_t *labels, struct vd_http_answer *answer)
{
    const json_t *endpoints = json_object_get(properties, "eventHubEndpoints");
    const json_t *events = json_object_get(endpoints, "events");
    json_t *kept;

    if (is_absent(endpoints) || (json_is_object(endpoints) && json_object_size(endpoints) == 0)) {
        return true;
    }
    if (!json_is_object(events) || json_object_size(endpoints) != 1) {
        return bad(answer, "properties.eventHubEndpoints", "there is one, events");
    }
    kept = json_object();
    if (!read_events_number(events, "retentionTimeInDays", RETENTION_MAX, kept, answer) ||
        !read_events_number(events, "partitionCount", PARTITIONS_MAX, kept, answer)) {
        json_decref(kept);
        return false;
    }
    return json_object_set_new(labels, "events", kept) == 0;
}

static bool read_labels(const json_t *body, json_t *labels, struct vd_http_answer *answer)
{
    const json_t *properties = json_object_get(body, "properties");
    json_t *tags = vd_management_tags_read(body, answer);

    return tags != NULL && json_object_set_new(labels, "tags", tags) == 0 &&
        read_location(body, labels, answer) && read_sku(body, labels, answer) &&
        read_comments(properties, labels, answer) && read_events(properties, labels, answer);
}

/* ---- The IP filter ---- */

static bool read_filter(
    const json_t *properties, struct vd_hub_resource *resource, struct vd_http_answer *answer)
{
    json_t *rules = json_object_get(properties, "ipFilterRules");
    json_t *sets = json_object_get(properties, "networkRuleSets");
    json_t *kept = json_object();
    struct vd_ip_filter filter;
    char problem[256];

    if (!is_absent(rules)) {
        (void)json_object_set(kept, "ipFilterRules", rules);
    }
    if (!is_absent(sets)) {
        (void)json_object_set(kept, "networkRuleSets", sets);
    }
    json_decref(resource->filter);
    resource->filter = kept;
    if (!is_absent(sets) &&
        (!json_is_boolean(json_object_get(sets, "applyToBuiltInEventHubEndpoint")) ||
            !json_is_array(json_object_get(sets, "ipRules")))) {
        return bad(answer, "properties.networkRuleSets",
            "applyToBuiltInEventHubEndpoint (true or false) and ipRules (a list) are needed");
    }
    return vd_ip_filter_read(&filter, kept, problem, sizeof problem) == VD_OK ||
        bad(answer, "properties", problem);
}

/* ---- What cannot be changed ---- */

/* A value that says no more than if it were absent. */
static bool says_nothing(const json_t *value)
{
    const char *name;
    json_t *member;

    json_object_foreach((json_t *)value, name, member)
    {
        if (!says_nothing(member)) {
            return false;
        }
    }
    return is_absent(value) || json_is_false(value) || json_is_object(value) ||
        (json_is_array(value) && json_array_size(value) == 0) ||
        (json_is_string(value) && json_string_length(value) == 0);
}

/* True if `given` says nothing that is not so. Depth: jansson reads no deeper than 2,048. */
static bool fits(const json_t *given, const json_t *truth)
{
    const char *name;
    json_t *member;

    if (is_absent(given) || (says_nothing(given) && says_nothing(truth))) {
        return true;
    }
    if (!json_is_object(given) || !json_is_object(truth)) {
        return json_equal(given, truth) == 1;
    }
    json_object_foreach((json_t *)given, name, member)
    {
        if (!fits(member, json_object_get(truth, name))) {
            return false;
        }
    }
    return true;
}

/* What is read elsewhere, and what clients send back although it is the server's to say. */
static bool is_taken_or_ours(const char *name)
{
    static const char *const names[] = {"authorizationPolicies", "ipFilterRules", "networkRuleSets",
        "comments", "eventHubEndpoints", "provisioningState", "state", "hostName", "locations"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* truth: the hub as it is answered. */
static bool rest_fits(const json_t *body, const json_t *truth, struct vd_http_answer *answer)
{
    const json_t *is = json_object_get(truth, "properties");
    const char *name;
    json_t *value;
    char target[TARGET_SIZE];

    if (!fits(json_object_get(body, "identity"), json_object_get(truth, "identity"))) {
        return bad(answer, "identity", "the hub has none");
    }
    json_object_foreach(json_object_get(body, "properties"), name, value)
    {
        if (!is_taken_or_ours(name) && !fits(value, json_object_get(is, name))) {
            snprintf(target, sizeof target, "properties.%.*s", PROPERTY_TEXT, name);
            return bad(answer, target, "it cannot be changed here: leave it out or as it is");
        }
    }
    return true;
}

/* ---- Policies ---- */

/* A key that is not named stays where there is one; where there is none, or the text is empty, one is made. */
static bool read_key(const json_t *given, struct vd_key *key, struct vd_http_answer *answer)
{
    static const char target[] = "properties.authorizationPolicies";

    if ((is_absent(given) && key->length == 0) ||
        (json_is_string(given) && json_string_length(given) == 0)) {
        if (vd_policy_key_make(key) != VD_OK) {
            vd_management_fail_error(answer, VD_E_IO, "the random source");
            return false;
        }
        return true;
    }
    return is_absent(given) ||
        (json_is_string(given) && vd_policy_key_read(json_string_value(given), key) == VD_OK) ||
        bad(answer, target, "a key is base64 of 16 to 64 bytes");
}

static bool read_policy(const json_t *entry, const struct vd_hub_resource *resource,
    struct vd_policy *policy, struct vd_http_answer *answer)
{
    static const char target[] = "properties.authorizationPolicies";
    const char *name = json_string_value(json_object_get(entry, "keyName"));
    const char *rights = json_string_value(json_object_get(entry, "rights"));
    const struct vd_policy *stored;

    if (name == NULL || !vd_name_is_valid(name)) {
        return bad(answer, target, "a keyName is 1 to 64 letters, digits and - . _");
    }
    if (rights == NULL) {
        return bad(answer, target, "each policy needs its rights");
    }
    stored = vd_hub_resource_policy(resource, name);
    if (stored != NULL) {
        *policy = *stored;
    } else if (vd_text_copy(name, policy->name, sizeof policy->name) != VD_OK) {
        return bad(answer, target, "a keyName is 1 to 64 letters, digits and - . _");
    }
    return (vd_rights_parse(vd_str_from(rights), &policy->rights) ||
               bad(answer, target,
                   "rights are of RegistryRead, RegistryWrite, ServiceConnect, DeviceConnect")) &&
        read_key(json_object_get(entry, "primaryKey"), &policy->primary_key, answer) &&
        read_key(json_object_get(entry, "secondaryKey"), &policy->secondary_key, answer);
}

/* The policies of a list in the place of those that there are. False: answered. */
static bool read_policies(
    const json_t *list, struct vd_hub_resource *resource, struct vd_http_answer *answer)
{
    static const char target[] = "properties.authorizationPolicies";
    struct vd_hub_resource read = {0};
    bool good = true;

    if (!json_is_array(list) || json_array_size(list) > VD_HUB_POLICIES_MAX) {
        return bad(answer, target, "a list of at most 64 is wanted");
    }
    read.policies = calloc(VD_HUB_POLICIES_MAX, sizeof *read.policies);
    if (read.policies == NULL) {
        vd_management_fail_error(answer, VD_E_NOMEM, "the policies");
        return false;
    }
    for (size_t i = 0; good && i < json_array_size(list); i++) {
        struct vd_policy *policy = &read.policies[i];

        good = read_policy(json_array_get(list, i), resource, policy, answer);
        if (good && vd_hub_resource_policy(&read, policy->name) != NULL) {
            good = bad(answer, target, "two policies have the same keyName");
        }
        read.policy_count += good ? 1U : 0U;
    }
    if (good) {
        /* The old ones are wiped with what held them. */
        struct vd_policy *old = resource->policies;

        resource->policies = read.policies;
        resource->policy_count = read.policy_count;
        read.policies = old;
    }
    vd_hub_resource_release(&read);
    return good;
}

/* ---- The body ---- */

bool vd_management_hub_read(const struct vd_management *management,
    const struct vd_management_args *args, const json_t *body, struct vd_hub_resource *resource,
    struct vd_http_answer *answer)
{
    const json_t *properties = json_object_get(body, "properties");
    const json_t *policies = json_object_get(properties, "authorizationPolicies");
    json_t *truth;
    bool good;

    if (!is_absent(properties) && !json_is_object(properties)) {
        return bad(answer, "properties", "an object is wanted");
    }
    json_decref(resource->labels);
    resource->labels = json_object();
    if (!read_labels(body, resource->labels, answer) ||
        !read_filter(properties, resource, answer)) {
        return false;
    }
    truth = vd_management_hub_json(management, args, resource);
    good = rest_fits(body, truth, answer);
    json_decref(truth);
    return good && (is_absent(policies) || read_policies(policies, resource, answer));
}
