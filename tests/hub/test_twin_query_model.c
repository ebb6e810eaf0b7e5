/* SPDX-License-Identifier: MIT */
/* Conditions made at random together with what they come to, against what the query language makes of their text. */

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "hub/twin_query.h"

#define ROWS         300
#define QUERIES      20
#define MEMBERS      6
#define MEMBER_NAMES "abcdef"
#define DEPTH        4
#define CHAIN        3

enum type {
    UNDEFINED,
    NOTHING, /* null */
    TRUTH,
    NUMBER,
    TEXT,
};

struct value {
    enum type type;
    double number; /* of TRUTH 0 or 1 */
    bool real;     /* written with a point */
    const char *text;
};

static uint32_t random_state;

/* Numerical Recipes' generator: the same inputs with each run. */
static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % limit;
}

static struct value random_value(bool may_be_undefined)
{
    static const char *const texts[] = {"", "a", "b", "ab", "it's", "x\"y", "1"};
    uint32_t type = random_below(5);

    if (type == UNDEFINED && !may_be_undefined) {
        type = NUMBER;
    }
    return (struct value){
        .type = (enum type)type,
        .number = type == TRUTH ? random_below(2) : (double)random_below(7) - 3,
        .real = random_below(3) == 0,
        .text = texts[random_below(sizeof texts / sizeof texts[0])],
    };
}

static void write_quoted(const char *text, struct vd_buf *out)
{
    char quote = random_below(2) == 0 ? '\'' : '"';

    vd_buf_append(out, &quote, 1);
    for (; *text != '\0'; text++) {
        vd_buf_append(out, text, 1);
        if (*text == quote) {
            vd_buf_append(out, text, 1);
        }
    }
    vd_buf_append(out, &quote, 1);
}

static void write_word(const char *word, struct vd_buf *out)
{
    for (; *word != '\0'; word++) {
        char c = *word;

        if (c >= 'a' && c <= 'z' && random_below(2) == 0) {
            c = (char)(c - 'a' + 'A');
        }
        vd_buf_append(out, &c, 1);
    }
}

static void write_value(const struct value *value, struct vd_buf *out)
{
    switch (value->type) {
    case NOTHING:
        write_word("null", out);
        break;
    case TRUTH:
        write_word(value->number > 0 ? "true" : "false", out);
        break;
    case NUMBER:
        vd_buf_printf(out, value->real ? "%.1f" : "%.0f", value->number);
        break;
    default:
        write_quoted(value->text, out);
    }
}

static json_t *row_of(const struct value values[MEMBERS])
{
    json_t *row = json_object();

    for (size_t i = 0; i < MEMBERS; i++) {
        const struct value *value = &values[i];
        char key[] = {MEMBER_NAMES[i], '\0'};
        json_t *member = value->type == NOTHING    ? json_null()
            : value->type == TRUTH                 ? json_boolean(value->number > 0)
            : value->type == NUMBER && value->real ? json_real(value->number)
            : value->type == NUMBER                ? json_integer((json_int_t)value->number)
                                                   : json_string(value->text);

        if (value->type == UNDEFINED) {
            json_decref(member);
        } else {
            assert_int_equal(json_object_set_new(row, key, member), 0);
        }
    }
    return row;
}

/* A member of the row under a path, or a literal; writes it. */
static struct value make_operand(const struct value values[MEMBERS], struct vd_buf *out)
{
    struct value value;

    if (random_below(2) == 0) {
        uint32_t i = random_below(MEMBERS);

        vd_buf_printf(out, random_below(4) == 0 ? "row['%c']" : "row.%c", MEMBER_NAMES[i]);
        return values[i];
    }
    value = random_value(false);
    write_value(&value, out);
    return value;
}

static bool equal(const struct value *a, const struct value *b)
{
    if (a->type != b->type || a->type == UNDEFINED) {
        return false;
    }
    if (a->type == TEXT) {
        return strcmp(a->text, b->text) == 0;
    }
    return a->type == NOTHING || !(a->number < b->number || a->number > b->number);
}

static bool less(const struct value *a, const struct value *b)
{
    if (a->type != b->type) {
        return false;
    }
    return a->type == TEXT ? strcmp(a->text, b->text) < 0
                           : a->type == NUMBER && a->number < b->number;
}

static bool make_comparison(const struct value values[MEMBERS], struct vd_buf *out)
{
    static const char *const signs[] = {"=", "!=", "<>", "<", "<=", ">", ">="};
    struct value a = make_operand(values, out);
    uint32_t sign = random_below(7);
    struct value b;

    vd_buf_printf(out, random_below(2) == 0 ? " %s " : "%s", signs[sign]);
    b = make_operand(values, out);
    switch (sign) {
    case 0:
        return equal(&a, &b);
    case 1:
    case 2:
        return a.type != UNDEFINED && b.type != UNDEFINED && !equal(&a, &b);
    case 3:
        return less(&a, &b);
    case 4:
        return less(&a, &b) || equal(&a, &b);
    case 5:
        return less(&b, &a);
    default:
        return less(&b, &a) || equal(&a, &b);
    }
}

static bool make_list(const struct value values[MEMBERS], struct vd_buf *out)
{
    struct value value = make_operand(values, out);
    bool negated = random_below(2) == 0;
    uint32_t count = 1 + random_below(3);
    bool found = false;

    write_word(negated ? " nin " : " in ", out);
    for (uint32_t i = 0; i < count; i++) {
        struct value element = random_value(false);

        vd_buf_append_text(out, i == 0 ? "[" : ",");
        write_value(&element, out);
        found = found || equal(&value, &element);
    }
    vd_buf_append_text(out, "]");
    return value.type != UNDEFINED && found != negated;
}

static bool make_call(const struct value values[MEMBERS], struct vd_buf *out)
{
    bool starts = random_below(2) == 0;
    struct value a;
    struct value b;

    write_word(starts ? "startswith" : "is_defined", out);
    vd_buf_append_text(out, "(");
    a = make_operand(values, out);
    if (!starts) {
        vd_buf_append_text(out, ")");
        return a.type != UNDEFINED;
    }
    vd_buf_append_text(out, ", ");
    b = make_operand(values, out);
    vd_buf_append_text(out, ")");
    return a.type == TEXT && b.type == TEXT && strncmp(a.text, b.text, strlen(b.text)) == 0;
}

static bool make_or(const struct value values[MEMBERS], int depth, struct vd_buf *out);

static bool make_not(const struct value values[MEMBERS], int depth, struct vd_buf *out)
{
    bool result;

    switch (random_below(depth > 0 ? 6 : 4)) {
    case 0:
        return make_list(values, out);
    case 1:
        return make_call(values, out);
    case 4:
        write_word("not ", out);
        return !make_not(values, depth - 1, out);
    case 5:
        vd_buf_append_text(out, "(");
        result = make_or(values, depth - 1, out);
        vd_buf_append_text(out, ")");
        return result;
    default:
        return make_comparison(values, out);
    }
}

static bool make_and(const struct value values[MEMBERS], int depth, struct vd_buf *out)
{
    bool result = make_not(values, depth, out);

    for (uint32_t more = random_below(CHAIN); more > 0; more--) {
        write_word(" and ", out);
        result &= make_not(values, depth, out);
    }
    return result;
}

static bool make_or(const struct value values[MEMBERS], int depth, struct vd_buf *out)
{
    bool result = make_and(values, depth, out);

    for (uint32_t more = random_below(CHAIN); more > 0; more--) {
        write_word(" or ", out);
        result |= make_and(values, depth, out);
    }
    return result;
}

/* Returns 1 if the text was one too large for the language, else 0. */
static int check_one(const struct value values[MEMBERS], const json_t *row, size_t results[2])
{
    struct vd_buf text = {0};
    struct vd_twin_query *query = NULL;
    struct vd_twin_query_problem problem;
    bool expected;
    int error;

    write_word("select * from devices where ", &text);
    expected = make_or(values, DEPTH, &text);
    assert_int_equal(text.error, VD_OK);
    error = vd_twin_query_parse(
        (struct vd_str){(const char *)text.data, text.length}, &query, &problem);
    if (error == VD_OK) {
        if (vd_twin_query_matches(query, row) != expected) {
            fail_msg("%.*s is not %d", (int)text.length, text.data, expected);
        }
        results[expected]++;
    } else if (error != VD_E_LIMIT) {
        fail_msg("%.*s: at %zu, expected %s", (int)text.length, text.data, problem.position,
            problem.expected);
    }
    vd_twin_query_free(query);
    vd_buf_release(&text);
    return error == VD_OK ? 0 : 1;
}

static void test_twin_query_model__random_conditions(void **state)
{
    size_t results[2] = {0, 0};
    int too_large = 0;

    (void)state;
    for (uint32_t round = 0; round < ROWS; round++) {
        struct value values[MEMBERS];
        json_t *row = NULL;

        random_state = round;
        for (size_t i = 0; i < MEMBERS; i++) {
            values[i] = random_value(true);
        }
        row = json_pack("{s:o}", "row", row_of(values));
        for (int i = 0; i < QUERIES; i++) {
            too_large += check_one(values, row, results);
        }
        json_decref(row);
    }
    /* Neither answer is rare, nor are texts beyond the bounds common. */
    assert_true(results[0] > ROWS * QUERIES / 10);
    assert_true(results[1] > ROWS * QUERIES / 10);
    assert_true(too_large < ROWS * QUERIES / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_twin_query_model__random_conditions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
