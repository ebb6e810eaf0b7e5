/* SPDX-License-Identifier: MIT */
/* The types of the query language, and its constants. */

#ifndef VEDETTE_CENTER_KQL_TYPES_H
#define VEDETTE_CENTER_KQL_TYPES_H

#include "lib/str.h"

/*
 * X(name, text, letter): the letter stands for the type in the signatures of functions.h.
 * What values are in SQL, in both dialects: bool, int (32 bits), long (64 bits), real (double), string, guid (lower case
 * text) as expected; datetime a timestamp of microseconds in UTC; timespan a 64 bit number of ticks; dynamic JSON text, in
 * which an absent value is NULL and JSON's null is 'null'. A string is never NULL: what produces NULL there is coalesced.
 */
#define VD_KQL_TYPES(X)                 \
    X(VD_KQL_BOOL, "bool", 'b')         \
    X(VD_KQL_DATETIME, "datetime", 't') \
    X(VD_KQL_DYNAMIC, "dynamic", 'y')   \
    X(VD_KQL_GUID, "guid", 'g')         \
    X(VD_KQL_INT, "int", 'i')           \
    X(VD_KQL_LONG, "long", 'l')         \
    X(VD_KQL_REAL, "real", 'r')         \
    X(VD_KQL_STRING, "string", 's')     \
    X(VD_KQL_TIMESPAN, "timespan", 'p')

enum vd_kql_type {
#define VD_KQL_TYPE_ENUM(name, text, letter) name,
    VD_KQL_TYPES(VD_KQL_TYPE_ENUM)
#undef VD_KQL_TYPE_ENUM
    VD_KQL_TYPE_COUNT
};

#define VD_KQL_TICKS_PER_S 10000000LL

/* A constant. text lives as long as the arena that it was made in. */
struct vd_kql_value {
    enum vd_kql_type type;
    bool is_null; /* never of a string */
    union {
        int64_t
            integer; /* bool 0 and 1, int, long; timespan in ticks of 100 ns; datetime in ticks since 1970-01-01 UTC */
        double real;
        struct vd_str text; /* string; guid in lower case with hyphens; dynamic as compact JSON */
    };
};

const char *vd_kql_type_text(enum vd_kql_type type);
/* Of a name as declarations write it, with its synonyms (boolean, date, int64, double, uniqueid, time ...). */
bool vd_kql_type_parse(struct vd_str name, enum vd_kql_type *type);

#endif
