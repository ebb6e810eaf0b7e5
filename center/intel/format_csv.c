/* SPDX-License-Identifier: MIT */
/* CSV (RFC 4180) with a header; comments before it, and a header that is a comment, are what public feeds have. */

#include <stdlib.h>
#include <strings.h>

#include "center/intel/feed_format_internal.h"

#define NO_COLUMN UINT32_MAX

/* Names of the column with the address, the best first. */
static const char *const address_names[] = {"ip", "ip_address", "ipaddress", "dst_ip", "dest_ip",
    "address", "cidr", "network", "subnet", "ip_range", "range", "indicator", "ioc", "ioc_value",
    "value", NULL};

enum record_result {
    RECORD_READ,
    RECORD_END,
    RECORD_BROKEN, /* one line was passed over */
};

struct csv {
    struct vd_format_lines lines;
    char delimiter;
    uint32_t first_line; /* of the record */
    const char *problem;
    uint32_t count;
    struct vd_str fields[VD_FEED_COLUMNS_MAX];
    char text[VD_FEED_RECORD_MAX]; /* of quoted fields */
};

struct columns {
    uint32_t address;
    uint32_t description;
    uint32_t confidence;
    uint32_t until;
};

/* Reads a quoted field behind its first quote up to behind its last; false: it has none within the limit. */
static bool read_quoted(struct csv *csv, struct vd_str *rest, char **to, struct vd_str *field)
{
    char *start = *to;
    const char *end = csv->text + sizeof csv->text;
    size_t i = 0;

    for (; i < rest->length && *to < end; i++) {
        if (rest->data[i] == '"') {
            if (i + 1 >= rest->length || rest->data[i + 1] != '"') {
                *field = (struct vd_str){start, (size_t)(*to - start)};
                rest->data += i + 1;
                rest->length -= i + 1;
                return true;
            }
            i++;
        }
        csv->lines.line += rest->data[i] == '\n';
        *(*to)++ = rest->data[i];
    }
    return false;
}

static size_t plain_length(const struct csv *csv, struct vd_str rest)
{
    size_t i = 0;

    while (i < rest.length && rest.data[i] != csv->delimiter && rest.data[i] != '\n') {
        i++;
    }
    return i;
}

/* Reads one field; *rest is then at the delimiter, the line's end or the text's. */
static bool read_field(struct csv *csv, struct vd_str *rest, char **to)
{
    struct vd_str field = {rest->data, 0};
    size_t length;

    while (rest->length > 0 && rest->data[0] == ' ') {
        rest->data++;
        rest->length--;
    }
    if (rest->length > 0 && rest->data[0] == '"') {
        rest->data++;
        rest->length--;
        if (!read_quoted(csv, rest, to, &field)) {
            csv->problem = "a quote is not closed";
            return false;
        }
        length = plain_length(csv, *rest);
        if (vd_format_trim((struct vd_str){rest->data, length}).length > 0) {
            csv->problem = "there is text behind a quote";
            return false;
        }
    } else {
        length = plain_length(csv, *rest);
        field = vd_format_trim((struct vd_str){rest->data, length});
    }
    rest->data += length;
    rest->length -= length;
    if (csv->count == VD_FEED_COLUMNS_MAX) {
        csv->problem = "it has too many columns";
        return false;
    }
    csv->fields[csv->count++] = field;
    return true;
}

static enum record_result read_record(struct csv *csv)
{
    struct vd_format_lines before = csv->lines;
    struct vd_str *rest = &csv->lines.rest;
    char *to = csv->text;
    struct vd_str line;

    if (rest->length == 0) {
        return RECORD_END;
    }
    csv->count = 0;
    csv->first_line = ++csv->lines.line;
    for (;;) {
        if (!read_field(csv, rest, &to)) {
            csv->lines = before;
            (void)vd_format_next_line(&csv->lines, &line);
            return RECORD_BROKEN;
        }
        if (rest->length == 0) {
            return RECORD_READ;
        }
        rest->length--;
        if (*rest->data++ == '\n') {
            return RECORD_READ;
        }
    }
}

static uint32_t find_column(const struct csv *csv, const char *name)
{
    for (uint32_t i = 0; i < csv->count; i++) {
        const struct vd_str field = vd_format_trim(csv->fields[i]);

        if (field.length == strlen(name) && strncasecmp(field.data, name, field.length) == 0) {
            return i;
        }
    }
    return NO_COLUMN;
}

static uint32_t find_address(const struct csv *csv, const struct vd_feed_parse *parse)
{
    uint32_t column = NO_COLUMN;

    if (parse->column != NULL) {
        return find_column(csv, parse->column);
    }
    for (size_t i = 0; address_names[i] != NULL && column == NO_COLUMN; i++) {
        column = find_column(csv, address_names[i]);
    }
    return column;
}

/* Splits the line as a header, with each delimiter that may be meant. */
static bool try_header(
    struct csv *csv, const struct vd_feed_parse *parse, struct vd_str line, struct columns *columns)
{
    const char given[] = {parse->delimiter, '\0'};
    const char *delimiters = parse->delimiter != 0 ? given : ",;\t|";

    for (; *delimiters != '\0'; delimiters++) {
        const struct vd_format_lines lines = csv->lines;
        enum record_result result;

        csv->lines = (struct vd_format_lines){line, 0};
        csv->delimiter = *delimiters;
        result = read_record(csv);
        csv->lines = lines;
        columns->address = result == RECORD_READ ? find_address(csv, parse) : NO_COLUMN;
        if (columns->address != NO_COLUMN) {
            return true;
        }
    }
    return false;
}

/* Passes over what comes before the header, and it. VD_E_INVALID: there is none. */
static int read_header(struct vd_format_run *run, struct csv *csv, struct columns *columns)
{
    struct vd_str line;

    while (vd_format_next_line(&csv->lines, &line)) {
        bool is_comment = false;

        line = vd_format_trim(line);
        while (line.length > 0 && line.data[0] == '#') {
            is_comment = true;
            line = vd_format_trim((struct vd_str){line.data + 1, line.length - 1});
        }
        if (line.length == 0) {
            continue;
        }
        if (try_header(csv, run->parse, line, columns)) {
            return VD_OK;
        }
        if (!is_comment) {
            break;
        }
    }
    return vd_format_fault(run, (struct vd_format_at){csv->lines.line, NULL},
        run->parse->column != NULL ? "the header has no column of that name"
                                   : "the header has no column with a usual name: name it");
}

/* An optional column that is named has to be there. */
static int find_optional(
    struct vd_format_run *run, const struct csv *csv, const char *name, uint32_t *column)
{
    *column = name != NULL ? find_column(csv, name) : NO_COLUMN;
    return name == NULL || *column != NO_COLUMN
        ? VD_OK
        : vd_format_fault(run, (struct vd_format_at){csv->lines.line, NULL},
              "the header lacks an optional column that was named");
}

static int find_columns(struct vd_format_run *run, struct csv *csv, struct columns *columns)
{
    const struct vd_feed_parse *parse = run->parse;
    int error = read_header(run, csv, columns);

    if (error == VD_OK) {
        error = find_optional(run, csv, parse->description_column, &columns->description);
    }
    if (error == VD_OK) {
        error = find_optional(run, csv, parse->confidence_column, &columns->confidence);
    }
    if (error == VD_OK) {
        error = find_optional(run, csv, parse->until_column, &columns->until);
    }
    return error;
}

static struct vd_str field(const struct csv *csv, uint32_t column)
{
    return column < csv->count ? vd_format_trim(csv->fields[column]) : (struct vd_str){"", 0};
}

/* "192.0.2.1:443" means the address, as feeds of endpoints have it. */
static struct vd_str without_port(struct vd_str address)
{
    const char *colon = address.length > 0 ? memchr(address.data, ':', address.length) : NULL;
    const size_t host = colon != NULL ? (size_t)(colon - address.data) : address.length;

    return colon != NULL &&
            vd_format_number((struct vd_str){colon + 1, address.length - host - 1}, UINT16_MAX) >=
                0 &&
            memchr(address.data, '.', host) != NULL
        ? (struct vd_str){address.data, host}
        : address;
}

static int give_record(
    struct vd_format_run *run, const struct csv *csv, const struct columns *columns)
{
    const struct vd_str confidence = field(csv, columns->confidence);
    const struct vd_str until = field(csv, columns->until);
    struct vd_format_entry entry = {
        .at.line = csv->first_line,
        .address = without_port(field(csv, columns->address)),
        .description = field(csv, columns->description),
        .confidence = VD_CONFIDENCE_UNKNOWN,
    };

    if (columns->address >= csv->count) {
        vd_format_refuse(run, entry.at, "it has too few columns");
        return VD_OK;
    }
    if (confidence.length > 0) {
        const int64_t number = vd_format_number(confidence, VD_CONFIDENCE_MAX);

        if (number < 0) {
            vd_format_refuse(run, entry.at, "the confidence is to be 0 to 100");
            return VD_OK;
        }
        entry.confidence = (uint8_t)number;
    }
    if (until.length > 0 && vd_format_time(until, &entry.valid_until_ms) != VD_OK) {
        vd_format_refuse(run, entry.at, "the end of validity is not a time");
        return VD_OK;
    }
    return vd_format_entry_give(run, &entry);
}

static bool is_blank(const struct csv *csv)
{
    return csv->count == 1 && vd_format_trim(csv->fields[0]).length == 0;
}

static int read_records(struct vd_format_run *run, struct csv *csv, const struct columns *columns)
{
    for (;;) {
        enum record_result result = read_record(csv);
        int error = VD_OK;

        if (result == RECORD_END) {
            return VD_OK;
        }
        if (result == RECORD_BROKEN) {
            vd_format_refuse(run, (struct vd_format_at){csv->first_line, NULL}, csv->problem);
        } else if (!is_blank(csv) && !vd_format_begins(csv->fields[0], "#")) {
            error = give_record(run, csv, columns);
        }
        if (error != VD_OK) {
            return error;
        }
    }
}

int vd_format_csv(struct vd_format_run *run, struct vd_str text)
{
    struct csv *csv = calloc(1, sizeof *csv);
    struct columns columns = {NO_COLUMN, NO_COLUMN, NO_COLUMN, NO_COLUMN};
    int error;

    if (csv == NULL) {
        return VD_E_NOMEM;
    }
    csv->lines.rest = text;
    error = find_columns(run, csv, &columns);
    if (error == VD_OK) {
        error = read_records(run, csv, &columns);
    }
    free(csv);
    return error;
}
