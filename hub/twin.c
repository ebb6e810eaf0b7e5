/* SPDX-License-Identifier: MIT */
/* Updates of a twin: read, check, merge into a copy, count, and only then put the copy in place. */

#include "hub/twin.h"

#include "hub/json_write.h"
#include "hub/twin_check.h"
#include "lib/clock.h"

const char *vd_twin_error_text(enum vd_twin_error error)
{
    static const char *const texts[] = {
        [VD_TWIN_OK] = "done",
        [VD_TWIN_MALFORMED] = "malformed, or a member that is not expected",
        [VD_TWIN_TOO_LARGE] = "too large",
        [VD_TWIN_TOO_DEEP] = "nested too deep",
        [VD_TWIN_BAD_KEY] =
            "a name is empty, too long, or has a control character, '.', '$' or a space",
        [VD_TWIN_BAD_VALUE] = "a number out of range",
        [VD_TWIN_VERSION_MISMATCH] = "the ETag is not the twin's",
        [VD_TWIN_NO_MEMORY] = "out of memory",
    };

    return texts[error];
}

/* What an update writes beside each member that it touches; shared by all of them. */
struct stamp {
    json_t *updated;
    json_t *version;
};

static bool stamp_make(struct stamp *stamp, int64_t now_ms, json_int_t version)
{
    char text[VD_TIME_TEXT_SIZE];

    vd_time_format(now_ms, text);
    *stamp = (struct stamp){json_string(text), json_integer(version)};
    return stamp->updated != NULL && stamp->version != NULL;
}

static void stamp_release(struct stamp *stamp)
{
    json_decref(stamp->updated);
    json_decref(stamp->version);
}

static bool stamp_put(const struct stamp *stamp, json_t *metadata)
{
    return json_object_set(metadata, "$lastUpdated", stamp->updated) == 0 &&
        json_object_set(metadata, "$lastUpdatedVersion", stamp->version) == 0;
}

static void section_release(struct vd_twin_section *section)
{
    json_decref(section->members);
    json_decref(section->metadata);
    *section = (struct vd_twin_section){0};
}

/* Puts *next in place. */
static void section_swap(struct vd_twin_section *section, struct vd_twin_section *next)
{
    struct vd_twin_section old = *section;

    *section = *next;
    *next = old;
}

/* Begins a member anew, without metadata of what was there. */
static bool set_member(json_t *members, json_t *metadata, const char *key, json_t *value)
{
    int failed = json_is_object(value) ? json_object_set_new(members, key, json_object())
                                       : json_object_set(members, key, value);

    return failed == 0 && json_object_set_new(metadata, key, json_object()) == 0;
}

/* Tags are merged with no metadata but what this merge makes. */
static bool has_metadata(json_t *metadata, const char *key)
{
    return json_object_get(metadata, key) != NULL ||
        json_object_set_new(metadata, key, json_object()) == 0;
}

/* Merges a checked patch, so recursion ends at VD_TWIN_DEPTH_MAX. */
static bool merge(json_t *members, json_t *metadata, const json_t *patch, const struct stamp *stamp)
{
    bool done = stamp_put(stamp, metadata);
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)patch, key, value)
    {
        bool into = json_is_object(value) && json_is_object(json_object_get(members, key));

        if (json_is_null(value)) {
            (void)json_object_del(members, key);
            (void)json_object_del(metadata, key);
            continue;
        }
        done = done &&
            (into ? has_metadata(metadata, key) : set_member(members, metadata, key, value));
        if (done && json_is_object(value)) {
            done =
                merge(json_object_get(members, key), json_object_get(metadata, key), value, stamp);
        } else if (done) {
            done = stamp_put(stamp, json_object_get(metadata, key));
        }
    }
    return done;
}

/* NULL where it is no object; *problem is set in any case. */
static json_t *parse(struct vd_str text, const char *where, struct vd_twin_problem *problem)
{
    json_error_t why;
    json_t *value = NULL;

    *problem = (struct vd_twin_problem){.error = VD_TWIN_OK};
    if (text.length > VD_TWIN_TEXT_MAX_BYTES) {
        (void)vd_twin_blame(problem, VD_TWIN_TOO_LARGE, where);
        return NULL;
    }
    value = json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES, &why);
    if (json_is_object(value)) {
        return value;
    }
    if (value == NULL && json_error_code(&why) == json_error_numeric_overflow) {
        (void)vd_twin_blame(problem, VD_TWIN_BAD_VALUE, where);
    } else if (value == NULL && vd_json_out_of_memory(&why)) {
        (void)vd_twin_blame(problem, VD_TWIN_NO_MEMORY, where);
    } else {
        (void)vd_twin_blame(problem, VD_TWIN_MALFORMED, where);
    }
    json_decref(value);
    return NULL;
}

/* Takes away what is ours to write. Does nothing to what is no object. */
static void drop_own(json_t *patch)
{
    (void)json_object_del(patch, "$version");
    (void)json_object_del(patch, "$metadata");
}

/* What the three sections differ in. */
struct rule {
    const char *name;
    size_t max_bytes;
};

static const struct rule tags_rule = {"tags", VD_TWIN_TAGS_MAX_BYTES};
static const struct rule desired_rule = {"desired", VD_TWIN_PROPERTIES_MAX_BYTES};
static const struct rule reported_rule = {"reported", VD_TWIN_PROPERTIES_MAX_BYTES};

/* Makes in *next, which is empty, what `patch` makes of the section. */
static enum vd_twin_error section_next(const struct vd_twin_section *section,
    enum vd_twin_update how, json_t *patch, const struct rule *rule, int64_t now_ms,
    struct vd_twin_section *next, struct vd_twin_problem *problem)
{
    bool patching = how == VD_TWIN_PATCH;
    struct stamp stamp = {0};

    drop_own(patch);
    if (vd_twin_check(rule->name, patch, problem) != VD_TWIN_OK) {
        return problem->error;
    }
    next->version = section->version + 1;
    next->members = patching ? json_deep_copy(section->members) : json_object();
    next->metadata = patching ? json_deep_copy(section->metadata) : json_object();
    if (next->members == NULL || next->metadata == NULL ||
        !stamp_make(&stamp, now_ms, next->version) ||
        !merge(next->members, next->metadata, patch, &stamp)) {
        (void)vd_twin_blame(problem, VD_TWIN_NO_MEMORY, rule->name);
    } else if (vd_twin_count_bytes(next->members) > rule->max_bytes) {
        (void)vd_twin_blame(problem, VD_TWIN_TOO_LARGE, rule->name);
    }
    stamp_release(&stamp);
    return problem->error;
}

enum vd_twin_error vd_twin_patch_reported(
    struct vd_twin *twin, struct vd_str patch, int64_t now_ms, struct vd_twin_problem *problem)
{
    struct vd_twin_section next = {0};
    json_t *object = parse(patch, "reported", problem);

    if (object == NULL) {
        return problem->error;
    }
    if (section_next(&twin->reported, VD_TWIN_PATCH, object, &reported_rule, now_ms, &next,
            problem) == VD_TWIN_OK) {
        section_swap(&twin->reported, &next);
        twin->version++;
    }
    section_release(&next);
    json_decref(object);
    return problem->error;
}

/* Checks an object's names against a list that ends with NULL. */
static enum vd_twin_error only_these(
    json_t *object, const char *const *names, const char *where, struct vd_twin_problem *problem)
{
    const char *key;
    json_t *member;

    json_object_foreach(object, key, member)
    {
        const char *const *name = names;

        while (*name != NULL && strcmp(*name, key) != 0) {
            name++;
        }
        if (*name == NULL) {
            struct vd_buf path = {0};

            vd_buf_printf(&path, "%s%s", where, key);
            vd_buf_append(&path, "", 1);
            (void)vd_twin_blame(problem,
                path.error == VD_OK ? VD_TWIN_MALFORMED : VD_TWIN_NO_MEMORY,
                path.error == VD_OK ? (const char *)path.data : where);
            vd_buf_release(&path);
            return problem->error;
        }
    }
    return VD_TWIN_OK;
}

/* An update's body, taken apart. */
struct parts {
    json_t *tags; /* borrowed of the body; NULL where it does not name them */
    json_t *desired;
    enum vd_twin_update tags_how;
    enum vd_twin_update desired_how;
};

/* The section `name` of an update; null stands for all that is in it and becomes a replacement by nothing. */
static json_t *take_part(json_t *object, const char *name, enum vd_twin_update *how)
{
    if (json_is_null(json_object_get(object, name)) &&
        json_object_set_new(object, name, json_object()) == 0) {
        *how = VD_TWIN_REPLACE;
    }
    return json_object_get(object, name);
}

static enum vd_twin_error take_apart(
    json_t *body, enum vd_twin_update how, struct parts *parts, struct vd_twin_problem *problem)
{
    static const char *const top[] = {"deviceId", "moduleId", "etag", "deviceEtag", "status",
        "statusReason", "statusUpdateTime", "connectionState", "lastActivityTime",
        "cloudToDeviceMessageCount", "authenticationType", "x509Thumbprint", "version", "modelId",
        "capabilities", "deviceScope", "parentScopes", "configurations", "tags", "properties",
        NULL};
    static const char *const inner[] = {"desired", "reported", NULL};
    json_t *properties = json_object_get(body, "properties");

    if (only_these(body, top, "", problem) != VD_TWIN_OK) {
        return problem->error;
    }
    if (properties != NULL && !json_is_object(properties)) {
        return vd_twin_blame(problem, VD_TWIN_MALFORMED, "properties");
    }
    if (properties != NULL && only_these(properties, inner, "properties.", problem) != VD_TWIN_OK) {
        return problem->error;
    }
    *parts = (struct parts){.tags_how = how, .desired_how = how};
    parts->tags = take_part(body, "tags", &parts->tags_how);
    parts->desired = take_part(properties, "desired", &parts->desired_how);
    return VD_TWIN_OK;
}

/* The merge patch that makes `to` of `from`, naming all that is in `to`. NULL: out of memory. */
static json_t *difference(json_t *from, json_t *to)
{
    json_t *patch = json_object();
    int failed = patch == NULL;
    const char *key;
    json_t *value;

    json_object_foreach(from, key, value)
    {
        if (json_object_get(to, key) == NULL) {
            failed |= json_object_set_new(patch, key, json_null());
        }
    }
    json_object_foreach(to, key, value)
    {
        json_t *before = json_object_get(from, key);

        failed |= json_is_object(before) && json_is_object(value)
            ? json_object_set_new(patch, key, difference(before, value))
            : json_object_set(patch, key, value);
    }
    if (failed != 0) {
        json_decref(patch);
        return NULL;
    }
    return patch;
}

/* What the device is told of the step from the section to *next. */
static bool write_change(const struct vd_twin_section *section, const struct vd_twin_section *next,
    enum vd_twin_update how, json_t *patch, struct vd_buf *out)
{
    json_t *change =
        how == VD_TWIN_REPLACE ? difference(section->members, next->members) : json_copy(patch);
    size_t before = out->length;
    bool done =
        change != NULL && json_object_set_new(change, "$version", json_integer(next->version)) == 0;

    if (done) {
        vd_json_write(change, out);
        done = out->error == VD_OK;
    }
    if (!done) {
        out->length = before;
    }
    json_decref(change);
    return done;
}

/* Both sections' successors, or an error; then what `next` holds is for the caller to release all the same. */
static enum vd_twin_error update_next(const struct vd_twin *twin, const struct parts *parts,
    int64_t now_ms, struct vd_buf *desired_change, struct vd_twin_section *tags,
    struct vd_twin_section *desired, struct vd_twin_problem *problem)
{
    struct vd_twin_section old_tags = {.members = twin->tags, .metadata = json_object()};

    if (old_tags.metadata == NULL) {
        return vd_twin_blame(problem, VD_TWIN_NO_MEMORY, "tags");
    }
    if (parts->tags != NULL) {
        (void)section_next(
            &old_tags, parts->tags_how, parts->tags, &tags_rule, now_ms, tags, problem);
    }
    json_decref(old_tags.metadata);
    if (parts->desired == NULL || problem->error != VD_TWIN_OK) {
        return problem->error;
    }
    if (section_next(&twin->desired, parts->desired_how, parts->desired, &desired_rule, now_ms,
            desired, problem) == VD_TWIN_OK &&
        desired_change != NULL &&
        !write_change(
            &twin->desired, desired, parts->desired_how, parts->desired, desired_change)) {
        return vd_twin_blame(problem, VD_TWIN_NO_MEMORY, "desired");
    }
    return problem->error;
}

/* The old hub's tag of a twin is such a number too, in base64. */
void vd_twin_etag(const struct vd_twin *twin, char out[VD_TWIN_ETAG_SIZE])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint64_t revision = (uint64_t)twin->revision;

    /* 64 bits, most significant first, are ten digits of 6 and one of the last 4 bits. */
    for (int i = 0; i < 10; i++) {
        out[i] = digits[revision >> (58 - 6 * i) & 63];
    }
    out[10] = digits[(revision & 15) << 2];
    out[11] = '=';
    out[12] = '\0';
}

static bool etag_matches(const struct vd_twin *twin, const char *if_match)
{
    char etag[VD_TWIN_ETAG_SIZE];

    vd_twin_etag(twin, etag);
    return if_match == NULL || strcmp(if_match, "*") == 0 || strcmp(if_match, etag) == 0;
}

enum vd_twin_error vd_twin_update(struct vd_twin *twin, enum vd_twin_update how, struct vd_str body,
    const char *if_match, int64_t now_ms, struct vd_buf *desired_change,
    struct vd_twin_problem *problem)
{
    struct vd_twin_section tags = {0};
    struct vd_twin_section desired = {0};
    struct parts parts = {0};
    json_t *object = parse(body, "", problem);

    if (object == NULL) {
        return problem->error;
    }
    if (!etag_matches(twin, if_match)) {
        (void)vd_twin_blame(problem, VD_TWIN_VERSION_MISMATCH, "");
    } else if (take_apart(object, how, &parts, problem) == VD_TWIN_OK &&
        update_next(twin, &parts, now_ms, desired_change, &tags, &desired, problem) == VD_TWIN_OK) {
        if (parts.tags != NULL) {
            json_t *old = twin->tags;

            twin->tags = tags.members;
            tags.members = old;
        }
        if (parts.desired != NULL) {
            section_swap(&twin->desired, &desired);
        }
        twin->version++;
        twin->revision++;
    }
    section_release(&tags);
    section_release(&desired);
    json_decref(object);
    return problem->error;
}
