/* SPDX-License-Identifier: MIT */
/* The inventory: pages of devices out of what the center keeps, each with what registry and hub say of it. */

#include "api/inventory.h"

#include <stdlib.h>

#include "api/handlers.h"
#include "center/detect/address_text.h"
#include "center/detect/device_state.h"
#include "lib/secret.h"

#define LIMIT_DEFAULT 100

static const struct {
    const char *name;
    enum vd_inventory_sort sort;
} sorts[] = {
    {"deviceId", VD_INVENTORY_BY_ID},
    {"lastHeard", VD_INVENTORY_BY_HEARD},
    {"-lastHeard", VD_INVENTORY_BY_HEARD_DOWN},
    {"openAlerts", VD_INVENTORY_BY_OPEN_ALERTS},
};

/* ---- Rows ---- */

json_t *vd_api_open_alerts(const int64_t open[VD_OPEN_SEVERITIES])
{
    return json_pack("{s:I, s:I, s:I}", "High", (json_int_t)open[VD_OPEN_HIGH], "Medium",
        (json_int_t)open[VD_OPEN_MEDIUM], "Low", (json_int_t)open[VD_OPEN_LOW]);
}

json_t *vd_api_inventory_counts(const int64_t counts[VD_PRESENCES_END])
{
    json_t *json = json_object();
    int64_t total = 0;

    for (int i = 0; i < VD_PRESENCES_END; i++) {
        (void)json_object_set_new(
            json, vd_presence_name((enum vd_presence)i), json_integer((json_int_t)counts[i]));
        total += counts[i];
    }
    (void)json_object_set_new(json, "total", json_integer((json_int_t)total));
    return json;
}

/* NULL: the registry does not have it, or cannot say. */
static const char *auth_type_of(const struct vd_api *api, const char *device_id)
{
    struct vd_identity identity = {0};
    const char *name = NULL;

    if (vd_registry_get(api->registry, device_id, "", &identity) == VD_OK) {
        name = vd_auth_type_name(identity.auth_type);
    }
    vd_secret_wipe(&identity, sizeof identity);
    return name;
}

json_t *vd_api_inventory_row(const struct vd_api *api, const struct vd_inventory_row *row,
    const struct vd_device_state *state)
{
    char address[VD_ADDRESS_TEXT_SIZE];
    const bool is_connected =
        api->bus != NULL && api->bus->ops->is_connected(api->bus, row->device_id, NULL);

    vd_address_show(
        is_connected ? &state->connected_address : &state->heard_address, true, address);
    return json_pack("{s:s, s:s, s:s, s:b, s:b, s:o, s:s?, s:o, s:o, s:s?, s:o}", "deviceId",
        row->device_id, "group", row->group, "state", vd_presence_name(row->presence), "isEnabled",
        (int)(row->presence != VD_PRESENCE_DISABLED), "isConnected", (int)is_connected, "lastHeard",
        vd_api_time(state->heard_ms), "address", address[0] != '\0' ? address : NULL, "openAlerts",
        vd_api_open_alerts(row->open), "clockErrorMs",
        state->clock_measured_ms != 0 ? json_integer((json_int_t)state->clock_error_ms)
                                      : json_null(),
        "authenticationType", auth_type_of(api, row->device_id), "usualSeconds",
        state->pace_ms != 0 ? json_integer((json_int_t)((state->pace_ms + 999) / 1000))
                            : json_null());
}

/* ---- Pages ---- */

struct page {
    const struct vd_api *api;
    json_t *devices;
    json_t *next; /* behind the last of them */
    int error;
};

static bool add_row(void *context, const struct vd_inventory_row *row)
{
    struct page *page = context;
    struct vd_device_state *state = vd_device_state_new(vd_str_from(row->device_id));
    json_t *json = NULL;

    page->error = state != NULL ? vd_device_state_read(state, row->body) : VD_E_NOMEM;
    if (page->error == VD_OK || page->error == VD_E_CORRUPT) { /* the center begins that one anew */
        json = vd_api_inventory_row(page->api, row, state);
        page->error = json_array_append_new(page->devices, json) == 0 ? VD_OK : VD_E_NOMEM;
    }
    vd_device_state_free(state);
    json_decref(page->next);
    page->next = json_sprintf("%lld:%s", (long long)row->place, row->device_id);
    return page->error == VD_OK;
}

/* "place:id" as `next` had it; false: answered. */
static bool read_after(const struct vd_api_args *args, struct vd_inventory_filter *filter,
    struct vd_api_answer *answer)
{
    const char *after = vd_api_param(args, "after");
    char *end = NULL;

    if (after == NULL || after[0] == '\0') {
        return true;
    }
    filter->after_place = strtoll(after, &end, 10);
    if (end == after || *end != ':' || end[1] == '\0') {
        vd_api_fail(answer, 400, "InvalidParameter", "after is to be what next was");
        return false;
    }
    filter->after_id = end + 1;
    return true;
}

static bool read_sort(const struct vd_api_args *args, struct vd_inventory_filter *filter,
    struct vd_api_answer *answer)
{
    const char *name = vd_api_param(args, "sort");

    for (size_t i = 0; name != NULL && i < sizeof sorts / sizeof sorts[0]; i++) {
        if (strcmp(sorts[i].name, name) == 0) {
            filter->sort = sorts[i].sort;
            return true;
        }
    }
    if (name != NULL && name[0] != '\0') {
        vd_api_fail(answer, 400, "InvalidParameter",
            "sort is to be deviceId, lastHeard, -lastHeard or openAlerts");
        return false;
    }
    return true;
}

static const char *param_or_null(const struct vd_api_args *args, const char *name)
{
    const char *text = vd_api_param(args, name);

    return text != NULL && text[0] != '\0' ? text : NULL;
}

/* False: answered. */
static bool read_filter(const struct vd_api_args *args, struct vd_inventory_filter *filter,
    struct vd_api_answer *answer)
{
    const char *state = param_or_null(args, "state");
    int64_t limit = 0;

    *filter = (struct vd_inventory_filter){
        .prefix = param_or_null(args, "search"), .group = param_or_null(args, "group")};
    if (state != NULL && !vd_presence_parse(state, &filter->presence)) {
        vd_api_fail(answer, 400, "InvalidParameter",
            "state is to be reporting, late, silent, refused, never or disabled");
        return false;
    }
    filter->has_presence = state != NULL;
    if (!vd_api_param_number(args, "limit", VD_INVENTORY_PAGE_MAX, LIMIT_DEFAULT, &limit, answer)) {
        return false;
    }
    filter->limit = limit > 0 ? (uint32_t)limit : LIMIT_DEFAULT;
    return read_sort(args, filter, answer) && read_after(args, filter, answer);
}

void vd_api_inventory_list(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    struct page page = {.api = api, .devices = json_array()};
    struct vd_inventory_filter filter;
    int64_t counts[VD_PRESENCES_END];
    int error;

    if (!read_filter(args, &filter, answer)) {
        json_decref(page.devices);
        return;
    }
    error = vd_inventory_each(api->alerts, &filter, add_row, &page);
    error = error == VD_OK ? page.error : error;
    if (error == VD_OK) {
        error = vd_inventory_count(api->alerts, &filter, counts);
    }
    if (error == VD_OK) {
        const bool is_last = json_array_size(page.devices) < filter.limit;

        vd_api_reply(answer, 200,
            json_pack("{s:O, s:o, s:o}", "devices", page.devices, "next",
                is_last ? json_null() : json_incref(page.next), "counts",
                vd_api_inventory_counts(counts)));
    } else {
        vd_api_fail_error(answer, error, "the devices");
    }
    json_decref(page.devices);
    json_decref(page.next);
}
