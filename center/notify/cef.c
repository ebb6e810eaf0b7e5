/* SPDX-License-Identifier: MIT */
/* What of an alert goes into which key of CEF, and how texts are made safe there. */

#include "center/notify/cef.h"

#include <arpa/inet.h>

#include "lib/clock.h"

/* Lengths of the dictionary, in bytes here. */
#define HEADER_MAX   255 /* what some receivers keep of a field */
#define HOST_MAX     1023
#define DVCHOST_MAX  100
#define DEVICE_MAX   255
#define EXTERNAL_MAX 40
#define ACTION_MAX   63
#define PROTOCOL_MAX 31
#define CUSTOM_MAX   4000
#define FLEX_MAX     1023
#define MESSAGE_MAX  1023

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

/* How much of the text fits, whole characters only. */
static size_t cut(const char *text, size_t max)
{
    const size_t length = strnlen(text, max + 1);
    size_t end = length;

    if (length > max) {
        end = max;
        while (end > 0 && ((unsigned char)text[end] & 0xc0) == 0x80) {
            end--;
        }
    }
    return end;
}

/* Control characters become blanks; where that says so, line ends are written as \n and \r. */
static void append_escaped(
    struct vd_buf *out, const char *text, size_t max, const char *special, bool keeps_lines)
{
    const size_t length = cut(text, max);

    for (size_t i = 0; i < length; i++) {
        const char c = text[i];

        if (keeps_lines && (c == '\n' || c == '\r')) {
            vd_buf_append_text(out, c == '\n' ? "\\n" : "\\r");
        } else if ((unsigned char)c < 0x20 || c == 0x7f) {
            vd_buf_append(out, " ", 1);
        } else {
            if (strchr(special, c) != NULL) {
                vd_buf_append(out, "\\", 1);
            }
            vd_buf_append(out, &c, 1);
        }
    }
}

static void put_header(struct vd_buf *out, const char *text)
{
    append_escaped(out, text, HEADER_MAX, "\\|", false);
    vd_buf_append(out, "|", 1);
}

/* Nothing where there is no text. */
static void put(struct vd_buf *out, const char *key, const char *text, size_t max)
{
    if (text[0] != '\0') {
        vd_buf_printf(out, "%s=", key);
        append_escaped(out, text, max, "\\=", true);
        vd_buf_append(out, " ", 1);
    }
}

static void put_number(struct vd_buf *out, const char *key, json_int_t number)
{
    vd_buf_printf(out, "%s=%lld ", key, (long long)number);
}

static void put_labelled(
    struct vd_buf *out, const char *key, const char *label, const char *text, size_t max)
{
    if (text[0] != '\0') {
        vd_buf_printf(out, "%sLabel=%s ", key, label);
        put(out, key, text, max);
    }
}

static void put_time(struct vd_buf *out, const char *key, const char *text)
{
    int64_t ms;

    if (vd_time_parse(text, &ms) == VD_OK) {
        put_number(out, key, ms);
    }
}

/* ---- Addresses ---- */

/* src and dst hold IPv4 alone; what is no address, or is masked, is left out. */
static void put_address(struct vd_buf *out, bool is_source, const char *text)
{
    uint8_t bytes[16];

    if (inet_pton(AF_INET, text, bytes) == 1) {
        put(out, is_source ? "src" : "dst", text, HOST_MAX);
    } else if (inet_pton(AF_INET6, text, bytes) == 1) {
        put_labelled(out, is_source ? "c6a2" : "c6a3",
            is_source ? "Source IPv6 Address" : "Destination IPv6 Address", text, HOST_MAX);
    }
}

static void put_port(struct vd_buf *out, const char *key, const json_t *port)
{
    const json_int_t number = json_integer_value(port);

    if (number > 0 && number <= UINT16_MAX) {
        put_number(out, key, number);
    }
}

/* A flow that nobody is known to have opened is shown as the device's. */
static void put_flow(struct vd_buf *out, const json_t *flow, const char *device)
{
    const char *opener = text_of(flow, "openedBy");
    const bool is_inbound = strcmp(opener, "Remote") == 0;

    put_address(out, !is_inbound, text_of(flow, "localAddress"));
    put_port(out, is_inbound ? "dpt" : "spt", json_object_get(flow, "localPort"));
    put_address(out, is_inbound, text_of(flow, "remoteAddress"));
    put_port(out, is_inbound ? "spt" : "dpt", json_object_get(flow, "remotePort"));
    put(out, is_inbound ? "dhost" : "shost", device, HOST_MAX);
    put(out, "proto", text_of(flow, "protocol"), PROTOCOL_MAX);
    if (opener[0] != '\0') {
        put_number(out, "deviceDirection", is_inbound ? 0 : 1);
    }
}

/* Of the first piece of evidence that tells of a flow, or else of an address that somebody came from. */
static void put_network(struct vd_buf *out, const json_t *alert)
{
    const json_t *evidence = json_object_get(alert, "evidence");
    const char *from = "";

    for (size_t i = 0; i < json_array_size(evidence); i++) {
        const json_t *one = json_array_get(evidence, i);

        if (json_object_get(one, "remoteAddress") != NULL) {
            put_flow(out, one, text_of(alert, "deviceId"));
            return;
        }
        if (from[0] == '\0') {
            from = text_of(one, "address");
            from = from[0] != '\0' ? from : text_of(one, "callerAddress");
        }
    }
    put_address(out, true, from);
    put_address(out, false, text_of(json_object_get(alert, "indicator"), "value"));
}

/* ---- The message ---- */

static int severity_of(const char *severity)
{
    static const int severities[] = {1, 3, 6, 8}; /* Low to 3, Medium to 6, High to 8 */
    const int rank = vd_severity_rank(severity);

    return severities[rank >= 0 ? rank : 0];
}

static void put_techniques(struct vd_buf *out, const json_t *techniques)
{
    struct vd_buf ids = {0};

    for (size_t i = 0; i < json_array_size(techniques); i++) {
        vd_buf_printf(&ids, "%s%s", i > 0 ? "," : "", text_of(json_array_get(techniques, i), "id"));
    }
    if (ids.length > 0) {
        put_labelled(out, "cs6", "techniques", (const char *)ids.data, CUSTOM_MAX);
    }
    out->error = out->error == VD_OK ? ids.error : out->error;
    vd_buf_release(&ids);
}

static void put_extension(const struct vd_outbox_item *item, struct vd_buf *out)
{
    const json_t *alert = item->alert;

    put_time(out, "rt", text_of(alert, "timeGenerated"));
    put_time(out, "start", text_of(alert, "startTime"));
    put_time(out, "end", text_of(alert, "endTime"));
    put_number(out, "cnt", json_integer_value(json_object_get(alert, "count")));
    put(out, "externalId", text_of(alert, "id"), EXTERNAL_MAX);
    put(out, "act", vd_outbox_what_text(item->what), ACTION_MAX);
    put(out, "deviceExternalId", text_of(alert, "deviceId"), DEVICE_MAX);
    put(out, "dvchost", text_of(alert, "deviceId"), DVCHOST_MAX);
    put_network(out, alert);
    put_labelled(out, "cs1", "deliveryId", item->id, CUSTOM_MAX);
    put_labelled(out, "cs2", "possiblyRepeatOf", item->repeat_of, CUSTOM_MAX);
    put_labelled(out, "cs3", "cause", text_of(alert, "cause"), CUSTOM_MAX);
    put_labelled(out, "cs4", "status", text_of(alert, "status"), CUSTOM_MAX);
    put_labelled(out, "cs5", "indicatorSource",
        text_of(json_object_get(alert, "indicator"), "source"), CUSTOM_MAX);
    put_techniques(out, json_object_get(alert, "techniques"));
    put_labelled(out, "flexString1", "subject", text_of(alert, "subject"), FLEX_MAX);
    put_labelled(out, "flexString2", "module", text_of(alert, "moduleId"), FLEX_MAX);
    vd_buf_append_text(out, "cn1Label=sequence ");
    put_number(out, "cn1", (json_int_t)item->sequence);
    put(out, "msg", text_of(alert, "description"), MESSAGE_MAX);
}

int vd_notify_cef(const struct vd_outbox_item *item, struct vd_buf *out)
{
    vd_buf_append_text(out, "CEF:0|Vedette|Security Center|" VD_VERSION "|");
    put_header(out, text_of(item->alert, "alertType"));
    put_header(out, text_of(item->alert, "displayName"));
    vd_buf_printf(out, "%d|", severity_of(text_of(item->alert, "severity")));
    put_extension(item, out);
    if (out->error == VD_OK) {
        out->length--; /* the blank behind the last value */
    }
    return out->error;
}
