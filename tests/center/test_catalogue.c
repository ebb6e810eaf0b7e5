/* SPDX-License-Identifier: MIT */
/* The catalogue of alerts: every row is whole, and docs/alerts.md lists it as it is. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "center/detect/attack.h"
#include "center/detect/rule.h"

static void test_catalogue__rows_are_whole(void **state)
{
    static const char *const severities[] = {"High", "Medium", "Low", "Informational"};
    const struct vd_rule *rule;

    (void)state;
    for (size_t i = 0; (rule = vd_rule_at(i)) != NULL; i++) {
        bool is_known = false;

        for (size_t k = 0; k < 4; k++) {
            is_known = is_known || strcmp(rule->severity, severities[k]) == 0;
        }
        assert_true(is_known);
        assert_true(strlen(rule->alert_type) > 0 && strlen(rule->display_name) > 0);
        assert_non_null(rule->remediation_steps[0]);
        assert_ptr_equal(vd_rule_of_type(rule->alert_type), rule);
        for (const char *const *id = rule->techniques; *id != NULL; id++) {
            if (vd_attack_technique(*id) == NULL) {
                fail_msg("%s: %s is not in center/detect/attack.c", rule->alert_type, *id);
            }
        }
    }
    assert_true(vd_rule_at(10) != NULL);
}

static char *read_page(void)
{
    FILE *file = fopen(VD_ALERTS_PAGE, "r");
    char *text = calloc(1, 1 << 20);

    assert_non_null(file);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
    fclose(file);
    return text;
}

static void test_catalogue__page(void **state)
{
    char *page = read_page();
    const struct vd_rule *rule;

    (void)state;
    for (size_t i = 0; (rule = vd_rule_at(i)) != NULL; i++) {
        char row[512];
        size_t length = (size_t)snprintf(row, sizeof row, "| `%s` | %s | %s |", rule->alert_type,
            rule->display_name, rule->severity);

        for (const char *const *id = rule->techniques; *id != NULL; id++) {
            length += (size_t)snprintf(row + length, sizeof row - length, " %s", *id);
        }
        snprintf(row + length, sizeof row - length, " |\n");
        if (strstr(page, row) == NULL) {
            fail_msg("docs/alerts.md has no row %s", row);
        }
    }
    if (strstr(page, "ATT&CK " VD_ATTACK_VERSION) == NULL) {
        fail_msg("docs/alerts.md names another version of ATT&CK than %s", VD_ATTACK_VERSION);
    }
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_catalogue__rows_are_whole),
        cmocka_unit_test(test_catalogue__page),
    };

    return cmocka_run_group_tests_name("catalogue", tests, NULL, NULL);
}
