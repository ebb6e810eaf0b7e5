/* SPDX-License-Identifier: MIT */
/* Pages of a TAXII collection merged by id into one bundle. */

#include "center/intel/taxii.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "center/limits.h"
#include "lib/clock.h"
#include "lib/json_text.h"
#include "lib/url.h"

/* Asked for in one page; a server may send fewer. There are servers that have no second page without. */
#define PAGE_OBJECTS "1000"

#define TOO_MANY_PARTS "has too many parts"

struct vd_taxii_merge {
    struct vd_str kept;
    json_t *objects; /* by id; NULL: the kept bundle was not needed yet */
    size_t bytes;    /* of pages */
    uint64_t memory; /* likewise, at most */
};

void vd_taxii_url(
    const char *collection, const char *added_after, const char *next, struct vd_buf *url)
{
    static const char objects[] = "/objects/";
    const size_t length = strlen(collection);
    const bool is_whole = length >= sizeof objects - 1 &&
        strcmp(collection + length - (sizeof objects - 1), objects) == 0;

    vd_buf_append_text(url, collection);
    if (!is_whole) {
        vd_buf_append_text(
            url, length > 0 && collection[length - 1] == '/' ? objects + 1 : objects);
    }
    vd_buf_append_text(url, "?match%5Btype%5D=indicator,marking-definition&limit=" PAGE_OBJECTS);
    if (added_after[0] != '\0') {
        vd_buf_append_text(url, "&added_after=");
        vd_url_encode(vd_str_from(added_after), url);
    }
    if (next[0] != '\0') {
        vd_buf_append_text(url, "&next=");
        vd_url_encode(vd_str_from(next), url);
    }
    vd_buf_append(url, "", 1);
}

/* ---- Objects ---- */

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

static bool is_wanted(const json_t *object)
{
    const char *type = text_of(object, "type");

    return text_of(object, "id")[0] != '\0' &&
        (strcmp(type, "indicator") == 0 || strcmp(type, "marking-definition") == 0);
}

/* 0: it has none. */
static int64_t time_of(const json_t *object, const char *name)
{
    int64_t ms = 0;

    (void)!vd_time_parse(text_of(object, name), &ms);
    return ms;
}

/* Of one time, the later to come stays. */
static int take_object(json_t *objects, json_t *object)
{
    const char *id = text_of(object, "id");
    const json_t *there = json_object_get(objects, id);

    if (there != NULL && time_of(there, "modified") > time_of(object, "modified")) {
        return VD_OK;
    }
    return json_object_set(objects, id, object) == 0 ? VD_OK : VD_E_NOMEM;
}

static int take_objects(json_t *objects, const json_t *array)
{
    size_t i;
    json_t *object;

    json_array_foreach(array, i, object)
    {
        int error = is_wanted(object) ? take_object(objects, object) : VD_OK;

        if (error != VD_OK) {
            return error;
        }
    }
    return VD_OK;
}

/* ---- Merging ---- */

int vd_taxii_merge_new(struct vd_str kept, struct vd_taxii_merge **merge)
{
    struct vd_taxii_merge *self = calloc(1, sizeof *self);

    if (self == NULL) {
        return VD_E_NOMEM;
    }
    self->kept = kept;
    *merge = self;
    return VD_OK;
}

void vd_taxii_merge_free(struct vd_taxii_merge *merge)
{
    if (merge != NULL) {
        json_decref(merge->objects);
        free(merge);
    }
}

bool vd_taxii_merge_has_new(const struct vd_taxii_merge *merge)
{
    return merge->objects != NULL;
}

static int limit_of(const char *text, char *problem)
{
    snprintf(problem, VD_TAXII_PROBLEM_SIZE, "the collection %s", text);
    return VD_E_LIMIT;
}

static int begin(struct vd_taxii_merge *merge, char *problem)
{
    json_t *kept;
    int error;

    if (vd_json_memory(merge->kept) > VD_FEED_JSON_MEMORY_MAX) {
        return limit_of(TOO_MANY_PARTS, problem);
    }
    merge->objects = json_object();
    if (merge->objects == NULL) {
        return VD_E_NOMEM;
    }
    kept = json_loadb(merge->kept.data, merge->kept.length, 0, NULL);
    error = take_objects(merge->objects, json_object_get(kept, "objects"));
    json_decref(kept);
    return error;
}

static int problem_of(const char *text, char *problem)
{
    snprintf(problem, VD_TAXII_PROBLEM_SIZE, "it is no TAXII envelope: %s", text);
    return VD_E_INVALID;
}

/* The members of an envelope. */
static int check(const json_t *root, char *problem)
{
    static const char *const members[] = {"objects", "more", "next"};
    const json_t *objects = json_object_get(root, "objects");
    const json_t *more = json_object_get(root, "more");
    const json_t *next = json_object_get(root, "next");
    size_t known = 0;

    if (!json_is_object(root)) {
        return problem_of("it is to be a JSON object", problem);
    }
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        known += json_object_get(root, members[i]) != NULL;
    }
    if (known == 0 && json_object_size(root) > 0) {
        return problem_of("it has no objects", problem);
    }
    if ((objects != NULL && !json_is_array(objects)) || (more != NULL && !json_is_boolean(more)) ||
        (next != NULL &&
            (!json_is_string(next) || json_string_length(next) >= VD_TAXII_NEXT_SIZE))) {
        return problem_of("objects, more or next are not what they should be", problem);
    }
    return VD_OK;
}

int vd_taxii_merge_page(struct vd_taxii_merge *merge, struct vd_str envelope,
    struct vd_taxii_page *page, char problem[VD_TAXII_PROBLEM_SIZE])
{
    json_error_t fault = {0};
    json_t *root;
    const json_t *objects;
    int error;

    merge->bytes += envelope.length;
    merge->memory += vd_json_memory(envelope);
    if (merge->bytes > VD_FEED_JSON_BYTES_MAX) {
        return limit_of("is longer than a feed may be", problem);
    }
    if (merge->memory > VD_FEED_JSON_MEMORY_MAX) {
        return limit_of(TOO_MANY_PARTS, problem);
    }
    root = json_loadb(envelope.data, envelope.length, 0, &fault);
    if (root == NULL) {
        return problem_of("it is not JSON", problem);
    }
    error = check(root, problem);
    if (error == VD_OK) {
        objects = json_object_get(root, "objects");
        page->has_more = json_is_true(json_object_get(root, "more"));
        snprintf(page->next, sizeof page->next, "%s", text_of(root, "next"));
        page->is_empty = json_array_size(objects) == 0;
        if (!page->is_empty) {
            error = merge->objects == NULL ? begin(merge, problem) : VD_OK;
        }
        if (error == VD_OK && merge->objects != NULL) {
            error = take_objects(merge->objects, objects);
        }
    }
    json_decref(root);
    return error;
}

static int append_part(const char *data, size_t length, void *context)
{
    struct vd_buf *out = context;

    vd_buf_append(out, data, length);
    return out->error == VD_OK ? 0 : -1;
}

int vd_taxii_merge_write(
    const struct vd_taxii_merge *merge, int64_t ended_ms, struct vd_buf *bundle)
{
    const char *separator = "";
    const char *id;
    json_t *object;

    vd_buf_append_text(bundle, "{\"type\":\"bundle\",\"objects\":[");
    json_object_foreach(merge->objects, id, object)
    {
        const int64_t until_ms = time_of(object, "valid_until");

        if (until_ms != 0 && until_ms < ended_ms) {
            continue;
        }
        vd_buf_append_text(bundle, separator);
        separator = ",\n";
        if (json_dump_callback(object, append_part, bundle, JSON_COMPACT) != 0) {
            return bundle->error != VD_OK ? bundle->error : VD_E_NOMEM;
        }
    }
    vd_buf_append_text(bundle, "]}\n");
    return bundle->error;
}
