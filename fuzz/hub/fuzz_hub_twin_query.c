/* SPDX-License-Identifier: MIT */
/* Twin queries: whatever parses gives the same rows in one page and in many. */

#include "fuzz/replay.h"
#include "tests/hub/twin_rows.h"

static const char fleet[] =
    "[{\"deviceId\":\"a\",\"status\":\"enabled\",\"tags\":{\"site\":\"x\",\"n\":1}},"
    "{\"deviceId\":\"b\",\"tags\":{\"site\":null,\"n\":2.5},\"properties\":{\"desired\":{\"$version\":3}}},"
    "{\"deviceId\":\"c\",\"moduleId\":\"m\",\"tags\":{\"site\":[1,{\"k\":true}],\"n\":-7}},"
    "{\"deviceId\":\"c\",\"moduleId\":\"n\",\"tags\":{\"n\":9007199254740993}}]";

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* Runs the query in pages of at most `limit` rows and scanned rows. */
static json_t *run(const struct vd_twin_query *query, struct twin_rows *rows, size_t limit)
{
    json_t *all = json_array();
    struct vd_twin_query_page page = {.rows = NULL};

    do {
        struct vd_twin_query_position position;
        struct vd_twin_query_source source;

        check(vd_twin_query_resume(query, vd_str_from(page.continuation), &position) == VD_OK);
        source = twin_rows_source(rows, &position);
        check(vd_twin_query_run(query, &source, limit, limit, &page) == VD_OK);
        check(json_array_extend(all, page.rows) == 0);
        json_decref(page.rows);
    } while (page.continuation[0] != '\0');
    return all;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    struct vd_str text = {(const char *)data, length};
    struct vd_twin_query *query = NULL;
    struct vd_twin_query_problem problem = {SIZE_MAX, NULL};
    struct vd_twin_query_position position;
    struct twin_rows rows;
    json_t *whole = NULL;
    json_t *parts = NULL;

    if (vd_twin_query_parse(text, &query, &problem) != VD_OK) {
        check(query == NULL && problem.position <= length && problem.expected != NULL);
        return 0;
    }
    check(length == 0 || vd_twin_query_resume(query, text, &position) == VD_E_INVALID);
    twin_rows_init(&rows, fleet);
    whole = run(query, &rows, 100);
    parts = run(query, &rows, 1);
    check(json_equal(whole, parts) && json_array_size(whole) <= 4);
    json_decref(whole);
    json_decref(parts);
    twin_rows_release(&rows);
    vd_twin_query_free(query);
    return 0;
}
