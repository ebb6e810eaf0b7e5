/* SPDX-License-Identifier: MIT */
/* Smaller queries that still do what a larger one did. */

#ifndef VEDETTE_TESTS_KQL_SHRINK_H
#define VEDETTE_TESTS_KQL_SHRINK_H

#include "center/kql/syntax.h"

typedef bool shrink_still(void *context, struct vd_str query);

/* Takes parts of the query away as long as `still` holds for what is left. */
void shrink_query(struct vd_buf *query, shrink_still *still, void *context);

#endif
