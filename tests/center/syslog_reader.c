/* SPDX-License-Identifier: MIT */
/* The readers of syslog and CEF. */

#include "tests/center/syslog_reader.h"

#include <ctype.h>
#include <stdlib.h>

#include "lib/clock.h"
#include "lib/url.h"

/* ---- RFC 5424 ---- */

struct cursor {
    const char *at;
    const char *end;
};

static bool take(struct cursor *c, char wanted)
{
    if (c->at == c->end || *c->at != wanted) {
        return false;
    }
    c->at++;
    return true;
}

/* 1 to max characters of printable ASCII up to one of `stops`. */
static bool take_name(struct cursor *c, const char *stops, char *out, size_t max)
{
    size_t length = 0;

    while (c->at<c->end && * c->at> ' ' && *c->at <= '~' && strchr(stops, *c->at) == NULL) {
        if (length == max) {
            return false;
        }
        out[length++] = *c->at++;
    }
    out[length] = '\0';
    return length > 0;
}

static bool take_number(struct cursor *c, unsigned max, unsigned *number)
{
    const char *from = c->at;

    *number = 0;
    while (c->at < c->end && isdigit((unsigned char)*c->at) && *number <= max) {
        *number = *number * 10 + (unsigned)(*c->at++ - '0');
    }
    return c->at > from && *number <= max && (*from != '0' || c->at == from + 1);
}

/* YYYY-MM-DDThh:mm:ss[.1 to 6 digits]Z, in capitals. */
static bool take_time(struct cursor *c, char out[40])
{
    int64_t ms;
    const char *fraction;

    if (!take_name(c, " ", out, 39) || vd_time_parse(out, &ms) != VD_OK || out[10] != 'T' ||
        out[strlen(out) - 1] != 'Z') {
        return false;
    }
    fraction = strchr(out, '.');
    return fraction == NULL || strlen(fraction) <= 8;
}

/* name="value" with \", \\ and \] alone as escapes. */
static bool take_parameter(struct cursor *c, unsigned *sequence)
{
    char name[33];
    const char *value;

    if (!take_name(c, "=\"]", name, 32) || !take(c, '=') || !take(c, '"')) {
        return false;
    }
    value = c->at;
    while (c->at < c->end && *c->at != '"') {
        if (*c->at == ']') {
            return false;
        }
        if (*c->at == '\\' && (++c->at == c->end || strchr("\"\\]", *c->at) == NULL)) {
            return false;
        }
        c->at++;
    }
    if (strcmp(name, "sequenceId") == 0) {
        struct cursor digits = {value, c->at};

        if (!take_number(&digits, 2147483647U, sequence) || digits.at != digits.end ||
            *sequence == 0) {
            return false;
        }
    }
    return take(c, '"');
}

static bool take_data(struct cursor *c, unsigned *sequence)
{
    char id[33];

    if (take(c, '-')) {
        return true;
    }
    if (c->at == c->end || *c->at != '[') {
        return false;
    }
    while (take(c, '[')) {
        if (!take_name(c, "=\"]", id, 32)) {
            return false;
        }
        while (take(c, ' ')) {
            if (!take_parameter(c, sequence)) {
                return false;
            }
        }
        if (!take(c, ']')) {
            return false;
        }
    }
    return true;
}

static bool take_text(struct cursor *c, char **text)
{
    const size_t left = (size_t)(c->end - c->at);

    if (left < 3 || memcmp(c->at, "\xef\xbb\xbf", 3) != 0 ||
        !vd_utf8_is_valid((struct vd_str){c->at + 3, left - 3})) {
        return false;
    }
    *text = strndup(c->at + 3, left - 3);
    return *text != NULL;
}

bool syslog_read(struct vd_str octets, struct syslog_message *message)
{
    struct cursor c = {octets.data, octets.data + octets.length};
    unsigned priority;

    *message = (struct syslog_message){0};
    if (!take(&c, '<') || !take_number(&c, 191, &priority) || !take(&c, '>') || !take(&c, '1') ||
        !take(&c, ' ') || !take_time(&c, message->time) || !take(&c, ' ') ||
        !take_name(&c, " ", message->host, 255) || !take(&c, ' ') ||
        !take_name(&c, " ", message->app, 48) || !take(&c, ' ') ||
        !take_name(&c, " ", message->process, 128) || !take(&c, ' ') ||
        !take_name(&c, " ", message->id, 32) || !take(&c, ' ') ||
        !take_data(&c, &message->sequence) || !take(&c, ' ')) {
        return false;
    }
    message->facility = priority / 8;
    message->severity = priority % 8;
    return take_text(&c, &message->text);
}

/* ---- CEF ---- */

/* Up to an unescaped pipe; only \\ and \| are escapes. */
static json_t *read_field(const char **at)
{
    struct vd_buf field = {0};
    json_t *json;

    for (; **at != '|'; (*at)++) {
        if (**at == '\\') {
            (*at)++;
            if (**at != '\\' && **at != '|') {
                vd_buf_release(&field);
                return NULL;
            }
        }
        if ((unsigned char)**at < ' ' || **at == 0x7f) {
            vd_buf_release(&field);
            return NULL;
        }
        vd_buf_append(&field, *at, 1);
    }
    (*at)++;
    json = json_stringn(field.length > 0 ? (const char *)field.data : "", field.length);
    vd_buf_release(&field);
    return json;
}

/* Where the value that begins there ends: before the blank of the next key, or at the end. NULL: it is malformed. */
static const char *end_of_value(const char *at)
{
    const char *blank = NULL;

    for (; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f) {
            return NULL;
        }
        if (*at == '\\') {
            at++;
            if (*at == '\0' || strchr("\\=nr", *at) == NULL) {
                return NULL;
            }
        } else if (*at == '=') {
            return blank;
        } else if (*at == ' ') {
            blank = at;
        }
    }
    return at;
}

static json_t *unescape(const char *at, const char *end)
{
    struct vd_buf value = {0};
    json_t *json;

    for (; at < end; at++) {
        char c = *at;

        if (c == '\\') {
            c = *++at;
            if (c == 'n') {
                c = '\n';
            } else if (c == 'r') {
                c = '\r';
            }
        }
        vd_buf_append(&value, &c, 1);
    }
    json = json_stringn(value.length > 0 ? (const char *)value.data : "", value.length);
    vd_buf_release(&value);
    return json;
}

static bool read_extension(const char *at, json_t *extension)
{
    while (*at != '\0') {
        const char *equals = strchr(at, '=');
        const char *end = equals != NULL ? end_of_value(equals + 1) : NULL;
        char key[64];
        json_t *value;

        if (end == NULL || (size_t)(equals - at) >= sizeof key || equals == at) {
            return false;
        }
        for (const char *c = at; c < equals; c++) {
            if (!isalnum((unsigned char)*c)) {
                return false;
            }
        }
        memcpy(key, at, (size_t)(equals - at));
        key[equals - at] = '\0';
        value = unescape(equals + 1, end);
        if (value == NULL || json_object_get(extension, key) != NULL ||
            json_object_set_new(extension, key, value) != 0) {
            return false;
        }
        at = *end == ' ' ? end + 1 : end;
    }
    return true;
}

json_t *cef_read(const char *text)
{
    json_t *header = json_array();
    json_t *extension = json_object();
    const char *at = text + 4;
    bool is_read = strncmp(text, "CEF:", 4) == 0;

    for (int i = 0; i < 7 && is_read; i++) {
        json_t *field = strchr(at, '|') != NULL ? read_field(&at) : NULL;

        is_read = field != NULL && json_array_append_new(header, field) == 0;
    }
    if (!is_read || !read_extension(at, extension)) {
        json_decref(header);
        json_decref(extension);
        return NULL;
    }
    return json_pack("{s:o, s:o}", "header", header, "extension", extension);
}
