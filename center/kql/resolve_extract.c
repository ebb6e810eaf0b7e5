/* SPDX-License-Identifier: MIT */
/* extract_json and extract_all: their paths and patterns are read before the query runs. */

#include <stdlib.h>
#include <string.h>

#include "center/kql/resolve_internal.h"

#define GROUPS_MAX 16
#define STEPS_MAX  100

static uint32_t resolve_arguments(struct vd_kql_resolver *r, const struct vd_kql_place *place,
    const struct vd_kql_node *node, struct vd_kql_expr *arguments[3])
{
    uint32_t count = 0;

    if (node->child_count < 2 || node->child_count > 3) {
        vd_kql_fail(r, node, "%.*s takes 2 or 3 arguments, not %u", VD_STR_ARG(node->text),
            node->child_count);
    }
    for (const struct vd_kql_node *item = node->first; item != NULL; item = item->next) {
        arguments[count++] = vd_kql_resolve_expr(r, place, item);
    }
    return count;
}

static bool is_text_constant(const struct vd_kql_expr *expr)
{
    return expr != NULL && expr->op == VD_KQL_OP_CONSTANT && expr->type == VD_KQL_STRING;
}

/* ---- JSON paths ---- */

/* ['name'], ["name"] or [number], at the bracket. Behind it; NULL: it is none. */
static const char *read_bracket(const char *at, const char *end, struct vd_kql_step *step)
{
    const char *close = memchr(at, ']', (size_t)(end - at));
    char number[20];
    char *behind;

    at++;
    if (at < end && (*at == '\'' || *at == '"')) {
        close = memchr(at + 1, *at, (size_t)(end - at - 1));
        if (close == NULL || close + 1 == end || close[1] != ']') {
            return NULL;
        }
        step->name = (struct vd_str){at + 1, (size_t)(close - at - 1)};
        return close + 2;
    }
    if (close == NULL || close == at || (*at != '-' && (*at < '0' || *at > '9')) ||
        vd_str_copy((struct vd_str){at, (size_t)(close - at)}, number, sizeof number) != VD_OK) {
        return NULL;
    }
    step->number = strtoll(number, &behind, 10);
    return *behind == '\0' ? close + 1 : NULL;
}

/* How many steps the path has; -1: it is none that is known. */
static int read_path(struct vd_str path, struct vd_kql_step steps[STEPS_MAX])
{
    const char *at = path.data;
    const char *end = path.data + path.length;
    int count = 0;

    if (path.length == 0 || *at++ != '$') {
        return -1;
    }
    while (at != NULL && at < end && count < STEPS_MAX) {
        struct vd_kql_step *step = &steps[count++];

        *step = (struct vd_kql_step){0};
        if (*at == '[') {
            at = read_bracket(at, end, step);
        } else {
            const char *name = at + 1;
            const char *stop = *at == '.' ? name : NULL;

            while (stop != NULL && stop < end && *stop != '.' && *stop != '[') {
                stop++;
            }
            at = stop != NULL && stop > name && *name != '*' ? stop : NULL;
            step->name = (struct vd_str){name, at != NULL ? (size_t)(stop - name) : 0};
        }
    }
    return at == end ? count : -1;
}

struct vd_kql_expr *vd_kql_resolve_extract_json(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node)
{
    struct vd_kql_expr *arguments[3] = {NULL};
    struct vd_kql_step steps[STEPS_MAX];
    const uint32_t count = resolve_arguments(r, place, node, arguments);
    struct vd_kql_expr *value;
    int step_count;

    if (count != 2 || !is_text_constant(arguments[0]) ||
        (arguments[1]->type != VD_KQL_STRING && arguments[1]->type != VD_KQL_DYNAMIC)) {
        return vd_kql_call(
            r, node, VD_KQL_SCALAR, VD_STR_LITERAL("extract_json"), arguments, count);
    }
    step_count = read_path(arguments[0]->value.text, steps);
    if (step_count < 0) {
        vd_kql_fail(r, node->first,
            "a path is $ with .name, ['name'] or [number] behind it, as $.a['b'][0]");
    }
    value = vd_kql_call(r, node, VD_KQL_SCALAR, VD_STR_LITERAL("@document"), &arguments[1], 1);
    for (int i = 0; i < step_count; i++) {
        value = vd_kql_path_step(r, place->row, node, value, &steps[i]);
    }
    return vd_kql_cast(r, node, value, VD_KQL_STRING);
}

/* ---- Groups of patterns ---- */

/* A pattern's groups that are captured, with their names (empty: none). */
struct groups {
    struct vd_str names[GROUPS_MAX];
    uint32_t count; /* may be more than have a place */
};

/* Behind a class, at its bracket. */
static const char *behind_class(const char *at, const char *end)
{
    at += end - at > 1 && at[1] == '^' ? 2 : 1;
    /* A bracket in the first place is a member. */
    for (const char *first = at; at < end; at++) {
        if (*at == '\\') {
            at++;
        } else if (*at == '[' && end - at > 1 && at[1] == ':') {
            const char *close = memchr(at, ']', (size_t)(end - at));

            at = close != NULL ? close : at;
        } else if (*at == ']' && at != first) {
            return at + 1;
        }
    }
    return end;
}

static void add_group(struct groups *groups, const char *at, const char *end)
{
    struct vd_str name = {"", 0};

    if (end - at > 1 && at[1] == '?') {
        const char *mark = end - at > 2 && at[2] == 'P' ? at + 3 : at + 2;
        const char *close = mark < end ? memchr(mark, '>', (size_t)(end - mark)) : NULL;

        if (close == NULL || *mark != '<') {
            return;
        }
        name = (struct vd_str){mark + 1, (size_t)(close - mark - 1)};
    }
    if (groups->count < GROUPS_MAX) {
        groups->names[groups->count] = name;
    }
    groups->count++;
}

static void read_groups(struct vd_str pattern, struct groups *groups)
{
    const char *at = pattern.data;
    const char *end = pattern.data + pattern.length;

    while (at < end) {
        if (*at == '\\' && end - at > 1 && at[1] == 'Q') {
            const char *quoted = memmem(at, (size_t)(end - at), "\\E", 2);

            at = quoted != NULL ? quoted + 2 : end;
        } else if (*at == '\\') {
            at += end - at > 1 ? 2 : 1;
        } else if (*at == '[') {
            at = behind_class(at, end);
        } else {
            if (*at == '(') {
                add_group(groups, at, end);
            }
            at++;
        }
    }
}

/* The numbers that a dynamic array of numbers and names of groups has, from 1 on. */
static uint32_t read_wanted(struct vd_kql_resolver *r, const struct vd_kql_node *node,
    struct vd_str json, const struct groups *groups, uint32_t wanted[GROUPS_MAX])
{
    const char *at = json.data + 1;
    const char *end = json.data + json.length - 1;
    uint32_t count = 0;

    while (json.length > 2 && at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        struct vd_str item = {at, (size_t)((comma != NULL ? comma : end) - at)};
        char text[20] = "";
        uint32_t number = 0;

        if (vd_str_copy(item, text, sizeof text) == VD_OK) {
            number = (uint32_t)strtoul(text, NULL, 10);
        }
        for (uint32_t i = 0; i < groups->count && item.length > 2 && *at == '"'; i++) {
            const struct vd_str name = {item.data + 1, item.length - 2};

            number = vd_str_equal(groups->names[i], name) ? i + 1 : number;
        }
        if (number == 0 || number > groups->count || count == GROUPS_MAX) {
            vd_kql_fail(r, node, "the pattern has %u groups, and none is %.*s", groups->count,
                VD_STR_ARG(item));
        }
        wanted[count++] = number;
        at = comma != NULL ? comma + 1 : end;
    }
    if (count == 0) {
        vd_kql_fail(r, node, "an array of numbers or names of groups is expected");
    }
    return count;
}

struct vd_kql_expr *vd_kql_resolve_extract_all(
    struct vd_kql_resolver *r, const struct vd_kql_place *place, const struct vd_kql_node *node)
{
    struct vd_kql_expr *arguments[3] = {NULL};
    struct vd_kql_expr *parts[GROUPS_MAX];
    uint32_t wanted[GROUPS_MAX];
    struct groups groups = {0};
    const uint32_t given = resolve_arguments(r, place, node, arguments);
    uint32_t count = 0;

    if (!is_text_constant(arguments[0])) {
        vd_kql_fail(r, node->first, "a pattern that is known before the query runs is expected");
    }
    read_groups(arguments[0]->value.text, &groups);
    if (groups.count < 1 || groups.count > GROUPS_MAX) {
        vd_kql_fail(
            r, node->first, "a pattern with 1 to %d groups in parentheses is expected", GROUPS_MAX);
    }
    if (given == 3 &&
        (arguments[1]->op != VD_KQL_OP_CONSTANT || arguments[1]->type != VD_KQL_DYNAMIC ||
            arguments[1]->value.is_null || arguments[1]->value.text.data[0] != '[')) {
        vd_kql_fail(r, node->first->next, "an array of numbers or names of groups is expected");
    }
    if (given == 3) {
        count = read_wanted(r, node->first->next, arguments[1]->value.text, &groups, wanted);
    }
    for (; given == 2 && count < groups.count; count++) {
        wanted[count] = count + 1;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct vd_kql_expr *group[] = {arguments[0],
            vd_kql_cast(r, node, vd_kql_constant_long(r, wanted[i]), VD_KQL_INT),
            arguments[given - 1]};

        parts[i] = vd_kql_call(r, node, VD_KQL_SCALAR, VD_STR_LITERAL("@group"), group, 3);
    }
    return count == 1 ? parts[0]
                      : vd_kql_call(r, node, VD_KQL_SCALAR, VD_STR_LITERAL("zip"), parts, count);
}
