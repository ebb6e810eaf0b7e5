/* SPDX-License-Identifier: MIT */
/* Twins: what an update does, what it may not hold, and the forms that go out. */

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "hub/json_write.h"
#include "hub/twin.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* 2026-11-24T12:00:00.000Z */
#define NOW_MS 1795521600000LL

static struct vd_str text_of(const struct vd_buf *buf)
{
    return (struct vd_str){(const char *)buf->data, buf->length};
}

static void assert_text(const struct vd_buf *buf, const char *expected)
{
    assert_int_equal(buf->error, VD_OK);
    if (!vd_str_equal_text(text_of(buf), expected)) {
        fail_msg("%.*s instead of %s", VD_STR_ARG(text_of(buf)), expected);
    }
}

static void assert_device_form(const struct vd_twin *twin, const char *expected)
{
    struct vd_buf out = {0};

    vd_twin_write_for_device(twin, &out);
    assert_text(&out, expected);
    vd_buf_release(&out);
}

static struct vd_twin twin_new(void)
{
    struct vd_twin twin;

    assert_int_equal(vd_twin_init(&twin, NOW_MS), VD_OK);
    return twin;
}

static enum vd_twin_error report(
    struct vd_twin *twin, const char *patch, struct vd_twin_problem *problem)
{
    return vd_twin_patch_reported(twin, vd_str_from(patch), NOW_MS + 1000, problem);
}

static enum vd_twin_error update(struct vd_twin *twin, enum vd_twin_update how, const char *body,
    const char *if_match, struct vd_buf *change, struct vd_twin_problem *problem)
{
    return vd_twin_update(twin, how, vd_str_from(body), if_match, NOW_MS + 2000, change, problem);
}

static void test_twin__reported_merges(void **state)
{
    static const struct {
        const char *patch;
        const char *reported; /* after it, without the version */
    } steps[] = {
        {"{}", "{"},
        {"{\"a\":1,\"b\":{\"c\":\"x\",\"d\":true}}", "{\"a\":1,\"b\":{\"c\":\"x\",\"d\":true},"},
        {"{\"b\":{\"c\":null}}", "{\"a\":1,\"b\":{\"d\":true},"},
        {"{\"b\":{\"d\":{\"e\":2}}}", "{\"a\":1,\"b\":{\"d\":{\"e\":2}},"},
        {"{\"b\":{\"d\":3},\"none\":null}", "{\"a\":1,\"b\":{\"d\":3},"},
        {"{\"b\":null,\"n\":{\"x\":null,\"y\":{}}}", "{\"a\":1,\"n\":{\"y\":{}},"},
        {"{\"a\":[1,null,{\"k\":[]}]}", "{\"a\":[1,null,{\"k\":[]}],\"n\":{\"y\":{}},"},
        {"{\"a\":{\"k\":1}}", "{\"a\":{\"k\":1},\"n\":{\"y\":{}},"},
        {"{\"$version\":77,\"$metadata\":{\"a\":1},\"a\":null,\"n\":null}", "{"},
    };
    struct vd_twin twin = twin_new();

    (void)state;
    for (size_t i = 0; i < COUNT(steps); i++) {
        struct vd_twin_problem problem;
        struct vd_buf expected = {0};

        assert_int_equal(report(&twin, steps[i].patch, &problem), VD_TWIN_OK);
        vd_buf_printf(&expected,
            "{\"desired\":{\"$version\":1},\"reported\":%s\"$version\":%zu}}%c", steps[i].reported,
            i + 2, 0);
        assert_device_form(&twin, (const char *)expected.data);
        assert_int_equal(twin.version, i + 2);
        assert_int_equal(twin.revision, NOW_MS);
        vd_buf_release(&expected);
    }
    vd_twin_release(&twin);
}

/* What a number looked like is what comes out, through the store as well. */
static void test_twin__numbers_keep_their_form(void **state)
{
    static const char patch[] =
        "{\"a\":0.1,\"b\":1.0,\"c\":-4503599627370496,\"d\":4503599627370495,\"e\":1e+100,"
        "\"f\":0.30000000000000004,\"g\":-0.0,\"h\":4.94065645841247e-324,\"i\":123456789.123,\"j\":0}";
    struct vd_twin twin = twin_new();
    struct vd_twin again;
    struct vd_twin_problem problem;
    struct vd_buf stored = {0};
    struct vd_buf expected = {0};

    (void)state;
    assert_int_equal(report(&twin, patch, &problem), VD_TWIN_OK);
    vd_twin_write(&twin, &stored);
    assert_int_equal(vd_twin_read(&again, text_of(&stored)), VD_OK);
    vd_buf_printf(&expected, "{\"desired\":{\"$version\":1},\"reported\":%.*s,\"$version\":2}}%c",
        (int)strlen(patch) - 1, patch, 0);
    assert_device_form(&again, (const char *)expected.data);
    vd_buf_release(&stored);
    vd_buf_release(&expected);
    vd_twin_release(&twin);
    vd_twin_release(&again);
}

static void test_twin__back_end_updates(void **state)
{
    static const struct {
        enum vd_twin_update how;
        const char *body;
        const char *tags;
        const char *desired;
        const char *change; /* for the device */
    } steps[] = {
        {VD_TWIN_PATCH, "{\"tags\":{\"site\":\"a\",\"row\":{\"n\":1}}}",
            "{\"site\":\"a\",\"row\":{\"n\":1}}", "{\"$version\":1}", ""},
        {VD_TWIN_PATCH,
            "{\"tags\":{\"row\":{\"m\":2}},\"properties\":{\"desired\":{\"a\":{\"b\":1}}}}",
            "{\"site\":\"a\",\"row\":{\"n\":1,\"m\":2}}", "{\"a\":{\"b\":1},\"$version\":2}",
            "{\"a\":{\"b\":1},\"$version\":2}"},
        {VD_TWIN_PATCH, "{\"properties\":{\"desired\":{\"a\":{\"c\":2},\"d\":3}}}",
            "{\"site\":\"a\",\"row\":{\"n\":1,\"m\":2}}",
            "{\"a\":{\"b\":1,\"c\":2},\"d\":3,\"$version\":3}",
            "{\"a\":{\"c\":2},\"d\":3,\"$version\":3}"},
        {VD_TWIN_PATCH,
            "{\"properties\":{\"desired\":{\"a\":{\"b\":null}}},\"tags\":{\"site\":null}}",
            "{\"row\":{\"n\":1,\"m\":2}}", "{\"a\":{\"c\":2},\"d\":3,\"$version\":4}",
            "{\"a\":{\"b\":null},\"$version\":4}"},
        /* Sections that a replacement does not name stay. */
        {VD_TWIN_REPLACE, "{\"tags\":{\"new\":true,\"no\":null}}", "{\"new\":true}",
            "{\"a\":{\"c\":2},\"d\":3,\"$version\":4}", ""},
        {VD_TWIN_REPLACE, "{\"properties\":{\"desired\":{\"a\":{\"x\":1,\"y\":null},\"e\":4}}}",
            "{\"new\":true}", "{\"a\":{\"x\":1},\"e\":4,\"$version\":5}",
            "{\"d\":null,\"a\":{\"c\":null,\"x\":1},\"e\":4,\"$version\":5}"},
        /* What a client read and sends back whole. */
        {VD_TWIN_PATCH,
            "{\"deviceId\":\"d\",\"etag\":\"x\",\"version\":9,\"status\":\"enabled\",\"tags\":{},"
            "\"properties\":{\"reported\":{\"r\":1},\"desired\":{\"e\":5,\"$version\":3,\"$metadata\":{}}}}",
            "{\"new\":true}", "{\"a\":{\"x\":1},\"e\":5,\"$version\":6}",
            "{\"e\":5,\"$version\":6}"},
        {VD_TWIN_PATCH, "{\"tags\":null,\"properties\":{\"desired\":null}}", "{}",
            "{\"$version\":7}", "{\"a\":null,\"e\":null,\"$version\":7}"},
    };
    struct vd_twin twin = twin_new();

    (void)state;
    for (size_t i = 0; i < COUNT(steps); i++) {
        struct vd_twin_problem problem;
        struct vd_buf change = {0};
        struct vd_buf tags = {0};
        struct vd_buf expected = {0};

        assert_int_equal(
            update(&twin, steps[i].how, steps[i].body, NULL, &change, &problem), VD_TWIN_OK);
        assert_text(&change, steps[i].change);
        vd_json_write(twin.tags, &tags);
        assert_text(&tags, steps[i].tags);
        vd_buf_printf(
            &expected, "{\"desired\":%s,\"reported\":{\"$version\":1}}%c", steps[i].desired, 0);
        assert_device_form(&twin, (const char *)expected.data);
        assert_int_equal(twin.version, i + 2);
        assert_int_equal(twin.revision, NOW_MS + (json_int_t)i + 1);
        vd_buf_release(&change);
        vd_buf_release(&tags);
        vd_buf_release(&expected);
    }
    vd_twin_release(&twin);
}

static void test_twin__etag(void **state)
{
    struct vd_twin twin = twin_new();
    struct vd_twin_problem problem;
    char etag[VD_TWIN_ETAG_SIZE];

    (void)state;
    vd_twin_etag(&twin, etag);
    assert_string_equal(etag, "AAABog1tWgA=");
    assert_int_equal(report(&twin, "{\"a\":1}", &problem), VD_TWIN_OK);
    assert_int_equal(
        update(&twin, VD_TWIN_PATCH, "{\"tags\":{\"a\":1}}", etag, NULL, &problem), VD_TWIN_OK);
    assert_int_equal(update(&twin, VD_TWIN_PATCH, "{\"tags\":{\"a\":2}}", etag, NULL, &problem),
        VD_TWIN_VERSION_MISMATCH);
    assert_int_equal(problem.error, VD_TWIN_VERSION_MISMATCH);
    assert_int_equal(json_integer_value(json_object_get(twin.tags, "a")), 1);
    assert_int_equal(
        update(&twin, VD_TWIN_PATCH, "{\"tags\":{\"a\":3}}", "*", NULL, &problem), VD_TWIN_OK);
    vd_twin_etag(&twin, etag);
    assert_string_equal(etag, "AAABog1tWgI=");
    assert_int_equal(twin.version, 4);
    twin.revision = 0x0123456789abcdef;
    vd_twin_etag(&twin, etag);
    assert_string_equal(etag, "ASNFZ4mrze8=");
    vd_twin_release(&twin);
}

/* Each is refused with its place, and the twin stays what it was. */
static void test_twin__refused(void **state)
{
    static const struct {
        const char
            *body; /* of a back end if it begins with "{"; else behind "R" a device's patch */
        enum vd_twin_error error;
        const char *path;
    } cases[] = {
        {"R", VD_TWIN_MALFORMED, "reported"},
        {"R ", VD_TWIN_MALFORMED, "reported"},
        {"R[]", VD_TWIN_MALFORMED, "reported"},
        {"R1", VD_TWIN_MALFORMED, "reported"},
        {"Rnull", VD_TWIN_MALFORMED, "reported"},
        {"R{\"a\":1", VD_TWIN_MALFORMED, "reported"},
        {"R{\"a\":1}}", VD_TWIN_MALFORMED, "reported"},
        {"R{\"a\":1,\"a\":2}", VD_TWIN_MALFORMED, "reported"},
        {"R{\"a\":\"\\u0000\"}", VD_TWIN_MALFORMED, "reported"},
        {"R{\"a\":\"\xff\"}", VD_TWIN_MALFORMED, "reported"},
        {"R{\"a\":NaN}", VD_TWIN_MALFORMED, "reported"},
        {"R{\"\":1}", VD_TWIN_BAD_KEY, "reported."},
        {"R{\"x\":{\"a.b\":1}}", VD_TWIN_BAD_KEY, "reported.x.a.b"},
        {"R{\"$a\":1}", VD_TWIN_BAD_KEY, "reported.$a"},
        {"R{\"x\":{\"$version\":1}}", VD_TWIN_BAD_KEY, "reported.x.$version"},
        {"R{\"a b\":null}", VD_TWIN_BAD_KEY, "reported.a b"},
        {"R{\"a\\u001f\":1}", VD_TWIN_BAD_KEY, "reported.a?"},
        {"R{\"a\\u007f\":1}", VD_TWIN_BAD_KEY, "reported.a?"},
        {"R{\"a\\u009fb\":1}", VD_TWIN_BAD_KEY, "reported.a??b"},
        {"R{\"x\":[1,{\"$\":1}]}", VD_TWIN_BAD_KEY, "reported.x[1].$"},
        {"R{\"a\":4503599627370496}", VD_TWIN_BAD_VALUE, "reported.a"},
        {"R{\"a\":[0,-4503599627370497]}", VD_TWIN_BAD_VALUE, "reported.a[1]"},
        {"R{\"a\":99999999999999999999}", VD_TWIN_BAD_VALUE, "reported"},
        {"R{\"a\":1e999}", VD_TWIN_BAD_VALUE, "reported"},
        {"{\"tag\":{}}", VD_TWIN_MALFORMED, "tag"},
        {"{\"tags\":[]}", VD_TWIN_MALFORMED, "tags"},
        {"{\"properties\":1}", VD_TWIN_MALFORMED, "properties"},
        {"{\"properties\":null}", VD_TWIN_MALFORMED, "properties"},
        {"{\"properties\":{\"wanted\":{}}}", VD_TWIN_MALFORMED, "properties.wanted"},
        {"{\"properties\":{\"desired\":\"x\"}}", VD_TWIN_MALFORMED, "desired"},
        /* A good part beside a bad one changes nothing either. */
        {"{\"tags\":{\"t\":2},\"properties\":{\"desired\":{\"a b\":1}}}", VD_TWIN_BAD_KEY,
            "desired.a b"},
        {"{\"properties\":{\"desired\":{\"t\":2}},\"tags\":{\"a\":{\"$\":1}}}", VD_TWIN_BAD_KEY,
            "tags.a.$"},
    };
    struct vd_twin twin = twin_new();
    struct vd_twin_problem problem;
    struct vd_buf before = {0};

    (void)state;
    assert_int_equal(
        update(&twin, VD_TWIN_PATCH, "{\"tags\":{\"t\":1},\"properties\":{\"desired\":{\"t\":1}}}",
            NULL, NULL, &problem),
        VD_TWIN_OK);
    vd_twin_write(&twin, &before);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct vd_buf after = {0};
        struct vd_buf change = {0};
        enum vd_twin_error error = cases[i].body[0] == 'R'
            ? report(&twin, cases[i].body + 1, &problem)
            : update(&twin, VD_TWIN_PATCH, cases[i].body, NULL, &change, &problem);

        if (error != cases[i].error || problem.error != error ||
            strcmp(problem.path, cases[i].path) != 0) {
            fail_msg("case %zu: %d at '%s'", i, error, problem.path);
        }
        assert_true(strlen(vd_twin_error_text(error)) > 3);
        vd_twin_write(&twin, &after);
        assert_true(vd_str_equal(text_of(&before), text_of(&after)));
        assert_int_equal(change.length, 0);
        vd_buf_release(&after);
        vd_buf_release(&change);
    }
    vd_buf_release(&before);
    vd_twin_release(&twin);
}

/* {"a":{"a":...1...}} with `depth` objects inside the outer one; arrays where `array`. */
static void nested(struct vd_buf *out, size_t depth, bool array)
{
    vd_buf_append_text(out, "{\"a\":");
    for (size_t i = 0; i < depth; i++) {
        vd_buf_append_text(out, array ? "[" : "{\"a\":");
    }
    vd_buf_append_text(out, "1");
    for (size_t i = 0; i < depth; i++) {
        vd_buf_append_text(out, array ? "]" : "}");
    }
    vd_buf_append(out, "}", 2);
}

static void test_twin__depth(void **state)
{
    struct vd_twin twin = twin_new();
    struct vd_twin_problem problem;

    (void)state;
    for (int array = 0; array < 2; array++) {
        for (size_t depth = VD_TWIN_DEPTH_MAX - 1; depth < VD_TWIN_DEPTH_MAX + 2; depth++) {
            struct vd_buf patch = {0};

            nested(&patch, depth, array == 1);
            assert_int_equal(report(&twin, (const char *)patch.data, &problem),
                depth <= VD_TWIN_DEPTH_MAX ? VD_TWIN_OK : VD_TWIN_TOO_DEEP);
            vd_buf_release(&patch);
        }
    }
    vd_twin_release(&twin);
}

/* `{"k0":"xxx...","k1":...}` whose values count exactly `bytes`, in strings of 1000 with names of 2 to 4. */
static void sized(struct vd_buf *out, size_t bytes)
{
    vd_buf_append_text(out, "{");
    for (int i = 0; bytes > 0; i++) {
        char key[8];
        size_t length = (size_t)snprintf(key, sizeof key, "k%d", i);
        size_t value = bytes - length < 1000 ? bytes - length : 1000 - length;

        vd_buf_printf(out, "%s\"%s\":\"", i == 0 ? "" : ",", key);
        for (size_t n = 0; n < value; n++) {
            vd_buf_append_text(out, "x");
        }
        /* Control characters in a string do not count. */
        vd_buf_append_text(out, "\\u0001\\u0085\"");
        bytes -= length + value;
    }
    vd_buf_append_text(out, "}");
}

static void test_twin__bytes(void **state)
{
    struct vd_twin_problem problem;

    (void)state;
    for (size_t over = 0; over < 2; over++) {
        struct vd_twin twin = twin_new();
        struct vd_buf patch = {0};
        struct vd_buf body = {0};
        enum vd_twin_error expected = over == 0 ? VD_TWIN_OK : VD_TWIN_TOO_LARGE;

        sized(&patch, VD_TWIN_PROPERTIES_MAX_BYTES + over);
        assert_int_equal(
            vd_twin_patch_reported(&twin, text_of(&patch), NOW_MS, &problem), expected);
        assert_string_equal(problem.path, over == 0 ? "" : "reported");
        /* At the limit: one more is refused, and deleting makes room. */
        if (over == 0) {
            assert_int_equal(report(&twin, "{\"q\":\"\"}", &problem), VD_TWIN_TOO_LARGE);
            assert_int_equal(report(&twin, "{\"q\":[\"\"],\"k1\":null}", &problem), VD_TWIN_OK);
        }
        vd_buf_printf(&body, "{\"properties\":{\"desired\":%.*s}}", VD_STR_ARG(text_of(&patch)));
        assert_int_equal(
            vd_twin_update(&twin, VD_TWIN_REPLACE, text_of(&body), NULL, NOW_MS, NULL, &problem),
            expected);
        vd_buf_clear(&patch);
        vd_buf_clear(&body);
        sized(&patch, VD_TWIN_TAGS_MAX_BYTES + over);
        vd_buf_printf(&body, "{\"tags\":%.*s}", VD_STR_ARG(text_of(&patch)));
        assert_int_equal(
            vd_twin_update(&twin, VD_TWIN_PATCH, text_of(&body), NULL, NOW_MS, NULL, &problem),
            expected);
        vd_buf_release(&patch);
        vd_buf_release(&body);
        vd_twin_release(&twin);
    }
}

/* Empty elements are not free, or a section could grow without bound. */
static void test_twin__empty_elements(void **state)
{
    static const size_t most = (VD_TWIN_PROPERTIES_MAX_BYTES - 1) / 2;
    struct vd_twin twin = twin_new();

    (void)state;
    for (size_t over = 0; over < 2; over++) {
        struct vd_twin_problem problem;
        struct vd_buf patch = {0};

        vd_buf_append_text(&patch, "{\"a\":[{}");
        for (size_t i = 1; i < most + over; i++) {
            vd_buf_append_text(&patch, i % 2 == 0 ? ",[]" : ",\"\"");
        }
        vd_buf_append_text(&patch, "]}");
        assert_int_equal(vd_twin_patch_reported(&twin, text_of(&patch), NOW_MS, &problem),
            over == 0 ? VD_TWIN_OK : VD_TWIN_TOO_LARGE);
        vd_buf_release(&patch);
    }
    vd_twin_release(&twin);
}

/* What is made of one repeated character. */
static void repeated(struct vd_buf *out, const char *before, size_t count, const char *after)
{
    vd_buf_append_text(out, before);
    for (size_t i = 0; i < count; i++) {
        vd_buf_append_text(out, "x");
    }
    vd_buf_append_text(out, after);
}

static void test_twin__lengths(void **state)
{
    static const struct {
        const char *before;
        size_t count;
        const char *after;
        enum vd_twin_error error;
    } cases[] = {
        {"{\"", VD_TWIN_KEY_MAX_BYTES, "\":1}", VD_TWIN_OK},
        {"{\"", VD_TWIN_KEY_MAX_BYTES + 1, "\":1}", VD_TWIN_BAD_KEY},
        /* One string may fill a section. */
        {"{\"a\":\"", VD_TWIN_PROPERTIES_MAX_BYTES, "\"}", VD_TWIN_TOO_LARGE},
        {"{\"a\":[\"", VD_TWIN_PROPERTIES_MAX_BYTES - 3, "\"]}", VD_TWIN_OK},
        {"{\"a\":\"", VD_TWIN_PROPERTIES_MAX_BYTES - 1, "\"}", VD_TWIN_OK},
        {"{\"a\":\"", VD_TWIN_TEXT_MAX_BYTES - 8, "\"}", VD_TWIN_TOO_LARGE},
        {"{\"a\":\"", VD_TWIN_TEXT_MAX_BYTES - 7, "\"}", VD_TWIN_TOO_LARGE},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct vd_twin twin = twin_new();
        struct vd_twin_problem problem;
        struct vd_buf patch = {0};

        repeated(&patch, cases[i].before, cases[i].count, cases[i].after);
        if (vd_twin_patch_reported(&twin, text_of(&patch), NOW_MS, &problem) != cases[i].error) {
            fail_msg("case %zu: %d", i, problem.error);
        }
        assert_true(strlen(problem.path) < VD_TWIN_PATH_SIZE);
        vd_buf_release(&patch);
        vd_twin_release(&twin);
    }
}

static void test_twin__for_back_end(void **state)
{
    static const char expected[] =
        "{\"deviceId\":\"dev1\",\"moduleId\":\"mod\",\"etag\":\"AAABog1tWgE=\",\"deviceEtag\":\"MQ==\","
        "\"status\":\"disabled\",\"statusUpdateTime\":\"2026-11-24T12:00:00.000Z\","
        "\"connectionState\":\"Connected\",\"lastActivityTime\":\"0001-01-01T00:00:00Z\","
        "\"cloudToDeviceMessageCount\":3,\"authenticationType\":\"selfSigned\","
        "\"x509Thumbprint\":{\"primaryThumbprint\":\"AB\",\"secondaryThumbprint\":null},\"version\":2,"
        "\"tags\":{\"t\":1},\"properties\":{\"desired\":{\"d\":{\"e\":1.5},\"$metadata\":{"
        "\"$lastUpdated\":\"2026-11-24T12:00:02.000Z\",\"$lastUpdatedVersion\":2,\"d\":{"
        "\"$lastUpdated\":\"2026-11-24T12:00:02.000Z\",\"$lastUpdatedVersion\":2,\"e\":{"
        "\"$lastUpdated\":\"2026-11-24T12:00:02.000Z\",\"$lastUpdatedVersion\":2}}},\"$version\":2},"
        "\"reported\":{\"$metadata\":{\"$lastUpdated\":\"2026-11-24T12:00:00.000Z\","
        "\"$lastUpdatedVersion\":1},\"$version\":1}}}";
    struct vd_twin_identity identity = {.device_id = "dev1",
        .module_id = "mod",
        .device_etag = "MQ==",
        .authentication_type = "selfSigned",
        .primary_thumbprint = "AB",
        .connected = true,
        .status_updated_ms = NOW_MS,
        .c2d_messages = 3};
    struct vd_twin twin = twin_new();
    struct vd_twin_problem problem;
    struct vd_buf out = {0};
    json_t *whole = NULL;

    (void)state;
    assert_int_equal(update(&twin, VD_TWIN_PATCH,
                         "{\"tags\":{\"t\":1},\"properties\":{\"desired\":{\"d\":{\"e\":1.5}}}}",
                         NULL, NULL, &problem),
        VD_TWIN_OK);
    whole = vd_twin_for_back_end(&twin, &identity);
    vd_json_write(whole, &out);
    assert_text(&out, expected);
    json_decref(whole);
    identity.module_id = "";
    identity.enabled = true;
    identity.status_reason = "why";
    whole = vd_twin_for_back_end(&twin, &identity);
    assert_null(json_object_get(whole, "moduleId"));
    assert_string_equal(json_string_value(json_object_get(whole, "status")), "enabled");
    assert_string_equal(json_string_value(json_object_get(whole, "statusReason")), "why");
    json_decref(whole);
    vd_buf_release(&out);
    vd_twin_release(&twin);
}

static void test_twin__stored_form_damaged(void **state)
{
#define META    "{\"$lastUpdated\":\"x\",\"$lastUpdatedVersion\":1}"
#define SECTION "{\"members\":{},\"metadata\":" META ",\"version\":1}"
    static const struct {
        const char *text;
        int expected;
    } cases[] = {
        {"{\"format\":1,\"version\":1,\"revision\":1,\"tags\":{},\"desired\":" SECTION
         ",\"reported\":" SECTION "}",
            VD_OK},
        {"{\"format\":2}", VD_E_NEWER},
        {"", VD_E_CORRUPT},
        {"[]", VD_E_CORRUPT},
        {"{}", VD_E_CORRUPT},
        {"{\"format\":1,\"version\":0,\"revision\":1,\"tags\":{},\"desired\":" SECTION
         ",\"reported\":" SECTION "}",
            VD_E_CORRUPT},
        {"{\"format\":1,\"version\":1,\"revision\":1,\"tags\":[],\"desired\":" SECTION
         ",\"reported\":" SECTION "}",
            VD_E_CORRUPT},
        {"{\"format\":1,\"version\":1,\"revision\":1,\"tags\":{},\"desired\":" SECTION "}",
            VD_E_CORRUPT},
        {"{\"format\":1,\"version\":1,\"revision\":1,\"tags\":{},\"desired\":" SECTION
         ",\"reported\":{\"members\":{\"a\":1},\"metadata\":" META ",\"version\":1}}",
            VD_E_CORRUPT},
        {"{\"format\":1,\"version\":1,\"revision\":1,\"tags\":{},\"desired\":" SECTION
         ",\"reported\":{\"members\":{\"a b\":1},\"metadata\":{\"$lastUpdated\":\"x\","
         "\"$lastUpdatedVersion\":1,\"a b\":" META "},\"version\":1}}",
            VD_E_CORRUPT},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct vd_twin twin = {.version = 77};

        if (vd_twin_read(&twin, vd_str_from(cases[i].text)) != cases[i].expected) {
            fail_msg("case %zu", i);
        }
        if (cases[i].expected == VD_OK) {
            vd_twin_release(&twin);
        } else {
            assert_int_equal(twin.version, 77);
            assert_null(twin.tags);
        }
    }
}

/* Which of jansson's allocations fails: the one that brings it to 0; below 0 none does. */
static long until_failure = -1;

static void *failing_malloc(size_t size)
{
    return until_failure >= 0 && until_failure-- == 0 ? NULL : malloc(size);
}

/* Every allocation fails once: an error then, nothing changed, nothing lost. */
static void test_twin__out_of_memory(void **state)
{
    static const char body[] =
        "{\"tags\":{\"t\":{\"u\":2}},\"properties\":{\"desired\":{\"d\":{\"e\":null,\"f\":[1,{\"x\":2}]}}}}";
    struct vd_twin_problem problem;
    int failures = 0;

    (void)state;
    json_set_alloc_funcs(failing_malloc, free);
    for (int how = 0; how < 3; how++) {
        enum vd_twin_error error = VD_TWIN_NO_MEMORY;

        for (long n = 0; error != VD_TWIN_OK; n++) {
            struct vd_twin twin = twin_new();
            struct vd_buf before = {0};
            struct vd_buf after = {0};
            struct vd_buf change = {0};

            assert_int_equal(update(&twin, VD_TWIN_PATCH,
                                 "{\"properties\":{\"desired\":{\"d\":{\"e\":1},\"g\":1}}}", NULL,
                                 NULL, &problem),
                VD_TWIN_OK);
            vd_twin_write(&twin, &before);
            until_failure = n;
            error = how == 2 ? report(&twin, "{\"a\":{\"b\":[{}]}}", &problem)
                             : update(&twin, how == 0 ? VD_TWIN_PATCH : VD_TWIN_REPLACE, body, NULL,
                                   &change, &problem);
            until_failure = -1;
            vd_twin_write(&twin, &after);
            if (error != VD_TWIN_OK) {
                failures++;
                /* jansson's lexer calls it a bad token if it could not keep one. */
                assert_true(error == VD_TWIN_NO_MEMORY || error == VD_TWIN_MALFORMED);
                assert_true(vd_str_equal(text_of(&before), text_of(&after)));
                assert_int_equal(change.length, 0);
            }
            vd_buf_release(&before);
            vd_buf_release(&after);
            vd_buf_release(&change);
            vd_twin_release(&twin);
        }
    }
    json_set_alloc_funcs(malloc, free);
    assert_true(failures > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_twin__reported_merges),
        cmocka_unit_test(test_twin__numbers_keep_their_form),
        cmocka_unit_test(test_twin__back_end_updates),
        cmocka_unit_test(test_twin__etag),
        cmocka_unit_test(test_twin__refused),
        cmocka_unit_test(test_twin__depth),
        cmocka_unit_test(test_twin__bytes),
        cmocka_unit_test(test_twin__empty_elements),
        cmocka_unit_test(test_twin__lengths),
        cmocka_unit_test(test_twin__for_back_end),
        cmocka_unit_test(test_twin__stored_form_damaged),
        cmocka_unit_test(test_twin__out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
