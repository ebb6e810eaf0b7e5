/* SPDX-License-Identifier: MIT */
/* Writes records of the activity log. */

#include "api/activity.h"

#include <jansson.h>

#include "lib/clock.h"
#include "lib/log.h"

/* Adds text that is there and that JSON can hold. */
static void set_text(json_t *object, const char *name, const char *text)
{
    if (text != NULL) {
        (void)json_object_set_new(object, name, json_string(text));
    }
}

/* The properties as text; the caller's, NULL without memory. */
static char *properties_text(const struct vd_activity *activity)
{
    json_t *properties = json_object();
    char *text;

    set_text(properties, "reason", activity->reason);
    set_text(properties, "details", activity->details);
    text = json_dumps(properties, JSON_COMPACT);
    json_decref(properties);
    return text;
}

static json_t *http_request_json(const struct vd_activity *activity)
{
    json_t *request = json_object();

    set_text(request, "clientIpAddress", activity->address);
    set_text(request, "method", activity->method);
    return request;
}

/* The hub's id, and what is below it; the caller's. */
static char *resource_text(const struct vd_recorder *recorder, const struct vd_activity *activity)
{
    struct vd_buf text = {0};

    vd_buf_append_text(&text, recorder->resource_id);
    if (activity->resource != NULL) {
        vd_buf_printf(&text, "/%s", activity->resource);
    }
    vd_buf_append(&text, "", 1);
    if (text.error != VD_OK) {
        vd_buf_release(&text);
    }
    return (char *)text.data;
}

/* The record as text; the caller's, NULL without memory. */
static char *record_text(const struct vd_recorder *recorder, const struct vd_activity *activity,
    int status_code, int64_t time_ms)
{
    const bool failed = status_code >= 400;
    char *resource = resource_text(recorder, activity);
    char *properties = properties_text(activity);
    json_t *record = json_object();
    char time[VD_TIME_TEXT_SIZE];
    char *text = NULL;

    if (resource != NULL && properties != NULL) {
        vd_time_format(time_ms, time);
        set_text(record, "time", time);
        set_text(record, "resourceId", resource);
        set_text(record, "operationName", activity->operation_name);
        set_text(record, "category", "Administrative");
        set_text(record, "level", failed ? "Error" : "Information");
        set_text(record, "caller", activity->caller);
        set_text(record, "callerIpAddress", activity->address);
        set_text(record, "status", failed ? "Failed" : "Succeeded");
        (void)json_object_set_new(record, "statusCode", json_integer(status_code));
        (void)json_object_set_new(record, "httpRequest", http_request_json(activity));
        set_text(record, "properties", properties);
        text = json_dumps(record, JSON_COMPACT);
    }
    json_decref(record);
    free(properties);
    free(resource);
    return text;
}

void vd_activity_record(
    const struct vd_recorder *recorder, const struct vd_activity *activity, int status_code)
{
    const int64_t time_ms = activity->time_ms != 0 ? activity->time_ms : vd_clock_utc_ms();
    char *text = recorder != NULL ? record_text(recorder, activity, status_code, time_ms) : NULL;

    if (text != NULL) {
        vd_record_event(recorder,
            &(struct vd_event){
                .kind = VD_EVENT_ACTIVITY,
                .enqueued_ms = time_ms,
                .address = vd_str_from(activity->address != NULL ? activity->address : ""),
                .body = vd_str_from(text),
            });
    } else if (recorder != NULL) {
        vd_log(VD_LOG_ERROR, "api.record_lost", "reason=\"%s\"", vd_error_text(VD_E_NOMEM));
    }
    free(text);
}
