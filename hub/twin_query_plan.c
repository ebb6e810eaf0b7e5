/* SPDX-License-Identifier: MIT */
/* Finds out which devices a query is about, so that the others need not be looked at. */

#include <stdlib.h>
#include <string.h>

#include "hub/twin_query_tree.h"

/* A path of this one name. */
static bool is_device_id(const struct vd_twin_query *query, const struct vd_twin_query_node *node)
{
    const char *path = query->names + node->detail;

    return node->kind == VD_NODE_PATH && strcmp(path, "deviceId") == 0 &&
        path[sizeof "deviceId"] == '\0';
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
    const struct vd_twin_query_node *left = &query->nodes[node->child];
    const struct vd_twin_query_node *right = &query->nodes[left->next];

    if (is_device_id(query, right)) {
        const struct vd_twin_query_node *swapped = left;

        left = right;
        right = swapped;
    }
    if (node->detail != VD_ORDER_EQUAL || !is_device_id(query, left) ||
        right->kind != VD_NODE_LITERAL) {
        return false;
    }
    add(right->literal, devices);
    return true;
}

static bool in_names(const struct vd_twin_query *query, const struct vd_twin_query_node *node,
    struct vd_twin_query_devices *devices)
{
    const struct vd_twin_query_node *value = &query->nodes[node->child];

    if (!is_device_id(query, value)) {
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
