/* SPDX-License-Identifier: MIT */
/* Finds out what a query is about, so that the rest need not be looked at. */

#include <stdlib.h>
#include <string.h>

#include "hub/twin_query_tree.h"

/* A path of this one name. */
static bool is_path(
    const struct vd_twin_query *query, const struct vd_twin_query_node *node, const char *name)
{
    const char *path = query->names + node->detail;

    return node->kind == VD_NODE_PATH && strcmp(path, name) == 0 && path[strlen(name) + 1] == '\0';
}

/* What a path of that name is compared with by =; NULL: this is no such comparison. */
static const json_t *compared_with(
    const struct vd_twin_query *query, const struct vd_twin_query_node *node, const char *name)
{
    const struct vd_twin_query_node *left = &query->nodes[node->child];
    const struct vd_twin_query_node *right;

    if (node->kind != VD_NODE_COMPARE || node->detail != VD_ORDER_EQUAL) {
        return NULL;
    }
    right = &query->nodes[left->next];
    if (is_path(query, left, name) && right->kind == VD_NODE_LITERAL) {
        return right->literal;
    }
    return is_path(query, right, name) && left->kind == VD_NODE_LITERAL ? left->literal : NULL;
}

/* What is no text, or holds a NUL, is no device's id. */
static void add(const json_t *literal, struct vd_twin_query_devices *devices)
{
    const char *text = json_string_value(literal);

    if (text != NULL && strlen(text) == json_string_length(literal)) {
        devices->ids[devices->count++] = text;
    }
}

static bool compare_names(const struct vd_twin_query *query, const struct vd_twin_query_node *node,
    struct vd_twin_query_devices *devices)
{
    const json_t *literal = compared_with(query, node, "deviceId");

    if (literal != NULL) {
        add(literal, devices);
    }
    return literal != NULL;
}

static bool in_names(const struct vd_twin_query *query, const struct vd_twin_query_node *node,
    struct vd_twin_query_devices *devices)
{
    const struct vd_twin_query_node *value = &query->nodes[node->child];

    if (!is_path(query, value, "deviceId")) {
        return false;
    }
    for (size_t i = value->next; i != 0; i = query->nodes[i].next) {
        add(query->nodes[i].literal, devices);
    }
    return true;
}

/* Adds the devices that the node can hold for; false: for any, and none was added. As deep as the parser let it be. */
static bool names(
    const struct vd_twin_query *query, size_t index, struct vd_twin_query_devices *devices)
{
    const struct vd_twin_query_node *node = &query->nodes[index];
    const size_t before = devices->count;

    switch (node->kind) {
    case VD_NODE_COMPARE:
        return compare_names(query, node, devices);
    case VD_NODE_IN:
        return in_names(query, node, devices);
    case VD_NODE_AND:
        for (size_t i = node->child; i != 0; i = query->nodes[i].next) {
            if (names(query, i, devices)) {
                return true;
            }
        }
        return false;
    case VD_NODE_OR:
        for (size_t i = node->child; i != 0; i = query->nodes[i].next) {
            if (!names(query, i, devices)) {
                devices->count = before;
                return false;
            }
        }
        return true;
    default:
        return false;
    }
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool vd_twin_query_names_devices(
    const struct vd_twin_query *query, struct vd_twin_query_devices *devices)
{
    size_t kept = 0;

    devices->count = 0;
    if (query->where == 0 || !names(query, query->where, devices)) {
        return false;
    }
    qsort(devices->ids, devices->count, sizeof devices->ids[0], compare_ids);
    for (size_t i = 0; i < devices->count; i++) {
        if (kept == 0 || strcmp(devices->ids[i], devices->ids[kept - 1]) != 0) {
            devices->ids[kept++] = devices->ids[i];
        }
    }
    devices->count = kept;
    return true;
}

bool vd_twin_query_names_status(const struct vd_twin_query *query, bool *enabled)
{
    const struct vd_twin_query_node *where = &query->nodes[query->where];
    const bool is_chain = where->kind == VD_NODE_AND;

    if (query->where == 0) {
        return false;
    }
    for (size_t i = is_chain ? where->child : query->where; i != 0;
         i = is_chain ? query->nodes[i].next : 0) {
        const char *status = json_string_value(compared_with(query, &query->nodes[i], "status"));

        if (status != NULL && (strcmp(status, "enabled") == 0 || strcmp(status, "disabled") == 0)) {
            *enabled = status[0] == 'e';
            return true;
        }
    }
    return false;
}

/* True if what `is` says holds for the first name of a path in the query. */
static bool any_path(const struct vd_twin_query *query, bool (*is)(const char *name))
{
    bool found = false;

    for (size_t i = 1; i <= query->node_count && !found; i++) {
        found = query->nodes[i].kind == VD_NODE_PATH && is(query->names + query->nodes[i].detail);
    }
    for (size_t i = 0; i < query->column_count && !found; i++) {
        found = query->columns[i].aggregate != VD_AGGREGATE_COUNT &&
            is(query->names + query->columns[i].path);
    }
    for (size_t i = 0; i < query->group_by_count && !found; i++) {
        found = is(query->names + query->group_by[i]);
    }
    return found;
}

static bool is_of_state(const char *name)
{
    static const char *const of_identity[] = {"deviceId", "moduleId", "deviceEtag", "status",
        "statusReason", "statusUpdateTime", "connectionState", "authenticationType",
        "x509Thumbprint"};

    for (size_t i = 0; i < sizeof of_identity / sizeof of_identity[0]; i++) {
        if (strcmp(name, of_identity[i]) == 0) {
            return false;
        }
    }
    return true;
}

bool vd_twin_query_needs_state(const struct vd_twin_query *query)
{
    return query->whole || any_path(query, is_of_state);
}

static bool is_message_count(const char *name)
{
    return strcmp(name, "cloudToDeviceMessageCount") == 0;
}

bool vd_twin_query_needs_message_count(const struct vd_twin_query *query)
{
    return query->whole || any_path(query, is_message_count);
}

static bool is_activity(const char *name)
{
    return strcmp(name, "lastActivityTime") == 0;
}

bool vd_twin_query_needs_activity(const struct vd_twin_query *query)
{
    return query->whole || any_path(query, is_activity);
}
