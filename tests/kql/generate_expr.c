/* SPDX-License-Identifier: MIT */
/* Random constants and expressions. */

#include <string.h>

#include "tests/kql/generate_internal.h"

static const char *const texts[] = {"''", "'abc'", "'ABC'", "'Abc def'", "'10'", "'-3'", "'a,b'",
    "'x1.y2'", "'\xc3\xa4\xc3\xb6 \xc3\x9c'", "'the quick-brown fox'", "'fox'", "'abcdef'",
    "'true'", "'a\"b'", "\"it's\"", NULL};
static const char *const parts[] = {"'a'", "'abc'", "'AB'", "'def'", "'fox'", "'o'", "'quick'",
    "'brown'", "'x1'", "'y2'", "'-'", "','", "' '", "'quick-brown'", "'\xc3\xbc'", "'1'", NULL};
static const char *const words[] = {"'a'", "'abc'", "'AB'", "'def'", "'fox'", "'o'", "'quick'",
    "'brown'", "'x1'", "'y2'", "'quick-brown'", "'\xc3\xbc'", "'1'", "'x1.y2'", NULL};
static const char *const reals[] = {
    "0.0", "1.5", "-2.25", "100.0", "0.1", "3.0", "-7.5", "1e3", NULL};
static const char *const times[] = {"datetime(2024-01-01)", "datetime(2024-02-29T12:34:56.789)",
    "datetime(2023-12-31T23:59:59.999999)", "datetime(2024-01-01T00:00:00.5)",
    "datetime(1969-07-20T20:17:40)", "datetime(2024-03-03T03:03:03)", NULL};
static const char *const spans[] = {
    "0s", "1d", "2h", "5m", "30s", "100ms", "-1h", "7d", "timespan(1.02:03:04.5)", NULL};
static const char *const guids[] = {"guid(74be27de-1e4e-49d9-b579-fe0b331d3642)",
    "guid(00000000-0000-0000-0000-000000000001)", "guid(FFFFFFFF-0000-0000-0000-000000000000)",
    NULL};
static const char *const dynamics[] = {"dynamic([1,2,3])", "dynamic([])",
    "dynamic({\"a\":1,\"b\":\"x\"})", "dynamic({\"a\":{\"b\":[5,\"y\"]}})",
    "dynamic([\"abc\",\"def\",\"abc\"])", "dynamic({})", "dynamic(7)", "dynamic(\"abc\")",
    "dynamic([[1],[2,3]])", "dynamic({\"b\":null,\"a\":-4})", "dynamic({\"b\":\"x\",\"a\":1})",
    "dynamic({\"a\":-4,\"b\":null})", "dynamic(true)", NULL};

void say_literal(struct generator *g, enum vd_kql_type type)
{
    static const char *const bools[] = {"true", "false", NULL};

    if (type != VD_KQL_STRING && pick(g, 7) == 0) {
        vd_buf_printf(&g->text, "%s(null)", vd_kql_type_text(type));
        return;
    }
    switch (type) {
    case VD_KQL_BOOL:
        say(g, pick_text(g, bools));
        break;
    case VD_KQL_INT:
        vd_buf_printf(&g->text, "int(%d)", (int)pick(g, 12) - 4);
        break;
    case VD_KQL_LONG:
        vd_buf_printf(&g->text, "long(%d)", (int)pick(g, 30) - 10);
        break;
    case VD_KQL_REAL:
        vd_buf_printf(&g->text, "real(%s)", pick_text(g, reals));
        break;
    case VD_KQL_STRING:
        say(g, pick_text(g, texts));
        break;
    case VD_KQL_DATETIME:
        say(g, pick_text(g, times));
        break;
    case VD_KQL_TIMESPAN:
        say(g, pick_text(g, spans));
        break;
    case VD_KQL_GUID:
        say(g, pick_text(g, guids));
        break;
    default:
        say(g, pick_text(g, dynamics));
    }
}

/*
 * What an expression can be: a letter of a type (small) stands for one of that type, the rest as it is. 'q' a part of a text, 'k'
 * a whole number from 1 to 9, 'x' one of a scalar type that has a text, 'c' a comparison, 'o' an
 * operator of texts, 'h' one of terms.
 */
static const char *const bools[] = {"#n #c #n", "#n #c #n", "#r #c #n", "#t #c #t", "#p #c #p",
    "#s == #s", "#s != #s", "#g == #g", "#b == #b", "#i == #i", "#s #o #q", "#s #o #q", "#s #o #q",
    "#s #h #w", "#s #h #w", "not(#b)", "#b and #b", "#b or #b", "#s in (#s, #s)", "#s !in (#s, #q)",
    "#s in~ (#s, #q, 'FOX')", "#s !in~ (#s, #q)", "#n between (#n .. #n)", "#n !between (#n .. #n)",
    "#t between (#t .. #t)", "#t between (#t .. 3d)", "isnull(#n)", "isnotnull(#t)", "isempty(#s)",
    "isnotempty(#s)", "isnull(#d)", "#s has_any (#w, #w)", "#s has_all (#w, #w)", "iff(#b, #b, #b)",
    "tobool(#n)", "tobool(tostring(#b))", "set_has_element(#d, #k)", "#d == #d", "#d != #d",
    "#d in (#d, #d)", "set_has_element(#d, #d)", "isempty(#n)", "coalesce(#b, #b)", NULL};
static const char *const longs[] = {"#n + #n", "#n - #n", "#n * #n", "#n / #k", "#n % #k", "-#n",
    "#i + #n", "#i * #i", "#i - #i", "strlen(#s)", "array_length(#d)", "bin(#n, #k)", "abs(#n)",
    "iff(#b, #n, #n)", "coalesce(#n, #n)", "indexof(#s, #q)", "hourofday(#t)", "tolong(#r)",
    "tolong(#b)", "max_of(#n, #n)", "min_of(#n, #n, #n)", "case(#b, #n, #b, #n, #n)",
    "tolong(#d.a)", "tolong('12')", "#n / -#k", "#n % -#k", "f1(#n)", "#i / #i1", NULL};
static const char *const ints[] = {
    "toint(#n)", "iff(#b, #i, #i)", "coalesce(#i, #i)", "toint(#s0)", NULL};
static const char *const reals_of[] = {"#r + #r", "#r - #n", "#r * #r", "#r / #k", "toreal(#n)",
    "-#r", "#n / 4.0", "abs(#r)", "iff(#b, #r, #r)", "coalesce(#r, #r)", "#p / 7m", "bin(#r, 0.5)",
    "max_of(#r, #r)", NULL};
static const char *const strings[] = {"strcat(#s, #x)", "strcat(#x, '-', #x)", "tolower(#s)",
    "substring(#s, #k)", "substring(#s, 0, #k)", "tostring(#x)", "tostring(#d)", "tostring(#d.a)",
    "tostring(#d[0])", "replace_string(#s, 'a', #q)", "iff(#b, #s, #s)", "case(#b, #s, #b, #s, #s)",
    "coalesce(#s, #s)", NULL};
static const char *const datetimes[] = {"#t + #p", "#t - #p", "bin(#t, 1h)", "bin(#t, 7d)",
    "startofday(#t)", "iff(#b, #t, #t)", "coalesce(#t, #t)", "max_of(#t, #t)", NULL};
static const char *const timespans[] = {"#t - #t", "#p + #p", "#p - #p", "#p * 3", "#p / 2",
    "bin(#p, 1h)", "-#p", "iff(#b, #p, #p)", "coalesce(#p, #p)", "dayofweek(#t)", "2 * #p", NULL};
static const char *const dynamics_of[] = {"#d.a", "#d.a.b", "#d['b']", "#d[0]", "#d[-1]", "#d[1]",
    "pack_array(#x, #x)", "bag_pack('a', #x, 'b', #s)", "split(#s, ',')", "split(#s, ' ')", NULL};
static const char *const guids_of[] = {"iff(#b, #g, #g)", "coalesce(#g, #g)", NULL};

static const char *const *const shapes[VD_KQL_TYPE_COUNT] = {[VD_KQL_BOOL] = bools,
    [VD_KQL_INT] = ints,
    [VD_KQL_LONG] = longs,
    [VD_KQL_REAL] = reals_of,
    [VD_KQL_STRING] = strings,
    [VD_KQL_DATETIME] = datetimes,
    [VD_KQL_TIMESPAN] = timespans,
    [VD_KQL_DYNAMIC] = dynamics_of,
    [VD_KQL_GUID] = guids_of};

static enum vd_kql_type type_of(char letter)
{
    static const char letters[] = "binrstpgd";
    static const enum vd_kql_type types[] = {VD_KQL_BOOL, VD_KQL_INT, VD_KQL_LONG, VD_KQL_REAL,
        VD_KQL_STRING, VD_KQL_DATETIME, VD_KQL_TIMESPAN, VD_KQL_GUID, VD_KQL_DYNAMIC};
    const char *found = strchr(letters, letter);

    return found != NULL ? types[found - letters] : VD_KQL_TYPE_COUNT;
}

static void say_hole(struct generator *g, char letter, uint32_t depth)
{
    static const char *const comparisons[] = {"==", "!=", "<", ">", "<=", ">=", NULL};
    static const char *const operators[] = {"contains", "!contains", "startswith", "!startswith",
        "endswith", "contains_cs", "startswith_cs", "endswith_cs", "=~", "!~", "!endswith",
        "!contains_cs", NULL};
    static const char *const term_operators[] = {"has", "!has", "has_cs", "hasprefix", "hassuffix",
        "hasprefix_cs", "!hassuffix", "!has_cs", "hassuffix_cs", NULL};

    switch (letter) {
    case 'q':
        say(g, pick_text(g, parts));
        break;
    case 'k':
        vd_buf_printf(&g->text, "%u", pick(g, 9) + 1);
        break;
    case 'w':
        say(g, pick_text(g, words));
        break;
    case 'h':
        say(g, pick_text(g, term_operators));
        break;
    case 'c':
        say(g, pick_text(g, comparisons));
        break;
    case 'o':
        say(g, pick_text(g, operators));
        break;
    case 'x':
        say_expr(g, type_of("bnstpgi"[pick(g, 7)]), depth);
        break;
    default:
        say_expr(g, type_of(letter), depth);
    }
}

static void say_shape(struct generator *g, const char *shape, uint32_t depth)
{
    for (const char *c = shape; *c != '\0'; c++) {
        if (*c != '#') {
            vd_buf_append(&g->text, c, 1);
        } else if (c[2] >= '0' && c[2] <= '9') {
            /* A constant that is no null: int(3), '12' */
            vd_buf_printf(&g->text, c[1] == 'i' ? "int(%u)" : "'%u'", pick(g, 5) + 1);
            c += 2;
        } else {
            say_hole(g, *++c, depth);
        }
    }
}

void say_expr(struct generator *g, enum vd_kql_type type, uint32_t depth)
{
    const uint32_t chance = pick(g, 10);
    const char *shape;

    if (depth == 0 || chance < 4 || type >= VD_KQL_TYPE_COUNT) {
        if (chance == 0 || !say_column(g, type)) {
            say_literal(g, type);
        }
        return;
    }
    do {
        shape = pick_text(g, shapes[type]);
    } while (strncmp(shape, "f1", 2) == 0 && !g->has_function);
    vd_buf_append_text(&g->text, "(");
    say_shape(g, shape, depth - 1);
    vd_buf_append_text(&g->text, ")");
}
