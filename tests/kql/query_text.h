/* SPDX-License-Identifier: MIT */
/* The query that a tree says: read again it gives the same tree. */

#ifndef VEDETTE_TESTS_KQL_QUERY_TEXT_H
#define VEDETTE_TESTS_KQL_QUERY_TEXT_H

#include "center/kql/syntax.h"

/* Of any node. Appends to out. */
void kql_query_text(const struct vd_kql_node *node, struct vd_buf *out);
void kql_literal_text(const struct vd_kql_value *value, struct vd_buf *out);

#endif
