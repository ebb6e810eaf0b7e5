/* SPDX-License-Identifier: MIT */
/* Messages that could not be read: lists, one with its body, once more through the log, and letting them go. */

#include "api/handlers.h"
#include "center/store/letters.h"
#include "lib/log.h"

#define LIMIT_MAX 100000
/* Letters that one request has read again, and bytes of them: the hub keeps 8 MiB of records that wait for the disk. */
#define REPLAYS_MAX       100
#define REPLAYS_MAX_BYTES (2U << 20)

/* The parameters that choose letters. False: answered. */
static bool read_filter(const struct vd_api_args *args, int64_t limit_fallback,
    struct vd_letter_filter *filter, struct vd_api_answer *answer)
{
    int64_t before = 0;
    int64_t from = 0;
    int64_t limit = 0;

    if (!vd_api_param_number(args, "before", INT64_MAX, 0, &before, answer) ||
        !vd_api_param_number(args, "from", INT64_MAX, 0, &from, answer) ||
        !vd_api_param_number(args, "limit", LIMIT_MAX, limit_fallback, &limit, answer)) {
        return false;
    }
    *filter = (struct vd_letter_filter){
        .device_id = vd_api_param(args, "device"),
        .reason = vd_api_param(args, "reason"),
        .before = (uint64_t)before,
        .from = (uint64_t)from,
        .limit = (uint32_t)limit,
    };
    return true;
}

/* The {id} of the path. False: answered. */
static bool read_offset(
    const struct vd_api_args *args, uint64_t *offset, struct vd_api_answer *answer)
{
    char *end = NULL;
    const bool is_number = args->id[0] >= '0' && args->id[0] <= '9' && strlen(args->id) <= 18;
    const unsigned long long value = is_number ? strtoull(args->id, &end, 10) : 0;

    if (!is_number || *end != '\0') {
        vd_api_fail(answer, 400, "InvalidPath", "a dead letter is named by its offset, a number");
        return false;
    }
    *offset = value;
    return true;
}

void vd_api_dead_letter_list(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    struct vd_letter_filter filter;
    json_t *letters = NULL;
    uint64_t count = 0;
    uint64_t open = 0;
    int error;

    if (!read_filter(args, 1000, &filter, answer)) {
        return;
    }
    error = vd_letters_list(api->alerts, &filter, &letters);
    filter.before = 0;
    filter.from = 0;
    if (error == VD_OK) {
        error = vd_letters_count(api->alerts, &filter, &count, &open);
    }
    if (error != VD_OK) {
        json_decref(letters);
        vd_api_fail_error(answer, error, "the dead letters");
        return;
    }
    vd_api_reply(answer, 200,
        json_pack("{s:o, s:I, s:I}", "deadLetters", letters, "count", (json_int_t)count, "open",
            (json_int_t)open));
}

/* False: answered. */
static bool read_form(
    const struct vd_api_args *args, enum vd_letter_form *form, struct vd_api_answer *answer)
{
    static const char *const names[] = {
        [VD_LETTER_AUTO] = "auto",
        [VD_LETTER_JSON] = "json",
        [VD_LETTER_TEXT] = "text",
        [VD_LETTER_HEX] = "hex",
    };
    const char *text = vd_api_param(args, "body");

    *form = VD_LETTER_AUTO;
    for (size_t i = 0; text != NULL && i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], text) == 0) {
            *form = (enum vd_letter_form)i;
            return true;
        }
    }
    if (text != NULL) {
        vd_api_fail(answer, 400, "InvalidParameter", "body is to be auto, json, text or hex");
    }
    return text == NULL;
}

void vd_api_dead_letter_get(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    enum vd_letter_form form;
    uint64_t offset;
    json_t *letter = NULL;
    int error;

    if (!read_offset(args, &offset, answer) || !read_form(args, &form, answer)) {
        return;
    }
    error = vd_letters_get(api->alerts, offset, form, &letter);
    if (error != VD_OK) {
        vd_api_fail_error(answer, error, "the dead letter");
        return;
    }
    vd_api_reply(answer, 200, letter);
}

/* ---- Once more ---- */

/* Behind what is in the log: by the hub that writes it, or right into it where none runs. */
static int append(const struct vd_api *api, const struct vd_event *replay)
{
    struct vd_event_batch batch = {0};
    uint64_t offset;
    int error;

    if (api->bus != NULL) {
        return api->bus->ops->record != NULL ? api->bus->ops->record(api->bus, replay)
                                             : VD_E_UNSUPPORTED;
    }
    error = vd_event_batch_add(&batch, replay);
    if (error == VD_OK) {
        error = vd_event_log_append(api->log, 0, &batch, &offset);
    }
    vd_event_batch_release(&batch);
    return error;
}

/* *bytes: of its body. */
static int replay_letter(const struct vd_api *api, uint64_t offset, size_t *bytes)
{
    struct vd_buf text = {0};
    struct vd_buf body = {0};
    struct vd_event record;
    struct vd_event replay;
    int error = vd_letters_read(api->alerts, offset, &text, &record);

    if (error == VD_OK) {
        *bytes = record.body.length;
        error = vd_replay_write(&record, offset, &body, &replay);
    }
    if (error == VD_OK) {
        error = append(api, &replay);
    }
    vd_buf_release(&body);
    vd_buf_release(&text);
    return error;
}

static bool is_taken(const json_t *letter)
{
    const char *status =
        json_string_value(json_object_get(json_object_get(letter, "replay"), "status"));

    return status != NULL && strcmp(status, "Taken") == 0;
}

static void reply_queued(
    const struct vd_api *api, uint64_t count, const json_t *next, struct vd_api_answer *answer)
{
    vd_log(VD_LOG_INFO, "center.replay", "letters=%llu", (unsigned long long)count);
    vd_api_reply(answer, 202,
        json_pack("{s:I, s:b, s:O?}", "queued", (json_int_t)count, "isRunning",
            (int)(api->bus != NULL), "next", next));
}

void vd_api_dead_letter_replay(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    uint64_t offset;
    size_t bytes;
    json_t *letter = NULL;
    int error;

    if (!read_offset(args, &offset, answer)) {
        return;
    }
    error = vd_letters_get(api->alerts, offset, VD_LETTER_JSON, &letter);
    if (error == VD_OK && is_taken(letter)) {
        vd_api_fail(answer, 409, "AlreadyTaken", "a replay has taken this letter");
        json_decref(letter);
        return;
    }
    json_decref(letter);
    if (error == VD_OK) {
        error = replay_letter(api, offset, &bytes);
    }
    if (error != VD_OK) {
        vd_api_fail_state(answer, error, "the dead letter");
        return;
    }
    reply_queued(api, 1, NULL, answer);
}

/* Replays the letters one by one, until enough wait. *next: the offset to go on from; NULL: none is left. */
static int replay_letters(
    const struct vd_api *api, json_t *letters, uint64_t *count, const json_t **next)
{
    size_t total = 0;
    size_t i;
    json_t *letter;

    json_array_foreach(letters, i, letter)
    {
        const json_t *offset = json_object_get(letter, "offset");
        size_t bytes = 0;
        int error = VD_OK;

        if (i < REPLAYS_MAX && total < REPLAYS_MAX_BYTES) {
            error = replay_letter(api, (uint64_t)json_integer_value(offset), &bytes);
        }
        if (i == REPLAYS_MAX || total >= REPLAYS_MAX_BYTES || (error == VD_E_LIMIT && i > 0)) {
            *next = offset;
            return VD_OK;
        }
        if (error != VD_OK && error != VD_E_NOT_FOUND) { /* deleted meanwhile */
            return error;
        }
        total += bytes;
        *count += error == VD_OK ? 1 : 0;
    }
    return VD_OK;
}

void vd_api_dead_letter_replay_all(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    struct vd_letter_filter filter;
    json_t *letters = NULL;
    const json_t *next = NULL;
    uint64_t count = 0;
    int error;

    if (!read_filter(args, 0, &filter, answer)) {
        return;
    }
    filter.only_open = true;
    filter.oldest_first = true;
    filter.limit = REPLAYS_MAX + 1;
    error = vd_letters_list(api->alerts, &filter, &letters);
    if (error == VD_OK) {
        error = replay_letters(api, letters, &count, &next);
    }
    if (error != VD_OK) {
        vd_api_fail_state(answer, error, "the dead letters");
    } else {
        reply_queued(api, count, next, answer);
    }
    json_decref(letters);
}

/* ---- Letting go ---- */

void vd_api_dead_letter_delete(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    struct vd_letter_filter filter = {0};
    uint64_t offset;
    uint64_t count = 0;
    int error;

    if (!read_offset(args, &offset, answer)) {
        return;
    }
    filter.from = offset;
    filter.before = offset + 1;
    error = vd_letters_delete(api->alerts, &filter, &count);
    if (error == VD_OK && count == 0) {
        error = VD_E_NOT_FOUND;
    }
    if (error != VD_OK) {
        vd_api_fail_error(answer, error, "the dead letter");
        return;
    }
    vd_log(
        VD_LOG_INFO, "center.letters_deleted", "offset=%llu letters=1", (unsigned long long)offset);
    vd_api_reply(answer, 204, NULL);
}

void vd_api_dead_letter_delete_all(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    const char *all = vd_api_param(args, "all");
    struct vd_letter_filter filter;
    uint64_t count = 0;
    int error;

    if (!read_filter(args, 0, &filter, answer)) {
        return;
    }
    if (filter.device_id == NULL && filter.reason == NULL &&
        (all == NULL || strcmp(all, "true") != 0)) {
        vd_api_fail(answer, 400, "InvalidParameter",
            "which letters? device and reason choose some, all=true all of them");
        return;
    }
    error = vd_letters_delete(api->alerts, &filter, &count);
    if (error != VD_OK) {
        vd_api_fail_error(answer, error, "the dead letters");
        return;
    }
    vd_log(VD_LOG_INFO, "center.letters_deleted", "letters=%llu", (unsigned long long)count);
    vd_api_reply(answer, 200, json_pack("{s:I}", "deleted", (json_int_t)count));
}
