/* SPDX-License-Identifier: MIT */
/* Functions over one row of values, and their tables. They know no database; any thread. */

#ifndef VEDETTE_CENTER_STORE_DUCKDB_FUNCTIONS_INTERNAL_H
#define VEDETTE_CENTER_STORE_DUCKDB_FUNCTIONS_INTERNAL_H

#include "lib/str.h"

/* No text that a function gives is longer; the query ends with an error instead. */
#define VD_UDF_TEXT_MAX (16u << 20)
/* Nor are the texts that it gives for one chunk of up to 2,048 rows longer together, unless vd_duckdb_functions_bound says less:
 * they are held at the same time, and beside what DuckDB's limit of memory counts. */
#define VD_UDF_CHUNK_TEXTS_MAX (256u << 20)
/* Steps (bytes looked at) that a function may take for one chunk of up to 2,048 rows: DuckDB cannot interrupt it within one. */
#define VD_UDF_STEPS_MAX (1ull << 33)
/* Elements of what range and repeat make; of more the query ends, since rows with such arrays may be expanded by one another. */
#define VD_UDF_ELEMENTS_MAX 10000
/* Texts are put together with this between, to lists of any length. JSON text never has it. */
#define VD_UDF_SEPARATOR '\1'

struct vd_udf_value {
    bool is_null;
    union {
        int64_t integer; /* bool, int, long; timestamp in microseconds since 1970 */
        double real;
        struct vd_str text;
    };
};

/* One row. */
struct vd_udf_call {
    const struct vd_udf_value *args;
    uint32_t count;
    struct vd_buf *out; /* the result, if it is text; empty at the beginning */
    struct vd_udf_value result;
    size_t growth;     /* bytes that DuckDB may make of the result, beside it; 0 at the beginning */
    uint64_t *steps;   /* left */
    const char *error; /* ends the query; static */
};

/* False: the result is null. */
typedef bool (*vd_udf_function)(struct vd_udf_call *call);

/*
 * takes     s text, l long, r real, t timestamp, b bool; '*' behind the last: any number of it
 * gives     likewise, and i int
 * on_nulls  it is called for rows with nulls too; else these are null
 */
struct vd_udf {
    const char *name;
    const char *takes;
    char gives;
    bool on_nulls;
    vd_udf_function function;
};

/* Of two whole numbers, neither null; false: the result is null. */
typedef bool (*vd_udf_pair_function)(int64_t a, int64_t b, int64_t *out);

/* takes and gives: l long, t timestamp. Called much faster than a vd_udf. */
struct vd_udf_pair {
    const char *name;
    const char *takes;
    char gives;
    vd_udf_pair_function function;
};

enum vd_udf_list {
    VD_UDF_ONE,   /* the needle is one text */
    VD_UDF_ANY,   /* texts with VD_UDF_SEPARATOR between: whether any is there, */
    VD_UDF_ALL,   /* whether all are, */
    VD_UDF_PLACE, /* the place in the list of the first that is; -1: none */
};

/* Of a text and a needle, neither null. Called much faster than a vd_udf. */
struct vd_udf_search {
    const char *name;
    enum vd_udf_list list;
    int borders;   /* where no term may go on */
    bool any_case; /* of letters of ASCII, and the needle has no others */
};

/* 0001-01-01 and behind 9999-12-31, in microseconds since 1970: what a time may be. */
#define VD_UDF_TIME_MIN_US (-62135596800000000ll)
#define VD_UDF_TIME_END_US 253402300800000000ll
bool vd_udf_is_time(int64_t us);

/* Each ended by a row without a name. */
extern const struct vd_udf vd_udf_terms[];
extern const struct vd_udf vd_udf_texts[];
extern const struct vd_udf vd_udf_conversions[];
extern const struct vd_udf vd_udf_times[];
extern const struct vd_udf vd_udf_arrays[];
extern const struct vd_udf vd_udf_network[];
extern const struct vd_udf vd_udf_urls[];
extern const struct vd_udf vd_udf_calendar[];
extern const struct vd_udf vd_udf_making[];
extern const struct vd_udf vd_udf_canonical[];
extern const struct vd_udf_pair vd_udf_pairs[];
extern const struct vd_udf_search vd_udf_searches[];

/* The call's result is set; false: the query has to end, with the call's error. */
bool vd_udf_search_run(struct vd_udf_call *call, const struct vd_udf_search *search,
    struct vd_str text, struct vd_str needle);

/* Takes steps off; false (and an error) when there are none left. */
bool vd_udf_spend(struct vd_udf_call *call, uint64_t steps);

/* Says that there would be more elements than that; false. */
bool vd_udf_refuse_elements(struct vd_udf_call *call);

/* As JSON: what is not finite in quotation marks. */
void vd_udf_append_real_json(double value, struct vd_buf *out);

/* Walks a text cut by `separator`; false at its end. Begin with *at 0. An empty text is one empty part. */
bool vd_udf_part(struct vd_str text, char separator, size_t *at, struct vd_str *part);

/* XXH64. */
uint64_t vd_udf_hash(struct vd_str text, uint64_t seed);

/* ---- JSON text: valid and compact, or else nothing is promised but that reads stay within it ---- */

/* Walks the elements of an array or the members of an object (name with its quotes, value). */
struct vd_udf_json {
    const char *at;
    const char *end;
    char close;
    bool is_first;
};

/* '[' or '{' opens what the walk is over; false: it is neither, or not the one wanted (0: any). */
bool vd_udf_json_open(struct vd_str text, char wanted, struct vd_udf_json *walk);
/* name may be NULL for an array. False at the end, or where the text is no JSON. */
bool vd_udf_json_next(struct vd_udf_json *walk, struct vd_str *name, struct vd_str *value);

/* Appends what stands in a JSON string (with its quotes) as text; what is no string as it is. */
void vd_udf_json_text(struct vd_str json, struct vd_buf *out);

/* A set of texts, which stay where they are; all zero is empty. */
struct vd_udf_set {
    struct vd_str *slots;
    size_t capacity;
    size_t count;
    uint64_t seed;
};

/* 1: it is new, 0: it was there, -1: no memory. */
int vd_udf_set_add(struct vd_udf_set *set, struct vd_str text);
bool vd_udf_set_has(const struct vd_udf_set *set, struct vd_str text);
void vd_udf_set_release(struct vd_udf_set *set);

#endif
