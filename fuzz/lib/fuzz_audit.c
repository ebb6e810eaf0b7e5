/* SPDX-License-Identifier: MIT */
/* Exported audit trails: what verifies says again what it says, and a byte more or less of it does not verify. */

#include "fuzz/replay.h"
#include "lib/audit_check.h"

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* A record that can be read is written the same way again, unless it was of another form. */
static void rewrite(struct vd_str text)
{
    struct vd_audit_record record;
    struct vd_audit_record again;
    struct vd_buf out = {0};

    if (vd_audit_record_read(text, &record) != VD_OK) {
        return;
    }
    vd_audit_record_write(&out, record.sequence, &record.previous, &record.entry);
    check(out.error == VD_OK && out.length <= VD_AUDIT_RECORD_MAX);
    check(
        vd_audit_record_read((struct vd_str){(const char *)out.data, out.length}, &again) == VD_OK);
    check(again.sequence == record.sequence && again.entry.status == record.entry.status);
    vd_audit_record_release(&again);
    vd_audit_record_release(&record);
    vd_buf_release(&out);
}

static int verify(struct vd_str file, const uint8_t *key, struct vd_audit_check *out)
{
    int error = VD_OK;

    *out = (struct vd_audit_check){.key = key};
    while (error == VD_OK && file.length > 0) {
        const char *end = memchr(file.data, '\n', file.length);
        const size_t length = end != NULL ? (size_t)(end - file.data) : file.length;

        error = vd_audit_check_line(out, (struct vd_str){file.data, length});
        file.data += end != NULL ? length + 1 : length;
        file.length -= end != NULL ? length + 1 : length;
    }
    return error == VD_OK ? vd_audit_check_end(out) : error;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    static const uint8_t key[VD_MASTER_KEY_BYTES] = {1};
    const struct vd_str file = {(const char *)data, length};
    struct vd_audit_check result;
    struct vd_audit_check without;
    const int error = verify(file, NULL, &without);

    rewrite(file);
    check(error == VD_OK || without.problem[0] != '\0' || error == VD_E_NOMEM);
    if (error == VD_OK) {
        check(without.has_head && without.next == without.head.to + 1);
        check(without.records == without.head.to + 1 - without.head.from);
    }
    /* Nobody without the key makes a head that fits it. */
    check(verify(file, key, &result) != VD_OK);
    return 0;
}
