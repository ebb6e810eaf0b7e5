/* SPDX-License-Identifier: MIT */
/* Lists. What an operator or keyword does is the parser's. */

#include "center/kql/words.h"

#include <stddef.h>

static const char *const operators[] = {"as", "count", "distinct", "evaluate", "extend", "invoke",
    "join", "limit", "lookup", "make-series", "mv-expand", "order by", "parse", "parse-where",
    "project", "project-away", "project-keep", "project-rename", "project-reorder", "render",
    "sample", "sample-distinct", "search", "serialize", "sort by", "summarize", "take", "top",
    "union", "where", NULL};

static const char *const keywords[] = {"and", "asc", "between", "by", "contains", "datatable",
    "declare query_parameters", "desc", "endswith", "has", "has_all", "has_any", "in",
    "innerunique", "kind", "leftanti", "leftouter", "let", "matches regex", "not", "on", "or",
    "print", "range", "startswith", "to", "typeof", "with", NULL};

const char *const *vd_kql_operator_words(void)
{
    return operators;
}

const char *const *vd_kql_keyword_words(void)
{
    return keywords;
}
