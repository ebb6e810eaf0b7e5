/* SPDX-License-Identifier: MIT */
/* Operators of the evaluator that take two tables or make more rows: join, lookup, union, mv-expand. */

#include <stdio.h>
#include <string.h>

#include "tests/kql/eval_internal.h"

/* ---- join ---- */

struct join {
    const struct eval_table *left;
    const struct eval_table *right;
    uint32_t keys[8][2];
    uint32_t key_count;
    struct vd_str kind;
    bool is_lookup;
};

static void add_key(struct eval *e, struct join *j, struct vd_str left, struct vd_str right)
{
    const uint32_t a = eval_find_column(j->left, left);
    const uint32_t b = eval_find_column(j->right, right);

    if (a == UINT32_MAX || b == UINT32_MAX || j->key_count == 8) {
        eval_fail(e, "a join on what is not there");
    }
    j->keys[j->key_count][0] = a;
    j->keys[j->key_count++][1] = b;
}

static void read_keys(struct eval *e, struct join *j, const struct vd_kql_node *on)
{
    for (; on != NULL; on = on->next) {
        if (on->kind == VD_KQL_NAME) {
            add_key(e, j, on->text, on->text);
        } else {
            add_key(e, j, on->first->text, on->first->next->text);
        }
    }
}

static bool is_match(struct eval *e, const struct join *j, uint32_t left, uint32_t right)
{
    for (uint32_t k = 0; k < j->key_count; k++) {
        const struct vd_kql_value *a = &j->left->rows[left][j->keys[k][0]];
        const struct vd_kql_value *b = &j->right->rows[right][j->keys[k][1]];

        if (a->is_null || b->is_null) {
            eval_fail(e, "a join on null");
        }
        if (eval_compare(e, a, b) != 0) {
            return false;
        }
    }
    return true;
}

static bool has_match(struct eval *e, const struct join *j, uint32_t row, bool is_left)
{
    const uint32_t count = is_left ? j->right->row_count : j->left->row_count;

    for (uint32_t other = 0; other < count; other++) {
        if (is_left ? is_match(e, j, row, other) : is_match(e, j, other, row)) {
            return true;
        }
    }
    return false;
}

static struct eval_table *half(struct eval *e, const struct join *j, bool is_left, bool wants_match)
{
    const struct eval_table *from = is_left ? j->left : j->right;
    struct eval_table *out = eval_table_like(e, from, 0);

    for (uint32_t row = 0; row < from->row_count; row++) {
        if (has_match(e, j, row, is_left) == wants_match) {
            out->rows[out->row_count++] = from->rows[row];
        }
    }
    return out;
}

static bool is_right_key(const struct join *j, uint32_t column)
{
    for (uint32_t k = 0; k < j->key_count; k++) {
        if (j->keys[k][1] == column) {
            return true;
        }
    }
    return false;
}

static void add_right_columns(struct eval *e, const struct join *j, struct eval_table *out)
{
    for (uint32_t i = 0; i < j->right->column_count; i++) {
        struct vd_str name = j->right->columns[i].name;
        char text[100];

        if (j->is_lookup && is_right_key(j, i)) {
            continue;
        }
        for (int n = 1; eval_find_column(out, name) != UINT32_MAX; n++) {
            snprintf(text, sizeof text, "%.*s%d", VD_STR_ARG(j->right->columns[i].name), n);
            name = eval_text(e, text, strlen(text));
        }
        eval_add_column(out, name, j->right->columns[i].type);
    }
}

/* EVAL_NO_ROW on one side: nulls. */
static void add_pair(
    struct eval *e, const struct join *j, struct eval_table *out, uint32_t left, uint32_t right)
{
    struct vd_kql_value *row = eval_add_row(e, out);
    uint32_t at = j->left->column_count;

    if (left != EVAL_NO_ROW) {
        memcpy(row, j->left->rows[left], at * sizeof *row);
    }
    for (uint32_t i = 0; i < j->right->column_count && right != EVAL_NO_ROW; i++) {
        if (!j->is_lookup || !is_right_key(j, i)) {
            row[at++] = j->right->rows[right][i];
        }
    }
}

/* Only the first row of each key on the left. */
static struct eval_table *unique_left(struct eval *e, const struct join *j)
{
    struct join self = *j;
    struct eval_table *out = eval_table_like(e, j->left, 0);

    self.right = out;
    for (uint32_t k = 0; k < j->key_count; k++) {
        self.keys[k][1] = self.keys[k][0];
    }
    for (uint32_t row = 0; row < j->left->row_count; row++) {
        if (!has_match(e, &self, row, true)) {
            out->rows[out->row_count++] = j->left->rows[row];
        }
    }
    return out;
}

static struct eval_table *pairs(struct eval *e, struct join *j)
{
    const bool keeps_left =
        vd_str_equal_text(j->kind, "leftouter") || vd_str_equal_text(j->kind, "fullouter");
    const bool keeps_right =
        vd_str_equal_text(j->kind, "rightouter") || vd_str_equal_text(j->kind, "fullouter");
    struct eval_table *out = eval_table_like(e, j->left, j->right->column_count);

    add_right_columns(e, j, out);
    if (vd_str_equal_text(j->kind, "innerunique")) {
        j->left = unique_left(e, j);
    }
    out->rows = eval_new(e,
        ((size_t)j->left->row_count + 1) * (j->right->row_count + 1) *
            sizeof(struct vd_kql_value *) * 2);
    for (uint32_t a = 0; a < j->left->row_count; a++) {
        for (uint32_t b = 0; b < j->right->row_count; b++) {
            if (is_match(e, j, a, b)) {
                add_pair(e, j, out, a, b);
            }
        }
        if (keeps_left && !has_match(e, j, a, true)) {
            add_pair(e, j, out, a, EVAL_NO_ROW);
        }
    }
    for (uint32_t b = 0; keeps_right && b < j->right->row_count; b++) {
        if (!has_match(e, j, b, false)) {
            add_pair(e, j, out, EVAL_NO_ROW, b);
        }
    }
    return out;
}

struct eval_table *eval_join(
    struct eval *e, const struct eval_table *input, const struct vd_kql_node *node)
{
    struct join j = {.left = input, .kind = node->text, .is_lookup = node->kind == VD_KQL_LOOKUP};

    j.right = eval_pipe(e, node->first);
    read_keys(e, &j, node->first->next);
    if (j.kind.length == 0) {
        j.kind = j.is_lookup ? VD_STR_LITERAL("leftouter") : VD_STR_LITERAL("innerunique");
    }
    if (vd_str_equal_text(j.kind, "leftsemi") || vd_str_equal_text(j.kind, "rightsemi")) {
        return half(e, &j, j.kind.data[0] == 'l', true);
    }
    if (vd_str_equal_text(j.kind, "leftanti") || vd_str_equal_text(j.kind, "rightanti")) {
        return half(e, &j, j.kind.data[0] == 'l', false);
    }
    return pairs(e, &j);
}

/* ---- union ---- */

static bool is_in_all(struct eval_table **tables, uint32_t count, struct vd_str name)
{
    for (uint32_t i = 0; i < count; i++) {
        if (eval_find_column(tables[i], name) == UINT32_MAX) {
            return false;
        }
    }
    return true;
}

static void add_union_columns(
    struct eval *e, struct eval_table *out, const struct eval_table *table)
{
    for (uint32_t i = 0; i < table->column_count; i++) {
        const uint32_t there = eval_find_column(out, table->columns[i].name);

        if (there == UINT32_MAX) {
            eval_add_column(out, table->columns[i].name, table->columns[i].type);
        } else if (out->columns[there].type != table->columns[i].type) {
            eval_fail(e, "a union of columns of two types");
        }
    }
}

static void add_union_rows(struct eval *e, struct eval_table *out, const struct eval_table *table)
{
    for (uint32_t row = 0; row < table->row_count; row++) {
        struct vd_kql_value *values = eval_add_row(e, out);

        for (uint32_t i = 0; i < out->column_count; i++) {
            const uint32_t column = eval_find_column(table, out->columns[i].name);

            if (column != UINT32_MAX) {
                values[i] = table->rows[row][column];
            }
        }
    }
}

struct eval_table *eval_union(
    struct eval *e, const struct eval_table *input, const struct vd_kql_node *node)
{
    struct eval_table **tables = eval_new(e, (node->child_count + 1) * sizeof(struct eval_table *));
    struct eval_table *out = eval_new(e, sizeof *out);
    uint32_t count = 0;
    uint32_t columns = 1;
    uint32_t rows = 1;

    if (input != NULL) {
        tables[count] = eval_table_like(e, input, 0);
        *tables[count++] = *input;
    }
    for (const struct vd_kql_node *table = node->first; table != NULL; table = table->next) {
        tables[count++] = eval_pipe(e, table);
    }
    for (uint32_t i = 0; i < count; i++) {
        columns += tables[i]->column_count;
        rows += tables[i]->row_count;
    }
    out->columns = eval_new(e, columns * sizeof *out->columns);
    out->rows = eval_new(e, rows * sizeof(struct vd_kql_value *));
    for (uint32_t i = 0; i < count; i++) {
        add_union_columns(e, out, tables[i]);
    }
    if (vd_str_equal_text(node->text, "inner")) {
        uint32_t kept = 0;

        for (uint32_t i = 0; i < out->column_count; i++) {
            if (is_in_all(tables, count, out->columns[i].name)) {
                out->columns[kept++] = out->columns[i];
            }
        }
        out->column_count = kept;
        if (kept == 0) {
            eval_fail(e, "no columns");
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        add_union_rows(e, out, tables[i]);
    }
    return out;
}

/* ---- mv-expand ---- */

/* What a dynamic value becomes: an array's elements, a bag's members each as a bag, else the value itself, also if it is null. */
static json_t *elements(struct eval *e, const struct vd_kql_value *value)
{
    json_t *json = eval_json(e, value);
    json_t *list;
    const char *key;
    json_t *member;

    if (json_is_array(json)) {
        return json;
    }
    list = json_array();
    if (json_is_object(json)) {
        json_object_foreach(json, key, member)
        {
            json_array_append_new(list, json_pack("{s:O}", key, member));
        }
    } else if (json != NULL) {
        json_array_append(list, json);
    } else {
        json_array_append_new(list, json_null());
    }
    json_decref(json);
    return list;
}

static struct vd_kql_value of_element(
    struct eval *e, json_t *element, const struct vd_kql_node *item)
{
    const struct vd_kql_value value =
        eval_of_json(e, json_is_null(element) ? NULL : json_incref(element));

    if (item->kind != VD_KQL_TYPED) {
        return value;
    }
    if (vd_str_equal_text(item->text, "string")) {
        return eval_of_text(eval_to_text(e, &value));
    }
    if (!vd_str_equal_text(item->text, "long")) {
        eval_fail(e, "mv-expand to %.*s", VD_STR_ARG(item->text));
    }
    return json_is_integer(element) ? eval_of_integer(VD_KQL_LONG, json_integer_value(element))
                                    : eval_null(VD_KQL_LONG);
}

struct eval_table *eval_mv_expand(
    struct eval *e, const struct eval_table *input, const struct vd_kql_node *node)
{
    const struct vd_kql_node *item = node->first;
    const struct vd_str name = item->kind == VD_KQL_TYPED ? item->first->text : item->text;
    const uint32_t column = eval_find_column(input, name);
    struct eval_table *out = eval_table_like(e, input, 0);

    if (node->child_count != 1 || column == UINT32_MAX ||
        input->columns[column].type != VD_KQL_DYNAMIC) {
        eval_fail(e, "mv-expand of other than one dynamic column");
    }
    if (item->kind == VD_KQL_TYPED) {
        out->columns[column].type =
            vd_str_equal_text(item->text, "string") ? VD_KQL_STRING : VD_KQL_LONG;
    }
    out->rows = eval_new(e, (input->row_count * 64 + 1) * sizeof(struct vd_kql_value *));
    for (uint32_t row = 0; row < input->row_count; row++) {
        json_t *list = elements(e, &input->rows[row][column]);

        for (size_t i = 0; i < json_array_size(list) && i < 64; i++) {
            struct vd_kql_value *values = eval_add_row(e, out);

            memcpy(values, input->rows[row], input->column_count * sizeof *values);
            values[column] = of_element(e, json_array_get(list, i), item);
        }
        json_decref(list);
    }
    return out;
}
