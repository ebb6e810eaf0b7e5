/* SPDX-License-Identifier: MIT */
/* Reads what pages want to hear of. */

#include "api/portal/marks.h"

#include "center/store/marks.h"

static const struct {
    const char *name;
    int64_t rest_ms;
} topics[] = {
#define TOPIC_ROW(name, text, rest_ms) {text, rest_ms},
    VD_PORTAL_TOPICS(TOPIC_ROW)
#undef TOPIC_ROW
};

const char *vd_portal_topic_name(enum vd_portal_topic topic)
{
    return topics[topic].name;
}

void vd_portal_marks_init(struct vd_portal_marks *marks, int64_t utc_ms)
{
    *marks = (struct vd_portal_marks){.sources = {0}};
    for (size_t i = 0; i < VD_PORTAL_TOPIC_COUNT; i++) {
        marks->numbers[i] = i == VD_PORTAL_ALERTS ? 0 : utc_ms;
    }
}

/* Numbers that come and go, so that one which grows does not hide another that falls. */
static void mix(int64_t *into, uint64_t value)
{
    *into = (int64_t)(((uint64_t)*into ^ value) * 0x100000001b3U + (value >> 32));
}

/* Who is connected, who was let in, what is known of whom. */
static int64_t devices_of(const struct vd_api *api, int64_t states)
{
    int64_t made = states;
    int64_t revision = 0;

    if (api->registry != NULL && vd_registry_revision(api->registry, &revision) == VD_OK) {
        mix(&made, (uint64_t)revision);
    }
    if (api->hub != NULL) {
        struct vd_hub_stats hub;

        vd_hub_stats_get(api->hub, &hub);
        mix(&made, hub.connects_accepted);
        mix(&made, hub.connects_refused);
        mix(&made, hub.authenticated);
    }
    return made;
}

static int64_t ingest_of(const struct vd_api *api)
{
    int64_t made = 0;

    if (api->center != NULL) {
        struct vd_center_stats center;

        vd_center_stats_get(api->center, &center);
        mix(&made, center.records);
        mix(&made, center.next_offset);
        mix(&made, center.stalled);
    }
    return made;
}

static void note(
    struct vd_portal_marks *marks, enum vd_portal_topic topic, int64_t source, int64_t monotonic_ms)
{
    if (source == marks->sources[topic] || monotonic_ms < marks->next_ms[topic]) {
        return;
    }
    marks->sources[topic] = source;
    marks->numbers[topic] = topic == VD_PORTAL_ALERTS ? source : marks->numbers[topic] + 1;
    marks->next_ms[topic] = monotonic_ms + topics[topic].rest_ms;
}

void vd_portal_marks_update(
    struct vd_portal_marks *marks, const struct vd_api *api, int64_t monotonic_ms)
{
    struct vd_store_marks store;

    if (api->alerts != NULL && vd_store_marks_read(api->alerts, &store) == VD_OK) {
        note(marks, VD_PORTAL_ALERTS, store.alerts, monotonic_ms);
        note(marks, VD_PORTAL_RECOMMENDATIONS, store.recommendations, monotonic_ms);
        note(marks, VD_PORTAL_FEEDS, store.feeds, monotonic_ms);
        note(marks, VD_PORTAL_GROUPS, store.groups, monotonic_ms);
        note(marks, VD_PORTAL_NOTIFY, store.notify, monotonic_ms);
        note(marks, VD_PORTAL_DEAD_LETTERS, store.dead_letters, monotonic_ms);
        note(marks, VD_PORTAL_QUERIES, store.queries, monotonic_ms);
        marks->states = store.devices;
    }
    note(marks, VD_PORTAL_DEVICES, devices_of(api, marks->states), monotonic_ms);
    note(marks, VD_PORTAL_INGEST, ingest_of(api), monotonic_ms);
}
