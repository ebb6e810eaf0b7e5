/* SPDX-License-Identifier: MIT */
/* Pages of twin queries: identities by the chunk, their twins, and the query over both. */

#include "api/queries.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/secret.h"

/* Beyond these a page ends, short or empty, and goes on with the next: what one request holds, and how long it holds a
 * worker. Bytes as they are stored; as JSON in memory they are several times more. */
#define PAGE_MAX_BYTES (4u << 20)
#define PAGE_MAX_MS    1000

/* A query with groups reads everything before it answers: how long it may. */
#define GROUPED_MAX_MS 60000

/* Identities that are looked at together, and the bytes of twins that end that sooner: so long the writer of the state is
 * ours, which is a few milliseconds. */
#define CHUNK           100
#define CHUNK_MAX_BYTES (1u << 20)

/* Identities of the other kind (devices, where modules are asked for) that are passed over before time is looked at. */
#define SEEN_MAX 1000

struct item {
    struct vd_identity identity; /* without its keys */
    struct vd_buf twin;          /* as it is stored; empty: nothing is */
    struct vd_twins_beside beside;
};

/* The rows behind a position, in the order of the registry. */
struct rows {
    struct vd_twins twins;
    bool of_modules;
    bool needs_state; /* else identities alone make the rows */
    bool needs_message_count;
    bool needs_activity;
    bool has_status; /* only those that are enabled, or are not, can be among them */
    bool enabled;
    bool is_named; /* only the devices below can be among them */
    struct vd_twin_query_devices devices;
    bool is_paged; /* it ends at the bounds of a page; else it fails at its deadline */
    int64_t deadline_ms;
    size_t bytes; /* of twins, so far */

    struct vd_twin_query_position position; /* of the last identity that was seen */
    struct item *items;                     /* CHUNK of them: */
    size_t count;                           /* found, */
    size_t read;                            /* of them with their twins, */
    size_t given;                           /* of them given out */
    size_t seen;                            /* in this chunk, of either kind */
    int64_t now_ms;
    bool has_begun;
    bool is_ended; /* the registry has no more */
};

/* ---- Where rows come from ---- */

static void add(struct rows *rows, const struct vd_identity *identity)
{
    struct vd_identity *copy = &rows->items[rows->count++].identity;

    *copy = *identity;
    vd_secret_wipe(&copy->primary_key, sizeof copy->primary_key);
    vd_secret_wipe(&copy->secondary_key, sizeof copy->secondary_key);
}

static void see(struct rows *rows, const char *device_id, const char *module_id)
{
    snprintf(rows->position.device_id, sizeof rows->position.device_id, "%s", device_id);
    snprintf(rows->position.module_id, sizeof rows->position.module_id, "%s", module_id);
    rows->seen++;
}

static bool has_room(const struct rows *rows)
{
    return rows->count < CHUNK && rows->seen < SEEN_MAX;
}

/* For vd_registry_list. */
static bool collect(void *context, const struct vd_identity *identity)
{
    struct rows *rows = context;

    see(rows, identity->device_id, identity->module_id);
    if ((identity->module_id[0] != '\0') == rows->of_modules) {
        add(rows, identity);
    }
    rows->is_ended = has_room(rows);
    return rows->is_ended;
}

static int find_all(struct rows *rows)
{
    const struct vd_twin_query_position after = rows->position;
    bool from_start = after.device_id[0] == '\0';

    rows->is_ended = true;
    if (rows->has_status && !rows->of_modules) {
        return vd_registry_list_by_status(rows->twins.registry, rows->enabled,
            from_start ? NULL : after.device_id, collect, rows);
    }
    return vd_registry_list(rows->twins.registry, from_start ? NULL : after.device_id,
        from_start ? NULL : after.module_id, collect, rows);
}

/* Likewise, for the modules of the device at `position`. */
static bool collect_module(void *context, const struct vd_identity *identity)
{
    struct rows *rows = context;

    if (strcmp(identity->device_id, rows->position.device_id) != 0) {
        return false;
    }
    see(rows, identity->device_id, identity->module_id);
    add(rows, identity);
    return has_room(rows);
}

static int find_device(struct rows *rows, const char *device_id)
{
    struct vd_identity identity = {0};
    int error = VD_OK;

    if (rows->of_modules) {
        const struct vd_twin_query_position after = rows->position;
        bool has_begun = strcmp(after.device_id, device_id) == 0;

        see(rows, device_id, has_begun ? after.module_id : "");
        return vd_registry_list(rows->twins.registry, device_id, has_begun ? after.module_id : "",
            collect_module, rows);
    }
    see(rows, device_id, "");
    error = vd_registry_get(rows->twins.registry, device_id, "", &identity);
    if (error == VD_OK) {
        add(rows, &identity);
    }
    vd_secret_wipe(&identity, sizeof identity);
    return error == VD_E_NOT_FOUND ? VD_OK : error;
}

/* Of the devices that the query names. */
static int find_named(struct rows *rows)
{
    int error = VD_OK;

    for (size_t i = 0; error == VD_OK && i < rows->devices.count && has_room(rows); i++) {
        int order = strcmp(rows->devices.ids[i], rows->position.device_id);

        if (order > 0 || (order == 0 && rows->of_modules)) {
            error = find_device(rows, rows->devices.ids[i]);
        }
    }
    rows->is_ended = has_room(rows);
    return error;
}

/* The next identities. */
static int find_some(struct rows *rows)
{
    rows->count = 0;
    rows->read = 0;
    rows->given = 0;
    rows->seen = 0;
    rows->has_begun = true;
    return rows->is_named ? find_named(rows) : find_all(rows);
}

/* The twins of some of them. In the writer's thread. */
static int read_some(void *context, struct vd_state_store *store)
{
    struct rows *rows = context;
    size_t bytes = 0;
    int error = VD_OK;

    while (error == VD_OK && rows->read < rows->count && bytes < CHUNK_MAX_BYTES) {
        struct item *item = &rows->items[rows->read];
        const struct vd_state_key key = vd_twins_key(&item->identity);
        uint64_t revision;

        vd_buf_clear(&item->twin);
        error = vd_state_twin_get(store, &key, &item->twin, &revision);
        error = error == VD_E_NOT_FOUND ? VD_OK : error;
        if (error == VD_OK && rows->needs_message_count) {
            error = vd_state_c2d_count(store, &key, rows->now_ms, &item->beside.c2d_messages, NULL);
        }
        if (error == VD_OK && rows->needs_activity) {
            error = vd_state_activity_get(store, &key, &item->beside.activity);
        }
        bytes += item->twin.length;
        rows->read++;
    }
    rows->bytes += bytes;
    return error;
}

/* Sees to it that there is a row to give. VD_E_NOT_FOUND: no more, of all or of this page. */
static int need_row(struct rows *rows)
{
    while (rows->given == rows->read) {
        bool is_late = vd_clock_monotonic_ms() >= rows->deadline_ms;
        int error = VD_OK;

        if (rows->given < rows->count && !rows->needs_state) {
            rows->read = rows->count;
        } else if (rows->given < rows->count) {
            error = vd_state_do(rows->twins.state, read_some, rows);
            error = error == VD_E_LIMIT ? VD_E_BUSY : error; /* of a query it is another limit */
        } else if (rows->has_begun && rows->is_ended) {
            error = VD_E_NOT_FOUND;
        } else if (rows->has_begun && rows->is_paged && (is_late || rows->bytes > PAGE_MAX_BYTES)) {
            error = VD_E_NOT_FOUND;
        } else if (rows->has_begun && is_late) {
            error = VD_E_TIMEOUT;
        } else {
            error = find_some(rows);
        }
        if (error != VD_OK) {
            return error;
        }
    }
    return VD_OK;
}

/* As vd_twin_query_source has it. */
static int next_row(void *context, json_t **row, struct vd_twin_query_position *position)
{
    struct rows *rows = context;
    struct vd_twin twin = {0};
    struct item *item;
    json_t *made = NULL;
    int error = need_row(rows);

    if (error != VD_OK) {
        return error;
    }
    item = &rows->items[rows->given++];
    error = vd_twin_open(&twin, (struct vd_str){(const char *)item->twin.data, item->twin.length},
        item->identity.created_ms);
    if (error != VD_OK) {
        vd_log(VD_LOG_ERROR, "query.twin_unreadable", "device=\"%s\" module=\"%s\" reason=\"%s\"",
            item->identity.device_id, item->identity.module_id, vd_error_text(error));
        return error;
    }
    made = vd_twins_json(&rows->twins, &item->identity, &twin, &item->beside);
    vd_twin_release(&twin);
    vd_buf_release(&item->twin);
    if (made == NULL) {
        return VD_E_NOMEM;
    }
    memcpy(position->device_id, item->identity.device_id, sizeof position->device_id);
    memcpy(position->module_id, item->identity.module_id, sizeof position->module_id);
    *row = made;
    return VD_OK;
}

/* Runs the query behind rows->position. */
static int run(const struct vd_twin_query *query, struct rows *rows, size_t max_rows,
    struct vd_twin_query_page *page)
{
    const struct vd_twin_query_source source = {next_row, rows};
    int error = VD_E_NOMEM;

    rows->of_modules = vd_twin_query_is_of_modules(query);
    rows->needs_state = vd_twin_query_needs_state(query);
    rows->needs_message_count = vd_twin_query_needs_message_count(query);
    rows->needs_activity = vd_twin_query_needs_activity(query);
    rows->has_status = vd_twin_query_names_status(query, &rows->enabled);
    rows->is_named = vd_twin_query_names_devices(query, &rows->devices);
    rows->is_paged = !vd_twin_query_is_grouped(query);
    rows->now_ms = vd_clock_utc_ms();
    rows->deadline_ms = vd_clock_monotonic_ms() + (rows->is_paged ? PAGE_MAX_MS : GROUPED_MAX_MS);
    rows->items = calloc(CHUNK, sizeof *rows->items);
    if (rows->items != NULL) {
        error = vd_twin_query_run(query, &source, max_rows, SIZE_MAX, page);
    }
    if (error == VD_OK && rows->is_paged && rows->given == rows->count) {
        /* All that was found was given: it goes on behind what was seen, or it is the end. */
        page->continuation[0] = '\0';
        error = rows->is_ended ? VD_OK
                               : vd_twin_query_continue(query, &rows->position, page->continuation);
        if (error != VD_OK) {
            json_decref(page->rows);
        }
    }
    for (size_t i = 0; rows->items != NULL && i < CHUNK; i++) {
        vd_buf_release(&rows->items[i].twin);
    }
    free(rows->items);
    return error;
}

int vd_queries_page(const struct vd_twins *twins, const struct vd_twin_query *query,
    struct vd_str continuation, size_t max_rows, struct vd_twin_query_page *page)
{
    struct rows rows = {.twins = *twins};
    int error;

    if (twins->state == NULL) {
        return VD_E_CLOSED;
    }
    error = vd_twin_query_resume(query, continuation, &rows.position);
    return error == VD_OK ? run(query, &rows, max_rows, page) : error;
}
