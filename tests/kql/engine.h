/* SPDX-License-Identifier: MIT */
/* What a query gives by way of the compiler and DuckDB. */

#ifndef VEDETTE_TESTS_KQL_ENGINE_H
#define VEDETTE_TESTS_KQL_ENGINE_H

#include "tests/kql/eval.h"

struct engine;

struct engine *engine_new(void);
void engine_free(struct engine *engine);

/* The result in the arena; false with the reason. */
bool engine_query(struct engine *engine, struct vd_str query, struct vd_arena *arena,
    struct eval_table *out, char problem[400]);

#endif
