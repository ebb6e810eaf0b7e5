/* SPDX-License-Identifier: MIT */
/* Lists: an address, CIDR range or "a-b" a line; what follows it is its description. */

#include "center/intel/feed_format_internal.h"

static bool is_comment(struct vd_str line)
{
    return line.data[0] == '#' || line.data[0] == ';' || vd_format_begins(line, "//");
}

/* The length of the text up to a blank, comma or the beginning of a comment. */
static size_t token_length(struct vd_str s)
{
    size_t i = 0;

    while (i < s.length && memchr(" \t,;#\r", s.data[i], 6) == NULL) {
        i++;
    }
    return i;
}

static struct vd_str behind(struct vd_str s, size_t length)
{
    return vd_format_trim((struct vd_str){s.data + length, s.length - length});
}

static bool is_address(struct vd_str s)
{
    struct vd_indicator_line line;

    return vd_indicator_parse(s, &line) == NULL;
}

/* "a - b": the range as it is written, or only `first` if no second address follows. */
static struct vd_str with_second(struct vd_str line, struct vd_str first)
{
    const struct vd_str rest = behind(line, first.length);
    struct vd_str second;

    if (rest.length == 0 || rest.data[0] != '-') {
        return first;
    }
    second = behind(rest, 1);
    second.length = token_length(second);
    return is_address(second)
        ? (struct vd_str){line.data, (size_t)(second.data + second.length - line.data)}
        : first;
}

static struct vd_str description_of(struct vd_str rest)
{
    while (rest.length > 0 && memchr("#;,/-", rest.data[0], 5) != NULL) {
        rest = behind(rest, 1);
    }
    return rest;
}

int vd_format_list(struct vd_format_run *run, struct vd_str text)
{
    struct vd_format_lines lines = {text, 0};
    struct vd_str line;

    while (vd_format_next_line(&lines, &line)) {
        struct vd_format_entry entry = {.confidence = VD_CONFIDENCE_UNKNOWN};
        int error;

        line = vd_format_trim(line);
        if (line.length == 0 || is_comment(line)) {
            continue;
        }
        entry.at.line = lines.line;
        entry.address = with_second(line, (struct vd_str){line.data, token_length(line)});
        entry.description = description_of(behind(line, entry.address.length));
        error = vd_format_entry_give(run, &entry);
        if (error != VD_OK) {
            return error;
        }
    }
    return VD_OK;
}
