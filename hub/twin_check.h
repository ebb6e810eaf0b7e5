/* SPDX-License-Identifier: MIT */
/* What a twin's section may hold: names, depth, values, bytes. */

#ifndef VEDETTE_HUB_TWIN_CHECK_H
#define VEDETTE_HUB_TWIN_CHECK_H

#include "hub/twin.h"

/*
 * Checks names, depth and values of an object that is to become `section` ("tags", "desired", "reported") or a part of it.
 * *problem is set in any case.
 */
enum vd_twin_error vd_twin_check(
    const char *section, const json_t *object, struct vd_twin_problem *problem);

/* The bytes that count of a value that vd_twin_check has passed (hub/twin.h says how). */
size_t vd_twin_count_bytes(const json_t *value);

/* Says that `error` is at `path`. Returns it. */
enum vd_twin_error vd_twin_blame(
    struct vd_twin_problem *problem, enum vd_twin_error error, const char *path);

#endif
