/* SPDX-License-Identifier: MIT */
/* Command lines: what is found, parsed, refused, and the help. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cli/command.h"
#include "cli/data_dir.h"
#include "cli/duration.h"
#include "tests/cli/output.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* What the last run was given. */
static struct {
    unsigned runs;
    char command[64];
    char data_dir[64];
    enum vd_output output;
    char options[128];
    char arguments[64];
} seen;

static int run(const struct vd_invocation *invocation)
{
    const char *name = vd_invocation_value(invocation, "name");
    size_t at = 0;

    seen.runs++;
    snprintf(seen.command, sizeof seen.command, "%s", invocation->command);
    snprintf(seen.data_dir, sizeof seen.data_dir, "%s", invocation->data_dir);
    seen.output = invocation->output;
    snprintf(seen.options, sizeof seen.options, "%s %zu %s", name != NULL ? name : "-",
        invocation->given_count, vd_invocation_value(invocation, "flag") != NULL ? "flag" : "");
    seen.arguments[0] = '\0';
    for (int i = 0; i < invocation->argument_count; i++) {
        at += (size_t)snprintf(
            seen.arguments + at, sizeof seen.arguments - at, "%s;", invocation->arguments[i]);
    }
    return 7;
}

static int run_raw(int argc, char **argv)
{
    seen.runs++;
    snprintf(
        seen.arguments, sizeof seen.arguments, "%d %s %s", argc, argv[0], argc > 1 ? argv[1] : "");
    return 9;
}

static const struct vd_option options[] = {
    {"name", "TEXT", "a text"}, {"flag", NULL, "a flag"}, {NULL, NULL, NULL}};

static const struct vd_command children[] = {
    {.name = "make",
        .summary = "Makes one.",
        .arguments = "ID [MORE]",
        .min_arguments = 1,
        .max_arguments = 2,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .options = options,
        .details = "More about it.\n",
        .run = run},
    {.name = "plain", .summary = "Takes nothing.", .run = run},
    {.name = "csv", .summary = "Takes csv.", .takes = VD_TAKES_CSV, .run = run},
    {.name = NULL},
};

static const struct vd_command top[] = {
    {.name = "thing", .summary = "Things.", .children = children},
    {.name = "raw", .summary = "Parses itself.", .raw = run_raw},
    {.name = NULL},
};

static const struct vd_command root = {.name = "vedette", .summary = "A test.", .children = top};

struct call {
    const char *const *words;
    int status;
};

static void call_main(void *context)
{
    struct call *call = context;
    char text[512] = "";
    char *argv[32] = {NULL};
    size_t at = 0;
    int argc = 0;

    for (; call->words[argc] != NULL; argc++) {
        size_t length = strlen(call->words[argc]) + 1;

        memcpy(text + at, call->words[argc], length);
        argv[argc] = text + at;
        at += length;
    }
    call->status = vd_command_main(&root, argc, argv);
}

#define WORDS(...) ((const char *const[]){"vedette", __VA_ARGS__, NULL})

static int call(struct output *output, const char *const *words)
{
    struct call it = {words, -1};

    memset(&seen, 0, sizeof seen);
    output_take(output, call_main, &it);
    return it.status;
}

static void test_command__runs(void **state)
{
    struct output output;

    (void)state;
    unsetenv("VEDETTE_DATA_DIR");
    assert_int_equal(call(&output, WORDS("thing", "make", "a")), 7);
    assert_string_equal(seen.command, "vedette thing make");
    assert_string_equal(seen.data_dir, VD_DATA_DIR_DEFAULT);
    assert_int_equal(seen.output, VD_OUTPUT_TABLE);
    assert_string_equal(seen.options, "- 0 ");
    assert_string_equal(seen.arguments, "a;");

    /* Options may stand anywhere; the last of a kind counts. */
    assert_int_equal(call(&output,
                         WORDS("thing", "make", "a", "--name", "x", "b", "--flag", "--data-dir=/d",
                             "--output", "json", "--name=y")),
        7);
    assert_string_equal(seen.data_dir, "/d");
    assert_int_equal(seen.output, VD_OUTPUT_JSON);
    assert_string_equal(seen.options, "y 3 flag");
    assert_string_equal(seen.arguments, "a;b;");

    assert_int_equal(call(&output, WORDS("thing", "make", "--", "--flag")), 7);
    assert_string_equal(seen.arguments, "--flag;");
    assert_int_equal(call(&output, WORDS("thing", "csv", "--output", "csv")), 7);
    assert_int_equal(seen.output, VD_OUTPUT_CSV);
    assert_int_equal(call(&output, WORDS("raw", "--whatever")), 9);
    assert_string_equal(seen.arguments, "2 raw --whatever");
    setenv("VEDETTE_DATA_DIR", "/from-env", 1);
    assert_int_equal(call(&output, WORDS("thing", "make", "a")), 7);
    assert_string_equal(seen.data_dir, "/from-env");
    unsetenv("VEDETTE_DATA_DIR");
}

static void test_command__wrong_usage(void **state)
{
    const struct {
        const char *const *words;
        const char *text; /* on stderr */
    } cases[] = {
        {WORDS("nothing"), "vedette: nothing: no such command\nTry `vedette --help`.\n"},
        {WORDS("thing"), "which command"},
        {WORDS("thing", "nothing"), "vedette thing: nothing: no such command"},
        {WORDS("--what"), "--what: no such command"},
        {WORDS("thing", "make"), "vedette thing make: ID [MORE] is missing"},
        {WORDS("thing", "make", "a", "b", "c"), "c: one argument too many"},
        {WORDS("thing", "make", "a", "--what"), "--what: no such option"},
        {WORDS("thing", "make", "a", "-x"), "no such option"},
        {WORDS("thing", "make", "a", "--name"), "--name: its value is missing"},
        {WORDS("thing", "make", "a", "--output", "csv"), "--output csv: not a form"},
        {WORDS("thing", "make", "a", "--output", ""), "--output : not a form"},
        {WORDS("thing", "plain", "--output", "json"), "--output: no such option"},
        {WORDS("thing", "plain", "--data-dir", "d"), "--data-dir: no such option"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct output output;

        assert_int_equal(call(&output, cases[i].words), VD_EXIT_USAGE);
        assert_int_equal(seen.runs, 0);
        assert_string_equal(output.out, "");
        if (strstr(output.err, cases[i].text) == NULL) {
            fail_msg("no \"%s\" in: %s", cases[i].text, output.err);
        }
        assert_non_null(strstr(output.err, "--help"));
    }
}

static void test_command__help_and_version(void **state)
{
    const char *const *const helps[] = {WORDS("--help"), WORDS("-h"), WORDS("help"),
        WORDS("thing", "--help"), WORDS("thing", "make", "--help"), WORDS("thing", "make", "-h"),
        WORDS("thing", "make", "a", "b", "c", "--help")};
    const char *const *const versions[] = {WORDS("--version"), WORDS("thing", "--version"),
        WORDS("thing", "make", "--version"), WORDS("thing", "plain", "--version")};
    struct output output;

    (void)state;
    for (size_t i = 0; i < COUNT(helps); i++) {
        assert_int_equal(call(&output, helps[i]), VD_EXIT_OK);
        assert_memory_equal(output.out, "Usage: vedette", 14);
        assert_string_equal(output.err, "");
    }
    assert_non_null(strstr(output.out, "Usage: vedette thing make [OPTION]... ID [MORE]"));
    assert_non_null(strstr(output.out, "Makes one."));
    assert_non_null(strstr(output.out, "--name TEXT"));
    assert_non_null(strstr(output.out, "--data-dir DIR"));
    assert_non_null(strstr(output.out, "table or json"));
    assert_non_null(strstr(output.out, "More about it."));
    for (size_t i = 0; i < COUNT(versions); i++) {
        assert_int_equal(call(&output, versions[i]), VD_EXIT_OK);
        assert_string_equal(output.out, "vedette " VD_VERSION "\n");
    }
    assert_int_equal(seen.runs, 0);
}

static void test_command__too_many_options(void **state)
{
    const char *words[VD_GIVEN_MAX + 6] = {"vedette", "thing", "make", "a"};
    char text[1024] = "";
    char *argv[VD_GIVEN_MAX + 6] = {NULL};
    size_t at = 0;
    int argc = 4;

    (void)state;
    while (argc < VD_GIVEN_MAX + 5) {
        words[argc++] = "--flag";
    }
    for (int i = 0; i < argc; i++) {
        argv[i] = text + at;
        at += (size_t)snprintf(text + at, sizeof text - at, "%s", words[i]) + 1;
    }
    memset(&seen, 0, sizeof seen);
    assert_int_equal(vd_command_main(&root, argc, argv), VD_EXIT_USAGE);
    assert_int_equal(seen.runs, 0);
}

static void test_command__durations(void **state)
{
    static const struct {
        const char *text;
        int64_t seconds; /* 0: it is none */
    } cases[] = {{"1s", 1}, {"90m", 5400}, {"12h", 43200}, {"7d", 604800}, {"2w", 1209600}, {"", 0},
        {"s", 0}, {"5", 0}, {"5x", 0}, {"5ms", 0}, {"-5s", 0}, {"1000000s", 0}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (vd_duration_seconds(cases[i].text) != cases[i].seconds) {
            fail_msg("\"%s\": %lld", cases[i].text, (long long)vd_duration_seconds(cases[i].text));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_command__runs),
        cmocka_unit_test(test_command__wrong_usage),
        cmocka_unit_test(test_command__help_and_version),
        cmocka_unit_test(test_command__too_many_options),
        cmocka_unit_test(test_command__durations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
