/* SPDX-License-Identifier: MIT */
/* Reads `vedette.conf`: lines of key = value, and tells of every fault with its line. */

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "lib/config.h"

#define FILE_MAX_BYTES 65536

static struct vd_str trimmed(struct vd_str s)
{
    while (s.length > 0 && isspace((unsigned char)s.data[0])) {
        s.data++;
        s.length--;
    }
    while (s.length > 0 && isspace((unsigned char)s.data[s.length - 1])) {
        s.length--;
    }
    return s;
}

/* Cuts at the first '='. */
static bool split_pair(struct vd_str pair, struct vd_str *key, struct vd_str *value)
{
    const char *at = pair.length > 0 ? memchr(pair.data, '=', pair.length) : NULL;

    if (at == NULL) {
        return false;
    }
    *key = trimmed((struct vd_str){pair.data, (size_t)(at - pair.data)});
    *value = trimmed((struct vd_str){at + 1, pair.length - (size_t)(at - pair.data) - 1});
    return true;
}

int vd_config_set_pair(
    struct vd_config *config, const char *pair, struct vd_config_problem *problem)
{
    struct vd_str key;
    struct vd_str value;

    if (!split_pair(vd_str_from(pair), &key, &value)) {
        snprintf(problem->text, sizeof problem->text, "%.128s: not of the form key=value", pair);
        return VD_E_INVALID;
    }
    return vd_config_set(config, key, value, problem);
}

/* ---- Files ---- */

unsigned vd_config_line(const struct vd_config_lines *lines, const char *key)
{
    const size_t i = vd_config_number(vd_str_from(key));

    return i < VD_CONFIG_PROPERTIES_MAX ? lines->of[i] : 0;
}

/* One line; `lines` holds where each property was set, 0 for not yet. */
static int parse_line(struct vd_config *config, struct vd_str line, unsigned number,
    struct vd_config_lines *lines, struct vd_config_problem *problem)
{
    struct vd_str key;
    struct vd_str value;
    size_t i;
    int error;

    line = trimmed(line);
    if (line.length == 0 || line.data[0] == '#') {
        return VD_OK;
    }
    if (!split_pair(line, &key, &value)) {
        snprintf(problem->text, sizeof problem->text, "%.*s: not of the form key = value",
            line.length > 128 ? 128 : (int)line.length, line.data);
        return VD_E_INVALID;
    }
    error = vd_config_set(config, key, value, problem);
    i = vd_config_number(key);
    if (error == VD_OK && lines->of[i] != 0) {
        snprintf(problem->text, sizeof problem->text, "%.*s stands in line %u already",
            (int)key.length, key.data, lines->of[i]);
        return VD_E_INVALID;
    }
    if (error == VD_OK) {
        lines->of[i] = number;
    }
    return error;
}

unsigned vd_config_parse_all(struct vd_config *config, struct vd_str text,
    struct vd_config_lines *lines, vd_config_told *told, void *context)
{
    struct vd_config_problem problem = {""};
    unsigned number = 0;
    unsigned faults = 0;

    *lines = (struct vd_config_lines){{0}};
    if (text.length > FILE_MAX_BYTES) {
        snprintf(problem.text, sizeof problem.text, "longer than %d bytes", FILE_MAX_BYTES);
        told(context, 0, problem.text);
        return 1;
    }
    while (text.length > 0) {
        const char *end = memchr(text.data, '\n', text.length);
        size_t length = end != NULL ? (size_t)(end - text.data) : text.length;

        number++;
        if (parse_line(config, (struct vd_str){text.data, length}, number, lines, &problem) !=
            VD_OK) {
            told(context, number, problem.text);
            faults++;
        }
        length += end != NULL ? 1 : 0;
        text.data += length;
        text.length -= length;
    }
    return faults;
}

/* The text of a file, the caller's to free; what is too long is told by who parses it. */
static int read_text(const char *path, struct vd_str *out)
{
    char *text = malloc(FILE_MAX_BYTES + 1);
    FILE *file = text != NULL ? fopen(path, "re") : NULL;
    int error = VD_OK;

    if (file == NULL) {
        error = text == NULL ? VD_E_NOMEM : vd_error_from_errno(errno);
        free(text);
        return error;
    }
    *out = (struct vd_str){text, fread(text, 1, FILE_MAX_BYTES + 1, file)};
    if (ferror(file) != 0) {
        error = VD_E_IO;
        free(text);
    }
    fclose(file);
    return error;
}

unsigned vd_config_read_all(struct vd_config *config, const char *path,
    struct vd_config_lines *lines, vd_config_told *told, void *context)
{
    struct vd_str text = {0};
    unsigned faults;
    const int error = read_text(path, &text);

    *lines = (struct vd_config_lines){{0}};
    if (error != VD_OK) {
        told(context, 0, vd_error_text(error));
        return 1;
    }
    faults = vd_config_parse_all(config, text, lines, told, context);
    free((void *)(uintptr_t)text.data);
    return faults;
}

/* Keeps the first fault. */
struct first_fault {
    const char *name;
    struct vd_config_problem *problem;
    bool is_told;
};

static void keep_first(void *context, unsigned line, const char *text)
{
    struct first_fault *first = context;

    if (first->is_told) {
        return;
    }
    first->is_told = true;
    if (line > 0) {
        snprintf(first->problem->text, sizeof first->problem->text, "%.120s, line %u: %.860s",
            first->name, line, text);
    } else {
        snprintf(
            first->problem->text, sizeof first->problem->text, "%.256s: %.600s", first->name, text);
    }
}

int vd_config_parse(struct vd_config *config, const char *name, struct vd_str text,
    struct vd_config_problem *problem)
{
    struct first_fault first = {name, problem, false};
    struct vd_config_lines lines;

    return vd_config_parse_all(config, text, &lines, keep_first, &first) == 0 ? VD_OK
                                                                              : VD_E_INVALID;
}

int vd_config_read(struct vd_config *config, const char *path, struct vd_config_problem *problem)
{
    struct vd_str text = {0};
    int error = read_text(path, &text);

    if (error != VD_OK) {
        snprintf(problem->text, sizeof problem->text, "%.256s: %s", path, vd_error_text(error));
        return error;
    }
    error = vd_config_parse(config, path, text, problem);
    free((void *)(uintptr_t)text.data);
    return error;
}
