/* SPDX-License-Identifier: MIT */
/* Writes JSON; strings by jansson, numbers by ourselves. */

#include "hub/json_write.h"

static void write_real(double real, struct vd_buf *out)
{
    char text[40] = "";
    int digits = 14;

    do {
        digits++;
        (void)snprintf(text, sizeof text, "%.*g", digits, real);
    } while (digits < 17 && (strtod(text, NULL) < real || strtod(text, NULL) > real));
    vd_buf_append_text(out, text);
    if (strpbrk(text, ".e") == NULL) {
        vd_buf_append_text(out, ".0");
    }
}

static int append(const char *text, size_t length, void *context)
{
    struct vd_buf *out = context;

    vd_buf_append(out, text, length);
    return out->error == VD_OK ? 0 : -1;
}

/* A string, true, false, null or an integer. */
static void write_plain(const json_t *value, struct vd_buf *out)
{
    if (json_dump_callback(value, append, out, JSON_COMPACT | JSON_ENCODE_ANY) != 0 &&
        out->error == VD_OK) {
        out->error = VD_E_NOMEM;
    }
}

void vd_json_write_key(const char *key, struct vd_buf *out)
{
    json_t *text = json_string(key);

    if (text == NULL) {
        out->error = VD_E_NOMEM;
        return;
    }
    write_plain(text, out);
    json_decref(text);
    vd_buf_append_text(out, ":");
}

static void write_object(const json_t *object, struct vd_buf *out)
{
    const char *separator = "";
    const char *key;
    json_t *member;

    vd_buf_append_text(out, "{");
    json_object_foreach((json_t *)object, key, member)
    {
        vd_buf_append_text(out, separator);
        vd_json_write_key(key, out);
        vd_json_write(member, out);
        separator = ",";
    }
    vd_buf_append_text(out, "}");
}

static void write_array(const json_t *array, struct vd_buf *out)
{
    vd_buf_append_text(out, "[");
    for (size_t i = 0; i < json_array_size(array); i++) {
        vd_buf_append_text(out, i == 0 ? "" : ",");
        vd_json_write(json_array_get(array, i), out);
    }
    vd_buf_append_text(out, "]");
}

void vd_json_write(const json_t *value, struct vd_buf *out)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        write_object(value, out);
        break;
    case JSON_ARRAY:
        write_array(value, out);
        break;
    case JSON_REAL:
        write_real(json_real_value(value), out);
        break;
    default:
        write_plain(value, out);
    }
}

bool vd_json_out_of_memory(const json_error_t *why)
{
    return json_error_code(why) == json_error_out_of_memory ||
        json_error_code(why) == json_error_unknown;
}
