/* SPDX-License-Identifier: MIT */
/* Reads dead letters, with their bodies in a form that can be shown, and deletes them. */

#include "center/store/letters.h"

#include "center/limits.h"
#include "center/store/alert_store_internal.h"
#include "center/store/rows.h"
#include "lib/clock.h"
#include "lib/json_text.h"
#include "lib/url.h"

#define COLUMNS                                                                                   \
    "offset, enqueued_ms, device_id, module_id, address, kind, over_https, reason, length(body)," \
    " replay_state, replay_offset, replayed_ms, replay_reason, replay_events, replay_duplicates"

/* ?1 device, ?2 reason, ?3 from, ?4 before, ?5 whether only those that are open. */
#define CONDITION                                                               \
    " (?1 IS NULL OR device_id = ?1) AND (?2 IS NULL OR instr(reason, ?2) > 0)" \
    " AND offset >= ?3 AND offset < ?4 AND (?5 = 0 OR replay_state <> 'Taken')"

static const struct vd_letter_filter all = {0};

static void bind_filter(sqlite3_stmt *s, const struct vd_letter_filter *filter)
{
    sqlite3_bind_text(s, 1, filter->device_id, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 2, filter->reason, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 3, (int64_t)filter->from);
    sqlite3_bind_int64(s, 4, filter->before != 0 ? (int64_t)filter->before : INT64_MAX);
    sqlite3_bind_int(s, 5, filter->only_open ? 1 : 0);
}

/* ---- As JSON ---- */

static const char *kind_text(int kind)
{
    return kind == VD_EVENT_OPERATION ? "Operation"
        : kind == VD_EVENT_ACTIVITY   ? "Activity"
                                      : "Security";
}

static json_t *replay_json(sqlite3_stmt *s)
{
    const char *state = (const char *)sqlite3_column_text(s, 9);
    char time[VD_TIME_TEXT_SIZE];
    json_t *json;

    if (state == NULL || state[0] == '\0') {
        return json_null();
    }
    vd_time_format(sqlite3_column_int64(s, 11), time);
    json = json_pack("{s:s, s:I, s:s}", "status", state, "offset",
        (json_int_t)sqlite3_column_int64(s, 10), "time", time);
    if (strcmp(state, "Refused") == 0) {
        json_object_set_new(json, "reason", vd_sqlite_json_text(s, 12));
    } else {
        json_object_set_new(json, "events", json_integer(sqlite3_column_int64(s, 13)));
        json_object_set_new(json, "duplicates", json_integer(sqlite3_column_int64(s, 14)));
    }
    return json;
}

/* What a list says of the letter in the row; NULL without memory. */
static json_t *letter_json(sqlite3_stmt *s)
{
    const int kind = sqlite3_column_int(s, 5);
    const char *protocol = kind != VD_EVENT_SECURITY ? NULL
        : sqlite3_column_int(s, 6) != 0              ? "HTTPS"
                                                     : "MQTT";
    char time[VD_TIME_TEXT_SIZE];

    vd_time_format(sqlite3_column_int64(s, 1), time);
    return json_pack("{s:I, s:s, s:o, s:o, s:o, s:s, s:s?, s:o, s:I, s:o}", "offset",
        (json_int_t)sqlite3_column_int64(s, 0), "time", time, "deviceId", vd_sqlite_json_text(s, 2),
        "moduleId", vd_sqlite_json_text(s, 3), "address", vd_sqlite_json_text(s, 4), "kind",
        kind_text(kind), "protocol", protocol, "reason", vd_sqlite_json_text(s, 7), "bodyBytes",
        (json_int_t)sqlite3_column_int64(s, 8), "replay", replay_json(s));
}

int vd_letters_list(
    struct vd_alert_store *store, const struct vd_letter_filter *filter, json_t **letters)
{
    const struct vd_letter_filter *f = filter != NULL ? filter : &all;
    sqlite3_stmt *s = vd_rows_begin(store,
        f->oldest_first ? "SELECT " COLUMNS " FROM dead_letters WHERE" CONDITION
                          " ORDER BY offset LIMIT ?6"
                        : "SELECT " COLUMNS " FROM dead_letters WHERE" CONDITION
                          " ORDER BY offset DESC LIMIT ?6");

    bind_filter(s, f);
    sqlite3_bind_int64(s, 6, f->limit != 0 ? f->limit : VD_DEAD_LETTERS_MAX);
    return vd_rows_end(store, s, letter_json, letters);
}

int vd_letters_count(struct vd_alert_store *store, const struct vd_letter_filter *filter,
    uint64_t *count, uint64_t *open)
{
    sqlite3_stmt *s = NULL;
    int code;

    pthread_mutex_lock(&store->read_mutex);
    code = sqlite3_prepare_v2(store->reader,
        "SELECT count(*), count(*) FILTER (WHERE replay_state <> 'Taken') FROM dead_letters"
        " WHERE" CONDITION,
        -1, &s, NULL);
    if (code == SQLITE_OK) {
        bind_filter(s, filter);
        code = sqlite3_step(s);
    }
    if (code == SQLITE_ROW) {
        *count = (uint64_t)sqlite3_column_int64(s, 0);
        *open = (uint64_t)sqlite3_column_int64(s, 1);
    }
    sqlite3_finalize(s);
    pthread_mutex_unlock(&store->read_mutex);
    return vd_sqlite_error(code);
}

/* ---- One letter ---- */

static json_t *properties_json(struct vd_str bag)
{
    struct vd_bag walk = {bag, 0};
    struct vd_str name;
    struct vd_str value;
    json_t *json = json_object();
    int error;

    while ((error = vd_bag_next(&walk, &name, &value)) == VD_OK) {
        /* What is decoded is shorter than what was encoded. */
        char *text = malloc(name.length + value.length + 2);
        size_t name_length = 0;
        size_t value_length = 0;

        if (text != NULL && vd_url_decode(name, text, name.length, &name_length) == VD_OK) {
            text[name_length] = '\0';
            error = vd_url_decode(value, text + name.length + 1, value.length, &value_length);
            if (error == VD_OK) {
                json_object_set_new(json, text, json_stringn(text + name.length + 1, value_length));
            }
        }
        free(text);
    }
    if (error != VD_E_NOT_FOUND) {
        json_decref(json);
        return json_null();
    }
    return json;
}

static bool is_readable(struct vd_str body)
{
    for (size_t i = 0; i < body.length; i++) {
        const unsigned char c = (unsigned char)body.data[i];

        if (c < 0x20 && c != '\t' && c != '\n' && c != '\r') {
            return false;
        }
    }
    return vd_utf8_is_valid(body);
}

static json_t *hex_json(struct vd_str body)
{
    static const char digits[] = "0123456789abcdef";
    char *text = malloc(2 * body.length + 1);
    json_t *json = NULL;

    if (text != NULL) {
        for (size_t i = 0; i < body.length; i++) {
            text[2 * i] = digits[(unsigned char)body.data[i] >> 4];
            text[2 * i + 1] = digits[(unsigned char)body.data[i] & 15];
        }
        json = json_stringn(text, 2 * body.length);
    }
    free(text);
    return json;
}

/* Adds "bodyForm" and "body". */
static int add_body(json_t *letter, struct vd_str body, enum vd_letter_form form)
{
    static const char *const names[] = {"", "json", "text", "hex"};
    json_t *value = NULL;

    if (form == VD_LETTER_AUTO || form == VD_LETTER_JSON) {
        value = json_loadb(body.data, body.length, 0, NULL);
        form = form == VD_LETTER_JSON || value != NULL ? VD_LETTER_JSON
            : is_readable(body)                        ? VD_LETTER_TEXT
                                                       : VD_LETTER_HEX;
    }
    if (form == VD_LETTER_JSON && value == NULL) {
        value = json_null();
    } else if (form == VD_LETTER_TEXT) {
        value = vd_json_text(body);
    } else if (form == VD_LETTER_HEX) {
        value = hex_json(body);
    }
    return json_object_set_new(letter, "bodyForm", json_string(names[form])) == 0 &&
            json_object_set_new(letter, "body", value) == 0
        ? VD_OK
        : VD_E_NOMEM;
}

static struct vd_str column_str(sqlite3_stmt *s, int column)
{
    const char *data = sqlite3_column_blob(s, column);

    return (struct vd_str){
        data != NULL ? data : "", data != NULL ? (size_t)sqlite3_column_bytes(s, column) : 0};
}

/* Calls `take` on the row of the letter: COLUMNS, then properties and body. */
static int with_letter(struct vd_alert_store *store, uint64_t offset,
    int (*take)(void *context, sqlite3_stmt *row), void *context)
{
    sqlite3_stmt *s = NULL;
    int error;
    int code;

    pthread_mutex_lock(&store->read_mutex);
    code = sqlite3_prepare_v2(store->reader,
        "SELECT " COLUMNS ", properties, body FROM dead_letters WHERE offset = ?1", -1, &s, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_int64(s, 1, (int64_t)offset);
        code = sqlite3_step(s);
    }
    error = code == SQLITE_ROW ? take(context, s)
        : code == SQLITE_DONE  ? VD_E_NOT_FOUND
                               : vd_sqlite_error(code);
    sqlite3_finalize(s);
    pthread_mutex_unlock(&store->read_mutex);
    return error;
}

struct showing {
    enum vd_letter_form form;
    json_t *letter;
};

static int show_row(void *context, sqlite3_stmt *row)
{
    struct showing *showing = context;
    json_t *letter = letter_json(row);
    int error = VD_E_NOMEM;

    if (letter != NULL &&
        json_object_set_new(letter, "properties", properties_json(column_str(row, 15))) == 0 &&
        json_object_set_new(letter, "propertyBag", vd_sqlite_json_text(row, 15)) == 0) {
        error = add_body(letter, column_str(row, 16), showing->form);
    }
    if (error != VD_OK) {
        json_decref(letter);
        return error;
    }
    showing->letter = letter;
    return VD_OK;
}

int vd_letters_get(
    struct vd_alert_store *store, uint64_t offset, enum vd_letter_form form, json_t **letter)
{
    struct showing showing = {form, NULL};
    int error = with_letter(store, offset, show_row, &showing);

    if (error == VD_OK) {
        *letter = showing.letter;
    }
    return error;
}

struct reading {
    struct vd_buf *text;
    struct vd_event *record;
};

static int read_row(void *context, sqlite3_stmt *row)
{
    const struct reading *reading = context;
    const struct vd_event event = {
        .kind = (enum vd_event_kind)sqlite3_column_int(row, 5),
        .over_https = sqlite3_column_int(row, 6) != 0,
        .enqueued_ms = sqlite3_column_int64(row, 1),
        .device_id = column_str(row, 2),
        .module_id = column_str(row, 3),
        .address = column_str(row, 4),
        .properties = column_str(row, 15),
        .body = column_str(row, 16),
    };
    const size_t bytes = vd_event_text_bytes(&event);
    uint8_t *text = vd_buf_reserve(reading->text, bytes > 0 ? bytes : 1);

    if (text == NULL) {
        return reading->text->error;
    }
    *reading->record = vd_event_keep(&event, (char *)text);
    reading->text->length += bytes;
    return VD_OK;
}

int vd_letters_read(
    struct vd_alert_store *store, uint64_t offset, struct vd_buf *text, struct vd_event *record)
{
    struct reading reading = {text, record};

    return with_letter(store, offset, read_row, &reading);
}

/* ---- Letting go ---- */

int vd_letters_delete(
    struct vd_alert_store *store, const struct vd_letter_filter *filter, uint64_t *count)
{
    sqlite3_stmt *s = NULL;
    int error;
    int code;

    pthread_mutex_lock(&store->write_mutex);
    code =
        sqlite3_prepare_v2(store->writer, "DELETE FROM dead_letters WHERE" CONDITION, -1, &s, NULL);
    if (code == SQLITE_OK) {
        bind_filter(s, filter);
        code = sqlite3_step(s);
    }
    sqlite3_finalize(s);
    error = vd_sqlite_error(code);
    if (error == VD_OK) {
        *count = (uint64_t)sqlite3_changes(store->writer);
        error = vd_alert_letters_recount(store);
    }
    pthread_mutex_unlock(&store->write_mutex);
    return error;
}
