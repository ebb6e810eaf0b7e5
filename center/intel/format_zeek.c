/* SPDX-License-Identifier: MIT */
/* Zeek's intelligence framework: tab-separated, "#fields" names the columns; source: its manual, "Intelligence Framework". */

#include "center/intel/feed_format_internal.h"

#define NO_COLUMN UINT32_MAX

struct columns {
    uint32_t indicator;
    uint32_t type;
    uint32_t description;
    uint32_t source;
};

static struct columns read_header(struct vd_str line)
{
    struct columns c = {NO_COLUMN, NO_COLUMN, NO_COLUMN, NO_COLUMN};
    struct vd_str rest = line;

    (void)vd_format_cut(&rest, '\t'); /* "#fields" */
    for (uint32_t i = 0; rest.data != NULL; i++) {
        const struct vd_str name = vd_format_trim(vd_format_cut(&rest, '\t'));

        if (vd_str_equal_text(name, "indicator")) {
            c.indicator = i;
        } else if (vd_str_equal_text(name, "indicator_type")) {
            c.type = i;
        } else if (vd_str_equal_text(name, "meta.desc")) {
            c.description = i;
        } else if (vd_str_equal_text(name, "meta.source")) {
            c.source = i;
        }
    }
    return c;
}

/* Empty: it is not there, or "-", which stands for unset. */
static struct vd_str field(struct vd_str line, uint32_t column)
{
    struct vd_str value = {"", 0};

    for (uint32_t i = 0; column != NO_COLUMN && i <= column && line.data != NULL; i++) {
        value = vd_format_cut(&line, '\t');
        if (i < column && line.data == NULL) {
            return (struct vd_str){"", 0};
        }
    }
    value = vd_format_trim(value);
    return vd_str_equal_text(value, "-") ? (struct vd_str){"", 0} : value;
}

static int read_line(
    struct vd_format_run *run, const struct columns *c, struct vd_str line, uint32_t number)
{
    char description[VD_INDICATOR_DESCRIPTION_MAX];
    struct vd_format_entry entry = {
        .at.line = number,
        .address = field(line, c->indicator),
        .description = field(line, c->description),
        .confidence = VD_CONFIDENCE_UNKNOWN,
    };
    const struct vd_str type = field(line, c->type);
    const struct vd_str source = field(line, c->source);
    int length;

    if (type.length == 0) {
        vd_format_refuse(run, entry.at, "it has no indicator_type");
        return VD_OK;
    }
    if (!vd_str_equal_text(type, "Intel::ADDR") && !vd_str_equal_text(type, "Intel::SUBNET")) {
        vd_format_ignore(run);
        return VD_OK;
    }
    if (entry.description.length > 0 && source.length > 0 &&
        entry.description.length + source.length < sizeof description - 4) {
        length = snprintf(description, sizeof description, "%.*s (%.*s)",
            VD_STR_ARG(entry.description), VD_STR_ARG(source));
        entry.description = (struct vd_str){description, (size_t)length};
    } else if (entry.description.length == 0) {
        entry.description = source;
    }
    return vd_format_entry_give(run, &entry);
}

int vd_format_zeek(struct vd_format_run *run, struct vd_str text)
{
    struct vd_format_lines lines = {text, 0};
    struct columns columns = {NO_COLUMN, NO_COLUMN, NO_COLUMN, NO_COLUMN};
    struct vd_str line;

    while (vd_format_next_line(&lines, &line)) {
        int error;

        if (vd_format_begins(line, "#fields")) {
            columns = read_header(line);
        }
        if (vd_format_trim(line).length == 0 || line.data[0] == '#') {
            continue;
        }
        if (columns.indicator == NO_COLUMN || columns.type == NO_COLUMN) {
            return vd_format_fault(run, (struct vd_format_at){lines.line, NULL},
                "no line #fields with indicator and indicator_type comes before it");
        }
        error = read_line(run, &columns, line, lines.line);
        if (error != VD_OK) {
            return error;
        }
    }
    return VD_OK;
}
