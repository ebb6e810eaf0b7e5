/* SPDX-License-Identifier: MIT */
/* Walks a section and tells the first thing that may not be in it, with its path. */

#include "hub/twin_check.h"

/* One step of the way to what is looked at; the steps lie on the stack. */
struct step {
    const struct step *parent;
    const char *key;
    size_t index; /* where key is NULL: in an array */
};

/* The bytes of the control character that `text` begins with: 1 (C0, DEL), 2 (C1), or 0 if it is none. */
static size_t control_bytes(const char *text, size_t length)
{
    uint8_t first = (uint8_t)text[0];

    if (first < 0x20 || first == 0x7f) {
        return 1;
    }
    return first == 0xc2 && length > 1 && (uint8_t)text[1] < 0xa0 ? 2 : 0;
}

static size_t count_text(const char *text, size_t length)
{
    size_t count = 0;

    for (size_t i = 0; i < length;) {
        size_t control = control_bytes(text + i, length - i);

        count += control == 0;
        i += control == 0 ? 1 : control;
    }
    return count;
}

static void write_step(const struct step *step, struct vd_buf *out)
{
    if (step->parent != NULL) {
        write_step(step->parent, out);
    }
    if (step->key == NULL) {
        vd_buf_printf(out, "[%zu]", step->index);
        return;
    }
    vd_buf_append_text(out, step->parent == NULL ? "" : ".");
    vd_buf_append_text(out, step->key);
}

/* Copies what fits, whole characters only. */
static void copy_path(struct vd_str path, char out[VD_TWIN_PATH_SIZE])
{
    size_t length = path.length < VD_TWIN_PATH_SIZE ? path.length : VD_TWIN_PATH_SIZE - 1;

    while (length > 0 && length < path.length && ((uint8_t)path.data[length] & 0xc0) == 0x80) {
        length--;
    }
    for (size_t i = 0; i < length; i++) {
        bool control = control_bytes(path.data + i, length - i) > 0;
        bool second = i > 0 && control_bytes(path.data + i - 1, length - i + 1) == 2;

        out[i] = path.data[i];
        if (control || second) {
            out[i] = '?';
        }
    }
    out[length] = '\0';
}

enum vd_twin_error vd_twin_blame(
    struct vd_twin_problem *problem, enum vd_twin_error error, const char *path)
{
    problem->error = error;
    copy_path(vd_str_from(path), problem->path);
    return error;
}

static enum vd_twin_error blame_step(
    struct vd_twin_problem *problem, enum vd_twin_error error, const struct step *step)
{
    /* Deeper and longer than any path that passes, so that what is cut is cut by copy_path. */
    struct vd_buf path = {0};

    write_step(step, &path);
    problem->error = path.error == VD_OK ? error : VD_TWIN_NO_MEMORY;
    copy_path((struct vd_str){(const char *)path.data, path.length}, problem->path);
    vd_buf_release(&path);
    return problem->error;
}

static bool key_is_good(const char *key)
{
    size_t length = strlen(key);

    return length > 0 && length <= VD_TWIN_KEY_MAX_BYTES && strpbrk(key, ".$ ") == NULL &&
        count_text(key, length) == length;
}

static bool leaf_is_good(const json_t *value)
{
    json_int_t number = json_integer_value(value); /* 0 of what is none */

    return number >= VD_TWIN_INTEGER_MIN && number <= VD_TWIN_INTEGER_MAX;
}

static enum vd_twin_error check_value(
    const json_t *value, const struct step *at, size_t depth, struct vd_twin_problem *problem);

static enum vd_twin_error check_members(
    const json_t *object, const struct step *at, size_t depth, struct vd_twin_problem *problem)
{
    const char *key;
    json_t *member;

    json_object_foreach((json_t *)object, key, member)
    {
        struct step step = {at, key, 0};
        enum vd_twin_error error = key_is_good(key) ? check_value(member, &step, depth, problem)
                                                    : blame_step(problem, VD_TWIN_BAD_KEY, &step);

        if (error != VD_TWIN_OK) {
            return error;
        }
    }
    return VD_TWIN_OK;
}

static enum vd_twin_error check_elements(
    const json_t *array, const struct step *at, size_t depth, struct vd_twin_problem *problem)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        struct step step = {at, NULL, i};
        enum vd_twin_error error = check_value(json_array_get(array, i), &step, depth, problem);

        if (error != VD_TWIN_OK) {
            return error;
        }
    }
    return VD_TWIN_OK;
}

/* `depth`: containers around the value, without the section itself. */
static enum vd_twin_error check_value(
    const json_t *value, const struct step *at, size_t depth, struct vd_twin_problem *problem)
{
    if (!json_is_object(value) && !json_is_array(value)) {
        return leaf_is_good(value) ? VD_TWIN_OK : blame_step(problem, VD_TWIN_BAD_VALUE, at);
    }
    if (depth == VD_TWIN_DEPTH_MAX) {
        return blame_step(problem, VD_TWIN_TOO_DEEP, at);
    }
    return json_is_object(value) ? check_members(value, at, depth + 1, problem)
                                 : check_elements(value, at, depth + 1, problem);
}

enum vd_twin_error vd_twin_check(
    const char *section, const json_t *object, struct vd_twin_problem *problem)
{
    struct step top = {NULL, section, 0};

    *problem = (struct vd_twin_problem){.error = VD_TWIN_OK};
    if (!json_is_object(object)) {
        return vd_twin_blame(problem, VD_TWIN_MALFORMED, section);
    }
    return check_members(object, &top, 0, problem);
}

size_t vd_twin_count_bytes(const json_t *value)
{
    size_t count = 0;
    const char *key;
    json_t *member;

    switch (json_typeof(value)) {
    case JSON_OBJECT:
        json_object_foreach((json_t *)value, key, member)
        {
            count += count_text(key, strlen(key)) + vd_twin_count_bytes(member);
        }
        return count;
    case JSON_ARRAY:
        for (size_t i = 0; i < json_array_size(value); i++) {
            count += 2 + vd_twin_count_bytes(json_array_get(value, i));
        }
        return count;
    case JSON_STRING:
        return count_text(json_string_value(value), json_string_length(value));
    case JSON_INTEGER:
    case JSON_REAL:
        return 8;
    default:
        return 4;
    }
}
