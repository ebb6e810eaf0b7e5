/* SPDX-License-Identifier: MIT */
/* What a query gives, worked out row by row from its tree: slow, obvious, and without anything of the compiler but the parser. */

#ifndef VEDETTE_TESTS_KQL_EVAL_H
#define VEDETTE_TESTS_KQL_EVAL_H

#include "center/kql/syntax.h"

struct eval_column {
    struct vd_str name;
    enum vd_kql_type type;
};

struct eval_table {
    struct eval_column *columns;
    uint32_t column_count;
    struct vd_kql_value **rows; /* dynamic values are JSON text; null ones have no text */
    uint32_t row_count;
    bool is_sorted;
};

/* All of the result is in the arena. VD_E_UNSUPPORTED with the reason: it knows no such thing. */
VD_NODISCARD int eval_query(const struct vd_kql_node *query, struct vd_arena *arena,
    struct eval_table *out, char problem[200]);

#endif
