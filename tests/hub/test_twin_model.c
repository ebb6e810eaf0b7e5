/* SPDX-License-Identifier: MIT */
/* Twins against a slow and obvious model: a list of paths, each with its text and the version that wrote it. */

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "hub/json_write.h"
#include "hub/twin.h"

#define ENTRIES_MAX    512
#define PATH_MAX_BYTES 64
#define TEXT_MAX_BYTES 64
#define ROUNDS         40
#define UPDATES        60

/* A member: an object has the text "{}". The section itself is the entry with the path "". */
struct entry {
    char path[PATH_MAX_BYTES];
    char text[TEXT_MAX_BYTES];
    json_int_t version;
};

struct model {
    struct entry entries[ENTRIES_MAX];
    size_t count;
    json_int_t version;
};

static uint32_t random_state;

/* Numerical Recipes' generator: the same inputs with each run. */
static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % limit;
}

static struct entry *model_find(struct model *model, const char *path)
{
    for (size_t i = 0; i < model->count; i++) {
        if (strcmp(model->entries[i].path, path) == 0) {
            return &model->entries[i];
        }
    }
    return NULL;
}

static void model_remove(struct model *model, const char *path)
{
    size_t length = strlen(path);
    size_t kept = 0;

    for (size_t i = 0; i < model->count; i++) {
        const char *other = model->entries[i].path;
        bool gone = strncmp(other, path, length) == 0 &&
            (length == 0 || other[length] == '\0' || other[length] == '/');

        if (!gone) {
            model->entries[kept++] = model->entries[i];
        }
    }
    model->count = kept;
}

static void model_set(struct model *model, const char *path, const char *text)
{
    struct entry *entry = model_find(model, path);

    if (entry == NULL) {
        assert_true(model->count < ENTRIES_MAX);
        entry = &model->entries[model->count++];
    }
    assert_int_equal(vd_text_copy(path, entry->path, sizeof entry->path), VD_OK);
    assert_int_equal(vd_text_copy(text, entry->text, sizeof entry->text), VD_OK);
    entry->version = model->version;
}

static void text_of(const json_t *value, char out[TEXT_MAX_BYTES])
{
    struct vd_buf text = {0};

    if (json_is_object(value)) {
        vd_buf_append_text(&text, "{}");
    } else {
        vd_json_write(value, &text);
    }
    assert_int_equal(
        vd_str_copy((struct vd_str){(const char *)text.data, text.length}, out, TEXT_MAX_BYTES),
        VD_OK);
    vd_buf_release(&text);
}

static void model_merge(struct model *model, const char *path, json_t *patch)
{
    const char *key;
    json_t *value;

    model_set(model, path, "{}");
    json_object_foreach(patch, key, value)
    {
        char below[PATH_MAX_BYTES];
        char text[TEXT_MAX_BYTES];
        struct entry *entry;

        assert_true(snprintf(below, sizeof below, "%s/%s", path, key) < (int)sizeof below);
        entry = model_find(model, below);
        if (json_is_null(value)) {
            model_remove(model, below);
        } else if (json_is_object(value)) {
            if (entry == NULL || strcmp(entry->text, "{}") != 0) {
                model_remove(model, below);
            }
            model_merge(model, below, value);
        } else {
            model_remove(model, below);
            text_of(value, text);
            model_set(model, below, text);
        }
    }
}

static void model_apply(struct model *model, json_t *patch, bool replace)
{
    model->version++;
    if (replace) {
        model_remove(model, "");
    }
    model_merge(model, "", patch);
}

/* Every member stands in the model with its text and the version that its metadata says; counts them. */
static size_t compare(
    struct model *model, const char *path, const json_t *value, const json_t *metadata)
{
    struct entry *entry = model_find(model, path);
    size_t count = 1;
    char text[TEXT_MAX_BYTES];
    const char *key;
    json_t *member;

    text_of(value, text);
    assert_non_null(entry);
    assert_string_equal(entry->text, text);
    assert_int_equal(
        json_integer_value(json_object_get(metadata, "$lastUpdatedVersion")), entry->version);
    if (json_is_object(value)) {
        json_object_foreach((json_t *)value, key, member)
        {
            char below[PATH_MAX_BYTES];

            assert_true(snprintf(below, sizeof below, "%s/%s", path, key) < (int)sizeof below);
            count += compare(model, below, member, json_object_get(metadata, key));
        }
    }
    return count;
}

static void compare_section(struct model *model, const struct vd_twin_section *section)
{
    assert_int_equal(model->version, section->version);
    assert_int_equal(compare(model, "", section->members, section->metadata), model->count);
}

static void random_object(struct vd_buf *out, int depth);

static void random_value(struct vd_buf *out, int depth)
{
    static const char *const leaves[] = {"1", "-4503599627370496", "0.1", "2.0", "1e+30", "true",
        "false", "\"\"", "\"text\"", "[]", "[1,null,{\"a\":\"b\"}]", "\"\\u20ac\"", "null", "null",
        "null"};

    if (depth > 0 && random_below(3) == 0) {
        random_object(out, depth - 1);
    } else {
        vd_buf_append_text(out, leaves[random_below(sizeof leaves / sizeof leaves[0])]);
    }
}

static void random_object(struct vd_buf *out, int depth)
{
    const char *separator = "";

    vd_buf_append_text(out, "{");
    for (int key = 'a'; key < 'f'; key++) {
        if (random_below(3) == 0) {
            vd_buf_printf(out, "%s\"%c\":", separator, key);
            random_value(out, depth);
            separator = ",";
        }
    }
    vd_buf_append_text(out, "}");
}

/* What a device does with a patch (RFC 7396). */
static void device_merge(json_t *target, json_t *patch)
{
    const char *key;
    json_t *value;

    json_object_foreach(patch, key, value)
    {
        if (json_is_null(value)) {
            (void)json_object_del(target, key);
        } else if (json_is_object(value)) {
            if (!json_is_object(json_object_get(target, key))) {
                assert_int_equal(json_object_set_new(target, key, json_object()), 0);
            }
            device_merge(json_object_get(target, key), value);
        } else {
            assert_int_equal(json_object_set(target, key, value), 0);
        }
    }
}

struct world {
    struct vd_twin twin;
    struct model reported;
    struct model desired;
    json_t *on_device; /* desired as the device has it of the changes alone */
    json_int_t version;
};

static void update_reported(struct world *world, const struct vd_buf *object, json_t *parsed)
{
    struct vd_twin_problem problem;

    model_apply(&world->reported, parsed, false);
    assert_int_equal(vd_twin_patch_reported(&world->twin,
                         (struct vd_str){(const char *)object->data, object->length}, 1, &problem),
        VD_TWIN_OK);
}

static void update_desired(struct world *world, const struct vd_buf *object, json_t *parsed)
{
    bool replace = random_below(3) == 0;
    struct vd_twin_problem problem;
    struct vd_buf body = {0};
    struct vd_buf change = {0};
    json_t *told = NULL;
    json_t *version = NULL;

    model_apply(&world->desired, parsed, replace);
    vd_buf_printf(&body, "{\"properties\":{\"desired\":%.*s}}", (int)object->length, object->data);
    assert_int_equal(
        vd_twin_update(&world->twin, replace ? VD_TWIN_REPLACE : VD_TWIN_PATCH,
            (struct vd_str){(const char *)body.data, body.length}, NULL, 1, &change, &problem),
        VD_TWIN_OK);
    told = json_loadb((const char *)change.data, change.length, 0, NULL);
    version = json_object_get(told, "$version");
    assert_int_equal(json_integer_value(version), world->desired.version);
    assert_int_equal(json_object_del(told, "$version"), 0);
    device_merge(world->on_device, told);
    assert_true(json_equal(world->on_device, world->twin.desired.members));
    json_decref(told);
    vd_buf_release(&body);
    vd_buf_release(&change);
}

static void through_the_store(struct vd_twin *twin)
{
    struct vd_buf stored = {0};

    vd_twin_write(twin, &stored);
    vd_twin_release(twin);
    assert_int_equal(
        vd_twin_read(twin, (struct vd_str){(const char *)stored.data, stored.length}), VD_OK);
    vd_buf_release(&stored);
}

static void step(struct world *world)
{
    struct vd_buf object = {0};
    json_t *parsed = NULL;

    random_object(&object, 3);
    parsed = json_loadb((const char *)object.data, object.length, 0, NULL);
    assert_non_null(parsed);
    if (random_below(2) == 0) {
        update_reported(world, &object, parsed);
    } else {
        update_desired(world, &object, parsed);
    }
    world->version++;
    assert_int_equal(world->twin.version, world->version);
    if (random_below(8) == 0) {
        through_the_store(&world->twin);
    }
    compare_section(&world->reported, &world->twin.reported);
    compare_section(&world->desired, &world->twin.desired);
    json_decref(parsed);
    vd_buf_release(&object);
}

static void test_twin_model__random_updates(void **state)
{
    struct world *world = calloc(1, sizeof *world);

    (void)state;
    assert_non_null(world);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        random_state = round;
        *world = (struct world){.on_device = json_object(), .version = 1};
        world->reported.version = 1;
        world->desired.version = 1;
        model_set(&world->reported, "", "{}");
        model_set(&world->desired, "", "{}");
        assert_int_equal(vd_twin_init(&world->twin, 1), VD_OK);
        for (int i = 0; i < UPDATES; i++) {
            step(world);
        }
        vd_twin_release(&world->twin);
        json_decref(world->on_device);
    }
    free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_twin_model__random_updates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
