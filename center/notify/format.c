/* SPDX-License-Identifier: MIT */
/* The forms of a notification. */

#include "center/notify/format.h"
#include "center/alert_query.h"

#include <stdlib.h>
#include <string.h>

#include "center/notify/cef.h"
#include "lib/clock.h"

bool vd_notify_format_parse(const char *name, enum vd_notify_format *format)
{
    if (strcmp(name, "vedette") == 0) {
        *format = VD_NOTIFY_VEDETTE;
    } else if (strcmp(name, "ocsf") == 0) {
        *format = VD_NOTIFY_OCSF;
    } else if (strcmp(name, "cef") == 0) {
        *format = VD_NOTIFY_CEF;
    } else {
        return false;
    }
    return true;
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

/* A copy; NULL: no memory. */
static json_t *alert_with_query(const struct vd_outbox_item *item)
{
    json_t *alert = json_copy(item->alert);

    if (alert != NULL) {
        vd_alert_add_query(alert);
    }
    return alert;
}

static json_t *own_json(const struct vd_outbox_item *item)
{
    char time[VD_TIME_TEXT_SIZE];

    vd_time_format(item->time_ms, time);
    return json_pack("{s:s, s:s?, s:I, s:s, s:s, s:o}", "id", item->id, "possiblyRepeatOf",
        item->repeat_of[0] != '\0' ? item->repeat_of : NULL, "sequence", (json_int_t)item->sequence,
        "what", vd_outbox_what_text(item->what), "time", time, "alert", alert_with_query(item));
}

/* ---- OCSF ---- */

static json_int_t ms_of(const json_t *alert, const char *name)
{
    int64_t ms = 0;

    (void)!vd_time_parse(text_of(alert, name), &ms);
    return (json_int_t)ms;
}

static int severity_id(const char *severity)
{
    return vd_severity_rank(severity) >= 0 ? vd_severity_rank(severity) + 1 : 0;
}

static int status_id(const char *status)
{
    static const char *const states[] = {"New", "InProgress", "Dismissed", "Resolved"};

    for (int i = 0; i < 4; i++) {
        if (strcmp(states[i], status) == 0) {
            return i + 1; /* New, In Progress, Suppressed, Resolved */
        }
    }
    return 0;
}

static int activity_id(const struct vd_outbox_item *item)
{
    const int status = status_id(text_of(item->alert, "status"));

    if (item->what == VD_OUTBOX_RAISED || item->what == VD_OUTBOX_TEST) {
        return 1;
    }
    return status == 3 || status == 4 ? 3 : 2;
}

static json_t *attacks_json(const json_t *alert)
{
    const json_t *techniques = json_object_get(alert, "techniques");
    json_t *list = json_array();

    for (size_t i = 0; i < json_array_size(techniques); i++) {
        const json_t *one = json_array_get(techniques, i);

        json_array_append_new(list,
            json_pack("{s:s, s:{s:s, s:s}}", "version", text_of(one, "version"), "technique", "uid",
                text_of(one, "id"), "name", text_of(one, "name")));
    }
    return list;
}

static json_t *evidences_json(const json_t *alert)
{
    const json_t *evidence = json_object_get(alert, "evidence");
    json_t *list = json_array();

    for (size_t i = 0; i < json_array_size(evidence); i++) {
        json_array_append_new(list, json_pack("{s:O}", "data", json_array_get(evidence, i)));
    }
    return list;
}

/* The device or, of an alert about the hub, what it is about. */
static json_t *resources_json(const json_t *alert)
{
    const char *device = text_of(alert, "deviceId");
    const bool of_device = device[0] != '\0';

    return json_pack("[{s:s, s:s, s:s}]", "uid", of_device ? device : text_of(alert, "subject"),
        "name", of_device ? device : text_of(alert, "subject"), "type",
        of_device ? "IoT Device" : "IoT Hub");
}

static json_t *observables_json(const json_t *alert)
{
    const char *indicator = text_of(json_object_get(alert, "indicator"), "value");
    json_t *list = json_array();

    if (text_of(alert, "deviceId")[0] != '\0') {
        json_array_append_new(list,
            json_pack("{s:s, s:i, s:s, s:s}", "name", "resources.uid", "type_id", 10, "type",
                "Resource UID", "value", text_of(alert, "deviceId")));
    }
    if (indicator[0] != '\0') {
        json_array_append_new(list,
            json_pack("{s:s, s:i, s:s, s:s}", "name", "evidences.data.remoteAddress", "type_id", 2,
                "type", "IP Address", "value", indicator));
    }
    return list;
}

static json_t *remediation_json(const json_t *alert)
{
    const json_t *steps = json_object_get(alert, "remediationSteps");
    struct vd_buf text = {0};
    json_t *json;

    for (size_t i = 0; i < json_array_size(steps); i++) {
        vd_buf_printf(&text, "%s%s", i > 0 ? " " : "", json_string_value(json_array_get(steps, i)));
    }
    json = json_pack("{s:s%}", "desc", text.length > 0 ? (const char *)text.data : "", text.length);
    vd_buf_release(&text);
    return json;
}

static json_t *finding_json(const json_t *alert)
{
    const char *type = text_of(alert, "alertType");

    return json_pack("{s:s, s:s, s:s, s:[s], s:I, s:I, s:I, s:{s:s, s:s, s:i, s:s}, s:o}", "uid",
        text_of(alert, "id"), "title", text_of(alert, "displayName"), "desc",
        text_of(alert, "description"), "types", type, "created_time", ms_of(alert, "timeGenerated"),
        "first_seen_time", ms_of(alert, "startTime"), "last_seen_time", ms_of(alert, "endTime"),
        "analytic", "uid", type, "name", text_of(alert, "displayName"), "type_id", 1, "type",
        "Rule", "attacks", attacks_json(alert));
}

static json_t *ocsf_json(const struct vd_outbox_item *item)
{
    static const char *const activities[] = {"Unknown", "Create", "Update", "Close"};
    static const char *const statuses[] = {
        "Unknown", "New", "In Progress", "Suppressed", "Resolved"};
    const json_t *alert = item->alert;
    const int activity = activity_id(item);
    const int status = status_id(text_of(alert, "status"));

    return json_pack(
        "{s:i, s:s, s:i, s:s, s:i, s:s, s:i, s:I, s:i, s:s, s:i, s:s, s:O, s:s,"
        " s:{s:s, s:s, s:{s:s, s:s, s:s}}, s:o, s:o, s:o, s:o, s:o, s:{s:s?, s:s, s:I}}",
        "class_uid", 2004, "class_name", "Detection Finding", "category_uid", 2, "category_name",
        "Findings", "activity_id", activity, "activity_name", activities[activity], "type_uid",
        200400 + activity, "time", (json_int_t)item->time_ms, "severity_id",
        severity_id(text_of(alert, "severity")), "severity", text_of(alert, "severity"),
        "status_id", status, "status", statuses[status], "count", json_object_get(alert, "count"),
        "message", text_of(alert, "description"), "metadata", "version", VD_OCSF_VERSION, "uid",
        item->id, "product", "name", "Vedette", "vendor_name", "Vedette", "version", VD_VERSION,
        "finding_info", finding_json(alert), "evidences", evidences_json(alert), "resources",
        resources_json(alert), "observables", observables_json(alert), "remediation",
        remediation_json(alert), "unmapped", "possiblyRepeatOf",
        item->repeat_of[0] != '\0' ? item->repeat_of : NULL, "what",
        vd_outbox_what_text(item->what), "sequence", (json_int_t)item->sequence);
}

static int append_json(json_t *json, struct vd_buf *out)
{
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
    const int error = text != NULL ? VD_OK : VD_E_NOMEM;

    if (text != NULL) {
        vd_buf_append_text(out, text);
    }
    free(text);
    json_decref(json);
    return error != VD_OK ? error : out->error;
}

int vd_notify_format(
    const struct vd_outbox_item *item, enum vd_notify_format format, struct vd_buf *out)
{
    switch (format) {
    case VD_NOTIFY_CEF:
        return vd_notify_cef(item, out);
    case VD_NOTIFY_OCSF:
        return append_json(ocsf_json(item), out);
    case VD_NOTIFY_VEDETTE:
        break;
    }
    return append_json(own_json(item), out);
}
