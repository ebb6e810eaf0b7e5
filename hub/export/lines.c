/* SPDX-License-Identifier: MIT */
/* Makes lines of JSON of the event log's records. */

#include "hub/export/lines.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "hub/export/places.h"

static bool is_picked(const struct vd_export_pick *pick, const json_t *record)
{
    const char *name = json_string_value(json_object_get(record, "category"));
    const enum vd_operation_category category =
        name != NULL ? vd_operation_category_find(name) : VD_OPERATION_CATEGORIES_END;

    return category != VD_OPERATION_CATEGORIES_END &&
        (pick->categories & (UINT32_C(1) << category)) != 0;
}

/* The record with its id as one line; the caller's, NULL without memory. */
static char *line_of(json_t *record, const char *epoch, uint64_t offset)
{
    char id[VD_RECORD_ID_SIZE];

    vd_record_id_format(epoch, offset, id);
    if (json_object_set_new(record, "recordId", json_string(id)) != 0) {
        return NULL;
    }
    return json_dumps(record, JSON_COMPACT);
}

/* False: the line must wait for the next batch. */
static bool fits(
    const struct vd_export_lines *lines, const struct vd_export_pick *pick, size_t length)
{
    return lines->count == 0 ||
        (lines->count < pick->count_max && length < pick->bytes_max &&
            lines->text.length <= pick->bytes_max - length);
}

/* *is_full: the record was left. */
static int add(struct vd_export_lines *lines, const struct vd_export_pick *pick,
    const struct vd_event *event, bool *is_full)
{
    json_t *record = json_loadb(event->body.data, event->body.length, 0, NULL);
    char *line = NULL;
    int error = VD_OK;

    if (!json_is_object(record)) {
        lines->unreadable++;
    } else if (is_picked(pick, record)) {
        line = line_of(record, pick->epoch, lines->next);
        error = line != NULL ? VD_OK : VD_E_NOMEM;
    }
    if (line != NULL && !fits(lines, pick, strlen(line) + 1)) {
        *is_full = true;
    } else if (line != NULL) {
        vd_buf_append_text(&lines->text, line);
        vd_buf_append(&lines->text, "\n", 1);
        lines->count++;
        error = lines->text.error;
    }
    free(line);
    json_decref(record);
    return error;
}

int vd_export_lines_make(struct vd_export_lines *lines, const struct vd_export_pick *pick,
    const struct vd_event_batch *batch, uint64_t first)
{
    struct vd_reader reader;
    struct vd_event event;
    bool is_full = false;
    int error;

    vd_buf_clear(&lines->text);
    lines->count = 0;
    lines->unreadable = 0;
    lines->next = first;
    vd_reader_init(&reader, batch->bytes.data, batch->bytes.length);
    while ((error = vd_event_next(&reader, &event)) == VD_OK) {
        if (event.kind == VD_EVENT_OPERATION) {
            error = add(lines, pick, &event, &is_full);
        }
        if (error != VD_OK || is_full) {
            break;
        }
        lines->next++;
    }
    return error == VD_E_NOT_FOUND ? VD_OK : error;
}
