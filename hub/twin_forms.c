/* SPDX-License-Identifier: MIT */
/* The forms of a twin: as it is stored, as a device sees it, as a back end sees it. */

#include "hub/json_write.h"
#include "hub/twin.h"
#include "hub/twin_check.h"
#include "lib/clock.h"

/* Of the stored form. */
#define FORMAT 1

/* Metadata is as deep as the members with the section itself; deeper was not written by us. */
#define METADATA_DEPTH_MAX (VD_TWIN_DEPTH_MAX + 2)

static json_t *metadata_new(int64_t now_ms)
{
    char text[VD_TIME_TEXT_SIZE];

    vd_time_format(now_ms, text);
    return json_pack("{s:s,s:i}", "$lastUpdated", text, "$lastUpdatedVersion", 1);
}

int vd_twin_init(struct vd_twin *twin, int64_t now_ms)
{
    *twin =
        (struct vd_twin){.tags = json_object(), .version = 1, .revision = now_ms > 0 ? now_ms : 1};
    twin->desired = (struct vd_twin_section){json_object(), metadata_new(now_ms), 1};
    twin->reported = (struct vd_twin_section){json_object(), metadata_new(now_ms), 1};
    if (twin->tags == NULL || twin->desired.members == NULL || twin->desired.metadata == NULL ||
        twin->reported.members == NULL || twin->reported.metadata == NULL) {
        vd_twin_release(twin);
        return VD_E_NOMEM;
    }
    return VD_OK;
}

void vd_twin_release(struct vd_twin *twin)
{
    json_decref(twin->tags);
    json_decref(twin->desired.members);
    json_decref(twin->desired.metadata);
    json_decref(twin->reported.members);
    json_decref(twin->reported.metadata);
    *twin = (struct vd_twin){0};
}

static void write_section(const struct vd_twin_section *section, struct vd_buf *out)
{
    vd_buf_append_text(out, "{\"members\":");
    vd_json_write(section->members, out);
    vd_buf_append_text(out, ",\"metadata\":");
    vd_json_write(section->metadata, out);
    vd_buf_printf(out, ",\"version\":%lld}", (long long)section->version);
}

void vd_twin_write(const struct vd_twin *twin, struct vd_buf *out)
{
    vd_buf_printf(out, "{\"format\":%d,\"version\":%lld,\"revision\":%lld,\"tags\":", FORMAT,
        (long long)twin->version, (long long)twin->revision);
    vd_json_write(twin->tags, out);
    vd_buf_append_text(out, ",\"desired\":");
    write_section(&twin->desired, out);
    vd_buf_append_text(out, ",\"reported\":");
    write_section(&twin->reported, out);
    vd_buf_append_text(out, "}");
}

/* True if every member, and nothing else, has its metadata. */
static bool is_mirrored(json_t *members, json_t *metadata, int depth)
{
    size_t expected = 2;
    const char *key;
    json_t *member;

    if (depth == METADATA_DEPTH_MAX || !json_is_string(json_object_get(metadata, "$lastUpdated")) ||
        !json_is_integer(json_object_get(metadata, "$lastUpdatedVersion"))) {
        return false;
    }
    json_object_foreach(members, key, member)
    {
        expected++;
        if (!is_mirrored(member, json_object_get(metadata, key), depth + 1)) {
            return false;
        }
    }
    return json_object_size(metadata) == expected;
}

static bool read_section(json_t *object, const char *name, struct vd_twin_section *section)
{
    struct vd_twin_problem problem;
    json_t *version = json_object_get(object, "version");

    section->members = json_incref(json_object_get(object, "members"));
    section->metadata = json_incref(json_object_get(object, "metadata"));
    section->version = json_integer_value(version);
    return section->version > 0 && vd_twin_check(name, section->members, &problem) == VD_TWIN_OK &&
        is_mirrored(section->members, section->metadata, 0);
}

static int read_parts(json_t *stored, struct vd_twin *twin)
{
    json_t *format = json_object_get(stored, "format");
    struct vd_twin_problem problem;

    if (json_integer_value(format) > FORMAT) {
        return VD_E_NEWER;
    }
    twin->tags = json_incref(json_object_get(stored, "tags"));
    twin->version = json_integer_value(json_object_get(stored, "version"));
    twin->revision = json_integer_value(json_object_get(stored, "revision"));
    /* Both are read even if the first is damaged: release needs no more than what is there. */
    return read_section(json_object_get(stored, "desired"), "desired", &twin->desired) &&
            read_section(json_object_get(stored, "reported"), "reported", &twin->reported) &&
            json_integer_value(format) == FORMAT && twin->version > 0 && twin->revision > 0 &&
            vd_twin_check("tags", twin->tags, &problem) == VD_TWIN_OK
        ? VD_OK
        : VD_E_CORRUPT;
}

int vd_twin_read(struct vd_twin *twin, struct vd_str text)
{
    json_error_t why;
    struct vd_twin next = {0};
    json_t *stored = json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES, &why);
    int error = VD_E_CORRUPT;

    if (stored == NULL && vd_json_out_of_memory(&why)) {
        return VD_E_NOMEM;
    }
    error = read_parts(stored, &next);
    json_decref(stored);
    if (error != VD_OK) {
        vd_twin_release(&next);
        return error;
    }
    *twin = next;
    return VD_OK;
}

int vd_twin_open(struct vd_twin *twin, struct vd_str stored, int64_t created_ms)
{
    return stored.length > 0 ? vd_twin_read(twin, stored) : vd_twin_init(twin, created_ms);
}

/* `{...,"$version":n}` */
static void write_properties(const struct vd_twin_section *section, struct vd_buf *out)
{
    const char *key;
    json_t *member;

    vd_buf_append_text(out, "{");
    json_object_foreach(section->members, key, member)
    {
        vd_json_write_key(key, out);
        vd_json_write(member, out);
        vd_buf_append_text(out, ",");
    }
    vd_buf_printf(out, "\"$version\":%lld}", (long long)section->version);
}

void vd_twin_write_for_device(const struct vd_twin *twin, struct vd_buf *out)
{
    vd_buf_append_text(out, "{\"desired\":");
    write_properties(&twin->desired, out);
    vd_buf_append_text(out, ",\"reported\":");
    write_properties(&twin->reported, out);
    vd_buf_append_text(out, "}");
}

static json_t *time_text(int64_t time_ms)
{
    char text[VD_TIME_TEXT_SIZE] = "0001-01-01T00:00:00Z";

    if (time_ms != 0) {
        vd_time_format(time_ms, text);
    }
    return json_string(text);
}

/* NULL: out of memory. */
static json_t *properties_for_back_end(const struct vd_twin_section *section)
{
    json_t *properties = json_copy(section->members);

    if (json_object_set(properties, "$metadata", section->metadata) != 0 ||
        json_object_set_new(properties, "$version", json_integer(section->version)) != 0) {
        json_decref(properties);
        return NULL;
    }
    return properties;
}

json_t *vd_twin_for_back_end(const struct vd_twin *twin, const struct vd_twin_identity *identity)
{
    char etag[VD_TWIN_ETAG_SIZE];
    bool module = identity->module_id != NULL && identity->module_id[0] != '\0';

    vd_twin_etag(twin, etag);
    return json_pack("{s:s, s:s*, s:s, s:s, s:s, s:s*, s:o, s:s, s:o, s:I, s:s, s:{s:s?, s:s?}, "
                     "s:I, s:O, s:{s:o, s:o}}",
        "deviceId", identity->device_id, "moduleId", module ? identity->module_id : NULL, "etag",
        etag, "deviceEtag", identity->device_etag, "status",
        identity->enabled ? "enabled" : "disabled", "statusReason", identity->status_reason,
        "statusUpdateTime", time_text(identity->status_updated_ms), "connectionState",
        identity->connected ? "Connected" : "Disconnected", "lastActivityTime",
        time_text(identity->last_activity_ms), "cloudToDeviceMessageCount",
        (json_int_t)identity->c2d_messages, "authenticationType", identity->authentication_type,
        "x509Thumbprint", "primaryThumbprint", identity->primary_thumbprint, "secondaryThumbprint",
        identity->secondary_thumbprint, "version", twin->version, "tags", twin->tags, "properties",
        "desired", properties_for_back_end(&twin->desired), "reported",
        properties_for_back_end(&twin->reported));
}
