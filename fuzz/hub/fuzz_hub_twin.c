/* SPDX-License-Identifier: MIT */
/* Twins: the first byte chooses a device's patch, a back end's patch or replacement, or the stored form. */

#include "fuzz/replay.h"
#include "hub/twin.h"

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static struct vd_str text_of(const struct vd_buf *buf)
{
    return (struct vd_str){(const char *)buf->data, buf->length};
}

/* What is stored is read again, and is then stored as the same text. */
static void check_stored(const struct vd_twin *twin, struct vd_buf *out)
{
    struct vd_twin again;
    struct vd_buf second = {0};

    vd_twin_write(twin, out);
    check(out->error == VD_OK && vd_twin_read(&again, text_of(out)) == VD_OK);
    vd_twin_write(&again, &second);
    check(vd_str_equal(text_of(out), text_of(&second)));
    vd_buf_release(&second);
    vd_twin_release(&again);
}

static void fuzz_stored(struct vd_str text)
{
    struct vd_twin twin;
    struct vd_buf stored = {0};

    if (vd_twin_read(&twin, text) == VD_OK) {
        check_stored(&twin, &stored);
        vd_buf_release(&stored);
        vd_twin_release(&twin);
    }
}

static void check_forms(const struct vd_twin *twin)
{
    struct vd_twin_identity identity = {
        .device_id = "d", .device_etag = "e", .authentication_type = "sas"};
    json_t *whole = vd_twin_for_back_end(twin, &identity);
    struct vd_buf out = {0};
    json_t *device = NULL;

    vd_twin_write_for_device(twin, &out);
    device = json_loadb((const char *)out.data, out.length, JSON_REJECT_DUPLICATES, NULL);
    check(whole != NULL && json_object_size(device) == 2);
    json_decref(whole);
    json_decref(device);
    vd_buf_release(&out);
}

static void fuzz_update(char how, struct vd_str text)
{
    static const char first[] =
        "{\"tags\":{\"t\":{\"u\":1}},\"properties\":{\"desired\":{\"a\":{\"b\":1}}}}";
    struct vd_twin twin;
    struct vd_twin_problem problem;
    struct vd_buf before = {0};
    struct vd_buf after = {0};
    struct vd_buf change = {0};
    enum vd_twin_error error;

    check(vd_twin_init(&twin, 1) == VD_OK);
    check(vd_twin_update(&twin, VD_TWIN_PATCH, vd_str_from(first), NULL, 2, NULL, &problem) ==
        VD_TWIN_OK);
    check_stored(&twin, &before);
    error = how == 'P' ? vd_twin_patch_reported(&twin, text, 3, &problem)
                       : vd_twin_update(&twin, how == 'U' ? VD_TWIN_PATCH : VD_TWIN_REPLACE, text,
                             NULL, 3, &change, &problem);
    check(error == problem.error && strlen(problem.path) < VD_TWIN_PATH_SIZE);
    check_stored(&twin, &after);
    check(twin.version == (error == VD_TWIN_OK ? 3 : 2));
    check((error == VD_TWIN_OK) != vd_str_equal(text_of(&before), text_of(&after)));
    check(error == VD_TWIN_OK || change.length == 0);
    check_forms(&twin);
    vd_buf_release(&before);
    vd_buf_release(&after);
    vd_buf_release(&change);
    vd_twin_release(&twin);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    struct vd_str text;

    if (length == 0) {
        return 0;
    }
    text = (struct vd_str){(const char *)data + 1, length - 1};
    if (data[0] == 'S') {
        fuzz_stored(text);
    } else {
        fuzz_update((char)data[0], text);
    }
    return 0;
}
