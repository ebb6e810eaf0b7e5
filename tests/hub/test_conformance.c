/* SPDX-License-Identifier: MIT */
/* Plays the table of MQTT 3.1.1's statements against a live hub, a test for each, and holds docs/mqtt-conformance.md to
 * it. With the argument --page it prints that page instead. */

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/hub/conformance.h"
#include "tests/hub/exchange.h"

#define PAGE_FILE      VD_SOURCE_DIR "/docs/mqtt-conformance.md"
#define PAGE_MAX       65536
#define STATEMENTS_MAX 200

static const char *const verdict_texts[] = {
#define VERDICT_TEXT(name, text, meaning) text,
    CONFORMANCE_VERDICTS(VERDICT_TEXT)
#undef VERDICT_TEXT
};

static const char *const verdict_meanings[] = {
#define VERDICT_MEANING(name, text, meaning) meaning,
    CONFORMANCE_VERDICTS(VERDICT_MEANING)
#undef VERDICT_MEANING
};

#define VERDICTS (sizeof verdict_texts / sizeof verdict_texts[0])

static int start_hub(void **state)
{
    /* Client ids of the characters that [MQTT-3.1.3-5] names, and of its least and greatest length. */
    static const char *const ids[] = {
        "Z", "0123456789abcdefghijklm", "nopqrstuvwxyzABCDEFGHIJ", "KLMNOPQRSTUVWXYZ"};
    int error = live_setup(state);

    if (error == 0) {
        struct live_hub *f = *state;

        for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
            memory_registry_add(&f->registry, ids[i], "", 'a', 'b');
        }
        live_open_state(f);
        live_start(f, &live_patient, 0);
    }
    return error;
}

/* Not the group's state, which cmocka would hand to each test instead of its statement. */
static struct live_hub *group_hub;

static int group_setup(void **state)
{
    int error = start_hub(state);

    group_hub = *state;
    *state = NULL;
    return error;
}

static int group_teardown(void **state)
{
    *state = group_hub;
    return live_teardown(state);
}

static void test_statement(void **state)
{
    const struct conformance_statement *statement = *state;

    for (size_t i = 0; statement->exchanges[i] != NULL; i++) {
        exchange_play(group_hub, statement->number, statement->exchanges[i]);
    }
}

/* How many statements each section has, which are numbered from 1 without a gap. */
static const struct {
    const char *section;
    unsigned count;
} sections[] = {
    {"1.5.3", 3},
    {"2.2.2", 2},
    {"2.3.1", 7},
    {"3.1.0", 2},
    {"3.1.2", 24},
    {"3.1.3", 11},
    {"3.1.4", 5},
    {"3.2.0", 1},
    {"3.2.2", 6},
    {"3.3.1", 12},
    {"3.3.2", 3},
    {"3.3.4", 1},
    {"3.3.5", 2},
    {"3.6.1", 1},
    {"3.8.1", 1},
    {"3.8.3", 4},
    {"3.8.4", 6},
    {"3.9.3", 2},
    {"3.10.1", 1},
    {"3.10.3", 2},
    {"3.10.4", 6},
    {"3.12.4", 1},
    {"3.14.1", 1},
    {"3.14.4", 3},
    {"4.1.0", 2},
    {"4.3.1", 1},
    {"4.3.2", 2},
    {"4.3.3", 2},
    {"4.4.0", 1},
    {"4.5.0", 2},
    {"4.6.0", 6},
    {"4.7.1", 3},
    {"4.7.2", 1},
    {"4.7.3", 4},
    {"4.8.0", 2},
    {"6.0.0", 4},
    {"7.0.0", 2},
    {"7.1.1", 1},
    {"7.1.2", 1},
};

static void test_conformance__is_complete(void **state)
{
    const struct conformance_statement *statement = conformance_statements;

    (void)state;
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        for (unsigned n = 1; n <= sections[i].count; n++, statement++) {
            char number[32];

            snprintf(number, sizeof number, "%s-%u", sections[i].section, n);
            assert_ptr_not_equal(statement, conformance_statements + conformance_statements_count);
            assert_string_equal(statement->number, number);
        }
    }
    assert_ptr_equal(statement, conformance_statements + conformance_statements_count);
}

/* Only what a hub has no part in may go without an exchange, and only what it holds without a reason. */
static void test_conformance__is_shown(void **state)
{
    (void)state;
    for (size_t i = 0; i < conformance_statements_count; i++) {
        const struct conformance_statement *statement = &conformance_statements[i];
        const bool is_shown = statement->exchanges[0] != NULL;
        const bool needs_reason =
            statement->verdict != CONFORMANCE_HELD && statement->verdict != CONFORMANCE_CLIENTS;

        if (is_shown == (statement->verdict == CONFORMANCE_NOT_APPLICABLE) ||
            needs_reason != (statement->here != NULL)) {
            fail_msg("MQTT-%s", statement->number);
        }
    }
}

/* How many exchanges there are, and which other tests. */
static void write_shown(struct vd_buf *out, const struct conformance_statement *statement)
{
    unsigned count = 0;
    const char *separator = "";

    for (size_t i = 0; statement->exchanges[i] != NULL; i++) {
        if (statement->exchanges[i][0] == '@') {
            vd_buf_printf(out, "%s`%s`", separator, strchr(statement->exchanges[i], ' ') + 1);
            separator = ", ";
        } else {
            count++;
        }
    }
    if (count > 0) {
        vd_buf_printf(out, "%s%u", separator, count);
    }
}

static void write_summary(struct vd_buf *out)
{
    vd_buf_append_text(out, "| verdict | statements | meaning |\n|---|---|---|\n");
    for (size_t v = 0; v < VERDICTS; v++) {
        unsigned count = 0;

        for (size_t i = 0; i < conformance_statements_count; i++) {
            count += conformance_statements[i].verdict == v ? 1 : 0;
        }
        vd_buf_printf(out, "| %s | %u | %s |\n", verdict_texts[v], count, verdict_meanings[v]);
    }
}

static void write_page(struct vd_buf *out)
{
    vd_buf_append_text(out,
        "# MQTT 3.1.1, statement by statement\n\n"
        "Every normative statement of MQTT 3.1.1 (OASIS, appendix B) and what the hub makes of it. "
        "The page is written\nfrom the table in `tests/hub/conformance.c` "
        "(`test_hub_conformance --page`) and checked by `ctest -R hub_conformance`,\nwhich plays "
        "the exchanges of each statement as bytes over TLS, in a test of the statement's "
        "number.\n\n");
    write_summary(out);
    vd_buf_append_text(out,
        "\n*Shown by*: how many exchanges, and other tests by name.\n\n"
        "| statement | in few words | verdict | shown by |\n|---|---|---|---|\n");
    for (size_t i = 0; i < conformance_statements_count; i++) {
        const struct conformance_statement *statement = &conformance_statements[i];

        vd_buf_printf(out, "| MQTT-%s | %s | %s%s%s | ", statement->number, statement->says,
            verdict_texts[statement->verdict], statement->here != NULL ? ": " : "",
            statement->here != NULL ? statement->here : "");
        write_shown(out, statement);
        vd_buf_append_text(out, " |\n");
    }
}

static void test_conformance__page_is_current(void **state)
{
    struct vd_buf page = {0};
    char *stored = calloc(1, PAGE_MAX);
    FILE *file = fopen(PAGE_FILE, "r");

    (void)state;
    assert_non_null(file);
    assert_non_null(stored);
    assert_in_range(fread(stored, 1, PAGE_MAX - 1, file), 1, PAGE_MAX - 2);
    fclose(file);
    write_page(&page);
    vd_buf_append(&page, "", 1);
    assert_int_equal(page.error, VD_OK);
    assert_string_equal(stored, (const char *)page.data);
    vd_buf_release(&page);
    free(stored);
}

static int print_page(void)
{
    struct vd_buf page = {0};
    bool is_written;

    write_page(&page);
    is_written = page.error == VD_OK && fwrite(page.data, 1, page.length, stdout) == page.length;
    vd_buf_release(&page);
    return is_written ? 0 : 1;
}

int main(int argc, char **argv)
{
    static struct CMUnitTest tests[STATEMENTS_MAX + 3] = {
        cmocka_unit_test(test_conformance__is_complete),
        cmocka_unit_test(test_conformance__is_shown),
        cmocka_unit_test(test_conformance__page_is_current),
    };

    if (argc == 2 && strcmp(argv[1], "--page") == 0) {
        return print_page();
    }
    for (size_t i = 0; i < conformance_statements_count && i < STATEMENTS_MAX; i++) {
        tests[3 + i] = (struct CMUnitTest){.name = conformance_statements[i].number,
            .test_func = test_statement,
            .initial_state = (void *)(uintptr_t)&conformance_statements[i]};
    }
    return cmocka_run_group_tests_name("conformance", tests, group_setup, group_teardown);
}
