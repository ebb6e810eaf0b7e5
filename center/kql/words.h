/* SPDX-License-Identifier: MIT */
/* The language's own words, for those who complete or colour a query. */

#ifndef VEDETTE_CENTER_KQL_WORDS_H
#define VEDETTE_CENTER_KQL_WORDS_H

/* What may stand behind a pipe, sorted; NULL behind the last. Two words where the second always follows: "sort by". */
const char *const *vd_kql_operator_words(void);
/* What may stand elsewhere, likewise. */
const char *const *vd_kql_keyword_words(void);

#endif
