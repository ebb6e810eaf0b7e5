/* SPDX-License-Identifier: MIT */
/* The functions that queries call, without a database: a line of a name, then one for each argument. */

#include <stdlib.h>
#include <string.h>

#include "center/store/duckdb_functions_internal.h"
#include "fuzz/replay.h"

#define ARGUMENTS_HERE 8

static const struct vd_udf *const parts[] = {vd_udf_terms, vd_udf_texts, vd_udf_conversions,
    vd_udf_times, vd_udf_arrays, vd_udf_network, vd_udf_urls, vd_udf_calendar, vd_udf_making,
    vd_udf_canonical};

static const struct vd_udf *find(struct vd_str name)
{
    for (size_t part = 0; part < sizeof parts / sizeof parts[0]; part++) {
        for (const struct vd_udf *udf = parts[part]; udf->name != NULL; udf++) {
            if (vd_str_equal_text(name, udf->name)) {
                return udf;
            }
        }
    }
    return NULL;
}

/* A copy of just its size, so that each byte beyond is noticed. */
static char *read_argument(char letter, struct vd_str text, struct vd_udf_value *out)
{
    char number[64] = "";
    char *copy = malloc(text.length > 0 ? text.length : 1);

    if (copy == NULL) {
        abort();
    }
    memcpy(copy, text.data, text.length);
    if (letter == 's') {
        out->text = (struct vd_str){copy, text.length};
    } else if (vd_str_copy(text, number, sizeof number) == VD_OK && letter == 'r') {
        out->real = strtod(number, NULL);
    } else {
        out->integer = strtoll(number, NULL, 10);
        if (letter == 't' && !vd_udf_is_time(out->integer)) {
            out->integer = 0;
        }
    }
    return copy;
}

static void check_json(struct vd_str json)
{
    struct vd_udf_json walk;
    struct vd_str name;
    struct vd_str value;

    if (vd_udf_json_open(json, 0, &walk)) {
        while (vd_udf_json_next(&walk, &name, &value)) {
            if (value.data < json.data || value.data + value.length > json.data + json.length) {
                abort();
            }
        }
    }
}

/* It takes no more steps than it may, gives no more than 16 MiB, and JSON that can be walked again. */
static void call(const struct vd_udf *udf, const struct vd_udf_value *values, uint32_t count)
{
    struct vd_buf out = {.max = VD_UDF_TEXT_MAX};
    uint64_t steps = VD_UDF_STEPS_MAX;
    struct vd_udf_call row = {.args = values, .count = count, .out = &out, .steps = &steps};

    (void)udf->function(&row);
    if (out.length > VD_UDF_TEXT_MAX || steps > VD_UDF_STEPS_MAX) {
        abort();
    }
    if (out.length > 0) {
        check_json((struct vd_str){(const char *)out.data, out.length});
    }
    vd_buf_release(&out);
}

static int lower(char c)
{
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

static bool is_same(const char *a, const char *b, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (lower(a[i]) != lower(b[i])) {
            return false;
        }
    }
    return true;
}

static bool is_in(struct vd_str text, struct vd_str needle)
{
    for (size_t i = 0; i + needle.length <= text.length; i++) {
        if (is_same(text.data + i, needle.data, needle.length)) {
            return true;
        }
    }
    return false;
}

/* What is found as a whole term, or at the end of one, is in the text. */
static void search(const struct vd_udf_search *search, struct vd_str text, struct vd_str needle)
{
    struct vd_udf_value values[2] = {{.is_null = false}};
    char *copies[] = {read_argument('s', text, &values[0]), read_argument('s', needle, &values[1])};
    uint64_t steps = VD_UDF_STEPS_MAX;
    struct vd_udf_call row = {.steps = &steps};

    if (vd_udf_search_run(&row, search, values[0].text, values[1].text) &&
        search->list == VD_UDF_ONE && row.result.integer != 0 && !is_in(text, needle)) {
        abort();
    }
    free(copies[0]);
    free(copies[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct vd_str input = {(const char *)data, size};
    struct vd_udf_value values[ARGUMENTS_HERE] = {{.is_null = false}};
    char *copies[ARGUMENTS_HERE] = {NULL};
    const struct vd_udf *udf;
    const char *letter;
    struct vd_str part;
    size_t at = 0;
    uint32_t count = 0;

    udf = vd_udf_part(input, '\n', &at, &part) ? find(part) : NULL;
    for (const struct vd_udf_search *row = vd_udf_searches; row->name != NULL; row++) {
        struct vd_str texts[2];

        if (vd_str_equal_text(part, row->name) && vd_udf_part(input, '\n', &at, &texts[0]) &&
            vd_udf_part(input, '\n', &at, &texts[1])) {
            search(row, texts[0], texts[1]);
        }
    }
    if (udf == NULL) {
        return 0;
    }
    letter = udf->takes;
    while (count < ARGUMENTS_HERE && *letter != '\0' && *letter != '*' &&
        vd_udf_part(input, '\n', &at, &part)) {
        copies[count] = read_argument(*letter, part, &values[count]);
        count++;
        letter += letter[1] != '*' ? 1 : 0;
    }
    if (*letter == '\0' || letter[1] == '*') {
        call(udf, values, count);
    }
    for (uint32_t i = 0; i < count; i++) {
        free(copies[i]);
    }
    return 0;
}
