/* SPDX-License-Identifier: MIT */
/* Operators on texts. */

#include <string.h>

#include "tests/kql/eval_internal.h"

/* All letters beyond ASCII count as such. */
static bool is_term_letter(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
        ((unsigned char)c & 0x80) != 0;
}

static bool stands_at(struct vd_str text, size_t at, struct vd_str part)
{
    return at + part.length <= text.length &&
        (part.length == 0 || memcmp(text.data + at, part.data, part.length) == 0);
}

static bool begins_term(struct vd_str text, size_t at)
{
    return at == 0 || !is_term_letter(text.data[at - 1]);
}

static bool ends_term(struct vd_str text, size_t end)
{
    return end == text.length || !is_term_letter(text.data[end]);
}

enum bounds {
    BOUND_NONE = 0,
    BOUND_BEGIN = 1,
    BOUND_END = 2,
};

static bool find(struct vd_str text, struct vd_str part, unsigned bounds)
{
    for (size_t at = 0; at + part.length <= text.length; at++) {
        if (stands_at(text, at, part) && ((bounds & BOUND_BEGIN) == 0 || begins_term(text, at)) &&
            ((bounds & BOUND_END) == 0 || ends_term(text, at + part.length))) {
            return true;
        }
    }
    return false;
}

bool eval_has(struct vd_str text, struct vd_str term)
{
    return find(text, term, BOUND_BEGIN | BOUND_END);
}

static bool starts_with(struct vd_str text, struct vd_str part)
{
    return stands_at(text, 0, part);
}

static bool ends_with(struct vd_str text, struct vd_str part)
{
    return part.length <= text.length && stands_at(text, text.length - part.length, part);
}

static bool contains(struct vd_str text, struct vd_str part)
{
    return find(text, part, BOUND_NONE);
}

static bool has_prefix(struct vd_str text, struct vd_str part)
{
    return find(text, part, BOUND_BEGIN);
}

static bool has_suffix(struct vd_str text, struct vd_str part)
{
    return find(text, part, BOUND_END);
}

static bool is_equal(struct vd_str text, struct vd_str part)
{
    return vd_str_equal(text, part);
}

static const struct {
    const char *name;
    bool (*holds)(struct vd_str text, struct vd_str part);
    bool is_cs;
} operators[] = {
    {"has", eval_has, false},
    {"has_cs", eval_has, true},
    {"hasprefix", has_prefix, false},
    {"hasprefix_cs", has_prefix, true},
    {"hassuffix", has_suffix, false},
    {"hassuffix_cs", has_suffix, true},
    {"contains", contains, false},
    {"contains_cs", contains, true},
    {"startswith", starts_with, false},
    {"startswith_cs", starts_with, true},
    {"endswith", ends_with, false},
    {"endswith_cs", ends_with, true},
    {"=~", is_equal, false},
};

bool eval_text_operator(struct eval *e, struct vd_str text, const struct vd_kql_value *a,
    const struct vd_kql_value *b, bool *out)
{
    const bool is_not = text.length > 0 && text.data[0] == '!';
    struct vd_str name = text;

    if (vd_str_equal_text(text, "!~")) {
        name = VD_STR_LITERAL("=~");
    } else if (is_not) {
        name = (struct vd_str){text.data + 1, text.length - 1};
    }
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        if (vd_str_equal_text(name, operators[i].name)) {
            const bool holds = operators[i].is_cs
                ? operators[i].holds(a->text, b->text)
                : operators[i].holds(eval_lower(e, a->text), eval_lower(e, b->text));

            if (a->type != VD_KQL_STRING || b->type != VD_KQL_STRING) {
                eval_fail(e, "%.*s of values that are no texts", VD_STR_ARG(text));
            }
            *out = holds != is_not;
            return true;
        }
    }
    return false;
}
