/* SPDX-License-Identifier: MIT */
/* The parts of the generator. The first letter of a column's name is the letter of its type. */

#ifndef VEDETTE_TESTS_KQL_GENERATE_INTERNAL_H
#define VEDETTE_TESTS_KQL_GENERATE_INTERNAL_H

#include "tests/kql/eval.h"
#include "tests/kql/generate.h"

struct generator {
    uint64_t state;
    struct vd_buf text;
    const struct eval_table *table; /* the columns there are */
    uint32_t names;                 /* given to columns so far */
    uint32_t second_key;            /* number of the first column of T2, a text */
    bool has_function;              /* the query has a let of one: f1(long) */
};

/* 0 to below - 1. */
uint32_t pick(struct generator *g, uint32_t below);
/* One of a NULL-terminated list. */
const char *pick_text(struct generator *g, const char *const *list);
void say(struct generator *g, const char *text);
/* A new name of a type; appended and returned. */
void say_new_name(struct generator *g, enum vd_kql_type type);
/* A column of this type; false: there is none. */
bool say_column(struct generator *g, enum vd_kql_type type);
const struct eval_column *pick_column(struct generator *g, enum vd_kql_type type);

void say_literal(struct generator *g, enum vd_kql_type type);
void say_expr(struct generator *g, enum vd_kql_type type, uint32_t depth);
void say_operator(struct generator *g);

#endif
