/* SPDX-License-Identifier: MIT */
/* The normative statements of MQTT 3.1.1, what the hub makes of each, and the exchanges that show it. */

#ifndef VEDETTE_TESTS_HUB_CONFORMANCE_H
#define VEDETTE_TESTS_HUB_CONFORMANCE_H

#include <stddef.h>

/* X(name, text, meaning) */
#define CONFORMANCE_VERDICTS(X)                                                                 \
    X(HELD, "held", "the hub does what the statement asks")                                     \
    X(NARROWED, "narrowed", "the rules of a hub allow less than MQTT, and the hub refuses")     \
    X(WIDENED, "widened", "the hub takes more than the statement allows, on purpose")           \
    X(NOT_YET, "not yet", "it belongs to a hub and is missing; the exchange shows what is now") \
    X(CLIENTS, "client's", "it binds clients; an exchange shows what breaking it leads to")     \
    X(NOT_APPLICABLE, "not applicable", "a hub has nothing that the statement speaks of")

enum conformance_verdict {
#define CONFORMANCE_VERDICT_ENUM(name, text, meaning) CONFORMANCE_##name,
    CONFORMANCE_VERDICTS(CONFORMANCE_VERDICT_ENUM)
#undef CONFORMANCE_VERDICT_ENUM
};

#define CONFORMANCE_EXCHANGES_MAX 12

struct conformance_statement {
    const char *number; /* as in MQTT-3.1.0-1 */
    const char *says;   /* in a few words of our own */
    enum conformance_verdict verdict;
    const char *here;                                 /* why, where it is not held; else NULL */
    const char *exchanges[CONFORMANCE_EXCHANGES_MAX]; /* see exchange.h; NULL behind the last */
};

extern const struct conformance_statement conformance_statements[];
extern const size_t conformance_statements_count;

#endif
