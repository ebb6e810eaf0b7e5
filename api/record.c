/* SPDX-License-Identifier: MIT */
/* Hands records to the hub, or appends them itself. */

#include "api/record.h"

#include "lib/log.h"

static int append(struct vd_event_log *log, const struct vd_event *event)
{
    struct vd_event_batch batch = {0};
    uint64_t first = 0;
    int error = vd_event_batch_add(&batch, event);

    if (error == VD_OK) {
        error = vd_event_log_append(log, 0, &batch, &first);
    }
    vd_event_batch_release(&batch);
    return error;
}

void vd_record_event(const struct vd_recorder *recorder, const struct vd_event *event)
{
    int error;

    if (recorder == NULL) {
        return;
    }
    if (recorder->bus != NULL && recorder->bus->ops->record != NULL) {
        /* What the hub loses it counts. */
        (void)!recorder->bus->ops->record(recorder->bus, event);
    } else if (recorder->log != NULL) {
        error = append(recorder->log, event);
        if (error != VD_OK) {
            vd_log(VD_LOG_ERROR, "api.record_lost", "reason=\"%s\"", vd_error_text(error));
        }
    }
}

void vd_record_operation(const struct vd_recorder *recorder, const struct vd_operation *operation)
{
    struct vd_buf body = {0};
    struct vd_event event;

    if (recorder == NULL) {
        return;
    }
    if (vd_operation_event(operation, recorder->resource_id, &body, &event) == VD_OK) {
        vd_record_event(recorder, &event);
    } else {
        vd_log(VD_LOG_ERROR, "api.record_lost", "reason=\"%s\"", vd_error_text(VD_E_NOMEM));
    }
    vd_buf_release(&body);
}

void vd_record_endings(
    const struct vd_recorder *recorder, const char *protocol, struct vd_c2d_endings *endings)
{
    for (size_t i = 0; recorder != NULL && i < endings->count; i++) {
        char expiry[VD_TIME_TEXT_SIZE];
        struct vd_operation operation;

        if (vd_operation_of_ending(&endings->items[i], expiry, &operation)) {
            operation.protocol = protocol;
            vd_record_operation(recorder, &operation);
        }
    }
    vd_c2d_endings_release(endings);
}
