/* SPDX-License-Identifier: MIT */
/* URLs, lines of CSV and versions taken apart. */

#include <string.h>

#include "center/store/duckdb_functions_internal.h"
#include "lib/json_text.h"

/* Cuts `text` before the first of `letter`: gives what is before it, and leaves what is behind. False: it has none. */
static bool cut(struct vd_str *text, char letter, struct vd_str *before)
{
    const char *found = memchr(text->data, letter, text->length);

    if (found == NULL) {
        return false;
    }
    *before = (struct vd_str){text->data, (size_t)(found - text->data)};
    *text = (struct vd_str){found + 1, text->length - before->length - 1};
    return true;
}

/* "name":value of each, undecoded; of equal names the first counts. */
static void append_query(struct vd_buf *out, struct vd_str query)
{
    struct vd_udf_set names = {0};
    struct vd_str part;
    size_t at = 0;

    vd_buf_append_text(out, "{");
    while (out->error == VD_OK && vd_udf_part(query, '&', &at, &part)) {
        struct vd_str name = part;
        struct vd_str value = part;
        int is_new;

        if (!cut(&value, '=', &name)) {
            value = (struct vd_str){"", 0};
        }
        if (name.length == 0) {
            continue;
        }
        is_new = vd_udf_set_add(&names, name);
        if (is_new < 0) {
            out->error = VD_E_NOMEM;
        } else if (is_new > 0) {
            if (names.count > 1) {
                vd_buf_append(out, ",", 1);
            }
            vd_json_append_string(out, name);
            vd_buf_append(out, ":", 1);
            vd_json_append_string(out, value);
        }
    }
    vd_buf_append_text(out, "}");
    vd_udf_set_release(&names);
}

struct url {
    struct vd_str scheme, user, password, host, port, path, query, fragment;
};

/* user:password@host:port; brackets around an IPv6 address stay. */
static void split_authority(struct vd_str authority, struct url *url)
{
    const char *at = memrchr(authority.data, '@', authority.length);
    const char *colon;
    size_t inside = 0;

    if (at != NULL) {
        url->user = (struct vd_str){authority.data, (size_t)(at - authority.data)};
        authority = (struct vd_str){at + 1, authority.length - url->user.length - 1};
        url->password = url->user;
        if (!cut(&url->password, ':', &url->user)) {
            url->password = (struct vd_str){"", 0};
        }
    }
    if (authority.length > 0 && authority.data[0] == '[') {
        const char *close = memchr(authority.data, ']', authority.length);

        inside = close != NULL ? (size_t)(close - authority.data) : 0;
    }
    url->host = authority;
    colon = memchr(authority.data + inside, ':', authority.length - inside);
    if (colon != NULL) {
        url->host.length = (size_t)(colon - authority.data);
        url->port = (struct vd_str){colon + 1, authority.length - url->host.length - 1};
    }
}

static void split_url(struct vd_str text, struct url *url)
{
    struct vd_str rest = text;
    struct vd_str before;
    const char *slash;

    if (cut(&rest, '#', &before)) {
        url->fragment = rest;
        rest = before;
    }
    if (cut(&rest, '?', &before)) {
        url->query = rest;
        rest = before;
    }
    if (cut(&rest, ':', &before)) {
        url->scheme = before;
    }
    if (rest.length >= 2 && memcmp(rest.data, "//", 2) == 0) {
        struct vd_str authority = {rest.data + 2, rest.length - 2};

        slash = memchr(authority.data, '/', authority.length);
        rest = (struct vd_str){"", 0};
        if (slash != NULL) {
            rest = (struct vd_str){slash, (size_t)(authority.data + authority.length - slash)};
            authority.length = (size_t)(slash - authority.data);
        }
        split_authority(authority, url);
    }
    url->path = rest;
}

static bool parse_url(struct vd_udf_call *call)
{
    const struct vd_str none = {"", 0};
    struct url url = {none, none, none, none, none, none, none, none};
    struct vd_buf *out = call->out;

    split_url(call->args[0].text, &url);
    vd_buf_append_text(out, "{");
    vd_json_append_text_member(out, "Scheme", url.scheme);
    vd_json_append_text_member(out, "Host", url.host);
    vd_json_append_text_member(out, "Port", url.port);
    vd_json_append_text_member(out, "Path", url.path);
    vd_json_append_text_member(out, "Username", url.user);
    vd_json_append_text_member(out, "Password", url.password);
    vd_buf_append_text(out, ",\"Query Parameters\":");
    append_query(out, url.query);
    vd_json_append_text_member(out, "Fragment", url.fragment);
    vd_buf_append_text(out, "}");
    return true;
}

static bool parse_urlquery(struct vd_udf_call *call)
{
    vd_buf_append_text(call->out, "{\"Query Parameters\":");
    append_query(call->out, call->args[0].text);
    vd_buf_append_text(call->out, "}");
    return true;
}

/* ---- CSV (RFC 4180): the first line ---- */

/* Appends a field in quotation marks to `field`; behind it. */
static size_t quoted_field(struct vd_str text, size_t at, struct vd_buf *field)
{
    for (at++; at < text.length; at++) {
        if (text.data[at] == '"') {
            at++;
            if (at == text.length || text.data[at] != '"') {
                return at;
            }
        }
        vd_buf_append(field, &text.data[at], 1);
    }
    return at;
}

static bool parse_csv(struct vd_udf_call *call)
{
    const struct vd_str text = call->args[0].text;
    struct vd_buf field = {.max = VD_UDF_TEXT_MAX};
    size_t at = 0;
    bool more = true;

    vd_buf_append(call->out, "[", 1);
    while (more && call->out->error == VD_OK) {
        vd_buf_clear(&field);
        if (at < text.length && text.data[at] == '"') {
            at = quoted_field(text, at, &field);
        }
        while (at < text.length && text.data[at] != ',' && text.data[at] != '\n' &&
            text.data[at] != '\r') {
            vd_buf_append(&field, &text.data[at++], 1);
        }
        if (call->out->length > 1) {
            vd_buf_append(call->out, ",", 1);
        }
        vd_json_append_string(call->out,
            (struct vd_str){field.data != NULL ? (const char *)field.data : "", field.length});
        more = at < text.length && text.data[at] == ',';
        at++;
    }
    vd_buf_append(call->out, "]", 1);
    vd_buf_release(&field);
    return true;
}

/* ---- Versions ---- */

/*
 * A number that orders versions of up to four parts: 15 bits for the first, 16 for each other; parts that are missing are 0.
 * The language has a decimal of 32 digits for it, which is not among our types: only the order is the same.
 */
static bool parse_version(struct vd_udf_call *call)
{
    struct vd_str part;
    size_t at = 0;
    uint64_t value = 0;
    int count = 0;

    while (vd_udf_part(call->args[0].text, '.', &at, &part)) {
        uint32_t number = 0;

        for (size_t i = 0; i < part.length; i++) {
            if (part.data[i] < '0' || part.data[i] > '9' || i > 7) {
                return false;
            }
            number = number * 10 + (uint32_t)(part.data[i] - '0');
        }
        if (part.length == 0 || number > (count == 0 ? 0x7FFFu : 0xFFFFu) || ++count > 4) {
            return false;
        }
        value = value << 16 | number;
    }
    if (count == 0) {
        return false;
    }
    call->result.integer = (int64_t)(value << 16 * (4 - count));
    return true;
}

const struct vd_udf vd_udf_urls[] = {
    {"kql_parse_url", "s", 's', false, parse_url},
    {"kql_parse_urlquery", "s", 's', false, parse_urlquery},
    {"kql_parse_csv", "s", 's', false, parse_csv},
    {"kql_parse_version", "s", 'l', false, parse_version},
    {NULL, NULL, 0, false, NULL},
};
