/* SPDX-License-Identifier: MIT */
/* Which devices a query names: cases, and no device of a match left out whatever the condition. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hub/twin_query.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct vd_twin_query *parse(const char *condition)
{
    struct vd_twin_query *query = NULL;
    struct vd_twin_query_problem problem;
    char text[VD_TWIN_QUERY_MAX_BYTES];

    (void)snprintf(text, sizeof text, "SELECT * FROM devices WHERE %s", condition);
    if (vd_twin_query_parse(vd_str_from(text), &query, &problem) != VD_OK) {
        fail_msg("%s: at %zu, expected %s", text, problem.position, problem.expected);
    }
    return query;
}

static void test_twin_query_plan__cases(void **state)
{
    static const struct {
        const char *condition;
        const char *devices; /* NULL: any may be */
    } cases[] = {
        {"deviceId = 'a'", "a"},
        {"'a' = deviceId", "a"},
        {"deviceId = \"it's\"", "it's"},
        {"deviceId IN ['c', 'a', 'b', 'a']", "a b c"},
        {"deviceId = 'a' AND tags.x = 1", "a"},
        {"tags.x = 1 AND (status = 'enabled' AND deviceId = 'a')", "a"},
        {"deviceId = 'b' OR deviceId = 'a'", "a b"},
        {"deviceId = 'b' OR deviceId IN ['c'] AND tags.x OR deviceId = 'a'", "a b c"},
        {"(deviceId = 'a' OR tags.x = 1) AND deviceId = 'b'", "b"},
        {"deviceId = 5", ""},
        {"deviceId IN [1, null, 'a']", "a"},
        {"deviceId != 'a'", NULL},
        {"deviceId >= 'a'", NULL},
        {"deviceId NIN ['a']", NULL},
        {"NOT deviceId = 'a'", NULL},
        {"deviceId = 'a' OR tags.x = 1", NULL},
        {"(deviceId = 'a' OR tags.x = 1) AND tags.y = 2", NULL},
        {"deviceId = tags.x", NULL},
        {"deviceId = deviceId", NULL},
        {"deviceId.x = 'a'", NULL},
        {"tags.deviceId = 'a'", NULL},
        {"moduleId = 'a'", NULL},
        {"(deviceId = 'a') = true", NULL},
        {"startswith(deviceId, 'a')", NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct vd_twin_query *query = parse(cases[i].condition);
        struct vd_twin_query_devices devices;
        bool is_named = vd_twin_query_names_devices(query, &devices);
        char text[64] = "";

        for (size_t k = 0; is_named && k < devices.count; k++) {
            size_t length = strlen(text);

            (void)snprintf(
                text + length, sizeof text - length, "%s%s", k > 0 ? " " : "", devices.ids[k]);
        }
        if (is_named != (cases[i].devices != NULL) ||
            (is_named && strcmp(text, cases[i].devices) != 0)) {
            fail_msg("%s: %d, %s", cases[i].condition, is_named, text);
        }
        vd_twin_query_free(query);
    }
}

static void test_twin_query_plan__status(void **state)
{
    static const struct {
        const char *condition;
        const char *status; /* NULL: any */
    } cases[] = {
        {"status = 'enabled'", "enabled"},
        {"'disabled' = status", "disabled"},
        {"tags.x = 1 AND status = 'disabled' AND tags.y", "disabled"},
        {"status = 'disabled' OR tags.x", NULL},
        {"NOT status = 'disabled'", NULL},
        {"status != 'disabled'", NULL},
        {"status = 'other'", NULL},
        {"status = 1", NULL},
        {"tags.status = 'disabled'", NULL},
        {"status.x = 'disabled'", NULL},
        {"status IN ['disabled']", NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct vd_twin_query *query = parse(cases[i].condition);
        bool enabled = false;
        bool is_named = vd_twin_query_names_status(query, &enabled);

        if (is_named != (cases[i].status != NULL) ||
            (is_named && enabled != (strcmp(cases[i].status, "enabled") == 0))) {
            fail_msg("%s: %d %d", cases[i].condition, is_named, enabled);
        }
        vd_twin_query_free(query);
    }
}

static void test_twin_query_plan__needs_state(void **state)
{
    static const struct {
        const char *text;
        bool needs;
    } cases[] = {
        {"SELECT deviceId FROM devices", false},
        {"SELECT deviceId, status AS s FROM devices WHERE connectionState = 'Connected'", false},
        {"SELECT COUNT() FROM devices", false},
        {"SELECT status, COUNT() AS n FROM devices GROUP BY status", false},
        {"SELECT x509Thumbprint.primaryThumbprint FROM devices", false},
        {"SELECT * FROM devices", true},
        {"SELECT tags FROM devices", true},
        {"SELECT deviceId FROM devices WHERE tags.x = 1", true},
        {"SELECT deviceId FROM devices WHERE NOT is_defined(properties.reported.x)", true},
        {"SELECT deviceId FROM devices WHERE status IN ['a'] AND etag = 'x'", true},
        {"SELECT cloudToDeviceMessageCount FROM devices", true},
        {"SELECT MAX(version) FROM devices", true},
        {"SELECT COUNT() FROM devices GROUP BY tags.site", true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct vd_twin_query *query = NULL;
        struct vd_twin_query_problem problem;

        assert_int_equal(vd_twin_query_parse(vd_str_from(cases[i].text), &query, &problem), VD_OK);
        if (vd_twin_query_needs_state(query) != cases[i].needs) {
            fail_msg("%s", cases[i].text);
        }
        vd_twin_query_free(query);
    }
}

static void test_twin_query_plan__without_a_condition(void **state)
{
    struct vd_twin_query *query = NULL;
    struct vd_twin_query_problem problem;
    struct vd_twin_query_devices devices;

    (void)state;
    assert_int_equal(
        vd_twin_query_parse(VD_STR_LITERAL("SELECT deviceId FROM devices"), &query, &problem),
        VD_OK);
    assert_false(vd_twin_query_names_devices(query, &devices));
    vd_twin_query_free(query);
}

static uint32_t random_state = 11;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % limit;
}

/* A condition over deviceId (a to d) and x (0 or 1). */
static void write_condition(struct vd_buf *out, unsigned depth)
{
    static const char *const atoms[] = {"deviceId = '%c'", "'%c' = deviceId", "deviceId != '%c'",
        "deviceId < '%c'", "deviceId IN ['d', '%c']", "deviceId NIN ['%c']"};
    uint32_t kind = random_below(depth > 0 ? 5 : 2);

    if (kind == 0) {
        vd_buf_printf(out, "x = %u", (unsigned)random_below(2));
    } else if (kind == 1) {
        const char *atom = atoms[random_below(COUNT(atoms))];
        const char *letter = strchr(atom, '%');

        vd_buf_append(out, atom, (size_t)(letter - atom));
        vd_buf_printf(out, "%c", (int)('a' + random_below(4)));
        vd_buf_append_text(out, letter + 2);
    } else if (kind == 2) {
        vd_buf_append_text(out, "NOT (");
        write_condition(out, depth - 1);
        vd_buf_append_text(out, ")");
    } else {
        uint32_t count = 2 + random_below(2);

        vd_buf_append_text(out, "(");
        for (uint32_t i = 0; i < count; i++) {
            vd_buf_append_text(out, i == 0 ? "" : kind == 3 ? " AND " : " OR ");
            write_condition(out, depth - 1);
        }
        vd_buf_append_text(out, ")");
    }
}

static bool is_among(const struct vd_twin_query_devices *devices, const char *id)
{
    for (size_t i = 0; i < devices->count; i++) {
        if (strcmp(devices->ids[i], id) == 0) {
            return true;
        }
    }
    return false;
}

static void test_twin_query_plan__leaves_out_no_match(void **state)
{
    unsigned named = 0;

    (void)state;
    for (unsigned round = 0; round < 3000; round++) {
        struct vd_buf text = {0};
        struct vd_twin_query_devices devices;
        struct vd_twin_query *query;

        write_condition(&text, 3);
        vd_buf_append(&text, "", 1);
        query = parse((const char *)text.data);
        if (vd_twin_query_names_devices(query, &devices)) {
            named++;
            for (size_t i = 1; i < devices.count; i++) {
                assert_true(strcmp(devices.ids[i - 1], devices.ids[i]) < 0);
            }
            for (unsigned i = 0; i < 10; i++) {
                const char id[] = {(char)('a' + i / 2), '\0'};
                json_t *row = json_pack("{s:s, s:i}", "deviceId", id, "x", (int)(i % 2));

                if (vd_twin_query_matches(query, row) && !is_among(&devices, id)) {
                    fail_msg("%s leaves out %s", (const char *)text.data, id);
                }
                json_decref(row);
            }
        }
        vd_twin_query_free(query);
        vd_buf_release(&text);
    }
    assert_in_range(named, 300, 2700);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_twin_query_plan__cases),
        cmocka_unit_test(test_twin_query_plan__status),
        cmocka_unit_test(test_twin_query_plan__needs_state),
        cmocka_unit_test(test_twin_query_plan__without_a_condition),
        cmocka_unit_test(test_twin_query_plan__leaves_out_no_match),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
