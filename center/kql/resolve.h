/* SPDX-License-Identifier: MIT */
/* Names and types: from the syntax tree to the plan. */

#ifndef VEDETTE_CENTER_KQL_RESOLVE_H
#define VEDETTE_CENTER_KQL_RESOLVE_H

#include "center/kql/kql.h"
#include "center/kql/plan.h"

/* VD_E_INVALID and VD_E_LIMIT with the problem's offset, length and text; VD_E_NOMEM. */
VD_NODISCARD int vd_kql_resolve(const struct vd_kql_node *query,
    const struct vd_kql_options *options, struct vd_arena *arena, struct vd_kql_plan *out,
    struct vd_kql_problem *problem);

#endif
