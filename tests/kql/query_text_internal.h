/* SPDX-License-Identifier: MIT */
/* What the two halves of query_text.h share. */

#ifndef VEDETTE_TESTS_KQL_QUERY_TEXT_INTERNAL_H
#define VEDETTE_TESTS_KQL_QUERY_TEXT_INTERNAL_H

#include "tests/kql/query_text.h"

void kql_name_text(struct vd_str name, struct vd_buf *out);
void kql_word_text(struct vd_str name, struct vd_buf *out);
/* With commas between; `end` is not among them. */
void kql_list_text(
    const struct vd_kql_node *first, const struct vd_kql_node *end, struct vd_buf *out);
void kql_operator_text(const struct vd_kql_node *node, struct vd_buf *out);

#endif
