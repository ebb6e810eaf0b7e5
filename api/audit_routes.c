/* SPDX-License-Identifier: MIT */
/* The audit trail, listed and exported. */

#include "api/handlers.h"
#include "lib/audit_record.h"
#include "lib/clock.h"

/* Parameter `name` as a time; 0 if it is absent. False: answered with 400. */
static bool time_param(
    const struct vd_api_args *args, const char *name, int64_t *out, struct vd_api_answer *answer)
{
    const char *text = vd_api_param(args, name);

    *out = 0;
    if (text != NULL && text[0] != '\0' && vd_time_parse(text, out) != VD_OK) {
        vd_api_fail(answer, 400, "InvalidParameter", "%s is to be a time", name);
        return false;
    }
    return true;
}

/* NULL for one that is absent or empty. */
static const char *text_param(const struct vd_api_args *args, const char *name)
{
    const char *text = vd_api_param(args, name);

    return text != NULL && text[0] != '\0' ? text : NULL;
}

/* Whether parameter `name` is absent or one of `allowed`, which ends with NULL. False: answered with 400. */
static bool is_one_of(
    const char *name, const char *value, const char *const *allowed, struct vd_api_answer *answer)
{
    struct vd_buf names = {0};

    for (size_t i = 0; value != NULL && allowed[i] != NULL; i++) {
        if (strcmp(value, allowed[i]) == 0) {
            value = NULL;
        }
    }
    if (value == NULL) {
        return true;
    }
    for (size_t i = 0; allowed[i] != NULL; i++) {
        vd_buf_printf(&names, "%s%s",
            i == 0                       ? ""
                : allowed[i + 1] != NULL ? ", "
                                         : " or ",
            allowed[i]);
    }
    vd_api_fail(answer, 400, "InvalidParameter", "%s is to be %.*s", name, (int)names.length,
        (const char *)names.data);
    vd_buf_release(&names);
    return false;
}

void vd_api_audit_list(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    static const char *const kinds[] = {VD_AUDIT_CHANGE, VD_AUDIT_SIGN_IN, VD_AUDIT_PROGRAM, NULL};
    static const char *const outcomes[] = {
        VD_AUDIT_DONE, VD_AUDIT_REFUSED, VD_AUDIT_FAILED, VD_AUDIT_UNKNOWN, NULL};
    struct vd_audit_filter filter = {
        .who = text_param(args, "who"),
        .what = text_param(args, "what"),
        .kind = text_param(args, "kind"),
        .outcome = text_param(args, "outcome"),
    };
    int64_t limit;
    int64_t before;
    json_t *records = NULL;
    uint64_t next = 0;
    int error;

    if (!is_one_of("kind", filter.kind, kinds, answer) ||
        !is_one_of("outcome", filter.outcome, outcomes, answer) ||
        !vd_api_param_number(args, "limit", VD_AUDIT_LIST_MAX, 0, &limit, answer) ||
        !vd_api_param_number(args, "before", INT64_MAX, 0, &before, answer) ||
        !time_param(args, "from", &filter.from_ms, answer) ||
        !time_param(args, "to", &filter.to_ms, answer)) {
        return;
    }
    filter.limit = (uint32_t)limit;
    filter.before = (uint64_t)before;
    error = vd_audit_list(api->audit, &filter, &records, &next);
    if (error == VD_OK) {
        vd_api_reply(
            answer, 200, json_pack("{s:o, s:I}", "records", records, "next", (json_int_t)next));
    } else {
        vd_api_fail_error(answer, error, "the audit trail");
    }
}

void vd_api_audit_get(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    json_t *record = NULL;
    char *end = NULL;
    const unsigned long long sequence = strtoull(args->id, &end, 10);
    const bool is_number = args->id[0] >= '0' && args->id[0] <= '9' && *end == '\0' &&
        sequence > 0 && sequence < INT64_MAX;
    const int error = is_number ? vd_audit_get(api->audit, sequence, &record) : VD_E_NOT_FOUND;

    if (error == VD_OK) {
        vd_api_reply(answer, 200, record);
    } else {
        vd_api_fail_error(answer, error, "the record");
    }
}

static void export_head(const struct vd_api *api, int64_t since_ms, struct vd_api_answer *answer)
{
    struct vd_buf line = {0};
    uint64_t from = 0;
    uint64_t to = 0;
    const int error = vd_audit_export_head(api->audit, since_ms, &line, &from, &to);

    if (error == VD_OK) {
        vd_api_reply(answer, 200,
            json_pack("{s:s%, s:I, s:I}", "head", line.data, line.length, "from", (json_int_t)from,
                "to", (json_int_t)to));
    } else {
        vd_api_fail_error(answer, error, "the audit trail");
    }
    vd_buf_release(&line);
}

static void export_lines(
    const struct vd_api *api, uint64_t from, uint64_t to, struct vd_api_answer *answer)
{
    json_t *lines = NULL;
    const int error = vd_audit_export_lines(api->audit, from, to, &lines);
    const uint64_t next = from + json_array_size(lines);

    if (error == VD_OK) {
        vd_api_reply(answer, 200,
            json_pack("{s:o, s:o}", "lines", lines, "next",
                next <= to && json_array_size(lines) > 0 ? json_integer((json_int_t)next)
                                                         : json_null()));
    } else {
        vd_api_fail_error(answer, error, "the audit trail");
    }
}

void vd_api_audit_export(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    int64_t since_ms;
    int64_t from;
    int64_t to;

    if (!time_param(args, "since", &since_ms, answer) ||
        !vd_api_param_number(args, "from", INT64_MAX, 0, &from, answer) ||
        !vd_api_param_number(args, "to", INT64_MAX, INT64_MAX, &to, answer)) {
        return;
    }
    if (from == 0) {
        export_head(api, since_ms, answer);
    } else {
        export_lines(api, (uint64_t)from, (uint64_t)to, answer);
    }
}
