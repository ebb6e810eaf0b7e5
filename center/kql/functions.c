/* SPDX-License-Identifier: MIT */
/* Looks calls up in the table of functions. */

#include "center/kql/functions.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "center/kql/functions_internal.h"
#include "lib/near.h"

static const struct vd_kql_overload *const parts[] = {vd_kql_operator_rows, vd_kql_conversion_rows,
    vd_kql_string_rows, vd_kql_time_rows, vd_kql_dynamic_rows, vd_kql_network_rows,
    vd_kql_math_rows, vd_kql_aggregate_rows};

#define PART_COUNT (sizeof parts / sizeof parts[0])

static char letter_of(enum vd_kql_type type)
{
    static const char letters[] = {
#define VD_KQL_LETTER(name, text, letter) letter,
        VD_KQL_TYPES(VD_KQL_LETTER)
#undef VD_KQL_LETTER
    };

    return letters[type];
}

/* VD_KQL_TYPE_COUNT: the letter is no type's. */
static enum vd_kql_type type_of(char letter)
{
    int type = 0;

    while (type < VD_KQL_TYPE_COUNT && letter_of((enum vd_kql_type)type) != letter) {
        type++;
    }
    return (enum vd_kql_type)type;
}

/* ---- Signatures ---- */

/* The letter for argument i; 0: there may be none. *needed: how many there have to be. */
static char letter_for(const char *takes, uint32_t i, uint32_t *needed)
{
    char last = 0;
    char found = 0;
    uint32_t at = 0;
    bool is_optional = false;

    *needed = 0;
    for (const char *c = takes; *c != '\0'; c++) {
        if (*c == '?') {
            is_optional = true;
        } else if (*c == '*') {
            found = (char)(i >= at ? last : found);
        } else {
            last = *c;
            found = (char)(i == at ? *c : found);
            at++;
            *needed = is_optional ? *needed : at;
        }
    }
    return found;
}

static int rank_of(enum vd_kql_type type)
{
    return type == VD_KQL_INT ? 1 : (type == VD_KQL_LONG ? 2 : (type == VD_KQL_REAL ? 3 : 0));
}

/* The type that all T arguments have or widen to; VD_KQL_TYPE_COUNT: there is none, or no such argument. */
static enum vd_kql_type common_of(const char *takes, const enum vd_kql_type *types, uint32_t count)
{
    enum vd_kql_type common = VD_KQL_TYPE_COUNT;
    uint32_t needed;

    for (uint32_t i = 0; i < count; i++) {
        if (letter_for(takes, i, &needed) != 'T') {
            continue;
        }
        if (common == VD_KQL_TYPE_COUNT) {
            common = types[i];
        } else if (common != types[i]) {
            if (rank_of(common) == 0 || rank_of(types[i]) == 0) {
                return VD_KQL_TYPE_COUNT;
            }
            common = rank_of(types[i]) > rank_of(common) ? types[i] : common;
        }
    }
    return common;
}

/* How far the types are from what the overload takes; -1: it does not take them. */
static int distance(
    const struct vd_kql_overload *overload, const enum vd_kql_type *types, uint32_t count)
{
    const enum vd_kql_type common = common_of(overload->takes, types, count);
    uint32_t needed;
    int far = 0;

    (void)letter_for(overload->takes, 0, &needed);
    if (count < needed) {
        return -1;
    }
    for (uint32_t i = 0; i < count; i++) {
        const char letter = letter_for(overload->takes, i, &needed);
        const enum vd_kql_type wanted = letter == 'T' ? common : type_of(letter);

        if (letter == 'a' || letter == 'j' || letter == 'x') {
            /* Those that take a type as it is come first. */
            far += letter == 'a' ? 4 : (letter == 'j' && types[i] != VD_KQL_DYNAMIC ? 16 : 0);
            continue;
        }
        if (letter == 0 || wanted == VD_KQL_TYPE_COUNT) {
            return -1;
        }
        if (wanted != types[i]) {
            if (rank_of(types[i]) == 0 || rank_of(wanted) < rank_of(types[i])) {
                return -1;
            }
            far += rank_of(wanted) - rank_of(types[i]);
        }
    }
    return far;
}

enum vd_kql_type vd_kql_overload_wants(const struct vd_kql_overload *overload,
    const enum vd_kql_type *types, uint32_t count, uint32_t i)
{
    uint32_t needed;
    const char letter = letter_for(overload->takes, i, &needed);

    if (letter == 'j') {
        return VD_KQL_DYNAMIC;
    }
    if (letter == 'x') {
        return VD_KQL_STRING;
    }
    if (letter == 'T') {
        return common_of(overload->takes, types, count);
    }
    return letter == 'a' || letter == 0 ? VD_KQL_TYPE_COUNT : type_of(letter);
}

enum vd_kql_type vd_kql_overload_type(
    const struct vd_kql_overload *overload, const enum vd_kql_type *types, uint32_t count)
{
    if (overload->gives >= '0' && overload->gives <= '9') {
        return types[overload->gives - '0'];
    }
    return overload->gives == 'T' ? common_of(overload->takes, types, count)
                                  : type_of(overload->gives);
}

/* ---- Names ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *names[VD_KQL_ROLE_COUNT][1024];

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_function_name(const char *name)
{
    return name[0] >= 'a' && name[0] <= 'z' && strchr(name, ' ') == NULL;
}

static void collect_names(void)
{
    for (int role = 0; role < VD_KQL_ROLE_COUNT; role++) {
        size_t count = 0;
        size_t kept = 0;

        for (size_t part = 0; part < PART_COUNT; part++) {
            for (const struct vd_kql_overload *row = parts[part]; row->name != NULL; row++) {
                if ((int)row->role == role && is_function_name(row->name) && count < 1023) {
                    names[role][count++] = row->name;
                }
            }
        }
        qsort(names[role], count, sizeof names[role][0], compare_names);
        for (size_t i = 0; i < count; i++) {
            if (kept == 0 || strcmp(names[role][kept - 1], names[role][i]) != 0) {
                names[role][kept++] = names[role][i];
            }
        }
        names[role][kept] = NULL;
    }
}

const char *const *vd_kql_function_names(enum vd_kql_role role)
{
    pthread_once(&once, collect_names);
    return names[role];
}

/* ---- Problems ---- */

static void say_unknown(enum vd_kql_role role, struct vd_str name, char problem[400])
{
    struct vd_nearest nearest = {0};

    for (const char *const *known = vd_kql_function_names(role); *known != NULL; known++) {
        vd_nearest_try(&nearest, name, vd_str_from(*known));
    }
    if (nearest.name.data != NULL) {
        snprintf(problem, 400, "there is no function '%.*s'; did you mean '%.*s'?",
            VD_STR_ARG(name), VD_STR_ARG(nearest.name));
    } else {
        snprintf(problem, 400, "there is no function '%.*s'", VD_STR_ARG(name));
    }
}

static void append(char problem[400], const char *text)
{
    const size_t length = strlen(problem);

    snprintf(problem + length, 400 - length, "%s", text);
}

static void append_letter(char problem[400], char letter)
{
    if (letter == 'a' || letter == 'j' || letter == 'x' || letter == 'T') {
        append(problem, letter == 'T' ? "any, of one type" : "any");
    } else {
        append(problem, vd_kql_type_text(type_of(letter)));
    }
}

/* "strlen takes (string), not (long)" */
static void say_types(const struct vd_kql_overload *const *candidates, uint32_t candidate_count,
    const enum vd_kql_type *types, uint32_t count, struct vd_str name, char problem[400])
{
    snprintf(problem, 400, "'%.*s' takes ", VD_STR_ARG(name));
    for (uint32_t c = 0; c < candidate_count; c++) {
        bool is_first = true;

        append(problem, c == 0 ? "(" : (c + 1 == candidate_count ? " or (" : ", ("));
        for (const char *letter = candidates[c]->takes; *letter != '\0'; letter++) {
            if (*letter == '*') {
                append(problem, " ...");
            } else if (*letter == '?') {
                append(problem, is_first ? "[" : " [");
            } else {
                append(problem, is_first ? "" : ", ");
                append_letter(problem, *letter);
                is_first = false;
            }
        }
        append(problem, strchr(candidates[c]->takes, '?') != NULL ? "])" : ")");
    }
    append(problem, ", not (");
    for (uint32_t i = 0; i < count; i++) {
        append(problem, i > 0 ? ", " : "");
        append(problem, vd_kql_type_text(types[i]));
    }
    append(problem, ")");
}

#define CANDIDATES_MAX 6

const struct vd_kql_overload *vd_kql_overload_find(enum vd_kql_role role, struct vd_str name,
    const enum vd_kql_type *types, uint32_t count, char problem[400])
{
    const struct vd_kql_overload *candidates[CANDIDATES_MAX];
    const struct vd_kql_overload *best = NULL;
    uint32_t candidate_count = 0;
    int least = -1;

    for (size_t part = 0; part < PART_COUNT; part++) {
        for (const struct vd_kql_overload *row = parts[part]; row->name != NULL; row++) {
            int far;

            if (row->role != role || !vd_str_equal_text(name, row->name)) {
                continue;
            }
            far = distance(row, types, count);
            if (candidate_count < CANDIDATES_MAX) {
                candidates[candidate_count++] = row;
            }
            if (far >= 0 && (best == NULL || far < least)) {
                best = row;
                least = far;
            }
        }
    }
    if (best == NULL && candidate_count == 0) {
        say_unknown(role, name, problem);
    } else if (best == NULL) {
        say_types(candidates, candidate_count, types, count, name, problem);
    }
    return best;
}
