/* SPDX-License-Identifier: MIT */
/* Random queries over random small tables, which they bring along as datatables. */

#ifndef VEDETTE_TESTS_KQL_GENERATE_H
#define VEDETTE_TESTS_KQL_GENERATE_H

#include "center/kql/syntax.h"

/* Appends the query of this seed. */
void generate_query(uint64_t seed, struct vd_buf *out);

#endif
