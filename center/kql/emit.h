/* SPDX-License-Identifier: MIT */
/* SQL from a plan. */

#ifndef VEDETTE_CENTER_KQL_EMIT_H
#define VEDETTE_CENTER_KQL_EMIT_H

#include "center/kql/kql.h"
#include "center/kql/plan.h"

/* Appends one SELECT; *text_functions: see vd_kql_compiled. VD_E_UNSUPPORTED with the problem's text: the dialect cannot say a
 * function; VD_E_NOMEM. */
VD_NODISCARD int vd_kql_emit(const struct vd_kql_plan *plan, enum vd_kql_dialect dialect,
    struct vd_buf *sql, uint32_t *text_functions, struct vd_kql_problem *problem);

#endif
